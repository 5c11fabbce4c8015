//! Runs each example to its end, all at once, and reads what it prints. (The quickstart, which takes longer, is run by
//! `.ci/run`.)
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::Read;
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::LazyLock;
use std::thread;
use std::time::Duration;

use bitmart_sim::{EXAMPLE_KEY, EXAMPLE_MEMO, EXAMPLE_SECRET};

/// Each example, and what it has to say, in this order.
const EXAMPLES: [(&str, &[&str]); 8] = [
    (
        "spot_private",
        &[
            "spot/user/orders:ALL_SYMBOLS       done",
            "spot/user/order:NOSUCH_USDT        failed: the exchange refused it (92001",
            "load      open orders: POST /spot/v4/query/open-orders",
            "FILL",
            "balance   USDT",
            "the connection ended: connection lost",
            "3 topics may miss messages since",
            "attempt 1 follows in",
            "logged in",
            "3 topics are complete from",
            "load      fills from",
            "FILL",
            "fills, each shown once",
        ],
    ),
    (
        "futures_private",
        &[
            "POSITION  ",
            "3 topics may miss messages since",
            "3 topics are complete from",
            "load      positions:",
            "asset     USDT",
            "orders finished before our eyes",
        ],
    ),
    (
        "demo_trading",
        &[
            "spot     live: no demo",
            "futures  paper trading",
            "futures private  paper",
            "futures private  ·         3 topics may miss messages since",
            "futures private  ·         3 topics are complete from",
            "futures private  paper",
            "futures demo  2",
            "futures live  0",
            "spot live     1",
        ],
    ),
    (
        "public_market",
        &[
            "first     ",
            "spot public      ·         the connection ended: connection lost",
            "spot public      ·         6 topics are complete from",
            "total     spot/ticker:BTC_USDT",
            "total     futures/trade:BTCUSDT",
            "total     futures/fundingRate:BTCUSDT",
        ],
    ),
    (
        "custom_logger",
        &[
            "TRACE [market=spot side=private index=0 epoch=1] bitmart::wire: sent",
            "(login, not shown)",
            "INFO  [market=spot side=private index=0 epoch=1] bitmart::connection: ready",
            "\"ping\"",
            "ERROR [market=spot side=private index=0 epoch=1] bitmart::connection: closed cause=connection lost",
            "INFO  [market=spot side=private index=0 epoch=1] bitmart::connection: reconnecting attempt=1",
            "(login, not shown)",
            "INFO  [market=spot side=private index=0 epoch=2] bitmart::connection: authenticated",
            "INFO  [market=spot side=private index=0 epoch=2] bitmart::connection: gap closed",
        ],
    ),
    (
        "custom_signer",
        &[
            "asked to sign an order: the signer refuses to sign",
            "login with a signer that answers at once: done",
            "no signature: the signer is unavailable, asking again can help: the service is sealed",
            "attempt 2 follows in",
            "logged in",
            "ready",
            "no login: the signer refuses to sign: the key is revoked",
            "futures/order was subscribed to: done",
            "futures/position can't be had: failed: no login: the signer refuses to sign: the key is revoked",
        ],
    ),
    (
        "connection",
        &[
            "spot private     order",
            "futures public   PAUSE",
            "spot private     order",
            "futures public   RESUME    0 messages came while it was paused",
            "10 messages that had waited",
            "spot private     ·         1 topic may miss messages since",
            "spot private     ·         1 topic is complete from",
            "lent by futures",
        ],
    ),
    (
        "own_event_loop",
        &[
            "sent      (login)",
            "logged in",
            "sent      ping",
            "sent      ping",
            "2 topics may miss messages since",
            "failed: HTTP error: 503",
            "attempt 2 follows in",
            "sent      (login)",
            "2 topics are complete from",
            "order     ",
            "the connection ended: closed by the user",
        ],
    ),
];

/// Everything that may be logged, but for the simulator's own log: that is the other side, and knows the secret.
const LOG: &str = "trace,bitmart_sim=off";

struct Run {
    example: &'static str,
    status: ExitStatus,
    stdout: String,
    stderr: String,
}

/// Runs them all at once: they take some seconds each, and mostly wait.
static RUNS: LazyLock<Vec<Run>> = LazyLock::new(|| {
    let running = EXAMPLES.map(|(example, _)| thread::spawn(move || run(example, &[])));
    running.map(|run| run.join().unwrap()).into()
});

#[test]
fn every_example_shows_its_point() {
    let mut failures = Vec::new();
    for (run, (example, expected)) in RUNS.iter().zip(EXAMPLES) {
        let Run {
            status,
            stdout,
            stderr,
            ..
        } = run;
        let mut rest = stdout.as_str();
        let missing = expected.iter().find(|text| match rest.split_once(**text) {
            Some((_, after)) => {
                rest = after;
                false
            }
            None => true,
        });
        if missing.is_some() || !status.success() {
            failures.push(format!(
                "{example} ends with {status} and lacks {missing:?}\n{stdout}\n{stderr}"
            ));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn no_example_shows_a_secret() {
    for run in RUNS.iter() {
        let Run {
            example,
            stdout,
            stderr,
            ..
        } = run;
        // Without the wire's log there would be nothing to find.
        let log = if *example == "custom_logger" {
            stdout
        } else {
            stderr
        };
        assert!(
            *example == "own_event_loop" || log.contains("bitmart::wire"),
            "{example} doesn't log what goes over the wire"
        );
        for line in stdout.lines().chain(stderr.lines()) {
            for secret in [EXAMPLE_SECRET, EXAMPLE_MEMO, EXAMPLE_KEY] {
                assert!(!line.contains(secret), "{example} shows {secret}: {line}");
            }
            let longest_hex = line.split(|c: char| !c.is_ascii_hexdigit()).map(str::len).max();
            assert!(longest_hex < Some(64), "{example} shows a signature: {line}");
        }
    }
}

#[test]
fn what_is_missing_is_named() {
    let live = run("spot_private", &["--live"]);
    assert!(!live.status.success());
    assert!(
        live.stderr
            .contains("API_KEY, API_SECRET and API_MEMO are not set"),
        "{}",
        live.stderr
    );
    let live = run("own_event_loop", &["--live"]);
    assert!(!live.status.success());
    assert!(live.stderr.contains("takes no arguments"), "{}", live.stderr);
}

/// Runs an example, without an account in its environment, and kills it if it doesn't end.
fn run(example: &'static str, arguments: &[&str]) -> Run {
    let mut child = Command::new(binary(example))
        .args(arguments)
        .env("RUST_LOG", LOG)
        .env_remove("API_KEY")
        .env_remove("API_SECRET")
        .env_remove("API_MEMO")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let stdout = read_all(child.stdout.take().unwrap());
    let stderr = read_all(child.stderr.take().unwrap());
    let pause = Duration::from_millis(50);
    let mut polls = 0;
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        polls += 1;
        // An example gives up by itself after 20 s; this is for one that doesn't even do that.
        if polls == 800 {
            child.kill().unwrap();
        }
        thread::sleep(pause);
    };
    Run {
        example,
        status,
        stdout: stdout.join().unwrap(),
        stderr: stderr.join().unwrap(),
    }
}

fn read_all(mut pipe: impl Read + Send + 'static) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut text = String::new();
        pipe.read_to_string(&mut text).unwrap();
        text
    })
}

/// Cargo puts examples beside the directory that this test is in.
fn binary(example: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let profile = test.parent().and_then(|deps| deps.parent()).unwrap();
    let name = format!("{example}{}", std::env::consts::EXE_SUFFIX);
    let path = profile.join("examples").join(name);
    assert!(
        path.exists(),
        "{} was not built: run `cargo test -p bitmart-examples`, without `--test`",
        path.display()
    );
    path
}

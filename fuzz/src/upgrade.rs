//! Answers to the upgrade, in pieces and at any pace, and whether a socket may come of them.

mod answer;
mod pipe;

use std::cell::RefCell;
use std::fmt::Write as _;
use std::time::Duration;

use bitmart_ws::connect::{
    ConnectConfig, ConnectError, Connected, Deadlines, Endpoint, MAX_REFUSAL_BODY_BYTES, MAX_RETRY_AFTER_MS,
    connect,
};
use bitmart_ws::frame::READ_BUFFER_BYTES;
use bitmart_ws::{Clock as _, TokioClock};
use tokio::io::AsyncReadExt as _;
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

use answer::Judged;
use pipe::{Pace, PipeDial};

/// Stands in the URL, and must not come out of it.
const TOKEN: &str = "Zq7-not-to-be-told";

/// What stands in an input for the value that follows from our key.
const ACCEPT: &[u8] = b"{accept}";

/// How long after its deadline an upgrade may end, in milliseconds: the body of a refusal has another second, and timers
/// have a grain of one.
const GRACE_MS: u64 = 1_000 + 5;

/// How long the bytes behind the answer are waited for: longer than any input takes to come.
const PATIENCE: Duration = Duration::from_secs(3_600);

thread_local! {
    static RUNTIME: RefCell<Runtime> = RefCell::new(
        Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime without threads and sockets needs nothing"),
    );
}

/// The first byte says how the answer comes: at which pace, and whether the stream then ends. The second makes the pieces.
/// The others are the answer.
pub(crate) fn run(data: &[u8]) {
    if let [how, pieces, answer @ ..] = data {
        RUNTIME.with_borrow(|runtime| runtime.block_on(check(Pace::of(*how, *pieces), answer)));
    }
}

async fn check(pace: Pace, answer: &[u8]) {
    let endpoint: Endpoint = format!("ws://127.0.0.1:9/api?token={TOKEN}")
        .parse()
        .expect("the address is sound");
    let dial = PipeDial::new(answer, pace);
    let sent = dial.sent();
    let config = ConnectConfig::new().with_dial(dial);
    let clock = TokioClock::starting_at(0);
    let result = connect(&endpoint, &config, &mut fastrand::Rng::with_seed(1)).await;
    let took_ms = clock.now_ns() / 1_000_000;
    let deadline_ms = Deadlines::default().upgrade_ms;
    assert!(took_ms <= deadline_ms + GRACE_MS, "{took_ms} ms");
    let sent = sent.lock().expect("nothing panics with it").clone();
    let judged = answer::judge(&sent.bytes, &sent.accept);
    match result {
        Ok(connected) => check_connected(connected, &judged, &sent.bytes).await,
        Err(error) => {
            check_error(&error);
            let came = pace.lasts_ms(sent.bytes.len()) < deadline_ms;
            assert!(!(judged.is_plain && came), "a plain 101 is refused: {error}");
        }
    }
}

/// A socket is given for a sound 101 alone, and nothing that came behind it is lost.
async fn check_connected(connected: Connected, judged: &Judged, sent: &[u8]) {
    let head_bytes = match &judged.head {
        Ok(bytes) => *bytes,
        Err(fault) => panic!("a socket, though {fault}"),
    };
    let Connected {
        mut stream, leftover, ..
    } = connected;
    assert!(leftover.len() <= READ_BUFFER_BYTES, "{} bytes", leftover.len());
    let mut behind = leftover.to_vec();
    let expected = sent.get(head_bytes..).unwrap_or_default();
    // The stream may end there or not.
    let rest = async {
        while behind.len() < expected.len() && stream.read_buf(&mut behind).await.is_ok_and(|count| count > 0)
        {
        }
    };
    let _ = timeout(PATIENCE, rest).await;
    assert!(
        behind == expected,
        "{} bytes behind the answer, not {}",
        behind.len(),
        expected.len()
    );
}

/// What is kept of a refusal is bounded, and none of it is ours.
fn check_error(error: &ConnectError) {
    let mut texts = error.to_string();
    write!(texts, "{error:?}").expect("a string takes it");
    assert!(!texts.contains(TOKEN), "{texts}");
    if let ConnectError::UpgradeRefused {
        status,
        location,
        body,
        retry_after_ms,
        ..
    } = error
    {
        assert!((100..1000).contains(status) && *status != 101);
        // Each byte that isn't UTF-8 may have become a character of three.
        assert!(body.chars().count() <= MAX_REFUSAL_BODY_BYTES && body.len() <= 3 * MAX_REFUSAL_BODY_BYTES);
        let location_chars = location.as_ref().map_or(0, |text| text.chars().count());
        assert!(location_chars <= MAX_REFUSAL_BODY_BYTES);
        assert!(retry_after_ms.is_none_or(|ms| ms <= MAX_RETRY_AFTER_MS));
    }
}

//! The control endpoint: each call through plain TCP, and whom it turns away.
#![allow(clippy::unwrap_used, reason = "a step that fails is a test that fails")]

mod support;

use std::time::Duration;

use bitmart_proto::{Environment, Market, Side};
use bitmart_sim::{Account, EXAMPLE_KEY, Fault, Simulator};
use serde_json::{Value, json};
use support::{Client, Seen, quiet, subscribe};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longer than anything here takes, shorter than anybody's patience.
const DEADLINE: Duration = Duration::from_secs(10);

async fn controlled() -> Simulator {
    quiet().control_port(0).start().await.unwrap()
}

/// `host:port` of the control endpoint.
fn address(sim: &Simulator) -> String {
    let url = sim.control_url().unwrap();
    let address = url
        .strip_prefix("http://")
        .and_then(|rest| rest.strip_suffix('/'));
    address.unwrap().to_owned()
}

/// Sends bytes and reads until the end: the status, the head and the body.
async fn raw(address: &str, request: &str) -> (u16, String, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    timeout(DEADLINE, stream.read_to_string(&mut answer))
        .await
        .unwrap()
        .unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    let length = format!("\r\nContent-Length: {}", body.len());
    assert!(
        head.contains(&length) && head.contains("\r\nConnection: close"),
        "{head}"
    );
    (head[9..12].parse().unwrap(), head.to_owned(), body.to_owned())
}

async fn ask(sim: &Simulator, method: &str, target: &str) -> (u16, Value) {
    let address = address(sim);
    let request = format!("{method} {target} HTTP/1.1\r\nHost: {address}\r\n\r\n");
    let (status, _, body) = raw(&address, &request).await;
    assert!(body.ends_with('\n') && body.lines().count() == 1, "{body}");
    (status, serde_json::from_str(&body).unwrap())
}

async fn done(sim: &Simulator, method: &str, target: &str) -> Value {
    let (status, value) = ask(sim, method, target).await;
    assert_eq!(status, 200, "{method} {target}: {value}");
    value
}

#[tokio::test]
async fn without_being_asked_for_there_is_none() {
    assert_eq!(quiet().start().await.unwrap().control_url(), None);
}

#[tokio::test]
async fn urls_and_counters_are_those_of_the_library() {
    let sim = controlled().await;
    Client::logged_in(&sim, Market::Spot, &Account::example()).await;
    let urls = done(&sim, "GET", "/urls").await;
    assert_eq!(
        urls["live"]["spot"]["private"],
        sim.url(Environment::Live, Market::Spot, Side::Private)
    );
    assert_eq!(
        urls["demo"]["futures"]["public"],
        sim.url(Environment::Demo, Market::Futures, Side::Public)
    );
    let counters = done(&sim, "GET", "/counters").await;
    assert_eq!(counters["live"]["spot"]["private"]["logins_ok"], 1);
    assert_eq!(counters["live"]["spot"]["public"]["logins_ok"], 0);
    assert_eq!(counters["total"]["connections"], 1);
    for (name, _) in sim.counters().total().iter() {
        assert!(counters["total"][name].is_u64(), "{name}");
    }
}

#[tokio::test]
async fn a_fault_hits_where_it_is_told_to() {
    let sim = controlled().await;
    let mut private = Client::connect(&sim, Market::Spot, Side::Private).await;
    let mut public = Client::connect(&sim, Market::Spot, Side::Public).await;
    let target = "/faults/close?market=spot&side=private&code=1012&reason=a%20restart+now";
    assert_eq!(done(&sim, "POST", target).await, json!({ "fault": 0 }));
    assert_eq!(private.next().await, Seen::Close(1012, "a restart now".into()));
    assert_eq!(public.ask("ping").await, "pong");

    done(&sim, "POST", "/faults/send_text?text=%7Bhalf&side=public").await;
    assert_eq!(public.text().await, "{half");
    done(&sim, "POST", "/faults/send_binary?hex=ff00&connection=1").await;
    assert_eq!(public.next().await, Seen::Binary(vec![0xff, 0x00]));

    done(&sim, "POST", "/faults/reject_login?code=95000&text=later&times=2").await;
    for _ in 0..2 {
        let mut client = Client::connect(&sim, Market::Spot, Side::Private).await;
        let login = support::spot_login(&Account::example());
        assert!(client.ask(&login).await.contains("95000"));
    }
    Client::logged_in(&sim, Market::Spot, &Account::example()).await;
}

#[tokio::test]
async fn what_is_left_of_a_fault_is_taken_back() {
    let sim = controlled().await;
    let mut client = Client::connect(&sim, Market::Futures, Side::Public).await;
    let fault = done(&sim, "POST", "/faults/silence?market=futures").await["fault"].clone();
    let lasting = done(&sim, "POST", "/faults/close?market=spot&forever=true").await["fault"].clone();
    assert_eq!((&fault, &lasting), (&json!(0), &json!(1)));
    assert_eq!(done(&sim, "DELETE", "/faults/0").await, json!({ "fault": 0 }));
    let ping = r#"{"action":"ping"}"#;
    assert!(client.ask(ping).await.contains("pong+"));
    done(&sim, "DELETE", "/faults").await;
    let mut client = Client::connect(&sim, Market::Spot, Side::Public).await;
    assert_eq!(client.ask("ping").await, "pong");
    assert_eq!(ask(&sim, "DELETE", "/faults/2").await.0, 404);
    assert_eq!(ask(&sim, "DELETE", "/faults/x").await.0, 404);
}

#[tokio::test]
async fn a_trade_from_order_to_position() {
    let sim = controlled().await;
    let mut client = Client::logged_in(&sim, Market::Futures, &Account::example()).await;
    client.send(&subscribe(Market::Futures, &["futures/order"])).await;
    client.text().await;
    let place = "/orders?market=futures&symbol=BTCUSDT&intent=open_long&price=80000&size=10\
                 &client_order_id=mine1";
    let placed = done(&sim, "POST", place).await;
    let id = placed["order"].as_str().unwrap();
    let push = client.json().await;
    assert_eq!(push["data"][0]["order"]["order_id"], id);
    assert_eq!(push["data"][0]["order"]["client_order_id"], "mine1");
    done(&sim, "POST", &format!("/orders/{id}/fill?size=4")).await;
    done(&sim, "POST", &format!("/orders/{id}/fill?size=1&price=79990")).await;
    done(&sim, "DELETE", &format!("/orders/{id}")).await;
    let positions = done(&sim, "GET", &format!("/positions?account={EXAMPLE_KEY}")).await;
    assert_eq!(positions["BTCUSDT"], json!({ "long": 5, "short": 0 }));
    let assets = done(&sim, "GET", "/assets").await;
    let asset = sim.futures_asset(Environment::Live, EXAMPLE_KEY, "USDT").unwrap();
    assert_eq!(assets["USDT"]["available"], asset.available.to_string());
    assert_eq!(ask(&sim, "DELETE", &format!("/orders/{id}")).await.0, 404);

    let place = "/orders?environment=demo&symbol=BTCUSDT&intent=open_short&size=3";
    let id = done(&sim, "POST", place).await["order"].clone();
    let id = id.as_str().unwrap();
    assert_eq!(
        ask(&sim, "POST", &format!("/orders/{id}/fill?size=3")).await.0,
        404
    );
    done(
        &sim,
        "POST",
        &format!("/orders/{id}/fill?size=3&environment=demo"),
    )
    .await;
    assert_eq!(
        done(&sim, "GET", "/positions?environment=demo").await["BTCUSDT"]["short"],
        3
    );

    let place = "/orders?symbol=BTC_USDT&intent=buy&price=80000&size=0.01";
    done(&sim, "POST", place).await;
    let balances = done(&sim, "GET", "/balances").await;
    assert_eq!(balances["USDT"], json!({ "available": "99200", "frozen": "800" }));
}

#[tokio::test]
async fn ticks_by_hand() {
    let sim = quiet().story(true).control_port(0).start().await.unwrap();
    let mut client = Client::logged_in(&sim, Market::Futures, &Account::example()).await;
    client
        .send(&subscribe(Market::Futures, &["futures/position"]))
        .await;
    client.text().await;
    assert_eq!(done(&sim, "POST", "/step?count=40").await, json!({ "steps": 40 }));
    assert!(client.text().await.contains("futures/position"));
    assert_eq!(done(&sim, "POST", "/step").await, json!({ "steps": 1 }));
    assert_eq!(ask(&sim, "POST", "/step?count=1001").await.0, 400);
}

#[tokio::test]
async fn a_mistake_is_answered_with_what_to_do() {
    let sim = controlled().await;
    for (method, target, status, words) in [
        ("GET", "/nonsense", 404, "GET / lists"),
        ("POST", "/faults/nonsense", 404, "stall_upgrade"),
        ("GET", "/faults/close", 405, "POST, DELETE"),
        ("POST", "/counters", 405, "GET"),
        ("GET", "/step", 405, "POST"),
        ("GET", "/counters?verbose=1", 400, "verbose"),
        ("POST", "/faults/close?cod=1001", 400, "cod is no parameter"),
        ("POST", "/faults/close?code=70000", 400, "code=70000"),
        ("POST", "/faults/close?market=options", 400, "spot, futures"),
        ("POST", "/faults/close?times=1&forever=true", 400, "exclude"),
        ("POST", "/faults/close?times=-1", 400, "times=-1"),
        ("POST", "/faults/close?reason=%f", 400, "percent"),
        ("POST", "/faults/send_text", 400, "text is missing"),
        ("POST", "/faults/send_binary?hex=f", 400, "hex"),
        ("POST", "/faults/send_raw?hex=ff&text=x", 400, "not both"),
        ("POST", "/faults/send_garbage?kind=x", 400, "truncated_deflate"),
        ("POST", "/faults/refuse_upgrade?status=99", 400, "100 to 999"),
        ("POST", "/faults/delay_replies", 400, "ms is missing"),
        ("POST", "/faults/delay_replies?ms=99999999999", 400, "ms"),
        ("POST", "/faults/lag?ms=2&most_ms=1", 400, "less than ms"),
        ("POST", "/faults/close?connection=0", 400, "from 1"),
        ("POST", "/step?count=0", 400, "1 to 1000"),
        ("POST", "/step?count=1001", 400, "1 to 1000"),
        ("DELETE", "/faults/+0", 404, "never was a fault +0"),
        ("DELETE", "/faults/00", 404, "never was a fault 00"),
        ("POST", "/orders?symbol=BTC_USDT&size=1", 400, "intent"),
        (
            "POST",
            "/orders?symbol=BTC_USDT&intent=buy&market=futures&size=1",
            400,
            "market",
        ),
        ("POST", "/orders?symbol=X_Y&intent=buy&price=1&size=1", 400, "X_Y"),
        (
            "POST",
            "/orders?symbol=BTC_USDT&intent=buy&price=1&size=x",
            400,
            "number",
        ),
        ("POST", "/orders/1/fill?size=1", 404, "no order 1"),
        ("GET", "/balances?account=nobody", 404, "no account"),
    ] {
        let (got, value) = ask(&sim, method, target).await;
        assert_eq!(got, status, "{method} {target}: {value}");
        let error = value["error"].as_str().unwrap();
        assert!(error.contains(words), "{method} {target}: {error}");
    }
    assert_eq!(sim.counters().total().faults, 0);
}

#[tokio::test]
async fn a_web_page_is_turned_away() {
    let sim = controlled().await;
    let address = address(&sim);
    let request = |lines: &str| format!("POST /faults/reset?forever=true HTTP/1.1\r\n{lines}\r\n");
    for (lines, status) in [
        (format!("Host: {address}\r\nOrigin: http://{address}\r\n"), 403),
        (format!("Host: {address}\r\nOrigin: null\r\n"), 403),
        ("Host: evil.example\r\n".to_owned(), 403),
        (format!("Host: {address}\r\nHost: evil.example\r\n"), 403),
        (String::new(), 403),
        (format!("Host: {address}\r\nContent-Length: 2\r\n"), 413),
        (format!("Host: {address}\r\nTransfer-Encoding: chunked\r\n"), 413),
        (format!("Host: {address}\r\nX: {}\r\n", "x".repeat(80 << 10)), 431),
        ("nonsense\r\n".to_owned(), 400),
    ] {
        let (got, _, body) = raw(&address, &request(&lines)).await;
        assert_eq!(got, status, "{lines:.100}");
        assert!(body.starts_with(r#"{"error":""#), "{body}");
    }
    // What isn't text is there all the same.
    for lines in [
        format!("Host: {address}\r\nOrigin: \u{1}\r\n"),
        format!("Host: {address}\r\nHost: \u{1}\r\n"),
        format!("Host: {address}\r\nContent-Length: \u{1}\r\n"),
    ] {
        let bytes: Vec<u8> = request(&lines)
            .bytes()
            .map(|byte| if byte == 1 { 0xff } else { byte })
            .collect();
        let mut stream = TcpStream::connect(&address).await.unwrap();
        stream.write_all(&bytes).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let is_refused = answer.starts_with("HTTP/1.1 403 ") || answer.starts_with("HTTP/1.1 413 ");
        assert!(is_refused, "{lines}{answer}");
    }
    // None of them did anything.
    let mut client = Client::connect(&sim, Market::Spot, Side::Public).await;
    assert_eq!(client.ask("ping").await, "pong");
    let (status, ..) = raw(&address, &request("Host: localhost:1\r\nContent-Length: 0\r\n")).await;
    assert_eq!(status, 200);
}

/// Clients that say nothing hold their places for a few seconds, and no longer.
#[tokio::test]
async fn who_says_nothing_makes_room() {
    let sim = controlled().await;
    let address = address(&sim);
    let mut silent = Vec::new();
    for _ in 0..16 {
        silent.push(TcpStream::connect(&address).await.unwrap());
    }
    assert_eq!(ask(&sim, "GET", "/urls").await.0, 200);
    let mut answer = String::new();
    silent[0].read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
}

/// Each call that the help shows can be made as it is shown.
#[tokio::test]
async fn the_help_shows_calls_that_work() {
    let sim = controlled().await;
    let address = address(&sim);
    let request = format!("GET / HTTP/1.1\r\nHost: {address}\r\n\r\n");
    let (status, head, help) = raw(&address, &request).await;
    assert_eq!(status, 200);
    assert!(head.contains("Content-Type: text/plain"), "{head}");
    let mut calls = 0;
    for line in help.lines() {
        let Some((command, rest)) = line.trim().split_once("\"$U") else {
            continue;
        };
        let method = command.strip_prefix("curl").unwrap().trim();
        let method = method.strip_prefix("-X ").unwrap_or("GET");
        let target = rest.split('"').next().unwrap();
        let (status, value) = ask(&sim, method, target).await;
        // The id of an order stands for one, and the fault's number for one that isn't there yet: it is that which
        // isn't found, and not the call.
        let missing = match target {
            "/faults/7" => Some("there never was a fault 7"),
            target if target.contains("/ID") => Some("no order ID was placed"),
            _ => None,
        };
        assert_eq!(
            status,
            if missing.is_some() { 404 } else { 200 },
            "{line}: {value}"
        );
        let error = value["error"].as_str().unwrap_or_default();
        assert!(error.starts_with(missing.unwrap_or_default()), "{line}: {error}");
        calls += 1;
    }
    assert!(calls > 20, "{help}");
}

/// Steps are made for a caller who waits for them, and leave the others room to run.
#[tokio::test]
async fn steps_stop_when_their_caller_leaves() {
    let sim = controlled().await;
    let address = address(&sim);
    let mut client = Client::connect(&sim, Market::Futures, Side::Public).await;
    client
        .subscribe(Market::Futures, &["futures/bookticker:BTCUSDT"])
        .await;
    let mut caller = TcpStream::connect(&address).await.unwrap();
    let request = format!("POST /step?count=1000 HTTP/1.1\r\nHost: {address}\r\n\r\n");
    caller.write_all(request.as_bytes()).await.unwrap();
    client.push().await;
    drop(caller);
    // A step or two may be under way; a thousand take longer than this.
    let mut told = 0;
    while timeout(Duration::from_millis(300), client.next()).await.is_ok() {
        told += 1;
    }
    assert!(told < 500, "{told} after the caller left");
}

#[tokio::test]
async fn a_fault_too_many_is_a_conflict() {
    let sim = controlled().await;
    for _ in 0..1_024 {
        sim.inject(Fault::ignore_login());
    }
    let (status, value) = ask(&sim, "POST", "/faults/ignore_login").await;
    assert_eq!(status, 409, "{value}");
    assert!(
        value["error"].as_str().unwrap().contains("DELETE /faults/ID"),
        "{value}"
    );
    done(&sim, "DELETE", "/faults/0").await;
    done(&sim, "POST", "/faults/ignore_login").await;
}

/// The program itself, as somebody without Rust meets it.
#[cfg(feature = "program")]
#[tokio::test]
async fn the_program_says_where_it_is_controlled() {
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};

    let program = env!("CARGO_BIN_EXE_bitmart-sim");
    let mut running = Command::new(program)
        .args([
            "--control-port",
            "0",
            "--manual",
            "--plain",
            "--for-seconds",
            "30",
        ])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(running.stdout.take().unwrap()).lines();
    let address = lines
        .map(Result::unwrap)
        .find_map(|line| {
            let url = line.strip_prefix("control               http://")?;
            Some(url.strip_suffix('/').unwrap().to_owned())
        })
        .unwrap();
    let request = format!("GET /urls HTTP/1.1\r\nHost: {address}\r\n\r\n");
    let (status, _, body) = raw(&address, &request).await;
    running.kill().unwrap();
    running.wait().unwrap();
    assert_eq!(status, 200);
    assert!(body.contains("ws://localhost:"), "{body}");
}

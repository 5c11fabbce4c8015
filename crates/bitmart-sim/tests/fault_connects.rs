//! Faults before the first frame: connects that fail, and upgrades answered with anything but what was asked for.
#![allow(clippy::unwrap_used, reason = "a step that fails is a test that fails")]

mod support;

use std::io::ErrorKind;
use std::time::Duration;

use bitmart_proto::{Environment, Market, Side};
use bitmart_sim::{Fault, Simulator};
use support::{Client, open, quiet, upgrade};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const DEADLINE: Duration = Duration::from_secs(5);

async fn tcp(sim: &Simulator, market: Market) -> TcpStream {
    TcpStream::connect(("127.0.0.1", sim.port(Environment::Live, market)))
        .await
        .unwrap()
}

#[tokio::test]
async fn a_connect_can_be_reset_before_tls() {
    let sim = quiet().tls(true).start().await.unwrap();
    // A side narrows nothing: nobody knows it yet.
    sim.inject(Fault::refuse_connect().on(Market::Spot, Side::Private));
    Client::connect(&sim, Market::Futures, Side::Public).await;
    let mut stream = tcp(&sim, Market::Spot).await;
    // The reset may be there before the read.
    let error = timeout(DEADLINE, stream.read_u8()).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    Client::connect(&sim, Market::Spot, Side::Public).await;
    assert_eq!(sim.counters().total().faults, 1);
}

#[tokio::test]
async fn a_connect_can_hang_in_tls() {
    let sim = quiet().tls(true).start().await.unwrap();
    sim.inject(Fault::stall_connect().on_market(Market::Spot));
    let mut stream = tcp(&sim, Market::Spot).await;
    // The beginning of a TLS handshake, which would be answered with an alert.
    stream.write_all(b"\x16\x03\x01\x00\x01\x00").await.unwrap();
    assert!(
        timeout(Duration::from_millis(200), stream.read_u8())
            .await
            .is_err()
    );
    Client::connect(&sim, Market::Spot, Side::Public).await;
    sim.shutdown().await;
}

/// All that comes in answer to an upgrade, until the end.
async fn answer(sim: &Simulator) -> String {
    let stream = open(sim, Environment::Live, Market::Spot).await;
    let (mut stream, head) = upgrade(stream, Side::Public).await;
    let mut rest = Vec::new();
    timeout(DEADLINE, stream.read_to_end(&mut rest))
        .await
        .unwrap()
        .unwrap();
    head + &String::from_utf8(rest).unwrap()
}

#[tokio::test]
async fn an_upgrade_is_refused_with_any_status() {
    let sim = quiet().start().await.unwrap();
    for (fault, line, header) in [
        (Fault::refuse_upgrade(401, None), "401 Unauthorized", ""),
        (Fault::refuse_upgrade(403, None), "403 Forbidden", ""),
        (
            Fault::refuse_upgrade(429, Some(Duration::from_secs(60))),
            "429 Too Many Requests",
            "Retry-After: 60\r\n",
        ),
        (Fault::refuse_upgrade(503, None), "503 Service Unavailable", ""),
        (
            Fault::redirect_upgrade(301, "https://example.com/api"),
            "301 Moved Permanently",
            "Location: https://example.com/api\r\n",
        ),
        (
            Fault::redirect_upgrade(302, "/maintenance"),
            "302 Found",
            "Location: /maintenance\r\n",
        ),
    ] {
        sim.inject(fault);
        let answer = answer(&sim).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {line}\r\n")), "{answer}");
        assert!(answer.contains(header), "{answer}");
        assert!(answer.ends_with("\r\n\r\nrefused by a fault"), "{answer}");
    }
    assert_eq!(sim.counters().total().upgrades_refused, 6);
}

#[tokio::test]
async fn an_upgrade_can_be_answered_with_anything() {
    const PAGE: &str =
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 16\r\n\r\n<h1>Welcome</h1>";
    const MAIL: &str = "220 mail.example ESMTP\r\n";
    // No `Upgrade`, and what follows is no frame.
    const STRANGER: &str = "HTTP/1.1 101 Switching Protocols\r\nDate: {date}\r\nConnection: upgrade\r\n\
                            Sec-WebSocket-Accept: {accept}\r\n\r\nhello";
    let sim = quiet().wall_clock(|| 0).start().await.unwrap();
    for (sent, seen) in [
        (PAGE, PAGE.to_owned()),
        (MAIL, MAIL.to_owned()),
        ("", String::new()),
        (
            STRANGER,
            STRANGER
                .replace("{date}", "Thu, 01 Jan 1970 00:00:00 GMT")
                .replace("{accept}", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
        ),
    ] {
        sim.inject(Fault::answer_upgrade(sent));
        assert_eq!(answer(&sim).await, seen);
    }
    let total = sim.counters().total();
    assert_eq!((total.upgrades_refused, total.connections), (4, 0));
}

#[tokio::test]
async fn an_extension_can_come_unasked() {
    let sim = quiet().start().await.unwrap();
    sim.inject(Fault::add_header(
        "Sec-WebSocket-Extensions",
        "permessage-deflate",
    ));
    let mut client = Client::connect(&sim, Market::Spot, Side::Public).await;
    assert!(
        client
            .head
            .contains("\r\nSec-WebSocket-Extensions: permessage-deflate\r\n"),
        "{}",
        client.head
    );
    assert!(client.head.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    assert_eq!(client.ask("ping").await, "pong");
    let client = Client::connect(&sim, Market::Spot, Side::Public).await;
    assert!(!client.head.contains("Extensions"));
}

/// A status that has headers of its own keeps those of the fault.
#[tokio::test]
async fn a_refusal_has_all_of_its_headers() {
    let sim = quiet().start().await.unwrap();
    for (fault, line) in [
        (
            Fault::refuse_upgrade(426, Some(Duration::from_secs(7))),
            "Retry-After: 7",
        ),
        (
            Fault::redirect_upgrade(426, "https://example.com/"),
            "Location: https://example.com/",
        ),
    ] {
        sim.inject(fault);
        let (_, head) = upgrade(open(&sim, Environment::Live, Market::Spot).await, Side::Public).await;
        assert!(head.starts_with("HTTP/1.1 426 "), "{head}");
        for line in [line, "Sec-WebSocket-Version: 13", "Upgrade: websocket"] {
            assert!(head.contains(&format!("\r\n{line}\r\n")), "{line}: {head}");
        }
    }
}

/// What spoils an answer adds up, and is kept for one that is given.
#[tokio::test]
async fn a_refusal_goes_before_what_spoils_the_answer() {
    let sim = quiet().start().await.unwrap();
    sim.inject(Fault::add_header("X-A", "1").forever());
    sim.inject(Fault::add_header("X-B", "2"));
    sim.inject(Fault::corrupt_accept());
    sim.inject(Fault::refuse_upgrade(502, None).forever());
    sim.inject(Fault::refuse_upgrade(503, None));
    let mut heads = Vec::new();
    for _ in 0..2 {
        heads.push(
            upgrade(open(&sim, Environment::Live, Market::Spot).await, Side::Public)
                .await
                .1,
        );
    }
    assert!(heads[0].starts_with("HTTP/1.1 503 "), "{}", heads[0]);
    assert!(heads[1].starts_with("HTTP/1.1 502 "), "{}", heads[1]);
    let total = sim.counters().total();
    assert_eq!((total.faults, total.upgrades_refused), (2, 2));
    sim.clear_all();

    sim.inject(Fault::add_header("X-A", "1").forever());
    sim.inject(Fault::add_header("X-B", "2"));
    sim.inject(Fault::corrupt_accept());
    for is_first in [true, false] {
        let (_, head) = upgrade(open(&sim, Environment::Live, Market::Spot).await, Side::Public).await;
        assert!(head.contains("\r\nX-A: 1\r\n"), "{head}");
        assert_eq!(head.contains("\r\nX-B: 2\r\n"), is_first, "{head}");
        assert_eq!(head.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), !is_first, "{head}");
    }
}

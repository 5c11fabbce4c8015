//! Below the messages: closes, sizes, fragments, idle connections, clients that don't read, and the end.

mod support;

use std::time::Duration;

use bitmart_proto::{Environment, Market, Side};
use bitmart_sim::{Account, Fault, Simulator, Tick};
use fastwebsockets::OpCode;
use support::{Client, Seen, in_memory, next_at_last, now, open, quiet, upgrade};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{sleep, timeout};

#[tokio::test]
async fn a_close_is_echoed_whatever_its_code() {
    let sim = quiet().start().await.unwrap();
    for (payload, answer) in [
        (&b""[..], Seen::Close(0, String::new())),
        (b"\x03\xe8", Seen::Close(1000, String::new())),
        (b"\x0f\xa0bye", Seen::Close(4000, "bye".into())),
        // Codes and reasons that nobody may send.
        (b"\x03\xed", Seen::Close(1002, String::new())),
        (b"\x03", Seen::Close(1002, String::new())),
        (b"\x03\xe8\xff", Seen::Close(1002, String::new())),
    ] {
        let mut client = Client::connect(&sim, Market::Spot, Side::Public).await;
        client.send_frame(true, OpCode::Close, payload).await;
        assert_eq!(client.next().await, answer, "{payload:?}");
        assert_eq!(client.next().await, Seen::End, "{payload:?}");
    }
}

#[tokio::test]
async fn messages_are_bounded_as_the_exchange_bounds_them() {
    let sim = quiet().start().await.unwrap();
    for (market, limit) in [(Market::Spot, 4_096), (Market::Futures, 2_048)] {
        let mut client = Client::connect(&sim, market, Side::Public).await;
        assert!(!client.ask(&"x".repeat(limit)).await.is_empty());
        client.send(&"x".repeat(limit + 1)).await;
        assert_eq!(client.next().await, Seen::Close(1009, String::new()), "{market}");
        // In pieces it is no shorter.
        let mut client = Client::connect(&sim, market, Side::Public).await;
        client.send_frame(false, OpCode::Text, &vec![b'x'; limit]).await;
        client.send_frame(true, OpCode::Continuation, b"x").await;
        assert_eq!(client.next().await, Seen::Close(1009, String::new()), "{market}");
        let mut client = Client::connect(&sim, market, Side::Public).await;
        client.send(&"x".repeat(1 << 20)).await;
        assert_eq!(client.next().await, Seen::Close(1009, String::new()), "{market}");
    }
}

#[tokio::test]
async fn fragments_make_a_message_and_bad_ones_end_the_connection() {
    let sim = quiet().start().await.unwrap();
    let mut client = Client::connect(&sim, Market::Spot, Side::Public).await;
    client.send_frame(false, OpCode::Text, b"pi").await;
    client.send_frame(true, OpCode::Ping, b"between").await;
    client.send_frame(true, OpCode::Continuation, b"ng").await;
    assert_eq!(client.next().await, Seen::Pong(b"between".to_vec()));
    assert_eq!(client.text().await, "pong");
    client.send_frame(false, OpCode::Text, b"pi").await;
    client.send_frame(true, OpCode::Text, b"ping").await;
    assert_eq!(client.next().await, Seen::Close(1002, String::new()));
    for (opcode, payload, code) in [
        (OpCode::Continuation, &b"x"[..], 1002),
        (OpCode::Text, b"\xff", 1007),
        (OpCode::Binary, b"\xff", 1007),
    ] {
        let mut client = Client::connect(&sim, Market::Spot, Side::Public).await;
        client.send_frame(true, opcode, payload).await;
        assert_eq!(
            client.next().await,
            Seen::Close(code, String::new()),
            "{opcode:?}"
        );
    }
    let mut client = Client::connect(&sim, Market::Spot, Side::Public).await;
    client.send_frame(false, OpCode::Text, b"").await;
    for _ in 0..256 {
        client.send_frame(false, OpCode::Continuation, b"").await;
    }
    assert_eq!(client.next().await, Seen::Close(1009, String::new()));
}

#[tokio::test]
async fn ping_frames_are_answered() {
    let sim = quiet().start().await.unwrap();
    for market in [Market::Spot, Market::Futures] {
        let mut client = Client::connect(&sim, market, Side::Public).await;
        client.send_frame(true, OpCode::Ping, b"hello").await;
        assert_eq!(client.next().await, Seen::Pong(b"hello".to_vec()), "{market:?}");
    }
}

/// More than a hundred messages in ten seconds end a spot connection.
#[tokio::test]
async fn spot_ends_who_talks_too_much() {
    let sim = quiet().start().await.unwrap();
    let mut client = Client::connect(&sim, Market::Spot, Side::Public).await;
    for _ in 0..100 {
        assert_eq!(client.ask("ping").await, "pong");
    }
    assert!(client.ask("ping").await.contains("90007"));
    assert_eq!(client.next().await, Seen::Close(1000, String::new()));
}

#[tokio::test]
async fn other_requests_are_refused() {
    let sim = quiet().start().await.unwrap();
    for (request, status) in [
        ("GET / HTTP/1.1\r\nHost: x\r\n\r\n", "404 Not Found"),
        ("GET /api HTTP/1.1\r\nHost: x\r\n\r\n", "400 Bad Request"),
        ("nonsense\r\n\r\n", "400 Bad Request"),
    ] {
        let mut stream = open(&sim, Environment::Live, Market::Futures).await;
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        timeout(Duration::from_secs(5), stream.read_to_string(&mut answer))
            .await
            .unwrap()
            .unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{answer}");
    }
    assert_eq!(sim.counters().total().upgrades_refused, 3);
}

#[tokio::test(start_paused = true)]
async fn spot_closes_an_idle_connection_and_futures_pings_it() {
    let sim = quiet().without_listeners().start().await.unwrap();
    assert_eq!(sim.port(Environment::Live, Market::Spot), 0);
    let mut spot = in_memory(&sim, Market::Spot, Side::Public).await;
    let began = now();
    sleep(Duration::from_secs(15)).await;
    assert_eq!(spot.ask("ping").await, "pong");
    sleep(Duration::from_secs(18)).await;
    assert_eq!(next_at_last(&mut spot).await, Seen::Close(1000, String::new()));
    assert_eq!((now() - began).as_secs(), 35);

    let mut spot = in_memory(&sim, Market::Spot, Side::Public).await;
    let began = now();
    sleep(Duration::from_secs(15)).await;
    spot.send_frame(true, OpCode::Ping, b"").await;
    assert_eq!(spot.next().await, Seen::Pong(Vec::new()));
    assert_eq!(next_at_last(&mut spot).await, Seen::Close(1000, String::new()));
    assert_eq!((now() - began).as_secs(), 35, "a ping frame is a sign of life");

    let began = now();
    let mut futures = in_memory(&sim, Market::Futures, Side::Public).await;
    sleep(Duration::from_secs(53)).await;
    assert_eq!(next_at_last(&mut futures).await, Seen::Ping);
    assert_eq!((now() - began).as_millis(), 54_500);
}

#[tokio::test]
async fn streams_of_any_kind_are_served_with_and_without_tls() {
    let sim = quiet().without_listeners().start().await.unwrap();
    let mut client = in_memory(&sim, Market::Futures, Side::Private).await;
    client.log_in(Market::Futures, &Account::example()).await;
    sim.shutdown().await;
    assert_eq!(
        client.next().await,
        Seen::Close(1001, "the simulator shuts down".into())
    );
}

/// A client that doesn't read is cut off, and the others don't notice.
#[tokio::test]
async fn who_does_not_read_is_cut_off() {
    const MEGABYTE: usize = 1 << 20;
    let sim = quiet().start().await.unwrap();
    let mut reader = Client::connect(&sim, Market::Futures, Side::Public).await;
    let mut sleeper = in_memory(&sim, Market::Futures, Side::Public).await;
    for _ in 0..10 {
        sim.inject(Fault::send_text("x".repeat(MEGABYTE)).on_connection(2));
    }
    let deadline = now() + Duration::from_secs(5);
    while sim.counters().total().open > 1 {
        assert!(now() < deadline, "the sleeper is still there");
        sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(sim.counters().total().overflows, 1);
    assert!(matches!(sleeper.next().await, Seen::End | Seen::Reset));
    assert!(reader.ask(r#"{"action":"ping"}"#).await.contains("pong+"));
}

/// Neither does a close wait forever for a client that doesn't read.
#[tokio::test(start_paused = true)]
async fn a_close_that_is_not_read_cuts_the_connection() {
    let sim = quiet().without_listeners().start().await.unwrap();
    let client = in_memory(&sim, Market::Futures, Side::Public).await;
    sim.inject(Fault::send_text("x".repeat(1 << 20)));
    sleep(Duration::from_millis(10)).await;
    let began = now();
    sim.inject(Fault::close(1001, ""));
    while sim.counters().total().open > 0 {
        assert!(
            now() - began < Duration::from_secs(2),
            "the connection is still there"
        );
        sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(sim.counters().total().overflows, 0);
    drop(client);
}

#[tokio::test]
async fn a_shutdown_closes_all_and_takes_less_than_a_second() {
    let sim = Simulator::builder().tick(Tick::Manual).start().await.unwrap();
    let mut polite = Client::connect(&sim, Market::Spot, Side::Public).await;
    // These two never answer a close.
    let deaf = Client::connect(&sim, Market::Futures, Side::Private).await;
    let silent = open(&sim, Environment::Demo, Market::Futures).await;
    let ports = Market::ALL.map(|market| sim.port(Environment::Live, market));
    let began = now();
    let (closed, ()) = tokio::join!(polite.next(), sim.shutdown());
    assert_eq!(closed, Seen::Close(1001, "the simulator shuts down".into()));
    assert!(
        now() - began < Duration::from_millis(1_000),
        "{:?}",
        now() - began
    );
    for port in ports {
        assert!(tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err());
    }
    drop((deaf, silent));
}

#[tokio::test]
async fn dropping_the_simulator_ends_everything() {
    let sim = quiet().start().await.unwrap();
    let mut client = Client::connect(&sim, Market::Spot, Side::Public).await;
    let port = sim.port(Environment::Live, Market::Spot);
    drop(sim);
    assert!(matches!(client.next().await, Seen::End | Seen::Reset));
    assert!(tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err());
}

/// Outside a runtime nothing panics either.
#[test]
fn a_simulator_may_outlive_its_runtime() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let sim = runtime.block_on(async { quiet().start().await.unwrap() });
    drop(runtime);
    assert_eq!(sim.counters().total().connections, 0);
    drop(sim);
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = taken.local_addr().unwrap().port();
    let error = quiet()
        .port(Environment::Live, Market::Spot, port)
        .start()
        .await
        .unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with(&format!("port {port} on loopback can't be bound")),
        "{error}"
    );
    assert!(std::error::Error::source(&error).is_some());
}

#[tokio::test]
async fn both_loopbacks_answer_on_one_port() {
    let sim = quiet().start().await.unwrap();
    let port = sim.port(Environment::Live, Market::Spot);
    let mut reached = 0;
    for host in ["127.0.0.1", "::1"] {
        match tokio::net::TcpStream::connect((host, port)).await {
            Ok(stream) => {
                let (stream, head) = upgrade(stream, Side::Public).await;
                let mut client = Client::over(Box::new(stream), head);
                assert_eq!(client.ask("ping").await, "pong");
                reached += 1;
            }
            Err(error) => assert_eq!(host, "::1", "{error}"),
        }
    }
    assert!(reached >= 1);
}

/// RFC 6455, section 5.1: a client masks what it sends, and a server closes the connection of one that doesn't.
#[tokio::test]
async fn an_unmasked_frame_ends_the_connection() {
    let sim = quiet().start().await.unwrap();
    // A text, a ping, a close, and a text behind one that is masked.
    for (frames, answer) in [
        (&b"\x81\x04ping"[..], &b""[..]),
        (b"\x89\x00", b""),
        (b"\x88\x02\x03\xe8", b""),
        (b"\x81\x84\0\0\0\0ping\x81\x04ping", b"\x81\x04pong"),
    ] {
        let stream = open(&sim, Environment::Live, Market::Spot).await;
        let (mut stream, _) = upgrade(stream, Side::Public).await;
        stream.write_all(frames).await.unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.unwrap();
        assert_eq!(bytes, [answer, b"\x88\x02\x03\xea"].concat(), "{frames:x?}");
    }
}

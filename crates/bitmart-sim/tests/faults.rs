//! Each fault: what it does, what it leaves alone, how often it hits, and how it ends.

mod support;

use std::time::Duration;

use bitmart_proto::{Environment, Market, Side};
use bitmart_sim::exchange::{Intent, NewOrder};
use bitmart_sim::{Account, Compress, EXAMPLE_KEY, Fault, Garbage, MAX_CLOSE_REASON_BYTES, Simulator};
use flate2::read::DeflateDecoder;
use support::{Client, Seen, futures_login, open, quiet, spot_login, subscribe, upgrade};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{sleep, timeout};

const ORDERS: &str = "spot/user/order:BTC_USDT";

/// Causes one push on `spot/user/order:BTC_USDT`.
fn place(sim: &Simulator) {
    let order = NewOrder::limit("BTC_USDT", Intent::Buy, "80000", "0.001");
    sim.place_order(Environment::Live, EXAMPLE_KEY, &order)
        .expect("an order that fits");
}

async fn plain_spot(sim: &Simulator) -> Client {
    let mut client = Client::logged_in(sim, Market::Spot, &Account::example()).await;
    client.send(&subscribe(Market::Spot, &[ORDERS])).await;
    client.text().await;
    client
}

#[tokio::test]
async fn a_close_hits_what_is_open_where_it_is_meant() {
    let sim = quiet().empty_push(false).start().await.unwrap();
    let mut hit = [plain_spot(&sim).await, plain_spot(&sim).await];
    let mut spared = Client::connect(&sim, Market::Spot, Side::Public).await;
    let mut futures = Client::connect(&sim, Market::Futures, Side::Private).await;
    sim.inject(Fault::close(1001, "going away").on(Market::Spot, Side::Private));
    for client in &mut hit {
        assert_eq!(client.next().await, Seen::Close(1001, "going away".into()));
    }
    assert_eq!(spared.ask("ping").await, "pong");
    assert!(futures.ask("{}").await.contains("Invalid action"));
    // It is used up.
    plain_spot(&sim).await;
    assert_eq!(sim.counters().total().faults, 2);
}

#[tokio::test]
async fn without_anything_open_a_close_waits_for_the_next() {
    let sim = quiet().start().await.unwrap();
    sim.inject(Fault::close(4000, "é".repeat(100)).on(Market::Futures, Side::Public));
    let mut client = Client::connect(&sim, Market::Futures, Side::Public).await;
    let Seen::Close(4000, reason) = client.next().await else {
        panic!("no close")
    };
    assert_eq!(reason.len(), MAX_CLOSE_REASON_BYTES - 1, "cut between characters");
    let mut client = Client::connect(&sim, Market::Futures, Side::Public).await;
    assert!(client.ask(r#"{"action":"ping"}"#).await.contains("pong+"));
}

#[tokio::test]
async fn a_fault_can_wait_for_the_nth_connection_or_a_topic() {
    let sim = quiet().start().await.unwrap();
    sim.inject(
        Fault::close(1012, "")
            .on(Market::Spot, Side::Public)
            .on_connection(2),
    );
    let mut first = Client::connect(&sim, Market::Spot, Side::Public).await;
    let mut second = Client::connect(&sim, Market::Spot, Side::Public).await;
    let mut third = Client::connect(&sim, Market::Spot, Side::Public).await;
    assert_eq!(second.next().await, Seen::Close(1012, String::new()));
    assert_eq!(first.ask("ping").await, "pong");
    assert_eq!(third.ask("ping").await, "pong");

    sim.inject(Fault::close(1013, "").on_topic("spot/trade:BTC_USDT"));
    assert_eq!(
        first
            .subscribe(Market::Spot, &["spot/trade:ETH_USDT"])
            .await
            .len(),
        1
    );
    assert_eq!(
        third
            .subscribe(Market::Spot, &["spot/trade:BTC_USDT"])
            .await
            .len(),
        1
    );
    assert_eq!(third.next().await, Seen::Close(1013, String::new()));
    assert_eq!(first.ask("ping").await, "pong");
}

#[tokio::test]
async fn a_lasting_close_hits_until_it_is_taken_back() {
    let sim = quiet().start().await.unwrap();
    let fault = sim.inject(Fault::close(1001, "").on(Market::Spot, Side::Public).forever());
    for _ in 0..3 {
        let mut client = Client::connect(&sim, Market::Spot, Side::Public).await;
        assert_eq!(client.next().await, Seen::Close(1001, String::new()));
    }
    sim.clear(fault);
    let mut client = Client::connect(&sim, Market::Spot, Side::Public).await;
    assert_eq!(client.ask("ping").await, "pong");
}

#[tokio::test]
async fn a_reset_is_a_reset_and_a_cut_is_none() {
    for tls in [false, true] {
        let sim = quiet().tls(tls).start().await.unwrap();
        let mut client = Client::connect(&sim, Market::Spot, Side::Public).await;
        sim.inject(Fault::reset());
        assert_eq!(client.next().await, Seen::Reset, "tls: {tls}");
        let mut client = Client::connect(&sim, Market::Spot, Side::Public).await;
        sim.inject(Fault::cut());
        // Over TLS an end without close_notify is an error of its own.
        assert_eq!(
            client.next().await,
            if tls { Seen::Reset } else { Seen::End },
            "tls: {tls}"
        );
        sim.shutdown().await;
    }
}

/// The raw stream shows which error it is.
#[tokio::test]
async fn a_reset_arrives_as_one() {
    let sim = quiet().start().await.unwrap();
    let stream = open(&sim, Environment::Live, Market::Spot).await;
    let (mut stream, _) = upgrade(stream, Side::Public).await;
    sim.inject(Fault::reset());
    let error = timeout(Duration::from_secs(5), stream.read_u8())
        .await
        .unwrap()
        .unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn silence_lasts_until_it_is_lifted_and_hides_what_happened_meanwhile() {
    let sim = quiet().empty_push(false).start().await.unwrap();
    let mut client = plain_spot(&sim).await;
    let silence = sim.inject(Fault::silence().on(Market::Spot, Side::Private));
    place(&sim);
    client.send("ping").await;
    let before = sim.counters().total();
    while sim.counters().total().messages_in < 3 {
        sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(sim.counters().total().messages_out, before.messages_out);
    sim.clear(silence);
    client.send("ping").await;
    assert_eq!(client.text().await, "pong");
    place(&sim);
    assert!(client.text().await.contains(r#""order_state":"new""#));
}

/// A silent connection doesn't even answer a close; it is there until the client leaves.
#[tokio::test]
async fn a_silent_connection_echoes_no_close() {
    let sim = quiet().start().await.unwrap();
    sim.inject(Fault::silence());
    let mut client = Client::connect(&sim, Market::Futures, Side::Public).await;
    client
        .send_frame(true, fastwebsockets::OpCode::Close, &1000_u16.to_be_bytes())
        .await;
    client.is_quiet().await;
    assert_eq!(sim.counters().total().open, 1);
    drop(client);
    while sim.counters().total().open > 0 {
        sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn logins_are_rejected_as_often_as_said() {
    let sim = quiet().start().await.unwrap();
    sim.inject(Fault::reject_login("95000", r#"say "no""#).times(2));
    for _ in 0..2 {
        let mut client = Client::connect(&sim, Market::Spot, Side::Private).await;
        let answer = client.ask(&spot_login(&Account::example())).await;
        assert_eq!(
            answer,
            r#"{"event":"login","errorCode":"95000","errorMessage":"say \"no\""}"#
        );
        assert_eq!(client.next().await, Seen::Close(1000, String::new()));
    }
    Client::logged_in(&sim, Market::Spot, &Account::example()).await;
    let text = "authentication is temporarily unavailable";
    let lasting = sim.inject(
        Fault::reject_login("", text)
            .on(Market::Futures, Side::Private)
            .forever(),
    );
    for _ in 0..3 {
        let mut client = Client::connect(&sim, Market::Futures, Side::Private).await;
        let answer = client.ask(&futures_login(&Account::example())).await;
        assert_eq!(
            answer,
            format!(r#"{{"action":"access","success":false,"error":"{text}"}}"#)
        );
    }
    sim.clear(lasting);
    Client::logged_in(&sim, Market::Futures, &Account::example()).await;
    assert_eq!(sim.counters().total().logins_refused, 5);
}

#[tokio::test]
async fn an_ignored_login_is_no_login() {
    let sim = quiet().start().await.unwrap();
    sim.inject(Fault::ignore_login());
    let mut client = Client::connect(&sim, Market::Spot, Side::Private).await;
    client.send(&spot_login(&Account::example())).await;
    assert_eq!(client.ask("ping").await, "pong");
    client.send(&subscribe(Market::Spot, &[ORDERS])).await;
    assert!(client.text().await.contains("91006"));
    client.log_in(Market::Spot, &Account::example()).await;
}

#[tokio::test]
async fn lost_acks_leave_the_data() {
    let sim = quiet().empty_push(false).start().await.unwrap();
    let mut client = Client::logged_in(&sim, Market::Spot, &Account::example()).await;
    sim.inject(Fault::drop_acks().on_topic(ORDERS));
    let topics = ["spot/user/balance:BALANCE_UPDATE", ORDERS];
    client.send(&subscribe(Market::Spot, &topics)).await;
    assert!(client.text().await.contains("BALANCE_UPDATE"));
    assert_eq!(client.ask("ping").await, "pong");
    place(&sim);
    assert!(client.text().await.contains(r#""order_state":"new""#));
    // Asking again finds it subscribed.
    client.send(&subscribe(Market::Spot, &[ORDERS])).await;
    assert!(client.text().await.contains("90008"));
}

#[tokio::test]
async fn an_upgrade_is_refused_with_status_and_retry_after() {
    let sim = quiet().start().await.unwrap();
    sim.inject(
        Fault::refuse_upgrade(503, Some(Duration::from_secs(7)))
            .on(Market::Spot, Side::Private)
            .times(2),
    );
    for _ in 0..2 {
        let stream = open(&sim, Environment::Live, Market::Spot).await;
        let (_, head) = upgrade(stream, Side::Private).await;
        assert!(head.starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{head}");
        assert!(
            head.contains("Retry-After: 7\r\n") && head.contains("Date: "),
            "{head}"
        );
    }
    Client::connect(&sim, Market::Spot, Side::Private).await;
    let counters = sim.counters().of(Environment::Live, Market::Spot, Side::Private);
    assert_eq!((counters.upgrades_refused, counters.connections), (2, 1));
}

#[tokio::test]
async fn an_upgrade_can_stall_or_prove_nothing() {
    let sim = quiet().start().await.unwrap();
    sim.inject(Fault::corrupt_accept());
    let (_, head) = upgrade(open(&sim, Environment::Live, Market::Spot).await, Side::Public).await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    assert!(!head.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{head}");
    sim.inject(Fault::stall_upgrade());
    let stream = open(&sim, Environment::Live, Market::Spot).await;
    let stalled = timeout(Duration::from_millis(200), upgrade(stream, Side::Public)).await;
    assert!(stalled.is_err());
    sim.shutdown().await;
}

#[tokio::test]
async fn data_overtakes_a_delayed_reply() {
    let sim = quiet().empty_push(false).start().await.unwrap();
    let mut client = Client::logged_in(&sim, Market::Spot, &Account::example()).await;
    sim.inject(Fault::delay_replies(Duration::from_millis(100)));
    client.send(&subscribe(Market::Spot, &[ORDERS])).await;
    while sim.counters().total().subscribes == 0 {
        sleep(Duration::from_millis(2)).await;
    }
    place(&sim);
    assert!(client.text().await.contains(r#""order_state":"new""#));
    assert!(client.text().await.contains(r#""event":"subscribe""#));
}

/// A refusal that comes late comes before the close that it brings.
#[tokio::test]
async fn a_close_waits_for_its_delayed_reply() {
    let sim = quiet().start().await.unwrap();
    sim.inject(Fault::delay_replies(Duration::from_millis(50)));
    let mut client = Client::connect(&sim, Market::Spot, Side::Private).await;
    let answer = client.ask(&spot_login(&Account::new("nobody", "s", "m"))).await;
    assert!(answer.contains("91002"), "{answer}");
    assert_eq!(client.next().await, Seen::Close(1000, String::new()));
}

#[tokio::test]
async fn anything_can_be_sent() {
    let sim = quiet().start().await.unwrap();
    let mut client = Client::connect(&sim, Market::Spot, Side::Public).await;
    sim.inject(Fault::send_text("not json").on(Market::Spot, Side::Public));
    sim.inject(Fault::send_binary([0xff, 0x00]).on(Market::Spot, Side::Public));
    assert_eq!(client.next().await, Seen::Text("not json".into()));
    assert_eq!(client.next().await, Seen::Binary(vec![0xff, 0x00]));
}

/// Frames that leave together with the head of the upgrade's answer: clients have lost them.
#[tokio::test]
async fn a_frame_can_come_with_the_head() {
    let sim = quiet().start().await.unwrap();
    sim.inject(Fault::send_text("early"));
    let mut stream = open(&sim, Environment::Live, Market::Spot).await;
    let request = "GET /api HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                   Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut first = vec![0; 4_096];
    let bytes = stream.read(&mut first).await.unwrap();
    assert!(
        first[..bytes].ends_with(b"\r\n\r\n\x81\x05early"),
        "{:?}",
        &first[..bytes]
    );
}

fn inflated(seen: &Seen) -> String {
    let Seen::Binary(bytes) = seen else {
        panic!("{seen:?} is not compressed")
    };
    let mut text = String::new();
    std::io::Read::read_to_string(&mut DeflateDecoder::new(bytes.as_slice()), &mut text)
        .expect("raw DEFLATE");
    text
}

#[tokio::test]
async fn compression_is_raw_deflate_in_binary_frames() {
    let sim = quiet().compress(Compress::AfterSubscribe).start().await.unwrap();
    let mut client = Client::logged_in(&sim, Market::Spot, &Account::example()).await;
    client.send(&subscribe(Market::Spot, &[ORDERS])).await;
    assert!(client.text().await.contains(r#""event":"subscribe""#));
    assert_eq!(
        inflated(&client.next().await),
        r#"{"data":"","table":"spot/user/order"}"#
    );
    place(&sim);
    assert!(inflated(&client.next().await).contains(r#""order_state":"new""#));

    let sim = quiet().compress(Compress::Always).start().await.unwrap();
    let mut client = Client::connect(&sim, Market::Spot, Side::Private).await;
    client.send(&spot_login(&Account::example())).await;
    assert_eq!(inflated(&client.next().await), r#"{"event":"login"}"#);
    assert_eq!(client.ask("ping").await, "pong");
    // Futures never compresses.
    let mut futures = Client::logged_in(&sim, Market::Futures, &Account::example()).await;
    assert!(futures.ask(r#"{"action":"ping"}"#).await.contains("pong+"));
}

/// A hit isn't spent where nobody would feel it.
#[tokio::test]
async fn a_fault_waits_for_somebody_who_feels_it() {
    let sim = quiet().start().await.unwrap();
    let mut clients = Vec::new();
    for _ in 0..2 {
        let mut client = Client::connect(&sim, Market::Futures, Side::Public).await;
        client
            .subscribe(Market::Futures, &["futures/bookticker:BTCUSDT"])
            .await;
        clients.push(client);
    }
    let mut heard = clients.pop().expect("a client");
    let mut silent = clients.pop().expect("a client");
    sim.inject(Fault::silence().on_connection(1));
    // Of the silent one, neither a push nor a message is worth a hit.
    sim.inject(Fault::skip_push());
    sim.step().await;
    assert!(
        heard.ask(r#"{"action":"ping"}"#).await.contains("pong+"),
        "the push is skipped"
    );
    sim.inject(Fault::send_text("for who hears").on_connection(1));
    sim.clear_all();
    assert!(silent.ask(r#"{"action":"ping"}"#).await.contains("pong+"));
    sim.inject(Fault::silence().on_connection(1));
    let before = sim.counters().total().faults;
    sim.inject(Fault::send_text("for the next").on_market(Market::Futures));
    assert_eq!(heard.text().await, "for the next");
    assert_eq!(sim.counters().total().faults, before + 1);
    // It can be reset all the same.
    sim.inject(Fault::reset().on_connection(1));
    assert_eq!(silent.next().await, Seen::Reset);

    // Nor is one that has been told to go.
    sim.inject(Fault::close(1001, "").on_connection(2));
    assert_eq!(heard.next().await, Seen::Close(1001, String::new()));
    sim.inject(Fault::send_text("after the close"));
    let mut next = Client::connect(&sim, Market::Futures, Side::Public).await;
    assert_eq!(next.text().await, "after the close");
    // What closes a connection as it opens leaves the rest to the next one.
    sim.clear_all();
    sim.inject(Fault::close(1001, "").on_connection(4));
    sim.inject(Fault::reset().on_side(Side::Private));
    drop(next);
    sim.inject(
        Fault::send_text("waits")
            .on(Market::Futures, Side::Public)
            .on_connection(5),
    );
    let mut fourth = Client::connect(&sim, Market::Futures, Side::Public).await;
    assert_eq!(fourth.next().await, Seen::Close(1001, String::new()));
    let mut fifth = Client::connect(&sim, Market::Futures, Side::Public).await;
    assert_eq!(fifth.text().await, "waits");
}

/// More than fits is refused; what was armed before stays.
#[tokio::test]
async fn a_fault_too_many_is_refused() {
    let sim = quiet().start().await.expect("it starts");
    sim.inject(Fault::refuse_upgrade(503, None).forever());
    for _ in 0..1_023 {
        sim.inject(Fault::ignore_login());
    }
    let refused = sim.inject(Fault::send_text("one too many"));
    let (_, head) = upgrade(open(&sim, Environment::Live, Market::Spot).await, Side::Public).await;
    assert!(head.starts_with("HTTP/1.1 503 "), "{head}");
    sim.clear(refused);
    sim.clear_all();
    // As a message of 20 MiB leaves no room for a second one, while garbage is a description.
    let large = || Fault::send_text("x".repeat(20 << 20)).on_connection(9);
    let fits = sim.inject(large());
    sim.inject(
        Fault::send_garbage(Garbage::Bytes(4 << 20))
            .on_connection(9)
            .times(99),
    );
    sim.inject(Fault::send_text("x".repeat(20 << 20)));
    sim.inject(Fault::send_text("small"));
    let mut client = Client::connect(&sim, Market::Spot, Side::Public).await;
    assert_eq!(client.text().await, "small");
    sim.clear(fits);
    sim.inject(Fault::send_text("y".repeat(5 << 20)));
    assert_eq!(client.text().await.len(), 5 << 20);
}

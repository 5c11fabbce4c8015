//! Faults in what is sent: late, twice, not at all, out of order, or nothing that an exchange should say.
#![allow(clippy::unwrap_used, reason = "a step that fails is a test that fails")]

mod support;

use std::io::Read;
use std::time::Duration;

use bitmart_proto::{Environment, Market, Side};
use bitmart_sim::exchange::{Intent, NewOrder};
use bitmart_sim::{Account, EXAMPLE_KEY, Fault, Garbage, Simulator};
use flate2::read::DeflateDecoder;
use support::{Client, Seen, in_memory, now, open, quiet, subscribe, upgrade};
use tokio::io::AsyncReadExt;
use tokio::time::{sleep, timeout};

const ORDERS: &str = "futures/order";

/// Causes one push on `futures/order`, which names the order so.
fn place(sim: &Simulator, name: &str) {
    let order = NewOrder::limit("BTCUSDT", Intent::OpenLong, "80000", "1").client_order_id(name);
    sim.place_order(Environment::Live, EXAMPLE_KEY, &order).unwrap();
}

async fn subscriber(sim: &Simulator) -> Client {
    let mut client = Client::logged_in(sim, Market::Futures, &Account::example()).await;
    client.subscribe(Market::Futures, &[ORDERS]).await;
    client
}

/// The name of the order in the next push.
async fn name(client: &mut Client) -> String {
    let push = client.json().await;
    push["data"][0]["order"]["client_order_id"]
        .as_str()
        .unwrap_or_else(|| panic!("{push}"))
        .to_owned()
}

#[tokio::test]
async fn pushes_are_skipped_repeated_and_swapped() {
    let sim = quiet().start().await.unwrap();
    let mut client = subscriber(&sim).await;
    for (fault, expected) in [
        (Fault::skip_push().times(2), &["c", "d"][..]),
        (Fault::repeat_push(), &["a", "a", "b", "c", "d"]),
        (Fault::swap_pushes(), &["b", "a", "c", "d"]),
        // Each swap is of two.
        (Fault::swap_pushes().times(2), &["b", "a", "d", "c"]),
        (Fault::swap_pushes().forever(), &["b", "a", "d", "c"]),
        (
            Fault::skip_push().on_topic("futures/position"),
            &["a", "b", "c", "d"],
        ),
        (Fault::skip_push().on_market(Market::Spot), &["a", "b", "c", "d"]),
    ] {
        let fault = sim.inject(fault.clone());
        for name in ["a", "b", "c", "d"] {
            place(&sim, name);
        }
        for expected in expected {
            assert_eq!(name(&mut client).await, *expected, "{fault:?}");
        }
        sim.clear_all();
    }
    // Replies aren't pushes.
    sim.inject(Fault::skip_push().forever());
    assert!(client.ask(r#"{"action":"ping"}"#).await.contains("pong+"));
}

#[tokio::test(start_paused = true)]
async fn a_lagging_connection_is_late_with_everything_and_in_order() {
    let sim = quiet().without_listeners().start().await.unwrap();
    let mut client = in_memory(&sim, Market::Futures, Side::Private).await;
    client.log_in(Market::Futures, &Account::example()).await;
    client.subscribe(Market::Futures, &[ORDERS]).await;
    let mut prompt = in_memory(&sim, Market::Futures, Side::Public).await;
    let (least, most) = (Duration::from_millis(300), Duration::from_millis(900));
    let lag = sim.inject(Fault::lag(least, most).on(Market::Futures, Side::Private));
    let began = now();
    place(&sim, "a");
    place(&sim, "b");
    client.send(r#"{"action":"ping"}"#).await;
    assert!(prompt.ask(r#"{"action":"ping"}"#).await.contains("pong+"));
    assert_eq!(now(), began);
    assert_eq!(name(&mut client).await, "a");
    assert!(now() - began >= least);
    assert_eq!(name(&mut client).await, "b");
    assert!(client.text().await.contains("pong+"));
    assert!(now() - began <= most + Duration::from_millis(1));
    sim.clear(lag);
    let began = now();
    place(&sim, "c");
    assert_eq!(name(&mut client).await, "c");
    assert_eq!(now(), began);
}

#[tokio::test]
async fn garbage_is_what_it_says() {
    let sim = quiet().start().await.unwrap();
    let mut client = Client::connect(&sim, Market::Futures, Side::Public).await;
    let inflated = |bytes: &[u8]| {
        let mut out = Vec::new();
        let end = DeflateDecoder::new(bytes).read_to_end(&mut out);
        (out, end)
    };

    sim.inject(Fault::send_garbage(Garbage::Bytes(300)).times(1));
    let Seen::Binary(bytes) = client.next().await else {
        panic!("no bytes")
    };
    assert_eq!(bytes.len(), 300);

    sim.inject(Fault::send_garbage(Garbage::Text(200)));
    let text = client.text().await;
    assert_eq!(text.len(), 200);
    assert!(serde_json::from_str::<serde_json::Value>(&text).is_err());

    sim.inject(Fault::send_garbage(Garbage::Bomb(9 << 20)));
    let Seen::Binary(bomb) = client.next().await else {
        panic!("no bomb")
    };
    assert!(bomb.len() < 100_000, "{}", bomb.len());
    let (out, end) = inflated(&bomb);
    end.unwrap();
    assert_eq!(out.len(), 9 << 20);
    assert!(serde_json::from_slice::<serde_json::Value>(&out).is_ok());

    sim.inject(Fault::send_garbage(Garbage::TruncatedDeflate));
    let Seen::Binary(truncated) = client.next().await else {
        panic!("no bytes")
    };
    let (out, end) = inflated(&truncated);
    assert!(end.is_err() || serde_json::from_slice::<serde_json::Value>(&out).is_err());

    sim.inject(Fault::send_garbage(Garbage::Gzip));
    let Seen::Binary(gzip) = client.next().await else {
        panic!("no bytes")
    };
    assert!(gzip.starts_with(b"\x1f\x8b"));
    assert!(inflated(&gzip).1.is_err());
    assert!(client.ask(r#"{"action":"ping"}"#).await.contains("pong+"));

    sim.inject(Fault::send_garbage(Garbage::InvalidUtf8));
    assert_eq!(client.next().await, Seen::Reset, "the test's client wants UTF-8");
}

#[tokio::test]
async fn what_is_no_frame_goes_between_the_frames() {
    let sim = quiet().start().await.unwrap();
    let stream = open(&sim, Environment::Live, Market::Spot).await;
    let (mut stream, _) = upgrade(stream, Side::Public).await;
    sim.inject(Fault::send_text("a"));
    sim.inject(Fault::send_raw(b"\xc1\x00"));
    sim.inject(Fault::send_text("b"));
    let mut bytes = [0; 8];
    stream.read_exact(&mut bytes).await.unwrap();
    assert_eq!(&bytes, b"\x81\x01a\xc1\x00\x81\x01b");
}

#[tokio::test]
async fn a_frame_can_be_torn() {
    for tls in [false, true] {
        let sim = quiet().tls(tls).start().await.unwrap();
        let stream = open(&sim, Environment::Live, Market::Spot).await;
        let (mut stream, _) = upgrade(stream, Side::Public).await;
        sim.inject(Fault::send_text("a"));
        sim.inject(Fault::tear_frame());
        sim.inject(Fault::send_text("never"));
        let mut bytes = Vec::new();
        let end = timeout(Duration::from_secs(5), stream.read_to_end(&mut bytes))
            .await
            .unwrap();
        // Without close_notify, TLS takes it for an error.
        assert_eq!(end.is_err(), tls);
        assert!(bytes.starts_with(b"\x81\x01a\x81\x20"), "{bytes:?}");
        assert_eq!(bytes.len(), 3 + 2 + 16, "half of what the head says");
    }
}

/// A batch is served by what is armed, and each connection has its own share.
#[tokio::test]
async fn a_push_fault_hits_one_connection_at_a_time() {
    let sim = quiet().start().await.unwrap();
    let mut clients = [subscriber(&sim).await, subscriber(&sim).await];
    sim.inject(Fault::skip_push().on_connection(2));
    place(&sim, "a");
    place(&sim, "b");
    assert_eq!(name(&mut clients[0]).await, "a");
    assert_eq!(name(&mut clients[1]).await, "b");
    assert_eq!(sim.counters().total().faults, 1);
    // A subscription that is gone gets nothing, also not what was held back.
    sim.inject(Fault::swap_pushes().on_connection(2));
    place(&sim, "c");
    let gone = r#"{"action":"unsubscribe","args":["futures/order"]}"#;
    assert!(clients[1].ask(gone).await.contains("unsubscribe"));
    assert!(
        clients[1]
            .ask(&subscribe(Market::Futures, &[ORDERS]))
            .await
            .contains("subscribe")
    );
    place(&sim, "d");
    assert_eq!(name(&mut clients[1]).await, "d");
    let answer = clients[1].ask(r#"{"action":"ping"}"#).await;
    assert!(answer.contains("pong+"), "{answer}");
}

const BOOK: &str = "spot/depth/increase100:BTC_USDT";
const REQUEST: &str = r#"{"op":"request","args":["spot/depth/increase100:BTC_USDT"]}"#;

/// The first push of a topic and the answer to `request` are pushes as well.
#[tokio::test]
async fn a_snapshot_can_be_skipped_repeated_and_swapped() {
    let sim = quiet().start().await.unwrap();
    let mut client = Client::connect(&sim, Market::Spot, Side::Public).await;
    sim.inject(Fault::skip_push().on_topic(BOOK).times(2));
    assert!(
        client
            .ask(&subscribe(Market::Spot, &[BOOK]))
            .await
            .contains("event")
    );
    client.send(REQUEST).await;
    assert_eq!(client.ask("ping").await, "pong");
    assert_eq!(sim.counters().total().faults, 2);

    sim.inject(Fault::repeat_push());
    let snapshot = client.ask(REQUEST).await;
    assert_eq!(client.text().await, snapshot);

    // The update before the snapshot comes behind it.
    sim.inject(Fault::swap_pushes());
    sim.step().await;
    client.send(REQUEST).await;
    let (first, second) = (client.push().await, client.push().await);
    assert_eq!(first["data"][0]["type"], "snapshot", "{first}");
    assert_eq!(second["data"][0]["type"], "update", "{second}");
    assert_eq!(first["data"][0]["version"], second["data"][0]["version"]);
}

/// One that lasts lets those through that have their hits counted; of those that last, the newest goes.
#[tokio::test]
async fn a_lasting_fault_keeps_no_other_from_its_turn() {
    let sim = quiet().start().await.unwrap();
    let mut client = subscriber(&sim).await;
    sim.inject(Fault::repeat_push().forever());
    sim.inject(Fault::skip_push());
    let newest = sim.inject(Fault::swap_pushes().forever().on_topic("futures/nothing"));
    place(&sim, "a");
    place(&sim, "b");
    assert_eq!(name(&mut client).await, "b");
    assert_eq!(name(&mut client).await, "b");
    sim.clear(newest);
    let newest = sim.inject(Fault::skip_push().on_topic(ORDERS).forever());
    place(&sim, "c");
    sim.clear(newest);
    place(&sim, "d");
    assert_eq!(name(&mut client).await, "d");
    assert_eq!(name(&mut client).await, "d");
}

#[tokio::test(start_paused = true)]
async fn a_delayed_reply_is_not_faster_than_the_lag() {
    let sim = quiet().without_listeners().start().await.unwrap();
    let mut client = in_memory(&sim, Market::Futures, Side::Public).await;
    let lag = Duration::from_millis(500);
    for (delay_ms, due_ms) in [(10, 500), (800, 800)] {
        let began = now();
        let fault = sim.inject(Fault::lag(lag, lag));
        sim.inject(Fault::delay_replies(Duration::from_millis(delay_ms)));
        sim.inject(Fault::send_text("first"));
        client.send(r#"{"action":"ping"}"#).await;
        assert_eq!(client.text().await, "first");
        assert!(now() - began >= lag);
        assert!(client.text().await.contains("pong+"));
        assert_eq!((now() - began).as_millis() / 10 * 10, due_ms);
        sim.clear(fault);
    }
}

#[tokio::test(start_paused = true)]
async fn a_lag_that_is_taken_back_leaves_nothing_late() {
    let sim = quiet().without_listeners().start().await.unwrap();
    let mut client = in_memory(&sim, Market::Futures, Side::Public).await;
    let lag = Duration::from_secs(3);
    let began = now();
    let fault = sim.inject(Fault::lag(lag, lag));
    sim.inject(Fault::send_text("kept"));
    sim.clear(fault);
    assert_eq!(client.text().await, "kept");
    // Nor what a silence has swallowed meanwhile.
    let fault = sim.inject(Fault::lag(lag, lag));
    sim.inject(Fault::send_text("swallowed"));
    let silence = sim.inject(Fault::silence());
    sim.clear(silence);
    sim.clear(fault);
    assert!(client.ask(r#"{"action":"ping"}"#).await.contains("pong+"));
    assert_eq!(now(), began);
}

/// The limits of a lag, as its documentation has them.
#[tokio::test(start_paused = true)]
async fn a_long_lag_keeps_so_much_and_ends_no_connection() {
    let sim = quiet().without_listeners().start().await.unwrap();
    let mut client = in_memory(&sim, Market::Futures, Side::Public).await;
    let began = now();
    sim.inject(Fault::lag(Duration::from_secs(60), Duration::from_secs(60)));
    for n in 0..4_100 {
        sim.inject(Fault::send_text(n.to_string()));
    }
    for n in 0..4 {
        assert_eq!(client.text().await, n.to_string(), "the first come early");
    }
    assert_eq!(now(), began);
    assert_eq!(sim.counters().total().overflows, 0);
}

#[tokio::test(start_paused = true)]
async fn a_lag_spares_ping_frames_and_costs_a_close_its_answer() {
    let sim = quiet().without_listeners().start().await.unwrap();
    let mut client = in_memory(&sim, Market::Futures, Side::Public).await;
    let began = now();
    // Longer than any clock can add.
    sim.inject(Fault::lag(Duration::from_secs(60), Duration::MAX));
    sim.inject(Fault::delay_replies(Duration::MAX));
    client.send(r#"{"action":"ping"}"#).await;
    sleep(Duration::from_millis(54_500)).await;
    assert_eq!(client.next().await, Seen::Ping);
    let close = 1000_u16.to_be_bytes();
    client
        .send_frame(true, fastwebsockets::OpCode::Close, &close)
        .await;
    assert_eq!(client.next().await, Seen::End);
    assert_eq!((now() - began).as_millis(), 55_500);
}

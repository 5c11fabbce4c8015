//! Every documented error code, by the request that earns it, and the words that futures has in their place.
#![allow(clippy::unwrap_used, reason = "a step that fails is a test that fails")]

mod support;

use std::collections::BTreeSet;

use bitmart_proto::{Market, Side};
use bitmart_sim::{Account, ConnectRefusal, Fault, Limits, Simulator, Wording};
use serde_json::{Value, json};
use support::{Client, Seen, login_args, now_ms, quiet, spot_login, subscribe};

/// `docs/PROTOCOL.md`, *Refusals*.
const CODES: [&str; 24] = [
    "90001", "90002", "90003", "90004", "90005", "90006", "90007", "90008", "90009", "91001", "91002",
    "91003", "91004", "91005", "91006", "91010", "91011", "91021", "91022", "91023", "92001", "94001",
    "94002", "95000",
];

const TRADES: &str = "spot/trade:BTC_USDT";

fn frozen() -> Account {
    Account::new("frozen", "secret", "memo").frozen()
}

fn expired() -> Account {
    Account::new("expired", "secret", "memo").expired()
}

async fn exchange(limits: Limits) -> Simulator {
    let builder = quiet()
        .account(Account::example())
        .account(frozen())
        .account(expired());
    builder.empty_push(false).limits(limits).start().await.unwrap()
}

/// The code of an answer, which must come with a text.
fn code(answer: &Value) -> String {
    assert!(answer["errorMessage"].is_string(), "{answer}");
    answer["errorCode"].as_str().expect("a code, as text").to_owned()
}

#[tokio::test]
async fn every_code_can_be_had() {
    let mut seen = BTreeSet::new();

    // What a request brings upon itself.
    let sim = exchange(Limits::none()).await;
    let mut limits = Limits::none();
    limits.spot.topics_per_request = Some(20);
    limits.spot.public_topics = Some(1);
    let limited = exchange(limits).await;
    let many = subscribe(Market::Spot, &[TRADES; 21]);
    let two = subscribe(Market::Spot, &[TRADES, "spot/trade:ETH_USDT"]);
    let again = subscribe(Market::Spot, &[TRADES, TRADES]);
    for (sim, request, acks, expected) in [
        (&sim, "{", 0, "90001"),
        (&sim, r#"{"op":"nonsense"}"#, 0, "90002"),
        (&sim, r#"{"op":"subscribe","args":{}}"#, 0, "90003"),
        (
            &sim,
            r#"{"op":"subscribe","args":["spot/nonsense:BTC_USDT"]}"#,
            0,
            "90004",
        ),
        (&limited, &many, 0, "90005"),
        (&limited, &two, 1, "90006"),
        (&sim, &again, 1, "90008"),
        (
            &sim,
            r#"{"op":"unsubscribe","args":["spot/trade:BTC_USDT"]}"#,
            0,
            "90009",
        ),
        (
            &sim,
            r#"{"op":"subscribe","args":["spot/user/order:BTC_USDT"]}"#,
            0,
            "91006",
        ),
        (
            &sim,
            r#"{"op":"subscribe","args":["spot/ticker:NOPE_USDT"]}"#,
            0,
            "92001",
        ),
    ] {
        let mut client = Client::connect(sim, Market::Spot, Side::Public).await;
        client.send(request).await;
        for _ in 0..acks {
            assert_eq!(client.json().await["event"], "subscribe", "{request}");
        }
        assert_eq!(code(&client.json().await), expected, "{request}");
        // None of them ends the connection.
        assert_eq!(client.ask("ping").await, "pong", "{request}");
        seen.insert(expected);
    }

    // What a login does.
    let now = now_ms();
    let [key, timestamp, signature] = login_args(&Account::example(), now);
    let [_, old, old_signature] = login_args(&Account::example(), now - 120_000);
    for (args, expected) in [
        (json!(["", timestamp, signature]), "91001"),
        (json!(["nobody", timestamp, signature]), "91002"),
        (json!(login_args(&frozen(), now)), "91003"),
        (json!(login_args(&expired(), now)), "91004"),
        (json!([key, timestamp, ""]), "91010"),
        (json!([key, timestamp, "0".repeat(64)]), "91011"),
        (json!([key, "", signature]), "91021"),
        (json!([key, old, old_signature]), "91022"),
        (json!([key, "now", signature]), "91023"),
    ] {
        let mut client = Client::connect(&sim, Market::Spot, Side::Private).await;
        client
            .send(&json!({ "op": "login", "args": args }).to_string())
            .await;
        let answer = client.json().await;
        assert_eq!(
            (code(&answer).as_str(), &answer["event"]),
            (expected, &json!("login"))
        );
        assert_eq!(
            client.next().await,
            Seen::Close(1000, String::new()),
            "{expected}"
        );
        seen.insert(expected);
    }
    let mut client = Client::logged_in(&sim, Market::Spot, &Account::example()).await;
    client.send(&spot_login(&Account::example())).await;
    assert_eq!(code(&client.json().await), "91005");
    seen.insert("91005");

    // What haste does.
    let mut limits = Limits::none();
    limits.spot.messages_per_window = Some(1);
    let sim_of_few = exchange(limits).await;
    let mut client = Client::connect(&sim_of_few, Market::Spot, Side::Public).await;
    assert_eq!(client.ask("ping").await, "pong");
    client.send("ping").await;
    assert_eq!(code(&client.json().await), "90007");
    assert_eq!(client.next().await, Seen::Close(1000, String::new()));
    seen.insert("90007");
    for (per_minute, at_once, expected) in [(Some(1), None, "94001"), (None, Some(1), "94002")] {
        let mut limits = Limits::none();
        limits.spot.connects_per_minute = per_minute;
        limits.spot.private_connections = at_once;
        limits.refusal = ConnectRefusal::Code;
        let sim = exchange(limits).await;
        let _first = Client::connect(&sim, Market::Spot, Side::Private).await;
        let mut client = Client::connect(&sim, Market::Spot, Side::Private).await;
        assert_eq!(code(&client.json().await), expected);
        assert_eq!(client.next().await, Seen::Close(1000, String::new()));
        seen.insert(expected);
    }

    // What nobody can help.
    sim.inject(Fault::reject_login("95000", "internal error"));
    let mut client = Client::connect(&sim, Market::Spot, Side::Private).await;
    client.send(&spot_login(&Account::example())).await;
    assert_eq!(code(&client.json().await), "95000");
    let mut client = Client::logged_in(&sim, Market::Spot, &Account::example()).await;
    sim.inject(Fault::refuse_request("95000", "internal error"));
    client
        .send(&subscribe(Market::Spot, &["spot/user/order:BTC_USDT"]))
        .await;
    assert_eq!(code(&client.json().await), "95000");
    seen.insert("95000");

    assert_eq!(seen, BTreeSet::from(CODES));
}

/// Before 2023 the codes were numbers, and the keys others.
#[tokio::test]
async fn the_old_form_can_be_sent() {
    let sim = quiet().start().await.unwrap();
    let mut client = Client::connect(&sim, Market::Spot, Side::Private).await;
    let old = r#"{"event":"error","message":"Unrecognized request.","errorCode":30039}"#;
    sim.inject(Fault::send_text(old));
    assert_eq!(client.text().await, old);
}

#[tokio::test]
async fn futures_has_words_for_what_is_wrong() {
    const TOPIC: &str = "futures/trade:NOPEUSDT";
    for (wording, error, echoed) in [
        (
            Wording::Captured,
            "Invalid channel: not found futures/trade:NOPEUSDT",
            json!(["futures/trade:BTCUSDT", TOPIC]),
        ),
        (
            Wording::Documented,
            "group [futures/trade:NOPEUSDT] not exist",
            json!([TOPIC]),
        ),
    ] {
        let sim = quiet().wording(wording).start().await.unwrap();
        let mut client = Client::connect(&sim, Market::Futures, Side::Public).await;
        client
            .send(&subscribe(Market::Futures, &["futures/trade:BTCUSDT", TOPIC]))
            .await;
        assert_eq!(client.json().await["success"], true);
        let expected = json!({
            "action": "subscribe",
            "group": TOPIC,
            "success": false,
            "error": error,
            "request": { "action": "subscribe", "args": echoed },
        });
        assert_eq!(client.json().await, expected);
        for (request, words) in [
            ("ping", "message must be JSON: ping"),
            (r#"{"action":"#, "message must be JSON"),
            (r#"{"action":"nonsense"}"#, "Invalid action [nonsense]"),
            (r#"{"action":"subscribe","args":0}"#, "args must be a list"),
            (
                r#"{"action":"subscribe","args":["futures/order"]}"#,
                "futures/order need authenication",
            ),
        ] {
            client.send(request).await;
            let answer = client.json().await;
            assert_eq!(answer["success"], false, "{request}");
            assert!(answer["error"].as_str().unwrap().contains(words), "{answer}");
        }
    }
}

/// Of a frozen or expired key, futures says no more than of a wrong one.
#[tokio::test]
async fn futures_refuses_every_bad_key_alike() {
    let sim = exchange(Limits::default()).await;
    for account in [frozen(), expired(), Account::new("nobody", "s", "m")] {
        let mut client = Client::connect(&sim, Market::Futures, Side::Private).await;
        let answer = client.ask(&support::futures_login(&account)).await;
        assert!(
            answer.contains("access failed: openapi auth: apiKey") && answer.contains("openapi auth failed"),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn a_topic_that_exists_can_be_refused() {
    let sim = quiet().start().await.unwrap();
    let delisted = sim.inject(
        Fault::refuse_topic("92001", "Invalid symbol param")
            .on_topic("spot/trade:ETH_USDT")
            .forever(),
    );
    let mut spot = Client::connect(&sim, Market::Spot, Side::Public).await;
    let topics = ["spot/trade:BTC_USDT", "spot/trade:ETH_USDT", TRADES];
    for (at, answer) in spot.subscribe(Market::Spot, &topics).await.iter().enumerate() {
        assert_eq!(answer.contains("92001"), at == 1, "{answer}");
    }
    for _ in 0..2 {
        let answers = spot.subscribe(Market::Spot, &topics[1..2]).await;
        assert!(answers[0].contains("92001"), "{answers:?}");
    }
    sim.clear(delisted);
    let answers = spot.subscribe(Market::Spot, &topics[1..2]).await;
    assert!(answers[0].contains(topics[1]), "{answers:?}");

    let text = "authentication is temporarily unavailable";
    sim.inject(Fault::refuse_topic("", text).on_market(Market::Futures));
    let mut futures = Client::connect(&sim, Market::Futures, Side::Public).await;
    let topic = "futures/trade:BTCUSDT";
    let request = subscribe(Market::Futures, &[topic]);
    futures.send(&request).await;
    let answer = futures.json().await;
    assert_eq!(
        (&answer["group"], &answer["success"], &answer["error"]),
        (&json!(topic), &json!(false), &json!(text))
    );
    assert!(futures.ask(&request).await.contains(r#""success":true"#));
    assert_eq!(sim.counters().total().faults, 4);
}

#[tokio::test]
async fn a_request_can_be_refused_as_a_whole() {
    let sim = quiet().start().await.unwrap();
    let mut spot = Client::connect(&sim, Market::Spot, Side::Public).await;
    sim.inject(Fault::refuse_request("95000", r#"say "no""#).on_topic(TRADES));
    let other = spot.subscribe(Market::Spot, &["spot/bookTicker:BTC_USDT"]).await;
    assert!(other[0].contains("topic"), "{other:?}");
    spot.send(&subscribe(Market::Spot, &["spot/trade:ETH_USDT", TRADES]))
        .await;
    let expected = r#"{"event":"subscribe","errorCode":"95000","errorMessage":"say \"no\""}"#;
    assert_eq!(spot.text().await, expected);
    assert_eq!(spot.ask("ping").await, "pong");
    assert_eq!(sim.counters().total().subscribes, 1);

    let mut futures = Client::connect(&sim, Market::Futures, Side::Public).await;
    sim.inject(Fault::refuse_request("", "later").on_market(Market::Futures));
    let request = subscribe(
        Market::Futures,
        &["futures/trade:BTCUSDT", "futures/trade:ETHUSDT"],
    );
    assert_eq!(
        futures.ask(&request).await,
        r#"{"success":false,"error":"later"}"#
    );
    assert!(futures.ask(&request).await.contains(r#""success":true"#));
}

//! Subscriptions: acknowledgements, errors, limits, and the data that follows.

mod support;

use std::collections::BTreeSet;

use bitmart_proto::{Environment, Market, Side, Symbol};
use bitmart_sim::exchange::{Intent, NewOrder};
use bitmart_sim::{Account, EXAMPLE_KEY, Simulator};
use serde_json::{Value, json};
use support::{Client, Seen, quiet, subscribe};

fn text(value: &Value) -> String {
    value.to_string()
}

#[tokio::test]
async fn spot_acks_each_topic_and_answers_each_mistake() {
    let sim = quiet().start().await.unwrap();
    let mut client = Client::connect(&sim, Market::Spot, Side::Public).await;
    let topics = [
        "spot/ticker:BTC_USDT",
        "spot/nonsense:BTC_USDT",
        "spot/trade:NOPE_USDT",
        "spot/trade:ETH_USDT",
    ];
    let answers = client.subscribe(Market::Spot, &topics).await;
    assert_eq!(
        answers,
        [
            r#"{"event":"subscribe","topic":"spot/ticker:BTC_USDT"}"#,
            r#"{"event":"subscribe","errorCode":"90004","errorMessage":"Invalid channel param"}"#,
            // As captured: of all refusals of a topic, this one doesn't say what it refuses.
            r#"{"errorMessage":"Invalid symbol param","errorCode":"92001"}"#,
            r#"{"event":"subscribe","topic":"spot/trade:ETH_USDT"}"#,
        ]
    );
    let again = client.subscribe(Market::Spot, &["spot/trade:ETH_USDT"]).await;
    assert_eq!(
        again,
        [r#"{"event":"subscribe","errorCode":"90008","errorMessage":"Duplicate subscription"}"#]
    );
    let gone = json!({ "op": "unsubscribe", "args": ["spot/trade:ETH_USDT", "spot/trade:BTC_USDT"] });
    assert_eq!(
        client.ask(&text(&gone)).await,
        r#"{"event":"unsubscribe","topic":"spot/trade:ETH_USDT"}"#
    );
    assert_eq!(
        client.text().await,
        r#"{"errorCode":"90009","errorMessage":"Invalid unsubscription"}"#
    );
    let counters = sim.counters().of(Environment::Live, Market::Spot, Side::Public);
    assert_eq!((counters.subscribes, counters.unsubscribes), (2, 1));
}

#[tokio::test]
async fn what_spot_cannot_read_has_its_code() {
    let sim = quiet().start().await.unwrap();
    let mut client = Client::connect(&sim, Market::Spot, Side::Public).await;
    for (message, code) in [
        ("not json", "90001"),
        ("PING", "90001"),
        ("[]", "90001"),
        ("42", "90001"),
        ("{", "90001"),
        ("{}", "90002"),
        (r#"{"op":"nonsense","args":[]}"#, "90002"),
        (r#"{"op":1}"#, "90002"),
        (r#"{"op":"subscribe"}"#, "90003"),
        (r#"{"op":"subscribe","args":[]}"#, "90003"),
        (r#"{"op":"subscribe","args":[1]}"#, "90003"),
        (r#"{"op":"subscribe","args":"spot/ticker:BTC_USDT"}"#, "90003"),
        (r#"{"op":"subscribe","args":["futures/trade:BTCUSDT"]}"#, "90004"),
        (
            r#"{"op":"subscribe","args":["spot/user/order:BTC_USDT"]}"#,
            "91006",
        ),
        (r#"{"op":"subscribe","args":["spot/ticker:BTCUSDT"]}"#, "92001"),
        (r#"{"op":"request","args":["spot/ticker:BTC_USDT"]}"#, "90004"),
    ] {
        client.send(message).await;
        let answer = client.json().await;
        assert_eq!(answer["errorCode"], code, "{message}");
    }
    // A JSON ping was seen to be ignored.
    client.send(r#"{"op":"ping"}"#).await;
    assert_eq!(client.ask("ping").await, "pong");
}

#[tokio::test]
async fn spot_takes_twenty_topics_a_request_and_no_more() {
    let sim = quiet().start().await.unwrap();
    let mut client = Client::connect(&sim, Market::Spot, Side::Public).await;
    let many = vec!["spot/ticker:BTC_USDT"; 21];
    client.send(&subscribe(Market::Spot, &many)).await;
    assert!(client.text().await.contains("90005"));
    let acks = client.subscribe(Market::Spot, &many[..20]).await;
    assert_eq!(acks.iter().filter(|ack| ack.contains("90008")).count(), 19);
}

#[tokio::test]
async fn a_spot_connection_carries_so_many_topics() {
    for (side, limit) in [(Side::Public, 115), (Side::Private, 100)] {
        let symbols: Vec<String> = (0..=limit).map(|n| format!("C{n}_USDT")).collect();
        let builder = symbols
            .iter()
            .fold(quiet(), |b, symbol| b.list(Symbol::new(symbol).unwrap()));
        let sim = builder.empty_push(false).start().await.unwrap();
        let channel = if side == Side::Public {
            "spot/ticker"
        } else {
            "spot/user/order"
        };
        let mut client = Client::connect(&sim, Market::Spot, side).await;
        if side == Side::Private {
            client.log_in(Market::Spot, &Account::example()).await;
        }
        let topics: Vec<String> = symbols
            .iter()
            .map(|symbol| format!("{channel}:{symbol}"))
            .collect();
        let mut answers = Vec::new();
        for chunk in topics.chunks(20) {
            let chunk: Vec<&str> = chunk.iter().map(String::as_str).collect();
            answers.extend(client.subscribe(Market::Spot, &chunk).await);
        }
        let refused: Vec<&String> = answers.iter().filter(|answer| answer.contains("90006")).collect();
        assert_eq!((answers.len(), refused.len()), (limit + 1, 1), "{side}");
    }
}

#[tokio::test]
async fn private_topics_need_a_login() {
    let sim = quiet().start().await.unwrap();
    let mut spot = Client::connect(&sim, Market::Spot, Side::Private).await;
    let topics = ["spot/user/order:BTC_USDT", "spot/user/orders:ALL_SYMBOLS"];
    spot.send(&subscribe(Market::Spot, &topics)).await;
    assert!(spot.text().await.contains("91006"));
    let mut futures = Client::connect(&sim, Market::Futures, Side::Private).await;
    let answers = futures.subscribe(Market::Futures, &["futures/order"]).await;
    let expected = r#"{"action":"subscribe","group":"futures/order","success":false,"error":"futures/order need authenication","request":{"action":"subscribe","args":["futures/order"]}}"#;
    assert_eq!(answers, [expected]);
    // Neither ends the connection.
    spot.log_in(Market::Spot, &Account::example()).await;
    futures.log_in(Market::Futures, &Account::example()).await;
    let answers = futures.subscribe(Market::Futures, &["futures/order"]).await;
    let expected = r#"{"action":"subscribe","group":"futures/order","success":true,"request":{"action":"subscribe","args":["futures/order"]}}"#;
    assert_eq!(answers, [expected]);
}

#[tokio::test]
async fn spot_orders_begin_with_an_empty_push() {
    let sim = quiet().start().await.unwrap();
    let mut client = Client::logged_in(&sim, Market::Spot, &Account::example()).await;
    let topics = [
        "spot/user/orders:ALL_SYMBOLS",
        "spot/user/balance:BALANCE_UPDATE",
        "spot/user/order:BTC_USDT",
    ];
    client.send(&subscribe(Market::Spot, &topics)).await;
    for expected in [
        r#"{"event":"subscribe","topic":"spot/user/orders:ALL_SYMBOLS"}"#,
        r#"{"data":"","table":"spot/user/orders"}"#,
        r#"{"event":"subscribe","topic":"spot/user/balance:BALANCE_UPDATE"}"#,
        r#"{"event":"subscribe","topic":"spot/user/order:BTC_USDT"}"#,
        r#"{"data":"","table":"spot/user/order"}"#,
    ] {
        assert_eq!(client.text().await, expected);
    }
}

#[tokio::test]
async fn futures_answers_in_words() {
    let sim = quiet().start().await.unwrap();
    let mut client = Client::connect(&sim, Market::Futures, Side::Public).await;
    let request = |topics: &[&str]| text(&json!({ "action": "subscribe", "args": topics }));
    for (message, answer) in [
        (
            "ping",
            r#"{"success":false,"error":"Invalid message: message must be JSON: ping"}"#,
        ),
        (
            "a \"b\"\\\n",
            r#"{"success":false,"error":"Invalid message: message must be JSON: a \"b\"\\\n"}"#,
        ),
        (
            &request(&["futures/depth10:BTCUSDT"]),
            r#"{"action":"subscribe","group":"futures/depth10:BTCUSDT","success":false,"error":"Invalid channel: not found futures/depth10:BTCUSDT","request":{"action":"subscribe","args":["futures/depth10:BTCUSDT"]}}"#,
        ),
        (
            &request(&["futures/trade:NOPEUSDT"]),
            r#"{"action":"subscribe","group":"futures/trade:NOPEUSDT","success":false,"error":"Invalid channel: not found futures/trade:NOPEUSDT","request":{"action":"subscribe","args":["futures/trade:NOPEUSDT"]}}"#,
        ),
        (
            r#"{"action":"","args":["futures/ticker:ETHUSDT"]}"#,
            r#"{"action":"","group":"futures/ticker:ETHUSDT","success":false,"request":{"action":"","args":["futures/ticker:ETHUSDT"]},"error":"Invalid action [] for group [futures/ticker:ETHUSDT]"}"#,
        ),
        (
            &request(&["futures/order"]),
            r#"{"action":"subscribe","group":"futures/order","success":false,"error":"futures/order need authenication","request":{"action":"subscribe","args":["futures/order"]}}"#,
        ),
    ] {
        assert_eq!(client.ask(message).await, answer);
    }
    // The whole request comes back with each topic, and a duplicate is a success.
    let topics = [
        "futures/trade:BTCUSDT",
        "futures/depthAll20:BTCUSDT@100ms",
        "futures/v2/depthAll5:BTCUSDT",
    ];
    for _ in 0..2 {
        for (answer, topic) in client
            .subscribe(Market::Futures, &topics)
            .await
            .iter()
            .zip(topics)
        {
            let answer: Value = serde_json::from_str(answer).unwrap();
            let request = json!({ "action": "subscribe", "args": topics });
            let expected =
                json!({ "action": "subscribe", "group": topic, "success": true, "request": request });
            assert_eq!(answer, expected);
        }
    }
    for topic in ["futures/trade:BTCUSDT", "futures/trade:ETHUSDT"] {
        let answer = client
            .ask(&text(&json!({ "action": "unsubscribe", "args": [topic] })))
            .await;
        assert!(answer.starts_with(&format!(
            r#"{{"action":"unsubscribe","group":"{topic}","success":true,"#
        )));
    }
    for bad in [r#"{"action":"subscribe"}"#, r#"{"action":"subscribe","args":[]}"#] {
        assert!(client.ask(bad).await.contains(r#""success":false"#));
    }
}

#[tokio::test]
async fn pongs_differ_and_come_from_the_seed() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let sim = quiet().seed(5).start().await.unwrap();
        let mut client = Client::connect(&sim, Market::Futures, Side::Public).await;
        let pongs = [
            client.ask(r#"{"action":"ping"}"#).await,
            client.ask(r#"{"action":"ping"}"#).await,
        ];
        assert_ne!(pongs[0], pongs[1]);
        runs.push(pongs);
    }
    assert_eq!(runs[0], runs[1]);
}

#[tokio::test]
async fn scripted_events_reach_their_account_and_nobody_else() {
    let (a, b) = (Account::new("a", "s", "m"), Account::new("b", "s", "m"));
    let sim = quiet()
        .account(a.clone())
        .account(b.clone())
        .start()
        .await
        .unwrap();
    let topics = ["spot/user/order:BTC_USDT", "spot/user/balance:BALANCE_UPDATE"];
    let mut mine = Client::logged_in(&sim, Market::Spot, &a).await;
    let mut other = Client::logged_in(&sim, Market::Spot, &b).await;
    for client in [&mut mine, &mut other] {
        client.send(&subscribe(Market::Spot, &topics)).await;
        // Two acks and the empty push.
        for _ in 0..3 {
            client.text().await;
        }
    }
    let order = NewOrder::limit("BTC_USDT", Intent::Buy, "80000", "0.01").client_order_id("mine1");
    let id = sim.place_order(Environment::Live, "a", &order).unwrap();
    sim.fill(id, "0.004").unwrap();
    sim.cancel(id).unwrap();
    let mut states = Vec::new();
    for _ in 0..4 {
        let push = mine.json().await;
        match push["table"].as_str() {
            Some("spot/user/order") => {
                assert_eq!(push["data"][0]["order_id"], id.to_string());
                assert_eq!(push["data"][0]["client_order_id"], "mine1");
                states.push(push["data"][0]["order_state"].as_str().unwrap().to_owned());
            }
            table => {
                assert_eq!(table, Some("spot/user/balance"));
                // 100,000 less 0.01 × 80,000; 0.006 × 80,000 stay locked.
                assert_eq!(
                    push["data"][0]["balance_details"][1]["av_bal"],
                    format!("99200.{:030}", 0)
                );
                assert_eq!(
                    push["data"][0]["balance_details"][1]["fz_bal"],
                    format!("480.{:030}", 0)
                );
            }
        }
    }
    assert_eq!(states, ["new", "partially_filled", "partially_canceled"]);
    assert_eq!(
        sim.spot_balance("a", "USDT").unwrap().available.to_string(),
        "99680"
    );
    assert_eq!(
        sim.spot_balance("b", "USDT").unwrap().available.to_string(),
        "100000"
    );
    other.is_quiet().await;
}

/// A story over sockets: what two clients of two simulators with one seed see is the same, byte for byte.
#[tokio::test]
async fn the_same_seed_gives_the_same_bytes_over_the_wire() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let sim = quiet().seed(11).story(true).start().await.unwrap();
        let mut client = Client::logged_in(&sim, Market::Futures, &Account::example()).await;
        let topics = ["futures/order", "futures/position", "futures/asset:USDT"];
        client.subscribe(Market::Futures, &topics).await;
        for _ in 0..24 {
            sim.step().await;
        }
        assert!(client.ask(r#"{"action":"ping"}"#).await.contains("futures/order"));
        let mut seen = Vec::new();
        loop {
            let text = client.text().await;
            if text.contains("pong+") {
                break;
            }
            seen.push(text);
        }
        assert!(seen.len() > 40, "{}", seen.len());
        runs.push(seen);
    }
    assert_eq!(runs[0], runs[1]);
}

/// The subscriber's own snapshot comes behind its acknowledgement; updates and requested snapshots follow it.
#[tokio::test]
async fn spot_books_begin_with_a_snapshot_and_are_mended_by_another() {
    const BOOK: &str = "spot/depth/increase100:BTC_USDT";
    let sim = quiet().start().await.unwrap();
    let request = text(&json!({ "op": "request", "args": [BOOK] }));
    let mut first = Client::connect(&sim, Market::Spot, Side::Public).await;
    let mut other = Client::connect(&sim, Market::Spot, Side::Public).await;
    let ack = first.ask(&subscribe(Market::Spot, &[BOOK])).await;
    assert_eq!(ack, format!(r#"{{"event":"subscribe","topic":"{BOOK}"}}"#));
    let kind = |push: &Value| push["data"][0]["type"].as_str().unwrap().to_owned();
    let version = |push: &Value| push["data"][0]["version"].as_u64().unwrap();
    let snapshot = first.push().await;
    assert_eq!(snapshot["table"], "spot/depth/increase100");
    assert_eq!(kind(&snapshot), "snapshot");
    for step in 1..=3 {
        sim.step().await;
        let update = first.push().await;
        assert_eq!(
            (kind(&update).as_str(), version(&update)),
            ("update", version(&snapshot) + step)
        );
    }
    // Whoever asks gets the book under the version that the next update follows, and nothing else.
    for client in [&mut first, &mut other] {
        client.send(&request).await;
        let again = client.push().await;
        assert_eq!(again["table"], "spot/depth/increase100");
        assert_eq!(
            (kind(&again).as_str(), version(&again)),
            ("snapshot", version(&snapshot) + 3)
        );
    }
    sim.step().await;
    assert_eq!(version(&first.push().await), version(&snapshot) + 4);
    other.is_quiet().await;
}

#[tokio::test]
async fn futures_answers_requests_for_books_and_funding_alone() {
    let sim = quiet().start().await.unwrap();
    let mut client = Client::connect(&sim, Market::Futures, Side::Public).await;
    let request = |topics: &[&str]| text(&json!({ "action": "request", "args": topics }));
    let book = "futures/depthIncrease20:ETHUSDT@200ms";
    let funding = "futures/fundingRate:ETHUSDT";
    client.send(&request(&[book, funding])).await;
    let answers = [client.push().await, client.push().await];
    assert_eq!(
        (&answers[0]["group"], &answers[0]["data"]["type"]),
        (&json!(book), &json!("snapshot"))
    );
    assert_eq!(answers[0]["data"]["asks"].as_array().unwrap().len(), 20);
    assert_eq!(answers[1]["group"], funding);
    for topic in [
        "futures/ticker:ETHUSDT",
        "futures/depthAll20:ETHUSDT",
        "futures/trade:ETHUSDT",
    ] {
        let refused = client.ask(&request(&[topic])).await;
        assert!(
            refused.contains(&format!("Invalid channel: not found {topic}")),
            "{refused}"
        );
    }
    // A request is no subscription.
    sim.step().await;
    client.is_quiet().await;
}

/// Quirk 27: a book without orders says so once. The second version of the books does, too, whatever they hold.
#[tokio::test]
async fn quirk_27_empty_books_are_said_once() {
    let sim = quiet()
        .list(Symbol::new("THETAUSDT").unwrap())
        .start()
        .await
        .unwrap();
    let mut client = Client::connect(&sim, Market::Futures, Side::Public).await;
    for (topic, version) in [
        ("futures/depthIncrease50:THETAUSDT@100ms", Some(3)),
        ("futures/depth5:THETAUSDT", None),
        ("futures/v2/depthIncrease20:BTCUSDT", Some(0)),
        ("futures/v2/depthAll20:BTCUSDT", None),
    ] {
        assert!(
            client
                .ask(&subscribe(Market::Futures, &[topic]))
                .await
                .contains("true")
        );
        if let Some(version) = version {
            let push = client.push().await;
            assert_eq!(push["group"], topic);
            assert_eq!(push["data"]["version"], version, "{push}");
            assert_eq!(
                (&push["data"]["asks"], &push["data"]["bids"]),
                (&json!([]), &json!([]))
            );
        }
        // Again, and nothing again.
        assert!(
            client
                .ask(&subscribe(Market::Futures, &[topic]))
                .await
                .contains("true")
        );
        for _ in 0..8 {
            sim.step().await;
        }
    }
    client.is_quiet().await;
}

#[tokio::test]
async fn demo_money_is_not_live_money() {
    let sim = quiet().start().await.unwrap();
    let order = NewOrder::limit("BTCUSDT", Intent::OpenLong, "80000", "10");
    let id = sim.place_order(Environment::Demo, EXAMPLE_KEY, &order).unwrap();
    sim.fill(id, "10").unwrap();
    assert_eq!(sim.position(Environment::Demo, EXAMPLE_KEY, "BTCUSDT"), (10, 0));
    assert_eq!(sim.position(Environment::Live, EXAMPLE_KEY, "BTCUSDT"), (0, 0));
    let available = |environment| {
        sim.futures_asset(environment, EXAMPLE_KEY, "USDT")
            .unwrap()
            .available
    };
    assert_eq!(available(Environment::Live).to_string(), "100000");
    // 50,000 less a tenth of 800 as margin and 0.02 % of 800 as fee.
    assert_eq!(available(Environment::Demo).to_string(), "49919.84");
    let spot = NewOrder::limit("BTC_USDT", Intent::Buy, "1", "1");
    assert!(sim.place_order(Environment::Demo, EXAMPLE_KEY, &spot).is_err());
}

/// With the default pace, over TLS, as a demo sees it.
#[tokio::test]
async fn a_story_plays_by_itself() {
    let sim = Simulator::builder()
        .tick(std::time::Duration::from_millis(5))
        .start()
        .await
        .unwrap();
    let mut client = Client::logged_in(&sim, Market::Spot, &Account::example()).await;
    let topics = ["spot/user/orders:ALL_SYMBOLS", "spot/user/balance:BALANCE_UPDATE"];
    client.send(&subscribe(Market::Spot, &topics)).await;
    let mut wanted: BTreeSet<&str> = [
        r#""order_state":"new""#,
        r#""order_state":"partially_filled""#,
        r#""order_state":"filled""#,
        r#""order_state":"canceled""#,
        r#""order_state":"partially_canceled""#,
        "TRANSACTION_COMPLETED",
    ]
    .into();
    while !wanted.is_empty() {
        let Seen::Text(text) = client.next().await else {
            panic!("the connection ended")
        };
        wanted.retain(|part| !text.contains(part));
    }
    sim.shutdown().await;
}

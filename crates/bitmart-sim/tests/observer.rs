//! An observer is told of every push, in the order in which they are made.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use bitmart_proto::{Environment, Market, Topic};
use bitmart_sim::{Builder, Simulator, Tick};

/// Steps enough for some trades of every symbol.
const STEPS: usize = 40;

#[derive(Clone, Debug, PartialEq)]
struct Seen {
    number: u64,
    environment: Environment,
    market: Market,
    is_public: bool,
    topic: String,
    payload: String,
}

async fn observe(build: impl FnOnce(Builder) -> Builder) -> Vec<Seen> {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let journal = seen.clone();
    let builder = Simulator::builder()
        .seed(7)
        .tls(false)
        .tick(Tick::Manual)
        .without_listeners()
        .on_push(move |push| {
            assert!(!push.is_for_one, "nobody is connected");
            journal.lock().unwrap().push(Seen {
                number: push.number,
                environment: push.environment,
                market: push.market,
                is_public: push.account.is_none(),
                topic: push.topic.to_owned(),
                payload: push.payload.to_owned(),
            });
        });
    let sim = build(builder).start().await.unwrap();
    for _ in 0..STEPS {
        sim.step().await;
    }
    // The simulator holds the journal as well.
    drop(sim);
    Arc::into_inner(seen).unwrap().into_inner().unwrap()
}

fn topic(text: &str) -> Topic {
    text.parse().unwrap()
}

#[tokio::test]
async fn pushes_are_numbered_and_without_a_follower_only_those_of_accounts_are_made() {
    let seen = observe(|builder| builder).await;
    assert!(seen.len() > 10);
    assert!(seen.iter().all(|push| !push.is_public));
    let numbers: Vec<u64> = seen.iter().map(|push| push.number).collect();
    assert_eq!(numbers, (1..=seen.len() as u64).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_is_always_made_is_made_without_a_follower() {
    let names = ["spot/trade:BTC_USDT", "futures/trade:BTCUSDT"];
    let seen = observe(|builder| builder.make_always(names.map(topic))).await;
    for name in names {
        let made = seen
            .iter()
            .filter(|push| push.topic == name && push.environment == Environment::Live);
        let texts: Vec<&str> = made.map(|push| push.payload.as_str()).collect();
        assert!(texts.len() > 5, "{name}: {}", texts.len());
    }
    assert!(
        seen.iter()
            .all(|push| !push.is_public || names.contains(&push.topic.as_str()))
    );
    assert!(
        seen.iter()
            .any(|push| push.market == Market::Futures && !push.is_public)
    );
}

#[tokio::test]
async fn what_tells_of_an_event_is_said_once() {
    const REPEATED: &str = "futures/position"; // A view, which is told again at times as it was.
    let names = [
        "spot/trade:BTC_USDT",
        "spot/ticker:BTC_USDT",
        "futures/trade:BTCUSDT",
    ];
    let seen = observe(|builder| builder.make_always(names.map(topic))).await;
    let mut said = BTreeSet::new();
    for push in seen.iter().filter(|push| push.topic != REPEATED) {
        let is_demo = push.environment == Environment::Demo;
        assert!(said.insert((is_demo, &push.topic, &push.payload)), "{push:?}");
    }
}

#[tokio::test]
async fn the_clock_starts_where_it_is_told_to() {
    const START_MS: u64 = 1_900_000_000_000;
    let name = "spot/trade:BTC_USDT";
    let seen = observe(|builder| builder.start_ms(START_MS).make_always([topic(name)])).await;
    let first = seen.iter().find(|push| push.topic == name).unwrap();
    assert!(first.payload.contains("\"s_t\":19"), "{}", first.payload);
}

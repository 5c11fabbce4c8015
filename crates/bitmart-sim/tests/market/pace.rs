//! When topics speak, and that looking changes nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use bitmart_proto::{Channel, Environment, Side, Topic};
use bitmart_sim::exchange::{Audience, Exchange, Push};

use crate::numbers::parsed;
use crate::{heard, quiet};

/// The shortest time between two pushes of a topic, in milliseconds.
fn shortest_ms(topic: &str) -> u64 {
    match topic.parse::<Topic>().unwrap().channel() {
        Channel::SpotTicker | Channel::SpotKline(_) | Channel::SpotDepth(_) => 500,
        Channel::SpotDepthIncrease => 100,
        Channel::FuturesTicker => 1_000,
        Channel::FuturesFundingRate => 60_000,
        Channel::FuturesDepth(..) | Channel::FuturesDepthAll(..) | Channel::FuturesDepthIncrease(..) => {
            match topic.rsplit_once('@') {
                Some((_, "100ms")) => 100,
                Some((_, "200ms")) => 200,
                _ => 1_000,
            }
        }
        _ => 0,
    }
}

#[test]
fn topics_keep_their_pace() {
    const TICK_MS: u64 = 40;
    let mut exchange = Exchange::builder(Environment::Live)
        .seed(5)
        .story(false)
        .tick(Duration::from_millis(TICK_MS))
        .build();
    let mut last: BTreeMap<String, u64> = BTreeMap::new();
    let mut shortest: BTreeMap<String, u64> = BTreeMap::new();
    for tick in 0..220 {
        let now_ms = tick * TICK_MS;
        let mut told: Vec<Push> = exchange.step();
        // Of the all-contracts ticker each symbol has its own pace; the two sides of a book come together.
        told.retain(|push| push.topic != "futures/ticker");
        told.dedup_by(|a, b| a.topic == b.topic);
        for push in told {
            if let Some(before_ms) = last.insert(push.topic.clone(), now_ms) {
                let pause = shortest.entry(push.topic).or_insert(u64::MAX);
                *pause = (*pause).min(now_ms - before_ms);
            }
        }
    }
    for (topic, pause_ms) in &shortest {
        let expected = shortest_ms(topic);
        assert!(*pause_ms >= expected, "{topic}: {pause_ms} ms");
        if expected > 0 && !topic.contains("kline1") {
            assert!(
                *pause_ms < expected + 2 * TICK_MS,
                "{topic}: never faster than {pause_ms} ms"
            );
        }
    }
}

/// What a first subscriber is told at once counts: the next push keeps its distance.
#[test]
fn the_pace_begins_with_the_first_push() {
    for topic in [
        "spot/ticker:BTC_USDT",
        "spot/kline1m:BTC_USDT",
        "spot/depth20:BTC_USDT",
        "futures/fundingRate:BTCUSDT",
    ] {
        const TICK_MS: u64 = 60;
        let mut exchange = Exchange::builder(Environment::Live)
            .seed(6)
            .story(false)
            .tick(Duration::from_millis(TICK_MS))
            .build();
        exchange.step_for(|_, _| false);
        assert!(exchange.first_push(&topic.parse().unwrap()).is_some());
        let ticks = (1..2_000).find(|_| !heard(&mut exchange, |wanted| wanted == topic).is_empty());
        let pause_ms = ticks.expect("the next push") * TICK_MS;
        assert!(pause_ms >= shortest_ms(topic), "{topic}: {pause_ms} ms");
    }
}

/// Quirk 7: a quiet spot book repeats its version, a quiet futures book moves it on; and lulls are long enough to
/// see both.
#[test]
fn quirk_07_quiet_books_have_two_dialects() {
    for (topic, is_repeated) in [
        ("spot/depth/increase100:BTC_USDT", true),
        ("futures/depthIncrease20:BTCUSDT@200ms", false),
    ] {
        let mut exchange = quiet(3);
        let mut last = None;
        let mut idle = 0;
        for push in (0..2_000).flat_map(|_| heard(&mut exchange, |wanted| wanted == topic)) {
            let message = parsed(&push);
            let item = message["data"].get(0).unwrap_or(&message["data"]);
            let version = item["version"].as_u64().unwrap();
            let is_empty = ["asks", "bids"]
                .iter()
                .all(|side| item[side].as_array().unwrap().is_empty());
            if let Some(last) = last {
                let step = u64::from(!(is_empty && is_repeated));
                assert_eq!(version, last + step, "{}", push.payload);
            }
            idle += usize::from(is_empty);
            last = Some(version);
        }
        assert!(idle >= 10, "{topic}: {idle}");
    }
}

/// What is said on a topic doesn't depend on who listens to others.
#[test]
fn who_looks_changes_nothing() {
    const TICKS: usize = 30;
    let build = |environment| Exchange::builder(environment).seed(8).build();
    for environment in [Environment::Live, Environment::Demo] {
        let mut exchange = build(environment);
        let all: Vec<Push> = (0..TICKS).flat_map(|_| exchange.step()).collect();
        for topic in [
            "spot/trade:ETH_USDT",
            "spot/ticker:BTC_USDT",
            "spot/kline1m:BTC_USDT",
            "spot/depth/increase100:ETH_USDT",
            "futures/ticker",
            "futures/trade:BTCUSDT",
            "futures/depthIncrease20:ETHUSDT@200ms",
            "futures/depth5:BTCUSDT",
            "futures/fundingRate:ETHUSDT",
        ] {
            let mut exchange = build(environment);
            let mut alone: Vec<Push> = (0..TICKS)
                .flat_map(|_| exchange.step_for(|_, wanted| wanted == topic))
                .collect();
            alone.retain(|push| push.topic == topic);
            let beside: Vec<Push> = all.iter().filter(|push| push.topic == topic).cloned().collect();
            assert_eq!(alone, beside, "{topic}");
            assert_eq!(
                alone.is_empty(),
                environment == Environment::Demo && topic.starts_with("spot/")
            );
        }
    }
}

/// A topic that is dropped and taken up again begins anew, with a later version.
#[test]
fn a_book_that_nobody_wanted_for_a_while_begins_anew() {
    const TOPIC: &str = "futures/depthIncrease5:ETHUSDT@100ms";
    let mut exchange = quiet(2);
    let version = |text: &str| {
        let message: serde_json::Value = serde_json::from_str(text).unwrap();
        message["data"]["version"].as_u64().unwrap()
    };
    let topic = TOPIC.parse().unwrap();
    let first = version(&exchange.first_push(&topic).unwrap());
    for _ in 0..4 {
        exchange.step_for(|_, wanted| wanted == TOPIC);
    }
    for _ in 0..4 {
        exchange.step_for(|_, _| false);
    }
    let snapshot = exchange.first_push(&topic).unwrap();
    assert!(snapshot.contains("snapshot") && version(&snapshot) > first);
}

/// What each public topic is told upon a subscription, before anything else happens.
#[test]
fn first_pushes_are_those_of_the_topics_table() {
    let mut exchange = quiet(1);
    for channel in Channel::all()
        .into_iter()
        .filter(|channel| channel.side() == Side::Public)
    {
        for symbol in ["BTC_USDT", "BTCUSDT"] {
            let Ok(topic) = format!("{}:{symbol}", channel.name()).parse::<Topic>() else {
                continue;
            };
            let first = exchange.first_push(&topic);
            let expected = match channel {
                Channel::SpotTicker => Some("last_price"),
                Channel::SpotKline(_) => Some("candle"),
                Channel::SpotDepth(_) => Some("asks"),
                Channel::SpotDepthIncrease | Channel::FuturesDepthIncrease(..) => Some("snapshot"),
                Channel::FuturesFundingRate => Some("nextFundingTime"),
                Channel::FuturesKline(_) => Some("items"),
                Channel::FuturesV2DepthIncrease(..) => Some(r#""asks":[],"bids":[]"#),
                _ => None,
            };
            match (&first, expected) {
                (Some(text), Some(part)) => assert!(text.contains(part), "{topic}: {text}"),
                (first, expected) => assert_eq!(first.is_some(), expected.is_some(), "{topic}"),
            }
        }
    }
    let pushes = exchange.step_for(|_, _| false);
    assert!(pushes.iter().all(|push| push.audience != Audience::Everyone));
}

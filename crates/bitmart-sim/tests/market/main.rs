//! What the public topics say, held against each other by readers that see nothing but the payloads.

#![allow(clippy::unwrap_used, reason = "a malformed payload is a failed test")]

mod books;
mod candles;
mod copy;
#[path = "../exchange/numbers.rs"]
mod numbers;
mod pace;
mod tape;
mod tickers;

use std::collections::BTreeSet;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

use bitmart_proto::{Channel, Environment, Side, Symbol, Topic};
use bitmart_sim::exchange::{Audience, Exchange, Push};

/// Many seeds for a short while.
const MANY: (Range<u64>, u64) = (0..240, 50);
/// A few seeds for a long while, so that what drifts is seen.
const LONG: (Range<u64>, u64) = (240..244, 600);

/// Runs a property of a seed and a number of ticks, for many seeds and for a long while.
fn for_seeds_and_ticks(property: impl Fn(u64, u64)) {
    for (seeds, ticks) in [MANY, LONG] {
        for_seeds(seeds, |seed| property(seed, ticks));
    }
}

/// Runs a property for each seed; a failure names its seed.
fn for_seeds(seeds: Range<u64>, property: impl Fn(u64)) {
    for seed in seeds {
        let ran = catch_unwind(AssertUnwindSafe(|| property(seed)));
        assert!(ran.is_ok(), "seed {seed}");
    }
}

/// An exchange whose accounts rest.
fn quiet(seed: u64) -> Exchange {
    Exchange::builder(Environment::Live)
        .seed(seed)
        .story(false)
        .build()
}

/// A tick, and what everybody hears of the wanted topics. Accounts hear of their empty positions all the same.
fn heard(exchange: &mut Exchange, is_wanted: impl Fn(&str) -> bool) -> Vec<Push> {
    let mut pushes = exchange.step_for(|_, topic| is_wanted(topic));
    pushes.retain(|push| push.audience == Audience::Everyone);
    pushes
}

/// The public topics that are meant, of all symbols that are traded.
fn topics(is_meant: impl Fn(&str) -> bool) -> BTreeSet<String> {
    let symbols = ["BTC_USDT", "ETH_USDT", "BTCUSDT", "ETHUSDT"].map(|symbol| Symbol::new(symbol).unwrap());
    let channels = Channel::all()
        .into_iter()
        .filter(|channel| channel.side() == Side::Public);
    let with_symbols = channels.flat_map(|channel| {
        let topics = symbols
            .each_ref()
            .map(|symbol| Topic::with_symbol(channel, symbol));
        topics.into_iter().flatten().chain(Topic::without_symbol(channel))
    });
    with_symbols
        .map(|topic| topic.to_string())
        .filter(|topic| is_meant(topic))
        .collect()
}

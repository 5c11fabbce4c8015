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

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

use bitmart_proto::Environment;
use bitmart_sim::exchange::{Audience, Exchange, Push};

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

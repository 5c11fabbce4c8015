//! The exchange's promises, checked by an observer that sees nothing but the payloads and has arithmetic of its
//! own.

#![allow(clippy::unwrap_used, reason = "a malformed payload is a failed test")]

mod futures;
mod numbers;
mod spot;

use bitmart_proto::{Environment, Market};
use bitmart_sim::EXAMPLE_KEY as KEY;
use bitmart_sim::exchange::{Audience, Exchange, Intent, NewOrder, Push, ScriptError};

use futures::FuturesObserver;
use numbers::{ONE, number};
use spot::SpotObserver;

/// Seeds per property; a failure names its seed.
const SEEDS: u64 = 48;
/// Ticks per seed: several rounds of the story.
const TICKS: usize = 160;

fn exchange(seed: u64) -> Exchange {
    Exchange::builder(Environment::Live).seed(seed).build()
}

/// A tick, and what the accounts hear of it. Their trades are public as well.
fn step(exchange: &mut Exchange) -> Vec<Push> {
    exchange.step_for(|_, _| false)
}

#[test]
fn spot_balances_are_what_fills_fees_and_locks_make_them() {
    for seed in 0..SEEDS {
        let ran = std::panic::catch_unwind(|| {
            let mut exchange = exchange(seed);
            let mut observer = SpotObserver::new(&exchange);
            for _ in 0..TICKS {
                step(&mut exchange).iter().for_each(|push| observer.observe(push));
                observer.check_all(&exchange);
            }
            for state in [
                "new",
                "partially_filled",
                "filled",
                "canceled",
                "partially_canceled",
            ] {
                assert!(
                    observer.states.get(state).is_some_and(|seen| *seen >= 10),
                    "{state} is never seen"
                );
            }
        });
        assert!(ran.is_ok(), "seed {seed}");
    }
}

#[test]
fn futures_positions_are_the_sum_of_their_fills_and_no_money_is_lost() {
    for environment in [Environment::Live, Environment::Demo] {
        for seed in 0..SEEDS {
            let ran = std::panic::catch_unwind(|| {
                let mut exchange = Exchange::builder(environment).seed(seed).build();
                let initial = exchange.futures_asset(KEY, "USDT").unwrap().available;
                let initial = number(&initial.to_string());
                let mut observer = FuturesObserver::new(initial);
                for _ in 0..TICKS {
                    step(&mut exchange).iter().for_each(|push| observer.observe(push));
                    for ((symbol, is_long), position) in &observer.positions {
                        let (long, short) = exchange.position(KEY, symbol);
                        let held = i128::from(if *is_long { long } else { short }) * ONE;
                        assert_eq!(held, position.held);
                    }
                }
                for action in 1..=3 {
                    assert!(
                        observer.actions.get(&action).is_some_and(|seen| *seen >= 10),
                        "action {action}"
                    );
                }
            });
            assert!(ran.is_ok(), "{environment:?}, seed {seed}");
        }
    }
}

/// The story's two symbols are seldom flat together, so that the exact sum is checked on one symbol's script.
#[test]
fn a_round_trip_leaves_exactly_its_profit_and_fees() {
    let mut exchange = Exchange::builder(Environment::Live).story(false).build();
    let initial = number(&exchange.futures_asset(KEY, "USDT").unwrap().available.to_string());
    let mut observer = FuturesObserver::new(initial);
    let mut see = |pushes: Vec<Push>| pushes.iter().for_each(|push| observer.observe(push));
    for (open, close, prices) in [
        (
            Intent::OpenLong,
            Intent::CloseLong,
            ["86000.1", "86100.3", "85950.7"],
        ),
        (
            Intent::OpenShort,
            Intent::CloseShort,
            ["86000.1", "85900.2", "86030.9"],
        ),
    ] {
        let (id, pushes) = exchange
            .place_order(KEY, &NewOrder::limit("BTCUSDT", open, prices[0], "97"))
            .unwrap();
        see(pushes);
        see(exchange.fill(id, "31").unwrap());
        see(exchange.fill(id, "66").unwrap());
        let (id, pushes) = exchange
            .place_order(KEY, &NewOrder::limit("BTCUSDT", close, prices[1], "60"))
            .unwrap();
        see(pushes);
        see(exchange.fill(id, "7").unwrap());
        see(exchange.fill(id, "11").unwrap());
        see(exchange.cancel(id).unwrap());
        let (id, pushes) = exchange
            .place_order(KEY, &NewOrder::market("BTCUSDT", close, "79"))
            .unwrap();
        see(pushes);
        see(exchange.fill_at(id, "78", prices[2]).unwrap());
        see(exchange.fill_at(id, "1", prices[2]).unwrap());
        assert_eq!(exchange.position(KEY, "BTCUSDT"), (0, 0));
    }
    assert!(observer.flat_moments >= 2);
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    for environment in [Environment::Live, Environment::Demo] {
        for seed in 0..4 {
            let run = |seed| {
                let mut exchange = Exchange::builder(environment)
                    .seed(seed)
                    .accounts(["a", "b"])
                    .build();
                (0..40).flat_map(|_| exchange.step()).collect::<Vec<_>>()
            };
            assert_eq!(run(seed), run(seed), "seed {seed}");
            assert_ne!(run(seed), run(seed + 1), "seed {seed}");
        }
    }
}

#[test]
fn accounts_and_environments_have_stories_of_their_own() {
    let mut live = Exchange::builder(Environment::Live).accounts(["a", "b"]).build();
    let mut demo = Exchange::builder(Environment::Demo).accounts(["a", "b"]).build();
    let private = |pushes: Vec<Push>, account| {
        let of = move |push: &Push| push.audience == Audience::Account(account);
        pushes
            .into_iter()
            .filter(of)
            .map(|push| push.payload)
            .collect::<Vec<_>>()
    };
    let (live, demo): (Vec<Push>, Vec<Push>) = (0..20)
        .flat_map(|_| live.step().into_iter().zip(demo.step()))
        .unzip();
    assert_ne!(private(live.clone(), 0), private(live.clone(), 1));
    assert_ne!(private(live, 0), private(demo.clone(), 0));
    assert!(demo.iter().all(|push| push.market == Market::Futures));
}

/// With the default pace of four ticks a second: whatever a demo has to show, it shows in ten seconds.
#[test]
fn everything_is_seen_within_ten_seconds() {
    for seed in 0..SEEDS {
        let mut exchange = exchange(seed);
        let ticks: Vec<Vec<Push>> = (0..40).map(|_| step(&mut exchange)).collect();
        for market in Market::ALL {
            let is_private = |push: &Push| push.market == market && push.audience != Audience::Everyone;
            let busy = ticks.iter().filter(|tick| tick.iter().any(is_private)).count();
            assert!(
                busy >= 36,
                "seed {seed}: {market} shows something in {busy} of 40 ticks"
            );
        }
        let all = ticks.concat();
        let has = |topic: &str, text: &str| {
            all.iter()
                .any(|push| push.topic == topic && push.payload.contains(text))
        };
        for symbol in ["BTC_USDT", "ETH_USDT"] {
            let topic = format!("spot/user/order:{symbol}");
            for state in [
                "new",
                "partially_filled",
                "filled",
                "canceled",
                "partially_canceled",
            ] {
                assert!(
                    has(&topic, &format!(r#""order_state":"{state}""#)),
                    "seed {seed}: {symbol} {state}"
                );
            }
        }
        for (topic, text) in [
            ("spot/user/balance:BALANCE_UPDATE", "TRANSACTION_COMPLETED"),
            ("futures/order", r#""action":1"#),
            ("futures/order", r#""action":2"#),
            ("futures/order", r#""action":3"#),
            ("futures/position", r#""position_type":1"#),
            ("futures/position", r#""position_type":2"#),
            ("futures/position", r#""hold_volume":"0""#),
            ("futures/asset:USDT", "position_deposit"),
        ] {
            assert!(has(topic, text), "seed {seed}: {topic} {text}");
        }
    }
}

/// The positions come every ten seconds whether they change or not.
#[test]
fn positions_are_repeated_every_ten_seconds() {
    let mut exchange = Exchange::builder(Environment::Live).story(false).build();
    let order = NewOrder::market("ETHUSDT", Intent::OpenShort, "10");
    let (id, _) = exchange.place_order(KEY, &order).unwrap();
    exchange.fill(id, "10").unwrap();
    let pushes: Vec<Push> = (0..4 * 60).flat_map(|_| step(&mut exchange)).collect();
    let positions: Vec<_> = pushes
        .iter()
        .filter(|push| push.topic == "futures/position")
        .collect();
    assert_eq!(positions.len(), 6);
    assert!(
        positions
            .iter()
            .all(|push| push.payload.contains(r#""hold_volume":"10""#))
    );
}

/// An account that trades for hours piles nothing up.
#[test]
fn the_story_never_ends() {
    let mut exchange = exchange(1);
    let mut observer = SpotObserver::new(&exchange);
    for _ in 0..20_000 {
        for push in step(&mut exchange) {
            if push.topic.starts_with("spot/user") {
                observer.observe(&push);
            }
        }
    }
    observer.check_all(&exchange);
    assert!(
        observer.locks.len() <= 2,
        "{} orders are open",
        observer.locks.len()
    );
}

/// Fees eat the money, slowly; here a script takes most of it away at once.
#[test]
fn an_account_that_runs_dry_is_recharged() {
    let mut exchange = exchange(1);
    let mut observer = SpotObserver::new(&exchange);
    let order = NewOrder::limit("BTC_USDT", Intent::Buy, "50000", "1.999");
    let (_, pushes) = exchange.place_order(KEY, &order).unwrap();
    pushes.iter().for_each(|push| observer.observe(push));
    let order = NewOrder::limit("BTCUSDT", Intent::OpenLong, "50000", "19900");
    exchange.place_order(KEY, &order).unwrap();
    let pushes: Vec<Push> = (0..100).flat_map(|_| step(&mut exchange)).collect();
    pushes.iter().for_each(|push| observer.observe(push));
    observer.check_all(&exchange);
    assert!(
        pushes
            .iter()
            .any(|push| push.payload.contains("ACCOUNT_RECHARGE"))
    );
    assert!(
        pushes
            .iter()
            .any(|push| push.payload.contains(r#""order_state":"partially_filled""#))
    );
    let asset = exchange.futures_asset(KEY, "USDT").unwrap();
    assert!(asset.available > "500".parse().unwrap(), "{asset:?}");
}

#[test]
fn scripts_are_refused_without_a_trace() {
    let mut exchange = Exchange::builder(Environment::Live).story(false).build();
    let buy = |price: &str, size: &str| NewOrder::limit("BTC_USDT", Intent::Buy, price, size);
    let before = exchange.spot_balance(KEY, "USDT");
    let malformed = |text: &str| ScriptError::Malformed { text: text.into() };
    for (order, error) in [
        (buy("85000.001", "1"), malformed("85000.001")),
        (buy("85000", "0.000001"), malformed("0.000001")),
        (buy("-1", "1"), malformed("-1")),
        (buy("0", "1"), malformed("0")),
        (buy("85000", "1e3"), malformed("1e3")),
        (buy("85000", "2"), ScriptError::Insufficient),
        (buy("999999999999", "999999999999"), ScriptError::Insufficient),
        (
            buy("1", "1").client_order_id("has spaces"),
            malformed("has spaces"),
        ),
        (
            NewOrder::limit("X_USDT", Intent::Buy, "1", "1"),
            ScriptError::UnknownSymbol {
                symbol: "X_USDT".into(),
            },
        ),
        (
            NewOrder::limit("BTC_USDT", Intent::OpenLong, "1", "1"),
            ScriptError::UnknownSymbol {
                symbol: "BTC_USDT".into(),
            },
        ),
        (
            NewOrder::limit("BTCUSDT", Intent::OpenLong, "1", "0.5"),
            malformed("0.5"),
        ),
        (
            NewOrder::limit("BTCUSDT", Intent::CloseLong, "1", "1"),
            ScriptError::Insufficient,
        ),
        (
            NewOrder::market("BTCUSDT", Intent::OpenLong, "999999999999"),
            ScriptError::Insufficient,
        ),
    ] {
        assert_eq!(exchange.place_order(KEY, &order).unwrap_err(), error, "{order:?}");
    }
    assert_eq!(
        exchange.place_order("nobody", &buy("1", "1")).unwrap_err(),
        ScriptError::UnknownAccount
    );
    assert_eq!(exchange.spot_balance(KEY, "USDT"), before);

    let (id, _) = exchange.place_order(KEY, &buy("85000", "0.5")).unwrap();
    assert_eq!(exchange.fill(id, "0.6").unwrap_err(), ScriptError::ExceedsOrder);
    assert_eq!(
        exchange.fill_at(id, "0.1", "85000.01").unwrap_err(),
        ScriptError::ExceedsOrder
    );
    assert_eq!(
        exchange.fill_at(id, "0.1", "84999.999").unwrap_err(),
        malformed("84999.999")
    );
    exchange.fill_at(id, "0.1", "84000").unwrap();
    exchange.cancel(id).unwrap();
    assert_eq!(exchange.cancel(id).unwrap_err(), ScriptError::UnknownOrder);
    assert_eq!(exchange.fill(id, "0.1").unwrap_err(), ScriptError::UnknownOrder);
    let balance = exchange.spot_balance(KEY, "USDT").unwrap();
    assert_eq!(
        (
            balance.available.to_string().as_str(),
            balance.frozen.to_string().as_str()
        ),
        ("91600", "0")
    );
}

#[test]
fn an_account_has_only_so_many_open_orders() {
    let mut exchange = Exchange::builder(Environment::Live).story(false).build();
    let order = NewOrder::limit("BTC_USDT", Intent::Buy, "1", "0.00001");
    for _ in 0..bitmart_sim::exchange::MAX_OPEN_ORDERS {
        exchange.place_order(KEY, &order).unwrap();
    }
    assert_eq!(
        exchange.place_order(KEY, &order).unwrap_err(),
        ScriptError::TooManyOrders
    );
}

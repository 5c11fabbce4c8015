//! Books: every way of telling one tells the same.

use std::cell::Cell;
use std::collections::BTreeMap;

use bitmart_proto::Environment;
use bitmart_sim::exchange::{Exchange, Push};

use crate::copy::{Copy, Sides, item, item_of, side};
use crate::numbers::amount;
use crate::tape::{Trade, trades};
use crate::{for_seeds, for_seeds_and_ticks, quiet, topics};

/// The symbols, with the topic whose copy knows most.
const BOOKS: [(&str, &str); 4] = [
    ("BTC_USDT", "spot/depth/increase100:BTC_USDT"),
    ("ETH_USDT", "spot/depth/increase100:ETH_USDT"),
    ("BTCUSDT", "futures/depthIncrease50:BTCUSDT@100ms"),
    ("ETHUSDT", "futures/depthIncrease50:ETHUSDT@100ms"),
];

fn snapshot(exchange: &mut Exchange, topic: &str) -> String {
    exchange
        .first_push(&topic.parse().unwrap())
        .unwrap_or_else(|| panic!("{topic} begins with a snapshot"))
}

fn sides_of(text: &str) -> Sides {
    Sides::read(&item_of(serde_json::from_str(text).unwrap()))
}

#[test]
fn increments_full_books_and_snapshots_are_one_book() {
    let seen = Cell::new((0, 0, 0));
    for_seeds_and_ticks(|seed, ticks| {
        let (symbol, deepest) = BOOKS[seed as usize % 4];
        let mut exchange = quiet(seed);
        // Who joins later sees the same.
        for _ in 0..seed % 9 {
            exchange.step_for(|_, _| false);
        }
        let is_spot = deepest.starts_with("spot/");
        let all = topics(|topic| topic.contains("/depth") && topic.contains(&format!(":{symbol}")));
        let mut topics = vec![deepest.to_owned()];
        if !is_spot {
            let levels = [5, 20, 50][seed as usize % 3];
            topics.push(format!("futures/depthIncrease{levels}:{symbol}"));
            topics.push(format!("futures/depthIncrease{levels}:{symbol}@200ms"));
        }
        let mut copies: BTreeMap<String, Copy> = topics
            .iter()
            .map(|topic| (topic.clone(), Copy::new(topic, &snapshot(&mut exchange, topic))))
            .collect();
        let mut fulls = 0;
        for tick in 0..ticks {
            let is_full_wanted = tick % 13 == seed % 13;
            let pushes = exchange
                .step_for(|_, topic| copies.contains_key(topic) || is_full_wanted && all.contains(topic));
            for push in &pushes {
                if let Some(copy) = copies.get_mut(&push.topic) {
                    copy.apply(&item(push));
                }
            }
            let book = copies[deepest].sides();
            book.check_full();
            for push in &pushes {
                if let Some(copy) = copies.get(&push.topic) {
                    let levels = if is_spot { 100 } else { levels_of(&push.topic) };
                    assert_eq!(copy.sides(), book.cut(levels), "tick {tick}: {}", push.topic);
                } else if push.topic.contains("depthAll") || push.topic.starts_with("spot/depth") {
                    if !push.topic.contains("increase") {
                        fulls += 1;
                        let levels = levels_of(&push.topic);
                        assert_eq!(
                            Sides::read(&item(push)),
                            book.cut(levels),
                            "tick {tick}: {}",
                            push.topic
                        );
                    }
                } else if push.topic.starts_with("futures/depth") && !push.topic.contains("Increase") {
                    fulls += 1;
                    let item = item(push);
                    let expected = book.cut(levels_of(&push.topic));
                    let expected = match item["way"].as_u64() {
                        Some(1) => expected.bids,
                        Some(2) => expected.asks,
                        _ => panic!("{item}"),
                    };
                    assert_eq!(side(&item["depths"]), expected, "tick {tick}: {}", push.topic);
                }
            }
            if tick % 20 == 0 {
                for (topic, copy) in &copies {
                    let text = snapshot(&mut exchange, topic);
                    assert_eq!(
                        sides_of(&text),
                        copy.sides(),
                        "tick {tick}: a fresh snapshot of {topic}"
                    );
                    assert!(
                        text.contains(&format!(r#""version":{}"#, copy.version)),
                        "{topic}"
                    );
                }
            }
        }
        assert!(fulls >= 8, "{fulls}");
        for copy in copies.values() {
            let (updates, idle, trimmed) = seen.get();
            let own = &copy.seen;
            seen.set((updates + own.updates, idle + own.idle, trimmed + own.trimmed));
        }
    });
    let (updates, idle, trimmed) = seen.get();
    assert!(
        updates > 8_000 && idle > 100 && trimmed > 1_000,
        "{:?}",
        seen.get()
    );
}

/// The number in a topic's channel.
fn levels_of(topic: &str) -> usize {
    let channel = topic.split(':').next().unwrap();
    let digits = channel.trim_start_matches(|c: char| !c.is_ascii_digit());
    digits.parse().unwrap()
}

/// Trades come first in their tick: each takes from the best level as the last book has it, and the next book
/// shows no more there than they left.
fn explain(trades: &[Trade], before: &Sides, after: &Sides) {
    let mut left = before.clone();
    for trade in trades {
        let resting = if trade.is_taker_buy {
            &mut left.asks
        } else {
            &mut left.bids
        };
        let best = &mut resting[0];
        assert_eq!(
            best.0, trade.price,
            "{trade:?} isn't at the best price of {before:?}"
        );
        assert!(
            best.1 >= trade.size,
            "{trade:?} is more than rested there: {before:?}"
        );
        best.1 -= trade.size;
        if best.1 == 0 {
            resting.remove(0);
        }
    }
    for is_taker_buy in [true, false] {
        let mut of_side = trades.iter().filter(|trade| trade.is_taker_buy == is_taker_buy);
        let Some(last) = of_side.next_back() else { continue };
        let (left, after) = if is_taker_buy {
            (&left.asks, &after.asks)
        } else {
            (&left.bids, &after.bids)
        };
        for (price, size) in after {
            let is_through = if is_taker_buy {
                *price <= last.price
            } else {
                *price >= last.price
            };
            if is_through {
                let rest = left
                    .iter()
                    .find(|(at, _)| at == price)
                    .map_or(0, |(_, size)| *size);
                assert!(
                    *price == last.price && *size <= rest,
                    "{last:?} left more than {rest} in {after:?}"
                );
            }
        }
    }
}

#[test]
fn trades_take_what_rests_and_the_next_book_shows_it() {
    let explained = Cell::new(0);
    for_seeds_and_ticks(|seed, ticks| {
        let (symbol, topic) = BOOKS[seed as usize % 4];
        let trade_topic = format!("{}/trade:{symbol}", topic.split('/').next().unwrap());
        let mut exchange = quiet(seed);
        let mut copy = Copy::new(topic, &snapshot(&mut exchange, topic));
        for _ in 0..ticks {
            let before = copy.sides();
            let pushes = exchange.step_for(|_, wanted| wanted == topic || wanted == trade_topic);
            let mut traded = Vec::new();
            let mut is_book_told = false;
            for push in &pushes {
                if push.topic == trade_topic {
                    assert!(!is_book_told, "trades come before the book that shows them");
                    traded.extend(trades(push));
                } else if push.topic == topic {
                    is_book_told = true;
                    copy.apply(&item(push));
                }
            }
            assert!(traded.is_empty() || is_book_told, "a trade changes the book");
            explained.set(explained.get() + traded.len());
            explain(&traded, &before, &copy.sides());
        }
    });
    assert!(explained.get() > 8_000, "{}", explained.get());
}

/// An account's order isn't displayed. Whoever fills it comes for it: the trade is announced to its account under
/// the same price and size, and the displayed book stays.
#[test]
fn fills_of_accounts_are_trades_beside_the_book() {
    for_seeds(0..40, |seed| {
        let (symbol, topic) = BOOKS[seed as usize % 4];
        let is_spot = topic.starts_with("spot/");
        let trade_topic = format!("{}/trade:{symbol}", topic.split('/').next().unwrap());
        let mut exchange = Exchange::builder(Environment::Live).seed(seed).build();
        let mut copy = Copy::new(topic, &snapshot(&mut exchange, topic));
        let mut fills = 0;
        for _ in 0..100 {
            let before = copy.sides();
            let pushes = exchange.step_for(|_, wanted| wanted == topic || wanted == trade_topic);
            let mut own: Vec<(i128, i128)> = pushes.iter().filter_map(|push| fill(push, symbol)).collect();
            let mut others = Vec::new();
            for push in &pushes {
                if push.topic == trade_topic {
                    let traded = trades(push);
                    match own.iter().position(|fill| [*fill] == *pairs(&traded)) {
                        Some(at) => {
                            own.remove(at);
                            fills += 1;
                        }
                        None => others.extend(traded),
                    }
                } else if push.topic == topic {
                    copy.apply(&item(push));
                }
            }
            assert!(own.is_empty(), "a fill without a trade: {own:?}");
            explain(&others, &before, &copy.sides());
        }
        assert!(fills > 5, "{fills} fills, {is_spot}");
    });
}

fn pairs(trades: &[Trade]) -> Vec<(i128, i128)> {
    trades.iter().map(|trade| (trade.price, trade.size)).collect()
}

/// The price and size of a fill that an account hears of.
fn fill(push: &Push, symbol: &str) -> Option<(i128, i128)> {
    match push.topic.as_str() {
        "futures/order" => {
            let item = item(push);
            let (order, trade) = (&item["order"], &item["order"]["last_trade"]);
            let is_fill = item["action"].as_u64() == Some(1) && order["symbol"] == symbol;
            is_fill.then(|| (amount(trade, "fillPrice"), amount(trade, "fillQty")))
        }
        topic if topic == format!("spot/user/order:{symbol}") => {
            let order = item(push);
            let is_fill = amount(&order, "dealFee") > 0;
            is_fill.then(|| {
                (
                    amount(&order, "last_fill_price"),
                    amount(&order, "last_fill_count"),
                )
            })
        }
        _ => None,
    }
}

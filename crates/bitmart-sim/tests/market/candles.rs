//! Candles and the trades that they gather.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::Duration;

use bitmart_proto::Environment;
use bitmart_sim::exchange::{Exchange, Push};
use serde_json::Value;

use crate::numbers::{amount, number, parsed};
use crate::tape::{Bar, Tapes, trades};
use crate::{for_seeds, heard, topics};

/// A candle as published: time, open, high, low, close, volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Candle {
    time_s: u64,
    prices: [i128; 4],
    volume: i128,
}

/// The candles of a push of either market.
fn candles(push: &Push) -> Vec<Candle> {
    candles_of(&parsed(push))
}

fn candles_of(message: &Value) -> Vec<Candle> {
    let data = &message["data"];
    if let Some(items) = data.as_array() {
        let spot = |item: &Value| {
            let cells = item["candle"].as_array().unwrap();
            let text = |at: usize| number(cells[at].as_str().unwrap());
            Candle {
                time_s: cells[0].as_u64().unwrap(),
                prices: [text(1), text(2), text(3), text(4)],
                volume: text(5),
            }
        };
        return items.iter().map(spot).collect();
    }
    let futures = |item: &Value| Candle {
        time_s: item["ts"].as_u64().unwrap(),
        prices: ["o", "h", "l", "c"].map(|key| amount(item, key)),
        volume: amount(item, "v"),
    };
    data["items"].as_array().unwrap().iter().map(futures).collect()
}

/// The market, symbol and interval of a topic of candles.
fn parts(topic: &str) -> Option<(bool, &str, &str)> {
    let (channel, symbol) = topic.split_once(':')?;
    let spot = channel
        .strip_prefix("spot/kline")
        .map(|interval| (true, symbol, interval));
    spot.or_else(|| {
        channel
            .strip_prefix("futures/klineBin")
            .map(|interval| (false, symbol, interval))
    })
}

const INTERVALS: [&str; 10] = ["1m", "5m", "15m", "30m", "1H", "2H", "4H", "1D", "1W", "1M"];

/// Beginning and end of the interval that holds a moment, in seconds. All of the weeks and months here are counted
/// from the first ones of 2026: Thursday, January 1st.
fn interval(name: &str, at_s: u64) -> (u64, u64) {
    const NEW_YEAR_S: u64 = 1_767_225_600;
    const DAY_S: u64 = 86_400;
    let of_length = |origin: u64, length: u64| {
        let began = origin + (at_s - origin) / length * length;
        (began, began + length)
    };
    match name {
        "1m" => of_length(0, 60),
        "5m" => of_length(0, 300),
        "15m" => of_length(0, 900),
        "30m" => of_length(0, 1_800),
        "1H" => of_length(0, 3_600),
        "2H" => of_length(0, 7_200),
        "4H" => of_length(0, 14_400),
        "1D" => of_length(0, DAY_S),
        "1W" => of_length(NEW_YEAR_S - 3 * DAY_S, 7 * DAY_S),
        "1M" => {
            let lengths = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
            let mut began = NEW_YEAR_S;
            for length in lengths.iter().cycle() {
                let end = began + length * DAY_S;
                if at_s < end {
                    return (began, end);
                }
                began = end;
            }
            unreachable!("the cycle has no end")
        }
        other => panic!("{other}"),
    }
}

/// Follows every topic of candles beside the trades.
#[derive(Default)]
struct Reader {
    tapes: Tapes,
    /// What the trades made so far, by symbol, interval and beginning.
    made: BTreeMap<(String, &'static str), BTreeMap<u64, Bar>>,
    /// By topic: the bars by their beginnings, as said last.
    bars: BTreeMap<String, BTreeMap<u64, Candle>>,
    pairs: usize,
    flat: usize,
    reopened: usize,
}

impl Reader {
    /// Counts the trades of a push in every interval.
    fn take(&mut self, push: &Push) {
        self.tapes.take(push);
        let Some((_, symbol)) = push.topic.split_once("/trade:") else {
            return;
        };
        for trade in trades(push) {
            for name in INTERVALS {
                let (began_s, _) = interval(name, trade.time_ms / 1_000);
                let bars = self.made.entry((symbol.to_owned(), name)).or_default();
                bars.entry(began_s)
                    .and_modify(|bar| bar.join(trade))
                    .or_insert_with(|| Bar::of(&[trade]).unwrap());
            }
        }
    }

    fn read(&mut self, push: &Push) {
        self.take(push);
        let Some((is_spot, symbol, name)) = parts(&push.topic) else {
            return;
        };
        let bars = self.bars.entry(push.topic.clone()).or_default();
        let name = INTERVALS.into_iter().find(|known| *known == name).unwrap();
        let candles = candles(push);
        assert!((1..=2).contains(&candles.len()), "{}", push.payload);
        self.pairs += usize::from(candles.len() == 2);
        for candle in candles {
            let (began_s, _) = interval(name, candle.time_s);
            let lag_s = candle.time_s - began_s;
            assert!(lag_s == 0 || (!is_spot && lag_s == 1), "{}", push.payload);
            assert!(
                bars.last_key_value().is_none_or(|(last, _)| *last <= began_s),
                "an earlier bar after a later one: {}",
                push.payload
            );
            let [open, high, low, close] = candle.prices;
            let tape = self.tapes.of(symbol);
            match self
                .made
                .get(&(symbol.to_owned(), name))
                .and_then(|bars| bars.get(&began_s))
            {
                Some(bar) => {
                    assert_eq!(
                        (open, high, low, close, candle.volume),
                        (bar.open, bar.high, bar.low, bar.close, bar.volume),
                        "{}: {}",
                        push.topic,
                        push.payload
                    );
                }
                None => {
                    self.flat += 1;
                    assert_eq!(
                        (high, low, close, candle.volume),
                        (open, open, open, 0),
                        "{}",
                        push.payload
                    );
                    if let Some(last) = tape.last_before(began_s * 1_000) {
                        assert_eq!(close, last, "{}", push.payload);
                    }
                }
            }
            let before = bars.insert(began_s, candle);
            self.reopened += usize::from(before.is_some_and(|before| before.prices[0] != open));
        }
    }

    /// A bar that is followed by another was said as it ended.
    fn check_closed(&self) {
        for (topic, bars) in &self.bars {
            let (_, symbol, name) = parts(topic).unwrap();
            let closed = bars.len() - 1;
            for (began_s, candle) in bars.iter().take(closed) {
                let name = INTERVALS.into_iter().find(|known| *known == name).unwrap();
                if let Some(bar) = self.made[&(symbol.to_owned(), name)].get(began_s) {
                    assert_eq!(
                        candle.volume, bar.volume,
                        "{topic}: the end of {began_s} was never said"
                    );
                    assert_eq!(candle.prices[3], bar.close, "{topic}: {began_s}");
                }
            }
        }
    }
}

#[test]
fn candles_are_what_their_trades_make_them() {
    let seen = Cell::new((0, 0, 0));
    // At the usual pace, and at paces that run through hours, days and months.
    for (tick_ms, seeds, ticks) in [
        (250, 0..150, 50),
        (250, 150..153, 500),
        (3_700, 153..220, 60),
        (601_000, 220..232, 100),
        (7 * 3_600_000, 232..238, 150),
    ] {
        for_seeds(seeds, |seed| {
            let mut exchange = Exchange::builder(Environment::Live)
                .seed(seed)
                .tick(Duration::from_millis(tick_ms))
                .build();
            let symbols: &[&str] = if seed % 2 == 0 {
                &["BTC_USDT", "ETHUSDT"]
            } else {
                &["ETH_USDT", "BTCUSDT"]
            };
            let mut reader = Reader::default();
            let wanted = topics(|topic| {
                let is_ours = symbols.iter().any(|symbol| topic.ends_with(symbol));
                // A third of the intervals for each seed.
                let is_turn =
                    |name| INTERVALS.iter().position(|known| *known == name).unwrap() as u64 % 3 == seed % 3;
                is_ours && parts(topic).map_or(topic.contains("/trade:"), |(_, _, name)| is_turn(name))
            });
            for _ in 0..ticks {
                let pushes = exchange.step_for(|_, topic| wanted.contains(topic));
                pushes.iter().for_each(|push| reader.read(push));
            }
            reader.check_closed();
            assert_eq!(reader.bars.len(), wanted.len() - 2);
            let (pairs, flat, reopened) = seen.get();
            seen.set((
                pairs + reader.pairs,
                flat + reader.flat,
                reopened + reader.reopened,
            ));
        });
    }
    let (pairs, flat, reopened) = seen.get();
    assert!(pairs > 3_000 && flat > 500 && reopened > 300, "{:?}", seen.get());
}

/// Whoever joins at whatever moment, beside others or alone, is never told a bar before the one it began with, and
/// goes on from there.
#[test]
fn late_subscribers_are_told_no_earlier_bar() {
    for_seeds(0..24, |seed| {
        for (topic, name) in [
            ("spot/kline1m:BTC_USDT", "1m"),
            ("futures/klineBin1m:BTCUSDT", "1m"),
        ] {
            let mut exchange = Exchange::builder(Environment::Live)
                .seed(seed)
                .tick(Duration::from_millis(400))
                .build();
            let parsed_topic = topic.parse().unwrap();
            let began = |candle: &Candle| interval(name, candle.time_s).0;
            let mut first_bars: Vec<u64> = Vec::new();
            let mut latest = 0;
            for tick in 0..400 {
                let text = exchange.first_push(&parsed_topic).unwrap();
                let joined = candles_of(&serde_json::from_str(&text).unwrap());
                first_bars.push(began(&joined[0]));
                assert!(
                    tick == 0 || latest == 0 || began(&joined[0]) == latest,
                    "tick {tick}: {text}"
                );
                for push in heard(&mut exchange, |wanted| wanted == topic) {
                    for candle in candles(&push) {
                        let began_s = began(&candle);
                        assert!(
                            first_bars.iter().all(|first| *first <= began_s),
                            "tick {tick}: {}",
                            push.payload
                        );
                        latest = began_s;
                    }
                }
            }
            assert!(first_bars.last() > first_bars.first());
        }
    });
}

/// Candles of the mark price hold every mark price that a ticker says, have no volume, and tell the time of the
/// push.
#[test]
fn candles_of_the_mark_price_hold_what_tickers_say() {
    for_seeds(0..40, |seed| {
        let mut exchange = Exchange::builder(Environment::Live)
            .seed(seed)
            .tick(Duration::from_millis(2_500))
            .story(false)
            .build();
        let mut bars: BTreeMap<u64, Candle> = BTreeMap::new();
        let mut told = 0;
        for _ in 0..80 {
            let pushes = heard(&mut exchange, |topic| {
                topic == "futures/markPriceKlineBin1m:ETHUSDT" || topic == "futures/ticker:ETHUSDT"
            });
            let mut mark = None;
            for push in &pushes {
                if push.topic.starts_with("futures/ticker") {
                    mark = Some(amount(&parsed(push)["data"], "mark_price"));
                } else {
                    for candle in candles(push) {
                        let [open, high, low, close] = candle.prices;
                        assert!(low <= open.min(close) && open.max(close) <= high && candle.volume == 0);
                        if let Some(before) = bars.insert(candle.time_s / 60, candle) {
                            assert!(before.time_s <= candle.time_s && before.prices[0] == open);
                            assert!(before.prices[1] <= high && before.prices[2] >= low);
                        }
                    }
                }
            }
            // Without a ticker nothing has changed, the mark price included.
            if let Some(mark) = mark {
                assert_eq!(bars.last_key_value().unwrap().1.prices[3], mark);
                told += 1;
            }
        }
        assert!(
            bars.len() >= 3 && told > 60,
            "{} bars, {told} tickers",
            bars.len()
        );
    });
}

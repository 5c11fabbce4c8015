//! What was traded, read from the public trades alone, and what it adds up to.

use std::collections::BTreeMap;

use bitmart_sim::exchange::Push;
use serde_json::Value;

use crate::numbers::{amount, field, parsed, times};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Trade {
    pub(crate) time_ms: u64,
    pub(crate) price: i128,
    pub(crate) size: i128,
    pub(crate) is_taker_buy: bool,
}

/// The trades of a push of either market, oldest first.
pub(crate) fn trades(push: &Push) -> Vec<Trade> {
    let message = parsed(push);
    let items = message["data"].as_array().unwrap();
    assert!(!items.is_empty(), "{message}");
    if message.get("table").is_some() {
        return items.iter().map(spot).collect();
    }
    let ids: Vec<u64> = items
        .iter()
        .map(|item| item["trade_id"].as_u64().unwrap())
        .collect();
    assert!(ids.is_sorted_by(|a, b| a > b), "newest first: {message}");
    let times: Vec<&str> = items.iter().map(|item| field(item, "created_at")).collect();
    let nanos: Vec<String> = times.iter().map(|time| nanoseconds(time)).collect();
    assert!(nanos.is_sorted_by(|a, b| a >= b), "newest first: {message}");
    items.iter().rev().map(futures).collect()
}

fn spot(item: &Value) -> Trade {
    let time_ms = item["ms_t"].as_u64().unwrap();
    assert_eq!(item["s_t"].as_u64(), Some(time_ms / 1_000), "{item}");
    Trade {
        time_ms,
        price: amount(item, "price"),
        size: amount(item, "size"),
        is_taker_buy: match field(item, "side") {
            "buy" => true,
            "sell" => false,
            other => panic!("{other}"),
        },
    }
}

fn futures(item: &Value) -> Trade {
    assert!((1..=8).contains(&item["way"].as_u64().unwrap()), "{item}");
    Trade {
        time_ms: unix_ms(field(item, "created_at")),
        price: amount(item, "deal_price"),
        size: amount(item, "deal_vol"),
        is_taker_buy: !item["m"].as_bool().unwrap(),
    }
}

/// A time with all nine digits of its second, to be compared as text.
fn nanoseconds(time: &str) -> String {
    let (head, digits) = split_time(time);
    format!("{head}.{digits:0<9}")
}

fn split_time(time: &str) -> (&str, &str) {
    let time = time.strip_suffix('Z').expect("UTC");
    let (head, digits) = time.split_once('.').unwrap_or((time, ""));
    assert!(
        head.len() == 19 && digits.len() <= 9 && !digits.ends_with('0'),
        "{time}"
    );
    (head, digits)
}

pub(crate) fn fraction_digits(time: &str) -> usize {
    split_time(time).1.len()
}

/// Reads a time of 2026 or later, by counting days.
fn unix_ms(time: &str) -> u64 {
    let (head, digits) = split_time(time);
    let numbers: Vec<u64> = head
        .split(['-', 'T', ':'])
        .map(|part| part.parse().unwrap())
        .collect();
    let is_leap =
        |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days_of_years: u64 = (1970..numbers[0])
        .map(|year| 365 + u64::from(is_leap(year)))
        .sum();
    let lengths = [
        31,
        28 + u64::from(is_leap(numbers[0])),
        31,
        30,
        31,
        30,
        31,
        31,
        30,
        31,
        30,
        31,
    ];
    let days_of_months: u64 = lengths[..numbers[1] as usize - 1].iter().sum();
    let days = days_of_years + days_of_months + numbers[2] - 1;
    let seconds = ((days * 24 + numbers[3]) * 60 + numbers[4]) * 60 + numbers[5];
    let millis: u64 = format!("{digits:0<3}")[..3].parse().unwrap();
    seconds * 1_000 + millis
}

/// A bar: open, high, low, close, volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bar {
    pub(crate) open: i128,
    pub(crate) high: i128,
    pub(crate) low: i128,
    pub(crate) close: i128,
    pub(crate) volume: i128,
    /// Sum of price × size.
    pub(crate) turnover: i128,
}

impl Bar {
    pub(crate) fn join(&mut self, trade: Trade) {
        self.high = self.high.max(trade.price);
        self.low = self.low.min(trade.price);
        self.close = trade.price;
        self.volume += trade.size;
        self.turnover += times(trade.price, trade.size);
    }

    pub(crate) fn of(trades: &[Trade]) -> Option<Self> {
        let (first, last) = (trades.first()?, trades.last()?);
        let prices = || trades.iter().map(|trade| trade.price);
        Some(Self {
            open: first.price,
            high: prices().max()?,
            low: prices().min()?,
            close: last.price,
            volume: trades.iter().map(|trade| trade.size).sum(),
            turnover: trades.iter().map(|trade| times(trade.price, trade.size)).sum(),
        })
    }
}

/// All trades of a symbol so far.
#[derive(Default)]
pub(crate) struct Tape {
    pub(crate) trades: Vec<Trade>,
}

impl Tape {
    pub(crate) fn extend(&mut self, trades: Vec<Trade>) {
        for trade in trades {
            let is_later = self
                .trades
                .last()
                .is_none_or(|last| last.time_ms <= trade.time_ms);
            assert!(is_later, "{trade:?} after {:?}", self.trades.last());
            self.trades.push(trade);
        }
    }

    /// The bar of the trades with `from_ms <= time < to_ms`.
    pub(crate) fn bar(&self, from_ms: u64, to_ms: u64) -> Option<Bar> {
        let first = self.trades.partition_point(|trade| trade.time_ms < from_ms);
        let end = self.trades.partition_point(|trade| trade.time_ms < to_ms);
        Bar::of(&self.trades[first..end])
    }

    /// The last price before a moment.
    pub(crate) fn last_before(&self, ms: u64) -> Option<i128> {
        let end = self.trades.partition_point(|trade| trade.time_ms < ms);
        self.trades[..end].last().map(|trade| trade.price)
    }
}

/// A tape per topic.
#[derive(Default)]
pub(crate) struct Tapes(pub(crate) BTreeMap<String, Tape>);

impl Tapes {
    /// Takes a push if it is one of trades.
    pub(crate) fn take(&mut self, push: &Push) {
        if let Some(symbol) = push
            .topic
            .strip_prefix("spot/trade:")
            .or_else(|| push.topic.strip_prefix("futures/trade:"))
        {
            self.0.entry(symbol.to_owned()).or_default().extend(trades(push));
        }
    }

    pub(crate) fn of(&self, symbol: &str) -> &Tape {
        static NONE: Tape = Tape { trades: Vec::new() };
        self.0.get(symbol).unwrap_or(&NONE)
    }
}

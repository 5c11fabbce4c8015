//! One symbol's market: a price, a book that an order flow keeps around it, and what its trades add up to. Both
//! markets have it; what differs between them is how it is written.

mod book;
mod candle;
mod feed;
mod flow;
mod increments;
mod statistics;
mod walk;

use std::fmt;

use bitmart_proto::{Channel, Interval};

use super::amount::Amount;
use crate::random::Random;

pub(super) use book::{Book, Depth, Leavers, Level, Top};
pub(super) use candle::{Candle, Candles, interval_end_s};
pub(super) use feed::{Feed, Said, levels_of};
pub(super) use increments::{Idle, Increment, Rules};
pub(super) use statistics::Day;
pub(super) use walk::Walk;

use flow::Flow;
use statistics::Statistics;

/// Says of a topic's text whether anybody wants its pushes.
pub(super) type Wanted<'a> = &'a dyn Fn(&str) -> bool;

/// A trade as everybody sees it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trade {
    pub(super) price: Amount,
    pub(super) size: Amount,
    pub(super) is_taker_buy: bool,
}

/// What a symbol's market begins with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    /// The price to begin with, in units of its last decimal.
    pub(super) start_price: i64,
    pub(super) price_decimals: u32,
    pub(super) size_decimals: u32,
    /// A usual order, in units of the size's last decimal.
    pub(super) lot: i64,
}

/// The market of one symbol.
#[derive(Debug)]
pub(super) struct SymbolMarket {
    walk: Walk,
    flow: Flow,
    book: Book,
    candles: Candles,
    statistics: Statistics,
    trades: u64,
}

impl SymbolMarket {
    /// A market at its first moment: a full book, and no trade yet.
    pub(super) fn new(terms: Terms, intervals: &[Interval], now_ms: u64, walk: Random, flow: Random) -> Self {
        let Terms {
            start_price,
            price_decimals,
            size_decimals,
            lot,
        } = terms;
        let walk = Walk::new(start_price, price_decimals, walk);
        let mut flow = Flow::new(&walk, lot, price_decimals, size_decimals, flow);
        let mut book = Book::new();
        flow.open(&mut book, &walk);
        Self {
            candles: Candles::new(intervals, now_ms, walk.price()),
            statistics: Statistics::new(walk.price()),
            walk,
            flow,
            book,
            trades: 0,
        }
    }

    /// What the symbol is worth: inside the spread, unless the flow rests.
    pub(super) fn walk(&self) -> &Walk {
        &self.walk
    }

    pub(super) fn book(&self) -> &Book {
        &self.book
    }

    pub(super) fn candles(&self) -> &Candles {
        &self.candles
    }

    pub(super) fn day(&self, now_ms: u64) -> Day {
        self.statistics.day(now_ms)
    }

    /// How many trades there were.
    pub(super) fn trades(&self) -> u64 {
        self.trades
    }

    /// A tick: the price moves and others trade; their trades, in order.
    pub(super) fn step(&mut self, now_ms: u64) -> Vec<Trade> {
        self.walk.step();
        let trades = self.flow.tick(&mut self.book, &self.walk);
        for trade in &trades {
            self.count(trade, now_ms);
        }
        self.candles.roll(now_ms);
        trades
    }

    /// Counts a trade. Those of the accounts come to no more than this: their orders are not displayed, and whoever
    /// trades with one brings as much as it takes, so that the book stays as it is.
    pub(super) fn count(&mut self, trade: &Trade, now_ms: u64) {
        self.trades += 1;
        self.candles.trade(now_ms, trade.price, trade.size);
        self.statistics.trade(now_ms, trade.price, trade.size);
    }
}

/// Writes things one after the other with commas between.
pub(super) fn list<T>(items: &[T], mut write: impl FnMut(&T, &mut String) -> fmt::Result) -> String {
    let mut out = String::new();
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        write(item, &mut out).expect("a String takes every write");
    }
    out
}

/// The intervals of a family of channels.
pub(super) fn intervals(of: impl Fn(Channel) -> Option<Interval>) -> Vec<Interval> {
    Channel::all().into_iter().filter_map(of).collect()
}

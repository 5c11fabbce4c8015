//! Public messages of the spot market.

use crate::book::{BookPush, BookSide, BookStep, RawLevel};
use crate::decode::cursor::Cursor;
use crate::decode::fields::{
    Decimal, Id, OptionalDecimal, OptionalSeconds, OptionalTime, OptionalWord, Seconds, Text, TrimmedWord,
};
use crate::decode::lists::{Element, ListOf};
use crate::decode::record::{Field, Lists, Problem, Source, Span, Store, record};
use crate::decode::tape::Reader;
use crate::list::list;
use crate::serialize::serialize_fields;
use crate::{Interval, Num, SpotSide, TimeMs};

record! {
    /// What a symbol did in the last 24 hours, and its best prices.
    ///
    /// What is optional came to the wire on 2024-02-29 (`docs/PROTOCOL.md`, *Spot market*).
    pub struct SpotTicker<'a>: RawSpotTicker, OwnedSpotTicker, "spot ticker" {
        /// `ask_px`: the lowest price that somebody sells for.
        ask_price: Option<Num<'a>> = OptionalDecimal["ask_px"],
        /// `ask_sz`: the size there, in base coins.
        ask_size: Option<Num<'a>> = OptionalDecimal["ask_sz"],
        /// Traded in 24 hours, in base coins. Known to have been wrong before 2024-02-29.
        base_volume_24h: Option<Num<'a>> = OptionalDecimal["base_volume_24h"],
        /// `bid_px`: the highest price that somebody buys for.
        bid_price: Option<Num<'a>> = OptionalDecimal["bid_px"],
        /// `bid_sz`: the size there, in base coins.
        bid_size: Option<Num<'a>> = OptionalDecimal["bid_sz"],
        /// The change over 24 hours as a fraction: `-0.0114` is a fall by 1.14 %.
        fluctuation: Option<Num<'a>> = OptionalDecimal["fluctuation"],
        /// The highest price of 24 hours.
        high_24h: Option<Num<'a>> = OptionalDecimal["high_24h"],
        /// The price of the last trade.
        last_price: Num<'a> = Decimal["last_price"],
        /// The lowest price of 24 hours.
        low_24h: Option<Num<'a>> = OptionalDecimal["low_24h"],
        /// When it was sent.
        ms_t: Option<TimeMs> = OptionalTime["ms_t"],
        /// The price 24 hours ago.
        open_24h: Option<Num<'a>> = OptionalDecimal["open_24h"],
        /// Traded in 24 hours, in quote coins.
        quote_volume_24h: Option<Num<'a>> = OptionalDecimal["quote_volume_24h"],
        /// When it was sent, to the second; older than [`ms_t`](Self::ms_t). In seconds on the wire.
        s_t: Option<TimeMs> = OptionalSeconds["s_t"],
        /// The symbol, such as `BTC_USDT`.
        symbol: &'a str = Text["symbol"],
    }
}

impl SpotTicker<'_> {
    /// When it was sent, as exactly as the message says.
    #[must_use]
    pub fn time(&self) -> Option<TimeMs> {
        self.ms_t.or(self.s_t)
    }
}

list! {
    /// The tickers of one message of `spot/ticker`. The exchange sends one at a time.
    pub struct SpotTickers<'a>: SpotTicker, RawSpotTicker
}

impl Element for RawSpotTicker {}

record! {
    /// The best prices of a symbol. New in 2026; known from two clients and no capture.
    pub struct SpotBookTicker<'a>: RawSpotBookTicker, OwnedSpotBookTicker, "spot book ticker" {
        /// `ask_px`: the lowest price that somebody sells for; `None` if nobody does.
        ask_price: Option<Num<'a>> = OptionalDecimal["ask_px"],
        /// `ask_sz`: the size there, in base coins.
        ask_size: Option<Num<'a>> = OptionalDecimal["ask_sz"],
        /// `bid_px`: the highest price that somebody buys for; `None` if nobody does.
        bid_price: Option<Num<'a>> = OptionalDecimal["bid_px"],
        /// `bid_sz`: the size there, in base coins.
        bid_size: Option<Num<'a>> = OptionalDecimal["bid_sz"],
        /// When it was sent.
        ms_t: Option<TimeMs> = OptionalTime["ms_t"],
        /// The symbol, such as `BTC_USDT`.
        symbol: &'a str = Text["symbol"],
    }
}

list! {
    /// The best prices in one message of `spot/bookTicker`.
    pub struct SpotBookTickers<'a>: SpotBookTicker, RawSpotBookTicker
}

impl Element for RawSpotBookTicker {}

record! {
    /// The candle of a symbol that is being formed.
    ///
    /// It is sent again and again while it forms; it has closed when a later one appears. Its interval stands in
    /// the message's topic alone: see [`Update::interval`](crate::Update::interval).
    pub struct SpotKline<'a>: RawSpotKline, OwnedSpotKline, "spot kline" {
        /// The candle.
        candle: Candle<'a> = CandleCells["candle"],
        /// The symbol, such as `BTC_USDT`.
        symbol: &'a str = Text["symbol"],
    }
}

/// What trades did within an interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Candle<'a> {
    /// When the interval began; in seconds on the wire. Before 2024-02-29 it may lie within the interval: see
    /// [`open_time`](Self::open_time).
    pub time: TimeMs,
    /// The first price.
    pub open: Num<'a>,
    /// The highest price.
    pub high: Num<'a>,
    /// The lowest price.
    pub low: Num<'a>,
    /// The last price.
    pub close: Num<'a>,
    /// Traded, in base coins.
    pub volume: Num<'a>,
}

serialize_fields! { Candle { time, open, high, low, close, volume } }

impl Candle<'_> {
    /// When the interval began, whatever moment within it the message gives.
    #[must_use]
    pub fn open_time(&self, interval: Interval) -> TimeMs {
        interval.floor(self.time)
    }
}

list! {
    /// The candles of one message of `spot/kline…`.
    pub struct SpotKlines<'a>: SpotKline, RawSpotKline
}

impl Element for RawSpotKline {}

/// A candle as an array: time, open, high, low, close, volume. More cells behind them are none of ours.
enum CandleCells {}

/// A candle as the decoder keeps it.
#[derive(Clone, Copy, Debug, PartialEq)]
struct RawCandle {
    time: TimeMs,
    /// Open, high, low, close, volume.
    numbers: [Span; 5],
}

impl Field for CandleCells {
    type Raw = Option<RawCandle>;
    type View<'a> = Candle<'a>;
    const ABSENT: Option<RawCandle> = None;
    const IS_REQUIRED: bool = true;

    fn read(node: usize, reader: &mut Reader<'_, '_>) -> Result<Option<RawCandle>, Problem> {
        const EXPECTED: &str = "a time in seconds and five decimals in an array";
        let mut cells = reader.elements(node).ok_or(Problem::Expected(EXPECTED))?;
        let mut cell = || cells.next().ok_or(Problem::Expected(EXPECTED));
        let at = |cell| move |_| Problem::ExpectedAt(EXPECTED, cell);
        let first = cell()?;
        let time = Seconds::read(first, reader)
            .map_err(at(first))?
            .ok_or(Problem::Expected(EXPECTED))?;
        let mut numbers = [Span::ABSENT; 5];
        for number in &mut numbers {
            let cell = cell()?;
            *number = Decimal::read(cell, reader).map_err(at(cell))?;
        }
        Ok(Some(RawCandle { time, numbers }))
    }

    #[inline(always)]
    fn scan(cursor: &mut Cursor<'_>, lists: &mut Lists, raw: &mut Option<RawCandle>) -> Option<()> {
        cursor.expect(b"[")?;
        let mut time = Seconds::ABSENT;
        Seconds::scan(cursor, lists, &mut time)?;
        let mut numbers = [Span::ABSENT; 5];
        for number in &mut numbers {
            cursor.expect(b",")?;
            *number = cursor.decimal()?;
        }
        cursor.expect(b"]")?;
        *raw = Some(RawCandle { time: time?, numbers });
        Some(())
    }

    #[inline(always)]
    fn view(raw: Option<RawCandle>, source: Source<'_>) -> Candle<'_> {
        debug_assert!(raw.is_some(), "a candle was checked at decode");
        let RawCandle { time, numbers } = raw.unwrap_or(RawCandle {
            time: TimeMs::new(0),
            numbers: [Span::ABSENT; 5],
        });
        let [open, high, low, close, volume] = numbers.map(|number| Decimal::view(number, source));
        Candle {
            time,
            open,
            high,
            low,
            close,
            volume,
        }
    }

    fn store(view: Candle<'_>, store: &mut Store) -> Option<RawCandle> {
        let numbers = [view.open, view.high, view.low, view.close, view.volume];
        Some(RawCandle {
            time: view.time,
            numbers: numbers.map(|number| Decimal::store(number, store)),
        })
    }
}

record! {
    /// The best levels of a symbol's book, all of them each time. A new one replaces the last.
    pub struct SpotDepth<'a>: RawSpotDepth, OwnedSpotDepth, "spot depth" {
        /// Who sells, lowest price first. May be empty.
        asks: BookSide<'a> = ListOf<RawLevel>["asks"],
        /// Who buys, highest price first. May be empty.
        bids: BookSide<'a> = ListOf<RawLevel>["bids"],
        /// When it was sent.
        ms_t: Option<TimeMs> = OptionalTime["ms_t"],
        /// The symbol, such as `BTC_USDT`.
        symbol: &'a str = Text["symbol"],
    }
}

list! {
    /// The books in one message of `spot/depth5`, `spot/depth20` or `spot/depth50`.
    pub struct SpotDepths<'a>: SpotDepth, RawSpotDepth
}

impl Element for RawSpotDepth {}

record! {
    /// A book of 100 levels a side, or what changed in it.
    ///
    /// A quiet book says so by repeating its version with two empty sides. The book is never to have more than 100
    /// levels a side: cut off what lies beyond (`docs/PROTOCOL.md`, *Books in updates*).
    pub struct SpotDepthUpdate<'a>: RawSpotDepthUpdate, OwnedSpotDepthUpdate, "spot depth update" {
        /// Who sells, lowest price first.
        asks: BookSide<'a> = ListOf<RawLevel>["asks"],
        /// Who buys, highest price first.
        bids: BookSide<'a> = ListOf<RawLevel>["bids"],
        /// When it was sent.
        ms_t: Option<TimeMs> = OptionalTime["ms_t"],
        /// The symbol, such as `BTC_USDT`.
        symbol: &'a str = Text["symbol"],
        /// `type` on the wire: the whole book, or the changes.
        kind: BookPush<'a> = TrimmedWord<BookPush<'static>>["type"],
        /// Counts the changes of the book.
        version: u64 = Id["version"],
    }
}

impl SpotDepthUpdate<'_> {
    /// What this is to a book that stands at version `local`; `None` before the first snapshot.
    #[must_use]
    pub fn step(&self, local: Option<u64>) -> BookStep {
        BookStep::of(self.kind, self.version, local)
    }
}

list! {
    /// The pushes in one message of `spot/depth/increase100`.
    pub struct SpotDepthUpdates<'a>: SpotDepthUpdate, RawSpotDepthUpdate
}

impl Element for RawSpotDepthUpdate {}

record! {
    /// A trade. It has no id, so two that look the same are two trades.
    pub struct SpotTrade<'a>: RawSpotTrade, OwnedSpotTrade, "spot trade" {
        /// When it happened; on messages since 2024-02-29.
        ms_t: Option<TimeMs> = OptionalTime["ms_t"],
        /// The price, padded with zeros.
        price: Num<'a> = Decimal["price"],
        /// When it happened, to the second; older than [`ms_t`](Self::ms_t). In seconds on the wire.
        s_t: Option<TimeMs> = OptionalSeconds["s_t"],
        /// What the taker did: bought or sold.
        side: Option<SpotSide<'a>> = OptionalWord<SpotSide<'static>>["side"],
        /// The size, in base coins.
        size: Num<'a> = Decimal["size"],
        /// The symbol, such as `BTC_USDT`.
        symbol: &'a str = Text["symbol"],
    }
}

impl SpotTrade<'_> {
    /// When it happened, as exactly as the message says.
    #[must_use]
    pub fn time(&self) -> Option<TimeMs> {
        self.ms_t.or(self.s_t)
    }
}

list! {
    /// The trades of one message of `spot/trade`, oldest first.
    pub struct SpotTrades<'a>: SpotTrade, RawSpotTrade
}

impl Element for RawSpotTrade {}

//! Public messages of the futures market.

use crate::book::{BookPush, BookSide, BookStep, RawLevel};
use crate::decode::cursor::{self, Cursor};
use crate::decode::fields::{
    Code, Decimal, Id, OptionalBool, OptionalCode, OptionalDecimal, OptionalTime, OptionalTimestamp, Seconds,
    Text, TrimmedWord,
};
use crate::decode::lists::{Element, ListOf};
use crate::decode::record::{Field, Lists, Problem, Record, Span, record};
use crate::decode::tape::{self, Reader};
use crate::limits::MAX_ITEMS;
use crate::list::list;
use crate::wire::wire_codes;
use crate::{Interval, Num, TimeMs, Timestamp};

record! {
    /// What a contract did in the last 24 hours, its prices, and its best levels. It carries no time. Sizes are in
    /// contracts.
    pub struct FuturesTicker<'a>: RawFuturesTicker, OwnedFuturesTicker, "futures ticker" {
        /// The symbol, such as `BTCUSDT`.
        symbol: &'a str = Text["symbol"],
        /// The price of the last trade.
        last_price: Num<'a> = Decimal["last_price"],
        /// `volume_24`: traded in 24 hours.
        volume_24h: Option<Num<'a>> = OptionalDecimal["volume_24"],
        /// The change over 24 hours as a fraction: `-0.0114` is a fall by 1.14 %.
        range: Option<Num<'a>> = OptionalDecimal["range"],
        /// The price that positions are valued at. Before 2025-02-11 `fair_price` on the wire.
        mark_price: Option<Num<'a>> = OptionalDecimal["mark_price", "fair_price"],
        /// The price on other markets; on messages since 2025-02-11.
        index_price: Option<Num<'a>> = OptionalDecimal["index_price"],
        /// The lowest price that somebody sells for.
        ask_price: Option<Num<'a>> = OptionalDecimal["ask_price"],
        /// `ask_vol`: the size there.
        ask_size: Option<Num<'a>> = OptionalDecimal["ask_vol"],
        /// The highest price that somebody buys for.
        bid_price: Option<Num<'a>> = OptionalDecimal["bid_price"],
        /// `bid_vol`: the size there.
        bid_size: Option<Num<'a>> = OptionalDecimal["bid_vol"],
    }
}

list! {
    /// The tickers of one message of `futures/ticker`. The exchange sends one at a time.
    pub struct FuturesTickers<'a>: FuturesTicker, RawFuturesTicker
}

impl Element for RawFuturesTicker {}

record! {
    /// The best prices of a contract. Sizes are in contracts.
    pub struct FuturesBookTicker<'a>: RawFuturesBookTicker, OwnedFuturesBookTicker, "futures book ticker" {
        /// The symbol, such as `BTCUSDT`.
        symbol: &'a str = Text["symbol"],
        /// `best_bid_price`: the highest price that somebody buys for; `None` if nobody does.
        bid_price: Option<Num<'a>> = OptionalDecimal["best_bid_price"],
        /// `best_bid_vol`: the size there.
        bid_size: Option<Num<'a>> = OptionalDecimal["best_bid_vol"],
        /// `best_ask_price`: the lowest price that somebody sells for; `None` if nobody does.
        ask_price: Option<Num<'a>> = OptionalDecimal["best_ask_price"],
        /// `best_ask_vol`: the size there.
        ask_size: Option<Num<'a>> = OptionalDecimal["best_ask_vol"],
        /// When it was sent.
        ms_t: Option<TimeMs> = OptionalTime["ms_t"],
    }
}

list! {
    /// The best prices in one message of `futures/bookticker`.
    pub struct FuturesBookTickers<'a>: FuturesBookTicker, RawFuturesBookTicker
}

impl Element for RawFuturesBookTicker {}

record! {
    /// What holders of a contract pay one another.
    pub struct FuturesFundingRate<'a>: RawFuturesFundingRate, OwnedFuturesFundingRate, "futures funding rate" {
        /// The symbol, such as `BTCUSDT`.
        symbol: &'a str = Text["symbol"],
        /// `fundingRate`: the rate of the last settlement, as a fraction. Documented as the current one, seen
        /// otherwise.
        last_rate: Option<Num<'a>> = OptionalDecimal["fundingRate"],
        /// `fundingTime`: documented as the next settlement, seen to be the present second. Take
        /// [`next_time`](Self::next_time).
        funding_time: Option<TimeMs> = OptionalTime["fundingTime"],
        /// `nextFundingRate`: what the next settlement will be, as it looks now. Negative: shorts pay.
        next_rate: Option<Num<'a>> = OptionalDecimal["nextFundingRate"],
        /// `nextFundingTime`: when the next settlement is.
        next_time: Option<TimeMs> = OptionalTime["nextFundingTime"],
        /// `funding_upper_limit`: the forecast goes no higher.
        upper_limit: Option<Num<'a>> = OptionalDecimal["funding_upper_limit"],
        /// `funding_lower_limit`: the forecast goes no lower.
        lower_limit: Option<Num<'a>> = OptionalDecimal["funding_lower_limit"],
        /// `ts`: when it was sent.
        time: Option<TimeMs> = OptionalTime["ts"],
    }
}

list! {
    /// The rates in one message of `futures/fundingRate`.
    pub struct FuturesFundingRates<'a>: FuturesFundingRate, RawFuturesFundingRate
}

impl Element for RawFuturesFundingRate {}

wire_codes! {
    /// Which side of a book a message holds.
    pub struct BookWay {
        /// 1: who buys.
        BIDS = 1, "bids";
        /// 2: who sells.
        ASKS = 2, "asks";
    }
}

record! {
    /// One side of a contract's book, all of its best levels each time. A new one replaces that side.
    pub struct FuturesDepthSide<'a>: RawFuturesDepthSide, OwnedFuturesDepthSide, "futures depth side" {
        /// The symbol, such as `BTCUSDT`.
        symbol: &'a str = Text["symbol"],
        /// Which side it is.
        way: BookWay = Code<BookWay>["way"],
        /// `depths`: the levels, best first. May be empty.
        levels: BookSide<'a> = ListOf<RawLevel>["depths"],
        /// When it was sent. Missing in one documented example.
        ms_t: Option<TimeMs> = OptionalTime["ms_t"],
    }
}

list! {
    /// The sides in one message of `futures/depth5`, `futures/depth20` or `futures/depth50`. The exchange sends one
    /// at a time.
    pub struct FuturesDepthSides<'a>: FuturesDepthSide, RawFuturesDepthSide
}

impl Element for RawFuturesDepthSide {}

record! {
    /// The best levels of a contract's book, all of them each time. A new one replaces the last.
    pub struct FuturesDepth<'a>: RawFuturesDepth, OwnedFuturesDepth, "futures depth" {
        /// The symbol, such as `BTCUSDT`.
        symbol: &'a str = Text["symbol"],
        /// Who sells, lowest price first. May be empty.
        asks: BookSide<'a> = ListOf<RawLevel>["asks"],
        /// Who buys, highest price first. May be empty.
        bids: BookSide<'a> = ListOf<RawLevel>["bids"],
        /// When it was sent.
        ms_t: Option<TimeMs> = OptionalTime["ms_t"],
    }
}

list! {
    /// The books in one message of `futures/depthAll…` or `futures/v2/depthAll…`.
    pub struct FuturesDepths<'a>: FuturesDepth, RawFuturesDepth
}

impl Element for RawFuturesDepth {}

record! {
    /// A contract's book, or what changed in it.
    ///
    /// An update with two empty sides counts: its version goes on, and the next update builds on it. The exchange
    /// keeps the number of levels, and sends those that enter as changes (`docs/PROTOCOL.md`, *Books in updates*).
    pub struct FuturesDepthUpdate<'a>: RawFuturesDepthUpdate, OwnedFuturesDepthUpdate, "futures depth update" {
        /// The symbol, such as `BTCUSDT`.
        symbol: &'a str = Text["symbol"],
        /// Who sells, lowest price first.
        asks: BookSide<'a> = ListOf<RawLevel>["asks"],
        /// Who buys, highest price first.
        bids: BookSide<'a> = ListOf<RawLevel>["bids"],
        /// When it was sent.
        ms_t: Option<TimeMs> = OptionalTime["ms_t"],
        /// Counts the pushes.
        version: u64 = Id["version"],
        /// `type` on the wire: the whole book, or the changes.
        kind: BookPush<'a> = TrimmedWord<BookPush<'static>>["type"],
    }
}

impl FuturesDepthUpdate<'_> {
    /// What this is to a book that stands at version `local`; `None` before the first snapshot.
    #[must_use]
    pub fn step(&self, local: Option<u64>) -> BookStep {
        BookStep::of(self.kind, self.version, local)
    }
}

list! {
    /// The pushes in one message of `futures/depthIncrease…` or `futures/v2/depthIncrease…`.
    pub struct FuturesDepthUpdates<'a>: FuturesDepthUpdate, RawFuturesDepthUpdate
}

impl Element for RawFuturesDepthUpdate {}

wire_codes! {
    /// What both sides of a trade did, as the exchange names it. Which of the two was the taker is contested: take
    /// [`FuturesTrade::taker`] instead (`docs/PROTOCOL.md`, *Futures trades*).
    pub struct TradeWay {
        /// 1: opened long, against opened short.
        OPEN_LONG_OPEN_SHORT = 1, "buy open long, sell open short";
        /// 2: opened long, against closed long.
        OPEN_LONG_CLOSE_LONG = 2, "buy open long, sell close long";
        /// 3: closed short, against opened short.
        CLOSE_SHORT_OPEN_SHORT = 3, "buy close short, sell open short";
        /// 4: closed short, against closed long.
        CLOSE_SHORT_CLOSE_LONG = 4, "buy close short, sell close long";
        /// 5: opened short, against opened long.
        OPEN_SHORT_OPEN_LONG = 5, "sell open short, buy open long";
        /// 6: opened short, against closed short.
        OPEN_SHORT_CLOSE_SHORT = 6, "sell open short, buy close short";
        /// 7: closed long, against opened long.
        CLOSE_LONG_OPEN_LONG = 7, "sell close long, buy open long";
        /// 8: closed long, against closed short.
        CLOSE_LONG_CLOSE_SHORT = 8, "sell close long, buy close short";
    }
}

/// What the taker of a trade did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Taker {
    /// The taker bought.
    Bought,
    /// The taker sold.
    Sold,
}

impl std::fmt::Display for Taker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Bought => "bought",
            Self::Sold => "sold",
        })
    }
}

record! {
    /// A trade of a contract.
    pub struct FuturesTrade<'a>: RawFuturesTrade, OwnedFuturesTrade, "futures trade" {
        /// The trade's id. Written as an integer, and once seen as a string.
        trade_id: u64 = Id["trade_id"],
        /// The symbol, such as `BTCUSDT`.
        symbol: &'a str = Text["symbol"],
        /// `deal_price`
        price: Num<'a> = Decimal["deal_price"],
        /// `deal_vol`: the size, in contracts.
        size: Num<'a> = Decimal["deal_vol"],
        /// What both sides did, as the exchange names it.
        way: Option<TradeWay> = OptionalCode<TradeWay>["way"],
        /// `m`: whether the buyer had waited in the book; on messages since 2025-01-16.
        buyer_is_maker: Option<bool> = OptionalBool["m"],
        /// `created_at`: when it happened, to the nanosecond.
        created_at: Option<Timestamp<'a>> = OptionalTimestamp["created_at"],
    }
}

impl FuturesTrade<'_> {
    /// What the taker did, by [`buyer_is_maker`](Self::buyer_is_maker); `None` if the message doesn't say.
    ///
    /// [`way`](Self::way) is not asked: captures contradict its names (`docs/PROTOCOL.md`, *Futures trades*).
    #[must_use]
    pub fn taker(&self) -> Option<Taker> {
        self.buyer_is_maker.map(|buyer_is_maker| {
            if buyer_is_maker {
                Taker::Sold
            } else {
                Taker::Bought
            }
        })
    }
}

list! {
    /// The trades of one message of `futures/trade`, newest first.
    pub struct FuturesTrades<'a>: FuturesTrade, RawFuturesTrade
}

impl Element for RawFuturesTrade {}

record! {
    /// The candle of a contract that is being formed, of its trades or of its mark price.
    ///
    /// The exchange documents one object with the symbol and the candle, and sends the symbol beside an array of
    /// candles; both are read (`docs/PROTOCOL.md`, *Quirks*). The interval stands in the message's topic alone: see
    /// [`Update::interval`](crate::Update::interval).
    pub struct FuturesKline<'a>: RawFuturesKline, OwnedFuturesKline, "futures kline" {
        /// `o`: the first price.
        open: Num<'a> = Decimal["o"],
        /// `h`: the highest price.
        high: Num<'a> = Decimal["h"],
        /// `l`: the lowest price.
        low: Num<'a> = Decimal["l"],
        /// `c`: the last price.
        close: Num<'a> = Decimal["c"],
        /// `v`: traded, in contracts.
        volume: Num<'a> = Decimal["v"],
        /// `ts`: when the interval began, at times a second later; in seconds on the wire. See
        /// [`open_time`](Self::open_time).
        time: TimeMs = Seconds["ts"],
        /// The symbol, such as `BTCUSDT`.
        symbol: &'a str = Text["symbol"],
    }
}

impl FuturesKline<'_> {
    /// When the interval began, whatever moment within it the message gives.
    #[must_use]
    pub fn open_time(&self, interval: Interval) -> TimeMs {
        interval.floor(self.time)
    }
}

list! {
    /// The candles of one message of `futures/klineBin…` or `futures/markPriceKlineBin…`.
    pub struct FuturesKlines<'a>: FuturesKline, RawFuturesKline
}

/// The key of the array of candles.
const ITEMS: &str = "items";

impl Element for RawFuturesKline {
    fn read_element(node: usize, reader: &mut Reader<'_, '_>, rows: &mut Vec<Self>) -> Result<(), Problem> {
        if !reader.is_object(node) {
            return Err(Problem::ExpectedAt("objects in an array", node));
        }
        let items = reader.entries(node).filter(|(key, _)| *key == ITEMS).last();
        let Some((_, items)) = items else {
            rows.push(reader.record(node)?);
            return Ok(());
        };
        // Beside the candles stands the symbol, the last of a candle's keys here.
        let outside = Self::KEYS.get(Self::KEYS.len() - 1..).unwrap_or_default();
        let wrong =
            |node| Problem::Inside(Problem::Expected("objects in an array").of(Self::NAME, ITEMS, node));
        let mut outer = Self::EMPTY;
        reader.fields(outside, &mut outer, node)?;
        for item in reader.elements(items).ok_or_else(|| wrong(items))? {
            if rows.len() >= MAX_ITEMS {
                return Err(Problem::TooManyItems);
            }
            if !reader.is_object(item) {
                return Err(wrong(item));
            }
            let mut candle = outer;
            reader.fields(Self::KEYS, &mut candle, item)?;
            rows.push(tape::complete(candle, item)?);
        }
        Ok(())
    }

    fn scan_element(cursor: &mut Cursor<'_>, lists: &mut Lists, rows: &mut Vec<Self>) -> Option<()> {
        cursor.expect(b"{")?;
        let first = rows.len();
        let (mut symbol, mut has_items) = (Span::ABSENT, false);
        loop {
            if cursor.eat(b"\"symbol\":") {
                Text::scan(cursor, lists, &mut symbol)?;
            } else if cursor.eat(b"\"items\":") {
                // Of a repeated key the last one would count: left to the general way.
                if has_items {
                    return None;
                }
                has_items = true;
                cursor::elements(cursor, lists, |cursor, lists| {
                    rows.push(Self::EMPTY);
                    rows.last_mut()?.scan(cursor, lists)
                })?;
            } else {
                // The documented shape, or a new field: the general way.
                return None;
            }
            if cursor.closes(b'}')? {
                break;
            }
        }
        for candle in rows.get_mut(first..)? {
            if candle.symbol == Span::ABSENT {
                candle.symbol = symbol;
            }
            candle.missing().is_none().then_some(())?;
        }
        has_items.then_some(())
    }
}

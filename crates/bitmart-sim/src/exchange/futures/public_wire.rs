//! Futures' public payloads, key by key in the exchange's order. Sizes count contracts.

use std::fmt::Write;

use bitmart_proto::{Interval, Topic};

use super::Instrument;
use super::funding::{Funding, LIMIT};
use crate::exchange::amount::Amount;
use crate::exchange::market::{
    Candle, Depth, Increment, Level, SymbolMarket, Top, Trade, interval_end_s, list,
};
use crate::exchange::time::rfc3339;

/// What `way` says for each side of a book.
const WAY_BIDS: u8 = 1;
const WAY_ASKS: u8 = 2;

/// A trade with what is published of it alone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Print {
    pub(super) trade: Trade,
    pub(super) id: u64,
    pub(super) way: u64,
    /// Of its millisecond.
    pub(super) nanos: u32,
}

pub(super) fn trades(instrument: &Instrument, topic: &Topic, prints: &[Print], now_ms: u64) -> String {
    let items = list(prints, |print, out| {
        write!(
            out,
            concat!(
                r#"{{"trade_id":{id},"symbol":"{symbol}","deal_price":"{price}","deal_vol":"{size}","#,
                r#""way":{way},"m":{is_buyer_maker},"created_at":"{created_at}"}}"#
            ),
            id = print.id,
            symbol = instrument.symbol,
            price = print.trade.price,
            size = print.trade.size,
            way = print.way,
            is_buyer_maker = !print.trade.is_taker_buy,
            created_at = rfc3339(now_ms, print.nanos),
        )
    });
    format!(r#"{{"data":[{items}],"group":"{topic}"}}"#)
}

pub(super) fn ticker(
    instrument: &Instrument,
    group: &str,
    market: &SymbolMarket,
    index: Amount,
    now_ms: u64,
) -> String {
    let (top, day) = (market.book().top(), market.day(now_ms));
    let (ask, bid) = (best(top.ask), best(top.bid));
    format!(
        concat!(
            r#"{{"data":{{"symbol":"{symbol}","last_price":"{last}","volume_24":"{volume}","#,
            r#""range":"{range}","mark_price":"{mark}","index_price":"{index}","ask_price":"{ask_price}","#,
            r#""ask_vol":"{ask_size}","bid_price":"{bid_price}","bid_vol":"{bid_size}"}},"group":"{group}"}}"#
        ),
        symbol = instrument.symbol,
        last = day.last,
        volume = day.volume,
        range = day.change(),
        mark = market.walk().price(),
        index = index,
        ask_price = ask.price,
        ask_size = ask.size,
        bid_price = bid.price,
        bid_size = bid.size,
        group = group,
    )
}

pub(super) fn book_ticker(instrument: &Instrument, topic: &Topic, top: Top, now_ms: u64) -> String {
    let (ask, bid) = (best(top.ask), best(top.bid));
    format!(
        concat!(
            r#"{{"data":{{"symbol":"{symbol}","best_bid_price":"{}","best_bid_vol":"{}","#,
            r#""best_ask_price":"{}","best_ask_vol":"{}","ms_t":{now_ms}}},"group":"{topic}"}}"#
        ),
        bid.price,
        bid.size,
        ask.price,
        ask.size,
        symbol = instrument.symbol,
        now_ms = now_ms,
        topic = topic,
    )
}

/// The best of a side; zeros if nobody is there.
fn best(level: Option<Level>) -> Level {
    level.unwrap_or(Level {
        price: Amount::ZERO,
        size: Amount::ZERO,
    })
}

/// `fundingTime` is the present second, as was seen, not the settlement that the documentation says.
pub(super) fn funding(instrument: &Instrument, topic: &Topic, funding: &Funding, now_ms: u64) -> String {
    format!(
        concat!(
            r#"{{"data":{{"symbol":"{symbol}","fundingRate":"{settled}","fundingTime":{second_ms},"#,
            r#""nextFundingRate":"{forecast}","nextFundingTime":{next_ms},"funding_upper_limit":"{limit}","#,
            r#""funding_lower_limit":"{lower}","ts":{now_ms}}},"group":"{topic}"}}"#
        ),
        symbol = instrument.symbol,
        settled = funding.settled,
        second_ms = now_ms / 1_000 * 1_000,
        forecast = funding.forecast(),
        next_ms = funding.next_ms(),
        limit = LIMIT,
        lower = -LIMIT,
        now_ms = now_ms,
        topic = topic,
    )
}

/// The two frames of a book whose sides come apart: bids, then asks.
pub(super) fn depth_sides(instrument: &Instrument, topic: &Topic, depth: &Depth, now_ms: u64) -> [String; 2] {
    [(WAY_BIDS, &depth.bids), (WAY_ASKS, &depth.asks)].map(|(way, side)| {
        format!(
            r#"{{"data":{{"symbol":"{}","way":{way},"depths":[{}],"ms_t":{now_ms}}},"group":"{topic}"}}"#,
            instrument.symbol,
            levels(side),
        )
    })
}

pub(super) fn depth_all(instrument: &Instrument, topic: &Topic, depth: &Depth, now_ms: u64) -> String {
    format!(
        r#"{{"data":{{"symbol":"{}","asks":[{}],"bids":[{}],"ms_t":{now_ms}}},"group":"{topic}"}}"#,
        instrument.symbol,
        levels(&depth.asks),
        levels(&depth.bids),
    )
}

pub(super) fn increment(symbol: &str, topic: &Topic, increment: &Increment) -> String {
    format!(
        concat!(
            r#"{{"data":{{"symbol":"{symbol}","asks":[{asks}],"bids":[{bids}],"ms_t":{time_ms},"#,
            r#""version":{version},"type":"{kind}"}},"group":"{topic}"}}"#
        ),
        symbol = symbol,
        asks = levels(&increment.depth.asks),
        bids = levels(&increment.depth.bids),
        time_ms = increment.time_ms,
        version = increment.version,
        kind = if increment.is_snapshot {
            "snapshot"
        } else {
            "update"
        },
        topic = topic,
    )
}

fn levels(levels: &[Level]) -> String {
    list(levels, |level, out| {
        write!(out, r#"{{"price":"{}","vol":"{}"}}"#, level.price, level.size)
    })
}

/// Candles, the older first. Captures show times that are one second past the interval's beginning, so that every
/// fourth bar has such a one.
pub(super) fn candles(
    instrument: &Instrument,
    topic: &Topic,
    interval: Interval,
    candles: &[Candle],
) -> String {
    let time_s = |candle: &Candle| {
        let length_s = interval_end_s(interval, candle.open_s) - candle.open_s;
        candle.open_s + u64::from(candle.open_s / length_s % 4 == 1)
    };
    items(instrument, topic, candles, time_s)
}

/// Candles of the mark price. The documentation calls their time that of the push, where it is the beginning for
/// the others; nobody has captured one. A reader that cuts it to the interval is right either way, so this is the
/// time of the push, and the last second of a bar that has ended.
pub(super) fn mark_candles(
    instrument: &Instrument,
    topic: &Topic,
    interval: Interval,
    candles: &[Candle],
    now_ms: u64,
) -> String {
    let time_s = |candle: &Candle| (now_ms / 1_000).min(interval_end_s(interval, candle.open_s) - 1);
    items(instrument, topic, candles, time_s)
}

/// A list of items, as captured; documented is one flat object.
fn items(
    instrument: &Instrument,
    topic: &Topic,
    candles: &[Candle],
    time_s: impl Fn(&Candle) -> u64,
) -> String {
    let items = list(candles, |candle, out| {
        write!(
            out,
            r#"{{"o":"{}","h":"{}","l":"{}","c":"{}","v":"{}","ts":{}}}"#,
            candle.open,
            candle.high,
            candle.low,
            candle.close,
            candle.volume,
            time_s(candle),
        )
    });
    format!(
        r#"{{"data":{{"symbol":"{}","items":[{items}]}},"group":"{topic}"}}"#,
        instrument.symbol
    )
}

//! Spot's public payloads, key by key in the exchange's order. Numbers are strings, times are not.

use std::fmt::Write;

use bitmart_proto::{Channel, Interval};

use super::Instrument;
use crate::exchange::amount::Amount;
use crate::exchange::market::{Candle, Depth, Increment, Level, SymbolMarket, Top, Trade, list};

/// Decimals of a change in percent, as a fraction, and of a turnover.
const FRACTION_DECIMALS: usize = 4;
const TURNOVER_DECIMALS: usize = 2;

impl Instrument {
    fn price(&self, price: Amount) -> impl std::fmt::Display + use<> {
        price.fixed(self.price_decimals as usize)
    }

    fn size(&self, size: Amount) -> impl std::fmt::Display + use<> {
        size.fixed(self.size_decimals as usize)
    }
}

pub(super) fn trades(instrument: &Instrument, trades: &[Trade], now_ms: u64) -> String {
    let items = list(trades, |trade, out| {
        write!(
            out,
            r#"{{"ms_t":{now_ms},"price":"{price}","s_t":{s},"side":"{side}","size":"{size}","symbol":"{symbol}"}}"#,
            price = instrument.price(trade.price),
            s = now_ms / 1_000,
            side = if trade.is_taker_buy { "buy" } else { "sell" },
            size = instrument.size(trade.size),
            symbol = instrument.symbol,
        )
    });
    format!(r#"{{"data":[{items}],"table":"spot/trade"}}"#)
}

pub(super) fn book_ticker(instrument: &Instrument, top: Top, now_ms: u64) -> String {
    let (ask, bid) = (best(instrument, top.ask), best(instrument, top.bid));
    format!(
        concat!(
            r#"{{"data":[{{"ask_px":"{}","ask_sz":"{}","bid_px":"{}","bid_sz":"{}","ms_t":{},"symbol":"{}"}}],"#,
            r#""table":"spot/bookTicker"}}"#
        ),
        ask.0, ask.1, bid.0, bid.1, now_ms, instrument.symbol,
    )
}

pub(super) fn ticker(instrument: &Instrument, market: &SymbolMarket, now_ms: u64) -> String {
    let (top, day) = (market.book().top(), market.day(now_ms));
    let (ask, bid) = (best(instrument, top.ask), best(instrument, top.bid));
    format!(
        concat!(
            r#"{{"data":[{{"ask_px":"{ask_price}","ask_sz":"{ask_size}","base_volume_24h":"{volume}","#,
            r#""bid_px":"{bid_price}","bid_sz":"{bid_size}","fluctuation":"{change}","high_24h":"{high}","#,
            r#""last_price":"{last}","low_24h":"{low}","ms_t":{ms},"open_24h":"{open}","#,
            r#""quote_volume_24h":"{turnover}","s_t":{s},"symbol":"{symbol}"}}],"table":"spot/ticker"}}"#
        ),
        ask_price = ask.0,
        ask_size = ask.1,
        volume = instrument.size(day.volume),
        bid_price = bid.0,
        bid_size = bid.1,
        change = day.change().fixed(FRACTION_DECIMALS),
        high = instrument.price(day.high),
        last = instrument.price(day.last),
        low = instrument.price(day.low),
        ms = now_ms,
        open = instrument.price(day.open),
        turnover = day.turnover.fixed(TURNOVER_DECIMALS),
        s = now_ms / 1_000,
        symbol = instrument.symbol,
    )
}

/// The best price of a side and its size; zeros if nobody is there.
fn best(instrument: &Instrument, level: Option<Level>) -> (String, String) {
    let Level { price, size } = level.unwrap_or(Level {
        price: Amount::ZERO,
        size: Amount::ZERO,
    });
    (
        instrument.price(price).to_string(),
        instrument.size(size).to_string(),
    )
}

pub(super) fn depth(instrument: &Instrument, channel: Channel, depth: &Depth, now_ms: u64) -> String {
    format!(
        r#"{{"data":[{{{},"ms_t":{now_ms},"symbol":"{}"}}],"table":"{channel}"}}"#,
        sides(instrument, depth),
        instrument.symbol,
    )
}

pub(super) fn increment(instrument: &Instrument, increment: &Increment) -> String {
    format!(
        concat!(
            r#"{{"data":[{{{sides},"ms_t":{time_ms},"symbol":"{symbol}","type":"{kind}","#,
            r#""version":{version}}}],"table":"{channel}"}}"#
        ),
        sides = sides(instrument, &increment.depth),
        time_ms = increment.time_ms,
        symbol = instrument.symbol,
        kind = if increment.is_snapshot {
            "snapshot"
        } else {
            "update"
        },
        version = increment.version,
        channel = Channel::SpotDepthIncrease,
    )
}

/// Any spelling of zero removes a level; both that were seen occur, one for each side.
fn sides(instrument: &Instrument, depth: &Depth) -> String {
    let asks = list(&depth.asks, |level, out| {
        write!(
            out,
            r#"["{}","{}"]"#,
            instrument.price(level.price),
            instrument.size(level.size)
        )
    });
    let bids = list(&depth.bids, |level, out| {
        let price = instrument.price(level.price);
        if level.size.is_positive() {
            write!(out, r#"["{price}","{}"]"#, instrument.size(level.size))
        } else {
            write!(out, r#"["{price}","0"]"#)
        }
    });
    format!(r#""asks":[{asks}],"bids":[{bids}]"#)
}

/// Candles, the older first. The time is the interval's beginning.
pub(super) fn candles(instrument: &Instrument, interval: Interval, candles: &[Candle]) -> String {
    let items = list(candles, |candle, out| {
        write!(
            out,
            r#"{{"candle":[{},"{}","{}","{}","{}","{}"],"symbol":"{}"}}"#,
            candle.open_s,
            instrument.price(candle.open),
            instrument.price(candle.high),
            instrument.price(candle.low),
            instrument.price(candle.close),
            instrument.size(candle.volume),
            instrument.symbol,
        )
    });
    format!(
        r#"{{"data":[{items}],"table":"{}"}}"#,
        Channel::SpotKline(interval)
    )
}

//! The public messages of both markets.

use bitmart_proto::{BookSide, FuturesKlines, Level, Update};

use super::Kind::{
    Bool, Code, Decimal, Id, OpenTime, OptionalCode, OptionalText, Seconds, Text, Time, TrimmedWord, Word,
};
use super::json::Json;
use super::{Read, Row, Schema, Shown, each, elements, fields, fold, read};

pub(crate) const SPOT_TICKER: Schema = &[
    ("ask_price", OptionalText, &["ask_px"]),
    ("ask_size", OptionalText, &["ask_sz"]),
    ("base_volume_24h", OptionalText, &["base_volume_24h"]),
    ("bid_price", OptionalText, &["bid_px"]),
    ("bid_size", OptionalText, &["bid_sz"]),
    ("fluctuation", OptionalText, &["fluctuation"]),
    ("high_24h", OptionalText, &["high_24h"]),
    ("last_price", Decimal, &["last_price"]),
    ("low_24h", OptionalText, &["low_24h"]),
    ("ms_t", Time, &["ms_t"]),
    ("open_24h", OptionalText, &["open_24h"]),
    ("quote_volume_24h", OptionalText, &["quote_volume_24h"]),
    ("s_t", Seconds, &["s_t"]),
    ("symbol", Text, &["symbol"]),
];

pub(crate) const SPOT_BOOK_TICKER: Schema = &[
    ("ask_price", OptionalText, &["ask_px"]),
    ("ask_size", OptionalText, &["ask_sz"]),
    ("bid_price", OptionalText, &["bid_px"]),
    ("bid_size", OptionalText, &["bid_sz"]),
    ("ms_t", Time, &["ms_t"]),
    ("symbol", Text, &["symbol"]),
];

pub(crate) const SPOT_KLINE: Schema = &[("symbol", Text, &["symbol"])];

/// The cells of a candle in an array, in their order; they have no names on the wire.
pub(crate) const CANDLE: Schema = &[
    ("time", OpenTime, &[]),
    ("open", Decimal, &[]),
    ("high", Decimal, &[]),
    ("low", Decimal, &[]),
    ("close", Decimal, &[]),
    ("volume", Decimal, &[]),
];

pub(crate) const LEVEL: Schema = &[("price", Decimal, &["price"]), ("size", Decimal, &["vol"])];

pub(crate) const BOOK: Schema = &[("ms_t", Time, &["ms_t"]), ("symbol", Text, &["symbol"])];

pub(crate) const BOOK_UPDATE: Schema = &[
    ("ms_t", Time, &["ms_t"]),
    ("symbol", Text, &["symbol"]),
    ("kind", TrimmedWord, &["type"]),
    ("version", Id, &["version"]),
];

pub(crate) const BOOK_SIDE: Schema = &[
    ("symbol", Text, &["symbol"]),
    ("way", Code, &["way"]),
    ("ms_t", Time, &["ms_t"]),
];

pub(crate) const SPOT_TRADE: Schema = &[
    ("ms_t", Time, &["ms_t"]),
    ("price", Decimal, &["price"]),
    ("s_t", Seconds, &["s_t"]),
    ("side", Word, &["side"]),
    ("size", Decimal, &["size"]),
    ("symbol", Text, &["symbol"]),
];

pub(crate) const FUTURES_TICKER: Schema = &[
    ("symbol", Text, &["symbol"]),
    ("last_price", Decimal, &["last_price"]),
    ("volume_24h", OptionalText, &["volume_24"]),
    ("range", OptionalText, &["range"]),
    ("mark_price", OptionalText, &["mark_price", "fair_price"]),
    ("index_price", OptionalText, &["index_price"]),
    ("ask_price", OptionalText, &["ask_price"]),
    ("ask_size", OptionalText, &["ask_vol"]),
    ("bid_price", OptionalText, &["bid_price"]),
    ("bid_size", OptionalText, &["bid_vol"]),
];

pub(crate) const FUTURES_BOOK_TICKER: Schema = &[
    ("symbol", Text, &["symbol"]),
    ("bid_price", OptionalText, &["best_bid_price"]),
    ("bid_size", OptionalText, &["best_bid_vol"]),
    ("ask_price", OptionalText, &["best_ask_price"]),
    ("ask_size", OptionalText, &["best_ask_vol"]),
    ("ms_t", Time, &["ms_t"]),
];

pub(crate) const FUTURES_FUNDING_RATE: Schema = &[
    ("symbol", Text, &["symbol"]),
    ("last_rate", OptionalText, &["fundingRate"]),
    ("funding_time", Time, &["fundingTime"]),
    ("next_rate", OptionalText, &["nextFundingRate"]),
    ("next_time", Time, &["nextFundingTime"]),
    ("upper_limit", OptionalText, &["funding_upper_limit"]),
    ("lower_limit", OptionalText, &["funding_lower_limit"]),
    ("time", Time, &["ts"]),
];

pub(crate) const FUTURES_TRADE: Schema = &[
    ("trade_id", Id, &["trade_id"]),
    ("symbol", Text, &["symbol"]),
    ("price", Decimal, &["deal_price"]),
    ("size", Decimal, &["deal_vol"]),
    ("way", OptionalCode, &["way"]),
    ("buyer_is_maker", Bool, &["m"]),
    ("created_at", OptionalText, &["created_at"]),
];

/// A candle without its symbol, which may stand around it.
pub(crate) const FUTURES_CANDLE: Schema = &[
    ("open", Decimal, &["o"]),
    ("high", Decimal, &["h"]),
    ("low", Decimal, &["l"]),
    ("close", Decimal, &["c"]),
    ("volume", Decimal, &["v"]),
    ("time", OpenTime, &["ts"]),
];

/// How the items of a channel are read.
pub(super) fn reader(channel: &str) -> Option<Read> {
    // A count or an interval stands behind some names.
    let from = if channel.starts_with("futures/v2/") {
        "futures/v2/".len()
    } else {
        0
    };
    let digit = channel[from..].find(|char: char| char.is_ascii_digit());
    let name = digit.map_or(channel, |at| &channel[..from + at]);
    let is_counted = digit.is_some();
    Some(match (name, is_counted) {
        ("spot/ticker", false) => |item| Some(vec![fields(item, SPOT_TICKER)?]),
        ("spot/bookTicker", false) => |item| Some(vec![fields(item, SPOT_BOOK_TICKER)?]),
        ("spot/trade", false) => |item| Some(vec![fields(item, SPOT_TRADE)?]),
        ("spot/kline", true) => |item| Some(vec![spot_kline(item)?]),
        ("spot/depth", true) => |item| Some(vec![book(item, BOOK)?]),
        ("spot/depth/increase", true) => |item| Some(vec![book(item, BOOK_UPDATE)?]),
        ("futures/ticker", false) => |item| Some(vec![fields(item, FUTURES_TICKER)?]),
        ("futures/bookticker", false) => |item| Some(vec![fields(item, FUTURES_BOOK_TICKER)?]),
        ("futures/fundingRate", false) => |item| Some(vec![fields(item, FUTURES_FUNDING_RATE)?]),
        ("futures/trade", false) => |item| Some(vec![fields(item, FUTURES_TRADE)?]),
        ("futures/depth", true) => |item| {
            let mut row = fields(item, BOOK_SIDE)?;
            row.extend(side(item, "depths", ("price", "size"))?);
            Some(vec![row])
        },
        ("futures/depthAll" | "futures/v2/depthAll", true) => |item| Some(vec![book(item, BOOK)?]),
        ("futures/depthIncrease" | "futures/v2/depthIncrease", true) => {
            |item| Some(vec![book(item, BOOK_UPDATE)?])
        }
        ("futures/klineBin" | "futures/markPriceKlineBin", true) => futures_klines,
        _ => return None,
    })
}

fn book(item: &Json, schema: Schema) -> Option<Row> {
    let mut row = fields(item, schema)?;
    row.extend(side(item, "asks", ("ask.price", "ask.size"))?);
    row.extend(side(item, "bids", ("bid.price", "bid.size"))?);
    Some(row)
}

fn side(item: &Json, key: &str, names: (&'static str, &'static str)) -> Option<Row> {
    each(item, key, |levels| {
        let mut row = Row::new();
        for level in elements(levels)? {
            let [(_, price), (_, size)] = match level {
                Json::Array(cells) => array(cells, LEVEL)?,
                other => fields(other, LEVEL)?,
            }
            .try_into()
            .ok()?;
            row.extend([(names.0, price), (names.1, size)]);
        }
        Some(row)
    })?
}

/// As many cells as the schema has; more than those are none of ours.
fn array(cells: &[Json], schema: Schema) -> Option<Row> {
    schema
        .iter()
        .enumerate()
        .map(|(at, (name, kind, _))| Some((*name, read(cells.get(at)?, *kind)??)))
        .collect()
}

fn spot_kline(item: &Json) -> Option<Row> {
    let mut row = fields(item, SPOT_KLINE)?;
    let candle = each(item, "candle", |candle| match candle {
        Json::Array(cells) => array(cells, CANDLE),
        _ => None,
    })?;
    row.extend(candle?);
    Some(row)
}

fn futures_klines(item: &Json) -> Option<Vec<Row>> {
    let symbol = |object: &Json| each(object, "symbol", |symbol| read(symbol, Text)?);
    let candle = |object: &Json, outer: Option<String>| {
        let mut row = fields(object, FUTURES_CANDLE)?;
        row.push(("symbol", symbol(object)?.or(outer)?));
        Some(row)
    };
    match item.last(&["items"]) {
        None => Some(vec![candle(item, None)?]),
        Some(Json::Array(items)) => {
            let outer = symbol(item)?;
            items.iter().map(|item| candle(item, outer.clone())).collect()
        }
        Some(_) => None,
    }
}

/// What the library read.
pub(super) fn rows(update: Update<'_>) -> Option<Vec<Row>> {
    Some(match update {
        Update::SpotTickers { tickers, .. } => tickers
            .iter()
            .map(|t| {
                row! { t:
                    "ask_price" = t.ask_price;
                    "ask_size" = t.ask_size;
                    "base_volume_24h" = t.base_volume_24h;
                    "bid_price" = t.bid_price;
                    "bid_size" = t.bid_size;
                    "fluctuation" = t.fluctuation;
                    "high_24h" = t.high_24h;
                    "last_price" = t.last_price;
                    "low_24h" = t.low_24h;
                    "ms_t" = t.ms_t;
                    "open_24h" = t.open_24h;
                    "quote_volume_24h" = t.quote_volume_24h;
                    "s_t" = t.s_t;
                    "symbol" = t.symbol;
                }
            })
            .collect(),
        Update::SpotBookTickers { tickers, .. } => tickers
            .iter()
            .map(|t| {
                row! { t:
                    "ask_price" = t.ask_price;
                    "ask_size" = t.ask_size;
                    "bid_price" = t.bid_price;
                    "bid_size" = t.bid_size;
                    "ms_t" = t.ms_t;
                    "symbol" = t.symbol;
                }
            })
            .collect(),
        Update::SpotKlines { klines, .. } => klines
            .iter()
            .map(|k| {
                let c = k.candle;
                row! { k:
                    "symbol" = k.symbol;
                    "time" = c.time;
                    "open" = c.open;
                    "high" = c.high;
                    "low" = c.low;
                    "close" = c.close;
                    "volume" = c.volume;
                }
            })
            .collect(),
        Update::SpotDepths { books, .. } => books
            .iter()
            .map(|b| sided(row! { b: "ms_t" = b.ms_t; "symbol" = b.symbol; }, b.asks, b.bids))
            .collect(),
        Update::SpotDepthUpdates { updates, .. } => updates
            .iter()
            .map(|b| {
                let row = row! { b:
                    "ms_t" = b.ms_t;
                    "symbol" = b.symbol;
                    "kind" = fold(b.kind.as_str());
                    "version" = b.version;
                };
                sided(row, b.asks, b.bids)
            })
            .collect(),
        Update::SpotTrades { trades, .. } => trades
            .iter()
            .map(|t| {
                row! { t:
                    "ms_t" = t.ms_t;
                    "price" = t.price;
                    "s_t" = t.s_t;
                    "side" = t.side.map(|word| fold(word.as_str()));
                    "size" = t.size;
                    "symbol" = t.symbol;
                }
            })
            .collect(),
        other => return futures_rows(other),
    })
}

fn futures_rows(update: Update<'_>) -> Option<Vec<Row>> {
    Some(match update {
        Update::FuturesTickers { tickers, .. } => tickers
            .iter()
            .map(|t| {
                row! { t:
                    "symbol" = t.symbol;
                    "last_price" = t.last_price;
                    "volume_24h" = t.volume_24h;
                    "range" = t.range;
                    "mark_price" = t.mark_price;
                    "index_price" = t.index_price;
                    "ask_price" = t.ask_price;
                    "ask_size" = t.ask_size;
                    "bid_price" = t.bid_price;
                    "bid_size" = t.bid_size;
                }
            })
            .collect(),
        Update::FuturesBookTickers { tickers, .. } => tickers
            .iter()
            .map(|t| {
                row! { t:
                    "symbol" = t.symbol;
                    "bid_price" = t.bid_price;
                    "bid_size" = t.bid_size;
                    "ask_price" = t.ask_price;
                    "ask_size" = t.ask_size;
                    "ms_t" = t.ms_t;
                }
            })
            .collect(),
        Update::FuturesFundingRates { rates, .. } => rates
            .iter()
            .map(|r| {
                row! { r:
                    "symbol" = r.symbol;
                    "last_rate" = r.last_rate;
                    "funding_time" = r.funding_time;
                    "next_rate" = r.next_rate;
                    "next_time" = r.next_time;
                    "upper_limit" = r.upper_limit;
                    "lower_limit" = r.lower_limit;
                    "time" = r.time;
                }
            })
            .collect(),
        Update::FuturesDepthSides { sides, .. } => sides
            .iter()
            .map(|s| {
                let mut row = row! { s: "symbol" = s.symbol; "way" = s.way.0; "ms_t" = s.ms_t; };
                row.extend(levels(s.levels, ("price", "size")));
                row
            })
            .collect(),
        Update::FuturesDepths { books, .. } => books
            .iter()
            .map(|b| sided(row! { b: "ms_t" = b.ms_t; "symbol" = b.symbol; }, b.asks, b.bids))
            .collect(),
        Update::FuturesDepthUpdates { updates, .. } => updates
            .iter()
            .map(|b| {
                let row = row! { b:
                    "ms_t" = b.ms_t;
                    "symbol" = b.symbol;
                    "kind" = fold(b.kind.as_str());
                    "version" = b.version;
                };
                sided(row, b.asks, b.bids)
            })
            .collect(),
        Update::FuturesTrades { trades, .. } => trades
            .iter()
            .map(|t| {
                row! { t:
                    "trade_id" = t.trade_id;
                    "symbol" = t.symbol;
                    "price" = t.price;
                    "size" = t.size;
                    "way" = t.way.map(|way| way.0);
                    "buyer_is_maker" = t.buyer_is_maker;
                    "created_at" = t.created_at.map(|time| time.as_str());
                }
            })
            .collect(),
        Update::FuturesKlines { klines, .. } | Update::FuturesMarkPriceKlines { klines, .. } => {
            futures_kline_rows(klines)
        }
        _ => return None,
    })
}

fn futures_kline_rows(klines: FuturesKlines<'_>) -> Vec<Row> {
    klines
        .iter()
        .map(|k| {
            row! { k:
                "open" = k.open;
                "high" = k.high;
                "low" = k.low;
                "close" = k.close;
                "volume" = k.volume;
                "time" = k.time;
                "symbol" = k.symbol;
            }
        })
        .collect()
}

fn sided(mut row: Row, asks: BookSide<'_>, bids: BookSide<'_>) -> Row {
    row.extend(levels(asks, ("ask.price", "ask.size")));
    row.extend(levels(bids, ("bid.price", "bid.size")));
    row
}

fn levels(side: BookSide<'_>, names: (&'static str, &'static str)) -> Row {
    side.iter()
        .flat_map(|Level { price, size, .. }| [(names.0, price.to_string()), (names.1, size.to_string())])
        .collect()
}

//! What decoding a push yields: which kinds there are, and for each how it is kept, read and shown.

use crate::decode::cursor::Cursor;
use crate::decode::lists::Element;
use crate::decode::record::{Lists, Problem, Source};
use crate::decode::tape::Reader;
use crate::futures::*;
use crate::owned::OwnedUpdate;
use crate::serialize::serialize_fields;
use crate::spot::*;
use crate::topic::strip_speed;
use crate::{Channel, Interval, Topic};

/// One declaration per kind of push.
macro_rules! pushes {
    ($( $(#[$meta:meta])* $kind:ident { $(#[$items_meta:meta])* $items:ident: $list:ident of $raw:ident in $rows:ident } )+) => {
        /// A decoded push. Borrows from the message and from the decoder.
        ///
        /// ```
        /// use bitmart_proto::{Decoder, Update};
        ///
        /// let mut decoder = Decoder::new();
        /// let text = br#"{"group":"futures/asset:USDT","data":{"currency":"USDT","available_balance":"812.25"}}"#;
        /// let update = decoder.decode(text)?;
        /// assert_eq!(update.topic(), "futures/asset:USDT");
        /// if let Update::FuturesAssets { assets, .. } = update {
        ///     assert_eq!(assets.get(0).unwrap().available_balance.as_str(), "812.25");
        /// }
        /// # Ok::<(), bitmart_proto::DecodeError>(())
        /// ```
        ///
        /// Each kind has the topic as the exchange wrote it, and the items. Its [`to_owned`](Self::to_owned) borrows
        /// from nothing.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum Update<'a> {
            $(
                $(#[$meta])*
                #[non_exhaustive]
                $kind {
                    /// The `table` (spot) or `group` (futures) as the exchange wrote it.
                    topic: &'a str,
                    $(#[$items_meta])*
                    $items: $list<'a>,
                },
            )+
            /// Anything else: valid JSON with a topic and data, not decoded further.
            Raw(RawPush<'a>),
        }

        /// The kinds of push.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Kind {
            $( $kind, )+
            Raw,
        }

        /// The records of the last message of each kind. What is left of an older one is cleared before the next.
        #[derive(Default)]
        pub(crate) struct Rows {
            $( $rows: Vec<$raw>, )+
        }

        impl Rows {
            /// Reads the data at `node`. Of a raw push there is nothing to be read.
            pub(crate) fn read(&mut self, kind: Kind, node: usize, reader: &mut Reader<'_, '_>) -> Result<(), Problem> {
                match kind {
                    $( Kind::$kind => {
                        self.$rows.clear();
                        reader.rows(node, &mut self.$rows)
                    } )+
                    Kind::Raw => Ok(()),
                }
            }

            /// Reads the data that comes next, if it is as predicted.
            pub(crate) fn scan(&mut self, kind: Kind, cursor: &mut Cursor<'_>, lists: &mut Lists) -> Option<()> {
                match kind {
                    $( Kind::$kind => {
                        self.$rows.clear();
                        scan_rows(cursor, lists, &mut self.$rows)
                    } )+
                    Kind::Raw => None,
                }
            }

            /// The update, unless it is a raw one.
            #[inline]
            pub(crate) fn view<'a>(&'a self, kind: Kind, topic: &'a str, source: Source<'a>) -> Option<Update<'a>> {
                Some(match kind {
                    $( Kind::$kind => Update::$kind { topic, $items: $list::new(source, &self.$rows) }, )+
                    Kind::Raw => return None,
                })
            }
        }

        /// The records of an owned update.
        #[derive(Clone)]
        pub(crate) enum OwnedRows {
            $( $kind(Box<[$raw]>), )+
            Raw { symbol: Option<Box<str>>, text: Box<str> },
        }

        impl OwnedRows {
            pub(crate) fn view<'a>(&'a self, topic: &'a str, source: Source<'a>) -> Update<'a> {
                match self {
                    $( Self::$kind(rows) => Update::$kind { topic, $items: $list::new(source, rows) }, )+
                    Self::Raw { symbol, text } => Update::Raw(RawPush {
                        topic,
                        symbol: symbol.as_deref(),
                        text,
                    }),
                }
            }
        }

        impl<'a> Update<'a> {
            /// The `table` (spot) or `group` (futures) as the exchange wrote it. Spot names the channel only; the
            /// symbol is in the items.
            #[must_use]
            pub fn topic(&self) -> &'a str {
                match *self {
                    $( Self::$kind { topic, .. } )|+ => topic,
                    Self::Raw(raw) => raw.topic,
                }
            }

            pub(crate) fn copy(&self) -> OwnedUpdate {
                match *self {
                    $( Self::$kind { topic, $items } => {
                        let rows = $items.rows;
                        OwnedUpdate::new(topic, rows.source, OwnedRows::$kind(rows.rows.into()))
                    } )+
                    Self::Raw(raw) => {
                        let source = Source { text: "", lists: &Lists::default() };
                        let symbol = raw.symbol.map(Box::from);
                        let text = raw.text.into();
                        OwnedUpdate::new(raw.topic, source, OwnedRows::Raw { symbol, text })
                    }
                }
            }
        }

        #[cfg(feature = "serde")]
        impl serde::Serialize for Update<'_> {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                use serde::ser::SerializeStructVariant;
                match self {
                    $( Self::$kind { topic, $items } => {
                        let mut fields = serializer.serialize_struct_variant(
                            "Update",
                            Kind::$kind as u32,
                            stringify!($kind),
                            2,
                        )?;
                        fields.serialize_field("topic", topic)?;
                        fields.serialize_field(stringify!($items), $items)?;
                        fields.end()
                    } )+
                    Self::Raw(raw) => serializer.serialize_newtype_variant("Update", Kind::Raw as u32, "Raw", raw),
                }
            }
        }
    };
}

pushes! {
    /// Orders of the spot account.
    SpotOrders { /// The orders.
        orders: SpotOrders of RawSpotOrder in spot_orders }
    /// Balances of the spot account.
    SpotBalances { /// The changes.
        changes: SpotBalances of RawSpotBalanceUpdate in spot_balances }
    /// 24-hour statistics of spot symbols.
    SpotTickers { /// The tickers.
        tickers: SpotTickers of RawSpotTicker in spot_tickers }
    /// Best prices of spot symbols.
    SpotBookTickers { /// The best prices.
        tickers: SpotBookTickers of RawSpotBookTicker in spot_book_tickers }
    /// Candles of spot symbols.
    SpotKlines { /// The candles.
        klines: SpotKlines of RawSpotKline in spot_klines }
    /// Whole spot books.
    SpotDepths { /// The books.
        books: SpotDepths of RawSpotDepth in spot_depths }
    /// Spot books in updates.
    SpotDepthUpdates { /// The snapshots and updates.
        updates: SpotDepthUpdates of RawSpotDepthUpdate in spot_depth_updates }
    /// Trades of spot symbols.
    SpotTrades { /// The trades, oldest first.
        trades: SpotTrades of RawSpotTrade in spot_trades }
    /// Orders of the futures account.
    FuturesOrders { /// The orders.
        orders: FuturesOrders of RawFuturesOrder in futures_orders }
    /// Positions of the futures account.
    FuturesPositions { /// The positions.
        positions: FuturesPositions of RawFuturesPosition in futures_positions }
    /// Balances of the futures account.
    FuturesAssets { /// The balances.
        assets: FuturesAssets of RawFuturesAsset in futures_assets }
    /// 24-hour statistics of contracts.
    FuturesTickers { /// The tickers.
        tickers: FuturesTickers of RawFuturesTicker in futures_tickers }
    /// Best prices of contracts.
    FuturesBookTickers { /// The best prices.
        tickers: FuturesBookTickers of RawFuturesBookTicker in futures_book_tickers }
    /// Funding rates of contracts.
    FuturesFundingRates { /// The rates.
        rates: FuturesFundingRates of RawFuturesFundingRate in futures_funding_rates }
    /// Single sides of contracts' books.
    FuturesDepthSides { /// The sides.
        sides: FuturesDepthSides of RawFuturesDepthSide in futures_depth_sides }
    /// Whole books of contracts.
    FuturesDepths { /// The books.
        books: FuturesDepths of RawFuturesDepth in futures_depths }
    /// Books of contracts in updates.
    FuturesDepthUpdates { /// The snapshots and updates.
        updates: FuturesDepthUpdates of RawFuturesDepthUpdate in futures_depth_updates }
    /// Trades of contracts.
    FuturesTrades { /// The trades, newest first.
        trades: FuturesTrades of RawFuturesTrade in futures_trades }
    /// Candles of contracts' trades.
    FuturesKlines { /// The candles.
        klines: FuturesKlines of RawFuturesKline in futures_klines }
    /// Candles of contracts' mark prices.
    FuturesMarkPriceKlines { /// The candles.
        klines: FuturesKlines of RawFuturesKline in futures_mark_price_klines }
}

/// Data as it should come: an array of items, or one item.
fn scan_rows<R: Element>(cursor: &mut Cursor<'_>, lists: &mut Lists, rows: &mut Vec<R>) -> Option<()> {
    if cursor.peek()? == b'[' {
        R::scan_elements(cursor, lists, rows)
    } else {
        R::scan_element(cursor, lists, rows)
    }
}

impl Kind {
    /// What a topic brings. What isn't known comes raw; levels and intervals that the exchange doesn't document are
    /// read like those that it does.
    #[inline]
    pub(crate) fn of(topic: &str) -> Self {
        // What is behind the channel's name: nothing, a filter, or a speed.
        let ends = |rest: &str| matches!(rest.as_bytes().first(), None | Some(b':' | b'@'));
        let is = |name: &str, word: &str| name.strip_prefix(word).is_some_and(ends);
        // The name goes on with a number, of levels or of minutes.
        let counts = |name: &str, word: &str| {
            name.strip_prefix(word)
                .is_some_and(|rest| rest.as_bytes().first().is_some_and(u8::is_ascii_digit))
        };
        if let Some(name) = topic.strip_prefix("futures/") {
            let depth = name.strip_prefix("v2/").unwrap_or(name);
            return match name.as_bytes().first() {
                Some(b'o') if is(name, "order") => Self::FuturesOrders,
                Some(b'p') if is(name, "position") => Self::FuturesPositions,
                Some(b'a') if is(name, "asset") => Self::FuturesAssets,
                Some(b't') if is(name, "trade") => Self::FuturesTrades,
                Some(b't') if is(name, "ticker") => Self::FuturesTickers,
                Some(b'b') if is(name, "bookticker") => Self::FuturesBookTickers,
                Some(b'f') if is(name, "fundingRate") => Self::FuturesFundingRates,
                Some(b'd' | b'v') if counts(depth, "depthIncrease") => Self::FuturesDepthUpdates,
                Some(b'd' | b'v') if counts(depth, "depthAll") => Self::FuturesDepths,
                Some(b'd') if counts(name, "depth") => Self::FuturesDepthSides,
                Some(b'k') if counts(name, "klineBin") => Self::FuturesKlines,
                Some(b'm') if counts(name, "markPriceKlineBin") => Self::FuturesMarkPriceKlines,
                _ => Self::Raw,
            };
        }
        let Some(name) = topic.strip_prefix("spot/") else {
            return Self::Raw;
        };
        match name.as_bytes().first() {
            Some(b'u') if is(name, "user/order") || is(name, "user/orders") => Self::SpotOrders,
            Some(b'u') if is(name, "user/balance") => Self::SpotBalances,
            Some(b't') if is(name, "trade") => Self::SpotTrades,
            Some(b't') if is(name, "ticker") => Self::SpotTickers,
            Some(b'b') if is(name, "bookTicker") => Self::SpotBookTickers,
            Some(b'd') if counts(name, "depth/increase") => Self::SpotDepthUpdates,
            Some(b'd') if counts(name, "depth") => Self::SpotDepths,
            Some(b'k') if counts(name, "kline") => Self::SpotKlines,
            _ => Self::Raw,
        }
    }
}

/// A push that is not decoded further. That it is valid JSON was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RawPush<'a> {
    /// The `table` or `group` as the exchange wrote it.
    pub topic: &'a str,
    /// The symbol of the first item, if it names one.
    pub symbol: Option<&'a str>,
    /// The whole message.
    pub text: &'a str,
}

serialize_fields! { RawPush { topic, symbol, text } }

impl Update<'_> {
    /// The interval of candles, which stands in their topic alone. `None` for anything but candles, and for an
    /// interval that the exchange doesn't document.
    #[must_use]
    pub fn interval(&self) -> Option<Interval> {
        let prefix = match self {
            Self::SpotKlines { .. } => "spot/kline",
            Self::FuturesKlines { .. } => "futures/klineBin",
            Self::FuturesMarkPriceKlines { .. } => "futures/markPriceKlineBin",
            _ => return None,
        };
        let interval = split(self.topic())
            .0
            .strip_prefix(prefix)
            .and_then(Interval::parse);
        // Futures know no month.
        interval.filter(|interval| prefix.starts_with("spot") || *interval != Interval::Month1)
    }

    /// Whether this is what a subscription to `topic` brings, in whole or in part.
    ///
    /// Futures name the whole topic, so that is compared, apart from a speed suffix. Spot names the channel, and the
    /// symbols of the items decide; a message without items concerns every topic of its channel.
    ///
    /// ```
    /// use bitmart_proto::{Decoder, Topic};
    ///
    /// let mut decoder = Decoder::new();
    /// let update = decoder.decode(br#"{"data":[{"symbol":"BTC_USDT","order_id":"1"}],"table":"spot/user/order"}"#)?;
    /// assert!(update.concerns(&"spot/user/order:BTC_USDT".parse::<Topic>()?));
    /// assert!(!update.concerns(&"spot/user/order:ETH_USDT".parse::<Topic>()?));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn concerns(&self, topic: &Topic) -> bool {
        let named = self.topic();
        if topic.is_named_by(named) {
            return true;
        }
        let (channel, filter) = split(named);
        if filter.is_some() || channel != split(topic.as_str()).0 {
            return false;
        }
        let symbol = match topic.channel() {
            Channel::SpotUserOrders | Channel::SpotUserBalance => None,
            _ => topic.filter(),
        };
        symbol.is_none_or(|symbol| self.may_hold(symbol))
    }

    /// Whether an item is of that symbol, or there are none.
    fn may_hold(&self, symbol: &str) -> bool {
        macro_rules! any {
            ($items:ident) => {
                $items.is_empty() || $items.iter().any(|item| item.symbol == symbol)
            };
        }
        match *self {
            Self::SpotOrders { orders, .. } => any!(orders),
            Self::SpotTickers { tickers, .. } => any!(tickers),
            Self::SpotBookTickers { tickers, .. } => any!(tickers),
            Self::SpotKlines { klines, .. } => any!(klines),
            Self::SpotDepths { books, .. } => any!(books),
            Self::SpotDepthUpdates { updates, .. } => any!(updates),
            Self::SpotTrades { trades, .. } => any!(trades),
            Self::FuturesTickers { tickers, .. } => any!(tickers),
            Self::Raw(raw) => raw.symbol.is_none_or(|named| named == symbol),
            Self::FuturesBookTickers { tickers, .. } => any!(tickers),
            Self::FuturesFundingRates { rates, .. } => any!(rates),
            Self::FuturesDepthSides { sides, .. } => any!(sides),
            Self::FuturesDepths { books, .. } => any!(books),
            Self::FuturesDepthUpdates { updates, .. } => any!(updates),
            Self::FuturesTrades { trades, .. } => any!(trades),
            Self::FuturesKlines { klines, .. } | Self::FuturesMarkPriceKlines { klines, .. } => any!(klines),
            Self::FuturesAssets { assets, .. } => {
                assets.is_empty() || assets.iter().any(|asset| asset.currency == symbol)
            }
            // Their topics name no symbol.
            Self::SpotBalances { .. } | Self::FuturesOrders { .. } | Self::FuturesPositions { .. } => true,
        }
    }
}

/// A topic's channel, and what stands behind the colon without a speed suffix.
pub(crate) fn split(topic: &str) -> (&str, Option<&str>) {
    match strip_speed(topic).split_once(':') {
        Some((channel, filter)) => (channel, Some(filter)),
        None => (strip_speed(topic), None),
    }
}

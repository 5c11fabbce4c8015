use std::borrow::Cow;
use std::fmt;

use crate::{Market, Side, TimeMs, time};

/// A kind of stream. With a filter, such as a symbol, it makes a [`Topic`](crate::Topic).
///
/// Every channel that the exchange documents is here; sources and first dates are in `docs/PROTOCOL.md`,
/// *Topics*.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Channel {
    /// `spot/ticker:SYM`: 24 h statistics and the best prices.
    SpotTicker,
    /// `spot/bookTicker:SYM`: the best prices in real time.
    SpotBookTicker,
    /// `spot/kline<I>:SYM`: the forming candle.
    SpotKline(Interval),
    /// `spot/depth<N>:SYM`: a whole book of N levels each time.
    SpotDepth(Levels),
    /// `spot/depth/increase100:SYM`: a book of 100 levels as snapshot and updates.
    SpotDepthIncrease,
    /// `spot/trade:SYM`: trades.
    SpotTrade,
    /// `spot/user/order:SYM` (private): orders of one symbol.
    SpotUserOrder,
    /// `spot/user/orders:ALL_SYMBOLS` (private): orders of every symbol.
    SpotUserOrders,
    /// `spot/user/balance:BALANCE_UPDATE` (private): balances that changed.
    SpotUserBalance,
    /// `futures/ticker` (all contracts) or `futures/ticker:SYM`.
    FuturesTicker,
    /// `futures/bookticker:SYM`: the best prices.
    FuturesBookTicker,
    /// `futures/fundingRate:SYM`.
    FuturesFundingRate,
    /// `futures/depth<N>:SYM[@…]`: one side of a book per message.
    FuturesDepth(Levels, Speed),
    /// `futures/depthAll<N>:SYM[@…]`: both sides each time.
    FuturesDepthAll(Levels, Speed),
    /// `futures/depthIncrease<N>:SYM[@…]`: snapshot and updates.
    FuturesDepthIncrease(Levels, Speed),
    /// `futures/v2/depthAll<N>:SYM[@…]`: documented in 2026, seen silent.
    FuturesV2DepthAll(Levels, Speed),
    /// `futures/v2/depthIncrease<N>:SYM[@…]`: documented in 2026, seen silent.
    FuturesV2DepthIncrease(Levels, Speed),
    /// `futures/trade:SYM`: trades.
    FuturesTrade,
    /// `futures/klineBin<I>:SYM`: the forming candle.
    FuturesKline(Interval),
    /// `futures/markPriceKlineBin<I>:SYM`: the forming candle of the mark price.
    FuturesMarkPriceKline(Interval),
    /// `futures/asset:CCY` (private): the balance of one currency.
    FuturesAsset,
    /// `futures/position` (private): positions, on change and every ten seconds.
    FuturesPosition,
    /// `futures/order` (private): orders.
    FuturesOrder,
}

/// Length of a candle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Interval {
    /// One minute, `1m`.
    Minute1,
    /// Five minutes, `5m`.
    Minute5,
    /// Fifteen minutes, `15m`.
    Minute15,
    /// Thirty minutes, `30m`.
    Minute30,
    /// One hour, `1H`.
    Hour1,
    /// Two hours, `2H`.
    Hour2,
    /// Four hours, `4H`.
    Hour4,
    /// One day, `1D`.
    Day1,
    /// One week, `1W`.
    Week1,
    /// One month, `1M`; spot only.
    Month1,
}

impl Interval {
    const ALL: [Self; 10] = [
        Self::Minute1,
        Self::Minute5,
        Self::Minute15,
        Self::Minute30,
        Self::Hour1,
        Self::Hour2,
        Self::Hour4,
        Self::Day1,
        Self::Week1,
        Self::Month1,
    ];

    /// The wire's text, such as `1m`. Case matters: `1m` is a minute, `1M` a month.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Minute1 => "1m",
            Self::Minute5 => "5m",
            Self::Minute15 => "15m",
            Self::Minute30 => "30m",
            Self::Hour1 => "1H",
            Self::Hour2 => "2H",
            Self::Hour4 => "4H",
            Self::Day1 => "1D",
            Self::Week1 => "1W",
            Self::Month1 => "1M",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|interval| interval.as_str() == text)
    }

    /// The beginning of the interval in which a moment lies, in UTC: what a candle's time is rounded to before it
    /// serves as a key, since the exchange is at times a second late (`docs/PROTOCOL.md`, *Klines*).
    ///
    /// Weeks begin on Monday, and months on the first. That the exchange sees weeks so is not documented.
    ///
    /// ```
    /// use bitmart_proto::{Interval, TimeMs};
    ///
    /// let late = TimeMs::new(1_790_134_201_000);
    /// assert_eq!(Interval::Minute5.floor(late), TimeMs::new(1_790_134_200_000));
    /// ```
    #[must_use]
    pub fn floor(self, time: TimeMs) -> TimeMs {
        const MINUTE: u64 = 60_000;
        const HOUR: u64 = 60 * MINUTE;
        const DAY: u64 = 24 * HOUR;
        let millis = time.as_millis();
        let floor = |unit| millis - millis % unit;
        TimeMs::new(match self {
            Self::Minute1 => floor(MINUTE),
            Self::Minute5 => floor(5 * MINUTE),
            Self::Minute15 => floor(15 * MINUTE),
            Self::Minute30 => floor(30 * MINUTE),
            Self::Hour1 => floor(HOUR),
            Self::Hour2 => floor(2 * HOUR),
            Self::Hour4 => floor(4 * HOUR),
            Self::Day1 => floor(DAY),
            // The first day of Unix time was a Thursday, three days into its week.
            Self::Week1 => {
                let into_the_week = (millis / DAY + 3) % 7;
                floor(DAY).saturating_sub(into_the_week * DAY)
            }
            Self::Month1 => (millis / DAY - time::days_into_the_month(millis / DAY)) * DAY,
        })
    }
}

/// How many levels of a book.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Levels {
    /// Five.
    L5,
    /// Twenty.
    L20,
    /// Fifty.
    L50,
}

impl Levels {
    const ALL: [Self; 3] = [Self::L5, Self::L20, Self::L50];

    /// The wire's text: `5`, `20` or `50`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::L5 => "5",
            Self::L20 => "20",
            Self::L50 => "50",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|levels| levels.as_str() == text)
    }
}

/// The pace asked of a futures book. What arrives may be slower: in 2026-09 all were seen at one push a
/// second, or less.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Speed {
    /// No suffix: the exchange's own pace.
    #[default]
    Unstated,
    /// `@100ms`.
    Ms100,
    /// `@200ms`.
    Ms200,
}

impl Speed {
    const ALL: [Self; 3] = [Self::Unstated, Self::Ms100, Self::Ms200];

    /// The wire's suffix: empty, `@100ms` or `@200ms`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unstated => "",
            Self::Ms100 => "@100ms",
            Self::Ms200 => "@200ms",
        }
    }

    fn parse(suffix: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|speed| speed.as_str() == suffix)
    }
}

/// What a channel takes behind its colon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Filter {
    None,
    Symbol,
    OptionalSymbol,
    Currency,
    Fixed(&'static str),
}

impl Channel {
    /// The channel's name on the wire: a topic's text up to the colon.
    #[must_use]
    pub fn name(self) -> Cow<'static, str> {
        match self {
            Self::SpotTicker => "spot/ticker".into(),
            Self::SpotBookTicker => "spot/bookTicker".into(),
            Self::SpotKline(interval) => format!("spot/kline{}", interval.as_str()).into(),
            Self::SpotDepth(levels) => format!("spot/depth{}", levels.as_str()).into(),
            Self::SpotDepthIncrease => "spot/depth/increase100".into(),
            Self::SpotTrade => "spot/trade".into(),
            Self::SpotUserOrder => "spot/user/order".into(),
            Self::SpotUserOrders => "spot/user/orders".into(),
            Self::SpotUserBalance => "spot/user/balance".into(),
            Self::FuturesTicker => "futures/ticker".into(),
            Self::FuturesBookTicker => "futures/bookticker".into(),
            Self::FuturesFundingRate => "futures/fundingRate".into(),
            Self::FuturesDepth(levels, _) => format!("futures/depth{}", levels.as_str()).into(),
            Self::FuturesDepthAll(levels, _) => format!("futures/depthAll{}", levels.as_str()).into(),
            Self::FuturesDepthIncrease(levels, _) => {
                format!("futures/depthIncrease{}", levels.as_str()).into()
            }
            Self::FuturesV2DepthAll(levels, _) => format!("futures/v2/depthAll{}", levels.as_str()).into(),
            Self::FuturesV2DepthIncrease(levels, _) => {
                format!("futures/v2/depthIncrease{}", levels.as_str()).into()
            }
            Self::FuturesTrade => "futures/trade".into(),
            Self::FuturesKline(interval) => format!("futures/klineBin{}", interval.as_str()).into(),
            Self::FuturesMarkPriceKline(interval) => {
                format!("futures/markPriceKlineBin{}", interval.as_str()).into()
            }
            Self::FuturesAsset => "futures/asset".into(),
            Self::FuturesPosition => "futures/position".into(),
            Self::FuturesOrder => "futures/order".into(),
        }
    }

    /// The market the channel belongs to.
    #[must_use]
    pub fn market(self) -> Market {
        match self {
            Self::SpotTicker
            | Self::SpotBookTicker
            | Self::SpotKline(_)
            | Self::SpotDepth(_)
            | Self::SpotDepthIncrease
            | Self::SpotTrade
            | Self::SpotUserOrder
            | Self::SpotUserOrders
            | Self::SpotUserBalance => Market::Spot,
            _ => Market::Futures,
        }
    }

    /// Whether the channel needs a login.
    #[must_use]
    pub fn side(self) -> Side {
        match self {
            Self::SpotUserOrder
            | Self::SpotUserOrders
            | Self::SpotUserBalance
            | Self::FuturesAsset
            | Self::FuturesPosition
            | Self::FuturesOrder => Side::Private,
            _ => Side::Public,
        }
    }

    /// What follows a topic's filter: the speed of a futures book.
    pub(crate) fn suffix(self) -> &'static str {
        match self {
            Self::FuturesDepth(_, speed)
            | Self::FuturesDepthAll(_, speed)
            | Self::FuturesDepthIncrease(_, speed)
            | Self::FuturesV2DepthAll(_, speed)
            | Self::FuturesV2DepthIncrease(_, speed) => speed.as_str(),
            _ => "",
        }
    }

    pub(crate) fn filter(self) -> Filter {
        match self {
            Self::FuturesPosition | Self::FuturesOrder => Filter::None,
            Self::FuturesTicker => Filter::OptionalSymbol,
            Self::FuturesAsset => Filter::Currency,
            Self::SpotUserOrders => Filter::Fixed("ALL_SYMBOLS"),
            Self::SpotUserBalance => Filter::Fixed("BALANCE_UPDATE"),
            _ => Filter::Symbol,
        }
    }

    /// Reads a channel from a topic's text before the colon and its `@…` suffix.
    pub(crate) fn parse(name: &str, suffix: &str) -> Option<Self> {
        let channel = Self::parse_name(name, Speed::parse(suffix)?)?;
        (channel.suffix() == suffix).then_some(channel)
    }

    fn parse_name(name: &str, speed: Speed) -> Option<Self> {
        let levels_after = |prefix: &str| name.strip_prefix(prefix).and_then(Levels::parse);
        let interval_after = |prefix: &str| name.strip_prefix(prefix).and_then(Interval::parse);
        let fixed = match name {
            "spot/ticker" => Self::SpotTicker,
            "spot/bookTicker" => Self::SpotBookTicker,
            "spot/depth/increase100" => Self::SpotDepthIncrease,
            "spot/trade" => Self::SpotTrade,
            "spot/user/order" => Self::SpotUserOrder,
            "spot/user/orders" => Self::SpotUserOrders,
            "spot/user/balance" => Self::SpotUserBalance,
            "futures/ticker" => Self::FuturesTicker,
            "futures/bookticker" => Self::FuturesBookTicker,
            "futures/fundingRate" => Self::FuturesFundingRate,
            "futures/trade" => Self::FuturesTrade,
            "futures/asset" => Self::FuturesAsset,
            "futures/position" => Self::FuturesPosition,
            "futures/order" => Self::FuturesOrder,
            _ => {
                return if let Some(interval) = interval_after("spot/kline") {
                    Some(Self::SpotKline(interval))
                } else if let Some(levels) = levels_after("spot/depth") {
                    Some(Self::SpotDepth(levels))
                } else if let Some(levels) = levels_after("futures/depthAll") {
                    Some(Self::FuturesDepthAll(levels, speed))
                } else if let Some(levels) = levels_after("futures/depthIncrease") {
                    Some(Self::FuturesDepthIncrease(levels, speed))
                } else if let Some(levels) = levels_after("futures/depth") {
                    Some(Self::FuturesDepth(levels, speed))
                } else if let Some(levels) = levels_after("futures/v2/depthAll") {
                    Some(Self::FuturesV2DepthAll(levels, speed))
                } else if let Some(levels) = levels_after("futures/v2/depthIncrease") {
                    Some(Self::FuturesV2DepthIncrease(levels, speed))
                } else if let Some(interval) = interval_after("futures/klineBin").filter(is_futures) {
                    Some(Self::FuturesKline(interval))
                } else {
                    interval_after("futures/markPriceKlineBin")
                        .filter(is_futures)
                        .map(Self::FuturesMarkPriceKline)
                };
            }
        };
        Some(fixed)
    }

    /// Every channel once, with each interval, number of levels and speed.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let mut all = vec![
            Self::SpotTicker,
            Self::SpotBookTicker,
            Self::SpotDepthIncrease,
            Self::SpotTrade,
            Self::SpotUserOrder,
            Self::SpotUserOrders,
            Self::SpotUserBalance,
            Self::FuturesTicker,
            Self::FuturesBookTicker,
            Self::FuturesFundingRate,
            Self::FuturesTrade,
            Self::FuturesAsset,
            Self::FuturesPosition,
            Self::FuturesOrder,
        ];
        for interval in Interval::ALL {
            all.push(Self::SpotKline(interval));
            if is_futures(&interval) {
                all.extend([
                    Self::FuturesKline(interval),
                    Self::FuturesMarkPriceKline(interval),
                ]);
            }
        }
        for levels in Levels::ALL {
            all.push(Self::SpotDepth(levels));
            for speed in Speed::ALL {
                all.extend([
                    Self::FuturesDepth(levels, speed),
                    Self::FuturesDepthAll(levels, speed),
                    Self::FuturesDepthIncrease(levels, speed),
                    Self::FuturesV2DepthAll(levels, speed),
                    Self::FuturesV2DepthIncrease(levels, speed),
                ]);
            }
        }
        all
    }

    /// The name nearest to a mistyped one, if it is at most [`MAX_TYPOS`] edits away.
    pub(crate) fn nearest(name: &str) -> Option<String> {
        Self::all()
            .into_iter()
            .map(|channel| channel.name().into_owned())
            .map(|candidate| {
                // Letter case tells a minute from a month: it decides between candidates that are near otherwise.
                (
                    edit_distance(&candidate.to_ascii_lowercase(), &name.to_ascii_lowercase()),
                    edit_distance(&candidate, name),
                    candidate,
                )
            })
            .min()
            .filter(|(distance, ..)| *distance <= MAX_TYPOS)
            .map(|(.., candidate)| candidate)
    }
}

/// Months exist on spot only.
fn is_futures(interval: &Interval) -> bool {
    *interval != Interval::Month1
}

/// How many edits a mistyped channel may be away from the one that an error suggests.
const MAX_TYPOS: usize = 3;

/// Levenshtein's distance, in bytes. Only error messages need it, on texts of at most
/// [`MAX_TOPIC_BYTES`](crate::limits::MAX_TOPIC_BYTES).
fn edit_distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let substituted = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Symbol, Topic};

    #[test]
    fn every_channel_prints_and_parses_to_itself() {
        for channel in Channel::all() {
            assert_eq!(Channel::parse(&channel.name(), channel.suffix()), Some(channel));
            let topic = match channel.filter() {
                Filter::Currency => Topic::futures_asset("USDT").unwrap(),
                Filter::None | Filter::Fixed(_) => Topic::without_symbol(channel).unwrap(),
                Filter::Symbol | Filter::OptionalSymbol => {
                    let symbol = match channel.market() {
                        Market::Spot => Symbol::new("BTC_USDT").unwrap(),
                        Market::Futures => Symbol::new("BTCUSDT").unwrap(),
                    };
                    Topic::with_symbol(channel, &symbol).unwrap()
                }
            };
            assert_eq!(
                topic.as_str().parse::<Topic>().unwrap().channel(),
                channel,
                "{topic}"
            );
        }
    }

    #[test]
    fn intervals_begin_where_the_calendar_says() {
        let floor = |interval: Interval, seconds: u64| {
            interval.floor(TimeMs::new(seconds * 1000 + 7)).as_millis() / 1000
        };
        // 2026-11-22 was a Sunday; 16:47:33 UTC.
        let moment = 1_795_366_053;
        for (interval, begin) in [
            (Interval::Minute1, 1_795_366_020),
            (Interval::Minute5, 1_795_365_900),
            (Interval::Minute15, 1_795_365_900),
            (Interval::Minute30, 1_795_365_000),
            (Interval::Hour1, 1_795_363_200),
            (Interval::Hour2, 1_795_363_200),
            (Interval::Hour4, 1_795_363_200),
            (Interval::Day1, 1_795_305_600),
            (Interval::Week1, 1_794_787_200),
            (Interval::Month1, 1_793_491_200),
        ] {
            assert_eq!(floor(interval, moment), begin, "{interval:?}");
            assert_eq!(floor(interval, begin), begin, "{interval:?}");
            assert!(floor(interval, begin - 1) < begin, "{interval:?}");
        }
        // Leap days: 2024-02-29, 2000-03-01, and the year 2100 that has none.
        assert_eq!(floor(Interval::Month1, 1_709_210_096), 1_706_745_600);
        assert_eq!(floor(Interval::Month1, 951_868_800), 951_868_800);
        assert_eq!(floor(Interval::Month1, 4_107_542_399), 4_105_123_200);
        // The first days of Unix time, before their week's Monday.
        assert_eq!(floor(Interval::Week1, 86_400), 0);
        assert_eq!(floor(Interval::Month1, 86_400), 0);
        for interval in Interval::ALL {
            let last = TimeMs::new(u64::MAX);
            assert!(interval.floor(last) <= last);
        }
    }

    #[test]
    fn what_the_exchange_refuses_is_refused_here() {
        for bad in [
            "futures/depth10:BTCUSDT",
            "futures/depth20:BTCUSDT@500ms",
            "futures/trade:BTCUSDT@100ms",
            "futures/klineBin1M:BTCUSDT",
            "spot/kline3m:BTC_USDT",
            "spot/depth100:BTC_USDT",
            "spot/user/balance:USDT",
            "futures/user/order:BTCUSDT",
            "futures/asset:usdt",
            "futures/position:BTCUSDT",
            "spot/ticker",
            "spot/ticker:",
            "",
        ] {
            assert!(bad.parse::<Topic>().is_err(), "{bad}");
        }
    }
}

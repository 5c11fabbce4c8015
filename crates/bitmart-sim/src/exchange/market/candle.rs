//! Candles: trades gathered by the interval in which they happened.

use bitmart_proto::Interval;

use crate::exchange::amount::Amount;
use crate::exchange::time::month_began_s;

const MINUTE_S: u64 = 60;
const HOUR_S: u64 = 3_600;
const DAY_S: u64 = 86_400;
const WEEK_S: u64 = 7 * DAY_S;
/// Seconds from a Monday's beginning to that of the Unix epoch, which was a Thursday.
const EPOCH_IN_WEEK_S: u64 = 3 * DAY_S;

/// One bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::exchange) struct Candle {
    /// When its interval began, in Unix seconds.
    pub(in crate::exchange) open_s: u64,
    pub(in crate::exchange) open: Amount,
    pub(in crate::exchange) high: Amount,
    pub(in crate::exchange) low: Amount,
    pub(in crate::exchange) close: Amount,
    pub(in crate::exchange) volume: Amount,
    /// Before the first trade a bar is flat at the last close; the first trade then opens it anew. So that the
    /// open price may change once: who takes the first bar of an interval for its open is wrong.
    is_untraded: bool,
}

impl Candle {
    fn flat(open_s: u64, price: Amount) -> Self {
        Self {
            open_s,
            open: price,
            high: price,
            low: price,
            close: price,
            volume: Amount::ZERO,
            is_untraded: true,
        }
    }

    fn trade(&mut self, price: Amount, size: Amount) {
        if self.is_untraded {
            *self = Self {
                is_untraded: false,
                ..Self::flat(self.open_s, price)
            };
        }
        self.high = self.high.max(price);
        self.low = self.low.min(price);
        self.close = price;
        self.volume += size;
    }
}

/// The forming bar of each interval, and the one before it.
#[derive(Clone, Debug)]
pub(in crate::exchange) struct Candles {
    series: Vec<Series>,
}

#[derive(Clone, Debug)]
struct Series {
    interval: Interval,
    closed: Option<Candle>,
    forming: Candle,
}

impl Candles {
    /// Flat bars at a price.
    pub(in crate::exchange) fn new(intervals: &[Interval], now_ms: u64, price: Amount) -> Self {
        let series = intervals
            .iter()
            .map(|interval| Series {
                interval: *interval,
                closed: None,
                forming: Candle::flat(began_s(*interval, now_ms / 1_000), price),
            })
            .collect();
        Self { series }
    }

    /// Counts a trade in every interval.
    pub(in crate::exchange) fn trade(&mut self, now_ms: u64, price: Amount, size: Amount) {
        self.roll(now_ms);
        for series in &mut self.series {
            series.forming.trade(price, size);
        }
    }

    /// Begins the bars whose time has come. Intervals in which nothing was looked at are left out.
    pub(in crate::exchange) fn roll(&mut self, now_ms: u64) {
        for series in &mut self.series {
            let open_s = began_s(series.interval, now_ms / 1_000);
            if open_s != series.forming.open_s {
                let closed = series.forming;
                series.closed = Some(closed);
                series.forming = Candle::flat(open_s, closed.close);
            }
        }
    }

    /// The bar before the forming one, and the forming one, as of the last trade or roll.
    pub(in crate::exchange) fn of(&self, interval: Interval) -> Option<(Option<Candle>, Candle)> {
        let series = self.series.iter().find(|series| series.interval == interval)?;
        Some((series.closed, series.forming))
    }
}

/// When the interval that holds a moment began, in Unix seconds, by UTC. Weeks begin on Mondays.
fn began_s(interval: Interval, unix_s: u64) -> u64 {
    match interval {
        Interval::Week1 => ((unix_s + EPOCH_IN_WEEK_S) / WEEK_S * WEEK_S).saturating_sub(EPOCH_IN_WEEK_S),
        Interval::Month1 => month_began_s(unix_s),
        _ => unix_s / length_s(interval) * length_s(interval),
    }
}

/// When the interval that began at a moment ends, in Unix seconds.
pub(in crate::exchange) fn interval_end_s(interval: Interval, began: u64) -> u64 {
    match interval {
        // 31 days after the first of a month is in the next one.
        Interval::Month1 => month_began_s(began + 31 * DAY_S),
        _ => began + length_s(interval),
    }
}

/// The length of an interval; months have none.
fn length_s(interval: Interval) -> u64 {
    match interval {
        Interval::Minute1 => MINUTE_S,
        Interval::Minute5 => 5 * MINUTE_S,
        Interval::Minute15 => 15 * MINUTE_S,
        Interval::Minute30 => 30 * MINUTE_S,
        Interval::Hour1 => HOUR_S,
        Interval::Hour2 => 2 * HOUR_S,
        Interval::Hour4 => 4 * HOUR_S,
        Interval::Week1 => WEEK_S,
        _ => DAY_S,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Monday, 2026-01-05 09:00 UTC.
    const MONDAY_MS: u64 = 1_767_603_600_000;

    #[test]
    fn intervals_begin_at_their_boundaries() {
        // Friday, 2026-02-13 14:37:45 UTC.
        let now_s = 1_770_993_465;
        for (interval, began) in [
            (Interval::Minute1, 1_770_993_420),
            (Interval::Minute5, 1_770_993_300),
            (Interval::Minute15, 1_770_993_000),
            (Interval::Minute30, 1_770_993_000),
            (Interval::Hour1, 1_770_991_200),
            (Interval::Hour2, 1_770_991_200),
            (Interval::Hour4, 1_770_984_000),
            (Interval::Day1, 1_770_940_800),
            // Monday the 9th, and the 1st of February.
            (Interval::Week1, 1_770_595_200),
            (Interval::Month1, 1_769_904_000),
        ] {
            assert_eq!(began_s(interval, now_s), began, "{interval:?}");
            assert_eq!(began_s(interval, began), began, "{interval:?}");
            assert!(began_s(interval, began - 1) < began, "{interval:?}");
            let end = interval_end_s(interval, began);
            assert!(end > now_s, "{interval:?}");
            assert_eq!(began_s(interval, end - 1), began, "{interval:?}");
            assert_eq!(began_s(interval, end), end, "{interval:?}");
        }
    }

    #[test]
    fn a_quiet_bar_is_flat_until_the_first_trade_opens_it() {
        let (ten, nine) = (Amount::whole(10), Amount::whole(9));
        let mut candles = Candles::new(&[Interval::Minute1], MONDAY_MS, ten);
        candles.trade(MONDAY_MS + 1, nine, Amount::whole(2));
        let (closed, forming) = candles.of(Interval::Minute1).unwrap();
        assert_eq!((closed, forming.open, forming.high), (None, nine, nine));
        candles.roll(MONDAY_MS + 60_000);
        let (closed, forming) = candles.of(Interval::Minute1).unwrap();
        assert_eq!(closed.map(|bar| bar.volume), Some(Amount::whole(2)));
        assert_eq!((forming.open, forming.volume), (nine, Amount::ZERO));
        candles.trade(MONDAY_MS + 60_001, ten, Amount::whole(1));
        candles.trade(MONDAY_MS + 60_002, nine, Amount::whole(1));
        let (_, forming) = candles.of(Interval::Minute1).unwrap();
        assert_eq!((forming.open, forming.low, forming.close), (ten, nine, nine));
        assert_eq!(candles.of(Interval::Hour1), None);
    }
}

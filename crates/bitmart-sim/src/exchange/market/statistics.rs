//! What a ticker says about the last twenty-four hours.

use std::collections::VecDeque;

use crate::exchange::amount::Amount;

const MINUTE_MS: u64 = 60_000;
/// How long a trade counts, in minutes. It is also the most that is kept: one entry per minute with trades.
const WINDOW_MINUTES: u64 = 24 * 60;

/// The trades of the last 24 hours, gathered by minute: the window moves on a minute at a time.
#[derive(Clone, Debug)]
pub(in crate::exchange) struct Statistics {
    minutes: VecDeque<Minute>,
    last: Amount,
}

#[derive(Clone, Copy, Debug)]
struct Minute {
    /// Since the epoch.
    number: u64,
    day: Day,
}

/// What happened in the window. Without a trade in it, all prices are the last one.
#[derive(Clone, Copy, Debug)]
pub(in crate::exchange) struct Day {
    /// The price of the first trade.
    pub(in crate::exchange) open: Amount,
    pub(in crate::exchange) high: Amount,
    pub(in crate::exchange) low: Amount,
    pub(in crate::exchange) last: Amount,
    /// In what sizes are stated in: coins or contracts.
    pub(in crate::exchange) volume: Amount,
    /// Sum of price × size.
    pub(in crate::exchange) turnover: Amount,
}

impl Day {
    fn quiet(price: Amount) -> Self {
        Self {
            open: price,
            high: price,
            low: price,
            last: price,
            volume: Amount::ZERO,
            turnover: Amount::ZERO,
        }
    }

    fn join(&mut self, later: &Self) {
        self.high = self.high.max(later.high);
        self.low = self.low.min(later.low);
        self.last = later.last;
        self.volume += later.volume;
        self.turnover += later.turnover;
    }

    /// The change since the window began, as a fraction.
    pub(in crate::exchange) fn change(&self) -> Amount {
        (self.last - self.open).over(self.open).unwrap_or_default()
    }
}

impl Statistics {
    pub(super) fn new(price: Amount) -> Self {
        Self {
            minutes: VecDeque::new(),
            last: price,
        }
    }

    pub(super) fn trade(&mut self, now_ms: u64, price: Amount, size: Amount) {
        let number = now_ms / MINUTE_MS;
        while self.minutes.front().is_some_and(|minute| is_over(minute, number)) {
            self.minutes.pop_front();
        }
        self.last = price;
        let trade = Day {
            volume: size,
            turnover: price.times(size).unwrap_or_default(),
            ..Day::quiet(price)
        };
        match self.minutes.back_mut() {
            Some(minute) if minute.number == number => minute.day.join(&trade),
            _ => self.minutes.push_back(Minute { number, day: trade }),
        }
    }

    pub(in crate::exchange) fn day(&self, now_ms: u64) -> Day {
        let number = now_ms / MINUTE_MS;
        let counted = self.minutes.iter().filter(|minute| !is_over(minute, number));
        counted
            .map(|minute| minute.day)
            .reduce(|mut day, minute| {
                day.join(&minute);
                day
            })
            .unwrap_or(Day::quiet(self.last))
    }
}

fn is_over(minute: &Minute, now: u64) -> bool {
    minute.number + WINDOW_MINUTES <= now
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trade_counts_for_a_day_and_no_longer() {
        let whole = Amount::whole;
        let mut statistics = Statistics::new(whole(50));
        assert_eq!(statistics.day(0).high, whole(50));
        statistics.trade(1_000, whole(60), whole(1));
        statistics.trade(59_000, whole(40), whole(2));
        statistics.trade(61_000, whole(45), whole(3));
        let day = statistics.day(62_000);
        assert_eq!((day.open, day.high, day.low), (whole(60), whole(60), whole(40)));
        assert_eq!((day.volume, day.turnover), (whole(6), whole(275)));
        assert_eq!(day.change(), "-0.25".parse().unwrap());
        let day = statistics.day(WINDOW_MINUTES * MINUTE_MS);
        assert_eq!((day.open, day.high, day.volume), (whole(45), whole(45), whole(3)));
        let day = statistics.day(2 * WINDOW_MINUTES * MINUTE_MS);
        assert_eq!((day.last, day.volume), (whole(45), Amount::ZERO));
        statistics.trade(2 * WINDOW_MINUTES * MINUTE_MS, whole(1), whole(1));
        assert_eq!(statistics.minutes.len(), 1);
    }
}

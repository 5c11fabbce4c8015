use super::amount::Amount;
use crate::random::Random;

/// How strongly a price is pulled back to where it began: by one part in this many of the distance, each tick.
/// It keeps a price that walks forever in sight of its start.
const PULL: i64 = 256;
/// The largest step of a tick, as one part in this many of the price.
const STEP: i64 = 20_000;

/// A price that walks at random, in steps of the instrument's smallest difference.
#[derive(Clone, Debug)]
pub(super) struct Walk {
    ticks: i64,
    start: i64,
    decimals: u32,
    random: Random,
}

impl Walk {
    /// A price that starts at `start` × 10^−`decimals`.
    pub(super) fn new(start: i64, decimals: u32, random: Random) -> Self {
        Self {
            ticks: start,
            start,
            decimals,
            random,
        }
    }

    pub(super) fn step(&mut self) {
        let reach = (self.start / STEP).max(1);
        let pull = (self.start - self.ticks) / PULL;
        self.ticks = (self.ticks + pull + self.random.between(-reach, reach)).max(1);
    }

    pub(super) fn price(&self) -> Amount {
        Amount::scaled(self.ticks, self.decimals)
    }

    /// The price `ticks` away from the present one, at least one tick.
    pub(super) fn price_at(&self, ticks: i64) -> Amount {
        Amount::scaled((self.ticks + ticks).max(1), self.decimals)
    }
}

/// What a ticker says about the simulated day.
#[derive(Clone, Debug)]
pub(super) struct Statistics {
    day: u64,
    pub(super) open: Amount,
    pub(super) high: Amount,
    pub(super) low: Amount,
    pub(super) last: Amount,
    /// In what sizes are stated in: coins or contracts.
    pub(super) volume: Amount,
    /// In the quote currency.
    pub(super) turnover: Amount,
}

impl Statistics {
    pub(super) fn new(day: u64, price: Amount) -> Self {
        let volume = Amount::ZERO;
        Self {
            day,
            open: price,
            high: price,
            low: price,
            last: price,
            volume,
            turnover: Amount::ZERO,
        }
    }

    /// Counts a trade. With a new day everything starts anew from the last price.
    pub(super) fn trade(&mut self, day: u64, price: Amount, volume: Amount, turnover: Amount) {
        if day != self.day {
            *self = Self::new(day, self.last);
        }
        self.last = price;
        self.high = self.high.max(price);
        self.low = self.low.min(price);
        self.volume += volume;
        self.turnover += turnover;
    }

    /// The change since the day began, as a fraction.
    pub(super) fn change(&self) -> Amount {
        (self.last - self.open).over(self.open).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_walk_stays_in_sight_of_its_start() {
        for seed in 0..8 {
            let mut walk = Walk::new(8_600_000, 2, Random::new(seed, "walk"));
            for _ in 0..100_000 {
                walk.step();
                let distance = (walk.ticks - walk.start).abs();
                assert!(distance < walk.start / 50, "seed {seed}: {}", walk.price());
            }
        }
    }
}

//! What a symbol is worth: the price that the order flow gathers around.

use crate::exchange::amount::Amount;
use crate::random::Random;

/// How strongly a price is pulled back to where it began: by one part in this many of the distance, each tick.
/// It keeps a price that walks forever in sight of its start.
const PULL: i64 = 256;
/// The largest step of a tick, as one part in this many of the price.
const STEP: i64 = 20_000;

/// A price that walks at random, in steps of the instrument's smallest difference.
#[derive(Clone, Debug)]
pub(in crate::exchange) struct Walk {
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
        let reach = self.reach();
        let pull = (self.start - self.ticks) / PULL;
        self.ticks = (self.ticks + pull + self.random.between(-reach, reach)).max(1);
    }

    /// The largest step of a tick, in units of the price's last decimal.
    pub(super) fn reach(&self) -> i64 {
        (self.start / STEP).max(1)
    }

    pub(in crate::exchange) fn price(&self) -> Amount {
        Amount::scaled(self.ticks, self.decimals)
    }

    /// The price `ticks` away from the present one, at least one tick.
    pub(in crate::exchange) fn price_at(&self, ticks: i64) -> Amount {
        Amount::scaled((self.ticks + ticks).max(1), self.decimals)
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

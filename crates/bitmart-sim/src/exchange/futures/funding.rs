//! Funding rates: the settled one and the forecast, which becomes it three times a day.

use crate::exchange::amount::Amount;
use crate::random::Random;

/// How often funding is settled, in milliseconds: at 0, 8 and 16 o'clock UTC.
const SETTLEMENT_MS: u64 = 8 * 3_600_000;
/// How often the forecast changes, in milliseconds.
const FORECAST_MS: u64 = 60_000;
/// Decimals of a forecast.
const FORECAST_DECIMALS: u32 = 7;
/// Decimals of a settled rate.
const SETTLED_DECIMALS: u32 = 12;
/// The bounds of the forecast, either way.
pub(super) const LIMIT: Amount = Amount::scaled(375, 4);
/// How far a forecast moves at most, and how far from zero it stays, in units of its last decimal. It is often
/// near enough to zero to change its sign.
const FORECAST_STEP: i64 = 60;
const FORECAST_REACH: i64 = 3_000;

/// The funding of one contract.
#[derive(Clone, Debug)]
pub(super) struct Funding {
    pub(super) settled: Amount,
    forecast: i64,
    settlement: u64,
    minute: u64,
    random: Random,
}

impl Funding {
    pub(super) fn new(now_ms: u64, mut random: Random) -> Self {
        let forecast = random.between(-FORECAST_REACH / 3, FORECAST_REACH);
        Self {
            settled: Amount::scaled(random.between(-200_000_000, 900_000_000), SETTLED_DECIMALS),
            forecast,
            settlement: now_ms / SETTLEMENT_MS,
            minute: now_ms / FORECAST_MS,
            random,
        }
    }

    /// Settles if it is time, and moves the forecast on.
    pub(super) fn step(&mut self, now_ms: u64) {
        if now_ms / SETTLEMENT_MS != self.settlement {
            self.settlement = now_ms / SETTLEMENT_MS;
            // The settled rate has more digits than its forecast.
            let digits = Amount::scaled(self.random.between(0, 99_999), SETTLED_DECIMALS);
            self.settled = self.forecast() + digits;
        }
        if now_ms / FORECAST_MS != self.minute {
            self.minute = now_ms / FORECAST_MS;
            let step = self.random.between(-FORECAST_STEP, FORECAST_STEP);
            self.forecast = (self.forecast + step).clamp(-FORECAST_REACH, FORECAST_REACH);
        }
    }

    pub(super) fn forecast(&self) -> Amount {
        Amount::scaled(self.forecast, FORECAST_DECIMALS)
    }

    /// When the next settlement is, in Unix milliseconds.
    pub(super) fn next_ms(&self) -> u64 {
        (self.settlement + 1) * SETTLEMENT_MS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forecast_becomes_the_rate_at_each_settlement() {
        let mut funding = Funding::new(SETTLEMENT_MS - 1, Random::new(1, "funding"));
        let (settled, forecast) = (funding.settled, funding.forecast());
        assert_eq!(funding.next_ms(), SETTLEMENT_MS);
        funding.step(SETTLEMENT_MS);
        assert_ne!(funding.settled, settled);
        assert!(funding.settled - forecast < Amount::scaled(1, FORECAST_DECIMALS));
        assert_eq!(funding.next_ms(), 2 * SETTLEMENT_MS);
    }
}

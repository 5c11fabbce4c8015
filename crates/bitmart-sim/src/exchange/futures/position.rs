use super::{Instrument, LEVERAGE};
use crate::exchange::amount::Amount;

/// The part of a position's worth at which it would be liquidated.
const MAINTENANCE: Amount = Amount::scaled(5, 3);

/// Which way a position goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Side {
    Long,
    Short,
}

/// A position: contracts held, what they cost, and what was opened and closed since it was last flat.
#[derive(Clone, Debug)]
pub(super) struct Position {
    pub(super) instrument: &'static Instrument,
    pub(super) side: Side,
    held: u64,
    /// Locked by closing orders.
    frozen: u64,
    /// What the held contracts were worth when they were opened, exactly.
    cost: Amount,
    deposit: Amount,
    opened: u64,
    opened_worth: Amount,
    closed: u64,
    closed_worth: Amount,
    pub(super) created_ms: u64,
    pub(super) updated_ms: u64,
}

/// What closing set free.
#[derive(Clone, Copy, Debug)]
pub(super) struct Closed {
    pub(super) deposit: Amount,
    /// Negative for a loss.
    pub(super) profit: Amount,
}

impl Position {
    pub(super) fn new(instrument: &'static Instrument, side: Side) -> Self {
        Self {
            instrument,
            side,
            held: 0,
            frozen: 0,
            cost: Amount::ZERO,
            deposit: Amount::ZERO,
            opened: 0,
            opened_worth: Amount::ZERO,
            closed: 0,
            closed_worth: Amount::ZERO,
            created_ms: 0,
            updated_ms: 0,
        }
    }

    pub(super) fn held(&self) -> u64 {
        self.held
    }

    pub(super) fn frozen(&self) -> u64 {
        self.frozen
    }

    pub(super) fn closed(&self) -> u64 {
        self.closed
    }

    /// Contracts that no closing order has locked.
    pub(super) fn closable(&self) -> u64 {
        self.held - self.frozen
    }

    /// Locks contracts; at most [`Self::closable`] of them.
    pub(super) fn freeze(&mut self, contracts: u64, now_ms: u64) {
        self.frozen += contracts;
        self.updated_ms = now_ms;
    }

    pub(super) fn unfreeze(&mut self, contracts: u64, now_ms: u64) {
        self.frozen = self.frozen.saturating_sub(contracts);
        self.updated_ms = now_ms;
    }

    /// Adds contracts. From flat it is a new position.
    pub(super) fn open(&mut self, contracts: u64, worth: Amount, deposit: Amount, now_ms: u64) {
        if self.held == 0 {
            *self = Self {
                created_ms: now_ms,
                ..Self::new(self.instrument, self.side)
            };
        }
        self.held += contracts;
        self.cost += worth;
        self.deposit += deposit;
        self.opened += contracts;
        self.opened_worth += worth;
        self.updated_ms = now_ms;
    }

    /// Takes out contracts that were frozen. Cost and deposit go in proportion, cut towards zero; what was cut
    /// goes with the last contract, so that nothing is lost. `None` if there aren't so many.
    pub(super) fn close(&mut self, contracts: u64, worth: Amount, now_ms: u64) -> Option<Closed> {
        let frozen = self.frozen.checked_sub(contracts)?;
        let cost = self.cost.share(contracts, self.held)?;
        let deposit = self.deposit.share(contracts, self.held)?;
        self.frozen = frozen;
        self.held = self.held.checked_sub(contracts)?;
        self.cost -= cost;
        self.deposit -= deposit;
        self.closed += contracts;
        self.closed_worth += worth;
        self.updated_ms = now_ms;
        let profit = match self.side {
            Side::Long => worth - cost,
            Side::Short => cost - worth,
        };
        Some(Closed { deposit, profit })
    }

    pub(super) fn hold_price(&self) -> Amount {
        self.average(self.cost, self.held)
    }

    pub(super) fn open_price(&self) -> Amount {
        self.average(self.opened_worth, self.opened)
    }

    pub(super) fn close_price(&self) -> Amount {
        self.average(self.closed_worth, self.closed)
    }

    /// The price at which an isolated position's deposit is used up; zero if there is none.
    pub(super) fn liquidation_price(&self) -> Amount {
        if self.held == 0 || !self.instrument.is_isolated {
            return Amount::ZERO;
        }
        let price = self.hold_price();
        let distance =
            price.share(1, LEVERAGE).unwrap_or_default() - price.times(MAINTENANCE).unwrap_or_default();
        match self.side {
            Side::Long => price - distance,
            Side::Short => price + distance,
        }
    }

    /// Price per coin of contracts that are worth an amount; zero for none.
    fn average(&self, worth: Amount, contracts: u64) -> Amount {
        let coins = self
            .instrument
            .contract_size
            .share(contracts, 1)
            .unwrap_or_default();
        worth.over(coins).unwrap_or_default()
    }
}

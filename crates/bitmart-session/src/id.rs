use std::fmt;

use bitmart_proto::{Market, Side};

/// Names one logical connection of a client, through all its reconnects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId {
    /// The market.
    pub market: Market,
    /// With or without login.
    pub side: Side,
    /// 0 for the first connection of that market and side; more are opened when one is full.
    pub index: u16,
}

impl ConnectionId {
    /// The first connection of a market and a side.
    #[must_use]
    pub fn new(market: Market, side: Side) -> Self {
        Self {
            market,
            side,
            index: 0,
        }
    }
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.market, self.side)?;
        match self.index {
            0 => Ok(()),
            index => write!(f, " #{index}"),
        }
    }
}

/// Counts the sockets of one logical connection: 1 is the first that opened, 0 means none has yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Epoch(pub u64);

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

//! Sessions in virtual time: a model of the exchange, of the network and of a driver, and faults by a seed.
//!
//! Nothing here does I/O, draws from the system's randomness or reads a clock: one seed is one run, byte for byte.
//!
//! ```
//! use bitmart_reliability::session;
//!
//! let first = session::run(7, 2).unwrap();
//! let again = session::run(7, 2).unwrap();
//! assert_eq!(first.digest, again.digest);
//! assert!(first.totals.received > 0);
//! ```
//!
//! - `world` is the agenda: what happens when.
//! - `client` drives one session as `bitmart-ws` does, without its sockets.
//! - `exchange` answers as BitMart does, or as a fault has it.
//! - `fault` is what goes wrong, and for how long.
//! - [`herd`] is a thousand clients and one restart.

mod client;
mod exchange;
mod fault;
pub mod herd;
mod world;

use bitmart_session::time::{MILLISECOND, MINUTE, SECOND};

use crate::history::{Rules, Totals, Violation};
use world::World;

/// The longest way of a message from one end to the other.
pub(crate) const LATENCY: u64 = 150 * MILLISECOND;

/// One hour, in nanoseconds.
pub(crate) const HOUR: u64 = 60 * MINUTE;

/// What the model and the default settings allow.
pub(crate) const RULES: Rules = Rules {
    latency: LATENCY,
    blind: 2 * SECOND,
    // Ping after 15 s and 10 s of grace.
    notice: 25 * SECOND,
    // Four round trips (TCP, login, topics, and topics once more, alone) and the pace of the requests.
    settle: 8 * LATENCY + 4 * SECOND,
    // Three times ten seconds for an acknowledgement.
    pending: 30 * SECOND,
    tells_logins: true,
    tells_arrivals: true,
    aftermath: 45 * SECOND,
};

/// What a run was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Run {
    /// Equal for equal runs: a number made of every entry of the history and every byte that was sent.
    pub digest: u64,
    /// How much virtual time has passed, in nanoseconds.
    pub passed_ns: u64,
    /// What happened in it.
    pub totals: Totals,
}

impl Run {
    /// Adds another run's.
    pub fn add(&mut self, other: &Self) {
        self.digest ^= other.digest;
        self.passed_ns += other.passed_ns;
        self.totals.add(&other.totals);
    }

    /// How much virtual time has passed, in hours.
    #[must_use]
    pub fn hours(&self) -> u64 {
        self.passed_ns / HOUR
    }
}

/// How long a seed runs unless told otherwise: long enough for some two hundred faults, short enough to look at.
pub const HOURS_PER_SEED: u64 = 20;

/// Simulates some hours of one to three connections of a client under faults.
///
/// # Errors
///
/// [`Violation`]: a promise was broken.
pub fn run(seed: u64, hours: u64) -> Result<Run, Violation> {
    World::new(seed).run(hours)
}

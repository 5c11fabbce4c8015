//! A thousand clients of one exchange that restarts: whether they come back as a herd.

use bitmart_proto::{Market, Side};
use bitmart_session::ConnectionId;
use bitmart_session::time::{MILLISECOND, SECOND};

use super::fault::Fault;
use super::world::World;
use crate::history::{Totals, Violation};

/// The clients: each a process of its own, with a connect budget of its own.
pub const CLIENTS: u16 = 1_000;

/// A return that is spread evenly over nine seconds brings 111 clients in each; chance adds a half.
pub const MAX_CONNECTS_PER_SECOND: usize = 170;

/// How long the exchange is away in the longer restart.
const OUTAGE: u64 = 5 * SECOND;

/// In the longer restart those who come too early come again, beside those who come later: half of all at most.
pub const MAX_CONNECTS_PER_SECOND_AFTER_OUTAGE: usize = 500;

/// How a herd came back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Herd {
    /// The most connects in any second.
    pub most_connects_per_second: usize,
    /// From the restart until every client was live again, in milliseconds.
    pub live_after_ms: u64,
    /// What happened.
    pub totals: Totals,
}

impl Herd {
    /// Keeps the worse of two.
    pub fn worse(&mut self, other: Self) {
        self.most_connects_per_second = self.most_connects_per_second.max(other.most_connects_per_second);
        self.live_after_ms = self.live_after_ms.max(other.live_after_ms);
        self.totals.add(&other.totals);
    }
}

/// Restarts the exchange under its clients: it closes with 1012 and, in an outage, refuses connects for five
/// seconds.
///
/// ```
/// let herd = bitmart_reliability::session::herd::restart(1, false).unwrap();
/// assert!(herd.live_after_ms <= 11_500, "{herd:?}");
/// ```
///
/// # Errors
///
/// [`Violation`]: a promise was broken, among them that of a spread return.
pub fn restart(seed: u64, has_outage: bool) -> Result<Herd, Violation> {
    let mut world = World::empty(seed);
    for index in 0..CLIENTS {
        let id = ConnectionId {
            index,
            ..ConnectionId::new(Market::Futures, Side::Private)
        };
        world.add(id, 4, index.into());
    }
    world.run_until(60 * SECOND);
    let restarted_at = world.now();
    if has_outage {
        world.strike_for(Fault::Refuse, OUTAGE);
    }
    world.strike(Fault::Close(1012));
    while world.history().due().is_some() || world.now() < restarted_at + OUTAGE + SECOND {
        world.run_until(world.now() + 100 * MILLISECOND);
        if world.history().is_violated() {
            break;
        }
    }
    let live_after_ms = (world.now() - restarted_at) / MILLISECOND;
    let dials: Vec<u64> = world
        .dials()
        .iter()
        .copied()
        .filter(|at| *at > restarted_at)
        .collect();
    let most = (0..dials.len())
        .map(|first| dials.partition_point(|at| *at < dials[first] + SECOND) - first)
        .max()
        .unwrap_or(0);
    let bound = match has_outage {
        true => MAX_CONNECTS_PER_SECOND_AFTER_OUTAGE,
        false => MAX_CONNECTS_PER_SECOND,
    };
    if most > bound {
        let id = ConnectionId::new(Market::Futures, Side::Private);
        let now = world.now();
        world
            .history()
            .violate(now, id, format!("P5: {most} clients come back in one second"));
    }
    let totals = world.finish()?.totals;
    Ok(Herd {
        most_connects_per_second: most,
        live_after_ms,
        totals,
    })
}

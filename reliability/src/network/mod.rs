//! The whole client on a simulated network: real tokio, hyper, rustls and [`bitmart::Client`] against the simulator of
//! the exchange, over TCP streams that exist in memory alone and in virtual time.
//!
//! Each simulation is drawn from a seed, as a [`Schedule`]: settings, troubles (of the network, the exchange, the names,
//! the certificates, the user), and what the user does meanwhile. When the last trouble is over, everything has to
//! come back by itself. The oracle is [`History`](crate::history::History); beside it is checked that
//!
//! - the counters of each connection add up, and agree with what was seen (P2);
//! - no close frame is reported that did not come;
//! - over TLS nothing is said in plain text, no certificate is accepted that proves nothing, and one is followed by
//!   patience;
//! - no secret is in any event (P9);
//! - a closed client dials no more.
//!
//! ```text
//!   World: steps the network, begins and ends troubles, tells the oracle
//!     ├─ host "client":   User ─► bitmart::Client ─► Dialer ─► Tap ─► Fragile ─┐
//!     │                                                                        ├─ simulated TCP
//!     └─ host "exchange": Simulator ◄─ acceptor ◄─ (TLS) ◄─ Fragile ───────────┘
//! ```
//!
//! The simulated network, tokio's clock and all else that decides is drawn from the seed, so a seed in a fresh process
//! gives the same history; over TLS, keys come from the system, and lengths on the wire may differ.

mod blocks;
mod certificates;
mod exchange;
mod journal;
mod schedule;
mod tap;
mod user;
mod wire;
mod world;

pub use blocks::{FailedSeed, Plan, Report, run_block, run_blocks};
pub use schedule::{Schedule, Transport};
pub use world::{Finished, replay, simulate};

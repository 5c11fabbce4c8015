//! Simulations of the client under faults, and the one oracle that judges all of them.
//!
//! - [`history`] is the oracle: it is told what the exchange made and sent, what the network brought, and what the
//!   client said, and finds every loss that was not announced.
//! - [`network`] simulates the whole client on a simulated network, with the feature of this name.

pub mod history;
#[cfg(feature = "network")]
pub mod network;

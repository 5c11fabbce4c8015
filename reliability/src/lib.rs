//! Simulations of the client under faults, and the one oracle that judges all of them.
//!
//! - [`history`] is the oracle: it is told what the exchange made and sent, what the network brought, and what the
//!   client said, and finds every loss that was not announced.
//! - [`session`] simulates sessions in virtual time, a million hours of them if need be.
//! - `weather` is a stream of bytes that is chunked, stalled, cut and flipped at the byte of one's choice.
//! - `soak` runs the client for long, under load and faults, and watches what it holds.
//! - [`network`] simulates the whole client on a simulated network, with the feature of this name.

pub mod campaign;
pub mod history;
#[cfg(feature = "network")]
pub mod network;
pub mod session;
#[cfg(feature = "network")]
pub mod soak;
#[cfg(feature = "network")]
pub mod weather;

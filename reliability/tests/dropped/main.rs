//! Futures dropped after k polls, for every k, at every public asynchronous function of all published crates: what its
//! documentation promises under *Cancel safety* holds.
#![cfg(feature = "network")]
#![allow(clippy::unwrap_used, reason = "tests")]

mod client;
mod device;
mod listed;
mod simulator;
mod transport;

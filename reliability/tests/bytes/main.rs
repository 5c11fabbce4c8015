//! Faults at every byte: what a network may do to one stream, between the client and the simulator in memory, in
//! virtual time. Each story is played by the lending connection and by the client above it, plain and over TLS.
#![cfg(feature = "network")]
#![allow(clippy::unwrap_used, reason = "tests")]

mod chunks;
mod cuts;
mod flips;
mod oracle;
mod rig;
mod stalls;

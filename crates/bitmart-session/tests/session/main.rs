//! The session's promises, in virtual time.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test may panic, and prints its seed"
)]

mod gaps;
mod heartbeat;
mod login;
mod pause;
mod rig;
mod standstill;
mod subscriptions;
mod texts;

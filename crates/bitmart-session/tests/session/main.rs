//! The session's promises, in virtual time.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod gaps;
mod heartbeat;
mod login;
mod rig;
mod simulation;
mod subscriptions;

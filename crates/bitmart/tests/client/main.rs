//! The client end to end, against the simulator over real sockets on loopback.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "tests may panic, and measure how long a close takes"
)]

mod canary;
mod connections;
mod faults;
mod log;
mod mistakes;
mod options;
mod overflow;
mod rig;
mod strangers;
mod streams;

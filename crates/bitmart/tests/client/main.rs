//! The client end to end, against the simulator over real sockets on loopback.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "tests may panic, and measure how long a close takes"
)]

mod canary;
mod faults;
mod mistakes;
mod rig;
mod streams;

//! The client end to end, against the simulator over real sockets on loopback.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

mod canary;
mod faults;
mod mistakes;
mod rig;
mod streams;

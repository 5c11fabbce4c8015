//! The soak: the client under load and faults for long, while what it holds is watched.
//!
//! Two forms, with the same checks at their end:
//!
//! - [`run_real`]: real minutes over TLS on loopback against an exchange in a process of its own, data as fast as it
//!   goes, a fault every few seconds. Watched are the process's memory, its tasks, descriptors and threads.
//! - [`run_day`]: a simulated day in tokio's paused time, in one thread, over streams in memory, with data each second
//!   and a fault every few minutes. Watched are the bytes that are allocated, to the byte, and the tasks.
//!
//! A run is over when the faults have stopped, every gap has closed and every connection is ready again. It then holds
//! the client's counters against what the consumer was given (P2), and says in its [`Report`] which bounds were broken.

mod day;
mod exchange;
mod faults;
mod ledger;
mod process;
mod real;
mod report;
mod topics;

use std::fmt;
use std::io;

pub use day::{Day, Meter, run_day};
pub use exchange::{Order, ServeError, serve};
pub use faults::{Blow, Late, Plan};
pub use real::{Real, run_real};
pub use report::{Extent, Kind, Memory, Report};
pub use topics::every_topic;

/// Why a soak could not be run to its end: the surroundings' fault, not the client's.
#[derive(Debug)]
#[non_exhaustive]
pub enum SoakError {
    /// The exchange's process could not be started, or went away.
    Exchange(io::Error),
    /// The client could not be put together.
    Build(bitmart::BuildError),
    /// The client refused a call.
    Client(bitmart::ClientError),
    /// The simulator could not be started.
    Simulator(bitmart_sim::StartError),
    /// What the system says about this process could not be read.
    Process(io::Error),
    /// The runtime could not be started.
    Runtime(io::Error),
}

impl fmt::Display for SoakError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exchange(source) => write!(f, "the exchange's process: {source}"),
            Self::Build(source) => write!(f, "the client: {source}"),
            Self::Client(source) => write!(f, "the client: {source}"),
            Self::Simulator(source) => write!(f, "the simulator: {source}"),
            Self::Process(source) => write!(f, "this process's figures: {source}"),
            Self::Runtime(source) => write!(f, "the runtime: {source}"),
        }
    }
}

impl std::error::Error for SoakError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Exchange(source) | Self::Process(source) | Self::Runtime(source) => Some(source),
            Self::Build(source) => Some(source),
            Self::Client(source) => Some(source),
            Self::Simulator(source) => Some(source),
        }
    }
}

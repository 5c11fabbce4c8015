//! Transport of the BitMart client.

mod budget;
pub mod clock;
pub mod connect;
mod connection;
mod driver;
pub mod frame;
mod incoming;
mod socket;

pub use bitmart_session as session;
pub use budget::SharedBudget;
pub use connection::{Connection, ConnectionConfig};
pub use incoming::{Counters, Incoming, MessageError, Push, Undecodable};

pub use clock::{Clock, SystemClock, TokioClock};

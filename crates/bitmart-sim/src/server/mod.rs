//! The I/O: listeners, TLS, one task per connection, and the handle on all of it.

mod builder;
mod connection;
mod handshake;
mod hub;
mod listener;
mod observer;
mod outbox;
mod simulator;
mod tls;
mod writer;

pub use builder::{Builder, StartError, Tick};
pub use hub::Compress;
pub(crate) use hub::Hub;
pub(crate) use listener::stopped;
pub use observer::PushRecord;
pub use simulator::{Acceptor, Simulator};

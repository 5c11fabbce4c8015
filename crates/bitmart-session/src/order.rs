use bitmart_proto::Operation;

use crate::Epoch;

/// What the driver is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Order {
    /// Open a socket, not before this time.
    Connect {
        /// In the driver's nanoseconds.
        not_before: u64,
    },
    /// Get a login signed and answer with [`Session::handle_signed`](crate::Session::handle_signed).
    Sign {
        /// To be given back.
        epoch: Epoch,
        /// The timestamp to sign, in Unix milliseconds by the exchange's clock.
        timestamp_ms: u64,
    },
    /// Get rid of the socket, or of the attempt to open one.
    Close {
        /// Whether to say good-bye with a close frame; otherwise the peer is beyond talking to.
        polite: bool,
    },
}

/// What a message from [`Session::poll_transmit`](crate::Session::poll_transmit) is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Transmit {
    /// A ping. It must not wait behind other messages.
    Ping,
    /// A login or a request for topics. A login holds the signature: don't log it.
    Request(Operation),
}

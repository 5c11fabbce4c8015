use std::fmt;

use bitmart_proto::{DecodeError, Decoder, Reply};
use bitmart_session::{ConnectionId, Epoch};
use bitmart_ws::MessageError;
use bytes::Bytes;

use crate::Lifecycle;

/// Something that came in, or happened, on one of a client's connections.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Event {
    /// The connection.
    pub connection: ConnectionId,
    /// Which of the connection's sockets: 0 before the first.
    pub epoch: Epoch,
    /// What it is.
    pub kind: EventKind,
}

/// What an [`Event`] is.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum EventKind {
    /// Market or account data.
    Update(Update),
    /// Something happened to the connection: opened, authenticated, a gap, closed, and so on.
    Lifecycle(Lifecycle),
    /// The exchange answered a request. What it means has been seen to; this is for the record.
    Response(Reply<'static>),
    /// A message that we don't know, as text.
    Unknown(String),
    /// A message that should be data or an answer but can't be read. The next one is read as usual.
    Undecodable {
        /// Why.
        error: MessageError,
        /// The beginning of the message, at most [`MAX_SAMPLE_BYTES`] of it.
        sample: Bytes,
    },
    /// The task of this connection has panicked: a bug of ours, or of a signer, resolver, dialer or clock of the
    /// user's. The connection is over.
    TaskFailed,
}

/// How much of an undecodable message its event keeps, in bytes.
pub const MAX_SAMPLE_BYTES: usize = 256;

/// An owned message of data: one copy of its text, decoded when asked for.
///
/// ```
/// use bitmart::{Decoder, EventKind, Update, proto};
///
/// fn on_update(update: &Update, decoder: &mut Decoder) -> Result<(), bitmart::DecodeError> {
///     if let proto::Update::SpotOrders { orders, .. } = update.decode(decoder)? {
///         for order in orders {
///             println!("{} {}", order.symbol, order.order_id);
///         }
///     }
///     Ok(())
/// }
/// ```
///
/// Cloning one is a reference count. The text was decoded once before it got here, so decoding it again doesn't fail.
#[derive(Clone)]
pub struct Update {
    text: Bytes,
    received_ns: u64,
}

impl Update {
    pub(crate) fn new(text: &[u8], received_ns: u64) -> Self {
        Self {
            text: Bytes::copy_from_slice(text),
            received_ns,
        }
    }

    /// Decodes the message. The result borrows from the message and the decoder.
    ///
    /// # Errors
    ///
    /// In practice none: see the type.
    pub fn decode<'a>(&'a self, decoder: &'a mut Decoder) -> Result<bitmart_proto::Update<'a>, DecodeError> {
        decoder.decode(&self.text)
    }

    /// The message as it came (inflated, if it came compressed).
    #[must_use]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.text).unwrap_or_default()
    }

    /// The message's bytes, without a copy.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.text
    }

    /// When it was read from the socket, in nanoseconds on the client's clock: by default that of
    /// [`SystemClock`](crate::ws::SystemClock).
    #[must_use]
    pub fn received_ns(&self) -> u64 {
        self.received_ns
    }
}

impl fmt::Debug for Update {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Update")
            .field("text", &self.text())
            .field("received_ns", &self.received_ns)
            .finish()
    }
}

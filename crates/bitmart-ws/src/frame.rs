//! RFC 6455 frames without I/O: a reader that lends messages where they lie, and a writer that holds whole
//! frames.
//!
//! ```text
//!  socket ──► space() / filled(n) ──► FrameReader ──► advance() ──► Head ──► payload(head) ──► &[u8]
//!  socket ◄── pending() / consumed(n) ◄── FrameWriter ◄── text, ping, pong, close
//! ```
//!
//! Neither holds a future, so neither can be left in the middle of something: whoever drives them may drop a
//! read or a write at any await point and go on later. Both are bounded, whatever the peer sends or doesn't
//! read.

mod error;
mod head;
mod header;
mod reader;
mod writer;

pub use error::{FrameError, WriteError};
pub use head::{Frame, Head, Kind};
pub use reader::{FrameCounts, FrameReader, Limits, MAX_FRAGMENTS, MAX_MESSAGE_BYTES, READ_BUFFER_BYTES};
pub use writer::{FrameWriter, WRITE_BUFFER_BYTES};

/// The longest payload of a ping, pong or close frame, in bytes (RFC 6455, 5.5).
pub const MAX_CONTROL_BYTES: usize = 125;

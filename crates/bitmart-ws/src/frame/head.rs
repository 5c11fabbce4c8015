#[cfg(doc)]
use super::FrameReader;

/// What [`FrameReader::advance`] found: a whole message, or a control frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A text message; its payload is UTF-8.
    Text,
    /// A binary message.
    Binary,
    /// A ping, to be answered with a pong of the same payload.
    Ping,
    /// A pong.
    Pong,
    /// The peer closes; its payload is the reason, in UTF-8. Nothing comes after it.
    Close {
        /// The code, unless the frame was empty.
        code: Option<u16>,
    },
}

/// Where a message or control frame lies in its [`FrameReader`], without borrowing it.
///
/// It is good until the next [`advance`](FrameReader::advance) or [`space`](FrameReader::space). A head kept
/// longer never panics; [`payload`](FrameReader::payload) then lends other bytes, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    pub(super) kind: Kind,
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Head {
    /// What it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Length of the payload in bytes.
    #[must_use]
    pub fn payload_bytes(&self) -> usize {
        self.end - self.start
    }
}

/// A message or control frame, lent by [`FrameReader::next_frame`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// A text message: bytes that have been checked to be UTF-8.
    Text(&'a [u8]),
    /// A binary message.
    Binary(&'a [u8]),
    /// A ping, to be answered with a pong of the same payload.
    Ping(&'a [u8]),
    /// A pong.
    Pong(&'a [u8]),
    /// The peer closes. Nothing comes after it.
    Close {
        /// The code, unless the frame was empty.
        code: Option<u16>,
        /// The reason, most often empty.
        reason: &'a str,
    },
}

use std::fmt;

use super::MAX_CONTROL_BYTES;

/// How the peer broke RFC 6455 or a bound of ours. The connection can't go on.
///
/// The fault lies with the venue (or with whoever sits between), never with the caller. The right answer is a
/// close frame with [`close_code`](Self::close_code), then a new connection; what was on its way is a gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FrameError {
    /// A reserved bit is set, though no extension was agreed on.
    ReservedBits,
    /// An opcode that RFC 6455 reserves.
    ReservedOpcode {
        /// The opcode: 3–7 or 11–15.
        opcode: u8,
    },
    /// A masked frame; only clients mask.
    Masked,
    /// A ping, pong or close frame without the final bit.
    FragmentedControl,
    /// A ping, pong or close frame of more than [`MAX_CONTROL_BYTES`].
    LongControl,
    /// A length written with more bytes than it needs. A sender must not (RFC 6455, 5.2), and where one seems
    /// to, the stream has more likely lost its step.
    PaddedLength,
    /// A 64-bit length with the top bit set.
    NegativeLength,
    /// A continuation frame with no message to continue.
    StrayContinuation,
    /// A new message began before the fragmented one was over.
    InterruptedMessage,
    /// A message, or what a frame adds to it, is over the bound.
    MessageTooBig {
        /// Length of the message so far and of the frame that broke the bound, as declared.
        bytes: u64,
        /// The bound, in bytes.
        limit: usize,
    },
    /// A message came in more fragments than the bound.
    TooManyFragments {
        /// The bound.
        limit: u32,
    },
    /// A text message that is not UTF-8, or ends in the middle of a character.
    InvalidText,
    /// A close frame with a payload of one byte: half a code.
    HalfCloseCode,
    /// A close frame with a code that may not be sent.
    InvalidCloseCode {
        /// The code.
        code: u16,
    },
    /// A close frame with a reason that is not UTF-8.
    InvalidCloseReason,
}

impl FrameError {
    /// The code to close the connection with: 1002 protocol error, 1007 invalid data, 1009 too big.
    ///
    /// ```
    /// use bitmart_ws::frame::FrameError;
    ///
    /// assert_eq!(FrameError::Masked.close_code(), 1002);
    /// ```
    #[must_use]
    pub fn close_code(&self) -> u16 {
        match self {
            Self::MessageTooBig { .. } | Self::TooManyFragments { .. } => 1009,
            Self::InvalidText | Self::InvalidCloseReason => 1007,
            _ => 1002,
        }
    }
}

impl fmt::Display for FrameError {
    /// What the venue did. What to do about it is [`close_code`](FrameError::close_code)'s to say: close and connect again.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the venue ")?;
        match self {
            Self::ReservedBits => f.write_str("set a reserved bit, though no extension was agreed on"),
            Self::ReservedOpcode { opcode } => write!(f, "sent a frame with the reserved opcode {opcode}"),
            Self::Masked => f.write_str("sent a masked frame"),
            Self::FragmentedControl => f.write_str("fragmented a control frame"),
            Self::LongControl => write!(f, "sent a control frame of more than {MAX_CONTROL_BYTES} bytes"),
            Self::PaddedLength => f.write_str("wrote a frame's length with more bytes than it needs"),
            Self::NegativeLength => f.write_str("sent a 64-bit length with the top bit set"),
            Self::StrayContinuation => f.write_str("continued a message that had not begun"),
            Self::InterruptedMessage => f.write_str("began a message inside a fragmented one"),
            Self::MessageTooBig { bytes, limit } => {
                write!(
                    f,
                    "sent a message of at least {bytes} bytes, over the bound of {limit}"
                )
            }
            Self::TooManyFragments { limit } => write!(f, "sent a message in more than {limit} fragments"),
            Self::InvalidText => f.write_str("sent a text message that is not UTF-8"),
            Self::HalfCloseCode => f.write_str("closed with half a code"),
            Self::InvalidCloseCode { code } => write!(f, "closed with {code}, a code that may not be sent"),
            Self::InvalidCloseReason => f.write_str("closed with a reason that is not UTF-8"),
        }
    }
}

impl std::error::Error for FrameError {}

/// Why a frame was not queued. Nothing of it was: the writer is as it was before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WriteError {
    /// The write buffer has no room for the frame: the peer reads too slowly, or not at all. Try again after
    /// the socket has taken some.
    Full {
        /// Length of the frame, in bytes.
        bytes: usize,
        /// Room left, in bytes.
        room: usize,
    },
    /// The frame is longer than the whole write buffer: the caller's to mend, it will never fit.
    TooBig {
        /// Length of the frame, in bytes.
        bytes: usize,
        /// The bound, in bytes.
        limit: usize,
    },
    /// The payload of a control frame is longer than [`MAX_CONTROL_BYTES`]: the caller's to mend.
    LongControl {
        /// Length of the payload, in bytes.
        bytes: usize,
    },
    /// A close code that may not be sent: the caller's to mend.
    InvalidCloseCode {
        /// The code.
        code: u16,
    },
    /// A close frame is queued already; nothing may follow it.
    Closing,
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full { bytes, room } => write!(
                f,
                "the write buffer has {room} bytes of room and the frame has {bytes}: \
                 the venue reads slowly, try again when the socket has taken some"
            ),
            Self::TooBig { bytes, limit } => {
                write!(
                    f,
                    "the frame has {bytes} bytes, more than the write buffer ever holds ({limit}): split it"
                )
            }
            Self::LongControl { bytes } => {
                write!(
                    f,
                    "a control frame holds {MAX_CONTROL_BYTES} bytes of payload, not {bytes}: shorten it"
                )
            }
            Self::InvalidCloseCode { code } => {
                write!(
                    f,
                    "{code} may not be sent as a close code: use 1000, or one of 3000–4999"
                )
            }
            Self::Closing => {
                f.write_str("a close frame is queued, nothing may follow it: open a new connection")
            }
        }
    }
}

impl std::error::Error for WriteError {}

/// Whether a close frame may carry this code: those of RFC 6455 and of the IANA registry that are not
/// reserved, and the ranges for libraries and applications.
pub(super) fn is_sendable_close_code(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

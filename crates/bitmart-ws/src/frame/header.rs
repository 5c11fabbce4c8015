use super::{FrameError, MAX_CONTROL_BYTES};

/// The fewest bytes a header can have; what has to be there before it is worth a look.
pub(super) const MIN_HEADER_BYTES: usize = 2;

/// The most bytes the header of an unmasked frame can have: two, and a length of eight.
pub(super) const MAX_HEADER_BYTES: usize = 10;

const FIN: u8 = 0x80;
const RESERVED_BITS: u8 = 0x70;
const OPCODE: u8 = 0x0f;
const MASKED: u8 = 0x80;
const LENGTH_16: u8 = 126;
const LENGTH_64: u8 = 127;

/// What a frame is, before its place in a message is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opcode {
    Continuation,
    Text,
    Binary,
    Close,
    Ping,
    Pong,
}

impl Opcode {
    #[inline]
    pub(super) fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

/// A header that breaks no rule by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) opcode: Opcode,
    pub(super) is_final: bool,
    /// How many bytes the header has: where the payload begins.
    pub(super) header_bytes: usize,
    /// The declared length of the payload: a promise of the peer, at most 2^63 - 1.
    pub(super) payload_bytes: u64,
}

/// What [`Header::parse`] makes of the bytes it is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parsed {
    Header(Header),
    /// The header is not all there; so many bytes are needed, counted from its beginning.
    Needs(usize),
}

impl Header {
    /// Reads the header at the beginning of `bytes`, as a server has to write it.
    ///
    /// Which error a broken header gives depends on its bytes alone, never on how many of them have arrived:
    /// the first two are judged together, then the length.
    #[inline]
    pub(super) fn parse(bytes: &[u8]) -> Result<Parsed, FrameError> {
        let &[first, second, ref rest @ ..] = bytes else {
            return Ok(Parsed::Needs(MIN_HEADER_BYTES));
        };
        if first & RESERVED_BITS != 0 {
            return Err(FrameError::ReservedBits);
        }
        let opcode = match first & OPCODE {
            0x0 => Opcode::Continuation,
            0x1 => Opcode::Text,
            0x2 => Opcode::Binary,
            0x8 => Opcode::Close,
            0x9 => Opcode::Ping,
            0xa => Opcode::Pong,
            opcode => return Err(FrameError::ReservedOpcode { opcode }),
        };
        if second & MASKED != 0 {
            return Err(FrameError::Masked);
        }
        let is_final = first & FIN != 0;
        if opcode.is_control() {
            if !is_final {
                return Err(FrameError::FragmentedControl);
            }
            if usize::from(second) > MAX_CONTROL_BYTES {
                return Err(FrameError::LongControl);
            }
        }
        let (header_bytes, payload_bytes) = match second {
            LENGTH_16 => {
                let Some(length) = rest.first_chunk() else {
                    return Ok(Parsed::Needs(4));
                };
                (4, u64::from(u16::from_be_bytes(*length)))
            }
            LENGTH_64 => {
                let Some(length) = rest.first_chunk() else {
                    return Ok(Parsed::Needs(MAX_HEADER_BYTES));
                };
                (MAX_HEADER_BYTES, u64::from_be_bytes(*length))
            }
            length => (2, u64::from(length)),
        };
        let least = match header_bytes {
            2 => 0,
            4 => u64::from(LENGTH_16),
            _ => 1 << 16,
        };
        if payload_bytes < least {
            return Err(FrameError::PaddedLength);
        }
        if payload_bytes > i64::MAX as u64 {
            return Err(FrameError::NegativeLength);
        }
        Ok(Parsed::Header(Self {
            opcode,
            is_final,
            header_bytes,
            payload_bytes,
        }))
    }
}

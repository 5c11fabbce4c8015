use std::fmt;

use flate2::{Decompress, FlushDecompress, Status};

use crate::limits::{MAX_TEXT_BYTES, RETAINED_BYTES};

/// Unpacks binary frames: each is one message in raw DEFLATE, without a zlib or gzip header
/// (`docs/PROTOCOL.md`, *Compression*).
///
/// ```
/// use bitmart_proto::Inflater;
///
/// let mut inflater = Inflater::new();
/// let frame = [0xab, 0x56, 0x4a, 0x2d, 0x4b, 0xcd, 0x2b, 0x51, 0xb2, 0x52, 0xca, 0xc9, 0x4f, 0xcf, 0xcc, 0x53, 0xaa, 0x05, 0x00];
/// assert_eq!(inflater.inflate(&frame)?, br#"{"event":"login"}"#);
/// assert_eq!(inflater.text(), br#"{"event":"login"}"#);
/// # Ok::<(), bitmart_proto::InflateError>(())
/// ```
///
/// Frames are independent: the state is reset for each, and an error leaves no trace. State and output are reused,
/// so nothing is allocated once the output has grown to the size of the messages. The output never exceeds
/// [`MAX_TEXT_BYTES`], grows only as text comes out, and is given back after a message of more than
/// [`RETAINED_BYTES`]: with the next frame, or at once if the message can't be unpacked.
pub struct Inflater {
    state: Decompress,
    text: Vec<u8>,
}

/// What the output starts with, in bytes: most messages fit.
const FIRST_BYTES: usize = 4 << 10;

/// How a stream ends that was flushed but not finished: an empty stored block at a byte boundary.
const SYNC_FLUSH: &[u8] = &[0x00, 0x00, 0xff, 0xff];

/// A last, stored block that begins at a byte boundary, and what it unpacks to: bytes that no other reading of it would
/// yield.
const LAST_BLOCK: &[u8] = b"\x01\x08\x00\xf7\xff\x9d\x05\xe6\x71\x2b\xc4\x58\xba";
const LAST_BYTES: &[u8] = b"\x9d\x05\xe6\x71\x2b\xc4\x58\xba";

impl Inflater {
    /// An inflater with an empty output.
    #[must_use]
    pub fn new() -> Self {
        Self {
            state: Decompress::new(false),
            text: Vec::new(),
        }
    }

    /// Unpacks one frame.
    ///
    /// A stream that was flushed (`Z_SYNC_FLUSH`) but not finished is whole, too.
    ///
    /// # Errors
    ///
    /// [`InflateError`] if the frame isn't raw DEFLATE, ends too early, has bytes behind its end, or unpacks to more
    /// than [`MAX_TEXT_BYTES`]. [`text`](Self::text) is empty then.
    pub fn inflate<'a>(&'a mut self, frame: &[u8]) -> Result<&'a [u8], InflateError> {
        self.state.reset(false);
        self.clear();
        if let Err(error) = self.run(frame) {
            // There is nothing to lend, and on a connection whose messages are text no other frame may ever come.
            self.clear();
            return Err(error);
        }
        Ok(&self.text)
    }

    /// Empties the output, and gives back what is beyond [`RETAINED_BYTES`] of it.
    fn clear(&mut self) {
        self.text.clear();
        if self.text.capacity() > RETAINED_BYTES {
            self.text.shrink_to(RETAINED_BYTES);
        }
    }

    /// What the last frame unpacked to; empty if it couldn't be unpacked.
    #[must_use]
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    fn run(&mut self, frame: &[u8]) -> Result<(), InflateError> {
        let mut rest = frame;
        loop {
            self.make_room()?;
            let (consumed, produced) = (self.state.total_in(), self.text.len());
            let status = self
                .state
                .decompress_vec(rest, &mut self.text, FlushDecompress::None)
                .map_err(|_| InflateError::Corrupt)?;
            let step = usize::try_from(self.state.total_in() - consumed).unwrap_or(rest.len());
            rest = rest.get(step..).unwrap_or_default();
            if self.text.len() > MAX_TEXT_BYTES {
                return Err(InflateError::TooLarge);
            }
            let is_stuck = step == 0 && self.text.len() == produced;
            match status {
                Status::StreamEnd if rest.is_empty() => return Ok(()),
                Status::StreamEnd => return Err(InflateError::TrailingBytes { count: rest.len() }),
                // With room left in the output and nothing left to read, more input is what is missing.
                Status::Ok | Status::BufError if is_stuck || self.text.len() < self.text.capacity() => {
                    return if rest.is_empty() && frame.ends_with(SYNC_FLUSH) && self.is_between_blocks() {
                        Ok(())
                    } else {
                        Err(InflateError::Truncated)
                    };
                }
                Status::Ok | Status::BufError => {}
            }
        }
    }

    /// Whether the stream stands between two blocks, at the beginning of a byte. The bytes that end a flushed one may
    /// stand inside a block, too; there, a block that is put behind them means something else.
    fn is_between_blocks(&mut self) -> bool {
        let length = self.text.len();
        self.text.reserve(LAST_BYTES.len() + 1);
        let status = self
            .state
            .decompress_vec(LAST_BLOCK, &mut self.text, FlushDecompress::None);
        let is_last = matches!(status, Ok(Status::StreamEnd)) && self.text.get(length..) == Some(LAST_BYTES);
        self.text.truncate(length);
        is_last
    }

    /// Makes sure of some room in the output, by doubling it up to one byte more than a text may have.
    fn make_room(&mut self) -> Result<(), InflateError> {
        let (length, capacity) = (self.text.len(), self.text.capacity());
        if length < capacity {
            return Ok(());
        }
        let wanted = (capacity * 2).clamp(FIRST_BYTES, MAX_TEXT_BYTES + 1);
        if wanted <= length {
            return Err(InflateError::TooLarge);
        }
        self.text.reserve_exact(wanted - length);
        Ok(())
    }
}

impl Default for Inflater {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Inflater {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inflater")
            .field("text_bytes", &self.text.len())
            .finish_non_exhaustive()
    }
}

/// Why a binary frame couldn't be unpacked. Only that frame is lost; the exchange, or what is between, is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InflateError {
    /// The bytes aren't raw DEFLATE; perhaps zlib or gzip.
    Corrupt,
    /// The frame ends before its stream does.
    Truncated,
    /// The stream ends before the frame does.
    TrailingBytes {
        /// How many bytes are left over.
        count: usize,
    },
    /// The text is longer than [`MAX_TEXT_BYTES`].
    TooLarge,
}

impl fmt::Display for InflateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Corrupt => f.write_str("the frame isn't raw DEFLATE"),
            Self::Truncated => f.write_str("the frame ends before its DEFLATE stream does"),
            Self::TrailingBytes { count } => write!(f, "{count} bytes follow the end of the DEFLATE stream"),
            Self::TooLarge => write!(f, "the frame unpacks to more than {MAX_TEXT_BYTES} bytes"),
        }
    }
}

impl std::error::Error for InflateError {}

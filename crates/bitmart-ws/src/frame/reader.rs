use std::ops::Range;

use super::error::is_sendable_close_code;
use super::head::{Frame, Head, Kind};
use super::header::{Header, MAX_HEADER_BYTES, MIN_HEADER_BYTES, Opcode, Parsed};
use super::{FrameError, MAX_CONTROL_BYTES};

/// Size of the read buffer in bytes: what one read of a socket under load returns at most. Some two hundred
/// messages of the usual size, or nine books of 150 levels.
pub const READ_BUFFER_BYTES: usize = 64 * 1024;

/// The longest message accepted by default, in bytes: over a hundred times a book of 150 levels.
pub const MAX_MESSAGE_BYTES: usize = 1024 * 1024;

/// The most fragments accepted in one message by default: enough for the longest message in pieces of 256
/// bytes, and an end to endless empty ones.
pub const MAX_FRAGMENTS: u32 = 4096;

/// Room in a fully grown buffer for what may stand before and after the longest message: the header of the
/// fragment that completes it, or a control frame between two fragments.
const HEADROOM_BYTES: usize = MAX_HEADER_BYTES + MAX_CONTROL_BYTES;

/// When this much of the buffer or less is free at its end, the unread rest is moved down, if that is cheap.
/// Without it a read could be offered a few bytes only, and cost a system call for them.
const LOW_SPACE_BYTES: usize = READ_BUFFER_BYTES / 4;

/// The highest bound on a message that can be asked for, in bytes. So that no sum of lengths overflows, even
/// where a `usize` has 32 bits.
const LARGEST_MESSAGE_LIMIT_BYTES: usize = 1 << 30;

/// Bounds on what a peer may send. The default is [`MAX_MESSAGE_BYTES`] and [`MAX_FRAGMENTS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest message, in bytes, summed over its fragments; at most 1 GiB, more counts as that.
    pub max_message_bytes: usize,
    /// The most frames a message may come in.
    pub max_fragments: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_message_bytes: MAX_MESSAGE_BYTES,
            max_fragments: MAX_FRAGMENTS,
        }
    }
}

/// How many frames a reader has accepted since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FrameCounts {
    /// Pings, pongs and closes.
    pub control: u64,
    /// Text, binary and continuation frames.
    pub data: u64,
    /// Whole messages, each of one data frame or more.
    pub messages: u64,
}

/// Reads the frames of a server from a buffer of its own, and lends messages where they lie.
///
/// ```
/// use bitmart_ws::frame::{Frame, FrameReader};
///
/// let mut reader = FrameReader::new();
/// let wire = b"\x81\x05hello\x89\x00";
/// reader.space()[..wire.len()].copy_from_slice(wire); // in real life: socket.read(reader.space())
/// reader.filled(wire.len());
/// assert_eq!(reader.next_frame()?, Some(Frame::Text(b"hello")));
/// assert_eq!(reader.next_frame()?, Some(Frame::Ping(b"")));
/// assert_eq!(reader.next_frame()?, None);
/// # Ok::<(), bitmart_ws::frame::FrameError>(())
/// ```
///
/// # The loop
///
/// Call [`advance`](Self::advance) until it returns `None`; then read from the socket into
/// [`space`](Self::space) and say how much came with [`filled`](Self::filled). `advance` returns a [`Head`]
/// that borrows nothing, and [`payload`](Self::payload) lends the bytes, so that a loop can consume some
/// messages and return others; [`next_frame`](Self::next_frame) is both in one.
///
/// All state is in the reader, and no method waits: a caller may be cancelled between any two calls.
///
/// # The buffer
///
/// ```text
///   0     message.start   message.end      read             filled         len
///   ├──────────┼───────────────┼─────────────┼────────────────┼─────────────┤
///   │  spent   │ the fragments │    spent    │ not yet looked │  space()    │
///   │          │   so far      │             │  at, or half   │             │
///   └──────────┴───────────────┴─────────────┴────────────────┴─────────────┘
/// ```
///
/// A message of one frame is lent where the socket put it; all that is done with its bytes is to check their
/// UTF-8. The fragments of a message are moved together, each once, so that it too is one slice. When the
/// space runs out, what is still needed is moved to the front. Only if that frees nothing, because one
/// message alone fills the buffer, does the buffer double: memory follows the bytes that have arrived, not
/// the length that was declared. It falls back to [`READ_BUFFER_BYTES`] once that message has been read. Each
/// byte is moved a bounded number of times, however it was fragmented or chunked.
///
/// # Strictness
///
/// What RFC 6455 forbids a server ends the connection with a [`FrameError`], which every later call repeats.
/// After an error, and after a close frame, whatever arrives is discarded.
#[derive(Debug)]
pub struct FrameReader {
    buf: Box<[u8]>,
    /// Where the next frame begins.
    read: usize,
    /// Where the bytes from the socket end.
    filled: usize,
    /// How many bytes there have to be from `read` on before parsing can get any further; `usize::MAX` when
    /// it never can. So the first comparison of `advance` settles everything but a frame that is there.
    needed: usize,
    /// The fragmented message that is being put together.
    message: Option<Fragments>,
    end: Option<End>,
    limits: Limits,
    counts: FrameCounts,
}

#[derive(Clone, Copy, Debug)]
struct Fragments {
    is_text: bool,
    start: usize,
    end: usize,
    count: u32,
}

/// Why nothing can come any more.
#[derive(Clone, Copy, Debug)]
enum End {
    Closed,
    Failed(FrameError),
}

impl Default for FrameReader {
    fn default() -> Self {
        Self::new()
    }
}

impl FrameReader {
    /// A reader with the default [`Limits`].
    #[must_use]
    pub fn new() -> Self {
        Self::with_limits(Limits::default())
    }

    /// A reader with bounds of your own.
    #[must_use]
    pub fn with_limits(mut limits: Limits) -> Self {
        limits.max_message_bytes = limits.max_message_bytes.min(LARGEST_MESSAGE_LIMIT_BYTES);
        Self {
            buf: zeroed(READ_BUFFER_BYTES),
            read: 0,
            filled: 0,
            needed: MIN_HEADER_BYTES,
            message: None,
            end: None,
            limits,
            counts: FrameCounts::default(),
        }
    }

    /// How many frames and messages have been accepted.
    #[must_use]
    pub fn counts(&self) -> FrameCounts {
        self.counts
    }

    /// Size of the buffer in bytes: [`READ_BUFFER_BYTES`], except while one message larger than that is read.
    #[must_use]
    pub fn buffer_bytes(&self) -> usize {
        self.buf.len()
    }

    /// Whether the peer stopped in the middle of a frame or a message; asked at the end of a stream, it says
    /// that something was cut off.
    #[must_use]
    pub fn is_mid_message(&self) -> bool {
        self.end.is_none() && (self.message.is_some() || self.filled > self.read)
    }

    /// Where the socket may read into.
    ///
    /// Empty only while the buffer is full of frames that were not taken: call [`advance`](Self::advance)
    /// until it returns `None` first. Ends the validity of every [`Head`].
    #[inline]
    pub fn space(&mut self) -> &mut [u8] {
        if self.read == self.filled && self.message.is_none() {
            self.read = 0;
            self.filled = 0;
        }
        if self.buf.len() - self.filled <= LOW_SPACE_BYTES || self.buf.len() > READ_BUFFER_BYTES {
            self.make_space();
        }
        &mut self.buf[self.filled..]
    }

    /// Says that the socket has put `bytes` at the beginning of [`space`](Self::space).
    ///
    /// More than the space there was counts as all of it.
    #[inline]
    pub fn filled(&mut self, bytes: usize) {
        if self.end.is_none() {
            self.filled += bytes.min(self.buf.len() - self.filled);
        }
    }

    /// Copies as much of `bytes` as there is space for, and returns how much that was.
    ///
    /// For bytes that did not come from the socket, such as those that arrived behind the answer to the
    /// upgrade.
    pub fn feed(&mut self, bytes: &[u8]) -> usize {
        let space = self.space();
        let count = bytes.len().min(space.len());
        space[..count].copy_from_slice(&bytes[..count]);
        self.filled(count);
        count
    }

    /// Goes on to the next whole message or control frame; `None` if it has not arrived yet.
    ///
    /// Control frames come out in their place between the fragments of a message. After a close frame it is
    /// always `None`. Ends the validity of every earlier [`Head`].
    ///
    /// # Errors
    ///
    /// [`FrameError`] if the peer broke the protocol or a bound, and the same one ever after.
    #[inline]
    pub fn advance(&mut self) -> Result<Option<Head>, FrameError> {
        if self.filled - self.read < self.needed {
            return self.starved();
        }
        if let Some(head) = self.advance_over_usual() {
            return Ok(Some(head));
        }
        self.advance_over_any()
    }

    /// Lends the payload of a head, where it lies.
    #[inline]
    #[must_use]
    pub fn payload(&self, head: Head) -> &[u8] {
        self.buf.get(head.start..head.end).unwrap_or_default()
    }

    /// Lends the next whole message or control frame: [`advance`](Self::advance) and
    /// [`payload`](Self::payload) in one.
    ///
    /// # Errors
    ///
    /// As [`advance`](Self::advance).
    #[inline]
    pub fn next_frame(&mut self) -> Result<Option<Frame<'_>>, FrameError> {
        let Some(head) = self.advance()? else {
            return Ok(None);
        };
        let payload = self.payload(head);
        Ok(Some(match head.kind {
            Kind::Text => Frame::Text(payload),
            Kind::Binary => Frame::Binary(payload),
            Kind::Ping => Frame::Ping(payload),
            Kind::Pong => Frame::Pong(payload),
            Kind::Close { code } => Frame::Close {
                code,
                reason: std::str::from_utf8(payload).expect("advance() checked the reason"),
            },
        }))
    }

    /// Takes a frame if it is what nearly every frame is: a whole message of less than 64 KiB that breaks no
    /// rule.
    ///
    /// This is [`advance_over_any`](Self::advance_over_any) with all but one path through it left out, which
    /// makes it twice as fast. It decides nothing by itself: whatever is not plainly in order is left to the
    /// other.
    #[inline]
    fn advance_over_usual(&mut self) -> Option<Head> {
        let unread = &self.buf[self.read..self.filled];
        let &[first, second, ref rest @ ..] = unread else {
            return None;
        };
        let (payload_bytes, behind_length) = match second {
            0..=125 => (usize::from(second), rest),
            126 => {
                let (length, behind) = rest.split_first_chunk()?;
                (usize::from(u16::from_be_bytes(*length)), behind)
            }
            _ => return None,
        };
        let is_length_minimal = (second == 126) == (payload_bytes > MAX_CONTROL_BYTES);
        if !is_length_minimal || payload_bytes > self.limits.max_message_bytes || self.message.is_some() {
            return None;
        }
        let payload = behind_length.get(..payload_bytes)?;
        let kind = match first {
            0x81 if is_ascii(payload) || simdutf8::basic::from_utf8(payload).is_ok() => Kind::Text,
            0x82 => Kind::Binary,
            _ => return None,
        };
        let start = self.filled - behind_length.len();
        let end = start + payload_bytes;
        self.read = end;
        self.needed = MIN_HEADER_BYTES;
        self.counts.data += 1;
        self.counts.messages += 1;
        Some(Head { kind, start, end })
    }

    /// What [`advance`](Self::advance) says while not even a header can be there.
    #[inline]
    fn starved(&self) -> Result<Option<Head>, FrameError> {
        match self.end {
            Some(End::Failed(error)) => Err(error),
            Some(End::Closed) | None => Ok(None),
        }
    }

    /// Takes frames until one is to be delivered; a frame that breaks a rule is the last.
    #[inline(never)]
    fn advance_over_any(&mut self) -> Result<Option<Head>, FrameError> {
        let advanced = self.advance_until_delivery();
        if let Err(error) = advanced {
            self.finish(End::Failed(error));
        }
        advanced
    }

    fn advance_until_delivery(&mut self) -> Result<Option<Head>, FrameError> {
        loop {
            let unread = &self.buf[self.read..self.filled];
            let header = match Header::parse(unread)? {
                Parsed::Header(header) => header,
                Parsed::Needs(bytes) => {
                    self.needed = bytes;
                    return Ok(None);
                }
            };
            // In this order, so that a frame that may not come is refused at its header, not after a megabyte
            // of it.
            self.check_place(&header)?;
            let message_bytes = self.message.map_or(0, |message| message.end - message.start);
            let bytes = message_bytes as u64 + header.payload_bytes;
            if bytes > self.limits.max_message_bytes as u64 && !header.opcode.is_control() {
                return Err(FrameError::MessageTooBig {
                    bytes,
                    limit: self.limits.max_message_bytes,
                });
            }
            let payload_bytes =
                usize::try_from(header.payload_bytes).expect("a length under the limit, a usize, is one too");
            let frame_bytes = header.header_bytes + payload_bytes;
            if unread.len() < frame_bytes {
                self.needed = frame_bytes;
                return Ok(None);
            }
            let start = self.read + header.header_bytes;
            self.read += frame_bytes;
            self.needed = MIN_HEADER_BYTES;
            if let Some(head) = self.take(&header, start..self.read)? {
                return Ok(Some(head));
            }
        }
    }

    /// Whether a frame may come now, in the message that is under way or with none under way.
    fn check_place(&self, header: &Header) -> Result<(), FrameError> {
        match (header.opcode, self.message) {
            (Opcode::Text | Opcode::Binary, Some(_)) => Err(FrameError::InterruptedMessage),
            (Opcode::Continuation, None) => Err(FrameError::StrayContinuation),
            (Opcode::Continuation, Some(message)) if message.count >= self.limits.max_fragments => {
                Err(FrameError::TooManyFragments {
                    limit: self.limits.max_fragments,
                })
            }
            _ => Ok(()),
        }
    }

    /// Accepts a whole frame whose payload lies at `payload`.
    fn take(&mut self, header: &Header, payload: Range<usize>) -> Result<Option<Head>, FrameError> {
        let (kind, Range { start, end }) = match header.opcode {
            Opcode::Text | Opcode::Binary | Opcode::Continuation => {
                self.counts.data += 1;
                let is_text = header.opcode == Opcode::Text;
                if header.is_final && header.opcode != Opcode::Continuation {
                    return self.deliver(is_text, payload).map(Some);
                }
                return self.take_fragment(is_text, header.is_final, payload);
            }
            Opcode::Ping => (Kind::Ping, payload),
            Opcode::Pong => (Kind::Pong, payload),
            Opcode::Close => self.take_close(payload)?,
        };
        self.counts.control += 1;
        Ok(Some(Head { kind, start, end }))
    }

    /// Delivers a message that lies in one piece.
    fn deliver(&mut self, is_text: bool, payload: Range<usize>) -> Result<Head, FrameError> {
        let Range { start, end } = payload;
        if is_text && simdutf8::basic::from_utf8(&self.buf[payload]).is_err() {
            return Err(FrameError::InvalidText);
        }
        self.counts.messages += 1;
        Ok(Head {
            kind: if is_text { Kind::Text } else { Kind::Binary },
            start,
            end,
        })
    }

    /// Puts a fragment behind those before it, and delivers the message if it was the last.
    fn take_fragment(
        &mut self,
        is_text: bool,
        is_final: bool,
        payload: Range<usize>,
    ) -> Result<Option<Head>, FrameError> {
        let message = match self.message {
            None => Fragments {
                is_text,
                start: payload.start,
                end: payload.end,
                count: 1,
            },
            Some(message) => {
                let end = message.end + payload.len();
                self.buf.copy_within(payload, message.end);
                Fragments {
                    end,
                    count: message.count + 1,
                    ..message
                }
            }
        };
        if is_final {
            self.message = None;
            return self
                .deliver(message.is_text, message.start..message.end)
                .map(Some);
        }
        self.message = Some(message);
        Ok(None)
    }

    /// Checks a close frame and stops reading. Returns where its reason lies.
    fn take_close(&mut self, payload: Range<usize>) -> Result<(Kind, Range<usize>), FrameError> {
        let (code, reason) = match &self.buf[payload.clone()] {
            [] => (None, payload),
            [_] => return Err(FrameError::HalfCloseCode),
            &[high, low, ref reason @ ..] => {
                let code = u16::from_be_bytes([high, low]);
                if !is_sendable_close_code(code) {
                    return Err(FrameError::InvalidCloseCode { code });
                }
                if std::str::from_utf8(reason).is_err() {
                    return Err(FrameError::InvalidCloseReason);
                }
                (Some(code), payload.start + 2..payload.end)
            }
        };
        self.finish(End::Closed);
        Ok((Kind::Close { code }, reason))
    }

    /// Stops for good. The bytes stay where they are, for the close frame's reason may still be lent.
    fn finish(&mut self, end: End) {
        self.end = Some(end);
        self.needed = usize::MAX;
        self.message = None;
        self.read = 0;
        self.filled = 0;
    }

    /// Shrinks, moves down or grows, whichever the state of the buffer asks for.
    fn make_space(&mut self) {
        let unread = self.filled - self.read;
        if self.buf.len() > READ_BUFFER_BYTES && self.message.is_none() {
            // With a frame half read, its size decides: were it over the buffer's, growing would follow at
            // once.
            let fits = self.needed <= READ_BUFFER_BYTES && unread <= READ_BUFFER_BYTES;
            if fits || self.end.is_some() {
                return self.resize(READ_BUFFER_BYTES);
            }
        }
        let free = self.buf.len() - self.filled;
        let message_start = self.message.map_or(self.read, |message| message.start);
        let message_bytes = self.message.map_or(0, |message| message.end - message.start);
        let reclaimed = self.read - message_bytes;
        let moved = if message_start == 0 {
            unread
        } else {
            unread + message_bytes
        };
        // Moving no more than is reclaimed pays for itself. With nothing free there is no choice; but then
        // the frame that is half read fits afterwards, or makes the buffer grow, so it is moved for want of
        // space only once.
        if reclaimed > 0 && free <= LOW_SPACE_BYTES && (free == 0 || moved <= reclaimed) {
            self.move_down();
        }
        let is_stuck = self.filled == self.buf.len() && unread < self.needed;
        if is_stuck && self.end.is_none() {
            self.resize(self.grown_bytes());
        }
    }

    /// Moves the fragments of the message to the front of the buffer, and the unread bytes behind them.
    fn move_down(&mut self) {
        let mut front = 0;
        if let Some(message) = &mut self.message {
            let Range { start, end } = message.start..message.end;
            if start > 0 {
                self.buf.copy_within(start..end, 0);
                message.start = 0;
                message.end = end - start;
            }
            front = message.end;
        }
        self.buf.copy_within(self.read..self.filled, front);
        self.filled = front + (self.filled - self.read);
        self.read = front;
    }

    /// The next larger size. The last step is to the size that holds the longest message.
    fn grown_bytes(&self) -> usize {
        let largest = (self.limits.max_message_bytes + HEADROOM_BYTES).max(READ_BUFFER_BYTES);
        let doubled = 2 * self.buf.len();
        if doubled >= self.limits.max_message_bytes {
            largest.max(self.buf.len())
        } else {
            doubled
        }
    }

    /// Takes a new buffer and puts into it what is still needed, which fits.
    fn resize(&mut self, bytes: usize) {
        self.move_down();
        let mut buf = zeroed(bytes);
        buf[..self.filled].copy_from_slice(&self.buf[..self.filled]);
        self.buf = buf;
    }
}

/// Whether every byte is ASCII, which JSON from an exchange nearly always is. Without an early exit the
/// compiler makes it a few wide instructions: for short texts several times as fast as `<[u8]>::is_ascii` or
/// a full check of UTF-8.
#[inline]
fn is_ascii(bytes: &[u8]) -> bool {
    bytes.iter().fold(0, |bits, byte| bits | byte) < 0x80
}

fn zeroed(bytes: usize) -> Box<[u8]> {
    vec![0; bytes].into_boxed_slice()
}

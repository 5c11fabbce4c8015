use std::collections::VecDeque;

use fastwebsockets::{Frame, OpCode, Payload};

use super::error::is_sendable_close_code;
use super::{MAX_CONTROL_BYTES, WriteError};

/// Room for frames that the socket has not taken yet, in bytes: some thirty of the longest commands a venue
/// accepts.
pub const WRITE_BUFFER_BYTES: usize = 64 * 1024;

/// Holds outbound frames, whole and masked, until the socket has taken them.
///
/// ```
/// use bitmart_ws::frame::FrameWriter;
///
/// let mut writer = FrameWriter::new();
/// writer.text(br#"{"op":"subscribe"}"#)?;
/// writer.pong(b"")?;
/// assert_eq!(writer.pending()[0], 0x8a, "the pong goes first");
/// while !writer.is_empty() {
///     let taken = writer.pending().len(); // in real life: socket.write(writer.pending())
///     writer.consumed(taken);
/// }
/// # Ok::<(), bitmart_ws::frame::WriteError>(())
/// ```
///
/// # The loop
///
/// While it is not [empty](Self::is_empty): write [`pending`](Self::pending) to the socket, and say with
/// [`consumed`](Self::consumed) how much it took. Then flush: over TLS nothing leaves without it. A write
/// that was cancelled or took half a frame is gone on with in the same way, for nothing is forgotten before
/// it was consumed. Queue nothing between a `pending` whose bytes were taken and its `consumed`.
///
/// # Order
///
/// Text and binary messages leave in the order in which they were queued. A pong, and then a ping, goes
/// before all of them, but never inside a frame that is half written. Only the latest pong and the latest
/// ping wait: a peer that pings without reading has one answer coming, not a thousand (RFC 6455, 5.5.3 allows
/// it). A close frame goes last, and nothing can be queued after it.
///
/// # Masking
///
/// `fastwebsockets` writes the headers and masks the payloads in place, with keys from the thread's generator
/// of the `rand` crate: `ChaCha12`, seeded by the operating system, as unpredictable as RFC 6455 (5.3) wants
/// it. It is the one random source of this crate that is not an argument, for nothing that depends on it can
/// be observed behind the unmasking.
#[derive(Debug)]
pub struct FrameWriter {
    /// Messages and the close frame, encoded, in order.
    data: Vec<u8>,
    /// How much of `data` the socket has taken.
    data_sent: usize,
    /// Where each frame in `data` ends that is not wholly sent.
    data_ends: VecDeque<usize>,
    /// Whether the socket has taken a part of the first of them.
    is_half_sent: bool,
    /// The control frame that goes next, encoded; empty if none was offered to the socket yet.
    control: Vec<u8>,
    control_sent: usize,
    /// The waiting slot that `control` was made from.
    control_slot: usize,
    /// Payloads of the pong and the ping that wait.
    waiting: [Option<ControlPayload>; 2],
    /// Whether the bytes last lent by `pending` were those of `control`.
    lent_control: bool,
    is_closing: bool,
    limit_bytes: usize,
}

const PONG: usize = 0;
const PING: usize = 1;

#[derive(Clone, Copy, Debug)]
struct ControlPayload {
    bytes: [u8; MAX_CONTROL_BYTES],
    count: usize,
}

impl Default for FrameWriter {
    fn default() -> Self {
        Self::new()
    }
}

impl FrameWriter {
    /// A writer with room for [`WRITE_BUFFER_BYTES`].
    #[must_use]
    pub fn new() -> Self {
        Self::with_limit(WRITE_BUFFER_BYTES)
    }

    /// A writer with room for `limit_bytes` of encoded messages. Control frames have room of their own.
    #[must_use]
    pub fn with_limit(limit_bytes: usize) -> Self {
        Self {
            data: Vec::new(),
            data_sent: 0,
            data_ends: VecDeque::new(),
            is_half_sent: false,
            control: Vec::new(),
            control_sent: 0,
            control_slot: PONG,
            waiting: [None; 2],
            lent_control: false,
            is_closing: false,
            limit_bytes,
        }
    }

    /// Whether everything queued has been consumed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.data.is_empty() && !self.is_control_waiting()
    }

    /// Bytes of messages that wait, headers included.
    #[must_use]
    pub fn queued_bytes(&self) -> usize {
        self.data.len() - self.data_sent
    }

    /// Queues a text message. `text` has to be UTF-8, which is not checked.
    ///
    /// # Errors
    ///
    /// [`WriteError::Full`] if there is no room now, [`WriteError::TooBig`] if there never will be,
    /// [`WriteError::Closing`] after a close.
    pub fn text(&mut self, text: &[u8]) -> Result<(), WriteError> {
        self.message(OpCode::Text, text)
    }

    /// Queues a binary message.
    ///
    /// # Errors
    ///
    /// As [`text`](Self::text).
    pub fn binary(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        self.message(OpCode::Binary, bytes)
    }

    /// Queues the answer to a ping, in the place of one that waits. After a close it is dropped: no answer is
    /// owed.
    ///
    /// # Errors
    ///
    /// [`WriteError::LongControl`] for a payload that no ping can have had.
    pub fn pong(&mut self, payload: &[u8]) -> Result<(), WriteError> {
        if self.is_closing {
            Ok(())
        } else {
            self.wait(PONG, payload)
        }
    }

    /// Queues a ping, in the place of one that waits.
    ///
    /// # Errors
    ///
    /// [`WriteError::LongControl`] for more than [`MAX_CONTROL_BYTES`], [`WriteError::Closing`] after a
    /// close.
    pub fn ping(&mut self, payload: &[u8]) -> Result<(), WriteError> {
        if self.is_closing {
            Err(WriteError::Closing)
        } else {
            self.wait(PING, payload)
        }
    }

    /// Queues a close frame behind everything else; there is always room for it. A second one is ignored.
    ///
    /// A `reason` that is too long is cut at a character. Without a code it is left out.
    ///
    /// # Errors
    ///
    /// [`WriteError::InvalidCloseCode`] if the code may not be sent.
    pub fn close(&mut self, code: Option<u16>, reason: &str) -> Result<(), WriteError> {
        if self.is_closing {
            return Ok(());
        }
        let mut payload = Vec::with_capacity(MAX_CONTROL_BYTES);
        if let Some(code) = code {
            if !is_sendable_close_code(code) {
                return Err(WriteError::InvalidCloseCode { code });
            }
            payload.extend_from_slice(&code.to_be_bytes());
            for character in reason.chars() {
                if payload.len() + character.len_utf8() > MAX_CONTROL_BYTES {
                    break;
                }
                payload.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
        self.is_closing = true;
        encode(&mut self.data, OpCode::Close, &payload);
        self.data_ends.push_back(self.data.len());
        Ok(())
    }

    /// What the socket should take next; empty if there is nothing.
    pub fn pending(&mut self) -> &[u8] {
        self.lent_control = !self.is_half_sent && self.next_control();
        if self.lent_control {
            return &self.control[self.control_sent..];
        }
        // With a control frame in wait, only the rest of the message that is half sent may go before it.
        let end = match self.data_ends.front() {
            Some(&end) if self.is_control_waiting() => end,
            _ => self.data.len(),
        };
        &self.data[self.data_sent..end]
    }

    /// Says that the socket took the first `bytes` of what [`pending`](Self::pending) lent last.
    ///
    /// More than was lent counts as all of it.
    pub fn consumed(&mut self, bytes: usize) {
        if self.lent_control {
            self.control_sent += bytes.min(self.control.len() - self.control_sent);
            if self.control_sent == self.control.len() {
                self.control.clear();
                self.control_sent = 0;
                self.lent_control = false;
            }
            return;
        }
        self.data_sent += bytes.min(self.data.len() - self.data_sent);
        self.is_half_sent |= bytes > 0;
        while let Some(&end) = self.data_ends.front()
            && end <= self.data_sent
        {
            self.data_ends.pop_front();
            self.is_half_sent = end < self.data_sent;
        }
        if self.data_sent == self.data.len() {
            self.data.clear();
            self.data_sent = 0;
        }
    }

    fn message(&mut self, opcode: OpCode, payload: &[u8]) -> Result<(), WriteError> {
        if self.is_closing {
            return Err(WriteError::Closing);
        }
        let bytes = header_bytes(payload.len()).saturating_add(payload.len());
        if bytes > self.limit_bytes {
            return Err(WriteError::TooBig {
                bytes,
                limit: self.limit_bytes,
            });
        }
        let room = self.limit_bytes.saturating_sub(self.queued_bytes());
        if bytes > room {
            return Err(WriteError::Full { bytes, room });
        }
        if self.data.len() + bytes > self.limit_bytes {
            self.drop_sent();
        }
        encode(&mut self.data, opcode, payload);
        self.data_ends.push_back(self.data.len());
        Ok(())
    }

    fn wait(&mut self, slot: usize, payload: &[u8]) -> Result<(), WriteError> {
        let mut waiting = ControlPayload {
            bytes: [0; MAX_CONTROL_BYTES],
            count: payload.len(),
        };
        let Some(bytes) = waiting.bytes.get_mut(..payload.len()) else {
            return Err(WriteError::LongControl { bytes: payload.len() });
        };
        bytes.copy_from_slice(payload);
        self.waiting[slot] = Some(waiting);
        Ok(())
    }

    fn is_control_waiting(&self) -> bool {
        !self.control.is_empty() || self.waiting.iter().any(Option::is_some)
    }

    /// Makes the next control frame ready, if one waits. A frame that was offered, but of which nothing was
    /// taken, gives way to a later one of its kind.
    fn next_control(&mut self) -> bool {
        if self.control_sent == 0 && self.waiting[self.control_slot].is_some() {
            self.control.clear();
        }
        if self.control.is_empty() {
            for (slot, opcode) in [(PONG, OpCode::Pong), (PING, OpCode::Ping)] {
                if let Some(payload) = self.waiting[slot].take() {
                    encode(&mut self.control, opcode, &payload.bytes[..payload.count]);
                    self.control_slot = slot;
                    break;
                }
            }
        }
        !self.control.is_empty()
    }

    /// Forgets the sent bytes at the front, so that the buffer stays within its bound.
    fn drop_sent(&mut self) {
        self.data.drain(..self.data_sent);
        for end in &mut self.data_ends {
            *end -= self.data_sent;
        }
        self.data_sent = 0;
    }
}

/// Appends a whole masked frame.
fn encode(out: &mut Vec<u8>, opcode: OpCode, payload: &[u8]) {
    let begin = out.len();
    let header_bytes = header_bytes(payload.len());
    out.reserve(header_bytes + payload.len());
    out.resize(begin + header_bytes, 0);
    out.extend_from_slice(payload);
    let (header, payload) = out[begin..].split_at_mut(header_bytes);
    let mut frame = Frame::new(true, opcode, None, Payload::BorrowedMut(payload));
    frame.mask();
    let written = frame.fmt_head(header);
    debug_assert_eq!(written, header_bytes);
}

/// Length of a masked frame's header: two bytes, the length if it is over 125, and a key of four.
fn header_bytes(payload_bytes: usize) -> usize {
    match payload_bytes {
        0..=125 => 6,
        126..=0xffff => 8,
        _ => 14,
    }
}

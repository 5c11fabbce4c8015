//! The same bytes in two other implementations. Where they differ from the rules, a table has to say so, and why.

use std::io::{self, Read, Write};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use bitmart_ws::frame::{FrameError, Limits};
use fastwebsockets::{FragmentCollector, OpCode};
use tungstenite::Message;
use tungstenite::protocol::WebSocketConfig;

use super::{End, Item, Reading};

/// Read buffer of tungstenite, in bytes: its default would take longer to clear than most inputs to read.
const READ_BUFFER_BYTES: usize = 4096;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Peer {
    Fastwebsockets,
    Tungstenite,
}

/// How another implementation's reading ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OtherEnd {
    /// It has taken all bytes, and wants more.
    Starved,
    Closed,
    /// It refuses, text that is not UTF-8 apart.
    Failed,
    NotUtf8,
}

/// Violations that another implementation lets pass, and why ours doesn't. RFC 6455 is with us in all of them.
fn lets_pass(peer: Peer, error: FrameError) -> Option<&'static str> {
    use Peer::{Fastwebsockets, Tungstenite};
    match (peer, error) {
        (_, FrameError::PaddedLength) => Some("5.2: the minimal number of bytes must be used; neither looks"),
        (_, FrameError::TooManyFragments { .. }) => Some("a bound of ours; neither has one"),
        (Fastwebsockets, FrameError::Masked) => Some("5.1: a client must close; it reads on, still masked"),
        (Fastwebsockets, FrameError::LongControl) => Some("5.5: 125 bytes at most; it looks at pings only"),
        (Fastwebsockets, FrameError::MessageTooBig { .. }) => {
            Some("its bound is of a frame, not of a message")
        }
        (Fastwebsockets, FrameError::InterruptedMessage) => {
            Some("5.4: it lets a fragment that begins a message replace one that has begun")
        }
        (Fastwebsockets, FrameError::InvalidText) => {
            Some("8.1: it leaves a character out that the end of a fragmented message cuts")
        }
        (Tungstenite, FrameError::LongControl) => Some(
            "5.2 and 5.5: a length of at most 125 is never written in the longer form; it looks at the length alone",
        ),
        (Tungstenite, FrameError::InvalidCloseCode { .. }) => {
            Some("it delivers a code that may not be sent as 1002")
        }
        _ => None,
    }
}

/// Close codes that are lawful, but unknown to both: this one was registered later than they were written.
const UNKNOWN_TO_THEM: u16 = 1014;

/// Compares what the others read with what the rules say.
pub(super) fn compare(wire: &[u8], limits: Limits, ours: &Reading) {
    let (items, end) = fastwebsockets(wire, limits);
    judge(Peer::Fastwebsockets, ours, &items, end);
    let (items, end) = tungstenite(wire, limits);
    judge(Peer::Tungstenite, ours, &items, end);
}

fn judge(peer: Peer, ours: &Reading, items: &[Item], end: OtherEnd) {
    let same = ours.items.iter().zip(items).take_while(|(a, b)| a == b).count();
    let (our_next, their_next) = (ours.items.get(same), items.get(same));
    let is_unknown = matches!(our_next, Some(Item::Close(Some(UNKNOWN_TO_THEM), _)));
    let is_justified = match (our_next, their_next) {
        // They know less of close codes.
        (Some(_), _) if is_unknown => end != OtherEnd::Starved,
        (Some(_), Some(_)) => false,
        // They refuse text at its first bad fragment, we at its end: until then we may deliver control frames.
        (Some(Item::Ping(_) | Item::Pong(_) | Item::Close(..)), None) => end == OtherEnd::NotUtf8,
        (Some(_), None) => false,
        // They let something pass.
        (None, Some(_)) => {
            matches!(ours.end, End::Failed(error) if lets_pass(peer, error).is_some())
        }
        (None, None) => match ours.end {
            End::Closed => end == OtherEnd::Closed,
            End::Open { mid_message } => end == OtherEnd::Starved || end == OtherEnd::NotUtf8 && mid_message,
            // They may want all of a frame before they refuse it, or take it and have nothing to deliver yet.
            End::Failed(error) => {
                end != OtherEnd::Closed && (end != OtherEnd::Starved || is_late(peer, error))
            }
        },
    };
    assert!(
        is_justified,
        "{peer:?} ends with {end:?} after {} items, ours with {:?} after {}; the first difference: {their_next:?}, \
         ours {our_next:?}",
        items.len(),
        ours.end,
        ours.items.len(),
    );
}

/// Whether another implementation may starve where we refuse: it lets the violation pass, or looks for it in a frame
/// that is all there, or has the right to wait for more of the header than we need.
fn is_late(peer: Peer, error: FrameError) -> bool {
    let is_about_the_header = !matches!(
        error,
        FrameError::InvalidText
            | FrameError::HalfCloseCode
            | FrameError::InvalidCloseCode { .. }
            | FrameError::InvalidCloseReason
    );
    is_about_the_header || lets_pass(peer, error).is_some()
}

/// Polls a future that never has to wait.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => unreachable!("everything is in memory"),
    }
}

fn fastwebsockets(wire: &[u8], limits: Limits) -> (Vec<Item>, OtherEnd) {
    use fastwebsockets::{Role, WebSocket, WebSocketError};

    let stream = tokio::io::join(wire, tokio::io::sink());
    let mut socket = WebSocket::after_handshake(stream, Role::Client);
    socket.set_auto_pong(false);
    // Its bound is the first length that is too long.
    socket.set_max_message_size(limits.max_message_bytes + 1);
    let mut socket = FragmentCollector::new(socket);
    let mut items = Vec::new();
    loop {
        let frame = match now(socket.read_frame()) {
            Ok(frame) => frame,
            Err(WebSocketError::UnexpectedEOF) => return (items, OtherEnd::Starved),
            Err(WebSocketError::InvalidUTF8) => return (items, OtherEnd::NotUtf8),
            Err(_) => return (items, OtherEnd::Failed),
        };
        let payload = frame.payload.to_vec();
        items.push(match frame.opcode {
            OpCode::Text => Item::Text(payload),
            OpCode::Binary => Item::Binary(payload),
            OpCode::Ping => Item::Ping(payload),
            OpCode::Pong => Item::Pong(payload),
            OpCode::Continuation => unreachable!("fragments are collected"),
            OpCode::Close => {
                items.push(match payload.split_first_chunk() {
                    None => Item::Close(None, String::new()),
                    Some((code, reason)) => Item::Close(
                        Some(u16::from_be_bytes(*code)),
                        String::from_utf8_lossy(reason).into_owned(),
                    ),
                });
                return (items, OtherEnd::Closed);
            }
        });
    }
}

/// Bytes to read, and a place where writes vanish.
struct Wire<'a>(&'a [u8]);

impl Read for Wire<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.read(into)
    }
}

impl Write for Wire<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn tungstenite(wire: &[u8], limits: Limits) -> (Vec<Item>, OtherEnd) {
    use tungstenite::Error;
    use tungstenite::error::ProtocolError;
    use tungstenite::protocol::{Role, WebSocket};

    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER_BYTES)
        .max_message_size(Some(limits.max_message_bytes))
        .max_frame_size(Some(limits.max_message_bytes));
    let mut socket = WebSocket::from_raw_socket(Wire(wire), Role::Client, Some(config));
    let mut items = Vec::new();
    loop {
        match socket.read() {
            Ok(Message::Text(text)) => items.push(Item::Text(text.as_bytes().to_vec())),
            Ok(Message::Binary(bytes)) => items.push(Item::Binary(bytes.to_vec())),
            Ok(Message::Ping(payload)) => items.push(Item::Ping(payload.to_vec())),
            Ok(Message::Pong(payload)) => items.push(Item::Pong(payload.to_vec())),
            Ok(Message::Close(frame)) => {
                items.push(match frame {
                    None => Item::Close(None, String::new()),
                    Some(frame) => Item::Close(Some(frame.code.into()), frame.reason.as_str().to_owned()),
                });
                return (items, OtherEnd::Closed);
            }
            Ok(Message::Frame(_)) => unreachable!("frames are collected"),
            Err(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)) => {
                return (items, OtherEnd::Starved);
            }
            Err(Error::Utf8(_)) => return (items, OtherEnd::NotUtf8),
            Err(_) => return (items, OtherEnd::Failed),
        }
    }
}

//! The server's side of the wire, written byte by byte: a second witness, not the code under test.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use bitmart_ws::frame::{Frame, FrameError, FrameReader};

pub(crate) const CONTINUATION: u8 = 0x0;
pub(crate) const TEXT: u8 = 0x1;
pub(crate) const BINARY: u8 = 0x2;
pub(crate) const CLOSE: u8 = 0x8;
pub(crate) const PING: u8 = 0x9;
pub(crate) const PONG: u8 = 0xa;

/// A frame as a server writes it.
pub(crate) fn frame(is_final: bool, opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut wire = header(is_final, opcode, payload.len() as u64);
    wire.extend_from_slice(payload);
    wire
}

/// The header of a frame whose payload may never come.
pub(crate) fn header(is_final: bool, opcode: u8, payload_bytes: u64) -> Vec<u8> {
    let mut wire = vec![opcode | if is_final { 0x80 } else { 0 }];
    match payload_bytes {
        0..126 => wire.push(payload_bytes as u8),
        126..0x1_0000 => {
            wire.push(126);
            wire.extend_from_slice(&(payload_bytes as u16).to_be_bytes());
        }
        _ => {
            wire.push(127);
            wire.extend_from_slice(&payload_bytes.to_be_bytes());
        }
    }
    wire
}

pub(crate) fn close(code: u16, reason: &[u8]) -> Vec<u8> {
    frame(true, CLOSE, &[&code.to_be_bytes(), reason].concat())
}

/// What came out of a reader, kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Item {
    Text(Vec<u8>),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<u16>, String),
    Failed(FrameError),
}

impl From<Frame<'_>> for Item {
    fn from(frame: Frame<'_>) -> Self {
        match frame {
            Frame::Text(bytes) => Self::Text(bytes.to_vec()),
            Frame::Binary(bytes) => Self::Binary(bytes.to_vec()),
            Frame::Ping(bytes) => Self::Ping(bytes.to_vec()),
            Frame::Pong(bytes) => Self::Pong(bytes.to_vec()),
            Frame::Close { code, reason } => Self::Close(code, reason.to_owned()),
        }
    }
}

/// Takes whatever the reader has now. An error is the last item.
pub(crate) fn drain(reader: &mut FrameReader, into: &mut Vec<Item>) {
    loop {
        match reader.next_frame() {
            Ok(Some(frame)) => into.push(frame.into()),
            Ok(None) => return,
            Err(error) => {
                if into.last() != Some(&Item::Failed(error)) {
                    into.push(Item::Failed(error));
                }
                return;
            }
        }
    }
}

/// Feeds `wire` in pieces of the given sizes, the last of which is repeated, draining after each.
pub(crate) fn read_in(
    reader: &mut FrameReader,
    wire: &[u8],
    sizes: impl IntoIterator<Item = usize>,
) -> Vec<Item> {
    let mut items = Vec::new();
    let mut sizes = sizes.into_iter();
    let mut rest = wire;
    let mut size = wire.len();
    while !rest.is_empty() {
        size = sizes.next().unwrap_or(size).clamp(1, rest.len());
        let fed = reader.feed(&rest[..size]);
        assert!(fed > 0, "a drained reader has space");
        rest = &rest[fed..];
        drain(reader, &mut items);
    }
    items
}

/// A client's frame, unmasked: final bit, opcode, payload, and how many bytes it took.
pub(crate) fn client_frame(wire: &[u8]) -> Option<(bool, u8, Vec<u8>, usize)> {
    let (&first, &second) = (wire.first()?, wire.get(1)?);
    assert_eq!(second & 0x80, 0x80, "a client masks");
    let (at, count) = match second & 0x7f {
        126 => (
            4,
            usize::from(u16::from_be_bytes(
                wire.get(2..4)?.try_into().expect("a slice of that length"),
            )),
        ),
        127 => (
            10,
            u64::from_be_bytes(wire.get(2..10)?.try_into().expect("a slice of that length")) as usize,
        ),
        count => (2, usize::from(count)),
    };
    let key = wire.get(at..at + 4)?;
    let masked = wire.get(at + 4..at + 4 + count)?;
    let payload = masked
        .iter()
        .zip(key.iter().cycle())
        .map(|(byte, key)| byte ^ key)
        .collect();
    Some((first & 0x80 != 0, first & 0x0f, payload, at + 4 + count))
}

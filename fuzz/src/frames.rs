//! Frames of a server, in pieces of any size, beside two other implementations and a plain reading of RFC 6455.

mod description;
mod others;
mod rules;

use bitmart_ws::frame::{Frame, FrameError, FrameReader, Limits, MAX_CONTROL_BYTES, READ_BUFFER_BYTES};

/// Room in the buffer beside the longest message, in bytes: a header and a control frame.
const HEADROOM_BYTES: usize = 10 + MAX_CONTROL_BYTES;

/// What a peer says after it has closed or failed: nobody hears it.
const LATER: &[u8] = b"\x81\x05later\x89\x00";

/// What comes out of a stream of frames.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Item {
    Text(Vec<u8>),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<u16>, String),
}

impl From<Frame<'_>> for Item {
    fn from(frame: Frame<'_>) -> Self {
        match frame {
            Frame::Text(text) => Self::Text(text.to_vec()),
            Frame::Binary(bytes) => Self::Binary(bytes.to_vec()),
            Frame::Ping(payload) => Self::Ping(payload.to_vec()),
            Frame::Pong(payload) => Self::Pong(payload.to_vec()),
            Frame::Close { code, reason } => Self::Close(code, reason.to_owned()),
        }
    }
}

/// How a stream of frames ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// More may come. `mid_message` if a message has begun, or a frame.
    Open {
        mid_message: bool,
    },
    Closed,
    Failed(FrameError),
}

/// All that comes out of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Reading {
    items: Vec<Item>,
    end: End,
}

/// The first byte says what the others are: below 8 a description of frames, else frames. Together with the next it
/// chooses the bounds, and the pieces.
pub(crate) fn run(data: &[u8]) {
    let [how, pieces, rest @ ..] = data else {
        return;
    };
    let limits = match how % 4 {
        0 | 1 => Limits::default(),
        2 => Limits {
            max_message_bytes: 125 + usize::from(*pieces),
            max_fragments: u32::from(how % 8),
        },
        _ => Limits {
            max_message_bytes: 100_000,
            max_fragments: 64,
        },
    };
    let described;
    let wire = if *how < 8 {
        described = description::frames(rest);
        &described
    } else {
        rest
    };
    check(wire, limits, *pieces);
}

fn check(wire: &[u8], limits: Limits, seed: u8) {
    let expected = rules::read(wire, limits);
    let whole = read(wire, limits, Pieces::whole());
    assert_same(&whole, &expected, "in one piece");
    let pieces = read(wire, limits, Pieces::of(seed));
    assert_same(&pieces, &expected, "in pieces");
    others::compare(wire, limits, &expected);
}

fn assert_same(found: &Reading, expected: &Reading, how: &str) {
    assert!(
        found.items == expected.items,
        "{how}: {} items, not {}: {:?}, not {:?}",
        found.items.len(),
        expected.items.len(),
        found.items.iter().zip(&expected.items).find(|(a, b)| a != b),
        expected.end
    );
    assert_eq!(found.end, expected.end, "{how}");
}

/// Sizes of pieces, without an end.
struct Pieces {
    state: u32,
}

impl Pieces {
    fn whole() -> Self {
        Self { state: 0 }
    }

    fn of(seed: u8) -> Self {
        Self {
            state: u32::from(seed) + 1,
        }
    }

    /// Mostly small, at times as much as there is.
    fn next(&mut self) -> usize {
        if self.state == 0 {
            return usize::MAX;
        }
        self.state = self.state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223) | 1;
        match self.state >> 28 {
            0..=5 => 1 + (self.state >> 16 & 3) as usize,
            6..=12 => 1 + (self.state >> 16 & 0xff) as usize,
            13 | 14 => (self.state >> 8 & 0xffff) as usize + 1,
            _ => usize::MAX,
        }
    }
}

/// What our reader makes of a stream. Its bounds are looked at after every piece.
fn read(wire: &[u8], limits: Limits, mut pieces: Pieces) -> Reading {
    let mut reader = FrameReader::with_limits(limits);
    let mut items = Vec::new();
    let mut received = 0;
    let mut rest = wire;
    let mut end = drain(&mut reader, &mut items);
    while !rest.is_empty() {
        let space = reader.space();
        assert!(!space.is_empty(), "a drained reader has space");
        let count = pieces.next().min(rest.len()).min(space.len());
        let (now, later) = rest.split_at(count);
        if let Some(room) = space.get_mut(..count) {
            room.copy_from_slice(now);
        }
        reader.filled(count);
        (rest, received) = (later, received + count);
        let before = items.len();
        let ended = matches!(end, End::Closed | End::Failed(_));
        let now = drain(&mut reader, &mut items);
        assert!(
            !ended || (now == end && items.len() == before),
            "{end:?} is not the end: {now:?}"
        );
        end = now;
        check_bounds(&reader, limits, received);
    }
    if matches!(end, End::Closed | End::Failed(_)) {
        let count = items.len();
        reader.feed(LATER);
        assert_eq!(drain(&mut reader, &mut items), end);
        assert_eq!(items.len(), count, "something came behind the end");
        reader.space();
        assert_eq!(reader.buffer_bytes(), READ_BUFFER_BYTES);
    }
    let counts = reader.counts();
    let is_message = |item: &&Item| matches!(item, Item::Text(_) | Item::Binary(_));
    let messages = items.iter().filter(is_message).count();
    assert_eq!(counts.messages, messages as u64);
    assert_eq!(counts.control, (items.len() - messages) as u64);
    assert!(counts.data >= counts.messages);
    Reading { items, end }
}

fn drain(reader: &mut FrameReader, items: &mut Vec<Item>) -> End {
    loop {
        match reader.next_frame() {
            Ok(Some(frame)) => items.push(frame.into()),
            Ok(None) if matches!(items.last(), Some(Item::Close(..))) => return End::Closed,
            Ok(None) => {
                return End::Open {
                    mid_message: reader.is_mid_message(),
                };
            }
            Err(error) => return End::Failed(error),
        }
    }
}

/// Nothing maps more memory than it received: beyond the buffer that a reader begins with, at most twice what came, and
/// at most what the longest message needs, whatever a header declares.
fn check_bounds(reader: &FrameReader, limits: Limits, received: usize) {
    let bytes = reader.buffer_bytes();
    assert!(
        bytes <= READ_BUFFER_BYTES.max(2 * received + HEADROOM_BYTES),
        "{bytes} bytes of buffer for {received}"
    );
    assert!(
        bytes <= READ_BUFFER_BYTES.max(limits.max_message_bytes + HEADROOM_BYTES),
        "{bytes} bytes of buffer for messages of {}",
        limits.max_message_bytes
    );
}

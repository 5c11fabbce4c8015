//! Streams of frames made of fuzzed bytes: lawful ones, with as many changes as the bytes ask for.
//!
//! Three bytes make a frame: what it is, how long it is, and what is in it. What wouldn't be lawful where it stands is
//! made so: a message that begins in another one continues that one instead, and a text ends with a whole character.
//! The byte that says what a frame is can also ask for a change, which is made to the next frame.

/// Characters of one to four bytes, so that fragments cut them.
const TEXT: &str = "aé€𐍈{\"data\":1}ü";

/// A text holds no more frames than this, so that a few bytes can't ask for endless work.
const MAX_FRAMES: usize = 200;

/// Lengths that matter: around the steps of how lengths are written, and of how the reader's buffer grows.
const LENGTHS: [usize; 12] = [
    126, 127, 128, 300, 1_000, 4_096, 16_384, 65_526, 65_535, 65_536, 70_000, 140_000,
];

/// A stream holds no more bytes than this.
const MAX_BYTES: usize = 512 << 10;

/// What is done to a frame that was lawful.
#[derive(Clone, Copy, Debug)]
enum Change {
    Nothing,
    Reserved,
    Opcode,
    Masked,
    Final,
    Padded,
    Longer,
    Huge,
    Misplaced,
    BadText,
    Cut,
}

const CHANGES: [Change; 10] = [
    Change::Reserved,
    Change::Opcode,
    Change::Masked,
    Change::Final,
    Change::Padded,
    Change::Longer,
    Change::Huge,
    Change::Misplaced,
    Change::BadText,
    Change::Cut,
];

/// The message that is under way.
#[derive(Clone, Copy)]
struct Begun {
    is_text: bool,
    /// How much of the endless text has been sent.
    at: usize,
}

/// Writes the frames that are described.
pub(super) fn frames(description: &[u8]) -> Vec<u8> {
    let mut wire = Vec::new();
    let mut begun: Option<Begun> = None;
    let mut change = Change::Nothing;
    for bytes in description.chunks(3).take(MAX_FRAMES) {
        let &[what, size, ref rest @ ..] = bytes else {
            break;
        };
        let fill = rest.first().copied().unwrap_or(0);
        if wire.len() > MAX_BYTES {
            break;
        }
        if what >= 240 {
            change = CHANGES[usize::from(size) % CHANGES.len()];
            continue;
        }
        let length = match size {
            0..=125 => usize::from(size),
            // Long ones are rare.
            126..=223 => usize::from(size) - 100,
            _ => LENGTHS[usize::from(size) % LENGTHS.len()],
        };
        let change = std::mem::replace(&mut change, Change::Nothing);
        match what % 16 {
            0..=2 => data(&mut wire, &mut begun, true, true, length, fill, change),
            3..=5 => data(&mut wire, &mut begun, true, false, length, fill, change),
            6..=9 => data(&mut wire, &mut begun, false, true, length, fill, change),
            10 | 11 => data(&mut wire, &mut begun, false, false, length, fill, change),
            12 | 13 => control(&mut wire, 0x9, &vec![fill; length.min(125)], change),
            14 => control(&mut wire, 0xa, &vec![fill; length.min(125)], change),
            _ if fill < 128 => {
                let reason = text(0, length.min(120), true);
                let code = match fill % 8 {
                    0 => 1000 + u16::from(size % 20),
                    1 => u16::from_be_bytes([size, fill]),
                    2 => 4000,
                    _ => 1001,
                };
                let payload = [&code.to_be_bytes()[..], &reason].concat();
                let payload = if size == 0 { &[] } else { &payload[..] };
                control(&mut wire, 0x8, payload, change);
            }
            _ => control(&mut wire, 0x9, b"", change),
        }
    }
    wire
}

fn data(
    wire: &mut Vec<u8>,
    begun: &mut Option<Begun>,
    is_final: bool,
    is_text: bool,
    length: usize,
    fill: u8,
    change: Change,
) {
    let is_misplaced = matches!(change, Change::Misplaced);
    let (opcode, is_text, at) = match begun {
        Some(message) if !is_misplaced => (0, message.is_text, message.at),
        None if is_misplaced => (0, is_text, 0),
        _ => (if is_text { 1 } else { 2 }, is_text, 0),
    };
    let mut payload = if is_text {
        text(at, length, is_final)
    } else {
        vec![fill; length]
    };
    *begun = (!is_final).then_some(Begun {
        is_text,
        at: at + payload.len(),
    });
    if let (Change::BadText, Some(last)) = (change, payload.last_mut()) {
        *last = 0x80 | fill;
    }
    frame(wire, is_final, opcode, &payload, change);
}

/// Some of the text that goes on without an end, from a place on; to the end of a character, if it `ends` there.
fn text(at: usize, length: usize, ends: bool) -> Vec<u8> {
    let mut bytes: Vec<u8> = TEXT.bytes().cycle().skip(at % TEXT.len()).take(length).collect();
    let mut next = at + length;
    while ends && !TEXT.is_char_boundary(next % TEXT.len()) {
        bytes.push(TEXT.as_bytes()[next % TEXT.len()]);
        next += 1;
    }
    bytes
}

fn control(wire: &mut Vec<u8>, opcode: u8, payload: &[u8], change: Change) {
    match change {
        Change::Longer => frame(
            wire,
            true,
            opcode,
            &[payload, &[7; 126]].concat(),
            Change::Nothing,
        ),
        Change::BadText => frame(wire, true, opcode, &[payload, b"\xff"].concat(), Change::Nothing),
        Change::Cut => frame(
            wire,
            true,
            opcode,
            payload.get(..1).unwrap_or_default(),
            Change::Nothing,
        ),
        _ => frame(wire, true, opcode, payload, change),
    }
}

/// Writes a frame as a server does, or with a change.
fn frame(wire: &mut Vec<u8>, is_final: bool, opcode: u8, payload: &[u8], change: Change) {
    let mut first = opcode | if is_final { 0x80 } else { 0 };
    let mut mask = 0;
    let mut declared = payload.len() as u64;
    match change {
        Change::Reserved => first |= 0x10 << (payload.len() % 3),
        Change::Opcode => first ^= 4,
        Change::Masked => mask = 0x80,
        Change::Final => first ^= 0x80,
        Change::Longer => declared += 1,
        Change::Huge => declared = u64::MAX >> (payload.len() % 48),
        Change::Cut => declared += 5,
        _ => {}
    }
    wire.push(first);
    match declared {
        _ if matches!(change, Change::Padded) && declared < 126 => {
            wire.extend([126 | mask, 0, declared as u8]);
        }
        _ if matches!(change, Change::Padded) => {
            wire.push(127 | mask);
            wire.extend(declared.to_be_bytes());
        }
        0..126 => wire.push(declared as u8 | mask),
        126..0x1_0000 => {
            wire.push(126 | mask);
            wire.extend((declared as u16).to_be_bytes());
        }
        _ => {
            wire.push(127 | mask);
            wire.extend(declared.to_be_bytes());
        }
    }
    if mask != 0 {
        wire.extend([0; 4]);
    }
    wire.extend_from_slice(payload);
}

//! RFC 6455 as a client reads it, written down plainly: over a whole stream, without a buffer, without a fast path.

use bitmart_ws::frame::{FrameError, Limits, MAX_CONTROL_BYTES};

use super::{End, Item, Reading};

/// A message that is under way.
struct Begun {
    is_text: bool,
    payload: Vec<u8>,
    fragments: u32,
}

/// What a stream says, up to its end or the first violation.
pub(super) fn read(wire: &[u8], limits: Limits) -> Reading {
    let mut items = Vec::new();
    let mut begun = None;
    let mut rest = wire;
    loop {
        match next(&mut rest, &mut begun, limits) {
            Ok(Some(Some(item))) => {
                let is_close = matches!(item, Item::Close(..));
                items.push(item);
                if is_close {
                    let end = End::Closed;
                    return Reading { items, end };
                }
            }
            Ok(Some(None)) => {}
            Ok(None) => {
                let mid_message = begun.is_some() || !rest.is_empty();
                let end = End::Open { mid_message };
                return Reading { items, end };
            }
            Err(error) => {
                let end = End::Failed(error);
                return Reading { items, end };
            }
        }
    }
}

/// Takes one frame off the stream: `None` if it isn't all there, and else what it brings, if anything.
fn next(
    rest: &mut &[u8],
    begun: &mut Option<Begun>,
    limits: Limits,
) -> Result<Option<Option<Item>>, FrameError> {
    let &[first, second, ref behind @ ..] = *rest else {
        return Ok(None);
    };
    let (is_final, opcode) = (first >= 0x80, first % 16);
    if first / 16 % 8 != 0 {
        return Err(FrameError::ReservedBits);
    }
    if matches!(opcode, 3..=7 | 11..) {
        return Err(FrameError::ReservedOpcode { opcode });
    }
    if second >= 0x80 {
        return Err(FrameError::Masked);
    }
    let is_control = opcode >= 8;
    if is_control && !is_final {
        return Err(FrameError::FragmentedControl);
    }
    if is_control && usize::from(second) > MAX_CONTROL_BYTES {
        return Err(FrameError::LongControl);
    }
    let length_bytes = match second {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    let Some((length, behind)) = behind.split_at_checked(length_bytes) else {
        return Ok(None);
    };
    let declared = length
        .iter()
        .fold(0, |sum: u64, byte| sum << 8 | u64::from(*byte));
    let bytes = match length_bytes {
        0 => u64::from(second),
        2 if declared < 126 => return Err(FrameError::PaddedLength),
        8 if declared < 65_536 => return Err(FrameError::PaddedLength),
        8 if declared >> 63 == 1 => return Err(FrameError::NegativeLength),
        _ => declared,
    };
    let so_far = begun.as_ref().map_or(0, |begun| begun.payload.len() as u64);
    match (opcode, &*begun) {
        (1 | 2, Some(_)) => return Err(FrameError::InterruptedMessage),
        (0, None) => return Err(FrameError::StrayContinuation),
        (0, Some(begun)) if begun.fragments >= limits.max_fragments => {
            let limit = limits.max_fragments;
            return Err(FrameError::TooManyFragments { limit });
        }
        _ => {}
    }
    if !is_control && so_far + bytes > limits.max_message_bytes as u64 {
        return Err(FrameError::MessageTooBig {
            bytes: so_far + bytes,
            limit: limits.max_message_bytes,
        });
    }
    let count = usize::try_from(bytes).unwrap_or(usize::MAX);
    let Some((payload, behind)) = behind.split_at_checked(count) else {
        return Ok(None);
    };
    *rest = behind;
    let payload = payload.to_vec();
    match opcode {
        8 => close(&payload).map(|item| Some(Some(item))),
        9 => Ok(Some(Some(Item::Ping(payload)))),
        10 => Ok(Some(Some(Item::Pong(payload)))),
        _ => {
            let message = begun.get_or_insert(Begun {
                is_text: opcode == 1,
                payload: Vec::new(),
                fragments: 0,
            });
            message.payload.extend(payload);
            message.fragments += 1;
            match begun.take_if(|_| is_final) {
                None => Ok(Some(None)),
                Some(whole) if !whole.is_text => Ok(Some(Some(Item::Binary(whole.payload)))),
                Some(whole) if std::str::from_utf8(&whole.payload).is_ok() => {
                    Ok(Some(Some(Item::Text(whole.payload))))
                }
                Some(_) => Err(FrameError::InvalidText),
            }
        }
    }
}

fn close(payload: &[u8]) -> Result<Item, FrameError> {
    let Some((code, reason)) = payload.split_first_chunk() else {
        return match payload {
            [] => Ok(Item::Close(None, String::new())),
            _ => Err(FrameError::HalfCloseCode),
        };
    };
    let code = u16::from_be_bytes(*code);
    // Sections 7.4.1 and 7.4.2, and what has been registered since: 1012 to 1014. 1005, 1006 and 1015 are never sent.
    let is_defined = (1000..=1014).contains(&code) && !matches!(code, 1004..=1006);
    if !is_defined && !(3000..5000).contains(&code) {
        return Err(FrameError::InvalidCloseCode { code });
    }
    let reason = String::from_utf8(reason.to_vec()).map_err(|_| FrameError::InvalidCloseReason)?;
    Ok(Item::Close(Some(code), reason))
}

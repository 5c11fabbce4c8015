//! Messages that no exchange should send.

use bytes::Bytes;

use crate::deflate::{deflate, deflate_repeated};
use crate::random::Random;

/// Bytes of the longest random message: half of what may wait for one client without it being cut off.
const MAX_RANDOM_BYTES: usize = 4 << 20;
/// Bytes that the largest bomb inflates to: eight times what a sensible client takes.
const MAX_BOMB_BYTES: usize = 64 << 20;
/// Bytes of the piece that a bomb is made of.
const BOMB_STEP_BYTES: usize = 64 << 10;
/// A push like any other, to be damaged.
const PUSH: &str = r#"{"data":[{"price":"85000.01","s_t":1700000000,"side":"buy","size":"0.001","symbol":"BTC_USDT"}],"table":"spot/trade"}"#;

/// What [`Fault::send_garbage`](super::Fault::send_garbage) sends: the same bytes each time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Garbage {
    /// A binary message of so many random bytes, at most 4 MiB.
    Bytes(usize),
    /// A text message of so many random printable characters, at most 4 MiB.
    Text(usize),
    /// A text message that isn't UTF-8. RFC 6455 wants the connection failed, with code 1007.
    InvalidUtf8,
    /// A binary message of raw DEFLATE, some thousandth of what it inflates to: so many bytes, at most 64 MiB.
    Bomb(usize),
    /// A binary message of raw DEFLATE that ends too early.
    TruncatedDeflate,
    /// A binary message of DEFLATE with a gzip header, which spot's never has.
    Gzip,
}

/// A message of garbage, ready to be sent.
#[derive(Clone, Debug)]
pub(crate) enum GarbageMessage {
    /// Text that need not be UTF-8.
    Text(Bytes),
    Binary(Bytes),
}

impl Garbage {
    /// Makes the message. It is done under the hub's lock, and takes some milliseconds for the largest.
    pub(crate) fn message(self) -> GarbageMessage {
        match self {
            Self::Bytes(count) => GarbageMessage::Binary(random(count).into()),
            Self::Text(count) => {
                const PRINTABLE: u8 = 95;
                let mut text = random(count);
                for byte in &mut text {
                    *byte = b' ' + *byte % PRINTABLE;
                }
                GarbageMessage::Text(text.into())
            }
            Self::InvalidUtf8 => {
                let mut text = PUSH.as_bytes().to_vec();
                let middle = text.len() / 2;
                text[middle] = 0xff;
                GarbageMessage::Text(text.into())
            }
            Self::Bomb(inflated) => GarbageMessage::Binary(bomb(inflated.min(MAX_BOMB_BYTES))),
            Self::TruncatedDeflate => {
                let whole = deflate([PUSH.as_bytes()]);
                GarbageMessage::Binary(whole.slice(..whole.len() / 2))
            }
            Self::Gzip => {
                let mut bytes = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff".to_vec();
                bytes.extend_from_slice(&deflate([PUSH.as_bytes()]));
                GarbageMessage::Binary(bytes.into())
            }
        }
    }
}

fn random(count: usize) -> Vec<u8> {
    let count = count.min(MAX_RANDOM_BYTES);
    let mut random = Random::new(0, "garbage");
    let mut bytes = Vec::with_capacity(count + size_of::<u64>());
    while bytes.len() < count {
        bytes.extend_from_slice(&random.next().to_le_bytes());
    }
    bytes.truncate(count);
    bytes
}

/// JSON with a great many spaces in it: nothing but a bound on what is inflated stops it.
fn bomb(inflated: usize) -> Bytes {
    const HEAD: &[u8] = br#"{"data":["#;
    const TAIL: &[u8] = br#"],"table":"spot/trade"}"#;
    let spaces = [b' '; BOMB_STEP_BYTES];
    let padding = inflated.saturating_sub(HEAD.len() + TAIL.len());
    let rest = &spaces[..padding % BOMB_STEP_BYTES];
    deflate_repeated(
        HEAD,
        &spaces,
        padding / BOMB_STEP_BYTES,
        [rest, TAIL].concat().as_slice(),
    )
}

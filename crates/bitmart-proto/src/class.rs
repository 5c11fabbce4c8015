use std::ops::Range;

use crate::decode::lanes::{LANES, has_control};
use crate::limits::MAX_TOPIC_BYTES;
use crate::scan::{self, Found};

/// What a message is, as far as a look at its outermost keys can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Class {
    /// Market or account data: give it to [`Decoder::decode`](crate::Decoder::decode).
    Push(PushHead),
    /// The answer to a request: give it to [`Decoder::reply`](crate::Decoder::reply).
    Reply,
    /// The answer to a ping: a sign of life, nothing to decode.
    Pong,
    /// Nothing we know. Show it to the user; it is no reason to close.
    Unknown,
}

/// Where a push names its topic. Holds no borrow, so it outlives the look at the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PushHead {
    topic_start: u32,
    topic_end: u32,
}

impl PushHead {
    fn new(text: &[u8], start: usize, end: usize) -> Option<Self> {
        std::str::from_utf8(text.get(start..end)?).ok()?;
        Some(Self {
            topic_start: u32::try_from(start).ok()?,
            topic_end: u32::try_from(end).ok()?,
        })
    }

    /// The topic as it stands in `text`, which must be the message that was classified; in any other text the
    /// result is meaningless, and empty if the place doesn't exist there.
    ///
    /// Spot names the channel only, futures the whole topic. Escapes, which the exchange never used here, are not
    /// resolved: [`Update::topic`](crate::Update::topic) has the resolved text.
    #[must_use]
    pub fn topic<'a>(&self, text: &'a [u8]) -> &'a str {
        text.get(self.topic_start as usize..self.topic_end as usize)
            .and_then(|topic| std::str::from_utf8(topic).ok())
            .unwrap_or("")
    }
}

/// Sorts a message by its outermost keys, without decoding it.
///
/// ```
/// use bitmart_proto::{Class, classify};
///
/// let text = br#"{"data":[],"table":"spot/user/order"}"#;
/// let Class::Push(head) = classify(text) else { panic!() };
/// assert_eq!(head.topic(text), "spot/user/order");
/// assert_eq!(classify(b"pong"), Class::Pong);
/// assert_eq!(classify(br#"{"event":"login"}"#), Class::Reply);
/// assert_eq!(classify(b"IP Limited:Request connections exceeds limit"), Class::Unknown);
/// ```
///
/// In this order (`docs/PROTOCOL.md`, *Envelopes*): the plain text `pong`; a refusal (`errorCode`, `error_code`,
/// `error`, or a `success` that isn't `true`); an acknowledgement (`event` or `action`); the group `System`; `data`
/// beside a `table` or a `group`; anything else is unknown. A key whose value is `null` counts as absent, and of a
/// repeated key the last one counts.
///
/// A push in the order of keys that the exchange uses is recognised by its first bytes (`{"group":"…","data":`) or
/// its last (`,"table":"…"}`), and then nothing else of it is looked at. So the answer says what to do with a
/// message, not that it is valid JSON: the decoder finds that out.
#[must_use]
pub fn classify(text: &[u8]) -> Class {
    if let Some(envelope) = Envelope::predict(text)
        && let Some(head) = PushHead::new(text, envelope.topic.start, envelope.topic.end)
    {
        return Class::Push(head);
    }
    let text = trim(text);
    if text.bytes == b"pong" {
        return Class::Pong;
    }
    let Some(found) = scan::top_level(text.bytes) else {
        return Class::Unknown;
    };
    by_keys(&text, &found)
}

/// A push in an order of keys that the exchange uses, as far as its first and last bytes tell.
pub(crate) struct Envelope {
    /// Where the topic is.
    pub(crate) topic: Range<usize>,
    /// Where the data begins.
    pub(crate) data: usize,
    /// Where the data must end for the rest to be as predicted too.
    pub(crate) behind: usize,
}

impl Envelope {
    #[inline]
    pub(crate) fn predict(text: &[u8]) -> Option<Self> {
        Self::topic_first(text).or_else(|| Self::data_first(text))
    }

    /// `{"group":"…","data":` and then a value, or the same with `table`.
    fn topic_first(text: &[u8]) -> Option<Self> {
        const HEAD: usize = br#"{"group":""#.len();
        const DATA: &[u8] = br#"","data":"#;
        let head = text.first_chunk::<HEAD>()?;
        if head != br#"{"group":""# && head != br#"{"table":""# {
            return None;
        }
        let rest = text.get(HEAD..)?;
        let window = &rest[..rest.len().min(MAX_TOPIC_BYTES)];
        let length = memchr::memchr2(b'"', b'\\', window)?;
        let topic = HEAD..HEAD + length;
        let data = topic.end + DATA.len();
        let value = rest.get(length..)?.strip_prefix(DATA)?;
        is_predicted(text, &topic, value).then_some(Self {
            topic,
            data,
            behind: text.strip_suffix(b"}")?.len(),
        })
    }

    /// `{"data":…,"table":"…"}`, or with `group`: how spot ends every push, and futures most.
    ///
    /// Sound for valid JSON. The unescaped quotes of the pattern can't lie inside a string, so its last quote closes
    /// a value of the object that the last brace closes: the outermost one.
    fn data_first(text: &[u8]) -> Option<Self> {
        const HEAD: &[u8] = br#"{"data":"#;
        const TAIL: &[u8] = br#""}"#;
        const KEY: usize = br#","table":""#.len();
        let value = text.strip_prefix(HEAD)?;
        let end = text.strip_suffix(TAIL)?.len();
        let from = end.saturating_sub(MAX_TOPIC_BYTES).max(HEAD.len());
        let start = from + memchr::memrchr2(b'"', b'\\', text.get(from..end)?)? + 1;
        let key = text.get(..start)?.last_chunk::<KEY>()?;
        if key != br#","table":""# && key != br#","group":""# {
            return None;
        }
        let topic = start..end;
        is_predicted(text, &topic, value).then_some(Self {
            topic,
            data: HEAD.len(),
            behind: start - KEY,
        })
    }
}

/// Whether `value` begins like data, and the topic is one that carries data and holds no control character. All else
/// goes the long way.
fn is_predicted(text: &[u8], topic: &Range<usize>, value: &[u8]) -> bool {
    // Whole chunks backwards from the end: the bytes before the topic may be looked at, they hold none either.
    let mut at = topic.end;
    while at > topic.start {
        // Less than a chunk before it: the first of the text has it all.
        let chunk = text.get(..at).and_then(|before| before.last_chunk::<LANES>());
        if chunk.or(text.first_chunk()).is_none_or(has_control) {
            return false;
        }
        at = at.saturating_sub(LANES);
    }
    matches!(value.first(), Some(b'[' | b'{' | b'"'))
        && !topic.is_empty()
        && text.get(topic.clone()) != Some(SYSTEM)
}

/// The group of the exchange's own notices. A pong is one of them.
const SYSTEM: &[u8] = b"System";

fn by_keys(text: &Trimmed<'_>, found: &Found) -> Class {
    let string = |value: Option<scan::Value>| value.and_then(|value| value.string(text.bytes));
    if found.has_error
        || found
            .success
            .is_some_and(|success| !success.is(text.bytes, b"true"))
    {
        return Class::Reply;
    }
    match (string(found.action), found.event, found.action) {
        (Some(b"pong"), _, _) => return Class::Pong,
        (_, Some(_), _) | (_, _, Some(_)) => return Class::Reply,
        _ => {}
    }
    let (Some(topic), Some(data)) = (found.topic, found.data) else {
        return Class::Unknown;
    };
    match topic.string(text.bytes) {
        Some(SYSTEM) => match data.string(text.bytes) {
            Some(word) if word.starts_with(b"pong") => Class::Pong,
            _ => Class::Unknown,
        },
        Some([]) | None => Class::Unknown,
        Some(name) => {
            let start = text.offset + topic.start + 1;
            PushHead::new(text.whole, start, start + name.len()).map_or(Class::Unknown, Class::Push)
        }
    }
}

/// A text without the white space around it, and how much was cut off in front.
struct Trimmed<'a> {
    whole: &'a [u8],
    bytes: &'a [u8],
    offset: usize,
}

fn trim(whole: &[u8]) -> Trimmed<'_> {
    let offset = whole.len() - whole.trim_ascii_start().len();
    Trimmed {
        whole,
        bytes: whole.trim_ascii(),
        offset,
    }
}

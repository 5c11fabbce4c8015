//! From a message's bytes to typed values.

pub(crate) mod cursor;
mod error;
pub(crate) mod fields;
pub(crate) mod keys;
pub(crate) mod lanes;
pub(crate) mod lists;
pub(crate) mod record;
mod reply;
pub(crate) mod tape;

pub use error::{DecodeError, DecodeErrorKind};

use std::fmt;

use simd_json::{Buffers, ErrorType, INPUT_PADDING, Node, Tape};

use self::cursor::Cursor;
use self::record::{Fault, Lists, Source, Span};
use self::tape::Reader;
use crate::class::Envelope;
use crate::limits::{MAX_DEPTH, MAX_STRUCTURE, MAX_TEXT_BYTES, RETAINED_BYTES};
use crate::update::{Kind, Rows};
use crate::{RawPush, Reply, Update};

/// Decodes messages, one after the other, with buffers that it keeps.
///
/// ```
/// use bitmart_proto::{Decoder, Update};
///
/// let mut decoder = Decoder::new();
/// let text = br#"{"data":[{"symbol":"BTC_USDT","order_id":"17","order_state":"filled"}],"table":"spot/user/order"}"#;
/// match decoder.decode(text)? {
///     Update::SpotOrders { orders, .. } => {
///         let order = orders.get(0).unwrap();
///         assert!(order.is_terminal() && order.symbol == "BTC_USDT");
///     }
///     other => panic!("{other:?}"),
/// }
/// # Ok::<(), bitmart_proto::DecodeError>(())
/// ```
///
/// What it returns borrows from the message and from the decoder; nothing is allocated once the buffers have grown
/// to the size of the messages. A message of more than [`RETAINED_BYTES`] is the exception: it goes the general way, and its
/// buffers are given back with the next. Everything is checked before it returns, so reading the result can't fail. An error
/// leaves no trace: the next message decodes.
///
/// # How messages are read
///
/// - Unknown fields are skipped, whatever is in them, as long as it is JSON.
/// - A field that holds `null` counts as absent. Of a repeated field the last one counts, as for most of those who
///   read JSON. A record that lacks a field without which it means nothing is an error that names the field; so is a
///   known field with a value of another kind. Any other field may be missing.
/// - Words and codes that we don't know are kept, not refused.
/// - The bounds are [`MAX_TEXT_BYTES`], [`MAX_DEPTH`], [`MAX_STRUCTURE`] and
///   [`MAX_ITEMS`](crate::limits::MAX_ITEMS).
pub struct Decoder {
    buffers: Buffers,
    /// Kept for its allocation only; empty between messages.
    tape: Tape<'static>,
    /// The message as the parser may change it, and its padding.
    scratch: Vec<u8>,
    /// The texts of a message that has escapes, unescaped, one behind the other.
    arena: String,
    rows: Rows,
    /// What lies inside the rows.
    lists: Lists,
    /// The last message was so large that the buffers should not be kept.
    is_oversized: bool,
}

/// A push as far as it could be told without borrowing from the decoder.
#[derive(Clone, Copy)]
struct Push {
    kind: Kind,
    topic: Span,
    symbol: Span,
}

/// What an error says was being read when it was no particular record.
const MESSAGE: &str = "message";

impl Decoder {
    /// A decoder with empty buffers; they grow with the messages.
    #[must_use]
    pub fn new() -> Self {
        Self {
            buffers: Buffers::with_max_depth(0, MAX_DEPTH),
            tape: Tape(Vec::new()),
            scratch: Vec::new(),
            arena: String::new(),
            rows: Rows::default(),
            lists: Lists::default(),
            is_oversized: false,
        }
    }

    /// Decodes a push: what [`classify`](crate::classify) calls [`Class::Push`](crate::Class::Push).
    ///
    /// # Errors
    ///
    /// [`DecodeError`] if the text isn't JSON, goes beyond a bound, lacks a `table` or `group` or the `data`, or if
    /// an item lacks a field that it must have or has one of the wrong kind.
    pub fn decode<'a>(&'a mut self, text: &'a [u8]) -> Result<Update<'a>, DecodeError> {
        match self.predict(text) {
            Some((text, push)) => Ok(self.update(text, push)),
            None => self.decode_general(text),
        }
    }

    /// Decodes a push the predicted way alone: `None` if it is not as predicted, whatever the reason. For benchmarks
    /// and tests; [`decode`](Self::decode) takes this way first.
    pub fn decode_predicted<'a>(&'a mut self, text: &'a [u8]) -> Option<Update<'a>> {
        let (text, push) = self.predict(text)?;
        Some(self.update(text, push))
    }

    /// Decodes a push the general way alone. For benchmarks and tests; [`decode`](Self::decode) takes this way
    /// second, and what both can read they read the same.
    ///
    /// # Errors
    ///
    /// As [`decode`](Self::decode).
    pub fn decode_general<'a>(&'a mut self, text: &'a [u8]) -> Result<Update<'a>, DecodeError> {
        let (text, push) = self.parse(text, read_push)?;
        Ok(self.update(text, push))
    }

    fn update<'a>(&'a self, text: &'a str, push: Push) -> Update<'a> {
        let source = self.source(text);
        let topic = source.text(push.topic);
        self.rows.view(push.kind, topic, source).unwrap_or_else(|| {
            Update::Raw(RawPush {
                topic,
                symbol: source.optional_text(push.symbol),
                text,
            })
        })
    }

    /// Reads a push straight off its bytes, if all of it is as predicted.
    fn predict<'a>(&mut self, text: &'a [u8]) -> Option<(&'a str, Push)> {
        if text.len() > RETAINED_BYTES {
            return None;
        }
        let Envelope { topic, data, behind } = Envelope::predict(text)?;
        self.clear();
        let whole = simdutf8::basic::from_utf8(text).ok()?;
        let kind = Kind::of(whole.get(topic.clone())?);
        let mut cursor = Cursor::new(text, data);
        self.rows.scan(kind, &mut cursor, &mut self.lists)?;
        if cursor.position() != behind {
            return None;
        }
        let push = Push {
            kind,
            topic: Span::behind(topic.start - 1, topic.len()),
            symbol: Span::ABSENT,
        };
        Some((whole, push))
    }

    /// Reads the answer to a request: what [`classify`](crate::classify) calls
    /// [`Class::Reply`](crate::Class::Reply). Takes the replies of both markets.
    ///
    /// It is a refusal if it carries an error code or an error text, if its `success` isn't `true`, or if its event
    /// is `error`; so a failed login is not taken for a login although its event says so (`docs/PROTOCOL.md`,
    /// *Replies*). A code may be a string or a number. One that doesn't fit an [`ErrorCode`](crate::ErrorCode)
    /// becomes the refusal's text if there is no other.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] if the text isn't JSON, goes beyond a bound, or has nothing of a reply in it.
    ///
    /// ```
    /// use bitmart_proto::{Decoder, ErrorClass, Operation};
    ///
    /// let mut decoder = Decoder::new();
    /// let reply = decoder.reply(br#"{"event":"login","errorCode":"91002","errorMessage":"API KEY not found"}"#)?;
    /// assert_eq!(reply.operation, Some(Operation::Login));
    /// assert_eq!(reply.outcome.unwrap_err().class(), ErrorClass::Auth);
    /// # Ok::<(), bitmart_proto::DecodeError>(())
    /// ```
    pub fn reply<'a>(&'a mut self, text: &'a [u8]) -> Result<Reply<'a>, DecodeError> {
        let (text, reply) = self.parse(text, |reader, _| reply::read(reader))?;
        Ok(reply.view(self.source(text)))
    }

    /// What the spans of the last message point into. If it had escapes, its texts are in the arena.
    fn source<'a>(&'a self, text: &'a str) -> Source<'a> {
        Source {
            text: if self.arena.is_empty() { text } else { &self.arena },
            lists: &self.lists,
        }
    }

    /// Makes a tape of the text and lets `read` walk it.
    fn parse<'a, T>(
        &mut self,
        text: &'a [u8],
        read: impl FnOnce(&mut Reader<'_, '_>, &mut Rows) -> Result<T, Fault>,
    ) -> Result<(&'a str, T), DecodeError> {
        self.make_room(text)?;
        let has_escapes = memchr::memchr(b'\\', text).is_some();
        let base = self.scratch.as_ptr().addr();
        let mut tape = std::mem::replace(&mut self.tape, Tape(Vec::new())).reset();
        let parsed = simd_json::fill_tape_padded(&mut self.scratch, text.len(), &mut self.buffers, &mut tape);
        let result = match parsed {
            Ok(()) => {
                let arena = has_escapes.then_some(&mut self.arena);
                let mut reader = Reader::new(&tape.0, base, arena, &mut self.lists);
                read(&mut reader, &mut self.rows).map_err(|fault| {
                    let offset = tape::offset_of(fault.node, self.buffers.structural_indexes(), text);
                    DecodeError::new(fault.schema, fault.kind, offset, text)
                })
            }
            Err(error) => Err(syntax_error(&error, text)),
        };
        self.tape = tape.reset();
        let value = result?;
        // The parser has found this out already, but can't say so in a type.
        let text = simdutf8::basic::from_utf8(text)
            .map_err(|_| DecodeError::new(MESSAGE, DecodeErrorKind::NotJson, None, text))?;
        Ok((text, value))
    }

    /// Clears what the last message left.
    fn clear(&mut self) {
        if self.is_oversized {
            *self = Self::new();
        }
        self.lists.clear();
        self.arena.clear();
    }

    /// Clears what the last message left, and copies this one to where the parser may change it.
    fn make_room(&mut self, text: &[u8]) -> Result<(), DecodeError> {
        self.clear();
        if text.len() > RETAINED_BYTES {
            if text.len() > MAX_TEXT_BYTES || structure(text) > MAX_STRUCTURE {
                return Err(DecodeError::new(MESSAGE, DecodeErrorKind::TooLarge, None, text));
            }
            self.is_oversized = true;
        }
        self.scratch.clear();
        self.scratch.extend_from_slice(text);
        self.scratch.resize(text.len() + INPUT_PADDING, b' ');
        Ok(())
    }
}

/// At least as many as the places that the parser will take note of: brackets, commas, colons, quotes, and the
/// beginnings of what stands between them.
fn structure(text: &[u8]) -> usize {
    let is_space = |byte: u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
    let is_operator = |byte: u8| matches!(byte, b'{' | b'}' | b'[' | b']' | b',' | b':' | b'"');
    let mut count = 0;
    let mut is_behind = true;
    for &byte in text {
        let is_behind_now = is_space(byte) || is_operator(byte);
        count += usize::from(is_operator(byte) || (is_behind && !is_behind_now));
        is_behind = is_behind_now;
    }
    count
}

#[cold]
fn syntax_error(error: &simd_json::Error, text: &[u8]) -> DecodeError {
    let kind = match error.error() {
        ErrorType::DepthLimitExceeded => DecodeErrorKind::TooDeep,
        _ => DecodeErrorKind::NotJson,
    };
    // Only errors that name a character know their place.
    let offset = error.character().map(|_| error.index());
    DecodeError::new(MESSAGE, kind, offset, text)
}

/// Reads the envelope, then the data by what the envelope names.
fn read_push(reader: &mut Reader<'_, '_>, rows: &mut Rows) -> Result<Push, Fault> {
    const ROOT: usize = 0;
    let fault = |kind, node| Fault {
        schema: MESSAGE,
        kind,
        node,
    };
    if !matches!(reader.node(ROOT), Some(Node::Object { .. })) {
        return Err(fault(DecodeErrorKind::NotAnObject, ROOT));
    }
    let (mut topic, mut data) = (None, None);
    for (key, value) in reader.entries(ROOT) {
        match key {
            "table" | "group" => topic = Some((key, value)),
            "data" => data = Some(value),
            _ => {}
        }
    }
    let missing = |field| fault(DecodeErrorKind::Missing { field }, ROOT);
    let (key, node) = topic.ok_or(missing("table or group"))?;
    let name = reader.string(node).ok_or(fault(
        DecodeErrorKind::WrongType {
            field: if key == "table" { "table" } else { "group" },
            expected: "a string",
        },
        node,
    ))?;
    let data = data.ok_or(missing("data"))?;
    let kind = Kind::of(name);
    let topic = reader.span(name);
    let symbol = match kind {
        Kind::Raw => first_symbol(reader, data),
        _ => Span::ABSENT,
    };
    rows.read(kind, data, reader)
        .map_err(|problem| problem.of(MESSAGE, "data", data))?;
    Ok(Push { kind, topic, symbol })
}

/// The symbol of the first item of data that isn't decoded further.
fn first_symbol(reader: &mut Reader<'_, '_>, data: usize) -> Span {
    let item = match reader.elements(data) {
        Some(mut elements) => elements.next(),
        None => Some(data),
    };
    item.and_then(|item| reader.entries(item).filter(|(key, _)| *key == "symbol").last())
        .and_then(|(_, value)| reader.string(value))
        .map_or(Span::ABSENT, |symbol| reader.span(symbol))
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder").finish_non_exhaustive()
    }
}

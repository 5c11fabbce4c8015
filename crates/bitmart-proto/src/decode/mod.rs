//! From a message's bytes to typed values.

mod error;
pub(crate) mod record;
mod reply;
pub(crate) mod tape;

pub use error::{DecodeError, DecodeErrorKind};

use std::fmt;

use simd_json::{Buffers, ErrorType, INPUT_PADDING, Node, Tape};

use self::record::{Fault, Source, Span};
use self::tape::Reader;
use crate::futures::{RawFuturesAsset, RawFuturesOrder, RawFuturesPosition};
use crate::limits::{MAX_DEPTH, MAX_STRUCTURE, MAX_TEXT_BYTES, RETAINED_BYTES};
use crate::spot::{RawBalance, RawSpotBalanceUpdate, RawSpotOrder};
use crate::update::split;
use crate::{
    FuturesAssets, FuturesOrders, FuturesPositions, RawPush, Reply, SpotBalances, SpotOrders, Update,
};

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
/// to the size of the messages. Everything is checked before it returns, so reading the result can't fail. An error
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
    /// The balances of all of the last message's spot balance updates, in their order.
    balances: Vec<RawBalance>,
    /// The last message was so large that the buffers should not be kept.
    is_oversized: bool,
}

/// The records of the last message; only those of its kind are filled.
#[derive(Default)]
struct Rows {
    spot_orders: Vec<RawSpotOrder>,
    spot_balances: Vec<RawSpotBalanceUpdate>,
    futures_orders: Vec<RawFuturesOrder>,
    futures_positions: Vec<RawFuturesPosition>,
    futures_assets: Vec<RawFuturesAsset>,
}

impl Rows {
    fn clear(&mut self) {
        self.spot_orders.clear();
        self.spot_balances.clear();
        self.futures_orders.clear();
        self.futures_positions.clear();
        self.futures_assets.clear();
    }
}

/// A push as far as it could be told without borrowing from the decoder.
#[derive(Clone, Copy)]
struct Push {
    kind: Kind,
    topic: Span,
    symbol: Span,
}

#[derive(Clone, Copy)]
enum Kind {
    SpotOrders,
    SpotBalances,
    FuturesOrders,
    FuturesPositions,
    FuturesAssets,
    Raw,
}

impl Kind {
    fn of(topic: &str) -> Self {
        match split(topic).0 {
            "spot/user/order" | "spot/user/orders" => Self::SpotOrders,
            "spot/user/balance" => Self::SpotBalances,
            "futures/order" => Self::FuturesOrders,
            "futures/position" => Self::FuturesPositions,
            "futures/asset" => Self::FuturesAssets,
            _ => Self::Raw,
        }
    }
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
            balances: Vec::new(),
            is_oversized: false,
        }
    }

    /// Decodes a push: what [`classify`](crate::classify) calls [`Class::Push`](crate::Class::Push).
    ///
    /// # Errors
    ///
    /// [`DecodeError`] if the text isn't JSON, goes beyond a bound, lacks a `table` or `group` or the `data`, or if
    /// an item of a private message lacks a field or has one of the wrong kind.
    pub fn decode<'a>(&'a mut self, text: &'a [u8]) -> Result<Update<'a>, DecodeError> {
        let (text, push) = self.parse(text, read_push)?;
        let source = self.source(text);
        let topic = source.text(push.topic);
        Ok(match push.kind {
            Kind::SpotOrders => Update::SpotOrders {
                topic,
                orders: SpotOrders::new(source, &self.rows.spot_orders),
            },
            Kind::SpotBalances => Update::SpotBalances {
                topic,
                changes: SpotBalances::new(source, &self.rows.spot_balances),
            },
            Kind::FuturesOrders => Update::FuturesOrders {
                topic,
                orders: FuturesOrders::new(source, &self.rows.futures_orders),
            },
            Kind::FuturesPositions => Update::FuturesPositions {
                topic,
                positions: FuturesPositions::new(source, &self.rows.futures_positions),
            },
            Kind::FuturesAssets => Update::FuturesAssets {
                topic,
                assets: FuturesAssets::new(source, &self.rows.futures_assets),
            },
            Kind::Raw => Update::Raw(RawPush {
                topic,
                symbol: source.optional_text(push.symbol),
                text,
            }),
        })
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
            balances: &self.balances,
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
                let mut reader = Reader::new(&tape.0, base, arena, &mut self.balances);
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

    /// Clears what the last message left, and copies this one to where the parser may change it.
    fn make_room(&mut self, text: &[u8]) -> Result<(), DecodeError> {
        if self.is_oversized {
            *self = Self::new();
        }
        self.rows.clear();
        self.balances.clear();
        self.arena.clear();
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

/// At least as many as the places that the parser will take note of: brackets, commas, colons, quotes, and what
/// follows a space.
fn structure(text: &[u8]) -> usize {
    text.iter()
        .filter(|byte| {
            matches!(
                byte,
                b'{' | b'}' | b'[' | b']' | b',' | b':' | b'"' | b' ' | b'\t' | b'\n' | b'\r'
            )
        })
        .count()
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
    let mut symbol = Span::ABSENT;
    match kind {
        Kind::SpotOrders => reader.rows(data, (MESSAGE, "data"), &mut rows.spot_orders)?,
        Kind::SpotBalances => reader.rows(data, (MESSAGE, "data"), &mut rows.spot_balances)?,
        Kind::FuturesOrders => reader.rows(data, (MESSAGE, "data"), &mut rows.futures_orders)?,
        Kind::FuturesPositions => reader.rows(data, (MESSAGE, "data"), &mut rows.futures_positions)?,
        Kind::FuturesAssets => reader.rows(data, (MESSAGE, "data"), &mut rows.futures_assets)?,
        Kind::Raw => symbol = first_symbol(reader, data),
    }
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

//! What the exchange allows, and the bounds we put on what it sends. Sources: `docs/PROTOCOL.md`, *Limits*.

/// Topics in one subscribe or unsubscribe message. Documented for spot; futures states no number, and clients
/// that work use the same.
pub const MAX_TOPICS_PER_REQUEST: usize = 20;

/// Bytes of one request, the whole frame's payload. The futures host documents 4,096 and was seen to close with
/// code 1009 at 2,186 while 2,020 passed; spot allows 4,096. One bound serves both.
pub const MAX_REQUEST_BYTES: usize = 2_000;

/// Topics on one connection: spot documents 115 public and 100 private, futures carried 100 without complaint.
/// Beyond the limit spot has been reported to drop topics silently, so the smaller number holds everywhere.
pub const MAX_TOPICS_PER_CONNECTION: usize = 100;

/// Bytes of one topic's text. The longest channel name has 28, and a symbol at
/// most 40; a topic must fit a request by itself.
pub const MAX_TOPIC_BYTES: usize = 128;

/// Messages a client may send in [`MESSAGE_WINDOW_MS`] on one connection, pings included.
pub const MAX_MESSAGES_PER_WINDOW: u32 = 100;

/// The window of [`MAX_MESSAGES_PER_WINDOW`], in milliseconds.
pub const MESSAGE_WINDOW_MS: u64 = 10_000;

/// New connections per minute and IP address. Documented for spot; we keep to it everywhere.
pub const MAX_CONNECTS_PER_MINUTE: u32 = 30;

/// How far a login's timestamp may be from the exchange's clock, in milliseconds.
pub const LOGIN_WINDOW_MS: u64 = 60_000;

/// Bytes of one decoded message. A full book of 100 levels has about 6 KB; the transport already stops a frame
/// at 1 MiB, so only inflated text can come near this.
pub const MAX_TEXT_BYTES: usize = 8 << 20;

/// How deep a message's JSON may nest. The deepest known message has five levels.
pub const MAX_DEPTH: usize = 64;

/// Items (orders, positions, balances, levels) in one message. A book has at most 100 levels a side; this only
/// bounds the storage a decoder keeps between messages.
pub const MAX_ITEMS: usize = 65_536;

/// Brackets, commas, colons, quotes and beginnings of values in one message. The JSON parser reserves some 35 bytes for
/// each, so this bounds what a text can make it reserve: 8 MiB of nothing but commas would otherwise ask for 256 MiB.
/// Spot orders have about one such byte in five, so 8 MiB of them pass; futures orders have more.
pub const MAX_STRUCTURE: usize = 2 << 20;

/// Bytes of a message up to which a decoder, or an inflater, keeps the buffers that it needed for it. Beyond it they are
/// given back, so that one huge message doesn't cost memory for the rest of a connection's life. The buffers may be a
/// multiple of the text: some 2 MiB for 64 KiB of nothing but digits and commas, a quarter of that for a book.
pub const RETAINED_BYTES: usize = 64 << 10;

/// Bytes of an undecodable message that its error keeps: enough for any envelope and the beginning of an order.
pub const MAX_SAMPLE_BYTES: usize = 256;

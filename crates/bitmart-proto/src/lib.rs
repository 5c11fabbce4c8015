//! BitMart's WebSocket protocol: topics, requests, and messages decoded where they lie.
//!
//! This crate knows what the exchange says and how to say something to it, for the spot market and for futures
//! version 2, and nothing else: no sockets, no clock, no runtime. Take it alone to decode a capture, to feed an
//! event loop of your own, or to test against recorded messages; `bitmart-session` and `bitmart-ws` build a
//! connection on it.
//!
//! ```
//! use bitmart_proto::{Decoder, Update};
//!
//! let line = br#"{"data":[{"symbol":"BTC_USDT","order_id":"17","order_state":"filled"}],"table":"spot/user/order"}"#;
//! let mut decoder = Decoder::new();
//! if let Update::SpotOrders { orders, .. } = decoder.decode(line)? {
//!     orders.iter().for_each(|order| assert!(order.symbol == "BTC_USDT" && order.is_terminal()));
//! }
//! # Ok::<(), bitmart_proto::DecodeError>(())
//! ```
//!
//! # The way of a message
//!
//! ```text
//!  binary frame ──► Inflater::inflate ─┐
//!  text frame ─────────────────────────┴─► classify ─┬─ Push ───► Decoder::decode ─► Update<'_>
//!                                                    ├─ Reply ──► Decoder::reply ──► Reply<'_>
//!                                                    ├─ Pong      a sign of life
//!                                                    └─ Unknown   to the user, as it came
//! ```
//!
//! [`classify`] looks at the outermost keys, mostly at no more than the first or the last bytes. [`Decoder`] checks
//! the whole message once and lends the result: an [`Update`] borrows from the message and from the decoder's own
//! buffers, which are reused, so that a message costs no allocation. The items of a message come as views, such as
//! [`SpotOrders`]: `Copy`, with `len`, `get` and `iter`, and unable to fail.
//!
//! The other direction is [`Topic`] and [`Dialect`]: what can be subscribed to, and how each market is asked.
//!
//! # What holds for every value
//!
//! - The exchange's own text is kept. Prices and sizes are [`Num`], exact until you convert them. A word or a code
//!   that isn't on our list is still there: enums have an `Unknown` variant that holds it, codes are newtypes over
//!   integers.
//! - What the exchange writes for "none", be it `""`, `"-"`, `null`, nothing at all, or a time of zero, is `None`.
//! - Field names are Rust's where the wire's would mislead, and the documentation of each field names the wire's.
//! - No bytes panic, hang or exhaust memory: every bound is a constant in [`limits`].
//! - Private messages are decoded into types. Public ones, for now, are checked to be JSON and passed on as
//!   [`Update::Raw`].
//!
//! # Modules
//!
//! | module | its job |
//! |---|---|
//! | `topic`, `channel`, `symbol`, `market` | what can be subscribed to, and where |
//! | `dialect` | writing requests in each market's way |
//! | `inflate` | unpacking binary frames |
//! | `class`, `scan` | telling pushes, replies and pongs apart |
//! | `decode` | the decoder; `decode::record` declares messages, `decode::tape` walks them |
//! | `spot`, `futures` | the private messages of each market, and how to read their states |
//! | `update`, `list`, `reply` | what decoding yields |
//! | `num`, `time`, `wire` | decimals, times, words and codes |
//! | [`limits`] | every bound, with its reason |

mod book;
mod channel;
mod class;
mod decode;
mod dialect;
mod futures;
mod inflate;
pub mod limits;
mod list;
mod market;
mod num;
mod owned;
mod reply;
mod scan;
mod serialize;
mod spot;
mod symbol;
mod time;
mod topic;
mod update;
mod wire;

pub use book::{BookPush, BookSide, BookStep, Level, OwnedLevel};
pub use channel::{Channel, Interval, Levels, Speed};
pub use class::{Class, PushHead, classify};
pub use decode::{DecodeError, DecodeErrorKind, Decoder};
pub use dialect::Dialect;
pub use futures::{
    BookWay, FuturesAsset, FuturesAssets, FuturesBookTicker, FuturesBookTickers, FuturesDepth,
    FuturesDepthSide, FuturesDepthSides, FuturesDepthUpdate, FuturesDepthUpdates, FuturesDepths, FuturesFill,
    FuturesFundingRate, FuturesFundingRates, FuturesKline, FuturesKlines, FuturesOrder, FuturesOrderKind,
    FuturesOrderState, FuturesOrders, FuturesPosition, FuturesPositions, FuturesSide, FuturesTicker,
    FuturesTickers, FuturesTrade, FuturesTrades, OpenType, OrderAction, OwnedFuturesAsset,
    OwnedFuturesBookTicker, OwnedFuturesDepth, OwnedFuturesDepthSide, OwnedFuturesDepthUpdate,
    OwnedFuturesFill, OwnedFuturesFundingRate, OwnedFuturesKline, OwnedFuturesOrder, OwnedFuturesPosition,
    OwnedFuturesTicker, OwnedFuturesTrade, PositionMode, PositionSide, PriceType, Taker, TradeWay,
};
pub use inflate::{InflateError, Inflater};
pub use list::{Iter, List};
pub use market::{Environment, Market, Side, endpoint_url};
pub use num::{Num, NumError};
pub use owned::OwnedUpdate;
pub use reply::{ErrorClass, ErrorCode, IP_LIMITED, Operation, Refusal, Reply};
pub use spot::{
    AccountType, Balance, BalanceEvent, Balances, Candle, EntrustType, ExecType, OrderMode, OwnedBalance,
    OwnedSpotBalanceUpdate, OwnedSpotBookTicker, OwnedSpotDepth, OwnedSpotDepthUpdate, OwnedSpotKline,
    OwnedSpotOrder, OwnedSpotTicker, OwnedSpotTrade, SpotBalanceUpdate, SpotBalances, SpotBookTicker,
    SpotBookTickers, SpotDepth, SpotDepthUpdate, SpotDepthUpdates, SpotDepths, SpotFill, SpotKline,
    SpotKlines, SpotOrder, SpotOrderKind, SpotOrderState, SpotOrders, SpotSide, SpotTicker, SpotTickers,
    SpotTrade, SpotTrades,
};
pub use symbol::{Symbol, SymbolError};
pub use time::{TimeMs, Timestamp};
pub use topic::{FilterProblem, Topic, TopicError};
pub use update::{RawPush, Update};

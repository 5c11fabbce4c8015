//! BitMart's WebSocket protocol: topics, requests, and messages decoded where they lie.
//!
//! This crate knows what the exchange says and how to say something to it, for the spot market and for futures
//! version 2, and nothing else: no sockets, no clock, no runtime. Take it alone to decode a capture, to feed an
//! event loop of your own, or to test against recorded messages; `bitmart-session` and `bitmart-ws` build a
//! connection on it.
//!
//! A captured line, decoded:
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
//! [`SpotOrders`] or [`BookSide`]: `Copy`, with `len`, `get` and `iter`, and unable to fail.
//!
//! The other direction is [`Topic`] and [`Dialect`]: what can be subscribed to, and how each market is asked.
//!
//! # What comes out
//!
//! | topics | [`Update`] | an item |
//! |---|---|---|
//! | `spot/user/order`, `spot/user/orders` | `SpotOrders` | [`SpotOrder`] |
//! | `spot/user/balance` | `SpotBalances` | [`SpotBalanceUpdate`] |
//! | `spot/ticker` | `SpotTickers` | [`SpotTicker`] |
//! | `spot/bookTicker` | `SpotBookTickers` | [`SpotBookTicker`] |
//! | `spot/kline…` | `SpotKlines` | [`SpotKline`] |
//! | `spot/depth5`, `20`, `50` | `SpotDepths` | [`SpotDepth`] |
//! | `spot/depth/increase100` | `SpotDepthUpdates` | [`SpotDepthUpdate`] |
//! | `spot/trade` | `SpotTrades` | [`SpotTrade`] |
//! | `futures/order` | `FuturesOrders` | [`FuturesOrder`] |
//! | `futures/position` | `FuturesPositions` | [`FuturesPosition`] |
//! | `futures/asset` | `FuturesAssets` | [`FuturesAsset`] |
//! | `futures/ticker` | `FuturesTickers` | [`FuturesTicker`] |
//! | `futures/bookticker` | `FuturesBookTickers` | [`FuturesBookTicker`] |
//! | `futures/fundingRate` | `FuturesFundingRates` | [`FuturesFundingRate`] |
//! | `futures/depth5`, `20`, `50` | `FuturesDepthSides` | [`FuturesDepthSide`] |
//! | `futures/depthAll…`, `futures/v2/depthAll…` | `FuturesDepths` | [`FuturesDepth`] |
//! | `futures/depthIncrease…`, `futures/v2/depthIncrease…` | `FuturesDepthUpdates` | [`FuturesDepthUpdate`] |
//! | `futures/trade` | `FuturesTrades` | [`FuturesTrade`] |
//! | `futures/klineBin…` | `FuturesKlines` | [`FuturesKline`] |
//! | `futures/markPriceKlineBin…` | `FuturesMarkPriceKlines` | [`FuturesKline`] |
//! | any other | [`Update::Raw`] | the text, checked to be JSON |
//!
//! Most items know how to be read: whether an order [is open](SpotOrder::is_open) or
//! [was filled](FuturesOrder::is_filled), [the fill](SpotOrder::fill) in a push, [the taker](FuturesTrade::taker) of a
//! trade, when a candle [really began](FuturesKline::open_time), what a push is to a
//! [book in updates](SpotDepthUpdate::step).
//!
//! Keeping a book by its updates:
//!
//! ```
//! use std::collections::BTreeMap;
//! use bitmart_proto::{BookStep, Decoder, Update};
//!
//! let lines: [&[u8]; 2] = [
//!     br#"{"data":[{"asks":[["7.5","3"],["7.6","1"]],"bids":[],"ms_t":1,"symbol":"X_USDT","type":"snapshot","version":8}],"table":"spot/depth/increase100"}"#,
//!     br#"{"data":[{"asks":[["7.5","0"]],"bids":[],"ms_t":2,"symbol":"X_USDT","type":"update","version":9}],"table":"spot/depth/increase100"}"#,
//! ];
//! let (mut decoder, mut asks, mut version) = (Decoder::new(), BTreeMap::new(), None);
//! for line in lines {
//!     let Update::SpotDepthUpdates { updates, .. } = decoder.decode(line)? else { continue };
//!     for update in updates {
//!         match update.step(version) {
//!             BookStep::Replace => asks.clear(),
//!             BookStep::Apply => {}
//!             BookStep::Discard => continue,
//!             BookStep::Gap => break, // ask for a snapshot
//!         }
//!         version = Some(update.version);
//!         for level in update.asks {
//!             let ticks = level.price.to_scaled(2)?;
//!             if level.is_removed() {
//!                 asks.remove(&ticks);
//!             } else {
//!                 asks.insert(ticks, level.size.to_scaled(8)?);
//!             }
//!         }
//!     }
//! }
//! assert_eq!(asks.into_iter().collect::<Vec<_>>(), [(760, 100_000_000)]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What holds for every value
//!
//! - The exchange's own text is kept. Prices and sizes are [`Num`], exact until you convert them. A word or a code
//!   that isn't on our list is still there: enums have an `Unknown` variant that holds it, codes are newtypes over
//!   integers.
//! - Times are [`TimeMs`], whether the wire has seconds or milliseconds, numbers or texts. Only futures trades have a
//!   [`Timestamp`], which is finer.
//! - What the exchange writes for "none", be it `""`, `"-"`, `null`, nothing at all, or a time of zero, is `None`.
//! - Field names are Rust's where the wire's would mislead, and the documentation of each field names the wire's.
//! - No bytes panic, hang or exhaust memory: every bound is a constant in [`limits`]. A message that can't be decoded
//!   is one [`DecodeError`] that says what, where and why; the next one decodes.
//!
//! # To keep
//!
//! What a decoder lends is gone with the next message. Every item has a `to_owned`, such as
//! [`SpotOrder::to_owned`], and so has an [`Update`]: the owned form borrows from nothing and gives the same view
//! again. Its texts lie in one allocation, and each kind of list inside in another.
//!
//! # Two ways, one result
//!
//! The exchange writes each kind of message in a stable order of keys, without white space or escapes. [`Decoder`] reads
//! such a message straight off its bytes, sixteen at a time, without a general JSON parser; keys in another order
//! cost nanoseconds. Whatever else surprises it goes to the general way: a tape by `simd-json`, read by the same
//! declarations. On every input both ways yield the same, or the first leaves it to the second; tests and fuzzing hold
//! them together, and beside a plain model by `serde_json`. `docs/BENCHMARKS.md` has the figures, and `docs/PROTOCOL.md`
//! what we make of JSON that readers disagree about.
//!
//! # Features
//!
//! None is on by default, and none changes what the others do.
//!
//! - `serde`: `serde::Serialize` for every message, borrowed and owned. Decimals stay texts, exactly as they came.
//! - `rust_decimal`: `Num::to_decimal`, exact or an error.
//!
//! # Modules
//!
//! | module | its job |
//! |---|---|
//! | `topic`, `channel`, `symbol`, `market` | what can be subscribed to, and where |
//! | `dialect` | writing requests in each market's way |
//! | `inflate` | unpacking binary frames |
//! | `class`, `scan` | telling pushes, replies and pongs apart |
//! | `decode` | the decoder; `decode::record` declares messages, `decode::fields` and `decode::lists` what is in them |
//! | `decode::cursor`, `decode::lanes`, `decode::keys` | the predicted way |
//! | `decode::tape` | the general way |
//! | `spot`, `futures`, `book` | the messages of each market, and how to read their states |
//! | `update`, `list`, `owned`, `reply` | what decoding yields |
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

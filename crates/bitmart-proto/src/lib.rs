//! BitMart's WebSocket protocol.

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
mod reply;
mod scan;
mod spot;
mod symbol;
mod time;
mod topic;
mod update;
mod wire;

pub use channel::{Channel, Interval, Levels, Speed};
pub use class::{Class, PushHead, classify};
pub use decode::{DecodeError, DecodeErrorKind, Decoder};
pub use dialect::Dialect;
pub use futures::{
    FuturesAsset, FuturesAssets, FuturesFill, FuturesOrder, FuturesOrderKind, FuturesOrderState,
    FuturesOrders, FuturesPosition, FuturesPositions, FuturesSide, OpenType, OrderAction, PositionMode,
    PositionSide, PriceType,
};
pub use inflate::{InflateError, Inflater};
pub use list::{Iter, List};
pub use market::{Environment, Market, Side, endpoint_url};
pub use num::{Num, NumError};
pub use reply::{ErrorClass, ErrorCode, Operation, Refusal, Reply};
pub use spot::{
    AccountType, Balance, BalanceEvent, Balances, EntrustType, ExecType, OrderMode, SpotBalanceUpdate,
    SpotBalances, SpotFill, SpotOrder, SpotOrderKind, SpotOrderState, SpotOrders, SpotSide,
};
pub use symbol::{Symbol, SymbolError};
pub use time::TimeMs;
pub use topic::{FilterProblem, Topic, TopicError};
pub use update::{RawPush, Update};

//! The messages of the spot market.

mod account;
mod market;

pub use account::{
    AccountType, Balance, BalanceEvent, Balances, EntrustType, ExecType, OrderMode, OwnedBalance,
    OwnedSpotBalanceUpdate, OwnedSpotOrder, SpotBalanceUpdate, SpotBalances, SpotFill, SpotOrder,
    SpotOrderKind, SpotOrderState, SpotOrders, SpotSide,
};
pub(crate) use account::{RawBalance, RawSpotBalanceUpdate, RawSpotOrder};
pub use market::{
    Candle, OwnedSpotBookTicker, OwnedSpotDepth, OwnedSpotDepthUpdate, OwnedSpotKline, OwnedSpotTicker,
    OwnedSpotTrade, SpotBookTicker, SpotBookTickers, SpotDepth, SpotDepthUpdate, SpotDepthUpdates,
    SpotDepths, SpotKline, SpotKlines, SpotTicker, SpotTickers, SpotTrade, SpotTrades,
};
pub(crate) use market::{
    RawSpotBookTicker, RawSpotDepth, RawSpotDepthUpdate, RawSpotKline, RawSpotTicker, RawSpotTrade,
};

//! The messages of the futures market.

mod account;
mod market;

pub use account::{
    FuturesAsset, FuturesAssets, FuturesFill, FuturesOrder, FuturesOrderKind, FuturesOrderState,
    FuturesOrders, FuturesPosition, FuturesPositions, FuturesSide, OpenType, OrderAction, OwnedFuturesAsset,
    OwnedFuturesFill, OwnedFuturesOrder, OwnedFuturesPosition, PositionMode, PositionSide, PriceType,
};
pub(crate) use account::{RawFuturesAsset, RawFuturesOrder, RawFuturesPosition};
pub use market::{
    BookWay, FuturesBookTicker, FuturesBookTickers, FuturesDepth, FuturesDepthSide, FuturesDepthSides,
    FuturesDepthUpdate, FuturesDepthUpdates, FuturesDepths, FuturesFundingRate, FuturesFundingRates,
    FuturesKline, FuturesKlines, FuturesTicker, FuturesTickers, FuturesTrade, FuturesTrades,
    OwnedFuturesBookTicker, OwnedFuturesDepth, OwnedFuturesDepthSide, OwnedFuturesDepthUpdate,
    OwnedFuturesFundingRate, OwnedFuturesKline, OwnedFuturesTicker, OwnedFuturesTrade, Taker, TradeWay,
};
pub(crate) use market::{
    RawFuturesBookTicker, RawFuturesDepth, RawFuturesDepthSide, RawFuturesDepthUpdate, RawFuturesFundingRate,
    RawFuturesKline, RawFuturesTicker, RawFuturesTrade,
};

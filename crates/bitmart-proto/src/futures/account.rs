//! Private messages of the futures market.

use std::cmp::Ordering;

use simd_json::{Node, StaticNode};

use crate::decode::cursor::Cursor;
use crate::decode::fields::{
    Code, Decimal, Id, Nested, OptionalDecimal, OptionalText, OptionalTime, OptionalWord, Text,
};
use crate::decode::lists::Element;
use crate::decode::record::{Field, Lists, Problem, Source, Span, Store, record};
use crate::decode::tape::Reader;
use crate::list::list;
use crate::wire::{wire_codes, wire_words};
use crate::{Num, TimeMs};

wire_codes! {
    /// What happened to an order. This is the event, not the state: after [`MATCH`](Self::MATCH) an order may be
    /// finished or not (`docs/PROTOCOL.md`, *Futures orders*).
    pub struct OrderAction {
        /// 1: matched.
        MATCH = 1, "match";
        /// 2: submitted.
        SUBMIT = 2, "submit";
        /// 3: canceled.
        CANCEL = 3, "cancel";
        /// 4: canceled by a liquidation.
        LIQUIDATION_CANCEL = 4, "canceled by liquidation";
        /// 5: canceled by auto-deleveraging.
        ADL_CANCEL = 5, "canceled by ADL";
        /// 6: partial liquidation.
        PARTIAL_LIQUIDATION = 6, "partial liquidation";
        /// 7: bankruptcy.
        BANKRUPTCY = 7, "bankruptcy";
        /// 8: matched as the passive side of auto-deleveraging.
        PASSIVE_ADL = 8, "passive ADL match";
        /// 9: matched as the active side of auto-deleveraging.
        ACTIVE_ADL = 9, "active ADL match";
    }
}

wire_codes! {
    /// Where an order stands. How a finished order ended is told by its sizes: see
    /// [`FuturesOrder::is_filled`].
    pub struct FuturesOrderState {
        /// 1: waits for approval.
        APPROVAL = 1, "waiting for approval";
        /// 2: live.
        LIVE = 2, "live";
        /// 4: finished, filled or canceled.
        FINISHED = 4, "finished";
    }
}

wire_codes! {
    /// Which way an order trades, and whether it opens or closes.
    ///
    /// In one-way mode the closing sides mean "reduce only".
    pub struct FuturesSide {
        /// 1: buy, opening a long position.
        BUY_OPEN_LONG = 1, "buy, open long";
        /// 2: buy, closing a short position.
        BUY_CLOSE_SHORT = 2, "buy, close short";
        /// 3: sell, closing a long position.
        SELL_CLOSE_LONG = 3, "sell, close long";
        /// 4: sell, opening a short position.
        SELL_OPEN_SHORT = 4, "sell, open short";
    }
}

impl FuturesSide {
    /// Whether the order buys.
    #[must_use]
    pub fn is_buy(self) -> bool {
        matches!(self, Self::BUY_OPEN_LONG | Self::BUY_CLOSE_SHORT)
    }

    /// Whether the order sells.
    #[must_use]
    pub fn is_sell(self) -> bool {
        matches!(self, Self::SELL_CLOSE_LONG | Self::SELL_OPEN_SHORT)
    }

    /// Whether the order can only shrink a position: it closes in hedge mode, or is reduce-only in one-way mode.
    #[must_use]
    pub fn is_reducing(self) -> bool {
        matches!(self, Self::BUY_CLOSE_SHORT | Self::SELL_CLOSE_LONG)
    }
}

wire_codes! {
    /// Which side of the market a position is on.
    pub struct PositionSide {
        /// 1: long.
        LONG = 1, "long";
        /// 2: short.
        SHORT = 2, "short";
    }
}

wire_words! {
    /// What makes an order trade. The last ones are known from the REST API or from liquidations.
    pub enum FuturesOrderKind {
        /// `limit`
        Limit = "limit",
        /// `market`
        Market = "market",
        /// `plan_order`: waits for its trigger price.
        Plan = "plan_order" | "planorder",
        /// `trailing_order`: follows the market.
        Trailing = "trailing_order" | "trailing",
        /// `take_profit`
        TakeProfit = "take_profit",
        /// `stop_loss`
        StopLoss = "stop_loss",
        /// `liquidate`
        Liquidate = "liquidate",
        /// `bankruptcy`
        Bankruptcy = "bankruptcy",
        /// `adl`: auto-deleveraging.
        Adl = "adl",
    }
}

wire_words! {
    /// Whether an account holds one position per contract or one per side.
    pub enum PositionMode {
        /// `hedge_mode`
        Hedge = "hedge_mode",
        /// `one_way_mode`
        OneWay = "one_way_mode",
    }
}

wire_words! {
    /// Which price a trigger watches.
    pub enum PriceType {
        /// `last_price`
        Last = "last_price",
        /// `fair_price`
        Fair = "fair_price",
    }
}

/// How a position's margin is kept. Orders say it in words, positions in numbers; either is read in either place
/// (`docs/PROTOCOL.md`, *Quirks*).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OpenType<'a> {
    /// `isolated`, 1
    Isolated,
    /// `cross`, 2
    Cross,
    /// A word we don't know.
    Unknown(&'a str),
    /// A number we don't know.
    UnknownCode(i64),
}

impl std::fmt::Display for OpenType<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Isolated => f.pad("isolated"),
            Self::Cross => f.pad("cross"),
            Self::Unknown(word) => f.pad(word),
            Self::UnknownCode(code) => std::fmt::Display::fmt(code, f),
        }
    }
}

/// An [`OpenType`], as a word or a number; may be missing.
enum OptionalOpenType {}

/// An [`OpenType`] as the decoder keeps it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum RawOpenType {
    Absent,
    Isolated,
    Cross,
    Word(Span),
    Code(i64),
}

impl Field for OptionalOpenType {
    type Raw = RawOpenType;
    type View<'a> = Option<OpenType<'a>>;
    const ABSENT: RawOpenType = RawOpenType::Absent;
    const IS_REQUIRED: bool = false;

    fn read(node: usize, reader: &mut Reader<'_, '_>) -> Result<RawOpenType, Problem> {
        match (reader.node(node), reader.signed(node)) {
            (_, Some(1)) => Ok(RawOpenType::Isolated),
            (_, Some(2)) => Ok(RawOpenType::Cross),
            (Some(Node::Static(StaticNode::I64(_) | StaticNode::U64(_))), Some(code)) => {
                Ok(RawOpenType::Code(code))
            }
            (Some(Node::String(word)), _) => Ok(match word {
                "" | "-" => RawOpenType::Absent,
                _ if word.eq_ignore_ascii_case("isolated") => RawOpenType::Isolated,
                _ if word.eq_ignore_ascii_case("cross") => RawOpenType::Cross,
                _ => RawOpenType::Word(reader.span(word)),
            }),
            _ => Err(Problem::Expected("a word or an integer")),
        }
    }

    #[inline(always)]
    fn scan(cursor: &mut Cursor<'_>, _: &mut Lists, raw: &mut RawOpenType) -> Option<()> {
        *raw = if cursor.eat(b"1") || cursor.eat(b"\"isolated\"") {
            RawOpenType::Isolated
        } else if cursor.eat(b"2") || cursor.eat(b"\"cross\"") {
            RawOpenType::Cross
        } else {
            return None;
        };
        Some(())
    }

    #[inline]
    fn view(raw: RawOpenType, source: Source<'_>) -> Option<OpenType<'_>> {
        match raw {
            RawOpenType::Absent => None,
            RawOpenType::Isolated => Some(OpenType::Isolated),
            RawOpenType::Cross => Some(OpenType::Cross),
            RawOpenType::Word(span) => Some(OpenType::Unknown(source.text(span))),
            RawOpenType::Code(code) => Some(OpenType::UnknownCode(code)),
        }
    }

    fn store(view: Option<OpenType<'_>>, store: &mut Store) -> RawOpenType {
        match view {
            None => RawOpenType::Absent,
            Some(OpenType::Isolated) => RawOpenType::Isolated,
            Some(OpenType::Cross) => RawOpenType::Cross,
            Some(OpenType::Unknown(word)) => RawOpenType::Word(store.span(word)),
            Some(OpenType::UnknownCode(code)) => RawOpenType::Code(code),
        }
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for OpenType<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Isolated => serializer.serialize_str("isolated"),
            Self::Cross => serializer.serialize_str("cross"),
            Self::Unknown(word) => serializer.serialize_str(word),
            Self::UnknownCode(code) => serializer.serialize_i64(*code),
        }
    }
}

record! {
    /// The latest fill of a futures order. Later pushes of the same order repeat it: count an id once.
    pub struct FuturesFill<'a>: RawFuturesFill, OwnedFuturesFill, "futures fill" {
        /// `lastTradeID`
        trade_id: u64 = Id["lastTradeID"],
        /// `fillQty`: the size, in contracts.
        size: Option<Num<'a>> = OptionalDecimal["fillQty"],
        /// `fillPrice`
        price: Option<Num<'a>> = OptionalDecimal["fillPrice"],
        /// The fee; negative means paid.
        fee: Option<Num<'a>> = OptionalDecimal["fee"],
        /// `feeCcy`: the fee's currency.
        fee_currency: Option<&'a str> = OptionalText["feeCcy"],
    }
}

record! {
    /// One order of the futures market, as it is after an event.
    ///
    /// The wire puts all but [`action`](Self::action) into an inner object. Sizes are in contracts, times in
    /// milliseconds; `None` also stands for the `"-"` and `""` that the exchange writes for "none"
    /// (`docs/PROTOCOL.md`, *Futures orders*).
    pub struct FuturesOrder<'a>: RawFuturesOrder, OwnedFuturesOrder, "futures order" {
        /// What happened. Not the state: that is [`state`](Self::state).
        action: OrderAction = Code<OrderAction>["action"],
        => "order" {
            /// The exchange's id of the order.
            order_id: &'a str = Text["order_id"],
            /// The id that the caller gave the order.
            client_order_id: Option<&'a str> = OptionalText["client_order_id"],
            /// The price; zero for a market order.
            price: Option<Num<'a>> = OptionalDecimal["price"],
            /// The size, in contracts.
            size: Num<'a> = Decimal["size"],
            /// The symbol, such as `BTCUSDT`. One message may hold several.
            symbol: &'a str = Text["symbol"],
            /// Where the order stands.
            state: FuturesOrderState = Code<FuturesOrderState>["state"],
            /// Which way it trades.
            side: FuturesSide = Code<FuturesSide>["side"],
            /// `type` on the wire.
            kind: Option<FuturesOrderKind<'a>> = OptionalWord<FuturesOrderKind<'static>>["type"],
            /// The leverage.
            leverage: Option<Num<'a>> = OptionalDecimal["leverage"],
            /// Isolated or cross margin.
            open_type: Option<OpenType<'a>> = OptionalOpenType["open_type"],
            /// The average price of all fills; zero before the first.
            deal_avg_price: Option<Num<'a>> = OptionalDecimal["deal_avg_price"],
            /// Filled so far, in contracts.
            deal_size: Num<'a> = Decimal["deal_size"],
            /// When the order was created.
            create_time: Option<TimeMs> = OptionalTime["create_time"],
            /// When the order last changed; may be some milliseconds before [`create_time`](Self::create_time).
            update_time: Option<TimeMs> = OptionalTime["update_time"],
            /// The id of the plan order that made this one.
            plan_order_id: Option<&'a str> = OptionalText["plan_order_id"],
            /// The latest fill. Later pushes repeat it, and it may be missing.
            last_trade: Option<FuturesFill<'a>> = Nested<RawFuturesFill>["last_trade"],
            /// The price that triggers a plan order.
            trigger_price: Option<Num<'a>> = OptionalDecimal["trigger_price"],
            /// Which price the trigger watches.
            trigger_price_type: Option<PriceType<'a>> = OptionalWord<PriceType<'static>>["trigger_price_type"],
            /// The price of the order that a trigger places. May be the words `Market price`: see
            /// [`executes_at_market`](Self::executes_at_market).
            execution_price: Option<Num<'a>> = OptionalDecimal["execution_price"],
            /// Which price activates a trailing order.
            activation_price_type: Option<PriceType<'a>> = OptionalWord<PriceType<'static>>["activation_price_type"],
            /// The price that activates a trailing order.
            activation_price: Option<Num<'a>> = OptionalDecimal["activation_price"],
            /// How far a trailing order follows; in percent, it seems.
            callback_rate: Option<Num<'a>> = OptionalDecimal["callback_rate"],
            /// Hedge or one-way; on messages since 2025-04-10.
            position_mode: Option<PositionMode<'a>> = OptionalWord<PositionMode<'static>>["position_mode"],
        }
    }
}

impl FuturesOrder<'_> {
    /// Whether the order can still be filled: it is live or waits for approval.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self.state, FuturesOrderState::LIVE | FuturesOrderState::APPROVAL)
    }

    /// Whether nothing more happens to the order.
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        self.state == FuturesOrderState::FINISHED
    }

    /// Whether the order is live with a part filled.
    #[must_use]
    pub fn is_partly_filled(&self) -> bool {
        self.state == FuturesOrderState::LIVE && !self.deal_size.is_zero()
    }

    /// Whether the order is finished and wholly filled. The wire has one state for filled and canceled, so the
    /// sizes decide (`docs/PROTOCOL.md`, *Quirks*).
    #[must_use]
    pub fn is_filled(&self) -> bool {
        self.is_terminal()
            && !self.deal_size.is_zero()
            && self.deal_size.cmp_value(self.size) >= Some(Ordering::Equal)
    }

    /// Whether the order is finished without being wholly filled.
    #[must_use]
    pub fn is_canceled(&self) -> bool {
        self.is_terminal() && !self.is_filled()
    }

    /// Whether the order was canceled after a part was filled.
    #[must_use]
    pub fn is_partly_canceled(&self) -> bool {
        self.is_canceled() && !self.deal_size.is_zero()
    }

    /// Whether a trigger places a market order: the price then is the words `Market price`.
    #[must_use]
    pub fn executes_at_market(&self) -> bool {
        self.execution_price
            .is_some_and(|price| price.as_str().eq_ignore_ascii_case("Market price"))
    }
}

list! {
    /// The orders of one message of `futures/order`.
    pub struct FuturesOrders<'a>: FuturesOrder, RawFuturesOrder
}

record! {
    /// One position, as it is after a change, or at one of the pushes that come every ten seconds.
    ///
    /// Whether a closed position is sent with a volume of zero or left out is undocumented; take neither one push
    /// without it nor a zero as an error (`docs/PROTOCOL.md`, *Futures positions*).
    pub struct FuturesPosition<'a>: RawFuturesPosition, OwnedFuturesPosition, "futures position" {
        /// The symbol, such as `BTCUSDT`.
        symbol: &'a str = Text["symbol"],
        /// Contracts held, never negative.
        hold_volume: Num<'a> = Decimal["hold_volume"],
        /// Long or short; `position_type` on the wire.
        side: PositionSide = Code<PositionSide>["position_type"],
        /// Isolated or cross margin.
        open_type: Option<OpenType<'a>> = OptionalOpenType["open_type"],
        /// Contracts held back by closing orders.
        frozen_volume: Option<Num<'a>> = OptionalDecimal["frozen_volume"],
        /// Contracts closed so far.
        close_volume: Option<Num<'a>> = OptionalDecimal["close_volume"],
        /// Average price of what is held.
        hold_avg_price: Option<Num<'a>> = OptionalDecimal["hold_avg_price"],
        /// Average price of what was closed.
        close_avg_price: Option<Num<'a>> = OptionalDecimal["close_avg_price"],
        /// Average price of what was opened.
        open_avg_price: Option<Num<'a>> = OptionalDecimal["open_avg_price"],
        /// Price at which the position is liquidated; zero if there is none.
        liquidate_price: Option<Num<'a>> = OptionalDecimal["liquidate_price"],
        /// When the position was opened.
        create_time: Option<TimeMs> = OptionalTime["create_time"],
        /// When the position last changed.
        update_time: Option<TimeMs> = OptionalTime["update_time"],
        /// Hedge or one-way; on messages since 2025-04-10.
        position_mode: Option<PositionMode<'a>> = OptionalWord<PositionMode<'static>>["position_mode"],
    }
}

list! {
    /// The positions of one message of `futures/position`.
    pub struct FuturesPositions<'a>: FuturesPosition, RawFuturesPosition
}

record! {
    /// The futures account's balance in one currency, after a change. It carries no time.
    pub struct FuturesAsset<'a>: RawFuturesAsset, OwnedFuturesAsset, "futures asset" {
        /// The currency, such as `USDT`.
        currency: &'a str = Text["currency"],
        /// Free to use.
        available_balance: Num<'a> = Decimal["available_balance"],
        /// Margin held by positions.
        position_deposit: Option<Num<'a>> = OptionalDecimal["position_deposit"],
        /// Margin held by open orders.
        frozen_balance: Option<Num<'a>> = OptionalDecimal["frozen_balance"],
    }
}

list! {
    /// The balances of one message of `futures/asset`. The exchange sends one at a time.
    pub struct FuturesAssets<'a>: FuturesAsset, RawFuturesAsset
}

impl Element for RawFuturesOrder {}

impl Element for RawFuturesPosition {}

impl Element for RawFuturesAsset {}

//! Private messages of the spot market.

use crate::decode::fields::{
    Decimal, OptionalDecimal, OptionalText, OptionalTime, OptionalWord, Text, TrimmedWord,
};
use crate::decode::lists::{Element, ListOf, Listed};
use crate::decode::record::{Lists, Source, record};
use crate::list::list;
use crate::serialize::serialize_fields;
use crate::wire::wire_words;
use crate::{Num, TimeMs};

wire_words! {
    /// Whether an order buys or sells.
    pub enum SpotSide {
        /// `buy`
        Buy = "buy",
        /// `sell`
        Sell = "sell",
    }
}

wire_words! {
    /// How an order names its price. Orders placed as post-only or IOC still say `limit` here and tell the
    /// difference in [`EntrustType`].
    pub enum SpotOrderKind {
        /// `limit`
        Limit = "limit",
        /// `market`
        Market = "market",
        /// `limit_maker`, known from order entry.
        LimitMaker = "limit_maker",
        /// `ioc`, known from order entry.
        ImmediateOrCancel = "ioc",
    }
}

wire_words! {
    /// Where an order stands.
    pub enum SpotOrderState {
        /// `new`: accepted, nothing filled.
        New = "new",
        /// `partially_filled`
        PartiallyFilled = "partially_filled",
        /// `filled`
        Filled = "filled",
        /// `canceled`: canceled with nothing filled.
        Canceled = "canceled",
        /// `partially_canceled`: canceled after fills.
        PartiallyCanceled = "partially_canceled",
        /// `failed`: known from the REST API, tolerated here.
        Failed = "failed",
    }
}

impl<'a> SpotOrderState<'a> {
    /// Reads the number that stood for a state before 2024-02-29; a number we don't know is kept as
    /// [`Unknown`](Self::Unknown).
    ///
    /// The REST API has other numbers.
    #[must_use]
    pub fn from_legacy(number: &'a str) -> Self {
        match number {
            "4" => Self::New,
            "5" => Self::PartiallyFilled,
            "6" => Self::Filled,
            "8" => Self::Canceled,
            "12" => Self::PartiallyCanceled,
            _ => Self::Unknown(number),
        }
    }

    /// Whether an order in this state can still be filled. `false` for an unknown state.
    #[must_use]
    pub fn is_open(self) -> bool {
        matches!(self, Self::New | Self::PartiallyFilled)
    }

    /// Whether nothing more happens to an order in this state. `false` for an unknown state.
    #[must_use]
    pub fn is_terminal(self) -> bool {
        matches!(
            self,
            Self::Filled | Self::Canceled | Self::PartiallyCanceled | Self::Failed
        )
    }
}

wire_words! {
    /// Whether a fill added to the book or took from it.
    pub enum ExecType {
        /// `M`
        Maker = "M" | "maker",
        /// `T`
        Taker = "T" | "taker",
    }
}

wire_words! {
    /// How long an order waits, and whether it may take.
    pub enum EntrustType {
        /// `NORMAL`
        Normal = "NORMAL",
        /// `LIMIT_MAKER`: post-only.
        LimitMaker = "LIMIT_MAKER",
        /// `IOC`: immediate or cancel.
        ImmediateOrCancel = "IOC",
    }
}

wire_words! {
    /// The account that an order trades from. `0` was seen in an example and is kept as unknown.
    pub enum OrderMode {
        /// `spot`
        Spot = "spot",
        /// `iso_margin`: isolated margin.
        IsolatedMargin = "iso_margin",
    }
}

record! {
    /// One order of the spot market, as it is after a change.
    ///
    /// Only what identifies an order is always there. The other fields came to the wire one by one, and some are
    /// announced to go (`docs/PROTOCOL.md`, *Spot orders*); `None` also stands for the `""` that the exchange writes
    /// for "none". Amounts are in coins, times in milliseconds.
    pub struct SpotOrder<'a>: RawSpotOrder, OwnedSpotOrder, "spot order" {
        /// The symbol, such as `BTC_USDT`. One message may hold several.
        symbol: &'a str = Text["symbol"],
        /// Buy or sell.
        side: Option<SpotSide<'a>> = OptionalWord<SpotSide<'static>>["side"],
        /// `type` on the wire.
        kind: Option<SpotOrderKind<'a>> = OptionalWord<SpotOrderKind<'static>>["type"],
        /// The quote amount of a market buy.
        notional: Option<Num<'a>> = OptionalDecimal["notional"],
        /// The size in base coins; zero for a market buy by amount.
        size: Option<Num<'a>> = OptionalDecimal["size"],
        /// `ms_t`: when the order was created; older than [`create_time`](Self::create_time) and equal to it.
        ms_t: Option<TimeMs> = OptionalTime["ms_t"],
        /// The price; zero for a market order.
        price: Option<Num<'a>> = OptionalDecimal["price"],
        /// Filled so far, in quote coins.
        filled_notional: Option<Num<'a>> = OptionalDecimal["filled_notional"],
        /// Filled so far, in base coins.
        filled_size: Option<Num<'a>> = OptionalDecimal["filled_size"],
        /// Legacy: `0` for spot. See [`order_mode`](Self::order_mode).
        margin_trading: Option<&'a str> = OptionalText["margin_trading"],
        /// `state`: the legacy number. See [`state`](Self::state), the method.
        legacy_state: Option<&'a str> = OptionalText["state"],
        /// The exchange's id of the order: up to 19 digits, kept as text.
        order_id: &'a str = Text["order_id"],
        /// `order_type`: the legacy number, 0 normal, 1 post-only, 2 fill-or-kill, 3 IOC.
        legacy_order_type: Option<&'a str> = OptionalText["order_type"],
        /// When the latest fill was; `None` before the first.
        last_fill_time: Option<TimeMs> = OptionalTime["last_fill_time"],
        /// Price of the latest fill; zero before the first. See [`fill`](Self::fill).
        last_fill_price: Option<Num<'a>> = OptionalDecimal["last_fill_price"],
        /// `last_fill_count`: size of the latest fill in base coins; zero before the first.
        last_fill_size: Option<Num<'a>> = OptionalDecimal["last_fill_count"],
        /// Maker or taker, of the latest fill.
        exec_type: Option<ExecType<'a>> = OptionalWord<ExecType<'static>>["exec_type"],
        /// The id of the latest fill; `None` before the first.
        detail_id: Option<&'a str> = OptionalText["detail_id"],
        /// The id that the caller gave the order.
        client_order_id: Option<&'a str> = OptionalText["client_order_id"],
        /// When the order was created.
        create_time: Option<TimeMs> = OptionalTime["create_time"],
        /// When the order last changed.
        update_time: Option<TimeMs> = OptionalTime["update_time"],
        /// Spot or margin.
        order_mode: Option<OrderMode<'a>> = OptionalWord<OrderMode<'static>>["order_mode"],
        /// Normal, post-only or IOC.
        entrust_type: Option<EntrustType<'a>> = OptionalWord<EntrustType<'static>>["entrust_type"],
        /// The state in words; missing on old messages. See [`state`](Self::state), the method.
        order_state: Option<SpotOrderState<'a>> = OptionalWord<SpotOrderState<'static>>["order_state"],
        /// `dealFee`: the fee. Whether of the latest fill or of all is not documented.
        fee: Option<Num<'a>> = OptionalDecimal["dealFee", "deal_fee"],
        /// `deal_fee_coin_name`: the coin of the fee.
        fee_currency: Option<&'a str> = OptionalText["deal_fee_coin_name"],
    }
}

/// The latest fill of a [`SpotOrder`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SpotFill<'a> {
    /// The fill's id. A push may repeat the latest fill: count an id once.
    pub detail_id: &'a str,
    /// The price.
    pub price: Option<Num<'a>>,
    /// The size in base coins.
    pub size: Option<Num<'a>>,
    /// When it happened.
    pub time: Option<TimeMs>,
    /// Maker or taker.
    pub exec_type: Option<ExecType<'a>>,
}

serialize_fields! { SpotFill { detail_id, price, size, time, exec_type } }

impl<'a> SpotOrder<'a> {
    /// Where the order stands: by `order_state`, or by the legacy number where that is all there is. `None` if the
    /// message has neither.
    #[must_use]
    pub fn state(&self) -> Option<SpotOrderState<'a>> {
        self.order_state
            .or_else(|| self.legacy_state.map(SpotOrderState::from_legacy))
    }

    /// Whether the order can still be filled. `false` if its state is unknown.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.state().is_some_and(SpotOrderState::is_open)
    }

    /// Whether nothing more happens to the order. `false` if its state is unknown.
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        self.state().is_some_and(SpotOrderState::is_terminal)
    }

    /// Whether the order is wholly filled.
    #[must_use]
    pub fn is_filled(&self) -> bool {
        self.state() == Some(SpotOrderState::Filled)
    }

    /// Whether the order waits with a part filled.
    #[must_use]
    pub fn is_partly_filled(&self) -> bool {
        self.state() == Some(SpotOrderState::PartiallyFilled)
    }

    /// Whether the order was canceled, after fills or without.
    #[must_use]
    pub fn is_canceled(&self) -> bool {
        matches!(
            self.state(),
            Some(SpotOrderState::Canceled | SpotOrderState::PartiallyCanceled)
        )
    }

    /// Whether the order was canceled after a part was filled.
    #[must_use]
    pub fn is_partly_canceled(&self) -> bool {
        self.state() == Some(SpotOrderState::PartiallyCanceled)
    }

    /// The latest fill, if the message names one by its id.
    #[must_use]
    pub fn fill(&self) -> Option<SpotFill<'a>> {
        Some(SpotFill {
            detail_id: self.detail_id?,
            price: self.last_fill_price,
            size: self.last_fill_size,
            time: self.last_fill_time,
            exec_type: self.exec_type,
        })
    }
}

list! {
    /// The orders of one message of `spot/user/order` or `spot/user/orders`. There may be none: the exchange
    /// may greet a subscription with an empty message.
    pub struct SpotOrders<'a>: SpotOrder, RawSpotOrder
}

wire_words! {
    /// What changed a balance.
    pub enum BalanceEvent {
        /// `TRANSACTION_COMPLETED`: a trade.
        Trade = "TRANSACTION_COMPLETED",
        /// `ACCOUNT_RECHARGE`: a deposit.
        Deposit = "ACCOUNT_RECHARGE",
        /// `ACCOUNT_WITHDRAWAL`
        Withdrawal = "ACCOUNT_WITHDRAWAL",
        /// `ACCOUNT_TRANSFER`: between the owner's accounts.
        Transfer = "ACCOUNT_TRANSFER",
        /// `BMX_DEDUCTION`: a fee paid in BMX.
        BmxDeduction = "BMX_DEDUCTION",
    }
}

wire_words! {
    /// Who holds the account.
    pub enum AccountType {
        /// `BITMART`
        BitMart = "BITMART",
        /// `COPPER`
        Copper = "COPPER",
        /// `COBO`
        Cobo = "COBO",
    }
}

record! {
    /// A coin's balance after a change.
    pub struct Balance<'a>: RawBalance, OwnedBalance, "spot balance" {
        /// `ccy`: the coin.
        currency: &'a str = Text["ccy"],
        /// `av_bal`: free to use; up to 30 decimals.
        available: Num<'a> = Decimal["av_bal"],
        /// `fz_bal`: held by open orders.
        frozen: Num<'a> = Decimal["fz_bal"],
    }
}

list! {
    /// The coins that one event changed. Coins that aren't named didn't change.
    pub struct Balances<'a>: Balance, RawBalance
}

record! {
    /// One change of the spot account's balances.
    ///
    /// No snapshot comes first, and only changed coins are named: load the wallet over REST after subscribing
    /// (`docs/PROTOCOL.md`, *Spot balances*).
    pub struct SpotBalanceUpdate<'a>: RawSpotBalanceUpdate, OwnedSpotBalanceUpdate, "spot balance update" {
        /// What happened; white space around it is cut off.
        event_type: BalanceEvent<'a> = TrimmedWord<BalanceEvent<'static>>["event_type"],
        /// When it happened.
        event_time: Option<TimeMs> = OptionalTime["event_time"],
        /// `balance_details`: the balances after it.
        details: Balances<'a> = ListOf<RawBalance>["balance_details"],
        /// Who holds the account. Known from one client alone; most messages lack it.
        account_type: Option<AccountType<'a>> = OptionalWord<AccountType<'static>>["account_type"],
    }
}

list! {
    /// The changes in one message of `spot/user/balance`.
    pub struct SpotBalances<'a>: SpotBalanceUpdate, RawSpotBalanceUpdate
}

impl Element for RawSpotOrder {}

impl Element for RawSpotBalanceUpdate {}

impl Element for RawBalance {}

impl Listed for RawBalance {
    type List<'a> = Balances<'a>;

    fn of(lists: &Lists) -> &Vec<Self> {
        &lists.balances
    }

    fn of_mut(lists: &mut Lists) -> &mut Vec<Self> {
        &mut lists.balances
    }

    fn list<'a>(source: Source<'a>, rows: &'a [Self]) -> Balances<'a> {
        Balances::new(source, rows)
    }
}

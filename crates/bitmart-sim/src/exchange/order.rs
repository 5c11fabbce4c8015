use std::fmt;

use bitmart_proto::{Environment, Market};

use super::amount::Amount;

/// Characters of the longest client order id.
const MAX_CLIENT_ORDER_ID: usize = 32;

/// What an order is to do. The first two are for spot, the others for futures in hedge mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intent {
    /// Buy the base coin.
    Buy,
    /// Sell the base coin.
    Sell,
    /// Buy to open or grow a long position.
    OpenLong,
    /// Buy to shrink a short position.
    CloseShort,
    /// Sell to shrink a long position.
    CloseLong,
    /// Sell to open or grow a short position.
    OpenShort,
}

impl Intent {
    pub(crate) fn market(self) -> Market {
        match self {
            Self::Buy | Self::Sell => Market::Spot,
            _ => Market::Futures,
        }
    }

    pub(super) fn is_buy(self) -> bool {
        matches!(self, Self::Buy | Self::OpenLong | Self::CloseShort)
    }
}

/// An order to be placed, as a trader states it.
///
/// ```
/// use bitmart_sim::exchange::{Intent, NewOrder};
///
/// let order = NewOrder::limit("BTC_USDT", Intent::Buy, "85000", "0.025").client_order_id("mine1");
/// let market = NewOrder::market("BTCUSDT", Intent::OpenLong, "100");
/// ```
#[derive(Clone, Debug)]
pub struct NewOrder {
    pub(super) symbol: String,
    pub(super) intent: Intent,
    /// `None` for a market order.
    pub(super) price: Option<String>,
    pub(super) amount: String,
    pub(super) client_order_id: String,
}

impl NewOrder {
    /// A limit order: price in the quote currency, size in coins on spot and in contracts on futures.
    #[must_use]
    pub fn limit(
        symbol: impl Into<String>,
        intent: Intent,
        price: impl Into<String>,
        size: impl Into<String>,
    ) -> Self {
        Self {
            symbol: symbol.into(),
            intent,
            price: Some(price.into()),
            amount: size.into(),
            client_order_id: String::new(),
        }
    }

    /// A market order. It isn't filled by being placed: [`fill`](super::Exchange::fill) it, or let it wait.
    ///
    /// The amount is a size, except for a spot buy: there it is what to spend, in the quote currency.
    #[must_use]
    pub fn market(symbol: impl Into<String>, intent: Intent, amount: impl Into<String>) -> Self {
        Self {
            symbol: symbol.into(),
            intent,
            price: None,
            amount: amount.into(),
            client_order_id: String::new(),
        }
    }

    /// Names the order: at most 32 ASCII letters and digits.
    #[must_use]
    pub fn client_order_id(mut self, id: impl Into<String>) -> Self {
        self.client_order_id = id.into();
        self
    }

    /// Checks the client order id; it goes into payloads as it is.
    pub(super) fn checked_client_order_id(&self) -> Result<&str, ScriptError> {
        let id = &self.client_order_id;
        if id.len() <= MAX_CLIENT_ORDER_ID && id.bytes().all(|b| b.is_ascii_alphanumeric()) {
            Ok(id)
        } else {
            Err(ScriptError::Malformed {
                text: id.chars().take(40).collect(),
            })
        }
    }
}

/// Reads a positive number that is a whole multiple of 10^−`decimals`.
pub(super) fn positive(text: &str, decimals: u32) -> Result<Amount, ScriptError> {
    let amount: Amount = text.parse()?;
    if amount.is_positive() && amount.to_scaled(decimals).is_some() {
        Ok(amount)
    } else {
        Err(ScriptError::Malformed {
            text: text.to_owned(),
        })
    }
}

/// Names an order on its exchange. `Display` shows the id as payloads have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OrderId {
    pub(crate) environment: Environment,
    pub(super) market: Market,
    /// The account's number.
    pub(super) account: usize,
    pub(super) id: u64,
}

impl fmt::Display for OrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.id.fmt(f)
    }
}

/// Why a scripted step was refused. The exchange is as it was before.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ScriptError {
    /// No account has the key.
    UnknownAccount,
    /// The symbol isn't traded here, or the intent belongs to the other market.
    UnknownSymbol {
        /// As given.
        symbol: String,
    },
    /// The order never was, or is finished.
    UnknownOrder,
    /// Not a positive number with few enough decimals, or not a client order id.
    Malformed {
        /// As given, at most 40 characters of it.
        text: String,
    },
    /// The account has too little money, or too small a position.
    Insufficient,
    /// More than is left of the order.
    ExceedsOrder,
    /// The account has as many open orders as it may.
    TooManyOrders,
}

impl fmt::Display for ScriptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownAccount => write!(f, "no account of the simulator has this key"),
            Self::UnknownSymbol { symbol } => {
                write!(f, "{symbol:?} isn't traded in this environment with this intent")
            }
            Self::UnknownOrder => write!(f, "no such order is open"),
            Self::Malformed { text } => write!(
                f,
                "{text:?} is no positive number with as many decimals as the symbol has, or no client order id"
            ),
            Self::Insufficient => write!(f, "the account's money or position is too small"),
            Self::ExceedsOrder => write!(f, "that is more than is left of the order"),
            Self::TooManyOrders => write!(f, "the account has too many open orders"),
        }
    }
}

impl std::error::Error for ScriptError {}

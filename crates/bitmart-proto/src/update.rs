use crate::topic::strip_speed;
use crate::{Channel, FuturesAssets, FuturesOrders, FuturesPositions, SpotBalances, SpotOrders, Topic};

/// A decoded push. Borrows from the message and from the decoder.
///
/// ```
/// use bitmart_proto::{Decoder, Update};
///
/// let mut decoder = Decoder::new();
/// let text = br#"{"group":"futures/asset:USDT","data":{"currency":"USDT","available_balance":"812.25"}}"#;
/// let update = decoder.decode(text)?;
/// assert_eq!(update.topic(), "futures/asset:USDT");
/// if let Update::FuturesAssets { assets, .. } = update {
///     assert_eq!(assets.get(0).unwrap().available_balance.as_str(), "812.25");
/// }
/// # Ok::<(), bitmart_proto::DecodeError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Update<'a> {
    /// Orders of the spot account.
    #[non_exhaustive]
    SpotOrders {
        /// The `table` as the exchange wrote it.
        topic: &'a str,
        /// The orders.
        orders: SpotOrders<'a>,
    },
    /// Balances of the spot account.
    #[non_exhaustive]
    SpotBalances {
        /// The `table` as the exchange wrote it.
        topic: &'a str,
        /// The changes.
        changes: SpotBalances<'a>,
    },
    /// Orders of the futures account.
    #[non_exhaustive]
    FuturesOrders {
        /// The `group` as the exchange wrote it.
        topic: &'a str,
        /// The orders.
        orders: FuturesOrders<'a>,
    },
    /// Positions of the futures account.
    #[non_exhaustive]
    FuturesPositions {
        /// The `group` as the exchange wrote it.
        topic: &'a str,
        /// The positions.
        positions: FuturesPositions<'a>,
    },
    /// Balances of the futures account.
    #[non_exhaustive]
    FuturesAssets {
        /// The `group` as the exchange wrote it.
        topic: &'a str,
        /// The balances.
        assets: FuturesAssets<'a>,
    },
    /// Anything else: valid JSON with a topic and data, not decoded further.
    Raw(RawPush<'a>),
}

/// A push that is not decoded further. That it is valid JSON was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RawPush<'a> {
    /// The `table` or `group` as the exchange wrote it.
    pub topic: &'a str,
    /// The symbol of the first item, if it names one.
    pub symbol: Option<&'a str>,
    /// The whole message.
    pub text: &'a str,
}

impl<'a> Update<'a> {
    /// The `table` (spot) or `group` (futures) as the exchange wrote it. Spot names the channel only; the symbol is
    /// in the items.
    #[must_use]
    pub fn topic(&self) -> &'a str {
        match *self {
            Self::SpotOrders { topic, .. }
            | Self::SpotBalances { topic, .. }
            | Self::FuturesOrders { topic, .. }
            | Self::FuturesPositions { topic, .. }
            | Self::FuturesAssets { topic, .. } => topic,
            Self::Raw(raw) => raw.topic,
        }
    }

    /// Whether this is what a subscription to `topic` brings, in whole or in part.
    ///
    /// Futures name the whole topic, so that is compared, apart from a speed suffix. Spot names the channel, and the
    /// symbols of the items decide; a message without items concerns every topic of its channel.
    ///
    /// ```
    /// use bitmart_proto::{Decoder, Topic};
    ///
    /// let mut decoder = Decoder::new();
    /// let update = decoder.decode(br#"{"data":[{"symbol":"BTC_USDT","order_id":"1"}],"table":"spot/user/order"}"#)?;
    /// assert!(update.concerns(&"spot/user/order:BTC_USDT".parse::<Topic>()?));
    /// assert!(!update.concerns(&"spot/user/order:ETH_USDT".parse::<Topic>()?));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn concerns(&self, topic: &Topic) -> bool {
        let named = self.topic();
        if topic.is_named_by(named) {
            return true;
        }
        let (channel, filter) = split(named);
        if filter.is_some() || channel != split(topic.as_str()).0 {
            return false;
        }
        let symbol = match topic.channel() {
            Channel::SpotUserOrders | Channel::SpotUserBalance => None,
            _ => topic.filter(),
        };
        let Some(symbol) = symbol else { return true };
        match *self {
            Self::SpotOrders { orders, .. } => {
                orders.is_empty() || orders.iter().any(|order| order.symbol == symbol)
            }
            Self::Raw(raw) => raw.symbol.is_none_or(|named| named == symbol),
            _ => true,
        }
    }
}

/// A topic's channel, and what stands behind the colon without a speed suffix.
pub(crate) fn split(topic: &str) -> (&str, Option<&str>) {
    match strip_speed(topic).split_once(':') {
        Some((channel, filter)) => (channel, Some(filter)),
        None => (strip_speed(topic), None),
    }
}

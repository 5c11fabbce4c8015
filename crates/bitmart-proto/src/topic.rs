use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::Arc;

use crate::channel::{Channel, Filter};
use crate::limits::MAX_TOPIC_BYTES;
use crate::{Market, Side, Symbol, SymbolError};

/// What one subscribes to: a [`Channel`] and, where the channel takes one, a filter.
///
/// ```
/// use bitmart_proto::{Channel, Market, Side, Topic};
///
/// let topic: Topic = "spot/user/order:BTC_USDT".parse()?;
/// assert_eq!(topic.channel(), Channel::SpotUserOrder);
/// assert_eq!(topic.filter(), Some("BTC_USDT"));
/// assert_eq!((topic.market(), topic.side()), (Market::Spot, Side::Private));
/// assert_eq!(topic.to_string(), "spot/user/order:BTC_USDT");
/// # Ok::<(), bitmart_proto::TopicError>(())
/// ```
///
/// The text is the wire's own; two topics are equal when their texts are. Cloning one is a reference count.
#[derive(Clone)]
pub struct Topic {
    text: Arc<str>,
    channel: Channel,
}

impl Topic {
    /// A topic of a channel that filters by symbol.
    ///
    /// # Errors
    ///
    /// [`TopicError::Filter`] if the channel takes no symbol or the symbol has the other market's form.
    ///
    /// ```
    /// use bitmart_proto::{Channel, Symbol, Topic};
    ///
    /// let topic = Topic::with_symbol(Channel::FuturesTrade, &Symbol::new("BTCUSDT")?)?;
    /// assert_eq!(topic.as_str(), "futures/trade:BTCUSDT");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn with_symbol(channel: Channel, symbol: &Symbol) -> Result<Self, TopicError> {
        format!("{}:{symbol}{}", channel.name(), channel.suffix()).parse()
    }

    /// The topic of a channel that takes no filter, or only one value of it, such as
    /// [`Channel::FuturesPosition`] or [`Channel::SpotUserBalance`]. `None` for the others.
    #[must_use]
    pub fn without_symbol(channel: Channel) -> Option<Self> {
        match channel.filter() {
            Filter::None | Filter::OptionalSymbol => Some(Self {
                text: channel.name().into(),
                channel,
            }),
            Filter::Fixed(value) => Some(Self {
                text: format!("{}:{value}", channel.name()).into(),
                channel,
            }),
            Filter::Symbol | Filter::Currency => None,
        }
    }

    /// The futures balance of one currency, such as `USDT`.
    ///
    /// # Errors
    ///
    /// [`TopicError::Filter`] if `currency` is not upper-case letters and digits.
    pub fn futures_asset(currency: &str) -> Result<Self, TopicError> {
        format!("{}:{currency}", Channel::FuturesAsset.name()).parse()
    }

    /// The text that goes over the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The channel.
    #[must_use]
    pub fn channel(&self) -> Channel {
        self.channel
    }

    /// What stands between the colon and the speed suffix: a symbol, a currency, or a fixed word.
    #[must_use]
    pub fn filter(&self) -> Option<&str> {
        let (_, filter) = self.text.split_once(':')?;
        Some(strip_speed(filter))
    }

    /// The market the topic belongs to.
    #[must_use]
    pub fn market(&self) -> Market {
        self.channel.market()
    }

    /// Whether the topic needs a login.
    #[must_use]
    pub fn side(&self) -> Side {
        self.channel.side()
    }

    /// Whether `text`, from an acknowledgement or a push, means this topic.
    ///
    /// Equal texts do; so do texts that differ in a `@<n>ms` suffix alone, since the exchange adds one unasked to
    /// futures tickers (`docs/PROTOCOL.md`, *Quirks*).
    #[must_use]
    pub fn is_named_by(&self, text: &str) -> bool {
        *self.text == *text || strip_speed(&self.text) == strip_speed(text)
    }
}

/// Cuts a trailing `@<digits>ms`.
pub(crate) fn strip_speed(text: &str) -> &str {
    match text.rsplit_once('@') {
        Some((head, tail))
            if tail
                .strip_suffix("ms")
                .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())) =>
        {
            head
        }
        _ => text,
    }
}

impl FromStr for Topic {
    type Err = TopicError;

    fn from_str(text: &str) -> Result<Self, TopicError> {
        if text.len() > MAX_TOPIC_BYTES {
            return Err(TopicError::TooLong { bytes: text.len() });
        }
        let (name, rest) = match text.split_once(':') {
            Some((name, rest)) => (name, Some(rest)),
            None => (text, None),
        };
        let (filter, suffix) = match rest {
            Some(rest) => {
                let filter = strip_speed(rest);
                (Some(filter), &rest[filter.len()..])
            }
            None => (None, ""),
        };
        let error = |problem| TopicError::Filter {
            topic: text.to_owned(),
            problem,
        };
        let channel = Channel::parse(name, suffix).ok_or_else(|| match Channel::parse(name, "") {
            Some(_) => error(FilterProblem::Speed),
            None => TopicError::UnknownChannel {
                topic: text.to_owned(),
                suggestion: Channel::nearest(name),
            },
        })?;
        match (channel.filter(), filter) {
            (Filter::None, None) | (Filter::OptionalSymbol, None) => {}
            (Filter::None, Some(_)) => return Err(error(FilterProblem::NotTaken)),
            (Filter::Fixed(value), Some(filter)) if filter == value => {}
            (Filter::Fixed(value), _) => return Err(error(FilterProblem::Must { be: value })),
            (Filter::Symbol | Filter::Currency, None) => return Err(error(FilterProblem::Missing)),
            (Filter::Currency, Some(filter)) => {
                if filter.is_empty()
                    || !filter
                        .bytes()
                        .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
                {
                    return Err(error(FilterProblem::Currency));
                }
            }
            (Filter::Symbol | Filter::OptionalSymbol, Some(filter)) => {
                let symbol = Symbol::new(filter).map_err(|source| error(FilterProblem::Symbol { source }))?;
                if symbol.market() != channel.market() {
                    return Err(error(FilterProblem::OtherMarket {
                        market: channel.market(),
                    }));
                }
            }
        }
        Ok(Self {
            text: text.into(),
            channel,
        })
    }
}

impl TryFrom<&str> for Topic {
    type Error = TopicError;

    fn try_from(text: &str) -> Result<Self, TopicError> {
        text.parse()
    }
}

impl TryFrom<String> for Topic {
    type Error = TopicError;

    fn try_from(text: String) -> Result<Self, TopicError> {
        text.parse()
    }
}

impl TryFrom<&String> for Topic {
    type Error = TopicError;

    fn try_from(text: &String) -> Result<Self, TopicError> {
        text.parse()
    }
}

impl From<&Topic> for Topic {
    fn from(topic: &Topic) -> Self {
        topic.clone()
    }
}

impl PartialEq for Topic {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Topic {}

impl PartialOrd for Topic {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Topic {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.text.cmp(&other.text)
    }
}

impl Hash for Topic {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl fmt::Debug for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Topic({})", self.text)
    }
}

/// Why a text is no topic. The text comes from the caller, and so does the mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TopicError {
    /// No channel has this name.
    UnknownChannel {
        /// The text as given.
        topic: String,
        /// The channel whose name is nearest, if one is near.
        suggestion: Option<String>,
    },
    /// The channel exists, but what follows the colon doesn't fit it.
    Filter {
        /// The text as given.
        topic: String,
        /// What is wrong.
        problem: FilterProblem,
    },
    /// The text is longer than [`MAX_TOPIC_BYTES`].
    TooLong {
        /// Its length in bytes.
        bytes: usize,
    },
}

/// What is wrong with the part of a topic behind the colon.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FilterProblem {
    /// The channel takes no filter.
    NotTaken,
    /// The channel needs a symbol or a currency.
    Missing,
    /// The channel takes exactly one value.
    Must {
        /// That value.
        be: &'static str,
    },
    /// A speed that the channel doesn't have.
    Speed,
    /// Not a currency code.
    Currency,
    /// Not a symbol of any market.
    Symbol {
        /// Why.
        source: SymbolError,
    },
    /// A symbol in the other market's form.
    OtherMarket {
        /// The market that the channel belongs to.
        market: Market,
    },
}

impl fmt::Display for TopicError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownChannel { topic, suggestion } => {
                write!(f, "no BitMart channel is called {topic:?}")?;
                match suggestion {
                    Some(name) => write!(f, ": did you mean {name:?}?"),
                    None => write!(f, ": topics look like spot/ticker:BTC_USDT or futures/position"),
                }
            }
            Self::Filter { topic, problem } => write!(f, "{topic:?} is no topic: {problem}"),
            Self::TooLong { bytes } => {
                write!(
                    f,
                    "a topic of {bytes} bytes is too long: none has more than {MAX_TOPIC_BYTES}"
                )
            }
        }
    }
}

impl fmt::Display for FilterProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotTaken => write!(f, "this channel takes nothing behind a colon"),
            Self::Missing => write!(
                f,
                "add a colon and a symbol or currency, as in spot/ticker:BTC_USDT or futures/asset:USDT"
            ),
            Self::Must { be } => write!(f, "behind the colon it takes {be:?} only"),
            Self::Speed => write!(
                f,
                "the speed of a futures book is @100ms, @200ms or left out, and nothing else has one"
            ),
            Self::Currency => write!(f, "behind the colon goes a currency such as USDT"),
            Self::Symbol { source } => write!(f, "{source}"),
            Self::OtherMarket { market: Market::Spot } => {
                write!(f, "spot symbols have an underscore, as in BTC_USDT")
            }
            Self::OtherMarket {
                market: Market::Futures,
            } => {
                write!(f, "futures symbols have no underscore, as in BTCUSDT")
            }
        }
    }
}

impl std::error::Error for TopicError {}

impl From<std::convert::Infallible> for TopicError {
    /// Lets a [`Topic`] stand wherever something that may be one does.
    fn from(never: std::convert::Infallible) -> Self {
        match never {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_other_markets_symbol_form_is_named() {
        let error = "spot/ticker:BTCUSDT".parse::<Topic>().unwrap_err();
        assert!(
            error.to_string().contains("underscore, as in BTC_USDT"),
            "{error}"
        );
        let error = "futures/trade:BTC_USDT".parse::<Topic>().unwrap_err();
        assert!(error.to_string().contains("no underscore"), "{error}");
    }

    #[test]
    fn a_typo_gets_a_suggestion() {
        let error = "futures/positions".parse::<Topic>().unwrap_err();
        assert!(
            error.to_string().contains("did you mean \"futures/position\"?"),
            "{error}"
        );
        let error = "spot/user/ordr:BTC_USDT".parse::<Topic>().unwrap_err();
        assert!(error.to_string().contains("spot/user/order"), "{error}");
        let error = "nonsense".parse::<Topic>().unwrap_err();
        assert!(error.to_string().contains("topics look like"), "{error}");
    }

    #[test]
    fn speed_suffixes_are_cut_only_where_they_are_speeds() {
        assert_eq!(strip_speed("futures/ticker:X@100ms"), "futures/ticker:X");
        assert_eq!(strip_speed("futures/ticker:X@ms"), "futures/ticker:X@ms");
        assert_eq!(strip_speed("a@b"), "a@b");
    }

    /// Quirk 2: the group of a futures ticker may carry a suffix that nobody asked for.
    #[test]
    fn quirk_02_a_suffixed_group_still_names_the_topic() {
        let topic: Topic = "futures/ticker:BTCUSDT".parse().unwrap();
        assert!(topic.is_named_by("futures/ticker:BTCUSDT@100ms"));
        assert!(!topic.is_named_by("futures/ticker:ETHUSDT@100ms"));
        assert!(!topic.is_named_by("futures/ticker"));
    }
}

use std::fmt;

/// One of the exchange's two markets. Each has its own hosts, topics and dialect of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Market {
    /// The spot market.
    Spot,
    /// The futures market, version 2 of its protocol (version 1 was switched off on 2024-11-30).
    Futures,
}

impl Market {
    /// Both markets.
    pub const ALL: [Self; 2] = [Self::Spot, Self::Futures];

    /// The market's name: `spot` or `futures`, as topics begin with it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Spot => "spot",
            Self::Futures => "futures",
        }
    }
}

impl fmt::Display for Market {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Which of a market's two kinds of connection: with or without login.
///
/// The two have separate URLs; a private connection logs in before anything else and carries private topics
/// only (whether it would carry public ones is undocumented).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Side {
    /// Market data, no login.
    Public,
    /// The account's own data, after a login.
    Private,
}

impl Side {
    /// Both sides.
    pub const ALL: [Self; 2] = [Self::Public, Self::Private];

    /// The side's name: `public` or `private`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Private => "private",
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The exchange itself, or its paper-trading twin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Environment {
    /// The live exchange.
    #[default]
    Live,
    /// Futures paper trading with the same API keys. Spot has no demo: its URLs stay the live ones.
    Demo,
}

/// The URL of the exchange's endpoint for a market and a side.
///
/// Source: `docs/PROTOCOL.md`, *Endpoints*. Spot has no demo hosts, so [`Environment::Demo`] changes the futures
/// URLs only.
///
/// ```
/// use bitmart_proto::{Environment, Market, Side, endpoint_url};
///
/// let url = endpoint_url(Environment::Demo, Market::Futures, Side::Private);
/// assert_eq!(url, "wss://openapi-wsdemo-v2.bitmart.com/user?protocol=1.1");
/// ```
#[must_use]
pub fn endpoint_url(environment: Environment, market: Market, side: Side) -> &'static str {
    match (market, environment, side) {
        (Market::Spot, _, Side::Public) => "wss://ws-manager-compress.bitmart.com/api?protocol=1.1",
        (Market::Spot, _, Side::Private) => "wss://ws-manager-compress.bitmart.com/user?protocol=1.1",
        (Market::Futures, Environment::Live, Side::Public) => {
            "wss://openapi-ws-v2.bitmart.com/api?protocol=1.1"
        }
        (Market::Futures, Environment::Live, Side::Private) => {
            "wss://openapi-ws-v2.bitmart.com/user?protocol=1.1"
        }
        (Market::Futures, Environment::Demo, Side::Public) => {
            "wss://openapi-wsdemo-v2.bitmart.com/api?protocol=1.1"
        }
        (Market::Futures, Environment::Demo, Side::Private) => {
            "wss://openapi-wsdemo-v2.bitmart.com/user?protocol=1.1"
        }
    }
}

use bitmart_proto::{Environment, Market, Side};

/// One of the three exchanges that a simulator runs: each has a port and a state of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Venue {
    LiveSpot,
    LiveFutures,
    DemoFutures,
}

impl Venue {
    pub(crate) const ALL: [Self; 3] = [Self::LiveSpot, Self::LiveFutures, Self::DemoFutures];

    /// Spot has no demo: asking for it means the live one, as the exchange's URLs do.
    pub(crate) fn new(environment: Environment, market: Market) -> Self {
        match (market, environment) {
            (Market::Spot, _) => Self::LiveSpot,
            (Market::Futures, Environment::Live) => Self::LiveFutures,
            (Market::Futures, Environment::Demo) => Self::DemoFutures,
        }
    }

    pub(crate) fn market(self) -> Market {
        match self {
            Self::LiveSpot => Market::Spot,
            Self::LiveFutures | Self::DemoFutures => Market::Futures,
        }
    }

    pub(crate) fn environment(self) -> Environment {
        match self {
            Self::LiveSpot | Self::LiveFutures => Environment::Live,
            Self::DemoFutures => Environment::Demo,
        }
    }

    pub(crate) fn index(self) -> usize {
        self as usize
    }
}

/// Where a connection is: a venue's public or private path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Endpoint {
    pub(crate) venue: Venue,
    pub(crate) side: Side,
}

impl Endpoint {
    pub(crate) const COUNT: usize = Venue::ALL.len() * Side::ALL.len();

    pub(crate) fn index(self) -> usize {
        self.venue.index() * Side::ALL.len() + usize::from(self.side == Side::Private)
    }
}

/// The path of a side's URL.
pub(crate) fn path(side: Side) -> &'static str {
    match side {
        Side::Public => "/api",
        Side::Private => "/user",
    }
}

/// Where a simulator listens.
#[derive(Clone, Debug)]
pub(crate) struct Urls {
    pub(crate) is_tls: bool,
    /// By venue; empty without listeners.
    pub(crate) ports: Vec<u16>,
}

impl Urls {
    /// The port of a venue; 0 without listeners.
    pub(crate) fn port(&self, venue: Venue) -> u16 {
        self.ports.get(venue.index()).copied().unwrap_or(0)
    }

    pub(crate) fn of(&self, endpoint: Endpoint) -> String {
        let scheme = if self.is_tls { "wss" } else { "ws" };
        let (port, path) = (self.port(endpoint.venue), path(endpoint.side));
        format!("{scheme}://localhost:{port}{path}?protocol=1.1")
    }
}

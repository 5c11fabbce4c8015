use std::time::Duration;

use bitmart_proto::{Market, Side};

use crate::venue::Endpoint;

/// What the exchange allows a client; given to [`Builder::limits`](crate::Builder::limits).
///
/// The default is the exchange's own, from `docs/PROTOCOL.md`, *Limits*. `None` means that there is no limit.
///
/// ```
/// use std::time::Duration;
/// use bitmart_sim::{ConnectRefusal, Limits, Simulator};
///
/// let mut limits = Limits::default();
/// assert_eq!(limits.spot.private_connections, Some(10));
/// limits.spot.private_connections = Some(2);
/// limits.spot.idle = Some(Duration::from_secs(1));
/// limits.refusal = ConnectRefusal::Status(429);
/// let builder = Simulator::builder().limits(limits);
/// ```
///
/// # Whose they are
///
/// The exchange counts connections by IP address. On loopback everybody has the same, so a simulator counts all
/// of its clients together: two tests that share a simulator share its limits. Whom it has refused too often, the
/// exchange blocks for an unstated time; a simulator doesn't. A connection counts until its end: that is when the
/// simulator sends its close, or ends the stream.
///
/// # What bounds the simulator itself
///
/// Whatever the limits say, a message has at most 1 MiB and 256 fragments, and more ends the connection with code
/// 1009; a connection has at most 10,000 topics. Who asks for more than it reads isn't heard until it has read, and
/// who lets 8,192 messages or 8 MiB pile up unread is reset. Of the exchange, none of this is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Spot's.
    pub spot: SpotLimits,
    /// Those of futures, live and demo: each has its own count.
    pub futures: FuturesLimits,
    /// How a connection too many is told.
    pub refusal: ConnectRefusal,
    /// What becomes of a spot topic too many.
    pub over_subscription: OverSubscription,
}

impl Limits {
    /// No limits but those that bound the simulator's own memory.
    #[must_use]
    pub fn none() -> Self {
        Self {
            spot: SpotLimits {
                public_connections: None,
                private_connections: None,
                connects_per_minute: None,
                public_topics: None,
                private_topics: None,
                topics_per_request: None,
                message_bytes: None,
                messages_per_window: None,
                idle: None,
                topicless: None,
            },
            futures: FuturesLimits {
                connections: None,
                topics: None,
                message_bytes: None,
                idle: None,
                topicless: None,
            },
            refusal: ConnectRefusal::default(),
            over_subscription: OverSubscription::default(),
        }
    }

    /// Open connections of an endpoint.
    pub(crate) fn connections(&self, endpoint: Endpoint) -> Option<usize> {
        match (endpoint.venue.market(), endpoint.side) {
            (Market::Spot, Side::Public) => self.spot.public_connections,
            (Market::Spot, Side::Private) => self.spot.private_connections,
            (Market::Futures, _) => self.futures.connections,
        }
    }

    /// Upgrades in a minute, both sides of a venue together.
    pub(crate) fn connects_per_minute(&self, market: Market) -> Option<usize> {
        match market {
            Market::Spot => self.spot.connects_per_minute,
            Market::Futures => None,
        }
    }

    /// Topics of a connection.
    pub(crate) fn topics(&self, endpoint: Endpoint) -> usize {
        let topics = match (endpoint.venue.market(), endpoint.side) {
            (Market::Spot, Side::Public) => self.spot.public_topics,
            (Market::Spot, Side::Private) => self.spot.private_topics,
            (Market::Futures, _) => self.futures.topics,
        };
        topics.unwrap_or(usize::MAX).min(MAX_TOPICS)
    }

    /// Bytes of the longest message.
    pub(crate) fn message_bytes(&self, market: Market) -> usize {
        let bytes = match market {
            Market::Spot => self.spot.message_bytes,
            Market::Futures => self.futures.message_bytes,
        };
        bytes.unwrap_or(usize::MAX).min(MAX_MESSAGE_BYTES)
    }

    /// Time without a frame in either direction.
    pub(crate) fn idle(&self, market: Market) -> Option<Duration> {
        match market {
            Market::Spot => self.spot.idle,
            Market::Futures => self.futures.idle,
        }
    }

    /// Time without a subscription.
    pub(crate) fn topicless(&self, market: Market) -> Option<Duration> {
        match market {
            Market::Spot => self.spot.topicless,
            Market::Futures => self.futures.topicless,
        }
    }
}

/// Topics of one connection, whatever the limits say: this bounds our memory.
pub(crate) const MAX_TOPICS: usize = 10_000;
/// Bytes of one message from a client, whatever the limits say: this bounds our memory.
const MAX_MESSAGE_BYTES: usize = 1 << 20;

/// Spot's limits. All of them are documented.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SpotLimits {
    /// Public connections open at once: 20. One more is told 94002, see [`ConnectRefusal`].
    pub public_connections: Option<usize>,
    /// Private connections open at once: 10, counted apart from the public ones.
    pub private_connections: Option<usize>,
    /// Upgrades within any minute, public and private together: 30. One more is told 94001, and doesn't count itself;
    /// those that a fault or another limit refuses do.
    pub connects_per_minute: Option<usize>,
    /// Topics of a public connection: 115. See [`OverSubscription`] for one more.
    pub public_topics: Option<usize>,
    /// Topics of a private connection: 100.
    pub private_topics: Option<usize>,
    /// Topics of one request: 20. A request with more is refused with 90005.
    pub topics_per_request: Option<usize>,
    /// Bytes of one message: 4,096. A longer one ends the connection with code 1009.
    pub message_bytes: Option<usize>,
    /// Messages within any ten seconds, pings included: 100. One more is refused with 90007, and the connection
    /// closed.
    pub messages_per_window: Option<usize>,
    /// A connection without a frame in either direction for so long is closed: 20 s.
    pub idle: Option<Duration>,
    /// A connection without a subscription for so long is closed: 5 minutes.
    pub topicless: Option<Duration>,
}

impl Default for SpotLimits {
    fn default() -> Self {
        Self {
            public_connections: Some(20),
            private_connections: Some(10),
            connects_per_minute: Some(30),
            public_topics: Some(115),
            private_topics: Some(100),
            topics_per_request: Some(20),
            message_bytes: Some(4_096),
            messages_per_window: Some(100),
            idle: Some(Duration::from_secs(20)),
            topicless: Some(Duration::from_secs(300)),
        }
    }
}

/// The limits of futures.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FuturesLimits {
    /// Connections open at once, public and private apart: 500, documented and never tested.
    pub connections: Option<usize>,
    /// Topics of a connection: none is stated. One more is answered like a topic that doesn't exist.
    pub topics: Option<usize>,
    /// Bytes of one message: 2,048, measured, where 4,096 are documented. A longer one ends the connection with
    /// code 1009.
    pub message_bytes: Option<usize>,
    /// A connection without a frame in either direction for so long is closed. None: 20 s are documented, and were
    /// seen not to hold within 75 s.
    pub idle: Option<Duration>,
    /// A connection without a subscription for so long is closed. None: 5 s are documented, and were seen not to
    /// hold within 75 s.
    pub topicless: Option<Duration>,
}

impl Default for FuturesLimits {
    fn default() -> Self {
        Self {
            connections: Some(500),
            topics: None,
            message_bytes: Some(2_048),
            idle: None,
            topicless: None,
        }
    }
}

/// How a client learns that it has too many connections, or opens them too often.
///
/// Reported is one text, `IP Limited:Request connections exceeds limit`, and not whether it came as a frame or as
/// the body of a refused upgrade; the codes 94001 and 94002 are documented for the same two events. A frame asks
/// more of a client: its upgrade succeeds, and nothing but a text that isn't JSON says that it must stay away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectRefusal {
    /// The upgrade succeeds. Then comes the reported text for one connection too many, 94001 for one too soon, and
    /// the close.
    #[default]
    Frame,
    /// As [`Frame`](Self::Frame), with the documented code for both: 94002 and 94001.
    Code,
    /// The upgrade is answered with this HTTP status, such as 403 or 429, and the reported text.
    Status(u16),
}

/// What becomes of a spot topic beyond those that a connection may have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OverSubscription {
    /// It is refused with 90006, as documented.
    #[default]
    Refuse,
    /// It is acknowledged, and no data comes: one report saw that beyond about 120 topics.
    Silent,
}

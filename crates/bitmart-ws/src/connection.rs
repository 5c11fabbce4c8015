use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;

use bitmart_auth::SharedSigner;
use bitmart_proto::{Market, Topic};
use bitmart_session::{CommandError, ConfigError, ConnectionId, Session};

use crate::budget::SharedBudget;
use crate::clock::{Clock, SystemClock};
use crate::connect::{ConnectConfig, Endpoint};
use crate::driver::Driver;
use crate::incoming::{Counters, Incoming};

/// What a [`Connection`] is made with.
#[derive(Clone)]
#[non_exhaustive]
pub struct ConnectionConfig {
    /// Where to connect.
    pub endpoint: Endpoint,
    /// The session's timings.
    pub session: bitmart_session::Config,
    /// How sockets are opened: deadlines, roots of trust, resolver, dialer.
    pub connect: ConnectConfig,
    /// How many connections may be opened; by default one budget for the whole process.
    pub budget: SharedBudget,
    /// The clock; by default the system's.
    pub clock: Arc<dyn Clock>,
    /// Seeds the jitter of retries and the nonces of upgrades; by default random.
    pub seed: Option<u64>,
}

impl ConnectionConfig {
    /// The defaults, for an endpoint.
    #[must_use]
    pub fn new(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            session: bitmart_session::Config::default(),
            connect: ConnectConfig::default(),
            budget: SharedBudget::process(),
            clock: Arc::new(SystemClock::new()),
            seed: None,
        }
    }

    /// Whether the values make sense: those of the session, the deadlines, TCP. A [`Connection`] takes any without
    /// harm to itself.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] names the first that doesn't, and its range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.session.validate()?;
        self.connect.validate()
    }
}

impl fmt::Debug for ConnectionConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionConfig")
            .field("endpoint", &self.endpoint)
            .field("session", &self.session)
            .field("connect", &self.connect)
            .finish_non_exhaustive()
    }
}

/// One logical connection to the exchange, without a task: it lives while it is polled, and lends what it reads.
///
/// ```no_run
/// use bitmart_proto::{Environment, Market, Side, endpoint_url};
/// use bitmart_ws::{Connection, ConnectionConfig, Incoming};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let url = endpoint_url(Environment::Live, Market::Spot, Side::Public);
/// let mut connection = Connection::public(Market::Spot, ConnectionConfig::new(url.parse()?));
/// connection.subscribe("spot/ticker:BTC_USDT".parse()?)?;
/// while let Some(incoming) = connection.next().await {
///     match incoming {
///         Incoming::Push(push) => drop(push.update),
///         Incoming::Event(event) => drop(event),
///         _ => {}
///     }
/// }
/// # Ok(())
/// # }
/// ```
///
/// It connects, logs in, subscribes, answers pings, reconnects and subscribes again, all inside
/// [`next`](Self::next), and only there: **while `next` is not polled, no ping goes out**, and after some 20 s the
/// exchange may close the socket. Commands are synchronous: they note what is wanted, and the outcome comes
/// out of `next` as an event. Data and events come out of the same call, so their order is the order in which they
/// happened.
///
/// Several connections in one task are polled side by side with `select!`; a client with a task for each, and owned
/// events, is in the `bitmart` crate.
pub struct Connection {
    driver: Driver,
}

impl Connection {
    /// A connection for market data. The first call of [`next`](Self::next) opens it.
    #[must_use]
    pub fn public(market: Market, config: ConnectionConfig) -> Self {
        Self::public_at(market, 0, config)
    }

    /// A connection for market data, with the index that its [`ConnectionId`] is to have.
    #[must_use]
    pub fn public_at(market: Market, index: u16, config: ConnectionConfig) -> Self {
        let seed = config.seed.unwrap_or_else(random_seed);
        let session = Session::public(market, index, config.session.clone(), seed);
        Self {
            driver: Driver::new(session, None, config, seed),
        }
    }

    /// A connection for the account's data, logged in by `signer`: an `HmacSigner`, an `Arc` of a `Signer`, or a
    /// [`SharedSigner`]. The first call of [`next`](Self::next) opens it.
    #[must_use]
    pub fn private(market: Market, signer: impl Into<SharedSigner>, config: ConnectionConfig) -> Self {
        Self::private_at(market, 0, signer, config)
    }

    /// A connection for the account's data, with the index that its [`ConnectionId`] is to have.
    #[must_use]
    pub fn private_at(
        market: Market,
        index: u16,
        signer: impl Into<SharedSigner>,
        config: ConnectionConfig,
    ) -> Self {
        let signer = signer.into();
        let seed = config.seed.unwrap_or_else(random_seed);
        let session = Session::private(market, index, signer.key(), config.session.clone(), seed);
        Self {
            driver: Driver::new(session, Some(signer), config, seed),
        }
    }

    /// Which connection this is.
    #[must_use]
    pub fn id(&self) -> ConnectionId {
        self.session().id()
    }

    /// The session: its status, its epoch, its topics.
    #[must_use]
    pub fn session(&self) -> &Session {
        self.driver.session()
    }

    /// What has come in so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.driver.counters()
    }

    /// Wants a topic from now on. The outcome comes out of [`next`](Self::next): `Subscribed` or `SubscribeFailed`.
    ///
    /// # Errors
    ///
    /// [`CommandError`] if the topic belongs on another connection, this one is full, or it is over.
    pub fn subscribe(&mut self, topic: Topic) -> Result<(), CommandError> {
        self.driver.subscribe(topic)
    }

    /// No longer wants a topic; `Unsubscribed` comes out of [`next`](Self::next). Returns whether it was wanted.
    pub fn unsubscribe(&mut self, topic: &Topic) -> bool {
        self.driver.unsubscribe(topic)
    }

    /// Stops reading, for a consumer that is behind: from here on [`next`](Self::next) only sends pings, so that the
    /// exchange keeps the connection, and lends events but no messages. No silence is counted, and no socket opened.
    ///
    /// What the exchange sends meanwhile waits in the operating system's buffers and then with the exchange, which may
    /// cut the connection: that shows once reading goes on, as a gap from the last message read.
    pub fn pause(&mut self) {
        self.driver.pause();
    }

    /// Reads again after [`pause`](Self::pause).
    pub fn resume(&mut self) {
        self.driver.resume();
    }

    /// Cuts the socket, for a consumer that is too far behind to go on. [`next`](Self::next) first lends what had been
    /// read from it, so that the gap that follows begins with the first message not lent; after 8 MiB and one message,
    /// the rest of that read is dropped inside the gap. Then the connection comes back by itself, after
    /// [`resume`](Self::resume) if it is paused.
    pub fn cut(&mut self) {
        self.driver.cut();
    }

    /// Closes for good. [`next`](Self::next) still lends what is left to know, says good-bye to the exchange within
    /// a second, and then ends.
    pub fn close(&mut self) {
        self.driver.close();
    }

    /// The next message or event; `None` once the connection is over.
    ///
    /// What it lends is good until the next call. A connection is over when it was closed, or when the exchange has
    /// refused it for good (the event before says so); everything else is an event and goes on.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: dropping the future loses no byte and leaves no half-written frame.
    pub async fn next(&mut self) -> Option<Incoming<'_>> {
        let item = poll_fn(|cx| self.driver.poll_ready(cx)).await?;
        Some(self.driver.lend(item))
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("session", self.session())
            .finish_non_exhaustive()
    }
}

/// Randomness from the standard library's hasher keys; enough for jitter and nonces.
fn random_seed() -> u64 {
    use std::hash::BuildHasher;
    std::collections::hash_map::RandomState::new().hash_one(0)
}

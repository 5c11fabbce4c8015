use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bitmart_auth::{Credentials, HmacSigner, RemoteSigner, SharedSigner, Signer};
use bitmart_proto::{Environment, Market, Side, endpoint_url};
use bitmart_session::{Bounds, Budget, ConfigError};
use bitmart_ws::connect::{
    ConnectConfig, Deadlines, Dial, Endpoint, EndpointError, Resolve, RootError, TcpOptions, Tls,
};
use bitmart_ws::{Clock, SharedBudget, SystemClock};

use crate::client::Client;
use crate::events::Events;
use crate::queue::{Overflow, QueueLimits};

/// How long [`Client::subscribe`] waits for the exchange by default.
const REQUEST_DEADLINE: Duration = Duration::from_secs(30);

/// Puts a [`Client`] together.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), bitmart::BuildError> {
/// let (client, events) = bitmart::Client::builder().demo().build()?;
/// # Ok(())
/// # }
/// ```
///
/// Everything has a default, credentials apart: without them there are public topics only. What is set is checked
/// by [`build`](Self::build) and can't be changed later.
#[derive(Clone, Default)]
pub struct ClientBuilder {
    signer: Option<SharedSigner>,
    environment: Environment,
    urls: Vec<(Market, Side, String)>,
    allows_plaintext: bool,
    extra_roots: Vec<Vec<u8>>,
    session: bitmart_session::Config,
    connect: ConnectConfig,
    has_tcp: bool,
    has_dial: bool,
    budget: Option<SharedBudget>,
    queue: QueueLimits,
    overflow: Overflow,
    request_deadline: Option<Duration>,
    clock: Option<Arc<dyn Clock>>,
    seed: Option<u64>,
}

impl ClientBuilder {
    /// Range of [`request_deadline`](Self::request_deadline).
    pub const REQUEST_DEADLINE: Bounds = Bounds {
        field: "request_deadline",
        min: 1,
        max: 600_000,
        unit: "ms",
        reason: "a call that waits for longer is better replaced by watching the events",
    };

    /// Logs in with an API key, its secret and its memo. The raw secret is dropped here.
    #[must_use]
    pub fn credentials(self, credentials: Credentials) -> Self {
        self.signer(HmacSigner::new(credentials))
    }

    /// Logs in with a signer of your own that holds the secret and answers at once.
    #[must_use]
    pub fn signer(mut self, signer: impl Signer + 'static) -> Self {
        self.signer = Some(SharedSigner::local(signer));
        self
    }

    /// Logs in with a signer of your own that holds the secret and has to be waited for, for at most
    /// [`sign_timeout_ms`](bitmart_session::Config::sign_timeout_ms): a signing service, a hardware module.
    #[must_use]
    pub fn remote_signer(mut self, signer: impl RemoteSigner + 'static) -> Self {
        self.signer = Some(SharedSigner::remote(signer));
        self
    }

    /// The live exchange (the default) or its demo.
    #[must_use]
    pub fn environment(mut self, environment: Environment) -> Self {
        self.environment = environment;
        self
    }

    /// Futures paper trading, with the same API key. Spot has no demo and stays on the live exchange. A URL that is
    /// given for an endpoint counts for more.
    #[must_use]
    pub fn demo(self) -> Self {
        self.environment(Environment::Demo)
    }

    /// Another URL for one endpoint: `wss://…`, or `ws://…` on this machine.
    ///
    /// ```no_run
    /// use bitmart::{Client, Market, Side};
    ///
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// // bitmart-sim --spot-port 9443 --write-ca ca.pem
    /// let (client, events) = Client::builder()
    ///     .url(Market::Spot, Side::Public, "wss://localhost:9443/api?protocol=1.1")
    ///     .url(Market::Spot, Side::Private, "wss://localhost:9443/user?protocol=1.1")
    ///     .extra_root(std::fs::read("ca.pem")?)
    ///     .build()?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn url(mut self, market: Market, side: Side, url: impl Into<String>) -> Self {
        self.urls.push((market, side, url.into()));
        self
    }

    /// Other URLs for all four endpoints at once, such as those of a simulator.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use bitmart::{Client, Environment};
    ///
    /// let sim = bitmart_sim::Simulator::builder().start().await?;
    /// let (client, events) = Client::builder()
    ///     .urls(|market, side| sim.url(Environment::Live, market, side))
    ///     .extra_root(sim.ca_der())
    ///     .build()?;
    /// # sim.shutdown().await;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn urls<U: Into<String>>(mut self, url: impl Fn(Market, Side) -> U) -> Self {
        for market in Market::ALL {
            for side in Side::ALL {
                self = self.url(market, side, url(market, side));
            }
        }
        self
    }

    /// Lets URLs without TLS name other machines too. Whoever is in between then reads and writes along, the login
    /// included.
    #[must_use]
    pub fn allow_plaintext(mut self) -> Self {
        self.allows_plaintext = true;
        self
    }

    /// Trusts one more certificate authority beside the public ones: its certificate as DER or PEM.
    #[must_use]
    pub fn extra_root(mut self, certificate: impl Into<Vec<u8>>) -> Self {
        self.extra_roots.push(certificate.into());
        self
    }

    /// The session's timings: pings, login, acknowledgements, retries, clock offset.
    ///
    /// ```no_run
    /// # fn example() -> Result<(), bitmart::BuildError> {
    /// let mut timings = bitmart::session::Config::default();
    /// timings.ping_after_ms = 10_000;
    /// timings.backoff.max_ms = 30_000;
    /// let (client, events) = bitmart::Client::builder().session(timings).build()?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn session(mut self, config: bitmart_session::Config) -> Self {
        self.session = config;
        self
    }

    /// How long each step of opening a socket may take; five seconds each by default.
    #[must_use]
    pub fn deadlines(mut self, deadlines: Deadlines) -> Self {
        self.connect = self.connect.with_deadlines(deadlines);
        self
    }

    /// How TCP sockets are set up: buffers, keep-alive, the local address.
    #[must_use]
    pub fn tcp(mut self, options: TcpOptions) -> Self {
        self.has_tcp = true;
        self.connect = self.connect.with_tcp(options);
        self
    }

    /// Looks up hosts in another way than the system's.
    #[must_use]
    pub fn resolver(mut self, resolver: impl Resolve + 'static) -> Self {
        self.connect = self.connect.with_resolver(resolver);
        self
    }

    /// Opens byte streams in another way than TCP sockets: through a proxy, or in a simulated network. TLS and the
    /// upgrade go over them as usual. Leaves nothing for [`tcp`](Self::tcp) to set: both together are an error.
    #[must_use]
    pub fn dial(mut self, dial: impl Dial + 'static) -> Self {
        self.has_dial = true;
        self.connect = self.connect.with_dial(dial);
        self
    }

    /// How many connections may be opened; by default all clients of the process share 30 a minute for each host
    /// and port.
    #[must_use]
    pub fn budget(mut self, budget: SharedBudget) -> Self {
        self.budget = Some(budget);
        self
    }

    /// How much each connection's queue holds for a consumer that is behind.
    #[must_use]
    pub fn queue(mut self, limits: QueueLimits) -> Self {
        self.queue = limits;
        self
    }

    /// What happens when a consumer is so far behind that the queue is full. [`Overflow::Gap`] by default.
    #[must_use]
    pub fn overflow(mut self, policy: Overflow) -> Self {
        self.overflow = policy;
        self
    }

    /// How long [`Client::subscribe`] and its like wait for the exchange; 30 s by default, in the range
    /// [`REQUEST_DEADLINE`](Self::REQUEST_DEADLINE).
    #[must_use]
    pub fn request_deadline(mut self, deadline: Duration) -> Self {
        self.request_deadline = Some(deadline);
        self
    }

    /// Another clock, such as a test's. The client then has a connect budget of its own, unless one is given, which
    /// must be shared with clients of the same clock only.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Some(Arc::new(clock));
        self
    }

    /// Seeds the jitter of retries; random by default.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Builds the client and its one stream of events. Nothing is opened before the first call that needs it.
    ///
    /// # Errors
    ///
    /// [`BuildError`] names what can't be used. The calling thread has to be inside a tokio runtime, which will run
    /// the connections' tasks; it needs its I/O and its timers (`enable_all`), as `#[tokio::main]` gives them.
    pub fn build(self) -> Result<(Client, Events), BuildError> {
        let runtime = tokio::runtime::Handle::try_current().map_err(|_| BuildError::NoRuntime)?;
        let mut endpoints = Vec::with_capacity(4);
        for market in Market::ALL {
            for side in Side::ALL {
                endpoints.push(((market, side), self.endpoint(market, side)?));
            }
        }
        let request_deadline = self.request_deadline.unwrap_or(REQUEST_DEADLINE);
        let request_deadline_ms = u64::try_from(request_deadline.as_millis()).unwrap_or(u64::MAX);
        Self::REQUEST_DEADLINE.check(request_deadline_ms)?;
        if self.has_tcp && self.has_dial {
            return Err(BuildError::TcpBesideDial);
        }
        self.session.validate()?;
        self.connect.validate()?;
        self.queue.validate()?;
        let mut connect = self.connect;
        if !self.extra_roots.is_empty() {
            let tls =
                Tls::with_extra_roots(self.extra_roots).map_err(|source| BuildError::Root { source })?;
            connect = connect.with_tls(tls);
        }
        // Times of one clock mean nothing on another, so a client with a clock of its own shares no budget.
        let budget = match (self.budget, &self.clock) {
            (Some(budget), _) => budget,
            (None, None) => SharedBudget::process(),
            (None, Some(_)) => SharedBudget::from(Budget::default()),
        };
        let settings = Settings {
            signer: self.signer,
            endpoints,
            session: self.session,
            connect,
            budget,
            queue: self.queue,
            overflow: self.overflow,
            request_deadline,
            clock: self.clock.unwrap_or_else(|| Arc::new(SystemClock::new())),
            seed: self.seed,
            runtime,
        };
        Ok(Client::new(settings))
    }

    fn endpoint(&self, market: Market, side: Side) -> Result<Endpoint, BuildError> {
        let given = self
            .urls
            .iter()
            .rev()
            .find(|(m, s, _)| (*m, *s) == (market, side));
        let url = given.map_or(endpoint_url(self.environment, market, side), |(_, _, url)| url);
        let endpoint = if self.allows_plaintext {
            Endpoint::parse_allowing_plaintext(url)
        } else {
            url.parse()
        };
        endpoint.map_err(|source| BuildError::Url { market, side, source })
    }
}

impl fmt::Debug for ClientBuilder {
    /// Leaves the signer out, and URLs: one with a password in it is an error that only `build` finds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let urls: Vec<_> = self.urls.iter().map(|(market, side, _)| (market, side)).collect();
        f.debug_struct("ClientBuilder")
            .field("environment", &self.environment)
            .field("urls", &urls)
            .field("session", &self.session)
            .field("connect", &self.connect)
            .field("queue", &self.queue)
            .field("overflow", &self.overflow)
            .field("has_signer", &self.signer.is_some())
            .finish_non_exhaustive()
    }
}

/// What a client was built with; immutable.
pub(crate) struct Settings {
    pub(crate) signer: Option<SharedSigner>,
    pub(crate) endpoints: Vec<((Market, Side), Endpoint)>,
    pub(crate) session: bitmart_session::Config,
    pub(crate) connect: ConnectConfig,
    pub(crate) budget: SharedBudget,
    pub(crate) queue: QueueLimits,
    pub(crate) overflow: Overflow,
    pub(crate) request_deadline: Duration,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) seed: Option<u64>,
    pub(crate) runtime: tokio::runtime::Handle,
}

/// Why a client can't be built. The mistake is the caller's.
#[derive(Debug)]
#[non_exhaustive]
pub enum BuildError {
    /// The calling thread is outside a tokio runtime.
    NoRuntime,
    /// A URL can't be used.
    Url {
        /// Of which endpoint: the market…
        market: Market,
        /// …and the side.
        side: Side,
        /// What is wrong.
        source: EndpointError,
    },
    /// A certificate authority can't be used.
    Root {
        /// What is wrong.
        source: RootError,
    },
    /// An option is out of its range.
    Option(ConfigError),
    /// TCP sockets are to be set up, and a dialer of one's own is to open something else.
    TcpBesideDial,
}

impl From<ConfigError> for BuildError {
    fn from(error: ConfigError) -> Self {
        Self::Option(error)
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRuntime => f.write_str(
                "a client runs its connections as tokio tasks: build it inside a tokio runtime (#[tokio::main])",
            ),
            Self::Url { market, side, source } => write!(f, "the URL for {market} {side}: {source}"),
            Self::Root { source } => write!(f, "the extra root: {source}"),
            Self::Option(error) => write!(f, "{error}"),
            Self::TcpBesideDial => f.write_str(
                "tcp is of no use beside dial: a dialer of your own sets up its sockets itself, so leave one out",
            ),
        }
    }
}

impl std::error::Error for BuildError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Url { source, .. } => Some(source),
            Self::Root { source } => Some(source),
            Self::Option(source) => Some(source),
            Self::NoRuntime | Self::TcpBesideDial => None,
        }
    }
}

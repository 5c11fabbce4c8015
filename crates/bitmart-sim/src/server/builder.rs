use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bitmart_auth::CredentialsError;
use bitmart_proto::{Environment, Market, Symbol, Topic};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use super::hub::{Compress, Hub};
use super::listener::{Sockets, listen, stopped};
use super::observer::{Observer, PushRecord};
use super::simulator::Simulator;
use super::tls::{Authority, TlsError};
use crate::Account;
use crate::clock::WallClock;
use crate::control;
use crate::exchange::{self, Exchange};
use crate::limits::Limits;
use crate::protocol::{Directory, Member, Wording};
use crate::venue::{Urls, Venue};

/// The pace of a story that is meant to be watched.
const DEFAULT_TICK: Duration = Duration::from_millis(250);

/// What makes the exchange's time pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Tick {
    /// A tick every so often.
    Every(Duration),
    /// A tick for each [`Simulator::step`].
    Manual,
}

impl From<Duration> for Tick {
    fn from(period: Duration) -> Self {
        Self::Every(period)
    }
}

/// Describes a simulator; made by [`Simulator::builder`].
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use bitmart_proto::{Environment, Market, Side};
/// use bitmart_sim::{Account, Simulator};
///
/// let sim = Simulator::builder()
///     .seed(7)
///     .account(Account::new("key", "secret", "memo"))
///     .tick(Duration::from_millis(100))
///     .start()
///     .await?;
/// let url = sim.url(Environment::Live, Market::Spot, Side::Private);
/// assert!(url.starts_with("wss://localhost:") && url.ends_with("/user?protocol=1.1"));
/// sim.shutdown().await;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing happens until `start`"]
pub struct Builder {
    seed: u64,
    tls: bool,
    is_listening: bool,
    accounts: Vec<Account>,
    start_ms: Option<u64>,
    tick: Tick,
    is_story_told: bool,
    is_empty_push_sent: bool,
    compress: Compress,
    wording: Wording,
    limits: Limits,
    wall_clock: WallClock,
    skew_ms: i64,
    ports: [u16; Venue::ALL.len()],
    control_port: Option<u16>,
    extra_symbols: BTreeSet<Symbol>,
    observer: Observer,
}

impl Builder {
    pub(super) fn new() -> Self {
        Self {
            seed: 0,
            tls: true,
            is_listening: true,
            accounts: Vec::new(),
            start_ms: None,
            tick: Tick::Every(DEFAULT_TICK),
            is_story_told: true,
            is_empty_push_sent: true,
            compress: Compress::Never,
            wording: Wording::Captured,
            limits: Limits::default(),
            wall_clock: WallClock::system(),
            skew_ms: 0,
            ports: [0; Venue::ALL.len()],
            control_port: None,
            extra_symbols: BTreeSet::new(),
            observer: Observer::default(),
        }
    }

    /// Everything random comes from this seed: the same seed and calls give the same payloads. Default 0.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Whether connections are TLS, under a certificate authority made at the start. Default true.
    pub fn tls(mut self, is_on: bool) -> Self {
        self.tls = is_on;
        self
    }

    /// Adds an account. Without any there is [`Account::example`].
    pub fn account(mut self, account: Account) -> Self {
        self.accounts.push(account);
        self
    }

    /// The pace: a [`Duration`] or [`Tick::Manual`]. Default 250 ms.
    ///
    /// The exchange's own clock advances by the period with each tick, in payloads as well; by 250 ms with a
    /// manual one.
    pub fn tick(mut self, tick: impl Into<Tick>) -> Self {
        self.tick = tick.into();
        self
    }

    /// Where the exchange's own clock starts, as Unix time in milliseconds: no later than the year 9000. Default
    /// 2026-01-05 09:00 UTC.
    ///
    /// A simulator that stands for a restarted exchange begins where the one before it ended, so that no time is given
    /// twice.
    ///
    /// ```
    /// let builder = bitmart_sim::Simulator::builder().start_ms(1_800_000_000_000);
    /// ```
    pub fn start_ms(mut self, unix_ms: u64) -> Self {
        self.start_ms = Some(unix_ms);
        self
    }

    /// Whether accounts trade by themselves. Default true; without it, only the others trade, and orders are placed
    /// by [`Simulator::place_order`] alone.
    pub fn story(mut self, is_told: bool) -> Self {
        self.is_story_told = is_told;
        self
    }

    /// Whether a subscription to spot orders is followed by a push whose `data` is `""`, as was seen. Default
    /// true.
    pub fn empty_push(mut self, is_sent: bool) -> Self {
        self.is_empty_push_sent = is_sent;
        self
    }

    /// When spot sends compressed binary frames. Default [`Compress::Never`].
    pub fn compress(mut self, compress: Compress) -> Self {
        self.compress = compress;
        self
    }

    /// How futures words its answers. Default [`Wording::Captured`].
    pub fn wording(mut self, wording: Wording) -> Self {
        self.wording = wording;
        self
    }

    /// What clients are allowed. Default: what the exchange allows; [`Limits::none`] for a test of something else.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The port of an environment and market; 0, the default, takes a free one. Spot has no demo, hence one port.
    pub fn port(mut self, environment: Environment, market: Market, port: u16) -> Self {
        self.ports[Venue::new(environment, market).index()] = port;
        self
    }

    /// Without ports: connections come through [`Simulator::acceptor`] only.
    pub fn without_listeners(mut self) -> Self {
        self.is_listening = false;
        self
    }

    /// Adds a control endpoint, for tests in any language: plain HTTP on 127.0.0.1, on this port; 0 takes a free
    /// one. Without it there is none.
    ///
    /// [`Simulator::control_url`] says where; `GET` it for the list of its calls. Whoever reaches it may do what the
    /// simulator's owner may, so it refuses what a web page in a browser could send: requests with an `Origin`, or
    /// with a `Host` other than loopback.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let sim = bitmart_sim::Simulator::builder().control_port(0).start().await?;
    /// let url = sim.control_url().expect("it was asked for");
    /// println!("curl -X POST '{url}faults/close?market=spot&side=private&code=1001'");
    /// # Ok(())
    /// # }
    /// ```
    pub fn control_port(mut self, port: u16) -> Self {
        self.control_port = Some(port);
        self
    }

    /// Lists one more symbol, on the market whose form it has. Its topics are acknowledged and stay quiet, but for
    /// the empty snapshot that a futures book without orders begins with.
    pub fn list(mut self, symbol: Symbol) -> Self {
        self.extra_symbols.insert(symbol);
        self
    }

    /// Tells `observe` of every push: of those that the exchange makes, in the order in which it makes them and before
    /// any client can see them, and of those that are said to one connection alone. One that nobody follows is not
    /// made, and so not told, unless [`make_always`](Self::make_always) names its topic.
    ///
    /// It is called under the simulator's lock, so it must be quick and may not call the simulator.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::sync::{Arc, Mutex};
    /// use bitmart_sim::{Simulator, Tick};
    ///
    /// let made = Arc::new(Mutex::new(Vec::new()));
    /// let journal = made.clone();
    /// let sim = Simulator::builder()
    ///     .tick(Tick::Manual)
    ///     .on_push(move |push| journal.lock().unwrap().push(format!("{} {}", push.number, push.topic)))
    ///     .make_always(["spot/trade:BTC_USDT".parse()?])
    ///     .start()
    ///     .await?;
    /// for _ in 0..20 {
    ///     sim.step().await;
    /// }
    /// assert!(made.lock().unwrap().iter().any(|push| push.ends_with("spot/trade:BTC_USDT")));
    /// # Ok(())
    /// # }
    /// ```
    pub fn on_push(mut self, observe: impl Fn(&PushRecord<'_>) + Send + Sync + 'static) -> Self {
        self.observer.observe = Some(Arc::new(observe));
        self
    }

    /// Makes the pushes of these public topics also while nobody follows them, which is otherwise spared: for an
    /// [observer](Self::on_push) that wants to know what a client has missed. Those of accounts are always made.
    ///
    /// ```
    /// # fn example() -> Result<(), bitmart_proto::TopicError> {
    /// let builder = bitmart_sim::Simulator::builder().make_always(["futures/trade:BTCUSDT".parse()?]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn make_always(mut self, topics: impl IntoIterator<Item = Topic>) -> Self {
        let named = topics
            .into_iter()
            .map(|topic| (topic.market(), topic.to_string()));
        self.observer.always.extend(named);
        self
    }

    /// How far the exchange's clock is ahead of this machine's, in milliseconds; negative for behind.
    ///
    /// It shows in the login's 60 s window and in the `Date` header, nowhere else.
    pub fn clock_skew_ms(mut self, skew_ms: i64) -> Self {
        self.skew_ms = skew_ms;
        self
    }

    /// Replaces the wall clock: `unix_ms` gives Unix time in milliseconds.
    pub fn wall_clock(mut self, unix_ms: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        self.wall_clock = WallClock::new(unix_ms);
        self
    }

    /// Starts the simulator on the current tokio runtime.
    ///
    /// # Errors
    ///
    /// [`StartError`]: a port is taken, an account can't be one, or the certificates could not be made.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves nothing behind.
    pub async fn start(mut self) -> Result<Simulator, StartError> {
        if self.accounts.is_empty() {
            self.accounts.push(Account::example());
        }
        let authority = Authority::generate().map_err(StartError::tls)?;
        let mut bound = Vec::new();
        if self.is_listening {
            for port in self.ports {
                bound.push(
                    Sockets::bind(port)
                        .await
                        .map_err(|source| StartError::Bind { port, source })?,
                );
            }
        }
        let control = match self.control_port {
            Some(port) => Some(
                control::bind(port)
                    .await
                    .map_err(|source| StartError::Bind { port, source })?,
            ),
            None => None,
        };
        let hub = Arc::new(self.hub()?);
        let (stop, stopped) = watch::channel(false);
        let urls = Urls {
            is_tls: self.tls,
            ports: bound.iter().map(Sockets::port).collect(),
        };
        let tls = self.tls.then(|| authority.acceptor.clone());
        let mut tasks = JoinSet::new();
        for (venue, sockets) in Venue::ALL.into_iter().zip(bound) {
            tasks.spawn(listen(hub.clone(), venue, sockets, tls.clone(), stopped.clone()));
        }
        let mut control_port = None;
        if let Some((listener, port)) = control {
            control_port = Some(port);
            tasks.spawn(control::listen(
                listener,
                hub.clone(),
                urls.clone(),
                stopped.clone(),
            ));
        }
        if let Tick::Every(period) = self.tick {
            tasks.spawn(run_ticks(hub.clone(), period, stopped));
        }
        Ok(Simulator {
            hub,
            urls,
            control_port,
            authority,
            tls,
            stop,
            tasks,
        })
    }

    fn hub(&self) -> Result<Hub, StartError> {
        let mut members = BTreeMap::new();
        for (number, account) in self.accounts.iter().enumerate() {
            let member = Member {
                number,
                signer: account.signer().map_err(StartError::Account)?,
                standing: account.standing(),
            };
            if members.insert(account.key().to_owned(), member).is_some() {
                return Err(StartError::DuplicateKey);
            }
        }
        let listed = |market: Market, own: &[&str]| {
            let extra = self
                .extra_symbols
                .iter()
                .filter(|symbol| symbol.market() == market);
            own.iter()
                .map(ToString::to_string)
                .chain(extra.map(ToString::to_string))
                .collect()
        };
        let directory = Directory {
            members,
            spot_symbols: listed(Market::Spot, &exchange::SPOT_SYMBOLS),
            futures_symbols: listed(Market::Futures, &exchange::FUTURES_SYMBOLS),
            futures_currencies: exchange::FUTURES_CURRENCIES
                .iter()
                .map(ToString::to_string)
                .collect(),
            is_empty_push_sent: self.is_empty_push_sent,
            wording: self.wording,
        };
        let keys: Vec<String> = self
            .accounts
            .iter()
            .map(|account| account.key().to_owned())
            .collect();
        let period = match self.tick {
            Tick::Every(period) => period,
            Tick::Manual => DEFAULT_TICK,
        };
        let exchange = |environment| {
            let builder = Exchange::builder(environment)
                .seed(self.seed)
                .accounts(keys.clone())
                .tick(period)
                .story(self.is_story_told);
            match self.start_ms {
                Some(unix_ms) => builder.start_ms(unix_ms).build(),
                None => builder.build(),
            }
        };
        let (clock, skew_ms) = (self.wall_clock.clone(), self.skew_ms);
        let wall_clock = WallClock::new(move || clock.now_ms().saturating_add_signed(skew_ms));
        let (live, demo) = (exchange(Environment::Live), exchange(Environment::Demo));
        Ok(Hub::new(
            self.seed,
            live,
            demo,
            directory,
            self.limits.clone(),
            wall_clock,
            self.compress,
        )
        .observed_by(self.observer.clone()))
    }
}

/// Steps the exchanges until `stop` turns true.
async fn run_ticks(hub: Arc<Hub>, period: Duration, mut stop: watch::Receiver<bool>) {
    // A period of zero would never let go of the executor.
    let mut ticks = interval(period.max(Duration::from_millis(1)));
    // Late ticks are made up for by waiting, not by a burst: the story is paced for people.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => hub.step(),
            () = stopped(&mut stop) => return,
        }
    }
}

/// Why a simulator didn't start.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError {
    /// A port could not be bound; for port 0, no port at all.
    Bind {
        /// The port that was asked for.
        port: u16,
        /// Why.
        source: io::Error,
    },
    /// An account's key, secret or memo can't be one.
    Account(CredentialsError),
    /// Two accounts have the same key.
    DuplicateKey,
    /// The certificates could not be made.
    Tls(Box<dyn std::error::Error + Send + Sync>),
}

impl StartError {
    fn tls(error: TlsError) -> Self {
        match error {
            TlsError::Certificate(error) => Self::Tls(error.into()),
            TlsError::Config(error) => Self::Tls(error.into()),
        }
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bind { port: 0, source } => write!(f, "no port on loopback can be bound: {source}"),
            Self::Bind { port, source } => {
                write!(
                    f,
                    "port {port} on loopback can't be bound, is it in use? {source}"
                )
            }
            Self::Account(source) => write!(f, "an account can't be one: {source}"),
            Self::DuplicateKey => write!(f, "two accounts have the same key"),
            Self::Tls(source) => write!(f, "the certificates could not be made: {source}"),
        }
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Bind { source, .. } => Some(source),
            Self::Account(source) => Some(source),
            Self::DuplicateKey => None,
            Self::Tls(source) => Some(source.as_ref()),
        }
    }
}

//! From an [`Endpoint`] to a stream on which frames may be sent: DNS, TCP, TLS, HTTP upgrade.
//!
//! ```text
//!  Endpoint ──► Resolve ──► Dial, one by one ──► TLS ──► upgrade ──► Connected { stream, leftover, … }
//!               dns_ms      tcp_ms each          tls_ms  upgrade_ms
//! ```
//!
//! Each step has a deadline, its own errors, and where it touches the outside a seam that tests own. Nothing
//! is spawned: whoever drops the future has closed the socket.

mod dial;
mod endpoint;
mod error;
mod resolve;
mod stream;
mod tcp;
mod tls;
mod upgrade;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;

use bitmart_session::{Bounds, ConfigError};

pub use bitmart_session::{ConnectErrorKind, Retry, TlsFault, UpgradeFault};
pub use dial::{Dial, MAX_ADDRESSES};
pub use endpoint::{Endpoint, EndpointError};
pub use error::{ConnectError, Step};
pub use resolve::{MAX_LOOKUPS, Resolve, SystemResolver};
pub use stream::{Io, Stream};
pub use tcp::TcpOptions;
pub use tls::{RootError, Tls};
pub use upgrade::{MAX_REFUSAL_BODY_BYTES, MAX_RETRY_AFTER_MS};

use dial::{dial_first, in_turns};
use upgrade::{Upgraded, upgrade};

/// What the seams [`Resolve`] and [`Dial`] return, so that they can be trait objects.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// How long each step may take, in milliseconds. The default is five seconds each: over twice the slowest
/// handshake that is still worth having, and short enough that one which hangs costs little. The range of each is
/// [`RANGE`](Self::RANGE).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Deadlines {
    /// The lookup, in milliseconds.
    pub dns_ms: u64,
    /// Each address of the host, in milliseconds. All of them together have three times that; where there are
    /// more than three, each gets its share.
    pub tcp_ms: u64,
    /// The TLS handshake, in milliseconds.
    pub tls_ms: u64,
    /// The HTTP upgrade, in milliseconds, up to the end of the answer's head. The body of a refusal may take
    /// another second.
    pub upgrade_ms: u64,
}

impl Deadlines {
    /// The range of each deadline.
    pub const RANGE: Bounds = Bounds {
        field: "deadlines",
        min: 10,
        max: 120_000,
        unit: "ms",
        reason: "a handshake has to travel there and back, and after two minutes none will come",
    };

    /// Whether the values make sense.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] names the first that doesn't, and its range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let check = |field, value| Bounds { field, ..Self::RANGE }.check(value);
        check("deadlines.dns_ms", self.dns_ms)?;
        check("deadlines.tcp_ms", self.tcp_ms)?;
        check("deadlines.tls_ms", self.tls_ms)?;
        check("deadlines.upgrade_ms", self.upgrade_ms)
    }
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            dns_ms: 5_000,
            tcp_ms: 5_000,
            tls_ms: 5_000,
            upgrade_ms: 5_000,
        }
    }
}

/// How to connect: deadlines, trust, and the seams to the outside.
///
/// ```
/// use bitmart_ws::connect::{ConnectConfig, Deadlines};
///
/// let mut deadlines = Deadlines::default();
/// deadlines.dns_ms = 2_000;
/// let config = ConnectConfig::new().with_deadlines(deadlines);
/// ```
#[derive(Clone)]
pub struct ConnectConfig {
    deadlines: Deadlines,
    tcp: TcpOptions,
    tls: Tls,
    resolver: Arc<dyn Resolve>,
    dial: Option<Arc<dyn Dial>>,
}

impl ConnectConfig {
    /// Five seconds for each step, the public certificate authorities, the system's resolver, TCP.
    #[must_use]
    pub fn new() -> Self {
        Self {
            deadlines: Deadlines::default(),
            tcp: TcpOptions::default(),
            tls: Tls::default(),
            resolver: Arc::new(SystemResolver),
            dial: None,
        }
    }

    /// Whether the deadlines and the settings of TCP make sense.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] names the first that doesn't, and its range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.deadlines.validate()?;
        self.tcp.validate()
    }

    /// With other deadlines.
    #[must_use]
    pub fn with_deadlines(mut self, deadlines: Deadlines) -> Self {
        self.deadlines = deadlines;
        self
    }

    /// With other settings of TCP sockets.
    #[must_use]
    pub fn with_tcp(mut self, tcp: TcpOptions) -> Self {
        self.tcp = tcp;
        self
    }

    /// With other certificate authorities.
    #[must_use]
    pub fn with_tls(mut self, tls: Tls) -> Self {
        self.tls = tls;
        self
    }

    /// With another resolver.
    #[must_use]
    pub fn with_resolver(mut self, resolver: impl Resolve + 'static) -> Self {
        self.resolver = Arc::new(resolver);
        self
    }

    /// With another way to open streams than a TCP socket.
    #[must_use]
    pub fn with_dial(mut self, dial: impl Dial + 'static) -> Self {
        self.dial = Some(Arc::new(dial));
        self
    }
}

impl Default for ConnectConfig {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for ConnectConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectConfig")
            .field("deadlines", &self.deadlines)
            .field("tcp", &self.tcp)
            .finish_non_exhaustive()
    }
}

/// A connection on which the upgrade is done.
#[derive(Debug)]
#[non_exhaustive]
pub struct Connected {
    /// Where frames are read from and written to.
    pub stream: Stream,
    /// What arrived behind the answer to the upgrade: the beginning of the first frames. It comes before
    /// whatever is read from the stream, and fits into the buffer of a new
    /// [`FrameReader`](crate::frame::FrameReader).
    pub leftover: Bytes,
    /// The server's clock when it answered, from its `Date` header, as Unix time in milliseconds. To the
    /// second.
    pub server_date_ms: Option<u64>,
    /// The address that let us in.
    pub address: SocketAddr,
}

/// Connects to an endpoint, up to and including the upgrade to a `WebSocket`.
///
/// `rng` makes the key of the upgrade, which only has to differ from attempt to attempt.
///
/// ```no_run
/// use bitmart_ws::connect::{ConnectConfig, Endpoint, connect};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let endpoint: Endpoint = "wss://ws-manager-compress.bitmart.com/api?protocol=1.1".parse()?;
/// let mut rng = fastrand::Rng::with_seed(7); // in real life: a seed that differs from process to process
/// let connected = connect(&endpoint, &ConnectConfig::new(), &mut rng).await?;
/// println!("connected to {}", connected.address);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// [`ConnectError`] says which step failed, through whose fault, and when to [retry](ConnectError::retry).
///
/// # Cancel safety
///
/// Dropping the future closes the socket and leaves nothing running, but for a lookup that hangs in the
/// operating system (see [`SystemResolver`]). Each call is a new attempt from the beginning.
pub async fn connect(
    endpoint: &Endpoint,
    config: &ConnectConfig,
    rng: &mut fastrand::Rng,
) -> Result<Connected, ConnectError> {
    let addresses = resolve(endpoint, config).await?;
    let tcp_ms = config.deadlines.tcp_ms;
    let (stream, address) = match &config.dial {
        None => {
            let (stream, address) =
                dial_first(&addresses, tcp_ms, |address| config.tcp.dial(address)).await?;
            (secure(stream, endpoint, config).await?, address)
        }
        Some(dial) => {
            let (stream, address) = dial_first(&addresses, tcp_ms, |address| dial.dial(address)).await?;
            (secure(stream, endpoint, config).await?, address)
        }
    };
    let Upgraded {
        stream,
        leftover,
        server_date_ms,
    } = upgrade(stream, endpoint, config.deadlines.upgrade_ms, rng).await?;
    tracing::debug!(target: "bitmart::connection", host = endpoint.host(), %address, leftover_bytes = leftover.len(), "connected");
    Ok(Connected {
        stream,
        leftover,
        server_date_ms,
        address,
    })
}

/// Finds the host's addresses, at least one.
async fn resolve(endpoint: &Endpoint, config: &ConnectConfig) -> Result<Vec<SocketAddr>, ConnectError> {
    if let Some(ip) = endpoint.ip() {
        return Ok(vec![SocketAddr::new(ip, endpoint.port())]);
    }
    let host = endpoint.host();
    let lookup = config.resolver.resolve(host, endpoint.port());
    let addresses = within(config.deadlines.dns_ms, Step::Dns, endpoint, lookup).await?;
    let source = match addresses {
        Ok(addresses) if addresses.is_empty() => io::Error::new(io::ErrorKind::NotFound, "it has no address"),
        Ok(addresses) => return Ok(in_turns(&addresses)),
        Err(error) => error,
    };
    Err(ConnectError::Dns {
        host: host.to_owned(),
        source,
    })
}

/// Puts TLS over a stream, if the endpoint wants it.
async fn secure<S>(stream: S, endpoint: &Endpoint, config: &ConnectConfig) -> Result<Stream, ConnectError>
where
    S: AsyncRead + AsyncWrite + Unpin,
    Stream: From<S> + From<TlsStream<S>>,
{
    let Some(name) = endpoint.server_name() else {
        return Ok(stream.into());
    };
    let handshake = config.tls.handshake(name.clone(), stream);
    match within(config.deadlines.tls_ms, Step::Tls, endpoint, handshake).await? {
        Ok(stream) => Ok(stream.into()),
        Err(source) => {
            let host = endpoint.authority();
            Err(match tls::tls_fault(&source) {
                Some(fault) => ConnectError::Tls { fault, host, source },
                None => ConnectError::Broken {
                    step: Step::Tls,
                    host,
                    source: source.into(),
                },
            })
        }
    }
}

/// Runs a step against its deadline.
async fn within<T>(
    deadline_ms: u64,
    step: Step,
    endpoint: &Endpoint,
    future: impl Future<Output = T>,
) -> Result<T, ConnectError> {
    timeout(Duration::from_millis(deadline_ms), future)
        .await
        .map_err(|_| ConnectError::Timeout {
            step,
            after_ms: deadline_ms,
            host: endpoint.authority(),
        })
}

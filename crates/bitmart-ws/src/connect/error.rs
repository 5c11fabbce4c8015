use std::error::Error;
use std::fmt;
use std::io;
use std::net::SocketAddr;

use bitmart_session::{ConnectErrorKind, Retry, TlsFault, UpgradeFault};

/// How much of a refusal's body a message shows, in characters. [`ConnectError::UpgradeRefused`] holds more
/// of it.
const SHOWN_BODY_CHARS: usize = 160;

/// A step on the way to a connection. Each has a deadline of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Step {
    /// Looking up the host's addresses.
    Dns,
    /// Opening a socket.
    Tcp,
    /// The TLS handshake.
    Tls,
    /// Asking over HTTP for a `WebSocket`.
    Upgrade,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dns => "the DNS lookup",
            Self::Tcp => "the TCP connection",
            Self::Tls => "the TLS handshake",
            Self::Upgrade => "the WebSocket upgrade",
        })
    }
}

/// Why no connection came about. [`retry`](Self::retry) says what to do.
///
/// The texts hold host, port and what the peer said, never a secret.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConnectError {
    /// A step took too long. The network's fault, or the venue's.
    Timeout {
        /// The step.
        step: Step,
        /// Its deadline, in milliseconds.
        after_ms: u64,
        /// The host it was about, with the port unless it is the usual one. So in the other variants.
        host: String,
    },
    /// The lookup failed, or the host has no address. A wrong address, or a network that is down.
    Dns {
        /// The host.
        host: String,
        /// What the resolver said.
        source: io::Error,
    },
    /// None of the addresses let us in. The network's fault, or the venue's.
    Tcp {
        /// The last address tried.
        address: SocketAddr,
        /// How many were tried.
        tried: usize,
        /// What came of the last one; [`io::ErrorKind::TimedOut`] if nothing did.
        source: io::Error,
    },
    /// The server could not prove who it is, or speaks no TLS.
    Tls {
        /// What is wrong.
        fault: TlsFault,
        /// The host.
        host: String,
        /// The particulars.
        source: io::Error,
    },
    /// The transport failed during the TLS handshake or the upgrade.
    Broken {
        /// During which of them.
        step: Step,
        /// The host.
        host: String,
        /// How.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The answer was not that of a `WebSocket` server. The venue's fault, or that of something in between.
    Upgrade {
        /// What is wrong.
        fault: UpgradeFault,
        /// The host.
        host: String,
        /// The particulars, such as the header in question.
        detail: String,
    },
    /// The venue answered with something other than 101. Redirects are among them: they are never followed.
    UpgradeRefused {
        /// The host.
        host: String,
        /// The HTTP status.
        status: u16,
        /// Where a redirect points to.
        location: Option<String>,
        /// The beginning of the body, at most [`MAX_REFUSAL_BODY_BYTES`](super::MAX_REFUSAL_BODY_BYTES) of
        /// it; bytes that are not UTF-8 are replaced.
        body: String,
        /// What `Retry-After` asks for, in milliseconds from the answer on.
        retry_after_ms: Option<u64>,
    },
}

impl ConnectError {
    /// The kind of failure.
    #[must_use]
    pub fn kind(&self) -> ConnectErrorKind {
        match self {
            Self::Timeout { .. } => ConnectErrorKind::Timeout,
            Self::Dns { .. } => ConnectErrorKind::Dns,
            Self::Tcp { .. } => ConnectErrorKind::Tcp,
            Self::Tls { fault, .. } => ConnectErrorKind::Tls(*fault),
            Self::Broken { .. } => ConnectErrorKind::Broken,
            Self::Upgrade { fault, .. } => ConnectErrorKind::Upgrade(*fault),
            Self::UpgradeRefused { status, .. } => ConnectErrorKind::Refused { status: *status },
        }
    }

    /// The step that failed.
    #[must_use]
    pub fn step(&self) -> Step {
        match self {
            Self::Timeout { step, .. } | Self::Broken { step, .. } => *step,
            Self::Dns { .. } => Step::Dns,
            Self::Tcp { .. } => Step::Tcp,
            Self::Tls { .. } => Step::Tls,
            Self::Upgrade { .. } | Self::UpgradeRefused { .. } => Step::Upgrade,
        }
    }

    /// Whether and when another attempt can help.
    ///
    /// ```
    /// use bitmart_ws::connect::{ConnectError, Retry, Step};
    ///
    /// let error = ConnectError::Timeout { step: Step::Tcp, after_ms: 5_000, host: "example.com".into() };
    /// assert_eq!(error.retry(), Retry::Normal);
    /// ```
    #[must_use]
    pub fn retry(&self) -> Retry {
        match self {
            Self::Timeout { .. } | Self::Dns { .. } | Self::Tcp { .. } | Self::Broken { .. } => Retry::Normal,
            Self::Tls { .. } | Self::Upgrade { .. } => Retry::Slow,
            Self::UpgradeRefused {
                retry_after_ms: Some(delay_ms),
                ..
            } => Retry::After { ms: *delay_ms },
            Self::UpgradeRefused {
                status: 408 | 500..=599,
                ..
            } => Retry::Normal,
            Self::UpgradeRefused { .. } => Retry::Slow,
        }
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout { step, after_ms, host } => write!(
                f,
                "{step} to {host} was not done after {after_ms} ms: the network or the venue hangs, try again"
            ),
            Self::Dns { host, source } => write!(
                f,
                "no address found for {host}: {source} (if the name is right, the network or its DNS is down)"
            ),
            Self::Tcp {
                address,
                tried,
                source,
            } => {
                if *tried == 1 {
                    return write!(
                        f,
                        "could not connect to {address}: {source} ({})",
                        tcp_advice(source)
                    );
                }
                write!(
                    f,
                    "could not connect to any of {tried} addresses, the last being {address}: {source} ({})",
                    tcp_advice(source)
                )
            }
            Self::Tls { fault, host, source } => {
                write!(f, "no secure connection to {host}: {fault} ({source})")
            }
            Self::Broken { step, host, source } => {
                write!(
                    f,
                    "the connection to {host} broke during {step}: {source} (the network, or something that is not the \
                     venue; it is tried again)"
                )
            }
            Self::Upgrade { fault, host, detail } => {
                write!(
                    f,
                    "{host} did not answer as a WebSocket server: {fault} ({detail}); check the address"
                )
            }
            Self::UpgradeRefused {
                host,
                status,
                location,
                body,
                retry_after_ms,
            } => {
                write!(
                    f,
                    "{host} refused the WebSocket with HTTP {status}: {}",
                    advice(*status)
                )?;
                if let Some(location) = location {
                    write!(f, "; it points to {location:?}")?;
                }
                if let Some(delay_ms) = retry_after_ms {
                    write!(f, "; it asks for {delay_ms} ms of patience")?;
                }
                let shown: String = body.trim().chars().take(SHOWN_BODY_CHARS).collect();
                if shown.is_empty() {
                    Ok(())
                } else {
                    write!(f, "; it says {shown:?}")
                }
            }
        }
    }
}

fn tcp_advice(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::AddrNotAvailable => {
            "the local address that was asked for is not this machine's, or has no port left"
        }
        _ => "are host and port right, and is the network up?",
    }
}

fn advice(status: u16) -> &'static str {
    match status {
        200..=299 => "this is a web page rather than a WebSocket, check the address",
        300..=399 => "redirects are not followed, check the address",
        401 | 403 | 451 => "check the address, and whether the venue serves this machine's IP and region",
        400 | 404 | 405 | 410 | 426 => "check the address, above all its path",
        408 => "the network is slow, try again",
        429 => "too many connections, wait",
        500..=599 => "the venue is in trouble, try again later",
        _ => "not an answer that a WebSocket server gives",
    }
}

impl Error for ConnectError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Dns { source, .. } | Self::Tcp { source, .. } | Self::Tls { source, .. } => Some(source),
            Self::Broken { source, .. } => Some(&**source),
            Self::Timeout { .. } | Self::Upgrade { .. } | Self::UpgradeRefused { .. } => None,
        }
    }
}

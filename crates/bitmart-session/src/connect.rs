//! What can go wrong with opening a socket, as far as a program may want to know. Drivers tell; `bitmart-ws` tells all.

use std::fmt;

/// What kind of trouble there was with opening a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConnectErrorKind {
    /// A deadline passed.
    Timeout,
    /// The host has no address, or none that could be found.
    Dns,
    /// No address accepted a connection.
    Tcp,
    /// The TLS handshake failed.
    Tls(TlsFault),
    /// The connection broke before the upgrade was over.
    Broken,
    /// The answer was not that of a `WebSocket` server.
    Upgrade(UpgradeFault),
    /// The venue answered, and refused.
    Refused {
        /// The HTTP status.
        status: u16,
    },
}

/// What is wrong with an answer to the upgrade that is a 101, or not even HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum UpgradeFault {
    /// Not HTTP, or HTTP over our bounds.
    NotHttp,
    /// `Upgrade` is not `websocket`, or `Connection` doesn't hold `upgrade`.
    NotUpgraded,
    /// `Sec-WebSocket-Accept` is not what follows from our key: an answer to somebody else, perhaps from a
    /// cache.
    WrongAccept,
    /// An extension that was not asked for.
    UnrequestedExtension,
    /// A subprotocol that was not asked for.
    UnrequestedProtocol,
}

impl fmt::Display for UpgradeFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotHttp => {
                "what came is not HTTP/1.1 (a server with TLS wants wss://), or its head is over the bounds"
            }
            Self::NotUpgraded => "its 101 is not for a WebSocket",
            Self::WrongAccept => {
                "its Sec-WebSocket-Accept doesn't belong to our key, as if it came from a cache"
            }
            Self::UnrequestedExtension => "it imposes an extension that was not asked for",
            Self::UnrequestedProtocol => "it imposes a subprotocol that was not asked for",
        })
    }
}

/// Why a TLS handshake failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TlsFault {
    /// The certificate comes from an authority that is not trusted here.
    UnknownAuthority,
    /// The certificate has expired, or this machine's clock is ahead.
    Expired,
    /// The certificate is not valid yet, or this machine's clock is behind.
    NotYetValid,
    /// The certificate is for another host.
    WrongName,
    /// The certificate is bad in another way.
    BadCertificate,
    /// The peer speaks no TLS, or none that is acceptable, or refuses ours.
    Protocol,
}

impl fmt::Display for TlsFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnknownAuthority => {
                "its certificate comes from an authority that is not trusted here; if it is your own server, \
                 add its root certificate, else somebody may be listening in"
            }
            Self::Expired => {
                "its certificate has expired; if others can connect, this machine's clock is ahead"
            }
            Self::NotYetValid => "its certificate is not valid yet; this machine's clock is probably behind",
            Self::WrongName => "its certificate is for another host; check the address",
            Self::BadCertificate => "its certificate is bad",
            Self::Protocol => "it speaks no TLS that is acceptable; check the address and the port (a server of your own without TLS wants ws://)",
        })
    }
}

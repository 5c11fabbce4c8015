use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use http::uri::PathAndQuery;
use rustls::pki_types::ServerName;

const WSS_PORT: u16 = 443;
const WS_PORT: u16 = 80;

/// Where to connect to: an address of the form `wss://host[:port][/path][?query]`, checked.
///
/// ```
/// use bitmart_ws::connect::Endpoint;
///
/// let endpoint: Endpoint = "wss://ws-manager-compress.bitmart.com/user?protocol=1.1".parse()?;
/// assert_eq!((endpoint.host(), endpoint.port()), ("ws-manager-compress.bitmart.com", 443));
/// assert_eq!(endpoint.target(), "/user?protocol=1.1");
///
/// let error = "ws://example.com/".parse::<Endpoint>().unwrap_err();
/// assert!(error.to_string().contains("wss://"));
/// # Ok::<(), bitmart_ws::connect::EndpointError>(())
/// ```
///
/// `ws://` would put logins and orders on the network in the clear: it is accepted for `localhost` and
/// loopback addresses only, or through [`parse_allowing_plaintext`](Self::parse_allowing_plaintext).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    host: String,
    ip: Option<IpAddr>,
    port: u16,
    target: PathAndQuery,
    /// The name that the certificate has to bear; `None` for `ws://`.
    server_name: Option<ServerName<'static>>,
}

impl Endpoint {
    /// Parses an address, and accepts `ws://` for any host.
    ///
    /// For a proxy on a network that you trust. Everything, logins included, goes unencrypted.
    ///
    /// # Errors
    ///
    /// [`EndpointError`], as for [`str::parse`], but never [`EndpointError::Plaintext`].
    pub fn parse_allowing_plaintext(text: &str) -> Result<Self, EndpointError> {
        let (scheme, rest) = text.split_once("://").ok_or(EndpointError::NoScheme)?;
        let is_tls = match scheme.to_ascii_lowercase().as_str() {
            "wss" => true,
            "ws" => false,
            _ => return Err(EndpointError::Scheme),
        };
        if rest.contains('#') {
            return Err(EndpointError::Fragment);
        }
        let (authority, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err(EndpointError::UserInfo);
        }
        let (host, ip, port) = split_authority(authority)?;
        let port = match port {
            Some(port) => parse_port(port)?,
            None if is_tls => WSS_PORT,
            None => WS_PORT,
        };
        let host = ip.map_or_else(|| host.to_ascii_lowercase(), |ip| ip.to_string());
        let server_name = ServerName::try_from(host.clone()).map_err(|_| EndpointError::Host)?;
        Ok(Self {
            host,
            ip,
            port,
            target: parse_target(target)?,
            server_name: is_tls.then_some(server_name),
        })
    }

    /// The host name in lower case, or the IP address without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The IP address, if the host is one.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        self.ip
    }

    /// The port, which is 443 for `wss://` and 80 for `ws://` unless the address says otherwise.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Path and query, as they are sent.
    #[must_use]
    pub fn target(&self) -> &str {
        self.target.as_str()
    }

    /// Whether the connection is encrypted.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.server_name.is_some()
    }

    /// Whether the host is this machine, going by its name alone.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.ip.map_or(self.host == "localhost", |ip| ip.is_loopback())
    }

    /// Host and port as the `Host` header has them: brackets around IPv6, no port if it is the scheme's own.
    #[must_use]
    pub fn authority(&self) -> String {
        let is_own_port = self.port == if self.is_tls() { WSS_PORT } else { WS_PORT };
        match (self.ip, is_own_port) {
            (Some(IpAddr::V6(ip)), true) => format!("[{ip}]"),
            (Some(IpAddr::V6(ip)), false) => format!("[{ip}]:{}", self.port),
            (_, true) => self.host.clone(),
            (_, false) => format!("{}:{}", self.host, self.port),
        }
    }

    pub(super) fn server_name(&self) -> Option<&ServerName<'static>> {
        self.server_name.as_ref()
    }

    pub(super) fn path_and_query(&self) -> &PathAndQuery {
        &self.target
    }
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        let endpoint = Self::parse_allowing_plaintext(text)?;
        if endpoint.is_tls() || endpoint.is_loopback() {
            Ok(endpoint)
        } else {
            Err(EndpointError::Plaintext)
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_tls() { "wss" } else { "ws" };
        write!(f, "{scheme}://{}{}", self.authority(), self.target)
    }
}

/// Splits `host[:port]`, where the host may be an IPv6 address in brackets.
fn split_authority(authority: &str) -> Result<(&str, Option<IpAddr>, Option<&str>), EndpointError> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (ip, behind) = rest.split_once(']').ok_or(EndpointError::Ipv6)?;
        let address: Ipv6Addr = ip.parse().map_err(|_| EndpointError::Ipv6)?;
        let port = match behind {
            "" => None,
            _ => Some(behind.strip_prefix(':').ok_or(EndpointError::Port)?),
        };
        return Ok((ip, Some(address.into()), port));
    }
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    };
    if port.is_some_and(|port| port.contains(':')) {
        return Err(EndpointError::Ipv6);
    }
    if host.is_empty() {
        return Err(EndpointError::NoHost);
    }
    let ip = host.parse::<Ipv4Addr>().ok().map(IpAddr::from);
    let is_numeric = host.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if is_numeric && ip.is_none() {
        return Err(EndpointError::Host);
    }
    Ok((host, ip, port))
}

fn parse_port(text: &str) -> Result<u16, EndpointError> {
    // `u16::from_str` takes a sign.
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(EndpointError::Port);
    }
    text.parse()
        .ok()
        .filter(|&port| port != 0)
        .ok_or(EndpointError::Port)
}

fn parse_target(text: &str) -> Result<PathAndQuery, EndpointError> {
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(EndpointError::Target);
    }
    let slash = if text.starts_with('/') { "" } else { "/" };
    PathAndQuery::try_from(format!("{slash}{text}")).map_err(|_| EndpointError::Target)
}

/// What is wrong with an address. Always the caller's to mend; the address itself is not repeated, for it may
/// hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EndpointError {
    /// There is no `://`.
    NoScheme,
    /// The scheme is neither `wss` nor `ws`.
    Scheme,
    /// `ws://` to another machine.
    Plaintext,
    /// The host is missing.
    NoHost,
    /// The host is neither a DNS name nor an IP address.
    Host,
    /// An IPv6 address is broken, or lacks its brackets.
    Ipv6,
    /// The port is not a number from 1 to 65535.
    Port,
    /// There is a user name or password, which `WebSocket` addresses don't have.
    UserInfo,
    /// There is a fragment, which `WebSocket` addresses don't have.
    Fragment,
    /// The path or query holds a character that has to be percent-encoded.
    Target,
}

impl fmt::Display for EndpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the address ")?;
        f.write_str(match self {
            Self::NoScheme => "has no scheme: write wss://host/path",
            Self::Scheme => "has a scheme that is not wss or ws: write wss://host/path",
            Self::Plaintext => {
                "is unencrypted and not on this machine: write wss://, or allow plaintext explicitly \
                 if the network is yours"
            }
            Self::NoHost => "has no host: write wss://host/path",
            Self::Host => {
                "has a host that is neither a DNS name nor an IP address \
                 (write names outside ASCII in their xn-- form)"
            }
            Self::Ipv6 => {
                "has a broken IPv6 address: write it in brackets and without a zone, as in wss://[::1]:443/"
            }
            Self::Port => "has a port that is not a number from 1 to 65535",
            Self::UserInfo => "has a user name or password: leave out what stands before the @",
            Self::Fragment => "has a fragment: leave out the # and what follows",
            Self::Target => {
                "has a space, a control or a non-ASCII character in its path or query: percent-encode it"
            }
        })
    }
}

impl std::error::Error for EndpointError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_apart() {
        let cases = [
            ("wss://example.com", "example.com", 443, "/", "example.com"),
            (
                "WSS://Example.COM:443/a?b=c",
                "example.com",
                443,
                "/a?b=c",
                "example.com",
            ),
            (
                "wss://example.com:8443/?x",
                "example.com",
                8443,
                "/?x",
                "example.com:8443",
            ),
            (
                "wss://example.com?x=1",
                "example.com",
                443,
                "/?x=1",
                "example.com",
            ),
            ("wss://10.0.0.1/a", "10.0.0.1", 443, "/a", "10.0.0.1"),
            ("wss://[2001:DB8::1]/a", "2001:db8::1", 443, "/a", "[2001:db8::1]"),
            ("wss://[::1]:9443/a", "::1", 9443, "/a", "[::1]:9443"),
            ("ws://localhost", "localhost", 80, "/", "localhost"),
            ("ws://127.0.0.2:8080/x", "127.0.0.2", 8080, "/x", "127.0.0.2:8080"),
            ("ws://[::1]:80/x", "::1", 80, "/x", "[::1]"),
        ];
        for (text, host, port, target, authority) in cases {
            let endpoint: Endpoint = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(
                (endpoint.host(), endpoint.port(), endpoint.target()),
                (host, port, target),
                "{text}"
            );
            assert_eq!(endpoint.authority(), authority, "{text}");
            assert_eq!(endpoint.to_string().parse(), Ok(endpoint), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let cases = [
            ("", EndpointError::NoScheme),
            ("example.com/path", EndpointError::NoScheme),
            ("https://example.com", EndpointError::Scheme),
            ("://example.com", EndpointError::Scheme),
            ("ws://example.com", EndpointError::Plaintext),
            ("ws://10.0.0.1", EndpointError::Plaintext),
            ("ws://localhost.example.com", EndpointError::Plaintext),
            ("wss://", EndpointError::NoHost),
            ("wss:///path", EndpointError::NoHost),
            ("wss://:443", EndpointError::NoHost),
            ("wss://exa mple.com", EndpointError::Host),
            ("wss://bücher.example", EndpointError::Host),
            ("wss://256.0.0.1", EndpointError::Host),
            ("wss://1.2.3", EndpointError::Host),
            ("wss://example..com", EndpointError::Host),
            ("wss://::1/", EndpointError::Ipv6),
            ("wss://[::1", EndpointError::Ipv6),
            ("wss://[fe80::1%eth0]/", EndpointError::Ipv6),
            ("wss://[example.com]/", EndpointError::Ipv6),
            ("wss://[::1]443/", EndpointError::Port),
            ("wss://example.com:", EndpointError::Port),
            ("wss://example.com:0", EndpointError::Port),
            ("wss://example.com:+1", EndpointError::Port),
            ("wss://example.com:65536", EndpointError::Port),
            ("wss://user:pass@example.com", EndpointError::UserInfo),
            ("wss://example.com/a#b", EndpointError::Fragment),
            ("wss://example.com/a b", EndpointError::Target),
            ("wss://example.com/ü", EndpointError::Target),
            ("wss://example.com/a\r\nHost: evil", EndpointError::Target),
        ];
        for (text, error) in cases {
            assert_eq!(text.parse::<Endpoint>(), Err(error), "{text}");
        }
    }

    #[test]
    fn plaintext_needs_an_explicit_word() {
        assert!(
            Endpoint::parse_allowing_plaintext("ws://10.0.0.1/").is_ok_and(|endpoint| !endpoint.is_tls())
        );
    }
}

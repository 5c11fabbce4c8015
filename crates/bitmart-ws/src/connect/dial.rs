use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::timeout;

use super::{BoxFuture, ConnectError, Io};

/// How many of a host's addresses are tried in one attempt. Large content networks give eight of each family;
/// after the first of each, more tell little.
pub const MAX_ADDRESSES: usize = 8;

/// How many times the TCP deadline all addresses together may take. Each gets an equal share of that, so that
/// every address is tried before the time is up, and at most the deadline itself.
const TOTAL_TCP_DEADLINES: u64 = 3;

/// Opens a byte stream to an address.
///
/// The seam for simulated networks and for proxies. Without one, a TCP socket is opened as
/// [`TcpOptions`](super::TcpOptions) say, and the stream is used without dynamic dispatch.
pub trait Dial: Send + Sync {
    /// Opens a stream. Dropping the future gives the attempt up.
    ///
    /// # Errors
    ///
    /// As the network has it; the next address is tried then.
    fn dial(&self, address: SocketAddr) -> BoxFuture<'_, io::Result<Box<dyn Io>>>;
}

/// Tries the addresses in turn until one answers.
pub(super) async fn dial_first<S, F>(
    addresses: &[SocketAddr],
    deadline_ms: u64,
    dial: impl Fn(SocketAddr) -> F,
) -> Result<(S, SocketAddr), ConnectError>
where
    F: Future<Output = io::Result<S>>,
{
    let share_ms = TOTAL_TCP_DEADLINES.saturating_mul(deadline_ms) / addresses.len().max(1) as u64;
    let each_ms = deadline_ms.min(share_ms);
    let mut last = None;
    for &address in addresses {
        let source = match timeout(Duration::from_millis(each_ms), dial(address)).await {
            Ok(Ok(stream)) => return Ok((stream, address)),
            Ok(Err(error)) => error,
            Err(_) => io::Error::new(io::ErrorKind::TimedOut, format!("no answer within {each_ms} ms")),
        };
        tracing::debug!(target: "bitmart::connection", %address, error = %source, "an address did not answer");
        last = Some((address, source));
    }
    let (address, source) = last.expect("the caller has at least one address");
    Err(ConnectError::Tcp {
        address,
        tried: addresses.len(),
        source,
    })
}

/// Takes turns between the families, beginning with that of the first address, and drops what is over the
/// bound.
///
/// Where one family leads nowhere, the other is reached at the second try, however many addresses the first
/// has.
pub(super) fn in_turns(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let Some(first) = addresses.first() else {
        return Vec::new();
    };
    let (like_first, others): (Vec<_>, Vec<_>) = addresses
        .iter()
        .partition::<Vec<SocketAddr>, _>(|address| address.is_ipv4() == first.is_ipv4());
    let mut others = others.into_iter();
    let mut turns = Vec::with_capacity(addresses.len());
    for address in like_first {
        turns.push(address);
        turns.extend(others.next());
    }
    turns.extend(others);
    turns.truncate(MAX_ADDRESSES);
    turns
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(hosts: &[&str]) -> Vec<SocketAddr> {
        hosts
            .iter()
            .map(|host| SocketAddr::new(host.parse().unwrap(), 443))
            .collect()
    }

    #[test]
    fn families_take_turns() {
        let six = [
            "::1", "::2", "::3", "::4", "::5", "::6", "::7", "::8", "10.0.0.1", "10.0.0.2",
        ];
        let expected = ["::1", "10.0.0.1", "::2", "10.0.0.2", "::3", "::4", "::5", "::6"];
        assert_eq!(in_turns(&addresses(&six)), addresses(&expected));
        assert_eq!(
            in_turns(&addresses(&["10.0.0.1", "::1", "::2", "::3"])),
            addresses(&["10.0.0.1", "::1", "::2", "::3"])
        );
        assert_eq!(in_turns(&[]), []);
    }
}

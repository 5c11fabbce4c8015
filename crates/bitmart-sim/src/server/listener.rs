use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;

use super::connection;
use super::hub::Hub;
use crate::venue::Venue;

/// Connections that one listener serves at a time; more wait in the kernel's backlog.
const MAX_CONNECTIONS: usize = 4_096;
/// How often a free port is looked for on which IPv6 loopback is free as well.
const PORT_ATTEMPTS: usize = 8;
/// The pause after a failed accept, which is usually the process running out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A port on loopback, on both IP versions where there are both: `localhost` may resolve to either first.
#[derive(Debug)]
pub(crate) struct Sockets {
    v4: TcpListener,
    v6: Option<TcpListener>,
    port: u16,
}

impl Sockets {
    /// Binds a port; 0 takes a free one.
    pub(crate) async fn bind(port: u16) -> io::Result<Self> {
        let mut attempts = PORT_ATTEMPTS;
        loop {
            let v4 = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await?;
            let bound = v4.local_addr()?.port();
            match TcpListener::bind(SocketAddr::from((Ipv6Addr::LOCALHOST, bound))).await {
                Ok(v6) => {
                    return Ok(Self {
                        v4,
                        v6: Some(v6),
                        port: bound,
                    });
                }
                // Somebody else has it on IPv6: a client that tries that first would meet them.
                Err(error) if error.kind() == ErrorKind::AddrInUse && attempts > 0 && port == 0 => {
                    attempts -= 1;
                }
                Err(error) if error.kind() == ErrorKind::AddrInUse => return Err(error),
                // No IPv6 here.
                Err(_) => {
                    return Ok(Self {
                        v4,
                        v6: None,
                        port: bound,
                    });
                }
            }
        }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    async fn accept(&self) -> io::Result<TcpStream> {
        let v6 = async {
            match &self.v6 {
                Some(listener) => listener.accept().await,
                None => std::future::pending().await,
            }
        };
        let (stream, _) = tokio::select! {
            accepted = self.v4.accept() => accepted?,
            accepted = v6 => accepted?,
        };
        Ok(stream)
    }
}

/// Accepts and serves until `stop` turns true, then waits for the connections to end. Dropping it aborts them.
pub(crate) async fn listen(
    hub: Arc<Hub>,
    venue: Venue,
    sockets: Sockets,
    tls: Option<TlsAcceptor>,
    mut stop: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = sockets.accept(), if connections.len() < MAX_CONNECTIONS => match accepted {
                Ok(stream) => {
                    connections.spawn(serve_tcp(hub.clone(), venue, stream, tls.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, ?venue, "accept failed");
                    sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(ended) = connections.join_next() => note(ended),
            () = stopped(&mut stop) => break,
        }
    }
    drop(sockets);
    while let Some(ended) = connections.join_next().await {
        note(ended);
    }
}

/// Waits until the simulator stops. Cancel-safe.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that the simulator is gone, which is a stop as well.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// A panic in a connection's task is a bug of ours: it is reported, and the others go on.
fn note(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a connection's task failed");
    }
}

async fn serve_tcp(hub: Arc<Hub>, venue: Venue, stream: TcpStream, tls: Option<TlsAcceptor>) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "no TCP_NODELAY");
    }
    connection::serve(hub, venue, tls.as_ref(), stream, reset_on_drop).await;
}

fn reset_on_drop(stream: &TcpStream) {
    if let Err(error) = stream.set_zero_linger() {
        tracing::debug!(%error, "the connection ends without a reset");
    }
}

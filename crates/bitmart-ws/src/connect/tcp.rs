use std::io;
use std::net::{IpAddr, SocketAddr};

use bitmart_session::{Bounds, ConfigError};
use tokio::net::{TcpSocket, TcpStream};

/// How TCP sockets are set up, where no [`Dial`](super::Dial) of one's own opens them.
///
/// ```
/// use bitmart_ws::connect::TcpOptions;
///
/// let mut tcp = TcpOptions::default();
/// tcp.receive_buffer_bytes = Some(1 << 20);
/// tcp.local_address = Some("127.0.0.1".parse()?);
/// assert!(tcp.nodelay && tcp.validate().is_ok());
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TcpOptions {
    /// `TCP_NODELAY`. Default true: a login or a ping is not to wait for the acknowledgement of what went before.
    pub nodelay: bool,
    /// `SO_KEEPALIVE`, with the system's intervals. Default false: the session's own pings find a dead peer sooner.
    pub keepalive: bool,
    /// `SO_RCVBUF` in bytes. Default `None`, the system's, which on most grows by itself; range
    /// [`BUFFER`](Self::BUFFER).
    pub receive_buffer_bytes: Option<u32>,
    /// `SO_SNDBUF` in bytes. Default `None`, the system's; range [`BUFFER`](Self::BUFFER).
    pub send_buffer_bytes: Option<u32>,
    /// The address of this machine to connect from. Default `None`, the system's choice. The exchange counts
    /// connections by address, so a machine with several may spread them.
    pub local_address: Option<IpAddr>,
}

impl TcpOptions {
    /// Range of [`receive_buffer_bytes`](Self::receive_buffer_bytes) and
    /// [`send_buffer_bytes`](Self::send_buffer_bytes).
    pub const BUFFER: Bounds = Bounds {
        field: "tcp buffer",
        min: 4_096,
        max: 256 << 20,
        unit: "bytes",
        reason: "less holds hardly a message, and no system grants more",
    };

    /// Whether the values make sense.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] names the first that doesn't, and its range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let buffers = [
            ("tcp.receive_buffer_bytes", self.receive_buffer_bytes),
            ("tcp.send_buffer_bytes", self.send_buffer_bytes),
        ];
        for (field, bytes) in buffers {
            if let Some(bytes) = bytes {
                Bounds {
                    field,
                    ..Self::BUFFER
                }
                .check(u64::from(bytes))?;
            }
        }
        Ok(())
    }

    /// Opens a socket to an address.
    pub(super) async fn dial(&self, address: SocketAddr) -> io::Result<TcpStream> {
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        socket.set_nodelay(self.nodelay)?;
        socket.set_keepalive(self.keepalive)?;
        if let Some(bytes) = self.receive_buffer_bytes {
            socket.set_recv_buffer_size(bytes)?;
        }
        if let Some(bytes) = self.send_buffer_bytes {
            socket.set_send_buffer_size(bytes)?;
        }
        if let Some(local) = self.local_address {
            socket.bind(SocketAddr::new(local, 0)).map_err(|error| {
                io::Error::new(error.kind(), format!("can't connect from {local}: {error}"))
            })?;
        }
        socket.connect(address).await
    }
}

impl Default for TcpOptions {
    fn default() -> Self {
        Self {
            nodelay: true,
            keepalive: false,
            receive_buffer_bytes: None,
            send_buffer_bytes: None,
            local_address: None,
        }
    }
}

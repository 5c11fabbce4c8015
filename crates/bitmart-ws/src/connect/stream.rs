use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// What a [`Dial`](super::Dial) of your own returns: any byte stream.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// The byte stream under a connection: plain or TLS, over TCP or over what a [`Dial`](super::Dial) gave.
///
/// Over TCP it is called directly; only streams of a custom `Dial` are called through a pointer. Over TLS
/// nothing leaves before a flush.
pub struct Stream {
    inner: Inner,
}

enum Inner {
    Tcp(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    Custom(Box<dyn Io>),
    CustomTls(Box<TlsStream<Box<dyn Io>>>),
}

impl Stream {
    /// Whether the stream is encrypted.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        matches!(self.inner, Inner::Tls(_) | Inner::CustomTls(_))
    }

    fn name(&self) -> &'static str {
        match self.inner {
            Inner::Tcp(_) => "Tcp",
            Inner::Tls(_) => "Tls",
            Inner::Custom(_) => "Custom",
            Inner::CustomTls(_) => "CustomTls",
        }
    }
}

impl From<TcpStream> for Stream {
    fn from(stream: TcpStream) -> Self {
        Self {
            inner: Inner::Tcp(stream),
        }
    }
}

impl From<Box<dyn Io>> for Stream {
    fn from(stream: Box<dyn Io>) -> Self {
        Self {
            inner: Inner::Custom(stream),
        }
    }
}

impl From<TlsStream<TcpStream>> for Stream {
    fn from(stream: TlsStream<TcpStream>) -> Self {
        Self {
            inner: Inner::Tls(Box::new(stream)),
        }
    }
}

impl From<TlsStream<Box<dyn Io>>> for Stream {
    fn from(stream: TlsStream<Box<dyn Io>>) -> Self {
        Self {
            inner: Inner::CustomTls(Box::new(stream)),
        }
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Stream").field(&self.name()).finish()
    }
}

/// Calls a method of whichever stream there is.
macro_rules! delegate {
    ($self:ident.$method:ident($($argument:expr),*)) => {
        match &mut $self.get_mut().inner {
            Inner::Tcp(stream) => Pin::new(stream).$method($($argument),*),
            Inner::Tls(stream) => Pin::new(stream).$method($($argument),*),
            Inner::Custom(stream) => Pin::new(stream).$method($($argument),*),
            Inner::CustomTls(stream) => Pin::new(stream).$method($($argument),*),
        }
    };
}

impl AsyncRead for Stream {
    #[inline]
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        delegate!(self.poll_read(cx, buf))
    }
}

impl AsyncWrite for Stream {
    #[inline]
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        delegate!(self.poll_write(cx, buf))
    }

    #[inline]
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        delegate!(self.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        delegate!(self.poll_shutdown(cx))
    }
}

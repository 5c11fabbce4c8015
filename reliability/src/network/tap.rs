//! What lies between the client and the simulated network: it watches what goes by, and can break.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll, Waker, ready};

use bitmart::ConnectionId;
use bitmart::ws::connect::{BoxFuture, Dial, Io, Resolve};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use turmoil::net::TcpStream;

use super::exchange::{EXCHANGE, STANDBY, place};
use super::journal::{Fact, Journal, now};
use super::schedule::{NamesTrouble, Transport};
use super::wire::{Kind, Wire, Writer};

/// The first byte of a TLS connection: a handshake record (RFC 8446, section 5.1).
const TLS_HANDSHAKE: u8 = 0x16;

/// Whether a stream has been reset from outside.
#[derive(Debug, Default)]
struct Life {
    is_over: AtomicBool,
    reader: Mutex<Option<Waker>>,
}

/// Every stream that is open, on either end.
///
/// In a simulated network, what a partition swallows is never sent again, so that a stream that lived through one is
/// mute for ever without either end being told. In a real one it is reset sooner or later; here, at the partition's
/// end.
#[derive(Clone, Debug, Default)]
pub(super) struct Streams {
    lives: Arc<Mutex<Vec<Weak<Life>>>>,
}

impl Streams {
    pub(super) fn reset_all(&self) {
        let lives = std::mem::take(&mut *self.lives.lock().unwrap_or_else(PoisonError::into_inner));
        for life in lives.iter().filter_map(Weak::upgrade) {
            life.is_over.store(true, Ordering::Relaxed);
            let reader = life.reader.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(reader) = reader {
                reader.wake();
            }
        }
    }

    pub(super) fn add(&self, io: TcpStream) -> Fragile {
        let life = Arc::new(Life::default());
        let mut lives = self.lives.lock().unwrap_or_else(PoisonError::into_inner);
        lives.retain(|life| life.strong_count() > 0);
        lives.push(Arc::downgrade(&life));
        Fragile { io, life }
    }
}

/// A stream that can be reset from outside.
#[derive(Debug)]
pub(super) struct Fragile {
    io: TcpStream,
    life: Arc<Life>,
}

impl Fragile {
    fn check(&self) -> io::Result<()> {
        match self.life.is_over.load(Ordering::Relaxed) {
            true => Err(io::ErrorKind::ConnectionReset.into()),
            false => Ok(()),
        }
    }
}

impl AsyncRead for Fragile {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.check()?;
        let mut reader = this.life.reader.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *reader {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
        drop(reader);
        Pin::new(&mut this.io).poll_read(cx, buf)
    }
}

impl AsyncWrite for Fragile {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.check()?;
        Pin::new(&mut this.io).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.check()?;
        Pin::new(&mut this.io).poll_shutdown(cx)
    }
}

/// The exchange's end of an encrypted stream, above the encryption: the frames that it writes are seen here.
#[derive(Debug)]
pub(super) struct Watched<S> {
    io: S,
    connection: ConnectionId,
    journal: Journal,
    outbound: Wire,
}

impl<S> Watched<S> {
    pub(super) fn new(io: S, connection: ConnectionId, journal: Journal) -> Self {
        Self {
            io,
            connection,
            journal,
            outbound: Wire::new(Writer::Server),
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let poll = Pin::new(&mut this.io).poll_write(cx, buf);
        if let Poll::Ready(Ok(count)) = &poll {
            let frames = this.outbound.feed(&buf[..*count]);
            if frames.iter().any(|frame| frame.kind == Kind::Close) {
                this.journal.note(this.connection, Fact::CloseSeen);
            }
        }
        poll
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(cx)
    }
}

/// Dials the exchange through the simulated network, and listens in.
#[derive(Clone, Debug)]
pub(super) struct Dialer {
    pub(super) journal: Journal,
    pub(super) streams: Streams,
    pub(super) transport: Transport,
    /// Nothing leaves before a flush.
    pub(super) is_lazy: bool,
}

impl Dial for Dialer {
    fn dial(&self, address: SocketAddr) -> BoxFuture<'_, io::Result<Box<dyn Io>>> {
        Box::pin(async move {
            let (market, side) = place(address.port());
            let connection = self.journal.connection(market, side);
            self.journal.dialled(connection);
            let stream = TcpStream::connect(address).await?;
            Ok(Box::new(Tap {
                io: self.streams.add(stream),
                connection,
                journal: self.journal.clone(),
                transport: self.transport,
                inbound: Wire::new(Writer::Server),
                outbound: Wire::new(Writer::Client),
                has_written: false,
                dry_at: now(),
                unflushed: self.is_lazy.then(Vec::new),
            }) as Box<dyn Io>)
        })
    }
}

/// The client's end of a stream, listened to.
#[derive(Debug)]
struct Tap {
    io: Fragile,
    connection: ConnectionId,
    journal: Journal,
    transport: Transport,
    inbound: Wire,
    outbound: Wire,
    has_written: bool,
    /// When there was last nothing to read.
    dry_at: u64,
    /// What waits for a flush, in a stream that keeps it until then.
    unflushed: Option<Vec<u8>>,
}

impl Tap {
    /// Writes what waits for a flush.
    fn poll_unflushed(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(waiting) = &mut self.unflushed
            && !waiting.is_empty()
        {
            let count = ready!(Pin::new(&mut self.io).poll_write(cx, waiting))?;
            waiting.drain(..count);
        }
        Poll::Ready(Ok(()))
    }

    fn note_read(&mut self, bytes: &[u8]) {
        let is_news = match self.transport {
            Transport::Plain => {
                let frames = self.inbound.feed(bytes);
                for frame in &frames {
                    match frame.kind {
                        Kind::Close => self.journal.note(self.connection, Fact::CloseSeen),
                        Kind::Text => self.journal.arrived(self.connection, &frame.payload),
                        _ => {}
                    }
                }
                !frames.is_empty()
            }
            Transport::Tls => !bytes.is_empty(),
        };
        if is_news {
            let dry_at = self.dry_at;
            self.journal.note(self.connection, Fact::Frame { dry_at });
        }
    }

    fn note_written(&mut self, bytes: &[u8]) {
        let is_first = !std::mem::replace(&mut self.has_written, true);
        if self.transport == Transport::Tls {
            if is_first && bytes.first().is_some_and(|first| *first != TLS_HANDSHAKE) {
                self.journal
                    .violate(self.connection, "P6: spoken in plain text where TLS is asked for");
            }
            return;
        }
        for frame in self.outbound.feed(bytes) {
            match frame.kind {
                Kind::Text | Kind::Binary => self.journal.note(self.connection, Fact::Transmitted),
                // The client has ended it: what still comes is for nobody.
                Kind::Close => self.inbound.end(),
                Kind::Ping | Kind::Pong => {}
            }
        }
    }
}

impl AsyncRead for Tap {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        let poll = Pin::new(&mut this.io).poll_read(cx, buf);
        match &poll {
            Poll::Ready(Ok(())) => this.note_read(&buf.filled()[before..]),
            // A task that has done its share is told so as well.
            Poll::Pending if tokio::task::coop::has_budget_remaining() => this.dry_at = now(),
            Poll::Pending => {}
            Poll::Ready(Err(_)) => {}
        }
        poll
    }
}

impl AsyncWrite for Tap {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let poll = match &mut this.unflushed {
            Some(waiting) => {
                waiting.extend_from_slice(buf);
                Poll::Ready(Ok(buf.len()))
            }
            None => Pin::new(&mut this.io).poll_write(cx, buf),
        };
        if let Poll::Ready(Ok(count)) = &poll {
            this.note_written(&buf[..*count]);
        }
        poll
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_unflushed(cx))?;
        Pin::new(&mut this.io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_unflushed(cx))?;
        Pin::new(&mut this.io).poll_shutdown(cx)
    }
}

/// Looks names up in the simulated network, unless there is trouble.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    trouble: Arc<Mutex<Option<NamesTrouble>>>,
}

impl Names {
    pub(super) fn set(&self, trouble: Option<NamesTrouble>) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }
}

impl Resolve for Names {
    fn resolve<'a>(&'a self, _host: &'a str, port: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        let trouble = *self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        Box::pin(async move {
            let name = match trouble {
                None => EXCHANGE,
                Some(NamesTrouble::Moved) => STANDBY,
                Some(NamesTrouble::Fail) => return Err(io::Error::other("no answer from the name server")),
                Some(NamesTrouble::Hang) => std::future::pending().await,
            };
            Ok(vec![SocketAddr::new(turmoil::lookup(name), port)])
        })
    }
}

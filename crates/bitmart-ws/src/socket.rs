use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::connect::Stream;
use crate::frame::{FrameReader, FrameWriter, Kind};

/// Reads that a farewell makes in one go. A peer that never stops sending must not keep the deadline from being
/// looked at.
const READS_PER_POLL: usize = 16;

/// An open WebSocket: the stream, and the frames on their way in and out.
pub(crate) struct Socket {
    stream: Stream,
    pub(crate) reader: FrameReader,
    pub(crate) writer: FrameWriter,
    is_unflushed: bool,
}

impl Socket {
    pub(crate) fn new(stream: Stream) -> Self {
        Self {
            stream,
            reader: FrameReader::new(),
            writer: FrameWriter::new(),
            is_unflushed: false,
        }
    }

    /// Reads once into the reader. 0 means that the peer has ended the stream.
    pub(crate) fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut space = ReadBuf::new(self.reader.space());
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut space))?;
        let count = space.filled().len();
        self.reader.filled(count);
        Poll::Ready(Ok(count))
    }

    /// Writes what is queued and flushes it: over TLS nothing leaves without that.
    pub(crate) fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let pending = self.writer.pending();
            if pending.is_empty() {
                break;
            }
            let count = ready!(Pin::new(&mut self.stream).poll_write(cx, pending))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.writer.consumed(count);
            self.is_unflushed = true;
        }
        if self.is_unflushed {
            ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
            self.is_unflushed = false;
        }
        Poll::Ready(Ok(()))
    }
}

/// A socket that is being said good-bye to, beside whatever comes next.
pub(crate) struct Farewell {
    socket: Socket,
    /// When to stop being polite.
    pub(crate) deadline: u64,
    /// Whether the peer has yet to close on its side.
    awaits_peer: bool,
}

impl Farewell {
    /// Says good-bye first.
    pub(crate) fn first(mut socket: Socket, code: u16, reason: &str, deadline: u64) -> Self {
        // There is always room for a close frame, and the codes are ours.
        let _ = socket.writer.close(Some(code), reason);
        Self {
            socket,
            deadline,
            awaits_peer: true,
        }
    }

    /// Answers the peer's good-bye with the same code.
    pub(crate) fn echo(mut socket: Socket, code: Option<u16>, deadline: u64) -> Self {
        let _ = socket.writer.close(code, "");
        Self {
            socket,
            deadline,
            awaits_peer: false,
        }
    }

    /// Ready once there is nothing left to say or to wait for. What still comes in is discarded.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if ready!(self.socket.poll_write(cx)).is_err() {
            return Poll::Ready(());
        }
        let mut reads = 0;
        while self.awaits_peer {
            if reads == READS_PER_POLL {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            reads += 1;
            loop {
                match self.socket.reader.advance() {
                    Ok(Some(head)) if matches!(head.kind(), Kind::Close { .. }) => self.awaits_peer = false,
                    Ok(Some(_)) => {}
                    Ok(None) => break,
                    // It broke the protocol, so there is nothing to wait for.
                    Err(_) => {
                        self.awaits_peer = false;
                        break;
                    }
                }
            }
            if self.awaits_peer {
                match ready!(self.socket.poll_read(cx)) {
                    Ok(count) if count > 0 => {}
                    _ => return Poll::Ready(()),
                }
            }
        }
        let _ = ready!(Pin::new(&mut self.socket.stream).poll_shutdown(cx));
        Poll::Ready(())
    }
}

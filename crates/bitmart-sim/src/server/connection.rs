//! One connection from its first byte to its last, over anything that reads and writes.

use std::convert::Infallible;
use std::future::pending;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bitmart_proto::Market;
use bytes::{Bytes, BytesMut};
use fastwebsockets::{Frame, OpCode, Payload, Role, WebSocketError, WebSocketRead, WebSocketWrite};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufWriter, split};
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::handshake::{self, Ask};
use super::hub::{Guest, Hub};
use super::outbox::{Abort, Outbox, Outgoing};
use crate::clock::monotonic;
use crate::fault::UpgradeFault;
use crate::http::drain;
use crate::protocol::max_message_bytes;
use crate::venue::{Endpoint, Venue};

/// How long a client may take for the TLS handshake.
const TLS_DEADLINE: Duration = Duration::from_secs(10);
/// How long a client may take for its request.
const REQUEST_DEADLINE: Duration = Duration::from_secs(10);
/// How long either side's part of a close may take, all in all.
const CLOSE_DEADLINE: Duration = Duration::from_secs(1);
/// Without a frame in either direction for this long, spot closes (documented; futures was seen not to).
const SPOT_IDLE: Duration = Duration::from_secs(20);
/// How often futures sends a ping frame (seen once, 54.5 s after the connection began).
const FUTURES_PING: Duration = Duration::from_millis(54_500);
/// Bytes gathered before a write, so that a burst is one system call.
const WRITE_BUFFER_BYTES: usize = 32 << 10;
/// Frames that one message may come in.
const MAX_FRAGMENTS: usize = 256;

const CLOSE_NORMAL: u16 = 1000;
const CLOSE_PROTOCOL_ERROR: u16 = 1002;
const CLOSE_BAD_TEXT: u16 = 1007;
const CLOSE_TOO_BIG: u16 = 1009;

/// Performs the TLS handshake. A client that fails it has told us nothing that anybody waits for.
pub(crate) async fn accept_tls<Io>(tls: &TlsAcceptor, io: Io) -> Option<TlsStream<Io>>
where
    Io: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    match timeout(TLS_DEADLINE, tls.accept(io)).await {
        Ok(Ok(stream)) => return Some(stream),
        Ok(Err(error)) => tracing::debug!(%error, "TLS handshake failed"),
        Err(_) => tracing::debug!("TLS handshake took too long"),
    }
    None
}

/// Serves one connection until it ends. `arm_reset` makes the following drop a reset, where that can be done.
pub(crate) async fn serve<Io>(hub: Arc<Hub>, venue: Venue, mut io: Io, arm_reset: fn(&Io))
where
    Io: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let Ok(Ok(Some(request))) = timeout(REQUEST_DEADLINE, handshake::read_request(&mut io)).await else {
        return;
    };
    let (side, key) = match request.ask {
        Ask::Upgrade { side, key } => (side, key),
        Ask::Bad { status, text } => {
            hub.count_bad_request(venue);
            return handshake::refuse(&mut io, status, None, text, &hub.http_date()).await;
        }
    };
    let endpoint = Endpoint { venue, side };
    let (ordinal, fault) = hub.admit(endpoint);
    let is_accept_wrong = match fault {
        None => false,
        Some(UpgradeFault::WrongAccept) => true,
        Some(UpgradeFault::Refuse { status, retry_after }) => {
            let text = "refused by a fault";
            return handshake::refuse(&mut io, status, retry_after, text, &hub.http_date()).await;
        }
        Some(UpgradeFault::Stall) => return drain(&mut io).await,
    };
    let head = handshake::acceptance(&key, is_accept_wrong, &hub.http_date());
    // Registered before the client hears of it: what it causes from then on finds the connection open.
    let guest = hub.open(endpoint, ordinal);
    let (mut read, mut write) = split(io);
    let abort = converse(&guest, &head, request.leftover, &mut read, &mut write).await;
    if abort == Some(Abort::Overflow) {
        guest.stats().overflows.add(1);
    }
    if matches!(abort, Some(Abort::Reset | Abort::Overflow)) {
        arm_reset(&read.unsplit(write));
    }
}

/// Answers the upgrade and speaks WebSocket until one side ends it; the way it was cut short, if it was.
async fn converse<R, W>(
    guest: &Guest,
    head: &str,
    leftover: BytesMut,
    read: &mut R,
    write: &mut W,
) -> Option<Abort>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let outbox = guest.outbox();
    let traffic = Traffic::new();
    let (abort, deadline) = {
        let mut buffered = BufWriter::with_capacity(WRITE_BUFFER_BYTES, &mut *write);
        buffered.write_all(head.as_bytes()).await.ok()?;
        // What is queued already leaves together with the head: clients have lost such bytes.
        if outbox.is_empty() {
            tokio::select! {
                flushed = buffered.flush() => flushed.ok()?,
                abort = outbox.aborted() => return Some(abort),
                () = overdue_close(outbox) => return Some(Abort::Cut),
            }
        }
        let early = std::io::Cursor::new(leftover);
        let (from_client, to_client) =
            fastwebsockets::after_handshake_split(early.chain(&mut *read), buffered, Role::Server);
        let mut reader = pin!(read_all(from_client, guest, &traffic));
        let mut writer = pin!(write_all(to_client, guest, &traffic));
        let first = tokio::select! {
            end = &mut reader => First::Read(end),
            is_closed = &mut writer => First::Wrote { is_closed },
            abort = outbox.aborted() => First::Abort(abort),
            () = overdue_close(outbox) => First::Abort(Abort::Cut),
            never = close_when_idle(guest, &traffic) => match never {},
        };
        let deadline = monotonic() + CLOSE_DEADLINE;
        let abort = match first {
            First::Abort(abort) => return Some(abort),
            First::Read(ReadEnd::Gone) | First::Wrote { is_closed: false } => return None,
            First::Read(ReadEnd::Closing) if outbox.is_silent() => None,
            // Each waits for the other's half of the close; past the deadline it is given up.
            First::Read(ReadEnd::Closing) => tokio::select! {
                _ = timeout_at(deadline, &mut writer) => None,
                abort = outbox.aborted() => Some(abort),
            },
            First::Wrote { is_closed: true } => tokio::select! {
                _ = timeout_at(deadline, &mut reader) => None,
                abort = outbox.aborted() => Some(abort),
            },
        };
        (abort, deadline)
    };
    if abort.is_some() {
        return abort;
    }
    if outbox.is_silent() {
        return tokio::select! {
            () = drain(read) => None,
            abort = outbox.aborted() => Some(abort),
        };
    }
    let goodbye = async {
        if write.shutdown().await.is_ok() {
            drain(read).await;
        }
    };
    // Past the deadline it is still tried once, without waiting.
    let _ = timeout_at(deadline, goodbye).await;
    None
}

/// Waits until a close has been queued and not been written in its time: the client doesn't read.
async fn overdue_close(outbox: &Outbox) {
    outbox.closing().await;
    sleep(CLOSE_DEADLINE).await;
}

enum First {
    Read(ReadEnd),
    Wrote { is_closed: bool },
    Abort(Abort),
}

/// Why reading ended.
enum ReadEnd {
    /// The stream ended or failed.
    Gone,
    /// A close was received or is due, and our half of it is queued.
    Closing,
}

/// When the last frame went in either direction, in milliseconds since the connection began.
struct Traffic {
    began: Instant,
    last_ms: AtomicU64,
}

impl Traffic {
    fn new() -> Self {
        Self {
            began: monotonic(),
            last_ms: AtomicU64::new(0),
        }
    }

    fn note(&self) {
        let now = u64::try_from((monotonic() - self.began).as_millis()).unwrap_or(u64::MAX);
        self.last_ms.store(now, Ordering::Relaxed);
    }

    fn last(&self) -> Instant {
        self.began + Duration::from_millis(self.last_ms.load(Ordering::Relaxed))
    }
}

/// Queues a close once a spot connection is idle; never returns.
async fn close_when_idle(guest: &Guest, traffic: &Traffic) -> Infallible {
    if guest.market() == Market::Spot {
        loop {
            let due = traffic.last() + SPOT_IDLE;
            if due <= monotonic() {
                guest.outbox().push(Outgoing::close(CLOSE_NORMAL, ""));
                break;
            }
            sleep_until(due).await;
        }
    }
    pending().await
}

/// Reads frames, hands the messages to the hub, and queues our half of a close. Only the whole conversation
/// drops this future: fastwebsockets loses its place when a read is dropped.
async fn read_all<R: AsyncRead + Unpin>(
    mut frames: WebSocketRead<R>,
    guest: &Guest,
    traffic: &Traffic,
) -> ReadEnd {
    let outbox = guest.outbox();
    frames.set_auto_close(false);
    frames.set_auto_pong(false);
    // It refuses a frame whose length equals its bound.
    frames.set_max_message_size(max_message_bytes(guest.market()) + 1);
    let mut message = Assembly::default();
    let code = loop {
        // Nothing is sent on our behalf: both automatisms are off.
        let frame = frames
            .read_frame(&mut |_| async { Ok::<_, Infallible>(()) })
            .await;
        traffic.note();
        let frame = match frame {
            Ok(frame) => frame,
            Err(WebSocketError::FrameTooLarge | WebSocketError::PingFrameTooLarge) => break CLOSE_TOO_BIG,
            Err(WebSocketError::InvalidUTF8) => break CLOSE_BAD_TEXT,
            Err(WebSocketError::UnexpectedEOF | WebSocketError::IoError(_)) => return ReadEnd::Gone,
            Err(_) => break CLOSE_PROTOCOL_ERROR,
        };
        match frame.opcode {
            OpCode::Text | OpCode::Binary | OpCode::Continuation => match message.add(guest.market(), &frame)
            {
                Ok(Some(text)) => guest.handle(text),
                Ok(None) => {}
                Err(code) => break code,
            },
            OpCode::Ping => {
                outbox.push(Outgoing::Pong(Bytes::copy_from_slice(&frame.payload)));
            }
            OpCode::Pong => {}
            OpCode::Close => {
                if is_proper_close(&frame.payload) {
                    outbox.push(Outgoing::Close(Bytes::copy_from_slice(&frame.payload)));
                    return ReadEnd::Closing;
                }
                break CLOSE_PROTOCOL_ERROR;
            }
        }
    };
    outbox.push(Outgoing::close(code, ""));
    ReadEnd::Closing
}

/// Whether a close frame's payload may be sent back: empty, or a code that may be sent and a UTF-8 reason.
fn is_proper_close(payload: &[u8]) -> bool {
    match payload {
        [] => true,
        [high, low, reason @ ..] => {
            let code = u16::from_be_bytes([*high, *low]);
            let is_sendable = matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
            is_sendable && std::str::from_utf8(reason).is_ok()
        }
        [_] => false,
    }
}

/// A message in the making. fastwebsockets has a collector, but its bound is per frame and an illegal fragment
/// replaces a message silently.
#[derive(Default)]
struct Assembly {
    /// `None` between messages.
    partial: Option<Vec<u8>>,
    fragments: usize,
    text: String,
}

impl Assembly {
    /// Adds a data frame; the message, once it is complete, or the code to close with.
    fn add(&mut self, market: Market, frame: &Frame<'_>) -> Result<Option<&str>, u16> {
        let is_continuation = frame.opcode == OpCode::Continuation;
        if is_continuation != self.partial.is_some() {
            return Err(CLOSE_PROTOCOL_ERROR);
        }
        let partial = self.partial.get_or_insert_default();
        self.fragments += 1;
        if partial.len() + frame.payload.len() > max_message_bytes(market) || self.fragments > MAX_FRAGMENTS {
            return Err(CLOSE_TOO_BIG);
        }
        partial.extend_from_slice(&frame.payload);
        if !frame.fin {
            return Ok(None);
        }
        self.fragments = 0;
        // A binary message is taken for text: nothing says what the exchange does with one.
        self.text = String::from_utf8(self.partial.take().unwrap_or_default()).map_err(|_| CLOSE_BAD_TEXT)?;
        Ok(Some(&self.text))
    }
}

/// Writes what the outbox holds until a close has gone out (true) or the client is gone (false).
async fn write_all<W: AsyncWrite + Unpin>(
    mut frames: WebSocketWrite<W>,
    guest: &Guest,
    traffic: &Traffic,
) -> bool {
    let outbox: &Outbox = guest.outbox();
    let mut batch = Vec::new();
    let mut next_ping = monotonic() + FUTURES_PING;
    loop {
        let is_ping_due = async {
            match guest.market() {
                Market::Futures => sleep_until(next_ping).await,
                Market::Spot => pending().await,
            }
        };
        tokio::select! {
            () = outbox.next_batch(&mut batch) => {}
            () = is_ping_due => {
                next_ping += FUTURES_PING;
                if outbox.is_silent() {
                    continue;
                }
                let ping = Frame::new(true, OpCode::Ping, None, Payload::Borrowed(&[]));
                if frames.write_frame(ping).await.is_err() || frames.flush().await.is_err() {
                    return false;
                }
                continue;
            }
        }
        let mut is_closed = false;
        let mut messages = 0;
        for outgoing in &batch {
            let frame = match outgoing {
                Outgoing::Text(text) => Frame::text(Payload::Borrowed(text)),
                Outgoing::Binary(bytes) => Frame::binary(Payload::Borrowed(bytes)),
                Outgoing::Pong(payload) => Frame::pong(Payload::Borrowed(payload)),
                Outgoing::Close(payload) => Frame::close_raw(Payload::Borrowed(payload)),
            };
            messages += u64::from(matches!(frame.opcode, OpCode::Text | OpCode::Binary));
            is_closed |= frame.opcode == OpCode::Close;
            if frames.write_frame(frame).await.is_err() {
                return false;
            }
        }
        batch.clear();
        if frames.flush().await.is_err() {
            return false;
        }
        traffic.note();
        guest.stats().messages_out.add(messages);
        if is_closed {
            return true;
        }
    }
}

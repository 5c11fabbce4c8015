//! One connection from its first byte to its last, over anything that reads and writes.

use std::convert::Infallible;
use std::future::pending;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use fastwebsockets::{Frame, OpCode, Role, WebSocketError, WebSocketRead};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufWriter, split};
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::handshake::{self, Acceptance, Ask};
use super::hub::{Admission, Guest, Hub, Refusal};
use super::outbox::{Abort, Outbox, Outgoing};
use super::writer::{MAX_FRAME_HEAD_BYTES, WriteEnd, write_all};
use crate::clock::{later, monotonic};
use crate::fault::{AcceptFault, UpgradeFault};
use crate::http::{self, drain};
use crate::venue::{Endpoint, Venue};

/// How long a client may take for the TLS handshake.
const TLS_DEADLINE: Duration = Duration::from_secs(10);
/// How long a client may take for its request.
const REQUEST_DEADLINE: Duration = Duration::from_secs(10);
/// How long either side's part of a close may take, all in all.
const CLOSE_DEADLINE: Duration = Duration::from_secs(1);
/// How often a close is tried again on a connection that a fault keeps silent.
const CLOSE_RETRY: Duration = Duration::from_millis(100);
/// Bytes gathered before a write, so that a burst is one system call.
const WRITE_BUFFER_BYTES: usize = 32 << 10;
/// Frames that one message may come in.
const MAX_FRAGMENTS: usize = 256;

const CLOSE_NORMAL: u16 = 1000;
const CLOSE_PROTOCOL_ERROR: u16 = 1002;
const CLOSE_BAD_TEXT: u16 = 1007;
const CLOSE_TOO_BIG: u16 = 1009;

/// Serves one connection until it ends: the faults before the first byte, TLS if there is any, the upgrade, the
/// frames. `arm_reset` makes the following drop a reset, where that can be done.
pub(crate) async fn serve<Io>(
    hub: Arc<Hub>,
    venue: Venue,
    tls: Option<&TlsAcceptor>,
    mut io: Io,
    arm_reset: fn(&Io),
) where
    Io: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    match hub.meet(venue) {
        None => {}
        Some(AcceptFault::Reset) => return arm_reset(&io),
        Some(AcceptFault::Stall) => return drain(&mut io).await,
    }
    let Some(tls) = tls else {
        return serve_upgrade(&hub, venue, io, arm_reset).await;
    };
    if let Some(io) = accept_tls(tls, io).await {
        serve_upgrade(&hub, venue, io, |io| arm_reset(io.get_ref().0)).await;
    }
}

/// Performs the TLS handshake. A client that fails it has told us nothing that anybody waits for.
async fn accept_tls<Io>(tls: &TlsAcceptor, io: Io) -> Option<TlsStream<Io>>
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

async fn serve_upgrade<Io>(hub: &Arc<Hub>, venue: Venue, mut io: Io, arm_reset: impl Fn(&Io))
where
    Io: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let Ok(Ok(Some(request))) = timeout(REQUEST_DEADLINE, handshake::read_request(&mut io)).await else {
        return;
    };
    let date = hub.http_date();
    let (side, key) = match request.ask {
        Ask::Upgrade { side, key } => (side, key),
        Ask::Bad { status, text } => {
            hub.count_bad_request(venue);
            return handshake::refuse(&mut io, status, "", text, &date).await;
        }
    };
    let endpoint = Endpoint { venue, side };
    let Admission {
        ordinal,
        faults,
        refusal,
    } = hub.admit(endpoint);
    let mut acceptance = Acceptance::new(&key, &date);
    for fault in faults {
        match fault {
            UpgradeFault::WrongAccept => acceptance.spoil(),
            UpgradeFault::AddHeader { name, value } => acceptance.add(&name, &value),
            UpgradeFault::Refuse { status, extra_lines } => {
                return handshake::refuse(&mut io, status, &extra_lines, "refused by a fault", &date).await;
            }
            UpgradeFault::Answer(bytes) => {
                return http::send_and_leave(&mut io, &acceptance.fill_in(&bytes)).await;
            }
            UpgradeFault::Stall => return drain(&mut io).await,
        }
    }
    let farewell = match refusal {
        None => None,
        Some(Refusal::Message(text)) => Some(text),
        Some(Refusal::Answer { status, text }) => {
            return handshake::refuse(&mut io, status, "", text, &date).await;
        }
    };
    // Registered before the client hears of it: what it causes from then on finds the connection open.
    let guest = hub.open(endpoint, ordinal, farewell);
    let (mut read, mut write) = split(io);
    let head = acceptance.head();
    let abort = converse(&guest, &head, request.leftover, &mut read, &mut write).await;
    // Before the client can see the end, and come again.
    guest.leave();
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
            // Biased, here and below: with the same seed, the same happens.
            tokio::select! {
                biased;
                flushed = buffered.flush() => flushed.ok()?,
                abort = outbox.aborted() => return Some(abort),
                () = overdue_close(outbox) => return Some(Abort::Cut),
            }
        }
        let early = std::io::Cursor::new(leftover);
        let (from_client, _) =
            fastwebsockets::after_handshake_split(early.chain(&mut *read), tokio::io::empty(), Role::Server);
        let mut reader = pin!(read_all(from_client, guest, &traffic));
        let mut writer = pin!(write_all(buffered, guest, &traffic));
        let first = tokio::select! {
            biased;
            abort = outbox.aborted() => First::Abort(abort),
            () = overdue_close(outbox) => First::Abort(Abort::Cut),
            end = &mut reader => First::Read(end),
            end = &mut writer => First::Wrote(end),
            never = close_when_idle(guest, &traffic) => match never {},
            never = close_when_topicless(guest) => match never {},
        };
        let deadline = monotonic() + CLOSE_DEADLINE;
        let abort = match first {
            First::Abort(abort) => return Some(abort),
            First::Read(ReadEnd::Gone) | First::Wrote(WriteEnd::Gone) => return None,
            First::Wrote(WriteEnd::Torn) => return Some(Abort::Cut),
            First::Read(ReadEnd::Closing) if outbox.is_silent() => None,
            // Each waits for the other's half of the close; past the deadline it is given up.
            First::Read(ReadEnd::Closing) => tokio::select! {
                biased;
                _ = timeout_at(deadline, &mut writer) => None,
                abort = outbox.aborted() => Some(abort),
            },
            First::Wrote(WriteEnd::Closed) => tokio::select! {
                biased;
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
            biased;
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
    Wrote(WriteEnd),
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
pub(super) struct Traffic {
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

    pub(super) fn note(&self) {
        let now = u64::try_from((monotonic() - self.began).as_millis()).unwrap_or(u64::MAX);
        self.last_ms.store(now, Ordering::Relaxed);
    }

    fn last(&self) -> Instant {
        self.began + Duration::from_millis(self.last_ms.load(Ordering::Relaxed))
    }
}

/// Queues a close once no frame has come or gone for too long; never returns.
async fn close_when_idle(guest: &Guest, traffic: &Traffic) -> Infallible {
    if let Some(limit) = guest.idle_limit() {
        loop {
            let due = later(traffic.last(), limit);
            close_or_wait(guest, due).await;
        }
    }
    pending().await
}

/// Queues a close once the connection has been without a topic for too long; never returns.
async fn close_when_topicless(guest: &Guest) -> Infallible {
    if let Some(limit) = guest.topicless_limit() {
        loop {
            // With a topic now, it can't be due before the limit from now.
            let due = later(guest.topicless_since().unwrap_or_else(monotonic), limit);
            close_or_wait(guest, due).await;
        }
    }
    pending().await
}

/// Queues a close if it is due, or waits until it may be. A silent connection takes none, and is closed once it
/// speaks again.
async fn close_or_wait(guest: &Guest, due: Instant) {
    if due > monotonic() {
        return sleep_until(due).await;
    }
    if guest.outbox().push(Outgoing::close(CLOSE_NORMAL, "")) {
        return pending().await;
    }
    sleep(CLOSE_RETRY).await;
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
    let max_bytes = guest.max_message_bytes();
    frames.set_max_message_size(max_bytes + 1);
    let mut message = Assembly::default();
    let code = loop {
        outbox.has_room().await;
        // Nothing is sent on our behalf: both automatisms are off.
        let frame = frames
            .read_frame(&mut |_| async { Ok::<_, Infallible>(()) })
            .await;
        traffic.note();
        let mut frame = match frame {
            Ok(frame) => frame,
            Err(WebSocketError::FrameTooLarge | WebSocketError::PingFrameTooLarge) => break CLOSE_TOO_BIG,
            Err(WebSocketError::InvalidUTF8) => break CLOSE_BAD_TEXT,
            Err(WebSocketError::UnexpectedEOF | WebSocketError::IoError(_)) => return ReadEnd::Gone,
            Err(_) => break CLOSE_PROTOCOL_ERROR,
        };
        if !is_masked(&mut frame) {
            break CLOSE_PROTOCOL_ERROR;
        }
        match frame.opcode {
            OpCode::Text | OpCode::Binary | OpCode::Continuation => match message.add(max_bytes, &frame) {
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

/// Whether a frame came masked, as RFC 6455, section 5.1, has it of a client. fastwebsockets takes either and keeps
/// the mask to itself, but for the head that it would write again.
fn is_masked(frame: &mut Frame<'_>) -> bool {
    const MASK_BIT: u8 = 0x80;
    let mut head = [0; MAX_FRAME_HEAD_BYTES];
    frame.fmt_head(&mut head);
    head[1] & MASK_BIT != 0
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
    fn add(&mut self, max_bytes: usize, frame: &Frame<'_>) -> Result<Option<&str>, u16> {
        let is_continuation = frame.opcode == OpCode::Continuation;
        if is_continuation != self.partial.is_some() {
            return Err(CLOSE_PROTOCOL_ERROR);
        }
        let partial = self.partial.get_or_insert_default();
        self.fragments += 1;
        if partial.len() + frame.payload.len() > max_bytes || self.fragments > MAX_FRAGMENTS {
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

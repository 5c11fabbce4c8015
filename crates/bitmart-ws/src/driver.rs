mod messages;
mod opening;

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bitmart_auth::{SharedSigner, SignError, Signature};
use bitmart_proto::{Decoder, Inflater, Operation, Reply, Topic};
use bitmart_session::time::{MINUTE, SECOND};
use bitmart_session::{Cause, CommandError, Epoch, Event, Order, Session, Status, Transmit};
use tracing::{Span, trace};

use crate::connect::{ConnectError, Connected};
use crate::connection::ConnectionConfig;
use crate::frame::Head;
use crate::incoming::{Counters, MessageError};
use crate::log::{connection_span, log_event};
use crate::socket::{Farewell, Socket};

/// How long a good-bye may take, in nanoseconds.
const CLOSE_TIMEOUT: u64 = SECOND;

/// How long a host that complains about the number of connections is left alone by the whole process, in
/// nanoseconds.
const COOL_OFF: u64 = MINUTE;

/// How long a socket on which nothing can be written is read for what its peer has yet to say, in nanoseconds: as long
/// as any other wait of the transport's.
const LAST_WORDS_TIMEOUT: u64 = 5 * SECOND;

/// How much is lent of what had been read before a socket is cut, in bytes: one read, unless it was compressed, and
/// the longest message then.
const MAX_LENT_BEFORE_CUT_BYTES: usize = bitmart_proto::limits::MAX_TEXT_BYTES;

/// Bytes kept of each text in an answer. The exchange's own have less than half of it.
const MAX_REPLY_TEXT_BYTES: usize = 256;

/// Close code of an orderly end.
const NORMAL_CLOSURE: u16 = 1000;

/// Feeds a session with what happens on a socket, and the socket with what the session wants.
pub(crate) struct Driver {
    session: Session,
    signer: Option<SharedSigner>,
    /// The signer's key, for taking it out of what others say; empty without one.
    key: Box<str>,
    /// A signature that is being waited for.
    signing: Option<Signing>,
    config: ConnectionConfig,
    rng: fastrand::Rng,
    link: Link,
    /// Cut the socket as soon as what was read from it has been lent, or so many bytes of it.
    cut_after: Option<usize>,
    /// Nothing can be written any more. What the peer sent before is read to its end all the same: a close frame may
    /// say why.
    write_failure: Option<WriteFailure>,
    farewell: Option<Farewell>,
    decoder: Decoder,
    inflater: Inflater,
    /// The answer that is due to the user before the events that follow from it.
    response: Option<Reply<'static>>,
    scratch: Vec<u8>,
    counters: Counters,
    /// When the clock was last read: at the last socket read, or since.
    now: u64,
    /// When the socket was last read.
    read_at: u64,
    /// Something has changed since the session's outputs were last drained.
    is_dirty: bool,
    /// The read that brought these frames has not been put down as a whole frame yet.
    is_frame_due: bool,
    timer: Option<Pin<Box<tokio::time::Sleep>>>,
    /// When the session, or the link, is to be looked at again.
    wake_at: Option<u64>,
    timer_at: Option<u64>,
    /// What the log's events belong to: this connection and its present epoch.
    span: Span,
    span_epoch: Epoch,
}

struct WriteFailure {
    cause: Cause,
    /// When the socket is given up, unless more is read by then…
    deadline: u64,
    /// …and when at the latest.
    end: u64,
}

struct Signing {
    epoch: Epoch,
    signature: Pin<Box<dyn Future<Output = Result<Signature, SignError>> + Send>>,
}

enum Link {
    Down,
    /// Waits for its time, and then for its place in the budget.
    Waiting {
        until: u64,
        has_place: bool,
    },
    Opening(Pin<Box<dyn Future<Output = Result<Connected, ConnectError>> + Send>>),
    Up(Box<Socket>),
}

/// What [`Driver::poll_ready`] found; holds no borrow, so that the loop can end before the lending begins.
pub(crate) enum Item {
    Event(Event),
    Response(Reply<'static>),
    Push(Place),
    Unknown(Place),
    Undecodable(Place, MessageError),
}

/// Where a message's text lies.
#[derive(Clone, Copy)]
pub(crate) enum Place {
    /// In the frame reader.
    Frame(Head),
    /// In the inflater.
    Inflated,
}

impl Driver {
    pub(crate) fn new(
        session: Session,
        signer: Option<SharedSigner>,
        config: ConnectionConfig,
        seed: u64,
    ) -> Self {
        let span_epoch = Epoch(1);
        Self {
            span: connection_span(session.id(), span_epoch),
            span_epoch,
            session,
            key: signer.as_ref().map_or("", SharedSigner::key).into(),
            signer,
            signing: None,
            rng: fastrand::Rng::with_seed(seed),
            link: Link::Down,
            cut_after: None,
            write_failure: None,
            farewell: None,
            decoder: Decoder::new(),
            inflater: Inflater::new(),
            response: None,
            scratch: Vec::new(),
            counters: Counters::default(),
            now: 0,
            read_at: 0,
            is_dirty: true,
            is_frame_due: false,
            timer: None,
            wake_at: None,
            timer_at: None,
            config,
        }
    }

    pub(crate) fn session(&self) -> &Session {
        &self.session
    }

    pub(crate) fn counters(&self) -> Counters {
        let mut counters = self.counters;
        if let Link::Up(socket) = &self.link {
            let counts = socket.reader.counts();
            counters.control_frames += counts.control;
            counters.data_frames += counts.data;
            counters.messages += counts.messages;
        }
        counters
    }

    pub(crate) fn subscribe(&mut self, topic: Topic) -> Result<(), CommandError> {
        self.is_dirty = true;
        self.session.subscribe(topic)
    }

    pub(crate) fn unsubscribe(&mut self, topic: &Topic) -> bool {
        self.is_dirty = true;
        self.now = self.config.clock.now_ns();
        self.session.unsubscribe(self.now, topic)
    }

    pub(crate) fn close(&mut self) {
        self.is_dirty = true;
        self.session.shutdown();
    }

    /// Stops reading, and opens no socket.
    pub(crate) fn pause(&mut self) {
        self.is_dirty = true;
        self.session.pause();
    }

    /// Reads again.
    pub(crate) fn resume(&mut self) {
        self.is_dirty = true;
        self.now = self.config.clock.now_ns();
        self.session.resume(self.now);
        if let Some(failure) = &mut self.write_failure {
            failure.deadline = self.now + CLOSE_TIMEOUT;
            failure.end = self.now + LAST_WORDS_TIMEOUT;
        }
    }

    /// Cuts the socket once what was read from it has been lent.
    pub(crate) fn cut(&mut self) {
        if matches!(self.link, Link::Up(_)) {
            self.cut_after.get_or_insert(MAX_LENT_BEFORE_CUT_BYTES);
        }
    }

    /// Does all there is to do until there is something to lend; `None` once the connection is over.
    ///
    /// Holds no state in a future: whoever drops the poll loses nothing.
    pub(crate) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Option<Item>> {
        if self.session.status() == Status::Idle {
            self.now = self.config.clock.now_ns();
            self.session.start(self.now, self.config.clock.wall_ms());
        }
        loop {
            if let Some(reply) = self.response.take() {
                return Poll::Ready(Some(Item::Response(reply)));
            }
            if self.is_dirty {
                self.now = self.config.clock.now_ns();
                self.follow_orders();
                self.transmit();
                // Not only when the reads run dry, and before the events: a ping or a login must not wait until the user
                // has taken all there is.
                self.poll_write(cx);
                if let Some(event) = self.session.poll_event() {
                    log_event(&self.span, &event);
                    return Poll::Ready(Some(Item::Event(event)));
                }
                self.is_dirty = false;
                self.open_when_due();
                self.schedule();
                if self.is_dirty {
                    continue;
                }
            }
            if self.is_over() && self.poll_farewell(cx).is_ready() {
                return Poll::Ready(None);
            }
            if self.poll_signing(cx).is_ready() {
                continue;
            }
            let progress = match &mut self.link {
                Link::Up(_) => match self.poll_socket(cx) {
                    Poll::Ready(Some(item)) => return Poll::Ready(Some(item)),
                    Poll::Ready(None) => true,
                    Poll::Pending => false,
                },
                Link::Opening(opening) => match opening.as_mut().poll(cx) {
                    Poll::Ready(result) => {
                        self.finish_opening(result);
                        true
                    }
                    Poll::Pending => false,
                },
                Link::Down | Link::Waiting { .. } => false,
            };
            if progress {
                continue;
            }
            if self.farewell.is_some() && self.poll_farewell(cx).is_ready() {
                self.is_dirty = true;
                continue;
            }
            match self.poll_timer(cx) {
                Poll::Ready(()) => self.handle_timeout(),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    fn is_over(&self) -> bool {
        matches!(self.link, Link::Down) && self.session.status() == Status::Terminated
    }

    // What the session wants.

    fn follow_orders(&mut self) {
        while let Some(order) = self.session.poll_order() {
            match order {
                Order::Connect { not_before } => {
                    self.link = Link::Waiting {
                        until: not_before,
                        has_place: false,
                    };
                }
                Order::Sign { epoch, timestamp_ms } => {
                    // Only a private session gives this order, and it is made with a signer.
                    if let Some(signer) = self.signer.clone() {
                        self.sign(&signer, epoch, timestamp_ms);
                    }
                }
                Order::Close { polite } => {
                    if let Some(socket) = self.take_socket()
                        && polite
                    {
                        let deadline = self.now + CLOSE_TIMEOUT;
                        self.farewell = Some(Farewell::first(*socket, NORMAL_CLOSURE, "", deadline));
                    }
                }
                _ => {}
            }
        }
    }

    fn transmit(&mut self) {
        while let (Link::Up(socket), None) = (&mut self.link, &self.write_failure) {
            self.scratch.clear();
            let Some(transmit) = self.session.poll_transmit(self.now, &mut self.scratch) else {
                return;
            };
            let shown = match transmit {
                Transmit::Request(Operation::Login) => "(login, not shown)",
                _ => std::str::from_utf8(&self.scratch).unwrap_or_default(),
            };
            let result = socket.writer.text(&self.scratch);
            trace!(
                target: "bitmart::wire", parent: &self.span, connection = %self.session.id(), text = shown,
                "sent"
            );
            if transmit == Transmit::Request(Operation::Login) {
                self.scratch.fill(0);
            }
            if let Err(error) = result {
                self.fail_to_write(error.to_string());
            }
        }
    }

    /// Writes what is queued, as far as it goes.
    fn poll_write(&mut self, cx: &mut Context<'_>) {
        if let (Link::Up(socket), None) = (&mut self.link, &self.write_failure)
            && let Poll::Ready(Err(error)) = socket.poll_write(cx)
        {
            self.fail_to_write(describe(&error));
        }
    }

    fn fail_to_write(&mut self, text: String) {
        self.write_failure = Some(WriteFailure {
            cause: Cause::Lost { text },
            deadline: self.now + CLOSE_TIMEOUT,
            end: self.now + LAST_WORDS_TIMEOUT,
        });
        self.is_dirty = true;
    }

    fn schedule(&mut self) {
        let link = match self.link {
            Link::Waiting { until, .. } if !self.session.is_paused() => Some(until),
            _ => None,
        };
        let farewell = self.farewell.as_ref().map(|farewell| farewell.deadline);
        // Without a way to write, nothing that the session could do about time would be of use.
        let session = match &self.write_failure {
            None => self.session.poll_timeout(self.now),
            Some(_) if self.session.is_paused() => None,
            Some(failure) => Some(failure.deadline),
        };
        self.wake_at = [session, link, farewell].into_iter().flatten().min();
    }

    // What happens.

    fn handle_timeout(&mut self) {
        self.now = self.config.clock.now_ns();
        match &self.write_failure {
            None => self.session.handle_timeout(self.now),
            Some(failure) if failure.deadline <= self.now && !self.session.is_paused() => {
                self.lose(failure.cause.clone());
            }
            Some(_) => {}
        }
        if self
            .farewell
            .as_ref()
            .is_some_and(|farewell| farewell.deadline <= self.now)
        {
            self.farewell = None;
        }
        self.is_dirty = true;
    }

    /// Takes frames out of the socket and reads more into it. `None` means that the loop should come round again.
    fn poll_socket(&mut self, cx: &mut Context<'_>) -> Poll<Option<Item>> {
        loop {
            let Link::Up(socket) = &mut self.link else {
                return Poll::Ready(None);
            };
            if self.session.is_paused() && self.cut_after.is_none() {
                self.poll_write(cx);
                return match self.is_dirty {
                    true => Poll::Ready(None),
                    false => Poll::Pending,
                };
            }
            if self.cut_after == Some(0) {
                return self.finish_cut();
            }
            match socket.reader.advance() {
                Ok(Some(head)) => {
                    if self.is_frame_due {
                        self.session.handle_activity(self.read_at, true);
                        self.is_frame_due = false;
                    }
                    let item = self.handle_frame(head);
                    if item.is_some() || self.is_dirty {
                        return Poll::Ready(item);
                    }
                    continue;
                }
                Ok(None) if self.cut_after.is_some() => return self.finish_cut(),
                // What has come is judged before the deadlines it may have met.
                Ok(None) if self.wake_at.is_some_and(|at| at <= self.read_at) => {
                    self.handle_timeout();
                    return Poll::Ready(None);
                }
                Ok(None) => {}
                Err(error) => {
                    let code = error.close_code();
                    self.say_good_bye(|socket, deadline| Farewell::first(socket, code, "", deadline));
                    self.lose(Cause::Violation {
                        code,
                        text: error.to_string(),
                    });
                    return Poll::Ready(None);
                }
            }
            self.poll_write(cx);
            let Link::Up(socket) = &mut self.link else {
                return Poll::Ready(None);
            };
            match socket.poll_read(cx) {
                Poll::Pending => {
                    // A task that has done its share is told so, too, whatever is left in the socket. And the clock was read
                    // before the socket: that it is dry now, it was no earlier.
                    if tokio::task::coop::has_budget_remaining() {
                        self.session.handle_drained(self.now);
                    }
                    // What has failed above has changed the time to wake.
                    return match self.is_dirty {
                        true => Poll::Ready(None),
                        false => Poll::Pending,
                    };
                }
                Poll::Ready(Ok(0) | Err(_)) if self.write_failure.is_some() => {
                    let failure = self.write_failure.take();
                    self.lose(failure.expect("just seen").cause);
                    return Poll::Ready(None);
                }
                Poll::Ready(Ok(0)) => {
                    let text = match socket.reader.is_mid_message() {
                        true => "the stream ended in the middle of a message",
                        false => "the stream ended without a close frame",
                    };
                    self.lose(Cause::Lost { text: text.into() });
                    return Poll::Ready(None);
                }
                Poll::Ready(Ok(_)) => {
                    self.now = self.config.clock.now_ns();
                    self.read_at = self.now;
                    // What ends the wait for a pong makes the next ping due, and that may be earlier.
                    self.is_dirty |= self.session.awaits_pong();
                    self.session.handle_activity(self.now, false);
                    self.is_frame_due = true;
                    if let Some(failure) = &mut self.write_failure {
                        failure.deadline = failure.end.min(self.now + CLOSE_TIMEOUT);
                        self.is_dirty = true;
                    }
                }
                Poll::Ready(Err(error)) => {
                    self.lose(Cause::Lost {
                        text: describe(&error),
                    });
                    return Poll::Ready(None);
                }
            }
        }
    }

    /// The consumer is too far behind to go on.
    fn finish_cut<T>(&mut self) -> Poll<Option<T>> {
        self.say_good_bye(|socket, deadline| Farewell::first(socket, NORMAL_CLOSURE, "", deadline));
        self.lose(Cause::SlowConsumer);
        Poll::Ready(None)
    }

    fn lose(&mut self, cause: Cause) {
        // The last read may be long ago, and a retry's delay counts from now.
        self.now = self.config.clock.now_ns();
        drop(self.take_socket());
        self.session.handle_disconnected(self.now, cause);
        self.is_dirty = true;
    }

    fn say_good_bye(&mut self, farewell: impl FnOnce(Socket, u64) -> Farewell) {
        if let Some(socket) = self.take_socket() {
            self.farewell = Some(farewell(*socket, self.now + CLOSE_TIMEOUT));
        }
    }

    /// Takes the link down, and the socket out of it if there is one.
    fn take_socket(&mut self) -> Option<Box<Socket>> {
        let counters = self.counters();
        self.cut_after = None;
        self.write_failure = None;
        self.signing = None;
        match std::mem::replace(&mut self.link, Link::Down) {
            Link::Up(socket) => {
                self.counters = counters;
                Some(socket)
            }
            _ => None,
        }
    }

    fn poll_farewell(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(farewell) = &mut self.farewell else {
            return Poll::Ready(());
        };
        if farewell.poll(cx).is_pending() {
            return Poll::Pending;
        }
        self.farewell = None;
        Poll::Ready(())
    }

    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(wake_at) = self.wake_at else {
            return Poll::Pending;
        };
        if self.timer_at != Some(wake_at) {
            let now = self.config.clock.now_ns();
            if wake_at <= now {
                return Poll::Ready(());
            }
            // A timer may fire up to a millisecond late, never early.
            self.timer = Some(Box::pin(tokio::time::sleep(Duration::from_nanos(wake_at - now))));
            self.timer_at = Some(wake_at);
        }
        if let Some(timer) = &mut self.timer
            && timer.as_mut().poll(cx).is_pending()
        {
            return Poll::Pending;
        }
        self.timer_at = None;
        Poll::Ready(())
    }
}

/// What became of the transport, for a person.
fn describe(error: &io::Error) -> String {
    match error.kind() {
        // TLS puts it down to its own want of a good-bye, at length.
        io::ErrorKind::UnexpectedEof => "the stream ended without a good-bye".into(),
        _ => error.to_string(),
    }
}

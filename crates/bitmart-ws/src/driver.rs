use std::borrow::Cow;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bitmart_auth::{LOGIN_PAYLOAD, SharedSigner, SignError, Signature, redact_in, redact_key};
use bitmart_proto::{Class, Decoder, Inflater, Operation, Refusal, Reply, Topic, classify};
use bitmart_session::time::{MILLISECOND, MINUTE, SECOND};
use bitmart_session::{Cause, CommandError, Epoch, Event, Order, Retry, Session, Status, Transmit};
use tracing::{Instrument, Span, debug, trace};

use crate::connect::{self, ConnectError, Connected};
use crate::connection::ConnectionConfig;
use crate::frame::{Head, Kind};
use crate::incoming::{Counters, Incoming, MessageError, Push, Undecodable};
use crate::log::{connection_span, log_event};
use crate::socket::{Farewell, Socket};

/// How long a good-bye may take, in nanoseconds.
const CLOSE_TIMEOUT: u64 = SECOND;

/// How long a host that complains about the number of connections is left alone by the whole process, in
/// nanoseconds.
const COOL_OFF: u64 = MINUTE;

/// How the exchange begins a plain text about too many connections (`docs/PROTOCOL.md`, *Limits*).
const IP_LIMITED: &str = "IP Limited";

/// Bytes kept of each text in an answer. The exchange's own have less than half of it.
const MAX_REPLY_TEXT_BYTES: usize = 256;

/// Close code of an orderly end.
const NORMAL_CLOSURE: u16 = 1000;

/// Feeds a session with what happens on a socket, and the socket with what the session wants.
pub(crate) struct Driver {
    session: Session,
    signer: Option<SharedSigner>,
    /// A signature that is being waited for.
    signing: Option<Signing>,
    config: ConnectionConfig,
    rng: fastrand::Rng,
    link: Link,
    /// Cut the socket as soon as what was read from it has been lent.
    is_cut: bool,
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
            signer,
            signing: None,
            rng: fastrand::Rng::with_seed(seed),
            link: Link::Down,
            is_cut: false,
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
    }

    /// Cuts the socket once what was read from it has been lent.
    pub(crate) fn cut(&mut self) {
        self.is_cut = matches!(self.link, Link::Up(_));
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
                if let Link::Up(socket) = &mut self.link
                    && let Poll::Ready(Err(error)) = socket.poll_write(cx)
                {
                    self.lose(lost(&error));
                    continue;
                }
                if let Some(event) = self.session.poll_event() {
                    log_event(&self.span, &event);
                    return Poll::Ready(Some(Item::Event(event)));
                }
                self.is_dirty = false;
                self.open_when_due();
                self.schedule();
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

    fn sign(&mut self, signer: &SharedSigner, epoch: Epoch, timestamp_ms: u64) {
        trace!(
            target: "bitmart::wire", parent: &self.span, connection = %self.session.id(),
            key = %redact_key(signer.key()), timestamp_ms,
            "signing the login"
        );
        match signer {
            SharedSigner::Local(signer) => {
                let result = signer.sign_login(timestamp_ms);
                self.session.handle_signed(self.now, epoch, result);
            }
            SharedSigner::Remote(signer) => {
                let signer = signer.clone();
                let signature = async move { signer.sign(timestamp_ms, LOGIN_PAYLOAD).await };
                self.signing = Some(Signing {
                    epoch,
                    signature: Box::pin(signature.instrument(self.span.clone())),
                });
            }
        }
    }

    /// Ready when a signature has come.
    fn poll_signing(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(Signing { epoch, signature }) = &mut self.signing else {
            return Poll::Pending;
        };
        let Poll::Ready(result) = signature.as_mut().poll(cx) else {
            return Poll::Pending;
        };
        let epoch = *epoch;
        self.signing = None;
        self.now = self.config.clock.now_ns();
        self.session.handle_signed(self.now, epoch, result);
        self.is_dirty = true;
        Poll::Ready(())
    }

    /// Opens a socket if it is time to. Only after the events: what led to it comes first, in the log too.
    fn open_when_due(&mut self) {
        if let Link::Waiting { until, has_place } = self.link
            && until <= self.now
            && !self.session.is_paused()
        {
            self.open(has_place);
        }
    }

    /// Takes a place in the budget and, once that has come, opens a socket.
    fn open(&mut self, has_place: bool) {
        let (host, port) = (self.config.endpoint.host(), self.config.endpoint.port());
        let until = if has_place {
            self.config.budget.opens_at(self.now, host, port)
        } else {
            self.config.budget.reserve(self.now, host, port)
        };
        if until > self.now {
            let wait_ms = (until - self.now) / MILLISECOND;
            debug!(target: "bitmart::connection", parent: &self.span, wait_ms, "waiting for a place in the connect budget");
            self.link = Link::Waiting {
                until,
                has_place: true,
            };
            return;
        }
        let epoch = Epoch(self.session.epoch().0 + 1);
        if epoch != self.span_epoch {
            self.span = connection_span(self.session.id(), epoch);
            self.span_epoch = epoch;
        }
        debug!(target: "bitmart::connection", parent: &self.span, endpoint = %self.config.endpoint, "opening");
        let (endpoint, config) = (self.config.endpoint.clone(), self.config.connect.clone());
        let mut rng = self.rng.fork();
        let opening = async move { connect::connect(&endpoint, &config, &mut rng).await };
        self.link = Link::Opening(Box::pin(opening.instrument(self.span.clone())));
    }

    fn transmit(&mut self) {
        while let Link::Up(socket) = &mut self.link {
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
                self.lose(Cause::Lost {
                    text: error.to_string(),
                });
                return;
            }
        }
    }

    fn schedule(&mut self) {
        let link = match self.link {
            Link::Waiting { until, .. } if !self.session.is_paused() => Some(until),
            _ => None,
        };
        let farewell = self.farewell.as_ref().map(|farewell| farewell.deadline);
        self.wake_at = [self.session.poll_timeout(self.now), link, farewell]
            .into_iter()
            .flatten()
            .min();
    }

    // What happens.

    fn finish_opening(&mut self, result: Result<Connected, ConnectError>) {
        self.is_dirty = true;
        self.now = self.config.clock.now_ns();
        self.link = Link::Down;
        match result {
            Ok(connected) => {
                let mut socket = Box::new(Socket::new(connected.stream));
                let taken = socket.reader.feed(&connected.leftover);
                if taken < connected.leftover.len() {
                    // The upgrade stops reading long before; bytes are not to be lost in silence all the same.
                    let text =
                        "more came behind the answer to the upgrade than a new connection holds".into();
                    let cause = Cause::Connect {
                        retry: Retry::Normal,
                        text,
                    };
                    self.session.handle_disconnected(self.now, cause);
                    return;
                }
                self.counters.sockets += 1;
                self.is_frame_due = taken > 0;
                self.read_at = self.now;
                self.link = Link::Up(socket);
                self.session.handle_connected(
                    self.now,
                    self.config.clock.wall_ms(),
                    connected.server_date_ms,
                );
            }
            Err(error) => {
                if let ConnectError::UpgradeRefused { status: 429, .. } = error {
                    self.cool_off();
                }
                let cause = Cause::Connect {
                    retry: error.retry(),
                    text: error.to_string(),
                };
                self.session.handle_disconnected(self.now, cause);
            }
        }
    }

    fn handle_timeout(&mut self) {
        self.now = self.config.clock.now_ns();
        self.session.handle_timeout(self.now);
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
            if self.session.is_paused() && !self.is_cut {
                return match socket.poll_write(cx) {
                    Poll::Ready(Err(error)) => {
                        self.lose(lost(&error));
                        Poll::Ready(None)
                    }
                    _ => Poll::Pending,
                };
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
                Ok(None) if self.is_cut => {
                    self.say_good_bye(|socket, deadline| {
                        Farewell::first(socket, NORMAL_CLOSURE, "", deadline)
                    });
                    self.lose(Cause::SlowConsumer);
                    return Poll::Ready(None);
                }
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
            if let Poll::Ready(Err(error)) = socket.poll_write(cx) {
                self.lose(lost(&error));
                return Poll::Ready(None);
            }
            match socket.poll_read(cx) {
                Poll::Pending => return Poll::Pending,
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
                }
                Poll::Ready(Err(error)) => {
                    self.lose(lost(&error));
                    return Poll::Ready(None);
                }
            }
        }
    }

    fn handle_frame(&mut self, head: Head) -> Option<Item> {
        let Link::Up(socket) = &mut self.link else {
            return None;
        };
        match head.kind() {
            Kind::Text => self.handle_message(Place::Frame(head)),
            Kind::Binary => match self.inflater.inflate(socket.reader.payload(head)) {
                Ok(_) => self.handle_message(Place::Inflated),
                Err(error) => {
                    self.counters.undecodable += 1;
                    Some(Item::Undecodable(
                        Place::Frame(head),
                        MessageError::Inflate(error),
                    ))
                }
            },
            Kind::Ping => {
                // Borrows of reader and writer are apart; a full writer means that the peer isn't reading, and
                // then a pong won't help.
                let Socket { reader, writer, .. } = &mut **socket;
                let _ = writer.pong(reader.payload(head));
                None
            }
            Kind::Pong => None,
            Kind::Close { code } => {
                let reason = String::from_utf8_lossy(socket.reader.payload(head));
                let reason =
                    redact_in(&reason, self.signer.as_ref().map_or("", SharedSigner::key)).into_owned();
                self.say_good_bye(|socket, deadline| Farewell::echo(socket, code, deadline));
                self.lose(Cause::PeerClosed { code, reason });
                None
            }
        }
    }

    fn handle_message(&mut self, place: Place) -> Option<Item> {
        let Self {
            link,
            inflater,
            decoder,
            ..
        } = self;
        let text = text_at(link, inflater, place);
        match classify(text) {
            // `lend` counts it, as a push or as undecodable.
            Class::Push(_) => return Some(Item::Push(place)),
            Class::Pong => self.counters.pongs += 1,
            Class::Reply => match decoder.reply(text) {
                Ok(reply) => {
                    self.counters.replies += 1;
                    let reply = reply.into_owned();
                    self.handle_reply(reply);
                }
                Err(error) => {
                    self.counters.undecodable += 1;
                    return Some(Item::Undecodable(place, MessageError::from(error)));
                }
            },
            _ => match std::str::from_utf8(text) {
                Ok(text) => {
                    let is_complaint = text.starts_with(IP_LIMITED);
                    self.counters.unknown += 1;
                    if is_complaint {
                        self.cool_off();
                    }
                    return Some(Item::Unknown(place));
                }
                Err(_) => {
                    self.counters.undecodable += 1;
                    return Some(Item::Undecodable(place, MessageError::NotText));
                }
            },
        }
        None
    }

    fn handle_reply(&mut self, mut reply: Reply<'static>) {
        let key = self.signer.as_ref().map_or("", SharedSigner::key);
        clean(&mut reply.verb, key);
        if let Some(topic) = &mut reply.topic {
            clean(topic, key);
        }
        if let Err(refusal) = &mut reply.outcome {
            clean(&mut refusal.text, key);
        }
        trace!(
            target: "bitmart::wire", parent: &self.span, connection = %self.session.id(), verb = &*reply.verb,
            topic = reply.topic.as_deref(), refusal = reply.outcome.as_ref().err().map(tracing::field::display),
            "reply"
        );
        if reply
            .outcome
            .as_ref()
            .is_err_and(Refusal::is_about_the_connection)
        {
            self.cool_off();
        }
        self.session.handle_reply(self.now, &reply);
        self.response = Some(reply);
        self.is_dirty = true;
    }

    /// The host has complained about the number or the pace of connections: the whole process leaves it alone.
    fn cool_off(&self) {
        let (host, port) = (self.config.endpoint.host(), self.config.endpoint.port());
        self.config
            .budget
            .cool_off(self.now, host, port, self.now + COOL_OFF);
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
        self.is_cut = false;
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

    /// Lends what [`poll_ready`](Self::poll_ready) found.
    pub(crate) fn lend(&mut self, item: Item) -> Incoming<'_> {
        let Self {
            link,
            inflater,
            decoder,
            counters,
            read_at,
            ..
        } = self;
        match item {
            Item::Event(event) => Incoming::Event(event),
            Item::Response(reply) => Incoming::Response(reply),
            Item::Push(place) => {
                let text = text_at(link, inflater, place);
                match decoder.decode(text) {
                    Ok(update) => {
                        counters.pushes += 1;
                        Incoming::Push(Push {
                            update,
                            text,
                            received_ns: *read_at,
                        })
                    }
                    Err(error) => {
                        counters.undecodable += 1;
                        Incoming::Undecodable(Undecodable {
                            error: MessageError::from(error),
                            bytes: text,
                        })
                    }
                }
            }
            Item::Unknown(place) => {
                Incoming::Unknown(std::str::from_utf8(text_at(link, inflater, place)).unwrap_or_default())
            }
            Item::Undecodable(place, error) => Incoming::Undecodable(Undecodable {
                error,
                bytes: text_at(link, inflater, place),
            }),
        }
    }
}

/// What became of the transport, for a person.
fn lost(error: &io::Error) -> Cause {
    let text = match error.kind() {
        // TLS puts it down to its own want of a good-bye, at length.
        io::ErrorKind::UnexpectedEof => "the stream ended without a good-bye".into(),
        _ => error.to_string(),
    };
    Cause::Lost { text }
}

/// Takes out of a text of the exchange's what it repeats of ours, and cuts the rest to a bound.
fn clean(text: &mut Cow<'static, str>, key: &str) {
    let cleaned = redact_in(text, key);
    let end = (0..=MAX_REPLY_TEXT_BYTES.min(cleaned.len())).rfind(|at| cleaned.is_char_boundary(*at));
    let kept = &cleaned[..end.unwrap_or(0)];
    if kept.len() < text.len() || matches!(cleaned, Cow::Owned(_)) {
        *text = Cow::Owned(kept.to_owned());
    }
}

fn text_at<'a>(link: &'a Link, inflater: &'a Inflater, place: Place) -> &'a [u8] {
    match (place, link) {
        (Place::Frame(head), Link::Up(socket)) => socket.reader.payload(head),
        (Place::Frame(_), _) => &[],
        (Place::Inflated, _) => inflater.text(),
    }
}

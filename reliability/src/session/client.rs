//! A driver without sockets: it does with a session what `bitmart-ws` does, and tells the history.

use std::collections::{BTreeSet, VecDeque};
use std::hash::{DefaultHasher, Hash as _};

use bitmart_auth::{HmacSigner, SignError, Signer};
use bitmart_proto::{Reply, Side, Topic};
use bitmart_session::time::{MILLISECOND, MINUTE, SECOND};
use bitmart_session::{
    Budget, Cause, Config, ConnectErrorKind, ConnectionId, Epoch, Event, Order, Retry, Session,
    SubscribeFailure, Transmit,
};
use fastrand::Rng;

use super::exchange::{Exchange, Frame, Refused, START_MS, refusal, signer};
use super::fault::Fault;
use crate::history::History;

/// The shortest wait for the connect budget that is told.
const TELLING_WAIT: u64 = 100 * MILLISECOND;

/// No session has more than this to say in one instant: the exchange allows it in ten seconds.
const MAX_SENT_AT_ONCE: usize = 100;

/// The first retry of a connection that had been ready for five seconds comes within 0.4 s.
const READY_FOR_QUICK: u64 = 5 * SECOND;
const QUICK_MS: u64 = 400;

/// How long a host that complains of too many connections is left alone.
const COOL_OFF: u64 = MINUTE;

#[derive(Debug)]
enum Link {
    Down,
    Waiting { until: u64, has_place: bool },
    Dialling { number: u64 },
    Up { socket: u64 },
}

/// What a client wants to happen, and when.
#[derive(Debug)]
pub(super) enum Ask {
    /// Look at the time.
    Wake(u64),
    /// Dial number so and so: the exchange decides what comes of it.
    Dial { number: u64 },
    /// A signature is ready at a time.
    Signed {
        at: u64,
        epoch: Epoch,
        timestamp_ms: u64,
        is_down: bool,
    },
    /// A message for the exchange.
    Send { socket: u64, text: String },
    /// The socket is no longer ours.
    Forget { socket: u64 },
}

pub(super) struct Client {
    pub(super) id: ConnectionId,
    session: Session,
    signer: HmacSigner,
    budget: Budget,
    /// Tells apart the budgets of a simulation.
    budget_number: u64,
    link: Link,
    dials: u64,
    /// What came while nobody read: when, on which socket.
    inbox: VecDeque<(u64, u64, Frame)>,
    /// The machine sleeps, or its consumer is behind.
    pub(super) is_asleep: bool,
    pub(super) is_stalled: bool,
    pub(super) wall_offset_ms: i64,
    woken_at: Option<u64>,
    pub(super) wanted: BTreeSet<Topic>,
    pub(super) is_over: bool,
    ready_since: Option<u64>,
    /// The socket was lost without a word, after it had been ready for a while: the next is due soon.
    is_quick: bool,
    /// The exchange has refused the key for good, and the client has read it.
    is_convicted: bool,
    /// The exchange has asked for patience until then.
    asked_to_wait_until: u64,
    bytes: DefaultHasher,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("session", &self.session)
            .field("link", &self.link)
            .finish_non_exhaustive()
    }
}

/// What a client meets while it is looked after.
pub(super) struct Surroundings<'a> {
    pub(super) now: u64,
    pub(super) exchange: &'a Exchange,
    pub(super) history: &'a mut History,
    pub(super) rng: &'a mut Rng,
    pub(super) asks: Vec<Ask>,
}

impl Client {
    pub(super) fn new(id: ConnectionId, seed: u64, budget_number: u64) -> Self {
        let (market, index) = (id.market, id.index);
        let session = match id.side {
            Side::Public => Session::public(market, index, Config::default(), seed),
            Side::Private => Session::private(market, index, "the-key", Config::default(), seed),
        };
        Self {
            id,
            session,
            signer: signer(),
            budget: Budget::default(),
            budget_number,
            link: Link::Down,
            dials: 0,
            inbox: VecDeque::new(),
            is_asleep: false,
            is_stalled: false,
            wall_offset_ms: 0,
            woken_at: None,
            wanted: BTreeSet::new(),
            is_over: false,
            ready_since: None,
            is_quick: false,
            is_convicted: false,
            asked_to_wait_until: 0,
            bytes: DefaultHasher::new(),
        }
    }

    pub(super) fn digest(&self) -> u64 {
        std::hash::Hasher::finish(&self.bytes)
    }

    fn unix_ms(&self, now: u64) -> u64 {
        (START_MS + now / MILLISECOND).saturating_add_signed(self.wall_offset_ms)
    }

    // Commands.

    pub(super) fn start(&mut self, around: &mut Surroundings<'_>) {
        self.session.start(around.now, self.unix_ms(around.now));
        self.drain(around);
    }

    pub(super) fn subscribe(&mut self, topic: Topic, around: &mut Surroundings<'_>) {
        if self.is_over || self.wanted.contains(&topic) || self.session.subscribe(topic.clone()).is_err() {
            return;
        }
        around.history.wanted(around.now, self.id, &topic);
        self.wanted.insert(topic);
        self.drain(around);
    }

    pub(super) fn unsubscribe(&mut self, topic: &Topic, around: &mut Surroundings<'_>) {
        if self.wanted.remove(topic) {
            around.history.unwanted(around.now, self.id, topic);
            let was_wanted = self.session.unsubscribe(around.now, topic);
            if !was_wanted && !self.is_over {
                around.history.violate(
                    around.now,
                    self.id,
                    format!("{topic} was forgotten by the session"),
                );
            }
            self.drain(around);
        }
    }

    pub(super) fn shut_down(&mut self, around: &mut Surroundings<'_>) {
        self.is_over = true;
        around.history.closed(around.now, self.id);
        self.session.shutdown();
        self.drain(around);
    }

    pub(super) fn stall(&mut self, around: &mut Surroundings<'_>) {
        self.is_stalled = true;
        self.session.pause();
        self.drain(around);
    }

    pub(super) fn go_on(&mut self, around: &mut Surroundings<'_>) {
        self.is_stalled = false;
        self.session.resume(around.now);
        self.drain(around);
        self.catch_up(around);
    }

    pub(super) fn wake_up(&mut self, around: &mut Surroundings<'_>) {
        self.is_asleep = false;
        around.history.awoke(around.now, self.id);
        self.catch_up(around);
    }

    /// Reads what came meanwhile, before it looks at the deadlines that it may have missed.
    fn catch_up(&mut self, around: &mut Surroundings<'_>) {
        if self.is_asleep {
            return;
        }
        while !self.is_stalled
            && let Some((came, socket, frame)) = self.inbox.pop_front()
        {
            self.read(came, socket, frame, around);
        }
        self.look(around.now);
        self.drain(around);
        self.dial_when_due(around);
    }

    // Inputs.

    pub(super) fn wake(&mut self, at: u64, around: &mut Surroundings<'_>) {
        if self.woken_at == Some(at) {
            self.woken_at = None;
        }
        if !self.is_asleep {
            self.look(around.now);
            self.drain(around);
            self.dial_when_due(around);
        }
    }

    /// Nothing is left to read; what time it is.
    fn look(&mut self, now: u64) {
        if !self.is_stalled {
            self.session.handle_drained(now);
        }
        self.session.handle_timeout(now);
    }

    pub(super) fn signed(
        &mut self,
        epoch: Epoch,
        timestamp_ms: u64,
        is_down: bool,
        around: &mut Surroundings<'_>,
    ) {
        let result = match is_down {
            true => Err(SignError::Unavailable("it restarts".into())),
            false => self.signer.sign_login(timestamp_ms),
        };
        self.session.handle_signed(around.now, epoch, result);
        self.drain(around);
    }

    pub(super) fn dial_failed(&mut self, number: u64, refused: &Refused, around: &mut Surroundings<'_>) {
        if !matches!(self.link, Link::Dialling { number: current } if current == number) {
            return;
        }
        self.link = Link::Down;
        if let Retry::After { ms } = refused.retry {
            self.asked_to_wait_until = around.now + ms * MILLISECOND;
        }
        if refused.kind == (ConnectErrorKind::Refused { status: 429 }) {
            self.cool_off(around.now);
        }
        let cause = Cause::Connect {
            kind: refused.kind,
            retry: refused.retry,
            text: refused.text.into(),
        };
        self.session.handle_disconnected(around.now, cause);
        self.drain(around);
    }

    /// Whether the socket is still wanted.
    pub(super) fn awaits(&self, number: u64) -> bool {
        matches!(self.link, Link::Dialling { number: current } if current == number)
    }

    pub(super) fn opened(&mut self, socket: u64, date_ms: Option<u64>, around: &mut Surroundings<'_>) {
        self.link = Link::Up { socket };
        let unix_ms = self.unix_ms(around.now);
        self.session.handle_connected(around.now, unix_ms, date_ms);
        self.drain(around);
    }

    pub(super) fn arrive(&mut self, socket: u64, frame: Frame, around: &mut Surroundings<'_>) {
        if !matches!(self.link, Link::Up { socket: current } if current == socket) {
            return;
        }
        if self.is_asleep || self.is_stalled {
            self.inbox.push_back((around.now, socket, frame));
        } else {
            self.read(around.now, socket, frame, around);
            self.session.handle_drained(around.now);
        }
    }

    fn read(&mut self, came: u64, socket: u64, frame: Frame, around: &mut Surroundings<'_>) {
        if !matches!(self.link, Link::Up { socket: current } if current == socket) {
            return;
        }
        let now = around.now;
        if !matches!(frame, Frame::End) {
            around.history.frame_read_late(now, self.id, came);
            self.session.handle_activity(now, true);
        }
        match frame {
            Frame::Pong => {}
            Frame::Reply {
                verb,
                topic,
                refusal: refused,
            } => {
                let outcome = refused.map_or(Ok(()), |parts| Err(refusal(parts)));
                if outcome
                    .as_ref()
                    .is_err_and(|refusal| refusal.is_about_the_connection())
                {
                    self.cool_off(now);
                }
                if verb == self.id.market.dialect().login_verb() {
                    match refused {
                        None => around.history.accepted(now, self.id),
                        Some((code, _)) => self.is_convicted |= code == Some(91_002),
                    }
                }
                let reply = Reply::new(verb, topic.as_ref().map(Topic::as_str), outcome);
                self.session.handle_reply(now, &reply);
            }
            Frame::Data { topic, sequence } => {
                // What was said so far comes before it.
                self.drain(around);
                let epoch = self.session.epoch();
                around.history.received(now, self.id, epoch, &topic, sequence);
            }
            Frame::Close(code) => {
                let cause = Cause::PeerClosed {
                    code: Some(code),
                    reason: String::new(),
                };
                self.hang_up(around);
                self.session.handle_disconnected(now, cause);
            }
            Frame::End => {
                self.hang_up(around);
                self.session
                    .handle_disconnected(now, Cause::Lost { text: "reset".into() });
            }
        }
        self.drain(around);
    }

    fn hang_up(&mut self, around: &mut Surroundings<'_>) {
        if let Link::Up { socket } = std::mem::replace(&mut self.link, Link::Down) {
            around.asks.push(Ask::Forget { socket });
        }
        self.inbox.clear();
    }

    fn cool_off(&mut self, now: u64) {
        self.budget.cool_off(now, "exchange", 443, now + COOL_OFF);
    }

    // Outputs.

    /// Drains the outputs in the order that the contract asks for.
    fn drain(&mut self, around: &mut Surroundings<'_>) {
        let now = around.now;
        let mut sent = 0;
        loop {
            let mut is_idle = true;
            while let Some(order) = self.session.poll_order() {
                is_idle = false;
                self.obey(order, around);
            }
            let mut out = Vec::new();
            while let Some(transmit) = self.session.poll_transmit(now, &mut out) {
                is_idle = false;
                sent += 1;
                if sent > MAX_SENT_AT_ONCE {
                    around
                        .history
                        .violate(now, self.id, "P6: messages without end in one instant".into());
                    return;
                }
                let text = String::from_utf8(std::mem::take(&mut out)).unwrap_or_default();
                text.hash(&mut self.bytes);
                if (transmit == Transmit::Ping) != text.contains("ping") {
                    around
                        .history
                        .violate(now, self.id, format!("sent as {transmit:?}: {text}"));
                }
                around.history.transmitted(now, self.id);
                if let Link::Up { socket } = self.link {
                    around.asks.push(Ask::Send { socket, text });
                }
            }
            while let Some(event) = self.session.poll_event() {
                is_idle = false;
                self.note(&event, around);
            }
            if is_idle {
                break;
            }
        }
        self.set_alarm(around);
    }

    fn note(&mut self, event: &Event, around: &mut Surroundings<'_>) {
        if let Event::SubscribeFailed { topic, reason, .. } = event {
            self.wanted.remove(topic);
            let is_innocent = !around.exchange.refused.contains(topic);
            if matches!(reason, SubscribeFailure::Refused(_)) && is_innocent {
                let broken = format!("P3: {topic} fails for a refusal that was another's");
                around.history.violate(around.now, self.id, broken);
            }
        }
        let lately = |at: u64| around.now <= at + 5 * MINUTE;
        match event {
            Event::Ready { .. } => self.ready_since = Some(around.now),
            Event::Closed { cause, .. } => {
                let is_plain = matches!(cause, Cause::Lost { .. } | Cause::Silent);
                let was_ready = self.ready_since.take();
                self.is_quick =
                    is_plain && was_ready.is_some_and(|since| around.now >= since + READY_FOR_QUICK);
            }
            Event::Reconnecting { delay_ms, .. } => {
                let is_late = std::mem::take(&mut self.is_quick) && *delay_ms > QUICK_MS;
                if is_late {
                    let broken = format!("P5: back only after {delay_ms} ms, though all was well");
                    around.history.violate(around.now, self.id, broken);
                }
            }
            _ => {}
        }
        let has_wrong_clock = around.exchange.was_skewed && around.exchange.undated_at.is_some_and(lately);
        let is_deserved = match event {
            // Futures can't tell the one from the other.
            Event::AuthRejected { .. } => around.exchange.was_revoked || has_wrong_clock,
            Event::ClockSkew { .. } => has_wrong_clock,
            event => !event.is_terminal(),
        };
        if !is_deserved {
            around.history.violate(
                around.now,
                self.id,
                format!("P6: given up without a reason: {event}"),
            );
        }
        self.is_over |= event.is_terminal();
        around.history.event(around.now, self.id, event);
    }

    fn obey(&mut self, order: Order, around: &mut Surroundings<'_>) {
        match order {
            Order::Connect { not_before } => {
                self.hang_up(around);
                self.link = Link::Waiting {
                    until: not_before.max(around.now),
                    has_place: false,
                };
            }
            Order::Sign { epoch, timestamp_ms } => {
                let is_slow = around.exchange.effects.has(Fault::Signer);
                let (after, is_down) = match is_slow {
                    true => (around.rng.u64(0..15 * SECOND), around.rng.bool()),
                    false => (0, false),
                };
                around.asks.push(Ask::Signed {
                    at: around.now + after,
                    epoch,
                    timestamp_ms,
                    is_down,
                });
            }
            Order::Close { .. } => self.hang_up(around),
            other => around
                .history
                .violate(around.now, self.id, format!("an order unknown: {other:?}")),
        }
    }

    fn dial_when_due(&mut self, around: &mut Surroundings<'_>) {
        let now = around.now;
        let Link::Waiting { until, has_place } = self.link else {
            return;
        };
        if until > now || self.is_asleep || self.is_stalled {
            return;
        }
        let until = match has_place {
            true => self.budget.opens_at(now, "exchange", 443),
            false => self.budget.reserve(now, "exchange", 443),
        };
        if until > now {
            if until > now + TELLING_WAIT {
                self.session.handle_held_back(now, until);
            }
            self.link = Link::Waiting {
                until,
                has_place: true,
            };
            self.drain(around);
            return;
        }
        if self.is_convicted {
            let broken = "P6: dialled again after a refusal for good".into();
            around.history.violate(now, self.id, broken);
        }
        if now < self.asked_to_wait_until {
            let broken = "P6: dialled again before the time that the exchange asked for".into();
            around.history.violate(now, self.id, broken);
        }
        self.dials += 1;
        self.link = Link::Dialling { number: self.dials };
        around.history.dialled(now, self.id, self.budget_number);
        around.asks.push(Ask::Dial { number: self.dials });
        self.set_alarm(around);
    }

    fn set_alarm(&mut self, around: &mut Surroundings<'_>) {
        let dial = match self.link {
            // With a consumer that is behind, no socket is opened.
            Link::Waiting { until, .. } if !self.is_stalled => Some(until),
            _ => None,
        };
        let alarm = self
            .session
            .poll_timeout(around.now)
            .into_iter()
            .chain(dial)
            .min();
        if let Some(at) = alarm.map(|at| at.max(around.now))
            && self.woken_at.is_none_or(|woken| at < woken)
        {
            self.woken_at = Some(at);
            around.asks.push(Ask::Wake(at));
        }
    }
}

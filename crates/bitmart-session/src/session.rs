mod transitions;

use std::collections::VecDeque;

use bitmart_auth::{SignError, Signature};
use bitmart_proto::{Dialect, Market, Operation, Reply, Side, Topic};
use zeroize::Zeroize;

use crate::backoff::Backoff;
use crate::gap::Gap;
use crate::liveness::Liveness;
use crate::login::LoginClock;
use crate::pace::Pace;
use crate::time::{MILLISECOND, SECOND};
use crate::topics::{Overdue, TopicStatus, Topics};
use crate::{
    Cause, CommandError, Config, ConnectionId, Epoch, Event, GapCause, GapOpened, Moment, Order,
    SubscribeFailure, Transmit,
};

/// How long subscriptions pause when the exchange says that messages come too often, in nanoseconds: the window
/// of its limit.
const TOO_OFTEN_PAUSE: u64 = 10 * SECOND;

/// One logical connection, through all its sockets.
///
/// ```text
///             start            handle_connected        handle_signed       success reply
///   Idle ───────────► Connecting ─────────────► Signing ───────────► LoggingIn ────────► Subscribing ──► Ready
///                      ▲    │  ▲                   │                    │                    │             │
///                      │    │  │   (public: straight to Subscribing)    │                    │             │
///                      └────┘  └───────────────────┴────────────────────┴────────────────────┴─────────────┘
///                   a failed attempt                  a lost socket, a refusal, a deadline
///
///   from anywhere: shutdown, or a permanent refusal ──► Terminated
/// ```
///
/// # The contract
///
/// The session does nothing by itself. The driver calls commands and inputs, and
/// **after each of them drains the outputs**, in this order:
///
/// 1. [`poll_order`](Self::poll_order) until `None`: opens and closes sockets, asks for signatures;
/// 2. [`poll_transmit`](Self::poll_transmit) until `None`: messages for the present socket;
/// 3. [`poll_event`](Self::poll_event) until `None`: what the user is to know, before any message read later;
/// 4. [`poll_timeout`](Self::poll_timeout): when to call [`handle_timeout`](Self::handle_timeout) at the latest.
///
/// Times are nanoseconds on any scale of the driver's that never runs backwards. Each socket that was ordered is
/// answered by [`handle_connected`](Self::handle_connected) or
/// [`handle_disconnected`](Self::handle_disconnected).
///
/// What else a driver owes:
///
/// - [`Order::Close`] also calls off a connect that is being waited for or under way.
/// - When its socket has been read dry, it says so, with [`handle_drained`](Self::handle_drained): what is read after a
///   time in which nobody looked may be old, and a gap must not begin later than the last thing that is sure.
/// - A close frame of the exchange's is passed on with its code ([`Cause::PeerClosed`]): a restart is returned from
///   more slowly than a loss.
/// - Connects are counted: by a [`Budget`](crate::Budget) that all sessions of the process share.
/// - What the exchange says may repeat the login: it goes through `bitmart_auth::redact_in` before anybody sees it.
///
/// The orders and messages of an input come before its events, so a log of both has the login before the opening that
/// called for it. The `own_event_loop` example is a driver on blocking sockets; `bitmart-ws` is the one on tokio.
///
/// No input panics, whatever its order.
pub struct Session {
    id: ConnectionId,
    config: Config,
    /// The API key of a private session.
    key: Option<Box<str>>,
    dialect: &'static dyn Dialect,
    state: State,
    epoch: Epoch,
    /// Attempts since the last ready connection.
    attempt: u32,
    topics: Topics,
    gap: Gap,
    backoff: Backoff,
    pace: Pace,
    liveness: Liveness,
    /// The driver doesn't read for now.
    is_paused: bool,
    /// Ties the driver's clock to the wall clock; read anew for each socket.
    anchor: Moment,
    clock: LoginClock,
    login: Vec<u8>,
    orders: VecDeque<Order>,
    events: VecDeque<Event>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Idle,
    Connecting,
    Signing { deadline: u64, timestamp_ms: u64 },
    LoggingIn { deadline: u64 },
    Subscribing,
    Ready { since: u64 },
    Terminated,
}

/// Where a session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Status {
    /// Not started.
    Idle,
    /// Without a socket: waiting for the next attempt, or in the middle of one.
    Connecting,
    /// The socket is open, the login is not yet accepted.
    LoggingIn,
    /// Logged in where needed; some topics are not yet acknowledged.
    Subscribing,
    /// Every topic that was wanted when the socket was new is acknowledged; one that was added since may be pending.
    Ready,
    /// Over: closed by the user or refused for good.
    Terminated,
}

impl std::fmt::Debug for Session {
    /// Leaves out the key and the login.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("id", &self.id)
            .field("state", &self.state)
            .field("epoch", &self.epoch)
            .field("attempt", &self.attempt)
            .field("topics", &self.topics)
            .field("gap", &self.gap)
            .finish_non_exhaustive()
    }
}

impl Session {
    /// A session for market data. `seed` feeds the jitter of its retries.
    #[must_use]
    pub fn public(market: Market, index: u16, config: Config, seed: u64) -> Self {
        Self::new(
            ConnectionId {
                market,
                side: Side::Public,
                index,
            },
            None,
            config,
            seed,
        )
    }

    /// A session for the account's data, logging in with the API key `key`. `seed` feeds the jitter of its retries.
    #[must_use]
    pub fn private(market: Market, index: u16, key: &str, config: Config, seed: u64) -> Self {
        Self::new(
            ConnectionId {
                market,
                side: Side::Private,
                index,
            },
            Some(key.into()),
            config,
            seed,
        )
    }

    fn new(id: ConnectionId, key: Option<Box<str>>, config: Config, seed: u64) -> Self {
        Self {
            id,
            key,
            dialect: id.market.dialect(),
            state: State::Idle,
            epoch: Epoch(0),
            attempt: 0,
            topics: Topics::default(),
            gap: Gap::default(),
            backoff: Backoff::new(config.backoff.clone(), seed),
            pace: Pace::default(),
            liveness: Liveness::new(0, &config),
            is_paused: false,
            anchor: Moment { ns: 0, unix_ms: 0 },
            clock: LoginClock::new(config.clock_offset_ms),
            login: Vec::new(),
            orders: VecDeque::new(),
            events: VecDeque::new(),
            config,
        }
    }

    // Getters.

    /// Which connection this is.
    #[must_use]
    pub fn id(&self) -> ConnectionId {
        self.id
    }

    /// The present socket, or the last one.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Where the session stands.
    #[must_use]
    pub fn status(&self) -> Status {
        match self.state {
            State::Idle => Status::Idle,
            State::Connecting => Status::Connecting,
            State::Signing { .. } | State::LoggingIn { .. } => Status::LoggingIn,
            State::Subscribing => Status::Subscribing,
            State::Ready { .. } => Status::Ready,
            State::Terminated => Status::Terminated,
        }
    }

    /// The wanted topics, in the order in which they were first wanted.
    pub fn topics(&self) -> impl Iterator<Item = &Topic> {
        self.topics.wanted()
    }

    /// Where a topic stands; `None` if it isn't wanted.
    #[must_use]
    pub fn topic_status(&self, topic: &Topic) -> Option<TopicStatus> {
        self.topics.status(topic)
    }

    /// How many topics are wanted.
    #[must_use]
    pub fn topic_count(&self) -> usize {
        self.topics.len()
    }

    /// The point in time `ns` as the user is to see it.
    #[must_use]
    pub fn moment(&self, ns: u64) -> Moment {
        self.anchor.at(ns)
    }

    /// The earliest time at which what is read at `now` can have come: `now` itself, unless nobody has looked into the
    /// socket for a while ([`handle_activity`](Self::handle_activity)).
    #[must_use]
    pub fn arrival(&self, now: u64) -> u64 {
        self.liveness.arrival(now)
    }

    /// Whether a ping is in flight: then the next input of activity changes
    /// [`poll_timeout`](Self::poll_timeout).
    #[must_use]
    pub fn awaits_pong(&self) -> bool {
        self.liveness.give_up_at().is_some()
    }

    // Commands.

    /// Starts connecting. `unix_ms` is the local wall clock. Does nothing on a session that has been started.
    pub fn start(&mut self, now: u64, unix_ms: u64) {
        if self.state != State::Idle {
            return;
        }
        self.anchor = Moment { ns: now, unix_ms };
        let topics = self.gap.open(None, self.topics.wanted());
        if !topics.is_empty() {
            self.emit(Event::GapOpened(GapOpened::new(
                None,
                GapCause::FirstConnect,
                topics,
            )));
        }
        self.state = State::Connecting;
        self.attempt = 1;
        self.orders.push_back(Order::Connect { not_before: now });
    }

    /// Wants a topic, now and after every reconnect. Does nothing if it is wanted already.
    ///
    /// # Errors
    ///
    /// [`CommandError`] if the topic belongs elsewhere, the connection is full, or it is over.
    pub fn subscribe(&mut self, topic: Topic) -> Result<(), CommandError> {
        if self.state == State::Terminated {
            return Err(CommandError::Terminated);
        }
        if topic.market() != self.id.market || topic.side() != self.id.side {
            return Err(CommandError::WrongConnection { topic, id: self.id });
        }
        if self.topics.status(&topic).is_none() {
            if self.topics.is_full() {
                return Err(CommandError::Full);
            }
            if self.topics.want(topic.clone()) {
                self.emit(Event::Unsubscribed { topic });
            }
        }
        Ok(())
    }

    /// No longer wants a topic. [`Event::Unsubscribed`] comes when the exchange acknowledges it, or at once if
    /// there is nothing to acknowledge. Returns whether it was wanted.
    pub fn unsubscribe(&mut self, now: u64, topic: &Topic) -> bool {
        if self.state == State::Terminated {
            return false;
        }
        let Some(ends_at_once) = self.topics.unwant(topic) else {
            return false;
        };
        self.gap.remove(topic);
        if ends_at_once {
            self.emit(Event::Unsubscribed { topic: topic.clone() });
        }
        self.advance(now);
        true
    }

    /// The driver stops reading for now, because its consumer is behind: no answer is expected and no silence counted
    /// until [`resume`](Self::resume). Pings go on, so that the exchange keeps the connection.
    ///
    /// Meanwhile the driver had better open no socket: what comes on it would not be read either.
    pub fn pause(&mut self) {
        if !std::mem::replace(&mut self.is_paused, true) && self.state != State::Terminated {
            self.emit(Event::Paused);
        }
    }

    /// The driver reads again: every deadline that waits for the exchange begins anew.
    pub fn resume(&mut self, now: u64) {
        if !std::mem::take(&mut self.is_paused) {
            return;
        }
        if self.state != State::Terminated {
            self.emit(Event::Resumed);
        }
        self.liveness.resume(now);
        if let State::LoggingIn { deadline } = &mut self.state {
            *deadline = now.saturating_add(self.config.login_timeout_ms.saturating_mul(MILLISECOND));
        }
        let ack_timeout = self.config.ack_timeout_ms.saturating_mul(MILLISECOND);
        self.topics.extend(now.saturating_add(ack_timeout));
    }

    /// Whether the driver has said that it doesn't read.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.is_paused
    }

    /// Ends the session: no further socket, no further event but [`Event::Closed`] for one that is open.
    pub fn shutdown(&mut self) {
        let was_open = self.is_open();
        if self.state == State::Terminated {
            return;
        }
        self.terminate(true);
        if was_open {
            self.emit(Event::Closed {
                epoch: self.epoch,
                cause: Cause::Shutdown,
            });
        }
    }

    // Inputs.

    /// The socket that was ordered is open.
    ///
    /// `unix_ms` is the local wall clock, `server_date_ms` the `Date` of the answer to the upgrade.
    pub fn handle_connected(&mut self, now: u64, unix_ms: u64, server_date_ms: Option<u64>) {
        if self.state != State::Connecting {
            return;
        }
        self.epoch.0 += 1;
        self.anchor = Moment { ns: now, unix_ms };
        self.clock.measure(unix_ms, server_date_ms);
        self.pace = Pace::default();
        self.liveness = Liveness::new(now, &self.config);
        let epoch = self.epoch;
        self.emit(match epoch.0 {
            1 => Event::Opened { epoch },
            _ => Event::Reconnected {
                epoch,
                attempts: self.attempt,
            },
        });
        if self.key.is_some() {
            let timestamp_ms = self.clock.timestamp_ms(unix_ms);
            let deadline = now.saturating_add(self.config.sign_timeout_ms.saturating_mul(MILLISECOND));
            self.state = State::Signing {
                deadline,
                timestamp_ms,
            };
            self.orders.push_back(Order::Sign { epoch, timestamp_ms });
        } else {
            self.state = State::Subscribing;
            self.advance(now);
        }
    }

    /// The socket is gone, or could not be opened.
    pub fn handle_disconnected(&mut self, now: u64, cause: Cause) {
        match self.state {
            State::Connecting => {
                let attempt = self.attempt;
                self.emit(Event::ConnectFailed {
                    attempt,
                    cause: cause.clone(),
                });
                self.attempt += 1;
                self.retry(now, &cause, None);
            }
            State::Idle | State::Terminated => {}
            _ => self.lose(now, cause, None),
        }
    }

    /// The socket that was ordered can't be opened before `until`: the connect budget is used up, or the host has
    /// complained. For the user to know; the order stands.
    pub fn handle_held_back(&mut self, now: u64, until: u64) {
        if self.state == State::Connecting && until > now {
            let wait_ms = (until - now).div_ceil(MILLISECOND);
            self.emit(Event::HeldBack { wait_ms });
        }
    }

    /// Bytes came in; `whole_frame` says whether they completed a frame. Any of them is a sign of life, for as long as a
    /// frame comes of them within a minute.
    ///
    /// Where nobody has looked for longer than two seconds (the machine slept, the driver was not called, it was
    /// [paused](Self::pause)), frames count as having come when the socket was last
    /// [seen dry](Self::handle_drained), until it is so again: a gap that follows begins there, for when between the two
    /// they came nobody knows.
    pub fn handle_activity(&mut self, now: u64, whole_frame: bool) {
        self.liveness.inbound(now, whole_frame);
    }

    /// The socket was read until nothing was left in it, at `now` or later. To be called whenever that is so; the
    /// session asks to be called at least once a second, by [`poll_timeout`](Self::poll_timeout), so that it is looked
    /// at.
    pub fn handle_drained(&mut self, now: u64) {
        self.liveness.drained(now);
    }

    /// The signer has answered the order to sign for `epoch`. An answer for another epoch is dropped.
    pub fn handle_signed(&mut self, now: u64, epoch: Epoch, result: Result<Signature, SignError>) {
        let State::Signing { timestamp_ms, .. } = self.state else {
            return;
        };
        if epoch != self.epoch {
            return;
        }
        match (result, &self.key) {
            (Ok(signature), Some(key)) => {
                self.login.clear();
                self.dialect
                    .encode_login(key, timestamp_ms, signature.as_str(), &mut self.login);
                let deadline = now.saturating_add(self.config.login_timeout_ms.saturating_mul(MILLISECOND));
                self.state = State::LoggingIn { deadline };
            }
            (Err(error), _) if !error.is_retryable() => {
                self.lose(
                    now,
                    Cause::Signer {
                        text: error.to_string(),
                    },
                    Some(Event::SignerRefused { error }),
                );
            }
            (Err(error), _) => self.lose_politely(
                now,
                Cause::Signer {
                    text: error.to_string(),
                },
            ),
            (Ok(_), None) => {}
        }
    }

    /// The exchange answered a request.
    pub fn handle_reply(&mut self, now: u64, reply: &Reply<'_>) {
        match (self.state, &reply.outcome) {
            // Whatever was under way: it is the connection that is not wanted.
            (State::Signing { .. } | State::LoggingIn { .. }, Err(refusal))
                if refusal.is_about_the_connection() && reply.operation != Some(Operation::Login) =>
            {
                self.lose_politely(now, Cause::Refused(refusal.clone().into_owned()));
            }
            (State::Idle | State::Connecting | State::Signing { .. } | State::Terminated, _) => {}
            (State::LoggingIn { .. }, Ok(())) => {
                if reply.operation == Some(Operation::Login) && self.login.is_empty() {
                    self.emit(Event::Authenticated { epoch: self.epoch });
                    self.clock.accepted();
                    self.state = State::Subscribing;
                    self.advance(now);
                }
            }
            (State::LoggingIn { .. }, Err(refusal)) => {
                self.handle_login_refused(now, refusal.clone().into_owned());
            }
            (State::Subscribing | State::Ready { .. }, Ok(())) => {
                let topic = reply.topic.as_deref();
                match (reply.operation, topic) {
                    (Some(Operation::Subscribe), Some(topic)) => {
                        let settled = self.topics.acknowledged(topic);
                        self.announce(settled);
                    }
                    (Some(Operation::Unsubscribe), topic) => self.handle_left(topic),
                    _ => {}
                }
                self.advance(now);
            }
            (State::Subscribing | State::Ready { .. }, Err(refusal)) => {
                self.handle_refusal(now, reply, refusal.clone().into_owned());
                self.advance(now);
            }
        }
    }

    /// Time has passed: to be called at [`poll_timeout`](Self::poll_timeout), and harmless at any other time.
    pub fn handle_timeout(&mut self, now: u64) {
        self.liveness.looked(now);
        match self.state {
            State::Signing { deadline, .. } if deadline <= now => {
                self.lose_politely(
                    now,
                    Cause::Signer {
                        text: "no answer from the signer in time".into(),
                    },
                );
                return;
            }
            _ if !self.is_open() || self.is_paused => return,
            State::LoggingIn { deadline } if deadline <= now => {
                self.lose_politely(now, Cause::LoginTimeout);
                return;
            }
            _ => {}
        }
        if self.liveness.give_up_at().is_some_and(|at| at <= now) {
            self.orders.push_back(Order::Close { polite: false });
            self.lose(now, Cause::Silent, None);
            return;
        }
        if self.liveness.whole_by().is_some_and(|at| at <= now) {
            self.orders.push_back(Order::Close { polite: false });
            let text = "a frame has begun and not come to its end within a minute".into();
            self.lose(now, Cause::Lost { text }, None);
            return;
        }
        match self.topics.handle_timeout(now, self.dialect) {
            Some(Overdue::Reconnect(topic)) => self.lose_politely(now, Cause::AckTimeout { topic }),
            Some(Overdue::Abandon(topic)) => {
                self.fail(topic, SubscribeFailure::NoAnswer);
                self.advance(now);
            }
            None => {}
        }
    }

    // Outputs.

    /// The next thing that the driver is to do.
    pub fn poll_order(&mut self) -> Option<Order> {
        self.orders.pop_front()
    }

    /// Appends the next message for the present socket to `out`, if one may go out now.
    pub fn poll_transmit(&mut self, now: u64, out: &mut Vec<u8>) -> Option<Transmit> {
        if !self.is_open() {
            return None;
        }
        if self.liveness.ping_at(self.is_paused).is_some_and(|at| at <= now) {
            out.extend_from_slice(self.dialect.ping());
            self.liveness.ping_sent(now);
            self.pace.count(now);
            return Some(Transmit::Ping);
        }
        if self.pace.free_at(now) > now {
            return None;
        }
        let transmit = match self.state {
            State::LoggingIn { .. } if !self.login.is_empty() => {
                out.extend_from_slice(&self.login);
                self.login.zeroize();
                Transmit::Request(Operation::Login)
            }
            State::Subscribing | State::Ready { .. } => {
                let deadline = now.saturating_add(self.config.ack_timeout_ms.saturating_mul(MILLISECOND));
                Transmit::Request(self.topics.write_request(deadline, self.dialect, out)?)
            }
            _ => return None,
        };
        self.liveness.outbound(now);
        self.pace.count(now);
        Some(transmit)
    }

    /// The next thing that the user is to know.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) and drain the outputs again, if nothing else happens.
    #[must_use]
    pub fn poll_timeout(&self, now: u64) -> Option<u64> {
        if !self.is_open() {
            return None;
        }
        let login = match self.state {
            State::Signing { deadline, .. } => Some(deadline),
            State::LoggingIn { deadline } if !self.is_paused => Some(deadline),
            _ => None,
        };
        let has_request = match self.state {
            State::LoggingIn { .. } => !self.login.is_empty(),
            State::Subscribing | State::Ready { .. } => self.topics.has_request(self.dialect),
            _ => false,
        };
        let transmit = has_request.then(|| self.pace.free_at(now));
        let (give_up, whole, answer) = match self.is_paused {
            true => (None, None, None),
            false => (
                self.liveness.give_up_at(),
                self.liveness.whole_by(),
                self.topics.deadline(),
            ),
        };
        let look = (!self.is_paused).then(|| self.liveness.look_at());
        let ping = self.liveness.ping_at(self.is_paused);
        [login, transmit, ping, give_up, whole, answer, look]
            .into_iter()
            .flatten()
            .min()
    }
}

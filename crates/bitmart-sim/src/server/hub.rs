//! What all connections share: the exchanges, who is connected, and the faults. One lock, held for the length of
//! one message or one tick and never across an await.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bitmart_proto::{Environment, Market};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::DeflateEncoder;
use tokio::time::Instant;

use super::outbox::{Abort, Outbox, Outgoing};
use crate::clock::{WallClock, monotonic};
use crate::counters::{Counters, EndpointStats, Stats};
use crate::exchange::{Audience, Exchange, Push, ScriptError};
use crate::fault::{Board, Fault, FaultId, Immediate, Subject, UpgradeFault};
use crate::protocol::{About, Answer, Context, Directory, LoginVerdict, Session};
use crate::random::Random;
use crate::venue::{Endpoint, Venue};

/// When spot messages are sent as binary frames of raw DEFLATE. Futures never compresses.
///
/// The exchange's documentation says that only data after a subscription is compressed; older clients always got
/// binary frames; the captures of 2026 hold none. A pong is plain text in every case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Compress {
    /// Text frames only.
    #[default]
    Never,
    /// Pushes are compressed; answers to logins and subscribes are text.
    AfterSubscribe,
    /// Everything but pongs is compressed.
    Always,
}

#[derive(Debug)]
pub(crate) struct Hub {
    state: Mutex<State>,
    stats: Stats,
    directory: Directory,
    wall_clock: WallClock,
    compress: Compress,
    seed: u64,
    began: Instant,
}

#[derive(Debug)]
struct State {
    live: Exchange,
    demo: Exchange,
    connections: BTreeMap<u64, Connection>,
    next_connection: u64,
    /// How many upgrades each endpoint has seen.
    ordinals: [u64; Endpoint::COUNT],
    board: Board,
    is_closing: bool,
}

/// One connection as the hub sees it.
#[derive(Debug)]
struct Connection {
    endpoint: Endpoint,
    ordinal: u64,
    session: Session,
    outbox: Arc<Outbox>,
    /// The faults that keep it silent.
    silenced_by: BTreeSet<FaultId>,
}

impl Hub {
    pub(crate) fn new(
        seed: u64,
        live: Exchange,
        demo: Exchange,
        directory: Directory,
        wall_clock: WallClock,
        compress: Compress,
    ) -> Self {
        let state = State {
            live,
            demo,
            connections: BTreeMap::new(),
            next_connection: 0,
            ordinals: [0; Endpoint::COUNT],
            board: Board::default(),
            is_closing: false,
        };
        Self {
            state: Mutex::new(state),
            stats: Stats::default(),
            directory,
            wall_clock,
            compress,
            seed,
            began: monotonic(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code under the lock panics on what a peer sends; if a bug did, the others are served on.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn http_date(&self) -> String {
        self.wall_clock.http_date()
    }

    pub(crate) fn counters(&self) -> Counters {
        self.stats.snapshot()
    }

    /// Counts a request that asked for no endpoint; it is booked on the public side.
    pub(crate) fn count_bad_request(&self, venue: Venue) {
        self.stats
            .of(Endpoint {
                venue,
                side: bitmart_proto::Side::Public,
            })
            .upgrades_refused
            .add(1);
    }

    /// Numbers an upgrade on its endpoint, and says whether a fault meets it.
    pub(crate) fn admit(&self, endpoint: Endpoint) -> (u64, Option<UpgradeFault>) {
        let mut state = self.state();
        let ordinal = &mut state.ordinals[endpoint.index()];
        *ordinal += 1;
        let ordinal = *ordinal;
        let fault = state.board.take_upgrade(Subject {
            endpoint,
            ordinal,
            has_topic: &|_| false,
        });
        if fault.is_some() {
            self.stats.of(endpoint).faults.add(1);
        }
        if matches!(fault, Some(UpgradeFault::Refuse { .. })) {
            self.stats.of(endpoint).upgrades_refused.add(1);
        }
        (ordinal, fault)
    }

    /// Registers a connection whose upgrade was answered.
    pub(crate) fn open(self: &Arc<Self>, endpoint: Endpoint, ordinal: u64) -> Guest {
        let outbox = Arc::new(Outbox::default());
        let stats = self.stats.of(endpoint);
        stats.connections.add(1);
        stats.open.add(1);
        let mut state = self.state();
        let id = state.next_connection;
        state.next_connection += 1;
        let stream = format!("connection {}/{ordinal}", endpoint.index());
        let session = Session::new(endpoint, Random::new(self.seed, &stream));
        let mut connection = Connection {
            endpoint,
            ordinal,
            session,
            outbox: outbox.clone(),
            silenced_by: BTreeSet::new(),
        };
        let hits = state.board.take_on_open(Subject {
            endpoint,
            ordinal,
            has_topic: &|_| false,
        });
        stats.faults.add(hits.len() as u64);
        for (fault, immediate) in hits {
            connection.suffer(fault, immediate);
        }
        if state.is_closing {
            outbox.push(going_away());
        }
        state.connections.insert(id, connection);
        drop(state);
        tracing::debug!(?endpoint, ordinal, "connection opened");
        Guest {
            id,
            endpoint,
            hub: self.clone(),
            outbox,
        }
    }

    fn close(&self, guest: &Guest) {
        guest.outbox.finish();
        self.state().connections.remove(&guest.id);
        self.stats.of(guest.endpoint).open.sub(1);
        tracing::debug!(endpoint = ?guest.endpoint, id = guest.id, "connection closed");
    }

    /// Takes one message from a client and queues what is answered.
    fn handle(&self, id: u64, text: &str) {
        // Before the lock: the clock may be a test's own code.
        let wall_ms = self.wall_clock.now_ms();
        let mut state = self.state();
        let State {
            connections,
            board,
            live,
            demo,
            ..
        } = &mut *state;
        let Some(connection) = connections.get_mut(&id) else {
            return;
        };
        let (endpoint, ordinal) = (connection.endpoint, connection.ordinal);
        let exchange = match endpoint.venue.environment() {
            Environment::Live => live,
            Environment::Demo => demo,
        };
        let stats = self.stats.of(endpoint);
        stats.messages_in.add(1);
        if connection.outbox.is_silent() {
            return;
        }
        let elapsed = monotonic() - self.began;
        let outcome = connection.session.handle(
            text,
            &mut Context {
                directory: &self.directory,
                wall_ms,
                monotonic_ms: u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
                on_login: &mut || {
                    let subject = Subject {
                        endpoint,
                        ordinal,
                        has_topic: &|_| false,
                    };
                    let verdict = board.take_login(subject).unwrap_or(LoginVerdict::Check);
                    stats.faults.add(u64::from(verdict != LoginVerdict::Check));
                    verdict
                },
                first_push: &mut |topic| exchange.first_push(topic),
            },
        );
        // A close is no earlier than the reply before it.
        let mut last_due = None;
        for answer in outcome.answers {
            tracing::trace!(?endpoint, ordinal, about = ?answer.about, "answer");
            last_due = last_due.max(self.answer(connection, board, stats, answer));
        }
        if let Some(code) = outcome.close {
            let close = Outgoing::close(code, "");
            match last_due {
                Some(due) => connection.outbox.push_at(due, close),
                None => connection.outbox.push(close),
            };
        }
    }

    /// Counts an answer and queues it, unless a fault takes it; when it is due, if a fault delays it.
    fn answer(
        &self,
        connection: &mut Connection,
        board: &mut Board,
        stats: &EndpointStats,
        answer: Answer,
    ) -> Option<Instant> {
        let Connection {
            endpoint, ordinal, ..
        } = *connection;
        let outgoing = self.encode(endpoint, &answer);
        match &answer.about {
            About::Pong => stats.pings.add(1),
            About::LoginAccepted => stats.logins_ok.add(1),
            About::LoginRefused => stats.logins_refused.add(1),
            About::Subscribed(_) => stats.subscribes.add(1),
            About::Unsubscribed(_) => stats.unsubscribes.add(1),
            About::Refusal => {}
            About::FirstPush => {
                // Data, not a reply: the faults of replies leave it alone.
                connection.outbox.push(outgoing);
                return None;
            }
        }
        let acked = match &answer.about {
            About::Subscribed(topic) | About::Unsubscribed(topic) => Some(topic.as_str()),
            _ => None,
        };
        let is_about = |topic: &str| acked == Some(topic);
        let about = Subject {
            endpoint,
            ordinal,
            has_topic: &is_about,
        };
        let mut due = None;
        if acked.is_some() && board.take_ack(about) {
            stats.faults.add(1);
        } else {
            let concerns = |topic: &str| is_about(topic) || connection.session.has_topic(topic);
            match board.take_delay(Subject {
                endpoint,
                ordinal,
                has_topic: &concerns,
            }) {
                Some(delay) => {
                    stats.faults.add(1);
                    let at = monotonic() + delay;
                    connection.outbox.push_at(at, outgoing);
                    due = Some(at);
                }
                None => {
                    connection.outbox.push(outgoing);
                }
            }
        }
        if matches!(answer.about, About::Subscribed(_)) {
            let hits = board.take_on_topic(about);
            stats.faults.add(hits.len() as u64);
            for (fault, immediate) in hits {
                connection.suffer(fault, immediate);
            }
        }
        due
    }

    fn encode(&self, endpoint: Endpoint, answer: &Answer) -> Outgoing {
        let is_binary = endpoint.venue.market() == Market::Spot
            && match (self.compress, &answer.about) {
                (Compress::Never, _) | (_, About::Pong) => false,
                (Compress::Always, _) => true,
                (Compress::AfterSubscribe, about) => matches!(about, About::FirstPush),
            };
        if is_binary {
            Outgoing::Binary(deflate(&answer.text))
        } else {
            Outgoing::Text(Bytes::copy_from_slice(answer.text.as_bytes()))
        }
    }

    /// Runs one tick of every exchange and delivers what it yields.
    pub(crate) fn step(&self) {
        let mut state = self.state();
        let State {
            live,
            demo,
            connections,
            ..
        } = &mut *state;
        let wanted: BTreeSet<(Venue, &str)> = connections
            .values()
            .flat_map(|it| it.session.topics().map(|topic| (it.endpoint.venue, topic)))
            .collect();
        let is_wanted =
            |environment, market, topic: &str| wanted.contains(&(Venue::new(environment, market), topic));
        let live = live.step_for(|market, topic| is_wanted(Environment::Live, market, topic));
        let demo = demo.step_for(|market, topic| is_wanted(Environment::Demo, market, topic));
        self.deliver(&state, Environment::Live, live);
        self.deliver(&state, Environment::Demo, demo);
    }

    /// Runs a scripted step on one environment's exchange and delivers the pushes that it yields.
    pub(crate) fn script<T>(
        &self,
        environment: Environment,
        step: impl FnOnce(&mut Exchange) -> Result<(T, Vec<Push>), ScriptError>,
    ) -> Result<T, ScriptError> {
        let mut state = self.state();
        let exchange = match environment {
            Environment::Live => &mut state.live,
            Environment::Demo => &mut state.demo,
        };
        let (value, pushes) = step(exchange)?;
        self.deliver(&state, environment, pushes);
        Ok(value)
    }

    /// Looks at one environment's exchange.
    pub(crate) fn inspect<T>(&self, environment: Environment, look: impl FnOnce(&Exchange) -> T) -> T {
        let state = self.state();
        look(match environment {
            Environment::Live => &state.live,
            Environment::Demo => &state.demo,
        })
    }

    fn deliver(&self, state: &State, environment: Environment, pushes: Vec<Push>) {
        for push in pushes {
            let venue = Venue::new(environment, push.market);
            let is_binary = push.market == Market::Spot && self.compress != Compress::Never;
            // Made for the first who wants it, shared by the others.
            let mut message: Option<Outgoing> = None;
            for connection in state.connections.values() {
                let is_meant = connection.endpoint.venue == venue
                    && match push.audience {
                        Audience::Everyone => true,
                        Audience::Account(account) => connection.session.account() == Some(account),
                    }
                    && connection.session.has_topic(&push.topic);
                if is_meant {
                    let message = message.get_or_insert_with(|| {
                        if is_binary {
                            Outgoing::Binary(deflate(&push.payload))
                        } else {
                            Outgoing::Text(Bytes::copy_from_slice(push.payload.as_bytes()))
                        }
                    });
                    connection.outbox.push(message.clone());
                }
            }
        }
    }

    /// Waits until everything that is due has been written.
    pub(crate) async fn flushed(&self) {
        let outboxes: Vec<Arc<Outbox>> = self
            .state()
            .connections
            .values()
            .map(|connection| connection.outbox.clone())
            .collect();
        for outbox in outboxes {
            outbox.flushed().await;
        }
    }

    /// Arms a fault; an immediate one hits what is open.
    pub(crate) fn inject(&self, fault: Fault) -> FaultId {
        let mut state = self.state();
        let State {
            connections, board, ..
        } = &mut *state;
        tracing::debug!(?fault, "fault injected");
        let id = board.arm(fault);
        let mut is_hit = false;
        for connection in connections.values_mut() {
            let holds = |topic: &str| connection.session.has_topic(topic);
            let (endpoint, ordinal) = (connection.endpoint, connection.ordinal);
            if let Some(immediate) = board.immediate(
                id,
                Subject {
                    endpoint,
                    ordinal,
                    has_topic: &holds,
                },
            ) {
                is_hit = true;
                self.stats.of(endpoint).faults.add(1);
                connection.suffer(id, immediate);
            }
        }
        if is_hit {
            board.used(id);
        }
        id
    }

    /// Takes back what is left of a fault; connections that it keeps silent speak again.
    pub(crate) fn clear(&self, id: FaultId) {
        let mut state = self.state();
        state.board.disarm(id);
        for connection in state.connections.values_mut() {
            connection.recover(|fault| fault == id);
        }
    }

    pub(crate) fn clear_all(&self) {
        let mut state = self.state();
        state.board.disarm_all();
        for connection in state.connections.values_mut() {
            connection.recover(|_| true);
        }
    }

    /// Queues a close on every connection, open or yet to open.
    pub(crate) fn close_all(&self) {
        let mut state = self.state();
        state.is_closing = true;
        for connection in state.connections.values() {
            if connection.outbox.is_silent() {
                connection.outbox.abort(Abort::Cut);
            } else {
                connection.outbox.push(going_away());
            }
        }
    }
}

impl Connection {
    fn suffer(&mut self, id: FaultId, immediate: Immediate) {
        match immediate {
            Immediate::Close { code, reason } => {
                self.outbox.push(Outgoing::close(code, &reason));
            }
            Immediate::Reset => self.outbox.abort(Abort::Reset),
            Immediate::Cut => self.outbox.abort(Abort::Cut),
            Immediate::Silence => {
                self.silenced_by.insert(id);
                self.outbox.set_silent(true);
            }
            Immediate::SendText(text) => {
                self.outbox.push(Outgoing::Text(text.into()));
            }
            Immediate::SendBinary(bytes) => {
                self.outbox.push(Outgoing::Binary(bytes.into()));
            }
        }
    }

    fn recover(&mut self, from: impl Fn(FaultId) -> bool) {
        if !self.silenced_by.is_empty() {
            self.silenced_by.retain(|id| !from(*id));
            self.outbox.set_silent(!self.silenced_by.is_empty());
        }
    }
}

fn going_away() -> Outgoing {
    const CLOSE_GOING_AWAY: u16 = 1001;
    Outgoing::close(CLOSE_GOING_AWAY, "the simulator shuts down")
}

/// Raw DEFLATE (RFC 1951): no zlib or gzip header.
fn deflate(text: &str) -> Bytes {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder
        .write_all(text.as_bytes())
        .expect("a Vec takes every write");
    encoder.finish().expect("a Vec takes every write").into()
}

/// A connection's hold on the hub: while it lives, the connection is registered.
#[derive(Debug)]
pub(crate) struct Guest {
    id: u64,
    endpoint: Endpoint,
    hub: Arc<Hub>,
    outbox: Arc<Outbox>,
}

impl Guest {
    pub(crate) fn market(&self) -> Market {
        self.endpoint.venue.market()
    }

    pub(crate) fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    pub(crate) fn stats(&self) -> &EndpointStats {
        self.hub.stats.of(self.endpoint)
    }

    /// Takes one message from the client.
    pub(crate) fn handle(&self, text: &str) {
        if !text.is_empty() {
            self.hub.handle(self.id, text);
        }
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.hub.close(self);
    }
}

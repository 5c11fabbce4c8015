//! What all connections share: the exchanges, who is connected, and the faults. One lock, held for the length of
//! one message or one tick and never across an await.

mod admission;
mod delivery;
mod injection;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bitmart_proto::{Environment, Market};
use tokio::time::Instant;

use super::observer::{Observer, PushRecord};
use super::outbox::{Abort, Outbox, Outgoing};
use crate::clock::{WallClock, later, monotonic};
use crate::counters::{Counters, EndpointStats, Stats};
use crate::exchange::Exchange;
use crate::fault::{Board, FaultId, Subject};
use crate::limits::Limits;
use crate::protocol::{About, Answer, Context, Directory, Session};
use crate::random::Random;
use crate::venue::Endpoint;

pub(crate) use admission::{Admission, Refusal};
pub use delivery::Compress;

use admission::Doors;
use injection::RequestFaults;

/// How the server ends a connection for a limit. Nothing is documented.
const CLOSE_NORMAL: u16 = 1000;

#[derive(Debug)]
pub(crate) struct Hub {
    state: Mutex<State>,
    stats: Stats,
    directory: Directory,
    limits: Limits,
    wall_clock: WallClock,
    compress: Compress,
    observer: Observer,
    seed: u64,
    began: Instant,
}

#[derive(Debug)]
struct State {
    live: Exchange,
    demo: Exchange,
    connections: BTreeMap<u64, Connection>,
    next_connection: u64,
    doors: Doors,
    board: Board,
    /// Pushes made so far, for the observer.
    pushes: u64,
    is_closing: bool,
}

/// One connection as the hub sees it.
#[derive(Debug)]
struct Connection {
    endpoint: Endpoint,
    ordinal: u64,
    session: Session,
    outbox: Arc<Outbox>,
    /// A limit refused it: it is told so and closed.
    is_refused: bool,
    /// It counts against the limits on connections: until it is refused, or ends.
    is_present: bool,
    /// Since when it has had no topic; `None` while it has one.
    topicless_since: Option<Instant>,
    /// The faults that keep it silent.
    silenced_by: BTreeSet<FaultId>,
    /// The faults that make it slow, and the least and most that what it is sent is late by.
    lagged_by: BTreeMap<FaultId, (Duration, Duration)>,
    /// Pushes that a fault holds back until the next one of their topic.
    held_back: BTreeMap<String, Outgoing>,
}

impl State {
    /// Frees a connection's place, once.
    fn leave(&mut self, id: u64) {
        if let Some(connection) = self.connections.get_mut(&id)
            && std::mem::take(&mut connection.is_present)
        {
            self.doors.leave(connection.endpoint);
        }
    }
}

impl Hub {
    pub(crate) fn new(
        seed: u64,
        live: Exchange,
        demo: Exchange,
        directory: Directory,
        limits: Limits,
        wall_clock: WallClock,
        compress: Compress,
    ) -> Self {
        let state = State {
            live,
            demo,
            connections: BTreeMap::new(),
            next_connection: 0,
            doors: Doors::default(),
            board: Board::default(),
            pushes: 0,
            is_closing: false,
        };
        Self {
            state: Mutex::new(state),
            stats: Stats::default(),
            directory,
            limits,
            wall_clock,
            compress,
            observer: Observer::default(),
            seed,
            began: monotonic(),
        }
    }

    /// With somebody who is told of every push.
    pub(crate) fn observed_by(mut self, observer: Observer) -> Self {
        self.observer = observer;
        self
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

    /// The key of an account: the one that is meant, if there is such a one, or the first if none is.
    pub(crate) fn account_key(&self, meant: Option<&str>) -> Option<String> {
        let key = self.directory.members.iter().find(|(key, member)| match meant {
            Some(meant) => meant == *key,
            None => member.number == 0,
        });
        key.map(|(key, _)| key.clone())
    }

    /// Registers a connection whose upgrade is being answered. With a refusal it is told that, and closed.
    pub(crate) fn open(
        self: &Arc<Self>,
        endpoint: Endpoint,
        ordinal: u64,
        refusal: Option<&'static str>,
    ) -> Guest {
        let stream = |what| format!("{what} {}/{ordinal}", endpoint.index());
        let outbox = Arc::new(Outbox::new(Random::new(self.seed, &stream("lag"))));
        let stats = self.stats.of(endpoint);
        stats.connections.add(1);
        stats.open.add(1);
        let mut state = self.state();
        let id = state.next_connection;
        state.next_connection += 1;
        let mut connection = Connection {
            endpoint,
            ordinal,
            session: Session::new(endpoint, Random::new(self.seed, &stream("connection"))),
            outbox: outbox.clone(),
            is_refused: refusal.is_some(),
            is_present: refusal.is_none(),
            topicless_since: Some(monotonic()),
            silenced_by: BTreeSet::new(),
            lagged_by: BTreeMap::new(),
            held_back: BTreeMap::new(),
        };
        if let Some(text) = refusal {
            outbox.push(self.encode(endpoint, &About::Refusal, text));
            outbox.push(Outgoing::close(CLOSE_NORMAL, ""));
        } else {
            let subject = Subject {
                endpoint,
                ordinal,
                has_topic: &|_| false,
            };
            let hits = state
                .board
                .take_on_open(subject, |fault, immediate| connection.suffer(fault, immediate));
            stats.faults.add(hits);
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
        let mut state = self.state();
        state.leave(guest.id);
        state.connections.remove(&guest.id);
        drop(state);
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
            pushes,
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
        if !connection.outbox.is_open() || connection.is_refused {
            return;
        }
        let now = monotonic();
        let outcome = connection.session.handle(
            text,
            &mut Context {
                directory: &self.directory,
                limits: &self.limits,
                wall_ms,
                monotonic_ms: u64::try_from((now - self.began).as_millis()).unwrap_or(u64::MAX),
                interference: &mut RequestFaults {
                    board,
                    stats,
                    endpoint,
                    ordinal,
                },
                first_push: &mut |topic| exchange.first_push(topic),
            },
        );
        connection.topicless_since = match connection.topicless_since {
            _ if connection.session.has_topics() => None,
            None => Some(now),
            since => since,
        };
        // A close is no earlier than the reply before it.
        let mut last_due = None;
        for answer in outcome.answers {
            tracing::trace!(?endpoint, ordinal, about = ?answer.about, "answer");
            if let About::FirstPush(topic) = &answer.about {
                *pushes += 1;
                self.observer.tell(&PushRecord {
                    number: *pushes,
                    environment: endpoint.venue.environment(),
                    market: endpoint.venue.market(),
                    account: connection.session.account(),
                    is_for_one: true,
                    topic,
                    payload: &answer.text,
                });
            }
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
        let outgoing = self.encode(endpoint, &answer.about, &answer.text);
        match &answer.about {
            About::Pong => stats.pings.add(1),
            About::LoginAccepted => stats.logins_ok.add(1),
            About::LoginRefused => stats.logins_refused.add(1),
            About::Subscribed(_) => stats.subscribes.add(1),
            About::Unsubscribed(topic) => {
                stats.unsubscribes.add(1);
                connection.held_back.remove(topic);
            }
            About::Refusal => {}
            About::FirstPush(topic) => {
                // Data, not a reply: the faults of pushes meet it, and those of replies leave it alone.
                self.push(connection, board, topic, || outgoing);
                return None;
            }
        }
        if !connection.outbox.is_open() {
            // What an answer before it brought on has ended the connection: no hit is spent on the rest.
            return None;
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
                    let at = later(monotonic(), delay);
                    connection.outbox.push_at(at, outgoing);
                    due = Some(at);
                }
                None => {
                    connection.outbox.push(outgoing);
                }
            }
        }
        if matches!(answer.about, About::Subscribed(_)) {
            let hits = board.take_on_topic(about, |fault, immediate| connection.suffer(fault, immediate));
            stats.faults.add(hits);
        }
        due
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

fn going_away() -> Outgoing {
    const CLOSE_GOING_AWAY: u16 = 1001;
    Outgoing::close(CLOSE_GOING_AWAY, "the simulator shuts down")
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

    /// Bytes of the longest message that the client may send.
    pub(crate) fn max_message_bytes(&self) -> usize {
        self.hub.limits.message_bytes(self.market())
    }

    /// How long the connection may be without a frame in either direction.
    pub(crate) fn idle_limit(&self) -> Option<Duration> {
        self.hub.limits.idle(self.market())
    }

    /// How long the connection may be without a topic.
    pub(crate) fn topicless_limit(&self) -> Option<Duration> {
        self.hub.limits.topicless(self.market())
    }

    /// Since when the connection has had no topic; `None` while it has one.
    pub(crate) fn topicless_since(&self) -> Option<Instant> {
        self.hub.state().connections.get(&self.id)?.topicless_since
    }

    /// Frees the connection's place among those that the limits allow: its end is decided, and about to be seen.
    pub(crate) fn leave(&self) {
        self.hub.state().leave(self.id);
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

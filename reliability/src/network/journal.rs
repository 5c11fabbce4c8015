//! What all parts of a simulation tell, put in order of time for the oracle.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bitmart::session::time::MILLISECOND;
use bitmart::{Cause, ConnectionId, Epoch, Lifecycle, Market, Side, Topic};
use bitmart_sim::PushRecord;

use crate::history::History;

/// Dials of one connection in [`DIAL_WINDOW`] that no backoff would make.
const MAX_DIALS: usize = 20;

/// See [`MAX_DIALS`], in nanoseconds.
const DIAL_WINDOW: u64 = 10_000 * MILLISECOND;

/// Virtual time since the beginning, in nanoseconds. It is the same on every host of the simulation.
pub(super) fn now() -> u64 {
    let elapsed = turmoil::sim_elapsed().unwrap_or_default();
    u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX)
}

/// One thing to tell the oracle.
#[derive(Clone, Debug)]
pub(super) enum Fact {
    Made {
        topic: Topic,
        sequence: u64,
    },
    Dialled,
    /// When the client last found nothing to read.
    Frame {
        dry_at: u64,
    },
    /// A close frame among them; over TLS, it was sent.
    CloseSeen,
    /// An item among them.
    Arrived {
        topic: Topic,
        sequence: u64,
    },
    Transmitted,
    FaultBegan(&'static str),
    FaultEnded(&'static str),
    Wanted(Topic),
    Unwanted(Topic),
    Closed,
    Received {
        epoch: Epoch,
        topic: Topic,
        sequence: u64,
        read_at: u64,
    },
    Event(Box<Lifecycle>),
    Violation(String),
}

/// What a text stands for.
#[derive(Clone, Debug)]
struct Item {
    topic: Topic,
    sequence: u64,
}

/// Collects facts from all hosts. Hosts run one after the other within a step of the simulation, so that facts come
/// out of order; [`Journal::flush`] puts those of a step in order.
#[derive(Debug, Default)]
struct State {
    facts: Vec<(u64, ConnectionId, Fact)>,
    /// Every item that was made, by its text, which is given once.
    items: HashMap<String, Item>,
    /// Texts that were said to one connection alone, or more than once.
    greetings: BTreeSet<String>,
    /// Topics that the client has asked for, ever, and on which connection.
    followed: BTreeMap<Topic, ConnectionId>,
    /// Those that it wants now.
    wanted: BTreeSet<Topic>,
    last_received: BTreeMap<Topic, u64>,
    /// The index of the present connection of each market and side.
    indices: BTreeMap<(Market, Side), u16>,
    closed: BTreeSet<ConnectionId>,
    dials: BTreeMap<ConnectionId, Vec<u64>>,
    next_sequence: u64,
    /// Close frames that came and were not told yet.
    closes: BTreeMap<ConnectionId, u64>,
}

/// See [`State`]; shared by all hosts.
#[derive(Clone, Debug, Default)]
pub(super) struct Journal {
    state: Arc<Mutex<State>>,
}

impl Journal {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn note(&self, connection: ConnectionId, fact: Fact) {
        self.note_at(now(), connection, fact);
    }

    pub(super) fn note_at(&self, at: u64, connection: ConnectionId, fact: Fact) {
        self.state().facts.push((at, connection, fact));
    }

    pub(super) fn violate(&self, connection: ConnectionId, what: impl Into<String>) {
        self.note(connection, Fact::Violation(what.into()));
    }

    /// The present connection of a market and side.
    pub(super) fn connection(&self, market: Market, side: Side) -> ConnectionId {
        self.state().connection(market, side)
    }

    /// The exchange has said something.
    pub(super) fn pushed(&self, push: &PushRecord<'_>) {
        let Ok(topic) = push.topic.parse::<Topic>() else {
            return;
        };
        let at = now();
        let mut state = self.state();
        // A balance may come to be what it was before: such a text is nobody's loss.
        if push.is_for_one || state.items.contains_key(push.payload) {
            state.greetings.insert(push.payload.to_owned());
            return;
        }
        let Some(connection) = state.followed.get(&topic).copied() else {
            return;
        };
        state.next_sequence += 1;
        let sequence = state.next_sequence;
        let item = Item {
            topic: topic.clone(),
            sequence,
        };
        state.items.insert(push.payload.to_owned(), item);
        state.facts.push((at, connection, Fact::Made { topic, sequence }));
    }

    /// A socket is dialled.
    pub(super) fn dialled(&self, connection: ConnectionId) {
        let at = now();
        let mut state = self.state();
        state.facts.push((at, connection, Fact::Dialled));
        let dials = state.dials.entry(connection).or_default();
        dials.retain(|dial| dial + DIAL_WINDOW > at);
        dials.push(at);
        if dials.len() > MAX_DIALS {
            let what = format!("P6: {} sockets in ten seconds: that is no backoff", dials.len());
            state.facts.push((at, connection, Fact::Violation(what)));
        }
    }

    /// The user asks for topics.
    pub(super) fn wants(&self, topics: &[Topic]) {
        let at = now();
        let mut state = self.state();
        for topic in topics {
            let connection = state.open(topic.market(), topic.side());
            state.followed.insert(topic.clone(), connection);
            if state.wanted.insert(topic.clone()) {
                state.facts.push((at, connection, Fact::Wanted(topic.clone())));
            }
        }
    }

    /// The user asks for topics no longer.
    pub(super) fn leaves(&self, topics: &[Topic]) {
        let at = now();
        let mut state = self.state();
        for topic in topics {
            state.leave(at, topic);
        }
    }

    /// The user closes a connection.
    pub(super) fn closes(&self, connection: ConnectionId) {
        let at = now();
        let mut state = self.state();
        let is_on_it = |topic: &&Topic| state.followed.get(*topic) == Some(&connection);
        let topics: Vec<Topic> = state.wanted.iter().filter(is_on_it).cloned().collect();
        for topic in &topics {
            state.leave(at, topic);
        }
        if state.closed.insert(connection) {
            state.facts.push((at, connection, Fact::Closed));
        }
    }

    /// The connections that topics were asked for on and that were not closed.
    pub(super) fn open_connections(&self) -> Vec<ConnectionId> {
        let state = self.state();
        let used: BTreeSet<ConnectionId> = state.followed.values().copied().collect();
        used.difference(&state.closed).copied().collect()
    }

    /// A text message has reached the client.
    pub(super) fn arrived(&self, connection: ConnectionId, text: &[u8]) {
        let at = now();
        let mut state = self.state();
        let item = std::str::from_utf8(text)
            .ok()
            .and_then(|text| state.items.get(text));
        if let Some(Item { topic, sequence }) = item.cloned() {
            state
                .facts
                .push((at, connection, Fact::Arrived { topic, sequence }));
        }
    }

    /// The user sees a message of data.
    pub(super) fn received(&self, connection: ConnectionId, epoch: Epoch, text: &str, read_at: u64) {
        let at = now();
        let mut state = self.state();
        let last = |topic: &Topic| state.last_received.get(topic).copied().unwrap_or(0);
        let fact = match state.items.get(text) {
            Some(item) if state.greetings.contains(text) && item.sequence <= last(&item.topic) => return,
            Some(item) => Fact::Received {
                epoch,
                topic: item.topic.clone(),
                sequence: item.sequence,
                read_at,
            },
            None if state.greetings.contains(text) => return,
            None => Fact::Violation(format!("P1: received what was never made: {text}")),
        };
        if let Fact::Received { topic, sequence, .. } = &fact {
            state.last_received.insert(topic.clone(), *sequence);
        }
        state.facts.push((at, connection, fact));
    }

    /// The user sees an event.
    pub(super) fn event(&self, connection: ConnectionId, event: Lifecycle) {
        let at = now();
        let mut state = self.state();
        if let Lifecycle::SubscribeFailed { topic, .. } = &event {
            state.wanted.remove(topic);
        }
        state.facts.push((at, connection, Fact::Event(Box::new(event))));
    }

    /// Tells the oracle what has been noted, in order of time.
    pub(super) fn flush(&self, history: &mut History) {
        let mut facts = std::mem::take(&mut self.state().facts);
        // It is stable: what happens on a connection at the same time stays in order. Which of several connections is
        // woken first is tokio's choice, and a matter of chance.
        let is_weather = |fact: &Fact| matches!(fact, Fact::FaultBegan(_) | Fact::FaultEnded(_));
        facts.sort_by_key(|(at, id, fact)| (*at, !is_weather(fact), *id));
        for (at, id, fact) in facts.drain(..) {
            match fact {
                Fact::Made { topic, sequence } => history.made(at, id, &topic, sequence),
                Fact::Dialled => {
                    // Each market and side has a port of its own, and so a budget.
                    let budget =
                        u64::from(id.market == Market::Futures) * 2 + u64::from(id.side == Side::Private);
                    history.dialled(at, id, budget);
                }
                Fact::Frame { dry_at } => history.frame_read_late(at, id, dry_at),
                Fact::CloseSeen => *self.state().closes.entry(id).or_default() += 1,
                Fact::Arrived { topic, sequence } => history.arrived(at, id, &topic, sequence),
                Fact::Transmitted => history.transmitted(at, id),
                Fact::FaultBegan(what) => history.fault_began(at, id, what),
                Fact::FaultEnded(what) => history.fault_ended(at, id, what),
                Fact::Wanted(topic) => history.wanted(at, id, &topic),
                Fact::Unwanted(topic) => history.unwanted(at, id, &topic),
                Fact::Closed => history.closed(at, id),
                Fact::Received {
                    epoch,
                    topic,
                    sequence,
                    read_at,
                } => {
                    history.read(at, id, read_at);
                    history.received(at, id, epoch, &topic, sequence);
                }
                Fact::Event(event) => {
                    if is_peer_closed(&event) && !self.state().spend_close(id) {
                        history.violate(at, id, format!("P3: no close frame came, and yet: {event}"));
                    }
                    history.event(at, id, &event);
                }
                Fact::Violation(what) => history.violate(at, id, what),
            }
        }
        // The storage is used again.
        let mut state = self.state();
        if state.facts.is_empty() {
            state.facts = facts;
        }
    }
}

/// Whether the client says that the exchange closed its socket.
fn is_peer_closed(event: &Lifecycle) -> bool {
    matches!(
        event,
        Lifecycle::Closed {
            cause: Cause::PeerClosed { .. },
            ..
        }
    )
}

impl State {
    /// Takes one of the close frames that came; false if there is none.
    fn spend_close(&mut self, id: ConnectionId) -> bool {
        match self.closes.get_mut(&id) {
            Some(left) if *left > 0 => {
                *left -= 1;
                true
            }
            _ => false,
        }
    }

    fn connection(&self, market: Market, side: Side) -> ConnectionId {
        let index = self.indices.get(&(market, side)).copied().unwrap_or(0);
        ConnectionId {
            index,
            ..ConnectionId::new(market, side)
        }
    }

    /// The present connection of a market and side, or the next if that was closed.
    fn open(&mut self, market: Market, side: Side) -> ConnectionId {
        let present = self.connection(market, side);
        if !self.closed.contains(&present) {
            return present;
        }
        *self.indices.entry((market, side)).or_insert(0) += 1;
        self.connection(market, side)
    }

    fn leave(&mut self, at: u64, topic: &Topic) {
        if self.wanted.remove(topic)
            && let Some(connection) = self.followed.get(topic)
        {
            self.facts.push((at, *connection, Fact::Unwanted(topic.clone())));
        }
    }
}

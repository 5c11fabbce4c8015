//! The oracle of every simulation: what a client may do and what it has to say, judged from outside.
//!
//! Whoever simulates tells a [`History`] three kinds of things, in the order in which they happen:
//!
//! - what the exchange does: [`made`](History::made) an item of a topic;
//! - what the network does: [`dialled`](History::dialled), a [`frame`](History::frame) reached the client, it
//!   [`transmitted`](History::transmitted) one, a fault [`began`](History::fault_began) or
//!   [`ended`](History::fault_ended);
//! - what the client is told and says: [`wanted`](History::wanted), [`unwanted`](History::unwanted),
//!   [`event`](History::event), [`received`](History::received).
//!
//! It knows nothing of how the client works. The rules, by the promise that each belongs to:
//!
//! | promise | rule |
//! |---|---|
//! | P1 | what is received was made, comes in the order in which it was made, once, and in the epoch that is open |
//! | P3 | an item that is missing lies inside a gap that was announced before the next item of its topic |
//! | P3 | an item that has reached the client, where that can be seen, is missing for no other reason than a full queue |
//! | P3 | a gap begins exactly at the last frame of the socket that was lost (or, if that was read long after it came, no later than it came), and ends exactly at a frame, after which every topic in it is acknowledged on the present socket, or at a command of the user's |
//! | P3 | every topic that was live on a lost socket is in a gap before anything else is attempted |
//! | P3 | no socket is lost, and no gap opened, without a fault |
//! | P4 | opened, authenticated, subscribed, ready: in this order in each epoch, and authenticated only once the exchange has said so |
//! | P5 | a dead peer is noticed in time; once the last fault is over, everything wanted is live again within the delay that the client announced itself, plus one round of deadlines |
//! | P6 | no minute holds more connects, no ten seconds on a socket more messages, than the exchange allows |
//!
//! A broken rule is a [`Violation`]: the first is kept, with the entries before it.

mod connection;
mod record;
mod topic;
mod window;

use std::collections::BTreeMap;

use bitmart_proto::{Topic, limits};
use bitmart_session::time::MINUTE;
use bitmart_session::{ConnectionId, Epoch, Event};

use connection::Connection;
use record::Record;
pub use record::{Entry, Violation};
use window::Window;

/// What the simulated network and the client's settings allow, in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// No item travels for longer than this from the exchange to the client.
    pub latency: u64,
    /// A client that didn't look into its socket for less than this need not have noticed it.
    pub blind: u64,
    /// A peer from which nothing comes is given up within this time of the last frame: ping, grace, and what the
    /// simulation's clock is coarse by.
    pub notice: u64,
    /// In calm, from the moment at which a socket may be opened to the last acknowledgement: the round trips, and
    /// the pace of the requests.
    pub settle: u64,
    /// In calm, what was begun before it may still fail this much later: the longest of the client's deadlines.
    pub pending: u64,
    /// The simulation knows when each frame came. Otherwise it knows no more than that it was not there before: when the
    /// client last found nothing to read.
    pub tells_arrivals: bool,
    /// The simulation tells when a login is [accepted](History::accepted), before the client says so.
    pub tells_logins: bool,
    /// Consequences of a fault show at most this long after its end.
    pub aftermath: u64,
}

/// Whether faults are in effect, and for how long those of the past are felt.
#[derive(Clone, Copy, Debug)]
struct Weather {
    is_calm: bool,
    /// Whether frames are seen on their way, or reads alone.
    sees_frames: bool,
    explains_until: u64,
}

/// What happened in a simulation, and whether it was right.
///
/// Times are nanoseconds on the client's clock and never go backwards.
#[derive(Debug)]
pub struct History {
    rules: Rules,
    /// Frames are not seen, only reads.
    knows_reads_only: bool,
    record: Record,
    connections: BTreeMap<ConnectionId, Connection>,
    dialled: BTreeMap<u64, Window>,
    /// Faults that are in effect.
    faults: u32,
    /// Until when faults of the past explain what goes wrong.
    explains_until: u64,
    totals: Totals,
}

/// What a history was made of: a simulation in which nothing happens proves nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Totals {
    /// Items that the exchange made.
    pub made: u64,
    /// Items that the client received.
    pub received: u64,
    /// Items that were missing, all of them inside announced gaps or while nothing was promised.
    pub missing: u64,
    /// Sockets that opened.
    pub sockets: u64,
    /// Sockets that were lost.
    pub lost: u64,
    /// Gaps that opened.
    pub gaps: u64,
    /// Faults.
    pub faults: u64,
    /// Entries of all kinds.
    pub entries: u64,
}

impl Totals {
    /// Adds another history's.
    pub fn add(&mut self, other: &Self) {
        self.made += other.made;
        self.received += other.received;
        self.missing += other.missing;
        self.sockets += other.sockets;
        self.lost += other.lost;
        self.gaps += other.gaps;
        self.faults += other.faults;
        self.entries += other.entries;
    }
}

impl History {
    /// A history in which nothing has happened.
    #[must_use]
    pub fn new(rules: Rules) -> Self {
        Self {
            rules,
            knows_reads_only: false,
            record: Record::default(),
            connections: BTreeMap::new(),
            dialled: BTreeMap::new(),
            faults: 0,
            explains_until: 0,
            totals: Totals::default(),
        }
    }

    /// For a simulation that can't see frames, because they are encrypted: [`frame`](Self::frame) then tells of every
    /// read that brought something. A gap has to begin at one of them, and no earlier than the last item
    /// [read](Self::read) on that socket, rather than exactly at the last.
    ///
    /// ```
    /// # use bitmart_reliability::history::{History, Rules};
    /// # let rules = Rules {
    /// #     latency: 0, blind: 0, notice: 0, settle: 0, pending: 0, aftermath: 0, tells_arrivals: true, tells_logins: true,
    /// # };
    /// let history = History::new(rules).of_reads();
    /// ```
    #[must_use]
    pub fn of_reads(mut self) -> Self {
        self.knows_reads_only = true;
        self
    }

    /// Keeps every entry for a violation to tell, not the last ones alone: to look at one simulation closely.
    ///
    /// ```
    /// # use bitmart_reliability::history::{History, Rules};
    /// # let rules = Rules {
    /// #     latency: 0, blind: 0, notice: 0, settle: 0, pending: 0, aftermath: 0, tells_arrivals: true, tells_logins: true,
    /// # };
    /// let history = History::new(rules).keeping_all();
    /// ```
    #[must_use]
    pub fn keeping_all(mut self) -> Self {
        self.record.keep_all();
        self
    }

    // The exchange.

    /// The exchange made item `sequence` of a topic, for all who follow it on `connection`. Sequences of a topic rise.
    pub fn made(&mut self, at: u64, connection: ConnectionId, topic: &Topic, sequence: u64) {
        self.totals.made += 1;
        self.note(at, connection, || Entry::Made {
            topic: topic.clone(),
            sequence,
        });
        let made = self.connection(connection).topic(topic).made(at, sequence);
        self.judge(at, connection, made);
    }

    // The network.

    /// A client dialled the exchange. `budget` tells apart the clients that don't share one connect budget.
    pub fn dialled(&mut self, at: u64, connection: ConnectionId, budget: u64) {
        self.note(at, connection, || Entry::Dialled);
        let window = self.dialled.entry(budget).or_default();
        if !window.admit(at, limits::MAX_CONNECTS_PER_MINUTE as usize, MINUTE) {
            self.violate(
                at,
                connection,
                "P6: more connects in a minute than the exchange allows".into(),
            );
        }
        let dialled = self.connection(connection).dialled();
        self.judge(at, connection, dialled);
    }

    /// A whole frame reached the client on its present socket, and was read at once.
    pub fn frame(&mut self, at: u64, connection: ConnectionId) {
        self.frame_read_late(at, connection, at);
    }

    /// A whole frame was read that had come at `came`, or later: nobody had looked into the socket since.
    pub fn frame_read_late(&mut self, at: u64, connection: ConnectionId, came: u64) {
        self.note(at, connection, || Entry::Frame { late_by: at - came });
        let rules = self.rules;
        self.connection(connection).frame(at, came, &rules);
    }

    /// The exchange's word that a login is accepted reached the client.
    pub fn accepted(&mut self, at: u64, connection: ConnectionId) {
        self.note(at, connection, || Entry::Accepted);
        self.connection(connection).accepted();
    }

    /// An item reached the client, in a frame of its present socket: from here on it may be missing only where the queue
    /// has overflowed, nothing was promised, or a gap begins no later than it came: behind what ended the socket. For simulations that can see what is in a frame.
    pub fn arrived(&mut self, at: u64, connection: ConnectionId, topic: &Topic, sequence: u64) {
        self.connection(connection).topic(topic).arrived(at, sequence);
    }

    /// The client wrote a message on its present socket.
    pub fn transmitted(&mut self, at: u64, connection: ConnectionId) {
        self.note(at, connection, || Entry::Transmitted);
        let transmitted = self.connection(connection).transmitted(at);
        self.judge(at, connection, transmitted);
    }

    /// A fault begins that may cost sockets, messages or answers.
    pub fn fault_began(&mut self, at: u64, connection: ConnectionId, what: &'static str) {
        self.totals.faults += 1;
        self.faults += 1;
        self.connections.values_mut().for_each(Connection::storm);
        self.note(at, connection, || Entry::FaultBegan { what });
    }

    /// A fault is over.
    pub fn fault_ended(&mut self, at: u64, connection: ConnectionId, what: &'static str) {
        self.note(at, connection, || Entry::FaultEnded { what });
        self.faults = self.faults.saturating_sub(1);
        if self.faults == 0 {
            self.explains_until = at + self.rules.aftermath;
            for connection in self.connections.values_mut() {
                connection.calm(at, &self.rules);
            }
        }
    }

    // The client.

    /// The user wants a topic.
    pub fn wanted(&mut self, at: u64, connection: ConnectionId, topic: &Topic) {
        self.note(at, connection, || Entry::Wanted { topic: topic.clone() });
        // A fault that is over may have left a socket behind that is dead, and not known to be.
        let pending = if at <= self.explains_until {
            self.rules.pending
        } else {
            0
        };
        let (is_calm, allowed) = (self.faults == 0, pending + self.rules.settle);
        self.connection(connection).wanted(at, topic, is_calm, allowed);
    }

    /// The user no longer wants a topic, which is promised nothing from here on.
    pub fn unwanted(&mut self, at: u64, connection: ConnectionId, topic: &Topic) {
        self.note(at, connection, || Entry::Unwanted { topic: topic.clone() });
        let latency = self.rules.latency;
        self.connection(connection).unwanted(at, topic, latency);
    }

    /// The user closed the connection: nothing is expected of it any more, and it may not dial again.
    pub fn closed(&mut self, at: u64, connection: ConnectionId) {
        self.note(at, connection, || Entry::ClosedByUser);
        let latency = self.rules.latency;
        self.connection(connection).closed_by_user(at, latency);
    }

    /// The client's machine slept until now: what came meanwhile, or didn't, it could not see.
    pub fn awoke(&mut self, at: u64, connection: ConnectionId) {
        self.note(at, connection, || Entry::Awoke);
        self.connection(connection).awoke(at);
    }

    /// The client gave an item to the user, who sees it now.
    pub fn received(
        &mut self,
        at: u64,
        connection: ConnectionId,
        epoch: Epoch,
        topic: &Topic,
        sequence: u64,
    ) {
        self.totals.received += 1;
        self.note(at, connection, || Entry::Received {
            topic: topic.clone(),
            sequence,
        });
        let latency = self.rules.latency;
        let entry = self.connection(connection);
        let outcome = entry
            .epoch_is_open(epoch)
            .and_then(|()| entry.topic(topic).received(at, sequence, latency));
        match outcome {
            Ok(missing) => self.totals.missing += missing,
            Err(broken) => self.violate(at, connection, broken),
        }
    }

    /// The client says that it read the item that it is about to give to the user at `read_at`: that has to be the time
    /// of a frame.
    pub fn read(&mut self, at: u64, connection: ConnectionId, read_at: u64) {
        let is_exact = !self.knows_reads_only;
        let read = self.connection(connection).read(read_at, is_exact);
        self.judge(at, connection, read);
    }

    /// The client said something, and the user sees it now.
    pub fn event(&mut self, at: u64, connection: ConnectionId, event: &Event) {
        match event {
            Event::Opened { .. } | Event::Reconnected { .. } => self.totals.sockets += 1,
            Event::Closed { .. } => self.totals.lost += 1,
            Event::GapOpened(_) => self.totals.gaps += 1,
            _ => {}
        }
        self.note(at, connection, || Entry::Event(event.clone()));
        let (rules, is_exact) = (self.rules, !self.knows_reads_only);
        let weather = Weather {
            is_calm: self.faults == 0,
            sees_frames: is_exact,
            explains_until: if self.faults == 0 {
                self.explains_until
            } else {
                u64::MAX
            },
        };
        let observed = self.connection(connection).observe(at, event, weather, &rules);
        self.judge(at, connection, observed);
    }

    /// Time has passed: checks what should have happened by now. Worth calling about once a second.
    pub fn passed(&mut self, at: u64) {
        let overdue = self
            .connections
            .iter()
            .find_map(|(id, connection)| Some((*id, connection.overdue(at, &self.rules)?)));
        if let Some((id, broken)) = overdue {
            self.violate(at, id, broken);
        }
    }

    /// Ends the history. All faults are over, and the exchange has made items since.
    ///
    /// # Errors
    ///
    /// [`Violation`]: the first rule that was broken. The missing end of a topic, and a gap that is still open, are
    /// found here.
    pub fn finish(mut self, at: u64) -> Result<Totals, Violation> {
        self.passed(at);
        let latency = self.rules.latency;
        let mut ends = Vec::new();
        for (id, connection) in &mut self.connections {
            match connection.finish(at, latency) {
                Ok(missing) => self.totals.missing += missing,
                Err(broken) => ends.push((*id, broken)),
            }
        }
        for (id, broken) in ends {
            self.violate(at, id, broken);
        }
        self.totals.entries = self.record.count();
        match self.record.violation() {
            Some(violation) => Err(violation),
            None => Ok(self.totals),
        }
    }

    /// Whether a rule has been broken: the simulation may as well end.
    #[must_use]
    pub fn is_violated(&self) -> bool {
        self.record.is_violated()
    }

    /// A rule of the simulation's own was broken.
    pub fn violate(&mut self, at: u64, connection: ConnectionId, what: String) {
        self.record.violate(at, connection, what);
    }

    /// A number made of every entry so far: equal histories have equal ones.
    #[must_use]
    pub fn digest(&self) -> u64 {
        self.record.digest()
    }

    /// Whether no fault is in effect.
    #[must_use]
    pub fn is_calm(&self) -> bool {
        self.faults == 0
    }

    /// Until when every connection has to be live again, as far as it is known by now; `None` if all are, and while
    /// there are faults.
    #[must_use]
    pub fn due(&self) -> Option<u64> {
        self.connections.values().filter_map(Connection::due).max()
    }

    fn connection(&mut self, id: ConnectionId) -> &mut Connection {
        self.connections.entry(id).or_insert_with(|| Connection::new(id))
    }

    fn note(&mut self, at: u64, connection: ConnectionId, entry: impl FnOnce() -> Entry) {
        self.record.note(at, connection, entry());
    }

    fn judge(&mut self, at: u64, connection: ConnectionId, outcome: Result<(), String>) {
        if let Err(broken) = outcome {
            self.violate(at, connection, broken);
        }
    }
}

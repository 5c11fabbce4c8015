use std::collections::VecDeque;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};

use bitmart_proto::Topic;
use bitmart_session::{ConnectionId, Event};

/// How many entries before a violation are kept: enough to see one connection's last loss and return.
const KEPT_ENTRIES: usize = 120;

/// One thing that happened.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each is the call of the same name on the history")]
pub enum Entry {
    Made { topic: Topic, sequence: u64 },
    Dialled,
    Frame { late_by: u64 },
    Transmitted,
    Accepted,
    FaultBegan { what: &'static str },
    FaultEnded { what: &'static str },
    Wanted { topic: Topic },
    Unwanted { topic: Topic },
    ClosedByUser,
    Awoke,
    Received { topic: Topic, sequence: u64 },
    Event(Event),
}

impl Entry {
    fn hash_into(&self, state: &mut DefaultHasher) {
        std::mem::discriminant(self).hash(state);
        match self {
            Self::Made { topic, sequence } | Self::Received { topic, sequence } => {
                (topic, sequence).hash(state);
            }
            Self::Wanted { topic } | Self::Unwanted { topic } => topic.hash(state),
            Self::FaultBegan { what } | Self::FaultEnded { what } => what.hash(state),
            Self::Event(event) => event.to_string().hash(state),
            Self::Frame { late_by } => late_by.hash(state),
            Self::Dialled | Self::Transmitted | Self::Accepted | Self::ClosedByUser | Self::Awoke => {}
        }
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Made { topic, sequence } => write!(f, "the exchange made {topic} {sequence}"),
            Self::Dialled => f.write_str("dialled"),
            Self::Frame { late_by: 0 } => f.write_str("a frame came"),
            Self::Frame { late_by } => {
                write!(f, "a frame is read that came up to {} s ago", Seconds(*late_by))
            }
            Self::Transmitted => f.write_str("a message went out"),
            Self::Accepted => f.write_str("a login is accepted"),
            Self::FaultBegan { what } => write!(f, "FAULT {what}"),
            Self::FaultEnded { what } => write!(f, "FAULT ends: {what}"),
            Self::Wanted { topic } => write!(f, "wanted: {topic}"),
            Self::Unwanted { topic } => write!(f, "unwanted: {topic}"),
            Self::ClosedByUser => f.write_str("closed by the user"),
            Self::Awoke => f.write_str("awoke"),
            Self::Received { topic, sequence } => write!(f, "received {topic} {sequence}"),
            Self::Event(event) => write!(f, "{}: {event}", event.name()),
        }
    }
}

/// A rule that was broken, and what happened before.
#[derive(Clone, Debug)]
pub struct Violation {
    at: u64,
    connection: ConnectionId,
    what: String,
    before: Vec<(u64, ConnectionId, Entry)>,
}

impl Violation {
    /// Which rule was broken, and how.
    #[must_use]
    pub fn what(&self) -> &str {
        &self.what
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, connection, entry) in &self.before {
            writeln!(f, "{:>16} {connection}: {entry}", Seconds(*at))?;
        }
        write!(
            f,
            "{:>16} {}: BROKEN: {}",
            Seconds(self.at),
            self.connection,
            self.what
        )
    }
}

impl std::error::Error for Violation {}

struct Seconds(u64);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!(
            "{}.{:09}",
            self.0 / 1_000_000_000,
            self.0 % 1_000_000_000
        ))
    }
}

/// The entries: all of them as a number, the last ones as they are.
#[derive(Debug, Default)]
pub(super) struct Record {
    keeps_all: bool,
    last: VecDeque<(u64, ConnectionId, Entry)>,
    digest: DefaultHasher,
    count: u64,
    violation: Option<Violation>,
}

impl Record {
    pub(super) fn note(&mut self, at: u64, connection: ConnectionId, entry: Entry) {
        (at, connection).hash(&mut self.digest);
        entry.hash_into(&mut self.digest);
        self.count += 1;
        if self.last.len() >= KEPT_ENTRIES && !self.keeps_all {
            self.last.pop_front();
        }
        self.last.push_back((at, connection, entry));
    }

    pub(super) fn keep_all(&mut self) {
        self.keeps_all = true;
    }

    pub(super) fn violate(&mut self, at: u64, connection: ConnectionId, what: String) {
        self.violation.get_or_insert_with(|| Violation {
            at,
            connection,
            what,
            before: self.last.iter().cloned().collect(),
        });
    }

    pub(super) fn is_violated(&self) -> bool {
        self.violation.is_some()
    }

    pub(super) fn violation(&self) -> Option<Violation> {
        self.violation.clone()
    }

    pub(super) fn digest(&self) -> u64 {
        self.digest.finish()
    }

    pub(super) fn count(&self) -> u64 {
        self.count
    }
}

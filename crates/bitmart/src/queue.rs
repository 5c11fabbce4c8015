//! The bounded queue between a connection's task and the consumer, and what happens when it is full.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use atomic_waker::AtomicWaker;
use bitmart_proto::Topic;
use bitmart_session::{
    Bounds, ConfigError, ConnectionId, Epoch, GapCause, GapClosed, GapKind, GapOpened, Moment,
};
use tokio::sync::Notify;

use crate::{Event, EventKind, Lifecycle};

/// Places for lifecycle events, apart from the bound on messages: a hundred topics lost and regained make some
/// hundred. When even these are taken, the connection's task waits for the consumer, so that none is ever lost.
const LIFECYCLE_SLOTS: usize = 1_024;

/// Places for answers of the exchange, which are for the record: what they mean comes as events. One that finds no
/// place is dropped, so that a consumer that is behind does not lose its connection to them.
const RESPONSE_SLOTS: usize = 256;

/// How much a connection's queue holds for a consumer that is behind. What happens then is the [`Overflow`] policy's.
///
/// ```
/// let mut limits = bitmart::QueueLimits::default();
/// limits.max_messages = 100_000;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueueLimits {
    /// Messages. Default 8,192, about a minute of the busiest single stream known; range
    /// [`MESSAGES`](Self::MESSAGES).
    pub max_messages: usize,
    /// Bytes of their texts. Default 16 MiB, twice the largest message there can be; range [`BYTES`](Self::BYTES).
    pub max_bytes: usize,
}

impl QueueLimits {
    /// Range of [`max_messages`](Self::max_messages).
    pub const MESSAGES: Bounds = Bounds {
        field: "queue.max_messages",
        min: 1,
        max: 1 << 24,
        unit: "messages",
        reason: "a queue for none would drop everything, and a longer one is a memory leak with a delay",
    };
    /// Range of [`max_bytes`](Self::max_bytes).
    pub const BYTES: Bounds = Bounds {
        field: "queue.max_bytes",
        min: 1_024,
        max: 4 << 30,
        unit: "bytes",
        reason: "less holds hardly a message, more is a memory leak with a delay",
    };

    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        Self::MESSAGES.check(self.max_messages as u64)?;
        Self::BYTES.check(self.max_bytes as u64)
    }
}

/// What happens when the consumer is so far behind that a connection's queue is full ([`QueueLimits`]).
///
/// Whatever is chosen, a loss is announced in the place where messages are missing, and pings go on, unless a thousand
/// lifecycle events are unread as well. Answers of the exchange ([`EventKind::Response`](crate::EventKind::Response))
/// count for none of this: when 256 are unread, more are dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Overflow {
    /// New messages are discarded and counted until the queue is half empty again: between
    /// [`GapOpened`](crate::GapOpened) with [`GapCause::Overflow`](crate::GapCause::Overflow) and a
    /// [`GapClosed`](crate::GapClosed). The default: the freshest data comes as soon as the consumer is back, and the
    /// connection lives on.
    #[default]
    Gap,
    /// Reading stops until the queue is half empty again; pings go on. Nothing is discarded here: what comes meanwhile
    /// waits in the system's buffers, then with the exchange. Should that cut the connection, there is a gap like after
    /// any loss. Nothing is read means that no call is answered either: who waits for a subscription has to read events
    /// at the same time. For who would rather have everything late than the latest now.
    Wait,
    /// What has been read is still delivered, up to 8 MiB and one message, then the connection is cut; it comes back
    /// when the queue is half empty, and between the two is a gap with
    /// [`Cause::SlowConsumer`](crate::Cause::SlowConsumer). For who starts over from snapshots after any loss.
    Disconnect,
}

impl Default for QueueLimits {
    fn default() -> Self {
        Self {
            max_messages: 8_192,
            max_bytes: 16 << 20,
        }
    }
}

/// One connection's queue.
#[derive(Debug)]
pub(crate) struct Queue {
    id: ConnectionId,
    limits: QueueLimits,
    overflow: Overflow,
    state: Mutex<State>,
    /// The consumer.
    waker: Arc<AtomicWaker>,
    /// The task, when it waits for a place.
    space: Notify,
}

#[derive(Debug, Default)]
struct State {
    entries: VecDeque<Entry>,
    messages: usize,
    bytes: usize,
    responses: usize,
    /// Messages discarded ever.
    dropped: u64,
    /// By when what was accepted last had come.
    last_accepted_ns: Option<u64>,
    /// Losses whose announcement is in `entries`, oldest first.
    announced: VecDeque<Loss>,
    /// An overflow that has not ended: since when, and the topics it hit.
    overflow: Option<(Option<Moment>, Vec<Topic>)>,
    is_finished: bool,
}

#[derive(Debug)]
enum Entry {
    Event(Event),
    /// A message, with the bytes it counts for.
    Message(Event, usize),
    Response(Event),
    /// The announcement of the overflow at the front of [`State::announced`]: it grows until it is read.
    OverflowBegins(Epoch),
}

/// The times of a message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    /// When it was read.
    pub(crate) read_ns: u64,
    /// The earliest time at which it can have come, if that is known.
    pub(crate) came_ns: Option<u64>,
}

impl Times {
    #[cfg(test)]
    pub(crate) fn at(ns: u64) -> Self {
        Self {
            read_ns: ns,
            came_ns: Some(ns),
        }
    }
}

/// What was discarded for one announcement.
#[derive(Debug)]
struct Loss {
    since: Option<Moment>,
    topics: Vec<Topic>,
    dropped: u64,
}

/// What a queue has room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Room {
    /// Everything.
    Free,
    /// Events, but no messages, and none may be discarded.
    EventsOnly,
    /// Nothing.
    None,
}

impl Queue {
    pub(crate) fn new(
        id: ConnectionId,
        limits: QueueLimits,
        overflow: Overflow,
        waker: Arc<AtomicWaker>,
    ) -> Self {
        Self {
            id,
            limits,
            overflow,
            state: Mutex::default(),
            waker,
            space: Notify::new(),
        }
    }

    /// Adds a message. If there is no room and the policy is to discard, it is
    /// discarded: then `topics` says what it would have been of use to. `anchor` is any moment on the same clock.
    ///
    /// Returns whether there is room for another.
    pub(crate) fn push_message<T: Iterator<Item = Topic>>(
        &self,
        times: Times,
        anchor: Moment,
        epoch: Epoch,
        bytes: usize,
        event: impl FnOnce() -> EventKind,
        topics: impl FnOnce() -> T,
    ) -> bool {
        let mut state = self.lock();
        if self.overflow == Overflow::Gap && state.is_full(&self.limits, bytes) {
            let is_first = state.overflow.is_none();
            state.discard(anchor, epoch, topics());
            drop(state);
            if is_first {
                tracing::warn!(
                    target: "bitmart::connection", connection = %self.id,
                    "the consumer is behind and its queue full: messages are discarded"
                );
            }
            self.waker.wake();
            return true;
        }
        let mut ended = None;
        if let Some((since, topics)) = state.overflow.take() {
            let closed = Lifecycle::GapClosed(GapClosed::new(
                GapKind::Overflow,
                since,
                anchor.at(times.read_ns),
                topics,
                Vec::new(),
            ));
            ended = Some(closed.clone());
            let event = self.event(epoch, EventKind::Lifecycle(closed));
            state.entries.push_back(Entry::Event(event));
        }
        state.last_accepted_ns = times.came_ns.or(state.last_accepted_ns);
        state.messages += 1;
        state.bytes += bytes;
        let event = self.event(epoch, event());
        state.entries.push_back(Entry::Message(event, bytes));
        let has_room = self.overflow == Overflow::Gap || state.is_within(&self.limits, 1);
        drop(state);
        // Not under the lock: a subscriber is somebody else's code.
        if let Some(ended) = ended {
            tracing::info!(target: "bitmart::connection", connection = %self.id, "{ended}");
        }
        self.waker.wake();
        has_room
    }

    /// Adds an answer of the exchange, if there is a place for it.
    pub(crate) fn push_response(&self, epoch: Epoch, kind: EventKind) {
        let event = self.event(epoch, kind);
        let mut state = self.lock();
        if state.responses < RESPONSE_SLOTS {
            state.responses += 1;
            state.entries.push_back(Entry::Response(event));
        }
        drop(state);
        self.waker.wake();
    }

    /// Adds what must not be lost. To be called while there is [`Room`] for it; a few more do no harm.
    pub(crate) fn push_event(&self, epoch: Epoch, kind: EventKind) {
        let event = self.event(epoch, kind);
        self.lock().entries.push_back(Entry::Event(event));
        self.waker.wake();
    }

    /// What there is room for.
    pub(crate) fn room(&self) -> Room {
        self.lock().room(&self.limits, self.overflow, 1)
    }

    /// Waits until there is room again, and not for the next message only. Cancel safe.
    pub(crate) async fn await_room(&self) {
        loop {
            let space = self.space.notified();
            if self.lock().room(&self.limits, self.overflow, 2) == Room::Free {
                return;
            }
            space.await;
        }
    }

    /// Nothing more will be added.
    pub(crate) fn finish(&self) {
        self.lock().is_finished = true;
        self.waker.wake();
    }

    pub(crate) fn pop(&self) -> Option<Event> {
        let mut state = self.lock();
        let event = match state.entries.pop_front()? {
            Entry::Event(event) => event,
            Entry::Message(event, bytes) => {
                state.messages -= 1;
                state.bytes -= bytes;
                event
            }
            Entry::Response(event) => {
                state.responses -= 1;
                event
            }
            Entry::OverflowBegins(epoch) => {
                let overflow = state
                    .announced
                    .pop_front()
                    .expect("each announcement has its overflow");
                let cause = GapCause::Overflow {
                    dropped: overflow.dropped,
                };
                let opened = GapOpened::new(overflow.since, cause, overflow.topics);
                self.event(epoch, EventKind::Lifecycle(Lifecycle::GapOpened(opened)))
            }
        };
        drop(state);
        self.space.notify_one();
        Some(event)
    }

    /// Whether nothing is left and nothing will come.
    pub(crate) fn is_done(&self) -> bool {
        let state = self.lock();
        state.is_finished && state.entries.is_empty()
    }

    /// Messages discarded so far.
    pub(crate) fn dropped(&self) -> u64 {
        self.lock().dropped
    }

    fn event(&self, epoch: Epoch, kind: EventKind) -> Event {
        Event {
            connection: self.id,
            epoch,
            kind,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn room(&self, limits: &QueueLimits, overflow: Overflow, part: usize) -> Room {
        if self.entries.len() - self.messages - self.responses >= LIFECYCLE_SLOTS {
            return Room::None;
        }
        match overflow {
            Overflow::Gap => Room::Free,
            _ if self.is_within(limits, part) => Room::Free,
            _ => Room::EventsOnly,
        }
    }

    /// Whether less is held than one part of so many of the limits.
    fn is_within(&self, limits: &QueueLimits, part: usize) -> bool {
        self.messages < limits.max_messages.div_ceil(part) && self.bytes < limits.max_bytes / part
    }

    /// In an overflow the queue counts as full until it is half empty: a gap that opens and closes with every
    /// message would help nobody.
    fn is_full(&self, limits: &QueueLimits, bytes: usize) -> bool {
        let part = if self.overflow.is_some() { 2 } else { 1 };
        let has_room = self.messages < limits.max_messages.div_ceil(part)
            && self.bytes.saturating_add(bytes) <= limits.max_bytes / part;
        // A single message over the bound is let through an empty queue: it would never fit otherwise.
        !has_room && self.messages > 0
    }

    /// Notes a discarded message: in the announcement that is still unread, or in another for topics that none has
    /// named yet.
    fn discard(&mut self, anchor: Moment, epoch: Epoch, topics: impl Iterator<Item = Topic>) {
        self.dropped += 1;
        let mut topics = topics.peekable();
        if self.overflow.is_none() && topics.peek().is_none() {
            return;
        }
        let is_new = self.overflow.is_none();
        let since = self.last_accepted_ns.map(|ns| anchor.at(ns));
        let (_, hit) = self.overflow.get_or_insert_with(|| (since, Vec::new()));
        let added: Vec<Topic> = topics.filter(|topic| !hit.contains(topic)).collect();
        hit.extend(added.iter().cloned());
        // The last announcement belongs to this overflow, unless it has been read or this one is new.
        match self.announced.back_mut() {
            Some(unread) if !is_new => {
                unread.topics.extend(added);
                unread.dropped += 1;
            }
            _ if is_new || !added.is_empty() => {
                self.announced.push_back(Loss {
                    since,
                    topics: added,
                    dropped: 1,
                });
                self.entries.push_back(Entry::OverflowBegins(epoch));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Update;
    use bitmart_proto::{Market, Side};

    const EPOCH: Epoch = Epoch(1);

    fn queue(max_messages: usize, max_bytes: usize) -> Queue {
        let id = ConnectionId::new(Market::Spot, Side::Public);
        Queue::new(
            id,
            QueueLimits {
                max_messages,
                max_bytes,
            },
            Overflow::Gap,
            Arc::default(),
        )
    }

    fn push(queue: &Queue, ns: u64, bytes: usize, topic: &str) {
        let topic: Topic = topic.parse().unwrap();
        let anchor = Moment { ns: 0, unix_ms: 0 };
        let update = || EventKind::Update(Update::new(&vec![b'x'; bytes], ns));
        queue.push_message(Times::at(ns), anchor, EPOCH, bytes, update, || {
            std::iter::once(topic)
        });
    }

    /// What the consumer reads, in short.
    fn read(queue: &Queue) -> Option<String> {
        Some(match queue.pop()?.kind {
            EventKind::Update(update) => format!("{}", update.received_ns()),
            EventKind::Lifecycle(Lifecycle::GapOpened(gap)) => {
                let GapCause::Overflow { dropped } = gap.cause else {
                    panic!()
                };
                format!(
                    "opened {:?} {dropped} since {:?}",
                    gap.topics,
                    gap.since.map(|since| since.ns)
                )
            }
            EventKind::Lifecycle(Lifecycle::GapClosed(gap)) => {
                assert!(gap.since.is_none_or(|since| since.ns < gap.until.ns));
                format!("closed {:?} until {}", gap.topics, gap.until.ns)
            }
            kind => format!("{kind:?}"),
        })
    }

    const A: &str = "spot/ticker:A_USDT";
    const B: &str = "spot/ticker:B_USDT";

    /// Failure mode 41: what doesn't fit is announced where it is missing, for the topics it hit.
    #[test]
    fn an_overflow_is_a_gap_in_its_place() {
        let queue = queue(4, 1_000);
        for ns in 1..=4 {
            push(&queue, ns, 1, A);
        }
        push(&queue, 5, 1, A);
        push(&queue, 6, 1, B);
        push(&queue, 7, 1, A);
        for expected in ["1", "2"] {
            assert_eq!(read(&queue).unwrap(), expected);
        }
        push(&queue, 8, 1, A);
        assert_eq!(read(&queue).unwrap(), "3", "half empty is not yet empty enough");
        push(&queue, 9, 1, A);
        let rest: Vec<String> = std::iter::from_fn(|| read(&queue)).collect();
        let topics = format!("[Topic({A}), Topic({B})]");
        assert_eq!(
            rest,
            [
                "4".into(),
                format!("opened {topics} 4 since Some(4)"),
                format!("closed {topics} until 9"),
                "9".into()
            ]
        );
        assert_eq!(queue.dropped(), 4);
    }

    #[test]
    fn topics_hit_after_the_announcement_was_read_get_another() {
        let queue = queue(2, 1_000);
        push(&queue, 1, 1, A);
        push(&queue, 2, 1, A);
        push(&queue, 3, 1, A);
        read(&queue);
        push(&queue, 4, 1, A);
        assert_eq!(read(&queue).unwrap(), "2");
        assert!(
            read(&queue)
                .unwrap()
                .starts_with(&format!("opened [Topic({A})] 2"))
        );
        push(&queue, 5, 600, B);
        assert!(read(&queue).unwrap().starts_with(&format!("closed [Topic({A})]")));
        assert_eq!(
            read(&queue).unwrap(),
            "5",
            "an empty queue takes a message of any size"
        );
    }

    #[test]
    fn bytes_are_bounded_too() {
        let queue = queue(100, 1_000);
        push(&queue, 1, 600, A);
        push(&queue, 2, 600, A);
        let all: Vec<String> = std::iter::from_fn(|| read(&queue)).collect();
        assert_eq!(all, ["1".into(), format!("opened [Topic({A})] 1 since Some(1)")]);
    }

    /// A connection's gap may open and close inside an overflow: each end says which kind it ends.
    #[test]
    fn the_two_kinds_of_gap_are_told_apart() {
        let queue = queue(2, 1_000);
        for ns in 1..=3 {
            push(&queue, ns, 1, A);
        }
        let closed = GapClosed::new(
            GapKind::Connection,
            None,
            Moment { ns: 4, unix_ms: 4 },
            Vec::new(),
            Vec::new(),
        );
        queue.push_event(EPOCH, EventKind::Lifecycle(Lifecycle::GapClosed(closed)));
        push(&queue, 5, 1, A);
        let mut kinds = Vec::new();
        for _ in 0..4 {
            let kind = queue.pop().unwrap().kind;
            if let EventKind::Lifecycle(Lifecycle::GapClosed(gap)) = &kind {
                kinds.push(gap.kind);
            }
        }
        push(&queue, 6, 1, A);
        let EventKind::Lifecycle(Lifecycle::GapClosed(gap)) = queue.pop().unwrap().kind else {
            panic!()
        };
        assert_eq!((kinds, gap.kind), (vec![GapKind::Connection], GapKind::Overflow));
    }

    /// Whatever the consumer does, each message is read, or lies in a gap that was announced before it.
    #[test]
    fn nothing_is_lost_in_silence() {
        for seed in 0..300 {
            let mut rng = fastrand_like(seed);
            let queue = queue(8, 200);
            let (mut sent, mut next_read, mut is_gap_open) = (0, 1, false);
            let mut check = |text: String| {
                if text.starts_with("opened") {
                    assert!(!is_gap_open, "seed {seed}");
                    is_gap_open = true;
                } else if text.starts_with("closed") {
                    is_gap_open = false;
                    next_read = text.rsplit(' ').next().unwrap().parse().unwrap();
                } else {
                    assert_eq!(text.parse::<u64>().unwrap(), next_read, "seed {seed}");
                    next_read += 1;
                }
            };
            for _ in 0..500 {
                if !rng().is_multiple_of(3) {
                    sent += 1;
                    push(&queue, sent, (rng() % 60) as usize, A);
                } else if let Some(text) = read(&queue) {
                    check(text);
                }
            }
            std::iter::from_fn(|| read(&queue)).for_each(&mut check);
            assert!(
                is_gap_open || next_read == sent + 1,
                "seed {seed}: {sent} sent, {next_read} would be next"
            );
        }
    }

    /// A small generator, so that the seed alone decides.
    fn fastrand_like(seed: u64) -> impl FnMut() -> u64 {
        let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state >> 11
        }
    }
}

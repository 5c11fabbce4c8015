use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use crate::clock::{later, monotonic};
use crate::random::Random;

/// Messages that may be due for one client. A client that lets more pile up isn't reading.
const MAX_QUEUED_MESSAGES: usize = 8_192;
/// Bytes that may be due for one client.
const MAX_QUEUED_BYTES: usize = 8 << 20;
/// Messages that may be late for one client, which is no fault of its own: half of what it may leave unread, so that
/// there is room for all of them when they become due at once.
const MAX_LATE_MESSAGES: usize = MAX_QUEUED_MESSAGES / 2;
/// Bytes that may be late for one client.
const MAX_LATE_BYTES: usize = MAX_QUEUED_BYTES / 2;
/// Bytes due beyond which a client's next message waits: who asks for more than it takes is slowed down by its own
/// socket, as by any server, rather than cut off.
const MAX_UNHEARD_BYTES: usize = 1 << 20;

/// What goes out to a client.
#[derive(Clone, Debug)]
pub(crate) enum Outgoing {
    Text(Bytes),
    Binary(Bytes),
    Pong(Bytes),
    /// Nothing goes out after it.
    Close(Bytes),
    /// Bytes that are no frame.
    Raw(Bytes),
    /// As [`Raw`](Self::Raw), and then the stream ends without a close.
    Last(Bytes),
}

impl Outgoing {
    pub(crate) fn close(code: u16, reason: &str) -> Self {
        let mut payload = code.to_be_bytes().to_vec();
        payload.extend_from_slice(reason.as_bytes());
        Self::Close(payload.into())
    }

    fn len(&self) -> usize {
        match self {
            Self::Text(bytes)
            | Self::Binary(bytes)
            | Self::Pong(bytes)
            | Self::Close(bytes)
            | Self::Raw(bytes)
            | Self::Last(bytes) => bytes.len(),
        }
    }
}

/// How a connection ends without a close frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Abort {
    Reset,
    Cut,
    /// The client didn't read.
    Overflow,
}

/// What waits to be written to one client: filled by anybody, at once; emptied by the connection's writer.
#[derive(Debug)]
pub(crate) struct Outbox {
    state: Mutex<State>,
    /// For the one writer: something is due, or the delays changed.
    filled: Notify,
    /// For the connection: it has to end now.
    aborted: Notify,
    /// For the connection: a close was queued.
    closing: Notify,
    /// For whoever waits until everything is written.
    emptied: Notify,
    /// For the one reader: less is due than before.
    drained: Notify,
}

/// What is due later.
#[derive(Debug)]
struct Late {
    due: Instant,
    /// When it would be due without a lag.
    own_due: Option<Instant>,
    message: Outgoing,
}

#[derive(Debug)]
struct State {
    queue: VecDeque<Outgoing>,
    /// Of the queue.
    queued_bytes: usize,
    /// Ordered by when they are due; those due at once in the order in which they came.
    late: VecDeque<Late>,
    late_bytes: usize,
    /// The writer has taken a batch that it hasn't flushed.
    is_writing: bool,
    /// A close was queued: nothing more is taken.
    is_closing: bool,
    /// A fault: nothing is taken and nothing goes out, until it is lifted.
    is_silent: bool,
    abort: Option<Abort>,
    /// The connection is gone.
    is_finished: bool,
    /// A fault: the least and most that everything is late by.
    lag: Option<(Duration, Duration)>,
    /// When the last late message is due: none overtakes it, even if the lag has become less.
    lagged_until: Option<Instant>,
    random: Random,
}

impl State {
    /// When the lag lets a message go out, if there is one.
    fn lagged_due(&mut self) -> Option<Instant> {
        let (least, most) = self.lag?;
        let span_us = most.saturating_sub(least).as_micros();
        let span_us = u64::try_from(span_us).unwrap_or(u64::MAX);
        let late_by = Duration::from_micros(self.random.below(span_us.saturating_add(1)));
        let due = later(monotonic(), least.saturating_add(late_by));
        let due = self.lagged_until.map_or(due, |last| due.max(last));
        self.lagged_until = Some(due);
        Some(due)
    }

    fn is_open(&self) -> bool {
        !(self.is_closing || self.is_silent || self.is_finished || self.abort.is_some())
    }
}

impl Outbox {
    /// An empty one; `random` decides how late a message is, if a fault makes it so.
    pub(crate) fn new(random: Random) -> Self {
        Self {
            state: Mutex::new(State {
                queue: VecDeque::new(),
                queued_bytes: 0,
                late: VecDeque::new(),
                late_bytes: 0,
                is_writing: false,
                is_closing: false,
                is_silent: false,
                abort: None,
                is_finished: false,
                lag: None,
                lagged_until: None,
                random,
            }),
            filled: Notify::new(),
            aborted: Notify::new(),
            closing: Notify::new(),
            emptied: Notify::new(),
            drained: Notify::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is held; if something did, the queue is still a queue.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues a message, or aborts the connection if too many wait. False if it was not taken.
    pub(crate) fn push(&self, message: Outgoing) -> bool {
        self.insert(message, None)
    }

    /// Queues a message for later, or for later still if a lag wants it so. What is pushed meanwhile overtakes it.
    pub(crate) fn push_at(&self, due: Instant, message: Outgoing) -> bool {
        self.insert(message, Some(due))
    }

    fn insert(&self, message: Outgoing, due: Option<Instant>) -> bool {
        let mut state = self.state();
        if !state.is_open() {
            return false;
        }
        self.promote(&mut state, monotonic());
        let own_due = due;
        // `None` is less than any time.
        match own_due.max(state.lagged_due()) {
            Some(due) => {
                while state.late.len() >= MAX_LATE_MESSAGES
                    || state.late_bytes + message.len() > MAX_LATE_BYTES && !state.late.is_empty()
                {
                    self.hasten(&mut state);
                }
                state.late_bytes += message.len();
                let at = state.late.partition_point(|other| other.due <= due);
                let late = Late {
                    due,
                    own_due,
                    message,
                };
                state.late.insert(at, late);
            }
            None => self.queue(&mut state, message),
        }
        let is_taken = state.abort.is_none();
        drop(state);
        if is_taken {
            self.filled.notify_one();
        } else {
            self.aborted.notify_one();
        }
        is_taken
    }

    /// Makes what was late until `now` due, before anything that comes now.
    fn promote(&self, state: &mut State, now: Instant) {
        while state.late.front().is_some_and(|late| late.due <= now) {
            self.hasten(state);
        }
    }

    /// Makes the first of what is late due.
    fn hasten(&self, state: &mut State) {
        if let Some(late) = state.late.pop_front() {
            state.late_bytes -= late.message.len();
            self.queue(state, late.message);
        }
    }

    /// Makes a message due, or decides to abort the connection if too many are. Behind a close it is forgotten.
    fn queue(&self, state: &mut State, message: Outgoing) {
        if state.is_closing || state.abort.is_some() {
            return;
        }
        if state.queue.len() >= MAX_QUEUED_MESSAGES || state.queued_bytes + message.len() > MAX_QUEUED_BYTES {
            state.abort = Some(Abort::Overflow);
            self.aborted.notify_one();
            return;
        }
        state.queued_bytes += message.len();
        if matches!(message, Outgoing::Close(_) | Outgoing::Last(_)) {
            state.is_closing = true;
            self.closing.notify_one();
        }
        state.queue.push_back(message);
    }

    /// Makes the connection silent, forgetting what waits, or lets it speak again.
    pub(crate) fn set_silent(&self, is_silent: bool) {
        let mut state = self.state();
        state.is_silent = is_silent;
        if is_silent {
            state.queue.clear();
            state.queued_bytes = 0;
            state.late.clear();
            state.late_bytes = 0;
            state.lagged_until = None;
        }
        drop(state);
        self.drained.notify_one();
    }

    /// Makes everything from now on late by a time between two, or no longer: then what the lag alone has kept goes
    /// out as well.
    pub(crate) fn set_lag(&self, lag: Option<(Duration, Duration)>) {
        let mut state = self.state();
        state.lag = lag;
        if lag.is_none() {
            state.lagged_until = None;
            let now = monotonic();
            for late in &mut state.late {
                late.due = late.own_due.unwrap_or(now);
            }
            // It is stable: what is due at once stays in order.
            state.late.make_contiguous().sort_by_key(|late| late.due);
        }
        drop(state);
        self.filled.notify_one();
    }

    /// Whether what is pushed now would be taken: there is no close, no silence and no end yet.
    pub(crate) fn is_open(&self) -> bool {
        self.state().is_open()
    }

    /// Whether the connection is about to end, or has ended.
    pub(crate) fn is_ending(&self) -> bool {
        let state = self.state();
        state.is_closing || state.is_finished || state.abort.is_some()
    }

    /// Waits until little enough is due that a client's next message may be answered. Cancel-safe.
    pub(crate) async fn has_room(&self) {
        while self.state().queued_bytes > MAX_UNHEARD_BYTES {
            self.drained.notified().await;
        }
    }

    pub(crate) fn is_silent(&self) -> bool {
        self.state().is_silent
    }

    /// Ends the connection without writing what waits.
    pub(crate) fn abort(&self, abort: Abort) {
        self.state().abort.get_or_insert(abort);
        self.aborted.notify_one();
    }

    /// Waits until the connection has to end. Cancel-safe.
    pub(crate) async fn aborted(&self) -> Abort {
        loop {
            if let Some(abort) = self.state().abort {
                return abort;
            }
            self.aborted.notified().await;
        }
    }

    /// Waits until a close is queued. Cancel-safe.
    pub(crate) async fn closing(&self) {
        while !self.state().is_closing {
            self.closing.notified().await;
        }
    }

    /// Whether nothing is due to be written.
    pub(crate) fn is_empty(&self) -> bool {
        self.state().queue.is_empty()
    }

    /// Appends everything that is due to `batch`, waiting until something is. Calling it says that the batch
    /// before was flushed. Cancel-safe.
    pub(crate) async fn next_batch(&self, batch: &mut Vec<Outgoing>) {
        self.state().is_writing = false;
        loop {
            let next_due = {
                let mut state = self.state();
                self.promote(&mut state, monotonic());
                if !state.queue.is_empty() {
                    state.is_writing = true;
                    state.queued_bytes = 0;
                    batch.extend(state.queue.drain(..));
                    self.drained.notify_one();
                    return;
                }
                state.late.front().map(|late| late.due)
            };
            self.emptied.notify_waiters();
            match next_due {
                Some(due) => tokio::select! {
                    biased;
                    () = self.filled.notified() => {}
                    () = sleep_until(due) => {}
                },
                None => self.filled.notified().await,
            }
        }
    }

    /// Nothing is written any more.
    pub(crate) fn finish(&self) {
        self.state().is_finished = true;
        self.emptied.notify_waiters();
    }

    /// Waits until all that is due has been flushed, or the connection is gone. Cancel-safe.
    pub(crate) async fn flushed(&self) {
        loop {
            let emptied = self.emptied.notified();
            tokio::pin!(emptied);
            emptied.as_mut().enable();
            {
                let state = self.state();
                let is_idle = state.queue.is_empty() && !state.is_writing;
                if is_idle || state.is_finished || state.abort.is_some() {
                    return;
                }
            }
            emptied.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn empty() -> Outbox {
        Outbox::new(Random::new(0, "outbox"))
    }

    fn text(text: &'static str) -> Outgoing {
        Outgoing::Text(Bytes::from_static(text.as_bytes()))
    }

    fn texts(batch: &[Outgoing]) -> Vec<String> {
        batch
            .iter()
            .map(|message| match message {
                Outgoing::Text(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
                other => format!("{other:?}"),
            })
            .collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_delayed_message_is_overtaken_and_still_comes() {
        let outbox = empty();
        outbox.push_at(monotonic() + Duration::from_millis(50), text("late"));
        outbox.push_at(monotonic() + Duration::from_millis(20), text("less late"));
        outbox.push(text("now"));
        let mut batch = Vec::new();
        outbox.next_batch(&mut batch).await;
        assert_eq!(texts(&batch), ["now"]);
        outbox.next_batch(&mut batch).await;
        outbox.next_batch(&mut batch).await;
        assert_eq!(texts(&batch), ["now", "less late", "late"]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_became_due_unwritten_is_not_overtaken() {
        let outbox = empty();
        outbox.push_at(monotonic() + Duration::from_millis(10), text("due"));
        tokio::time::sleep(Duration::from_millis(20)).await;
        outbox.push(text("now"));
        let mut batch = Vec::new();
        outbox.next_batch(&mut batch).await;
        assert_eq!(texts(&batch), ["due", "now"]);
    }

    /// A late connection is slow and stays in order.
    #[tokio::test(start_paused = true)]
    async fn lag_delays_everything_and_reorders_nothing() {
        let outbox = empty();
        let (least, most) = (Duration::from_millis(20), Duration::from_millis(80));
        outbox.set_lag(Some((least, most)));
        let began = monotonic();
        for message in ["a", "b", "c", "d", "e", "f", "g", "h"] {
            outbox.push(text(message));
        }
        let mut batch = Vec::new();
        let mut steps = 0;
        while batch.len() < 8 {
            outbox.next_batch(&mut batch).await;
            assert!(monotonic() - began >= least);
            steps += 1;
        }
        assert_eq!(texts(&batch).concat(), "abcdefgh");
        assert!(steps > 1, "all are late by the same");
        assert!(monotonic() - began <= most + Duration::from_millis(1));
    }

    /// What a lag kept comes at once when it is over, in order; what was late for another reason stays so.
    #[tokio::test(start_paused = true)]
    async fn nothing_is_late_behind_a_lag_that_is_over() {
        let outbox = empty();
        let lag = Duration::from_secs(3);
        outbox.set_lag(Some((lag, lag)));
        let began = monotonic();
        outbox.push_at(began + Duration::from_secs(1), text("reply"));
        outbox.push(text("a"));
        outbox.push(text("b"));
        outbox.set_lag(None);
        outbox.push(text("c"));
        let mut batch = Vec::new();
        outbox.next_batch(&mut batch).await;
        assert_eq!(texts(&batch).concat(), "abc");
        assert_eq!(monotonic(), began);
        outbox.next_batch(&mut batch).await;
        assert_eq!(texts(&batch).concat(), "abcreply");
        assert_eq!((monotonic() - began).as_secs(), 1);
        // Nor is anything late behind what a silence has swallowed.
        outbox.set_lag(Some((lag, lag)));
        outbox.push(text("never"));
        outbox.set_silent(true);
        outbox.set_silent(false);
        outbox.set_lag(Some((Duration::ZERO, Duration::ZERO)));
        let now = monotonic();
        outbox.push(text("d"));
        outbox.next_batch(&mut batch).await;
        assert_eq!(monotonic(), now);
    }

    /// Who is kept waiting doesn't "not read": what is late beyond its bound comes early instead.
    #[tokio::test(start_paused = true)]
    async fn what_is_late_is_bounded_and_ends_nothing() {
        let outbox = empty();
        let lag = Duration::from_secs(60);
        outbox.set_lag(Some((lag, lag)));
        for _ in 0..MAX_LATE_MESSAGES + 7 {
            assert!(outbox.push(text("x")));
        }
        let mut batch = Vec::new();
        outbox.next_batch(&mut batch).await;
        assert_eq!(batch.len(), 7);
        outbox.set_lag(None);
        outbox.next_batch(&mut batch).await;
        assert_eq!(batch.len(), MAX_LATE_MESSAGES + 7);
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_waits_while_much_is_due() {
        let outbox = empty();
        outbox.has_room().await;
        outbox.push(Outgoing::Binary(vec![0; MAX_UNHEARD_BYTES + 1].into()));
        let waiting = tokio::time::timeout(Duration::from_secs(9), outbox.has_room());
        assert!(waiting.await.is_err());
        outbox.next_batch(&mut Vec::new()).await;
        outbox.has_room().await;
    }

    #[tokio::test]
    async fn what_nobody_reads_ends_the_connection_instead_of_growing() {
        let outbox = empty();
        let mut taken = 0;
        while outbox.push(text("x")) {
            taken += 1;
        }
        assert_eq!(taken, MAX_QUEUED_MESSAGES);
        assert_eq!(outbox.aborted().await, Abort::Overflow);
        assert!(!outbox.push(text("x")));
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_follows_a_close() {
        let outbox = empty();
        assert!(outbox.push(Outgoing::close(1000, "")));
        assert!(!outbox.push(text("x")));

        let outbox = empty();
        outbox.push_at(monotonic() + Duration::from_millis(10), Outgoing::close(1000, ""));
        outbox.push_at(monotonic() + Duration::from_millis(10), text("behind"));
        outbox.push(text("before"));
        let mut batch = Vec::new();
        outbox.next_batch(&mut batch).await;
        outbox.next_batch(&mut batch).await;
        assert_eq!(batch.len(), 2, "{batch:?}");
        outbox.closing().await;
    }
}

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use crate::clock::monotonic;
use crate::random::Random;

/// Messages that may wait for one client. A client that lets more pile up isn't reading.
const MAX_QUEUED_MESSAGES: usize = 8_192;
/// Bytes that may wait for one client.
const MAX_QUEUED_BYTES: usize = 8 << 20;

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
}

#[derive(Debug)]
struct State {
    queue: VecDeque<Outgoing>,
    /// Ordered by when they are due; those due at once in the order in which they came.
    delayed: VecDeque<(Instant, Outgoing)>,
    /// Of both.
    bytes: usize,
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
    /// When the last late message is due: none overtakes it, even once the lag is over.
    lagged_until: Option<Instant>,
    random: Random,
}

impl State {
    /// When a message is due that nobody else delays.
    fn due(&mut self) -> Option<Instant> {
        let late_by = self.lag.map(|(least, most)| {
            let span_us = most.saturating_sub(least).as_micros();
            let span_us = u64::try_from(span_us).unwrap_or(u64::MAX);
            least + Duration::from_micros(self.random.below(span_us.saturating_add(1)))
        });
        if late_by.is_none() && self.lagged_until.is_none() {
            return None;
        }
        let now = monotonic();
        let due = (now + late_by.unwrap_or_default()).max(self.lagged_until.unwrap_or(now));
        self.lagged_until = Some(due);
        if due <= now {
            self.lagged_until = None;
            return None;
        }
        Some(due)
    }
}

impl Outbox {
    /// An empty one; `random` decides how late a message is, if a fault makes it so.
    pub(crate) fn new(random: Random) -> Self {
        Self {
            state: Mutex::new(State {
                queue: VecDeque::new(),
                delayed: VecDeque::new(),
                bytes: 0,
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

    /// Queues a message for later. What is pushed meanwhile overtakes it.
    pub(crate) fn push_at(&self, due: Instant, message: Outgoing) -> bool {
        self.insert(message, Some(due))
    }

    fn insert(&self, message: Outgoing, due: Option<Instant>) -> bool {
        let mut state = self.state();
        if state.is_closing || state.is_silent || state.is_finished || state.abort.is_some() {
            return false;
        }
        let waiting = state.queue.len() + state.delayed.len();
        if waiting >= MAX_QUEUED_MESSAGES || state.bytes + message.len() > MAX_QUEUED_BYTES {
            state.abort = Some(Abort::Overflow);
            drop(state);
            self.aborted.notify_one();
            return false;
        }
        state.bytes += message.len();
        self.promote(&mut state);
        match due.or_else(|| state.due()) {
            Some(due) => {
                let at = state.delayed.partition_point(|(other, _)| *other <= due);
                state.delayed.insert(at, (due, message));
            }
            None => self.queue(&mut state, message),
        }
        drop(state);
        self.filled.notify_one();
        true
    }

    /// Makes what was delayed until now due, before anything that comes now.
    fn promote(&self, state: &mut State) {
        let now = monotonic();
        while state.delayed.front().is_some_and(|(due, _)| *due <= now) {
            if let Some((_, message)) = state.delayed.pop_front() {
                self.queue(state, message);
            }
        }
    }

    /// Makes a message due. Behind a close it is forgotten.
    fn queue(&self, state: &mut State, message: Outgoing) {
        if state.is_closing {
            state.bytes -= message.len();
            return;
        }
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
            state.delayed.clear();
            state.bytes = 0;
        }
    }

    /// Makes everything from now on late by a time between two, or no longer.
    pub(crate) fn set_lag(&self, lag: Option<(Duration, Duration)>) {
        self.state().lag = lag;
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
                self.promote(&mut state);
                if !state.queue.is_empty() {
                    state.is_writing = true;
                    state.bytes -= state.queue.iter().map(Outgoing::len).sum::<usize>();
                    batch.extend(state.queue.drain(..));
                    return;
                }
                state.delayed.front().map(|(due, _)| *due)
            };
            self.emptied.notify_waiters();
            match next_due {
                Some(due) => tokio::select! {
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

    /// A late connection is slow and stays in order, also when it is no longer late.
    #[tokio::test(start_paused = true)]
    async fn lag_delays_everything_and_reorders_nothing() {
        let outbox = empty();
        let (least, most) = (Duration::from_millis(20), Duration::from_millis(80));
        outbox.set_lag(Some((least, most)));
        let began = monotonic();
        for message in ["a", "b", "c", "d", "e", "f", "g", "h"] {
            outbox.push(text(message));
        }
        outbox.set_lag(None);
        outbox.push(text("i"));
        let mut batch = Vec::new();
        let mut steps = 0;
        while batch.len() < 9 {
            outbox.next_batch(&mut batch).await;
            assert!(monotonic() - began >= least);
            steps += 1;
        }
        assert_eq!(texts(&batch).concat(), "abcdefghi");
        assert!(steps > 1, "all are late by the same");
        assert!(monotonic() - began <= most + Duration::from_millis(1));
        // Once the last late one is out, nothing is late any more.
        outbox.push(text("j"));
        let now = monotonic();
        outbox.next_batch(&mut batch).await;
        assert_eq!(monotonic(), now);
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

//! What the consumer was given, and what of it doesn't add up.

use std::collections::{BTreeSet, HashMap};

use bitmart::{
    Client, ConnectionId, Decoder, Event, EventKind, GapClosed, GapKind, GapOpened, Lifecycle, Status, Topic,
};

/// Violations that are kept with their words; more are only counted, so that a run that goes wrong all the time
/// doesn't fill the memory that it watches.
const MAX_WORDS: usize = 32;

#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) updates: u64,
    /// Unknown and undecodable messages.
    pub(crate) oddities: u64,
    pub(crate) responses: u64,
    pub(crate) gaps_opened: u64,
    pub(crate) gaps_closed: u64,
    pub(crate) reconnects: u64,
    pub(crate) violations: Violations,
    /// Topics that failed for good since they were last asked for.
    failed: Vec<Topic>,
    open: HashMap<(ConnectionId, GapKind), BTreeSet<Topic>>,
    decoder: Decoder,
}

/// What is wrong, in words.
#[derive(Debug, Default)]
pub(crate) struct Violations {
    words: Vec<String>,
    more: u64,
}

impl Violations {
    pub(crate) fn push(&mut self, words: String) {
        if self.words.len() < MAX_WORDS {
            self.words.push(words);
        } else {
            self.more += 1;
        }
    }

    pub(crate) fn into_words(mut self) -> Vec<String> {
        if self.more > 0 {
            self.words.push(format!("and {} more", self.more));
        }
        self.words
    }
}

impl Ledger {
    /// Takes an event in, as a consumer would: data is decoded.
    pub(crate) fn note(&mut self, event: &Event) {
        match &event.kind {
            EventKind::Update(update) => {
                self.updates += 1;
                if let Err(error) = update.decode(&mut self.decoder) {
                    let text = update.text();
                    self.violations
                        .push(format!("an update can't be decoded twice: {error}: {text}"));
                }
            }
            EventKind::Unknown(_) | EventKind::Undecodable { .. } => self.oddities += 1,
            EventKind::Response(_) => self.responses += 1,
            EventKind::Lifecycle(what) => self.note_lifecycle(event.connection, what),
            kind => self
                .violations
                .push(format!("{}: unexpected: {kind:?}", event.connection)),
        }
    }

    fn note_lifecycle(&mut self, connection: ConnectionId, what: &Lifecycle) {
        match what {
            Lifecycle::GapOpened(gap) => self.gap_opened(connection, gap),
            Lifecycle::GapClosed(gap) => self.gap_closed(connection, gap),
            Lifecycle::Reconnected { .. } => self.reconnects += 1,
            Lifecycle::SubscribeFailed { topic, .. } => self.failed.push(topic.clone()),
            what if what.is_terminal() => self.violations.push(format!("{connection} gave up: {what}")),
            _ => {}
        }
    }

    fn gap_opened(&mut self, connection: ConnectionId, gap: &GapOpened) {
        self.gaps_opened += 1;
        let open = self.open.entry((connection, gap.cause.kind())).or_default();
        open.extend(gap.topics.iter().cloned());
    }

    fn gap_closed(&mut self, connection: ConnectionId, gap: &GapClosed) {
        self.gaps_closed += 1;
        let Some(mut open) = self.open.remove(&(connection, gap.kind)) else {
            let kind = gap.kind;
            self.violations.push(format!(
                "{connection}: a gap of kind {kind:?} closed that was not open"
            ));
            return;
        };
        open.retain(|topic| !gap.topics.contains(topic) && !gap.failed.contains(topic));
        if !open.is_empty() {
            self.violations
                .push(format!("{connection}: a gap closed and said nothing of {open:?}"));
        }
    }

    /// Topics in gaps that are open.
    pub(crate) fn topics_in_gaps(&self) -> usize {
        self.open.values().map(BTreeSet::len).sum()
    }

    /// Takes the topics that have failed for good, for another try.
    pub(crate) fn take_failed(&mut self) -> Vec<Topic> {
        std::mem::take(&mut self.failed)
    }

    /// Whether every connection is ready and no gap is open.
    pub(crate) fn is_calm(&self, client: &Client) -> bool {
        self.open.is_empty()
            && self.failed.is_empty()
            && client.states().iter().all(|state| state.status == Status::Ready)
    }

    /// Says what is not as it should be once the faults are over and there was time for everything to come back.
    pub(crate) fn check_recovery(&mut self, client: &Client, topics: &[Topic]) {
        for ((connection, kind), open) in &self.open {
            let count = open.len();
            self.violations.push(format!(
                "{connection}: a gap of kind {kind:?} is still open for {count} topics, such as {:?}",
                open.first()
            ));
        }
        let states = client.states();
        for state in &states {
            if state.status != Status::Ready {
                self.violations.push(format!(
                    "{} is not ready but {:?}; the last trouble was {:?}",
                    state.id, state.status, state.last_error
                ));
            }
        }
        let held: BTreeSet<&Topic> = states.iter().flat_map(|state| &state.topics).collect();
        for topic in topics.iter().filter(|topic| !held.contains(topic)) {
            self.violations.push(format!("{topic} was lost on the way"));
        }
    }

    /// Holds the counters of a client that was closed, and read to its end, against what came out of it (P2).
    pub(crate) fn check_sums(&mut self, client: &Client) -> Sums {
        let mut sums = Sums::default();
        for state in client.states() {
            let counters = state.counters;
            let parts =
                counters.pushes + counters.replies + counters.pongs + counters.unknown + counters.undecodable;
            if parts != counters.messages {
                self.violations
                    .push(format!("{}: the parts are not the whole: {counters:?}", state.id));
            }
            sums.messages += counters.messages;
            sums.given += counters.pushes + counters.unknown + counters.undecodable;
            sums.replies += counters.replies;
            sums.discarded += state.dropped;
        }
        let (updates, oddities, responses) = (self.updates, self.oddities, self.responses);
        if updates + oddities + sums.discarded != sums.given {
            self.violations.push(format!(
                "the consumer was given {updates} updates and {oddities} oddities, {} were discarded in gaps, and {} \
                 had come in",
                sums.discarded, sums.given
            ));
        }
        if responses > sums.replies {
            self.violations.push(format!(
                "{responses} answers were handed on, and {} had come in",
                sums.replies
            ));
        }
        sums
    }
}

/// Sums over all connections.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sums {
    pub(crate) messages: u64,
    /// Data, and what can't be read or isn't known: what the consumer gets, or misses in a gap.
    given: u64,
    replies: u64,
    pub(crate) discarded: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use bitmart::{Epoch, GapCause, Market, Moment, Side};

    fn topic(symbol: &str) -> Topic {
        format!("spot/trade:{symbol}").parse().unwrap()
    }

    fn opened(topics: &[Topic]) -> Lifecycle {
        Lifecycle::GapOpened(GapOpened::new(None, GapCause::FirstConnect, topics.to_vec()))
    }

    fn closed(topics: &[Topic], failed: &[Topic]) -> Lifecycle {
        let until = Moment { ns: 1, unix_ms: 1 };
        Lifecycle::GapClosed(GapClosed::new(
            GapKind::Connection,
            None,
            until,
            topics.to_vec(),
            failed.to_vec(),
        ))
    }

    fn note(ledger: &mut Ledger, events: impl IntoIterator<Item = Lifecycle>) {
        for event in events {
            ledger.note_lifecycle(ConnectionId::new(Market::Spot, Side::Public), &event);
        }
    }

    #[test]
    fn a_gap_is_closed_when_each_of_its_topics_is_named() {
        let (a, b, c) = (topic("A_USDT"), topic("B_USDT"), topic("C_USDT"));
        let mut ledger = Ledger::default();
        // It grows, and one topic of it fails for good.
        note(
            &mut ledger,
            [opened(&[a.clone(), b.clone()]), opened(std::slice::from_ref(&c))],
        );
        assert_eq!(ledger.topics_in_gaps(), 3);
        note(
            &mut ledger,
            [closed(&[a.clone(), c.clone()], std::slice::from_ref(&b))],
        );
        assert_eq!(
            (ledger.topics_in_gaps(), ledger.gaps_opened, ledger.gaps_closed),
            (0, 2, 1)
        );
        assert!(ledger.violations.words.is_empty());

        note(&mut ledger, [opened(&[a.clone(), b.clone()]), closed(&[a], &[])]);
        assert_eq!(ledger.violations.words.len(), 1, "nothing was said of one");
        note(&mut ledger, [closed(&[c], &[])]);
        assert_eq!(ledger.violations.words.len(), 2, "none was open");
    }

    #[test]
    fn a_connection_that_gives_up_is_a_violation() {
        let mut ledger = Ledger::default();
        let refusal = bitmart::Refusal::new(None, "access failed").into_owned();
        note(
            &mut ledger,
            [Lifecycle::Closed {
                epoch: Epoch(1),
                cause: bitmart::Cause::Silent,
            }],
        );
        assert!(ledger.violations.words.is_empty());
        note(&mut ledger, [Lifecycle::AuthRejected { refusal }]);
        assert_eq!(ledger.violations.words.len(), 1);
    }

    #[test]
    fn violations_are_counted_beyond_what_is_kept() {
        let mut violations = Violations::default();
        for number in 0..MAX_WORDS + 3 {
            violations.push(number.to_string());
        }
        let words = violations.into_words();
        assert_eq!(
            (words.len(), words.last().unwrap().as_str()),
            (MAX_WORDS + 1, "and 3 more")
        );
    }
}

//! What has to be true of every story, whatever was done to its first socket.

use bitmart::{GapCause, Lifecycle};
use bitmart_reliability::weather::{Frame, frames};

use crate::rig::{Seen, Story, TOPICS};

/// What is delivered is what was sent, in order, each once; and where something is missing a gap was opened before.
pub(crate) fn assert_nothing_is_lost_in_silence(story: &Story, sent: &[&str], context: &str) {
    assert_no_more_is_spoilt(story, sent, 0, context);
}

/// As [`assert_nothing_is_lost_in_silence`], but for so many messages that may have become something else on their way,
/// and so many others that may have become messages.
pub(crate) fn assert_no_more_is_spoilt(story: &Story, sent: &[&str], spoilt: usize, context: &str) {
    let context = format!("{context}: {:?}", story.names());
    let (mut next, mut is_gap_open, mut may_be_missing, mut spoilt) = (0, false, false, spoilt);
    let mut strange = spoilt;
    for seen in &story.seen {
        match seen {
            Seen::Event(Lifecycle::GapOpened(_)) => (is_gap_open, may_be_missing) = (true, true),
            Seen::Event(Lifecycle::GapClosed(_)) => {
                assert!(is_gap_open, "{context}");
                is_gap_open = false;
            }
            Seen::Update { text, .. } => {
                let at = sent[next..].iter().position(|sent| sent == text);
                let Some(missing) = at else {
                    assert!(strange > 0, "not sent, twice or out of order: {text}: {context}");
                    strange -= 1;
                    continue;
                };
                if !may_be_missing {
                    assert!(missing <= spoilt, "lost in silence: {context}");
                    spoilt -= missing;
                }
                next += missing + 1;
                // What is lost in a gap shows at the first message behind it.
                may_be_missing = is_gap_open;
            }
            _ => {}
        }
    }
    assert!(next + spoilt >= sent.len(), "the last step is lost: {context}");
}

/// Where the gap begins that the loss of the first socket has opened, if its topics had all been acknowledged: at the
/// last whole frame that had come. Over TLS frames can't be seen from outside, and it begins no earlier than the last
/// message that was delivered.
pub(crate) fn assert_gap_begins_at_the_last_frame(story: &Story, is_tls: bool, context: &str) {
    let context = format!("{context}: {:?}", story.names());
    let closed = |seen: &Seen| match seen {
        Seen::Event(Lifecycle::Closed { cause, .. }) => Some(cause.clone()),
        _ => None,
    };
    let Some((at, cause)) = (0..)
        .zip(&story.seen)
        .find_map(|(at, seen)| Some((at, closed(seen)?)))
    else {
        // Not even the first socket was opened: the gap is that of the first connect.
        return;
    };
    let active = |seen: &Seen| match seen {
        Seen::Event(Lifecycle::Subscribed { topic, .. }) => Some(topic.clone()),
        _ => None,
    };
    let mut active: Vec<_> = story.seen[..at].iter().filter_map(active).collect();
    let Some(Seen::Event(Lifecycle::GapOpened(gap))) = story.seen.get(at + 1) else {
        // Those that are still in the gap of the first connect join no other.
        assert!(active.len() < TOPICS, "no gap for {active:?}: {context}");
        return;
    };
    let mut lost = gap.topics.clone();
    active.sort();
    lost.sort();
    assert_eq!(lost, active, "{context}");
    assert_eq!(gap.cause, GapCause::Disconnected(cause), "{context}");
    let first = &story.recordings[0];
    let since_ns = gap.since.map(|since| since.ns);
    if is_tls {
        let received = |seen: &Seen| match seen {
            Seen::Update { received_ns, .. } => Some(*received_ns),
            _ => None,
        };
        let last_update_ns = story.seen[..at].iter().rev().find_map(received);
        let last_read_ns = first.reads.last().map(|(_, at_ns)| *at_ns);
        assert!(
            last_update_ns <= since_ns && since_ns <= last_read_ns,
            "{context}"
        );
    } else {
        let whole = |frame: &&Frame| frame.end <= first.inbound.len();
        let frames = frames(&first.inbound);
        let last_frame = frames.iter().rfind(whole).expect("an acknowledgement is a frame");
        assert_eq!(since_ns, first.read_at_ns(last_frame.end), "{context}");
    }
}

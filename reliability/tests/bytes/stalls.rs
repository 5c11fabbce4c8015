//! The stream stands still for a while, in either direction, and goes on.

use std::time::Duration;

use bitmart::{Cause, Lifecycle};
use bitmart_reliability::weather::{Way, Weather};

use crate::oracle::{assert_gap_begins_at_the_last_frame, assert_nothing_is_lost_in_silence};
use crate::rig::{Play, Seen, Story};

/// Shorter than the shortest deadline, that of the upgrade.
const SHORT: Duration = Duration::from_millis(4_900);

/// Longer than all of them.
const LONG: Duration = Duration::from_secs(120);

/// How late a timer may be: tokio's have a millisecond, and another begins where it ends.
const SLACK_MS: u64 = 5;

fn stalled(is_inbound: bool, at: u64, time: Duration) -> Weather {
    let way = Way {
        stall: Some((at, time)),
        ..Way::default()
    };
    match is_inbound {
        true => Weather {
            inbound: way,
            ..Weather::default()
        },
        false => Weather {
            outbound: way,
            ..Weather::default()
        },
    }
}

/// Waits at the end for what has been stalled.
fn patient(play: Play) -> Play {
    Play {
        late: LONG + SHORT,
        ..play
    }
}

/// Bytes that the first socket of a story has seen, by direction.
fn bytes(story: &Story, is_inbound: bool) -> u64 {
    let recording = &story.recordings[0];
    let bytes = match is_inbound {
        true => recording.inbound.len(),
        false => recording.outbound.len(),
    };
    bytes as u64
}

/// Neither a socket nor a message is lost.
fn short_stalls_do_no_harm(play: Play, every: usize) {
    let fair = play.run(Weather::default());
    let play = patient(play);
    for is_inbound in [true, false] {
        for at in (0..bytes(&fair, is_inbound)).step_by(every) {
            let story = play.run(stalled(is_inbound, at, SHORT));
            let context = format!("{play:?}, inbound {is_inbound}, byte {at}: {:?}", story.names());
            assert_eq!((story.losses(), story.recordings.len()), (0, 1), "{context}");
            let updates = story.updates();
            assert_eq!(updates[..fair.updates().len()], fair.updates(), "{context}");
        }
    }
}

#[test]
fn a_stall_within_the_deadlines_does_no_harm() {
    for play in Play::plain() {
        short_stalls_do_no_harm(play, 17);
        short_stalls_do_no_harm(play.with_tls(), 131);
    }
}

/// How the first socket ended, and how long after the last byte that had come: in milliseconds.
fn first_loss(story: &Story) -> (&Cause, u64) {
    fn cause(seen: &Seen) -> Option<&Cause> {
        match seen {
            Seen::Event(Lifecycle::Closed { cause, .. } | Lifecycle::ConnectFailed { cause, .. }) => {
                Some(cause)
            }
            _ => None,
        }
    }
    let times = story.seen_at_ns.iter();
    let mut losses = story.seen.iter().zip(times);
    let found = losses.find_map(|(seen, at_ns)| Some((cause(seen)?, *at_ns)));
    let (cause, lost_at_ns) = found.expect("it is lost");
    let reads = story.recordings[0].reads.iter();
    let last_ns = reads
        .map(|(_, at_ns)| *at_ns)
        .take_while(|at_ns| *at_ns <= lost_at_ns)
        .last();
    (cause, (lost_at_ns - last_ns.unwrap_or(0)) / 1_000_000)
}

/// Failure mode 2, and 3 once the session goes: each wait has its own deadline, and the loss is announced.
#[test]
fn a_stall_beyond_a_deadline_runs_into_it() {
    for play in Play::plain() {
        let fair = play.run(Weather::default());
        let play = patient(play);
        let first = &fair.recordings[0];
        let answer = bytes_until(&first.inbound, b"\r\n\r\n");
        let request = bytes_until(&first.outbound, b"\r\n\r\n");
        let reference = play.reference();
        for is_inbound in [true, false] {
            let head = if is_inbound { answer } else { request };
            let mut causes = [0; 3];
            for at in (0..bytes(&fair, is_inbound)).step_by(13) {
                let story = play.run(stalled(is_inbound, at, LONG));
                let context = format!("{play:?}, inbound {is_inbound}, byte {at}: {:?}", story.names());
                assert!(story.losses() > 0, "{context}");
                let (cause, after_ms) = first_loss(&story);
                let (n, deadline_ms) = match cause {
                    Cause::Connect { .. } => (0, 5_000..=5_000),
                    Cause::LoginTimeout => (1, 10_000..=10_000),
                    Cause::Silent => (2, 0..=25_000),
                    // An acknowledgement is asked for again after ten seconds: silence is noticed before the third.
                    other => panic!("{other:?}: {context}"),
                };
                causes[n] += 1;
                assert_eq!(n == 0, at < head, "{context}");
                assert!(
                    after_ms + SLACK_MS >= *deadline_ms.start() && after_ms <= deadline_ms.end() + SLACK_MS,
                    "after {after_ms} ms: {context}"
                );
                assert_nothing_is_lost_in_silence(&story, &reference.sent(&story), &context);
                assert_gap_begins_at_the_last_frame(&story, play.is_tls, &context);
            }
            assert!(
                causes.iter().all(|count| *count > 0),
                "{play:?}, inbound {is_inbound}: {causes:?}"
            );
        }
    }
}

fn bytes_until(bytes: &[u8], end: &[u8]) -> u64 {
    let at = bytes.windows(end.len()).position(|window| window == end);
    (at.unwrap() + end.len()) as u64
}

//! The stream ends, at every byte of a session in turn, in either direction and in either way.

use std::ops::Range;
use std::time::Duration;

use bitmart::{Cause, Lifecycle};
use bitmart_reliability::weather::{End, Way, Weather};

use crate::oracle::{assert_gap_begins_at_the_last_frame, assert_nothing_is_lost_in_silence};
use crate::rig::{Over, Play};

/// How long each piece takes, so that each frame comes at a time of its own, and those that come in pieces come at
/// several.
const PACE: Duration = Duration::from_micros(100);

/// Bytes that pass at once.
const PIECE_BYTES: usize = 160;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Inbound,
    Outbound,
}

fn weather(cut: Option<(Direction, u64, End)>) -> Weather {
    let way = |direction| Way {
        max_piece_bytes: Some(PIECE_BYTES),
        pace: PACE,
        cut: cut
            .filter(|(which, ..)| *which == direction)
            .map(|(_, at, end)| (at, end)),
        ..Way::default()
    };
    Weather {
        inbound: way(Direction::Inbound),
        outbound: way(Direction::Outbound),
        seed: 3,
    }
}

/// Cuts at each of these bytes of the first socket.
fn cut_at(play: Play, direction: Direction, end: End, places: impl Iterator<Item = u64>) {
    let reference = play.reference();
    let (mut stories, mut in_gaps) = (0, 0);
    for at in places {
        let story = play.run(weather(Some((direction, at, end))));
        let context = format!("{play:?}, {direction:?} cut at byte {at} with {end:?}");
        let sent = reference.sent(&story);
        assert_nothing_is_lost_in_silence(&story, &sent, &context);
        assert_eq!(
            (story.losses(), story.recordings.len()),
            (1, 2),
            "{context}: {:?}",
            story.names()
        );
        let cause = story.events().find_map(|event| match event {
            Lifecycle::Closed { cause, .. } | Lifecycle::ConnectFailed { cause, .. } => Some(cause),
            _ => None,
        });
        assert!(
            matches!(cause, Some(Cause::Lost { .. } | Cause::Connect { .. })),
            "{context}: {cause:?}"
        );
        assert_gap_begins_at_the_last_frame(&story, play.is_tls, &context);
        stories += 1;
        in_gaps += sent.len() - story.updates().len();
    }
    assert!(stories > 0);
    assert!(
        direction == Direction::Outbound || in_gaps > 0,
        "{play:?}: no cut has cost a message"
    );
}

/// Every place of a stream, its end excepted.
fn every_byte(play: Play, direction: Direction) -> Range<u64> {
    let fair = play.run(weather(None));
    let recording = &fair.recordings[0];
    let bytes = match direction {
        Direction::Inbound => recording.inbound.len(),
        Direction::Outbound => recording.outbound.len(),
    };
    assert!(bytes > 400, "{bytes}");
    0..bytes as u64
}

/// Every byte of every kind of session that is read in this way.
fn cut_each(direction: Direction, over: Over, end: End) {
    for play in Play::plain().into_iter().filter(|play| play.over == over) {
        cut_at(play, direction, end, every_byte(play, direction));
    }
}

/// Failure modes 7 and 26, for a connection, at every byte of what it reads.
#[test]
fn a_connection_survives_an_end_at_any_inbound_byte() {
    cut_each(Direction::Inbound, Over::Connection, End::Eof);
}

/// Failure modes 7 and 26, for a client, at every byte of what it reads.
#[test]
fn a_client_survives_a_reset_at_any_inbound_byte() {
    cut_each(Direction::Inbound, Over::Client, End::Reset);
}

/// Failure mode 26, the other way round: the exchange gets half of a request.
#[test]
fn any_outbound_byte_may_be_the_last() {
    cut_each(Direction::Outbound, Over::Connection, End::Reset);
    cut_each(Direction::Outbound, Over::Client, End::Eof);
}

/// Failure mode 7, over TLS: an end without a `close_notify` is a loss, wherever it comes. A handshake is too dear for
/// every byte, so it is every so many, not the same for all kinds of session.
#[test]
fn any_byte_may_be_the_last_over_tls() {
    for (n, play) in Play::plain().into_iter().enumerate() {
        let play = play.with_tls();
        for (direction, every) in [(Direction::Inbound, 37), (Direction::Outbound, 23)] {
            let end = if n % 2 == 0 { End::Eof } else { End::Reset };
            cut_at(
                play,
                direction,
                end,
                every_byte(play, direction).skip(n).step_by(every),
            );
        }
    }
}

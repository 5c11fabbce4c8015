//! Bits that arrive as their opposite. A checksum keeps most of them from happening, and TLS all: in plain text the
//! question is whether the client keeps its head.

use std::time::Duration;

use bitmart::Lifecycle;
use bitmart_reliability::weather::{Way, Weather, frames};

use crate::oracle::{assert_gap_begins_at_the_last_frame, assert_no_more_is_spoilt};
use crate::rig::{Over, Play, Seen, Story};

/// Bits anywhere that are tried, for each kind of session.
const SAMPLES: usize = 150;

/// How long is waited at the end for a socket that has lost its step to be given up.
const LATE: Duration = Duration::from_secs(90);

fn flipped(is_inbound: bool, byte: u64, bit: u8) -> Weather {
    let way = Way {
        flips: vec![(byte, bit)],
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

/// Messages that came as data, or as nothing that is known.
fn messages(story: &Story) -> usize {
    let is_message = |seen: &&Seen| matches!(seen, Seen::Update { .. } | Seen::Oddity(_));
    story.seen.iter().filter(is_message).count()
}

/// One bit of what the client reads in plain text.
fn flip_inbound(play: Play, reference: &Story, byte: u64, bit: u8) -> bool {
    let story = play.run(flipped(true, byte, bit));
    let context = format!("{play:?}, bit {bit} of inbound byte {byte}: {:?}", story.names());
    if story.is_over() {
        // The login's answer has become a refusal: the exchange's word, as far as the client can know.
        assert!(story.events().any(Lifecycle::is_terminal), "{context}");
        return true;
    }
    let sent = reference.sent(&story);
    assert_no_more_is_spoilt(&story, &sent, 1, &context);
    if story.losses() > 0 {
        assert_gap_begins_at_the_last_frame(&story, true, &context);
        return true;
    }
    let inbound = &story.recordings[0].inbound;
    let frames = frames(inbound);
    let is_whole = frames.last().is_some_and(|last| last.end == inbound.len());
    assert!(is_whole, "it waits for ever for the rest of a frame: {context}");
    if play.over == Over::Connection {
        let counters = story.counters;
        let counted = counters.control_frames + counters.messages;
        assert_eq!(counted, frames.len() as u64, "{counters:?}: {context}");
    }
    // A short message may have become a ping, a ping a message; an answer may have become something unknown.
    let difference = messages(&story).abs_diff(sent.len());
    assert!(difference <= 1, "{difference} messages more or less: {context}");
    false
}

fn flip_each(play: Play, places: impl Iterator<Item = (u64, u8)>) {
    let play = Play { late: LATE, ..play };
    let reference = play.reference();
    let (mut all, mut lost) = (0, 0);
    for (byte, bit) in places {
        lost += u32::from(flip_inbound(play, &reference, byte, bit));
        all += 1;
    }
    assert!(
        lost > 0 && lost < all,
        "{play:?}: {lost} of {all} have ended a socket"
    );
}

/// Failure modes 27 to 34, by chance: every bit of every frame's head.
#[test]
fn every_bit_of_a_head_may_flip() {
    for play in Play::plain() {
        let fair = play.run(Weather::default());
        let frames = frames(&fair.recordings[0].inbound);
        assert!(frames.len() > 5, "{}", frames.len());
        let bytes = frames.into_iter().flat_map(|frame| frame.head);
        flip_each(
            play,
            bytes.flat_map(|byte| (0..8).map(move |bit| (byte as u64, bit))),
        );
    }
}

/// Failure modes 35 and 39, by chance: any bit of the answer to the upgrade, of heads, of payloads.
#[test]
fn any_bit_may_flip() {
    for (seed, play) in (11..).zip(Play::plain()) {
        let fair = play.run(Weather::default());
        let bytes = fair.recordings[0].inbound.len() as u64;
        let mut rng = fastrand::Rng::with_seed(seed);
        let places: Vec<(u64, u8)> = (0..SAMPLES).map(|_| (rng.u64(..bytes), rng.u8(..8))).collect();
        flip_each(play, places.into_iter());
    }
}

/// What the exchange makes of a spoilt request is its own affair: the client is ready again in the end, or has been
/// refused for good, or a topic has.
#[test]
fn any_bit_of_a_request_may_flip() {
    for (seed, play) in (23..).zip(Play::plain()) {
        let fair = play.run(Weather::default());
        let bytes = fair.recordings[0].outbound.len() as u64;
        let mut rng = fastrand::Rng::with_seed(seed);
        for _ in 0..SAMPLES {
            let (byte, bit) = (rng.u64(..bytes), rng.u8(..8));
            let play = Play { late: LATE, ..play };
            let story = play.run(flipped(false, byte, bit));
            let context = format!("{play:?}, bit {bit} of outbound byte {byte}: {:?}", story.names());
            assert!(story.is_over() || story.is_ready(), "{context}");
        }
    }
}

/// Over TLS no bit of a record can be changed unnoticed: the socket ends, with a gap if there was anything to lose. In
/// the heads of records and in the beginning of a handshake there are bits that mean nothing: then nothing is lost.
#[test]
fn a_flipped_bit_ends_a_socket_over_tls() {
    const APPLICATION_DATA: u8 = 23;
    const RECORD_HEAD_BYTES: usize = 5;
    for (seed, play) in (31..).zip(Play::plain()) {
        // A record whose length has grown swallows what follows, until the silence is noticed.
        let play = Play {
            late: LATE,
            ..play.with_tls()
        };
        let reference = play.reference();
        let fair = play.run(Weather::default());
        let inbound = &fair.recordings[0].inbound;
        let mut protected = Vec::new();
        let mut at = 0;
        while let Some(&[kind, _, _, high, low]) = inbound.get(at..at + RECORD_HEAD_BYTES) {
            let payload = at + RECORD_HEAD_BYTES;
            at = payload + usize::from(u16::from_be_bytes([high, low]));
            if kind == APPLICATION_DATA {
                protected.extend(payload..at.min(inbound.len()));
            }
        }
        assert!(protected.len() > inbound.len() / 2, "{}", protected.len());
        let mut rng = fastrand::Rng::with_seed(seed);
        for _ in 0..40 {
            let byte = rng.usize(..inbound.len());
            let bit = rng.u8(..8);
            let story = play.run(flipped(true, byte as u64, bit));
            let context = format!("{play:?}, bit {bit} of inbound byte {byte}: {:?}", story.names());
            let is_noticed = (story.losses(), story.recordings.len()) == (1, 2);
            let is_harmless = !protected.contains(&byte) && story.losses() == 0;
            assert!(is_noticed || is_harmless, "{context}");
            assert_no_more_is_spoilt(&story, &reference.sent(&story), 0, &context);
            assert_gap_begins_at_the_last_frame(&story, true, &context);
        }
    }
}

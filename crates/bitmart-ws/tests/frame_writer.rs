//! What is queued in a `FrameWriter` reaches the peer whole and in the promised order, however slowly it is
//! taken.

#![allow(clippy::unwrap_used, reason = "a test that can't be set up has failed")]

mod wire;

use bitmart_ws::frame::{FrameWriter, MAX_CONTROL_BYTES, WRITE_BUFFER_BYTES, WriteError};

use wire::{BINARY, CLOSE, PING, PONG, TEXT, client_frame};

/// A peer that takes what it is given and reads frames out of it.
#[derive(Default)]
struct Peer {
    bytes: Vec<u8>,
}

impl Peer {
    /// Takes at most `count` bytes of what is pending.
    fn take(&mut self, writer: &mut FrameWriter, count: usize) {
        let pending = writer.pending();
        let count = count.min(pending.len());
        self.bytes.extend_from_slice(&pending[..count]);
        writer.consumed(count);
    }

    fn take_all(&mut self, writer: &mut FrameWriter) {
        while !writer.is_empty() {
            assert!(!writer.pending().is_empty(), "not empty, so something is pending");
            self.take(writer, usize::MAX);
        }
        assert!(writer.pending().is_empty());
    }

    fn frames(&self) -> Vec<(u8, Vec<u8>)> {
        let mut frames = Vec::new();
        let mut rest = &self.bytes[..];
        while !rest.is_empty() {
            let (is_final, opcode, payload, bytes) = client_frame(rest).expect("whole frames");
            assert!(is_final);
            frames.push((opcode, payload));
            rest = &rest[bytes..];
        }
        frames
    }
}

#[test]
fn every_length_arrives_whole_and_masked() {
    for bytes in [0, 1, 125, 126, 127, 1000, 65_000, 65_535, 65_536, 200_000] {
        let payload: Vec<u8> = (0..bytes).map(|at| at as u8).collect();
        let mut writer = FrameWriter::with_limit(1 << 20);
        writer.binary(&payload).unwrap();
        writer.text(b"next").unwrap();
        let mut peer = Peer::default();
        peer.take_all(&mut writer);
        assert_eq!(peer.frames(), [(BINARY, payload), (TEXT, b"next".to_vec())]);
    }
}

#[test]
fn no_two_frames_are_masked_alike() {
    let mut writer = FrameWriter::new();
    let mut seen = std::collections::HashSet::new();
    for _ in 0..1000 {
        writer.text(&[0; 8]).unwrap(); // zeros show the key
    }
    for frame in writer.pending().chunks(14) {
        seen.insert(frame[6..].to_vec());
    }
    assert!(seen.len() > 990, "{} keys", seen.len());
}

/// Failure mode 31: pongs are coalesced.
#[test]
fn control_frames_overtake_messages_and_only_the_latest_waits() {
    let mut writer = FrameWriter::new();
    writer.text(b"one").unwrap();
    writer.text(b"two").unwrap();
    writer.ping(b"p").unwrap();
    for pong in [b"a", b"b", b"c"] {
        writer.pong(pong).unwrap();
    }
    let mut peer = Peer::default();
    peer.take_all(&mut writer);
    let expected: [(u8, &[u8]); 4] = [(PONG, b"c"), (PING, b"p"), (TEXT, b"one"), (TEXT, b"two")];
    assert_eq!(
        peer.frames(),
        expected.map(|(opcode, payload)| (opcode, payload.to_vec()))
    );
}

#[test]
fn a_pong_never_lands_inside_a_frame_wherever_it_was_cut() {
    let one = || {
        let mut writer = FrameWriter::new();
        for text in ["first", "second", "third"] {
            writer.text(text.as_bytes()).unwrap();
        }
        writer
    };
    let total = one().pending().len();
    for cut in 0..=total {
        let (mut writer, mut peer) = (one(), Peer::default());
        peer.take(&mut writer, cut);
        writer.pong(b"!").unwrap();
        peer.take_all(&mut writer);
        let whole_before = [0, 11, 23, 34].iter().filter(|&&end| end < cut).count();
        let frames = peer.frames();
        assert_eq!(
            frames[whole_before.min(3)],
            (PONG, b"!".to_vec()),
            "cut at {cut}: {frames:?}"
        );
        let texts: Vec<_> = frames
            .into_iter()
            .filter(|(opcode, _)| *opcode == TEXT)
            .map(|f| f.1)
            .collect();
        assert_eq!(texts, [&b"first"[..], b"second", b"third"]);
    }
}

#[test]
fn a_later_pong_takes_the_place_of_one_that_was_offered_in_vain() {
    let mut writer = FrameWriter::new();
    let mut peer = Peer::default();
    for round in 0..100u8 {
        writer.pong(&[round]).unwrap();
        peer.take(&mut writer, 0); // the socket takes nothing
    }
    peer.take(&mut writer, 1); // half a pong: it has to be finished
    writer.pong(b"after").unwrap();
    peer.take_all(&mut writer);
    assert_eq!(peer.frames(), [(PONG, vec![99]), (PONG, b"after".to_vec())]);
}

#[test]
fn random_takes_lose_and_reorder_nothing() {
    for seed in 0..500 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut writer = FrameWriter::with_limit(500);
        let mut peer = Peer::default();
        let (mut texts, mut last_pong, mut pongs) = (Vec::new(), None, 0);
        for round in 0..200u32 {
            match rng.u8(0..4) {
                0 => {
                    let text = format!("{round}").repeat(rng.usize(0..40));
                    let queued = writer.queued_bytes();
                    match writer.text(text.as_bytes()) {
                        Ok(()) => texts.push(text.into_bytes()),
                        Err(WriteError::Full { bytes, room }) => {
                            assert!(bytes > room && room == 500 - queued, "seed {seed}");
                        }
                        Err(error) => panic!("seed {seed}: {error}"),
                    }
                }
                1 => {
                    pongs += 1;
                    last_pong = Some(round.to_be_bytes().to_vec());
                    writer.pong(&round.to_be_bytes()).unwrap();
                }
                _ => peer.take(&mut writer, rng.usize(0..60)),
            }
            assert!(writer.queued_bytes() <= 500, "seed {seed}");
        }
        peer.take_all(&mut writer);
        let frames = peer.frames();
        let of = |wanted| {
            frames
                .iter()
                .filter(move |(opcode, _)| *opcode == wanted)
                .map(|f| f.1.clone())
        };
        assert_eq!(of(TEXT).collect::<Vec<_>>(), texts, "seed {seed}");
        assert_eq!(of(PONG).next_back(), last_pong, "seed {seed}");
        assert!(of(PONG).count() <= pongs && of(PONG).is_sorted(), "seed {seed}");
    }
}

#[test]
fn the_buffer_is_bounded_and_a_refused_frame_leaves_no_trace() {
    let mut writer = FrameWriter::new();
    let frame_bytes = 1000 + 8;
    let fitting = WRITE_BUFFER_BYTES / frame_bytes;
    for _ in 0..fitting {
        writer.text(&[b'x'; 1000]).unwrap();
    }
    let room = WRITE_BUFFER_BYTES - fitting * frame_bytes;
    assert_eq!(
        writer.text(&[b'x'; 1000]),
        Err(WriteError::Full {
            bytes: frame_bytes,
            room
        })
    );
    assert_eq!(
        writer.text(&[b'x'; WRITE_BUFFER_BYTES]),
        Err(WriteError::TooBig {
            bytes: WRITE_BUFFER_BYTES + 14,
            limit: WRITE_BUFFER_BYTES
        })
    );
    // Control frames have room of their own.
    writer.pong(b"pong").unwrap();
    writer.ping(b"ping").unwrap();
    writer.close(Some(1000), "").unwrap();
    let mut peer = Peer::default();
    peer.take_all(&mut writer);
    assert_eq!(peer.frames().len(), fitting + 3);
}

#[test]
fn a_close_goes_last_and_nothing_follows_it() {
    let mut writer = FrameWriter::new();
    writer.text(b"last words").unwrap();
    writer.close(Some(1000), "bye").unwrap();
    writer.close(Some(1001), "again").unwrap();
    assert_eq!(writer.text(b"more"), Err(WriteError::Closing));
    assert_eq!(writer.ping(b""), Err(WriteError::Closing));
    assert_eq!(writer.pong(b"late"), Ok(()));
    let mut peer = Peer::default();
    peer.take_all(&mut writer);
    assert_eq!(
        peer.frames(),
        [(TEXT, b"last words".to_vec()), (CLOSE, b"\x03\xe8bye".to_vec())]
    );
}

#[test]
fn close_frames_are_never_illegal() {
    let written = |code, reason: &str| {
        let (mut writer, mut peer) = (FrameWriter::new(), Peer::default());
        writer
            .close(code, reason)
            .map(|()| peer.take_all(&mut writer))
            .map(|()| peer.frames().remove(0).1)
    };
    assert_eq!(written(None, "ignored"), Ok(vec![]));
    for code in [0, 999, 1004, 1005, 1006, 1015, 2999, 5000] {
        assert_eq!(
            written(Some(code), ""),
            Err(WriteError::InvalidCloseCode { code })
        );
    }
    let long = written(Some(1001), &"ü".repeat(100)).unwrap();
    assert_eq!(
        long[2..],
        *"ü".repeat(61).as_bytes(),
        "cut at a character, at 125 bytes or fewer"
    );
}

#[test]
fn long_control_payloads_are_refused_not_cut() {
    let mut writer = FrameWriter::new();
    let long = [0; MAX_CONTROL_BYTES + 1];
    let refused = Err(WriteError::LongControl { bytes: long.len() });
    assert_eq!((writer.pong(&long), writer.ping(&long)), (refused, refused));
    assert!(writer.is_empty());
    writer.pong(&long[1..]).unwrap();
}

#[test]
fn consuming_too_much_never_panics() {
    let mut writer = FrameWriter::new();
    writer.consumed(usize::MAX);
    writer.text(b"x").unwrap();
    writer.pong(b"y").unwrap();
    while !writer.pending().is_empty() {
        writer.consumed(usize::MAX);
    }
    assert!(writer.is_empty());
}

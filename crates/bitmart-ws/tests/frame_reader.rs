//! What goes into a `FrameReader` comes out of it, however it was cut; what is forbidden doesn't.

#![allow(clippy::unwrap_used, reason = "a test that can't be set up has failed")]

mod wire;

use bitmart_ws::frame::{
    Frame, FrameError, FrameReader, Kind, Limits, MAX_FRAGMENTS, MAX_MESSAGE_BYTES, READ_BUFFER_BYTES,
};
use proptest::prelude::*;

use wire::{BINARY, CLOSE, CONTINUATION, Item, PING, PONG, TEXT, close, drain, frame, header, read_in};

fn text(bytes: impl Into<Vec<u8>>) -> Item {
    Item::Text(bytes.into())
}

/// A stream with everything a server may do, and what should come out of it.
fn lawful() -> (Vec<u8>, Vec<Item>) {
    let long = "ü".repeat(100);
    let wire = [
        frame(true, TEXT, b"one"),
        frame(true, BINARY, &[0xff, 0x00]),
        frame(true, TEXT, b""),
        frame(false, TEXT, "zwölf".as_bytes().split_at(3).0),
        frame(true, PING, b"between"),
        frame(false, CONTINUATION, b""),
        frame(true, PONG, &[7; 125]),
        frame(true, CONTINUATION, "zwölf".as_bytes().split_at(3).1),
        frame(true, TEXT, long.as_bytes()),
        frame(false, BINARY, b""),
        frame(true, CONTINUATION, b""),
        close(1001, "bye \u{2014}".as_bytes()),
        frame(true, TEXT, b"too late"),
    ]
    .concat();
    let items = vec![
        text(*b"one"),
        Item::Binary(vec![0xff, 0x00]),
        text(*b""),
        Item::Ping(b"between".to_vec()),
        Item::Pong(vec![7; 125]),
        text("zwölf"),
        text(long),
        Item::Binary(vec![]),
        Item::Close(Some(1001), "bye —".into()),
    ];
    (wire, items)
}

/// Asserts that a stream gives the same items in one piece, byte by byte, in every two pieces, in pieces of
/// every small size, and in random ones.
fn assert_in_every_chunking(wire: &[u8], expected: &[Item]) {
    let read = |sizes: &[usize]| read_in(&mut FrameReader::new(), wire, sizes.iter().copied());
    assert_eq!(read(&[]), expected, "in one piece");
    for size in 1..40 {
        assert_eq!(read(&[size]), expected, "in pieces of {size}");
    }
    for split in 1..wire.len() {
        assert_eq!(read(&[split, wire.len() - split]), expected, "split at {split}");
    }
    for seed in 0..200 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let sizes: Vec<_> = (0..wire.len()).map(|_| rng.usize(1..=20)).collect();
        assert_eq!(read(&sizes), expected, "chunked with seed {seed}");
    }
}

/// Failure mode 28: control frames between the fragments of a message are lawful.
#[test]
fn every_chunking_of_a_lawful_stream_gives_the_same_frames() {
    let (wire, items) = lawful();
    assert_in_every_chunking(&wire, &items);
    let mut reader = FrameReader::new();
    read_in(&mut reader, &wire, []);
    let counts = reader.counts();
    assert_eq!((counts.control, counts.data, counts.messages), (3, 9, 6));
}

/// Failure modes 28, 31, 32, 33 and 34: illegal fragments, long control frames, masks, reserved bits and opcodes,
/// text that is not UTF-8 or ends inside a character.
#[test]
fn every_violation_is_refused_the_same_way_in_every_chunking_and_for_good() {
    let begun = || frame(false, TEXT, b"begun");
    let with_first = |first: u8| vec![first, 0];
    let cases: Vec<(&str, Vec<u8>, FrameError, u16)> = vec![
        ("bit 1", with_first(0x81 | 0x40), FrameError::ReservedBits, 1002),
        ("bit 2", with_first(0x81 | 0x20), FrameError::ReservedBits, 1002),
        ("bit 3", with_first(0x89 | 0x10), FrameError::ReservedBits, 1002),
        (
            "opcode 3",
            with_first(0x83),
            FrameError::ReservedOpcode { opcode: 3 },
            1002,
        ),
        (
            "opcode 7",
            with_first(0x87),
            FrameError::ReservedOpcode { opcode: 7 },
            1002,
        ),
        (
            "opcode 11",
            with_first(0x8b),
            FrameError::ReservedOpcode { opcode: 11 },
            1002,
        ),
        (
            "opcode 15",
            with_first(0x8f),
            FrameError::ReservedOpcode { opcode: 15 },
            1002,
        ),
        (
            "masked",
            vec![0x81, 0x81, 1, 2, 3, 4, 5],
            FrameError::Masked,
            1002,
        ),
        (
            "fragmented ping",
            frame(false, PING, b""),
            FrameError::FragmentedControl,
            1002,
        ),
        (
            "fragmented close",
            frame(false, CLOSE, b""),
            FrameError::FragmentedControl,
            1002,
        ),
        (
            "long ping",
            frame(true, PING, &[0; 126]),
            FrameError::LongControl,
            1002,
        ),
        (
            "very long pong",
            header(true, PONG, 1 << 20),
            FrameError::LongControl,
            1002,
        ),
        (
            "stray continuation",
            frame(true, CONTINUATION, b"x"),
            FrameError::StrayContinuation,
            1002,
        ),
        (
            "text in text",
            [begun(), frame(true, TEXT, b"")].concat(),
            FrameError::InterruptedMessage,
            1002,
        ),
        (
            "binary in text",
            [begun(), frame(false, BINARY, b"")].concat(),
            FrameError::InterruptedMessage,
            1002,
        ),
        (
            "16 bits for 125",
            vec![0x82, 126, 0, 125],
            FrameError::PaddedLength,
            1002,
        ),
        (
            "64 bits for 65535",
            [vec![0x82, 127], 65535u64.to_be_bytes().to_vec()].concat(),
            FrameError::PaddedLength,
            1002,
        ),
        (
            "top bit",
            header(true, BINARY, 1 << 63),
            FrameError::NegativeLength,
            1002,
        ),
        (
            "huge",
            header(true, BINARY, i64::MAX as u64),
            FrameError::MessageTooBig {
                bytes: i64::MAX as u64,
                limit: MAX_MESSAGE_BYTES,
            },
            1009,
        ),
        (
            "huge in sum",
            [begun(), header(true, CONTINUATION, MAX_MESSAGE_BYTES as u64 - 4)].concat(),
            FrameError::MessageTooBig {
                bytes: MAX_MESSAGE_BYTES as u64 + 1,
                limit: MAX_MESSAGE_BYTES,
            },
            1009,
        ),
        (
            "not UTF-8",
            frame(true, TEXT, b"ab\xffcd"),
            FrameError::InvalidText,
            1007,
        ),
        (
            "surrogate",
            frame(true, TEXT, b"\xed\xa0\x80"),
            FrameError::InvalidText,
            1007,
        ),
        (
            "overlong",
            frame(true, TEXT, b"\xc0\xaf"),
            FrameError::InvalidText,
            1007,
        ),
        (
            "cut text",
            frame(true, TEXT, b"caf\xc3"),
            FrameError::InvalidText,
            1007,
        ),
        (
            "cut fragments",
            [frame(false, TEXT, b"caf\xc3"), frame(true, CONTINUATION, b"")].concat(),
            FrameError::InvalidText,
            1007,
        ),
        (
            "half a code",
            frame(true, CLOSE, &[3]),
            FrameError::HalfCloseCode,
            1002,
        ),
        (
            "bad reason",
            close(1000, b"\xff"),
            FrameError::InvalidCloseReason,
            1007,
        ),
    ];
    for (name, violation, error, code) in cases {
        assert_eq!(error.close_code(), code, "{name}");
        let wire = [
            frame(true, TEXT, b"before"),
            violation,
            frame(true, TEXT, b"after"),
        ]
        .concat();
        assert_in_every_chunking(&wire, &[text(*b"before"), Item::Failed(error)]);

        let mut reader = FrameReader::new();
        read_in(&mut reader, &wire, []);
        assert_eq!(reader.advance(), Err(error), "{name}: an error is for good");
        assert_eq!(reader.space().len(), READ_BUFFER_BYTES, "{name}");
        assert!(error.to_string().starts_with("the venue "), "{error}");
    }
}

#[test]
fn a_message_ends_with_its_last_fragment() {
    let end = frame(true, CONTINUATION, b"");
    let wire = [frame(false, TEXT, b"begun"), end.clone(), end].concat();
    assert_in_every_chunking(
        &wire,
        &[text(*b"begun"), Item::Failed(FrameError::StrayContinuation)],
    );
}

#[test]
fn close_codes_are_judged_one_by_one() {
    for code in 0..=u16::MAX {
        let is_sendable = matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
        let expected = if is_sendable {
            Item::Close(Some(code), String::new())
        } else {
            Item::Failed(FrameError::InvalidCloseCode { code })
        };
        assert_eq!(
            read_in(&mut FrameReader::new(), &close(code, b""), []),
            [expected]
        );
    }
    assert_eq!(
        read_in(&mut FrameReader::new(), &frame(true, CLOSE, b""), []),
        [Item::Close(None, String::new())]
    );
}

#[test]
fn an_error_comes_with_the_header_not_after_the_payload() {
    let too_big = MAX_MESSAGE_BYTES as u64 + 1;
    for wire in [
        header(true, TEXT, too_big),
        header(true, CONTINUATION, 1000),
        header(true, PING, 126),
    ] {
        assert!(matches!(
            read_in(&mut FrameReader::new(), &wire, [])[..],
            [Item::Failed(_)]
        ));
    }
}

/// Failure mode 27.
#[test]
fn after_a_close_everything_is_discarded_and_memory_stays() {
    let mut reader = FrameReader::new();
    let wire = [
        close(4000, b"reason"),
        frame(true, TEXT, b"late"),
        header(true, TEXT, 1 << 40),
    ]
    .concat();
    assert_eq!(reader.feed(&wire), wire.len());
    let head = reader.advance().unwrap().unwrap();
    assert_eq!(
        (head.kind(), reader.payload(head)),
        (Kind::Close { code: Some(4000) }, &b"reason"[..])
    );
    let counts = reader.counts();
    for _ in 0..100 {
        assert_eq!(reader.advance(), Ok(None));
        assert_eq!(reader.feed(&[0xff; READ_BUFFER_BYTES]), READ_BUFFER_BYTES);
    }
    assert_eq!(
        (reader.buffer_bytes(), reader.counts()),
        (READ_BUFFER_BYTES, counts)
    );
    assert!(!reader.is_mid_message());
}

/// Failure mode 29: memory follows what has come.
#[test]
fn a_declared_gigabyte_grows_nothing() {
    let limits = Limits {
        max_message_bytes: usize::MAX,
        ..Limits::default()
    };
    let mut reader = FrameReader::with_limits(limits);
    assert_eq!(read_in(&mut reader, &header(true, BINARY, 1 << 30), []), []);
    for sent in 1..=1000 {
        reader.feed(&[0; 100]);
        assert_eq!(reader.advance(), Ok(None));
        let arrived = 10 + sent * 100;
        assert!(
            reader.buffer_bytes() <= READ_BUFFER_BYTES.max(2 * arrived),
            "{arrived}"
        );
    }
}

/// Failure mode 30.
#[test]
fn endless_fragments_come_to_an_end() {
    let mut reader = FrameReader::new();
    let mut wire = frame(false, TEXT, b"");
    for _ in 0..2 * MAX_FRAGMENTS {
        wire.extend(frame(false, CONTINUATION, b""));
    }
    let error = FrameError::TooManyFragments { limit: MAX_FRAGMENTS };
    assert_eq!(read_in(&mut reader, &wire, [1]), [Item::Failed(error)]);
    assert_eq!(
        (error.close_code(), reader.buffer_bytes()),
        (1009, READ_BUFFER_BYTES)
    );
    assert_eq!(reader.counts().data, u64::from(MAX_FRAGMENTS));
}

/// Failure mode 29: the bound is 1 MiB, of a message and not of a frame.
#[test]
fn a_message_of_exactly_the_bound_passes_and_one_byte_more_does_not() {
    let payload = vec![b'x'; MAX_MESSAGE_BYTES];
    let (head, tail) = payload.split_at(MAX_MESSAGE_BYTES - 1);
    let whole = frame(true, TEXT, &payload);
    let mut in_parts = frame(false, TEXT, head);
    in_parts.extend(frame(true, PING, &[1; 125]));
    in_parts.extend(frame(true, CONTINUATION, tail));
    in_parts.extend(frame(true, PING, b"next"));
    for size in [1000, 65_536, 100_000, 1 << 21] {
        assert_eq!(
            read_in(&mut FrameReader::new(), &whole, [size]),
            [text(payload.clone())]
        );
        let expected = [
            Item::Ping(vec![1; 125]),
            text(payload.clone()),
            Item::Ping(b"next".to_vec()),
        ];
        assert_eq!(read_in(&mut FrameReader::new(), &in_parts, [size]), expected);
    }
    for parts in 1..5 {
        let mut wire = frame(false, TEXT, head);
        wire.extend((1..parts).flat_map(|_| frame(false, CONTINUATION, b"")));
        wire.extend(frame(true, CONTINUATION, b"xy"));
        let bytes = MAX_MESSAGE_BYTES as u64 + 1;
        let error = FrameError::MessageTooBig {
            bytes,
            limit: MAX_MESSAGE_BYTES,
        };
        assert_eq!(
            read_in(&mut FrameReader::new(), &wire, [50_000]),
            [Item::Failed(error)]
        );
    }
}

#[test]
fn the_fullest_buffer_still_has_space_for_a_control_frame() {
    let mut reader = FrameReader::new();
    let mut items = Vec::new();
    let mut wire = frame(false, TEXT, &vec![b'x'; MAX_MESSAGE_BYTES]);
    wire.extend((0..1000).flat_map(|_| frame(true, PING, &[1; 125])));
    wire.extend(frame(true, CONTINUATION, b""));
    for byte in wire.chunks(97) {
        let mut rest = byte;
        while !rest.is_empty() {
            let fed = reader.feed(rest);
            assert!(fed > 0);
            rest = &rest[fed..];
            drain(&mut reader, &mut items);
        }
    }
    assert_eq!(items.len(), 1001);
    assert!(reader.buffer_bytes() <= MAX_MESSAGE_BYTES + 1024);
}

#[test]
fn a_burst_of_small_messages_never_grows_the_buffer() {
    let mut rng = fastrand::Rng::with_seed(1);
    let wire: Vec<u8> = (0..20_000)
        .flat_map(|_| frame(true, TEXT, &vec![b'x'; rng.usize(0..700)]))
        .collect();
    let mut reader = FrameReader::new();
    let mut rest = &wire[..];
    let mut messages = 0;
    while !rest.is_empty() {
        let fed = reader.feed(rest); // all that the space holds, as a socket under load
        assert!(
            fed >= READ_BUFFER_BYTES / 4 || fed == rest.len(),
            "a read of {fed} bytes is a wasted system call"
        );
        rest = &rest[fed..];
        while reader.advance().unwrap().is_some() {
            messages += 1;
        }
        assert_eq!(reader.buffer_bytes(), READ_BUFFER_BYTES);
    }
    assert_eq!(messages, 20_000);
}

#[test]
fn the_buffer_grows_for_one_message_and_shrinks_after_it() {
    let large = frame(true, BINARY, &vec![1; 300_000]);
    let small = frame(true, TEXT, b"small");
    for behind in [&[][..], &small, &small[..3], &large[..9], &large[..10]] {
        let mut reader = FrameReader::new();
        let wire = [&large[..], behind].concat();
        let items = read_in(&mut reader, &wire, [READ_BUFFER_BYTES]);
        assert_eq!(items[0], Item::Binary(vec![1; 300_000]));
        assert!(reader.buffer_bytes() > 300_000 && reader.buffer_bytes() <= 600_000);
        reader.space();
        let is_large_again = behind.len() == 10;
        assert_eq!(
            reader.buffer_bytes() > READ_BUFFER_BYTES,
            is_large_again,
            "{} bytes behind",
            behind.len()
        );
    }
}

#[test]
fn tiny_fragments_cost_no_more_than_their_bytes() {
    // If each moved what came before it, this would be 10^11 bytes, and the test would not end.
    let count = 1_000_000;
    let limits = Limits {
        max_message_bytes: count,
        max_fragments: u32::MAX,
    };
    let mut reader = FrameReader::with_limits(limits);
    let mut wire = frame(false, BINARY, b"");
    wire.extend((0..count).flat_map(|_| frame(false, CONTINUATION, b"x")));
    wire.extend(frame(true, CONTINUATION, b""));
    assert_eq!(
        read_in(&mut reader, &wire, [1, 3, 100]),
        [Item::Binary(vec![b'x'; count])]
    );
}

#[test]
fn misuse_never_panics() {
    let mut reader = FrameReader::new();
    reader.feed(&frame(true, TEXT, &[b'x'; 1000]));
    let stale = reader.advance().unwrap().unwrap();
    read_in(&mut reader, &frame(true, BINARY, &vec![0; 200_000]), [4096]);
    let far = {
        reader.feed(&frame(true, BINARY, &vec![0; 200_000])[..60_000]);
        reader.advance().unwrap();
        stale
    };
    reader.space();
    let _ = (reader.payload(stale), reader.payload(far));

    let mut reader = FrameReader::new();
    reader.filled(usize::MAX);
    assert!(reader.space().is_empty(), "a full buffer that nobody drained");
    reader.filled(usize::MAX);
    assert_eq!(reader.feed(b"x"), 0);
    assert!(reader.advance().is_err(), "zeros are not frames");
    assert_eq!(reader.space().len(), READ_BUFFER_BYTES);
}

#[test]
fn a_full_buffer_of_untaken_frames_waits_for_the_caller() {
    let mut reader = FrameReader::new();
    let one = frame(true, TEXT, &[b'x'; 1000]);
    let wire = one.repeat(100);
    let mut rest = &wire[reader.feed(&wire)..];
    assert_eq!((reader.feed(rest), reader.buffer_bytes()), (0, READ_BUFFER_BYTES));
    let mut messages = 0;
    loop {
        while let Some(frame) = reader.next_frame().unwrap() {
            assert_eq!(frame, Frame::Text(&one[4..]));
            messages += 1;
        }
        if rest.is_empty() {
            break;
        }
        rest = &rest[reader.feed(rest)..];
    }
    assert_eq!(messages, 100);
}

#[test]
fn a_cut_stream_is_noticed() {
    for (wire, is_mid) in [
        (frame(true, TEXT, b"whole"), false),
        (frame(true, TEXT, b"half")[..3].to_vec(), true),
        (frame(false, TEXT, b"part"), true),
    ] {
        let mut reader = FrameReader::new();
        read_in(&mut reader, &wire, []);
        assert_eq!(reader.is_mid_message(), is_mid, "{wire:?}");
    }
}

#[derive(Clone, Debug)]
enum Sent {
    /// A message, and where it is cut; before each cut but the first a control frame may stand.
    Message {
        is_text: bool,
        payload: Vec<u8>,
        cuts: Vec<(usize, Option<Vec<u8>>)>,
    },
    Ping(Vec<u8>),
    Pong(Vec<u8>),
}

fn sent() -> impl Strategy<Value = Sent> {
    let control = || prop::collection::vec(any::<u8>(), 0..=125);
    let payload = prop_oneof![
        6 => "\\PC{0,80}".prop_map(|text| (true, text.into_bytes())),
        3 => prop::collection::vec(any::<u8>(), 0..400).prop_map(|bytes| (false, bytes)),
        1 => (60_000usize..200_000, any::<u8>()).prop_map(|(count, byte)| (false, vec![byte; count])),
    ];
    let cuts = prop::collection::vec((any::<prop::sample::Index>(), prop::option::of(control())), 0..6);
    prop_oneof![
        8 => (payload, cuts).prop_map(|((is_text, payload), cuts)| {
            let mut cuts: Vec<_> =
                cuts.into_iter().map(|(at, ping)| (at.index(payload.len() + 1), ping)).collect();
            cuts.sort_by_key(|&(at, _)| at);
            Sent::Message { is_text, payload, cuts }
        }),
        1 => control().prop_map(Sent::Ping),
        1 => control().prop_map(Sent::Pong),
    ]
}

fn written(sent: &[Sent]) -> (Vec<u8>, Vec<Item>) {
    let mut wire = Vec::new();
    let mut items = Vec::new();
    for sent in sent {
        match sent {
            Sent::Ping(payload) => {
                wire.extend(frame(true, PING, payload));
                items.push(Item::Ping(payload.clone()));
            }
            Sent::Pong(payload) => {
                wire.extend(frame(true, PONG, payload));
                items.push(Item::Pong(payload.clone()));
            }
            Sent::Message {
                is_text,
                payload,
                cuts,
            } => {
                let mut opcode = if *is_text { TEXT } else { BINARY };
                let mut from = 0;
                for (at, ping) in cuts {
                    wire.extend(frame(false, opcode, &payload[from..*at]));
                    (from, opcode) = (*at, CONTINUATION);
                    if let Some(ping) = ping {
                        wire.extend(frame(true, PING, ping));
                        items.push(Item::Ping(ping.clone()));
                    }
                }
                wire.extend(frame(true, opcode, &payload[from..]));
                items.push(if *is_text {
                    text(payload.clone())
                } else {
                    Item::Binary(payload.clone())
                });
            }
        }
    }
    (wire, items)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_was_sent_is_read(
        sent in prop::collection::vec(sent(), 0..30),
        sizes in prop::collection::vec(prop_oneof![1usize..30, 1usize..70_000], 1..60),
    ) {
        let (wire, expected) = written(&sent);
        let mut reader = FrameReader::new();
        let items = read_in(&mut reader, &wire, sizes.iter().copied().cycle());
        prop_assert!(items == expected, "in pieces of {sizes:?}");
        prop_assert!(!reader.is_mid_message());
        let counts = reader.counts();
        prop_assert_eq!(counts.control + counts.messages, expected.len() as u64);
        reader.space();
        prop_assert_eq!(reader.buffer_bytes(), READ_BUFFER_BYTES);
    }

    #[test]
    fn no_bytes_panic_or_grow_the_buffer_past_its_bound(
        wire in prop::collection::vec(any::<u8>(), 0..300),
        size in 1usize..50,
    ) {
        let limits = Limits { max_message_bytes: 1000, max_fragments: 4 };
        let mut reader = FrameReader::with_limits(limits);
        let in_one = read_in(&mut reader, &wire, []);
        prop_assert_eq!(reader.buffer_bytes(), READ_BUFFER_BYTES);
        prop_assert_eq!(in_one, read_in(&mut FrameReader::with_limits(limits), &wire, [size]));
    }
}

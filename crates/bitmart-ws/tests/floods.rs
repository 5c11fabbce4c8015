//! Peers that flood, or break the rules: what they cost, and what the connection makes of it.
#![allow(clippy::unwrap_used, reason = "a test that can't be set up has failed")]

#[allow(dead_code, reason = "each test file uses its part")]
mod memory;
mod server;
mod wire;

use std::sync::{Arc, Mutex};

use bitmart_proto::Market;
use bitmart_session::{Cause, Event, GapCause};
use bitmart_ws::connect::ConnectConfig;
use bitmart_ws::frame::{
    FrameError, FrameReader, FrameWriter, Kind, MAX_CONTROL_BYTES, MAX_FRAGMENTS, MAX_MESSAGE_BYTES,
    READ_BUFFER_BYTES,
};
use bitmart_ws::{Connection, ConnectionConfig, Incoming, SharedBudget, TokioClock};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use memory::Nowhere;
use server::{PipeDial, lawful_answer, read_request};
use wire::{BINARY, CLOSE, CONTINUATION, PING, TEXT, client_frame, close, frame, header};

/// Repeats a piece of a stream, over and over, and takes all there is after each; answers pings, to a socket that takes
/// nothing. Returns how much came out, and the first error.
fn flood(
    reader: &mut FrameReader,
    writer: &mut FrameWriter,
    piece: &[u8],
    times: usize,
) -> (usize, Option<FrameError>) {
    let mut items = 0;
    for _ in 0..times {
        let mut rest = piece;
        while !rest.is_empty() {
            rest = &rest[reader.feed(rest)..];
            loop {
                match reader.advance() {
                    Ok(Some(head)) => {
                        items += 1;
                        if head.kind() == Kind::Ping {
                            writer.pong(reader.payload(head)).unwrap();
                        }
                    }
                    Ok(None) => break,
                    Err(error) => return (items, Some(error)),
                }
            }
        }
        writer.pending();
    }
    (items, None)
}

/// Failure mode 31: a peer that pings without end and reads nothing costs one pong.
#[test]
fn a_flood_of_pings_costs_one_pong() {
    let (mut reader, mut writer) = (FrameReader::new(), FrameWriter::new());
    let pings = frame(true, PING, &[7; MAX_CONTROL_BYTES]).repeat(100);
    flood(&mut reader, &mut writer, &pings, 2);
    let used = allocation_counter::measure(|| {
        assert_eq!(flood(&mut reader, &mut writer, &pings, 1_000), (100_000, None));
    });
    assert_eq!((used.count_total, used.bytes_max), (0, 0), "{used:?}");
    assert_eq!(reader.buffer_bytes(), READ_BUFFER_BYTES);
    let (_, _, payload, bytes) = client_frame(writer.pending()).unwrap();
    assert_eq!(
        (payload, bytes),
        (vec![7; MAX_CONTROL_BYTES], writer.pending().len())
    );
    writer.consumed(bytes);
    assert!(writer.is_empty(), "it was the only one");
}

/// Failure mode 30: fragments without content, and pings between them, end at the bound of fragments and cost nothing.
#[test]
fn a_flood_of_empty_fragments_ends_and_costs_nothing() {
    let (mut reader, mut writer) = (FrameReader::new(), FrameWriter::new());
    flood(&mut reader, &mut writer, &frame(true, PING, b""), 2);
    let begin = frame(false, TEXT, b"");
    let piece = [frame(false, CONTINUATION, b""), frame(true, PING, b"")].concat();
    let used = allocation_counter::measure(|| {
        flood(&mut reader, &mut writer, &begin, 1);
        let (items, error) = flood(&mut reader, &mut writer, &piece, 1_000_000);
        assert_eq!(error, Some(FrameError::TooManyFragments { limit: MAX_FRAGMENTS }));
        assert_eq!(
            items,
            MAX_FRAGMENTS as usize - 1,
            "a ping for each fragment but the first"
        );
    });
    assert_eq!((used.count_total, used.bytes_max), (0, 0), "{used:?}");
}

/// Failure mode 30: fragments of one byte, none of them the last.
#[test]
fn endless_tiny_fragments_are_bounded_in_memory() {
    let (mut reader, mut writer) = (FrameReader::new(), FrameWriter::new());
    let begin = frame(false, BINARY, b"x");
    let piece = frame(false, CONTINUATION, b"x").repeat(64);
    flood(&mut reader, &mut writer, &begin, 1);
    let (items, error) = flood(&mut reader, &mut writer, &piece, 1_000_000);
    let expected = FrameError::TooManyFragments { limit: MAX_FRAGMENTS };
    assert_eq!((items, error), (0, Some(expected)));
    assert_eq!(reader.buffer_bytes(), READ_BUFFER_BYTES);
}

/// A flood of whole messages that hold nothing, or next to nothing, costs nothing.
#[test]
fn a_flood_of_tiny_messages_costs_nothing() {
    let (mut reader, mut writer) = (FrameReader::new(), FrameWriter::new());
    let piece = [frame(true, TEXT, b""), frame(true, BINARY, b"x")]
        .concat()
        .repeat(500);
    let used = allocation_counter::measure(|| {
        assert_eq!(flood(&mut reader, &mut writer, &piece, 500), (500_000, None));
    });
    assert_eq!((used.count_total, used.bytes_max), (0, 0), "{used:?}");
    assert_eq!(reader.buffer_bytes(), READ_BUFFER_BYTES);
}

/// Failure mode 29: a header that declares much makes the reader take no more than what came, twice.
#[test]
fn a_declared_megabyte_costs_what_has_come() {
    let mut reader = FrameReader::new();
    let mut wire = header(true, BINARY, MAX_MESSAGE_BYTES as u64);
    let mut received = 0;
    let used = allocation_counter::measure(|| {
        reader.feed(&wire);
        assert_eq!(reader.advance(), Ok(None));
    });
    assert_eq!(used.count_total, 0, "{used:?}");
    received += wire.len();
    wire = vec![0; 1_000];
    while received + wire.len() < MAX_MESSAGE_BYTES {
        received += reader.feed(&wire);
        assert_eq!(reader.advance(), Ok(None));
        let bound = READ_BUFFER_BYTES.max(2 * received + MAX_CONTROL_BYTES + 10);
        assert!(
            reader.buffer_bytes() <= bound,
            "{received}: {}",
            reader.buffer_bytes()
        );
    }
    assert!(reader.buffer_bytes() <= MAX_MESSAGE_BYTES + MAX_CONTROL_BYTES + 10);
}

/// Failure mode 27: whatever comes behind a close frame is discarded, and costs nothing.
#[test]
fn a_flood_behind_a_close_costs_nothing() {
    let (mut reader, mut writer) = (FrameReader::new(), FrameWriter::new());
    assert_eq!(
        flood(&mut reader, &mut writer, &close(1000, b"bye"), 1),
        (1, None)
    );
    let piece = frame(true, TEXT, &[b'x'; 10_000]);
    let used = allocation_counter::measure(|| {
        assert_eq!(flood(&mut reader, &mut writer, &piece, 1_000), (0, None));
    });
    assert_eq!((used.count_total, used.bytes_max), (0, 0), "{used:?}");
}

/// A connection to a peer that lets us in, says something, and keeps the close frame that it gets for it.
fn against(bytes: Vec<u8>, answer: Arc<Mutex<Vec<u8>>>) -> ConnectionConfig {
    let mut config = ConnectionConfig::new("ws://localhost/user".parse().unwrap());
    let dial = PipeDial::new(move |mut pipe| {
        let (bytes, answer) = (bytes.clone(), answer.clone());
        async move {
            let request = read_request(&mut pipe).await;
            let hello = br#"{"event":"subscribe","topic":"spot/ticker:BTC_USDT"}"#;
            let lawful = [lawful_answer(&request).as_bytes(), &frame(true, TEXT, hello)].concat();
            pipe.write_all(&lawful).await.unwrap();
            // The subscription, for which the answer may have come early; then what is wrong.
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            pipe.write_all(&frame(true, TEXT, hello)).await.unwrap();
            pipe.write_all(&bytes).await.unwrap();
            let mut heard = Vec::new();
            let _ = pipe.read_to_end(&mut heard).await;
            answer.lock().unwrap().extend(heard);
        }
    });
    config.connect = ConnectConfig::new().with_dial(dial).with_resolver(Nowhere);
    config.clock = Arc::new(TokioClock::starting_at(784_111_777_000));
    config.budget = SharedBudget::new(1_000);
    config.seed = Some(1);
    config
}

/// The code of the close frame among a client's frames.
fn close_code(mut wire: &[u8]) -> Option<u16> {
    while let Some((_, opcode, payload, bytes)) = client_frame(wire) {
        if opcode == CLOSE {
            return payload.first_chunk().copied().map(u16::from_be_bytes);
        }
        wire = &wire[bytes..];
    }
    None
}

/// Failure modes 28, 29, 30, 31, 32, 33 and 34: whoever breaks the rules is told so by the right code, and left; the gap
/// is announced, and another socket opened.
#[tokio::test(start_paused = true)]
async fn a_violation_is_told_to_the_peer_and_opens_a_gap() {
    let fragments = [
        frame(false, TEXT, b""),
        frame(false, CONTINUATION, b"").repeat(MAX_FRAGMENTS as usize),
    ];
    let interrupted = [frame(false, TEXT, b"begun"), frame(true, TEXT, b"another")];
    let cases = [
        ("interrupted", interrupted.concat(), 1002),
        ("too long", header(true, TEXT, MAX_MESSAGE_BYTES as u64 + 1), 1009),
        ("too many fragments", fragments.concat(), 1009),
        ("long ping", frame(true, PING, &[0; MAX_CONTROL_BYTES + 1]), 1002),
        ("masked", vec![0x81, 0x81, 0, 0, 0, 0, b'x'], 1002),
        ("reserved bit", vec![0xc1, 0], 1002),
        ("reserved opcode", vec![0x83, 0], 1002),
        ("not UTF-8", frame(true, TEXT, b"ab\xff"), 1007),
        ("cut UTF-8", frame(true, TEXT, b"caf\xc3"), 1007),
    ];
    for (name, bytes, code) in cases {
        let answer = Arc::<Mutex<Vec<u8>>>::default();
        let mut connection = Connection::public(Market::Spot, against(bytes, answer.clone()));
        connection
            .subscribe("spot/ticker:BTC_USDT".parse().unwrap())
            .unwrap();
        let (mut closed, mut gap, mut epochs) = (None, None, 0);
        while epochs < 2 {
            match connection.next().await.unwrap() {
                Incoming::Event(Event::Opened { .. } | Event::Reconnected { .. }) => epochs += 1,
                Incoming::Event(Event::Closed { cause, .. }) => closed = Some(cause),
                Incoming::Event(Event::GapOpened(opened)) => gap = Some(opened),
                Incoming::Push(push) => panic!("{name}: {push:?}"),
                _ => {}
            }
        }
        let closed = closed.unwrap();
        assert!(
            matches!(closed, Cause::Violation { code: found, .. } if found == code),
            "{name}: {closed:?}"
        );
        let gap = gap.unwrap();
        assert_eq!(
            (gap.cause, gap.topics.len()),
            (GapCause::Disconnected(closed), 1),
            "{name}"
        );
        assert_eq!(close_code(&answer.lock().unwrap()), Some(code), "{name}");
    }
}

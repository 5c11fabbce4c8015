//! Binary frames: whole, flushed, broken, hostile.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use bitmart_proto::limits::{MAX_TEXT_BYTES, RETAINED_BYTES};
use bitmart_proto::{InflateError, Inflater};
use flate2::{Compress, Compression, FlushCompress, Status};
use proptest::prelude::*;
use support::{FIXTURES, fixture};

/// Raw DEFLATE of `text`; level 0 makes stored blocks.
fn deflate(text: &[u8], level: u32, flush: FlushCompress) -> Vec<u8> {
    let mut state = Compress::new(Compression::new(level), false);
    let mut out = Vec::with_capacity(text.len() + text.len() / 8 + 1024);
    loop {
        let consumed = usize::try_from(state.total_in()).unwrap();
        let status = state.compress_vec(&text[consumed..], &mut out, flush).unwrap();
        let is_done = match flush {
            FlushCompress::Finish => status == Status::StreamEnd,
            _ => usize::try_from(state.total_in()).unwrap() == text.len() && out.len() < out.capacity(),
        };
        if is_done {
            return out;
        }
        out.reserve(out.capacity());
    }
}

/// Failure mode 14: an answer may come deflated, in any way.
#[test]
fn frames_of_every_make_unpack() {
    let mut inflater = Inflater::new();
    for (name, text) in FIXTURES {
        for level in [0, 1, 6, 9] {
            for flush in [FlushCompress::Finish, FlushCompress::Sync] {
                let frame = deflate(text.as_bytes(), level, flush);
                assert_eq!(
                    inflater.inflate(&frame),
                    Ok(text.as_bytes()),
                    "{name} level {level} {flush:?}"
                );
                assert_eq!(inflater.text(), text.as_bytes());
            }
        }
    }
}

#[test]
fn several_blocks_in_one_frame_unpack() {
    let mut state = Compress::new(Compression::best(), false);
    let mut frame = Vec::with_capacity(1024);
    let mut text = Vec::new();
    for (part, flush) in [
        ("{\"data\":[", FlushCompress::Sync),
        ("],", FlushCompress::Full),
        ("\"table\":\"spot/trade\"}", FlushCompress::Finish),
    ] {
        state.compress_vec(part.as_bytes(), &mut frame, flush).unwrap();
        text.extend_from_slice(part.as_bytes());
    }
    assert_eq!(Inflater::new().inflate(&frame), Ok(text.as_slice()));
}

/// Failure mode 35.
#[test]
fn truncated_frames_are_told() {
    let text = fixture("spot_order_filled").as_bytes();
    let mut inflater = Inflater::new();
    for level in [0, 6] {
        let frame = deflate(text, level, FlushCompress::Finish);
        for length in 0..frame.len() {
            assert_eq!(
                inflater.inflate(&frame[..length]),
                Err(InflateError::Truncated),
                "{length}"
            );
            assert_eq!(inflater.text(), b"");
        }
        assert_eq!(inflater.inflate(&frame), Ok(text), "an error leaves no trace");
    }
}

/// Failure mode 35.
#[test]
fn bytes_behind_the_end_are_told() {
    let mut frame = deflate(b"pong", 6, FlushCompress::Finish);
    frame.extend_from_slice(b"abc");
    assert_eq!(
        Inflater::new().inflate(&frame),
        Err(InflateError::TrailingBytes { count: 3 })
    );
}

/// Failure mode 35: gzip, plain text, junk.
#[test]
fn other_containers_are_corrupt() {
    let gzip = [0x1f, 0x8b, 0x08, 0, 0, 0, 0, 0, 0, 3, 0x4b, 0x4c, 0x4a, 0x06, 0];
    for frame in [&gzip[..], b"{\"event\":\"login\"}", &[0x07], &[0xff; 32]] {
        let error = Inflater::new().inflate(frame).unwrap_err();
        assert!(
            matches!(error, InflateError::Corrupt | InflateError::Truncated),
            "{error}"
        );
    }
}

/// Failure mode 36.
#[test]
fn a_bomb_goes_off_at_the_limit() {
    let mut inflater = Inflater::new();
    let text = vec![b' '; MAX_TEXT_BYTES + 1];
    let fits = deflate(&text[1..], 1, FlushCompress::Finish);
    assert_eq!(inflater.inflate(&fits).map(<[u8]>::len), Ok(MAX_TEXT_BYTES));
    let bomb = deflate(&text, 1, FlushCompress::Finish);
    assert!(bomb.len() < MAX_TEXT_BYTES / 100, "{} bytes", bomb.len());
    let used = allocation_counter::measure(|| {
        assert_eq!(inflater.inflate(&bomb), Err(InflateError::TooLarge));
    });
    assert!(used.bytes_max <= 3 * MAX_TEXT_BYTES as u64, "{used:?}");
    assert_eq!(
        inflater.inflate(&fits).map(<[u8]>::len),
        Ok(MAX_TEXT_BYTES),
        "an error leaves no trace"
    );
}

#[test]
fn memory_is_given_back_after_a_large_message() {
    let mut inflater = Inflater::new();
    let frame = deflate(&vec![b'x'; 1 << 20], 1, FlushCompress::Finish);
    let small = deflate(b"pong", 6, FlushCompress::Finish);
    let used = allocation_counter::measure(|| {
        inflater.inflate(&frame).unwrap();
        inflater.inflate(&small).unwrap();
    });
    assert!(used.bytes_current <= RETAINED_BYTES as i64, "{used:?}");
}

/// A connection whose other messages are text would hold it for ever.
#[test]
fn a_bomb_leaves_nothing_behind() {
    let mut inflater = Inflater::new();
    let bomb = deflate(&vec![b' '; MAX_TEXT_BYTES + 1], 1, FlushCompress::Finish);
    let used = allocation_counter::measure(|| {
        assert_eq!(inflater.inflate(&bomb), Err(InflateError::TooLarge));
    });
    assert!(used.bytes_current <= RETAINED_BYTES as i64, "{used:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn anything_that_was_packed_unpacks(
        text in proptest::collection::vec(any::<u8>(), 0..6_000),
        level in 0_u32..=9,
        is_finished: bool,
    ) {
        let flush = if is_finished { FlushCompress::Finish } else { FlushCompress::Sync };
        let frame = deflate(&text, level, flush);
        let mut inflater = Inflater::new();
        prop_assert_eq!(inflater.inflate(&frame), Ok(text.as_slice()));
    }

    #[test]
    fn no_bytes_break_the_inflater(junk in proptest::collection::vec(any::<u8>(), 0..2_000)) {
        let mut inflater = Inflater::new();
        let _ = inflater.inflate(&junk);
        let frame = deflate(b"pong", 6, FlushCompress::Finish);
        prop_assert_eq!(inflater.inflate(&frame), Ok(&b"pong"[..]));
    }
}

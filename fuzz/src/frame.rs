//! Binary frames, beside another implementation of DEFLATE.

use std::cell::RefCell;
use std::collections::HashMap;

use bitmart_proto::limits::MAX_TEXT_BYTES;
use bitmart_proto::{InflateError, Inflater};
use flate2::{Compress, Compression, FlushCompress, Status};
use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::{
    DecompressorOxide, decompress, inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF,
};

/// `pong`, packed.
const PONG: &[u8] = &[0x2b, 0xc8, 0xcf, 0x4b, 0x07, 0x00];

/// How a stream ends that was flushed but not finished.
const SYNC_FLUSH: &[u8] = &[0x00, 0x00, 0xff, 0xff];

/// A last block with nothing in it.
const LAST_BLOCK: &[u8] = &[0x03, 0x00];

/// What a text is repeated up to before it is packed.
const MAX_PACKED_BYTES: usize = 8 << 10;

thread_local! {
    /// One for each level, and another that unpacks: to make one takes longer than to use it.
    static PACKERS: RefCell<HashMap<u32, Compress>> = RefCell::default();
    static UNPACKER: RefCell<DecompressorOxide> = RefCell::default();
}

/// The first byte says what the others are: a frame, or a level, a number of repetitions and a text to be packed.
pub(crate) fn run(data: &[u8]) {
    let mut inflater = Inflater::new();
    match data {
        [b't', how, repeat, text @ ..] => {
            let times = usize::from(*repeat).min(MAX_PACKED_BYTES / text.len().max(1));
            let text = text.repeat(times.max(1));
            let flush = if how % 32 < 16 {
                FlushCompress::Finish
            } else {
                FlushCompress::Sync
            };
            let frame = deflate(&text, u32::from(how % 10), flush);
            assert_eq!(inflater.inflate(&frame), Ok(text.as_slice()));
            check(&mut inflater, &frame);
            // A frame that lost its end is no frame, unless it still ends like a flushed one.
            let cut = frame
                .get(..usize::from(*how) * frame.len() / 256)
                .unwrap_or_default();
            check(&mut inflater, cut);
        }
        [b'f', frame @ ..] => check(&mut inflater, frame),
        _ => {}
    }
    assert_eq!(
        inflater.inflate(PONG),
        Ok(&b"pong"[..]),
        "no frame leaves a trace"
    );
}

/// Raw DEFLATE of `text`; level 0 makes stored blocks.
fn deflate(text: &[u8], level: u32, flush: FlushCompress) -> Vec<u8> {
    PACKERS.with_borrow_mut(|packers| {
        let state = packers
            .entry(level)
            .or_insert_with(|| Compress::new(Compression::new(level), false));
        state.reset();
        pack(state, text, flush)
    })
}

fn pack(state: &mut Compress, text: &[u8], flush: FlushCompress) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + text.len() / 8 + 64);
    loop {
        let consumed = usize::try_from(state.total_in()).expect("a text fits the memory");
        let status = state
            .compress_vec(text.get(consumed..).unwrap_or_default(), &mut out, flush)
            .expect("any text can be packed");
        let is_done = match flush {
            FlushCompress::Finish => status == Status::StreamEnd,
            _ => state.total_in() == text.len() as u64 && out.len() < out.capacity(),
        };
        if is_done {
            return out;
        }
        out.reserve(out.capacity());
    }
}

fn check(inflater: &mut Inflater, frame: &[u8]) {
    let expected = UNPACKER.with_borrow_mut(|state| unpack(state, frame));
    let found = inflater.inflate(frame).map(<[u8]>::to_vec);
    match (&found, &expected) {
        (Ok(found), Ok(expected)) => {
            assert!(found == expected, "{} bytes, not {}", found.len(), expected.len());
        }
        // Which of the two it is depends on how far one reads ahead.
        (
            Err(InflateError::Truncated | InflateError::Corrupt),
            Err(InflateError::Truncated | InflateError::Corrupt),
        ) => {}
        (Err(found), Err(expected)) => assert_eq!(found, expected),
        _ => panic!(
            "{:?}, not {:?}",
            found.as_ref().map(Vec::len),
            expected.as_ref().map(Vec::len)
        ),
    }
    assert_eq!(inflater.text(), found.as_deref().unwrap_or_default());
    assert!(inflater.text().len() <= MAX_TEXT_BYTES);
}

/// What the other implementation makes of a frame. One that was flushed becomes whole with an empty last block.
fn unpack(state: &mut DecompressorOxide, frame: &[u8]) -> Result<Vec<u8>, InflateError> {
    match unpack_finished(state, frame) {
        Err(InflateError::Truncated) if frame.ends_with(SYNC_FLUSH) => {
            let finished = [frame, LAST_BLOCK].concat();
            unpack_finished(state, &finished).map_err(|_| InflateError::Truncated)
        }
        result => result,
    }
}

fn unpack_finished(state: &mut DecompressorOxide, frame: &[u8]) -> Result<Vec<u8>, InflateError> {
    state.init();
    let mut text = vec![0; 4 << 10];
    let (mut consumed, mut produced) = (0, 0);
    loop {
        let rest = frame.get(consumed..).unwrap_or_default();
        let flags = TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
        let (status, read, written) = decompress(state, rest, &mut text, produced, flags);
        (consumed, produced) = (consumed + read, produced + written);
        if produced > MAX_TEXT_BYTES {
            return Err(InflateError::TooLarge);
        }
        match status {
            TINFLStatus::HasMoreOutput => text.resize(text.len() * 2, 0),
            TINFLStatus::Done if consumed == frame.len() => break,
            TINFLStatus::Done => {
                let count = frame.len() - consumed;
                return Err(InflateError::TrailingBytes { count });
            }
            TINFLStatus::FailedCannotMakeProgress | TINFLStatus::NeedsMoreInput => {
                return Err(InflateError::Truncated);
            }
            _ => return Err(InflateError::Corrupt),
        }
    }
    text.truncate(produced);
    Ok(text)
}

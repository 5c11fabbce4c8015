//! The contestants that unpack frames.

use std::hint::black_box;

use bitmart_proto::Inflater;
use bitmart_proto::limits::MAX_TEXT_BYTES;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress, inflate_flags};
use miniz_oxide::inflate::decompress_to_vec_with_limit;
use miniz_oxide::inflate::stream::{InflateState, inflate};
use miniz_oxide::{DataFormat, MZFlush, MZStatus};

use crate::measure::Turn;
use crate::messages::Case;

/// How hard the frames are packed. What the exchange uses is not known; this is what most libraries do unasked.
const LEVEL: u8 = 6;

/// The texts of a case as binary frames.
#[must_use]
pub fn frames(case: &Case) -> Vec<Vec<u8>> {
    let pack = |text: &String| miniz_oxide::deflate::compress_to_vec(text.as_bytes(), LEVEL);
    case.texts.iter().map(pack).collect()
}

/// Unpacks a frame and shows its text.
type Unpack = Box<dyn FnMut(&[u8], &mut dyn FnMut(&[u8]))>;

/// A way from a frame to its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contestant {
    /// Ours: flate2 with zlib-rs, state and output reused.
    Inflater,
    /// `miniz_oxide` as flate2 uses it, state and output reused.
    MinizReused,
    /// `miniz_oxide`'s core, which writes straight into the output, state and output reused. flate2 has no way to it.
    MinizCore,
    /// `miniz_oxide` with everything new for each frame.
    MinizFresh,
}

impl Contestant {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::Inflater,
        Self::MinizReused,
        Self::MinizCore,
        Self::MinizFresh,
    ];

    /// The name that the reports use.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Inflater => "ours",
            Self::MinizReused => "miniz_oxide as in flate2, reused",
            Self::MinizCore => "miniz_oxide core, reused",
            Self::MinizFresh => "miniz_oxide, fresh",
        }
    }

    /// Unpacking one frame after the other.
    ///
    /// # Panics
    ///
    /// The work panics if a frame can't be unpacked.
    #[must_use]
    pub fn turn(self, frames: &[Vec<u8>]) -> Turn<'_> {
        let mut frames = frames.iter().cycle();
        let mut unpack = self.unpacker();
        Box::new(move |count| {
            for frame in frames.by_ref().take(count) {
                unpack(frame, &mut |text| {
                    black_box(text);
                });
            }
        })
    }

    fn unpacker(self) -> Unpack {
        match self {
            Self::Inflater => {
                let mut inflater = Inflater::new();
                Box::new(move |frame, see| see(inflater.inflate(frame).expect(IS_DEFLATE)))
            }
            Self::MinizReused => {
                let mut state = InflateState::new_boxed(DataFormat::Raw);
                let mut text = vec![0; ROOM];
                Box::new(move |frame, see| {
                    state.reset(DataFormat::Raw);
                    let result = inflate(&mut state, frame, &mut text, MZFlush::None);
                    assert_eq!(result.status, Ok(MZStatus::StreamEnd), "{IS_DEFLATE}");
                    see(&text[..result.bytes_written]);
                })
            }
            Self::MinizCore => {
                let mut state = Box::new(DecompressorOxide::new());
                let mut text = vec![0; ROOM];
                Box::new(move |frame, see| {
                    state.init();
                    let flags = inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
                    let (status, _, length) = decompress(&mut state, frame, &mut text, 0, flags);
                    assert_eq!(status, miniz_oxide::inflate::TINFLStatus::Done, "{IS_DEFLATE}");
                    see(&text[..length]);
                })
            }
            Self::MinizFresh => Box::new(move |frame, see| {
                see(&decompress_to_vec_with_limit(frame, MAX_TEXT_BYTES).expect(IS_DEFLATE));
            }),
        }
    }
}

const IS_DEFLATE: &str = "the frame is raw DEFLATE";

/// More than any message of the benchmarks, in bytes. `miniz_oxide` is given it at once; ours grows into it.
const ROOM: usize = 16 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::messages::{Kind, Order};

    #[test]
    fn all_unpack_alike() {
        let case = Case::new(Kind::SpotIncreaseSnapshot, Order::Venue);
        let frames = frames(&case);
        for contestant in Contestant::ALL {
            let mut unpack = contestant.unpacker();
            for (frame, text) in frames.iter().zip(&case.texts) {
                unpack(frame, &mut |seen| assert_eq!(seen, text.as_bytes()));
            }
        }
    }
}

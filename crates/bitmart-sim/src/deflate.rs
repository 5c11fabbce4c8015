use std::io::Write;

use bytes::Bytes;
use flate2::write::DeflateEncoder;
use flate2::{Compress, Compression, FlushCompress};

/// Raw DEFLATE (RFC 1951): no zlib or gzip header.
pub(crate) fn deflate<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Bytes {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    for piece in pieces {
        encoder.write_all(piece).expect("a Vec takes every write");
    }
    encoder.finish().expect("a Vec takes every write").into()
}

/// As [`deflate`], of a piece so many times between two others. The piece is compressed once.
pub(crate) fn deflate_repeated(head: &[u8], piece: &[u8], times: usize, tail: &[u8]) -> Bytes {
    // Blocks that end with a full flush, at a whole byte, refer to nothing before them: they can be put together.
    let (mut out, block) = (flushed(head), flushed(piece));
    for _ in 0..times {
        out.extend_from_slice(&block);
    }
    out.extend_from_slice(&deflate([tail]));
    out.into()
}

/// Raw DEFLATE that goes on.
fn flushed(bytes: &[u8]) -> Vec<u8> {
    /// What a flush adds, and more than what doesn't shrink grows by.
    const SPARE_BYTES: usize = 1_024;
    let mut compress = Compress::new(Compression::default(), false);
    let mut out = Vec::with_capacity(bytes.len() + SPARE_BYTES);
    compress
        .compress_vec(bytes, &mut out, FlushCompress::Full)
        .expect("a deflate stream takes any bytes");
    out
}

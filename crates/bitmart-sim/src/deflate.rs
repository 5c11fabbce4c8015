use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::DeflateEncoder;

/// Raw DEFLATE (RFC 1951): no zlib or gzip header.
pub(crate) fn deflate<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Bytes {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    for piece in pieces {
        encoder.write_all(piece).expect("a Vec takes every write");
    }
    encoder.finish().expect("a Vec takes every write").into()
}

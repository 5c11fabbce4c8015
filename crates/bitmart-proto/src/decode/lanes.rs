//! Sixteen bytes at a time: where a string or a decimal ends.
//!
//! The bytes are compared all at once in a vector register, and the answer comes as one bit per byte. The [`wide`]
//! crate does this on every target; where there are no vectors it falls back to plain code.

use wide::u8x16;

/// How many bytes are looked at at once.
pub(crate) const LANES: usize = 16;

/// One bit for each byte that can't stand inside a string that has no escapes: a quote, a backslash, or a control
/// character. The lowest bit is the first byte.
#[inline(always)]
pub(crate) fn string_stops(bytes: &[u8; LANES]) -> u32 {
    let bytes = u8x16::new(*bytes);
    let stops = bytes.simd_eq(u8x16::splat(b'"')) | bytes.simd_eq(u8x16::splat(b'\\')) | controls(bytes);
    stops.to_bitmask()
}

/// Whether one of the bytes is a control character.
#[inline(always)]
pub(crate) fn has_control(bytes: &[u8; LANES]) -> bool {
    controls(u8x16::new(*bytes)).to_bitmask() != 0
}

#[inline(always)]
fn controls(bytes: u8x16) -> u8x16 {
    bytes.min(u8x16::splat(0x1f)).simd_eq(bytes)
}

/// One bit for each byte that is neither a digit nor a point, and one for each point.
#[inline(always)]
pub(crate) fn decimal_stops(bytes: &[u8; LANES]) -> (u32, u32) {
    let bytes = u8x16::new(*bytes);
    let points = bytes.simd_eq(u8x16::splat(b'.'));
    ((!(digits(bytes) | points)).to_bitmask(), points.to_bitmask())
}

/// One bit for each byte that is no digit.
#[inline(always)]
pub(crate) fn digit_stops(bytes: &[u8; LANES]) -> u32 {
    (!digits(u8x16::new(*bytes))).to_bitmask()
}

#[inline(always)]
fn digits(bytes: u8x16) -> u8x16 {
    let from_zero = bytes - u8x16::splat(b'0');
    from_zero.min(u8x16::splat(9)).simd_eq(from_zero)
}

/// The value of up to eight digits, given as the bytes that hold them, first digit in the lowest byte. Bytes behind
/// the first `count` don't matter.
#[inline(always)]
pub(crate) fn eight_digits(bytes: [u8; 8], count: u32) -> u64 {
    // Pairs, then fours, then eights are added up in place, in one multiplication each.
    const PAIRS: u64 = 10 << 8 | 1;
    const FOURS: u64 = 100 << 16 | 1;
    const EIGHTS: u64 = 10_000 << 32 | 1;
    let Some(unused) = 64_u32.checked_sub(8 * count).filter(|&unused| unused < 64) else {
        return 0;
    };
    // The first digit moves up, and zeros come in below: the digits are read from the low end.
    let digits = (u64::from_le_bytes(bytes) << unused) & 0x0f0f_0f0f_0f0f_0f0f;
    let pairs = (digits.wrapping_mul(PAIRS) >> 8) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs.wrapping_mul(FOURS) >> 16) & 0x0000_ffff_0000_ffff;
    fours.wrapping_mul(EIGHTS) >> 32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_seen_in_every_place() {
        for byte in 0..=u8::MAX {
            for at in 0..LANES {
                let mut bytes = [b'7'; LANES];
                bytes[at] = byte;
                let bit = 1_u32 << at;
                let expect = |is: bool| if is { bit } else { 0 };
                assert_eq!(
                    string_stops(&bytes),
                    expect(matches!(byte, b'"' | b'\\') || byte < 0x20),
                    "{byte} at {at}"
                );
                let is_decimal = byte.is_ascii_digit() || byte == b'.';
                assert_eq!(
                    decimal_stops(&bytes),
                    (expect(!is_decimal), expect(byte == b'.')),
                    "{byte} at {at}"
                );
                assert_eq!(
                    digit_stops(&bytes),
                    expect(!byte.is_ascii_digit()),
                    "{byte} at {at}"
                );
            }
        }
    }

    #[test]
    fn digits_become_their_value() {
        for count in 0..=8_u32 {
            let text = &b"90817263"[..count as usize];
            let mut bytes = *b"xxxxxxxx";
            bytes[..text.len()].copy_from_slice(text);
            let expected = std::str::from_utf8(text).map(|text| text.parse::<u64>().unwrap_or(0));
            assert_eq!(Ok(eight_digits(bytes, count)), expected);
        }
    }
}

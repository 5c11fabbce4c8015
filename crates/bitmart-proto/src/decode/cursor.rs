//! The predicted way to read a message: straight over its bytes, in the order in which the exchange writes them.

use super::lanes::{LANES, decimal_stops, digit_stops, eight_digits, string_stops};
use super::record::{Lists, Span};

/// A place in a message, and all that is behind it.
///
/// Every method either takes what it names off the front, or answers `None` (or `false`) for "not as predicted":
/// then the message goes the general way, which also finds the words for an error. So this way has no errors of its
/// own. What it accepts is valid JSON, and means the same on the general way.
///
/// Predicted are: no white space between tokens, no escapes in strings, whole numbers.
#[derive(Clone, Copy)]
pub(crate) struct Cursor<'t> {
    rest: &'t [u8],
    length: usize,
}

impl<'t> Cursor<'t> {
    /// At byte `at` of a text, which is shorter than 4 GiB.
    pub(crate) fn new(text: &'t [u8], at: usize) -> Self {
        Self {
            rest: text.get(at..).unwrap_or_default(),
            length: text.len(),
        }
    }

    /// How many bytes of the text lie before this place.
    #[inline(always)]
    pub(crate) fn position(&self) -> usize {
        self.length - self.rest.len()
    }

    /// Takes these bytes, if they come next.
    #[inline(always)]
    pub(crate) fn eat<const N: usize>(&mut self, bytes: &[u8; N]) -> bool {
        match self.rest.split_first_chunk::<N>() {
            Some((next, rest)) if next == bytes => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    /// Takes these bytes.
    #[inline(always)]
    pub(crate) fn expect<const N: usize>(&mut self, bytes: &[u8; N]) -> Option<()> {
        self.eat(bytes).then_some(())
    }

    #[inline(always)]
    pub(crate) fn starts_with<const N: usize>(&self, bytes: &[u8; N]) -> bool {
        self.rest.first_chunk::<N>() == Some(bytes)
    }

    #[inline(always)]
    pub(crate) fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// Takes a comma or the given bracket, and says whether it was the bracket.
    #[inline(always)]
    pub(crate) fn closes(&mut self, bracket: u8) -> Option<bool> {
        let (&next, rest) = self.rest.split_first()?;
        self.rest = rest;
        match next {
            b',' => Some(false),
            _ if next == bracket => Some(true),
            _ => None,
        }
    }

    #[inline(always)]
    fn advance(&mut self, count: usize) -> Option<()> {
        self.rest = self.rest.get(count..)?;
        Some(())
    }

    /// The next `length` bytes, which are not taken.
    #[inline(always)]
    fn span(&self, length: usize) -> Span {
        let start = self.position();
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the decoder predicts no text longer than RETAINED_BYTES"
        )]
        Span {
            start: start as u32,
            end: (start + length) as u32,
        }
    }

    /// Takes a string, and says where its text is.
    #[inline(always)]
    pub(crate) fn string(&mut self) -> Option<Span> {
        self.expect(b"\"")?;
        let length = self.string_length()?;
        let span = self.span(length);
        self.advance(length + 1)?;
        Some(span)
    }

    /// Takes a string, and says where its text is without the spaces around it.
    #[inline(always)]
    pub(crate) fn trimmed_string(&mut self) -> Option<Span> {
        let inside = self.rest.get(1..)?;
        let mut span = self.string()?;
        let text = inside.get(..(span.end - span.start) as usize)?;
        if text.first() == Some(&b' ') || text.last() == Some(&b' ') {
            let trimmed = text.trim_ascii();
            if trimmed.is_empty() {
                return None;
            }
            let spaces = text.len() - text.trim_ascii_start().len();
            span.start += u32::try_from(spaces).ok()?;
            span.end = span.start + u32::try_from(trimmed.len()).ok()?;
        }
        Some(span)
    }

    /// How long the string is in which we are.
    #[inline(always)]
    fn string_length(&self) -> Option<usize> {
        if let Some(chunk) = self.rest.first_chunk::<LANES>() {
            let stops = string_stops(chunk);
            if stops != 0 {
                let length = stops.trailing_zeros() as usize;
                return (self.rest.get(length) == Some(&b'"')).then_some(length);
            }
        }
        long_string(self.rest)
    }

    /// Takes a decimal in a string: digits, and at most one point. A sign or an exponent is not predicted.
    #[inline(always)]
    pub(crate) fn decimal(&mut self) -> Option<Span> {
        self.expect(b"\"")?;
        let length = self.decimal_length()?;
        let span = self.span(length);
        self.advance(length + 1)?;
        Some(span)
    }

    /// How long the decimal is that comes next, up to a quote.
    #[inline(always)]
    fn decimal_length(&self) -> Option<usize> {
        if let Some(chunk) = self.rest.first_chunk::<LANES>() {
            let (stops, points) = decimal_stops(chunk);
            if stops != 0 {
                let length = stops.trailing_zeros();
                // The lowest stop bit less one: a bit for each byte of the decimal.
                let points = points & (stops ^ (stops - 1));
                let is_decimal = points & points.wrapping_sub(1) == 0 && length > points.count_ones().min(1);
                let length = length as usize;
                return (is_decimal && self.rest.get(length) == Some(&b'"')).then_some(length);
            }
        }
        long_decimal(self.rest)
    }

    /// Takes an integer without a sign, of no more digits than surely fit.
    #[inline(always)]
    pub(crate) fn unsigned(&mut self) -> Option<u64> {
        let (value, count) = self.digits()?;
        if count > 1 && self.peek() == Some(b'0') {
            return None;
        }
        self.advance(count)?;
        // What follows a number in JSON is looked at by whoever reads on: only a bracket or a comma will do.
        Some(value)
    }

    /// Takes an integer of up to 16 digits in a string.
    #[inline(always)]
    pub(crate) fn unsigned_in_string(&mut self) -> Option<u64> {
        self.expect(b"\"")?;
        let (value, count) = self.digits()?;
        self.advance(count)?;
        self.expect(b"\"")?;
        Some(value)
    }

    /// The value of the digits that come next, and how many they are: 1 to 15.
    #[inline(always)]
    fn digits(&self) -> Option<(u64, usize)> {
        let Some(chunk) = self.rest.first_chunk::<LANES>() else {
            return few_digits(self.rest);
        };
        let stops = digit_stops(chunk);
        let count = stops.trailing_zeros();
        if count == 0 {
            return None;
        }
        let (low, high) = halves(chunk);
        let value = match count {
            1..=8 => eight_digits(low, count),
            9..=16 => eight_digits(low, 8) * power_of_ten(count - 8) + eight_digits(high, count - 8),
            // All sixteen are digits, and there may be more of them.
            _ => return long_digits(self.rest),
        };
        Some((value, count as usize))
    }

    /// Takes an integer of one digit, or any that [`unsigned`](Self::unsigned) takes: codes mostly have one.
    #[inline(always)]
    pub(crate) fn code(&mut self) -> Option<u64> {
        if let [digit @ b'0'..=b'9', b',' | b'}', ..] = *self.rest {
            self.advance(1)?;
            return Some(u64::from(digit - b'0'));
        }
        self.unsigned()
    }

    /// Takes a key and its colon, and says what stands between the quotes.
    #[inline(always)]
    pub(crate) fn key(&mut self) -> Option<&'t [u8]> {
        self.expect(b"\"")?;
        let length = self.string_length()?;
        let name = self.rest.get(..length)?;
        self.advance(length + 1)?;
        self.expect(b":")?;
        Some(name)
    }

    /// Takes a value that nobody asked for.
    pub(crate) fn skip(&mut self) -> Option<()> {
        match self.peek()? {
            b'"' => self.string().map(|_| ()),
            b'0'..=b'9' => self.unsigned().map(|_| ()),
            b't' => self.expect(b"true"),
            b'f' => self.expect(b"false"),
            b'n' => self.expect(b"null"),
            _ => None,
        }
    }
}

#[inline(always)]
fn halves(chunk: &[u8; LANES]) -> ([u8; 8], [u8; 8]) {
    let (mut low, mut high) = ([0; 8], [0; 8]);
    low.copy_from_slice(&chunk[..8]);
    high.copy_from_slice(&chunk[8..]);
    (low, high)
}

#[inline(always)]
fn power_of_ten(exponent: u32) -> u64 {
    const POWERS: [u64; 9] = [
        1,
        10,
        100,
        1_000,
        10_000,
        100_000,
        1_000_000,
        10_000_000,
        100_000_000,
    ];
    POWERS.get(exponent as usize).copied().unwrap_or(0)
}

/// As `string_length`, for a string that is long or near the end of the text.
#[inline(never)]
fn long_string(rest: &[u8]) -> Option<usize> {
    let (chunks, tail) = rest.as_chunks::<LANES>();
    let mut length = 0;
    for chunk in chunks {
        let stops = string_stops(chunk);
        if stops != 0 {
            length += stops.trailing_zeros() as usize;
            return (rest.get(length) == Some(&b'"')).then_some(length);
        }
        length += LANES;
    }
    length += tail
        .iter()
        .position(|&byte| matches!(byte, b'"' | b'\\') || byte < 0x20)?;
    (rest.get(length) == Some(&b'"')).then_some(length)
}

/// As `decimal_length`, for a decimal that is long or near the end of the text.
#[inline(never)]
fn long_decimal(rest: &[u8]) -> Option<usize> {
    let length = long_string(rest)?;
    is_plain_decimal(rest.get(..length)?).then_some(length)
}

/// Whether the text is digits with at most one point among them.
pub(crate) fn is_plain_decimal(text: &[u8]) -> bool {
    let (chunks, tail) = text.as_chunks::<LANES>();
    let mut points = 0;
    for chunk in chunks {
        let (stops, found) = decimal_stops(chunk);
        if stops != 0 {
            return false;
        }
        points += found.count_ones() as usize;
    }
    for &byte in tail {
        match byte {
            b'0'..=b'9' => {}
            b'.' => points += 1,
            _ => return false,
        }
    }
    points <= 1 && text.len() > points
}

/// As `digits`, near the end of the text.
#[inline(never)]
fn few_digits(rest: &[u8]) -> Option<(u64, usize)> {
    let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let value = rest
        .iter()
        .take(count)
        .fold(0, |value, digit| value * 10 + u64::from(digit - b'0'));
    (count > 0).then_some((value, count))
}

/// As `digits`, for sixteen and more. Nineteen surely fit.
#[inline(never)]
fn long_digits(rest: &[u8]) -> Option<(u64, usize)> {
    let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if count > 19 {
        return None;
    }
    let value = rest
        .iter()
        .take(count)
        .fold(0, |value, digit| value * 10 + u64::from(digit - b'0'));
    Some((value, count))
}

/// Reads an array's elements one after the other.
#[inline(always)]
pub(crate) fn elements<'t>(
    cursor: &mut Cursor<'t>,
    lists: &mut Lists,
    mut element: impl FnMut(&mut Cursor<'t>, &mut Lists) -> Option<()>,
) -> Option<()> {
    cursor.expect(b"[")?;
    if cursor.eat(b"]") {
        return Some(());
    }
    loop {
        element(cursor, lists)?;
        if cursor.closes(b']')? {
            return Some(());
        }
    }
}

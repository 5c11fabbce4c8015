//! The predicted way to read a message: straight over its bytes, in the order in which the exchange writes them.

use super::lanes::{LANES, decimal_stops, digit_stops, eight_digits, string_stops};
use super::record::{Lists, Span};

/// How many bytes [`Cursor::pair`] looks at.
const PAIR_WINDOW: usize = 64;

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

    /// The `length` bytes behind the `before`th from here, which are not taken.
    #[inline(always)]
    fn span(&self, before: usize, length: usize) -> Span {
        Span::behind(self.position() + before, length)
    }

    /// Takes a string, and says where its text is.
    #[inline(always)]
    pub(crate) fn string(&mut self) -> Option<Span> {
        if let Some(window) = self.rest.first_chunk::<{ LANES + 1 }>()
            && let Some(length) = short_string(window)
        {
            let span = self.span(0, length);
            self.rest = &self.rest[length + 2..];
            return Some(span);
        }
        self.take(Self::long_string)
    }

    /// Takes a string, and says where its text is, unless that is empty or `-`.
    #[inline(always)]
    pub(crate) fn optional_string(&mut self) -> Option<Span> {
        if let Some(window) = self.rest.first_chunk::<{ LANES + 1 }>()
            && let Some(length) = short_string(window)
        {
            let is_none = length < 2 && (length == 0 || window[1] == b'-');
            let span = self.span(0, length);
            self.rest = &self.rest[length + 2..];
            return Some(if is_none { Span::ABSENT } else { span });
        }
        self.take(Self::long_optional_string)
    }

    /// Calls what is not made part of the caller. It gets a copy: a cursor whose address others have can't stay in
    /// registers.
    #[inline(always)]
    pub(crate) fn take<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        let mut copy = *self;
        let result = read(&mut copy);
        *self = copy;
        result
    }

    /// Takes a string that is long or near the end of the text.
    #[inline(never)]
    fn long_string(&mut self) -> Option<Span> {
        let length = string_length(self.rest)?;
        let span = self.span(0, length);
        self.rest = self.rest.get(length + 2..)?;
        Some(span)
    }

    #[inline(never)]
    fn long_optional_string(&mut self) -> Option<Span> {
        let is_none = self.rest.starts_with(b"\"\"") || self.rest.starts_with(b"\"-\"");
        self.long_string()
            .map(|span| if is_none { Span::ABSENT } else { span })
    }

    /// Takes a string, and says where its text is without the spaces around it.
    #[inline(always)]
    pub(crate) fn trimmed_string(&mut self) -> Option<Span> {
        let inside = self.rest.get(1..)?;
        let span = self.string()?;
        let text = inside.get(..span.length())?;
        Some(if text.first() == Some(&b' ') || text.last() == Some(&b' ') {
            span.trimmed(text)
        } else {
            span
        })
    }

    /// Takes a decimal in a string: digits, and at most one point. A sign or an exponent is not predicted.
    #[inline(always)]
    pub(crate) fn decimal(&mut self) -> Option<Span> {
        if let Some(window) = self.rest.first_chunk::<{ LANES + 1 }>()
            && let Some(length) = short_decimal(lanes_at::<1>(window))
            && window[0] == b'"'
            && window[length + 1] == b'"'
        {
            let span = self.span(0, length);
            self.rest = &self.rest[length + 2..];
            return Some(span);
        }
        self.take(Self::long_decimal)
    }

    /// Takes a decimal that is long, begins with its point, or is near the end of the text.
    #[inline(never)]
    fn long_decimal(&mut self) -> Option<Span> {
        let inside = self.rest.strip_prefix(b"\"")?;
        let (mut length, mut points) = (0, 0);
        loop {
            let rest = inside.get(length..)?;
            let Some(chunk) = rest.first_chunk() else {
                // Near the end of the text.
                let tail = rest.iter().position(|byte| !matches!(byte, b'0'..=b'9' | b'.'))?;
                points += rest.iter().take(tail).filter(|&&byte| byte == b'.').count();
                length += tail;
                break;
            };
            let (stops, found) = decimal_stops(chunk);
            if stops == 0 {
                points += several(found);
                length += LANES;
            } else {
                points += several(found & (stops ^ (stops - 1)));
                length += stops.trailing_zeros() as usize;
                break;
            }
        }
        let behind = inside.get(length..)?.strip_prefix(b"\"")?;
        if points > 1 || length == points {
            return None;
        }
        let span = self.span(0, length);
        self.rest = behind;
        Some(span)
    }

    /// Takes two decimals with what stands before, between and behind them, and says where the decimals are.
    ///
    /// One look at the bytes serves for both. So this isn't for long decimals, nor for the end of the text: `None` may
    /// also mean those.
    #[inline(always)]
    pub(crate) fn pair<const A: usize, const B: usize, const C: usize>(
        &mut self,
        before: &[u8; A],
        between: &[u8; B],
        behind: &[u8; C],
    ) -> Option<(Span, Span)> {
        // Bytes that one look takes in: from the first decimal to the end of the second.
        const SEEN: usize = 2 * LANES;
        const {
            assert!(
                A > 0 && A + SEEN + C <= PAIR_WINDOW && B < SEEN,
                "the window holds the longest pair"
            );
        };
        let window = self.rest.first_chunk::<PAIR_WINDOW>()?;
        if window.first_chunk::<A>() != Some(before) {
            return None;
        }
        let (low, low_points) = decimal_stops(window[A..].first_chunk()?);
        let (high, high_points) = decimal_stops(window[A + LANES..].first_chunk()?);
        let stops = u64::from(low) | u64::from(high) << LANES;
        let points = u64::from(low_points) | u64::from(high_points) << LANES;
        // What the masks take away isn't there: they tell the compiler.
        let first = decimal_length(stops, points)? % SEEN;
        // Where the second begins. If that lies behind what was seen, no bits are left, and it is none.
        let skip = (first + B) % (2 * SEEN);
        let second = decimal_length(stops >> skip, points >> skip)?;
        let end = (skip + second) % SEEN;
        if window[A + first..].first_chunk::<B>() != Some(between)
            || window[A + end..].first_chunk::<C>() != Some(behind)
        {
            return None;
        }
        let spans = (self.span(A - 1, first), self.span(A + first + B - 1, second));
        self.rest = &self.rest[A + end + C..];
        Some(spans)
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

    /// Takes an integer without a sign in a string, of no more digits than surely fit.
    #[inline(always)]
    pub(crate) fn unsigned_in_string(&mut self) -> Option<u64> {
        self.expect(b"\"")?;
        let (value, count) = self.digits()?;
        self.advance(count)?;
        self.expect(b"\"")?;
        Some(value)
    }

    /// The value of the digits that come next, and how many they are: 1 to 19.
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
            _ => {
                let first = eight_digits(low, 8) * power_of_ten(8) + eight_digits(high, 8);
                return more_digits(first, self.rest.get(LANES..)?);
            }
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
        let inside = self.rest.get(1..)?;
        let span = self.string()?;
        self.expect(b":")?;
        inside.get(..span.length())
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

/// The bytes to look at from the `AT`th on.
#[inline(always)]
fn lanes_at<const AT: usize>(window: &[u8]) -> &[u8; LANES] {
    window
        .get(AT..)
        .and_then(|rest| rest.first_chunk())
        .expect("callers have windows of known sizes")
}

/// How long the string is with which the window begins, without its quotes. `None` if it is none, or too long.
#[inline(always)]
fn short_string(window: &[u8; LANES + 1]) -> Option<usize> {
    let stops = string_stops(lanes_at::<1>(window));
    if stops == 0 {
        return None;
    }
    // What the mask takes away isn't there: it tells the compiler.
    let length = stops.trailing_zeros() as usize % LANES;
    (window[0] == b'"' && window[length + 1] == b'"').then_some(length)
}

/// How many bits are set: none, one, or two for more.
#[inline(always)]
fn several(bits: u32) -> usize {
    usize::from(bits != 0) + usize::from(bits & bits.wrapping_sub(1) != 0)
}

/// How long a decimal is, by the bits of [`decimal_stops`]. `None` if it is none, has no end among them, or begins
/// with its point.
#[inline(always)]
fn decimal_length(stops: u64, points: u64) -> Option<usize> {
    if stops == 0 {
        return None;
    }
    // One bit for each byte of the decimal, and one more.
    let points = points & (stops ^ (stops - 1));
    let second_point = points & points.wrapping_sub(1);
    let no_digit_first = (stops | points) & 1;
    (second_point | no_digit_first == 0).then_some(stops.trailing_zeros() as usize)
}

/// How long the decimal is with which the bytes begin. `None` if it is none, fills them all, or begins with its
/// point.
#[inline(always)]
fn short_decimal(bytes: &[u8; LANES]) -> Option<usize> {
    let (stops, points) = decimal_stops(bytes);
    // What the mask takes away isn't there: it tells the compiler.
    decimal_length(u64::from(stops), u64::from(points)).map(|length| length % LANES)
}

/// How long the string is that comes next, without its quotes.
fn string_length(rest: &[u8]) -> Option<usize> {
    let rest = rest.strip_prefix(b"\"")?;
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
    // What is left goes to the front of a chunk of zeros, which would stop a string as well.
    let mut last = [0; LANES];
    last[..tail.len()].copy_from_slice(tail);
    length += string_stops(&last).trailing_zeros() as usize;
    (rest.get(length) == Some(&b'"')).then_some(length)
}

/// Whether the text is digits with at most one point among them.
pub(crate) fn is_plain_decimal(text: &[u8]) -> bool {
    let (chunks, tail) = text.as_chunks::<LANES>();
    // What is left goes to the end of a chunk of zeros.
    let mut last = [b'0'; LANES];
    last[LANES - tail.len()..].copy_from_slice(tail);
    let (mut stops, mut points) = decimal_stops(&last);
    for chunk in chunks {
        let (more_stops, more_points) = decimal_stops(chunk);
        if points != 0 && more_points != 0 {
            return false;
        }
        stops |= more_stops;
        points |= more_points;
    }
    stops == 0 && points & points.wrapping_sub(1) == 0 && text.len() > usize::from(points != 0)
}

/// As `digits`, near the end of the text, where fewer than sixteen bytes are left.
#[inline(never)]
fn few_digits(rest: &[u8]) -> Option<(u64, usize)> {
    let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let value = rest
        .iter()
        .take(count)
        .fold(0, |value, digit| value * 10 + u64::from(digit - b'0'));
    (count > 0).then_some((value, count))
}

/// Digits behind sixteen others. Nineteen in all surely fit.
#[inline(always)]
fn more_digits(first: u64, rest: &[u8]) -> Option<(u64, usize)> {
    let (mut value, mut count) = (first, LANES);
    for byte in rest {
        if !byte.is_ascii_digit() {
            return Some((value, count));
        }
        if count == 19 {
            return None;
        }
        value = value * 10 + u64::from(byte - b'0');
        count += 1;
    }
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

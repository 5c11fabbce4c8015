use std::cmp::Ordering;
use std::fmt;

/// A decimal number exactly as the exchange wrote it: a price, a size, a fee.
///
/// ```
/// use bitmart_proto::Num;
///
/// let price = Num::new("85000.10");
/// assert_eq!(price.as_str(), "85000.10");
/// assert_eq!(price.to_scaled(2), Ok(8_500_010));
/// assert!(price.to_scaled(0).is_err(), "nothing is rounded in silence");
/// assert_eq!(price.cmp_value(Num::new("85000.1")), Some(std::cmp::Ordering::Equal));
/// ```
///
/// The text is kept, padding and all, and converted only when asked: [`to_scaled`](Self::to_scaled) is exact,
/// [`to_f64`](Self::to_f64) is the nearest double. `==` compares texts, so `1.0` is not `1`; compare values with
/// [`cmp_value`](Self::cmp_value).
///
/// A text that is no number doesn't fail a message: the exchange writes `Market price` where a price belongs
/// (`docs/PROTOCOL.md`, *Quirks*). Ask [`is_number`](Self::is_number), or take the `None` and the errors of the
/// conversions. What the exchange writes for "none", `""` and `"-"`, doesn't become a `Num` at all.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Num<'a> {
    text: &'a str,
}

/// The parts of a decimal: `[sign] digits [. digits] [e exponent]`, with a digit on at least one side of the point.
struct Parts<'a> {
    is_negative: bool,
    integer: &'a [u8],
    fraction: &'a [u8],
    exponent: i64,
}

/// Where an exponent is cut off. A text that made up for as many digits would have to be as long, which none can be.
const MAX_EXPONENT: i64 = 100_000_000_000_000_000;

impl<'a> Parts<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let (is_negative, rest) = match text.as_bytes() {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            rest => (false, rest),
        };
        let (integer, rest) = digits(rest);
        let (fraction, rest) = match rest {
            [b'.', rest @ ..] => digits(rest),
            rest => (&[][..], rest),
        };
        if integer.is_empty() && fraction.is_empty() {
            return None;
        }
        let exponent = match rest {
            [] => 0,
            [b'e' | b'E', rest @ ..] => exponent(rest)?,
            _ => return None,
        };
        Some(Self {
            is_negative,
            integer,
            fraction,
            exponent,
        })
    }

    /// Every digit, most significant first.
    fn digits(&self) -> impl DoubleEndedIterator<Item = u8> + use<'a> {
        self.integer.iter().chain(self.fraction).map(|digit| digit - b'0')
    }

    fn is_zero(&self) -> bool {
        self.digits().all(|digit| digit == 0)
    }

    /// The power of ten of the first digit that isn't zero, plus one.
    fn magnitude(&self) -> i64 {
        let zeros = self.digits().take_while(|&digit| digit == 0).count();
        signed(self.integer.len()) - signed(zeros) + self.exponent
    }

    fn cmp_magnitude(&self, other: &Self) -> Ordering {
        let significant = |parts: &Self| parts.digits().skip_while(|&digit| digit == 0);
        self.magnitude().cmp(&other.magnitude()).then_with(|| {
            let (mut left, mut right) = (significant(self), significant(other));
            loop {
                match (left.next(), right.next()) {
                    (None, None) => return Ordering::Equal,
                    (a, b) => match a.unwrap_or(0).cmp(&b.unwrap_or(0)) {
                        Ordering::Equal => {}
                        unequal => return unequal,
                    },
                }
            }
        })
    }
}

/// Splits the leading digits off.
fn digits(bytes: &[u8]) -> (&[u8], &[u8]) {
    let count = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    bytes.split_at(count)
}

fn exponent(bytes: &[u8]) -> Option<i64> {
    let (sign, rest) = match bytes {
        [b'-', rest @ ..] => (-1, rest),
        [b'+', rest @ ..] => (1, rest),
        rest => (1, rest),
    };
    let (power, rest) = digits(rest);
    if power.is_empty() || !rest.is_empty() {
        return None;
    }
    let power = power.iter().fold(0, |power, digit| {
        (power * 10 + i64::from(digit - b'0')).min(MAX_EXPONENT)
    });
    Some(sign * power)
}

/// Lengths of slices fit an `i64`.
fn signed(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

impl<'a> Num<'a> {
    /// Wraps a text. Any text will do; see [`is_number`](Self::is_number).
    #[must_use]
    pub const fn new(text: &'a str) -> Self {
        Self { text }
    }

    /// The text as the exchange wrote it.
    #[must_use]
    pub const fn as_str(self) -> &'a str {
        self.text
    }

    /// Whether the text is a decimal number: digits with at most one point, a sign and an exponent if need be.
    #[must_use]
    pub fn is_number(self) -> bool {
        Parts::parse(self.text).is_some()
    }

    /// Whether it is zero, in any spelling: `0`, `0.000`, `-0`, `0E-10`.
    #[must_use]
    pub fn is_zero(self) -> bool {
        Parts::parse(self.text).is_some_and(|parts| parts.is_zero())
    }

    /// The nearest double, which is zero for what is too small; `None` if the text is no number or too large for one.
    ///
    /// Good for a display or a statistic. For money take [`to_scaled`](Self::to_scaled) or the text.
    #[must_use]
    pub fn to_f64(self) -> Option<f64> {
        Parts::parse(self.text)?;
        self.text.parse().ok().filter(|value: &f64| value.is_finite())
    }

    /// The number times 10 to the power of `dp`, exactly.
    ///
    /// # Errors
    ///
    /// [`NumError`] if the text is no number, if it has more decimals than `dp` that aren't zero, or if the result
    /// doesn't fit 128 bits.
    ///
    /// ```
    /// use bitmart_proto::{Num, NumError};
    ///
    /// assert_eq!(Num::new("0.0250000000").to_scaled(4), Ok(250));
    /// assert_eq!(Num::new("0.0250000000").to_scaled(2), Err(NumError::Inexact));
    /// assert_eq!(Num::new("Market price").to_scaled(2), Err(NumError::NotANumber));
    /// ```
    pub fn to_scaled(self, dp: u32) -> Result<i128, NumError> {
        let parts = Parts::parse(self.text).ok_or(NumError::NotANumber)?;
        let shift = parts.exponent - signed(parts.fraction.len()) + i64::from(dp);
        let kept = signed(parts.integer.len() + parts.fraction.len()) + shift.min(0);
        let mut value: i128 = 0;
        for (at, digit) in (0_i64..).zip(parts.digits()) {
            if at < kept {
                value = append(value, digit, parts.is_negative).ok_or(NumError::TooLarge)?;
            } else if digit != 0 {
                return Err(NumError::Inexact);
            }
        }
        if value == 0 {
            return Ok(0);
        }
        for _ in 0..shift {
            value = append(value, 0, parts.is_negative).ok_or(NumError::TooLarge)?;
        }
        Ok(value)
    }

    /// The number as a [`rust_decimal::Decimal`], exactly. Zeros at the end of its fraction are dropped.
    ///
    /// # Errors
    ///
    /// [`NumError`] if the text is no number, if it has more than 28 decimals that aren't zero at the end, or more
    /// digits than 96 bits hold.
    ///
    /// ```
    /// use bitmart_proto::{Num, NumError};
    /// use rust_decimal::Decimal;
    ///
    /// let balance = Num::new("1043.270000000000000000000000000000");
    /// assert_eq!(balance.to_decimal(), Ok(Decimal::new(104_327, 2)));
    /// assert_eq!(Num::new("1e-29").to_decimal(), Err(NumError::Inexact));
    /// ```
    #[cfg(feature = "rust_decimal")]
    pub fn to_decimal(self) -> Result<rust_decimal::Decimal, NumError> {
        let parts = Parts::parse(self.text).ok_or(NumError::NotANumber)?;
        if parts.is_zero() {
            return Ok(rust_decimal::Decimal::ZERO);
        }
        let zeros = parts.digits().rev().take_while(|&digit| digit == 0).count();
        let decimals = signed(parts.fraction.len()) - parts.exponent - signed(zeros);
        let decimals = u32::try_from(decimals.max(0)).map_err(|_| NumError::Inexact)?;
        if decimals > rust_decimal::Decimal::MAX_SCALE {
            return Err(NumError::Inexact);
        }
        let mantissa = self.to_scaled(decimals)?;
        rust_decimal::Decimal::try_from_i128_with_scale(mantissa, decimals).map_err(|_| NumError::TooLarge)
    }

    /// Compares the two values exactly, whatever their spelling. `None` unless both texts are numbers.
    #[must_use]
    pub fn cmp_value(self, other: Num<'_>) -> Option<Ordering> {
        let (left, right) = (Parts::parse(self.text)?, Parts::parse(other.text)?);
        let sign = |parts: &Parts<'_>| match (parts.is_zero(), parts.is_negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        };
        Some(sign(&left).cmp(&sign(&right)).then_with(|| match sign(&left) {
            0 => Ordering::Equal,
            1 => left.cmp_magnitude(&right),
            _ => right.cmp_magnitude(&left),
        }))
    }
}

/// `value` times ten plus `digit`, or minus it: the least number has no counterpart above zero.
fn append(value: i128, digit: u8, is_negative: bool) -> Option<i128> {
    let (tens, digit) = (value.checked_mul(10)?, i128::from(digit));
    if is_negative {
        tens.checked_sub(digit)
    } else {
        tens.checked_add(digit)
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Num<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.text)
    }
}

impl fmt::Display for Num<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.text)
    }
}

impl fmt::Debug for Num<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Num({:?})", self.text)
    }
}

impl<'a> From<&'a str> for Num<'a> {
    fn from(text: &'a str) -> Self {
        Self::new(text)
    }
}

/// Why [`Num::to_scaled`] gave no number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NumError {
    /// The exchange wrote something else in this place.
    NotANumber,
    /// The number has more decimals than were asked for.
    Inexact,
    /// The result doesn't fit 128 bits.
    TooLarge,
}

impl fmt::Display for NumError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotANumber => "the text is no decimal number",
            Self::Inexact => "the number has more decimals than were asked for, and nothing is rounded",
            Self::TooLarge => "the scaled number doesn't fit 128 bits",
        })
    }
}

impl std::error::Error for NumError {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_grammar_takes_what_servers_print_and_nothing_else() {
        for good in [
            "0",
            "-0",
            "+1",
            "1.",
            ".5",
            "0E-10",
            "1e+3",
            "77576.00",
            "00012",
            "1e99999999999999",
        ] {
            assert!(Num::new(good).is_number(), "{good}");
        }
        for bad in [
            "",
            "-",
            ".",
            "e1",
            "1e",
            "1e+",
            "1,0",
            "1 ",
            "0x1",
            "NaN",
            "inf",
            "Market price",
            "1.2.3",
            "é",
        ] {
            let num = Num::new(bad);
            assert!(!num.is_number() && !num.is_zero(), "{bad}");
            assert_eq!(num.to_f64(), None, "{bad}");
            assert_eq!(num.to_scaled(3), Err(NumError::NotANumber), "{bad}");
            assert_eq!(num.cmp_value(Num::new("1")), None, "{bad}");
        }
    }

    #[test]
    fn zero_has_many_spellings() {
        for zero in ["0", "0.0000000000", "-0.0", "0E-10", "0e5", ".0", "000"] {
            assert!(Num::new(zero).is_zero(), "{zero}");
            assert_eq!(Num::new(zero).to_scaled(4), Ok(0), "{zero}");
        }
        for other in ["0.0000000001", "1e-400", "-1"] {
            assert!(!Num::new(other).is_zero(), "{other}");
        }
    }

    #[test]
    fn scaling_is_exact_or_an_error() {
        let scaled = |text, dp| Num::new(text).to_scaled(dp);
        assert_eq!(
            scaled("1043.270000000000000000000000000000", 30),
            Ok(1_043_270_000_000_000_000_000_000_000_000_000)
        );
        assert_eq!(scaled("1043.270000000000000000000000000000", 2), Ok(104_327));
        assert_eq!(scaled("-0.0068", 4), Ok(-68));
        assert_eq!(scaled("-0.0068", 3), Err(NumError::Inexact));
        assert_eq!(scaled("1.5e3", 0), Ok(1500));
        assert_eq!(scaled("1500e-3", 1), Ok(15));
        assert_eq!(scaled("1e-8", 8), Ok(1));
        assert_eq!(scaled("1e-8", 7), Err(NumError::Inexact));
        assert_eq!(scaled("1e100000", 0), Err(NumError::TooLarge));
        assert_eq!(scaled("0e100000", 0), Ok(0));
        assert_eq!(
            scaled("170141183460469231731687303715884105727", 0),
            Ok(i128::MAX)
        );
        assert_eq!(
            scaled("170141183460469231731687303715884105728", 0),
            Err(NumError::TooLarge)
        );
        assert_eq!(
            scaled("-170141183460469231731687303715884105728", 0),
            Ok(i128::MIN)
        );
    }

    #[test]
    fn large_exponents_count_as_they_are() {
        assert_eq!(
            Num::new("1e-200000").cmp_value(Num::new("1e-100000")),
            Some(Ordering::Less)
        );
        assert_eq!(
            Num::new("1e200000").cmp_value(Num::new("1e100000")),
            Some(Ordering::Greater)
        );
        assert_eq!(Num::new("1e-200000").to_scaled(200_000), Ok(1));
        assert_eq!(Num::new("1e-200000").to_scaled(100_005), Err(NumError::Inexact));
        assert_eq!(Num::new("1e200000").to_scaled(0), Err(NumError::TooLarge));
        let zeros = 100_010;
        let one = format!("1{}e-{zeros}", "0".repeat(zeros));
        assert_eq!(Num::new(&one).to_scaled(0), Ok(1));
        assert_eq!(Num::new(&one).cmp_value(Num::new("1")), Some(Ordering::Equal));
    }

    #[test]
    fn out_of_range_doubles_are_none() {
        assert_eq!(Num::new("1e400").to_f64(), None);
        assert_eq!(Num::new("85000.5").to_f64(), Some(85000.5));
    }

    proptest! {
        /// The naive way: integers scaled by hand.
        #[test]
        fn values_compare_like_scaled_integers(a in -10_000_i64..10_000, b in -10_000_i64..10_000, pad in 0_usize..5) {
            let print = |n: i64, zeros: usize| {
                let (sign, n) = (if n < 0 { "-" } else { "" }, n.abs());
                format!("{sign}{}.{:02}{}", n / 100, n % 100, "0".repeat(zeros))
            };
            let (left, right) = (print(a, 0), print(b, pad));
            prop_assert_eq!(Num::new(&left).cmp_value(Num::new(&right)), Some(a.cmp(&b)));
            prop_assert_eq!(Num::new(&right).to_scaled(2), Ok(i128::from(b)));
            let with_exponent = format!("{b}e-2");
            prop_assert_eq!(Num::new(&left).cmp_value(Num::new(&with_exponent)), Some(a.cmp(&b)));
        }

        #[test]
        fn no_text_panics(text in ".{0,24}", dp in 0_u32..60) {
            let num = Num::new(&text);
            let _ = (num.to_f64(), num.to_scaled(dp), num.is_zero(), num.cmp_value(Num::new("1")));
        }
    }
}

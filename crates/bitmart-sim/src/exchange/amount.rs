use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Neg, Sub, SubAssign};
use std::str::FromStr;

/// Digits behind the point that an [`Amount`] holds. Prices have two, sizes five and rates four: no product of
/// the three needs more than eleven.
const DECIMALS: u32 = 12;
/// Digits before the point that a text may have.
const MAX_INTEGER_DIGITS: usize = 12;
/// One, in units.
const ONE: i128 = 10_i128.pow(DECIMALS);

/// An exact amount of money, a price or a size: a whole number of 10⁻¹².
///
/// ```
/// use bitmart_sim::exchange::Amount;
///
/// let amount: Amount = "0.10".parse()?;
/// assert_eq!((amount + amount).to_string(), "0.2");
/// # Ok::<(), bitmart_sim::exchange::ScriptError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount {
    units: i128,
}

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self { units: 0 };

    /// `value` × 10^−`decimals`, for at most 12 decimals.
    pub(crate) const fn scaled(value: i64, decimals: u32) -> Self {
        assert!(decimals <= DECIMALS, "an Amount has 12 decimals");
        Self {
            units: value as i128 * 10_i128.pow(DECIMALS - decimals),
        }
    }

    /// A whole number.
    pub(crate) const fn whole(value: i64) -> Self {
        Self::scaled(value, 0)
    }

    /// The value × 10^`decimals`, if that is a whole number.
    pub(crate) fn to_scaled(self, decimals: u32) -> Option<i64> {
        let unit = 10_i128.checked_pow(DECIMALS.checked_sub(decimals)?)?;
        if self.units % unit == 0 {
            i64::try_from(self.units / unit).ok()
        } else {
            None
        }
    }

    /// The product, cut towards zero behind the twelfth decimal; `None` if it is too large.
    pub(crate) fn times(self, other: Self) -> Option<Self> {
        Some(Self {
            units: self.units.checked_mul(other.units)? / ONE,
        })
    }

    /// The quotient, cut towards zero behind the twelfth decimal; `None` if it is too large, or by zero.
    pub(crate) fn over(self, other: Self) -> Option<Self> {
        Some(Self {
            units: self.units.checked_mul(ONE)?.checked_div(other.units)?,
        })
    }

    /// `self` × `part` ÷ `whole`, cut towards zero; `None` if that is too large, or `whole` zero.
    pub(crate) fn share(self, part: u64, whole: u64) -> Option<Self> {
        Some(Self {
            units: self
                .units
                .checked_mul(i128::from(part))?
                .checked_div(i128::from(whole))?,
        })
    }

    /// With exactly this many decimals: zeros are added, further digits cut.
    pub(crate) fn fixed(self, decimals: usize) -> Fixed {
        Fixed {
            amount: self,
            decimals,
        }
    }

    pub(crate) fn is_positive(self) -> bool {
        self.units > 0
    }

    pub(crate) fn is_negative(self) -> bool {
        self.units < 0
    }
}

impl fmt::Display for Amount {
    /// Without trailing zeros.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fraction = self.units.unsigned_abs() % ONE.unsigned_abs();
        let mut decimals = if fraction == 0 { 0 } else { DECIMALS as usize };
        while decimals > 0 && fraction.is_multiple_of(10) {
            fraction /= 10;
            decimals -= 1;
        }
        self.fixed(decimals).fmt(f)
    }
}

/// An amount with a fixed number of decimals.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fixed {
    amount: Amount,
    decimals: usize,
}

impl fmt::Display for Fixed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const HELD: usize = DECIMALS as usize;
        let units = self.amount.units.unsigned_abs();
        let (whole, fraction) = (units / ONE.unsigned_abs(), units % ONE.unsigned_abs());
        let kept = (0..HELD.saturating_sub(self.decimals)).fold(fraction, |digits, _| digits / 10);
        // What is cut to zero has no sign.
        let is_negative = self.amount.units < 0 && (whole, kept) != (0, 0);
        let sign = if is_negative { "-" } else { "" };
        match self.decimals {
            0 => write!(f, "{sign}{whole}"),
            width @ 1..HELD => write!(f, "{sign}{whole}.{kept:0width$}"),
            width => {
                let padding = width - HELD;
                write!(f, "{sign}{whole}.{fraction:0HELD$}{:0<padding$}", "")
            }
        }
    }
}

impl FromStr for Amount {
    type Err = super::ScriptError;

    /// Reads a plain decimal number, with at most 12 digits on either side of the point.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let malformed = || super::ScriptError::Malformed {
            text: text.chars().take(40).collect(),
        };
        let (is_negative, digits) = match text.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, text),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let is_plain = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        let is_valid = (1..=MAX_INTEGER_DIGITS).contains(&whole.len())
            && fraction.len() <= DECIMALS as usize
            && is_plain(whole)
            && is_plain(fraction)
            && !digits.ends_with('.');
        if !is_valid {
            return Err(malformed());
        }
        let units: i128 = format!("{whole}{fraction:0<12}")
            .parse()
            .map_err(|_| malformed())?;
        Ok(Self {
            units: if is_negative { -units } else { units },
        })
    }
}

// Amounts start from texts of at most 24 digits, and i128 has 38: sums can't overflow in the life of a process.

impl Add for Amount {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            units: self.units + other.units,
        }
    }
}

impl Sub for Amount {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self {
            units: self.units - other.units,
        }
    }
}

impl Neg for Amount {
    type Output = Self;

    fn neg(self) -> Self {
        Self { units: -self.units }
    }
}

impl AddAssign for Amount {
    fn add_assign(&mut self, other: Self) {
        self.units += other.units;
    }
}

impl SubAssign for Amount {
    fn sub_assign(&mut self, other: Self) {
        self.units -= other.units;
    }
}

impl Sum for Amount {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amount(text: &str) -> Amount {
        text.parse().unwrap()
    }

    #[test]
    fn texts_are_read_and_written_exactly() {
        for text in [
            "0",
            "1",
            "-1",
            "0.000000000001",
            "999999999999.999999999999",
            "-0.5",
            "86101.32",
        ] {
            assert_eq!(amount(text).to_string(), text);
        }
        assert_eq!(amount("007.50").to_string(), "7.5");
        for bad in [
            "",
            "-",
            ".",
            "1.",
            ".5",
            "1e5",
            "+1",
            "1_000",
            "0.0000000000001",
            "1000000000000",
            "1 ",
        ] {
            assert!(bad.parse::<Amount>().is_err(), "{bad}");
        }
    }

    #[test]
    fn fixed_texts_are_padded_and_cut() {
        assert_eq!(amount("1.05").fixed(4).to_string(), "1.0500");
        assert_eq!(amount("1.05").fixed(1).to_string(), "1.0");
        assert_eq!(amount("-0.05").fixed(0).to_string(), "0");
        assert_eq!(amount("-0.05").fixed(1).to_string(), "0.0");
        assert_eq!(amount("-0.05").fixed(2).to_string(), "-0.05");
        assert_eq!(amount("-1.05").fixed(0).to_string(), "-1");
        assert_eq!(
            amount("-0.000000000001").fixed(14).to_string(),
            "-0.00000000000100"
        );
        assert_eq!(
            amount("2.5").fixed(30).to_string(),
            "2.500000000000000000000000000000"
        );
    }

    #[test]
    fn products_and_quotients_are_cut_towards_zero() {
        assert_eq!(
            amount("85000.01").times(amount("0.00001")),
            Some(amount("0.8500001"))
        );
        assert_eq!(amount("2").over(amount("3")), Some(amount("0.666666666666")));
        assert_eq!(amount("-2").over(amount("3")), Some(amount("-0.666666666666")));
        assert_eq!(amount("1").over(Amount::ZERO), None);
        assert_eq!(amount("10").share(1, 3), Some(amount("3.333333333333")));
        assert_eq!(amount("999999999999").times(amount("999999999999")), None);
    }

    #[test]
    fn only_whole_numbers_are_scaled() {
        assert_eq!(amount("0.025").to_scaled(5), Some(2_500));
        assert_eq!(amount("0.000001").to_scaled(5), None);
        assert_eq!(Amount::scaled(2_500, 5), amount("0.025"));
    }
}

//! With the feature `rust_decimal`: a number becomes that very decimal, or none.
#![cfg(feature = "rust_decimal")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use bitmart_proto::{Num, NumError};
use proptest::prelude::*;
use rust_decimal::Decimal;

/// The largest mantissa of a [`Decimal`], and its most decimals.
const MAX_MANTISSA: u128 = (1 << 96) - 1;
const MAX_SCALE: i64 = 28;

/// A number as its sign, its digits without zeros on either end, and the power of ten behind them.
#[derive(Debug, PartialEq)]
struct Value {
    is_negative: bool,
    digits: String,
    power: i64,
}

impl Value {
    fn new(text: &str) -> Self {
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = format!("{}{fraction}", whole.trim_start_matches(['+', '-']));
        let digits = digits.trim_start_matches('0');
        let significant = digits.trim_end_matches('0');
        let power = exponent.parse::<i64>().unwrap() - fraction.len() as i64
            + (digits.len() - significant.len()) as i64;
        Self {
            is_negative: whole.starts_with('-') && !significant.is_empty(),
            digits: significant.to_owned(),
            power: if significant.is_empty() { 0 } else { power },
        }
    }

    /// Whether a [`Decimal`] can hold it, and with how many decimals.
    fn scale(&self) -> Option<u32> {
        let scale = (-self.power).max(0);
        let zeros = "0".repeat(usize::try_from(self.power.clamp(0, 99)).unwrap());
        let mantissa: u128 = format!("0{}{zeros}", self.digits).parse().ok()?;
        (mantissa <= MAX_MANTISSA && scale <= MAX_SCALE).then(|| u32::try_from(scale).unwrap())
    }
}

fn check(text: &str) {
    let expected = Value::new(text);
    match Num::new(text).to_decimal() {
        Ok(decimal) => {
            assert_eq!(
                Value::new(&decimal.to_string()),
                expected,
                "{text} became {decimal}"
            );
            assert_eq!(Some(decimal.scale()), expected.scale(), "{text} became {decimal}");
        }
        Err(error) => {
            assert!(
                matches!(error, NumError::Inexact | NumError::TooLarge),
                "{text}: {error:?}"
            );
            assert_eq!(expected.scale(), None, "{text} fits: {error:?}");
        }
    }
}

#[test]
fn bounds_are_exact() {
    for text in [
        "0",
        "-0",
        "0.000",
        "0e99",
        "1",
        "-1.50",
        "+2.5",
        ".5",
        "5.",
        "1e28",
        "1e29",
        "1e-28",
        "1e-29",
        "10e-29",
        "0.0000000000000000000000000001",
        "0.00000000000000000000000000010",
        "0.00000000000000000000000000001",
        "79228162514264337593543950335",
        "79228162514264337593543950336",
        "-79228162514264337593543950335",
        "7.9228162514264337593543950335",
        "7.9228162514264337593543950336",
        "79228162514264337593543950335.0",
        "79228162514264337593543950335.1",
        "1e1000",
        "1e-1000",
        "1e99999999999",
    ] {
        check(text);
    }
    assert_eq!(Num::new("148.30").to_decimal(), Ok(Decimal::new(1483, 1)));
    assert_eq!(Num::new("1e29").to_decimal(), Err(NumError::TooLarge));
    assert_eq!(Num::new("1e-29").to_decimal(), Err(NumError::Inexact));
    for text in ["", "-", ".", "1e", "Market price", "1,5", " 1", "NaN"] {
        assert_eq!(Num::new(text).to_decimal(), Err(NumError::NotANumber), "{text:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn numbers_become_decimals_exactly_or_not_at_all(text in "[+-]?[0-9]{1,32}(\\.[0-9]{0,32})?([eE][+-]?[0-9]{1,2})?") {
        check(&text);
    }

    /// About the bounds of the mantissa, which other numbers seldom meet.
    #[test]
    fn large_numbers_become_decimals_exactly_or_not_at_all(
        mantissa in MAX_MANTISSA - 1_000..MAX_MANTISSA + 1_000,
        point in 0_usize..=29,
        zeros in "0{0,8}",
    ) {
        let mut text = mantissa.to_string();
        text.insert(point.min(text.len()), '.');
        check(&format!("{text}{zeros}"));
    }
}

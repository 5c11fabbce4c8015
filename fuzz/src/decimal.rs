//! Decimals, beside a plainer way to compute the same.

use std::cmp::Ordering;

use bitmart_proto::{Num, NumError};

use crate::lines;

/// Beyond it an exponent is documented to be cut off, so that two of them may compare equal.
const COMPARABLE_EXPONENT: i64 = 50_000;

/// The first line begins with the decimals to scale to; all others are numbers, or not.
pub(crate) fn run(data: &[u8]) {
    let mut lines = lines(data);
    let decimals = lines
        .next()
        .and_then(|line| line.parse::<u32>().ok())
        .unwrap_or(0)
        % 64;
    let texts: Vec<&str> = lines.take(8).collect();
    texts.iter().for_each(|text| check(text, decimals));
    for left in &texts {
        for right in &texts {
            compare(left, right);
        }
    }
}

/// A number's sign, its digits without zeros at either end, and the power of ten of the last of them.
struct Plain {
    is_negative: bool,
    digits: String,
    power: i64,
}

impl Plain {
    fn parse(text: &str) -> Option<Self> {
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, power(exponent)?),
            None => (text, 0),
        };
        let unsigned = mantissa.strip_prefix(['-', '+']).unwrap_or(mantissa);
        let (integer, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
        let digits = format!("{integer}{fraction}");
        if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
            return None;
        }
        let kept = digits.trim_end_matches('0');
        let zeros = digits.len() - kept.len();
        Some(Self {
            is_negative: mantissa.starts_with('-'),
            digits: kept.trim_start_matches('0').to_owned(),
            power: exponent + zeros as i64 - fraction.len() as i64,
        })
    }

    /// The number times a power of ten, without what is behind the point then.
    fn truncated(&self, decimals: u32) -> Option<i128> {
        let power = self.power + i64::from(decimals);
        let length = self.digits.len() as i64 + power;
        let integer = match usize::try_from(length) {
            // One digit more than 128 bits ever have.
            Ok(length) if length > 40 => return None,
            Ok(length) => format!("{:0<length$.length$}", self.digits),
            Err(_) => String::new(),
        };
        let sign = if self.is_negative { "-" } else { "" };
        format!("{sign}0{integer}").parse().ok()
    }

    fn is_whole(&self, decimals: u32) -> bool {
        self.digits.is_empty() || self.power + i64::from(decimals) >= 0
    }
}

/// An exponent; a huge one counts as one that is far out of every range.
fn power(text: &str) -> Option<i64> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if unsigned.is_empty() || !unsigned.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let power = unsigned
        .parse::<i64>()
        .map_or(100_000, |power| power.min(100_000));
    Some(if text.starts_with('-') { -power } else { power })
}

/// One text, through every conversion.
pub(crate) fn check(text: &str, decimals: u32) {
    let (num, plain) = (Num::new(text), Plain::parse(text));
    assert_eq!(num.is_number(), plain.is_some(), "{text:?}");
    assert_eq!(num.to_string(), text);
    let double = num.to_f64();
    assert!(double.is_none_or(f64::is_finite), "{text:?}");
    let scaled = num.to_scaled(decimals);
    let Some(plain) = plain else {
        assert_eq!(
            (num.is_zero(), double, scaled),
            (false, None, Err(NumError::NotANumber))
        );
        return;
    };
    let is_zero = plain.digits.is_empty();
    assert_eq!(num.is_zero(), is_zero, "{text:?}");
    assert_eq!(
        num.cmp_value(Num::new("0")),
        Some(match (is_zero, plain.is_negative) {
            (true, _) => Ordering::Equal,
            (_, true) => Ordering::Less,
            (_, false) => Ordering::Greater,
        }),
        "{text:?}"
    );
    if is_zero {
        assert_eq!((double.map(f64::abs), scaled), (Some(0.0), Ok(0)), "{text:?}");
        return;
    }
    match (plain.truncated(decimals), plain.is_whole(decimals)) {
        (Some(value), true) => {
            assert_eq!(scaled, Ok(value), "{text:?} to {decimals}");
            // As near as a double that is divided by a rounded power of ten can be.
            let near = value as f64 / 10_f64.powi(decimals as i32);
            let double = double.unwrap_or(f64::NAN);
            assert!(
                (double - near).abs() <= near.abs() * 1e-12,
                "{text:?}: {double} or {near}"
            );
        }
        (None, true) => assert_eq!(scaled, Err(NumError::TooLarge), "{text:?} to {decimals}"),
        (Some(_), false) => assert_eq!(scaled, Err(NumError::Inexact), "{text:?} to {decimals}"),
        (None, false) => assert!(scaled.is_err(), "{text:?} to {decimals}"),
    }
}

/// Two texts, in either order.
fn compare(left: &str, right: &str) {
    let order = Num::new(left).cmp_value(Num::new(right));
    let reverse = Num::new(right).cmp_value(Num::new(left));
    assert_eq!(order.map(Ordering::reverse), reverse, "{left:?} and {right:?}");
    let (Some(a), Some(b)) = (Plain::parse(left), Plain::parse(right)) else {
        assert_eq!(order, None, "{left:?} and {right:?}");
        return;
    };
    if a.power.abs().max(b.power.abs()) > COMPARABLE_EXPONENT {
        return;
    }
    assert_eq!(order, Some(value_order(&a, &b)), "{left:?} and {right:?}");
}

/// Both numbers as digits of the same length and power, which compare as texts do.
fn value_order(a: &Plain, b: &Plain) -> Ordering {
    let signed = |plain: &Plain| match (plain.digits.is_empty(), plain.is_negative) {
        (true, _) => 0,
        (_, true) => -1,
        (_, false) => 1,
    };
    let top = |plain: &Plain| plain.digits.len() as i64 + plain.power;
    let magnitude = top(a).cmp(&top(b)).then_with(|| a.digits.cmp(&b.digits));
    signed(a).cmp(&signed(b)).then(match signed(a) {
        0 => Ordering::Equal,
        1 => magnitude,
        _ => magnitude.reverse(),
    })
}

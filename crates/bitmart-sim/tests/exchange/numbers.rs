//! Arithmetic of the observers' own: fixed point, twelve decimals.

use bitmart_sim::exchange::Push;
use serde_json::Value;

/// Decimals of the observer's numbers.
const SCALE: usize = 12;
pub(crate) const ONE: i128 = 1_000_000_000_000;

/// Reads a decimal text as a multiple of 10⁻¹²; digits behind that must be zero.
pub(crate) fn number(text: &str) -> i128 {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let (kept, cut) = fraction.split_at(fraction.len().min(SCALE));
    assert!(cut.bytes().all(|b| b == b'0'), "{text}");
    let unit = 10_i128.pow((SCALE - kept.len()) as u32);
    let units = if kept.is_empty() {
        0
    } else {
        kept.parse::<i128>().unwrap() * unit
    };
    sign * (whole.parse::<i128>().unwrap() * ONE + units)
}

/// An exact product.
pub(crate) fn times(a: i128, b: i128) -> i128 {
    assert_eq!(a * b % ONE, 0, "{a} × {b}");
    a * b / ONE
}

pub(crate) fn field<'v>(value: &'v Value, name: &str) -> &'v str {
    value[name]
        .as_str()
        .unwrap_or_else(|| panic!("{name} of {value} is no string"))
}

pub(crate) fn amount(value: &Value, name: &str) -> i128 {
    number(field(value, name))
}

pub(crate) fn parsed(push: &Push) -> Value {
    serde_json::from_str(&push.payload).unwrap_or_else(|error| panic!("{error}: {}", push.payload))
}

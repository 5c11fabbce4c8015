use std::fmt;
use std::time::Duration;

/// A moment as the exchange gives it: milliseconds of Unix time.
///
/// Private spot messages write it as a string of digits, all others as a JSON integer; both are read. What the exchange writes for
/// "none" (`0`, `""`, `"-"`) doesn't become a `TimeMs` (`docs/PROTOCOL.md`, *Quirks*).
///
/// ```
/// use bitmart_proto::TimeMs;
///
/// let filled = TimeMs::new(1_764_002_003_456);
/// assert_eq!(filled.as_millis(), 1_764_002_003_456);
/// assert_eq!(filled.since_epoch().subsec_millis(), 456);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TimeMs {
    millis: u64,
}

impl TimeMs {
    /// A moment from its milliseconds of Unix time.
    #[must_use]
    pub const fn new(millis: u64) -> Self {
        Self { millis }
    }

    /// Milliseconds of Unix time.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.millis
    }

    /// The same as a duration since the Unix epoch.
    #[must_use]
    pub const fn since_epoch(self) -> Duration {
        Duration::from_millis(self.millis)
    }
}

impl fmt::Display for TimeMs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.millis, f)
    }
}

impl fmt::Debug for TimeMs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TimeMs({})", self.millis)
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for TimeMs {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.millis)
    }
}

/// A moment as the exchange writes it in futures trades: RFC 3339, in UTC, with up to nine digits of a second's
/// fraction.
///
/// The text is kept, and read when asked.
///
/// ```
/// use bitmart_proto::{TimeMs, Timestamp};
///
/// let created = Timestamp::new("2025-03-10T18:17:14.656686827Z");
/// assert_eq!(created.as_nanos(), Some(1_741_630_634_656_686_827));
/// assert_eq!(created.to_time(), Some(TimeMs::new(1_741_630_634_656)));
/// assert_eq!(Timestamp::new("yesterday").as_nanos(), None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Timestamp<'a> {
    text: &'a str,
}

impl<'a> Timestamp<'a> {
    /// Wraps a text. Any text will do.
    #[must_use]
    pub const fn new(text: &'a str) -> Self {
        Self { text }
    }

    /// The text as the exchange wrote it.
    #[must_use]
    pub const fn as_str(self) -> &'a str {
        self.text
    }

    /// Nanoseconds of Unix time, exactly. `None` if the text isn't what the exchange documents, names no day of the
    /// calendar, or lies outside the years 1970 to 2554, beyond which 64 bits don't reach.
    #[must_use]
    pub fn as_nanos(self) -> Option<u64> {
        let bytes = self.text.as_bytes();
        let (date_time, fraction) = bytes.split_first_chunk::<19>()?;
        let [
            y0,
            y1,
            y2,
            y3,
            b'-',
            m0,
            m1,
            b'-',
            d0,
            d1,
            b'T' | b't' | b' ',
            h0,
            h1,
            b':',
            n0,
            n1,
            b':',
            s0,
            s1,
        ] = *date_time
        else {
            return None;
        };
        let number = |digits: &[u8]| {
            digits.iter().try_fold(0, |value: u64, digit| {
                digit
                    .is_ascii_digit()
                    .then(|| value * 10 + u64::from(digit - b'0'))
            })
        };
        let (year, month, day) = (number(&[y0, y1, y2, y3])?, number(&[m0, m1])?, number(&[d0, d1])?);
        let (hour, minute, second) = (number(&[h0, h1])?, number(&[n0, n1])?, number(&[s0, s1])?);
        // UTC has three spellings.
        let fraction = match fraction {
            [fraction @ .., b'Z' | b'z'] => fraction,
            [fraction @ .., b'+' | b'-', b'0', b'0', b':', b'0', b'0'] => fraction,
            _ => return None,
        };
        let nanos = match fraction {
            [] => 0,
            [b'.', digits @ ..] if (1..=9).contains(&digits.len()) => {
                let missing = u32::try_from(9 - digits.len()).ok()?;
                number(digits)? * 10_u64.pow(missing)
            }
            _ => return None,
        };
        // A leap second is told as the one before it plus one.
        if year < 1970
            || !(1..=12).contains(&month)
            || !(1..=days_in_month(year, month)).contains(&day)
            || hour > 23
            || minute > 59
            || second > 60
        {
            return None;
        }
        let days =
            days_before_year(year) + (1..month).map(|month| days_in_month(year, month)).sum::<u64>() + day
                - 1;
        let seconds = ((days * 24 + hour) * 60 + minute) * 60 + second;
        seconds.checked_mul(1_000_000_000)?.checked_add(nanos)
    }

    /// The same to the millisecond below.
    #[must_use]
    pub fn to_time(self) -> Option<TimeMs> {
        self.as_nanos().map(|nanos| TimeMs::new(nanos / 1_000_000))
    }
}

impl fmt::Display for Timestamp<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.text)
    }
}

impl fmt::Debug for Timestamp<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Timestamp({:?})", self.text)
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Timestamp<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.text)
    }
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn days_in_month(year: u64, month: u64) -> u64 {
    match month {
        2 => 28 + u64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from the beginning of Unix time to that of a year, which is not before 1970.
fn days_before_year(year: u64) -> u64 {
    let leap_years_before = |year: u64| (year - 1) / 4 - (year - 1) / 100 + (year - 1) / 400;
    (year - 1970) * 365 + leap_years_before(year) - leap_years_before(1970)
}

/// How many days of its month lie before a day, which is counted from the beginning of Unix time.
pub(crate) fn days_into_the_month(day: u64) -> u64 {
    // Never late, and at most some years early: 146,097 days make 400 years.
    let mut year = 1970 + day * 400 / 146_097;
    while days_before_year(year) > day {
        year -= 1;
    }
    while days_before_year(year + 1) <= day {
        year += 1;
    }
    let mut left = day - days_before_year(year);
    for month in 1..=12 {
        let days = days_in_month(year, month);
        if left < days {
            break;
        }
        left -= days;
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_are_read_exactly_or_not_at_all() {
        let nanos = |text| Timestamp::new(text).as_nanos();
        assert_eq!(nanos("1970-01-01T00:00:01.5+00:00"), Some(1_500_000_000));
        assert_eq!(nanos("1970-01-01T00:00:01-00:00"), Some(1_000_000_000));
        assert_eq!(nanos("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(nanos("2026-01-05T09:00:01.25Z"), Some(1_767_603_601_250_000_000));
        assert_eq!(
            nanos("2024-02-29T23:59:59.999999999Z"),
            Some(1_709_251_199_999_999_999)
        );
        assert_eq!(
            nanos("2000-02-29T00:00:00.000000000Z"),
            Some(951_782_400_000_000_000)
        );
        assert_eq!(nanos("2554-07-21T23:34:33.709551615Z"), Some(u64::MAX));
        assert_eq!(nanos("2554-07-21T23:34:33.709551616Z"), None);
        for bad in [
            "",
            "2026-01-05",
            "2026-01-05T09:00:01",
            "2026-01-05T09:00:01.Z",
            "2026-01-05T09:00:01.1234567890Z",
            "2026-01-05T09:00:01+08:00",
            "2026-02-29T00:00:00Z",
            "2100-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-01-00T00:00:00Z",
            "2026-01-05T24:00:00Z",
            "2026-01-05T09:60:00Z",
            "2026-01-05T09:00:61Z",
            "1969-12-31T23:59:59Z",
            "2026-01-05T09:00:0éZ",
            "2o26-01-05T09:00:01Z",
        ] {
            assert_eq!(nanos(bad), None, "{bad}");
        }
    }

    #[test]
    fn days_count_through_every_month() {
        let (mut year, mut month, mut into) = (1970, 1, 0);
        for day in 0..400_000 {
            assert_eq!(days_into_the_month(day), into, "day {day}, {year}-{month}");
            into += 1;
            if into == days_in_month(year, month) {
                (month, into) = (month + 1, 0);
            }
            if month == 13 {
                (year, month) = (year + 1, 1);
                assert_eq!(days_before_year(year), day + 1, "{year}");
            }
        }
    }
}

//! Days of the calendar.

/// Days from the first of March of the year 0 to the first day of Unix time.
const UNIX_EPOCH_DAYS: i64 = 719_468;

/// A day, counted from the first of Unix time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(i64);

impl Day {
    /// Reads `2026-08-20`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let has_form = text.len() == 10
            && text.bytes().enumerate().all(|(at, byte)| match at {
                4 | 7 => byte == b'-',
                _ => byte.is_ascii_digit(),
            });
        if !has_form {
            return None;
        }
        let number = |from, to| text.get(from..to)?.parse::<i64>().ok();
        let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
        if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
            return None;
        }
        // Years begin in March, so that the day that comes and goes is their last.
        let (year, month) = if month > 2 {
            (year, month - 3)
        } else {
            (year - 1, month + 9)
        };
        let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
        let days = 365 * year + leap_days + (153 * month + 2) / 5 + day - 1;
        Some(Self(days - UNIX_EPOCH_DAYS))
    }

    /// The first day that a text names, such as a README.
    #[must_use]
    pub fn find(text: &str) -> Option<Self> {
        text.split(|c: char| !c.is_ascii_digit() && c != '-')
            .find_map(Self::parse)
    }

    /// The day of a Unix time.
    #[must_use]
    pub fn of_unix_seconds(seconds: u64) -> Self {
        Self(i64::try_from(seconds / 86_400).unwrap_or(i64::MAX))
    }

    /// Days from an earlier day to this one; negative if that was later.
    #[must_use]
    pub fn since(self, earlier: Self) -> i64 {
        self.0 - earlier.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_from_the_first_of_unix_time() {
        for (text, seconds) in [
            ("1970-01-01", 0),
            ("1970-12-31", 364 * 86_400),
            ("2000-02-29", 951_782_400),
            ("2000-03-01", 951_868_800),
            ("2026-11-22", 1_795_305_600),
        ] {
            assert_eq!(Day::parse(text), Some(Day::of_unix_seconds(seconds)), "{text}");
            assert_eq!(
                Day::parse(text),
                Some(Day::of_unix_seconds(seconds + 86_399)),
                "{text}"
            );
        }
        for text in [
            "",
            "2026-13-01",
            "2026-1-01",
            "20260101",
            "2026-01-00",
            "2026-01-011",
            "x026-01-01",
        ] {
            assert_eq!(Day::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_day_is_found_in_a_text() {
        let text = "folder of commit 00ff2026-01-01x, taken 2026-08-20. Later: 2026-09-01";
        assert_eq!(Day::find("no day, only 2026 and 08-20"), None);
        assert_eq!(Day::find("taken 2026-08-20."), Day::parse("2026-08-20"));
        assert_eq!(Day::find(&text[34..]), Day::parse("2026-08-20"));
    }
}

use std::time::Duration;

/// Where the simulated clock starts, unless told otherwise: 2026-01-05 09:00 UTC, in Unix milliseconds. Any fixed
/// moment would do.
pub(super) const START_MS: u64 = 1_767_603_600_000;
/// Milliseconds of a day.
const DAY_MS: u64 = 86_400_000;

/// The exchange's own clock, which all times in payloads come from. It moves when the exchange is stepped, and by
/// a millisecond with each event, so that no two events have the same time.
#[derive(Clone, Debug)]
pub(super) struct Clock {
    now_ms: u64,
    next_tick_ms: u64,
    tick_ms: u64,
}

impl Clock {
    pub(super) fn new(start_ms: u64, tick: Duration) -> Self {
        let tick_ms = u64::try_from(tick.as_millis()).unwrap_or(DAY_MS).clamp(1, DAY_MS);
        Self {
            now_ms: start_ms,
            next_tick_ms: start_ms + tick_ms,
            tick_ms,
        }
    }

    /// Moves to the next tick, or past it if more events than milliseconds happened since the last.
    pub(super) fn tick(&mut self) {
        self.now_ms = self.next_tick_ms.max(self.now_ms + 1);
        self.next_tick_ms += self.tick_ms;
    }

    pub(super) fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// The time of an event, in Unix milliseconds: never given twice.
    pub(super) fn stamp(&mut self) -> u64 {
        self.now_ms += 1;
        self.now_ms
    }
}

/// Writes Unix milliseconds as RFC 3339, with as many digits of a second as it takes: none to nine.
pub(super) fn rfc3339(unix_ms: u64, sub_millisecond_ns: u32) -> String {
    let (day, in_day) = (unix_ms / DAY_MS, unix_ms % DAY_MS);
    let (year, month, day) = civil_date(day);
    let (hour, minute, second) = (in_day / 3_600_000, in_day / 60_000 % 60, in_day / 1_000 % 60);
    let nanos = in_day % 1_000 * 1_000_000 + u64::from(sub_millisecond_ns % 1_000_000);
    let fraction = match nanos {
        0 => String::new(),
        nanos => format!(".{nanos:09}").trim_end_matches('0').to_owned(),
    };
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z")
}

/// When the month that holds a moment began, in Unix seconds.
pub(super) fn month_began_s(unix_s: u64) -> u64 {
    let days = unix_s / 86_400;
    let (_, _, day) = civil_date(days);
    (days + 1 - day) * 86_400
}

/// Year, month and day of a number of days since 1970-01-01 (Howard Hinnant's `civil_from_days`).
fn civil_date(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    (400 * era + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        assert_eq!(rfc3339(0, 0), "1970-01-01T00:00:00Z");
        assert_eq!(rfc3339(250, 0), "1970-01-01T00:00:00.25Z");
        assert_eq!(rfc3339(20_000, 700), "1970-01-01T00:00:20.0000007Z");
        assert_eq!(
            rfc3339(951_782_400_123, 456_789),
            "2000-02-29T00:00:00.123456789Z"
        );
        assert_eq!(rfc3339(START_MS, 0), "2026-01-05T09:00:00Z");
        assert_eq!(month_began_s(START_MS / 1_000), 1_767_225_600);
        assert_eq!(
            rfc3339(1_798_761_599_999, 999_999),
            "2026-12-31T23:59:59.999999999Z"
        );
    }

    #[test]
    fn no_two_events_have_the_same_time() {
        let mut clock = Clock::new(START_MS, Duration::from_millis(2));
        let mut last = 0;
        for _ in 0..100 {
            clock.tick();
            for _ in 0..5 {
                let stamp = clock.stamp();
                assert!(stamp > last);
                last = stamp;
            }
        }
    }
}

//! Times: texts that are read, numbers that are written and read again, and the beginnings of intervals.

use bitmart_proto::{Interval, TimeMs, Timestamp};

use crate::lines;

const SECOND: u64 = 1_000_000_000;
const MILLIS_OF_A_DAY: u64 = 86_400_000;

/// Texts that may be timestamps, one a line.
pub(crate) fn texts(data: &[u8]) {
    lines(data).take(8).for_each(check);
}

/// Moments as eight bytes each.
pub(crate) fn numbers(data: &[u8]) {
    for bytes in data.as_chunks::<8>().0 {
        let nanos = u64::from_le_bytes(*bytes);
        let text = format!("{}.{:09}Z", written(nanos), nanos % SECOND);
        assert_eq!(Timestamp::new(&text).as_nanos(), Some(nanos), "{text}");
        for time in [TimeMs::new(nanos), TimeMs::new(nanos / 1_000_000)] {
            for interval in INTERVALS {
                check_floor(interval, time, interval.floor(time));
            }
        }
    }
}

const INTERVALS: [Interval; 10] = [
    Interval::Minute1,
    Interval::Minute5,
    Interval::Minute15,
    Interval::Minute30,
    Interval::Hour1,
    Interval::Hour2,
    Interval::Hour4,
    Interval::Day1,
    Interval::Week1,
    Interval::Month1,
];

/// What a text says, written again, is the text.
pub(crate) fn check(text: &str) {
    let stamp = Timestamp::new(text);
    assert_eq!(stamp.to_string(), text);
    let Some(nanos) = stamp.as_nanos() else {
        assert_eq!(stamp.to_time(), None);
        return;
    };
    assert_eq!(stamp.to_time().map(TimeMs::as_millis), Some(nanos / 1_000_000));
    let plain = text.replacen([' ', 't'], "T", 1).replace('z', "Z");
    let (seconds, fraction) = plain.split_once(['.', 'Z']).expect("it ends with a Z");
    assert_eq!(
        format!("{:0<9}", fraction.trim_end_matches('Z')),
        format!("{:09}", nanos % SECOND),
        "{text:?}"
    );
    match seconds.strip_suffix(":60") {
        // A leap second is the first second of the next minute.
        Some(minute) => {
            let last = nanos - SECOND;
            assert_eq!(format!("{minute}:59"), written(last), "{text:?}");
        }
        None => assert_eq!(seconds, written(nanos), "{text:?}"),
    }
}

/// Date and time of a moment, found by counting days through the calendar of 400 years.
fn written(nanos: u64) -> String {
    let seconds = nanos / SECOND;
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Years that begin in March: then the day that comes and goes is the last one.
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute) = (second / 3_600, second / 60 % 60);
    format!(
        "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{:02}",
        second % 60
    )
}

/// The beginning of an interval is its own, not late, and not too early.
pub(crate) fn check_floor(interval: Interval, time: TimeMs, floor: TimeMs) {
    let longest = match interval {
        Interval::Month1 => 31 * MILLIS_OF_A_DAY,
        Interval::Week1 => 7 * MILLIS_OF_A_DAY,
        _ => MILLIS_OF_A_DAY,
    };
    let early = time
        .as_millis()
        .checked_sub(floor.as_millis())
        .expect("no later than the moment");
    assert!(early < longest, "{interval:?} of {time:?} begins {floor:?}");
    assert_eq!(interval.floor(floor), floor, "{interval:?} of {time:?}");
    if interval == Interval::Month1 && floor.as_millis() < u64::MAX / 1_000_000 {
        assert!(
            written(floor.as_millis() * 1_000_000).ends_with("-01T00:00:00"),
            "{time:?}"
        );
    }
}

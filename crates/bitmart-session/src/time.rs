//! Time as the session sees it: nanoseconds on a scale of the driver's own, read once per socket read.

use std::fmt;

/// One millisecond, in nanoseconds.
pub const MILLISECOND: u64 = 1_000_000;
/// One second, in nanoseconds.
pub const SECOND: u64 = 1_000 * MILLISECOND;
/// One minute, in nanoseconds.
pub const MINUTE: u64 = 60 * SECOND;

/// A point in time, on the driver's scale and as Unix time.
///
/// ```
/// let moment = bitmart_session::Moment { ns: 0, unix_ms: 1_700_000_000_123 };
/// assert_eq!(moment.to_string(), "22:13:20.123 UTC");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    /// Nanoseconds on the scale of the driver's clock. Differences are exact, also across a change of the wall
    /// clock.
    pub ns: u64,
    /// Unix time in milliseconds by the local wall clock: read when the connection was opened, advanced by the
    /// driver's clock since. What a query for the missed time needs.
    pub unix_ms: u64,
}

impl fmt::Display for Moment {
    /// The time of day, in UTC, to the millisecond.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, ms) = (self.unix_ms / 1_000, self.unix_ms % 1_000);
        let (hours, minutes) = (seconds / 3_600 % 24, seconds / 60 % 60);
        write!(f, "{hours:02}:{minutes:02}:{:02}.{ms:03} UTC", seconds % 60)
    }
}

impl Moment {
    /// The moment `ns` on the same scale, which may lie before this one.
    #[must_use]
    pub fn at(self, ns: u64) -> Self {
        let unix_ms = if ns >= self.ns {
            self.unix_ms.saturating_add((ns - self.ns) / MILLISECOND)
        } else {
            self.unix_ms.saturating_sub((self.ns - ns) / MILLISECOND)
        };
        Self { ns, unix_ms }
    }
}

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

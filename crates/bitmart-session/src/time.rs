//! Time as the session sees it: nanoseconds on a scale of the driver's own, read once per socket read.

/// One millisecond, in nanoseconds.
pub const MILLISECOND: u64 = 1_000_000;
/// One second, in nanoseconds.
pub const SECOND: u64 = 1_000 * MILLISECOND;
/// One minute, in nanoseconds.
pub const MINUTE: u64 = 60 * SECOND;

/// A point in time, on the driver's scale and as Unix time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    /// Nanoseconds on the scale of the driver's clock. Differences are exact, also across a change of the wall
    /// clock.
    pub ns: u64,
    /// Unix time in milliseconds by the local wall clock: read when the connection was opened, advanced by the
    /// driver's clock since. What a query for the missed time needs.
    pub unix_ms: u64,
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

//! The simulator's two real clocks. Payloads read neither: they have the exchange's simulated one.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// The last moment that an HTTP date can say, in Unix milliseconds: the end of the year 9999.
const MAX_HTTP_DATE_MS: u64 = 253_402_300_799_000;

/// Wall time for what must agree with the outside: the login's window and the `Date` header.
#[derive(Clone)]
pub(crate) struct WallClock {
    unix_ms: Arc<dyn Fn() -> u64 + Send + Sync>,
}

impl WallClock {
    pub(crate) fn system() -> Self {
        Self::new(|| {
            #[expect(
                clippy::disallowed_methods,
                reason = "this is the simulator's one seam to the wall clock"
            )]
            let now = SystemTime::now();
            let since_epoch = now.duration_since(UNIX_EPOCH).unwrap_or_default();
            u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX)
        })
    }

    pub(crate) fn new(unix_ms: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        Self {
            unix_ms: Arc::new(unix_ms),
        }
    }

    pub(crate) fn now_ms(&self) -> u64 {
        (self.unix_ms)()
    }

    /// The value of a `Date` header.
    pub(crate) fn http_date(&self) -> String {
        let now = Duration::from_millis(self.now_ms().min(MAX_HTTP_DATE_MS));
        httpdate::fmt_http_date(UNIX_EPOCH + now)
    }
}

impl fmt::Debug for WallClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WallClock(…)")
    }
}

/// A moment so much later, or one that no process lives to see.
pub(crate) fn later(moment: Instant, by: Duration) -> Instant {
    const FAR: Duration = Duration::from_secs(30 * 365 * 86_400);
    moment.checked_add(by.min(FAR)).unwrap_or(moment)
}

/// Monotonic time, for delays and for the exchange's limits per ten seconds.
pub(crate) fn monotonic() -> Instant {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the simulator's one seam to the monotonic clock"
    )]
    Instant::now()
}

//! Where the time comes from: the seam that tests own.

use std::time::{SystemTime, UNIX_EPOCH};

/// Two clocks: one to measure spans with, one to tell the date.
///
/// Everything above the sockets takes its time from here, so that a test that owns the clock owns the time.
/// Deadlines of single awaits are tokio's, which a test can pause.
pub trait Clock: Send + Sync {
    /// Nanoseconds on a scale of this clock's own, which never goes back. Only differences mean anything.
    fn now_ns(&self) -> u64;

    /// Unix time in milliseconds. It may jump either way.
    fn wall_ms(&self) -> u64;
}

/// The clocks of the operating system. The default.
///
/// ```
/// use bitmart_ws::{Clock, SystemClock};
///
/// let clock = SystemClock::new();
/// let before_ns = clock.now_ns();
/// assert!(clock.now_ns() >= before_ns);
/// ```
///
/// On Linux and Android, [`now_ns`](Clock::now_ns) goes on while the machine is suspended (`CLOCK_BOOTTIME`).
/// So a connection that slept through a night knows so, and doesn't take yesterday's message for one of a
/// second ago. On other systems it is [`std::time::Instant`], which counts suspended time on Windows, but not
/// on Apple's systems.
///
/// All of them in a process share one scale.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct SystemClock {}

impl SystemClock {
    /// The clocks of the operating system.
    #[must_use]
    pub fn new() -> Self {
        Self {}
    }
}

impl Clock for SystemClock {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn now_ns(&self) -> u64 {
        use rustix::time::{ClockId, clock_gettime};

        let since_boot = clock_gettime(ClockId::Boottime);
        // Neither part is ever negative; and 584 years fit.
        since_boot.tv_sec.unsigned_abs().saturating_mul(1_000_000_000)
            + u64::try_from(since_boot.tv_nsec).unwrap_or_default()
    }

    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    fn now_ns(&self) -> u64 {
        static ORIGIN: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
        #[expect(clippy::disallowed_methods, reason = "the seam itself")]
        let origin = ORIGIN.get_or_init(std::time::Instant::now);
        u64::try_from(origin.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    #[expect(clippy::disallowed_methods, reason = "the seam itself")]
    fn wall_ms(&self) -> u64 {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX)
    }
}

/// Tokio's clock, for tests under paused time: it moves when tokio's timers do, and both its clocks move
/// together.
///
/// ```
/// use std::time::Duration;
///
/// use bitmart_ws::{Clock, TokioClock};
///
/// # let mut runtime = tokio::runtime::Builder::new_current_thread();
/// # runtime.enable_time().start_paused(true).build().unwrap().block_on(async {
/// let clock = TokioClock::starting_at(1_700_000_000_000);
/// tokio::time::sleep(Duration::from_secs(3600)).await; // at once, for the time is paused
/// assert_eq!(clock.now_ns(), 3_600_000_000_000);
/// assert_eq!(clock.wall_ms(), 1_700_003_600_000);
/// # });
/// ```
#[derive(Clone, Copy, Debug)]
pub struct TokioClock {
    origin: tokio::time::Instant,
    wall_origin_ms: u64,
}

impl TokioClock {
    /// A clock whose scale begins now, at this Unix time in milliseconds.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the seam itself")]
    pub fn starting_at(wall_ms: u64) -> Self {
        Self {
            origin: tokio::time::Instant::now(),
            wall_origin_ms: wall_ms,
        }
    }
}

impl Clock for TokioClock {
    fn now_ns(&self) -> u64 {
        u64::try_from(self.origin.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn wall_ms(&self) -> u64 {
        self.wall_origin_ms.saturating_add(self.now_ns() / 1_000_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_clock_moves_forward_and_knows_the_century() {
        let clock = SystemClock::new();
        let (before_ns, before_ms) = (clock.now_ns(), clock.wall_ms());
        std::thread::sleep(std::time::Duration::from_millis(2));
        let passed_ns = clock.now_ns() - before_ns;
        assert!((2_000_000..60_000_000_000).contains(&passed_ns), "{passed_ns}");
        assert!(before_ms > 1_700_000_000_000, "{before_ms}");
    }
}

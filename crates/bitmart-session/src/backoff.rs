use bitmart_proto::ErrorClass;

use crate::config::BackoffConfig;
use crate::time::MILLISECOND;
use crate::{Cause, Retry};

/// Failed attempts in a row after which the exchange counts as unreachable.
pub(crate) const DEGRADED_AFTER: u32 = 10;

/// Wait at least this long, in milliseconds, after the exchange refused for a limit or asked for patience: its
/// limits are counted by the minute.
const COOL_OFF_MS: u64 = 60_000;

/// Wait at least this long, in milliseconds, after a login was refused for now: logins are not to be hammered.
const LOGIN_COOL_OFF_MS: u64 = 20_000;

/// Close codes by which a server says that it restarts, and over which clients should spread their return.
const RESTART_CODES: [u16; 2] = [1001, 1012];

/// The window of that spread, in milliseconds.
const RESTART_SPREAD_MS: std::ops::RangeInclusive<u64> = 1_000..=10_000;

/// After this many attempts in a row that end so, it is no restart, and the usual ceiling holds.
const RESTART_ATTEMPTS: u32 = 3;

/// Spaces retries: full jitter under a doubling ceiling, with exceptions for causes that call for haste or
/// patience.
#[derive(Debug)]
pub(crate) struct Backoff {
    config: BackoffConfig,
    rng: fastrand::Rng,
    /// How often the ceiling has been doubled since the last stable connection.
    doublings: u32,
}

impl Backoff {
    pub(crate) fn new(config: BackoffConfig, seed: u64) -> Self {
        Self {
            config,
            rng: fastrand::Rng::with_seed(seed),
            doublings: 0,
        }
    }

    /// The delay before the next attempt, in nanoseconds.
    ///
    /// `ready_for` is how long the lost connection had been ready, `attempt` counts from 1 since then.
    pub(crate) fn delay(&mut self, cause: &Cause, ready_for: Option<u64>, attempt: u32) -> u64 {
        if ready_for.is_some_and(|ns| ns >= self.config.stable_ms.saturating_mul(MILLISECOND)) {
            self.doublings = 0;
        }
        self.delay_ms(cause, ready_for, attempt)
            .saturating_mul(MILLISECOND)
    }

    fn delay_ms(&mut self, cause: &Cause, ready_for: Option<u64>, attempt: u32) -> u64 {
        match cause {
            Cause::PeerClosed { code: Some(code), .. }
                if RESTART_CODES.contains(code) && attempt <= RESTART_ATTEMPTS =>
            {
                return self.rng.u64(RESTART_SPREAD_MS);
            }
            Cause::Connect {
                retry: Retry::Slow, ..
            } => return self.patiently(COOL_OFF_MS),
            Cause::Connect {
                retry: Retry::After { ms },
                ..
            } => {
                let asked_for = self.patiently(*ms);
                return asked_for.max(self.usual_ms(ready_for, attempt));
            }
            Cause::LoginRefused(refusal) | Cause::Refused(refusal) => match refusal.class() {
                ErrorClass::Limit => return self.patiently(COOL_OFF_MS),
                ErrorClass::Clock => {}
                _ => return self.patiently(LOGIN_COOL_OFF_MS),
            },
            _ => {}
        }
        self.usual_ms(ready_for, attempt)
    }

    fn usual_ms(&mut self, ready_for: Option<u64>, attempt: u32) -> u64 {
        if attempt > DEGRADED_AFTER {
            return self.patiently(self.config.max_ms / 4 * 3);
        }
        if ready_for.is_some_and(|ns| ns >= self.config.ready_for_quick_ms.saturating_mul(MILLISECOND)) {
            return self.rng.u64(0..=self.config.quick_ms);
        }
        let ceiling = self
            .config
            .base_ms
            .saturating_mul(1 << self.doublings.min(32))
            .min(self.config.max_ms);
        self.doublings = self.doublings.saturating_add(1);
        self.rng.u64(0..=ceiling)
    }

    /// At least `floor_ms`, and up to half as much again so that clients don't come back together.
    fn patiently(&mut self, floor_ms: u64) -> u64 {
        floor_ms.saturating_add(self.rng.u64(0..=floor_ms / 2))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bitmart_proto::{ErrorCode, Refusal};

    const SEED: u64 = 11;

    fn lost() -> Cause {
        Cause::Lost { text: String::new() }
    }

    fn delays(cause: &Cause, ready_for: Option<u64>, attempt: u32) -> (u64, u64) {
        let all: Vec<u64> = (0..2_000)
            .map(|seed| {
                Backoff::new(BackoffConfig::default(), SEED + seed).delay(cause, ready_for, attempt)
                    / MILLISECOND
            })
            .collect();
        (*all.iter().min().unwrap(), *all.iter().max().unwrap())
    }

    #[test]
    fn the_first_retry_of_a_ready_connection_is_quick() {
        let (min, max) = delays(&lost(), Some(5_000 * MILLISECOND), 1);
        assert!(min < 20 && (380..=400).contains(&max), "{min}..{max}");
        let (_, max) = delays(&lost(), Some(4_999 * MILLISECOND), 1);
        assert!((900..=1_000).contains(&max), "{max}");
    }

    /// A connection that comes and goes is asked for ever more rarely, until it has stood for a minute.
    #[test]
    fn only_a_stable_connection_begins_anew() {
        let after = |ready_for_ms: u64| {
            let delays = (0..500).map(|seed| {
                let mut backoff = Backoff::new(BackoffConfig::default(), SEED + seed);
                for attempt in 1..=6 {
                    backoff.delay(&lost(), Some(MILLISECOND), attempt);
                }
                backoff.delay(&lost(), Some(ready_for_ms * MILLISECOND), 1);
                backoff.delay(&lost(), None, 2) / MILLISECOND
            });
            delays.sum::<u64>() / 500
        };
        let (briefly, stably) = (after(10_000), after(60_000));
        assert!((25_000..35_000).contains(&briefly), "{briefly}");
        assert!(stably < 1_000, "{stably}");
    }

    /// Failure mode 24: clients of a restarting server spread out.
    #[test]
    fn a_restart_spreads_clients_over_ten_seconds() {
        for code in RESTART_CODES {
            let cause = Cause::PeerClosed {
                code: Some(code),
                reason: String::new(),
            };
            let (min, max) = delays(&cause, Some(600_000 * MILLISECOND), 1);
            assert!(
                (1_000..1_100).contains(&min) && (9_900..=10_000).contains(&max),
                "{min}..{max}"
            );
        }
    }

    #[test]
    fn the_ceiling_doubles_to_a_minute_and_starts_again_after_a_stable_one() {
        let mut ceilings = Vec::new();
        for attempt in 1..=DEGRADED_AFTER {
            let max = (0..400)
                .map(|seed| {
                    let mut backoff = Backoff::new(BackoffConfig::default(), SEED + seed);
                    (1..=attempt)
                        .map(|n| backoff.delay(&lost(), None, n))
                        .last()
                        .unwrap()
                        / MILLISECOND
                })
                .max()
                .unwrap();
            ceilings.push(max);
        }
        for (at, max) in ceilings.iter().enumerate() {
            let ceiling = (1_000u64 << at).min(60_000);
            assert!(
                *max <= ceiling && *max > ceiling * 9 / 10,
                "attempt {}: {max} under {ceiling}",
                at + 1
            );
        }
        let mut backoff = Backoff::new(BackoffConfig::default(), SEED);
        for attempt in 1..=8 {
            backoff.delay(&lost(), None, attempt);
        }
        assert_eq!(backoff.doublings, 8);
        backoff.delay(&lost(), Some(60_000 * MILLISECOND), 1);
        assert_eq!(backoff.doublings, 0);
    }

    /// Failure modes 12 and 23: limits and deferred logins call for patience.
    #[test]
    fn limits_cool_off_for_a_minute() {
        let limit = Cause::Refused(Refusal::new(Some(ErrorCode(94002)), ""));
        assert!(delays(&limit, Some(600_000 * MILLISECOND), 1).0 >= 60_000);
        let busy = Cause::LoginRefused(Refusal::new(Some(ErrorCode(95000)), ""));
        assert!(delays(&busy, None, 1).0 >= 20_000);
        let at_once = Cause::Connect {
            kind: crate::ConnectErrorKind::Timeout,
            retry: Retry::After { ms: 0 },
            text: String::new(),
        };
        assert!(
            delays(&at_once, None, DEGRADED_AFTER + 1).0 >= 45_000,
            "the exchange's haste is not ours"
        );
        let after = Cause::Connect {
            kind: crate::ConnectErrorKind::Timeout,
            retry: Retry::After { ms: 7_000 },
            text: String::new(),
        };
        assert!(delays(&after, None, 1).0 >= 7_000);
    }

    /// Failure mode 54: a host that is gone for good is asked about once a minute.
    #[test]
    fn a_lost_host_is_asked_about_once_a_minute() {
        let (min, max) = delays(&lost(), None, DEGRADED_AFTER + 1);
        assert!(min >= 45_000 && max <= 67_500, "{min}..{max}");
    }
}

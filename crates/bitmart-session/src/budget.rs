use std::collections::{HashMap, VecDeque};

use bitmart_proto::limits::MAX_CONNECTS_PER_MINUTE;

use crate::time::{MINUTE, SECOND};

/// Hosts that a budget remembers; the ones unused for longest are forgotten first. A client talks to at most six.
const MAX_HOSTS: usize = 64;

/// How long a place stays taken, in nanoseconds. A second more than the exchange's minute: it counts arrivals, and what
/// left a minute apart may arrive closer together.
const WINDOW: u64 = MINUTE + SECOND;

/// How many connections may be opened to one host and port: a pure value, without a clock.
///
/// The exchange counts by address, so all clients of a process should share one budget.
///
/// ```
/// use bitmart_session::{Budget, time::SECOND};
///
/// let mut budget = Budget::new(2);
/// assert_eq!(budget.reserve(0, "host", 443), 0);
/// assert_eq!(budget.reserve(5 * SECOND, "host", 443), 5 * SECOND);
/// assert_eq!(budget.reserve(5 * SECOND, "host", 443), 61 * SECOND, "a minute and a bit after the first");
/// assert_eq!(budget.reserve(5 * SECOND, "other", 443), 5 * SECOND);
/// ```
#[derive(Clone, Debug)]
pub struct Budget {
    per_minute: usize,
    hosts: HashMap<(String, u16), Host>,
}

#[derive(Clone, Debug, Default)]
struct Host {
    /// The last reservations, oldest first; at most `per_minute`.
    reserved: VecDeque<u64>,
    closed_until: u64,
    used_at: u64,
}

impl Budget {
    /// A budget of `per_minute` connections to each host and port; 0 counts as 1.
    #[must_use]
    pub fn new(per_minute: u32) -> Self {
        Self {
            per_minute: per_minute.max(1) as usize,
            hosts: HashMap::new(),
        }
    }

    /// Takes the next free place: the connection may be opened at the time returned, which is `now` or later.
    ///
    /// A place once taken is used up, whether or not a connection is opened.
    pub fn reserve(&mut self, now: u64, host: &str, port: u16) -> u64 {
        let per_minute = self.per_minute;
        let entry = self.host(now, host, port);
        let mut not_before = now.max(entry.closed_until);
        if let Some(last) = entry.reserved.back() {
            not_before = not_before.max(*last);
        }
        if entry.reserved.len() == per_minute {
            let oldest = entry.reserved.pop_front().expect("a full list has a first");
            not_before = not_before.max(oldest.saturating_add(WINDOW));
        }
        entry.reserved.push_back(not_before);
        not_before
    }

    /// When a place that was taken earlier may be used: `now`, or later if the host has complained since.
    pub fn opens_at(&mut self, now: u64, host: &str, port: u16) -> u64 {
        now.max(self.host(now, host, port).closed_until)
    }

    /// Lets nobody connect to a host before `until`: it has complained.
    pub fn cool_off(&mut self, now: u64, host: &str, port: u16, until: u64) {
        let entry = self.host(now, host, port);
        entry.closed_until = entry.closed_until.max(until);
    }

    fn host(&mut self, now: u64, host: &str, port: u16) -> &mut Host {
        if self.hosts.len() >= MAX_HOSTS && !self.hosts.contains_key(&(host.to_owned(), port)) {
            let idle = self
                .hosts
                .iter()
                .min_by_key(|(_, entry)| entry.used_at)
                .map(|(key, _)| key.clone());
            if let Some(idle) = idle {
                self.hosts.remove(&idle);
            }
        }
        let entry = self.hosts.entry((host.to_owned(), port)).or_default();
        entry.used_at = now;
        entry
    }
}

impl Default for Budget {
    /// What the exchange documents: [`MAX_CONNECTS_PER_MINUTE`].
    fn default() -> Self {
        Self::new(MAX_CONNECTS_PER_MINUTE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_minute_holds_more_than_the_budget() {
        let mut rng = fastrand::Rng::with_seed(5);
        let mut budget = Budget::default();
        let mut now = 0;
        let mut opened = Vec::new();
        for _ in 0..500 {
            now += rng.u64(0..SECOND);
            opened.push(budget.reserve(now, "h", 1));
        }
        assert!(opened.is_sorted());
        for from in &opened {
            let within = opened
                .iter()
                .filter(|at| (*from..from + MINUTE + SECOND).contains(at))
                .count();
            assert!(within <= MAX_CONNECTS_PER_MINUTE as usize, "{within}");
        }
    }

    #[test]
    fn a_host_that_complains_is_left_alone() {
        let mut budget = Budget::default();
        budget.cool_off(0, "h", 1, MINUTE);
        assert_eq!(budget.reserve(SECOND, "h", 1), MINUTE);
        assert_eq!(budget.reserve(SECOND, "h", 2), SECOND);
    }

    #[test]
    fn memory_is_bounded() {
        let mut budget = Budget::default();
        for port in 0..1_000 {
            budget.reserve(u64::from(port), "h", port);
        }
        assert_eq!(budget.hosts.len(), MAX_HOSTS);
    }
}

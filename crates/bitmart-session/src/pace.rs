use crate::time::SECOND;

/// Time between two messages at the steady pace: 8 a second.
const INTERVAL: u64 = SECOND / 8;

/// How many messages may go out at once after a pause. With [`INTERVAL`] that makes at most 88 in any 10 s, and
/// the exchange allows 100: the rest is room for pings, which don't wait.
const BURST: u64 = 8;

/// Paces the messages of one socket. Pings count, but never wait.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    /// When the bucket would be full again.
    full_at: u64,
}

impl Pace {
    /// When the next message may go out: `now` or later.
    pub(crate) fn free_at(&self, now: u64) -> u64 {
        now.max(self.full_at.saturating_sub((BURST - 1) * INTERVAL))
    }

    /// Counts a message that goes out at `now`.
    pub(crate) fn count(&mut self, now: u64) {
        self.full_at = self.full_at.max(now).saturating_add(INTERVAL);
    }

    /// Lets nothing but pings out until `until`.
    pub(crate) fn pause(&mut self, until: u64) {
        self.full_at = self.full_at.max(until.saturating_add((BURST - 1) * INTERVAL));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bitmart_proto::limits::{MAX_MESSAGES_PER_WINDOW, MESSAGE_WINDOW_MS};

    #[test]
    fn the_end_of_time_is_no_overflow() {
        let mut pace = Pace::default();
        pace.count(u64::MAX);
        pace.pause(u64::MAX - 1);
        pace.count(u64::MAX);
        assert_eq!(pace.free_at(u64::MAX), u64::MAX);
    }

    /// Failure mode 22: never more than 100 messages in any 10 s, whatever the demand.
    #[test]
    fn no_window_holds_more_than_the_exchange_allows() {
        let mut pace = Pace::default();
        let mut sent = Vec::new();
        let mut now = 0;
        let mut next_ping = 0;
        while now < 60 * SECOND {
            if now >= next_ping {
                pace.count(now);
                sent.push(now);
                next_ping = now + 15 * SECOND;
            }
            now = pace.free_at(now).max(now + 1);
            if pace.free_at(now) == now {
                pace.count(now);
                sent.push(now);
            }
        }
        let window = MESSAGE_WINDOW_MS * crate::time::MILLISECOND;
        let most = sent
            .iter()
            .map(|from| {
                sent.iter()
                    .filter(|at| (*from..from + window).contains(at))
                    .count()
            })
            .max();
        assert!(most.unwrap() <= MAX_MESSAGES_PER_WINDOW as usize, "{most:?}");
        assert!(sent.len() > 60 * 7, "{} in a minute is too slow", sent.len());
    }
}

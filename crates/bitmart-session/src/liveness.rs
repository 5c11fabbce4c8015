use crate::Config;
use crate::time::{MILLISECOND, MINUTE};

/// How long a frame may be in coming, in nanoseconds: the longest message there can be, 1 MiB, comes in time over
/// 140 kbit/s. A stream that has lost its step brings bytes for ever, such as answers to pings, and no frame.
const FRAME_TIMEOUT: u64 = MINUTE;

/// Knows when to ping and when to give a socket up.
#[derive(Debug)]
pub(crate) struct Liveness {
    last_inbound: u64,
    last_frame: Option<u64>,
    /// When the first bytes came behind the last whole frame.
    half_since: Option<u64>,
    last_outbound: u64,
    /// When the grace of the ping in flight ends.
    give_up_at: Option<u64>,
    ping_after: u64,
    pong_grace: u64,
}

impl Liveness {
    pub(crate) fn new(now: u64, config: &Config) -> Self {
        Self {
            last_inbound: now,
            last_frame: None,
            half_since: None,
            last_outbound: now,
            give_up_at: None,
            // Without any pause between them, pings would never end.
            ping_after: config.ping_after_ms.max(1).saturating_mul(MILLISECOND),
            pong_grace: config.pong_grace_ms.saturating_mul(MILLISECOND),
        }
    }

    /// Any inbound byte is life, as long as frames come of it.
    pub(crate) fn inbound(&mut self, now: u64, whole_frame: bool) {
        self.last_inbound = now;
        self.give_up_at = None;
        if whole_frame {
            self.last_frame = Some(now);
            self.half_since = None;
        } else {
            self.half_since.get_or_insert(now);
        }
    }

    pub(crate) fn outbound(&mut self, now: u64) {
        self.last_outbound = now;
    }

    pub(crate) fn ping_sent(&mut self, now: u64) {
        self.last_outbound = now;
        self.give_up_at = Some(now.saturating_add(self.pong_grace));
    }

    /// When the last whole frame came in on this socket.
    pub(crate) fn last_frame(&self) -> Option<u64> {
        self.last_frame
    }

    /// When a ping is due, unless one is in flight. While nothing is read no answer is waited for: one ping
    /// follows the other.
    pub(crate) fn ping_at(&self, is_paused: bool) -> Option<u64> {
        match self.give_up_at {
            _ if is_paused => Some(self.last_outbound.saturating_add(self.ping_after)),
            Some(_) => None,
            None => Some(
                self.last_inbound
                    .min(self.last_outbound)
                    .saturating_add(self.ping_after),
            ),
        }
    }

    /// Reading goes on: what came meanwhile, answers to pings among it, has its grace to be read.
    pub(crate) fn resume(&mut self, now: u64) {
        if self.give_up_at.is_some() {
            self.give_up_at = Some(now.saturating_add(self.pong_grace));
        }
        if self.half_since.is_some() {
            self.half_since = Some(now);
        }
    }

    /// When the frame that has begun to come, if one has, is to be whole.
    pub(crate) fn whole_by(&self) -> Option<u64> {
        self.half_since.map(|since| since.saturating_add(FRAME_TIMEOUT))
    }

    /// When the socket is to be given up.
    pub(crate) fn give_up_at(&self) -> Option<u64> {
        self.give_up_at
    }
}

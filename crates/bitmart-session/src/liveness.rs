use crate::Config;
use crate::time::{MILLISECOND, MINUTE, SECOND};

/// How long a frame may be in coming, in nanoseconds: the longest message there can be, 1 MiB, comes in time over
/// 140 kbit/s. A stream that has lost its step brings bytes for ever, such as answers to pings, and no frame.
const FRAME_TIMEOUT: u64 = MINUTE;

/// So often, in nanoseconds, a driver is to look whether its socket is dry, if nothing else calls it.
const LOOK_EVERY: u64 = SECOND;

/// A frame that is read this long, in nanoseconds, after the socket was last seen dry may have come long before it was
/// read: nobody has looked.
const UNSEEN_AFTER: u64 = 2 * LOOK_EVERY;

/// Knows when to ping and when to give a socket up, and since when everything that came has been read.
#[derive(Debug)]
pub(crate) struct Liveness {
    last_inbound: u64,
    /// By when the last whole frame had come.
    last_frame: Option<u64>,
    /// When the first bytes came behind the last whole frame.
    half_since: Option<u64>,
    last_outbound: u64,
    /// When the socket was last seen dry: whatever came until then has been read.
    dry_at: u64,
    /// When the driver was last there.
    looked_at: u64,
    /// What is read was in the socket already when the driver came back to it.
    is_behind: bool,
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
            dry_at: now,
            looked_at: now,
            is_behind: false,
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
        self.is_behind |= now.saturating_sub(self.dry_at) > UNSEEN_AFTER;
        if whole_frame {
            self.last_frame = Some(self.arrival(now));
            self.half_since = None;
        } else {
            self.half_since.get_or_insert(now);
        }
    }

    /// The earliest time at which what is read now can have come: now, unless nobody has looked for a while.
    pub(crate) fn arrival(&self, now: u64) -> u64 {
        match self.is_behind {
            true => self.dry_at,
            false => now,
        }
    }

    /// Nothing is left in the socket.
    pub(crate) fn drained(&mut self, now: u64) {
        self.looked(now);
        (self.dry_at, self.is_behind) = (now, false);
    }

    /// The driver is there, whether or not it has looked into the socket.
    pub(crate) fn looked(&mut self, now: u64) {
        if now.saturating_sub(self.looked_at) > UNSEEN_AFTER {
            // The rest of a frame may have come meanwhile: it has its minute to be read.
            self.half_since = self.half_since.map(|_| now);
        }
        self.looked_at = now;
    }

    /// When the driver is to look at the latest.
    pub(crate) fn look_at(&self) -> u64 {
        self.looked_at.saturating_add(LOOK_EVERY)
    }

    pub(crate) fn outbound(&mut self, now: u64) {
        self.last_outbound = now;
    }

    pub(crate) fn ping_sent(&mut self, now: u64) {
        self.last_outbound = now;
        self.give_up_at = Some(now.saturating_add(self.pong_grace));
    }

    /// By when the last whole frame had come in on this socket.
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
        self.is_behind = true;
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

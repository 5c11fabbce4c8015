use crate::{Bounds, ConfigError};

/// A session's timings. Immutable once the session exists.
///
/// ```
/// let mut config = bitmart_session::Config::default();
/// config.ping_after_ms = 10_000;
/// assert_eq!(config.pong_grace_ms, 10_000);
/// assert!(config.validate().is_ok());
///
/// config.ping_after_ms = 25_000;
/// let error = config.validate().unwrap_err();
/// assert_eq!(error.field(), "session.ping_after_ms");
/// ```
///
/// All fields are milliseconds. The defaults come from `docs/PROTOCOL.md`, *Heartbeat* and *Limits*. A session takes
/// any value without harm to itself; [`validate`](Self::validate) tells which ones make no sense with the exchange,
/// and `bitmart::ClientBuilder` insists on it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// A ping is due this long after the last inbound or the last outbound frame, whichever is earlier. Default
    /// 15,000, range [`PING_AFTER`](Self::PING_AFTER): the exchange documents that it closes after 20 s of silence,
    /// and 15 s leaves room for a slow network.
    pub ping_after_ms: u64,
    /// How long after a ping anything must have come, else the socket is given up. Default 10,000, range
    /// [`PONG_GRACE`](Self::PONG_GRACE): with the default ping, a dead peer is noticed within 25 s.
    pub pong_grace_ms: u64,
    /// How long a signer may take, for a driver that awaits one: a `RemoteSigner` in `bitmart-ws`. Default 10,000,
    /// range [`SIGN_TIMEOUT`](Self::SIGN_TIMEOUT): the timestamp was taken before, and is good for 60 s.
    pub sign_timeout_ms: u64,
    /// How long the exchange may take to answer a login. Default 10,000, range
    /// [`LOGIN_TIMEOUT`](Self::LOGIN_TIMEOUT).
    pub login_timeout_ms: u64,
    /// How long the exchange may take to acknowledge a topic before it is asked again. Default 10,000, range
    /// [`ACK_TIMEOUT`](Self::ACK_TIMEOUT).
    pub ack_timeout_ms: u64,
    /// The exchange's clock minus ours, if it was measured; up to [`CLOCK_OFFSET`](Self::CLOCK_OFFSET) either way. By
    /// default it is taken from the `Date` header of the upgrade's answer, when that is more than two seconds off. One
    /// that is given is corrected in the same way once the exchange has refused a login for its timestamp.
    pub clock_offset_ms: Option<i64>,
    /// How retries are spaced.
    pub backoff: BackoffConfig,
}

impl Config {
    /// Range of [`ping_after_ms`](Self::ping_after_ms).
    pub const PING_AFTER: Bounds = Bounds {
        field: "session.ping_after_ms",
        min: 200,
        max: 19_000,
        unit: "ms",
        reason: "the exchange takes 100 messages in 10 s, pings included, and closes what is silent for 20 s",
    };
    /// Range of [`pong_grace_ms`](Self::pong_grace_ms).
    pub const PONG_GRACE: Bounds = Bounds {
        field: "session.pong_grace_ms",
        min: 50,
        max: 60_000,
        unit: "ms",
        reason: "an answer has to travel there and back, and a dead connection is to be noticed within a minute",
    };
    /// Range of [`sign_timeout_ms`](Self::sign_timeout_ms).
    pub const SIGN_TIMEOUT: Bounds = Bounds {
        field: "session.sign_timeout_ms",
        min: 1,
        max: 50_000,
        unit: "ms",
        reason: "the timestamp that is signed is good for 60 s",
    };
    /// Range of [`login_timeout_ms`](Self::login_timeout_ms).
    pub const LOGIN_TIMEOUT: Bounds = Bounds {
        field: "session.login_timeout_ms",
        ..ANSWER
    };
    /// Range of [`ack_timeout_ms`](Self::ack_timeout_ms).
    pub const ACK_TIMEOUT: Bounds = Bounds {
        field: "session.ack_timeout_ms",
        ..ANSWER
    };
    /// Range of [`clock_offset_ms`](Self::clock_offset_ms), either way.
    pub const CLOCK_OFFSET: Bounds = Bounds {
        field: "session.clock_offset_ms",
        min: 0,
        max: 86_400_000,
        unit: "ms",
        reason: "that is meant either way, ahead or behind, and a clock that is off by more is better set than corrected",
    };

    /// Whether the values make sense with the exchange.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] names the first that doesn't, and its range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        Self::PING_AFTER.check(self.ping_after_ms)?;
        Self::PONG_GRACE.check(self.pong_grace_ms)?;
        Self::SIGN_TIMEOUT.check(self.sign_timeout_ms)?;
        Self::LOGIN_TIMEOUT.check(self.login_timeout_ms)?;
        Self::ACK_TIMEOUT.check(self.ack_timeout_ms)?;
        Self::CLOCK_OFFSET.check(self.clock_offset_ms.unwrap_or(0).unsigned_abs())?;
        self.backoff.validate()
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            ping_after_ms: 15_000,
            pong_grace_ms: 10_000,
            sign_timeout_ms: 10_000,
            login_timeout_ms: 10_000,
            ack_timeout_ms: 10_000,
            clock_offset_ms: None,
            backoff: BackoffConfig::default(),
        }
    }
}

/// For an answer of the exchange.
const ANSWER: Bounds = Bounds {
    field: "",
    min: 50,
    max: 60_000,
    unit: "ms",
    reason: "an answer has to travel there and back, and after a minute none will come",
};

/// The least base of the backoff, in milliseconds: below it, a host that is down would be asked without a pause.
const MIN_BASE_MS: u64 = 10;

/// How retries are spaced. All fields are milliseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BackoffConfig {
    /// The first retry of a connection that had been ready for [`Self::ready_for_quick_ms`] waits a random time up
    /// to this. Default 400: long enough to spread clients that were cut together, short enough to miss little. At
    /// most [`Self::max_ms`].
    pub quick_ms: u64,
    /// See [`Self::quick_ms`]. Default 5,000, range [`READY`](Self::READY): what falls at once falls again.
    pub ready_for_quick_ms: u64,
    /// Other retries wait a random time up to this, doubled for each failure in a row… Default 1,000, at least 10
    /// and at most [`Self::max_ms`].
    pub base_ms: u64,
    /// …up to this. Default 60,000, range [`MAX`](Self::MAX).
    pub max_ms: u64,
    /// A connection that was ready for this long starts again at the base. Default 60,000, range
    /// [`READY`](Self::READY).
    pub stable_ms: u64,
}

impl BackoffConfig {
    /// Range of [`max_ms`](Self::max_ms).
    pub const MAX: Bounds = Bounds {
        field: "session.backoff.max_ms",
        min: 100,
        max: 3_600_000,
        unit: "ms",
        reason: "a client that comes back after more than an hour is better stopped",
    };

    /// Range of [`ready_for_quick_ms`](Self::ready_for_quick_ms) and [`stable_ms`](Self::stable_ms).
    pub const READY: Bounds = Bounds {
        field: "session.backoff",
        min: 0,
        max: 86_400_000,
        unit: "ms",
        reason: "a connection that was ready for a day has proved itself",
    };

    /// Whether the values make sense together.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] names the first that doesn't, and its range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        Self::MAX.check(self.max_ms)?;
        let up_to_max = |field, min| Bounds {
            field,
            min,
            max: self.max_ms,
            unit: "ms",
            reason: "no retry waits longer than session.backoff.max_ms, or comes without a pause forever",
        };
        let ready = |field| Bounds { field, ..Self::READY };
        ready("session.backoff.ready_for_quick_ms").check(self.ready_for_quick_ms)?;
        ready("session.backoff.stable_ms").check(self.stable_ms)?;
        up_to_max("session.backoff.quick_ms", 0).check(self.quick_ms)?;
        up_to_max("session.backoff.base_ms", MIN_BASE_MS).check(self.base_ms)
    }
}

impl Default for BackoffConfig {
    fn default() -> Self {
        Self {
            quick_ms: 400,
            ready_for_quick_ms: 5_000,
            base_ms: 1_000,
            max_ms: 60_000,
            stable_ms: 60_000,
        }
    }
}

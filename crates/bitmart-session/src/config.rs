/// A session's timings. Immutable once the session exists.
///
/// ```
/// let config = bitmart_session::Config { ping_after_ms: 10_000, ..Default::default() };
/// assert_eq!(config.pong_grace_ms, 10_000);
/// ```
///
/// All fields are milliseconds. The defaults come from `docs/PROTOCOL.md`, *Heartbeat* and *Limits*.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// A ping is due this long after the last inbound or the last outbound frame, whichever is earlier. The
    /// exchange documents that it closes after 20 s of silence; 15 s leaves room for a slow network.
    pub ping_after_ms: u64,
    /// How long after a ping anything must have come, else the socket is given up. With the default ping, a dead
    /// peer is noticed within 25 s.
    pub pong_grace_ms: u64,
    /// How long a signer may take, for a driver that awaits one. `bitmart-ws` signs at once, on its own task.
    pub sign_timeout_ms: u64,
    /// How long the exchange may take to answer a login.
    pub login_timeout_ms: u64,
    /// How long the exchange may take to acknowledge a topic before it is asked again.
    pub ack_timeout_ms: u64,
    /// The exchange's clock minus ours, if it was measured. By default it is taken from the `Date` header of the
    /// upgrade's answer, when that is more than two seconds off.
    pub clock_offset_ms: Option<i64>,
    /// How retries are spaced.
    pub backoff: BackoffConfig,
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

/// How retries are spaced. All fields are milliseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackoffConfig {
    /// The first retry of a connection that had been ready for [`Self::ready_for_quick_ms`] waits a random time up
    /// to this.
    pub quick_ms: u64,
    /// See [`Self::quick_ms`].
    pub ready_for_quick_ms: u64,
    /// Other retries wait a random time up to this, doubled for each failure in a row…
    pub base_ms: u64,
    /// …up to this.
    pub max_ms: u64,
    /// A connection that was ready for this long starts again at the base.
    pub stable_ms: u64,
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

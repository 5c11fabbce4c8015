use std::fmt;

use bitmart_auth::SignError;
use bitmart_proto::{Refusal, Topic};

use crate::{ConnectErrorKind, Epoch, Moment};

/// What happens in a connection's life, in the order in which it happened.
///
/// Within one epoch: [`Opened`](Self::Opened) or [`Reconnected`](Self::Reconnected), then (with a login)
/// [`Authenticated`](Self::Authenticated), then [`Subscribed`](Self::Subscribed) for each topic, then
/// [`Ready`](Self::Ready), at last [`Closed`](Self::Closed).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The first socket is open.
    Opened {
        /// The epoch that begins.
        epoch: Epoch,
    },
    /// A later socket is open.
    Reconnected {
        /// The epoch that begins.
        epoch: Epoch,
        /// Attempts since the connection was last ready, this one included.
        attempts: u32,
    },
    /// The exchange accepted the login.
    Authenticated {
        /// The epoch.
        epoch: Epoch,
    },
    /// The exchange acknowledged a topic: its data begins here, or begins again.
    Subscribed {
        /// The epoch.
        epoch: Epoch,
        /// The topic.
        topic: Topic,
    },
    /// A topic can't be had. It is no longer wanted, and no reconnect asks for it again.
    SubscribeFailed {
        /// The epoch.
        epoch: Epoch,
        /// The topic.
        topic: Topic,
        /// Why.
        reason: SubscribeFailure,
    },
    /// A topic has ended: by acknowledgement, or because the socket went away before one came.
    Unsubscribed {
        /// The topic.
        topic: Topic,
    },
    /// Every wanted topic is acknowledged (or has failed for good).
    Ready {
        /// The epoch.
        epoch: Epoch,
    },
    /// From here on messages of these topics may be missing.
    GapOpened(GapOpened),
    /// The topics are complete again.
    GapClosed(GapClosed),
    /// The socket is gone.
    Closed {
        /// The epoch that ended.
        epoch: Epoch,
        /// Why.
        cause: Cause,
    },
    /// An attempt to open a socket failed.
    ConnectFailed {
        /// Which attempt since the connection was last ready, from 1.
        attempt: u32,
        /// Why.
        cause: Cause,
    },
    /// Another socket will be opened after a delay.
    Reconnecting {
        /// Which attempt since the connection was last ready, from 1.
        attempt: u32,
        /// The delay in milliseconds. The connect budget may add to it.
        delay_ms: u64,
    },
    /// The connect budget is used up, or its host has complained of too many connections: the next socket has to wait
    /// for longer than [`Reconnecting`](Self::Reconnecting) said, if it did.
    HeldBack {
        /// For how long, in milliseconds from now. A complaint may add to it.
        wait_ms: u64,
    },
    /// The driver has stopped reading, because its consumer is behind. Until it goes on, nothing new is read; if the
    /// socket is to be cut for it, what had been read still comes.
    Paused,
    /// The driver reads again.
    Resumed,
    /// The exchange refuses the login for now; it will be tried again.
    LoginDeferred {
        /// The refusal.
        refusal: Refusal<'static>,
    },
    /// The exchange refuses this key, secret or memo for good. Terminal: this connection makes no further attempt.
    AuthRejected {
        /// The refusal.
        refusal: Refusal<'static>,
    },
    /// The exchange refuses the login for its timestamp, also after a correction, or with nothing to correct it by.
    /// Terminal.
    ClockSkew {
        /// How far the exchange's clock is ahead of what was signed, in milliseconds, where it is known.
        skew_ms: Option<i64>,
        /// The refusal.
        refusal: Refusal<'static>,
    },
    /// The signer refuses to sign for good. Terminal.
    SignerRefused {
        /// The signer's error.
        error: SignError,
    },
    /// Many attempts in a row have not led to a ready connection; from here on they come as seldom as the settings
    /// allow: about once a minute by default.
    Degraded {
        /// Failed attempts in a row.
        attempts: u32,
        /// What was the matter with the last one.
        cause: Cause,
    },
}

impl Event {
    /// The event's name, for a log or a counter: `gap opened`, for one.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Opened { .. } => "opened",
            Self::Reconnected { .. } => "reconnected",
            Self::Authenticated { .. } => "authenticated",
            Self::Subscribed { .. } => "subscribed",
            Self::SubscribeFailed { .. } => "subscribe failed",
            Self::Unsubscribed { .. } => "unsubscribed",
            Self::Ready { .. } => "ready",
            Self::GapOpened(_) => "gap opened",
            Self::GapClosed(_) => "gap closed",
            Self::Closed { .. } => "closed",
            Self::ConnectFailed { .. } => "connect failed",
            Self::Reconnecting { .. } => "reconnecting",
            Self::HeldBack { .. } => "held back",
            Self::Paused => "paused",
            Self::Resumed => "resumed",
            Self::LoginDeferred { .. } => "login deferred",
            Self::AuthRejected { .. } => "auth rejected",
            Self::ClockSkew { .. } => "clock skew",
            Self::SignerRefused { .. } => "signer refused",
            Self::Degraded { .. } => "degraded",
        }
    }

    /// Whether the connection makes no further attempt: the exchange, or the signer, refuses it for good.
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        matches!(
            self,
            Self::AuthRejected { .. } | Self::ClockSkew { .. } | Self::SignerRefused { .. }
        )
    }
}

/// A timestamp that is off by less, in milliseconds, is not what a login is refused for: its window has a minute.
const PLAUSIBLE_SKEW_MS: u64 = 30_000;

/// What comes after the repair of what ended a connection for good.
const THEN: &str = "then close this connection, or build another client";

impl fmt::Display for Event {
    /// What happened, and what to do if there is anything: a line for a person.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Opened { .. } => f.write_str("opened"),
            Self::Reconnected { attempts, .. } => write!(f, "reconnected, at attempt {attempts}"),
            Self::Authenticated { .. } => f.write_str("logged in"),
            Self::Subscribed { topic, .. } => write!(f, "subscribed to {topic}"),
            Self::SubscribeFailed { topic, reason, .. } => write!(f, "no {topic}: {reason}"),
            Self::Unsubscribed { topic } => write!(f, "{topic} has ended"),
            Self::Ready { .. } => f.write_str("ready: no topic waits for an answer any more"),
            Self::GapOpened(gap) => write!(f, "{gap}"),
            Self::GapClosed(gap) => write!(f, "{gap}"),
            Self::Closed { cause, .. } => write!(f, "the connection ended: {cause}"),
            Self::ConnectFailed { attempt, cause } => write!(f, "attempt {attempt} failed: {cause}"),
            Self::Reconnecting { attempt, delay_ms } => {
                write!(f, "attempt {attempt} follows in {delay_ms} ms")
            }
            Self::HeldBack { wait_ms } => write!(
                f,
                "the next socket has to wait for {} s: the exchange allows so many connects a minute, or has complained; \
                 open fewer connections",
                wait_ms.div_ceil(1_000)
            ),
            Self::Paused => f.write_str(
                "nothing is read any more, because the events are not read as fast as they come: read them",
            ),
            Self::Resumed => f.write_str("reading goes on"),
            Self::LoginDeferred { refusal } => {
                write!(
                    f,
                    "the exchange refuses the login for now ({refusal}): it is tried again"
                )
            }
            Self::AuthRejected { refusal } => write!(
                f,
                "the exchange refuses the login for good ({refusal}): {}; {THEN}",
                refusal.advice()
            ),
            Self::ClockSkew { skew_ms, .. } => {
                f.write_str("the exchange refuses the login's timestamp")?;
                match skew_ms {
                    Some(skew) if skew.unsigned_abs() < PLAUSIBLE_SKEW_MS => {
                        f.write_str(", though it was right: the signer or the network took too long")?;
                    }
                    Some(skew) => write!(
                        f,
                        ", {} ms {} its own clock: set this machine's clock, or correct clock_offset_ms if it is set",
                        skew.unsigned_abs(),
                        if *skew < 0 { "ahead of" } else { "behind" },
                    )?,
                    None => {
                        f.write_str(": set this machine's clock, or correct clock_offset_ms if it is set")?;
                    }
                }
                write!(f, "; {THEN}")
            }
            Self::SignerRefused { error } => write!(f, "no login: {error}; {THEN}"),
            Self::Degraded { attempts, cause } => write!(
                f,
                "{attempts} attempts in a row have come to nothing, and they will be rare from now on; the last: {cause}"
            ),
        }
    }
}

/// The beginning of a gap.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GapOpened {
    /// The last inbound frame before the gap: what came until then is complete, unless a consumer was so far behind
    /// that a read was cut short ([`Cause::SlowConsumer`]). `None` before the first connect.
    ///
    /// Where nobody read for longer than two seconds (the machine slept, the consumer stopped the reading), it is the
    /// last time at which everything that had come was read. A standstill of less than that is not seen: who asks for
    /// what was missed does well to begin two seconds earlier.
    pub since: Option<Moment>,
    /// What opened it.
    pub cause: GapCause,
    /// The topics that may miss messages.
    pub topics: Vec<Topic>,
}

impl GapOpened {
    /// Puts the announcement of a gap together.
    #[must_use]
    pub fn new(since: Option<Moment>, cause: GapCause, topics: Vec<Topic>) -> Self {
        Self { since, cause, topics }
    }
}

impl fmt::Display for GapOpened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.topics.len();
        let topics = if count == 1 { "topic" } else { "topics" };
        match self.since {
            Some(since) => write!(
                f,
                "{count} {topics} may miss messages since {since}: {}",
                self.cause
            ),
            None => write!(
                f,
                "{count} {topics} may have missed messages until now: {}",
                self.cause
            ),
        }
    }
}

/// The end of a gap.
///
/// A topic can be in a gap of each kind at once; it is complete again when both have ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GapClosed {
    /// Which kind of gap ends.
    pub kind: GapKind,
    /// Where it began, for a query of what was missed: the last inbound frame before it. Where a gap grew, the
    /// earliest beginning that is known; `None` if none is, as on the first connect.
    pub since: Option<Moment>,
    /// The acknowledgement that completed the set: what comes from here on is complete.
    pub until: Moment,
    /// The topics that are complete again.
    pub topics: Vec<Topic>,
    /// The topics that failed for good meanwhile: their gap has no end.
    pub failed: Vec<Topic>,
}

impl GapClosed {
    /// Puts the end of a gap together.
    #[must_use]
    pub fn new(
        kind: GapKind,
        since: Option<Moment>,
        until: Moment,
        topics: Vec<Topic>,
        failed: Vec<Topic>,
    ) -> Self {
        Self {
            kind,
            since,
            until,
            topics,
            failed,
        }
    }
}

impl fmt::Display for GapClosed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.kind == GapKind::Overflow {
            f.write_str("the queue has room again: ")?;
        }
        match self.topics.len() {
            0 => f.write_str("none of the topics that missed something is left")?,
            1 => write!(f, "1 topic is complete from {} on", self.until)?,
            count => write!(f, "{count} topics are complete from {} on", self.until)?,
        }
        if let (Some(since), false) = (self.since, self.topics.is_empty()) {
            write!(f, ": ask over REST for what came since {since}")?;
        }
        match self.failed.len() {
            0 => Ok(()),
            failed => write!(f, "; {failed} failed for good"),
        }
    }
}

/// What opened a gap.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GapCause {
    /// Nothing is known from before the first connection.
    FirstConnect,
    /// The socket was lost.
    Disconnected(Cause),
    /// The consumer did not keep up and its queue was full: `dropped` messages were discarded so far.
    Overflow {
        /// Messages discarded when this was announced; more may follow until the gap closes.
        dropped: u64,
    },
}

impl GapCause {
    /// Which kind of gap this opens.
    #[must_use]
    pub fn kind(&self) -> GapKind {
        match self {
            Self::FirstConnect | Self::Disconnected(_) => GapKind::Connection,
            Self::Overflow { .. } => GapKind::Overflow,
        }
    }
}

/// The two kinds of gap, which open and close independently of each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GapKind {
    /// The connection was lost, or is the first.
    Connection,
    /// The consumer's queue was full.
    Overflow,
}

impl fmt::Display for GapCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FirstConnect => f.write_str("it is the first connect"),
            Self::Disconnected(cause) => write!(f, "{cause}"),
            Self::Overflow { dropped } => {
                write!(f, "the consumer's queue was full, {dropped} messages discarded")
            }
        }
    }
}

/// Why a topic can't be had.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SubscribeFailure {
    /// The exchange said no.
    Refused(Refusal<'static>),
    /// The exchange never answered, on several sockets, while it answered for others.
    NoAnswer,
}

impl fmt::Display for SubscribeFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => {
                write!(f, "the exchange refused it ({refusal}): {}", refusal.advice())
            }
            Self::NoAnswer => f.write_str(
                "the exchange never answered, while it answered for others: check that it has this topic",
            ),
        }
    }
}

/// Why a socket ended, or could not be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// No socket could be opened.
    Connect {
        /// At which step, and why.
        kind: ConnectErrorKind,
        /// When to try again.
        retry: Retry,
        /// What happened, for a person.
        text: String,
    },
    /// The exchange closed the WebSocket.
    PeerClosed {
        /// The close code, if the frame had one.
        code: Option<u16>,
        /// The exchange's words.
        reason: String,
    },
    /// The transport ended or failed without a close frame.
    Lost {
        /// What happened, for a person.
        text: String,
    },
    /// The peer broke the WebSocket protocol or a bound of ours.
    Violation {
        /// The close code we answered with.
        code: u16,
        /// What happened, for a person.
        text: String,
    },
    /// Nothing came for [`Config::pong_grace_ms`](crate::Config::pong_grace_ms) after a ping.
    Silent,
    /// The signer gave no signature in time, or failed for now.
    Signer {
        /// What happened, for a person.
        text: String,
    },
    /// The login was not answered in time.
    LoginTimeout,
    /// The login was refused.
    LoginRefused(Refusal<'static>),
    /// The exchange says that a logged-in connection is not, or refuses the connection as a whole.
    Refused(Refusal<'static>),
    /// A subscription or unsubscription was not answered, though asked for several times.
    AckTimeout {
        /// The topic.
        topic: Topic,
    },
    /// The consumer did not keep up, and the connection was cut rather than messages discarded.
    SlowConsumer,
    /// The user closed the connection.
    Shutdown,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect { text, .. } => f.write_str(text),
            Self::PeerClosed { code, reason } => {
                f.write_str("closed by the exchange")?;
                if let Some(code) = code {
                    write!(f, ", code {code}")?;
                }
                if !reason.is_empty() {
                    write!(f, " ({reason:?})")?;
                }
                Ok(())
            }
            Self::Lost { text } => write!(f, "connection lost: {text}"),
            Self::Violation { code, text } => write!(f, "the peer broke the protocol (code {code}): {text}"),
            Self::Silent => f.write_str("no sign of life after a ping: the network or the exchange hangs"),
            Self::Signer { text } => write!(f, "no signature: {text}"),
            Self::LoginTimeout => {
                f.write_str("the login was not answered: the exchange hangs, or the address is not the exchange's")
            }
            Self::LoginRefused(refusal) => write!(f, "login refused ({refusal}): {}", refusal.advice()),
            Self::Refused(refusal) => write!(f, "refused by the exchange ({refusal}): {}", refusal.advice()),
            Self::AckTimeout { topic } => write!(
                f,
                "no answer about {topic}, though asked for several times: the exchange hangs, or the address is not \
                 the exchange's"
            ),
            Self::SlowConsumer => {
                f.write_str("cut, because the events are not read as fast as they come: read faster, or subscribe to less")
            }
            Self::Shutdown => f.write_str("closed by the user"),
        }
    }
}

/// When a failed attempt should be followed by another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Retry {
    /// By the usual backoff.
    Normal,
    /// After about a minute: it is a matter of configuration, and haste won't help.
    Slow,
    /// Not before the exchange's own word.
    After {
        /// Milliseconds.
        ms: u64,
    },
}

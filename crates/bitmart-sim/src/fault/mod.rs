//! Faults on demand: what goes wrong, where, and how often.

mod board;

use std::fmt;
use std::time::Duration;

use bitmart_proto::{Environment, Market, Side};

use crate::venue::Endpoint;

pub(crate) use board::{Board, Immediate, Subject, UpgradeFault};

/// Bytes of a close reason that fit a close frame beside its code (RFC 6455, section 5.5).
pub const MAX_CLOSE_REASON_BYTES: usize = 123;

/// Something that goes wrong: made here, set loose by [`Simulator::inject`](crate::Simulator::inject).
///
/// ```
/// use std::time::Duration;
/// use bitmart_proto::{Market, Side};
/// use bitmart_sim::Fault;
///
/// // The spot server goes away, for the private connections that are open now.
/// let restart = Fault::close(1001, "going away").on(Market::Spot, Side::Private);
/// // The next three logins are refused, wherever they come.
/// let refused = Fault::reject_login("95000", "internal error").times(3);
/// // From now on the second futures connection answers half a second late.
/// let slow = Fault::delay_replies(Duration::from_millis(500))
///     .on(Market::Futures, Side::Private)
///     .on_connection(2)
///     .forever();
/// ```
///
/// # Where
///
/// Everywhere, unless [`on`](Self::on), [`in_environment`](Self::in_environment),
/// [`on_connection`](Self::on_connection) or [`on_topic`](Self::on_topic) say otherwise; all that are given must
/// match.
///
/// # When, and how often
///
/// [`close`](Self::close), [`reset`](Self::reset), [`cut`](Self::cut), [`silence`](Self::silence) and the two that
/// send are *immediate*: they hit all matching connections that are open at once, and if there is none, the next
/// one that opens. The others wait for what they are about: an upgrade, a login, an acknowledgement, a reply.
///
/// A fault is used up by one hit. [`times`](Self::times) gives it several, [`forever`](Self::forever) no end;
/// hitting several open connections at once is one hit. What is left of a fault is taken back by
/// [`Simulator::clear`](crate::Simulator::clear).
#[derive(Clone, Debug)]
pub struct Fault {
    kind: Kind,
    scope: Scope,
    /// Hits left; `None` for no end.
    hits_left: Option<u64>,
}

#[derive(Clone, Debug)]
enum Kind {
    Immediate(Immediate),
    Upgrade(UpgradeFault),
    RejectLogin { code: String, text: String },
    IgnoreLogin,
    DropAcks,
    DelayReplies(Duration),
}

#[derive(Clone, Debug, Default)]
struct Scope {
    environment: Option<Environment>,
    market: Option<Market>,
    side: Option<Side>,
    topic: Option<String>,
    /// Ordinal of the connection on its endpoint, from 1.
    connection: Option<u64>,
}

impl Fault {
    fn new(kind: Kind) -> Self {
        Self {
            kind,
            scope: Scope::default(),
            hits_left: Some(1),
        }
    }

    /// The server closes the connection with a code and a reason.
    ///
    /// The code goes out as it is, even one that no endpoint may send; the reason is cut to
    /// [`MAX_CLOSE_REASON_BYTES`].
    #[must_use]
    pub fn close(code: u16, reason: impl Into<String>) -> Self {
        let mut reason = reason.into();
        let end = (0..=MAX_CLOSE_REASON_BYTES.min(reason.len())).rfind(|end| reason.is_char_boundary(*end));
        reason.truncate(end.unwrap_or(0));
        Self::new(Kind::Immediate(Immediate::Close { code, reason }))
    }

    /// The connection is reset: TCP RST on a real socket, dropped on any other.
    #[must_use]
    pub fn reset() -> Self {
        Self::new(Kind::Immediate(Immediate::Reset))
    }

    /// The connection ends without a word: TCP FIN, but no close frame and no TLS `close_notify`.
    #[must_use]
    pub fn cut() -> Self {
        Self::new(Kind::Immediate(Immediate::Cut))
    }

    /// The connection stays open and goes silent: what the client sends is read and forgotten, nothing is sent.
    ///
    /// It stays so until the fault is taken back with [`Simulator::clear`](crate::Simulator::clear); what was
    /// suppressed doesn't come later.
    #[must_use]
    pub fn silence() -> Self {
        Self::new(Kind::Immediate(Immediate::Silence))
    }

    /// A text message with any content, such as one that is no JSON.
    #[must_use]
    pub fn send_text(text: impl Into<String>) -> Self {
        Self::new(Kind::Immediate(Immediate::SendText(text.into())))
    }

    /// A binary message with any content, such as one that is no DEFLATE stream.
    #[must_use]
    pub fn send_binary(bytes: impl Into<Vec<u8>>) -> Self {
        Self::new(Kind::Immediate(Immediate::SendBinary(bytes.into())))
    }

    /// A login is refused, whatever it says, and the connection closed.
    ///
    /// Futures has no codes: there, only the text is sent.
    #[must_use]
    pub fn reject_login(code: impl Into<String>, text: impl Into<String>) -> Self {
        Self::new(Kind::RejectLogin {
            code: code.into(),
            text: text.into(),
        })
    }

    /// A login gets no answer, and doesn't count.
    #[must_use]
    pub fn ignore_login() -> Self {
        Self::new(Kind::IgnoreLogin)
    }

    /// The acknowledgement of a subscribe or unsubscribe is lost: it took effect, data flows.
    #[must_use]
    pub fn drop_acks() -> Self {
        Self::new(Kind::DropAcks)
    }

    /// An upgrade is answered with an HTTP status, and a `Retry-After` in whole seconds if one is given.
    ///
    /// Statuses outside 100–999 are sent as 500.
    #[must_use]
    pub fn refuse_upgrade(status: u16, retry_after: Option<Duration>) -> Self {
        let status = if (100..=999).contains(&status) {
            status
        } else {
            500
        };
        Self::new(Kind::Upgrade(UpgradeFault::Refuse { status, retry_after }))
    }

    /// An upgrade is never answered; the connection stays open until the client gives up.
    #[must_use]
    pub fn stall_upgrade() -> Self {
        Self::new(Kind::Upgrade(UpgradeFault::Stall))
    }

    /// An upgrade is answered with 101 and a wrong `Sec-WebSocket-Accept`.
    #[must_use]
    pub fn corrupt_accept() -> Self {
        Self::new(Kind::Upgrade(UpgradeFault::WrongAccept))
    }

    /// A reply (to a login, a subscribe, a ping) comes late, while data overtakes it.
    #[must_use]
    pub fn delay_replies(delay: Duration) -> Self {
        Self::new(Kind::DelayReplies(delay))
    }

    /// Only on this market and side.
    #[must_use]
    pub fn on(self, market: Market, side: Side) -> Self {
        self.on_market(market).on_side(side)
    }

    /// Only on this market.
    #[must_use]
    pub fn on_market(mut self, market: Market) -> Self {
        self.scope.market = Some(market);
        self
    }

    /// Only on this side.
    #[must_use]
    pub fn on_side(mut self, side: Side) -> Self {
        self.scope.side = Some(side);
        self
    }

    /// Only in this environment.
    #[must_use]
    pub fn in_environment(mut self, environment: Environment) -> Self {
        self.scope.environment = Some(environment);
        self
    }

    /// Only where this topic is meant: its acknowledgement, or a connection that holds it.
    #[must_use]
    pub fn on_topic(mut self, topic: impl Into<String>) -> Self {
        self.scope.topic = Some(topic.into());
        self
    }

    /// Only on the `nth` connection of an endpoint, counted from 1 since the simulator started. Connections count
    /// from the moment their upgrade is asked for.
    #[must_use]
    pub fn on_connection(mut self, nth: u64) -> Self {
        self.scope.connection = Some(nth);
        self
    }

    /// The fault hits `n` times. Zero never does.
    #[must_use]
    pub fn times(mut self, n: u64) -> Self {
        self.hits_left = Some(n);
        self
    }

    /// The fault hits every time, until it is taken back.
    #[must_use]
    pub fn forever(mut self) -> Self {
        self.hits_left = None;
        self
    }
}

/// Names an injected fault, to take it back. `Display` shows the number that the control endpoint has for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FaultId(pub(crate) u64);

impl fmt::Display for FaultId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Scope {
    fn matches(&self, subject: &Subject<'_>) -> bool {
        let Endpoint { venue, side } = subject.endpoint;
        self.environment
            .is_none_or(|environment| environment == venue.environment())
            && self.market.is_none_or(|market| market == venue.market())
            && self.side.is_none_or(|wanted| wanted == side)
            && self.connection.is_none_or(|nth| nth == subject.ordinal)
            && self
                .topic
                .as_deref()
                .is_none_or(|topic| (subject.has_topic)(topic))
    }
}

//! Faults on demand: what goes wrong, where, and how often.

mod board;
mod garbage;

use std::fmt;
use std::time::Duration;

use bitmart_proto::{Environment, Market, Side};
use bytes::Bytes;

use crate::protocol::Words;
use crate::venue::{Endpoint, Venue};

pub(crate) use board::{
    AcceptFault, Board, BoardFull, Immediate, MAX_ARMED, MAX_ARMED_BYTES, PushFault, Subject, UpgradeFault,
};
pub use garbage::Garbage;
pub(crate) use garbage::GarbageMessage;

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
/// [`close`](Self::close), [`reset`](Self::reset), [`cut`](Self::cut), [`silence`](Self::silence),
/// [`lag`](Self::lag), [`tear_frame`](Self::tear_frame) and those that send are *immediate*: they hit all matching
/// connections that are open at once, and if there is none, the next one that opens. The others wait for what they
/// are about: a connect, an upgrade, a login, a request, a topic, an acknowledgement, a reply, a push.
///
/// A fault is used up by one hit. [`times`](Self::times) gives it several, [`forever`](Self::forever) no end;
/// hitting several open connections at once is one hit, while each connection's push, reply or request is a hit of
/// its own. What is left of a fault is taken back by
/// [`Simulator::clear`](crate::Simulator::clear). No hit is spent where nobody would feel it: on a connection that is
/// about to end, or on one that is silent and would have to speak.
///
/// All immediate faults that match hit, and so do all that spoil the answer to an upgrade
/// ([`add_header`](Self::add_header), [`corrupt_accept`](Self::corrupt_accept)), unless another refuses the upgrade.
/// Of the rest only one hits at a time, of those that are about the same: the oldest that has hits left, or if there
/// is none, the newest of those that last [`forever`](Self::forever). So `skip_push().times(2)` goes before a
/// `repeat_push().forever()` that is older, and `skip_push().forever()` takes its place.
///
/// # How many
///
/// 1,024 faults can wait at once, and hold 32 MiB of messages together; see
/// [`Simulator::inject`](crate::Simulator::inject) for one more.
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
    Accept(AcceptFault),
    Upgrade(UpgradeFault),
    RejectLogin(Words),
    IgnoreLogin,
    RefuseRequest(Words),
    RefuseTopic(Words),
    DropAcks,
    DelayReplies(Duration),
    Push(PushFault),
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
        Self::new(Kind::Immediate(Immediate::SendText(text.into().into())))
    }

    /// A binary message with any content, such as one that is no DEFLATE stream.
    #[must_use]
    pub fn send_binary(bytes: impl Into<Vec<u8>>) -> Self {
        Self::new(Kind::Immediate(Immediate::SendBinary(bytes.into().into())))
    }

    /// A message that no exchange should send.
    #[must_use]
    pub fn send_garbage(garbage: Garbage) -> Self {
        Self::new(Kind::Immediate(Immediate::SendGarbage(garbage)))
    }

    /// Bytes between the frames that are no message of ours: a frame with reserved bits, a masked one, a fragment,
    /// a head that promises gigabytes, another protocol.
    #[must_use]
    pub fn send_raw(bytes: impl Into<Vec<u8>>) -> Self {
        Self::new(Kind::Immediate(Immediate::SendRaw(bytes.into().into())))
    }

    /// Half a frame of text, then the end of the stream without a close.
    #[must_use]
    pub fn tear_frame() -> Self {
        // A whole text, final, of 32 bytes, of which 16 come.
        Self::new(Kind::Immediate(Immediate::Tear(Bytes::from_static(
            b"\x81\x20{\"data\":[{\"symbo",
        ))))
    }

    /// Every message that a connection is sent is late by a time between two: data, replies, closes. They stay in
    /// order.
    ///
    /// It lasts until the fault is taken back with [`Simulator::clear`](crate::Simulator::clear); what it has kept
    /// until then comes at once. At most 4,096 messages and 4 MiB are kept for a connection, and beyond that the
    /// first of them come early. The ping frames of futures are never late. A client's own close is answered within
    /// a second, or with the end of the stream alone.
    #[must_use]
    pub fn lag(least: Duration, most: Duration) -> Self {
        Self::new(Kind::Immediate(Immediate::Lag((least, most.max(least)))))
    }

    /// A login is refused, whatever it says, and the connection closed.
    ///
    /// Futures has no codes: there, only the text is sent.
    #[must_use]
    pub fn reject_login(code: impl Into<String>, text: impl Into<String>) -> Self {
        Self::new(Kind::RejectLogin(Words {
            code: code.into(),
            text: text.into(),
        }))
    }

    /// A login gets no answer, and doesn't count.
    #[must_use]
    pub fn ignore_login() -> Self {
        Self::new(Kind::IgnoreLogin)
    }

    /// A request about topics is refused as a whole, with one answer that names none of them.
    ///
    /// Futures has no codes: there, only the text is sent.
    #[must_use]
    pub fn refuse_request(code: impl Into<String>, text: impl Into<String>) -> Self {
        Self::new(Kind::RefuseRequest(Words {
            code: code.into(),
            text: text.into(),
        }))
    }

    /// A subscription to a topic is refused, also to one that exists; [`on_topic`](Self::on_topic) says which. The
    /// others of the request are not touched.
    ///
    /// ```
    /// use bitmart_sim::Fault;
    ///
    /// // Delisted while everybody was away.
    /// let delisted = Fault::refuse_topic("92001", "Invalid symbol param").on_topic("spot/trade:ETH_USDT").forever();
    /// ```
    #[must_use]
    pub fn refuse_topic(code: impl Into<String>, text: impl Into<String>) -> Self {
        Self::new(Kind::RefuseTopic(Words {
            code: code.into(),
            text: text.into(),
        }))
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
        let extra_lines = retry_after.map_or(String::new(), |after| {
            format!("Retry-After: {}\r\n", after.as_secs())
        });
        Self::answer_with_status(status, extra_lines)
    }

    fn answer_with_status(status: u16, extra_lines: String) -> Self {
        let status = if (100..=999).contains(&status) {
            status
        } else {
            500
        };
        Self::new(Kind::Upgrade(UpgradeFault::Refuse { status, extra_lines }))
    }

    /// An upgrade is answered with 301 and another URL, or another status of this kind.
    #[must_use]
    pub fn redirect_upgrade(status: u16, location: impl fmt::Display) -> Self {
        Self::answer_with_status(status, format!("Location: {location}\r\n"))
    }

    /// An upgrade is answered with any bytes, and then with the end of the stream: a page, another protocol, a 101
    /// of somebody else.
    ///
    /// In them `{accept}` and `{date}` stand for the right `Sec-WebSocket-Accept` and `Date`.
    ///
    /// ```
    /// use bitmart_sim::Fault;
    ///
    /// let page = Fault::answer_upgrade("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<h1>Welcome</h1>");
    /// let not_http = Fault::answer_upgrade("220 mail.example ESMTP\r\n");
    /// let without_upgrade = Fault::answer_upgrade(
    ///     "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n",
    /// );
    /// ```
    #[must_use]
    pub fn answer_upgrade(bytes: impl Into<Vec<u8>>) -> Self {
        let bytes: Vec<u8> = bytes.into();
        Self::new(Kind::Upgrade(UpgradeFault::Answer(bytes.into())))
    }

    /// An upgrade is accepted with one more header, such as an extension that nobody asked for; then everything
    /// goes on as ever.
    #[must_use]
    pub fn add_header(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self::new(Kind::Upgrade(UpgradeFault::AddHeader {
            name: name.into(),
            value: value.into(),
        }))
    }

    /// A connection is reset as soon as it is made, before TLS: TCP RST on a real socket, dropped on any other.
    ///
    /// Nobody knows yet what the client wants, so a side, a connection or a topic narrows nothing.
    #[must_use]
    pub fn refuse_connect() -> Self {
        Self::new(Kind::Accept(AcceptFault::Reset))
    }

    /// A connection is made and never hears a word, so that TLS waits; it stays open until the client gives up.
    ///
    /// As with [`refuse_connect`](Self::refuse_connect), only the environment and the market narrow it.
    #[must_use]
    pub fn stall_connect() -> Self {
        Self::new(Kind::Accept(AcceptFault::Stall))
    }

    /// A push doesn't come: in an incremental book, a version is missing. With [`times`](Self::times), so many of
    /// them.
    ///
    /// A push is all data of a topic: the first, right behind the acknowledgement, and what `request` is answered
    /// with, too.
    #[must_use]
    pub fn skip_push() -> Self {
        Self::new(Kind::Push(PushFault::Skip))
    }

    /// A push comes twice; what is a push, [`skip_push`](Self::skip_push) says.
    #[must_use]
    pub fn repeat_push() -> Self {
        Self::new(Kind::Push(PushFault::Repeat))
    }

    /// A push comes behind the next one of its topic; if there is none, it doesn't come. Both together are one hit.
    #[must_use]
    pub fn swap_pushes() -> Self {
        Self::new(Kind::Push(PushFault::Swap))
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

    /// A reply (to a login, a subscribe, a ping) comes late, while data overtakes it. With a [`lag`](Self::lag), it
    /// is as late as the slower of the two has it, and counts to what is kept for the connection.
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

    /// Only where this topic is meant: its refusal, acknowledgement or push, or a connection that holds it.
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

impl Fault {
    /// Bytes that it holds beside itself.
    fn bytes(&self) -> usize {
        let own = match &self.kind {
            Kind::Immediate(immediate) => match immediate {
                Immediate::Close { reason, .. } => reason.len(),
                Immediate::SendText(bytes)
                | Immediate::SendBinary(bytes)
                | Immediate::SendRaw(bytes)
                | Immediate::Tear(bytes) => bytes.len(),
                Immediate::Reset
                | Immediate::Cut
                | Immediate::Silence
                | Immediate::Lag(_)
                | Immediate::SendGarbage(_) => 0,
            },
            Kind::Upgrade(upgrade) => match upgrade {
                UpgradeFault::Refuse { extra_lines, .. } => extra_lines.len(),
                UpgradeFault::Answer(bytes) => bytes.len(),
                UpgradeFault::AddHeader { name, value } => name.len() + value.len(),
                UpgradeFault::Stall | UpgradeFault::WrongAccept => 0,
            },
            Kind::RejectLogin(words) | Kind::RefuseRequest(words) | Kind::RefuseTopic(words) => {
                words.code.len() + words.text.len()
            }
            Kind::Accept(_) | Kind::IgnoreLogin | Kind::DropAcks | Kind::DelayReplies(_) | Kind::Push(_) => 0,
        };
        own + self.scope.topic.as_ref().map_or(0, String::len)
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
    fn matches_venue(&self, venue: Venue) -> bool {
        self.environment
            .is_none_or(|environment| environment == venue.environment())
            && self.market.is_none_or(|market| market == venue.market())
    }

    fn matches(&self, subject: &Subject<'_>) -> bool {
        let Endpoint { venue, side } = subject.endpoint;
        self.matches_venue(venue)
            && self.side.is_none_or(|wanted| wanted == side)
            && self.connection.is_none_or(|nth| nth == subject.ordinal)
            && self
                .topic
                .as_deref()
                .is_none_or(|topic| (subject.has_topic)(topic))
    }
}

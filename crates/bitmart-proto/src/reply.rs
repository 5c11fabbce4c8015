use std::borrow::Cow;
use std::fmt;

use crate::serialize::serialize_fields;

/// What a request asks for. There are no request ids: a reply names its operation, at best.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Log in (`login` on spot, `access` on futures).
    Login,
    /// Subscribe to topics.
    Subscribe,
    /// Unsubscribe from topics.
    Unsubscribe,
    /// Ask for one snapshot of a topic.
    Request,
}

#[cfg(feature = "serde")]
impl serde::Serialize for Operation {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl Operation {
    /// The operation's name: the wire's word for all but [`Operation::Login`].
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Subscribe => "subscribe",
            Self::Unsubscribe => "unsubscribe",
            Self::Request => "request",
        }
    }

    /// Reads a reply's verb, of either market.
    pub(crate) fn from_verb(verb: &str) -> Option<Self> {
        match verb {
            "login" | "access" => Some(Self::Login),
            "subscribe" => Some(Self::Subscribe),
            "unsubscribe" => Some(Self::Unsubscribe),
            "request" => Some(Self::Request),
            _ => None,
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The exchange's answer to a request: an acknowledgement or a refusal, of either market.
///
/// One request for several topics is answered topic by topic. Spot refusals name no topic, and at times no
/// operation either (`docs/PROTOCOL.md`, *Replies*).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reply<'a> {
    /// The operation, if the reply names one that we know.
    pub operation: Option<Operation>,
    /// The wire's own word for the operation; empty if the reply has none.
    pub verb: Cow<'a, str>,
    /// The topic, as the exchange writes it.
    pub topic: Option<Cow<'a, str>>,
    /// Whether the exchange did what was asked.
    pub outcome: Result<(), Refusal<'a>>,
}

serialize_fields! { Reply { operation, verb, topic, outcome } }
serialize_fields! { Refusal { code, text } }

impl<'a> Reply<'a> {
    /// Puts a reply together, such as in a test or a replay.
    #[must_use]
    pub fn new(verb: &'a str, topic: Option<&'a str>, outcome: Result<(), Refusal<'a>>) -> Self {
        Self {
            operation: Operation::from_verb(verb),
            verb: Cow::Borrowed(verb),
            topic: topic.map(Cow::Borrowed),
            outcome,
        }
    }

    /// The same reply, independent of the message it was read from.
    #[must_use]
    pub fn into_owned(self) -> Reply<'static> {
        Reply {
            operation: self.operation,
            verb: Cow::Owned(self.verb.into_owned()),
            topic: self.topic.map(|topic| Cow::Owned(topic.into_owned())),
            outcome: self.outcome.map_err(Refusal::into_owned),
        }
    }
}

/// Why the exchange refused.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusal<'a> {
    /// The code; futures replies have none.
    pub code: Option<ErrorCode>,
    /// The exchange's own words.
    pub text: Cow<'a, str>,
}

impl<'a> Refusal<'a> {
    /// Puts a refusal together.
    #[must_use]
    pub fn new(code: Option<ErrorCode>, text: &'a str) -> Self {
        Self {
            code,
            text: Cow::Borrowed(text),
        }
    }

    /// The same refusal, independent of the message it was read from.
    #[must_use]
    pub fn into_owned(self) -> Refusal<'static> {
        Refusal {
            code: self.code,
            text: Cow::Owned(self.text.into_owned()),
        }
    }

    /// Whether it speaks of the number or the pace of connections, and so of the connection as a whole.
    #[must_use]
    pub fn is_about_the_connection(&self) -> bool {
        self.class() == ErrorClass::Limit && self.code.is_none_or(|code| code.0 >= 94_000)
    }

    /// What kind of refusal it is: by the code where there is one, else by the wording.
    ///
    /// The wordings are those of the futures market, whose socket has no codes; the texts are known from
    /// captures and third parties, so read this as a best guess (`docs/PROTOCOL.md`, *Refusals*).
    #[must_use]
    pub fn class(&self) -> ErrorClass {
        match self.code {
            Some(code) => code.class(),
            None if self.text.contains("temporarily unavailable") => ErrorClass::Server,
            None if self.text.starts_with("access failed") => ErrorClass::Auth,
            None if self.text.contains("need authen") => ErrorClass::LoginNeeded,
            None if self.text.contains("not found") || self.text.contains("not exist") => ErrorClass::Topic,
            None if self.text.starts_with("Invalid message") || self.text.starts_with("Invalid action") => {
                ErrorClass::Request
            }
            None if self.text.contains("exceeds limit") || self.text.starts_with(IP_LIMITED) => {
                ErrorClass::Limit
            }
            None => ErrorClass::Unknown,
        }
    }
}

impl Refusal<'_> {
    /// What whoever meets it can do about it: a sentence for a person.
    ///
    /// ```
    /// use bitmart_proto::{ErrorCode, Refusal};
    ///
    /// let refusal = Refusal::new(Some(ErrorCode(92001)), "Symbol not found");
    /// assert_eq!(refusal.advice(), "check the symbol: this market doesn't list it");
    /// ```
    #[must_use]
    pub fn advice(&self) -> &'static str {
        let by_code = self.code.and_then(|code| match code.0 {
            90004 => Some("check the channel: the exchange has none of this name"),
            90006 => {
                Some("the connection has as many topics as it may: unsubscribe some, or use another client")
            }
            91002 => Some("check the API key: the exchange doesn't know it"),
            91003 => Some("the API key is frozen: see the API settings of the account"),
            91004 => Some("the API key has expired: make another in the API settings of the account"),
            91011 => {
                Some("check the API key's secret and memo: the signature that they make is not the right one")
            }
            91010 | 91021 | 91023 => {
                Some("the login was malformed: the fault of the signer, or of this library; please report it")
            }
            92001 => Some("check the symbol: this market doesn't list it"),
            code if code >= 90_000 && ErrorCode(code).meaning().is_none() => {
                Some("a code that is not known here: look it up in the exchange's API documentation")
            }
            _ => None,
        });
        by_code.unwrap_or(match self.class() {
            ErrorClass::Request => {
                "the exchange can't read the request: check that the URL is of this market and side (the path of private \
                 ones is /user), else please report it"
            }
            ErrorClass::Topic => "check the topic: its channel, its symbol, its level and speed",
            ErrorClass::Limit => "a limit of the exchange: ask for less, or wait a minute",
            ErrorClass::AlreadySubscribed | ErrorClass::NotSubscribed | ErrorClass::AlreadyLoggedIn => {
                "nothing has to be done"
            }
            ErrorClass::LoginNeeded => "it needs a login, which is made again where there are credentials",
            ErrorClass::Auth => {
                "check the API key, its secret and its memo, and that none has a stray space or line end"
            }
            ErrorClass::Clock => "set this machine's clock",
            ErrorClass::Server => "the exchange's own trouble: it is tried again",
            ErrorClass::Unknown => "not a refusal that BitMart is known to give: check the address",
        })
    }
}

impl fmt::Display for Refusal<'_> {
    /// The code if there is one, and the exchange's words, or ours where it has none.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = match (&*self.text, self.code.and_then(ErrorCode::meaning)) {
            ("", Some(meaning)) => meaning,
            ("", None) => "no reason given",
            (text, _) => text,
        };
        match self.code {
            Some(code) => write!(f, "{code} {words}"),
            None => f.write_str(words),
        }
    }
}

/// How the exchange begins a plain text, no JSON, about too many connections (`docs/PROTOCOL.md`, *Limits*).
pub const IP_LIMITED: &str = "IP Limited";

/// What a client should make of a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorClass {
    /// The request was malformed: our fault.
    Request,
    /// The topic doesn't exist, or its symbol isn't listed.
    Topic,
    /// Too many topics, messages or connections: back off.
    Limit,
    /// Already subscribed: as good as an acknowledgement.
    AlreadySubscribed,
    /// Not subscribed: as good as the acknowledgement of an unsubscription.
    NotSubscribed,
    /// Already logged in.
    AlreadyLoggedIn,
    /// The connection is not logged in.
    LoginNeeded,
    /// The key, the secret or the memo is wrong, frozen or expired. Asking again can't help.
    Auth,
    /// The timestamp was more than a minute off.
    Clock,
    /// The exchange's own trouble: ask again later.
    Server,
    /// Nothing we know.
    Unknown,
}

/// A spot error code. Unknown codes are kept as they are.
///
/// ```
/// use bitmart_proto::{ErrorClass, ErrorCode};
///
/// assert_eq!(ErrorCode(91002).class(), ErrorClass::Auth);
/// assert_eq!(ErrorCode(91002).meaning(), Some("API key unknown"));
/// assert_eq!(ErrorCode(77777).class(), ErrorClass::Unknown);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ErrorCode(pub u32);

#[cfg(feature = "serde")]
impl serde::Serialize for ErrorCode {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(self.0)
    }
}

impl ErrorCode {
    /// The code's class, [`ErrorClass::Unknown`] for one that isn't documented.
    #[must_use]
    pub fn class(self) -> ErrorClass {
        self.entry().map_or(ErrorClass::Unknown, |(class, _)| class)
    }

    /// What the code means, in our words.
    #[must_use]
    pub fn meaning(self) -> Option<&'static str> {
        self.entry().map(|(_, meaning)| meaning)
    }

    fn entry(self) -> Option<(ErrorClass, &'static str)> {
        use ErrorClass::{
            AlreadyLoggedIn, AlreadySubscribed, Auth, Clock, Limit, LoginNeeded, NotSubscribed, Request,
            Server, Topic,
        };
        Some(match self.0 {
            90001 => (Request, "message malformed"),
            90002 => (Request, "operation unknown"),
            90003 => (Request, "arguments malformed"),
            90004 => (Topic, "channel unknown"),
            90005 => (Limit, "too many topics in one request"),
            90006 => (Limit, "too many topics on the connection"),
            90007 => (Limit, "messages too frequent"),
            90008 => (AlreadySubscribed, "already subscribed"),
            90009 => (NotSubscribed, "not subscribed"),
            91001 => (Auth, "API key empty"),
            91002 => (Auth, "API key unknown"),
            91003 => (Auth, "API key frozen"),
            91004 => (Auth, "API key expired"),
            91005 => (AlreadyLoggedIn, "already logged in"),
            91006 => (LoginNeeded, "login needed"),
            91010 => (Auth, "signature empty"),
            91011 => (Auth, "signature wrong"),
            91021 => (Auth, "timestamp empty"),
            91022 => (Clock, "timestamp more than a minute off"),
            91023 => (Auth, "timestamp malformed"),
            92001 => (Topic, "symbol unknown"),
            94001 => (Limit, "reconnecting too often"),
            94002 => (Limit, "too many connections from this address"),
            95000 => (Server, "internal error of the exchange"),
            _ => return None,
        })
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

use std::fmt;

use bitmart_proto::{Refusal, Topic, TopicError};
use bitmart_session::{CommandError, ConnectionId, SubscribeFailure};

use crate::Lifecycle;

/// What became of each topic of one call, in the order of the call.
#[must_use = "a topic may have been refused"]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcomes {
    outcomes: Vec<(Topic, Outcome)>,
}

impl Outcomes {
    pub(crate) fn new(outcomes: Vec<(Topic, Outcome)>) -> Self {
        Self { outcomes }
    }

    pub(crate) fn map(mut self, change: impl Fn(Outcome) -> Outcome) -> Self {
        self.outcomes = self
            .outcomes
            .into_iter()
            .map(|(topic, outcome)| (topic, change(outcome)))
            .collect();
        self
    }

    /// Whether every topic is as it was asked to be.
    #[must_use]
    pub fn all_done(&self) -> bool {
        self.outcomes.iter().all(|(_, outcome)| *outcome == Outcome::Done)
    }

    /// Topic by topic.
    pub fn iter(&self) -> impl Iterator<Item = (&Topic, &Outcome)> {
        self.outcomes.iter().map(|(topic, outcome)| (topic, outcome))
    }

    /// The topics that are not as they were asked to be, with the reason.
    pub fn not_done(&self) -> impl Iterator<Item = (&Topic, &Outcome)> {
        self.iter().filter(|(_, outcome)| **outcome != Outcome::Done)
    }

    /// The outcome of one topic; `None` if the call did not name it.
    #[must_use]
    pub fn get(&self, topic: &Topic) -> Option<&Outcome> {
        self.iter()
            .find(|(named, _)| *named == topic)
            .map(|(_, outcome)| outcome)
    }
}

/// What became of a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The exchange has acknowledged it.
    Done,
    /// It can't be had: no reconnect asks for it again.
    Failed(Failure),
    /// There was no answer in time. What was asked still holds, and the outcome will come as an event.
    Pending {
        /// The event that stood in the way last, if one did.
        last_error: Option<Lifecycle>,
    },
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done => f.write_str("done"),
            Self::Failed(failure) => write!(f, "failed: {failure}"),
            Self::Pending { last_error: None } => {
                f.write_str("pending: no answer yet, it is still being tried")
            }
            Self::Pending {
                last_error: Some(error),
            } => {
                write!(
                    f,
                    "pending: it is still being tried; the last trouble was: {error}"
                )
            }
        }
    }
}

/// Why a topic can't be had.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure {
    /// It is the topic.
    Topic(SubscribeFailure),
    /// It is the connection, and so every topic on it: the exchange refuses the login for good.
    AuthRejected(Refusal<'static>),
    /// It is the connection: the exchange refuses the login for its timestamp, also after a correction.
    ClockSkew {
        /// How far the exchange's clock is ahead of what was signed, in milliseconds, where it is known.
        skew_ms: Option<i64>,
        /// The refusal.
        refusal: Refusal<'static>,
    },
    /// It is the connection: the signer refuses to sign.
    SignerRefused(bitmart_auth::SignError),
    /// It was unsubscribed meanwhile.
    Withdrawn,
    /// The connection would not take it.
    NotTaken(CommandError),
    /// The connection was closed meanwhile.
    Closed,
    /// The connection's task has panicked: a bug of ours, or of a signer, resolver, dialer or clock of the user's.
    TaskFailed,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Topic(failure) => write!(f, "{failure}"),
            // The events that announce them say it in the same words.
            Self::AuthRejected(refusal) => {
                let refusal = refusal.clone();
                write!(f, "{}", Lifecycle::AuthRejected { refusal })
            }
            Self::ClockSkew { skew_ms, refusal } => {
                let (skew_ms, refusal) = (*skew_ms, refusal.clone());
                write!(f, "{}", Lifecycle::ClockSkew { skew_ms, refusal })
            }
            Self::SignerRefused(error) => {
                let error = error.clone();
                write!(f, "{}", Lifecycle::SignerRefused { error })
            }
            Self::Withdrawn => f.write_str("it was unsubscribed meanwhile"),
            Self::NotTaken(error) => write!(f, "{error}"),
            Self::Closed => f.write_str("the connection was closed"),
            Self::TaskFailed => f.write_str(
                "the connection's task panicked, which is a bug: of this library, or of a signer, resolver, dialer or \
                 clock of yours (the panic's message says where); close this connection, or build another client",
            ),
        }
    }
}

/// Why a call was refused as a whole, before anything was sent. The mistake is the caller's.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientError {
    /// Texts that are no topics, all of them.
    Topics(Vec<TopicError>),
    /// A private topic or connection, and the client has no credentials.
    NoCredentials {
        /// The topic, if it was one that was asked for.
        topic: Option<Topic>,
    },
    /// The client was closed, or its events were dropped.
    Closed,
    /// More calls are waiting for a connection than it has places for.
    Busy,
    /// No connection has this id: it was never opened, or was closed.
    NoSuchConnection {
        /// The id.
        id: ConnectionId,
    },
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Topics(errors) => {
                for (at, error) in errors.iter().enumerate() {
                    if at > 0 {
                        f.write_str("; ")?;
                    }
                    write!(f, "{error}")?;
                }
                Ok(())
            }
            Self::NoCredentials { topic } => {
                match topic {
                    Some(topic) => write!(f, "{topic} is private")?,
                    None => f.write_str("the connection is private")?,
                }
                f.write_str(
                    " and this client has no credentials: give the builder an API key, its secret and its memo",
                )
            }
            Self::Closed => f.write_str("this client was closed, or its events were dropped: build another"),
            Self::Busy => f.write_str(
                "too many calls are waiting for one connection: name more topics in each of fewer calls",
            ),
            Self::NoSuchConnection { id } => {
                write!(
                    f,
                    "there is no connection {id}: Client::states lists the ones there are"
                )
            }
        }
    }
}

impl std::error::Error for ClientError {}

/// What [`Client::connect_all`](crate::Client::connect_all) brought up.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Connected {
    /// Every connection with what became of it.
    pub connections: Vec<(ConnectionId, Outcome)>,
    /// The private connections were left out, since the client has no credentials.
    pub without_private: bool,
}

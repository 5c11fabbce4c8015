use std::fmt;

use bitmart_proto::{DecodeError, InflateError, Reply, Update};
use bitmart_session::Event;

/// What [`Connection::next`](crate::Connection::next) lends.
#[derive(Debug)]
#[non_exhaustive]
pub enum Incoming<'a> {
    /// Market or account data.
    Push(Push<'a>),
    /// Something happened to the connection.
    Event(Event),
    /// The exchange answered a request. What it means has been seen to; this is for the record.
    Response(Reply<'static>),
    /// A message that we don't know: its text.
    Unknown(&'a str),
    /// A message that should be data or an answer, but can't be read. The next one is read as usual.
    Undecodable(Undecodable<'a>),
}

/// A message of data, lent where it lies.
#[derive(Debug)]
#[non_exhaustive]
pub struct Push<'a> {
    /// The message, decoded.
    pub update: Update<'a>,
    /// The message as it came (inflated, if it came compressed).
    pub text: &'a [u8],
    /// When it was read from the socket, in nanoseconds on the connection's [`Clock`](crate::Clock).
    pub received_ns: u64,
    /// The earliest time at which it can have come: [`received_ns`](Self::received_ns), unless nobody had read from the
    /// socket for a while ([`Session::handle_activity`](bitmart_session::Session::handle_activity)).
    pub arrived_ns: u64,
}

/// A message that can't be read.
#[derive(Debug)]
#[non_exhaustive]
pub struct Undecodable<'a> {
    /// Why.
    pub error: MessageError,
    /// The message as it came: compressed, if that is the trouble.
    pub bytes: &'a [u8],
}

/// Why a message can't be read. The fault is the exchange's, or ours if the protocol has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MessageError {
    /// It is not the JSON that its kind should be. The error shows no piece of the message.
    Decode(DecodeError),
    /// It is not the raw DEFLATE that a binary frame should be.
    Inflate(InflateError),
    /// It is neither JSON nor text.
    NotText,
}

impl From<DecodeError> for MessageError {
    /// Without the piece of the message that the error has: it might be our login, said again.
    fn from(error: DecodeError) -> Self {
        Self::Decode(error.without_sample())
    }
}

impl fmt::Display for MessageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Decode(error) => write!(f, "{error}"),
            Self::Inflate(error) => write!(f, "{error}"),
            Self::NotText => f.write_str("a compressed message is not text"),
        }
    }
}

impl std::error::Error for MessageError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Decode(error) => Some(error),
            Self::Inflate(error) => Some(error),
            Self::NotText => None,
        }
    }
}

/// What has come in on a connection, over all its epochs.
///
/// Each data message is counted once: `messages` is the sum of `pushes`, `replies`, `pongs`, `unknown` and
/// `undecodable`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Sockets opened.
    pub sockets: u64,
    /// Ping, pong and close frames.
    pub control_frames: u64,
    /// Text, binary and continuation frames.
    pub data_frames: u64,
    /// Whole messages.
    pub messages: u64,
    /// Messages of data.
    pub pushes: u64,
    /// Answers to requests.
    pub replies: u64,
    /// Answers to pings.
    pub pongs: u64,
    /// Messages we don't know.
    pub unknown: u64,
    /// Messages that could not be read.
    pub undecodable: u64,
}

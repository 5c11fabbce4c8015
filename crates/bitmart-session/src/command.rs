use std::fmt;

use bitmart_proto::Topic;
use bitmart_proto::limits::MAX_TOPICS_PER_CONNECTION;

use crate::ConnectionId;

/// Why a command was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CommandError {
    /// The connection carries as many topics as the exchange allows.
    Full,
    /// The topic belongs to another market or side than this connection.
    WrongConnection {
        /// The topic.
        topic: Topic,
        /// The connection.
        id: ConnectionId,
    },
    /// The connection is over.
    Terminated,
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => write!(
                f,
                "the connection carries {MAX_TOPICS_PER_CONNECTION} topics already: open another"
            ),
            Self::WrongConnection { topic, id } => {
                write!(
                    f,
                    "{topic} does not belong on the {id} connection: it is {} {}",
                    topic.market(),
                    topic.side()
                )
            }
            Self::Terminated => f.write_str("the connection is over: build another"),
        }
    }
}

impl std::error::Error for CommandError {}

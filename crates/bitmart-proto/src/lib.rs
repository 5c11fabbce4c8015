//! BitMart's WebSocket protocol.

mod channel;
mod dialect;
pub mod limits;
mod market;
mod reply;
mod symbol;
mod topic;

pub use channel::{Channel, Interval, Levels, Speed};
pub use dialect::Dialect;
pub use market::{Environment, Market, Side, endpoint_url};
pub use reply::{ErrorClass, ErrorCode, Operation, Refusal, Reply};
pub use symbol::{Symbol, SymbolError};
pub use topic::{FilterProblem, Topic, TopicError};

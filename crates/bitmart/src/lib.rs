//! BitMart client (TBD essay).

mod builder;
mod client;
mod event;
mod events;
mod outcome;
mod queue;
mod task;

pub use bitmart_auth::{Credentials, CredentialsError, HmacSigner, SignError, Signature, Signer};
pub use bitmart_proto::{
    self as proto, Channel, DecodeError, Decoder, Environment, ErrorClass, ErrorCode, Market, Num, Refusal,
    Reply, Side, Symbol, Topic, TopicError,
};
pub use bitmart_session::{
    self as session, Cause, ConnectionId, Epoch, Event as Lifecycle, GapCause, GapClosed, GapOpened, Moment,
    Status, SubscribeFailure,
};
pub use bitmart_ws::{self as ws, Clock, Counters, MessageError, SharedBudget};

pub use builder::{BuildError, ClientBuilder};
pub use client::{Client, ConnectionState};
pub use event::{Event, EventKind, MAX_SAMPLE_BYTES, Update};
pub use events::Events;
pub use outcome::{ClientError, Connected, Failure, Outcome, Outcomes};
pub use queue::QueueLimits;

//! A client for the BitMart exchange's WebSocket API: credentials in, topics in, events out.
//!
//! ```no_run
//! use bitmart::{Client, Credentials, Decoder, EventKind};
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let (client, mut events) = Client::builder().credentials(Credentials::from_env()?).build()?;
//!     let outcomes = client.subscribe(["spot/user/order:BTC_USDT", "futures/position"]).await?;
//!     for (topic, outcome) in outcomes.not_done() {
//!         eprintln!("{topic}: {outcome}");
//!     }
//!     let mut decoder = Decoder::new();
//!     while let Some(event) = events.next().await {
//!         match event.kind {
//!             EventKind::Update(update) => println!("{:?}", update.decode(&mut decoder)?),
//!             EventKind::Lifecycle(what) => println!("{}: {what}", event.connection),
//!             _ => {}
//!         }
//!     }
//!     Ok(())
//! }
//! ```
//!
//! # What happens by itself
//!
//! A topic says by its name which market it belongs to and whether it needs a login; the client opens a connection for
//! each market and side that is needed, logs in, subscribes, sends heartbeats, and after a loss connects, logs in and
//! subscribes again. What that may have cost is announced:
//!
//! ```text
//!   Lifecycle::Closed         the socket is gone, and why
//!   Lifecycle::GapOpened      from the last frame that came: these topics may miss messages …
//!   Lifecycle::Reconnecting   … another socket in so many milliseconds
//!   Lifecycle::Reconnected
//!   Lifecycle::Authenticated
//!   Lifecycle::Subscribed     for each topic
//!   Lifecycle::GapClosed      … to this moment: what comes from here on is complete
//!   Lifecycle::Ready
//! ```
//!
//! Private streams carry no snapshot and no sequence numbers: what happened inside a gap has to be asked for over REST,
//! for the time between `since` and `until`.
//!
//! # Data
//!
//! An [`Update`] is one reference-counted copy of a message's text, decoded when and where it is needed, with a
//! [`Decoder`] that the reader keeps. The types are in [`proto`].
//!
//! # A slow reader
//!
//! Each connection has a queue, bounded in messages and bytes ([`QueueLimits`]). What happens when it is full is a
//! choice ([`Overflow`]). By default messages are discarded and counted, and the reader finds a [`GapOpened`] with
//! [`GapCause::Overflow`] in the place where they are missing; answers of the exchange ([`EventKind::Response`]) are
//! dropped without one, when some hundreds are unread. Heartbeats go on: only when some thousand lifecycle events are unread too is the connection
//! left to itself until the consumer is back.
//!
//! # Logging
//!
//! By [`tracing`]: what happens to connections under the target `bitmart::connection`, what goes over the wire under
//! `bitmart::wire` at trace level, both inside a span that names the connection and its epoch ([`ws`] has more). With
//! `tracing-subscriber` and its `env-filter`: `RUST_LOG=bitmart::connection=info,bitmart::wire=trace`.
//!
//! # Without a task, without tokio
//!
//! A loop of your own over one connection, with borrowed messages: [`ws::Connection`]. An event loop of your own:
//! [`session::Session`].

mod builder;
mod client;
mod event;
mod events;
mod outcome;
mod queue;
mod routing;
mod task;

pub use bitmart_auth::{
    self as auth, Credentials, CredentialsError, HmacSigner, RemoteSigner, SignError, SignFuture, Signature,
    Signer,
};
pub use bitmart_proto::{
    self as proto, Channel, DecodeError, Decoder, Environment, ErrorClass, ErrorCode, Market, Num, Refusal,
    Reply, Side, Symbol, Topic, TopicError,
};
pub use bitmart_session::{
    self as session, Bounds, Cause, ConfigError, ConnectErrorKind, ConnectionId, Epoch, Event as Lifecycle,
    GapCause, GapClosed, GapKind, GapOpened, Moment, Status, SubscribeFailure,
};
pub use bitmart_ws::{self as ws, Clock, Counters, MessageError, SharedBudget};

pub use builder::{BuildError, ClientBuilder};
pub use client::{Client, ConnectionState};
pub use event::{Event, EventKind, MAX_SAMPLE_BYTES, Update};
pub use events::Events;
pub use outcome::{ClientError, Connected, Failure, Outcome, Outcomes};
pub use queue::{Overflow, QueueLimits};

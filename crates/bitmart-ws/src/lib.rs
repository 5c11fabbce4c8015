//! One connection to the BitMart exchange on tokio: TLS, HTTP upgrade, frames, timers, reconnects.
//!
//! [`Connection`] drives a [`Session`](bitmart_session::Session) over real sockets. It has no task of its own and
//! lends what it reads, where it lies: [`Connection::next`] is the whole loop.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use bitmart_auth::{Credentials, HmacSigner};
//! use bitmart_proto::{Environment, Market, Side, Update, endpoint_url};
//! use bitmart_ws::{Connection, ConnectionConfig, Incoming};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let url = endpoint_url(Environment::Live, Market::Futures, Side::Private);
//! let signer = Arc::new(HmacSigner::new(Credentials::from_env()?));
//! let mut connection = Connection::private(Market::Futures, signer, ConnectionConfig::new(url.parse()?));
//! connection.subscribe("futures/order".parse()?)?;
//! while let Some(incoming) = connection.next().await {
//!     match incoming {
//!         Incoming::Push(push) => {
//!             if let Update::FuturesOrders { orders, .. } = push.update {
//!                 orders.iter().for_each(|order| println!("{} {}", order.order_id, order.state.name().unwrap_or("?")));
//!             }
//!         }
//!         Incoming::Event(event) => println!("{event:?}"),
//!         _ => {}
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! ```text
//!   Connection::next()
//!       │  poll_ready: find             lend: decode once, borrow
//!   ┌───▼─────────────────────────────────────▲──────┐
//!   │ driver   orders ◄─ Session ─► events    │      │
//!   │            │          ▲                 │      │
//!   │            ▼          │ replies, time   │      │
//!   │  connect ─► socket ─► FrameReader ─► classify  │
//!   │             socket ◄─ FrameWriter              │
//!   └────────────────────────────────────────────────┘
//! ```
//!
//! - [`frame`] is RFC 6455 without I/O: a reader that lends messages from one buffer, a writer that holds whole frames.
//! - [`connect`] opens a socket, each step within a deadline of its own; roots of trust, resolver and dialer are seams.
//! - [`Clock`] is where time comes from.
//! - [`SharedBudget`] keeps a process within the exchange's limit of new connections.
//!
//! A message of data costs no allocation, lock or channel.
//!
//! # Logging
//!
//! Events go to [`tracing`] under the target `bitmart::connection`, from `debug` to `error`; messages sent and answers
//! received under `bitmart::wire` at `trace`. Both belong to a span `connection` with `market`, `side`, `index` and
//! `epoch`: one for each socket, from the first attempt to open it. These names are stable. Data is not logged, and of
//! a login no more than its timestamp and the first characters of the key.

mod budget;
pub mod clock;
pub mod connect;
mod connection;
mod driver;
pub mod frame;
mod incoming;
mod log;
mod socket;

pub use bitmart_session as session;
pub use budget::SharedBudget;
pub use connection::{Connection, ConnectionConfig};
pub use incoming::{Counters, Incoming, MessageError, Push, Undecodable};

pub use clock::{Clock, SystemClock, TokioClock};

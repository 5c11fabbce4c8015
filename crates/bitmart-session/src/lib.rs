//! One BitMart connection's life as a state machine: connect, log in, subscribe, live, back off.
//!
//! A [`Session`] does no I/O, reads no clock, draws no randomness and knows no runtime: time, bytes and a seed come
//! in as arguments, and what is to be done comes out. So it runs inside any event loop, and its promises are tested
//! in virtual time. `bitmart-ws` drives it over real sockets.
//!
//! ```text
//!                 commands                      inputs: what happened
//!      subscribe · unsubscribe · shutdown    handle_connected · handle_disconnected
//!                     │                      handle_activity · handle_reply · handle_signed
//!                     ▼                      handle_timeout
//!              ┌─────────────────────────────────┐   │
//!              │ Session                         │◄──┘
//!              │   topics · gap · login clock    │
//!              │   liveness · pace · backoff     │
//!              └─────────────────────────────────┘
//!                │            │           │     └── poll_timeout: when to come back
//!                ▼            ▼           ▼
//!           poll_order   poll_transmit  poll_event
//!           connect,     login, pings,  what the user
//!           sign, close  requests       is to know
//! ```
//!
//! # Example
//!
//! ```
//! use bitmart_proto::{Market, Reply};
//! use bitmart_session::{Config, Event, Order, Session};
//!
//! let mut session = Session::public(Market::Spot, 0, Config::default(), 1);
//! session.subscribe("spot/ticker:BTC_USDT".parse()?)?;
//! session.start(0, 1_700_000_000_000);
//! assert_eq!(session.poll_order(), Some(Order::Connect { not_before: 0 }));
//!
//! // The driver opens a socket …
//! session.handle_connected(20_000_000, 1_700_000_000_020, None);
//! let mut message = Vec::new();
//! session.poll_transmit(20_000_000, &mut message);
//! assert_eq!(message, br#"{"op":"subscribe","args":["spot/ticker:BTC_USDT"]}"#);
//!
//! // … sends the message and reads the answer.
//! session.handle_activity(40_000_000, true);
//! session.handle_reply(40_000_000, &Reply::new("subscribe", Some("spot/ticker:BTC_USDT"), Ok(())));
//! let events: Vec<Event> = std::iter::from_fn(|| session.poll_event()).collect();
//! assert!(matches!(events.last(), Some(Event::Ready { .. })));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What it promises
//!
//! - **No silent loss.** Whatever may have been missed is announced: [`Event::GapOpened`] runs from the last inbound
//!   frame of the lost socket, [`Event::GapClosed`] to the acknowledgement that completes the set.
//! - **Truthful login.** [`Event::Authenticated`] follows a success reply to the login of this epoch, nothing else.
//! - **Liveness.** Every wait has a deadline ([`Config`]); a dead peer is noticed within 25 s.
//! - **Politeness.** Messages are paced within the exchange's limit, retries back off with full jitter, a permanent
//!   refusal is not retried. Connects are counted by a [`Budget`], which the driver shares among sessions.
//!
//! What differs between the markets sits behind [`bitmart_proto::Dialect`]; nothing here knows a market.

mod backoff;
mod bounds;
mod budget;
mod command;
mod config;
mod connect;
mod event;
mod gap;
mod id;
mod liveness;
mod login;
mod order;
mod pace;
mod session;
pub mod time;
mod topics;

pub use bounds::{Bounds, ConfigError};
pub use budget::Budget;
pub use command::CommandError;
pub use config::{BackoffConfig, Config};
pub use connect::{ConnectErrorKind, TlsFault, UpgradeFault};
pub use event::{Cause, Event, GapCause, GapClosed, GapKind, GapOpened, Retry, SubscribeFailure};
pub use id::{ConnectionId, Epoch};
pub use order::{Order, Transmit};
pub use session::{Session, Status};
pub use time::Moment;
pub use topics::TopicStatus;

//! A BitMart exchange in a process: real handshakes, real signature checks, a seeded market, faults on demand.
//!
//! BitMart is winding down, so this is where a client of it runs, is shown, is tested and is measured. It speaks
//! the exchange's WebSocket protocol on loopback, spot and futures v2, public and private, live and demo, over TLS
//! or plain, and writes its JSON by itself: a second witness of the wire beside `bitmart-proto`'s decoders.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use bitmart_proto::{Environment, Market, Side};
//! use bitmart_sim::{Fault, Simulator};
//!
//! let sim = Simulator::builder().seed(7).start().await?;
//! println!("connect to {}", sim.url(Environment::Live, Market::Spot, Side::Private));
//! println!("trusting {}", sim.ca_pem());
//!
//! // ... and while a client is connected:
//! sim.inject(Fault::close(1001, "going away").on(Market::Spot, Side::Private));
//! sim.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! ```text
//!   Simulator ── inject, step, place_order ──┐
//!       │ owns                               ▼
//!       ├─ listeners, TLS ──► connection ─► hub ──► exchange   pure: markets, accounts, orders, money
//!       │                      │    ▲        │  └──► protocol  pure: text in, texts out, per connection
//!       └─ ticker ─────────────┼────┼───────►│  └──► faults    what goes wrong next, and where
//!                              ▼    │        │
//!                           frames  └─ outbox ┘   bounded: who doesn't read is cut off
//! ```
//!
//! - [`exchange`] is the exchange without a network, to be stepped by hand.
//! - [`Simulator`] runs it behind sockets; [`Acceptor`] behind any stream of bytes.
//! - [`Fault`] is what can be made to go wrong; [`Counters`] is what happened.
//!
//! # Determinism
//!
//! The same seed, and the same calls in the same order, give the same payloads, byte for byte: times in payloads
//! come from a simulated clock, ids and prices from the seed. The wall clock is read for the login's 60 s window
//! and the `Date` of the upgrade's answer alone, and a test can replace it. What a client sees also depends on
//! when it subscribes; with [`Tick::Manual`], that is up to the test as well.
//!
//! # What it takes from the exchange, and what it doesn't
//!
//! Acknowledged is every topic that `bitmart_proto::Topic` reads and whose symbol is listed. Data comes on all of
//! them for the symbols that are traded, and [`exchange`] says what can be relied on in it. A contract that is listed
//! and not traded has an empty book; the second version of the futures books is acknowledged and all but silent, as
//! it was seen. Limits hold as documented or as measured: 20
//! topics per spot request, 115 or 100 per spot connection, 100 messages per 10 s on spot, 4,096 bytes per spot
//! message and 2,048 per futures message, an idle spot connection closed after 20 s. The limits per IP address
//! don't: on loopback everybody is one.
//!
//! Where the exchange's behaviour is not known, the simulator picks the answer that asks more of a client, and the
//! code says so.

mod account;
mod clock;
mod counters;
pub mod exchange;
mod fault;
mod protocol;
mod random;
mod server;
mod venue;

pub use account::{Account, EXAMPLE_KEY, EXAMPLE_MEMO, EXAMPLE_SECRET};
pub use counters::{Counters, EndpointCounters};
pub use fault::{Fault, FaultId, MAX_CLOSE_REASON_BYTES};
pub use server::{Acceptor, Builder, Compress, Simulator, StartError, Tick};

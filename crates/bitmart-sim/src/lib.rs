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
//!   Simulator, control ── inject, step, … ───┐
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
//! - [`Limits`] is what a client may do; [`Fault`] what can be made to go wrong; [`Counters`] what happened.
//!
//! # Determinism
//!
//! The same seed, and the same calls in the same order, give the same payloads, byte for byte: times in payloads
//! come from a simulated clock, ids and prices from the seed. The wall clock is read for the login's 60 s window
//! and the `Date` of HTTP answers alone (to upgrades and on the control endpoint), and a test can replace it. What a client sees also depends on
//! when it subscribes; with [`Tick::Manual`], that is up to the test as well.
//!
//! # What it takes from the exchange, and what it doesn't
//!
//! Acknowledged is every topic that `bitmart_proto::Topic` reads and whose symbol is listed. Data comes on all of
//! them for the symbols that are traded, and [`exchange`] says what can be relied on in it. A contract that is listed
//! and not traded has an empty book; the second version of the futures books is acknowledged and all but silent, as
//! it was seen.
//!
//! The limits are the exchange's, as documented or as measured, unless [`Limits`] sets others: 20 public and 10
//! private spot connections at once and 30 new ones a minute, 500 on futures; 20 topics per spot request, 115 or 100
//! per spot connection; 100 messages per 10 s on spot; 4,096 bytes per spot message and 2,048 per futures message; an
//! idle spot connection closed after 20 s, one without a subscription after 5 minutes. Those per IP address count
//! all clients of a simulator together: on loopback everybody is one.
//!
//! Every documented error code can be had: by the request that earns it, from an account that is
//! [frozen](Account::frozen) or [expired](Account::expired), or by a fault.
//!
//! Where the exchange's behaviour is not known, the simulator picks the answer that asks more of a client, and the
//! code says so.
//!
//! # From other languages
//!
//! The program `bitmart-sim` does what the library does; [`Builder::control_port`] is its `--control-port`, through
//! which a test in any language sets faults loose, runs ticks, places orders and reads the counters.

mod account;
mod clock;
mod control;
mod counters;
mod deflate;
pub mod exchange;
mod fault;
mod http;
mod limits;
mod protocol;
mod random;
mod server;
mod venue;

pub use account::{Account, EXAMPLE_KEY, EXAMPLE_MEMO, EXAMPLE_SECRET};
pub use counters::{Counters, EndpointCounters};
pub use fault::{Fault, FaultId, Garbage, MAX_CLOSE_REASON_BYTES};
pub use limits::{ConnectRefusal, FuturesLimits, Limits, OverSubscription, SpotLimits};
pub use protocol::Wording;
pub use server::{Acceptor, Builder, Compress, PushRecord, Simulator, StartError, Tick};

//! A whole client and a whole exchange, in memory and in virtual time.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bitmart::{Client, ClientBuilder, Event, EventKind, Events, SharedBudget};
use bitmart_auth::Credentials;
use bitmart_proto::{Environment, Market, Side};
use bitmart_sim::{EXAMPLE_KEY, EXAMPLE_MEMO, EXAMPLE_SECRET, Limits, Simulator, Tick};
use bitmart_ws::connect::{BoxFuture, Dial, Io};
use bitmart_ws::{Clock, TokioClock};
use tokio::time::timeout;

use super::{Nowhere, Skies, Weather};

/// Unix time at the beginning.
const START_MS: u64 = 1_700_000_000_000;

/// What stands for spot in an address of the dialer's.
const SPOT_PORT: u16 = 1;

/// What stands for futures there.
const FUTURES_PORT: u16 = 2;

/// A client of a simulator in memory, both on tokio's clock, for a runtime whose time is paused. The exchange has no
/// limits, and does nothing that it isn't told to.
#[derive(Debug)]
pub struct World {
    /// The exchange.
    pub sim: Simulator,
    /// The client, with the simulator's example account.
    pub client: Client,
    /// What it says.
    pub events: Events,
    /// The time.
    pub clock: TokioClock,
}

/// Both markets behind one dialer: the port says which.
#[derive(Clone)]
struct BothMarkets {
    spot: Skies,
    futures: Skies,
}

impl Dial for BothMarkets {
    fn dial(&self, address: SocketAddr) -> BoxFuture<'_, io::Result<Box<dyn Io>>> {
        match address.port() {
            SPOT_PORT => self.spot.dial(address),
            _ => self.futures.dial(address),
        }
    }
}

impl World {
    /// A client as `change` has it, whose first connections to each market are under these weathers.
    ///
    /// # Panics
    ///
    /// When the simulator can't be started or the client not be built: a world without them is of no use.
    pub async fn new(weathers: &[Weather], change: impl FnOnce(ClientBuilder) -> ClientBuilder) -> Self {
        let clock = TokioClock::starting_at(START_MS);
        let sim = quiet_sim(clock).await;
        let (client, events) = client_of(&sim, clock, weathers, change);
        Self {
            sim,
            client,
            events,
            clock,
        }
    }

    /// Everything that happens in so much time.
    pub async fn pass(&mut self, time: Duration) -> Vec<Event> {
        let mut seen = Vec::new();
        let end = timeout(time, async {
            while let Some(event) = self.events.next().await {
                seen.push(event);
            }
        });
        drop(end.await);
        seen
    }

    /// The names of the lifecycle events in so much time.
    pub async fn names(&mut self, time: Duration) -> Vec<&'static str> {
        let name = |event: Event| match event.kind {
            EventKind::Lifecycle(event) => Some(event.name()),
            _ => None,
        };
        self.pass(time).await.into_iter().filter_map(name).collect()
    }
}

/// The credentials of the simulator's example account.
///
/// # Panics
///
/// Never: they are such.
#[must_use]
pub fn credentials() -> Credentials {
    Credentials::new(EXAMPLE_KEY, EXAMPLE_SECRET, EXAMPLE_MEMO).expect("the example is one")
}

/// A simulator without ports, TLS and limits, on tokio's clock, that does nothing by itself.
///
/// # Panics
///
/// When it can't be started.
pub async fn quiet_sim(clock: TokioClock) -> Simulator {
    Simulator::builder()
        .seed(7)
        .tls(false)
        .tick(Tick::Manual)
        .empty_push(false)
        .limits(Limits::none())
        .without_listeners()
        .wall_clock(move || clock.wall_ms())
        .start()
        .await
        .expect("nothing outside can keep it from starting")
}

/// Another client of a simulator.
///
/// # Panics
///
/// When what `change` asks for can't be built.
pub fn client_of(
    sim: &Simulator,
    clock: TokioClock,
    weathers: &[Weather],
    change: impl FnOnce(ClientBuilder) -> ClientBuilder,
) -> (Client, Events) {
    let skies = |market| {
        let acceptor = sim.acceptor(Environment::Live, market);
        Skies::new(acceptor, clock, weathers.iter().cloned())
    };
    let dial = BothMarkets {
        spot: skies(Market::Spot),
        futures: skies(Market::Futures),
    };
    let url = |market, side| {
        let port = match market {
            Market::Spot => SPOT_PORT,
            Market::Futures => FUTURES_PORT,
        };
        let path = match side {
            Side::Private => "user",
            Side::Public => "api",
        };
        format!("ws://localhost:{port}/{path}?protocol=1.1")
    };
    let builder = Client::builder()
        .urls(url)
        .dial(dial)
        .resolver(Nowhere)
        .clock(clock)
        .budget(SharedBudget::new(1_000))
        .seed(1)
        .credentials(credentials());
    change(builder).build().expect("the settings make sense")
}

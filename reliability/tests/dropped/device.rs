//! A future polled so many times and dropped, and a world for it to be dropped in.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use bitmart::{Client, ClientBuilder, Event, EventKind, Events, SharedBudget};
use bitmart_auth::Credentials;
use bitmart_proto::{Environment, Market};
use bitmart_reliability::weather::{Nowhere, Skies, Way, Weather};
use bitmart_sim::{EXAMPLE_KEY, EXAMPLE_MEMO, EXAMPLE_SECRET, Limits, Simulator, Tick};
use bitmart_ws::connect::{BoxFuture, Dial, Io};
use bitmart_ws::{Clock, TokioClock};
use tokio::time::{sleep, timeout};

/// Polls after which every future here has long been ready.
const MAX_POLLS: usize = 2_000;

/// How long everything else runs between two polls.
const BETWEEN_POLLS: Duration = Duration::from_millis(1);

/// Polls a future so many times, letting everything else run in between, and drops it; its output, if it was ready
/// within them.
pub(crate) async fn drop_after<F: Future>(polls: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    for _ in 0..polls {
        let polled = poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await;
        if let Poll::Ready(output) = polled {
            return Some(output);
        }
        sleep(BETWEEN_POLLS).await;
    }
    None
}

/// Plays a scenario with 0 polls, with one, and so on until it says that its future was ready within them. Each has a
/// runtime of its own, in virtual time.
pub(crate) fn for_every_number_of_polls<F: Future<Output = bool>>(scenario: impl Fn(usize) -> F) {
    for polls in 0..MAX_POLLS {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        if runtime.block_on(scenario(polls)) {
            assert!(polls > 0, "a future does nothing unpolled");
            return;
        }
    }
    panic!("not ready within {MAX_POLLS} polls");
}

/// As [`for_every_number_of_polls`], in real time and with real sockets.
pub(crate) fn for_every_number_of_polls_for_real<F: Future<Output = bool>>(scenario: impl Fn(usize) -> F) {
    for polls in 0..MAX_POLLS {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        if runtime.block_on(scenario(polls)) {
            return;
        }
    }
    panic!("not ready within {MAX_POLLS} polls");
}

pub(crate) fn credentials() -> Credentials {
    Credentials::new(EXAMPLE_KEY, EXAMPLE_SECRET, EXAMPLE_MEMO).unwrap()
}

/// Pieces that take their time, so that there are many places to be dropped at.
pub(crate) fn slow_weather() -> Weather {
    let way = Way {
        max_piece_bytes: Some(96),
        pace: Duration::from_millis(1),
        ..Way::default()
    };
    Weather {
        inbound: way.clone(),
        outbound: way,
        seed: 5,
    }
}

/// A simulator without ports, on tokio's clock.
pub(crate) async fn quiet_sim(clock: TokioClock) -> Simulator {
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
        .unwrap()
}

/// Both markets behind one dialer: the port says which.
#[derive(Clone)]
struct BothMarkets {
    spot: Skies,
    futures: Skies,
}

const SPOT_PORT: u16 = 1;
const FUTURES_PORT: u16 = 2;

impl Dial for BothMarkets {
    fn dial(&self, address: SocketAddr) -> BoxFuture<'_, io::Result<Box<dyn Io>>> {
        match address.port() {
            SPOT_PORT => self.spot.dial(address),
            _ => self.futures.dial(address),
        }
    }
}

/// A client of a simulator in memory.
pub(crate) struct World {
    pub(crate) sim: Simulator,
    pub(crate) client: Client,
    pub(crate) events: Events,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(|builder| builder).await
    }

    pub(crate) async fn with(change: impl FnOnce(ClientBuilder) -> ClientBuilder) -> Self {
        let clock = TokioClock::starting_at(1_700_000_000_000);
        let sim = quiet_sim(clock).await;
        let skies = |market| {
            let weathers = [slow_weather(), slow_weather(), slow_weather()];
            Skies::new(sim.acceptor(Environment::Live, market), clock, weathers)
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
                bitmart::Side::Private => "user",
                bitmart::Side::Public => "api",
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
        let (client, events) = change(builder).build().unwrap();
        Self { sim, client, events }
    }

    /// Everything that happens in so much time.
    pub(crate) async fn pass(&mut self, time: Duration) -> Vec<Event> {
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
    pub(crate) async fn names(&mut self, time: Duration) -> Vec<&'static str> {
        let name = |event: Event| match event.kind {
            EventKind::Lifecycle(event) => Some(event.name()),
            _ => None,
        };
        self.pass(time).await.into_iter().filter_map(name).collect()
    }
}

//! The exchange on a simulated host: a simulator behind listeners of the simulated network.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bitmart::{Environment, Market, Side};
use bitmart_sim::{Acceptor, Fault, FaultId, Limits, Simulator, Tick};
use tokio::sync::Notify;
use tokio::task::spawn_local;
use tokio::time::{MissedTickBehavior, interval};
use turmoil::net::{TcpListener, TcpStream};

use super::certificates::Certificates;
use super::journal::{Journal, now};
use super::schedule::{BadCertificate, Schedule, Transport};
use super::tap::{Streams, Watched};

/// The host that the exchange is reached at.
pub(super) const EXCHANGE: &str = "exchange";

/// Another, which its name may lead to.
pub(super) const STANDBY: &str = "standby";

/// Where the exchange listens: a port for each market and side, so that a dial tells what it is for.
const PORTS: [(u16, Market, Side); 4] = [
    (7001, Market::Spot, Side::Public),
    (7002, Market::Spot, Side::Private),
    (7003, Market::Futures, Side::Public),
    (7004, Market::Futures, Side::Private),
];

/// Unix time at the beginning of a simulation, in milliseconds.
pub(super) const START_MS: u64 = 1_700_000_000_000;

/// What a restarted exchange's own clock is ahead of the one before, in milliseconds: more than any simulation lasts.
const LIFE_MS: u64 = 3_600_000;

pub(super) fn port(market: Market, side: Side) -> u16 {
    let is_meant = |(_, m, s): &&(u16, Market, Side)| (*m, *s) == (market, side);
    PORTS.iter().find(is_meant).map_or(0, |(port, ..)| *port)
}

/// What a port is for.
pub(super) fn place(port: u16) -> (Market, Side) {
    let is_meant = |(p, ..): &&(u16, Market, Side)| *p == port;
    PORTS
        .iter()
        .find(is_meant)
        .map_or((Market::Spot, Side::Public), |(_, market, side)| (*market, *side))
}

/// What the simulator is to do; carried out on its host.
#[derive(Debug)]
enum Order {
    Inject(usize, Box<Fault>),
    Clear(usize),
}

/// The exchange as the simulation steers it.
#[derive(Clone)]
pub(super) struct Exchange {
    schedule: Arc<Schedule>,
    journal: Journal,
    streams: Streams,
    state: Arc<Mutex<State>>,
    ordered: Arc<Notify>,
}

#[derive(Default)]
struct State {
    /// Survives a restart, unless it is taken away.
    simulator: Option<Arc<Simulator>>,
    lives: u64,
    orders: VecDeque<Order>,
    injected: Vec<(usize, FaultId)>,
    certificate: Option<BadCertificate>,
}

impl Exchange {
    pub(super) fn new(schedule: Arc<Schedule>, journal: Journal, streams: Streams) -> Self {
        Self {
            schedule,
            journal,
            streams,
            state: Arc::default(),
            ordered: Arc::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn inject(&self, number: usize, fault: &Fault) {
        let order = Order::Inject(number, Box::new(fault.clone()));
        self.state().orders.push_back(order);
        self.ordered.notify_one();
    }

    pub(super) fn clear(&self, number: usize) {
        self.state().orders.push_back(Order::Clear(number));
        self.ordered.notify_one();
    }

    /// The next start is that of another exchange.
    pub(super) fn lose_state(&self) {
        let mut state = self.state();
        state.simulator = None;
        state.injected.clear();
    }

    pub(super) fn set_certificate(&self, bad: Option<BadCertificate>) {
        self.state().certificate = bad;
    }

    /// The simulator, a new one if there is none.
    async fn simulator(&self) -> Arc<Simulator> {
        let (kept, life) = {
            let state = self.state();
            (state.simulator.clone(), state.lives)
        };
        if let Some(simulator) = kept {
            return simulator;
        }
        let journal = self.journal.clone();
        let simulator = Simulator::builder()
            .seed(self.schedule.seed.wrapping_add(life))
            .start_ms(START_MS + life * LIFE_MS)
            .tls(false)
            .without_listeners()
            .tick(Tick::Manual)
            .limits(Limits::none())
            .compress(self.schedule.compress)
            .wall_clock(|| START_MS + now() / 1_000_000)
            .make_always(self.schedule.topics.iter().cloned())
            .on_push(move |push| {
                if push.environment == Environment::Live {
                    journal.pushed(push);
                }
            })
            .start()
            .await
            .expect("it binds no port");
        let simulator = Arc::new(simulator);
        let mut state = self.state();
        state.lives += 1;
        state.simulator.insert(simulator).clone()
    }

    /// Runs the exchange on its host, until that is crashed.
    pub(super) async fn run(self) -> turmoil::Result {
        let simulator = self.simulator().await;
        self.listen(&simulator).await?;
        let mut ticks = interval(Duration::from_millis(self.schedule.exchange_tick_ms));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = self.ordered.notified() => self.obey(&simulator),
                _ = ticks.tick() => simulator.step().await,
            }
        }
    }

    /// Runs another machine of the same exchange: it only accepts.
    pub(super) async fn stand_by(self) -> turmoil::Result {
        let simulator = self.simulator().await;
        self.listen(&simulator).await?;
        std::future::pending().await
    }

    fn obey(&self, simulator: &Simulator) {
        loop {
            let Some(order) = self.state().orders.pop_front() else {
                return;
            };
            match order {
                Order::Inject(number, fault) => {
                    let id = simulator.inject(*fault);
                    self.state().injected.push((number, id));
                }
                Order::Clear(number) => {
                    let injected = self.state().injected.clone();
                    for (_, id) in injected.iter().filter(|(other, _)| *other == number) {
                        simulator.clear(*id);
                    }
                }
            }
        }
    }

    async fn listen(&self, simulator: &Simulator) -> turmoil::Result {
        for (port, market, side) in PORTS {
            let listener = TcpListener::bind(("0.0.0.0", port)).await?;
            let acceptor = simulator.acceptor(Environment::Live, market);
            let exchange = self.clone();
            spawn_local(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    spawn_local(exchange.clone().serve(stream, acceptor.clone(), market, side));
                }
            });
        }
        Ok(())
    }

    async fn serve(self, stream: TcpStream, acceptor: Acceptor, market: Market, side: Side) {
        let stream = self.streams.add(stream);
        if self.schedule.transport == Transport::Plain {
            return acceptor.serve(stream).await;
        }
        let bad = self.state().certificate;
        let handshake = Certificates::get().acceptor(bad).accept(stream);
        // Whoever doesn't come through is gone, and has its own deadline.
        if let Ok(stream) = handshake.await {
            if let Some(bad) = bad {
                let connection = self.journal.connection(market, side);
                self.journal.violate(
                    connection,
                    format!("P4: a handshake was completed in spite of {bad:?}"),
                );
            }
            let connection = self.journal.connection(market, side);
            acceptor
                .serve(Watched::new(stream, connection, self.journal.clone()))
                .await;
        }
    }
}

//! A simulator behind streams in memory, on tokio's clock.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bitmart_auth::{Credentials, HmacSigner};
use bitmart_proto::{Environment, Market};
use bitmart_sim::{Acceptor, EXAMPLE_KEY, EXAMPLE_MEMO, EXAMPLE_SECRET, Simulator, Tick};
use bitmart_ws::connect::{BoxFuture, ConnectConfig, Dial, Endpoint, Io, Resolve};
use bitmart_ws::{ConnectionConfig, SharedBudget, TokioClock};

/// Unix time at the beginning of a test in virtual time.
const START_MS: u64 = 1_700_000_000_000;

/// Dials the simulator through memory.
struct Memory(Acceptor);

impl Dial for Memory {
    fn dial(&self, _address: SocketAddr) -> BoxFuture<'_, io::Result<Box<dyn Io>>> {
        let (ours, theirs) = tokio::io::duplex(16 * 1024);
        let acceptor = self.0.clone();
        tokio::spawn(async move { acceptor.serve(theirs).await });
        Box::pin(async move { Ok(Box::new(ours) as Box<dyn Io>) })
    }
}

pub(crate) fn signer() -> Arc<HmacSigner> {
    Arc::new(HmacSigner::new(
        Credentials::new(EXAMPLE_KEY, EXAMPLE_SECRET, EXAMPLE_MEMO).unwrap(),
    ))
}

/// A simulator without ports whose clocks are tokio's, and a configuration that reaches it.
pub(crate) async fn in_memory(market: Market) -> (Simulator, ConnectionConfig) {
    let clock = TokioClock::starting_at(START_MS);
    let sim = Simulator::builder()
        .seed(7)
        .tls(false)
        .tick(Tick::Manual)
        .empty_push(false)
        .without_listeners()
        .wall_clock(move || bitmart_ws::Clock::wall_ms(&clock))
        .start()
        .await
        .unwrap();
    let mut config = ConnectionConfig::new("ws://localhost/user".parse::<Endpoint>().unwrap());
    let dial = Memory(sim.acceptor(Environment::Live, market));
    config.connect = ConnectConfig::new().with_dial(dial).with_resolver(Nowhere);
    config.clock = Arc::new(clock);
    config.budget = SharedBudget::new(1_000);
    config.seed = Some(1);
    (sim, config)
}

/// Resolves every name to an address that nobody dials.
pub(crate) struct Nowhere;

impl Resolve for Nowhere {
    fn resolve<'a>(&'a self, _host: &'a str, port: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        Box::pin(async move { Ok(vec![SocketAddr::from(([127, 0, 0, 1], port))]) })
    }
}

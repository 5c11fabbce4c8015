//! Private streams of both markets, end to end, on an exchange inside this process.
//!
//! ```text
//! cargo run --release --example quickstart            # offline, over TLS on loopback
//! cargo run --release --example quickstart -- --demo  # BitMart's futures paper trading
//! cargo run --release --example quickstart -- --live  # BitMart itself
//! ```
//!
//! The last two read `API_KEY`, `API_SECRET` and `API_MEMO` from the environment.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for people prints"
)]

mod show;

use std::process::ExitCode;
use std::time::Duration;

use bitmart::{Client, ClientBuilder, Credentials, Decoder, Environment, EventKind, Market, Side};
use bitmart_sim::{Account, EXAMPLE_KEY, EXAMPLE_MEMO, EXAMPLE_SECRET, Fault, Simulator};
use clap::Parser;
use tokio::time::sleep;

use show::{Screen, Summary};

/// The same for every topic: what one private stream of each kind brings.
const TOPICS: [&str; 8] = [
    "spot/user/order:BTC_USDT",
    "spot/user/order:ETH_USDT",
    "spot/user/balance:BALANCE_UPDATE",
    "futures/asset:USDT",
    "futures/asset:BTC",
    "futures/asset:ETH",
    "futures/position",
    "futures/order",
];

/// How long the show runs, and when the simulator drops a connection: both between two of its ticks.
const SHOW: Duration = Duration::from_millis(12_600);
const DROP_AT: Duration = Duration::from_millis(6_400);

/// Private streams of both markets, end to end.
#[derive(Parser)]
struct Args {
    /// Connect to BitMart itself; needs `API_KEY`, `API_SECRET` and `API_MEMO`. Runs until Ctrl-C.
    #[arg(long, conflicts_with = "demo")]
    live: bool,
    /// Connect to BitMart's futures paper trading; needs the same variables. Runs until Ctrl-C.
    #[arg(long)]
    demo: bool,
    /// Seed of the simulated market and of everything that happens on it.
    #[arg(long, default_value_t = 7)]
    seed: u64,
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    // `RUST_LOG=bitmart::connection=info,bitmart::wire=trace` shows what goes over the wire, without the login.
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
    let result = match (args.live, args.demo) {
        (true, _) => on_the_exchange(Environment::Live).await,
        (_, true) => on_the_exchange(Environment::Demo).await,
        _ => on_the_simulator(args.seed).await,
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

async fn on_the_simulator(seed: u64) -> Result<()> {
    let sim = Simulator::builder()
        .seed(seed)
        .account(Account::example())
        .start()
        .await?;
    let credentials = Credentials::new(EXAMPLE_KEY, EXAMPLE_SECRET, EXAMPLE_MEMO)?;
    let builder = Client::builder()
        .credentials(credentials)
        .urls(|market, side| sim.url(Environment::Live, market, side))
        .extra_root(sim.ca_der())
        .seed(seed);
    let screen = Screen::new();
    screen.note("a BitMart exchange runs inside this process, on loopback, over TLS with a CA made just now");
    for market in Market::ALL {
        screen.note(&format!(
            "{market:8}{}",
            sim.url(Environment::Live, market, Side::Private)
        ));
    }
    let dropping = async {
        sleep(DROP_AT).await;
        screen.note("the exchange resets the connection of the private spot stream");
        sim.inject(Fault::reset().on(Market::Spot, Side::Private));
        std::future::pending::<()>().await;
    };
    let summary = tokio::select! {
        summary = watch(builder, &screen, &TOPICS, sleep(SHOW)) => summary?,
        () = dropping => unreachable!("it waits for ever"),
    };
    sim.shutdown().await;
    screen.summary(&summary);
    Ok(())
}

async fn on_the_exchange(environment: Environment) -> Result<()> {
    let builder = Client::builder()
        .credentials(Credentials::from_env()?)
        .environment(environment);
    let screen = Screen::new();
    let mut topics = TOPICS.to_vec();
    if environment == Environment::Demo {
        screen.note("paper trading is there for futures only, so the spot topics are left out");
        topics.retain(|topic| topic.starts_with("futures/"));
    }
    screen.note("ends with Ctrl-C");
    let interrupted = async { drop(tokio::signal::ctrl_c().await) };
    let summary = watch(builder, &screen, &topics, interrupted).await?;
    screen.summary(&summary);
    Ok(())
}

/// The main job: credentials in, topics in, events out.
async fn watch(
    builder: ClientBuilder,
    screen: &Screen,
    topics: &[&str],
    end: impl Future<Output = ()>,
) -> Result<Summary> {
    let (client, mut events) = builder.build()?;
    let mut summary = Summary::default();
    let mut decoder = Decoder::new();
    tokio::pin!(end);
    let subscribing = client.subscribe(topics.iter().copied());
    tokio::pin!(subscribing);
    let mut is_subscribing = true;
    loop {
        tokio::select! {
            outcomes = &mut subscribing, if is_subscribing => {
                is_subscribing = false;
                for (topic, outcome) in outcomes?.not_done() {
                    screen.note(&format!("{topic}: {outcome}"));
                }
            }
            event = events.next() => {
                let Some(event) = event else { break };
                summary.count(&event);
                match &event.kind {
                    EventKind::Update(update) => screen.update(event.connection, update.decode(&mut decoder)?),
                    EventKind::Lifecycle(lifecycle) => screen.lifecycle(event.connection, lifecycle),
                    EventKind::Response(_) => {}
                    kind => screen.note(&format!("{}: {kind:?}", event.connection)),
                }
            }
            () = &mut end => break,
        }
    }
    client.close().await;
    while let Some(event) = events.next().await {
        summary.count(&event);
        if let EventKind::Lifecycle(lifecycle) = &event.kind {
            screen.lifecycle(event.connection, lifecycle);
        }
    }
    Ok(summary)
}

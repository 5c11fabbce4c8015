//! What the examples share: where to connect, how they end, and what a line looks like. The examples themselves are
//! the files beside this one.
//!
//! [`Exchange`] is a simulator inside the process or, with `--live`, BitMart itself. In a program of your own there is
//! nothing in its place: a `ClientBuilder` knows BitMart's URLs, and `Credentials::from_env` reads the account's key.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "programs for people print"
)]

use std::fmt::Display;
use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::LazyLock;
use std::time::Duration;

use bitmart::proto::{Num, endpoint_url};
use bitmart::ws::SystemClock;
use bitmart::ws::connect::{ConnectConfig, Tls};
use bitmart::{Client, ClientBuilder, Clock, Credentials, Environment, Lifecycle, Market, Side};
use bitmart_sim::{EXAMPLE_KEY, EXAMPLE_MEMO, EXAMPLE_SECRET, Simulator};
use clap::Parser;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// What an example returns: any error will do, it is shown to a person.
pub type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

/// The simulator's pace: fast enough for a show of a few seconds, slow enough to be followed.
const TICK: Duration = Duration::from_millis(120);

/// When an example on the simulator has failed to show its point. They need some five seconds.
const PATIENCE: Duration = Duration::from_secs(20);

/// An example of the bitmart crate. Runs on a simulator inside this process, and ends by itself.
#[derive(Parser)]
struct Args {
    /// Connect to BitMart itself, with `API_KEY`, `API_SECRET` and `API_MEMO`, until Ctrl-C.
    #[arg(long)]
    live: bool,
}

/// The exchange that an example talks to.
#[derive(Debug)]
pub struct Exchange {
    sim: Option<Simulator>,
}

impl Exchange {
    /// The simulator, to make things go wrong; `None` with `--live`.
    #[must_use]
    pub fn simulator(&self) -> Option<&Simulator> {
        self.sim.as_ref()
    }

    /// The key, secret and memo of the simulator's account; with `--live` those of the environment.
    ///
    /// # Errors
    ///
    /// Names the environment variables that are missing.
    pub fn credentials(&self) -> Result<Credentials> {
        Ok(match self.sim {
            Some(_) => Credentials::new(EXAMPLE_KEY, EXAMPLE_SECRET, EXAMPLE_MEMO)?,
            None => Credentials::from_env()?,
        })
    }

    /// The URL of an endpoint.
    #[must_use]
    pub fn url(&self, environment: Environment, market: Market, side: Side) -> String {
        match &self.sim {
            Some(sim) => sim.url(environment, market, side),
            None => endpoint_url(environment, market, side).into(),
        }
    }

    /// Points a builder at the simulator: the four URLs of the environment, and the certificate that signed the
    /// simulator's own. With `--live` there is nothing to do.
    #[must_use]
    pub fn point(&self, builder: ClientBuilder, environment: Environment) -> ClientBuilder {
        match &self.sim {
            Some(sim) => builder
                .urls(|market, side| sim.url(environment, market, side))
                .extra_root(sim.ca_der()),
            None => builder,
        }
    }

    /// As [`point`](Self::point), for a `bitmart::ws::Connection`: how it opens sockets.
    ///
    /// # Errors
    ///
    /// The simulator's certificate is none.
    pub fn connect_config(&self) -> Result<ConnectConfig> {
        Ok(match &self.sim {
            Some(sim) => ConnectConfig::new().with_tls(Tls::with_extra_roots([sim.ca_der().to_vec()])?),
            None => ConnectConfig::new(),
        })
    }
}

/// Runs an example: reads `--live`, logs what `RUST_LOG` names to standard error (unless the example has a subscriber
/// of its own), and makes an error a line and an exit code.
pub async fn run(example: impl AsyncFnOnce(&Exchange) -> Result) -> ExitCode {
    let args = Args::parse();
    LazyLock::force(&START_NS);
    let filter = EnvFilter::builder().with_default_directive(LevelFilter::OFF.into());
    // Not an error: an example with a subscriber of its own has set it already.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter.from_env_lossy())
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .try_init();
    exit_code(match args.live {
        true => example(&Exchange { sim: None }).await,
        false => on_a_simulator(example).await,
    })
}

/// Makes an error a line and an exit code.
#[must_use]
pub fn exit_code(result: Result) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn on_a_simulator(example: impl AsyncFnOnce(&Exchange) -> Result) -> Result {
    let sim = Simulator::builder().seed(7).tick(TICK).start().await?;
    let exchange = Exchange { sim: Some(sim) };
    let shown = tokio::time::timeout(PATIENCE, example(&exchange)).await;
    if let Some(sim) = exchange.sim {
        sim.shutdown().await;
    }
    shown.map_err(|_| format!("this should have ended within {} s", PATIENCE.as_secs()))?
}

/// Closes the client at Ctrl-C. Its events then come to an end, and with them whoever reads them.
pub fn close_on_ctrl_c(client: &Client) {
    let client = client.clone();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            client.close().await;
        }
    });
}

/// Turns the refusals after which a connection makes no further attempt into errors. A client's events go on without
/// it, for the sake of other connections; an example has nothing more to wait for.
///
/// # Errors
///
/// What the refusal says.
pub fn ensure_goes_on(event: &Lifecycle) -> Result {
    match event.is_terminal() {
        true => Err(event.to_string().into()),
        false => Ok(()),
    }
}

/// When the example began, on [`SystemClock`].
static START_NS: LazyLock<u64> = LazyLock::new(|| SystemClock::new().now_ns());

/// Prints a line: when, on which connection, what kind of thing, and the rest.
pub fn say(connection: impl Display, what: &str, text: impl Display) {
    let start_ns = *START_NS;
    let ms = (SystemClock::new().now_ns() - start_ns) / 1_000_000;
    let seconds = format!("{}.{:02}", ms / 1_000, ms % 1_000 / 10);
    println!("{seconds:>6} s  {:<16} {what:<9} {text}", connection.to_string());
}

/// A number without the zeros that pad it, and with eight decimals at most; a dash for none.
pub fn short<'a>(number: impl Into<Option<Num<'a>>>) -> &'a str {
    let Some(number) = number.into() else { return "–" };
    let text = number.as_str();
    match text.split_once('.') {
        Some((whole, decimals)) => {
            let end = whole.len() + 1 + decimals.len().min(8);
            let shown = text.get(..end).unwrap_or(text);
            shown.trim_end_matches('0').trim_end_matches('.')
        }
        None => text,
    }
}

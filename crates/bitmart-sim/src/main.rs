//! The simulator as a program: it prints where it listens, and runs until it is told to stop.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use bitmart_proto::{Environment, Market, Side};
use bitmart_sim::{Account, Compress, ConnectRefusal, Limits, OverSubscription, Simulator, Tick};
use clap::{Parser, ValueEnum};

/// A BitMart exchange on this machine: spot and futures, public and private, live and demo.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Options {
    /// Everything random comes from this seed: the same seed tells the same story.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Port of spot; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    spot_port: u16,
    /// Port of futures; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    futures_port: u16,
    /// Port of futures paper trading; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    demo_port: u16,
    /// Speak ws:// instead of wss://.
    #[arg(long)]
    plain: bool,
    /// Milliseconds between two ticks of the story.
    #[arg(long, default_value_t = 250, value_parser = clap::value_parser!(u64).range(1..=60_000))]
    tick_ms: u64,
    /// Run no tick but those that the control endpoint asks for.
    #[arg(long, conflicts_with = "tick_ms", requires = "control_port")]
    manual: bool,
    /// Port of the control endpoint, plain HTTP on 127.0.0.1; 0 takes a free one. Without it there is none.
    #[arg(long, value_name = "PORT")]
    control_port: Option<u16>,
    /// API key of the one account, in place of the example's.
    #[arg(long, requires_all = ["secret", "memo"])]
    key: Option<String>,
    /// API secret of that account.
    #[arg(long, requires = "key")]
    secret: Option<String>,
    /// Memo of that account.
    #[arg(long, requires = "key")]
    memo: Option<String>,
    /// Write the certificate that a client must trust to this file, in PEM.
    #[arg(long, value_name = "PATH", conflicts_with = "plain")]
    write_ca: Option<PathBuf>,
    /// When spot sends compressed binary frames.
    #[arg(long, value_enum, default_value_t = CompressOption::Never)]
    compress: CompressOption,
    /// End by itself after this many seconds.
    #[arg(long, value_name = "N")]
    for_seconds: Option<u64>,
    #[command(flatten)]
    limits: LimitOptions,
}

/// What clients are allowed; by default, what the exchange allows.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Limits (default: the exchange's)")]
struct LimitOptions {
    /// No limits, but for those that are set.
    #[arg(long)]
    no_limits: bool,
    /// Public spot connections at once.
    #[arg(long, value_name = "N")]
    spot_public_connections: Option<usize>,
    /// Private spot connections at once.
    #[arg(long, value_name = "N")]
    spot_private_connections: Option<usize>,
    /// New spot connections within a minute.
    #[arg(long, value_name = "N")]
    spot_connects_per_minute: Option<usize>,
    /// Messages of a spot connection within ten seconds.
    #[arg(long, value_name = "N")]
    spot_messages_per_window: Option<usize>,
    /// Topics of a spot connection, public and private.
    #[arg(long, value_name = "N")]
    spot_topics: Option<usize>,
    /// Futures connections at once, public and private apart.
    #[arg(long, value_name = "N")]
    futures_connections: Option<usize>,
    /// How a connection too many is told: a frame with the text that was reported, a frame with a code, or an HTTP
    /// status such as 429.
    #[arg(long, value_name = "frame|code|STATUS", default_value = "frame", value_parser = refusal)]
    refuse_connects: ConnectRefusal,
    /// Acknowledge spot topics beyond the limit, and send no data for them.
    #[arg(long)]
    silent_over_subscription: bool,
}

fn refusal(text: &str) -> Result<ConnectRefusal, &'static str> {
    match (text, text.parse()) {
        ("frame", _) => Ok(ConnectRefusal::Frame),
        ("code", _) => Ok(ConnectRefusal::Code),
        (_, Ok(status @ 400..=599)) => Ok(ConnectRefusal::Status(status)),
        _ => Err("it is frame, code, or an HTTP status from 400 to 599"),
    }
}

impl LimitOptions {
    fn limits(&self) -> Limits {
        let mut limits = if self.no_limits {
            Limits::none()
        } else {
            Limits::default()
        };
        let set = |limit: &mut Option<usize>, option: Option<usize>| *limit = option.or(*limit);
        set(&mut limits.spot.public_connections, self.spot_public_connections);
        set(
            &mut limits.spot.private_connections,
            self.spot_private_connections,
        );
        set(
            &mut limits.spot.connects_per_minute,
            self.spot_connects_per_minute,
        );
        set(
            &mut limits.spot.messages_per_window,
            self.spot_messages_per_window,
        );
        set(&mut limits.spot.public_topics, self.spot_topics);
        set(&mut limits.spot.private_topics, self.spot_topics);
        set(&mut limits.futures.connections, self.futures_connections);
        limits.refusal = self.refuse_connects;
        if self.silent_over_subscription {
            limits.over_subscription = OverSubscription::Silent;
        }
        limits
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum CompressOption {
    /// Text frames only.
    Never,
    /// Pushes are compressed.
    AfterSubscribe,
    /// Everything but pongs is compressed.
    Always,
}

#[tokio::main]
async fn main() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::from_default_env();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .init();
    match run(Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing is left to tell the error of telling an error to.
            let _ = writeln!(io::stderr(), "bitmart-sim: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> Result<(), Box<dyn std::error::Error>> {
    let own_account = match (&options.key, &options.secret, &options.memo) {
        (Some(key), Some(secret), Some(memo)) => Some(Account::new(key, secret, memo)),
        _ => None,
    };
    let tick = if options.manual {
        Tick::Manual
    } else {
        Tick::Every(Duration::from_millis(options.tick_ms))
    };
    let mut builder = Simulator::builder()
        .seed(options.seed)
        .tls(!options.plain)
        .tick(tick)
        .account(own_account.clone().unwrap_or_else(Account::example))
        .limits(options.limits.limits())
        .compress(match options.compress {
            CompressOption::Never => Compress::Never,
            CompressOption::AfterSubscribe => Compress::AfterSubscribe,
            CompressOption::Always => Compress::Always,
        })
        .port(Environment::Live, Market::Spot, options.spot_port)
        .port(Environment::Live, Market::Futures, options.futures_port)
        .port(Environment::Demo, Market::Futures, options.demo_port);
    if let Some(port) = options.control_port {
        builder = builder.control_port(port);
    }
    let sim = builder.start().await?;
    if let Some(path) = &options.write_ca {
        std::fs::write(path, sim.ca_pem()).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    introduce(&sim, &options, own_account.is_none())?;

    let end = async {
        match options.for_seconds {
            Some(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted?,
        () = end => {}
    }
    let total = sim.counters().total();
    sim.shutdown().await;
    writeln!(
        io::stdout(),
        "served {} connections, {} logins, {} messages in, {} messages out",
        total.connections,
        total.logins_ok,
        total.messages_in,
        total.messages_out
    )?;
    Ok(())
}

/// Says where to connect, as whom, and trusting what.
fn introduce(sim: &Simulator, options: &Options, is_example: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for (name, environment, market, side) in [
        ("spot public", Environment::Live, Market::Spot, Side::Public),
        ("spot private", Environment::Live, Market::Spot, Side::Private),
        ("futures public", Environment::Live, Market::Futures, Side::Public),
        (
            "futures private",
            Environment::Live,
            Market::Futures,
            Side::Private,
        ),
        (
            "demo futures public",
            Environment::Demo,
            Market::Futures,
            Side::Public,
        ),
        (
            "demo futures private",
            Environment::Demo,
            Market::Futures,
            Side::Private,
        ),
    ] {
        writeln!(out, "{name:<22}{}", sim.url(environment, market, side))?;
    }
    if let Some(url) = sim.control_url() {
        writeln!(out, "{:<22}{url}", "control")?;
    }
    match &options.write_ca {
        Some(path) => writeln!(out, "{:<22}{}", "certificate to trust", path.display())?,
        None if options.plain => {}
        None => writeln!(
            out,
            "{:<22}ask for it with --write-ca PATH",
            "certificate to trust"
        )?,
    }
    if is_example {
        let account = Account::example();
        let (key, secret, memo) = (account.key(), account.secret(), account.memo());
        writeln!(out, "\nexport API_KEY={key} API_SECRET={secret} API_MEMO={memo}")?;
    }
    match options.for_seconds {
        Some(seconds) => writeln!(out, "\nrunning for {seconds} s")?,
        None => writeln!(out, "\nrunning until Ctrl-C")?,
    }
    out.flush()
}

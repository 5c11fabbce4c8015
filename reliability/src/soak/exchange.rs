//! The exchange as a process of its own: what it does there, and what its parent holds of it.
//!
//! They speak in lines. The child says where it listens and what to trust, then `ready`. The parent says `calm`, and
//! the faults stop; `end`, and the child says what has happened, `done`, and ends. It also ends when its input does,
//! so that it never outlives its parent.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use bitmart::{Environment, Market, Side};
use bitmart_sim::{Fault, FaultId, Limits, Simulator, StartError, Tick};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use super::faults::{Late, Plan, largest};

/// How long the parent waits for a line of the child's: it answers at once, unless the machine is out of breath.
const LINE_DEADLINE: Duration = Duration::from_secs(20);
/// How long a fault lasts that has no end of its own, or waits for something that never comes. Longer than the client
/// takes to notice that a peer is silent.
const FAULT_LASTS: Duration = Duration::from_secs(15);

/// What the exchange's process is asked to do.
#[derive(Clone, Copy, Debug)]
pub struct Order {
    /// The seed of the market and of the faults.
    pub seed: u64,
    /// The time from one tick to the next. The exchange's own clock advances by 250 ms with each, so that what it
    /// paces comes as fast as ticks do.
    pub tick: Duration,
    /// The least and the longest pause before a fault.
    pub pause: [Duration; 2],
    /// Whether there are also faults after which the client waits for 20 s and more: each once.
    pub has_late: bool,
}

enum Word {
    Calm,
    End,
}

/// The exchange's process: serves, and sets faults loose, until its input says that it is over.
///
/// # Errors
///
/// The simulator can't be started, or the output is gone.
pub async fn serve(order: Order, mut output: impl Write) -> Result<(), ServeError> {
    let mut limits = Limits::default();
    // A fault every few seconds costs more connects than the exchange allows, and the answer to that is a minute of
    // silence: a load that is meant to be full would be none.
    limits.spot.connects_per_minute = None;
    let sim = Simulator::builder()
        .seed(order.seed)
        .tick(Tick::Manual)
        .limits(limits)
        .start()
        .await
        .map_err(ServeError::Start)?;
    for market in Market::ALL {
        for side in Side::ALL {
            let url = sim.url(Environment::Live, market, side);
            writeln!(output, "url {market:?} {side:?} {url}")?;
        }
    }
    writeln!(output, "{}\nready", sim.ca_pem().trim_end())?;
    output.flush()?;

    let mut words = words_from_input();
    let mut ticks = interval(order.tick);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut faults = Faults::new(order);
    loop {
        tokio::select! {
            biased;
            word = words.recv() => match word {
                Some(Word::Calm) => faults.stop(&sim),
                Some(Word::End) | None => break,
            },
            () = sleep_until(faults.due) => faults.go_on(&sim),
            _ = ticks.tick() => sim.step().await,
        }
    }
    let total = sim.counters().total();
    writeln!(output, "hits {}", total.faults)?;
    for (name, count) in &faults.blows {
        writeln!(output, "blow {count} {name}")?;
    }
    writeln!(output, "done")?;
    output.flush()?;
    sim.shutdown().await;
    Ok(())
}

/// What is going wrong, and what comes next.
struct Faults {
    pause: [Duration; 2],
    plan: Plan,
    /// When there is something to do.
    due: Instant,
    next_blow: Option<Instant>,
    /// The largest messages, which every connection is sent at the beginning, a long pause apart: with them, what is
    /// kept from one message to the next has its full size, within its bounds, before anything is measured.
    opening: Vec<Fault>,
    /// Faults that have not been taken back, oldest first.
    loose: Vec<(Instant, FaultId)>,
    blows: BTreeMap<&'static str, u64>,
}

impl Faults {
    fn new(order: Order) -> Self {
        let late = if order.has_late { Late::Once } else { Late::Never };
        let mut faults = Self {
            pause: order.pause,
            plan: Plan::new(order.seed, late),
            due: now(),
            next_blow: Some(now() + order.pause[1]),
            opening: largest().into(),
            loose: Vec::new(),
            blows: BTreeMap::new(),
        };
        faults.wait();
        faults
    }

    fn wait(&mut self) {
        let ends = self.loose.first().map(|(end, _)| *end);
        let idle = now() + FAULT_LASTS;
        self.due = self.next_blow.into_iter().chain(ends).min().unwrap_or(idle);
    }

    fn go_on(&mut self, sim: &Simulator) {
        let now = now();
        while let Some((_, id)) = self.loose.first().filter(|(end, _)| *end <= now) {
            sim.clear(*id);
            self.loose.remove(0);
        }
        if self.next_blow.is_none_or(|at| at > now) {
            // It was for the end of a fault.
        } else if let Some(fault) = self.opening.pop() {
            // Where nothing else is said, it hits every connection.
            sim.inject(fault);
            self.next_blow = Some(now + self.pause[1]);
        } else {
            let blow = self.plan.blow();
            *self.blows.entry(blow.name).or_default() += 1;
            for fault in blow.faults {
                self.loose.push((now + FAULT_LASTS, sim.inject(fault)));
            }
            self.next_blow = Some(now + self.plan.pause(self.pause));
        }
        self.wait();
    }

    fn stop(&mut self, sim: &Simulator) {
        sim.clear_all();
        self.loose.clear();
        self.next_blow = None;
        self.wait();
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the exchange's process is outside: its time is real"
)]
fn now() -> Instant {
    Instant::now()
}

/// Reads the parent's words on a thread, which ends with the process.
fn words_from_input() -> tokio::sync::mpsc::Receiver<Word> {
    let (sender, receiver) = tokio::sync::mpsc::channel(4);
    std::thread::spawn(move || {
        for line in io::stdin().lines().map_while(Result::ok) {
            let word = match line.as_str() {
                "calm" => Word::Calm,
                "end" => Word::End,
                _ => continue,
            };
            if sender.blocking_send(word).is_err() {
                return;
            }
        }
    });
    receiver
}

/// Why the exchange's process ended early.
#[derive(Debug)]
#[non_exhaustive]
pub enum ServeError {
    /// The simulator can't be started.
    Start(StartError),
    /// Nobody reads what it says.
    Output(io::Error),
}

impl From<io::Error> for ServeError {
    fn from(source: io::Error) -> Self {
        Self::Output(source)
    }
}

impl std::fmt::Display for ServeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Start(source) => write!(f, "{source}"),
            Self::Output(source) => write!(f, "output: {source}"),
        }
    }
}

impl std::error::Error for ServeError {}

/// What the parent holds of the exchange's process. Dropping it ends the process.
pub(crate) struct Exchange {
    child: Child,
    input: ChildStdin,
    lines: Receiver<String>,
    urls: BTreeMap<String, String>,
    pub(crate) ca_pem: String,
}

/// What has happened at the exchange.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) hits: u64,
    pub(crate) blows: BTreeMap<String, u64>,
}

impl Exchange {
    /// Starts a program that calls [`serve`] when it is given these arguments.
    pub(crate) fn start(program: &Path, order: Order) -> io::Result<Self> {
        let mut child = Command::new(program)
            .args(["exchange", "--seed", &order.seed.to_string()])
            .args(["--tick-ms", &order.tick.as_millis().to_string()])
            .args(
                order
                    .pause
                    .map(|pause| format!("--pause-ms={}", pause.as_millis())),
            )
            .args(order.has_late.then_some("--late"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(io::Error::other("no pipes"));
        };
        let (sender, lines) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let mut exchange = Self {
            child,
            input,
            lines,
            urls: BTreeMap::new(),
            ca_pem: String::new(),
        };
        loop {
            let line = exchange.line()?;
            if line == "ready" {
                return Ok(exchange);
            }
            match line.strip_prefix("url ").and_then(|rest| rest.rsplit_once(' ')) {
                Some((of, url)) => drop(exchange.urls.insert(of.to_owned(), url.to_owned())),
                None => {
                    exchange.ca_pem.push_str(&line);
                    exchange.ca_pem.push('\n');
                }
            }
        }
    }

    pub(crate) fn url(&self, market: Market, side: Side) -> String {
        self.urls
            .get(&format!("{market:?} {side:?}"))
            .cloned()
            .unwrap_or_default()
    }

    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    /// Ends the faults.
    pub(crate) fn calm(&mut self) -> io::Result<()> {
        writeln!(self.input, "calm")
    }

    /// Ends the process, and says what has happened there.
    pub(crate) fn end(mut self) -> io::Result<Tally> {
        writeln!(self.input, "end")?;
        let mut tally = Tally::default();
        loop {
            let line = self.line()?;
            if line == "done" {
                return Ok(tally);
            }
            let mut words = line.splitn(3, ' ');
            let (what, number, name) = (words.next(), words.next(), words.next());
            let number = number.and_then(|number| number.parse().ok()).unwrap_or(0);
            match (what, name) {
                (Some("hits"), _) => tally.hits = number,
                (Some("blow"), Some(name)) => drop(tally.blows.insert(name.to_owned(), number)),
                _ => return Err(io::Error::new(io::ErrorKind::InvalidData, line)),
            }
        }
    }

    fn line(&self) -> io::Result<String> {
        self.lines
            .recv_timeout(LINE_DEADLINE)
            .map_err(|error| match error {
                RecvTimeoutError::Timeout => io::ErrorKind::TimedOut.into(),
                RecvTimeoutError::Disconnected => io::ErrorKind::BrokenPipe.into(),
            })
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        // It may have ended by itself, which is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

//! Real minutes over TLS on loopback, at full rate.

use std::path::PathBuf;
use std::time::Duration;

use bitmart::session::Config;
use bitmart::{Client, Clock, Credentials, Events, SharedBudget};
use bitmart_sim::{EXAMPLE_KEY, EXAMPLE_MEMO, EXAMPLE_SECRET};
use bitmart_ws::SystemClock;
use tokio::runtime::Handle;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::SoakError;
use super::exchange::{Exchange, Order};
use super::ledger::Ledger;
use super::process::{Figures, figures, rss_kib_of};
use super::report::{Extent, Kind, Memory, Report, slope};
use super::topics::every_topic;

/// KiB a minute that the resident memory may rise by. A heap that is in use wanders by some hundred KiB over minutes;
/// a leak of 4 KiB for each of some twenty reconnects a minute is above it.
const MAX_SLOPE_KIB_PER_MIN: f64 = 64.0;
/// The shortest run whose slope says anything: in less, the first buffers and the allocator's arenas are all there is.
const JUDGED_FROM: Duration = Duration::from_secs(300);
/// KiB that the resident memory may be above what it was before the client. For each of four connections: a queue of
/// 16 MiB, a message of 1 MiB and the 8 MiB that it may inflate to, P7.
const MAX_RISE_KIB: u64 = 4 * (16 + 1 + 8) * 1_024;
/// Tasks while every connection is ready: one for each market and side.
const STEADY_TASKS: u64 = 4;
/// Descriptors beyond those before the client, while every connection is ready: a socket for each.
const STEADY_DESCRIPTORS: u64 = 4;
/// Threads beyond those before the client: lookups of names run on four at most.
const MAX_MORE_THREADS: u64 = 4;
/// How long everything may take to come back after the last fault: the longest wait of the client's is 90 s, after an
/// answer that is none of a WebSocket server's, and then it has to log in and to subscribe.
const RECOVERY: Duration = Duration::from_secs(120);
/// The part at the beginning that the slope leaves out: the memory is still finding its size.
const WARM_UP: f64 = 0.2;
const SAMPLE_EVERY: Duration = Duration::from_secs(1);
/// Samples between two lines about the progress.
const PROGRESS_EVERY: usize = 10;
/// Connects a minute: a fault every few seconds costs more than the exchange's 30.
const CONNECTS_PER_MINUTE: u32 = 1_000;
/// How long closing and reading to the end may take.
const END: Duration = Duration::from_secs(10);

/// A soak in real time.
#[derive(Clone, Debug)]
pub struct Real {
    /// The program that serves the exchange ([`serve`](super::serve)) when its first argument is `exchange`: this
    /// package's `soak`.
    pub program: PathBuf,
    /// How long there are faults. The recovery comes on top.
    pub duration: Duration,
    /// The seed of faults, market and jitter.
    pub seed: u64,
    /// The time from one tick of the exchange to the next.
    pub tick: Duration,
    /// The least and the longest pause before a fault.
    pub pause: [Duration; 2],
    /// Whether there are also faults after which the client waits for 20 s and more: each once.
    pub has_late: bool,
}

impl Real {
    /// Ten minutes at full rate, with a fault every few seconds. `program` serves the exchange, see
    /// [`program`](Self::program).
    #[must_use]
    pub fn new(program: PathBuf, seed: u64) -> Self {
        Self {
            program,
            duration: Duration::from_secs(600),
            seed,
            tick: Duration::from_millis(8),
            pause: [Duration::from_secs(2), Duration::from_secs(5)],
            has_late: true,
        }
    }
}

/// The settings that differ from the defaults: the deadlines are a fifth of what they are, so that a peer that is
/// silent costs three seconds of load and not twenty-five, and the backoff ends at five seconds and forgets after
/// five. All else, TLS, queues and overflow among it, is as delivered, but for the connect budget.
fn in_haste() -> Config {
    let mut config = Config::default();
    config.ping_after_ms = 2_000;
    config.pong_grace_ms = 1_000;
    config.login_timeout_ms = 2_000;
    config.ack_timeout_ms = 2_000;
    config.backoff.max_ms = 5_000;
    config.backoff.stable_ms = 5_000;
    config
}

struct Sample {
    at: Duration,
    process: Figures,
    tasks: u64,
    /// Whether every connection was ready.
    is_steady: bool,
}

/// Runs the client in this process for a while, and says what it held. `progress` is given a line every ten seconds.
///
/// It ends by itself: after the duration, the recovery of at most two minutes, and the end.
///
/// # Errors
///
/// [`SoakError`] if the soak could not be run; what is wrong with the client is in the report.
pub fn run_real(soak: &Real, progress: impl FnMut(&str)) -> Result<Report, SoakError> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(SoakError::Runtime)?
        .block_on(run(soak, progress))
}

async fn run(soak: &Real, mut progress: impl FnMut(&str)) -> Result<Report, SoakError> {
    let order = Order {
        seed: soak.seed,
        tick: soak.tick,
        pause: soak.pause,
        has_late: soak.has_late,
    };
    let mut exchange = Exchange::start(&soak.program, order).map_err(SoakError::Exchange)?;
    let clock = SystemClock::new();
    let started_ns = clock.now_ns();
    let since_start = || Duration::from_nanos(clock.now_ns() - started_ns);
    let before = figures().map_err(SoakError::Process)?;

    let credentials =
        Credentials::new(EXAMPLE_KEY, EXAMPLE_SECRET, EXAMPLE_MEMO).expect("the example's are well-formed");
    let (client, mut events) = Client::builder()
        .credentials(credentials)
        .urls(|market, side| exchange.url(market, side))
        .extra_root(exchange.ca_pem.as_bytes())
        .budget(SharedBudget::new(CONNECTS_PER_MINUTE))
        .session(in_haste())
        .seed(soak.seed)
        .build()
        .map_err(SoakError::Build)?;
    let topics = every_topic();
    ask_for(&client, topics.clone()).await?;

    let mut ledger = Ledger::default();
    let mut samples: Vec<Sample> = Vec::new();
    let mut exchange_kib = 0;
    let mut ticks = interval(SAMPLE_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut calm_at = None;
    let duration = loop {
        tokio::select! {
            event = events.next() => match event {
                Some(event) => ledger.note(&event),
                None => {
                    ledger.violations.push("the events ended by themselves".to_owned());
                    break since_start();
                }
            },
            _ = ticks.tick() => {
                let sample = Sample {
                    at: since_start(),
                    process: figures().map_err(SoakError::Process)?,
                    tasks: Handle::current().metrics().num_alive_tasks() as u64,
                    is_steady: ledger.is_calm(&client),
                };
                exchange_kib = exchange_kib.max(rss_kib_of(exchange.process()).map_err(SoakError::Exchange)?);
                // A topic that failed for good is asked for again, as its user would once it is listed again.
                let failed = ledger.take_failed();
                if !failed.is_empty() {
                    ask_for(&client, failed).await?;
                }
                if samples.len().is_multiple_of(PROGRESS_EVERY) {
                    progress(&line(&sample, &ledger, exchange_kib));
                }
                match calm_at {
                    None if sample.at >= soak.duration => {
                        exchange.calm().map_err(SoakError::Exchange)?;
                        calm_at = Some(sample.at);
                    }
                    Some(calm_at) if sample.is_steady || sample.at >= calm_at + RECOVERY => {
                        progress(&format!("calm after {:.0} s", (sample.at - calm_at).as_secs_f64()));
                        break calm_at;
                    }
                    _ => {}
                }
                samples.push(sample);
            }
        }
    };
    ledger.check_recovery(&client, &topics);
    end(&client, &mut events, &mut ledger).await;
    let sums = ledger.check_sums(&client);
    let tally = exchange.end().map_err(SoakError::Exchange)?;
    let mut report = Report {
        kind: Kind::Real,
        seed: soak.seed,
        duration,
        took: since_start(),
        blows: tally.blows,
        hits: tally.hits,
        messages: sums.messages,
        updates: ledger.updates,
        discarded: sums.discarded,
        gaps_opened: ledger.gaps_opened,
        gaps_closed: ledger.gaps_closed,
        reconnects: ledger.reconnects,
        memory: memory(&samples),
        exchange_kib: Some(exchange_kib),
        tasks: steady(&samples, |sample| sample.tasks),
        descriptors: steady(&samples, |sample| sample.process.descriptors),
        threads: Extent::of(samples.iter().map(|sample| sample.process.threads)),
        violations: ledger.violations.into_words(),
    };
    judge(&mut report, before);
    Ok(report)
}

/// Asks for topics without waiting: what becomes of them is in the events.
async fn ask_for(client: &Client, topics: Vec<bitmart::Topic>) -> Result<(), SoakError> {
    match timeout(Duration::ZERO, client.subscribe(topics)).await {
        Ok(Err(error)) => Err(SoakError::Client(error)),
        Ok(Ok(_)) | Err(_) => Ok(()),
    }
}

/// Closes the client and reads what is left.
async fn end(client: &Client, events: &mut Events, ledger: &mut Ledger) {
    let reading = async {
        while let Some(event) = events.next().await {
            ledger.note(&event);
        }
    };
    let both = async { tokio::join!(client.close(), reading) };
    if timeout(END, both).await.is_err() {
        ledger.violations.push(format!(
            "the events had not ended {} s after the close",
            END.as_secs()
        ));
    }
}

fn line(sample: &Sample, ledger: &Ledger, exchange_kib: u64) -> String {
    format!(
        "{:>5.0} s  {:>9} updates  {:>4} reconnects  {:>3} topics in gaps  {:>6} KiB  {} tasks  {} descriptors  {} \
         threads  exchange {exchange_kib} KiB",
        sample.at.as_secs_f64(),
        ledger.updates,
        ledger.reconnects,
        ledger.topics_in_gaps(),
        sample.process.rss_kib,
        sample.tasks,
        sample.process.descriptors,
        sample.process.threads,
    )
}

fn steady(samples: &[Sample], of: impl Fn(&Sample) -> u64) -> Option<Extent> {
    Extent::of(samples.iter().filter(|sample| sample.is_steady).map(of))
}

#[expect(clippy::cast_precision_loss, reason = "no process has so many KiB")]
fn memory(samples: &[Sample]) -> Memory {
    let end = samples.last().map_or(Duration::ZERO, |sample| sample.at);
    let points: Vec<(f64, f64)> = samples
        .iter()
        .filter(|sample| sample.at >= end.mul_f64(WARM_UP))
        .map(|sample| (sample.at.as_secs_f64() / 60.0, sample.process.rss_kib as f64))
        .collect();
    let max_kib = samples
        .iter()
        .map(|sample| sample.process.rss_kib)
        .max()
        .unwrap_or(0);
    Memory {
        first_kib: points.first().map_or(0.0, |(_, kib)| *kib),
        last_kib: points.last().map_or(0.0, |(_, kib)| *kib),
        max_kib: max_kib as f64,
        slope_kib_per_min: slope(&points),
    }
}

fn judge(report: &mut Report, before: Figures) {
    let Memory {
        max_kib,
        slope_kib_per_min: slope,
        ..
    } = report.memory;
    let mut broken = Vec::new();
    if report.duration >= JUDGED_FROM && slope > MAX_SLOPE_KIB_PER_MIN {
        broken.push(format!(
            "the memory rose by {slope:.1} KiB a minute, and {MAX_SLOPE_KIB_PER_MIN} are allowed"
        ));
    }
    #[expect(clippy::cast_precision_loss, reason = "no process has so many KiB")]
    let most_kib = (before.rss_kib + MAX_RISE_KIB) as f64;
    if max_kib > most_kib {
        broken.push(format!(
            "the memory reached {max_kib} KiB, and {most_kib} are allowed"
        ));
    }
    match (report.tasks, report.descriptors, report.threads) {
        (Some(tasks), Some(descriptors), Some(threads)) => {
            if tasks.min != STEADY_TASKS || tasks.max != STEADY_TASKS {
                broken.push(format!("there were {tasks} tasks, and {STEADY_TASKS} are right"));
            }
            let right = before.descriptors + STEADY_DESCRIPTORS;
            if descriptors.min != right || descriptors.max != right {
                broken.push(format!(
                    "there were {descriptors} descriptors, and {right} are right"
                ));
            }
            let most = before.threads + MAX_MORE_THREADS;
            if threads.max > most {
                broken.push(format!("there were {threads} threads, and {most} are allowed"));
            }
        }
        _ => broken.push("there was no moment in which every connection was ready".to_owned()),
    }
    for (name, count) in [
        ("update", report.updates),
        ("reconnect", report.reconnects),
        ("hit by a fault", report.hits),
    ] {
        if count == 0 {
            broken.push(format!("there was no {name}: the run has shown nothing"));
        }
    }
    report.violations.append(&mut broken);
}

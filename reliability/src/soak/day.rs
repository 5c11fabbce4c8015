//! A simulated day: one thread, paused time, streams in memory.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bitmart::{Client, Clock, Credentials, Environment, Events, Market, Topic};
use bitmart_sim::{Acceptor, EXAMPLE_KEY, EXAMPLE_MEMO, EXAMPLE_SECRET, FaultId, Simulator};
use bitmart_ws::connect::{BoxFuture, Dial, Io, Resolve};
use bitmart_ws::{SystemClock, TokioClock};
use tokio::runtime::Runtime;
use tokio::time::{Instant, sleep_until, timeout};

use super::SoakError;
use super::faults::{Late, Plan, largest};
use super::ledger::Ledger;
use super::report::{Extent, Kind, Memory, Report, slope};
use super::topics::every_topic;

/// Unix time at which a simulated day begins, in milliseconds.
const START_MS: u64 = 1_700_000_000_000;
const HOUR: Duration = Duration::from_secs(3_600);
/// How often data comes.
const TICK: Duration = Duration::from_secs(1);
/// How old the exchange is when the client comes: its tickers look back over a day, minute by minute, and until that is
/// full the exchange grows with time, as it should.
const EXCHANGE_AGE: Duration = Duration::from_secs(24 * 3_600 + 60);
/// The time between the largest messages at the very beginning, by which every connection is ready again. With them,
/// what is kept from one message to the next has its full size, within its bounds, before anything is measured.
const SETTLE: Duration = Duration::from_secs(60);
/// How often it is looked whether everything is ready.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The pause before a fault.
const PAUSE: [Duration; 2] = [Duration::from_secs(120), Duration::from_secs(360)];
/// How long a fault lasts that has no end of its own, or waits for something that never comes. Longer than the client
/// takes to notice that a peer is silent, 25 s.
const FAULT_LASTS: Duration = Duration::from_secs(60);
/// The part at the end of each hour that is left without faults, so that hours can be compared: the longest wait of
/// the client's is 90 s, and it may have to wait twice.
const QUIET: Duration = Duration::from_secs(600);
/// How long it may take from the end of an hour until every connection is ready.
const RECOVERY: Duration = Duration::from_secs(300);
/// Bytes that a stream in memory holds on its way.
const STREAM_BYTES: usize = 64 * 1_024;
/// Bytes that may be allocated at the end of an hour beyond what was at the end of the first: 64 KiB for each of four
/// connections, the size of one read buffer. One that had to grow is given back some messages later, and a queue or a
/// stream may hold something at that moment.
const MAX_GROWTH_BYTES: u64 = 4 * 64 * 1_024;
/// KiB that may be allocated more with each hour. All of that at the end of a day alone makes a slope of 2.6; a leak of
/// one KiB with each of some nine reconnects an hour is above it.
const MAX_SLOPE_KIB_PER_HOUR: f64 = 4.0;
/// The fewest hours whose slope says anything.
const JUDGED_FROM_HOURS: u32 = 12;
/// Tasks while every connection is ready: the client's and the simulator's for each of four, with the simulator's
/// ticker.
const MAX_TASKS: u64 = 4 + 2 * 4 + 1;
/// How long closing and reading to the end may take.
const END: Duration = Duration::from_secs(60);

/// Runs something on this thread, and says by how many bytes what is allocated has grown meanwhile. The counting
/// allocator is its user's to link: `allocation_counter::measure(run).bytes_current`, for one.
pub type Meter = fn(&mut dyn FnMut()) -> i64;

/// A simulated soak.
#[derive(Clone, Copy, Debug)]
pub struct Day {
    /// Hours of its time.
    pub hours: u32,
    /// The time from one tick of the exchange to the next.
    pub tick: Duration,
    /// The seed of faults, market and jitter.
    pub seed: u64,
}

impl Day {
    /// Twenty-four hours with data each second.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            hours: 24,
            tick: TICK,
            seed,
        }
    }
}

/// Runs client and simulator through a day in simulated time, and says what they held at the end of each hour. The
/// client has the default settings throughout. `progress` is given a line for each hour.
///
/// # Errors
///
/// [`SoakError`] if the soak could not be run; what is wrong with the client is in the report.
pub fn run_day(day: Day, meter: Meter, mut progress: impl FnMut(&str)) -> Result<Report, SoakError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .map_err(SoakError::Runtime)?;
    let real = SystemClock::new();
    let started_ns = real.now_ns();
    let mut scene = runtime.block_on(Scene::new(day))?;
    let mut bytes: Vec<i64> = Vec::with_capacity(day.hours as usize);
    let mut tasks: Vec<u64> = Vec::with_capacity(day.hours as usize);
    let mut live_bytes = 0;
    for hour in 1..=day.hours {
        live_bytes += meter(&mut || runtime.block_on(scene.hour()));
        bytes.push(live_bytes);
        tasks.push(tasks_of(&runtime));
        progress(&format!(
            "hour {hour:>2}  {:>9} updates  {:>4} reconnects  {:>9} bytes more than at the beginning  {} tasks",
            scene.ledger.updates,
            scene.ledger.reconnects,
            live_bytes,
            tasks_of(&runtime)
        ));
    }
    let mut report = runtime.block_on(scene.end(day, &bytes));
    report.tasks = Extent::of(tasks);
    report.took = Duration::from_nanos(real.now_ns() - started_ns);
    judge(&mut report, &bytes);
    Ok(report)
}

fn tasks_of(runtime: &Runtime) -> u64 {
    runtime.metrics().num_alive_tasks() as u64
}

/// The client, the simulator and what goes wrong between them.
struct Scene {
    sim: Simulator,
    client: Client,
    events: Events,
    ledger: Ledger,
    plan: Plan,
    topics: Vec<Topic>,
    /// Faults that have not been taken back, oldest first.
    loose: Vec<(Instant, FaultId)>,
    blows: BTreeMap<String, u64>,
}

impl Scene {
    async fn new(day: Day) -> Result<Self, SoakError> {
        let seed = day.seed;
        let clock = TokioClock::starting_at(START_MS);
        let sim = Simulator::builder()
            .seed(seed)
            .tls(false)
            .tick(day.tick)
            .without_listeners()
            .wall_clock(move || clock.wall_ms())
            .start()
            .await
            .map_err(SoakError::Simulator)?;
        sleep_until(now() + EXCHANGE_AGE).await;
        let dial =
            InMemory(Market::ALL.map(|market| (port(market), sim.acceptor(Environment::Live, market))));
        let credentials = Credentials::new(EXAMPLE_KEY, EXAMPLE_SECRET, EXAMPLE_MEMO)
            .expect("the example's are well-formed");
        let (client, events) = Client::builder()
            .credentials(credentials)
            .urls(|market, side| {
                // The path is the simulator's own, the port says to the dialer which market is meant.
                let url = sim.url(Environment::Live, market, side);
                url.replacen(":0/", &format!(":{}/", port(market)), 1)
            })
            .resolver(Nowhere)
            .dial(dial)
            .clock(clock)
            .seed(seed)
            .build()
            .map_err(SoakError::Build)?;
        let mut scene = Self {
            sim,
            client,
            events,
            ledger: Ledger::default(),
            plan: Plan::new(seed, Late::Always),
            topics: every_topic(),
            loose: Vec::new(),
            blows: BTreeMap::new(),
        };
        let topics = scene.topics.clone();
        scene.ask_for(topics).await;
        scene.read_until(now() + SETTLE).await;
        for fault in largest() {
            // Where nothing else is said, it hits every connection.
            scene.sim.inject(fault);
            scene.read_until(now() + SETTLE).await;
        }
        Ok(scene)
    }

    /// Asks for topics without waiting: what becomes of them is in the events.
    async fn ask_for(&mut self, topics: Vec<Topic>) {
        if let Ok(Err(error)) = timeout(Duration::ZERO, self.client.subscribe(topics)).await {
            self.ledger
                .violations
                .push(format!("a call was refused: {error}"));
        }
    }

    /// An hour of faults with a quiet end, and on until everything is ready.
    async fn hour(&mut self) {
        let begin = now();
        let (quiet, end) = (begin + HOUR - QUIET, begin + HOUR);
        let mut next_blow = begin + self.plan.pause(PAUSE);
        while now() < end {
            let is_quiet = next_blow >= quiet;
            let blow_or_end = if is_quiet { end } else { next_blow };
            let due = self
                .loose
                .first()
                .map_or(blow_or_end, |(end, _)| blow_or_end.min(*end));
            self.read_until(due).await;
            while let Some((_, id)) = self.loose.first().filter(|(end, _)| *end <= now()) {
                self.sim.clear(*id);
                self.loose.remove(0);
            }
            if !is_quiet && now() >= next_blow {
                self.strike();
                next_blow = now() + self.plan.pause(PAUSE);
            }
            // As its user would, once the topic is listed again.
            let failed = self.ledger.take_failed();
            if !failed.is_empty() {
                self.ask_for(failed).await;
            }
        }
        let deadline = now() + RECOVERY;
        while !self.ledger.is_calm(&self.client) && now() < deadline {
            self.read_until(now() + LOOK_EVERY).await;
        }
        self.ledger.check_recovery(&self.client, &self.topics);
    }

    fn strike(&mut self) {
        let blow = self.plan.blow();
        *self.blows.entry(blow.name.to_owned()).or_default() += 1;
        for fault in blow.faults {
            self.loose.push((now() + FAULT_LASTS, self.sim.inject(fault)));
        }
    }

    async fn read_until(&mut self, due: Instant) {
        let due = sleep_until(due);
        tokio::pin!(due);
        loop {
            tokio::select! {
                biased;
                event = self.events.next() => match event {
                    Some(event) => self.ledger.note(&event),
                    None => {
                        self.ledger.violations.push("the events ended by themselves".to_owned());
                        due.as_mut().await;
                        return;
                    }
                },
                () = &mut due => return,
            }
        }
    }

    async fn end(mut self, day: Day, bytes: &[i64]) -> Report {
        let reading = async {
            while let Some(event) = self.events.next().await {
                self.ledger.note(&event);
            }
        };
        let both = async { tokio::join!(self.client.close(), reading) };
        if timeout(END, both).await.is_err() {
            let seconds = END.as_secs();
            self.ledger
                .violations
                .push(format!("the events had not ended {seconds} s after the close"));
        }
        let sums = self.ledger.check_sums(&self.client);
        Report {
            kind: Kind::Day,
            seed: day.seed,
            duration: HOUR * day.hours,
            took: Duration::ZERO,
            blows: self.blows,
            hits: self.sim.counters().total().faults,
            messages: sums.messages,
            updates: self.ledger.updates,
            discarded: sums.discarded,
            gaps_opened: self.ledger.gaps_opened,
            gaps_closed: self.ledger.gaps_closed,
            reconnects: self.ledger.reconnects,
            memory: memory(bytes),
            exchange_kib: None,
            tasks: None,
            descriptors: None,
            threads: None,
            violations: self.ledger.violations.into_words(),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the test's own clock: tokio's, paused")]
fn now() -> Instant {
    Instant::now()
}

#[expect(clippy::cast_precision_loss, reason = "no process has so many bytes")]
fn memory(bytes: &[i64]) -> Memory {
    let kib = |bytes: i64| bytes as f64 / 1_024.0;
    let points: Vec<(f64, f64)> = bytes
        .iter()
        .enumerate()
        .map(|(hour, bytes)| (hour as f64 * 60.0, kib(*bytes)))
        .collect();
    Memory {
        first_kib: bytes.first().copied().map_or(0.0, kib),
        last_kib: bytes.last().copied().map_or(0.0, kib),
        max_kib: bytes.iter().copied().max().map_or(0.0, kib),
        slope_kib_per_min: slope(&points),
    }
}

fn judge(report: &mut Report, bytes: &[i64]) {
    let mut broken = Vec::new();
    let first = bytes.first().copied().unwrap_or(0);
    for (hour, live) in bytes.iter().enumerate() {
        let growth = live - first;
        if growth > 0 && growth.unsigned_abs() > MAX_GROWTH_BYTES {
            broken.push(format!(
                "at the end of hour {} there were {growth} bytes more than at that of the first, and \
                 {MAX_GROWTH_BYTES} are allowed",
                hour + 1
            ));
        }
    }
    let slope_kib_per_hour = report.memory.slope_kib_per_min * 60.0;
    if report.duration >= HOUR * JUDGED_FROM_HOURS && slope_kib_per_hour > MAX_SLOPE_KIB_PER_HOUR {
        broken.push(format!(
            "what is allocated rose by {slope_kib_per_hour:.2} KiB an hour, and {MAX_SLOPE_KIB_PER_HOUR} are allowed"
        ));
    }
    match report.tasks {
        Some(tasks) if tasks.max <= MAX_TASKS => {}
        tasks => broken.push(format!("there were {tasks:?} tasks, and {MAX_TASKS} are allowed")),
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

/// The port under which the dialer knows a market.
fn port(market: Market) -> u16 {
    match market {
        Market::Spot => 1,
        Market::Futures => 2,
    }
}

/// Dials the simulator through memory: which market, the port says.
struct InMemory([(u16, Acceptor); 2]);

impl Dial for InMemory {
    fn dial(&self, address: SocketAddr) -> BoxFuture<'_, io::Result<Box<dyn Io>>> {
        let acceptor = self.0.iter().find(|(port, _)| *port == address.port());
        let acceptor = acceptor.map(|(_, acceptor)| acceptor.clone());
        Box::pin(async move {
            let acceptor = acceptor.ok_or(io::ErrorKind::ConnectionRefused)?;
            let (ours, theirs) = tokio::io::duplex(STREAM_BYTES);
            tokio::spawn(async move { acceptor.serve(theirs).await });
            Ok(Box::new(ours) as Box<dyn Io>)
        })
    }
}

/// Resolves every name to an address that nobody dials.
struct Nowhere;

impl Resolve for Nowhere {
    fn resolve<'a>(&'a self, _host: &'a str, port: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        Box::pin(async move { Ok(vec![SocketAddr::from(([127, 0, 0, 1], port))]) })
    }
}

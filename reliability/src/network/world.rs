//! One simulation from its beginning to its end.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use bitmart::session::time::{MILLISECOND, SECOND};
use bitmart::{ConnectionId, Topic};
use bitmart_sim::Fault;
use turmoil::Sim;

use super::exchange::{EXCHANGE, Exchange, STANDBY};
use super::journal::{Fact, Journal};
use super::schedule::{NamesTrouble, SILENCE, Schedule, Transport, Trouble, What};
use super::tap::{Names, Streams};
use super::user::{Link, Timings, User};
use crate::history::{History, Rules, Totals, Violation};

/// The host of the client.
const CLIENT: &str = "client";

/// After this long, in virtual milliseconds, a simulation hangs: the longest wait of a client is a minute and a half.
const END_MS: u64 = 400_000;

/// How long a client has for its own end, in virtual milliseconds.
const GOODBYE_MS: u64 = 3_000;

/// How long a closed client is watched for dials, in virtual milliseconds.
const AFTERLIFE_MS: u64 = 1_000;

/// Segments that a simulated TCP stream holds.
const TCP_SEGMENTS: usize = 64;

/// What came of a simulation in which nothing was wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finished {
    /// What its history was made of.
    pub totals: Totals,
    /// How long it lasted, in virtual milliseconds.
    pub virtual_ms: u64,
    /// A number made of all that happened.
    pub digest: u64,
}

/// The simulated network, and all who are on it.
struct World<'a> {
    schedule: Arc<Schedule>,
    sim: Sim<'a>,
    journal: Journal,
    exchange: Exchange,
    streams: Streams,
    names: Names,
    link: Link,
    history: History,
    has_standby: bool,
    next_look: u64,
}

/// Runs a schedule.
///
/// ```
/// use bitmart_reliability::network::{Schedule, Transport, simulate};
///
/// let finished = simulate(Schedule::from_seed(3, Transport::Plain)).expect("no promise is broken");
/// assert!(finished.totals.received > 0);
/// ```
///
/// # Errors
///
/// [`Violation`]: the first promise that was broken, with what happened before.
pub fn simulate(schedule: Schedule) -> Result<Finished, Box<Violation>> {
    World::new(schedule).run().map_err(Box::new)
}

/// As [`simulate`], with a violation that tells everything from the beginning.
///
/// # Errors
///
/// [`Violation`]: the first promise that was broken.
pub fn replay(schedule: Schedule) -> Result<Finished, Box<Violation>> {
    let mut world = World::new(schedule);
    world.history = world.history.keeping_all();
    world.run().map_err(Box::new)
}

/// What the schedule's network and the client's settings allow.
fn rules(schedule: &Schedule) -> Rules {
    let Timings { session, deadlines } = Timings::of(schedule);
    // Each way takes up to two steps of the simulation more than the link.
    let way_ms = schedule.latency_ms.1 + 2 * schedule.tick_ms;
    let notice_ms = session.ping_after_ms + session.pong_grace_ms + 2 * schedule.tick_ms + 10;
    let connect_ms = deadlines.dns_ms + deadlines.tcp_ms + deadlines.tls_ms + deadlines.upgrade_ms;
    let answers_ms = session.sign_timeout_ms + session.login_timeout_ms + 3 * session.ack_timeout_ms;
    let pending_ms = connect_ms + answers_ms + notice_ms;
    // Address, socket, TLS, upgrade, login and topics are a round trip each, and requests are paced.
    let settle_ms = 16 * way_ms + 1_500;
    let delay_ms = schedule.delay_ms();
    Rules {
        latency: (way_ms + delay_ms + 100) * MILLISECOND,
        notice: notice_ms * MILLISECOND,
        settle: settle_ms * MILLISECOND,
        pending: pending_ms * MILLISECOND,
        // What a session takes for one.
        blind: 2 * SECOND,
        // The client says so itself, in its events.
        tells_logins: false,
        tells_arrivals: false,
        aftermath: (pending_ms + settle_ms + delay_ms) * MILLISECOND,
    }
}

impl World<'_> {
    fn new(schedule: Schedule) -> Self {
        let schedule = Arc::new(schedule);
        let is_moved = |trouble: &Trouble| matches!(trouble.what, What::Names(NamesTrouble::Moved));
        let has_standby = schedule.troubles.iter().any(is_moved);
        let (journal, streams, names, link) = <(Journal, Streams, Names, Link)>::default();
        let mut sim = turmoil::Builder::new()
            .rng_seed(schedule.seed)
            .epoch(UNIX_EPOCH)
            .tick_duration(Duration::from_millis(schedule.tick_ms))
            .simulation_duration(Duration::from_millis(2 * END_MS))
            .min_message_latency(Duration::from_millis(schedule.latency_ms.0))
            .max_message_latency(Duration::from_millis(schedule.latency_ms.1))
            .tcp_capacity(TCP_SEGMENTS)
            .build();
        let exchange = Exchange::new(schedule.clone(), journal.clone(), streams.clone());
        let host = exchange.clone();
        sim.host(EXCHANGE, move || host.clone().run());
        if has_standby {
            let host = exchange.clone();
            sim.host(STANDBY, move || host.clone().stand_by());
        }
        let (plan, diary, wire, resolver, ends) = (
            schedule.clone(),
            journal.clone(),
            streams.clone(),
            names.clone(),
            link.clone(),
        );
        sim.client(CLIENT, async move {
            User::new(plan, diary, ends, wire, resolver).run().await
        });
        let history = History::new(rules(&schedule));
        let history = match schedule.transport {
            Transport::Plain => history,
            Transport::Tls => history.of_reads(),
        };
        Self {
            schedule,
            sim,
            journal,
            exchange,
            streams,
            names,
            link,
            history,
            has_standby,
            next_look: SECOND,
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.sim.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn machines(&self) -> &'static [&'static str] {
        match self.has_standby {
            true => &[EXCHANGE, STANDBY],
            false => &[EXCHANGE],
        }
    }

    /// Who is told of a fault, which has no connection of its own.
    fn anybody(&self) -> ConnectionId {
        let topic: &Topic = &self.schedule.topics[0];
        self.journal.connection(topic.market(), topic.side())
    }

    fn run(mut self) -> Result<Finished, Violation> {
        let schedule = self.schedule.clone();
        let mut begins: Vec<usize> = (0..schedule.troubles.len()).collect();
        begins.sort_by_key(|number| std::cmp::Reverse(schedule.troubles[*number].from_ms));
        let mut ends: Vec<usize> = Vec::new();
        let calm = schedule.calm_ms() * MILLISECOND;
        // Enough for some items of each topic to be made, and to come.
        let tail =
            (3 * schedule.exchange_tick_ms + schedule.latency_ms.1 + 5 * schedule.tick_ms) * MILLISECOND;
        let mut live_since = None;
        loop {
            let now = self.now();
            if let Some(number) = ends
                .iter()
                .position(|n| schedule.troubles[*n].until_ms * MILLISECOND <= now)
            {
                self.end(ends.swap_remove(number));
                continue;
            }
            if let Some(number) = begins.pop_if(|n| schedule.troubles[*n].from_ms * MILLISECOND <= now) {
                self.begin(number);
                ends.push(number);
                continue;
            }
            self.step();
            if self.history.is_violated() || now > END_MS * MILLISECOND {
                break;
            }
            let is_over = ends.is_empty() && begins.is_empty() && now > calm && !self.link.is_stalled();
            if !is_over || self.history.due().is_some() {
                live_since = None;
                continue;
            }
            if now > *live_since.get_or_insert(now) + tail {
                break;
            }
        }
        self.finish()
    }

    /// Lets some time pass, tells the oracle of it, and looks whether anything is overdue.
    fn step(&mut self) {
        self.step_out();
        let now = self.now();
        // Who doesn't read can't know.
        if now >= self.next_look && !self.link.is_stalled() {
            self.history.passed(now);
            self.next_look = now + SECOND;
        }
    }

    /// Lets some time pass and tells the oracle of it.
    fn step_out(&mut self) {
        let stepped = self.sim.step();
        self.journal.flush(&mut self.history);
        let now = self.now();
        if let Err(error) = stepped {
            let anybody = self.anybody();
            self.history
                .violate(now, anybody, format!("the simulation itself: {error}"));
        }
    }

    /// Has the user close the client, watches what it does then, and lets the oracle judge the whole.
    fn finish(mut self) -> Result<Finished, Violation> {
        let end = self.now();
        let anybody = self.anybody();
        if end > END_MS * MILLISECOND {
            self.history.violate(end, anybody, "P5: it never ends".into());
        }
        if !self.history.is_violated() {
            self.link.finish();
            let late = end + GOODBYE_MS * MILLISECOND;
            while !self.link.is_done() && self.now() <= late {
                self.step_out();
            }
            if !self.link.is_done() {
                self.history.violate(
                    self.now(),
                    anybody,
                    "P5: the client doesn't come to its end".into(),
                );
            }
            let after = self.now() + AFTERLIFE_MS * MILLISECOND;
            while self.now() < after {
                self.step_out();
            }
        }
        let digest = self.history.digest();
        let virtual_ms = self.now() / MILLISECOND;
        // What the exchange has made since the end need not have come.
        let totals = self.history.finish(end)?;
        Ok(Finished {
            totals,
            virtual_ms,
            digest,
        })
    }

    // Troubles.

    fn tell(&self, number: usize, fact: impl FnOnce(&'static str) -> Fact) {
        let name = self.schedule.troubles[number].name;
        self.journal.note_at(self.now(), self.anybody(), fact(name));
    }

    fn begin(&mut self, number: usize) {
        self.tell(number, Fact::FaultBegan);
        let machines = self.machines();
        let schedule = self.schedule.clone();
        match &schedule.troubles[number].what {
            What::Partition {
                to_exchange,
                to_client,
            } => {
                for machine in machines {
                    match (to_exchange, to_client) {
                        (true, true) => self.sim.partition(CLIENT, *machine),
                        (true, false) => self.sim.partition_oneway(CLIENT, *machine),
                        (false, _) => self.sim.partition_oneway(*machine, CLIENT),
                    }
                }
            }
            What::Hold => machines
                .iter()
                .for_each(|machine| self.sim.hold(CLIENT, *machine)),
            What::Slow { latency_ms } => self.set_latency(*latency_ms),
            What::Bounce { loses_state } => {
                self.crash(*loses_state);
                self.restart();
            }
            What::Crash { loses_state } => self.crash(*loses_state),
            What::Simulator(fault) => self.exchange.inject(number, fault),
            What::Names(trouble) => self.names.set(Some(*trouble)),
            What::Certificate(bad) => {
                self.exchange.set_certificate(Some(*bad));
                // It is felt by who has to come again.
                self.streams.reset_all();
            }
            What::Stall => {}
        }
    }

    fn end(&mut self, number: usize) {
        let machines = self.machines();
        let schedule = self.schedule.clone();
        match &schedule.troubles[number].what {
            What::Partition { .. } => {
                machines
                    .iter()
                    .for_each(|machine| self.sim.repair(CLIENT, *machine));
                self.streams.reset_all();
            }
            What::Hold => machines
                .iter()
                .for_each(|machine| self.sim.release(CLIENT, *machine)),
            What::Slow { .. } => self.set_latency(schedule.latency_ms.1),
            What::Bounce { .. } | What::Stall => {}
            What::Crash { .. } => self.restart(),
            What::Simulator(_) => {
                if schedule.troubles[number].name == SILENCE {
                    // What it has swallowed, nobody could know of if it went on as if nothing had been.
                    self.exchange.inject(number, &Fault::cut());
                }
                self.exchange.clear(number);
            }
            What::Names(_) => self.names.set(None),
            What::Certificate(_) => self.exchange.set_certificate(None),
        }
        self.tell(number, Fact::FaultEnded);
    }

    fn set_latency(&self, latency_ms: u64) {
        for machine in self.machines() {
            self.sim
                .set_link_latency(CLIENT, *machine, Duration::from_millis(latency_ms));
        }
    }

    fn crash(&mut self, loses_state: bool) {
        if loses_state {
            self.exchange.lose_state();
        }
        for machine in self.machines() {
            self.sim.crash(*machine);
        }
    }

    fn restart(&mut self) {
        for machine in self.machines() {
            self.sim.bounce(*machine);
        }
    }
}

//! The agenda: what happens when.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use bitmart_proto::{Market, Side, Topic};
use bitmart_session::time::{MILLISECOND, MINUTE, SECOND};
use bitmart_session::{ConnectionId, Epoch};
use fastrand::Rng;

use super::client::{Ask, Client, Surroundings};
use super::exchange::{Answer, Delivery, Exchange, Frame, Refused, topic};
use super::fault::Fault;
use super::{HOUR, RULES, Run};
use crate::history::{History, Violation};

/// So often a session may ask to be woken in one instant: more, and time would never go on.
const MAX_WAKES_AT_ONCE: u32 = 1_000;

/// How long it may take, after the last fault, until everything is live: longer than any delay that a client announces.
const MAX_RECOVERY: u64 = 10 * MINUTE;

/// The mean time between faults.
const FAULT_EVERY: u64 = 6 * MINUTE;
/// The mean time between commands of the user's.
const COMMAND_EVERY: u64 = 4 * MINUTE;
/// The mean time between items of all topics of a connection.
const ITEM_EVERY: u64 = 8 * SECOND;

#[derive(Debug)]
enum What {
    Wake {
        client: usize,
        at: u64,
    },
    DialDone {
        client: usize,
        number: u64,
        refused: Option<Refused>,
    },
    Arrive {
        client: usize,
        socket: u64,
        frame: Frame,
    },
    Receive {
        socket: u64,
        text: String,
    },
    Signed {
        client: usize,
        epoch: Epoch,
        timestamp_ms: u64,
        is_down: bool,
    },
    Make {
        client: usize,
    },
    Command {
        client: usize,
    },
    Begin,
    Strike {
        fault: Fault,
    },
    End {
        fault: Fault,
        client: usize,
    },
}

/// A time, and the order in which it was planned: two things at the same time happen in that order.
#[derive(Debug)]
struct Due {
    at: u64,
    order: u64,
    what: What,
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}
impl Eq for Due {}
impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Due {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

#[derive(Debug)]
pub(super) struct World {
    now: u64,
    planned: u64,
    agenda: BinaryHeap<Reverse<Due>>,
    rng: Rng,
    exchange: Exchange,
    clients: Vec<Client>,
    topics: Vec<Vec<Topic>>,
    history: History,
    sequence: u64,
    wakes_at_once: u32,
    /// No further faults and commands.
    is_winding_down: bool,
    /// When clients dialled, all of them.
    dials: Vec<u64>,
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        let mut world = Self::empty(seed);
        let connections = 1 + world.rng.u16(0..3);
        for index in 0..connections {
            let market = if world.rng.bool() {
                Market::Spot
            } else {
                Market::Futures
            };
            let side = if world.rng.u8(0..3) == 0 {
                Side::Public
            } else {
                Side::Private
            };
            let topics = 1 + world.rng.u32(0..8);
            world.add(ConnectionId { market, side, index }, topics, 0);
        }
        for client in 0..world.clients.len() {
            world.later(ITEM_EVERY, What::Make { client });
            world.later(COMMAND_EVERY, What::Command { client });
        }
        world.later(FAULT_EVERY, What::Begin);
        world
    }

    pub(super) fn empty(seed: u64) -> Self {
        Self {
            now: SECOND,
            planned: 0,
            agenda: BinaryHeap::new(),
            rng: Rng::with_seed(seed),
            exchange: Exchange::default(),
            clients: Vec::new(),
            topics: Vec::new(),
            history: History::new(RULES),
            sequence: 0,
            wakes_at_once: 0,
            is_winding_down: false,
            dials: Vec::new(),
        }
    }

    /// Adds a client that knows so many topics, wants some of them and starts.
    pub(super) fn add(&mut self, id: ConnectionId, topics: u32, budget: u64) {
        let topics: Vec<Topic> = (0..topics).filter_map(|n| topic(id, n)).collect();
        let seed = self.rng.u64(..);
        let number = self.clients.len();
        self.clients.push(Client::new(id, seed, budget));
        self.topics.push(topics.clone());
        for topic in topics {
            if self.rng.bool() {
                self.with(number, |client, around| client.subscribe(topic, around));
            }
        }
        self.with(number, Client::start);
    }

    pub(super) fn run(mut self, hours: u64) -> Result<Run, Violation> {
        self.run_until(hours * HOUR);
        self.is_winding_down = true;
        self.recover();
        self.finish()
    }

    pub(super) fn finish(self) -> Result<Run, Violation> {
        let digest = self.clients.iter().fold(self.history.digest(), |digest, client| {
            digest.rotate_left(1) ^ client.digest()
        });
        let now = self.now;
        Ok(Run {
            digest,
            passed_ns: now,
            totals: self.history.finish(now)?,
        })
    }

    /// Until nothing is wrong any more, everything is live, and something more has been made and has arrived.
    fn recover(&mut self) {
        let limit = self.now + 4 * HOUR;
        while !self.history.is_calm() && self.now < limit {
            self.run_until(self.now + MINUTE);
        }
        let limit = self.now + MAX_RECOVERY;
        while self.history.due().is_some() && self.now < limit {
            self.run_until(self.now + SECOND);
        }
        // A half-open socket may yet be noticed.
        self.run_until(self.now + RULES.aftermath);
        while self.history.due().is_some() && self.now < limit {
            self.run_until(self.now + SECOND);
        }
        for client in 0..self.clients.len() {
            self.make_all(client);
        }
        self.run_until(self.now + 2 * RULES.latency);
    }

    pub(super) fn run_until(&mut self, end: u64) {
        while let Some(Reverse(due)) = self.agenda.peek()
            && due.at <= end
            && !self.history.is_violated()
        {
            let Some(Reverse(due)) = self.agenda.pop() else {
                break;
            };
            if due.at > self.now {
                (self.now, self.wakes_at_once) = (due.at, 0);
            }
            self.happen(due.what);
        }
        self.now = self.now.max(end);
    }

    fn happen(&mut self, what: What) {
        match what {
            What::Wake { client, at } => {
                self.wakes_at_once += 1;
                if self.wakes_at_once > MAX_WAKES_AT_ONCE + self.clients.len() as u32 {
                    let broken = "P5: woken again and again, without any progress".into();
                    self.history.violate(self.now, self.clients[client].id, broken);
                }
                self.with(client, |client, around| client.wake(at, around));
            }
            What::DialDone {
                client,
                number,
                refused: Some(refused),
            } => {
                self.with(client, |client, around| {
                    client.dial_failed(number, &refused, around);
                });
            }
            What::DialDone {
                client,
                number,
                refused: None,
            } => self.open(client, number),
            What::Arrive {
                client,
                socket,
                frame,
            } => {
                if self.exchange.is_down_open(socket) {
                    self.with(client, |client, around| client.arrive(socket, frame, around));
                }
            }
            What::Receive { socket, text } => {
                let deliveries = self.exchange.receive(self.now, socket, &text, &mut self.rng);
                if let Some((client, offence)) = self.exchange.offence.take() {
                    self.history
                        .violate(self.now, self.clients[client].id, offence.into());
                }
                self.deliver(deliveries);
            }
            What::Signed {
                client,
                epoch,
                timestamp_ms,
                is_down,
            } => {
                self.with(client, |client, around| {
                    client.signed(epoch, timestamp_ms, is_down, around);
                });
            }
            What::Make { client } => {
                self.make_one(client);
                self.check();
                self.later(ITEM_EVERY, What::Make { client });
            }
            What::Command { client } => {
                if !self.is_winding_down {
                    // Who sleeps gives no commands.
                    if !self.clients[client].is_asleep {
                        self.command(client);
                    }
                    self.later(COMMAND_EVERY, What::Command { client });
                }
            }
            What::Begin => {
                if !self.is_winding_down {
                    let fault = Fault::draw(&mut self.rng);
                    self.strike(fault);
                    self.later(FAULT_EVERY, What::Begin);
                }
            }
            What::Strike { fault } => self.strike(fault),
            What::End { fault, client } => self.end(fault, client),
        }
    }

    fn check(&mut self) {
        // While one doesn't look, nothing can be asked of it.
        if self.clients.iter().all(|client| !client.is_asleep) {
            self.history.passed(self.now);
        }
    }

    // The clients.

    pub(super) fn with(&mut self, number: usize, act: impl FnOnce(&mut Client, &mut Surroundings<'_>)) {
        let mut around = Surroundings {
            now: self.now,
            exchange: &self.exchange,
            history: &mut self.history,
            rng: &mut self.rng,
            asks: Vec::new(),
        };
        act(&mut self.clients[number], &mut around);
        let asks = around.asks;
        for ask in asks {
            self.grant(number, ask);
        }
    }

    fn grant(&mut self, client: usize, ask: Ask) {
        match ask {
            Ask::Wake(at) => self.plan(at, What::Wake { client, at }),
            Ask::Dial { number } => {
                self.dials.push(self.now);
                let (after, refused) = match self.exchange.dial(&mut self.rng) {
                    Answer::Open { after } => (after, None),
                    Answer::Fail { after, refused } => (after, Some(refused)),
                };
                self.plan(
                    self.now + after,
                    What::DialDone {
                        client,
                        number,
                        refused,
                    },
                );
            }
            Ask::Signed {
                at,
                epoch,
                timestamp_ms,
                is_down,
            } => {
                self.plan(
                    at,
                    What::Signed {
                        client,
                        epoch,
                        timestamp_ms,
                        is_down,
                    },
                );
            }
            Ask::Send { socket, text } => {
                if let Some(at) = self.exchange.arrival(self.now, socket, &mut self.rng) {
                    self.plan(at, What::Receive { socket, text });
                }
            }
            Ask::Forget { socket } => self.exchange.forget(socket),
        }
    }

    fn open(&mut self, client: usize, number: u64) {
        if !self.clients[client].awaits(number) {
            return;
        }
        if self.clients[client].is_asleep {
            // The answer waits in the socket; the deadline is looked at after it.
            self.plan(
                self.now + SECOND,
                What::DialDone {
                    client,
                    number,
                    refused: None,
                },
            );
            return;
        }
        let id = self.clients[client].id;
        let (socket, deliveries) = self.exchange.accept(client, id, self.now, &mut self.rng);
        if self.exchange.effects.has(Fault::NoDate) {
            self.exchange.undated_at = Some(self.now);
        }
        let date_ms =
            (!self.exchange.effects.has(Fault::NoDate)).then(|| Exchange::unix_ms(self.now) / 1_000 * 1_000);
        self.with(client, |client, around| client.opened(socket, date_ms, around));
        self.deliver(deliveries);
    }

    fn deliver(&mut self, deliveries: Vec<Delivery>) {
        for (at, socket, frame) in deliveries {
            if let Some(client) = self.exchange.owner(socket) {
                self.plan(
                    at,
                    What::Arrive {
                        client,
                        socket,
                        frame,
                    },
                );
            }
        }
    }

    // The exchange.

    fn make_one(&mut self, client: usize) {
        if let Some(topic) = self.rng.choice(&self.topics[client]).cloned() {
            self.make(client, &topic);
        }
    }

    fn make_all(&mut self, client: usize) {
        for topic in self.topics[client].clone() {
            self.make(client, &topic);
        }
    }

    fn make(&mut self, client: usize, topic: &Topic) {
        // What nobody has asked for is nobody's loss.
        if !self.clients[client].wanted.contains(topic) && !self.exchange.is_followed(client, topic) {
            return;
        }
        self.sequence += 1;
        self.history
            .made(self.now, self.clients[client].id, topic, self.sequence);
        let deliveries = self
            .exchange
            .publish(self.now, client, topic, self.sequence, &mut self.rng);
        self.deliver(deliveries);
    }

    // The user.

    fn command(&mut self, client: usize) {
        let Some(topic) = self.rng.choice(&self.topics[client]).cloned() else {
            return;
        };
        match self.rng.u32(0..2_000) {
            0 => self.with(client, Client::shut_down),
            1..=1_200 => self.with(client, |client, around| client.subscribe(topic, around)),
            _ => self.with(client, |client, around| client.unsubscribe(&topic, around)),
        }
    }

    // The faults.

    pub(super) fn strike(&mut self, fault: Fault) {
        let duration = fault.duration(&mut self.rng);
        self.strike_for(fault, duration);
    }

    pub(super) fn strike_for(&mut self, fault: Fault, duration: u64) {
        let client = self.rng.usize(0..self.clients.len());
        let id = self.clients[client].id;
        self.history.fault_began(self.now, id, fault.name());
        self.exchange.effects.add(fault);
        match fault {
            Fault::Suspend => self.clients[client].is_asleep = true,
            Fault::Stall => self.with(client, Client::stall),
            Fault::WallClock(seconds) => {
                self.clients[client].wall_offset_ms = i64::from(seconds) * 1_000;
                self.exchange.was_skewed = true;
            }
            _ => {
                let deliveries = self.exchange.strike(fault, self.now, &mut self.rng);
                self.deliver(deliveries);
            }
        }
        self.plan(self.now + duration, What::End { fault, client });
        // What happens while nobody looks is the worst, and what is wrong with logins shows only at one.
        if fault.is_worse_with_a_loss() && self.rng.u8(0..3) == 0 {
            let within = self.now + self.rng.u64(0..=duration);
            let fault = [Fault::Reset, Fault::Close(1000)][self.rng.usize(0..2)];
            self.plan(within, What::Strike { fault });
        }
    }

    fn end(&mut self, fault: Fault, client: usize) {
        self.exchange.effects.remove(fault);
        match fault {
            Fault::Suspend => self.with(client, Client::wake_up),
            Fault::Stall => self.with(client, Client::go_on),
            Fault::WallClock(_) => self.clients[client].wall_offset_ms = 0,
            _ => {}
        }
        self.history
            .fault_ended(self.now, self.clients[client].id, fault.name());
    }

    // The agenda.

    pub(super) fn now(&self) -> u64 {
        self.now
    }

    pub(super) fn dials(&self) -> &[u64] {
        &self.dials
    }

    pub(super) fn history(&mut self) -> &mut History {
        &mut self.history
    }

    /// After a random time of this mean.
    fn later(&mut self, mean: u64, what: What) {
        let after = self.rng.u64(MILLISECOND..2 * mean);
        self.plan(self.now + after, what);
    }

    fn plan(&mut self, at: u64, what: What) {
        self.planned += 1;
        self.agenda.push(Reverse(Due {
            at,
            order: self.planned,
            what,
        }));
    }
}

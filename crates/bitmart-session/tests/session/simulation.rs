//! Random schedules under an oracle that reads nothing but the events.

use std::collections::BTreeSet;

use bitmart_proto::{Market, Side, Topic};
use bitmart_session::time::{MILLISECOND, MINUTE, SECOND};
use bitmart_session::{Cause, Event, Status, TopicStatus};

use crate::rig::{Rig, refusal};

/// What a user may conclude from the events alone.
#[derive(Default)]
struct Oracle {
    epoch: u64,
    is_open: bool,
    is_authenticated: bool,
    is_ready: bool,
    active: BTreeSet<Topic>,
    in_gap: BTreeSet<Topic>,
    last_frame: Option<u64>,
    /// The beginning of the gap that is open, if one is known.
    gap_since: Option<u64>,
}

impl Oracle {
    fn observe(&mut self, event: &Event, side: Side, now: u64) {
        match event {
            Event::Opened { epoch } | Event::Reconnected { epoch, .. } => {
                assert!(!self.is_open);
                assert_eq!(epoch.0, self.epoch + 1);
                assert_eq!(matches!(event, Event::Opened { .. }), epoch.0 == 1);
                (self.epoch, self.is_open) = (epoch.0, true);
            }
            Event::Authenticated { epoch } => {
                assert!(self.is_open && !self.is_authenticated && side == Side::Private);
                assert_eq!(epoch.0, self.epoch);
                self.is_authenticated = true;
            }
            Event::Subscribed { epoch, topic } => {
                assert!(self.is_open && (self.is_authenticated || side == Side::Public));
                assert_eq!(epoch.0, self.epoch);
                self.active.insert(topic.clone());
            }
            Event::Ready { epoch } => {
                assert!(self.is_open && !self.is_ready);
                assert_eq!(epoch.0, self.epoch);
                assert!(self.in_gap.is_subset(&self.active), "ready with an open gap");
                self.is_ready = true;
            }
            Event::SubscribeFailed { topic, .. } | Event::Unsubscribed { topic } => {
                self.active.remove(topic);
                self.in_gap.remove(topic);
            }
            Event::GapOpened(gap) => {
                if let Some(since) = gap.since {
                    assert_eq!(Some(since.ns), self.last_frame, "a gap begins at the last frame");
                }
                self.gap_since = self.gap_since.or(gap.since.map(|since| since.ns));
                for topic in &gap.topics {
                    assert!(self.in_gap.insert(topic.clone()), "{topic} is in the gap already");
                }
                // What was active on the lost socket is announced at once.
                self.active.clear();
            }
            Event::GapClosed(gap) => {
                assert_eq!(gap.until.ns, now, "a gap ends with what completed it");
                let since = gap.since.map(|since| since.ns);
                assert_eq!(since, self.gap_since.take(), "a gap ends with its beginning");
                for topic in &gap.topics {
                    assert!(self.active.contains(topic), "{topic} is not acknowledged");
                    assert!(self.in_gap.remove(topic), "{topic} was not in the gap");
                }
                assert!(self.in_gap.is_empty(), "closed in part");
            }
            Event::Closed { epoch, .. } => {
                if !self.active.is_empty() {
                    self.gap_since = self.gap_since.or(self.last_frame);
                }
                assert!(self.is_open);
                assert_eq!(epoch.0, self.epoch);
                (self.is_open, self.is_authenticated, self.is_ready) = (false, false, false);
            }
            Event::Reconnecting { .. } => {
                assert!(!self.is_open);
                assert!(
                    self.active.is_subset(&self.in_gap),
                    "silently lost: {:?}",
                    self.active.difference(&self.in_gap).collect::<Vec<_>>()
                );
                self.active.clear();
                self.last_frame = None;
            }
            _ => {}
        }
    }
}

struct World {
    rig: Rig,
    rng: fastrand::Rng,
    oracle: Oracle,
    side: Side,
    market: Market,
    seen: usize,
    /// Requests that the exchange has read but not answered.
    unanswered: Vec<(String, String)>,
    read: usize,
    socket: bool,
    connects: Vec<u64>,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let market = if rng.bool() { Market::Spot } else { Market::Futures };
        let side = if rng.bool() { Side::Public } else { Side::Private };
        let rig = Rig::with_config(market, side, &[], Default::default(), seed);
        Self {
            rig,
            rng,
            oracle: Oracle::default(),
            side,
            market,
            seen: 0,
            unanswered: Vec::new(),
            read: 0,
            socket: false,
            connects: Vec::new(),
        }
    }

    fn topic(&mut self) -> Topic {
        let n = self.rng.u32(0..30);
        let text = match (self.market, self.side) {
            (Market::Spot, Side::Public) => format!("spot/ticker:C{n}_USDT"),
            (Market::Spot, Side::Private) => format!("spot/user/order:C{n}_USDT"),
            (Market::Futures, Side::Public) => format!("futures/ticker:C{n}USDT"),
            (Market::Futures, Side::Private) => format!("futures/asset:C{n}"),
        };
        text.parse().unwrap()
    }

    fn frame_came(&mut self) {
        self.oracle.last_frame = Some(self.rig.now);
    }

    /// Reads the new events; to be called after every step, so that each event is seen at its own time.
    fn observe(&mut self) {
        while self.seen < self.rig.events.len() {
            let event = self.rig.events[self.seen].clone();
            if let Event::Closed { cause, .. } = &event {
                let blames_silence = matches!(
                    cause,
                    Cause::Silent | Cause::LoginTimeout | Cause::AckTimeout { .. }
                );
                assert!(
                    !(blames_silence && self.rig.session.is_paused()),
                    "nothing was read: {cause}"
                );
                self.socket = false;
                self.unanswered.clear();
            }
            self.oracle.observe(&event, self.side, self.rig.now);
            self.seen += 1;
        }
        for (_, text) in &self.rig.sent[self.read..] {
            let json: Vec<&str> = text.split('"').collect();
            if text.contains("ping") {
                self.unanswered.push(("pong".into(), String::new()));
            } else {
                let verb = json[3].to_owned();
                let topics = json[7..]
                    .iter()
                    .step_by(2)
                    .filter(|topic| !topic.is_empty() && **topic != "]}");
                if verb == "login" || verb == "access" {
                    self.unanswered.push((verb, String::new()));
                } else {
                    self.unanswered
                        .extend(topics.map(|topic| (verb.clone(), (*topic).to_owned())));
                }
            }
        }
        self.read = self.rig.sent.len();
    }

    fn answer(&mut self, faulty: bool) {
        if self.unanswered.is_empty() || !self.socket {
            return;
        }
        let at = if faulty {
            self.rng.usize(0..self.unanswered.len())
        } else {
            0
        };
        let (verb, topic) = self.unanswered.remove(at);
        let roll = if faulty { self.rng.u32(0..20) } else { 19 };
        self.frame_came();
        match (verb.as_str(), roll) {
            ("pong", _) => self.rig.frame(),
            ("login" | "access", 0) => self.rig.reply(&verb, None, Err(refusal(95000, "busy"))),
            ("login" | "access", _) => self.rig.login_ok(),
            (_, 0) => {} // lost, though a frame came
            (_, 1) => {
                let named = (self.market == Market::Futures).then_some(topic.as_str());
                self.rig
                    .reply(&verb, named, Err(refusal(90004, "Invalid channel param")));
            }
            (_, 2) => {
                self.rig.reply(&verb, Some(&topic), Ok(()));
                self.observe();
                self.rig.reply(&verb, Some(&topic), Ok(()));
            }
            _ => self.rig.reply(&verb, Some(&topic), Ok(())),
        }
        if let (_, 0) = (verb.as_str(), roll) {
            self.rig.frame();
        }
    }

    fn step(&mut self) {
        let is_reading = !self.rig.session.is_paused();
        match self.rng.u32(0..100) {
            0..=2 if self.socket => self.rig.drop_socket(),
            3..=12 => {
                let topic = self.topic();
                let _ = self.rig.session.subscribe(topic);
                self.rig.drain();
            }
            13..=19 => {
                let topic = self.topic();
                // A topic leaves its gap, and is no longer promised anything, with the command.
                if self.rig.session.unsubscribe(self.rig.now, &topic) {
                    self.oracle.in_gap.remove(&topic);
                    self.oracle.active.remove(&topic);
                }
                self.rig.drain();
            }
            20..=29 if self.socket && is_reading => {
                self.frame_came();
                self.rig.frame();
            }
            30..=69 if is_reading => self.answer(true),
            70..=79 if !self.socket && is_reading => self.try_connect(true),
            80 if is_reading => self.rig.session.pause(),
            80..=84 if !is_reading => {
                self.rig.session.resume(self.rig.now);
                self.rig.drain();
            }
            81..=97 => {
                let duration = self.rng.u64(0..3 * SECOND);
                self.pass(duration);
            }
            98..=99 => {
                let duration = self.rng.u64(0..2 * MINUTE);
                self.pass(duration);
            }
            _ => {}
        }
        self.observe();
    }

    /// Passes time in steps small enough that events are seen at their own time.
    fn pass(&mut self, duration: u64) {
        let end = self.rig.now + duration;
        while self.rig.now < end {
            let next = self
                .rig
                .session
                .poll_timeout(self.rig.now)
                .map_or(end, |at| at.clamp(self.rig.now + 1, end));
            self.rig.now = next;
            self.rig.session.handle_timeout(next);
            self.rig.drain();
            self.observe();
        }
    }

    fn try_connect(&mut self, faulty: bool) {
        let Some(at) = self.rig.connect_at else { return };
        let wait = at.saturating_sub(self.rig.now);
        self.pass(wait);
        if faulty && self.rng.u32(0..4) == 0 {
            self.rig.connect_at = None;
            self.rig.drop_socket();
        } else {
            self.rig.connect();
            self.socket = true;
            self.connects.push(self.rig.now);
        }
        self.observe();
    }

    /// The exchange behaves from here on: readiness must come.
    fn recover(&mut self) {
        let start = self.rig.now;
        self.rig.session.resume(start);
        self.rig.drain();
        let is_complete = |rig: &Rig| {
            let session = &rig.session;
            session.status() == Status::Ready
                && session
                    .topics()
                    .all(|topic| session.topic_status(topic) == Some(TopicStatus::Active))
        };
        while !is_complete(&self.rig) {
            if self.socket {
                if self.unanswered.is_empty() {
                    self.pass(100 * MILLISECOND);
                }
                self.answer(false);
                self.observe();
            } else {
                self.try_connect(false);
            }
            assert!(
                self.rig.now - start < 10 * MINUTE,
                "not ready after ten good minutes: {:?}",
                self.rig.session
            );
        }
        assert!(
            self.oracle.in_gap.is_empty(),
            "ready with an open gap: {:?}",
            self.oracle.in_gap
        );
        let wanted: BTreeSet<Topic> = self.rig.session.topics().cloned().collect();
        assert_eq!(self.oracle.active, wanted, "active is not what is wanted");
    }

    fn check_pace(&self) {
        let at: Vec<u64> = self.rig.sent.iter().map(|(at, _)| *at).collect();
        for (n, from) in at.iter().enumerate() {
            let until = at[n..].partition_point(|at| *at < from + 10 * SECOND);
            // Each socket has a limit of its own; two of them rarely fall into one window.
            let sockets = 1 + self
                .connects
                .iter()
                .filter(|at| (*from..from + 10 * SECOND).contains(at))
                .count();
            assert!(until <= 100 * sockets, "{until} messages in 10 s");
        }
    }
}

fn run(seed: u64) {
    let mut world = World::new(seed);
    for _ in 0..400 {
        world.step();
    }
    world.recover();
    world.check_pace();
}

#[test]
fn random_schedules_keep_the_promises() {
    let fresh = std::collections::hash_map::RandomState::new();
    let fresh = std::hash::BuildHasher::hash_one(&fresh, 0);
    let seeds = (0..1_500).chain((0..500).map(|n| fresh.wrapping_add(n)));
    for seed in seeds {
        if let Err(panic) = std::panic::catch_unwind(|| run(seed)) {
            println!("seed {seed} fails");
            std::panic::resume_unwind(panic);
        }
    }
}

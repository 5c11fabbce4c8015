use std::collections::{BTreeMap, VecDeque};

use bitmart_session::GapKind;

/// The end of a time that has none yet.
const OPEN: u64 = u64::MAX;

/// A time in which items may be missing, in nanoseconds, both ends included.
#[derive(Clone, Copy, Debug)]
struct Excuse {
    why: Why,
    from: u64,
    until: u64,
    /// What had reached the client before this is not excused.
    arrived_from: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    /// The topic isn't subscribed.
    NotPromised,
    Gap(GapKind),
}

/// What the exchange made of a topic, and what became of it.
#[derive(Debug)]
pub(super) struct TopicHistory {
    /// Made, and neither received nor found missing yet.
    unsettled: VecDeque<(u64, u64)>,
    /// Those that have reached the client and were not given to the user yet.
    arrived: BTreeMap<u64, u64>,
    last_made: Option<u64>,
    last_received: Option<u64>,
    excuses: Vec<Excuse>,
    pub(super) is_wanted: bool,
    /// Acknowledged on the present socket.
    pub(super) is_active: bool,
}

impl TopicHistory {
    pub(super) fn new() -> Self {
        Self {
            unsettled: VecDeque::new(),
            arrived: BTreeMap::new(),
            last_made: None,
            last_received: None,
            excuses: vec![Excuse {
                why: Why::NotPromised,
                from: 0,
                until: OPEN,
                arrived_from: 0,
            }],
            is_wanted: false,
            is_active: false,
        }
    }

    pub(super) fn made(&mut self, at: u64, sequence: u64) -> Result<(), String> {
        if self.last_made.is_some_and(|last| sequence <= last) {
            return Err(format!(
                "the simulation itself: {sequence} is made after {:?}",
                self.last_made
            ));
        }
        self.last_made = Some(sequence);
        self.unsettled.push_back((sequence, at));
        self.forget();
        Ok(())
    }

    pub(super) fn arrived(&mut self, at: u64, sequence: u64) {
        self.arrived.insert(sequence, at);
    }

    /// Returns how many were missing before it.
    pub(super) fn received(&mut self, at: u64, sequence: u64, latency: u64) -> Result<u64, String> {
        if let Some(last) = self.last_received.filter(|last| sequence <= *last) {
            return Err(format!("P1: {sequence} is received after {last}"));
        }
        self.last_received = Some(sequence);
        // What comes behind it may have arrived as well; what was before it is looked at below.
        let behind = self.arrived.split_off(&(sequence + 1));
        let arrived = std::mem::replace(&mut self.arrived, behind);
        let mut missing = 0;
        while let Some((made, made_at)) = self.unsettled.pop_front() {
            if made == sequence {
                return match made_at <= at {
                    true => Ok(missing),
                    false => Err(format!(
                        "the simulation itself: {sequence} is received before it is made"
                    )),
                };
            }
            if made > sequence {
                break;
            }
            self.excused(made, made_at, latency, arrived.get(&made).copied())?;
            missing += 1;
        }
        Err(format!("P1: {sequence} is received but was never made"))
    }

    /// Whether an item may be missing.
    fn excused(
        &self,
        sequence: u64,
        made_at: u64,
        latency: u64,
        arrived_at: Option<u64>,
    ) -> Result<(), String> {
        let covers = |excuse: &Excuse| {
            let is_in_time = excuse.from <= made_at.saturating_add(latency) && made_at <= excuse.until;
            is_in_time && arrived_at.is_none_or(|at| excuse.arrived_from <= at)
        };
        match self.excuses.iter().any(covers) {
            true => Ok(()),
            false => Err(format!(
                "P3: item {sequence}, made at {made_at}, is missing{}, and no gap says so: {:?}",
                if arrived_at.is_some() {
                    " though it has arrived"
                } else {
                    ""
                },
                self.excuses
            )),
        }
    }

    /// The topic is promised from here on.
    pub(super) fn begins(&mut self, at: u64) {
        self.end(Why::NotPromised, at);
    }

    /// Nothing is promised of the topic any more.
    pub(super) fn ends(&mut self, at: u64, latency: u64) {
        self.is_active = false;
        self.excuse(Why::NotPromised, at.saturating_sub(latency), 0);
    }

    /// Items made from `from` on may be missing; such as have arrived, from `since` on.
    pub(super) fn gap_opens(&mut self, kind: GapKind, from: u64, since: u64) -> Result<(), String> {
        if self.is_in_gap(kind) {
            return Err("P3: a gap opens for a topic that is in it already".into());
        }
        let arrived_from = if kind == GapKind::Connection { since } else { 0 };
        self.excuse(Why::Gap(kind), from, arrived_from);
        Ok(())
    }

    pub(super) fn gap_closes(&mut self, kind: GapKind, until: u64) -> Result<(), String> {
        if !self.is_in_gap(kind) {
            return Err("P3: a gap closes for a topic that is not in it".into());
        }
        self.end(Why::Gap(kind), until);
        if kind == GapKind::Connection {
            // Before its first acknowledgement it was promised nothing. With room in the queue, nothing is promised.
            self.end(Why::NotPromised, until);
        }
        Ok(())
    }

    /// The topic leaves a gap without its end: it failed, or is no longer wanted.
    pub(super) fn leaves_gaps(&mut self, at: u64) {
        self.end(Why::Gap(GapKind::Connection), at);
    }

    pub(super) fn is_in_gap(&self, kind: GapKind) -> bool {
        self.is_open(Why::Gap(kind))
    }

    /// At the end, everything that had the time to arrive is received or excused.
    pub(super) fn finish(&mut self, at: u64, latency: u64) -> Result<u64, String> {
        let mut missing = 0;
        while let Some((sequence, made_at)) = self.unsettled.pop_front() {
            if made_at.saturating_add(latency) < at {
                let arrived_at = self.arrived.get(&sequence).copied();
                self.excused(sequence, made_at, latency, arrived_at)?;
                missing += 1;
            }
        }
        Ok(missing)
    }

    fn is_open(&self, why: Why) -> bool {
        self.excuses
            .iter()
            .any(|excuse| excuse.why == why && excuse.until == OPEN)
    }

    fn excuse(&mut self, why: Why, from: u64, arrived_from: u64) {
        if !self.is_open(why) {
            self.excuses.push(Excuse {
                why,
                from,
                until: OPEN,
                arrived_from,
            });
        }
    }

    fn end(&mut self, why: Why, at: u64) {
        for excuse in &mut self.excuses {
            if excuse.why == why && excuse.until == OPEN {
                excuse.until = at;
            }
        }
    }

    /// Drops excuses that no item asks for any more.
    fn forget(&mut self) {
        if let Some((_, oldest)) = self.unsettled.front() {
            self.excuses.retain(|excuse| excuse.until >= *oldest);
        }
    }
}

//! One public topic: when it may speak again, and what it said last.

use bitmart_proto::{Channel, Levels, Topic};

use super::book::{Depth, Top};
use super::candle::Candle;
use super::increments::{Increments, Rules};
use crate::exchange::amount::Amount;

/// A topic and what was last published on it.
#[derive(Debug)]
pub(in crate::exchange) struct Feed {
    pub(in crate::exchange) topic: Topic,
    /// The shortest time between two pushes, in milliseconds.
    period_ms: u64,
    due_ms: u64,
    /// How many pushes there were.
    pub(in crate::exchange) pushes: u64,
    last: Last,
    pub(in crate::exchange) increments: Option<Increments>,
}

/// What was said last: nothing is repeated that didn't change.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Last {
    Nothing,
    /// Something that is repeated whether it changed or not.
    Told,
    Depth(Depth),
    Top(Top),
    Ticker {
        top: Top,
        trades: u64,
        mark: Option<Amount>,
    },
    Candle(Candle),
}

impl Feed {
    pub(in crate::exchange) fn new(topic: Topic, period_ms: u64) -> Self {
        Self {
            topic,
            period_ms,
            due_ms: 0,
            pushes: 0,
            last: Last::Nothing,
            increments: None,
        }
    }

    /// A feed of a book's changes.
    pub(in crate::exchange) fn of_increments(
        topic: Topic,
        period_ms: u64,
        rules: Rules,
        first_version: u64,
    ) -> Self {
        Self {
            increments: Some(Increments::new(rules, first_version)),
            ..Self::new(topic, period_ms)
        }
    }

    pub(in crate::exchange) fn channel(&self) -> Channel {
        self.topic.channel()
    }

    /// Whether it is time again.
    pub(in crate::exchange) fn is_due(&self, now_ms: u64) -> bool {
        now_ms >= self.due_ms
    }

    /// Something was pushed.
    pub(in crate::exchange) fn pushed(&mut self, now_ms: u64) {
        self.pushes += 1;
        self.due_ms = now_ms + self.period_ms;
    }

    /// Nobody listens: whoever comes next is told everything, changed or not.
    pub(in crate::exchange) fn sleep(&mut self) {
        self.last = Last::Nothing;
        if let Some(increments) = &mut self.increments {
            increments.sleep();
        }
    }

    /// Notes what a first subscriber was told. Others' pushes go on as they were.
    pub(in crate::exchange) fn begin_depth(&mut self, depth: &Depth) {
        self.begin(Last::Depth(depth.clone()));
    }

    pub(in crate::exchange) fn begin_candle(&mut self, forming: Candle) {
        self.begin(Last::Candle(forming));
    }

    pub(in crate::exchange) fn begin_told(&mut self) {
        self.begin(Last::Told);
    }

    /// As the others, where the pace counts from what the first subscriber was told.
    pub(in crate::exchange) fn begin_pause(&mut self, now_ms: u64) {
        if self.last == Last::Nothing {
            self.last = Last::Told;
            self.due_ms = now_ms + self.period_ms;
        }
    }

    fn begin(&mut self, present: Last) {
        if self.last == Last::Nothing {
            self.last = present;
        }
    }

    /// Notes the present view; whether it is another than the last one.
    pub(in crate::exchange) fn is_new_depth(&mut self, depth: &Depth) -> bool {
        self.is_new(Last::Depth(depth.clone()))
    }

    pub(in crate::exchange) fn is_new_top(&mut self, top: Top) -> bool {
        self.is_new(Last::Top(top))
    }

    pub(in crate::exchange) fn is_new_ticker(&mut self, top: Top, trades: u64, mark: Option<Amount>) -> bool {
        self.is_new(Last::Ticker { top, trades, mark })
    }

    /// The bars to be said: none if nothing changed; the closed one as it ended and the new one, if an interval
    /// has ended since the last push; else the forming one.
    pub(in crate::exchange) fn new_candles(
        &mut self,
        (closed, forming): (Option<Candle>, Candle),
    ) -> Vec<Candle> {
        let last = match &self.last {
            Last::Candle(last) => Some(*last),
            _ => None,
        };
        if !self.is_new(Last::Candle(forming)) {
            return Vec::new();
        }
        let has_closed = last.is_some_and(|last| last.open_s != forming.open_s);
        closed
            .filter(|_| has_closed)
            .into_iter()
            .chain([forming])
            .collect()
    }

    fn is_new(&mut self, present: Last) -> bool {
        let is_new = self.last != present;
        if is_new {
            self.last = present;
        }
        is_new
    }
}

/// A number of levels as a number.
pub(in crate::exchange) fn levels_of(levels: Levels) -> usize {
    match levels {
        Levels::L5 => 5,
        Levels::L20 => 20,
        _ => 50,
    }
}

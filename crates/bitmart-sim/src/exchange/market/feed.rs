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
    last: Said,
    pub(in crate::exchange) increments: Option<Increments>,
}

/// What was said last: nothing is repeated that didn't change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::exchange) enum Said {
    /// Nobody listened.
    Nothing,
    /// Something that is repeated whether it changed or not.
    Anything,
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
            last: Said::Nothing,
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
        self.last = Said::Nothing;
        if let Some(increments) = &mut self.increments {
            increments.sleep();
        }
    }

    /// Notes what a first subscriber is told: the pace counts from there. Others' pushes go on as they were.
    pub(in crate::exchange) fn begin(&mut self, present: Said, now_ms: u64) {
        if self.last == Said::Nothing {
            self.last = present;
            self.due_ms = now_ms + self.period_ms;
        }
    }

    /// The bar that a new subscriber begins with: the last that the others were told, so that nobody is told an
    /// earlier one after it.
    pub(in crate::exchange) fn begin_candle(&mut self, forming: Candle, now_ms: u64) -> Candle {
        self.begin(Said::Candle(forming), now_ms);
        match &self.last {
            Said::Candle(told) => *told,
            _ => forming,
        }
    }

    /// Notes what is to be said; whether it is another than the last time.
    pub(in crate::exchange) fn is_new(&mut self, present: Said) -> bool {
        let is_new = self.last != present;
        if is_new {
            self.last = present;
        }
        is_new
    }

    /// The bars to be said: none if nothing changed; the closed one as it ended and the new one, if an interval
    /// has ended since the last push; else the forming one.
    pub(in crate::exchange) fn new_candles(
        &mut self,
        (closed, forming): (Option<Candle>, Candle),
    ) -> Vec<Candle> {
        let has_closed = matches!(&self.last, Said::Candle(last) if last.open_s != forming.open_s);
        if !self.is_new(Said::Candle(forming)) {
            return Vec::new();
        }
        closed
            .filter(|_| has_closed)
            .into_iter()
            .chain([forming])
            .collect()
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

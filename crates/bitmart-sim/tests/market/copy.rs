//! A copy of a book as a client keeps it: from one topic's messages, and by the rules of its market.

use std::collections::BTreeMap;

use bitmart_sim::exchange::Push;
use serde_json::Value;

use crate::numbers::{amount, field, number, parsed};

/// Price and size.
pub(crate) type Level = (i128, i128);

/// Two sides, each from the best to the worst.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sides {
    pub(crate) bids: Vec<Level>,
    pub(crate) asks: Vec<Level>,
}

impl Sides {
    /// Reads the sides of a message and checks their order.
    pub(crate) fn read(item: &Value) -> Self {
        let bids = side(&item["bids"]);
        let asks = side(&item["asks"]);
        assert!(bids.is_sorted_by(|a, b| a.0 > b.0), "bids descend: {item}");
        assert!(asks.is_sorted_by(|a, b| a.0 < b.0), "asks ascend: {item}");
        Self { bids, asks }
    }

    pub(crate) fn cut(&self, levels: usize) -> Self {
        let cut = |side: &[Level]| side[..side.len().min(levels)].to_vec();
        Self {
            bids: cut(&self.bids),
            asks: cut(&self.asks),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bids.is_empty() && self.asks.is_empty()
    }

    /// What every full view promises.
    pub(crate) fn check_full(&self) {
        let mut sizes = self.bids.iter().chain(&self.asks).map(|(_, size)| *size);
        assert!(sizes.all(|size| size > 0), "an empty level: {self:?}");
        if let (Some(bid), Some(ask)) = (self.bids.first(), self.asks.first()) {
            assert!(bid.0 < ask.0, "crossed: {self:?}");
        }
    }
}

/// Levels as pairs or as objects.
pub(crate) fn side(levels: &Value) -> Vec<Level> {
    let levels = levels.as_array().unwrap_or_else(|| panic!("no levels: {levels}"));
    let level = |level: &Value| match level.as_array() {
        Some(pair) => {
            assert_eq!(pair.len(), 2, "{level}");
            (
                number(pair[0].as_str().unwrap()),
                number(pair[1].as_str().unwrap()),
            )
        }
        None => (amount(level, "price"), amount(level, "vol")),
    };
    levels.iter().map(level).collect()
}

/// The one item of a push.
pub(crate) fn item(push: &Push) -> Value {
    item_of(parsed(push))
}

pub(crate) fn item_of(mut message: Value) -> Value {
    let data = message["data"].take();
    match data {
        Value::Array(mut items) => {
            assert_eq!(items.len(), 1, "{items:?}");
            items.remove(0)
        }
        object => object,
    }
}

pub(crate) struct Copy {
    levels: usize,
    is_spot: bool,
    pub(crate) version: u64,
    bids: BTreeMap<i128, i128>,
    asks: BTreeMap<i128, i128>,
    pub(crate) seen: Seen,
}

/// How often each kind of message came.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) updates: usize,
    pub(crate) idle: usize,
    pub(crate) trimmed: usize,
}

impl Copy {
    /// From a snapshot.
    pub(crate) fn new(topic: &str, snapshot: &str) -> Self {
        let is_spot = topic.starts_with("spot/");
        let digits = topic.split(':').next().unwrap();
        let levels: usize = digits
            .trim_start_matches(|c: char| !c.is_ascii_digit())
            .parse()
            .unwrap();
        let item = item_of(serde_json::from_str(snapshot).unwrap());
        assert_eq!(field(&item, "type"), "snapshot");
        let sides = Sides::read(&item);
        sides.check_full();
        assert!(
            sides.bids.len() <= levels && sides.asks.len() <= levels,
            "{topic} has too many levels"
        );
        Self {
            levels,
            is_spot,
            version: item["version"].as_u64().unwrap(),
            bids: sides.bids.into_iter().collect(),
            asks: sides.asks.into_iter().collect(),
            seen: Seen::default(),
        }
    }

    /// Applies an update, by the rules and no more.
    pub(crate) fn apply(&mut self, item: &Value) {
        assert_eq!(field(item, "type"), "update", "{item}");
        let version = item["version"].as_u64().unwrap();
        let sides = Sides::read(item);
        self.seen.idle += usize::from(sides.is_empty());
        if self.is_spot && version == self.version {
            assert!(sides.is_empty(), "only a heartbeat repeats its version: {item}");
            return;
        }
        assert_eq!(version, self.version + 1, "a gap: {item}");
        assert!(
            !self.is_spot || !sides.is_empty(),
            "an idle update repeats its version: {item}"
        );
        self.version = version;
        self.seen.updates += 1;
        for (side, changes) in [(&mut self.bids, sides.bids), (&mut self.asks, sides.asks)] {
            for (price, size) in changes {
                if size == 0 {
                    assert!(side.remove(&price).is_some(), "removed what wasn't there: {item}");
                } else {
                    assert_ne!(side.insert(price, size), Some(size), "no change: {item}");
                }
            }
        }
        let before = self.bids.len() + self.asks.len();
        while self.bids.len() > self.levels {
            self.bids.pop_first();
        }
        while self.asks.len() > self.levels {
            self.asks.pop_last();
        }
        let trimmed = before - self.bids.len() - self.asks.len();
        assert!(
            self.is_spot || trimmed == 0,
            "the exchange keeps the window: {item}"
        );
        self.seen.trimmed += trimmed;
    }

    pub(crate) fn sides(&self) -> Sides {
        Sides {
            bids: self
                .bids
                .iter()
                .rev()
                .map(|(price, size)| (*price, *size))
                .collect(),
            asks: self.asks.iter().map(|(price, size)| (*price, *size)).collect(),
        }
    }
}

//! A limit order book: what is bid and offered at each price, and how one view of it becomes another.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::exchange::amount::Amount;

/// A price and all that rests at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::exchange) struct Level {
    pub(in crate::exchange) price: Amount,
    pub(in crate::exchange) size: Amount,
}

/// Which side of a book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::exchange) enum BookSide {
    Bids,
    Asks,
}

impl BookSide {
    /// Orders prices from the best to the worst.
    fn rank(self, price: Amount) -> Amount {
        match self {
            Self::Bids => -price,
            Self::Asks => price,
        }
    }

    /// Whether a price is worse than another, for who trades against it.
    pub(super) fn is_worse(self, price: Amount, than: Amount) -> bool {
        self.rank(price) > self.rank(than)
    }

    /// The price that is worse by a distance.
    pub(super) fn worse_by(self, price: Amount, distance: Amount) -> Amount {
        match self {
            Self::Bids => price - distance,
            Self::Asks => price + distance,
        }
    }
}

/// One side of a book. No level is empty, and none has a price below the smallest.
#[derive(Clone, Debug)]
pub(super) struct Ladder {
    side: BookSide,
    /// Sizes by the rank of their price: the first is the best.
    levels: BTreeMap<Amount, Amount>,
}

impl Ladder {
    fn new(side: BookSide) -> Self {
        Self {
            side,
            levels: BTreeMap::new(),
        }
    }

    fn level(&self, (rank, size): (&Amount, &Amount)) -> Level {
        // A rank's rank is its price.
        Level {
            price: self.side.rank(*rank),
            size: *size,
        }
    }

    pub(super) fn side(&self) -> BookSide {
        self.side
    }

    pub(super) fn len(&self) -> usize {
        self.levels.len()
    }

    /// From the best to the worst.
    pub(super) fn iter(&self) -> impl Iterator<Item = Level> + '_ {
        self.levels.iter().map(|entry| self.level(entry))
    }

    pub(super) fn best(&self) -> Option<Level> {
        self.iter().next()
    }

    pub(super) fn worst(&self) -> Option<Level> {
        self.levels.last_key_value().map(|entry| self.level(entry))
    }

    /// Adds to what rests at a price.
    pub(super) fn add(&mut self, price: Amount, size: Amount) {
        if price.is_positive() && size.is_positive() {
            *self.levels.entry(self.side.rank(price)).or_default() += size;
        }
    }

    /// Takes from what rests at a price, at most all of it.
    pub(super) fn take(&mut self, price: Amount, size: Amount) {
        if let Entry::Occupied(mut level) = self.levels.entry(self.side.rank(price)) {
            if size < *level.get() {
                *level.get_mut() -= size;
            } else {
                level.remove();
            }
        }
    }

    /// Removes every level that isn't worse than a price.
    pub(super) fn clear_through(&mut self, price: Amount) {
        while let Some(best) = self.best() {
            if self.side.is_worse(best.price, price) {
                break;
            }
            self.levels.pop_first();
        }
    }

    pub(super) fn drop_worst(&mut self) {
        self.levels.pop_last();
    }
}

/// One symbol's book. The best bid is below the best ask whenever a tick is over.
#[derive(Clone, Debug)]
pub(in crate::exchange) struct Book {
    pub(super) bids: Ladder,
    pub(super) asks: Ladder,
}

impl Book {
    pub(super) fn new() -> Self {
        Self {
            bids: Ladder::new(BookSide::Bids),
            asks: Ladder::new(BookSide::Asks),
        }
    }

    /// The best bid and the best ask.
    pub(in crate::exchange) fn top(&self) -> Top {
        Top {
            bid: self.bids.best(),
            ask: self.asks.best(),
        }
    }

    /// The best levels, at most so many a side.
    pub(in crate::exchange) fn depth(&self, levels: usize) -> Depth {
        Depth {
            bids: self.bids.iter().take(levels).collect(),
            asks: self.asks.iter().take(levels).collect(),
        }
    }
}

/// The best of both sides; `None` where a side is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::exchange) struct Top {
    pub(in crate::exchange) bid: Option<Level>,
    pub(in crate::exchange) ask: Option<Level>,
}

/// Levels of both sides, each from the best to the worst: a view of a book, or what changed in one. In a change,
/// sizes are absolute and a zero removes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::exchange) struct Depth {
    pub(in crate::exchange) bids: Vec<Level>,
    pub(in crate::exchange) asks: Vec<Level>,
}

/// What a view of the best levels says of a level that others push out of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::exchange) enum Leavers {
    /// Nothing: who copies the book has to cut it.
    Unsaid,
    /// That it is gone, as if it were canceled.
    Removed,
}

impl Depth {
    pub(in crate::exchange) fn is_empty(&self) -> bool {
        self.bids.is_empty() && self.asks.is_empty()
    }

    /// What turns this view into a later one, both of at most `levels` a side.
    pub(super) fn changes_to(&self, later: &Self, levels: usize, leavers: Leavers) -> Self {
        let changes = |side, old: &[Level], new: &[Level]| {
            let is_full = new.len() >= levels;
            let edge = new
                .last()
                .filter(|_| is_full && leavers == Leavers::Unsaid)
                .map(|level| level.price);
            side_changes(side, old, new, edge)
        };
        Self {
            bids: changes(BookSide::Bids, &self.bids, &later.bids),
            asks: changes(BookSide::Asks, &self.asks, &later.asks),
        }
    }
}

/// Merges two views of a side into what changed, best first. What is gone and worse than `edge` goes unsaid.
fn side_changes(side: BookSide, old: &[Level], new: &[Level], edge: Option<Amount>) -> Vec<Level> {
    let (mut old, mut new) = (old.iter().peekable(), new.iter().peekable());
    let mut changes = Vec::new();
    loop {
        let (was, is) = match (old.peek(), new.peek()) {
            (None, None) => return changes,
            (was, None) => (was, None),
            (None, is) => (None, is),
            (Some(was), Some(is)) if was.price == is.price => (Some(was), Some(is)),
            (Some(was), Some(is)) if side.is_worse(is.price, was.price) => (Some(was), None),
            (_, is) => (None, is),
        };
        match (was.copied(), is.copied()) {
            (Some(was), None) => {
                old.next();
                if edge.is_none_or(|edge| !side.is_worse(was.price, edge)) {
                    changes.push(Level {
                        price: was.price,
                        size: Amount::ZERO,
                    });
                }
            }
            (was, Some(is)) => {
                new.next();
                if was.is_some() {
                    old.next();
                }
                if was.is_none_or(|was| was.size != is.size) {
                    changes.push(*is);
                }
            }
            (None, None) => return changes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn book(bids: &[(i64, i64)], asks: &[(i64, i64)]) -> Book {
        let mut book = Book::new();
        for (price, size) in bids {
            book.bids.add(Amount::whole(*price), Amount::whole(*size));
        }
        for (price, size) in asks {
            book.asks.add(Amount::whole(*price), Amount::whole(*size));
        }
        book
    }

    fn pairs(levels: &[Level]) -> Vec<(i64, i64)> {
        let whole = |amount: Amount| amount.to_scaled(0).unwrap();
        levels
            .iter()
            .map(|level| (whole(level.price), whole(level.size)))
            .collect()
    }

    #[test]
    fn sides_are_sorted_from_the_best() {
        let book = book(&[(7, 1), (9, 2), (8, 3)], &[(12, 1), (10, 2), (11, 3), (10, 5)]);
        let depth = book.depth(2);
        assert_eq!(pairs(&depth.bids), [(9, 2), (8, 3)]);
        assert_eq!(pairs(&depth.asks), [(10, 7), (11, 3)]);
        assert_eq!(book.top().bid, Some(depth.bids[0]));
        assert_eq!(
            book.asks.worst().map(|level| level.price),
            Some(Amount::whole(12))
        );
    }

    #[test]
    fn levels_are_taken_whole_or_in_part() {
        let mut book = book(&[], &[(10, 5), (11, 5)]);
        book.asks.take(Amount::whole(10), Amount::whole(2));
        book.asks.take(Amount::whole(11), Amount::whole(9));
        book.asks.take(Amount::whole(12), Amount::whole(1));
        assert_eq!(pairs(&book.depth(9).asks), [(10, 3)]);
        book.asks.clear_through(Amount::whole(10));
        assert!(book.depth(9).is_empty());
    }

    #[test]
    fn who_is_pushed_out_is_removed_or_left_to_the_reader() {
        let old = book(&[(9, 1), (8, 1), (7, 1)], &[(10, 1), (12, 1)]).depth(3);
        let new = book(&[(9, 2), (8, 1), (6, 4)], &[(10, 1), (11, 1), (12, 1), (13, 1)]).depth(3);
        let said = old.changes_to(&new, 3, Leavers::Removed);
        assert_eq!(pairs(&said.bids), [(9, 2), (7, 0), (6, 4)]);
        assert_eq!(pairs(&said.asks), [(11, 1)]);
        let back = new.changes_to(&old, 3, Leavers::Unsaid);
        assert_eq!(
            pairs(&back.bids),
            [(9, 1), (7, 1)],
            "6 lies beyond the third level"
        );
        assert_eq!(pairs(&back.asks), [(11, 0)]);
        let out = new.changes_to(&old, 3, Leavers::Removed);
        assert_eq!(pairs(&out.bids), [(9, 1), (7, 1), (6, 0)]);
    }
}

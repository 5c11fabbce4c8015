//! Other people's orders: a seeded flow of adds, cancels and trades that keeps a book alive around a price.

use super::Trade;
use super::book::{Book, BookSide, Ladder};
use super::walk::Walk;
use crate::exchange::amount::Amount;
use crate::random::Random;

/// Levels a side that the flow keeps at least: more than the widest window of 100, so that levels enter it.
const MIN_LEVELS: usize = 110;
/// Levels a side that the flow keeps at most; it bounds the memory, and the windows are far smaller.
const MAX_LEVELS: usize = 150;
/// Levels that takers leave: however many come in a tick, a side is never emptied.
const MIN_RESTING: usize = 20;
/// Orders per tick that take, at most.
const MAX_TAKERS: u64 = 2;
/// Fills per tick at most, so that the push that lists them stays small.
const MAX_FILLS: usize = 24;
/// Cancels per tick and side, at most, beside those that the price leaves behind.
const MAX_CANCELS: u64 = 3;
/// Orders per tick and side that come to rest anywhere, at most.
const MAX_ADDS: u64 = 4;
/// Levels per tick and side that follow the price, at most.
const MAX_CHASE: usize = 8;
/// How many steps of the usual distance the resting orders spread over; the nearer, the more.
const REACH: u64 = 60;
/// One tick in so many begins a lull, in which nothing happens.
const LULL_ODDS: u64 = 50;
/// Ticks of the longest lull: three seconds at the usual pace, long enough for books to say that they are idle.
const MAX_LULL: u64 = 12;
/// The largest step of the price is so many usual distances between two levels.
const LEVELS_PER_STEP: i64 = 6;

/// The flow on one symbol.
#[derive(Clone, Debug)]
pub(super) struct Flow {
    random: Random,
    /// The usual distance of two levels, in units of the price's last decimal.
    spacing: i64,
    /// A usual order, in units of the size's last decimal.
    lot: i64,
    price_decimals: u32,
    size_decimals: u32,
    /// Ticks that the present lull lasts yet.
    lull: u64,
}

impl Flow {
    pub(super) fn new(
        walk: &Walk,
        lot: i64,
        price_decimals: u32,
        size_decimals: u32,
        random: Random,
    ) -> Self {
        Self {
            random,
            spacing: (walk.reach() / LEVELS_PER_STEP).max(1),
            lot,
            price_decimals,
            size_decimals,
            lull: 0,
        }
    }

    /// Fills an empty book around the price.
    pub(super) fn open(&mut self, book: &mut Book, walk: &Walk) {
        self.fill_up(&mut book.bids, walk.price());
        self.fill_up(&mut book.asks, walk.price());
    }

    /// Lets a tick of orders happen; what was traded, in order.
    ///
    /// Trades come first: each takes from the best level of the book as it was left by the tick before, in the
    /// order in which they are returned. What comes later in the tick never rests at a price that was traded
    /// through, so that the next book shows what the trades took.
    pub(super) fn tick(&mut self, book: &mut Book, walk: &Walk) -> Vec<Trade> {
        if self.lull > 0 {
            self.lull -= 1;
            return Vec::new();
        }
        if self.random.below(LULL_ODDS) == 0 {
            self.lull = 1 + self.random.below(MAX_LULL);
        }
        let trades = self.take(book, walk.price());
        let last_at = |is_taker_buy| {
            let mut of_side = trades.iter().filter(|trade| trade.is_taker_buy == is_taker_buy);
            of_side.next_back().map(|trade| trade.price)
        };
        // Those whose price was passed cancel; only then can the other side follow.
        book.bids.clear_through(walk.price());
        book.asks.clear_through(walk.price());
        self.rest(&mut book.bids, walk.price(), last_at(false));
        self.rest(&mut book.asks, walk.price(), last_at(true));
        trades
    }

    /// Takers come, most of them in the direction in which the price goes.
    fn take(&mut self, book: &mut Book, price: Amount) -> Vec<Trade> {
        let mut trades = Vec::new();
        for _ in 0..self.random.below(MAX_TAKERS + 1) {
            let is_taker_buy = match (book.bids.best(), book.asks.best()) {
                (_, Some(ask)) if price >= ask.price => self.random.below(4) > 0,
                (Some(bid), _) if price <= bid.price => self.random.below(4) == 0,
                _ => self.random.below(2) == 0,
            };
            let ladder = if is_taker_buy {
                &mut book.asks
            } else {
                &mut book.bids
            };
            let mut left = self.taken_size();
            // A fill may be listed as two.
            while left.is_positive() && trades.len() + 1 < MAX_FILLS && ladder.len() > MIN_RESTING {
                let Some(best) = ladder.best() else { break };
                let size = left.min(best.size);
                ladder.take(best.price, size);
                left -= size;
                self.print(best.price, size, is_taker_buy, &mut trades);
            }
        }
        trades
    }

    /// Lists a fill, now and then as two of equal size: two orders rested at the price. Equal neighbours are
    /// separate trades.
    fn print(&mut self, price: Amount, size: Amount, is_taker_buy: bool, trades: &mut Vec<Trade>) {
        let half = size
            .to_scaled(self.size_decimals)
            .filter(|lots| lots % 2 == 0 && self.random.below(8) == 0)
            .map(|lots| Amount::scaled(lots / 2, self.size_decimals));
        let trade = |size| Trade {
            price,
            size,
            is_taker_buy,
        };
        match half {
            Some(half) => trades.extend([trade(half), trade(half)]),
            None => trades.push(trade(size)),
        }
    }

    /// Some cancel, some add, and the best price follows the walk. Nobody adds where it was just traded through.
    fn rest(&mut self, ladder: &mut Ladder, price: Amount, traded: Option<Amount>) {
        let side = ladder.side();
        let is_free = |at: Amount| at.is_positive() && traded.is_none_or(|traded| side.is_worse(at, traded));
        for _ in 0..self.random.below(MAX_CANCELS + 1) {
            let at = self.random.below(ladder.len() as u64);
            let size = self.resting_size();
            let level = ladder.iter().nth(usize::try_from(at).unwrap_or(0));
            if let Some(level) = level {
                ladder.take(level.price, size);
            }
        }
        for _ in 0..MAX_CHASE {
            let gap = Amount::scaled(3 * self.spacing, self.price_decimals);
            let Some(best) = ladder.best() else { break };
            if !side.is_worse(best.price, side.worse_by(price, gap)) {
                break;
            }
            let distance = self.random.between(1, 3 * self.spacing);
            let at = self.away(side, price, distance);
            if is_free(at) {
                let size = self.resting_size();
                ladder.add(at, size);
            }
        }
        for _ in 0..self.random.below(MAX_ADDS + 1) {
            let step = self.random.below(REACH) * self.random.below(REACH) / REACH;
            let distance =
                i64::try_from(step).unwrap_or(0) * self.spacing + self.random.between(1, self.spacing);
            let at = self.away(side, price, distance);
            let size = self.resting_size();
            if is_free(at) {
                ladder.add(at, size);
            }
        }
        self.fill_up(ladder, price);
        while ladder.len() > MAX_LEVELS {
            ladder.drop_worst();
        }
    }

    /// Adds behind the worst level until there are enough; a low price leaves room for fewer.
    fn fill_up(&mut self, ladder: &mut Ladder, price: Amount) {
        while ladder.len() < MIN_LEVELS {
            let worst = ladder.worst().map_or(price, |level| level.price);
            let distance = self.random.between(1, 2 * self.spacing);
            let at = self.away(ladder.side(), worst, distance);
            if !at.is_positive() {
                break;
            }
            let size = self.resting_size();
            ladder.add(at, size);
        }
    }

    fn away(&self, side: BookSide, price: Amount, ticks: i64) -> Amount {
        side.worse_by(price, Amount::scaled(ticks, self.price_decimals))
    }

    /// What somebody lets rest: usually a few lots, at times many.
    fn resting_size(&mut self) -> Amount {
        let lots = match self.random.below(10) {
            0 => self.random.between(self.lot, 12 * self.lot),
            _ => self.random.between(1, 3 * self.lot),
        };
        Amount::scaled(lots, self.size_decimals)
    }

    /// What somebody takes: usually less than a level, at times several.
    fn taken_size(&mut self) -> Amount {
        let lots = match self.random.below(6) {
            0 => self.random.between(self.lot, 10 * self.lot),
            _ => self.random.between(1, self.lot),
        };
        Amount::scaled(lots, self.size_decimals)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_book_is_never_crossed_never_thin_and_always_near_its_price() {
        for seed in 0..20 {
            let mut walk = Walk::new(8_612_345, 2, Random::new(seed, "walk"));
            let mut flow = Flow::new(&walk, 2_400, 2, 5, Random::new(seed, "flow"));
            let mut book = Book::new();
            flow.open(&mut book, &walk);
            let (mut traded, mut swept) = (0, 0);
            for tick in 0..2_000 {
                let was_lull = flow.lull > 0;
                walk.step();
                let trades = flow.tick(&mut book, &walk);
                traded += trades.len();
                swept += usize::from(trades.len() > 3);
                let (bid, ask) = (book.bids.best().unwrap().price, book.asks.best().unwrap().price);
                assert!(bid < ask, "seed {seed}, tick {tick}");
                for ladder in [&book.bids, &book.asks] {
                    assert!(
                        (MIN_LEVELS..=MAX_LEVELS).contains(&ladder.len()),
                        "seed {seed}, tick {tick}: {} levels",
                        ladder.len()
                    );
                }
                if !was_lull {
                    let is_around = bid < walk.price() && walk.price() < ask;
                    assert!(
                        is_around,
                        "seed {seed}, tick {tick}: {bid}, {}, {ask}",
                        walk.price()
                    );
                }
            }
            assert!(
                traded > 1_000 && swept > 20,
                "seed {seed}: {traded} trades, {swept} sweeps"
            );
        }
    }
}

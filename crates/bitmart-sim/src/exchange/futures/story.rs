//! What an account does by itself on futures: one act per tick, the symbols in turn, forever.

use super::{FuturesMarket, INSTRUMENTS, Instrument};
use crate::exchange::Push;
use crate::exchange::amount::Amount;
use crate::exchange::order::{Intent, NewOrder, ScriptError};
use crate::exchange::time::Clock;
use crate::random::Random;

/// How far from the price an order rests that is meant to be canceled, in units of the price's last decimal.
const AWAY: i64 = 1_000;
/// How far from the price the other orders rest, at most.
const NEAR: i64 = 20;
/// What comes in when money runs short.
const RECHARGE: Amount = Amount::whole(20_000);

/// One thing that happens.
#[derive(Clone, Copy, Debug)]
enum Act {
    Open(Intent),
    OpenAway(Intent),
    /// Orders to close about half of the position.
    CloseHalf(Intent),
    FillPart,
    FillRest,
    Cancel,
    /// Closes all that is left, at the market's price.
    CloseAll(Intent),
}

/// A long position opens, grows, shrinks and is closed; then a short one, beside canceled orders. Both begin and
/// end without a position, so a lane may begin at either.
const ACTS: [Act; 18] = [
    Act::Open(Intent::OpenLong),
    Act::FillPart,
    Act::FillRest,
    Act::Open(Intent::OpenLong),
    Act::FillRest,
    Act::CloseHalf(Intent::CloseLong),
    Act::FillPart,
    Act::FillRest,
    Act::CloseAll(Intent::CloseLong),
    Act::OpenAway(Intent::OpenShort),
    Act::Cancel,
    Act::Open(Intent::OpenShort),
    Act::FillPart,
    Act::FillRest,
    Act::CloseHalf(Intent::CloseShort),
    Act::FillPart,
    Act::Cancel,
    Act::CloseAll(Intent::CloseShort),
];
/// Where the second half begins.
const SHORT_ACTS: usize = 9;

/// One account's story.
#[derive(Debug)]
pub(in crate::exchange) struct Story {
    account: usize,
    lanes: Vec<Lane>,
    turn: usize,
    random: Random,
}

/// The story on one symbol.
#[derive(Debug)]
struct Lane {
    instrument: &'static Instrument,
    next_act: usize,
    order: Option<u64>,
}

impl Story {
    pub(in crate::exchange) fn new(account: usize, random: Random) -> Self {
        let lanes = INSTRUMENTS
            .iter()
            .enumerate()
            .map(|(number, instrument)| {
                let next_act = if number % 2 == 0 { 0 } else { SHORT_ACTS };
                Lane {
                    instrument,
                    next_act,
                    order: None,
                }
            })
            .collect();
        Self {
            account,
            lanes,
            turn: 0,
            random,
        }
    }

    /// Does the next act on the symbol whose turn it is.
    pub(in crate::exchange) fn act(
        &mut self,
        market: &mut FuturesMarket,
        clock: &mut Clock,
        out: &mut Vec<Push>,
    ) {
        let lane = &mut self.lanes[self.turn];
        self.turn = (self.turn + 1) % INSTRUMENTS.len();
        let act = ACTS[lane.next_act];
        lane.next_act = (lane.next_act + 1) % ACTS.len();
        let mut stage = Stage {
            account: self.account,
            random: &mut self.random,
            market,
            clock,
            out,
        };
        let result = stage.perform(lane, act);
        // A script may have finished the order, or closed the position: then this act is left out.
        if matches!(
            (act, result),
            (Act::Open(_) | Act::OpenAway(_), Err(ScriptError::Insufficient))
        ) {
            stage.market.recharge(stage.account, RECHARGE, stage.out);
        }
    }
}

/// What an act is performed with.
struct Stage<'a> {
    account: usize,
    random: &'a mut Random,
    market: &'a mut FuturesMarket,
    clock: &'a mut Clock,
    out: &'a mut Vec<Push>,
}

impl Stage<'_> {
    fn perform(&mut self, lane: &mut Lane, act: Act) -> Result<(), ScriptError> {
        match act {
            Act::Open(intent) => {
                lane.order = Some(self.open(lane.instrument, intent, NEAR)?);
                Ok(())
            }
            Act::OpenAway(intent) => {
                lane.order = Some(self.open(lane.instrument, intent, AWAY)?);
                Ok(())
            }
            Act::CloseHalf(intent) => {
                let size = self.held(lane.instrument, intent).div_ceil(2);
                let price = self.price(lane.instrument, intent, NEAR);
                lane.order = Some(self.place(NewOrder::limit(
                    lane.instrument.symbol,
                    intent,
                    price,
                    size.to_string(),
                ))?);
                Ok(())
            }
            Act::FillPart => {
                let id = lane.order.ok_or(ScriptError::UnknownOrder)?;
                let part = part(self.left(id)?, self.random);
                self.market
                    .fill(self.account, id, part, None, self.clock, self.out)
            }
            Act::FillRest => {
                let id = lane.order.take().ok_or(ScriptError::UnknownOrder)?;
                let left = self.left(id)?;
                self.market
                    .fill(self.account, id, left, None, self.clock, self.out)
            }
            Act::Cancel => {
                let id = lane.order.take().ok_or(ScriptError::UnknownOrder)?;
                self.market.cancel(self.account, id, self.clock, self.out)
            }
            Act::CloseAll(intent) => {
                let size = self.held(lane.instrument, intent);
                let id = self.place(NewOrder::market(lane.instrument.symbol, intent, size.to_string()))?;
                self.market
                    .fill(self.account, id, size, None, self.clock, self.out)
            }
        }
    }

    fn open(&mut self, instrument: &Instrument, intent: Intent, reach: i64) -> Result<u64, ScriptError> {
        let (low, high) = instrument.story_lots;
        let size = self.random.between(low, high).to_string();
        let price = self.price(instrument, intent, reach);
        self.place(NewOrder::limit(instrument.symbol, intent, price, size))
    }

    /// A price on the order's own side of the market: between half of `reach` and all of it away.
    fn price(&mut self, instrument: &Instrument, intent: Intent, reach: i64) -> String {
        let distance = self.random.between(reach / 2, reach);
        let offset = if intent.is_buy() { -distance } else { distance };
        self.market.walk(instrument).price_at(offset).to_string()
    }

    fn held(&self, instrument: &Instrument, intent: Intent) -> u64 {
        self.market.held(
            self.account,
            instrument.symbol,
            matches!(intent, Intent::CloseLong),
        )
    }

    fn left(&self, id: u64) -> Result<u64, ScriptError> {
        Ok(self
            .market
            .order(self.account, id)
            .ok_or(ScriptError::UnknownOrder)?
            .remaining())
    }

    fn place(&mut self, order: NewOrder) -> Result<u64, ScriptError> {
        let order = order.client_order_id(format!("sim{:010x}", self.random.below(1 << 40)));
        self.market.place(self.account, &order, self.clock, self.out)
    }
}

/// Between a third and a half, at least one.
fn part(whole: u64, random: &mut Random) -> u64 {
    let (low, high) = (whole / 3, whole / 2);
    (low + random.below(high - low + 1)).max(1)
}

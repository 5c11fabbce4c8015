//! What an account does by itself on spot: one act per tick, the symbols in turn, forever.

use super::{INSTRUMENTS, Instrument, SpotMarket};
use crate::exchange::Push;
use crate::exchange::amount::Amount;
use crate::exchange::order::{Intent, NewOrder, ScriptError};
use crate::exchange::time::Clock;
use crate::random::Random;

/// How far from the price an order rests that is meant to be canceled, in units of the price's last decimal.
const AWAY: i64 = 2_000;
/// How far from the price the other orders rest, at most.
const NEAR: i64 = 40;
/// What comes in when money runs short: the fees eat it, a few coins an hour.
const RECHARGES: [(&str, Amount); 3] = [
    ("BTC", Amount::whole(1)),
    ("ETH", Amount::whole(20)),
    ("USDT", Amount::whole(50_000)),
];

/// One thing that happens.
#[derive(Clone, Copy, Debug)]
enum Act {
    Buy,
    Sell,
    BuyAway,
    FillPart,
    FillRest,
    Cancel,
    MarketBuy,
    /// Sells what was bought since the acts began, so that they can begin again.
    SellOut,
}

const ACTS: [Act; 14] = [
    Act::Buy,
    Act::FillPart,
    Act::FillRest,
    Act::Sell,
    Act::FillPart,
    Act::FillPart,
    Act::FillRest,
    Act::BuyAway,
    Act::Cancel,
    Act::MarketBuy,
    Act::Sell,
    Act::FillPart,
    Act::Cancel,
    Act::SellOut,
];

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
    order: Option<(u64, Intent)>,
    /// What was bought less what was sold since the acts began.
    net: Amount,
}

impl Story {
    pub(in crate::exchange) fn new(seed: u64, account: usize) -> Self {
        let lanes = INSTRUMENTS
            .iter()
            .enumerate()
            .map(|(number, instrument)| {
                // The lanes begin at different places, so that different things happen in turn.
                let next_act = if number % 2 == 0 { 0 } else { 7 };
                Lane {
                    instrument,
                    next_act,
                    order: None,
                    net: Amount::ZERO,
                }
            })
            .collect();
        Self {
            account,
            lanes,
            turn: 0,
            random: Random::new(seed, &format!("spot story {account}")),
        }
    }

    /// Does the next act on the symbol whose turn it is.
    pub(in crate::exchange) fn act(
        &mut self,
        market: &mut SpotMarket,
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
        // A script may have finished the order, or spent the money: then this act is left out.
        if let Err(ScriptError::Insufficient) = stage.perform(lane, act) {
            stage.recharge(lane.instrument);
        }
    }
}

/// What an act is performed with.
struct Stage<'a> {
    account: usize,
    random: &'a mut Random,
    market: &'a mut SpotMarket,
    clock: &'a mut Clock,
    out: &'a mut Vec<Push>,
}

impl Stage<'_> {
    fn perform(&mut self, lane: &mut Lane, act: Act) -> Result<(), ScriptError> {
        match act {
            Act::Buy | Act::BuyAway => {
                let size = self.lots(lane.instrument);
                let offset = if matches!(act, Act::BuyAway) {
                    AWAY
                } else {
                    self.random.between(1, NEAR)
                };
                let id = self.limit(lane.instrument, Intent::Buy, -offset, size)?;
                lane.order = Some((id, Intent::Buy));
                Ok(())
            }
            Act::Sell => {
                let size = if lane.net.is_positive() {
                    lane.net
                } else {
                    self.lots(lane.instrument)
                };
                let size = self.part(lane.instrument, size);
                let offset = self.random.between(1, NEAR);
                let id = self.limit(lane.instrument, Intent::Sell, offset, size)?;
                lane.order = Some((id, Intent::Sell));
                Ok(())
            }
            Act::FillPart => {
                let (id, intent) = lane.order.ok_or(ScriptError::UnknownOrder)?;
                let left = self.left(id)?;
                let size = self.part(lane.instrument, left);
                self.fill(lane, id, intent, size, None)
            }
            Act::FillRest => {
                let (id, intent) = lane.order.take().ok_or(ScriptError::UnknownOrder)?;
                let left = self.left(id)?;
                self.fill(lane, id, intent, left, None)
            }
            Act::Cancel => {
                let (id, _) = lane.order.take().ok_or(ScriptError::UnknownOrder)?;
                self.market.cancel(self.account, id, self.clock, self.out)
            }
            Act::MarketBuy => {
                let notional = Amount::whole(self.random.between(200, 900));
                self.at_market(lane, Intent::Buy, notional)
            }
            Act::SellOut => {
                let size = if lane.net.is_positive() {
                    lane.net
                } else {
                    self.lots(lane.instrument)
                };
                let sold = self.at_market(lane, Intent::Sell, size);
                lane.net = Amount::ZERO;
                sold
            }
        }
    }

    fn fill(
        &mut self,
        lane: &mut Lane,
        id: u64,
        intent: Intent,
        size: Amount,
        price: Option<Amount>,
    ) -> Result<(), ScriptError> {
        self.market
            .fill(self.account, id, size, price, self.clock, self.out)?;
        lane.net += if intent.is_buy() { size } else { -size };
        Ok(())
    }

    /// A random size, in the range of the instrument's story.
    fn lots(&mut self, instrument: &Instrument) -> Amount {
        let (low, high) = instrument.story_lots;
        Amount::scaled(self.random.between(low, high), instrument.size_decimals)
    }

    /// Between a third and a half of a size, at least the smallest.
    fn part(&mut self, instrument: &Instrument, size: Amount) -> Amount {
        let lots = size.to_scaled(instrument.size_decimals).unwrap_or(1);
        let part = self.random.between(lots / 3, lots / 2).max(1);
        Amount::scaled(part, instrument.size_decimals)
    }

    /// What is left of an order to be filled.
    fn left(&mut self, id: u64) -> Result<Amount, ScriptError> {
        let order = self
            .market
            .order_mut(self.account, id)
            .ok_or(ScriptError::UnknownOrder)?;
        Ok(order.remaining(order.limit().unwrap_or_default()))
    }

    fn limit(
        &mut self,
        instrument: &Instrument,
        intent: Intent,
        offset: i64,
        size: Amount,
    ) -> Result<u64, ScriptError> {
        let price = self.market.walk(instrument).price_at(offset);
        let order = NewOrder::limit(instrument.symbol, intent, price.to_string(), size.to_string());
        self.place(order)
    }

    /// A market order is filled where it is placed.
    fn at_market(&mut self, lane: &mut Lane, intent: Intent, amount: Amount) -> Result<(), ScriptError> {
        let id = self.place(NewOrder::market(
            lane.instrument.symbol,
            intent,
            amount.to_string(),
        ))?;
        let price = self.market.walk(lane.instrument).price();
        let order = self
            .market
            .order_mut(self.account, id)
            .ok_or(ScriptError::UnknownOrder)?;
        let size = order.remaining(price);
        self.fill(lane, id, intent, size, Some(price))
    }

    fn place(&mut self, order: NewOrder) -> Result<u64, ScriptError> {
        let order = order.client_order_id(format!("sim{:010x}", self.random.below(1 << 40)));
        self.market.place(self.account, &order, self.clock, self.out)
    }

    fn recharge(&mut self, instrument: &Instrument) {
        for (coin, amount) in RECHARGES {
            let available = self
                .market
                .balance(self.account, coin)
                .unwrap_or_default()
                .available;
            if available < amount && (coin == instrument.base || coin == instrument.quote) {
                self.market
                    .recharge(self.account, coin, amount, self.clock, self.out);
            }
        }
    }
}

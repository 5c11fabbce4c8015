//! The futures market's accounts: margin, orders and positions, in hedge mode.

mod funding;
mod position;
mod public;
mod public_wire;
mod story;
mod wire;

use std::collections::BTreeMap;

use super::amount::Amount;
use super::market::{Trade, Walk};
use super::order::{Intent, NewOrder, ScriptError, positive};
use super::time::Clock;
use super::{MAX_OPEN_ORDERS, Push};
use crate::random::Random;

use position::{Position, Side};
use public::Listing;
pub(super) use story::Story;

/// What a resting order pays of each fill's worth.
const MAKER_FEE: Amount = Amount::scaled(2, 4);
/// What a market order pays.
const TAKER_FEE: Amount = Amount::scaled(6, 4);
/// How many times its margin an order is worth. The same for all.
const LEVERAGE: u64 = 10;
/// What all instruments are margined in.
const CURRENCY: &str = "USDT";
/// Where order ids begin: 15 digits, as on the exchange.
const FIRST_ORDER_ID: u64 = 260_105_000_000_000;
/// Where trade ids begin.
const FIRST_TRADE_ID: u64 = 3_000_000_600_000_000;
/// Ids grow by at most this much, at random: others trade as well.
const ID_STRIDE: u64 = 5_000;
/// How often positions are sent without a change, in milliseconds (documented).
const POSITION_MS: u64 = 10_000;

/// A contract that is traded.
#[derive(Debug)]
pub(super) struct Instrument {
    pub(super) symbol: &'static str,
    price_decimals: u32,
    /// The price to begin with, in units of its last decimal.
    start_price: i64,
    /// Coins of one contract.
    contract_size: Amount,
    is_isolated: bool,
    /// The story's sizes, in contracts.
    story_lots: (i64, i64),
}

pub(super) const INSTRUMENTS: [Instrument; 2] = [
    Instrument {
        symbol: "BTCUSDT",
        price_decimals: 1,
        start_price: 861_402,
        contract_size: Amount::scaled(1, 3),
        is_isolated: true,
        story_lots: (60, 240),
    },
    Instrument {
        symbol: "ETHUSDT",
        price_decimals: 2,
        start_price: 298_911,
        contract_size: Amount::scaled(1, 2),
        is_isolated: false,
        story_lots: (90, 400),
    },
];

/// What an account begins with.
const INITIAL: [(&str, Amount); 3] = [
    ("BTC", Amount::ZERO),
    ("ETH", Amount::ZERO),
    (CURRENCY, Amount::whole(100_000)),
];
/// As [`INITIAL`], of demo money.
const INITIAL_DEMO: [(&str, Amount); 3] = [
    ("BTC", Amount::ZERO),
    ("ETH", Amount::ZERO),
    (CURRENCY, Amount::whole(50_000)),
];

/// What an account has of one currency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FuturesAsset {
    /// Free to use.
    pub available: Amount,
    /// The margin of open positions.
    pub position_deposit: Amount,
    /// The margin of open orders.
    pub frozen: Amount,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Live,
    Finished,
}

/// The latest fill of an order.
#[derive(Clone, Copy, Debug)]
struct LastTrade {
    trade_id: u64,
    size: u64,
    price: Amount,
    fee: Amount,
}

#[derive(Clone, Debug)]
struct Order {
    id: u64,
    client_order_id: String,
    instrument: &'static Instrument,
    intent: Intent,
    /// `None` for a market order.
    price: Option<Amount>,
    /// What the margin is computed from: the limit, or the price when a market order was placed.
    margin_price: Amount,
    size: u64,
    filled: u64,
    /// Sum of price × contracts over the fills.
    filled_cost: Amount,
    last_trade: Option<LastTrade>,
    created_ms: u64,
    updated_ms: u64,
    state: State,
}

impl Order {
    fn remaining(&self) -> u64 {
        self.size - self.filled
    }

    fn is_opening(&self) -> bool {
        matches!(self.intent, Intent::OpenLong | Intent::OpenShort)
    }

    fn side(&self) -> Side {
        match self.intent {
            Intent::OpenShort | Intent::CloseShort => Side::Short,
            _ => Side::Long,
        }
    }

    /// The margin that the order locks still. Closing orders lock contracts instead.
    fn lock(&self) -> Amount {
        if self.is_opening() {
            margin(self.instrument.worth(self.margin_price, self.remaining()))
        } else {
            Amount::ZERO
        }
    }
}

impl Instrument {
    fn index(&self) -> usize {
        let at = INSTRUMENTS.iter().position(|it| it.symbol == self.symbol);
        at.expect("every instrument is one of ours")
    }

    /// What contracts are worth at a price. Both were bounded when the order was placed, so the product fits.
    fn worth(&self, price: Amount, contracts: u64) -> Amount {
        self.checked_worth(price, contracts).unwrap_or_default()
    }

    fn checked_worth(&self, price: Amount, contracts: u64) -> Option<Amount> {
        self.contract_size.times(price)?.share(contracts, 1)
    }
}

fn margin(worth: Amount) -> Amount {
    worth.share(1, LEVERAGE).unwrap_or_default()
}

/// Reads a number of contracts.
pub(super) fn contracts(text: &str) -> Result<u64, ScriptError> {
    let contracts = positive(text, 0)?
        .to_scaled(0)
        .and_then(|contracts| u64::try_from(contracts).ok());
    contracts.ok_or_else(|| ScriptError::Malformed {
        text: text.to_owned(),
    })
}

#[derive(Clone, Debug)]
struct Account {
    assets: BTreeMap<&'static str, FuturesAsset>,
    orders: BTreeMap<u64, Order>,
    /// By symbol and side; a closed position stays for its statistics until it is opened anew.
    positions: BTreeMap<(&'static str, Side), Position>,
}

impl Account {
    fn asset(&mut self) -> &mut FuturesAsset {
        self.assets.entry(CURRENCY).or_default()
    }

    fn position(&mut self, order: &Order) -> &mut Position {
        self.positions
            .entry((order.instrument.symbol, order.side()))
            .or_insert_with(|| Position::new(order.instrument, order.side()))
    }
}

/// The futures market of one environment: prices, accounts, orders, positions.
#[derive(Debug)]
pub(super) struct FuturesMarket {
    accounts: Vec<Account>,
    /// By instrument.
    listings: Vec<Listing>,
    next_order_id: u64,
    next_trade_id: u64,
    positions_due_ms: u64,
    ids: Random,
}

impl FuturesMarket {
    pub(super) fn new(seed: u64, is_demo: bool, accounts: usize, clock: &Clock) -> Self {
        let assets = if is_demo { INITIAL_DEMO } else { INITIAL }
            .map(|(currency, available)| {
                (
                    currency,
                    FuturesAsset {
                        available,
                        ..FuturesAsset::default()
                    },
                )
            })
            .into_iter()
            .collect();
        let account = Account {
            assets,
            orders: BTreeMap::new(),
            positions: BTreeMap::new(),
        };
        let stream =
            |name: &str| Random::new(seed, &format!("{} {name}", if is_demo { "demo" } else { "live" }));
        Self {
            accounts: vec![account; accounts],
            listings: Listing::all(clock.now_ms(), stream),
            next_order_id: FIRST_ORDER_ID,
            next_trade_id: FIRST_TRADE_ID,
            positions_due_ms: clock.now_ms() + POSITION_MS,
            ids: stream("futures ids"),
        }
    }

    pub(super) fn asset(&self, account: usize, currency: &str) -> Option<FuturesAsset> {
        self.accounts.get(account)?.assets.get(currency).copied()
    }

    /// Contracts held.
    pub(super) fn held(&self, account: usize, symbol: &str, is_long: bool) -> u64 {
        let side = if is_long { Side::Long } else { Side::Short };
        let positions = self.accounts.get(account).map(|account| &account.positions);
        positions
            .and_then(|positions| positions.iter().find(|((s, at), _)| *s == symbol && *at == side))
            .map_or(0, |(_, position)| position.held())
    }

    fn order(&self, account: usize, id: u64) -> Option<&Order> {
        self.accounts.get(account)?.orders.get(&id)
    }

    fn walk(&self, instrument: &Instrument) -> &Walk {
        self.listings[instrument.index()].market.walk()
    }

    fn listing_mut(&mut self, instrument: &Instrument) -> &mut Listing {
        &mut self.listings[instrument.index()]
    }

    fn next_trade_id(&mut self) -> u64 {
        self.next_trade_id += 1 + self.ids.below(ID_STRIDE);
        self.next_trade_id
    }

    /// Places an order: an opening one locks margin, a closing one contracts of its position.
    pub(super) fn place(
        &mut self,
        account: usize,
        order: &NewOrder,
        clock: &mut Clock,
        out: &mut Vec<Push>,
    ) -> Result<u64, ScriptError> {
        let unknown = || ScriptError::UnknownSymbol {
            symbol: order.symbol.clone(),
        };
        let instrument = INSTRUMENTS
            .iter()
            .find(|it| it.symbol == order.symbol)
            .ok_or_else(unknown)?;
        if matches!(order.intent, Intent::Buy | Intent::Sell) {
            return Err(unknown());
        }
        let client_order_id = order.checked_client_order_id()?.to_owned();
        let price = match &order.price {
            Some(price) => Some(positive(price, instrument.price_decimals)?),
            None => None,
        };
        let size = contracts(&order.amount)?;
        let margin_price = price.unwrap_or(self.walk(instrument).price());
        // From here on every price × contracts of this order fits, the sum over its fills as well.
        let worth = instrument
            .checked_worth(margin_price, size)
            .ok_or(ScriptError::Insufficient)?;
        margin_price.share(size, 1).ok_or(ScriptError::Insufficient)?;
        let holder = self
            .accounts
            .get_mut(account)
            .ok_or(ScriptError::UnknownAccount)?;
        if holder.orders.len() >= MAX_OPEN_ORDERS {
            return Err(ScriptError::TooManyOrders);
        }
        let order = Order {
            id: self.next_order_id + 1 + self.ids.below(ID_STRIDE),
            client_order_id,
            instrument,
            intent: order.intent,
            price,
            margin_price,
            size,
            filled: 0,
            filled_cost: Amount::ZERO,
            last_trade: None,
            created_ms: 0,
            updated_ms: 0,
            state: State::Live,
        };
        let is_enough = if order.is_opening() {
            holder.asset().available >= margin(worth)
        } else {
            holder.position(&order).closable() >= size
        };
        if !is_enough {
            return Err(ScriptError::Insufficient);
        }
        let now = clock.stamp();
        let order = Order {
            created_ms: now,
            updated_ms: now,
            ..order
        };
        self.next_order_id = order.id;
        wire::order(account, wire::Action::Submit, &order, out);
        if order.is_opening() {
            let locked = order.lock();
            let asset = holder.asset();
            asset.available -= locked;
            asset.frozen += locked;
            wire::asset(account, CURRENCY, *asset, out);
        } else {
            let position = holder.position(&order);
            position.freeze(size, now);
            wire::positions(account, &[&*position], out);
        }
        let id = order.id;
        holder.orders.insert(id, order);
        Ok(id)
    }

    /// Fills a part of an order, at a price or at its own: the position and the money follow.
    pub(super) fn fill(
        &mut self,
        account: usize,
        id: u64,
        size: u64,
        price: Option<Amount>,
        clock: &mut Clock,
        out: &mut Vec<Push>,
    ) -> Result<(), ScriptError> {
        let order = self.order(account, id).ok_or(ScriptError::UnknownOrder)?;
        let (instrument, intent, limit) = (order.instrument, order.intent, order.price);
        let price = price.or(limit).unwrap_or(self.walk(instrument).price());
        if !price.is_positive() || price.to_scaled(instrument.price_decimals).is_none() {
            return Err(ScriptError::Malformed {
                text: price.to_string(),
            });
        }
        let is_against_limit = limit.is_some_and(|limit| {
            if intent.is_buy() {
                price > limit
            } else {
                price < limit
            }
        });
        if size == 0 || size > order.remaining() || is_against_limit {
            return Err(ScriptError::ExceedsOrder);
        }
        let worth = instrument
            .checked_worth(price, size)
            .ok_or(ScriptError::ExceedsOrder)?;
        let cost = price.share(size, 1).ok_or(ScriptError::ExceedsOrder)?;
        let fee_rate = if limit.is_some() { MAKER_FEE } else { TAKER_FEE };
        let fee = worth.times(fee_rate).ok_or(ScriptError::ExceedsOrder)?;

        let holder = self
            .accounts
            .get_mut(account)
            .ok_or(ScriptError::UnknownAccount)?;
        let order = holder.orders.get(&id).ok_or(ScriptError::UnknownOrder)?;
        let mut order = order.clone();
        let mut position = holder.position(&order).clone();
        let mut asset = *holder.asset();
        let locked_before = order.lock();
        order.filled += size;
        order.filled_cost += cost;
        if order.remaining() == 0 {
            order.state = State::Finished;
        }
        let released = locked_before - order.lock();
        let now = clock.now_ms() + 1;
        if order.is_opening() {
            let deposit = margin(worth);
            position.open(size, worth, deposit, now);
            asset.frozen -= released;
            asset.available += released - deposit - fee;
            asset.position_deposit += deposit;
        } else {
            let closed = position
                .close(size, worth, now)
                .ok_or(ScriptError::Insufficient)?;
            asset.position_deposit -= closed.deposit;
            asset.available += closed.deposit + closed.profit - fee;
        }
        if asset.available.is_negative() {
            // A loss beyond the account's money is a liquidation, which isn't played here.
            return Err(ScriptError::Insufficient);
        }

        clock.stamp();
        let trade_id = self.next_trade_id();
        order.last_trade = Some(LastTrade {
            trade_id,
            size,
            price,
            fee,
        });
        order.updated_ms = now;
        wire::order(account, wire::Action::Match, &order, out);
        wire::positions(account, &[&position], out);
        wire::asset(account, CURRENCY, asset, out);
        let holder = self
            .accounts
            .get_mut(account)
            .ok_or(ScriptError::UnknownAccount)?;
        *holder.asset() = asset;
        *holder.position(&order) = position;
        if order.state == State::Finished {
            holder.orders.remove(&id);
        } else {
            holder.orders.insert(id, order);
        }
        // A resting order was hit by somebody on the other side; a market order hit somebody itself.
        let is_taker_buy = if limit.is_some() {
            !intent.is_buy()
        } else {
            intent.is_buy()
        };
        let trade = Trade {
            price,
            size: Amount::whole(i64::try_from(size).unwrap_or(i64::MAX)),
            is_taker_buy,
        };
        self.print_trade(instrument, trade_id, trade, clock, out);
        Ok(())
    }

    /// Cancels what is left of an order: its margin, or its contracts, are free again.
    pub(super) fn cancel(
        &mut self,
        account: usize,
        id: u64,
        clock: &mut Clock,
        out: &mut Vec<Push>,
    ) -> Result<(), ScriptError> {
        let holder = self
            .accounts
            .get_mut(account)
            .ok_or(ScriptError::UnknownAccount)?;
        let mut order = holder.orders.remove(&id).ok_or(ScriptError::UnknownOrder)?;
        let now = clock.stamp();
        order.updated_ms = now;
        order.state = State::Finished;
        wire::order(account, wire::Action::Cancel, &order, out);
        if order.is_opening() {
            let locked = order.lock();
            let asset = holder.asset();
            asset.frozen -= locked;
            asset.available += locked;
            wire::asset(account, CURRENCY, *asset, out);
        } else {
            let position = holder.position(&order);
            position.unfreeze(order.remaining(), now);
            wire::positions(account, &[&*position], out);
        }
        Ok(())
    }

    /// Books money that comes from outside.
    fn recharge(&mut self, account: usize, amount: Amount, out: &mut Vec<Push>) {
        let Some(holder) = self.accounts.get_mut(account) else {
            return;
        };
        let asset = holder.asset();
        asset.available += amount;
        wire::asset(account, CURRENCY, *asset, out);
    }

    /// Sends every account its open positions, if ten seconds have passed since the last time.
    pub(super) fn tell_positions(&mut self, clock: &Clock, out: &mut Vec<Push>) {
        if clock.now_ms() < self.positions_due_ms {
            return;
        }
        self.positions_due_ms = clock.now_ms() + POSITION_MS;
        for (number, account) in self.accounts.iter().enumerate() {
            let open: Vec<&Position> = account
                .positions
                .values()
                .filter(|position| position.held() > 0)
                .collect();
            wire::positions(number, &open, out);
        }
    }
}

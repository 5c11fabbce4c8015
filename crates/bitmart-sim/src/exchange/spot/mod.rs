//! The spot market's accounts and orders: who has what, and what each order locks, moves and says.

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

pub(super) use story::Story;

use public::Listing;

/// What a trader pays of each fill, in what he receives.
const FEE_RATE: Amount = Amount::scaled(1, 3);
/// Where order ids begin: 18 digits, as on the exchange.
const FIRST_ORDER_ID: u64 = 910_000_000_000_000_000;
/// Where the ids of fills begin.
const FIRST_DETAIL_ID: u64 = 55_000_000_000;
/// Ids grow by at most this much, at random: others trade as well.
const ID_STRIDE: u64 = 5_000;

/// A pair of coins that is traded.
#[derive(Debug)]
pub(super) struct Instrument {
    pub(super) symbol: &'static str,
    base: &'static str,
    quote: &'static str,
    price_decimals: u32,
    size_decimals: u32,
    /// The price to begin with, in units of its last decimal.
    start_price: i64,
    /// The story's sizes, in units of the last decimal.
    story_lots: (i64, i64),
}

pub(super) const INSTRUMENTS: [Instrument; 2] = [
    Instrument {
        symbol: "BTC_USDT",
        base: "BTC",
        quote: "USDT",
        price_decimals: 2,
        size_decimals: 5,
        start_price: 8_612_345,
        story_lots: (800, 2_400),
    },
    Instrument {
        symbol: "ETH_USDT",
        base: "ETH",
        quote: "USDT",
        price_decimals: 2,
        size_decimals: 4,
        start_price: 298_765,
        story_lots: (2_000, 9_000),
    },
];

impl Instrument {
    fn index(&self) -> usize {
        let at = INSTRUMENTS.iter().position(|it| it.symbol == self.symbol);
        at.expect("every instrument is one of ours")
    }
}

/// What an account begins with.
const INITIAL: [(&str, Amount); 3] = [
    ("BTC", Amount::whole(2)),
    ("ETH", Amount::whole(40)),
    ("USDT", Amount::whole(100_000)),
];

/// What an account has of one coin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SpotBalance {
    /// Free to use.
    pub available: Amount,
    /// Locked by open orders.
    pub frozen: Amount,
}

/// What an order is for: the amounts that bound it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Terms {
    LimitBuy {
        price: Amount,
        size: Amount,
    },
    LimitSell {
        price: Amount,
        size: Amount,
    },
    /// Spends an amount of the quote currency.
    MarketBuy {
        notional: Amount,
    },
    MarketSell {
        size: Amount,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    New,
    PartiallyFilled,
    Filled,
    Canceled,
    PartiallyCanceled,
}

/// The latest fill of an order.
#[derive(Clone, Copy, Debug)]
struct Fill {
    detail_id: u64,
    price: Amount,
    size: Amount,
    time_ms: u64,
    is_maker: bool,
}

#[derive(Clone, Debug)]
struct Order {
    id: u64,
    client_order_id: String,
    instrument: &'static Instrument,
    terms: Terms,
    filled_size: Amount,
    filled_notional: Amount,
    last_fill: Option<Fill>,
    created_ms: u64,
    updated_ms: u64,
    state: State,
}

impl Order {
    fn is_buy(&self) -> bool {
        matches!(self.terms, Terms::LimitBuy { .. } | Terms::MarketBuy { .. })
    }

    /// The coin that the order locks, and how much of it is locked still.
    fn lock(&self) -> (&'static str, Amount) {
        let Instrument { base, quote, .. } = self.instrument;
        match self.terms {
            Terms::LimitBuy { price, size } => (quote, worth(price, size - self.filled_size)),
            Terms::MarketBuy { notional } => (quote, notional - self.filled_notional),
            Terms::LimitSell { size, .. } | Terms::MarketSell { size } => (base, size - self.filled_size),
        }
    }

    /// The size that may still be filled at a price.
    fn remaining(&self, price: Amount) -> Amount {
        match self.terms {
            Terms::LimitBuy { size, .. } | Terms::LimitSell { size, .. } | Terms::MarketSell { size } => {
                size - self.filled_size
            }
            Terms::MarketBuy { notional } => {
                let left = (notional - self.filled_notional).over(price).unwrap_or_default();
                let decimals = self.instrument.size_decimals;
                left.fixed(decimals as usize)
                    .to_string()
                    .parse()
                    .unwrap_or_default()
            }
        }
    }

    /// The fill price that the order agrees to without being told: its limit.
    fn limit(&self) -> Option<Amount> {
        match self.terms {
            Terms::LimitBuy { price, .. } | Terms::LimitSell { price, .. } => Some(price),
            Terms::MarketBuy { .. } | Terms::MarketSell { .. } => None,
        }
    }

    /// Whether nothing is left to be filled: for a market buy, less than the smallest size at the price.
    fn is_done(&self, price: Amount) -> bool {
        !self.remaining(price).is_positive()
    }
}

/// Price × size. Both were bounded when the order was placed, so the product fits.
fn worth(price: Amount, size: Amount) -> Amount {
    price.times(size).unwrap_or_default()
}

#[derive(Clone, Debug)]
struct Account {
    balances: BTreeMap<&'static str, SpotBalance>,
    orders: BTreeMap<u64, Order>,
}

impl Account {
    fn balance(&mut self, coin: &'static str) -> &mut SpotBalance {
        self.balances.entry(coin).or_default()
    }
}

/// The spot market: prices, accounts, orders.
#[derive(Debug)]
pub(super) struct SpotMarket {
    accounts: Vec<Account>,
    /// By instrument.
    listings: Vec<Listing>,
    next_order_id: u64,
    next_detail_id: u64,
    ids: Random,
}

impl SpotMarket {
    pub(super) fn new(seed: u64, accounts: usize, clock: &Clock) -> Self {
        let balances = INITIAL
            .map(|(coin, available)| {
                (
                    coin,
                    SpotBalance {
                        available,
                        frozen: Amount::ZERO,
                    },
                )
            })
            .into_iter()
            .collect();
        let account = Account {
            balances,
            orders: BTreeMap::new(),
        };
        Self {
            accounts: vec![account; accounts],
            listings: Listing::all(seed, clock.now_ms()),
            next_order_id: FIRST_ORDER_ID,
            next_detail_id: FIRST_DETAIL_ID,
            ids: Random::new(seed, "spot ids"),
        }
    }

    pub(super) fn balance(&self, account: usize, coin: &str) -> Option<SpotBalance> {
        self.accounts.get(account)?.balances.get(coin).copied()
    }

    fn order_mut(&mut self, account: usize, id: u64) -> Option<&mut Order> {
        self.accounts.get_mut(account)?.orders.get_mut(&id)
    }

    fn walk(&self, instrument: &Instrument) -> &Walk {
        self.listings[instrument.index()].market.walk()
    }

    fn listing_mut(&mut self, instrument: &Instrument) -> &mut Listing {
        &mut self.listings[instrument.index()]
    }

    /// Places an order: its lock moves from available to frozen, and it is announced as new.
    pub(super) fn place(
        &mut self,
        account: usize,
        order: &NewOrder,
        clock: &mut Clock,
        out: &mut Vec<Push>,
    ) -> Result<u64, ScriptError> {
        let instrument = INSTRUMENTS
            .iter()
            .find(|it| it.symbol == order.symbol)
            .ok_or_else(|| ScriptError::UnknownSymbol {
                symbol: order.symbol.clone(),
            })?;
        let client_order_id = order.checked_client_order_id()?.to_owned();
        let size = || positive(&order.amount, instrument.size_decimals);
        let terms = match (order.intent, &order.price) {
            (Intent::Buy, Some(price)) => Terms::LimitBuy {
                price: positive(price, instrument.price_decimals)?,
                size: size()?,
            },
            (Intent::Sell, Some(price)) => Terms::LimitSell {
                price: positive(price, instrument.price_decimals)?,
                size: size()?,
            },
            (Intent::Buy, None) => Terms::MarketBuy {
                notional: positive(&order.amount, instrument.price_decimals)?,
            },
            (Intent::Sell, None) => Terms::MarketSell { size: size()? },
            _ => {
                return Err(ScriptError::UnknownSymbol {
                    symbol: order.symbol.clone(),
                });
            }
        };
        if let Terms::LimitBuy { price, size } | Terms::LimitSell { price, size } = terms {
            // From here on every price × size of this order fits.
            price.times(size).ok_or(ScriptError::Insufficient)?;
        }
        let holder = self
            .accounts
            .get_mut(account)
            .ok_or(ScriptError::UnknownAccount)?;
        if holder.orders.len() >= MAX_OPEN_ORDERS {
            return Err(ScriptError::TooManyOrders);
        }
        let now = clock.stamp();
        let order = Order {
            id: self.next_order_id + 1 + self.ids.below(ID_STRIDE),
            client_order_id,
            instrument,
            terms,
            filled_size: Amount::ZERO,
            filled_notional: Amount::ZERO,
            last_fill: None,
            created_ms: now,
            updated_ms: now,
            state: State::New,
        };
        let (coin, locked) = order.lock();
        let balance = holder.balance(coin);
        if balance.available < locked {
            return Err(ScriptError::Insufficient);
        }
        balance.available -= locked;
        balance.frozen += locked;
        self.next_order_id = order.id;
        wire::order(account, &order, Amount::ZERO, out);
        let id = order.id;
        holder.orders.insert(id, order);
        Ok(id)
    }

    /// Fills a part of an order, at a price or at its own: coins change hands less the fee, and what the price
    /// was better than the limit is free again.
    pub(super) fn fill(
        &mut self,
        account: usize,
        id: u64,
        size: Amount,
        price: Option<Amount>,
        clock: &mut Clock,
        out: &mut Vec<Push>,
    ) -> Result<(), ScriptError> {
        let order = self.order_mut(account, id).ok_or(ScriptError::UnknownOrder)?;
        let instrument = order.instrument;
        let limit = order.limit();
        let market_price = self.walk(instrument).price();
        let price = price.or(limit).unwrap_or(market_price);
        let detail_id = self.next_detail_id + 1 + self.ids.below(ID_STRIDE);
        let holder = self
            .accounts
            .get_mut(account)
            .ok_or(ScriptError::UnknownAccount)?;
        let order = holder.orders.get_mut(&id).ok_or(ScriptError::UnknownOrder)?;
        let is_buy = order.is_buy();
        let is_against_limit = limit.is_some_and(|limit| if is_buy { price > limit } else { price < limit });
        for (amount, decimals) in [
            (size, instrument.size_decimals),
            (price, instrument.price_decimals),
        ] {
            if !amount.is_positive() || amount.to_scaled(decimals).is_none() {
                return Err(ScriptError::Malformed {
                    text: amount.to_string(),
                });
            }
        }
        if is_against_limit || size > order.remaining(price) {
            return Err(ScriptError::ExceedsOrder);
        }
        let notional = price.times(size).ok_or(ScriptError::ExceedsOrder)?;
        let fee = if is_buy {
            worth(FEE_RATE, size)
        } else {
            worth(FEE_RATE, notional)
        };

        let now = clock.stamp();
        let (locked_coin, locked_before) = order.lock();
        order.filled_size += size;
        order.filled_notional += notional;
        order.last_fill = Some(Fill {
            detail_id,
            price,
            size,
            time_ms: now,
            is_maker: limit.is_some(),
        });
        order.updated_ms = now;
        order.state = if order.is_done(price) {
            State::Filled
        } else {
            State::PartiallyFilled
        };
        let is_finished = order.state == State::Filled;
        let locked_after = if is_finished { Amount::ZERO } else { order.lock().1 };
        wire::order(account, order, fee, out);
        if is_finished {
            holder.orders.remove(&id);
        }

        let (spent, received) = if is_buy {
            (notional, size - fee)
        } else {
            (size, notional - fee)
        };
        let balance = holder.balance(locked_coin);
        balance.frozen -= locked_before - locked_after;
        balance.available += locked_before - locked_after - spent;
        let other = if is_buy { instrument.base } else { instrument.quote };
        holder.balance(other).available += received;
        wire::balances(
            account,
            "TRANSACTION_COMPLETED",
            now,
            &holder.balances,
            &[instrument.base, instrument.quote],
            out,
        );
        self.next_detail_id = detail_id;
        // A resting order was hit by somebody on the other side; a market order hit somebody itself.
        let is_taker_buy = if limit.is_some() { !is_buy } else { is_buy };
        let trade = Trade {
            price,
            size,
            is_taker_buy,
        };
        self.print_trade(instrument, trade, clock, out);
        Ok(())
    }

    /// Cancels what is left of an order: its lock is free again.
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
        let (coin, locked) = order.lock();
        let balance = holder.balance(coin);
        balance.frozen -= locked;
        balance.available += locked;
        order.updated_ms = clock.stamp();
        order.state = if order.filled_size.is_positive() {
            State::PartiallyCanceled
        } else {
            State::Canceled
        };
        wire::order(account, &order, Amount::ZERO, out);
        Ok(())
    }

    /// Books a deposit.
    fn recharge(
        &mut self,
        account: usize,
        coin: &'static str,
        amount: Amount,
        clock: &mut Clock,
        out: &mut Vec<Push>,
    ) {
        let Some(holder) = self.accounts.get_mut(account) else {
            return;
        };
        holder.balance(coin).available += amount;
        wire::balances(
            account,
            "ACCOUNT_RECHARGE",
            clock.stamp(),
            &holder.balances,
            &[coin],
            out,
        );
    }
}

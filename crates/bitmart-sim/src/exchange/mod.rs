//! The exchange itself, without a network: markets, accounts, orders, and what is pushed about them.
//!
//! It is stepped from outside and yields the pushes of each tick; time is a simulated clock, money is exact, and
//! everything random comes from one seed:
//!
//! ```
//! use bitmart_proto::Environment;
//! use bitmart_sim::exchange::{Audience, Exchange};
//!
//! let mut exchange = Exchange::builder(Environment::Live).seed(7).build();
//! let private: Vec<_> =
//!     (0..4).flat_map(|_| exchange.step()).filter(|push| push.audience != Audience::Everyone).collect();
//! assert!(private.iter().any(|push| push.topic == "spot/user/order:BTC_USDT"));
//! assert!(private.iter().any(|push| push.topic == "futures/position"));
//! ```
//!
//! Orders can also be placed, filled and canceled one by one, to cause exact events:
//!
//! ```
//! use bitmart_proto::Environment;
//! use bitmart_sim::exchange::{Exchange, Intent, NewOrder};
//!
//! let mut exchange =
//!     Exchange::builder(Environment::Live).accounts(["key"]).story(false).build();
//! let order = NewOrder::limit("BTC_USDT", Intent::Buy, "85000", "0.02");
//! let (id, pushes) = exchange.place_order("key", &order)?;
//! assert!(pushes[0].payload.contains(r#""order_state":"new""#));
//! exchange.fill(id, "0.005")?;
//! let balance = exchange.spot_balance("key", "USDT").expect("every account has USDT");
//! assert_eq!(balance.frozen.to_string(), "1275"); // 85000 × 0.015 are still locked
//! # Ok::<(), bitmart_sim::exchange::ScriptError>(())
//! ```
//!
//! # What holds after every event
//!
//! - A spot balance is what the account began with, and deposits, plus and minus its fills and their fees.
//! - What is frozen is the sum of what open orders lock.
//! - A position's volume is the sum of its fills; futures money is available, deposit and frozen, and changes as a
//!   whole by realised profit and fees alone.
//!
//! # What the market is
//!
//! Each symbol has one limit order book, which a seeded flow of other people's orders keeps around a price that
//! walks: in each tick some take, some cancel, some add, and at times all rest for a few seconds. Everything public
//! is read from that one state, so that a client's own view of it can be checked:
//!
//! - A book is never crossed. Its snapshot with its updates, its full views and a fresh snapshot are the same book.
//! - Trades come first in their tick, each at the best price of the book before, and the book after shows what they
//!   took.
//! - A candle is what the trades of its interval make it, as of each push, and is told once more as it ended, beside
//!   the first of the next interval. Without a trade it is flat at the last price.
//! - A ticker's prices and volumes are those of the trades of the last 24 hours, its best prices those of the book.
//! - What happens doesn't depend on who looks.
//!
//! The accounts' orders are not displayed in the book. A fill is a public trade all the same, and candles and tickers
//! count it: somebody came for the hidden order, at whatever price the script or the story says, with as much as it
//! takes; the displayed orders stay as they are.
//!
//! Not played: interest, the payment of funding, liquidation, and orders that match against the book; fills are
//! caused.

mod amount;
mod futures;
mod market;
mod order;
mod spot;
mod time;

use std::time::Duration;

use bitmart_proto::{Environment, Market, Topic};

use crate::random::Random;

pub use amount::Amount;
pub use futures::FuturesAsset;
pub use order::{Intent, NewOrder, OrderId, ScriptError};
pub use spot::SpotBalance;

use futures::FuturesMarket;
use spot::SpotMarket;
use time::{Clock, START_MS};

/// Open orders that one account may have on one market.
pub const MAX_OPEN_ORDERS: usize = 1_000;
/// The last moment at which an exchange's clock may start, in Unix milliseconds: the beginning of the year 9000, a
/// thousand years before the dates in payloads run out of digits.
const MAX_START_MS: u64 = 221_845_392_000_000;
/// What an exchange's clock advances by with each step, unless told otherwise.
const DEFAULT_TICK: Duration = Duration::from_millis(250);

/// The spot symbols that are traded.
pub const SPOT_SYMBOLS: [&str; 2] = [spot::INSTRUMENTS[0].symbol, spot::INSTRUMENTS[1].symbol];
/// The futures symbols that are traded.
pub const FUTURES_SYMBOLS: [&str; 2] = [futures::INSTRUMENTS[0].symbol, futures::INSTRUMENTS[1].symbol];
/// The currencies of futures accounts.
pub const FUTURES_CURRENCIES: [&str; 3] = ["USDT", "BTC", "ETH"];

/// Something that the exchange says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Push {
    /// The market it is said on.
    pub market: Market,
    /// Who may hear it.
    pub audience: Audience,
    /// The topic that one subscribes to in order to hear it.
    pub topic: String,
    /// The message: JSON.
    pub payload: String,
}

/// Who hears a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Whoever subscribed.
    Everyone,
    /// Who is logged in to the account with this number, in the order in which they were given, from 0.
    Account(usize),
}

/// One environment's exchange: both markets if it is live, futures alone if it is the demo.
#[derive(Debug)]
pub struct Exchange {
    environment: Environment,
    /// The accounts' keys; an account's number is its index.
    accounts: Vec<String>,
    clock: Clock,
    spot: Option<SpotMarket>,
    futures: FuturesMarket,
    spot_stories: Vec<spot::Story>,
    futures_stories: Vec<futures::Story>,
}

impl Exchange {
    /// Begins to describe the exchange of an environment.
    pub fn builder(environment: Environment) -> ExchangeBuilder {
        ExchangeBuilder {
            environment,
            seed: 0,
            accounts: None,
            start_ms: START_MS,
            tick: DEFAULT_TICK,
            is_story_told: true,
        }
    }

    /// Advances the clock by one tick: prices move, stories go on, and what was said of it is returned in order.
    ///
    /// That is every public topic's news, a hundred kilobytes of it at times; [`step_for`](Self::step_for) leaves out what
    /// nobody wants.
    pub fn step(&mut self) -> Vec<Push> {
        self.step_for(|_, _| true)
    }

    /// As [`step`](Self::step), with pushes on those public topics only of which `is_wanted` says so.
    ///
    /// What happens doesn't depend on who looks: the same seed has the same orders, trades and prices. A topic that
    /// nobody wanted and then somebody does begins with a full view, under a version of its own.
    ///
    /// ```
    /// use bitmart_proto::Environment;
    /// use bitmart_sim::exchange::{Audience, Exchange};
    ///
    /// let mut exchange = Exchange::builder(Environment::Live).build();
    /// let topic = "spot/depth5:BTC_USDT";
    /// let pushes = exchange.step_for(|_, wanted| wanted == topic);
    /// assert!(pushes.iter().all(|push| push.topic == topic || push.audience != Audience::Everyone));
    /// ```
    pub fn step_for(&mut self, is_wanted: impl Fn(Market, &str) -> bool) -> Vec<Push> {
        let mut out = Vec::new();
        self.clock.tick();
        // Both markets before any account: each event of an account moves the clock on, and the markets' pushes
        // are to come at even distances.
        if let Some(spot) = &mut self.spot {
            spot.step(&|topic| is_wanted(Market::Spot, topic), &self.clock, &mut out);
        }
        self.futures
            .step(&|topic| is_wanted(Market::Futures, topic), &self.clock, &mut out);
        if let Some(spot) = &mut self.spot {
            for story in &mut self.spot_stories {
                story.act(spot, &mut self.clock, &mut out);
            }
        }
        for story in &mut self.futures_stories {
            story.act(&mut self.futures, &mut self.clock, &mut out);
        }
        self.futures.tell_positions(&self.clock, &mut out);
        // The trades that the stories are announce themselves.
        out.retain(|push| push.audience != Audience::Everyone || is_wanted(push.market, &push.topic));
        out
    }

    /// What a topic's subscriber is told at once, and who asks for a snapshot with `request`: the present value,
    /// the forming candle, or the book under the version that the next update follows. `None` where the first push
    /// is the next change.
    ///
    /// The candle may be one whose interval has just ended: the next begins with a trade, or once the channel's pace
    /// since the end is over.
    ///
    /// ```
    /// use bitmart_proto::Environment;
    /// use bitmart_sim::exchange::Exchange;
    ///
    /// let mut exchange = Exchange::builder(Environment::Live).build();
    /// let book = exchange.first_push(&"spot/depth/increase100:BTC_USDT".parse()?).expect("books begin so");
    /// assert!(book.contains(r#""type":"snapshot""#));
    /// assert!(exchange.first_push(&"spot/trade:BTC_USDT".parse()?).is_none());
    /// # Ok::<(), bitmart_proto::TopicError>(())
    /// ```
    pub fn first_push(&mut self, topic: &Topic) -> Option<String> {
        match topic.market() {
            Market::Spot => self.spot.as_mut()?.present(topic, &self.clock),
            Market::Futures => self.futures.present(topic, &self.clock),
        }
    }

    /// Places an order for the account with this key; the symbol's form says on which market.
    ///
    /// # Errors
    ///
    /// [`ScriptError`]; nothing has changed then.
    pub fn place_order(&mut self, key: &str, order: &NewOrder) -> Result<(OrderId, Vec<Push>), ScriptError> {
        let account = self.number(key)?;
        let mut out = Vec::new();
        let market = order.intent.market();
        let id = match market {
            Market::Spot => {
                let unknown = || ScriptError::UnknownSymbol {
                    symbol: order.symbol.clone(),
                };
                let spot = self.spot.as_mut().ok_or_else(unknown)?;
                spot.place(account, order, &mut self.clock, &mut out)?
            }
            Market::Futures => self.futures.place(account, order, &mut self.clock, &mut out)?,
        };
        Ok((
            OrderId {
                environment: self.environment,
                market,
                account,
                id,
            },
            out,
        ))
    }

    /// Fills a part of an order: a limit order at its limit, a market order at the market's price. The size is in
    /// coins on spot, in contracts on futures.
    ///
    /// # Errors
    ///
    /// [`ScriptError`]; nothing has changed then.
    pub fn fill(&mut self, order: OrderId, size: &str) -> Result<Vec<Push>, ScriptError> {
        self.fill_at_price(order, size, None)
    }

    /// As [`fill`](Self::fill), at a price that is no worse than the order's limit.
    ///
    /// # Errors
    ///
    /// [`ScriptError`]; nothing has changed then.
    pub fn fill_at(&mut self, order: OrderId, size: &str, price: &str) -> Result<Vec<Push>, ScriptError> {
        self.fill_at_price(order, size, Some(price.parse()?))
    }

    fn fill_at_price(
        &mut self,
        order: OrderId,
        size: &str,
        price: Option<Amount>,
    ) -> Result<Vec<Push>, ScriptError> {
        self.check(order)?;
        let mut out = Vec::new();
        let (account, id) = (order.account, order.id);
        match order.market {
            Market::Spot => {
                let spot = self.spot.as_mut().ok_or(ScriptError::UnknownOrder)?;
                spot.fill(account, id, size.parse()?, price, &mut self.clock, &mut out)?;
            }
            Market::Futures => {
                let contracts = futures::contracts(size)?;
                self.futures
                    .fill(account, id, contracts, price, &mut self.clock, &mut out)?;
            }
        }
        Ok(out)
    }

    /// Cancels what is left of an order.
    ///
    /// # Errors
    ///
    /// [`ScriptError::UnknownOrder`] if it isn't open.
    pub fn cancel(&mut self, order: OrderId) -> Result<Vec<Push>, ScriptError> {
        self.check(order)?;
        let mut out = Vec::new();
        match order.market {
            Market::Spot => {
                let spot = self.spot.as_mut().ok_or(ScriptError::UnknownOrder)?;
                spot.cancel(order.account, order.id, &mut self.clock, &mut out)?;
            }
            Market::Futures => {
                self.futures
                    .cancel(order.account, order.id, &mut self.clock, &mut out)?;
            }
        }
        Ok(out)
    }

    /// What an account has of a coin on spot. `None` for an unknown key or coin, and in the demo.
    #[must_use]
    pub fn spot_balance(&self, key: &str, coin: &str) -> Option<SpotBalance> {
        self.spot.as_ref()?.balance(self.number(key).ok()?, coin)
    }

    /// What an account has of a currency on futures. `None` for an unknown key or currency.
    #[must_use]
    pub fn futures_asset(&self, key: &str, currency: &str) -> Option<FuturesAsset> {
        self.futures.asset(self.number(key).ok()?, currency)
    }

    /// The contracts of a symbol that an account holds long and short.
    #[must_use]
    pub fn position(&self, key: &str, symbol: &str) -> (u64, u64) {
        let held = |is_long| {
            self.number(key)
                .map_or(0, |account| self.futures.held(account, symbol, is_long))
        };
        (held(true), held(false))
    }

    fn number(&self, key: &str) -> Result<usize, ScriptError> {
        self.accounts
            .iter()
            .position(|account| account == key)
            .ok_or(ScriptError::UnknownAccount)
    }

    /// Whether the order can be one of this exchange's.
    fn check(&self, order: OrderId) -> Result<(), ScriptError> {
        if order.environment == self.environment {
            Ok(())
        } else {
            Err(ScriptError::UnknownOrder)
        }
    }
}

/// Describes an exchange; made by [`Exchange::builder`].
#[derive(Clone, Debug)]
#[must_use = "nothing happens until `build`"]
pub struct ExchangeBuilder {
    environment: Environment,
    seed: u64,
    accounts: Option<Vec<String>>,
    start_ms: u64,
    tick: Duration,
    is_story_told: bool,
}

impl ExchangeBuilder {
    /// Everything random comes from this seed. Default 0.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The accounts, by key. Default: one, with [`EXAMPLE_KEY`](crate::EXAMPLE_KEY).
    pub fn accounts<K: Into<String>>(mut self, keys: impl IntoIterator<Item = K>) -> Self {
        self.accounts = Some(keys.into_iter().map(Into::into).collect());
        self
    }

    /// Where the clock starts, as Unix time in milliseconds: no later than the year 9000. Default 2026-01-05 09:00 UTC.
    ///
    /// ```
    /// use bitmart_proto::Environment;
    /// use bitmart_sim::exchange::Exchange;
    ///
    /// let mut exchange = Exchange::builder(Environment::Live).start_ms(1_800_000_000_000).build();
    /// let trades = exchange.step_for(|_, topic| topic == "spot/trade:BTC_USDT");
    /// assert!(trades.iter().all(|push| push.payload.contains("\"s_t\":18") || push.topic != "spot/trade:BTC_USDT"));
    /// ```
    pub fn start_ms(mut self, unix_ms: u64) -> Self {
        self.start_ms = unix_ms.min(MAX_START_MS);
        self
    }

    /// What the clock advances by with each step: a millisecond to a day. Default 250 ms.
    pub fn tick(mut self, tick: Duration) -> Self {
        self.tick = tick;
        self
    }

    /// Whether the accounts trade by themselves. Default true.
    pub fn story(mut self, is_told: bool) -> Self {
        self.is_story_told = is_told;
        self
    }

    /// The exchange, before its first step.
    #[must_use]
    pub fn build(self) -> Exchange {
        let accounts = self
            .accounts
            .unwrap_or_else(|| vec![crate::EXAMPLE_KEY.to_owned()]);
        let clock = Clock::new(self.start_ms, self.tick);
        let (seed, is_demo, count) = (self.seed, self.environment == Environment::Demo, accounts.len());
        let told = if self.is_story_told { count } else { 0 };
        let spot = (!is_demo).then(|| SpotMarket::new(seed, count, &clock));
        let spot_stories = if is_demo { 0..0 } else { 0..told };
        let name = if is_demo { "demo" } else { "live" };
        let futures_story = |account| {
            futures::Story::new(
                account,
                Random::new(seed, &format!("{name} futures story {account}")),
            )
        };
        Exchange {
            environment: self.environment,
            futures: FuturesMarket::new(seed, is_demo, count, &clock),
            spot,
            clock,
            accounts,
            spot_stories: spot_stories
                .map(|account| spot::Story::new(seed, account))
                .collect(),
            futures_stories: (0..told).map(futures_story).collect(),
        }
    }
}

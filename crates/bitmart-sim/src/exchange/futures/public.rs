//! What everybody sees of the futures market, and when.

use bitmart_proto::{Channel, Market, Side, Speed, Symbol, Topic};

use super::funding::Funding;
use super::public_wire::{self as wire, Print};
use super::{FuturesMarket, INSTRUMENTS, Instrument};
use crate::exchange::amount::Amount;
use crate::exchange::market::{
    Candles, Depth, Feed, Idle, Increment, Leavers, Rules, Said, SymbolMarket, Terms, Trade, Wanted,
    intervals, levels_of,
};
use crate::exchange::time::Clock;
use crate::exchange::{Audience, Push};
use crate::random::Random;

/// The shortest time between two tickers of a topic and symbol, in milliseconds (documented).
const TICKER_MS: u64 = 1_000;
/// How often the funding rate comes, in milliseconds (documented).
const FUNDING_MS: u64 = 60_000;
/// Best prices and candles come with every tick that changes them (documented as "real time" and "on change").
const REAL_TIME_MS: u64 = 0;
/// The pace of a book that is asked for without one, in milliseconds: what was measured in 2026.
const UNSTATED_MS: u64 = 1_000;
/// How long a book's changes are silent while nothing changes, in milliseconds. Up to ten seconds were measured;
/// with less, readers meet the empty updates more often.
const IDLE_MS: u64 = 1_000;
/// Versions begin somewhere below, each topic's elsewhere.
const FIRST_VERSION_BELOW: u64 = 9_000_000;
/// The version of an empty book's only snapshot; a small one was seen.
const EMPTY_VERSION: u64 = 3;
/// How far the index price is from the mark price, at most, in units of the price's last decimal.
const INDEX_DISTANCE: i64 = 40;
/// Decimals that an index price has more than the others.
const INDEX_MORE_DECIMALS: u32 = 4;
/// Every so often a symbol's ticker names its group with a speed that nobody asked for.
const SUFFIXED_TICKER: u64 = 4;

/// A traded contract as everybody sees it.
#[derive(Debug)]
pub(super) struct Listing {
    instrument: &'static Instrument,
    pub(super) market: SymbolMarket,
    mark: Candles,
    funding: Funding,
    index: Amount,
    trade_topic: Topic,
    feeds: Vec<Feed>,
    /// What is drawn for the wire alone: ids, nanoseconds, distances.
    random: Random,
}

impl Listing {
    fn new(instrument: &'static Instrument, now_ms: u64, stream: impl Fn(&str) -> Random) -> Self {
        let terms = Terms {
            start_price: instrument.start_price,
            price_decimals: instrument.price_decimals,
            size_decimals: 0,
            lot: instrument.story_lots.1,
        };
        let intervals = intervals(|channel| match channel {
            Channel::FuturesKline(interval) => Some(interval),
            _ => None,
        });
        let of = |name: &str| stream(&format!("{} {name}", instrument.symbol));
        let market = SymbolMarket::new(terms, &intervals, now_ms, stream(instrument.symbol), of("flow"));
        let symbol = Symbol::new(instrument.symbol).expect("our symbols have the exchange's form");
        let topic =
            |channel| Topic::with_symbol(channel, &symbol).expect("futures' public channels take symbols");
        let all_tickers = Topic::without_symbol(Channel::FuturesTicker).map(|all| Feed::new(all, TICKER_MS));
        let mut versions = of("versions");
        let feeds = Channel::all()
            .into_iter()
            .filter(|channel| channel.market() == Market::Futures && channel.side() == Side::Public)
            .filter_map(|channel| match channel {
                // Trades are told as they happen, and the second version of the books never speaks of itself.
                Channel::FuturesTrade
                | Channel::FuturesV2DepthAll(..)
                | Channel::FuturesV2DepthIncrease(..) => None,
                Channel::FuturesDepthIncrease(levels, speed) => {
                    let rules = Rules {
                        levels: levels_of(levels),
                        leavers: Leavers::Removed,
                        idle: Idle::AdvanceVersion,
                        idle_ms: IDLE_MS,
                    };
                    let version = 1 + versions.below(FIRST_VERSION_BELOW);
                    Some(Feed::of_increments(
                        topic(channel),
                        period_ms(speed),
                        rules,
                        version,
                    ))
                }
                Channel::FuturesDepth(_, speed) | Channel::FuturesDepthAll(_, speed) => {
                    Some(Feed::new(topic(channel), period_ms(speed)))
                }
                Channel::FuturesTicker => Some(Feed::new(topic(channel), TICKER_MS)),
                Channel::FuturesFundingRate => Some(Feed::new(topic(channel), FUNDING_MS)),
                _ => Some(Feed::new(topic(channel), REAL_TIME_MS)),
            })
            .chain(all_tickers)
            .collect();
        Self {
            instrument,
            mark: Candles::new(&intervals, now_ms, market.walk().price()),
            funding: Funding::new(now_ms, of("funding")),
            index: market.walk().price(),
            trade_topic: topic(Channel::FuturesTrade),
            feeds,
            random: of("tape"),
            market,
        }
    }

    pub(super) fn all(now_ms: u64, stream: impl Fn(&str) -> Random) -> Vec<Self> {
        INSTRUMENTS
            .iter()
            .map(|instrument| Self::new(instrument, now_ms, &stream))
            .collect()
    }

    /// Moves the market and all that depends on its price.
    fn step(&mut self, now_ms: u64) -> Vec<Trade> {
        let trades = self.market.step(now_ms);
        // The mark price is what the contract is worth, whatever was traded.
        let mark = self.market.walk().price();
        self.mark.trade(now_ms, mark, Amount::ZERO);
        let distance = self.random.between(-INDEX_DISTANCE, INDEX_DISTANCE);
        let digits = self.random.between(0, 999);
        self.index = self.market.walk().price_at(distance)
            + Amount::scaled(digits, self.instrument.price_decimals + INDEX_MORE_DECIMALS);
        self.funding.step(now_ms);
        trades
    }

    /// Gives a trade what else is published of it. Drawn whether anybody listens or not, so that nobody's
    /// subscriptions change what others see.
    fn print(&mut self, trade: Trade, id: u64, nanos: u32) -> Print {
        Print {
            trade,
            id,
            // By the names of the numbers 1 to 4 would be taker buys. Captures contradict that, and so does this:
            // only `m` says who took.
            way: 1 + self.random.below(8),
            nanos,
        }
    }

    /// Nanoseconds within a millisecond for the n-th of so many trades: later for later ones, with as few digits
    /// as chance has it.
    fn nanos(&mut self, number: usize, count: usize) -> u32 {
        let width = 1_000_000 / count.max(1) as u64;
        let low = width * number as u64;
        let exact = low + self.random.below(width);
        let unit = 10_u64.pow(u32::try_from(self.random.below(7)).unwrap_or(0));
        let round = exact / unit * unit;
        u32::try_from(if round < low { exact } else { round }).unwrap_or(0)
    }

    /// Says what changed on the topics that somebody wants.
    fn publish(&mut self, now_ms: u64, is_wanted: Wanted<'_>, out: &mut Vec<Push>) {
        let mut feeds = std::mem::take(&mut self.feeds);
        for feed in &mut feeds {
            if !is_wanted(feed.topic.as_str()) {
                feed.sleep();
            } else if feed.is_due(now_ms) {
                let payloads = self.news(feed, now_ms);
                if !payloads.is_empty() {
                    feed.pushed(now_ms);
                }
                out.extend(payloads.into_iter().map(|payload| public(&feed.topic, payload)));
            }
        }
        self.feeds = feeds;
    }

    /// What a topic has to say now: nothing if nothing changed.
    fn news(&self, feed: &mut Feed, now_ms: u64) -> Vec<String> {
        let (instrument, book) = (self.instrument, self.market.book());
        let one = |is_new: bool, write: &dyn Fn() -> String| Vec::from_iter(is_new.then(write));
        match feed.channel() {
            Channel::FuturesTicker => {
                let is_new = feed.is_new(Said::Ticker {
                    top: book.top(),
                    trades: self.market.trades(),
                    mark: Some(self.market.walk().price()),
                });
                let is_suffixed = feed.topic.filter().is_some() && feed.pushes % SUFFIXED_TICKER == 1;
                let group = format!("{}{}", feed.topic, if is_suffixed { "@100ms" } else { "" });
                one(is_new, &|| self.ticker(&group, now_ms))
            }
            Channel::FuturesBookTicker => one(feed.is_new(Said::Top(book.top())), &|| {
                wire::book_ticker(instrument, &feed.topic, book.top(), now_ms)
            }),
            Channel::FuturesFundingRate => {
                feed.begin(Said::Anything, now_ms);
                vec![wire::funding(instrument, &feed.topic, &self.funding, now_ms)]
            }
            Channel::FuturesDepth(levels, _) => {
                let depth = book.depth(levels_of(levels));
                if feed.is_new(Said::Depth(depth.clone())) {
                    // Both sides of one moment, whichever changed: a reader that takes the two for a book is right
                    // only between the second and the next first.
                    wire::depth_sides(instrument, &feed.topic, &depth, now_ms).into()
                } else {
                    Vec::new()
                }
            }
            Channel::FuturesDepthAll(levels, _) => {
                let depth = book.depth(levels_of(levels));
                one(feed.is_new(Said::Depth(depth.clone())), &|| {
                    wire::depth_all(instrument, &feed.topic, &depth, now_ms)
                })
            }
            Channel::FuturesDepthIncrease(..) => {
                let increments = feed.increments.as_mut();
                let increment = increments.and_then(|increments| increments.advance(book, now_ms));
                increment
                    .map(|increment| wire::increment(instrument.symbol, &feed.topic, &increment))
                    .into_iter()
                    .collect()
            }
            Channel::FuturesKline(interval) => match self.market.candles().of(interval) {
                Some(bars) => {
                    let candles = feed.new_candles(bars);
                    one(!candles.is_empty(), &|| {
                        wire::candles(instrument, &feed.topic, interval, &candles)
                    })
                }
                None => Vec::new(),
            },
            Channel::FuturesMarkPriceKline(interval) => match self.mark.of(interval) {
                Some(bars) => {
                    let candles = feed.new_candles(bars);
                    one(!candles.is_empty(), &|| {
                        wire::mark_candles(instrument, &feed.topic, interval, &candles, now_ms)
                    })
                }
                None => Vec::new(),
            },
            _ => Vec::new(),
        }
    }

    fn ticker(&self, group: &str, now_ms: u64) -> String {
        wire::ticker(self.instrument, group, &self.market, self.index, now_ms)
    }

    /// What a subscriber is told at once, and who asks for a snapshot. The others begin with the next change: what
    /// isn't documented isn't given.
    fn present(&mut self, topic: &Topic, now_ms: u64) -> Option<String> {
        let (instrument, market) = (self.instrument, &self.market);
        let feed = self.feeds.iter_mut().find(|feed| feed.topic == *topic)?;
        match topic.channel() {
            Channel::FuturesFundingRate => {
                feed.begin(Said::Anything, now_ms);
                Some(wire::funding(instrument, topic, &self.funding, now_ms))
            }
            Channel::FuturesDepthIncrease(..) => {
                let snapshot = feed.increments.as_mut()?.snapshot(market.book(), now_ms);
                Some(wire::increment(instrument.symbol, topic, &snapshot))
            }
            Channel::FuturesKline(interval) => {
                let (_, forming) = market.candles().of(interval)?;
                let told = feed.begin_candle(forming, now_ms);
                Some(wire::candles(instrument, topic, interval, &[told]))
            }
            _ => None,
        }
    }
}

fn period_ms(speed: Speed) -> u64 {
    match speed {
        Speed::Ms100 => 100,
        Speed::Ms200 => 200,
        _ => UNSTATED_MS,
    }
}

impl FuturesMarket {
    /// Lets a tick of the market happen, and tells of it who wants to hear.
    pub(in crate::exchange) fn step(&mut self, is_wanted: Wanted<'_>, clock: &Clock, out: &mut Vec<Push>) {
        let now_ms = clock.now_ms();
        for index in 0..self.listings.len() {
            let trades = self.listings[index].step(now_ms);
            let count = trades.len();
            let mut prints = Vec::with_capacity(count);
            for (number, trade) in trades.into_iter().enumerate() {
                let id = self.next_trade_id();
                let listing = &mut self.listings[index];
                let nanos = listing.nanos(number, count);
                prints.push(listing.print(trade, id, nanos));
            }
            // Newest first.
            prints.reverse();
            let listing = &mut self.listings[index];
            if !prints.is_empty() && is_wanted(listing.trade_topic.as_str()) {
                let payload = wire::trades(listing.instrument, &listing.trade_topic, &prints, now_ms);
                out.push(public(&listing.trade_topic, payload));
            }
            listing.publish(now_ms, is_wanted, out);
        }
    }

    /// What a topic's subscriber is told at once.
    pub(in crate::exchange) fn present(&mut self, topic: &Topic, clock: &Clock) -> Option<String> {
        let (symbol, now_ms) = (topic.filter()?, clock.now_ms());
        let empty = |version| {
            let snapshot = Increment {
                is_snapshot: true,
                version,
                depth: Depth::default(),
                time_ms: now_ms,
            };
            Some(wire::increment(symbol, topic, &snapshot))
        };
        let mut listings = self.listings.iter_mut();
        let listing = listings.find(|listing| listing.instrument.symbol == symbol);
        match (topic.channel(), listing) {
            // Seen: one empty snapshot of version 0, then silence, on books that aren't empty. The other kind of
            // the second version is silent from the start.
            (Channel::FuturesV2DepthIncrease(..), _) => empty(0),
            (_, Some(listing)) => listing.present(topic, now_ms),
            // A contract that is listed and has no orders: one empty snapshot, then silence.
            (Channel::FuturesDepthIncrease(..), None) => empty(EMPTY_VERSION),
            (_, None) => None,
        }
    }

    /// Counts and announces the trade that an account's fill is.
    pub(super) fn print_trade(
        &mut self,
        instrument: &Instrument,
        id: u64,
        trade: Trade,
        clock: &Clock,
        out: &mut Vec<Push>,
    ) {
        let listing = self.listing_mut(instrument);
        listing.market.count(&trade, clock.now_ms());
        let nanos = listing.nanos(0, 1);
        let print = listing.print(trade, id, nanos);
        let payload = wire::trades(instrument, &listing.trade_topic, &[print], clock.now_ms());
        out.push(public(&listing.trade_topic, payload));
    }
}

fn public(topic: &Topic, payload: String) -> Push {
    Push {
        market: Market::Futures,
        audience: Audience::Everyone,
        topic: topic.to_string(),
        payload,
    }
}

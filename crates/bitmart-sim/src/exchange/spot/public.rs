//! What everybody sees of the spot market, and when.

use bitmart_proto::{Channel, Market, Side, Symbol, Topic};

use super::{INSTRUMENTS, Instrument, SpotMarket, public_wire as wire};
use crate::exchange::market::{
    Feed, Idle, Leavers, Rules, Said, SymbolMarket, Terms, Trade, Wanted, intervals, levels_of,
};
use crate::exchange::time::Clock;
use crate::exchange::{Audience, Push};
use crate::random::Random;

/// The shortest time between two tickers, candles or whole books of a topic, in milliseconds (documented).
const CHANGE_MS: u64 = 500;
/// As [`CHANGE_MS`], of a book's changes (documented).
const INCREASE_MS: u64 = 100;
/// Best prices come in "real time" (documented): with every tick that changes them.
const REAL_TIME_MS: u64 = 0;
/// How long a book's changes are silent while nothing changes, before a heartbeat says so. Its pace was never
/// measured.
const HEARTBEAT_MS: u64 = 1_000;
/// Levels a side of the book that comes as changes.
const INCREASE_LEVELS: usize = 100;
/// Versions begin somewhere below, each topic's elsewhere.
const FIRST_VERSION_BELOW: u64 = 90_000_000;

/// What `spot/depth/increase100` does. A level that others push out of the window isn't removed by an update: the
/// documentation has readers cut their copy to 100 levels. What enters the window is told, though some say that it
/// may be missing: without it no copy could be checked.
const INCREASE: Rules = Rules {
    levels: INCREASE_LEVELS,
    leavers: Leavers::Unsaid,
    idle: Idle::RepeatVersion,
    idle_ms: HEARTBEAT_MS,
};

/// A traded symbol as everybody sees it.
#[derive(Debug)]
pub(super) struct Listing {
    instrument: &'static Instrument,
    pub(super) market: SymbolMarket,
    trade_topic: Topic,
    feeds: Vec<Feed>,
}

impl Listing {
    fn new(instrument: &'static Instrument, seed: u64, now_ms: u64) -> Self {
        let terms = Terms {
            start_price: instrument.start_price,
            price_decimals: instrument.price_decimals,
            size_decimals: instrument.size_decimals,
            lot: instrument.story_lots.1,
        };
        let intervals = intervals(|channel| match channel {
            Channel::SpotKline(interval) => Some(interval),
            _ => None,
        });
        let stream = |name: &str| Random::new(seed, name);
        let walk = stream(instrument.symbol);
        let flow = stream(&format!("{} flow", instrument.symbol));
        let mut versions = stream(&format!("{} versions", instrument.symbol));
        let symbol = Symbol::new(instrument.symbol).expect("our symbols have the exchange's form");
        let topic =
            |channel| Topic::with_symbol(channel, &symbol).expect("spot's public channels take symbols");
        let feeds = Channel::all()
            .into_iter()
            .filter(|channel| channel.market() == Market::Spot && channel.side() == Side::Public)
            .filter_map(|channel| match channel {
                // Trades are told as they happen.
                Channel::SpotTrade => None,
                Channel::SpotDepthIncrease => {
                    let version = 1 + versions.below(FIRST_VERSION_BELOW);
                    Some(Feed::of_increments(
                        topic(channel),
                        INCREASE_MS,
                        INCREASE,
                        version,
                    ))
                }
                Channel::SpotBookTicker => Some(Feed::new(topic(channel), REAL_TIME_MS)),
                _ => Some(Feed::new(topic(channel), CHANGE_MS)),
            })
            .collect();
        Self {
            instrument,
            market: SymbolMarket::new(terms, &intervals, now_ms, walk, flow),
            trade_topic: topic(Channel::SpotTrade),
            feeds,
        }
    }

    pub(super) fn all(seed: u64, now_ms: u64) -> Vec<Self> {
        INSTRUMENTS
            .iter()
            .map(|instrument| Self::new(instrument, seed, now_ms))
            .collect()
    }

    /// Says what changed on the topics that somebody wants.
    fn publish(&mut self, now_ms: u64, is_wanted: Wanted<'_>, out: &mut Vec<Push>) {
        for feed in &mut self.feeds {
            if !is_wanted(feed.topic.as_str()) {
                feed.sleep();
            } else if feed.is_due(now_ms)
                && let Some(payload) = news(self.instrument, &self.market, feed, now_ms)
            {
                feed.pushed(now_ms);
                out.push(public(&feed.topic, payload));
            }
        }
    }

    /// What a subscriber is told at once, and who asks for a snapshot.
    fn present(&mut self, topic: &Topic, now_ms: u64) -> Option<String> {
        let Self {
            instrument,
            market,
            feeds,
            ..
        } = self;
        let feed = feeds.iter_mut().find(|feed| feed.topic == *topic)?;
        match topic.channel() {
            Channel::SpotTicker => {
                feed.begin(ticker_state(market), now_ms);
                Some(wire::ticker(instrument, market, now_ms))
            }
            Channel::SpotDepth(levels) => {
                let depth = market.book().depth(levels_of(levels));
                feed.begin(Said::Depth(depth.clone()), now_ms);
                Some(wire::depth(instrument, topic.channel(), &depth, now_ms))
            }
            Channel::SpotDepthIncrease => {
                let snapshot = feed.increments.as_mut()?.snapshot(market.book(), now_ms);
                Some(wire::increment(instrument, &snapshot))
            }
            Channel::SpotKline(interval) => {
                let (_, forming) = market.candles().of(interval)?;
                let told = feed.begin_candle(forming, now_ms);
                Some(wire::candles(instrument, interval, &[told]))
            }
            // What best prices begin with isn't known: with the next change.
            _ => None,
        }
    }
}

/// What a topic has to say now, if it has changed.
fn news(instrument: &Instrument, market: &SymbolMarket, feed: &mut Feed, now_ms: u64) -> Option<String> {
    let (top, channel) = (market.book().top(), feed.channel());
    match channel {
        Channel::SpotTicker => feed
            .is_new(ticker_state(market))
            .then(|| wire::ticker(instrument, market, now_ms)),
        Channel::SpotBookTicker => feed
            .is_new(Said::Top(top))
            .then(|| wire::book_ticker(instrument, top, now_ms)),
        Channel::SpotDepth(levels) => {
            let depth = market.book().depth(levels_of(levels));
            feed.is_new(Said::Depth(depth.clone()))
                .then(|| wire::depth(instrument, channel, &depth, now_ms))
        }
        Channel::SpotDepthIncrease => {
            let increment = feed.increments.as_mut()?.advance(market.book(), now_ms)?;
            Some(wire::increment(instrument, &increment))
        }
        Channel::SpotKline(interval) => {
            let candles = feed.new_candles(market.candles().of(interval)?);
            (!candles.is_empty()).then(|| wire::candles(instrument, interval, &candles))
        }
        _ => None,
    }
}

/// What a ticker is sent for when it changes.
fn ticker_state(market: &SymbolMarket) -> Said {
    Said::Ticker {
        top: market.book().top(),
        trades: market.trades(),
        mark: None,
    }
}

impl SpotMarket {
    /// Lets a tick of the market happen, and tells of it who wants to hear.
    pub(in crate::exchange) fn step(&mut self, is_wanted: Wanted<'_>, clock: &Clock, out: &mut Vec<Push>) {
        let now_ms = clock.now_ms();
        for listing in &mut self.listings {
            let trades = listing.market.step(now_ms);
            // Oldest first, in one push.
            if !trades.is_empty() && is_wanted(listing.trade_topic.as_str()) {
                let payload = wire::trades(listing.instrument, &trades, now_ms);
                out.push(public(&listing.trade_topic, payload));
            }
            listing.publish(now_ms, is_wanted, out);
        }
    }

    /// What a topic's subscriber is told at once.
    pub(in crate::exchange) fn present(&mut self, topic: &Topic, clock: &Clock) -> Option<String> {
        let symbol = topic.filter()?;
        let mut listings = self.listings.iter_mut();
        listings
            .find(|listing| listing.instrument.symbol == symbol)?
            .present(topic, clock.now_ms())
    }

    /// Counts and announces the trade that an account's fill is.
    pub(super) fn print_trade(
        &mut self,
        instrument: &Instrument,
        trade: Trade,
        clock: &Clock,
        out: &mut Vec<Push>,
    ) {
        let listing = self.listing_mut(instrument);
        listing.market.count(&trade, clock.now_ms());
        let payload = wire::trades(instrument, &[trade], clock.now_ms());
        out.push(public(&listing.trade_topic, payload));
    }
}

fn public(topic: &Topic, payload: String) -> Push {
    Push {
        market: Market::Spot,
        audience: Audience::Everyone,
        topic: topic.to_string(),
        payload,
    }
}

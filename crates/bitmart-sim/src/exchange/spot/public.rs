//! What everybody sees of the spot market. Trades and tickers for now: books and candles belong here as well.

use bitmart_proto::Market;

use super::{INSTRUMENTS, Instrument, SpotMarket, worth};
use crate::exchange::amount::Amount;
use crate::exchange::time::Clock;
use crate::exchange::{Audience, Push};
use crate::random::Random;

/// The shortest time between two tickers of a symbol, in milliseconds (documented).
const TICKER_MS: u64 = 500;
/// Trades of others per tick and symbol, at most.
const MAX_TRADES: u64 = 2;

/// What the public streams need besides the market: the others' luck, and when a ticker is due.
#[derive(Debug)]
pub(in crate::exchange) struct Tape {
    random: Random,
    ticker_due_ms: u64,
}

impl Tape {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            random: Random::new(seed, "spot tape"),
            ticker_due_ms: 0,
        }
    }
}

impl SpotMarket {
    /// Moves the prices and tells everybody.
    pub(in crate::exchange) fn step(&mut self, clock: &mut Clock, out: &mut Vec<Push>) {
        for (index, instrument) in INSTRUMENTS.iter().enumerate() {
            self.walks[index].step();
            for _ in 0..self.tape.random.below(MAX_TRADES + 1) {
                let (low, high) = instrument.story_lots;
                let size = Amount::scaled(self.tape.random.between(1, low + high), instrument.size_decimals);
                let is_taker_buy = self.tape.random.below(2) == 0;
                let price = self.walks[index].price();
                self.print_trade(instrument, price, size, is_taker_buy, clock, out);
            }
        }
        let is_ticker_due = clock.now_ms() >= self.tape.ticker_due_ms;
        if is_ticker_due {
            self.tape.ticker_due_ms = clock.now_ms() + TICKER_MS;
        }
        for index in 0..INSTRUMENTS.len() {
            self.tell_best(index, is_ticker_due, clock.now_ms(), out);
        }
    }

    /// Counts a trade and announces it.
    pub(super) fn print_trade(
        &mut self,
        instrument: &Instrument,
        price: Amount,
        size: Amount,
        is_taker_buy: bool,
        clock: &Clock,
        out: &mut Vec<Push>,
    ) {
        if let Some(index) = INSTRUMENTS.iter().position(|it| it.symbol == instrument.symbol) {
            self.statistics[index].trade(clock.day(), price, size, worth(price, size));
        }
        let payload = format!(
            r#"{{"data":[{{"ms_t":{ms},"price":"{price}","s_t":{s},"side":"{side}","size":"{size}","symbol":"{symbol}"}}],"table":"spot/trade"}}"#,
            ms = clock.now_ms(),
            price = price.fixed(instrument.price_decimals as usize),
            s = clock.now_ms() / 1_000,
            side = if is_taker_buy { "buy" } else { "sell" },
            size = size.fixed(instrument.size_decimals as usize),
            symbol = instrument.symbol,
        );
        out.push(public(format!("spot/trade:{}", instrument.symbol), payload));
    }

    fn tell_best(&mut self, index: usize, is_ticker_due: bool, now_ms: u64, out: &mut Vec<Push>) {
        let Instrument {
            symbol,
            price_decimals,
            size_decimals,
            story_lots,
            ..
        } = &INSTRUMENTS[index];
        let (price_decimals, size_decimals) = (*price_decimals as usize, *size_decimals);
        let mut size = || {
            let lots = self.tape.random.between(1, 10 * story_lots.1);
            Amount::scaled(lots, size_decimals).fixed(size_decimals as usize)
        };
        let (bid_size, ask_size) = (size(), size());
        let walk = &self.walks[index];
        let (bid, ask) = (
            walk.price_at(-1).fixed(price_decimals),
            walk.price_at(1).fixed(price_decimals),
        );
        let payload = format!(
            r#"{{"data":[{{"ask_px":"{ask}","ask_sz":"{ask_size}","bid_px":"{bid}","bid_sz":"{bid_size}","ms_t":{now_ms},"symbol":"{symbol}"}}],"table":"spot/bookTicker"}}"#
        );
        out.push(public(format!("spot/bookTicker:{symbol}"), payload));
        if !is_ticker_due {
            return;
        }
        let day = &self.statistics[index];
        let payload = format!(
            concat!(
                r#"{{"data":[{{"ask_px":"{ask}","ask_sz":"{ask_size}","base_volume_24h":"{volume}","#,
                r#""bid_px":"{bid}","bid_sz":"{bid_size}","fluctuation":"{change}","high_24h":"{high}","#,
                r#""last_price":"{last}","low_24h":"{low}","ms_t":{ms},"open_24h":"{open}","#,
                r#""quote_volume_24h":"{turnover}","s_t":{s},"symbol":"{symbol}"}}],"table":"spot/ticker"}}"#
            ),
            ask = ask,
            ask_size = ask_size,
            volume = day.volume.fixed(size_decimals as usize),
            bid = bid,
            bid_size = bid_size,
            change = day.change().fixed(4),
            high = day.high.fixed(price_decimals),
            last = day.last.fixed(price_decimals),
            low = day.low.fixed(price_decimals),
            ms = now_ms,
            open = day.open.fixed(price_decimals),
            turnover = day.turnover.fixed(2),
            s = now_ms / 1_000,
            symbol = symbol,
        );
        out.push(public(format!("spot/ticker:{symbol}"), payload));
    }
}

fn public(topic: String, payload: String) -> Push {
    Push {
        market: Market::Spot,
        audience: Audience::Everyone,
        topic,
        payload,
    }
}

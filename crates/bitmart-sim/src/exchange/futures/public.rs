//! What everybody sees of the futures market. Trades and tickers for now: books, candles and funding belong here
//! as well.

use bitmart_proto::Market;

use super::{FuturesMarket, INSTRUMENTS, Instrument};
use crate::exchange::amount::Amount;
use crate::exchange::time::{Clock, rfc3339};
use crate::exchange::{Audience, Push};
use crate::random::Random;

/// The shortest time between two tickers, in milliseconds (documented).
const TICKER_MS: u64 = 1_000;
/// Trades of others per tick and symbol, at most.
const MAX_TRADES: u64 = 2;
/// How far the index price is from the last, at most, in units of the price's last decimal.
const INDEX_DISTANCE: i64 = 40;

/// What the public streams need besides the market: the others' luck, and when a ticker is due.
#[derive(Debug)]
pub(in crate::exchange) struct Tape {
    random: Random,
    ticker_due_ms: u64,
}

impl Tape {
    pub(super) fn new(random: Random) -> Self {
        Self {
            random,
            ticker_due_ms: 0,
        }
    }
}

impl FuturesMarket {
    /// Moves the prices and tells everybody.
    pub(in crate::exchange) fn step(&mut self, clock: &mut Clock, out: &mut Vec<Push>) {
        for (index, instrument) in INSTRUMENTS.iter().enumerate() {
            self.walks[index].step();
            for _ in 0..self.tape.random.below(MAX_TRADES + 1) {
                let contracts = 1 + self.tape.random.below(instrument.story_lots.1.unsigned_abs());
                let is_taker_buy = self.tape.random.below(2) == 0;
                let (price, trade_id) = (self.walks[index].price(), self.next_trade_id());
                self.print_trade(instrument, trade_id, price, contracts, is_taker_buy, clock, out);
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
    #[expect(
        clippy::too_many_arguments,
        reason = "a trade is these values, and nothing else groups them"
    )]
    pub(super) fn print_trade(
        &mut self,
        instrument: &Instrument,
        trade_id: u64,
        price: Amount,
        contracts: u64,
        is_taker_buy: bool,
        clock: &Clock,
        out: &mut Vec<Push>,
    ) {
        if let Some(index) = INSTRUMENTS.iter().position(|it| it.symbol == instrument.symbol) {
            let volume = Amount::whole(i64::try_from(contracts).unwrap_or(i64::MAX));
            let turnover = instrument.worth(price, contracts);
            self.statistics[index].trade(clock.day(), price, volume, turnover);
        }
        // 1 to 4 by the names of the two sides' actions; which are taker buys is disputed, `m` is not.
        let way = 1 + self.tape.random.below(4) + if is_taker_buy { 0 } else { 4 };
        let nanos = u32::try_from(self.tape.random.below(1_000_000)).unwrap_or(0);
        let topic = format!("futures/trade:{}", instrument.symbol);
        let payload = format!(
            r#"{{"data":[{{"trade_id":{trade_id},"symbol":"{symbol}","deal_price":"{price}","deal_vol":"{contracts}","way":{way},"m":{is_buyer_maker},"created_at":"{created_at}"}}],"group":"{topic}"}}"#,
            symbol = instrument.symbol,
            is_buyer_maker = !is_taker_buy,
            created_at = rfc3339(clock.now_ms(), nanos),
        );
        out.push(public(topic, payload));
    }

    fn tell_best(&mut self, index: usize, is_ticker_due: bool, now_ms: u64, out: &mut Vec<Push>) {
        let Instrument {
            symbol,
            story_lots,
            price_decimals,
            ..
        } = &INSTRUMENTS[index];
        let mut contracts = || 1 + self.tape.random.below(20 * story_lots.1.unsigned_abs());
        let (bid_size, ask_size) = (contracts(), contracts());
        let walk = &self.walks[index];
        let (bid, ask) = (walk.price_at(-1), walk.price_at(1));
        let topic = format!("futures/bookticker:{symbol}");
        let payload = format!(
            r#"{{"data":{{"symbol":"{symbol}","best_bid_price":"{bid}","best_bid_vol":"{bid_size}","best_ask_price":"{ask}","best_ask_vol":"{ask_size}","ms_t":{now_ms}}},"group":"{topic}"}}"#
        );
        out.push(public(topic, payload));
        if !is_ticker_due {
            return;
        }
        let day = &self.statistics[index];
        let offset = self.tape.random.between(-INDEX_DISTANCE, INDEX_DISTANCE);
        let index_price =
            walk.price_at(offset) + Amount::scaled(self.tape.random.between(0, 999), price_decimals + 4);
        let data = format!(
            concat!(
                r#"{{"symbol":"{symbol}","last_price":"{last}","volume_24":"{volume}","range":"{range}","#,
                r#""mark_price":"{mark}","index_price":"{index_price}","ask_price":"{ask}","#,
                r#""ask_vol":"{ask_size}","bid_price":"{bid}","bid_vol":"{bid_size}"}}"#
            ),
            symbol = symbol,
            last = day.last,
            volume = day.volume,
            range = day.change(),
            mark = walk.price(),
            index_price = index_price,
            ask = ask,
            ask_size = ask_size,
            bid = bid,
            bid_size = bid_size,
        );
        for topic in ["futures/ticker".to_owned(), format!("futures/ticker:{symbol}")] {
            let payload = format!(r#"{{"data":{data},"group":"{topic}"}}"#);
            out.push(public(topic, payload));
        }
    }
}

fn public(topic: String, payload: String) -> Push {
    Push {
        market: Market::Futures,
        audience: Audience::Everyone,
        topic,
        payload,
    }
}

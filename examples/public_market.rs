//! Market data of both markets, without credentials: one topic of each kind.
//!
//! ```text
//! cargo run --example public_market            # offline: an exchange inside this process, over TLS
//! cargo run --example public_market -- --live  # BitMart itself; no key is needed
//! ```
//!
//! One will see what the first message of each topic says, and a table of what came by topic. Meanwhile the exchange
//! cuts the spot connection once; it comes back by itself, and the futures connection goes on beside it.

use std::fmt::Display;
use std::process::ExitCode;
use std::time::Duration;

use bitmart::proto::{Interval, Level, Update};
use bitmart::{Client, Decoder, Environment, EventKind, Lifecycle, Market, Side, Topic};
use bitmart_examples::{Exchange, Result, close_on_ctrl_c, run, say};
use bitmart_sim::Fault;

const TOPICS: [&str; 14] = [
    "spot/ticker:BTC_USDT",
    "spot/bookTicker:BTC_USDT",
    "spot/trade:BTC_USDT",
    "spot/kline1m:BTC_USDT",
    "spot/depth5:BTC_USDT",
    "spot/depth/increase100:BTC_USDT",
    "futures/ticker:BTCUSDT",
    "futures/bookticker:BTCUSDT",
    "futures/trade:BTCUSDT",
    "futures/klineBin1m:BTCUSDT",
    "futures/markPriceKlineBin1m:BTCUSDT",
    "futures/depth20:BTCUSDT@200ms",
    "futures/depthIncrease20:BTCUSDT@100ms",
    "futures/fundingRate:BTCUSDT",
];

/// How long the show runs offline, and when in it the spot connection is cut.
const SHOW_S: u32 = 4;
const CUT_S: u32 = 2;

#[tokio::main]
async fn main() -> ExitCode {
    run(show).await
}

async fn show(exchange: &Exchange) -> Result {
    let (client, mut events) = exchange.point(Client::builder(), Environment::Live).build()?;
    close_on_ctrl_c(&client);
    for (topic, outcome) in client.subscribe(TOPICS).await?.not_done() {
        say("", "topic", format_args!("{topic}: {outcome}"));
    }

    let mut tallies = Vec::new();
    for topic in TOPICS {
        tallies.push(Tally::new(topic.parse()?));
    }
    let mut decoder = Decoder::new();
    let mut gaps_closed = 0;
    let mut seconds = tokio::time::interval(Duration::from_secs(1));
    seconds.tick().await; // the first is at once
    let mut elapsed_s = 0;
    loop {
        let event = tokio::select! {
            event = events.next() => event,
            _ = seconds.tick(), if exchange.simulator().is_some() => {
                elapsed_s += 1;
                if let Some(sim) = exchange.simulator().filter(|_| elapsed_s == CUT_S) {
                    sim.inject(Fault::cut().on(Market::Spot, Side::Public));
                }
                if elapsed_s == SHOW_S { break } else { continue }
            }
        };
        let Some(event) = event else { break };
        match event.kind {
            EventKind::Update(update) => {
                let decoded = update.decode(&mut decoder)?;
                // Spot names the channel only and futures may add a speed, so ask which topic a message is of.
                for tally in tallies.iter_mut().filter(|tally| decoded.concerns(&tally.topic)) {
                    tally.take(&decoded, update.text().len());
                }
            }
            EventKind::Lifecycle(Lifecycle::Subscribed { .. }) => {}
            EventKind::Lifecycle(what) => {
                say(event.connection, "·", &what);
                gaps_closed += u32::from(matches!(what, Lifecycle::GapClosed(_)) && event.epoch.0 > 1);
            }
            _ => {}
        }
    }
    client.close().await;
    for tally in &tallies {
        let Tally {
            topic,
            messages,
            bytes,
        } = tally;
        say(
            "",
            "total",
            format_args!("{:<38} {messages:>5} messages {bytes:>8} bytes", topic.as_str()),
        );
    }
    match gaps_closed {
        0 if exchange.simulator().is_some() => Err("the spot connection didn't come back".into()),
        _ => Ok(()),
    }
}

/// What has come of one topic.
struct Tally {
    topic: Topic,
    messages: u32,
    bytes: usize,
}

impl Tally {
    fn new(topic: Topic) -> Self {
        Self {
            topic,
            messages: 0,
            bytes: 0,
        }
    }

    fn take(&mut self, update: &Update<'_>, bytes: usize) {
        if self.messages == 0 {
            say("", "first", format_args!("{}", self.topic));
            say("", "", format_args!("  {}", headline(update)));
        }
        self.messages += 1;
        self.bytes += bytes;
    }
}

/// What a message says, in a line.
fn headline(update: &Update<'_>) -> String {
    let best = |level: Option<Level<'_>>| {
        level.map_or("nobody".to_owned(), |level| {
            format!("{} at {}", level.size, level.price)
        })
    };
    let interval = or_none(update.interval().map(Interval::as_str));
    let first = match update {
        Update::SpotTickers { tickers, .. } => tickers.get(0).map(|t| format!("last price {}", t.last_price)),
        Update::SpotBookTickers { tickers, .. } => tickers
            .get(0)
            .map(|t| format!("bid {}, ask {}", or_none(t.bid_price), or_none(t.ask_price))),
        Update::SpotTrades { trades, .. } => trades
            .get(0)
            .map(|t| format!("{} at {}, taker {}", t.size, t.price, or_none(t.side))),
        Update::SpotKlines { klines, .. } => klines
            .get(0)
            .map(|k| format!("{interval}, close {}", k.candle.close)),
        Update::SpotDepths { books, .. } => books
            .get(0)
            .map(|b| format!("bid {}, ask {}", best(b.bids.get(0)), best(b.asks.get(0)))),
        Update::SpotDepthUpdates { updates, .. } => updates.get(0).map(|u| {
            format!(
                "{} {}: {} asks, {} bids",
                u.kind,
                u.version,
                u.asks.len(),
                u.bids.len()
            )
        }),
        Update::FuturesTickers { tickers, .. } => tickers.get(0).map(|t| {
            format!(
                "last price {}, mark price {}",
                t.last_price,
                or_none(t.mark_price)
            )
        }),
        Update::FuturesBookTickers { tickers, .. } => tickers
            .get(0)
            .map(|t| format!("bid {}, ask {}", or_none(t.bid_price), or_none(t.ask_price))),
        Update::FuturesFundingRates { rates, .. } => rates.get(0).map(|r| {
            format!(
                "next rate {} at {} ms",
                or_none(r.next_rate),
                or_none(r.next_time)
            )
        }),
        Update::FuturesDepthSides { sides, .. } => sides
            .get(0)
            .map(|s| format!("{}, best {}", s.way, best(s.levels.get(0)))),
        Update::FuturesDepthUpdates { updates, .. } => updates.get(0).map(|u| {
            format!(
                "{} {}: {} asks, {} bids",
                u.kind,
                u.version,
                u.asks.len(),
                u.bids.len()
            )
        }),
        Update::FuturesTrades { trades, .. } => trades
            .get(0)
            .map(|t| format!("{} at {}, taker {}", t.size, t.price, or_none(t.taker()))),
        Update::FuturesKlines { klines, .. } | Update::FuturesMarkPriceKlines { klines, .. } => {
            klines.get(0).map(|k| format!("{interval}, close {}", k.close))
        }
        other => Some(format!("{other:?}")),
    };
    first.unwrap_or_else(|| "nothing".to_owned())
}

fn or_none<T: Display>(value: Option<T>) -> String {
    value.map_or("none".to_owned(), |value| value.to_string())
}

//! Futures paper trading with `.demo()`, and what it leaves alone: spot has no demo and stays live.
//!
//! ```text
//! cargo run --example demo_trading            # offline: an exchange inside this process, over TLS
//! cargo run --example demo_trading -- --live  # BitMart's own demo, with API_KEY, API_SECRET and API_MEMO
//! ```
//!
//! One will see where each market is connected to, then paper orders and their positions beside orders of the real
//! spot account. Offline, the exchange counts the logins at the end: on the futures demo and on spot, and none on the
//! live futures. The API key is the same for both.

use std::process::ExitCode;

use bitmart::proto::Update;
use bitmart::{Client, Decoder, Environment, EventKind, Lifecycle, Market, Side};
use bitmart_examples::{Exchange, Result, close_on_ctrl_c, ensure_goes_on, run, say, short};
use bitmart_sim::Fault;

#[tokio::main]
async fn main() -> ExitCode {
    run(show).await
}

async fn show(exchange: &Exchange) -> Result {
    let builder = Client::builder().demo().credentials(exchange.credentials()?);
    let (client, mut events) = exchange.point(builder, Environment::Demo).build()?;
    close_on_ctrl_c(&client);

    for market in Market::ALL {
        let demo = exchange.url(Environment::Demo, market, Side::Private);
        let live = exchange.url(Environment::Live, market, Side::Private);
        let which = if demo == live {
            "live: no demo"
        } else {
            "paper trading"
        };
        say("", "url", format_args!("{market:<8} {which:<14} {demo}"));
    }
    let topics = [
        "futures/order",
        "futures/position",
        "futures/asset:USDT",
        "spot/user/orders:ALL_SYMBOLS",
    ];
    for (topic, outcome) in client.subscribe(topics).await?.not_done() {
        say("", "topic", format_args!("{topic}: {outcome}"));
    }

    let mut decoder = Decoder::new();
    let (mut paper, mut real) = (0, 0);
    let mut to_be_dropped = exchange.simulator();
    let mut paper_at_recovery = None;
    while let Some(event) = events.next().await {
        let from = event.connection;
        match event.kind {
            EventKind::Update(update) => match update.decode(&mut decoder)? {
                Update::FuturesOrders { orders, .. } => {
                    for order in orders {
                        paper += 1;
                        let (action, side) = (order.action.name(), order.side.name());
                        let (action, side) = (action.unwrap_or("?"), side.unwrap_or("?"));
                        say(
                            from,
                            "paper",
                            format_args!("{action:<7} {side:<16} {} {}", order.size, order.symbol),
                        );
                    }
                }
                Update::FuturesPositions { positions, .. } => {
                    for position in positions
                        .iter()
                        .filter(|position| !position.hold_volume.is_zero())
                    {
                        let side = position.side.name().unwrap_or("?");
                        let (volume, symbol) = (position.hold_volume, position.symbol);
                        say(
                            from,
                            "paper",
                            format_args!("{side} position: {volume} contracts of {symbol}"),
                        );
                    }
                }
                Update::FuturesAssets { assets, .. } => {
                    for asset in assets {
                        let free = short(asset.available_balance);
                        say(from, "paper", format_args!("{free} {} free", asset.currency));
                    }
                }
                Update::SpotOrders { orders, .. } => {
                    for order in orders {
                        real += 1;
                        let state = order.state().map_or("?", |state| state.as_str());
                        let side = order.side.map_or("?", |side| side.as_str());
                        say(from, "REAL", format_args!("{side:<4} {} {state}", order.symbol));
                    }
                }
                _ => {}
            },
            EventKind::Lifecycle(what) => {
                say(from, "·", &what);
                ensure_goes_on(&what)?;
                if matches!(what, Lifecycle::GapClosed(_)) && event.epoch.0 > 1 {
                    paper_at_recovery = Some(paper);
                }
            }
            _ => {}
        }
        // Offline: the demo drops its connections once. Spot is another connection and doesn't notice.
        if paper >= 6
            && let Some(sim) = to_be_dropped.take()
        {
            sim.inject(Fault::reset().in_environment(Environment::Demo));
        }
        if exchange.simulator().is_some() && paper_at_recovery.is_some_and(|at| paper >= at + 3) && real > 0 {
            break;
        }
    }
    client.close().await;
    if let Some(sim) = exchange.simulator() {
        for (name, environment, market) in [
            ("futures demo", Environment::Demo, Market::Futures),
            ("futures live", Environment::Live, Market::Futures),
            ("spot live", Environment::Live, Market::Spot),
        ] {
            let logins = sim.counters().of(environment, market, Side::Private).logins_ok;
            say("", "logins", format_args!("{name:<13} {logins}"));
        }
    }
    Ok(())
}

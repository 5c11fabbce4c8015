//! A futures account: orders, positions and assets, each as its own type.
//!
//! ```text
//! cargo run --example futures_private            # offline: an exchange inside this process, over TLS
//! cargo run --example futures_private -- --live  # BitMart itself, with API_KEY, API_SECRET and API_MEMO
//! ```
//!
//! One will see orders as they are submitted, matched and finished, the positions that they open, and the margin that
//! these take. Half-way the exchange drops the connection; it comes back by itself.

use std::collections::BTreeMap;
use std::process::ExitCode;

use bitmart::proto::{FuturesAsset, FuturesOrder, FuturesPosition, Update};
use bitmart::{Client, Decoder, Environment, EventKind, Lifecycle, Market, Side};
use bitmart_examples::{Exchange, Result, close_on_ctrl_c, ensure_goes_on, run, say, short};
use bitmart_sim::Fault;

/// Orders and positions come for all contracts at once, assets by currency.
const TOPICS: [&str; 3] = ["futures/order", "futures/position", "futures/asset:USDT"];

#[tokio::main]
async fn main() -> ExitCode {
    run(show).await
}

async fn show(exchange: &Exchange) -> Result {
    let builder = Client::builder().credentials(exchange.credentials()?);
    let (client, mut events) = exchange.point(builder, Environment::Live).build()?;
    close_on_ctrl_c(&client);
    for (topic, outcome) in client.subscribe(TOPICS).await?.not_done() {
        say("", "topic", format_args!("{topic}: {outcome}"));
    }

    let mut decoder = Decoder::new();
    let mut positions = BTreeMap::new();
    let (mut finished, mut assets_seen) = (0, 0);
    let mut to_be_dropped = exchange.simulator();
    let mut seen_at_recovery = None;
    while let Some(event) = events.next().await {
        match event.kind {
            EventKind::Update(update) => match update.decode(&mut decoder)? {
                Update::FuturesOrders { orders, .. } => {
                    for order in orders {
                        say(event.connection, "order", order_text(&order));
                        finished += u32::from(order.is_terminal());
                    }
                }
                Update::FuturesPositions { positions: all, .. } => {
                    for position in all {
                        // They are sent again every ten seconds, changed or not.
                        let text = position_text(&position);
                        let key = (position.symbol.to_owned(), position.side);
                        if positions.insert(key, text.clone()).as_ref() != Some(&text) {
                            say(event.connection, "POSITION", text);
                        }
                    }
                }
                Update::FuturesAssets { assets, .. } => {
                    for asset in assets {
                        assets_seen += 1;
                        say(event.connection, "asset", asset_text(&asset));
                    }
                }
                _ => {}
            },
            EventKind::Lifecycle(what) => {
                say(event.connection, "·", &what);
                ensure_goes_on(&what)?;
                if let Lifecycle::GapClosed(_) = what
                    && event.epoch.0 > 1
                {
                    // An order may have finished unseen, and a position may be gone.
                    positions.clear();
                    say("", "load", "open orders: GET /contract/private/get-open-orders");
                    say("", "load", "positions:   GET /contract/private/position-v2");
                    seen_at_recovery = Some((finished, assets_seen));
                }
            }
            _ => {}
        }
        // Offline: the exchange drops the connection once, and the show is over some orders after the connection is back.
        if finished >= 3
            && !positions.is_empty()
            && let Some(sim) = to_be_dropped.take()
        {
            sim.inject(Fault::reset().on(Market::Futures, Side::Private));
        }
        if let (Some(_), Some((orders, assets))) = (exchange.simulator(), seen_at_recovery)
            && finished >= orders + 2
            && assets_seen > assets
        {
            break;
        }
    }
    client.close().await;
    say(
        "",
        "end",
        format_args!("{finished} orders finished before our eyes"),
    );
    Ok(())
}

fn order_text(order: &FuturesOrder<'_>) -> String {
    let action = order.action.name().unwrap_or("?");
    let side = order.side.name().unwrap_or("?");
    // The wire has one state for filled and canceled; these methods tell them apart by the sizes.
    let state = match order {
        _ if order.is_filled() => "filled",
        _ if order.is_partly_canceled() => "partly filled, then canceled",
        _ if order.is_canceled() => "canceled",
        _ if order.is_partly_filled() => "partly filled",
        _ => order.state.name().unwrap_or("?"),
    };
    let (filled, size) = (order.deal_size, order.size);
    format!(
        "{action:<7} {:<8} {side:<16} {filled:>4} of {size:>4} at {:<10} {state}",
        order.symbol,
        short(order.price)
    )
}

fn position_text(position: &FuturesPosition<'_>) -> String {
    let side = position.side.name().unwrap_or("?");
    match position.hold_volume.is_zero() {
        true => format!("{:<8} {side:<5} closed", position.symbol),
        false => format!(
            "{:<8} {side:<5} {:>5} contracts at {}",
            position.symbol,
            position.hold_volume,
            short(position.hold_avg_price)
        ),
    }
}

fn asset_text(asset: &FuturesAsset<'_>) -> String {
    format!(
        "{:<8} {:>15} free {:>12} in orders {:>12} in positions",
        asset.currency,
        short(asset.available_balance),
        short(asset.frozen_balance),
        short(asset.position_deposit)
    )
}

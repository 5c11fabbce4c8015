//! A spot account: orders with their fills, balances, and what to do about a gap.
//!
//! ```text
//! cargo run --example spot_private            # offline: an exchange inside this process, over TLS
//! cargo run --example spot_private -- --live  # BitMart itself, with API_KEY, API_SECRET and API_MEMO
//! ```
//!
//! One will see what became of each topic (one is refused), then each fill and each balance that changed. After a few
//! fills the exchange drops the connection: the gap that this makes is announced, the connection comes back by
//! itself, and when the gap closes, what was missed is named for loading over REST.

use std::collections::VecDeque;
use std::process::ExitCode;

use bitmart::proto::{SpotOrder, Update};
use bitmart::{Client, Decoder, Environment, EventKind, Lifecycle, Market, Moment, Side};
use bitmart_examples::{Exchange, Result, close_on_ctrl_c, ensure_goes_on, run, say, short};
use bitmart_sim::Fault;

const TOPICS: [&str; 4] = [
    "spot/user/order:BTC_USDT",         // the orders of one symbol
    "spot/user/orders:ALL_SYMBOLS",     // the orders of every symbol, the one above included
    "spot/user/balance:BALANCE_UPDATE", // the balances that change
    "spot/user/order:NOSUCH_USDT",      // what the exchange doesn't know fails alone
];

#[tokio::main]
async fn main() -> ExitCode {
    run(show).await
}

async fn show(exchange: &Exchange) -> Result {
    let builder = Client::builder().credentials(exchange.credentials()?);
    let (client, mut events) = exchange.point(builder, Environment::Live).build()?;
    close_on_ctrl_c(&client);

    let outcomes = client.subscribe(TOPICS).await?;
    for (topic, outcome) in outcomes.iter() {
        say("", "topic", format_args!("{:<34} {outcome}", topic.as_str()));
    }

    let mut decoder = Decoder::new();
    let mut fills = Fills::default();
    let mut to_be_dropped = exchange.simulator();
    let (mut is_recovered, mut fills_at_recovery) = (false, 0);
    while let Some(event) = events.next().await {
        match event.kind {
            EventKind::Update(update) => match update.decode(&mut decoder)? {
                Update::SpotOrders { orders, .. } => orders.iter().for_each(|order| fills.take(&order)),
                Update::SpotBalances { changes, .. } => {
                    for change in changes {
                        for balance in change.details {
                            let (free, held) = (short(balance.available), short(balance.frozen));
                            let text = format!("{:<5} {free:>16} free {held:>12} held", balance.currency);
                            say(event.connection, "balance", text);
                        }
                    }
                }
                _ => {}
            },
            EventKind::Lifecycle(what) => {
                say(event.connection, "·", &what);
                ensure_goes_on(&what)?;
                if let Lifecycle::GapClosed(gap) = what {
                    load_over_rest(gap.since, gap.until);
                    is_recovered = event.epoch.0 > 1;
                    fills_at_recovery = fills.count;
                }
            }
            _ => {}
        }
        // Offline: the exchange drops the connection once, and the show is over some fills after it is back.
        if fills.count >= 5
            && let Some(sim) = to_be_dropped.take()
        {
            sim.inject(Fault::reset().on(Market::Spot, Side::Private));
        }
        if exchange.simulator().is_some() && is_recovered && fills.count >= fills_at_recovery + 3 {
            break;
        }
    }
    client.close().await;
    say("", "end", format_args!("{} fills, each shown once", fills.count));
    Ok(())
}

/// Private streams carry no snapshot and repeat nothing: what happened inside a gap is asked for over REST, which
/// this crate doesn't do. Ask after the gap has closed, then apply what was pushed since and is newer.
fn load_over_rest(since: Option<Moment>, until: Moment) {
    let Some(since) = since else {
        // From before the first connection nothing is known: load what there is.
        say("", "load", "open orders: POST /spot/v4/query/open-orders");
        say("", "load", "the wallet:  GET /spot/v1/wallet");
        return;
    };
    let text = format!("fills from {since} to {until}: POST /spot/v4/query/trades");
    say("", "load", text);
    say("", "load", "then open orders and the wallet, as at the start");
}

/// Counts each fill once: a push may repeat the latest fill, and an order comes by each topic that covers it.
#[derive(Default)]
struct Fills {
    count: u32,
    recent_ids: VecDeque<String>,
}

impl Fills {
    const REMEMBERED: usize = 1_000;

    fn take(&mut self, order: &SpotOrder<'_>) {
        let Some(fill) = order.fill() else { return };
        if self.recent_ids.iter().any(|id| id == fill.detail_id) {
            return;
        }
        self.recent_ids.truncate(Self::REMEMBERED - 1);
        self.recent_ids.push_front(fill.detail_id.into());
        self.count += 1;
        let side = order.side.map_or("?", |side| side.as_str());
        let state = order.state().map_or("?", |state| state.as_str());
        let (size, price) = (short(fill.size), short(fill.price));
        let text = format!("{side:<4} {size:>10} {} at {price:<10} {state}", order.symbol);
        say("spot private", "FILL", text);
    }
}

//! Two connections in one task, without the client on top: `bitmart::ws::Connection` lends each message where it
//! lies.
//!
//! ```text
//! cargo run --example connection            # offline: an exchange inside this process, over TLS
//! cargo run --example connection -- --live  # BitMart itself, with API_KEY, API_SECRET and API_MEMO
//! ```
//!
//! One will see spot orders (private) and futures trades and prices (public) side by side, decoded in place: a
//! message costs no allocation, no lock and no channel. Then the futures side is paused while spot goes on, and what
//! had waited in its socket comes after `resume`. At last the exchange drops the spot connection, which comes back.
//!
//! This form suits a loop that keeps up. A `Connection` lives only while `next` is polled: without that, not even a
//! ping goes out, and the exchange closes after some 20 s.

use std::process::ExitCode;

use bitmart::proto::Update;
use bitmart::session::Event;
use bitmart::ws::{Connection, ConnectionConfig, Incoming};
use bitmart::{Environment, HmacSigner, Market, Side};
use bitmart_examples::{Exchange, Result, ensure_goes_on, run, say, short};
use bitmart_sim::Fault;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    run(show).await
}

async fn show(exchange: &Exchange) -> Result {
    let config = |market, side| -> Result<ConnectionConfig> {
        let url = exchange.url(Environment::Live, market, side);
        let mut config = ConnectionConfig::new(url.parse()?);
        config.connect = exchange.connect_config()?;
        Ok(config)
    };
    let signer = HmacSigner::new(exchange.credentials()?);
    let mut spot = Connection::private(Market::Spot, signer, config(Market::Spot, Side::Private)?);
    spot.subscribe("spot/user/orders:ALL_SYMBOLS".parse()?)?;
    let mut futures = Connection::public(Market::Futures, config(Market::Futures, Side::Public)?);
    futures.subscribe("futures/trade:BTCUSDT".parse()?)?;
    futures.subscribe("futures/bookticker:BTCUSDT".parse()?)?;

    let (mut orders, mut prices) = (0, 0);
    let mut step = Step::Watch;
    let mut interrupt = std::pin::pin!(tokio::signal::ctrl_c());
    // A branch whose connection is over gives `None`, and `select!` leaves it out; without any branch it is the end.
    loop {
        tokio::select! {
            Some(incoming) = spot.next() => match incoming {
                Incoming::Push(push) => {
                    // `update` borrows from the read buffer, until `spot` is asked for the next.
                    if let Update::SpotOrders { orders: all, .. } = push.update {
                        for order in all {
                            orders += 1;
                            let state = order.state().map_or("?", |state| state.as_str());
                            let filled = short(order.filled_size);
                            say("spot private", "order", format_args!("{:<9} {state:<17} {filled} filled", order.symbol));
                        }
                    }
                }
                Incoming::Event(event) => {
                    say("spot private", "·", &event);
                    ensure_goes_on(&event)?;
                    if let Event::GapClosed(_) = event && step == Step::Dropped {
                        step = Step::Recovered;
                    }
                }
                _ => {}
            },
            Some(incoming) = futures.next() => match incoming {
                Incoming::Push(push) => {
                    prices += 1;
                    if prices <= 6 {
                        say("futures public", "price", push.update.topic());
                    }
                }
                Incoming::Event(event) => say("futures public", "·", &event),
                _ => {}
            },
            _ = &mut interrupt, if step != Step::Closing => step = Step::Closing,
            else => break,
        }
        step = match step {
            Step::Watch if orders >= 4 && prices >= 6 => {
                futures.pause();
                say(
                    "futures public",
                    "PAUSE",
                    format_args!("after {prices} messages: pings only from here on"),
                );
                Step::Paused { at: orders, prices }
            }
            Step::Paused { at, prices: before } if orders >= at + 6 => {
                futures.resume();
                say(
                    "futures public",
                    "RESUME",
                    format_args!("{} messages came while it was paused", prices - before),
                );
                Step::Resumed { before }
            }
            Step::Resumed { before } if prices >= before + 10 => {
                say("futures public", "price", "10 messages that had waited");
                if let Some(sim) = exchange.simulator() {
                    sim.inject(Fault::reset().on(Market::Spot, Side::Private));
                }
                Step::Dropped
            }
            Step::Recovered if exchange.simulator().is_some() => Step::Closing,
            step => step,
        };
        if step == Step::Closing {
            // They say good-bye inside `next`, which then ends.
            spot.close();
            futures.close();
        }
    }
    say(
        "",
        "end",
        format_args!("{orders} orders, {} lent by futures", futures.counters().pushes),
    );
    Ok(())
}

#[derive(Clone, Copy, PartialEq)]
enum Step {
    Watch,
    Paused { at: u32, prices: u32 },
    Resumed { before: u32 },
    Dropped,
    Recovered,
    Closing,
}

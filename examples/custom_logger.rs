//! A logger of one's own: `tracing` is what this crate logs with, and a `Layer` is where it goes.
//!
//! ```text
//! cargo run --example custom_logger            # offline: an exchange inside this process, over TLS
//! cargo run --example custom_logger -- --live  # BitMart itself, with API_KEY, API_SECRET and API_MEMO
//! ```
//!
//! One will see the client's log through three functions, `trace`, `info` and `error`: what happens to a connection
//! (target `bitmart::connection`) at `info` and above, and what goes over the wire (target `bitmart::wire`) at
//! `trace`. Each line begins with the span it belongs to: the connection's market, side and index, and the epoch,
//! which counts its sockets. A login is never shown, and neither is a key beyond its first four characters.
#![expect(clippy::print_stdout, reason = "this logger prints")]

use std::fmt::{Debug, Write};
use std::process::ExitCode;

use bitmart::{Client, Environment, EventKind, Lifecycle, Market, Side};
use bitmart_examples::{Exchange, Result, close_on_ctrl_c, ensure_goes_on, run};
use bitmart_sim::Fault;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

/// Where log lines go: any three functions.
struct Logger {
    trace: fn(&str),
    info: fn(&str),
    error: fn(&str),
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Logger {
    /// A span is one epoch of one connection. Its fields are kept as text, for every line inside it.
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut line = String::new();
        for span in context.event_scope(event).into_iter().flatten() {
            if let Some(fields) = span.extensions().get::<Fields>() {
                let _ = write!(line, "[{}] ", fields.text.trim_start());
            }
        }
        let mut fields = Fields::default();
        event.record(&mut fields);
        let _ = write!(
            line,
            "{}: {}{}",
            event.metadata().target(),
            fields.message,
            fields.text
        );
        match *event.metadata().level() {
            Level::ERROR | Level::WARN => (self.error)(&line),
            Level::INFO => (self.info)(&line),
            _ => (self.trace)(&line),
        }
    }
}

/// The fields of a span or an event: the message, and the others as ` name=value`.
#[derive(Default)]
struct Fields {
    message: String,
    text: String,
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.text, " {name}={value:?}"),
        };
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let logger = Logger {
        trace: |line| println!("TRACE {line}"),
        info: |line| println!("INFO  {line}"),
        error: |line| println!("ERROR {line}"),
    };
    // Each target has a level of its own. Spans are at the level of errors, so that every line has its span.
    let levels = Targets::new()
        .with_target("bitmart::connection", Level::INFO)
        .with_target("bitmart::wire", Level::TRACE);
    tracing_subscriber::registry()
        .with(logger.with_filter(levels))
        .init();
    run(show).await
}

/// What there is to log: a login, subscriptions, a lost connection, a second login.
async fn show(exchange: &Exchange) -> Result {
    let mut timings = bitmart::session::Config::default();
    timings.ping_after_ms = 1_000;
    let builder = Client::builder()
        .credentials(exchange.credentials()?)
        .session(timings);
    let (client, mut events) = exchange.point(builder, Environment::Live).build()?;
    close_on_ctrl_c(&client);
    let topics = ["spot/user/orders:ALL_SYMBOLS", "futures/order"];
    let outcomes = client.subscribe(topics).await?;
    let mut to_be_dropped = exchange.simulator();
    let mut updates = 0;
    let mut is_recovered = !outcomes.all_done();
    while let Some(event) = events.next().await {
        match event.kind {
            EventKind::Update(_) => updates += 1,
            EventKind::Lifecycle(what) => {
                ensure_goes_on(&what)?;
                is_recovered |= matches!(what, Lifecycle::GapClosed(_)) && event.epoch.0 > 1;
            }
            _ => {}
        }
        // Offline: after the first pings spot is dropped, and the show is over when it is back.
        if updates >= 40
            && let Some(sim) = to_be_dropped.take()
        {
            sim.inject(Fault::reset().on(Market::Spot, Side::Private));
        }
        if exchange.simulator().is_some() && is_recovered {
            break;
        }
    }
    client.close().await;
    Ok(())
}

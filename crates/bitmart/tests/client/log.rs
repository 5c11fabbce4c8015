//! What goes to `tracing`: stable targets, and a span for each epoch of each connection.

use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex};

use bitmart_sim::Fault;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

use crate::rig::{SPOT_ORDERS, client_of, example_credentials, quiet_sim, spot_private, until_ready};

/// One line of a log of the user's own: the level, the target, the span with its fields, and the rest.
#[derive(Clone, Debug)]
struct Line {
    level: Level,
    target: &'static str,
    span: String,
    text: String,
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<Line>>>);

struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, "{}={value:?} ", field.name()).unwrap();
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Log {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut text = Text(format!("{} ", attributes.metadata().name()));
        attributes.record(&mut text);
        context.span(id).unwrap().extensions_mut().insert(text);
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut text = Text(String::new());
        event.record(&mut text);
        let span = context
            .event_span(event)
            .and_then(|span| span.extensions().get::<Text>().map(|text| text.0.clone()));
        self.0.lock().unwrap().push(Line {
            level: *event.metadata().level(),
            target: event.metadata().target(),
            span: span.unwrap_or_default(),
            text: text.0,
        });
    }
}

/// On one thread, so that the log is this test's alone.
#[tokio::test]
async fn the_log_tells_the_story_of_each_connection() {
    let log = Log::default();
    let guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(log.clone()));
    let sim = quiet_sim().start().await.unwrap();
    let (client, mut events) = client_of(&sim)
        .credentials(example_credentials())
        .build()
        .unwrap();
    let topics = [SPOT_ORDERS, "futures/ticker:BTCUSDT"];
    assert!(client.subscribe(topics).await.unwrap().all_done());
    sim.inject(Fault::reset().on(bitmart::Market::Spot, bitmart::Side::Private));
    until_ready(&mut events, spot_private()).await;
    until_ready(&mut events, spot_private()).await;
    client.close().await;
    drop(guard);

    let lines = log.0.lock().unwrap().clone();
    let ours: Vec<&Line> = lines
        .iter()
        .filter(|line| line.target.starts_with("bitmart::"))
        .collect();
    for line in &ours {
        assert!(
            ["bitmart::connection", "bitmart::wire"].contains(&line.target),
            "the targets are documented: {line:?}"
        );
        assert!(line.span.starts_with("connection market="), "{line:?}");
    }
    let elsewhere = lines.iter().find(|line| {
        ["bitmart_ws", "bitmart_session", "bitmart_proto", "bitmart_auth"]
            .iter()
            .any(|name| line.target.starts_with(name))
            || line.target == "bitmart"
    });
    assert!(elsewhere.is_none(), "{elsewhere:?}");

    let first = "connection market=spot side=private index=0 epoch=1 ";
    let second = "connection market=spot side=private index=0 epoch=2 ";
    // The messages, with a mark for what warns.
    let story = |span: &str| -> Vec<String> {
        let lines = ours.iter().filter(|line| {
            line.target == "bitmart::connection" && line.span == span && line.level <= Level::INFO
        });
        lines
            .map(|line| {
                let rest = line.text.split("message=").nth(1).unwrap();
                let message = rest
                    .split(" topics=")
                    .next()
                    .unwrap()
                    .split(" cause=")
                    .next()
                    .unwrap();
                let message = message.split(" attempt").next().unwrap().trim();
                match line.level {
                    Level::INFO => message.to_owned(),
                    level => format!("{level} {message}"),
                }
            })
            .collect()
    };
    assert_eq!(
        story(first),
        [
            "gap opened",
            "opened",
            "authenticated",
            "gap closed",
            "ready",
            "WARN closed",
            "WARN gap opened",
            "reconnecting",
        ]
    );
    assert_eq!(
        story(second),
        ["reconnected", "authenticated", "gap closed", "ready", "closed"]
    );

    // The trace of a login: that it is sent, as whom and for when, and what it was answered; nothing that opens a door.
    let wire: Vec<&str> = ours
        .iter()
        .filter(|line| line.target == "bitmart::wire" && line.span == first)
        .map(|line| line.text.as_str())
        .collect();
    assert!(
        wire.iter().all(|text| text.contains("connection=spot private")),
        "{wire:?}"
    );
    let at = |what: &str| {
        wire.iter()
            .position(|text| text.contains(what))
            .unwrap_or_else(|| panic!("{what}: {wire:#?}"))
    };
    let order = [
        at("signing the login"),
        at("login, not shown"),
        at("verb=\"login\""),
        at(r#"\"op\":\"subscribe\""#),
        at("verb=\"subscribe\""),
    ];
    assert!(order.is_sorted(), "{order:?} {wire:#?}");
    assert!(wire[order[0]].contains("timestamp_ms="), "{}", wire[order[0]]);
}

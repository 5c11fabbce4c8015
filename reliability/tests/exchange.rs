//! What the exchange may do of its own accord: go into maintenance, leave a version of a book out, push a fill twice. A
//! whole client in virtual time.
#![cfg(feature = "network")]
#![allow(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use bitmart::{
    Cause, ConnectErrorKind, Decoder, Event, EventKind, GapCause, Lifecycle, Status, proto::BookStep,
    proto::Update as Message,
};
use bitmart_reliability::weather::world::World;
use bitmart_session::Retry;
use bitmart_sim::Fault;

const ORDERS: &str = "futures/order";

/// A client that is subscribed, and whose events have been read so far.
async fn subscribed(topics: &[&str]) -> World {
    let mut world = World::new(&[], |builder| builder).await;
    assert!(
        world
            .client
            .subscribe(topics.iter().copied())
            .await
            .unwrap()
            .all_done()
    );
    world.pass(Duration::from_secs(90)).await;
    world
}

fn lifecycle(events: Vec<Event>) -> Vec<Lifecycle> {
    let lifecycle = |event: Event| match event.kind {
        EventKind::Lifecycle(event) => Some(event),
        _ => None,
    };
    events.into_iter().filter_map(lifecycle).collect()
}

/// The delays that were told, in milliseconds.
fn delays(events: &[Lifecycle]) -> Vec<u64> {
    let delay = |event: &Lifecycle| match event {
        Lifecycle::Reconnecting { delay_ms, .. } => Some(*delay_ms),
        _ => None,
    };
    events.iter().filter_map(delay).collect()
}

/// Failure mode 53: connections are closed with 1012 ("service restart"), and upgrades refused with 503 and a
/// `Retry-After` until it is over. The first attempt comes within ten seconds, the others when they were told to; each
/// step says why, and it is one gap.
#[tokio::test(start_paused = true)]
async fn maintenance_is_waited_for_as_long_as_it_asks() {
    const RETRY_AFTER: Duration = Duration::from_secs(120);
    const REFUSALS: u64 = 3;
    let mut world = subscribed(&[ORDERS]).await;
    world
        .sim
        .inject(Fault::refuse_upgrade(503, Some(RETRY_AFTER)).times(REFUSALS));
    world.sim.inject(Fault::close(1012, "maintenance"));
    let events = lifecycle(world.pass(Duration::from_secs(1_200)).await);
    let Lifecycle::Closed { cause, .. } = &events[0] else {
        panic!("{events:?}")
    };
    assert!(
        matches!(cause, Cause::PeerClosed { code: Some(1012), reason } if reason == "maintenance"),
        "{cause:?}"
    );
    assert!(cause.to_string().contains("maintenance"), "{cause}");
    assert!(
        matches!(&events[1], Lifecycle::GapOpened(gap) if gap.cause == GapCause::Disconnected(cause.clone())),
        "{events:?}"
    );
    let refusals: Vec<&Cause> = events
        .iter()
        .filter_map(|event| match event {
            Lifecycle::ConnectFailed { cause, .. } => Some(cause),
            _ => None,
        })
        .collect();
    assert_eq!(refusals.len() as u64, REFUSALS, "{events:?}");
    for refusal in refusals {
        let Cause::Connect { kind, retry, text } = refusal else {
            panic!("{refusal:?}")
        };
        assert_eq!(*kind, ConnectErrorKind::Refused { status: 503 });
        assert_eq!(*retry, Retry::After { ms: 120_000 });
        assert!(text.contains("503"), "{text}");
    }
    let delays = delays(&events);
    assert!((1_000..=10_000).contains(&delays[0]), "{delays:?}");
    assert!(
        delays[1..]
            .iter()
            .all(|delay| (120_000..=180_000).contains(delay)),
        "no earlier than asked, and not all at once: {delays:?}"
    );
    let names: Vec<&str> = events.iter().map(Lifecycle::name).collect();
    let count = |name| names.iter().filter(|found| **found == name).count();
    assert_eq!((count("gap opened"), count("gap closed")), (1, 1), "{names:?}");
    assert_eq!(names.last(), Some(&"ready"), "{names:?}");
}

/// Failure mode 53, without a word about how long: 1013 ("try again later") and plain 503s are met with the usual
/// backoff, and what stands in the way is told to whoever asks.
#[tokio::test(start_paused = true)]
async fn maintenance_without_an_end_is_asked_about_ever_less_often() {
    let mut world = subscribed(&[ORDERS]).await;
    let over = world.sim.inject(Fault::refuse_upgrade(503, None).forever());
    world.sim.inject(Fault::close(1013, "later"));
    let events = lifecycle(world.pass(Duration::from_secs(2 * 3_600)).await);
    let attempts = delays(&events);
    assert!(
        (60..200).contains(&attempts.len()),
        "{} attempts in two hours",
        attempts.len()
    );
    let late = &attempts[attempts.len() - 20..];
    assert!(
        late.iter().all(|delay| *delay >= 45_000),
        "about one a minute in the end: {late:?}"
    );
    assert!(
        events
            .iter()
            .any(|event| matches!(event, Lifecycle::Degraded { .. })),
        "{events:?}"
    );
    let state = &world.client.states()[0];
    let reason = state.last_error.as_ref().map(ToString::to_string);
    assert!(reason.is_some_and(|reason| reason.contains("503")), "{state:?}");
    world.sim.clear(over);
    let names = world.names(Duration::from_secs(120)).await;
    assert_eq!(names.last(), Some(&"ready"), "{names:?}");
    assert_eq!(world.client.states()[0].status, Status::Ready);
}

/// A step of the book that each message is, as a reader would follow it.
fn steps(events: Vec<Event>, local: &mut Option<u64>) -> Vec<BookStep> {
    let mut decoder = Decoder::new();
    let mut steps = Vec::new();
    for event in events {
        let EventKind::Update(update) = event.kind else {
            continue;
        };
        let mut follow = |step: &dyn Fn(Option<u64>) -> BookStep, version: u64| {
            let step = step(*local);
            if matches!(step, BookStep::Replace | BookStep::Apply) {
                *local = Some(version);
            }
            steps.push(step);
        };
        match update.decode(&mut decoder).unwrap() {
            Message::SpotDepthUpdates { updates, .. } => {
                for update in updates {
                    follow(&|local| update.step(local), update.version);
                }
            }
            Message::FuturesDepthUpdates { updates, .. } => {
                for update in updates {
                    follow(&|local| update.step(local), update.version);
                }
            }
            other => panic!("{other:?}"),
        }
    }
    steps
}

/// Failure mode 55: the client delivers what was sent and keeps no book; the step of the next increment is a gap, and
/// stays so until a snapshot, such as a new subscription begins with.
#[tokio::test(start_paused = true)]
async fn a_skipped_version_is_a_step_that_breaks_the_book() {
    const MOMENT: Duration = Duration::from_secs(1);
    for topic in [
        "spot/depth/increase100:BTC_USDT",
        "futures/depthIncrease20:BTCUSDT",
    ] {
        let mut world = World::new(&[], |builder| builder).await;
        assert!(world.client.subscribe([topic]).await.unwrap().all_done());
        let mut local = None;
        let mut whole = Vec::new();
        for _ in 0..50 {
            world.sim.step().await;
            whole.extend(steps(world.pass(MOMENT).await, &mut local));
        }
        assert_eq!(whole[0], BookStep::Replace, "{topic}: {whole:?}");
        assert!(
            whole.len() > 5 && !whole.contains(&BookStep::Gap),
            "{topic}: {whole:?}"
        );
        let before = local;
        world.sim.inject(Fault::skip_push().on_topic(topic).times(5));
        let mut broken = Vec::new();
        for _ in 0..60 {
            world.sim.step().await;
            broken.extend(steps(world.pass(MOMENT).await, &mut local));
        }
        assert!(!broken.is_empty(), "{topic}: delivered as sent");
        assert!(
            broken.iter().all(|step| *step == BookStep::Gap),
            "{topic}: {broken:?}"
        );
        assert_eq!(local, before, "{topic}: nothing of it was applied");
        assert!(world.client.unsubscribe([topic]).await.unwrap().all_done());
        assert!(world.client.subscribe([topic]).await.unwrap().all_done());
        let mut healed = Vec::new();
        for _ in 0..30 {
            world.sim.step().await;
            healed.extend(steps(world.pass(MOMENT).await, &mut local));
        }
        let first = healed.iter().position(|step| *step == BookStep::Replace);
        let first = first.unwrap_or_else(|| panic!("{topic}: no snapshot: {healed:?}"));
        assert!(!healed[first..].contains(&BookStep::Gap), "{topic}: {healed:?}");
    }
}

/// Failure mode 56: what the exchange pushes twice is delivered twice, word for word and in its place; what it means is
/// known by the fill's own number.
#[tokio::test(start_paused = true)]
async fn a_repeated_fill_is_delivered_as_sent() {
    let texts = async |fault: Option<Fault>| {
        let mut world = subscribed(&[ORDERS]).await;
        if let Some(fault) = fault {
            world.sim.inject(fault);
        }
        let mut texts = Vec::new();
        for _ in 0..10 {
            world.sim.step().await;
            for event in world.pass(Duration::from_secs(1)).await {
                match event.kind {
                    EventKind::Update(update) => texts.push(update.text().to_owned()),
                    EventKind::Lifecycle(event) => panic!("{event}"),
                    _ => {}
                }
            }
        }
        texts
    };
    let once = texts(None).await;
    assert!(
        once.len() > 5 && once.iter().any(|text| text.contains("lastTradeID")),
        "{once:?}"
    );
    let twice = texts(Some(Fault::repeat_push().on_topic(ORDERS).forever())).await;
    let expected: Vec<String> = once
        .iter()
        .flat_map(|text| [text.clone(), text.clone()])
        .collect();
    assert!(twice == expected, "{} of {}", twice.len(), expected.len());
}

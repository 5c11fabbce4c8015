//! A consumer that stops reading, under each of the three policies.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bitmart::{Cause, Client, EventKind, Events, GapCause, Lifecycle, Outcome, Overflow, QueueLimits};
use bitmart_sim::{Simulator, Tick};

use crate::rig::{client_of, example_credentials, futures_private, of, until, until_ready};

const TOPICS: [&str; 2] = ["futures/order", "futures/position"];

/// A story that goes on only when it is told to, and a client whose queue is short.
async fn slow(policy: Overflow) -> (Simulator, Client, Events) {
    let sim = Simulator::builder()
        .seed(3)
        .tick(Tick::Manual)
        .start()
        .await
        .unwrap();
    let mut limits = QueueLimits::default();
    limits.max_messages = 20;
    let (client, mut events) = client_of(&sim)
        .queue(limits)
        .overflow(policy)
        .request_deadline(Duration::from_secs(1))
        .credentials(example_credentials())
        .build()
        .unwrap();
    assert!(client.subscribe(TOPICS).await.unwrap().all_done());
    until_ready(&mut events, futures_private()).await;
    (sim, client, events)
}

/// Reads what is there, until nothing has come for a moment: texts of updates, in order.
async fn texts(events: &mut Events) -> Vec<String> {
    let mut texts = Vec::new();
    while let Ok(event) = tokio::time::timeout(Duration::from_millis(700), events.next()).await {
        match event.unwrap().kind {
            EventKind::Update(update) => texts.push(update.text().to_owned()),
            EventKind::Lifecycle(Lifecycle::Paused | Lifecycle::Resumed) => {}
            EventKind::Lifecycle(event) => panic!("{event:?}"),
            _ => {}
        }
    }
    texts
}

/// Everything comes late, nothing is missing, and the exchange has kept the connection meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wait_delivers_everything_late() {
    let (sim, client, mut events) = slow(Overflow::Wait).await;
    // Another client of the same account, that keeps up.
    let (quick, mut quick_events) = client_of(&sim)
        .credentials(example_credentials())
        .build()
        .unwrap();
    assert!(quick.subscribe(TOPICS).await.unwrap().all_done());
    until_ready(&mut quick_events, futures_private()).await;
    for _ in 0..120 {
        sim.step().await;
    }
    let expected = texts(&mut quick_events).await;
    assert!(expected.len() > 120, "{}", expected.len());
    let pings = of(&sim, futures_private()).pings;
    // Of both clients: some intervals of the one that reads nothing, and a grace long past.
    until(&sim, "pings", |_| of(&sim, futures_private()).pings >= pings + 10).await;
    let state = &client.states()[0];
    assert!(
        state.counters.pushes <= 20,
        "reading has stopped: {:?}",
        state.counters
    );
    assert_eq!(texts(&mut events).await, expected);
    let state = &client.states()[0];
    assert_eq!((state.dropped, state.epoch.0), (0, 1));
    assert_eq!(of(&sim, futures_private()).connections, 2);
}

/// What was read is delivered, then the connection is cut and comes back when there is room: one announced gap.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn disconnect_cuts_and_comes_back_with_a_gap() {
    let (sim, client, mut events) = slow(Overflow::Disconnect).await;
    for _ in 0..60 {
        sim.step().await;
        tokio::task::yield_now().await;
    }
    until(&sim, "the cut", |counters| counters.total().open == 0).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(
        of(&sim, futures_private()).connections,
        1,
        "it waits for the consumer"
    );
    let (mut before, mut last, mut names) = (0, None, Vec::new());
    loop {
        match events.next().await.unwrap().kind {
            EventKind::Update(update) => {
                before += 1;
                last = Some(update.received_ns());
            }
            EventKind::Lifecycle(event) => {
                names.push(event.name());
                match event {
                    Lifecycle::Closed { cause, .. } => assert_eq!(cause, Cause::SlowConsumer),
                    Lifecycle::GapOpened(gap) => {
                        assert_eq!(gap.cause, GapCause::Disconnected(Cause::SlowConsumer));
                        assert_eq!(
                            gap.since.map(|since| since.ns),
                            last,
                            "exactly behind the last message"
                        );
                    }
                    Lifecycle::Ready { .. } => break,
                    _ => {}
                }
            }
            _ => {}
        }
    }
    assert!(before >= 20, "{before}");
    assert_eq!(
        names[..5],
        ["paused", "closed", "gap opened", "reconnecting", "resumed"],
        "{names:?}"
    );
    assert_eq!(client.states()[0].dropped, 0, "nothing is discarded by us");
    sim.step().await;
    client.close().await;
}

/// A call for another topic, and a close, are heard while nothing is read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_waits_for_its_consumer_can_be_closed() {
    let (sim, client, mut events) = slow(Overflow::Wait).await;
    for _ in 0..40 {
        sim.step().await;
    }
    // Its acknowledgement is not read, and the outcome says whose fault that is.
    let subscribing = client.subscribe(["futures/asset:USDT"]);
    let outcomes = tokio::time::timeout(Duration::from_secs(5), subscribing)
        .await
        .unwrap()
        .unwrap();
    let (_, outcome) = outcomes.iter().next().unwrap();
    assert!(
        matches!(
            outcome,
            Outcome::Pending {
                last_error: Some(Lifecycle::Paused)
            }
        ),
        "{outcome:?}"
    );
    assert!(
        outcome.to_string().contains("the events are not read"),
        "{outcome}"
    );
    tokio::time::timeout(Duration::from_secs(2), client.close())
        .await
        .unwrap();
    let mut updates = 0;
    while let Some(event) = events.next().await {
        updates += u32::from(matches!(event.kind, EventKind::Update(_)));
    }
    assert!(updates >= 17, "what was read is delivered: {updates}");
}

/// A queue for a single message is enough for a consumer that reads: answers of the exchange fill it for nobody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_shortest_queue_does_not_cut_a_consumer_that_reads() {
    for policy in [Overflow::Gap, Overflow::Wait, Overflow::Disconnect] {
        let sim = Simulator::builder().tick(Tick::Manual).start().await.unwrap();
        let mut limits = QueueLimits::default();
        limits.max_messages = 1;
        let (client, mut events) = client_of(&sim)
            .queue(limits)
            .overflow(policy)
            .credentials(example_credentials())
            .build()
            .unwrap();
        let outcomes = client.subscribe(TOPICS).await.unwrap();
        assert!(outcomes.all_done(), "{policy:?}: {outcomes:?}");
        until_ready(&mut events, futures_private()).await;
        assert_eq!(of(&sim, futures_private()).connections, 1, "{policy:?}");
        client.close().await;
    }
}

/// A consumer that is only slightly slow takes events while its queue fills: whatever stops for it goes on again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_that_is_only_slightly_slow_is_never_left_behind() {
    for policy in [Overflow::Wait, Overflow::Disconnect] {
        let (sim, client, mut events) = slow(policy).await;
        let updates = Arc::new(AtomicU64::new(0));
        let counter = updates.clone();
        let reader = tokio::spawn(async move {
            let (mut stops, mut starts) = (0, 0);
            while let Some(event) = events.next().await {
                match event.kind {
                    EventKind::Update(_) => {
                        counter.fetch_add(1, Ordering::Relaxed);
                        tokio::time::sleep(Duration::from_micros(50)).await;
                    }
                    EventKind::Lifecycle(Lifecycle::Paused) => stops += 1,
                    EventKind::Lifecycle(Lifecycle::Resumed) => starts += 1,
                    _ => {}
                }
            }
            (stops, starts)
        });
        for _ in 0..1_500 {
            sim.step().await;
        }
        // Whatever has happened by now, more comes through: a connection that was left behind brings nothing.
        let before = updates.load(Ordering::Relaxed);
        let goes_on = async {
            while updates.load(Ordering::Relaxed) < before + 100 {
                sim.step().await;
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let is_stuck = tokio::time::timeout(crate::rig::PATIENCE, goes_on).await.is_err();
        assert!(!is_stuck, "{policy:?}: {:?}", client.states());
        client.close().await;
        let (stops, starts) = reader.await.unwrap();
        // The close may come in the middle of a break.
        assert!(
            stops > 0 && stops - starts <= 1,
            "{policy:?}: {stops} stops, {starts} starts"
        );
    }
}

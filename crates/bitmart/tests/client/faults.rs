//! What a user sees when something goes wrong.

use std::time::Duration;

use bitmart::{Cause, EventKind, Events, GapCause, Lifecycle, Outcome, Status};
use bitmart_sim::exchange::{Intent, NewOrder};
use bitmart_sim::{EXAMPLE_KEY, Fault, Simulator};

use crate::rig::{
    SPOT_BALANCES, SPOT_ORDERS, client_of, example_credentials, futures_private, hasty, names_until, next_of,
    of, quiet_sim, spot_private, until, until_ready,
};

const AGAIN: [&str; 8] = [
    "closed",
    "gap opened",
    "reconnecting",
    "reconnected",
    "authenticated",
    "subscribed",
    "gap closed",
    "ready",
];

async fn subscribed(topics: &[&str]) -> (Simulator, bitmart::Client, Events) {
    let sim = quiet_sim().empty_push(false).start().await.unwrap();
    let (client, mut events) = client_of(&sim)
        .credentials(example_credentials())
        .build()
        .unwrap();
    assert!(client.subscribe(topics.iter().copied()).await.unwrap().all_done());
    until_ready(&mut events, spot_private()).await;
    (sim, client, events)
}

/// Failure modes 7, 25, 26 and 35: however a socket ends, the events say so, and all comes back by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_end_of_a_socket_is_announced_and_healed() {
    let (sim, _client, mut events) = subscribed(&[SPOT_ORDERS]).await;
    let faults = [
        Fault::reset(),
        Fault::cut(),
        Fault::close(1000, "bye"),
        Fault::close(4000, ""),
        Fault::silence(),
        Fault::send_binary([0xff, 0xff]),
    ];
    for (n, fault) in faults.into_iter().enumerate() {
        sim.inject(fault.clone());
        if n == 5 {
            let kind = next_of(&mut events, spot_private()).await.kind;
            assert!(
                matches!(kind, EventKind::Undecodable { .. }),
                "a bad message is no reason to close: {kind:?}"
            );
            continue;
        }
        let EventKind::Lifecycle(Lifecycle::Closed { cause, .. }) =
            next_of(&mut events, spot_private()).await.kind
        else {
            panic!("{fault:?}")
        };
        match (n, &cause) {
            (0 | 1, Cause::Lost { .. }) | (4, Cause::Silent) => {}
            (
                2,
                Cause::PeerClosed {
                    code: Some(1000),
                    reason,
                },
            ) => assert_eq!(reason, "bye"),
            (
                3,
                Cause::PeerClosed {
                    code: Some(4000),
                    reason,
                },
            ) => assert_eq!(reason, ""),
            _ => panic!("{fault:?}: {cause:?}"),
        }
        let EventKind::Lifecycle(Lifecycle::GapOpened(gap)) = next_of(&mut events, spot_private()).await.kind
        else {
            panic!("{fault:?}")
        };
        assert_eq!(gap.cause, GapCause::Disconnected(cause));
        assert_eq!(
            until_ready(&mut events, spot_private()).await,
            AGAIN[2..],
            "{fault:?}"
        );
    }
}

/// Failure mode 51.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_other_connection_does_not_notice() {
    let (sim, client, mut events) = subscribed(&[SPOT_ORDERS, "futures/position"]).await;
    sim.inject(Fault::reset().on(bitmart::Market::Spot, bitmart::Side::Private));
    until_ready(&mut events, spot_private()).await;
    assert_eq!(
        (
            of(&sim, spot_private()).connections,
            of(&sim, futures_private()).connections
        ),
        (2, 1)
    );
    client.close().await;
    while let Some(event) = events.next().await {
        if let EventKind::Lifecycle(event @ (Lifecycle::Closed { .. } | Lifecycle::Reconnecting { .. })) =
            event.kind
        {
            assert!(
                matches!(
                    event,
                    Lifecycle::Closed {
                        cause: Cause::Shutdown,
                        ..
                    }
                ),
                "{event:?}"
            );
        }
    }
}

/// Failure modes 17 and 50: data comes, the acknowledgement doesn't; it is asked for again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_acknowledgement_is_asked_for_again() {
    let sim = quiet_sim().empty_push(false).start().await.unwrap();
    sim.inject(Fault::drop_acks());
    let (client, mut events) = client_of(&sim)
        .credentials(example_credentials())
        .build()
        .unwrap();
    let subscribing = client.subscribe([SPOT_ORDERS]);
    let trading = async {
        until(&sim, "the subscription", |counters| {
            counters.total().subscribes > 0
        })
        .await;
        let bid = NewOrder::limit("BTC_USDT", Intent::Buy, "80000", "0.5");
        sim.place_order(bitmart::Environment::Live, EXAMPLE_KEY, &bid)
            .unwrap();
    };
    let (outcomes, ()) = tokio::join!(subscribing, trading);
    assert!(outcomes.unwrap().all_done());
    let names = until_ready(&mut events, spot_private()).await;
    let expected = [
        "gap opened",
        "opened",
        "authenticated",
        "update",
        "subscribed",
        "gap closed",
        "ready",
    ];
    assert_eq!(names, expected, "data before its acknowledgement is delivered");
}

/// Failure mode 13: never a second login on the same socket.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ignored_login_means_another_socket() {
    let sim = quiet_sim().empty_push(false).start().await.unwrap();
    sim.inject(Fault::ignore_login());
    let (client, mut events) = client_of(&sim)
        .credentials(example_credentials())
        .build()
        .unwrap();
    assert!(client.subscribe([SPOT_ORDERS]).await.unwrap().all_done());
    let names = until_ready(&mut events, spot_private()).await;
    assert_eq!(names[..4], ["gap opened", "opened", "closed", "reconnecting"]);
    assert_eq!(
        (
            of(&sim, spot_private()).connections,
            of(&sim, spot_private()).logins_refused
        ),
        (2, 0)
    );
}

/// Failure mode 8: the status and what the answer said are in the error; Retry-After is kept to.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_upgrade_says_why_and_is_tried_again() {
    let sim = quiet_sim().empty_push(false).start().await.unwrap();
    sim.inject(Fault::refuse_upgrade(503, Some(Duration::from_secs(1))));
    let (client, mut events) = client_of(&sim)
        .credentials(example_credentials())
        .build()
        .unwrap();
    let before = tokio::time::Instant::now();
    assert!(client.subscribe([SPOT_ORDERS]).await.unwrap().all_done());
    assert!(before.elapsed() >= Duration::from_secs(1));
    next_of(&mut events, spot_private()).await;
    let EventKind::Lifecycle(Lifecycle::ConnectFailed { cause, .. }) =
        next_of(&mut events, spot_private()).await.kind
    else {
        panic!()
    };
    assert!(cause.to_string().contains("503"), "{cause}");
}

/// Failure mode 20: one topic that the exchange refuses leaves the others alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_refused_topic_is_found_among_the_others() {
    let sim = quiet_sim().empty_push(false).start().await.unwrap();
    let (client, mut events) = client_of(&sim)
        .credentials(example_credentials())
        .build()
        .unwrap();
    let unlisted = "spot/user/order:NOPE_USDT";
    let outcomes = client
        .subscribe([SPOT_ORDERS, unlisted, SPOT_BALANCES, "futures/asset:USDT"])
        .await
        .unwrap();
    let failed: Vec<String> = outcomes.not_done().map(|(topic, _)| topic.to_string()).collect();
    assert_eq!(failed, [unlisted]);
    let outcome = outcomes.get(&unlisted.parse().unwrap()).unwrap();
    assert!(
        matches!(outcome, Outcome::Failed(_)) && outcome.to_string().contains("92001"),
        "{outcome}"
    );
    until_ready(&mut events, spot_private()).await;
    sim.inject(Fault::reset());
    let names = until_ready(&mut events, spot_private()).await;
    assert!(
        !names.contains(&"subscribe failed"),
        "what failed for good is not asked for again: {names:?}"
    );
}

/// Failure mode 12.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_refused_for_now_stays_pending_with_the_reason() {
    let sim = quiet_sim().start().await.unwrap();
    sim.inject(Fault::reject_login("95000", "internal error").forever());
    let (client, _events) = client_of(&sim)
        .credentials(example_credentials())
        .request_deadline(Duration::from_millis(700))
        .build()
        .unwrap();
    let outcomes = client.subscribe([SPOT_ORDERS]).await.unwrap();
    let (_, outcome) = outcomes.iter().next().unwrap();
    assert!(
        matches!(outcome, Outcome::Pending { .. }) && outcome.to_string().contains("95000"),
        "{outcome}"
    );
    assert_eq!(
        of(&sim, spot_private()).connections,
        1,
        "a refused login is not hammered"
    );
    assert_eq!(client.states()[0].status, Status::Connecting);
}

/// Failure mode 49: closing while there is no socket opens none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closing_during_the_backoff_opens_nothing() {
    let mut slow = hasty();
    slow.backoff.base_ms = 60_000;
    slow.backoff.ready_for_quick_ms = 1_000_000;
    let sim = quiet_sim().start().await.unwrap();
    let (client, mut events) = client_of(&sim)
        .credentials(example_credentials())
        .session(slow)
        .build()
        .unwrap();
    assert!(client.subscribe([SPOT_ORDERS]).await.unwrap().all_done());
    sim.inject(Fault::reset());
    names_until(&mut events, spot_private(), |event| {
        matches!(event, Lifecycle::Reconnecting { .. })
    })
    .await;
    let before = tokio::time::Instant::now();
    client.close().await;
    // A hundredth of the backoff, and room for a machine that is busy.
    assert!(
        before.elapsed() < Duration::from_millis(600),
        "{:?}",
        before.elapsed()
    );
    assert!(events.next().await.is_none());
    assert_eq!(of(&sim, spot_private()).connections, 1);
}

//! Opening and closing connections one by one.

use std::time::Duration;

use bitmart::{Cause, ClientError, EventKind, Failure, Lifecycle, Market, Outcome, Side, Status};

use crate::rig::{
    SPOT_ORDERS, client_of, example_credentials, futures_private, next_of, of, quiet_sim, spot_private, until,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_connection_is_closed_and_the_others_go_on() {
    let sim = quiet_sim().start().await.unwrap();
    let (client, mut events) = client_of(&sim)
        .credentials(example_credentials())
        .build()
        .unwrap();
    let topics = [SPOT_ORDERS, "futures/order"];
    assert!(client.subscribe(topics).await.unwrap().all_done());
    client.close_connection(spot_private()).await.unwrap();
    until(&sim, "the good-bye", |_| of(&sim, spot_private()).open == 0).await;
    let ids: Vec<_> = client.states().iter().map(|state| state.id).collect();
    assert_eq!(ids, [futures_private()]);
    let cause = loop {
        if let EventKind::Lifecycle(Lifecycle::Closed { cause, .. }) =
            next_of(&mut events, spot_private()).await.kind
        {
            break cause;
        }
    };
    assert_eq!(cause, Cause::Shutdown);
    assert_eq!(
        client.close_connection(spot_private()).await,
        Err(ClientError::NoSuchConnection { id: spot_private() })
    );
    // Its topics went with it.
    assert!(client.unsubscribe([SPOT_ORDERS]).await.unwrap().all_done());

    // A topic that would have gone there opens another, with an id of its own.
    assert!(client.subscribe([SPOT_ORDERS]).await.unwrap().all_done());
    let ids: Vec<_> = client
        .states()
        .iter()
        .map(|state| (state.id.market, state.id.index))
        .collect();
    assert_eq!(ids, [(Market::Futures, 0), (Market::Spot, 1)]);
    assert_eq!(of(&sim, futures_private()).connections, 1);
    client.close().await;
    while events.next().await.is_some() {}
    until(&sim, "all good-byes", |counters| counters.total().open == 0).await;
}

/// Whoever waits for a connection that is closed hears of it at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_waits_for_a_closed_connection_resolves() {
    let sim = quiet_sim().start().await.unwrap();
    sim.inject(bitmart_sim::Fault::ignore_login().forever());
    let (client, _events) = client_of(&sim)
        .credentials(example_credentials())
        .build()
        .unwrap();
    let waiting = tokio::spawn({
        let client = client.clone();
        async move { client.subscribe([SPOT_ORDERS]).await }
    });
    until(&sim, "a connection", |counters| counters.total().open == 1).await;
    client.close_connection(spot_private()).await.unwrap();
    let outcomes = tokio::time::timeout(Duration::from_secs(1), waiting)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    let (_, outcome) = outcomes.iter().next().unwrap();
    assert_eq!(*outcome, Outcome::Failed(Failure::Closed));
}

/// A hundred connections, one after the other, leave nothing behind.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_come_and_go_leave_nothing_behind() {
    let sim = quiet_sim().start().await.unwrap();
    let (client, mut events) = client_of(&sim).build().unwrap();
    let reader = tokio::spawn(async move {
        let mut closed = 0;
        while let Some(event) = events.next().await {
            closed += u32::from(matches!(
                event.kind,
                EventKind::Lifecycle(Lifecycle::Closed { .. })
            ));
        }
        (closed, format!("{events:?}"))
    });
    for round in 0..20 {
        let (id, outcome) = client.connect(Market::Futures, Side::Public).await.unwrap();
        assert_eq!((id.index, outcome), (round, Outcome::Done));
        client.close_connection(id).await.unwrap();
        assert!(client.states().is_empty());
    }
    client.close().await;
    let (closed, events) = reader.await.unwrap();
    assert_eq!(closed, 20);
    assert!(events.contains("connections: 0"), "{events}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_connection_is_opened_ahead_of_its_topics() {
    let sim = quiet_sim().start().await.unwrap();
    let (client, _events) = client_of(&sim)
        .credentials(example_credentials())
        .build()
        .unwrap();
    for _ in 0..2 {
        let (id, outcome) = client.connect(Market::Spot, Side::Private).await.unwrap();
        assert_eq!((id, outcome), (spot_private(), Outcome::Done));
    }
    assert_eq!(client.states()[0].status, Status::Ready);
    assert!(client.subscribe([SPOT_ORDERS]).await.unwrap().all_done());
    assert_eq!(of(&sim, spot_private()).connections, 1);
    assert_eq!(of(&sim, spot_private()).logins_ok, 1);
}

#[tokio::test]
async fn a_private_connection_needs_credentials() {
    let sim = quiet_sim().start().await.unwrap();
    let (client, _events) = client_of(&sim).build().unwrap();
    let error = client.connect(Market::Futures, Side::Private).await.unwrap_err();
    assert_eq!(error, ClientError::NoCredentials { topic: None });
    assert!(
        error.to_string().contains("give the builder an API key"),
        "{error}"
    );
}

/// Whoever gives up waiting for one connection's good-bye leaves it to whoever waits for all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closing_waits_for_a_connection_that_is_closing_already() {
    let sim = quiet_sim().start().await.unwrap();
    let (client, _events) = client_of(&sim)
        .credentials(example_credentials())
        .build()
        .unwrap();
    assert!(client.subscribe([SPOT_ORDERS]).await.unwrap().all_done());
    // A peer that never says good-bye: a second is given to it.
    sim.inject(bitmart_sim::Fault::silence().forever());
    let before = tokio::time::Instant::now();
    let abandoned = tokio::time::timeout(Duration::from_millis(20), client.close_connection(spot_private()));
    assert!(abandoned.await.is_err());
    client.close().await;
    let took = before.elapsed();
    assert!(took >= Duration::from_millis(900), "{took:?}");
}

/// A connection that was refused for good holds nothing any more: to leave its topics is done at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn topics_of_a_refused_connection_can_be_left() {
    let sim = quiet_sim().start().await.unwrap();
    let wrong = bitmart::Credentials::new(bitmart_sim::EXAMPLE_KEY, "wrong", "memo").unwrap();
    let (client, _events) = client_of(&sim).credentials(wrong).build().unwrap();
    let outcomes = client.subscribe([SPOT_ORDERS]).await.unwrap();
    let (_, outcome) = outcomes.iter().next().unwrap();
    assert!(
        matches!(outcome, Outcome::Failed(Failure::AuthRejected(_))),
        "{outcome:?}"
    );
    assert!(client.unsubscribe([SPOT_ORDERS]).await.unwrap().all_done());
    // Also when its task has ended, with the good-bye.
    let ended = async {
        while client.states()[0].status != Status::Terminated {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(crate::rig::PATIENCE, ended).await.unwrap();
    until(&sim, "the end", |counters| counters.total().open == 0).await;
    assert!(client.unsubscribe([SPOT_ORDERS]).await.unwrap().all_done());
    assert!(client.states()[0].topics.is_empty());
}

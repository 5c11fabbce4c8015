//! The client's calls: made whole or not at all, and what was asked holds. And its events: none is lost.

use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

use bitmart::{ClientError, Event, EventKind, Market, Outcome, Side, Status};
use futures_core::Stream;

use crate::device::{drop_after, for_every_number_of_polls, slow_world};

const TOPICS: [&str; 2] = ["futures/order", "futures/position"];

/// Longer than anything here takes, and shorter than any deadline that would be told.
const WHILE: Duration = Duration::from_secs(2);

fn count(names: &[&str], name: &str) -> usize {
    names.iter().filter(|found| **found == name).count()
}

#[test]
fn subscribe_is_made_whole_or_not_at_all() {
    for_every_number_of_polls(async |polls| {
        let mut world = slow_world().await;
        let outcome = drop_after(polls, world.client.subscribe(TOPICS)).await;
        let names = world.names(WHILE).await;
        if polls == 0 {
            assert!(world.client.states().is_empty() && names.is_empty());
            return false;
        }
        let context = format!("dropped after {polls} polls: {names:?}");
        assert_eq!(
            (count(&names, "subscribed"), count(&names, "ready")),
            (2, 1),
            "{context}"
        );
        assert_eq!(world.sim.counters().total().subscribes, 2, "{context}");
        assert_eq!(world.client.states()[0].topics.len(), 2, "{context}");
        // Asked again it is so already, and nothing is sent.
        assert!(
            world.client.subscribe(TOPICS).await.unwrap().all_done(),
            "{context}"
        );
        assert_eq!(world.sim.counters().total().subscribes, 2, "{context}");
        outcome.is_some_and(|outcome| outcome.unwrap().all_done())
    });
}

#[test]
fn unsubscribe_is_made_whole_or_not_at_all() {
    for_every_number_of_polls(async |polls| {
        let mut world = slow_world().await;
        assert!(world.client.subscribe(TOPICS).await.unwrap().all_done());
        let outcome = drop_after(polls, world.client.unsubscribe([TOPICS[0]])).await;
        let names = world.names(WHILE).await;
        let asked = u64::from(polls > 0);
        let context = format!("dropped after {polls} polls: {names:?}");
        assert_eq!(world.sim.counters().total().unsubscribes, asked, "{context}");
        assert_eq!(count(&names, "unsubscribed") as u64, asked, "{context}");
        assert_eq!(
            world.client.states()[0].topics.len() as u64,
            2 - asked,
            "{context}"
        );
        assert_eq!(world.client.states()[0].status, Status::Ready, "{context}");
        outcome.is_some_and(|outcome| outcome.unwrap().all_done())
    });
}

#[test]
fn connect_all_opens_all_or_none() {
    for_every_number_of_polls(async |polls| {
        let mut world = slow_world().await;
        let outcome = drop_after(polls, world.client.connect_all()).await;
        let names = world.names(WHILE).await;
        let opened = if polls == 0 { 0 } else { 4 };
        let context = format!("dropped after {polls} polls: {names:?}");
        assert_eq!(count(&names, "ready"), opened, "{context}");
        assert_eq!(
            world.sim.counters().total().connections,
            opened as u64,
            "{context}"
        );
        assert_eq!(world.client.states().len(), opened, "{context}");
        outcome.is_some_and(|outcome| {
            let connected = outcome.unwrap();
            connected
                .connections
                .iter()
                .all(|(_, outcome)| *outcome == Outcome::Done)
        })
    });
}

#[test]
fn connect_opens_one_or_none() {
    for_every_number_of_polls(async |polls| {
        let mut world = slow_world().await;
        let outcome = drop_after(polls, world.client.connect(Market::Spot, Side::Private)).await;
        let names = world.names(WHILE).await;
        let opened = usize::from(polls > 0);
        let context = format!("dropped after {polls} polls: {names:?}");
        assert_eq!(count(&names, "ready"), opened, "{context}");
        assert_eq!(world.sim.counters().total().logins_ok, opened as u64, "{context}");
        outcome.is_some_and(|outcome| outcome.unwrap().1 == Outcome::Done)
    });
}

#[test]
fn close_connection_closes_it_all_the_same() {
    for_every_number_of_polls(async |polls| {
        let mut world = slow_world().await;
        let (spot, _) = world.client.connect(Market::Spot, Side::Private).await.unwrap();
        assert!(world.client.subscribe(TOPICS).await.unwrap().all_done());
        let outcome = drop_after(polls, world.client.close_connection(spot)).await;
        let names = world.names(WHILE).await;
        let closed = usize::from(polls > 0);
        let context = format!("dropped after {polls} polls: {names:?}");
        assert_eq!(count(&names, "closed"), closed, "{context}");
        assert_eq!(world.client.states().len(), 2 - closed, "{context}");
        assert_eq!(world.sim.counters().total().open, 2 - closed as u64, "{context}");
        if closed == 1 {
            let again = world.client.close_connection(spot).await;
            assert_eq!(
                again,
                Err(ClientError::NoSuchConnection { id: spot }),
                "{context}"
            );
        }
        outcome.is_some_and(|outcome| outcome.is_ok())
    });
}

#[test]
fn close_closes_everything_all_the_same() {
    for_every_number_of_polls(async |polls| {
        let mut world = slow_world().await;
        assert!(world.client.subscribe(TOPICS).await.unwrap().all_done());
        let outcome = drop_after(polls, world.client.close()).await;
        let names = world.names(WHILE).await;
        let closed = polls > 0;
        let context = format!("dropped after {polls} polls: {names:?}");
        assert_eq!(count(&names, "closed"), usize::from(closed), "{context}");
        assert_eq!(world.sim.counters().total().open, u64::from(!closed), "{context}");
        if closed {
            assert!(world.events.next().await.is_none(), "{context}");
            let late = world.client.subscribe(TOPICS).await;
            assert_eq!(late.unwrap_err(), ClientError::Closed, "{context}");
        }
        outcome.is_some()
    });
}

/// Everything a client says of a story, with futures dropped after so many polls; with 0 polls it is waited for.
async fn story(polls: usize, by_stream: bool) -> Vec<String> {
    let mut world = slow_world().await;
    assert!(world.client.subscribe(TOPICS).await.unwrap().all_done());
    let mut told = Vec::new();
    let mut tell = |event: Event| {
        told.push(match event.kind {
            EventKind::Update(update) => update.text().to_owned(),
            EventKind::Lifecycle(event) => event.name().to_owned(),
            other => format!("{other:?}"),
        });
    };
    for step in 0..12 {
        if step < 10 {
            world.sim.step().await;
        } else {
            world.client.close().await;
        }
        let mut in_vain = 0;
        // Until nothing has come for longer than a message takes.
        while in_vain * polls < 200 {
            let event = match by_stream {
                true => {
                    let next = poll_fn(|cx| Pin::new(&mut world.events).poll_next(cx));
                    drop_after(polls, next).await
                }
                false => drop_after(polls, world.events.next()).await,
            };
            match event {
                Some(Some(event)) => tell(event),
                Some(None) => return told,
                None => in_vain += 1,
            }
        }
    }
    panic!("the events don't end");
}

/// The sequence is the same, whenever the futures that wait for it are dropped.
fn no_event_is_lost(by_stream: bool) {
    let mut reference = None;
    for polls in 1..=20 {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let told = runtime.block_on(story(polls, by_stream));
        assert!(told.len() > 20, "{told:?}");
        let expected = reference.get_or_insert_with(|| told.clone());
        assert!(
            told == *expected,
            "dropped after {polls} polls: {} of {}",
            told.len(),
            expected.len()
        );
    }
}

#[test]
fn events_next_loses_no_event() {
    no_event_is_lost(false);
}

#[test]
fn the_stream_of_events_loses_none() {
    no_event_is_lost(true);
}

//! A consumer that stops reading, or wants to be cut off: in virtual time, against the simulator.
#![allow(clippy::unwrap_used, reason = "tests")]

mod memory;

use std::time::Duration;

use bitmart_proto::Market;
use bitmart_session::{Cause, Event};
use bitmart_sim::{Fault, Simulator};
use bitmart_ws::{Connection, Incoming};
use memory::{in_memory, signer};
use tokio::time::timeout;

async fn ready() -> (Simulator, Connection) {
    let (sim, config) = in_memory(Market::Futures).await;
    let mut connection = Connection::private(Market::Futures, signer(), config);
    for topic in ["futures/order", "futures/position"] {
        connection.subscribe(topic.parse().unwrap()).unwrap();
    }
    until_ready(&mut connection).await;
    (sim, connection)
}

async fn until_ready(connection: &mut Connection) {
    while !matches!(
        connection.next().await.unwrap(),
        Incoming::Event(Event::Ready { .. })
    ) {}
}

/// Stops reading, and takes the event that says so.
async fn pause(connection: &mut Connection) {
    connection.pause();
    assert!(matches!(
        connection.next().await,
        Some(Incoming::Event(Event::Paused))
    ));
}

/// What comes within a moment: the texts of pushes, and the names of events.
async fn all_there_is(connection: &mut Connection) -> Vec<String> {
    let mut seen = Vec::new();
    while let Ok(incoming) = timeout(Duration::from_millis(50), connection.next()).await {
        match incoming.unwrap() {
            Incoming::Push(push) => seen.push(String::from_utf8(push.text.to_vec()).unwrap()),
            Incoming::Event(event) => seen.push(event.name().to_owned()),
            _ => {}
        }
    }
    seen
}

/// Failure mode 41: nothing is read and nothing is lost, and the exchange hears from us all the while.
#[tokio::test(start_paused = true)]
async fn what_comes_in_a_pause_is_read_after_it() {
    let (sim, mut connection) = ready().await;
    let (reference_sim, mut reference) = ready().await;
    pause(&mut connection).await;
    let mut expected = Vec::new();
    for _ in 0..20 {
        sim.step().await;
        reference_sim.step().await;
        expected.extend(all_there_is(&mut reference).await);
    }
    assert!(expected.len() >= 20, "{}", expected.len());
    let pings_before = sim.counters().total().pings;
    let pause = timeout(Duration::from_secs(120), connection.next()).await;
    assert!(pause.is_err(), "nothing is lent in a pause: {pause:?}");
    let pings = sim.counters().total().pings - pings_before;
    assert!((7..=9).contains(&pings), "one each 15 s: {pings}");
    connection.resume();
    expected.insert(0, "resumed".into());
    assert_eq!(all_there_is(&mut connection).await, expected);
    assert_eq!(connection.counters().sockets, 1);
}

/// Failure mode 41: the exchange gives up on us in the pause, and a ping runs into that. What it had sent is read all
/// the same, but when in the pause it went nobody knows: the gap begins with the pause.
#[tokio::test(start_paused = true)]
async fn a_connection_cut_in_a_pause_is_a_gap_since_the_pause() {
    for seconds in [5, 60] {
        let (sim, mut connection) = ready().await;
        pause(&mut connection).await;
        sim.step().await;
        sim.inject(Fault::reset());
        let pause = timeout(Duration::from_secs(seconds), connection.next()).await;
        assert!(pause.is_err(), "it shows once reading goes on: {pause:?}");
        connection.resume();
        let mut seen = Vec::new();
        let gap = loop {
            match connection.next().await.unwrap() {
                Incoming::Push(push) => seen.push(push.received_ns),
                Incoming::Event(Event::GapOpened(gap)) => break gap,
                _ => {}
            }
        };
        assert!(!seen.is_empty(), "what had come before the end was read");
        let since = gap.since.unwrap().ns;
        // The pause began a pause's length before anything was read.
        let paused_at = seen[0] - seconds * 1_000_000_000;
        assert!(since <= paused_at, "{since} {paused_at} {seen:?}");
        until_ready(&mut connection).await;
    }
}

/// What one read had brought is not lost with the socket, though only its first message was taken before the pause.
#[tokio::test(start_paused = true)]
async fn messages_that_were_read_before_a_pause_are_lent_after_it() {
    let (sim, mut connection) = ready().await;
    for _ in 0..10 {
        sim.step().await;
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    let Some(Incoming::Push(first)) = connection.next().await else {
        panic!()
    };
    let read_at = first.received_ns;
    pause(&mut connection).await;
    sim.inject(Fault::reset());
    assert!(timeout(Duration::from_secs(60), connection.next()).await.is_err());
    connection.resume();
    let mut lent = 0;
    let gap = loop {
        match connection.next().await.unwrap() {
            Incoming::Push(push) if push.received_ns == read_at => lent += 1,
            Incoming::Event(Event::GapOpened(gap)) => break gap,
            _ => {}
        }
    };
    assert!(lent > 5, "{lent}");
    assert_eq!(gap.since.map(|since| since.ns), Some(read_at));
}

/// The last word of an exchange that restarts counts for more than the write that failed after it.
#[tokio::test(start_paused = true)]
async fn a_restart_that_is_said_in_a_pause_is_heard_after_it() {
    let (sim, mut connection) = ready().await;
    pause(&mut connection).await;
    sim.inject(Fault::close(1012, "restart"));
    assert!(timeout(Duration::from_secs(60), connection.next()).await.is_err());
    connection.resume();
    let cause = loop {
        if let Incoming::Event(Event::Closed { cause, .. }) = connection.next().await.unwrap() {
            break cause;
        }
    };
    assert!(
        matches!(cause, Cause::PeerClosed { code: Some(1012), .. }),
        "{cause:?}"
    );
}

/// All that was read before the cut is lent, then there is a gap that begins exactly behind it.
#[tokio::test(start_paused = true)]
async fn a_cut_lends_what_was_read_and_announces_the_rest() {
    let (sim, mut connection) = ready().await;
    for _ in 0..10 {
        sim.step().await;
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    let Some(Incoming::Push(_)) = connection.next().await else {
        panic!()
    };
    connection.cut();
    connection.pause();
    let seen = all_there_is(&mut connection).await;
    let closed = seen.iter().position(|name| name == "closed").unwrap();
    assert!(closed > 5, "what one read had brought is lent first: {seen:?}");
    assert_eq!(seen[closed..], ["closed", "gap opened", "reconnecting"]);
    let open = timeout(Duration::from_secs(60), connection.next()).await;
    assert!(open.is_err(), "no socket is opened in a pause: {open:?}");
    assert_eq!(connection.counters().sockets, 1);
    connection.resume();
    until_ready(&mut connection).await;
    assert_eq!(connection.counters().sockets, 2);
}

#[tokio::test(start_paused = true)]
async fn the_gap_of_a_cut_names_its_cause_and_the_last_message_lent() {
    let (sim, mut connection) = ready().await;
    sim.step().await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    let Some(Incoming::Push(first)) = connection.next().await else {
        panic!()
    };
    let mut last = Some(first.received_ns);
    connection.cut();
    loop {
        match connection.next().await.unwrap() {
            Incoming::Push(push) => last = Some(push.received_ns),
            Incoming::Event(Event::Closed { cause, .. }) => assert_eq!(cause, Cause::SlowConsumer),
            Incoming::Event(Event::GapOpened(gap)) => {
                assert_eq!(gap.since.map(|since| since.ns), last);
                break;
            }
            _ => {}
        }
    }
    until_ready(&mut connection).await;
}

/// Without a socket there is nothing to cut, and the next one is not cut for it.
#[tokio::test(start_paused = true)]
async fn a_cut_without_a_socket_does_nothing() {
    let (_sim, config) = in_memory(Market::Futures).await;
    let mut connection = Connection::private(Market::Futures, signer(), config);
    connection.subscribe("futures/order".parse().unwrap()).unwrap();
    connection.cut();
    until_ready(&mut connection).await;
    assert!(timeout(Duration::from_secs(60), connection.next()).await.is_err());
    assert_eq!(connection.counters().sockets, 1);
}

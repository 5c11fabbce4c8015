//! The simulator's own.

use std::time::Duration;

use bitmart_proto::{Environment, Market, Side};
use bitmart_reliability::weather::world::quiet_sim;
use bitmart_session::Event;
use bitmart_sim::{Simulator, Tick};
use bitmart_ws::{Connection, ConnectionConfig, Incoming, SharedBudget, TokioClock};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::net::TcpListener;
use tokio::time::timeout;

use crate::device::{drop_after, for_every_number_of_polls, for_every_number_of_polls_for_real, slow_world};

/// Far more than it takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// A start that is dropped leaves no port taken.
#[test]
fn start_leaves_nothing_behind() {
    for_every_number_of_polls_for_real(async |polls| {
        let free = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let start = Simulator::builder()
            .port(Environment::Live, Market::Spot, port)
            .control_port(0)
            .start();
        let started = drop_after(polls, start).await;
        let is_ready = started.is_some();
        if let Some(sim) = started {
            assert_eq!(sim.unwrap().port(Environment::Live, Market::Spot), port);
        }
        // Whatever ran was told to end, and has once it has been polled.
        tokio::time::sleep(Duration::from_millis(5)).await;
        let again = TcpListener::bind(("127.0.0.1", port)).await;
        assert!(again.is_ok(), "dropped after {polls} polls: {again:?}");
        is_ready
    });
}

/// A tick is run at the first poll, all of it.
#[test]
fn step_runs_whole_or_not_at_all() {
    const STEPS: usize = 6;
    let texts = async |polls: Option<usize>| {
        let mut world = slow_world().await;
        let topics = ["futures/order", "futures/position"];
        assert!(world.client.subscribe(topics).await.unwrap().all_done());
        let mut is_ready = true;
        for _ in 0..STEPS {
            match polls {
                Some(polls) => is_ready &= drop_after(polls, world.sim.step()).await.is_some(),
                None => world.sim.step().await,
            }
        }
        let events = world.pass(Duration::from_secs(2)).await;
        let text = |event: bitmart::Event| match event.kind {
            bitmart::EventKind::Update(update) => Some(update.text().to_owned()),
            _ => None,
        };
        let texts: Vec<String> = events.into_iter().filter_map(text).collect();
        (texts, is_ready)
    };
    for_every_number_of_polls(async |polls| {
        let (expected, _) = texts(None).await;
        assert!(expected.len() >= STEPS);
        let (found, is_ready) = texts(Some(polls)).await;
        match polls {
            0 => assert!(found.is_empty()),
            _ => assert_eq!(found, expected, "dropped after {polls} polls"),
        }
        is_ready
    });
}

/// A shutdown that is dropped has ended everything all the same, and at once.
#[test]
fn shutdown_ends_everything_all_the_same() {
    for_every_number_of_polls_for_real(async |polls| {
        let sim = Simulator::builder()
            .tls(false)
            .tick(Tick::Manual)
            .start()
            .await
            .unwrap();
        let port = sim.port(Environment::Live, Market::Spot);
        let url = sim.url(Environment::Live, Market::Spot, Side::Public);
        let mut config = ConnectionConfig::new(url.parse().unwrap());
        config.budget = SharedBudget::new(1_000);
        let mut connection = Connection::public(Market::Spot, config);
        let opened = timeout(PATIENCE, connection.next()).await.unwrap();
        assert!(
            matches!(opened, Some(Incoming::Event(Event::Opened { .. }))),
            "{opened:?}"
        );
        let closed = tokio::spawn(async move {
            while !matches!(
                connection.next().await,
                Some(Incoming::Event(Event::Closed { .. }))
            ) {}
        });
        let ended = drop_after(polls, sim.shutdown()).await;
        assert!(
            timeout(PATIENCE, closed).await.is_ok(),
            "dropped after {polls} polls"
        );
        let again = TcpListener::bind(("127.0.0.1", port)).await;
        assert!(again.is_ok(), "dropped after {polls} polls: {again:?}");
        ended.is_some()
    });
}

/// A connection that is no longer served is gone, for its client and for the simulator.
#[test]
fn serve_drops_its_connection() {
    const REQUEST: &[u8] = b"GET /api?protocol=1.1 HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n\
        Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";
    for_every_number_of_polls(async |polls| {
        let sim = quiet_sim(TokioClock::starting_at(0)).await;
        let acceptor = sim.acceptor(Environment::Live, Market::Spot);
        let (mut ours, theirs) = duplex(1_024);
        let client = tokio::spawn(async move {
            ours.write_all(REQUEST).await.unwrap();
            tokio::time::sleep(Duration::from_millis(20)).await;
            drop(ours.shutdown().await);
            let mut answer = Vec::new();
            ours.read_to_end(&mut answer).await.unwrap();
            answer
        });
        let served = drop_after(polls, acceptor.serve(theirs)).await;
        assert_eq!(sim.counters().total().open, 0, "dropped after {polls} polls");
        let answer = timeout(PATIENCE, client).await;
        // Dropped before the request was written, it is refused to be written.
        let answer = answer.expect("the end is seen").unwrap_or_default();
        assert!(
            answer.is_empty() || answer.starts_with(b"HTTP/1.1 101"),
            "{answer:?}"
        );
        served.is_some()
    });
}

//! The lending connection against the simulator: in virtual time over streams in memory, and over real sockets.
#![allow(clippy::unwrap_used, reason = "tests")]

mod memory;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bitmart_proto::{Environment, Market, Side};
use bitmart_session::{Cause, Event};
use bitmart_sim::{Fault, Simulator, Tick};
use bitmart_ws::connect::{ConnectConfig, Tls};
use bitmart_ws::{Clock, Connection, ConnectionConfig, Incoming, SharedBudget, TokioClock};

use memory::{in_memory, signer};

async fn until_ready(connection: &mut Connection) {
    while !matches!(
        connection.next().await.unwrap(),
        Incoming::Event(Event::Ready { .. })
    ) {}
}

/// P5 over a day: pings keep the socket alive, nothing else happens, and nothing is missed.
#[tokio::test(start_paused = true)]
async fn a_quiet_day_needs_one_socket() {
    for (market, topic) in [
        (Market::Spot, "spot/user/order:BTC_USDT"),
        (Market::Futures, "futures/order"),
    ] {
        let (sim, config) = in_memory(market).await;
        let mut connection = Connection::private(market, signer(), config);
        connection.subscribe(topic.parse().unwrap()).unwrap();
        until_ready(&mut connection).await;
        let day = tokio::time::sleep(Duration::from_secs(24 * 3_600));
        tokio::select! {
            incoming = connection.next() => panic!("{market}: {incoming:?}"),
            () = day => {}
        }
        let counters = connection.counters();
        assert_eq!(counters.sockets, 1);
        assert!(
            (5_700..=5_800).contains(&counters.pongs),
            "{market}: {counters:?}"
        );
        assert_eq!(sim.counters().total().connections, 1);
    }
}

/// Failure mode 3, in virtual time: noticed within 25 s of the last frame, and healed.
#[tokio::test(start_paused = true)]
async fn a_silent_peer_is_given_up_within_25_seconds() {
    let (sim, config) = in_memory(Market::Futures).await;
    let clock = config.clock.clone();
    let mut connection = Connection::private(Market::Futures, signer(), config);
    connection.subscribe("futures/order".parse().unwrap()).unwrap();
    until_ready(&mut connection).await;
    let last_frame_ns = clock.now_ns();
    tokio::time::sleep(Duration::from_secs(3)).await;
    sim.inject(Fault::silence());
    let Some(Incoming::Event(Event::Closed { cause, .. })) = connection.next().await else {
        panic!()
    };
    assert_eq!(cause, Cause::Silent);
    let took = Duration::from_nanos(clock.now_ns() - last_frame_ns);
    assert!(took <= Duration::from_millis(25_010), "{took:?}");
    let Some(Incoming::Event(Event::GapOpened(gap))) = connection.next().await else {
        panic!()
    };
    assert_eq!(gap.since.unwrap().ns, last_frame_ns);
    until_ready(&mut connection).await;
}

/// Failure modes 8 and 2: an upgrade that never comes runs into its deadline, and is tried again.
#[tokio::test(start_paused = true)]
async fn an_upgrade_that_hangs_runs_into_its_deadline() {
    let (sim, config) = in_memory(Market::Futures).await;
    sim.inject(Fault::stall_upgrade());
    let clock = config.clock.clone();
    let mut connection = Connection::public(Market::Futures, config);
    let Some(Incoming::Event(Event::ConnectFailed { cause, .. })) = connection.next().await else {
        panic!()
    };
    assert!(
        (4_990..=5_010).contains(&(clock.now_ns() / 1_000_000)),
        "{}",
        clock.now_ns()
    );
    assert!(cause.to_string().contains("5000 ms"), "{cause}");
}

/// Failure modes 41 and 46: a user who comes back late finds what had come before the exchange closed. The gap begins
/// where it was last certain that nothing was missing, not where the last message was read.
#[tokio::test(start_paused = true)]
async fn a_gap_begins_before_the_time_in_which_nobody_read() {
    let (sim, config) = in_memory(Market::Futures).await;
    let clock = config.clock.clone();
    let mut connection = Connection::private(Market::Futures, signer(), config);
    connection.subscribe("futures/order".parse().unwrap()).unwrap();
    until_ready(&mut connection).await;
    let idle = tokio::time::timeout(Duration::from_millis(1), connection.next()).await;
    assert!(idle.is_err(), "{idle:?}");
    let left_at = clock.now_ns();
    for _ in 0..5 {
        sim.step().await;
    }
    sim.inject(Fault::close(1000, "you don't listen"));
    tokio::time::sleep(Duration::from_secs(60)).await;
    let mut pushes = 0;
    let since = loop {
        match connection.next().await.unwrap() {
            Incoming::Push(push) => {
                assert!(
                    push.arrived_ns <= left_at && push.received_ns > left_at,
                    "{push:?}"
                );
                pushes += 1;
            }
            Incoming::Event(Event::GapOpened(gap)) => break gap.since.unwrap().ns,
            _ => {}
        }
    };
    assert!(pushes > 0);
    assert!(since <= left_at, "{since} {left_at}");
}

/// P3 in the usual case: whoever reads what comes when it comes has a gap that begins exactly at the last message, however
/// long the connection has been quiet.
#[tokio::test(start_paused = true)]
async fn a_gap_begins_at_the_last_message_of_a_quiet_connection() {
    let (sim, config) = in_memory(Market::Futures).await;
    let mut connection = Connection::private(Market::Futures, signer(), config);
    connection.subscribe("futures/order".parse().unwrap()).unwrap();
    until_ready(&mut connection).await;
    let quiet = tokio::time::timeout(Duration::from_millis(10_500), connection.next()).await;
    assert!(quiet.is_err(), "{quiet:?}");
    let mut last = None;
    while last.is_none() {
        sim.step().await;
        while let Ok(incoming) = tokio::time::timeout(Duration::from_millis(10), connection.next()).await {
            if let Incoming::Push(push) = incoming.unwrap() {
                assert_eq!(push.arrived_ns, push.received_ns);
                last = Some(push.received_ns);
            }
        }
    }
    sim.inject(Fault::reset());
    loop {
        if let Incoming::Event(Event::GapOpened(gap)) = connection.next().await.unwrap() {
            assert_eq!(gap.since.map(|since| since.ns), last);
            break;
        }
    }
}

/// A machine's clock that jumps ahead when it wakes up, while its timers go on where they were.
struct Suspendable {
    awake: TokioClock,
    slept_ns: Arc<AtomicU64>,
}

impl Clock for Suspendable {
    fn now_ns(&self) -> u64 {
        self.awake.now_ns() + self.slept_ns.load(Ordering::Relaxed)
    }

    fn wall_ms(&self) -> u64 {
        self.awake.wall_ms() + self.slept_ns.load(Ordering::Relaxed) / 1_000_000
    }
}

/// Failure mode 46: after a night, a probe goes out as soon as a timer fires. A socket that has lived on stays; one that
/// has died is given up when the grace is over, and the gap begins with the last frame before the night.
#[tokio::test(start_paused = true)]
async fn a_suspend_is_seen_on_the_boot_clock_and_probed() {
    const NIGHT: Duration = Duration::from_secs(8 * 3_600);
    for has_died in [false, true] {
        let (sim, mut config) = in_memory(Market::Futures).await;
        let slept_ns = Arc::<AtomicU64>::default();
        let clock = Arc::new(Suspendable {
            awake: TokioClock::starting_at(config.clock.wall_ms()),
            slept_ns: slept_ns.clone(),
        });
        config.clock = clock.clone();
        let mut connection = Connection::private(Market::Futures, signer(), config);
        connection.subscribe("futures/order".parse().unwrap()).unwrap();
        until_ready(&mut connection).await;
        let last_frame_ns = clock.now_ns();
        if has_died {
            sim.inject(Fault::silence());
        }
        let pings = sim.counters().total().pings;
        slept_ns.store(u64::try_from(NIGHT.as_nanos()).unwrap(), Ordering::Relaxed);
        let woken_ns = clock.now_ns();
        let next = tokio::time::timeout(Duration::from_secs(60), connection.next()).await;
        if !has_died {
            assert!(next.is_err(), "{next:?}");
            assert!(sim.counters().total().pings > pings);
            assert_eq!(connection.counters().sockets, 1);
            continue;
        }
        assert!(
            matches!(
                next,
                Ok(Some(Incoming::Event(Event::Closed {
                    cause: Cause::Silent,
                    ..
                })))
            ),
            "{next:?}"
        );
        let took = Duration::from_nanos(clock.now_ns() - woken_ns);
        assert!(took <= Duration::from_millis(25_010), "{took:?}");
        let Some(Incoming::Event(Event::GapOpened(gap))) = connection.next().await else {
            panic!()
        };
        assert_eq!(gap.since.unwrap().ns, last_frame_ns);
        sim.clear_all();
        until_ready(&mut connection).await;
    }
}

/// What one story of the simulator looks like when it is read without haste.
async fn read_story(connection: &mut Connection, sim: &Simulator, steps: usize) -> Vec<String> {
    let mut texts = Vec::new();
    for _ in 0..steps {
        sim.step().await;
        while let Ok(incoming) = tokio::time::timeout(Duration::from_millis(1), connection.next()).await {
            if let Incoming::Push(push) = incoming.unwrap() {
                texts.push(String::from_utf8(push.text.to_vec()).unwrap());
            }
        }
    }
    texts
}

/// Failure mode 44: futures dropped after k polls lose no message and leave no half frame, for every k.
#[tokio::test(start_paused = true)]
async fn futures_dropped_after_any_number_of_polls_lose_nothing() {
    const STEPS: usize = 25;
    const TOPICS: [&str; 3] = ["futures/order", "futures/position", "futures/asset:USDT"];
    let open = || async {
        let (sim, config) = in_memory(Market::Futures).await;
        let mut connection = Connection::private(Market::Futures, signer(), config);
        for topic in TOPICS {
            connection.subscribe(topic.parse().unwrap()).unwrap();
        }
        (sim, connection)
    };
    let (sim, mut connection) = open().await;
    until_ready(&mut connection).await;
    let expected = read_story(&mut connection, &sim, STEPS).await;
    assert!(expected.len() > STEPS, "{}", expected.len());

    for polls in 1..=6 {
        let (sim, mut connection) = open().await;
        let (mut texts, mut steps, mut is_ready, mut dropped) = (Vec::new(), 0, false, 0);
        while texts.len() < expected.len() {
            let mut cx = Context::from_waker(Waker::noop());
            let mut next = pin!(connection.next());
            let mut outcome = Poll::Pending;
            for _ in 0..polls {
                outcome = next.as_mut().poll(&mut cx);
                if outcome.is_ready() {
                    break;
                }
                tokio::task::yield_now().await;
            }
            match outcome {
                Poll::Ready(Some(Incoming::Push(push))) => {
                    texts.push(String::from_utf8(push.text.to_vec()).unwrap());
                }
                Poll::Ready(Some(Incoming::Event(Event::Ready { .. }))) => is_ready = true,
                Poll::Ready(Some(_)) => {}
                Poll::Ready(None) => panic!("the connection has ended"),
                Poll::Pending if is_ready && steps < STEPS => {
                    steps += 1;
                    sim.step().await;
                }
                Poll::Pending => {
                    dropped += 1;
                    assert!(
                        dropped < 100_000,
                        "{polls} polls: {} of {} messages",
                        texts.len(),
                        expected.len()
                    );
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            }
        }
        assert_eq!(texts, expected, "futures dropped after {polls} polls");
        assert_eq!(connection.counters().sockets, 1);
    }
}

/// P2, and failure mode 45: every message is counted once, over several sockets, and nothing is lost in between.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sums_add_up_over_tls() {
    let sim = Simulator::builder()
        .seed(7)
        .tick(Tick::Manual)
        .start()
        .await
        .unwrap();
    let url = sim.url(Environment::Live, Market::Spot, Side::Private);
    let mut config = ConnectionConfig::new(url.parse().unwrap());
    let tls = Tls::with_own_roots([sim.ca_der().to_vec()]).unwrap();
    config.connect = ConnectConfig::new().with_tls(tls);
    config.budget = SharedBudget::new(1_000);
    config.session.backoff.base_ms = 20;
    let mut connection = Connection::private(Market::Spot, signer(), config);
    for topic in ["spot/user/order:BTC_USDT", "spot/user/balance:BALANCE_UPDATE"] {
        connection.subscribe(topic.parse().unwrap()).unwrap();
    }
    let (mut pushes, mut responses) = (0, 0);
    for fault in [
        Some(Fault::reset()),
        Some(Fault::send_text("what is this?")),
        None,
    ] {
        until_ready(&mut connection).await;
        for _ in 0..20 {
            sim.step().await;
        }
        if let Some(fault) = fault {
            sim.inject(fault);
        }
        while let Ok(incoming) = tokio::time::timeout(Duration::from_millis(300), connection.next()).await {
            match incoming.unwrap() {
                Incoming::Push(_) => pushes += 1,
                Incoming::Response(_) => responses += 1,
                Incoming::Event(Event::Reconnected { .. }) => break,
                Incoming::Unknown(text) => {
                    assert_eq!(text, "what is this?");
                    sim.inject(Fault::reset());
                }
                _ => {}
            }
        }
    }
    let counters = connection.counters();
    let sum = counters.pushes + counters.replies + counters.pongs + counters.unknown + counters.undecodable;
    assert_eq!(counters.messages, sum, "{counters:?}");
    assert_eq!((counters.sockets, counters.unknown), (3, 1), "{counters:?}");
    // What `until_ready` read is counted too.
    assert!(
        counters.pushes >= pushes && counters.replies >= responses && pushes > 20,
        "{counters:?}"
    );
    connection.close();
    while connection.next().await.is_some() {}
    assert!(connection.next().await.is_none(), "over is over");
}

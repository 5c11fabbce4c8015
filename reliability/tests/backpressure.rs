//! A consumer that stands still, for hours of virtual time, under each of the three policies.
#![cfg(feature = "network")]
#![allow(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use bitmart::{
    Event, EventKind, GapCause, GapKind, Lifecycle, Market, Outcome, Overflow, QueueLimits, Side, Status,
};
use bitmart_reliability::weather::world::{World, client_of};
use bitmart_sim::Fault;
use tokio::runtime::Runtime;
use tokio::time::sleep;

const POLICIES: [Overflow; 3] = [Overflow::Gap, Overflow::Wait, Overflow::Disconnect];

const TOPIC: &str = "futures/order";

/// Messages that a queue here holds.
const MAX_MESSAGES: usize = 20;

/// Bytes that the client reads at once, which it may have read already when it is to stop.
const READ_BYTES: usize = 64 << 10;

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap()
}

/// A client with a short queue that is subscribed, and whose events have been read so far.
async fn subscribed(policy: Overflow, topics: &[&str]) -> World {
    let mut limits = QueueLimits::default();
    limits.max_messages = MAX_MESSAGES;
    let mut world = World::new(&[], |builder| builder.overflow(policy).queue(limits)).await;
    let outcomes = world.client.subscribe(topics.iter().copied()).await.unwrap();
    assert!(outcomes.all_done(), "{outcomes:?}");
    world.pass(Duration::from_millis(10)).await;
    world
}

/// A message of the topic, as the exchange writes it. Its number is in it.
fn message(number: usize) -> String {
    format!(
        r#"{{"group":"futures/order","data":[{{"action":2,"order":{{"order_id":"{number:012}","client_order_id":"","price":"100","size":"1","symbol":"BTCUSDT","state":2,"side":1,"type":"limit","leverage":"10","open_type":"cross","deal_avg_price":"0","deal_size":"0","create_time":1700000000000,"update_time":1700000000000,"plan_order_id":"","last_trade":null,"trigger_price":"-","trigger_price_type":"-","execution_price":"-","activation_price_type":"-","activation_price":"-","callback_rate":"-","position_mode":"hedge_mode"}}}}]}}"#
    )
}

/// The same message again and again, so many times a second.
async fn flood(world: &World, messages: usize, per_second: usize) {
    let fault = Fault::send_text(message(0)).on(Market::Futures, Side::Private);
    for number in 0..messages {
        // With nobody there it would wait for the next to come.
        if world.sim.counters().total().open > 0 {
            world.sim.inject(fault.clone());
        }
        if number % per_second == per_second - 1 {
            sleep(Duration::from_secs(1)).await;
        }
    }
}

/// Failure mode 41: while a connection lives, it pings, whatever its consumer does; and one that was cut for its
/// consumer stays away until the consumer is back.
#[test]
fn a_stalled_consumer_never_stops_the_pings() {
    const HOURS: u64 = 6;
    for policy in POLICIES {
        runtime().block_on(async {
            let mut world = subscribed(policy, &[TOPIC]).await;
            flood(&world, 10 * MAX_MESSAGES, 100).await;
            let mut pings = world.sim.counters().total().pings;
            for hour in 0..HOURS {
                // Now and then something more comes.
                for _ in 0..6 {
                    sleep(Duration::from_secs(600)).await;
                    flood(&world, 1, 1).await;
                }
                let now = world.sim.counters().total();
                let (open, least) = match policy {
                    Overflow::Disconnect => (0, 0),
                    // One each 15 s.
                    _ => (1, 235),
                };
                assert_eq!((now.open, now.connections), (open, 1), "{policy:?}, hour {hour}");
                assert!(
                    (least..=242).contains(&(now.pings - pings)),
                    "{policy:?}, hour {hour}: {} pings",
                    now.pings - pings
                );
                pings = now.pings;
            }
            let events = world.pass(Duration::from_secs(5)).await;
            assert!(events.len() >= MAX_MESSAGES, "{policy:?}");
            assert_eq!(world.client.states()[0].status, Status::Ready, "{policy:?}");
        });
    }
}

/// P7: once the queue is full, ten times as many messages take no more memory.
#[test]
fn memory_is_flat_while_the_consumer_stands_still() {
    const FEW: usize = 600;
    const MANY: usize = 10 * FEW;
    for policy in POLICIES {
        let runtime = runtime();
        let world = runtime.block_on(subscribed(policy, &[TOPIC]));
        runtime.block_on(flood(&world, FEW, 100));
        let info = allocation_counter::measure(|| runtime.block_on(flood(&world, MANY, 100)));
        let grown = info.bytes_current;
        // The exchange is in the same process: of what isn't read from it, it keeps a reference for each message.
        let bound = match policy {
            Overflow::Wait => 64 * i64::try_from(MANY).unwrap() + 128 * 1_024,
            _ => 16 * 1_024,
        };
        assert!(
            grown <= bound,
            "{policy:?}: {grown} bytes more after {MANY} messages"
        );
        assert!(
            bound < i64::try_from(MANY * message(0).len()).unwrap() / 4,
            "that would prove nothing"
        );
        let state = &world.client.states()[0];
        let read = usize::try_from(state.counters.pushes).unwrap();
        let ahead = READ_BYTES / message(0).len() + MAX_MESSAGES + 1;
        match policy {
            Overflow::Gap => assert!(read > MANY, "{policy:?}: {read} were read"),
            _ => assert!(read <= ahead, "{policy:?}: {read} were read"),
        }
    }
}

/// What the events of a connection add up to.
#[derive(Debug, Default)]
struct Sums {
    delivered: u64,
    announced: u64,
    /// Numbers of the messages, in order.
    numbers: Vec<usize>,
}

impl Sums {
    fn of(events: &[Event]) -> Self {
        let mut sums = Self::default();
        for event in events {
            match &event.kind {
                EventKind::Update(update) => {
                    sums.delivered += 1;
                    let digits = update.text().split(r#""order_id":""#).nth(1).unwrap();
                    sums.numbers.push(digits[..12].parse().unwrap());
                }
                EventKind::Lifecycle(Lifecycle::GapOpened(gap)) => {
                    if let GapCause::Overflow { dropped } = gap.cause {
                        sums.announced += dropped;
                    }
                }
                _ => {}
            }
        }
        sums
    }
}

/// Failure mode 41: however often a consumer falls behind, what it is told of adds up to what was sent, and each gap
/// stands where its messages are missing.
#[test]
fn what_is_delivered_and_what_is_announced_add_up() {
    for seed in 0..20 {
        runtime().block_on(async {
            let mut world = subscribed(Overflow::Gap, &[TOPIC]).await;
            let mut rng = fastrand::Rng::with_seed(seed);
            let (mut sent, mut events) = (0, Vec::new());
            for _ in 0..30 {
                for _ in 0..rng.usize(0..60) {
                    world.sim.inject(Fault::send_text(message(sent)));
                    sent += 1;
                }
                sleep(Duration::from_secs(1)).await;
                for _ in 0..rng.usize(0..50) {
                    match tokio::time::timeout(Duration::from_millis(1), world.events.next()).await {
                        Ok(event) => events.push(event.unwrap()),
                        Err(_) => break,
                    }
                }
            }
            // An announcement counts what was dropped until it is read: so all is read, then one more closes the gap.
            events.extend(world.pass(Duration::from_secs(1)).await);
            world.sim.inject(Fault::send_text(message(sent)));
            sent += 1;
            events.extend(world.pass(Duration::from_secs(1)).await);
            let sums = Sums::of(&events);
            let dropped = world.client.states()[0].dropped;
            assert_eq!(sums.delivered + dropped, sent as u64, "seed {seed}");
            assert!(sums.announced <= dropped, "seed {seed}: {sums:?}");
            assert!(dropped > 0, "seed {seed}: nobody was behind");
            // Each jump of the numbers has its announcement in its place.
            let (mut next, mut is_open) = (0, false);
            for event in &events {
                match &event.kind {
                    EventKind::Lifecycle(Lifecycle::GapOpened(gap)) => {
                        is_open |= matches!(gap.cause, GapCause::Overflow { .. });
                    }
                    EventKind::Lifecycle(Lifecycle::GapClosed(gap)) => {
                        assert_eq!((gap.kind, is_open), (GapKind::Overflow, true), "seed {seed}");
                        is_open = false;
                        // The next message may be any later one.
                        next = usize::MAX;
                    }
                    EventKind::Update(update) => {
                        let digits = update.text().split(r#""order_id":""#).nth(1).unwrap();
                        let number: usize = digits[..12].parse().unwrap();
                        assert!(!is_open, "seed {seed}: {number} is delivered inside a gap");
                        assert!(
                            next == usize::MAX || number == next,
                            "seed {seed}: {number} after {next}"
                        );
                        next = number + 1;
                    }
                    _ => {}
                }
            }
            assert!(sums.numbers.is_sorted(), "seed {seed}");
        });
    }
}

/// Failure mode 41, at its worst: the queue is full of messages, the places of lifecycle events are taken too. The
/// connection is left to itself then, and whatever was dropped before stands in its place.
#[test]
fn a_gap_has_its_place_when_everything_is_full() {
    runtime().block_on(async {
        let mut world = subscribed(Overflow::Gap, &[TOPIC]).await;
        flood(&world, 3 * MAX_MESSAGES, 100).await;
        sleep(Duration::from_secs(1)).await;
        // Each loss and recovery makes eight events; a thousand and some have places.
        for _ in 0..300 {
            world.sim.inject(Fault::reset());
            sleep(Duration::from_secs(90)).await;
            if world.sim.counters().total().open > 0 {
                flood(&world, 1, 100).await;
            }
        }
        // The last resets hit whoever came next: nobody is to be hit any more.
        world.sim.clear_all();
        let connections = world.sim.counters().total().connections;
        assert!((100..250).contains(&connections), "{connections}: the places have come to an end");
        let events = world.pass(Duration::from_secs(120)).await;
        let sums = Sums::of(&events);
        let state = &world.client.states()[0];
        assert_eq!(state.status, Status::Ready, "{state:?}");
        // And what lay unread in the socket meanwhile.
        assert!(sums.delivered >= MAX_MESSAGES as u64, "{sums:?}");
        assert_eq!((sums.announced, sums.delivered + state.dropped), (state.dropped, state.counters.pushes));
        // Behind the last message that had a place.
        let is_overflow = |event: &Event| {
            matches!(&event.kind, EventKind::Lifecycle(Lifecycle::GapOpened(gap)) if gap.cause.kind() == GapKind::Overflow)
        };
        let at = events.iter().position(is_overflow).unwrap();
        assert!(matches!(events[at - 1].kind, EventKind::Update(_)), "{:?}", events[at - 1]);
        assert!(!events[at + 1..].iter().any(is_overflow), "one overflow, one gap");
    });
}

/// Failure mode 41, for the others: another client hears everything when it is sent, and so does another connection of
/// the same client, whose turn comes with each event that is read.
#[test]
fn a_stalled_consumer_slows_nobody_else() {
    for policy in POLICIES {
        runtime().block_on(async {
            let mut world = subscribed(policy, &[TOPIC, "spot/user/order:BTC_USDT"]).await;
            let (quick, mut quick_events) = client_of(&world.sim, world.clock, &[], |builder| builder);
            assert!(quick.subscribe([TOPIC]).await.unwrap().all_done());
            while !matches!(
                quick_events.next().await.unwrap().kind,
                EventKind::Lifecycle(Lifecycle::Ready { .. })
            ) {}
            for number in 0..200 {
                let fault = Fault::send_text(message(number)).on(Market::Futures, Side::Private);
                world.sim.inject(fault);
                let next = tokio::time::timeout(Duration::from_millis(1), quick_events.next()).await;
                let next = next
                    .unwrap_or_else(|_| panic!("{policy:?}: number {number} is late"))
                    .unwrap();
                assert!(matches!(next.kind, EventKind::Update(_)), "{policy:?}: {next:?}");
            }
            let unlike = message(0).replace("futures/order", "spot/user/order");
            world
                .sim
                .inject(Fault::send_text(unlike).on(Market::Spot, Side::Private));
            sleep(Duration::from_secs(1)).await;
            let mut turns = 0;
            while world.events.next().await.unwrap().connection.market == Market::Futures {
                turns += 1;
                assert!(turns < 3, "{policy:?}: connections take turns");
            }
            // Nor does it keep calls about others from being answered.
            let outcomes = world
                .client
                .subscribe(["spot/user/balance:BALANCE_UPDATE"])
                .await
                .unwrap();
            assert_eq!(outcomes.iter().next().unwrap().1, &Outcome::Done, "{policy:?}");
        });
    }
}

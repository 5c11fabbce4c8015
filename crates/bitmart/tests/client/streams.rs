//! What a user sees when all goes well.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};
use std::time::Duration;

use bitmart::proto::{OrderAction, SpotOrderState, Update};
use bitmart::{
    Channel, Client, ClientError, Decoder, Environment, EventKind, GapCause, Lifecycle, Market, Num, Outcome,
    QueueLimits, Side, Status, Symbol, Topic,
};
use bitmart_sim::exchange::{Intent, NewOrder};
use bitmart_sim::{Compress, EXAMPLE_KEY, Simulator};

use crate::rig::{
    SPOT_BALANCES, SPOT_ORDERS, client_of, example_credentials, futures_private, next_of, of, quiet_sim,
    spot_private, until, until_ready,
};

const TOPICS: [&str; 7] = [
    SPOT_ORDERS,
    SPOT_BALANCES,
    "futures/asset:USDT",
    "futures/asset:BTC",
    "futures/asset:ETH",
    "futures/position",
    "futures/order",
];

/// Failure mode 37, among other things: what is compressed comes beside what is not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_private_stream_brings_typed_events() {
    for compress in [Compress::Never, Compress::AfterSubscribe, Compress::Always] {
        let sim = quiet_sim()
            .compress(compress)
            .empty_push(false)
            .start()
            .await
            .unwrap();
        let (client, mut events) = client_of(&sim)
            .credentials(example_credentials())
            .build()
            .unwrap();
        let outcomes = client.subscribe(TOPICS).await.unwrap();
        assert!(outcomes.all_done(), "{outcomes:?}");
        let order: Vec<&str> = outcomes.iter().map(|(topic, _)| topic.as_str()).collect();
        assert_eq!(order, TOPICS, "in the order of the call");
        let spot = [
            "gap opened",
            "opened",
            "authenticated",
            "subscribed",
            "subscribed",
            "gap closed",
            "ready",
        ];
        assert_eq!(until_ready(&mut events, spot_private()).await, spot);

        let mut decoder = Decoder::new();
        let bid = NewOrder::limit("BTC_USDT", Intent::Buy, "80000", "0.5").client_order_id("mine1");
        let id = sim.place_order(Environment::Live, EXAMPLE_KEY, &bid).unwrap();
        sim.fill(id, "0.2").unwrap();
        let mut seen = Vec::new();
        while seen.len() < 3 {
            let event = next_of(&mut events, spot_private()).await;
            assert_eq!(event.epoch.0, 1);
            let EventKind::Update(update) = event.kind else {
                panic!("{:?}", event.kind)
            };
            match update.decode(&mut decoder).unwrap() {
                Update::SpotOrders { orders, .. } => {
                    let order = orders.get(0).unwrap();
                    assert_eq!((order.symbol, order.client_order_id), ("BTC_USDT", Some("mine1")));
                    match order.state().unwrap() {
                        SpotOrderState::New => assert!(order.filled_size.unwrap().is_zero()),
                        SpotOrderState::PartiallyFilled => {
                            assert_eq!(order.fill().unwrap().size.unwrap().to_scaled(8), Ok(20_000_000));
                        }
                        state => panic!("{state:?}"),
                    }
                    seen.push("order");
                }
                Update::SpotBalances { changes, .. } => {
                    for change in changes.iter().flat_map(|change| change.details) {
                        let held = sim.spot_balance(EXAMPLE_KEY, change.currency).unwrap();
                        let available = held.available.to_string();
                        assert_eq!(change.available.to_scaled(12), Num::new(&available).to_scaled(12));
                    }
                    seen.push("balance");
                }
                update => panic!("{update:?}"),
            }
        }
        assert_eq!(seen, ["order", "order", "balance"]);

        let long = NewOrder::limit("BTCUSDT", Intent::OpenLong, "85000", "100");
        let id = sim.place_order(Environment::Live, EXAMPLE_KEY, &long).unwrap();
        sim.fill(id, "40").unwrap();
        let (mut held, mut matched, mut assets) = (0, false, 0);
        while held != 40 || !matched || assets == 0 {
            let EventKind::Update(update) = next_of(&mut events, futures_private()).await.kind else {
                continue;
            };
            match update.decode(&mut decoder).unwrap() {
                Update::FuturesOrders { orders, .. } => {
                    matched |= orders
                        .iter()
                        .any(|order| order.action == OrderAction::MATCH && order.is_partly_filled());
                }
                Update::FuturesPositions { positions, .. } => {
                    held = positions
                        .get(0)
                        .map_or(0, |position| position.hold_volume.to_scaled(0).unwrap());
                }
                Update::FuturesAssets { assets: balances, .. } => assets += balances.len(),
                update => panic!("{update:?}"),
            }
        }
        client.close().await;
        sim.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn topics_of_one_market_and_side_share_a_connection() {
    let sim = quiet_sim().start().await.unwrap();
    let (client, _events) = client_of(&sim)
        .credentials(example_credentials())
        .build()
        .unwrap();
    for topic in TOPICS {
        assert!(client.subscribe([topic]).await.unwrap().all_done(), "{topic}");
        assert!(
            client.subscribe([topic]).await.unwrap().all_done(),
            "{topic} once more"
        );
    }
    let topic = Topic::with_symbol(Channel::FuturesTicker, &Symbol::new("BTCUSDT").unwrap()).unwrap();
    assert_eq!(
        client.subscribe([&topic]).await.unwrap().get(&topic),
        Some(&Outcome::Done)
    );
    let ids: Vec<String> = client.states().iter().map(|state| state.id.to_string()).collect();
    assert_eq!(ids, ["spot private", "futures private", "futures public"]);
    assert_eq!(sim.counters().total().connections, 3);
    assert_eq!(
        of(&sim, futures_private()).subscribes,
        5,
        "nothing is asked for twice"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_connection_is_followed_by_another() {
    let symbols: Vec<Symbol> = (0..130)
        .map(|n| Symbol::new(&format!("COIN{n}_USDT")).unwrap())
        .collect();
    let sim = symbols
        .iter()
        .cloned()
        .fold(quiet_sim(), |sim, symbol| sim.list(symbol))
        .start()
        .await
        .unwrap();
    let (client, _events) = client_of(&sim).build().unwrap();
    let topics = symbols
        .iter()
        .map(|symbol| Topic::with_symbol(Channel::SpotTicker, symbol).unwrap());
    let outcomes = client.subscribe(topics).await.unwrap();
    assert!(
        outcomes.all_done(),
        "{:?}",
        outcomes.not_done().collect::<Vec<_>>()
    );
    let counts: Vec<(u16, usize)> = client
        .states()
        .iter()
        .map(|s| (s.id.index, s.topics.len()))
        .collect();
    assert_eq!(counts, [(0, 100), (1, 30)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unsubscribed_topic_never_comes_back() {
    let sim = quiet_sim().empty_push(false).start().await.unwrap();
    let (client, mut events) = client_of(&sim)
        .credentials(example_credentials())
        .build()
        .unwrap();
    assert!(
        client
            .subscribe([SPOT_ORDERS, SPOT_BALANCES])
            .await
            .unwrap()
            .all_done()
    );
    assert!(client.unsubscribe([SPOT_ORDERS]).await.unwrap().all_done());

    assert!(
        client.unsubscribe([SPOT_ORDERS]).await.unwrap().all_done(),
        "what is not held is as it was asked to be"
    );
    until_ready(&mut events, spot_private()).await;
    sim.inject(bitmart_sim::Fault::reset());
    let names = until_ready(&mut events, spot_private()).await;
    assert_eq!(
        names.iter().filter(|name| **name == "subscribed").count(),
        1,
        "{names:?}"
    );
    let bid = NewOrder::limit("BTC_USDT", Intent::Buy, "80000", "0.5");
    let id = sim.place_order(Environment::Live, EXAMPLE_KEY, &bid).unwrap();
    sim.fill(id, "0.5").unwrap();
    let EventKind::Update(update) = next_of(&mut events, spot_private()).await.kind else {
        panic!()
    };
    assert!(update.text().contains("spot/user/balance"), "{update:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connect_all_opens_what_the_credentials_allow() {
    let sim = quiet_sim().start().await.unwrap();
    let (client, _events) = client_of(&sim).build().unwrap();
    let connected = client.connect_all().await.unwrap();
    assert!(connected.without_private);
    assert_eq!(connected.connections.len(), 2);
    assert!(
        connected
            .connections
            .iter()
            .all(|(id, outcome)| id.side == Side::Public && *outcome == Outcome::Done)
    );

    let (client, _events) = client_of(&sim)
        .credentials(example_credentials())
        .build()
        .unwrap();
    let connected = client.connect_all().await.unwrap();
    assert!(!connected.without_private);
    assert!(
        connected
            .connections
            .iter()
            .all(|(_, outcome)| *outcome == Outcome::Done),
        "{connected:?}"
    );
    assert_eq!(connected.connections.len(), 4);
    assert!(client.states().iter().all(|state| state.status == Status::Ready));
}

/// Every public channel of both markets, with each interval, number of levels and speed, in one call without
/// credentials. The second version of the futures books is acknowledged and was seen to be all but silent.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_public_channel_brings_data() {
    let sim = Simulator::builder()
        .seed(7)
        .tick(bitmart_sim::Tick::Manual)
        .start()
        .await
        .unwrap();
    let (client, mut events) = client_of(&sim).build().unwrap();
    let (spot, futures) = ("BTC_USDT".parse().unwrap(), "BTCUSDT".parse().unwrap());
    let mut topics: Vec<Topic> = Channel::all()
        .into_iter()
        .filter(|channel| channel.side() == Side::Public)
        .map(|channel| match channel.market() {
            Market::Spot => Topic::with_symbol(channel, &spot),
            Market::Futures => Topic::with_symbol(channel, &futures),
        })
        .collect::<Result<_, _>>()
        .unwrap();
    topics.extend(Topic::without_symbol(Channel::FuturesTicker));
    assert_eq!(topics.len(), 85);
    let outcomes = client.subscribe(topics.clone()).await.unwrap();
    assert!(
        outcomes.all_done(),
        "{:?}",
        outcomes.not_done().collect::<Vec<_>>()
    );
    for _ in 0..40 {
        sim.step().await;
    }
    let is_silent = |topic: &Topic| topic.as_str().starts_with("futures/v2/");
    let mut missing: Vec<Topic> = topics.iter().filter(|topic| !is_silent(topic)).cloned().collect();
    let mut decoder = Decoder::new();
    let reading = async {
        while !missing.is_empty() {
            match events.next().await.unwrap().kind {
                EventKind::Update(update) => {
                    let update = update.decode(&mut decoder).unwrap();
                    missing.retain(|topic| !update.concerns(topic));
                }
                EventKind::Unknown(_) | EventKind::Undecodable { .. } => panic!("not understood"),
                _ => {}
            }
        }
    };
    let is_late = tokio::time::timeout(crate::rig::PATIENCE, reading).await.is_err();
    assert!(!is_late, "nothing came for {missing:?}");
    let states = client.states();
    assert!(states.iter().all(|state| state.dropped == 0), "{states:?}");
}

/// Twice in one call, and in another call: the exchange is asked once, and each call is answered.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_asked_for_twice_is_sent_once() {
    let sim = quiet_sim().start().await.unwrap();
    let (client, _events) = client_of(&sim)
        .credentials(example_credentials())
        .build()
        .unwrap();
    let outcomes = client
        .subscribe([SPOT_ORDERS, SPOT_BALANCES, SPOT_ORDERS])
        .await
        .unwrap();
    assert!(outcomes.all_done());
    assert_eq!(outcomes.iter().count(), 2);
    assert!(client.subscribe([SPOT_BALANCES]).await.unwrap().all_done());
    assert_eq!(of(&sim, spot_private()).subscribes, 2);
}

/// The login's answer and each acknowledgement come as they are, before what follows from them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_of_the_exchange_is_an_event() {
    let sim = quiet_sim().start().await.unwrap();
    let (client, mut events) = client_of(&sim)
        .credentials(example_credentials())
        .build()
        .unwrap();
    assert!(client.subscribe(["futures/order"]).await.unwrap().all_done());
    assert!(client.unsubscribe(["futures/order"]).await.unwrap().all_done());
    client.close().await;
    let mut seen = Vec::new();
    while let Some(event) = events.next().await {
        assert_eq!(event.connection, futures_private());
        match event.kind {
            EventKind::Response(reply) => {
                seen.push(format!("{} {:?}", reply.verb, reply.topic.as_deref()));
            }
            EventKind::Lifecycle(event) => seen.push(event.name().to_owned()),
            _ => {}
        }
    }
    let expected = [
        "gap opened",
        "opened",
        "access None",
        "authenticated",
        "subscribe Some(\"futures/order\")",
        "subscribed",
        "gap closed",
        "ready",
        "unsubscribe Some(\"futures/order\")",
        "unsubscribed",
        "closed",
    ];
    assert_eq!(seen, expected);
}

/// Spot has no demo: only futures goes elsewhere.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_demo_is_another_exchange_for_futures() {
    let sim = quiet_sim().start().await.unwrap();
    let builder = Market::ALL
        .into_iter()
        .flat_map(|market| Side::ALL.map(|side| (market, side)))
        .fold(client_of(&sim).demo(), |builder, (market, side)| {
            builder.url(market, side, sim.url(Environment::Demo, market, side))
        });
    let (client, _events) = builder.credentials(example_credentials()).build().unwrap();
    assert!(
        client
            .subscribe(["futures/order", SPOT_ORDERS])
            .await
            .unwrap()
            .all_done()
    );
    let counters = sim.counters();
    assert_eq!(
        counters
            .of(Environment::Demo, Market::Futures, Side::Private)
            .logins_ok,
        1
    );
    assert_eq!(
        counters
            .of(Environment::Live, Market::Futures, Side::Private)
            .logins_ok,
        0
    );
    assert_eq!(
        counters
            .of(Environment::Live, Market::Spot, Side::Private)
            .logins_ok,
        1
    );
}

/// P2 and P3 with a consumer that is far behind: what is missing is announced, and the sums add up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stalled_consumer_loses_nothing_in_silence() {
    let sim = Simulator::builder()
        .seed(3)
        .tick(bitmart_sim::Tick::Manual)
        .start()
        .await
        .unwrap();
    let mut limits = QueueLimits::default();
    limits.max_messages = 20;
    let (client, mut events) = client_of(&sim)
        .queue(limits)
        .credentials(example_credentials())
        .build()
        .unwrap();
    assert!(
        client
            .subscribe(["futures/order", "futures/position"])
            .await
            .unwrap()
            .all_done()
    );
    for _ in 0..120 {
        sim.step().await;
    }
    // The pings of a client that isn't read from go on.
    until(&sim, "pings", |counters| counters.total().pings > 1).await;
    client.close().await;
    let (mut delivered, mut answers, mut dropped) = (0, 0, None);
    while let Some(event) = events.next().await {
        match event.kind {
            EventKind::Update(_) => delivered += 1,
            EventKind::Response(_) => answers += 1,
            EventKind::Lifecycle(Lifecycle::GapOpened(gap)) => {
                if let GapCause::Overflow { dropped: count } = gap.cause {
                    assert!(gap.since.is_some());
                    assert!(dropped.replace(count).is_none(), "one overflow, one gap");
                }
            }
            _ => {}
        }
    }
    let state = &client.states()[0];
    assert_eq!(
        (delivered, answers),
        (20, 3),
        "twenty places, and answers have their own"
    );
    assert_eq!(dropped, Some(state.dropped));
    assert_eq!(state.counters.pushes, delivered + state.dropped);
    let counters = state.counters;
    let sum = counters.pushes + counters.replies + counters.pongs + counters.unknown + counters.undecodable;
    assert_eq!(counters.messages, sum, "{counters:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closing_ends_everything_within_a_second() {
    let sim = quiet_sim().start().await.unwrap();
    let (client, mut events) = client_of(&sim)
        .credentials(example_credentials())
        .build()
        .unwrap();
    assert!(client.subscribe(TOPICS).await.unwrap().all_done());
    let before = tokio::time::Instant::now();
    client.close().await;
    assert!(before.elapsed() < Duration::from_secs(1));
    let mut closed = 0;
    while let Some(event) = events.next().await {
        closed += u32::from(matches!(
            event.kind,
            EventKind::Lifecycle(Lifecycle::Closed { .. })
        ));
    }
    assert_eq!(closed, 2);
    until(&sim, "all connections to end", |counters| {
        counters.total().open == 0
    })
    .await;
    assert_eq!(client.subscribe(TOPICS).await.unwrap_err(), ClientError::Closed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropping_the_events_closes_the_connections() {
    let sim = quiet_sim().start().await.unwrap();
    let (client, events) = client_of(&sim)
        .credentials(example_credentials())
        .build()
        .unwrap();
    assert!(client.subscribe(TOPICS).await.unwrap().all_done());
    drop(events);
    until(&sim, "all connections to end", |counters| {
        counters.total().open == 0
    })
    .await;
    assert_eq!(client.subscribe(TOPICS).await.unwrap_err(), ClientError::Closed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropping_the_client_leaves_the_events_alive() {
    let sim = quiet_sim().empty_push(false).start().await.unwrap();
    let (client, mut events) = client_of(&sim)
        .credentials(example_credentials())
        .build()
        .unwrap();
    assert!(client.subscribe([SPOT_ORDERS]).await.unwrap().all_done());
    drop(client);
    until_ready(&mut events, spot_private()).await;
    let bid = NewOrder::limit("BTC_USDT", Intent::Buy, "80000", "0.5");
    sim.place_order(Environment::Live, EXAMPLE_KEY, &bid).unwrap();
    let EventKind::Update(_) = next_of(&mut events, spot_private()).await.kind else {
        panic!()
    };

    let (client, mut events) = client_of(&sim).build().unwrap();
    drop(client);
    assert!(
        events.next().await.is_none(),
        "no client, no connection, no events"
    );
}

/// Unsubscribing and subscribing again in one breath: both are answered.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_left_and_wanted_again_is_answered_twice() {
    let sim = quiet_sim().empty_push(false).start().await.unwrap();
    let (client, _events) = client_of(&sim)
        .credentials(example_credentials())
        .build()
        .unwrap();
    assert!(client.subscribe([SPOT_ORDERS]).await.unwrap().all_done());
    let (left, back) = tokio::join!(client.unsubscribe([SPOT_ORDERS]), client.subscribe([SPOT_ORDERS]));
    assert!(left.unwrap().all_done());
    assert!(back.unwrap().all_done());
    assert_eq!(client.states()[0].topics.len(), 1);
}

/// A call that is dropped was either made or not; one too many is refused, and leaves no trace.
#[tokio::test]
async fn calls_without_a_place_are_refused_as_a_whole() {
    let sim = quiet_sim().empty_push(false).start().await.unwrap();
    let (client, _events) = client_of(&sim)
        .credentials(example_credentials())
        .build()
        .unwrap();
    let topic = |n: usize| format!("spot/user/order:C{n}_USDT");
    let mut cx = Context::from_waker(Waker::noop());
    let mut waiting: Vec<_> = (0..64).map(|n| Box::pin(client.subscribe([topic(n)]))).collect();
    assert!(
        waiting
            .iter_mut()
            .all(|call| call.as_mut().poll(&mut cx).is_pending())
    );
    assert_eq!(
        client.subscribe([topic(64)]).await.unwrap_err(),
        ClientError::Busy
    );
    assert!(!client.states()[0].topics.contains(&topic(64).parse().unwrap()));
}

/// Every connection is told to close, though its peers say nothing to it, and though nobody waits.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_close_that_is_not_waited_for_closes_all_the_same() {
    let sim = quiet_sim().start().await.unwrap();
    let (client, _events) = client_of(&sim)
        .credentials(example_credentials())
        .build()
        .unwrap();
    assert_eq!(client.connect_all().await.unwrap().connections.len(), 4);
    sim.inject(bitmart_sim::Fault::silence().forever());
    drop(client.close());
    assert!(
        client.states().iter().any(|state| state.status == Status::Ready),
        "a future does nothing unpolled"
    );
    let _ = tokio::time::timeout(Duration::ZERO, client.close()).await;
    let all_over = async {
        while client
            .states()
            .iter()
            .any(|state| state.status != Status::Terminated)
        {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(3), all_over)
        .await
        .expect("all four end in parallel");
}

#[test]
fn a_client_may_be_used_from_outside_its_runtime() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let (client, _events) = runtime.block_on(async { bitmart::Client::builder().build().unwrap() });
    let mut closing = pin!(client.close());
    assert!(
        closing
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
            .is_ready()
    );
}

/// Failure mode 43: the runtime is gone before a connection's task was ever polled. Closing neither panics nor hangs,
/// and the events end.
#[test]
fn a_client_outlives_its_runtime() {
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
    };
    let (gone, other) = (runtime(), runtime());
    let (client, mut events) = {
        let _context = gone.enter();
        Client::builder()
            .url(Market::Spot, Side::Public, "ws://127.0.0.1:1/")
            .build()
            .unwrap()
    };
    other.block_on(async {
        let connecting = client.connect(Market::Spot, Side::Public);
        assert!(
            tokio::time::timeout(Duration::from_millis(20), connecting)
                .await
                .is_err()
        );
    });
    drop(gone);
    other.block_on(async {
        client.close().await;
        let end = tokio::time::timeout(Duration::from_secs(3), events.next()).await;
        assert!(matches!(end, Ok(None)), "{end:?}");
    });
}

//! The hot path allocates nothing: from bytes in the socket to a decoded message lent to the user.
#![allow(clippy::unwrap_used, reason = "tests")]

mod memory;

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use bitmart_proto::Market;
use bitmart_session::Event;
use bitmart_ws::{Connection, Incoming};

use memory::{in_memory, signer};

/// Takes what has come, polling by hand so that nothing but the connection runs.
fn take_all(connection: &mut Connection) -> usize {
    let mut cx = Context::from_waker(Waker::noop());
    let mut pushes = 0;
    loop {
        match pin!(connection.next()).poll(&mut cx) {
            Poll::Ready(Some(Incoming::Push(push))) => {
                assert!(!push.update.topic().is_empty());
                pushes += 1;
            }
            Poll::Ready(other) => panic!("{other:?}"),
            Poll::Pending => return pushes,
        }
    }
}

#[tokio::test(start_paused = true)]
async fn messages_are_lent_without_an_allocation() {
    let (sim, config) = in_memory(Market::Futures).await;
    let mut connection = Connection::private(Market::Futures, signer(), config);
    for topic in ["futures/order", "futures/position", "futures/asset:USDT"] {
        connection.subscribe(topic.parse().unwrap()).unwrap();
    }
    while !matches!(
        connection.next().await.unwrap(),
        Incoming::Event(Event::Ready { .. })
    ) {}
    let mut measured = 0;
    for round in 0..60 {
        sim.step().await;
        let mut pushes = 0;
        let info = allocation_counter::measure(|| pushes = take_all(&mut connection));
        // The decoder's storage grows with the first messages of each kind.
        if round >= 20 {
            assert_eq!(
                info.count_total, 0,
                "{pushes} messages in round {round}: {info:?}"
            );
            measured += pushes;
        }
    }
    assert!(measured > 80, "{measured}");
}

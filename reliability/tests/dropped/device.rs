//! A future polled so many times and dropped, and a world for it to be dropped in.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use bitmart_reliability::weather::world::World;
use bitmart_reliability::weather::{Way, Weather};
use tokio::time::sleep;

/// Polls after which every future here has long been ready.
const MAX_POLLS: usize = 2_000;

/// How long everything else runs between two polls.
const BETWEEN_POLLS: Duration = Duration::from_millis(1);

/// Polls a future so many times, letting everything else run in between, and drops it; its output, if it was ready
/// within them.
pub(crate) async fn drop_after<F: Future>(polls: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    for _ in 0..polls {
        let polled = poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await;
        if let Poll::Ready(output) = polled {
            return Some(output);
        }
        sleep(BETWEEN_POLLS).await;
    }
    None
}

/// Plays a scenario with 0 polls, with one, and so on until it says that its future was ready within them. Each has a
/// runtime of its own, in virtual time.
pub(crate) fn for_every_number_of_polls<F: Future<Output = bool>>(scenario: impl Fn(usize) -> F) {
    for polls in 0..MAX_POLLS {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        if runtime.block_on(scenario(polls)) {
            assert!(polls > 0, "a future does nothing unpolled");
            return;
        }
    }
    panic!("not ready within {MAX_POLLS} polls");
}

/// As [`for_every_number_of_polls`], in real time and with real sockets.
pub(crate) fn for_every_number_of_polls_for_real<F: Future<Output = bool>>(scenario: impl Fn(usize) -> F) {
    for polls in 0..MAX_POLLS {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        if runtime.block_on(scenario(polls)) {
            return;
        }
    }
    panic!("not ready within {MAX_POLLS} polls");
}

/// Pieces that take their time, so that there are many places to be dropped at.
pub(crate) fn slow_weather() -> Weather {
    let way = Way {
        max_piece_bytes: Some(96),
        pace: Duration::from_millis(1),
        ..Way::default()
    };
    Weather {
        inbound: way.clone(),
        outbound: way,
        seed: 5,
    }
}

/// A client whose every first few connections are slow.
pub(crate) async fn slow_world() -> World {
    let weathers = [slow_weather(), slow_weather(), slow_weather()];
    World::new(&weathers, |builder| builder).await
}

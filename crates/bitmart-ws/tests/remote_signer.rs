//! Signers that have to be waited for: in virtual time, against the simulator.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "tests, which measure how long something takes"
)]

mod memory;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bitmart_auth::{RemoteSigner, SharedSigner, SignError, SignFuture, Signer};
use bitmart_proto::Market;
use bitmart_session::{Cause, Event};
use bitmart_sim::Fault;
use bitmart_ws::{Connection, Incoming};
use memory::{in_memory, signer};

/// What a signing service does with the calls it gets, one after the other; the last goes on.
#[derive(Clone, Copy)]
enum Answer {
    AfterSeconds(u64),
    Unavailable,
    Refused,
    Never,
}

#[derive(Clone)]
struct Service {
    answers: &'static [Answer],
    calls: Arc<AtomicUsize>,
    dropped: Arc<AtomicUsize>,
}

impl Service {
    fn new(answers: &'static [Answer]) -> Self {
        Self {
            answers,
            calls: Arc::default(),
            dropped: Arc::default(),
        }
    }
}

/// Counts calls that end before they were answered.
struct Call<'a> {
    dropped: &'a AtomicUsize,
    is_answered: bool,
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        if !self.is_answered {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl RemoteSigner for Service {
    fn key(&self) -> &str {
        bitmart_sim::EXAMPLE_KEY
    }

    fn sign<'a>(&'a self, timestamp_ms: u64, payload: &'a [u8]) -> SignFuture<'a> {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        let answer = self.answers[call.min(self.answers.len() - 1)];
        Box::pin(async move {
            let mut call = Call {
                dropped: &self.dropped,
                is_answered: false,
            };
            match answer {
                Answer::AfterSeconds(delay) => tokio::time::sleep(Duration::from_secs(delay)).await,
                Answer::Never => std::future::pending().await,
                Answer::Unavailable | Answer::Refused => {}
            }
            call.is_answered = true;
            match answer {
                Answer::Unavailable => Err(SignError::Unavailable("the vault is sealed".into())),
                Answer::Refused => Err(SignError::Refused("this key may not log in".into())),
                _ => signer().sign(timestamp_ms, payload),
            }
        })
    }
}

async fn names_until(connection: &mut Connection, last: &str) -> Vec<&'static str> {
    let mut names = Vec::new();
    while names.last() != Some(&last) {
        if let Incoming::Event(event) = connection.next().await.expect(last) {
            names.push(event.name());
        }
    }
    names
}

async fn connection(service: &Service) -> (bitmart_sim::Simulator, Connection) {
    let (sim, config) = in_memory(Market::Futures).await;
    let mut connection = Connection::private(Market::Futures, SharedSigner::remote(service.clone()), config);
    connection.subscribe("futures/order".parse().unwrap()).unwrap();
    (sim, connection)
}

#[tokio::test(start_paused = true)]
async fn a_slow_signer_is_waited_for_at_each_login() {
    let service = Service::new(&[Answer::AfterSeconds(8)]);
    let (sim, mut connection) = connection(&service).await;
    names_until(&mut connection, "ready").await;
    sim.inject(Fault::reset());
    names_until(&mut connection, "ready").await;
    assert_eq!(service.calls.load(Ordering::Relaxed), 2);
    assert_eq!(sim.counters().total().logins_ok, 2);
}

#[tokio::test(start_paused = true)]
async fn a_signer_that_never_answers_is_given_up_after_ten_seconds() {
    let service = Service::new(&[Answer::Never, Answer::AfterSeconds(0)]);
    let (_sim, mut connection) = connection(&service).await;
    let before = tokio::time::Instant::now();
    let cause = loop {
        if let Incoming::Event(Event::Closed { cause, .. }) = connection.next().await.unwrap() {
            break cause;
        }
    };
    assert!(
        (10_000..10_100).contains(&before.elapsed().as_millis()),
        "{:?}",
        before.elapsed()
    );
    assert!(matches!(cause, Cause::Signer { .. }), "{cause:?}");
    assert_eq!(
        cause.to_string(),
        "no signature: no answer from the signer in time"
    );
    names_until(&mut connection, "ready").await;
    assert_eq!(service.dropped.load(Ordering::Relaxed), 1, "the call was dropped");
}

#[tokio::test(start_paused = true)]
async fn a_signer_that_is_unavailable_is_asked_again_and_one_that_refuses_is_not() {
    let service = Service::new(&[Answer::Unavailable, Answer::Refused]);
    let (sim, mut connection) = connection(&service).await;
    let names = names_until(&mut connection, "signer refused").await;
    assert_eq!(
        names.iter().filter(|name| **name == "closed").count(),
        2,
        "{names:?}"
    );
    while connection.next().await.is_some() {}
    assert_eq!(service.calls.load(Ordering::Relaxed), 2);
    assert_eq!(sim.counters().total().logins_ok, 0);
}

/// The socket is lost while the signer thinks: its answer belongs to nobody any more.
#[tokio::test(start_paused = true)]
async fn a_socket_lost_while_the_signer_thinks_gives_the_call_up() {
    let service = Service::new(&[Answer::AfterSeconds(5), Answer::AfterSeconds(0)]);
    let (sim, mut connection) = connection(&service).await;
    names_until(&mut connection, "opened").await;
    let lost = tokio::time::timeout(Duration::from_secs(1), connection.next()).await;
    assert!(lost.is_err());
    sim.inject(Fault::reset());
    let names = names_until(&mut connection, "ready").await;
    assert_eq!(names[0], "closed", "{names:?}");
    assert_eq!(service.dropped.load(Ordering::Relaxed), 1);
    assert_eq!(sim.counters().total().logins_ok, 1);
}

/// Pings go out, frames are read and the user is heard while the signer thinks.
#[tokio::test(start_paused = true)]
async fn the_connection_goes_on_while_the_signer_thinks() {
    let service = Service::new(&[Answer::Never]);
    let (sim, mut config) = in_memory(Market::Futures).await;
    config.session.ping_after_ms = 1_000;
    let mut connection = Connection::private(Market::Futures, SharedSigner::remote(service), config);
    connection.subscribe("futures/order".parse().unwrap()).unwrap();
    names_until(&mut connection, "opened").await;
    let quiet = tokio::time::timeout(Duration::from_millis(5_500), connection.next()).await;
    assert!(quiet.is_err());
    assert_eq!(sim.counters().total().pings, 5);
    connection.close();
    while connection.next().await.is_some() {}
}

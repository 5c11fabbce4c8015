//! The transport: no byte is lost, no frame is half, no socket is left open, no place of the budget is taken twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bitmart_auth::{HmacSigner, LOGIN_PAYLOAD, RemoteSigner, SharedSigner, SignFuture, Signer};
use bitmart_proto::{Environment, Market};
use bitmart_reliability::weather::world::{credentials, quiet_sim};
use bitmart_reliability::weather::{Nowhere, Skies};
use bitmart_session::Event;
use bitmart_sim::Simulator;
use bitmart_ws::connect::{self, ConnectConfig, Resolve, SystemResolver, Tls};
use bitmart_ws::{Connection, ConnectionConfig, Incoming, SharedBudget, TokioClock};
use tokio::time::sleep;

use crate::device::{
    drop_after, for_every_number_of_polls, for_every_number_of_polls_for_real, slow_weather,
};

const TOPICS: [&str; 3] = ["futures/order", "futures/position", "futures/asset:USDT"];

async fn world(signer: impl Into<SharedSigner>, budget: SharedBudget) -> (Simulator, Connection) {
    let clock = TokioClock::starting_at(1_700_000_000_000);
    let sim = quiet_sim(clock).await;
    let skies = Skies::new(
        sim.acceptor(Environment::Live, Market::Futures),
        clock,
        [slow_weather()],
    );
    let mut config = ConnectionConfig::new("ws://localhost/user".parse().unwrap());
    config.connect = ConnectConfig::new().with_dial(skies).with_resolver(Nowhere);
    config.clock = Arc::new(clock);
    config.budget = budget;
    config.seed = Some(1);
    let mut connection = Connection::private(Market::Futures, signer, config);
    for topic in TOPICS {
        connection.subscribe(topic.parse().unwrap()).unwrap();
    }
    (sim, connection)
}

/// What comes out of a connection whose futures are dropped after so many polls, and how many of them were.
async fn story(connection: &mut Connection, sim: &Simulator, polls: usize) -> Vec<String> {
    let (mut told, mut steps, mut in_vain, mut is_ready) = (Vec::new(), 0, 0, false);
    while steps < 10 || in_vain < 100 {
        let next = async {
            Some(match connection.next().await? {
                Incoming::Push(push) => String::from_utf8(push.text.to_vec()).unwrap(),
                Incoming::Event(event) => event.name().to_owned(),
                Incoming::Response(reply) => format!("answer to {}", reply.verb),
                other => panic!("{other:?}"),
            })
        };
        match drop_after(polls, next).await {
            Some(Some(text)) => {
                is_ready |= text == "ready";
                told.push(text);
                in_vain = 0;
            }
            Some(None) => panic!("it has ended"),
            None if is_ready && steps < 10 && in_vain >= 20 => {
                sim.step().await;
                steps += 1;
                in_vain = 0;
            }
            None => {
                in_vain += 1;
                assert!(in_vain < 20_000, "it never comes to an end");
            }
        }
    }
    told
}

/// Failure mode 44. Over a slow stream: answers, messages and requests come and go in pieces.
#[test]
fn connection_next_loses_no_byte() {
    let mut reference = None;
    for polls in 1..=24 {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let (told, counters) = runtime.block_on(async {
            // One place a minute: a second socket would have to wait for it, and would say so.
            let signer = Arc::new(HmacSigner::new(credentials()));
            let (sim, mut connection) = world(signer, SharedBudget::new(1)).await;
            let told = story(&mut connection, &sim, polls).await;
            (told, connection.counters())
        });
        assert!(told.len() > 25, "{told:?}");
        assert_eq!(counters.sockets, 1);
        let expected = reference.get_or_insert_with(|| told.clone());
        assert!(
            told == *expected,
            "dropped after {polls} polls: {} of {}",
            told.len(),
            expected.len()
        );
    }
}

/// A signer that has to be waited for, and counts how often it is asked.
struct Vault {
    signer: HmacSigner,
    asked: Arc<AtomicUsize>,
}

impl RemoteSigner for Vault {
    fn key(&self) -> &str {
        self.signer.key()
    }

    fn sign<'a>(&'a self, timestamp_ms: u64, payload: &'a [u8]) -> SignFuture<'a> {
        assert_eq!(payload, LOGIN_PAYLOAD);
        self.asked.fetch_add(1, Ordering::Relaxed);
        Box::pin(async move {
            sleep(Duration::from_millis(20)).await;
            self.signer.sign_login(timestamp_ms)
        })
    }
}

/// The signature that is waited for is not asked for again by the next call.
#[test]
fn a_remote_signer_is_asked_once() {
    for polls in 1..=12 {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let asked = Arc::<AtomicUsize>::default();
            let vault = Vault {
                signer: HmacSigner::new(credentials()),
                asked: asked.clone(),
            };
            let (sim, mut connection) = world(SharedSigner::remote(vault), SharedBudget::new(1)).await;
            story(&mut connection, &sim, polls).await;
            assert_eq!(asked.load(Ordering::Relaxed), 1, "dropped after {polls} polls");
            assert_eq!(sim.counters().total().logins_ok, 1, "dropped after {polls} polls");
        });
    }
}

/// A signature that is given up, with the connection that wanted it, leaves nothing behind; another asks anew.
#[test]
fn a_signature_may_be_given_up() {
    for_every_number_of_polls(async |polls| {
        let asked = Arc::<AtomicUsize>::default();
        let vault = Vault {
            signer: HmacSigner::new(credentials()),
            asked: asked.clone(),
        };
        let signed = drop_after(polls, vault.sign(1_700_000_000_000, LOGIN_PAYLOAD)).await;
        let again = vault.sign(1_700_000_000_000, LOGIN_PAYLOAD).await.unwrap();
        signed.is_some_and(|signature| {
            assert_eq!(signature.unwrap().as_str(), again.as_str());
            true
        })
    });
}

/// Dropping the future closes the socket; each call is a new attempt from the beginning.
#[test]
fn connect_leaves_no_socket_open() {
    for is_tls in [false, true] {
        for_every_number_of_polls(async |polls| {
            let clock = TokioClock::starting_at(1_700_000_000_000);
            let sim = Simulator::builder()
                .tls(is_tls)
                .without_listeners()
                .start()
                .await
                .unwrap();
            let acceptor = sim.acceptor(Environment::Live, Market::Spot);
            let skies = Skies::new(acceptor, clock, [slow_weather()]);
            let tls = Tls::with_own_roots([sim.ca_der().to_vec()]).unwrap();
            let config = ConnectConfig::new()
                .with_dial(skies.clone())
                .with_resolver(Nowhere)
                .with_tls(tls);
            let scheme = if is_tls { "wss" } else { "ws" };
            let endpoint = format!("{scheme}://localhost/api").parse().unwrap();
            let mut rng = fastrand::Rng::with_seed(1);
            let connected = drop_after(polls, connect::connect(&endpoint, &config, &mut rng)).await;
            sleep(Duration::from_secs(2)).await;
            let is_connected = connected.is_some();
            let context = format!("dropped after {polls} polls");
            assert_eq!(sim.counters().total().open, u64::from(is_connected), "{context}");
            drop(connected);
            let again = connect::connect(&endpoint, &config, &mut rng).await;
            assert!(again.is_ok(), "{context}: {again:?}");
            is_connected
        });
    }
}

/// A lookup that is given up holds its thread only for as long as it takes.
#[test]
fn a_lookup_that_is_given_up_takes_no_place_for_long() {
    for_every_number_of_polls_for_real(async |polls| {
        let given_up: Vec<_> = (0..2 * connect::MAX_LOOKUPS)
            .map(|_| drop_after(polls, SystemResolver.resolve("localhost", 1)))
            .collect();
        let mut is_ready = true;
        for lookup in given_up {
            is_ready &= lookup.await.is_some();
        }
        let last = tokio::time::timeout(Duration::from_secs(20), SystemResolver.resolve("localhost", 1));
        assert!(
            last.await.expect("a place in the end").is_ok(),
            "dropped after {polls} polls"
        );
        is_ready
    });
}

/// A stream that is given up is closed.
#[test]
fn a_dialed_stream_that_is_given_up_is_closed() {
    use bitmart_ws::connect::Dial;
    for_every_number_of_polls(async |polls| {
        let clock = TokioClock::starting_at(0);
        let sim = quiet_sim(clock).await;
        let skies = Skies::new(sim.acceptor(Environment::Live, Market::Spot), clock, []);
        let dialed = drop_after(polls, skies.dial(([127, 0, 0, 1], 1).into())).await;
        let is_ready = dialed.is_some();
        drop(dialed);
        sleep(Duration::from_secs(1)).await;
        assert_eq!(sim.counters().total().open, 0);
        is_ready
    });
}

/// A place in the connect budget that was taken is used up, and no more than that: a connection that is dropped while
/// it opens takes one place and not one for each poll.
#[test]
fn a_connection_given_up_takes_one_place_of_the_budget() {
    for_every_number_of_polls(async |polls| {
        let budget = SharedBudget::new(2);
        let signer = || Arc::new(HmacSigner::new(credentials()));
        let (_first_sim, mut first) = world(signer(), budget.clone()).await;
        let is_open =
            async { while !matches!(first.next().await, Some(Incoming::Event(Event::Opened { .. }))) {} };
        let is_open = drop_after(polls, is_open).await.is_some();
        drop(first);
        let (_second_sim, mut second) = world(signer(), budget).await;
        loop {
            match second.next().await.unwrap() {
                Incoming::Event(Event::HeldBack { .. }) => panic!("dropped after {polls} polls"),
                Incoming::Event(Event::Ready { .. }) => return is_open,
                _ => {}
            }
        }
    });
}

//! Every option does something, and one that can't be used is named at `build()`.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bitmart::ws::connect::{BoxFuture, Deadlines, Dial, Io, Resolve, TcpOptions};
use bitmart::{
    BuildError, Client, ClientBuilder, Credentials, HmacSigner, Lifecycle, Market, Outcome, QueueLimits,
    RemoteSigner, Side, SignFuture, Signer, session,
};
use bitmart_sim::{EXAMPLE_KEY, EXAMPLE_MEMO, EXAMPLE_SECRET};
use tokio::net::TcpStream;

use crate::rig::{
    SPOT_ORDERS, client_of, example_credentials, names_until, of, quiet_sim, spot_private, until,
};

/// What is wrong with a builder, as its user reads it.
fn refused(builder: ClientBuilder) -> (&'static str, String) {
    match builder.build() {
        Err(error @ BuildError::Option(_)) => {
            let BuildError::Option(option) = &error else {
                unreachable!()
            };
            (option.field(), error.to_string())
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_option_out_of_its_range_is_named_with_the_range_and_the_reason() {
    type Break = fn(ClientBuilder) -> ClientBuilder;
    fn timings(change: impl FnOnce(&mut session::Config)) -> session::Config {
        let mut config = session::Config::default();
        change(&mut config);
        config
    }
    fn deadlines(change: impl FnOnce(&mut Deadlines)) -> Deadlines {
        let mut deadlines = Deadlines::default();
        change(&mut deadlines);
        deadlines
    }
    let cases: [(&str, Break); 16] = [
        ("session.ping_after_ms", |b| {
            b.session(timings(|c| c.ping_after_ms = 20_000))
        }),
        ("session.pong_grace_ms", |b| {
            b.session(timings(|c| c.pong_grace_ms = 0))
        }),
        ("session.sign_timeout_ms", |b| {
            b.session(timings(|c| c.sign_timeout_ms = 60_000))
        }),
        ("session.login_timeout_ms", |b| {
            b.session(timings(|c| c.login_timeout_ms = 0))
        }),
        ("session.ack_timeout_ms", |b| {
            b.session(timings(|c| c.ack_timeout_ms = u64::MAX))
        }),
        ("session.clock_offset_ms", |b| {
            b.session(timings(|c| c.clock_offset_ms = Some(i64::MIN)))
        }),
        ("session.backoff.max_ms", |b| {
            b.session(timings(|c| c.backoff.max_ms = 0))
        }),
        ("session.backoff.base_ms", |b| {
            b.session(timings(|c| c.backoff.base_ms = 0))
        }),
        ("deadlines.dns_ms", |b| b.deadlines(deadlines(|d| d.dns_ms = 0))),
        ("deadlines.tcp_ms", |b| b.deadlines(deadlines(|d| d.tcp_ms = 0))),
        ("deadlines.tls_ms", |b| b.deadlines(deadlines(|d| d.tls_ms = 0))),
        ("deadlines.upgrade_ms", |b| {
            b.deadlines(deadlines(|d| d.upgrade_ms = 1_000_000))
        }),
        ("tcp.receive_buffer_bytes", |b| {
            let mut tcp = TcpOptions::default();
            tcp.receive_buffer_bytes = Some(1);
            b.tcp(tcp)
        }),
        ("queue.max_messages", |b| {
            let mut limits = QueueLimits::default();
            limits.max_messages = 0;
            b.queue(limits)
        }),
        ("queue.max_bytes", |b| {
            let mut limits = QueueLimits::default();
            limits.max_bytes = 10;
            b.queue(limits)
        }),
        ("request_deadline", |b| b.request_deadline(Duration::ZERO)),
    ];
    for (field, break_it) in cases {
        let (named, text) = refused(break_it(Client::builder()));
        assert_eq!(named, field);
        assert!(text.starts_with(field) && text.contains(" must be "), "{text}");
    }
}

/// A signer behind a channel, as a service would be.
struct Service {
    signer: HmacSigner,
    calls: Arc<AtomicUsize>,
}

impl RemoteSigner for Service {
    fn key(&self) -> &str {
        self.signer.key()
    }

    fn sign<'a>(&'a self, timestamp_ms: u64, payload: &'a [u8]) -> SignFuture<'a> {
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(50)).await;
            self.calls.fetch_add(1, Ordering::Relaxed);
            self.signer.sign(timestamp_ms, payload)
        })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_remote_signer_signs_each_login() {
    let sim = quiet_sim().start().await.unwrap();
    let credentials = Credentials::new(EXAMPLE_KEY, EXAMPLE_SECRET, EXAMPLE_MEMO).unwrap();
    let calls = Arc::default();
    let service = Service {
        signer: HmacSigner::new(credentials),
        calls: Arc::clone(&calls),
    };
    let (client, _events) = client_of(&sim).remote_signer(service).build().unwrap();
    let outcomes = client.subscribe([SPOT_ORDERS, "futures/order"]).await.unwrap();
    assert!(outcomes.all_done(), "{outcomes:?}");
    assert_eq!(calls.load(Ordering::Relaxed), 2);
}

/// Sees the addresses it is asked for, and goes elsewhere: what a proxy does.
struct Proxy {
    to: SocketAddr,
    asked: Arc<Mutex<Vec<SocketAddr>>>,
}

impl Dial for Proxy {
    fn dial(&self, address: SocketAddr) -> BoxFuture<'_, io::Result<Box<dyn Io>>> {
        self.asked.lock().unwrap().push(address);
        Box::pin(async { Ok(Box::new(TcpStream::connect(self.to).await?) as Box<dyn Io>) })
    }
}

struct Phonebook;

impl Resolve for Phonebook {
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        assert_eq!(host, "localhost");
        Box::pin(async move { Ok(vec![SocketAddr::from(([192, 0, 2, 1], port))]) })
    }
}

/// The host's name is looked up by the resolver, and the stream opened by the dialer; TLS still checks the name.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_resolver_and_a_dialer_of_ones_own_are_used() {
    let sim = quiet_sim().start().await.unwrap();
    let url = sim.url(bitmart::Environment::Live, Market::Futures, Side::Public);
    let port: u16 = url.split([':', '/']).nth(4).unwrap().parse().unwrap();
    let asked = Arc::default();
    let proxy = Proxy {
        to: SocketAddr::from(([127, 0, 0, 1], port)),
        asked: Arc::clone(&asked),
    };
    let (client, _events) = client_of(&sim).resolver(Phonebook).dial(proxy).build().unwrap();
    let outcomes = client.subscribe(["futures/ticker:BTCUSDT"]).await.unwrap();
    assert!(outcomes.all_done(), "{outcomes:?}");
    assert_eq!(*asked.lock().unwrap(), [SocketAddr::from(([192, 0, 2, 1], port))]);
}

/// The exchange counts connections by address: which one is used can be chosen.
#[cfg(target_os = "linux")] // Elsewhere, loopback has one address.
#[tokio::test]
async fn the_local_address_can_be_chosen() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut tcp = TcpOptions::default();
    tcp.local_address = Some(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 77)));
    tcp.receive_buffer_bytes = Some(64 * 1024);
    tcp.send_buffer_bytes = Some(64 * 1024);
    tcp.keepalive = true;
    let (client, _events) = Client::builder()
        .url(
            Market::Spot,
            Side::Public,
            format!("ws://{}/api", listener.local_addr().unwrap()),
        )
        .tcp(tcp)
        .build()
        .unwrap();
    let connecting = tokio::spawn(async move { client.connect(Market::Spot, Side::Public).await });
    let (_stream, peer) = listener.accept().await.unwrap();
    assert_eq!(peer.ip(), IpAddr::V4(Ipv4Addr::new(127, 0, 0, 77)));
    connecting.abort();
}

#[tokio::test]
async fn a_local_address_that_is_not_ours_is_named() {
    let mut tcp = TcpOptions::default();
    tcp.local_address = Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)));
    let (client, _events) = Client::builder()
        .url(Market::Spot, Side::Public, "ws://127.0.0.1:9/api")
        .tcp(tcp)
        .request_deadline(Duration::from_millis(300))
        .build()
        .unwrap();
    let (_, outcome) = client.connect(Market::Spot, Side::Public).await.unwrap();
    let Outcome::Pending {
        last_error: Some(error),
    } = outcome
    else {
        panic!("{outcome:?}")
    };
    let text = error.to_string();
    for part in [
        "can't connect from 192.0.2.1",
        "the local address that was asked for is not this machine's",
    ] {
        assert!(text.contains(part), "{text}");
    }
}

/// The reference's receive window signs a later time: an offset of the clock does the same, and is taken as it is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_offset_is_signed() {
    for (offset_ms, is_refused_at_first) in [(5_000, false), (-50_000, false), (70_000, true)] {
        let sim = quiet_sim().start().await.unwrap();
        let mut config = crate::rig::hasty();
        config.clock_offset_ms = Some(offset_ms);
        let (client, _events) = client_of(&sim)
            .session(config)
            .credentials(example_credentials())
            .build()
            .unwrap();
        assert!(
            client.subscribe([SPOT_ORDERS]).await.unwrap().all_done(),
            "{offset_ms}"
        );
        let refused = of(&sim, spot_private()).logins_refused;
        assert_eq!(refused, u64::from(is_refused_at_first), "{offset_ms}");
    }
}

/// Ping interval, pong grace and reconnect delays are the user's, within their ranges.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pings_and_retries_keep_to_the_settings() {
    let sim = quiet_sim().start().await.unwrap();
    let (client, mut events) = client_of(&sim)
        .credentials(example_credentials())
        .build()
        .unwrap();
    assert!(client.subscribe([SPOT_ORDERS]).await.unwrap().all_done());
    let before = tokio::time::Instant::now();
    until(&sim, "pings", |counters| counters.total().pings >= 5).await;
    let took = before.elapsed();
    assert!(
        took >= Duration::from_millis(1_500),
        "five pings, 400 ms apart: {took:?}"
    );
    sim.inject(bitmart_sim::Fault::silence());
    let mut delay = None;
    names_until(&mut events, spot_private(), |event| match event {
        Lifecycle::Reconnecting { delay_ms, .. } => {
            delay = Some(*delay_ms);
            true
        }
        _ => false,
    })
    .await;
    assert!(delay.unwrap() <= 50, "{delay:?}");
}

/// A setting that would do nothing is an error.
#[tokio::test]
async fn tcp_beside_a_dialer_is_refused() {
    let proxy = Proxy {
        to: SocketAddr::from(([127, 0, 0, 1], 1)),
        asked: Arc::default(),
    };
    let error = Client::builder()
        .tcp(TcpOptions::default())
        .dial(proxy)
        .build()
        .unwrap_err();
    assert!(matches!(error, BuildError::TcpBesideDial), "{error}");
    assert!(error.to_string().contains("leave one out"), "{error}");
}

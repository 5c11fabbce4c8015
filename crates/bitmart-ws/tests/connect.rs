//! The way to a connection, step by step: deadlines, addresses, certificates, cancellation.

#![allow(clippy::unwrap_used, reason = "a test that can't be set up has failed")]

mod server;

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Waker};

use bitmart_ws::connect::{
    ConnectConfig, ConnectError, ConnectErrorKind, Connected, Deadlines, Endpoint, MAX_ADDRESSES, Retry,
    Step, Tls, TlsFault, connect,
};
use bitmart_ws::{Clock, TokioClock};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use server::{DeadDial, FixedResolver, PipeDial, lawful_answer, read_request, write_and_hold};

fn parse(text: &str) -> Endpoint {
    text.parse().unwrap()
}

fn addresses(count: u8) -> Vec<SocketAddr> {
    (1..=count)
        .map(|last| SocketAddr::from(([192, 0, 2, last], 443)))
        .collect()
}

async fn failure(endpoint: &str, config: &ConnectConfig) -> ConnectError {
    connect(&parse(endpoint), config, &mut fastrand::Rng::with_seed(1))
        .await
        .unwrap_err()
}

fn assert_timeout(error: &ConnectError, expected: Step) {
    assert!(
        matches!(error, ConnectError::Timeout { step, after_ms: 5_000, .. } if *step == expected),
        "{error:?}"
    );
    assert_eq!(
        (error.kind(), error.retry()),
        (ConnectErrorKind::Timeout, Retry::Normal)
    );
}

/// Failure modes 2 and 5: a lookup that hangs is given up like any other step.
#[tokio::test(start_paused = true)]
async fn every_step_that_hangs_is_given_up_after_its_five_seconds() {
    let clock = TokioClock::starting_at(0);
    let silent = || PipeDial::new(|pipe| async move { write_and_hold(&mut { pipe }, b"").await });
    let mute = || {
        PipeDial::new(|mut pipe| async move {
            read_request(&mut pipe).await;
            std::future::pending::<()>().await;
        })
    };
    let found = || FixedResolver(Some(Ok(addresses(1))));

    let hung_dns = ConnectConfig::new().with_resolver(FixedResolver(None));
    assert_timeout(&failure("wss://example.com", &hung_dns).await, Step::Dns);
    assert_eq!(clock.now_ns() / 1_000_000_000, 5);

    let hung_tls = ConnectConfig::new().with_resolver(found()).with_dial(silent());
    assert_timeout(&failure("wss://example.com", &hung_tls).await, Step::Tls);
    assert_eq!(clock.now_ns() / 1_000_000_000, 10);

    let hung_upgrade = ConnectConfig::new().with_resolver(found()).with_dial(mute());
    assert_timeout(&failure("ws://localhost", &hung_upgrade).await, Step::Upgrade);
    assert_eq!(clock.now_ns() / 1_000_000_000, 15);
}

/// Failure mode 5: of many addresses each has its turn.
#[tokio::test(start_paused = true)]
async fn every_address_is_tried_within_a_total_bound() {
    for (count, expected_ms) in [(1, 5_000), (2, 10_000), (3, 15_000), (6, 15_000), (50, 15_000)] {
        let clock = TokioClock::starting_at(0);
        let dial = DeadDial::default();
        let resolver = FixedResolver(Some(Ok(addresses(count))));
        let config = ConnectConfig::new()
            .with_resolver(resolver)
            .with_dial(dial.clone());
        let error = failure("wss://example.com", &config).await;
        let expected_tries = usize::from(count).min(MAX_ADDRESSES);
        assert_eq!(*dial.tried.lock().unwrap(), addresses(count)[..expected_tries]);
        let ConnectError::Tcp {
            address,
            tried,
            source,
        } = error
        else {
            panic!("{error}")
        };
        assert_eq!((tried, source.kind()), (expected_tries, io::ErrorKind::TimedOut));
        assert_eq!(address, addresses(count)[expected_tries - 1]);
        let took_ms = clock.now_ns() / 1_000_000;
        assert!(
            (expected_ms - 20..=expected_ms + 20).contains(&took_ms),
            "{count} addresses took {took_ms} ms"
        );
    }
}

/// Failure modes 1 and 5.
#[tokio::test(start_paused = true)]
async fn refused_addresses_cost_no_time_and_the_last_is_named() {
    let clock = TokioClock::starting_at(0);
    let dial = DeadDial {
        refuse: true,
        ..DeadDial::default()
    };
    let config = ConnectConfig::new()
        .with_resolver(FixedResolver(Some(Ok(addresses(3)))))
        .with_dial(dial);
    let error = failure("wss://example.com", &config).await;
    assert_eq!(
        (error.kind(), error.step(), error.retry()),
        (ConnectErrorKind::Tcp, Step::Tcp, Retry::Normal)
    );
    assert!(
        error
            .to_string()
            .contains("any of 3 addresses, the last being 192.0.2.3:443"),
        "{error}"
    );
    assert_eq!(clock.now_ns(), 0);
}

/// Failure mode 5: a lookup fails, or finds nothing.
#[tokio::test(start_paused = true)]
async fn a_failed_or_empty_lookup_says_so() {
    for answer in [Ok(vec![]), Err(io::Error::other("SERVFAIL"))] {
        let config = ConnectConfig::new().with_resolver(FixedResolver(Some(answer)));
        let error = failure("wss://no.example", &config).await;
        assert_eq!(
            (error.kind(), error.retry()),
            (ConnectErrorKind::Dns, Retry::Normal)
        );
        assert!(error.to_string().contains("no.example"), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_ip_address_needs_no_lookup() {
    let dial = DeadDial {
        refuse: true,
        ..DeadDial::default()
    };
    let config = ConnectConfig::new()
        .with_resolver(FixedResolver(None))
        .with_dial(dial.clone());
    failure("wss://[2001:db8::1]:9443/", &config).await;
    assert_eq!(
        *dial.tried.lock().unwrap(),
        ["[2001:db8::1]:9443".parse().unwrap()]
    );
}

#[tokio::test(start_paused = true)]
async fn deadlines_can_be_set() {
    let clock = TokioClock::starting_at(0);
    let mut deadlines = Deadlines::default();
    deadlines.dns_ms = 250;
    let config = ConnectConfig::new()
        .with_deadlines(deadlines)
        .with_resolver(FixedResolver(None));
    let error = failure("wss://example.com", &config).await;
    assert!(
        matches!(error, ConnectError::Timeout { after_ms: 250, .. }),
        "{error:?}"
    );
    assert!(clock.now_ns() < 300_000_000);
}

/// A certificate for a host, and the root that vouches for it.
struct Certified {
    acceptor: TlsAcceptor,
    root: Vec<u8>,
}

fn certified(name: &str, change: impl FnOnce(&mut CertificateParams)) -> Certified {
    let mut root = CertificateParams::new([]).unwrap();
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root = CertifiedIssuer::self_signed(root, KeyPair::generate().unwrap()).unwrap();
    let mut leaf = CertificateParams::new([name.to_owned()]).unwrap();
    change(&mut leaf);
    let key = KeyPair::generate().unwrap();
    let leaf = leaf.signed_by(&key, &root).unwrap();
    let mut config = rustls::ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![leaf.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Certified {
        acceptor: TlsAcceptor::from(Arc::new(config)),
        root: root.der().to_vec(),
    }
}

/// Connects over TLS and a pipe to a server with that certificate, trusting `root`, or the public roots.
async fn connect_over_tls(certified: &Certified, root: Option<&[u8]>) -> Result<Connected, ConnectError> {
    let acceptor = certified.acceptor.clone();
    let dial = PipeDial::new(move |pipe| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(mut stream) = acceptor.accept(pipe).await else {
                return;
            };
            assert_eq!(stream.get_ref().1.server_name(), Some("ws.example.com"));
            assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
            let request = read_request(&mut stream).await;
            write_and_hold(
                &mut stream,
                [lawful_answer(&request).as_bytes(), b"\x81\x00"]
                    .concat()
                    .as_slice(),
            )
            .await;
        }
    });
    let tls = root.map_or_else(Tls::default, |root| Tls::with_own_roots([root.to_vec()]).unwrap());
    let config = ConnectConfig::new()
        .with_resolver(FixedResolver(Some(Ok(addresses(1)))))
        .with_dial(dial)
        .with_tls(tls);
    connect(
        &parse("wss://ws.example.com/api"),
        &config,
        &mut fastrand::Rng::with_seed(1),
    )
    .await
}

#[tokio::test]
async fn the_right_certificate_connects() {
    let right = certified("ws.example.com", |_| ());
    let mut connected = connect_over_tls(&right, Some(&right.root)).await.unwrap();
    assert!(connected.stream.is_tls());
    let mut frame = connected.leftover.to_vec();
    while frame.len() < 2 {
        frame.push(connected.stream.read_u8().await.unwrap());
    }
    assert_eq!(frame, b"\x81\x00");
}

/// Failure mode 6.
#[tokio::test]
async fn every_wrong_certificate_is_told_apart_and_never_retried_fast() {
    let right = certified("ws.example.com", |_| ());
    let stranger = certified("ws.example.com", |_| ());
    let other_host = certified("ws.example.org", |_| ());
    let expired = certified("ws.example.com", |leaf| {
        leaf.not_after = date_time_ymd(2020, 1, 1);
    });
    let early = certified("ws.example.com", |leaf| {
        leaf.not_before = date_time_ymd(2100, 1, 1);
    });
    let cases = [
        (
            &right,
            None,
            TlsFault::UnknownAuthority,
            "authority that is not trusted",
        ),
        (
            &right,
            Some(&stranger.root),
            TlsFault::UnknownAuthority,
            "authority that is not trusted",
        ),
        (
            &other_host,
            Some(&other_host.root),
            TlsFault::WrongName,
            "for another host",
        ),
        (&expired, Some(&expired.root), TlsFault::Expired, "has expired"),
        (&early, Some(&early.root), TlsFault::NotYetValid, "not valid yet"),
    ];
    for (server, root, fault, text) in cases {
        let error = connect_over_tls(server, root.map(Vec::as_slice))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ConnectErrorKind::Tls(fault), "{error}");
        assert_eq!((error.step(), error.retry()), (Step::Tls, Retry::Slow));
        assert!(error.to_string().contains(text), "{error}");
    }
}

/// Failure mode 6: never a downgrade.
#[tokio::test(start_paused = true)]
async fn a_server_without_tls_is_not_spoken_to_in_plaintext() {
    for (answer, kind) in [
        (
            &b"HTTP/1.1 400 Bad Request\r\n\r\n"[..],
            ConnectErrorKind::Tls(TlsFault::Protocol),
        ),
        (b"", ConnectErrorKind::Broken),
    ] {
        let dial = PipeDial::new(move |mut pipe| async move {
            let mut hello = [0; 1];
            pipe.read_exact(&mut hello).await.unwrap();
            assert_eq!(hello[0], 22, "a TLS handshake record");
            pipe.write_all(answer).await.unwrap();
        });
        let config = ConnectConfig::new()
            .with_resolver(FixedResolver(Some(Ok(addresses(1)))))
            .with_dial(dial);
        let error = failure("wss://example.com", &config).await;
        assert_eq!((error.kind(), error.step()), (kind, Step::Tls), "{error}");
    }
}

#[tokio::test]
async fn a_real_socket_is_connected_through_the_system_resolver() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let request = read_request(&mut socket).await;
        socket
            .write_all(lawful_answer(&request).as_bytes())
            .await
            .unwrap();
        let mut echo = [0; 4];
        socket.read_exact(&mut echo).await.unwrap();
        socket.write_all(&echo).await.unwrap();
    });
    let endpoint = parse(&format!("ws://localhost:{port}/"));
    let mut rng = fastrand::Rng::with_seed(1);
    // `localhost` is often ::1 first, where nobody listens: the next address has to be tried.
    let mut connected = connect(&endpoint, &ConnectConfig::new(), &mut rng).await.unwrap();
    connected.stream.write_all(b"ping").await.unwrap();
    let mut echo = [0; 4];
    connected.stream.read_exact(&mut echo).await.unwrap();
    assert_eq!(
        (&echo, format!("{:?}", connected.stream).as_str()),
        (b"ping", "Stream(\"Tcp\")")
    );
    server.await.unwrap();
}

#[tokio::test]
async fn an_attempt_dropped_after_any_poll_closes_its_socket() {
    let right = certified("ws.example.com", |_| ());
    let open = Arc::new(AtomicUsize::new(0));
    let mut polls_needed = 0;
    for polls in 1.. {
        let (acceptor, counted) = (right.acceptor.clone(), open.clone());
        let dial = PipeDial::new(move |pipe| {
            let (acceptor, counted) = (acceptor.clone(), counted.clone());
            async move {
                counted.fetch_add(1, Ordering::SeqCst);
                if let Ok(mut stream) = acceptor.accept(pipe).await {
                    let request = read_request(&mut stream).await;
                    write_and_hold(&mut stream, lawful_answer(&request).as_bytes()).await;
                }
                counted.fetch_sub(1, Ordering::SeqCst);
            }
        });
        let config = ConnectConfig::new()
            .with_resolver(FixedResolver(Some(Ok(addresses(1)))))
            .with_dial(dial)
            .with_tls(Tls::with_own_roots([right.root.clone()]).unwrap());
        let endpoint = parse("wss://ws.example.com/api");
        let mut rng = fastrand::Rng::with_seed(1);
        let is_done = {
            let mut attempt = pin!(connect(&endpoint, &config, &mut rng));
            let mut is_done = false;
            for _ in 0..polls {
                is_done = attempt
                    .as_mut()
                    .poll(&mut Context::from_waker(Waker::noop()))
                    .is_ready();
                if is_done {
                    break;
                }
                tokio::task::yield_now().await;
            }
            is_done
        };
        for _ in 0..1000 {
            tokio::task::yield_now().await;
        }
        assert_eq!(
            open.load(Ordering::SeqCst),
            0,
            "dropped after {polls} polls, the server still waits"
        );
        if is_done {
            polls_needed = polls;
            break;
        }
        assert!(polls < 1000, "never connects");
    }
    assert!(polls_needed > 2, "the attempt has to have something to interrupt");
}

#[test]
fn connecting_can_move_between_threads() {
    fn assert_send<T: Send>(_: T) {}
    let endpoint = parse("wss://example.com");
    let config = ConnectConfig::new();
    let mut rng = fastrand::Rng::with_seed(1);
    assert_send(connect(&endpoint, &config, &mut rng));
}

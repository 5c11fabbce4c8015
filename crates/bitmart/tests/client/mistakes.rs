//! What a user's mistakes are answered with: what happened, whose fault it is, what to do.

use std::time::Duration;

use bitmart::{
    BuildError, Cause, Client, ClientError, ConnectErrorKind, Credentials, EventKind, Failure, Lifecycle,
    Market, Outcome, Side, SignError, Signature, Signer, Status,
};
use bitmart_sim::{EXAMPLE_KEY, EXAMPLE_MEMO, EXAMPLE_SECRET};

use crate::rig::{
    SPOT_ORDERS, client_of, example_credentials, futures_private, next_of, of, quiet_sim, spot_private,
};

/// One typed refusal, and not a single further attempt; public data goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_credentials_are_refused_once() {
    let wrong = [
        ("no-such-key-at-all", EXAMPLE_SECRET, EXAMPLE_MEMO),
        (EXAMPLE_KEY, "wrong-secret", EXAMPLE_MEMO),
        (EXAMPLE_KEY, EXAMPLE_SECRET, "wrong-memo"),
    ];
    for (key, secret, memo) in wrong {
        let sim = quiet_sim().start().await.unwrap();
        let credentials = Credentials::new(key, secret, memo).unwrap();
        let (client, mut events) = client_of(&sim).credentials(credentials).build().unwrap();
        let topics = [SPOT_ORDERS, "futures/order", "spot/ticker:BTC_USDT"];
        let outcomes = client.subscribe(topics).await.unwrap();
        let texts: Vec<String> = outcomes.iter().map(|(_, outcome)| outcome.to_string()).collect();
        // Spot has a code for each mistake, futures none.
        let expected = match key {
            EXAMPLE_KEY => "check the API key's secret and memo",
            _ => "check the API key: the exchange doesn't know it",
        };
        assert!(texts[0].contains(expected), "{}", texts[0]);
        let expected = "check the API key, its secret and its memo";
        assert!(texts[1].contains(expected), "{}", texts[1]);
        assert_eq!(texts[2], "done");
        // Long enough for a storm.
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        for id in [spot_private(), futures_private()] {
            assert_eq!(
                (of(&sim, id).connections, of(&sim, id).logins_refused),
                (1, 1),
                "{id}"
            );
        }
        let again = client.subscribe([SPOT_ORDERS]).await.unwrap();
        assert!(
            again.iter().all(|(_, outcome)| outcome.to_string() == texts[0]),
            "{again:?}"
        );
        client.close().await;
        let mut rejections = 0;
        while let Some(event) = events.next().await {
            if let EventKind::Lifecycle(Lifecycle::AuthRejected { refusal }) = &event.kind {
                rejections += 1;
                let expects_code = event.connection.market == Market::Spot;
                assert_eq!(refusal.code.is_some(), expects_code, "{refusal:?}");
            }
        }
        assert_eq!(rejections, 2, "one for each market");
    }
}

#[tokio::test]
async fn a_private_topic_needs_credentials() {
    let sim = quiet_sim().start().await.unwrap();
    let (client, _events) = client_of(&sim).build().unwrap();
    let error = client
        .subscribe(["spot/ticker:BTC_USDT", SPOT_ORDERS])
        .await
        .unwrap_err();
    assert_eq!(
        error,
        ClientError::NoCredentials {
            topic: Some(SPOT_ORDERS.parse().unwrap())
        }
    );
    assert!(
        error.to_string().contains("give the builder an API key"),
        "{error}"
    );
    assert_eq!(sim.counters().total().connections, 0, "nothing was sent");
}

#[tokio::test]
async fn every_text_that_is_no_topic_is_named() {
    let sim = quiet_sim().start().await.unwrap();
    let (client, _events) = client_of(&sim)
        .credentials(example_credentials())
        .build()
        .unwrap();
    let error = client
        .subscribe([
            "spot/user/ordr:BTC_USDT",
            SPOT_ORDERS,
            "futures/trade:BTC_USDT",
            "spot/ticker:BTCUSDT",
        ])
        .await
        .unwrap_err()
        .to_string();
    for expected in [
        "did you mean \"spot/user/order\"?",
        "futures/trade:BTC_USDT",
        "an underscore, as in BTC_USDT",
    ] {
        assert!(error.contains(expected), "{error}");
    }
    assert_eq!(sim.counters().total().connections, 0);
}

/// A clock that is off by more than the login's window is corrected from the upgrade's answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_is_off_does_no_harm() {
    for skew_ms in [-90_000, -57_000, 57_000, 90_000] {
        let sim = quiet_sim().clock_skew_ms(skew_ms).start().await.unwrap();
        let (client, _events) = client_of(&sim)
            .credentials(example_credentials())
            .build()
            .unwrap();
        assert!(
            client
                .subscribe([SPOT_ORDERS, "futures/order"])
                .await
                .unwrap()
                .all_done(),
            "{skew_ms}"
        );
        assert_eq!(sim.counters().total().logins_refused, 0);
    }
}

/// Failure mode 1.
#[tokio::test]
async fn an_unreachable_host_is_pending_with_the_reason() {
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let (client, mut events) = Client::builder()
        .url(Market::Spot, Side::Public, format!("wss://127.0.0.1:{port}/api"))
        .request_deadline(Duration::from_millis(500))
        .build()
        .unwrap();
    let outcomes = client.subscribe(["spot/ticker:BTC_USDT"]).await.unwrap();
    let (_, outcome) = outcomes.iter().next().unwrap();
    let Outcome::Pending {
        last_error:
            Some(Lifecycle::ConnectFailed {
                cause: Cause::Connect { kind, .. },
                ..
            }),
    } = outcome
    else {
        panic!("{outcome:?}")
    };
    assert_eq!(*kind, ConnectErrorKind::Tcp, "a program can tell");
    let id = bitmart::ConnectionId::new(Market::Spot, Side::Public);
    next_of(&mut events, id).await;
    let kind = next_of(&mut events, id).await.kind;
    assert!(
        matches!(
            kind,
            EventKind::Lifecycle(Lifecycle::ConnectFailed { attempt: 1, .. })
        ),
        "{kind:?}"
    );
}

/// The simulator's authority is nobody's but its own.
#[tokio::test]
async fn an_unknown_authority_is_named() {
    let sim = quiet_sim().start().await.unwrap();
    let url = sim.url(bitmart::Environment::Live, Market::Spot, Side::Public);
    let (client, _events) = Client::builder()
        .url(Market::Spot, Side::Public, url)
        .request_deadline(Duration::from_millis(500))
        .build()
        .unwrap();
    let outcomes = client.subscribe(["spot/ticker:BTC_USDT"]).await.unwrap();
    let text = outcomes.iter().next().unwrap().1.to_string();
    assert!(text.contains("certificate"), "{text}");
}

#[test]
fn a_client_needs_a_runtime() {
    let error = Client::builder().build().unwrap_err();
    assert!(
        matches!(error, BuildError::NoRuntime) && error.to_string().contains("#[tokio::main]"),
        "{error}"
    );
}

#[tokio::test]
async fn a_url_that_cannot_be_used_is_named() {
    for (url, expected) in [
        ("ws://example.com/api", "unencrypted"),
        ("https://example.com", "wss"),
        ("nonsense", "wss"),
    ] {
        let error = Client::builder()
            .url(Market::Spot, Side::Public, url)
            .build()
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("the URL for spot public: ") && error.contains(expected),
            "{error}"
        );
    }
}

struct Panicking;

impl Signer for Panicking {
    fn key(&self) -> &str {
        "the-key-of-a-bad-signer"
    }

    fn sign(&self, _timestamp_ms: u64, _payload: &[u8]) -> Result<Signature, SignError> {
        panic!("a bug in a signer")
    }
}

/// Failure mode 42: a task that panics says so, and leaves nobody waiting.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_in_a_signer_is_told() {
    let sim = quiet_sim().start().await.unwrap();
    let (client, mut events) = client_of(&sim).signer(Panicking).build().unwrap();
    let failed = [(SPOT_ORDERS.parse().unwrap(), Outcome::Failed(Failure::TaskFailed))];
    for _ in 0..2 {
        let outcomes = client.subscribe([SPOT_ORDERS]).await.unwrap();
        let outcomes: Vec<_> = outcomes
            .iter()
            .map(|(topic, outcome)| (topic.clone(), outcome.clone()))
            .collect();
        assert_eq!(outcomes, failed);
    }
    assert_eq!(client.states()[0].status, Status::Terminated);
    while !matches!(
        next_of(&mut events, spot_private()).await.kind,
        EventKind::TaskFailed
    ) {}
}

/// Who opens more connections than the exchange allows is told so, and for how long it has to wait.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_used_up_connect_budget_is_told() {
    let sim = quiet_sim().start().await.unwrap();
    let (client, mut events) = client_of(&sim)
        .budget(bitmart::SharedBudget::new(1))
        .request_deadline(Duration::from_millis(500))
        .build()
        .unwrap();
    let (id, outcome) = client.connect(Market::Futures, Side::Public).await.unwrap();
    assert_eq!(outcome, Outcome::Done);
    client.close_connection(id).await.unwrap();
    let (next, outcome) = client.connect(Market::Futures, Side::Public).await.unwrap();
    let Outcome::Pending {
        last_error: Some(Lifecycle::HeldBack { wait_ms }),
    } = outcome
    else {
        panic!("{outcome:?}")
    };
    assert!((55_000..=61_000).contains(&wait_ms), "{wait_ms}");
    let kind = next_of(&mut events, next).await.kind;
    assert!(
        matches!(kind, EventKind::Lifecycle(Lifecycle::HeldBack { .. })),
        "{kind:?}"
    );
}

/// The exchange's plain words about too many connections are a refusal, with its reason in the cause.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_many_connections_are_named_in_the_cause() {
    let sim = quiet_sim().start().await.unwrap();
    let text = "IP Limited:Request connections exceeds limit";
    let (client, mut events) = client_of(&sim)
        .request_deadline(Duration::from_millis(500))
        .build()
        .unwrap();
    assert!(
        client
            .subscribe(["spot/ticker:BTC_USDT"])
            .await
            .unwrap()
            .all_done()
    );
    sim.inject(bitmart_sim::Fault::send_text(text));
    let id = bitmart::ConnectionId::new(Market::Spot, Side::Public);
    let (mut cause, mut delay) = (None, None);
    while delay.is_none() {
        match next_of(&mut events, id).await.kind {
            EventKind::Lifecycle(Lifecycle::Closed { cause: why, .. }) => cause = Some(why),
            EventKind::Lifecycle(Lifecycle::Reconnecting { delay_ms, .. }) => delay = Some(delay_ms),
            _ => {}
        }
    }
    assert!(
        matches!(&cause, Some(Cause::Refused(refusal)) if refusal.text == text),
        "{cause:?}"
    );
    assert!(delay >= Some(60_000), "{delay:?}");
}

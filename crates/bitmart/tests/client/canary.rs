//! P9: at trace level, through logins, refusals, drops and errors, nothing secret is shown.

use std::fmt::{Debug, Display, Write as _};
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bitmart::{
    Client, ClientBuilder, Credentials, EventKind, Events, HmacSigner, Market, Side, SignError, Signature,
    Signer,
};
use bitmart_sim::{Account, Fault};
use tracing_subscriber::fmt::MakeWriter;

use crate::rig::{SPOT_ORDERS, client_of, quiet_sim, spot_private, until_ready};
use crate::strangers::Stranger;

const KEY: &str = "c4n4ry-key-0123456789";
const SECRET: &str = "s3cr3t-of-the-canary";
const MEMO: &str = "m3m0-of-the-canary";
const WRONG_SECRET: &str = "wr0ng-secret-of-the-canary";
const WRONG_MEMO: &str = "wr0ng-memo-of-the-canary";

#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Captured {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// Signs, and remembers what it signed.
#[derive(Clone)]
struct Remembering(Arc<HmacSigner>, Arc<Mutex<Vec<String>>>);

impl Signer for Remembering {
    fn key(&self) -> &str {
        self.0.key()
    }

    fn sign(&self, timestamp_ms: u64, payload: &[u8]) -> Result<Signature, SignError> {
        let signature = self.0.sign(timestamp_ms, payload)?;
        self.1.lock().unwrap().push(signature.as_str().to_owned());
        Ok(signature)
    }
}

/// What a person gets to see of a client: what it prints, and what its calls return.
struct Watched {
    captured: Captured,
    signatures: Arc<Mutex<Vec<String>>>,
    shown: String,
}

impl Watched {
    fn new() -> Self {
        let captured = Captured::default();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_writer(captured.clone());
        // Every thread of this process logs here from now on; other tests only add to what is searched.
        let _ = tracing::subscriber::set_global_default(subscriber.with_ansi(false).finish());
        Self {
            captured,
            signatures: Arc::default(),
            shown: String::new(),
        }
    }

    fn show(&mut self, what: &dyn Debug) {
        writeln!(self.shown, "{what:?}").unwrap();
    }

    fn say(&mut self, what: &dyn Display) {
        writeln!(self.shown, "{what}").unwrap();
    }

    /// Subscribes with these credentials, lets `happen` happen, and keeps all that can be seen.
    async fn run(
        &mut self,
        builder: ClientBuilder,
        secret: &str,
        memo: &str,
        happen: impl AsyncFnOnce(&mut Events),
    ) {
        let credentials = Credentials::new(KEY, secret, memo).unwrap();
        self.show(&credentials);
        let signer = Remembering(Arc::new(HmacSigner::new(credentials)), self.signatures.clone());
        self.show(&signer.0);
        let builder = builder.signer(signer);
        self.show(&builder);
        let (client, mut events) = builder.build().unwrap();
        let topics = [SPOT_ORDERS, "futures/order"];
        let outcomes = client.subscribe(topics).await.unwrap();
        for (_, outcome) in outcomes.iter() {
            self.say(outcome);
        }
        self.show(&(&outcomes, &client, &events));
        happen(&mut events).await;
        self.show(&client.states());
        client.close().await;
        while let Some(event) = events.next().await {
            self.show(&event);
            if let EventKind::Lifecycle(event) = &event.kind {
                self.say(event);
            }
        }
    }

    /// Looks for anything that nobody may see.
    fn judge(&self) {
        let logged = String::from_utf8(self.captured.0.lock().unwrap().clone()).unwrap();
        assert!(
            logged.contains("login, not shown") && logged.contains("authenticated"),
            "the log is not at trace level"
        );
        let signatures = self.signatures.lock().unwrap();
        assert!(signatures.len() >= 10, "{} logins", signatures.len());
        // The exchange's own log, and its answers in it, show more of the key: that side is not the client's.
        let ours = |line: &&str| !line.contains("bitmart_sim::");
        let logged_by_us: String = logged.lines().filter(ours).collect();
        for text in [&logged_by_us, &self.shown] {
            let at = text.find(&KEY[..5]);
            assert!(
                at.is_none(),
                "five characters of the key: {:?}",
                at.and_then(|at| text.get(at - 80..at + 40))
            );
        }
        assert!(
            self.shown.contains(&KEY[..4]),
            "a key is told from another by its first characters"
        );
        let mut secrets = vec![SECRET, WRONG_SECRET, MEMO, WRONG_MEMO];
        secrets.extend(signatures.iter().map(|signature| &signature[..16]));
        for secret in secrets {
            for (place, text) in [("the log", &logged), ("what is shown", &self.shown)] {
                let line = text.lines().find(|line| line.contains(secret));
                assert!(line.is_none(), "{place} has {secret}: {line:?}");
            }
        }
    }
}

fn sim() -> bitmart_sim::Builder {
    quiet_sim()
        .account(Account::new(KEY, SECRET, MEMO))
        .empty_push(false)
}

/// A login, a drop, another login, and each mistake that ends in one being refused, lost or quoted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_at_trace_level_shows_no_secret() {
    let mut watched = Watched::new();
    let exchange = sim().start().await.unwrap();
    let drop_it = async |events: &mut Events| {
        until_ready(events, spot_private()).await;
        exchange.inject(Fault::reset());
        until_ready(events, spot_private()).await;
    };
    watched.run(client_of(&exchange), SECRET, MEMO, drop_it).await;
    for (secret, memo) in [(WRONG_SECRET, MEMO), (SECRET, WRONG_MEMO)] {
        let exchange = sim().start().await.unwrap();
        watched
            .run(client_of(&exchange), secret, memo, async |_: &mut Events| {})
            .await;
    }

    let hasty = |builder: ClientBuilder| builder.request_deadline(Duration::from_millis(300));
    // A clock that can't be corrected, refusals that quote what was sent, logins that nobody answers.
    let exchange = sim().clock_skew_ms(90_000).start().await.unwrap();
    let mut config = crate::rig::hasty();
    config.clock_offset_ms = Some(0);
    let skewed = client_of(&exchange).session(config);
    watched.run(skewed, SECRET, MEMO, async |_: &mut Events| {}).await;
    for fault in [
        Fault::reject_login("91011", format!("the sign of {KEY} is wrong")).forever(),
        Fault::reject_login("95000", KEY).forever(),
        Fault::ignore_login().forever(),
        Fault::close(1008, KEY),
        Fault::refuse_upgrade(403, None).forever(),
    ] {
        let exchange = sim().start().await.unwrap();
        exchange.inject(fault);
        watched
            .run(
                hasty(client_of(&exchange)),
                SECRET,
                MEMO,
                async |_: &mut Events| {},
            )
            .await;
    }
    // Hosts that are not BitMart; the first says our login again, word for word.
    for stranger in [
        Stranger::Echo,
        Stranger::Says(r#"{"error":"unknown"}"#),
        Stranger::Http("HTTP/1.1 200 OK\r\n\r\n<html>"),
    ] {
        let url = stranger.serve().await;
        let mut builder = hasty(client_of(&exchange));
        for market in Market::ALL {
            builder = builder.url(market, Side::Private, &url);
        }
        watched
            .run(builder, SECRET, MEMO, async |_: &mut Events| {})
            .await;
    }
    // Who puts a secret where an address belongs.
    for url in [
        format!("wss://{KEY}:{SECRET}@example.com/"),
        format!("{SECRET} {MEMO}"),
    ] {
        let builder = Client::builder().url(Market::Spot, Side::Private, url);
        watched.show(&builder);
        let error = builder.build().unwrap_err();
        watched.say(&error);
        watched.show(&error);
    }
    for (key, secret, memo) in [
        (KEY, "", MEMO),
        (KEY, "two\nlines of a secret", MEMO),
        ("", SECRET, MEMO),
    ] {
        if let Err(error) = Credentials::new(key, secret, memo) {
            watched.say(&error);
            watched.show(&error);
        }
    }
    watched.judge();
}

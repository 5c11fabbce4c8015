//! P9: at trace level, through logins, refusals, drops and errors, nothing secret is shown.

use std::io::Write;
use std::sync::{Arc, Mutex};

use bitmart::{Credentials, HmacSigner, SignError, Signature, Signer};
use bitmart_sim::{Account, Fault};
use tracing_subscriber::fmt::MakeWriter;

use crate::rig::{SPOT_ORDERS, client_of, quiet_sim, spot_private, until_ready};

const KEY: &str = "c4n4ry-key-0123456789";
const SECRET: &str = "s3cr3t-of-the-canary";
const MEMO: &str = "m3m0-of-the-canary";

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_at_trace_level_shows_no_secret() {
    let captured = Captured::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(captured.clone());
    let subscriber = subscriber.with_ansi(false).finish();
    // Every thread of this process logs here from now on; other tests only add to what is searched.
    let _ = tracing::subscriber::set_global_default(subscriber);

    let signatures = Arc::new(Mutex::new(Vec::new()));
    let mut shown = String::new();
    for secret in [SECRET, "canary-wrong-secret"] {
        let sim = quiet_sim()
            .account(Account::new(KEY, SECRET, MEMO))
            .empty_push(false)
            .start()
            .await
            .unwrap();
        let credentials = Credentials::new(KEY, secret, MEMO).unwrap();
        shown += &format!("{credentials:?}");
        let signer = Remembering(Arc::new(HmacSigner::new(credentials)), signatures.clone());
        shown += &format!("{:?}", signer.0);
        let builder = client_of(&sim).signer(signer);
        shown += &format!("{builder:?}");
        let (client, mut events) = builder.build().unwrap();
        let outcomes = client.subscribe([SPOT_ORDERS, "futures/order"]).await.unwrap();
        shown += &format!("{outcomes:?} {client:?} {events:?}");
        if secret == SECRET {
            until_ready(&mut events, spot_private()).await;
            sim.inject(Fault::reset());
            until_ready(&mut events, spot_private()).await;
        }
        client.close().await;
        while let Some(event) = events.next().await {
            shown += &format!("{event:?}");
        }
    }
    let logged = String::from_utf8(captured.0.lock().unwrap().clone()).unwrap();
    assert!(
        logged.contains("login, not shown") && logged.contains("authenticated"),
        "the log is not at trace level"
    );
    let signatures = signatures.lock().unwrap();
    assert!(signatures.len() >= 5, "{} logins", signatures.len());
    // The exchange's own log, and its answers in it, show more of the key: that side is not the client's.
    let ours = |line: &&str| !line.contains("bitmart_sim::");
    let logged_by_us: String = logged.lines().filter(ours).collect();
    for text in [&logged_by_us, &shown] {
        let at = text.find(&KEY[..5]);
        assert!(
            at.is_none(),
            "five characters of the key: {:?}",
            at.and_then(|at| text.get(at - 80..at + 40))
        );
    }
    assert!(
        shown.contains(&KEY[..4]),
        "a key is told from another by its first characters"
    );
    let mut secrets = vec![SECRET, "canary-wrong-secret", MEMO];
    secrets.extend(signatures.iter().map(|signature| &signature[..16]));
    for secret in secrets {
        for (place, text) in [("the log", &logged), ("Debug", &shown)] {
            let line = text.lines().find(|line| line.contains(secret));
            assert!(line.is_none(), "{place} shows {secret}: {line:?}");
        }
    }
}

//! Signers of one's own, for a secret that is kept somewhere else: one that answers at once, and one that has to be
//! waited for.
//!
//! ```text
//! cargo run --example custom_signer            # offline: an exchange inside this process, over TLS
//! cargo run --example custom_signer -- --live  # BitMart itself, with API_KEY, API_SECRET and API_MEMO
//! ```
//!
//! One will see spot log in with a [`Signer`] that signs logins and nothing else, and futures with a [`RemoteSigner`]
//! that asks a signing service over TCP. Offline the service is sealed at first: the client tries again. At last it
//! revokes the key, and the exchange drops the connection: that refusal is final, and the client says so.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bitmart::auth::LOGIN_PAYLOAD;
use bitmart::{
    Client, Credentials, Environment, EventKind, HmacSigner, Lifecycle, Market, RemoteSigner, Side,
    SignError, SignFuture, Signature, Signer,
};
use bitmart_examples::{Exchange, Result, close_on_ctrl_c, run, say};
use bitmart_sim::Fault;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// Answers at once, on the connection's task. This one holds the secret and has a policy: it would sign no order.
struct LoginsOnly(HmacSigner);

impl Signer for LoginsOnly {
    fn key(&self) -> &str {
        self.0.key()
    }

    fn sign(&self, timestamp_ms: u64, payload: &[u8]) -> std::result::Result<Signature, SignError> {
        match payload == LOGIN_PAYLOAD {
            true => self.0.sign(timestamp_ms, payload),
            false => Err(SignError::Refused("this signer signs logins only".into())),
        }
    }
}

/// Has to be waited for, beside everything else that the connection does. All it knows is the key's name and where
/// to ask; the secret is in the service.
struct Service {
    key: String,
    address: SocketAddr,
}

impl Service {
    /// `<timestamp> <payload>` on one line; the answer is `ok <64 hex digits>`, `sealed` or `revoked`.
    async fn ask(&self, timestamp_ms: u64, payload: &[u8]) -> std::io::Result<String> {
        let mut stream = TcpStream::connect(self.address).await?;
        let request = format!("{timestamp_ms} {}\n", String::from_utf8_lossy(payload));
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.take(1_024).read_to_string(&mut answer).await?;
        Ok(answer)
    }
}

impl RemoteSigner for Service {
    fn key(&self) -> &str {
        &self.key
    }

    fn sign<'a>(&'a self, timestamp_ms: u64, payload: &'a [u8]) -> SignFuture<'a> {
        Box::pin(async move {
            // What may pass is `Unavailable`: the client tries again, later and later. So does it after ten
            // seconds without an answer, and drops this future. `Refused` is for good.
            let answer = self.ask(timestamp_ms, payload).await;
            let answer = answer.map_err(|error| SignError::Unavailable(error.to_string()))?;
            let unavailable = |text: &str| Err(SignError::Unavailable(text.into()));
            match answer.split_once(' ') {
                Some(("ok", hex)) => {
                    Signature::from_hex(hex).map_or_else(|| unavailable("the answer is no signature"), Ok)
                }
                _ if answer == "revoked" => Err(SignError::Refused("the key is revoked".into())),
                _ if answer == "sealed" => unavailable("the service is sealed"),
                _ => unavailable("the service has answered something else"),
            }
        })
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    run(show).await
}

async fn show(exchange: &Exchange) -> Result {
    let credentials = exchange.credentials()?;
    let signer = LoginsOnly(HmacSigner::new(credentials.clone()));
    if let Err(refusal) = signer.sign_rest(0, br#"{"symbol":"BTC_USDT","side":"buy"}"#) {
        say("", "LOCAL", format_args!("asked to sign an order: {refusal}"));
    }
    let (spot, spot_events) = exchange
        .point(Client::builder().signer(signer), Environment::Live)
        .build()?;
    let (id, outcome) = spot.connect(Market::Spot, Side::Private).await?;
    say(
        id,
        "LOCAL",
        format_args!("login with a signer that answers at once: {outcome}"),
    );
    drop(spot_events); // without a reader, the connection closes

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let service = Service {
        key: credentials.key().into(),
        address: listener.local_addr()?,
    };
    let is_offline = exchange.simulator().is_some();
    let vault = Arc::new(Mutex::new(if is_offline { Vault::Sealed } else { Vault::Open }));
    tokio::spawn(serve(listener, credentials, vault.clone()));

    let builder = Client::builder().remote_signer(service);
    let (client, mut events) = exchange.point(builder, Environment::Live).build()?;
    close_on_ctrl_c(&client);
    let subscribing = tokio::spawn({
        let client = client.clone();
        async move { client.subscribe(["futures/order"]).await }
    });
    let mut is_refused = false;
    while let Some(event) = events.next().await {
        let EventKind::Lifecycle(what) = event.kind else {
            continue;
        };
        say(event.connection, "REMOTE", &what);
        if let (Lifecycle::Ready { .. }, Some(sim)) = (&what, exchange.simulator()) {
            *lock(&vault) = Vault::Revoked;
            sim.inject(Fault::reset().on(Market::Futures, Side::Private));
        }
        if let Lifecycle::SignerRefused { .. } = what {
            is_refused = true;
            break;
        }
    }
    for (topic, outcome) in subscribing.await??.iter() {
        say("", "topic", format_args!("{topic} was subscribed to: {outcome}"));
    }
    if is_refused {
        // Terminal: the connection makes no further attempt, and what is asked of it says why.
        for (topic, outcome) in client.subscribe(["futures/position"]).await?.iter() {
            say("", "topic", format_args!("{topic} can't be had: {outcome}"));
        }
    }
    client.close().await;
    Ok(())
}

/// What the service makes of a request.
enum Vault {
    /// It is locked, and about to be unlocked.
    Sealed,
    Open,
    /// The key is no longer to be used.
    Revoked,
}

/// The signing service, which would be a process or a machine of its own, behind something that knows who is asking.
async fn serve(listener: TcpListener, credentials: Credentials, vault: Arc<Mutex<Vault>>) {
    let signer = HmacSigner::new(credentials);
    while let Ok((stream, _)) = listener.accept().await {
        let mut stream = BufReader::new(stream);
        let mut request = String::new();
        if (&mut stream).take(1_024).read_line(&mut request).await.is_err() {
            continue;
        }
        let signed = request
            .trim_end()
            .split_once(' ')
            .and_then(|(timestamp, payload)| {
                let timestamp_ms = timestamp.parse().ok()?;
                signer.sign(timestamp_ms, payload.as_bytes()).ok()
            });
        let answer = answer(&mut lock(&vault), signed);
        // Whoever has given up meanwhile needs no answer.
        let _ = stream.write_all(answer.as_bytes()).await;
    }
}

fn answer(vault: &mut Vault, signed: Option<Signature>) -> String {
    match (&vault, signed) {
        (Vault::Sealed, _) => {
            *vault = Vault::Open;
            "sealed".into()
        }
        (Vault::Open, Some(signature)) => format!("ok {}", signature.as_str()),
        _ => "revoked".into(),
    }
}

fn lock(vault: &Mutex<Vault>) -> MutexGuard<'_, Vault> {
    vault.lock().unwrap_or_else(PoisonError::into_inner)
}

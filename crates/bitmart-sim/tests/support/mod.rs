//! A client with no opinions: it says what it is told and shows every frame.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "a step that fails is a test that fails")]

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bitmart_auth::{Credentials, HmacSigner, Signer};
use bitmart_proto::{Environment, Market, Side};
use bitmart_sim::{Account, Builder, Simulator, Tick};
use fastwebsockets::{Frame, OpCode, Payload, Role, WebSocket};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, duplex};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;

/// Longer than anything here takes, shorter than anybody's patience.
const DEADLINE: Duration = Duration::from_secs(5);

pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// What arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    Text(String),
    Binary(Vec<u8>),
    Ping,
    Pong(Vec<u8>),
    Close(u16, String),
    /// The stream ended in good order.
    End,
    /// The stream failed.
    Reset,
}

pub(crate) struct Client {
    socket: WebSocket<Box<dyn Stream>>,
    /// The head of the upgrade's answer.
    pub(crate) head: String,
}

/// A simulator for tests: plain, stepped by hand, without a story.
pub(crate) fn quiet() -> Builder {
    Simulator::builder().tls(false).tick(Tick::Manual).story(false)
}

pub(crate) fn now_ms() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "a test's own clock")]
    let now = SystemTime::now();
    u64::try_from(now.duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

pub(crate) fn now() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "a test's own clock")]
    Instant::now()
}

/// Over a stream without a network, with a clock that a test owns.
pub(crate) async fn in_memory(sim: &Simulator, market: Market, side: Side) -> Client {
    let (near, far) = duplex(64 << 10);
    let acceptor = sim.acceptor(Environment::Live, market);
    tokio::spawn(async move { acceptor.serve(far).await });
    let (near, head) = upgrade(near, side).await;
    Client::over(Box::new(near), head)
}

/// Longer than a simulated test may take, in any clock.
pub(crate) async fn next_at_last(client: &mut Client) -> Seen {
    loop {
        // The deadline inside is real for sockets; here the clock jumps from timer to timer.
        match timeout(Duration::from_secs(4), client.next()).await {
            Ok(seen) => return seen,
            Err(_) => continue,
        }
    }
}

/// The three strings of a login: key, timestamp, signature.
pub(crate) fn login_args(account: &Account, timestamp_ms: u64) -> [String; 3] {
    let credentials = Credentials::new(account.key(), account.secret(), account.memo()).unwrap();
    let signature = HmacSigner::new(credentials).sign_login(timestamp_ms).unwrap();
    [
        account.key().to_owned(),
        timestamp_ms.to_string(),
        signature.as_str().to_owned(),
    ]
}

pub(crate) fn spot_login(account: &Account) -> String {
    let args = login_args(account, now_ms());
    serde_json::json!({ "op": "login", "args": args }).to_string()
}

pub(crate) fn futures_login(account: &Account) -> String {
    let [key, timestamp, signature] = login_args(account, now_ms());
    serde_json::json!({ "action": "access", "args": [key, timestamp, signature, "web"] }).to_string()
}

pub(crate) fn subscribe(market: Market, topics: &[&str]) -> String {
    match market {
        Market::Spot => serde_json::json!({ "op": "subscribe", "args": topics }).to_string(),
        Market::Futures => serde_json::json!({ "action": "subscribe", "args": topics }).to_string(),
    }
}

/// Opens a stream to an endpoint, with TLS if the simulator has it.
pub(crate) async fn open(sim: &Simulator, environment: Environment, market: Market) -> Box<dyn Stream> {
    let tcp = TcpStream::connect(("127.0.0.1", sim.port(environment, market)))
        .await
        .unwrap();
    if sim.url(environment, market, Side::Public).starts_with("ws:") {
        return Box::new(tcp);
    }
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(sim.ca_der().to_vec())).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    Box::new(
        TlsConnector::from(Arc::new(config))
            .connect(name, tcp)
            .await
            .unwrap(),
    )
}

/// Asks for an upgrade; the stream and the answer's head.
pub(crate) async fn upgrade<S: Stream>(mut stream: S, side: Side) -> (S, String) {
    let path = if side == Side::Public { "/api" } else { "/user" };
    let request = format!(
        "GET {path}?protocol=1.1 HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    stream.flush().await.unwrap();
    let mut head = Vec::new();
    // A byte at a time: what follows the head belongs to the frames.
    while !head.ends_with(b"\r\n\r\n") {
        match timeout(DEADLINE, stream.read_u8())
            .await
            .expect("an answer to the upgrade")
        {
            Ok(byte) => head.push(byte),
            Err(_) => break,
        }
    }
    (stream, String::from_utf8(head).unwrap())
}

impl Client {
    pub(crate) async fn connect(sim: &Simulator, market: Market, side: Side) -> Self {
        Self::connect_in(sim, Environment::Live, market, side).await
    }

    pub(crate) async fn connect_in(
        sim: &Simulator,
        environment: Environment,
        market: Market,
        side: Side,
    ) -> Self {
        let (stream, head) = upgrade(open(sim, environment, market).await, side).await;
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        Self::over(stream, head)
    }

    pub(crate) fn over(stream: Box<dyn Stream>, head: String) -> Self {
        let mut socket = WebSocket::after_handshake(stream, Role::Client);
        socket.set_auto_close(false);
        socket.set_auto_pong(false);
        Self { socket, head }
    }

    /// A private connection, logged in.
    pub(crate) async fn logged_in(sim: &Simulator, market: Market, account: &Account) -> Self {
        let mut client = Self::connect(sim, market, Side::Private).await;
        client.log_in(market, account).await;
        client
    }

    pub(crate) async fn log_in(&mut self, market: Market, account: &Account) {
        let (request, answer) = match market {
            Market::Spot => (spot_login(account), r#"{"event":"login"}"#),
            Market::Futures => (futures_login(account), r#"{"action":"access","success":true}"#),
        };
        self.send(&request).await;
        assert_eq!(self.next().await, Seen::Text(answer.into()));
    }

    pub(crate) async fn send(&mut self, text: &str) {
        self.send_frame(true, OpCode::Text, text.as_bytes()).await;
    }

    pub(crate) async fn send_frame(&mut self, is_final: bool, opcode: OpCode, payload: &[u8]) {
        let frame = Frame::new(is_final, opcode, None, Payload::Owned(payload.to_vec()));
        self.socket.write_frame(frame).await.unwrap();
        self.socket.flush().await.unwrap();
    }

    pub(crate) async fn next(&mut self) -> Seen {
        let frame = timeout(DEADLINE, self.socket.read_frame())
            .await
            .expect("a frame within the deadline");
        let frame = match frame {
            Ok(frame) => frame,
            Err(fastwebsockets::WebSocketError::UnexpectedEOF) => return Seen::End,
            Err(_) => return Seen::Reset,
        };
        let payload = frame.payload.to_vec();
        match frame.opcode {
            OpCode::Text => Seen::Text(String::from_utf8(payload).unwrap()),
            OpCode::Binary => Seen::Binary(payload),
            OpCode::Ping => Seen::Ping,
            OpCode::Pong => Seen::Pong(payload),
            OpCode::Close if payload.is_empty() => Seen::Close(0, String::new()),
            OpCode::Close => {
                let code = u16::from_be_bytes([payload[0], payload[1]]);
                Seen::Close(code, String::from_utf8(payload[2..].to_vec()).unwrap())
            }
            OpCode::Continuation => panic!("the simulator never fragments"),
        }
    }

    /// The next text, which must be one.
    pub(crate) async fn text(&mut self) -> String {
        match self.next().await {
            Seen::Text(text) => text,
            other => panic!("a text was expected, not {other:?}"),
        }
    }

    /// The next text as JSON.
    pub(crate) async fn json(&mut self) -> Value {
        let text = self.text().await;
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// Sends and takes the next text.
    pub(crate) async fn ask(&mut self, text: &str) -> String {
        self.send(text).await;
        self.text().await
    }

    /// Subscribes and takes as many answers as topics, past the data that comes between them.
    pub(crate) async fn subscribe(&mut self, market: Market, topics: &[&str]) -> Vec<String> {
        self.send(&subscribe(market, topics)).await;
        let mut answers = Vec::new();
        while answers.len() < topics.len() {
            answers.push(self.answer().await);
        }
        answers
    }

    /// The next text that is no data.
    pub(crate) async fn answer(&mut self) -> String {
        loop {
            let text = self.text().await;
            if !text.starts_with(r#"{"data":"#) {
                return text;
            }
        }
    }

    /// The next push as JSON; anything else is a failure.
    pub(crate) async fn push(&mut self) -> Value {
        let push = self.json().await;
        assert!(push.get("data").is_some(), "a push was expected, not {push}");
        push
    }

    /// Asserts that nothing arrives for a while.
    pub(crate) async fn is_quiet(&mut self) {
        let quiet = timeout(Duration::from_millis(200), self.socket.read_frame()).await;
        // Dropping a read loses the place in the stream; the caller is done reading.
        assert!(quiet.is_err(), "something arrived");
    }
}

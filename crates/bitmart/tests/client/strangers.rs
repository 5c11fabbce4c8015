//! Hosts that are not BitMart: what the client says of them, and that it goes on.

use std::time::Duration;

use base64::Engine as _;
use bitmart::{Client, EventKind, SharedBudget, Topic};
use sha1::{Digest as _, Sha1};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::rig::{PATIENCE, example_credentials, hasty};

/// What answers at the address.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stranger {
    /// Anything over HTTP.
    Http(&'static str),
    /// Lets us in and says again what we say.
    Echo,
    /// Lets us in and never says a word.
    Silent,
    /// Lets us in and answers everything with this.
    Says(&'static str),
    /// Speaks first, and no HTTP.
    Banner(&'static [u8]),
}

impl Stranger {
    /// Answers every connection; returns the URL.
    pub(crate) async fn serve(self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}/user", listener.local_addr().unwrap());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // A client that leaves in the middle ends its conversation.
                tokio::spawn(async move { drop(self.talk(stream).await) });
            }
        });
        url
    }

    async fn talk(self, mut stream: TcpStream) -> std::io::Result<()> {
        if let Self::Banner(banner) = self {
            stream.write_all(banner).await?;
            tokio::time::sleep(PATIENCE).await;
            return Ok(());
        }
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            request.push(stream.read_u8().await?);
        }
        if let Self::Http(answer) = self {
            stream.write_all(answer.as_bytes()).await?;
            return stream.shutdown().await;
        }
        let request = String::from_utf8(request).unwrap();
        let key = request.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("sec-websocket-key").then_some(value)
        });
        let digest = Sha1::digest(format!("{}258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key.unwrap()));
        let accept = base64::engine::general_purpose::STANDARD.encode(digest);
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {accept}\r\n\r\n"
        );
        stream.write_all(answer.as_bytes()).await?;
        loop {
            let (opcode, message) = read_frame(&mut stream).await?;
            match self {
                Self::Echo if opcode == TEXT => stream.write_all(&frame(&message)).await?,
                Self::Says(text) if opcode == TEXT => stream.write_all(&frame(text.as_bytes())).await?,
                _ => {}
            }
        }
    }
}

const TEXT: u8 = 0x81;

/// Reads a client's frame and takes its mask off.
async fn read_frame(stream: &mut TcpStream) -> std::io::Result<(u8, Vec<u8>)> {
    let opcode = stream.read_u8().await?;
    let length = match stream.read_u8().await? & 0x7f {
        126 => usize::from(stream.read_u16().await?),
        length => usize::from(length),
    };
    let mut mask = [0; 4];
    stream.read_exact(&mut mask).await?;
    let mut payload = vec![0; length];
    stream.read_exact(&mut payload).await?;
    payload
        .iter_mut()
        .zip(mask.iter().cycle())
        .for_each(|(byte, mask)| *byte ^= mask);
    Ok((opcode, payload))
}

fn frame(payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![TEXT];
    match u8::try_from(payload.len()) {
        Ok(length @ 0..=125) => frame.push(length),
        _ => {
            frame.push(126);
            frame.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
        }
    }
    frame.extend(payload);
    frame
}

/// Asks the stranger for one topic, and returns what the call said and the names of the events until the end.
async fn ask(url: &str, topic: &str) -> (String, Vec<&'static str>) {
    let topic: Topic = topic.parse().unwrap();
    let mut timings = hasty();
    (timings.login_timeout_ms, timings.ack_timeout_ms) = (200, 100);
    (timings.ping_after_ms, timings.pong_grace_ms) = (5_000, 5_000);
    let (client, mut events) = Client::builder()
        .url(topic.market(), topic.side(), url)
        .session(timings)
        .budget(SharedBudget::new(1_000))
        .credentials(example_credentials())
        .request_deadline(Duration::from_millis(700))
        .build()
        .unwrap();
    let outcomes = client.subscribe([topic]).await.unwrap();
    let (_, outcome) = outcomes.iter().next().unwrap();
    client.close().await;
    let mut names = Vec::new();
    while let Some(event) = events.next().await {
        if let EventKind::Lifecycle(event) = event.kind {
            names.push(event.name());
        }
    }
    (outcome.to_string(), names)
}

const EVERY_SIDE: [&str; 4] = [
    "spot/ticker:BTC_USDT",
    "spot/user/order:BTC_USDT",
    "futures/ticker:BTCUSDT",
    "futures/order",
];

/// Asks the stranger for a topic of each market and side, all at once.
async fn ask_for_every_side(url: &str) -> Vec<(&'static str, String, Vec<&'static str>)> {
    let mut asking = JoinSet::new();
    for topic in EVERY_SIDE {
        let url = url.to_owned();
        asking.spawn(async move {
            let (outcome, names) = ask(&url, topic).await;
            (topic, outcome, names)
        });
    }
    asking.join_all().await
}

/// Whatever it is, the topic stays pending, and the reason says what came, from where, and what to do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_is_no_websocket_server_is_told_from_one() {
    let strangers = [
        (
            Stranger::Http("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>Welcome!</html>"),
            [
                "refused the WebSocket with HTTP 200",
                "a web page",
                "<html>Welcome!</html>",
            ],
        ),
        (
            Stranger::Http(
                "HTTP/1.1 301 Moved\r\nLocation: https://www.bitmart.com/\r\nContent-Length: 0\r\n\r\n",
            ),
            [
                "HTTP 301",
                "redirects are not followed, check the address",
                "https://www.bitmart.com/",
            ],
        ),
        (
            Stranger::Http("HTTP/1.1 403 Forbidden\r\nContent-Length: 16\r\n\r\nerror code: 1020"),
            [
                "HTTP 403",
                "whether the venue serves this machine's IP",
                "error code: 1020",
            ],
        ),
        (
            Stranger::Banner(b"SSH-2.0-OpenSSH_9.2\r\n"),
            [
                "did not answer as a WebSocket server",
                "not HTTP/1.1",
                "check the address",
            ],
        ),
    ];
    for (stranger, expected) in strangers {
        let url = stranger.serve().await;
        let address = url.trim_start_matches("ws://").trim_end_matches("/user");
        for (_, outcome, names) in ask_for_every_side(&url).await {
            assert!(
                outcome.starts_with("pending: it is still being tried"),
                "{outcome}"
            );
            for part in expected.iter().chain([&address]) {
                assert!(outcome.contains(part), "{part:?} is not in: {outcome}");
            }
            assert_eq!(names[..3], ["gap opened", "connect failed", "reconnecting"]);
        }
    }
}

/// Another WebSocket server lets us in. Nothing that it says is taken for BitMart's word: not even our own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_websocket_server_never_passes_for_bitmart() {
    let strangers = [
        Stranger::Echo,
        Stranger::Silent,
        Stranger::Says("hello"),
        Stranger::Says("[1,2,3]"),
        Stranger::Says(r#"{"type":"welcome","id":7}"#),
        Stranger::Says(r#"{"result":null,"id":1}"#),
        Stranger::Says(r#"{"error":"unknown request"}"#),
        Stranger::Says(r#"{"jsonrpc":"2.0","error":{"code":-32600,"message":"Invalid"},"id":null}"#),
    ];
    let mut asking = JoinSet::new();
    for stranger in strangers {
        asking.spawn(async move {
            let url = stranger.serve().await;
            (stranger, ask_for_every_side(&url).await)
        });
    }
    while let Some(asked) = asking.join_next().await {
        let (stranger, answers) = asked.unwrap();
        for (topic, outcome, names) in answers {
            for lie in ["authenticated", "subscribed"] {
                assert!(!names.contains(&lie), "{stranger:?} {topic}: {names:?}");
            }
            let is_answered = matches!(stranger, Stranger::Says(text) if text.contains("error"));
            let expected = match is_answered {
                false => "or the address is not the exchange's",
                // Futures names the topics it refuses, so that this is no answer.
                true if topic.starts_with("futures/ticker") => "or the address is not the exchange's",
                true => "not a refusal that BitMart is known to give: check the address",
            };
            assert!(outcome.contains(expected), "{stranger:?} {topic}: {outcome}");
        }
    }
}

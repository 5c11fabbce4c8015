//! The connection against peers that no simulator plays: echoing, late, flooding.
#![allow(clippy::unwrap_used, reason = "tests")]

#[allow(dead_code, reason = "each test file uses its part")]
mod memory;
mod server;

use std::future::Future;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bitmart_proto::Market;
use bitmart_session::Event;
use bitmart_ws::connect::{BoxFuture, ConnectConfig, Dial, Io};
use bitmart_ws::{Clock, Connection, ConnectionConfig, Incoming, MessageError, SharedBudget, TokioClock};
use flate2::Compression;
use flate2::write::DeflateEncoder;
use memory::{Nowhere, signer};
use server::{PipeDial, lawful_answer, read_request, write_and_hold};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf};

const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;

fn frame(head: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![head];
    match payload.len() {
        length @ 0..=125 => frame.push(u8::try_from(length).unwrap()),
        length => {
            frame.push(126);
            frame.extend(u16::try_from(length).unwrap().to_be_bytes());
        }
    }
    frame.extend(payload);
    frame
}

/// Reads a client's frame and takes its mask off.
async fn read_frame(stream: &mut (impl AsyncRead + Unpin)) -> Vec<u8> {
    let _ = stream.read_u8().await.unwrap();
    let length = match stream.read_u8().await.unwrap() & 0x7f {
        126 => usize::from(stream.read_u16().await.unwrap()),
        length => usize::from(length),
    };
    let mut mask = [0; 4];
    stream.read_exact(&mut mask).await.unwrap();
    let mut payload = vec![0; length];
    stream.read_exact(&mut payload).await.unwrap();
    payload
        .iter_mut()
        .zip(mask.iter().cycle())
        .for_each(|(byte, mask)| *byte ^= mask);
    payload
}

fn against<F>(script: impl Fn(DuplexStream) -> F + Send + Sync + 'static) -> ConnectionConfig
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut config = ConnectionConfig::new("ws://localhost/user".parse().unwrap());
    config.connect = ConnectConfig::new()
        .with_dial(PipeDial::new(script))
        .with_resolver(Nowhere);
    config.clock = Arc::new(TokioClock::starting_at(784_111_777_000));
    config.budget = SharedBudget::new(1_000);
    config.seed = Some(1);
    config
}

fn deflate(text: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

async fn let_in(stream: &mut DuplexStream) {
    let request = read_request(stream).await;
    stream
        .write_all(lawful_answer(&request).as_bytes())
        .await
        .unwrap();
}

/// P9: the exchange quotes what it can't read; should that ever be the login, nobody gets to see it.
#[tokio::test(start_paused = true)]
async fn a_login_that_is_quoted_back_is_not_shown() {
    let config = against(|mut stream| async move {
        let_in(&mut stream).await;
        let login = String::from_utf8(read_frame(&mut stream).await)
            .unwrap()
            .replace('"', "\\\"");
        let text = format!(r#"{{"success":false,"error":"message must be JSON: {login}"}}"#);
        stream.write_all(&frame(TEXT, text.as_bytes())).await.unwrap();
        let reason = format!("bad: {login}");
        let close = [&1008u16.to_be_bytes()[..], &reason.as_bytes()[..120]].concat();
        write_and_hold(&mut stream, &frame(0x88, &close)).await;
    });
    let mut connection = Connection::private(Market::Futures, signer(), config);
    connection.subscribe("futures/order".parse().unwrap()).unwrap();
    let mut shown = String::new();
    while !shown.contains("Reconnecting") {
        shown += &format!("{:?}\n", connection.next().await.unwrap());
    }
    assert!(shown.contains("message must be JSON"), "{shown}");
    let hex = shown
        .as_bytes()
        .windows(32)
        .find(|window| window.iter().all(u8::is_ascii_hexdigit));
    assert!(hex.is_none(), "{shown}");
}

#[tokio::test(start_paused = true)]
async fn a_push_is_stamped_when_it_was_read() {
    let config = against(|mut stream| async move {
        let_in(&mut stream).await;
        read_frame(&mut stream).await;
        let mut both = frame(TEXT, br#"{"event":"subscribe","topic":"spot/ticker:BTC_USDT"}"#);
        both.extend(frame(
            TEXT,
            br#"{"data":[{"last_price":"86101.3","symbol":"BTC_USDT"}],"table":"spot/ticker"}"#,
        ));
        write_and_hold(&mut stream, &both).await;
    });
    let clock = config.clock.clone();
    let mut connection = Connection::public(Market::Spot, config);
    connection
        .subscribe("spot/ticker:BTC_USDT".parse().unwrap())
        .unwrap();
    let mut read_at_ns = 0;
    loop {
        match connection.next().await.unwrap() {
            Incoming::Response(_) => {
                read_at_ns = clock.now_ns();
                tokio::time::sleep(Duration::from_secs(5)).await;
            }
            Incoming::Push(push) => {
                assert_eq!(push.received_ns, read_at_ns);
                return;
            }
            _ => {}
        }
    }
}

/// Whoever comes back late finds the answer in the socket: it counts, though its deadline has passed.
#[tokio::test(start_paused = true)]
async fn what_has_come_is_judged_before_the_deadlines() {
    let config = against(|mut stream| async move {
        let_in(&mut stream).await;
        read_frame(&mut stream).await;
        tokio::time::sleep(Duration::from_millis(5)).await;
        write_and_hold(&mut stream, &frame(TEXT, br#"{"event":"login"}"#)).await;
    });
    let mut connection = Connection::private(Market::Spot, signer(), config);
    connection
        .subscribe("spot/user/order:BTC_USDT".parse().unwrap())
        .unwrap();
    let mut names = Vec::new();
    while !names.contains(&"authenticated") {
        match tokio::time::timeout(Duration::from_millis(1), connection.next()).await {
            Err(_) => {
                tokio::time::sleep(Duration::from_secs(11)).await;
                connection
                    .subscribe("spot/user/order:ETH_USDT".parse().unwrap())
                    .unwrap();
            }
            Ok(Some(Incoming::Event(event))) => names.push(event.name()),
            Ok(_) => {}
        }
        assert!(!names.contains(&"closed"), "{names:?}");
    }
}

/// Failure mode 35: the message alone is reported, with a sample.
#[tokio::test(start_paused = true)]
async fn a_compressed_message_that_is_no_text_is_undecodable() {
    let config = against(|mut stream| async move {
        let_in(&mut stream).await;
        // A stored block of three bytes.
        write_and_hold(
            &mut stream,
            &frame(BINARY, &[1, 3, 0, 0xfc, 0xff, 0xff, 0xfe, 0x41]),
        )
        .await;
    });
    let mut connection = Connection::public(Market::Spot, config);
    loop {
        match connection.next().await.unwrap() {
            Incoming::Undecodable(message) => {
                assert_eq!(
                    (message.error, message.bytes),
                    (MessageError::NotText, &[0xff, 0xfe, 0x41][..])
                );
                return;
            }
            Incoming::Event(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

/// A quiet socket that is lost is retried after the delay that was announced: it counts from the loss, not from the
/// last read.
#[tokio::test(start_paused = true)]
async fn a_retry_waits_as_long_as_it_says() {
    let config = against(|mut stream| async move {
        let_in(&mut stream).await;
        read_frame(&mut stream).await;
        stream
            .write_all(&frame(
                TEXT,
                br#"{"event":"subscribe","topic":"spot/ticker:BTC_USDT"}"#,
            ))
            .await
            .unwrap();
        tokio::time::sleep(Duration::from_secs(7)).await;
    });
    let clock = config.clock.clone();
    let mut connection = Connection::public(Market::Spot, config);
    connection
        .subscribe("spot/ticker:BTC_USDT".parse().unwrap())
        .unwrap();
    let (mut announced, mut rounds) = (None, 0);
    while rounds < 20 {
        match connection.next().await.unwrap() {
            Incoming::Event(Event::Reconnecting { delay_ms, .. }) => {
                assert!(delay_ms <= 400, "{delay_ms} ms after seven seconds of readiness");
                announced = Some((clock.now_ns() / 1_000_000, delay_ms));
            }
            Incoming::Event(Event::Reconnected { .. }) => {
                let (at_ms, delay_ms) = announced.take().unwrap();
                let took_ms = clock.now_ns() / 1_000_000 - at_ms;
                assert!(
                    (delay_ms..=delay_ms + 5).contains(&took_ms),
                    "{took_ms} ms instead of {delay_ms}"
                );
                rounds += 1;
            }
            _ => {}
        }
    }
}

/// P5: a good-bye ends within its second, also when the peer answers it with a flood.
#[test]
fn a_flood_does_not_hold_up_a_close() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let flood = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let (mut request, mut byte) = (Vec::new(), [0]);
        while !request.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut byte).unwrap();
            request.push(byte[0]);
        }
        let answer = lawful_answer(std::str::from_utf8(&request).unwrap());
        stream.write_all(answer.as_bytes()).unwrap();
        stream.read_exact(&mut byte).unwrap(); // the close frame begins
        let empty_frames = [TEXT, 0].repeat(64 * 1024);
        // Bounded: ended by the client, or after 4 GiB.
        (0..32 * 1024)
            .take_while(|_| stream.write_all(&empty_frames).is_ok())
            .count()
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async move {
        let mut config = ConnectionConfig::new(format!("ws://127.0.0.1:{port}/api").parse().unwrap());
        config.budget = SharedBudget::new(1_000);
        let mut connection = Connection::public(Market::Spot, config);
        while !matches!(
            connection.next().await.unwrap(),
            Incoming::Event(Event::Ready { .. })
        ) {}
        let clock = TokioClock::starting_at(0);
        connection.close();
        while connection.next().await.is_some() {}
        assert!(clock.now_ns() < 1_900_000_000, "{} ns", clock.now_ns());
    });
    assert!(flood.join().unwrap() < 32 * 1024, "the client has cut it off");
}

/// A stream on which so many writes succeed and no more, while its other side stays open and silent.
struct Mute {
    pipe: DuplexStream,
    writes: usize,
}

impl AsyncRead for Mute {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_read(cx, into)
    }
}

impl AsyncWrite for Mute {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.writes == 0 {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        self.writes -= 1;
        Pin::new(&mut self.pipe).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_shutdown(cx)
    }
}

struct MuteDial {
    is_talking: bool,
}

impl Dial for MuteDial {
    fn dial(&self, _: SocketAddr) -> BoxFuture<'_, io::Result<Box<dyn Io>>> {
        let (ours, mut theirs) = tokio::io::duplex(1 << 16);
        let is_talking = self.is_talking;
        tokio::spawn(async move {
            let_in(&mut theirs).await;
            let push = frame(TEXT, br#"{"data":[],"table":"spot/ticker"}"#);
            while is_talking && theirs.write_all(&push).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
            // Silent, but there, for as long as the other side is.
            let _ = tokio::io::copy(&mut theirs, &mut tokio::io::sink()).await;
        });
        Box::pin(async {
            Ok(Box::new(Mute {
                pipe: ours,
                writes: 1,
            }) as Box<dyn Io>)
        })
    }
}

/// A socket that takes no writes is given up after a second of silence, and after five if its peer goes on talking: what
/// it had to say could be read by then.
#[tokio::test(start_paused = true)]
async fn a_socket_that_takes_no_writes_is_given_up_in_time() {
    for (is_talking, seconds) in [(false, 1), (true, 5)] {
        let mut config = against(|_| async {});
        let dial = MuteDial { is_talking };
        config.connect = ConnectConfig::new().with_dial(dial).with_resolver(Nowhere);
        let clock = config.clock.clone();
        let mut connection = Connection::public(Market::Spot, config);
        connection
            .subscribe("spot/ticker:BTC_USDT".parse().unwrap())
            .unwrap();
        let mut opened_at = 0;
        let cause = loop {
            match connection.next().await.unwrap() {
                Incoming::Event(Event::Opened { .. }) => opened_at = clock.now_ns(),
                Incoming::Event(Event::Closed { cause, .. }) => break cause,
                _ => {}
            }
        };
        assert!(cause.to_string().contains("broken pipe"), "{cause}");
        let took_ms = (clock.now_ns() - opened_at) / 1_000_000;
        assert!(
            (seconds * 1_000..seconds * 1_000 + 10).contains(&took_ms),
            "{took_ms}"
        );
    }
}

/// P2 and P7: a cut ends after a bound, also where one read holds far more, compressed; what was counted was lent.
#[tokio::test(start_paused = true)]
async fn a_cut_lends_a_bounded_part_of_what_was_read_and_counts_what_it_lends() {
    let config = against(|mut stream| async move {
        let_in(&mut stream).await;
        read_frame(&mut stream).await;
        let mut text =
            br#"{"data":[{"last_price":"86101.3","symbol":"BTC_USDT"}],"table":"spot/ticker""#.to_vec();
        text.resize(900 << 10, b' ');
        text.push(b'}');
        let all: Vec<u8> = (0..16).flat_map(|_| frame(BINARY, &deflate(&text))).collect();
        write_and_hold(&mut stream, &all).await;
    });
    let mut connection = Connection::public(Market::Spot, config);
    connection
        .subscribe("spot/ticker:BTC_USDT".parse().unwrap())
        .unwrap();
    let mut lent_after = None;
    loop {
        match connection.next().await.unwrap() {
            Incoming::Push(push) => match &mut lent_after {
                Some(bytes) => *bytes += push.text.len(),
                None => {
                    lent_after = Some(0);
                    connection.cut();
                }
            },
            Incoming::Event(Event::Closed { .. }) => break,
            _ => {}
        }
    }
    let bytes = lent_after.unwrap();
    assert!((8 << 20..(8 << 20) + (1 << 20)).contains(&bytes), "{bytes}");
    let c = connection.counters();
    assert_eq!(
        c.messages,
        c.pushes + c.replies + c.pongs + c.unknown + c.undecodable,
        "{c:?}"
    );
}

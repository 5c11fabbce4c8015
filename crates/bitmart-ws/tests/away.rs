//! P3 where the caller was away, and comes back to more than one turn of its task can read.
#![allow(clippy::unwrap_used, reason = "tests")]

mod memory;

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bitmart_proto::{Environment, Market};
use bitmart_session::Event;
use bitmart_sim::{Acceptor, Fault};
use bitmart_ws::connect::{BoxFuture, ConnectConfig, Dial, Io};
use bitmart_ws::{Connection, Incoming};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};

use memory::{Nowhere, in_memory, signer};

/// What one read brings at most, in bytes: as of small segments, or of the records of TLS.
const PIECE_BYTES: usize = 64;

/// A stream whose reads bring little each.
struct Trickle(DuplexStream);

impl AsyncRead for Trickle {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut piece = [0; PIECE_BYTES];
        let mut space = ReadBuf::new(&mut piece);
        ready!(Pin::new(&mut self.get_mut().0).poll_read(cx, &mut space))?;
        buf.put_slice(space.filled());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Trickle {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().0).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_shutdown(cx)
    }
}

struct ToTrickle(Acceptor);

impl Dial for ToTrickle {
    fn dial(&self, _: SocketAddr) -> BoxFuture<'_, io::Result<Box<dyn Io>>> {
        let (ours, theirs) = tokio::io::duplex(1 << 20);
        let acceptor = self.0.clone();
        tokio::spawn(async move { acceptor.serve(theirs).await });
        Box::pin(async move { Ok(Box::new(Trickle(ours)) as Box<dyn Io>) })
    }
}

/// Failure mode 46: tokio tells a task that has read for long enough in one turn that nothing is there, whatever is. That
/// is no dry socket: all that was in it when the caller came back is old.
#[tokio::test(start_paused = true)]
async fn a_turn_that_is_over_is_no_dry_socket() {
    let (sim, mut config) = in_memory(Market::Futures).await;
    let dial = ToTrickle(sim.acceptor(Environment::Live, Market::Futures));
    config.connect = ConnectConfig::new().with_dial(dial).with_resolver(Nowhere);
    let clock = config.clock.clone();
    let mut connection = Connection::private(Market::Futures, signer(), config);
    connection.subscribe("futures/order".parse().unwrap()).unwrap();
    while !matches!(
        connection.next().await.unwrap(),
        Incoming::Event(Event::Ready { .. })
    ) {}
    let idle = tokio::time::timeout(Duration::from_millis(1), connection.next()).await;
    assert!(idle.is_err(), "{idle:?}");
    let left_at = clock.now_ns();
    for _ in 0..200 {
        sim.step().await;
    }
    sim.inject(Fault::close(1000, "you don't listen"));
    tokio::time::sleep(Duration::from_secs(60)).await;
    let mut bytes = 0;
    let since = loop {
        match connection.next().await.unwrap() {
            Incoming::Push(push) => {
                assert!(push.arrived_ns <= left_at, "after {bytes} bytes: {push:?}");
                bytes += push.text.len();
            }
            Incoming::Event(Event::GapOpened(gap)) => break gap.since.unwrap().ns,
            _ => {}
        }
    };
    assert!(
        bytes > 200 * PIECE_BYTES,
        "more than the 128 reads of a turn: {bytes}"
    );
    assert!(since <= left_at, "{since} {left_at}");
}

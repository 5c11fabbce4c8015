//! A server for one connection, in plain HTTP text, at the other end of a pipe or of a socket.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use bitmart_ws::connect::{BoxFuture, Dial, Io, Resolve};
use sha1::{Digest as _, Sha1};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, DuplexStream};

const PIPE_BYTES: usize = 1 << 20;

/// What a server does with its end of a pipe.
pub(crate) type Script = Arc<dyn Fn(DuplexStream) -> BoxFuture<'static, ()> + Send + Sync>;

/// Opens pipes to a script instead of sockets.
pub(crate) struct PipeDial {
    script: Script,
}

impl PipeDial {
    pub(crate) fn new<F>(script: impl Fn(DuplexStream) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Self {
            script: Arc::new(move |pipe| Box::pin(script(pipe))),
        }
    }
}

impl Dial for PipeDial {
    fn dial(&self, _: SocketAddr) -> BoxFuture<'_, io::Result<Box<dyn Io>>> {
        let (ours, theirs) = tokio::io::duplex(PIPE_BYTES);
        tokio::spawn((self.script)(theirs));
        Box::pin(async { Ok(Box::new(ours) as Box<dyn Io>) })
    }
}

/// Lets nobody in: refuses at once, or hangs. Keeps the addresses that were tried.
#[derive(Clone, Default)]
pub(crate) struct DeadDial {
    pub(crate) refuse: bool,
    pub(crate) tried: Arc<Mutex<Vec<SocketAddr>>>,
}

impl Dial for DeadDial {
    fn dial(&self, address: SocketAddr) -> BoxFuture<'_, io::Result<Box<dyn Io>>> {
        self.tried.lock().expect("no test panics with it").push(address);
        if self.refuse {
            return Box::pin(async { Err(io::ErrorKind::ConnectionRefused.into()) });
        }
        Box::pin(std::future::pending())
    }
}

/// Knows the answer to every lookup; `None` hangs.
pub(crate) struct FixedResolver(pub(crate) Option<io::Result<Vec<SocketAddr>>>);

impl Resolve for FixedResolver {
    fn resolve<'a>(&'a self, _: &'a str, _: u16) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        match &self.0 {
            None => Box::pin(std::future::pending()),
            Some(Ok(addresses)) => Box::pin(async { Ok(addresses.clone()) }),
            Some(Err(error)) => Box::pin(async { Err(io::Error::new(error.kind(), error.to_string())) }),
        }
    }
}

/// Reads a request up to its empty line.
pub(crate) async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => request.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8(request).expect("a request is ASCII")
}

pub(crate) fn header<'a>(request: &'a str, name: &str) -> Option<&'a str> {
    request
        .lines()
        .filter_map(|line| line.split_once(": "))
        .find(|(n, _)| n.eq_ignore_ascii_case(name))
        .map(|h| h.1)
}

pub(crate) fn accept_for(request: &str) -> String {
    let key = header(request, "sec-websocket-key").unwrap_or_default();
    let digest = Sha1::digest(format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11"));
    base64::engine::general_purpose::STANDARD.encode(digest)
}

/// A 101 as it should be.
pub(crate) fn lawful_answer(request: &str) -> String {
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {}\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n",
        accept_for(request)
    )
}

/// Writes, then listens until nobody speaks any more.
pub(crate) async fn write_and_hold(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), bytes: &[u8]) {
    if stream.write_all(bytes).await.is_ok() && stream.flush().await.is_ok() {
        let _ = tokio::io::copy(stream, &mut tokio::io::sink()).await;
    }
}

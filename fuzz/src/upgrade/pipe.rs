//! The other end of the stream: takes the request, and answers what it was told to.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bitmart_ws::connect::{BoxFuture, Dial, Io};
use sha1::{Digest as _, Sha1};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::ACCEPT;

/// How an answer comes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// Between two pieces, in milliseconds.
    pause_ms: u64,
    piece_bytes: usize,
    /// Whether the stream ends behind the answer; else it stays open.
    ends: bool,
}

impl Pace {
    pub(super) fn of(how: u8, pieces: u8) -> Self {
        Self {
            pause_ms: match how % 8 {
                0..=5 => 0,
                6 => 10,
                _ => 2_000,
            },
            piece_bytes: match pieces % 4 {
                0 => usize::MAX,
                _ => usize::from(pieces / 4) + 1,
            },
            ends: how / 8 % 2 == 1,
        }
    }

    /// When the last byte of an answer has come, in milliseconds.
    pub(super) fn lasts_ms(&self, bytes: usize) -> u64 {
        (bytes / self.piece_bytes) as u64 * self.pause_ms
    }
}

/// What the server sent, and the `Sec-WebSocket-Accept` that it ought to have sent.
#[derive(Clone, Debug, Default)]
pub(super) struct Sent {
    pub(super) bytes: Vec<u8>,
    pub(super) accept: String,
}

/// Opens a stream to a server of one answer.
pub(super) struct PipeDial {
    answer: Vec<u8>,
    pace: Pace,
    sent: Arc<Mutex<Sent>>,
}

impl PipeDial {
    pub(super) fn new(answer: &[u8], pace: Pace) -> Self {
        Self {
            answer: answer.to_vec(),
            pace,
            sent: Arc::default(),
        }
    }

    /// What will have been sent. The answer stands there whole as soon as the request is read.
    pub(super) fn sent(&self) -> Arc<Mutex<Sent>> {
        self.sent.clone()
    }
}

impl Dial for PipeDial {
    fn dial(&self, _: SocketAddr) -> BoxFuture<'_, io::Result<Box<dyn Io>>> {
        let pipe = Pipe {
            answer: self.answer.clone(),
            pace: self.pace,
            sent: self.sent.clone(),
            request: Vec::new(),
            response: None,
            at: 0,
            pause: None,
        };
        Box::pin(async move { Ok(Box::new(pipe) as Box<dyn Io>) })
    }
}

struct Pipe {
    answer: Vec<u8>,
    pace: Pace,
    sent: Arc<Mutex<Sent>>,
    request: Vec<u8>,
    /// The answer, once the request is there.
    response: Option<Vec<u8>>,
    at: usize,
    pause: Option<Pin<Box<Sleep>>>,
}

impl Pipe {
    /// Puts the right value into the answer.
    fn respond(&mut self) {
        let request = String::from_utf8(self.request.clone()).expect("a request is ASCII");
        assert!(request.starts_with("GET /api?token="), "{request}");
        let key = request
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-key"))
            .expect("the request has a key")
            .1;
        let digest = Sha1::digest(format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11"));
        let accept = BASE64.encode(digest);
        let mut bytes = Vec::with_capacity(self.answer.len());
        let mut rest = self.answer.as_slice();
        while let [first, others @ ..] = rest {
            rest = match rest.strip_prefix(ACCEPT) {
                Some(behind) => {
                    bytes.extend_from_slice(accept.as_bytes());
                    behind
                }
                None => {
                    bytes.push(*first);
                    others
                }
            };
        }
        *self.sent.lock().expect("nothing panics with it") = Sent {
            bytes: bytes.clone(),
            accept,
        };
        self.response = Some(bytes);
    }
}

impl AsyncRead for Pipe {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let pipe = self.get_mut();
        if let Some(pause) = &mut pipe.pause {
            ready!(pause.as_mut().poll(cx));
            pipe.pause = None;
        }
        let rest = pipe
            .response
            .as_deref()
            .and_then(|response| response.get(pipe.at..));
        match rest {
            Some([]) if pipe.pace.ends => Poll::Ready(Ok(())),
            // Nothing will come: whoever waits for it has a deadline.
            None | Some([]) => Poll::Pending,
            Some(rest) => {
                let count = rest.len().min(pipe.pace.piece_bytes).min(into.remaining());
                into.put_slice(rest.get(..count).unwrap_or_default());
                pipe.at += count;
                if pipe.pace.pause_ms > 0 {
                    pipe.pause = Some(Box::pin(sleep(Duration::from_millis(pipe.pace.pause_ms))));
                }
                Poll::Ready(Ok(()))
            }
        }
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let pipe = self.get_mut();
        pipe.request.extend_from_slice(bytes);
        if pipe.response.is_none() && pipe.request.ends_with(b"\r\n\r\n") {
            pipe.respond();
            // It may be read at once.
            cx.waker().wake_by_ref();
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

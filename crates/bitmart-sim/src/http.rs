//! What the upgrade and the control endpoint share of HTTP/1.1: a head read within bounds, and one answer.
//!
//! By hand rather than through a server library, because the faults need every byte of the answer.

use std::io;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

/// Header lines of a request.
const MAX_HEADERS: usize = 64;
/// Bytes that a head's buffer begins with: most heads are shorter.
const HEAD_BUFFER_BYTES: usize = 2 << 10;
/// Bytes read and forgotten behind an answer, so that it isn't lost in a reset.
const MAX_DRAIN_BYTES: u64 = 1 << 20;
/// How long either side's part of an ending may take.
const LEAVE_DEADLINE: Duration = Duration::from_secs(1);

/// What came of reading a request's head.
#[derive(Debug)]
pub(crate) enum Head<T> {
    /// It is complete. What the client sent behind it is kept.
    Read { value: T, leftover: BytesMut },
    /// Not HTTP/1.x, or more header lines than a head may have.
    Malformed,
    /// More bytes than the head may have.
    TooLong,
    /// The client left.
    Gone,
}

/// Reads a head of at most about `max_bytes` and looks at it once it is complete.
pub(crate) async fn read_head<R, T>(
    reader: &mut R,
    max_bytes: usize,
    look: impl Fn(&httparse::Request<'_, '_>) -> T,
) -> io::Result<Head<T>>
where
    R: AsyncRead + Unpin,
{
    let mut buffer = BytesMut::with_capacity(HEAD_BUFFER_BYTES);
    loop {
        if reader.read_buf(&mut buffer).await? == 0 {
            return Ok(Head::Gone);
        }
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut request = httparse::Request::new(&mut headers);
        match request.parse(&buffer) {
            Ok(httparse::Status::Complete(head_bytes)) => {
                let value = look(&request);
                buffer.advance(head_bytes);
                return Ok(Head::Read {
                    value,
                    leftover: buffer,
                });
            }
            Ok(httparse::Status::Partial) => {}
            Err(_) => return Ok(Head::Malformed),
        }
        if buffer.len() >= max_bytes {
            return Ok(Head::TooLong);
        }
    }
}

/// The values of a header that are text, in the order of its lines.
pub(crate) fn values<'r>(
    request: &'r httparse::Request<'_, '_>,
    name: &str,
) -> impl Iterator<Item = &'r str> {
    raw_values(request, name)
        .filter_map(|value| std::str::from_utf8(value).ok())
        .map(str::trim)
}

/// The values of a header, whatever they are made of.
pub(crate) fn raw_values<'r>(
    request: &'r httparse::Request<'_, '_>,
    name: &str,
) -> impl Iterator<Item = &'r [u8]> {
    request
        .headers
        .iter()
        .filter(move |header| header.name.eq_ignore_ascii_case(name))
        .map(|header| header.value)
}

/// An answer that ends the connection.
#[derive(Clone, Debug)]
pub(crate) struct Response<'a> {
    pub(crate) status: u16,
    pub(crate) date: &'a str,
    pub(crate) content_type: &'a str,
    /// Further header lines, each with its end.
    pub(crate) extra_lines: &'a str,
    pub(crate) body: &'a str,
}

impl Response<'_> {
    fn bytes(&self) -> String {
        let Self {
            status,
            date,
            content_type,
            extra_lines,
            body,
        } = self;
        format!(
            "HTTP/1.1 {status} {}\r\nDate: {date}\r\nConnection: close\r\nContent-Type: {content_type}\r\n\
             Content-Length: {}\r\n{extra_lines}\r\n{body}",
            reason_phrase(*status),
            body.len(),
        )
    }

    /// Sends the answer, and leaves once the client has had the time to take it.
    pub(crate) async fn send<Io: AsyncRead + AsyncWrite + Unpin>(&self, io: &mut Io) {
        send_and_leave(io, self.bytes().as_bytes()).await;
    }
}

/// Sends bytes, and leaves once the client has had the time to take them.
pub(crate) async fn send_and_leave<Io: AsyncRead + AsyncWrite + Unpin>(io: &mut Io, bytes: &[u8]) {
    let answer = async {
        io.write_all(bytes).await?;
        io.flush().await?;
        io.shutdown().await
    };
    if let Ok(Ok(())) = timeout(LEAVE_DEADLINE, answer).await {
        // Whether the client closes in time makes no difference to us.
        let _ = timeout(LEAVE_DEADLINE, drain(io)).await;
    }
}

/// Reads and forgets until the client leaves.
pub(crate) async fn drain<R: AsyncRead + Unpin>(read: &mut R) {
    // The error of a stream that is being abandoned tells nothing.
    let _ = tokio::io::copy(&mut read.take(MAX_DRAIN_BYTES), &mut tokio::io::sink()).await;
}

/// Waits until the client has ended its stream, whatever else it sends.
pub(crate) async fn gone<R: AsyncRead + Unpin>(read: &mut R) {
    let mut ignored = [0; 1_024];
    while read.read(&mut ignored).await.is_ok_and(|bytes| bytes > 0) {}
}

fn reason_phrase(status: u16) -> &'static str {
    match status {
        200 => "OK",
        301 => "Moved Permanently",
        302 => "Found",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        413 => "Content Too Large",
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        // The phrase may be empty, and nobody may rely on it.
        _ => "",
    }
}

//! The HTTP side of a connection: one request, answered with 101 or refused.

use std::io;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bitmart_proto::Side;
use bytes::BytesMut;
use sha1::{Digest, Sha1};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::http::{self, Head, Response, values};
use crate::venue::path;

/// Bytes of a request's head.
const MAX_HEAD_BYTES: usize = 8 << 10;
/// What RFC 6455 appends to the key before hashing it.
const WEBSOCKET_GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// Bytes of the random value behind `Sec-WebSocket-Key`.
const KEY_BYTES: usize = 16;

/// A request, read to its end.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) ask: Ask,
    /// What the client sent behind the head: the beginning of its first frame.
    pub(crate) leftover: BytesMut,
}

/// What a request asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    /// A WebSocket on one of the two paths.
    Upgrade { side: Side, key: String },
    /// Something that has no place here.
    Bad { status: u16, text: &'static str },
}

/// Reads the request's head. `None` if the client left.
pub(crate) async fn read_request<R: AsyncRead + Unpin>(reader: &mut R) -> io::Result<Option<Request>> {
    let (ask, leftover) = match http::read_head(reader, MAX_HEAD_BYTES, judge).await? {
        Head::Read { value, leftover } => (value, leftover),
        Head::Malformed => (bad(400, "not an HTTP/1.1 request"), BytesMut::new()),
        Head::TooLong => (bad(431, "the request's head is too long"), BytesMut::new()),
        Head::Gone => return Ok(None),
    };
    Ok(Some(Request { ask, leftover }))
}

fn bad(status: u16, text: &'static str) -> Ask {
    Ask::Bad { status, text }
}

fn judge(request: &httparse::Request<'_, '_>) -> Ask {
    let has_token = |name: &str, token: &str| {
        values(request, name).any(|value| {
            value
                .split(',')
                .any(|part| part.trim().eq_ignore_ascii_case(token))
        })
    };
    let target = request.path.unwrap_or_default();
    let target_path = target.split_once('?').map_or(target, |(path, _)| path);
    let Some(side) = Side::ALL.into_iter().find(|side| path(*side) == target_path) else {
        return bad(404, "the paths are /api and /user");
    };
    if request.method != Some("GET") || request.version != Some(1) {
        return bad(405, "a WebSocket begins with GET and HTTP/1.1");
    }
    if !has_token("upgrade", "websocket") || !has_token("connection", "upgrade") {
        return bad(400, "this is a WebSocket endpoint: ask for an upgrade");
    }
    if values(request, "sec-websocket-version").next() != Some("13") {
        return bad(426, "only version 13 of WebSocket is spoken here");
    }
    let is_key = |key: &&str| BASE64.decode(key).is_ok_and(|raw| raw.len() == KEY_BYTES);
    match values(request, "sec-websocket-key").next().filter(is_key) {
        Some(key) => Ask::Upgrade {
            side,
            key: key.to_owned(),
        },
        None => bad(400, "Sec-WebSocket-Key is missing or malformed"),
    }
}

/// The answer with 101, and what a fault makes of it.
#[derive(Debug)]
pub(crate) struct Acceptance<'a> {
    key: &'a str,
    accept: String,
    date: &'a str,
    extra_lines: String,
}

impl<'a> Acceptance<'a> {
    pub(crate) fn new(key: &'a str, date: &'a str) -> Self {
        Self {
            key,
            accept: accept(key, WEBSOCKET_GUID),
            date,
            extra_lines: String::new(),
        }
    }

    /// Makes the accept value that of another server.
    pub(crate) fn spoil(&mut self) {
        self.accept = accept(self.key, b"");
    }

    /// Adds a header as it is.
    pub(crate) fn add(&mut self, name: &str, value: &str) {
        self.extra_lines += &format!("{name}: {value}\r\n");
    }

    pub(crate) fn head(&self) -> String {
        let Self {
            accept,
            date,
            extra_lines,
            ..
        } = self;
        format!(
            "HTTP/1.1 101 Switching Protocols\r\nDate: {date}\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Accept: {accept}\r\n{extra_lines}\r\n"
        )
    }

    /// Puts the right values into an answer of a fault's own: `{accept}` and `{date}` stand for them.
    pub(crate) fn fill_in(&self, answer: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(answer.len());
        let mut rest = answer;
        while let Some((byte, behind)) = rest.split_first() {
            if let Some(behind) = rest.strip_prefix(b"{accept}") {
                out.extend_from_slice(self.accept.as_bytes());
                rest = behind;
            } else if let Some(behind) = rest.strip_prefix(b"{date}") {
                out.extend_from_slice(self.date.as_bytes());
                rest = behind;
            } else {
                out.push(*byte);
                rest = behind;
            }
        }
        out
    }
}

fn accept(key: &str, guid: &[u8]) -> String {
    let mut hash = Sha1::new();
    hash.update(key.as_bytes());
    hash.update(guid);
    BASE64.encode(hash.finalize())
}

/// Answers with a status that is no upgrade, and leaves. Each of the extra lines has its end.
pub(crate) async fn refuse<Io: AsyncRead + AsyncWrite + Unpin>(
    io: &mut Io,
    status: u16,
    extra_lines: &str,
    text: &str,
    date: &str,
) {
    let version = match status {
        426 => "Sec-WebSocket-Version: 13\r\nUpgrade: websocket\r\n",
        _ => "",
    };
    let response = Response {
        status,
        date,
        content_type: "text/plain",
        extra_lines: &format!("{version}{extra_lines}"),
        body: text,
    };
    response.send(io).await;
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;

    use super::*;

    const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

    fn head(target: &str, extra: &str) -> String {
        format!(
            "GET {target} HTTP/1.1\r\nHost: localhost\r\nUpgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\n{extra}\r\n"
        )
    }

    async fn status(head: &str) -> u16 {
        match read_request(&mut head.as_bytes()).await.unwrap().unwrap().ask {
            Ask::Upgrade { .. } => 101,
            Ask::Bad { status, .. } => status,
        }
    }

    #[tokio::test]
    async fn the_two_paths_upgrade_with_or_without_a_query() {
        let key = format!("Sec-WebSocket-Key: {KEY}\r\n");
        for target in [
            "/api",
            "/user",
            "/api?protocol=1.1",
            "/user?protocol=1.1&compression=true",
        ] {
            assert_eq!(status(&head(target, &key)).await, 101, "{target}");
        }
        for target in ["/", "/api/", "/users", "*"] {
            assert_eq!(status(&head(target, &key)).await, 404, "{target}");
        }
    }

    #[tokio::test]
    async fn what_is_no_upgrade_is_refused() {
        assert_eq!(status(&head("/api", "")).await, 400);
        assert_eq!(
            status(&head("/api", "Sec-WebSocket-Key: c2hvcnQ=\r\n")).await,
            400
        );
        assert_eq!(status("GET /api HTTP/1.1\r\nHost: x\r\n\r\n").await, 400);
        assert_eq!(status("POST /api HTTP/1.1\r\nHost: x\r\n\r\n").await, 405);
        assert_eq!(status("\u{1}\u{2}\u{3}\r\n\r\n").await, 400);
        let old = head("/api", &format!("Sec-WebSocket-Key: {KEY}\r\n")).replace("13", "8");
        assert_eq!(status(&old).await, 426);
    }

    #[tokio::test]
    async fn a_head_in_pieces_is_read_and_what_follows_is_kept() {
        let text = head("/user", &format!("Sec-WebSocket-Key: {KEY}\r\n")) + "rest";
        let (mut client, mut server) = tokio::io::duplex(7);
        let send = async {
            client.write_all(text.as_bytes()).await.unwrap();
            drop(client);
        };
        let (request, ()) = tokio::join!(read_request(&mut server), send);
        let request = request.unwrap().unwrap();
        assert_eq!(
            request.ask,
            Ask::Upgrade {
                side: Side::Private,
                key: KEY.into()
            }
        );
        assert!(b"rest".starts_with(&request.leftover));
    }

    #[tokio::test]
    async fn an_endless_head_is_refused() {
        let text = format!("GET /api HTTP/1.1\r\nX: {}", "x".repeat(2 * MAX_HEAD_BYTES));
        let request = read_request(&mut text.as_bytes()).await.unwrap().unwrap();
        assert!(matches!(request.ask, Ask::Bad { status: 431, .. }));
    }

    /// The example of RFC 6455, section 1.3.
    #[test]
    fn the_accept_value_is_the_one_of_the_standard() {
        let answer = Acceptance::new(KEY, "now").head();
        assert!(
            answer.contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"),
            "{answer}"
        );
        assert!(answer.contains("Date: now\r\n"), "{answer}");
    }
}

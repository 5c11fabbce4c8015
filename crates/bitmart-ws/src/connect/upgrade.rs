use std::future::poll_fn;
use std::pin::pin;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use sha1::{Digest as _, Sha1};
use tokio::time::timeout;

use super::{ConnectError, Endpoint, Step, Stream, UpgradeFault};

/// The most of a refusal's body that is kept, in bytes: enough to recognise a venue's error or a provider's
/// page.
pub const MAX_REFUSAL_BODY_BYTES: usize = 1024;

/// The longest `Retry-After` that is believed, in milliseconds: one hour. Beyond that it is a mistake, or a
/// way to keep clients out for good.
pub const MAX_RETRY_AFTER_MS: u64 = 60 * 60 * 1000;

/// The most headers an answer may have. A content network in front of the venue adds some twenty.
const MAX_HEADERS: usize = 64;

/// The most bytes the head of an answer may have. Security policies and cookies take a few kilobytes.
const MAX_HEAD_BYTES: usize = 16 * 1024;

/// How much is buffered at most while the answer is read; what came behind it is handed on. In bytes.
const MAX_BUFFER_BYTES: usize = 32 * 1024;

/// How long the body of a refusal is waited for, in milliseconds. It is a courtesy to whoever reads the
/// error.
const REFUSAL_BODY_DEADLINE_MS: u64 = 1_000;

/// The longest part of a header that goes into an error, in characters.
const SHOWN_HEADER_CHARS: usize = 256;

const KEY_BYTES: usize = 16;
const ACCEPT_SUFFIX: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const USER_AGENT: &str = concat!("bitmart-ws/", env!("CARGO_PKG_VERSION"));

/// A stream on which frames may be sent.
pub(super) struct Upgraded {
    pub(super) stream: Stream,
    pub(super) leftover: Bytes,
    pub(super) server_date_ms: Option<u64>,
}

type Connection = http1::Connection<TokioIo<Stream>, Empty<Bytes>>;

/// Asks for a `WebSocket` over `stream`, and checks the answer.
pub(super) async fn upgrade(
    stream: Stream,
    endpoint: &Endpoint,
    deadline_ms: u64,
    rng: &mut fastrand::Rng,
) -> Result<Upgraded, ConnectError> {
    let mut nonce = [0; KEY_BYTES];
    rng.fill(&mut nonce);
    let key = BASE64.encode(nonce);
    let exchange = timeout(
        Duration::from_millis(deadline_ms),
        exchange(stream, endpoint, &key),
    )
    .await;
    let (response, mut connection) = exchange.map_err(|_| ConnectError::Timeout {
        step: Step::Upgrade,
        after_ms: deadline_ms,
        host: endpoint.authority(),
    })??;
    let (parts, body) = response.into_parts();
    let headers = &parts.headers;
    let server_date_ms = date_ms(headers, &header::DATE);
    if parts.status != StatusCode::SWITCHING_PROTOCOLS {
        return Err(ConnectError::UpgradeRefused {
            host: endpoint.authority(),
            status: parts.status.as_u16(),
            location: headers
                .get(header::LOCATION)
                .map(|location| shown(location.as_bytes())),
            body: read_refusal(body, &mut connection).await,
            retry_after_ms: retry_after_ms(headers, server_date_ms),
        });
    }
    check_headers(headers, &key).map_err(|(fault, detail)| ConnectError::Upgrade {
        fault,
        host: endpoint.authority(),
        detail,
    })?;
    let http1::Parts { io, read_buf, .. } = connection.inner.into_parts();
    Ok(Upgraded {
        stream: io.into_inner(),
        leftover: read_buf,
        server_date_ms,
    })
}

/// Sends the request and reads the head of the answer.
async fn exchange(
    stream: Stream,
    endpoint: &Endpoint,
    key: &str,
) -> Result<(http::Response<Incoming>, Driven), ConnectError> {
    let request = Request::get(endpoint.path_and_query().as_str())
        .header(header::HOST, endpoint.authority())
        .header(header::CONNECTION, "Upgrade")
        .header(header::UPGRADE, "websocket")
        .header(header::SEC_WEBSOCKET_VERSION, "13")
        .header(header::SEC_WEBSOCKET_KEY, key)
        .header(header::USER_AGENT, USER_AGENT)
        .body(Empty::new())
        .expect("an endpoint's host and target are valid in HTTP");
    let (mut sender, connection) = http1::Builder::new()
        .max_headers(MAX_HEADERS)
        .max_header_size(MAX_HEAD_BYTES)
        .max_buf_size(MAX_BUFFER_BYTES)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|error| broken(endpoint, error))?;
    let mut connection = Driven {
        inner: connection,
        is_done: false,
    };
    let response = connection
        .beside(sender.send_request(request))
        .await
        .map_err(|error| broken(endpoint, error))?;
    Ok((response, connection))
}

/// A connection of hyper that is driven in place. Spawned, it would outlive the attempt to connect that it is
/// for.
struct Driven {
    inner: Connection,
    is_done: bool,
}

impl Driven {
    /// Runs a future that waits for the connection, and the connection beside it.
    async fn beside<T>(&mut self, future: impl Future<Output = T>) -> T {
        let mut future = pin!(future);
        poll_fn(|cx| {
            // How it ended reaches the future through hyper's own channel.
            self.is_done = self.is_done || self.inner.poll_without_shutdown(cx).is_ready();
            future.as_mut().poll(cx)
        })
        .await
    }
}

/// Sorts an error of hyper: an answer that makes no sense, or no answer.
fn broken(endpoint: &Endpoint, error: hyper::Error) -> ConnectError {
    let host = endpoint.authority();
    if error.is_parse() {
        let detail = error.to_string();
        return ConnectError::Upgrade {
            fault: UpgradeFault::NotHttp,
            host,
            detail,
        };
    }
    ConnectError::Broken {
        step: Step::Upgrade,
        host,
        source: error.into(),
    }
}

/// Checks a 101 as RFC 6455, 4.1 wants it.
fn check_headers(headers: &HeaderMap, key: &str) -> Result<(), (UpgradeFault, String)> {
    let is_websocket = has_token(headers, &header::UPGRADE, "websocket");
    if !is_websocket || !has_token(headers, &header::CONNECTION, "upgrade") {
        let detail = format!(
            "Upgrade: {}, Connection: {}",
            shown_header(headers, &header::UPGRADE),
            shown_header(headers, &header::CONNECTION)
        );
        return Err((UpgradeFault::NotUpgraded, detail));
    }
    let mut accepts = headers.get_all(header::SEC_WEBSOCKET_ACCEPT).iter();
    let is_right = accepts
        .next()
        .is_some_and(|accept| accept.as_bytes() == accept_for(key).as_bytes());
    if !is_right || accepts.next().is_some() {
        return Err((
            UpgradeFault::WrongAccept,
            shown_header(headers, &header::SEC_WEBSOCKET_ACCEPT),
        ));
    }
    for (name, fault) in [
        (
            header::SEC_WEBSOCKET_EXTENSIONS,
            UpgradeFault::UnrequestedExtension,
        ),
        (header::SEC_WEBSOCKET_PROTOCOL, UpgradeFault::UnrequestedProtocol),
    ] {
        if headers.contains_key(&name) {
            return Err((fault, shown_header(headers, &name)));
        }
    }
    Ok(())
}

/// What `Sec-WebSocket-Accept` has to be for a key.
fn accept_for(key: &str) -> String {
    let digest = Sha1::new()
        .chain_update(key)
        .chain_update(ACCEPT_SUFFIX)
        .finalize();
    BASE64.encode(digest)
}

/// Whether a header that is a list has a token in it, in any of its lines and in any case.
fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .flat_map(|value| value.as_bytes().split(|&byte| byte == b','))
        .any(|item| item.trim_ascii().eq_ignore_ascii_case(token.as_bytes()))
}

/// Reads the beginning of a refusal's body: as much as comes soon, and no more than the bound.
async fn read_refusal(mut body: Incoming, connection: &mut Driven) -> String {
    let mut text = Vec::new();
    let reading = async {
        while text.len() < MAX_REFUSAL_BODY_BYTES
            && let Some(Ok(frame)) = connection.beside(body.frame()).await
        {
            if let Some(data) = frame.data_ref() {
                let room = MAX_REFUSAL_BODY_BYTES - text.len();
                text.extend_from_slice(&data[..data.len().min(room)]);
            }
        }
    };
    // Late or not, what is there by then is what is shown.
    let _ = timeout(Duration::from_millis(REFUSAL_BODY_DEADLINE_MS), reading).await;
    String::from_utf8_lossy(&text).into_owned()
}

/// Reads `Retry-After`: seconds, or a date, which is taken against the server's own clock.
fn retry_after_ms(headers: &HeaderMap, server_date_ms: Option<u64>) -> Option<u64> {
    let value = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    let is_seconds = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    let delay_ms = if is_seconds {
        value
            .parse::<u64>()
            .map_or(u64::MAX, |seconds| seconds.saturating_mul(1000))
    } else {
        date_ms(headers, &header::RETRY_AFTER)?.saturating_sub(server_date_ms?)
    };
    Some(delay_ms.min(MAX_RETRY_AFTER_MS))
}

/// Reads a header that is a date, as Unix time in milliseconds.
fn date_ms(headers: &HeaderMap, name: &HeaderName) -> Option<u64> {
    let date: SystemTime = httpdate::parse_http_date(headers.get(name)?.to_str().ok()?).ok()?;
    date.duration_since(UNIX_EPOCH).ok()?.as_millis().try_into().ok()
}

fn shown_header(headers: &HeaderMap, name: &HeaderName) -> String {
    headers
        .get(name)
        .map_or_else(|| format!("no {name}"), |value| shown(value.as_bytes()))
}

fn shown(value: &[u8]) -> String {
    String::from_utf8_lossy(value)
        .chars()
        .take(SHOWN_HEADER_CHARS)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_accept_is_that_of_the_rfc() {
        assert_eq!(
            accept_for("dGhlIHNhbXBsZSBub25jZQ=="),
            "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        );
    }

    #[test]
    fn retry_after_takes_seconds_and_dates_and_has_an_end() {
        let now = "Sun, 06 Nov 1994 08:49:37 GMT";
        let cases = [
            ("0", Some(0)),
            ("120", Some(120_000)),
            (" 7 ", Some(7_000)),
            ("99999999999999999999999", Some(MAX_RETRY_AFTER_MS)),
            ("Sun, 06 Nov 1994 08:50:07 GMT", Some(30_000)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
            ("-1", None),
            ("soon", None),
            ("", None),
        ];
        for (value, expected) in cases {
            let mut headers = HeaderMap::new();
            headers.insert(header::DATE, now.parse().unwrap());
            headers.insert(header::RETRY_AFTER, value.parse().unwrap());
            let server_date_ms = date_ms(&headers, &header::DATE);
            assert_eq!(server_date_ms, Some(784_111_777_000));
            assert_eq!(retry_after_ms(&headers, server_date_ms), expected, "{value}");
        }
    }
}

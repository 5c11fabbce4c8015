//! The control endpoint: what a test in Rust does by calls, done over HTTP by a test in any language.
//!
//! One request per connection, parameters in the query, JSON on one line as the answer. A caller that ends its stream,
//! even its own half alone, has left. It is on 127.0.0.1 alone and
//! has no password; what keeps a web page away is in [`request`].

mod calls;
mod faults;
mod help;
mod query;
mod request;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::http::{self, Head, Response};
use crate::server::{Hub, stopped};
use crate::venue::Urls;
use calls::Desk;
use query::Refused;

/// Requests that are served at a time; more wait in the kernel's backlog.
const MAX_CONNECTIONS: usize = 16;
/// How long a client may take for its request.
const REQUEST_DEADLINE: Duration = Duration::from_secs(2);
/// Bytes of a request's head: room for a message of tens of kilobytes in the query.
const MAX_HEAD_BYTES: usize = 64 << 10;
/// The pause after a failed accept, which is usually the process running out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Binds a port, 0 for a free one; which one it is.
pub(crate) async fn bind(port: u16) -> io::Result<(TcpListener, u16)> {
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await?;
    let bound = listener.local_addr()?.port();
    Ok((listener, bound))
}

/// Serves requests until `stop` turns true.
pub(crate) async fn listen(
    listener: TcpListener,
    hub: Arc<Hub>,
    urls: Urls,
    mut stop: watch::Receiver<bool>,
) {
    let desk = Arc::new(Desk::new(hub.clone(), urls));
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if connections.len() < MAX_CONNECTIONS => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve(stream, desk.clone(), hub.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "accept failed on the control endpoint");
                    sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(ended) = connections.join_next() => {
                if let Err(error) = ended {
                    tracing::error!(%error, "a control request's task failed");
                }
            }
            () = stopped(&mut stop) => break,
        }
    }
}

async fn serve(mut stream: TcpStream, desk: Arc<Desk>, hub: Arc<Hub>) {
    let reading = http::read_head(&mut stream, MAX_HEAD_BYTES, request::read);
    let answer = match timeout(REQUEST_DEADLINE, reading).await {
        Ok(Ok(Head::Read { value, .. })) => match value {
            // A caller who has left hears of nothing: the steps that it asked for stop. All other calls are done at
            // once, before it is looked at.
            Ok(call) => tokio::select! {
                biased;
                answer = desk.answer(call) => answer,
                () = http::gone(&mut stream) => return,
            },
            Err(refused) => Err(refused),
        },
        Ok(Ok(Head::Malformed)) => Err(Refused::new(400, "not an HTTP/1.1 request")),
        Ok(Ok(Head::TooLong)) => Err(Refused::new(
            431,
            format!("the request's head is too long: {MAX_HEAD_BYTES} bytes are taken"),
        )),
        Ok(Ok(Head::Gone) | Err(_)) => return,
        Err(_) => Err(Refused::new(408, "the request didn't come in time")),
    };
    let (status, content_type, body, extra_lines) = match &answer {
        Ok(answer) => (200, answer.content_type, answer.body.as_str(), String::new()),
        Err(refused) => (
            refused.status,
            calls::JSON,
            refused.body.as_str(),
            refused
                .allow
                .map_or(String::new(), |allow| format!("Allow: {allow}\r\n")),
        ),
    };
    let response = Response {
        status,
        date: &hub.http_date(),
        content_type,
        extra_lines: &extra_lines,
        body,
    };
    response.send(&mut stream).await;
}

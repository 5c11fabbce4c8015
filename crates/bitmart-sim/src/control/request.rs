//! What a request asks for, and whether it may.
//!
//! The one attacker of a port on loopback is a web page: a browser sends its requests anywhere. It can't help adding
//! an `Origin` to those that change something, and a name of its own that resolves to 127.0.0.1 shows in `Host`.

use super::query::{Query, Refused};
use crate::http::raw_values;

/// What a `Host` may say, with or without a port.
const HOSTS: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// A request that may be answered.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) method: String,
    /// The path's parts, without empty ones.
    pub(super) path: Vec<String>,
    pub(super) query: Query,
}

pub(super) fn read(request: &httparse::Request<'_, '_>) -> Result<Call, Refused> {
    if request.version != Some(1) {
        return Err(Refused::new(400, "only HTTP/1.1 is spoken here"));
    }
    // By their names alone: what isn't text is there all the same.
    if raw_values(request, "origin").next().is_some() {
        let error = "requests with an Origin are refused: no web page may drive the simulator";
        return Err(Refused::new(403, error));
    }
    let mut hosts = raw_values(request, "host");
    let is_named = match (hosts.next(), hosts.next()) {
        (Some(host), None) => std::str::from_utf8(host).is_ok_and(|host| is_loopback(host.trim())),
        _ => false,
    };
    if !is_named {
        let error = "the Host must be 127.0.0.1 or localhost: no other name may lead here";
        return Err(Refused::new(403, error));
    }
    let has_body = raw_values(request, "content-length").any(|length| length.trim_ascii() != b"0")
        || raw_values(request, "transfer-encoding").next().is_some();
    if has_body {
        return Err(Refused::new(
            413,
            "a body is not read: put the parameters into the query",
        ));
    }
    let target = request.path.unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let parts = path.split('/').filter(|part| !part.is_empty());
    Ok(Call {
        method: request.method.unwrap_or_default().to_owned(),
        path: parts.map(str::to_owned).collect(),
        query: Query::parse(query)?,
    })
}

fn is_loopback(host: &str) -> bool {
    HOSTS.iter().any(|name| {
        let named = host
            .get(..name.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(name));
        let rest = host.get(name.len()..).unwrap_or_default();
        let is_port = |text: &str| text.parse::<u16>().is_ok();
        named && (rest.is_empty() || rest.strip_prefix(':').is_some_and(is_port))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_is_loopback() {
        for host in [
            "localhost",
            "LocalHost:80",
            "127.0.0.1",
            "127.0.0.1:9",
            "[::1]:9000",
        ] {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "",
            "example.com",
            "localhost.example.com",
            "127.0.0.1.example.com:80",
            "127.0.0.1:x",
            "localhost:",
            "évil",
            "0.0.0.0",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}

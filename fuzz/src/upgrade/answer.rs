//! A strict reading of an answer to the upgrade, by RFC 6455, 4.1, that owes nothing to the code under test.

use std::borrow::Cow;

/// What is to be thought of an answer.
pub(super) struct Judged {
    /// How many bytes the answer has up to the end of its head if it makes a socket; else why it can't.
    pub(super) head: Result<usize, &'static str>,
    /// Nothing in it leaves room for doubt: it has to make a socket.
    pub(super) is_plain: bool,
}

/// The longest head that has to be accepted, in bytes, and the most headers: well within the bounds.
const PLAIN_HEAD_BYTES: usize = 8 << 10;
const PLAIN_HEADERS: usize = 32;

/// Headers that have no part in the upgrade, nor in how an answer is cut.
const INDIFFERENT: [&str; 3] = ["date", "server", "x-request-id"];

/// Looks at the bytes of an answer. Those in front of it that ask for patience (1xx) are passed over.
pub(super) fn judge(bytes: &[u8], accept: &str) -> Judged {
    let mut at = 0;
    let mut is_plain = true;
    loop {
        // Empty lines in front are passed over, as most do.
        while let Some(b'\r' | b'\n') = bytes.get(at) {
            (at, is_plain) = (at + 1, false);
        }
        let rest = bytes.get(at..).unwrap_or_default();
        let Some((lines, length)) = head(rest) else {
            return refused("its head has no end");
        };
        let Some(status) = lines.first().and_then(|line| status(line)) else {
            return refused("it doesn't begin with a status");
        };
        match status {
            101 => {
                let headers: Vec<&str> = lines.iter().skip(1).map(|line| &**line).collect();
                is_plain &= rest.starts_with(b"HTTP/1.1 101 ")
                    && length <= PLAIN_HEAD_BYTES
                    && is_plainly_written(rest.get(..length).unwrap_or_default(), &headers);
                return match check(&headers, accept) {
                    Ok(()) => Judged {
                        head: Ok(at + length),
                        is_plain,
                    },
                    Err(fault) => refused(fault),
                };
            }
            100..200 => (at, is_plain) = (at + length, false),
            _ => return refused("its status is another"),
        }
    }
}

fn refused(fault: &'static str) -> Judged {
    Judged {
        head: Err(fault),
        is_plain: false,
    }
}

/// The lines of a head, up to the empty one, and how many bytes they have with it.
fn head(bytes: &[u8]) -> Option<(Vec<Cow<'_, str>>, usize)> {
    let mut lines = Vec::new();
    let mut length = 0;
    for line in bytes.split_inclusive(|&byte| byte == b'\n') {
        length += line.len();
        let line = line.strip_suffix(b"\n")?;
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            return Some((lines, length));
        }
        lines.push(String::from_utf8_lossy(line));
    }
    None
}

fn status(line: &str) -> Option<u16> {
    let (version, rest) = line.split_once(' ')?;
    let code = rest.split(' ').next()?;
    (version.starts_with("HTTP/1.") && code.len() == 3)
        .then(|| code.parse().ok())
        .flatten()
}

/// The values of a header, in all its lines.
fn values<'a>(headers: &'a [&str], name: &str) -> impl Iterator<Item = &'a str> {
    headers
        .iter()
        .filter_map(|line| line.split_once(':'))
        .filter(move |(found, _)| found.trim_end().eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim_matches([' ', '\t']))
}

fn has_token(headers: &[&str], name: &str, token: &str) -> bool {
    values(headers, name)
        .flat_map(|value| value.split(','))
        .any(|item| item.trim_matches([' ', '\t']).eq_ignore_ascii_case(token))
}

/// The six conditions of RFC 6455, 4.1, for a client that asked for no extension and no subprotocol.
fn check(headers: &[&str], accept: &str) -> Result<(), &'static str> {
    if !has_token(headers, "upgrade", "websocket") {
        return Err("there is no Upgrade to websocket");
    }
    if !has_token(headers, "connection", "upgrade") {
        return Err("its Connection has no upgrade");
    }
    if values(headers, "sec-websocket-accept").collect::<Vec<_>>() != [accept] {
        return Err("its Sec-WebSocket-Accept is not the one that follows from our key");
    }
    if values(headers, "sec-websocket-extensions").next().is_some() {
        return Err("it has an extension");
    }
    if values(headers, "sec-websocket-protocol").next().is_some() {
        return Err("it has a subprotocol");
    }
    Ok(())
}

/// Whether a head is of printable ASCII in lines that end as they should, and has only headers that matter not, beside
/// those of the upgrade.
fn is_plainly_written(head: &[u8], headers: &[&str]) -> bool {
    let is_text = std::str::from_utf8(head).is_ok_and(|head| {
        let mut bytes = head.split("\r\n").flat_map(str::bytes);
        bytes.all(|byte| matches!(byte, b' '..=b'~'))
    });
    let known = ["upgrade", "connection", "sec-websocket-accept"];
    is_text
        && headers.len() <= PLAIN_HEADERS
        && headers.iter().all(|line| {
            line.split_once(':').is_some_and(|(name, value)| {
                let name = name.to_ascii_lowercase();
                INDIFFERENT.contains(&&*name)
                    || known.contains(&&*name) && !value.contains(',') && !value.is_empty()
            })
        })
}

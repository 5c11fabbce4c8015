//! Every kind of fault by its name: what it takes, what it does, and how it is made.

use std::time::Duration;

use bitmart_proto::{Environment, Market, Side};

use super::query::{Query, Refused, bytes_of_hex};
use crate::fault::{Fault, Garbage};

/// Milliseconds of the longest delay: a day.
const MAX_DELAY_MS: u64 = 86_400_000;
/// The code of a close that names none: the server goes away.
const CLOSE_GOING_AWAY: u16 = 1001;
/// Bytes of a message of garbage that doesn't say how many.
const GARBAGE_BYTES: usize = 256;
/// Bytes that a bomb inflates to which doesn't say: more than the 8 MiB that ample clients take.
const BOMB_BYTES: usize = 9 << 20;

pub(super) const MARKETS: [(&str, Market); 2] = [("spot", Market::Spot), ("futures", Market::Futures)];
pub(super) const SIDES: [(&str, Side); 2] = [("public", Side::Public), ("private", Side::Private)];
pub(super) const ENVIRONMENTS: [(&str, Environment); 2] =
    [("live", Environment::Live), ("demo", Environment::Demo)];

/// A kind of fault as the control endpoint offers it.
pub(super) struct Kind {
    pub(super) name: &'static str,
    /// Its own parameters, in an example that works.
    pub(super) example: &'static str,
    pub(super) does: &'static str,
    make: fn(&mut Query) -> Result<Fault, Refused>,
}

pub(super) const KINDS: &[Kind] = &[
    Kind {
        name: "close",
        example: "code=1001&reason=restart",
        does: "a close frame",
        make: |query| {
            let code = query.read("code", "a close code, 0 to 65535")?;
            let reason = query.take("reason").unwrap_or_default();
            Ok(Fault::close(code.unwrap_or(CLOSE_GOING_AWAY), reason))
        },
    },
    Kind {
        name: "reset",
        example: "",
        does: "a TCP reset",
        make: |_| Ok(Fault::reset()),
    },
    Kind {
        name: "cut",
        example: "",
        does: "the end of the stream, without a close frame",
        make: |_| Ok(Fault::cut()),
    },
    Kind {
        name: "silence",
        example: "",
        does: "open but dead, until the fault is deleted",
        make: |_| Ok(Fault::silence()),
    },
    Kind {
        name: "send_text",
        example: "text=not%20json",
        does: "a text message with any content",
        make: |query| Ok(Fault::send_text(query.need("text")?)),
    },
    Kind {
        name: "send_binary",
        example: "hex=ff00",
        does: "a binary message with any content; or text=…",
        make: |query| Ok(Fault::send_binary(need_bytes(query)?)),
    },
    Kind {
        name: "send_garbage",
        example: "kind=bomb&bytes=9000000",
        does: "bytes, text, invalid_utf8, bomb, truncated_deflate or gzip",
        make: |query| {
            let bytes = query.read("bytes", "a number of bytes")?;
            let kinds = [
                ("bytes", Garbage::Bytes(bytes.unwrap_or(GARBAGE_BYTES))),
                ("text", Garbage::Text(bytes.unwrap_or(GARBAGE_BYTES))),
                ("invalid_utf8", Garbage::InvalidUtf8),
                ("bomb", Garbage::Bomb(bytes.unwrap_or(BOMB_BYTES))),
                ("truncated_deflate", Garbage::TruncatedDeflate),
                ("gzip", Garbage::Gzip),
            ];
            let garbage = query.choose("kind", &kinds)?;
            Ok(Fault::send_garbage(garbage.unwrap_or(kinds[0].1)))
        },
    },
    Kind {
        name: "send_raw",
        example: "hex=c100",
        does: "bytes that are no frame of ours; or text=…",
        make: |query| Ok(Fault::send_raw(need_bytes(query)?)),
    },
    Kind {
        name: "tear_frame",
        example: "",
        does: "half a frame, and the end of the stream",
        make: |_| Ok(Fault::tear_frame()),
    },
    Kind {
        name: "lag",
        example: "ms=200&most_ms=900",
        does: "everything late by a time between two, until the fault is deleted",
        make: |query| {
            let least = need_delay(query, "ms")?;
            let most = delay(query, "most_ms")?.unwrap_or(least);
            if most < least {
                let error =
                    "most_ms is less than ms: the first is the longest delay, the second the shortest";
                return Err(Refused::new(400, error));
            }
            Ok(Fault::lag(least, most))
        },
    },
    Kind {
        name: "skip_push",
        example: "topic=spot/trade:BTC_USDT&times=2",
        does: "a push that doesn't come",
        make: |_| Ok(Fault::skip_push()),
    },
    Kind {
        name: "repeat_push",
        example: "",
        does: "a push that comes twice",
        make: |_| Ok(Fault::repeat_push()),
    },
    Kind {
        name: "swap_pushes",
        example: "",
        does: "a push that comes behind the next one of its topic",
        make: |_| Ok(Fault::swap_pushes()),
    },
    Kind {
        name: "reject_login",
        example: "code=95000&text=internal%20error",
        does: "a refused login; futures sends the text alone",
        make: |query| {
            let code = query.take("code").unwrap_or_default();
            Ok(Fault::reject_login(code, query.need("text")?))
        },
    },
    Kind {
        name: "ignore_login",
        example: "",
        does: "a login without an answer",
        make: |_| Ok(Fault::ignore_login()),
    },
    Kind {
        name: "refuse_request",
        example: "code=95000&text=internal%20error",
        does: "a request about topics refused as a whole; futures sends the text alone",
        make: |query| {
            let code = query.take("code").unwrap_or_default();
            Ok(Fault::refuse_request(code, query.need("text")?))
        },
    },
    Kind {
        name: "refuse_topic",
        example: "topic=spot/trade:ETH_USDT&code=92001&text=delisted&forever=true",
        does: "a subscription refused, though its topic exists",
        make: |query| {
            let code = query.take("code").unwrap_or_default();
            Ok(Fault::refuse_topic(code, query.need("text")?))
        },
    },
    Kind {
        name: "drop_acks",
        example: "",
        does: "a lost acknowledgement; data flows",
        make: |_| Ok(Fault::drop_acks()),
    },
    Kind {
        name: "delay_replies",
        example: "ms=500",
        does: "a reply that comes late, overtaken by data",
        make: |query| Ok(Fault::delay_replies(need_delay(query, "ms")?)),
    },
    Kind {
        name: "refuse_upgrade",
        example: "status=503&retry_after=7",
        does: "an HTTP status instead of 101",
        make: |query| {
            let status = need_status(query)?;
            let after: Option<u32> = query.read("retry_after", "a number of seconds")?;
            Ok(Fault::refuse_upgrade(
                status,
                after.map(|after| Duration::from_secs(after.into())),
            ))
        },
    },
    Kind {
        name: "redirect_upgrade",
        example: "status=301&location=https://example.com/",
        does: "a redirect instead of 101",
        make: |query| {
            let status = need_status(query)?;
            Ok(Fault::redirect_upgrade(status, query.need("location")?))
        },
    },
    Kind {
        name: "answer_upgrade",
        example: "text=220%20mail.example%20ESMTP%0D%0A",
        does: "any bytes instead of 101, then the end; or hex=…; {accept} and {date} are filled in",
        make: |query| Ok(Fault::answer_upgrade(need_bytes(query)?)),
    },
    Kind {
        name: "add_header",
        example: "name=Sec-WebSocket-Extensions&value=permessage-deflate",
        does: "a 101 with one more header",
        make: |query| Ok(Fault::add_header(query.need("name")?, query.need("value")?)),
    },
    Kind {
        name: "refuse_connect",
        example: "market=spot",
        does: "a TCP reset at once, before TLS; no side, connection or topic narrows it",
        make: |_| Ok(Fault::refuse_connect()),
    },
    Kind {
        name: "stall_connect",
        example: "market=spot",
        does: "a connection that never hears a word, as if TLS hung; narrowed as refuse_connect",
        make: |_| Ok(Fault::stall_connect()),
    },
    Kind {
        name: "stall_upgrade",
        example: "",
        does: "an upgrade that is never answered",
        make: |_| Ok(Fault::stall_upgrade()),
    },
    Kind {
        name: "corrupt_accept",
        example: "",
        does: "a 101 with a wrong Sec-WebSocket-Accept",
        make: |_| Ok(Fault::corrupt_accept()),
    },
];

fn delay(query: &mut Query, name: &str) -> Result<Option<Duration>, Refused> {
    match query.read::<u64>(name, "a number of milliseconds")? {
        Some(ms) if ms > MAX_DELAY_MS => {
            Err(Refused::new(400, format!("{name} is more than {MAX_DELAY_MS}")))
        }
        ms => Ok(ms.map(Duration::from_millis)),
    }
}

fn need_delay(query: &mut Query, name: &str) -> Result<Duration, Refused> {
    let missing = || {
        Refused::new(
            400,
            format!("{name} is missing: add {name}=500 for half a second"),
        )
    };
    delay(query, name)?.ok_or_else(missing)
}

/// Bytes as hex digits, or as a text.
fn need_bytes(query: &mut Query) -> Result<Vec<u8>, Refused> {
    match (query.take("hex"), query.take("text")) {
        (Some(hex), None) => bytes_of_hex(&hex)
            .ok_or_else(|| Refused::new(400, format!("hex={hex} is no even number of hex digits"))),
        (None, Some(text)) => Ok(text.into_bytes()),
        _ => Err(Refused::new(400, "give hex=… or text=…, and not both")),
    }
}

fn need_status(query: &mut Query) -> Result<u16, Refused> {
    match query.read("status", "an HTTP status, 100 to 999")? {
        Some(status @ 100..=999) => Ok(status),
        Some(status) => Err(Refused::new(400, format!("status={status} is not 100 to 999"))),
        None => Err(Refused::new(400, "status is missing: add status=503")),
    }
}

/// Makes the fault of a kind's name, where and as often as the query says.
pub(super) fn make(name: &str, query: &mut Query) -> Result<Fault, Refused> {
    let kind = KINDS.iter().find(|kind| kind.name == name).ok_or_else(|| {
        let names: Vec<&str> = KINDS.iter().map(|kind| kind.name).collect();
        let error = format!("{name} is no fault: there are {}", names.join(", "));
        Refused::new(404, error)
    })?;
    let mut fault = (kind.make)(query)?;
    if let Some(environment) = query.choose("environment", &ENVIRONMENTS)? {
        fault = fault.in_environment(environment);
    }
    if let Some(market) = query.choose("market", &MARKETS)? {
        fault = fault.on_market(market);
    }
    if let Some(side) = query.choose("side", &SIDES)? {
        fault = fault.on_side(side);
    }
    if let Some(topic) = query.take("topic") {
        fault = fault.on_topic(topic);
    }
    let form = "a connection's number on its endpoint, from 1";
    match query.read("connection", form)? {
        Some(0) => return Err(Refused::new(400, format!("connection=0 is not {form}"))),
        Some(nth) => fault = fault.on_connection(nth),
        None => {}
    }
    let times = query.read("times", "a number of hits")?;
    let is_forever = query.read("forever", "true or false")?;
    match (times, is_forever) {
        (Some(_), Some(true)) => Err(Refused::new(400, "times and forever exclude each other")),
        (Some(times), _) => Ok(fault.times(times)),
        (None, Some(true)) => Ok(fault.forever()),
        (None, _) => Ok(fault),
    }
}

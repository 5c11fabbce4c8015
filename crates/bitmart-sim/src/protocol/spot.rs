//! The spot dialect: `op`, one ack per topic, errors that name a code and no topic.

use bitmart_proto::{Channel, Market, Side, Topic, TopicError};
use serde_json::Value;

use super::login::{self, Refusal};
use super::{About, Context, LoginVerdict, Outcome, Session, Words, distinct, quoted, strings};
use crate::limits::{MAX_TOPICS, OverSubscription};

/// How the server ends a connection whose login it refused, or that sends too fast. Nothing is documented.
const CLOSE_NORMAL: u16 = 1000;

pub(super) fn handle(session: &mut Session, text: &str, context: &mut Context<'_>) -> Outcome {
    let mut out = Outcome::default();
    let limit = context.limits.spot.messages_per_window;
    if !session.is_within_rate(context.monotonic_ms, limit) {
        let text = r#"{"errorMessage":"Subscribed message frequency exceeds limit, please try later","errorCode":"90007","event":"subscribe"}"#;
        out.say(About::Refusal, text);
        out.close = Some(CLOSE_NORMAL);
        return out;
    }
    if text == "ping" {
        out.say(About::Pong, "pong");
        return out;
    }
    let request = match serde_json::from_str::<Value>(text) {
        Ok(Value::Object(request)) => request,
        _ => {
            out.say(
                About::Refusal,
                r#"{"errorMessage":"Invalid message format","errorCode":"90001"}"#,
            );
            return out;
        }
    };
    let args = request.get("args");
    match request.get("op").and_then(Value::as_str) {
        Some("subscribe") => subscribe(session, args, context, &mut out),
        Some("unsubscribe") => unsubscribe(session, args, context, &mut out),
        Some("request") => request_snapshot(session, args, context, &mut out),
        Some("login") if session.endpoint.side == Side::Private => log_in(session, args, context, &mut out),
        // A JSON ping was seen to be ignored.
        Some("ping") => {}
        _ => out.say(
            About::Refusal,
            r#"{"errorMessage":"Invalid op param","errorCode":"90002"}"#,
        ),
    }
    out
}

fn log_in(session: &mut Session, args: Option<&Value>, context: &mut Context<'_>, out: &mut Outcome) {
    let refused = match context.interference.on_login() {
        LoginVerdict::Ignore => return,
        LoginVerdict::Refuse(Words { code, text }) => {
            let (code, text) = (quoted(&code), quoted(&text));
            format!(r#"{{"event":"login","errorCode":{code},"errorMessage":{text}}}"#)
        }
        LoginVerdict::Check if session.account.is_some() => {
            let text = r#"{"event":"login","errorCode":"91005","errorMessage":"Already logged in"}"#;
            out.say(About::Refusal, text);
            return;
        }
        LoginVerdict::Check => {
            let args = args.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
            match login::check(context.directory, context.wall_ms, args) {
                Ok(account) => {
                    session.account = Some(account);
                    out.say(About::LoginAccepted, r#"{"event":"login"}"#);
                    return;
                }
                Err(refusal) => refusal_text(refusal).to_owned(),
            }
        }
    };
    out.say(About::LoginRefused, refused);
    out.close = Some(CLOSE_NORMAL);
}

/// The exchange's answer to a refused login. Codes and meanings are documented, as are the texts of 91002, 91011
/// and 91022; the order of keys differs between them on the wire, and so it does here.
fn refusal_text(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::Args => r#"{"event":"login","errorCode":"90003","errorMessage":"Invalid args param"}"#,
        Refusal::KeyEmpty => r#"{"event":"login","errorCode":"91001","errorMessage":"API KEY is empty"}"#,
        Refusal::KeyUnknown => r#"{"event":"login","errorCode":"91002","errorMessage":"API KEY not found"}"#,
        Refusal::KeyFrozen => r#"{"event":"login","errorCode":"91003","errorMessage":"API KEY is frozen"}"#,
        Refusal::KeyExpired => r#"{"event":"login","errorCode":"91004","errorMessage":"API KEY is expired"}"#,
        Refusal::SignatureEmpty => {
            r#"{"errorMessage":"Param sign is empty","errorCode":"91010","event":"login"}"#
        }
        Refusal::SignatureWrong => {
            r#"{"errorMessage":"Param sign is wrong","errorCode":"91011","event":"login"}"#
        }
        Refusal::TimestampEmpty => {
            r#"{"event":"login","errorCode":"91021","errorMessage":"Param timestamp is empty"}"#
        }
        Refusal::TimestampMalformed => {
            r#"{"event":"login","errorCode":"91023","errorMessage":"Param timestamp format is wrong"}"#
        }
        Refusal::TimestampRange => {
            r#"{"event":"login","errorCode":"91022","errorMessage":"Param timestamp range. Within a minute"}"#
        }
    }
}

/// Reads a request's topics, unless there is something against the request as a whole.
fn topics<'a>(
    event: &str,
    args: Option<&'a Value>,
    context: &mut Context<'_>,
    out: &mut Outcome,
) -> Option<Vec<&'a str>> {
    let Some(args) = strings(args) else {
        refuse(out, event, "90003", "Invalid args param");
        return None;
    };
    if let Some(Words { code, text }) = context.interference.on_request(&args) {
        refuse(out, event, &code, &text);
        return None;
    }
    let limit = context.limits.spot.topics_per_request;
    if limit.is_some_and(|limit| args.len() > limit) {
        let text = "Topic quantity in single subscription exceeds limit";
        refuse(out, event, "90005", text);
        return None;
    }
    Some(args)
}

fn subscribe(session: &mut Session, args: Option<&Value>, context: &mut Context<'_>, out: &mut Outcome) {
    let Some(args) = topics("subscribe", args, context, out) else {
        return;
    };
    if session.endpoint.side == Side::Private && session.account.is_none() {
        return refuse(out, "subscribe", "91006", "User not logged in");
    }
    let limit = context.limits.topics(session.endpoint);
    for text in args {
        if let Some(Words { code, text }) = context.interference.on_topic(text) {
            refuse(out, "subscribe", &code, &text);
            continue;
        }
        let topic = match accept(session, text, context) {
            Ok(topic) => topic,
            Err((code, message)) => {
                refuse(out, "subscribe", code, message);
                continue;
            }
        };
        let held = session.topics.len() + session.muted.len();
        let is_muted = held >= limit;
        let is_refused = match context.limits.over_subscription {
            OverSubscription::Refuse => is_muted,
            OverSubscription::Silent => held >= MAX_TOPICS,
        };
        if session.topics.contains(topic.as_str()) || session.muted.contains(topic.as_str()) {
            refuse(out, "subscribe", "90008", "Duplicate subscription");
        } else if is_refused {
            let text = r#"{"errorMessage":"Subscribed total topic quantity exceeds limit","errorCode":"90006","event":"subscribe"}"#;
            out.say(About::Refusal, text);
        } else {
            let ack = format!(r#"{{"event":"subscribe","topic":"{topic}"}}"#);
            out.say(About::Subscribed(topic.as_str().to_owned()), ack);
            if is_muted {
                session.muted.insert(topic.as_str().to_owned());
            } else {
                session.topics.insert(topic.as_str().to_owned());
                first_push(&topic, context, out);
            }
        }
    }
}

/// What follows an acknowledgement at once: the present state of the market, or the empty push that was seen right
/// after subscribing to orders.
fn first_push(topic: &Topic, context: &mut Context<'_>, out: &mut Outcome) {
    if let Some(push) = (context.first_push)(topic) {
        out.say(About::FirstPush(topic.as_str().to_owned()), push);
    }
    let is_order = matches!(topic.channel(), Channel::SpotUserOrder | Channel::SpotUserOrders);
    if is_order && context.directory.is_empty_push_sent {
        let push = format!(r#"{{"data":"","table":"{}"}}"#, topic.channel());
        out.say(About::FirstPush(topic.as_str().to_owned()), push);
    }
}

/// Reads a topic that this connection may carry, or the code and text against it.
fn accept(
    session: &Session,
    text: &str,
    context: &Context<'_>,
) -> Result<Topic, (&'static str, &'static str)> {
    const BAD_CHANNEL: (&str, &str) = ("90004", "Invalid channel param");
    const BAD_SYMBOL: (&str, &str) = ("92001", "Invalid symbol param");
    let topic = match text.parse::<Topic>() {
        Ok(topic) => topic,
        Err(TopicError::Filter { .. }) if text.starts_with("spot/") => return Err(BAD_SYMBOL),
        Err(_) => return Err(BAD_CHANNEL),
    };
    if topic.market() != Market::Spot {
        return Err(BAD_CHANNEL);
    }
    match (topic.side(), session.endpoint.side) {
        (Side::Private, Side::Public) => return Err(("91006", "User not logged in")),
        (Side::Public, Side::Private) => return Err(BAD_CHANNEL),
        _ => {}
    }
    if context.directory.is_listed(&topic) {
        Ok(topic)
    } else {
        Err(BAD_SYMBOL)
    }
}

fn unsubscribe(session: &mut Session, args: Option<&Value>, context: &mut Context<'_>, out: &mut Outcome) {
    for topic in topics("unsubscribe", args, context, out).unwrap_or_default() {
        if session.topics.remove(topic) || session.muted.remove(topic) {
            let ack = format!(r#"{{"event":"unsubscribe","topic":"{topic}"}}"#);
            out.say(About::Unsubscribed(topic.to_owned()), ack);
        } else {
            let text = r#"{"errorCode":"90009","errorMessage":"Invalid unsubscription"}"#;
            out.say(About::Refusal, text);
        }
    }
}

/// A one-shot snapshot of a book, for subscribers and others. There is no acknowledgement.
fn request_snapshot(session: &Session, args: Option<&Value>, context: &mut Context<'_>, out: &mut Outcome) {
    for text in distinct(topics("request", args, context, out).unwrap_or_default()) {
        match accept(session, text, context) {
            Ok(topic) if topic.channel() == Channel::SpotDepthIncrease => first_push(&topic, context, out),
            Ok(_) => refuse(out, "request", "90004", "Invalid channel param"),
            Err((code, message)) => refuse(out, "request", code, message),
        }
    }
}

fn refuse(out: &mut Outcome, event: &str, code: &str, message: &str) {
    // The one answer of this code that was seen has another order of keys, and no event.
    let is_anonymous = (event, code) == ("subscribe", "92001");
    let (code, message) = (quoted(code), quoted(message));
    if is_anonymous {
        let text = format!(r#"{{"errorMessage":{message},"errorCode":{code}}}"#);
        return out.say(About::Refusal, text);
    }
    let text = format!(r#"{{"event":"{event}","errorCode":{code},"errorMessage":{message}}}"#);
    out.say(About::Refusal, text);
}

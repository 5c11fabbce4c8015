//! The futures dialect: `action`, answers that repeat the request, errors in words.

use bitmart_proto::{Channel, Market, Side, Topic};
use serde_json::{Map, Value};

use super::{
    About, Context, LoginVerdict, Outcome, Session, Wording, Words, distinct, login, quoted, quoted_list,
    strings,
};

/// How the server ends a connection whose login it refused. Nothing is documented.
const CLOSE_NORMAL: u16 = 1000;
/// Characters of the key that a refused login repeats.
const KEY_CHARS_ECHOED: usize = 10;

pub(super) fn handle(session: &mut Session, text: &str, context: &mut Context<'_>) -> Outcome {
    let mut out = Outcome::default();
    let request = match serde_json::from_str::<Value>(text) {
        Ok(Value::Object(request)) => request,
        _ => {
            let error = quoted(&format!("Invalid message: message must be JSON: {text}"));
            out.say(About::Refusal, format!(r#"{{"success":false,"error":{error}}}"#));
            return out;
        }
    };
    let args = get(&request, "args");
    match get(&request, "action")
        .and_then(Value::as_str)
        .unwrap_or_default()
    {
        "ping" => {
            let pong = format!(r#"{{"group":"System","data":"pong+{}"}}"#, session.uuid());
            out.say(About::Pong, pong);
        }
        "access" if session.endpoint.side == Side::Private => log_in(session, args, context, &mut out),
        action @ ("subscribe" | "unsubscribe" | "request") => {
            topics(session, action, args, context, &mut out);
        }
        action => invalid_action(action, args, &mut out),
    }
    out
}

/// Finds a key whatever its case: clients that send `Action` and `Args` were seen to work.
fn get<'a>(request: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    request.get(name).or_else(|| {
        request
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    })
}

fn log_in(session: &mut Session, args: Option<&Value>, context: &mut Context<'_>, out: &mut Outcome) {
    let args = args.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let error = match context.interference.on_login() {
        LoginVerdict::Ignore => return,
        LoginVerdict::Refuse(Words { text, .. }) => text,
        LoginVerdict::Check => match login::check(context.directory, context.wall_ms, args) {
            Ok(account) => {
                session.account = Some(account);
                out.say(About::LoginAccepted, r#"{"action":"access","success":true}"#);
                return;
            }
            Err(_) => {
                let key = args.first().and_then(Value::as_str).unwrap_or_default();
                format!(
                    "access failed: openapi auth: apiKey {} failed: openapi auth failed",
                    masked(key)
                )
            }
        },
    };
    let error = quoted(&error);
    out.say(
        About::LoginRefused,
        format!(r#"{{"action":"access","success":false,"error":{error}}}"#),
    );
    out.close = Some(CLOSE_NORMAL);
}

/// The form in which a refusal repeats the key, never more than half of it.
fn masked(key: &str) -> String {
    let shown = KEY_CHARS_ECHOED.min(key.chars().count() / 2);
    key.chars().take(shown).chain("****".chars()).collect()
}

fn topics(
    session: &mut Session,
    action: &str,
    args: Option<&Value>,
    context: &mut Context<'_>,
    out: &mut Outcome,
) {
    let Some(args) = strings(args) else {
        let error = r#"{"success":false,"error":"Invalid message: args must be a list of topics"}"#;
        return out.say(About::Refusal, error);
    };
    if let Some(Words { text, .. }) = context.interference.on_request(&args) {
        let error = quoted(&text);
        return out.say(About::Refusal, format!(r#"{{"success":false,"error":{error}}}"#));
    }
    let named = match action {
        "request" => distinct(args.clone()),
        _ => args.clone(),
    };
    for text in &named {
        let group = quoted(text);
        let echoed = match context.directory.wording {
            Wording::Captured => &args[..],
            Wording::Documented => std::slice::from_ref(text),
        };
        let echo = format!(r#"{{"action":"{action}","args":{}}}"#, quoted_list(echoed));
        let fault = match action {
            "subscribe" => context.interference.on_topic(text),
            _ => None,
        };
        let accepted = match fault {
            Some(Words { text, .. }) => Err(text),
            None => accept(session, action, text, context),
        };
        match accepted {
            Err(error) => {
                let error = quoted(&error);
                let text = format!(
                    r#"{{"action":"{action}","group":{group},"success":false,"error":{error},"request":{echo}}}"#
                );
                out.say(About::Refusal, text);
            }
            // Answered by data alone, for subscribers and others.
            Ok(topic) if action == "request" => first_push(&topic, context, out),
            Ok(parsed) => {
                let topic = parsed.as_str().to_owned();
                let text =
                    format!(r#"{{"action":"{action}","group":{group},"success":true,"request":{echo}}}"#);
                // A duplicate is a success, and so is leaving what one doesn't hold. Whether a duplicate is told
                // the present state again isn't known: it isn't, so that `request` is what mends a book.
                if action == "subscribe" {
                    let is_new = session.topics.insert(topic.clone());
                    out.say(About::Subscribed(topic), text);
                    if is_new {
                        first_push(&parsed, context, out);
                    }
                } else {
                    session.topics.remove(&topic);
                    out.say(About::Unsubscribed(topic), text);
                }
            }
        }
    }
}

/// What follows an acknowledgement at once.
fn first_push(topic: &Topic, context: &mut Context<'_>, out: &mut Outcome) {
    if let Some(push) = (context.first_push)(topic) {
        out.say(About::FirstPush(topic.as_str().to_owned()), push);
    }
}

/// Reads a topic that this connection may carry, or the words against it.
fn accept(session: &Session, action: &str, text: &str, context: &Context<'_>) -> Result<Topic, String> {
    let not_found = || match context.directory.wording {
        Wording::Captured => format!("Invalid channel: not found {text}"),
        Wording::Documented => format!("group [{text}] not exist"),
    };
    let topic: Topic = text.parse().map_err(|_| not_found())?;
    let is_possible = action != "request" || is_requestable(topic.channel());
    if topic.market() != Market::Futures || !context.directory.is_listed(&topic) || !is_possible {
        return Err(not_found());
    }
    match (topic.side(), session.endpoint.side) {
        (Side::Private, Side::Public) => return Err(need_authentication(text)),
        (Side::Private, Side::Private) if session.account.is_none() => return Err(need_authentication(text)),
        (Side::Public, Side::Private) => return Err(not_found()),
        _ => {}
    }
    let is_full = session.topics.len() >= context.limits.topics(session.endpoint);
    if action == "subscribe" && is_full && !session.topics.contains(text) {
        return Err(not_found());
    }
    Ok(topic)
}

/// Misspelt on the wire.
fn need_authentication(topic: &str) -> String {
    format!("{topic} need authenication")
}

fn invalid_action(action: &str, args: Option<&Value>, out: &mut Outcome) {
    let args = strings(args).unwrap_or_default();
    let quoted_action = quoted(action);
    if args.is_empty() {
        let error = quoted(&format!("Invalid action [{action}]"));
        let text = format!(r#"{{"action":{quoted_action},"success":false,"error":{error}}}"#);
        return out.say(About::Refusal, text);
    }
    let echo = format!(r#"{{"action":{quoted_action},"args":{}}}"#, quoted_list(&args));
    for topic in args {
        let group = quoted(topic);
        let error = quoted(&format!("Invalid action [{action}] for group [{topic}]"));
        let text = format!(
            r#"{{"action":{quoted_action},"group":{group},"success":false,"request":{echo},"error":{error}}}"#
        );
        out.say(About::Refusal, text);
    }
}

/// Whether a topic can be asked for once with `request`.
fn is_requestable(channel: Channel) -> bool {
    matches!(
        channel,
        Channel::FuturesFundingRate | Channel::FuturesDepthIncrease(..)
    )
}

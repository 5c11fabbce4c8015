//! What `classify` must say of a text that is JSON, worked out from the text's tree.

use bitmart_proto::limits::MAX_TOPIC_BYTES;

use crate::judge::Value;

/// A class, with the topic of a push.
#[derive(Debug, PartialEq)]
pub(crate) enum Expected<'a> {
    Push(&'a str),
    Reply,
    Pong,
    Unknown,
}

/// The class by the keys of the outermost object, in the documented order.
pub(crate) fn by_keys(entries: &[(String, Value)]) -> Expected<'_> {
    let last = |names: &[&str]| {
        entries
            .iter()
            .rev()
            .find(|(name, value)| names.contains(&name.as_str()) && *value != Value::Null)
            .map(|(_, value)| value)
    };
    let text = |value: Option<&'_ Value>| match value {
        Some(Value::Text(text)) => Some(text.clone()),
        _ => None,
    };
    // Of a repeated error each one counts: an empty text is the only one that is none.
    let has_error = entries.iter().any(|(name, value)| match name.as_str() {
        "errorCode" | "error_code" => *value != Value::Null,
        "error" => *value != Value::Null && *value != Value::Text(String::new()),
        _ => false,
    });
    if has_error || last(&["success"]).is_some_and(|success| *success != Value::True) {
        return Expected::Reply;
    }
    if text(last(&["action"])).as_deref() == Some("pong") {
        return Expected::Pong;
    }
    if last(&["event"]).is_some() || last(&["action"]).is_some() {
        return Expected::Reply;
    }
    match (last(&["table", "group"]), last(&["data"])) {
        (Some(Value::Text(topic)), Some(data)) if topic == "System" => match data {
            Value::Text(word) if word.starts_with("pong") => Expected::Pong,
            _ => Expected::Unknown,
        },
        (Some(Value::Text(topic)), Some(_)) if !topic.is_empty() => Expected::Push(topic),
        _ => Expected::Unknown,
    }
}

/// The topic of a push that its first or its last bytes give away; nothing else of it is looked at then.
pub(crate) fn by_ends(text: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(text).ok()?;
    topic_first(text).or_else(|| data_first(text))
}

fn topic_first(text: &str) -> Option<&str> {
    text.strip_suffix('}')?;
    let rest = ["{\"group\":\"", "{\"table\":\""]
        .iter()
        .find_map(|head| text.strip_prefix(head))?;
    let (topic, rest) = rest.split_once('"')?;
    let value = rest.strip_prefix(",\"data\":")?;
    is_known_form(topic, value).then_some(topic)
}

fn data_first(text: &str) -> Option<&str> {
    let value = text.strip_prefix("{\"data\":")?;
    let (rest, topic) = value.strip_suffix("\"}")?.rsplit_once('"')?;
    let is_topic = rest.ends_with(",\"table\":") || rest.ends_with(",\"group\":");
    (is_topic && is_known_form(topic, value)).then_some(topic)
}

fn is_known_form(topic: &str, value: &str) -> bool {
    let begins_like_data = value.starts_with(['[', '{', '"']);
    let is_plain = topic.bytes().all(|byte| byte >= 0x20 && byte != b'\\');
    begins_like_data && is_plain && (1..MAX_TOPIC_BYTES).contains(&topic.len()) && topic != "System"
}

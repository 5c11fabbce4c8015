//! Topics and symbols that callers write, and the requests that are made of them.

use std::collections::HashSet;
use std::sync::LazyLock;

use bitmart_proto::limits::{MAX_REQUEST_BYTES, MAX_TOPIC_BYTES, MAX_TOPICS_PER_REQUEST};
use bitmart_proto::{Channel, Market, Operation, Side, Symbol, Topic, TopicError};
use serde_json::{Value, json};

use crate::lines;

/// Texts that may be topics, one a line. Those that are go into requests.
pub(crate) fn topics(data: &[u8]) {
    let topics: Vec<Topic> = lines(data).filter_map(check_topic).collect();
    requests(&topics);
    // More than one request holds.
    if let [first, ..] = topics.as_slice() {
        requests(&vec![first.clone(); MAX_TOPICS_PER_REQUEST + 5]);
    }
}

/// The names of all channels.
static NAMES: LazyLock<HashSet<String>> = LazyLock::new(|| {
    Channel::all()
        .into_iter()
        .map(|channel| channel.name().into_owned())
        .collect()
});

fn check_topic(text: &str) -> Option<Topic> {
    let is_known = NAMES.contains(text.split(':').next().unwrap_or(""));
    // An unknown name is compared with all that are known, which takes long: done for some.
    if !is_known && text.len() % 8 != 3 {
        return None;
    }
    let topic = match text.parse::<Topic>() {
        Ok(topic) => topic,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            match error {
                TopicError::TooLong { bytes } => assert!(bytes == text.len() && bytes > MAX_TOPIC_BYTES),
                TopicError::UnknownChannel { suggestion, .. } => {
                    assert!(
                        !is_known && suggestion.is_none_or(|name| NAMES.contains(&name)),
                        "{text:?}"
                    );
                }
                _ => assert!(is_known, "{error}"),
            }
            return None;
        }
    };
    assert!(is_known && text.len() <= MAX_TOPIC_BYTES, "{topic}");
    assert_eq!((topic.as_str(), &*topic.to_string()), (text, text));
    assert_eq!(Topic::try_from(text), Ok(topic.clone()));
    let (channel, filter) = (topic.channel(), topic.filter());
    assert_eq!((channel.market(), channel.side()), (topic.market(), topic.side()));
    assert!(text.starts_with(topic.market().as_str()));
    assert_eq!(
        topic.side() == Side::Private,
        text.starts_with("spot/user/")
            || ["asset", "position", "order"].iter().any(|name| text
                .strip_prefix("futures/")
                .is_some_and(|rest| rest.starts_with(name)))
    );
    let behind = text
        .strip_prefix(&*channel.name())
        .expect("a topic begins with its channel");
    let filter_text = filter.map_or(String::new(), |filter| format!(":{filter}"));
    let speed = behind.strip_prefix(&*filter_text).expect("then comes the filter");
    assert!(["", "@100ms", "@200ms"].contains(&speed), "{text}");
    assert!(
        text.bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\')
    );
    assert!(topic.is_named_by(text) && !topic.is_named_by(&format!("{text}X")));
    if speed.is_empty() {
        assert!(topic.is_named_by(&format!("{text}@7ms")));
    }
    // The same topic from its parts.
    if let Some(symbol) = filter.and_then(|filter| Symbol::new(filter).ok()) {
        assert_eq!(filter, Some(symbol.as_str()));
        match Topic::with_symbol(channel, &symbol) {
            Ok(same) => assert_eq!((same.as_str(), same.channel()), (text, channel)),
            Err(error) => assert!(matches!(error, TopicError::Filter { .. }), "{error}"),
        }
    }
    if let (None, Some(same)) = (filter, Topic::without_symbol(channel)) {
        assert_eq!(same, topic);
    }
    Some(topic)
}

/// All topics, in as many requests as it takes, of each operation and in each dialect.
fn requests(topics: &[Topic]) {
    for (dialect, verb_key) in [
        (Market::Spot.dialect(), "op"),
        (Market::Futures.dialect(), "action"),
    ] {
        for operation in [Operation::Subscribe, Operation::Unsubscribe, Operation::Request] {
            let mut rest = topics;
            while !rest.is_empty() {
                let mut request = Vec::new();
                let taken = dialect.encode_operation(operation, rest, &mut request);
                assert!((1..=MAX_TOPICS_PER_REQUEST).contains(&taken) && request.len() <= MAX_REQUEST_BYTES);
                let (now, later) = rest.split_at(taken);
                let args: Vec<&str> = now.iter().map(Topic::as_str).collect();
                assert_eq!(
                    read(&request),
                    json!({ verb_key: operation.as_str(), "args": args })
                );
                let is_full = taken == MAX_TOPICS_PER_REQUEST
                    || later
                        .first()
                        .is_none_or(|next| request.len() + next.as_str().len() + 3 > MAX_REQUEST_BYTES);
                assert!(
                    is_full,
                    "{taken} topics in {} bytes, and room for another",
                    request.len()
                );
                rest = later;
            }
        }
    }
}

fn read(request: &[u8]) -> Value {
    serde_json::from_slice(request).expect("a request is JSON")
}

/// A key and a signature, whatever is in them.
pub(crate) fn login(data: &[u8]) {
    let mut lines = lines(data);
    let (key, signature) = (lines.next().unwrap_or(""), lines.next().unwrap_or(""));
    let time = data.len() as u64;
    let kept = |text: &str| text.replace(|char| matches!(char, '"' | '\\' | '\0'..' '), "");
    let (key_kept, signature_kept) = (kept(key), kept(signature));
    for market in Market::ALL {
        let mut request = Vec::new();
        market.dialect().encode_login(key, time, signature, &mut request);
        let expected = match market {
            Market::Spot => json!({ "op": "login", "args": [key_kept, time.to_string(), signature_kept] }),
            Market::Futures => {
                json!({ "action": "access", "args": [key_kept, time.to_string(), signature_kept, "web"] })
            }
        };
        assert_eq!(read(&request), expected);
    }
}

/// Texts that may be symbols, one a line.
pub(crate) fn symbols(data: &[u8]) {
    for text in lines(data).take(8) {
        let parts: Vec<&str> = text.split('_').collect();
        let is_plain =
            |part: &&str| !part.is_empty() && part.chars().all(|char| matches!(char, 'A'..='Z' | '0'..='9'));
        let is_symbol = parts.len() <= 2 && parts.iter().all(is_plain) && text.len() <= 40;
        match Symbol::new(text) {
            Ok(symbol) => {
                assert!(is_symbol, "{text:?}");
                assert_eq!((symbol.as_str(), &*symbol.to_string()), (text, text));
                let expected = if parts.len() == 2 {
                    Market::Spot
                } else {
                    Market::Futures
                };
                assert_eq!(symbol.market(), expected, "{text:?}");
            }
            Err(error) => assert!(!is_symbol && !error.to_string().is_empty(), "{text:?}: {error}"),
        }
    }
}

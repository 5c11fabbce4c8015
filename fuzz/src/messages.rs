//! Messages of one market, through everything that reads them.

use bitmart_proto::limits::{MAX_DEPTH, MAX_ITEMS, MAX_SAMPLE_BYTES, RETAINED_BYTES};
use bitmart_proto::{Class, DecodeError, DecodeErrorKind, Decoder, Update, classify};

use crate::class::{self, Expected};
use crate::grammar::{Choices, Grammar};
use crate::judge::{self, Value, Verdict};
use crate::{model, update};

/// Inputs that begin with a byte below this one describe messages; all others are messages, one a line. No message
/// that says anything begins so.
const DESCRIPTION: u8 = 8;

/// Messages of one input.
const MAX_MESSAGES: usize = 4;

/// What decodes after everything else.
const SOUND: &[u8] =
    br#"{"data":[{"symbol":"ADA_USDT","order_id":"9","order_state":"new"}],"table":"spot/user/order"}"#;

pub(crate) fn run(grammar: &Grammar, data: &[u8]) {
    let mut decoders = Decoders::default();
    match data.split_first() {
        Some((&first, rest)) if first < DESCRIPTION => {
            let (mut choices, mut text) = (Choices::new(rest), Vec::with_capacity(2 << 10));
            for _ in 0..MAX_MESSAGES {
                text.clear();
                if !grammar.message(&mut choices, &mut text) {
                    break;
                }
                decoders.check(&text);
            }
        }
        _ => data
            .split(|&byte| byte == b'\n')
            .take(MAX_MESSAGES)
            .for_each(|text| decoders.check(text)),
    }
    decoders.check_sound();
}

/// One decoder for each way, since what each yields borrows from it.
#[derive(Default)]
struct Decoders {
    predicting: Decoder,
    general: Decoder,
    deciding: Decoder,
}

impl Decoders {
    fn check(&mut self, text: &[u8]) {
        let verdict = Verdict::on(text);
        let class = classify(text);
        check_class(text, class, &verdict);

        let predicted = self.predicting.decode_predicted(text);
        let general = self.general.decode_general(text);
        if let Some(predicted) = &predicted {
            assert_eq!(
                Some(predicted),
                general.as_ref().ok(),
                "the predicted way reads another message: {general:?}"
            );
        }
        match &general {
            Ok(push) => check_push(text, push, class, &verdict),
            Err(error) => check_error(text, error, &verdict),
        }
        // The way that was taken decides where the views look.
        match (&predicted, &general) {
            (Some(push), _) | (None, Ok(push)) => update::check(push, text),
            _ => {}
        }
        // What costs much and finds little is done for some messages, which the text itself chooses.
        let choice = text.len() % 8;
        if let (0, Some(_), Ok(push)) = (choice, &predicted, &general) {
            update::check(push, text);
        }
        if let 1 | 2 = choice {
            assert_eq!(
                self.deciding.decode(text),
                general,
                "decode is one of its two ways"
            );
        }
        if choice == 4 && is_for_the_model(text) {
            let shown = general.as_ref().ok().copied().map(model::shown);
            assert_eq!(shown, model::expected(text), "{}", text.escape_ascii());
        }
        if class == Class::Reply || choice == 3 {
            self.check_reply(text, class, &verdict);
        }
    }

    fn check_reply(&mut self, text: &[u8], class: Class, verdict: &Verdict) {
        match self.general.reply(text) {
            Ok(reply) => {
                assert!(matches!(verdict, Verdict::Object(_)), "a reply is an object");
                let owned = reply.clone().into_owned();
                assert_eq!(owned, reply);
                if let Err(refusal) = &reply.outcome {
                    assert!(!refusal.to_string().is_empty() && !refusal.advice().is_empty());
                    assert_eq!(
                        refusal.is_about_the_connection(),
                        owned.outcome.is_err_and(|owned| owned.is_about_the_connection())
                    );
                }
            }
            Err(error) => {
                check_syntax(text, &error, verdict);
                if let (Class::Reply, Verdict::Object(_), false) = (class, verdict, text.contains(&b'\\')) {
                    assert_eq!(
                        error.kind(),
                        DecodeErrorKind::Missing { field: "success" },
                        "what is called a reply is one, or an echo: {error}"
                    );
                }
            }
        }
    }

    /// No message may leave a trace.
    fn check_sound(&mut self) {
        let check = |push: Option<Update<'_>>| {
            let Some(Update::SpotOrders { topic, orders, .. }) = push else {
                panic!("a sound message doesn't decode: {push:?}");
            };
            let order = orders.get(0).expect("there is an order");
            assert_eq!((topic, orders.len()), ("spot/user/order", 1));
            assert_eq!(
                (order.symbol, order.order_id, order.is_open()),
                ("ADA_USDT", "9", true)
            );
        };
        check(self.predicting.decode_predicted(SOUND));
        check(self.general.decode_general(SOUND).ok());
        check(self.deciding.decode(SOUND).ok());
    }
}

/// Whether the model can be asked: it takes any depth, and doesn't take `-0` for an integer.
fn is_for_the_model(text: &[u8]) -> bool {
    let mut triples = text.windows(3);
    let has_negative_zero = triples.any(|triple| triple[0] != b'"' && triple[1..] == *b"-0");
    !has_negative_zero && judge::depth(text) <= MAX_DEPTH
}

fn check_class(text: &[u8], class: Class, verdict: &Verdict) {
    if let Class::Push(head) = class {
        assert!(!head.topic(text).is_empty(), "a push has a topic");
        // In another text the place may not exist.
        let _ = head.topic(b"{}");
    }
    let Verdict::Object(entries) = verdict else {
        return;
    };
    // Keys are compared as they stand in the text, and depth is bounded.
    if text.contains(&b'\\') || judge::depth(text) > MAX_DEPTH {
        return;
    }
    let found = match &class {
        Class::Push(head) => Expected::Push(head.topic(text)),
        Class::Reply => Expected::Reply,
        Class::Pong => Expected::Pong,
        _ => Expected::Unknown,
    };
    // A control character somewhere near a topic may lead astray to the keys.
    let is_plain = text.iter().all(|&byte| byte >= 0x20);
    match class::by_ends(text) {
        Some(topic) if is_plain => assert_eq!(found, Expected::Push(topic)),
        Some(topic) if found == Expected::Push(topic) => {}
        _ => assert_eq!(found, class::by_keys(entries)),
    }
}

fn check_push(text: &[u8], push: &Update<'_>, class: Class, verdict: &Verdict) {
    let Verdict::Object(entries) = verdict else {
        panic!("decoded what is no JSON object: {push:?}");
    };
    let (topic, data) = envelope(entries);
    assert_eq!(topic, Some(&Value::Text(push.topic().to_owned())));
    assert!(data.is_some(), "decoded without data: {push:?}");
    if let Class::Push(head) = class {
        let is_repeated = entries.iter().filter(|(name, _)| is_topic_key(name)).count() > 1;
        assert!(
            head.topic(text) == push.topic() || is_repeated || text.contains(&b'\\'),
            "{:?} is not {:?}",
            head.topic(text),
            push.topic()
        );
    }
}

fn is_topic_key(name: &str) -> bool {
    matches!(name, "table" | "group")
}

/// What counts as topic and data.
fn envelope(entries: &[(String, Value)]) -> (Option<&Value>, Option<&Value>) {
    let last = |is_wanted: fn(&str) -> bool| {
        let mut entries = entries.iter().rev();
        entries.find(|(name, value)| is_wanted(name) && *value != Value::Null)
    };
    (
        last(is_topic_key).map(|(_, topic)| topic),
        last(|name| name == "data").map(|(_, data)| data),
    )
}

fn check_error(text: &[u8], error: &DecodeError, verdict: &Verdict) {
    check_syntax(text, error, verdict);
    let Verdict::Object(entries) = verdict else {
        return;
    };
    let (topic, data) = envelope(entries);
    match error.kind() {
        DecodeErrorKind::Missing {
            field: "table or group",
        } => assert_eq!(topic, None),
        DecodeErrorKind::Missing { field: "data" } => assert_eq!(data, None),
        DecodeErrorKind::TooManyItems => assert!(text.len() > MAX_ITEMS, "{error}"),
        DecodeErrorKind::Missing { field } | DecodeErrorKind::WrongType { field, .. } => {
            assert!(!field.is_empty() && error.field() == Some(field));
        }
        _ => {}
    }
    let is_raw = matches!(topic, Some(Value::Text(topic)) if topic.ends_with("/unheard/of"));
    assert!(
        !is_raw || data.is_none() || error.kind() == DecodeErrorKind::TooDeep,
        "a push of an unknown topic needs no more: {error}"
    );
}

/// Both parsers call the same texts JSON, apart from those that nest deeper than we allow.
fn check_syntax(text: &[u8], error: &DecodeError, verdict: &Verdict) {
    match error.kind() {
        DecodeErrorKind::NotJson => assert!(
            matches!(verdict, Verdict::NotJson),
            "refused as no JSON: {error} {verdict:?}"
        ),
        DecodeErrorKind::TooDeep => assert!(
            matches!(verdict, Verdict::NotJson) || judge::depth(text) > MAX_DEPTH,
            "refused as too deep: {error}"
        ),
        DecodeErrorKind::TooLarge => assert!(text.len() > RETAINED_BYTES, "{error}"),
        DecodeErrorKind::NotAnObject => assert!(
            matches!(verdict, Verdict::NotAnObject),
            "refused as no object: {error} {verdict:?}"
        ),
        _ => assert!(
            matches!(verdict, Verdict::Object(_)),
            "refused for its content, though it is no JSON object: {error} {verdict:?}"
        ),
    }
    assert!(
        error.offset().is_none_or(|offset| offset <= text.len()),
        "{error}"
    );
    if !text.len().is_multiple_of(8) {
        return;
    }
    let shown = error.to_string();
    // Escapes take up to ten characters for a byte.
    assert!(
        shown.len() <= 10 * MAX_SAMPLE_BYTES + 200,
        "{} bytes of words",
        shown.len()
    );
    assert!(error.clone().without_sample().to_string().len() <= shown.len());
}

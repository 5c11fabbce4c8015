//! Replies and classes.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use bitmart_proto::{
    Class, DecodeErrorKind, Decoder, ErrorClass, ErrorCode, Operation, Refusal, Reply, classify,
};
use support::{FIXTURES, PUSHES, fixture, fixtures};

fn reply(decoder: &mut Decoder, name: &str) -> Reply<'static> {
    let text = fixture(&format!("reply_{name}")).as_bytes();
    assert_eq!(classify(text), Class::Reply, "{name}");
    decoder
        .reply(text)
        .unwrap_or_else(|error| panic!("{name}: {error}"))
        .into_owned()
}

/// Failure mode 14: keys in another order, numeric codes, codes beside a login.
#[test]
fn every_reply_says_what_it_says() {
    let mut decoder = Decoder::new();
    let mut check =
        |name: &str, verb: &str, operation, topic: Option<&str>, refusal: Option<(Option<u32>, &str)>| {
            let reply = reply(&mut decoder, name);
            assert_eq!(reply.verb, verb, "{name}");
            assert_eq!(reply.operation, operation, "{name}");
            assert_eq!(reply.topic.as_deref(), topic, "{name}");
            let expected = match refusal {
                None => Ok(()),
                Some((code, text)) => Err(Refusal::new(code.map(ErrorCode), text).into_owned()),
            };
            assert_eq!(reply.outcome, expected, "{name}");
        };
    use Operation::{Login, Subscribe, Unsubscribe};
    check("login_ok_spot", "login", Some(Login), None, None);
    check("login_ok_futures", "access", Some(Login), None, None);
    check(
        "login_refused_spot",
        "login",
        Some(Login),
        None,
        Some((Some(91004), "API KEY expired")),
    );
    check(
        "login_refused_code_first",
        "login",
        Some(Login),
        None,
        Some((Some(91022), "Timestamp range. Within a minute")),
    );
    check(
        "login_refused_snake_case",
        "login",
        Some(Login),
        None,
        Some((Some(91003), "API KEY frozen")),
    );
    check(
        "login_refused_futures",
        "access",
        Some(Login),
        None,
        Some((
            None,
            "access failed: openapi auth: apiKey 5f3a**** failed: openapi auth failed",
        )),
    );
    check(
        "ack_spot",
        "subscribe",
        Some(Subscribe),
        Some("spot/user/order:SOL_USDT"),
        None,
    );
    check(
        "ack_spot_topic_first",
        "subscribe",
        Some(Subscribe),
        Some("spot/user/orders:ALL_SYMBOLS"),
        None,
    );
    check(
        "ack_spot_unsubscribe",
        "unsubscribe",
        Some(Unsubscribe),
        Some("spot/ticker:SOL_USDT"),
        None,
    );
    check(
        "ack_futures",
        "subscribe",
        Some(Subscribe),
        Some("futures/order"),
        None,
    );
    check(
        "ack_futures_echoing_all",
        "subscribe",
        Some(Subscribe),
        Some("futures/position"),
        None,
    );
    check(
        "refused_spot_channel",
        "subscribe",
        Some(Subscribe),
        None,
        Some((Some(90004), "Channel param invalid")),
    );
    check(
        "refused_spot_numeric_code",
        "subscribe",
        Some(Subscribe),
        None,
        Some((Some(90004), "Channel param invalid")),
    );
    check(
        "refused_spot_without_event",
        "",
        None,
        None,
        Some((Some(90009), "Unsubscription invalid")),
    );
    check(
        "refused_spot_old_form",
        "error",
        None,
        None,
        Some((Some(30039), "channel gone")),
    );
    check(
        "refused_spot_odd_code",
        "subscribe",
        Some(Subscribe),
        None,
        Some((None, "E-17")),
    );
    check(
        "refused_futures_channel",
        "subscribe",
        Some(Subscribe),
        Some("futures/depth20:NONEUSDT"),
        Some((None, "Invalid channel: not found futures/depth20:NONEUSDT")),
    );
    check(
        "refused_futures_login_needed",
        "subscribe",
        Some(Subscribe),
        Some("futures/position"),
        Some((None, "futures/position need authenication")),
    );
    check(
        "refused_futures_not_json",
        "",
        None,
        None,
        Some((None, "Invalid message: message must be JSON: hello")),
    );
    check(
        "refused_futures_busy",
        "subscribe",
        Some(Subscribe),
        Some("Depth:7"),
        Some((None, "authentication is temporarily unavailable")),
    );
    check(
        "refused_futures_escaped",
        "",
        None,
        None,
        Some((None, "Invalid message: message must be JSON: {\"op\":\"ping\",\"")),
    );
}

#[test]
fn refusals_without_a_code_are_classed_by_their_words() {
    let mut decoder = Decoder::new();
    for (name, class) in [
        ("login_refused_futures", ErrorClass::Auth),
        ("refused_futures_channel", ErrorClass::Topic),
        ("refused_futures_login_needed", ErrorClass::LoginNeeded),
        ("refused_futures_not_json", ErrorClass::Request),
        ("refused_futures_busy", ErrorClass::Server),
        ("login_refused_code_first", ErrorClass::Clock),
    ] {
        assert_eq!(
            reply(&mut decoder, name).outcome.unwrap_err().class(),
            class,
            "{name}"
        );
    }
}

/// Failure mode 14: a failed login must never look like a login, whatever its shape.
#[test]
fn whatever_speaks_against_success_is_a_refusal() {
    let mut decoder = Decoder::new();
    for text in [
        r#"{"event":"login","errorCode":"91002"}"#,
        r#"{"event":"login","errorCode":91002}"#,
        r#"{"event":"login","errorCode":""}"#,
        r#"{"event":"login","errorCode":{"code":1}}"#,
        r#"{"event":"login","error_code":"x"}"#,
        r#"{"errorCode":"91002","errorMessage":"m","event":"login"}"#,
        r#"{"action":"access","success":false}"#,
        r#"{"action":"access","success":"false"}"#,
        r#"{"action":"access","success":0}"#,
        r#"{"action":"access","success":true,"error":"no"}"#,
        r#"{"event":"error","message":"m"}"#,
    ] {
        assert_eq!(classify(text.as_bytes()), Class::Reply, "{text}");
        assert!(decoder.reply(text.as_bytes()).unwrap().outcome.is_err(), "{text}");
    }
    for text in [
        r#"{"event":"login"}"#,
        r#"{"event":"login","errorCode":null,"errorMessage":null}"#,
        r#"{"action":"access","success":true,"error":""}"#,
        r#" { "success" : true , "action" : "access" } "#,
    ] {
        assert_eq!(classify(text.as_bytes()), Class::Reply, "{text}");
        assert!(decoder.reply(text.as_bytes()).unwrap().outcome.is_ok(), "{text}");
    }
}

#[test]
fn a_code_out_of_range_leaves_the_words() {
    let mut decoder = Decoder::new();
    for code in [
        "4294967296",
        "-1",
        "\"-1\"",
        "\"9e4\"",
        "1.5",
        "123456789012345678901234567890",
    ] {
        let text = format!(r#"{{"event":"subscribe","errorCode":{code},"errorMessage":"boom"}}"#);
        let refusal = decoder
            .reply(text.as_bytes())
            .unwrap()
            .into_owned()
            .outcome
            .unwrap_err();
        assert_eq!((refusal.code, refusal.text.as_ref()), (None, "boom"), "{code}");
    }
}

#[test]
fn what_is_no_reply_is_an_error() {
    let mut decoder = Decoder::new();
    for (text, kind) in [
        (
            "{}",
            DecodeErrorKind::Missing {
                field: "event or action",
            },
        ),
        ("[]", DecodeErrorKind::NotAnObject),
        ("true", DecodeErrorKind::NotAnObject),
        ("pong", DecodeErrorKind::NotJson),
        ("", DecodeErrorKind::NotJson),
        (r#"{"event":"login""#, DecodeErrorKind::NotJson),
    ] {
        assert_eq!(decoder.reply(text.as_bytes()).unwrap_err().kind(), kind, "{text}");
    }
}

#[test]
fn fixtures_are_classed_by_their_names() {
    for (name, text) in FIXTURES {
        let class = classify(text.as_bytes());
        match name.split('_').next().unwrap() {
            "reply" => assert_eq!(class, Class::Reply, "{name}"),
            "pong" => assert_eq!(class, Class::Pong, "{name}"),
            "unknown" => assert_eq!(class, Class::Unknown, "{name}"),
            _ => assert!(matches!(class, Class::Push(_)), "{name}: {class:?}"),
        }
    }
}

/// The long way, which a space in front enforces, gives what the short ways give.
#[test]
fn the_predicted_ways_agree_with_the_long_one() {
    for (name, text) in fixtures(PUSHES) {
        let spaced = format!(" {text}\n");
        let (Class::Push(head), Class::Push(long)) = (classify(text.as_bytes()), classify(spaced.as_bytes()))
        else {
            panic!("{name}");
        };
        assert_eq!(
            head.topic(text.as_bytes()),
            long.topic(spaced.as_bytes()),
            "{name}"
        );
        assert_eq!(
            head.topic(text.as_bytes()),
            Decoder::new().decode(text.as_bytes()).unwrap().topic(),
            "{name}"
        );
    }
}

#[test]
fn no_truncation_is_taken_for_a_whole_message() {
    for (name, text) in FIXTURES.iter().filter(|(name, _)| !name.starts_with("unknown")) {
        for length in 0..text.len() {
            let cut = &text.as_bytes()[..length];
            match classify(cut) {
                Class::Unknown => {}
                // The first bytes of a futures push are all that is looked at. The decoder finds out.
                Class::Push(_) => assert!(Decoder::new().decode(cut).is_err(), "{name} cut at {length}"),
                class => panic!("{name} cut at {length} is {class:?}"),
            }
        }
    }
}

/// Failure mode 39: junk is told from messages.
#[test]
fn junk_is_unknown() {
    let deep = format!(r#"{{"event":{}{}}}"#, "[".repeat(100), "]".repeat(100));
    for text in [
        "",
        " ",
        "ping",
        "pongpong",
        "{",
        "{}",
        "[]",
        "null",
        "\"pong\"",
        r#"{"data":[],"table":""}"#,
        r#"{"data":[],"table":null}"#,
        r#"{"data":[],"table":7}"#,
        r#"{"data":null,"table":"spot/trade"}"#,
        r#"{"table":"spot/trade"}"#,
        r#"{"data":[]}"#,
        r#"{"success":true}"#,
        r#"{"event":null,"action":null}"#,
        r#"{"event":"login"}}"#,
        r#"{"event":"login"} x"#,
        r#"{"event":"login",}"#,
        r#"{"event" "login"}"#,
        r#"{event:"login"}"#,
        r#"{"nested":{"event":"login"}}"#,
        r#"{"text":"\",\"event\":\"login"}"#,
        "\u{feff}{\"event\":\"login\"}",
        r#"{"group":"System","data":{"event":"x"}}"#,
        r#"{"group":"System","data":["pong"]}"#,
        &deep,
    ] {
        assert_eq!(classify(text.as_bytes()), Class::Unknown, "{text}");
    }
    assert_eq!(classify(b"{\"data\":[],\"table\":\"\xff\"}"), Class::Unknown);
    assert_eq!(classify(&b"[".repeat(1 << 20)), Class::Unknown);
    assert_eq!(classify(&br#"{"a":"#.repeat(1 << 18)), Class::Unknown);
}

#[test]
fn a_topic_inside_a_string_fools_nobody() {
    // The tail of this message looks like a table, but it is the end of an inner text.
    let text = br#"{"data":[],"group":"futures/order","note":",\"table\":\"spot/trade"}"#;
    let Class::Push(head) = classify(text) else {
        panic!()
    };
    assert_eq!(head.topic(text), "futures/order");
    // An inner object that ends like an envelope isn't the outermost one.
    let text = br#"{"data":[],"inner":{"x":1,"table":"spot/trade"}}"#;
    assert_eq!(classify(text), Class::Unknown);
}

#[test]
fn a_head_of_another_message_shows_nothing() {
    let text = br#"{"data":[],"table":"spot/user/orders"}"#;
    let Class::Push(head) = classify(text) else {
        panic!()
    };
    assert_eq!(head.topic(b"{}"), "");
    assert_eq!(head.topic(&[0xff; 64]), "");
}

/// Futures says `success` in every answer. Without it there is none, unless something speaks against success.
#[test]
fn a_futures_answer_without_success_is_none() {
    let mut decoder = Decoder::new();
    for echo in [
        r#"{"action":"access","args":["key","1700000000000","sign","web"]}"#,
        r#"{"action":"subscribe","args":["futures/order"]}"#,
        r#"{"action":"ping"}"#,
    ] {
        let error = decoder.reply(echo.as_bytes()).unwrap_err();
        assert_eq!(
            error.kind(),
            DecodeErrorKind::Missing { field: "success" },
            "{echo}"
        );
    }
    for refusal in [
        r#"{"action":"access","errorCode":"91002","errorMessage":"API KEY not found"}"#,
        r#"{"action":"access","error":"access failed"}"#,
        r#"{"action":"error","message":"what?"}"#,
    ] {
        assert!(
            decoder.reply(refusal.as_bytes()).unwrap().outcome.is_err(),
            "{refusal}"
        );
    }
    assert!(decoder.reply(br#"{"action":"pong"}"#).unwrap().outcome.is_ok());
}

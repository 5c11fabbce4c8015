//! What can't be decoded says why, and costs one message.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use bitmart_proto::limits::{MAX_DEPTH, MAX_ITEMS, MAX_STRUCTURE, MAX_TEXT_BYTES};
use bitmart_proto::{DecodeError, DecodeErrorKind, Decoder, Update};
use support::{PRIVATE, PUBLIC, fixture, fixtures};

fn error(text: &[u8]) -> DecodeError {
    let mut decoder = Decoder::new();
    let error = decoder.decode(text).expect_err("must not decode");
    let again = fixture("spot_order_new");
    assert!(
        matches!(decoder.decode(again.as_bytes()), Ok(Update::SpotOrders { orders, .. }) if orders.len() == 1)
    );
    error
}

#[test]
fn a_missing_field_names_itself_and_its_place() {
    let text = fixture("spot_orders_all_symbols").replacen(r#""order_id":"734500112233445601","#, "", 1);
    let error = error(text.as_bytes());
    assert_eq!(error.kind(), DecodeErrorKind::Missing { field: "order_id" });
    assert_eq!((error.schema(), error.field()), ("spot order", Some("order_id")));
    let second = text.match_indices(r#"{"symbol""#).nth(1).unwrap().0;
    assert_eq!(error.offset(), Some(second));
    let shown = error.to_string();
    assert!(
        shown.starts_with("undecodable spot order: the field \"order_id\" is missing at byte "),
        "{shown}"
    );
}

/// Failure mode 40.
#[test]
fn a_field_of_another_kind_names_itself_and_its_place() {
    let text = fixture("futures_order_partially_filled")
        .replace(r#""lastTradeID":4100000733001"#, r#""lastTradeID":-5"#);
    let error = error(text.as_bytes());
    assert_eq!(
        (error.schema(), error.field()),
        ("futures fill", Some("lastTradeID"))
    );
    assert_eq!(error.offset(), text.find("-5"));
    let text = fixture("futures_position").replace(r#""hold_volume":"420""#, r#""hold_volume":"many""#);
    let error = self::error(text.as_bytes());
    assert!(
        matches!(
            error.kind(),
            DecodeErrorKind::WrongType {
                field: "hold_volume",
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(error.offset(), text.find(r#""many""#));
}

/// Failure mode 40: every field of every fixture of a known kind: without it the message decodes, or the error
/// names it.
#[test]
fn every_field_may_be_missing_or_names_itself() {
    let mut decoder = Decoder::new();
    let (mut named, mut optional) = (0, 0);
    for (name, text) in fixtures(&[PRIVATE, PUBLIC].concat()) {
        let keys: Vec<&str> = text.split('"').collect();
        for key in keys
            .windows(2)
            .filter(|pair| pair[1].starts_with(':'))
            .map(|pair| pair[0])
        {
            // Without its array of candles an object is taken for a candle, and lacks another field.
            if key == "items" {
                continue;
            }
            let mutant = text.replace(&format!("\"{key}\":"), "\"renamed\":");
            match decoder.decode(mutant.as_bytes()) {
                Ok(_) => optional += 1,
                Err(error) => {
                    let field = error
                        .field()
                        .unwrap_or_else(|| panic!("{name} without {key}: {error}"));
                    assert!(
                        field.split(" or ").any(|field| field == key),
                        "{name} without {key}: {error}"
                    );
                    named += 1;
                }
            }
        }
    }
    assert!(
        named > 100 && optional > 300,
        "{named} named, {optional} optional"
    );
}

#[test]
fn a_missing_envelope_is_told() {
    for (text, kind) in [
        (
            r#"{"data":[]}"#,
            DecodeErrorKind::Missing {
                field: "table or group",
            },
        ),
        (
            r#"{"table":null,"data":[]}"#,
            DecodeErrorKind::Missing {
                field: "table or group",
            },
        ),
        (
            r#"{"table":"spot/user/order"}"#,
            DecodeErrorKind::Missing { field: "data" },
        ),
        (
            r#"{"table":"spot/trade","data":null}"#,
            DecodeErrorKind::Missing { field: "data" },
        ),
        (
            r#"[{"table":"spot/trade","data":[]}]"#,
            DecodeErrorKind::NotAnObject,
        ),
        ("7", DecodeErrorKind::NotAnObject),
        ("pong", DecodeErrorKind::NotJson),
        ("", DecodeErrorKind::NotJson),
        ("\u{feff}{}", DecodeErrorKind::NotJson),
        ("{} {}", DecodeErrorKind::NotJson),
    ] {
        assert_eq!(error(text.as_bytes()).kind(), kind, "{text}");
    }
    assert!(matches!(
        error(br#"{"data":[],"group":7}"#).kind(),
        DecodeErrorKind::WrongType { field: "group", .. }
    ));
    for data in ["7", "true", r#""x""#, "[7]", "[[]]", "[null]", r#"["" ]"#] {
        let text = format!(r#"{{"data":{data},"table":"spot/user/order"}}"#);
        let error = error(text.as_bytes());
        assert!(
            matches!(error.kind(), DecodeErrorKind::WrongType { field: "data", .. }),
            "{error}"
        );
    }
}

#[test]
fn invalid_utf8_is_not_json() {
    let mut text = fixture("spot_order_new").as_bytes().to_vec();
    let at = fixture("spot_order_new").find("desk7x").unwrap();
    text[at] = 0xff;
    assert_eq!(error(&text).kind(), DecodeErrorKind::NotJson);
}

/// Failure mode 38: 64 levels, and the other bounds.
#[test]
fn bounds_hold_and_are_told() {
    let nested = |depth: usize| {
        format!(
            r#"{{"table":"x","data":{}{}}}"#,
            "[".repeat(depth),
            "]".repeat(depth)
        )
    };
    assert!(Decoder::new().decode(nested(MAX_DEPTH - 1).as_bytes()).is_ok());
    assert_eq!(
        error(nested(MAX_DEPTH).as_bytes()).kind(),
        DecodeErrorKind::TooDeep
    );
    assert_eq!(error(nested(400_000).as_bytes()).kind(), DecodeErrorKind::TooDeep);
    assert_eq!(
        error("[".repeat(400_000).as_bytes()).kind(),
        DecodeErrorKind::TooDeep
    );

    let padded = |bytes: usize| format!(r#"{{"table":"x","data":"{}"}}"#, "y".repeat(bytes - 23));
    assert_eq!(padded(100).len(), 100);
    assert!(Decoder::new().decode(padded(MAX_TEXT_BYTES).as_bytes()).is_ok());
    assert_eq!(
        error(padded(MAX_TEXT_BYTES + 1).as_bytes()).kind(),
        DecodeErrorKind::TooLarge
    );

    // A comma and a number each.
    let dense = |count: usize| format!(r#"{{"table":"x","data":[{}0]}}"#, "0,".repeat(count / 2));
    assert!(
        Decoder::new()
            .decode(dense(MAX_STRUCTURE - 100).as_bytes())
            .is_ok()
    );
    assert_eq!(
        error(dense(MAX_STRUCTURE).as_bytes()).kind(),
        DecodeErrorKind::TooLarge
    );

    let items = |count: usize| {
        let item = r#"{"symbol":"A_B","order_id":"1"}"#;
        format!(
            r#"{{"table":"spot/user/orders","data":[{}{item}]}}"#,
            format!("{item},").repeat(count - 1)
        )
    };
    assert!(Decoder::new().decode(items(MAX_ITEMS).as_bytes()).is_ok());
    assert_eq!(
        error(items(MAX_ITEMS + 1).as_bytes()).kind(),
        DecodeErrorKind::TooManyItems
    );
}

/// What the parser may be made to reserve is bounded, whatever the text.
#[test]
fn hostile_texts_cost_bounded_memory() {
    const LIMIT: u64 = 128 << 20;
    for pattern in ["[", "{\"a\":", "1 ", ",", "\"\"", "\\", "0,", "\u{0}", "\" "] {
        let text = pattern.repeat(MAX_TEXT_BYTES / pattern.len());
        let used = allocation_counter::measure(|| {
            let _ = Decoder::new().decode(text.as_bytes());
        });
        assert!(used.bytes_max < LIMIT, "{pattern:?}: {used:?}");
        assert!(used.bytes_current <= 0, "{pattern:?}: {used:?}");
    }
}

/// Two levels with lists of their own share one bound.
#[test]
fn nested_items_are_bounded_together() {
    let coin = r#"{"ccy":"A","av_bal":"1","fz_bal":"0"}"#;
    let update = format!(
        r#"{{"event_type":"X","balance_details":[{}{coin}]}}"#,
        format!("{coin},").repeat(MAX_ITEMS / 2)
    );
    let text = format!(r#"{{"table":"spot/user/balance","data":[{update},{update}]}}"#);
    assert_eq!(error(text.as_bytes()).kind(), DecodeErrorKind::TooManyItems);
}

#[test]
fn samples_are_short_and_escaped() {
    let text = format!("{{\"data\":\"\u{1b}[31m{}", "é".repeat(400));
    let shown = error(text.as_bytes()).to_string();
    assert!(shown.contains("\\u{1b}") && !shown.contains('\u{1b}'), "{shown}");
    assert!(shown.len() < 400, "{} bytes", shown.len());
    let shown = error(&[0xff; 1000]).to_string();
    assert!(shown.len() < 900, "{} bytes", shown.len());
}

/// Failure mode 39, repeated keys: the last counts, and `null` counts as absent.
#[test]
fn the_last_of_a_repeated_key_counts() {
    let mut decoder = Decoder::new();
    let text = br#"{"data":[{"symbol":"X"}],"table":"spot/trade","table":"spot/user/order","table":null,
        "data":[{"symbol":"A_B","symbol":"C_D","order_id":"1","order_id":null}]}"#;
    let Update::SpotOrders { topic, orders, .. } = decoder.decode(text).unwrap() else {
        panic!()
    };
    assert_eq!((topic, orders.len()), ("spot/user/order", 1));
    let order = orders.get(0).unwrap();
    assert_eq!((order.symbol, order.order_id), ("C_D", "1"));
}

#[test]
fn escapes_are_resolved_everywhere() {
    let mut decoder = Decoder::new();
    let text = br#"{"t\u0061ble":"spot\/user\/order","data":[{"symbol":"\u0041_B","order_id":"","client_order_id":"\ud83e\udd80\n"}]}"#;
    let Update::SpotOrders { topic, orders, .. } = decoder.decode(text).unwrap() else {
        panic!()
    };
    assert_eq!(topic, "spot/user/order");
    let order = orders.get(0).unwrap();
    assert_eq!(
        (order.symbol, order.order_id, order.client_order_id),
        ("A_B", "", Some("\u{1f980}\n"))
    );
}

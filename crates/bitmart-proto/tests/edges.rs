//! The edges of JSON, where readers differ: what each way does is decided, and written down in `docs/PROTOCOL.md`,
//! *JSON, where readers differ*.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/model/mod.rs"]
mod model;
mod support;

use bitmart_proto::limits::MAX_DEPTH;
use bitmart_proto::{DecodeErrorKind, Decoder, Update};
use model::expected;
use model::readers::Outcome::{self, General, Predicted, Refused};
use model::readers::Readers;
use support::fixture;

/// Reads a message in every way. All of them must agree, the model with them.
fn read(text: impl AsRef<[u8]>) -> Outcome {
    Readers::default().assert_same(text.as_ref())
}

/// A trade with a value beside the known ones.
fn with_extra(value: &str) -> String {
    format!(
        r#"{{"data":[{{"price":"148.30","extra":{value},"size":"3.1","symbol":"SOL_USDT"}}],"table":"spot/trade"}}"#
    )
}

/// What our two ways do with a text on which `serde_json` has another opinion; told whether `serde_json` takes it.
fn disputed(text: impl AsRef<[u8]>) -> (Outcome, bool) {
    let text = text.as_ref();
    let (mut both, mut general, mut predicted) = (Decoder::new(), Decoder::new(), Decoder::new());
    let whole = both.decode(text);
    assert_eq!(whole, general.decode_general(text));
    let outcome = match predicted.decode_predicted(text) {
        Some(update) => {
            assert_eq!(whole.as_ref(), Ok(&update));
            Predicted
        }
        None if whole.is_ok() => General,
        None => Refused,
    };
    (outcome, expected(text).is_some())
}

/// Failure mode 39: a number in a field that we don't know.
#[test]
fn numbers_that_nobody_needs_may_be_long_but_must_fit_a_double() {
    for (value, outcome) in [
        ("0", Predicted),
        ("9999999999999999999", Predicted),
        ("18446744073709551615", General),
        ("18446744073709551616", General),
        ("123456789012345678901234567890", General),
        ("-1", General),
        ("-123456789012345678901234567890", General),
        ("1.5", General),
        ("1e-400", General),
        ("1E+2", General),
        ("1e400", Refused),
        ("-1e400", Refused),
    ] {
        assert_eq!(read(with_extra(value)), outcome, "{value}");
    }
}

#[test]
fn what_is_no_json_is_refused() {
    for value in [
        "NaN",
        "Infinity",
        "-Infinity",
        "01",
        "00",
        "-01",
        "1.",
        ".5",
        "+1",
        "0x1",
        "1_0",
        "-",
        "1e",
        "1e+",
        "tru",
        "truee",
        "nulll",
        "True",
        "undefined",
        "'a'",
        "a",
        "",
        "1 1",
        r#""a" "b""#,
        "[1,]",
        "{\"a\":1,}",
        "{,}",
        "[,]",
        "{\"a\"}",
        "{1:2}",
        "[1}",
        "/* */1",
        "1//",
        "\u{feff}1",
        "\u{a0}1",
        "\u{b}1",
        "1\0",
    ] {
        assert_eq!(read(with_extra(value)), Refused, "{value:?}");
    }
}

/// The same in the place of a known value, which the predicted way reads by itself.
#[test]
fn what_is_no_json_is_refused_in_known_fields() {
    let trade = fixture("futures_trade");
    for value in [
        "01",
        "00",
        "007",
        "1.",
        "1e",
        "+1",
        "-",
        "0x1",
        "1_0",
        "",
        "1 1",
        "4100000733121}",
        "1,",
    ] {
        let text = trade.replace(r#""trade_id":4100000733121"#, &format!(r#""trade_id":{value}"#));
        assert_ne!(text, trade);
        assert_eq!(read(&text), Refused, "{value:?}");
        let text = trade.replace(r#""way":2"#, &format!(r#""way":{value}"#));
        assert_ne!(text, trade);
        assert_eq!(read(&text), Refused, "{value:?}");
    }
    for value in [
        "tru",
        "truee",
        "TRUE",
        "falsee",
        "fals",
        "t",
        "\"true",
        "true true",
    ] {
        let text = trade.replace(r#""m":true"#, &format!(r#""m":{value}"#));
        assert_ne!(text, trade);
        assert_eq!(read(&text), Refused, "{value:?}");
    }
}

#[test]
fn control_characters_are_refused_in_every_string() {
    let trade = fixture("spot_trade");
    for control in (0..0x20).map(char::from) {
        for length in [0, 1, 14, 15, 16, 17, 31, 32, 33] {
            let value = format!("{}{control}", "a".repeat(length));
            assert_eq!(read(with_extra(&format!("\"{value}\""))), Refused, "{value:?}");
            for known in ["SOL_USDT", "buy", "148.30", "spot/trade"] {
                let text = trade.replace(&format!("\"{known}\""), &format!("\"{value}\""));
                assert_ne!(text, trade);
                assert_eq!(read(&text), Refused, "{value:?} for {known}");
            }
            // At the end of the message there is less to look at than elsewhere.
            let text = fixture("futures_asset").replace("\"0.25\"", &format!("\"{value}\""));
            assert_ne!(text, fixture("futures_asset"));
            assert_eq!(read(&text), Refused, "{value:?} at the end");
            let text = trade.replace("\"side\"", &format!("\"{value}\""));
            assert_eq!(read(&text), Refused, "{value:?} for a key");
        }
    }
    // The one that is not forbidden.
    assert_eq!(read(with_extra("\"\u{7f}\"")), Predicted);
}

#[test]
fn escapes_must_be_known_and_whole() {
    for escape in [
        r#"\""#,
        r"\\",
        r"\/",
        r"\b",
        r"\f",
        r"\n",
        r"\r",
        r"\t",
        r"\u0041",
        r"\ud83e\udd80",
    ] {
        assert_eq!(read(with_extra(&format!("\"{escape}\""))), General, "{escape}");
    }
    // Half a surrogate pair is no character.
    for escape in [
        r"\x41",
        r"\'",
        r"\u",
        r"\u00",
        r"\u00g0",
        r"\U0041",
        r"\ud83e",
        r"\udd80",
        r"\ud83ex",
        r"\ud83e\u0041",
        r"\udd80\ud83e",
        r"\",
    ] {
        assert_eq!(read(with_extra(&format!("\"{escape}\""))), Refused, "{escape}");
    }
    // A key may be escaped, too, and is known by what it says.
    let text = fixture("spot_trade").replace("\"price\"", "\"\\u0070rice\"");
    assert_eq!(read(&text), General);
}

/// Three readers have three opinions about zero with a sign: `serde_json` takes it for a float. Here it is an
/// integer, and zero.
#[test]
fn minus_zero_is_zero() {
    assert_eq!(read(with_extra("-0")), General);
    assert_eq!(read(with_extra("-0.0")), General);
    let text = fixture("futures_trade").replace("4100000733121", "-0");
    assert_eq!(disputed(&text), (General, false));
    let mut decoder = Decoder::new();
    let Ok(Update::FuturesTrades { trades, .. }) = decoder.decode(text.as_bytes()) else {
        panic!("{text}");
    };
    assert_eq!(trades.get(0).unwrap().trade_id, 0);
    // In a string it is no number of digits.
    assert_eq!(
        read(fixture("futures_trade").replace("4100000733121", "\"-0\"")),
        Refused
    );
}

/// Failure mode 39: a number that is needed and too large.
#[test]
fn integers_have_their_bounds() {
    let id = |value: &str| read(fixture("futures_trade").replace("4100000733121", value));
    for (value, outcome) in [
        ("999999999999999", Predicted),
        ("9999999999999999", Predicted),
        ("9999999999999999999", Predicted),
        ("18446744073709551615", General),
        ("18446744073709551616", Refused),
        ("\"9999999999999999999\"", Predicted),
        ("\"18446744073709551615\"", General),
        ("\"18446744073709551616\"", Refused),
        ("\"00000000000000000000000007\"", General),
        ("\"007\"", Predicted),
        ("1.0", Refused),
        ("1e3", Refused),
        ("-1", Refused),
        ("\"+1\"", Refused),
        ("\" 1\"", Refused),
        ("\"\"", Refused),
    ] {
        assert_eq!(id(value), outcome, "{value}");
    }
    // Seconds are shown as milliseconds, so they end a thousand times earlier.
    let seconds = |value: &str| read(fixture("spot_kline_1m").replace("1771200360", value));
    assert_eq!(seconds("18446744073709551"), Predicted);
    assert_eq!(seconds("18446744073709552"), Refused);
}

/// What is no number in JSON may be one in the string of a decimal.
#[test]
fn decimals_are_texts() {
    let price = |value: &str| read(fixture("spot_trade").replace("148.30", value));
    for (value, outcome) in [
        ("1", Predicted),
        ("01", Predicted),
        ("1.", Predicted),
        (".5", Predicted),
        ("+1", General),
        ("-1", General),
        ("0E-10", General),
        ("", Refused),
        (".", Refused),
        ("-", Refused),
        ("1..2", Refused),
        ("1.2.3", Refused),
        ("1e", Refused),
        (" 1", Refused),
        ("NaN", Refused),
        ("Market price", Refused),
    ] {
        assert_eq!(price(value), outcome, "{value:?}");
    }
    // A price that may be missing may be anything.
    let order = fixture("futures_order_filled").replace(r#""price":"2950.4""#, r#""price":"Market price""#);
    assert_eq!(read(order), Predicted);
    // Codes may have a sign, in a string or not; times and ids may not.
    let way =
        |value: &str| read(fixture("futures_trade").replace(r#""way":2"#, &format!(r#""way":{value}"#)));
    assert_eq!(
        [way("-2"), way("\"-2\""), way("\"+2\"")],
        [General, General, Refused]
    );
    assert_eq!([way("0"), way("12"), way("1234567")], [Predicted; 3]);
    // A missing one may be told by the marks for "none".
    assert_eq!([way("\"\""), way("\"-\""), way("null")], [General; 3]);
}

/// Failure mode 39: of a repeated key the last value counts that isn't `null`; each of them must be of its kind.
#[test]
fn of_a_repeated_key_the_last_counts() {
    let symbol = |fields: &str| {
        let text = format!(r#"{{"data":[{{"price":"1","size":"1",{fields}}}],"table":"spot/trade"}}"#);
        let mut decoder = Decoder::new();
        let symbol = match decoder.decode(text.as_bytes()) {
            Ok(Update::SpotTrades { trades, .. }) => Some(trades.get(0).unwrap().symbol.to_owned()),
            _ => None,
        };
        (read(&text), symbol)
    };
    let b = || Some("B".to_owned());
    assert_eq!(symbol(r#""symbol":"A","symbol":"B""#), (Predicted, b()));
    assert_eq!(symbol(r#""symbol":"B","symbol":null"#), (General, b()));
    assert_eq!(symbol(r#""symbol":null,"symbol":"B""#), (General, b()));
    assert_eq!(symbol(r#""symbol":1,"symbol":"B""#), (Refused, None));
    assert_eq!(symbol(r#""symbol":null"#), (Refused, None));
    // An alias is the same field.
    let ticker =
        fixture("futures_ticker_fair_price").replace(r#""fair_price""#, r#""mark_price":"1","fair_price""#);
    let mut decoder = Decoder::new();
    let Ok(Update::FuturesTickers { tickers, .. }) = decoder.decode(ticker.as_bytes()) else {
        panic!("{ticker}");
    };
    assert_eq!(tickers.get(0).unwrap().mark_price.unwrap().as_str(), "1890.10");
    assert_eq!(read(&ticker), Predicted);
    // The keys of the envelope, too, whichever of the two names the topic.
    let trade = fixture("spot_trade");
    for (text, topic) in [
        (
            trade.replace("{\"data\"", "{\"table\":\"raw\",\"data\""),
            "spot/trade",
        ),
        (
            trade.replace(",\"table\"", ",\"group\":\"raw\",\"table\""),
            "spot/trade",
        ),
        (trade.replace("/trade\"}", "/trade\",\"group\":\"raw\"}"), "raw"),
        (trade.replace("{\"data\"", "{\"data\":5,\"data\""), "spot/trade"),
        (trade.replace("\"}", "\",\"table\":null}"), "spot/trade"),
    ] {
        assert_ne!(text, trade);
        assert_eq!(read(&text), General, "{text}");
        assert_eq!(decoder.decode(text.as_bytes()).unwrap().topic(), topic);
    }
    for text in [
        trade.replace("\"table\"", "\"data\":5,\"table\""),
        trade.replace("spot/trade\"}", "spot/trade\",\"table\":5}"),
    ] {
        assert_eq!(read(&text), Refused, "{text}");
    }
    // An array that comes twice, and the object inside another.
    let book = fixture("spot_depth5").replace("\"ms_t\"", "\"bids\":[[\"1\",\"2\"]],\"ms_t\"");
    assert_eq!(read(&book), Predicted);
    let order = fixture("futures_order_filled").replace("{\"action\":1", "{\"order\":5,\"action\":1");
    assert_eq!(read(&order), General);
    let klines = fixture("futures_kline").replace("\"items\"", "\"items\":[],\"items\"");
    assert_eq!(read(&klines), General);
}

#[test]
fn only_white_space_may_surround_a_message() {
    for name in [
        "spot_trade",
        "spot_trade_table_first",
        "futures_ticker",
        "futures_order_filled",
    ] {
        let text = fixture(name);
        for space in [" ", "\n", "\r\n", "\t"] {
            assert_eq!(read(format!("{text}{space}")), General, "{name} {space:?}");
            assert_eq!(read(format!("{space}{text}")), General, "{name} {space:?}");
        }
        for junk in [
            "}", "]", ",", "x", "0", "\"", "{}", "\0", "\u{feff}", "\u{a0}", "\u{b}", "//", "null", text,
        ] {
            assert_eq!(read(format!("{text}{junk}")), Refused, "{name} {junk:?}");
        }
        for junk in ["\u{feff}", "\0", "\u{a0}", "[", "{", ")]}'"] {
            assert_eq!(read(format!("{junk}{text}")), Refused, "{name} {junk:?}");
        }
        // What closes too early or too late.
        for (from, to) in [
            ("}}", "}"),
            ("}]", "]"),
            ("}]", "}"),
            ("]", "]]"),
            ("}", "}}"),
            (":[", ":[,"),
        ] {
            let text = text.replacen(from, to, 1);
            if text != fixture(name) {
                assert_eq!(read(&text), Refused, "{name} {from} {to}");
            }
        }
    }
}

#[test]
fn text_must_be_utf_8_everywhere() {
    for bytes in [
        &b"\xff"[..],
        b"\x80",
        b"\xc3",
        b"\xc0\xaf",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\xe2\x82",
    ] {
        for (name, place) in [
            ("spot_trade", "SOL_USDT"),
            ("spot_trade", "148.30"),
            ("spot_trade", "spot/trade"),
            ("spot_trade", "side"),
            ("futures_order_filled", "desk-f-9"),
        ] {
            let text = fixture(name);
            let at = text.find(place).unwrap() + 1;
            let mut mutant = text.as_bytes().to_vec();
            mutant.splice(at..at, bytes.iter().copied());
            assert_eq!(read(&mutant), Refused, "{bytes:?} in {place}");
        }
    }
    // Characters beyond ASCII are welcome, a byte order mark inside a string among them.
    for char in ["é", "€", "🦀", "\u{feff}", "\u{ffff}", "\u{10ffff}", "\u{2028}"] {
        assert_eq!(read(with_extra(&format!("\"{char}\""))), Predicted, "{char}");
        let text = fixture("spot_trade").replace("SOL_USDT", char);
        assert_eq!(read(&text), Predicted, "{char}");
    }
}

/// Failure mode 38. The outermost object counts. `serde_json` stops at 128, which is why the model can't be asked.
#[test]
fn depth_ends_at_a_bound_of_ours() {
    let nested = |depth: usize| {
        let value = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        format!(r#"{{"group":"futures/order","extra":{value},"data":[]}}"#)
    };
    assert_eq!(disputed(nested(MAX_DEPTH - 1)), (General, true));
    assert_eq!(disputed(nested(MAX_DEPTH)), (Refused, true));
    assert_eq!(disputed(nested(200_000)), (Refused, false));
    let mut decoder = Decoder::new();
    let error = decoder.decode(nested(MAX_DEPTH).as_bytes()).unwrap_err();
    assert_eq!(error.kind(), DecodeErrorKind::TooDeep);
}

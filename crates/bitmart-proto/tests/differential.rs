//! Our decoder beside a plain reading of the same message by `serde_json`: equal values, or both an error.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[allow(dead_code)]
mod support {
    pub(crate) mod json;
    pub(crate) mod model;
}
#[path = "support/mod.rs"]
mod fixtures;

use bitmart_proto::{Decoder, limits::MAX_DEPTH};
use fixtures::{PUSHES, fixture, fixtures};
use proptest::prelude::*;
use support::model::{Message, decoded, expected};

/// Known words are shown as documented, whatever their letter case was, so compare without it.
fn folded(message: Option<Message>) -> Option<(String, String)> {
    message.map(|message| (message.topic, format!("{:?}", message.rows).to_ascii_lowercase()))
}

fn compare(decoder: &mut Decoder, text: &[u8]) -> Result<bool, String> {
    let (ours, model) = (folded(decoded(decoder, text)), folded(expected(text)));
    if ours == model {
        Ok(ours.is_some())
    } else {
        let error = decoder.decode(text).err();
        Err(format!(
            "{}\nours:  {ours:?} {error:?}\nmodel: {model:?}",
            String::from_utf8_lossy(text)
        ))
    }
}

fn assert_same(decoder: &mut Decoder, text: &[u8]) -> bool {
    compare(decoder, text).unwrap_or_else(|difference| panic!("{difference}"))
}

#[test]
fn fixtures_decode_as_the_model_reads_them() {
    let mut decoder = Decoder::new();
    for (name, text) in fixtures(PUSHES) {
        assert!(assert_same(&mut decoder, text.as_bytes()), "{name} must decode");
    }
}

#[test]
fn no_truncation_of_a_fixture_decodes() {
    let mut decoder = Decoder::new();
    for (name, text) in fixtures(PUSHES) {
        for length in 0..text.len() {
            assert!(
                !assert_same(&mut decoder, &text.as_bytes()[..length]),
                "{name} cut at {length}"
            );
        }
    }
}

/// Every byte of one fixture of each kind replaced by bytes that matter to JSON, and some that don't.
#[test]
fn mutations_of_one_byte_agree() {
    let mut decoder = Decoder::new();
    let replacements = b"\"\\{}[],:0189-+.eE xtn\x00\x1f\x7f\xc3\xff";
    let (mut mutants, mut decodable) = (0_u32, 0_u32);
    for name in [
        "spot_order_legacy",
        "spot_orders_empty_text",
        "spot_balance_account_type",
        "futures_order_partially_filled",
        "futures_order_unknown_fields",
        "futures_position",
        "futures_asset_data_first",
        "public_futures_depth",
    ] {
        let mut bytes = fixture(name).as_bytes().to_vec();
        for at in 0..bytes.len() {
            let original = bytes[at];
            for replacement in replacements.iter().copied().chain([original ^ 0x20]) {
                bytes[at] = replacement;
                decodable += u32::from(assert_same(&mut decoder, &bytes));
                mutants += 1;
            }
            bytes[at] = original;
        }
    }
    assert!(
        mutants > 60_000 && decodable > 20_000,
        "{decodable} of {mutants} decoded"
    );
}

/// Every field removed, and every value replaced by `null` and by values of all kinds.
#[test]
fn mutations_of_one_field_agree() {
    let mut decoder = Decoder::new();
    for (name, text) in fixtures(PUSHES) {
        let tree: serde_json::Value = serde_json::from_str(text).unwrap();
        let mut count = 0;
        for mutant in mutants(&tree) {
            let mutant = serde_json::to_vec(&mutant).unwrap();
            assert_same(&mut decoder, &mutant);
            count += 1;
        }
        assert!(count > 10, "{name}");
    }
}

/// The value with one thing changed somewhere in it, in every way.
fn mutants(value: &serde_json::Value) -> Vec<serde_json::Value> {
    use serde_json::{Value, json};
    let mut found = vec![
        Value::Null,
        json!(true),
        json!(7),
        json!(-7),
        json!(0),
        json!(2.5),
        json!(u64::MAX),
        json!(""),
        json!("-"),
        json!("7"),
        json!("-7"),
        json!("+7"),
        json!("seven"),
        json!([]),
        json!({}),
        json!([[]]),
        json!([7]),
    ];
    match value {
        Value::Object(entries) => {
            for (key, inner) in entries {
                let mut without = entries.clone();
                without.remove(key);
                found.push(Value::Object(without));
                for mutant in mutants(inner) {
                    let mut changed = entries.clone();
                    changed.insert(key.clone(), mutant);
                    found.push(Value::Object(changed));
                }
            }
        }
        Value::Array(items) => {
            for (at, inner) in items.iter().enumerate() {
                for mutant in mutants(inner) {
                    let mut changed = items.clone();
                    changed[at] = mutant;
                    found.push(Value::Array(changed));
                }
            }
        }
        _ => {}
    }
    found
}

/// Writes a fixture anew: keys shuffled, white space between the tokens, characters escaped, unknown fields added.
struct Rewriter {
    choices: Vec<u32>,
    at: usize,
}

impl Rewriter {
    fn choose(&mut self, bound: u32) -> u32 {
        self.at += 1;
        self.choices[self.at % self.choices.len()].rotate_left((self.at / self.choices.len()) as u32) % bound
    }

    fn space(&mut self, out: &mut String) {
        match self.choose(12) {
            0 => out.push(' '),
            1 => out.push_str("\r\n\t"),
            _ => {}
        }
    }

    fn string(&mut self, text: &str, out: &mut String) {
        out.push('"');
        for char in text.chars() {
            match self.choose(40) {
                0 => {
                    for unit in char.encode_utf16(&mut [0; 2]) {
                        out.push_str(&format!("\\u{unit:04X}"));
                    }
                }
                1 if char == '/' => out.push_str("\\/"),
                _ => match char {
                    '"' => out.push_str("\\\""),
                    '\\' => out.push_str("\\\\"),
                    '\n' => out.push_str("\\n"),
                    other => out.push(other),
                },
            }
        }
        out.push('"');
    }

    fn write(&mut self, value: &serde_json::Value, out: &mut String) {
        use serde_json::Value;
        self.space(out);
        match value {
            Value::String(text) => self.string(text, out),
            Value::Array(items) => {
                out.push('[');
                for (at, item) in items.iter().enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    self.write(item, out);
                }
                self.space(out);
                out.push(']');
            }
            Value::Object(entries) => {
                let mut entries: Vec<(String, Value)> = entries.clone().into_iter().collect();
                for at in (1..entries.len()).rev() {
                    let other = self.choose(at as u32 + 1) as usize;
                    entries.swap(at, other);
                }
                for _ in 0..self.choose(3) {
                    let at = self.choose(entries.len() as u32 + 1) as usize;
                    entries.insert(at, self.unknown());
                }
                out.push('{');
                for (at, (key, inner)) in entries.iter().enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    self.space(out);
                    self.string(key, out);
                    self.space(out);
                    out.push(':');
                    self.write(inner, out);
                }
                self.space(out);
                out.push('}');
            }
            other => out.push_str(&other.to_string()),
        }
        self.space(out);
    }

    fn unknown(&mut self) -> (String, serde_json::Value) {
        use serde_json::json;
        let value = match self.choose(8) {
            0 => json!(null),
            1 => json!({"symbol": "NOT_THIS", "order": [{"data": "\"}],"}]}),
            2 => json!([[], {}, [[["}"]]]]),
            3 => json!(1e300),
            4 => json!(u64::MAX),
            5 => json!("🦀 \\ \" \u{7f}"),
            6 => json!(-0.5),
            _ => json!(false),
        };
        (format!("new_field_{}", self.choose(1000)), value)
    }
}

/// Where the two parsers differ, and what holds for ours.
#[test]
fn the_edges_of_json_are_known() {
    let decodes = |value: &str| {
        let text = format!(r#"{{"group":"futures/order","extra":{value},"data":[]}}"#);
        (
            Decoder::new().decode(text.as_bytes()).is_ok(),
            expected(text.as_bytes()).is_some(),
        )
    };
    let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    // A number that we don't need may be as long as it likes, but must fit a double.
    assert_eq!(decodes("123456789012345678901234567890"), (true, true));
    assert_eq!(decodes("-123456789012345678901234567890"), (true, true));
    assert_eq!(decodes("1e400"), (false, false));
    assert_eq!(decodes("1e-400"), (true, true));
    for bad in [
        "NaN",
        "Infinity",
        "01",
        "1.",
        ".5",
        "+1",
        "0x1",
        "-",
        "1e",
        "tru",
        "nulll",
        "'a'",
        "\"\\x41\"",
        "\"\t\"",
        "",
    ] {
        assert_eq!(decodes(bad), (false, false), "{bad}");
    }
    // Half a surrogate pair is no character.
    assert_eq!(decodes(r#""\ud83e""#), (false, false));
    assert_eq!(decodes(r#""\udd80""#), (false, false));
    assert_eq!(decodes(r#""\ud83e\udd80""#), (true, true));
    // Depth: ours counts the outermost object, serde_json stops at 128.
    assert_eq!(decodes(&deep(MAX_DEPTH - 1)), (true, true));
    assert_eq!(decodes(&deep(MAX_DEPTH)), (false, true));
    assert_eq!(decodes(&deep(200_000)), (false, false));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, ..ProptestConfig::default() })]

    #[test]
    fn rewritten_fixtures_agree(
        which in any::<proptest::sample::Index>(),
        choices in proptest::collection::vec(any::<u32>(), 64..256),
    ) {
        let all = fixtures(PUSHES);
        let (name, text) = all[which.index(all.len())];
        let tree = serde_json::from_str(text).unwrap();
        let mut rewritten = String::new();
        Rewriter { choices, at: 0 }.write(&tree, &mut rewritten);
        let mut decoder = Decoder::new();
        match compare(&mut decoder, rewritten.as_bytes()) {
            Ok(decodes) => prop_assert!(decodes, "{name} no longer decodes: {rewritten}"),
            Err(difference) => prop_assert!(false, "{difference}"),
        }
        let (ours, original) = (decoded(&mut decoder, rewritten.as_bytes()), expected(text.as_bytes()));
        prop_assert_eq!(folded(ours), folded(original), "rewriting must not change the values");
    }

    /// The same decoder, after anything at all.
    #[test]
    fn no_bytes_break_the_decoder(junk in proptest::collection::vec(any::<u8>(), 0..200), json in "[\\[\\]{}\",:0-9a-z\\\\ -]{0,80}") {
        let mut decoder = Decoder::new();
        for text in [&junk[..], json.as_bytes()] {
            let _ = decoder.decode(text);
            let _ = decoder.reply(text);
            let _ = bitmart_proto::classify(text);
        }
        prop_assert!(assert_same(&mut decoder, fixture("spot_order_filled").as_bytes()));
    }
}

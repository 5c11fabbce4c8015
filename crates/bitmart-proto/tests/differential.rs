//! Every way to read a message beside a plain reading of it by `serde_json`: equal values, or all of them refuse it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/model/mod.rs"]
mod model;
mod support;

use std::collections::BTreeSet;

use bitmart_proto::Decoder;
use model::choices::Choices;
use model::expected;
use model::generate::{TOPICS, message};
use model::readers::{Outcome, Readers};
use model::rewrite::{Style, rewrite};
use proptest::prelude::*;
use serde_json::{Value, json};
use support::{FIXTURES, PUSHES, fixture, fixtures, is_full_size};

#[test]
fn every_file_is_a_fixture() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures");
    let files: BTreeSet<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            entry
                .unwrap()
                .path()
                .file_stem()
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    let names: BTreeSet<String> = FIXTURES.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(files, names);
}

#[test]
fn fixtures_decode_as_the_model_reads_them() {
    let mut readers = Readers::default();
    for (name, text) in fixtures(PUSHES) {
        assert!(
            readers.assert_same(text.as_bytes()).decodes(),
            "{name} must decode"
        );
    }
}

/// What is read the general way alone.
const NOT_PREDICTED: &[&str] = &[
    // The documented shape of futures candles, which the exchange doesn't send.
    "futures_kline_flat",
    "futures_mark_kline_flat",
    // A word that nobody knows for the kind of margin.
    "futures_order_unknown_codes",
    // Unknown fields that hold more than a plain value.
    "futures_order_unknown_fields",
    // Of what isn't decoded further nothing can be predicted.
    "raw_futures",
    "raw_spot",
    // More cells than a candle has.
    "spot_kline_more_cells",
    // A text instead of data.
    "spot_orders_empty_text",
];

/// All else goes the predicted way, so that it can't come to nothing unnoticed.
#[test]
fn what_the_exchange_sends_is_predicted() {
    let mut readers = Readers::default();
    for (name, text) in fixtures(PUSHES) {
        let expected = if NOT_PREDICTED.contains(&name) {
            Outcome::General
        } else {
            Outcome::Predicted
        };
        assert_eq!(readers.assert_same(text.as_bytes()), expected, "{name}");
    }
}

#[test]
fn no_truncation_of_a_fixture_decodes() {
    let mut readers = Readers::default();
    for (name, text) in fixtures(PUSHES) {
        let stride = if is_full_size(name) { 37 } else { 1 };
        for length in (0..text.len()).step_by(stride) {
            let outcome = readers.assert_same(&text.as_bytes()[..length]);
            assert_eq!(outcome, Outcome::Refused, "{name} cut at {length}");
        }
    }
}

/// Bytes that matter to JSON, and some that don't.
const REPLACEMENTS: &[u8] = b"\"\\{}[],:0189-+.eE xtn\x00\x1f\x7f\xc3\xff";

/// How many mutants there were, and how many of them decoded the one way and the other.
#[derive(Debug, Default)]
struct Counts {
    mutants: u32,
    general: u32,
    predicted: u32,
}

impl Counts {
    fn add(&mut self, outcome: Outcome) {
        self.mutants += 1;
        match outcome {
            Outcome::Refused => {}
            Outcome::General => self.general += 1,
            Outcome::Predicted => self.predicted += 1,
        }
    }
}

/// One fixture of each shape.
const ALL_BYTES: &[&str] = &[
    "spot_balance_two_coins",
    "spot_book_ticker",
    "spot_depth20_one_sided",
    "spot_depth_increase_update",
    "spot_kline_1m",
    "spot_order_legacy",
    "spot_ticker",
    "spot_trade_table_first",
    "futures_asset",
    "futures_depth20_ask",
    "futures_depth_increase_update",
    "futures_funding_rate",
    "futures_klines_two",
    "futures_order_partially_filled",
    "futures_position",
    "futures_trade",
    "futures_v2_depth_increase",
    "raw_futures",
    "raw_spot",
];

/// Replaces every byte of the fixtures whose names start so. One byte out of all replacements, another one at each
/// place, is compared with the model, too; of `more` only the ways with one another, and outside of `ALL_BYTES` only
/// two at each place.
fn mutate(prefix: &str, more: &[u8]) -> Counts {
    let mut readers = Readers::default();
    let mut counts = Counts::default();
    for (name, text) in fixtures(&[prefix]) {
        let mut bytes = text.as_bytes().to_vec();
        let stride = if is_full_size(name) { 29 } else { 1 };
        for at in (0..bytes.len()).step_by(stride) {
            let original = bytes[at];
            bytes[at] = REPLACEMENTS[at % REPLACEMENTS.len()];
            counts.add(readers.assert_same(&bytes));
            let count = if ALL_BYTES.contains(&name) { more.len() } else { 2 };
            for replacement in more.iter().cycle().skip(at % more.len()).take(count) {
                bytes[at] = *replacement;
                counts.add(readers.assert_same_ways(&bytes));
            }
            bytes[at] = original;
        }
    }
    counts
}

/// What the predicted way looks out for.
const STOPS: &[u8] = b"\"\\}],:0-. \x1f\xff";

#[test]
fn mutations_of_spot_fixtures_agree() {
    let counts = mutate("spot_", STOPS);
    assert!(
        counts.mutants > 50_000 && counts.general > 2_000 && counts.predicted > 15_000,
        "{counts:?}"
    );
}

#[test]
fn mutations_of_futures_fixtures_agree() {
    let counts = mutate("futures_", STOPS);
    assert!(
        counts.mutants > 50_000 && counts.general > 2_000 && counts.predicted > 15_000,
        "{counts:?}"
    );
}

#[test]
fn mutations_of_raw_fixtures_agree() {
    let counts = mutate("raw_", REPLACEMENTS);
    assert!(counts.general > 1_000 && counts.predicted == 0, "{counts:?}");
}

/// Failure mode 40: every field removed, and every value replaced by `null` and by values of all kinds.
#[test]
fn mutations_of_one_field_agree() {
    let mut readers = Readers::default();
    for (name, text) in fixtures(PUSHES) {
        if is_full_size(name) {
            continue;
        }
        let tree: Value = serde_json::from_str(text).unwrap();
        let mut count = 0;
        for mutant in mutants(&tree) {
            // `serde_json` writes `data` first, as the predicted way wants it.
            readers.assert_same(&serde_json::to_vec(&mutant).unwrap());
            count += 1;
        }
        assert!(count > 10, "{name}");
    }
}

/// The value with one thing changed somewhere in it, in every way.
fn mutants(value: &Value) -> Vec<Value> {
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

/// The generator makes what it is for: messages of every kind that either way reads, and some that none does.
#[test]
fn generated_messages_are_of_every_sort() {
    let mut readers = Readers::default();
    for topic in TOPICS {
        let mut counts = Counts::default();
        for seed in 0..300 {
            let text = message(topic, &mut Choices::new(seed));
            counts.add(readers.assert_same(text.as_bytes()));
        }
        let refused = counts.mutants - counts.general - counts.predicted;
        assert!(
            counts.general > 5 && counts.predicted > 50 && refused > 20,
            "{topic}: {counts:?}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn generated_messages_agree(topic in proptest::sample::select(TOPICS), seed in any::<u64>()) {
        let text = message(topic, &mut Choices::new(seed));
        if let Err(difference) = Readers::default().read(text.as_bytes()) {
            prop_assert!(false, "{difference}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rewritten_fixtures_agree(which in any::<proptest::sample::Index>(), seed in any::<u64>()) {
        let all = fixtures(PUSHES);
        let (name, text) = all[which.index(all.len())];
        check_rewritten(name, text, Style::Loose, seed)?;
    }

    /// Failure mode 40: keys in any order and unknown plain fields are predicted, too.
    #[test]
    fn compactly_rewritten_fixtures_agree(which in any::<proptest::sample::Index>(), seed in any::<u64>()) {
        let all = fixtures(PUSHES);
        let (name, text) = all[which.index(all.len())];
        // Beside an array of candles nothing unknown is predicted.
        let is_kline = name.starts_with("futures_kline") || name.starts_with("futures_mark_kline");
        let style = Style::Compact { adds_fields: !is_kline };
        let outcome = check_rewritten(name, text, style, seed)?;
        prop_assert_eq!(outcome == Outcome::Predicted, !NOT_PREDICTED.contains(&name), "{}", name);
    }

    /// The same decoder, after anything at all.
    #[test]
    fn no_bytes_break_the_decoder(
        junk in proptest::collection::vec(any::<u8>(), 0..200),
        json in "[\\[\\]{}\",:0-9a-z\\\\ -]{0,80}",
    ) {
        let (mut readers, mut decoder) = (Readers::default(), Decoder::new());
        for text in [&junk[..], json.as_bytes()] {
            readers.assert_same(text);
            let _ = decoder.decode(text);
            let _ = decoder.reply(text);
            let _ = bitmart_proto::classify(text);
        }
        let text = fixture("spot_order_filled").as_bytes();
        prop_assert_eq!(readers.assert_same(text), Outcome::Predicted);
        prop_assert!(decoder.decode(text).is_ok());
    }
}

fn check_rewritten(name: &str, text: &str, style: Style, seed: u64) -> Result<Outcome, TestCaseError> {
    let rewritten = rewrite(text, style, &mut Choices::new(seed));
    let outcome = Readers::default()
        .read(rewritten.as_bytes())
        .map_err(TestCaseError::fail)?;
    prop_assert!(outcome.decodes(), "{name} no longer decodes: {rewritten}");
    let (now, before) = (expected(rewritten.as_bytes()), expected(text.as_bytes()));
    prop_assert_eq!(now, before, "rewriting must not change the values");
    Ok(outcome)
}

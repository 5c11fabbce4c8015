//! Messages made of fuzzed bytes: known ones, with as many changes as the bytes ask for.
//!
//! A message is written from its tree. At each entry of an object and each element of an array one byte is taken,
//! which says what becomes of it; most values of that byte mean "as it is". When the bytes are used up, the rest is
//! written as it is. So few bytes make a whole message, and one changed byte makes one change in it.

use std::fmt;
use std::sync::LazyLock;

use bitmart_proto::limits::RETAINED_BYTES;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// What one market's messages are made of.
pub(crate) struct Grammar {
    /// Values that matter in some place or other: topics, words, numbers in all spellings.
    texts: &'static [&'static str],
    trees: LazyLock<Trees>,
}

struct Trees {
    messages: Vec<Tree>,
    keys: Vec<String>,
}

macro_rules! seeds {
    ($market:literal: $($name:literal)+) => {
        &[$( include_str!(concat!("../seeds/", $market, "/", $name, ".json")) ),+]
    };
}

const SPOT_TEMPLATES: &[&str] = seeds! { "spot":
    "order" "order_legacy" "orders_two" "orders_empty_text" "order_table_first" "balance" "balance_padded"
    "balance_account_type" "trade" "ticker" "ticker_old" "book_ticker" "kline" "depth" "depth_snapshot" "depth_update"
    "reply_ack" "reply_login_refused" "reply_numeric_code" "reply_old_form"
};

const FUTURES_TEMPLATES: &[&str] = seeds! { "futures":
    "order_partially_filled" "order_plan" "order_trailing" "order_legacy" "orders_two" "position"
    "positions_two_sides" "position_without_mode" "asset" "asset_data_first" "depth_side" "depth_all" "depth_increase"
    "depth_v2" "ticker" "book_ticker" "funding_rate" "trade" "kline" "kline_flat" "reply_ack" "reply_login_refused"
    "reply_escaped" "pong" "pong_action" "system_notice" "order_unknown_codes" "order_unknown_fields"
};

const SPOT_TEXTS: &[&str] = &[
    "spot/user/order",
    "spot/user/orders",
    "spot/user/balance",
    "spot/ticker",
    "spot/bookTicker",
    "spot/trade",
    "spot/depth5",
    "spot/depth/increase100",
    "spot/kline1m",
    "spot/kline1M",
    "spot/ticker:SOL_USDT",
    "spot/unheard/of",
    "SELL",
    "TRANSACTION_COMPLETED ",
    " bmx_deduction",
    "snapshot",
    "update",
    "partially_filled",
    "12",
];

const FUTURES_TEXTS: &[&str] = &[
    "futures/order",
    "futures/position",
    "futures/asset:USDT",
    "futures/ticker",
    "futures/bookticker:ETHUSDT",
    "futures/fundingRate:ETHUSDT",
    "futures/depth20:ETHUSDT",
    "futures/depthAll5:ETHUSDT@100ms",
    "futures/depthIncrease50:ETHUSDT",
    "futures/v2/depthAll20:ETHUSDT@200ms",
    "futures/v2/depthIncrease5:ETHUSDT",
    "futures/trade:ETHUSDT",
    "futures/klineBin1H:ETHUSDT",
    "futures/markPriceKlineBin1W:ETHUSDT",
    "futures/unheard/of",
    "System",
    "Market price",
    "isolated",
    "CROSS",
    "snapshot ",
    "2026-02-16T00:06:40.1Z",
];

/// Texts that matter everywhere.
const TEXTS: &[&str] = &[
    "",
    "-",
    " ",
    "0",
    "00",
    "0.000",
    "-0",
    ".5",
    "5.",
    ".",
    "1.2.3",
    "1e5",
    "-7",
    "+7",
    "007",
    "123456789012345",
    "1234567890123456",
    "12345678901234567",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "18446744073709552",
    "pong",
    "error",
    "\\u0000",
    "\\\"",
    "\\ud83e\\udd80",
    "\\ud83e",
    "é🦀",
];

/// Values of every kind, some of them no JSON.
const LITERALS: &[&str] = &[
    "null",
    "true",
    "false",
    "0",
    "-0",
    "1",
    "2",
    "-7",
    "1.5",
    "1e5",
    "1E400",
    "01",
    "12345678901234567",
    "18446744073709551615",
    "18446744073709551616",
    "18446744073709552",
    "-9223372036854775809",
    "[]",
    "{}",
    "[[]]",
    "[\"1\",\"2\",3]",
    "[[],[]]",
    "{\"symbol\":\"X\"}",
    "\"",
    "tru",
    "",
];

pub(crate) static SPOT: Grammar = Grammar {
    texts: SPOT_TEXTS,
    trees: LazyLock::new(|| Trees::of(SPOT_TEMPLATES)),
};

pub(crate) static FUTURES: Grammar = Grammar {
    texts: FUTURES_TEXTS,
    trees: LazyLock::new(|| Trees::of(FUTURES_TEMPLATES)),
};

/// Where a message is cut off that has grown too much.
const MAX_MESSAGE_BYTES: usize = 4 << 10;

impl Grammar {
    /// Writes the next message that the bytes describe; `false` if they are used up.
    pub(crate) fn message(&self, choices: &mut Choices<'_>, out: &mut Vec<u8>) -> bool {
        let trees = &*self.trees;
        let Some(which) = choices.next() else {
            return false;
        };
        let Some(tree) = trees.messages.get(usize::from(which) % trees.messages.len()) else {
            return false;
        };
        let mut writer = Writer {
            grammar: self,
            keys: &trees.keys,
            choices,
            out,
        };
        writer.value(tree);
        true
    }
}

/// Bytes, taken one after the other.
pub(crate) struct Choices<'a> {
    rest: &'a [u8],
}

impl<'a> Choices<'a> {
    pub(crate) fn new(rest: &'a [u8]) -> Self {
        Self { rest }
    }

    fn next(&mut self) -> Option<u8> {
        let (&first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(first)
    }

    fn number(&mut self) -> usize {
        self.next().map_or(0, usize::from)
    }

    fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at(count.min(self.rest.len()));
        self.rest = rest;
        taken
    }

    fn one_of<'t>(&mut self, table: &[&'t str]) -> &'t str {
        let at = self.number();
        table.get(at % table.len().max(1)).copied().unwrap_or("")
    }
}

struct Writer<'g, 'c, 'a> {
    grammar: &'g Grammar,
    keys: &'g [String],
    choices: &'c mut Choices<'a>,
    out: &'c mut Vec<u8>,
}

impl Writer<'_, '_, '_> {
    fn put(&mut self, text: &str) {
        if self.out.len() < MAX_MESSAGE_BYTES {
            self.out.extend_from_slice(text.as_bytes());
        }
    }

    fn quoted(&mut self, text: &[u8]) {
        self.out.push(b'"');
        self.out.extend_from_slice(text);
        self.out.push(b'"');
    }

    /// A value as the template has it, but for what is changed inside.
    fn value(&mut self, tree: &Tree) {
        match tree {
            Tree::Literal(text) => self.put(text),
            Tree::Text(text) => self.quoted(text.as_bytes()),
            Tree::Array(items) => {
                self.put("[");
                for (at, item) in items.iter().enumerate() {
                    self.element(item, at > 0);
                }
                self.put("]");
            }
            Tree::Object(entries) => {
                self.put("{");
                let (mut at, mut is_first) = (0, true);
                while at < entries.len() {
                    at += self.entry(entries, at, &mut is_first);
                }
                self.put("}");
            }
        }
    }

    fn element(&mut self, item: &Tree, is_after_another: bool) {
        let choice = self.choices.number();
        if is_after_another && choice != 0xff {
            self.put(",");
        }
        match choice {
            0xa0..=0xbf => self.changed(item),
            0xc0..=0xc7 => {
                for _ in 0..self.choices.number() % 64 {
                    self.value(item);
                    self.put(",");
                }
                self.value(item);
            }
            0xc8..=0xcf => self.put("null"),
            0xd0..=0xd7 => {
                self.put(" ");
                self.value(item);
                self.put("\n");
            }
            0xd8 => self.long_space(),
            _ => self.value(item),
        }
    }

    /// Writes one entry, or two that change places, and says how many.
    fn entry(&mut self, entries: &[(String, Tree)], at: usize, is_first: &mut bool) -> usize {
        let Some((key, value)) = entries.get(at) else {
            return 1;
        };
        let choice = self.choices.number();
        if let 0xb0..=0xb7 = choice {
            return 1;
        }
        if !std::mem::take(is_first) {
            self.put(",");
        }
        match choice {
            0x90..=0xaf => {
                self.key(key);
                self.changed(value);
            }
            0xb8..=0xbf => {
                self.key(key);
                self.changed(value);
                self.put(",");
                self.key(key);
                self.value(value);
            }
            0xc0..=0xc7 => {
                if let Some((other, after)) = entries.get(at + 1) {
                    self.key(other);
                    self.value(after);
                    self.put(",");
                }
                self.key(key);
                self.value(value);
                return 2;
            }
            0xc8..=0xcf => {
                let literal = self.choices.one_of(LITERALS);
                self.put("\"new_field\":");
                self.put(literal);
                self.put(",");
                self.key(key);
                self.value(value);
            }
            0xd0..=0xd7 => {
                let escaped = key.chars().next().map_or(0, u32::from);
                self.put(&format!("\"\\u{escaped:04x}{}\":", key.get(1..).unwrap_or("")));
                self.value(value);
            }
            0xd8..=0xdf => {
                self.put("\t");
                self.key(key);
                self.put(" ");
                self.value(value);
                self.put("\r");
            }
            0xe0..=0xef => {
                let which = self.choices.number();
                let renamed = self.keys.get(which % self.keys.len().max(1));
                self.key(renamed.unwrap_or(key));
                self.value(value);
            }
            0xf0..=0xf7 => {
                self.key(key);
                self.put("null");
            }
            0xf8 => self.long_space(),
            0xff => {
                let count = self.choices.number() % 32;
                let junk = self.choices.take(count);
                self.out.extend_from_slice(junk);
            }
            _ => {
                self.key(key);
                self.value(value);
            }
        }
        1
    }

    fn key(&mut self, key: &str) {
        self.quoted(key.as_bytes());
        self.put(":");
    }

    /// Another value in place of this one, or this one in another form.
    fn changed(&mut self, value: &Tree) {
        match self.choices.number() {
            0x00..=0x3f => {
                let literal = self.choices.one_of(LITERALS);
                self.put(literal);
            }
            0x40..=0x7f => {
                let text = self.choices.one_of(TEXTS);
                self.quoted(text.as_bytes());
            }
            0x80..=0x9f => {
                let text = self.choices.one_of(self.grammar.texts);
                self.quoted(text.as_bytes());
            }
            0xa0..=0xaf => {
                let count = self.choices.number() % 48;
                let text = self.choices.take(count);
                self.quoted(text);
            }
            form @ 0xb0..=0xcf => {
                let digits = self.digits();
                if form < 0xc0 {
                    self.quoted(&digits);
                } else {
                    self.out.extend_from_slice(&digits);
                }
            }
            form @ 0xd0..=0xdf => match value {
                Tree::Text(text) if form < 0xd8 => self.quoted(text.to_ascii_uppercase().as_bytes()),
                Tree::Text(text) => self.quoted(format!(" {text}  ").as_bytes()),
                Tree::Literal(text) => self.quoted(text.as_bytes()),
                Tree::Array(items) => items.iter().take(1).for_each(|item| self.value(item)),
                Tree::Object(_) => {
                    self.put("[");
                    self.value(value);
                    self.put("]");
                }
            },
            0xe0..=0xef => {
                self.put("[");
                self.value(value);
                self.put("]");
            }
            _ => {
                let which = self.choices.number();
                let nested = "[".repeat(which) + &"]".repeat(which);
                self.put(&nested);
            }
        }
    }

    /// Up to 40 digits, with a point among them or none.
    fn digits(&mut self) -> Vec<u8> {
        let (count, point) = (self.choices.number() % 41, self.choices.number() % 64);
        let mut digits: Vec<u8> = self
            .choices
            .take(count)
            .iter()
            .map(|byte| b'0' + byte % 10)
            .collect();
        if point < digits.len() {
            digits.insert(point, b'.');
        }
        digits
    }

    /// So much white space that the decoder won't keep its buffers.
    fn long_space(&mut self) {
        // It takes long: not for every byte that happens to ask for it.
        if self.choices.number() > 0xf0 && self.out.len() < MAX_MESSAGE_BYTES {
            self.out.resize(self.out.len() + RETAINED_BYTES, b' ');
        }
    }
}

/// A template.
enum Tree {
    /// What stands without quotes.
    Literal(String),
    Text(String),
    Array(Vec<Tree>),
    Object(Vec<(String, Tree)>),
}

impl Trees {
    fn of(templates: &[&str]) -> Self {
        let messages: Vec<Tree> = templates
            .iter()
            .map(|text| serde_json::from_str(text).expect("a template is JSON"))
            .collect();
        let mut keys = Vec::new();
        messages
            .iter()
            .for_each(|message| message.collect_keys(&mut keys));
        keys.sort();
        keys.dedup();
        Self { messages, keys }
    }
}

impl Tree {
    fn collect_keys(&self, keys: &mut Vec<String>) {
        match self {
            Self::Literal(_) | Self::Text(_) => {}
            Self::Array(items) => items.iter().for_each(|item| item.collect_keys(keys)),
            Self::Object(entries) => {
                for (key, value) in entries {
                    keys.push(key.clone());
                    value.collect_keys(keys);
                }
            }
        }
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Tree, E> {
        Ok(Tree::Literal("null".to_owned()))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree::Literal(value.to_string()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Tree, E> {
        Ok(Tree::Literal(value.to_string()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Tree, E> {
        Ok(Tree::Literal(value.to_string()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Tree, E> {
        Ok(Tree::Literal(value.to_string()))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Tree, E> {
        Ok(Tree::Text(value.replace(['"', '\\'], "")))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Tree, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Tree::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Tree::Object(entries))
    }
}

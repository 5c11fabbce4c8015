//! Writes a message anew without changing what it says.

use serde_json::Value;

use super::choices::Choices;

/// How a message is written anew.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Style {
    /// Keys in any order, white space between the tokens, characters escaped, unknown fields of all kinds.
    Loose,
    /// Keys in any order, no white space and no escapes, as the predicted way wants it. The keys of the envelope stay
    /// in one of its orders.
    Compact {
        /// Unknown fields with plain values are added, too.
        adds_fields: bool,
    },
}

/// The message in another writing.
pub(crate) fn rewrite(text: &str, style: Style, choices: &mut Choices) -> String {
    let message = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    let mut writer = Writer {
        choices,
        style,
        out: String::new(),
    };
    match (style, &message) {
        (Style::Compact { .. }, Value::Object(entries)) => writer.envelope(entries),
        _ => writer.value(&message),
    }
    writer.out
}

struct Writer<'c> {
    choices: &'c mut Choices,
    style: Style,
    out: String,
}

impl Writer<'_> {
    fn envelope(&mut self, entries: &serde_json::Map<String, Value>) {
        let (mut topics, data): (Vec<_>, Vec<_>) = entries.iter().partition(|(key, _)| *key != "data");
        if self.choices.once_in(2) {
            topics.extend(data);
        } else {
            topics.splice(0..0, data);
        }
        self.out.push('{');
        for (at, (key, value)) in topics.into_iter().enumerate() {
            if at > 0 {
                self.out.push(',');
            }
            self.string(key);
            self.out.push(':');
            self.value(value);
        }
        self.out.push('}');
    }

    fn space(&mut self) {
        if self.style == Style::Loose {
            match self.choices.below(12) {
                0 => self.out.push(' '),
                1 => self.out.push_str("\r\n\t"),
                _ => {}
            }
        }
    }

    fn string(&mut self, text: &str) {
        self.out.push('"');
        for char in text.chars() {
            let escape = match self.style {
                Style::Loose => self.choices.below(40),
                Style::Compact { .. } => usize::MAX,
            };
            match (escape, char) {
                (0, _) => {
                    for unit in char.encode_utf16(&mut [0; 2]) {
                        self.out.push_str(&format!("\\u{unit:04X}"));
                    }
                }
                (1, '/') => self.out.push_str("\\/"),
                (_, '"') => self.out.push_str("\\\""),
                (_, '\\') => self.out.push_str("\\\\"),
                (_, '\n') => self.out.push_str("\\n"),
                (_, other) => self.out.push(other),
            }
        }
        self.out.push('"');
    }

    fn value(&mut self, value: &Value) {
        self.space();
        match value {
            Value::String(text) => self.string(text),
            Value::Array(items) => {
                self.out.push('[');
                for (at, item) in items.iter().enumerate() {
                    if at > 0 {
                        self.out.push(',');
                    }
                    self.value(item);
                }
                self.space();
                self.out.push(']');
            }
            Value::Object(entries) => {
                let mut entries: Vec<(String, Value)> = entries.clone().into_iter().collect();
                self.choices.shuffle(&mut entries);
                for _ in 0..self.unknown_fields() {
                    let at = self.choices.below(entries.len() + 1);
                    entries.insert(at, self.unknown());
                }
                self.object(&entries);
            }
            other => self.out.push_str(&other.to_string()),
        }
        self.space();
    }

    fn object(&mut self, entries: &[(String, Value)]) {
        self.out.push('{');
        for (at, (key, inner)) in entries.iter().enumerate() {
            if at > 0 {
                self.out.push(',');
            }
            self.space();
            self.string(key);
            self.space();
            self.out.push(':');
            self.value(inner);
        }
        self.space();
        self.out.push('}');
    }

    fn unknown_fields(&mut self) -> usize {
        match self.style {
            Style::Compact { adds_fields: false } => 0,
            _ => self.choices.below(3),
        }
    }

    fn unknown(&mut self) -> (String, Value) {
        use serde_json::json;
        let plain = [
            json!(null),
            json!(true),
            json!(false),
            json!(0),
            json!(1_771_200_400_111_u64),
            json!(9_999_999_999_999_999_999_u64),
            json!(""),
            json!("a text of thirty bytes or more: 🦀é\u{7f}}],{[:"),
        ];
        let odd = [
            json!({"symbol": "NOT_THIS", "order": [{"data": "\"}],"}]}),
            json!([[], {}, [[["}"]]]]),
            json!(1e300),
            json!(u64::MAX),
            json!(-0.5),
            json!("🦀 \\ \" \u{7f}"),
        ];
        let is_plain = self.style != Style::Loose || self.choices.once_in(2);
        let value = self
            .choices
            .pick(if is_plain { &plain[..] } else { &odd })
            .clone();
        let name = match self.choices.below(4) {
            0 => "new".to_owned(),
            1 => "a_name_of_sixteen".to_owned(),
            2 => "neuer_schlüssel".to_owned(),
            _ => format!("new_field_{}", self.choices.below(1000)),
        };
        (name, value)
    }
}

//! A message while it is made up.

use fastrand::Rng;

/// A JSON value whose objects keep their keys in order.
pub(crate) enum Json {
    /// A string without anything to escape.
    Text(String),
    /// A number, a boolean or `null`, as it is written.
    Plain(String),
    Array(Vec<Json>),
    Object(Vec<(&'static str, Json)>),
}

impl Json {
    pub(crate) fn null() -> Self {
        Self::Plain("null".into())
    }

    /// Puts the keys of every object into another order.
    pub(crate) fn shuffle(&mut self, random: &mut Rng) {
        match self {
            Self::Text(_) | Self::Plain(_) => {}
            Self::Array(items) => items.iter_mut().for_each(|item| item.shuffle(random)),
            Self::Object(entries) => {
                random.shuffle(entries);
                entries.iter_mut().for_each(|(_, value)| value.shuffle(random));
            }
        }
    }

    /// Writes the value without any white space.
    pub(crate) fn write(&self, out: &mut String) {
        match self {
            Self::Text(text) => {
                out.push('"');
                out.push_str(text);
                out.push('"');
            }
            Self::Plain(text) => out.push_str(text),
            Self::Array(items) => {
                out.push('[');
                for (at, item) in items.iter().enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    item.write(out);
                }
                out.push(']');
            }
            Self::Object(entries) => {
                out.push('{');
                for (at, (key, value)) in entries.iter().enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    out.push('"');
                    out.push_str(key);
                    out.push_str("\":");
                    value.write(out);
                }
                out.push('}');
            }
        }
    }
}

impl From<&str> for Json {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Json {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<u64> for Json {
    fn from(number: u64) -> Self {
        Self::Plain(number.to_string())
    }
}

impl From<bool> for Json {
    fn from(value: bool) -> Self {
        Self::Plain(value.to_string())
    }
}

impl From<Vec<Json>> for Json {
    fn from(items: Vec<Json>) -> Self {
        Self::Array(items)
    }
}

/// An object, its keys in the order in which they are given.
macro_rules! object {
    ($( $key:literal: $value:expr ),+ $(,)?) => {
        $crate::messages::json::Json::Object(vec![$( ($key, $crate::messages::json::Json::from($value)) ),+])
    };
}

/// An array.
macro_rules! array {
    ($( $value:expr ),+ $(,)?) => {
        $crate::messages::json::Json::Array(vec![$( $crate::messages::json::Json::from($value) ),+])
    };
}

pub(crate) use {array, object};

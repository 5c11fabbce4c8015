//! Another parser's opinion on a text: whether it is JSON, and what stands on its outermost level.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// A value of the outermost object, as far as anybody asks.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Null,
    True,
    Text(String),
    Other,
}

/// What a text is.
#[derive(Debug)]
pub(crate) enum Verdict {
    NotJson,
    NotAnObject,
    /// The outermost keys in their order, repeated ones too.
    Object(Vec<(String, Value)>),
}

impl Verdict {
    /// What `serde_json` says. It reads every number and every escape, and takes nothing on trust.
    pub(crate) fn on(text: &[u8]) -> Self {
        let Ok(text) = std::str::from_utf8(text) else {
            return Self::NotJson;
        };
        match serde_json::from_str::<Outermost>(text) {
            Ok(Outermost(Some(entries))) => Self::Object(entries),
            Ok(Outermost(None)) => Self::NotAnObject,
            Err(_) => Self::NotJson,
        }
    }
}

/// How deep brackets nest in a text that is JSON.
pub(crate) fn depth(text: &[u8]) -> usize {
    let (mut depth, mut deepest, mut is_inside, mut is_escaped) = (0_usize, 0, false, false);
    for byte in text {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_inside => is_escaped = true,
            b'"' => is_inside = !is_inside,
            b'[' | b'{' if !is_inside => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !is_inside => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

struct Outermost(Option<Vec<(String, Value)>>);

impl<'de> Deserialize<'de> for Outermost {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Top)
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any)
    }
}

/// Reads the outermost value.
struct Top;

/// Reads all below it, to the last leaf.
struct Any;

macro_rules! leaves {
    ($value:ty: $( $visit:ident($($arg:ident: $ty:ty)?) = $result:expr; )+) => {
        $( fn $visit<E: Error>(self $(, $arg: $ty)?) -> Result<$value, E> {
            Ok($result)
        } )+
    };
}

impl<'de> Visitor<'de> for Top {
    type Value = Outermost;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    leaves! { Outermost:
        visit_unit() = Outermost(None);
        visit_bool(_value: bool) = Outermost(None);
        visit_i64(_value: i64) = Outermost(None);
        visit_u64(_value: u64) = Outermost(None);
        visit_f64(_value: f64) = Outermost(None);
        visit_str(_value: &str) = Outermost(None);
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Outermost, A::Error> {
        while seq.next_element::<Value>()?.is_some() {}
        Ok(Outermost(None))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Outermost, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Outermost(Some(entries)))
    }
}

impl<'de> Visitor<'de> for Any {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    leaves! { Value:
        visit_unit() = Value::Null;
        visit_bool(value: bool) = if value { Value::True } else { Value::Other };
        visit_i64(_value: i64) = Value::Other;
        visit_u64(_value: u64) = Value::Other;
        visit_f64(_value: f64) = Value::Other;
        visit_str(value: &str) = Value::Text(value.to_owned());
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        while seq.next_element::<Checked>()?.is_some() {}
        Ok(Value::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        while map.next_entry::<Checked, Checked>()?.is_some() {}
        Ok(Value::Other)
    }
}

/// A value that was read and is not kept. Unlike `IgnoredAny`, which skips, it lets no wrong number or escape pass.
struct Checked;

impl<'de> Deserialize<'de> for Checked {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Leaf)
    }
}

struct Leaf;

impl<'de> Visitor<'de> for Leaf {
    type Value = Checked;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    leaves! { Checked:
        visit_unit() = Checked;
        visit_bool(_value: bool) = Checked;
        visit_i64(_value: i64) = Checked;
        visit_u64(_value: u64) = Checked;
        visit_f64(_value: f64) = Checked;
        visit_str(_value: &str) = Checked;
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Checked, A::Error> {
        while seq.next_element::<Checked>()?.is_some() {}
        Ok(Checked)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Checked, A::Error> {
        while map.next_entry::<Checked, Checked>()?.is_some() {}
        Ok(Checked)
    }
}

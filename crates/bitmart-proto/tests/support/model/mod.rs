//! What a decoded message must say, worked out the plain way: `serde_json`, tables of fields, and strings.
#![allow(dead_code, reason = "each test file uses a part of it")]

pub(crate) mod json;

/// Collects what is there.
macro_rules! row {
    ($item:ident: $( $name:literal = $value:expr; )*) => {{
        let mut row = Row::new();
        $( if let Some(value) = Shown::shown(&$value) { row.push(($name, value)); } )*
        row
    }};
}

pub(crate) mod choices;
pub(crate) mod generate;
pub(crate) mod private;
pub(crate) mod public;
pub(crate) mod readers;
pub(crate) mod rewrite;

use bitmart_proto::{Num, OpenType, TimeMs, Update};

use json::Json;

/// A message as rows of name and value. Absent values are left out.
#[derive(Debug, PartialEq)]
pub(crate) struct Message {
    pub(crate) topic: String,
    pub(crate) rows: Vec<Row>,
}

pub(crate) type Row = Vec<(&'static str, String)>;

/// Reads one item of the data into its rows; `None` if it shouldn't decode.
type Read = fn(&Json) -> Option<Vec<Row>>;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    /// Must be there.
    Text,
    /// May be absent, empty or `-`. Optional decimals are texts, too.
    OptionalText,
    /// An optional text that is compared without regard to letter case.
    Word,
    /// A word that may be spelled out.
    ExecType,
    /// A word that must be there; white space around it doesn't count.
    TrimmedWord,
    Decimal,
    /// Optional milliseconds.
    Time,
    /// Optional seconds.
    Seconds,
    /// Seconds that must be there; zero is a time.
    OpenTime,
    Code,
    OptionalCode,
    Id,
    Bool,
    OpenType,
}

impl Kind {
    pub(crate) fn is_required(self) -> bool {
        use Kind::{Code, Decimal, Id, OpenTime, Text, TrimmedWord};
        matches!(self, Text | Decimal | Code | Id | OpenTime | TrimmedWord)
    }
}

/// The name in a row, the kind, and the names on the wire.
pub(crate) type Schema = &'static [(&'static str, Kind, &'static [&'static str])];

/// The message as the model reads it, `None` if it shouldn't decode.
pub(crate) fn expected(text: &[u8]) -> Option<Message> {
    let message = Json::parse(text)?;
    let topic = message.last(&["table", "group"])?.text()?.to_owned();
    let data = message.last(&["data"])?;
    let channel = topic.split([':', '@']).next()?;
    let Some(read) = private::reader(channel).or_else(|| public::reader(channel)) else {
        return Some(Message { topic, rows: vec![] });
    };
    let rows = items(data)?.into_iter().map(read).collect::<Option<Vec<_>>>()?;
    Some(Message {
        rows: rows.concat(),
        topic,
    })
}

/// The message as the library read it.
pub(crate) fn shown(update: Update<'_>) -> Message {
    let rows = match update {
        Update::Raw(_) => vec![],
        _ => private::rows(update)
            .or_else(|| public::rows(update))
            .unwrap_or_else(|| panic!("the model doesn't know {update:?}")),
    };
    Message {
        topic: update.topic().to_owned(),
        rows,
    }
}

/// The elements of an array; an empty text stands for none, and an object for one.
fn elements(data: &Json) -> Option<Vec<&Json>> {
    match data {
        Json::Text(text) if text.is_empty() => Some(vec![]),
        Json::Array(elements) => Some(elements.iter().collect()),
        Json::Object(_) => Some(vec![data]),
        _ => None,
    }
}

/// The same where all of them must be objects.
fn items(data: &Json) -> Option<Vec<&Json>> {
    elements(data)?
        .into_iter()
        .map(|item| matches!(item, Json::Object(_)).then_some(item))
        .collect()
}

/// What `read` makes of the last value of that name. Outer `None`: it can't read one of them, since a known field of
/// the wrong kind is an error even where a later one of its name counts. Inner `None`: there is no such value.
fn each<T>(object: &Json, name: &str, read: impl Fn(&Json) -> Option<T>) -> Option<Option<T>> {
    let Json::Object(entries) = object else {
        return None;
    };
    let mut last = None;
    for (_, value) in entries
        .iter()
        .filter(|(key, value)| key == name && *value != Json::Null)
    {
        last = Some(read(value)?);
    }
    Some(last)
}

fn fields(object: &Json, schema: Schema) -> Option<Row> {
    let Json::Object(entries) = object else {
        return None;
    };
    for (name, value) in entries.iter().filter(|(_, value)| *value != Json::Null) {
        if let Some((_, kind, _)) = schema.iter().find(|(_, _, names)| names.contains(&name.as_str())) {
            read(value, *kind)?;
        }
    }
    let mut row = Row::new();
    for (name, kind, names) in schema {
        let value = object.last(names);
        if value.is_none() && kind.is_required() {
            return None;
        }
        if let Some(value) = value.and_then(|value| read(value, *kind)).flatten() {
            row.push((name, value));
        }
    }
    Some(row)
}

/// Outer `None`: the wrong kind. Inner `None`: as good as absent.
fn read(value: &Json, kind: Kind) -> Option<Option<String>> {
    let is_none = ["", "-"].contains(&value.text().unwrap_or("x"));
    Some(match kind {
        Kind::Text => Some(value.text()?.to_owned()),
        Kind::TrimmedWord => Some(fold(value.text()?.trim_ascii())),
        Kind::Time | Kind::Seconds | Kind::OptionalCode | Kind::OptionalText if is_none => None,
        Kind::Word | Kind::ExecType | Kind::OpenType if is_none => None,
        Kind::OptionalText => Some(value.text()?.to_owned()),
        Kind::Word => Some(fold(value.text()?)),
        Kind::ExecType => Some(match fold(value.text()?).as_str() {
            "maker" => "m".to_owned(),
            "taker" => "t".to_owned(),
            other => other.to_owned(),
        }),
        Kind::Decimal => Some(value.text().filter(|text| Num::new(text).is_number())?.to_owned()),
        Kind::Time => not_zero(unsigned(value)?),
        Kind::Seconds => not_zero(millis(value)?),
        Kind::OpenTime => Some(millis(value)?.to_string()),
        Kind::Id => Some(unsigned(value)?.to_string()),
        Kind::Code | Kind::OptionalCode => Some(signed(value)?.to_string()),
        Kind::Bool => match value {
            Json::Bool(value) => Some(value.to_string()),
            _ => return None,
        },
        Kind::OpenType => match (value, signed(value)) {
            (_, Some(1)) => Some("isolated".to_owned()),
            (_, Some(2)) => Some("cross".to_owned()),
            (Json::Integer(_), Some(code)) => Some(code.to_string()),
            (Json::Text(word), _) => Some(fold(word)),
            _ => return None,
        },
    })
}

fn not_zero(time: i128) -> Option<String> {
    (time != 0).then(|| time.to_string())
}

fn millis(seconds: &Json) -> Option<i128> {
    Some(unsigned(seconds)? * 1_000).filter(|millis| *millis <= u64::MAX.into())
}

fn unsigned(value: &Json) -> Option<i128> {
    let is_signed = value.text().is_some_and(|text| text.starts_with('-'));
    integer(value).filter(|number| !is_signed && (0..=u64::MAX.into()).contains(number))
}

fn signed(value: &Json) -> Option<i128> {
    integer(value).filter(|number| (i64::MIN.into()..=i64::MAX.into()).contains(number))
}

fn integer(value: &Json) -> Option<i128> {
    match value {
        Json::Integer(number) => Some(*number),
        Json::Text(text) if !text.starts_with('+') => text.parse().ok(),
        _ => None,
    }
}

/// A word as it is compared: known ones are shown as documented, whatever their letter case was.
fn fold(word: &str) -> String {
    word.to_ascii_lowercase()
}

/// A value as the model writes it; `None` for one that is absent.
trait Shown {
    fn shown(&self) -> Option<String>;
}

macro_rules! shown_as_text {
    ($($type:ty)+) => {
        $( impl Shown for $type {
            fn shown(&self) -> Option<String> {
                Some(self.to_string())
            }
        } )+
    };
}

shown_as_text! { &str String Num<'_> TimeMs i64 u64 bool }

impl Shown for OpenType<'_> {
    fn shown(&self) -> Option<String> {
        Some(match self {
            OpenType::Isolated => "isolated".to_owned(),
            OpenType::Cross => "cross".to_owned(),
            OpenType::Unknown(word) => fold(word),
            OpenType::UnknownCode(code) => code.to_string(),
            other => panic!("the model doesn't know {other:?}"),
        })
    }
}

impl<T: Shown> Shown for Option<T> {
    fn shown(&self) -> Option<String> {
        self.as_ref().and_then(Shown::shown)
    }
}

use std::fmt;

use crate::limits::MAX_SAMPLE_BYTES;

/// Why a message couldn't be decoded. The fault is the exchange's, or whatever stands between it and us.
///
/// Only this message is lost: the next one decodes. Asking again can't help, since the exchange never repeats a
/// push; after an undecodable private push, compare with the REST API.
///
/// `Display` names what was being read, the field, the place, and the beginning of the message around it, escaped
/// and cut to [`MAX_SAMPLE_BYTES`]. A private message holds the account's data, so mind where the text goes.
#[derive(Clone, PartialEq, Eq)]
pub struct DecodeError {
    inner: Box<Inner>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Inner {
    schema: &'static str,
    kind: DecodeErrorKind,
    offset: Option<usize>,
    sample: Box<str>,
}

/// What is wrong with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeErrorKind {
    /// The text isn't valid JSON in UTF-8.
    NotJson,
    /// It is JSON, but not an object.
    NotAnObject,
    /// It nests deeper than [`MAX_DEPTH`](crate::limits::MAX_DEPTH).
    TooDeep,
    /// It is longer than [`MAX_TEXT_BYTES`](crate::limits::MAX_TEXT_BYTES), or has more structure than
    /// [`MAX_STRUCTURE`](crate::limits::MAX_STRUCTURE).
    TooLarge,
    /// It has more items than [`MAX_ITEMS`](crate::limits::MAX_ITEMS).
    TooManyItems,
    /// A field is missing without which the rest means nothing, or it is `null`.
    Missing {
        /// The field's name on the wire.
        field: &'static str,
    },
    /// A field has a value of another kind than the exchange documents.
    WrongType {
        /// The field's name on the wire.
        field: &'static str,
        /// What belongs there.
        expected: &'static str,
    },
}

impl DecodeError {
    #[cold]
    pub(crate) fn new(
        schema: &'static str,
        kind: DecodeErrorKind,
        offset: Option<usize>,
        text: &[u8],
    ) -> Self {
        let from = offset.unwrap_or(0).saturating_sub(MAX_SAMPLE_BYTES / 2);
        let to = text.len().min(from + MAX_SAMPLE_BYTES);
        let sample = String::from_utf8_lossy(text.get(from..to).unwrap_or_default());
        let mut end = sample.len().min(MAX_SAMPLE_BYTES);
        while !sample.is_char_boundary(end) {
            end -= 1;
        }
        Self {
            inner: Box::new(Inner {
                schema,
                kind,
                offset,
                sample: sample[..end].into(),
            }),
        }
    }

    /// The same error without the piece of the message, for who keeps the message elsewhere or may not show it.
    #[must_use]
    pub fn without_sample(mut self) -> Self {
        self.inner.sample = Box::default();
        self
    }

    /// What is wrong.
    #[must_use]
    pub fn kind(&self) -> DecodeErrorKind {
        self.inner.kind
    }

    /// What was being read, such as `spot order`; `message` if it didn't come to that.
    #[must_use]
    pub fn schema(&self) -> &'static str {
        self.inner.schema
    }

    /// The wire's name of the field at fault, if one is.
    #[must_use]
    pub fn field(&self) -> Option<&'static str> {
        match self.inner.kind {
            DecodeErrorKind::Missing { field } | DecodeErrorKind::WrongType { field, .. } => Some(field),
            _ => None,
        }
    }

    /// Where in the message the trouble lies, in bytes from its start, if that is known. For a missing field it is
    /// the start of the object that lacks it.
    #[must_use]
    pub fn offset(&self) -> Option<usize> {
        self.inner.offset
    }
}

impl fmt::Display for DecodeErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotJson => f.write_str("not valid JSON"),
            Self::NotAnObject => f.write_str("not a JSON object"),
            Self::TooDeep => f.write_str("nested too deep"),
            Self::TooLarge => f.write_str("too large"),
            Self::TooManyItems => f.write_str("too many items"),
            Self::Missing { field } => write!(f, "the field {field:?} is missing"),
            Self::WrongType { field, expected } => write!(f, "the field {field:?} is not {expected}"),
        }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner {
            schema,
            kind,
            offset,
            sample,
        } = &*self.inner;
        write!(f, "undecodable {schema}: {kind}")?;
        if let Some(offset) = offset {
            write!(f, " at byte {offset}")?;
        }
        if sample.is_empty() {
            return Ok(());
        }
        write!(f, ", in {sample:?}")
    }
}

impl fmt::Debug for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.inner, f)
    }
}

impl std::error::Error for DecodeError {}

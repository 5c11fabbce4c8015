//! One declaration per message: the public struct, the record that the decoder keeps, and how the one is read and
//! the other rebuilt, all come from one `record!`.

use std::fmt::Debug;
use std::marker::PhantomData;

use simd_json::Node;

use super::DecodeErrorKind;
use super::tape::Reader;
use crate::{Num, TimeMs};

/// Where a text lies: in the message, or in the arena that holds the unescaped ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: u32,
    pub(crate) end: u32,
}

impl Span {
    /// No text. No real span starts at the end of a `u32`: texts are shorter.
    pub(crate) const ABSENT: Self = Self {
        start: u32::MAX,
        end: u32::MAX,
    };
}

/// What the views of a decoded message read from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source<'a> {
    pub(crate) text: &'a str,
    pub(crate) balances: &'a [crate::spot::RawBalance],
}

impl<'a> Source<'a> {
    #[inline]
    pub(crate) fn text(self, span: Span) -> &'a str {
        let text = self.text.get(span.start as usize..span.end as usize);
        debug_assert!(text.is_some(), "{span:?} was checked at decode");
        text.unwrap_or("")
    }

    #[inline]
    pub(crate) fn optional_text(self, span: Span) -> Option<&'a str> {
        (span != Span::ABSENT).then(|| self.text(span))
    }
}

/// What went wrong, and at which node of the tape.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fault {
    pub(crate) schema: &'static str,
    pub(crate) kind: DecodeErrorKind,
    pub(crate) node: usize,
}

/// Why a value couldn't be read.
pub(crate) enum Problem {
    /// It isn't what is said here; the record puts its field's name to it.
    Expected(&'static str),
    /// Something inside it, with its own name.
    Inside(Fault),
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        Self::Inside(fault)
    }
}

/// How a field is read from the wire, kept, and shown.
pub(crate) trait Field {
    /// What the decoder keeps.
    type Raw: Copy + Debug + PartialEq;
    /// What the user sees.
    type View<'a>;
    /// The field without a value.
    const ABSENT: Self::Raw;
    /// Whether a record without it is an error.
    const IS_REQUIRED: bool;

    /// Reads the value at `node`, which is not `null`.
    fn read(node: usize, reader: &mut Reader<'_, '_>) -> Result<Self::Raw, Problem>;

    fn view(raw: Self::Raw, source: Source<'_>) -> Self::View<'_>;
}

/// What `record!` makes: a record as the decoder keeps it.
pub(crate) trait Record: Copy + Debug + PartialEq + Sized {
    type Key: Copy + 'static;
    type View<'a>;
    /// What error messages call it.
    const NAME: &'static str;
    /// Every name that a field may have on the wire, in the order in which the exchange sends them.
    const KEYS: &'static [(&'static str, Self::Key)];
    /// The key under which an object holds all but the first [`OUTER`](Self::OUTER) keys, if there is one.
    const INNER: Option<&'static str>;
    const OUTER: usize;
    const EMPTY: Self;

    /// Whether `name` is the first of the field's names. Where the key is known, a comparison with a constant.
    fn is_named(key: Self::Key, name: &str) -> bool;

    /// Reads the value at `node` into the field.
    fn set(&mut self, key: Self::Key, node: usize, reader: &mut Reader<'_, '_>) -> Result<(), Fault>;

    /// The first required field that has no value.
    fn missing(&self) -> Option<&'static str>;

    fn view<'a>(&self, source: Source<'a>) -> Self::View<'a>;
}

macro_rules! record {
    // A record that lies in an object beside some fields of its own.
    (
        $(#[$meta:meta])*
        pub struct $name:ident<'a>: $raw:ident, $label:literal {
            $( $(#[$doc:meta])* $field:ident: $ty:ty = $kind:ty [ $($key:literal),+ ], )*
            => $inner:literal {
                $( $(#[$in_doc:meta])* $in_field:ident: $in_ty:ty = $in_kind:ty [ $($in_key:literal),+ ], )*
            }
        }
    ) => {
        $crate::decode::record::record! { @emit
            [$(#[$meta])*] $name $raw $label (Some($inner)) ([$($($key),+),*].len())
            $( $(#[$doc])* $field: $ty = $kind [ $($key),+ ], )*
            $( $(#[$in_doc])* $in_field: $in_ty = $in_kind [ $($in_key),+ ], )*
        }
    };
    (
        $(#[$meta:meta])*
        pub struct $name:ident<'a>: $raw:ident, $label:literal {
            $( $(#[$doc:meta])* $field:ident: $ty:ty = $kind:ty [ $($key:literal),+ ], )*
        }
    ) => {
        $crate::decode::record::record! { @emit
            [$(#[$meta])*] $name $raw $label (None) (0)
            $( $(#[$doc])* $field: $ty = $kind [ $($key),+ ], )*
        }
    };
    (
        @emit [$(#[$meta:meta])*] $name:ident $raw:ident $label:literal ($inner:expr) ($outer:expr)
        $( $(#[$doc:meta])* $field:ident: $ty:ty = $kind:ty [ $first:literal $(, $alias:literal)* ], )*
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct $name<'a> {
            $( $(#[$doc])* pub $field: $ty, )*
        }

        /// As the decoder keeps it: places in the text instead of the text.
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub(crate) struct $raw {
            $( $field: <$kind as $crate::decode::record::Field>::Raw, )*
        }

        const _: () = {
            use $crate::decode::record::{Fault, Field, Problem, Record, Source};
            use $crate::decode::DecodeErrorKind;
            use $crate::decode::tape::Reader;

            #[derive(Clone, Copy)]
            #[expect(non_camel_case_types, reason = "named like the fields")]
            pub(crate) enum Key { $( $field, )* }

            impl Record for $raw {
                type Key = Key;
                type View<'a> = $name<'a>;
                const NAME: &'static str = $label;
                const KEYS: &'static [(&'static str, Key)] =
                    &[$( ($first, Key::$field), $( ($alias, Key::$field), )* )*];
                const INNER: Option<&'static str> = $inner;
                const OUTER: usize = $outer;
                const EMPTY: Self = Self { $( $field: <$kind as Field>::ABSENT, )* };

                #[inline]
                fn is_named(key: Key, name: &str) -> bool {
                    match key {
                        $( Key::$field => name == $first, )*
                    }
                }

                fn set(&mut self, key: Key, node: usize, reader: &mut Reader<'_, '_>) -> Result<(), Fault> {
                    let result = match key {
                        $( Key::$field => match <$kind as Field>::read(node, reader) {
                            Ok(value) => {
                                self.$field = value;
                                return Ok(());
                            }
                            Err(problem) => (problem, $first),
                        }, )*
                    };
                    Err(match result {
                        (Problem::Inside(fault), _) => fault,
                        (Problem::Expected(expected), field) => Fault {
                            schema: $label,
                            kind: DecodeErrorKind::WrongType { field, expected },
                            node,
                        },
                    })
                }

                fn missing(&self) -> Option<&'static str> {
                    $( if <$kind as Field>::IS_REQUIRED && self.$field == <$kind as Field>::ABSENT {
                        return Some($first);
                    } )*
                    None
                }

                #[inline]
                fn view<'a>(&self, source: Source<'a>) -> $name<'a> {
                    $name { $( $field: <$kind as Field>::view(self.$field, source), )* }
                }
            }
        };
    };
}

pub(crate) use record;

/// Whether the exchange means "none" by this text.
fn means_none(text: &str) -> bool {
    matches!(text, "" | "-")
}

/// A text that must be there; it may be empty.
pub(crate) enum Text {}

impl Field for Text {
    type Raw = Span;
    type View<'a> = &'a str;
    const ABSENT: Span = Span::ABSENT;
    const IS_REQUIRED: bool = true;

    fn read(node: usize, reader: &mut Reader<'_, '_>) -> Result<Span, Problem> {
        let text = reader.string(node).ok_or(Problem::Expected("a string"))?;
        Ok(reader.span(text))
    }

    #[inline]
    fn view(raw: Span, source: Source<'_>) -> &str {
        source.text(raw)
    }
}

/// A text that may be missing, empty or `-`.
pub(crate) enum OptionalText {}

impl Field for OptionalText {
    type Raw = Span;
    type View<'a> = Option<&'a str>;
    const ABSENT: Span = Span::ABSENT;
    const IS_REQUIRED: bool = false;

    fn read(node: usize, reader: &mut Reader<'_, '_>) -> Result<Span, Problem> {
        let text = reader.string(node).ok_or(Problem::Expected("a string"))?;
        Ok(if means_none(text) {
            Span::ABSENT
        } else {
            reader.span(text)
        })
    }

    #[inline]
    fn view(raw: Span, source: Source<'_>) -> Option<&str> {
        source.optional_text(raw)
    }
}

/// A decimal that must be there and be one.
pub(crate) enum Decimal {}

impl Field for Decimal {
    type Raw = Span;
    type View<'a> = Num<'a>;
    const ABSENT: Span = Span::ABSENT;
    const IS_REQUIRED: bool = true;

    fn read(node: usize, reader: &mut Reader<'_, '_>) -> Result<Span, Problem> {
        match reader.string(node) {
            Some(text) if Num::new(text).is_number() => Ok(reader.span(text)),
            _ => Err(Problem::Expected("a decimal in a string")),
        }
    }

    #[inline]
    fn view(raw: Span, source: Source<'_>) -> Num<'_> {
        Num::new(source.text(raw))
    }
}

/// A decimal that may be missing, empty or `-`; any other text is kept.
pub(crate) enum OptionalDecimal {}

impl Field for OptionalDecimal {
    type Raw = Span;
    type View<'a> = Option<Num<'a>>;
    const ABSENT: Span = Span::ABSENT;
    const IS_REQUIRED: bool = false;

    fn read(node: usize, reader: &mut Reader<'_, '_>) -> Result<Span, Problem> {
        OptionalText::read(node, reader)
    }

    #[inline]
    fn view(raw: Span, source: Source<'_>) -> Option<Num<'_>> {
        source.optional_text(raw).map(Num::new)
    }
}

/// A word out of a list, if there is one.
pub(crate) trait Word {
    type Of<'a>;

    fn from_word(word: &str) -> Self::Of<'_>;
}

/// A word that may be missing, empty or `-`.
pub(crate) struct OptionalWord<W>(PhantomData<W>);

impl<W: Word> Field for OptionalWord<W> {
    type Raw = Span;
    type View<'a> = Option<W::Of<'a>>;
    const ABSENT: Span = Span::ABSENT;
    const IS_REQUIRED: bool = false;

    fn read(node: usize, reader: &mut Reader<'_, '_>) -> Result<Span, Problem> {
        OptionalText::read(node, reader)
    }

    #[inline]
    fn view(raw: Span, source: Source<'_>) -> Option<W::Of<'_>> {
        source.optional_text(raw).map(W::from_word)
    }
}

/// An event's name: required, and trimmed, since the exchange pads it (`docs/PROTOCOL.md`, *Quirks*).
pub(crate) struct TrimmedWord<W>(PhantomData<W>);

impl<W: Word> Field for TrimmedWord<W> {
    type Raw = Span;
    type View<'a> = W::Of<'a>;
    const ABSENT: Span = Span::ABSENT;
    const IS_REQUIRED: bool = true;

    fn read(node: usize, reader: &mut Reader<'_, '_>) -> Result<Span, Problem> {
        let text = reader.string(node).ok_or(Problem::Expected("a string"))?;
        Ok(reader.span(text.trim_ascii()))
    }

    #[inline]
    fn view(raw: Span, source: Source<'_>) -> W::Of<'_> {
        W::from_word(source.text(raw))
    }
}

/// Milliseconds, as an integer or as a string of digits; zero, `""` and `"-"` mean none.
pub(crate) enum OptionalTime {}

impl Field for OptionalTime {
    type Raw = Option<TimeMs>;
    type View<'a> = Option<TimeMs>;
    const ABSENT: Option<TimeMs> = None;
    const IS_REQUIRED: bool = false;

    fn read(node: usize, reader: &mut Reader<'_, '_>) -> Result<Option<TimeMs>, Problem> {
        if reader.string(node).is_some_and(means_none) {
            return Ok(None);
        }
        let millis = reader
            .unsigned(node)
            .ok_or(Problem::Expected("a time in milliseconds"))?;
        Ok((millis != 0).then_some(TimeMs::new(millis)))
    }

    #[inline]
    fn view(raw: Option<TimeMs>, _: Source<'_>) -> Option<TimeMs> {
        raw
    }
}

/// A code that must be there, as an integer or as a string that holds one.
pub(crate) struct Code<C>(PhantomData<C>);

impl<C: From<i64>> Field for Code<C> {
    type Raw = Option<i64>;
    type View<'a> = C;
    const ABSENT: Option<i64> = None;
    const IS_REQUIRED: bool = true;

    fn read(node: usize, reader: &mut Reader<'_, '_>) -> Result<Option<i64>, Problem> {
        match reader.signed(node) {
            Some(code) => Ok(Some(code)),
            None => Err(Problem::Expected("an integer")),
        }
    }

    #[inline]
    fn view(raw: Option<i64>, _: Source<'_>) -> C {
        debug_assert!(raw.is_some(), "a required code was checked at decode");
        C::from(raw.unwrap_or_default())
    }
}

/// An id that the exchange writes as an integer, or as a string that holds one.
pub(crate) enum Id {}

impl Field for Id {
    type Raw = Option<u64>;
    type View<'a> = u64;
    const ABSENT: Option<u64> = None;
    const IS_REQUIRED: bool = true;

    fn read(node: usize, reader: &mut Reader<'_, '_>) -> Result<Option<u64>, Problem> {
        match reader.unsigned(node) {
            Some(id) => Ok(Some(id)),
            None => Err(Problem::Expected("an unsigned integer")),
        }
    }

    #[inline]
    fn view(raw: Option<u64>, _: Source<'_>) -> u64 {
        debug_assert!(raw.is_some(), "a required id was checked at decode");
        raw.unwrap_or_default()
    }
}

/// A record in a field of another; missing or `null` means none.
pub(crate) struct Nested<R>(PhantomData<R>);

impl<R: Record> Field for Nested<R> {
    type Raw = Option<R>;
    type View<'a> = Option<R::View<'a>>;
    const ABSENT: Option<R> = None;
    const IS_REQUIRED: bool = false;

    fn read(node: usize, reader: &mut Reader<'_, '_>) -> Result<Option<R>, Problem> {
        if !matches!(reader.node(node), Some(Node::Object { .. })) {
            return Err(Problem::Expected("an object"));
        }
        Ok(Some(reader.record(node)?))
    }

    #[inline]
    fn view(raw: Option<R>, source: Source<'_>) -> Option<R::View<'_>> {
        raw.map(|record| record.view(source))
    }
}

//! One declaration per message: the public struct, the record that the decoder keeps, how it is read on either way,
//! how the one is rebuilt from the other, and its owned form all come from one `record!`.

use std::fmt::Debug;
use std::ops::Range;

use super::DecodeErrorKind;
use super::cursor::Cursor;
use super::tape::Reader;
use crate::book::RawLevel;
use crate::spot::RawBalance;

/// Where a text lies: in the message, or in the arena that holds the unescaped ones.
///
/// Every text stands behind a byte that isn't its own: a quote. So it starts at no place that a check of the
/// boundaries would take for the beginning of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    before: u32,
    length: u32,
}

impl Span {
    /// No text. No real one is as long.
    pub(crate) const ABSENT: Self = Self {
        before: 0,
        length: u32::MAX,
    };

    /// The `length` bytes behind the one at `before`.
    #[inline(always)]
    pub(crate) fn behind(before: usize, length: usize) -> Self {
        debug_assert!(
            u32::try_from(before + length + 1).is_ok(),
            "texts are limited to MAX_TEXT_BYTES"
        );
        #[expect(
            clippy::cast_possible_truncation,
            reason = "texts are limited to MAX_TEXT_BYTES"
        )]
        Self {
            before: before as u32,
            length: length as u32,
        }
    }

    #[inline(always)]
    pub(crate) fn length(self) -> usize {
        self.length as usize
    }

    #[inline(always)]
    fn range(self) -> Range<usize> {
        let start = self.before as usize + 1;
        start..start + self.length as usize
    }

    /// The text without the white space around it.
    pub(crate) fn trimmed(self, text: &[u8]) -> Self {
        let cut = text.len() - text.trim_ascii_start().len();
        Self::behind(self.before as usize + cut, text.trim_ascii().len())
    }
}

/// The records that lie inside the items of a message, all behind one another, in the message's order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lists {
    pub(crate) balances: Vec<RawBalance>,
    pub(crate) levels: Vec<RawLevel>,
}

impl Lists {
    pub(crate) fn clear(&mut self) {
        self.balances.clear();
        self.levels.clear();
    }
}

/// What the views of a decoded message read from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source<'a> {
    pub(crate) text: &'a str,
    pub(crate) lists: &'a Lists,
}

impl<'a> Source<'a> {
    #[inline(always)]
    pub(crate) fn text(self, span: Span) -> &'a str {
        match self.text.get(span.range()) {
            Some(text) => text,
            None => no_text(span),
        }
    }

    #[inline(always)]
    pub(crate) fn optional_text(self, span: Span) -> Option<&'a str> {
        (span.length != Span::ABSENT.length).then(|| self.text(span))
    }
}

/// Never called: spans are checked at decode.
#[cold]
#[inline(never)]
fn no_text(span: Span) -> &'static str {
    debug_assert!(false, "{span:?} was checked at decode");
    ""
}

/// Texts and lists that an owned record keeps, and how they come together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Store {
    text: String,
    pub(crate) lists: Lists,
    /// Bytes that the texts will need, while they are counted and not yet kept.
    counted: Option<usize>,
}

impl Store {
    /// Keeps what `R` is made of, and the record. The texts are counted first, for one allocation to hold them all.
    pub(crate) fn of<'a, R: Record>(view: impl Fn() -> R::View<'a>) -> (Self, R) {
        let mut store = Self {
            counted: Some(0),
            ..Self::default()
        };
        R::store(view(), &mut store);
        let bytes = store.counted.take().unwrap_or_default();
        store.lists.clear();
        store.text.reserve_exact(bytes);
        let record = R::store(view(), &mut store);
        (store, record)
    }

    pub(crate) fn span(&mut self, text: &str) -> Span {
        match &mut self.counted {
            Some(bytes) => {
                *bytes += text.len() + 1;
                Span::ABSENT
            }
            None => append(&mut self.text, text),
        }
    }

    pub(crate) fn optional_span(&mut self, text: Option<&str>) -> Span {
        text.map_or(Span::ABSENT, |text| self.span(text))
    }

    pub(crate) fn source(&self) -> Source<'_> {
        Source {
            text: &self.text,
            lists: &self.lists,
        }
    }
}

/// Puts a text behind others, and a quote between them.
pub(crate) fn append(texts: &mut String, text: &str) -> Span {
    let before = texts.len();
    // 4 GiB of text come from no message.
    if u32::try_from(before + text.len() + 1).is_err() {
        return Span::ABSENT;
    }
    texts.push('"');
    texts.push_str(text);
    Span::behind(before, text.len())
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
    /// Something in it, at another node, isn't what is said here.
    ExpectedAt(&'static str, usize),
    /// It has more items than we take.
    TooManyItems,
    /// A record inside it, with its own name.
    Inside(Fault),
}

impl Problem {
    /// The problem as one of this field, whose value is at `node`.
    #[cold]
    pub(crate) fn of(self, schema: &'static str, field: &'static str, node: usize) -> Fault {
        let wrong = |expected, node| Fault {
            schema,
            kind: DecodeErrorKind::WrongType { field, expected },
            node,
        };
        match self {
            Self::Expected(expected) => wrong(expected, node),
            Self::ExpectedAt(expected, node) => wrong(expected, node),
            Self::TooManyItems => Fault {
                schema,
                kind: DecodeErrorKind::TooManyItems,
                node,
            },
            Self::Inside(fault) => fault,
        }
    }
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

    /// Reads the value that comes next into `raw`, or answers `None` if it isn't as predicted. Takes no value that
    /// [`read`](Self::read) would read differently.
    fn scan(cursor: &mut Cursor<'_>, lists: &mut Lists, raw: &mut Self::Raw) -> Option<()>;

    fn view(raw: Self::Raw, source: Source<'_>) -> Self::View<'_>;

    /// Puts what the view shows into a store, to be viewed from there.
    fn store(view: Self::View<'_>, store: &mut Store) -> Self::Raw;
}

/// What `record!` makes: a record as the decoder keeps it.
pub(crate) trait Record: Copy + Debug + PartialEq + Sized {
    type Key: Copy + 'static;
    type View<'a>;
    /// What error messages call it.
    const NAME: &'static str;
    /// Every name that a field may have on the wire, in the order in which the exchange sends them.
    const KEYS: &'static [(&'static str, Self::Key)];
    /// The key under which an object holds the fields with [`KEYS`](Self::KEYS), if there is one.
    const INNER: Option<&'static str>;
    /// The names of the fields that lie around that object.
    const OUTER_KEYS: &'static [(&'static str, Self::Key)];
    const EMPTY: Self;

    /// Whether `name` is the first of the field's names. Where the key is known, a comparison with a constant.
    fn is_named(key: Self::Key, name: &str) -> bool;

    /// Reads the value at `node` into the field.
    fn set(&mut self, key: Self::Key, node: usize, reader: &mut Reader<'_, '_>) -> Result<(), Fault>;

    /// Reads the object that comes next on top of what the record holds already, without a look at what is missing.
    fn scan(&mut self, cursor: &mut Cursor<'_>, lists: &mut Lists) -> Option<()>;

    /// The first required field that has no value.
    fn missing(&self) -> Option<&'static str>;

    fn view<'a>(&self, source: Source<'a>) -> Self::View<'a>;

    /// The record of a view, with its texts in the store.
    fn store(view: Self::View<'_>, store: &mut Store) -> Self;
}

macro_rules! record {
    // A record that lies in an object beside some fields of its own.
    (
        $(#[$meta:meta])*
        pub struct $name:ident<'a>: $raw:ident, $owned:ident, $label:literal {
            $( $(#[$out_doc:meta])* $out_field:ident: $out_ty:ty = $out_kind:ty [ $out_key:literal ], )*
            => $inner:literal {
                $( $(#[$doc:meta])* $field:ident: $ty:ty = $kind:ty [ $($key:literal),+ ], )*
            }
        }
    ) => {
        $crate::decode::record::record! { @emit
            [$(#[$meta])*] $name $raw $owned $label
            { $( $(#[$out_doc])* $out_field: $out_ty = $out_kind [ $out_key ], )* }
            { $( $(#[$doc])* $field: $ty = $kind [ $($key),+ ], )* }
            (Some($inner))
            (scan_around)
        }

        impl $raw {
            /// The outer object. Its few keys may come in any order.
            fn scan_around(
                &mut self,
                cursor: &mut $crate::decode::cursor::Cursor<'_>,
                lists: &mut $crate::decode::record::Lists,
            ) -> Option<()> {
                use $crate::decode::keys::key_and_colon;
                use $crate::decode::record::Field;

                cursor.expect(b"{")?;
                let mut has_inner = false;
                loop {
                    if cursor.eat(const { &key_and_colon::<{ $inner.len() + 3 }>($inner) }) {
                        // Of a repeated key the last one would count: left to the general way.
                        if has_inner {
                            return None;
                        }
                        has_inner = true;
                        self.scan_body(cursor, lists)?;
                    }
                    $( else if cursor.eat(const { &key_and_colon::<{ $out_key.len() + 3 }>($out_key) }) {
                        <$out_kind as Field>::scan(cursor, lists, &mut self.$out_field)?;
                    } )*
                    else {
                        cursor.key()?;
                        cursor.skip()?;
                    }
                    if cursor.closes(b'}')? {
                        return has_inner.then_some(());
                    }
                }
            }
        }
    };
    (
        $(#[$meta:meta])*
        pub struct $name:ident<'a>: $raw:ident, $owned:ident, $label:literal {
            $( $(#[$doc:meta])* $field:ident: $ty:ty = $kind:ty [ $($key:literal),+ ], )*
        }
    ) => {
        $crate::decode::record::record! { @emit
            [$(#[$meta])*] $name $raw $owned $label
            {}
            { $( $(#[$doc])* $field: $ty = $kind [ $($key),+ ], )* }
            (None)
            (scan_body)
        }
    };
    (
        @emit [$(#[$meta:meta])*] $name:ident $raw:ident $owned:ident $label:literal
        { $( $(#[$out_doc:meta])* $out_field:ident: $out_ty:ty = $out_kind:ty [ $out_first:literal ], )* }
        { $( $(#[$doc:meta])* $field:ident: $ty:ty = $kind:ty [ $first:literal $(, $alias:literal)* ], )* }
        ($inner:expr) ($scan:ident)
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct $name<'a> {
            $( $(#[$out_doc])* pub $out_field: $out_ty, )*
            $( $(#[$doc])* pub $field: $ty, )*
        }

        /// As the decoder keeps it: places in the text instead of the text.
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub(crate) struct $raw {
            $( $out_field: <$out_kind as $crate::decode::record::Field>::Raw, )*
            $( $field: <$kind as $crate::decode::record::Field>::Raw, )*
        }

        $crate::owned::owned! { $owned, $name, $raw }

        $crate::serialize::serialize_fields! { $name { $( $out_field, )* $( $field, )* } }

        const _: () = {
            use $crate::decode::cursor::Cursor;
            use $crate::decode::keys::{KeyTable, key_behind};
            use $crate::decode::record::{Fault, Field, Lists, Record, Source, Store};
            use $crate::decode::tape::Reader;

            #[derive(Clone, Copy)]
            #[expect(non_camel_case_types, reason = "named like the fields")]
            pub(crate) enum Key { $( $out_field, )* $( $field, )* }

            static TABLE: KeyTable = KeyTable::new(<$raw as Record>::KEYS);

            impl $raw {
                /// The object that holds the fields: first in the exchange's order, without a look at a key's
                /// meaning; what is left then, in any order.
                #[allow(unused_assignments, reason = "of the last field nobody asks whether it was the first")]
                fn scan_body(&mut self, cursor: &mut Cursor<'_>, lists: &mut Lists) -> Option<()> {
                    // A copy that stays in registers.
                    let mut here = *cursor;
                    if here.peek() != Some(b'{') {
                        return None;
                    }
                    let mut is_first = true;
                    'predicted: {
                        $(
                            // Known to the compiler: of the two keys one is compared.
                            let is_next = if is_first {
                                here.eat(const { &key_behind::<{ $first.len() + 4 }>(b'{', $first) })
                            } else {
                                here.eat(const { &key_behind::<{ $first.len() + 4 }>(b',', $first) })
                            };
                            if is_next {
                                <$kind as Field>::scan(&mut here, lists, &mut self.$field)?;
                            } else if is_first {
                                // Another order: no use in looking for the others one by one.
                                break 'predicted;
                            }
                            is_first = false;
                        )*
                    }
                    if !here.eat(b"}") {
                        // What is left begins behind a comma, or behind the bracket if nothing was as predicted.
                        let before = if here.position() == cursor.position() { b'{' } else { b',' };
                        here.expect(&[before])?;
                        here.take(|cursor| self.scan_rest(cursor, lists))?;
                    }
                    *cursor = here;
                    Some(())
                }

                #[inline(never)]
                fn scan_rest(&mut self, cursor: &mut Cursor<'_>, lists: &mut Lists) -> Option<()> {
                    let mut here = *cursor;
                    loop {
                        let name = here.key()?;
                        match Self::KEYS.get(TABLE.candidate(name)) {
                            $( Some((_, Key::$field)) if name == $first.as_bytes() $( || name == $alias.as_bytes() )* => {
                                <$kind as Field>::scan(&mut here, lists, &mut self.$field)?;
                            } )*
                            _ => here.skip()?,
                        }
                        if here.closes(b'}')? {
                            *cursor = here;
                            return Some(());
                        }
                    }
                }
            }

            impl Record for $raw {
                type Key = Key;
                type View<'a> = $name<'a>;
                const NAME: &'static str = $label;
                const KEYS: &'static [(&'static str, Key)] =
                    &[$( ($first, Key::$field), $( ($alias, Key::$field), )* )*];
                const OUTER_KEYS: &'static [(&'static str, Key)] = &[$( ($out_first, Key::$out_field), )*];
                const INNER: Option<&'static str> = $inner;
                const EMPTY: Self = Self {
                    $( $out_field: <$out_kind as Field>::ABSENT, )*
                    $( $field: <$kind as Field>::ABSENT, )*
                };

                #[inline]
                fn is_named(key: Key, name: &str) -> bool {
                    match key {
                        $( Key::$out_field => name == $out_first, )*
                        $( Key::$field => name == $first, )*
                    }
                }

                fn set(&mut self, key: Key, node: usize, reader: &mut Reader<'_, '_>) -> Result<(), Fault> {
                    let (problem, field) = match key {
                        $( Key::$out_field => match <$out_kind as Field>::read(node, reader) {
                            Ok(value) => {
                                self.$out_field = value;
                                return Ok(());
                            }
                            Err(problem) => (problem, $out_first),
                        }, )*
                        $( Key::$field => match <$kind as Field>::read(node, reader) {
                            Ok(value) => {
                                self.$field = value;
                                return Ok(());
                            }
                            Err(problem) => (problem, $first),
                        }, )*
                    };
                    Err(problem.of($label, field, node))
                }

                #[inline]
                fn scan(&mut self, cursor: &mut Cursor<'_>, lists: &mut Lists) -> Option<()> {
                    self.$scan(cursor, lists)
                }

                #[inline]
                fn missing(&self) -> Option<&'static str> {
                    $( if <$out_kind as Field>::IS_REQUIRED && self.$out_field == <$out_kind as Field>::ABSENT {
                        return Some($out_first);
                    } )*
                    $( if <$kind as Field>::IS_REQUIRED && self.$field == <$kind as Field>::ABSENT {
                        return Some($first);
                    } )*
                    None
                }

                #[inline]
                fn view<'a>(&self, source: Source<'a>) -> $name<'a> {
                    $name {
                        $( $out_field: <$out_kind as Field>::view(self.$out_field, source), )*
                        $( $field: <$kind as Field>::view(self.$field, source), )*
                    }
                }

                fn store(view: $name<'_>, store: &mut Store) -> Self {
                    Self {
                        $( $out_field: <$out_kind as Field>::store(view.$out_field, store), )*
                        $( $field: <$kind as Field>::store(view.$field, store), )*
                    }
                }
            }
        };
    };
}

pub(crate) use record;

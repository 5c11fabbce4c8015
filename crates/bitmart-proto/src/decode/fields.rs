//! The kinds of field that messages have: what each takes from the wire, and what it shows.

use std::marker::PhantomData;

use simd_json::{Node, StaticNode};

use super::cursor::{self, Cursor};
use super::record::{Field, Lists, Problem, Record, Source, Span, Store};
use super::tape::Reader;
use crate::{Num, TimeMs, Timestamp};

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

    #[inline(always)]
    fn scan(cursor: &mut Cursor<'_>, _: &mut Lists, raw: &mut Span) -> Option<()> {
        *raw = cursor.string()?;
        Some(())
    }

    #[inline(always)]
    fn view(raw: Span, source: Source<'_>) -> &str {
        source.text(raw)
    }

    fn store(view: &str, store: &mut Store) -> Span {
        store.span(view)
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

    #[inline(always)]
    fn scan(cursor: &mut Cursor<'_>, _: &mut Lists, raw: &mut Span) -> Option<()> {
        *raw = cursor.optional_string()?;
        Some(())
    }

    #[inline(always)]
    fn view(raw: Span, source: Source<'_>) -> Option<&str> {
        source.optional_text(raw)
    }

    fn store(view: Option<&str>, store: &mut Store) -> Span {
        store.optional_span(view)
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
        const EXPECTED: Problem = Problem::Expected("a decimal in a string");
        let text = reader.string(node).ok_or(EXPECTED)?;
        if cursor::is_plain_decimal(text.as_bytes()) || Num::new(text).is_number() {
            Ok(reader.span(text))
        } else {
            Err(EXPECTED)
        }
    }

    #[inline(always)]
    fn scan(cursor: &mut Cursor<'_>, _: &mut Lists, raw: &mut Span) -> Option<()> {
        *raw = cursor.decimal()?;
        Some(())
    }

    #[inline(always)]
    fn view(raw: Span, source: Source<'_>) -> Num<'_> {
        Num::new(source.text(raw))
    }

    fn store(view: Num<'_>, store: &mut Store) -> Span {
        store.span(view.as_str())
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

    #[inline(always)]
    fn scan(cursor: &mut Cursor<'_>, lists: &mut Lists, raw: &mut Span) -> Option<()> {
        OptionalText::scan(cursor, lists, raw)
    }

    #[inline(always)]
    fn view(raw: Span, source: Source<'_>) -> Option<Num<'_>> {
        source.optional_text(raw).map(Num::new)
    }

    fn store(view: Option<Num<'_>>, store: &mut Store) -> Span {
        store.optional_span(view.map(Num::as_str))
    }
}

/// An enum over words.
pub(crate) trait Word {
    type Of<'a>: IntoWord<'a>;

    fn from_word(word: &str) -> Self::Of<'_>;
}

/// A value of an enum over words.
pub(crate) trait IntoWord<'a> {
    fn into_word(self) -> &'a str;
}

/// A word that must be there; white space around it is cut off, since the exchange pads some
/// (`docs/PROTOCOL.md`, *Quirks*).
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

    #[inline(always)]
    fn scan(cursor: &mut Cursor<'_>, _: &mut Lists, raw: &mut Span) -> Option<()> {
        *raw = cursor.trimmed_string()?;
        Some(())
    }

    #[inline(always)]
    fn view(raw: Span, source: Source<'_>) -> W::Of<'_> {
        W::from_word(source.text(raw))
    }

    fn store(view: W::Of<'_>, store: &mut Store) -> Span {
        store.span(view.into_word())
    }
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

    #[inline(always)]
    fn scan(cursor: &mut Cursor<'_>, lists: &mut Lists, raw: &mut Span) -> Option<()> {
        OptionalText::scan(cursor, lists, raw)
    }

    #[inline(always)]
    fn view(raw: Span, source: Source<'_>) -> Option<W::Of<'_>> {
        source.optional_text(raw).map(W::from_word)
    }

    fn store(view: Option<W::Of<'_>>, store: &mut Store) -> Span {
        store.optional_span(view.map(IntoWord::into_word))
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
        read_time(node, reader, 1, "a time in milliseconds")
    }

    #[inline(always)]
    fn scan(cursor: &mut Cursor<'_>, _: &mut Lists, raw: &mut Option<TimeMs>) -> Option<()> {
        let millis = match cursor.peek()? {
            b'"' if cursor.eat(b"\"\"") || cursor.eat(b"\"-\"") => 0,
            b'"' => cursor.unsigned_in_string()?,
            _ => cursor.unsigned()?,
        };
        *raw = (millis != 0).then_some(TimeMs::new(millis));
        Some(())
    }

    #[inline(always)]
    fn view(raw: Option<TimeMs>, _: Source<'_>) -> Option<TimeMs> {
        raw
    }

    fn store(view: Option<TimeMs>, _: &mut Store) -> Option<TimeMs> {
        view
    }
}

fn read_time(
    node: usize,
    reader: &Reader<'_, '_>,
    unit: u64,
    expected: &'static str,
) -> Result<Option<TimeMs>, Problem> {
    if reader.string(node).is_some_and(means_none) {
        return Ok(None);
    }
    let millis = reader
        .unsigned(node)
        .and_then(|time| time.checked_mul(unit))
        .ok_or(Problem::Expected(expected))?;
    Ok((millis != 0).then_some(TimeMs::new(millis)))
}

/// Milliseconds in a second.
const SECOND: u64 = 1_000;

/// Seconds, as an integer or as a string of digits, shown as the milliseconds that all other times have; zero, `""`
/// and `"-"` mean none.
pub(crate) enum OptionalSeconds {}

impl Field for OptionalSeconds {
    type Raw = Option<TimeMs>;
    type View<'a> = Option<TimeMs>;
    const ABSENT: Option<TimeMs> = None;
    const IS_REQUIRED: bool = false;

    fn read(node: usize, reader: &mut Reader<'_, '_>) -> Result<Option<TimeMs>, Problem> {
        read_time(node, reader, SECOND, "a time in seconds")
    }

    #[inline(always)]
    fn scan(cursor: &mut Cursor<'_>, _: &mut Lists, raw: &mut Option<TimeMs>) -> Option<()> {
        let millis = cursor.unsigned()?.checked_mul(SECOND)?;
        *raw = (millis != 0).then_some(TimeMs::new(millis));
        Some(())
    }

    #[inline(always)]
    fn view(raw: Option<TimeMs>, _: Source<'_>) -> Option<TimeMs> {
        raw
    }

    fn store(view: Option<TimeMs>, _: &mut Store) -> Option<TimeMs> {
        view
    }
}

/// Seconds that must be there, as an integer or as a string of digits; shown as milliseconds.
pub(crate) enum Seconds {}

impl Field for Seconds {
    type Raw = Option<TimeMs>;
    type View<'a> = TimeMs;
    const ABSENT: Option<TimeMs> = None;
    const IS_REQUIRED: bool = true;

    fn read(node: usize, reader: &mut Reader<'_, '_>) -> Result<Option<TimeMs>, Problem> {
        reader
            .unsigned(node)
            .and_then(|time| time.checked_mul(SECOND))
            .map(|millis| Some(TimeMs::new(millis)))
            .ok_or(Problem::Expected("a time in seconds"))
    }

    #[inline(always)]
    fn scan(cursor: &mut Cursor<'_>, _: &mut Lists, raw: &mut Option<TimeMs>) -> Option<()> {
        *raw = Some(TimeMs::new(cursor.unsigned()?.checked_mul(SECOND)?));
        Some(())
    }

    #[inline(always)]
    fn view(raw: Option<TimeMs>, _: Source<'_>) -> TimeMs {
        debug_assert!(raw.is_some(), "a required time was checked at decode");
        raw.unwrap_or(TimeMs::new(0))
    }

    fn store(view: TimeMs, _: &mut Store) -> Option<TimeMs> {
        Some(view)
    }
}

/// A date and time in a string, kept as it is; may be missing, empty or `-`.
pub(crate) enum OptionalTimestamp {}

impl Field for OptionalTimestamp {
    type Raw = Span;
    type View<'a> = Option<Timestamp<'a>>;
    const ABSENT: Span = Span::ABSENT;
    const IS_REQUIRED: bool = false;

    fn read(node: usize, reader: &mut Reader<'_, '_>) -> Result<Span, Problem> {
        OptionalText::read(node, reader)
    }

    #[inline(always)]
    fn scan(cursor: &mut Cursor<'_>, lists: &mut Lists, raw: &mut Span) -> Option<()> {
        OptionalText::scan(cursor, lists, raw)
    }

    #[inline(always)]
    fn view(raw: Span, source: Source<'_>) -> Option<Timestamp<'_>> {
        source.optional_text(raw).map(Timestamp::new)
    }

    fn store(view: Option<Timestamp<'_>>, store: &mut Store) -> Span {
        store.optional_span(view.map(Timestamp::as_str))
    }
}

/// A code that must be there, as an integer or as a string that holds one.
pub(crate) struct Code<C>(PhantomData<C>);

impl<C: From<i64> + Into<i64>> Field for Code<C> {
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

    #[inline(always)]
    fn scan(cursor: &mut Cursor<'_>, _: &mut Lists, raw: &mut Option<i64>) -> Option<()> {
        *raw = Some(i64::try_from(cursor.code()?).ok()?);
        Some(())
    }

    #[inline(always)]
    fn view(raw: Option<i64>, _: Source<'_>) -> C {
        debug_assert!(raw.is_some(), "a required code was checked at decode");
        C::from(raw.unwrap_or_default())
    }

    fn store(view: C, _: &mut Store) -> Option<i64> {
        Some(view.into())
    }
}

/// A code that may be missing, `""` or `"-"`.
pub(crate) struct OptionalCode<C>(PhantomData<C>);

impl<C: From<i64> + Into<i64>> Field for OptionalCode<C> {
    type Raw = Option<i64>;
    type View<'a> = Option<C>;
    const ABSENT: Option<i64> = None;
    const IS_REQUIRED: bool = false;

    fn read(node: usize, reader: &mut Reader<'_, '_>) -> Result<Option<i64>, Problem> {
        if reader.string(node).is_some_and(means_none) {
            return Ok(None);
        }
        Code::<C>::read(node, reader)
    }

    #[inline(always)]
    fn scan(cursor: &mut Cursor<'_>, lists: &mut Lists, raw: &mut Option<i64>) -> Option<()> {
        Code::<C>::scan(cursor, lists, raw)
    }

    #[inline(always)]
    fn view(raw: Option<i64>, _: Source<'_>) -> Option<C> {
        raw.map(C::from)
    }

    fn store(view: Option<C>, _: &mut Store) -> Option<i64> {
        view.map(Into::into)
    }
}

/// A `true` or `false` that may be missing.
pub(crate) enum OptionalBool {}

impl Field for OptionalBool {
    type Raw = Option<bool>;
    type View<'a> = Option<bool>;
    const ABSENT: Option<bool> = None;
    const IS_REQUIRED: bool = false;

    fn read(node: usize, reader: &mut Reader<'_, '_>) -> Result<Option<bool>, Problem> {
        match reader.node(node) {
            Some(Node::Static(StaticNode::Bool(value))) => Ok(Some(value)),
            _ => Err(Problem::Expected("true or false")),
        }
    }

    #[inline(always)]
    fn scan(cursor: &mut Cursor<'_>, _: &mut Lists, raw: &mut Option<bool>) -> Option<()> {
        let value = cursor.eat(b"true");
        (value || cursor.eat(b"false")).then_some(())?;
        *raw = Some(value);
        Some(())
    }

    #[inline(always)]
    fn view(raw: Option<bool>, _: Source<'_>) -> Option<bool> {
        raw
    }

    fn store(view: Option<bool>, _: &mut Store) -> Option<bool> {
        view
    }
}

/// A number that the exchange writes as an integer, or as a string that holds one: an id, a version.
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

    #[inline(always)]
    fn scan(cursor: &mut Cursor<'_>, _: &mut Lists, raw: &mut Option<u64>) -> Option<()> {
        *raw = Some(match cursor.peek()? {
            b'"' => cursor.unsigned_in_string()?,
            _ => cursor.unsigned()?,
        });
        Some(())
    }

    #[inline(always)]
    fn view(raw: Option<u64>, _: Source<'_>) -> u64 {
        debug_assert!(raw.is_some(), "a required id was checked at decode");
        raw.unwrap_or_default()
    }

    fn store(view: u64, _: &mut Store) -> Option<u64> {
        Some(view)
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

    #[inline(always)]
    fn scan(cursor: &mut Cursor<'_>, lists: &mut Lists, raw: &mut Option<R>) -> Option<()> {
        if cursor.eat(b"null") {
            return Some(());
        }
        let record = raw.insert(R::EMPTY);
        cursor.take(|cursor| record.scan(cursor, lists))?;
        record.missing().is_none().then_some(())
    }

    #[inline(always)]
    fn view(raw: Option<R>, source: Source<'_>) -> Option<R::View<'_>> {
        raw.map(|record| record.view(source))
    }

    fn store(view: Option<R::View<'_>>, store: &mut Store) -> Option<R> {
        view.map(|view| R::store(view, store))
    }
}

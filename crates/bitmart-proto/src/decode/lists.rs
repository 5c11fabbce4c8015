//! Arrays: what a message's data holds, and lists inside its items.

use std::marker::PhantomData;
use std::ops::Range;

use super::cursor::{self, Cursor};
use super::record::{Field, Lists, Problem, Record, Source, Store};
use super::tape::Reader;

/// What an array holds. Most hold objects.
pub(crate) trait Element: Record {
    /// Reads the element at `node` into as many records as it stands for.
    fn read_element(node: usize, reader: &mut Reader<'_, '_>, rows: &mut Vec<Self>) -> Result<(), Problem> {
        if !reader.is_object(node) {
            return Err(Problem::ExpectedAt("objects in an array", node));
        }
        rows.push(reader.record(node)?);
        Ok(())
    }

    /// The same, of what comes next.
    #[inline(always)]
    fn scan_element(cursor: &mut Cursor<'_>, lists: &mut Lists, rows: &mut Vec<Self>) -> Option<()> {
        // Filled where it will stay: records are large.
        rows.push(Self::EMPTY);
        let record = rows.last_mut()?;
        record.scan(cursor, lists)?;
        record.missing().is_none().then_some(())
    }

    /// Reads the array that comes next.
    #[inline(always)]
    fn scan_elements(cursor: &mut Cursor<'_>, lists: &mut Lists, rows: &mut Vec<Self>) -> Option<()> {
        cursor::elements(cursor, lists, |cursor, lists| {
            Self::scan_element(cursor, lists, rows)
        })
    }
}

/// An element that the decoder keeps in a list of its own.
pub(crate) trait Listed: Element {
    type List<'a>: IntoIterator<Item = Self::View<'a>>
    where
        Self: 'a;

    fn of(lists: &Lists) -> &Vec<Self>;

    fn of_mut(lists: &mut Lists) -> &mut Vec<Self>;

    fn list<'a>(source: Source<'a>, rows: &'a [Self]) -> Self::List<'a>;
}

/// An array inside a record, which must be there: a range of the list that the decoder keeps of its elements.
pub(crate) struct ListOf<R>(PhantomData<R>);

/// Places in one of the [`Lists`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Places {
    start: usize,
    end: usize,
}

impl Places {
    fn range(self) -> Range<usize> {
        self.start..self.end
    }
}

/// Reads an array. One copy of the loop for each kind of element, with all of it inside.
#[inline(never)]
fn scan_list<R: Listed>(cursor: &mut Cursor<'_>, lists: &mut Lists) -> Option<Places> {
    // A copy that stays in registers.
    let mut here = *cursor;
    let mut rows = std::mem::take(R::of_mut(lists));
    let start = rows.len();
    let result = R::scan_elements(&mut here, lists, &mut rows);
    let end = rows.len();
    *R::of_mut(lists) = rows;
    *cursor = here;
    result.map(|()| Places { start, end })
}

impl<R: Listed + 'static> Field for ListOf<R> {
    type Raw = Option<Places>;
    type View<'a> = R::List<'a>;
    const ABSENT: Option<Places> = None;
    const IS_REQUIRED: bool = true;

    fn read(node: usize, reader: &mut Reader<'_, '_>) -> Result<Option<Places>, Problem> {
        let mut rows = std::mem::take(R::of_mut(reader.lists));
        let start = rows.len();
        let result = reader.rows(node, &mut rows);
        let end = rows.len();
        *R::of_mut(reader.lists) = rows;
        result.map(|()| Some(Places { start, end }))
    }

    #[inline(always)]
    fn scan(cursor: &mut Cursor<'_>, lists: &mut Lists, raw: &mut Option<Places>) -> Option<()> {
        *raw = Some(cursor.take(|cursor| scan_list::<R>(cursor, lists))?);
        Some(())
    }

    #[inline]
    fn view(raw: Option<Places>, source: Source<'_>) -> R::List<'_> {
        let rows = raw.and_then(|places| R::of(source.lists).get(places.range()));
        debug_assert!(rows.is_some(), "a list was checked at decode");
        R::list(source, rows.unwrap_or_default())
    }

    fn store(view: R::List<'_>, store: &mut Store) -> Option<Places> {
        let elements = view.into_iter();
        let start = R::of(&store.lists).len();
        R::of_mut(&mut store.lists).reserve(elements.size_hint().0);
        for element in elements {
            let row = R::store(element, store);
            R::of_mut(&mut store.lists).push(row);
        }
        let end = R::of(&store.lists).len();
        Some(Places { start, end })
    }
}

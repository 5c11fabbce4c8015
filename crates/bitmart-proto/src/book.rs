//! Levels of an order book, and how its pushes follow one another.

use crate::Num;
use crate::decode::cursor::{self, Cursor};
use crate::decode::fields::Decimal;
use crate::decode::lists::{Element, Listed};
use crate::decode::record::{Field, Lists, Problem, Record, Source, record};
use crate::decode::tape::Reader;
use crate::list::list;
use crate::wire::wire_words;

record! {
    /// A price, and how much of the book stands there.
    ///
    /// On the wire it is an array of two texts, or an object: spot and the futures `v2` books have the one, all
    /// other futures books the other, and either is read in either place. Sizes are coins on spot and contracts on
    /// futures.
    pub struct Level<'a>: RawLevel, OwnedLevel, "book level" {
        /// The price.
        price: Num<'a> = Decimal["price"],
        /// The size; `vol` in an object. In an update it replaces what stood at the price, and zero removes the
        /// level.
        size: Num<'a> = Decimal["vol"],
    }
}

impl Level<'_> {
    /// Whether an update removes the level: its size is zero, in any spelling.
    #[must_use]
    pub fn is_removed(&self) -> bool {
        self.size.is_zero()
    }
}

list! {
    /// One side of a book, best level first.
    pub struct BookSide<'a>: Level, RawLevel
}

impl Element for RawLevel {
    fn read_element(node: usize, reader: &mut Reader<'_, '_>, rows: &mut Vec<Self>) -> Result<(), Problem> {
        let expected = |node| Problem::ExpectedAt("levels of a price and a size in an array", node);
        if let Some([price, size]) = reader.two_strings(node, ["price", "vol"])
            && cursor::is_plain_decimal(price.as_bytes())
            && cursor::is_plain_decimal(size.as_bytes())
        {
            rows.push(Self {
                price: reader.span(price),
                size: reader.span(size),
            });
            return Ok(());
        }
        let Some(mut cells) = reader.elements(node) else {
            return if reader.is_object(node) {
                rows.push(reader.record(node)?);
                Ok(())
            } else {
                Err(expected(node))
            };
        };
        // More cells than two are none of ours.
        let (Some(price), Some(size)) = (cells.next(), cells.next()) else {
            return Err(expected(node));
        };
        let mut cell = |node| Decimal::read(node, reader).map_err(|_| expected(node));
        rows.push(Self {
            price: cell(price)?,
            size: cell(size)?,
        });
        Ok(())
    }

    #[inline(always)]
    fn scan_elements(cursor: &mut Cursor<'_>, lists: &mut Lists, rows: &mut Vec<Self>) -> Option<()> {
        cursor.expect(b"[")?;
        if cursor.eat(b"]") {
            return Some(());
        }
        loop {
            // As many as are as they should be, then the last one, which has no comma behind it.
            while let Some((price, size)) = cursor.pair(b"[\"", b"\",\"", b"\"],") {
                rows.push(Self { price, size });
            }
            while let Some((price, size)) = cursor.pair(b"{\"price\":\"", b"\",\"vol\":\"", b"\"},") {
                rows.push(Self { price, size });
            }
            let last = cursor
                .pair(b"[\"", b"\",\"", b"\"]]")
                .or_else(|| cursor.pair(b"{\"price\":\"", b"\",\"vol\":\"", b"\"}]"));
            if let Some((price, size)) = last {
                rows.push(Self { price, size });
                return Some(());
            }
            let level = cursor.take(|cursor| Self::scan_slowly(cursor, lists))?;
            rows.push(level);
            if cursor.closes(b']')? {
                return Some(());
            }
        }
    }
}

impl RawLevel {
    /// A level near the end of the text, with keys in another order, or with long numbers.
    #[inline(never)]
    fn scan_slowly(cursor: &mut Cursor<'_>, lists: &mut Lists) -> Option<Self> {
        let mut level = Self::EMPTY;
        if cursor.eat(b"[") {
            level.price = cursor.decimal()?;
            cursor.expect(b",")?;
            level.size = cursor.decimal()?;
            cursor.expect(b"]")?;
        } else {
            level.scan(cursor, lists)?;
            level.missing().is_none().then_some(())?;
        }
        Some(level)
    }
}

impl Listed for RawLevel {
    type List<'a> = BookSide<'a>;

    fn of(lists: &Lists) -> &Vec<Self> {
        &lists.levels
    }

    fn of_mut(lists: &mut Lists) -> &mut Vec<Self> {
        &mut lists.levels
    }

    fn list<'a>(source: Source<'a>, rows: &'a [Self]) -> BookSide<'a> {
        BookSide::new(source, rows)
    }
}

wire_words! {
    /// What a push of a book in updates holds.
    pub enum BookPush {
        /// `snapshot`: the whole book. Whatever was known before is to be forgotten.
        Snapshot = "snapshot",
        /// `update`: the levels that changed.
        Update = "update",
    }
}

/// What to do with a push of a book in updates: see [`BookStep::of`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BookStep {
    /// Forget the book, and take this one.
    Replace,
    /// Put the levels into the book. There may be none: the version counts all the same.
    Apply,
    /// Old news, or the heartbeat of a quiet spot book: the book has it already.
    Discard,
    /// Something is missing in between. Ask for a snapshot
    /// ([`Operation::Request`](crate::Operation::Request)) and discard all until it comes.
    Gap,
}

impl BookStep {
    /// What a push is to a book that stands at version `local`; `None` before the first snapshot.
    ///
    /// One rule serves both markets, although their quiet books differ: spot repeats the last version, futures
    /// count on with empty updates (`docs/PROTOCOL.md`, *Books in updates*). Versions of one connection mean nothing
    /// on the next: begin anew with `None`. A push of a kind we don't know is a gap.
    ///
    /// ```
    /// use bitmart_proto::{BookPush, BookStep};
    ///
    /// assert_eq!(BookStep::of(BookPush::Snapshot, 7, None), BookStep::Replace);
    /// assert_eq!(BookStep::of(BookPush::Update, 8, Some(7)), BookStep::Apply);
    /// assert_eq!(BookStep::of(BookPush::Update, 8, Some(8)), BookStep::Discard);
    /// assert_eq!(BookStep::of(BookPush::Update, 10, Some(8)), BookStep::Gap);
    /// assert_eq!(BookStep::of(BookPush::Update, 10, None), BookStep::Gap);
    /// ```
    #[must_use]
    pub fn of(push: BookPush<'_>, version: u64, local: Option<u64>) -> Self {
        match (push, local) {
            (BookPush::Snapshot, _) => Self::Replace,
            (BookPush::Update, Some(local)) if version <= local => Self::Discard,
            (BookPush::Update, Some(local)) if version - local == 1 => Self::Apply,
            _ => Self::Gap,
        }
    }
}

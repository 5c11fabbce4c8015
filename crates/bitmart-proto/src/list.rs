use std::iter::FusedIterator;
use std::ops::Range;

use crate::decode::record::{Record, Source};

/// What the items of one message have in common: a [`Copy`] view that rebuilds an item each time it is asked for.
///
/// All of it was checked when the message was decoded, so nothing here can fail. Every list also has these methods
/// as its own; the trait is there for code over any list. Nobody else can implement it.
pub trait List: Copy + sealed::Sealed {
    /// What the list holds.
    type Item;

    /// How many items there are.
    fn len(self) -> usize;

    /// The item at `index`, from 0, in the order of the message.
    fn get(self, index: usize) -> Option<Self::Item>;

    /// Whether there are none.
    fn is_empty(self) -> bool {
        self.len() == 0
    }
}

/// The items of a [`List`], in the order of the message.
#[derive(Clone, Debug)]
pub struct Iter<L> {
    list: L,
    range: Range<usize>,
}

impl<L: List> Iter<L> {
    pub(crate) fn new(list: L) -> Self {
        Self {
            list,
            range: 0..list.len(),
        }
    }
}

impl<L: List> Iterator for Iter<L> {
    type Item = L::Item;

    #[inline]
    fn next(&mut self) -> Option<L::Item> {
        self.list.get(self.range.next()?)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.range.size_hint()
    }
}

impl<L: List> DoubleEndedIterator for Iter<L> {
    fn next_back(&mut self) -> Option<L::Item> {
        self.list.get(self.range.next_back()?)
    }
}

impl<L: List> ExactSizeIterator for Iter<L> {}

impl<L: List> FusedIterator for Iter<L> {}

/// Records and what they point into.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rows<'a, R> {
    pub(crate) source: Source<'a>,
    pub(crate) rows: &'a [R],
}

impl<'a, R: Record> Rows<'a, R> {
    #[inline]
    pub(crate) fn get(self, index: usize) -> Option<R::View<'a>> {
        self.rows.get(index).map(|row| row.view(self.source))
    }
}

/// Makes a list of what one `record!` describes.
macro_rules! list {
    ($(#[$meta:meta])* pub struct $name:ident<'a>: $item:ident, $raw:ident) => {
        $(#[$meta])*
        #[derive(Clone, Copy)]
        pub struct $name<'a> {
            pub(crate) rows: $crate::list::Rows<'a, $raw>,
        }

        impl<'a> $name<'a> {
            pub(crate) fn new(source: $crate::decode::record::Source<'a>, rows: &'a [$raw]) -> Self {
                Self { rows: $crate::list::Rows { source, rows } }
            }

            /// How many there are.
            #[must_use]
            pub fn len(self) -> usize {
                self.rows.rows.len()
            }

            /// Whether there are none.
            #[must_use]
            pub fn is_empty(self) -> bool {
                self.rows.rows.is_empty()
            }

            /// The one at `index`, from 0, in the order of the message.
            #[inline]
            #[must_use]
            pub fn get(self, index: usize) -> Option<$item<'a>> {
                self.rows.get(index)
            }

            /// All of them, in the order of the message.
            #[must_use]
            pub fn iter(self) -> $crate::Iter<Self> {
                $crate::Iter::new(self)
            }
        }

        impl $crate::list::sealed::Sealed for $name<'_> {}

        impl<'a> $crate::List for $name<'a> {
            type Item = $item<'a>;

            fn len(self) -> usize {
                self.len()
            }

            #[inline]
            fn get(self, index: usize) -> Option<$item<'a>> {
                self.get(index)
            }
        }

        impl<'a> IntoIterator for $name<'a> {
            type Item = $item<'a>;
            type IntoIter = $crate::Iter<Self>;

            fn into_iter(self) -> $crate::Iter<Self> {
                self.iter()
            }
        }

        impl std::fmt::Debug for $name<'_> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_list().entries(*self).finish()
            }
        }

        #[cfg(feature = "serde")]
        impl serde::Serialize for $name<'_> {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_seq(*self)
            }
        }

        impl PartialEq for $name<'_> {
            fn eq(&self, other: &Self) -> bool {
                self.iter().eq(other.iter())
            }
        }

        impl Eq for $name<'_> {}
    };
}

pub(crate) use list;

pub(crate) mod sealed {
    pub trait Sealed {}
}

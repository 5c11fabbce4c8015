//! A book as a stream: one snapshot, then changes with versions.

use super::book::{Book, Depth, Leavers};

/// What a stream says when its window didn't change for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::exchange) enum Idle {
    /// An empty update under the version that was sent last.
    RepeatVersion,
    /// An empty update under the next version.
    AdvanceVersion,
}

/// How a stream of changes behaves.
#[derive(Clone, Copy, Debug)]
pub(in crate::exchange) struct Rules {
    /// Levels a side.
    pub(in crate::exchange) levels: usize,
    pub(in crate::exchange) leavers: Leavers,
    pub(in crate::exchange) idle: Idle,
    /// How long it says nothing while nothing changes, in milliseconds.
    pub(in crate::exchange) idle_ms: u64,
}

/// One topic's stream. All its subscribers share the versions: they count pushes, not changes of the book.
///
/// It follows the book only while somebody wants it. Who subscribes first, or asks for a snapshot, wakes it.
#[derive(Clone, Debug)]
pub(in crate::exchange) struct Increments {
    rules: Rules,
    version: u64,
    published: Option<Depth>,
    published_ms: u64,
}

/// One message of a stream.
#[derive(Clone, Debug)]
pub(in crate::exchange) struct Increment {
    pub(in crate::exchange) is_snapshot: bool,
    pub(in crate::exchange) version: u64,
    pub(in crate::exchange) depth: Depth,
    pub(in crate::exchange) time_ms: u64,
}

impl Increments {
    pub(super) fn new(rules: Rules, first_version: u64) -> Self {
        Self {
            rules,
            version: first_version,
            published: None,
            published_ms: 0,
        }
    }

    /// The window as it was last published, under its version: the next update follows it by one.
    pub(in crate::exchange) fn snapshot(&mut self, book: &Book, now_ms: u64) -> Increment {
        let published = self.published.get_or_insert_with(|| {
            self.published_ms = now_ms;
            book.depth(self.rules.levels)
        });
        Increment {
            is_snapshot: true,
            version: self.version,
            depth: published.clone(),
            time_ms: self.published_ms,
        }
    }

    /// What is to be said now, if anything.
    pub(in crate::exchange) fn advance(&mut self, book: &Book, now_ms: u64) -> Option<Increment> {
        let Some(published) = &mut self.published else {
            return Some(self.snapshot(book, now_ms));
        };
        let present = book.depth(self.rules.levels);
        let depth = published.changes_to(&present, self.rules.levels, self.rules.leavers);
        // A level is pushed out by another, which is said: nothing to say means that the window is as it was.
        let is_idle = depth.is_empty();
        if is_idle && now_ms < self.published_ms + self.rules.idle_ms {
            return None;
        }
        if !is_idle || self.rules.idle == Idle::AdvanceVersion {
            self.version += 1;
        }
        *published = present;
        self.published_ms = now_ms;
        Some(Increment {
            is_snapshot: false,
            version: self.version,
            depth,
            time_ms: now_ms,
        })
    }

    /// Nobody wants it any more: whoever comes next begins with a snapshot, under a later version.
    pub(in crate::exchange) fn sleep(&mut self) {
        if self.published.take().is_some() {
            self.version += 1;
        }
    }
}

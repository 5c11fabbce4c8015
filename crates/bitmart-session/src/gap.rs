use bitmart_proto::Topic;

use crate::Moment;
use crate::topics::{TopicStatus, Topics};

/// The topics whose gap is open. At most one set at a time: what is lost while it is open joins it.
#[derive(Debug, Default)]
pub(crate) struct Gap {
    is_open: bool,
    /// Where it begins: the earliest of its announcements, of those that know.
    since: Option<Moment>,
    open: Vec<Topic>,
    failed: Vec<Topic>,
}

/// A gap that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) since: Option<Moment>,
    pub(crate) topics: Vec<Topic>,
    pub(crate) failed: Vec<Topic>,
}

impl Gap {
    /// Adds topics that are lost since then; returns those that were not in it yet, for the announcement. One that is
    /// in it already may have been acknowledged meanwhile, and lost again: then the gap has a beginning, if it had
    /// none.
    pub(crate) fn open<'a>(
        &mut self,
        since: Option<Moment>,
        topics: impl Iterator<Item = &'a Topic>,
    ) -> Vec<Topic> {
        let mut topics = topics.peekable();
        if topics.peek().is_some() {
            self.is_open = true;
            self.since = self.since.or(since);
        }
        let added: Vec<Topic> = topics
            .filter(|topic| !self.open.contains(topic))
            .cloned()
            .collect();
        self.open.extend(added.iter().cloned());
        added
    }

    /// The topic failed for good: its gap has no end, and the others need not wait for it.
    pub(crate) fn fail(&mut self, topic: &Topic) {
        if self.remove(topic) {
            self.failed.push(topic.clone());
        }
    }

    /// The topic is no longer wanted.
    pub(crate) fn remove(&mut self, topic: &Topic) -> bool {
        let before = self.open.len();
        self.open.retain(|open| open != topic);
        self.open.len() < before
    }

    /// Takes the gap if nothing stands in the way of closing it.
    pub(crate) fn close(&mut self, topics: &Topics) -> Option<Ended> {
        let is_complete = self
            .open
            .iter()
            .all(|topic| topics.status(topic) == Some(TopicStatus::Active));
        if !is_complete || !self.is_open {
            return None;
        }
        self.is_open = false;
        // One that failed and was then asked for again has had a beginning of its own.
        self.failed.retain(|topic| topics.status(topic).is_none());
        Some(Ended {
            since: self.since.take(),
            topics: std::mem::take(&mut self.open),
            failed: std::mem::take(&mut self.failed),
        })
    }
}

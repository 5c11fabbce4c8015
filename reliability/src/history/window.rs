use std::collections::VecDeque;

/// Counts what happened in the last so many nanoseconds.
#[derive(Debug, Default)]
pub(super) struct Window {
    at: VecDeque<u64>,
}

impl Window {
    /// Counts one more; returns whether the window holds at most `most`.
    pub(super) fn admit(&mut self, at: u64, most: usize, window: u64) -> bool {
        while self.at.front().is_some_and(|first| first + window <= at) {
            self.at.pop_front();
        }
        self.at.push_back(at);
        self.at.len() <= most
    }
}

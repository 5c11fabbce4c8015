//! Faults: armed, taken back, and what they do to connections and requests.

use super::{Connection, Hub};
use crate::counters::EndpointStats;
use crate::fault::{Board, BoardFull, Fault, FaultId, GarbageMessage, Immediate, Subject};
use crate::protocol::{Interference, LoginVerdict, Words};
use crate::server::outbox::{Abort, Outgoing};
use crate::venue::Endpoint;

impl Hub {
    /// Arms a fault; an immediate one hits what is open.
    pub(crate) fn inject(&self, fault: Fault) -> Result<FaultId, BoardFull> {
        let mut state = self.state();
        let state = &mut *state;
        tracing::debug!(?fault, "fault injected");
        let id = state.board.arm(fault)?;
        let mut is_hit = false;
        for connection in state.connections.values_mut() {
            if connection.is_refused {
                continue;
            }
            let holds = |topic: &str| connection.session.has_topic(topic);
            let subject = Subject {
                endpoint: connection.endpoint,
                ordinal: connection.ordinal,
                has_topic: &holds,
            };
            if let Some(immediate) = state.board.immediate(id, subject)
                && connection.suffer(id, immediate)
            {
                is_hit = true;
                self.stats.of(connection.endpoint).faults.add(1);
            }
        }
        if is_hit {
            state.board.used(id);
        }
        Ok(id)
    }

    /// Takes back what is left of a fault, and what it still does to connections. False if there never was such a
    /// fault.
    pub(crate) fn clear(&self, id: FaultId) -> bool {
        let mut state = self.state();
        state.board.disarm(id);
        for connection in state.connections.values_mut() {
            connection.recover(|fault| fault == id);
        }
        state.board.has_named(id)
    }

    pub(crate) fn clear_all(&self) {
        let mut state = self.state();
        state.board.disarm_all();
        for connection in state.connections.values_mut() {
            connection.recover(|_| true);
        }
    }
}

impl Connection {
    /// Does to the connection what a fault wants. False if it can't feel it: it is about to end, or is silent and
    /// would have to speak.
    pub(super) fn suffer(&mut self, id: FaultId, immediate: &Immediate) -> bool {
        let is_speech = !matches!(
            immediate,
            Immediate::Reset | Immediate::Cut | Immediate::Silence | Immediate::Lag(_)
        );
        if self.outbox.is_ending() || is_speech && self.outbox.is_silent() {
            return false;
        }
        match immediate {
            Immediate::Close { code, reason } => {
                self.outbox.push(Outgoing::close(*code, reason));
            }
            Immediate::Reset => self.outbox.abort(Abort::Reset),
            Immediate::Cut => self.outbox.abort(Abort::Cut),
            Immediate::Silence => {
                self.silenced_by.insert(id);
                self.outbox.set_silent(true);
            }
            Immediate::Lag(range) => {
                self.lagged_by.insert(id, *range);
                self.outbox.set_lag(Some(*range));
            }
            Immediate::SendText(text) => {
                self.outbox.push(Outgoing::Text(text.clone()));
            }
            Immediate::SendBinary(bytes) => {
                self.outbox.push(Outgoing::Binary(bytes.clone()));
            }
            Immediate::SendGarbage(garbage) => {
                self.outbox.push(match garbage.message() {
                    GarbageMessage::Text(text) => Outgoing::Text(text),
                    GarbageMessage::Binary(bytes) => Outgoing::Binary(bytes),
                });
            }
            Immediate::SendRaw(bytes) => {
                self.outbox.push(Outgoing::Raw(bytes.clone()));
            }
            Immediate::Tear(bytes) => {
                self.outbox.push(Outgoing::Last(bytes.clone()));
            }
        }
        true
    }

    fn recover(&mut self, from: impl Fn(FaultId) -> bool) {
        if !self.silenced_by.is_empty() {
            self.silenced_by.retain(|id| !from(*id));
            self.outbox.set_silent(!self.silenced_by.is_empty());
        }
        if !self.lagged_by.is_empty() {
            self.lagged_by.retain(|id, _| !from(*id));
            self.outbox
                .set_lag(self.lagged_by.last_key_value().map(|(_, range)| *range));
        }
    }
}

/// The faults that meet one request of one connection.
pub(super) struct RequestFaults<'a> {
    pub(super) board: &'a mut Board,
    pub(super) stats: &'a EndpointStats,
    pub(super) endpoint: Endpoint,
    pub(super) ordinal: u64,
}

impl RequestFaults<'_> {
    /// Asks the board on behalf of some topics, or of none.
    fn take<T>(
        &mut self,
        topics: &[&str],
        take: impl FnOnce(&mut Board, Subject<'_>) -> Option<T>,
    ) -> Option<T> {
        let subject = Subject {
            endpoint: self.endpoint,
            ordinal: self.ordinal,
            has_topic: &|topic| topics.contains(&topic),
        };
        let taken = take(self.board, subject);
        self.stats.faults.add(u64::from(taken.is_some()));
        taken
    }
}

impl Interference for RequestFaults<'_> {
    fn on_login(&mut self) -> LoginVerdict {
        self.take(&[], Board::take_login).unwrap_or(LoginVerdict::Check)
    }

    fn on_request(&mut self, topics: &[&str]) -> Option<Words> {
        self.take(topics, Board::take_request)
    }

    fn on_topic(&mut self, topic: &str) -> Option<Words> {
        self.take(&[topic], Board::take_topic)
    }
}

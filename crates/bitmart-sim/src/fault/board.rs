use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use bytes::Bytes;

use super::{Fault, FaultId, Kind};
use crate::protocol::{LoginVerdict, Words};
use crate::venue::{Endpoint, Venue};

/// Faults that may wait at once; beyond it the oldest is forgotten. Tests inject a handful.
const MAX_ARMED: usize = 1_024;

/// What an immediate fault does to a connection.
#[derive(Clone, Debug)]
pub(crate) enum Immediate {
    Close {
        code: u16,
        reason: String,
    },
    Reset,
    Cut,
    Silence,
    /// The least and most that what is sent is late by.
    Lag((Duration, Duration)),
    /// Text that need not be UTF-8.
    SendText(Bytes),
    SendBinary(Bytes),
    /// Bytes without a frame.
    SendRaw(Bytes),
    /// As [`SendRaw`](Self::SendRaw), and then the stream ends.
    Tear(Bytes),
}

/// What becomes of a connection before its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AcceptFault {
    Reset,
    Stall,
}

/// What becomes of an upgrade.
#[derive(Clone, Debug)]
pub(crate) enum UpgradeFault {
    Refuse {
        status: u16,
        /// Header lines, each with its end.
        extra_lines: String,
    },
    /// These bytes in place of the answer, then the end.
    Answer(Bytes),
    Stall,
    WrongAccept,
    AddHeader {
        name: String,
        value: String,
    },
}

impl UpgradeFault {
    /// Whether no connection opens.
    pub(crate) fn is_refusal(&self) -> bool {
        match self {
            Self::Refuse { .. } | Self::Answer(_) | Self::Stall => true,
            Self::WrongAccept | Self::AddHeader { .. } => false,
        }
    }
}

/// What becomes of a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PushFault {
    Skip,
    Repeat,
    /// It comes behind the next one of its topic.
    Swap,
}

/// What a fault might hit.
#[derive(Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub(crate) endpoint: Endpoint,
    pub(crate) ordinal: u64,
    /// Whether the subject is about a topic: an acknowledgement names one, a connection holds some.
    pub(crate) has_topic: &'a dyn Fn(&str) -> bool,
}

impl fmt::Debug for Subject<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject")
            .field("endpoint", &self.endpoint)
            .field("ordinal", &self.ordinal)
            .finish_non_exhaustive()
    }
}

/// The faults that are armed, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Board {
    armed: BTreeMap<FaultId, Fault>,
    next_id: u64,
}

impl Board {
    /// Arms a fault. An immediate one is also handed back, to be tried on what is open.
    pub(crate) fn arm(&mut self, fault: Fault) -> FaultId {
        let id = FaultId(self.next_id);
        self.next_id += 1;
        if self.armed.len() >= MAX_ARMED {
            self.armed.pop_first();
        }
        if fault.hits_left != Some(0) {
            self.armed.insert(id, fault);
        }
        id
    }

    pub(crate) fn disarm(&mut self, id: FaultId) {
        self.armed.remove(&id);
    }

    /// Whether the id was ever given to a fault.
    pub(crate) fn has_named(&self, id: FaultId) -> bool {
        id.0 < self.next_id
    }

    pub(crate) fn disarm_all(&mut self) {
        self.armed.clear();
    }

    /// What an armed immediate fault would do to this connection now; [`Self::used`] says that it did.
    pub(crate) fn immediate(&self, id: FaultId, subject: Subject<'_>) -> Option<Immediate> {
        let fault = self.armed.get(&id)?;
        match &fault.kind {
            Kind::Immediate(immediate) if fault.scope.matches(&subject) => Some(immediate.clone()),
            _ => None,
        }
    }

    /// Counts one hit.
    pub(crate) fn used(&mut self, id: FaultId) {
        let Some(fault) = self.armed.get_mut(&id) else {
            return;
        };
        if let Some(left) = &mut fault.hits_left {
            *left = left.saturating_sub(1);
            if *left == 0 {
                self.armed.remove(&id);
            }
        }
    }

    /// The immediate faults that hit a connection as it opens.
    pub(crate) fn take_on_open(&mut self, subject: Subject<'_>) -> Vec<(FaultId, Immediate)> {
        self.take_immediate(subject, |fault| fault.scope.topic.is_none())
    }

    /// The immediate faults that hit a connection as it comes to hold a topic.
    pub(crate) fn take_on_topic(&mut self, subject: Subject<'_>) -> Vec<(FaultId, Immediate)> {
        self.take_immediate(subject, |fault| fault.scope.topic.is_some())
    }

    fn take_immediate(
        &mut self,
        subject: Subject<'_>,
        filter: impl Fn(&Fault) -> bool,
    ) -> Vec<(FaultId, Immediate)> {
        let ids: Vec<FaultId> = self
            .armed
            .iter()
            .filter(|(_, fault)| filter(fault))
            .map(|(id, _)| *id)
            .collect();
        let mut hits = Vec::new();
        for id in ids {
            if let Some(immediate) = self.immediate(id, subject) {
                self.used(id);
                hits.push((id, immediate));
            }
        }
        hits
    }

    pub(crate) fn take_upgrade(&mut self, subject: Subject<'_>) -> Option<UpgradeFault> {
        self.take(subject, |kind| match kind {
            Kind::Upgrade(upgrade) => Some(upgrade.clone()),
            _ => None,
        })
    }

    pub(crate) fn take_login(&mut self, subject: Subject<'_>) -> Option<LoginVerdict> {
        self.take(subject, |kind| match kind {
            Kind::RejectLogin(words) => Some(LoginVerdict::Refuse(words.clone())),
            Kind::IgnoreLogin => Some(LoginVerdict::Ignore),
            _ => None,
        })
    }

    pub(crate) fn take_request(&mut self, subject: Subject<'_>) -> Option<Words> {
        self.take(subject, |kind| match kind {
            Kind::RefuseRequest(words) => Some(words.clone()),
            _ => None,
        })
    }

    pub(crate) fn take_topic(&mut self, subject: Subject<'_>) -> Option<Words> {
        self.take(subject, |kind| match kind {
            Kind::RefuseTopic(words) => Some(words.clone()),
            _ => None,
        })
    }

    pub(crate) fn take_push(&mut self, subject: Subject<'_>) -> Option<PushFault> {
        self.take(subject, |kind| match kind {
            Kind::Push(push) => Some(*push),
            _ => None,
        })
    }

    /// Of a connection without a byte, all that is known is its venue.
    pub(crate) fn take_accept(&mut self, venue: Venue) -> Option<AcceptFault> {
        let (id, accept) = self.armed.iter().find_map(|(id, fault)| match fault.kind {
            Kind::Accept(accept) if fault.scope.matches_venue(venue) => Some((*id, accept)),
            _ => None,
        })?;
        self.used(id);
        Some(accept)
    }

    pub(crate) fn take_ack(&mut self, subject: Subject<'_>) -> bool {
        self.take(subject, |kind| matches!(kind, Kind::DropAcks).then_some(()))
            .is_some()
    }

    pub(crate) fn take_delay(&mut self, subject: Subject<'_>) -> Option<Duration> {
        self.take(subject, |kind| match kind {
            Kind::DelayReplies(delay) => Some(*delay),
            _ => None,
        })
    }

    /// Uses the oldest armed fault that `pick` takes and the subject matches.
    fn take<T>(&mut self, subject: Subject<'_>, pick: impl Fn(&Kind) -> Option<T>) -> Option<T> {
        let (id, picked) = self.armed.iter().find_map(|(id, fault)| {
            let picked = pick(&fault.kind)?;
            fault.scope.matches(&subject).then_some((*id, picked))
        })?;
        self.used(id);
        Some(picked)
    }
}

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use bytes::Bytes;

use super::{Fault, FaultId, Garbage, Kind};
use crate::protocol::{LoginVerdict, Words};
use crate::venue::{Endpoint, Venue};

/// Faults that may wait at once. Tests inject a handful.
pub(crate) const MAX_ARMED: usize = 1_024;
/// Bytes that those may hold: a few of the largest messages that a client takes.
pub(crate) const MAX_ARMED_BYTES: usize = 32 << 20;

/// So much waits already that one more fault doesn't fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BoardFull {
    /// The id that the fault would have had: it names none that is armed.
    pub(crate) id: FaultId,
}

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
    /// Made when it is sent: a description waits in place of megabytes.
    SendGarbage(Garbage),
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
    /// What the armed ones hold.
    bytes: usize,
    next_id: u64,
}

impl Board {
    /// Arms a fault; an immediate one is then tried on what is open.
    pub(crate) fn arm(&mut self, fault: Fault) -> Result<FaultId, BoardFull> {
        let id = FaultId(self.next_id);
        self.next_id += 1;
        if fault.hits_left == Some(0) {
            return Ok(id);
        }
        let bytes = self.bytes + fault.bytes();
        if self.armed.len() >= MAX_ARMED || bytes > MAX_ARMED_BYTES {
            return Err(BoardFull { id });
        }
        self.bytes = bytes;
        self.armed.insert(id, fault);
        Ok(id)
    }

    pub(crate) fn disarm(&mut self, id: FaultId) {
        if let Some(fault) = self.armed.remove(&id) {
            self.bytes -= fault.bytes();
        }
    }

    /// Whether the id was ever given to a fault.
    pub(crate) fn has_named(&self, id: FaultId) -> bool {
        id.0 < self.next_id
    }

    pub(crate) fn disarm_all(&mut self) {
        self.armed.clear();
        self.bytes = 0;
    }

    /// What an armed immediate fault would do to this connection now; [`Self::used`] says that it did.
    pub(crate) fn immediate(&self, id: FaultId, subject: Subject<'_>) -> Option<&Immediate> {
        let fault = self.armed.get(&id)?;
        match &fault.kind {
            Kind::Immediate(immediate) if fault.scope.matches(&subject) => Some(immediate),
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
                self.disarm(id);
            }
        }
    }

    /// The immediate faults that hit a connection as it opens: all of them, in turn. `hit` says whether one was
    /// felt; how many were.
    pub(crate) fn take_on_open(
        &mut self,
        subject: Subject<'_>,
        hit: impl FnMut(FaultId, &Immediate) -> bool,
    ) -> u64 {
        self.take_immediate(subject, |fault| fault.scope.topic.is_none(), hit)
    }

    /// As [`take_on_open`](Self::take_on_open), for a connection that comes to hold a topic.
    pub(crate) fn take_on_topic(
        &mut self,
        subject: Subject<'_>,
        hit: impl FnMut(FaultId, &Immediate) -> bool,
    ) -> u64 {
        self.take_immediate(subject, |fault| fault.scope.topic.is_some(), hit)
    }

    fn take_immediate(
        &mut self,
        subject: Subject<'_>,
        filter: impl Fn(&Fault) -> bool,
        mut hit: impl FnMut(FaultId, &Immediate) -> bool,
    ) -> u64 {
        let ids: Vec<FaultId> = self
            .armed
            .iter()
            .filter(|(_, fault)| filter(fault))
            .map(|(id, _)| *id)
            .collect();
        let mut hits = 0;
        for id in ids {
            if self
                .immediate(id, subject)
                .is_some_and(|immediate| hit(id, immediate))
            {
                self.used(id);
                hits += 1;
            }
        }
        hits
    }

    /// The fault that keeps an upgrade from opening a connection.
    pub(crate) fn take_upgrade_refusal(&mut self, subject: Subject<'_>) -> Option<UpgradeFault> {
        self.take(subject, |kind| match kind {
            Kind::Upgrade(upgrade) if upgrade.is_refusal() => Some(upgrade.clone()),
            _ => None,
        })
    }

    /// The faults that spoil the answer to an upgrade: they add up. A second wrong accept would change nothing.
    pub(crate) fn take_upgrade_blemishes(&mut self, subject: Subject<'_>) -> Vec<UpgradeFault> {
        let mut hits = Vec::new();
        let mut blemishes = Vec::new();
        let mut is_accept_wrong = false;
        for (id, fault) in &self.armed {
            let Kind::Upgrade(upgrade) = &fault.kind else {
                continue;
            };
            if upgrade.is_refusal() || !fault.scope.matches(&subject) {
                continue;
            }
            if matches!(upgrade, UpgradeFault::WrongAccept) && std::mem::replace(&mut is_accept_wrong, true) {
                continue;
            }
            hits.push(*id);
            blemishes.push(upgrade.clone());
        }
        for id in hits {
            self.used(id);
        }
        blemishes
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

    /// While one push `is_held` back, the next goes before it: swapped as it is, it leaves other swaps alone.
    pub(crate) fn take_push(&mut self, subject: Subject<'_>, is_held: bool) -> Option<PushFault> {
        self.take(subject, |kind| match kind {
            Kind::Push(PushFault::Swap) if is_held => None,
            Kind::Push(push) => Some(*push),
            _ => None,
        })
    }

    /// Of a connection without a byte, all that is known is its venue.
    pub(crate) fn take_accept(&mut self, venue: Venue) -> Option<AcceptFault> {
        self.take_first(|fault| match fault.kind {
            Kind::Accept(accept) if fault.scope.matches_venue(venue) => Some(accept),
            _ => None,
        })
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

    /// Uses the first of the armed faults that `pick` takes and the subject matches.
    fn take<T>(&mut self, subject: Subject<'_>, pick: impl Fn(&Kind) -> Option<T>) -> Option<T> {
        self.take_first(|fault| {
            let picked = pick(&fault.kind)?;
            fault.scope.matches(&subject).then_some(picked)
        })
    }

    /// Uses the oldest fault with hits left that `pick` takes; without one, the newest that lasts. So none that lasts
    /// keeps another from its turn.
    fn take_first<T>(&mut self, pick: impl Fn(&Fault) -> Option<T>) -> Option<T> {
        let mut lasting = None;
        for (id, fault) in &self.armed {
            let Some(picked) = pick(fault) else { continue };
            if fault.hits_left.is_some() {
                let id = *id;
                self.used(id);
                return Some(picked);
            }
            lasting = Some(picked);
        }
        lasting
    }
}

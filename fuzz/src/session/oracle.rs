//! What the events of a session have to keep to, whatever was done to it.

use std::collections::BTreeSet;

use bitmart_proto::{ErrorClass, Operation, Reply, Side, Topic};
use bitmart_session::{Cause, Epoch, Event, Session, Status};

/// Reads events, and knows of the inputs what may justify them.
pub(super) struct Oracle {
    side: Side,
    /// Whether each event is seen before the next call: then commands and events can be put in order.
    sees_at_once: bool,
    // Inputs and messages.
    login_sent: BTreeSet<Epoch>,
    login_accepted: BTreeSet<Epoch>,
    /// Acknowledgements: of a topic as the exchange wrote it, or of something that it didn't name.
    acknowledged: Vec<(Epoch, Option<String>)>,
    // Events.
    open: Option<Epoch>,
    last: Epoch,
    authenticated: BTreeSet<Epoch>,
    /// Topics subscribed on this socket.
    subscribed: BTreeSet<Topic>,
    /// Those of them that still are, and are wanted.
    active: BTreeSet<Topic>,
    lost: BTreeSet<Topic>,
    in_gap: BTreeSet<Topic>,
}

impl Oracle {
    pub(super) fn new(side: Side, sees_at_once: bool) -> Self {
        Self {
            side,
            sees_at_once,
            login_sent: BTreeSet::new(),
            login_accepted: BTreeSet::new(),
            acknowledged: Vec::new(),
            open: None,
            last: Epoch(0),
            authenticated: BTreeSet::new(),
            subscribed: BTreeSet::new(),
            active: BTreeSet::new(),
            lost: BTreeSet::new(),
            in_gap: BTreeSet::new(),
        }
    }

    /// A login goes out: the only one on its socket.
    pub(super) fn login_sent(&mut self, epoch: Epoch) {
        assert_eq!(self.side, Side::Private);
        assert!(self.login_sent.insert(epoch), "a second login in epoch {epoch}");
    }

    /// The exchange says something.
    pub(super) fn reply(&mut self, session: &Session, reply: &Reply<'_>) {
        let epoch = session.epoch();
        let named = reply.topic.as_deref().map(str::to_owned);
        match (&reply.outcome, reply.operation) {
            (Ok(()), Some(Operation::Login))
                if session.status() == Status::LoggingIn && self.login_sent.contains(&epoch) =>
            {
                self.login_accepted.insert(epoch);
            }
            (Ok(()), Some(Operation::Subscribe)) if named.is_some() => self.acknowledged.push((epoch, named)),
            (Err(refusal), _) if refusal.class() == ErrorClass::AlreadySubscribed => {
                self.acknowledged.push((epoch, named));
            }
            _ => {}
        }
    }

    /// The user no longer wants a topic.
    pub(super) fn unsubscribe(&mut self, topic: &Topic) {
        self.active.remove(topic);
        self.in_gap.remove(topic);
    }

    pub(super) fn observe(&mut self, event: &Event, now: u64) {
        match event {
            Event::Opened { epoch } | Event::Reconnected { epoch, .. } => {
                assert_eq!((self.open, epoch.0), (None, self.last.0 + 1));
                assert_eq!(matches!(event, Event::Opened { .. }), epoch.0 == 1);
                (self.open, self.last) = (Some(*epoch), *epoch);
                self.subscribed.clear();
            }
            Event::Authenticated { epoch } => {
                assert_eq!((self.open, self.side), (Some(*epoch), Side::Private));
                assert!(
                    self.login_accepted.contains(epoch),
                    "no login was accepted in {epoch}"
                );
                assert!(
                    self.authenticated.insert(*epoch),
                    "authenticated twice in {epoch}"
                );
            }
            Event::Subscribed { epoch, topic } => {
                assert_eq!(self.open, Some(*epoch));
                assert!(
                    self.side == Side::Public || self.authenticated.contains(epoch),
                    "{topic} before the login"
                );
                assert!(self.is_acknowledged(*epoch, topic), "nobody acknowledged {topic}");
                self.subscribed.insert(topic.clone());
                self.active.insert(topic.clone());
            }
            Event::Ready { epoch } => {
                assert_eq!(self.open, Some(*epoch));
                assert!(self.side == Side::Public || self.authenticated.contains(epoch));
            }
            Event::SubscribeFailed { epoch, topic, .. } => {
                assert_eq!(self.open, Some(*epoch));
                self.ends(topic);
            }
            Event::Unsubscribed { topic } => self.ends(topic),
            Event::GapOpened(gap) => {
                assert!(gap.since.is_none_or(|since| since.ns <= now));
                for topic in &gap.topics {
                    let is_new = self.in_gap.insert(topic.clone());
                    assert!(is_new || !self.sees_at_once, "{topic} is in the gap already");
                }
            }
            Event::GapClosed(gap) => {
                assert!(gap.until.ns <= now, "a gap ends in the future");
                for topic in &gap.topics {
                    assert!(
                        self.subscribed.contains(topic),
                        "the gap of {topic} ends, and nobody acknowledged it in this epoch"
                    );
                    self.in_gap.remove(topic);
                }
            }
            Event::Closed { epoch, cause } => {
                assert_eq!(self.open.take(), Some(*epoch));
                // Whoever closes knows that nothing comes any more.
                if *cause == Cause::Shutdown {
                    self.active.clear();
                }
                self.lost.append(&mut self.active);
            }
            _ => {}
        }
    }

    /// All that was to be said at this point in time has been said: whatever was lost is in a gap.
    pub(super) fn settled(&mut self) {
        let silently: Vec<&Topic> = self.lost.difference(&self.in_gap).collect();
        assert!(silently.is_empty(), "lost in silence: {silently:?}");
        self.lost.clear();
    }

    fn ends(&mut self, topic: &Topic) {
        self.active.remove(topic);
        self.in_gap.remove(topic);
        self.lost.remove(topic);
    }

    fn is_acknowledged(&self, epoch: Epoch, topic: &Topic) -> bool {
        self.acknowledged.iter().any(|(in_epoch, named)| {
            *in_epoch == epoch && named.as_ref().is_none_or(|text| topic.is_named_by(text))
        })
    }
}

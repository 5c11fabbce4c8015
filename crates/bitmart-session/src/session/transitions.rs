//! What the inputs have in common: how a session gets from one state to another, and what it says of it.

use bitmart_proto::{ErrorClass, Operation, Refusal, Reply, Topic};
use zeroize::Zeroize;

use super::{Session, State, TOO_OFTEN_PAUSE};
use crate::backoff::DEGRADED_AFTER;
use crate::login::Verdict;
use crate::time::MILLISECOND;
use crate::topics::Settled;
use crate::{Cause, Event, GapCause, GapClosed, GapKind, GapOpened, Order, SubscribeFailure};

impl Session {
    pub(super) fn is_open(&self) -> bool {
        !matches!(self.state, State::Idle | State::Connecting | State::Terminated)
    }

    pub(super) fn emit(&mut self, event: Event) {
        self.events.push_back(event);
    }

    pub(super) fn handle_left(&mut self, text: Option<&str>) {
        if let Some(topic) = self.topics.left(text) {
            self.emit(Event::Unsubscribed { topic });
        }
    }

    pub(super) fn handle_login_refused(&mut self, now: u64, refusal: Refusal<'static>) {
        let cause = Cause::LoginRefused(refusal.clone());
        match self.clock.judge(&refusal, self.dialect) {
            Verdict::Rejected => self.lose(now, cause, Some(Event::AuthRejected { refusal })),
            Verdict::Skewed { skew_ms } => self.lose(now, cause, Some(Event::ClockSkew { skew_ms, refusal })),
            Verdict::Retry => {
                self.emit(Event::LoginDeferred { refusal });
                self.lose_politely(now, cause);
            }
        }
    }

    /// A refusal on a connection that is logged in where it has to be.
    pub(super) fn handle_refusal(&mut self, now: u64, reply: &Reply<'_>, refusal: Refusal<'static>) {
        let topic = reply.topic.as_deref();
        let is_unsubscribe = reply.operation == Some(Operation::Unsubscribe);
        match refusal.class() {
            // The exchange's trouble is not the topic's fault: the deadline asks again.
            ErrorClass::Server | ErrorClass::AlreadyLoggedIn => self.topics.excuse(topic),
            ErrorClass::NotSubscribed => self.handle_left(topic),
            ErrorClass::Auth if self.key.is_some() => {
                self.lose(
                    now,
                    Cause::LoginRefused(refusal.clone()),
                    Some(Event::AuthRejected { refusal }),
                );
            }
            ErrorClass::LoginNeeded if self.key.is_some() => self.lose_politely(now, Cause::Refused(refusal)),
            ErrorClass::Limit if matches!(refusal.code, Some(code) if code.0 == 90007) => {
                self.pace.pause(now.saturating_add(TOO_OFTEN_PAUSE));
                self.topics.ask_again();
            }
            ErrorClass::Limit if refusal.is_about_the_connection() => {
                self.lose_politely(now, Cause::Refused(refusal));
            }
            _ if is_unsubscribe => self.handle_left(topic),
            class => {
                let settled = match topic {
                    Some(topic) if class == ErrorClass::AlreadySubscribed => self.topics.acknowledged(topic),
                    Some(topic) => self.topics.refused(topic, refusal),
                    None if self.dialect.refusals_name_topics() => Settled::default(),
                    None => self.topics.refused_anonymously(refusal),
                };
                self.announce(settled);
            }
        }
    }

    pub(super) fn announce(&mut self, settled: Settled) {
        let epoch = self.epoch;
        for topic in settled.subscribed {
            self.emit(Event::Subscribed { epoch, topic });
        }
        for (topic, refusal) in settled.failed {
            self.fail(topic, SubscribeFailure::Refused(refusal));
        }
    }

    pub(super) fn fail(&mut self, topic: Topic, reason: SubscribeFailure) {
        self.gap.fail(&topic);
        self.emit(Event::SubscribeFailed {
            epoch: self.epoch,
            topic,
            reason,
        });
    }

    /// Closes the gap and becomes ready if nothing stands in the way any more.
    pub(super) fn advance(&mut self, now: u64) {
        if let Some(ended) = self.gap.close(&self.topics) {
            let until = self.anchor.at(now);
            self.emit(Event::GapClosed(GapClosed::new(
                GapKind::Connection,
                ended.since,
                until,
                ended.topics,
                ended.failed,
            )));
        }
        if self.state == State::Subscribing && self.topics.are_all_active() {
            self.state = State::Ready { since: now };
            self.attempt = 0;
            self.emit(Event::Ready { epoch: self.epoch });
        }
    }

    pub(super) fn lose_politely(&mut self, now: u64, cause: Cause) {
        self.orders.push_back(Order::Close { polite: true });
        self.lose(now, cause, None);
    }

    /// The open socket is lost: announces what that means and, unless `terminal` says why not, orders another.
    pub(super) fn lose(&mut self, now: u64, cause: Cause, terminal: Option<Event>) {
        let ready_for = match self.state {
            State::Ready { since } => Some(now.saturating_sub(since)),
            _ => None,
        };
        let since = self.liveness.last_frame().map(|at| self.anchor.at(at));
        let lost = self.gap.open(since, self.topics.active());
        let left = self.topics.start_over();
        self.login.zeroize();
        self.emit(Event::Closed {
            epoch: self.epoch,
            cause: cause.clone(),
        });
        if !lost.is_empty() {
            self.emit(Event::GapOpened(GapOpened::new(
                since,
                GapCause::Disconnected(cause.clone()),
                lost,
            )));
        }
        for topic in left {
            self.emit(Event::Unsubscribed { topic });
        }
        if let Some(event) = terminal {
            self.emit(event);
            self.terminate(true);
            return;
        }
        self.attempt += 1;
        self.retry(now, &cause, ready_for);
    }

    pub(super) fn retry(&mut self, now: u64, cause: &Cause, ready_for: Option<u64>) {
        self.state = State::Connecting;
        let attempt = self.attempt;
        if attempt == DEGRADED_AFTER + 1 {
            self.emit(Event::Degraded {
                attempts: DEGRADED_AFTER,
                cause: cause.clone(),
            });
        }
        let delay = self.backoff.delay(cause, ready_for, attempt);
        self.emit(Event::Reconnecting {
            attempt,
            delay_ms: delay / MILLISECOND,
        });
        self.orders.push_back(Order::Connect {
            not_before: now.saturating_add(delay),
        });
    }

    pub(super) fn terminate(&mut self, polite: bool) {
        self.state = State::Terminated;
        self.login.zeroize();
        self.orders.clear();
        self.orders.push_back(Order::Close { polite });
    }
}

//! What goes out: the ticks and scripted steps of the exchanges, and who hears what they say.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bitmart_proto::{Environment, Market};
use bytes::Bytes;
use tokio::time::timeout;

use super::{Connection, Hub, State};
use crate::deflate::deflate;
use crate::exchange::{Audience, Exchange, Push, ScriptError};
use crate::fault::{Board, PushFault, Subject};
use crate::protocol::About;
use crate::server::observer::PushRecord;
use crate::server::outbox::{Outbox, Outgoing};
use crate::venue::{Endpoint, Venue};

/// How long a step by hand waits for clients to take what it sent.
const FLUSH_DEADLINE: Duration = Duration::from_millis(100);

/// When spot messages are sent as binary frames of raw DEFLATE. Futures never compresses.
///
/// The exchange's documentation says that only data after a subscription is compressed; older clients always got
/// binary frames; the captures of 2026 hold none. A pong is plain text in every case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Compress {
    /// Text frames only.
    #[default]
    Never,
    /// Pushes are compressed; answers to logins and subscribes are text.
    AfterSubscribe,
    /// Everything but pongs is compressed.
    Always,
}

impl Hub {
    /// Runs one tick of every exchange and delivers what it yields.
    pub(crate) fn step(&self) {
        let mut state = self.state();
        let State {
            live,
            demo,
            connections,
            ..
        } = &mut *state;
        let wanted: BTreeSet<(Venue, &str)> = connections
            .values()
            .flat_map(|it| it.session.topics().map(|topic| (it.endpoint.venue, topic)))
            .collect();
        let always: BTreeSet<(Market, &str)> = self
            .observer
            .always
            .iter()
            .map(|(market, topic)| (*market, topic.as_str()))
            .collect();
        let is_wanted = |environment, market, topic: &str| {
            wanted.contains(&(Venue::new(environment, market), topic)) || always.contains(&(market, topic))
        };
        let live = live.step_for(|market, topic| is_wanted(Environment::Live, market, topic));
        let demo = demo.step_for(|market, topic| is_wanted(Environment::Demo, market, topic));
        self.deliver(&mut state, Environment::Live, live);
        self.deliver(&mut state, Environment::Demo, demo);
    }

    /// Runs one tick, then waits until the clients' sockets have taken what came of it, or too long.
    pub(crate) async fn step_and_flush(&self) {
        self.step();
        // A client that doesn't read is its own outbox's concern.
        let _ = timeout(FLUSH_DEADLINE, self.flushed()).await;
    }

    /// Runs a scripted step on one environment's exchange and delivers the pushes that it yields.
    pub(crate) fn script<T>(
        &self,
        environment: Environment,
        step: impl FnOnce(&mut Exchange) -> Result<(T, Vec<Push>), ScriptError>,
    ) -> Result<T, ScriptError> {
        let mut state = self.state();
        let exchange = match environment {
            Environment::Live => &mut state.live,
            Environment::Demo => &mut state.demo,
        };
        let (value, pushes) = step(exchange)?;
        self.deliver(&mut state, environment, pushes);
        Ok(value)
    }

    /// Looks at one environment's exchange.
    pub(crate) fn inspect<T>(&self, environment: Environment, look: impl FnOnce(&Exchange) -> T) -> T {
        let state = self.state();
        look(match environment {
            Environment::Live => &state.live,
            Environment::Demo => &state.demo,
        })
    }

    fn deliver(&self, state: &mut State, environment: Environment, pushes: Vec<Push>) {
        for push in pushes {
            state.pushes += 1;
            self.observer.tell(&PushRecord {
                number: state.pushes,
                environment,
                market: push.market,
                account: match push.audience {
                    Audience::Everyone => None,
                    Audience::Account(account) => Some(account),
                },
                is_for_one: false,
                topic: &push.topic,
                payload: &push.payload,
            });
            let venue = Venue::new(environment, push.market);
            let is_binary = push.market == Market::Spot && self.compress != Compress::Never;
            // Made for the first who wants it, shared by the others.
            let mut message: Option<Outgoing> = None;
            for connection in state.connections.values_mut() {
                let is_meant = connection.endpoint.venue == venue
                    && match push.audience {
                        Audience::Everyone => true,
                        Audience::Account(account) => connection.session.account() == Some(account),
                    }
                    && connection.session.has_topic(&push.topic);
                if is_meant {
                    self.push(connection, &mut state.board, &push.topic, || {
                        let encode = || encoded(is_binary, &push.payload);
                        message.get_or_insert_with(encode).clone()
                    });
                }
            }
        }
    }

    /// Queues a push of a topic for a connection that can hear it, as a fault has it.
    pub(super) fn push(
        &self,
        connection: &mut Connection,
        board: &mut Board,
        topic: &str,
        message: impl FnOnce() -> Outgoing,
    ) {
        if !connection.outbox.is_open() {
            return;
        }
        let subject = Subject {
            endpoint: connection.endpoint,
            ordinal: connection.ordinal,
            has_topic: &|other| other == topic,
        };
        let fault = board.take_push(subject, connection.held_back.contains_key(topic));
        let stats = self.stats.of(connection.endpoint);
        stats.faults.add(u64::from(fault.is_some()));
        connection.push(topic, message(), fault);
    }

    /// Waits until everything that is due has been written.
    async fn flushed(&self) {
        let outboxes: Vec<Arc<Outbox>> = self
            .state()
            .connections
            .values()
            .map(|connection| connection.outbox.clone())
            .collect();
        for outbox in outboxes {
            outbox.flushed().await;
        }
    }

    pub(super) fn encode(&self, endpoint: Endpoint, about: &About, text: &str) -> Outgoing {
        let is_binary = endpoint.venue.market() == Market::Spot
            && match (self.compress, about) {
                (Compress::Never, _) | (_, About::Pong) => false,
                (Compress::Always, _) => true,
                (Compress::AfterSubscribe, about) => matches!(about, About::FirstPush(_)),
            };
        encoded(is_binary, text)
    }
}

fn encoded(is_binary: bool, text: &str) -> Outgoing {
    if is_binary {
        Outgoing::Binary(deflate([text.as_bytes()]))
    } else {
        Outgoing::Text(Bytes::copy_from_slice(text.as_bytes()))
    }
}

impl Connection {
    /// Queues a push of a topic, as a fault has it.
    fn push(&mut self, topic: &str, message: Outgoing, fault: Option<PushFault>) {
        match fault {
            Some(PushFault::Skip) => return,
            Some(PushFault::Swap) => {
                self.held_back.insert(topic.to_owned(), message);
                return;
            }
            Some(PushFault::Repeat) => {
                self.outbox.push(message.clone());
            }
            None => {}
        }
        self.outbox.push(message);
        if let Some(earlier) = self.held_back.remove(topic) {
            self.outbox.push(earlier);
        }
    }
}

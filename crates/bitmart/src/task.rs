use std::borrow::Cow;
use std::sync::Arc;

use bitmart_auth::redact_in;
use bitmart_proto::Topic;
use bitmart_session::{Cause, ConnectionId, Epoch, Moment, Status, TopicStatus};
use bitmart_ws::{Clock, Connection, Incoming};
use bytes::Bytes;
use tokio::sync::{mpsc, watch};

use crate::Lifecycle;
use crate::client::Shared;
use crate::event::{EventKind, MAX_SAMPLE_BYTES, Update};
use crate::outcome::{Failure, Outcome};
use crate::queue::{Overflow, Queue, Room, Times};
use crate::routing::Stop;

/// After how many messages the counters that the client shows are brought up to date.
const COUNTERS_EVERY: u32 = 64;

/// What a client asks of a connection's task.
pub(crate) enum Command {
    Subscribe {
        topics: Vec<Topic>,
        answers: mpsc::Sender<(Topic, Outcome)>,
    },
    Unsubscribe {
        topics: Vec<Topic>,
        answers: mpsc::Sender<(Topic, Outcome)>,
    },
    AwaitReady {
        id: ConnectionId,
        answers: mpsc::Sender<(ConnectionId, Outcome)>,
    },
}

/// Polls one connection for as long as it lives and carries what it lends to the consumer's queue.
pub(crate) struct Task {
    /// First, so that it speaks before those who wait are let go; and here, so that it speaks also for a task that was
    /// never polled.
    guard: Guard,
    connection: Connection,
    overflow: Overflow,
    /// What the queue had room for when it was last looked at.
    room: Room,
    outbox: Outbox,
}

/// What the task does with what the connection lends; apart from it, so that the two can be borrowed together.
struct Outbox {
    queue: Arc<Queue>,
    shared: Arc<Shared>,
    clock: Arc<dyn Clock>,
    /// The API key, for taking it out of what the exchange says; empty without one.
    key: Box<str>,
    waiters: Vec<Waiter>,
    /// The connection's topics, for what an overflow hits.
    topics: Vec<Topic>,
    anchor: Moment,
    epoch: Epoch,
    failure: Option<Failure>,
    messages: u32,
}

/// A call that waits for an answer of the exchange. Its channel has room for every answer it waits for.
enum Waiter {
    Subscribe(Topic, mpsc::Sender<(Topic, Outcome)>),
    Unsubscribe(Topic, mpsc::Sender<(Topic, Outcome)>),
    Ready(ConnectionId, mpsc::Sender<(ConnectionId, Outcome)>),
}

impl Task {
    pub(crate) fn new(
        connection: Connection,
        overflow: Overflow,
        queue: Arc<Queue>,
        shared: Arc<Shared>,
        clock: Arc<dyn Clock>,
        key: Box<str>,
    ) -> Self {
        let outbox = Outbox {
            queue,
            shared,
            clock,
            key,
            waiters: Vec::new(),
            topics: Vec::new(),
            anchor: Moment { ns: 0, unix_ms: 0 },
            epoch: Epoch(0),
            failure: None,
            messages: 0,
        };
        let guard = Guard {
            queue: outbox.queue.clone(),
            shared: outbox.shared.clone(),
            has_ended: false,
        };
        Self {
            guard,
            connection,
            overflow,
            room: Room::Free,
            outbox,
        }
    }

    pub(crate) async fn run(mut self, mut inbox: mpsc::Receiver<Command>, mut stop: watch::Receiver<Stop>) {
        let id = self.connection.id();
        // A task is started for a command: what that asks for goes into the first subscription.
        let (mut has_clients, mut is_stopping) = (true, false);
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| stop.means(id)) => {}
            command = inbox.recv() => match command {
                Some(command) => self.handle_command(command),
                None => has_clients = false,
            },
        }
        loop {
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| stop.means(id)), if !is_stopping => {
                    is_stopping = true;
                    self.connection.close();
                    self.outbox.finish();
                }
                command = inbox.recv(), if has_clients => match command {
                    Some(command) => self.handle_command(command),
                    None => has_clients = false,
                },
                () = self.outbox.queue.await_room(), if self.room != Room::Free && !is_stopping => self.go_on(),
                incoming = self.connection.next(), if self.room != Room::None || is_stopping => match incoming {
                    Some(Incoming::Event(event)) => {
                        let session = self.connection.session();
                        self.outbox.note(&event, |topic| session.topic_status(topic));
                        self.outbox.push_lifecycle(event);
                        self.refresh();
                        self.look_for_room();
                    }
                    Some(incoming) => {
                        let Taken { has_room, is_news } = self.outbox.take(incoming);
                        if is_news {
                            self.refresh();
                        }
                        if is_news || !has_room {
                            self.look_for_room();
                        }
                    }
                    None => break,
                },
            }
        }
        self.refresh();
        self.outbox.finish();
        self.guard.has_ended = true;
    }

    fn handle_command(&mut self, command: Command) {
        self.outbox.waiters.retain(|waiter| !waiter.is_gone());
        match command {
            Command::Subscribe { topics, answers } => {
                for topic in topics {
                    self.outbox.shared.lock().topics.insert(topic.clone());
                    if self.connection.session().topic_status(&topic) == Some(TopicStatus::Active) {
                        let _ = answers.try_send((topic, Outcome::Done));
                        continue;
                    }
                    match self.connection.subscribe(topic.clone()) {
                        Ok(()) => self
                            .outbox
                            .waiters
                            .push(Waiter::Subscribe(topic, answers.clone())),
                        Err(error) => {
                            self.outbox.shared.lock().topics.remove(&topic);
                            let failure = self.outbox.failure.clone().unwrap_or(Failure::NotTaken(error));
                            let _ = answers.try_send((topic, Outcome::Failed(failure)));
                        }
                    }
                }
            }
            Command::Unsubscribe { topics, answers } => {
                for topic in topics {
                    self.outbox.shared.lock().topics.remove(&topic);
                    self.outbox
                        .resolve_subscribe(&topic, &Outcome::Failed(Failure::Withdrawn));
                    if self.connection.unsubscribe(&topic) {
                        self.outbox
                            .waiters
                            .push(Waiter::Unsubscribe(topic, answers.clone()));
                    } else {
                        let _ = answers.try_send((topic, Outcome::Done));
                    }
                }
            }
            Command::AwaitReady { id, answers } => match self.connection.session().status() {
                Status::Ready => drop(answers.try_send((id, Outcome::Done))),
                _ => self.outbox.waiters.push(Waiter::Ready(id, answers)),
            },
        }
        self.refresh();
    }

    /// Stops reading, or cuts the connection, if the consumer is too far behind.
    fn look_for_room(&mut self) {
        let before = self.room;
        self.room = match self.outbox.queue.room() {
            // A place or two are not enough to go on: that is `go_on`'s to do, which also wakes the connection.
            Room::Free => before,
            room => room,
        };
        if before != Room::EventsOnly && self.room == Room::EventsOnly {
            self.connection.pause();
            if self.overflow == Overflow::Disconnect {
                self.connection.cut();
            }
        }
    }

    /// The consumer has caught up.
    fn go_on(&mut self) {
        self.room = Room::Free;
        self.connection.resume();
    }

    /// Brings what the client sees up to date.
    fn refresh(&mut self) {
        let session = self.connection.session();
        self.outbox.epoch = session.epoch();
        self.outbox.anchor = session.moment(self.outbox.clock.now_ns());
        self.outbox.topics.clear();
        self.outbox.topics.extend(session.topics().cloned());
        let mut state = self.outbox.shared.lock();
        state.status = session.status();
        state.epoch = session.epoch();
        state.counters = self.connection.counters();
    }
}

/// What became of a message.
struct Taken {
    /// The queue has room for another.
    has_room: bool,
    /// What the client sees is out of date.
    is_news: bool,
}

impl Outbox {
    /// Carries a message to the queue.
    fn take(&mut self, incoming: Incoming<'_>) -> Taken {
        let has_room = match incoming {
            Incoming::Push(push) => {
                let update = || EventKind::Update(Update::new(push.text, push.received_ns));
                let hit = || {
                    self.topics
                        .iter()
                        .filter(|topic| push.update.concerns(topic))
                        .cloned()
                };
                let has_room = self.queue.push_message(
                    Times {
                        read_ns: push.received_ns,
                        came_ns: Some(push.arrived_ns),
                    },
                    self.anchor,
                    self.epoch,
                    push.text.len(),
                    update,
                    hit,
                );
                self.messages += 1;
                return Taken {
                    has_room,
                    is_news: self.messages.is_multiple_of(COUNTERS_EVERY),
                };
            }
            // For the record: what it means has been seen to, so that no topic misses anything without it.
            Incoming::Response(reply) => {
                self.queue.push_response(self.epoch, EventKind::Response(reply));
                true
            }
            Incoming::Unknown(text) => self.push_oddity(text.len(), || {
                EventKind::Unknown(redact_in(text, &self.key).into_owned())
            }),
            Incoming::Undecodable(message) => {
                let bytes = message.bytes.len().min(MAX_SAMPLE_BYTES);
                self.push_oddity(bytes, || EventKind::Undecodable {
                    error: message.error.clone(),
                    sample: sample(message.bytes, &self.key),
                })
            }
            _ => true,
        };
        Taken {
            has_room,
            is_news: true,
        }
    }

    /// A message that belongs to no topic, and so might belong to any.
    fn push_oddity(&self, bytes: usize, kind: impl FnOnce() -> EventKind) -> bool {
        let every = || self.topics.iter().cloned();
        let times = Times {
            read_ns: self.clock.now_ns(),
            came_ns: None,
        };
        self.queue
            .push_message(times, self.anchor, self.epoch, bytes, kind, every)
    }

    fn push_lifecycle(&mut self, event: Lifecycle) {
        self.queue.push_event(self.epoch, EventKind::Lifecycle(event));
    }

    /// Answers the calls that wait for this event. `status` says where a topic stands now: an event that is older than
    /// a call must not answer it.
    fn note(&mut self, event: &Lifecycle, status: impl Fn(&Topic) -> Option<TopicStatus>) {
        match event {
            Lifecycle::Opened { epoch } | Lifecycle::Reconnected { epoch, .. } => self.epoch = *epoch,
            Lifecycle::Subscribed { topic, .. } if status(topic) == Some(TopicStatus::Active) => {
                self.resolve_subscribe(topic, &Outcome::Done);
            }
            Lifecycle::SubscribeFailed { topic, reason, .. } if status(topic).is_none() => {
                self.shared.lock().topics.remove(topic);
                self.resolve_subscribe(topic, &Outcome::Failed(Failure::Topic(reason.clone())));
            }
            Lifecycle::Unsubscribed { topic } => self.resolve(|waiter| match waiter {
                Waiter::Unsubscribe(waiting, _) if waiting == topic => Some(Outcome::Done),
                _ => None,
            }),
            Lifecycle::Ready { .. } => {
                self.shared.lock().last_error = None;
                self.resolve(|waiter| matches!(waiter, Waiter::Ready(..)).then_some(Outcome::Done));
            }
            Lifecycle::Closed {
                cause: Cause::Shutdown,
                ..
            } => {}
            Lifecycle::Closed { .. } | Lifecycle::ConnectFailed { .. } | Lifecycle::Paused => {
                self.shared.lock().last_error = Some(event.clone());
            }
            Lifecycle::HeldBack { .. } => {
                // What led to it says more.
                self.shared.lock().last_error.get_or_insert_with(|| event.clone());
            }
            Lifecycle::Resumed => {
                let mut state = self.shared.lock();
                state
                    .last_error
                    .take_if(|error| matches!(error, Lifecycle::Paused));
            }
            Lifecycle::AuthRejected { refusal } => self.fail(Failure::AuthRejected(refusal.clone())),
            Lifecycle::ClockSkew { skew_ms, refusal } => self.fail(Failure::ClockSkew {
                skew_ms: *skew_ms,
                refusal: refusal.clone(),
            }),
            Lifecycle::SignerRefused { error } => self.fail(Failure::SignerRefused(error.clone())),
            _ => {}
        }
    }

    fn resolve_subscribe(&mut self, topic: &Topic, outcome: &Outcome) {
        self.resolve(|waiter| match waiter {
            Waiter::Subscribe(waiting, _) if waiting == topic => Some(outcome.clone()),
            _ => None,
        });
    }

    /// Answers and removes the waiters for which there is an outcome.
    fn resolve(&mut self, outcome: impl Fn(&Waiter) -> Option<Outcome>) {
        self.waiters.retain(|waiter| match outcome(waiter) {
            Some(outcome) => {
                waiter.answer(outcome);
                false
            }
            None => true,
        });
    }

    /// The connection is over, and so is every call that waits for it.
    fn fail(&mut self, failure: Failure) {
        self.shared.lock().failure = Some(failure.clone());
        self.resolve(|_| Some(Outcome::Failed(failure.clone())));
        self.failure = Some(failure);
    }

    fn finish(&mut self) {
        if self.failure.is_none() {
            self.fail(Failure::Closed);
        }
    }
}

impl Waiter {
    fn answer(&self, outcome: Outcome) {
        // A full channel is impossible, and a closed one means that nobody waits any more.
        match self {
            Self::Subscribe(topic, answers) | Self::Unsubscribe(topic, answers) => {
                let _ = answers.try_send((topic.clone(), outcome));
            }
            Self::Ready(id, answers) => drop(answers.try_send((*id, outcome))),
        }
    }

    fn is_gone(&self) -> bool {
        match self {
            Self::Subscribe(_, answers) | Self::Unsubscribe(_, answers) => answers.is_closed(),
            Self::Ready(_, answers) => answers.is_closed(),
        }
    }
}

/// The beginning of a message. What may not be shown is taken out of the whole before it is cut: half a signature
/// would not be known for one.
fn sample(message: &[u8], key: &str) -> Bytes {
    let text = String::from_utf8_lossy(message);
    let shown = match redact_in(&text, key) {
        Cow::Borrowed(_) => Cow::Borrowed(message),
        Cow::Owned(redacted) => Cow::Owned(redacted.into_bytes()),
    };
    Bytes::copy_from_slice(&shown[..shown.len().min(MAX_SAMPLE_BYTES)])
}

/// Ends the queue with the task, also when that panics.
struct Guard {
    queue: Arc<Queue>,
    shared: Arc<Shared>,
    has_ended: bool,
}

impl Drop for Guard {
    fn drop(&mut self) {
        if !self.has_ended {
            {
                let mut state = self.shared.lock();
                state.status = Status::Terminated;
                // Without a panic, the runtime was shut down under it.
                let is_panicking = std::thread::panicking();
                state.failure = Some(if is_panicking {
                    Failure::TaskFailed
                } else {
                    Failure::Closed
                });
            }
            if std::thread::panicking() {
                // Not logged: the panic has been told already, and a subscriber that panics now would end the process.
                let epoch = self.shared.lock().epoch;
                self.queue.push_event(epoch, EventKind::TaskFailed);
            }
        }
        self.queue.finish();
        self.shared.ended.send_replace(true);
    }
}

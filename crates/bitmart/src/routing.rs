//! Which connection a topic goes to, and how a request gets there.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bitmart_auth::SharedSigner;
use bitmart_proto::limits::MAX_TOPICS_PER_CONNECTION;
use bitmart_proto::{Market, Side, Topic};
use bitmart_session::ConnectionId;
use bitmart_ws::{Connection, ConnectionConfig};
use tokio::sync::mpsc::Permit;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, watch};

use crate::builder::Settings;
use crate::client::{ConnectionState, Shared};
use crate::events::Hub;
use crate::outcome::{ClientError, Outcome};
use crate::queue::Queue;
use crate::task::{Command, Task};

/// Commands that may wait for a connection's task. Each is one call of a method; more than that is an error.
const COMMAND_SLOTS: usize = 64;

pub(crate) struct Inner {
    pub(crate) settings: Settings,
    pub(crate) hub: Arc<Hub>,
    pub(crate) routes: Mutex<Routes>,
    /// Ends tasks.
    pub(crate) stop: Arc<watch::Sender<Stop>>,
}

/// Which connections are to end.
#[derive(Debug, Default)]
pub(crate) struct Stop {
    /// All: the client was closed, or its events were dropped.
    pub(crate) all: bool,
    /// These: they were closed one by one.
    pub(crate) connections: Vec<ConnectionId>,
}

impl Stop {
    /// Whether a connection is to end.
    pub(crate) fn means(&self, id: ConnectionId) -> bool {
        self.all || self.connections.contains(&id)
    }
}

#[derive(Default)]
pub(crate) struct Routes {
    pub(crate) connections: Vec<Handle>,
    /// Tasks that were told to end, and may not have.
    pub(crate) ending: Vec<(ConnectionId, Arc<Shared>)>,
    /// Connections opened ever, by market and side: what was said of a closed one is not to be taken for another's.
    pub(crate) opened: BTreeMap<(Market, Side), u16>,
}

pub(crate) struct Handle {
    pub(crate) id: ConnectionId,
    pub(crate) commands: mpsc::Sender<Command>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) queue: Arc<Queue>,
}

/// A connection's part of a request.
pub(crate) struct Routed {
    pub(crate) at: usize,
    pub(crate) shared: Arc<Shared>,
    pub(crate) topics: Vec<Topic>,
}

impl Inner {
    pub(crate) fn lock(&self) -> Result<MutexGuard<'_, Routes>, ClientError> {
        let routes = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        if self.stop.borrow().all {
            return Err(ClientError::Closed);
        }
        Ok(routes)
    }

    /// Runs a future against a deadline, on whatever thread it is polled.
    pub(crate) async fn within<T>(&self, deadline: Duration, future: impl Future<Output = T>) -> Option<T> {
        let sleep = {
            let _context = self.settings.runtime.enter();
            tokio::time::sleep(deadline)
        };
        tokio::select! {
            biased;
            output = future => Some(output),
            () = sleep => None,
        }
    }

    /// Sends each topic to its connection: the one that has it, the first with a place for it, or another.
    pub(crate) fn send_subscribe(
        &self,
        topics: &[Topic],
        answers: &mpsc::Sender<(Topic, Outcome)>,
    ) -> Result<Vec<Routed>, ClientError> {
        let mut routes = self.lock()?;
        let mut routed: Vec<Routed> = Vec::new();
        for topic in topics {
            let (market, side) = (topic.market(), topic.side());
            let belongs = |handle: &Handle| (handle.id.market, handle.id.side) == (market, side);
            let holds = |handle: &Handle| handle.shared.lock().topics.contains(topic);
            let has_place = |at: usize, handle: &Handle| {
                let added = routed
                    .iter()
                    .find(|part| part.at == at)
                    .map_or(0, |part| part.topics.len());
                handle.shared.lock().topics.len() + added < MAX_TOPICS_PER_CONNECTION
            };
            let candidates = || {
                routes
                    .connections
                    .iter()
                    .enumerate()
                    .filter(|(_, handle)| belongs(handle))
            };
            let found = candidates()
                .find(|(_, handle)| holds(handle))
                .or_else(|| candidates().find(|(at, handle)| has_place(*at, handle)))
                .map(|(at, _)| at);
            let at = match found {
                Some(at) => at,
                None => self.open(&mut routes, market, side),
            };
            Self::add(&mut routed, &routes, at, topic);
        }
        let permits = Self::reserve(&routes, &routed)?;
        // Before the task gets to see them: it takes out what is refused.
        for (permit, part) in permits.iter().zip(&routed) {
            if permit.is_some() {
                part.shared.lock().topics.extend(part.topics.iter().cloned());
            }
        }
        Self::send(permits, &routed, |topics| Command::Subscribe {
            topics,
            answers: answers.clone(),
        });
        Ok(routed)
    }

    /// Sends each topic to the connection that holds it.
    pub(crate) fn send_unsubscribe(
        &self,
        topics: &[Topic],
        answers: &mpsc::Sender<(Topic, Outcome)>,
    ) -> Result<Vec<Routed>, ClientError> {
        let routes = self.lock()?;
        let mut routed = Vec::new();
        for topic in topics {
            let holder = routes
                .connections
                .iter()
                .position(|handle| handle.shared.lock().topics.contains(topic));
            // Nobody's topic is as it was asked to be.
            match holder {
                Some(at) => Self::add(&mut routed, &routes, at, topic),
                None => drop(answers.try_send((topic.clone(), Outcome::Done))),
            }
        }
        let permits = Self::reserve(&routes, &routed)?;
        for (_, part) in permits.iter().zip(&routed).filter(|(permit, _)| permit.is_none()) {
            // Nobody is left to take them out.
            part.shared
                .lock()
                .topics
                .retain(|topic| !part.topics.contains(topic));
        }
        Self::send(permits, &routed, |topics| Command::Unsubscribe {
            topics,
            answers: answers.clone(),
        });
        Ok(routed)
    }

    fn add(routed: &mut Vec<Routed>, routes: &Routes, at: usize, topic: &Topic) {
        match routed.iter_mut().find(|part| part.at == at) {
            Some(part) => part.topics.push(topic.clone()),
            None => routed.push(Routed {
                at,
                shared: routes.connections[at].shared.clone(),
                topics: vec![topic.clone()],
            }),
        }
    }

    /// Takes a place at every connection that has a part, or at none. Waits for nothing, so that a call that is
    /// dropped has either been made or not. Without a permit the task has ended: what became of the connection is
    /// told instead of an answer.
    fn reserve<'a>(
        routes: &'a Routes,
        routed: &[Routed],
    ) -> Result<Vec<Option<Permit<'a, Command>>>, ClientError> {
        let place = |part: &Routed| match routes.connections[part.at].commands.try_reserve() {
            Ok(permit) => Ok(Some(permit)),
            Err(TrySendError::Full(())) => Err(ClientError::Busy),
            Err(TrySendError::Closed(())) => Ok(None),
        };
        routed.iter().map(place).collect()
    }

    fn send(
        permits: Vec<Option<Permit<'_, Command>>>,
        routed: &[Routed],
        command: impl Fn(Vec<Topic>) -> Command,
    ) {
        for (permit, part) in permits.into_iter().zip(routed) {
            if let Some(permit) = permit {
                permit.send(command(part.topics.clone()));
            }
        }
    }

    pub(crate) fn first(&self, routes: &mut Routes, market: Market, side: Side) -> usize {
        let belongs = |handle: &Handle| (handle.id.market, handle.id.side) == (market, side);
        match routes.connections.iter().position(belongs) {
            Some(at) => at,
            None => self.open(routes, market, side),
        }
    }

    /// Starts another connection's task.
    fn open(&self, routes: &mut Routes, market: Market, side: Side) -> usize {
        let opened = routes.opened.entry((market, side)).or_default();
        let index = *opened;
        *opened = opened.wrapping_add(1);
        let settings = &self.settings;
        let endpoint = settings.endpoints.iter().find(|(key, _)| *key == (market, side));
        let (_, endpoint) = endpoint.expect("the builder has made all four");
        let mut config = ConnectionConfig::new(endpoint.clone());
        config.session = settings.session.clone();
        config.connect = settings.connect.clone();
        config.budget = settings.budget.clone();
        config.clock = settings.clock.clone();
        // Connections with the same jitter would come back in step.
        config.seed = settings
            .seed
            .map(|seed| seed.wrapping_add(routes.connections.len() as u64));
        let connection = match (side, &settings.signer) {
            (Side::Private, Some(signer)) => Connection::private_at(market, index, signer.clone(), config),
            _ => Connection::public_at(market, index, config),
        };
        let id = connection.id();
        let (commands, inbox) = mpsc::channel(COMMAND_SLOTS);
        let queue = Queue::new(id, settings.queue, settings.overflow, self.hub.waker.clone());
        let queue = Arc::new(queue);
        let shared = Arc::new(Shared {
            state: Mutex::new(ConnectionState::new(id)),
            ended: watch::Sender::new(false),
        });
        self.hub.add(queue.clone());
        let key = settings.signer.as_ref().map_or("", SharedSigner::key).into();
        let task = Task::new(
            connection,
            settings.overflow,
            queue.clone(),
            shared.clone(),
            settings.clock.clone(),
            key,
        );
        settings.runtime.spawn(task.run(inbox, self.stop.subscribe()));
        routes.connections.push(Handle {
            id,
            commands,
            shared,
            queue,
        });
        routes.connections.len() - 1
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // Without a handle no connection can be added: the events end with the last one there is.
        self.hub.complete();
    }
}

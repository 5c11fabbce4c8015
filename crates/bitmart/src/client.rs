use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bitmart_proto::{Market, Side, Topic, TopicError};
use bitmart_session::{ConnectionId, Epoch, Status};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, watch};

use crate::Lifecycle;
use crate::builder::{ClientBuilder, Settings};
use crate::events::{Events, Hub};
use crate::outcome::{ClientError, Connected, Failure, Outcome, Outcomes};
use crate::routing::{Inner, Routed, Stop};
use crate::task::Command;

/// How long [`Client::close`] waits for the good-byes: the transport gives each a second.
const CLOSE_DEADLINE: Duration = Duration::from_millis(1_500);

/// A client of the exchange: topics in, events out.
///
/// ```no_run
/// use bitmart::{Client, Credentials};
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (client, mut events) = Client::builder().credentials(Credentials::from_env()?).build()?;
/// let outcomes = client.subscribe(["spot/user/order:BTC_USDT", "futures/position"]).await?;
/// for (topic, outcome) in outcomes.not_done() {
///     eprintln!("{topic}: {outcome}");
/// }
/// while let Some(event) = events.next().await {
///     println!("{event:?}");
/// }
/// # Ok(())
/// # }
/// ```
///
/// It opens a connection for each market and side that a topic needs, logs in where needed, and keeps all of it up:
/// heartbeats, reconnects, logins and subscriptions happen by themselves, and whatever may have been missed is
/// announced in [`Events`]. When a connection carries as many topics as the exchange allows, another is opened.
///
/// Cloning one is a reference count; all clones are the same client. When the last is dropped the connections live
/// on for as long as [`Events`] does.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

/// What a connection's task lets the client see.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) state: Mutex<ConnectionState>,
    /// Whether the task has ended.
    pub(crate) ended: watch::Sender<bool>,
}

impl Shared {
    pub(crate) fn lock(&self) -> MutexGuard<'_, ConnectionState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the task has ended. Cancel safe.
    async fn end(&self) {
        // The sender lives as long as we do.
        let _ = self.ended.subscribe().wait_for(|has_ended| *has_ended).await;
    }

    /// What to say of a request that the task has not answered: it is late, or the task has ended.
    fn outcome_without_answer(&self, is_late: bool) -> Outcome {
        let state = self.lock();
        match &state.failure {
            Some(failure) => Outcome::Failed(failure.clone()),
            None if is_late => Outcome::Pending {
                last_error: state.last_error.clone(),
            },
            None => Outcome::Failed(Failure::Closed),
        }
    }
}

/// Where one of a client's connections stands.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionState {
    /// Which connection.
    pub id: ConnectionId,
    /// Where its session stands.
    pub status: Status,
    /// Its present socket, or the last.
    pub epoch: Epoch,
    /// Its topics, acknowledged or not.
    pub topics: BTreeSet<Topic>,
    /// The event that stood in the way last: [`Closed`](Lifecycle::Closed), [`ConnectFailed`](Lifecycle::ConnectFailed),
    /// [`HeldBack`](Lifecycle::HeldBack) or [`Paused`](Lifecycle::Paused). `None` while it is ready and read from.
    pub last_error: Option<Lifecycle>,
    /// Why it is over, if it is.
    pub failure: Option<Failure>,
    /// Messages discarded because the consumer was behind, each inside an announced gap.
    pub dropped: u64,
    /// What has come in, brought up to date with each lifecycle event and every 64 messages.
    pub counters: bitmart_ws::Counters,
}

impl Client {
    /// Starts putting a client together.
    #[must_use]
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }

    pub(crate) fn new(settings: Settings) -> (Self, Events) {
        let hub = Arc::new(Hub::default());
        let stop = Arc::new(watch::Sender::new(Stop::default()));
        let events = Events::new(hub.clone(), stop.clone());
        let inner = Inner {
            settings,
            hub,
            routes: Mutex::default(),
            stop,
        };
        (
            Self {
                inner: Arc::new(inner),
            },
            events,
        )
    }

    /// Subscribes to topics, of any market and side, now and after every reconnect.
    ///
    /// Topics are given as [`Topic`]s or as their texts. Resolves when the exchange has answered for each, or after
    /// the request deadline (30 s by default): a topic without an answer is still wanted then, and its outcome comes
    /// as an event. A topic that is subscribed to already is `Done` at once.
    ///
    /// # Errors
    ///
    /// [`ClientError`] if a text is no topic (all such texts are named), a topic is private and there are no
    /// credentials, too many calls are waiting, or the client was closed; then nothing was sent. What the exchange refuses is no error but an
    /// [`Outcome::Failed`] for that topic.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future only gives up waiting: what was asked holds.
    pub async fn subscribe<T>(&self, topics: impl IntoIterator<Item = T>) -> Result<Outcomes, ClientError>
    where
        T: TryInto<Topic, Error: Into<TopicError>>,
    {
        let topics = parse(topics)?;
        if self.inner.settings.signer.is_none()
            && let Some(topic) = topics.iter().find(|topic| topic.side() == Side::Private)
        {
            return Err(ClientError::NoCredentials {
                topic: Some(topic.clone()),
            });
        }
        let (answers, answered) = mpsc::channel(topics.len().max(1));
        let routed = self.inner.send_subscribe(&topics, &answers)?;
        drop(answers);
        Ok(self.collect(topics, routed, answered).await)
    }

    /// Ends the subscription to topics.
    ///
    /// Resolves when the exchange has acknowledged it for each, or after the request deadline. From the call on, no
    /// reconnect asks for them. A topic that is not subscribed to, or was refused, is `Done` at once.
    ///
    /// # Errors
    ///
    /// [`ClientError`] if a text is no topic, too many calls are waiting, or the client was closed; then nothing was
    /// sent.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future only gives up waiting: what was asked holds.
    pub async fn unsubscribe<T>(&self, topics: impl IntoIterator<Item = T>) -> Result<Outcomes, ClientError>
    where
        T: TryInto<Topic, Error: Into<TopicError>>,
    {
        let topics = parse(topics)?;
        let (answers, answered) = mpsc::channel(topics.len().max(1));
        let routed = self.inner.send_unsubscribe(&topics, &answers)?;
        drop(answers);
        let outcomes = self.collect(topics, routed, answered).await;
        // A connection that is over holds nothing: its topics are as they were asked to be.
        Ok(outcomes.map(|outcome| match outcome {
            Outcome::Failed(_) => Outcome::Done,
            other => other,
        }))
    }

    /// Opens the first connection of each market and side, so that a later subscription need not wait for it.
    ///
    /// Without credentials it leaves the private ones out and says so. Resolves when each is ready or has failed, or
    /// after the request deadline.
    ///
    /// # Errors
    ///
    /// [`ClientError::Closed`] if the client was closed, [`ClientError::Busy`] if too many calls are waiting.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future only gives up waiting: the connections are opened all the same.
    pub async fn connect_all(&self) -> Result<Connected, ClientError> {
        let without_private = self.inner.settings.signer.is_none();
        let wanted: Vec<(Market, Side)> = Market::ALL
            .into_iter()
            .flat_map(|market| Side::ALL.map(|side| (market, side)))
            .filter(|(_, side)| *side == Side::Public || !without_private)
            .collect();
        Ok(Connected {
            connections: self.connect_each(&wanted).await?,
            without_private,
        })
    }

    /// Opens the first connection of one market and side, so that a later subscription need not wait for it.
    ///
    /// Resolves when it is ready or has failed, or after the request deadline. One that is ready already is so at
    /// once.
    ///
    /// # Errors
    ///
    /// [`ClientError::NoCredentials`] for a private one without credentials; else as
    /// [`connect_all`](Self::connect_all).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future only gives up waiting: the connection is opened all the same.
    pub async fn connect(&self, market: Market, side: Side) -> Result<(ConnectionId, Outcome), ClientError> {
        if side == Side::Private && self.inner.settings.signer.is_none() {
            return Err(ClientError::NoCredentials { topic: None });
        }
        let mut connected = self.connect_each(&[(market, side)]).await?;
        Ok(connected.pop().expect("one was asked for"))
    }

    async fn connect_each(
        &self,
        wanted: &[(Market, Side)],
    ) -> Result<Vec<(ConnectionId, Outcome)>, ClientError> {
        let mut waiting = Vec::new();
        let (answers, mut answered) = mpsc::channel(wanted.len());
        {
            let mut routes = self.inner.lock()?;
            for (market, side) in wanted {
                let at = self.inner.first(&mut routes, *market, *side);
                let handle = &routes.connections[at];
                let command = Command::AwaitReady {
                    id: handle.id,
                    answers: answers.clone(),
                };
                if let Err(TrySendError::Full(_)) = handle.commands.try_send(command) {
                    return Err(ClientError::Busy);
                }
                waiting.push((handle.id, handle.shared.clone()));
            }
        }
        drop(answers);
        let mut connections = Vec::with_capacity(waiting.len());
        let all_answered = async {
            while let Some(answer) = answered.recv().await {
                connections.push(answer);
            }
        };
        let is_late = self
            .inner
            .within(self.inner.settings.request_deadline, all_answered)
            .await
            .is_none();
        for (id, shared) in waiting {
            if !connections.iter().any(|(answered, _)| *answered == id) {
                connections.push((id, shared.outcome_without_answer(is_late)));
            }
        }
        connections.sort_by_key(|(id, _)| *id);
        Ok(connections)
    }

    /// Where each connection stands.
    #[must_use]
    pub fn states(&self) -> Vec<ConnectionState> {
        let routes = self.inner.routes.lock().unwrap_or_else(PoisonError::into_inner);
        routes
            .connections
            .iter()
            .map(|handle| ConnectionState {
                dropped: handle.queue.dropped(),
                ..handle.shared.lock().clone()
            })
            .collect()
    }

    /// Closes one connection for good, with its topics. The last of its events is
    /// [`Closed`](crate::Lifecycle::Closed) if it had a socket; the others go on, and a topic that would have gone
    /// there opens another.
    ///
    /// Takes 1.5 s at most. Calls that wait for this connection resolve.
    ///
    /// ```no_run
    /// # async fn example(client: bitmart::Client) -> Result<(), bitmart::ClientError> {
    /// for state in client.states() {
    ///     if state.id.market == bitmart::Market::Spot {
    ///         client.close_connection(state.id).await?;
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ClientError::NoSuchConnection`] if there is none with this id, [`ClientError::Closed`] if the client was
    /// closed.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future only gives up waiting: the connection is closed all the same.
    pub async fn close_connection(&self, id: ConnectionId) -> Result<(), ClientError> {
        let shared = {
            let mut routes = self.inner.lock()?;
            let at = routes.connections.iter().position(|handle| handle.id == id);
            let handle = routes
                .connections
                .remove(at.ok_or(ClientError::NoSuchConnection { id })?);
            routes.ending.retain(|(_, shared)| !*shared.ended.borrow());
            routes.ending.push((id, handle.shared.clone()));
            let ending = routes.ending.iter().map(|(id, _)| *id).collect();
            self.inner.stop.send_modify(|stop| stop.connections = ending);
            handle.shared
        };
        self.inner.within(CLOSE_DEADLINE, shared.end()).await;
        Ok(())
    }

    /// Closes every connection for good, and with them the stream of events once it has been read to its end.
    ///
    /// Takes 1.5 s at most. Calls that wait for the exchange resolve at once.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future only gives up waiting: the connections are closed all the same.
    pub async fn close(&self) {
        // Under the lock, so that no connection is opened after it.
        let connections: Vec<Arc<Shared>> = {
            let routes = self.inner.routes.lock().unwrap_or_else(PoisonError::into_inner);
            self.inner.stop.send_modify(|stop| stop.all = true);
            let open = routes.connections.iter().map(|handle| &handle.shared);
            open.chain(routes.ending.iter().map(|(_, shared)| shared))
                .cloned()
                .collect()
        };
        self.inner.hub.complete();
        let all_ended = async {
            for shared in connections {
                shared.end().await;
            }
        };
        self.inner.within(CLOSE_DEADLINE, all_ended).await;
    }

    /// Collects the answers to a request until the deadline.
    async fn collect(
        &self,
        topics: Vec<Topic>,
        routed: Vec<Routed>,
        mut answered: mpsc::Receiver<(Topic, Outcome)>,
    ) -> Outcomes {
        let mut outcomes: Vec<(Topic, Outcome)> = Vec::with_capacity(topics.len());
        let all_answered = async {
            while let Some(answer) = answered.recv().await {
                outcomes.push(answer);
            }
        };
        let is_late = self
            .inner
            .within(self.inner.settings.request_deadline, all_answered)
            .await
            .is_none();
        let in_order = topics.into_iter().map(|topic| {
            if let Some(at) = outcomes.iter().position(|(answered, _)| *answered == topic) {
                return outcomes.swap_remove(at);
            }
            let part = routed.iter().find(|part| part.topics.contains(&topic));
            let outcome = part.map_or(Outcome::Failed(Failure::Closed), |part| {
                part.shared.outcome_without_answer(is_late)
            });
            (topic, outcome)
        });
        Outcomes::new(in_order.collect())
    }
}

impl ConnectionState {
    pub(crate) fn new(id: ConnectionId) -> Self {
        Self {
            id,
            status: Status::Idle,
            epoch: Epoch(0),
            topics: BTreeSet::new(),
            last_error: None,
            failure: None,
            dropped: 0,
            counters: bitmart_ws::Counters::default(),
        }
    }
}

/// Reads topics, each once; every text that is none is named in the error.
fn parse<T>(topics: impl IntoIterator<Item = T>) -> Result<Vec<Topic>, ClientError>
where
    T: TryInto<Topic, Error: Into<TopicError>>,
{
    let mut parsed: Vec<Topic> = Vec::new();
    let mut errors = Vec::new();
    for topic in topics {
        match topic.try_into() {
            Ok(topic) if parsed.contains(&topic) => {}
            Ok(topic) => parsed.push(topic),
            Err(error) => errors.push(error.into()),
        }
    }
    if errors.is_empty() {
        Ok(parsed)
    } else {
        Err(ClientError::Topics(errors))
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("connections", &self.states())
            .finish_non_exhaustive()
    }
}

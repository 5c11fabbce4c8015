//! The user of a client: what it does, and what it sees.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use bitmart::session::Config;
use bitmart::ws::TokioClock;
use bitmart::ws::connect::Deadlines;
use bitmart::{
    Cause, Client, ClientBuilder, ConnectErrorKind, ConnectionId, Credentials, Event, EventKind, Events,
    Lifecycle, Market, QueueLimits, Side,
};
use bitmart_session::TlsFault;
use bitmart_sim::{EXAMPLE_KEY, EXAMPLE_MEMO, EXAMPLE_SECRET};
use tokio::sync::Notify;
use tokio::task::spawn_local;
use tokio::time::sleep;

use super::certificates::{Certificates, EXCHANGE_NAME};
use super::exchange::{START_MS, port};
use super::journal::{Journal, now};
use super::schedule::{Action, Schedule, Transport};
use super::tap::{Dialer, Names, Streams};

/// How long a retry waits at least after a certificate that proves nothing, in milliseconds: haste would not help.
const SLOW_RETRY_MS: u64 = 60_000;

/// Characters of the key that may be shown.
const SHOWN_KEY_CHARS: usize = 4;

/// The timings of a client.
#[derive(Clone, Debug)]
pub(super) struct Timings {
    pub(super) session: Config,
    pub(super) deadlines: Deadlines,
}

impl Timings {
    /// A client in haste, so that a simulation needs few seconds; or in less haste.
    pub(super) fn of(schedule: &Schedule) -> Self {
        let mut session = Config::default();
        let mut deadlines = Deadlines::default();
        let factor = if schedule.is_hasty { 1 } else { 2 };
        session.ping_after_ms = 800 * factor;
        session.pong_grace_ms = 600 * factor;
        session.sign_timeout_ms = 1_000;
        session.login_timeout_ms = 800 * factor;
        session.ack_timeout_ms = 600 * factor;
        session.backoff.quick_ms = 200;
        session.backoff.ready_for_quick_ms = 1_000;
        session.backoff.base_ms = 500;
        session.backoff.max_ms = 2_000 * factor;
        session.backoff.stable_ms = 5_000;
        deadlines.dns_ms = 500;
        deadlines.tcp_ms = 800;
        deadlines.tls_ms = 1_000;
        deadlines.upgrade_ms = 800;
        Self { session, deadlines }
    }
}

/// What the simulation asks of the user, and learns from it.
#[derive(Clone, Debug, Default)]
pub(super) struct Link {
    state: Arc<Mutex<LinkState>>,
    finish: Arc<Notify>,
}

#[derive(Debug, Default)]
struct LinkState {
    /// The user reads nothing for now.
    is_stalled: bool,
    /// The client is closed, and its counters were looked at.
    is_done: bool,
}

impl Link {
    fn state(&self) -> MutexGuard<'_, LinkState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_stalled(&self) -> bool {
        self.state().is_stalled
    }

    pub(super) fn is_done(&self) -> bool {
        self.state().is_done
    }

    /// Asks the user to close the client and to look at its counters.
    pub(super) fn finish(&self) {
        self.finish.notify_one();
    }
}

/// A client and what its user knows of it.
pub(super) struct User {
    schedule: Arc<Schedule>,
    journal: Journal,
    link: Link,
    client: Option<Client>,
    events: Option<Events>,
    /// The user has closed it: more than the rest of its events is not to be had.
    is_closed: bool,
    /// Messages that were seen, by connection.
    seen: BTreeMap<ConnectionId, u64>,
    /// Where the last attempt failed for a certificate.
    slow: BTreeMap<ConnectionId, bool>,
}

impl User {
    /// Builds a client on the host that this is called on.
    pub(super) fn new(
        schedule: Arc<Schedule>,
        journal: Journal,
        link: Link,
        streams: Streams,
        names: Names,
    ) -> Self {
        let dialer = Dialer {
            journal: journal.clone(),
            streams,
            transport: schedule.transport,
            is_lazy: schedule.is_lazy,
        };
        let (client, events) = builder(&schedule)
            .dial(dialer)
            .resolver(names)
            .clock(TokioClock::starting_at(START_MS))
            .build()
            .expect("the settings are within their ranges");
        Self {
            schedule,
            journal,
            link,
            client: Some(client),
            events: Some(events),
            is_closed: false,
            seen: BTreeMap::new(),
            slow: BTreeMap::new(),
        }
    }

    /// Acts and reads until the simulation asks for the end.
    pub(super) async fn run(mut self) -> turmoil::Result {
        let schedule = self.schedule.clone();
        let mut actions = schedule.actions.iter();
        let mut next = actions.next();
        let finish = self.link.finish.clone();
        loop {
            let is_due = async {
                match next {
                    Some((at_ms, _)) => {
                        let wait = (at_ms * 1_000_000).saturating_sub(now());
                        sleep(Duration::from_nanos(wait)).await;
                    }
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = finish.notified() => break,
                () = is_due => {
                    if let Some((_, action)) = next {
                        self.catch_up().await;
                        self.act(action).await;
                    }
                    next = actions.next();
                }
                event = next_event(&mut self.events) => match event {
                    Some(event) => self.see(event),
                    None => self.events = None,
                },
            }
        }
        self.end().await;
        self.events = None;
        self.link.state().is_done = true;
        // With its user's program, a simulated host stops, and then nobody would see what it still does.
        std::future::pending().await
    }

    /// Reads what there is, so that no event is older than what is asked for next: it would be about another wish.
    async fn catch_up(&mut self) {
        loop {
            let event = {
                let mut next = pin!(next_event_or_none(&mut self.events));
                let now_or_never = poll_fn(|cx| match next.as_mut().poll(cx) {
                    Poll::Ready(event) => Poll::Ready(event),
                    Poll::Pending => Poll::Ready(None),
                });
                now_or_never.await
            };
            match event {
                Some(event) => self.see(event),
                None => return,
            }
        }
    }

    async fn act(&mut self, action: &Action) {
        match action {
            Action::Subscribe(topics) => {
                if let Some(client) = self.client.clone().filter(|_| !self.is_closed) {
                    self.journal.wants(topics);
                    let topics = topics.clone();
                    begin(async move {
                        let _ = client.subscribe(topics).await;
                    })
                    .await;
                }
            }
            Action::Unsubscribe(topics) => {
                if let Some(client) = self.client.clone().filter(|_| !self.is_closed) {
                    self.journal.leaves(topics);
                    let topics = topics.clone();
                    begin(async move {
                        let _ = client.unsubscribe(topics).await;
                    })
                    .await;
                }
            }
            Action::CloseConnection(market, side) => self.close_connection(*market, *side).await,
            Action::Close => {
                if let Some(client) = self.client.clone() {
                    self.close_all();
                    begin(async move { client.close().await }).await;
                }
            }
            Action::DropEvents => {
                self.close_all();
                self.events = None;
            }
            Action::DropClient => self.client = None,
            Action::Stall(lasts_ms) => {
                self.link.state().is_stalled = true;
                sleep(Duration::from_millis(*lasts_ms)).await;
                self.link.state().is_stalled = false;
            }
        }
    }

    async fn close_connection(&mut self, market: Market, side: Side) {
        let connection = self.journal.connection(market, side);
        let Some(client) = self.client.clone().filter(|_| !self.is_closed) else {
            return;
        };
        if client.states().iter().any(|state| state.id == connection) {
            self.journal.closes(connection);
            begin(async move {
                let _ = client.close_connection(connection).await;
            })
            .await;
        }
    }

    fn close_all(&mut self) {
        self.is_closed = true;
        for connection in self.journal.open_connections() {
            self.journal.closes(connection);
        }
    }

    fn see(&mut self, event: Event) {
        let id = event.connection;
        let shown = format!("{event:?}");
        match event.kind {
            EventKind::Update(update) => {
                *self.seen.entry(id).or_default() += 1;
                self.journal
                    .received(id, event.epoch, update.text(), update.received_ns());
                return;
            }
            EventKind::Lifecycle(lifecycle) => {
                self.keeps_secrets(id, &lifecycle.to_string());
                self.check_certificates(id, &lifecycle);
                self.journal.event(id, lifecycle);
            }
            EventKind::Unknown(_) | EventKind::Undecodable { .. } => *self.seen.entry(id).or_default() += 1,
            EventKind::TaskFailed => self.journal.violate(id, "P8: a task has failed"),
            _ => {}
        }
        self.keeps_secrets(id, &shown);
    }

    /// P9: no secret in anything that is said.
    fn keeps_secrets(&self, id: ConnectionId, text: &str) {
        let shown_key = EXAMPLE_KEY.get(..=SHOWN_KEY_CHARS).unwrap_or(EXAMPLE_KEY);
        for secret in [EXAMPLE_SECRET, EXAMPLE_MEMO, shown_key] {
            if text.contains(secret) {
                self.journal
                    .violate(id, format!("P9: it says {secret:?}: {text}"));
            }
        }
    }

    /// A certificate that proves nothing is told as such, and followed by patience.
    fn check_certificates(&mut self, id: ConnectionId, event: &Lifecycle) {
        match event {
            Lifecycle::ConnectFailed {
                cause: Cause::Connect { kind, .. },
                ..
            } => {
                let is_certificate = match kind {
                    ConnectErrorKind::Tls(fault) => *fault != TlsFault::Protocol,
                    _ => false,
                };
                self.slow.insert(id, is_certificate);
            }
            Lifecycle::Reconnecting { delay_ms, .. }
                if self.slow.insert(id, false) == Some(true) && *delay_ms < SLOW_RETRY_MS =>
            {
                let what = format!("P5: after a bad certificate, a retry in {delay_ms} ms");
                self.journal.violate(id, what);
            }
            _ => {}
        }
    }

    /// Closes the client, reads what is left, and compares its counters with what was seen.
    async fn end(&mut self) {
        self.close_all();
        let Some(client) = self.client.take() else {
            return;
        };
        let has_events = self.events.is_some();
        client.close().await;
        while let Some(event) = next_event_or_none(&mut self.events).await {
            self.see(event);
        }
        for state in client.states() {
            let counters = state.counters;
            let told = counters.pushes + counters.unknown + counters.undecodable;
            let sum = told + counters.replies + counters.pongs;
            if sum != counters.messages {
                self.journal
                    .violate(state.id, format!("P2: the counters don't add up: {counters:?}"));
            }
            let seen = self.seen.get(&state.id).copied().unwrap_or(0);
            if has_events && told != seen + state.dropped {
                self.journal.violate(
                    state.id,
                    format!("P2: {seen} seen, {} dropped, and yet {counters:?}", state.dropped),
                );
            }
        }
    }
}

/// Polls a call once, here and now, and leaves it running.
async fn begin(call: impl Future<Output = ()> + 'static) {
    let mut call = Box::pin(call);
    let is_over = poll_fn(|cx| Poll::Ready(call.as_mut().poll(cx).is_ready())).await;
    if !is_over {
        spawn_local(call);
    }
}

async fn next_event(events: &mut Option<Events>) -> Option<Event> {
    match events {
        Some(events) => events.next().await,
        None => std::future::pending().await,
    }
}

async fn next_event_or_none(events: &mut Option<Events>) -> Option<Event> {
    match events {
        Some(events) => events.next().await,
        None => None,
    }
}

fn builder(schedule: &Schedule) -> ClientBuilder {
    let credentials =
        Credentials::new(EXAMPLE_KEY, EXAMPLE_SECRET, EXAMPLE_MEMO).expect("the simulator's account");
    let Timings { session, deadlines } = Timings::of(schedule);
    let mut queue = QueueLimits::default();
    queue.max_messages = schedule.queue_messages;
    let builder = Client::builder()
        .credentials(credentials)
        .session(session)
        .deadlines(deadlines)
        .overflow(schedule.overflow)
        .queue(queue)
        .seed(schedule.seed);
    let scheme = match schedule.transport {
        Transport::Plain => "ws",
        Transport::Tls => "wss",
    };
    let builder = builder.urls(|market, side| {
        let path = match side {
            Side::Public => "api",
            Side::Private => "user",
        };
        format!(
            "{scheme}://{EXCHANGE_NAME}:{}/{path}?protocol=1.1",
            port(market, side)
        )
    });
    match schedule.transport {
        Transport::Plain => builder.allow_plaintext(),
        Transport::Tls => builder.extra_root(Certificates::get().authority_der.clone()),
    }
}

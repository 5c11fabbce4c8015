//! One session, played from its first byte to its last under any weather, and what came of it.

use std::sync::Arc;
use std::time::Duration;

use bitmart::{Client, EventKind, Events, Lifecycle};
use bitmart_auth::{Credentials, HmacSigner};
use bitmart_proto::{Environment, Market, Side};
use bitmart_reliability::weather::{Nowhere, Recording, Skies, Weather};
use bitmart_sim::{Compress, EXAMPLE_KEY, EXAMPLE_MEMO, EXAMPLE_SECRET, Limits, Simulator, Tick};
use bitmart_ws::connect::{ConnectConfig, Tls};
use bitmart_ws::{Clock, Connection, ConnectionConfig, Counters, Incoming, SharedBudget, TokioClock};
use tokio::time::timeout;

/// Unix time at the beginning of a session.
const START_MS: u64 = 1_700_000_000_000;

/// How long a session is read after each step: longer than anything in it takes in fair weather.
const MOMENT: Duration = Duration::from_millis(50);

/// Long enough for one ping and its answer.
const QUIET: Duration = Duration::from_secs(16);

/// How long a session may take to be ready, whatever has happened to it: every deadline there is, and every retry of a
/// handful of sockets.
const PATIENCE: Duration = Duration::from_secs(900);

/// Messages and events that one session may bring; far more than it does. What goes on for ever ends here.
const MAX_SEEN: usize = 10_000;

/// Steps that a story may take beyond its own, until one of them is heard.
const MORE_STEPS: usize = 8;

/// Topics of a session.
pub(crate) const TOPICS: usize = 2;

/// Which side of the library reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Over {
    /// The lending connection.
    Connection,
    /// The client above it, with its task and its queue.
    Client,
}

/// A session to be played.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Play {
    pub(crate) market: Market,
    pub(crate) over: Over,
    pub(crate) is_tls: bool,
    /// Steps of the story, at least. It goes on until one has brought something, and nothing of it was lost.
    pub(crate) steps: usize,
    /// How late its last message may be.
    pub(crate) late: Duration,
}

impl Play {
    /// Every combination without TLS.
    pub(crate) fn plain() -> [Self; 4] {
        let each = |market, over| Self {
            market,
            over,
            is_tls: false,
            // Few, so that a story for each of its bytes can be played; futures have more to say in each.
            steps: match market {
                Market::Spot => 5,
                Market::Futures => 2,
            },
            late: MOMENT,
        };
        [
            each(Market::Spot, Over::Connection),
            each(Market::Spot, Over::Client),
            each(Market::Futures, Over::Connection),
            each(Market::Futures, Over::Client),
        ]
    }

    pub(crate) fn with_tls(self) -> Self {
        Self { is_tls: true, ..self }
    }

    /// All that any story of this kind may be sent: the same steps say the same, whoever listens.
    pub(crate) fn reference(self) -> Story {
        let longest = Self {
            steps: self.steps + MORE_STEPS,
            ..self
        };
        let story = longest.run(Weather::default());
        assert!(story.losses() == 0 && story.steps.len() >= longest.steps);
        story
    }

    /// Topics that say nothing before the story goes on.
    fn topics(self) -> [&'static str; TOPICS] {
        match self.market {
            Market::Spot => ["spot/user/order:BTC_USDT", "spot/user/balance:BALANCE_UPDATE"],
            Market::Futures => ["futures/order", "futures/position"],
        }
    }

    /// Plays the session in a runtime of its own, so that nothing of one session is left in the next.
    pub(crate) fn run(self, weather: Weather) -> Story {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(self.perform(weather))
    }

    async fn perform(self, weather: Weather) -> Story {
        let clock = TokioClock::starting_at(START_MS);
        let sim = Simulator::builder()
            .seed(7)
            .tls(self.is_tls)
            .tick(Tick::Manual)
            .empty_push(false)
            .compress(Compress::AfterSubscribe)
            .limits(Limits::none())
            .without_listeners()
            .wall_clock(move || clock.wall_ms())
            .start()
            .await
            .unwrap();
        let acceptor = sim.acceptor(Environment::Live, self.market);
        let skies = Skies::new(acceptor, clock, [weather]);
        let mut reader = self.open(&sim, &skies, clock);
        let mut story = Story::new(clock);
        story.until_ready(&mut reader).await;
        let mut step = 0;
        while step < self.steps + MORE_STEPS {
            let (losses, updates) = (story.losses(), story.updates().len());
            sim.step().await;
            step += 1;
            story.read_for(&mut reader, MOMENT).await;
            if step == self.steps / 2 {
                story.read_for(&mut reader, QUIET).await;
            }
            if step >= self.steps {
                story.read_for(&mut reader, self.late).await;
            }
            let is_lost = story.losses() > losses;
            if is_lost || !story.is_ready() {
                story.until_ready(&mut reader).await;
            }
            story.steps.push(story.updates().len());
            let is_heard = !is_lost && story.updates().len() > updates;
            if step >= self.steps && is_heard || story.is_over() {
                break;
            }
        }
        story.counters = reader.counters();
        story.recordings = skies.recordings();
        story
    }

    fn open(self, sim: &Simulator, skies: &Skies, clock: TokioClock) -> Reader {
        let scheme = if self.is_tls { "wss" } else { "ws" };
        let url = format!("{scheme}://localhost/user");
        let credentials = Credentials::new(EXAMPLE_KEY, EXAMPLE_SECRET, EXAMPLE_MEMO).unwrap();
        match self.over {
            Over::Connection => {
                let mut config = ConnectionConfig::new(url.parse().unwrap());
                config.connect = ConnectConfig::new()
                    .with_dial(skies.clone())
                    .with_resolver(Nowhere);
                if self.is_tls {
                    let tls = Tls::with_own_roots([sim.ca_der().to_vec()]).unwrap();
                    config.connect = config.connect.with_tls(tls);
                }
                config.clock = Arc::new(clock);
                config.budget = SharedBudget::new(1_000);
                config.seed = Some(1);
                let signer = Arc::new(HmacSigner::new(credentials));
                let mut connection = Connection::private(self.market, signer, config);
                for topic in self.topics() {
                    connection.subscribe(topic.parse().unwrap()).unwrap();
                }
                Reader::Connection(Box::new(connection))
            }
            Over::Client => {
                let mut builder = Client::builder()
                    .url(self.market, Side::Private, url)
                    .dial(skies.clone())
                    .resolver(Nowhere)
                    .clock(clock)
                    .budget(SharedBudget::new(1_000))
                    .seed(1)
                    .credentials(credentials);
                if self.is_tls {
                    builder = builder.extra_root(sim.ca_der());
                }
                let (client, events) = builder.build().unwrap();
                let (caller, topics) = (client.clone(), self.topics());
                tokio::spawn(async move { drop(caller.subscribe(topics).await) });
                Reader::Client(client, Box::new(events))
            }
        }
    }
}

/// Whoever reads.
enum Reader {
    Connection(Box<Connection>),
    Client(Client, Box<Events>),
}

impl Reader {
    async fn next(&mut self) -> Option<Seen> {
        match self {
            Self::Connection(connection) => Some(match connection.next().await? {
                Incoming::Push(push) => Seen::Update {
                    text: String::from_utf8(push.text.to_vec()).unwrap(),
                    received_ns: push.received_ns,
                },
                Incoming::Event(event) => Seen::Event(event),
                Incoming::Response(reply) => Seen::Response(reply.verb.into_owned()),
                Incoming::Unknown(text) => Seen::Oddity(text.to_owned()),
                Incoming::Undecodable(message) => Seen::Oddity(message.error.to_string()),
                other => panic!("{other:?}"),
            }),
            Self::Client(_, events) => Some(match events.next().await?.kind {
                EventKind::Update(update) => Seen::Update {
                    text: update.text().to_owned(),
                    received_ns: update.received_ns(),
                },
                EventKind::Lifecycle(event) => Seen::Event(event),
                EventKind::Response(reply) => Seen::Response(reply.verb.into_owned()),
                EventKind::Unknown(text) => Seen::Oddity(text),
                EventKind::Undecodable { error, .. } => Seen::Oddity(error.to_string()),
                other => panic!("{other:?}"),
            }),
        }
    }

    /// Up to date for the connection only: the client's are as of its last lifecycle event.
    fn counters(&self) -> Counters {
        match self {
            Self::Connection(connection) => connection.counters(),
            Self::Client(client, _) => client.states()[0].counters,
        }
    }
}

/// Something that came out of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    Update { text: String, received_ns: u64 },
    Event(Lifecycle),
    Response(String),
    Oddity(String),
}

/// What came of a session.
#[derive(Debug)]
pub(crate) struct Story {
    clock: TokioClock,
    pub(crate) seen: Vec<Seen>,
    /// When each of them was seen, in nanoseconds.
    pub(crate) seen_at_ns: Vec<u64>,
    /// After each step: how many updates had come.
    pub(crate) steps: Vec<usize>,
    pub(crate) counters: Counters,
    pub(crate) recordings: Vec<Recording>,
    has_ended: bool,
}

impl Story {
    fn new(clock: TokioClock) -> Self {
        Self {
            clock,
            seen: Vec::new(),
            seen_at_ns: Vec::new(),
            steps: Vec::new(),
            counters: Counters::default(),
            recordings: Vec::new(),
            has_ended: false,
        }
    }

    fn push(&mut self, seen: Seen) {
        self.seen.push(seen);
        self.seen_at_ns.push(self.clock.now_ns());
        assert!(
            self.seen.len() < MAX_SEEN,
            "it goes on for ever: {:?}",
            self.names()
        );
    }

    /// Reads until nothing has come for a while.
    async fn read_for(&mut self, reader: &mut Reader, time: Duration) {
        let end = timeout(time, async {
            while let Some(seen) = reader.next().await {
                self.push(seen);
            }
        });
        self.has_ended |= end.await.is_ok();
    }

    async fn until_ready(&mut self, reader: &mut Reader) {
        let all = timeout(PATIENCE, async {
            while !self.is_ready() && !self.is_over() {
                match reader.next().await {
                    Some(seen) => self.push(seen),
                    None => self.has_ended = true,
                }
            }
        });
        let is_late = all.await.is_err();
        assert!(!is_late, "not ready: {:?}", self.names());
    }

    /// Everything in short, for a failure.
    pub(crate) fn names(&self) -> Vec<String> {
        let name = |seen: &Seen| match seen {
            Seen::Update { received_ns, .. } => format!("update at {received_ns}"),
            Seen::Event(event) => event.to_string(),
            Seen::Response(verb) => format!("answer to {verb}"),
            Seen::Oddity(text) => format!("oddity: {text}"),
        };
        self.seen.iter().map(name).collect()
    }

    pub(crate) fn updates<'a>(&'a self) -> Vec<&'a str> {
        let text = |seen: &'a Seen| match seen {
            Seen::Update { text, .. } => Some(text.as_str()),
            _ => None,
        };
        self.seen.iter().filter_map(text).collect()
    }

    /// What the exchange has sent in as many steps as the other story has: this one has heard all of it.
    pub(crate) fn sent(&self, other: &Self) -> Vec<&str> {
        let mut sent = self.updates();
        sent.truncate(self.steps[other.steps.len() - 1]);
        sent
    }

    pub(crate) fn events(&self) -> impl Iterator<Item = &Lifecycle> {
        self.seen.iter().filter_map(|seen| match seen {
            Seen::Event(event) => Some(event),
            _ => None,
        })
    }

    /// Sockets lost, or not opened, so far.
    pub(crate) fn losses(&self) -> usize {
        let is_loss =
            |event: &&Lifecycle| matches!(event, Lifecycle::Closed { .. } | Lifecycle::ConnectFailed { .. });
        self.events().filter(is_loss).count()
    }

    /// Whether every topic is acknowledged, or refused for good, and the socket lives.
    pub(crate) fn is_ready(&self) -> bool {
        let mut is_ready = false;
        for event in self.events() {
            match event {
                Lifecycle::Ready { .. } => is_ready = true,
                Lifecycle::Closed { .. } => is_ready = false,
                _ => {}
            }
        }
        is_ready
    }

    /// Whether the exchange has refused the login for good: then nothing more comes.
    pub(crate) fn is_over(&self) -> bool {
        self.has_ended || self.events().any(Lifecycle::is_terminal)
    }
}

//! A session in virtual time with a hand on everything that happens to it.

use bitmart_auth::{Credentials, HmacSigner, SignError, Signer};
use bitmart_proto::{ErrorCode, Market, Refusal, Reply, Side, Topic};
use bitmart_session::time::{MILLISECOND, SECOND};
use bitmart_session::{Cause, Config, Event, Order, Session, Transmit};

/// Unix time at the rig's zero.
pub(crate) const START_MS: u64 = 1_700_000_000_000;

pub(crate) struct Rig {
    pub(crate) session: Session,
    pub(crate) now: u64,
    /// What the exchange's `Date` header says, in milliseconds ahead of our clock; `None` leaves it out.
    pub(crate) server_ahead_ms: Option<i64>,
    pub(crate) signs: bool,
    /// Every message sent, with its time.
    pub(crate) sent: Vec<(u64, String)>,
    pub(crate) events: Vec<Event>,
    /// When the session wants its next socket.
    pub(crate) connect_at: Option<u64>,
    pub(crate) connects: usize,
    /// How many times the session asked for the socket to be closed: politely, and not.
    pub(crate) closes: (usize, usize),
}

impl Rig {
    pub(crate) fn new(market: Market, side: Side, topics: &[&str]) -> Self {
        Self::with_config(market, side, topics, Config::default(), 1)
    }

    pub(crate) fn with_config(
        market: Market,
        side: Side,
        topics: &[&str],
        config: Config,
        seed: u64,
    ) -> Self {
        let mut session = match side {
            Side::Public => Session::public(market, 0, config, seed),
            Side::Private => Session::private(market, 0, "the-key", config, seed),
        };
        for topic in topics {
            session.subscribe(topic.parse().unwrap()).unwrap();
        }
        session.start(0, START_MS);
        let mut rig = Self {
            session,
            now: 0,
            server_ahead_ms: None,
            signs: true,
            sent: Vec::new(),
            events: Vec::new(),
            connect_at: None,
            connects: 0,
            closes: (0, 0),
        };
        rig.drain();
        rig
    }

    /// Drains the outputs as the contract asks.
    pub(crate) fn drain(&mut self) {
        loop {
            let mut is_idle = true;
            while let Some(order) = self.session.poll_order() {
                is_idle = false;
                match order {
                    Order::Connect { not_before } => self.connect_at = Some(not_before),
                    Order::Sign { epoch, timestamp_ms } if self.signs => {
                        let signer = HmacSigner::new(Credentials::new("the-key", "secret", "memo").unwrap());
                        self.session
                            .handle_signed(self.now, epoch, signer.sign_login(timestamp_ms));
                    }
                    Order::Close { polite: true } => {
                        (self.closes.0, self.connect_at) = (self.closes.0 + 1, None);
                    }
                    Order::Close { polite: false } => {
                        (self.closes.1, self.connect_at) = (self.closes.1 + 1, None);
                    }
                    _ => {}
                }
            }
            let mut out = Vec::new();
            while let Some(transmit) = self.session.poll_transmit(self.now, &mut out) {
                is_idle = false;
                let text = String::from_utf8(std::mem::take(&mut out)).unwrap();
                assert_eq!(transmit == Transmit::Ping, text.contains("ping"), "{text}");
                self.sent.push((self.now, text));
            }
            while let Some(event) = self.session.poll_event() {
                is_idle = false;
                self.events.push(event);
            }
            if is_idle {
                return;
            }
        }
    }

    /// Lets time pass, waking the session when it asks for it.
    pub(crate) fn pass(&mut self, duration: u64) {
        let end = self.now + duration;
        while let Some(at) = self.session.poll_timeout(self.now).filter(|at| *at <= end) {
            assert!(
                at >= self.now || at == 0,
                "a timeout in the past must make progress"
            );
            self.now = self.now.max(at);
            self.look();
            self.drain();
        }
        self.now = end;
        self.look();
        self.drain();
    }

    /// Opens the socket that the session asked for, when it asked for it.
    pub(crate) fn connect(&mut self) {
        let at = self.connect_at.take().expect("the session wants a socket");
        self.now = self.now.max(at);
        self.connects += 1;
        let unix_ms = START_MS + self.now / MILLISECOND;
        let date = self
            .server_ahead_ms
            .map(|ahead| unix_ms.saturating_add_signed(ahead) / 1_000 * 1_000);
        self.session.handle_connected(self.now, unix_ms, date);
        self.drain();
    }

    /// Finds the socket dry, and looks at the time.
    fn look(&mut self) {
        if !self.session.is_paused() {
            self.session.handle_drained(self.now);
        }
        self.session.handle_timeout(self.now);
    }

    pub(crate) fn drop_socket(&mut self) {
        self.session
            .handle_disconnected(self.now, Cause::Lost { text: "reset".into() });
        self.drain();
    }

    /// A data frame.
    pub(crate) fn frame(&mut self) {
        self.session.handle_activity(self.now, true);
        self.drain();
    }

    pub(crate) fn reply(&mut self, verb: &str, topic: Option<&str>, outcome: Result<(), Refusal<'_>>) {
        self.session.handle_activity(self.now, true);
        self.session
            .handle_reply(self.now, &Reply::new(verb, topic, outcome));
        self.drain();
    }

    pub(crate) fn login_ok(&mut self) {
        self.reply(self.session.id().market.dialect().login_verb(), None, Ok(()));
    }

    pub(crate) fn ack(&mut self, topic: &str) {
        self.reply("subscribe", Some(topic), Ok(()));
    }

    /// Connects, logs in where needed and acknowledges every topic.
    pub(crate) fn establish(&mut self) {
        self.connect();
        if self.session.id().side == Side::Private {
            self.login_ok();
        }
        self.acknowledge_all();
    }

    pub(crate) fn acknowledge_all(&mut self) {
        self.pass(3 * SECOND);
        let topics: Vec<Topic> = self.session.topics().cloned().collect();
        for topic in topics {
            self.ack(topic.as_str());
        }
    }

    pub(crate) fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    pub(crate) fn take_sent(&mut self) -> Vec<String> {
        std::mem::take(&mut self.sent)
            .into_iter()
            .map(|(_, text)| text)
            .collect()
    }

    /// The names of the events so far, for comparing sequences.
    pub(crate) fn take_names(&mut self) -> Vec<&'static str> {
        self.take_events().iter().map(Event::name).collect()
    }
}

pub(crate) fn refusal(code: u32, text: &str) -> Refusal<'_> {
    Refusal::new(Some(ErrorCode(code)), text)
}

pub(crate) fn unavailable() -> SignError {
    SignError::Unavailable("the vault is restarting".into())
}

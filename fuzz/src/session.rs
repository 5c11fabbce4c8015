//! A session under any sequence of commands and inputs, and what it may say of them.

mod oracle;

use std::collections::VecDeque;

use bitmart_auth::{Credentials, HmacSigner, SignError, Signer as _};
use bitmart_proto::{ErrorCode, Market, Operation, Refusal, Reply, Side, Topic};
use bitmart_session::time::{MILLISECOND, MINUTE, SECOND};
use bitmart_session::{
    Cause, Config, ConnectErrorKind, Epoch, Order, Retry, Session, Status, Transmit, UpgradeFault,
};

use oracle::Oracle;

/// The key of private sessions. Nothing that can be printed shows more of it than its beginning.
const KEY: &str = "the-key-that-nobody-sees";

/// How many topics there are to choose from.
const TOPICS: u8 = 12;

/// How often a session may want to be called again at the same point in time, its outputs being drained. Each topic may
/// be asked for three times, as fast as the pace allows.
const MAX_SPINS: usize = 3 * TOPICS as usize + 8;

/// The most messages that may go out at one point in time: a burst, and a ping.
const MAX_BURST: usize = 9;

/// What a session may say after each call: of every topic that it ends, begins or fails, and something of itself.
const MAX_EVENTS_PER_CALL: usize = 2 * TOPICS as usize + 8;

/// No clock comes this far: 292 years. Beyond, sums of times meet their end.
const LATEST: u64 = u64::MAX / 2;

/// Codes of all classes, one that nobody knows, and 0 for none.
const CODES: [u32; 16] = [
    0, 90001, 90004, 90006, 90007, 90008, 90009, 91002, 91005, 91006, 91011, 91022, 92001, 94002, 95000,
    77777,
];

/// Words that are told apart where there is no code.
const TEXTS: [&str; 8] = [
    "",
    "authentication is temporarily unavailable",
    "access failed: openapi auth",
    "need authentication",
    "channel not found",
    "Invalid message",
    "exceeds limit",
    "IP Limited",
];

const VERBS: [&str; 8] = [
    "subscribe",
    "unsubscribe",
    "login",
    "access",
    "request",
    "error",
    "",
    "subscribe",
];

/// The first byte chooses the settings, the second the market, the side and how the outputs are drained. Of the others,
/// each that is 0, or 64 and more, lets the session and the exchange do what is due; the rest are operations, with
/// another byte for the particulars.
pub(crate) fn run(data: &[u8]) {
    let [settings, setup, operations @ ..] = data else {
        return;
    };
    let mut world = World::new(*settings, *setup);
    let mut bytes = operations.iter().copied();
    while let Some(byte) = bytes.next() {
        match byte {
            0 | 64.. => world.proceed(),
            _ => world.operate(byte, bytes.next().unwrap_or(0)),
        }
        if world.drains_always {
            world.settle();
        }
    }
    world.drain();
    let printed = format!("{:?}", world.session);
    assert!(!printed.contains(KEY), "{printed}");
}

struct World {
    session: Session,
    oracle: Oracle,
    signer: HmacSigner,
    now: u64,
    market: Market,
    side: Side,
    drains_always: bool,
    /// When the session wants its next socket.
    connect_at: Option<u64>,
    to_sign: Option<(Epoch, u64)>,
    /// What the exchange has read and not answered: a verb and a topic. A ping has none.
    unanswered: VecDeque<(String, String)>,
    /// When the messages on this socket went out.
    sent: VecDeque<u64>,
    paces_by_default: bool,
    /// Calls of the session so far, and what came of them.
    calls: usize,
    orders: usize,
    events: usize,
}

impl World {
    fn new(settings: u8, setup: u8) -> Self {
        let market = if setup & 1 == 0 {
            Market::Spot
        } else {
            Market::Futures
        };
        let side = if setup & 2 == 0 {
            Side::Private
        } else {
            Side::Public
        };
        let config = config(settings);
        let paces_by_default = config.ping_after_ms >= Config::default().ping_after_ms;
        let session = match side {
            Side::Public => Session::public(market, 0, config, u64::from(setup)),
            Side::Private => Session::private(market, 0, KEY, config, u64::from(setup)),
        };
        let credentials = Credentials::new(KEY, "secret", "memo").expect("the credentials are sound");
        let drains_always = setup & 4 == 0;
        Self {
            session,
            oracle: Oracle::new(side, drains_always),
            signer: HmacSigner::new(credentials),
            now: 0,
            market,
            side,
            drains_always,
            connect_at: None,
            to_sign: None,
            unanswered: VecDeque::new(),
            sent: VecDeque::new(),
            paces_by_default,
            calls: 0,
            orders: 0,
            events: 0,
        }
    }

    /// What is due, with an exchange that does what it is asked for.
    fn proceed(&mut self) {
        self.drain();
        if self.session.status() == Status::Idle {
            return self.call(|session, now| session.start(now, unix_ms(now)));
        }
        if self.session.topic_count() < 2 {
            let topic = self.topic(self.session.topic_count() as u8);
            return self.subscribe(topic);
        }
        if let Some(at) = self.connect_at.take() {
            self.now = self.now.max(at).min(LATEST);
            return self.connected(None);
        }
        if let Some((epoch, timestamp_ms)) = self.to_sign.take() {
            let signature = self.signer.sign_login(timestamp_ms);
            return self.call(|session, now| session.handle_signed(now, epoch, signature));
        }
        if let Some((verb, topic)) = self.unanswered.pop_front() {
            self.call(|session, now| session.handle_activity(now, true));
            if !verb.is_empty() {
                let topic = (!topic.is_empty()).then_some(topic.as_str());
                self.reply(&Reply::new(&verb, topic, Ok(())));
            }
            return;
        }
        if let Some(at) = self.session.poll_timeout(self.now) {
            self.now = self.now.max(at).min(LATEST);
            self.call(Session::handle_timeout);
        }
    }

    /// One operation, whether it makes sense or not.
    fn operate(&mut self, operation: u8, detail: u8) {
        match operation % 21 {
            0 => self.subscribe(self.topic(detail % TOPICS)),
            1 => {
                let topic = self.topic(detail % TOPICS);
                self.oracle.unsubscribe(&topic);
                self.call(|session, now| _ = session.unsubscribe(now, &topic));
            }
            2 => self.call(|session, _| session.pause()),
            3 => self.call(Session::resume),
            4 if detail < 64 => self.call(|session, _| session.shutdown()),
            5 => self.call(|session, now| session.start(now, u64::from(detail) << 40)),
            6 => self.connected(Some(detail)),
            7 => {
                let cause = cause(detail, self.topic(0));
                self.call(|session, now| session.handle_disconnected(now, cause));
            }
            8 => {
                let until = self.now.saturating_add(u64::from(detail) * SECOND);
                self.call(|session, now| session.handle_held_back(now, until));
            }
            9 => self.call(|session, now| session.handle_activity(now, detail.is_multiple_of(2))),
            10 => self.signed(detail),
            11 | 12 => self.arbitrary_reply(detail),
            13 => self.refusal(detail),
            14 => self.call(Session::handle_timeout),
            15 => self.pass(u64::from(detail) * 10 * MILLISECOND),
            16 => self.pass(u64::from(detail) * SECOND),
            17 => self.pass(u64::from(detail) * MINUTE),
            18 if detail < 8 => self.pass(u64::MAX >> detail),
            19 => self.drain(),
            20 => self.drain_some(detail),
            _ => {}
        }
    }

    /// Calls the session, and counts it.
    fn call(&mut self, call: impl FnOnce(&mut Session, u64)) {
        call(&mut self.session, self.now);
        self.calls += 1;
    }

    fn topic(&self, number: u8) -> Topic {
        let text = match (self.market, self.side) {
            (Market::Spot, Side::Public) => format!("spot/ticker:C{number}_USDT"),
            (Market::Spot, Side::Private) => format!("spot/user/order:C{number}_USDT"),
            (Market::Futures, Side::Public) => format!("futures/ticker:C{number}USDT"),
            (Market::Futures, Side::Private) => format!("futures/asset:C{number}"),
        };
        text.parse().expect("the topic is sound")
    }

    fn subscribe(&mut self, topic: Topic) {
        self.call(|session, _| {
            let is_over = session.status() == Status::Terminated;
            assert_eq!(session.subscribe(topic).is_err(), is_over);
        });
    }

    fn connected(&mut self, detail: Option<u8>) {
        let date_ms = match detail {
            None | Some(0..64) => None,
            // Right, and off by up to two minutes either way.
            Some(detail @ 64..128) => Some(unix_ms(self.now) + u64::from(detail)),
            Some(detail) => Some((unix_ms(self.now) + u64::from(detail) * 2_000).saturating_sub(383_000)),
        };
        if self.session.status() == Status::Connecting {
            self.sent.clear();
            self.unanswered.clear();
        }
        self.call(|session, now| session.handle_connected(now, unix_ms(now), date_ms));
    }

    fn signed(&mut self, detail: u8) {
        let epoch = match detail % 4 {
            0 => Epoch(u64::from(detail)),
            _ => self.session.epoch(),
        };
        let result = match detail / 4 % 4 {
            0 => Err(SignError::Unavailable("busy".into())),
            1 if detail >= 128 => Err(SignError::Refused("no".into())),
            _ => self.signer.sign_login(u64::from(detail)),
        };
        self.call(|session, now| session.handle_signed(now, epoch, result));
    }

    /// A success, or a refusal of what it names.
    fn arbitrary_reply(&mut self, detail: u8) {
        let verb = VERBS[usize::from(detail) % VERBS.len()];
        let topic = self.topic(detail / 8 % TOPICS);
        let with_speed = format!("{topic}@100ms");
        let named = match detail / 32 {
            0 => None,
            1 => Some(with_speed.as_str()),
            2 => Some("spot/unheard:OF"),
            _ => Some(topic.as_str()),
        };
        self.reply(&Reply::new(verb, named, Ok(())));
    }

    fn refusal(&mut self, detail: u8) {
        let code = CODES[usize::from(detail) % CODES.len()];
        let (code, text) = match code {
            0 => (None, TEXTS[usize::from(detail / 16) % TEXTS.len()]),
            _ => (Some(ErrorCode(code)), "no"),
        };
        let verb = VERBS[usize::from(detail / 16) % VERBS.len()];
        let topic = self.topic(detail % TOPICS);
        let named = (detail.is_multiple_of(3)).then_some(topic.as_str());
        self.reply(&Reply::new(verb, named, Err(Refusal::new(code, text))));
    }

    fn reply(&mut self, reply: &Reply<'_>) {
        self.oracle.reply(&self.session, reply);
        self.call(|session, now| session.handle_reply(now, reply));
    }

    fn pass(&mut self, duration: u64) {
        self.now = self.now.saturating_add(duration).min(LATEST);
    }

    /// Does what a driver does: drains, and calls again as long as the session wants it at this point in time.
    fn settle(&mut self) {
        self.drain();
        let mut spins = 0;
        while self
            .session
            .poll_timeout(self.now)
            .is_some_and(|at| at <= self.now)
        {
            assert!(spins < MAX_SPINS, "no progress: {:?}", self.session);
            spins += 1;
            self.call(Session::handle_timeout);
            self.drain();
        }
        self.oracle.settled();
    }

    fn drain(&mut self) {
        while self.take_order() {}
        let mut sent = 0;
        while self.take_transmit() {
            sent += 1;
            assert!(sent <= MAX_BURST, "{sent} messages at once");
        }
        while self.take_event() {}
        assert!(
            self.events <= (self.calls + 1) * MAX_EVENTS_PER_CALL,
            "{} events for {} calls",
            self.events,
            self.calls
        );
        assert!(
            self.orders <= 3 * self.calls,
            "{} orders for {} calls",
            self.orders,
            self.calls
        );
    }

    /// Takes some of what is there, in an order that the contract doesn't have.
    fn drain_some(&mut self, detail: u8) {
        for bit in 0..8 {
            _ = match detail >> bit & 3 {
                0 => self.take_event(),
                1 => self.take_order(),
                2 => self.take_transmit(),
                _ => true,
            };
        }
    }

    fn take_order(&mut self) -> bool {
        let Some(order) = self.session.poll_order() else {
            return false;
        };
        self.orders += 1;
        let is_over = self.session.status() == Status::Terminated;
        assert!(
            !is_over || matches!(order, Order::Close { .. }),
            "it is over: {order:?}"
        );
        match order {
            Order::Connect { not_before } => self.connect_at = Some(not_before),
            Order::Sign { epoch, timestamp_ms } => self.to_sign = Some((epoch, timestamp_ms)),
            _ => self.connect_at = None,
        }
        true
    }

    fn take_transmit(&mut self) -> bool {
        let mut message = Vec::new();
        let Some(transmit) = self.session.poll_transmit(self.now, &mut message) else {
            assert!(message.is_empty(), "something is written that is not to be sent");
            return false;
        };
        let text = String::from_utf8(message).expect("a message is text");
        self.sent.push_back(self.now);
        while self.sent.front().is_some_and(|at| *at + 10 * SECOND <= self.now) {
            self.sent.pop_front();
        }
        let is_polite = self.sent.len() <= 100 || !self.paces_by_default;
        assert!(is_polite, "{} messages in ten seconds", self.sent.len());
        match transmit {
            Transmit::Request(Operation::Login) => {
                self.oracle.login_sent(self.session.epoch());
                let verb = self.market.dialect().login_verb();
                self.unanswered.push_back((verb.to_owned(), String::new()));
            }
            Transmit::Request(operation) => {
                let topics = text
                    .split('"')
                    .skip(7)
                    .step_by(2)
                    .filter(|part| part.contains('/'));
                self.unanswered
                    .extend(topics.map(|topic| (operation.as_str().to_owned(), topic.to_owned())));
            }
            _ => self.unanswered.push_back(Default::default()),
        }
        true
    }

    fn take_event(&mut self) -> bool {
        let Some(event) = self.session.poll_event() else {
            return false;
        };
        self.events += 1;
        assert!(!event.to_string().contains(KEY), "{event}");
        self.oracle.observe(&event, self.now);
        true
    }
}

fn unix_ms(now: u64) -> u64 {
    1_700_000_000_000 + now / MILLISECOND
}

/// Usual settings, or ones that no exchange would like: a session stands any.
fn config(settings: u8) -> Config {
    let mut config = Config::default();
    let value = match settings / 64 {
        0 => return config,
        1 => 0,
        2 => u64::from(settings),
        _ => u64::MAX,
    };
    match settings % 16 {
        0 => config.ping_after_ms = value,
        1 => config.pong_grace_ms = value,
        2 => config.sign_timeout_ms = value,
        3 => config.login_timeout_ms = value,
        4 => config.ack_timeout_ms = value,
        5 => config.clock_offset_ms = Some(value.cast_signed()),
        6 => config.backoff.quick_ms = value,
        7 => config.backoff.ready_for_quick_ms = value,
        8 => config.backoff.base_ms = value,
        9 => config.backoff.max_ms = value,
        10 => config.backoff.stable_ms = value,
        _ => {
            config.pong_grace_ms = value;
            config.login_timeout_ms = value;
            config.ack_timeout_ms = value;
            config.backoff.max_ms = value;
        }
    }
    config
}

fn cause(detail: u8, topic: Topic) -> Cause {
    let text = String::new();
    match detail % 10 {
        0 => Cause::Lost { text },
        1 => Cause::PeerClosed {
            code: Some(1000 + u16::from(detail) / 10),
            reason: text,
        },
        2 => Cause::PeerClosed {
            code: None,
            reason: text,
        },
        3 => Cause::Connect {
            kind: ConnectErrorKind::Timeout,
            retry: Retry::Normal,
            text,
        },
        4 => Cause::Connect {
            kind: ConnectErrorKind::Upgrade(UpgradeFault::NotHttp),
            retry: Retry::Slow,
            text,
        },
        5 => Cause::Connect {
            kind: ConnectErrorKind::Refused { status: 429 },
            retry: Retry::After {
                ms: u64::MAX >> (detail / 4),
            },
            text,
        },
        6 => Cause::Violation { code: 1002, text },
        7 => Cause::SlowConsumer,
        8 => Cause::AckTimeout { topic },
        _ => Cause::LoginRefused(Refusal::new(Some(ErrorCode(94002)), "no")),
    }
}

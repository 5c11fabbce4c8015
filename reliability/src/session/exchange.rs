//! The other end: what BitMart answers, as text in and frames out.

use std::collections::{BTreeMap, BTreeSet};

use bitmart_auth::{Credentials, HmacSigner, Signer};
use bitmart_proto::{Dialect, ErrorCode, Market, Refusal, Side, Topic, limits};
use bitmart_session::Retry;
use bitmart_session::time::{MILLISECOND, SECOND};
use bitmart_session::{ConnectErrorKind, ConnectionId};
use fastrand::Rng;

use super::LATENCY;
use super::fault::{Effects, Fault};

/// Unix time in milliseconds at the simulation's zero.
pub(super) const START_MS: u64 = 1_700_000_000_000;

/// What comes from the exchange.
#[derive(Clone, Debug)]
pub(super) enum Frame {
    Pong,
    Reply {
        verb: &'static str,
        topic: Option<Topic>,
        refusal: Option<(Option<u32>, &'static str)>,
    },
    Data {
        topic: Topic,
        sequence: u64,
    },
    Close(u16),
    /// The end of the stream, without a frame.
    End,
}

/// Why a socket does not open.
#[derive(Clone, Debug)]
pub(super) struct Refused {
    pub(super) kind: ConnectErrorKind,
    pub(super) retry: Retry,
    pub(super) text: &'static str,
}

/// What a dial comes to, and when.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    Open { after: u64 },
    Fail { after: u64, refused: Refused },
}

#[derive(Debug)]
pub(super) struct Socket {
    pub(super) client: usize,
    id: ConnectionId,
    is_logged_in: bool,
    has_asked_for_login: bool,
    has_strayed: bool,
    pub(super) topics: BTreeSet<Topic>,
    /// Whether what is sent arrives, either way.
    is_up_open: bool,
    is_down_open: bool,
    up_free_at: u64,
    down_free_at: u64,
}

/// What is to arrive at a client: when, on which socket.
pub(super) type Delivery = (u64, u64, Frame);

#[derive(Debug, Default)]
pub(super) struct Exchange {
    pub(super) effects: Effects,
    sockets: BTreeMap<u64, Socket>,
    next_socket: u64,
    /// Topics that were ever refused: others may not fail for a refusal.
    pub(super) refused: BTreeSet<Topic>,
    /// Whether the key was ever revoked, a clock ever wrong: otherwise no login may fail for it.
    pub(super) was_revoked: bool,
    pub(super) was_skewed: bool,
    /// When an upgrade was last answered without a date: with one, a wrong clock does no harm.
    pub(super) undated_at: Option<u64>,
    /// What a client did that it must never do.
    pub(super) offence: Option<(usize, &'static str)>,
}

impl Exchange {
    pub(super) fn unix_ms(now: u64) -> u64 {
        START_MS + now / MILLISECOND
    }

    /// A client dials.
    pub(super) fn dial(&self, rng: &mut Rng) -> Answer {
        let round = 2 * latency(rng);
        let fail = |after, kind, retry, text| Answer::Fail {
            after,
            refused: Refused { kind, retry, text },
        };
        let effects = &self.effects;
        if effects.has(Fault::Blackhole) || effects.has(Fault::Hang) {
            return fail(
                5 * SECOND,
                ConnectErrorKind::Timeout,
                Retry::Normal,
                "no answer within 5000 ms",
            );
        }
        if effects.has(Fault::Refuse) {
            return fail(round, ConnectErrorKind::Tcp, Retry::Normal, "connection refused");
        }
        if effects.has(Fault::Certificate) {
            let kind = ConnectErrorKind::Tls(bitmart_session::TlsFault::Expired);
            return fail(2 * round, kind, Retry::Slow, "the certificate has expired");
        }
        let status = effects.find(|fault| match fault {
            Fault::Status(status, wait) => Some((*status, *wait)),
            _ => None,
        });
        if let Some((status, wait)) = status {
            let retry = wait.map_or(Retry::Normal, |ms| Retry::After { ms: ms.into() });
            return fail(
                2 * round,
                ConnectErrorKind::Refused { status },
                retry,
                "the venue refused",
            );
        }
        Answer::Open { after: 2 * round }
    }

    /// A client's socket is open.
    pub(super) fn accept(
        &mut self,
        client: usize,
        id: ConnectionId,
        now: u64,
        rng: &mut Rng,
    ) -> (u64, Vec<Delivery>) {
        self.next_socket += 1;
        let number = self.next_socket;
        self.sockets.insert(
            number,
            Socket {
                client,
                id,
                is_logged_in: false,
                has_asked_for_login: false,
                has_strayed: false,
                topics: BTreeSet::new(),
                is_up_open: !self.effects.has(Fault::Blackhole),
                is_down_open: !self.effects.has(Fault::Blackhole) && !self.effects.has(Fault::Deaf),
                up_free_at: now,
                down_free_at: now,
            },
        );
        let mut deliveries = Vec::new();
        if self.effects.has(Fault::Stray) {
            self.stray(now, number, rng, &mut deliveries);
        }
        if self.effects.has(Fault::TooMany) {
            let refusal = match id.market {
                Market::Spot => (Some(94_002), "Connection limit exceeded"),
                Market::Futures => (None, "connection exceeds limit"),
            };
            let verb = id.market.dialect().login_verb();
            let topic = None;
            self.send(
                now,
                number,
                Frame::Reply {
                    verb,
                    topic,
                    refusal: Some(refusal),
                },
                rng,
                &mut deliveries,
            );
        }
        (number, deliveries)
    }

    /// The client is done with a socket.
    pub(super) fn forget(&mut self, socket: u64) {
        self.sockets.remove(&socket);
    }

    /// Answers to nothing that was asked.
    fn stray(&mut self, now: u64, number: u64, rng: &mut Rng, deliveries: &mut Vec<Delivery>) {
        let Some(socket) = self.sockets.get(&number) else {
            return;
        };
        let is_spot = socket.id.market == Market::Spot;
        // An answer about the very topic that is asked for would be a lie that nobody could see through.
        let (held, other) = (socket.topics.first().cloned(), topic(socket.id, 99));
        let frames = [
            Frame::Pong,
            Frame::Reply {
                verb: "subscribe",
                topic: other,
                refusal: None,
            },
            Frame::Reply {
                verb: "unsubscribe",
                topic: held,
                refusal: None,
            },
            refused("unsubscribe", None, (is_spot.then_some(90_009), "not subscribed")),
        ];
        for frame in frames {
            if rng.bool() {
                self.send(now, number, frame, rng, deliveries);
            }
        }
    }

    /// What goes wrong with the sockets that there are.
    pub(super) fn strike(&mut self, fault: Fault, now: u64, rng: &mut Rng) -> Vec<Delivery> {
        let mut deliveries = Vec::new();
        self.was_revoked |= fault == Fault::Revoked;
        let numbers: Vec<u64> = self.sockets.keys().copied().collect();
        for number in numbers {
            match fault {
                Fault::Stray => self.stray(now, number, rng, &mut deliveries),
                Fault::Reset => self.send(now, number, Frame::End, rng, &mut deliveries),
                Fault::Close(code) => self.send(now, number, Frame::Close(code), rng, &mut deliveries),
                Fault::Revoked => self.send(now, number, Frame::Close(1000), rng, &mut deliveries),
                Fault::Blackhole | Fault::Deaf => {
                    if let Some(socket) = self.sockets.get_mut(&number) {
                        socket.is_down_open = false;
                        socket.is_up_open &= fault == Fault::Deaf;
                    }
                }
                _ => {}
            }
        }
        deliveries
    }

    /// Whose socket it is, while it is one.
    pub(super) fn owner(&self, socket: u64) -> Option<usize> {
        self.sockets.get(&socket).map(|socket| socket.client)
    }

    /// Whether a message on its way arrives.
    pub(super) fn is_down_open(&self, socket: u64) -> bool {
        self.sockets
            .get(&socket)
            .is_some_and(|socket| socket.is_down_open)
    }

    /// When a client's message arrives; `None` if it never does.
    pub(super) fn arrival(&mut self, now: u64, socket: u64, rng: &mut Rng) -> Option<u64> {
        let at = now + latency(rng);
        let socket = self.sockets.get_mut(&socket).filter(|socket| socket.is_up_open)?;
        socket.up_free_at = socket.up_free_at.max(at);
        Some(socket.up_free_at)
    }

    fn send(&mut self, now: u64, number: u64, frame: Frame, rng: &mut Rng, deliveries: &mut Vec<Delivery>) {
        let at = now + latency(rng);
        let Some(socket) = self.sockets.get_mut(&number).filter(|socket| socket.is_down_open) else {
            return;
        };
        socket.down_free_at = socket.down_free_at.max(at);
        deliveries.push((socket.down_free_at, number, frame));
    }

    /// Sends an item of a client's account to its sockets that follow the topic.
    pub(super) fn publish(
        &mut self,
        now: u64,
        client: usize,
        topic: &Topic,
        sequence: u64,
        rng: &mut Rng,
    ) -> Vec<Delivery> {
        let mut deliveries = Vec::new();
        let numbers: Vec<u64> = self
            .sockets
            .iter()
            .filter(|(_, socket)| socket.client == client && socket.topics.contains(topic))
            .map(|(number, _)| *number)
            .collect();
        for number in numbers {
            let frame = Frame::Data {
                topic: topic.clone(),
                sequence,
            };
            self.send(now, number, frame, rng, &mut deliveries);
        }
        deliveries
    }

    /// Whether a client follows a topic on any of its sockets.
    pub(super) fn is_followed(&self, client: usize, topic: &Topic) -> bool {
        let follows = |socket: &Socket| socket.client == client && socket.topics.contains(topic);
        self.sockets.values().any(follows)
    }

    /// A client's message has come.
    pub(super) fn receive(&mut self, now: u64, number: u64, text: &str, rng: &mut Rng) -> Vec<Delivery> {
        let mut deliveries = Vec::new();
        let Some(socket) = self.sockets.get(&number) else {
            return deliveries;
        };
        let dialect = socket.id.market.dialect();
        if text.as_bytes() == dialect.ping() {
            if !self.effects.has(Fault::NoPongs) {
                self.send(now, number, Frame::Pong, rng, &mut deliveries);
            }
            return deliveries;
        }
        // {"<key>":"<verb>","args":["…","…"]}: every second part between quotes.
        let parts: Vec<&str> = text.split('"').skip(1).step_by(2).collect();
        let (verb, args) = (parts[1], &parts[3..]);
        let mut replies = Vec::new();
        if self.effects.has(Fault::TooOften)
            && socket.id.market == Market::Spot
            && verb != dialect.login_verb()
        {
            replies.push(refused("subscribe", None, (Some(90_007), "Too frequent")));
        } else if verb == dialect.login_verb() {
            replies.extend(self.log_in(now, number, dialect, args));
        } else {
            for text in args {
                replies.push(self.answer(number, dialect, verb, text, rng));
            }
        }
        let is_login = verb == dialect.login_verb();
        // One refusal without a name may belong to anything.
        if self.effects.has(Fault::Stray)
            && verb == "subscribe"
            && !dialect.refusals_name_topics()
            && let Some(socket) = self.sockets.get_mut(&number)
            && !std::mem::replace(&mut socket.has_strayed, true)
        {
            let stray = refused("subscribe", None, (Some(92_001), "Symbol not found"));
            self.send(now, number, stray, rng, &mut deliveries);
        }
        let late = match self.effects.has(Fault::LateReplies) {
            true => rng.u64(0..15 * SECOND),
            false => 0,
        };
        for reply in replies {
            if !is_login && self.effects.has(Fault::LostAcks) && rng.bool() {
                continue;
            }
            let copies = 1 + u8::from(self.effects.has(Fault::Echo));
            for _ in 0..copies {
                match late {
                    0 => self.send(now, number, reply.clone(), rng, &mut deliveries),
                    // It is written late; what is written meanwhile doesn't wait for it.
                    _ => deliveries.push((now + late + latency(rng), number, reply.clone())),
                }
            }
        }
        if is_login && self.effects.has(Fault::Revoked) {
            self.send(now, number, Frame::Close(1000), rng, &mut deliveries);
        }
        deliveries
    }

    fn log_in(&mut self, now: u64, number: u64, dialect: &dyn Dialect, args: &[&str]) -> Option<Frame> {
        let verb = dialect.login_verb();
        let is_spot = dialect.market() == Market::Spot;
        let socket = self.sockets.get_mut(&number)?;
        if std::mem::replace(&mut socket.has_asked_for_login, true) {
            self.offence = Some((socket.client, "P4: a second login on one socket"));
        }
        if self.effects.has(Fault::LoginIgnored) {
            return None;
        }
        let refusal = if self.effects.has(Fault::Revoked) {
            Some(if is_spot {
                (Some(91_002), "api key not found")
            } else {
                (None, "access failed")
            })
        } else if self.effects.has(Fault::LoginDeferred) {
            Some(if is_spot {
                (Some(95_000), "internal error")
            } else {
                (None, "service temporarily unavailable")
            })
        } else {
            let signed_ms: u64 = args[1].parse().unwrap_or(0);
            let expected = signer().sign_login(signed_ms).ok();
            if expected.is_none_or(|expected| expected.as_str() != args[2]) {
                self.offence = Some((socket.client, "P4: a login whose signature is of another time"));
            }
            let is_late = signed_ms.abs_diff(Self::unix_ms(now)) > limits::LOGIN_WINDOW_MS;
            is_late.then_some(if is_spot {
                (Some(91_022), "timestamp expired")
            } else {
                (None, "access failed")
            })
        };
        socket.is_logged_in = refusal.is_none();
        Some(match refusal {
            None => Frame::Reply {
                verb,
                topic: None,
                refusal: None,
            },
            Some(refusal) => refused(verb, None, refusal),
        })
    }

    fn answer(&mut self, number: u64, dialect: &dyn Dialect, verb: &str, text: &str, rng: &mut Rng) -> Frame {
        let is_subscribe = verb == "subscribe";
        let verb = if is_subscribe { "subscribe" } else { "unsubscribe" };
        let names = dialect.refusals_name_topics();
        let (Ok(topic), Some(socket)) = (text.parse::<Topic>(), self.sockets.get_mut(&number)) else {
            return refused(verb, None, (Some(90_004), "Invalid channel"));
        };
        let named = names.then(|| topic.clone());
        if socket.id.side == Side::Private && !socket.is_logged_in {
            return refused(verb, named, (Some(91_006), "need authentication"));
        }
        if !is_subscribe {
            socket.topics.remove(&topic);
            return Frame::Reply {
                verb,
                topic: Some(topic),
                refusal: None,
            };
        }
        // A refused topic stays refused while the fault lasts: the symbol says which ones are.
        if self.effects.has(Fault::Topics) && topic.as_str().len() % 2 == 0 {
            self.refused.insert(topic.clone());
            let refusal = if names {
                (None, "channel not found")
            } else {
                (Some(92_001), "Symbol not found")
            };
            return refused(verb, named, refusal);
        }
        if !socket.topics.insert(topic.clone()) && !names && rng.bool() {
            return refused(verb, None, (Some(90_008), "Already subscribed"));
        }
        Frame::Reply {
            verb,
            topic: Some(topic),
            refusal: None,
        }
    }
}

/// The credentials of every client here.
pub(super) fn signer() -> HmacSigner {
    let credentials = Credentials::new("the-key", "the-secret", "the-memo");
    HmacSigner::new(credentials.expect("these can be credentials"))
}

/// The topic of a number, on a connection.
pub(super) fn topic(id: ConnectionId, n: u32) -> Option<Topic> {
    let text = match (id.market, id.side) {
        (Market::Spot, Side::Public) => format!("spot/ticker:C{n}_USDT"),
        (Market::Spot, Side::Private) => format!("spot/user/order:C{n}_USDT"),
        (Market::Futures, Side::Public) => format!("futures/ticker:C{n}USDT"),
        (Market::Futures, Side::Private) => format!("futures/asset:C{n}"),
    };
    text.parse().ok()
}

fn refused(verb: &'static str, topic: Option<Topic>, refusal: (Option<u32>, &'static str)) -> Frame {
    Frame::Reply {
        verb,
        topic,
        refusal: Some(refusal),
    }
}

/// The refusal that a reply's parts stand for.
pub(super) fn refusal((code, text): (Option<u32>, &'static str)) -> Refusal<'static> {
    Refusal::new(code.map(ErrorCode), text)
}

fn latency(rng: &mut Rng) -> u64 {
    rng.u64(MILLISECOND..LATENCY)
}

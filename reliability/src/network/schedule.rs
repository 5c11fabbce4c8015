//! What happens in one simulation, drawn from its seed: settings, troubles, and what the user does.

use std::fmt;

use bitmart::{Market, Overflow, Side, Topic};
use bitmart_sim::{Compress, Fault, Garbage};
use fastrand::Rng;

/// Virtual milliseconds in which troubles begin.
const STORM_MS: u64 = 9_000;

/// The first trouble comes no earlier, in virtual milliseconds: mostly, everything is live by then.
const FIRST_TROUBLE_MS: u64 = 200;

/// Troubles of one simulation, at most.
const MAX_TROUBLES: usize = 4;

/// One simulation in so many has a trouble after which the client has to stay away for a minute.
const PATIENT_EVERY: u64 = 10;

/// The trouble in which the simulator says nothing.
pub(super) const SILENCE: &str = "silence";

/// What can be followed, by market and side.
const TOPICS: [(Market, Side, &[&str]); 4] = [
    (
        Market::Spot,
        Side::Public,
        &[
            "spot/trade:BTC_USDT",
            "spot/trade:ETH_USDT",
            "spot/ticker:BTC_USDT",
        ],
    ),
    (
        Market::Spot,
        Side::Private,
        &[
            "spot/user/order:BTC_USDT",
            "spot/user/order:ETH_USDT",
            "spot/user/balance:BALANCE_UPDATE",
        ],
    ),
    (
        Market::Futures,
        Side::Public,
        &[
            "futures/trade:BTCUSDT",
            "futures/trade:ETHUSDT",
            "futures/ticker:BTCUSDT",
        ],
    ),
    (
        Market::Futures,
        Side::Private,
        &["futures/order", "futures/asset:USDT"],
    ),
];

/// How client and exchange speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Transport {
    /// In plain text: every frame is seen on its way.
    Plain,
    /// Over TLS.
    Tls,
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain => "plain",
            Self::Tls => "tls",
        })
    }
}

/// A certificate that proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum BadCertificate {
    Expired,
    UnknownAuthority,
    WrongName,
}

/// What the lookup of the exchange's name does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum NamesTrouble {
    Fail,
    Hang,
    /// The name leads to another machine of the exchange's.
    Moved,
}

/// Something that goes wrong for a while.
#[derive(Clone, Debug)]
pub(super) enum What {
    /// What is sent is lost, in both directions or in one; what lived through it is reset at its end.
    Partition {
        to_exchange: bool,
        to_client: bool,
    },
    /// What is sent waits until the end.
    Hold,
    /// The link is slow.
    Slow {
        latency_ms: u64,
    },
    /// The exchange's process ends and starts again at once.
    Bounce {
        loses_state: bool,
    },
    /// The exchange's process ends, and starts again at the end.
    Crash {
        loses_state: bool,
    },
    /// The simulator misbehaves.
    Simulator(Box<Fault>),
    Names(NamesTrouble),
    Certificate(BadCertificate),
    /// The user reads no events.
    Stall,
}

/// A trouble, and when.
#[derive(Clone, Debug)]
pub(super) struct Trouble {
    pub(super) from_ms: u64,
    pub(super) until_ms: u64,
    pub(super) name: &'static str,
    pub(super) what: What,
}

/// What the user does.
#[derive(Clone, Debug)]
pub(super) enum Action {
    Subscribe(Vec<Topic>),
    Unsubscribe(Vec<Topic>),
    CloseConnection(Market, Side),
    Close,
    /// Drops the stream of events, which closes everything.
    DropEvents,
    /// Drops the client; its connections go on.
    DropClient,
    /// Reads nothing for so many milliseconds.
    Stall(u64),
}

/// Everything that a simulation does, drawn from one seed.
#[derive(Clone, Debug)]
pub struct Schedule {
    pub(super) seed: u64,
    pub(super) transport: Transport,
    pub(super) tick_ms: u64,
    pub(super) exchange_tick_ms: u64,
    pub(super) latency_ms: (u64, u64),
    pub(super) overflow: Overflow,
    pub(super) queue_messages: usize,
    pub(super) compress: Compress,
    pub(super) is_hasty: bool,
    /// The stream under the client keeps what is written until it is flushed.
    pub(super) is_lazy: bool,
    /// All that are ever asked for.
    pub(super) topics: Vec<Topic>,
    pub(super) troubles: Vec<Trouble>,
    /// In order of time.
    pub(super) actions: Vec<(u64, Action)>,
}

impl Schedule {
    /// Draws a schedule.
    ///
    /// ```
    /// use bitmart_reliability::network::{Schedule, Transport};
    ///
    /// let schedule = Schedule::from_seed(7, Transport::Plain);
    /// assert_eq!(format!("{schedule:?}"), format!("{:?}", Schedule::from_seed(7, Transport::Plain)));
    /// ```
    #[must_use]
    pub fn from_seed(seed: u64, transport: Transport) -> Self {
        let mut rng = Rng::with_seed(
            seed ^ if transport == Transport::Tls {
                0x0071_5000
            } else {
                0
            },
        );
        // The first numbers of neighbouring seeds are alike.
        for _ in 0..8 {
            rng.u64(..);
        }
        let min_ms = rng.u64(1..=15);
        let mut schedule = Self {
            seed,
            transport,
            tick_ms: 20,
            exchange_tick_ms: rng.u64(300..=900),
            latency_ms: (min_ms, min_ms + rng.u64(0..=60)),
            overflow: [Overflow::Gap, Overflow::Gap, Overflow::Wait, Overflow::Disconnect][rng.usize(..4)],
            queue_messages: [10, 16, 8_192][rng.usize(..3)],
            compress: [
                Compress::Never,
                Compress::Never,
                Compress::AfterSubscribe,
                Compress::Always,
            ][rng.usize(..4)],
            is_hasty: rng.bool(),
            is_lazy: rng.bool(),
            topics: Vec::new(),
            troubles: Vec::new(),
            actions: Vec::new(),
        };
        schedule.draw_topics(&mut rng);
        let is_patient = rng.u64(..PATIENT_EVERY) == 0;
        for _ in 0..rng.usize(1..=MAX_TROUBLES) {
            schedule.draw_trouble(&mut rng, false);
        }
        if is_patient {
            schedule.draw_trouble(&mut rng, true);
        }
        schedule.draw_actions(&mut rng);
        schedule.actions.sort_by_key(|(at, _)| *at);
        schedule
    }

    fn draw_topics(&mut self, rng: &mut Rng) {
        let mut left = rng.usize(1..=3);
        let mut places: Vec<_> = TOPICS.iter().collect();
        rng.shuffle(&mut places);
        for (_, _, names) in places {
            if left == 0 {
                break;
            }
            left -= 1;
            let count = rng.usize(1..=names.len());
            let mut names: Vec<&&str> = names.iter().collect();
            rng.shuffle(&mut names);
            for name in names.into_iter().take(count) {
                self.topics
                    .push(name.parse().expect("the names above are topics"));
            }
        }
        let topics = self.topics.clone();
        // Together, or one after the other.
        if rng.bool() {
            self.actions.push((10, Action::Subscribe(topics)));
        } else {
            for topic in topics {
                self.actions
                    .push((rng.u64(10..=1_500), Action::Subscribe(vec![topic])));
            }
        }
    }

    /// A market and side that is used.
    fn place(&self, rng: &mut Rng) -> (Market, Side) {
        let topic = &self.topics[rng.usize(..self.topics.len())];
        (topic.market(), topic.side())
    }

    fn draw_trouble(&mut self, rng: &mut Rng, is_patient: bool) {
        let from_ms = rng.u64(FIRST_TROUBLE_MS..=STORM_MS);
        let (name, lasts_ms, what) = if is_patient {
            self.draw_patient(rng)
        } else {
            match rng.u8(..16) {
                0 => {
                    let (name, to_exchange, to_client) = [
                        ("partition", true, true),
                        ("partition, to the exchange", true, false),
                        ("partition, to the client", false, true),
                    ][rng.usize(..3)];
                    let what = What::Partition {
                        to_exchange,
                        to_client,
                    };
                    (name, rng.u64(100..=6_000), what)
                }
                1 => ("hold", rng.u64(100..=4_000), What::Hold),
                2 => {
                    let latency_ms = rng.u64(100..=1_500);
                    ("slow link", rng.u64(500..=4_000), What::Slow { latency_ms })
                }
                3 => {
                    let loses_state = rng.bool();
                    ("bounce", 100, What::Bounce { loses_state })
                }
                4 => {
                    let loses_state = rng.bool();
                    ("crash", rng.u64(100..=4_000), What::Crash { loses_state })
                }
                5 => {
                    let trouble =
                        [NamesTrouble::Fail, NamesTrouble::Hang, NamesTrouble::Moved][rng.usize(..3)];
                    // It is felt by who has to look it up.
                    self.troubles.push(Trouble {
                        from_ms: from_ms + 50,
                        until_ms: from_ms + 150,
                        name: "cut",
                        what: What::Simulator(Box::new(Fault::cut())),
                    });
                    ("names", rng.u64(500..=3_000), What::Names(trouble))
                }
                6..=8 => {
                    let lasts_ms = rng.u64(200..=5_000);
                    self.actions.push((from_ms, Action::Stall(lasts_ms)));
                    ("stall", lasts_ms, What::Stall)
                }
                _ => {
                    if rng.u8(..3) == 0 {
                        // Then it meets a socket that has just been opened, and what it says comes behind the upgrade.
                        self.troubles.push(Trouble {
                            from_ms: from_ms.saturating_sub(60),
                            until_ms: from_ms.saturating_sub(20),
                            name: "cut",
                            what: What::Simulator(Box::new(Fault::cut())),
                        });
                    }
                    self.draw_fault(rng)
                }
            }
        };
        self.troubles.push(Trouble {
            from_ms,
            until_ms: from_ms + lasts_ms,
            name,
            what,
        });
    }

    /// What the simulator can be made to do.
    fn draw_fault(&self, rng: &mut Rng) -> (&'static str, u64, What) {
        let (market, side) = self.place(rng);
        let topic = self.topics[rng.usize(..self.topics.len())].to_string();
        let times = rng.u64(1..=3);
        let ms = |rng: &mut Rng, range| std::time::Duration::from_millis(rng.u64(range));
        let (name, fault) = match rng.u8(..22) {
            0..=2 => {
                let codes = [1000, 1001, 1002, 1005, 1006, 1008, 1011, 1012, 1013, 4000];
                ("close", Fault::close(codes[rng.usize(..codes.len())], "a reason"))
            }
            3 => ("reset", Fault::reset()),
            4 => ("cut", Fault::cut()),
            5 => ("torn frame", Fault::tear_frame()),
            6 | 7 => (SILENCE, Fault::silence()),
            8 => ("upgrade refused", Fault::refuse_upgrade(503, None).times(times)),
            9 => {
                let after = std::time::Duration::from_secs(rng.u64(1..=3));
                (
                    "upgrade refused for a while",
                    Fault::refuse_upgrade(503, Some(after)).times(times),
                )
            }
            10 => ("upgrade stalls", Fault::stall_upgrade().times(times)),
            11 => ("login ignored", Fault::ignore_login().times(times)),
            12 => ("acks lost", Fault::drop_acks().times(times)),
            13 => (
                "replies late",
                Fault::delay_replies(ms(rng, 50..=1_500)).times(times),
            ),
            14 => ("lag", Fault::lag(ms(rng, 0..=100), ms(rng, 100..=1_500))),
            15 => {
                let garbage = [
                    Garbage::Bytes(200),
                    Garbage::Text(200),
                    Garbage::InvalidUtf8,
                    Garbage::TruncatedDeflate,
                    Garbage::Gzip,
                    Garbage::Bomb(9 << 20),
                ];
                (
                    "garbage",
                    Fault::send_garbage(garbage[rng.usize(..garbage.len())]),
                )
            }
            16 => {
                let raw: [&[u8]; 4] = [
                    b"\xc1\x02hi",
                    b"\x81\x82\x00\x00\x00\x00hi",
                    b"\x83\x00",
                    b"\x82\x7f\x00\x00\x01\x00\x00\x00\x00\x00",
                ];
                ("no frame", Fault::send_raw(raw[rng.usize(..raw.len())]))
            }
            17 => ("connect refused", Fault::refuse_connect().times(times)),
            18 => ("connect stalls", Fault::stall_connect().times(times)),
            19 => (
                "topic refused",
                Fault::refuse_topic("90003", "Invalid topic").on_topic(topic),
            ),
            20 => (
                "server error",
                Fault::refuse_request("95000", "internal error").times(times),
            ),
            _ => ("odd text", Fault::send_text("{\"hello\":1}")),
        };
        let fault = match rng.u8(..4) {
            0 => fault,
            _ => fault.on(market, side),
        };
        (name, rng.u64(100..=4_000), What::Simulator(Box::new(fault)))
    }

    /// Troubles after which a client has to stay away for longer than most simulations last.
    fn draw_patient(&mut self, rng: &mut Rng) -> (&'static str, u64, What) {
        let (market, side) = self.place(rng);
        let lasts_ms = rng.u64(1_000..=4_000);
        if self.transport == Transport::Tls && rng.u8(..4) != 0 {
            let bad = [
                BadCertificate::Expired,
                BadCertificate::UnknownAuthority,
                BadCertificate::WrongName,
            ][rng.usize(..3)];
            return ("bad certificate", lasts_ms, What::Certificate(bad));
        }
        let (name, fault) = match rng.u8(..5) {
            0 => ("wrong accept", Fault::corrupt_accept()),
            1 => ("too many", Fault::refuse_upgrade(429, None)),
            2 => ("forbidden", Fault::refuse_upgrade(403, None)),
            3 => ("login deferred", Fault::reject_login("95000", "internal error")),
            _ => (
                "limited",
                Fault::send_text("IP Limited:Request connections exceeds limit"),
            ),
        };
        (name, lasts_ms, What::Simulator(Box::new(fault.on(market, side))))
    }

    fn draw_actions(&mut self, rng: &mut Rng) {
        let any_ms = |rng: &mut Rng| rng.u64(50..=STORM_MS + 2_000);
        for _ in 0..rng.usize(..=2) {
            let topic = self.topics[rng.usize(..self.topics.len())].clone();
            let at = any_ms(rng);
            self.actions.push((at, Action::Unsubscribe(vec![topic.clone()])));
            if rng.bool() {
                let at = at + rng.u64(0..=2_000);
                self.actions.push((at, Action::Subscribe(vec![topic])));
            }
        }
        match rng.u8(..20) {
            0 => self.actions.push((any_ms(rng), Action::Close)),
            1 => self.actions.push((any_ms(rng), Action::DropEvents)),
            2 => self.actions.push((any_ms(rng), Action::DropClient)),
            3 | 4 => {
                let (market, side) = self.place(rng);
                let at = any_ms(rng);
                self.actions.push((at, Action::CloseConnection(market, side)));
                if rng.bool() {
                    let belongs = |topic: &&Topic| (topic.market(), topic.side()) == (market, side);
                    let again = self.topics.iter().filter(belongs).cloned().collect();
                    self.actions
                        .push((at + rng.u64(0..=1_000), Action::Subscribe(again)));
                }
            }
            _ => {}
        }
    }

    /// When the last trouble ends and the last action is over, in virtual milliseconds.
    pub(super) fn calm_ms(&self) -> u64 {
        let troubles = self.troubles.iter().map(|trouble| trouble.until_ms);
        let actions = self.actions.iter().map(|(at, _)| *at);
        troubles.chain(actions).max().unwrap_or(0)
    }

    /// How long troubles can keep an item on its way, in virtual milliseconds.
    pub(super) fn delay_ms(&self) -> u64 {
        let delays = self.troubles.iter().map(|trouble| match &trouble.what {
            What::Hold | What::Stall => trouble.until_ms - trouble.from_ms,
            What::Slow { latency_ms } => *latency_ms,
            What::Simulator(_) if trouble.name == "lag" => 1_500,
            _ => 0,
        });
        delays.sum()
    }
}

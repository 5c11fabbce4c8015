//! What goes wrong in a soak, and in which order: every kind of fault that the simulator knows, by seed.

use std::time::Duration;

use bitmart::{Market, Side, Topic};
use bitmart_sim::{Fault, Garbage};

use super::topics::every_topic;

/// Bytes of a text that is longer than the client takes (1 MiB).
const TOO_LONG_BYTES: usize = 2 << 20;
/// Bytes that a bomb inflates to: twice what the client takes (8 MiB).
const BOMB_BYTES: usize = 16 << 20;
/// Bytes of a random message that the client takes and can't read.
const JUNK_BYTES: usize = 48 << 10;
/// Pushes in a row that a fault of pushes hits.
const PUSHES_HIT: u64 = 20;
/// Codes that the exchange was seen to close with, or might.
const CLOSE_CODES: [u16; 6] = [1000, 1001, 1008, 1011, 1012, 4000];
/// A web page in place of an upgrade.
const PAGE: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 9\r\n\r\n<p>Hi</p>";
/// A frame with a reserved bit that nobody agreed on.
const RESERVED_BIT: &[u8] = b"\xc1\x02{}";

/// How soon the client comes back after a fault.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Return {
    /// Within seconds.
    Soon,
    /// After 20 s or more, by the client's own patience: haste would not help against it.
    Late,
}

/// Where a kind of fault is felt.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    Anywhere,
    /// Where a login is.
    Private,
}

/// Something that is being drawn for a fault: the random source and a topic of the endpoint it hits.
struct Draw<'a> {
    rng: &'a mut fastrand::Rng,
    topic: &'a str,
}

struct Species {
    name: &'static str,
    back: Return,
    reach: Reach,
    /// Whether the fault waits for another socket, so that the present one has to go.
    waits: bool,
    make: fn(&mut Draw<'_>) -> Fault,
}

const fn now(name: &'static str, make: fn(&mut Draw<'_>) -> Fault) -> Species {
    Species {
        name,
        back: Return::Soon,
        reach: Reach::Anywhere,
        waits: false,
        make,
    }
}

const fn next(name: &'static str, make: fn(&mut Draw<'_>) -> Fault) -> Species {
    Species {
        waits: true,
        ..now(name, make)
    }
}

const fn late(name: &'static str, make: fn(&mut Draw<'_>) -> Fault) -> Species {
    Species {
        back: Return::Late,
        ..next(name, make)
    }
}

const fn private(species: Species) -> Species {
    Species {
        reach: Reach::Private,
        ..species
    }
}

static SPECIES: [Species; 36] = [
    now("close", |draw| {
        Fault::close(CLOSE_CODES[draw.rng.usize(..CLOSE_CODES.len())], "soak")
    }),
    now("reset", |_| Fault::reset()),
    now("cut", |_| Fault::cut()),
    now("silence", |_| Fault::silence()),
    now("torn frame", |_| Fault::tear_frame()),
    now("lag", |_| {
        Fault::lag(Duration::from_millis(20), Duration::from_millis(400))
    }),
    now("text that is no JSON", |_| {
        Fault::send_text("<html>not today</html>")
    }),
    now("bytes that are no DEFLATE", |_| {
        Fault::send_binary(vec![0xff; 300])
    }),
    now("random bytes", |_| {
        Fault::send_garbage(Garbage::Bytes(JUNK_BYTES))
    }),
    now("random text", |_| Fault::send_garbage(Garbage::Text(JUNK_BYTES))),
    now("text that is no UTF-8", |_| {
        Fault::send_garbage(Garbage::InvalidUtf8)
    }),
    now("bomb", |_| Fault::send_garbage(Garbage::Bomb(BOMB_BYTES))),
    now("half a DEFLATE stream", |_| {
        Fault::send_garbage(Garbage::TruncatedDeflate)
    }),
    now("gzip", |_| Fault::send_garbage(Garbage::Gzip)),
    now("text too long", |_| {
        Fault::send_garbage(Garbage::Text(TOO_LONG_BYTES))
    }),
    now("reserved bit", |_| Fault::send_raw(RESERVED_BIT)),
    now("skipped pushes", |_| Fault::skip_push().times(PUSHES_HIT)),
    now("repeated pushes", |_| Fault::repeat_push().times(PUSHES_HIT)),
    now("swapped pushes", |_| Fault::swap_pushes().times(PUSHES_HIT)),
    next("refused connect", |_| Fault::refuse_connect()),
    next("stalled connect", |_| Fault::stall_connect()),
    next("upgrade refused with 503", |_| Fault::refuse_upgrade(503, None)),
    next("upgrade refused with Retry-After", |_| {
        Fault::refuse_upgrade(503, Some(Duration::from_secs(2)))
    }),
    next("stalled upgrade", |_| Fault::stall_upgrade()),
    next("refused request", |_| {
        Fault::refuse_request("95000", "Internal server error")
    }),
    next("refused topic", |draw| {
        // Once in the batch, and once alone: only then is it final.
        Fault::refuse_topic("92001", "symbol does not exist")
            .on_topic(draw.topic)
            .times(2)
    }),
    next("lost acknowledgements", |_| Fault::drop_acks().times(2)),
    next("late replies", |_| {
        Fault::delay_replies(Duration::from_millis(700)).times(8)
    }),
    private(next("ignored login", |_| Fault::ignore_login())),
    private(late("login refused for now", |_| {
        Fault::reject_login("95000", "service temporarily unavailable")
    })),
    late("upgrade refused with 403", |_| Fault::refuse_upgrade(403, None)),
    late("redirect", |_| {
        Fault::redirect_upgrade(301, "https://localhost/elsewhere")
    }),
    late("web page", |_| Fault::answer_upgrade(PAGE)),
    late("other protocol", |_| {
        Fault::answer_upgrade("220 mail.example ESMTP\r\n")
    }),
    late("extension nobody asked for", |_| {
        Fault::add_header("Sec-WebSocket-Extensions", "permessage-deflate")
    }),
    late("wrong accept", |_| Fault::corrupt_accept()),
];

/// The largest messages of their kinds that are taken, or are given up at a bound: what the client keeps for the next
/// one is largest after these.
pub(crate) fn largest() -> [Fault; 4] {
    [
        Fault::send_garbage(Garbage::Bytes(JUNK_BYTES)),
        Fault::send_garbage(Garbage::Text(JUNK_BYTES)),
        Fault::send_garbage(Garbage::Bomb(BOMB_BYTES)),
        Fault::send_garbage(Garbage::Text(TOO_LONG_BYTES)),
    ]
}

/// One blow: what is to be set loose on the exchange at once.
#[derive(Clone, Debug)]
pub struct Blow {
    /// What it is, for people.
    pub name: &'static str,
    /// The faults. One that waits for another socket is followed by one that ends the present.
    pub faults: Vec<Fault>,
}

/// Blows by seed. Each kind comes once before one comes again.
#[derive(Debug)]
pub struct Plan {
    rng: fastrand::Rng,
    topics: Vec<Topic>,
    deck: Vec<usize>,
    late: Late,
}

/// How often those kinds come after which the client waits for 20 s and more: a load that is meant to be full is none
/// while it waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Late {
    /// As often as others.
    Always,
    /// Once each, with the first of the others.
    Once,
    /// Not at all.
    Never,
}

impl Plan {
    /// Blows without end.
    #[must_use]
    pub fn new(seed: u64, late: Late) -> Self {
        Self {
            rng: fastrand::Rng::with_seed(seed),
            topics: every_topic(),
            deck: Vec::new(),
            late,
        }
    }

    /// A random time between two, for the pause before a blow.
    pub fn pause(&mut self, range: [Duration; 2]) -> Duration {
        let [least_ms, most_ms] = range.map(|it| u64::try_from(it.as_millis()).unwrap_or(u64::MAX));
        Duration::from_millis(self.rng.u64(least_ms..=most_ms.max(least_ms)))
    }

    /// The next blow.
    pub fn blow(&mut self) -> Blow {
        if self.deck.is_empty() {
            let has_late = self.late != Late::Never;
            self.deck = (0..SPECIES.len())
                .filter(|at| has_late || SPECIES[*at].back == Return::Soon)
                .collect();
            self.rng.shuffle(&mut self.deck);
            if self.late == Late::Once {
                self.late = Late::Never;
            }
        }
        let species = &SPECIES[self.deck.pop().expect("it was just filled")];
        let market = Market::ALL[self.rng.usize(..Market::ALL.len())];
        let side = match species.reach {
            Reach::Anywhere => Side::ALL[self.rng.usize(..Side::ALL.len())],
            Reach::Private => Side::Private,
        };
        let here: Vec<&Topic> = self
            .topics
            .iter()
            .filter(|topic| topic.market() == market && topic.side() == side)
            .collect();
        let topic = here[self.rng.usize(..here.len())].as_str();
        let mut draw = Draw {
            rng: &mut self.rng,
            topic,
        };
        let mut faults = vec![(species.make)(&mut draw).on(market, side)];
        if species.waits {
            faults.push(Fault::reset().on(market, side));
        }
        Blow {
            name: species.name,
            faults,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn names(plan: &mut Plan, count: usize) -> Vec<&'static str> {
        (0..count).map(|_| plan.blow().name).collect()
    }

    #[test]
    fn every_kind_comes_once_before_one_comes_again() {
        let mut plan = Plan::new(3, Late::Always);
        for _ in 0..3 {
            let round: BTreeSet<&str> = names(&mut plan, SPECIES.len()).into_iter().collect();
            assert_eq!(round.len(), SPECIES.len());
        }
        let again = |seed| names(&mut Plan::new(seed, Late::Always), 50);
        assert_eq!(again(3), again(3), "a seed replays");
        assert_ne!(again(3), again(4));
    }

    #[test]
    fn those_that_cost_the_client_long_waits_can_be_left_out() {
        let late = SPECIES.iter().filter(|it| it.back == Return::Late);
        let late: BTreeSet<&str> = late.map(|it| it.name).collect();
        let count = |plan: &mut Plan, count| {
            let names = names(plan, count);
            names.iter().filter(|name| late.contains(*name)).count()
        };
        assert_eq!(count(&mut Plan::new(5, Late::Never), 200), 0);
        let mut once = Plan::new(5, Late::Once);
        assert_eq!(count(&mut once, SPECIES.len()), late.len());
        assert_eq!(count(&mut once, 200), 0);
    }
}

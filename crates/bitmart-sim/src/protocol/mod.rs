//! What a connection says and hears, without the connection: text in, texts out.
//!
//! The two dialects share their shape (a verb and arguments, one answer per topic) and nothing on the wire, so
//! each has its file.

mod futures;
mod login;
mod spot;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write;

use bitmart_auth::HmacSigner;
use bitmart_proto::limits::MESSAGE_WINDOW_MS;
use bitmart_proto::{Channel, Market, Topic};

use crate::account::Standing;
use crate::limits::Limits;
use crate::random::Random;
use crate::venue::Endpoint;

/// Who may log in and what may be subscribed to.
#[derive(Debug)]
pub(crate) struct Directory {
    /// By key.
    pub(crate) members: BTreeMap<String, Member>,
    pub(crate) spot_symbols: BTreeSet<String>,
    pub(crate) futures_symbols: BTreeSet<String>,
    /// What `futures/asset:CCY` takes.
    pub(crate) futures_currencies: BTreeSet<String>,
    /// Whether a spot private order topic starts with a push whose `data` is an empty string.
    pub(crate) is_empty_push_sent: bool,
    pub(crate) wording: Wording,
}

/// An account as a login sees it.
#[derive(Debug)]
pub(crate) struct Member {
    /// Its place in the order in which the accounts were given.
    pub(crate) number: usize,
    pub(crate) signer: HmacSigner,
    pub(crate) standing: Standing,
}

/// How futures words its answers: the documentation and the captures differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Wording {
    /// As captured in 2026: `Invalid channel: not found futures/…`, and the whole request repeated in each answer.
    #[default]
    Captured,
    /// As documented: `group [futures/…] not exist`, and the request repeated with the one topic of the answer.
    Documented,
}

impl Directory {
    /// Whether the exchange has what the topic filters by.
    fn is_listed(&self, topic: &Topic) -> bool {
        let Some(filter) = topic.filter() else { return true };
        match topic.channel() {
            Channel::SpotUserOrders | Channel::SpotUserBalance => true,
            Channel::FuturesAsset => self.futures_currencies.contains(filter),
            channel => match channel.market() {
                Market::Spot => self.spot_symbols.contains(filter),
                Market::Futures => self.futures_symbols.contains(filter),
            },
        }
    }
}

/// What becomes of a login, before anything in it is looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LoginVerdict {
    /// The ordinary checks decide.
    Check,
    Refuse(Words),
    /// Never answered.
    Ignore,
}

/// A refusal's words; the code is for spot, futures has none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Words {
    pub(crate) code: String,
    pub(crate) text: String,
}

/// What may go against a request before the exchange's own rules do.
pub(crate) trait Interference {
    /// Asked once for each login.
    fn on_login(&mut self) -> LoginVerdict;
    /// Asked once for each request about topics: refuses it as a whole.
    fn on_request(&mut self, topics: &[&str]) -> Option<Words>;
    /// Asked once for each topic that would be subscribed to.
    fn on_topic(&mut self, topic: &str) -> Option<Words>;
}

/// What a message is handled with.
pub(crate) struct Context<'a> {
    pub(crate) directory: &'a Directory,
    pub(crate) limits: &'a Limits,
    /// Unix milliseconds.
    pub(crate) wall_ms: u64,
    /// Milliseconds of a clock that never steps.
    pub(crate) monotonic_ms: u64,
    pub(crate) interference: &'a mut dyn Interference,
    /// What the exchange tells a topic's subscriber at once.
    pub(crate) first_push: &'a mut dyn FnMut(&Topic) -> Option<String>,
}

/// One text for the client, and what it is about.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) text: String,
    pub(crate) about: About,
}

/// What an answer is about: faults and counters go by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum About {
    Pong,
    LoginAccepted,
    LoginRefused,
    Subscribed(String),
    Unsubscribed(String),
    Refusal,
    /// Data of a topic that follows an acknowledgement at once, or answers a request for it.
    FirstPush(String),
}

/// Everything that follows from one message: answers in order, then the end if there is one.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) answers: Vec<Answer>,
    /// Close the connection after the answers, with this code.
    pub(crate) close: Option<u16>,
}

impl Outcome {
    fn say(&mut self, about: About, text: impl Into<String>) {
        self.answers.push(Answer {
            text: text.into(),
            about,
        });
    }
}

/// One connection's state as the exchange keeps it.
#[derive(Debug)]
pub(crate) struct Session {
    endpoint: Endpoint,
    account: Option<usize>,
    topics: BTreeSet<String>,
    /// Topics beyond the limit that were acknowledged nevertheless, and stay without data.
    muted: BTreeSet<String>,
    /// When the last messages came, at most as many as the limit allows.
    recent_ms: VecDeque<u64>,
    random: Random,
}

impl Session {
    pub(crate) fn new(endpoint: Endpoint, random: Random) -> Self {
        Self {
            endpoint,
            account: None,
            topics: BTreeSet::new(),
            muted: BTreeSet::new(),
            recent_ms: VecDeque::new(),
            random,
        }
    }

    /// The number of the account that is logged in.
    pub(crate) fn account(&self) -> Option<usize> {
        self.account
    }

    /// Whether the connection hears of a topic.
    pub(crate) fn has_topic(&self, topic: &str) -> bool {
        self.topics.contains(topic)
    }

    pub(crate) fn has_topics(&self) -> bool {
        !self.topics.is_empty() || !self.muted.is_empty()
    }

    pub(crate) fn topics(&self) -> impl Iterator<Item = &str> {
        self.topics.iter().map(String::as_str)
    }

    /// Takes one message from the client.
    pub(crate) fn handle(&mut self, text: &str, context: &mut Context<'_>) -> Outcome {
        match self.endpoint.venue.market() {
            Market::Spot => spot::handle(self, text, context),
            Market::Futures => futures::handle(self, text, context),
        }
    }

    /// Whether one more message is within the exchange's limit per window.
    fn is_within_rate(&mut self, now_ms: u64, limit: Option<usize>) -> bool {
        let Some(limit) = limit else { return true };
        while self
            .recent_ms
            .front()
            .is_some_and(|at| now_ms.saturating_sub(*at) >= MESSAGE_WINDOW_MS)
        {
            self.recent_ms.pop_front();
        }
        let is_within = self.recent_ms.len() < limit;
        if is_within {
            self.recent_ms.push_back(now_ms);
        }
        is_within
    }

    /// A version 4 UUID from the session's own generator.
    fn uuid(&mut self) -> String {
        const VERSION_4: u128 = 0x4000 << 64;
        const VARIANT_RFC: u128 = 0x8000 << 48;
        const FIXED_BITS: u128 = (0xf000 << 64) | (0xc000 << 48);
        let random = (u128::from(self.random.next()) << 64) | u128::from(self.random.next());
        let hex = format!("{:032x}", (random & !FIXED_BITS) | VERSION_4 | VARIANT_RFC);
        let mut text = String::with_capacity(36);
        for (i, digit) in hex.chars().enumerate() {
            if matches!(i, 8 | 12 | 16 | 20) {
                text.push('-');
            }
            text.push(digit);
        }
        text
    }
}

/// Writes a text as a JSON string, quotes and escapes included.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Writes texts as a JSON array of strings.
fn quoted_list(texts: &[&str]) -> String {
    let mut out = String::from("[");
    for (i, text) in texts.iter().enumerate() {
        let comma = if i == 0 { "" } else { "," };
        write!(out, "{comma}{}", quoted(text)).expect("a String takes every write");
    }
    out.push(']');
    out
}

/// Reads `args`: an array of strings with at least one.
fn strings(args: Option<&serde_json::Value>) -> Option<Vec<&str>> {
    let args: Option<Vec<&str>> = args?.as_array()?.iter().map(serde_json::Value::as_str).collect();
    args.filter(|args| !args.is_empty())
}

/// Topics without those that were named before: a client that asks for one snapshot twenty times over needs it once.
fn distinct(topics: Vec<&str>) -> Vec<&str> {
    let mut seen = BTreeSet::new();
    topics.into_iter().filter(|topic| seen.insert(*topic)).collect()
}

#[cfg(test)]
mod tests {
    use bitmart_proto::Side;

    use super::*;
    use crate::Account;
    use crate::venue::Venue;

    fn directory() -> Directory {
        let set = |texts: &[&str]| texts.iter().map(ToString::to_string).collect();
        let signer = Account::example().signer().unwrap();
        Directory {
            members: BTreeMap::from([(
                crate::EXAMPLE_KEY.to_owned(),
                Member {
                    number: 0,
                    signer,
                    standing: Standing::Good,
                },
            )]),
            spot_symbols: set(&["BTC_USDT"]),
            futures_symbols: set(&["BTCUSDT"]),
            futures_currencies: set(&["USDT"]),
            is_empty_push_sent: true,
            wording: Wording::Captured,
        }
    }

    /// Nothing goes against anything.
    struct Nothing;

    impl Interference for Nothing {
        fn on_login(&mut self) -> LoginVerdict {
            LoginVerdict::Check
        }

        fn on_request(&mut self, _topics: &[&str]) -> Option<Words> {
            None
        }

        fn on_topic(&mut self, _topic: &str) -> Option<Words> {
            None
        }
    }

    /// Requests, and pieces of requests, put together and bent at random: whatever comes in, what goes out is JSON
    /// or a pong, and few enough of it.
    #[test]
    fn nothing_that_a_client_says_is_answered_with_nonsense() {
        const PIECES: [&str; 24] = [
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            "\"op\"",
            "\"action\"",
            "\"args\"",
            "\"login\"",
            "\"access\"",
            "\"subscribe\"",
            "\"unsubscribe\"",
            "\"request\"",
            "\"ping\"",
            "ping",
            "\"spot/trade:BTC_USDT\"",
            "\"futures/trade:BTCUSDT\"",
            "\"futures/position\"",
            "1e400",
            "\"\\ud800\"",
            "null",
            "\u{0}",
            "é\"",
        ];
        const WHOLE: [&str; 4] = [
            r#"{"op":"subscribe","args":["spot/trade:BTC_USDT","spot/user/order:BTC_USDT"]}"#,
            r#"{"action":"subscribe","args":["futures/trade:BTCUSDT","futures/order"]}"#,
            r#"{"op":"login","args":["key","1700000000000","sign"]}"#,
            r#"{"action":"access","args":["key","1700000000000","sign","web"]}"#,
        ];
        let (directory, limits) = (directory(), Limits::default());
        let mut random = Random::new(0, "messages");
        for round in 0..20_000_u64 {
            let venue = Venue::ALL[random.below(3) as usize];
            let side = Side::ALL[random.below(2) as usize];
            let mut session = Session::new(Endpoint { venue, side }, Random::new(round, "session"));
            if random.below(2) == 0 {
                session.account = Some(0);
            }
            let text = if random.below(2) == 0 {
                (0..random.below(12))
                    .map(|_| PIECES[random.below(24) as usize])
                    .collect::<String>()
            } else {
                let mut bytes = WHOLE[random.below(4) as usize].as_bytes().to_vec();
                for _ in 0..random.below(4) {
                    let at = random.below(bytes.len() as u64) as usize;
                    bytes[at] = random.next().to_le_bytes()[0];
                }
                String::from_utf8_lossy(&bytes).into_owned()
            };
            let mut context = Context {
                directory: &directory,
                limits: &limits,
                wall_ms: 1_700_000_000_000,
                monotonic_ms: round,
                interference: &mut Nothing,
                first_push: &mut |topic| Some(format!(r#"{{"data":[],"table":"{topic}"}}"#)),
            };
            let outcome = session.handle(&text, &mut context);
            assert!(outcome.answers.len() <= 40, "round {round}: {text:?}");
            for answer in outcome.answers {
                let is_json = serde_json::from_str::<serde_json::Value>(&answer.text).is_ok();
                assert!(
                    is_json || answer.text == "pong",
                    "round {round}: {text:?} -> {}",
                    answer.text
                );
            }
        }
    }

    #[test]
    fn uuids_are_of_version_four() {
        let endpoint = Endpoint {
            venue: Venue::LiveFutures,
            side: Side::Public,
        };
        let mut session = Session::new(endpoint, Random::new(0, "uuid"));
        for _ in 0..100 {
            let uuid = session.uuid();
            let parts: Vec<usize> = uuid.split('-').map(str::len).collect();
            assert_eq!(parts, [8, 4, 4, 4, 12], "{uuid}");
            assert_eq!(uuid.as_bytes()[14], b'4', "{uuid}");
            assert!(b"89ab".contains(&uuid.as_bytes()[19]), "{uuid}");
        }
    }
}

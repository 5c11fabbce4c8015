use crate::limits::{MAX_REQUEST_BYTES, MAX_TOPICS_PER_REQUEST};
use crate::{Market, Operation, Topic};

/// What differs between the two markets on the wire, apart from the topics: how requests are written, and what
/// can be told from a refusal.
///
/// ```
/// use bitmart_proto::{Dialect, Market, Operation, Topic};
///
/// let topics: [Topic; 2] = ["futures/order".parse()?, "futures/position".parse()?];
/// let mut request = Vec::new();
/// let taken = Market::Futures.dialect().encode_operation(Operation::Subscribe, &topics, &mut request);
/// assert_eq!(taken, 2);
/// assert_eq!(request, br#"{"action":"subscribe","args":["futures/order","futures/position"]}"#);
/// # Ok::<(), bitmart_proto::TopicError>(())
/// ```
///
/// There are two implementers, behind [`Market::dialect`]; nobody else can add one. Sources: `docs/PROTOCOL.md`,
/// *Requests*.
pub trait Dialect: Sync + std::fmt::Debug + sealed::Sealed {
    /// The market that speaks it.
    fn market(&self) -> Market;

    /// The text that asks the exchange for a sign of life.
    fn ping(&self) -> &'static [u8];

    /// The key under which a request names its operation.
    fn verb_key(&self) -> &'static str;

    /// The word for a login.
    fn login_verb(&self) -> &'static str;

    /// What a login carries behind the signature, if anything.
    fn login_tail(&self) -> Option<&'static str>;

    /// Whether a refused subscription says which topic it means. Spot doesn't: the topic is the one whose
    /// acknowledgement never comes.
    fn refusals_name_topics(&self) -> bool;

    /// Whether a login that is refused for its timestamp can be told from one that is refused for its key.
    fn refusals_tell_clock_from_key(&self) -> bool;

    /// Appends a login to `out`. `timestamp_ms` is the time that was signed.
    fn encode_login(&self, key: &str, timestamp_ms: u64, signature: &str, out: &mut Vec<u8>) {
        let mut digits = itoa::Buffer::new();
        let args = [
            Some(key),
            Some(digits.format(timestamp_ms)),
            Some(signature),
            self.login_tail(),
        ];
        encode(
            self.verb_key(),
            self.login_verb(),
            args.into_iter().flatten(),
            out,
        );
    }

    /// Appends one request for as many of `topics` as it may hold, from the first on, and says how many those are.
    ///
    /// The bounds are [`MAX_TOPICS_PER_REQUEST`] and [`MAX_REQUEST_BYTES`]; every topic fits a request by itself,
    /// so the answer is 0 for an empty slice only, and then nothing is appended.
    fn encode_operation(&self, operation: Operation, topics: &[Topic], out: &mut Vec<u8>) -> usize {
        let verb = match operation {
            Operation::Login => self.login_verb(),
            other => other.as_str(),
        };
        let mut bytes = r#"{"":"","args":[]}"#.len() + self.verb_key().len() + verb.len();
        let taken = topics
            .iter()
            .take(MAX_TOPICS_PER_REQUEST)
            .take_while(|topic| {
                bytes += topic.as_str().len() + r#""","#.len();
                bytes <= MAX_REQUEST_BYTES
            })
            .count();
        if taken > 0 {
            encode(
                self.verb_key(),
                verb,
                topics[..taken].iter().map(Topic::as_str),
                out,
            );
        }
        taken
    }
}

/// `{"<key>":"<verb>","args":["…",…]}`. What would end a string is left out of the arguments: no topic, timestamp or
/// signature has it, and a key that does is none.
fn encode<'a>(key: &str, verb: &str, args: impl Iterator<Item = &'a str>, out: &mut Vec<u8>) {
    for part in ["{\"", key, "\":\"", verb, "\",\"args\":["] {
        out.extend_from_slice(part.as_bytes());
    }
    for (at, arg) in args.enumerate() {
        if at > 0 {
            out.push(b',');
        }
        out.push(b'"');
        out.extend(arg.bytes().filter(|byte| !matches!(byte, b'"' | b'\\' | 0..0x20)));
        out.push(b'"');
    }
    out.extend_from_slice(b"]}");
}

impl Market {
    /// How this market speaks.
    #[must_use]
    pub fn dialect(self) -> &'static dyn Dialect {
        match self {
            Self::Spot => &Spot,
            Self::Futures => &Futures,
        }
    }
}

#[derive(Debug)]
struct Spot;

impl Dialect for Spot {
    fn market(&self) -> Market {
        Market::Spot
    }

    fn ping(&self) -> &'static [u8] {
        b"ping"
    }

    fn verb_key(&self) -> &'static str {
        "op"
    }

    fn login_verb(&self) -> &'static str {
        "login"
    }

    fn login_tail(&self) -> Option<&'static str> {
        None
    }

    fn refusals_name_topics(&self) -> bool {
        false
    }

    fn refusals_tell_clock_from_key(&self) -> bool {
        true
    }
}

#[derive(Debug)]
struct Futures;

impl Dialect for Futures {
    fn market(&self) -> Market {
        Market::Futures
    }

    fn ping(&self) -> &'static [u8] {
        br#"{"action":"ping"}"#
    }

    fn verb_key(&self) -> &'static str {
        "action"
    }

    fn login_verb(&self) -> &'static str {
        "access"
    }

    /// The device; every client that works says `web`.
    fn login_tail(&self) -> Option<&'static str> {
        Some("web")
    }

    fn refusals_name_topics(&self) -> bool {
        true
    }

    fn refusals_tell_clock_from_key(&self) -> bool {
        false
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Spot {}
    impl Sealed for super::Futures {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::MAX_TOPIC_BYTES;

    #[test]
    fn logins_have_the_wires_form() {
        let mut out = Vec::new();
        Market::Spot.dialect().encode_login("key", 17, "sig", &mut out);
        assert_eq!(out, br#"{"op":"login","args":["key","17","sig"]}"#);
        out.clear();
        Market::Futures.dialect().encode_login("key", 17, "sig", &mut out);
        assert_eq!(out, br#"{"action":"access","args":["key","17","sig","web"]}"#);
    }

    /// Quirk 17: the futures host closes on a frame over 2,048 bytes.
    #[test]
    fn quirk_17_a_request_stays_within_its_bounds() {
        let long = "A".repeat(MAX_TOPIC_BYTES - "futures/asset:".len());
        let topics: Vec<Topic> = (0..45).map(|_| Topic::futures_asset(&long).unwrap()).collect();
        let mut rest = topics.as_slice();
        let mut requests = 0;
        while !rest.is_empty() {
            let mut out = Vec::new();
            let taken = Market::Futures
                .dialect()
                .encode_operation(Operation::Subscribe, rest, &mut out);
            assert!(
                taken > 0 && out.len() <= MAX_REQUEST_BYTES,
                "{taken} topics in {} bytes",
                out.len()
            );
            rest = &rest[taken..];
            requests += 1;
        }
        assert_eq!(requests, 3, "15 topics of 128 bytes fit one request");
        let short: Vec<Topic> = (0..21).map(|_| "futures/order".parse().unwrap()).collect();
        let taken = Market::Futures
            .dialect()
            .encode_operation(Operation::Subscribe, &short, &mut Vec::new());
        assert_eq!(taken, MAX_TOPICS_PER_REQUEST);
    }

    #[test]
    fn no_topics_make_no_request() {
        let mut out = Vec::new();
        assert_eq!(
            Market::Spot
                .dialect()
                .encode_operation(Operation::Subscribe, &[], &mut out),
            0
        );
        assert!(out.is_empty());
    }
}

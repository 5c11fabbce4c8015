use bitmart_proto::limits::MAX_TOPICS_PER_CONNECTION;
use bitmart_proto::{Dialect, ErrorClass, Operation, Refusal, Topic};

/// How often a topic is asked for on one socket before the socket is given up: once, and twice again.
const MAX_ASKS: u8 = 3;

/// How many sockets a topic without an answer may cost before it counts as failed: one topic that the exchange
/// ignores must not keep the others from their data for ever.
const MAX_SOCKETS_LOST: u8 = 2;

/// Where a wanted topic stands on the present socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TopicStatus {
    /// Wanted, not yet acknowledged.
    Pending,
    /// Acknowledged on the present socket.
    Active,
}

/// The wanted topics of one connection, and what is known of each on the present socket.
#[derive(Debug, Default)]
pub(crate) struct Topics {
    wanted: Vec<Entry>,
    leaving: Vec<Entry>,
    /// Refusals that named no topic, for the requests in flight.
    anonymous: Vec<Refusal<'static>>,
}

#[derive(Debug)]
struct Entry {
    topic: Topic,
    ask: Ask,
    /// How often it was asked on this socket, as far as the exchange took it.
    asks: u8,
    /// A request for it has gone out on this socket.
    was_sent: bool,
    /// The exchange holds it already: it was about to leave, and then wanted again.
    is_held: bool,
    /// Asked alone, so that a refusal without a name can only mean this topic.
    alone: bool,
    /// A refusal without a name may have meant it: asked alone once more, the next one does.
    is_suspected: bool,
    /// The exchange has blamed itself for it on this socket.
    is_excused: bool,
    sockets_lost: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ask {
    Due,
    InFlight { deadline: u64 },
    Done,
}

impl Entry {
    fn new(topic: Topic) -> Self {
        Self {
            topic,
            ask: Ask::Due,
            asks: 0,
            was_sent: false,
            is_held: false,
            alone: false,
            is_suspected: false,
            is_excused: false,
            sockets_lost: 0,
        }
    }

    fn is_in_flight(&self) -> bool {
        matches!(self.ask, Ask::InFlight { .. })
    }

    /// Whether an answer may still come: also a late one, after the deadline.
    fn awaits_answer(&self) -> bool {
        self.was_sent && self.ask != Ask::Done
    }

    fn start_over(&mut self) {
        *self = Self {
            sockets_lost: self.sockets_lost,
            ..Self::new(self.topic.clone())
        };
    }
}

/// What an answer, or the want of one, has settled.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Settled {
    pub(crate) subscribed: Vec<Topic>,
    pub(crate) failed: Vec<(Topic, Refusal<'static>)>,
}

/// A deadline that has passed for the last time.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Overdue {
    /// Give the socket up.
    Reconnect(Topic),
    /// Give the topic up; it is no longer wanted.
    Abandon(Topic),
}

impl Topics {
    pub(crate) fn len(&self) -> usize {
        self.wanted.len()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.wanted.len() >= MAX_TOPICS_PER_CONNECTION
    }

    pub(crate) fn status(&self, topic: &Topic) -> Option<TopicStatus> {
        self.wanted
            .iter()
            .find(|entry| entry.topic == *topic)
            .map(|entry| match entry.ask {
                Ask::Done => TopicStatus::Active,
                _ => TopicStatus::Pending,
            })
    }

    pub(crate) fn wanted(&self) -> impl Iterator<Item = &Topic> {
        self.wanted.iter().map(|entry| &entry.topic)
    }

    pub(crate) fn active(&self) -> impl Iterator<Item = &Topic> {
        self.wanted
            .iter()
            .filter(|entry| entry.ask == Ask::Done)
            .map(|entry| &entry.topic)
    }

    pub(crate) fn are_all_active(&self) -> bool {
        self.wanted.iter().all(|entry| entry.ask == Ask::Done)
    }

    /// Wants a topic. One that is about to leave, and was not asked to yet, isn't any more, but is asked for anew:
    /// that it is held already costs at most a benign refusal. Returns whether that was so.
    pub(crate) fn want(&mut self, topic: Topic) -> bool {
        if self.status(&topic).is_some() {
            return false;
        }
        let leaving = self.leaving.len();
        self.leaving.retain(|left| left.topic != topic || left.was_sent);
        let is_held = self.leaving.len() < leaving;
        self.wanted.push(Entry {
            was_sent: is_held,
            is_held,
            ..Entry::new(topic)
        });
        is_held
    }

    /// No longer wants a topic. Returns whether it ends at once, since the present socket was never asked for it;
    /// `None` if it was not wanted.
    pub(crate) fn unwant(&mut self, topic: &Topic) -> Option<bool> {
        let at = self.wanted.iter().position(|entry| entry.topic == *topic)?;
        let entry = self.wanted.remove(at);
        if self.leaving.iter().any(|left| left.topic == *topic) {
            return Some(false);
        }
        if entry.was_sent {
            self.leaving.push(Entry::new(entry.topic));
        }
        Some(!entry.was_sent)
    }

    /// Starts over for another socket. Returns the topics that were leaving: with the socket they have left.
    pub(crate) fn start_over(&mut self) -> Vec<Topic> {
        self.anonymous.clear();
        self.wanted.iter_mut().for_each(Entry::start_over);
        self.leaving.drain(..).map(|entry| entry.topic).collect()
    }

    pub(crate) fn has_request(&self, dialect: &dyn Dialect) -> bool {
        let is_leaving = self.leaving.iter().any(|entry| entry.ask == Ask::Due);
        (is_leaving && !self.awaits_lone_answer(dialect)) || !self.due(dialect).is_empty()
    }

    /// Writes the next request, if one is due: unsubscriptions first.
    pub(crate) fn write_request(
        &mut self,
        deadline: u64,
        dialect: &dyn Dialect,
        out: &mut Vec<u8>,
    ) -> Option<Operation> {
        let leaving: Vec<usize> = (0..self.leaving.len())
            .filter(|at| self.leaving[*at].ask == Ask::Due && !self.awaits_lone_answer(dialect))
            .collect();
        let (operation, entries, due) = if leaving.is_empty() {
            let due = self.due(dialect);
            (Operation::Subscribe, &mut self.wanted, due)
        } else {
            (Operation::Unsubscribe, &mut self.leaving, leaving)
        };
        let topics: Vec<Topic> = due.iter().map(|at| entries[*at].topic.clone()).collect();
        let taken = dialect.encode_operation(operation, &topics, out);
        for at in &due[..taken] {
            let entry = &mut entries[*at];
            entry.ask = Ask::InFlight { deadline };
            entry.was_sent = true;
            entry.asks += 1;
        }
        (taken > 0).then_some(operation)
    }

    /// The wanted topics that the next request should name.
    ///
    /// Where refusals name no topic, one that is to be asked alone waits until nothing else is in flight, and
    /// nothing else is asked while it is. One whose unsubscription is in flight waits for that answer: otherwise
    /// the two could cross.
    fn due(&self, dialect: &dyn Dialect) -> Vec<usize> {
        let is_due = |entry: &Entry| {
            entry.ask == Ask::Due && !self.leaving.iter().any(|left| left.topic == entry.topic)
        };
        if self.awaits_lone_answer(dialect) {
            return Vec::new();
        }
        let together: Vec<usize> = (0..self.wanted.len())
            .filter(|at| is_due(&self.wanted[*at]) && !self.wanted[*at].alone)
            .collect();
        if !together.is_empty() {
            return together;
        }
        let is_idle = !self.wanted.iter().chain(&self.leaving).any(Entry::is_in_flight);
        match self.wanted.iter().position(is_due) {
            Some(at) if is_idle => vec![at],
            _ => Vec::new(),
        }
    }

    /// Whether a topic is being asked for alone, so that nothing else may be asked.
    fn awaits_lone_answer(&self, dialect: &dyn Dialect) -> bool {
        !dialect.refusals_name_topics()
            && self
                .wanted
                .iter()
                .any(|entry| entry.alone && entry.is_in_flight())
    }

    /// An acknowledgement of a subscription.
    pub(crate) fn acknowledged(&mut self, text: &str) -> Settled {
        let mut settled = Settled::default();
        if let Some(entry) = find(&mut self.wanted, text, Entry::awaits_answer) {
            entry.ask = Ask::Done;
            entry.sockets_lost = 0;
            settled.subscribed.push(entry.topic.clone());
        }
        self.settle(settled)
    }

    /// A refusal of a subscription that names its topic.
    pub(crate) fn refused(&mut self, text: &str, refusal: Refusal<'static>) -> Settled {
        let mut settled = Settled::default();
        if let Some(entry) = find(&mut self.wanted, text, Entry::awaits_answer) {
            let topic = entry.topic.clone();
            self.wanted.retain(|entry| entry.topic != topic);
            settled.failed.push((topic, refusal));
        }
        self.settle(settled)
    }

    /// A refusal that names no topic.
    pub(crate) fn refused_anonymously(&mut self, refusal: Refusal<'static>) -> Settled {
        if self.anonymous.len() < MAX_TOPICS_PER_CONNECTION {
            self.anonymous.push(refusal);
        }
        self.settle(Settled::default())
    }

    /// The exchange says that the trouble is its own: of the topic it names, or of all that is in flight.
    pub(crate) fn excuse(&mut self, text: Option<&str>) {
        match text {
            Some(text) => {
                if let Some(entry) = find(&mut self.wanted, text, Entry::awaits_answer) {
                    entry.is_excused = true;
                }
            }
            None => self
                .wanted
                .iter_mut()
                .filter(|entry| entry.is_in_flight())
                .for_each(|entry| entry.is_excused = true),
        }
    }

    /// Once as many refusals without a name have come as topics are still without an answer, each of the topics
    /// may have one. A refusal may also belong to something asked earlier, so each is asked once more, alone, and
    /// has failed only if that is refused too.
    fn settle(&mut self, mut settled: Settled) -> Settled {
        let in_flight = self.wanted.iter().filter(|entry| entry.is_in_flight()).count();
        if in_flight == 0 {
            self.anonymous.clear();
        }
        if self.anonymous.is_empty() || self.anonymous.len() < in_flight {
            return settled;
        }
        let is_benign = |refusal: &Refusal<'_>| refusal.class() == ErrorClass::AlreadySubscribed;
        let refusals = std::mem::take(&mut self.anonymous);
        // That a topic is held already says that it is served, if it can only mean this one.
        let is_meant = |entry: &Entry| entry.alone || entry.is_held;
        if refusals.iter().all(is_benign)
            && self
                .wanted
                .iter()
                .filter(|entry| entry.is_in_flight())
                .all(is_meant)
        {
            for entry in self.wanted.iter_mut().filter(|entry| entry.is_in_flight()) {
                entry.ask = Ask::Done;
                settled.subscribed.push(entry.topic.clone());
            }
            return settled;
        }
        let convicted = self
            .wanted
            .iter()
            .position(|entry| entry.is_in_flight() && entry.alone && entry.is_suspected);
        if let Some(at) = convicted {
            let refusal = refusals.into_iter().next().expect("there is a refusal");
            settled.failed.push((self.wanted.remove(at).topic, refusal));
            return settled;
        }
        for entry in self.wanted.iter_mut().filter(|entry| entry.is_in_flight()) {
            entry.ask = Ask::Due;
            entry.alone = true;
            entry.is_suspected = true;
        }
        settled
    }

    /// The answer to an unsubscription; without a name it is taken for the oldest one in flight.
    pub(crate) fn left(&mut self, text: Option<&str>) -> Option<Topic> {
        let topic = match text {
            Some(text) => find(&mut self.leaving, text, Entry::awaits_answer)?.topic.clone(),
            None => self
                .leaving
                .iter()
                .find(|entry| entry.awaits_answer())?
                .topic
                .clone(),
        };
        self.leaving.retain(|entry| entry.topic != topic);
        Some(topic)
    }

    /// Asks again for everything in flight: the exchange says that it took none of it.
    pub(crate) fn ask_again(&mut self) {
        for entry in self
            .wanted
            .iter_mut()
            .chain(&mut self.leaving)
            .filter(|entry| entry.is_in_flight())
        {
            entry.ask = Ask::Due;
            entry.asks -= 1;
        }
        self.anonymous.clear();
    }

    /// The earliest deadline of a request in flight.
    pub(crate) fn deadline(&self) -> Option<u64> {
        self.wanted
            .iter()
            .chain(&self.leaving)
            .filter_map(|entry| match entry.ask {
                Ask::InFlight { deadline } => Some(deadline),
                _ => None,
            })
            .min()
    }

    /// Gives the requests in flight until `deadline`, since nobody has looked for their answers.
    pub(crate) fn extend(&mut self, deadline: u64) {
        for entry in self.wanted.iter_mut().chain(&mut self.leaving) {
            if let Ask::InFlight { deadline: until } = &mut entry.ask {
                *until = deadline.max(*until);
            }
        }
    }

    /// Marks what is overdue to be asked again, alone where that helps; reports one topic that was asked for the
    /// last time.
    pub(crate) fn handle_timeout(&mut self, now: u64, dialect: &dyn Dialect) -> Option<Overdue> {
        let is_overdue = |entry: &Entry| matches!(entry.ask, Ask::InFlight { deadline } if deadline <= now);
        if !self.wanted.iter().chain(&self.leaving).any(is_overdue) {
            return None;
        }
        self.anonymous.clear();
        if let Some(entry) = self
            .leaving
            .iter()
            .find(|entry| is_overdue(entry) && entry.asks >= MAX_ASKS)
        {
            return Some(Overdue::Reconnect(entry.topic.clone()));
        }
        if let Some(at) = self
            .wanted
            .iter()
            .position(|entry| is_overdue(entry) && entry.asks >= MAX_ASKS)
        {
            // Only a topic that is ignored while others are served is to blame for it.
            let is_to_blame = self.active().next().is_some() && !self.wanted[at].is_excused;
            if is_to_blame && self.wanted[at].sockets_lost >= MAX_SOCKETS_LOST {
                return Some(Overdue::Abandon(self.wanted.remove(at).topic));
            }
            let topic = self.wanted[at].topic.clone();
            let is_any_served = self.active().next().is_some();
            for entry in self
                .wanted
                .iter_mut()
                .filter(|entry| is_overdue(entry) && entry.asks >= MAX_ASKS)
            {
                entry.sockets_lost += u8::from(is_any_served && !entry.is_excused);
            }
            return Some(Overdue::Reconnect(topic));
        }
        let alone = !dialect.refusals_name_topics();
        for entry in self.wanted.iter_mut().filter(|entry| is_overdue(entry)) {
            entry.ask = Ask::Due;
            entry.alone = alone;
        }
        for entry in self.leaving.iter_mut().filter(|entry| is_overdue(entry)) {
            entry.ask = Ask::Due;
        }
        None
    }
}

/// The entry that a text from the exchange names: an equal text before a similar one.
fn find<'a>(entries: &'a mut [Entry], text: &str, filter: impl Fn(&Entry) -> bool) -> Option<&'a mut Entry> {
    let candidates = || entries.iter().enumerate().filter(|(_, entry)| filter(entry));
    let at = candidates()
        .find(|(_, entry)| entry.topic.as_str() == text)
        .or_else(|| candidates().find(|(_, entry)| entry.topic.is_named_by(text)))
        .map(|(at, _)| at)?;
    Some(&mut entries[at])
}

#[cfg(test)]
mod tests {
    use super::*;
    use bitmart_proto::{ErrorCode, Market};

    fn topics(names: &[&str]) -> Topics {
        let mut topics = Topics::default();
        for name in names {
            topics.want(name.parse().unwrap());
        }
        topics
    }

    fn ask(topics: &mut Topics, market: Market) -> String {
        let mut out = Vec::new();
        topics.write_request(100, market.dialect(), &mut out);
        String::from_utf8(out).unwrap()
    }

    fn alone(topic: &str) -> String {
        format!(r#"{{"op":"subscribe","args":["{topic}"]}}"#)
    }

    fn refusal(code: u32) -> Refusal<'static> {
        Refusal::new(Some(ErrorCode(code)), "no")
    }

    const A: &str = "spot/ticker:A_USDT";
    const B: &str = "spot/ticker:B_USDT";
    const C: &str = "spot/ticker:C_USDT";

    /// Quirk 14 and failure mode 20: the topic that a spot refusal means is the one left over.
    #[test]
    fn quirk_14_the_topic_left_over_is_the_refused_one() {
        let mut topics = topics(&[A, B, C]);
        ask(&mut topics, Market::Spot);
        assert_eq!(topics.refused_anonymously(refusal(92001)), Settled::default());
        assert_eq!(topics.acknowledged(A).subscribed.len(), 1);
        let settled = topics.acknowledged(C);
        assert_eq!(settled.subscribed, [C.parse().unwrap()]);
        assert_eq!(settled.failed, [], "the refusal might belong to something else");
        assert_eq!(ask(&mut topics, Market::Spot), alone(B));
        let settled = topics.refused_anonymously(refusal(92001));
        assert_eq!(settled.failed, [(B.parse().unwrap(), refusal(92001))]);
        assert!(topics.are_all_active());
    }

    #[test]
    fn topics_without_an_answer_are_asked_for_one_by_one() {
        let mut topics = topics(&[A, B, C]);
        ask(&mut topics, Market::Spot);
        topics.refused_anonymously(refusal(90004));
        topics.acknowledged(A);
        assert_eq!(topics.handle_timeout(100, Market::Spot.dialect()), None);
        assert_eq!(
            ask(&mut topics, Market::Spot),
            format!(r#"{{"op":"subscribe","args":["{B}"]}}"#)
        );
        assert_eq!(
            ask(&mut topics, Market::Spot),
            "",
            "nothing beside a topic asked for alone"
        );
        assert_eq!(topics.refused_anonymously(refusal(90004)).failed.len(), 0);
        assert_eq!(ask(&mut topics, Market::Spot), alone(B), "once more, to be sure");
        assert_eq!(topics.refused_anonymously(refusal(90004)).failed.len(), 1);
        assert_eq!(ask(&mut topics, Market::Spot), alone(C));
        assert_eq!(topics.refused_anonymously(refusal(90008)).subscribed.len(), 1);
    }

    /// Failure mode 19: a second acknowledgement is nothing.
    #[test]
    fn a_duplicate_acknowledgement_settles_nothing() {
        let mut topics = topics(&[A]);
        assert_eq!(topics.acknowledged(A), Settled::default(), "never asked");
        ask(&mut topics, Market::Spot);
        assert_eq!(topics.acknowledged(A).subscribed.len(), 1);
        assert_eq!(topics.acknowledged(A), Settled::default());
    }

    /// Quirk 2, for acknowledgements; an equal text goes before a similar one.
    #[test]
    fn quirk_02_a_suffixed_group_acknowledges_the_topic() {
        let mut topics = topics(&["futures/depth20:X", "futures/depth20:X@200ms"]);
        ask(&mut topics, Market::Futures);
        let settled = topics.acknowledged("futures/depth20:X@200ms");
        assert_eq!(settled.subscribed[0].as_str(), "futures/depth20:X@200ms");
        let settled = topics.acknowledged("futures/depth20:X@100ms");
        assert_eq!(settled.subscribed[0].as_str(), "futures/depth20:X");
    }

    #[test]
    fn a_topic_wanted_again_before_it_was_asked_to_leave_stays() {
        let mut topics = topics(&[A]);
        ask(&mut topics, Market::Spot);
        topics.acknowledged(A);
        assert_eq!(topics.unwant(&A.parse().unwrap()), Some(false));
        assert!(topics.want(A.parse().unwrap()), "it will not leave");
        assert_eq!(
            ask(&mut topics, Market::Spot),
            format!(r#"{{"op":"subscribe","args":["{A}"]}}"#)
        );
        assert_eq!(topics.refused_anonymously(refusal(90008)).subscribed.len(), 1);
        assert_eq!(ask(&mut topics, Market::Spot), "");
    }

    /// Runs the topics into their last deadline on one socket.
    fn run_out(topics: &mut Topics, before_the_last: impl Fn(&mut Topics)) -> Option<Overdue> {
        for _ in 1..MAX_ASKS {
            ask(topics, Market::Futures);
            assert_eq!(topics.handle_timeout(100, Market::Futures.dialect()), None);
        }
        ask(topics, Market::Futures);
        before_the_last(topics);
        let overdue = topics.handle_timeout(100, Market::Futures.dialect());
        topics.start_over();
        overdue
    }

    const X: &str = "futures/ticker:X";
    const Y: &str = "futures/ticker:Y";

    #[test]
    fn a_topic_ignored_while_another_is_served_costs_two_sockets_and_is_given_up() {
        let mut topics = topics(&[X, Y]);
        let served = |topics: &mut Topics| drop(topics.acknowledged(Y));
        for expected in [Overdue::Reconnect, Overdue::Reconnect, Overdue::Abandon] {
            assert_eq!(run_out(&mut topics, served), Some(expected(X.parse().unwrap())));
        }
        assert_eq!(topics.len(), 1);
    }

    /// An outage of the exchange is no verdict on any topic.
    #[test]
    fn topics_are_not_given_up_when_none_is_served_or_the_exchange_blames_itself() {
        let mut outage = topics(&[X, Y]);
        let mut excused = topics(&[X, Y]);
        for _ in 0..20 {
            assert!(matches!(
                run_out(&mut outage, |_| {}),
                Some(Overdue::Reconnect(_))
            ));
            let trouble = |topics: &mut Topics| {
                topics.acknowledged(Y);
                topics.excuse(Some(X));
            };
            assert!(matches!(
                run_out(&mut excused, trouble),
                Some(Overdue::Reconnect(_))
            ));
        }
    }

    #[test]
    fn a_refusal_of_something_else_fails_no_innocent_topic() {
        // Of a topic that is no longer wanted.
        let mut topics = topics(&[A]);
        ask(&mut topics, Market::Spot);
        topics.unwant(&A.parse().unwrap());
        topics.want(B.parse().unwrap());
        ask(&mut topics, Market::Spot);
        ask(&mut topics, Market::Spot);
        assert_eq!(topics.refused_anonymously(refusal(92001)), Settled::default());
        topics.left(Some(A));
        assert_eq!(ask(&mut topics, Market::Spot), alone(B));
        assert_eq!(topics.acknowledged(B).subscribed.len(), 1);
    }

    /// The answer to an earlier, second request must not stand in for an acknowledgement.
    #[test]
    fn a_stale_duplicate_acknowledges_nothing() {
        let mut topics = topics(&[A]);
        ask(&mut topics, Market::Spot);
        topics.handle_timeout(100, Market::Spot.dialect());
        ask(&mut topics, Market::Spot);
        assert_eq!(topics.acknowledged(A).subscribed.len(), 1);
        topics.want(B.parse().unwrap());
        ask(&mut topics, Market::Spot);
        assert_eq!(topics.refused_anonymously(refusal(90008)), Settled::default());
        assert_eq!(ask(&mut topics, Market::Spot), alone(B));
        assert_eq!(topics.refused_anonymously(refusal(92001)).failed.len(), 1);
    }

    #[test]
    fn a_topic_that_changes_its_mind_twice_is_still_asked_to_leave() {
        let mut topics = topics(&[A]);
        let topic: Topic = A.parse().unwrap();
        ask(&mut topics, Market::Spot);
        topics.acknowledged(A);
        assert_eq!(topics.unwant(&topic), Some(false));
        assert!(topics.want(topic.clone()));
        assert_eq!(topics.unwant(&topic), Some(false));
        assert!(ask(&mut topics, Market::Spot).contains("unsubscribe"));
    }

    #[test]
    fn ten_ignored_topics_cost_no_more_sockets_than_one() {
        let names: Vec<String> = (0..10).map(|n| format!("futures/ticker:I{n}")).collect();
        let mut all: Vec<&str> = names.iter().map(String::as_str).collect();
        all.push(Y);
        let mut topics = topics(&all);
        let served = |topics: &mut Topics| drop(topics.acknowledged(Y));
        for _ in 0..2 {
            assert!(matches!(
                run_out(&mut topics, served),
                Some(Overdue::Reconnect(_))
            ));
        }
        assert!(
            topics
                .wanted
                .iter()
                .filter(|entry| entry.topic.as_str() != Y)
                .all(|entry| entry.sockets_lost == 2)
        );
    }

    #[test]
    fn what_the_exchange_did_not_take_is_asked_again_and_may_still_be_answered() {
        let mut topics = topics(&[A]);
        ask(&mut topics, Market::Spot);
        topics.ask_again();
        assert_eq!(topics.acknowledged(A).subscribed.len(), 1, "it took it after all");
        assert_eq!(
            topics.unwant(&A.parse().unwrap()),
            Some(false),
            "so it has to be asked to leave"
        );
    }

    /// A refusal that the last socket left behind says nothing of the next.
    #[test]
    fn a_refusal_of_the_last_socket_is_none_of_the_next() {
        let mut topics = topics(&[A, B, C]);
        ask(&mut topics, Market::Spot);
        topics.refused_anonymously(refusal(1));
        topics.start_over();
        ask(&mut topics, Market::Spot);
        topics.acknowledged(A);
        topics.acknowledged(B);
        assert!(
            topics
                .wanted
                .iter()
                .all(|entry| !entry.alone && !entry.is_suspected)
        );
    }
}

//! Subscriptions: acknowledgements, refusals, limits (P6).

use bitmart_proto::limits::{MAX_REQUEST_BYTES, MAX_TOPICS_PER_CONNECTION, MAX_TOPICS_PER_REQUEST};
use bitmart_proto::{Market, Refusal, Side, Topic};
use bitmart_session::time::SECOND;
use bitmart_session::{Cause, CommandError, Event, Status, SubscribeFailure, TopicStatus};

use crate::rig::{Rig, refusal};

const A: &str = "spot/ticker:A_USDT";
const B: &str = "spot/ticker:B_USDT";

fn public(topics: &[&str]) -> Rig {
    Rig::new(Market::Spot, Side::Public, topics)
}

fn many(count: usize) -> Vec<Topic> {
    (0..count)
        .map(|n| format!("spot/ticker:COIN{n}_USDT").parse().unwrap())
        .collect()
}

/// Failure mode 17: data is not an acknowledgement.
#[test]
fn data_does_not_stand_in_for_an_acknowledgement() {
    let mut rig = public(&[A]);
    rig.connect();
    for _ in 0..9 {
        rig.pass(SECOND);
        rig.frame();
    }
    assert_eq!(
        rig.session.topic_status(&A.parse().unwrap()),
        Some(TopicStatus::Pending)
    );
    assert_eq!(rig.take_sent().len(), 1);
    rig.pass(SECOND);
    assert_eq!(
        rig.take_sent(),
        [format!(r#"{{"op":"subscribe","args":["{A}"]}}"#)],
        "asked again"
    );
    rig.reply("subscribe", None, Err(refusal(90008, "Duplicate subscription")));
    assert_eq!(rig.session.status(), Status::Ready);
}

/// Failure mode 18: ignored, asked again twice, then another socket.
#[test]
fn an_ignored_subscription_costs_the_socket_in_the_end() {
    let mut rig = public(&[A]);
    rig.connect();
    rig.take_events();
    for _ in 0..30 {
        rig.pass(SECOND);
        rig.frame();
    }
    let asked = rig
        .take_sent()
        .iter()
        .filter(|text| text.contains("subscribe"))
        .count();
    assert_eq!(asked, 3);
    let events = rig.take_events();
    assert!(
        matches!(
            &events[0],
            Event::Closed {
                cause: Cause::AckTimeout { .. },
                ..
            }
        ),
        "{events:?}"
    );
}

/// Failure mode 20.
#[test]
fn one_refused_topic_leaves_the_others_ready() {
    let mut rig = public(&[A, B]);
    rig.connect();
    rig.reply("subscribe", None, Err(refusal(90004, "Invalid channel param")));
    rig.ack(B);
    rig.reply("subscribe", None, Err(refusal(90004, "Invalid channel param")));
    let events = rig.take_events();
    let failed: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::SubscribeFailed { topic, reason, .. } => Some((topic.as_str(), reason.clone())),
            _ => None,
        })
        .collect();
    let reason = SubscribeFailure::Refused(refusal(90004, "Invalid channel param").into_owned());
    assert_eq!(failed, [(A, reason)]);
    assert_eq!(rig.session.status(), Status::Ready);
}

#[test]
fn futures_refusals_name_their_topic() {
    let mut rig = Rig::new(
        Market::Futures,
        Side::Public,
        &["futures/trade:X", "futures/trade:Y"],
    );
    rig.connect();
    let no = || Refusal::new(None, "Invalid channel: not found futures/trade:X");
    rig.reply("subscribe", Some("futures/trade:X"), Err(no()));
    rig.ack("futures/trade:Y");
    assert_eq!(rig.session.status(), Status::Ready);
    assert_eq!(rig.session.topic_count(), 1);
}

/// The exchange's own trouble is no verdict on the topic.
#[test]
fn trouble_of_the_exchange_does_not_fail_a_topic() {
    let mut rig = Rig::new(Market::Futures, Side::Public, &["futures/trade:X"]);
    rig.connect();
    let busy = || Refusal::new(None, "authentication is temporarily unavailable");
    rig.reply("subscribe", Some("futures/trade:X"), Err(busy()));
    rig.pass(5 * SECOND);
    rig.frame();
    rig.pass(5 * SECOND);
    assert_eq!(
        rig.take_sent()
            .iter()
            .filter(|text| text.contains("subscribe"))
            .count(),
        2
    );
    rig.ack("futures/trade:X");
    assert_eq!(rig.session.status(), Status::Ready);
}

/// Failure modes 21, 22 and 52: a hundred topics come back within both limits.
#[test]
fn a_hundred_topics_are_split_and_paced() {
    let mut rig = public(&[]);
    for topic in many(MAX_TOPICS_PER_CONNECTION) {
        rig.session.subscribe(topic).unwrap();
    }
    assert_eq!(rig.session.subscribe(A.parse().unwrap()), Err(CommandError::Full));
    rig.connect();
    rig.pass(SECOND);
    let sent = rig.take_sent();
    assert_eq!(
        sent.len(),
        MAX_TOPICS_PER_CONNECTION.div_ceil(MAX_TOPICS_PER_REQUEST)
    );
    assert!(sent.iter().all(|text| text.len() <= MAX_REQUEST_BYTES));
    rig.acknowledge_all();
    assert_eq!(rig.session.status(), Status::Ready);
}

#[test]
fn single_requests_are_paced_at_eight_a_second() {
    let mut rig = public(&[]);
    rig.connect();
    for topic in many(40) {
        rig.session.subscribe(topic).unwrap();
        rig.drain();
    }
    rig.pass(10 * SECOND - 1);
    let at: Vec<u64> = rig.sent.iter().map(|(at, _)| *at).collect();
    assert_eq!(
        at.iter().filter(|at| **at == rig.now - (10 * SECOND - 1)).count(),
        8,
        "a burst of eight"
    );
    assert!(at.len() < 90, "{}", at.len());
}

#[test]
fn messages_too_often_pause_the_subscriptions() {
    let mut rig = public(&[A]);
    rig.connect();
    rig.reply("subscribe", None, Err(refusal(90007, "frequency exceeds limit")));
    rig.take_sent();
    rig.pass(9 * SECOND);
    assert_eq!(rig.take_sent().len(), 0);
    rig.frame();
    rig.pass(2 * SECOND);
    assert_eq!(rig.take_sent().len(), 1);
    rig.ack(A);
    assert_eq!(rig.session.status(), Status::Ready);
}

/// Failure mode 23.
#[test]
fn too_many_connections_cool_off_for_a_minute() {
    let mut rig = public(&[A]);
    rig.connect();
    rig.reply("", None, Err(refusal(94002, "too many connections")));
    assert!(rig.connect_at.unwrap() >= rig.now + 60 * SECOND);
}

#[test]
fn an_unsubscription_is_asked_for_and_acknowledged() {
    let mut rig = public(&[A, B]);
    rig.establish();
    rig.take_events();
    rig.take_sent();
    assert!(rig.session.unsubscribe(rig.now, &A.parse().unwrap()));
    assert!(!rig.session.unsubscribe(rig.now, &A.parse().unwrap()));
    rig.drain();
    assert_eq!(
        rig.take_sent(),
        [format!(r#"{{"op":"unsubscribe","args":["{A}"]}}"#)]
    );
    rig.reply("unsubscribe", Some(A), Ok(()));
    assert_eq!(rig.take_names(), ["unsubscribed"]);
}

/// An unsubscription that came too often has not been taken, and is asked for again.
#[test]
fn an_unsubscription_refused_for_its_pace_is_asked_for_again() {
    let mut rig = public(&[A]);
    rig.establish();
    rig.session.unsubscribe(rig.now, &A.parse().unwrap());
    rig.drain();
    rig.take_events();
    rig.take_sent();
    rig.reply(
        "unsubscribe",
        None,
        Err(refusal(90007, "frequency exceeds limit")),
    );
    assert_eq!(rig.take_names(), Vec::<&str>::new());
    rig.pass(11 * SECOND);
    assert_eq!(
        rig.take_sent(),
        [format!(r#"{{"op":"unsubscribe","args":["{A}"]}}"#)]
    );
}

/// Quirk 15: not held is as good as given up.
#[test]
fn quirk_15_a_topic_not_held_is_unsubscribed() {
    let mut rig = public(&[A]);
    rig.establish();
    rig.session.unsubscribe(rig.now, &A.parse().unwrap());
    rig.drain();
    rig.take_events();
    rig.reply("", None, Err(refusal(90009, "Invalid unsubscription")));
    assert_eq!(rig.take_names(), ["unsubscribed"]);
}

#[test]
fn an_unsubscription_in_flight_ends_with_its_socket() {
    let mut rig = public(&[A]);
    rig.establish();
    rig.session.unsubscribe(rig.now, &A.parse().unwrap());
    rig.drain();
    rig.take_events();
    rig.drop_socket();
    assert_eq!(rig.take_names(), ["closed", "unsubscribed", "reconnecting"]);
}

/// Failure mode 47: an acknowledgement from before the drop means nothing after it.
#[test]
fn a_topic_wanted_during_a_reconnect_is_asked_for() {
    let mut rig = public(&[A]);
    rig.establish();
    rig.drop_socket();
    rig.session.subscribe(B.parse().unwrap()).unwrap();
    rig.reply("subscribe", Some(B), Ok(()));
    assert_eq!(
        rig.session.topic_status(&B.parse().unwrap()),
        Some(TopicStatus::Pending)
    );
    rig.take_sent();
    rig.connect();
    assert_eq!(
        rig.take_sent(),
        [format!(r#"{{"op":"subscribe","args":["{A}","{B}"]}}"#)]
    );
}

#[test]
fn a_topic_of_another_connection_is_refused() {
    let mut rig = public(&[]);
    for wrong in ["futures/ticker", "spot/user/order:A_USDT"] {
        let error = rig.session.subscribe(wrong.parse().unwrap()).unwrap_err();
        assert!(error.to_string().contains(wrong), "{error}");
    }
}

//! P3, no silent loss.

use bitmart_proto::{Market, Side, Topic};
use bitmart_session::time::{MINUTE, SECOND};
use bitmart_session::{Cause, Event, GapCause};

use crate::rig::{Rig, START_MS, refusal};

const A: &str = "spot/user/order:A_USDT";
const B: &str = "spot/user/order:B_USDT";

fn topic(text: &str) -> Topic {
    text.parse().unwrap()
}

fn ready() -> Rig {
    let mut rig = Rig::new(Market::Spot, Side::Private, &[A, B]);
    rig.establish();
    rig.take_events();
    rig
}

#[test]
fn a_gap_runs_from_the_last_frame_to_the_last_acknowledgement() {
    let mut rig = ready();
    rig.pass(7 * SECOND);
    rig.frame();
    let last_frame = rig.now;
    rig.pass(3 * SECOND);
    rig.session.handle_activity(rig.now, false);
    rig.drop_socket();
    let events = rig.take_events();
    let [
        Event::Closed { .. },
        Event::GapOpened(opened),
        Event::Reconnecting { attempt: 1, .. },
    ] = events.as_slice()
    else {
        panic!("{events:?}");
    };
    let since = opened.since.unwrap();
    assert_eq!(since.ns, last_frame, "bytes that made no frame don't count");
    assert_eq!(since.unix_ms, START_MS + last_frame / 1_000_000);
    assert_eq!(opened.topics, [topic(A), topic(B)]);
    assert!(matches!(
        &opened.cause,
        GapCause::Disconnected(Cause::Lost { .. })
    ));

    rig.connect();
    rig.login_ok();
    rig.pass(SECOND);
    rig.ack(A);
    assert_eq!(rig.take_names(), ["reconnected", "authenticated", "subscribed"]);
    rig.pass(SECOND);
    rig.ack(B);
    let events = rig.take_events();
    let [
        Event::Subscribed { .. },
        Event::GapClosed(closed),
        Event::Ready { .. },
    ] = events.as_slice()
    else {
        panic!("{events:?}");
    };
    assert_eq!(closed.until.ns, rig.now);
    assert_eq!(
        (closed.topics.as_slice(), closed.failed.as_slice()),
        (&[topic(A), topic(B)][..], &[][..])
    );
}

/// What is acknowledged and lost again while the gap is open is in it already, and what is not, joins it.
#[test]
fn a_second_loss_widens_the_gap_but_does_not_announce_it_twice() {
    let mut rig = ready();
    rig.drop_socket();
    rig.take_events();
    rig.session.subscribe(topic("spot/user/order:C_USDT")).unwrap();
    rig.connect();
    rig.login_ok();
    rig.ack(A);
    rig.ack("spot/user/order:C_USDT");
    rig.take_events();
    rig.drop_socket();
    let events = rig.take_events();
    let [
        Event::Closed { .. },
        Event::GapOpened(opened),
        Event::Reconnecting { .. },
    ] = events.as_slice()
    else {
        panic!("{events:?}");
    };
    assert_eq!(opened.topics, [topic("spot/user/order:C_USDT")]);
    rig.establish();
    let events = rig.take_events();
    let closed: Vec<_> = events
        .iter()
        .filter_map(|event| {
            if let Event::GapClosed(c) = event {
                Some(c)
            } else {
                None
            }
        })
        .collect();
    assert_eq!((closed.len(), closed[0].topics.len()), (1, 3));
}

#[test]
fn a_topic_that_fails_for_good_does_not_hold_the_gap_open() {
    let mut rig = ready();
    rig.drop_socket();
    rig.connect();
    rig.login_ok();
    rig.ack(A);
    rig.take_events();
    rig.reply("subscribe", None, Err(refusal(92001, "Invalid symbol param")));
    assert_eq!(
        rig.take_names(),
        Vec::<&str>::new(),
        "it is asked once more, to be sure"
    );
    rig.reply("subscribe", None, Err(refusal(92001, "Invalid symbol param")));
    let events = rig.take_events();
    let [
        Event::SubscribeFailed { topic: failed, .. },
        Event::GapClosed(closed),
        Event::Ready { .. },
    ] = events.as_slice()
    else {
        panic!("{events:?}");
    };
    assert_eq!(
        (failed, closed.topics.as_slice(), closed.failed.as_slice()),
        (&topic(B), &[topic(A)][..], &[topic(B)][..])
    );
    rig.drop_socket();
    rig.connect();
    rig.login_ok();
    rig.take_sent();
    rig.pass(SECOND);
    assert!(
        !rig.take_sent().iter().any(|text| text.contains(B)),
        "what failed for good is not asked for again"
    );
}

/// Failure mode 48.
#[test]
fn a_topic_that_is_no_longer_wanted_leaves_the_gap() {
    let mut rig = ready();
    rig.drop_socket();
    rig.take_events();
    assert!(rig.session.unsubscribe(rig.now, &topic(A)));
    rig.drain();
    assert_eq!(rig.take_names(), ["unsubscribed"]);
    assert!(rig.session.unsubscribe(rig.now, &topic(B)));
    rig.drain();
    assert_eq!(
        rig.take_names(),
        ["unsubscribed", "gap closed"],
        "a gap without topics is over"
    );
    rig.take_sent();
    rig.establish();
    assert!(!rig.take_sent().iter().any(|text| text.contains("subscribe")));
}

/// A topic added to a live connection has its `Subscribed` as its beginning.
#[test]
fn no_gap_without_a_cause() {
    let mut rig = ready();
    rig.session.subscribe(topic("spot/user/order:C_USDT")).unwrap();
    rig.drain();
    rig.ack("spot/user/order:C_USDT");
    assert_eq!(rig.take_names(), ["subscribed"]);
    for _ in 0..60 {
        rig.pass(10 * SECOND);
        rig.frame();
    }
    assert_eq!(rig.take_names(), Vec::<&str>::new());
    let empty = Rig::new(Market::Spot, Side::Public, &[]);
    assert_eq!(empty.events, []);
}

/// Failure mode 49.
#[test]
fn a_shutdown_during_backoff_opens_nothing_later() {
    let mut rig = ready();
    rig.drop_socket();
    rig.take_events();
    rig.session.shutdown();
    rig.drain();
    rig.pass(10 * MINUTE);
    assert_eq!(
        (rig.connect_at, rig.take_names().len(), rig.connects),
        (None, 0, 1)
    );

    let mut open = ready();
    open.session.shutdown();
    open.drain();
    assert_eq!(open.take_names(), ["closed"]);
    assert_eq!(open.closes, (1, 0));
}

/// A topic that was acknowledged while others were not, and lost with its socket: the gap of the first connect, which
/// began nowhere, has a beginning from then on.
#[test]
fn a_loss_inside_the_first_gap_gives_it_a_beginning() {
    let mut rig = Rig::new(
        Market::Futures,
        Side::Public,
        &["futures/ticker:AUSDT", "futures/ticker:BUSDT"],
    );
    rig.connect();
    rig.ack("futures/ticker:AUSDT");
    rig.pass(SECOND);
    rig.frame();
    let last_frame = rig.now;
    rig.pass(SECOND);
    rig.drop_socket();
    rig.establish();
    let closed = rig.take_events().into_iter().find_map(|event| match event {
        Event::GapClosed(gap) => Some(gap),
        _ => None,
    });
    assert_eq!(closed.unwrap().since.map(|since| since.ns), Some(last_frame));
}

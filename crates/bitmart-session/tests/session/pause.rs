//! A driver that stops reading for a while: the exchange is kept from closing, and nobody is blamed for the silence.

use bitmart_proto::{Market, Side};
use bitmart_session::time::{MILLISECOND, MINUTE, SECOND};
use bitmart_session::{Cause, Event, Status};

use crate::rig::Rig;

const TOPIC: &str = "futures/position";

fn ready() -> Rig {
    let mut rig = Rig::new(Market::Futures, Side::Private, &[TOPIC]);
    rig.establish();
    rig.take_events();
    rig.take_sent();
    rig
}

/// Failure mode 41: pings never starve, and a silence of our own making is none of the exchange's.
#[test]
fn a_paused_session_pings_and_gives_nobody_up() {
    let mut rig = ready();
    rig.session.pause();
    assert!(rig.session.is_paused());
    rig.pass(10 * MINUTE);
    assert_eq!(rig.session.status(), Status::Ready);
    let pings = rig.take_sent();
    assert!(pings.iter().all(|text| text == r#"{"action":"ping"}"#));
    assert!((39..=41).contains(&pings.len()), "one each 15 s: {}", pings.len());
    assert_eq!(rig.take_names(), ["paused"]);
}

#[test]
fn after_a_pause_the_grace_begins_anew() {
    let mut rig = ready();
    let last_frame = rig.now;
    rig.session.pause();
    rig.pass(10 * MINUTE);
    rig.session.resume(rig.now);
    rig.drain();
    assert_eq!(rig.take_names(), ["paused", "resumed"]);
    let resumed = rig.now;
    rig.pass(9 * SECOND);
    assert_eq!(
        rig.session.status(),
        Status::Ready,
        "what came meanwhile is yet to be read"
    );
    rig.pass(2 * SECOND);
    let events = rig.take_events();
    assert!(
        matches!(
            &events[0],
            Event::Closed {
                cause: Cause::Silent,
                ..
            }
        ),
        "nothing came at all: {events:?}"
    );
    assert!(
        matches!(&events[1], Event::GapOpened(gap) if gap.since.unwrap().ns == last_frame),
        "{events:?}"
    );
    assert!(rig.now - resumed <= 11 * SECOND);
}

#[test]
fn neither_a_login_nor_a_topic_runs_out_of_time_while_nothing_is_read() {
    let mut rig = Rig::new(Market::Futures, Side::Private, &[TOPIC]);
    rig.connect();
    rig.session.pause();
    rig.pass(MINUTE);
    assert_eq!(rig.session.status(), Status::LoggingIn);
    rig.session.resume(rig.now);
    rig.pass(9 * SECOND);
    rig.login_ok();
    assert_eq!(rig.session.status(), Status::Subscribing);
    rig.pass(SECOND);
    rig.take_sent();
    rig.session.pause();
    rig.pass(MINUTE);
    rig.session.resume(rig.now);
    rig.pass(9 * SECOND);
    assert!(
        rig.take_sent().iter().all(|text| text.contains("ping")),
        "the topic is not asked for again"
    );
    rig.ack(TOPIC);
    assert_eq!(rig.session.status(), Status::Ready);
    assert_eq!(rig.connects, 1);
}

#[test]
fn a_login_that_stays_unanswered_after_a_pause_ends_the_socket() {
    let mut rig = Rig::new(Market::Spot, Side::Private, &["spot/user/order:A_USDT"]);
    rig.connect();
    rig.session.pause();
    rig.pass(MINUTE);
    rig.session.resume(rig.now);
    rig.pass(10 * SECOND + MILLISECOND);
    assert!(rig.take_events().iter().any(|event| matches!(
        event,
        Event::Closed {
            cause: Cause::LoginTimeout,
            ..
        }
    )),);
}

/// A signer is not read from the socket: it keeps its deadline.
#[test]
fn a_signer_has_its_deadline_also_in_a_pause() {
    let mut rig = Rig::new(Market::Spot, Side::Private, &["spot/user/order:A_USDT"]);
    rig.signs = false;
    rig.session.pause();
    rig.connect();
    rig.pass(10 * SECOND + MILLISECOND);
    assert!(rig.take_events().iter().any(|event| matches!(
        event,
        Event::Closed {
            cause: Cause::Signer { .. },
            ..
        }
    )),);
}

/// A socket that fails while nothing is read is lost like any other.
#[test]
fn a_socket_lost_in_a_pause_is_a_gap_from_the_last_frame_read() {
    let mut rig = ready();
    let last_frame = rig.now;
    rig.session.pause();
    rig.pass(MINUTE);
    rig.take_events();
    rig.drop_socket();
    let events = rig.take_events();
    assert!(
        matches!(&events[1], Event::GapOpened(gap) if gap.since.unwrap().ns == last_frame),
        "{events:?}"
    );
    rig.session.resume(rig.now);
    rig.establish();
    assert_eq!(rig.session.status(), Status::Ready);
}

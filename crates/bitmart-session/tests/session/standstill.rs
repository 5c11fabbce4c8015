//! P3 where nobody read for a while: what was read late dates no gap.

use bitmart_proto::{Market, Side};
use bitmart_session::time::{MILLISECOND, MINUTE, SECOND};
use bitmart_session::{Event, Moment};

use crate::rig::Rig;

fn ready() -> Rig {
    let mut rig = Rig::new(Market::Futures, Side::Private, &["futures/order"]);
    rig.establish();
    rig.take_events();
    rig
}

fn since(rig: &mut Rig) -> u64 {
    let since: Vec<Option<Moment>> = rig
        .take_events()
        .iter()
        .filter_map(|event| match event {
            Event::GapOpened(gap) => Some(gap.since),
            _ => None,
        })
        .collect();
    assert_eq!(since.len(), 1, "{since:?}");
    since[0].unwrap().ns
}

/// Failure mode 46: the exchange went away while the machine slept. What it had sent before is read at the awakening,
/// and says nothing of the hours between.
#[test]
fn a_gap_begins_before_the_sleep_in_which_the_socket_was_lost() {
    let mut rig = ready();
    rig.pass(700 * MILLISECOND);
    let asleep_at = rig.now;
    rig.now += 180 * MINUTE;
    rig.frame();
    rig.drop_socket();
    let since = since(&mut rig);
    assert!(
        since <= asleep_at && asleep_at - since <= SECOND,
        "{since} {asleep_at}"
    );
}

/// Failure modes 41 and 46: the same where the driver was told not to read, for however short a time.
#[test]
fn a_gap_begins_before_the_pause_in_which_the_socket_was_lost() {
    for pause in [100 * MILLISECOND, 90 * SECOND] {
        let mut rig = ready();
        rig.pass(700 * MILLISECOND);
        let paused_at = rig.now;
        rig.session.pause();
        rig.now += pause;
        rig.session.resume(rig.now);
        rig.frame();
        rig.drop_socket();
        let since = since(&mut rig);
        assert!(
            since <= paused_at && paused_at - since <= SECOND,
            "{since} {paused_at}"
        );
    }
}

/// Once the socket has been read dry, a frame comes when it is read again.
#[test]
fn after_the_awakening_a_gap_is_dated_as_ever() {
    let mut rig = ready();
    rig.now += 180 * MINUTE;
    rig.frame();
    assert!(rig.session.arrival(rig.now) < rig.now);
    rig.session.handle_drained(rig.now);
    assert_eq!(rig.session.arrival(rig.now), rig.now);
    rig.pass(300 * MILLISECOND);
    rig.frame();
    let last_frame = rig.now;
    rig.pass(500 * MILLISECOND);
    rig.drop_socket();
    assert_eq!(since(&mut rig), last_frame);
}

/// A socket that is read often enough is never behind, however late in the second a frame comes.
#[test]
fn whoever_looks_once_a_second_reads_nothing_late() {
    let mut rig = ready();
    for _ in 0..50 {
        rig.pass(997 * MILLISECOND);
        rig.frame();
        assert_eq!(rig.session.arrival(rig.now), rig.now);
    }
}

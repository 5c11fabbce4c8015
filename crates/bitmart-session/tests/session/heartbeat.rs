//! P5, liveness.

use bitmart_proto::{Market, Side};
use bitmart_session::time::{MILLISECOND, MINUTE, SECOND};
use bitmart_session::{Cause, Event, Status};

use crate::rig::Rig;

const TOPIC: &str = "futures/position";

fn ready(market: Market) -> Rig {
    let topic = if market == Market::Spot {
        "spot/user/order:A_USDT"
    } else {
        TOPIC
    };
    let mut rig = Rig::new(market, Side::Private, &[topic]);
    rig.establish();
    rig.take_events();
    rig.take_sent();
    rig
}

/// Failure mode 3: a dead peer is noticed within 25 s of its last frame, whenever we last spoke.
#[test]
fn a_half_open_socket_is_noticed_within_25_seconds() {
    for spoke_after in [0, 1, 9, 14] {
        let mut rig = ready(Market::Futures);
        let last_frame = rig.now;
        rig.pass(spoke_after * SECOND);
        rig.session.subscribe("futures/order".parse().unwrap()).unwrap();
        rig.drain();
        while rig.session.status() == Status::Ready {
            rig.pass(100 * MILLISECOND);
        }
        let took = rig.now - last_frame;
        assert!(took <= 25 * SECOND, "{took}");
        let events = rig.take_events();
        assert!(
            matches!(
                &events[0],
                Event::Closed {
                    cause: Cause::Silent,
                    ..
                }
            ),
            "{events:?}"
        );
        assert!(
            matches!(&events[1], Event::GapOpened(gap) if gap.since.unwrap().ns == last_frame),
            "{events:?}"
        );
        assert_eq!(rig.closes, (0, 1), "a dead peer is not said good-bye to");
    }
}

/// Failure mode 4: pongs are lost, data flows.
#[test]
fn any_inbound_frame_is_life() {
    let mut rig = ready(Market::Spot);
    for _ in 0..40 {
        rig.pass(9 * SECOND);
        rig.frame();
    }
    assert_eq!(rig.session.status(), Status::Ready);
    let pings = rig.take_sent();
    assert!(pings.iter().all(|text| text == "ping"));
    assert!(
        (20..=26).contains(&pings.len()),
        "a ping each 15 s of six minutes, though data flows: {}",
        pings.len()
    );
}

/// Failure mode 4, at its end: a stream that has lost its step brings bytes for ever, and no frame. The socket is given up after a
/// minute of it, and the gap begins where the last frame was.
#[test]
fn bytes_that_never_make_a_frame_are_no_life_for_long() {
    let mut rig = ready(Market::Futures);
    let last_frame = rig.now;
    rig.pass(5 * SECOND);
    let began = rig.now;
    while rig.session.status() == Status::Ready {
        rig.session.handle_activity(rig.now, false);
        assert!(rig.now - began <= MINUTE, "it is waited for for ever");
        rig.pass(SECOND);
    }
    assert_eq!(rig.now - began, MINUTE);
    let events = rig.take_events();
    assert!(
        matches!(&events[0], Event::Closed { cause: Cause::Lost { text }, .. } if text.contains("frame")),
        "{events:?}"
    );
    assert!(
        matches!(&events[1], Event::GapOpened(gap) if gap.since.unwrap().ns == last_frame),
        "{events:?}"
    );
}

/// A frame that takes half a minute is as good as any; and in a pause, when nothing is read, none is late.
#[test]
fn a_slow_frame_is_waited_for() {
    let mut rig = ready(Market::Futures);
    for _ in 0..10 {
        for _ in 0..50 {
            rig.pass(SECOND);
            rig.session.handle_activity(rig.now, false);
        }
        rig.frame();
    }
    rig.session.handle_activity(rig.now, false);
    rig.session.pause();
    rig.pass(10 * MINUTE);
    rig.session.resume(rig.now);
    rig.drain();
    rig.pass(9 * SECOND);
    rig.frame();
    assert_eq!(rig.session.status(), Status::Ready);
}

/// Who was away for longer than a minute with half a frame read finds its rest in the socket.
#[test]
fn a_frame_is_not_late_because_nobody_looked() {
    let mut rig = ready(Market::Futures);
    rig.pass(5 * SECOND);
    rig.session.handle_activity(rig.now, false);
    rig.pass(SECOND);
    rig.now += 61 * MINUTE;
    rig.session.handle_activity(rig.now, false);
    rig.session.handle_timeout(rig.now);
    rig.frame();
    assert_eq!(rig.session.status(), Status::Ready);
}

#[test]
fn a_ping_in_flight_is_not_repeated() {
    let mut rig = ready(Market::Futures);
    rig.pass(24 * SECOND);
    assert_eq!(rig.take_sent(), [r#"{"action":"ping"}"#]);
}

/// Failure mode 46: after a suspend the clock has jumped; one probe, then another socket.
#[test]
fn a_suspend_is_probed_and_then_ends_the_socket() {
    let mut rig = ready(Market::Futures);
    let last_frame = rig.now;
    rig.now += 10 * MINUTE;
    rig.session.handle_timeout(rig.now);
    rig.drain();
    assert_eq!(rig.take_sent().len(), 1);
    assert_eq!(rig.session.status(), Status::Ready);
    rig.pass(10 * SECOND);
    let events = rig.take_events();
    assert!(
        matches!(&events[1], Event::GapOpened(gap) if gap.since.unwrap().ns == last_frame),
        "{events:?}"
    );
}

/// Failure mode 54, and row 1.
#[test]
fn a_lost_host_is_announced_and_asked_about_about_once_a_minute() {
    let mut rig = Rig::new(Market::Spot, Side::Public, &["spot/ticker:A_USDT"]);
    rig.take_events();
    let mut attempts = 0;
    while rig.now < 24 * 60 * MINUTE {
        let at = rig.connect_at.take().unwrap();
        rig.now = rig.now.max(at);
        attempts += 1;
        rig.drop_socket();
        let names = rig.take_names();
        match attempts {
            10 => assert_eq!(names, ["connect failed", "degraded", "reconnecting"]),
            _ => assert_eq!(names, ["connect failed", "reconnecting"], "attempt {attempts}"),
        }
    }
    assert!(
        (24 * 60 * 8 / 10..24 * 60 * 14 / 10).contains(&attempts),
        "{attempts} attempts in a day"
    );
}

#[test]
fn a_clean_drop_is_retried_within_400_ms() {
    let mut delays: Vec<u64> = (0..200)
        .map(|seed| {
            let mut rig =
                Rig::with_config(Market::Futures, Side::Private, &[TOPIC], Default::default(), seed);
            rig.establish();
            rig.pass(6 * SECOND);
            rig.frame();
            rig.drop_socket();
            rig.connect_at.unwrap() - rig.now
        })
        .collect();
    delays.sort_unstable();
    assert!(
        delays[100] <= 250 * MILLISECOND && delays[199] <= 400 * MILLISECOND,
        "{delays:?}"
    );
}

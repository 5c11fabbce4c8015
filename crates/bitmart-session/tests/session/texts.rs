//! What a person reads: what happened, whose fault it is, what to do. And settings that nobody should make.

use bitmart_proto::{ErrorCode, Market, Refusal, Side};
use bitmart_session::time::SECOND;
use bitmart_session::{Config, Event, Session, Status};

use crate::rig::{Rig, refusal, unavailable};

const TOPIC: &str = "spot/user/order:A_USDT";

fn text(events: &[Event], test: impl Fn(&Event) -> bool) -> String {
    let event = events.iter().find(|event| test(event));
    event.unwrap_or_else(|| panic!("{events:?}")).to_string()
}

#[test]
fn many_failures_are_put_down_to_what_failed() {
    let mut rig = Rig::new(Market::Spot, Side::Private, &[TOPIC]);
    rig.signs = false;
    for _ in 0..12 {
        rig.connect();
        let (now, epoch) = (rig.now, rig.session.epoch());
        rig.session.handle_signed(now, epoch, Err(unavailable()));
        rig.drain();
    }
    let text = text(&rig.take_events(), |event| {
        matches!(event, Event::Degraded { .. })
    });
    assert!(
        text.contains("10 attempts") && text.contains("the vault is restarting"),
        "{text}"
    );
}

/// A skew that was given is the user's to correct, and one that is none is put down to something else.
#[test]
fn a_refused_timestamp_is_put_down_to_the_clock_only_if_it_was_wrong() {
    let mut config = Config::default();
    config.clock_offset_ms = Some(90_000);
    let mut rig = Rig::with_config(Market::Spot, Side::Private, &[TOPIC], config, 1);
    rig.connect();
    rig.reply("login", None, Err(refusal(91022, "late")));
    let given = text(&rig.take_events(), |event| {
        matches!(event, Event::ClockSkew { .. })
    });
    assert!(given.contains("clock_offset_ms"), "{given}");

    let refusal = Refusal::new(Some(ErrorCode(91022)), "late");
    let skew = |skew_ms| Event::ClockSkew {
        skew_ms,
        refusal: refusal.clone(),
    };
    let right = skew(Some(0)).to_string();
    assert!(
        right.contains("it was right") && !right.contains("set this machine"),
        "{right}"
    );
    let ahead = skew(Some(-90_000)).to_string();
    assert!(
        ahead.contains("90000 ms ahead of its own clock: set this machine's clock"),
        "{ahead}"
    );
}

/// Whatever ends a connection for good says what comes after the repair.
#[test]
fn what_is_terminal_says_how_to_go_on() {
    let refusal = Refusal::new(Some(ErrorCode(91002)), "unknown");
    for event in [
        Event::AuthRejected {
            refusal: refusal.clone(),
        },
        Event::ClockSkew {
            skew_ms: None,
            refusal,
        },
        Event::SignerRefused { error: unavailable() },
    ] {
        assert!(event.is_terminal());
        let text = event.to_string();
        assert!(
            text.ends_with("then close this connection, or build another client"),
            "{text}"
        );
    }
}

/// The last topic of a gap is no longer wanted: nothing is complete, and nothing is to be asked for.
#[test]
fn a_gap_without_topics_asks_for_nothing() {
    let topic = "futures/ticker:AUSDT";
    let mut rig = Rig::new(Market::Futures, Side::Public, &[topic]);
    rig.establish();
    rig.drop_socket();
    rig.take_events();
    let now = rig.now;
    rig.session.unsubscribe(now, &topic.parse().unwrap());
    rig.drain();
    let text = text(&rig.take_events(), |event| matches!(event, Event::GapClosed(_)));
    assert_eq!(text, "none of the topics that missed something is left");
}

/// A session takes any setting without harm to itself.
#[test]
fn settings_without_sense_do_no_harm() {
    for extreme in [0, u64::MAX] {
        let mut config = Config::default();
        config.ping_after_ms = extreme;
        config.pong_grace_ms = extreme;
        config.login_timeout_ms = extreme;
        config.ack_timeout_ms = extreme;
        config.backoff.quick_ms = extreme;
        config.backoff.base_ms = extreme;
        config.backoff.max_ms = extreme;
        config.backoff.stable_ms = extreme;
        config.backoff.ready_for_quick_ms = extreme;
        let mut session = Session::public(Market::Futures, 0, config, 1);
        session
            .subscribe("futures/ticker:AUSDT".parse().unwrap())
            .unwrap();
        session.start(0, 0);
        session.handle_connected(0, 0, None);
        session.pause();
        let (mut out, mut sent) = (Vec::new(), 0);
        while session.poll_transmit(SECOND, &mut out).is_some() {
            sent += 1;
            assert!(sent < 100, "the outputs can be drained");
        }
        session.resume(SECOND);
        session.handle_timeout(2 * SECOND);
        session.handle_disconnected(3 * SECOND, bitmart_session::Cause::Silent);
        assert_eq!(session.status(), Status::Connecting);
    }
}

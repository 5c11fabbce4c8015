//! P4, truthful login, and what follows a refused one.

use bitmart_auth::SignError;
use bitmart_proto::{Market, Refusal, Side};
use bitmart_session::time::{MINUTE, SECOND};
use bitmart_session::{Cause, Event, Status};

use crate::rig::{Rig, START_MS, refusal, unavailable};

const ORDERS: &str = "spot/user/order:BTC_USDT";

fn private() -> Rig {
    Rig::new(Market::Spot, Side::Private, &[ORDERS])
}

#[test]
fn an_epoch_runs_in_order() {
    let mut rig = private();
    assert_eq!(rig.take_names(), ["gap opened"]);
    rig.connect();
    assert_eq!(rig.take_names(), ["opened"]);
    let sent = rig.take_sent();
    assert_eq!(
        sent.len(),
        1,
        "nothing goes before the login is accepted: {sent:?}"
    );
    assert!(
        sent[0].starts_with(&format!(r#"{{"op":"login","args":["the-key","{START_MS}",""#)),
        "{sent:?}"
    );
    rig.login_ok();
    assert_eq!(rig.take_names(), ["authenticated"]);
    assert_eq!(
        rig.take_sent(),
        [format!(r#"{{"op":"subscribe","args":["{ORDERS}"]}}"#)]
    );
    rig.ack(ORDERS);
    assert_eq!(rig.take_names(), ["subscribed", "gap closed", "ready"]);
    assert_eq!(rig.session.status(), Status::Ready);
}

#[test]
fn only_a_success_reply_of_a_login_authenticates() {
    let mut rig = private();
    rig.connect();
    rig.ack(ORDERS);
    rig.reply("subscribe", None, Ok(()));
    rig.frame();
    assert_eq!(rig.session.status(), Status::LoggingIn);
    assert!(!rig.take_names().contains(&"authenticated"));

    let mut unsigned = private();
    unsigned.signs = false;
    unsigned.connect();
    unsigned.login_ok();
    assert_eq!(
        unsigned.session.status(),
        Status::LoggingIn,
        "nobody can accept what was not sent"
    );
}

/// Failure mode 11: one rejection, and not a single attempt more.
#[test]
fn a_wrong_key_is_rejected_once_and_for_all() {
    for (code, text) in [
        (91002, "API KEY not found"),
        (91011, "sign is wrong"),
        (91004, "expired"),
    ] {
        let mut rig = private();
        rig.connect();
        rig.take_events();
        rig.reply("login", None, Err(refusal(code, text)));
        assert_eq!(rig.take_names(), ["closed", "auth rejected"], "{code}");
        assert_eq!(rig.session.status(), Status::Terminated);
        rig.pass(60 * MINUTE);
        assert_eq!(
            (rig.connect_at, rig.connects, rig.take_names().len()),
            (None, 1, 0)
        );
        assert!(rig.session.subscribe(ORDERS.parse().unwrap()).is_err());
    }
    let mut rig = Rig::new(Market::Futures, Side::Private, &["futures/order"]);
    rig.connect();
    rig.reply(
        "access",
        None,
        Err(Refusal::new(None, "access failed: openapi auth failed")),
    );
    assert!(rig.take_names().ends_with(&["closed", "auth rejected"]));
    assert_eq!(rig.connect_at, None);
}

/// Failure mode 12: trouble of the exchange's own is met with patience.
#[test]
fn a_login_refused_for_now_is_tried_again_later() {
    let mut rig = private();
    rig.connect();
    rig.take_events();
    rig.reply("login", None, Err(refusal(95000, "internal error")));
    assert_eq!(rig.take_names(), ["login deferred", "closed", "reconnecting"]);
    assert!(rig.connect_at.unwrap() >= rig.now + 20 * SECOND);
    rig.establish();
    assert_eq!(rig.session.status(), Status::Ready);
}

/// Failure mode 13: the reply is lost; a second login on the same socket would be refused, so there is none.
#[test]
fn a_lost_reply_means_another_socket() {
    let mut rig = private();
    rig.connect();
    for _ in 0..9 {
        rig.pass(SECOND);
        rig.frame();
    }
    assert_eq!(rig.take_sent().len(), 1);
    rig.pass(SECOND);
    assert!(rig.take_names().ends_with(&["closed", "reconnecting"]));
    assert_eq!(rig.take_sent().len(), 0);
    rig.connect();
    assert_eq!(rig.take_sent().len(), 1);
}

/// Failure mode 15: the correction comes from the upgrade's answer, before the first login.
#[test]
fn a_clock_that_is_off_is_corrected_from_the_date_header() {
    for ahead in [-90_000i64, 57_000, 90_000] {
        let mut rig = private();
        rig.server_ahead_ms = Some(ahead);
        rig.connect();
        let sent = rig.take_sent();
        let timestamp: i64 = sent[0].split('"').nth(9).unwrap().parse().unwrap();
        let error = timestamp - (START_MS as i64 + ahead);
        assert!(error.abs() <= 1_000, "{ahead}: {error}");
    }
}

#[test]
fn a_clock_refusal_is_retried_once_and_then_reported() {
    let mut rig = private();
    rig.server_ahead_ms = Some(1_000);
    rig.connect();
    rig.take_events();
    rig.reply("login", None, Err(refusal(91022, "Within a minute")));
    assert_eq!(rig.take_names(), ["login deferred", "closed", "reconnecting"]);
    rig.connect();
    rig.reply("login", None, Err(refusal(91022, "Within a minute")));
    assert_eq!(rig.take_names(), ["reconnected", "closed", "clock skew"]);
    rig.pass(60 * MINUTE);
    assert_eq!((rig.connect_at, rig.connects), (None, 2));
}

/// Failure mode 16: the key is revoked in mid-session; the gap that this opens stays open.
#[test]
fn a_revoked_key_ends_the_session_with_its_gap_open() {
    let mut rig = private();
    rig.establish();
    rig.take_events();
    rig.reply("login", None, Err(refusal(91003, "frozen")));
    assert_eq!(rig.take_names(), ["closed", "gap opened", "auth rejected"]);
    rig.pass(60 * MINUTE);
    assert_eq!((rig.connect_at, rig.take_names().len()), (None, 0));
}

#[test]
fn a_session_that_is_told_to_log_in_opens_another_socket() {
    let mut rig = private();
    rig.establish();
    rig.take_events();
    rig.reply("subscribe", None, Err(refusal(91006, "not logged in")));
    assert_eq!(rig.take_names(), ["closed", "gap opened", "reconnecting"]);
}

#[test]
fn a_signer_that_is_late_costs_a_socket_and_one_that_refuses_ends_the_session() {
    let mut rig = private();
    rig.signs = false;
    rig.connect();
    let epoch = rig.session.epoch();
    rig.pass(10 * SECOND);
    assert!(rig.take_names().ends_with(&["closed", "reconnecting"]));
    rig.connect();
    rig.session
        .handle_signed(rig.now, epoch, Err(SignError::Refused("stale".into())));
    rig.drain();
    assert_eq!(
        rig.take_names(),
        ["reconnected"],
        "an answer for another epoch is dropped"
    );
    rig.session
        .handle_signed(rig.now, rig.session.epoch(), Err(unavailable()));
    rig.drain();
    assert_eq!(rig.take_names(), ["closed", "reconnecting"]);
    rig.connect();
    rig.session
        .handle_signed(rig.now, rig.session.epoch(), Err(SignError::Refused("no".into())));
    rig.drain();
    let events = rig.take_events();
    assert!(
        matches!(events.last(), Some(Event::SignerRefused { .. })),
        "{events:?}"
    );
    assert_eq!(rig.connect_at, None);
}

/// P9: neither the session nor its events show the login.
#[test]
fn debug_shows_neither_key_nor_signature() {
    let mut rig = private();
    rig.signs = false;
    rig.connect();
    let signature = "ab".repeat(32);
    let signed = bitmart_auth::Signature::from_hex(&signature).unwrap();
    rig.session
        .handle_signed(rig.now, rig.session.epoch(), Ok(signed));
    let shown = format!("{:?} {:#?}", rig.session, rig.events);
    assert!(
        !shown.contains("the-key") && !shown.contains(&signature[..16]) && !shown.contains("97, 98"),
        "{shown}"
    );
}

/// The exchange doesn't want the connection, in plain words and before the login was answered, or even signed: that is
/// no refused login, and nothing is signed or waited for any more.
#[test]
fn a_connection_that_is_not_wanted_is_no_refused_login() {
    for is_signed in [false, true] {
        let mut rig = Rig::new(Market::Spot, Side::Private, &["spot/user/order:A_USDT"]);
        rig.signs = is_signed;
        rig.connect();
        rig.take_events();
        // Not the one wording that was seen: how it begins is what counts.
        let refusal = Refusal::new(None, "IP Limited: come back later");
        rig.reply("", None, Err(refusal));
        let names = rig.take_events();
        assert!(
            matches!(&names[..], [Event::Closed { cause: Cause::Refused(_), .. }, Event::Reconnecting { delay_ms, .. }]
                if *delay_ms >= 60_000),
            "{names:?}"
        );
        assert_eq!(rig.closes, (1, 0));
    }
}

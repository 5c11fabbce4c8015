//! What settings may be, and what is said of those that can't be used.
#![allow(clippy::unwrap_used, reason = "tests")]

use bitmart_session::{BackoffConfig, Bounds, Config};

type Field = fn(&mut Config) -> &mut u64;

#[test]
fn each_setting_has_a_range_and_is_named_when_outside() {
    let fields: [(Bounds, Field); 6] = [
        (Config::PING_AFTER, |config| &mut config.ping_after_ms),
        (Config::PONG_GRACE, |config| &mut config.pong_grace_ms),
        (Config::SIGN_TIMEOUT, |config| &mut config.sign_timeout_ms),
        (Config::LOGIN_TIMEOUT, |config| &mut config.login_timeout_ms),
        (Config::ACK_TIMEOUT, |config| &mut config.ack_timeout_ms),
        (BackoffConfig::MAX, |config| &mut config.backoff.max_ms),
    ];
    for (bounds, field) in fields {
        let with = |value| {
            let mut config = Config::default();
            config.backoff.quick_ms = 100;
            config.backoff.base_ms = 100;
            *field(&mut config) = value;
            config.validate()
        };
        assert_eq!(with(bounds.min), Ok(()), "{bounds:?}");
        assert_eq!(with(bounds.max), Ok(()), "{bounds:?}");
        for value in [bounds.min - 1, bounds.max + 1, u64::MAX] {
            let error = with(value).unwrap_err();
            assert_eq!((error.field(), error.value()), (bounds.field, value));
            let text = error.to_string();
            for part in [bounds.field, bounds.reason, &bounds.max.to_string(), "ms"] {
                assert!(text.contains(part), "{text}");
            }
        }
    }
}

#[test]
fn a_clock_may_be_off_by_a_day_either_way() {
    let with = |offset| {
        let mut config = Config::default();
        config.clock_offset_ms = Some(offset);
        config.validate().map_err(|error| error.field())
    };
    assert_eq!(with(86_400_000), Ok(()));
    assert_eq!(with(-86_400_000), Ok(()));
    for offset in [86_400_001, -86_400_001, i64::MAX, i64::MIN] {
        assert_eq!(with(offset), Err("session.clock_offset_ms"));
    }
}

#[test]
fn retries_never_come_without_a_pause_or_wait_longer_than_the_longest() {
    let with = |quick, base| {
        let mut config = Config::default();
        config.backoff.quick_ms = quick;
        config.backoff.base_ms = base;
        config.validate().map_err(|error| error.field())
    };
    assert_eq!(with(0, 10), Ok(()));
    assert_eq!(with(60_000, 60_000), Ok(()));
    assert_eq!(with(60_001, 1_000), Err("session.backoff.quick_ms"));
    assert_eq!(with(400, 60_001), Err("session.backoff.base_ms"));
    assert_eq!(with(400, 9), Err("session.backoff.base_ms"));
}

use bitmart_proto::limits::LOGIN_WINDOW_MS;
use bitmart_proto::{Dialect, ErrorClass, Refusal};

/// An offset by a `Date` header counts from here on, in milliseconds: the header has whole seconds and travelled,
/// so less than this says nothing, and the login's window has a minute of slack.
const DATE_SLACK_MS: i64 = 2_000;

/// From here on, in milliseconds, a refusal that doesn't say why is put down to the clock: just under the window.
const SUSPICIOUS_SKEW_MS: u64 = LOGIN_WINDOW_MS - 5_000;

/// Knows how far the exchange's clock is from ours, and what that makes of a refused login.
#[derive(Debug)]
pub(crate) struct LoginClock {
    /// What is added to our clock for a login.
    applied_ms: i64,
    is_given: bool,
    /// The offset by the last `Date` header.
    measured_ms: Option<i64>,
    /// A login was refused for its timestamp, and a corrected one has not been accepted yet.
    has_corrected: bool,
}

/// What to make of a refused login.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Try again on another socket.
    Retry,
    /// Never try again.
    Rejected,
    /// Never try again: the clock is at fault and a correction did not help.
    Skewed { skew_ms: Option<i64> },
}

impl LoginClock {
    pub(crate) fn new(given_ms: Option<i64>) -> Self {
        Self {
            applied_ms: given_ms.unwrap_or(0),
            is_given: given_ms.is_some(),
            measured_ms: None,
            has_corrected: false,
        }
    }

    /// Takes the measurement that comes with each socket.
    pub(crate) fn measure(&mut self, unix_ms: u64, server_date_ms: Option<u64>) {
        // The header's second has passed by half on average.
        self.measured_ms = server_date_ms.map(|date| difference(date.saturating_add(500), unix_ms));
        if let (Some(measured), false) = (self.measured_ms, self.is_given && !self.has_corrected) {
            let is_worth_it = measured.abs() >= DATE_SLACK_MS || self.has_corrected;
            self.applied_ms = if is_worth_it { measured } else { 0 };
        }
    }

    pub(crate) fn timestamp_ms(&self, unix_ms: u64) -> u64 {
        unix_ms.saturating_add_signed(self.applied_ms)
    }

    pub(crate) fn accepted(&mut self) {
        self.has_corrected = false;
    }

    pub(crate) fn judge(&mut self, refusal: &Refusal<'_>, dialect: &dyn Dialect) -> Verdict {
        let skew_ms = self
            .measured_ms
            .map(|measured| measured.saturating_sub(self.applied_ms));
        let looks_skewed = skew_ms.is_some_and(|skew| skew.unsigned_abs() >= SUSPICIOUS_SKEW_MS);
        match refusal.class() {
            ErrorClass::Clock => self.correct(skew_ms),
            ErrorClass::Auth if looks_skewed && !dialect.refusals_tell_clock_from_key() => {
                self.correct(skew_ms)
            }
            ErrorClass::Auth => Verdict::Rejected,
            _ => Verdict::Retry,
        }
    }

    fn correct(&mut self, skew_ms: Option<i64>) -> Verdict {
        if self.has_corrected || skew_ms.is_none() {
            return Verdict::Skewed { skew_ms };
        }
        self.has_corrected = true;
        Verdict::Retry
    }
}

fn difference(a: u64, b: u64) -> i64 {
    i64::try_from(i128::from(a) - i128::from(b)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bitmart_proto::{ErrorCode, Market};

    const NOW: u64 = 1_700_000_000_000;

    fn late() -> Refusal<'static> {
        Refusal::new(Some(ErrorCode(91022)), "late")
    }

    #[test]
    fn a_good_clock_is_left_alone_and_a_bad_one_corrected() {
        let mut clock = LoginClock::new(None);
        clock.measure(NOW, Some(NOW - 1_400));
        assert_eq!(clock.timestamp_ms(NOW), NOW);
        clock.measure(NOW, Some(NOW + 90_000));
        assert_eq!(clock.timestamp_ms(NOW), NOW + 90_500);
        clock.measure(NOW, None);
        assert_eq!(clock.timestamp_ms(NOW), NOW + 90_500, "no news is no correction");
    }

    #[test]
    fn a_given_offset_is_corrected_once_and_then_reported() {
        let mut clock = LoginClock::new(Some(-90_000));
        clock.measure(NOW, Some(NOW));
        assert_eq!(clock.timestamp_ms(NOW), NOW - 90_000);
        assert_eq!(clock.judge(&late(), Market::Spot.dialect()), Verdict::Retry);
        clock.measure(NOW, Some(NOW));
        assert_eq!(clock.timestamp_ms(NOW), NOW + 500);
        assert_eq!(
            clock.judge(&late(), Market::Spot.dialect()),
            Verdict::Skewed { skew_ms: Some(0) }
        );
    }

    #[test]
    fn without_a_measurement_there_is_nothing_to_correct() {
        let mut clock = LoginClock::new(None);
        clock.measure(NOW, None);
        assert_eq!(
            clock.judge(&late(), Market::Spot.dialect()),
            Verdict::Skewed { skew_ms: None }
        );
    }

    /// Futures has no code for a clock: a large skew makes the clock the suspect.
    #[test]
    fn futures_suspects_the_clock_only_when_it_is_far_off() {
        let refused = Refusal::new(None, "access failed: openapi auth");
        let mut clock = LoginClock::new(Some(90_000));
        clock.measure(NOW, Some(NOW));
        assert_eq!(clock.judge(&refused, Market::Futures.dialect()), Verdict::Retry);
        let mut clock = LoginClock::new(None);
        clock.measure(NOW, Some(NOW));
        assert_eq!(
            clock.judge(&refused, Market::Futures.dialect()),
            Verdict::Rejected
        );
    }

    #[test]
    fn trouble_of_the_exchange_is_retried() {
        let mut clock = LoginClock::new(None);
        for refusal in [
            Refusal::new(Some(ErrorCode(95000)), ""),
            Refusal::new(None, "authentication is temporarily unavailable"),
            Refusal::new(Some(ErrorCode(91005)), ""),
        ] {
            assert_eq!(clock.judge(&refusal, Market::Spot.dialect()), Verdict::Retry);
        }
    }
}

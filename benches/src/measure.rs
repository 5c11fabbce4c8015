//! Timing in turns: every contestant once per round, so that whatever else the machine does hits all of them. The clock
//! is the thread's own, which stands still while another process has the core.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Does a piece of work so many times.
pub type Turn<'a> = Box<dyn FnMut(usize) + 'a>;

/// How long to measure.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// How many rounds; the result is the median.
    pub rounds: usize,
    /// How long a contestant's part of a round takes at least.
    pub slice: Duration,
}

/// How long the work takes, done so many times.
pub fn time(turn: &mut Turn<'_>, count: usize) -> Duration {
    let start = worked();
    turn(count);
    worked().saturating_sub(start)
}

/// How long this thread has run on a core.
fn worked() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).expect("no thread has run for less than no time")
}

/// The median time of one piece of work of each contestant, in nanoseconds.
pub fn medians(turns: &mut [Turn<'_>], plan: Plan) -> Vec<f64> {
    let counts: Vec<usize> = turns.iter_mut().map(|turn| calibrate(turn, plan.slice)).collect();
    let mut samples = vec![Vec::with_capacity(plan.rounds); turns.len()];
    for round in 0..plan.rounds {
        for place in 0..turns.len() {
            // Each time somebody else goes first.
            let at = (place + round) % turns.len();
            let elapsed = time(&mut turns[at], counts[at]);
            samples[at].push(elapsed.as_nanos() as f64 / counts[at] as f64);
        }
    }
    samples.iter_mut().map(|samples| median(samples)).collect()
}

/// How often the work has to be done to fill a slice; warms it up on the way.
fn calibrate(turn: &mut Turn<'_>, slice: Duration) -> usize {
    let mut count = 64;
    loop {
        let elapsed = time(turn, count);
        if elapsed >= slice {
            return count;
        }
        // Straight to the aim once the clock says something, but never by leaps.
        let wanted = slice.as_secs_f64() / elapsed.as_secs_f64().max(1e-9);
        count = (count as f64 * wanted.clamp(1.1, 10.0)).ceil() as usize;
    }
}

/// The middle one; the mean of the two in the middle if their number is even.
fn median(samples: &mut [f64]) -> f64 {
    samples.sort_by(f64::total_cmp);
    let middle = samples.len() / 2;
    match samples {
        [] => f64::NAN,
        _ if samples.len() % 2 == 1 => samples[middle],
        _ => f64::midpoint(samples[middle - 1], samples[middle]),
    }
}

/// The geometric mean.
#[must_use]
pub fn geometric_mean(values: &[f64]) -> f64 {
    (values.iter().map(|value| value.ln()).sum::<f64>() / values.len() as f64).exp()
}

/// The smallest one.
#[must_use]
pub fn minimum(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::INFINITY, f64::min)
}

/// The largest one.
#[must_use]
pub fn maximum(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::NEG_INFINITY, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_and_medians_are_what_they_should_be() {
        assert!((geometric_mean(&[2.0, 8.0]) - 4.0).abs() < 1e-12);
        assert!((median(&mut [9.0, 1.0, 5.0]) - 5.0).abs() < 1e-12);
        assert!((median(&mut [9.0, 1.0, 5.0, 3.0]) - 4.0).abs() < 1e-12);
        assert!((minimum(&[3.0, 2.0, 4.0]) - 2.0).abs() < 1e-12);
        assert!((maximum(&[3.0, 4.0, 2.0]) - 4.0).abs() < 1e-12);
    }
}

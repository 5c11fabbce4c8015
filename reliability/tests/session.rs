//! Sessions in virtual time, under the oracle: seeds that once failed, fixed ones and fresh ones.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

use std::hash::{BuildHasher as _, RandomState};

use bitmart_reliability::campaign::{self, Plan};
use bitmart_reliability::session::{self, Run, herd};

/// Seeds that once failed: `seed hours what it was`.
const REGRESSIONS: &str = include_str!("../regressions/session.txt");

fn run(first_seed: u64, seeds: u64) -> Run {
    let plan = Plan {
        first_seed,
        seeds,
        jobs: 2,
    };
    let one = |seed| session::run(seed, 4).map_err(|violation| violation.to_string());
    campaign::run(plan, one, |sum: &mut Run, run| sum.add(&run), |_| ())
        .unwrap_or_else(|failure| panic!("{failure} (4 hours)"))
}

#[test]
fn what_once_failed_holds() {
    let lines: Vec<&str> = REGRESSIONS
        .lines()
        .filter(|line| !line.starts_with('#'))
        .collect();
    assert!(!lines.is_empty());
    for line in lines {
        let mut words = line.split_whitespace();
        let mut number = || words.next().unwrap().parse().unwrap();
        let (seed, hours) = (number(), number());
        if let Err(violation) = session::run(seed, hours) {
            panic!("{violation}\nseed {seed} fails again: {line}");
        }
    }
}

/// P3 to P6 under every fault that the model knows.
#[test]
fn sessions_keep_their_promises_under_faults() {
    let fresh = RandomState::new().hash_one(0) >> 1;
    println!("fresh seeds from {fresh} on");
    let mut sum = run(0, 60);
    sum.add(&run(fresh, 30));
    let totals = sum.totals;
    assert!(sum.hours() >= 360 && totals.faults > 1_000, "{sum:?}");
    assert!(
        totals.missing > 100 && totals.received > 100 * totals.gaps.min(100),
        "{sum:?}"
    );
}

#[test]
fn one_seed_is_one_run_byte_for_byte() {
    for seed in 0..5 {
        assert_eq!(
            session::run(seed, 3).unwrap(),
            session::run(seed, 3).unwrap(),
            "seed {seed}"
        );
    }
    assert_ne!(
        session::run(1, 3).unwrap().digest,
        session::run(2, 3).unwrap().digest
    );
}

/// Failure mode 24: a thousand clients of a restarted exchange don't come back as a herd.
#[test]
fn a_herd_of_a_thousand_clients_comes_back_spread() {
    for (seed, has_outage) in [(1, false), (2, true)] {
        let herd =
            herd::restart(seed, has_outage).unwrap_or_else(|violation| panic!("{violation}\nseed {seed}"));
        assert!(herd.live_after_ms < 60_000, "{herd:?}");
    }
}

//! The short form of the simulations of the whole client: seeds that have failed once, a fixed block, a fresh one.

#![cfg(feature = "network")]
#![allow(clippy::unwrap_used, reason = "tests")]

use std::hash::{BuildHasher, RandomState};
use std::path::Path;
use std::process::Command;

use bitmart_reliability::network::{Plan, Report, run_blocks};

/// The program that runs the simulations.
const PROGRAM: &str = env!("CARGO_BIN_EXE_network");

/// Seeds that have failed once.
const REGRESSIONS: &str = include_str!("../regressions/network.txt");

/// Simulations of the fixed block, and of the fresh one: in plain text, over TLS.
const FIXED: (u64, u64) = (50, 10);
const FRESH: (u64, u64) = (30, 8);

/// How many seeds are run twice.
const REPEATED: u64 = 6;

fn run(first_seed: u64, (plain, tls): (u64, u64)) -> Report {
    let plan = Plan {
        first_seed,
        plain,
        tls,
        jobs: 2,
    };
    run_blocks(Path::new(PROGRAM), plan, |_| {}).unwrap()
}

/// Runs one seed in a fresh process; whether no promise was broken, and what it printed last.
fn replay(seed: &str, transport: &str) -> (bool, String) {
    let mut command = Command::new(PROGRAM);
    command.args(["--seed", seed]);
    if transport == "tls" {
        command.arg("--tls");
    }
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let last = text.lines().last().unwrap_or_default().to_owned();
    (output.status.success(), last)
}

#[test]
fn what_has_failed_once_holds() {
    let mut count = 0;
    for line in REGRESSIONS.lines().filter(|line| !line.starts_with('#')) {
        let mut words = line.splitn(3, ' ');
        let (Some(seed), Some(transport), Some(what)) = (words.next(), words.next(), words.next()) else {
            panic!("not a seed, a transport and what it was: {line:?}");
        };
        let (holds, last) = replay(seed, transport);
        assert!(holds, "{what}: {last}");
        count += 1;
    }
    assert!(count > 0);
}

#[test]
fn a_fixed_block_of_seeds_holds() {
    let report = run(0, FIXED);
    assert!(report.failed.is_empty(), "{report}");
    assert_eq!(report.schedules, FIXED);
    // Something has happened in them.
    let totals = report.totals;
    assert!(
        totals.lost > FIXED.0 && totals.gaps > FIXED.0 && totals.missing > FIXED.0,
        "{report}"
    );
    assert!(totals.received > totals.made / 4, "{report}");
}

#[test]
fn a_fresh_block_of_seeds_holds() {
    // Another one each time.
    let first_seed = RandomState::new().hash_one(0) >> 16;
    let report = run(first_seed, FRESH);
    assert!(
        report.failed.is_empty(),
        "with seeds from {first_seed} on (network --seed N [--tls] tells all of one): {report}"
    );
}

#[test]
fn a_seed_repeats_itself_in_plain_text() {
    for seed in 0..REPEATED {
        let seed = seed.to_string();
        let (holds, first) = replay(&seed, "plain");
        assert!(holds && first.starts_with("digest "), "{first}");
        assert_eq!(replay(&seed, "plain"), (holds, first), "seed {seed}");
    }
}

//! Runs the simulation of sessions: many seeds for a long time, or one seed again.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for the terminal"
)]

use std::process::ExitCode;

use bitmart_reliability::campaign::{self, Plan};
use bitmart_reliability::session::{self, Run, herd};
use clap::Parser;

/// Simulates sessions in virtual time, under faults, and judges what they say.
#[derive(Parser)]
struct Args {
    /// How many hours to simulate in all.
    #[arg(long, default_value_t = 10_000)]
    hours: u64,
    /// How many hours each seed runs.
    #[arg(long, default_value_t = session::HOURS_PER_SEED)]
    hours_per_seed: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    first_seed: u64,
    /// How many herds of a thousand clients to restart besides.
    #[arg(long, default_value_t = 10)]
    herds: u64,
    /// How many seeds at a time.
    #[arg(long, default_value_t = 2)]
    jobs: usize,
    /// Runs this seed alone, and shows the end of its history if it fails.
    #[arg(long)]
    seed: Option<u64>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    if let Some(seed) = args.seed {
        return match session::run(seed, args.hours_per_seed) {
            Ok(run) => {
                println!("seed {seed} holds: {run:?}");
                ExitCode::SUCCESS
            }
            Err(violation) => {
                println!("{violation}");
                ExitCode::FAILURE
            }
        };
    }
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            println!("{failure}");
            println!(
                "again: session --seed {} --hours-per-seed {}",
                failure.seed, args.hours_per_seed
            );
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<(), campaign::Failure> {
    let (first_seed, jobs) = (args.first_seed, args.jobs);
    let say = |progress: &str| eprintln!("{progress}");
    let plan = Plan {
        first_seed,
        seeds: args.hours.div_ceil(args.hours_per_seed.max(1)),
        jobs,
    };
    let one = |seed| session::run(seed, args.hours_per_seed).map_err(|violation| violation.to_string());
    let add = |sum: &mut Run, run: Run| sum.add(&run);
    let sum = campaign::run(plan, one, add, say)?;
    let totals = sum.totals;
    println!("seeds      {first_seed}..{}", first_seed + plan.seeds);
    println!("hours      {}", sum.hours());
    println!("faults     {}", totals.faults);
    println!("sockets    {} opened, {} lost", totals.sockets, totals.lost);
    println!("gaps       {}", totals.gaps);
    println!(
        "items      {} made, {} received, {} missing inside gaps",
        totals.made, totals.received, totals.missing
    );
    let plan = Plan {
        first_seed,
        seeds: args.herds,
        jobs,
    };
    let one =
        |seed| herd::restart(seed, seed % 2 == 1).map_err(|violation| format!("{violation}\nin a herd"));
    let worst = campaign::run(plan, one, herd::Herd::worse, say)?;
    println!(
        "herds      {} of {} clients, at worst {} connects in a second, live after {} ms",
        args.herds,
        herd::CLIENTS,
        worst.most_connects_per_second,
        worst.live_after_ms
    );
    Ok(())
}

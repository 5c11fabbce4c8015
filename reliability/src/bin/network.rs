//! Simulates the whole client on a simulated network, many times over.
//!
//! ```text
//! network --plain 100000 --tls 10000 --first-seed 0 --jobs 2    the long form
//! network --seed 17 [--tls]                                      one again, with all that happened
//! ```

use std::process::ExitCode;

use bitmart_reliability::network::{Finished, Plan, Schedule, Transport, replay, run_block, run_blocks};
use clap::{Parser, Subcommand};

/// Simulates the whole client on a simulated network, each time with other troubles, and looks for a broken promise.
#[derive(Parser)]
#[command(args_conflicts_with_subcommands = true)]
struct Arguments {
    /// Schedules in plain text.
    #[arg(long, default_value_t = 1_000)]
    plain: u64,
    /// Schedules over TLS; with --seed, any number but 0 means that one over TLS is meant.
    #[arg(long, default_value_t = 0, default_missing_value = "1", num_args = 0..=1)]
    tls: u64,
    /// The first seed of both.
    #[arg(long, default_value_t = 0)]
    first_seed: u64,
    /// Processes at a time.
    #[arg(long, default_value_t = 1)]
    jobs: u64,
    /// Runs one seed again and tells all that happened.
    #[arg(long)]
    seed: Option<u64>,
    #[command(subcommand)]
    part: Option<Part>,
}

#[derive(Subcommand)]
enum Part {
    /// Runs a block of seeds in this process; for the program itself.
    #[command(hide = true)]
    Block {
        transport: String,
        first: u64,
        count: u64,
    },
}

#[expect(clippy::print_stdout, reason = "the results of a program")]
#[expect(clippy::print_stderr, reason = "the progress of a program")]
fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Some(Part::Block {
        transport,
        first,
        count,
    }) = arguments.part
    {
        run_block(transport_named(&transport), first, count);
        return ExitCode::SUCCESS;
    }
    if let Some(seed) = arguments.seed {
        let transport = if arguments.tls > 0 {
            Transport::Tls
        } else {
            Transport::Plain
        };
        return run_again(seed, transport);
    }
    let plan = Plan {
        first_seed: arguments.first_seed,
        plain: arguments.plain,
        tls: arguments.tls,
        jobs: arguments.jobs,
    };
    let report = std::env::current_exe()
        .and_then(|program| run_blocks(&program, plan, |progress| eprintln!("{progress}")));
    match report {
        Ok(report) => {
            println!("{report}");
            ExitCode::from(u8::from(!report.failed.is_empty()))
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stdout, reason = "the results of a program")]
fn run_again(seed: u64, transport: Transport) -> ExitCode {
    let schedule = Schedule::from_seed(seed, transport);
    println!("{schedule:#?}");
    match replay(schedule) {
        Ok(Finished {
            totals,
            virtual_ms,
            digest,
            ..
        }) => {
            println!("{totals:#?}\n{virtual_ms} virtual ms\ndigest {digest:016x}");
            ExitCode::SUCCESS
        }
        Err(violation) => {
            println!("{violation}\nseed {seed} {transport}: {}", violation.what());
            ExitCode::FAILURE
        }
    }
}

fn transport_named(name: &str) -> Transport {
    if name == Transport::Tls.to_string() {
        Transport::Tls
    } else {
        Transport::Plain
    }
}

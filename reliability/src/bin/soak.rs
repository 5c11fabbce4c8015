//! Runs the soaks, and prints what they found. Exit code 1 if a bound was broken.
//!
//! ```text
//! cargo run --release -p bitmart-reliability --bin soak -- real --minutes 10
//! cargo run --release -p bitmart-reliability --bin soak -- day
//! ```
//!
//! With glibc, each thread that allocates may have an arena of its own, and one that meets its first large message
//! late makes a step of a MiB or two in the resident memory, which a slope over ten minutes can't tell from a leak. With
//! `MALLOC_ARENA_MAX=1` in the environment there is one arena, and no such step.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program's output")]

use std::process::ExitCode;
use std::time::Duration;

use bitmart_reliability::soak::{Day, Order, Real, Report, run_day, run_real, serve};
use clap::{Parser, Subcommand};

/// The client under load and faults for long, while what it holds is watched.
#[derive(Debug, Parser)]
struct Options {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Real minutes over TLS on loopback, data as fast as it goes, a fault every few seconds.
    Real {
        /// How long there are faults.
        #[arg(long, default_value_t = 10.0)]
        minutes: f64,
        /// The seed of faults, market and jitter.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Milliseconds from one tick of the exchange to the next.
        #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u64).range(1..=1_000))]
        tick_ms: u64,
    },
    /// A simulated day in memory, data each second, a fault every few minutes.
    Day {
        /// Hours of its time.
        #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..=1_000))]
        hours: u32,
        /// Milliseconds from one tick of the exchange to the next.
        #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(100..=600_000))]
        tick_ms: u64,
        /// The seed of faults, market and jitter.
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// The exchange's process of `real`, which starts it by itself.
    #[command(hide = true)]
    Exchange {
        #[arg(long)]
        seed: u64,
        #[arg(long)]
        tick_ms: u64,
        #[arg(long, num_args = 1)]
        pause_ms: Vec<u64>,
        #[arg(long)]
        late: bool,
    },
}

fn main() -> ExitCode {
    let report = match Options::parse().what {
        What::Real {
            minutes,
            seed,
            tick_ms,
        } => real(minutes, seed, tick_ms),
        What::Day { hours, tick_ms, seed } => {
            let meter = |run: &mut dyn FnMut()| allocation_counter::measure(run).bytes_current;
            let day = Day {
                hours,
                tick: Duration::from_millis(tick_ms),
                seed,
            };
            run_day(day, meter, |line| println!("{line}")).map_err(Into::into)
        }
        What::Exchange {
            seed,
            tick_ms,
            pause_ms,
            late,
        } => {
            let pause = [pause_ms.first(), pause_ms.last()].map(|ms| ms.copied().unwrap_or_default());
            return exchange(Order {
                seed,
                tick: Duration::from_millis(tick_ms),
                pause: pause.map(Duration::from_millis),
                has_late: late,
            });
        }
    };
    match report {
        Ok(report) => {
            println!("\n{report}\n\n{}\n{}", Report::HEAD, report.row());
            if report.has_passed() {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn real(minutes: f64, seed: u64, tick_ms: u64) -> Result<Report, Box<dyn std::error::Error>> {
    let soak = Real {
        duration: Duration::try_from_secs_f64(minutes * 60.0)?,
        tick: Duration::from_millis(tick_ms),
        ..Real::new(std::env::current_exe()?, seed)
    };
    Ok(run_real(&soak, |line| println!("{line}"))?)
}

fn exchange(order: Order) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let served = match runtime {
        Ok(runtime) => runtime
            .block_on(serve(order, std::io::stdout()))
            .map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("the exchange: {error}");
            ExitCode::FAILURE
        }
    }
}

//! Many simulations, in processes of their own: a simulated network repeats itself exactly in a fresh process only.

use std::fmt;
use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::schedule::{Schedule, Transport};
use super::world::{Finished, simulate};
use crate::history::Totals;

/// Simulations of one process: enough that its start costs little, few enough that the work is shared evenly.
const BLOCK: u64 = 250;

/// How often progress is told.
const PROGRESS_EVERY: Duration = Duration::from_secs(10);

/// How often it is looked whether the work is done.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What a block's process prints before what came of it.
const SUMMARY: &str = "summary";

/// What a block's process prints before a seed that failed.
const FAILED: &str = "failed";

/// A seed with which a promise was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedSeed {
    /// The seed.
    pub seed: u64,
    /// Over which transport.
    pub transport: Transport,
    /// Which promise, and how.
    pub what: String,
}

impl fmt::Display for FailedSeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.seed, self.transport, self.what)
    }
}

/// What came of many simulations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// How many there were, over plain text and over TLS.
    pub schedules: (u64, u64),
    /// What their histories were made of.
    pub totals: Totals,
    /// How long all of them lasted, in virtual milliseconds.
    pub virtual_ms: u64,
    /// How long they took.
    pub duration: Duration,
    /// The seeds that failed.
    pub failed: Vec<FailedSeed>,
}

impl Report {
    fn add(&mut self, other: &Self) {
        self.schedules.0 += other.schedules.0;
        self.schedules.1 += other.schedules.1;
        self.totals.add(&other.totals);
        self.virtual_ms += other.virtual_ms;
        self.failed.extend(other.failed.iter().cloned());
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const HOUR_MS: f64 = 3_600_000.0;
        let (plain, tls) = self.schedules;
        let Totals {
            made,
            received,
            missing,
            sockets,
            lost,
            gaps,
            faults,
            entries,
            ..
        } = self.totals;
        #[expect(clippy::cast_precision_loss, reason = "for a person, to a tenth of an hour")]
        let hours = self.virtual_ms as f64 / HOUR_MS;
        writeln!(f, "{plain} schedules in plain text and {tls} over TLS")?;
        writeln!(
            f,
            "{hours:.1} virtual hours in {:.1} s",
            self.duration.as_secs_f64()
        )?;
        writeln!(
            f,
            "{faults} faults, {sockets} sockets opened, {lost} lost, {gaps} gaps announced"
        )?;
        writeln!(
            f,
            "{made} items made, {received} received, {missing} missing inside what was announced"
        )?;
        writeln!(f, "{entries} entries of history")?;
        write!(f, "{} seeds failed", self.failed.len())?;
        self.failed.iter().try_for_each(|failed| write!(f, "\n{failed}"))
    }
}

/// Which simulations to run.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// The first seed of both transports.
    pub first_seed: u64,
    /// How many in plain text.
    pub plain: u64,
    /// How many over TLS.
    pub tls: u64,
    /// Processes at a time.
    pub jobs: u64,
}

/// Runs simulations one after the other in this process, and prints what [`run_blocks`] reads: what a block's process
/// does.
#[expect(clippy::print_stdout, reason = "it is the way to the parent process")]
pub fn run_block(transport: Transport, first_seed: u64, count: u64) {
    let (mut totals, mut virtual_ms) = (Totals::default(), 0);
    for seed in first_seed..first_seed.saturating_add(count) {
        match simulate(Schedule::from_seed(seed, transport)) {
            Ok(Finished {
                totals: more,
                virtual_ms: lasted_ms,
                ..
            }) => {
                totals.add(&more);
                virtual_ms += lasted_ms;
            }
            Err(violation) => println!("{FAILED} {seed} {}", violation.what()),
        }
    }
    let Totals {
        made,
        received,
        missing,
        sockets,
        lost,
        gaps,
        faults,
        entries,
        ..
    } = totals;
    println!(
        "{SUMMARY} {count} {virtual_ms} {made} {received} {missing} {sockets} {lost} {gaps} {faults} {entries}"
    );
}

/// Runs many simulations, each block of seeds in a process of its own: `program` with `block TRANSPORT FIRST COUNT`,
/// which has to call [`run_block`]. `tell` is told how far it is, every ten seconds.
///
/// ```no_run
/// use bitmart_reliability::network::{Plan, run_blocks};
///
/// # fn example() -> std::io::Result<()> {
/// let plan = Plan { first_seed: 0, plain: 1_000, tls: 100, jobs: 2 };
/// let report = run_blocks("target/release/network".as_ref(), plan, |progress| drop(progress))?;
/// assert!(report.failed.is_empty(), "{report}");
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// If the program can't be started, or ends without a summary.
pub fn run_blocks(program: &Path, plan: Plan, tell: impl Fn(&str) + Sync) -> io::Result<Report> {
    let began = now();
    let blocks = blocks_of(plan);
    let next = AtomicU64::new(0);
    let is_done = AtomicBool::new(false);
    let sum = Mutex::new(Ok(Report::default()));
    let work = || {
        loop {
            let number = usize::try_from(next.fetch_add(1, Ordering::Relaxed)).unwrap_or(usize::MAX);
            let Some((transport, first, count)) = blocks.get(number).copied() else {
                return;
            };
            let block = run_child(program, transport, first, count);
            let Ok(mut sum) = sum.lock() else { return };
            match (&mut *sum, block) {
                (Ok(sum), Ok(block)) => sum.add(&block),
                (Ok(_), Err(error)) => *sum = Err(error),
                (Err(_), _) => return,
            }
        }
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..plan.jobs.max(1)).map(|_| scope.spawn(work)).collect();
        scope.spawn(|| {
            let mut told_at = now();
            while !is_done.load(Ordering::Relaxed) {
                thread::sleep(LOOK_EVERY);
                if told_at.elapsed() >= PROGRESS_EVERY {
                    told_at = now();
                    if let Ok(sum) = sum.lock()
                        && let Ok(sum) = &*sum
                    {
                        let (plain, tls) = sum.schedules;
                        let (of, failed) = (plan.plain + plan.tls, sum.failed.len());
                        let after = began.elapsed().as_secs();
                        tell(&format!(
                            "{} of {of} schedules after {after} s, {failed} failed",
                            plain + tls
                        ));
                    }
                }
            }
        });
        for worker in workers {
            // A panic is passed on at the end of the scope.
            let _ = worker.join();
        }
        is_done.store(true, Ordering::Relaxed);
    });
    let sum = sum
        .into_inner()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let mut report = sum?;
    report.duration = began.elapsed();
    report
        .failed
        .sort_by_key(|failed| (failed.transport, failed.seed));
    Ok(report)
}

#[expect(
    clippy::disallowed_methods,
    reason = "it measures how long the real machine takes"
)]
fn now() -> Instant {
    Instant::now()
}

fn blocks_of(plan: Plan) -> Vec<(Transport, u64, u64)> {
    let mut blocks = Vec::new();
    for (transport, all) in [(Transport::Plain, plan.plain), (Transport::Tls, plan.tls)] {
        let mut done = 0;
        while done < all {
            let count = BLOCK.min(all - done);
            blocks.push((transport, plan.first_seed.saturating_add(done), count));
            done += count;
        }
    }
    blocks
}

/// Runs one block in a process and reads what it prints.
fn run_child(program: &Path, transport: Transport, first: u64, count: u64) -> io::Result<Report> {
    let mut child = Command::new(program)
        .args([
            "block",
            &transport.to_string(),
            &first.to_string(),
            &count.to_string(),
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut report = Report::default();
    let mut is_whole = false;
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).lines() {
            let line = line?;
            if let Some(rest) = line.strip_prefix(FAILED) {
                let (seed, what) = rest.trim().split_once(' ').unwrap_or((rest.trim(), ""));
                report.failed.push(FailedSeed {
                    seed: seed.parse().unwrap_or_default(),
                    transport,
                    what: what.to_owned(),
                });
            } else if let Some(rest) = line.strip_prefix(SUMMARY) {
                is_whole = read_summary(rest, transport, &mut report).is_some();
            }
        }
    }
    let status = child.wait()?;
    if is_whole && status.success() {
        return Ok(report);
    }
    let last = first + count.saturating_sub(1);
    let what = format!("the block of {transport} seeds {first} to {last} ended without a summary: {status}");
    Err(io::Error::other(what))
}

fn read_summary(text: &str, transport: Transport, report: &mut Report) -> Option<()> {
    let mut numbers = text.split_whitespace().map(str::parse);
    let mut next = || numbers.next()?.ok();
    let count = next()?;
    match transport {
        Transport::Plain => report.schedules.0 = count,
        Transport::Tls => report.schedules.1 = count,
    }
    report.virtual_ms = next()?;
    let totals = &mut report.totals;
    (totals.made, totals.received, totals.missing) = (next()?, next()?, next()?);
    (totals.sockets, totals.lost, totals.gaps) = (next()?, next()?, next()?);
    (totals.faults, totals.entries) = (next()?, next()?);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_cut_into_blocks_without_a_rest() {
        let plan = Plan {
            first_seed: 7,
            plain: 2 * BLOCK + 1,
            tls: 3,
            jobs: 1,
        };
        let expected = [
            (Transport::Plain, 7, BLOCK),
            (Transport::Plain, 7 + BLOCK, BLOCK),
            (Transport::Plain, 7 + 2 * BLOCK, 1),
            (Transport::Tls, 7, 3),
        ];
        assert_eq!(blocks_of(plan), expected);
    }
}

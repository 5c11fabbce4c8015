//! Many seeds: run over the cores, with progress, until the first that fails.

use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How often a long campaign says how far it is.
const PROGRESS_EVERY: Duration = Duration::from_secs(10);

/// What is to be run: so many seeds from the first on, by so many threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The first seed.
    pub first_seed: u64,
    /// How many seeds.
    pub seeds: u64,
    /// How many at a time.
    pub jobs: usize,
}

/// A seed that failed.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The seed.
    pub seed: u64,
    /// What was wrong.
    pub what: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\nseed {} fails", self.what, self.seed)
    }
}

impl std::error::Error for Failure {}

/// Runs `one` for each seed and adds up what it returns; stops at the first that fails. `say` is told how far it is,
/// about every ten seconds.
///
/// ```
/// use bitmart_reliability::campaign::{self, Plan};
///
/// let plan = Plan { first_seed: 1, seeds: 4, jobs: 2 };
/// let sum = campaign::run(plan, |seed| Ok(seed), |sum: &mut u64, seed| *sum += seed, |_| ()).unwrap();
/// assert_eq!(sum, 1 + 2 + 3 + 4);
///
/// let one = |seed| if seed == 3 { Err("odd".to_string()) } else { Ok(()) };
/// let failure = campaign::run(plan, one, |(), ()| (), |_| ()).unwrap_err();
/// assert_eq!(failure.seed, 3);
/// ```
///
/// # Errors
///
/// [`Failure`]: the lowest seed that was seen to fail. A panic counts as one.
pub fn run<T: Send, S: Default + Send>(
    plan: Plan,
    one: impl Fn(u64) -> Result<T, String> + Sync,
    add: impl Fn(&mut S, T) + Sync,
    say: impl Fn(&str) + Sync,
) -> Result<S, Failure> {
    let (next, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    let sum = Mutex::new(S::default());
    let failures: Mutex<Vec<Failure>> = Mutex::default();
    #[expect(
        clippy::disallowed_methods,
        reason = "how long a campaign takes is told to a person"
    )]
    let started = Instant::now();
    let said = AtomicU64::new(0);
    let work = || {
        while !stop.load(Ordering::Relaxed) {
            let done = next.fetch_add(1, Ordering::Relaxed);
            if done >= plan.seeds {
                return;
            }
            let seed = plan.first_seed.wrapping_add(done);
            let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| one(seed)));
            match outcome.unwrap_or_else(|_| Err("it panics: see above".into())) {
                Ok(value) => add(
                    &mut sum.lock().unwrap_or_else(|poisoned| poisoned.into_inner()),
                    value,
                ),
                Err(what) => {
                    stop.store(true, Ordering::Relaxed);
                    let mut failures = failures.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
                    failures.push(Failure { seed, what });
                }
            }
            let elapsed = started.elapsed();
            let period = elapsed.as_secs() / PROGRESS_EVERY.as_secs();
            if said.fetch_max(period, Ordering::Relaxed) < period {
                let done = done + 1;
                say(&format!(
                    "{done} of {} seeds, {} s",
                    plan.seeds,
                    elapsed.as_secs()
                ));
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..plan.jobs.max(1) {
            scope.spawn(work);
        }
    });
    let failures = failures
        .into_inner()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    match failures.into_iter().min_by_key(|failure| failure.seed) {
        Some(failure) => Err(failure),
        None => Ok(sum.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner())),
    }
}

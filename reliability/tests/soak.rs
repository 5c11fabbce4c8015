//! Short forms of the soaks: the same checks as the long ones, but for the slope of the memory in real time, which
//! says nothing in seconds.
#![allow(clippy::unwrap_used, reason = "tests")]
#![cfg(feature = "network")]

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bitmart_reliability::soak::{Day, Real, run_day, run_real};

/// A soak counts what its process holds, so no two run at once.
static ALONE: Mutex<()> = Mutex::new(());

#[test]
fn seconds_of_load_and_faults_leave_nothing_behind() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let soak = Real {
        duration: Duration::from_secs(5),
        tick: Duration::from_millis(20),
        pause: [Duration::from_millis(200), Duration::from_millis(500)],
        has_late: false,
        ..Real::new(PathBuf::from(env!("CARGO_BIN_EXE_soak")), 4)
    };
    let mut lines = Vec::new();
    let report = run_real(&soak, |line| lines.push(line.to_owned())).unwrap();
    assert!(report.has_passed(), "seed {}: {report}\n{lines:#?}", soak.seed);
    assert_eq!(report.tasks.unwrap().max, 4, "{report}");
}

/// Bytes that are allocated more than before something was run on this thread.
fn growth(run: &mut dyn FnMut()) -> i64 {
    allocation_counter::measure(run).bytes_current
}

#[test]
fn hours_of_simulated_time_leave_nothing_behind() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let day = Day {
        hours: 3,
        tick: Duration::from_secs(60),
        ..Day::new(5)
    };
    let mut lines = Vec::new();
    let report = run_day(day, growth, |line| lines.push(line.to_owned())).unwrap();
    assert!(report.has_passed(), "seed {}: {report}\n{lines:#?}", day.seed);
}

/// The same, with something that keeps what it should not: it is found.
#[test]
fn what_is_left_behind_is_found() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    static KEPT: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());
    let leaky = |run: &mut dyn FnMut()| {
        growth(&mut || {
            run();
            KEPT.lock().unwrap().push(vec![0; 300 << 10]);
        })
    };
    let day = Day {
        hours: 2,
        tick: Duration::from_secs(600),
        ..Day::new(5)
    };
    let report = run_day(day, leaky, |_| {}).unwrap();
    let words = report.violations.join("; ");
    assert!(words.contains("bytes more than at that of the first"), "{report}");
    assert_eq!(report.violations.len(), 1, "{report}");
    assert!(report.row().ends_with("**failed** |"), "{}", report.row());
}

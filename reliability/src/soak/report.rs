//! What a soak has found.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// Which soak it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// Real time, real sockets.
    Real,
    /// Simulated time, streams in memory.
    Day,
}

/// The least and the most of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// The least.
    pub min: u64,
    /// The most.
    pub max: u64,
}

impl Extent {
    pub(crate) fn of(values: impl IntoIterator<Item = u64>) -> Option<Self> {
        values.into_iter().fold(None, |extent: Option<Self>, value| {
            Some(extent.map_or(
                Self {
                    min: value,
                    max: value,
                },
                |extent| Self {
                    min: extent.min.min(value),
                    max: extent.max.max(value),
                },
            ))
        })
    }
}

impl fmt::Display for Extent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.min == self.max {
            write!(f, "{}", self.min)
        } else {
            write!(f, "{}–{}", self.min, self.max)
        }
    }
}

/// What became of the memory, in KiB. Of a real soak it is the process's resident memory, of a simulated day what is
/// allocated, in client and simulator together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Memory {
    /// Where the judged part begins: after the first fifth of a real soak, after the first hour of a day.
    pub first_kib: f64,
    /// At the end.
    pub last_kib: f64,
    /// The most that was seen at any time. Of a day it is the most at the end of an hour.
    pub max_kib: f64,
    /// Slope of the line with the least squares through the judged part, in KiB a minute of the soak's time.
    pub slope_kib_per_min: f64,
}

/// The slope of the line with the least squares through points; 0 for fewer than two.
pub(crate) fn slope(points: &[(f64, f64)]) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "some thousand points")]
    let count = points.len().max(1) as f64;
    let mean_x = points.iter().map(|(x, _)| x).sum::<f64>() / count;
    let mean_y = points.iter().map(|(_, y)| y).sum::<f64>() / count;
    let spread: f64 = points.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
    if spread == 0.0 {
        return 0.0;
    }
    points
        .iter()
        .map(|(x, y)| (x - mean_x) * (y - mean_y))
        .sum::<f64>()
        / spread
}

/// What a soak has found. [`row`](Self::row) is a row of a Markdown table, `Display` is for a terminal.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Report {
    /// Which soak it was.
    pub kind: Kind,
    /// The seed of faults, market and jitter.
    pub seed: u64,
    /// How long it was, in its own time: from the first fault to the last.
    pub duration: Duration,
    /// How long it took, in real time.
    pub took: Duration,
    /// Blows by kind, as often as they were dealt.
    pub blows: BTreeMap<String, u64>,
    /// How often a fault has hit something.
    pub hits: u64,
    /// Messages that the client read.
    pub messages: u64,
    /// Messages of data that the consumer was given.
    pub updates: u64,
    /// Messages that were discarded inside announced gaps, because the consumer was behind.
    pub discarded: u64,
    /// Announcements of gaps; one that grows is announced again.
    pub gaps_opened: u64,
    /// Ends of gaps.
    pub gaps_closed: u64,
    /// Sockets that took the place of a lost one.
    pub reconnects: u64,
    /// The memory.
    pub memory: Memory,
    /// Resident memory of the exchange's process at its most, in KiB. A day has none of its own.
    pub exchange_kib: Option<u64>,
    /// Live tasks of the client's runtime, while every connection was ready. In a day they are the simulator's too.
    pub tasks: Option<Extent>,
    /// Open descriptors of the client's process while every connection was ready; a day has none.
    pub descriptors: Option<Extent>,
    /// Threads of the client's process; a day has one.
    pub threads: Option<Extent>,
    /// What was not as it should be, in words.
    pub violations: Vec<String>,
}

impl Report {
    /// The head of the table that [`row`](Self::row) is for.
    pub const HEAD: &'static str = "| soak | seed | faults (kinds) | messages | gaps opened, closed | reconnects | memory: from, to, most \
         (KiB) | slope (KiB/min) | tasks | descriptors | threads | took | verdict |\n|---|---|---|---|---|---|---|---|---|---|---|---|---|";

    /// Whether nothing was violated.
    #[must_use]
    pub fn has_passed(&self) -> bool {
        self.violations.is_empty()
    }

    /// Blows dealt.
    #[must_use]
    pub fn blows_dealt(&self) -> u64 {
        self.blows.values().sum()
    }

    /// The report as a row of a Markdown table.
    #[must_use]
    pub fn row(&self) -> String {
        let extent =
            |extent: Option<Extent>| extent.map_or_else(|| "–".to_owned(), |extent| extent.to_string());
        let Memory {
            first_kib,
            last_kib,
            max_kib,
            slope_kib_per_min,
        } = self.memory;
        format!(
            "| {} | {} | {} ({}) | {} | {}, {} | {} | {first_kib:.0}, {last_kib:.0}, {max_kib:.0} | \
             {slope_kib_per_min:.2} | {} | {} | {} | {:.0} s | {} |",
            self.name(),
            self.seed,
            self.blows_dealt(),
            self.blows.len(),
            self.messages,
            self.gaps_opened,
            self.gaps_closed,
            self.reconnects,
            extent(self.tasks),
            extent(self.descriptors),
            extent(self.threads),
            self.took.as_secs_f64(),
            if self.has_passed() { "passed" } else { "**failed**" },
        )
    }

    fn name(&self) -> String {
        let minutes = self.duration.as_secs_f64() / 60.0;
        match self.kind {
            Kind::Real => format!("{minutes:.1} real minutes"),
            Kind::Day => format!("{:.0} simulated hours", minutes / 60.0),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            Kind::Real => "resident",
            Kind::Day => "allocated",
        };
        writeln!(
            f,
            "{}, seed {}, took {:.1} s",
            self.name(),
            self.seed,
            self.took.as_secs_f64()
        )?;
        writeln!(
            f,
            "faults       {} of {} kinds, {} hits",
            self.blows_dealt(),
            self.blows.len(),
            self.hits
        )?;
        writeln!(
            f,
            "messages     {} read, {} updates given, {} discarded in gaps",
            self.messages, self.updates, self.discarded
        )?;
        writeln!(
            f,
            "gaps         {} opened, {} closed; {} reconnects",
            self.gaps_opened, self.gaps_closed, self.reconnects
        )?;
        writeln!(
            f,
            "memory       {:.1} KiB {what} at first, {:.1} at last, {:.1} at most; slope {:.3} KiB/min",
            self.memory.first_kib, self.memory.last_kib, self.memory.max_kib, self.memory.slope_kib_per_min
        )?;
        if let Some(kib) = self.exchange_kib {
            writeln!(f, "             {kib} KiB at most in the exchange's process")?;
        }
        for (name, extent) in [
            ("tasks", self.tasks),
            ("descriptors", self.descriptors),
            ("threads", self.threads),
        ] {
            if let Some(extent) = extent {
                writeln!(f, "{name:<12} {extent}")?;
            }
        }
        match &self.violations[..] {
            [] => f.write_str("verdict      passed"),
            violations => {
                write!(f, "verdict      FAILED")?;
                for violation in violations {
                    write!(f, "\n  {violation}")?;
                }
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slope_is_that_of_the_line() {
        let line: Vec<(f64, f64)> = (0..10)
            .map(|x| (f64::from(x), 3.0 - 0.5 * f64::from(x)))
            .collect();
        assert!((slope(&line) + 0.5).abs() < 1e-12, "{}", slope(&line));
        // A zigzag of the same height everywhere leads nowhere.
        let zigzag: Vec<(f64, f64)> = [0.0, 1.0, 1.0, 0.0]
            .iter()
            .enumerate()
            .map(|(x, y)| (f64::from(u8::try_from(x).unwrap()), *y))
            .collect();
        assert!(slope(&zigzag).abs() < 1e-12);
        assert!(slope(&[]).abs() < 1e-12 && slope(&[(1.0, 5.0)]).abs() < 1e-12);
    }

    #[test]
    fn an_extent_is_the_least_and_the_most() {
        assert_eq!(Extent::of([]), None);
        assert_eq!(Extent::of([4, 2, 9]), Some(Extent { min: 2, max: 9 }));
        assert_eq!(Extent { min: 4, max: 4 }.to_string(), "4");
    }
}

//! What the system says about a process.

use std::fs;
use std::io;

/// A process's figures at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Figures {
    /// Resident memory, in KiB.
    pub(crate) rss_kib: u64,
    pub(crate) threads: u64,
    pub(crate) descriptors: u64,
}

/// Reads this process's figures. Linux alone has them.
pub(crate) fn figures() -> io::Result<Figures> {
    let (rss_kib, threads) = status("self")?;
    // The listing itself holds one open.
    let descriptors = fs::read_dir("/proc/self/fd")?.count().saturating_sub(1) as u64;
    Ok(Figures {
        rss_kib,
        threads,
        descriptors,
    })
}

/// The resident memory of another process, in KiB.
pub(crate) fn rss_kib_of(process: u32) -> io::Result<u64> {
    Ok(status(&process.to_string())?.0)
}

/// Resident memory in KiB and threads.
fn status(process: &str) -> io::Result<(u64, u64)> {
    let text = fs::read_to_string(format!("/proc/{process}/status"))?;
    let number = |name: &str| {
        text.lines()
            .find_map(|line| line.strip_prefix(name))
            .and_then(|rest| rest.split_whitespace().next())
            .and_then(|number| number.parse().ok())
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, format!("no {name} in /proc")))
    };
    Ok((number("VmRSS:")?, number("Threads:")?))
}

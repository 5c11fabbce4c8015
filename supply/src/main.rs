//! Checks what the workspace is built from, and prints what it finds.
//!
//! ```text
//! cargo run -p bitmart-supply                          # licences, sources, bans
//! cargo run -p bitmart-supply -- path/to/advisory-db   # and advisories
//! ```
//!
//! The snapshot may also be named by `BITMART_ADVISORIES`. Exit code 1 if something may not be.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program's output")]

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use bitmart_supply::audit::{Audit, Hit, Locked, locked};
use bitmart_supply::date::Day;
use bitmart_supply::graph::Graph;
use bitmart_supply::rules::Rules;
use bitmart_supply::snapshot::{Snapshot, Taken};
use bitmart_supply::tree::Findings;

/// Names the snapshot where no argument does.
const VARIABLE: &str = "BITMART_ADVISORIES";

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether all is well.
fn run() -> Result<bool, Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let rules =
        Rules::parse(&read(&root.join("deny.toml"))?).map_err(|error| format!("deny.toml: {error}"))?;
    let is_tree_clean = check_tree(&Graph::of(&root)?, &rules);

    let path = std::env::args_os().nth(1).or_else(|| std::env::var_os(VARIABLE));
    let Some(path) = path.map(PathBuf::from) else {
        println!("advisories: skipped, since neither an argument nor {VARIABLE} names a snapshot of them");
        return Ok(is_tree_clean);
    };
    if !path.exists() {
        println!("advisories: skipped, since there is no {}", path.display());
        return Ok(is_tree_clean);
    }
    let snapshot = Snapshot::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let packages = locked(&read(&root.join("Cargo.lock"))?)?;
    Ok(check_advisories(&snapshot, &packages, &rules) && is_tree_clean)
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn check_tree(graph: &Graph, rules: &Rules) -> bool {
    let findings = Findings::new(graph, rules);
    println!(
        "licences, sources, bans: {} packages held against deny.toml, {} violations",
        graph.packages.len(),
        findings.violations.len()
    );
    for warning in &findings.warnings {
        println!("  warning: {warning}");
    }
    for violation in &findings.violations {
        println!("  VIOLATION: {violation}");
    }
    findings.violations.is_empty()
}

fn check_advisories(snapshot: &Snapshot, packages: &[Locked], rules: &Rules) -> bool {
    let audit = Audit::new(snapshot, packages, rules);
    println!(
        "advisories: {} held against {} packages of Cargo.lock; the snapshot {}",
        snapshot.advisories.len(),
        packages.len(),
        age(snapshot.taken, today())
    );
    print_hits("VULNERABILITY", &audit.vulnerabilities);
    print_hits("note", &audit.informational);
    for (hit, ignored) in &audit.ignored {
        let (id, name) = (&hit.advisory.id, &hit.package.name);
        println!("  ignored: {id} in {name}: {}", ignored.reason);
    }
    for idle in &audit.idle {
        println!("  warning: deny.toml ignores {}, which hits nothing", idle.id);
    }
    for (path, error) in &snapshot.malformed {
        println!("  MALFORMED: {}: {error}", path.display());
    }
    println!(
        "advisories: {} vulnerabilities, {} notes, {} ignored, {} files that can't be read",
        audit.vulnerabilities.len(),
        audit.informational.len(),
        audit.ignored.len(),
        snapshot.malformed.len()
    );
    // A file that can't be read might be about us.
    audit.vulnerabilities.is_empty() && snapshot.malformed.is_empty()
}

fn print_hits(label: &str, hits: &[Hit<'_>]) {
    for Hit { advisory, package } in hits {
        let kind = advisory
            .informational
            .as_deref()
            .map_or(String::new(), |kind| format!(" ({kind})"));
        println!(
            "  {label}{kind}: {} {} {}: {}",
            advisory.id, package.name, package.version, advisory.title
        );
        let patched: Vec<String> = advisory.patched.iter().map(ToString::to_string).collect();
        let patched = if patched.is_empty() {
            "no version".to_owned()
        } else {
            patched.join(" or ")
        };
        println!("    patched in {patched}");
        if let Some(url) = &advisory.url {
            println!("    {url}");
        }
    }
}

fn age(taken: Option<Taken>, today: Day) -> String {
    match taken {
        Some(Taken::Said(day)) => format!("is {} days old, by the README beside it", today.since(day)),
        Some(Taken::NewestAdvisory(day)) => {
            format!("is {} days old at most, by its newest advisory", today.since(day))
        }
        None => "is of unknown age: it is empty".to_owned(),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a program for people: an age is told by today's date"
)]
fn today() -> Day {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Day::of_unix_seconds(since_epoch.as_secs())
}

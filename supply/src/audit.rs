//! The versions of `Cargo.lock`, held against advisories.

use std::collections::BTreeMap;

use semver::Version;
use serde::Deserialize;

use crate::advisory::Advisory;
use crate::rules::{Ignored, Rules};
use crate::snapshot::Snapshot;

/// A package of the lock file that comes from a registry.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub struct Locked {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: Version,
    /// Where it comes from; our own packages come from nowhere.
    source: Option<String>,
}

#[derive(Deserialize)]
struct Lock {
    #[serde(default)]
    package: Vec<Locked>,
}

/// Reads the packages of a lock file, our own left out: advisories are about those of others.
///
/// # Errors
///
/// If it is no lock file.
pub fn locked(text: &str) -> Result<Vec<Locked>, toml::de::Error> {
    let lock: Lock = toml::from_str(text)?;
    Ok(lock
        .package
        .into_iter()
        .filter(|package| package.source.is_some())
        .collect())
}

/// An advisory that hits a package.
#[derive(Clone, Debug)]
pub struct Hit<'a> {
    /// The advisory.
    pub advisory: &'a Advisory,
    /// What it hits.
    pub package: &'a Locked,
}

/// What the advisories say about a lock file.
#[derive(Clone, Debug, Default)]
pub struct Audit<'a> {
    /// Vulnerabilities.
    pub vulnerabilities: Vec<Hit<'a>>,
    /// What is no vulnerability: unmaintained, unsound.
    pub informational: Vec<Hit<'a>>,
    /// What would be one or the other, and is ignored for a reason.
    pub ignored: Vec<(Hit<'a>, &'a Ignored)>,
    /// Rules that ignore what hits nothing: they have had their day.
    pub idle: Vec<&'a Ignored>,
}

impl<'a> Audit<'a> {
    /// Holds packages against advisories. Withdrawn ones say nothing.
    #[must_use]
    pub fn new(snapshot: &'a Snapshot, packages: &'a [Locked], rules: &'a Rules) -> Self {
        let mut by_name: BTreeMap<&str, Vec<&Locked>> = BTreeMap::new();
        for package in packages {
            by_name.entry(&package.name).or_default().push(package);
        }
        let mut audit = Self {
            idle: rules.ignored().iter().collect(),
            ..Self::default()
        };
        for advisory in snapshot
            .advisories
            .iter()
            .filter(|advisory| !advisory.is_withdrawn)
        {
            for package in by_name.get(advisory.package.as_str()).into_iter().flatten() {
                if !advisory.hits(&package.version) {
                    continue;
                }
                let hit = Hit { advisory, package };
                if let Some(ignored) = rules.ignored().iter().find(|it| it.id == advisory.id) {
                    audit.idle.retain(|idle| idle.id != advisory.id);
                    audit.ignored.push((hit, ignored));
                } else if advisory.informational.is_some() {
                    audit.informational.push(hit);
                } else {
                    audit.vulnerabilities.push(hit);
                }
            }
        }
        audit
    }
}

//! The packages, held against the rules on licences, sources and bans.

use std::collections::{BTreeMap, BTreeSet};

use spdx::{Expression, ParseMode};

use crate::graph::{Graph, Package};
use crate::rules::{Level, License, Rules};

/// What the rules say about the packages.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// What may not be.
    pub violations: Vec<String>,
    /// What should not be.
    pub warnings: Vec<String>,
}

impl Findings {
    /// Holds packages against rules.
    #[must_use]
    pub fn new(graph: &Graph, rules: &Rules) -> Self {
        let mut findings = Self::default();
        findings.check_licences(graph, rules);
        findings.check_sources(graph, rules);
        findings.check_bans(graph, rules);
        findings.check_duplicates(graph, rules);
        findings
    }

    fn check_licences(&mut self, graph: &Graph, rules: &Rules) {
        let mut used: BTreeSet<&str> = BTreeSet::new();
        let mut used_exceptions: BTreeSet<String> = BTreeSet::new();
        for package in &graph.packages {
            let exceptions = rules
                .licenses
                .exceptions
                .iter()
                .filter(|exception| exception.package.means(&package.name, &package.version));
            let own: Vec<&License> = exceptions.flat_map(|exception| &exception.allow).collect();
            match verdict(package, &rules.licenses.allow, &own) {
                Ok(licences) => {
                    used.extend(licences);
                    if !own.is_empty() {
                        used_exceptions.insert(package.name.clone());
                    }
                }
                Err(words) => self.violations.push(words),
            }
        }
        for license in &rules.licenses.allow {
            if !used.contains(license.name.as_str()) {
                let name = &license.name;
                self.violations
                    .push(format!("deny.toml allows {name}, and no package has it"));
            }
        }
        for exception in &rules.licenses.exceptions {
            let package = &exception.package;
            if !used_exceptions.contains(&package.name) {
                self.violations.push(format!(
                    "deny.toml makes an exception for {package}, which is not there"
                ));
            }
        }
    }

    fn check_sources(&mut self, graph: &Graph, rules: &Rules) {
        for package in &graph.packages {
            let Some(source) = &package.source else { continue };
            let (level, is_known) = match source.split_once('+') {
                Some(("git", url)) => {
                    let repository = url.split(['?', '#']).next().unwrap_or(url);
                    let allowed = &rules.sources.allow_git;
                    (
                        rules.sources.unknown_git,
                        allowed.iter().any(|it| it == repository),
                    )
                }
                Some((_, url)) => {
                    let allowed = &rules.sources.allow_registry;
                    (rules.sources.unknown_registry, allowed.iter().any(|it| it == url))
                }
                None => (Level::Deny, false),
            };
            if !is_known {
                self.add(level, format!("{} comes from {source}", full_name(package)));
            }
        }
    }

    fn check_bans(&mut self, graph: &Graph, rules: &Rules) {
        for package in &graph.packages {
            for banned in &rules.bans.deny {
                if banned.package.means(&package.name, &package.version) {
                    let reason = &banned.reason;
                    self.violations
                        .push(format!("{} is banned: {reason}", full_name(package)));
                }
            }
        }
        for member in graph.members() {
            let is_private = member.publish.as_ref().is_some_and(Vec::is_empty);
            for dependency in &member.dependencies {
                // A path may go without a version where nobody else reads the manifest: in a package that isn't
                // published, and among what only tests need.
                let is_lawful =
                    dependency.path.is_some() && (is_private || dependency.kind.as_deref() == Some("dev"));
                if dependency.req == "*" && !is_lawful {
                    let (member, name) = (&member.name, &dependency.name);
                    self.add(
                        rules.bans.wildcards,
                        format!("{member} takes any version of {name}"),
                    );
                }
            }
        }
    }

    fn check_duplicates(&mut self, graph: &Graph, rules: &Rules) {
        let mut by_name: BTreeMap<&str, Vec<&Package>> = BTreeMap::new();
        for package in &graph.packages {
            by_name.entry(&package.name).or_default().push(package);
        }
        for (name, packages) in &by_name {
            let counted: Vec<String> = packages
                .iter()
                .filter(|package| {
                    !rules
                        .bans
                        .skip
                        .iter()
                        .any(|it| it.package.means(name, &package.version))
                })
                .map(|package| package.version.to_string())
                .collect();
            if counted.len() > 1 {
                self.warnings
                    .push(format!("{name} is there more than once: {}", counted.join(", ")));
            }
        }
        for skipped in &rules.bans.skip {
            let spec = &skipped.package;
            let is_needed = by_name.get(spec.name.as_str()).is_some_and(|packages| {
                packages.len() > 1 && packages.iter().any(|it| spec.means(&it.name, &it.version))
            });
            if !is_needed {
                self.warnings
                    .push(format!("deny.toml excuses {spec}, which is there once at most"));
            }
        }
    }

    fn add(&mut self, level: Level, words: String) {
        match level {
            Level::Allow => {}
            Level::Warn => self.warnings.push(words),
            Level::Deny => self.violations.push(words),
        }
    }
}

/// Which of the licences that all may have a package makes use of; else why it may not be there.
fn verdict<'a>(package: &Package, all: &'a [License], own: &[&License]) -> Result<Vec<&'a str>, String> {
    let name = full_name(package);
    let Some(text) = &package.license else {
        return Err(format!("{name} names no licence"));
    };
    // A slash for "or" is old style, and still common.
    let expression = Expression::parse_mode(text, ParseMode::LAX).map_err(|error| {
        format!(
            "{name} has {text:?}, which is no licence expression: {}",
            error.reason
        )
    })?;
    let mut used = Vec::new();
    let is_allowed = expression.evaluate(|wanted| {
        let of_all = all.iter().find(|it| it.licensee.satisfies(wanted));
        used.extend(of_all.map(|it| it.name.as_str()));
        of_all.is_some() || own.iter().any(|it| it.licensee.satisfies(wanted))
    });
    if is_allowed {
        Ok(used)
    } else {
        Err(format!("{name} is under {text}, which is not allowed"))
    }
}

fn full_name(package: &Package) -> String {
    format!("{} {}", package.name, package.version)
}

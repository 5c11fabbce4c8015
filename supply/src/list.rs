//! `docs/DEPENDENCIES.md`, held against the direct dependencies of every package of the workspace.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::graph::Graph;

/// Cells of a row: crate, version, licence, used by, why, without it, sharp edge.
const CELLS: usize = 7;
/// What our packages' names begin with, which the list leaves out.
const PREFIX: &str = "bitmart-";

/// What the list has to say of a direct dependency, as far as cargo knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The crate.
    pub name: String,
    /// The version that is locked; several if there are several.
    pub version: String,
    /// Its licence, in its own words.
    pub licence: String,
    /// The packages that ask for it: `auth, ws; dev: proto`.
    pub used_by: String,
}

impl fmt::Display for Entry {
    /// The beginning of its row.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            name,
            version,
            licence,
            used_by,
        } = self;
        write!(f, "| `{name}` | {version} | {licence} | {used_by} |")
    }
}

#[derive(Default)]
struct Uses<'a> {
    versions: BTreeSet<String>,
    licences: BTreeSet<&'a str>,
    normal: BTreeSet<&'a str>,
    dev: BTreeSet<&'a str>,
    build: BTreeSet<&'a str>,
}

/// The direct dependencies from elsewhere, by name.
#[must_use]
pub fn entries(graph: &Graph) -> Vec<Entry> {
    let mut uses: BTreeMap<&str, Uses<'_>> = BTreeMap::new();
    for member in graph.members() {
        let user = member.name.strip_prefix(PREFIX).unwrap_or(&member.name);
        for (dependency, package) in graph.direct(member) {
            let uses = uses.entry(&dependency.name).or_default();
            uses.versions.insert(package.version.to_string());
            uses.licences.extend(package.license.as_deref());
            match dependency.kind.as_deref() {
                Some("dev") => uses.dev.insert(user),
                Some("build") => uses.build.insert(user),
                _ => uses.normal.insert(user),
            };
        }
    }
    uses.into_iter().map(|(name, uses)| uses.entry(name)).collect()
}

impl Uses<'_> {
    fn entry(mut self, name: &str) -> Entry {
        // Who needs it anyway needs no mention for needing it in tests.
        self.dev.retain(|user| !self.normal.contains(user));
        let join = |words: &BTreeSet<&str>| words.iter().copied().collect::<Vec<&str>>().join(", ");
        let kinds = [("", &self.normal), ("build: ", &self.build), ("dev: ", &self.dev)];
        let used_by: Vec<String> = kinds
            .into_iter()
            .filter(|(_, users)| !users.is_empty())
            .map(|(kind, users)| format!("{kind}{}", join(users)))
            .collect();
        Entry {
            name: name.to_owned(),
            version: self.versions.into_iter().collect::<Vec<String>>().join(", "),
            licence: join(&self.licences),
            used_by: used_by.join("; "),
        }
    }
}

/// What is wrong with the list.
#[must_use]
pub fn check(document: &str, graph: &Graph) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut rows: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for line in document.lines() {
        let Some(row) = line
            .trim()
            .strip_prefix('|')
            .and_then(|rest| rest.strip_suffix('|'))
        else {
            continue;
        };
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let name = cells[0].strip_prefix('`').and_then(|rest| rest.strip_suffix('`'));
        // Other tables begin with other things.
        let Some(name) = name.filter(|_| cells.len() == CELLS) else {
            continue;
        };
        if cells.iter().any(|cell| cell.is_empty()) {
            wrong.push(format!("{name} has an empty cell"));
        }
        if rows.insert(name.to_owned(), cells).is_some() {
            wrong.push(format!("{name} is listed twice"));
        }
    }
    for entry in entries(graph) {
        match rows.remove(&entry.name) {
            None => wrong.push(format!("missing: {entry}")),
            Some(cells) if cells[1..4] != [&entry.version, &entry.licence, &entry.used_by] => {
                wrong.push(format!("it should begin with: {entry}"));
            }
            Some(_) => {}
        }
    }
    for name in rows.keys() {
        wrong.push(format!("{name} is listed, and no package asks for it"));
    }
    wrong
}

//! What cargo says about the packages that the workspace is built from.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use semver::Version;
use serde::Deserialize;

/// The packages.
#[derive(Debug, Deserialize)]
pub struct Graph {
    /// All of them, for all platforms and features.
    pub packages: Vec<Package>,
    resolve: Resolve,
    workspace_members: Vec<String>,
}

/// A package.
#[derive(Debug, Deserialize)]
pub struct Package {
    id: String,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: Version,
    /// Its licence, an SPDX expression.
    pub license: Option<String>,
    /// Where it comes from; `None` for those of this workspace.
    pub source: Option<String>,
    /// Registries that it may be published to; empty for none, `None` for all.
    pub publish: Option<Vec<String>>,
    /// What it asks for.
    pub dependencies: Vec<Dependency>,
}

/// What a package asks for.
#[derive(Debug, Deserialize)]
pub struct Dependency {
    /// The name.
    pub name: String,
    /// The versions that would do.
    pub req: String,
    /// `None` for a normal one, else `dev` or `build`.
    pub kind: Option<String>,
    /// The folder, if it names one.
    pub path: Option<PathBuf>,
    source: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Debug, Deserialize)]
struct Node {
    id: String,
    deps: Vec<Edge>,
}

#[derive(Debug, Deserialize)]
struct Edge {
    pkg: String,
}

impl Graph {
    /// Asks cargo. The network is used only if a package has never been downloaded, as a build would.
    ///
    /// # Errors
    ///
    /// [`GraphError`] says what cargo says.
    pub fn of(root: &Path) -> Result<Self, GraphError> {
        Self::ask(root, &["--offline"]).or_else(|_| Self::ask(root, &[]))
    }

    fn ask(root: &Path, options: &[&str]) -> Result<Self, GraphError> {
        // Cargo names itself to what it runs.
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let output = Command::new(cargo)
            .args(["metadata", "--format-version", "1", "--locked", "--all-features"])
            .args(options)
            .current_dir(root)
            .output()
            .map_err(GraphError::Cargo)?;
        if !output.status.success() {
            let words = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Err(GraphError::Refused(words));
        }
        serde_json::from_slice(&output.stdout).map_err(GraphError::Unreadable)
    }

    /// Reads what cargo has said.
    ///
    /// # Errors
    ///
    /// If it isn't `cargo metadata`'s first format.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// The packages of the workspace.
    pub fn members(&self) -> impl Iterator<Item = &Package> {
        self.packages
            .iter()
            .filter(|package| self.workspace_members.contains(&package.id))
    }

    /// The packages from elsewhere that a package depends on directly.
    pub fn direct<'a>(&'a self, of: &'a Package) -> impl Iterator<Item = (&'a Dependency, &'a Package)> {
        let node = self.resolve.nodes.iter().find(move |node| node.id == of.id);
        let edges: Vec<&str> = node
            .into_iter()
            .flat_map(|node| &node.deps)
            .map(|edge| edge.pkg.as_str())
            .collect();
        let outside = of
            .dependencies
            .iter()
            .filter(|dependency| dependency.source.is_some());
        outside.filter_map(move |dependency| {
            let package = self
                .packages
                .iter()
                .find(|package| package.name == dependency.name && edges.contains(&package.id.as_str()))?;
            Some((dependency, package))
        })
    }
}

/// Why there is no graph.
#[derive(Debug)]
#[non_exhaustive]
pub enum GraphError {
    /// Cargo could not be run.
    Cargo(io::Error),
    /// Cargo would not say.
    Refused(String),
    /// What it says is not understood.
    Unreadable(serde_json::Error),
}

impl fmt::Display for GraphError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cargo(source) => write!(f, "cargo can't be run: {source}"),
            Self::Refused(words) => write!(f, "cargo metadata: {words}"),
            Self::Unreadable(source) => write!(f, "cargo metadata is not understood: {source}"),
        }
    }
}

impl std::error::Error for GraphError {}

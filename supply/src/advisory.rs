//! One advisory of the `RustSec` database: a Markdown file that begins with a block of TOML.

use std::fmt;

use semver::{Version, VersionReq};
use serde::Deserialize;

use crate::date::Day;

/// How the block at the beginning of an advisory opens and closes.
const FENCE: &str = "```";

/// What is known about a fault of a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advisory {
    /// Such as `RUSTSEC-2026-0001`.
    pub id: String,
    /// The package.
    pub package: String,
    /// When it was published.
    pub date: Day,
    /// The headline.
    pub title: String,
    /// Where there is more, if it says so.
    pub url: Option<String>,
    /// What it is if it is no vulnerability: `unmaintained`, `unsound`, `notice`.
    pub informational: Option<String>,
    /// Whether it was taken back.
    pub is_withdrawn: bool,
    /// Versions that are mended.
    pub patched: Vec<VersionReq>,
    /// Versions that never had the fault.
    pub unaffected: Vec<VersionReq>,
}

#[derive(Deserialize)]
struct FrontMatter {
    advisory: Head,
    versions: Versions,
}

#[derive(Deserialize)]
struct Head {
    id: String,
    package: String,
    date: String,
    url: Option<String>,
    informational: Option<String>,
    withdrawn: Option<String>,
}

#[derive(Deserialize)]
struct Versions {
    patched: Vec<VersionReq>,
    #[serde(default)]
    unaffected: Vec<VersionReq>,
}

impl Advisory {
    /// Reads an advisory.
    ///
    /// # Errors
    ///
    /// [`Malformed`] if it isn't one, or lacks what a check needs.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let text = text.trim_start_matches('\u{feff}').trim_start();
        let block = text
            .strip_prefix(FENCE)
            .and_then(|rest| rest.strip_prefix("toml"))
            .ok_or_else(|| Malformed("it doesn't begin with a block of TOML".to_owned()))?;
        let (block, body) = block
            .split_once(&format!("\n{FENCE}"))
            .ok_or_else(|| Malformed("its block of TOML has no end".to_owned()))?;
        let FrontMatter { advisory, versions } =
            toml::from_str(block).map_err(|error| Malformed(error.message().to_owned()))?;
        let date =
            Day::parse(&advisory.date).ok_or_else(|| Malformed(format!("{:?} is no date", advisory.date)))?;
        let title = body
            .lines()
            .find_map(|line| line.strip_prefix("# "))
            .ok_or_else(|| Malformed("it has no headline".to_owned()))?;
        Ok(Self {
            id: advisory.id,
            package: advisory.package,
            date,
            title: title.trim().to_owned(),
            url: advisory.url,
            informational: advisory.informational,
            is_withdrawn: advisory.withdrawn.is_some(),
            patched: versions.patched,
            unaffected: versions.unaffected,
        })
    }

    /// Whether a version has the fault: none of those that are mended, or never had it.
    ///
    /// Requirements match a pre-release only where they name one of the same version, so that a pre-release counts as
    /// hit rather than not.
    #[must_use]
    pub fn hits(&self, version: &Version) -> bool {
        !self
            .patched
            .iter()
            .chain(&self.unaffected)
            .any(|requirement| requirement.matches(version))
    }
}

/// Why a file is no advisory that can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed(pub(crate) String);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Malformed {}

//! The rules of `deny.toml`: those parts of cargo-deny's configuration that are checked here too.

use std::fmt;

use semver::{Version, VersionReq};
use serde::Deserialize;
use spdx::Licensee;

/// All rules.
#[derive(Debug, Deserialize)]
pub struct Rules {
    advisories: Advisories,
    pub(crate) licenses: Licenses,
    pub(crate) bans: Bans,
    pub(crate) sources: Sources,
}

#[derive(Debug, Deserialize)]
struct Advisories {
    #[serde(default)]
    ignore: Vec<Ignored>,
}

/// An advisory that doesn't count.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Ignored {
    /// Its id.
    pub id: String,
    /// Why.
    pub reason: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Licenses {
    pub(crate) allow: Vec<License>,
    #[serde(default)]
    pub(crate) exceptions: Vec<Exception>,
}

/// Licences that one package may have beside those that all may have.
#[derive(Debug, Deserialize)]
pub(crate) struct Exception {
    pub(crate) allow: Vec<License>,
    #[serde(rename = "crate")]
    pub(crate) package: Spec,
}

/// A licence that is allowed.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct License {
    pub(crate) name: String,
    pub(crate) licensee: Licensee,
}

impl TryFrom<String> for License {
    type Error = spdx::ParseError;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        let licensee = Licensee::parse(&name)?;
        Ok(Self { name, licensee })
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Bans {
    #[serde(default)]
    pub(crate) deny: Vec<Banned>,
    #[serde(default)]
    pub(crate) skip: Vec<Banned>,
    pub(crate) wildcards: Level,
}

/// A package that may not be there, or may be there twice.
#[derive(Debug, Deserialize)]
pub(crate) struct Banned {
    #[serde(rename = "crate")]
    pub(crate) package: Spec,
    pub(crate) reason: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Sources {
    pub(crate) unknown_registry: Level,
    pub(crate) unknown_git: Level,
    pub(crate) allow_registry: Vec<String>,
    #[serde(default)]
    pub(crate) allow_git: Vec<String>,
}

/// What becomes of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Level {
    Allow,
    Warn,
    Deny,
}

/// A package, and which versions of it are meant.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Spec {
    pub(crate) name: String,
    versions: VersionReq,
}

impl TryFrom<String> for Spec {
    type Error = semver::Error;

    /// `name`, or `name@1.2.3` for this version alone.
    fn try_from(text: String) -> Result<Self, Self::Error> {
        let (name, versions) = match text.split_once('@') {
            Some((name, version)) => (name, VersionReq::parse(&format!("={version}"))?),
            None => (text.as_str(), VersionReq::STAR),
        };
        Ok(Self {
            name: name.to_owned(),
            versions,
        })
    }
}

impl Spec {
    pub(crate) fn means(&self, name: &str, version: &Version) -> bool {
        self.name == name && (self.versions == VersionReq::STAR || self.versions.matches(version))
    }
}

impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if self.versions == VersionReq::STAR {
            return Ok(());
        }
        write!(f, "@{}", self.versions.to_string().trim_start_matches('='))
    }
}

impl Rules {
    /// Reads the rules.
    ///
    /// # Errors
    ///
    /// If they aren't cargo-deny's form, or an exception has no reason.
    pub fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }

    /// The advisories that don't count.
    #[must_use]
    pub fn ignored(&self) -> &[Ignored] {
        &self.advisories.ignore
    }
}

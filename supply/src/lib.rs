//! Checks what the workspace is built from, without a network.
//!
//! - [`advisory`] reads advisories of the `RustSec` database, [`snapshot`] a copy of it: a folder, or an archive.
//! - [`audit`] holds the versions of `Cargo.lock` against them.
//! - [`graph`] is what cargo says about the packages; [`tree`] holds it against the rules on licences, sources and bans.
//! - [`rules`] reads all rules from `deny.toml`, which is also cargo-deny's configuration: one place knows them.
//! - [`list`] holds `docs/DEPENDENCIES.md` against the direct dependencies.
//! - [`date`] counts days.
//!
//! # Why not the `rustsec` crate
//!
//! Without its git and network features it still brings some forty crates, Unicode tables for the hosts of URLs among
//! them, and its database can only be loaded as a whole: one file that it can't read hides all others. What is needed
//! is the front matter of a Markdown file, which `toml` reads, and version requirements, which `semver` matches. The
//! `cargo-lock` crate is left out for the same tables: of the lock file, three fields are needed.

pub mod advisory;
pub mod audit;
pub mod date;
pub mod graph;
pub mod list;
pub mod rules;
pub mod snapshot;
pub mod tree;

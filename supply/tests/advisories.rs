//! Advisories of our own making, against lock files of our own making.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use bitmart_supply::advisory::Advisory;
use bitmart_supply::audit::{Audit, Locked, locked};
use bitmart_supply::date::Day;
use bitmart_supply::rules::Rules;
use bitmart_supply::snapshot::{Snapshot, Taken};
use flate2::Compression;
use flate2::write::GzEncoder;

const LOCK: &str = r#"
version = 4

[[package]]
name = "abacus"
version = "1.4.0"
source = "registry+https://example.org/index"

[[package]]
name = "abacus"
version = "2.1.0"
source = "registry+https://example.org/index"

[[package]]
name = "bellows"
version = "0.3.0-rc.1"
source = "registry+https://example.org/index"

[[package]]
name = "ours"
version = "0.1.0"
"#;

const RULES: &str = r#"
[advisories]
ignore = IGNORE
[licenses]
allow = ["MIT"]
[bans]
wildcards = "deny"
[sources]
unknown-registry = "deny"
unknown-git = "deny"
allow-registry = []
"#;

/// An advisory about a package, with further lines for its two tables.
fn advisory(id: &str, package: &str, head: &str, versions: &str) -> String {
    format!(
        "```toml\n[advisory]\nid = \"{id}\"\npackage = \"{package}\"\ndate = \"2026-02-03\"\n{head}\n\n[versions]\n\
         {versions}\n```\n\n# Beads fall off\n\nAll of them.\n"
    )
}

fn rules(ignore: &str) -> Rules {
    Rules::parse(&RULES.replace("IGNORE", ignore)).unwrap()
}

fn packages() -> Vec<Locked> {
    locked(LOCK).unwrap()
}

/// A folder of this test's own, empty.
fn folder(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).unwrap();
    path
}

/// A snapshot in a folder: files by their path inside `crates/`.
fn snapshot_of(name: &str, files: &[(&str, String)]) -> Snapshot {
    let root = folder(name);
    for (path, text) in files {
        let path = root.join("crates").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    Snapshot::read(&root).unwrap()
}

/// The ids and versions that are hit.
fn hits(files: &[(&str, String)], name: &str) -> Vec<String> {
    let snapshot = snapshot_of(name, files);
    assert!(snapshot.malformed.is_empty(), "{:?}", snapshot.malformed);
    let (packages, rules) = (packages(), rules("[]"));
    let audit = Audit::new(&snapshot, &packages, &rules);
    assert!(audit.informational.is_empty());
    let hits = audit.vulnerabilities.iter();
    hits.map(|hit| format!("{} {} {}", hit.advisory.id, hit.package.name, hit.package.version))
        .collect()
}

#[test]
fn our_own_packages_are_not_among_the_locked() {
    let names: Vec<String> = packages().into_iter().map(|package| package.name).collect();
    assert_eq!(names, ["abacus", "abacus", "bellows"]);
}

#[test]
fn a_version_is_hit_unless_it_is_patched_or_unaffected() {
    let hit = |versions: &str, name: &str| {
        let text = advisory("TEST-2026-0001", "abacus", "", versions);
        hits(&[("abacus/TEST-2026-0001.md", text)], name)
    };
    let both = ["TEST-2026-0001 abacus 1.4.0", "TEST-2026-0001 abacus 2.1.0"];
    assert_eq!(hit("patched = []", "never-patched"), both);
    assert_eq!(hit(r#"patched = [">= 3.0.0"]"#, "patched-later"), both);
    assert_eq!(hit(r#"patched = [">= 2.0.0"]"#, "patched-since-2"), both[..1]);
    let series = r#"patched = [">= 1.4.0, < 2.0.0", ">= 2.1.1"]"#;
    assert_eq!(hit(series, "patched-in-a-series"), both[1..]);
    assert_eq!(
        hit("patched = []\nunaffected = [\"< 2.0.0\"]", "unaffected"),
        both[1..]
    );
    assert!(hit("patched = [\">= 2.0.0\"]\nunaffected = [\"< 1.4.1\"]", "neither").is_empty());
}

#[test]
fn a_prerelease_counts_as_hit_where_nothing_names_it() {
    let hit = |versions: &str, name: &str| {
        let text = advisory("TEST-2026-0002", "bellows", "", versions);
        hits(&[("bellows/TEST-2026-0002.md", text)], name).len()
    };
    assert_eq!(hit(r#"patched = [">= 0.2.0"]"#, "prerelease"), 1);
    assert_eq!(hit(r#"patched = [">= 0.3.0-rc.1"]"#, "prerelease-named"), 0);
}

#[test]
fn a_withdrawn_advisory_says_nothing() {
    let text = advisory(
        "TEST-2026-0003",
        "abacus",
        "withdrawn = \"2026-03-01\"",
        "patched = []",
    );
    assert!(hits(&[("abacus/TEST-2026-0003.md", text)], "withdrawn").is_empty());
}

#[test]
fn what_is_no_vulnerability_is_told_apart() {
    let informational = |kind: &str| format!("informational = \"{kind}\"\nurl = \"https://example.org/1\"");
    let files = [
        (
            "abacus/TEST-2026-0004.md",
            advisory(
                "TEST-2026-0004",
                "abacus",
                &informational("unmaintained"),
                "patched = []",
            ),
        ),
        (
            "bellows/TEST-2026-0005.md",
            advisory(
                "TEST-2026-0005",
                "bellows",
                &informational("unsound"),
                "patched = []",
            ),
        ),
    ];
    let snapshot = snapshot_of("informational", &files);
    let (packages, rules) = (packages(), rules("[]"));
    let audit = Audit::new(&snapshot, &packages, &rules);
    assert!(audit.vulnerabilities.is_empty());
    let kinds: Vec<&str> = audit
        .informational
        .iter()
        .filter_map(|hit| hit.advisory.informational.as_deref())
        .collect();
    assert_eq!(kinds, ["unmaintained", "unmaintained", "unsound"]);
    let first = audit.informational[0].advisory;
    assert_eq!(
        (first.title.as_str(), first.url.as_deref()),
        ("Beads fall off", Some("https://example.org/1"))
    );
}

#[test]
fn what_is_ignored_has_a_reason_and_something_to_ignore() {
    let files = [
        (
            "abacus/TEST-2026-0006.md",
            advisory("TEST-2026-0006", "abacus", "", r#"patched = [">= 2.0.0"]"#),
        ),
        (
            "abacus/TEST-2026-0007.md",
            advisory("TEST-2026-0007", "abacus", "", r#"patched = [">= 1.0.0"]"#),
        ),
    ];
    let snapshot = snapshot_of("ignored", &files);
    let packages = packages();
    let rules = rules(
        "[{ id = \"TEST-2026-0006\", reason = \"no beads\" }, { id = \"TEST-2026-0007\", reason = \"once\" }]",
    );
    let audit = Audit::new(&snapshot, &packages, &rules);
    assert!(audit.vulnerabilities.is_empty());
    let ignored: Vec<(&str, &str)> = audit
        .ignored
        .iter()
        .map(|(hit, ignored)| (hit.advisory.id.as_str(), ignored.reason.as_str()))
        .collect();
    assert_eq!(ignored, [("TEST-2026-0006", "no beads")]);
    let idle: Vec<&str> = audit.idle.iter().map(|idle| idle.id.as_str()).collect();
    assert_eq!(idle, ["TEST-2026-0007"]);
    let without_reason = RULES.replace("IGNORE", "[{ id = \"TEST-2026-0006\" }]");
    assert!(Rules::parse(&without_reason).is_err());
}

/// Whatever can't be read is named and counted; the others count all the same.
#[test]
fn a_malformed_file_hides_nothing_and_is_not_hidden() {
    let good = || advisory("TEST-2026-0008", "abacus", "", "patched = []");
    let files = [
        ("abacus/TEST-2026-0008.md", good()),
        ("abacus/TEST-2026-0009.md", "# Only words".to_owned()),
        ("abacus/TEST-2026-0010.md", good().replace("```\n\n#", "\n#")),
        (
            "abacus/TEST-2026-0011.md",
            good().replace("patched = []", "patched = [\">= one\"]"),
        ),
        ("abacus/TEST-2026-0012.md", good().replace("patched = []", "")),
        ("abacus/TEST-2026-0013.md", good().replace("2026-02-03", "lately")),
        ("abacus/TEST-2026-0014.md", good().replace("# Beads", "Beads")),
        ("abacus/TEST-2026-0015.md", good()),
        ("bellows/TEST-2026-0008.md", good()),
        ("abacus/TEST-2026-0016.md", String::new()),
    ];
    let snapshot = snapshot_of("malformed", &files);
    assert_eq!(snapshot.advisories.len(), 1);
    let names: Vec<&str> = snapshot
        .malformed
        .iter()
        .map(|(path, _)| path.file_stem().unwrap().to_str().unwrap())
        .collect();
    let expected = [9, 10, 11, 12, 13, 14, 15, 16, 8].map(|number| format!("TEST-2026-{number:04}"));
    assert_eq!(names, expected, "{:?}", snapshot.malformed);
    assert_eq!(snapshot.malformed[7].1, Advisory::parse("").unwrap_err());
    let (packages, rules) = (packages(), rules("[]"));
    assert_eq!(Audit::new(&snapshot, &packages, &rules).vulnerabilities.len(), 2);
}

#[test]
fn an_archive_and_a_folder_hold_the_same() {
    let root = folder("archive");
    let text = advisory("TEST-2026-0017", "abacus", "", "patched = []");
    let broken = "no advisory";
    let mut builder = tar::Builder::new(GzEncoder::new(
        File::create(root.join("crates.tar.gz")).unwrap(),
        Compression::fast(),
    ));
    for (path, text) in [
        ("crates/abacus/TEST-2026-0017.md", text.as_str()),
        ("crates/abacus/TEST-2026-0018.md", broken),
    ] {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, path, text.as_bytes()).unwrap();
    }
    builder.into_inner().unwrap().finish().unwrap();
    let folder = [
        ("abacus/TEST-2026-0017.md", text),
        ("abacus/TEST-2026-0018.md", broken.to_owned()),
    ];
    let folder = snapshot_of("archive-as-folder", &folder);
    // The archive is found in its folder, or named itself.
    for path in [root.clone(), root.join("crates.tar.gz")] {
        let archive = Snapshot::read(&path).unwrap();
        assert_eq!(archive.advisories, folder.advisories);
        assert_eq!(archive.malformed.len(), 1);
        assert_eq!(archive.malformed[0].1, folder.malformed[0].1);
    }
    // Half an archive is an error, not a small snapshot.
    let whole = fs::read(root.join("crates.tar.gz")).unwrap();
    fs::write(root.join("crates.tar.gz"), &whole[..whole.len() / 2]).unwrap();
    assert!(Snapshot::read(&root).is_err());
    assert!(Snapshot::read(&root.join("nothing")).is_err());
}

#[test]
fn the_age_is_the_readmes_or_that_of_the_newest_advisory() {
    let root = folder("age");
    let package = root.join("crates/abacus");
    fs::create_dir_all(&package).unwrap();
    assert_eq!(Snapshot::read(&root).unwrap().taken, None);
    for (id, date) in [("TEST-2026-0019", "2026-05-06"), ("TEST-2026-0020", "2026-04-05")] {
        let text = advisory(id, "abacus", "", "patched = []").replace("2026-02-03", date);
        fs::write(package.join(format!("{id}.md")), text).unwrap();
    }
    let newest = Day::parse("2026-05-06").unwrap();
    let taken = Snapshot::read(&root).unwrap().taken.unwrap();
    assert_eq!(taken, Taken::NewestAdvisory(newest));
    assert_eq!(Day::parse("2026-06-06").unwrap().since(taken.day()), 31);
    fs::write(root.join("README.md"), "A copy, commit 0123abcd, 2026-05-30.").unwrap();
    let said = Taken::Said(Day::parse("2026-05-30").unwrap());
    // The README is beside the folder, whichever way the folder is named.
    for path in [root.clone(), root.join("crates")] {
        assert_eq!(Snapshot::read(&path).unwrap().taken, Some(said));
    }
}

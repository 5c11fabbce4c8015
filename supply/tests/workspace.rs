//! The workspace itself: its rules, its list of dependencies, and the advisories if there are any at hand.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use bitmart_supply::graph::Graph;
use bitmart_supply::list;
use bitmart_supply::rules::Rules;
use bitmart_supply::tree::Findings;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

#[test]
fn the_packages_keep_the_rules_and_the_list_is_complete() {
    let graph = Graph::of(&root()).unwrap();
    let findings = Findings::new(&graph, &Rules::parse(&read("deny.toml")).unwrap());
    assert!(findings.violations.is_empty(), "{:#?}", findings.violations);
    let entries = list::entries(&graph);
    assert!(entries.len() > 40, "{entries:?}");
    let wrong = list::check(&read("docs/DEPENDENCIES.md"), &graph);
    assert!(wrong.is_empty(), "docs/DEPENDENCIES.md:\n{}", wrong.join("\n"));
}

/// Runs the program without a snapshot in its environment.
fn run(snapshot: Option<&Path>) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_bitmart-supply"));
    program.env_remove("BITMART_ADVISORIES").args(snapshot);
    program.output().unwrap()
}

#[test]
fn the_program_says_that_it_skips_what_is_not_there() {
    for snapshot in [None, Some(Path::new("no/such/folder"))] {
        let output = run(snapshot);
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(
            output.status.success() && said.contains("advisories: skipped"),
            "{said}"
        );
    }
}

#[test]
fn the_program_fails_for_a_vulnerability_and_for_what_it_cannot_read() {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("program");
    let folder = root.join("crates/serde");
    let _ = fs::remove_dir_all(&root);
    fs::create_dir_all(&folder).unwrap();
    // A package that is surely there, in every version.
    let text = "```toml\n[advisory]\nid = \"TEST-2026-0100\"\npackage = \"serde\"\ndate = \"2026-01-02\"\n\
        url = \"https://example.org/2\"\n\n[versions]\npatched = [\">= 999.0.0\"]\n```\n\n# Made up\n";
    let file = folder.join("TEST-2026-0100.md");
    for (text, succeeds, words) in [
        (
            text.to_owned(),
            false,
            vec![
                "VULNERABILITY: TEST-2026-0100 serde",
                "patched in >=999.0.0",
                "https://example.org/2",
            ],
        ),
        (
            text.replace("999.0.0", "0.0.1"),
            true,
            vec!["0 vulnerabilities", "1 held against"],
        ),
        (
            text.replace("[versions]", "[version]"),
            false,
            vec!["MALFORMED: ", "1 files that can't be read"],
        ),
        (
            text.replace("date", "informational = \"unsound\"\ndate"),
            true,
            vec!["note (unsound): TEST-2026-0100 serde", "1 notes"],
        ),
    ] {
        fs::write(&file, text).unwrap();
        let output = run(Some(&root));
        let said = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.success(), succeeds, "{said}");
        for word in words {
            assert!(said.contains(word), "{word}: {said}");
        }
    }
}

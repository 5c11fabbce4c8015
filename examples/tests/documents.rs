//! The documents name tests and files; what they name is there.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The Rust files of the project.
fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

/// The names of all functions in the project that are marked as tests.
fn tests() -> BTreeSet<String> {
    let mut files = Vec::new();
    sources(&root().join("crates"), &mut files);
    sources(&root().join("examples"), &mut files);
    let mut names = BTreeSet::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let mut is_test = false;
        for line in text.lines().map(str::trim) {
            is_test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
            let name = line.split("fn ").nth(1).and_then(|rest| rest.split('(').next());
            let name = name.filter(|_| !line.starts_with("//"));
            if let Some(name) = name
                && std::mem::take(&mut is_test)
            {
                names.insert(name.to_owned());
            }
        }
    }
    names
}

/// What stands between backticks in the last column of each table row.
fn last_column(document: &str) -> Vec<String> {
    let rows = document.lines().filter(|line| line.starts_with('|'));
    let cells = rows.filter_map(|row| row.trim_end_matches('|').rsplit('|').next());
    cells
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .map(str::to_owned)
        .collect()
}

/// Whether a name in backticks is meant to be a test's: several words in lower case.
fn is_test_name(name: &str) -> bool {
    name.matches('_').count() >= 2
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

#[test]
fn the_tests_that_documents_name_exist() {
    let tests = tests();
    assert!(tests.len() > 300, "{}", tests.len());
    for document in ["docs/FEATURES.md", "docs/RELIABILITY.md"] {
        let text = fs::read_to_string(root().join(document)).unwrap();
        let named: Vec<String> = last_column(&text);
        let mut checked = 0;
        for name in named {
            if is_test_name(&name) {
                assert!(
                    tests.contains(&name),
                    "{document} names a test that isn't there: {name}"
                );
                checked += 1;
            } else if name.contains('/') && name.ends_with(".rs") {
                let is_there = [name.clone(), format!("crates/{name}")]
                    .iter()
                    .any(|path| root().join(path).exists());
                assert!(is_there, "{document} names a file that isn't there: {name}");
                checked += 1;
            }
        }
        assert!(checked > 30, "{document}: {checked}");
    }
}

/// Every feature has a test: no cell is empty.
#[test]
fn no_feature_is_without_a_test() {
    let text = fs::read_to_string(root().join("docs/FEATURES.md")).unwrap();
    let tables = text
        .split("## What the reference has and we leave out")
        .next()
        .unwrap();
    for row in tables
        .lines()
        .filter(|line| line.starts_with('|') && !line.starts_with("|---"))
    {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        assert!(cells.iter().all(|cell| !cell.is_empty()), "{row}");
        let is_head = cells.last() == Some(&"test");
        assert!(is_head || cells.last().unwrap().contains('`'), "no test: {row}");
    }
}

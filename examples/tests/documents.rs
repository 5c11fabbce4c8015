//! The documents name tests and files; what they name is there.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};
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

/// All functions in the project that are marked as tests, each with what is written above it.
fn tests() -> BTreeMap<String, String> {
    let mut files = Vec::new();
    for folder in ["crates", "examples", "reliability"] {
        sources(&root().join(folder), &mut files);
    }
    let mut tests = BTreeMap::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let (mut is_test, mut description) = (false, String::new());
        for line in text.lines().map(str::trim) {
            if let Some(words) = line.strip_prefix("///") {
                description.push_str(words);
                continue;
            }
            if line.starts_with("#[") {
                is_test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
                continue;
            }
            let name = line.split("fn ").nth(1).and_then(|rest| rest.split('(').next());
            let name = name.filter(|_| !line.starts_with("//"));
            if let (Some(name), true) = (name, is_test) {
                tests.insert(name.to_owned(), std::mem::take(&mut description));
                is_test = false;
            }
            description.clear();
        }
    }
    tests
}

/// The failure modes that a test's description names: `Failure mode 3`, `Failure modes 27 to 34, 36 and 38`.
fn failure_modes(description: &str) -> BTreeSet<u32> {
    let mut modes = BTreeSet::new();
    for list in description.split("ailure mode").skip(1) {
        let words = list.strip_prefix('s').unwrap_or(list).split_whitespace();
        let (mut last, mut is_range) = (None, false);
        for word in words {
            let number: Option<u32> = word.trim_end_matches([',', ':', '.', ';']).parse().ok();
            match (number, last) {
                (Some(number), Some(first)) if is_range => modes.extend(first..=number),
                (Some(number), _) => {
                    modes.insert(number);
                }
                (None, Some(_)) if matches!(word, "and" | "to") => {}
                (None, _) => break,
            }
            is_range = word == "to";
            last = number.or(last);
            if word.ends_with([':', '.', ';']) {
                break;
            }
        }
    }
    modes
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
                    tests.contains_key(&name),
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

/// Every failure mode has a test, and the test knows whose it is.
#[test]
fn every_failure_mode_has_a_test_that_names_it() {
    let tests = tests();
    let text = fs::read_to_string(root().join("docs/RELIABILITY.md")).unwrap();
    let table = text.split("## Failure modes").nth(1).unwrap();
    let mut expected = 1;
    for row in table.lines().filter(|line| line.starts_with('|')) {
        let first = row.split('|').nth(1).unwrap_or_default();
        let Ok(number) = first.trim().parse::<u32>() else {
            continue;
        };
        assert_eq!(number, expected, "a row is missing, or twice there");
        expected += 1;
        let names = last_column(row);
        let named: Vec<&String> = names.iter().filter(|name| tests.contains_key(*name)).collect();
        assert!(!named.is_empty(), "row {number} names no test: {row}");
        let says_so = |name: &&String| failure_modes(&tests[*name]).contains(&number);
        assert!(
            named.iter().any(says_so),
            "none of {named:?} says that it is about failure mode {number}"
        );
    }
    assert_eq!(expected, 57, "rows of the table");
}

#[test]
fn failure_modes_are_read_off_a_description() {
    let modes = |text| failure_modes(text).into_iter().collect::<Vec<_>>();
    assert_eq!(
        modes(" Failure mode 3, in virtual time: noticed within 25 s."),
        [3]
    );
    assert_eq!(modes(" Failure modes 8 and 2: an upgrade in 2026."), [2, 8]);
    assert_eq!(modes(" P5. Failure modes 27 to 30, 33."), [27, 28, 29, 30, 33]);
    assert_eq!(modes(" A failure mode, and 7 others."), []);
}

//! Every public asynchronous function of the published crates has a test in this program.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Functions that return a future, by crate and name, and the test that drops it.
const TESTED: [(&str, &str, &str); 15] = [
    ("bitmart", "close", "close_closes_everything_all_the_same"),
    (
        "bitmart",
        "close_connection",
        "close_connection_closes_it_all_the_same",
    ),
    ("bitmart", "connect", "connect_opens_one_or_none"),
    ("bitmart", "connect_all", "connect_all_opens_all_or_none"),
    ("bitmart", "next", "events_next_loses_no_event"),
    ("bitmart", "subscribe", "subscribe_is_made_whole_or_not_at_all"),
    (
        "bitmart",
        "unsubscribe",
        "unsubscribe_is_made_whole_or_not_at_all",
    ),
    ("bitmart-auth", "sign", "a_signature_may_be_given_up"),
    ("bitmart-sim", "serve", "serve_drops_its_connection"),
    ("bitmart-sim", "shutdown", "shutdown_ends_everything_all_the_same"),
    ("bitmart-sim", "start", "start_leaves_nothing_behind"),
    ("bitmart-sim", "step", "step_runs_whole_or_not_at_all"),
    ("bitmart-ws", "connect", "connect_leaves_no_socket_open"),
    ("bitmart-ws", "next", "connection_next_loses_no_byte"),
    (
        "bitmart-ws",
        "resolve",
        "a_lookup_that_is_given_up_takes_no_place_for_long",
    ),
];

/// In the listing, though their names are another's or they are no functions of ours to call.
const ALSO_TESTED: [(&str, &str, &str); 2] = [
    ("bitmart", "poll_next", "the_stream_of_events_loses_none"),
    ("bitmart-ws", "dial", "a_dialed_stream_that_is_given_up_is_closed"),
];

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

/// The names of a source's functions that a user can call and that return a future; those of traits, of which users
/// have their own, among them.
fn futures_in(text: &str) -> impl Iterator<Item = String> {
    let code = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    let code: String = code
        .lines()
        .map(str::trim)
        .filter(|line| !line.starts_with("//"))
        .flat_map(|line| [line, " "])
        .collect();
    let names: Vec<String> = code
        .match_indices("fn ")
        .filter_map(|(at, _)| {
            let before = code[..at].trim_end();
            let rest = &code[at + "fn ".len()..];
            let end = rest.find(['{', ';'])?;
            let signature = &rest[..end];
            let returned = signature.split("->").last().unwrap_or_default();
            let is_future = ["BoxFuture<", "SignFuture<", "impl Future"]
                .iter()
                .any(|future| returned.contains(future));
            let is_public = before.ends_with("pub async") || before.ends_with("pub");
            let is_traits = !before.ends_with(')') && is_future;
            let is_named = before.ends_with("pub async") || (is_public || is_traits) && is_future;
            let name = signature.split(['<', '(']).next()?;
            is_named.then(|| name.to_owned())
        })
        .collect();
    names.into_iter()
}

#[test]
fn every_public_future_is_dropped_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(root.join("crates")).unwrap() {
        let krate = entry.unwrap().file_name().into_string().unwrap();
        let mut files = Vec::new();
        sources(&root.join("crates").join(&krate).join("src"), &mut files);
        for file in files {
            let text = fs::read_to_string(file).unwrap();
            found.extend(futures_in(&text).map(|name| (krate.clone(), name)));
        }
    }
    let all = TESTED.iter().chain(&ALSO_TESTED);
    let listed: BTreeSet<(String, String)> = all
        .clone()
        .map(|(krate, name, _)| ((*krate).to_owned(), (*name).to_owned()))
        .collect();
    let untested: Vec<_> = found.difference(&listed).collect();
    assert!(untested.is_empty(), "no test drops the futures of {untested:?}");
    let gone: Vec<_> = TESTED
        .iter()
        .filter(|(krate, name, _)| !found.contains(&((*krate).to_owned(), (*name).to_owned())))
        .collect();
    assert!(gone.is_empty(), "there is no such function any more: {gone:?}");
    let mut files = Vec::new();
    sources(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dropped"),
        &mut files,
    );
    let tests: String = files
        .iter()
        .map(|file| fs::read_to_string(file).unwrap())
        .collect();
    for (_, name, test) in all {
        let is_there = tests.contains(&format!("#[test]\nfn {test}()"));
        assert!(is_there, "there is no such test: {test}, for {name}");
    }
}

#[test]
fn a_new_function_would_be_found() {
    let source = "
        impl X {
            pub async fn new_one(&self) {}
            pub(crate) async fn hidden(&self) {}
            pub fn boxed<'a>(&'a self, n: Vec<u8>)
                -> BoxFuture<'a, u8> { }
            /// pub async fn in_a_comment() {}
            pub fn no_future(&self) -> u8 { 0 }
        }
        trait Y { fn of_a_trait(&self) -> impl Future<Output = u8>; }
    ";
    let found: Vec<String> = futures_in(source).collect();
    assert_eq!(found, ["new_one", "boxed", "of_a_trait"]);
}

//! Recorded and documented messages, one per file, that live outside this repository. Set `BITMART_SAMPLES` to the
//! folder that holds `spot/` and `futures/` to run them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

use bitmart_proto::{Class, Decoder, Inflater, Update, classify};

#[test]
#[expect(clippy::print_stderr, reason = "a skipped test should say so")]
fn every_sample_is_what_its_name_says() {
    let Some(root) = std::env::var_os("BITMART_SAMPLES").map(PathBuf::from) else {
        eprintln!("skipped: BITMART_SAMPLES names no folder of sample messages");
        return;
    };
    let mut decoder = Decoder::new();
    let mut inflater = Inflater::new();
    let mut count = 0;
    for market in ["spot", "futures"] {
        let mut paths: Vec<PathBuf> = fs::read_dir(root.join(market))
            .unwrap_or_else(|error| panic!("{}/{market}: {error}", root.display()))
            .map(|entry| entry.unwrap().path())
            .collect();
        paths.sort();
        for path in paths {
            let bytes = fs::read(&path).unwrap();
            let text = if path.extension().is_some_and(|extension| extension == "hex") {
                inflater
                    .inflate(&unhex(&bytes))
                    .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
                    .to_vec()
            } else {
                bytes
            };
            check(market, &path, &text, &mut decoder);
            count += 1;
        }
    }
    assert!(count >= 140, "only {count} samples in {}", root.display());
}

fn check(market: &str, path: &Path, text: &[u8], decoder: &mut Decoder) {
    let name = path.file_name().unwrap().to_str().unwrap();
    let class = classify(text);
    let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| name.starts_with(prefix));
    if starts(&["pong"]) {
        assert_eq!(class, Class::Pong, "{market}/{name}");
    } else if starts(&["system-notice", "error-ip-limited"]) {
        assert_eq!(class, Class::Unknown, "{market}/{name}");
    } else if starts(&["ack", "error", "login"]) {
        assert_eq!(class, Class::Reply, "{market}/{name}");
        let reply = decoder
            .reply(text)
            .unwrap_or_else(|error| panic!("{market}/{name}: {error}"));
        assert_eq!(
            reply.outcome.is_err(),
            name.contains("error"),
            "{market}/{name}: {reply:?}"
        );
    } else {
        let Class::Push(head) = class else {
            panic!("{market}/{name}: {class:?}");
        };
        let update = decoder
            .decode(text)
            .unwrap_or_else(|error| panic!("{market}/{name}: {error}"));
        assert_eq!(head.topic(text), update.topic(), "{market}/{name}");
        let is_typed = !matches!(update, Update::Raw(_));
        let is_private =
            starts(&["user-"]) || (market == "futures" && starts(&["order", "position", "asset"]));
        assert_eq!(is_typed, is_private, "{market}/{name}: {update:?}");
    }
}

fn unhex(digits: &[u8]) -> Vec<u8> {
    digits
        .trim_ascii()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

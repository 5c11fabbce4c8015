//! Recorded and documented messages, one per file, that live outside this repository. Set `BITMART_SAMPLES` to the
//! folder that holds `spot/` and `futures/` to run them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/model/mod.rs"]
mod model;

use std::fs;
use std::path::{Path, PathBuf};

use bitmart_proto::{Class, Decoder, Inflater, Update, classify};
use model::readers::Readers;

#[test]
#[expect(clippy::print_stderr, reason = "a skipped test should say so")]
fn every_sample_is_what_its_name_says() {
    let Some(root) = std::env::var_os("BITMART_SAMPLES").map(PathBuf::from) else {
        eprintln!("skipped: BITMART_SAMPLES names no folder of sample messages");
        return;
    };
    let (mut decoder, mut readers) = (Decoder::new(), Readers::default());
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
            check(market, &path, &text, &mut decoder, &mut readers);
            count += 1;
        }
    }
    assert!(count >= 140, "only {count} samples in {}", root.display());
}

fn check(market: &str, path: &Path, text: &[u8], decoder: &mut Decoder, readers: &mut Readers) {
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
        let (kind, items) = kind(&update);
        let stem = name.split('.').next().unwrap_or_default();
        assert_eq!(kind, kind_by_name(market, stem), "{market}/{name}");
        let is_empty = ["user-orders-empty-string", "position-empty"].contains(&stem);
        assert_eq!(items == 0, is_empty, "{market}/{name}");
        if let Err(difference) = readers.read(text) {
            panic!("{market}/{name}: {difference}");
        }
    }
}

/// The kind of an update, and how many items it has.
fn kind(update: &Update<'_>) -> (&'static str, usize) {
    match update {
        Update::SpotOrders { orders, .. } => ("spot orders", orders.len()),
        Update::SpotBalances { changes, .. } => ("spot balances", changes.len()),
        Update::SpotTickers { tickers, .. } => ("spot tickers", tickers.len()),
        Update::SpotBookTickers { tickers, .. } => ("spot book tickers", tickers.len()),
        Update::SpotKlines { klines, .. } => ("spot klines", klines.len()),
        Update::SpotDepths { books, .. } => ("spot depths", books.len()),
        Update::SpotDepthUpdates { updates, .. } => ("spot depth updates", updates.len()),
        Update::SpotTrades { trades, .. } => ("spot trades", trades.len()),
        Update::FuturesOrders { orders, .. } => ("futures orders", orders.len()),
        Update::FuturesPositions { positions, .. } => ("futures positions", positions.len()),
        Update::FuturesAssets { assets, .. } => ("futures assets", assets.len()),
        Update::FuturesTickers { tickers, .. } => ("futures tickers", tickers.len()),
        Update::FuturesBookTickers { tickers, .. } => ("futures book tickers", tickers.len()),
        Update::FuturesFundingRates { rates, .. } => ("futures funding rates", rates.len()),
        Update::FuturesDepthSides { sides, .. } => ("futures depth sides", sides.len()),
        Update::FuturesDepths { books, .. } => ("futures depths", books.len()),
        Update::FuturesDepthUpdates { updates, .. } => ("futures depth updates", updates.len()),
        Update::FuturesTrades { trades, .. } => ("futures trades", trades.len()),
        Update::FuturesKlines { klines, .. } => ("futures klines", klines.len()),
        Update::FuturesMarkPriceKlines { klines, .. } => ("futures mark price klines", klines.len()),
        other => panic!("unknown: {other:?}"),
    }
}

/// The kind that a file's name promises. The longer of two prefixes comes first.
fn kind_by_name(market: &str, stem: &str) -> &'static str {
    const KINDS: &[(&str, &str, &str)] = &[
        ("spot", "user-order", "spot orders"),
        ("spot", "user-balance", "spot balances"),
        ("spot", "ticker", "spot tickers"),
        ("spot", "book-ticker", "spot book tickers"),
        ("spot", "kline", "spot klines"),
        ("spot", "depth-increase", "spot depth updates"),
        ("spot", "depth", "spot depths"),
        ("spot", "trade", "spot trades"),
        ("futures", "order", "futures orders"),
        ("futures", "position", "futures positions"),
        ("futures", "asset", "futures assets"),
        ("futures", "ticker", "futures tickers"),
        ("futures", "bookticker", "futures book tickers"),
        ("futures", "funding-rate", "futures funding rates"),
        ("futures", "depth-increase", "futures depth updates"),
        ("futures", "depth-all", "futures depths"),
        ("futures", "depth", "futures depth sides"),
        ("futures", "v2-depth-all", "futures depths"),
        ("futures", "v2-depth-increase", "futures depth updates"),
        ("futures", "trade", "futures trades"),
        ("futures", "kline", "futures klines"),
        ("futures", "mark-kline", "futures mark price klines"),
    ];
    KINDS
        .iter()
        .find(|(of, prefix, _)| *of == market && stem.starts_with(prefix))
        .map_or("nothing that is known", |(_, _, kind)| kind)
}

fn unhex(digits: &[u8]) -> Vec<u8> {
    digits
        .trim_ascii()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

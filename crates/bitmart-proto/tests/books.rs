//! Order books of both markets: their levels, and how their pushes follow one another.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use bitmart_proto::{BookPush, BookSide, BookStep, BookWay, Decoder, TimeMs, Update};
use support::{decoded, fixture};

fn levels<'a>(side: BookSide<'a>) -> Vec<(&'a str, &'a str)> {
    side.iter()
        .map(|level| (level.price.as_str(), level.size.as_str()))
        .collect()
}

#[test]
fn whole_books_have_their_levels_in_order() {
    decoded!("spot_depth5", SpotDepths { books } => {
        let book = books.get(0).unwrap();
        assert_eq!((book.symbol, book.ms_t), ("SOL_USDT", Some(TimeMs::new(1_771_200_400_401))));
        assert_eq!(levels(book.asks)[..2], [("148.31", "12.404"), ("148.33", "0.5")]);
        assert_eq!(levels(book.bids)[3..], [("148.02", "0.225"), ("147.97", "113.3")]);
        assert_eq!(book.asks.iter().next_back(), book.asks.get(4));
    });
    decoded!("spot_depth20_one_sided", SpotDepths { books } => {
        let book = books.get(0).unwrap();
        assert_eq!((book.asks.len(), book.bids.is_empty()), (2, true));
    });
    decoded!("spot_depth50_empty", SpotDepths { books } => {
        assert!(books.get(0).unwrap().asks.is_empty() && books.get(0).unwrap().bids.is_empty());
    });
    decoded!("futures_depth_all20", FuturesDepths { books } => {
        let book = books.get(0).unwrap();
        assert_eq!(levels(book.asks), [("2950.2", "11"), ("2950.6", "455")]);
        assert_eq!(levels(book.bids), [("2950", "12"), ("2949.9", "1856")]);
        assert_eq!((book.symbol, book.ms_t), ("ETHUSDT", Some(TimeMs::new(1_771_200_411_402))));
    });
    decoded!("futures_v2_depth_all", FuturesDepths { books } => {
        assert_eq!(levels(books.get(0).unwrap().bids), [("2950", "12"), ("2949.9", "1856")]);
    });
}

/// Best first, each level with its size, and none lost.
#[test]
fn books_of_full_size_are_whole() {
    let check = |asks: BookSide<'_>, bids: BookSide<'_>, count: usize| {
        assert_eq!((asks.len(), bids.len()), (count, count));
        let prices = |side: BookSide<'_>| -> Vec<i128> {
            side.iter()
                .map(|level| level.price.to_scaled(2).unwrap())
                .collect()
        };
        let (asks, bids) = (prices(asks), prices(bids));
        assert!(asks.is_sorted_by(|a, b| a < b) && bids.is_sorted_by(|a, b| a > b) && bids[0] < asks[0]);
    };
    decoded!("spot_depth50_full", SpotDepths { books } => {
        check(books.get(0).unwrap().asks, books.get(0).unwrap().bids, 50);
    });
    decoded!("spot_depth_increase_snapshot_full", SpotDepthUpdates { updates } => {
        check(updates.get(0).unwrap().asks, updates.get(0).unwrap().bids, 100);
    });
    decoded!("futures_depth_increase_snapshot_full", FuturesDepthUpdates { updates } => {
        check(updates.get(0).unwrap().asks, updates.get(0).unwrap().bids, 50);
    });
}

/// Several books in one message share the decoder's list of levels.
#[test]
fn each_book_has_its_own_levels() {
    let book = |symbol: &str, price: &str| {
        format!(r#"{{"asks":[["{price}","1"]],"bids":[],"ms_t":1,"symbol":"{symbol}"}}"#)
    };
    let text = format!(
        r#"{{"data":[{},{},{}],"table":"spot/depth5"}}"#,
        book("A", "1"),
        book("B", "2"),
        r#"{"asks":[],"bids":[{"price":"3","vol":"4"}],"symbol":"C"}"#
    );
    let mut decoder = Decoder::new();
    for _ in 0..2 {
        let Ok(Update::SpotDepths { books, .. }) = decoder.decode(text.as_bytes()) else {
            panic!("{text}");
        };
        let sides: Vec<_> = books
            .iter()
            .map(|book| (levels(book.asks), levels(book.bids)))
            .collect();
        assert_eq!(
            sides,
            [
                (vec![("1", "1")], vec![]),
                (vec![("2", "1")], vec![]),
                (vec![], vec![("3", "4")]),
            ]
        );
    }
}

#[test]
fn updates_of_books_say_what_they_are() {
    decoded!("spot_depth_increase_update", SpotDepthUpdates { updates } => {
        let update = updates.get(0).unwrap();
        assert_eq!((update.kind, update.version, update.symbol), (BookPush::Update, 7_301_145, "SOL_USDT"));
        assert_eq!(update.ms_t, Some(TimeMs::new(1_771_200_401_100)));
        let removed: Vec<bool> = update.asks.iter().map(|level| level.is_removed()).collect();
        assert_eq!(removed, [true, false]);
    });
    decoded!("spot_depth_increase_gap", SpotDepthUpdates { updates } => {
        assert!(updates.get(0).unwrap().bids.get(0).unwrap().is_removed(), "0.00000 is zero");
    });
    decoded!("futures_v2_depth_increase", FuturesDepthUpdates { updates } => {
        let update = updates.get(0).unwrap();
        assert_eq!((update.kind, update.version), (BookPush::Update, 51));
        assert!(update.asks.get(0).unwrap().is_removed());
    });
    for (size, is_removed) in [
        ("0", true),
        ("0.000", true),
        ("0E-8", true),
        ("-0", true),
        ("0.0001", false),
    ] {
        let text = fixture("futures_v2_depth_increase").replace("\"0\"", &format!("\"{size}\""));
        let mut decoder = Decoder::new();
        let Ok(Update::FuturesDepthUpdates { updates, .. }) = decoder.decode(text.as_bytes()) else {
            panic!("{text}");
        };
        let level = updates.get(0).unwrap().asks.get(0).unwrap();
        assert_eq!(level.is_removed(), is_removed, "{size}");
    }
}

/// Follows the fixtures of a book as a client would: the steps, and the version it then stands at.
#[test]
fn a_book_is_followed_step_by_step() {
    let follow = |names: &[&str]| {
        let mut local = None;
        let mut steps = Vec::new();
        for name in names {
            let mut decoder = Decoder::new();
            let (step, version) = match decoder.decode(fixture(name).as_bytes()).unwrap() {
                Update::SpotDepthUpdates { updates, .. } => {
                    let update = updates.get(0).unwrap();
                    (update.step(local), update.version)
                }
                Update::FuturesDepthUpdates { updates, .. } => {
                    let update = updates.get(0).unwrap();
                    (update.step(local), update.version)
                }
                other => panic!("{other:?}"),
            };
            if matches!(step, BookStep::Replace | BookStep::Apply) {
                local = Some(version);
            }
            steps.push(step);
        }
        (steps, local)
    };
    use BookStep::{Apply, Discard, Gap, Replace};
    let spot = follow(&[
        "spot_depth_increase_update",
        "spot_depth_increase_snapshot",
        "spot_depth_increase_update",
        "spot_depth_increase_heartbeat",
        "spot_depth_increase_gap",
        "spot_depth_increase_snapshot_full",
        "spot_depth_increase_gap",
    ]);
    assert_eq!(
        spot,
        (
            vec![Gap, Replace, Apply, Discard, Gap, Replace, Discard],
            Some(7_301_160)
        )
    );
    let futures = follow(&[
        "futures_depth_increase_snapshot",
        "futures_depth_increase_update",
        "futures_depth_increase_empty_update",
        "futures_depth_increase_one_sided",
        "futures_depth_increase_update",
        "futures_depth_increase_snapshot_full",
    ]);
    assert_eq!(
        futures,
        (
            vec![Replace, Apply, Apply, Apply, Discard, Replace],
            Some(640_031)
        )
    );
}

/// Failure mode 55: an increment whose predecessor has not come breaks the book, of either market, and only a snapshot
/// mends it.
#[test]
fn a_skipped_version_breaks_the_book_until_a_snapshot() {
    let step = |name: &str, local: Option<u64>| {
        let mut decoder = Decoder::new();
        match decoder.decode(fixture(name).as_bytes()).unwrap() {
            Update::SpotDepthUpdates { updates, .. } => {
                let update = updates.get(0).unwrap();
                (update.step(local), Some(update.version))
            }
            Update::FuturesDepthUpdates { updates, .. } => {
                let update = updates.get(0).unwrap();
                (update.step(local), Some(update.version))
            }
            other => panic!("{other:?}"),
        }
    };
    for (snapshot, update, later, fresh) in [
        (
            "spot_depth_increase_snapshot",
            "spot_depth_increase_update",
            "spot_depth_increase_gap",
            "spot_depth_increase_snapshot_full",
        ),
        (
            "futures_depth_increase_snapshot",
            "futures_depth_increase_update",
            "futures_depth_increase_one_sided",
            "futures_depth_increase_snapshot_full",
        ),
    ] {
        let (first, local) = step(snapshot, None);
        assert_eq!(first, BookStep::Replace);
        assert_eq!(step(update, local).0, BookStep::Apply);
        assert_eq!(step(later, local).0, BookStep::Gap, "{later}");
        assert_eq!(step(later, local).0, BookStep::Gap, "nothing of it was applied");
        assert_eq!(step(fresh, local).0, BookStep::Replace);
    }
}

#[test]
fn book_steps_have_bounds() {
    use BookStep::{Apply, Discard, Gap, Replace};
    for (push, version, local, step) in [
        (BookPush::Snapshot, 0, None, Replace),
        (BookPush::Snapshot, 3, Some(u64::MAX), Replace),
        (BookPush::Update, 0, Some(0), Discard),
        (BookPush::Update, 1, Some(0), Apply),
        (BookPush::Update, 2, Some(0), Gap),
        (BookPush::Update, 0, None, Gap),
        (BookPush::Update, u64::MAX, Some(u64::MAX), Discard),
        (BookPush::Update, u64::MAX, Some(u64::MAX - 1), Apply),
        (BookPush::Update, u64::MAX, Some(0), Gap),
        (BookPush::Unknown("delta"), 8, Some(7), Gap),
        (BookPush::Unknown("delta"), 8, None, Gap),
    ] {
        assert_eq!(
            BookStep::of(push, version, local),
            step,
            "{push:?} {version} {local:?}"
        );
    }
}

#[test]
fn sides_say_which_they_are() {
    for (name, way, count) in [
        ("futures_depth20_bid", BookWay::BIDS, 2),
        ("futures_depth20_ask", BookWay::ASKS, 2),
        ("futures_depth50_without_ms_t", BookWay::ASKS, 2),
        ("futures_depth5_empty", BookWay::BIDS, 0),
    ] {
        decoded!(name, FuturesDepthSides { sides } => {
            let side = sides.get(0).unwrap();
            assert_eq!((side.way, side.levels.len()), (way, count), "{name}");
            assert_eq!(side.ms_t.is_none(), name.ends_with("without_ms_t"), "{name}");
        });
    }
}

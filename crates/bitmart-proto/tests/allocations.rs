//! Nothing is allocated per message once the buffers have grown.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::hint::black_box;

use allocation_counter::measure;
use bitmart_proto::limits::RETAINED_BYTES;
use bitmart_proto::{Class, Decoder, Inflater, List, Update, classify};
use flate2::{Compress, Compression, FlushCompress};
use support::{FIXTURES, PUSHES, fixture, fixtures};

/// Looks at every item, and tells how many there were.
fn consume(list: impl List) -> usize {
    (0..list.len())
        .map(|at| usize::from(black_box(list.get(at)).is_some()))
        .sum()
}

/// Looks at every item and at every level or balance inside.
fn consume_all(update: Update<'_>) -> usize {
    match update {
        Update::SpotOrders { orders, .. } => consume(orders),
        Update::SpotBalances { changes, .. } => {
            consume(changes)
                + changes
                    .iter()
                    .map(|change| consume(change.details))
                    .sum::<usize>()
        }
        Update::SpotTickers { tickers, .. } => consume(tickers),
        Update::SpotBookTickers { tickers, .. } => consume(tickers),
        Update::SpotKlines { klines, .. } => consume(klines),
        Update::SpotDepths { books, .. } => books
            .iter()
            .map(|book| 1 + consume(book.asks) + consume(book.bids))
            .sum(),
        Update::SpotDepthUpdates { updates, .. } => updates
            .iter()
            .map(|book| 1 + consume(book.asks) + consume(book.bids))
            .sum(),
        Update::SpotTrades { trades, .. } => consume(trades),
        Update::FuturesOrders { orders, .. } => consume(orders),
        Update::FuturesPositions { positions, .. } => consume(positions),
        Update::FuturesAssets { assets, .. } => consume(assets),
        Update::FuturesTickers { tickers, .. } => consume(tickers),
        Update::FuturesBookTickers { tickers, .. } => consume(tickers),
        Update::FuturesFundingRates { rates, .. } => consume(rates),
        Update::FuturesDepthSides { sides, .. } => sides.iter().map(|side| 1 + consume(side.levels)).sum(),
        Update::FuturesDepths { books, .. } => books
            .iter()
            .map(|book| 1 + consume(book.asks) + consume(book.bids))
            .sum(),
        Update::FuturesDepthUpdates { updates, .. } => updates
            .iter()
            .map(|book| 1 + consume(book.asks) + consume(book.bids))
            .sum(),
        Update::FuturesTrades { trades, .. } => consume(trades),
        Update::FuturesKlines { klines, .. } | Update::FuturesMarkPriceKlines { klines, .. } => {
            consume(klines)
        }
        Update::Raw(raw) => black_box(raw).text.len(),
        other => panic!("unknown: {other:?}"),
    }
}

fn handle(decoder: &mut Decoder, text: &[u8]) {
    match classify(text) {
        Class::Push(head) => {
            black_box(head.topic(text));
            black_box(consume_all(decoder.decode(text).unwrap()));
            black_box(consume_all(decoder.decode_general(text).unwrap()));
            black_box(decoder.decode_predicted(text).map(consume_all));
        }
        Class::Reply => {
            black_box(decoder.reply(text).unwrap());
        }
        _ => {}
    }
}

#[test]
fn no_message_allocates_after_the_first_round() {
    let mut decoder = Decoder::new();
    for (_, text) in FIXTURES {
        handle(&mut decoder, text.as_bytes());
    }
    for (name, text) in FIXTURES {
        let used = measure(|| handle(&mut decoder, text.as_bytes()));
        assert_eq!(used.count_total, 0, "{name}");
    }
}

/// What one message leaves in the buffers is gone before the next, so they don't grow from round to round.
#[test]
fn buffers_do_not_grow_with_the_number_of_messages() {
    let mut decoder = Decoder::new();
    let round = |decoder: &mut Decoder| {
        for (_, text) in FIXTURES {
            handle(decoder, text.as_bytes());
        }
    };
    round(&mut decoder);
    let used = measure(|| (0..30).for_each(|_| round(&mut decoder)));
    assert_eq!(used.count_total, 0);
}

/// A decoder that has never gone the general way allocates as little.
#[test]
fn the_predicted_way_needs_no_other() {
    let mut decoder = Decoder::new();
    let predicted: Vec<_> = fixtures(PUSHES)
        .into_iter()
        .filter(|(_, text)| {
            decoder
                .decode_predicted(text.as_bytes())
                .map(consume_all)
                .is_some()
        })
        .collect();
    assert!(predicted.len() > 60, "only {} are predicted", predicted.len());
    for (name, text) in predicted {
        let used = measure(|| {
            black_box(decoder.decode_predicted(text.as_bytes()).map(consume_all));
        });
        assert_eq!(used.count_total, 0, "{name}");
    }
}

/// What the lookers above are shown is all that there is.
#[test]
fn books_of_full_size_are_looked_at_as_a_whole() {
    let mut decoder = Decoder::new();
    for (name, items) in [
        ("spot_depth50_full", 101),
        ("spot_depth_increase_snapshot_full", 201),
        ("futures_depth_increase_snapshot_full", 101),
    ] {
        let text = fixture(name).as_bytes();
        assert_eq!(
            consume_all(decoder.decode_predicted(text).unwrap()),
            items,
            "{name}"
        );
        assert_eq!(
            consume_all(decoder.decode_general(text).unwrap()),
            items,
            "{name}"
        );
    }
}

#[test]
fn no_frame_allocates_after_the_first_round() {
    let frames: Vec<Vec<u8>> = fixtures(PUSHES)
        .iter()
        .map(|(_, text)| {
            let mut frame = Vec::with_capacity(8192);
            Compress::new(Compression::fast(), false)
                .compress_vec(text.as_bytes(), &mut frame, FlushCompress::Finish)
                .unwrap();
            frame
        })
        .collect();
    let mut inflater = Inflater::new();
    for frame in &frames {
        inflater.inflate(frame).unwrap();
    }
    let used = measure(|| {
        for frame in &frames {
            black_box(inflater.inflate(frame).unwrap());
        }
    });
    assert_eq!(used.count_total, 0);
}

#[test]
fn a_large_message_leaves_no_large_buffers() {
    let item = r#"{"symbol":"SOL_USDT","order_id":"1"}"#;
    let text = format!(
        r#"{{"data":[{}{item}],"table":"spot/user/orders"}}"#,
        format!("{item},").repeat(20_000)
    );
    let small = fixture("spot_order_new").as_bytes();
    let used = measure(|| {
        let mut decoder = Decoder::new();
        assert_eq!(
            match decoder.decode(text.as_bytes()).unwrap() {
                Update::SpotOrders { orders, .. } => orders.len(),
                other => panic!("{other:?}"),
            },
            20_001
        );
        decoder.decode(small).unwrap();
        std::mem::forget(decoder);
    });
    assert!(used.bytes_current < RETAINED_BYTES as i64, "{used:?}");
}

/// One for all texts, and one for the lists of a kind.
#[test]
fn owned_items_allocate_as_little_as_they_say() {
    let mut decoder = Decoder::new();
    let mut count = |name: &str| {
        let text = fixture(name).as_bytes();
        match decoder.decode(text).unwrap() {
            Update::SpotOrders { orders, .. } => {
                let order = orders.get(0).unwrap();
                measure(|| drop(black_box(order.to_owned()))).count_total
            }
            Update::SpotBalances { changes, .. } => {
                let change = changes.get(0).unwrap();
                measure(|| drop(black_box(change.to_owned()))).count_total
            }
            Update::SpotDepths { books, .. } => {
                let book = books.get(0).unwrap();
                measure(|| drop(black_box(book.to_owned()))).count_total
            }
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(count("spot_order_partially_filled"), 1);
    assert_eq!(count("spot_balance_two_coins"), 2);
    // Asks and bids are in one list, which grows once.
    assert_eq!(count("spot_depth50_full"), 3);
}

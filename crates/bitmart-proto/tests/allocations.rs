//! Nothing is allocated per message once the buffers have grown.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::hint::black_box;

use allocation_counter::measure;
use bitmart_proto::limits::RETAINED_BYTES;
use bitmart_proto::{Class, Decoder, Inflater, List, Update, classify};
use flate2::{Compress, Compression, FlushCompress};
use support::{FIXTURES, PUSHES, fixture, fixtures};

fn consume(list: impl List) -> usize {
    (0..list.len())
        .map(|at| usize::from(black_box(list.get(at)).is_some()))
        .sum()
}

fn handle(decoder: &mut Decoder, text: &[u8]) {
    match classify(text) {
        Class::Push(head) => {
            black_box(head.topic(text));
            let items = match decoder.decode(text).unwrap() {
                Update::SpotOrders { orders, .. } => consume(orders),
                Update::SpotBalances { changes, .. } => {
                    changes.iter().map(|change| consume(change.details)).sum()
                }
                Update::FuturesOrders { orders, .. } => consume(orders),
                Update::FuturesPositions { positions, .. } => consume(positions),
                Update::FuturesAssets { assets, .. } => consume(assets),
                _ => 0,
            };
            black_box(items);
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

#[test]
fn no_frame_allocates_after_the_first_round() {
    let frames: Vec<Vec<u8>> = fixtures(PUSHES)
        .iter()
        .map(|(_, text)| {
            let mut frame = Vec::with_capacity(4096);
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

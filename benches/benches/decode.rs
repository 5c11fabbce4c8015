//! Decoding: every kind of private message into typed values, beside `serde_json` and `simd-json` into structs that
//! borrow as much. Both sides read every field. The messages change from one iteration to the next.

mod shapes;

use std::hint::black_box;

use bitmart_proto::{Class, Decoder, Update, classify};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use serde::Deserialize;

/// How many variants of a message take turns, so that no branch predictor learns one by heart.
const VARIANTS: usize = 16;

macro_rules! fixtures {
    ($($name:ident),+ $(,)?) => {
        &[$( (
            stringify!($name),
            include_str!(concat!("../../crates/bitmart-proto/tests/fixtures/", stringify!($name), ".json")),
        ) ),+]
    };
}

const PRIVATE: &[(&str, &str)] = fixtures![
    spot_order_partially_filled,
    spot_order_legacy,
    spot_orders_all_symbols,
    spot_balance_two_coins,
    futures_order_submitted,
    futures_order_partially_filled,
    futures_orders_two,
    futures_position,
    futures_positions_two_sides,
    futures_asset,
];

const REPLIES: &[(&str, &str)] = fixtures![
    reply_login_ok_spot,
    reply_ack_spot,
    reply_ack_futures,
    reply_refused_spot_channel,
    reply_refused_futures_channel,
];

/// The message with other digits at the end of each longer number.
fn variants(text: &str) -> Vec<String> {
    (0..VARIANTS)
        .map(|variant| {
            let mut bytes = text.as_bytes().to_vec();
            let mut run = 0;
            for (at, byte) in bytes.iter_mut().enumerate() {
                run = if byte.is_ascii_digit() { run + 1 } else { 0 };
                if run > 2 {
                    let turned = usize::from(*byte - b'0') + variant * (1 + at % 3);
                    *byte = b"0123456789"[turned % 10];
                }
            }
            String::from_utf8(bytes).expect("digits are ASCII")
        })
        .collect()
}

fn ours(decoder: &mut Decoder, text: &[u8]) {
    match decoder.decode(text) {
        Ok(Update::SpotOrders { orders, .. }) => orders.iter().for_each(consume),
        Ok(Update::SpotBalances { changes, .. }) => changes.iter().for_each(|change| {
            black_box((change.event_type, change.event_time, change.account_type));
            change.details.iter().for_each(consume);
        }),
        Ok(Update::FuturesOrders { orders, .. }) => orders.iter().for_each(consume),
        Ok(Update::FuturesPositions { positions, .. }) => positions.iter().for_each(consume),
        Ok(Update::FuturesAssets { assets, .. }) => assets.iter().for_each(consume),
        other => panic!("{other:?}"),
    }
}

/// Makes every field of an item exist in memory.
fn consume<T>(item: T) {
    black_box(&item);
}

/// The same message as a struct of serde's, by its name.
fn theirs<'de, D: serde::Deserializer<'de>>(name: &str, deserializer: D) -> Result<(), D::Error> {
    use shapes::{Asset, BalanceUpdate, FuturesOrderItem, FuturesPush, Position, SpotOrder, SpotPush};
    match name {
        _ if name.starts_with("spot_order") => {
            SpotPush::<SpotOrder<'_>>::deserialize(deserializer)?
                .data
                .into_iter()
                .for_each(consume);
        }
        _ if name.starts_with("spot_balance") => {
            SpotPush::<BalanceUpdate<'_>>::deserialize(deserializer)?
                .data
                .into_iter()
                .for_each(consume);
        }
        _ if name.starts_with("futures_order") => {
            let push = FuturesPush::<Vec<FuturesOrderItem<'_>>>::deserialize(deserializer)?;
            push.data.into_iter().for_each(consume);
        }
        _ if name.starts_with("futures_position") => {
            let push = FuturesPush::<Vec<Position<'_>>>::deserialize(deserializer)?;
            push.data.into_iter().for_each(consume);
        }
        _ => consume(FuturesPush::<Asset<'_>>::deserialize(deserializer)?.data),
    }
    Ok(())
}

fn decode(criterion: &mut Criterion) {
    for (name, text) in PRIVATE {
        let texts = variants(text);
        let mut group = criterion.benchmark_group(format!("decode/{name}"));
        group.throughput(Throughput::Bytes(text.len() as u64));

        let mut decoder = Decoder::new();
        let mut turn = texts.iter().cycle();
        group.bench_function("bitmart", |bencher| {
            bencher.iter(|| ours(&mut decoder, turn.next().map_or(&[], |text| text.as_bytes())));
        });

        let mut turn = texts.iter().cycle();
        group.bench_function("serde_json", |bencher| {
            bencher.iter(|| {
                let text = turn.next().map_or(&[][..], |text| text.as_bytes());
                theirs(name, &mut serde_json::Deserializer::from_slice(text)).expect("it fits the shape");
            });
        });

        let mut turn = texts.iter().cycle();
        let (mut scratch, mut buffers) = (Vec::new(), simd_json::Buffers::new(1024));
        group.bench_function("simd_json", |bencher| {
            bencher.iter(|| {
                scratch.clear();
                scratch.extend_from_slice(turn.next().map_or(&[], |text| text.as_bytes()));
                let mut deserializer =
                    simd_json::Deserializer::from_slice_with_buffers(&mut scratch, &mut buffers)
                        .expect("it is JSON");
                theirs(name, &mut deserializer).expect("it fits the shape");
            });
        });
        group.finish();
    }
}

fn reply(criterion: &mut Criterion) {
    for (name, text) in REPLIES {
        let mut group = criterion.benchmark_group(format!("reply/{name}"));
        let mut decoder = Decoder::new();
        group.bench_function("bitmart", |bencher| {
            bencher.iter(|| decoder.reply(black_box(text.as_bytes())).map(consume));
        });
        group.bench_function("serde_json", |bencher| {
            bencher.iter(|| {
                serde_json::from_slice::<shapes::Reply<'_>>(black_box(text.as_bytes())).map(consume)
            });
        });
        group.finish();
    }
}

fn classes(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("classify");
    for (name, text) in PRIVATE.iter().chain(REPLIES) {
        let texts = variants(text);
        let mut turn = texts.iter().cycle();
        group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
            bencher.iter(|| {
                let text = turn.next().map_or(&[][..], |text| text.as_bytes());
                assert_ne!(classify(text), Class::Unknown);
            });
        });
    }
    // No predicted way takes this one.
    let (_, text) = PRIVATE[0];
    let spaced = format!(" {text}");
    group.bench_function("the_long_way", |bencher| {
        bencher.iter(|| classify(black_box(spaced.as_bytes())));
    });
    group.finish();
}

criterion_group!(benches, decode, reply, classes);
criterion_main!(benches);

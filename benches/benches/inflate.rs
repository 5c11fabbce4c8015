//! Unpacking frames: ours beside `miniz_oxide`, for a small message and for the largest one.

use bitmart_benches::inflate::{Contestant, frames};
use bitmart_benches::measure::time;
use bitmart_benches::messages::{Case, Kind, Order};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

fn inflate(criterion: &mut Criterion) {
    for kind in [Kind::SpotTrade, Kind::SpotIncreaseSnapshot] {
        let case = Case::new(kind, Order::Venue);
        let frames = frames(&case);
        let mut group = criterion.benchmark_group(format!("inflate/{}", kind.name()));
        group.throughput(Throughput::Bytes(case.mean_bytes() as u64));
        for contestant in Contestant::ALL {
            let mut turn = contestant.turn(&frames);
            group.bench_function(contestant.name(), |bencher| {
                bencher.iter_custom(|count| time(&mut turn, usize::try_from(count).unwrap_or(usize::MAX)));
            });
        }
        group.finish();
    }
}

criterion_group!(benches, inflate);
criterion_main!(benches);

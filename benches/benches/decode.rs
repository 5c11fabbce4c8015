//! From a message's bytes to its fields: both our ways beside what else there is, kind by kind. The messages change
//! from one iteration to the next.

use std::hint::black_box;
use std::time::Duration;

use bitmart_benches::decode::Contestant;
use bitmart_benches::measure::time;
use bitmart_benches::messages::{Case, Kind, Order};
use bitmart_proto::{Class, classify};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

fn decode(criterion: &mut Criterion) {
    for order in [Order::Venue, Order::Shuffled] {
        for &kind in Kind::ALL {
            let case = Case::new(kind, order);
            let mut group = criterion.benchmark_group(format!("{}/{}", order.name(), kind.name()));
            group.throughput(Throughput::Bytes(case.mean_bytes() as u64));
            for contestant in Contestant::of(kind) {
                let mut turn = contestant.turn(&case);
                group.bench_function(contestant.name(), |bencher| {
                    bencher
                        .iter_custom(|count| time(&mut turn, usize::try_from(count).unwrap_or(usize::MAX)));
                });
            }
            group.finish();
        }
    }
}

fn classes(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("classify");
    for &kind in Kind::ALL {
        let case = Case::new(kind, Order::Venue);
        let mut texts = case.texts.iter().cycle();
        group.bench_function(BenchmarkId::from_parameter(kind.name()), |bencher| {
            bencher.iter(|| {
                let text = texts.next().map_or(&[][..], |text| text.as_bytes());
                assert_ne!(classify(text), Class::Unknown);
            });
        });
    }
    // No predicted way takes this one.
    let spaced = format!(" {}", Case::new(Kind::SpotOrder, Order::Venue).texts[0]);
    group.bench_function("the_long_way", |bencher| {
        bencher.iter(|| classify(black_box(spaced.as_bytes())));
    });
    group.finish();
}

/// Some four hundred measurements: each has to be short.
fn quick() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(800))
        .sample_size(20)
}

criterion_group! { name = benches; config = quick(); targets = decode, classes }
criterion_main!(benches);

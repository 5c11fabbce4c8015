//! Signing a login: our signer beside what one usually writes.

use bitmart_benches::measure::time;
use bitmart_benches::sign::Contestant;
use criterion::{Criterion, criterion_group, criterion_main};

fn sign(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("sign_login");
    for contestant in Contestant::ALL {
        let mut turn = contestant.turn();
        group.bench_function(contestant.name(), |bencher| {
            bencher.iter_custom(|count| time(&mut turn, usize::try_from(count).unwrap_or(usize::MAX)));
        });
    }
    group.finish();
}

criterion_group!(benches, sign);
criterion_main!(benches);

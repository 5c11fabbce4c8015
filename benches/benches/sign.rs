//! Signing a login: our signer beside what one usually writes.

use std::hint::black_box;

use bitmart_auth::{Credentials, HmacSigner, Signer};
use criterion::{Criterion, criterion_group, criterion_main};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

const KEY: &str = "1b3d5f7a9c0e2846";
const SECRET: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
const MEMO: &str = "desk-7";

/// Every login has another time.
fn times() -> impl Iterator<Item = u64> {
    (0..16).cycle().map(|step| 1_771_200_300_417 + step * 1_003)
}

fn sign(criterion: &mut Criterion) {
    let credentials = Credentials::new(KEY, SECRET, MEMO).expect("the credentials are well formed");
    let signer = HmacSigner::new(credentials);
    let usual = |timestamp_ms: u64| {
        let message = format!("{timestamp_ms}#{MEMO}#bitmart.WebSocket");
        let mut mac =
            Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("HMAC takes a key of any length");
        mac.update(message.as_bytes());
        hex::encode(mac.finalize().into_bytes())
    };
    let signature = signer.sign_login(17).expect("the HMAC signer never fails");
    assert_eq!(signature.as_str(), usual(17), "both sides sign alike");

    let mut group = criterion.benchmark_group("sign_login");
    let mut time = times();
    group.bench_function("bitmart", |bencher| {
        bencher.iter(|| signer.sign_login(black_box(time.next().unwrap_or_default())));
    });
    let mut time = times();
    group.bench_function("format_hmac_hex", |bencher| {
        bencher.iter(|| usual(black_box(time.next().unwrap_or_default())));
    });
    group.finish();
}

criterion_group!(benches, sign);
criterion_main!(benches);

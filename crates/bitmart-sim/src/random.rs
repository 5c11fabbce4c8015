use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::{Rng, SeedableRng};

/// A seeded generator. Each use has its own stream, so that one more draw here changes nothing there.
#[derive(Clone, Debug)]
pub(crate) struct Random {
    generator: Pcg64Mcg,
}

impl Random {
    /// The generator of a named stream under a seed.
    pub(crate) fn new(seed: u64, stream: &str) -> Self {
        // FNV-1a: stable across platforms and releases, which `Hash` isn't.
        let start = 0xcbf2_9ce4_8422_2325 ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let hash = stream.bytes().fold(start, |hash, b| {
            (hash ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)
        });
        Self {
            generator: Pcg64Mcg::seed_from_u64(hash),
        }
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.generator.next_u64()
    }

    /// A number in `0..bound`; zero if the bound is zero. The bias of the remainder doesn't matter here.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next().checked_rem(bound).unwrap_or(0)
    }

    /// A number in `low..=high`.
    pub(crate) fn between(&mut self, low: i64, high: i64) -> i64 {
        let span = high.saturating_sub(low).unsigned_abs().saturating_add(1);
        low.saturating_add(i64::try_from(self.below(span)).unwrap_or(0))
    }
}

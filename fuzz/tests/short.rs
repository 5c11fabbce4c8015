//! The short run of every fuzz target: its seeds, and some thousand mutations of them.
//!
//! `BITMART_FUZZ_EXECUTIONS` sets how many, for each target. `BITMART_FUZZ_CORPUS` names a folder that holds more
//! inputs to mutate, in a folder for each target. `docs/FUZZING.md` describes the long run.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::Path;
use std::{env, fs, thread};

use bitmart_fuzz::{TARGETS, Target};
use fastrand::Rng;

/// Mutations of each target.
const EXECUTIONS: usize = 10_000;

/// How many of them are the same each time.
const SAME_EXECUTIONS: usize = 5_000;

/// Where the mutations come from that are the same each time.
const SEED: u64 = 0x0005_eed0_f0f0;

/// Inputs grow no longer than this.
const MAX_BYTES: usize = 4 << 10;

/// Says what was being run when it failed.
struct Running<'a> {
    target: Target,
    seed: Option<u64>,
    input: &'a [u8],
}

impl Drop for Running<'_> {
    #[expect(clippy::print_stderr, reason = "a failure has to say how to repeat it")]
    fn drop(&mut self) {
        if thread::panicking() {
            let from = self
                .seed
                .map_or("a seed file".to_owned(), |seed| format!("seed {seed:#x}"));
            eprintln!(
                "{}: failed for an input from {from}:\nb\"{}\"",
                self.target.name,
                self.input.escape_ascii()
            );
        }
    }
}

fn run(target: Target, seed: Option<u64>, input: &[u8]) {
    let _running = Running { target, seed, input };
    (target.run)(input);
}

/// The inputs of a target in a folder that has one for each.
fn inputs(folder: &Path, target: Target) -> Vec<Vec<u8>> {
    let mut paths = Vec::new();
    for name in target.seeds {
        let folder = folder.join(name);
        let found = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        paths.extend(found.map(|entry| entry.unwrap().path()));
    }
    paths.sort();
    paths.into_iter().map(|path| fs::read(path).unwrap()).collect()
}

/// The words between the quotes of the dictionaries. Escapes are left to the long run.
fn dictionary(target: Target) -> Vec<Vec<u8>> {
    let mut words = Vec::new();
    for name in target.seeds {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("dictionaries/{name}.dict"));
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        words.extend(
            text.lines()
                .filter_map(|line| line.strip_prefix('"')?.strip_suffix('"'))
                .filter(|word| !word.contains("\\x"))
                .map(|word| word.replace("\\\"", "\"").replace("\\\\", "\\").into_bytes()),
        );
    }
    words
}

/// Another input from one or two that are known.
fn mutate(random: &mut Rng, known: &[Vec<u8>], words: &[Vec<u8>]) -> Vec<u8> {
    let mut input = known[random.usize(..known.len())].clone();
    // A description of messages: some changes, far apart.
    if random.u8(..4) == 0 {
        input = (0..random.usize(2..160))
            .map(|_| random.u8(..) * u8::from(random.u8(..8) == 0))
            .collect();
        input[0] = 0;
        input[1] = random.u8(..);
    }
    for _ in 0..random.usize(1..6) {
        let at = random.usize(..=input.len());
        let end = random.usize(at..=input.len()).min(at + 1 + random.usize(..16));
        match random.u8(..8) {
            0 if at < input.len() => input[at] ^= 1 << random.u8(..8),
            1 if at < input.len() => input[at] = random.u8(..),
            2 => drop(input.splice(at..end, [])),
            3 => {
                let piece = input[at..end].to_vec();
                input.splice(at..at, piece.repeat(random.usize(1..4)));
            }
            4 => {
                let digits = (0..random.usize(1..24)).map(|_| b'0' + random.u8(..10));
                input.splice(at..end, digits.collect::<Vec<u8>>());
            }
            5 => {
                let other = &known[random.usize(..known.len())];
                let from = random.usize(..=other.len());
                input.splice(at.., other[from..].iter().copied());
            }
            _ if !words.is_empty() => drop(input.splice(at..end, words[random.usize(..words.len())].clone())),
            _ => {}
        }
        input.truncate(MAX_BYTES);
    }
    input
}

fn short_run(name: &str) {
    let target = TARGETS.into_iter().find(|target| target.name == name).unwrap();
    let mut known = inputs(&Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds"), target);
    if let Some(corpus) = env::var_os("BITMART_FUZZ_CORPUS") {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(corpus);
        known.extend(inputs(&corpus, target));
    }
    let words = dictionary(target);
    known.iter().for_each(|input| run(target, None, input));
    let executions = env::var_os("BITMART_FUZZ_EXECUTIONS").map_or(EXECUTIONS, |count| {
        let count = count.to_str().and_then(|count| count.parse().ok());
        count.expect("BITMART_FUZZ_EXECUTIONS is a number")
    });
    let fresh = RandomState::new().build_hasher().finish();
    let same = executions.min(SAME_EXECUTIONS);
    for (seed, count) in [(SEED, same), (fresh, executions - same)] {
        let mut random = Rng::with_seed(seed);
        for _ in 0..count {
            let input = mutate(&mut random, &known, &words);
            run(target, Some(seed), &input);
        }
    }
}

macro_rules! short_runs {
    ($($target:ident)+) => {
        $( #[test]
        fn $target() {
            short_run(stringify!($target));
        } )+
    };
}

short_runs! { spot futures inflate topics ways frames upgrade session }

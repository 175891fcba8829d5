//! Every target over its corpus, which holds what fuzzing found worth keeping, and over changes of it that are the same in
//! every run.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use samar_fuzz::TARGETS;

/// Bytes an input grows to at most.
const INPUT_BYTES_MAX: usize = 32 * 1_024;

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

/// The inputs of a target, in the order of their names.
fn inputs(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = corpus().join(target);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

/// Runs every input of a target, then `changes` changed ones.
fn replay(target: &str, changes: usize) {
    let (_, run) = TARGETS.iter().find(|(name, _)| *name == target).unwrap();
    let inputs = inputs(target);
    assert!(!inputs.is_empty(), "{target} has no corpus");
    for (path, input) in &inputs {
        let held = catch_unwind(AssertUnwindSafe(|| run(input)));
        assert!(held.is_ok(), "{}", path.display());
    }
    let mut rng = StdRng::from_seed(*blake3::hash(target.as_bytes()).as_bytes());
    for change in 0..changes {
        let input = changed(&inputs, &mut rng);
        let held = catch_unwind(AssertUnwindSafe(|| run(&input)));
        assert!(held.is_ok(), "{target}, change {change}: {input:02x?}");
    }
}

/// One of the inputs after a few changes: bytes turned, written over, taken out, put in, repeated, or of another input.
fn changed(inputs: &[(PathBuf, Vec<u8>)], rng: &mut StdRng) -> Vec<u8> {
    let mut input = inputs.choose(rng).unwrap().1.clone();
    for _ in 0..rng.random_range(1..6) {
        let at = rng.random_range(0..=input.len());
        let end = rng.random_range(at..=input.len().min(at + 64));
        match rng.random_range(0..7) {
            0 if at < input.len() => input[at] ^= 1 << rng.random_range(0..8),
            1 if at < input.len() => input[at] = [0, 1, 0x7f, 0x80, 0xff][rng.random_range(0..5)],
            2 => drop(input.drain(at..end)),
            3 => drop(input.splice(at..at, rng.random::<[u8; 8]>())),
            4 => drop(input.splice(at..at, input[at..end].to_vec())),
            5 => input.truncate(at),
            _ => {
                let other = &inputs.choose(rng).unwrap().1;
                let from = rng.random_range(0..=other.len());
                let to = rng.random_range(from..=other.len().min(from + 256));
                input.splice(at..end, other[from..to].to_vec());
            }
        }
    }
    input.truncate(INPUT_BYTES_MAX);
    input
}

macro_rules! replays {
    ($($target:ident: $changes:literal,)*) => {
        $(#[test]
        fn $target() {
            replay(stringify!($target), $changes);
        })*

        #[test]
        fn every_target_is_replayed_and_every_corpus_has_its_target() {
            let replayed = [$(stringify!($target)),*];
            assert_eq!(TARGETS.map(|(name, _)| name), replayed);
            for folder in std::fs::read_dir(corpus()).unwrap() {
                let name = folder.unwrap().file_name();
                assert!(replayed.iter().any(|target| name == *target), "{} is no target", name.display());
            }
        }
    };
}

replays! {
    request: 4_000,
    response: 4_000,
    refusal: 4_000,
    manifest_body: 2_000,
    manifest_file: 1_000,
    manifest_chain: 1_000,
    breach_details: 2_000,
    invitation: 2_000,
    segment_header: 4_000,
    segment_directory: 2_000,
    segment_page: 1_000,
    segment_operations: 50,
    lookup: 150,
    account_log: 1_000,
    account_checkpoint: 1_000,
    vault_file: 1_000,
    key_file: 1_000,
    ledger: 300,
    ledger_passphrase: 1_000,
    nik: 4_000,
    identifier: 4_000,
    table: 500,
    oprf_batch: 300,
    backends: 100,
    session_server: 200,
    session_client: 1_000,
}

//! Each step of the OPRF at four batch sizes, on one thread, for every backend of this machine.
//!
//! `cargo bench -p samar-benches --bench oprf [-- FILTER]`. A kernel that lost its target features shows here as a
//! factor of five to fifty.
#![allow(missing_docs, reason = "criterion's macros make undocumented functions")]

use std::hint::black_box;
use std::time::Duration;

use criterion::{
    BatchSize, BenchmarkId, Criterion, SamplingMode, Throughput, criterion_group, criterion_main,
};
use curve25519_dalek::Scalar;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use samar_benches::{HASH_TO_GROUP_DST, oprf_inputs};
use samar_protocol::group::{Backend, FixedBase, Points};
use samar_protocol::identifier::OprfInput;
use samar_protocol::oprf::{Blinded, BlindedBatch, Blinding, Evaluation, PinnedKey, SecretKey};

const SIZES: [usize; 4] = [8, 64, 1_024, 16_384];
/// The emulated backend is for checking: above this it only takes time.
const EMULATED_MAX: usize = 64;

/// One backend and one batch.
struct Case {
    backend: Backend,
    key: SecretKey,
    half: Scalar,
    pinned: PinnedKey,
    inputs: Vec<OprfInput>,
}

/// The benches of this group, one for each backend and size; `prepare` makes what is then run again and again.
fn group<R: FnMut()>(criterion: &mut Criterion, name: &str, mut prepare: impl FnMut(Case) -> R) {
    each_case(criterion, name, |bencher, case| {
        let mut run = prepare(case);
        bencher.iter(&mut run);
    });
}

fn each_case(
    criterion: &mut Criterion,
    name: &str,
    mut bench: impl FnMut(&mut criterion::Bencher<'_>, Case),
) {
    let mut group = criterion.benchmark_group(name);
    group.sampling_mode(SamplingMode::Flat);
    for size in SIZES {
        group.throughput(Throughput::Elements(size as u64));
        for backend in Backend::available() {
            if backend.name() != "emulated" || size <= EMULATED_MAX {
                let id = BenchmarkId::new(backend.name(), size);
                group.bench_function(id, |bencher| bench(bencher, Case::new(backend, size)));
            }
        }
    }
    group.finish();
}

impl Case {
    fn new(backend: Backend, size: usize) -> Self {
        let key = SecretKey::generate(&mut rng());
        let half = Scalar::from_canonical_bytes(*key.to_bytes()).unwrap().div_by_2();
        let pinned = PinnedKey::new(backend, *key.public(), Blinding::default());
        Self { backend, key, half, pinned, inputs: oprf_inputs(size) }
    }

    fn points(&self) -> Points {
        self.backend.hash_to_group(HASH_TO_GROUP_DST, &self.inputs)
    }

    /// The same at every call, so that one answer fits them all.
    fn blind(&self) -> Blinded {
        self.pinned.blind(&self.inputs, &mut rng()).unwrap()
    }

    fn answer(&self) -> Evaluation {
        let batch = BlindedBatch::decode(self.backend, self.blind().encodings().to_vec()).unwrap();
        self.key.evaluate(&batch, &mut rng())
    }
}

fn rng() -> StdRng {
    StdRng::seed_from_u64(1)
}

fn operations(criterion: &mut Criterion) {
    group(criterion, "hash_to_group", |case| move || drop(black_box(case.points())));
    group(criterion, "multiply", |case| {
        let points = case.points();
        move || drop(black_box(points.mul_shared(&case.half)))
    });
    group(criterion, "multiply_fixed_base", |case| {
        let mut rng = rng();
        let table = FixedBase::new(case.backend, &curve25519_dalek::RistrettoPoint::random(&mut rng));
        let scalars: Vec<Scalar> = case.inputs.iter().map(|_| Scalar::random(&mut rng)).collect();
        move || drop(black_box(table.mul_each(&scalars)))
    });
    group(criterion, "encode", |case| {
        let points = case.points();
        move || drop(black_box(points.encode_double()))
    });
    group(criterion, "decode", |case| {
        let encodings = case.points().encode();
        move || drop(black_box(case.backend.decode(&encodings)))
    });
    group(criterion, "weighted_sum", |case| {
        let (points, mut rng) = (case.points(), rng());
        let weights: Vec<u128> = case.inputs.iter().map(|_| rng.random()).collect();
        move || {
            black_box(points.weighted_sum_vartime(&weights));
        }
    });
}

fn operator(criterion: &mut Criterion) {
    group(criterion, "set_encoding", |case| {
        move || {
            let elements = case.key.encode(case.backend, &case.inputs);
            black_box(elements.iter().map(|element| element.tag().0).collect::<Vec<_>>());
        }
    });
    // Decode, multiply, encode. `prove` is the same and the proof: the proof is the difference.
    group(criterion, "evaluate", |case| {
        let blinded = case.blind().encodings().to_vec();
        move || drop(black_box(case.backend.decode(&blinded).unwrap().mul_shared(&case.half).encode_double()))
    });
    group(criterion, "prove", |case| {
        let blinded = case.blind().encodings().to_vec();
        move || {
            let batch = BlindedBatch::decode(case.backend, blinded.clone()).unwrap();
            drop(black_box(case.key.evaluate(&batch, &mut rng())));
        }
    });
}

fn bank(criterion: &mut Criterion) {
    group(criterion, "blind", |case| move || drop(black_box(case.blind())));
    each_case(criterion, "verify", |bencher, case| {
        let answer = case.answer();
        let verify = |blinded: Blinded| blinded.verify(&answer.evaluated, &answer.proof).unwrap();
        bencher.iter_batched(|| case.blind(), verify, BatchSize::PerIteration);
    });
    // Verify, unblind, tag.
    each_case(criterion, "finalize", |bencher, case| {
        let answer = case.answer();
        let finalize = |blinded: Blinded| {
            let verified = blinded.verify(&answer.evaluated, &answer.proof).unwrap();
            verified.unblind().iter().map(|element| element.tag().0).collect::<Vec<_>>()
        };
        bencher.iter_batched(|| case.blind(), finalize, BatchSize::PerIteration);
    });
}

fn settings() -> Criterion {
    Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_secs(1))
}

criterion_group! { name = benches; config = settings(); targets = operations, operator, bank }
criterion_main!(benches);

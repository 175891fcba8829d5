//! Does the time of an operation tell one secret from another? A statistical test on the clock, after dudect (Reparaz,
//! Balasch, Verbauwhede: "Dude, is my code constant time?", 2017).
//!
//! `cargo run --release -p samar-benches --bin dudect -- [--measurements N] [--json]`. Each operation runs on secrets of two
//! classes in random order: one fixed value that would be fast if anything were skipped, and random ones. Welch's t says
//! whether the two distributions of times differ in their mean: beyond 10 they do, and the program ends with 1. A control in
//! variable time must be found out, or the measurement shows nothing, which also ends with 1.
//!
//! It complements `tests/constant_time` (secrets undefined under valgrind) and the reading of the machine code: those are
//! exact and cover what they run, this one sees the processor itself.
#![allow(clippy::print_stdout, reason = "the table is the product")]

use std::hint::black_box;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use curve25519_dalek::{RistrettoPoint, Scalar};
use rand::{Rng, RngExt as _, SeedableRng as _, rngs::StdRng};
use samar_benches::{HASH_TO_GROUP_DST, machine, oprf_inputs};
use samar_protocol::group::{Backend, FixedBase, Points};
use samar_protocol::identifier::{Nik, OprfInput};
use samar_protocol::oprf::{BlindedBatch, SecretKey};
use serde::Serialize;

/// Elements in a batch: one of eight lanes.
const BATCH: usize = 8;
/// Different secrets of a class, so that neither has its own place in the cache.
const SECRETS: usize = 64;
/// From here on the times differ, says the paper.
const LEAK: f64 = 10.0;
/// Per cent of the measurements that are looked at, the slowest left out: what interrupts adds noise to the top.
const KEPT: [usize; 5] = [50, 75, 90, 99, 100];

/// Measures whether times depend on secrets.
#[derive(Parser)]
struct Arguments {
    /// Measurements of each operation.
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(1_000..))]
    measurements: u32,
    /// Print a JSON list of {backend, operation, t, measurements, leaks, control}.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Row {
    backend: &'static str,
    operation: &'static str,
    /// Largest |t| over the parts kept.
    t: f64,
    measurements: u32,
    leaks: bool,
    /// Whether this one is meant to leak.
    control: bool,
}

/// An operation on the secret number `.1` of class `.0`: 0 is the fixed one, 1 the random ones.
struct Operation<'a> {
    name: &'static str,
    control: bool,
    run: Box<dyn FnMut(usize, usize) + 'a>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut rows = Vec::new();
    for backend in Backend::available() {
        let secrets = Secrets::new(backend);
        for mut operation in secrets.operations() {
            let t = measure(&mut operation, arguments.measurements);
            rows.push(Row {
                backend: backend.name(),
                operation: operation.name,
                t,
                measurements: arguments.measurements,
                leaks: t > LEAK,
                control: operation.control,
            });
        }
    }
    let good = rows.iter().all(|row| row.leaks == row.control);
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&rows).expect("rows are JSON"));
    } else {
        print_table(&rows, arguments.measurements);
    }
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn print_table(rows: &[Row], measurements: u32) {
    println!("{}", machine::describe());
    println!("{measurements} measurements of each, batches of {BATCH}; |t| above {LEAK} is a leak\n");
    println!("{:<10}{:<30}{:>8}  found", "backend", "operation", "|t|");
    for Row { backend, operation, t, leaks, control, .. } in rows {
        let found = match (leaks, control) {
            (false, false) => "no difference",
            (true, false) => "LEAK",
            (true, true) => "the control, as it must",
            (false, true) => "NOT EVEN THE CONTROL: this run shows nothing",
        };
        println!("{backend:<10}{operation:<30}{t:>8.1}  {found}");
    }
}

/// Both classes of everything secret, for one backend.
struct Secrets {
    backend: Backend,
    scalars: [Vec<Vec<Scalar>>; 2],
    keys: [Vec<SecretKey>; 2],
    key_bytes: [Vec<[u8; 32]>; 2],
    inputs: [Vec<Vec<OprfInput>>; 2],
    weights: [Vec<Vec<u128>>; 2],
    points: Points,
    table: FixedBase,
    batch: BlindedBatch,
}

impl Secrets {
    fn new(backend: Backend) -> Self {
        let mut rng = StdRng::seed_from_u64(1);
        // One is all zero digits but one; a key of one is what a shortcut for zeros would be fastest on.
        let fixed = vec![vec![Scalar::ONE; BATCH]; SECRETS];
        let random: Vec<Vec<Scalar>> =
            (0..SECRETS).map(|_| (0..BATCH).map(|_| Scalar::random(&mut rng)).collect()).collect();
        let key = |scalars: &Vec<Scalar>| SecretKey::from_bytes(&scalars[0].to_bytes()).expect("a scalar");
        let keys = [fixed.iter().map(key).collect::<Vec<_>>(), random.iter().map(key).collect()];
        let bytes = |keys: &Vec<SecretKey>| keys.iter().map(|key| *key.to_bytes()).collect();
        let key_bytes = [bytes(&keys[0]), bytes(&keys[1])];
        let one = || oprf_inputs(1).remove(0);
        let fixed_inputs = (0..SECRETS).map(|_| (0..BATCH).map(|_| one()).collect()).collect();
        let random_inputs = (0..SECRETS).map(|_| (0..BATCH).map(|_| input(&mut rng)).collect()).collect();
        let points = backend.hash_to_group(HASH_TO_GROUP_DST, &oprf_inputs(BATCH));
        let batch = BlindedBatch::decode(backend, points.encode()).expect("good elements");
        let table = FixedBase::new(backend, &RistrettoPoint::mul_base(&Scalar::from(7u8)));
        let weights = [
            vec![vec![1; BATCH]; SECRETS],
            (0..SECRETS).map(|_| (0..BATCH).map(|_| rng.random()).collect()).collect(),
        ];
        let inputs = [fixed_inputs, random_inputs];
        Self { backend, scalars: [fixed, random], keys, key_bytes, inputs, weights, points, table, batch }
    }

    fn operations(&self) -> Vec<Operation<'_>> {
        let Self { backend, scalars, keys, key_bytes, inputs, weights, points, table, batch } = self;
        let mut operations = vec![
            secret("multiply by the key", |c, n| drop(black_box(points.mul_shared(&scalars[c][n][0])))),
            secret("multiply by blinds", |c, n| drop(black_box(points.mul_each(&scalars[c][n])))),
            secret("fixed base by blinds", |c, n| drop(black_box(table.mul_each(&scalars[c][n])))),
            // Without its proof: that is over answers, which are public, and sums them in variable time.
            secret("evaluate", |c, n| drop(black_box(keys[c][n].multiply(batch)))),
            secret("load the key", |c, n| drop(black_box(SecretKey::from_bytes(&key_bytes[c][n])))),
            secret("hash identifiers to the group", |c, n| {
                drop(black_box(backend.hash_to_group(HASH_TO_GROUP_DST, &inputs[c][n])));
            }),
        ];
        // The portable sum skips zeros of its weights; the vector one does not, at this size.
        if *backend == Backend::Portable {
            operations.push(Operation {
                name: "control: variable-time sum",
                control: true,
                run: Box::new(|c, n| {
                    black_box(points.weighted_sum_vartime(&weights[c][n]));
                }),
            });
        }
        operations
    }
}

fn secret<'a>(name: &'static str, run: impl FnMut(usize, usize) + 'a) -> Operation<'a> {
    Operation { name, control: false, run: Box::new(run) }
}

fn input(rng: &mut impl Rng) -> OprfInput {
    let (day, month) = (rng.random_range(1..=28), rng.random_range(1..=12));
    let (region, serial) = (rng.random_range(110_101..940_000), rng.random_range(1..=9_999));
    let text = format!("{region:06}{day:02}{month:02}{:02}{serial:04}", rng.random_range(0..100));
    Nik::parse(&text).expect("a well-formed NIK").oprf_input()
}

/// The largest |t| of an operation.
fn measure(operation: &mut Operation<'_>, measurements: u32) -> f64 {
    let mut rng = StdRng::seed_from_u64(3);
    let order: Vec<(usize, usize)> =
        (0..measurements).map(|_| (rng.random_range(0..2), rng.random_range(0..SECRETS))).collect();
    for &(class, number) in order.iter().take(100) {
        (operation.run)(class, number);
    }
    let mut times: Vec<(f64, usize)> = Vec::with_capacity(order.len());
    for (class, number) in order {
        let began = Instant::now();
        (operation.run)(class, number);
        times.push((began.elapsed().as_secs_f64() * 1e9, class));
    }
    times.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    KEPT.iter().map(|percent| welch(&times[..times.len() * percent / 100]).abs()).fold(0.0, f64::max)
}

/// Welch's t of the two classes.
fn welch(times: &[(f64, usize)]) -> f64 {
    let moments = |class: usize| {
        let of_class = || times.iter().filter(|(_, c)| *c == class).map(|(time, _)| *time);
        let count = of_class().count() as f64;
        let mean = of_class().sum::<f64>() / count;
        let variance = of_class().map(|time| (time - mean).powi(2)).sum::<f64>() / (count - 1.0);
        (mean, variance / count)
    };
    let ((mean_a, a), (mean_b, b)) = (moments(0), moments(1));
    (mean_a - mean_b) / (a + b).sqrt()
}

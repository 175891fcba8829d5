//! What each group operation costs on every backend of this machine, beside curve25519-dalek, on one thread.
//!
//! `cargo bench -p samar-protocol --bench group [-- ELEMENTS]`. Clocks drift and neighbours interfere, so each round
//! runs every backend once, one after the other, and the best of the rounds stands. A kernel function that lost its
//! target features shows as a factor of five to fifty here.
#![allow(clippy::print_stdout, reason = "the table is the product")]
#![allow(missing_docs)]

use std::hint::black_box;
use std::time::Instant;

use curve25519_dalek::{RistrettoPoint, Scalar};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use samar_protocol::group::{Backend, FixedBase, Points};

const ROUNDS: usize = 25;
const DST: &[u8] = b"HashToGroup-OPRFV1-\x01-ristretto255-SHA512";

fn main() {
    let elements = std::env::args().filter_map(|argument| argument.parse().ok()).next().unwrap_or(1_024);
    let mut rng = StdRng::seed_from_u64(1);
    let messages: Vec<[u8; 17]> = (0..elements).map(|_| rng.random()).collect();
    let scalars: Vec<Scalar> = (0..elements).map(|_| Scalar::random(&mut rng)).collect();
    let weights: Vec<u128> = (0..elements).map(|_| rng.random()).collect();
    let point = RistrettoPoint::random(&mut rng);
    let key = Scalar::random(&mut rng);

    let backends: Vec<Backend> =
        Backend::available().into_iter().filter(|backend| backend.name() != "emulated").collect();
    let batches: Vec<Points> = backends.iter().map(|backend| backend.hash_to_group(DST, &messages)).collect();
    let encodings = batches[0].encode();
    let tables: Vec<FixedBase> = backends.iter().map(|&backend| FixedBase::new(backend, &point)).collect();

    println!("{elements} elements, ns an element, best of {ROUNDS}");
    print!("{:34}", "");
    for backend in &backends {
        print!("{:>12}", backend.name());
    }
    println!("{:>10}{:>12}", "ratio", "per second");
    let row = |name: &str, run: &dyn Fn(usize)| {
        let mut best = vec![f64::INFINITY; backends.len()];
        for _ in 0..ROUNDS {
            for (index, best) in best.iter_mut().enumerate() {
                let start = Instant::now();
                run(index);
                *best = best.min(start.elapsed().as_secs_f64() * 1e9 / elements as f64);
            }
        }
        print!("{name:34}");
        for time in &best {
            print!("{time:12.0}");
        }
        let last = best[best.len() - 1];
        println!("{:10.1}{:12.0}", best[0] / last, 1e9 / last);
    };
    row("hash to group", &|i| drop(black_box(backends[i].hash_to_group(DST, &messages))));
    row("decode", &|i| drop(black_box(backends[i].decode(&encodings))));
    row("multiply by one scalar", &|i| drop(black_box(batches[i].mul_shared(&key))));
    row("multiply by a scalar each", &|i| drop(black_box(batches[i].mul_each(&scalars))));
    row("fixed base, generator", &|i| drop(black_box(Points::mul_base_each(backends[i], &scalars))));
    row("fixed base, another point", &|i| drop(black_box(tables[i].mul_each(&scalars))));
    row("add", &|i| drop(black_box(batches[i].add(&batches[i]))));
    row("encode", &|i| drop(black_box(batches[i].encode())));
    row("encode double", &|i| drop(black_box(batches[i].encode_double())));
    row("weighted sum", &|i| {
        black_box(batches[i].weighted_sum_vartime(&weights));
    });
    row("pipeline: identifier to element", &|i| {
        black_box(backends[i].hash_to_group(DST, &messages).mul_shared(&key).encode_double());
    });
    row("pipeline: evaluate, no proof", &|i| {
        black_box(backends[i].decode(&encodings).map(|batch| batch.mul_shared(&key).encode_double()).ok());
    });
}

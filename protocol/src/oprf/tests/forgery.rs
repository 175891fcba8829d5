//! The attack on RFC 9497's batch weights that this project's seed is there to stop, scaled down.
//!
//! A server that knows k answers D[i] = k·C[i] + δ[i]·G. The composite check passes if Σ w[i]·δ[i] = 0. Where w[i]
//! depends on the i-th pair alone, each position is a list of candidates (one for each δ), and Wagner's k-list algorithm
//! finds one of each with sum zero. At full size that takes about 2^31 to 2^32 hashes; here the equation is taken
//! modulo 2^64, so that the same search on the real weight function takes a moment.

use curve25519_dalek::{RistrettoPoint, constants::RISTRETTO_BASEPOINT_POINT as G};
use rand::{SeedableRng as _, rngs::StdRng};

use crate::group::Backend;
use crate::oprf::{BlindedBatch, Blinding, PinnedKey, SecretKey, proof, rfc9497};

/// 2^8 lists; each of the 8 levels of merging fixes 8 more bits of the sum.
const BATCH: usize = 256;
const CANDIDATES: u64 = 512;
const BITS_PER_LEVEL: u32 = 8;

/// The attacker's position: a batch, and for each element the candidate answers k·C + δ·G for δ = 1..=CANDIDATES.
struct Attack {
    key: SecretKey,
    blinded: Vec<[u8; 32]>,
    honest: Vec<[u8; 32]>,
    candidates: Vec<Vec<[u8; 32]>>,
}

fn mount() -> Attack {
    let mut rng = StdRng::seed_from_u64(30);
    let key = SecretKey::generate(&mut rng);
    let inputs: Vec<_> = (0..BATCH).map(|i| i.to_le_bytes()).collect();
    let pinned = PinnedKey::new(Backend::Portable, *key.public(), Blinding::default());
    let blinded = pinned.blind(&inputs, &mut rng).unwrap().encodings().to_vec();
    let honest =
        key.evaluate(&BlindedBatch::decode(Backend::Portable, blinded.clone()).unwrap(), &mut rng).evaluated;
    let half = curve25519_dalek::Scalar::from(2u8).invert();
    let candidates = honest.iter().map(|encoding| {
        let start = curve25519_dalek::ristretto::CompressedRistretto(*encoding).decompress().unwrap() * half;
        let step = G * half;
        let mut point = start;
        let halves: Vec<RistrettoPoint> = std::iter::repeat_with(|| {
            point += step;
            point
        })
        .take(CANDIDATES as usize)
        .collect();
        let doubled = RistrettoPoint::double_and_compress_batch(&halves);
        doubled.iter().map(|e| e.to_bytes()).collect()
    });
    let candidates = candidates.collect();
    Attack { key, blinded, honest, candidates }
}

/// A partial sum modulo 2^64 and the δ chosen for each position it covers.
#[derive(Clone)]
struct Partial {
    sum: u64,
    deltas: Vec<u64>,
}

/// Wagner's algorithm over `lists[i][δ - 1] = w·δ mod 2^64`: one δ per position with sum 0, if it finds one.
fn k_list(lists: &[Vec<u64>]) -> Option<Vec<u64>> {
    let with_delta = |list: &Vec<u64>| {
        list.iter().zip(1..).map(|(&sum, delta)| Partial { sum, deltas: vec![delta] }).collect::<Vec<_>>()
    };
    let mut layer: Vec<Vec<Partial>> = lists.iter().map(with_delta).collect();
    let mut fixed_bits = 0;
    while layer.len() > 1 {
        // The last merge asks for the whole sum; those before it for the next low bits to vanish.
        fixed_bits = if layer.len() == 2 { 64 } else { fixed_bits + BITS_PER_LEVEL };
        layer = layer.chunks(2).map(|pair| merge(&pair[0], &pair[1], fixed_bits)).collect();
    }
    layer.pop()?.pop().map(|partial| partial.deltas)
}

fn merge(left: &[Partial], right: &[Partial], zero_bits: u32) -> Vec<Partial> {
    let low = |value: u64| value << (64 - zero_bits);
    let mut right: Vec<&Partial> = right.iter().collect();
    right.sort_by_key(|partial| low(partial.sum));
    let mut merged = Vec::new();
    for a in left {
        let wanted = low(a.sum.wrapping_neg());
        let from = right.partition_point(|b| low(b.sum) < wanted);
        for b in right[from..].iter().take_while(|b| low(b.sum) == wanted) {
            merged.push(Partial {
                sum: a.sum.wrapping_add(b.sum),
                deltas: [a.deltas.as_slice(), &b.deltas].concat(),
            });
            if merged.len() == 4 * CANDIDATES as usize {
                return merged;
            }
        }
    }
    merged
}

fn low_64(bytes: &[u8; 32]) -> u64 {
    u64::from_le_bytes(bytes[..8].try_into().unwrap())
}

fn statement(key: &SecretKey) -> proof::Statement {
    proof::Statement::Evaluated { key: *key.public() }
}

impl Attack {
    fn answers(&self, deltas: &[u64]) -> Vec<[u8; 32]> {
        self.candidates.iter().zip(deltas).map(|(list, &delta)| list[delta as usize - 1]).collect()
    }

    /// The composite equation modulo 2^64, with the weights a verifier derives for these answers.
    fn sum_under_rfc_weights(&self, deltas: &[u64]) -> u64 {
        let weights = rfc9497::weights(self.key.public(), &self.blinded, &self.answers(deltas));
        weights.iter().zip(deltas).fold(0, |sum: u64, (weight, &delta)| {
            sum.wrapping_add(low_64(weight.as_bytes()).wrapping_mul(delta))
        })
    }

    fn sum_under_our_weights(&self, deltas: &[u64]) -> u64 {
        let seed = statement(&self.key).seed(&self.blinded, &self.answers(deltas));
        let weights = proof::weights(&seed, BATCH);
        weights
            .iter()
            .zip(deltas)
            .fold(0, |sum: u64, (&weight, &delta)| sum.wrapping_add((weight as u64).wrapping_mul(delta)))
    }
}

#[test]
fn the_rfc_weights_fall_to_a_k_list_search() {
    let attack = mount();
    // Each candidate's weight can be computed alone: that is the weakness.
    let all_at = |delta: u64| attack.answers(&vec![delta; BATCH]);
    let mut lists = vec![Vec::new(); BATCH];
    for delta in 1..=CANDIDATES {
        let weights = rfc9497::weights(attack.key.public(), &attack.blinded, &all_at(delta));
        for (list, weight) in lists.iter_mut().zip(weights) {
            list.push(low_64(weight.as_bytes()).wrapping_mul(delta));
        }
    }
    let deltas = k_list(&lists).expect("the search finds a forgery");
    assert!(attack.answers(&deltas).iter().zip(&attack.honest).all(|(forged, honest)| forged != honest));
    assert_eq!(attack.sum_under_rfc_weights(&deltas), 0, "256 wrong answers pass the RFC's composite check");
}

#[test]
fn our_weights_stand() {
    let attack = mount();
    // The best an attacker can do is to take weights from one set of answers and hope that they stay.
    let guess = vec![1; BATCH];
    let seed = statement(&attack.key).seed(&attack.blinded, &attack.answers(&guess));
    let weights = proof::weights(&seed, BATCH);
    let list = |weight: &u128| (1..=CANDIDATES).map(|delta| (*weight as u64).wrapping_mul(delta)).collect();
    let lists: Vec<Vec<u64>> = weights.iter().map(list).collect();
    let deltas = k_list(&lists).expect("the search succeeds against frozen weights");
    assert_ne!(attack.sum_under_our_weights(&deltas), 0, "the choice itself changed every weight");
}

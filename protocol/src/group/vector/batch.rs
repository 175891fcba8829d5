//! A batch on this leaf: blocks of eight points, the last one padded, and the entries from ordinary code.

use curve25519_dalek::{RistrettoPoint, Scalar};
use zeroize::{Zeroize as _, Zeroizing};

use super::digits;
use super::edwards::{self, Extended};
use super::leaf::{self, Mask, V};
use super::{DecodeError, Detected, pippenger, ristretto, sha512};

/// Points, eight to a block. Lanes past `len` hold some valid point.
pub(in crate::group) struct Batch {
    pub(super) blocks: Vec<Extended>,
    pub(super) len: usize,
    pub(super) detected: Detected,
}

impl Drop for Batch {
    fn drop(&mut self) {
        self.blocks.zeroize();
    }
}

impl Batch {
    fn with(&self, blocks: Vec<Extended>) -> Self {
        Self { blocks, len: self.len, detected: self.detected }
    }

    pub(in crate::group) fn hash_to_group<M: AsRef<[u8]>>(
        detected: Detected,
        dst: &[u8],
        messages: &[M],
    ) -> Self {
        let blocks = enter!(detected, hash_blocks(dst, messages));
        Self { blocks, len: messages.len(), detected }
    }

    pub(in crate::group) fn decode(detected: Detected, encodings: &[[u8; 32]]) -> Result<Self, DecodeError> {
        let blocks = enter!(detected, decode_blocks(encodings))?;
        Ok(Self { blocks, len: encodings.len(), detected })
    }

    pub(in crate::group) fn len(&self) -> usize {
        self.len
    }

    // The next two call their kernels from ordinary code, into which nothing with target features can be inlined: so each
    // is a function of its own in the machine code, which `tests/constant_time.rs` reads.

    pub(in crate::group) fn mul_shared(&self, scalar: &Scalar) -> Self {
        let mut digits = enter!(self.detected, digits::none::<64>());
        enter!(self.detected, digits::recode::<4, 64>(&digits::words(&[], scalar.as_bytes()), &mut digits));
        let mut table = Zeroizing::new(enter!(self.detected, edwards::empty_multiples()));
        let product = |point| enter!(self.detected, edwards::multiply(point, &digits, &mut table));
        self.with(self.blocks.iter().map(product).collect())
    }

    pub(in crate::group) fn mul_each(&self, scalars: &[Scalar]) -> Self {
        let mut digits = enter!(self.detected, digits::none::<64>());
        let mut table = Zeroizing::new(enter!(self.detected, edwards::empty_multiples()));
        let product = |(point, eight)| {
            enter!(self.detected, digits::recode::<4, 64>(&digits::scalar_words(eight), &mut digits));
            enter!(self.detected, edwards::multiply(point, &digits, &mut table))
        };
        self.with(self.blocks.iter().zip(scalars.chunks(8)).map(product).collect())
    }

    pub(in crate::group) fn add(&self, other: &Self) -> Self {
        self.with(enter!(self.detected, add_blocks(&self.blocks, &other.blocks)))
    }

    pub(in crate::group) fn sub(&self, other: &Self) -> Self {
        self.with(enter!(self.detected, sub_blocks(&self.blocks, &other.blocks)))
    }

    pub(in crate::group) fn encode(&self) -> Vec<[u8; 32]> {
        let words = enter!(self.detected, encode_blocks(&self.blocks));
        enter!(self.detected, bytes(&words, self.len))
    }

    pub(in crate::group) fn encode_double(&self) -> Vec<[u8; 32]> {
        let mut words = Vec::with_capacity(self.blocks.len());
        enter!(self.detected, ristretto::encode_double(&self.blocks, &mut words));
        enter!(self.detected, bytes(&words, self.len))
    }

    pub(in crate::group) fn weighted_sum_vartime(&self, weights: &[u128]) -> RistrettoPoint {
        enter!(self.detected, pippenger::weighted_sum(&self.blocks, weights))
    }
}

kernel! {

fn hash_blocks<M: AsRef<[u8]>>(dst: &[u8], messages: &[M]) -> Vec<Extended> {
    let mut blocks = Vec::with_capacity(messages.len().div_ceil(8));
    for eight in messages.chunks(8) {
        blocks.push(ristretto::from_uniform(&sha512::expand(dst, eight)));
    }
    blocks
}

fn decode_blocks(encodings: &[[u8; 32]]) -> Result<Vec<Extended>, DecodeError> {
    let mut blocks = Vec::with_capacity(encodings.len().div_ceil(8) + 1);
    for (index, sixteen) in encodings.chunks(16).enumerate() {
        let (first, second) = sixteen.split_at(sixteen.len().min(8));
        let words = [digits::words(first, &[0; 32]), digits::words(second, &[0; 32])]; // padded with the identity
        for (half, decoded) in ristretto::decode(&words).iter().enumerate() {
            let start = 16 * index + 8 * half;
            let present: Mask = match encodings.len().saturating_sub(start) {
                0 => break,
                count @ 1..8 => (1 << count) - 1,
                _ => Mask::MAX,
            };
            let bad = present & (!decoded.canonical | decoded.identity);
            if bad != 0 {
                let lane = bad.trailing_zeros();
                let index = start + lane as usize;
                return Err(if decoded.canonical >> lane & 1 == 0 {
                    DecodeError::NotCanonical { index }
                } else {
                    DecodeError::Identity { index }
                });
            }
            blocks.push(decoded.point);
        }
    }
    Ok(blocks)
}

fn add_blocks(left: &[Extended], right: &[Extended]) -> Vec<Extended> {
    let mut sums = Vec::with_capacity(left.len());
    for (p, q) in left.iter().zip(right) {
        sums.push(edwards::add_extended(p, q));
    }
    sums
}

fn sub_blocks(left: &[Extended], right: &[Extended]) -> Vec<Extended> {
    let mut differences = Vec::with_capacity(left.len());
    for (p, q) in left.iter().zip(right) {
        differences.push(edwards::add_extended(p, &edwards::negate(q)));
    }
    differences
}

fn encode_blocks(blocks: &[Extended]) -> Vec<[V; 4]> {
    let mut words = Vec::with_capacity(blocks.len() + 1);
    for pair in blocks.chunks(2) {
        if let (Some(first), Some(last)) = (pair.first(), pair.last()) {
            words.extend(ristretto::encode([first, last]));
        }
    }
    words
}

/// The first `len` encodings.
fn bytes(words: &[[V; 4]], len: usize) -> Vec<[u8; 32]> {
    let mut encodings = vec![[0; 32]; len];
    for (eight, words) in encodings.chunks_mut(8).zip(words) {
        for (index, word) in words.iter().enumerate() {
            for (encoding, lane) in eight.iter_mut().zip(leaf::to_array(*word)) {
                encoding[8 * index..8 * index + 8].copy_from_slice(&lane.to_le_bytes());
            }
        }
    }
    encodings
}

}

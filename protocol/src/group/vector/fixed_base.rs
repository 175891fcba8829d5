//! One public point times many secret scalars: signed radix 32 from a table, 51 additions and no doubling.
//!
//! A table row holds the multiples 1 to 16 of 32^i · P, each limb of all sixteen in two registers, so that a look-up is one
//! permutation a limb: registers have no addresses, and nothing is left for a cache to tell.

use curve25519_dalek::{RistrettoPoint, Scalar};
use zeroize::Zeroizing;

use super::affine;
use super::batch::Batch;
use super::digits::{self, Digit};
use super::edwards::{self, Addable, Affine};
use super::field::{self, Fe};
use super::leaf::{self, V};
use super::{Detected, ristretto};

/// 51 digits of 5 bits hold a scalar below 2^253 and the sign carry.
const WINDOWS: usize = 51;
/// Blocks whose accumulators and digits (8 KB a block) stay in the cache while they share a pass over the table.
const TOGETHER: usize = 8;

/// 102 blocks of eight multiples, two to a row: 98 KB.
pub(in crate::group) struct Table {
    rows: Vec<[Affine; 2]>,
    detected: Detected,
}

impl Table {
    pub(in crate::group) fn new(detected: Detected, point: &RistrettoPoint) -> Self {
        let rows = enter!(detected, tabulate(point.compress().as_bytes()));
        Self { rows, detected }
    }

    pub(in crate::group) fn mul_each(&self, scalars: &[Scalar]) -> Batch {
        let detected = self.detected;
        let mut products = Vec::with_capacity(scalars.len().div_ceil(8));
        let mut digits: [_; TOGETHER] = core::array::from_fn(|_| enter!(detected, digits::none::<WINDOWS>()));
        let mut sums = Zeroizing::new([enter!(detected, edwards::addable_identity()); TOGETHER]);
        for scalars in scalars.chunks(8 * TOGETHER) {
            for (eight, digits) in scalars.chunks(8).zip(digits.iter_mut()) {
                enter!(detected, digits::recode::<5, WINDOWS>(&digits::scalar_words(eight), digits));
            }
            // A kernel called from ordinary code stays a function of its own, which `tests/constant_time.rs` reads.
            let blocks = scalars.len().div_ceil(8);
            enter!(detected, sum_rows(&self.rows, &digits[..blocks], &mut sums[..blocks]));
            products
                .extend(sums[..blocks].iter().map(|sum| enter!(detected, edwards::addable_to_extended(sum))));
        }
        Batch { blocks: products, len: scalars.len(), detected }
    }
}

kernel! {

fn tabulate(encoding: &[u8; 32]) -> Vec<[Affine; 2]> {
    let words = digits::words(&[], encoding);
    let [everywhere, _] = ristretto::decode(&[words, words]);
    let mut count = digits::none::<64>();
    let mut table = edwards::empty_multiples();
    count[0].magnitude = leaf::from_array([1, 2, 3, 4, 5, 6, 7, 8]);
    let mut low = edwards::multiply(&everywhere.point, &count, &mut table);
    count[0].magnitude = leaf::splat(8);
    let mut high = edwards::add_extended(&low, &edwards::multiply(&everywhere.point, &count, &mut table));

    let mut multiples = Vec::with_capacity(2 * WINDOWS);
    for _ in 0..WINDOWS {
        multiples.extend([low, high]);
        for _ in 0..5 {
            (low, high) = (edwards::double_extended(&low), edwards::double_extended(&high));
        }
    }
    let mut entries = Vec::with_capacity(multiples.len());
    affine::normalise(&multiples, &mut entries);
    entries.as_chunks::<2>().0.to_vec()
}

fn look_up_limbs(low: &Fe, high: &Fe, index: V) -> Fe {
    let mut found = field::zero();
    for i in 0..5 {
        found.0[i] = leaf::look_up(low.0[i], high.0[i], index);
    }
    found
}

}

outlined! {

/// Σ over the rows of digit · 32^i · P, a sum a block.
fn sum_rows(rows: &[[Affine; 2]], digits: &[Zeroizing<[Digit; WINDOWS]>], sums: &mut [Addable]) {
    sums.fill(edwards::addable_identity());
    for (window, row) in rows.iter().enumerate().take(WINDOWS) {
        for (sum, digits) in sums.iter_mut().zip(digits) {
            edwards::add_affine(sum, &look_up_multiple(row, &digits[window]));
        }
    }
}

/// digit · 32^i · P for a digit from -16 to 16 in each lane.
fn look_up_multiple(row: &[Affine; 2], digit: &Digit) -> Affine {
    let [low, high] = row;
    let index = leaf::and(leaf::sub(digit.magnitude, leaf::splat(1)), leaf::splat(15));
    let zero = leaf::opaque(leaf::equal(digit.magnitude, leaf::splat(0)));
    let negative = leaf::opaque(digit.negative);
    let y_plus_x = look_up_limbs(&low.y_plus_x, &high.y_plus_x, index);
    let y_minus_x = look_up_limbs(&low.y_minus_x, &high.y_minus_x, index);
    let t2d = look_up_limbs(&low.t2d, &high.t2d, index);
    let one = field::one();
    let signed = edwards::negate_affine_where(negative, &Affine { y_plus_x, y_minus_x, t2d });
    Affine {
        y_plus_x: field::select(zero, &signed.y_plus_x, &one),
        y_minus_x: field::select(zero, &signed.y_minus_x, &one),
        t2d: field::select(zero, &signed.t2d, &field::zero()),
    }
}

}

//! Σ weight · P for public weights of 128 bits, in variable time.
//!
//! A few points are multiplied each by its weight, a lane each. For more it is Pippenger's buckets, turned for lanes: of each window the points are sorted by digit, so that a bucket is a list of
//! points to read and no lane ever writes to a bucket another reads. Eight buckets of about the same length are summed
//! at a time, a lane each. Then eight windows at a time, a lane each, the buckets of a window are added up by weight.

use curve25519_dalek::ristretto::CompressedRistretto;
use curve25519_dalek::{RistrettoPoint, Scalar};

use super::digits;
use super::edwards::{self, Affine, Cached, Extended};
use super::field::Fe;
use super::leaf::{self, Mask, V};
use super::{affine, ristretto};

/// Points that share buckets: their rows take 512 KB, which stay in the second-level cache.
const TOGETHER: usize = 4_096;

/// Up to so many points, buckets cost more than they save: an empty bucket is added too.
const FEW: usize = 64;

/// One point with Z = 1: y + x, y - x, 2dxy, five limbs each and one unused word.
type Row = [V; 2];

/// A bucket's sum in each of eight windows, limb by limb: the limbs of a [`Cached`].
type Bucket = [[u64; 8]; 20];

/// A list of rows to be summed in one lane.
#[derive(Clone, Copy, Default)]
struct List {
    start: usize,
    length: usize,
}

/// A row and whether to subtract it.
#[derive(Clone, Copy)]
struct Term(u32);

impl Term {
    fn new(row: usize, negative: bool) -> Self {
        #[allow(clippy::cast_possible_truncation)] // at most `TOGETHER` rows
        let row = row as u32;
        Self(row << 1 | u32::from(negative))
    }
}

/// Windows of 4 or 8 bits, whose digits are signed: from -half to half - 1.
#[derive(Clone, Copy)]
struct Window {
    width: usize,
    number: usize,
}

impl Window {
    /// The buckets of a window: digits of size 1 to this.
    fn half(self) -> usize {
        1 << (self.width - 1)
    }

    /// The digit of a weight to which [`signed`] was done.
    fn digit(self, weight: &[u8; 16]) -> i16 {
        let bit = self.width * self.number;
        let window = (weight[bit / 8] >> (bit % 8)) & (u8::MAX >> (8 - self.width));
        i16::from(window) - (1 << (self.width - 1))
    }
}

/// Half added in every window, after which each digit is its window less half, without a carry to follow; and the weights
/// of which that carried out into bit 128.
fn signed(weights: &[u128], width: usize) -> (Vec<[u8; 16]>, Vec<Term>) {
    let halves = (u128::MAX / ((1 << width) - 1)) << (width - 1);
    let mut carried = Vec::new();
    let shifted = weights.iter().enumerate().map(|(row, weight)| {
        let (shifted, carry) = weight.overflowing_add(halves);
        if carry {
            carried.push(Term::new(row, false));
        }
        shifted.to_le_bytes()
    });
    (shifted.collect(), carried)
}

/// The terms sorted by the size of their digit, and the list of each bucket; bucket b - 1 has the digits ±b.
fn sort(weights: &[[u8; 16]], window: Window) -> (Vec<Term>, Vec<List>) {
    let mut lists = vec![List::default(); window.half() + 1]; // [0] is digit zero, which adds nothing
    for weight in weights {
        lists[usize::from(window.digit(weight).unsigned_abs())].length += 1;
    }
    let mut end = 0;
    for list in &mut lists {
        list.start = end; // moves to the end of the list below
        end += list.length;
    }
    let mut terms = vec![Term(0); weights.len()];
    for (row, weight) in weights.iter().enumerate() {
        let digit = window.digit(weight);
        let list = &mut lists[usize::from(digit.unsigned_abs())];
        terms[list.start] = Term::new(row, digit < 0);
        list.start += 1;
    }
    for list in &mut lists {
        list.start -= list.length;
    }
    lists.remove(0);
    (terms, lists)
}

kernel! {

/// `Σ weights[i] · P[i]`.
pub(super) fn weighted_sum(blocks: &[Extended], weights: &[u128]) -> RistrettoPoint {
    if weights.len() <= FEW {
        return element(&sum_of_few(blocks, weights));
    }
    let width = if weights.len() < 200 { 4 } else { 8 };
    let mut totals = vec![edwards::identity(); 16 / width]; // each of eight windows
    let mut carried = edwards::identity();
    for (blocks, weights) in blocks.chunks(TOGETHER / 8).zip(weights.chunks(TOGETHER)) {
        let rows = rows(blocks);
        let (weights, carries) = signed(weights, width);
        for (set, total) in totals.iter_mut().enumerate() {
            let windows: [_; 8] = core::array::from_fn(|lane| Window { width, number: 8 * set + lane });
            *total = edwards::add_extended(total, &sum_windows(&rows, &weights, &windows));
        }
        let slice = carries.len().div_ceil(8);
        let lists: [_; 8] = core::array::from_fn(|lane| {
            let start = (lane * slice).min(carries.len());
            List { start, length: slice.min(carries.len() - start) }
        });
        carried = edwards::add_cached(&carried, &sum_lists(&rows, &carries, &lists));
    }

    // Lane l of set s stands for 2^(width · (8 s + l)). What was carried is one more set, in lane 0 alone.
    let mut lane_sums = edwards::select_extended(1, &edwards::identity(), &sum_of_lanes(&carried));
    for total in totals.iter().rev() {
        for _ in 0..8 * width {
            lane_sums = edwards::double_extended(&lane_sums);
        }
        lane_sums = edwards::add_extended(&lane_sums, total);
    }
    for step in (0..7).rev() {
        let live: Mask = 0xff << (step + 1); // lane l is doubled width · l times
        let mut doubled = lane_sums;
        for _ in 0..width {
            doubled = edwards::double_extended(&doubled);
        }
        lane_sums = edwards::select_extended(live, &lane_sums, &doubled);
    }
    element(&sum_of_lanes(&lane_sums))
}

/// Each point by its weight, and the products added up.
fn sum_of_few(blocks: &[Extended], weights: &[u128]) -> Extended {
    let mut digits = digits::none::<33>(); // 128 bits and a carry
    let mut table = edwards::empty_multiples();
    let mut sum = edwards::identity();
    for (block, eight) in blocks.iter().zip(weights.chunks(8)) {
        let mut scalars = [Scalar::ZERO; 8]; // lanes past the end add nothing
        for (scalar, weight) in scalars.iter_mut().zip(eight) {
            *scalar = Scalar::from(*weight);
        }
        digits::recode::<4, 33>(&digits::scalar_words(&scalars), &mut digits);
        sum = edwards::add_extended(&sum, &edwards::multiply(block, &digits, &mut table));
    }
    sum_of_lanes(&sum)
}

/// The element in lane 0, in the form of the rest of this program.
fn element(sum: &Extended) -> RistrettoPoint {
    let [words, _] = ristretto::encode([sum, sum]);
    let mut encoding = [0; 32];
    for (bytes, word) in encoding.chunks_exact_mut(8).zip(words) {
        bytes.copy_from_slice(&leaf::to_array(word)[0].to_le_bytes());
    }
    CompressedRistretto(encoding).decompress().unwrap_or_default()
}

/// The sum of the eight lanes, in each.
fn sum_of_lanes(p: &Extended) -> Extended {
    let mut sum = *p;
    for distance in [4, 2, 1] {
        sum = edwards::add_extended(&sum, &edwards::rotate_lanes(&sum, distance));
    }
    sum
}

/// A row for each point, and one for the identity at the end.
fn rows(blocks: &[Extended]) -> Vec<Row> {
    let mut points = Vec::with_capacity(blocks.len() + 1);
    affine::normalise(blocks, &mut points);
    points.push(edwards::affine_identity());
    let mut rows = Vec::with_capacity(8 * points.len());
    for point in &points {
        let (p, m, t) = (&point.y_plus_x.0, &point.y_minus_x.0, &point.t2d.0);
        let low = leaf::transpose(&[p[0], p[1], p[2], p[3], p[4], m[0], m[1], m[2]]);
        let high = leaf::transpose(&[m[3], m[4], t[0], t[1], t[2], t[3], t[4], leaf::splat(0)]);
        for lane in 0..8 {
            rows.push([low[lane], high[lane]]);
        }
    }
    rows
}

/// Σ digit · P in each of eight windows, a lane each.
fn sum_windows(rows: &[Row], weights: &[[u8; 16]], windows: &[Window; 8]) -> Extended {
    let empty = edwards::cached_limbs(&edwards::cached_identity());
    let mut empty_bucket: Bucket = [[0; 8]; 20];
    for (limb, lanes) in empty_bucket.iter_mut().zip(empty) {
        *limb = leaf::to_array(lanes);
    }
    let mut sums = vec![empty_bucket; windows[0].half()];
    for (lane, window) in windows.iter().enumerate() {
        let (terms, lists) = sort(weights, *window);
        let mut by_length: Vec<(usize, usize)> =
            lists.iter().enumerate().map(|(bucket, list)| (list.length, bucket)).collect();
        by_length.sort_unstable_by(|a, b| b.cmp(a));
        for group in by_length.chunks(8) {
            let mut eight = [List::default(); 8];
            for (list, (_, bucket)) in eight.iter_mut().zip(group) {
                *list = lists[*bucket];
            }
            if eight[0].length == 0 {
                break;
            }
            let group_sums = edwards::cached_limbs(&sum_lists(rows, &terms, &eight));
            for (limb, lanes) in group_sums.iter().enumerate() {
                for (value, (_, bucket)) in leaf::to_array(*lanes).iter().zip(group) {
                    sums[*bucket][limb][lane] = *value;
                }
            }
        }
    }
    // Σ b · B_b: the running sum from the top, summed.
    let mut running = edwards::identity();
    let mut total = edwards::identity();
    for bucket in sums.iter().rev() {
        let mut limbs = [leaf::splat(0); 20];
        for (limb, lanes) in limbs.iter_mut().zip(bucket) {
            *limb = leaf::from_array(*lanes);
        }
        running = edwards::add_cached(&running, &edwards::cached_from_limbs(&limbs));
        total = edwards::add_extended(&total, &running);
    }
    total
}

/// The sum of each of eight lists. `rows` ends in identities, which stand in where a list is over.
fn sum_lists(rows: &[Row], terms: &[Term], lists: &[List]) -> Cached {
    let steps = lists.iter().map(|list| list.length).max().unwrap_or(0);
    let nothing = Term::new(rows.len() - 1, false);
    let mut sum = edwards::addable_identity();
    for step in 0..steps {
        let mut eight = [nothing; 8];
        for (term, list) in eight.iter_mut().zip(lists) {
            if step < list.length {
                *term = terms[list.start + step];
            }
        }
        edwards::add_affine(&mut sum, &gather(rows, &eight));
    }
    edwards::addable_to_cached(&sum)
}

/// Eight rows side by side.
fn gather(rows: &[Row], terms: &[Term; 8]) -> Affine {
    let mut low = [leaf::splat(0); 8];
    let mut high = [leaf::splat(0); 8];
    let mut negative: Mask = 0;
    for lane in 0..8 {
        let Term(term) = terms[lane];
        [low[lane], high[lane]] = rows[(term >> 1) as usize];
        negative |= ((term & 1) as Mask) << lane;
    }
    let (a, b) = (leaf::transpose(&low), leaf::transpose(&high));
    edwards::negate_affine_where(
        negative,
        &Affine {
            y_plus_x: Fe([a[0], a[1], a[2], a[3], a[4]]),
            y_minus_x: Fe([a[5], a[6], a[7], b[0], b[1]]),
            t2d: Fe([b[2], b[3], b[4], b[5], b[6]]),
        },
    )
}

}

//! Scalars cut into signed digits, eight scalars at a time, in constant time.

use curve25519_dalek::Scalar;
use zeroize::Zeroizing;

use super::leaf::{self, Mask, V};

/// One digit a lane: its size, and the lanes in which it is negative.
#[derive(Clone, Copy)]
pub(super) struct Digit {
    pub(super) magnitude: V,
    pub(super) negative: Mask,
}

impl zeroize::Zeroize for Digit {
    fn zeroize(&mut self) {
        self.magnitude.zeroize();
        self.negative.zeroize();
    }
}

kernel! {

/// Digits to be filled.
pub(super) fn none<const COUNT: usize>() -> Zeroizing<[Digit; COUNT]> {
    Zeroizing::new([Digit { magnitude: leaf::splat(0), negative: 0 }; COUNT])
}

/// Up to eight scalars; the missing ones are zero.
pub(super) fn scalar_words(scalars: &[Scalar]) -> [V; 4] {
    let mut strings = Zeroizing::new([[0; 32]; 8]);
    for (string, scalar) in strings.iter_mut().zip(scalars) {
        *string = scalar.to_bytes();
    }
    words(&*strings, &[0; 32])
}

/// Four little-endian words of each of up to eight 32-byte strings; lanes past the end are `last`'s.
pub(super) fn words(strings: &[[u8; 32]], padding: &[u8; 32]) -> [V; 4] {
    let mut words = [[0u64; 8]; 4];
    for lane in 0..8 {
        let string = strings.get(lane).unwrap_or(padding);
        for (index, bytes) in string.as_chunks::<8>().0.iter().enumerate() {
            words[index][lane] = u64::from_le_bytes(*bytes);
        }
    }
    [
        leaf::from_array(words[0]),
        leaf::from_array(words[1]),
        leaf::from_array(words[2]),
        leaf::from_array(words[3]),
    ]
}

}

outlined! {

/// The scalar as Σ digit_i · 2^(WIDTH · i), each digit from -2^(WIDTH-1) to 2^(WIDTH-1).
///
/// In: scalars below 2^253, so the last digit takes the last carry for width 4 in 64 digits and width 5 in 51.
pub(super) fn recode<const WIDTH: usize, const COUNT: usize>(scalar: &[V; 4], digits: &mut [Digit; COUNT]) {
    let low = leaf::splat((1 << WIDTH) - 1);
    let half = leaf::splat(1 << (WIDTH - 1));
    let mut carry = leaf::splat(0);
    for (index, digit) in digits.iter_mut().enumerate() {
        let (word, bit) = (WIDTH * index / 64, (WIDTH * index % 64) as u64);
        let mut window = leaf::shr(scalar[word], bit);
        if word < 3 {
            window = leaf::or(window, leaf::shl(scalar[word + 1], 64 - bit));
        }
        let window = leaf::add(leaf::and(window, low), carry); // 0 to 2^WIDTH
        carry = leaf::shr(leaf::add(window, half), WIDTH as u64);
        let complement = leaf::sub(leaf::splat(1 << WIDTH), window);
        digit.negative = leaf::equal(carry, leaf::splat(1));
        digit.magnitude = leaf::select(leaf::opaque(digit.negative), window, complement);
    }
}

}

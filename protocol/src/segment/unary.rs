//! The unary part of a page: for each bucket a 1 bit per entry and then a 0 bit.
//!
//! Written for machines without a popcount instruction in the compiler's baseline: everything is shifts, masks and one
//! multiplication a word.

/// Samples of the rank that are kept. A page of 16,384 bytes without labels has about 98 words of unary, so usually
/// there is a sample a word; a page of mostly empty buckets has one every few words.
const SAMPLES: usize = 128;

/// A bit string with samples of its rank.
#[derive(Clone)]
pub(super) struct Unary<'a> {
    bytes: &'a [u8],
    ones: u32,
    /// `ranks[i]`: 1 bits before word `i << shift`.
    ranks: [u16; SAMPLES],
    shift: u32,
}

impl<'a> Unary<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        let shift = bytes.len().div_ceil(8).div_ceil(SAMPLES).next_power_of_two().ilog2();
        let mut unary = Self { bytes, ones: 0, ranks: [0; SAMPLES], shift };
        for (rank, words) in unary.ranks.iter_mut().zip(bytes.chunks(8 << shift)) {
            // More than 65,535 are more than a page's count can say, so the page is refused.
            *rank = u16::try_from(unary.ones).unwrap_or(u16::MAX);
            unary.ones += words_of(words).map(u64::count_ones).sum::<u32>();
        }
        unary
    }

    /// Number of 1 bits.
    pub(super) fn ones(&self) -> u32 {
        self.ones
    }

    /// The 64-bit words, the last one filled up with zeros.
    pub(super) fn words(&self) -> impl Iterator<Item = u64> {
        words_of(self.bytes)
    }

    /// One of the words; 0 past the end.
    pub(super) fn word(&self, index: usize) -> u64 {
        load(self.bytes, index * 8)
    }

    /// Bit at which the run of this bucket begins: one past the 0 bit that closes the bucket before it.
    pub(super) fn run_start(&self, bucket: usize) -> usize {
        let Some(mut zero) = bucket.checked_sub(1) else { return 0 };
        // Keys are uniform, so the guess is a word off at most; for other keys it is a place to begin walking.
        let ones = self.ones as usize;
        let zeros = (self.bytes.len() * 8).saturating_sub(ones).max(1);
        let guess = zero + zero.saturating_mul(ones) / zeros;
        let last_word = self.bytes.len().saturating_sub(1) / 8;
        let last = last_word >> self.shift;
        let mut sample = ((guess / 64) >> self.shift).min(last);
        while sample > 0 && self.zeros_before(sample) > zero {
            sample -= 1;
        }
        while sample < last && self.zeros_before(sample + 1) <= zero {
            sample += 1;
        }
        zero -= self.zeros_before(sample);
        let mut index = sample << self.shift;
        loop {
            let zeros = !self.word(index); // past the end every bit is one, so this ends
            let here = zeros.count_ones() as usize;
            if zero < here {
                return index * 64 + select(zeros, zero) + 1;
            }
            zero -= here;
            index += 1;
        }
    }

    /// How many 1 bits stand in a row from this bit on.
    pub(super) fn run_length(&self, start: usize) -> usize {
        let mut index = start / 64;
        let mut seen = 64 - start % 64;
        let mut ones = (self.word(index) >> (start % 64)).trailing_ones() as usize;
        while ones == seen {
            index += 1;
            seen += 64;
            ones += self.word(index).trailing_ones() as usize;
        }
        ones
    }

    fn zeros_before(&self, sample: usize) -> usize {
        let ones = self.ranks.get(sample).copied().map_or(0, usize::from);
        ((sample << self.shift) * 64).saturating_sub(ones)
    }
}

/// Eight bytes from here on, with zeros past the end.
pub(super) fn load(bytes: &[u8], from: usize) -> u64 {
    let bytes = bytes.get(from..).unwrap_or(&[]);
    match bytes.first_chunk() {
        Some(bytes) => u64::from_le_bytes(*bytes),
        None => bytes.iter().rev().fold(0, |value, &byte| value << 8 | u64::from(byte)),
    }
}

fn words_of(bytes: &[u8]) -> impl Iterator<Item = u64> {
    let (words, tail) = bytes.as_chunks();
    let tail = (!tail.is_empty()).then(|| load(tail, 0));
    words.iter().map(|bytes| u64::from_le_bytes(*bytes)).chain(tail)
}

/// Position of the 1 bit that has `rank` others below it; `rank` is below the number of 1 bits.
fn select(word: u64, rank: usize) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = ONES << 7;
    let pairs = word - (word >> 1 & 0x5555_5555_5555_5555);
    let nibbles = (pairs & 0x3333_3333_3333_3333) + (pairs >> 2 & 0x3333_3333_3333_3333);
    let bytes = nibbles + (nibbles >> 4);
    // Byte i: how many 1 bits the bytes 0 to i have; at most 64.
    let sums = (bytes & 0x0f0f_0f0f_0f0f_0f0f).wrapping_mul(ONES);
    // A high bit survives where the sum is not above the rank: these bytes stand before the one wanted.
    let not_above = (HIGHS + rank as u64 * ONES) - sums;
    let passed = (not_above & HIGHS).count_ones() * 8;
    let below = (sums << 8).checked_shr(passed).unwrap_or(0) & 0xff;
    let mut byte = word.checked_shr(passed).unwrap_or(0);
    for _ in below..rank as u64 {
        byte &= byte.wrapping_sub(1);
    }
    (passed + byte.trailing_zeros()) as usize
}

#[cfg(test)]
mod tests {
    use super::{Unary, select};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn select_finds_every_bit(word: u64, mask: u64, more: u64) {
            for word in [word, word & mask, word | mask, word & mask & more, u64::MAX, 1 << 63] {
                let positions = (0..64usize).filter(|bit| word >> bit & 1 == 1);
                for (rank, position) in positions.enumerate() {
                    prop_assert_eq!(select(word, rank), position);
                }
            }
        }

        /// Dense, sparse, and sparse with the dense part at one end, where the guess is far off.
        #[test]
        fn runs_agree_with_counting_bits(
            runs in prop_oneof![
                prop::collection::vec(0..4usize, 1..400),
                prop::collection::vec(prop_oneof![Just(0usize), Just(0), Just(0), 0..200usize], 1..100),
                (0..20_000usize, 0..300usize, 0..20_000usize).prop_map(|(before, run, after)| {
                    let mut runs = vec![0; before];
                    runs.extend([run, 3, 0]);
                    runs.resize(before + 3 + after, 0);
                    runs
                }),
            ]
        ) {
            let mut bits = Vec::new();
            let mut starts = Vec::new();
            for &run in &runs {
                starts.push(bits.len());
                bits.extend(core::iter::repeat_n(true, run));
                bits.push(false);
            }
            let mut bytes = vec![0u8; bits.len().div_ceil(8)];
            for (index, _) in bits.iter().enumerate().filter(|(_, bit)| **bit) {
                bytes[index / 8] |= 1 << (index % 8);
            }
            let unary = Unary::new(&bytes);
            prop_assert_eq!(unary.ones() as usize, runs.iter().sum::<usize>());
            for (bucket, (&run, &start)) in runs.iter().zip(&starts).enumerate() {
                prop_assert_eq!(unary.run_start(bucket), start);
                prop_assert_eq!(unary.run_length(start), run);
            }
        }
    }
}

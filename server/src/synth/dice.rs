//! Numbers that follow from a seed. Fast and well mixed; nothing here is secret or secure.

/// What a number is drawn for, so that draws about one person do not depend on each other.
#[derive(Clone, Copy)]
pub(super) enum Purpose {
    Cells = 1,
    Order,
    Draw,
    Person,
    Photo,
    DumpRow,
    CustomerRow,
    SecondPhoto,
    Lines,
    Taxpayers,
    Password,
}

/// A stream of numbers: splitmix64 (Steele, Lea, Flood 2014).
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64, purpose: Purpose, index: u64) -> Self {
        Self(mix(mix(seed ^ (purpose as u64) << 56) ^ index))
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// A number below `bound`, which is not 0. The bias is below bound / 2^64.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        let wide = u128::from(self.next()) * u128::from(bound);
        (wide >> 64) as u64
    }

    pub(super) fn per_mille(&mut self, share: u32) -> bool {
        self.below(1000) < u64::from(share)
    }

    pub(super) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        let index = usize::try_from(self.below(from.len() as u64));
        // Unwrap safety: the index is below a length.
        &from[index.unwrap()]
    }
}

fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// A shuffle of 0..size without a table: a Feistel network on the next even number of bits, walked until it falls below
/// `size` (Black and Rogaway, "Ciphers with Arbitrary Finite Domains", 2002). At most four steps on average.
pub(super) struct Permutation {
    keys: [u64; Self::ROUNDS],
    half_bits: u32,
    size: u64,
}

impl Permutation {
    const ROUNDS: usize = 6;

    /// `size` is at most 2^62.
    pub(super) fn new(seed: u64, purpose: Purpose, index: u64, size: u64) -> Self {
        let mut dice = Dice::new(seed, purpose, index);
        let bits = u64::BITS - size.saturating_sub(1).leading_zeros();
        Self { keys: std::array::from_fn(|_| dice.next()), half_bits: bits.div_ceil(2), size }
    }

    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Where `index`, which is below the size, goes.
    pub(super) fn at(&self, index: u64) -> u64 {
        assert!(index < self.size, "{index} is outside 0..{}", self.size);
        let mask = (1 << self.half_bits) - 1;
        let mut value = index;
        loop {
            let (mut left, mut right) = (value >> self.half_bits, value & mask);
            for key in self.keys {
                (left, right) = (right, left ^ (mix(right ^ key) & mask));
            }
            value = left << self.half_bits | right;
            if value < self.size {
                return value;
            }
        }
    }
}

//! The matrix A, from its seed.

use aes::Aes128;
use aes::cipher::{InnerIvInit as _, KeyInit as _, StreamCipher as _, StreamCipherSeek as _};
use ctr::{Ctr128BE, CtrCore};

/// n: numbers of a secret, and columns of A.
pub const SECRET_WORDS: usize = 1_024;

/// Bytes of a row of A.
const ROW_BYTES: usize = SECRET_WORDS * 4;

/// What A is expanded from. It is public.
///
/// It follows from salt and directory of the segment, and so from everything that decides what a lookup reads. It does not
/// follow from the root, so that a header can name the hint, which is computed with A. It is as good: a client takes it
/// from header and directory after they hashed to the root, a salt is never used twice, and two segments with one salt and one
/// directory have the same pages. A generator that is a hash's output leaves no room for a trapdoor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MatrixSeed([u8; 16]);

impl MatrixSeed {
    /// The seed of a segment.
    #[must_use]
    pub fn of(salt: &[u8; 16], directory: &[u8]) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"samar lookup seed v1").update(salt).update(directory);
        let mut seed = [0; 16];
        hasher.finalize_xof().fill(&mut seed);
        Self(seed)
    }

    /// A seed with these bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The seed's bytes.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 16] {
        self.0
    }
}

/// Rows of A, one for each page.
pub(super) struct Generator {
    cipher: Aes128,
    bytes: Vec<u8>,
}

impl Generator {
    pub(super) fn new(seed: MatrixSeed) -> Self {
        Self { cipher: Aes128::new(&seed.0.into()), bytes: Vec::new() }
    }

    /// Rows `first..first + count`, one after another: row c is bytes 4,096·c to 4,096·c + 4,095 of the key stream of
    /// AES-128 in counter mode from 0 on, as little-endian words.
    pub(super) fn rows(&mut self, first: usize, count: usize, out: &mut Vec<u32>) {
        self.bytes.clear();
        self.bytes.resize(count * ROW_BYTES, 0);
        let core = CtrCore::inner_iv_init(self.cipher.clone(), &[0; 16].into());
        let mut stream: Ctr128BE<Aes128> = ctr::cipher::StreamCipherCoreWrapper::from_core(core);
        stream.seek((first * ROW_BYTES) as u64);
        stream.apply_keystream(&mut self.bytes);
        out.clear();
        out.extend(self.bytes.as_chunks().0.iter().map(|word| u32::from_le_bytes(*word)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_in_any_stretch() {
        let mut generator = Generator::new(MatrixSeed::from_bytes([7; 16]));
        let (mut all, mut part) = (Vec::new(), Vec::new());
        generator.rows(0, 5, &mut all);
        generator.rows(2, 3, &mut part);
        assert_eq!(all[2 * SECRET_WORDS..], part);
    }

    /// FIPS 197's example: the block of zeros is the counter 0.
    #[test]
    fn the_first_words_are_the_cipher_over_a_block_of_zeros() {
        let mut generator = Generator::new(MatrixSeed::from_bytes([0; 16]));
        let mut row = Vec::new();
        generator.rows(0, 1, &mut row);
        // AES-128(0, 0) = 66e94bd4ef8a2c3b884cfa59ca342b2e
        assert_eq!(row[..4], [0xd44b_e966, 0x3b2c_8aef, 0x59fa_4c88, 0x2e2b_34ca]);
    }
}

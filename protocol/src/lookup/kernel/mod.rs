//! The arithmetic of a lookup: bytes of pages times vectors of 32-bit words, modulo 2^32.
//!
//! | Kernel | |
//! | --- | --- |
//! | `portable` | plain loops, everywhere |
//! | `avx512` | AVX-512 with VNNI |
//!
//! Bytes are taken as they stand in the file, without a sign, and 128 times the sum of the vector is taken off
//! afterwards (the portable hint gives each byte its sign at once). All sums are exact modulo 2^32, so that the kernels agree to the bit.

#[cfg(target_arch = "x86_64")]
mod avx512;
mod portable;

use super::generator::SECRET_WORDS;

/// Rows of a tile: a line of the cache. A page is whole tiles.
pub(super) const TILE_ROWS: usize = 64;
/// Sums of a tile of D·A: those of a column together.
pub(super) const TILE_SUMS: usize = TILE_ROWS * SECRET_WORDS;

/// The arithmetic in use. A variant with a value is proof that this CPU has what it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kernel {
    /// Plain loops; runs everywhere.
    Portable,
    /// AVX-512 with VNNI.
    #[cfg(target_arch = "x86_64")]
    Avx512(avx512::Detected),
}

impl Kernel {
    /// The fastest that this machine has.
    #[must_use]
    pub fn best() -> Self {
        #[cfg(target_arch = "x86_64")]
        if let Some(detected) = avx512::Detected::detect() {
            return Self::Avx512(detected);
        }
        Self::Portable
    }

    /// Every kernel that this machine has, the portable one first.
    #[must_use]
    pub fn available() -> Vec<Self> {
        let best = Self::best();
        if best == Self::Portable { vec![best] } else { vec![Self::Portable, best] }
    }

    /// The name printed beside a measurement.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(_) => "avx512",
        }
    }

    /// Adds to each sum its row of the pages, times a vector: `pages` are whole ones of `rows` bytes, a multiple of 64, as many
    /// as each vector has words. The sums of vector k stand from `k · rows` on. All vectors are done with in one pass.
    pub(super) fn scan(self, pages: &[u8], rows: usize, vectors: &[&[u32]], sums: &mut [u32]) {
        debug_assert!(vectors.iter().all(|vector| vector.len() * rows == pages.len()));
        debug_assert_eq!(sums.len(), vectors.len() * rows);
        match self {
            // A pass each is as fast: the stretch stays in the cache.
            Self::Portable => {
                for (vector, sums) in vectors.iter().zip(sums.chunks_mut(rows)) {
                    portable::scan(pages, vector, sums);
                }
            }
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(detected) => match vectors {
                [vector] => avx512::scan_one(detected, pages, vector, sums),
                _ => avx512::scan_several(detected, pages, rows, vectors, sums),
            },
        }
        for (vector, sums) in vectors.iter().zip(sums.chunks_mut(rows)) {
            let centre = vector.iter().fold(0u32, |sum, word| sum.wrapping_add(*word)).wrapping_mul(128);
            sums.iter_mut().for_each(|sum| *sum = sum.wrapping_sub(centre));
        }
    }

    /// Adds D·A of some pages to the hint's sums, which stand by tiles: row r and column c of D·A at
    /// `(r / 64 · 1,024 + c) · 64 + r % 64`. `matrix` has [`SECRET_WORDS`] words for each page.
    pub(super) fn multiply(self, pages: &[u8], rows: usize, matrix: &[u32], sums: &mut [u32]) {
        debug_assert_eq!(matrix.len() / SECRET_WORDS, pages.len() / rows);
        match self {
            Self::Portable => portable::multiply(pages, rows, matrix, sums),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(detected) => avx512::multiply(detected, pages, rows, matrix, sums),
        }
    }

    /// `Σ row[i]·vector[i]` for each row of [`SECRET_WORDS`] words, added to its sum. In constant time.
    pub(super) fn dot_rows(self, rows: &[u32], vector: &[u32; SECRET_WORDS], sums: &mut [u32]) {
        match self {
            Self::Portable => portable::dot_rows(rows, vector, sums),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(detected) => avx512::dot_rows(detected, rows, vector, sums),
        }
    }

    /// The magnitudes of noise: see [`super::gaussian::count_reached`].
    pub(super) fn count_reached(self, below: &[u64], words: &[u64; 64], counts: &mut [u32; 64]) {
        match self {
            Self::Portable => super::gaussian::count_reached(below, words, counts),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(detected) => avx512::count_reached(detected, below, words, counts),
        }
    }
}

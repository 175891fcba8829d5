//! Plain loops, which compilers turn into whatever vectors the target has.

use rayon::prelude::*;

use super::{SECRET_WORDS, TILE_ROWS, TILE_SUMS};

/// Adds the pages' bytes, times the vector's words.
pub(super) fn scan(pages: &[u8], vector: &[u32], sums: &mut [u32]) {
    let rows = sums.len();
    for (page, &word) in pages.chunks_exact(rows).zip(vector) {
        for (sum, &byte) in sums.iter_mut().zip(page) {
            *sum = sum.wrapping_add(word.wrapping_mul(byte.into()));
        }
    }
}

/// Adds D·A, D with its sign.
pub(super) fn multiply(pages: &[u8], rows: usize, matrix: &[u32], sums: &mut [u32]) {
    sums.par_chunks_mut(TILE_SUMS).enumerate().for_each(|(tile, sums)| {
        let lines = pages.chunks_exact(rows).filter_map(|page| page.as_chunks::<TILE_ROWS>().0.get(tile));
        for (line, words) in lines.zip(matrix.chunks_exact(SECRET_WORDS)) {
            let digits = line.map(|byte| u32::from(byte).wrapping_sub(128));
            for (sums, word) in sums.as_chunks_mut::<TILE_ROWS>().0.iter_mut().zip(words) {
                for (sum, digit) in sums.iter_mut().zip(digits) {
                    *sum = sum.wrapping_add(word.wrapping_mul(digit));
                }
            }
        }
    });
}

/// One dot product a row.
#[inline(always)]
pub(super) fn dot_rows(rows: &[u32], vector: &[u32; SECRET_WORDS], sums: &mut [u32]) {
    for (row, sum) in rows.as_chunks::<SECRET_WORDS>().0.iter().zip(sums) {
        let products = row.iter().zip(vector).map(|(a, b)| a.wrapping_mul(*b));
        *sum = products.fold(*sum, u32::wrapping_add);
    }
}

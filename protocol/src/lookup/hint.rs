//! The hint: D·A, rounded. Whoever has the segment can compute it again, and so audit it.

use core::ops::Range;

use super::generator::Generator;
use super::kernel::{TILE_ROWS, TILE_SUMS};
use super::packing::{pack, packed_bytes, unpack};
use super::{HINT_BITS, Kernel, LookupError, MatrixSeed, SECRET_WORDS, Shape};
use crate::codec::Extension;

/// The first bytes of a hint, with the version in the last two.
pub const HINT_MAGIC: [u8; 10] = *b"SAMARHNT\x01\x00";

/// Magic and bytes of a page (u32).
const HEAD_BYTES: usize = HINT_MAGIC.len() + 4;

/// Pages that are multiplied at a time: their rows of A take 1 MiB.
const STRETCH_PAGES: usize = 256;

/// Memory of a row: its sums, its numbers, and its bytes of the pages that are multiplied at a time.
const ROW_MEMORY_BYTES: usize =
    SECRET_WORDS * size_of::<u32>() + packed_bytes(SECRET_WORDS, HINT_BITS) + STRETCH_PAGES;

/// Memory beside the rows: A, its limbs, and the pages that whoever hands them in has read.
const BESIDE_BYTES: usize = 6 << 20;

// The numbers of a row fill whole bytes, so that rows can be computed apart.
const _: () = assert!((SECRET_WORDS * HINT_BITS as usize).is_multiple_of(8));

/// Bytes of the hint of a segment with pages of so many bytes.
#[must_use]
pub const fn hint_bytes(page_bytes: u32) -> usize {
    HEAD_BYTES + packed_bytes(page_bytes as usize * SECRET_WORDS, HINT_BITS)
}

/// What a hint is known by: a segment's header has it, in the extension [`HintNote::EXTENSION`], and so the root commits to
/// it. With another hint, whether an answer comes out right could tell an operator something of the page asked for. The
/// extension is not critical: who looks nothing up privately needs none of it, and it changes the meaning of nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HintNote {
    /// BLAKE3 of the hint, under its label.
    pub hash: [u8; 32],
}

impl HintNote {
    /// Id of the extension.
    pub const EXTENSION: u16 = 1;
    /// The one set of parameters, generator and roundings that there is.
    const SUITE: u16 = 1;

    /// The extension of a segment's header.
    #[must_use]
    pub fn to_extension(&self) -> Extension {
        let bytes = [Self::SUITE.to_le_bytes().as_slice(), &self.hash].concat();
        Extension { id: Self::EXTENSION, bytes }
    }

    /// The note among a header's extensions; `None` without one, or of a suite that this version does not know.
    ///
    /// # Errors
    /// `Err(())` for a note of suite 1 that is none.
    pub(crate) fn find(extensions: &[Extension]) -> Result<Option<Self>, ()> {
        let Some(extension) = extensions.iter().find(|extension| extension.id == Self::EXTENSION) else {
            return Ok(None);
        };
        let (suite, hash) = extension.bytes.split_first_chunk().ok_or(())?;
        if u16::from_le_bytes(*suite) != Self::SUITE {
            return Ok(None);
        }
        Ok(Some(Self { hash: hash.try_into().map_err(|_| ())? }))
    }

    /// The note of these bytes of a hint.
    #[must_use]
    pub fn of(hint: &[u8]) -> Self {
        let mut hash = HintHash::default();
        hash.update(hint);
        hash.finish()
    }
}

/// The note of a hint that comes in parts.
#[derive(Clone, Debug)]
pub struct HintHash(blake3::Hasher);

impl Default for HintHash {
    fn default() -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"samar lookup hint v1");
        Self(hasher)
    }
}

impl HintHash {
    /// Takes the next bytes.
    pub fn update(&mut self, part: &[u8]) {
        self.0.update(part);
    }

    /// The note of all that came.
    #[must_use]
    pub fn finish(&self) -> HintNote {
        HintNote { hash: self.0.finalize().into() }
    }
}

/// What a hint begins with.
#[must_use]
pub fn hint_head(page_bytes: u32) -> Vec<u8> {
    [HINT_MAGIC.as_slice(), &page_bytes.to_le_bytes()].concat()
}

/// Rows of a hint that are computed in a pass over the pages, so that it keeps to so many bytes of memory: a multiple of 64, 64 at
/// least, and never more than there are. A row takes 7 KiB: its sums, its numbers, and its part of the pages at work.
#[must_use]
pub fn hint_rows_in(memory_bytes: usize, page_bytes: u32) -> usize {
    let rows = memory_bytes.saturating_sub(BESIDE_BYTES) / ROW_MEMORY_BYTES;
    (rows - rows % TILE_ROWS).clamp(TILE_ROWS, page_bytes as usize)
}

/// Computes the hint of a segment from its pages, or some rows of it. Memory: 4 KiB for each row, 4 MiB beside, and in the end
/// 2.6 KiB for each row more: the numbers.
#[derive(Debug)]
pub struct HintBuilder {
    kernel: Kernel,
    shape: Shape,
    seed: MatrixSeed,
    columns: usize,
    /// Of each page these bytes are multiplied.
    rows: Range<usize>,
    /// By tiles of 64 rows, and in a tile those of a column together: see [`Kernel::multiply`].
    sums: Vec<u32>,
}

impl HintBuilder {
    /// Begins the hint of a segment.
    #[must_use]
    pub fn new(kernel: Kernel, shape: Shape, seed: MatrixSeed) -> Self {
        Self::of_rows(kernel, shape, seed, 0..shape.rows())
    }

    /// Begins some rows of it: the bytes of each page in this range, whose ends are multiples of 64.
    ///
    /// # Panics
    /// With other rows.
    #[must_use]
    pub fn of_rows(kernel: Kernel, shape: Shape, seed: MatrixSeed, rows: Range<usize>) -> Self {
        let bounds = [rows.start, rows.end];
        assert!(bounds.iter().all(|row| row.is_multiple_of(TILE_ROWS)), "whole lines of a page");
        assert!(rows.start < rows.end && rows.end <= shape.rows(), "rows that there are");
        let sums = vec![0; rows.len() * SECRET_WORDS];
        Self { kernel, shape, seed, columns: 0, rows, sums }
    }

    /// Takes the next pages, whole ones. Runs on the caller's thread pool.
    ///
    /// # Panics
    /// With part of a page, or more pages than there are.
    pub fn push(&mut self, pages: &[u8]) {
        let rows = self.shape.rows();
        assert!(pages.len().is_multiple_of(rows), "whole pages");
        let (mut generator, mut matrix, mut part) = (Generator::new(self.seed), Vec::new(), Vec::new());
        for pages in pages.chunks(STRETCH_PAGES * rows) {
            let count = pages.len() / rows;
            generator.rows(self.columns, count, &mut matrix);
            self.columns += count;
            assert!(self.columns <= self.shape.columns(), "no more pages than the segment has");
            let of_rows = if self.rows.len() == rows {
                pages
            } else {
                part.clear();
                let bytes = pages.chunks(rows).filter_map(|page| page.get(self.rows.clone()));
                bytes.for_each(|bytes| part.extend_from_slice(bytes));
                &part
            };
            self.kernel.multiply(of_rows, self.rows.len(), &matrix, &mut self.sums);
        }
    }

    /// The hint, as it is published.
    ///
    /// # Panics
    /// If pages are missing, or with some of the rows.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        assert!(self.rows.len() == self.shape.rows(), "the whole of it");
        let page_bytes = u32::try_from(self.shape.rows()).unwrap_or(0);
        let mut bytes = Vec::with_capacity(hint_bytes(page_bytes));
        bytes.extend(hint_head(page_bytes));
        self.pack_into(&mut bytes);
        bytes
    }

    /// The numbers of these rows, whole bytes. A hint is its [`hint_head`] and those of all rows in order.
    ///
    /// # Panics
    /// If pages are missing.
    #[must_use]
    pub fn numbers(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(packed_bytes(self.sums.len(), HINT_BITS));
        self.pack_into(&mut bytes);
        bytes
    }

    fn pack_into(self, bytes: &mut Vec<u8>) {
        assert!(self.columns == self.shape.columns(), "every page was seen");
        let in_rows = self
            .sums
            .chunks(TILE_SUMS)
            .flat_map(|tile| (0..TILE_ROWS).flat_map(move |row| tile.iter().skip(row).step_by(TILE_ROWS)));
        let rounded = in_rows.map(|sum| sum.wrapping_add(1 << (31 - HINT_BITS)) >> (32 - HINT_BITS));
        pack(rounded, HINT_BITS, bytes);
    }
}

/// A hint that the segment's header vouches for. Memory: 4 KiB for each byte of a page.
pub struct Hint {
    /// Each number at its place in 32 bits; those of a row of D together.
    words: Vec<u32>,
}

impl Hint {
    /// Takes the bytes of a hint, if they are those that the note is of.
    ///
    /// # Errors
    /// [`LookupError::HintHash`], [`LookupError::HintFormat`].
    pub fn parse(bytes: &[u8], note: &HintNote, page_bytes: u32) -> Result<Self, LookupError> {
        if HintNote::of(bytes) != *note {
            return Err(LookupError::HintHash);
        }
        let fault = LookupError::HintFormat { page_bytes };
        let numbers = bytes
            .strip_prefix(hint_head(page_bytes).as_slice())
            .filter(|_| bytes.len() == hint_bytes(page_bytes))
            .ok_or(fault)?;
        let words = unpack(numbers, HINT_BITS).map(|number| number << (32 - HINT_BITS)).collect();
        Ok(Self { words })
    }

    pub(super) fn words(&self) -> &[u32] {
        &self.words
    }
}

impl core::fmt::Debug for Hint {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Hint({} rows)", self.words.len() / SECRET_WORDS)
    }
}

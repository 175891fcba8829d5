//! The hint: D·A, rounded. Whoever has the segment can compute it again, and so audit it.

use super::generator::Generator;
use super::packing::{pack, packed_bytes, unpack};
use super::{HINT_BITS, Kernel, LookupError, MatrixSeed, SECRET_WORDS, Shape};
use crate::codec::Extension;

/// The first bytes of a hint, with the version in the last two.
pub const HINT_MAGIC: [u8; 10] = *b"SAMARHNT\x01\x00";

/// Magic and bytes of a page (u32).
const HEAD_BYTES: usize = HINT_MAGIC.len() + 4;

/// Pages that are multiplied at a time: their rows of A take 1 MiB.
const STRETCH_PAGES: usize = 256;

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
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"samar lookup hint v1").update(hint);
        Self { hash: hasher.finalize().into() }
    }
}

/// Computes the hint of a segment from its pages. Memory: 4 KiB for each byte of a page, 4 MiB beside, and in the end the
/// hint.
#[derive(Debug)]
pub struct HintBuilder {
    kernel: Kernel,
    shape: Shape,
    seed: MatrixSeed,
    columns: usize,
    /// Those of a row of D together.
    sums: Vec<u32>,
}

impl HintBuilder {
    /// Begins the hint of a segment.
    #[must_use]
    pub fn new(kernel: Kernel, shape: Shape, seed: MatrixSeed) -> Self {
        Self { kernel, shape, seed, columns: 0, sums: vec![0; shape.rows() * SECRET_WORDS] }
    }

    /// Takes the next pages, whole ones. Runs on the caller's thread pool.
    ///
    /// # Panics
    /// With part of a page, or more pages than there are.
    pub fn push(&mut self, pages: &[u8]) {
        let rows = self.shape.rows();
        assert!(pages.len().is_multiple_of(rows), "whole pages");
        let (mut generator, mut matrix) = (Generator::new(self.seed), Vec::new());
        for pages in pages.chunks(STRETCH_PAGES * rows) {
            let count = pages.len() / rows;
            generator.rows(self.columns, count, &mut matrix);
            self.columns += count;
            assert!(self.columns <= self.shape.columns(), "no more pages than the segment has");
            self.kernel.multiply(pages, rows, &matrix, &mut self.sums);
        }
    }

    /// The hint, as it is published.
    ///
    /// # Panics
    /// If pages are missing.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        assert!(self.columns == self.shape.columns(), "every page was seen");
        let page_bytes = u32::try_from(self.shape.rows()).unwrap_or(0);
        let mut bytes = Vec::with_capacity(hint_bytes(page_bytes));
        bytes.extend(HINT_MAGIC);
        bytes.extend(page_bytes.to_le_bytes());
        let rounded = self.sums.iter().map(|sum| sum.wrapping_add(1 << (31 - HINT_BITS)) >> (32 - HINT_BITS));
        pack(rounded, HINT_BITS, &mut bytes);
        bytes
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
            .strip_prefix(&HINT_MAGIC)
            .and_then(|rest| rest.strip_prefix(&page_bytes.to_le_bytes()))
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

//! The operator's work for a query: the segment's bytes, times the query.

use super::packing::{pack, unpack};
use super::{ANSWER_BITS, Kernel, LookupError, QUERY_BITS, Shape};

/// Queries that one pass answers.
pub const BATCH_QUERIES_MAX: usize = 16;

/// A query as it arrived: one number for each page.
#[derive(Clone, PartialEq, Eq)]
pub struct QueryVector(Vec<u32>);

impl QueryVector {
    /// Reads the bulk of a query for pages of this shape.
    ///
    /// # Errors
    /// [`LookupError::Length`], [`LookupError::Padding`].
    pub fn parse(bytes: &[u8], shape: Shape) -> Result<Self, LookupError> {
        let (expected, found) = (shape.query_bytes(), bytes.len());
        if found != expected {
            return Err(LookupError::Length { expected, found });
        }
        let used = shape.columns() * QUERY_BITS as usize % 8;
        if used != 0 && bytes.last().is_some_and(|byte| byte >> used != 0) {
            return Err(LookupError::Padding);
        }
        // Brought back to 32 bits; the bits that were cut off are 0.
        let words = unpack(bytes, QUERY_BITS).take(shape.columns()).map(|word| word << (32 - QUERY_BITS));
        Ok(Self(words.collect()))
    }
}

impl core::fmt::Debug for QueryVector {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "QueryVector({} pages)", self.0.len())
    }
}

/// Answers up to [`BATCH_QUERIES_MAX`] queries in one pass over a segment's pages, which are handed in in stretches.
/// Memory: eight bytes for each byte of a page and each query, and four for each page and query.
#[derive(Debug)]
pub struct Answerer {
    kernel: Kernel,
    shape: Shape,
    queries: Vec<QueryVector>,
    columns: usize,
    sums: Vec<u32>,
}

impl Answerer {
    /// Begins a pass.
    ///
    /// # Panics
    /// With no query, or more than [`BATCH_QUERIES_MAX`], or with one for another number of pages.
    #[must_use]
    pub fn new(kernel: Kernel, shape: Shape, queries: Vec<QueryVector>) -> Self {
        assert!((1..=BATCH_QUERIES_MAX).contains(&queries.len()), "one to sixteen queries");
        assert!(queries.iter().all(|query| query.0.len() == shape.columns()), "queries of this segment");
        let sums = vec![0; queries.len() * shape.rows()];
        Self { kernel, shape, queries, columns: 0, sums }
    }

    /// Takes the next pages, whole ones, as they stand in the file.
    ///
    /// # Panics
    /// With part of a page, or more pages than there are.
    pub fn push(&mut self, pages: &[u8]) {
        let (rows, first) = (self.shape.rows(), self.columns);
        assert!(pages.len().is_multiple_of(rows), "whole pages");
        self.columns += pages.len() / rows;
        assert!(self.columns <= self.shape.columns(), "no more pages than the segment has");
        let of_these = first..self.columns;
        let vectors: Vec<&[u32]> =
            self.queries.iter().filter_map(|query| query.0.get(of_these.clone())).collect();
        self.kernel.scan(pages, rows, &vectors, &mut self.sums);
    }

    /// The answers, in the order of the queries, each to be sent as it is.
    ///
    /// # Panics
    /// If pages are missing.
    #[must_use]
    pub fn finish(self) -> Vec<Vec<u8>> {
        assert!(self.columns == self.shape.columns(), "every page was seen");
        let answer = |sums: &[u32]| {
            let mut bytes = Vec::with_capacity(self.shape.answer_bytes());
            // Half a step up, so that cutting off rounds to the nearest.
            let rounded =
                sums.iter().map(|sum| sum.wrapping_add(1 << (31 - ANSWER_BITS)) >> (32 - ANSWER_BITS));
            pack(rounded, ANSWER_BITS, &mut bytes);
            bytes
        };
        self.sums.chunks(self.shape.rows()).map(answer).collect()
    }
}

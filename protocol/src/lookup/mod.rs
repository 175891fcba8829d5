//! Private lookup: one page of a segment, and the operator does not learn which (SPEC.md section "Private lookup").
//!
//! SimplePIR (Henzinger et al., USENIX Security 2023) over plain LWE, straight over the bytes of a segment file. A page is a
//! column of a matrix D, byte r of it stands in row r, centred: byte − 128. With q = 2^32 and n = 1,024:
//!
//! ```text
//! A    pages × n, expanded from a seed that follows from the segment       both sides
//! H    = D·A, each number rounded to its upper 21 bits: the hint           published beside the segment, under its root
//! u    = A·s + e + 2^24·(1 at the page wanted), rounded to 28 bits         the query; s and e are fresh every time
//! a    = D·u, rounded to 13 bits                                           the answer
//! page ≈ (a − H·s) / 2^24
//! ```
//!
//! [`Shape`] says which segments this carries: noise must stay below 2^23 in every byte of a page at once, but for one page in
//! 2^40. [`HintBuilder`] is the operator's work at publishing, [`Answerer`] at serving; [`Client`] → [`Prepared`] →
//! ([`Query`], [`Pending`]) → the page is the bank's, each step once.
//!
//! Everything but the index and the noise is public, and nothing here depends on either in a branch or an address.

mod answer;
mod gaussian;
mod generator;
mod hint;
mod kernel;
mod packing;
mod query;
mod shape;
#[cfg(test)]
mod tests;

pub use answer::{Answerer, BATCH_QUERIES_MAX, QueryVector};
pub use generator::{MatrixSeed, SECRET_WORDS};
pub use hint::{HINT_MAGIC, Hint, HintBuilder, HintHash, HintNote, hint_bytes, hint_head, hint_rows_in};
pub use kernel::Kernel;
pub use query::{Client, Pending, Prepared, Query};
pub use shape::{FAILURE_BITS, Shape, columns_max};
pub(crate) use shape::{answer_bytes, query_bytes};

/// Bits of a number of the query.
pub const QUERY_BITS: u32 = 28;
/// Bits of a number of the answer.
pub const ANSWER_BITS: u32 = 13;
/// Bits of a number of the hint.
pub const HINT_BITS: u32 = 21;
/// Standard deviation of each number of the secret and of the noise.
pub const SIGMA: u32 = 16;

/// Why bytes of a lookup were refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LookupError {
    /// A query for another number of pages.
    #[error("a query over {found} pages, but the segment has {expected}")]
    Columns {
        /// Pages of the segment.
        expected: u32,
        /// Numbers in the query.
        found: u32,
    },
    /// Bits after the last number of a query.
    #[error("the query's unused bits are not 0")]
    Padding,
    /// A query or answer of another length.
    #[error("a vector of {found} bytes, not {expected}")]
    Length {
        /// Bytes that it must have.
        expected: usize,
        /// Bytes that it has.
        found: usize,
    },
    /// Not the hint that the note is of.
    #[error("this is not the hint of that segment: its hash is another")]
    HintHash,
    /// A hint that is none, or for pages of another size.
    #[error("this is not a hint for pages of {page_bytes} bytes")]
    HintFormat {
        /// Bytes of a page.
        page_bytes: u32,
    },
    /// More pages than a lookup carries.
    #[error(
        "{pages} pages of {page_bytes} bytes are more than a private lookup carries: at most {pages_max}"
    )]
    TooManyPages {
        /// Pages of the segment.
        pages: u32,
        /// Bytes of a page.
        page_bytes: u32,
        /// Pages that it carries.
        pages_max: u32,
    },
    /// No such page.
    #[error("page {page} of {pages} does not exist")]
    NoSuchPage {
        /// The page asked for.
        page: u32,
        /// Pages there are.
        pages: u32,
    },
}

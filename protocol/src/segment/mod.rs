//! Segments: the published form of one breach, a file of sorted pages (SPEC.md section "Segments").
//!
//! The same bytes serve bulk download, local matching and private lookup. A file is, with all integers little-endian
//! unless said otherwise and nothing before, between or after the parts:
//!
//! | Part | Bytes |
//! | --- | --- |
//! | header block | `page_bytes`: 2,048, 4,096, 8,192 or 16,384 |
//! | pages | `pages × page_bytes` |
//! | directory | `pages × 36` |
//!
//! # Header block
//!
//! | Field | Bytes | Value |
//! | --- | --- | --- |
//! | magic | 8 | `"SAMARSEG"` |
//! | version | 2 | 1 |
//! | suite | 2 | 1: ristretto255-SHA512, VOPRF |
//! | kind | 1 | 0 base, 1 add, 2 remove |
//! | label bits | 1 | 0 to 32 |
//! | reserved | 2 | 0 |
//! | page bytes | 4 | one of the four sizes |
//! | key id | 8 | the OPRF key the tags were made with |
//! | salt | 16 | fresh at every build, never reused |
//! | entries | 8 | N, 0 to 2^32 − 1 |
//! | pages | 4 | 0 exactly if N = 0; at most what greedy packing can make, see [`Header::parse`] |
//! | breach id | 1 + n | length 1 to 64, then `[a-z0-9-]`, no `-` at either end |
//! | extensions | 1 + … | count, then each id (2; top bit: critical), length (2), bytes; ids strictly ascending |
//! | padding | rest | 0 |
//!
//! An unknown critical extension is refused, any other unknown one is kept. Version 1 knows none.
//!
//! # Directory and root
//!
//! One entry a page: its first bucket (4) and the BLAKE3 of its bytes (32). The first page begins at bucket 0, first
//! buckets ascend strictly and stay below N. The segment's name and commitment is
//!
//! ```text
//! root = BLAKE3("samar segment root v1" ‖ header block ‖ directory)
//! ```
//!
//! so that salt and page boundaries cannot be changed under a reader: it would look up an authentic page that is the
//! wrong one, and report a silent "clear".
//!
//! # Locator
//!
//! ```text
//! h         = SHA-256(tag ‖ salt)                                  48 bytes in: one compression
//! key       = (h[0..9] as a big-endian integer) · N >> 32          uniform in [0, N·2^40)
//! bucket    = key >> 40
//! remainder = key mod 2^40
//! pad       = (h[9..13] as a little-endian integer) mod 2^label_bits
//! ```
//!
//! An entry is published as bucket, remainder and `label XOR pad`. With N = 0 nothing matches. A tag that is not in the
//! set matches with probability 2^-40.
//!
//! # Page
//!
//! Page p covers the buckets from its first one to the next page's first one, the last page to N.
//!
//! | Part | Bytes | Value |
//! | --- | --- | --- |
//! | count | 2 | entries in the page, may be 0 |
//! | unary | ⌈(count + buckets) / 8⌉ | for each bucket a 1 bit per entry and then a 0 bit; bits fill each byte from its lowest |
//! | padding | what is left over | 0, as are the unused bits of the byte before it |
//! | labels | ⌈count × label bits / 8⌉ | `label XOR pad` of each entry, from the lowest bit on; unused bits 0 |
//! | remainders | 5 × count | of each entry, little-endian, strictly ascending within a bucket |
//!
//! Entries stand in ascending order of key throughout. Empty buckets at the end of a page look like padding: how many
//! buckets a page covers is for the directory to say.
//!
//! A writer packs greedily: a bucket, empty or not, goes into the current page if it fits and begins the next one if
//! not; it never straddles. Keys that collide, a bucket no page can hold, and keys so uneven that empty buckets fill a
//! page of their own all call for another salt.

mod builder;
mod header;
mod hidden;
mod index;
mod locator;
mod page;
mod unary;

pub use builder::{BuildError, Finished, SegmentBuilder};
pub use header::{
    BreachId, BreachIdError, HEADER_PREFIX_BYTES, Header, HeaderError, SegmentKind, SegmentParams,
    is_breach_id,
};
pub use hidden::{Sealed, WrongPage};
pub use index::{DIRECTORY_ENTRY_BYTES, IndexError, SegmentIndex, VerifyError};
pub use locator::{Entry, Locator, Placement, REMAINDER_BITS};
pub use page::{Entries, Page, PageError};

/// What a segment is named by and what commits to all of it: see the module's section on the root.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentRoot(pub [u8; 32]);

impl SegmentRoot {
    /// The root of these bytes, whatever they are: to show a file, or to name one that was just built.
    #[must_use]
    pub fn of(header_block: &[u8], directory: &[u8]) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"samar segment root v1").update(header_block).update(directory);
        Self(hasher.finalize().into())
    }
}

impl core::fmt::Display for SegmentRoot {
    /// 64 lowercase hexadecimal digits.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests;

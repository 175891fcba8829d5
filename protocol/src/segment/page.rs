//! One page: buckets in unary, labels, remainders (the module's section on the page).
//!
//! Nothing is decoded. A probe selects the end of the bucket before its own among the 0 bits, which also gives the rank
//! of its first entry, and compares remainders there. Checking a page costs about as much as a few dozen probes, and a
//! page that was checked needs no further care: every position it yields is in range.

use super::locator::{Entry, REMAINDER_BITS, label_mask};
use super::unary::{Unary, load};
use crate::limits::{LABEL_BITS_MAX, PAGE_BYTES_ALLOWED};

pub(super) const COUNT_BYTES: usize = 2;
pub(super) const REMAINDER_BYTES: usize = REMAINDER_BITS as usize / 8;

/// A remainder is loaded as the upper 5 of 8 bytes, so that no load reaches past the page.
const LEAD_BYTES: usize = 8 - REMAINDER_BYTES;

/// A page that keeps every rule, borrowed from its bytes.
#[derive(Clone)]
pub struct Page<'a> {
    unary: Unary<'a>,
    labels: &'a [u8],
    /// With [`LEAD_BYTES`] of whatever stands before them.
    remainders: &'a [u8],
    first_bucket: u32,
    buckets: u32,
    count: usize,
    label_bits: u8,
}

/// Why the bytes of a page were refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PageError {
    /// Not a page size.
    #[error("a page has {0} bytes: 2048, 4096, 8192 or 16384 are allowed")]
    Length(usize),
    /// Wider than a label may be.
    #[error("labels of {0} bits: at most {LABEL_BITS_MAX} are allowed")]
    LabelBits(u8),
    /// The range of buckets is empty or reversed.
    #[error("a page that begins at bucket {first} cannot end at bucket {next}")]
    Buckets {
        /// First bucket of the page.
        first: u32,
        /// First bucket after it.
        next: u32,
    },
    /// More than fits the page.
    #[error("{count} entries in {buckets} buckets do not fit a page")]
    Count {
        /// Entries the page claims.
        count: u16,
        /// Buckets it covers.
        buckets: u32,
    },
    /// The unary part disagrees with the count, and so with the number of buckets.
    #[error("the unary part has {ones} entries, but the page says {count}")]
    Unary {
        /// 1 bits found.
        ones: u32,
        /// Entries the page claims.
        count: u16,
    },
    /// The last bucket does not end within the page.
    #[error("the page's last bucket is not closed")]
    Unclosed,
    /// Something stands between the unary part and the labels.
    #[error("the page's padding is not 0")]
    Padding,
    /// Something stands in the unused bits after the labels.
    #[error("the padding after the page's labels is not 0")]
    LabelPadding,
    /// A remainder does not ascend within its bucket.
    #[error("entry {entry} of the page does not stand above the one before it in its bucket")]
    Unsorted {
        /// Position in the page, from 0.
        entry: usize,
    },
}

impl<'a> Page<'a> {
    /// Checks a page that covers the buckets `first_bucket..next_bucket`.
    ///
    /// # Errors
    /// [`PageError`] with the first fault. This is structure only; that the bytes are the right ones is for
    /// [`SegmentIndex::verify_page`](super::SegmentIndex::verify_page) to say.
    pub fn parse(
        bytes: &'a [u8],
        first_bucket: u32,
        next_bucket: u32,
        label_bits: u8,
    ) -> Result<Self, PageError> {
        if !PAGE_BYTES_ALLOWED.iter().any(|&allowed| u32::try_from(bytes.len()) == Ok(allowed)) {
            return Err(PageError::Length(bytes.len()));
        }
        if label_bits > LABEL_BITS_MAX {
            return Err(PageError::LabelBits(label_bits));
        }
        let buckets = next_bucket.checked_sub(first_bucket).filter(|&buckets| buckets > 0);
        let buckets = buckets.ok_or(PageError::Buckets { first: first_bucket, next: next_bucket })?;
        let parts = Parts::split(bytes, buckets, label_bits)?;
        let Parts { count, unary, padding, labels, remainders } = parts;

        // Bits of the unary part's last byte from the one that closes the last bucket on: all must be 0.
        let bits = u32::from(count) + buckets;
        let last = unary.last().copied().unwrap_or(0) >> ((bits - 1) % 8);
        if last >> 1 != 0 || padding.iter().any(|&byte| byte != 0) {
            return Err(PageError::Padding);
        }
        if last & 1 != 0 {
            return Err(PageError::Unclosed);
        }
        let used = usize::from(count) * usize::from(label_bits) % 8;
        if used != 0 && labels.last().is_some_and(|&byte| byte >> used != 0) {
            return Err(PageError::LabelPadding);
        }
        let unary = Unary::new(unary);
        if unary.ones() != u32::from(count) {
            return Err(PageError::Unary { ones: unary.ones(), count });
        }
        let page = Self { unary, labels, remainders, first_bucket, buckets, count: count.into(), label_bits };
        page.check_order()?;
        Ok(page)
    }

    /// Number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether the page covers empty buckets only.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The masked label of the entry with this bucket and remainder, if the page has it; a bucket of another page is
    /// simply not there. Takes time that depends on all of it, so it is for one's own machine.
    #[must_use]
    pub fn find(&self, bucket: u32, remainder: u64) -> Option<u32> {
        let bucket = bucket.checked_sub(self.first_bucket).filter(|&bucket| bucket < self.buckets)?;
        let start = self.unary.run_start(bucket as usize);
        // Every bit before the run is an entry, or the 0 bit of one of the buckets before this one.
        let mut entry = start - bucket as usize;
        let mut run = self.unary.run_length(start);
        while run > 0 {
            match self.remainder(entry)? {
                found if found == remainder => return Some(self.label(entry)),
                found if found > remainder => return None,
                _ => (entry, run) = (entry + 1, run - 1),
            }
        }
        None
    }

    /// All entries in ascending order of key.
    #[must_use]
    pub fn entries(&self) -> Entries<'_> {
        Entries { page: self, word: self.unary.word(0), word_index: 0, entry: 0 }
    }

    /// Remainders must ascend strictly within a bucket: wherever two 1 bits are neighbours.
    fn check_order(&self) -> Result<(), PageError> {
        let (mut before, mut carry) = (0, 0);
        for word in self.unary.words() {
            let mut second = word & (word << 1 | carry);
            while second != 0 {
                let bit = second & second.wrapping_neg();
                let entry = before + (word & (bit - 1)).count_ones() as usize;
                if self.remainder(entry) <= self.remainder(entry.wrapping_sub(1)) {
                    return Err(PageError::Unsorted { entry });
                }
                second ^= bit;
            }
            before += word.count_ones() as usize;
            carry = word >> 63;
        }
        Ok(())
    }

    fn remainder(&self, entry: usize) -> Option<u64> {
        let bytes = self.remainders.get(entry.checked_mul(REMAINDER_BYTES)?..)?.first_chunk()?;
        Some(u64::from_le_bytes(*bytes) >> (8 * LEAD_BYTES))
    }

    fn label(&self, entry: usize) -> u32 {
        let bit = entry * usize::from(self.label_bits);
        #[allow(clippy::cast_possible_truncation)] // masked to 32 bits at most
        let label = (load(self.labels, bit / 8) >> (bit % 8)) as u32;
        label & label_mask(self.label_bits)
    }
}

impl core::fmt::Debug for Page<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let next = u64::from(self.first_bucket) + u64::from(self.buckets);
        write!(f, "Page({} entries in buckets {}..{next})", self.count, self.first_bucket)
    }
}

/// The entries of a page, in ascending order of key.
#[derive(Clone, Debug)]
pub struct Entries<'a> {
    page: &'a Page<'a>,
    /// What is left of the word at `word_index`.
    word: u64,
    word_index: usize,
    entry: usize,
}

impl Iterator for Entries<'_> {
    type Item = Entry;

    fn next(&mut self) -> Option<Entry> {
        let remainder = self.page.remainder(self.entry)?;
        while self.word == 0 {
            self.word_index += 1;
            self.word = self.page.unary.word(self.word_index);
        }
        let bit = self.word_index * 64 + self.word.trailing_zeros() as usize;
        self.word &= self.word - 1;
        let bucket = self.page.first_bucket + u32::try_from(bit - self.entry).ok()?;
        let masked_label = self.page.label(self.entry);
        self.entry += 1;
        Some(Entry { bucket, masked_label, remainder })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.page.count - self.entry;
        (left, Some(left))
    }
}

impl ExactSizeIterator for Entries<'_> {}

/// Bytes of a page that these entries and buckets take, without the padding.
pub(super) fn used_bytes(count: u64, buckets: u64, label_bits: u8) -> u64 {
    COUNT_BYTES as u64
        + (count + buckets).div_ceil(8)
        + (count * u64::from(label_bits)).div_ceil(8)
        + count * REMAINDER_BYTES as u64
}

/// A page cut up, before anything in it is checked.
struct Parts<'a> {
    count: u16,
    unary: &'a [u8],
    padding: &'a [u8],
    labels: &'a [u8],
    remainders: &'a [u8],
}

impl<'a> Parts<'a> {
    fn split(bytes: &'a [u8], buckets: u32, label_bits: u8) -> Result<Self, PageError> {
        let (count, rest) = bytes.split_first_chunk().ok_or(PageError::Length(bytes.len()))?;
        let count = u16::from_le_bytes(*count);
        let fault = PageError::Count { count, buckets };
        if used_bytes(count.into(), buckets.into(), label_bits) > bytes.len() as u64 {
            return Err(fault);
        }
        let entries = usize::from(count);
        let unary_bytes = (entries + buckets as usize).div_ceil(8);
        let label_bytes = (entries * usize::from(label_bits)).div_ceil(8);
        let remainders_at = bytes.len() - entries * REMAINDER_BYTES;
        let (unary, rest) = rest.split_at_checked(unary_bytes).ok_or(fault)?;
        let padding_bytes = rest.len() - label_bytes - entries * REMAINDER_BYTES;
        let (padding, rest) = rest.split_at_checked(padding_bytes).ok_or(fault)?;
        let (labels, _) = rest.split_at_checked(label_bytes).ok_or(fault)?;
        // At least the count and one byte of unary stand before them.
        let remainders = bytes.get(remainders_at - LEAD_BYTES..).ok_or(fault)?;
        Ok(Self { count, unary, padding, labels, remainders })
    }
}

//! Where a tag stands in a segment (the module's section on the locator).

use core::num::NonZeroU32;

use sha2::{Digest as _, Sha256};

/// Bits of a remainder: a foreign tag matches with probability 2^-40.
pub const REMAINDER_BITS: u32 = 40;

/// What decides where tags stand in one segment that has entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placement {
    salt: [u8; 16],
    entries: NonZeroU32,
    label_mask: u32,
}

/// Where one tag stands, and the pad of its label.
///
/// It follows from an identifier and anyone with the segment can test it, so it prints nothing.
#[derive(Clone, Copy)]
pub struct Locator {
    bucket: u32,
    pad: u32,
    remainder: u64,
}

/// One published entry. Entries of a segment are sorted by bucket, then remainder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Entry {
    /// Below the segment's number of entries.
    pub bucket: u32,
    /// `label XOR pad`; below 2^(label bits).
    pub masked_label: u32,
    /// Below 2^40.
    pub remainder: u64,
}

impl Placement {
    pub(super) fn new(salt: [u8; 16], entries: u32, label_bits: u8) -> Option<Self> {
        Some(Self { salt, entries: NonZeroU32::new(entries)?, label_mask: label_mask(label_bits) })
    }

    /// Where this tag would stand.
    #[must_use]
    pub fn locate(&self, tag: &[u8; 32]) -> Locator {
        let hash: [u8; 32] = Sha256::new().chain_update(tag).chain_update(self.salt).finalize().into();
        #[rustfmt::skip]
        let [h0, h1, h2, h3, h4, h5, h6, h7, h8, h9, h10, h11, h12, ..] = hash;
        let high = u64::from_be_bytes([h0, h1, h2, h3, h4, h5, h6, h7]);
        let fraction = u128::from(high) << 8 | u128::from(h8); // of 2^72
        let key = (fraction * u128::from(self.entries.get())) >> 32;
        #[allow(clippy::cast_possible_truncation)] // the key is below 2^72, so its bucket below 2^32
        Locator {
            bucket: (key >> REMAINDER_BITS) as u32,
            pad: u32::from_le_bytes([h9, h10, h11, h12]) & self.label_mask,
            remainder: key as u64 & REMAINDER_MASK,
        }
    }

    /// [`Placement::locate`] for each tag, in order.
    #[must_use]
    pub fn locate_all(&self, tags: &[[u8; 32]]) -> Vec<Locator> {
        tags.iter().map(|tag| self.locate(tag)).collect()
    }
}

impl Locator {
    /// The bucket, which decides the page.
    #[must_use]
    pub fn bucket(&self) -> u32 {
        self.bucket
    }

    /// What tells the bucket's entries apart, below 2^40.
    #[must_use]
    pub fn remainder(&self) -> u64 {
        self.remainder
    }

    /// Bucket and remainder as one number, in whose order a segment is sorted.
    #[must_use]
    pub fn key(&self) -> u128 {
        u128::from(self.bucket) << REMAINDER_BITS | u128::from(self.remainder)
    }

    /// The entry to publish for this tag with this label.
    #[must_use]
    pub fn entry(&self, label: u32) -> Entry {
        Entry { bucket: self.bucket, masked_label: label ^ self.pad, remainder: self.remainder }
    }

    /// The label of a published entry that this locator found.
    #[must_use]
    pub fn unmask(&self, masked_label: u32) -> u32 {
        masked_label ^ self.pad
    }
}

impl core::fmt::Debug for Locator {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Locator(redacted)")
    }
}

impl Entry {
    /// Bucket and remainder as one number, in whose order a segment is sorted.
    #[must_use]
    pub fn key(&self) -> u128 {
        u128::from(self.bucket) << REMAINDER_BITS | u128::from(self.remainder)
    }
}

pub(super) const REMAINDER_MASK: u64 = (1 << REMAINDER_BITS) - 1;

/// The lowest `label_bits` bits set, of at most 32.
pub(super) fn label_mask(label_bits: u8) -> u32 {
    u32::MAX.checked_shr(32u32.saturating_sub(label_bits.into())).unwrap_or(0)
}

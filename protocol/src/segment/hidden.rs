//! What a page says of a tag, read so that nobody beside learns which page it is or what it says: the page came by a private
//! lookup, and a branch or an address that depends on it would undo that for whoever shares the machine, or measures when the
//! next request leaves.
//!
//! Everything is looked at: the whole directory, every bit behind the count, every remainder. Which of it counts is a mask. The
//! verdict is one value that [`Sealed::open`] gives out, for when all has been asked.

use super::SegmentIndex;
use super::locator::{Locator, label_mask};
use super::page::{COUNT_BYTES, REMAINDER_BYTES};

/// Bytes that a label can touch.
const LABEL_WINDOW: u64 = 5;

/// What a private lookup came to, not yet looked at. It prints nothing.
#[must_use]
pub struct Sealed {
    /// All ones if the page is the one that the directory names.
    is_authentic: u32,
    /// All ones if the tag stands in it.
    is_found: u32,
    /// Its label, or anything.
    label: u32,
}

/// The bytes are not the page that the directory names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the page does not match its hash in the directory")]
pub struct WrongPage;

impl Sealed {
    /// The label of the tag, `None` if the segment does not have it. From here on the verdict is known to whoever watches this
    /// machine, so it is for the end, when nothing more is asked because of it.
    ///
    /// # Errors
    /// [`WrongPage`]
    pub fn open(self) -> Result<Option<u32>, WrongPage> {
        if self.is_authentic == 0 {
            return Err(WrongPage);
        }
        Ok((self.is_found != 0).then_some(self.label))
    }
}

impl core::fmt::Debug for Sealed {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Sealed(redacted)")
    }
}

impl SegmentIndex {
    /// Where a tag would stand, and on which page, for a private lookup: no branch and no address depends on the tag, at the
    /// price of looking at every page's first bucket. `None` with no entries.
    #[must_use]
    pub fn locate_hidden(&self, tag: &[u8; 32]) -> Option<(Locator, u32)> {
        let locator = self.placement()?.locate(tag);
        let bucket = locator.bucket();
        let pages = self.first_buckets.iter().map(|first| 1 - below(bucket, *first)).sum::<u32>();
        Some((locator, pages.wrapping_sub(1))) // the first page begins at bucket 0
    }

    /// Looks for what [`SegmentIndex::locate_hidden`] located in the bytes of its page, in constant time: whether they are that
    /// page is part of what is sealed. Structure is not checked, as it is of a page that was downloaded: an authentic page that
    /// breaks a rule gives the answer that its count, unary part and remainders come to.
    pub fn find_hidden(&self, locator: &Locator, page: u32, bytes: &[u8]) -> Sealed {
        let (mut first, mut wanted) = (0u32, [0u8; 32]);
        for ((number, first_bucket), hash) in (0u32..).zip(&self.first_buckets).zip(&self.hashes) {
            let is_it = mask(equal(number, page));
            first |= first_bucket & is_it;
            let [is_it, ..] = is_it.to_le_bytes();
            wanted.iter_mut().zip(hash).for_each(|(wanted, byte)| *wanted |= byte & is_it);
        }
        let hash = blake3::hash(bytes);
        let difference =
            hash.as_bytes().iter().zip(&wanted).fold(0, |difference, (a, b)| difference | u32::from(a ^ b));
        let (is_found, masked) =
            find(bytes, locator.bucket().wrapping_sub(first), locator.remainder(), self.label_bits());
        Sealed {
            is_authentic: mask(equal(difference, 0)),
            is_found: mask(is_found),
            label: locator.unmask(masked),
        }
    }

    fn label_bits(&self) -> u8 {
        self.header().params().label_bits
    }
}

/// Whether a page has an entry with this remainder in the bucket of this place, as 1 or 0, and its masked label.
fn find(bytes: &[u8], bucket: u32, remainder: u64, label_bits: u8) -> (u32, u32) {
    let Some((count, rest)) = bytes.split_first_chunk::<COUNT_BYTES>() else { return (0, 0) };
    let count = u32::from(u16::from_le_bytes(*count));
    // A 1 bit belongs to the bucket before which as many 0 bits stand as there are buckets before it. Behind the unary part
    // they are no 1 bits of buckets any more, but of none that this page has either.
    let (mut zeros, mut entries_before, mut entries_in) = (0u32, 0u32, 0u32);
    for byte in rest {
        for bit in 0..8 {
            let one = u32::from(byte >> bit & 1);
            entries_before += one & below(zeros, bucket);
            entries_in += one & equal(zeros, bucket);
            zeros += 1 - one;
        }
    }
    // Remainders stand at the end, the last entry's last.
    let (mut is_found, mut entry) = (0u32, 0u32);
    for (from_end, number) in (1u32..).zip(bytes.rchunks_exact(REMAINDER_BYTES)) {
        let place = count.wrapping_sub(from_end);
        let number = number.iter().rev().fold(0u64, |number, byte| number << 8 | u64::from(*byte));
        let is_it = below(place.wrapping_sub(entries_before), entries_in) & equal_64(number, remainder);
        is_found |= is_it;
        entry |= place & mask(is_it);
    }
    (is_found, label(bytes, count.into(), entry.into(), label_bits))
}

/// The masked label of an entry, by which labels stand before the remainders.
fn label(bytes: &[u8], count: u64, entry: u64, label_bits: u8) -> u32 {
    let label_bytes = (count * u64::from(label_bits)).div_ceil(8);
    let first_byte = (bytes.len() as u64).wrapping_sub(count * REMAINDER_BYTES as u64 + label_bytes);
    let bit = entry * u64::from(label_bits);
    let begin = first_byte.wrapping_add(bit / 8);
    let mut window = 0u64;
    for (place, byte) in (0u64..).zip(bytes) {
        let offset = place.wrapping_sub(begin);
        let is_in = below_64(offset, LABEL_WINDOW).wrapping_neg();
        window |= (u64::from(*byte) & is_in) << (8 * (offset & 7));
    }
    #[allow(clippy::cast_possible_truncation)] // masked to 32 bits at most
    let label = (window >> (bit % 8)) as u32;
    label & label_mask(label_bits)
}

/// 1 if a < b, else 0.
fn below(a: u32, b: u32) -> u32 {
    #[allow(clippy::cast_possible_truncation)] // one bit
    let is_below = (u64::from(a).wrapping_sub(u64::from(b)) >> 63) as u32;
    is_below
}

/// 1 if a < b, else 0.
fn below_64(a: u64, b: u64) -> u64 {
    ((!a & b) | ((!a | b) & a.wrapping_sub(b))) >> 63
}

/// 1 if they are the same, else 0.
fn equal(a: u32, b: u32) -> u32 {
    let other = a ^ b;
    !(other | other.wrapping_neg()) >> 31
}

/// 1 if they are the same, else 0.
fn equal_64(a: u64, b: u64) -> u32 {
    let other = a ^ b;
    #[allow(clippy::cast_possible_truncation)] // one bit
    let is_same = (!(other | other.wrapping_neg()) >> 63) as u32;
    is_same
}

/// All ones for 1, none for 0. The compiler is not to see that it can be nothing else, or it makes a branch of it.
fn mask(is_it: u32) -> u32 {
    core::hint::black_box(is_it).wrapping_neg()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comparisons_hold_at_their_ends() {
        for (a, b) in [(0, 0), (0, 1), (1, 0), (u32::MAX, 0), (0, u32::MAX), (u32::MAX, u32::MAX), (7, 8)] {
            assert_eq!((below(a, b), equal(a, b)), (u32::from(a < b), u32::from(a == b)), "{a} {b}");
        }
        for (a, b) in [(0, 0), (0, 1), (1, 0), (u64::MAX, 5), (4, 5), (5, 5), (1 << 63, 5), (5, 1 << 63)] {
            assert_eq!((below_64(a, b), equal_64(a, b)), (u64::from(a < b), u32::from(a == b)), "{a} {b}");
        }
    }
}

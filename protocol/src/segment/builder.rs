//! Packs sorted entries into pages, one page in memory at a time.

use super::header::{Header, HeaderError, SegmentParams};
use super::locator::{Entry, REMAINDER_MASK, label_mask};
use super::page::{COUNT_BYTES, REMAINDER_BYTES, used_bytes};
use super::{DIRECTORY_ENTRY_BYTES, SegmentRoot};
use crate::lookup::HintNote;

/// Builds one segment from its entries in ascending order of key.
///
/// It writes nothing itself: pages come out as they fill, to be written one after another from `page_bytes` on;
/// [`SegmentBuilder::finish`] gives the last of them, the directory that follows them, and the header block, which the
/// caller writes at offset 0 last so that a torn file is no segment. Memory: one page, one bucket, and 36 bytes a page.
pub struct SegmentBuilder {
    params: SegmentParams,
    pushed: u32,
    /// Entries of the current page and then of the bucket still being filled, which is the last one's.
    staged: Vec<Entry>,
    /// How many of `staged` the current page holds for certain.
    settled: usize,
    /// First bucket of the current page.
    first: u32,
    /// First bucket that the current page does not hold yet.
    next: u32,
    pages: u32,
    directory: Vec<u8>,
}

/// What is left to write once all entries are in.
#[derive(Clone, Debug)]
pub struct Finished {
    /// The last pages: none in a segment without entries, else one or, rarely, two or three.
    pub pages: Vec<Vec<u8>>,
    /// `page_bytes` long; offset 0.
    pub header_block: Vec<u8>,
    /// Follows the last page.
    pub directory: Vec<u8>,
    /// The segment's name.
    pub root: SegmentRoot,
    header: Header,
}

impl Finished {
    /// The header that the block holds.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The same segment with the hint of its private lookups named in its header, which changes block and root.
    ///
    /// # Errors
    /// [`HeaderError`] for a segment that is no base, or a header without room.
    pub fn with_lookup(mut self, note: &HintNote) -> Result<Self, HeaderError> {
        let mut params = self.header.params().clone();
        let place = params.extensions.partition_point(|extension| extension.id < HintNote::EXTENSION);
        params.extensions.insert(place, note.to_extension());
        self.header = Header::new(params, self.header.pages())?;
        self.header_block = self.header.encode()?;
        self.root = SegmentRoot::of(&self.header_block, &self.directory);
        Ok(self)
    }
}

/// Why a segment cannot be built. Entries are counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// The parameters break a rule of the header.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// A bucket, remainder or label that the parameters do not allow.
    #[error("entry {entry} does not belong to this segment: bucket, remainder or label is too large")]
    Range {
        /// Position of the entry.
        entry: u32,
    },
    /// The entries are not sorted.
    #[error("entry {entry} stands below the one before it: sort the entries by key first")]
    NotAscending {
        /// Position of the entry.
        entry: u32,
    },
    /// More or fewer entries than announced.
    #[error("{pushed} entries were given, but {announced} announced")]
    EntryCount {
        /// Entries given; one more than announced if there were too many.
        pushed: u64,
        /// Entries in the parameters.
        announced: u32,
    },
    /// Two tags have one key, or one tag was given twice.
    #[error(
        "entry {entry} has the key of the one before it: merge equal tags, and rebuild with a fresh salt"
    )]
    Collision {
        /// Position of the second one.
        entry: u32,
    },
    /// No page can hold the bucket.
    #[error("bucket {bucket} is too large for a page: rebuild with a fresh salt")]
    BucketTooLarge {
        /// The bucket.
        bucket: u32,
    },
    /// Empty buckets would fill a whole page.
    #[error("the keys before bucket {bucket} are too sparse: rebuild with a fresh salt")]
    Sparse {
        /// First bucket after the gap.
        bucket: u32,
    },
}

impl BuildError {
    /// Whether building again with a fresh salt is the remedy. For uniform keys none of these has a chance worth
    /// naming but a collision: about N / 2^41.
    #[must_use]
    pub fn wants_fresh_salt(&self) -> bool {
        matches!(self, Self::Collision { .. } | Self::BucketTooLarge { .. } | Self::Sparse { .. })
    }
}

impl SegmentBuilder {
    /// Begins a segment.
    ///
    /// # Errors
    /// [`BuildError::Header`] if the parameters break a rule or do not fit a header block.
    pub fn new(params: SegmentParams) -> Result<Self, BuildError> {
        // Encoded once already so that a fault shows before hours of work; any number of pages encodes alike.
        Header::new(params.clone(), u32::from(params.entries > 0))?.encode()?;
        Ok(Self {
            params,
            pushed: 0,
            staged: Vec::new(),
            settled: 0,
            first: 0,
            next: 0,
            pages: 0,
            directory: Vec::new(),
        })
    }

    /// Takes the next entry and gives back a page if one is full.
    ///
    /// # Errors
    /// [`BuildError`]; the builder is of no use after one.
    pub fn push(&mut self, entry: Entry) -> Result<Option<Vec<u8>>, BuildError> {
        let place = self.pushed;
        let SegmentParams { entries, label_bits, .. } = self.params;
        if place == entries {
            return Err(BuildError::EntryCount { pushed: u64::from(place) + 1, announced: entries });
        }
        if entry.bucket >= entries
            || entry.remainder > REMAINDER_MASK
            || entry.masked_label > label_mask(label_bits)
        {
            return Err(BuildError::Range { entry: place });
        }
        let mut page = None;
        if let Some(last) = self.staged.last() {
            match last.key().cmp(&entry.key()) {
                core::cmp::Ordering::Less => {}
                core::cmp::Ordering::Equal => return Err(BuildError::Collision { entry: place }),
                core::cmp::Ordering::Greater => return Err(BuildError::NotAscending { entry: place }),
            }
            if last.bucket != entry.bucket {
                page = self.settle()?;
            } else if !self.fits(self.staged.len() - self.settled + 1, 1) {
                return Err(BuildError::BucketTooLarge { bucket: entry.bucket });
            }
        }
        self.staged.push(entry);
        self.pushed += 1;
        Ok(page)
    }

    /// Closes the segment.
    ///
    /// # Errors
    /// [`BuildError::EntryCount`] if entries are missing, or what [`SegmentBuilder::push`] returns.
    pub fn finish(mut self) -> Result<Finished, BuildError> {
        let entries = self.params.entries;
        if self.pushed != entries {
            return Err(BuildError::EntryCount { pushed: self.pushed.into(), announced: entries });
        }
        let mut pages = Vec::new();
        if entries > 0 {
            pages.extend(self.settle()?);
            pages.extend(self.skip_to(entries)?);
            pages.push(self.close(entries));
        }
        let header = Header::new(self.params, self.pages)?;
        let header_block = header.encode()?;
        let root = SegmentRoot::of(&header_block, &self.directory);
        Ok(Finished { pages, header_block, directory: self.directory, root, header })
    }

    /// Gives the filled bucket, and the empty ones before it, their place; at most one page closes.
    fn settle(&mut self) -> Result<Option<Vec<u8>>, BuildError> {
        let Some(&Entry { bucket, .. }) = self.staged.last() else { return Ok(None) };
        let mut page = self.skip_to(bucket)?;
        if !self.fits(self.staged.len(), bucket - self.first + 1) {
            if page.is_some() {
                return Err(BuildError::Sparse { bucket });
            }
            page = Some(self.close(bucket));
        }
        self.settled = self.staged.len();
        self.next = bucket + 1;
        Ok(page)
    }

    /// Puts the empty buckets before this one into the current page, and those that do not fit into another.
    fn skip_to(&mut self, bucket: u32) -> Result<Option<Vec<u8>>, BuildError> {
        let mut page = None;
        if !self.fits(self.settled, bucket - self.first) {
            page = Some(self.close(self.first + self.buckets_max()));
            if !self.fits(0, bucket - self.first) {
                return Err(BuildError::Sparse { bucket });
            }
        }
        self.next = bucket;
        Ok(page)
    }

    fn fits(&self, count: usize, buckets: u32) -> bool {
        used_bytes(count as u64, buckets.into(), self.params.label_bits) <= u64::from(self.params.page_bytes)
    }

    /// How many buckets the current page can cover with the entries it has.
    fn buckets_max(&self) -> u32 {
        let mut buckets = self.next - self.first;
        while self.fits(self.settled, buckets + 1) {
            buckets += 1;
        }
        buckets
    }

    /// Encodes the current page, which covers the buckets up to `end`, and begins the next one there.
    fn close(&mut self, end: u32) -> Vec<u8> {
        let rest = self.staged.split_off(self.settled);
        let page = encode_page(&self.staged, self.first, end, &self.params);
        self.directory.extend(self.first.to_le_bytes());
        self.directory.extend(blake3::hash(&page).as_bytes());
        debug_assert!(self.directory.len().is_multiple_of(DIRECTORY_ENTRY_BYTES));
        self.staged = rest;
        self.settled = 0;
        self.first = end;
        self.next = end;
        self.pages += 1;
        page
    }
}

impl core::fmt::Debug for SegmentBuilder {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Self { params, pushed, pages, .. } = self;
        write!(
            f,
            "SegmentBuilder({}: {pushed} of {} entries, {pages} pages)",
            params.breach_id, params.entries
        )
    }
}

/// A page of these entries, which fit it, over the buckets `first..end`.
fn encode_page(entries: &[Entry], first: u32, end: u32, params: &SegmentParams) -> Vec<u8> {
    let page_bytes = params.page_bytes as usize;
    let label_bits = u32::from(params.label_bits);
    let label_bytes = (entries.len() * label_bits as usize).div_ceil(8);
    let mut page = Vec::with_capacity(page_bytes);

    #[allow(clippy::cast_possible_truncation)] // a page of 16,384 bytes has fewer than 3,277 entries
    page.extend((entries.len() as u16).to_le_bytes());
    let unary_bytes = (entries.len() + (end - first) as usize).div_ceil(8);
    page.resize(COUNT_BYTES + unary_bytes, 0);
    for (rank, entry) in entries.iter().enumerate() {
        let bit = (entry.bucket - first) as usize + rank;
        if let Some(byte) = page.get_mut(COUNT_BYTES + bit / 8) {
            *byte |= 1 << (bit % 8);
        }
    }

    page.resize(page_bytes - label_bytes - entries.len() * REMAINDER_BYTES, 0);
    let (mut bits, mut filled) = (0u64, 0);
    for entry in entries {
        bits |= u64::from(entry.masked_label) << filled;
        filled += label_bits;
        while filled >= 8 {
            page.push(bits.to_le_bytes()[0]);
            (bits, filled) = (bits >> 8, filled - 8);
        }
    }
    if filled > 0 {
        page.push(bits.to_le_bytes()[0]);
    }
    for entry in entries {
        page.extend(entry.remainder.to_le_bytes().into_iter().take(REMAINDER_BYTES));
    }
    debug_assert_eq!(page.len(), page_bytes);
    page
}

//! A segment's header and directory, once the root has vouched for them: what finds and checks pages.

use super::SegmentRoot;
use super::header::{Header, HeaderError};
use super::locator::{Locator, Placement};
use super::page::{Page, PageError};
use crate::lookup::MatrixSeed;

/// Bytes of one directory entry: first bucket (4), BLAKE3 of the page (32).
pub const DIRECTORY_ENTRY_BYTES: usize = 36;

/// Header and directory of a segment. Invariant: they hash to the root that was asked for and keep every rule.
pub struct SegmentIndex {
    header: Header,
    placement: Option<Placement>,
    /// Strictly ascending from 0.
    pub(super) first_buckets: Vec<u32>,
    /// As many.
    pub(super) hashes: Vec<[u8; 32]>,
}

/// Why header and directory were refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IndexError {
    /// Not the segment that was asked for.
    #[error("header and directory have root {found}, not {expected}: fetch the segment again")]
    Root {
        /// The root asked for.
        expected: SegmentRoot,
        /// The root of the bytes.
        found: SegmentRoot,
    },
    /// The header breaks a rule.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// The directory does not have one entry a page.
    #[error("the directory has {found} bytes, not {expected}")]
    DirectoryLength {
        /// Bytes it must have.
        expected: u64,
        /// Bytes it has.
        found: usize,
    },
    /// The first page does not begin at bucket 0.
    #[error("the first page begins at bucket {0}, not 0")]
    FirstBucket(u32),
    /// A page does not begin above the one before it.
    #[error("page {page} does not begin above the page before it")]
    Order {
        /// The page.
        page: u32,
    },
    /// The last page begins after the last bucket.
    #[error("page {page} begins at bucket {first}, but there are {entries} buckets")]
    Beyond {
        /// The page.
        page: u32,
        /// Its first bucket.
        first: u32,
        /// Buckets of the segment.
        entries: u32,
    },
}

/// Why a page was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// There is no such page.
    #[error("page {page} of {pages} does not exist")]
    NoSuchPage {
        /// The page asked for.
        page: u32,
        /// Pages there are.
        pages: u32,
    },
    /// Not the page that the directory names.
    #[error("page {page} does not match its hash in the directory: fetch it again")]
    Hash {
        /// The page.
        page: u32,
    },
    /// The operator published a page that breaks a rule.
    #[error("page {page}: {fault}")]
    Structure {
        /// The page.
        page: u32,
        /// The rule.
        fault: PageError,
    },
}

impl SegmentIndex {
    /// Takes header block and directory if they hash to the root that a manifest names. Nothing in them is looked at
    /// before that.
    ///
    /// # Errors
    /// [`IndexError`] with the first fault.
    pub fn parse(header_block: &[u8], directory: &[u8], expected: &SegmentRoot) -> Result<Self, IndexError> {
        let found = SegmentRoot::of(header_block, directory);
        if found != *expected {
            return Err(IndexError::Root { expected: *expected, found });
        }
        let header = Header::parse(header_block)?;
        let expected = header.directory_bytes();
        if directory.len() as u64 != expected {
            return Err(IndexError::DirectoryLength { expected, found: directory.len() });
        }
        let (records, _) = directory.as_chunks::<DIRECTORY_ENTRY_BYTES>();
        let mut first_buckets = Vec::with_capacity(records.len());
        let mut hashes = Vec::with_capacity(records.len());
        for (page, record) in (0..).zip(records) {
            let Some((first, hash)) = record.split_first_chunk() else { continue };
            let first = u32::from_le_bytes(*first);
            match first_buckets.last() {
                None if first != 0 => return Err(IndexError::FirstBucket(first)),
                Some(&before) if first <= before => return Err(IndexError::Order { page }),
                _ => {}
            }
            let entries = header.params().entries;
            if first >= entries {
                return Err(IndexError::Beyond { page, first, entries });
            }
            first_buckets.push(first);
            hashes.extend(hash.first_chunk());
        }
        Ok(Self { placement: header.params().placement(), header, first_buckets, hashes })
    }

    /// The header.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// What places tags in this segment; `None` with no entries, where nothing matches.
    #[must_use]
    pub fn placement(&self) -> Option<&Placement> {
        self.placement.as_ref()
    }

    /// Where a tag would stand, and on which page; `None` with no entries.
    #[must_use]
    pub fn locate(&self, tag: &[u8; 32]) -> Option<(Locator, u32)> {
        let locator = self.placement?.locate(tag);
        Some((locator, self.page_of(locator.bucket())?))
    }

    /// The page that covers this bucket; `None` if the segment has no such bucket.
    #[must_use]
    pub fn page_of(&self, bucket: u32) -> Option<u32> {
        if bucket >= self.header.params().entries {
            return None;
        }
        let pages_before = self.first_buckets.partition_point(|&first| first <= bucket);
        u32::try_from(pages_before.checked_sub(1)?).ok()
    }

    /// The first bucket of this page and the first one after it.
    #[must_use]
    pub fn buckets_of(&self, page: u32) -> Option<(u32, u32)> {
        let page = usize::try_from(page).ok()?;
        let first = *self.first_buckets.get(page)?;
        Some((first, self.first_buckets.get(page + 1).copied().unwrap_or(self.header.params().entries)))
    }

    /// What the matrix of private lookups is expanded from.
    #[must_use]
    pub fn lookup_seed(&self) -> MatrixSeed {
        let mut directory = Vec::with_capacity(self.first_buckets.len() * DIRECTORY_ENTRY_BYTES);
        for (first, hash) in self.first_buckets.iter().zip(&self.hashes) {
            directory.extend(first.to_le_bytes());
            directory.extend(hash);
        }
        MatrixSeed::of(&self.header.params().salt, &directory)
    }

    /// Takes the bytes of a page: first its hash, then its structure. Who reads all pages also checks that their
    /// entries add up to N; no single page can show that.
    ///
    /// # Errors
    /// [`VerifyError`].
    pub fn verify_page<'a>(&self, page: u32, bytes: &'a [u8]) -> Result<Page<'a>, VerifyError> {
        let (Some((first, next)), Some(hash)) = (self.buckets_of(page), self.hashes.get(page as usize))
        else {
            return Err(VerifyError::NoSuchPage { page, pages: self.header.pages() });
        };
        let params = self.header.params();
        if bytes.len() as u64 != u64::from(params.page_bytes) || blake3::hash(bytes) != *hash {
            return Err(VerifyError::Hash { page });
        }
        Page::parse(bytes, first, next, params.label_bits)
            .map_err(|fault| VerifyError::Structure { page, fault })
    }
}

impl core::fmt::Debug for SegmentIndex {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("SegmentIndex").field("header", &self.header).finish_non_exhaustive()
    }
}

/// Where the parts of the file stand, in bytes. The largest segment has fewer than 2^44.
impl Header {
    /// Offset of a page; the header block stands before the first.
    #[must_use]
    pub fn page_offset(&self, page: u32) -> u64 {
        (u64::from(page) + 1) * u64::from(self.params().page_bytes)
    }

    /// Offset of the directory, which follows the last page.
    #[must_use]
    pub fn directory_offset(&self) -> u64 {
        self.page_offset(self.pages())
    }

    /// Length of the directory.
    #[must_use]
    pub fn directory_bytes(&self) -> u64 {
        u64::from(self.pages()) * DIRECTORY_ENTRY_BYTES as u64
    }

    /// Length of the file, exactly.
    #[must_use]
    pub fn file_bytes(&self) -> u64 {
        self.directory_offset() + self.directory_bytes()
    }
}

//! The header block: what a segment is and how it is laid out (the module's section on it).

use super::locator::Placement;
use crate::codec::{Decode, Encode, Extension};
use crate::limits::{BREACH_ID_BYTES_MAX, LABEL_BITS_MAX, PAGE_BYTES_ALLOWED, SEGMENT_ENTRIES_MAX};
use crate::lookup::HintNote;

/// Bytes from which [`Header::page_bytes_of`] can tell how long the header block is.
pub const HEADER_PREFIX_BYTES: usize = 20;

const MAGIC: [u8; 8] = *b"SAMARSEG";
const VERSION: u16 = 1;
const SUITE: u16 = 1;

/// What a segment does to the set, when a breach's segments are applied in manifest order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[repr(u8)]
pub enum SegmentKind {
    /// The breach as first published or compacted.
    Base = 0,
    /// Entries found later.
    Add = 1,
    /// Entries taken back.
    Remove = 2,
}

/// A breach's stable name: 1 to 64 of `[a-z0-9-]`, no `-` at either end. It is safe as a file name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BreachId(String);

/// A text that cannot name a breach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a breach id is 1 to {BREACH_ID_BYTES_MAX} of a-z, 0-9 and '-', without '-' at either end")]
pub struct BreachIdError;

/// What is decided before a segment is built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentParams {
    /// What the segment does to the set.
    pub kind: SegmentKind,
    /// The breach it belongs to.
    pub breach_id: BreachId,
    /// The OPRF key its tags were made with.
    pub key_id: [u8; 8],
    /// Fresh random bytes, never used for another build.
    pub salt: [u8; 16],
    /// N, the number of entries.
    pub entries: u32,
    /// Bytes of a page, one of [`PAGE_BYTES_ALLOWED`].
    pub page_bytes: u32,
    /// Bits of a label, at most [`LABEL_BITS_MAX`].
    pub label_bits: u8,
    /// In strictly ascending order of id, none critical: this version knows only that of [`HintNote`].
    pub extensions: Vec<Extension>,
}

/// A segment's header. Invariant: it keeps every rule of [`Header::parse`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    params: SegmentParams,
    pages: u32,
}

/// Why a header block was refused, or cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// Not a segment.
    #[error("this is not a Samar segment: it does not begin with SAMARSEG")]
    Magic,
    /// Written by another version.
    #[error("segment version {0} is not known; this program reads version {VERSION}")]
    Version(u16),
    /// Another OPRF.
    #[error("OPRF suite {0} is not known; this program knows suite {SUITE}")]
    Suite(u16),
    /// Neither base, add nor remove.
    #[error("segment kind {0} is not known")]
    Kind(u8),
    /// Wider than a label may be.
    #[error("labels of {0} bits: at most {LABEL_BITS_MAX} are allowed")]
    LabelBits(u8),
    /// The reserved field is in use.
    #[error("the header's reserved field is not 0")]
    Reserved,
    /// Not an allowed page size.
    #[error("pages of {0} bytes: 2048, 4096, 8192 or 16384 are allowed")]
    PageBytes(u32),
    /// More entries than buckets can be numbered.
    #[error("{0} entries: at most {SEGMENT_ENTRIES_MAX} are allowed")]
    Entries(u64),
    /// Pages without entries, entries without pages, or more pages than packing can make.
    #[error("{pages} pages cannot hold {entries} entries")]
    Pages {
        /// Pages the header claims.
        pages: u32,
        /// Entries the header claims.
        entries: u32,
    },
    /// Not a breach id.
    #[error(transparent)]
    BreachId(#[from] BreachIdError),
    /// Ids repeat or descend.
    #[error("header extensions are not in strictly ascending order at id {0:#06x}")]
    ExtensionOrder(u16),
    /// A critical extension that this version does not know.
    #[error("header extension {0:#06x} is critical and not known: update this program")]
    ExtensionCritical(u16),
    /// The extension that names the hint of private lookups is none, or the segment is no base.
    #[error("the header's note of private lookups cannot be read, or the segment is no base")]
    LookupNote,
    /// Not the page size that the block itself names.
    #[error("the header block has {found} bytes, not {expected}")]
    Length {
        /// Bytes it must have.
        expected: usize,
        /// Bytes it has.
        found: usize,
    },
    /// A field reaches past the end of the block.
    #[error("the header's fields do not fit its block")]
    Truncated,
    /// Something stands after the last field.
    #[error("the header's padding is not 0")]
    Padding,
}

impl Header {
    /// Bytes of a page, and so of the header block, from the first bytes of a file.
    ///
    /// # Errors
    /// [`HeaderError`] if these are not the first bytes of a segment that this version reads.
    pub fn page_bytes_of(prefix: &[u8; HEADER_PREFIX_BYTES]) -> Result<u32, HeaderError> {
        Prefix::read(&mut Fields(prefix)).map(|prefix| prefix.page_bytes)
    }

    /// Reads a header block, which must have exactly the length it names itself.
    ///
    /// Nothing vouches for it until [`SegmentIndex`](super::SegmentIndex) has compared the root; it is bounded all the
    /// same. In particular `pages` is refused above what greedy packing can make of N entries, which is
    /// `2 · ⌊N · (42 + label_bits) / (8 · (page_bytes − 2) − 14)⌋ + 1`: a page and the bucket that no longer fitted it
    /// hold more bits together than the divisor, and the pages fall into pairs.
    ///
    /// # Errors
    /// [`HeaderError`] with the first fault.
    pub fn parse(block: &[u8]) -> Result<Self, HeaderError> {
        let mut fields = Fields(block);
        let Prefix { kind, label_bits, page_bytes } = Prefix::read(&mut fields)?;
        let expected = usize::try_from(page_bytes).map_err(|_| HeaderError::PageBytes(page_bytes))?;
        if block.len() != expected {
            return Err(HeaderError::Length { expected, found: block.len() });
        }
        let key_id = fields.array()?;
        let salt = fields.array()?;
        let entries = u64::from_le_bytes(fields.array()?);
        let entries = u32::try_from(entries).map_err(|_| HeaderError::Entries(entries))?;
        let pages = u32::from_le_bytes(fields.array()?);
        let breach_id = usize::from(fields.u8()?);
        let breach_id = core::str::from_utf8(fields.take(breach_id)?).map_err(|_| BreachIdError)?;
        let breach_id = BreachId::parse(breach_id)?;
        let mut extensions = Vec::new();
        for _ in 0..fields.u8()? {
            let id = fields.u16()?;
            let length = usize::from(fields.u16()?);
            extensions.push(Extension { id, bytes: fields.take(length)?.to_vec() });
        }
        if fields.0.iter().any(|&byte| byte != 0) {
            return Err(HeaderError::Padding);
        }
        let params =
            SegmentParams { kind, breach_id, key_id, salt, entries, page_bytes, label_bits, extensions };
        Self::new(params, pages)
    }

    /// What was decided before the segment was built.
    #[must_use]
    pub fn params(&self) -> &SegmentParams {
        &self.params
    }

    /// Number of pages, and so of directory entries.
    #[must_use]
    pub fn pages(&self) -> u32 {
        self.pages
    }

    /// What the header says of private lookups; `None` where there are none.
    #[must_use]
    pub fn lookup(&self) -> Option<HintNote> {
        HintNote::find(&self.params.extensions).ok().flatten()
    }

    pub(super) fn new(params: SegmentParams, pages: u32) -> Result<Self, HeaderError> {
        params.check()?;
        if (params.entries == 0) != (pages == 0) || u64::from(pages) > params.pages_max() {
            return Err(HeaderError::Pages { pages, entries: params.entries });
        }
        Ok(Self { params, pages })
    }

    /// The header block, `page_bytes` long.
    pub(super) fn encode(&self) -> Result<Vec<u8>, HeaderError> {
        let SegmentParams { kind, breach_id, key_id, salt, entries, page_bytes, label_bits, extensions } =
            &self.params;
        let count_u8 = |count| u8::try_from(count).map_err(|_| HeaderError::Truncated);
        let count_u16 = |count| u16::try_from(count).map_err(|_| HeaderError::Truncated);
        let mut block = Vec::new();
        block.extend(MAGIC);
        block.extend(VERSION.to_le_bytes());
        block.extend(SUITE.to_le_bytes());
        block.extend([*kind as u8, *label_bits, 0, 0]);
        block.extend(page_bytes.to_le_bytes());
        block.extend(key_id);
        block.extend(salt);
        block.extend(u64::from(*entries).to_le_bytes());
        block.extend(self.pages.to_le_bytes());
        block.push(count_u8(breach_id.as_str().len())?);
        block.extend(breach_id.as_str().bytes());
        block.push(count_u8(extensions.len())?);
        for Extension { id, bytes } in extensions {
            block.extend(id.to_le_bytes());
            block.extend(count_u16(bytes.len())?.to_le_bytes());
            block.extend(bytes);
        }
        let page_bytes = usize::try_from(*page_bytes).map_err(|_| HeaderError::Truncated)?;
        if block.len() > page_bytes {
            return Err(HeaderError::Truncated);
        }
        block.resize(page_bytes, 0);
        Ok(block)
    }
}

impl SegmentParams {
    /// What places tags in the segment; `None` with no entries, where nothing matches.
    #[must_use]
    pub fn placement(&self) -> Option<Placement> {
        Placement::new(self.salt, self.entries, self.label_bits)
    }

    fn check(&self) -> Result<(), HeaderError> {
        if !PAGE_BYTES_ALLOWED.contains(&self.page_bytes) {
            return Err(HeaderError::PageBytes(self.page_bytes));
        }
        if self.label_bits > LABEL_BITS_MAX {
            return Err(HeaderError::LabelBits(self.label_bits));
        }
        let mut previous = None;
        for &Extension { id, .. } in &self.extensions {
            if previous >= Some(id) {
                return Err(HeaderError::ExtensionOrder(id));
            }
            if id & Extension::CRITICAL != 0 {
                return Err(HeaderError::ExtensionCritical(id));
            }
            previous = Some(id);
        }
        match HintNote::find(&self.extensions) {
            Ok(Some(_)) if self.kind != SegmentKind::Base => Err(HeaderError::LookupNote),
            Ok(_) => Ok(()),
            Err(()) => Err(HeaderError::LookupNote),
        }
    }

    /// See [`Header::parse`] for the reason of this bound.
    fn pages_max(&self) -> u64 {
        let bits = u64::from(self.entries) * (42 + u64::from(self.label_bits));
        2 * (bits / (8 * (u64::from(self.page_bytes) - 2) - 14)) + 1
    }
}

impl SegmentKind {
    fn from_byte(byte: u8) -> Option<Self> {
        [Self::Base, Self::Add, Self::Remove].into_iter().find(|kind| *kind as u8 == byte)
    }
}

impl BreachId {
    /// Takes a text as a breach id.
    ///
    /// # Errors
    /// [`BreachIdError`] if it is not one.
    pub fn parse(text: &str) -> Result<Self, BreachIdError> {
        if is_breach_id(text) { Ok(Self(text.to_owned())) } else { Err(BreachIdError) }
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl core::fmt::Display for BreachId {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&self.0)
    }
}

/// The fields up to the page size, without which nothing else can be placed.
struct Prefix {
    kind: SegmentKind,
    label_bits: u8,
    page_bytes: u32,
}

impl Prefix {
    fn read(fields: &mut Fields<'_>) -> Result<Self, HeaderError> {
        if fields.array() != Ok(MAGIC) {
            return Err(HeaderError::Magic);
        }
        let version = fields.u16()?;
        if version != VERSION {
            return Err(HeaderError::Version(version));
        }
        let suite = fields.u16()?;
        if suite != SUITE {
            return Err(HeaderError::Suite(suite));
        }
        let kind = fields.u8()?;
        let kind = SegmentKind::from_byte(kind).ok_or(HeaderError::Kind(kind))?;
        let label_bits = fields.u8()?;
        if label_bits > LABEL_BITS_MAX {
            return Err(HeaderError::LabelBits(label_bits));
        }
        if fields.u16()? != 0 {
            return Err(HeaderError::Reserved);
        }
        let page_bytes = u32::from_le_bytes(fields.array()?);
        if !PAGE_BYTES_ALLOWED.contains(&page_bytes) {
            return Err(HeaderError::PageBytes(page_bytes));
        }
        Ok(Self { kind, label_bits, page_bytes })
    }
}

/// What is left to read of the block.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, bytes: usize) -> Result<&'a [u8], HeaderError> {
        let (taken, rest) = self.0.split_at_checked(bytes).ok_or(HeaderError::Truncated)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const BYTES: usize>(&mut self) -> Result<[u8; BYTES], HeaderError> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(HeaderError::Truncated)?;
        self.0 = rest;
        Ok(*taken)
    }

    fn u8(&mut self) -> Result<u8, HeaderError> {
        self.array().map(|[byte]| byte)
    }

    fn u16(&mut self) -> Result<u16, HeaderError> {
        self.array().map(u16::from_le_bytes)
    }
}

/// Whether `text` can name a breach; see [`BreachId`].
#[must_use]
pub fn is_breach_id(text: &str) -> bool {
    let signs = text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
    let ends = text.starts_with('-') || text.ends_with('-');
    signs && !ends && !text.is_empty() && text.len() <= BREACH_ID_BYTES_MAX
}

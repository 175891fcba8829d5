//! The sealed blocks of which runs and tails are made.
//!
//! A block is count (u32 LE) ‖ nonce (24, random) ‖ the records, encrypted ‖ tag (16): XChaCha20-Poly1305 under the
//! ledger's file key. The header of the file, the number of the block in it and the count are authenticated with it, so
//! that no block can stand in another place, file or ledger.

use chacha20poly1305::aead::{AeadInOut as _, KeyInit as _};
use chacha20poly1305::{Tag, XChaCha20Poly1305, XNonce};
use samar_protocol::limits::ELEMENT_BYTES;
use samar_protocol::oprf::Element;
use zeroize::ZeroizeOnDrop;

use crate::customers::Hash;

/// Opens every file of a ledger; the last two bytes are the version, little-endian.
pub(crate) const MAGIC: &[u8; 10] = b"SAMARDGR\x01\x00";
/// Bytes of a ledger's id.
pub(crate) const ID_BYTES: usize = 16;
/// Bytes of the header of a run, a tail or a file of days.
pub(crate) const HEADER_BYTES: usize = MAGIC.len() + 2 + 4 + ID_BYTES;
/// Bytes of a record: hash ‖ element.
pub(crate) const RECORD_BYTES: usize = size_of::<Hash>() + ELEMENT_BYTES;
/// Records of the largest block.
pub(crate) const BLOCK_RECORDS_MAX: usize = crate::evaluation::BATCH;
const COUNT_BYTES: usize = 4;
const NONCE_BYTES: usize = 24;
const TAG_BYTES: usize = 16;

/// A customer's keyed hash and element.
pub(crate) type Record = [u8; RECORD_BYTES];

/// What a file of a ledger holds; the byte after the magic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Part {
    /// Keys and the list of runs.
    Head = 1,
    /// Sorted records.
    Run = 2,
    /// Records in the order in which they came.
    Tail = 3,
    /// When each record of a run was last met.
    Days = 4,
    /// That a passphrase is set; it stands beside the ledgers.
    Passphrase = 5,
}

/// The key of a ledger's blocks.
#[derive(Clone, ZeroizeOnDrop)]
pub(crate) struct FileKey(pub(super) [u8; 32]);

impl FileKey {
    pub(crate) fn fresh() -> Self {
        Self(rand::random())
    }
}

/// The header of a file, which its blocks are bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileHeader {
    pub(crate) part: Part,
    pub(crate) number: u32,
    pub(crate) ledger: [u8; ID_BYTES],
}

impl FileHeader {
    pub(crate) fn to_bytes(self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..MAGIC.len()].copy_from_slice(MAGIC);
        bytes[MAGIC.len()] = self.part as u8;
        bytes[MAGIC.len() + 2..][..4].copy_from_slice(&self.number.to_le_bytes());
        bytes[MAGIC.len() + 6..].copy_from_slice(&self.ledger);
        bytes
    }
}

/// Seals and opens the blocks of one file.
pub(crate) struct Sealer {
    cipher: XChaCha20Poly1305,
    header: [u8; HEADER_BYTES],
}

impl Sealer {
    pub(crate) fn new(key: &FileKey, header: FileHeader) -> Self {
        Self { cipher: XChaCha20Poly1305::new((&key.0).into()), header: header.to_bytes() }
    }

    /// Block number `index` of the file, at most [`BLOCK_RECORDS_MAX`] records.
    pub(crate) fn seal(&self, index: u64, records: &[Record]) -> Vec<u8> {
        let count = u32::try_from(records.len()).unwrap_or(u32::MAX);
        let nonce: [u8; NONCE_BYTES] = rand::random();
        let mut block = Vec::with_capacity(block_bytes(records.len()));
        block.extend_from_slice(&count.to_le_bytes());
        block.extend_from_slice(&nonce);
        let at = block.len();
        block.extend_from_slice(records.as_flattened());
        let aad = self.bound(index, count);
        let tag = self.cipher.encrypt_inout_detached(&XNonce::from(nonce), &aad, (&mut block[at..]).into());
        // Unwrap safety: only messages of 256 GB fail.
        block.extend_from_slice(&tag.expect("a block is short"));
        block
    }

    /// The records of block `index`, decrypted in place; nothing where any byte of it, its place or its file is another.
    pub(crate) fn open<'a>(&self, index: u64, block: &'a mut [u8]) -> Option<&'a [Record]> {
        let (count, rest) = block.split_first_chunk_mut::<COUNT_BYTES>()?;
        let count = u32::from_le_bytes(*count);
        let (nonce, rest) = rest.split_first_chunk_mut::<NONCE_BYTES>()?;
        let (records, tag) = rest.split_last_chunk_mut::<TAG_BYTES>()?;
        if records.len() != count as usize * RECORD_BYTES {
            return None;
        }
        let (nonce, tag, aad) = (XNonce::from(*nonce), Tag::from(*tag), self.bound(index, count));
        self.cipher.decrypt_inout_detached(&nonce, &aad, (&mut *records).into(), &tag).ok()?;
        Some(records.as_chunks().0)
    }

    /// What is authenticated with a block.
    fn bound(&self, index: u64, count: u32) -> [u8; HEADER_BYTES + 12] {
        let mut bound = [0; HEADER_BYTES + 12];
        bound[..HEADER_BYTES].copy_from_slice(&self.header);
        bound[HEADER_BYTES..][..8].copy_from_slice(&index.to_le_bytes());
        bound[HEADER_BYTES + 8..].copy_from_slice(&count.to_le_bytes());
        bound
    }
}

/// Bytes of a block of so many records.
pub(crate) const fn block_bytes(records: usize) -> usize {
    COUNT_BYTES + NONCE_BYTES + records * RECORD_BYTES + TAG_BYTES
}

/// Records that the block with this beginning says it has, if a block can have as many.
pub(crate) fn count_of(block: &[u8]) -> Option<usize> {
    let count = u32::from_le_bytes(*block.first_chunk()?) as usize;
    (count <= BLOCK_RECORDS_MAX).then_some(count)
}

pub(crate) fn record(hash: &Hash, element: &Element) -> Record {
    let mut record = [0; RECORD_BYTES];
    record[..size_of::<Hash>()].copy_from_slice(hash);
    record[size_of::<Hash>()..].copy_from_slice(&element.0);
    record
}

pub(crate) fn hash_of(record: &Record) -> Hash {
    let mut hash = Hash::default();
    hash.copy_from_slice(&record[..size_of::<Hash>()]);
    hash
}

pub(crate) fn element_of(record: &Record) -> Element {
    let mut element = [0; ELEMENT_BYTES];
    element.copy_from_slice(&record[size_of::<Hash>()..]);
    Element(element)
}

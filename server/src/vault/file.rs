//! One part of a vault: sorted elements with labels (SPEC.md section "Vault").
//!
//! magic "SAMARVLT" ‖ version (u16 LE) ‖ header length (u32 LE) ‖ header ‖ records ‖ count (u64 LE) ‖ BLAKE3 of all before.
//! A record is 36 bytes: element (32) ‖ label (u32 LE); records ascend strictly by element.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use samar_local::durable::{Mode, Unfinished};
use samar_local::exit::{Failure, io_failure};
use samar_protocol::codec;
use samar_protocol::limits::CONTROL_BYTES_MAX;
use samar_protocol::oprf::Element;
use samar_protocol::vault::VaultHeader;

/// Opens every vault file; the last two bytes are the version, little-endian.
pub const VAULT_MAGIC: [u8; 10] = *b"SAMARVLT\x01\x00";
/// Bytes of a record.
pub const RECORD_BYTES: usize = 36;
/// Bytes of count and check, at the end.
pub(crate) const FOOTER_BYTES: usize = 8 + 32;
/// What helps against a damaged vault.
pub(crate) const VAULT_REMEDY: &str = "restore it from its backup, or remove it and ingest the breach again";
const BUFFER_BYTES: usize = 1 << 20;
const BUFFER_RECORDS: usize = BUFFER_BYTES / RECORD_BYTES;

/// One element and its label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// `k·H(x)`.
    pub element: Element,
    /// Bits of the classes that vary.
    pub label: u32,
}

impl Record {
    /// The 36 bytes of the file; they sort by element.
    #[must_use]
    pub fn to_bytes(self) -> [u8; RECORD_BYTES] {
        let mut bytes = [0; RECORD_BYTES];
        bytes[..32].copy_from_slice(&self.element.0);
        bytes[32..].copy_from_slice(&self.label.to_le_bytes());
        bytes
    }

    /// The record in 36 bytes.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; RECORD_BYTES]) -> Self {
        let (mut element, mut label) = ([0; 32], [0; 4]);
        element.copy_from_slice(&bytes[..32]);
        label.copy_from_slice(&bytes[32..]);
        Self { element: Element(element), label: u32::from_le_bytes(label) }
    }
}

/// The BLAKE3 at the end of a vault file: two files with the same hold the same.
pub type ContentHash = [u8; 32];

/// A vault file, read from front to back.
#[derive(Debug)]
pub struct Reader {
    path: PathBuf,
    header: VaultHeader,
    count: u64,
    content_hash: ContentHash,
    /// Records of the file that are not in the buffer yet.
    unread: u64,
    last: Option<[u8; 32]>,
    input: File,
    buffer: Vec<u8>,
    at: usize,
    hasher: blake3::Hasher,
}

impl Reader {
    /// Opens a vault file; `None` where there is none. Its hash is checked when the last record was read.
    ///
    /// # Errors
    /// A file that is no vault or is cut short.
    pub fn open(path: &Path) -> Result<Option<Self>, Failure> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io_failure("open", path, &error)),
        };
        let failure = |error: std::io::Error| match error.kind() {
            std::io::ErrorKind::UnexpectedEof => damaged(path, "it is cut short"),
            _ => io_failure("read", path, &error),
        };
        let length = file.metadata().map_err(failure)?.len();
        let mut input = file;
        let mut head = [0; VAULT_MAGIC.len() + 4];
        input.read_exact(&mut head).map_err(failure)?;
        let (magic, header_bytes) = head.split_at(VAULT_MAGIC.len());
        if magic != VAULT_MAGIC {
            return Err(damaged(path, "it is no vault of version 1"));
        }
        let header_bytes = u32::from_le_bytes(header_bytes.try_into().unwrap_or_default());
        if header_bytes as usize > CONTROL_BYTES_MAX {
            return Err(damaged(path, "its header is longer than any may be"));
        }
        let records_at = head.len() as u64 + u64::from(header_bytes);
        let records = length.checked_sub(records_at + FOOTER_BYTES as u64);
        let Some(records) = records.filter(|bytes| bytes % RECORD_BYTES as u64 == 0) else {
            return Err(damaged(path, "it is cut short"));
        };
        let mut header = vec![0; header_bytes as usize];
        input.read_exact(&mut header).map_err(failure)?;
        let mut hasher = blake3::Hasher::new();
        hasher.update(&head).update(&header);
        let header = codec::decode(&header).map_err(|error| damaged(path, &error.to_string()))?;

        let mut footer = [0; FOOTER_BYTES];
        input.seek(SeekFrom::End(-(FOOTER_BYTES as i64))).map_err(failure)?;
        input.read_exact(&mut footer).map_err(failure)?;
        input.seek(SeekFrom::Start(records_at)).map_err(failure)?;
        let (mut count, mut content_hash) = ([0; 8], [0; 32]);
        count.copy_from_slice(&footer[..8]);
        content_hash.copy_from_slice(&footer[8..]);
        let count = u64::from_le_bytes(count);
        if count != records / RECORD_BYTES as u64 {
            return Err(damaged(path, "its count is not that of its records"));
        }
        Ok(Some(Self {
            path: path.to_owned(),
            header,
            count,
            content_hash,
            unread: count,
            last: None,
            input,
            buffer: Vec::new(),
            at: 0,
            hasher,
        }))
    }

    /// Its header.
    #[must_use]
    pub fn header(&self) -> &VaultHeader {
        &self.header
    }

    /// Records in it.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// What its end says it holds.
    #[must_use]
    pub fn content_hash(&self) -> ContentHash {
        self.content_hash
    }

    /// The next record; `None` after the last, once all of the file was found to be as it was written.
    ///
    /// # Errors
    /// Damage, or the file system.
    pub fn read_record(&mut self) -> Result<Option<Record>, Failure> {
        if self.at == self.buffer.len() && !self.refill()? {
            return Ok(None);
        }
        // Unwrap safety: the buffer holds whole records.
        let bytes = self.buffer[self.at..].first_chunk().expect("a whole record");
        self.at += RECORD_BYTES;
        let record = Record::from_bytes(bytes);
        if self.last.is_some_and(|last| last >= record.element.0) {
            return Err(damaged(&self.path, "its elements are not in ascending order"));
        }
        self.last = Some(record.element.0);
        Ok(Some(record))
    }

    /// Reads and hashes the next records; `false` after the last, once the hash was found to be right.
    #[cold]
    fn refill(&mut self) -> Result<bool, Failure> {
        if self.unread == 0 {
            let mut hasher = self.hasher.clone();
            hasher.update(&self.count.to_le_bytes());
            if *hasher.finalize().as_bytes() != self.content_hash {
                return Err(damaged(&self.path, "its checksum does not match"));
            }
            return Ok(false);
        }
        let records = self.unread.min(BUFFER_RECORDS as u64);
        self.unread -= records;
        self.at = 0;
        self.buffer.resize(usize::try_from(records).unwrap_or_default() * RECORD_BYTES, 0);
        self.input.read_exact(&mut self.buffer).map_err(|error| match error.kind() {
            std::io::ErrorKind::UnexpectedEof => damaged(&self.path, "it is cut short"),
            _ => io_failure("read", &self.path, &error),
        })?;
        self.hasher.update(&self.buffer);
        Ok(true)
    }
}

fn damaged(path: &Path, what: &str) -> Failure {
    Failure::local(format!("{} is damaged: {what}", path.display())).remedy(VAULT_REMEDY)
}

/// A vault file being written.
#[derive(Debug)]
pub struct Writer {
    unfinished: Unfinished,
    place: PathBuf,
    hasher: blake3::Hasher,
    pending: Vec<u8>,
    count: u64,
}

impl Writer {
    /// Begins a vault file that will stand at `place`.
    ///
    /// # Errors
    /// Of the file system.
    pub fn create(place: &Path, header: &VaultHeader) -> Result<Self, Failure> {
        let failure = |error: std::io::Error| io_failure("write", place, &error);
        let unfinished = Unfinished::create(place, Mode::Private).map_err(failure)?;
        let header = codec::encode(header).map_err(Failure::input)?;
        let mut pending = VAULT_MAGIC.to_vec();
        pending.extend(u32::try_from(header.len()).unwrap_or(u32::MAX).to_le_bytes());
        pending.extend(header);
        let hasher = blake3::Hasher::new();
        Ok(Self { unfinished, place: place.to_owned(), hasher, pending, count: 0 })
    }

    /// Adds the next record; the caller keeps the order.
    ///
    /// # Errors
    /// Of the file system.
    pub fn push(&mut self, record: Record) -> Result<(), Failure> {
        self.pending.extend(record.to_bytes());
        self.count += 1;
        if self.pending.len() >= BUFFER_BYTES { self.flush() } else { Ok(()) }
    }

    /// Puts the file in its place, durably.
    ///
    /// # Errors
    /// Of the file system; the place is then as it was.
    pub fn finish(mut self) -> Result<ContentHash, Failure> {
        self.pending.extend(self.count.to_le_bytes());
        self.flush()?;
        let content_hash = *self.hasher.finalize().as_bytes();
        let place = self.place;
        let failure = |error: std::io::Error| io_failure("write", &place, &error);
        self.unfinished.file().write_all(&content_hash).map_err(failure)?;
        self.unfinished.finish().map_err(failure)?;
        Ok(content_hash)
    }

    fn flush(&mut self) -> Result<(), Failure> {
        self.hasher.update(&self.pending);
        let written = self.unfinished.file().write_all(&self.pending);
        self.pending.clear();
        written.map_err(|error| io_failure("write", &self.place, &error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> VaultHeader {
        let varies = vec!["photo".to_owned()];
        VaultHeader { key_id: [1; 8], breach: "bpjs-2021".to_owned(), exposes: vec![], varies }
    }

    fn write(path: &Path, count: u8) {
        let mut writer = Writer::create(path, &header()).unwrap();
        for i in 0..count {
            writer.push(Record { element: Element([i; 32]), label: u32::from(i % 2) }).unwrap();
        }
        writer.finish().unwrap();
    }

    fn read(path: &Path) -> Result<Vec<Record>, Failure> {
        let mut reader = Reader::open(path)?.unwrap();
        std::iter::from_fn(|| reader.read_record().transpose()).collect()
    }

    #[test]
    fn reads_back_what_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("1-base.vault");
        assert!(Reader::open(&path).unwrap().is_none());
        for count in [0, 1, 100] {
            write(&path, count);
            let records = read(&path).unwrap();
            assert_eq!(records.len(), usize::from(count));
            assert!(
                records.iter().zip(0u8..).all(|(r, i)| r.element.0 == [i; 32] && r.label == u32::from(i % 2))
            );
        }
    }

    #[test]
    fn any_damage_is_an_error_and_never_a_shorter_set() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("1-base.vault");
        write(&path, 5);
        let good = std::fs::read(&path).unwrap();
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0x40;
            std::fs::write(&path, &bad).unwrap();
            read(&path).expect_err(&format!("byte {at}"));
            std::fs::write(&path, &good[..at]).unwrap();
            read(&path).expect_err(&format!("cut at {at}"));
        }
    }
}

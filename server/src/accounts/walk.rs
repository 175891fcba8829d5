//! The account log as it is read: by the server when it starts, and by whoever looks at it while one runs.

use std::fs::File;
use std::io::{self, BufReader, Read as _, Seek as _, SeekFrom};
use std::ops::Range;

use samar_protocol::account::Record;
use samar_protocol::codec;

use super::log::GROUP_MAX;

/// Opens every account log; the last two bytes are the version, little-endian.
pub const LOG_MAGIC: [u8; 10] = *b"SAMARLOG\x01\x00";
/// What helps against a damaged log.
pub const LOG_REMEDY: &str =
    "restore the log from its backup; without it the allowances of all banks are unknown";

/// Bytes of body a record may have: a bank's name and fixed fields.
pub(super) const BODY_BYTES_MAX: usize = 1_024;
/// Bytes of a record beside its body: head and chain.
const RECORD_BYTES_MIN: usize = 4 + 32;
/// In the length of a record: a group begins with it.
const GROUP_BEGINS: u16 = 1 << 15;
/// What a disk writes as one, or not: the least that any does.
const SECTOR_BYTES: usize = 512;
/// Bytes that a crash can tear: more than a group has.
const TAIL_BYTES_MAX: u64 = (GROUP_MAX * BODY_BYTES_MAX) as u64;

/// A place between two records of a log; by default its beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// Bytes before it; 0 where not even the first bytes of the file are whole.
    pub bytes: u64,
    /// Records before it.
    pub records: u64,
    /// The chain after the last of them.
    pub chain: [u8; 32],
}

/// A record, and where it stands.
#[derive(Clone, Debug)]
pub struct Placed {
    /// Its number, from 1.
    pub number: u64,
    /// The byte at which it begins.
    pub at: u64,
    /// The record.
    pub record: Record,
}

/// Why a walk ended before the log did.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// Of the file system.
    #[error(transparent)]
    Read(io::Error),
    /// The log was changed.
    #[error("at byte {at}{}: {what}", of_record(*number))]
    Damaged {
        /// The first record that is not as it was written, from 1; 0 for the file's first bytes.
        number: u64,
        /// The byte at which it begins.
        at: u64,
        /// What is wrong.
        what: String,
    },
}

/// Which record, in a message; the file's first bytes are none.
fn of_record(number: u64) -> String {
    if number == 0 { String::new() } else { format!(", record {number}") }
}

/// What stands after the last whole record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tail {
    /// Nothing.
    None,
    /// Records that are not all there: they are being written, or a crash tore them. Nothing was answered for them.
    Torn,
}

/// A walk along a log's chain, up to a length: what is appended meanwhile is not looked at. What a crash tore is the end of the
/// last group, and shows it (SPEC.md section "Account log"): anything else is damage.
#[derive(Debug)]
pub struct Walk<'a> {
    reader: BufReader<&'a File>,
    length: u64,
    at: Mark,
    tail: Tail,
}

impl<'a> Walk<'a> {
    /// A walk along the first `length` bytes of a log that stands at its beginning.
    #[must_use]
    pub fn new(file: &'a File, length: u64) -> Self {
        let reader = BufReader::with_capacity(1 << 20, file);
        Self { reader, length, at: Mark::default(), tail: Tail::Torn }
    }

    /// A walk that goes on from a mark, which the caller knows to be one of this log.
    ///
    /// # Errors
    /// Of the file system.
    pub fn resume(mut file: &'a File, length: u64, at: Mark) -> io::Result<Self> {
        file.seek(SeekFrom::Start(at.bytes))?;
        Ok(Self { at, ..Self::new(file, length) })
    }

    /// Where it stands: after the last record that was read.
    #[must_use]
    pub fn at(&self) -> Mark {
        self.at
    }

    /// What stands after the last record; of meaning once [`Walk::step`] gave `None`.
    #[must_use]
    pub fn tail(&self) -> Tail {
        self.tail
    }

    /// The next record; `None` at the end, a torn one included.
    ///
    /// # Errors
    /// [`LogError`] with the first record that is damaged.
    pub fn step(&mut self) -> Result<Option<Placed>, LogError> {
        if self.at.bytes == 0 && !self.open()? {
            return Ok(None);
        }
        let left = self.length - self.at.bytes;
        let mut head = [0; 4];
        if left == 0 {
            self.tail = Tail::None;
        }
        if left < 4 {
            return Ok(None);
        }
        self.fill(&mut head)?;
        let Some((body_bytes, _)) = read_head(head) else {
            // Up to here a length may have been written in part.
            return self.torn_or_damaged(4, None, "its length was changed");
        };
        let record_bytes = RECORD_BYTES_MIN + body_bytes;
        if left < record_bytes as u64 {
            return Ok(None);
        }
        let mut body = vec![0; body_bytes];
        let mut found = [0; 32];
        self.fill(&mut body)?;
        self.fill(&mut found)?;
        let expected = next_chain(&self.at.chain, &body);
        if found != expected {
            let what = "it does not match the chain: it or one before it was changed";
            return self.torn_or_damaged(record_bytes, Some(expected), what);
        }
        let record = codec::decode(&body).map_err(|error| self.damaged(&error.to_string()))?;
        let Mark { bytes, records, .. } = self.at;
        let placed = Placed { number: records + 1, at: bytes, record };
        self.at = Mark { bytes: bytes + record_bytes as u64, records: records + 1, chain: expected };
        Ok(Some(placed))
    }

    /// Reads the file's first bytes; false where the log was torn while it was created, before any record.
    fn open(&mut self) -> Result<bool, LogError> {
        if self.length < LOG_MAGIC.len() as u64 {
            return Ok(false);
        }
        let mut magic = [0; LOG_MAGIC.len()];
        self.fill(&mut magic)?;
        if magic != LOG_MAGIC {
            if self.length == LOG_MAGIC.len() as u64 && is_begun(&magic) {
                return Ok(false);
            }
            let what = "it does not open as an account log of version 1".to_owned();
            return Err(LogError::Damaged { number: 0, at: 0, what });
        }
        self.at.bytes = LOG_MAGIC.len() as u64;
        Ok(true)
    }

    fn fill(&mut self, out: &mut [u8]) -> Result<(), LogError> {
        self.reader.read_exact(out).map_err(LogError::Read)
    }

    /// A crash leaves of what was not synced some parts and not others: the file ends early, or has a hole of zeros up to the end
    /// of a sector. It can do so to the last group only, since the others were synced before the next one began. Anything else
    /// is damage. `chain` is what should stand at the end of this record.
    fn torn_or_damaged(
        &mut self,
        record_bytes: usize,
        chain: Option<[u8; 32]>,
        what: &str,
    ) -> Result<Option<Placed>, LogError> {
        if self.length - self.at.bytes > TAIL_BYTES_MAX {
            return Err(self.damaged(what));
        }
        let from = self.at.bytes - self.at.bytes % SECTOR_BYTES as u64;
        self.reader.seek(SeekFrom::Start(from)).map_err(LogError::Read)?;
        let mut sectors = Vec::new();
        self.reader.by_ref().take(self.length - from).read_to_end(&mut sectors).map_err(LogError::Read)?;
        #[allow(clippy::cast_possible_truncation)] // within a sector
        let begin = (self.at.bytes - from) as usize;
        let torn = has_hole(&sectors, begin..begin + record_bytes)
            && !group_follows(&sectors[begin..], record_bytes, chain);
        if torn { Ok(None) } else { Err(self.damaged(what)) }
    }

    fn damaged(&self, what: &str) -> LogError {
        LogError::Damaged { number: self.at.records + 1, at: self.at.bytes, what: what.to_owned() }
    }
}

pub(super) fn next_chain(previous: &[u8; 32], body: &[u8]) -> [u8; 32] {
    *blake3::Hasher::new().update(b"samar account log v1").update(previous).update(body).finalize().as_bytes()
}

/// The head of a record: length of its body, with a bit where a group begins, and the complement of both.
pub(super) fn head(body_bytes: u16, begins_group: bool) -> [u8; 4] {
    let length = body_bytes | if begins_group { GROUP_BEGINS } else { 0 };
    let ([a, b], [c, d]) = (length.to_le_bytes(), (!length).to_le_bytes());
    [a, b, c, d]
}

/// Length of the body, and whether a group begins; `None` for what is no head.
pub(crate) fn read_head([a, b, c, d]: [u8; 4]) -> Option<(usize, bool)> {
    let (length, complement) = (u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d]));
    let bytes = usize::from(length & !GROUP_BEGINS);
    let sound = complement == !length && (1..=BODY_BYTES_MAX).contains(&bytes);
    sound.then_some((bytes, length & GROUP_BEGINS != 0))
}

/// Whether the log was cut off while it was created: its magic up to some byte, and zeros from there on.
fn is_begun(magic: &[u8; LOG_MAGIC.len()]) -> bool {
    let written = magic.iter().zip(LOG_MAGIC).take_while(|(found, expected)| *found == expected).count();
    magic[written..].iter().all(|byte| *byte == 0)
}

/// Whether a part of a record is missing: zeros that reach from within it to the end of a sector, or of all. The first sector
/// begins with the first byte.
fn has_hole(sectors: &[u8], record: Range<usize>) -> bool {
    sectors.chunks(SECTOR_BYTES).enumerate().any(|(number, sector)| {
        let written = sector.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        let (hole, end) = (number * SECTOR_BYTES + written, number * SECTOR_BYTES + sector.len());
        hole.max(record.start) < end.min(record.end)
    })
}

/// Whether a group begins after this record, and matches the chain of what stands before it: then this one was synced.
fn group_follows(bytes: &[u8], record_bytes: usize, chain: Option<[u8; 32]>) -> bool {
    (RECORD_BYTES_MIN..bytes.len()).any(|at| {
        let (before, record) = bytes.split_at(at);
        let Some((head, rest)) = record.split_first_chunk::<4>() else { return false };
        let Some((body_bytes, true)) = read_head(*head) else { return false };
        let Some((body, rest)) = rest.split_at_checked(body_bytes) else { return false };
        let follows = |chain: &[u8; 32]| rest.starts_with(&next_chain(chain, body));
        // Where this record's own chain was changed, the next one still goes on from what it was.
        before.last_chunk::<32>().is_some_and(follows)
            || (at == record_bytes && chain.as_ref().is_some_and(follows))
    })
}

#[cfg(test)]
mod tests;

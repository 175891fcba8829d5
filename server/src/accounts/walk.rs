//! The account log as it is read: by the server when it starts, and by whoever looks at it while one runs.

use std::fs::File;
use std::io::{self, BufReader, Read as _, Seek as _, SeekFrom};

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
    /// A record that is cut short, or zeros: it is being written, or a crash tore it.
    Cut,
    /// A record of full length that does not match its chain: a crash tore it, or it was changed. Whoever serves cannot
    /// tell, and takes it for torn.
    Unmatched,
}

/// A walk along a log's chain, up to a length: what is appended meanwhile is not looked at. Bytes after the last whole
/// record are a torn one, and only a torn *last* record is one: anything else is damage.
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
        Self { reader, length, at: Mark::default(), tail: Tail::Cut }
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
        let Some(body_bytes) = body_length(head) else {
            // Up to here a length may have been written in part; behind it a torn write leaves nothing.
            self.zeros_or_damaged(4, "its length was changed")?;
            return Ok(None);
        };
        let record_bytes = 4 + body_bytes as u64 + 32;
        if left < record_bytes {
            return Ok(None);
        }
        let mut body = vec![0; body_bytes];
        let mut found = [0; 32];
        self.fill(&mut body)?;
        self.fill(&mut found)?;
        let expected = next_chain(&self.at.chain, &body);
        if found != expected {
            if left == record_bytes {
                self.tail = Tail::Unmatched; // written in part: the last record, never synced
            } else {
                // A group can be torn inside one record, with nothing but zeros where the later ones should be.
                let what = "it does not match the chain: it or one before it was changed";
                self.zeros_or_damaged(record_bytes, what)?;
            }
            return Ok(None);
        }
        let record = codec::decode(&body).map_err(|error| self.damaged(&error.to_string()))?;
        let Mark { bytes, records, .. } = self.at;
        let placed = Placed { number: records + 1, at: bytes, record };
        self.at = Mark { bytes: bytes + record_bytes, records: records + 1, chain: expected };
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
            let what = "it does not open as an account log of version 1".to_owned();
            return Err(LogError::Damaged { number: 0, at: 0, what });
        }
        self.at.bytes = LOG_MAGIC.len() as u64;
        Ok(true)
    }

    fn fill(&mut self, out: &mut [u8]) -> Result<(), LogError> {
        self.reader.read_exact(out).map_err(LogError::Read)
    }

    /// A crash can leave a tail that was allocated but never written: all zeros, and no longer than a group. Anything
    /// else is damage.
    fn zeros_or_damaged(&mut self, after: u64, what: &str) -> Result<(), LogError> {
        let from = self.at.bytes + after;
        self.reader.seek(SeekFrom::Start(from)).map_err(LogError::Read)?;
        let mut rest = Vec::new();
        let bytes_max = (GROUP_MAX * BODY_BYTES_MAX) as u64;
        let bytes = (self.length - from).min(bytes_max + 1);
        self.reader.by_ref().take(bytes).read_to_end(&mut rest).map_err(LogError::Read)?;
        if rest.len() as u64 <= bytes_max && rest.iter().all(|byte| *byte == 0) {
            return Ok(());
        }
        Err(self.damaged(what))
    }

    fn damaged(&self, what: &str) -> LogError {
        LogError::Damaged { number: self.at.records + 1, at: self.at.bytes, what: what.to_owned() }
    }
}

pub(super) fn next_chain(previous: &[u8; 32], body: &[u8]) -> [u8; 32] {
    *blake3::Hasher::new().update(b"samar account log v1").update(previous).update(body).finalize().as_bytes()
}

fn body_length([a, b, c, d]: [u8; 4]) -> Option<usize> {
    let (length, complement) = (u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d]));
    let bytes = usize::from(length);
    (complement == !length && (1..=BODY_BYTES_MAX).contains(&bytes)).then_some(bytes)
}

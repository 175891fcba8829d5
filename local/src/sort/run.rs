//! One sorted run on disk: written once, read once or more, then gone. What is read back is compared, block by block, with a check
//! that stayed in memory.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::sync::Arc;

use tempfile::TempPath;

use super::SortError;

const PREFIX: &str = "run-";
const SUFFIX: &str = ".tmp";

/// Removes the runs that a killed process left in `folder` and says how many there were. No sort may be using the
/// folder. A folder that does not exist has none.
pub fn remove_leftovers(folder: &Path) -> Result<usize, SortError> {
    let failed = |path: &Path, source| SortError::Leftover { path: path.to_owned(), source };
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(failed(folder, error)),
    };
    let mut removed = 0;
    for entry in entries {
        let entry = entry.map_err(|error| failed(folder, error))?;
        let name = entry.file_name();
        let ours = name.to_str().is_some_and(|name| name.starts_with(PREFIX) && name.ends_with(SUFFIX));
        let is_file = entry.file_type().map_err(|error| failed(&entry.path(), error))?.is_file();
        if ours && is_file {
            fs::remove_file(entry.path()).map_err(|error| failed(&entry.path(), error))?;
            removed += 1;
        }
    }
    Ok(removed)
}

/// Bytes of a block of a run at most: as much as a reader with little memory reads at once.
const BLOCK_BYTES_MAX: usize = super::READ_BYTES_MIN;

/// Bytes of the blocks of a run of such records: whole records.
pub(super) const fn block_bytes<const N: usize>() -> usize {
    if N > BLOCK_BYTES_MAX { N } else { BLOCK_BYTES_MAX - BLOCK_BYTES_MAX % N }
}

/// The first 8 bytes of the BLAKE3 of a block. There are as many as 64 KiB go into a run: 1.3 MB for 10 GB.
type Check = [u8; 8];

/// A finished run. Dropping the last one of its clones and readers removes the file.
#[derive(Clone, Debug)]
pub(super) struct Run {
    path: Arc<TempPath>,
    bytes: u64,
    block_bytes: usize,
    checks: Arc<Vec<Check>>,
}

/// Cuts the bytes of a run into blocks as they go by, and gives the check of each.
struct Checker {
    block_bytes: usize,
    hasher: blake3::Hasher,
    in_block: usize,
}

impl Checker {
    fn new(block_bytes: usize) -> Self {
        Self { block_bytes, hasher: blake3::Hasher::new(), in_block: 0 }
    }

    /// Takes bytes in; `each` is given the check of every block that ends in them.
    fn update(&mut self, mut bytes: &[u8], mut each: impl FnMut(Check)) {
        while !bytes.is_empty() {
            let (part, rest) = bytes.split_at(bytes.len().min(self.block_bytes - self.in_block));
            self.hasher.update(part);
            self.in_block += part.len();
            bytes = rest;
            if self.in_block == self.block_bytes {
                each(self.end());
            }
        }
    }

    /// The check of a last block that is not full, where there is one.
    fn last(&mut self) -> Option<Check> {
        (self.in_block > 0).then(|| self.end())
    }

    fn end(&mut self) -> Check {
        let [check, ..] = *self.hasher.finalize().as_bytes().as_chunks::<8>().0 else {
            unreachable!("32 bytes are four times 8")
        };
        self.hasher.reset();
        self.in_block = 0;
        check
    }
}

pub(super) struct RunWriter {
    // The file is closed before `path` removes it.
    file: File,
    path: TempPath,
    buffer: Vec<u8>,
    buffer_bytes: usize,
    bytes: u64,
    checker: Checker,
    checks: Vec<Check>,
}

impl RunWriter {
    /// A new run of `N`-byte records in `folder`, mode 0600, writing through `buffer_bytes` of memory; 0 writes straight through.
    pub(super) fn create<const N: usize>(folder: &Path, buffer_bytes: usize) -> Result<Self, SortError> {
        let created = tempfile::Builder::new().prefix(PREFIX).suffix(SUFFIX).tempfile_in(folder);
        let (file, path) = created
            .map_err(|source| match source.kind() {
                kind if is_full(kind) => SortError::Full { folder: folder.to_owned(), source },
                _ => SortError::Create { folder: folder.to_owned(), source },
            })?
            .into_parts();
        let (buffer, checker) = (Vec::with_capacity(buffer_bytes), Checker::new(block_bytes::<N>()));
        Ok(Self { file, path, buffer, buffer_bytes, bytes: 0, checker, checks: Vec::new() })
    }

    pub(super) fn write(&mut self, records: &[u8]) -> Result<(), SortError> {
        self.bytes += records.len() as u64;
        if self.buffer.len() + records.len() > self.buffer_bytes {
            self.flush()?;
            if records.len() >= self.buffer_bytes {
                self.checker.update(records, |check| self.checks.push(check));
                return self.file.write_all(records).map_err(|error| write_error(&self.path, error));
            }
        }
        self.buffer.extend_from_slice(records);
        Ok(())
    }

    pub(super) fn finish<const N: usize>(mut self) -> Result<Run, SortError> {
        self.flush()?;
        debug_assert_eq!(self.bytes % N as u64, 0, "whole records");
        self.checks.extend(self.checker.last());
        let (path, checks) = (Arc::new(self.path), Arc::new(self.checks));
        Ok(Run { path, bytes: self.bytes, block_bytes: self.checker.block_bytes, checks })
    }

    fn flush(&mut self) -> Result<(), SortError> {
        self.checker.update(&self.buffer, |check| self.checks.push(check));
        self.file.write_all(&self.buffer).map_err(|error| write_error(&self.path, error))?;
        self.buffer.clear();
        Ok(())
    }
}

pub(super) struct RunReader {
    file: File,
    path: Arc<TempPath>,
    buffer: Vec<u8>,
    at: usize,
    /// Bytes of the file that are not in the buffer yet.
    unread: u64,
    checker: Checker,
    checks: Arc<Vec<Check>>,
    /// Blocks that were compared.
    compared: usize,
}

impl RunReader {
    /// `buffer_bytes` is a whole number of records. Of blocks too, if it is not less than one: then nothing is given out that was not
    /// compared; else a changed record may be given out before the error.
    pub(super) fn open(run: Run, buffer_bytes: usize) -> Result<Self, SortError> {
        let file = File::open(&*run.path).map_err(|error| read_error(&run.path, error))?;
        let bytes = usize::try_from(run.bytes).map_or(buffer_bytes, |bytes| bytes.min(buffer_bytes));
        let (buffer, checker) = (vec![0; bytes], Checker::new(run.block_bytes));
        let Run { path, bytes: unread, checks, .. } = run;
        Ok(Self { file, path, buffer, at: bytes, unread, checker, checks, compared: 0 })
    }

    /// Records not yet given out.
    pub(super) fn records_left<const N: usize>(&self) -> u64 {
        (self.unread + (self.buffer.len() - self.at) as u64) / N as u64
    }

    #[inline]
    pub(super) fn next<const N: usize>(&mut self) -> Result<Option<[u8; N]>, SortError> {
        if self.at == self.buffer.len() && !self.refill()? {
            return Ok(None);
        }
        let record = self.buffer[self.at..].first_chunk().copied();
        self.at += N;
        Ok(record)
    }

    #[cold]
    fn refill(&mut self) -> Result<bool, SortError> {
        // The buffer only ever shrinks: for the last stretch of the file.
        let bytes =
            usize::try_from(self.unread).map_or(self.buffer.len(), |left| left.min(self.buffer.len()));
        self.buffer.truncate(bytes);
        self.at = 0;
        self.unread -= bytes as u64;
        match self.file.read_exact(&mut self.buffer) {
            Ok(()) if self.is_as_written() => Ok(bytes > 0),
            Ok(()) => Err(SortError::Damaged { path: self.path.to_path_buf() }),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Err(SortError::Truncated { path: self.path.to_path_buf() })
            }
            Err(error) => Err(read_error(&self.path, error)),
        }
    }

    /// Whether every block that ends in the buffer is the one that was written.
    fn is_as_written(&mut self) -> bool {
        let (checks, mut compared, mut is_same) = (&self.checks, self.compared, true);
        let mut compare = |check| {
            is_same &= checks.get(compared) == Some(&check);
            compared += 1;
        };
        self.checker.update(&self.buffer, &mut compare);
        if self.unread == 0
            && let Some(last) = self.checker.last()
        {
            compare(last);
        }
        self.compared = compared;
        is_same
    }
}

pub(super) fn write_error(path: &Path, source: io::Error) -> SortError {
    if is_full(source.kind()) {
        let folder = path.parent().unwrap_or(path).to_owned();
        return SortError::Full { folder, source };
    }
    SortError::Write { path: path.to_owned(), source }
}

fn read_error(path: &Path, source: io::Error) -> SortError {
    SortError::Read { path: path.to_owned(), source }
}

fn is_full(kind: io::ErrorKind) -> bool {
    matches!(kind, io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

//! One sorted run on disk: written once, read once, then gone.

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

/// A finished run. Dropping the last one of its clones and readers removes the file.
#[derive(Clone, Debug)]
pub(super) struct Run {
    path: Arc<TempPath>,
    bytes: u64,
}

pub(super) struct RunWriter {
    // The file is closed before `path` removes it.
    file: File,
    path: TempPath,
    buffer: Vec<u8>,
    buffer_bytes: usize,
    bytes: u64,
}

impl RunWriter {
    /// A new run in `folder`, mode 0600, writing through `buffer_bytes` of memory; 0 writes straight through.
    pub(super) fn create(folder: &Path, buffer_bytes: usize) -> Result<Self, SortError> {
        let created = tempfile::Builder::new().prefix(PREFIX).suffix(SUFFIX).tempfile_in(folder);
        let (file, path) = created
            .map_err(|source| match source.kind() {
                kind if is_full(kind) => SortError::Full { folder: folder.to_owned(), source },
                _ => SortError::Create { folder: folder.to_owned(), source },
            })?
            .into_parts();
        Ok(Self { file, path, buffer: Vec::with_capacity(buffer_bytes), buffer_bytes, bytes: 0 })
    }

    pub(super) fn write(&mut self, records: &[u8]) -> Result<(), SortError> {
        self.bytes += records.len() as u64;
        if self.buffer.len() + records.len() > self.buffer_bytes {
            self.flush()?;
            if records.len() >= self.buffer_bytes {
                return self.file.write_all(records).map_err(|error| write_error(&self.path, error));
            }
        }
        self.buffer.extend_from_slice(records);
        Ok(())
    }

    pub(super) fn finish<const N: usize>(mut self) -> Result<Run, SortError> {
        self.flush()?;
        debug_assert_eq!(self.bytes % N as u64, 0, "whole records");
        Ok(Run { path: Arc::new(self.path), bytes: self.bytes })
    }

    fn flush(&mut self) -> Result<(), SortError> {
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
}

impl RunReader {
    /// `buffer_bytes` is a whole number of records.
    pub(super) fn open(run: Run, buffer_bytes: usize) -> Result<Self, SortError> {
        let file = File::open(&*run.path).map_err(|error| read_error(&run.path, error))?;
        let bytes = usize::try_from(run.bytes).map_or(buffer_bytes, |bytes| bytes.min(buffer_bytes));
        Ok(Self { file, path: run.path, buffer: vec![0; bytes], at: bytes, unread: run.bytes })
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
            Ok(()) => Ok(bytes > 0),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Err(SortError::Truncated { path: self.path.to_path_buf() })
            }
            Err(error) => Err(read_error(&self.path, error)),
        }
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

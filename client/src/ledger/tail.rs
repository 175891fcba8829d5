//! The end of a ledger that grows: verified batches, block by block, in the order in which they came.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use samar_local::durable::{folder_of, sync_folder};
use samar_local::exit::{Failure, io_failure};

use super::block::{BLOCK_RECORDS_MAX, FileHeader, HEADER_BYTES, Record, Sealer, block_bytes, count_of};
use super::damaged;

/// Blocks that may be written and not yet synced when the power goes: as many as batches are under way.
const UNSYNCED_BLOCKS_MAX: usize = 4;

/// A tail that blocks are added to. The file is made with the first.
pub(super) struct Tail {
    path: PathBuf,
    header: FileHeader,
    file: Option<File>,
    end: u64,
    blocks: u64,
    pub(super) records: u64,
    /// Blocks of nothing, each of which says that an answer was refused.
    pub(super) refused: u64,
}

impl Tail {
    /// One that does not exist yet.
    pub(super) fn new(path: PathBuf, header: FileHeader) -> Self {
        Self { path, header, file: None, end: HEADER_BYTES as u64, blocks: 0, records: 0, refused: 0 }
    }

    /// Adds a block; whoever relies on it calls `sync_data` of the file that is given back.
    pub(super) fn append(&mut self, sealer: &Sealer, records: &[Record]) -> Result<File, Failure> {
        let block = sealer.seal(self.blocks, records);
        let mut write = || {
            let file = match self.file.take() {
                Some(file) => file,
                None => create(&self.path, self.header)?,
            };
            let written = file.write_all_at(&block, self.end);
            let again = file.try_clone();
            if written.is_err() {
                // On a full disk half a block would stand before those that other batches add.
                let _ = file.set_len(self.end);
            }
            self.file = Some(file);
            written.and(again)
        };
        let file = write().map_err(|error| io_failure("write", &self.path, &error))?;
        self.end += block.len() as u64;
        self.blocks += 1;
        self.records += records.len() as u64;
        self.refused += u64::from(records.is_empty());
        Ok(file)
    }

    /// Reads what this run added: none of it may be missing.
    pub(super) fn read(&self, sealer: Sealer) -> Result<TailReader, Failure> {
        let file = self.file.as_ref().map(File::try_clone).transpose();
        let file = file.map_err(|error| io_failure("read", &self.path, &error))?;
        Ok(TailReader {
            path: self.path.clone(),
            file,
            sealer,
            at: HEADER_BYTES as u64,
            end: self.end,
            index: 0,
            torn: None,
        })
    }
}

fn create(path: &Path, header: FileHeader) -> io::Result<File> {
    let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)?;
    let begin = || {
        file.write_all_at(&header.to_bytes(), 0)?;
        file.sync_all()?;
        sync_folder(folder_of(path))
    };
    if let Err(error) = begin() {
        let _ = std::fs::remove_file(path); // the next block tries again
        return Err(error);
    }
    Ok(file)
}

/// The blocks of a tail.
pub(super) struct TailReader {
    path: PathBuf,
    file: Option<File>,
    sealer: Sealer,
    at: u64,
    end: u64,
    index: u64,
    /// Where a block that is not whole is what a killed run was writing, and not damage.
    torn: Option<u64>,
}

impl TailReader {
    /// The tail that an earlier run left, if it left one. Its last blocks may be torn: they were never relied on.
    pub(super) fn left(path: PathBuf, header: FileHeader, sealer: Sealer) -> Result<Option<Self>, Failure> {
        let failed = |error: io::Error| io_failure("read", &path, &error);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let end = file.metadata().map_err(failed)?.len();
        let torn = end.saturating_sub((UNSYNCED_BLOCKS_MAX * block_bytes(BLOCK_RECORDS_MAX)) as u64);
        if end < HEADER_BYTES as u64 {
            return Ok(None); // killed before the first block
        }
        let mut found = [0; HEADER_BYTES];
        file.read_exact_at(&mut found, 0).map_err(failed)?;
        if found != header.to_bytes() {
            return Err(damaged(&path, Some(0), "its header is that of another file"));
        }
        let at = HEADER_BYTES as u64;
        Ok(Some(Self { path, file: Some(file), sealer, at, end, index: 0, torn: Some(torn) }))
    }

    /// The records of the next block; nothing at the end.
    pub(super) fn next(&mut self) -> Result<Option<Vec<Record>>, Failure> {
        let Some(file) = &self.file else { return Ok(None) };
        if self.at >= self.end {
            return Ok(None);
        }
        let read = |bytes: usize| {
            let mut block = vec![0; bytes];
            if self.at + bytes as u64 > self.end {
                return Ok(None);
            }
            match file.read_exact_at(&mut block, self.at) {
                Ok(()) => Ok(Some(block)),
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
                Err(error) => Err(io_failure("read", &self.path, &error)),
            }
        };
        let count = read(4)?.and_then(|head| count_of(&head));
        let block = count.map(|count| read(block_bytes(count))).transpose()?.flatten();
        let records = block.and_then(|mut block| {
            let records = self.sealer.open(self.index, &mut block)?.to_vec();
            Some((records, block.len() as u64))
        });
        match records {
            Some((records, bytes)) => {
                self.at += bytes;
                self.index += 1;
                Ok(Some(records))
            }
            None if self.torn.is_some_and(|torn| self.at >= torn) => {
                self.at = self.end;
                Ok(None)
            }
            None => Err(damaged(&self.path, Some(self.at), "the block does not match its check")),
        }
    }
}

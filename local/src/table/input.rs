//! Where bytes come from: a stream that is read once, or something in which one can go back.

use std::io::{self, Read, Seek, SeekFrom};
use std::sync::{Arc, Mutex, PoisonError};

use super::{HELD_BYTES_MAX, TableError};

/// What can be read from any place: a file, or bytes in memory.
pub trait Seekable: Read + Seek + Send {}

impl<T: Read + Seek + Send> Seekable for T {}

/// Where a table's bytes come from.
pub enum Input {
    /// Read once, from its beginning: standard input, a pipe.
    Stream(Box<dyn Read + Send>),
    /// Read in any order. Zip, xlsx and Parquet have their directory at the end.
    File(Box<dyn Seekable>),
}

impl Input {
    /// A file on disk or bytes in memory.
    pub fn file(file: impl Seekable + 'static) -> Self {
        Self::File(Box::new(file))
    }

    /// A pipe, or anything that is read once.
    pub fn stream(reader: impl Read + Send + 'static) -> Self {
        Self::Stream(Box::new(reader))
    }
}

/// A file that several readers share, each at a place of its own.
#[derive(Clone)]
pub(super) struct Shared {
    file: Arc<Mutex<Box<dyn Seekable>>>,
    /// Bytes of the file when it was opened.
    pub(super) length: u64,
}

impl Shared {
    pub(super) fn new(mut file: Box<dyn Seekable>) -> io::Result<Self> {
        let length = file.seek(SeekFrom::End(0))?;
        Ok(Self { file: Arc::new(Mutex::new(file)), length })
    }

    /// Takes a stream into memory, where the file's form must be read from its end. Nothing goes to the disk, which must
    /// not see what stands in it.
    pub(super) fn held(stream: Box<dyn Read + Send>, name: &str) -> Result<io::Result<Self>, TableError> {
        let mut bytes = Vec::new();
        if let Err(error) = stream.take(HELD_BYTES_MAX as u64 + 1).read_to_end(&mut bytes) {
            return Ok(Err(error));
        }
        if bytes.len() > HELD_BYTES_MAX {
            return Err(TableError::TooLongToHold { name: name.to_owned() });
        }
        Ok(Self::new(Box::new(io::Cursor::new(bytes))))
    }

    /// Reads from a place; fewer bytes than asked for only at the end.
    fn read_at(&self, at: u64, out: &mut [u8]) -> io::Result<usize> {
        // A poisoned lock is of a reader that panicked; every read seeks anew, so that nothing of it stays.
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(at))?;
        file.read(out)
    }

    /// The bytes from `start` up to `end`, or to where the file ends.
    pub(super) fn section(&self, start: u64, end: u64) -> Section {
        Section { shared: self.clone(), start, at: start, end: end.min(self.length) }
    }

    pub(super) fn whole(&self) -> Section {
        self.section(0, self.length)
    }
}

/// A part of a file, read on its own.
pub(super) struct Section {
    shared: Shared,
    start: u64,
    at: u64,
    end: u64,
}

impl Read for Section {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let length = out.len().min(left);
        let read = self.shared.read_at(self.at, &mut out[..length])?;
        self.at += read as u64;
        Ok(read)
    }
}

impl Seek for Section {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(offset) => self.start.checked_add(offset),
            SeekFrom::End(offset) => self.end.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.at.checked_add_signed(offset),
        };
        let at = at.filter(|at| *at >= self.start);
        self.at = at.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.at - self.start)
    }
}

//! A decompressor that stops where no real file goes: a small file that unpacks to more than any disk holds.

use std::fmt;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::source::Source;
use super::{UNPACKED_BYTES_MAX, UNPACKED_FREE_BYTES, UNPACKED_RATIO_MAX};

/// Counts what is read of the packed bytes.
pub(super) struct Packed {
    reader: Source,
    read: Arc<AtomicU64>,
}

/// Counts what comes out, and holds it against what went in.
pub(super) struct Bounded {
    reader: Source,
    packed: Arc<AtomicU64>,
    unpacked: u64,
}

/// What is carried in an [`io::Error`] when the bound is met.
#[derive(Debug)]
pub(super) struct Bomb {
    pub(super) packed: u64,
    pub(super) unpacked: u64,
}

/// Puts a decompressor between two counters.
pub(super) fn unpack(
    reader: Source,
    decompressor: impl FnOnce(Packed) -> io::Result<Source>,
) -> io::Result<Source> {
    let read = Arc::new(AtomicU64::new(0));
    let reader = decompressor(Packed { reader, read: Arc::clone(&read) })?;
    Ok(Box::new(Bounded { reader, packed: read, unpacked: 0 }))
}

impl Read for Packed {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(out)?;
        self.read.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

impl Read for Bounded {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(out)?;
        self.unpacked += read as u64;
        let packed = self.packed.load(Ordering::Relaxed);
        let free = UNPACKED_FREE_BYTES.max(packed.saturating_mul(UNPACKED_RATIO_MAX));
        if self.unpacked > free.min(UNPACKED_BYTES_MAX) {
            return Err(io::Error::other(Bomb { packed, unpacked: self.unpacked }));
        }
        Ok(read)
    }
}

impl fmt::Display for Bomb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes unpack to more than {}", self.packed, self.unpacked)
    }
}

impl std::error::Error for Bomb {}

//! Sorting more fixed-size records than fit in memory.
//!
//! Ingest sorts elements to merge duplicates, publish sorts locator keys, screen sorts hashes to find what belongs
//! together; all may have hundreds of millions of records and have a memory limit. Records are compared as bytes, so a
//! big-endian integer in front of a record sorts by value.
//!
//! ```text
//! push → buffer ─full→ sorted run on disk ─┐
//! finish → at most FAN_IN_MAX runs  ←merge─┴→ Merge, an iterator in ascending order
//! keep   → the same, kept as Sorted: a Merge as often as it is asked for
//! ```
//!
//! Runs hold what the caller pushes, so the folder must be as private as that; files are created with mode 0600,
//! are named `run-*.tmp`, and go away when they are used up or dropped. Only a killed process leaves them behind:
//! [`remove_leftovers`] clears those.

mod ahead;
mod merge;
mod run;
mod spill;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::slice::ParallelSliceMut as _;

pub use ahead::Ahead;
pub use merge::Merge;
pub use run::remove_leftovers;
use run::{Run, RunWriter, block_bytes};
use spill::Spill;

/// Most runs merged at once. Each costs an open file (the usual limit is 1,024) and a read buffer.
const FAN_IN_MAX: usize = 256;
/// Smaller reads than this would make a merge wait on the disk more than on memory; the fan-in shrinks first.
const READ_BYTES_MIN: usize = 64 << 10;
/// Larger reads than this gain nothing.
const READ_BYTES_MAX: usize = 8 << 20;

/// What can go wrong in a sort. Nothing stays on disk after any of these, once the sorter or merge is dropped.
#[derive(Debug, thiserror::Error)]
pub enum SortError {
    /// The folder for runs cannot take a new file.
    #[error("cannot create a temporary file in {}: {source}; check that the folder exists and is writable", folder.display())]
    Create {
        /// Where runs go.
        folder: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The disk (or quota) ran out while a run was written.
    #[error("no space left for temporary files in {}; a sort needs about twice the size of its input: free some, \
             or give it a folder on a larger disk", folder.display())]
    Full {
        /// Where runs go.
        folder: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A run could not be written for another reason.
    #[error("cannot write the temporary file {}: {source}", path.display())]
    Write {
        /// The run.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A run could not be read back.
    #[error("cannot read the temporary file {}: {source}", path.display())]
    Read {
        /// The run.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A run is shorter than what was written to it.
    #[error("the temporary file {} was cut short while in use; does something else clean that folder?", path.display())]
    Truncated {
        /// The run.
        path: PathBuf,
    },
    /// A run does not hold what was written to it.
    #[error("the temporary file {} does not hold what was written to it: check the disk and the memory of this machine, and run the \
             same command again", path.display())]
    Damaged {
        /// The run.
        path: PathBuf,
    },
    /// The folder could not be searched for leftovers, or one could not be removed.
    #[error("cannot remove leftover temporary files at {}: {source}", path.display())]
    Leftover {
        /// The folder or file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The memory limit is more than the system gives.
    #[error("cannot reserve {bytes} bytes for sorting; set a lower memory limit")]
    Memory {
        /// The limit asked for.
        bytes: usize,
    },
}

/// Collects `N`-byte records and gives them back in ascending byte order, duplicates included.
///
/// Half of the memory is filled while the other half is sorted and written. Worst-case memory is `memory_bytes` (or three
/// records, if that is more), whether collecting or merging.
#[derive(Debug)]
pub struct Sorter<const N: usize> {
    folder: PathBuf,
    memory_bytes: usize,
    /// Reserved whole at the first record: it never moves, and untouched pages cost nothing.
    buffer: Vec<[u8; N]>,
    /// The other half on its way to the disk.
    spill: Option<Spill<N>>,
    runs: VecDeque<Run>,
}

impl<const N: usize> Sorter<N> {
    /// A sorter that spills to `folder` beyond half of `memory_bytes`. The folder is not touched before that.
    pub fn new(folder: &Path, memory_bytes: usize) -> Self {
        const { assert!(N > 0, "a record has at least one byte") };
        Self {
            folder: folder.to_owned(),
            memory_bytes,
            buffer: Vec::new(),
            spill: None,
            runs: VecDeque::new(),
        }
    }

    /// Adds one record; may begin to write a run first. After an error the record has not been taken. One that the disk caused
    /// comes with a later record, and what that run held is lost with it: the sort is over.
    pub fn push(&mut self, record: [u8; N]) -> Result<(), SortError> {
        if self.buffer.len() == self.buffer.capacity() {
            self.make_room()?;
        }
        self.buffer.push(record);
        Ok(())
    }

    /// Adds many records, as [`push`](Self::push) does.
    pub fn extend(&mut self, records: impl IntoIterator<Item = [u8; N]>) -> Result<(), SortError> {
        records.into_iter().try_for_each(|record| self.push(record))
    }

    /// Ends collecting. When all records fit in half of the memory no file is ever written.
    /// Each run goes away as soon as it is used up.
    pub fn finish(self) -> Result<Merge<N>, SortError> {
        let Sorted { records, runs, buffer_bytes } = self.keep()?;
        Merge::of(records, runs.into_iter(), buffer_bytes)
    }

    /// Ends collecting, for records that are read more than once. What fits in memory stays there.
    pub fn keep(mut self) -> Result<Sorted<N>, SortError> {
        if self.spill.is_none() && self.runs.is_empty() {
            self.buffer.par_sort_unstable();
            return Ok(Sorted { records: Arc::new(self.buffer), runs: self.runs, buffer_bytes: 0 });
        }
        self.begin_spill()?;
        self.end_spill()?;
        // From here on the memory belongs to the merge.
        self.buffer = Vec::new();
        let fan_in = (self.memory_bytes / READ_BYTES_MIN).saturating_sub(1).clamp(2, FAN_IN_MAX);
        while self.runs.len() > fan_in {
            // Just enough runs to come down to the fan-in, the oldest (and so the shortest) first.
            let group = (self.runs.len() - fan_in + 1).min(fan_in);
            let buffer_bytes = self.merge_buffer_bytes(group + 1);
            let mut writer = RunWriter::create::<N>(&self.folder, buffer_bytes)?;
            for record in Merge::<N>::of_runs(self.runs.drain(..group), buffer_bytes)? {
                writer.write(&record?)?;
            }
            self.runs.push_back(writer.finish::<N>()?);
        }
        let buffer_bytes = self.merge_buffer_bytes(self.runs.len());
        Ok(Sorted { records: Arc::default(), runs: self.runs, buffer_bytes })
    }

    fn make_room(&mut self) -> Result<(), SortError> {
        if self.buffer.capacity() > 0 {
            return self.begin_spill();
        }
        self.reserve()
    }

    fn reserve(&mut self) -> Result<(), SortError> {
        let records = (self.memory_bytes / 2 / N).max(1);
        self.buffer.try_reserve_exact(records).map_err(|_| SortError::Memory { bytes: self.memory_bytes })
    }

    /// Sends what was collected to the disk, and takes the half that came back from there.
    fn begin_spill(&mut self) -> Result<(), SortError> {
        // Created here, so that a folder that does not take files is known while nothing is lost.
        let writer = RunWriter::create::<N>(&self.folder, 0)?;
        let emptied = self.end_spill()?;
        let full = std::mem::replace(&mut self.buffer, emptied);
        self.spill = Some(Spill::begin(full, writer));
        if self.buffer.capacity() == 0 { self.reserve() } else { Ok(()) }
    }

    /// Waits for the run that is being written, if there is one; its memory, empty.
    fn end_spill(&mut self) -> Result<Vec<[u8; N]>, SortError> {
        let Some(spill) = self.spill.take() else { return Ok(Vec::new()) };
        let (run, emptied) = spill.end()?;
        self.runs.push_back(run);
        Ok(emptied)
    }

    /// Bytes for each of `buffers` buffers: a whole number of blocks, or of records where not one block fits.
    fn merge_buffer_bytes(&self, buffers: usize) -> usize {
        let bytes = (self.memory_bytes / buffers).min(READ_BYTES_MAX);
        let unit = if bytes >= block_bytes::<N>() { block_bytes::<N>() } else { N };
        (bytes - bytes % unit).max(N)
    }
}

/// Sorted records, as often as they are asked for. Dropping it removes its runs.
///
/// Worst-case memory is that of its sorter, for one reader at a time.
#[derive(Debug)]
pub struct Sorted<const N: usize> {
    /// What never left memory; empty if there are runs.
    records: Arc<Vec<[u8; N]>>,
    runs: VecDeque<Run>,
    /// For each run.
    buffer_bytes: usize,
}

impl<const N: usize> Sorted<N> {
    /// The records from the first on.
    pub fn read(&self) -> Result<Merge<N>, SortError> {
        Merge::of(Arc::clone(&self.records), self.runs.iter().cloned(), self.buffer_bytes)
    }
}

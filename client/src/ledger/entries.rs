//! All runs of a ledger as one sorted sequence.

use std::path::Path;

use samar_local::exit::Failure;
use samar_protocol::oprf::Element;

use super::block::{RECORD_BYTES, Record, element_of, hash_of};
use super::head::{Head, RunRef};
use super::run::{DaysReader, RunReader};
use super::{Day, NEVER};
use crate::customers::Hash;

/// One customer of a ledger.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) hash: Hash,
    pub(crate) element: Element,
    /// Which run it stands in, and where.
    pub(super) run: usize,
    pub(super) at: u64,
    /// When it was last met; never where days were not asked for.
    pub(crate) day: Day,
}

/// Entries by ascending hash. There are few runs, so the least head is found by looking at each.
pub(crate) struct Entries {
    sources: Vec<Source>,
}

struct Source {
    run: usize,
    /// The position after this record.
    next: u64,
    hash: Hash,
    record: Record,
    day: Day,
    reader: RunReader,
}

/// Whether entries come with the day on which each was last met.
#[derive(Clone, Copy)]
pub(super) enum Days {
    /// Never met, all of them.
    Left,
    /// Never met, those of a run whose days cannot be read: nobody is passed over for it, and nothing stops.
    WhereReadable,
    /// Damage of them is an error.
    Required,
}

impl Source {
    /// Reads on; false at the end.
    fn advance(&mut self) -> Result<bool, Failure> {
        let Some(record) = self.reader.next()? else { return Ok(false) };
        self.next += 1;
        (self.hash, self.record) = (hash_of(&record), record);
        if let Some(days) = &mut self.reader.days {
            self.day = days.next()?;
        }
        Ok(true)
    }
}

impl Entries {
    pub(super) fn open(folder: &Path, head: &Head, memory_bytes: usize) -> Result<Self, Failure> {
        Self::of_runs(folder, head, &head.runs, memory_bytes, Days::Left)
    }

    /// Of these runs of the head.
    pub(super) fn of_runs(
        folder: &Path,
        head: &Head,
        runs: &[RunRef],
        memory_bytes: usize,
        days: Days,
    ) -> Result<Self, Failure> {
        let mut sources = Vec::with_capacity(runs.len());
        for (run, reference) in runs.iter().enumerate() {
            let mut reader = RunReader::open(folder, head, *reference, memory_bytes / runs.len().max(1))?;
            reader.days = match days {
                Days::Left => None,
                Days::WhereReadable => DaysReader::open(folder, head, *reference).ok(),
                Days::Required => Some(DaysReader::open(folder, head, *reference)?),
            };
            let (hash, record) = (Hash::default(), [0; RECORD_BYTES]);
            let mut source = Source { run, next: 0, hash, record, day: NEVER, reader };
            if source.advance()? {
                sources.push(source);
            }
        }
        Ok(Self { sources })
    }

    /// The next entry; nothing at the end. Should two runs hold the same customer, it comes twice.
    #[inline]
    pub(crate) fn next(&mut self) -> Result<Option<Entry>, Failure> {
        let least = match self.sources.as_slice() {
            [] => return Ok(None),
            [_] => 0,
            sources => {
                let by_hash = |(_, source): &(usize, &Source)| source.hash;
                sources.iter().enumerate().min_by_key(by_hash).map_or(0, |(at, _)| at)
            }
        };
        let source = &mut self.sources[least];
        let Source { hash, run, next, day, .. } = *source;
        let entry = Entry { hash, element: element_of(&source.record), run, at: next - 1, day };
        if !source.advance()? {
            self.sources.remove(least);
        }
        Ok(Some(entry))
    }
}

//! What this bank had evaluated under the present key: for each customer a keyed hash and the element. Who is in it is not
//! evaluated again, whatever is published under the key (SPEC.md section "Ledger (local)").
//!
//! ```text
//! head      keys, and which files count; replaced whole        N.run   sorted records, immutable
//! N.tail    verified batches as they come, synced              N.days  when each record of a run was last met
//! ```
//!
//! A screening appends to the tail. What stands there is then settled: sorted into a run, and small runs merged into larger
//! ones, so that there are few. Each step writes new files, then a new head, then removes the old files; what no head names
//! was left by a killed run and is removed. A screening that keeps no ledger has one for itself, and removes it at its end.

mod blinds;
pub(crate) mod block;
mod compact;
mod entries;
pub(crate) mod head;
pub(crate) mod protect;
mod run;
mod successor;
mod tail;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rayon::slice::ParallelSliceMut as _;
use samar_local::durable::{self, Mode, sync_folder};
use samar_local::exit::{Failure, io_failure};
use samar_local::folder::create_private;
use samar_local::people::now_s;
use samar_protocol::oprf::{Element, PublicKey};

use crate::customers::{Hash, HashKey};
use block::{FileKey, Part, RECORD_BYTES, Record, Sealer, block_bytes, record};
use entries::Days;
pub(crate) use entries::{Entries, Entry};
use head::{ClosedHead, HEAD_BYTES_MAX, Head};
pub(crate) use protect::Protection;
pub(crate) use run::Day;
use run::{DaysReader, DaysWriter, RunWriter};
pub(crate) use successor::{heads, remove_folder, remove_gone};
use tail::{Tail, TailReader};

/// The ledger of one OPRF key, open. Hold the folder's lock "screen" meanwhile. Memory holds none of its records but those
/// of a block or a share of `--memory` at a time.
pub(crate) struct Ledger {
    folder: PathBuf,
    /// Under which identifiers are hashed in this ledger.
    pub(crate) hash_key: HashKey,
    file_key: FileKey,
    state: Mutex<State>,
}

struct State {
    head: Head,
    tail: Tail,
}

/// Which records of a ledger a screening met: a bit for each, run by run.
pub(crate) struct Met(Vec<Vec<u64>>);

impl Ledger {
    /// Opens the ledger in `folder`, or begins one of this key, with `protection` where a passphrase is set. What a killed run left is
    /// settled or removed. Sorts in `memory_bytes`.
    ///
    /// # Errors
    /// [`Failure`] that names the file and the place, where the ledger is damaged or of another key, or another passphrase is
    /// needed; nothing was changed then.
    pub(crate) fn open(
        folder: &Path,
        key: &PublicKey,
        memory_bytes: usize,
        protection: &Protection,
    ) -> Result<Self, Failure> {
        let path = folder.join(HEAD);
        let head = match read_head(folder)? {
            Some(closed) if closed.public_key != *key => {
                let (found, wanted) = (closed.public_key.id(), key.id());
                return Err(damaged(&path, None, &format!("it is of key {found}, not {wanted}")));
            }
            Some(closed) => protection.open(closed, &path)?,
            None => {
                let head = protection.begin(Head::fresh(*key), None)?;
                create_private(folder)?;
                // Durable before anything is sent: a batch can be sent again only under the same keys.
                write_head(folder, &head)?;
                head
            }
        };
        Self::of_head(folder, head, memory_bytes)
    }

    fn of_head(folder: &Path, head: Head, memory_bytes: usize) -> Result<Self, Failure> {
        remove_unnamed(folder, &head)?;
        let tail = Tail::new(tail_path(folder, head.tail), head.header(Part::Tail, head.tail));
        let (hash_key, file_key) = (head.hash_key.clone(), head.file_key.clone());
        let ledger =
            Self { folder: folder.to_owned(), hash_key, file_key, state: Mutex::new(State { head, tail }) };
        ledger.settle_left(memory_bytes)?;
        Ok(ledger)
    }

    /// Records in it, those of the tail included.
    #[cfg(test)]
    pub(crate) fn records(&self) -> u64 {
        let state = self.state();
        state.head.records() + state.tail.records
    }

    /// Adds a verified batch to the tail, durably.
    pub(crate) fn append(&self, hashes: &[Hash], elements: &[Element]) -> Result<(), Failure> {
        let records: Vec<Record> = hashes.iter().zip(elements).map(|(h, e)| record(h, e)).collect();
        let (file, path) = {
            let mut state = self.state();
            let number = state.head.tail;
            let sealer = self.sealer(&state.head, Part::Tail, number);
            (state.tail.append(&sealer, &records)?, tail_path(&self.folder, number))
        }; // batches are synced together
        file.sync_data().map_err(|error| io_failure("write", &path, &error))
    }

    /// Sorts the tail into runs, and merges runs until there are few. Sorts in `memory_bytes`.
    pub(crate) fn settle(&self, memory_bytes: usize) -> Result<(), Failure> {
        let mut state = self.state();
        let reader = state.tail.read(self.sealer(&state.head, Part::Tail, state.head.tail))?;
        self.settle_from(&mut state, reader, memory_bytes)
    }

    fn settle_left(&self, memory_bytes: usize) -> Result<(), Failure> {
        let mut state = self.state();
        let number = state.head.tail;
        let (header, sealer) =
            (state.head.header(Part::Tail, number), self.sealer(&state.head, Part::Tail, number));
        let path = tail_path(&self.folder, number);
        match TailReader::left(path.clone(), header, sealer)? {
            Some(reader) => self.settle_from(&mut state, reader, memory_bytes),
            None => remove(&path), // nothing whole stands in it, if it is there at all
        }
    }

    fn settle_from(
        &self,
        state: &mut State,
        mut reader: TailReader,
        memory_bytes: usize,
    ) -> Result<(), Failure> {
        let at_once = (memory_bytes / RECORD_BYTES).max(1);
        let (mut runs, mut refused) = (Vec::new(), 0);
        let mut number = state.head.tail;
        let mut records = Vec::<Record>::new();
        loop {
            let block = reader.next()?;
            refused += u64::from(block.as_ref().is_some_and(Vec::is_empty));
            if block.as_ref().is_none_or(|block| records.len() + block.len() > at_once) {
                records.par_sort_unstable();
                records.dedup_by_key(|record| block::hash_of(record));
                number += 1;
                let mut writer = RunWriter::create(&self.folder, &state.head, number)?;
                for record in records.drain(..) {
                    writer.push(record, NEVER)?;
                }
                runs.extend(writer.finish()?);
            }
            let Some(block) = block else { break };
            records.extend(block);
        }
        drop(records);
        if number > state.head.tail {
            sync_folder(&self.folder).map_err(|error| io_failure("write", &self.folder, &error))?;
        }
        let old = tail_path(&self.folder, state.head.tail);
        let mut head = state.head.clone();
        head.runs.extend(runs);
        (head.tail, head.refused) = (number + 1, head.refused + refused);
        write_head(&self.folder, &head)?;
        remove(&old)?;
        state.head = head;
        compact::merge_small(&self.folder, &mut state.head, memory_bytes)?;
        let tail = state.head.tail;
        state.tail = Tail::new(tail_path(&self.folder, tail), state.head.header(Part::Tail, tail));
        Ok(())
    }

    /// Every settled record once, by ascending hash, read in about `memory_bytes`.
    pub(crate) fn read(&self, memory_bytes: usize) -> Result<Entries, Failure> {
        Entries::open(&self.folder, &self.state().head, memory_bytes)
    }

    /// The same with the day on which each was last met: never, in a run where that cannot be read.
    pub(crate) fn read_dated(&self, memory_bytes: usize) -> Result<Entries, Failure> {
        let state = self.state();
        Entries::of_runs(&self.folder, &state.head, &state.head.runs, memory_bytes, Days::WhereReadable)
    }

    /// Nothing met yet.
    pub(crate) fn unmet(&self) -> Met {
        let words = |records: u64| usize::try_from(records.div_ceil(64)).unwrap_or(usize::MAX);
        Met(self.state().head.runs.iter().map(|run| vec![0; words(run.records)]).collect())
    }

    /// A screening came to its end: what it met was met today, and the next one has other blinds.
    pub(crate) fn screened(&self, met: &Met) -> Result<(), Failure> {
        let mut state = self.state();
        for (run, met) in state.head.runs.iter().zip(&met.0) {
            if met.iter().all(|word| *word == 0) {
                continue;
            }
            let path = days_path(&self.folder, run.number);
            // Days that cannot be read are no reason to lose a screening: whom it did not meet nobody met, then.
            let mut old = DaysReader::open(&self.folder, &state.head, *run).ok();
            let mut writer = DaysWriter::create(&path, state.head.header(Part::Days, run.number))?;
            for at in 0..run.records {
                let day = old.as_mut().map_or(Ok(NEVER), DaysReader::next)?;
                writer.push(if is_met(met, at) { today() } else { day })?;
            }
            writer.finish(&path)?;
        }
        let mut head = state.head.clone();
        head.screenings += 1;
        write_head(&self.folder, &head)?;
        state.head = head;
        Ok(())
    }

    /// Removes who was last met before this day; how many those are.
    pub(crate) fn prune(&self, before: Day, memory_bytes: usize) -> Result<u64, Failure> {
        let mut state = self.state();
        let pruned = compact::prune(&self.folder, &mut state.head, before, memory_bytes)?;
        let tail = state.head.tail;
        state.tail = Tail::new(tail_path(&self.folder, tail), state.head.header(Part::Tail, tail));
        Ok(pruned)
    }

    /// Removes the whole ledger.
    pub(crate) fn remove(self) -> Result<(), Failure> {
        remove_folder(&self.folder)
    }

    /// What to say when a customer that was evaluated does not stand in it.
    pub(crate) fn incomplete(&self) -> Failure {
        damaged(&self.folder, None, "a customer that was evaluated does not stand in it")
    }

    /// What to say when something in it cannot be used.
    pub(crate) fn unusable(&self, what: &str) -> Failure {
        damaged(&self.folder, None, what)
    }

    /// Records in it that are settled.
    pub(crate) fn settled(&self) -> u64 {
        self.state().head.records()
    }

    fn sealer(&self, head: &Head, part: Part, number: u32) -> Sealer {
        Sealer::new(&self.file_key, head.header(part, number))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Met {
    /// This entry was met.
    pub(crate) fn mark(&mut self, entry: &Entry) {
        let word = usize::try_from(entry.at / 64).ok();
        if let Some(word) = word.and_then(|word| self.0.get_mut(entry.run)?.get_mut(word)) {
            *word |= 1 << (entry.at % 64);
        }
    }
}

fn is_met(met: &[u64], at: u64) -> bool {
    let word = usize::try_from(at / 64).ok().and_then(|word| met.get(word));
    word.is_some_and(|word| word >> (at % 64) & 1 == 1)
}

/// Room that so many more identifiers take while they are settled: the tail, sorted runs, and runs merged of those.
pub(crate) fn room_bytes(identifiers: u64) -> u64 {
    let blocks = identifiers.div_ceil(256);
    3 * (identifiers * RECORD_BYTES as u64 + blocks * block_bytes(0) as u64)
}

const HEAD: &str = "head";

fn run_path(folder: &Path, number: u32) -> PathBuf {
    folder.join(format!("{number}.run"))
}

fn days_path(folder: &Path, number: u32) -> PathBuf {
    folder.join(format!("{number}.days"))
}

fn tail_path(folder: &Path, number: u32) -> PathBuf {
    folder.join(format!("{number}.tail"))
}

/// The day of who was evaluated, and met by no screening yet that came to its end.
const NEVER: Day = 0;

pub(crate) fn today() -> Day {
    Day::try_from(now_s() / 86_400).unwrap_or(Day::MAX)
}

/// The head in a ledger's folder; nothing where there is no ledger.
pub(crate) fn read_head(folder: &Path) -> Result<Option<ClosedHead>, Failure> {
    let path = folder.join(HEAD);
    let read = || -> io::Result<Option<Vec<u8>>> {
        match File::open(&path) {
            Ok(file) => {
                let mut bytes = Vec::new();
                io::Read::read_to_end(&mut io::Read::take(file, HEAD_BYTES_MAX as u64 + 1), &mut bytes)?;
                Ok(Some(bytes))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    };
    let Some(bytes) = read().map_err(|error| io_failure("read", &path, &error))? else {
        let files = |path: PathBuf| path.extension().is_some_and(|end| end == "run" || end == "tail");
        if folder.exists() && names(folder)?.into_iter().any(files) {
            return Err(damaged(
                &path,
                None,
                "it is missing, and the files beside it cannot be read without",
            ));
        }
        return Ok(None);
    };
    ClosedHead::parse(&bytes).map(Some).map_err(|fault| damaged(&path, fault.at, &fault.what))
}

fn write_head(folder: &Path, head: &Head) -> Result<(), Failure> {
    let path = folder.join(HEAD);
    durable::write(&path, &head.to_bytes(), Mode::Private).map_err(|error| io_failure("write", &path, &error))
}

fn names(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let entries = || std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>();
    entries().map_err(|error| io_failure("read", folder, &error))
}

/// Removes what a killed run left: unfinished files, and those that the head does not name.
fn remove_unnamed(folder: &Path, head: &Head) -> Result<(), Failure> {
    durable::remove_leftovers(folder).map_err(|error| io_failure("clean", folder, &error))?;
    let mut named = vec![folder.join(HEAD), tail_path(folder, head.tail)];
    for run in &head.runs {
        named.extend([run_path(folder, run.number), days_path(folder, run.number)]);
    }
    let ours = |path: &PathBuf| {
        path.extension().is_some_and(|end| ["run", "days", "tail"].iter().any(|ours| end == *ours))
    };
    names(folder)?.iter().filter(|path| ours(path) && !named.contains(path)).try_for_each(|path| remove(path))
}

fn remove(path: &Path) -> Result<(), Failure> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io_failure("remove", path, &error)),
        _ => Ok(()),
    }
}

/// A ledger that cannot be relied on: nobody is called clear because of it.
fn damaged(path: &Path, at: Option<u64>, what: &str) -> Failure {
    let place = at.map_or_else(String::new, |at| format!(" at byte {at}"));
    Failure::local(format!("the ledger is damaged: {}{place}: {what}", path.display())).remedy(format!(
        "restore {} from a backup and check the disk; or remove it: its customers are then evaluated, and charged, again",
        path.parent().unwrap_or(path).display()
    ))
}

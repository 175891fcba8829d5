//! One ledger after another: what is kept when the operator changed its key, and customers go from one to the next in batches.

use std::path::Path;

use samar_local::durable::{self, sync_folder};
use samar_local::exit::{Failure, io_failure};
use samar_protocol::oprf::{Element, PublicKey};

use super::block::{Part, hash_of};
use super::entries::{Days, Entries};
use super::head::{ClosedHead, Head};
use super::run::{DaysReader, DaysWriter, RunReader};
use super::{HEAD, Ledger, Protection, days_path, read_head, write_head};
use crate::customers::Hash;

/// Opens the names of ledgers that are being removed.
const GONE_PREFIX: &str = ".gone-";

impl Ledger {
    /// Opens the ledger of `key` that follows this one, or begins it: under the same hash key, so that customers stand in both
    /// under the same hash, and with its keys protected as they are here. Nothing where there is one that has another, and customers
    /// could not be told in it.
    pub(crate) fn successor(
        &self,
        folder: &Path,
        key: &PublicKey,
        memory_bytes: usize,
        protection: &Protection,
    ) -> Result<Option<Self>, Failure> {
        samar_local::folder::create_private(folder)?;
        if read_head(folder)?.is_none() {
            let before = self.state().head.clone();
            let head = Head {
                hash_key: before.hash_key.clone(),
                // Counted on, so that no batch of customers has the blinds that it had under the key before.
                screenings: before.screenings + 1,
                refused: before.refused,
                ..Head::fresh(*key)
            };
            write_head(folder, &protection.begin(head, Some(&before))?)?;
        }
        let ledger = Self::open(folder, key, memory_bytes, protection)?;
        Ok((ledger.hash_key.0 == self.hash_key.0).then_some(ledger))
    }

    /// Gives `each` every customer of this ledger who does not stand in the next one, in batches of `count` by ascending hash; ends
    /// early once it gives back false.
    pub(crate) fn missing_from(
        &self,
        next: &Self,
        count: usize,
        memory_bytes: usize,
        mut each: impl FnMut(Vec<Hash>, Vec<Element>) -> bool,
    ) -> Result<(), Failure> {
        let (mut from, mut to) = (self.read(memory_bytes / 2)?, next.read(memory_bytes / 2)?);
        let (mut last, mut there) = (None, to.next()?);
        let (mut hashes, mut elements) = (Vec::new(), Vec::new());
        while let Some(entry) = from.next()? {
            while there.is_some_and(|there| there.hash < entry.hash) {
                there = to.next()?;
            }
            let is_there = there.is_some_and(|there| there.hash == entry.hash);
            if last.replace(entry.hash) == Some(entry.hash) || is_there {
                continue;
            }
            hashes.push(entry.hash);
            elements.push(entry.element);
            if hashes.len() == count && !each(std::mem::take(&mut hashes), std::mem::take(&mut elements)) {
                return Ok(());
            }
        }
        if !hashes.is_empty() {
            each(hashes, elements);
        }
        Ok(())
    }

    /// Takes over on which day each customer was last met, from the ledger that this one follows.
    pub(crate) fn take_days(&self, before: &Self, memory_bytes: usize) -> Result<(), Failure> {
        let state = self.state();
        let old = before.state().head.clone();
        for run in &state.head.runs {
            let old_entries =
                Entries::of_runs(&before.folder, &old, &old.runs, memory_bytes / 2, Days::WhereReadable);
            // Nothing of the ledger before is a reason to lose this one, which has every record already: never met, then.
            let Ok(mut old_entries) = old_entries else { return Ok(()) };
            let mut own = DaysReader::open(&self.folder, &state.head, *run)?;
            let mut records = RunReader::open(&self.folder, &state.head, *run, memory_bytes / 2)?;
            let path = days_path(&self.folder, run.number);
            let mut writer = DaysWriter::create(&path, state.head.header(Part::Days, run.number))?;
            let mut there = old_entries.next()?;
            while let Some(record) = records.next()? {
                let (hash, day) = (hash_of(&record), own.next()?);
                while there.is_some_and(|there| there.hash < hash) {
                    there = old_entries.next()?;
                }
                writer.push(there.filter(|there| there.hash == hash).map_or(day, |there| there.day))?;
            }
            writer.finish(&path)?;
        }
        Ok(())
    }
}

/// Removes a whole ledger. Its name goes first, so that one which is half gone is not taken for a damaged one.
pub(crate) fn remove_folder(folder: &Path) -> Result<(), Failure> {
    let failed = |error: std::io::Error| io_failure("remove", folder, &error);
    let parent = durable::folder_of(folder);
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let gone = parent.join(format!("{GONE_PREFIX}{name}"));
    remove_gone(parent)?;
    durable::rename(folder, &gone).and_then(|()| sync_folder(parent)).map_err(failed)?;
    std::fs::remove_dir_all(&gone).map_err(failed)
}

/// Removes what is left of ledgers that a killed run was removing.
pub(crate) fn remove_gone(ledgers: &Path) -> Result<(), Failure> {
    let failed = |error: std::io::Error| io_failure("clean", ledgers, &error);
    for entry in std::fs::read_dir(ledgers).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if entry.file_name().to_string_lossy().starts_with(GONE_PREFIX) {
            std::fs::remove_dir_all(entry.path()).map_err(failed)?;
        }
    }
    Ok(())
}

/// Every folder of a ledger in `ledgers`, with its head.
pub(crate) fn heads(ledgers: &Path) -> Result<Vec<(std::path::PathBuf, ClosedHead)>, Failure> {
    let failed = |error: std::io::Error| io_failure("read", ledgers, &error);
    let mut found = Vec::new();
    let entries = match std::fs::read_dir(ledgers) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(found),
        Err(error) => return Err(failed(error)),
    };
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        let is_gone = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(GONE_PREFIX));
        if !is_gone
            && path.join(HEAD).is_file()
            && let Some(head) = read_head(&path)?
        {
            found.push((path, head));
        }
    }
    found.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(found)
}

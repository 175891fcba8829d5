//! Fewer and larger runs.

use std::path::Path;

use samar_local::durable::sync_folder;
use samar_local::exit::{Failure, io_failure};

use super::block::record;
use super::entries::{Days, Entries};
use super::head::{Head, RunRef};
use super::run::{READ_BYTES_MIN, RunWriter};
use super::{Day, NEVER, days_path, remove, run_path, write_head};

/// Most runs merged at once.
const FAN_IN_MAX: usize = 64;

/// Merges runs until each is more than four times as large as all smaller ones together: then there are few of them, and a
/// record is rewritten a few times in all however often something is added.
pub(super) fn merge_small(folder: &Path, head: &mut Head, memory_bytes: usize) -> Result<(), Failure> {
    let fan_in = (memory_bytes / (2 * READ_BYTES_MIN)).clamp(2, FAN_IN_MAX);
    head.runs.sort_unstable_by_key(|run| std::cmp::Reverse(run.records));
    loop {
        let (mut group, mut smaller) = (0, 0u64);
        for (at, run) in head.runs.iter().rev().enumerate() {
            if at > 0 && run.records <= smaller.saturating_mul(4) {
                group = at + 1;
            }
            smaller = smaller.saturating_add(run.records);
        }
        if group < 2 {
            return Ok(());
        }
        let kept = head.runs.len() - group.min(fan_in);
        let mut merged = head.clone();
        let old = merged.runs.split_off(kept);
        let number = head.tail + 1;
        let mut entries = Entries::of_runs(folder, head, &old, memory_bytes, Days::WhereReadable)?;
        let mut writer = RunWriter::create(folder, head, number)?;
        let mut last = None;
        while let Some(entry) = entries.next()? {
            if last.replace(entry.hash) != Some(entry.hash) {
                writer.push(record(&entry.hash, &entry.element), entry.day)?;
            }
        }
        replace(folder, head, merged, &old, writer.finish()?, number)?;
    }
}

/// Leaves out who was last met before this day; how many those are. Who was met by no whole screening yet was paid for and
/// stays. The tail must be empty.
pub(super) fn prune(
    folder: &Path,
    head: &mut Head,
    before: Day,
    memory_bytes: usize,
) -> Result<u64, Failure> {
    let number = head.tail + 1;
    let mut entries = Entries::of_runs(folder, head, &head.runs, memory_bytes, Days::Required)?;
    let mut writer = RunWriter::create(folder, head, number)?;
    let (mut last, mut left_out) = (None, 0);
    while let Some(entry) = entries.next()? {
        if last.replace(entry.hash) == Some(entry.hash) {
            continue;
        }
        if entry.day != NEVER && entry.day < before {
            left_out += 1;
        } else {
            writer.push(record(&entry.hash, &entry.element), entry.day)?;
        }
    }
    if left_out > 0 {
        let mut new = head.clone();
        let old = std::mem::take(&mut new.runs);
        replace(folder, head, new, &old, writer.finish()?, number)?;
    }
    Ok(left_out)
}

/// Writes every record again, under the keys of `new`, and makes that the head. The tail must be empty.
pub(super) fn write_anew(
    folder: &Path,
    head: &mut Head,
    mut new: Head,
    memory_bytes: usize,
) -> Result<(), Failure> {
    let number = head.tail + 1;
    let mut entries = Entries::of_runs(folder, head, &head.runs, memory_bytes, Days::WhereReadable)?;
    let mut writer = RunWriter::create(folder, &new, number)?;
    let mut last = None;
    while let Some(entry) = entries.next()? {
        if last.replace(entry.hash) != Some(entry.hash) {
            writer.push(record(&entry.hash, &entry.element), entry.day)?;
        }
    }
    let old = std::mem::take(&mut new.runs);
    replace(folder, head, new, &old, writer.finish()?, number)
}

/// Makes `new` the head, with a run in place of `old` ones, which are removed. The tail must be empty.
fn replace(
    folder: &Path,
    head: &mut Head,
    mut new: Head,
    old: &[RunRef],
    run: Option<RunRef>,
    number: u32,
) -> Result<(), Failure> {
    sync_folder(folder).map_err(|error| io_failure("write", folder, &error))?;
    new.runs.extend(run);
    new.runs.sort_unstable_by_key(|run| std::cmp::Reverse(run.records));
    new.tail = number + 1;
    write_head(folder, &new)?;
    *head = new;
    for run in old {
        remove(&run_path(folder, run.number))?;
        remove(&days_path(folder, run.number))?;
    }
    Ok(())
}

//! The parts of a breach's vault, and in which order they apply: a base, then additions and removals.
//!
//! The names of the files are the truth: `NUMBER-KIND.vault`, numbered without a gap. A base stands for all below it, which
//! then goes away; so one rename replaces any number of parts, and whatever is cut short leaves the parts of before or those
//! of after.

use samar_local::durable::{self, sync_folder};
use samar_local::exit::{Failure, io_failure};
use samar_protocol::limits::BREACH_SEGMENTS_MAX;
use samar_protocol::segment::SegmentKind;
use samar_protocol::vault::VaultHeader;

use super::file::{Reader, VAULT_REMEDY, Writer};
use crate::layout::Layout;

/// Most parts of a breach. Each becomes a segment, and a manifest names no more.
pub const PARTS_MAX: usize = BREACH_SEGMENTS_MAX;

/// One part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its place in the order.
    pub number: u32,
    /// What it does, as a segment of the same kind (SPEC.md section "Segments of one breach").
    pub kind: SegmentKind,
}

/// The parts of a breach that count, in order: none, or a base and what came after it.
///
/// # Errors
/// A part that is missing from its place, or the file system.
pub fn list(layout: &Layout, id: &str) -> Result<Vec<Part>, Failure> {
    let mut parts = all(layout, id)?;
    let damaged = |what: String| {
        Failure::local(format!("{} is damaged: {what}", layout.breach(id).display())).remedy(VAULT_REMEDY)
    };
    let base = parts.iter().rposition(|part| part.kind == SegmentKind::Base);
    let Some(base) = base else {
        return if parts.is_empty() { Ok(parts) } else { Err(damaged("it has no base".to_owned())) };
    };
    parts.drain(..base);
    for [before, part] in parts.array_windows() {
        if part.number.checked_sub(before.number) != Some(1) {
            return Err(damaged(format!("part {} does not follow part {}", part.number, before.number)));
        }
    }
    Ok(parts)
}

/// Opens each part of a breach, in order.
///
/// # Errors
/// As [`list`]; a part that is damaged or has other data classes than the base.
pub fn open(layout: &Layout, id: &str) -> Result<Vec<(Part, Reader)>, Failure> {
    let mut opened: Vec<(Part, Reader)> = Vec::new();
    for part in list(layout, id)? {
        let path = layout.part(id, part.number, part.kind);
        let gone = || Failure::local(format!("{} went away", path.display())).remedy(VAULT_REMEDY);
        let reader = Reader::open(&path)?.ok_or_else(gone)?;
        if opened.first().is_some_and(|(_, base)| base.header() != reader.header()) {
            let what = format!("{} is damaged: its header is not that of the part before it", path.display());
            return Err(Failure::local(what).remedy(VAULT_REMEDY));
        }
        opened.push((part, reader));
    }
    Ok(opened)
}

/// Begins the part that follows all that there are: it counts from the moment it is finished. After a base was finished,
/// [`remove_superseded`] clears what it stands for.
///
/// # Errors
/// As [`list`].
pub fn create(layout: &Layout, id: &str, kind: SegmentKind, header: &VaultHeader) -> Result<Writer, Failure> {
    Writer::create(&layout.part(id, next_number(layout, id)?, kind), header)
}

/// The number of the part that would follow all that there are.
///
/// # Errors
/// As [`list`].
pub fn next_number(layout: &Layout, id: &str) -> Result<u32, Failure> {
    Ok(list(layout, id)?.last().map_or(1, |last| last.number + 1))
}

/// Removes the parts below the newest base.
///
/// # Errors
/// Of the file system.
pub fn remove_superseded(layout: &Layout, id: &str) -> Result<(), Failure> {
    let parts = all(layout, id)?;
    let base = parts.iter().rposition(|part| part.kind == SegmentKind::Base).unwrap_or(0);
    for part in &parts[..base] {
        let path = layout.part(id, part.number, part.kind);
        durable::remove(&path).map_err(|error| io_failure("remove", &path, &error))?;
    }
    let folder = layout.breach(id);
    if base > 0 { sync_folder(&folder).map_err(|error| io_failure("clean", &folder, &error)) } else { Ok(()) }
}

/// Every part that is there, by number.
fn all(layout: &Layout, id: &str) -> Result<Vec<Part>, Failure> {
    let folder = layout.breach(id);
    let failure = |error: std::io::Error| io_failure("read", &folder, &error);
    let entries = match std::fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failure(error)),
    };
    let mut parts = Vec::new();
    for entry in entries {
        let name = entry.map_err(failure)?.file_name();
        let part = name.to_str().and_then(Layout::part_of);
        parts.extend(part.map(|(number, kind)| Part { number, kind }));
    }
    parts.sort_by_key(|part| (part.number, part.kind as u8));
    Ok(parts)
}

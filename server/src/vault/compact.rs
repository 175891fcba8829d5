//! Many parts made one.

use samar_local::exit::Failure;
use samar_local::space::{self, Need};
use samar_protocol::segment::SegmentKind;

use super::elements::Elements;
use super::file::{RECORD_BYTES, Reader};
use super::parts::{self, PARTS_MAX, Part};
use crate::layout::Layout;

/// From so many parts on a publication compacts by itself: half of what a manifest names, so that additions go on meanwhile.
const PARTS_COMFORTABLE: usize = PARTS_MAX / 2;

/// Whether a breach has so many additions and removals that banks are better off with one new base.
#[must_use]
pub fn is_due(parts: &[(Part, Reader)]) -> bool {
    let Some(((_, base), later)) = parts.split_first() else { return false };
    let changes = later.iter().fold(0, |sum: u64, (_, reader)| sum.saturating_add(reader.count()));
    parts.len() > PARTS_COMFORTABLE || changes > base.count() / 2
}

/// Writes what a breach holds as one base in place of its parts. Whatever is cut short, the breach holds the same.
///
/// # Errors
/// Damage, a disk without room, or the file system; the parts are then as they were.
pub fn compact(layout: &Layout, id: &str) -> Result<(), Failure> {
    let Some(mut elements) = Elements::open(layout, id)? else { return Ok(()) };
    let bytes = elements.count_most().saturating_mul(RECORD_BYTES as u64);
    space::require(&[Need { what: "the new vault file", folder: &layout.breach(id), bytes }])?;
    let mut writer = parts::create(layout, id, SegmentKind::Base, elements.header())?;
    while let Some(record) = elements.read_record()? {
        writer.push(record)?;
    }
    writer.finish()?;
    parts::remove_superseded(layout, id)
}

//! Merging sorted new records with what the vault holds: equal elements become one, their labels are joined.

use std::cmp::Ordering;

use samar_local::exit::Failure;
use samar_protocol::segment::SegmentKind;
use samar_protocol::vault::VaultHeader;

use super::Report;
use super::distinct::Distinct;
use crate::layout::Layout;
use crate::vault::elements::Elements;
use crate::vault::file::Record;
use crate::vault::parts;

/// Writes the part that brings the breach to hold both: what is new, or whose label gained a bit. Where the data classes are
/// others than before every label may change, and the part is a base with all. Nothing is written where nothing changes.
/// `old_label` is set on every old record.
pub(super) fn merge(
    layout: &Layout,
    header: &VaultHeader,
    old: Option<Elements>,
    old_label: u32,
    mut new: Distinct,
    report: &mut Report,
) -> Result<(), Failure> {
    let id = &header.breach;
    let whole = old.as_ref().is_none_or(|old| old.header() != header);
    let kind = if whole { SegmentKind::Base } else { SegmentKind::Add };
    let mut changed = whole;
    let mut writer = parts::create(layout, id, kind, header)?;
    let mut old = Old { elements: old, label: old_label };
    let (mut from_old, mut from_new) = (old.next()?, new.next()?);
    loop {
        let order = match (&from_old, &from_new) {
            (None, None) => break,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(old), Some(new)) => old.element.cmp(&new.element),
        };
        report.entries += 1;
        let (mut record, mut label) = (None, 0);
        if order.is_le() {
            record = from_old.take();
            label |= record.map_or(0, |record| record.label);
            from_old = old.next()?;
        }
        let mut differs = false;
        if order.is_ge() {
            let added = from_new.take();
            label |= added.map_or(0, |record| record.label);
            differs = record.is_none_or(|record| record.label != label);
            report.accepted += u64::from(record.is_none());
            record = record.or(added);
            from_new = new.next()?;
        }
        changed |= differs;
        if let Some(record) = record
            && (whole || differs)
        {
            writer.push(Record { label, ..record })?;
        }
    }
    report.duplicates = report.valid - report.accepted;
    if changed {
        writer.finish()?;
        parts::remove_superseded(layout, id)?;
    }
    Ok(())
}

struct Old {
    elements: Option<Elements>,
    label: u32,
}

impl Old {
    fn next(&mut self) -> Result<Option<Record>, Failure> {
        let Some(elements) = &mut self.elements else { return Ok(None) };
        Ok(elements.read_record()?.map(|record| Record { label: record.label | self.label, ..record }))
    }
}

//! Merging sorted new records with what the vault holds: equal elements become one, their labels are joined.

use std::cmp::Ordering;
use std::path::Path;

use samar_local::exit::Failure;
use samar_protocol::vault::VaultHeader;

use super::Report;
use crate::vault::file::{RECORD_BYTES, Reader, Record, Writer};
use samar_local::sort::Merge;

/// Writes the merged vault file, unless it would hold what the old one does. `old_label` is set on every old record.
pub(super) fn merge(
    place: &Path,
    header: &VaultHeader,
    old: Option<Reader>,
    old_label: u32,
    new: Merge<RECORD_BYTES>,
    report: &mut Report,
) -> Result<(), Failure> {
    let mut changed = old.as_ref().is_none_or(|old| old.header() != header);
    let mut writer = Writer::create(place, header)?;
    let mut old = Old { reader: old, label: old_label };
    let mut new = New { sorted: new, ahead: None };
    let (mut from_old, mut from_new) = (old.next()?, new.next()?);
    loop {
        let order = match (&from_old, &from_new) {
            (None, None) => break,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(old), Some(new)) => old.element.cmp(&new.element),
        };
        let (mut record, mut label) = (None, 0);
        if order.is_le() {
            record = from_old.take();
            label |= record.map_or(0, |record| record.label);
            from_old = old.next()?;
        }
        if order.is_ge() {
            let added = from_new.take();
            label |= added.map_or(0, |record| record.label);
            changed |= record.is_none_or(|record| record.label != label);
            report.accepted += u64::from(record.is_none());
            record = record.or(added);
            from_new = new.next()?;
        }
        if let Some(record) = record {
            writer.push(Record { label, ..record })?;
            report.entries += 1;
        }
    }
    report.duplicates = report.valid - report.accepted;
    if changed {
        writer.finish()?;
    }
    Ok(())
}

struct Old {
    reader: Option<Reader>,
    label: u32,
}

impl Old {
    fn next(&mut self) -> Result<Option<Record>, Failure> {
        let Some(reader) = &mut self.reader else { return Ok(None) };
        Ok(reader.read_record()?.map(|record| Record { label: record.label | self.label, ..record }))
    }
}

struct New {
    sorted: Merge<RECORD_BYTES>,
    ahead: Option<Record>,
}

impl New {
    /// The next element, with the labels of all its records joined.
    fn next(&mut self) -> Result<Option<Record>, Failure> {
        let Some(mut record) = self.ahead.take().map_or_else(|| self.read(), |record| Ok(Some(record)))?
        else {
            return Ok(None);
        };
        while let Some(next) = self.read()? {
            if next.element != record.element {
                self.ahead = Some(next);
                break;
            }
            record.label |= next.label;
        }
        Ok(Some(record))
    }

    fn read(&mut self) -> Result<Option<Record>, Failure> {
        let record = self.sorted.next().transpose().map_err(Failure::local)?;
        Ok(record.as_ref().map(Record::from_bytes))
    }
}

//! Sorted records, each element once.

use samar_local::exit::Failure;
use samar_local::sort::{Ahead, Merge};

use crate::vault::file::{RECORD_BYTES, Record};

/// Joins the labels of equal elements.
pub(super) struct Distinct {
    sorted: Ahead<RECORD_BYTES>,
    ahead: Option<Record>,
}

impl Distinct {
    pub(super) fn new(sorted: Merge<RECORD_BYTES>) -> Self {
        Self { sorted: sorted.ahead(), ahead: None }
    }

    /// The next element, with the labels of all its records joined.
    pub(super) fn next(&mut self) -> Result<Option<Record>, Failure> {
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

//! What an ingest came to, in numbers.

use std::collections::BTreeMap;

use samar_protocol::identifier::{ColumnWarning, Kind};
use serde::Serialize;

/// Counts of an ingest. Every cell of an identifier's column is accepted, a duplicate or rejected, or, in another column than
/// the first, empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Rows read.
    #[serde(skip)]
    pub(super) rows: u64,
    /// Well-formed identifiers.
    #[serde(skip)]
    pub(super) valid: u64,
    /// Identifiers new to the breach.
    pub accepted: u64,
    /// Identifiers that the breach, or a row before, had already.
    pub duplicates: u64,
    /// Cells rejected, by reason.
    pub rejected: BTreeMap<&'static str, u64>,
    /// Identifiers the breach has now.
    pub entries: u64,
    /// What a column as a whole looks like, with the number of its file.
    pub warnings: Vec<String>,
    /// What a file was taken for that is not plain delimited text, with its number.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub read_as: Vec<String>,
    /// The same by kind of identifier, where the dumps hold others than NIKs.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub kinds: BTreeMap<&'static str, KindReport>,
    /// NIKs, until there is another kind beside them.
    #[serde(skip)]
    niks: KindReport,
}

/// Counts of the cells of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct KindReport {
    /// Well-formed ones, new to the breach or not.
    pub identifiers: u64,
    /// Cells rejected, by reason.
    pub rejected: BTreeMap<&'static str, u64>,
    /// Rows without one.
    pub without: u64,
}

impl Report {
    /// Rows read.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    pub(super) fn accept(&mut self, kind: Kind) {
        self.valid += 1;
        self.of(kind).identifiers += 1;
    }

    pub(super) fn reject(&mut self, kind: Kind, reason: &'static str) {
        *self.rejected.entry(reason).or_default() += 1;
        *self.of(kind).rejected.entry(reason).or_default() += 1;
    }

    pub(super) fn go_without(&mut self, kind: Kind) {
        self.of(kind).without += 1;
    }

    /// NIKs alone are what the totals say already.
    pub(super) fn finish(&mut self) {
        if !self.kinds.is_empty() && self.niks != KindReport::default() {
            self.kinds.insert(Kind::Nik.name(), std::mem::take(&mut self.niks));
        }
    }

    fn of(&mut self, kind: Kind) -> &mut KindReport {
        match kind {
            Kind::Nik => &mut self.niks,
            other => self.kinds.entry(other.name()).or_default(),
        }
    }

    pub(super) fn read_as(&mut self, source: usize, decided: &str) {
        self.read_as.push(format!("file {}: {decided}", source + 1));
    }

    pub(super) fn warn(&mut self, source: usize, warnings: &[ColumnWarning]) {
        self.warnings.extend(warnings.iter().map(|warning| format!("file {}: {warning}", source + 1)));
    }
}

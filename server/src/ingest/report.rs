//! What an ingest came to, in numbers.

use std::collections::BTreeMap;

use samar_protocol::identifier::ColumnWarning;
use serde::Serialize;

/// Counts of an ingest. Every row of the dumps is accepted, a duplicate or rejected.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Rows with a well-formed identifier.
    #[serde(skip)]
    pub(super) valid: u64,
    /// Identifiers new to the breach.
    pub accepted: u64,
    /// Rows whose identifier the breach, or a row before, had already.
    pub duplicates: u64,
    /// Rows rejected, by reason.
    pub rejected: BTreeMap<&'static str, u64>,
    /// Identifiers the breach has now.
    pub entries: u64,
    /// What a column as a whole looks like, with the number of its file.
    pub warnings: Vec<String>,
}

impl Report {
    /// Rows read.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.valid + self.rejected.values().sum::<u64>()
    }

    pub(super) fn reject(&mut self, reason: &'static str) {
        *self.rejected.entry(reason).or_default() += 1;
    }

    pub(super) fn warn(&mut self, source: usize, warnings: &[ColumnWarning]) {
        self.warnings.extend(warnings.iter().map(|warning| format!("file {}: {warning}", source + 1)));
    }
}

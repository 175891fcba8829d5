//! What a report says of each breach: how many rows, which classes, found by what. No cell of a customer is kept.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use samar_local::exit::Failure;
use samar_protocol::manifest::{is_breach_id, is_class};

use crate::report::ReportRows;

/// One breach in a report.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// Rows exposed in it.
    pub(super) rows: u64,
    /// Of those, the rows of which each class is exposed.
    pub(super) classes: BTreeMap<String, u64>,
    /// Names of the kinds by which it was found; none where the report does not say: then by NIK.
    pub(super) kinds: BTreeSet<String>,
}

/// Reads a report to its end.
///
/// # Errors
/// As of [`ReportRows`]; a cell that names no breach or no class.
pub(super) fn read(report: &Path) -> Result<BTreeMap<String, Found>, Failure> {
    let mut rows = ReportRows::open(report)?;
    let mut breaches = BTreeMap::<String, Found>::new();
    while let Some(exposures) = rows.next()? {
        for exposure in exposures {
            if !is_breach_id(&exposure.breach) || !exposure.fields.iter().all(|class| is_class(class)) {
                let what = format!("{} names something that is no breach or no data class", report.display());
                return Err(Failure::input(what).remedy("name a report as `samar screen` wrote it"));
            }
            let found = breaches.entry(exposure.breach).or_default();
            found.rows += 1;
            for class in exposure.fields {
                *found.classes.entry(class).or_default() += 1;
            }
            found.kinds.extend(exposure.matched);
        }
    }
    Ok(breaches)
}

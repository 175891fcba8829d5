//! Taking identifiers out of a breach: the part that is written holds their elements and nothing else.

use std::collections::BTreeMap;
use std::path::PathBuf;

use samar_local::exit::Failure;
use samar_local::folder;
use samar_local::table::Form;
use samar_protocol::group::Backend;
use samar_protocol::segment::SegmentKind;
use serde::Serialize;

use super::distinct::Distinct;
use super::{IdentifierColumn, Plan, Report, Source, encode_all, room};
use crate::config::Config;
use crate::layout::Layout;
use crate::vault::class::Classes;
use crate::vault::compact::compact;
use crate::vault::elements::Elements;
use crate::vault::file::Record;
use crate::vault::parts::{self, PARTS_MAX};
use crate::{keys, vault};

/// What to take out of a breach.
#[derive(Clone, Debug)]
pub struct RemovalPlan {
    /// The breach.
    pub breach: String,
    /// Columns with identifiers; none where the one with NIKs is told from the header.
    pub columns: Vec<IdentifierColumn>,
    /// Form of the sources; told from each where it is not given.
    pub form: Option<Form>,
    /// Table of a dump, or file in an archive; needed where one has several.
    pub table: Option<String>,
    /// Memory for sorting.
    pub memory_bytes: usize,
    /// Where rejected rows are listed, by line and reason.
    pub rejects: Option<PathBuf>,
    /// Lists of identifiers, in order.
    pub sources: Vec<Source>,
}

/// Counts of a removal. Every row is removed, absent, a duplicate or rejected.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Removal {
    /// Identifiers that the breach holds no more.
    pub removed: u64,
    /// Identifiers that it did not hold.
    pub absent: u64,
    /// Rows whose identifier a row before had already.
    pub duplicates: u64,
    /// Rows rejected, by reason.
    pub rejected: BTreeMap<&'static str, u64>,
    /// Identifiers the breach has now.
    pub entries: u64,
    /// What a column as a whole looks like, with the number of its file.
    pub warnings: Vec<String>,
    /// What a file was taken for that is not plain delimited text, with its number.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub read_as: Vec<String>,
}

/// Takes identifiers out of a breach, all or none.
///
/// # Errors
/// A breach that the vault does not have, input that cannot be read, the file system. The vault is then as it was.
pub fn remove(layout: &Layout, backend: Backend, plan: &RemovalPlan) -> Result<Removal, Failure> {
    let plan = Plan {
        breach: plan.breach.clone(),
        title: None,
        date: None,
        status: None,
        about: None,
        columns: plan.columns.clone(),
        form: plan.form,
        table: plan.table.clone(),
        exposes: Vec::new(),
        memory_bytes: plan.memory_bytes,
        rejects: plan.rejects.clone(),
        sources: plan.sources.clone(),
    };
    super::check(&plan)?;
    Config::read(&layout.config())?; // says so where the folder was never initialised
    let _lock = folder::lock(layout.root(), "vault")?;
    vault::ready(layout)?;
    let key = keys::oprf(layout)?;
    let held = held(layout, &plan.breach)?;
    super::check_key(&plan.breach, &held, &key)?;
    drop(held);

    folder::create_private(&layout.runs())?;
    room::require(layout, &plan)?;
    let mut report = Report::default();
    let classes = Classes::default();
    let no_classes = || Failure::input("no data class can be given here");
    let merged = classes.merge(&classes).ok_or_else(no_classes)?;
    let (sorted, rejects) = encode_all(layout, backend, &key, &plan, &merged, &mut report)?;
    let removal = write(layout, &plan.breach, Distinct::new(sorted), report)?;
    if let Some(rejects) = rejects {
        rejects.finish()?;
    }
    Ok(removal)
}

/// The breach, with room for one part more.
fn held(layout: &Layout, id: &str) -> Result<Elements, Failure> {
    let absent = || vault::no_breach(layout, id);
    let held = Elements::open(layout, id)?.ok_or_else(absent)?;
    if held.parts() < PARTS_MAX {
        return Ok(held);
    }
    compact(layout, id)?;
    Elements::open(layout, id)?.ok_or_else(absent)
}

/// Writes the part that takes these elements out, as far as the breach holds them.
fn write(layout: &Layout, id: &str, mut wanted: Distinct, report: Report) -> Result<Removal, Failure> {
    let mut removal = Removal::default();
    let mut held = held(layout, id)?;
    let mut writer = parts::create(layout, id, SegmentKind::Remove, held.header())?;
    let mut next_held = held.read_record()?;
    while let Some(record) = wanted.next()? {
        while next_held.is_some_and(|held| held.element < record.element) {
            removal.entries += 1;
            next_held = held.read_record()?;
        }
        if next_held.is_some_and(|held| held.element == record.element) {
            removal.removed += 1;
            writer.push(Record { element: record.element, label: 0 })?;
            next_held = held.read_record()?;
        } else {
            removal.absent += 1;
        }
    }
    while next_held.is_some() {
        removal.entries += 1;
        next_held = held.read_record()?;
    }
    if removal.removed > 0 {
        writer.finish()?;
    }
    removal.duplicates = report.valid - removal.removed - removal.absent;
    Ok(Removal { rejected: report.rejected, warnings: report.warnings, read_as: report.read_as, ..removal })
}

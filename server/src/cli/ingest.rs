//! `ingest`: arguments to a plan, and the report in words.

use std::path::{Path, PathBuf};

use bytesize::ByteSize;
use samar_local::exit::{Failure, print, say};
use samar_local::people::thousands;
use samar_local::table::Form;
use samar_protocol::group::Backend;
use samar_protocol::identifier::Kind;

use super::arguments;
use crate::ingest::{Exposure, IdentifierColumn, Plan, Report, Source, ingest};
use crate::layout::Layout;

/// Below this, sorting would spend its time on tiny runs.
const MEMORY_LEAST: u64 = 16 << 20;

pub(super) fn run(layout: &Layout, backend: Backend, arguments: arguments::Ingest) -> Result<(), Failure> {
    let json = arguments.json;
    let plan = plan(arguments)?;
    let report = ingest(layout, backend, &plan)?;
    for warning in &report.warnings {
        say(format_args!("samar-server: warning: {warning}"));
    }
    if json {
        print(format_args!("{}", serde_json::json!(report)));
    } else {
        show_report(&plan.breach, &report);
    }
    Ok(())
}

/// Bytes of memory that a size on the command line allows.
pub(super) fn memory_bytes(size: ByteSize) -> Result<usize, Failure> {
    if size.as_u64() < MEMORY_LEAST {
        return Err(Failure::input(format!("--memory {size} is too little")).remedy("allow at least 16MiB"));
    }
    usize::try_from(size.as_u64()).map_err(Failure::input)
}

/// Where rows come from: - is standard input.
pub(super) fn source(path: PathBuf) -> Source {
    if path == Path::new("-") { Source::Stdin } else { Source::File(path) }
}

/// A column and the kind of what it holds: `KIND=NAME`, or a name alone for NIKs.
pub(super) fn identifier_column(text: String) -> IdentifierColumn {
    match text.split_once('=').map(|(kind, name)| (Kind::from_name(kind), name)) {
        Some((Some(kind), name)) => IdentifierColumn { kind, column: name.to_owned() },
        _ => IdentifierColumn { kind: Kind::Nik, column: text },
    }
}

fn plan(arguments: arguments::Ingest) -> Result<Plan, Failure> {
    let exposure = |text: String| match text.split_once('=') {
        Some((class, column)) => Exposure { class: class.to_owned(), column: Some(column.to_owned()) },
        None => Exposure { class: text, column: None },
    };
    Ok(Plan {
        memory_bytes: memory_bytes(arguments.memory)?,
        breach: arguments.breach,
        title: arguments.title,
        date: arguments.date,
        status: arguments.status,
        about: arguments.about,
        columns: arguments.column.into_iter().map(identifier_column).collect(),
        form: Form::named(&arguments.reading.in_format),
        table: arguments.reading.table,
        exposes: arguments.exposes.into_iter().map(exposure).collect(),
        rejects: arguments.rejects,
        sources: arguments.files.into_iter().map(source).collect(),
    })
}

fn show_report(breach: &str, report: &Report) {
    print(format_args!("{breach}: {} rows", thousands(report.rows())));
    print(format_args!("  accepted   {:>15}", thousands(report.accepted)));
    print(format_args!("  duplicate  {:>15}", thousands(report.duplicates)));
    print(format_args!("  rejected   {:>15}", thousands(report.rejected.values().sum())));
    for (reason, rows) in &report.rejected {
        print(format_args!("    {reason:<20} {:>4}", thousands(*rows)));
    }
    for (kind, counts) in &report.kinds {
        let (found, without) = (thousands(counts.identifiers), thousands(counts.without));
        let rejected = thousands(counts.rejected.values().sum());
        print(format_args!("  {kind:<8} {found} well formed, {rejected} rejected, {without} rows without"));
    }
    print(format_args!("  now holds  {:>15}", thousands(report.entries)));
}

//! `ingest`: arguments to a plan, and the report in words.

use std::path::{Path, PathBuf};

use bytesize::ByteSize;
use samar_local::exit::{Failure, print, say};
use samar_local::people::thousands;
use samar_local::table::Form;
use samar_protocol::group::Backend;
use samar_protocol::identifier::Kind;

use super::arguments;
use crate::ingest::{ColumnLook, Exposure, IdentifierColumn, Look, LookPlan, Plan, Report, Source, ingest};
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

fn exposure(text: String) -> Exposure {
    match text.split_once('=') {
        Some((class, column)) => Exposure { class: class.to_owned(), column: Some(column.to_owned()) },
        None => Exposure { class: text, column: None },
    }
}

/// `--dry-run`: what is in the dumps.
pub(super) fn look(arguments: arguments::Ingest) -> Result<(), Failure> {
    let json = arguments.json;
    let plan = LookPlan {
        columns: arguments.column.into_iter().map(identifier_column).collect(),
        exposes: arguments.exposes.into_iter().map(exposure).collect(),
        form: Form::named(&arguments.reading.in_format),
        table: arguments.reading.table,
        sources: arguments.files.into_iter().map(source).collect(),
    };
    let files = crate::ingest::look(&plan)?;
    if json {
        print(format_args!("{}", serde_json::json!({"files": files})));
        return Ok(());
    }
    for file in &files {
        show_look(file);
    }
    print(format_args!("Nothing was written."));
    Ok(())
}

fn show_look(look: &Look) {
    print(format_args!("{} is read as {}", look.file, look.read_as));
    print(format_args!("  {:>3}  {:<20} {:>6}  {:<25} is well formed as", "#", "column", "filled", "shape"));
    for column in &look.columns {
        let ColumnLook { number, name, filled_percent, shape, .. } = column;
        let kinds: Vec<_> =
            column.parses_percent.iter().map(|(kind, share)| format!("{kind} {share} %")).collect();
        let kinds = kinds.join(", ");
        print(format_args!("  {number:>3}  {name:<20} {filled_percent:>4} %  {shape:<25} {kinds}"));
    }
    print(format_args!("  {} rows", thousands(look.rows)));
    for (reason, rows) in &look.unreadable {
        print(format_args!("    {reason:<20} {:>4}", thousands(*rows)));
    }
    for identifiers in &look.identifiers {
        print(format_args!(
            "  --column {}: {} well formed, {} rows without, {} rejected",
            identifiers.column,
            thousands(identifiers.well_formed),
            thousands(identifiers.without),
            thousands(identifiers.rejected.values().sum())
        ));
        for (reason, cells) in &identifiers.rejected {
            print(format_args!("    {reason:<20} {:>4}", thousands(*cells)));
        }
        for warning in &identifiers.warnings {
            say(format_args!("samar-server: warning: {}: {warning}", identifiers.column));
        }
    }
    if look.identifiers.is_empty() {
        print(format_args!("  no column looks like identifiers; name one with --column KIND=NAME"));
    }
}

fn plan(arguments: arguments::Ingest) -> Result<Plan, Failure> {
    Ok(Plan {
        memory_bytes: memory_bytes(arguments.memory)?,
        breach: arguments.breach.unwrap_or_default(), // which clap asks for
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

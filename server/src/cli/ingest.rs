//! `ingest`: arguments to a plan, and the report in words.

use std::path::{Path, PathBuf};

use bytesize::ByteSize;
use samar_local::exit::{Failure, print, say};
use samar_local::people::thousands;
use samar_protocol::group::Backend;

use super::arguments;
use crate::ingest::{Exposure, Plan, Report, Source, ingest};
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
        column: arguments.column,
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
    print(format_args!("  now holds  {:>15}", thousands(report.entries)));
}

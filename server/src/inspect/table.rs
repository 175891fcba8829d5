//! Lists that the server writes, counted and not shown; and the bare records of a sort at work.

use std::collections::BTreeMap;

use samar_inspect::{Facts, Fault, Report, Source, Value};
use samar_local::exit::Failure;
use samar_local::table::{Input, Row, Table, TableOptions};

use crate::publish::ENTRY_BYTES;
use crate::vault::file::RECORD_BYTES;

/// Reasons and files that are listed; there are fewer of them unless the file was tampered with.
const LISTED_MAX: usize = 1_000;

pub(super) fn rejects(source: &Source) -> Result<Report, Failure> {
    let mut report = Report::default();
    let mut reasons: BTreeMap<String, u64> = BTreeMap::new();
    let rows = each_row(source, &mut report, |report, row| {
        let cell = |column| row.get(column).unwrap_or_default();
        let number = |column: usize| cell(column).parse::<u64>().is_ok();
        let reason = cell(2);
        let plain =
            !reason.is_empty() && reason.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
        if row.columns() != 3 || !number(0) || !number(1) || !plain {
            report.fault(Fault::whole(format!("line {} is not file, line and reason", row.line())));
        } else if reasons.len() < LISTED_MAX || reasons.contains_key(&*reason) {
            *reasons.entry(reason.into_owned()).or_default() += 1;
        }
    })?;
    report.facts.count("rows_rejected", rows);
    let reason = |(reason, rows): (String, u64)| {
        let mut facts = Facts::default();
        facts.text("reason", reason);
        facts.count("rows", rows);
        facts
    };
    report.facts.add("reasons", Value::Several("reason", reasons.into_iter().map(reason).collect()));
    report.remedy("ingest again with --rejects; the vault is not touched by this list");
    Ok(report)
}

pub(super) fn made_up(source: &Source) -> Result<Report, Failure> {
    let mut report = Report::default();
    let rows = each_row(source, &mut report, |_, _| {})?;
    report.facts.count("rows", rows);
    report.remedy("make it again with samar-server synth");
    Ok(report)
}

/// Rows below the header; a fault at the first that cannot be read.
fn each_row(
    source: &Source,
    report: &mut Report,
    mut each: impl FnMut(&mut Report, &Row),
) -> Result<u64, Failure> {
    let file = source.file().try_clone().map_err(Failure::local)?;
    let options = TableOptions {
        name: source.name().to_owned(),
        delimiter: Some(b','),
        header: Some(true),
        ..TableOptions::default()
    };
    let mut table = match Table::open(Input::stream(file), &options) {
        Ok(table) => table,
        Err(error) => {
            report.fault(Fault::whole(error.to_string()));
            return Ok(0);
        }
    };
    let (mut row, mut rows) = (Row::new(), 0);
    loop {
        match table.next_row(&mut row) {
            Ok(false) => return Ok(rows),
            Ok(true) => rows += 1,
            Err(error) => {
                report.fault(Fault::whole(error.to_string()));
                return Ok(rows);
            }
        }
        match row.rejection() {
            Some(reason) => {
                report.fault(Fault::whole(format!("line {} cannot be read: {reason}", row.line())));
            }
            None => each(report, &row),
        }
    }
}

/// A run has no mark of its own: its length says which sort it is of.
pub(super) fn run(source: &Source) -> Result<Report, Failure> {
    let mut report = Report::default();
    let of = |record: usize| source.length().is_multiple_of(record as u64);
    let (what, record) = match (of(RECORD_BYTES), of(ENTRY_BYTES)) {
        (true, false) => ("ingest: elements and labels, not shown", Some(RECORD_BYTES)),
        (false, true) => ("publish: places in a segment, not shown", Some(ENTRY_BYTES)),
        (true, true) => ("ingest or publish: records, not shown", None),
        (false, false) => ("ingest or publish: records, not shown; the last is cut short", None),
    };
    report.facts.text("of", what);
    if let Some(record) = record {
        report.facts.count("records", source.length() / record as u64);
    }
    report.note("needed only while that runs: the next ingest or publish removes what a killed one left");
    Ok(report)
}

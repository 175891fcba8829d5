//! A report of a screening and its summary: counts, and no cell of a customer.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _};

use samar_inspect::{Facts, Fault, Report, Source, Value};
use samar_local::exit::Failure;
use samar_local::table::{Input, ROW_BYTES_MAX, Row, Table, TableOptions};

const REMEDY: &str = "screen the customers again";
/// Different texts that are counted; there are as many breaches and reasons as a set has unless the file was changed.
const LISTED_MAX: usize = 2_000;

/// Rows by status and by breach.
#[derive(Default)]
struct Counts {
    rows: u64,
    statuses: BTreeMap<String, u64>,
    breaches: BTreeMap<String, u64>,
}

pub(super) fn report(source: &Source) -> Result<Report, Failure> {
    let mut report = Report::default();
    let mut counts = Counts::default();
    if source.head().starts_with(b"{") {
        lines(&mut report, source, &mut counts)?;
    } else {
        rows(&mut report, source, &mut counts)?;
    }
    report.facts.count("rows", counts.rows);
    report.facts.add("by_status", several("status", counts.statuses));
    report.facts.add("by_breach", several("breach", counts.breaches));
    report.remedy(REMEDY);
    Ok(report)
}

fn several(one: &'static str, counts: BTreeMap<String, u64>) -> Value {
    let facts = |(name, rows): (String, u64)| {
        let mut facts = Facts::default();
        facts.text(one, name);
        facts.count("rows", rows);
        facts
    };
    Value::Several(one, counts.into_iter().map(facts).collect())
}

impl Counts {
    /// Counts a row; false where it has no status that there is. Such a cell is a customer's, out of its place.
    fn take(&mut self, status: &str, breaches: &str) -> bool {
        let reason = status.strip_prefix("invalid:");
        let is_word = |word: &str| {
            !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
        };
        // A reason, with the kind of the identifier before it where there is more than one.
        let are_words = |reason: &str| reason.splitn(2, ':').all(is_word);
        if !matches!(status, "clear" | "exposed" | "not-found") && !reason.is_some_and(are_words) {
            return false;
        }
        self.rows += 1;
        add(&mut self.statuses, status);
        let is_id = samar_protocol::manifest::is_breach_id;
        breaches.split(';').filter(|id| is_id(id)).for_each(|id| add(&mut self.breaches, id));
        true
    }
}

fn add(counts: &mut BTreeMap<String, u64>, name: &str) {
    if let Some(rows) = counts.get_mut(name) {
        *rows += 1;
    } else if counts.len() < LISTED_MAX {
        counts.insert(name.to_owned(), 1);
    }
}

fn rows(report: &mut Report, source: &Source, counts: &mut Counts) -> Result<(), Failure> {
    let file = source.file().try_clone().map_err(Failure::local)?;
    let first = source.head().split(|byte| *byte == b'\n').next().unwrap_or_default();
    // Our own columns stand at the end of the header, parted as the others are.
    let before = first.windows(12).position(|bytes| bytes == b"samar_status");
    let delimiter = before.and_then(|at| at.checked_sub(1)).and_then(|at| first.get(at)).copied();
    let delimiter = delimiter.filter(|byte| matches!(byte, b',' | b';' | b'\t' | b'|'));
    let options = TableOptions {
        name: source.name().to_owned(),
        delimiter,
        header: Some(true),
        ..TableOptions::default()
    };
    let opened = Table::open(Input::stream(file), &options).and_then(|table| {
        let columns = (table.select_column("samar_status")?, table.select_column("samar_breaches")?);
        Ok((table, columns))
    });
    let (mut table, (status, breaches)) = match opened {
        Ok(opened) => opened,
        Err(error) => {
            report.fault(Fault::whole(error.to_string()));
            return Ok(());
        }
    };
    let mut row = Row::new();
    loop {
        match table.next_row(&mut row) {
            Ok(true) => {}
            Ok(false) => return Ok(()),
            Err(error) => {
                report.fault(Fault::whole(error.to_string()));
                return Ok(());
            }
        }
        let cell = |column| row.get(column).unwrap_or_default();
        // A row that is cut short is the last one, and its status that of no other.
        if row.rejection().is_some() || !counts.take(&cell(status), &cell(breaches)) {
            report.fault(Fault::whole(format!("line {} has no status of a screening", row.line())));
        }
    }
}

fn lines(report: &mut Report, source: &Source, counts: &mut Counts) -> Result<(), Failure> {
    let mut input = BufReader::with_capacity(1 << 16, source.file());
    let failure = |error: std::io::Error| Failure::local(format!("cannot read {}: {error}", source.name()));
    let mut at = 0;
    loop {
        let mut line = Vec::new();
        // A row with its names and quotes; a longer line is none of ours.
        let bytes =
            input.by_ref().take(4 * ROW_BYTES_MAX as u64).read_until(b'\n', &mut line).map_err(failure)?;
        if bytes == 0 {
            return Ok(());
        }
        let row = serde_json::from_slice::<serde_json::Map<_, _>>(&line).unwrap_or_default();
        let cell = |name: &str| row.get(name).and_then(serde_json::Value::as_str).unwrap_or_default();
        if !counts.take(cell("samar_status"), cell("samar_breaches")) {
            report.fault(Fault::at(at, format!("row {} has no status of a screening", counts.rows + 1)));
            return Ok(());
        }
        at += bytes as u64;
    }
}

pub(super) fn summary(source: &Source) -> Result<Report, Failure> {
    let mut report = Report::default();
    let (text, fault) = source.text()?;
    let summary: serde_json::Value = match serde_json::from_str(&text) {
        Ok(summary) => summary,
        Err(error) => {
            // Everything before its place could be shown only by guessing: a number may have lost digits.
            let before: usize =
                text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
            report.fault(Fault::at((before + error.column()) as u64, "the JSON ends or breaks here"));
            serde_json::Value::Null
        }
    };
    let number = |name: &str| summary.get(name).and_then(serde_json::Value::as_u64);
    for name in ["rows", "unique", "evaluated", "reused", "charged", "padding", "exposed", "epoch"] {
        if let Some(number) = number(name) {
            report.facts.count(name, number);
        }
    }
    let hash = summary.get("manifest_hash").and_then(serde_json::Value::as_str);
    if let Some(hash) = hash.and_then(samar_protocol::invitation::from_hex) {
        report.facts.add("manifest_hash", Value::Fingerprint(hash));
    }
    let breaches = summary.get("breaches").and_then(serde_json::Value::as_array);
    let exposed = breaches.into_iter().flatten().filter_map(|breach| {
        let (id, rows) = (breach.get("id")?.as_str()?, breach.get("exposed")?.as_u64()?);
        Some((id.to_owned(), rows))
    });
    report.facts.add("by_breach", several("breach", exposed.collect()));
    if let Some(fault) = fault {
        report.fault(fault);
    }
    if summary.is_object() && (number("rows").is_none() || hash.is_none()) {
        report.fault(Fault::whole("the rows or the hash of the set are missing"));
    }
    report.remedy(REMEDY);
    Ok(report)
}

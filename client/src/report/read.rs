//! A report read back: what it says of each row, and no cell of a customer.

use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::path::{Path, PathBuf};

use samar_local::exit::{Failure, io_failure};
use samar_local::table::{Input, Row, Table, TableError, TableOptions};

/// Bytes in which a header of delimited text ends.
const HEAD_BYTES: u64 = 1 << 20;

/// The rows of a report.
pub(crate) struct ReportRows {
    path: PathBuf,
    table: Table,
    row: Row,
    status: usize,
    breaches: usize,
    fields: usize,
    /// Of a screening by other identifiers than NIKs, or by several.
    matched: Option<usize>,
}

/// One breach that a row is exposed in.
pub(crate) struct RowExposure {
    pub(crate) breach: String,
    /// Exposed classes.
    pub(crate) fields: Vec<String>,
    /// Kinds of the identifiers by which it was found; none where the report does not say.
    pub(crate) matched: Vec<String>,
}

impl ReportRows {
    /// Opens a report, delimited or in JSON lines.
    ///
    /// # Errors
    /// A file that cannot be read, or that is no report.
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        let failed = |error: std::io::Error| io_failure("read", path, &error);
        let mut file = File::open(path).map_err(failed)?;
        if file.metadata().map_err(failed)?.is_dir() {
            return Err(Failure::input(format!("{} is a folder, not a file", path.display())));
        }
        let mut head = Vec::new();
        file.by_ref().take(HEAD_BYTES).read_to_end(&mut head).map_err(failed)?;
        file.rewind().map_err(failed)?;
        let is_json = head.starts_with(b"{");
        let options = TableOptions {
            name: path.display().to_string(),
            delimiter: if is_json { None } else { delimiter(&head) },
            header: Some(true),
            ..TableOptions::default()
        };
        let no_report = |error: TableError| {
            Failure::input(error).remedy("name a report that `samar screen` wrote, as it was written")
        };
        let table = Table::open(Input::stream(file), &options).map_err(no_report)?;
        let column = |name: &str| table.select_column(name).map_err(no_report);
        let (status, breaches, fields) =
            (column("samar_status")?, column("samar_breaches")?, column("samar_fields")?);
        let matched = table.columns().iter().position(|name| name == "samar_matched");
        Ok(Self { path: path.to_owned(), table, row: Row::new(), status, breaches, fields, matched })
    }

    /// The exposures of the next row, none of one that is not exposed; nothing at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Vec<RowExposure>>, Failure> {
        if !self.table.next_row(&mut self.row).map_err(Failure::input)? {
            return Ok(None);
        }
        let cell = |column| self.row.get(column).unwrap_or_default();
        if self.row.rejection().is_some() || cell(self.status).is_empty() {
            let what =
                format!("{}: row at {} has no status of a screening", self.path.display(), self.row.line());
            return Err(Failure::input(what).remedy("screen the customers again"));
        }
        if cell(self.status) != "exposed" {
            return Ok(Some(Vec::new()));
        }
        let (breaches, fields) = (cell(self.breaches), cell(self.fields));
        let matched = self.matched.map(cell).unwrap_or_default();
        let (mut fields, mut matched) = (fields.split(';'), matched.split(';'));
        let parts = |list: Option<&str>| -> Vec<String> {
            list.unwrap_or_default().split('+').filter(|part| !part.is_empty()).map(str::to_owned).collect()
        };
        let exposure = |breach: &str| RowExposure {
            breach: breach.to_owned(),
            fields: parts(fields.next()),
            matched: parts(matched.next()),
        };
        Ok(Some(breaches.split(';').map(exposure).collect()))
    }
}

/// What stands before the first column of ours, which is what parts all of them.
fn delimiter(head: &[u8]) -> Option<u8> {
    let first = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let at = first.windows(12).position(|bytes| bytes == b"samar_status")?;
    let before = *first.get(at.checked_sub(1)?)?;
    matches!(before, b',' | b';' | b'\t' | b'|').then_some(before)
}

//! The report: every input column, and five of our own.

use std::io::{self, BufWriter, Write};

use samar_local::exit::Failure;
use samar_local::table::Row;
use serde_json::Value;

use super::Verdict;

/// Columns that the report adds; their names are a contract.
const ADDED: [&str; 5] =
    ["samar_status", "samar_breaches", "samar_fields", "samar_confidence", "samar_since"];

/// How the report is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Delimited like the input, UTF-8, with a header.
    #[default]
    Csv,
    /// One JSON object a row; every value is a string.
    Jsonl,
}

/// Refuses columns of which a report could not be read back. Ask before anything is evaluated.
///
/// # Errors
/// [`Failure`] that names the column.
pub(crate) fn check_columns(format: Format, columns: &[String]) -> Result<(), Failure> {
    if let Some(taken) = columns.iter().find(|column| ADDED.contains(&column.as_str())) {
        return Err(Failure::input(format!("the file already has a column {taken}"))
            .remedy("screen the original file, or drop the columns of an earlier report"));
    }
    let twice = columns.iter().enumerate().find(|(at, column)| columns[..*at].contains(column));
    match (format, twice) {
        (Format::Jsonl, Some((_, name))) => {
            let what = format!("two columns are called {name:?}, which a JSON object cannot hold");
            Err(Failure::input(what).remedy("rename one of them, or --out-format csv"))
        }
        _ => Ok(()),
    }
}

/// Bytes that a row of the report has at least beyond the text of its input row, which has these columns.
pub(crate) fn added_bytes(format: Format, columns: &[String]) -> u64 {
    let cells = "clear".len() + ADDED.len() + 1; // one status, what separates the cells, the line's end
    let names = columns.iter().map(String::as_str).chain(ADDED).map(|name| name.len() + r#""":"""#.len());
    match format {
        Format::Csv => cells as u64,
        Format::Jsonl => (cells + names.sum::<usize>()) as u64,
    }
}

/// A report being written.
pub(crate) struct Rows<W: Write> {
    writer: Writer<W>,
    columns: usize,
    /// Rows with more cells than there are columns; the surplus has no name to stand under and is left out.
    pub(crate) surplus: u64,
}

enum Writer<W: Write> {
    Csv(Box<csv::Writer<W>>),
    Jsonl { out: BufWriter<W>, names: Vec<String> },
}

impl<W: Write> Rows<W> {
    /// Begins a report of rows with these columns.
    ///
    /// # Errors
    /// As [`check_columns`], and of the file system.
    pub(crate) fn new(out: W, format: Format, columns: &[String], delimiter: u8) -> Result<Self, Failure> {
        check_columns(format, columns)?;
        let names: Vec<String> = columns.iter().map(String::as_str).chain(ADDED).map(str::to_owned).collect();
        let writer = match format {
            Format::Csv => {
                let mut writer = csv::WriterBuilder::new().delimiter(delimiter).from_writer(out);
                writer.write_record(&names).map_err(failed)?;
                Writer::Csv(Box::new(writer))
            }
            Format::Jsonl => Writer::Jsonl { out: BufWriter::new(out), names },
        };
        Ok(Self { writer, columns: columns.len(), surplus: 0 })
    }

    /// Writes one row. Cells that the input row lacks are empty.
    pub(crate) fn write(&mut self, row: &Row, verdict: &Verdict<'_>) -> Result<(), Failure> {
        self.surplus += u64::from(row.columns() > self.columns);
        let cells = (0..self.columns).map(|column| row.get(column).unwrap_or_default());
        let added = [
            verdict.status(),
            verdict.breaches(),
            verdict.fields(),
            verdict.confidence(),
            verdict.since().to_owned(),
        ];
        match &mut self.writer {
            Writer::Csv(writer) => {
                for cell in cells {
                    writer.write_field(cell.as_bytes()).map_err(failed)?;
                }
                for cell in added {
                    writer.write_field(cell).map_err(failed)?;
                }
                writer.write_record(None::<&[u8]>).map_err(failed)
            }
            Writer::Jsonl { out, names } => {
                let mut lead = b'{';
                for (name, value) in names.iter().zip(cells.chain(added.into_iter().map(Into::into))) {
                    let (name, value) = (Value::from(name.as_str()), Value::from(&*value));
                    write!(out, "{}{name}:{value}", char::from(lead)).map_err(failed)?;
                    lead = b',';
                }
                out.write_all(b"}\n").map_err(failed)
            }
        }
    }

    /// Hands everything to the file.
    pub(crate) fn finish(self) -> Result<(), Failure> {
        match self.writer {
            Writer::Csv(mut writer) => writer.flush().map_err(failed),
            Writer::Jsonl { mut out, .. } => out.flush().map_err(failed),
        }
    }
}

fn failed(error: impl Into<io::Error>) -> Failure {
    let error = error.into();
    Failure::local(format!("cannot write the report: {error}"))
        .remedy("see to the disk that it is written to; the report was not left half-written")
}

#[cfg(test)]
mod tests {
    use samar_local::table::{Input, Table, TableOptions};

    use super::super::verdict::tests::breaches;
    use super::*;
    use crate::matching::Match;

    /// The report on `input` in which every row is in the first breach.
    fn report(input: &'static str, format: Format) -> (String, u64) {
        let breaches = breaches();
        let options =
            TableOptions { name: "input".to_owned(), header: Some(true), ..TableOptions::default() };
        let mut rows = Table::open(Input::stream(input.as_bytes()), &options).unwrap();
        let mut out = Vec::new();
        let mut report = Rows::new(&mut out, format, rows.columns(), rows.delimiter()).unwrap();
        let verdict = Verdict::of([Match { breach: 0, label: 1 }], &breaches);
        let mut row = Row::new();
        while rows.next_row(&mut row).unwrap() {
            report.write(&row, &verdict).unwrap();
        }
        let surplus = report.surplus;
        report.finish().unwrap();
        (String::from_utf8(out).unwrap(), surplus)
    }

    const HEAD: &str = "samar_status;samar_breaches;samar_fields;samar_confidence;samar_since";

    #[test]
    fn every_column_is_kept_in_the_files_own_form() {
        let (text, surplus) =
            report("nik;nama\n1;\"Siti; binti \"\"A\"\"\"\n2\n3;b;c\n4;d\n5;e\n", Format::Csv);
        // A list of one breach holds no `;`, so nothing needs quotes here.
        let added = "exposed;bpjs-2021;phone+address+photo;claimed;2021-05";
        let lines = [
            format!("nik;nama;{HEAD}"),
            format!("1;\"Siti; binti \"\"A\"\"\";{added}"),
            format!("2;;{added}"),
            format!("3;b;{added}"),
            format!("4;d;{added}"),
            format!("5;e;{added}\n"),
        ];
        assert_eq!(text, lines.join("\n"));
        assert_eq!(surplus, 1);
    }

    #[test]
    fn json_lines_hold_the_same() {
        let (text, _) = report("nik,nama\n1,\"a \"\"b\"\"\nc\"\n", Format::Jsonl);
        let object: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(object["nama"], "a \"b\"\nc");
        assert_eq!(object["samar_fields"], "phone+address+photo");
        assert_eq!(text.lines().count(), 1);
    }

    #[test]
    fn columns_that_would_be_lost_are_refused() {
        let begin = |columns: &[&str], format| {
            let columns: Vec<String> = columns.iter().map(ToString::to_string).collect();
            Rows::new(Vec::new(), format, &columns, b',').map(|_| ()).map_err(|failure| failure.to_string())
        };
        assert!(begin(&["nik", "samar_status"], Format::Csv).unwrap_err().contains("samar_status"));
        assert!(begin(&["nik", "x", "x"], Format::Jsonl).unwrap_err().contains("\"x\""));
        assert_eq!(begin(&["nik", "x", "x"], Format::Csv), Ok(()));
    }
}

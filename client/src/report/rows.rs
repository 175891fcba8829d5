//! The report: every input column, and some of our own.

use std::io::{self, BufWriter, Write};

use samar_local::exit::Failure;
use samar_local::table::Row;
use serde_json::Value;

use super::{NotLookedUp, Verdict};

/// Columns that the report adds; their names are a contract.
const ADDED: [&str; 7] = [
    "samar_status",
    "samar_breaches",
    "samar_fields",
    "samar_confidence",
    "samar_since",
    "samar_matched",
    "samar_not_looked_up",
];
/// The first of them, which stand in every report.
const ALWAYS: usize = 5;

/// How the report is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Delimited like the input, UTF-8, with a header.
    #[default]
    Csv,
    /// One JSON object a row; every value is a string.
    Jsonl,
}

/// What a report looks like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) format: Format,
    /// Whether NIKs are all that was asked about: then nothing is said of kinds.
    pub(crate) niks_alone: bool,
}

impl Shape {
    fn added(self) -> &'static [&'static str] {
        if self.niks_alone { &ADDED[..ALWAYS] } else { &ADDED }
    }

    /// Refuses columns of which a report could not be read back. Ask before anything is evaluated.
    ///
    /// # Errors
    /// [`Failure`] that names the column.
    pub(crate) fn check_columns(self, columns: &[String]) -> Result<(), Failure> {
        if let Some(taken) = columns.iter().find(|column| self.added().contains(&column.as_str())) {
            return Err(Failure::input(format!("the file already has a column {taken}"))
                .remedy("screen the original file, or drop the columns of an earlier report"));
        }
        let twice = columns.iter().enumerate().find(|(at, column)| columns[..*at].contains(column));
        match (self.format, twice) {
            (Format::Jsonl, Some((_, name))) => {
                let what = format!("two columns are called {name:?}, which a JSON object cannot hold");
                Err(Failure::input(what).remedy("rename one of them, or --out-format csv"))
            }
            _ => Ok(()),
        }
    }

    /// Bytes that a row of the report has at least beyond the text of its input row, which has these columns.
    pub(crate) fn added_bytes(self, columns: &[String]) -> u64 {
        let added = self.added();
        let cells = "clear".len() + added.len() + 1; // one status, what separates the cells, the line's end
        let names = columns.iter().map(String::as_str).chain(added.iter().copied());
        match self.format {
            Format::Csv => cells as u64,
            Format::Jsonl => (cells + names.map(|name| name.len() + r#""":"""#.len()).sum::<usize>()) as u64,
        }
    }
}

/// A report being written.
pub(crate) struct Rows<W: Write> {
    writer: Writer<W>,
    shape: Shape,
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
    /// As [`Shape::check_columns`], and of the file system.
    pub(crate) fn new(out: W, shape: Shape, columns: &[String], delimiter: u8) -> Result<Self, Failure> {
        shape.check_columns(columns)?;
        let added = shape.added().iter().copied();
        let names: Vec<String> = columns.iter().map(String::as_str).chain(added).map(str::to_owned).collect();
        let writer = match shape.format {
            Format::Csv => {
                let mut writer = csv::WriterBuilder::new().delimiter(delimiter).from_writer(out);
                writer.write_record(&names).map_err(failed)?;
                Writer::Csv(Box::new(writer))
            }
            Format::Jsonl => Writer::Jsonl { out: BufWriter::new(out), names },
        };
        Ok(Self { writer, shape, columns: columns.len(), surplus: 0 })
    }

    /// Writes one row, with what of its identifiers was not looked up. Cells that the input row lacks are empty.
    pub(crate) fn write(
        &mut self,
        row: &Row,
        verdict: &Verdict<'_>,
        not_looked_up: impl Iterator<Item = NotLookedUp>,
    ) -> Result<(), Failure> {
        self.surplus += u64::from(row.columns() > self.columns);
        let cells = (0..self.columns).map(|column| row.get(column).unwrap_or_default());
        let always = [
            verdict.status(),
            verdict.breaches(),
            verdict.fields(),
            verdict.confidence(),
            verdict.since().to_owned(),
        ];
        let of_kinds = (!self.shape.niks_alone).then(|| {
            let rest: Vec<String> = not_looked_up.map(|identifier| identifier.to_string()).collect();
            [verdict.matched(), rest.join(";")]
        });
        let added = always.into_iter().chain(of_kinds.into_iter().flatten());
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
                for (name, value) in names.iter().zip(cells.chain(added.map(Into::into))) {
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
    use samar_protocol::identifier::Kind;

    use super::super::verdict::tests::{breaches, found, of_nik};
    use super::*;

    /// The report on `input` in which every row is in the first breach.
    fn report(input: &'static str, format: Format, niks_alone: bool) -> (String, u64) {
        let unusable = NotLookedUp { kind: Some(Kind::Npwp), reason: "placeholder" };
        let breaches = breaches();
        let options =
            TableOptions { name: "input".to_owned(), header: Some(true), ..TableOptions::default() };
        let mut rows = Table::open(Input::stream(input.as_bytes()), &options).unwrap();
        let mut out = Vec::new();
        let shape = Shape { format, niks_alone };
        let mut report = Rows::new(&mut out, shape, rows.columns(), rows.delimiter()).unwrap();
        let verdict = of_nik([found(0, 1)], &breaches);
        let mut row = Row::new();
        while rows.next_row(&mut row).unwrap() {
            report.write(&row, &verdict, [unusable, unusable].into_iter()).unwrap();
        }
        let surplus = report.surplus;
        report.finish().unwrap();
        (String::from_utf8(out).unwrap(), surplus)
    }

    const HEAD: &str = "samar_status;samar_breaches;samar_fields;samar_confidence;samar_since";

    #[test]
    fn every_column_is_kept_in_the_files_own_form() {
        let (text, surplus) =
            report("nik;nama\n1;\"Siti; binti \"\"A\"\"\"\n2\n3;b;c\n4;d\n5;e\n", Format::Csv, true);
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
        let (text, _) = report("nik,nama\n1,\"a \"\"b\"\"\nc\"\n", Format::Jsonl, true);
        let object: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(object["nama"], "a \"b\"\nc");
        assert_eq!(object["samar_fields"], "phone+address+photo");
        assert_eq!(text.lines().count(), 1);
    }

    #[test]
    fn with_other_kinds_it_says_by_which_a_breach_was_found_and_what_was_not_looked_up() {
        let (text, _) = report("nik,npwp\n1,0\n", Format::Csv, false);
        let names = "samar_since,samar_matched,samar_not_looked_up\n";
        assert!(
            text.contains(names) && text.ends_with("2021-05,nik,npwp:placeholder;npwp:placeholder\n"),
            "{text}"
        );
        let (text, _) = report("nik,npwp\n1,0\n", Format::Jsonl, false);
        assert!(text.contains(r#""samar_matched":"nik""#), "{text}");
    }

    #[test]
    fn columns_that_would_be_lost_are_refused() {
        let begin = |columns: &[&str], format| {
            let columns: Vec<String> = columns.iter().map(ToString::to_string).collect();
            Rows::new(Vec::new(), Shape { format, niks_alone: true }, &columns, b',')
                .map(|_| ())
                .map_err(|failure| failure.to_string())
        };
        assert!(begin(&["nik", "samar_status"], Format::Csv).unwrap_err().contains("samar_status"));
        assert!(begin(&["nik", "x", "x"], Format::Jsonl).unwrap_err().contains("\"x\""));
        assert_eq!(begin(&["nik", "x", "x"], Format::Csv), Ok(()));
    }
}

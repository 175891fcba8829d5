//! CSV, SQL and JSON, row by row.

use std::io::Write;

use super::form::{Cells, DumpForm, Shape};
use super::{SynthError, WRITE_BYTES, pass_on};

/// Rows of an INSERT.
const INSERT_ROWS: u64 = 1_000;

/// A dump of text being written.
pub(super) struct Text<'a, W> {
    out: &'a mut W,
    form: DumpForm,
    shape: Shape,
    text: Vec<u8>,
    rows: u64,
}

impl<'a, W: Write> Text<'a, W> {
    pub(super) fn begin(out: &'a mut W, form: DumpForm, shape: Shape) -> Self {
        let table = shape.table;
        let listed = |quote: &str, kind: &str, between: &str| {
            let names = shape.names().map(|name| format!("{quote}{name}{quote}{kind}"));
            names.collect::<Vec<_>>().join(between)
        };
        let text = match form {
            DumpForm::SqlInsert => format!(
                "-- MySQL dump 10.13\n\nCREATE TABLE `{table}` (\n  {}\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;\n",
                listed("`", " varchar(255) DEFAULT NULL", ",\n  ")
            ),
            DumpForm::SqlOneLine => {
                format!("CREATE TABLE `{table}` ({});", listed("`", " varchar(255) DEFAULT NULL", ", "))
            }
            DumpForm::SqlCopy => format!(
                "--\n-- PostgreSQL database dump\n--\n\nCOPY public.{table} ({}) FROM stdin;\n",
                listed("\"", "", ", ")
            ),
            DumpForm::Json => "[\n".to_owned(),
            DumpForm::Csv => listed("", "", ",") + "\n",
            DumpForm::Tsv => listed("", "", "\t") + "\n",
            _ => String::new(),
        };
        Self { out, form, shape, text: text.into_bytes(), rows: 0 }
    }

    pub(super) fn write(&mut self, cells: &Cells) -> Result<(), SynthError> {
        let text = &mut self.text;
        match self.form {
            DumpForm::SqlInsert | DumpForm::SqlOneLine => {
                let lead = if self.rows.is_multiple_of(INSERT_ROWS) {
                    let end = match self.form {
                        _ if self.rows == 0 => "",
                        DumpForm::SqlOneLine => ";",
                        _ => ";\n",
                    };
                    format!("{end}INSERT INTO `{}` VALUES (", self.shape.table)
                } else {
                    ",(".to_owned()
                };
                text.extend_from_slice(lead.as_bytes());
                for (at, cell) in cells.iter().enumerate() {
                    text.extend_from_slice(if at == 0 { b"'" } else { b",'" });
                    escape(text, cell, b"'\\", b'\\');
                    text.push(b'\'');
                }
                text.push(b')');
            }
            DumpForm::SqlCopy => {
                for (at, cell) in cells.iter().enumerate() {
                    if at > 0 {
                        text.push(b'\t');
                    }
                    escape(text, cell, b"\\", b'\\');
                }
                text.push(b'\n');
            }
            DumpForm::Jsonl | DumpForm::Json | DumpForm::JsonNested => {
                if self.form == DumpForm::Json && self.rows > 0 {
                    text.extend_from_slice(b",\n");
                }
                if self.form == DumpForm::JsonNested {
                    text.extend_from_slice(format!("{{\"{}\":", self.shape.table).as_bytes());
                }
                for (at, (name, cell)) in self.shape.names().zip(cells.iter()).enumerate() {
                    text.extend_from_slice(if at == 0 { b"{\"" } else { b",\"" });
                    text.extend_from_slice(name.as_bytes());
                    text.extend_from_slice(b"\":\"");
                    escape(text, cell, b"\"\\", b'\\');
                    text.push(b'"');
                }
                let end: &[u8] = match self.form {
                    DumpForm::Json => b"}",
                    DumpForm::JsonNested => b"}}\n",
                    _ => b"}\n",
                };
                text.extend_from_slice(end);
            }
            form => {
                let delimiter = if form == DumpForm::Tsv { b'\t' } else { b',' };
                for (at, cell) in cells.iter().enumerate() {
                    if at > 0 {
                        text.push(delimiter);
                    }
                    write_cell(text, cell, delimiter);
                }
                text.push(b'\n');
            }
        }
        self.rows += 1;
        Ok(pass_on(&mut self.text, self.out, WRITE_BYTES)?)
    }

    pub(super) fn finish(mut self) -> Result<(), SynthError> {
        let end: &[u8] = match self.form {
            DumpForm::SqlInsert | DumpForm::SqlOneLine if self.rows > 0 => b";\n",
            DumpForm::SqlCopy => b"\\.\n",
            DumpForm::Json => b"\n]\n",
            _ => b"",
        };
        self.text.extend_from_slice(end);
        pass_on(&mut self.text, self.out, 0)?;
        Ok(self.out.flush()?)
    }
}

/// A cell of delimited text, in quotes where it needs them.
fn write_cell(text: &mut Vec<u8>, cell: &[u8], delimiter: u8) {
    if cell.iter().any(|byte| *byte == delimiter || matches!(byte, b'"' | b'\n')) {
        text.push(b'"');
        escape(text, cell, b"\"", b'"');
        text.push(b'"');
    } else {
        text.extend_from_slice(cell);
    }
}

/// Appends a cell with an `escape` before each of these bytes.
fn escape(text: &mut Vec<u8>, cell: &[u8], bytes: &[u8], escape: u8) {
    for byte in cell {
        if bytes.contains(byte) {
            text.push(escape);
        }
        text.push(*byte);
    }
}

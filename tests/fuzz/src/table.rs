//! Tables of rows, as people hand them in.

use std::io::{Cursor, Read, Write as _};

use samar_local::table::{CELL_BYTES_MAX, Form, Input, Row, RowRejection, Table, TableOptions};
use samar_protocol::identifier::Nik;

use crate::script::Script;

/// Rows looked at; what decompresses to more than that is cut off.
const ROWS_MAX: usize = 2_000;

/// A row as it was read: its line, and its cells or why it has none.
type Seen = (u64, Result<Vec<String>, RowRejection>);

/// Any bytes are rows, or an error: never a panic, no cell beyond its bound, lines that ascend; and the same rows however
/// the bytes arrive. Delimited text without quotes is cut at its delimiters and nowhere else. The script chooses the form too,
/// and whether the bytes are a file in a zip, or the sheet of a workbook.
pub fn table(data: &[u8]) {
    let mut script = Script::new(data);
    let (mode, step) = (script.byte(), script.byte());
    let options = TableOptions {
        name: "table.csv".to_owned(),
        delimiter: [None, None, None, Some(b','), Some(b';'), Some(b'\t'), Some(b'|'), Some(mode)]
            [usize::from(mode) % 8],
        header: [None, None, Some(true), Some(false)][usize::from(mode >> 3) % 4],
        form: [None, Some(Form::Csv), Some(Form::Sql), Some(Form::Jsonl), Some(Form::Json), None, None, None]
            [usize::from(mode >> 5)],
        table: (mode >> 5 == 5).then(|| "users".to_owned()),
    };
    let bytes = script.rest();
    let packed = match mode >> 5 {
        6 => zip(&[("table", bytes)]),
        7 => workbook(bytes),
        _ => bytes.to_vec(),
    };
    let whole = read(Input::file(Cursor::new(packed.clone())), &options);
    let dripped = read(Input::stream(Drip { bytes: packed, at: 0, step: 1 + usize::from(step) }), &options);
    assert_eq!(whole, dripped, "the rows depend on how the bytes arrive");
    let Ok((rows, form, delimiter, has_header, _)) = whole else { return };
    assert!(rows.is_sorted_by(|a, b| a.0 < b.0), "lines do not ascend");

    let plain = str::from_utf8(bytes).is_ok() && bytes.len() < CELL_BYTES_MAX && !bytes.contains(&b'"');
    let packed = [b"\x1f\x8b".as_slice(), b"\x28\xb5\x2f\xfd", b"\xef\xbb\xbf", b"PK"];
    if form == Form::Csv && plain && !packed.iter().any(|start| bytes.starts_with(start)) {
        let terminator = if !bytes.contains(&b'\n') && bytes.contains(&b'\r') { b'\r' } else { b'\n' };
        let lines = bytes.split(|byte| *byte == terminator).zip(1u64..);
        let trimmed = lines.map(|(line, number)| match line {
            [line @ .., b'\r'] if terminator == b'\n' => (line, number),
            _ => (line, number),
        });
        let expected = trimmed.filter(|(line, _)| !line.is_empty()).skip(has_header.into());
        let cells = |line: &[u8]| {
            let cells = line.split(|byte| *byte == delimiter);
            cells.map(|cell| String::from_utf8_lossy(cell).into_owned()).collect::<Vec<_>>()
        };
        for ((line, row), (expected, number)) in rows.iter().zip(expected) {
            assert_eq!(*line, number);
            // The last line is held for cut short if it has fewer cells than the others.
            if *row != Err(RowRejection::TruncatedRow) {
                assert_eq!(row.as_ref().unwrap(), &cells(expected));
            }
        }
    }
}

/// The rows, their form, the delimiter, whether there is a header, and the column of the NIK if it can be told.
type Outcome = (Vec<Seen>, Form, u8, bool, Option<usize>);

fn read(input: Input, options: &TableOptions) -> Result<Outcome, String> {
    let mut table = Table::open(input, options).map_err(|error| error.to_string())?;
    let nik = table.guess_nik_column(|cell| Nik::parse(cell).is_ok()).ok();
    assert!(nik.is_none_or(|column| column < table.columns().len()));
    let first = table.columns().first().cloned().unwrap_or_default();
    if let Ok(column) = table.select_column(&first) {
        assert!(column < table.columns().len());
    }
    let mut rows = Vec::new();
    let mut row = Row::new();
    let mut failed = None;
    while rows.len() < ROWS_MAX {
        match table.next_row(&mut row) {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => {
                failed = Some(error.to_string());
                break;
            }
        }
        let cells = (0..row.columns()).map(|column| {
            let cell = row.get(column).unwrap();
            // A byte of windows-1252 is three of UTF-8 at most.
            assert!(cell.len() <= 3 * CELL_BYTES_MAX);
            cell.into_owned()
        });
        rows.push((row.line(), row.rejection().map_or_else(|| Ok(cells.collect()), Err)));
        assert_eq!(row.get(row.columns()), None);
    }
    match failed {
        Some(error) => Err(error),
        None => Ok((rows, table.form(), table.delimiter(), table.has_header(), nik)),
    }
}

/// The bytes as the only sheet of a workbook, with strings to refer to and a format for dates.
fn workbook(sheet: &[u8]) -> Vec<u8> {
    let book = b"<workbook><sheets><sheet name=\"a\" r:id=\"1\"/></sheets></workbook>";
    let relations = b"<Relationships><Relationship Id=\"1\" Type=\"/worksheet\" Target=\"s.xml\"/>\
        <Relationship Id=\"2\" Type=\"/sharedStrings\" Target=\"t.xml\"/><Relationship Id=\"3\" Type=\"/styles\" Target=\"f.xml\"/>\
        </Relationships>";
    zip(&[
        ("xl/workbook.xml", book),
        ("xl/_rels/workbook.xml.rels", relations),
        ("xl/s.xml", sheet),
        ("xl/t.xml", b"<sst><si><t>NIK</t></si><si><t>Ani &amp; B</t></si></sst>"),
        (
            "xl/f.xml",
            b"<styleSheet><cellXfs><xf numFmtId=\"0\"/><xf numFmtId=\"22\"/></cellXfs></styleSheet>",
        ),
    ])
}

/// A zip of these files, which is the same for the same bytes.
fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let stored = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for (name, bytes) in members {
        writer.start_file(*name, stored).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// Hands out so many bytes at a time.
struct Drip {
    bytes: Vec<u8>,
    at: usize,
    step: usize,
}

impl Read for Drip {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let length = self.step.min(out.len()).min(self.bytes.len() - self.at);
        out[..length].copy_from_slice(&self.bytes[self.at..self.at + length]);
        self.at += length;
        Ok(length)
    }
}

//! Workbooks as they come, and as nobody should make them.

use std::io::{self, Write as _};

use super::super::{Form, Input, ROW_BYTES_MAX, Row, Table, TableError, TableOptions, Unit};
use super::{open, open_with, options, rows, trickle};

const RELATIONS: &str = "<Relationships><Relationship Id=\"rId1\" Type=\"http://x/worksheet\" Target=\"worksheets/sheet1.xml\"/>\
    <Relationship Id=\"rId2\" Type=\"http://x/worksheet\" Target=\"/xl/worksheets/sheet2.xml\"/>\
    <Relationship Id=\"rId3\" Type=\"http://x/sharedStrings\" Target=\"sharedStrings.xml\"/>\
    <Relationship Id=\"rId4\" Type=\"http://x/styles\" Target=\"styles.xml\"/></Relationships>";
const STYLES: &str = "<styleSheet><numFmts><numFmt numFmtId=\"164\" formatCode=\"dd/mm/yyyy\\ hh:mm\"/>\
    <numFmt numFmtId=\"165\" formatCode=\"000000000000000\"/></numFmts><cellStyleXfs><xf numFmtId=\"14\"/></cellStyleXfs>\
    <cellXfs><xf numFmtId=\"0\"/><xf numFmtId=\"14\"/><xf numFmtId=\"164\"/><xf numFmtId=\"165\"/></cellXfs></styleSheet>";
const STRINGS: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><sst><si><t>NIK</t></si><si><t xml:space=\"preserve\">NAMA</t></si>\
    <si><r><t>Si</t></r><r><t>ti &amp; A</t></r><rPh><t>x</t></rPh></si><si/></sst>";

/// A workbook of two sheets with these rows.
fn workbook(first: &str, second: &str) -> Vec<u8> {
    let sheet = |rows: &str| {
        format!("<worksheet><dimension ref=\"A1\"/><sheetData>{rows}</sheetData><mergeCells/></worksheet>")
    };
    let book = "<workbook><workbookPr/><sheets><sheet name=\"Data &amp; lain\" sheetId=\"7\" r:id=\"rId1\"/>\
        <sheet name=\"Sheet2\" sheetId=\"8\" r:id=\"rId2\"/></sheets></workbook>";
    packed(&[
        ("xl/workbook.xml", book),
        ("xl/_rels/workbook.xml.rels", RELATIONS),
        ("xl/worksheets/sheet1.xml", &sheet(first)),
        ("xl/worksheets/sheet2.xml", &sheet(second)),
        ("xl/sharedStrings.xml", STRINGS),
        ("xl/styles.xml", STYLES),
    ])
}

fn packed(members: &[(&str, &str)]) -> Vec<u8> {
    let mut writer = ::zip::ZipWriter::new(io::Cursor::new(Vec::new()));
    let stored =
        ::zip::write::SimpleFileOptions::default().compression_method(::zip::CompressionMethod::Stored);
    for (name, text) in members {
        writer.start_file(*name, stored).unwrap();
        writer.write_all(text.as_bytes()).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

const HEADER: &str = "<row r=\"1\"><c r=\"A1\" t=\"s\"><v>0</v></c><c r=\"B1\" t=\"s\"><v>1</v></c><c r=\"C1\" t=\"str\"><v>TGL</v></c></row>";

#[test]
fn cells_are_read_as_excel_shows_them() {
    let rows_of_sheet = format!(
        "{HEADER}\
        <row r=\"2\"><c r=\"A2\"><v>3201010101900001</v></c><c r=\"B2\" t=\"s\"><v>2</v></c><c r=\"C2\" s=\"1\"><v>32874</v></c></row>\
        <row r=\"3\"/>\
        <row r=\"4\"><c r=\"A4\"><v>3.20101010190002E+15</v></c><c r=\"B4\" t=\"inlineStr\"><is><t>A&#66;&quot;</t></is></c>\
          <c r=\"C4\" s=\"2\"><v>32874.5</v></c></row>\
        <row><c t=\"str\"><f>A2</f><v>3201010101900003</v></c><c t=\"b\"><v>1</v></c><c t=\"e\"><v>#N/A</v></c></row>\
        <row r=\"9\"><c r=\"C9\" s=\"3\"><v>92542943407000</v></c><c r=\"E9\"><v>-0.5</v></c></row>\
        <row r=\"10\"><c r=\"A10\"/><c r=\"B10\" t=\"s\"><v>3</v></c></row>\
        <row r=\"11\"><c r=\"B11\" t=\"d\"><v>1990-01-01</v></c></row>"
    );
    let bytes = workbook(&rows_of_sheet, "");
    let mut table = open(&bytes).unwrap();
    assert_eq!((table.form(), table.unit(), table.has_header()), (Form::Xlsx, Unit::Row, true));
    assert_eq!(table.columns(), ["NIK", "NAMA", "TGL"]);
    assert_eq!(table.guess_nik_column(|_| false).unwrap(), 0);
    let says = "an Excel workbook: it has xl/workbook.xml; rows of sheet \"Data & lain\"";
    assert_eq!(table.decided_otherwise(), Some(says));
    let expected = [
        "2: 3201010101900001|Siti & A|1990-01-01",
        "4: 3201010101900020|AB\"|1990-01-01 12:00:00",
        "5: 3201010101900003|true|#N/A",
        "9: ||092542943407000||-0.5",
        "11: |1990-01-01|",
    ];
    assert_eq!(rows(&mut table), expected);
    // A pipe is held, and a file in a zip too.
    assert_eq!(rows(&mut Table::open(Input::Stream(trickle(&bytes, 999)), &options()).unwrap()), expected);
    let nested = {
        let mut writer = ::zip::ZipWriter::new(io::Cursor::new(Vec::new()));
        writer
            .start_file(
                "data/a.xlsx",
                ::zip::write::SimpleFileOptions::default()
                    .compression_method(::zip::CompressionMethod::Stored),
            )
            .unwrap();
        writer.write_all(&bytes).unwrap();
        writer.finish().unwrap().into_inner()
    };
    let mut table = open(&nested).unwrap();
    assert!(table.decided().ends_with(", in \"data/a.xlsx\""), "{}", table.decided());
    assert_eq!(rows(&mut table), expected);
}

#[test]
fn what_a_cell_lost_is_said_of_it() {
    let bytes = workbook(
        "<row r=\"1\"><c r=\"A1\"><f>B1&amp;C1</f></c><c r=\"B1\"><v>9.601010101800001E15</v></c><c r=\"C1\" t=\"s\"><v>99</v></c>\
        <c r=\"D1\"><f/><v>7</v></c></row>",
        "",
    );
    let mut table = open_with(&bytes, &TableOptions { header: Some(false), ..options() }).unwrap();
    let mut row = Row::new();
    assert!(table.next_row(&mut row).unwrap());
    let flaws: Vec<_> = (0..4).map(|column| row.require(column).map_err(|flaw| flaw.name())).collect();
    assert_eq!(flaws[..3], [Err("formula-unknown"), Err("float-rounded"), Err("malformed-row")]);
    assert_eq!(flaws[3].as_deref(), Ok("7"));
}

#[test]
fn one_sheet_of_several_is_chosen_by_name() {
    let row = |value: &str| format!("<row r=\"1\"><c r=\"A1\"><v>{value}</v></c></row>");
    let both = workbook(&row("1"), &row("2"));
    let error = open(&both).unwrap_err().to_string();
    assert_eq!(error, "table.csv holds several sheets: Data & lain, Sheet2; choose one with --table");
    let of = |wanted: &str| open_with(&both, &TableOptions { table: Some(wanted.into()), ..options() });
    assert_eq!(rows(&mut of("sheet2").unwrap()), ["1: 2"]);
    assert_eq!(rows(&mut of("Data & lain").unwrap()), ["1: 1"]);
    let error = of("Sheet3").unwrap_err().to_string();
    assert_eq!(error, "table.csv has no sheet \"Sheet3\" with rows; it has: Data & lain, Sheet2");
    // A sheet without a row is none to choose from.
    assert_eq!(rows(&mut open(workbook("<row r=\"1\"><c r=\"A1\"/></row>", &row("2"))).unwrap()), ["1: 2"]);
    assert!(matches!(open(workbook("", "")), Err(TableError::Empty { .. })));
}

#[test]
fn a_form_that_was_said_and_is_another_is_named() {
    let bytes = workbook(HEADER, "");
    let error =
        open_with(&bytes, &TableOptions { form: Some(Form::Csv), ..options() }).unwrap_err().to_string();
    let says = "table.csv is an Excel workbook, and cannot be read as delimited text; leave out --in-format, or say xlsx";
    assert_eq!(error, says);
    let error = open_with("NIK\n1\n", &TableOptions { form: Some(Form::Xlsx), ..options() }).unwrap_err();
    assert!(error.to_string().contains("cannot be read as an Excel workbook: it is text"), "{error}");
    let binary = packed(&[("xl/workbook.bin", "x"), ("xl/other.bin", "y")]);
    assert!(open(binary).unwrap_err().to_string().contains("binary Excel workbook (xlsb); export it as CSV"));
}

#[test]
fn damaged_and_hostile_workbooks_are_errors_or_rejected_rows() {
    let wide = "<row r=\"1\"><c r=\"XFD1\"><v>1</v></c></row><row r=\"2\"><c r=\"B2\"><v>2</v></c><c r=\"A2\"><v>1</v></c></row>\
        <row r=\"2\"><c><v>3</v></c></row>";
    assert_eq!(
        rows(&mut open(workbook(wide, "")).unwrap()),
        ["1: !row-too-long", "2: !malformed-row", "3: 3"]
    );

    // Cells that share a long text come to more than a row may have.
    let long = format!("<sst><si><t>{}</t></si></sst>", "x".repeat(60_000));
    let cells = "<c t=\"s\"><v>0</v></c>".repeat(ROW_BYTES_MAX / 60_000 + 2);
    let book = "<workbook><sheets><sheet name=\"a\" r:id=\"rId1\"/></sheets></workbook>";
    let of = |sheet: &str, strings: &str| {
        packed(&[
            ("xl/workbook.xml", book),
            ("xl/_rels/workbook.xml.rels", RELATIONS),
            ("xl/worksheets/sheet1.xml", sheet),
            ("xl/sharedStrings.xml", strings),
        ])
    };
    let sheet =
        format!("<worksheet><sheetData><row>{cells}</row><row><c><v>1</v></c></row></sheetData></worksheet>");
    assert_eq!(rows(&mut open(of(&sheet, &long)).unwrap()), ["1: !row-too-long", "2: 1"]);

    for (sheet, reason) in [
        ("<worksheet><sheetData><row><c><v>1</v></c></row>".to_owned(), "a part of it ends too early"),
        ("<worksheet><sheetData><row><c><v>1".to_owned(), "a part of it ends too early"),
        ("<worksheet><sheetData><row></c></row></sheetData>".to_owned(), "elements that do not match"),
        ("<worksheet><sheetData><row a=\"".to_owned(), "cut or malformed"),
        (format!("<worksheet><!--{}-->", "x".repeat(2 << 20)), "of more than 1048576 bytes"),
        (
            format!("<worksheet><sheetData><row><c><v>{}</v>", "x".repeat(2 << 20)),
            "of more than 1048576 bytes",
        ),
    ] {
        let error = match open(of(&sheet, "<sst/>")) {
            Ok(mut table) => {
                let mut row = Row::new();
                loop {
                    match table.next_row(&mut row) {
                        Ok(more) => assert!(more, "{reason}"),
                        Err(error) => break error,
                    }
                }
            }
            Err(error) => error,
        };
        let error = error.to_string();
        assert!(error.contains("cannot be read as an Excel workbook") && error.contains(reason), "{error}");
    }
    let error = open(packed(&[("xl/workbook.xml", book), ("x", "y")])).unwrap_err().to_string();
    assert!(error.contains("\"xl/_rels/workbook.xml.rels\" is not in it"), "{error}");
}

#[test]
fn a_part_that_unpacks_to_no_end_is_refused() {
    let mut writer = ::zip::ZipWriter::new(io::Cursor::new(Vec::new()));
    let deflated =
        ::zip::write::SimpleFileOptions::default().compression_method(::zip::CompressionMethod::Stored);
    let book = "<workbook><sheets><sheet name=\"a\" r:id=\"rId1\"/></sheets></workbook>";
    for (name, text) in [("xl/workbook.xml", book), ("xl/_rels/workbook.xml.rels", RELATIONS)] {
        writer.start_file(name, deflated).unwrap();
        writer.write_all(text.as_bytes()).unwrap();
    }
    writer.start_file("xl/worksheets/sheet1.xml", deflated).unwrap();
    writer.write_all(b"@").unwrap();
    let archive = writer.finish().unwrap().into_inner();
    // Packed by hand, since this build of the zip crate packs nothing: the sheet is 70 MB of blank rows in 70 kB.
    let mut packed = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    packed.write_all(b"<worksheet><sheetData>").unwrap();
    for _ in 0..70 {
        packed.write_all(&b"<row/>\n\n".repeat(128 << 10)).unwrap();
    }
    let packed = packed.finish().unwrap();
    let bytes = with_member(&archive, b'@', &packed);
    let error = open(bytes).unwrap_err();
    assert!(matches!(error, TableError::Bomb { .. }), "{error}");
    assert!(error.to_string().contains("is an Excel workbook that unpacks to no end"), "{error}");
}

/// The archive with the last member, which holds one byte, holding these instead, by deflate.
fn with_member(archive: &[u8], byte: u8, packed: &[u8]) -> Vec<u8> {
    let directory = archive.windows(4).position(|magic| magic == b"PK\x01\x02").unwrap();
    let at = archive[..directory].iter().rposition(|found| *found == byte).unwrap();
    let length = u32::try_from(packed.len()).unwrap().to_le_bytes();
    let mut out = [&archive[..at], packed, &archive[at + 1..]].concat();
    let local = out[..at].windows(4).rposition(|magic| magic == b"PK\x03\x04").unwrap();
    let shifted = directory - 1 + packed.len();
    let central = out[shifted..].windows(4).rposition(|magic| magic == b"PK\x01\x02").unwrap() + shifted;
    for (header, method, lengths) in [(local, 8, 18), (central, 10, 20)] {
        out[header + method] = 8;
        out[header + lengths..header + lengths + 4].copy_from_slice(&length);
    }
    let end = out.windows(4).rposition(|magic| magic == b"PK\x05\x06").unwrap();
    out[end + 16..end + 20].copy_from_slice(&u32::try_from(shifted).unwrap().to_le_bytes());
    out
}

//! Inputs that cannot be read at all: the message says what to do.

use std::fs::File;
use std::io::{self, Read, Write as _};

use super::super::{Input, Row, Table, TableError, TableOptions};
use super::{open, open_with, options};

#[test]
fn an_empty_file_is_an_error() {
    for text in ["", "\n", "\r\n \n\t\n", "\u{feff}"] {
        assert!(matches!(open(text), Err(TableError::Empty { .. })), "{text:?}");
    }
    let header = TableOptions { header: Some(true), ..options() };
    assert!(matches!(open_with("", &header), Err(TableError::Empty { .. })));
}

#[test]
fn a_folder_is_called_one() {
    let folder = tempfile::tempdir().unwrap();
    let error = Table::open(Input::stream(File::open(folder.path()).unwrap()), &options()).unwrap_err();
    assert_eq!(error.to_string(), "table.csv is a folder; name the files in it");
}

#[test]
fn files_of_other_kinds_are_recognised() {
    for (start, says) in [
        (b"PK\x03\x04\x14\0".as_slice(), "zip"),
        (b"\xfd7zXZ\0\0", "xz"),
        (b"SQLite format 3\0", "SQLite"),
        (b"PAR1\x15\x04", "Parquet"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0", "xls"),
    ] {
        let message = open(start).unwrap_err().to_string();
        assert!(message.contains(says), "{message}");
    }
    for binary in [b"\x7fELF\x02\x01\x01\0\0".as_slice(), b"N\0I\0K\0\n\x001\0\n\0"] {
        let error = open(binary).unwrap_err();
        assert!(matches!(error, TableError::Binary { .. }), "{error}");
        assert!(error.to_string().contains("iconv"), "{error}");
    }
}

#[test]
fn a_delimiter_that_cannot_work_is_refused() {
    for delimiter in [b'"', b'\n', b'\r', 0, 0xe9] {
        let error =
            open_with("a,b\n", &TableOptions { delimiter: Some(delimiter), ..options() }).unwrap_err();
        assert!(matches!(error, TableError::Delimiter { .. }), "{error}");
    }
}

#[test]
fn a_header_that_cannot_be_read_is_an_error_not_a_lost_row() {
    let text = format!("{}\n1\n", "x".repeat(100_000));
    let error = open_with(text, &TableOptions { header: Some(true), ..options() }).unwrap_err();
    assert!(error.to_string().contains("row-too-long"), "{error}");
}

#[test]
fn damaged_compression_is_an_error_after_the_rows_before_it() {
    let text: String = (0..100_000).map(|row| format!("{row},Ani\n")).collect();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(text.as_bytes()).unwrap();
    let gzip = gzip.finish().unwrap();
    let zstd = zstd::encode_all(text.as_bytes(), 1).unwrap();
    for (format, whole) in [("gzip", gzip), ("zstd", zstd)] {
        for cut in [whole.len() - 1, whole.len() * 3 / 4] {
            let mut table = open(&whole[..cut]).unwrap();
            let mut row = Row::new();
            let mut last = 0;
            let error = loop {
                match table.next_row(&mut row) {
                    Ok(true) => last = row.line(),
                    Ok(false) => panic!("{format}: the damage went unnoticed"),
                    Err(error) => break error,
                }
            };
            match error {
                TableError::Damaged { format: named, line, .. } => assert_eq!((named, line), (format, last)),
                other => panic!("{other}"),
            }
            assert!(last > 50_000, "{last}");
        }
    }
}

#[test]
fn a_source_that_fails_is_not_taken_for_its_end() {
    struct Failing;
    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::from_raw_os_error(5))
        }
    }
    let start = "NIK,NAMA\n".to_owned() + &"1,Ani\n".repeat(20_000);
    let mut table = Table::open(Input::stream(io::Cursor::new(start).chain(Failing)), &options()).unwrap();
    let mut row = Row::new();
    let error = loop {
        match table.next_row(&mut row) {
            Ok(more) => assert!(more),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, TableError::Read { line: 20_001, .. }), "{error}");
}

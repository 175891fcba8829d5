//! Files that can be read, however dirty.

use std::io::{self, Read, Write as _};

use proptest::prelude::*;

use super::super::{CELL_BYTES_MAX, Input, ROW_BYTES_MAX, Row, RowRejection, SNIFF_BYTES, TableOptions};
use super::{Table, open, open_with, options, rows, trickle};

/// What the file is, its bytes, its columns, its rows.
type Case = (&'static str, Vec<u8>, &'static str, Vec<&'static str>);

fn case(what: &'static str, bytes: impl Into<Vec<u8>>, columns: &'static str, rows: &[&'static str]) -> Case {
    (what, bytes.into(), columns, rows.to_vec())
}

fn utf16(text: &str, unit: fn(u16) -> [u8; 2]) -> Vec<u8> {
    ["\u{feff}", text].concat().encode_utf16().flat_map(unit).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap()
}

#[rustfmt::skip]
fn table() -> Vec<Case> {
    let simple = ["2: 3201010101800001|Ani", "3: 3201014101900002|Budi"];
    let text = "NIK,NAMA\n3201010101800001,Ani\n3201014101900002,Budi\n";
    let marked = |bytes: &str| [b"\xef\xbb\xbf", bytes.as_bytes()].concat();
    vec![
        case("comma", text, "NIK|NAMA", &simple),
        case("semicolon", text.replace(',', ";"), "NIK|NAMA", &simple),
        case("tab", text.replace(',', "\t"), "NIK|NAMA", &simple),
        case("bar", text.replace(',', "|"), "NIK|NAMA", &simple),
        case("semicolons with commas in the cells", "NIK;ALAMAT\n1;Jl. A, 1\n2;Jl. B, 2\n", "NIK|ALAMAT", &["2: 1|Jl. A, 1", "3: 2|Jl. B, 2"]),
        case("one column", "NIK\n3201010101800001\n3201014101900002\n", "NIK", &["2: 3201010101800001", "3: 3201014101900002"]),
        case("no header", "3201010101800001,Ani\n3201014101900002,Budi\n", "column-1|column-2", &["1: 3201010101800001|Ani", "2: 3201014101900002|Budi"]),
        case("no header, one damaged cell first", "3.20101E+15\n3201014101900002\n", "column-1", &["1: 3.20101E+15", "2: 3201014101900002"]),
        case("header only", "NIK,NAMA\n", "NIK|NAMA", &[]),
        case("no last line end", text.trim_end(), "NIK|NAMA", &simple),
        case("DOS line ends", text.replace('\n', "\r\n"), "NIK|NAMA", &simple),
        case("DOS line ends, quoted last cell", "NIK,NAMA\r\n1,\"Ani\"\r\n2,\"\"\r\n", "NIK|NAMA", &["2: 1|Ani", "3: 2|"]),
        case("old Mac line ends", text.replace('\n', "\r"), "NIK|NAMA", &simple),
        case("mixed line ends", "NIK,NAMA\r\n1,Ani\n2,Budi\r\n", "NIK|NAMA", &["2: 1|Ani", "3: 2|Budi"]),
        case("blank lines", "\n\r\nNIK,NAMA\n\n1,Ani\n\r\n\n2,Budi\n\n", "NIK|NAMA", &["5: 1|Ani", "8: 2|Budi"]),
        case("UTF-8 with mark", marked(text), "NIK|NAMA", &simple),
        case("UTF-8 with mark and quotes", marked("\"NIK\",\"NAMA\"\n1,José\n"), "NIK|NAMA", &["2: 1|José"]),
        case("UTF-16 LE", utf16(text, u16::to_le_bytes), "NIK|NAMA", &simple),
        case("UTF-16 BE", utf16(text, u16::to_be_bytes), "NIK|NAMA", &simple),
        case("UTF-16 with half a character pair", [utf16("NIK,NAMA\n1,A", u16::to_le_bytes), b"\x00\xd8\n\x00".to_vec()].concat(), "NIK|NAMA", &["2: 1|A\u{fffd}"]),
        case("latin-1", b"NIK,NAMA\n1,Jos\xe9\n2,Ren\xe9e\n".as_slice(), "NIK|NAMA", &["2: 1|José", "3: 2|Renée"]),
        case("latin-1 no-break space", b"NIK,NAMA\n3201\xa00101,Ani\n".as_slice(), "NIK|NAMA", &["2: 3201\u{a0}0101|Ani"]),
        case("UTF-8 and windows-1252 in one file", b"NIK,NAMA\n1,Jos\xc3\xa9\n2,Jos\xe9\n3,\x80\n".as_slice(), "NIK|NAMA", &["2: 1|José", "3: 2|José", "4: 3|€"]),
        case("half of a character in each of two cells", b"NIK,NAMA\n1\xc3,\xa92\n".as_slice(), "NIK|NAMA", &["2: 1Ã|©2"]),
        case("gzip", gzip(text.as_bytes()), "NIK|NAMA", &simple),
        case("gzip of several members", [gzip(b"NIK,NAMA\n32010101018"), gzip(b"00001,Ani\n3201014101900002,Budi\n")].concat(), "NIK|NAMA", &simple),
        case("zstd", zstd(text.as_bytes()), "NIK|NAMA", &simple),
        case("zstd of several frames", [zstd(b"NIK,NAMA\n32010101018"), zstd(b"00001,Ani\n3201014101900002,Budi\n")].concat(), "NIK|NAMA", &simple),
        case("gzip of UTF-16", gzip(&utf16(text, u16::to_le_bytes)), "NIK|NAMA", &simple),
        case("quoted delimiters and quotes", "NIK,NAMA\n1,\"Ani, \"\"Nia\"\" S.Pd\"\n", "NIK|NAMA", &["2: 1|Ani, \"Nia\" S.Pd"]),
        case("quotes inside a cell", "NIK,NAMA\n1,Ani \"Nia\" S.\n2,Budi\n", "NIK|NAMA", &["2: 1|Ani \"Nia\" S.", "3: 2|Budi"]),
        case("quoted line ends", "NIK,ALAMAT\n1,\"Jl. A\nRT 1\r\nRW 2\"\n2,Jl. B\n", "NIK|ALAMAT", &["2: 1|Jl. A\nRT 1\nRW 2", "5: 2|Jl. B"]),
        case("quoted line ends in the header", "\"NIK\n(KTP)\",NAMA\n1,Ani\n", "NIK(KTP)|NAMA", &["3: 1|Ani"]),
        case("too few and too many cells", "NIK,NAMA,HP\n1\n2,Budi,0812,extra\n3,Cici,0813\n", "NIK|NAMA|HP", &["2: 1", "3: 2|Budi|0812|extra", "4: 3|Cici|0813"]),
        case("empty cells", "NIK,NAMA,HP\n,,\n1,,\n", "NIK|NAMA|HP", &["2: ||", "3: 1||"]),
        case("cut in a cell", "NIK,NAMA,HP\n1,Ani,0812\n2,Bu", "NIK|NAMA|HP", &["2: 1|Ani|0812", "3: !truncated-row"]),
        case("cut in a quote", "NIK,NAMA\n1,Ani\n2,\"Bu", "NIK|NAMA", &["2: 1|Ani", "3: !truncated-row"]),
        case("cut after a quote", "NIK,NAMA,HP\n1,Ani,0812\n2,\"Budi\"", "NIK|NAMA|HP", &["2: 1|Ani|0812", "3: !truncated-row"]),
        case("a stray quote that would eat the rest", "NIK,NAMA\n1,\"Ani\n2,Budi\n3,Cici\n", "NIK|NAMA", &["2: 1|Ani", "3: 2|Budi", "4: 3|Cici"]),
        case("a stray quote and a later quoted cell", "NIK,NAMA\n1,\"Ani\n2,\"Budi\"\n3,Cici\n", "NIK|NAMA", &["2: 1|Ani", "3: 2|Budi", "4: 3|Cici"]),
        case("a lost quote where all cells have them", "\"NIK\",\"NAMA\"\n\"1\",\"Ani\n\"2\",\"Budi\"\n\"3\",\"Cici\"\n", "NIK|NAMA", &["2: 1|Ani", "3: 2|Budi", "4: 3|Cici"]),
        case("text after a closing quote", "NIK,NAMA\n\"1\" x,\"Ani\"\n", "NIK|NAMA", &["2: 1 x|Ani"]),
        case("a stray quote in a broken row", "NIK,NAMA,HP\n\"1,Ani\n2,Budi,0812\n3,Cici,0813\n", "NIK|NAMA|HP", &["2: !truncated-row", "3: 2|Budi|0812", "4: 3|Cici|0813"]),
        case("a stray quote, closed in a row below", "NIK,NAMA,HP\n\"1,Ani\n2,\"Budi\",0812\n3,Cici,0813\n", "NIK|NAMA|HP", &["2: !open-quote", "3: 2|Budi|0812", "4: 3|Cici|0813"]),
        case("repeated header", "NIK,NAMA\n1,Ani\nNIK,NAMA\n2,Budi\n", "NIK|NAMA", &["2: 1|Ani", "3: NIK|NAMA", "4: 2|Budi"]),
        case("unnamed columns", "NIK,,\u{200b}NAMA \n1,x,Ani\n", "NIK|column-2|NAMA", &["2: 1|x|Ani"]),
        case("zero bytes late", [text.repeat(2_000).as_bytes(), b"1,A\0i\n"].concat(), "NIK|NAMA", &[]),
    ]
}

#[test]
fn dirty_files_are_read_or_rejected_row_by_row() {
    for (what, bytes, columns, expected) in table() {
        let mut table = open(&bytes).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(table.columns().join("|"), columns, "{what}");
        let all = rows(&mut table);
        if bytes.len() < SNIFF_BYTES {
            assert_eq!(all, expected, "{what}");
        } else {
            assert_eq!(all.last().unwrap(), "6001: 1|A\0i", "{what}");
        }
    }
}

#[test]
fn how_the_bytes_arrive_changes_nothing() {
    for (what, bytes, ..) in table() {
        let expected = rows(&mut open(&bytes).unwrap());
        for step in [1, 2, 3, 7] {
            let mut table = Table::open(Input::Stream(trickle(&bytes, step)), &options()).unwrap();
            assert_eq!(rows(&mut table), expected, "{what}, {step} bytes at a time");
        }
    }
}

#[test]
fn a_row_without_the_column_says_so() {
    let mut table = open("NAMA,NIK\nAni,1\nBudi\n\"Cici\",2\nD,\"3").unwrap();
    let nik = table.select_column("NIK").unwrap();
    let mut row = Row::new();
    let mut found = Vec::new();
    while table.next_row(&mut row).unwrap() {
        found.push(row.require(nik).map(std::borrow::Cow::into_owned));
    }
    let missing = Err(RowRejection::MissingColumn);
    assert_eq!(found, [Ok("1".into()), missing, Ok("2".into()), Err(RowRejection::TruncatedRow)]);
    assert_eq!(RowRejection::MissingColumn.name(), "missing-column");
}

/// `count` letters that are made while they are read.
fn letters(count: u64) -> impl Read {
    io::repeat(b'x').take(count)
}

#[test]
fn a_line_of_a_gigabyte_costs_its_row_and_bounded_memory() {
    let start = "NIK,NAMA\n1,Ani\n".repeat(10_000);
    for quote in ["", "\""] {
        let input = io::Cursor::new(format!("{start}2,{quote}"))
            .chain(letters(1 << 30))
            .chain(io::Cursor::new("\n3,Cici\n"));
        let mut table = Table::open(Input::stream(input), &options()).unwrap();
        let all = rows(&mut table);
        assert_eq!(all[all.len() - 3..], ["20000: 1|Ani", "20001: !row-too-long", "20002: 3|Cici"]);
        assert!(table.buffer_bytes() <= 2 * ROW_BYTES_MAX);
    }
}

#[test]
fn an_open_quote_before_many_rows_costs_its_row() {
    let mut text = String::from("NIK,NAMA,HP\n1,\"Ani\n");
    for row in 0..200_000 {
        text.push_str(&format!("{row},Budi,0812\n"));
    }
    let mut table = open(text).unwrap();
    let all = rows(&mut table);
    assert_eq!(all.len(), 200_001);
    assert_eq!(all[..2], ["2: !row-too-long", "3: 0|Budi|0812"]);
}

#[test]
fn the_limits_are_exact() {
    let cell = |bytes: usize| "x".repeat(bytes);
    for quote in ["", "\""] {
        let fits = cell(CELL_BYTES_MAX);
        let text = format!(
            "NIK,NAMA\n1,{quote}{fits}{quote}\n2,{quote}{fits}x{quote}\n3,C\n4,{quote}{fits}x{quote}"
        );
        let all = rows(&mut open(&text).unwrap());
        assert_eq!(all, [&format!("2: 1|{fits}"), "3: !row-too-long", "4: 3|C", "5: !row-too-long"]);

        // Sixteen columns of 64 KiB and their delimiters make a row that is too long by those.
        let wide = |last: usize| {
            let cells = [vec![fits.as_str(); 15], vec![&fits[..last]]].concat();
            cells.iter().map(|cell| format!("{quote}{cell}{quote}")).collect::<Vec<_>>().join(",")
        };
        let extra = 15 + 32 * quote.len();
        let most = wide(CELL_BYTES_MAX - extra - usize::from(!quote.is_empty()));
        let more = wide(CELL_BYTES_MAX - extra + 1);
        let all = rows(&mut open(format!("{}A\n{most}\n{more}\nB\n", "A,".repeat(15))).unwrap());
        assert!(!all[0].contains("row-too-long"), "{} bytes", most.len());
        assert_eq!(all[1..], ["3: !row-too-long", "4: B"]);
    }
}

#[test]
fn what_the_caller_knows_overrides_what_is_guessed() {
    let text = "Ani;x,Budi\nCici;y,Dedi\n";
    let with = |delimiter, header| TableOptions { delimiter, header, ..options() };
    assert_eq!(rows(&mut open_with(text, &with(Some(b','), Some(false))).unwrap())[0], "1: Ani;x|Budi");
    assert_eq!(rows(&mut open_with(text, &with(Some(b';'), Some(true))).unwrap()), ["2: Cici|y,Dedi"]);
}

#[test]
fn a_row_shows_no_cell_in_its_debug_output() {
    let mut table = open("NIK\n3201010101800001\n").unwrap();
    let mut row = Row::new();
    table.next_row(&mut row).unwrap();
    assert_eq!(format!("{row:?}"), "Row(line 2, 1 cells, rejection None)");
}

proptest! {
    /// What is written with RFC 4180 quoting is read back, line numbers and all.
    #[test]
    fn quoted_text_comes_back(
        cells in prop::collection::vec(prop::array::uniform3("[a-z0-9\", ;\n|é]{0,12}"), 1..40),
        step in 1usize..40,
    ) {
        let quoted = |cell: &String| format!("\"{}\"", cell.replace('"', "\"\""));
        let lines: Vec<String> =
            cells.iter().map(|row| row.iter().map(quoted).collect::<Vec<_>>().join(",") + "\n").collect();
        let mut line = 1;
        let mut expected = Vec::new();
        for (row, text) in cells.iter().zip(&lines) {
            expected.push(format!("{line}: {}", row.join("|")));
            line += text.matches('\n').count();
        }
        let options = TableOptions { delimiter: Some(b','), header: Some(false), ..options() };
        let mut table = Table::open(Input::Stream(trickle(lines.concat(), step)), &options).unwrap();
        prop_assert_eq!(rows(&mut table), expected);
    }

    /// No bytes make it panic, hang or go back.
    #[test]
    fn any_bytes_end(bytes in prop::collection::vec(prop_oneof![
        Just(b'"'), Just(b'\n'), Just(b'\r'), Just(b','), Just(b';'), Just(b'1'), Just(b'a'), any::<u8>(),
    ], 0..300), header in any::<Option<bool>>()) {
        let options = TableOptions { header, ..options() };
        if let Ok(mut table) = open_with(&bytes, &options) {
            let mut row = Row::new();
            let mut last = 0;
            while table.next_row(&mut row).unwrap() {
                prop_assert!(row.line() > last);
                last = row.line();
            }
        }
    }
}

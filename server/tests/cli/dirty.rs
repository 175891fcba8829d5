//! Dirty files, each with what is said of it. Whatever is wrong, the place and a remedy are named, no cell is shown, and the vault
//! stays as it was.

use std::io::Write as _;

use crate::house::{House, names, program};

const NIK: &str = "3201010101900001";

/// How a file ends: an error with these words, or rows that are rejected by these reasons.
enum Expected {
    Refused(&'static [&'static str]),
    Rejected(&'static [(&'static str, u64)]),
}
use Expected::{Refused, Rejected};

/// A file's name, its bytes, arguments beside it, and what is to come of it.
type Case = (&'static str, Vec<u8>, &'static [&'static str], Expected);

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

pub(crate) fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in members {
        writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// A workbook of one sheet with these rows.
fn workbook(rows: &str) -> Vec<u8> {
    let sheet = format!("<worksheet><sheetData>{rows}</sheetData></worksheet>");
    let relations =
        b"<Relationships><Relationship Id=\"r\" Type=\"/worksheet\" Target=\"s.xml\"/></Relationships>";
    zip(&[
        ("xl/workbook.xml", b"<workbook><sheets><sheet name=\"Data\" r:id=\"r\"/></sheets></workbook>"),
        ("xl/_rels/workbook.xml.rels", relations),
        ("xl/s.xml", sheet.as_bytes()),
    ])
}

/// Made by the program itself.
fn made(form: &str) -> Vec<u8> {
    let arguments = ["synth", "dump", "--persons", "0..300", "--form", form, "--out", "-"];
    program().args(arguments).output().unwrap().stdout
}

fn csv(rows: &str) -> Vec<u8> {
    format!("NIK,NAMA\n{rows}").into_bytes()
}

fn text() -> Vec<Case> {
    let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    vec![
        ("empty.csv", vec![], &[], Refused(&["empty.csv is empty", "check how it was copied"])),
        ("blank.csv", b"\n\n  \n".to_vec(), &[], Refused(&["blank.csv is empty"])),
        ("header.csv", csv(""), &[], Rejected(&[])),
        (
            "column.csv",
            csv("1,Ani\n"),
            &["--column", "NIC"],
            Refused(&["no column \"NIC\"", "did you mean \"NIK\"?", "NIK, NAMA"]),
        ),
        (
            "twins.csv",
            b"NIK,NIK\n1,2\n".to_vec(),
            &["--column", "NIK"],
            Refused(&["2 columns called \"NIK\"", "#1 or #2"]),
        ),
        (
            "names.csv",
            b"NAMA,KOTA\nAni,Bogor\n".to_vec(),
            &[],
            Refused(&["cannot tell which column", "NIK", "--column"]),
        ),
        ("class.csv", csv(""), &["--exposes", "photo=FOTO"], Refused(&["no column \"FOTO\"", "NIK, NAMA"])),
        ("zero.csv", b"NIK\n1\n\0\0\0\n".to_vec(), &[], Refused(&["is not text", "zero bytes", "iconv"])),
        (
            "utf16.csv",
            utf16(&format!("NIK,NAMA\n{NIK},Ani\n")),
            &[],
            Refused(&["zero bytes", "UTF-16 without a byte order mark"]),
        ),
        (
            "bom.csv",
            [vec![0xff, 0xfe], utf16("NIK,NAMA\n7,Ani\n")].concat(),
            &[],
            Rejected(&[("wrong-length", 1)]),
        ),
        ("latin1.csv", b"NIK,NAMA\n7,Caf\xe9\n".to_vec(), &[], Rejected(&[("wrong-length", 1)])),
        (
            "short.csv",
            b"NAMA,NIK\nAni\nBudi,7\nCitra,8\n".to_vec(),
            &["--column", "NIK"],
            Rejected(&[("missing-column", 1), ("wrong-length", 2)]),
        ),
        (
            "quote.csv",
            csv("\"7,Ani\n8,Budi\n9,Citra\n"),
            &[],
            Rejected(&[("truncated-row", 1), ("wrong-length", 2)]),
        ),
        (
            "long.csv",
            csv(&format!("{},x\n7,y\n", "1".repeat(2 << 20))),
            &[],
            Rejected(&[("row-too-long", 1), ("wrong-length", 1)]),
        ),
        (
            "kinds.csv",
            csv("0812-3456-7890,x\na@example.com,y\n"),
            &[],
            Rejected(&[("not-digits", 1), ("wrong-length", 1)]),
        ),
        ("excel.csv", csv("3.20101E+15,x\n"), &[], Rejected(&[("excel-scientific", 1)])),
        ("pdf.csv", b"%PDF-1.7\n".to_vec(), &[], Refused(&["is a PDF document", "export it as CSV"])),
        (
            "old.xls",
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".to_vec(),
            &[],
            Refused(&["old Excel workbook", "export it as CSV"]),
        ),
        ("db.sqlite", b"SQLite format 3\0".to_vec(), &[], Refused(&["an SQLite database"])),
    ]
}

fn databases() -> Vec<Case> {
    vec![
        (
            "two.sql",
            b"INSERT INTO `a` (`nik`) VALUES ('1');\nINSERT INTO `b` (`nik`) VALUES ('2');\n".to_vec(),
            &[],
            Refused(&["several tables: a, b", "--table"]),
        ),
        (
            "twins.sql",
            b"USE x;\nINSERT INTO users (nik) VALUES (1);\nUSE y;\nINSERT INTO users (nik) VALUES (2);\n"
                .to_vec(),
            &["--table", "users"],
            Refused(&["several tables called \"users\": x.users, y.users", "the whole name"]),
        ),
        (
            "schema.sql",
            b"CREATE TABLE `a` (`nik` int);\n".to_vec(),
            &[],
            Refused(&["no INSERT and no COPY", "dump the data too"]),
        ),
        (
            "cut.sql",
            b"INSERT INTO `a` (`nik`) VALUES ('7'),('8".to_vec(),
            &[],
            Rejected(&[("truncated-row", 1), ("wrong-length", 1)]),
        ),
        (
            "cut.jsonl",
            b"{\"nik\":\"7\"}\n{\"nik\":\"".to_vec(),
            &[],
            Rejected(&[("truncated-row", 1), ("wrong-length", 1)]),
        ),
        (
            "float.jsonl",
            b"{\"nik\":9.601010101800001e15}\n{\"nik\":1}\n".to_vec(),
            &[],
            Rejected(&[("float-rounded", 1), ("wrong-length", 1)]),
        ),
        (
            "none.json",
            b"[1,2,3]\n".to_vec(),
            &["--in-format", "json"],
            Refused(&["cannot tell which column", "--column"]),
        ),
        (
            "copy.csv",
            csv("7,x\n"),
            &["--in-format", "xlsx"],
            Refused(&["cannot be read as an Excel workbook", "leave out --in-format"]),
        ),
        (
            "table.csv",
            csv("7,x\n"),
            &["--table", "a"],
            Refused(&["has no tables to choose from", "leave out --table"]),
        ),
    ]
}

fn packed() -> Vec<Case> {
    let (parquet, xlsx) = (made("parquet"), made("xlsx"));
    let cell = |text: &str| format!("<c t=\"str\"><v>{text}</v></c>");
    let header = format!("<row>{}{}</row>", cell("NIK"), cell("NAMA"));
    // Blank lines, which cost nothing but the reading.
    let bomb = gzip(&[b"NIK\n".as_slice(), &b"\n".repeat(70 << 20)].concat());
    vec![
        (
            "cut.gz",
            gzip(&csv(&"7,Ani\n".repeat(9_000)))[..60].to_vec(),
            &[],
            Refused(&["cut.gz is damaged gzip", "line"]),
        ),
        ("bomb.gz", bomb, &[], Refused(&["unpacks to no end", "unpack it yourself"])),
        (
            "cut.zip",
            zip(&[("a.csv", &csv("7,x\n"))])[..60].to_vec(),
            &[],
            Refused(&["cannot be read as a zip archive", "copy it again"]),
        ),
        (
            "two.zip",
            zip(&[("a.csv", b"NIK\n"), ("b.csv", b"NIK\n")]),
            &[],
            Refused(&["several files: a.csv, b.csv", "--table"]),
        ),
        (
            "cut.parquet",
            parquet[..parquet.len() / 2].to_vec(),
            &[],
            Refused(&["cannot be read as Parquet", "still being written", "copy it again"]),
        ),
        ("table.parquet", parquet.clone(), &["--table", "a"], Refused(&["is Parquet, which has no tables"])),
        (
            "said.parquet",
            parquet,
            &["--in-format", "csv"],
            Refused(&["is Parquet, and cannot be read as delimited text", "say parquet"]),
        ),
        (
            "cut.xlsx",
            xlsx[..xlsx.len() / 2].to_vec(),
            &[],
            Refused(&["cannot be read as a zip archive", "copy it again"]),
        ),
        ("sheet.xlsx", xlsx, &["--table", "Data"], Refused(&["no sheet \"Data\"", "peserta"])),
        ("none.xlsx", workbook(""), &[], Refused(&["none.xlsx is empty"])),
        (
            "formula.xlsx",
            workbook(&format!(
                "{header}<row><c><f>A1&amp;B1</f></c></row><row><c><f>1+6</f><v>7</v></c></row>"
            )),
            &[],
            Rejected(&[("formula-unknown", 1), ("wrong-length", 1)]),
        ),
        (
            "rounded.xlsx",
            workbook(&format!(
                "{header}<row><c><v>3.2010101019E+15</v></c></row><row><c><v>9.601010101800001E15</v></c></row>"
            )),
            &[],
            Rejected(&[("float-rounded", 1), ("zero-serial", 1)]),
        ),
        (
            "broken.xlsx",
            workbook(&format!("{header}<row><c><v>7</c></row>")),
            &[],
            Refused(&["elements that do not match", "save it again"]),
        ),
    ]
}

#[test]
fn every_dirty_file_is_reported_as_expected_and_leaves_no_partial_vault() {
    let cases: Vec<Case> = [text(), databases(), packed()].into_iter().flatten().collect();
    assert!(cases.len() >= 40, "{}", cases.len());
    let house = House::filled();
    let before = house.vault("breach-a");
    let mut wrong = Vec::new();
    for (name, bytes, arguments, expected) in cases {
        let file = house.file(name, bytes);
        let ingest = ["ingest", "--breach", "breach-b", "--date", "2021", "--json", &file];
        let run = house.run(&[&ingest[..], arguments].concat());
        let mut holds = |what: bool| {
            if !what {
                wrong.push(format!("{name} ended with {}: {}{}", run.code, run.err, run.out));
            }
        };
        holds(!run.err.contains(NIK) && !run.err.contains("Ani"));
        match expected {
            Refused(words) => {
                holds(run.code == 2 && run.out.is_empty() && run.err.contains(name));
                holds(run.err.lines().count() == 1 && words.iter().all(|word| run.err.contains(word)));
                holds(!house.base("breach-b").exists() && names(&house.layout.runs()).is_empty());
            }
            Rejected(reasons) => {
                let reasons: serde_json::Map<_, _> =
                    reasons.iter().map(|(reason, rows)| ((*reason).to_owned(), (*rows).into())).collect();
                let report = serde_json::from_str::<serde_json::Value>(&run.out).unwrap_or_default();
                holds(
                    run.code == 0
                        && report["rejected"] == serde_json::Value::Object(reasons)
                        && report["accepted"] == 0,
                );
                house.run(&["remove", "--breach", "breach-b"]);
            }
        }
        holds(house.vault("breach-a") == before);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

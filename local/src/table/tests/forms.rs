//! Dumps in SQL, JSON and zip, and what is read of them.

use std::io::{self, Write as _};

use super::super::{Form, Input, ROW_BYTES_MAX, Table, TableError, TableOptions, Unit};
use super::{open, open_with, options, rows, trickle};

/// The columns, and every row.
fn read(bytes: impl AsRef<[u8]>) -> (String, Vec<String>) {
    let mut table = open(bytes).unwrap();
    (table.columns().join("|"), rows(&mut table))
}

fn of_table(bytes: impl AsRef<[u8]>, wanted: &str) -> Result<Table, TableError> {
    open_with(bytes, &TableOptions { table: Some(wanted.into()), ..options() })
}

const MYSQL: &str = "-- MySQL dump 10.13\n/*!40101 SET NAMES utf8mb4 */;\nDROP TABLE IF EXISTS `users`;\n\
    CREATE TABLE `users` (\n  `id` int(11) NOT NULL AUTO_INCREMENT,\n  `nik` varchar(16) DEFAULT 'a,b)',\n  `note` text,\n\
      PRIMARY KEY (`id`),\n  KEY `k` (`nik`,`id`)\n) ENGINE=InnoDB; # it's MySQL's\nLOCK TABLES `users` WRITE;\n\
    INSERT INTO `users` VALUES (1,'3201010101800001','Siti \\'A\\' said ''hi''\\n(x),(y);'),(2,NULL,_binary 'a\\0b'),\n\
    (3,0x33323031,N'z') , (-4.5,'',TRUE);\nUNLOCK TABLES;\nINSERT INTO `users` (`note`,`nik`) VALUES ('n','5');\n";

#[test]
fn rows_of_insert_are_read_whatever_stands_in_them() {
    let (columns, rows) = read(MYSQL);
    assert_eq!(columns, "id|nik|note");
    let expected = [
        "1: 1|3201010101800001|Siti 'A' said 'hi'\n(x),(y);",
        "2: 2||a\0b",
        "3: 3|3201|z",
        "4: -4.5||TRUE",
        "5: |5|n",
    ];
    assert_eq!(rows, expected);
    // A whole dump on one line, and bytes that come one at a time.
    let line = MYSQL.lines().filter(|line| line.starts_with("INSERT")).collect::<String>();
    assert_eq!(open(&line).unwrap().columns().join("|"), "column-1|column-2|column-3");
    let mut table = Table::open(Input::Stream(trickle(MYSQL, 1)), &options()).unwrap();
    assert_eq!(super::rows(&mut table), expected);
    assert_eq!((table.form(), table.unit()), (Form::Sql, Unit::Row));
    assert!(table.decided().contains("\"users\""), "{}", table.decided());
}

#[test]
fn rows_of_other_databases_inserts_are_read() {
    let postgres = "-- PostgreSQL database dump\nCREATE FUNCTION f() RETURNS void AS $x$ BEGIN; INSERT INTO no VALUES (1); END $x$;\n\
        INSERT INTO public.users (nik, \"Nama\") VALUES ('1', 'C:\\'), ('2', E'it\\'s');\n\
        INSERT INTO public.users (\"Nama\", nik) VALUES ('c'::character varying(3), '3') ON CONFLICT DO NOTHING;\n";
    assert_eq!(
        read(postgres),
        ("nik|Nama".into(), vec!["1: 1|C:\\".into(), "2: 2|it's".into(), "3: 3|c".into()])
    );
    let sqlite = "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nCREATE TABLE \"u\" (nik text, b blob);\n\
        INSERT INTO u VALUES('1\\',X'4142');\nCOMMIT;\n";
    assert_eq!(read(sqlite), ("nik|b".into(), vec!["1: 1\\|AB".into()]));
    let server = "SET ANSI_NULLS ON\nGO\nCREATE TABLE [dbo].[U]([NIK] [nvarchar](16) NULL, [D] [date])\nGO\n\
        INSERT [dbo].[U] ([NIK], [D]) VALUES (N'1', CAST(N'2021-05-01' AS Date))\n\
        INSERT [dbo].[U] ([NIK], [D]) VALUES (N'2', NULL)\nGO\n";
    assert_eq!(read(server), ("NIK|D".into(), vec!["1: 1|2021-05-01".into(), "2: 2|".into()]));
    let procedures = "INSERT INTO `t` (`nik`) VALUES ('1');\nDELIMITER $$\nCREATE PROCEDURE `p` () BEGIN INSERT INTO `log` VALUES (1); END$$\n\
        DELIMITER ;\nINSERT INTO `t` (`nik`) VALUES ('2');\n";
    assert_eq!(read(procedures), ("nik".into(), vec!["1: 1".into(), "2: 2".into()]));
}

#[test]
fn lines_of_copy_are_read_up_to_their_end() {
    let copy = "--\n-- PostgreSQL database dump\n--\n\\restrict abc\nSET search_path = public, pg_catalog;\n\
        CREATE TABLE users (nik text, nama text);\nCOPY users (nik, nama) FROM stdin;\n1\tSiti\\tA\\\\\n\\N\t\\x41\\101\n3\r\n\\.\n\n\
        SELECT 1;\n";
    let (columns, rows) = read(copy);
    assert_eq!(columns, "nik|nama");
    assert_eq!(rows, ["1: 1|Siti\tA\\", "2: |AA", "3: 3"]);
    assert_eq!(
        open(copy).unwrap().decided(),
        "an SQL dump: it has a CREATE TABLE statement; rows of table \"public.users\""
    );
    let error = open("COPY users (nik) FROM stdin WITH (FORMAT csv);\n1\n\\.\n").unwrap_err().to_string();
    assert!(error.contains("COPY of users on line 1 has options") && error.contains("pg_dump"), "{error}");
}

#[test]
fn a_damaged_row_costs_itself_alone() {
    let insert = "INSERT INTO `t` (`nik`,`n`) VALUES ('1','O'Brien'),\n('2','a'),('3','b' 'c'),('4','d');\n";
    assert_eq!(read(insert).1, ["1: !malformed-row", "2: 2|a", "3: !malformed-row", "4: 4|d"]);
    let long = format!("INSERT INTO `t` VALUES ('1','{}'),('2','b');", "x".repeat(3 << 20));
    let mut table = open(long).unwrap();
    let mut row = super::super::Row::new();
    assert!(table.next_row(&mut row).unwrap());
    assert_eq!(row.require(0).unwrap(), "1");
    assert_eq!(row.require(1).unwrap_err().name(), "cell-too-long");
    assert_eq!(rows(&mut table), ["2: 2|b"]);
}

#[test]
fn a_dump_that_was_cut_says_so() {
    for (cut, last) in [
        ("INSERT INTO `t` VALUES ('1'),('2", "2: !truncated-row"),
        ("INSERT INTO `t` VALUES ('1'),", "2: !truncated-row"),
        ("COPY t (a, b) FROM stdin;\n1\tx\n2", "2: !truncated-row"),
        ("COPY t (a, b) FROM stdin;\n1\tx\n", "2: !truncated-row"),
        ("{\"a\":1}\n{\"a\":", "2: !truncated-row"),
        ("[{\"a\":1},{\"a\":", "2: !truncated-row"),
    ] {
        assert_eq!(read(cut).1.last().unwrap(), last, "{cut}");
    }
}

#[test]
fn one_table_of_several_is_chosen_by_name() {
    let dump = "CREATE TABLE `log` (`x` int);\nINSERT INTO `log` VALUES (1);\nCREATE TABLE `empty` (`y` int);\n\
        INSERT INTO `users` (`nik`) VALUES ('7');\nINSERT INTO `log` VALUES (2);\n";
    let error = rows_or_error(open(dump)).unwrap_err().to_string();
    assert_eq!(error, "table.csv holds several tables: log, users; choose one with --table");
    assert_eq!(rows(&mut of_table(dump, "USERS").unwrap()), ["1: 7"]);
    assert_eq!(rows(&mut of_table(dump, "log").unwrap()), ["1: 1", "2: 2"]);
    let error = of_table(dump, "empty").unwrap_err().to_string();
    assert_eq!(error, "table.csv has no table \"empty\" with rows; it has: log, users");
    let twins = "USE a;\nINSERT INTO users VALUES (1);\nUSE b;\nINSERT INTO users VALUES (2);\n";
    let error = rows_or_error(of_table(twins, "users")).unwrap_err().to_string();
    let says = "table.csv has several tables called \"users\": a.users, b.users; give --table the whole name";
    assert_eq!(error, says);
    assert_eq!(rows(&mut of_table(twins, "b.users").unwrap()), ["1: 2"]);
    assert_eq!(rows(&mut of_table(twins, "a.users").unwrap()), ["1: 1"]);
    let schema = open("CREATE TABLE `t` (`nik` int);\n").unwrap_err().to_string();
    assert!(schema.contains("no INSERT and no COPY"), "{schema}");
}

fn rows_or_error(table: Result<Table, TableError>) -> Result<(), TableError> {
    let mut table = table?;
    let mut row = super::super::Row::new();
    while table.next_row(&mut row)? {}
    Ok(())
}

#[test]
fn json_is_read_by_lines_and_in_arrays_as_deep_as_it_goes() {
    let lines = "{\"a\":{\"b\":{\"nik\":3201010101800001}},\"n\":\"Siti \\\"A\\\"\\u00e9\",\"x\":null}\n\n\
        {\"n\":\"B\",\"t\":[1,\"2\"],\"a\":{\"b\":{\"nik\":\"9601010101800001\"}}}\nnone\n{\"n\":true}";
    let (columns, found) = read(lines);
    assert_eq!(columns, "a.b.nik|n|x|t");
    let expected = [
        "1: 3201010101800001|Siti \"A\"\u{e9}||",
        "3: 9601010101800001|B||[1,\"2\"]",
        "4: !malformed-row",
        "5: |true||",
    ];
    assert_eq!(found, expected);
    let array = "[\n {\"nik\": 1,\n  \"o\": {\"p\": \"}]\"}},{\"nik\":2}\n, {\"nik\":3}]\n";
    assert_eq!(read(array), ("nik|o.p".into(), vec!["1: 1|}]".into(), "2: 2|".into(), "3: 3|".into()]));
    let mut table = Table::open(Input::Stream(trickle(array, 1)), &options()).unwrap();
    assert_eq!((rows(&mut table).len(), table.form()), (3, Form::Json));
    assert_eq!(open(lines).unwrap().form(), Form::Jsonl);
    assert_eq!(open(lines).unwrap().guess_nik_column(|_| false).unwrap(), 0);
}

#[test]
fn numbers_of_json_keep_their_digits_or_say_that_they_lost_them() {
    let lines = "{\"nik\":9601010101800001}\n{\"nik\":9.601010101800001e15}\n{\"nik\":9601010101800001.0}\n{\"nik\":0812}\n{\"nik\":1.50}\n";
    let mut table = open(lines).unwrap();
    let mut row = super::super::Row::new();
    let mut found = Vec::new();
    while table.next_row(&mut row).unwrap() {
        found.push(row.require(0).map_or_else(|flaw| flaw.name().to_owned(), std::borrow::Cow::into_owned));
    }
    assert_eq!(found, ["9601010101800001", "float-rounded", "float-rounded", "malformed-row", "1.50"]);
}

#[test]
fn names_in_json_that_are_data_reach_no_message() {
    let table = open("{\"3201010101800001\":{\"nama\":\"x\"},\"nik\":\"1\"}\n").unwrap();
    assert_eq!(table.columns(), ["column-1", "nik"]);
}

#[test]
fn an_object_without_end_costs_its_row_and_bounded_memory() {
    let long = format!("[{{\"a\":\"{}\"}},{{\"a\":2}}]", "x".repeat(3 * ROW_BYTES_MAX));
    assert_eq!(read(long).1, ["1: !row-too-long", "2: 2"]);
    let long = format!("{{\"a\":0}}\n{{\"a\":\"{}\"}}\n{{\"a\":2}}\n", "x".repeat(3 * ROW_BYTES_MAX));
    assert_eq!(read(long).1, ["1: 0", "2: !row-too-long", "3: 2"]);
}

fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ::zip::ZipWriter::new(io::Cursor::new(Vec::new()));
    let stored =
        ::zip::write::SimpleFileOptions::default().compression_method(::zip::CompressionMethod::Stored);
    for (name, bytes) in members {
        writer.start_file(*name, stored).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

#[test]
fn the_file_in_an_archive_is_read_or_chosen() {
    let csv = b"NIK,NAMA\n1,Ani\n".as_slice();
    let one = zip(&[("a/", b""), ("a/dump.csv", csv), ("__MACOSX/a/._dump.csv", b"x")]);
    let mut table = open(&one).unwrap();
    assert_eq!(rows(&mut table), ["2: 1|Ani"]);
    assert!(table.decided().ends_with(", in \"a/dump.csv\""), "{}", table.decided());
    // A pipe has no end to begin from, and is held.
    assert_eq!(rows(&mut Table::open(Input::Stream(trickle(&one, 7)), &options()).unwrap()), ["2: 1|Ani"]);

    let two = zip(&[("a/dump.csv", csv), ("b/dump.csv", b"NIK\n2\n"), ("all.sql", MYSQL.as_bytes())]);
    let error = open(&two).unwrap_err().to_string();
    assert_eq!(
        error,
        "table.csv holds several files: a/dump.csv, b/dump.csv, all.sql; choose one with --table"
    );
    let error = of_table(&two, "dump.csv").unwrap_err().to_string();
    assert!(error.contains("several files called \"dump.csv\": a/dump.csv, b/dump.csv"), "{error}");
    assert_eq!(rows(&mut of_table(&two, "b/dump.csv").unwrap()), ["2: 2"]);
    assert_eq!(rows(&mut of_table(&two, "all.sql:users").unwrap()).len(), 5);
    assert!(of_table(&two, "c").unwrap_err().to_string().contains("no file \"c\""));

    let mut broken = one.clone();
    let at = broken.windows(3).position(|bytes| bytes == b"Ani").unwrap();
    broken[at] = b'B';
    assert!(matches!(rows_or_error(open(&broken)), Err(TableError::Damaged { format: "zip", .. })));
    let error = open(&one[..one.len() - 30]).unwrap_err().to_string();
    assert!(error.contains("cannot be read as a zip archive") && error.contains("copy it again"), "{error}");
}

#[test]
fn what_unpacks_to_no_end_is_refused_with_bounded_work() {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(b"NIK\n").unwrap();
    let block = b"3201010101800001\n".repeat(64 << 10);
    for _ in 0..72 {
        gzip.write_all(&block).unwrap();
    }
    let bomb = gzip.finish().unwrap();
    let error = rows_or_error(open(&bomb)).unwrap_err();
    assert!(matches!(error, TableError::Bomb { format: "gzip", .. }), "{error}");
    assert!(error.to_string().contains("unpack it yourself"), "{error}");
    let mut nested = b"NIK\n1\n".to_vec();
    for _ in 0..5 {
        nested = zstd::encode_all(nested.as_slice(), 1).unwrap();
    }
    assert!(matches!(open(&nested), Err(TableError::Layers { .. })));
}

#[test]
fn a_form_that_is_asked_for_and_is_not_there_is_named() {
    let of = |form, bytes: &str| open_with(bytes, &TableOptions { form: Some(form), ..options() });
    assert_eq!(of(Form::Csv, "{\"a\",\"b\"}\n").unwrap().form(), Form::Csv);
    let error = of_table("NIK\n1\n", "users").unwrap_err().to_string();
    assert_eq!(error, "table.csv is delimited text, which has no tables to choose from; leave out --table");
    assert!(of(Form::Sql, "NIK\n1\n").unwrap_err().to_string().contains("no INSERT"));
}

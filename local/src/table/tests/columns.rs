//! Choosing a column.

use super::super::{TableError, TableOptions};
use super::{open, open_with, options};

/// Near enough to a NIK for these tests.
fn parses(cell: &str) -> bool {
    cell.len() == 16 && cell.bytes().all(|byte| byte.is_ascii_digit())
}

#[test]
fn a_column_is_found_by_its_name_its_name_but_for_case_or_its_number() {
    let table = open("NIK,Nama,nama,2\n1,a,b,c\n").unwrap();
    for (wanted, column) in
        [("NIK", 0), ("nik", 0), (" Nik ", 0), ("Nama", 1), ("nama", 2), ("#3", 2), ("3", 2)]
    {
        assert_eq!(table.select_column(wanted).unwrap(), column, "{wanted}");
    }
    // A column that is called 2 comes before the second column.
    let table = open_with("NIK,NAMA,x2\n1,a,b\n", &TableOptions { header: Some(true), ..options() }).unwrap();
    assert_eq!(table.select_column("2").unwrap(), 1);
    let table = open_with("NIK,NAMA,2\n1,a,b\n", &TableOptions { header: Some(true), ..options() }).unwrap();
    assert_eq!(table.select_column("2").unwrap(), 2);
    let table = open("3201010101800001;Ani\n").unwrap();
    for (wanted, column) in [("1", 0), ("#2", 1), ("column-2", 1)] {
        assert_eq!(table.select_column(wanted).unwrap(), column, "{wanted}");
    }
}

#[test]
fn a_column_that_is_not_there_is_answered_with_those_that_are() {
    let table = open("NO_KTP,NAMA,ALAMAT\n1,a,b\n").unwrap();
    let message = table.select_column("NOKTP").unwrap_err().to_string();
    assert_eq!(
        message,
        "table.csv has no column \"NOKTP\" (did you mean \"NO_KTP\"?); it has: NO_KTP, NAMA, ALAMAT"
    );
    let message = table.select_column("e-mail").unwrap_err().to_string();
    assert!(!message.contains("did you mean"), "{message}");
    for wanted in ["", "#", "0", "#0", "#4", "-1", "4"] {
        assert!(matches!(table.select_column(wanted), Err(TableError::NoSuchColumn { .. })), "{wanted:?}");
    }
}

#[test]
fn two_columns_of_one_name_are_told_apart_by_number() {
    let table = open("NIK,NAMA,NIK\n1,a,2\n").unwrap();
    let message = table.select_column("nik").unwrap_err().to_string();
    assert_eq!(message, "table.csv has 2 columns called \"nik\"; choose by number: #1 or #3");
    assert_eq!(table.select_column("#3").unwrap(), 2);
}

#[test]
fn the_nik_column_is_known_by_its_usual_names() {
    for name in ["NIK", "no_ktp", "Nomor KTP", "No. KTP", "e-KTP", "nomor_induk_kependudukan", "\u{feff}nik"]
    {
        let table = open(format!("KK,{name},NAMA\n3201010101800001,x,y\n")).unwrap();
        assert_eq!(table.guess_nik_column(parses).unwrap(), 1, "{name}");
    }
}

#[test]
fn without_header_the_only_column_that_parses_is_the_nik() {
    let rows = "Ani,3201010101800001,0812\nBudi,3201010101800002,0813\nCici,TIDAK ADA,0814\nD,,0815\n";
    assert_eq!(open(rows).unwrap().guess_nik_column(parses).unwrap(), 1);
}

#[test]
fn a_doubtful_nik_column_is_asked_for_not_guessed() {
    let candidates = |text: &str| match open(text).unwrap().guess_nik_column(parses) {
        Err(TableError::NoNikColumn { candidates, .. }) => candidates.join("|"),
        other => panic!("{other:?}"),
    };
    assert_eq!(candidates("NIK,KTP\n1,2\n"), "NIK|KTP");
    // A family card number looks the same, so a header without a known name does not settle it.
    assert_eq!(candidates("NOMOR,NAMA\n3201010101800001,Ani\n"), "NOMOR");
    assert_eq!(candidates("3201010101800001,3201010101800002\n"), "column-1|column-2");
    assert_eq!(candidates("NAMA,ALAMAT\nAni,Jl. A\n"), "");
}

#[test]
fn data_taken_for_a_header_never_reach_a_message() {
    let header = TableOptions { header: Some(true), ..options() };
    let table = open_with("3201010101800001,Ani,ani@contoh.id,KTP 320101\n1,2,3,4\n", &header).unwrap();
    assert_eq!(table.columns(), ["column-1", "Ani", "column-3", "column-4"]);
    let message = table.select_column("NIK").unwrap_err().to_string();
    assert!(!message.contains("3201"), "{message}");
}

/// "KTP" is a name of the NIK's column, and also what stands in a column that tells the kind of a document.
#[test]
fn a_first_row_with_data_in_it_is_a_row_though_a_cell_says_ktp() {
    let dump = open("3201010101800001,BUDI,KTP\n3201010101800002,ANI,KTP\n").unwrap();
    assert!(!dump.has_header());
    let parses = |cell: &str| cell.len() == 16;
    assert_eq!(dump.guess_nik_column(parses).unwrap(), 0);
}

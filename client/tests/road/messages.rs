//! What a bank is told where its file or its arguments are not what they should be: the place, and what helps.

use std::process::Output;

use samar::screen::ScreenPlan;
use samar_protocol::identifier::Kind;
use samar_protocol::manifest::Status::Claimed;

use super::bank::{Bank, nik};
use super::kinds::{breach, email, entries, phone};
use super::operator::Operator;

/// The program screens this file with these arguments.
fn screen(bank: &Bank, text: &str, arguments: &[&str]) -> Output {
    std::fs::write(bank.path("customers.csv"), text).unwrap();
    let mut command = assert_cmd::Command::cargo_bin("samar").unwrap();
    command.arg("--dir").arg(bank.home().dir()).arg("screen").arg(bank.path("customers.csv"));
    command.args(arguments).arg("--out").arg(bank.path("report.csv")).output().unwrap()
}

/// A file of `rows` customers under this heading, which stand as `row` says.
fn table(heading: &str, rows: usize, row: impl Fn(usize) -> String) -> String {
    format!("{heading}\n{}", (0..rows).map(|number| row(number) + "\n").collect::<String>())
}

#[test]
fn each_mistake_is_named_with_its_place_and_its_remedy() {
    let operator = Operator::start();
    operator.publish_breaches(&[breach("a-2021", "2021", Claimed, entries(Kind::Nik, 0..10))]);
    let bank = Bank::joined(&operator);
    bank.sync().unwrap();
    let plain = || table("CIF,NO_KTP,HP", 3, |number| format!("{number},{},{}", nik(number), phone(number)));
    let nik_column = ["--column", "NO_KTP"];
    // The file, the arguments, the exit code, and what must be said.
    let cases: [(String, &[&str], i32, &[&str]); 14] = [
        (plain(), &["--column", "NOKTP"], 2, &["no column", "NOKTP", "CIF, NO_KTP, HP", "NO_KTP"]),
        (plain(), &["--column", "nik=NIK"], 2, &["no column", "NIK"]),
        (plain(), &["--column", "hp=HP"], 2, &["no column", "hp=HP", "CIF, NO_KTP, HP"]),
        (plain(), &["--column", "NO_KTP", "--column", "nik=no_ktp"], 2, &["twice for NIKs", "try:"]),
        (
            plain(),
            &["--column", "phone=CIF"],
            2,
            &["none of the 3 rows", "telephone number in column CIF", "--column KIND=NAME"],
        ),
        (plain(), &["--column", "NO_KTP", "--only", "b-2021"], 2, &["no breach `b-2021`", "one of a-2021"]),
        (
            plain(),
            &["--column", "NO_KTP", "--since", "1"],
            2,
            &["epoch 1 was not screened", "without --since"],
        ),
        (plain(), &["--column", "NO_KTP", "--since", "1", "--no-ledger"], 2, &["--since", "--no-ledger"]),
        (
            plain(),
            &["--column", "NO_KTP", "--since", "yesterday"],
            2,
            &["invalid value 'yesterday'", "--since"],
        ),
        (plain(), &["--column", "NO_KTP", "--memory", "1MiB"], 2, &["too little", "allow at least --memory"]),
        (String::new(), &nik_column, 2, &["customers.csv", "empty"]),
        (
            "NO_KTP,samar_status\n1,clear\n".to_owned(),
            &nik_column,
            2,
            &["already has a column samar_status", "original file"],
        ),
        // Telephone numbers under the heading of NIKs, and half a column of them.
        (
            table("NO_KTP", 300, |number| if number == 0 { nik(0) } else { phone(number) }),
            &nik_column,
            1,
            &[
                "warning: 299 of 300 cells are no NIK but a telephone number",
                "--column names the right column",
            ],
        ),
        (
            table("NO_KTP,SUREL", 300, |number| {
                format!("{},{}", nik(number), if number % 2 == 0 { email(number) } else { phone(number) })
            }),
            &["--column", "NO_KTP", "--column", "email=SUREL"],
            1,
            &[
                "column SUREL: 150 of 300 cells are no e-mail address but a telephone number",
                "no breach of the set holds e-mail addresses",
            ],
        ),
    ];
    for (text, arguments, code, words) in cases {
        let output = screen(&bank, &text, arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        for word in words {
            assert!(said.contains(word), "no `{word}` for {arguments:?}: {said}");
        }
        assert!(
            (0..3).all(|number| !said.contains(&nik(number)) && !said.contains(&phone(number))),
            "{said}"
        );
        assert_eq!(bank.path("report.csv").exists(), code == 1, "{arguments:?}");
        let _ = std::fs::remove_file(bank.path("report.csv"));
    }
}

#[test]
fn no_output_takes_the_place_of_the_customers_or_of_what_is_kept() {
    let operator = Operator::start();
    operator.publish_breaches(&[breach("a-2021", "2021", Claimed, entries(Kind::Nik, 0..10))]);
    let bank = Bank::joined(&operator);
    bank.sync().unwrap();
    bank.customers(0..3);
    let customers = std::fs::read(bank.path("customers.csv")).unwrap();
    let seen = std::fs::read(bank.home().dir().join("seen.toml")).unwrap();
    std::os::unix::fs::symlink(bank.path(""), bank.path("here")).unwrap();
    let twice = "must be different files";
    for (out, words) in [
        ("customers.csv", twice),
        ("samar/../customers.csv", twice),
        ("here/customers.csv", twice),
        ("here", "is a link"),
        ("samar/seen.toml", "keeps for itself"),
        ("here/samar/client.key", "keeps for itself"),
        ("samar/segments/report.csv", "keeps for itself"),
    ] {
        let failure = bank.screen_as(&ScreenPlan { out: bank.path(out), ..bank.plan() }).unwrap_err();
        assert!(failure.to_string().contains(words), "{out}: {failure}");
        let summary = Some(bank.path(out));
        bank.screen_as(&ScreenPlan { summary, ..bank.plan() }).unwrap_err();
    }
    let html = Some(bank.path("here/report.csv"));
    assert!(bank.screen_as(&ScreenPlan { html, ..bank.plan() }).unwrap_err().to_string().contains(twice));
    assert_eq!(std::fs::read(bank.path("customers.csv")).unwrap(), customers);
    assert_eq!(std::fs::read(bank.home().dir().join("seen.toml")).unwrap(), seen);
    assert!(!bank.path("report.csv").exists());
    bank.screen_again(true).unwrap();
}

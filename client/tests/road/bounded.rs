//! Screening within a bound of memory, and against a disk that fills up.

use std::path::{Path, PathBuf};
use std::process::Output;

use samar::report::{Format, Summary};
use samar::screen::{Column, ScreenPlan, screen};
use samar::{Home, join::join, sync::sync};
use samar_local::exit::{Exit, Failure};
use samar_protocol::manifest::SegmentKind::{Add, Base, Remove};

use super::bank::{entries, nik};
use super::operator::Operator;

/// A bank that has synced, in a folder of its own.
struct Bank {
    folder: tempfile::TempDir,
    runtime: tokio::runtime::Runtime,
}

impl Bank {
    fn synced(operator: &Operator) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let bank = Self { folder, runtime: tokio::runtime::Runtime::new().unwrap() };
        let text = operator.invitation().to_text().unwrap();
        bank.runtime.block_on(join(&bank.home(), &text, None)).unwrap();
        bank.runtime.block_on(sync(&bank.home())).unwrap();
        bank
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn home(&self) -> Home {
        Home::new(&self.path("samar"))
    }

    /// Customers with these numbers, each with `width` bytes of something else.
    fn customers(&self, numbers: impl IntoIterator<Item = usize>, width: usize) {
        let row = |number: usize| format!("{number},{},{}\n", nik(number), "z".repeat(width));
        let rows: String = numbers.into_iter().map(row).collect();
        std::fs::write(self.path("customers.csv"), format!("cif,nik,nama\n{rows}")).unwrap();
    }

    /// Screens them; the report stands in `report.csv`.
    fn screen(&self, memory_bytes: u64) -> Result<Summary, Failure> {
        let plan = ScreenPlan {
            home: self.home(),
            file: self.path("customers.csv"),
            columns: vec![Column::parse("nik")],
            form: None,
            table: None,
            out: self.path("report.csv"),
            format: Format::Csv,
            summary: None,
            html: None,
            only: vec![],
            since: None,
            memory_bytes,
            ledger: true,
        };
        self.runtime.block_on(screen(&plan))
    }

    /// The program does, on a disk that takes no file of more than `limit_kib`.
    fn screen_on_full_disk(&self, limit_kib: u32) -> Output {
        let script = format!("trap '' XFSZ; ulimit -f {limit_kib}; exec \"$0\" \"$@\"");
        let mut command = assert_cmd::Command::new("bash");
        command.args(["-c", &script]).arg(assert_cmd::cargo::cargo_bin!("samar"));
        command.arg("--dir").arg(self.home().dir());
        command.arg("screen").arg(self.path("customers.csv")).args(["--column", "nik", "--out"]);
        command.arg(self.path("report.csv")).output().unwrap()
    }

    fn report(&self) -> String {
        std::fs::read_to_string(self.path("report.csv")).unwrap()
    }

    fn names(&self, folder: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.path(folder)).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

#[test]
fn the_report_is_the_same_whatever_the_memory() {
    const CUSTOMERS: usize = 70_000;
    let operator = Operator::start();
    operator.publish(&[
        (Base, &entries(0..30_000)),
        (Add, &entries(60_000..60_100)),
        (Remove, &entries(100..200)),
    ]);
    let bank = Bank::synced(&operator);
    bank.customers((0..CUSTOMERS).rev().chain([7, 60_007, 65_000, 7]), 0);

    let refused = bank.screen(1 << 20).unwrap_err();
    assert_eq!(refused.exit(), Exit::Input);
    assert!(!bank.path("report.csv").exists());

    // All but one are evaluated; each run below then starts from these.
    operator.allow(CUSTOMERS as u64 - 1);
    let failure = bank.screen(512 << 20).unwrap_err();
    assert_eq!(failure.exit(), Exit::Refused, "{failure}");
    operator.allow(u64::MAX);
    let kept = bank.path("kept");
    copy(&bank.path("samar/ledger"), &kept);
    let mut reports = Vec::new();
    for memory_bytes in [512 << 20, least_memory(&bank)] {
        copy(&kept, &bank.path("samar/ledger"));
        let summary = bank.screen(memory_bytes).unwrap();
        assert_eq!((summary.rows, summary.unique), (CUSTOMERS as u64 + 4, CUSTOMERS as u64));
        assert_eq!((summary.reused, summary.charged), (CUSTOMERS as u64 - 1, 1), "nothing is paid for twice");
        assert_eq!(summary.exposed, 30_000 - 100 + 100 + 3);
        assert!(bank.names("samar/pending").is_empty());
        reports.push(bank.report());
    }
    assert!(reports[0] == reports[1], "the reports differ");
    for (line, row) in reports[0].lines().skip(1).zip((0..CUSTOMERS).rev()) {
        let exposed = row < 100 || (200..30_000).contains(&row) || (60_000..60_100).contains(&row);
        let status = if exposed { "exposed" } else { "clear" };
        assert!(line.starts_with(&format!("{row},{},,{status},", nik(row))), "row {row}: {line}");
    }
}

/// Puts a copy of `from` in the place of `to`.
fn copy(from: &Path, to: &Path) {
    let _ = std::fs::remove_dir_all(to);
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (path, place) = entry.map(|entry| (entry.path(), to.join(entry.file_name()))).unwrap();
        if path.is_dir() {
            copy(&path, &place);
        } else {
            std::fs::copy(path, place).unwrap();
        }
    }
}

/// The least memory that works, as the program says it.
fn least_memory(bank: &Bank) -> u64 {
    let mut command = assert_cmd::Command::cargo_bin("samar").unwrap();
    command.arg("--dir").arg(bank.home().dir()).arg("screen").arg(bank.path("customers.csv"));
    command.args(["--column", "nik", "--memory", "10MiB", "--out"]).arg(bank.path("report.csv"));
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("samar: 10 MiB of memory are too little"), "{text}");
    let (_, rest) = text.split_once("try: allow at least --memory ").unwrap();
    rest.trim().strip_suffix("MiB").unwrap().parse::<u64>().unwrap() << 20
}

#[test]
fn a_disk_that_fills_up_leaves_no_half_of_a_report_and_what_was_paid_for() {
    let operator = Operator::start();
    operator.publish(&[(Base, &entries(0..10))]);
    let bank = Bank::synced(&operator);
    bank.customers(0..300, 1_000); // a ledger of 15 kB, a report of 300 kB
    let output = bank.screen_on_full_disk(64);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(6), "{text}");
    assert!(text.contains("cannot write the report") && text.contains("not left half-written"), "{text}");
    assert_eq!(bank.names(""), ["customers.csv", "samar"]);
    let summary = bank.screen(512 << 20).unwrap();
    assert_eq!((summary.reused, summary.charged, summary.exposed), (300, 0, 10));
}

#[test]
fn a_disk_that_fills_up_under_the_ledger_leaves_what_is_whole_of_it() {
    let operator = Operator::start();
    operator.publish(&[(Base, &entries(0..10))]);
    let bank = Bank::synced(&operator);
    bank.customers(0..9_000, 0); // batches of 197 kB in the tail: one fits
    let output = bank.screen_on_full_disk(300);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(6), "{text}");
    assert!(text.contains("cannot write") && text.contains(".tail"), "{text}");
    assert_eq!(bank.names(""), ["customers.csv", "samar"]);
    let summary = bank.screen(512 << 20).unwrap();
    assert!(summary.reused > 0 && summary.reused + summary.charged == 9_000, "{summary:?}");
    assert_eq!(summary.exposed, 10);
}

#[test]
fn what_a_killed_run_left_goes_with_the_next() {
    let operator = Operator::start();
    operator.publish(&[(Base, &entries(0..10))]);
    let bank = Bank::synced(&operator);
    bank.customers(0..20, 0);
    std::fs::create_dir(bank.path("samar/pending")).unwrap();
    std::fs::write(bank.path("samar/pending/run-a1B2c3.tmp"), "hashes").unwrap();
    std::fs::write(bank.path(".samar-unfinished-0123456789abcdef-report.csv"), "half").unwrap();
    bank.screen(512 << 20).unwrap();
    assert!(bank.names("samar/pending").is_empty());
    assert_eq!(bank.names(""), ["customers.csv", "report.csv", "samar"]);
}

#[test]
fn a_file_that_changes_while_it_is_screened_is_no_report() {
    let operator = Operator::start();
    operator.publish(&[(Base, &entries(0..10))]);
    let bank = Bank::synced(&operator);
    bank.customers(0..20, 0);
    let file = bank.path("customers.csv");
    // Between the readings two customers change places, once: the same identifiers, in other rows.
    operator.lie(move |request, answer| {
        if request.kind() == samar_protocol::wire::RequestKind::Evaluate {
            let text = std::fs::read_to_string(&file).unwrap();
            std::fs::write(
                &file,
                text.replace(&nik(1), "X").replace(&nik(15), &nik(1)).replace('X', &nik(15)),
            )
            .unwrap();
        }
        answer
    });
    let failure = bank.screen(512 << 20).unwrap_err();
    assert_eq!(failure.exit(), Exit::Input);
    assert!(failure.to_string().contains("changed while it was screened"), "{failure}");
    assert!(!bank.path("report.csv").exists());
    assert_eq!(bank.screen(512 << 20).unwrap().charged, 0, "what was evaluated is kept");
}

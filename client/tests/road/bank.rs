//! A bank in a folder of its own.

use std::path::{Path, PathBuf};

use samar::bench::{BenchPlan, Ladder, bench};
use samar::report::{Format, Summary};
use samar::screen::{Column, ScreenPlan, screen};
use samar::sync::{SyncReport, sync};
use samar::{Home, join::join};
use samar_local::exit::Failure;
use samar_protocol::invitation::Invitation;
use samar_protocol::wire::{Request, RequestKind};

use super::operator::Operator;

/// A NIK that is well formed, one for each number.
pub(crate) fn nik(number: usize) -> String {
    format!("3201{:02}0101{:02}{:04}", number / 9_999 % 90 + 10, number / 900_000 + 50, number % 9_999 + 1)
}

pub(crate) fn entries(numbers: std::ops::Range<usize>) -> Vec<(String, u32)> {
    numbers.map(|number| (nik(number), u32::from(number % 10 == 0))).collect()
}

pub(crate) struct Bank {
    folder: tempfile::TempDir,
    pub(crate) runtime: tokio::runtime::Runtime,
}

impl Bank {
    /// One that has joined nobody.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { folder, runtime: tokio::runtime::Runtime::new().unwrap() }
    }

    pub(crate) fn joined(operator: &Operator) -> Self {
        let bank = Self::new();
        bank.join(operator).unwrap();
        bank
    }

    pub(crate) fn join(&self, operator: &Operator) -> Result<(), Failure> {
        self.join_by(&operator.invitation(), None)
    }

    pub(crate) fn join_by(&self, invitation: &Invitation, key: Option<&Path>) -> Result<(), Failure> {
        let text = invitation.to_text().unwrap();
        self.runtime.block_on(join(&self.home(), &text, key)).map(|_| ())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn home(&self) -> Home {
        Home::new(&self.path("samar"))
    }

    pub(crate) fn sync(&self) -> Result<SyncReport, Failure> {
        self.runtime.block_on(sync(&self.home()))
    }

    /// Screens these customers; the report stands in `report.csv`.
    pub(crate) fn screen(&self, numbers: impl IntoIterator<Item = usize>) -> Result<Summary, Failure> {
        self.customers(numbers);
        self.screen_again(true)
    }

    /// Writes a file of these customers.
    pub(crate) fn customers(&self, numbers: impl IntoIterator<Item = usize>) {
        let rows: String = numbers.into_iter().map(|number| format!("{number},{}\n", nik(number))).collect();
        std::fs::write(self.path("customers.csv"), format!("cif,nik\n{rows}")).unwrap();
    }

    /// Screens a file with this text, by its column "nik".
    pub(crate) fn screen_text(&self, text: &str) -> Result<Summary, Failure> {
        std::fs::write(self.path("customers.csv"), text).unwrap();
        self.screen_again(true)
    }

    /// Screens the file that is there, with the ledger or without.
    pub(crate) fn screen_again(&self, ledger: bool) -> Result<Summary, Failure> {
        self.screen_as(&ScreenPlan { ledger, ..self.plan() })
    }

    /// Screens a file with this text by these columns.
    pub(crate) fn screen_columns(&self, text: &str, columns: &[&str]) -> Result<Summary, Failure> {
        std::fs::write(self.path("customers.csv"), text).unwrap();
        let columns = columns.iter().map(|column| Column::parse(column)).collect();
        self.screen_as(&ScreenPlan { columns, ..self.plan() })
    }

    pub(crate) fn screen_as(&self, plan: &ScreenPlan) -> Result<Summary, Failure> {
        self.runtime.block_on(screen(plan))
    }

    /// How the file that is there is screened, if nothing else is said.
    pub(crate) fn plan(&self) -> ScreenPlan {
        ScreenPlan {
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
            memory_bytes: 512 << 20,
            ledger: true,
        }
    }

    /// A bench of four steps; the page stands in `bench.html`.
    pub(crate) fn bench(&self, evaluations: u64) -> Result<samar::bench::Report, Failure> {
        let ladder = Ladder::new(vec![8, 32], vec![1, 3], 1, evaluations)?;
        let plan = BenchPlan { home: self.home(), ladder, out: Some(self.path("bench.html")) };
        self.runtime.block_on(bench(&plan))
    }

    pub(crate) fn report(&self) -> String {
        std::fs::read_to_string(self.path("report.csv")).unwrap()
    }

    /// Folders of the ledgers there are.
    pub(crate) fn ledgers(&self) -> Vec<PathBuf> {
        self.files("ledger").into_iter().filter(|path| path.is_dir()).collect()
    }

    /// Files of the one ledger there is.
    pub(crate) fn ledger(&self) -> Vec<PathBuf> {
        let [folder] = &self.ledgers()[..] else { panic!("one ledger, not {:?}", self.files("ledger")) };
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
    }

    pub(crate) fn files(&self, folder: &str) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.path("samar").join(folder)).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    }
}

pub(crate) fn count(asked: &[Request], kind: RequestKind) -> usize {
    asked.iter().filter(|request| request.kind() == kind).count()
}

//! `samar screen`, and what the bank is charged for it.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use samar_server::accounts::Accounts;

use super::Case;
use super::stage::{BANK, Stage};
use crate::ordeal::cannot;
use crate::ordeal::programs::done;

pub(super) struct Screen<'a> {
    stage: &'a Stage,
    room: PathBuf,
    customers: PathBuf,
    /// The right answer for each row: status, and the breaches with `;` between them.
    truth: Vec<(String, String)>,
    /// Different customers: what one screening costs.
    unique: u64,
    /// What the account had used before.
    used_before: u64,
    /// Commands that were made.
    commands: Cell<u64>,
}

impl<'a> Screen<'a> {
    pub(super) fn new(stage: &'a Stage) -> Result<Self, String> {
        let (customers, truth) = (stage.path("customers.csv"), stage.path("truth.csv"));
        let (a, b) = (stage.scale * 20_000, stage.scale * 30_000);
        let groups = [3_000, 1_000, 1_000, 5_000]; // three batches
        let text = [
            format!("bpjs-2021=0..{a}"),
            format!("dukcapil-2021={}..{b}", stage.scale * 15_000),
            groups[0].to_string(),
            groups[1].to_string(),
            groups[2].to_string(),
            groups[3].to_string(),
        ];
        let mut synth = stage.programs.server(Path::new("/nonexistent"), &["synth", "customers"]);
        synth.args([
            "--breach",
            &text[0],
            "--breach",
            &text[1],
            "--only-first",
            &text[2],
            "--only-second",
            &text[3],
        ]);
        synth
            .args(["--both", &text[4], "--neither", &text[5], "--truth"])
            .arg(&truth)
            .arg("--out")
            .arg(&customers);
        done(&mut synth, &[0])?;
        done(&mut stage.programs.client(&stage.bank, &["sync"]), &[0])?;
        let truth = std::fs::read_to_string(truth).map_err(cannot("read the truth"))?;
        let line = |line: &str| {
            let mut cells = line.split(',').skip(1).map(str::to_owned);
            (cells.next().unwrap_or_default(), cells.next().unwrap_or_default())
        };
        Ok(Self {
            stage,
            room: stage.path("screen"),
            customers,
            truth: truth.lines().skip(1).map(line).collect(),
            unique: groups.iter().sum(),
            used_before: 0,
            commands: Cell::new(0),
        })
    }

    /// That of the last command. Each has another, as a bank's nights have.
    fn report(&self) -> PathBuf {
        self.room.join(format!("report-{}.csv", self.commands.get()))
    }

    /// Whether every file of the ledger is whole, and its head has every customer once.
    fn ledger_holds(&self) -> Result<(), String> {
        let folders = std::fs::read_dir(self.room.join("ledger")).map_err(cannot("read the ledger"))?;
        for folder in folders.flatten() {
            for file in std::fs::read_dir(folder.path()).map_err(cannot("read the ledger"))?.flatten() {
                let mut inspect = self.stage.programs.client(&self.room, &["inspect", "--json"]);
                let output = inspect.arg(file.path()).output().map_err(cannot("inspect the ledger"))?;
                let text = String::from_utf8_lossy(&output.stdout).into_owned();
                let in_head = format!("\"customers\":{},", self.unique);
                let is_head = file.file_name() == "head";
                if output.status.code() != Some(0) || is_head && !text.replace('}', ",").contains(&in_head) {
                    return Err(format!("{} of the ledger: {text}", file.path().display()));
                }
            }
        }
        Ok(())
    }

    fn used(&self) -> Result<u64, String> {
        let now_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let standing =
            Accounts::standing(&self.stage.operator.account_log()).map_err(|failure| failure.to_string())?;
        Ok(standing.usage(BANK, now_s).lifetime)
    }
}

impl Case for Screen<'_> {
    fn name(&self) -> &'static str {
        "screen"
    }

    fn code(&self) -> i32 {
        1 // done, something exposed
    }

    fn set_back(&mut self) -> Result<(), String> {
        self.used_before = self.used()?;
        self.stage.restore_bank(&self.room)
    }

    fn command(&self) -> Command {
        self.commands.set(self.commands.get() + 1);
        let mut command = self.stage.programs.client(&self.room, &["screen", "--column", "NIK"]);
        command.arg(&self.customers).arg("--out").arg(self.report());
        command
    }

    fn folder(&self) -> &Path {
        &self.room
    }

    fn holds(&self) -> Result<(), String> {
        let report = std::fs::read_to_string(self.report()).map_err(cannot("read the report"))?;
        let mut rows = 0;
        // Names are quoted where they hold a comma; what the program adds never is, and stands last.
        for (line, (status, breaches)) in report.lines().skip(1).zip(&self.truth) {
            let mut added: Vec<&str> = line.rsplitn(6, ',').collect();
            added.reverse();
            let [_, found, in_breaches, ..] = added.as_slice() else {
                return Err(format!("row {rows} is short"));
            };
            let found = found.split(':').next().unwrap_or_default();
            if found != status || in_breaches != breaches {
                return Err(format!(
                    "row {} is {found} in `{in_breaches}`, not {status} in `{breaches}`",
                    rows + 1
                ));
            }
            rows += 1;
        }
        if rows != self.truth.len() || report.lines().count() != rows + 1 {
            return Err(format!(
                "the report has {} rows, not {}",
                report.lines().count() - 1,
                self.truth.len()
            ));
        }
        let charged = self.used()?.saturating_sub(self.used_before);
        if charged != self.unique {
            return Err(format!("{charged} evaluations were charged, not {}", self.unique));
        }
        self.ledger_holds()
    }
}

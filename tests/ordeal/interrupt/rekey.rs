//! `samar sync` after the operator changed its key: the bank's ledger goes along, and every customer of it once.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use samar::Home;
use samar::kept::{Standing, kept};
use samar_server::accounts::{Accounts, Usage};
use samar_server::published;

use super::Case;
use super::stage::{BANK, Stage};
use crate::ordeal::folders::restore;
use crate::ordeal::programs::done;

/// How long the server has to take up the new epoch.
const TAKE_UP_MAX: Duration = Duration::from_secs(30);

pub(super) struct Rekey<'a> {
    stage: &'a Stage,
    /// A bank that screened under the key before.
    fresh: PathBuf,
    room: PathBuf,
    customers: u64,
    used_before: Usage,
}

impl<'a> Rekey<'a> {
    pub(super) fn new(stage: &'a Stage) -> Result<Self, String> {
        let (fresh, file, out) = (stage.path("rekey-fresh"), stage.path("asked.csv"), stage.path("out.csv"));
        stage.restore_bank(&fresh)?;
        let mut synth = stage.programs.server(Path::new("/nonexistent"), &["synth", "customers"]);
        let breaches = ["bpjs-2021=0..1000", "dukcapil-2021=1000..2000"];
        synth.args(["--breach", breaches[0], "--breach", breaches[1], "--neither", "9000"]);
        done(synth.arg("--out").arg(&file), &[0])?;
        let mut screen = stage.programs.client(&fresh, &["screen", "--column", "NIK"]);
        done(screen.arg(&file).arg("--out").arg(&out), &[0, 1])?;
        let customers = kept(&Home::new(&fresh)).map_err(|failure| failure.to_string())?;
        let customers = customers.first().map(|kept| kept.customers).ok_or("there is no ledger")?;
        done(&mut stage.programs.server(stage.operator.root(), &["rotate-key", "--grace", "1d"]), &[0])?;
        let epoch = published::newest_epoch(&stage.operator).map_err(|failure| failure.to_string())?;
        let (probe, patience) = (stage.path("rekey-probe"), Instant::now() + TAKE_UP_MAX);
        loop {
            stage.restore_bank(&probe)?;
            let said = done(&mut stage.programs.client(&probe, &["sync", "--json"]), &[0])?;
            if String::from_utf8_lossy(&said.stdout).contains(&format!("\"epoch\":{epoch},")) {
                break;
            }
            if Instant::now() > patience {
                return Err("the server does not take up the new epoch".to_owned());
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        let room = stage.path("rekey");
        let mut case = Self { stage, fresh, room, customers, used_before: Usage::default() };
        case.used_before = case.used()?;
        Ok(case)
    }

    fn used(&self) -> Result<Usage, String> {
        let now_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let standing =
            Accounts::standing(&self.stage.operator.account_log()).map_err(|failure| failure.to_string())?;
        Ok(standing.usage(BANK, now_s))
    }
}

impl Case for Rekey<'_> {
    fn name(&self) -> &'static str {
        "rekey"
    }

    fn code(&self) -> i32 {
        0
    }

    fn set_back(&mut self) -> Result<(), String> {
        restore(&self.fresh, &self.room)
    }

    fn command(&self) -> Command {
        self.stage.programs.client(&self.room, &["sync"])
    }

    fn folder(&self) -> &Path {
        &self.room
    }

    fn holds(&self) -> Result<(), String> {
        let kept = kept(&Home::new(&self.room)).map_err(|failure| failure.to_string())?;
        let [only] = kept.as_slice() else { return Err(format!("{} ledgers, not one", kept.len())) };
        if (only.standing, only.customers) != (Standing::Present, self.customers) {
            return Err(format!("{} of {} customers, {:?}", only.customers, self.customers, only.standing));
        }
        let used = self.used()?;
        if used.lifetime != self.used_before.lifetime {
            return Err(format!("{} evaluations were charged", used.lifetime - self.used_before.lifetime));
        }
        // The same ledger again and again has the same blinds: only the first time is charged to the day's rekeyings. At midnight
        // the day's count begins anew.
        if used.rekeyed_today > self.customers {
            return Err(format!("{} rekeyings of {} customers", used.rekeyed_today, self.customers));
        }
        Ok(())
    }
}

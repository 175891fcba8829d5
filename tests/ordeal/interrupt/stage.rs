//! What `sync` and `screen` need: an operator that serves, and a bank that joined.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;

use samar_server::config::Config;
use samar_server::layout::Layout;
use tempfile::TempDir;

use crate::ordeal::cannot;
use crate::ordeal::folders::restore;
use crate::ordeal::programs::{Programs, ServerProcess, done, free_address};

/// Name of the bank.
pub(super) const BANK: &str = "bank-jaya";
/// Counts from which the data is large enough that a run takes a while.
const COUNT_LARGE: u32 = 10;

pub(super) struct Stage {
    pub(super) programs: Programs,
    pub(super) scale: u64,
    /// The operator's folder.
    pub(super) operator: Layout,
    /// A bank that synced epoch 1; the operator serves epoch 2.
    pub(super) bank: PathBuf,
    _server: ServerProcess,
    room: TempDir,
}

/// How many times as much data.
pub(super) fn scale(count: u32) -> u64 {
    if count < COUNT_LARGE { 1 } else { 10 }
}

impl Stage {
    pub(super) fn new(programs: &Programs, count: u32) -> Result<Self, String> {
        let room = tempfile::tempdir().map_err(cannot("make a folder"))?;
        let path = |name: &str| room.path().join(name);
        let (operator, bank, dump) = (path("operator"), path("bank"), path("dump.csv"));
        let scale = scale(count);
        let listen = free_address()?.to_string();
        done(&mut programs.server(&operator, &["init", "--listen", &listen]), &[0])?;
        let config = Layout::new(&operator).config();
        let mut limits = Config::read(&config).map_err(|failure| failure.to_string())?;
        // A killed client says no goodbye, and its seat and places are kept for it this long; here it comes back at once, again
        // and again.
        (limits.limits.deadline_s, limits.limits.connections_per_bank) = (5, 128);
        std::fs::write(&config, limits.to_text()).map_err(cannot("write the configuration"))?;
        let add = |breach: &str, persons: Range<u64>| {
            synth_dump(programs, persons, &dump)?;
            done(&mut ingest(programs, &operator, breach, &dump), &[0])?;
            done(&mut programs.server(&operator, &["publish"]), &[0])
        };
        add("bpjs-2021", 0..scale * 20_000)?;
        let mut server = ServerProcess::start(programs, &operator)?;
        let invitation = path("invitation").display().to_string();
        let enroll =
            ["enroll", BANK, "--out", &invitation, "--per-day", "1000000000", "--lifetime", "1000000000"];
        done(&mut programs.server(&operator, &enroll), &[0])?;
        done(&mut programs.client(&bank, &["join", &invitation]), &[0])?;
        done(&mut programs.client(&bank, &["sync"]), &[0])?;
        add("dukcapil-2021", scale * 15_000..scale * 30_000)?;
        // The server takes a new epoch up within seconds; a new server has it from the beginning.
        server.kill()?;
        let server = ServerProcess::start(programs, &operator)?;
        let operator = Layout::new(operator);
        Ok(Self { programs: programs.clone(), scale, operator, bank, _server: server, room })
    }

    /// A place for a file.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.room.path().join(name)
    }

    /// A fresh copy of the bank.
    pub(super) fn restore_bank(&self, to: &Path) -> Result<(), String> {
        restore(&self.bank, to)
    }
}

/// Makes a dump of these persons.
pub(super) fn synth_dump(programs: &Programs, persons: Range<u64>, out: &Path) -> Result<(), String> {
    let persons = format!("{}..{}", persons.start, persons.end);
    let mut synth =
        programs.server(Path::new("/nonexistent"), &["synth", "dump", "--persons", &persons, "--out"]);
    done(synth.arg(out), &[0]).map(|_| ())
}

/// Ingests a dump into a breach.
pub(super) fn ingest(programs: &Programs, operator: &Path, breach: &str, dump: &Path) -> Command {
    let arguments =
        ["ingest", "--breach", breach, "--date", "2021-05", "--column", "NIK", "--exposes", "photo=FOTO"];
    let mut command = programs.server(operator, &arguments);
    command.arg(dump);
    command
}

//! `samar-server ingest`, adding a dump to a breach that holds another.

use std::path::{Path, PathBuf};
use std::process::Command;

use samar_server::layout::Layout;
use samar_server::vault::elements::Elements;
use samar_server::vault::file::Record;
use tempfile::TempDir;

use super::Case;
use super::stage::synth_dump;
use crate::ordeal::cannot;
use crate::ordeal::folders::restore;
use crate::ordeal::programs::{Programs, done};

const BREACH: &str = "bpjs-2021";
/// One kill in so many meets a dump that is sorted on the disk, since it does not fit in the memory allowed.
const LARGE_EVERY: u32 = 20;

pub(super) struct Ingest {
    programs: Programs,
    /// Holds everything, and is the folder of the rejects.
    room: TempDir,
    /// Each dump with what the vault must be after it.
    dumps: Vec<(PathBuf, Vec<Record>)>,
    turn: u32,
}

impl Ingest {
    pub(super) fn new(programs: &Programs, count: u32) -> Result<Self, String> {
        let room = tempfile::tempdir().map_err(cannot("make a folder"))?;
        let mut new = Self { programs: programs.clone(), room, dumps: Vec::new(), turn: 0 };
        let (fresh, first) = (new.path("fresh"), new.path("first.csv"));
        done(&mut programs.server(&fresh, &["init", "--listen", "127.0.0.1:0"]), &[0])?;
        synth_dump(programs, 0..20_000, &first)?;
        done(&mut new.ingest(&fresh, &first), &[0])?;
        let ends = [45_000, 520_000];
        for end in &ends[..if count < LARGE_EVERY { 1 } else { 2 }] {
            let persons = 15_000..*end;
            let dump = new.path(&format!("to-{}.csv", persons.end));
            synth_dump(programs, persons.clone(), &dump)?;
            let folder = new.path("truth");
            restore(&fresh, &folder)?;
            done(&mut new.ingest(&folder, &dump), &[0])?;
            // Every person of both dumps once: known without the program.
            let held = held(&Layout::new(&folder))?;
            if held.len() as u64 != persons.end {
                return Err(format!(
                    "ingest, undisturbed: the vault holds {}, not {}",
                    held.len(),
                    persons.end
                ));
            }
            new.dumps.push((dump, held));
        }
        Ok(new)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.room.path().join(name)
    }

    fn current(&self) -> &(PathBuf, Vec<Record>) {
        let large = self.turn.is_multiple_of(LARGE_EVERY);
        self.dumps.get(1).filter(|_| large).unwrap_or(&self.dumps[0])
    }

    fn ingest(&self, folder: &Path, dump: &Path) -> Command {
        let arguments = ["ingest", "--breach", BREACH, "--date", "2021-05", "--column", "NIK"];
        let mut command = self.programs.server(folder, &arguments);
        command.args(["--exposes", "phone", "--exposes", "photo=FOTO", "--memory", "16MiB", "--rejects"]);
        command.arg(self.path("work").join("rejects.csv")).arg(dump);
        let _ = std::fs::create_dir(self.path("work"));
        command
    }
}

/// What the breach holds.
pub(super) fn held(layout: &Layout) -> Result<Vec<Record>, String> {
    let failed = |failure: samar_local::exit::Failure| failure.to_string();
    let mut elements = Elements::open(layout, BREACH).map_err(failed)?.ok_or("it has no vault")?;
    std::iter::from_fn(|| elements.read_record().transpose()).collect::<Result<_, _>>().map_err(failed)
}

impl Case for Ingest {
    fn name(&self) -> &'static str {
        "ingest"
    }

    fn code(&self) -> i32 {
        0
    }

    fn set_back(&mut self) -> Result<(), String> {
        self.turn += 1;
        restore(&self.path("fresh"), &self.path("work/operator"))?;
        let _ = std::fs::remove_file(self.path("work/rejects.csv"));
        Ok(())
    }

    fn command(&self) -> Command {
        self.ingest(&self.path("work/operator"), &self.current().0)
    }

    fn folder(&self) -> &Path {
        self.room.path()
    }

    fn holds(&self) -> Result<(), String> {
        let layout = Layout::new(self.path("work/operator"));
        if held(&layout)? != self.current().1 {
            return Err("the vault is another than without the kill".to_owned());
        }
        let about = layout.about(BREACH);
        if !about.exists() || !self.path("work/rejects.csv").exists() {
            return Err(
                "the vault is there, what is known of the breach or the rejected rows are not".to_owned()
            );
        }
        Ok(())
    }
}

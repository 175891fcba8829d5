//! What an operator does to a vault that is published: `remove`, `publish --compact`, `rotate-key`.

use std::path::{Path, PathBuf};
use std::process::Command;

use samar_server::layout::Layout;
use samar_server::vault::parts;
use tempfile::TempDir;

use super::Case;
use super::ingest::held;
use super::publish::publication_holds;
use super::stage::{self, synth_dump};
use crate::ordeal::cannot;
use crate::ordeal::folders::restore;
use crate::ordeal::programs::{Programs, done};

const BREACH: &str = "bpjs-2021";

/// Which of them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// A quarter of the breach is taken out.
    Remove,
    /// An addition and a removal are made one with the base.
    Compact,
    /// The same breach is taken to another key.
    Rotate,
}

/// An operator with a published breach: a base, an addition, and but for [`Change::Remove`] a removal.
pub(super) struct Keeping {
    programs: Programs,
    change: Change,
    room: TempDir,
}

impl Keeping {
    pub(super) fn new(programs: &Programs, change: Change, count: u32) -> Result<Self, String> {
        let room = tempfile::tempdir().map_err(cannot("make a folder"))?;
        let new = Self { programs: programs.clone(), change, room };
        let (empty, fresh) = (new.path("empty"), new.path("fresh"));
        done(&mut programs.server(&empty, &["init", "--listen", "127.0.0.1:0"]), &[0])?;
        restore(&empty, &fresh)?;
        let persons = stage::scale(count) * 8_000;
        for (name, range) in [
            ("base", 0..persons),
            ("more", persons..persons + persons / 8),
            ("gone", persons / 4..persons / 2),
            ("kept-before", 0..persons / 4),
            ("kept-after", persons / 2..persons + persons / 8),
        ] {
            synth_dump(programs, range, &new.path(name))?;
        }
        for name in ["base", "more"] {
            done(&mut stage::ingest(programs, &fresh, BREACH, &new.path(name)), &[0])?;
        }
        if change != Change::Remove {
            done(&mut new.remove(&fresh), &[0])?;
        }
        done(&mut programs.server(&fresh, &["publish"]), &[0])?;
        Ok(new)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.room.path().join(name)
    }

    fn remove(&self, folder: &Path) -> Command {
        let mut command = self.programs.server(folder, &["remove", "--breach", BREACH, "--column", "NIK"]);
        command.args(["--memory", "16MiB"]).arg(self.path("gone"));
        command
    }
}

impl Case for Keeping {
    fn name(&self) -> &'static str {
        match self.change {
            Change::Remove => "remove",
            Change::Compact => "compact",
            Change::Rotate => "rotate-key",
        }
    }

    fn code(&self) -> i32 {
        0
    }

    /// A rotation that had come to its end is not begun anew while the key before is served.
    fn codes_again(&self) -> Vec<i32> {
        if self.change == Change::Rotate { vec![0, 2] } else { vec![0] }
    }

    fn set_back(&mut self) -> Result<(), String> {
        restore(&self.path("fresh"), &self.path("work"))
    }

    fn command(&self) -> Command {
        match self.change {
            Change::Remove => self.remove(&self.path("work")),
            Change::Compact => {
                self.programs.server(&self.path("work"), &["publish", "--compact", "--memory", "16MiB"])
            }
            Change::Rotate => self.programs.server(&self.path("work"), &["rotate-key", "--memory", "16MiB"]),
        }
    }

    fn folder(&self) -> &Path {
        self.room.path()
    }

    /// The vault holds what an ingest of those who are left makes under the key that now is the one.
    fn holds(&self) -> Result<(), String> {
        let (work, truth) = (Layout::new(self.path("work")), Layout::new(self.path("truth")));
        restore(&self.path("empty"), truth.root())?;
        std::fs::copy(work.oprf_key(), truth.oprf_key()).map_err(cannot("copy the key"))?;
        for name in ["kept-before", "kept-after"] {
            done(&mut stage::ingest(&self.programs, truth.root(), BREACH, &self.path(name)), &[0])?;
        }
        if held(&work)? != held(&truth)? {
            return Err("the vault holds others than it should".to_owned());
        }
        if self.change == Change::Remove {
            return Ok(());
        }
        publication_holds(&work)?;
        let parts = parts::list(&work, BREACH).map_err(|failure| failure.to_string())?.len();
        if parts != 1 {
            return Err(format!("{parts} parts are left, not one base"));
        }
        let keys = |folder: &str| {
            std::fs::read(Layout::new(self.path(folder)).oprf_key()).map_err(cannot("read a key"))
        };
        let is_same = keys("work")? == keys("fresh")?;
        if is_same == (self.change == Change::Rotate) || work.next_oprf_key().exists() {
            return Err("the keys are not those that should be there".to_owned());
        }
        Ok(())
    }
}

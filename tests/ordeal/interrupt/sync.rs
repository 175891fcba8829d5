//! `samar sync`, from one epoch to the next.

use std::path::{Path, PathBuf};
use std::process::Command;

use samar::{Home, Seen};
use samar_server::published;

use super::Case;
use super::stage::Stage;
use crate::ordeal::cannot;

pub(super) struct Sync<'a> {
    stage: &'a Stage,
    room: PathBuf,
}

impl<'a> Sync<'a> {
    pub(super) fn new(stage: &'a Stage) -> Result<Self, String> {
        Ok(Self { stage, room: stage.path("sync") })
    }
}

impl Case for Sync<'_> {
    fn name(&self) -> &'static str {
        "sync"
    }

    fn code(&self) -> i32 {
        0
    }

    fn set_back(&mut self) -> Result<(), String> {
        self.stage.restore_bank(&self.room)
    }

    fn command(&self) -> Command {
        self.stage.programs.client(&self.room, &["sync"])
    }

    fn folder(&self) -> &Path {
        &self.room
    }

    fn holds(&self) -> Result<(), String> {
        let operator = &self.stage.operator;
        let floor = published::floor(operator).map_err(|failure| failure.to_string())?;
        let seen = Seen::load(&Home::new(&self.room)).map_err(|failure| failure.to_string())?;
        if seen.is_none_or(|seen| seen.floor != floor) {
            return Err("the bank has not seen the newest manifest".to_owned());
        }
        let manifest = format!("{}.manifest", floor.epoch);
        same(&operator.manifests().join(&manifest), &self.room.join("manifests").join(&manifest))?;
        let mut names = (names(&operator.segments())?, names(&self.room.join("segments"))?);
        names.0.sort();
        names.1.sort();
        if names.0 != names.1 {
            return Err(format!("the bank has segments {:?}, the operator {:?}", names.1, names.0));
        }
        for name in &names.0 {
            same(&operator.segments().join(name), &self.room.join("segments").join(name))?;
        }
        Ok(())
    }
}

fn names(folder: &Path) -> Result<Vec<String>, String> {
    let entries = std::fs::read_dir(folder).map_err(cannot(format_args!("read {}", folder.display())))?;
    Ok(entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect())
}

fn same(one: &Path, other: &Path) -> Result<(), String> {
    let read = |path: &Path| std::fs::read(path).map_err(cannot(format_args!("read {}", path.display())));
    if read(one)? == read(other)? {
        Ok(())
    } else {
        Err(format!("{} is not what it should be", other.display()))
    }
}

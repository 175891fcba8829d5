//! `samar-server rotate-key`, of a breach with additions and removals and another beside it.

use std::path::{Path, PathBuf};
use std::process::Command;

use samar_protocol::group::Backend;
use samar_protocol::oprf::KeyRatio;
use samar_server::keys;
use samar_server::layout::Layout;
use samar_server::vault::elements::Elements;
use samar_server::vault::file::Record;
use tempfile::TempDir;

use super::Case;
use super::publish::publication_holds;
use super::stage::{self, synth_dump};
use crate::ordeal::cannot;
use crate::ordeal::folders::restore;
use crate::ordeal::programs::{Programs, done};

const BREACHES: [&str; 2] = ["bpjs-2021", "dukcapil-2021"];

pub(super) struct Rotate {
    programs: Programs,
    room: TempDir,
}

impl Rotate {
    pub(super) fn new(programs: &Programs, count: u32) -> Result<Self, String> {
        let room = tempfile::tempdir().map_err(cannot("make a folder"))?;
        let (fresh, dump) = (room.path().join("fresh"), room.path().join("dump.csv"));
        let persons = stage::scale(count) * 4_000;
        done(&mut programs.server(&fresh, &["init", "--listen", "127.0.0.1:0"]), &[0])?;
        for (breach, persons) in
            [(BREACHES[0], 0..persons), (BREACHES[1], 0..500), (BREACHES[0], persons - 100..persons + 100)]
        {
            synth_dump(programs, persons, &dump)?;
            done(&mut stage::ingest(programs, &fresh, breach, &dump), &[0])?;
            done(&mut programs.server(&fresh, &["publish"]), &[0])?;
        }
        let mut remove = programs.server(&fresh, &["remove", "--breach", BREACHES[0], "--column", "NIK"]);
        synth_dump(programs, 50..150, &dump)?;
        done(remove.arg(&dump), &[0])?;
        Ok(Self { programs: programs.clone(), room })
    }

    fn work(&self) -> PathBuf {
        self.room.path().join("work")
    }
}

impl Case for Rotate {
    const NAME: &'static str = "rotate-key";
    /// 2 where the run before had come to its end: the grace of its rotation is not over.
    const CODES: &'static [i32] = &[0, 2];

    fn set_back(&mut self) -> Result<(), String> {
        restore(&self.room.path().join("fresh"), &self.work())
    }

    fn command(&self) -> Command {
        self.programs.server(&self.work(), &["rotate-key", "--memory", "16MiB"])
    }

    fn folder(&self) -> &Path {
        self.room.path()
    }

    fn holds(&self) -> Result<(), String> {
        let (fresh, work) = (Layout::new(self.room.path().join("fresh")), Layout::new(self.work()));
        let failed = |failure: samar_local::exit::Failure| failure.to_string();
        if publication_holds(&work)? != 4 {
            return Err("not one epoch more is published".to_owned());
        }
        let (old, new) = (keys::oprf(&fresh).map_err(failed)?, keys::oprf(&work).map_err(failed)?);
        let previous = keys::oprf_public_at(&work.previous_oprf_key()).map_err(failed)?;
        if old.public() == new.public() || previous != Some(*old.public()) || work.next_oprf_key().exists() {
            return Err("the keys are not where they belong".to_owned());
        }
        let ratio = KeyRatio::between(&old, &new);
        for breach in BREACHES {
            let (before, after) = (records(&fresh, breach)?, records(&work, breach)?);
            let elements: Vec<[u8; 32]> = before.iter().map(|record| record.element.0).collect();
            let carried = ratio.carry(Backend::best(), &elements).map_err(cannot("carry the old vault"))?;
            let mut expected: Vec<_> =
                carried.into_iter().zip(&before).map(|(element, record)| (element, record.label)).collect();
            expected.sort();
            if !after.iter().map(|record| (record.element, record.label)).eq(expected) {
                return Err(format!("{breach} does not hold what it held"));
            }
        }
        Ok(())
    }
}

fn records(layout: &Layout, breach: &str) -> Result<Vec<Record>, String> {
    let failed = |failure: samar_local::exit::Failure| failure.to_string();
    let mut elements = Elements::open(layout, breach).map_err(failed)?.ok_or("a breach is gone")?;
    std::iter::from_fn(|| elements.read_record().transpose()).collect::<Result<_, _>>().map_err(failed)
}

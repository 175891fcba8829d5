//! A disk: what it holds for certain, and what it may hold or not until somebody syncs.
//!
//! Of what was written into a file since its last sync, each sector of 512 bytes is there, is not, or is there up to some
//! byte; where nothing was written before there are zeros, and the file may end anywhere between its old end and its new one.
//! Of the names that changed in a folder since its last sync each change is there or not, whatever became of the others and of
//! the file itself. A rename is there as a whole or not at all. What was synced stays.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rand::RngExt as _;
use rand::rngs::StdRng;

use super::recording::Step;
use crate::ordeal::cannot;

const SECTOR_BYTES: usize = 512;

/// The files of a folder after a cut, by their path from there.
pub(super) type Image = BTreeMap<PathBuf, Vec<u8>>;

#[derive(Clone, Default)]
pub(super) struct Disk {
    files: Vec<File>,
    /// Names for certain, and as the system shows them; each of a file by its number.
    names: BTreeMap<PathBuf, usize>,
    shown: BTreeMap<PathBuf, usize>,
    changes: Vec<Change>,
    /// Folders; those are there from the beginning.
    folders: BTreeSet<PathBuf>,
}

#[derive(Clone, Default)]
struct File {
    durable: Vec<u8>,
    shown: Vec<u8>,
    unsynced: Vec<Write>,
}

#[derive(Clone)]
enum Write {
    Bytes(usize, Vec<u8>),
    Cut(usize),
}

#[derive(Clone)]
enum Change {
    Link(PathBuf, usize),
    Rename(PathBuf, PathBuf, usize),
    Unlink(PathBuf),
}

/// What a cut takes of that which was not synced.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Loss {
    /// Nothing: the process was killed, and the machine stayed up.
    Nothing,
    /// All of it.
    All,
    /// Some of it, with this share of the sectors staying.
    Some(f64),
}

impl Disk {
    /// What a folder holds, all of it for certain; locks left out.
    pub(super) fn of(folder: &Path) -> Result<Self, String> {
        let mut disk = Self::default();
        let mut left = vec![folder.to_owned()];
        while let Some(at) = left.pop() {
            disk.folders.insert(at.strip_prefix(folder).unwrap_or(&at).to_owned());
            for entry in fs::read_dir(&at).map_err(cannot("read a folder"))? {
                let path = entry.map_err(cannot("read a folder"))?.path();
                if path.is_dir() {
                    left.push(path);
                } else if path.extension().is_none_or(|extension| extension != "lock") {
                    let bytes = fs::read(&path).map_err(cannot("read a file"))?;
                    disk.put(path.strip_prefix(folder).unwrap_or(&path).to_owned(), bytes);
                }
            }
        }
        Ok(disk)
    }

    /// What a cut left, all of it for certain.
    pub(super) fn after(&self, image: &Image) -> Self {
        let mut disk = Self { folders: self.folders.clone(), ..Self::default() };
        for (name, bytes) in image {
            disk.put(name.clone(), bytes.clone());
        }
        disk
    }

    fn put(&mut self, name: PathBuf, bytes: Vec<u8>) {
        self.names.insert(name.clone(), self.files.len());
        self.shown.insert(name, self.files.len());
        self.files.push(File { shown: bytes.clone(), durable: bytes, unsynced: vec![] });
    }

    /// Does a step.
    pub(super) fn apply(&mut self, step: &Step) {
        match step {
            Step::Created(name) => {
                self.shown.insert(name.clone(), self.files.len());
                self.changes.push(Change::Link(name.clone(), self.files.len()));
                self.files.push(File::default());
            }
            Step::Written(name, at, bytes) => {
                let at = usize::try_from(*at).unwrap_or(usize::MAX);
                self.write(name, Write::Bytes(at, bytes.clone()));
            }
            Step::Cut(name, bytes) => {
                self.write(name, Write::Cut(usize::try_from(*bytes).unwrap_or(usize::MAX)));
            }
            Step::Synced(name) => {
                if let Some(file) = self.shown.get(name).map(|file| &mut self.files[*file]) {
                    file.durable.clone_from(&file.shown);
                    file.unsynced.clear();
                }
            }
            Step::Renamed(from, to) => {
                if let Some(file) = self.shown.remove(from) {
                    self.shown.insert(to.clone(), file);
                    self.changes.push(Change::Rename(from.clone(), to.clone(), file));
                }
            }
            Step::Removed(name) => {
                self.shown.remove(name);
                self.changes.push(Change::Unlink(name.clone()));
            }
            Step::FolderSynced(folder) => {
                let of_folder = |change: &Change| change.folder() == Some(folder);
                let (synced, left) = self.changes.drain(..).partition::<Vec<_>, _>(of_folder);
                self.changes = left;
                for change in synced {
                    change.apply(&mut self.names);
                }
            }
            Step::Answered(_) => {}
        }
    }

    fn write(&mut self, name: &Path, write: Write) {
        if let Some(file) = self.shown.get(name).map(|file| &mut self.files[*file]) {
            write.apply(&mut file.shown);
            file.unsynced.push(write);
        }
    }

    /// What is there after a cut now.
    pub(super) fn cut(&self, loss: Loss, dice: &mut StdRng) -> Image {
        let mut names = self.names.clone();
        for change in &self.changes {
            let stays = match loss {
                Loss::Nothing => true,
                Loss::All => false,
                Loss::Some(_) => dice.random(),
            };
            if stays {
                change.apply(&mut names);
            }
        }
        let content = |file: &File, dice: &mut StdRng| match loss {
            Loss::Nothing => file.shown.clone(),
            Loss::All => file.durable.clone(),
            Loss::Some(stays) => file.torn(stays, dice),
        };
        names.into_iter().map(|(name, file)| (name, content(&self.files[file], dice))).collect()
    }

    /// Puts an image where a program can find it.
    pub(super) fn place(&self, image: &Image, folder: &Path) -> Result<(), String> {
        let put = || -> std::io::Result<()> {
            if folder.exists() {
                fs::remove_dir_all(folder)?;
            }
            for name in &self.folders {
                fs::DirBuilder::new().recursive(true).mode(0o700).create(folder.join(name))?;
            }
            for (name, bytes) in image {
                let mut options = fs::OpenOptions::new();
                let mut file = options.write(true).create(true).mode(0o600).open(folder.join(name))?;
                std::io::Write::write_all(&mut file, bytes)?;
            }
            Ok(())
        };
        put().map_err(cannot("put an image in its place"))
    }
}

impl File {
    fn torn(&self, stays: f64, dice: &mut StdRng) -> Vec<u8> {
        let mut content = self.durable.clone();
        for write in &self.unsynced {
            match write {
                Write::Cut(_) if dice.random() => write.apply(&mut content),
                Write::Cut(_) => {}
                Write::Bytes(at, bytes) => {
                    let mut from = 0;
                    while from < bytes.len() {
                        let sector = SECTOR_BYTES - (at + from) % SECTOR_BYTES;
                        let to = bytes.len().min(from + sector);
                        let kept = match (dice.random_bool(stays), dice.random_bool(0.2)) {
                            (true, false) => to,
                            (_, true) => dice.random_range(from..=to),
                            (false, false) => from,
                        };
                        if kept > from {
                            Write::Bytes(at + from, bytes[from..kept].to_vec()).apply(&mut content);
                        }
                        from = to;
                    }
                }
            }
        }
        let (least, most) = (self.durable.len().min(self.shown.len()), self.shown.len());
        match dice.random_range(0..3) {
            0 => content.resize(most.max(content.len()), 0),
            1 => content.resize(dice.random_range(least..=most.max(least)), 0),
            _ => {}
        }
        content
    }
}

impl Write {
    fn apply(&self, to: &mut Vec<u8>) {
        match self {
            Self::Bytes(at, bytes) => {
                to.resize(to.len().max(at + bytes.len()), 0);
                to[*at..at + bytes.len()].copy_from_slice(bytes);
            }
            Self::Cut(bytes) => to.truncate(*bytes),
        }
    }
}

impl Change {
    fn folder(&self) -> Option<&Path> {
        let (Self::Link(name, _) | Self::Rename(name, ..) | Self::Unlink(name)) = self;
        name.parent()
    }

    fn apply(&self, names: &mut BTreeMap<PathBuf, usize>) {
        match self {
            Self::Link(name, file) => {
                names.insert(name.clone(), *file);
            }
            Self::Rename(from, to, file) => {
                if names.get(from) == Some(file) {
                    names.remove(from);
                }
                names.insert(to.clone(), *file);
            }
            Self::Unlink(name) => {
                names.remove(name);
            }
        }
    }
}

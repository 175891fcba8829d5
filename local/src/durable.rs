//! Files that are there whole or not at all: written beside their place, synced, renamed, and the folder synced.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, OFlags, linkat};

use crate::watch::{self, Operation};

/// Who may read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The owner alone (0600).
    Private,
    /// Everyone who may read the folder (0644).
    Public,
}

impl Mode {
    fn bits(self) -> u32 {
        match self {
            Self::Private => 0o600,
            Self::Public => 0o644,
        }
    }
}

/// Opens the names of files that are still being written.
const UNFINISHED_PREFIX: &str = ".samar-unfinished-";

/// A file under construction. Dropped before [`Unfinished::finish`], it is removed and its place is as it was.
#[derive(Debug)]
pub struct Unfinished {
    file: File,
    at: PathBuf,
    place: PathBuf,
    /// Whether there is anything at `at`.
    named: bool,
}

impl Unfinished {
    /// Begins a file that will stand at `place`.
    ///
    /// # Errors
    /// Of the file system.
    pub fn create(place: &Path, mode: Mode) -> io::Result<Self> {
        let at = beside(place)?;
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(mode.bits()).open(&at)?;
        watch::done(&Operation::Created(&at));
        Ok(Self { file, at, place: place.to_owned(), named: true })
    }

    /// The same without a name until it is finished, so that nothing is left of a run that is killed, in a folder where nobody
    /// would look for it. Where the file system has no such files, it has a name all along.
    ///
    /// # Errors
    /// Of the file system.
    pub fn unnamed(place: &Path, mode: Mode) -> io::Result<Self> {
        let at = beside(place)?;
        let flags = OFlags::TMPFILE.bits().cast_signed();
        let options = OpenOptions::new().read(true).write(true).mode(mode.bits()).custom_flags(flags).clone();
        match options.open(folder_of(place)) {
            Ok(file) if path_of(&file).exists() => {
                Ok(Self { file, at, place: place.to_owned(), named: false })
            }
            _ => Self::create(place, mode),
        }
    }

    /// The open file, for writing and reading at any place in it.
    #[must_use]
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Where the file will stand.
    #[must_use]
    pub fn place(&self) -> &Path {
        &self.place
    }

    /// Puts the file in its place, durably.
    ///
    /// # Errors
    /// Of the file system; the place is then as it was.
    pub fn finish(self) -> io::Result<()> {
        let place = self.place.clone();
        self.finish_at(&place)
    }

    /// Puts the file, durably, in another place of the same folder: for a name that only its content decides.
    ///
    /// # Errors
    /// Of the file system.
    pub fn finish_at(mut self, place: &Path) -> io::Result<()> {
        if !self.named {
            linkat(CWD, path_of(&self.file), CWD, &self.at, AtFlags::SYMLINK_FOLLOW)?;
            self.named = true;
            watch::done(&Operation::Created(&self.at));
        }
        if watch::is_watched() {
            // How it came to be does not matter: any part of it may be missing as long as it was not synced.
            watch::done(&Operation::Written(&self.at, 0, &std::fs::read(&self.at)?));
        }
        self.file.sync_all()?;
        watch::done(&Operation::Synced(&self.at));
        rename(&self.at, place)?;
        self.named = false;
        sync_folder(folder_of(place))
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if self.named {
            let _ = remove(&self.at); // nothing more can be done, and the next run removes leftovers
        }
    }
}

/// Where a file that will stand at `place` has its name until then.
fn beside(place: &Path) -> io::Result<PathBuf> {
    let name = place.file_name().ok_or(io::ErrorKind::IsADirectory)?;
    if place.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    let random: u64 = rand::random();
    Ok(folder_of(place).join(format!("{UNFINISHED_PREFIX}{random:016x}-{}", name.to_string_lossy())))
}

/// Where an open file without a name can be had by one.
fn path_of(file: &File) -> PathBuf {
    format!("/proc/self/fd/{}", file.as_raw_fd()).into()
}

/// Writes a whole file.
///
/// # Errors
/// Of the file system; the place is then as it was.
pub fn write(place: &Path, bytes: &[u8], mode: Mode) -> io::Result<()> {
    let unfinished = Unfinished::create(place, mode)?;
    unfinished.file().write_all(bytes)?;
    unfinished.finish()
}

/// Removes what killed runs left unfinished of the file at `place`, in a folder that is not ours alone.
///
/// # Errors
/// Of the file system.
pub fn remove_leftovers_of(place: &Path) -> io::Result<()> {
    let Some(name) = place.file_name().map(|name| name.to_string_lossy().into_owned()) else { return Ok(()) };
    let of_place = |found: &str| {
        let rest = found.strip_prefix(UNFINISHED_PREFIX).and_then(|rest| rest.get(16..));
        rest.and_then(|rest| rest.strip_prefix('-')).is_some_and(|rest| rest == name)
    };
    remove_matching(folder_of(place), of_place)
}

/// Removes what a killed run left unfinished in `folder`. Call it only while holding the folder's lock.
///
/// # Errors
/// Of the file system.
pub fn remove_leftovers(folder: &Path) -> io::Result<()> {
    remove_matching(folder, |name| name.starts_with(UNFINISHED_PREFIX))
}

fn remove_matching(folder: &Path, matches: impl Fn(&str) -> bool) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if matches(&entry.file_name().to_string_lossy()) {
            remove(&entry.path())?;
        }
    }
    Ok(())
}

/// Gives a file another name in its folder; not durable before [`sync_folder`].
///
/// # Errors
/// Of the file system.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    std::fs::rename(from, to)?;
    watch::done(&Operation::Renamed(from, to));
    Ok(())
}

/// Removes a file; not durable before [`sync_folder`].
///
/// # Errors
/// Of the file system.
pub fn remove(place: &Path) -> io::Result<()> {
    std::fs::remove_file(place)?;
    watch::done(&Operation::Removed(place));
    Ok(())
}

/// Makes what others wrote into a file durable.
///
/// # Errors
/// Of the file system.
pub fn sync_file(place: &Path) -> io::Result<()> {
    File::open(place)?.sync_data()?;
    watch::done(&Operation::Synced(place));
    Ok(())
}

/// Makes renames and removals in a folder durable.
///
/// # Errors
/// Of the file system.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()?;
    watch::done(&Operation::FolderSynced(folder));
    Ok(())
}

/// The folder that a place is in.
#[must_use]
pub fn folder_of(place: &Path) -> &Path {
    match place.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let name =
            |entry: io::Result<std::fs::DirEntry>| entry.unwrap().file_name().to_string_lossy().into_owned();
        std::fs::read_dir(folder).unwrap().map(name).collect()
    }

    #[test]
    fn a_file_is_whole_or_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("report.csv");
        write(&place, b"old", Mode::Private).unwrap();
        assert_eq!(std::fs::metadata(&place).unwrap().permissions().mode() & 0o777, 0o600);

        let unfinished = Unfinished::create(&place, Mode::Private).unwrap();
        unfinished.file().write_all(b"half of the n").unwrap();
        assert_eq!(std::fs::read(&place).unwrap(), b"old");
        drop(unfinished);
        assert_eq!(names(folder.path()), ["report.csv"]);

        write(&place, b"new", Mode::Private).unwrap();
        assert_eq!(std::fs::read(&place).unwrap(), b"new");
    }

    #[test]
    fn leftovers_of_a_killed_run_are_removed_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("kept");
        write(&place, b"kept", Mode::Public).unwrap();
        std::mem::forget(Unfinished::create(&place, Mode::Private).unwrap());
        assert_eq!(names(folder.path()).len(), 2);
        remove_leftovers(folder.path()).unwrap();
        assert_eq!(names(folder.path()), ["kept"]);
    }

    /// Where it has none, this says nothing: the folder is then as after any other killed run.
    #[test]
    fn a_file_without_a_name_leaves_nothing_and_is_whole_in_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("report.csv");
        let killed = Unfinished::unnamed(&place, Mode::Private).unwrap();
        killed.file().write_all(b"half").unwrap();
        if !killed.named {
            assert!(names(folder.path()).is_empty());
        }
        drop(killed);
        for bytes in [b"old", b"new"] {
            let unfinished = Unfinished::unnamed(&place, Mode::Private).unwrap();
            unfinished.file().write_all(bytes).unwrap();
            unfinished.finish().unwrap();
            assert_eq!(std::fs::read(&place).unwrap(), bytes);
            assert_eq!(names(folder.path()), ["report.csv"]);
        }
        assert_eq!(std::fs::metadata(&place).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn leftovers_of_one_report_leave_those_of_another_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (folder.path().join("a.csv"), folder.path().join("b-a.csv"));
        for place in [&one, &other] {
            std::mem::forget(Unfinished::create(place, Mode::Private).unwrap());
        }
        remove_leftovers_of(&one).unwrap();
        let left = names(folder.path());
        assert!(left.len() == 1 && left[0].ends_with("-b-a.csv"), "{left:?}");
    }

    #[test]
    fn a_folder_is_not_a_place_for_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let error = Unfinished::create(folder.path(), Mode::Public).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::IsADirectory);
    }
}

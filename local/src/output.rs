//! Files that a command leaves where the user said: whole or not at all, for their owner alone, and in the place of nothing
//! that is read or kept.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::durable::{Mode, Unfinished, folder_of, remove_leftovers_of};
use crate::exit::{Failure, io_failure};

/// Begins the file, so that a place that cannot be written fails before anything is done. `kept` are the files and folders
/// that the program keeps for itself. A run that is killed leaves nothing of it, where the file system has files without a name.
///
/// # Errors
/// [`Failure`] where there is no folder, where something stands that is no regular file, or belongs to the program.
pub fn create(place: &Path, kept: &[PathBuf]) -> Result<Unfinished, Failure> {
    if place.symlink_metadata().is_ok_and(|there| !there.is_file() && !there.is_dir()) {
        let what =
            format!("{} is a link, a pipe or a device, and would be replaced by a file", place.display());
        return Err(Failure::input(what).remedy("name a regular file, or one that is not there yet"));
    }
    if kept.iter().any(|kept| is_same(place, kept) || is_below(place, kept)) {
        let what = format!("{} is among the files that this program keeps for itself", place.display());
        return Err(Failure::input(what).remedy("name a file elsewhere"));
    }
    let create = remove_leftovers_of(place).and_then(|()| Unfinished::unnamed(place, Mode::Private));
    create.map_err(|error| match error.kind() {
        ErrorKind::NotFound => Failure::input(format!("there is no folder to put {} in", place.display())),
        _ => io_failure("write", place, &error),
    })
}

/// Puts the file in its place.
///
/// # Errors
/// Of the file system; the place is then as it was.
pub fn finish(unfinished: Unfinished) -> Result<(), Failure> {
    let place = unfinished.place().to_owned();
    unfinished.finish().map_err(|error| io_failure("write", &place, &error))
}

/// Whether both are one file, however they are written: through `..`, a link, another mount of the same folder. Of files that are
/// not there yet, whether both would be one.
#[must_use]
pub fn is_same(one: &Path, other: &Path) -> bool {
    let identity = identity(one);
    identity.is_some() && identity == self::identity(other)
}

/// What a file is known by: its own numbers, or its folder's and a name.
fn identity(path: &Path) -> Option<(u64, u64, Option<OsString>)> {
    if let Ok(there) = path.metadata() {
        return Some((there.dev(), there.ino(), None));
    }
    let folder = folder_of(path).metadata().ok()?;
    Some((folder.dev(), folder.ino(), Some(path.file_name()?.to_owned())))
}

fn is_below(place: &Path, folder: &Path) -> bool {
    let Ok(folder) = folder.canonicalize() else { return false };
    folder_of(place).canonicalize().is_ok_and(|place| place.starts_with(folder))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn one_file_is_one_however_it_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("dump.csv"), "NIK\n").unwrap();
        std::fs::create_dir(at("sub")).unwrap();
        std::os::unix::fs::symlink(folder.path(), at("here")).unwrap();
        std::os::unix::fs::symlink(at("dump.csv"), at("link.csv")).unwrap();
        std::fs::hard_link(at("dump.csv"), at("hard.csv")).unwrap();
        for other in ["./dump.csv", "sub/../dump.csv", "here/dump.csv", "link.csv", "hard.csv"] {
            assert!(is_same(&at("dump.csv"), &at(other)), "{other}");
        }
        assert!(is_same(&at("new.csv"), &at("here/new.csv")));
        for other in ["new.csv", "sub/dump.csv", "nowhere/dump.csv"] {
            assert!(!is_same(&at("dump.csv"), &at(other)), "{other}");
        }
        assert!(!is_same(&at("nowhere/a"), &at("nowhere/a")), "nothing is known of it");
    }

    #[test]
    fn what_is_no_file_or_is_kept_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir_all(at("ledger/deep")).unwrap();
        for (name, bytes) in [("seen.toml", "epoch = 3"), ("report.csv", "old")] {
            std::fs::write(at(name), bytes).unwrap();
        }
        std::os::unix::fs::symlink(at("report.csv"), at("link.csv")).unwrap();
        let kept = [at("seen.toml"), at("samar.toml"), at("ledger")];
        for (name, words) in [
            ("link.csv", "is a link, a pipe or a device"),
            ("seen.toml", "keeps for itself"),
            ("samar.toml", "keeps for itself"),
            ("ledger/a.csv", "keeps for itself"),
            ("ledger/deep/../a.csv", "keeps for itself"),
            ("nowhere/a.csv", "there is no folder"),
        ] {
            let failure = create(&at(name), &kept).unwrap_err().to_string();
            assert!(failure.contains(words), "{name}: {failure}");
        }
        assert!(create(Path::new("/dev/null"), &[]).is_err());
        let unfinished = create(&at("report.csv"), &kept).unwrap();
        unfinished.file().write_all(b"new").unwrap();
        assert_eq!(std::fs::read(at("report.csv")).unwrap(), b"old");
        finish(unfinished).unwrap();
        assert_eq!(std::fs::read(at("report.csv")).unwrap(), b"new");
    }
}

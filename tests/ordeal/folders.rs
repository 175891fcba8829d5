//! Folders as an ordeal sees them.

use std::fs;
use std::path::{Path, PathBuf};

use super::cannot;

/// Every file under a folder, by its path from there, with its length and when it was last written.
pub(crate) type Fingerprint = Vec<(PathBuf, u64, Option<std::time::SystemTime>)>;

/// Puts a copy of `from` where `to` is, in place of what is there.
pub(crate) fn restore(from: &Path, to: &Path) -> Result<(), String> {
    match fs::remove_dir_all(to) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(format!("cannot empty {}: {error}", to.display()))
        }
        _ => copy(from, to).map_err(cannot(format_args!("copy {}", from.display()))),
    }
}

fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    fs::set_permissions(to, fs::metadata(from)?.permissions())?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let place = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &place)?;
        } else {
            fs::copy(entry.path(), &place)?; // with its mode
        }
    }
    Ok(())
}

/// What stands in a folder and below it, locks left out.
pub(crate) fn fingerprint(folder: &Path) -> Fingerprint {
    let mut found = Vec::new();
    walk(folder, &mut |path| {
        if let Ok(metadata) = fs::metadata(path) {
            let name = path.strip_prefix(folder).unwrap_or(path).to_owned();
            found.push((name, metadata.len(), metadata.modified().ok()));
        }
    });
    found.retain(|(name, ..)| name.extension().is_none_or(|extension| extension != "lock"));
    found.sort();
    found
}

/// Names of files that only a run under way may have: unfinished ones, sorted runs, parts of segments, tails of ledgers.
pub(crate) fn leftovers(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    walk(folder, &mut |path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let unfinished = name.starts_with(".samar-unfinished-")
            || [".tmp", ".part", ".tail", "draft.segment"].iter().any(|end| name.ends_with(end));
        if unfinished {
            found.push(path.display().to_string());
        }
    });
    found
}

fn walk(folder: &Path, each: &mut impl FnMut(&Path)) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() { walk(&path, each) } else { each(&path) }
    }
}

//! What is done to files that must survive a power cut, told to a watcher as it is done. A program has none. The ordeal
//! `power` has one: it makes of what it was told every disk that a power cut could leave.

use std::path::Path;
use std::sync::OnceLock;

/// One operation, which has just been done.
#[derive(Debug)]
pub enum Operation<'a> {
    /// A file was begun under a name that was free.
    Created(&'a Path),
    /// Bytes were written into a file from this byte on.
    Written(&'a Path, u64, &'a [u8]),
    /// A file was cut to this length.
    Cut(&'a Path, u64),
    /// What was written into a file is on the disk.
    Synced(&'a Path),
    /// A file has another name in the same folder.
    Renamed(&'a Path, &'a Path),
    /// A name is gone.
    Removed(&'a Path),
    /// The names in a folder are on the disk.
    FolderSynced(&'a Path),
}

/// Takes note of an operation.
pub type Watcher = fn(&Operation<'_>);

static WATCHER: OnceLock<Watcher> = OnceLock::new();

/// From now on the watcher is told of every operation of this process. The first one stays.
pub fn watch(watcher: Watcher) {
    let _ = WATCHER.set(watcher);
}

/// Tells the watcher, where there is one.
pub(crate) fn done(operation: &Operation<'_>) {
    if let Some(watcher) = WATCHER.get() {
        watcher(operation);
    }
}

/// Whether there is one: what it is told may have to be read first.
pub(crate) fn is_watched() -> bool {
    WATCHER.get().is_some()
}

//! What is done to the files below a folder, and what is answered in between, in one order.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::time::Duration;

use samar_local::watch::{Operation, watch};

/// One step; paths are from the folder on.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Created(PathBuf),
    Written(PathBuf, u64, Vec<u8>),
    Cut(PathBuf, u64),
    Synced(PathBuf),
    Renamed(PathBuf, PathBuf),
    Removed(PathBuf),
    FolderSynced(PathBuf),
    /// Something was answered that must still hold after any later cut.
    Answered(Answer),
}

/// What was answered: a number, and bytes that belong to it.
pub(super) type Answer = (u64, Vec<u8>);

/// Recordings under way; ordeals may run beside each other in one process.
static RECORDINGS: Mutex<Vec<Recorded>> = Mutex::new(Vec::new());
static WATCHED: Once = Once::new();

struct Recorded {
    root: PathBuf,
    /// How long a sync takes, so that more than one record waits for the next.
    sync: Duration,
    steps: Vec<Step>,
}

/// A recording of what is done below a folder, until dropped.
pub(super) struct Recording {
    root: PathBuf,
}

impl Recording {
    pub(super) fn begin(root: &Path, sync: Duration) -> Self {
        WATCHED.call_once(|| watch(take));
        recordings().push(Recorded { root: root.to_owned(), sync, steps: Vec::new() });
        Self { root: root.to_owned() }
    }

    /// Notes what was answered now.
    pub(super) fn answered(&self, number: u64, bytes: &[u8]) {
        for recorded in recordings().iter_mut().filter(|recorded| recorded.root == self.root) {
            recorded.steps.push(Step::Answered((number, bytes.to_owned())));
        }
    }

    /// What was recorded.
    pub(super) fn end(self) -> Vec<Step> {
        let mut recordings = recordings();
        let found = recordings.iter().position(|recorded| recorded.root == self.root);
        found.map(|at| recordings.swap_remove(at).steps).unwrap_or_default()
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        recordings().retain(|recorded| recorded.root != self.root);
    }
}

fn recordings() -> MutexGuard<'static, Vec<Recorded>> {
    RECORDINGS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn take(operation: &Operation<'_>) {
    let (Operation::Created(place)
    | Operation::Written(place, ..)
    | Operation::Cut(place, _)
    | Operation::Synced(place)
    | Operation::Renamed(place, _)
    | Operation::Removed(place)
    | Operation::FolderSynced(place)) = operation;
    let mut sync = Duration::ZERO;
    if let Some(recorded) = recordings().iter_mut().find(|recorded| place.starts_with(&recorded.root)) {
        let own = |path: &Path| path.strip_prefix(&recorded.root).unwrap_or(path).to_owned();
        let step = match operation {
            Operation::Created(place) => Step::Created(own(place)),
            Operation::Written(place, at, bytes) => Step::Written(own(place), *at, bytes.to_vec()),
            Operation::Cut(place, bytes) => Step::Cut(own(place), *bytes),
            Operation::Synced(place) => Step::Synced(own(place)),
            Operation::Renamed(from, to) => Step::Renamed(own(from), own(to)),
            Operation::Removed(place) => Step::Removed(own(place)),
            Operation::FolderSynced(folder) => Step::FolderSynced(own(folder)),
        };
        if matches!(step, Step::Synced(_)) {
            sync = recorded.sync;
        }
        recorded.steps.push(step);
    }
    std::thread::sleep(sync);
}

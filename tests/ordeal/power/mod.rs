//! `power`: a power cut between any two operations on files, of the account log and of a publication. What the real code did is
//! recorded as it was done; of that, every disk is made that a cut could leave; on each, the real code starts again.
//!
//! | Room | What is in it |
//! | --- | --- |
//! | `recording` | what the programs' code did, operation by operation, and what was answered in between |
//! | `disk` | what a disk holds for certain, what it may hold besides, and what a cut makes of that |
//! | `trial` | disks made of a recording, a second cut while one is mended, and what must hold on each |
//! | `debits`, `publications` | the two recordings, and what must hold of them |

mod debits;
mod disk;
mod publications;
mod recording;
mod trial;

use std::path::Path;

use tempfile::TempDir;

use super::{Outcome, cannot, progress};
use recording::Step;

/// Disks on which a forgotten sync must show.
const CONTROL: u32 = 2_000;

/// A sync that is left out of a recording, which must show.
struct Forgotten {
    what: &'static str,
    is: fn(&Step) -> bool,
}

pub(super) fn run(count: u32) -> Outcome {
    let scratch = scratch()?;
    let trials = [debits::record(scratch.path())?, publications::first(scratch.path())?];
    let again = publications::again(scratch.path())?;
    let shares = [(&trials[0], count * 6 / 10), (&trials[1], count * 2 / 10), (&again, count * 2 / 10)];
    let (mut images, mut second, mut steps) = (0, 0, 0);
    for (trial, share) in shares {
        let held = trial.hold(share.max(1))?;
        images += held.images;
        second += held.second;
        steps += trial.steps();
        progress("power", images, count.max(images));
    }
    // What finds nothing must be able to find something.
    let controls = debits::FORGOTTEN.iter().map(|forgotten| (&trials[0], forgotten));
    let controls: Vec<_> = controls.chain(publications::FORGOTTEN.iter().map(|f| (&trials[1], f))).collect();
    for (trial, forgotten) in &controls {
        if trial.without(forgotten.is).hold(CONTROL).is_ok() {
            return Err(format!("control: nothing is found where {} is not synced", forgotten.what));
        }
    }
    Ok(format!(
        "{images} images of {steps} operations ({second} of them cut a second time), 0 inconsistent; {} syncs left out on purpose, \
         each found",
        controls.len()
    ))
}

/// A folder in memory, where the system has a place for that: nothing here depends on a true disk.
fn scratch() -> Result<TempDir, String> {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    made.map_err(cannot("make a folder"))
}

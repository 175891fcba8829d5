//! Breaches that banks see and the vault has no more. One that was taken out is left out of the next manifest; one that only
//! went missing, with a disk that is not mounted, must not read "clear" at every bank.

use std::path::{Path, PathBuf};

use samar_local::durable::sync_folder;
use samar_local::exit::{Failure, io_failure};

use crate::layout::Layout;
use crate::published;

/// Refuses a vault without a breach that the newest manifest names, unless it was taken out. The notes of those taken out.
pub(crate) fn check(layout: &Layout, ids: &[String]) -> Result<Vec<PathBuf>, Failure> {
    let epoch = published::newest_epoch(layout)?;
    let named = if epoch == 0 {
        Vec::new()
    } else {
        published::read_manifest(layout, epoch)?.manifest().breaches.iter().map(|b| b.id.clone()).collect()
    };
    if ids.is_empty() && named.is_empty() {
        return Err(Failure::input("the vault is empty: there is nothing to publish")
            .remedy("run `samar-server ingest` first"));
    }
    for id in named {
        if !ids.contains(&id) && !layout.taken_out(&id).exists() {
            let what = format!("the vault has no {id} any more, which epoch {epoch} names");
            let remedy = format!(
                "restore it from its backup, or run `samar-server remove --breach {id}` if it is to go"
            );
            return Err(Failure::local(what).remedy(remedy));
        }
    }
    notes(layout)
}

/// Removes the notes, once a manifest without these breaches is published.
pub(crate) fn forget(notes: &[PathBuf]) -> Result<(), Failure> {
    for note in notes {
        std::fs::remove_dir(note).map_err(|error| io_failure("remove", note, &error))?;
        let folder = note.parent().unwrap_or(Path::new("."));
        sync_folder(folder).map_err(|error| io_failure("clean", folder, &error))?;
    }
    Ok(())
}

fn notes(layout: &Layout) -> Result<Vec<PathBuf>, Failure> {
    let folder = layout.vault();
    let failure = |error: std::io::Error| io_failure("read", &folder, &error);
    let mut notes = Vec::new();
    for entry in std::fs::read_dir(&folder).map_err(failure)? {
        let entry = entry.map_err(failure)?;
        if entry.file_name().to_str().and_then(Layout::taken_out_of).is_some() {
            notes.push(entry.path());
        }
    }
    Ok(notes)
}

//! The vault: for each breach its elements, sorted, with class bits. It holds no identifier and no hash of one.
//!
//! A breach is two files: `elements.vault` ([`mod@file`]), which is all that matters, and `about.toml` ([`about`]), what is
//! known of it for people to read and edit.

pub mod about;
pub mod class;
pub mod file;

use samar_local::durable;
use samar_local::exit::{Failure, io_failure};
use samar_local::sort;
use samar_protocol::manifest::is_breach_id;

use crate::layout::Layout;

/// The breaches in the vault, by id.
///
/// # Errors
/// The folder cannot be read.
pub fn breaches(layout: &Layout) -> Result<Vec<String>, Failure> {
    let folder = layout.vault();
    let failure = |error: std::io::Error| io_failure("read", &folder, &error);
    let mut ids = Vec::new();
    for entry in std::fs::read_dir(&folder).map_err(failure)? {
        let name = entry.map_err(failure)?.file_name();
        ids.extend(name.to_str().filter(|name| is_breach_id(name)).map(str::to_owned));
    }
    ids.retain(|id| layout.elements(id).exists());
    ids.sort();
    Ok(ids)
}

/// Removes what killed runs of `ingest` and `publish` left, of whichever breach, and folders of breaches that never came
/// to hold anything. Call it only while holding the vault's lock.
///
/// # Errors
/// Of the file system.
pub fn remove_leftovers(layout: &Layout) -> Result<(), Failure> {
    let folder = layout.vault();
    let failure = |error: std::io::Error| io_failure("clean", &folder, &error);
    let mut folders = vec![layout.segments(), layout.manifests()];
    for entry in std::fs::read_dir(&folder).map_err(failure)? {
        let entry = entry.map_err(failure)?;
        if entry.file_type().map_err(failure)?.is_dir() {
            folders.push(entry.path());
        }
    }
    for folder in folders {
        if folder.is_dir() {
            durable::remove_leftovers(&folder).map_err(|error| io_failure("clean", &folder, &error))?;
            sort::remove_leftovers(&folder).map_err(Failure::local)?;
        }
        let name = folder.file_name().and_then(|name| name.to_str());
        if folder.starts_with(layout.vault()) && name.is_some_and(is_breach_id) {
            let _ = std::fs::remove_dir(&folder); // refused unless it is empty
        }
    }
    Ok(())
}

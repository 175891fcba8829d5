//! The vault: for each breach its elements, sorted, with class bits. It holds no identifier and no hash of one.
//!
//! A breach is a list of immutable parts ([`parts`]), each a file ([`mod@file`]), read as one by [`elements`] and made one by
//! [`compact`]; beside them stands `about.toml` ([`about`]), what is known of the breach for people to read and edit.

pub mod about;
pub mod class;
pub mod compact;
pub mod elements;
pub mod file;
pub mod parts;
#[cfg(test)]
mod tests;

use std::path::Path;

use samar_local::durable;
use samar_local::exit::{Failure, io_failure};
use samar_local::folder;
use samar_local::sort;
use samar_protocol::manifest::is_breach_id;

use crate::config::Config;
use crate::layout::Layout;
use crate::published;
use crate::rotate;
use elements::Elements;

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
    let mut held = Vec::new();
    for id in ids {
        if !parts::list(layout, &id)?.is_empty() {
            held.push(id);
        }
    }
    held.sort();
    Ok(held)
}

/// Takes a whole breach out, whether the vault still has it or banks alone see it. Entries of it; nothing where damage keeps them
/// from being counted, which is no reason to keep it.
///
/// # Errors
/// A breach that neither the vault has nor the newest manifest names, or the file system.
pub fn remove_breach(layout: &Layout, id: &str) -> Result<Option<u64>, Failure> {
    Config::read(&layout.config())?; // says so where the folder was never initialised
    let _lock = folder::lock(layout.root(), "vault")?;
    ready(layout)?;
    let held = Elements::open(layout, id)?;
    let is_named = match published::newest_epoch(layout)? {
        0 => false,
        epoch => {
            let newest = published::read_manifest(layout, epoch)?;
            newest.manifest().breaches.iter().any(|breach| breach.id == id) && !layout.taken_out(id).exists()
        }
    };
    if held.is_none() && !is_named {
        return Err(no_breach(layout, id));
    }
    let count = held.map_or(Ok(0), Elements::count);
    take_out(layout, id)?;
    Ok(count.ok())
}

/// That the vault does not have this breach, and which it has.
pub(crate) fn no_breach(layout: &Layout, id: &str) -> Failure {
    let held = breaches(layout).unwrap_or_default().join(", ");
    let failure = Failure::input(format!("the vault has no breach `{}`", id.escape_debug()));
    if held.is_empty() { failure } else { failure.remedy(format!("one of {held}")) }
}

/// Takes a whole breach out; what it held is gone. Until a manifest without it is published a note of it stays
/// ([`Layout::taken_out`]): a breach that only went missing is not taken out of what banks see. Call it only while holding
/// the vault's lock.
///
/// # Errors
/// Of the file system; the breach is then as it was, or taken out.
fn take_out(layout: &Layout, id: &str) -> Result<(), Failure> {
    let (from, to) = (layout.breach(id), layout.taken_out(id));
    let failure = |error: std::io::Error| io_failure("take out", &from, &error);
    if to.exists() {
        std::fs::remove_dir_all(&to).map_err(failure)?;
    }
    match std::fs::rename(&from, &to) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => folder::create_private(&to)?,
        Err(error) => return Err(failure(error)),
    }
    durable::sync_folder(&layout.vault()).map_err(failure)?;
    empty(&to)
}

/// Removes what a breach held that was taken out, but not the note of it.
fn empty(taken_out: &Path) -> Result<(), Failure> {
    let failure = |error: std::io::Error| io_failure("clean", taken_out, &error);
    for entry in std::fs::read_dir(taken_out).map_err(failure)? {
        std::fs::remove_file(entry.map_err(failure)?.path()).map_err(failure)?;
    }
    Ok(())
}

/// Makes a vault ready to be changed: a rotation that was cut short at its end is ended, leftovers are removed. Call it only while
/// holding the vault's lock.
///
/// # Errors
/// A rotation that was begun and is not published yet; the file system.
pub fn ready(layout: &Layout) -> Result<(), Failure> {
    rotate::settle(layout)?;
    remove_leftovers(layout)
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
        if let Some(name) = entry.file_name().to_str() {
            if Layout::taken_out_of(name).is_some() {
                empty(&entry.path())?;
            } else if is_breach_id(name) {
                parts::remove_superseded(layout, name)?;
            }
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

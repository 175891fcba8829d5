//! The end of a rotation: once its manifest is public, what was made beside the old takes its place. Each step is a rename, and
//! where one was done already the next goes on.

use std::path::Path;

use samar_local::durable::{self, sync_folder};
use samar_local::exit::{Failure, io_failure};
use samar_protocol::manifest::{SegmentKind, is_breach_id};
use samar_protocol::oprf::PublicKey;

use super::grace;
use crate::keys;
use crate::layout::Layout;
use crate::published;
use crate::vault::parts;

/// Ends a rotation that is published, and destroys a key whose grace is over. Call it only while holding the vault's lock.
///
/// # Errors
/// A rotation that was begun and is not published yet: nothing else may change the vault meanwhile. The file system.
pub(crate) fn settle(layout: &Layout) -> Result<(), Failure> {
    end_published(layout)?;
    if layout.next_oprf_key().exists() {
        return Err(Failure::input("a rotation of the OPRF key was begun and is not published yet")
            .remedy("run `samar-server rotate-key` again: it goes on from there"));
    }
    grace::destroy_if_over(layout)
}

/// Ends a rotation that is published; whether there was one.
pub(super) fn end_published(layout: &Layout) -> Result<bool, Failure> {
    remove_unfinished_keys(layout)?;
    let Some(next) = keys::oprf_public_at(&layout.next_oprf_key())? else { return Ok(false) };
    if published_key(layout)? != Some(next.to_bytes()) {
        return Ok(false);
    }
    for id in folders(layout)? {
        take_place(layout, &id)?;
    }
    rename_keys(layout, &next)?;
    Ok(true)
}

/// The OPRF key of the newest manifest.
fn published_key(layout: &Layout) -> Result<Option<[u8; 32]>, Failure> {
    match published::newest_epoch(layout)? {
        0 => Ok(None),
        epoch => Ok(Some(published::read_manifest(layout, epoch)?.manifest().public_key)),
    }
}

/// Every breach that has a folder.
fn folders(layout: &Layout) -> Result<Vec<String>, Failure> {
    let folder = layout.vault();
    let failure = |error: std::io::Error| io_failure("read", &folder, &error);
    let mut ids = Vec::new();
    for entry in std::fs::read_dir(&folder).map_err(failure)? {
        let name = entry.map_err(failure)?.file_name();
        ids.extend(name.to_str().filter(|name| is_breach_id(name)).map(str::to_owned));
    }
    Ok(ids)
}

/// What a breach holds under the new key becomes its base, which supersedes all parts.
fn take_place(layout: &Layout, id: &str) -> Result<(), Failure> {
    let (vault, made) = (layout.next_vault(id), layout.next_made(id));
    if vault.exists() {
        let number = parts::next_number(layout, id)?;
        rename(&vault, &layout.part(id, number, SegmentKind::Base))?;
    }
    if made.exists() {
        rename(&made, &layout.made(id))?;
    }
    // A run that was killed may have renamed what is not on the disk yet, and what it stands for goes now.
    let folder = layout.breach(id);
    sync_folder(&folder).map_err(|error| io_failure("sync", &folder, &error))?;
    parts::remove_superseded(layout, id)
}

fn rename_keys(layout: &Layout, next: &PublicKey) -> Result<(), Failure> {
    let (present, to_come) = (layout.oprf_key(), layout.next_oprf_key());
    if keys::oprf_public_at(&present)?.is_some_and(|public| public != *next) {
        rename(&present, &layout.previous_oprf_key())?;
    }
    rename(&to_come, &present)
}

/// A key that a killed run left half written is a key all the same.
fn remove_unfinished_keys(layout: &Layout) -> Result<(), Failure> {
    let place = layout.next_oprf_key();
    durable::remove_leftovers_of(&place).map_err(|error| io_failure("clean", &place, &error))
}

fn rename(from: &Path, to: &Path) -> Result<(), Failure> {
    durable::rename(from, to)
        .and_then(|()| sync_folder(durable::folder_of(to)))
        .map_err(|error| io_failure("put the new key's files in place of", to, &error))
}

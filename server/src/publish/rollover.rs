//! Another publisher key: named in a manifest that the old key signs, it signs from the next manifest on.
//!
//! The new key waits in a file of its own until the manifest that names it is durable, and then takes the old one's place.
//! Whatever is cut short, the newest manifest says which of the two signs next.

use ed25519_dalek::{SigningKey, VerifyingKey};
use samar_local::durable::{self, sync_folder};
use samar_local::exit::{Failure, io_failure};
use samar_protocol::manifest::SignedManifest;

use crate::keys;
use crate::layout::Layout;
use crate::published;

/// The key that signs the next manifest, moved to its place if an earlier run was cut short before that. Banks would refuse
/// the signature of any other.
pub(crate) fn signing_key(layout: &Layout) -> Result<SigningKey, Failure> {
    // A key that a killed run began to write is nobody's.
    let waiting = layout.next_publisher_key();
    durable::remove_leftovers_of(&waiting)
        .map_err(|error| io_failure("clean up beside", &waiting, &error))?;
    let Some(newest) = newest(layout)? else { return keys::publisher(layout) };
    let present = keys::publisher_public(layout)?;
    match named(&newest) {
        // Whoever put it there may have been killed before that was on the disk, and banks will see what it signs.
        Some(named) if named == present => sync_keys(layout)?,
        Some(named) if keys::next_publisher_public(layout)? == Some(named) => promote(layout)?,
        None if SignedManifest::verify(newest.bytes(), &present).is_ok() => {}
        _ => {
            let what = format!(
                "{} is not the key that signs after epoch {}",
                layout.publisher_key().display(),
                newest.manifest().epoch
            );
            return Err(Failure::local(what).remedy("restore keys/ from a backup made after that epoch"));
        }
    }
    keys::publisher(layout)
}

/// A new key, waiting in its file.
pub(super) fn prepare(layout: &Layout) -> Result<VerifyingKey, Failure> {
    let key = SigningKey::from_bytes(&rand::random());
    keys::write_next_publisher(layout, &key)?;
    Ok(key.verifying_key())
}

/// The waiting key takes the place of the old one.
pub(super) fn promote(layout: &Layout) -> Result<(), Failure> {
    let (from, to) = (layout.next_publisher_key(), layout.publisher_key());
    durable::rename(&from, &to).map_err(|error| io_failure("put the new key in place of", &to, &error))?;
    sync_keys(layout)
}

fn sync_keys(layout: &Layout) -> Result<(), Failure> {
    let folder = layout.keys();
    sync_folder(&folder).map_err(|error| io_failure("sync", &folder, &error))
}

fn newest(layout: &Layout) -> Result<Option<SignedManifest>, Failure> {
    match published::newest_epoch(layout)? {
        0 => Ok(None),
        epoch => published::read_manifest(layout, epoch).map(Some),
    }
}

/// The key that a manifest says to sign after it, where it names one. It was read only if what it names is a key.
fn named(manifest: &SignedManifest) -> Option<VerifyingKey> {
    manifest.manifest().next_publisher_key.and_then(|key| VerifyingKey::from_bytes(&key).ok())
}

/// The public key that signs whatever is published next: what an invitation pins.
///
/// # Errors
/// A missing or damaged file.
pub fn publisher_after_newest(layout: &Layout) -> Result<VerifyingKey, Failure> {
    match newest(layout)?.as_ref().and_then(named) {
        Some(key) => Ok(key),
        None => keys::publisher_public(layout),
    }
}

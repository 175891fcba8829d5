//! The next manifest: signed, and public from the moment it stands in its place.

use std::collections::HashSet;
use std::path::Path;

use ed25519_dalek::{SigningKey, VerifyingKey};
use samar_local::durable::{self, Mode};
use samar_local::exit::{Failure, io_failure};
use samar_protocol::manifest::{Breach, Details, Manifest, Rotation, sign};
use samar_protocol::oprf::{self, PublicKey};

use crate::config::Config;
use crate::layout::Layout;
use crate::published;

const DAY_S: u64 = 86_400;

/// What the next manifest is to say. Every segment in it is durable.
pub(crate) struct Draft {
    /// The OPRF key of its segments.
    pub(crate) key: PublicKey,
    /// The key before, while it is served.
    pub(crate) rotation: Option<Rotation>,
    /// Breaches, ascending by id.
    pub(crate) breaches: Vec<Breach>,
    /// What is known of them.
    pub(crate) details: Details,
    /// The key that signs from the next epoch on, where it is another.
    pub(crate) next_publisher: Option<VerifyingKey>,
    /// Seconds since 1970 UTC.
    pub(crate) created_s: u64,
}

/// Signs and publishes the next manifest.
pub(crate) fn issue(
    layout: &Layout,
    config: &Config,
    publisher: &SigningKey,
    draft: Draft,
) -> Result<Manifest, Failure> {
    let mut extensions: Vec<_> = draft.rotation.map(|rotation| rotation.extension()).into_iter().collect();
    if !draft.details.breaches.is_empty() {
        extensions.push(draft.details.to_extension().map_err(Failure::local)?);
    }
    let floor = published::floor(layout)?;
    let manifest = Manifest {
        operator: config.operator.clone(),
        epoch: floor.epoch + 1,
        created_s: draft.created_s,
        valid_until_s: draft.created_s + u64::from(config.manifest_days) * DAY_S,
        previous: floor.hash.0,
        suite: oprf::SUITE,
        key_id: draft.key.id().0,
        public_key: draft.key.to_bytes(),
        breaches: draft.breaches,
        next_publisher_key: draft.next_publisher.map(|key| key.to_bytes()),
        extensions,
    };
    let bytes =
        sign(&manifest, publisher).map_err(|error| Failure::local(format!("cannot sign: {error}")))?;
    let path = layout.manifest(manifest.epoch);
    durable::write(&path, &bytes, Mode::Public)
        .map_err(|error| io_failure("write the manifest", &path, &error))?;
    Ok(manifest)
}

/// Removes segments and hints that neither the newest manifest nor the one before names: a bank may still be downloading those.
pub(crate) fn remove_unnamed_segments(layout: &Layout, newest: u64) -> Result<(), Failure> {
    let mut named = HashSet::new();
    for epoch in newest.saturating_sub(1).max(1)..=newest {
        // One that cannot be read any more names nothing that must stay; the new epoch is public already.
        let Ok(manifest) = published::read_manifest(layout, epoch) else { continue };
        let segments = manifest.manifest().breaches.iter().flat_map(|breach| &breach.segments);
        named
            .extend(segments.flat_map(|segment| [layout.segment(&segment.root), layout.hint(&segment.root)]));
    }
    let folder = layout.segments();
    let failure = |error: std::io::Error| io_failure("clean", &folder, &error);
    for entry in std::fs::read_dir(&folder).map_err(failure)? {
        let path = entry.map_err(failure)?.path();
        if is_segment_or_hint(&path) && !named.contains(&path) {
            durable::remove(&path).map_err(failure)?;
        }
    }
    Ok(())
}

fn is_segment_or_hint(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "segment" || extension == "hint")
}

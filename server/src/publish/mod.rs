//! `publish`: the vault as segments, and a signed manifest that names them. Readers see the old epoch or the new one, never
//! something between: every file is durable before the manifest that names it appears.

mod build;
mod rollover;

pub(crate) use build::ENTRY_BYTES;

use std::collections::HashSet;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use samar_local::durable::{self, Mode};
use samar_local::exit::{Failure, io_failure};
use samar_local::folder;
use samar_local::progress::{Progress, Unit};
use samar_local::space::{self, Need};
use samar_protocol::invitation::to_hex;
use samar_protocol::limits::PAGE_BYTES_DEFAULT;
use samar_protocol::manifest::{Breach, Manifest, ManifestHash, SegmentRef, sign};
use samar_protocol::oprf;
use samar_protocol::segment::SegmentKind;
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::keys;
use crate::layout::Layout;
use crate::published;
use crate::vault;
use crate::vault::about::About;
use crate::vault::file::Reader;

pub use rollover::publisher_after_newest;

const DAY_S: u64 = 86_400;

/// What was published.
#[derive(Clone, Debug)]
pub struct Publication {
    /// The manifest.
    pub manifest: Manifest,
    /// Its hash, for banks to compare.
    pub hash: ManifestHash,
    /// Breaches whose segment was built anew.
    pub built: Vec<String>,
}

/// Which segment was made of which vault; stands beside the vault, so that an unchanged breach keeps its segment.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Made {
    vault: String,
    root: String,
    entries: u64,
    page_bytes: u32,
    file_bytes: u64,
}

/// Publishes the next epoch.
///
/// # Errors
/// An empty or damaged vault, a breach of another key, the file system. The epoch before is then still the newest.
pub fn publish(layout: &Layout, memory_bytes: usize) -> Result<Publication, Failure> {
    next_epoch(layout, memory_bytes, false)
}

/// Publishes the next epoch, and names in it a new publisher key, which signs from the one after it on.
///
/// # Errors
/// As of [`publish`].
pub fn publish_with_new_publisher(layout: &Layout, memory_bytes: usize) -> Result<Publication, Failure> {
    next_epoch(layout, memory_bytes, true)
}

fn next_epoch(layout: &Layout, memory_bytes: usize, new_publisher: bool) -> Result<Publication, Failure> {
    let config = Config::read(&layout.config())?;
    let _lock = folder::lock(layout.root(), "vault")?;
    vault::remove_leftovers(layout)?;
    let key = keys::oprf(layout)?;
    let publisher = rollover::signing_key(layout)?;
    let ids = vault::breaches(layout)?;
    if ids.is_empty() {
        return Err(Failure::input("the vault is empty: there is nothing to publish")
            .remedy("run `samar-server ingest` first"));
    }
    folder::create_private(&layout.runs())?;
    require_room(layout, &ids, memory_bytes)?;
    let mut built = Vec::new();
    let mut breaches = Vec::new();
    for id in ids {
        breaches.push(breach(layout, &id, memory_bytes, &key.public().id().0, &mut built)?);
    }
    let next_publisher = new_publisher.then(|| rollover::prepare(layout)).transpose()?;
    let epoch = published::newest_epoch(layout)?;
    let previous = published::floor(layout)?.hash;
    let created_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let manifest = Manifest {
        operator: config.operator.clone(),
        epoch: epoch + 1,
        created_s,
        valid_until_s: created_s + u64::from(config.manifest_days) * DAY_S,
        previous: previous.0,
        suite: oprf::SUITE,
        key_id: key.public().id().0,
        public_key: key.public().to_bytes(),
        breaches,
        next_publisher_key: next_publisher.map(|key| key.to_bytes()),
        extensions: vec![],
    };
    let bytes =
        sign(&manifest, &publisher).map_err(|error| Failure::local(format!("cannot sign: {error}")))?;
    let path = layout.manifest(epoch + 1);
    durable::write(&path, &bytes, Mode::Public)
        .map_err(|error| io_failure("write the manifest", &path, &error))?;
    if new_publisher {
        rollover::promote(layout)?;
    }
    remove_unnamed_segments(layout, epoch + 1)?;
    let hash = published::floor(layout)?.hash;
    Ok(Publication { manifest, hash, built })
}

/// Refuses a publication that the disks have no room for.
fn require_room(layout: &Layout, ids: &[String], memory_bytes: usize) -> Result<(), Failure> {
    let (mut segments, mut sorting) = (0u64, 0);
    for id in ids {
        let Some(vault) = Reader::open(&layout.elements(id))? else { continue };
        if made_before(layout, id, &vault)?.is_none() {
            segments = segments.saturating_add(build::file_bytes(vault.count(), vault.header().varies.len()));
            sorting = sorting.max(build::sorting_bytes(vault.count(), memory_bytes));
        }
    }
    space::require(&[
        // Segments are built one after the other; each run goes away with its segment.
        Need { what: "sorting", folder: &layout.runs(), bytes: sorting },
        Need { what: "what is published", folder: &layout.segments(), bytes: segments },
    ])
}

fn breach(
    layout: &Layout,
    id: &str,
    memory_bytes: usize,
    key_id: &[u8; 8],
    built: &mut Vec<String>,
) -> Result<Breach, Failure> {
    let missing = |what: &str| Failure::local(format!("the vault of {id} has no {what}"));
    let vault = Reader::open(&layout.elements(id))?.ok_or_else(|| missing("elements"))?;
    let about_path = layout.about(id);
    let about = About::read(&about_path)?
        .ok_or_else(|| missing("about.toml").remedy("run the ingest that was interrupted once more"))?;
    if vault.header().key_id != *key_id {
        return Err(Failure::local(format!("the vault of {id} was made with another OPRF key"))
            .remedy("restore the key file that belongs to this vault"));
    }
    let (exposes, varies) = (vault.header().exposes.clone(), vault.header().varies.clone());
    let segment = match made_before(layout, id, &vault)? {
        Some(segment) => segment,
        None => {
            built.push(id.to_owned());
            make(layout, id, vault, memory_bytes)?
        }
    };
    let status =
        about.status().map_err(|reason| Failure::input(format!("{}: {reason}", about_path.display())))?;
    Ok(Breach {
        id: id.to_owned(),
        title: about.title,
        date: about.date,
        status,
        exposes,
        varies,
        segments: vec![segment],
    })
}

/// The segment made of exactly this vault, if it is still there.
fn made_before(layout: &Layout, id: &str, vault: &Reader) -> Result<Option<SegmentRef>, Failure> {
    let Ok(text) = std::fs::read_to_string(layout.made(id)) else { return Ok(None) };
    // A note that cannot be read is a note that is not there: the segment is then made anew.
    let Ok(made) = toml::from_str::<Made>(&text) else { return Ok(None) };
    let Some(root) = samar_protocol::invitation::from_hex(&made.root) else { return Ok(None) };
    let bytes = std::fs::metadata(layout.segment(&root)).map(|metadata| metadata.len()).unwrap_or(0);
    if made.vault != to_hex(&vault.content_hash()) || bytes != made.file_bytes {
        return Ok(None);
    }
    Ok(Some(SegmentRef {
        root,
        kind: SegmentKind::Base,
        entries: made.entries,
        page_bytes: made.page_bytes,
        file_bytes: made.file_bytes,
    }))
}

fn make(layout: &Layout, id: &str, vault: Reader, memory_bytes: usize) -> Result<SegmentRef, Failure> {
    let (vault_hash, entries) = (vault.content_hash(), vault.count());
    let progress = Progress::new("publish", Unit::Count, Some(entries));
    let built = build::build(layout, id, vault, memory_bytes, PAGE_BYTES_DEFAULT, &progress)?;
    let made = Made {
        vault: to_hex(&vault_hash),
        root: to_hex(&built.root.0),
        entries,
        page_bytes: PAGE_BYTES_DEFAULT,
        file_bytes: built.file_bytes,
    };
    let text = toml::to_string(&made).map_err(Failure::local)?;
    let path = layout.made(id);
    durable::write(&path, text.as_bytes(), Mode::Private)
        .map_err(|error| io_failure("write", &path, &error))?;
    Ok(SegmentRef {
        root: built.root.0,
        kind: SegmentKind::Base,
        entries,
        page_bytes: PAGE_BYTES_DEFAULT,
        file_bytes: built.file_bytes,
    })
}

/// Removes segments that neither the newest manifest nor the one before names: a bank may still be downloading those.
fn remove_unnamed_segments(layout: &Layout, newest: u64) -> Result<(), Failure> {
    let mut named = HashSet::new();
    for epoch in newest.saturating_sub(1).max(1)..=newest {
        // One that cannot be read any more names nothing that must stay; the new epoch is public already.
        let Ok(manifest) = published::read_manifest(layout, epoch) else { continue };
        let segments = manifest.manifest().breaches.iter().flat_map(|breach| &breach.segments);
        named.extend(segments.map(|segment| layout.segment(&segment.root)));
    }
    let folder = layout.segments();
    let failure = |error: std::io::Error| io_failure("clean", &folder, &error);
    for entry in std::fs::read_dir(&folder).map_err(failure)? {
        let path = entry.map_err(failure)?.path();
        if is_segment(&path) && !named.contains(&path) {
            durable::remove(&path).map_err(failure)?;
        }
    }
    Ok(())
}

fn is_segment(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "segment")
}

//! `publish`: the vault as segments, and a signed manifest that names them. Readers see the old epoch or the new one, never
//! something between: every file is durable before the manifest that names it appears.

mod build;
mod lookups;
mod made;
mod missing;
mod rollover;

pub(crate) use build::ENTRY_BYTES;
pub(crate) use made::Made;

use std::collections::HashSet;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use samar_local::durable::{self, Mode};
use samar_local::exit::{Failure, io_failure};
use samar_local::folder;
use samar_local::progress::{Progress, Unit};
use samar_local::space::{self, Need};
use samar_protocol::manifest::{Breach, Details, Manifest, ManifestHash, SegmentRef, sign};
use samar_protocol::oprf;

use crate::config::{Config, Lookup};
use crate::keys;
use crate::layout::Layout;
use crate::published;
use crate::vault;
use crate::vault::about::About;
use crate::vault::compact::{self, compact};
use crate::vault::file::Reader;
use crate::vault::parts::{self, Part};

use lookups::PageLayout;
pub use rollover::publisher_after_newest;

const DAY_S: u64 = 86_400;

/// What was published.
#[derive(Clone, Debug)]
pub struct Publication {
    /// The manifest.
    pub manifest: Manifest,
    /// Its hash, for banks to compare.
    pub hash: ManifestHash,
    /// Breaches of which a segment was built.
    pub built: Vec<String>,
    /// Breaches whose additions and removals were made one with their base.
    pub compacted: Vec<String>,
}

/// How to publish.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Memory for sorting.
    pub memory_bytes: usize,
    /// Make one base of every breach that has additions or removals.
    pub compact: bool,
    /// Name a new publisher key, which signs from the next epoch on.
    pub new_publisher: bool,
}

/// Publishes the next epoch.
///
/// # Errors
/// An empty or damaged vault, a breach of another key, the file system. The epoch before is then still the newest.
pub fn publish(layout: &Layout, memory_bytes: usize) -> Result<Publication, Failure> {
    publish_as(layout, &Plan { memory_bytes, compact: false, new_publisher: false })
}

/// Publishes the next epoch in another than the usual way.
///
/// # Errors
/// As of [`publish`].
pub fn publish_as(layout: &Layout, plan: &Plan) -> Result<Publication, Failure> {
    let config = Config::read(&layout.config())?;
    let _lock = folder::lock(layout.root(), "vault")?;
    vault::remove_leftovers(layout)?;
    let key = keys::oprf(layout)?;
    let publisher = rollover::signing_key(layout)?;
    let ids = vault::breaches(layout)?;
    let taken_out = missing::check(layout, &ids)?;
    folder::create_private(&layout.runs())?;
    let mut compacted = Vec::new();
    for id in &ids {
        if is_due(layout, id, plan)? {
            compact(layout, id)?;
            compacted.push(id.clone());
        }
    }
    require_room(layout, &ids, plan, config.lookup)?;
    let (mut built, mut breaches, mut details) = (Vec::new(), Vec::new(), Details::default());
    for id in ids {
        let about = about(layout, &id)?;
        details.breaches.extend(about.details(&id));
        breaches.push(breach(
            layout,
            &id,
            about,
            (plan.memory_bytes, config.lookup),
            &key.public().id().0,
            &mut built,
        )?);
    }
    let extensions = match details.breaches.as_slice() {
        [] => vec![],
        _ => vec![details.to_extension().map_err(Failure::local)?],
    };
    let next_publisher = plan.new_publisher.then(|| rollover::prepare(layout)).transpose()?;
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
        extensions,
    };
    let bytes =
        sign(&manifest, &publisher).map_err(|error| Failure::local(format!("cannot sign: {error}")))?;
    let path = layout.manifest(epoch + 1);
    durable::write(&path, &bytes, Mode::Public)
        .map_err(|error| io_failure("write the manifest", &path, &error))?;
    if plan.new_publisher {
        rollover::promote(layout)?;
    }
    remove_unnamed_segments(layout, epoch + 1)?;
    missing::forget(&taken_out)?;
    let hash = published::floor(layout)?.hash;
    Ok(Publication { manifest, hash, built, compacted })
}

/// Whether the parts of a breach are to be made one first.
fn is_due(layout: &Layout, id: &str, plan: &Plan) -> Result<bool, Failure> {
    let parts = parts::open(layout, id)?;
    Made::read(layout, id).check(layout, id, &parts)?;
    Ok(compact::is_due(&parts) || plan.compact && parts.len() > 1)
}

/// Refuses a publication that the disks have no room for, or private lookups do not carry.
fn require_room(layout: &Layout, ids: &[String], plan: &Plan, lookup: Lookup) -> Result<(), Failure> {
    let (mut segments, mut sorting, mut layouts) = (0u64, 0, Vec::new());
    for id in ids {
        let made = Made::read(layout, id);
        for (part, vault) in parts::open(layout, id)? {
            let page_layout = page_layout(id, part, &vault, lookup);
            let (has_hint, hint_bytes) =
                page_layout.as_ref().map_or((true, 0), |of| (of.hint, of.hint_bytes()));
            layouts.push(page_layout);
            if made.of(layout, part, &vault, has_hint).is_none() {
                let bytes = build::file_bytes(vault.count(), vault.header().varies.len());
                segments = segments.saturating_add(bytes).saturating_add(hint_bytes);
                sorting = sorting.max(build::sorting_bytes(vault.count(), plan.memory_bytes));
            }
        }
    }
    space::require(&[
        // Segments are built one after the other; each run goes away with its segment.
        Need { what: "sorting", folder: &layout.runs(), bytes: sorting },
        Need { what: "what is published", folder: &layout.segments(), bytes: segments },
    ])?;
    layouts.into_iter().try_for_each(|layout| layout.map(|_| ()))
}

/// How the segment of a part is laid out.
fn page_layout(id: &str, part: Part, vault: &Reader, lookup: Lookup) -> Result<PageLayout, Failure> {
    PageLayout::choose(id, part.kind, vault.count(), vault.header().varies.len(), lookup)
}

/// What is known of a breach.
fn about(layout: &Layout, id: &str) -> Result<About, Failure> {
    About::read(&layout.about(id))?.ok_or_else(|| {
        Failure::local(format!("the vault of {id} has no about.toml"))
            .remedy("run the ingest that was interrupted once more")
    })
}

fn breach(
    layout: &Layout,
    id: &str,
    about: About,
    how: (usize, Lookup),
    key_id: &[u8; 8],
    built: &mut Vec<String>,
) -> Result<Breach, Failure> {
    let missing = || Failure::local(format!("the vault of {id} has no elements"));
    let parts = parts::open(layout, id)?;
    let header = parts.first().ok_or_else(missing)?.1.header().clone();
    if header.key_id != *key_id {
        return Err(Failure::local(format!("the vault of {id} was made with another OPRF key"))
            .remedy("restore the key file that belongs to this vault"));
    }
    let segments = segments(layout, id, parts, how, built)?;
    let status = about
        .status()
        .map_err(|reason| Failure::input(format!("{}: {reason}", layout.about(id).display())))?;
    Ok(Breach {
        id: id.to_owned(),
        title: about.title,
        date: about.date,
        status,
        exposes: header.exposes,
        varies: header.varies,
        segments,
    })
}

/// A segment for each part: the one that was made of it before, or a new one, in so much memory.
fn segments(
    layout: &Layout,
    id: &str,
    parts: Vec<(Part, Reader)>,
    (memory_bytes, lookup): (usize, Lookup),
    built: &mut Vec<String>,
) -> Result<Vec<SegmentRef>, Failure> {
    let before = Made::read(layout, id);
    let (mut made, mut segments) = (Made::default(), Vec::new());
    for (part, vault) in parts {
        let hash = vault.content_hash();
        let page_layout = page_layout(id, part, &vault, lookup)?;
        let (segment, is_new) = match before.of(layout, part, &vault, page_layout.hint) {
            Some(segment) => (segment, false),
            None => (make(layout, id, part, vault, memory_bytes, page_layout)?, true),
        };
        made.add(part, &hash, &segment);
        segments.push(segment);
        if is_new {
            made.write(layout, id)?; // a run that is cut short at the next part keeps this one
            built.push(id.to_owned());
        }
    }
    built.dedup();
    Ok(segments)
}

fn make(
    layout: &Layout,
    id: &str,
    part: Part,
    vault: Reader,
    memory_bytes: usize,
    page_layout: PageLayout,
) -> Result<SegmentRef, Failure> {
    let entries = vault.count();
    let progress = Progress::new("publish", Unit::Count, Some(entries));
    let built = build::build(layout, id, part, vault, memory_bytes, page_layout, &progress)?;
    Ok(SegmentRef {
        root: built.root.0,
        kind: part.kind,
        entries,
        page_bytes: page_layout.page_bytes,
        file_bytes: built.file_bytes,
    })
}

/// Removes segments and hints that neither the newest manifest nor the one before names: a bank may still be downloading those.
fn remove_unnamed_segments(layout: &Layout, newest: u64) -> Result<(), Failure> {
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

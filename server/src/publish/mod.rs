//! `publish`: the vault as segments, and a signed manifest that names them. Readers see the old epoch or the new one, never
//! something between: every file is durable before the manifest that names it appears.

mod build;
mod issue;
mod lookups;
mod made;
pub(crate) mod missing;
pub(crate) mod rollover;

pub(crate) use build::{ENTRY_BYTES, file_bytes, sorting_bytes};
pub(crate) use issue::{Draft, issue, remove_unnamed_segments};
pub use lookups::LargeHint;
pub(crate) use lookups::PageLayout;
pub(crate) use made::Made;

use std::path::Path;

use samar_local::exit::Failure;
use samar_local::folder;
use samar_local::people::now_s;
use samar_local::progress::{Progress, Unit};
use samar_local::space::{self, Need};
use samar_protocol::manifest::{
    Breach, Details, Manifest, ManifestHash, SegmentKind, SegmentRef, SignedManifest,
};
use samar_protocol::vault::VaultHeader;

use crate::accounts::Accounts;
use crate::clock;
use crate::config::{Config, Lookup};
use crate::keys;
use crate::layout::Layout;
use crate::published;
use crate::rotate;
use crate::vault;
use crate::vault::about::About;
use crate::vault::compact::{self, compact};
use crate::vault::file::Reader;
use crate::vault::parts::{self, Part};

pub use rollover::publisher_after_newest;

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
    /// Hints that are larger than their segment.
    pub large_hints: Vec<LargeHint>,
}

/// How to publish.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Memory for sorting, and then for computing hints.
    pub memory_bytes: usize,
    /// Make one base of every breach that has additions or removals.
    pub compact: bool,
    /// Name a new publisher key, which signs from the next epoch on.
    pub new_publisher: bool,
    /// Take the clock at its word, however far it stands from what was recorded by it before.
    pub trust_clock: bool,
}

/// Publishes the next epoch.
///
/// # Errors
/// An empty or damaged vault, a breach of another key, a clock that stands far from what was recorded, the file system. The epoch
/// before is then still the newest.
pub fn publish(layout: &Layout, memory_bytes: usize) -> Result<Publication, Failure> {
    publish_as(layout, &Plan { memory_bytes, compact: false, new_publisher: false, trust_clock: false })
}

/// Publishes the next epoch in another than the usual way.
///
/// # Errors
/// As of [`publish`].
pub fn publish_as(layout: &Layout, plan: &Plan) -> Result<Publication, Failure> {
    let config = Config::read(&layout.config())?;
    let _lock = folder::lock(layout.root(), "vault")?;
    if !plan.trust_clock {
        check_clock(layout, &config)?;
    }
    vault::ready(layout)?;
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
    let next_publisher = plan.new_publisher.then(|| rollover::prepare(layout)).transpose()?;
    let draft = Draft {
        key: *key.public(),
        rotation: rotate::to_be_told(layout)?,
        breaches,
        details,
        next_publisher,
        created_s: now_s(),
    };
    let manifest = issue(layout, &config, &publisher, draft)?;
    if plan.new_publisher {
        rollover::promote(layout)?;
    }
    remove_unnamed_segments(layout, manifest.epoch)?;
    missing::forget(&taken_out)?;
    let hash = published::floor(layout)?.hash;
    let large_hints = LargeHint::find(layout, &manifest.breaches);
    Ok(Publication { manifest, hash, built, compacted, large_hints })
}

/// Refuses to date a manifest by a clock that stands far from what was recorded by it before.
pub(crate) fn check_clock(layout: &Layout, config: &Config) -> Result<(), Failure> {
    let newest = match published::newest_epoch(layout)? {
        0 => None,
        epoch => Some(published::read_manifest(layout, epoch)?),
    };
    // A log that is damaged stops the server, and is no matter of the set's: the manifest tells alone then.
    let standing = Accounts::standing(&layout.account_log()).ok();
    let newest_day = standing.and_then(|standing| standing.newest_day());
    clock::check(config, newest_day, newest.as_ref().map(SignedManifest::manifest), now_s())
}

/// Whether the parts of a breach are to be made one first.
fn is_due(layout: &Layout, id: &str, plan: &Plan) -> Result<bool, Failure> {
    let parts = parts::open(layout, id)?;
    Made::read(&layout.made(id)).check(layout, id, &parts)?;
    Ok(compact::is_due(&parts) || plan.compact && parts.len() > 1)
}

/// Refuses a publication that the disks have no room for, or private lookups do not carry.
fn require_room(layout: &Layout, ids: &[String], plan: &Plan, lookup: Lookup) -> Result<(), Failure> {
    let (mut segments, mut sorting, mut too_large) = (0u64, 0, None);
    for id in ids {
        let made = Made::read(&layout.made(id));
        for (part, vault) in parts::open(layout, id)? {
            let (entries, label_bits) = (vault.count(), vault.header().varies.len());
            let page_layout = PageLayout::choose(id, part.kind, entries, label_bits, lookup);
            if made.of(layout, part, &vault, lookup).is_none() {
                let hint_bytes = page_layout.as_ref().map_or(0, |of| of.hint_bytes());
                let bytes = file_bytes(entries, label_bits).saturating_add(hint_bytes);
                segments = segments.saturating_add(bytes);
                sorting = sorting.max(sorting_bytes(entries, plan.memory_bytes));
            }
            if let Err(failure) = page_layout {
                too_large.get_or_insert(failure);
            }
        }
    }
    space::require(&[
        // Segments are built one after the other; each run goes away with its segment.
        Need { what: "sorting", folder: &layout.runs(), bytes: sorting },
        Need { what: "what is published", folder: &layout.segments(), bytes: segments },
    ])?;
    too_large.map_or(Ok(()), Err)
}

/// What is known of a breach.
pub(crate) fn about(layout: &Layout, id: &str) -> Result<About, Failure> {
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
    as_told(layout, id, about, header, segments)
}

/// A breach as a manifest tells of it.
pub(crate) fn as_told(
    layout: &Layout,
    id: &str,
    about: About,
    header: VaultHeader,
    segments: Vec<SegmentRef>,
) -> Result<Breach, Failure> {
    let status = about.status().map_err(|wrong| wrong.within(&layout.about(id)))?;
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
    how: (usize, Lookup),
    built: &mut Vec<String>,
) -> Result<Vec<SegmentRef>, Failure> {
    let before = Made::read(&layout.made(id));
    let (mut made, mut segments) = (Made::default(), Vec::new());
    for (part, vault) in parts {
        let hash = vault.content_hash();
        let (segment, is_new) = match before.of(layout, part, &vault, how.1) {
            Some(segment) => (segment, false),
            None => {
                let path = layout.part(id, part.number, part.kind);
                (make(layout, id, (&path, part.kind), vault, how)?, true)
            }
        };
        made.add(part, &hash, &segment);
        segments.push(segment);
        if is_new {
            made.write(&layout.made(id))?; // a run that is cut short at the next part keeps this one
            built.push(id.to_owned());
        }
    }
    built.dedup();
    Ok(segments)
}

/// The segment of the part that stands at this path, built anew, in so much memory.
pub(crate) fn make(
    layout: &Layout,
    id: &str,
    (path, kind): (&Path, SegmentKind),
    vault: Reader,
    (memory_bytes, lookup): (usize, Lookup),
) -> Result<SegmentRef, Failure> {
    let entries = vault.count();
    let label_bits = vault.header().varies.len();
    let page_layout = PageLayout::choose(id, kind, entries, label_bits, lookup)?;
    let progress = Progress::new("publish", Unit::Count, Some(entries));
    let built = build::build(layout, id, (path, kind), vault, memory_bytes, page_layout, &progress)?;
    Ok(SegmentRef {
        root: built.root.0,
        kind,
        entries,
        page_bytes: page_layout.page_bytes,
        file_bytes: built.file_bytes,
    })
}

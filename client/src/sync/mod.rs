//! `sync`: brings the newest breach set to this machine, and moves the client's view forward once all of it is here.

mod audit;
mod segment;
mod walk;

use std::collections::HashSet;
use std::sync::Arc;

use samar_local::durable::{self, Mode};
use samar_local::exit::{Failure, io_failure};
use samar_local::folder::{create_private, lock};
use samar_local::progress::{Progress, Unit};
use samar_local::space::{self, Need};
use samar_protocol::manifest::{
    Breach, Chain, Manifest, ManifestHash, SegmentKind, SegmentRef, SignedManifest,
};

use crate::config::{Config, Home};
use crate::expiry;
use crate::link::Link;
use crate::lookup::{self, cache};
use crate::people::now_s;
use crate::rekey;
use crate::renew;
use crate::seen::Seen;
use crate::tls;
pub(crate) use segment::{FetchError, Wanted};
pub use walk::to_newest;

/// So often a set may be published anew while one sync fetches it.
const PUBLISHED_ANEW_MAX: u32 = 8;

/// What a sync came to.
#[derive(Clone, Debug)]
pub struct SyncReport {
    /// Epoch of the manifest that is now in use.
    pub epoch: u64,
    /// Its hash, to compare with other banks.
    pub hash: ManifestHash,
    /// Until when it may be used, seconds since 1970 UTC.
    pub valid_until_s: u64,
    /// Breaches in it.
    pub breaches: usize,
    /// Entries over all breaches.
    pub entries: u64,
    /// Whether the epoch is newer than the one before.
    pub advanced: bool,
    /// Segments that were fetched, in part where an earlier run had begun.
    pub segments_fetched: usize,
    /// Segments that were here already.
    pub segments_kept: usize,
    /// Segments removed because the manifest no longer names them.
    pub segments_removed: usize,
    /// Bytes of segments and hints fetched.
    pub bytes_fetched: u64,
    /// Hints that were computed again and found right.
    pub hints_audited: usize,
}

/// Walks to the newest manifest and fetches what is missing. A run that is cut short goes on where it stopped.
///
/// # Errors
/// [`Failure`]; what was synced before stays in use.
pub async fn sync(home: &Home) -> Result<SyncReport, Failure> {
    run(home, Extent::Whole).await
}

/// The same, and then computes the hint of every segment that is here again, so that one that is wrong is found. The set is in use
/// all the same: screening needs no hint.
///
/// # Errors
/// As [`sync`]; a hint that is wrong.
pub async fn audit(home: &Home) -> Result<SyncReport, Failure> {
    run(home, Extent::Audited).await
}

/// The same, but of each base segment of 64 MB and more only what private lookups need: 22 MB in place of 1.5 GB.
///
/// # Errors
/// As [`sync`].
pub async fn sync_for_lookups(home: &Home) -> Result<SyncReport, Failure> {
    run(home, Extent::ForLookups).await
}

/// How much of the set is brought here.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    Whole,
    Audited,
    ForLookups,
}

async fn run(home: &Home, extent: Extent) -> Result<SyncReport, Failure> {
    let config = Config::load(home)?;
    let _lock = lock(home.dir(), "sync")?;
    create_private(&home.segments())?;
    create_private(&home.manifests())?;
    remove_leftovers(home)?;
    let before = Seen::load(home)?;
    let mut chain = match &before {
        Some(seen) => Chain::new(seen.publisher_key, seen.floor),
        None => Chain::new(config.publisher_key, config.floor),
    };
    let link = Arc::new(Link::connect(&config.address, tls::enrolled(home, &config)?, config.gso).await?);
    let (mut newest, mut bytes_fetched, mut fetched) =
        (to_newest(&link, &mut chain, now_s()).await?, 0, HashSet::new());
    // A set that is published anew while it is fetched takes segments away; what of it stays the same is here already.
    for attempt in 1.. {
        let epoch = newest.manifest().epoch;
        let missing =
            fetch_missing(&link, home, newest.manifest(), extent, &mut bytes_fetched, &mut fetched).await;
        match missing {
            Ok(()) => break,
            Err(FetchError::Failed(failure)) => return Err(failure),
            Err(FetchError::Gone(error)) => {
                newest = to_newest(&link, &mut chain, now_s()).await?;
                // The same server has both; one that names what it does not have is asked no further.
                if attempt == PUBLISHED_ANEW_MAX || newest.manifest().epoch == epoch {
                    return Err(error.into());
                }
            }
        }
    }
    let manifest = newest.manifest();
    let segments = segments(manifest);
    keep(home, &newest, &chain)?;
    renew::before_it_ends(&link, home, &config).await?;
    expiry::warn_of(home, manifest)?;
    let segments_removed = remove_unnamed(home, manifest)?;
    rekey::after_sync(home, &config, &link).await?;
    let mut hints_audited = 0;
    if extent == Extent::Audited {
        hints_audited = tokio::task::block_in_place(|| audit::audit(home, manifest, link.address()))?;
    }
    if let Some(link) = Arc::into_inner(link) {
        link.close().await;
    }
    Ok(SyncReport {
        epoch: manifest.epoch,
        hash: newest.hash(),
        valid_until_s: manifest.valid_until_s,
        breaches: manifest.breaches.len(),
        entries: manifest.entries(),
        advanced: before.is_none_or(|seen| seen.floor.epoch < manifest.epoch),
        segments_fetched: segments.iter().filter(|(_, segment)| fetched.contains(&segment.root)).count(),
        segments_kept: segments.iter().filter(|(_, segment)| !fetched.contains(&segment.root)).count(),
        segments_removed,
        bytes_fetched,
        hints_audited,
    })
}

/// Fetches one segment whole; the caller holds the lock of a sync.
///
/// # Errors
/// As [`sync`].
pub(crate) async fn fetch_whole(link: &Arc<Link>, home: &Home, wanted: &Wanted<'_>) -> Result<(), Failure> {
    let need = segment::bytes_to_come(home, wanted.reference);
    space::require(&[Need { what: "a segment", folder: &home.segments(), bytes: need }])?;
    let progress = Progress::new("sync", Unit::Bytes, Some(need));
    segment::fetch(link, home, wanted, &progress).await?;
    progress.finish();
    Ok(())
}

/// Fetches every segment of this manifest that is not here, and adds up what came.
async fn fetch_missing(
    link: &Arc<Link>,
    home: &Home,
    manifest: &Manifest,
    extent: Extent,
    bytes_fetched: &mut u64,
    fetched: &mut HashSet<[u8; 32]>,
) -> Result<(), FetchError> {
    let key_id = manifest.key_id();
    let wanted =
        segments(manifest).into_iter().map(|(breach, reference)| Wanted { reference, breach, key_id });
    let mut missing: Vec<_> = wanted.filter(|wanted| !segment::is_here(home, wanted)).collect();
    if extent == Extent::ForLookups {
        fetch_hints(link, home, &mut missing, bytes_fetched, fetched).await?;
    }
    let come = missing.iter().map(|wanted| segment::bytes_to_come(home, wanted.reference));
    let need = come.fold(0, u64::saturating_add);
    space::require(&[Need { what: "the set", folder: &home.segments(), bytes: need }])?;
    let progress = Progress::new("sync", Unit::Bytes, Some(need));
    for wanted in &missing {
        *bytes_fetched += segment::fetch(link, home, wanted, &progress).await?;
        fetched.insert(wanted.reference.root);
    }
    progress.finish();
    Ok(())
}

/// Fetches what private lookups need of the large base segments, and takes those off the list.
async fn fetch_hints(
    link: &Link,
    home: &Home,
    missing: &mut Vec<Wanted<'_>>,
    bytes_fetched: &mut u64,
    fetched: &mut HashSet<[u8; 32]>,
) -> Result<(), FetchError> {
    let progress = Progress::new("sync", Unit::Bytes, None);
    let mut whole = Vec::new();
    for wanted in missing.drain(..) {
        let reference = wanted.reference;
        let large = reference.kind == SegmentKind::Base && reference.file_bytes >= lookup::LARGE_BYTES;
        if large && cache::is_here(home, &reference.root) && cache::open(home, wanted).is_ok() {
            continue;
        }
        match if large { cache::fetch(link, home, wanted, &progress).await? } else { None } {
            Some(came) => {
                *bytes_fetched += came;
                fetched.insert(reference.root);
            }
            None => whole.push(wanted),
        }
    }
    progress.finish();
    *missing = whole;
    Ok(())
}

/// What a killed run left. Of the folder itself only what this lock guards: a screening may be writing its report there.
fn remove_leftovers(home: &Home) -> Result<(), Failure> {
    for folder in [home.segments(), home.manifests(), home.lookups()] {
        if !folder.exists() {
            continue;
        }
        durable::remove_leftovers(&folder).map_err(|error| io_failure("clean", &folder, &error))?;
    }
    for place in [home.seen(), home.config(), home.key(), home.certificate(), home.ca()] {
        durable::remove_leftovers_of(&place).map_err(|error| io_failure("clean", &place, &error))?;
    }
    Ok(())
}

/// Every segment once, in manifest order.
fn segments(manifest: &Manifest) -> Vec<(&Breach, &SegmentRef)> {
    let mut named = HashSet::new();
    let all = manifest.breaches.iter().flat_map(|breach| breach.segments.iter().map(move |s| (breach, s)));
    all.filter(|(_, segment)| named.insert(segment.root)).collect()
}

/// Everything that the manifest names is on disk: from here on it is the one in use.
fn keep(home: &Home, newest: &SignedManifest, chain: &Chain) -> Result<(), Failure> {
    let path = home.manifest(newest.manifest().epoch);
    durable::write(&path, newest.bytes(), Mode::Private)
        .map_err(|error| io_failure("write", &path, &error))?;
    Seen { floor: chain.at(), publisher_key: chain.publisher(), synced_s: now_s() }.store(home)
}

/// Removes manifests and segments that the newest manifest does not name; the number of segments.
fn remove_unnamed(home: &Home, manifest: &Manifest) -> Result<usize, Failure> {
    let named: HashSet<_> =
        segments(manifest).iter().map(|(_, segment)| home.segment(&segment.root)).collect();
    let roots = segments(manifest).into_iter().map(|(_, segment)| segment.root);
    let named: HashSet<_> =
        roots.flat_map(|root| [home.lookup_index(&root), home.lookup_hint(&root)]).chain(named).collect();
    let newest = home.manifest(manifest.epoch);
    let mut removed = 0;
    // The last is there once something was looked up.
    let folders = [home.manifests(), home.segments(), home.lookups()];
    for folder in folders.into_iter().filter(|folder| folder.exists()) {
        let failed = |error: std::io::Error| io_failure("clean", &folder, &error);
        for entry in std::fs::read_dir(&folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let extension = path.extension().and_then(|extension| extension.to_str());
            let ours = matches!(extension, Some("manifest" | "segment" | "part" | "index" | "hint"));
            if ours && path != newest && !named.contains(&path) {
                std::fs::remove_file(&path).map_err(|error| io_failure("remove", &path, &error))?;
                removed += usize::from(extension == Some("segment"));
            }
        }
    }
    Ok(removed)
}

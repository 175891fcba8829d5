//! Publications. The newest manifest that is there names whole segments only; what was published, or shown to a bank, stays; the
//! next publication goes on from it, signed by the key that banks expect.

use std::path::Path;
use std::time::Duration;

use samar_protocol::manifest::{Chain, Floor, ManifestHash, SignedManifest};
use samar_protocol::segment::{Header, SegmentIndex, SegmentRoot};
use samar_server::keys;
use samar_server::layout::Layout;
use samar_server::publish::{Plan, publish, publish_as};
use samar_server::published::{self, Published};

use super::Forgotten;
use super::disk::Disk;
use super::recording::{Answer, Recording, Step};
use super::trial::Trial;
use crate::fixture::operator::{Operator, niks};
use crate::ordeal::{cannot, folders};

const MEMORY_BYTES: usize = 16 << 20;

pub(super) const FORGOTTEN: [Forgotten; 5] = [
    Forgotten { what: "a segment", is: |step| is_synced(step, "draft.segment") },
    Forgotten {
        what: "the name of a segment",
        is: |step| matches!(step, Step::FolderSynced(folder) if folder.ends_with("segments")),
    },
    Forgotten { what: "a manifest", is: |step| is_synced(step, ".manifest") },
    Forgotten {
        what: "the name of a manifest",
        is: |step| matches!(step, Step::FolderSynced(folder) if folder.ends_with("manifests")),
    },
    Forgotten { what: "a publisher's key", is: |step| is_synced(step, "publisher-next.key") },
];

fn is_synced(step: &Step, end: &str) -> bool {
    matches!(step, Step::Synced(name) if name.to_string_lossy().ends_with(end))
}

/// Records the publication of a new breach, another publisher's key, and the first manifest that it signs.
pub(super) fn first(scratch: &Path) -> Result<Trial, String> {
    let operator = Operator::new();
    operator.ingest("breach-b", &niks(30, 90));
    record(&operator, &[plan(false, false), plan(false, true), plan(false, false)], scratch)
}

/// Records the publication of a breach that has grown, as an addition and then as one set again, until the old segments are
/// removed.
pub(super) fn again(scratch: &Path) -> Result<Trial, String> {
    let operator = Operator::new();
    operator.ingest("breach-a", &niks(100, 700));
    record(&operator, &[plan(false, false), plan(true, false), plan(false, false)], scratch)
}

fn plan(compact: bool, new_publisher: bool) -> Plan {
    Plan { memory_bytes: MEMORY_BYTES, compact, new_publisher, trust_clock: false }
}

fn record(operator: &Operator, publications: &[Plan], scratch: &Path) -> Result<Trial, String> {
    let layout = &operator.layout;
    let publisher = keys::publisher_public(layout).map_err(|failure| failure.to_string())?;
    // Banks pin the first key; beside the folder's own files, so that every image has it.
    std::fs::write(layout.root().join(PINNED), publisher.to_bytes()).map_err(cannot("keep a key"))?;
    let before = Disk::of(layout.root())?;
    let recording = Recording::begin(layout.root(), Duration::ZERO);
    for plan in publications {
        let published = publish_as(layout, plan).map_err(|failure| failure.to_string())?;
        shown(layout, published.manifest.epoch, &recording)?;
    }
    Ok(Trial::new(before, recording.end(), scratch.join("image"), judge, mend))
}

/// The publisher's key that banks pinned first.
const PINNED: &str = "pinned";

/// Notes that a manifest was published, or shown to a bank.
fn shown(layout: &Layout, epoch: u64, recording: &Recording) -> Result<(), String> {
    let bytes = std::fs::read(layout.manifest(epoch)).map_err(cannot("read a manifest"))?;
    recording.answered(epoch, &bytes);
    Ok(())
}

/// A server starts and shows what is published; the operator publishes again.
fn mend(folder: &Path, recording: &Recording) -> Result<(), String> {
    let layout = Layout::new(folder);
    let open = Published::open(&layout).map_err(|failure| failure.to_string())?;
    let open = open.ok_or("nothing is published any more")?;
    shown(&layout, open.newest().manifest().epoch, recording)?;
    let published = publish(&layout, MEMORY_BYTES).map_err(|failure| failure.to_string())?;
    shown(&layout, published.manifest.epoch, recording)
}

fn judge(folder: &Path, answers: &[Answer]) -> Result<(), String> {
    let layout = Layout::new(folder);
    for (epoch, bytes) in answers {
        let found =
            std::fs::read(layout.manifest(*epoch)).map_err(cannot("read a manifest that was shown"))?;
        if found != *bytes {
            return Err(format!("epoch {epoch} was shown to banks, and is another now"));
        }
    }
    let newest = whole(&layout)?;
    let published = publish(&layout, MEMORY_BYTES);
    let epoch = published.map_err(|failure| format!("cannot publish: {failure}"))?.manifest.epoch;
    if epoch != newest + 1 || whole(&layout)? != epoch {
        return Err(format!("epoch {epoch} was published after {newest}"));
    }
    match folders::leftovers(folder).as_slice() {
        [] => Ok(()),
        left => Err(format!("left over: {left:?}")),
    }
}

/// The newest epoch, to which a bank can walk from the first key, with all of its segments.
fn whole(layout: &Layout) -> Result<u64, String> {
    let failed = |failure: samar_local::exit::Failure| failure.to_string();
    let open = Published::open(layout).map_err(failed)?.ok_or("nothing is published any more")?;
    let newest = open.newest().manifest().epoch;
    let pinned = std::fs::read(layout.root().join(PINNED)).map_err(cannot("read the pinned key"))?;
    let pinned = pinned.try_into().ok().and_then(|bytes| samar_protocol::manifest::publisher_key(&bytes));
    let floor = Floor { epoch: 0, hash: ManifestHash::NONE };
    let mut chain = Chain::new(pinned.ok_or("the pinned key is none")?, floor);
    for epoch in 1..=newest {
        let manifest = published::read_manifest(layout, epoch).map_err(failed)?;
        let lie = |error| format!("epoch {epoch}: {error}");
        chain.advance(manifest.bytes()).map_err(|error| lie(error.to_string()))?;
    }
    segments(layout, open.newest())?;
    Ok(newest)
}

/// Reads every segment that a manifest names, page by page.
fn segments(layout: &Layout, manifest: &SignedManifest) -> Result<(), String> {
    for segment in manifest.manifest().breaches.iter().flat_map(|breach| &breach.segments) {
        let bytes = std::fs::read(layout.segment(&segment.root)).map_err(cannot("read a segment"))?;
        let of_page = |page: usize| bytes.chunks(segment.page_bytes as usize).nth(page).unwrap_or_default();
        let header = Header::parse(of_page(0)).map_err(|error| format!("a segment's header: {error}"))?;
        let pages = header.pages() as usize;
        let directory = bytes.get((pages + 1) * segment.page_bytes as usize..).unwrap_or_default();
        let index = SegmentIndex::parse(of_page(0), directory, &SegmentRoot(segment.root));
        let index = index.map_err(|error| format!("a segment: {error}"))?;
        for page in 0..header.pages() {
            let verified = index.verify_page(page, of_page(page as usize + 1));
            verified.map_err(|error| format!("page {page} of a segment: {error}"))?;
        }
    }
    Ok(())
}

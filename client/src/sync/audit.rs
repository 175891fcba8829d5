//! `sync --audit`: computes the hint of every segment that is here again. A hint is the same for all banks, and named by the
//! header; one that is not what the pages come to could make some pages come out and others not, and whether one does may show.

use samar_local::exit::Failure;
use samar_local::progress::{Progress, Unit};
use samar_protocol::lookup::{HintBuilder, HintNote, Kernel, Shape};
use samar_protocol::manifest::Manifest;

use super::segments;
use crate::config::Home;
use crate::link::LinkError;
use crate::synced::OpenSegment;

/// Bytes of pages that the hint takes in at a time.
const STRETCH_BYTES: usize = 2 << 20;

/// Computes the hints of all segments that are here and name one; how many those were. Blocks. Memory: 4 KiB for each byte of a
/// page, and some MiB.
///
/// # Errors
/// A hint that is wrong; a damaged page.
pub(super) fn audit(home: &Home, manifest: &Manifest, address: &str) -> Result<usize, Failure> {
    let mut audited = 0;
    for (breach, reference) in segments(manifest) {
        if !home.segment(&reference.root).exists() {
            continue; // left on the server, after a sync for lookups
        }
        let segment = OpenSegment::open(home, reference, breach, manifest.key_id())?;
        let Some(note) = segment.index.header().lookup() else { continue };
        if HintNote::of(&hint_of(&segment)?) != note {
            let name = samar_protocol::invitation::to_hex(&reference.root);
            let what =
                format!("segment {}… of {}: its hint is not what its pages come to", &name[..16], breach.id);
            let failure: Failure = LinkError::lied(address, what).into();
            return Err(failure.remedy("look nothing up privately in it; samar screen does not use it"));
        }
        audited += 1;
    }
    Ok(audited)
}

/// The hint that the pages of a segment come to, each verified first.
fn hint_of(segment: &OpenSegment) -> Result<Vec<u8>, Failure> {
    let header = segment.index.header();
    let (page_bytes, pages) = (header.params().page_bytes, header.pages());
    let shape = Shape::new(page_bytes, pages).map_err(|error| segment.damaged(&error))?;
    let mut builder = HintBuilder::new(Kernel::best(), shape, segment.index.lookup_seed());
    let progress = Progress::new("audit", Unit::Bytes, Some(u64::from(pages) * u64::from(page_bytes)));
    let at_a_time = STRETCH_BYTES / shape.rows();
    let mut stretch = Vec::with_capacity(STRETCH_BYTES);
    let mut page_of = vec![0; shape.rows()];
    for first in (0..pages).step_by(at_a_time) {
        stretch.clear();
        for page in (first..pages).take(at_a_time) {
            segment.read_page(page, &mut page_of)?;
            segment.index.verify_page(page, &page_of).map_err(|error| segment.damaged(&error))?;
            stretch.extend_from_slice(&page_of);
        }
        builder.push(&stretch);
        progress.add(stretch.len() as u64);
    }
    progress.finish();
    Ok(builder.finish())
}

//! Tags against the synced segments, all on this machine: which breach each tag is in, and with which label.

use std::collections::HashSet;

use rayon::prelude::*;
use samar_local::exit::Failure;
use samar_protocol::manifest::SegmentKind;
use samar_protocol::oprf::Tag;
use samar_protocol::segment::Locator;

use crate::synced::{OpenBreach, OpenSegment};

/// Tags that are located and sorted at a time. Worst-case memory = 4 Mi × 24 bytes.
const TAGS_AT_ONCE: usize = 4 << 20;

/// One tag in one breach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Match {
    /// Position of the tag in what was asked.
    pub(crate) ordinal: u32,
    /// Position of the breach in the manifest.
    pub(crate) breach: u16,
    /// Which varying classes are exposed; see `Breach::classes`.
    pub(crate) label: u32,
}

/// A tag found in a segment.
type Found = (u32, u32); // ordinal, label

/// Where one tag would stand in one segment.
struct Probe {
    page: u32,
    ordinal: u32,
    locator: Locator,
}

/// Every match, in order of tag and then of breach. Each page that is looked at is verified first.
///
/// # Errors
/// [`Failure`] where a segment is damaged; nothing can be said then, since a damaged page could hide a match.
pub(crate) fn match_tags(
    breaches: &[OpenBreach],
    tags: &[Tag],
    progress: impl Fn(),
) -> Result<Vec<Match>, Failure> {
    let mut matches = Vec::new();
    for (position, open) in (0u16..).zip(breaches) {
        let mut found = Vec::new();
        for segment in &open.segments {
            let mut here = find(segment, tags)?;
            apply(&mut found, &mut here, segment.kind);
            progress();
        }
        let to_match = |(ordinal, label)| Match { ordinal, breach: position, label };
        matches.extend(found.into_iter().map(to_match));
    }
    matches.par_sort_unstable();
    Ok(matches)
}

/// Segments apply in the order of the manifest: what came later is added, what was taken back no longer counts.
fn apply(found: &mut Vec<Found>, here: &mut Vec<Found>, kind: SegmentKind) {
    match kind {
        SegmentKind::Base | SegmentKind::Add => {
            found.append(here);
            found.sort_unstable();
            found.dedup_by(|later, kept| {
                let same = later.0 == kept.0;
                if same {
                    kept.1 |= later.1;
                }
                same
            });
        }
        SegmentKind::Remove => {
            let removed: HashSet<u32> = here.iter().map(|(ordinal, _)| *ordinal).collect();
            found.retain(|(ordinal, _)| !removed.contains(ordinal));
        }
    }
}

/// The tags that stand in one segment: located, sorted by page, each page read once and probed.
fn find(segment: &OpenSegment, tags: &[Tag]) -> Result<Vec<Found>, Failure> {
    let mut found = Vec::new();
    for (block, tags) in tags.chunks(TAGS_AT_ONCE).enumerate() {
        let first = block * TAGS_AT_ONCE;
        let locate = |(at, tag): (usize, &Tag)| {
            let (locator, page) = segment.index.locate(&tag.0)?;
            Some(Probe { page, ordinal: u32::try_from(first + at).ok()?, locator })
        };
        let mut probes: Vec<Probe> = tags.par_iter().enumerate().filter_map(locate).collect();
        probes.par_sort_unstable_by_key(|probe| probe.page);
        let pages: Vec<Vec<Found>> = probes
            .par_chunk_by(|a, b| a.page == b.page)
            .map(|probes| probe_page(segment, probes))
            .collect::<Result<_, _>>()?;
        found.extend(pages.into_iter().flatten());
    }
    Ok(found)
}

fn probe_page(segment: &OpenSegment, probes: &[Probe]) -> Result<Vec<Found>, Failure> {
    let Some(Probe { page, .. }) = probes.first() else { return Ok(Vec::new()) };
    let mut bytes = vec![0; segment.index.header().params().page_bytes as usize];
    segment.read_page(*page, &mut bytes)?;
    let page = segment.index.verify_page(*page, &bytes).map_err(|error| segment.damaged(&error))?;
    let probe = |probe: &Probe| {
        let masked = page.find(probe.locator.bucket(), probe.locator.remainder())?;
        Some((probe.ordinal, probe.locator.unmask(masked)))
    };
    Ok(probes.iter().filter_map(probe).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_apply_in_order() {
        let mut found = Vec::new();
        apply(&mut found, &mut vec![(3, 0b01), (1, 0)], SegmentKind::Base);
        apply(&mut found, &mut vec![(2, 0b100), (3, 0b10)], SegmentKind::Add);
        assert_eq!(found, [(1, 0), (2, 0b100), (3, 0b11)], "labels of the same customer are merged");
        apply(&mut found, &mut vec![(3, 0), (9, 0)], SegmentKind::Remove);
        assert_eq!(found, [(1, 0), (2, 0b100)]);
        apply(&mut found, &mut vec![(3, 0b1000)], SegmentKind::Add);
        assert_eq!(
            found,
            [(1, 0), (2, 0b100), (3, 0b1000)],
            "what was removed does not come back with its old label"
        );
    }
}

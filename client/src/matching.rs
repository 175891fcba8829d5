//! Tags against the synced segments, all on this machine: which breach each tag is in, and with which label.

use rayon::prelude::*;
use samar_local::exit::Failure;
use samar_protocol::manifest::SegmentKind;
use samar_protocol::oprf::Tag;
use samar_protocol::segment::Locator;

use crate::synced::{OpenBreach, OpenSegment};

/// Worst-case memory of matching, for each tag, the tag itself included.
pub(crate) const MATCHING_BYTES: usize = size_of::<Tag>() + 2 * size_of::<Probe>() + 6 * size_of::<Found>();

/// One breach that a tag is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Match {
    /// Position of the breach in the manifest.
    pub(crate) breach: u16,
    /// Which varying classes are exposed; see `Breach::classes`.
    pub(crate) label: u32,
}

/// A tag found in one breach: its position in what was asked, and its label.
pub(crate) type Found = (u32, u32);

/// Where one tag would stand in one segment, and its label if it does.
struct Probe {
    page: u32,
    ordinal: u32,
    locator: Locator,
    label: Option<u32>,
}

/// The tags that are in one breach, in order. Each page that is looked at is verified first.
///
/// # Errors
/// [`Failure`] where a segment is damaged; nothing can be said then, since a damaged page could hide a match.
pub(crate) fn match_breach(open: &OpenBreach, tags: &[Tag]) -> Result<Vec<Found>, Failure> {
    let mut found = Vec::new();
    for segment in &open.segments {
        let mut here = find(segment, tags)?;
        apply(&mut found, &mut here, segment.kind);
    }
    Ok(found)
}

/// The same less what its first `known` segments said already, of tags that are not new: who is exposed in it since, or in more of
/// its classes.
///
/// # Errors
/// As [`match_breach`].
pub(crate) fn match_news(
    open: &OpenBreach,
    known: usize,
    tags: &[Tag],
    is_new: impl Fn(u32) -> bool,
) -> Result<Vec<Found>, Failure> {
    let count = u32::try_from(tags.len()).unwrap_or(u32::MAX);
    if known >= open.segments.len() && !(0..count).any(&is_new) {
        return Ok(Vec::new()); // most breaches of most nights
    }
    let (mut found, mut before) = (Vec::new(), Vec::new());
    for (at, segment) in open.segments.iter().enumerate() {
        if at == known {
            before.clone_from(&found);
        }
        let mut here = find(segment, tags)?;
        apply(&mut found, &mut here, segment.kind);
    }
    if known >= open.segments.len() {
        before.clone_from(&found);
    }
    retain_news(&mut found, &before, is_new);
    Ok(found)
}

/// Drops what was known: the tag with all of its label.
fn retain_news(found: &mut Vec<Found>, before: &[Found], is_new: impl Fn(u32) -> bool) {
    found.retain(|(ordinal, label)| {
        let known = before.binary_search_by_key(ordinal, |(known, _)| *known);
        is_new(*ordinal) || known.map_or(true, |at| label & !before[at].1 != 0)
    });
}

/// Segments apply in the order of the manifest: what came later is added, what was taken back no longer counts.
pub(crate) fn apply(found: &mut Vec<Found>, here: &mut Vec<Found>, kind: SegmentKind) {
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
            here.sort_unstable();
            let is_removed = |ordinal: u32| here.binary_search_by_key(&ordinal, |(here, _)| *here).is_ok();
            found.retain(|(ordinal, _)| !is_removed(*ordinal));
        }
    }
}

/// The tags that stand in one segment: located, sorted by page, each page read once and probed.
pub(crate) fn find(segment: &OpenSegment, tags: &[Tag]) -> Result<Vec<Found>, Failure> {
    let locate = |(ordinal, tag): (usize, &Tag)| {
        let (locator, page) = segment.index.locate(&tag.0)?;
        Some(Probe { page, ordinal: u32::try_from(ordinal).ok()?, locator, label: None })
    };
    let mut probes: Vec<Probe> = tags.par_iter().enumerate().filter_map(locate).collect();
    probes.par_sort_unstable_by_key(|probe| probe.page);
    let page_bytes = segment.index.header().params().page_bytes as usize;
    probes
        .par_chunk_by_mut(|a, b| a.page == b.page)
        .try_for_each_init(|| vec![0; page_bytes], |page, probes| probe_page(segment, probes, page))?;
    Ok(probes.iter().filter_map(|probe| Some((probe.ordinal, probe.label?))).collect())
}

/// Looks for tags of one page; `bytes` has room for it.
fn probe_page(segment: &OpenSegment, probes: &mut [Probe], bytes: &mut [u8]) -> Result<(), Failure> {
    let Some(Probe { page, .. }) = probes.first() else { return Ok(()) };
    segment.read_page(*page, bytes)?;
    let page = segment.index.verify_page(*page, bytes).map_err(|error| segment.damaged(&error))?;
    for probe in probes {
        let masked = page.find(probe.locator.bucket(), probe.locator.remainder());
        probe.label = masked.map(|masked| probe.locator.unmask(masked));
    }
    Ok(())
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

    #[test]
    fn news_are_who_was_not_there_and_what_they_have_more() {
        let before = [(1, 0b01), (2, 0b10), (5, 0), (7, 0b11)];
        let mut found = vec![(1, 0b01), (2, 0b11), (4, 0), (5, 0), (7, 0b01)];
        retain_news(&mut found, &before, |ordinal| ordinal == 5);
        assert_eq!(found, [(2, 0b11), (4, 0), (5, 0)]);
    }
}

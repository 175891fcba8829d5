//! What private lookups need of a segment: pages of a size that they carry, and the hint.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;

use samar_local::durable::{Mode, Unfinished};
use samar_local::exit::{Failure, io_failure};
use samar_local::progress::{Progress, Unit};
use samar_protocol::limits::{PAGE_BYTES_ALLOWED, PAGE_BYTES_DEFAULT};
use samar_protocol::lookup::{
    HintBuilder, HintHash, Kernel, MatrixSeed, Shape, columns_max, hint_bytes, hint_head, hint_rows_in,
};
use samar_protocol::manifest::Breach;
use samar_protocol::segment::{Finished, SegmentKind};

use super::build::file_bytes;
use crate::config::Lookup;
use crate::layout::Layout;

/// Bytes of pages that the hint takes in at a time.
const STRETCH_BYTES: usize = 2 << 20;
/// A segment of fewer bytes is downloaded whole by whoever checks a single identifier.
const LARGE_BYTES: u64 = 64_000_000;
/// A segment of fewer bytes has the smallest pages, if it has private lookups at all: a hint of 5.5 MB beside it is enough.
const SMALL_BYTES: u64 = 16_000_000;

/// How a segment is laid out, for what it will be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PageLayout {
    pub(crate) page_bytes: u32,
    /// Whether it is published with private lookups.
    pub(crate) hint: bool,
}

impl PageLayout {
    /// Whether a segment of so many entries is published with private lookups.
    pub(super) fn has_hint(kind: SegmentKind, entries: u64, label_bits: usize, lookup: Lookup) -> bool {
        kind == SegmentKind::Base
            && match lookup {
                Lookup::None => false,
                Lookup::Large => file_bytes(entries, label_bits) >= LARGE_BYTES,
                Lookup::All => entries > 0,
            }
    }

    /// The layout of a segment of so many entries: pages of the default size, or of the next that private lookups carry.
    /// Additions and removals have none: whoever checks downloads them whole.
    ///
    /// # Errors
    /// More entries than private lookups carry with any.
    pub(crate) fn choose(
        id: &str,
        kind: SegmentKind,
        entries: u64,
        label_bits: usize,
        lookup: Lookup,
    ) -> Result<Self, Failure> {
        let hint = Self::has_hint(kind, entries, label_bits, lookup);
        if !hint {
            return Ok(Self { page_bytes: PAGE_BYTES_DEFAULT, hint });
        }
        let bytes = file_bytes(entries, label_bits);
        let least = if bytes < SMALL_BYTES { PAGE_BYTES_ALLOWED[0] } else { PAGE_BYTES_DEFAULT };
        // A page holds a little less than its bytes: count, rounding, and the bucket that no longer fits.
        let pages = |page_bytes: u32| bytes / u64::from(page_bytes - 24) + 2;
        let fits =
            |page_bytes: &u32| *page_bytes >= least && pages(*page_bytes) <= columns_max(*page_bytes).into();
        match PAGE_BYTES_ALLOWED.into_iter().find(fits) {
            Some(page_bytes) => Ok(Self { page_bytes, hint }),
            None => {
                Err(Failure::input(format!("{id} has {entries} entries, more than private lookups carry"))
                    .remedy(
                        "set `lookup = \"none\"` in samar-server.toml: banks then download the segment whole",
                    ))
            }
        }
    }

    /// Bytes of the hint beside the segment.
    pub(crate) fn hint_bytes(self) -> u64 {
        if self.hint { hint_bytes(self.page_bytes) as u64 } else { 0 }
    }
}

/// The hint of a segment whose pages and directory are written, and the segment with the hint in its header. The pages are read
/// back in stretches, and as often as it takes to keep to so much memory: once with 64 MiB for pages of 8 KiB.
///
/// # Errors
/// The file system; more pages than a lookup carries.
pub(super) fn compute(
    layout: &Layout,
    file: &File,
    finished: Finished,
    memory_bytes: usize,
) -> Result<(Finished, Unfinished), Failure> {
    let header = finished.header();
    let (params, pages) = (header.params(), header.pages());
    let shape = Shape::new(params.page_bytes, pages).map_err(Failure::local)?;
    let seed = MatrixSeed::of(&params.salt, &finished.directory);
    // The name is the root, known only with the hint's hash.
    let failure = |error: std::io::Error| io_failure("write the hint to", &layout.segments(), &error);
    let hint = Unfinished::create(&layout.segments().join("draft.hint"), Mode::Public).map_err(failure)?;
    let mut hash = HintHash::default();
    let mut write = |part: &[u8]| {
        hash.update(part);
        hint.file().write_all(part).map_err(failure)
    };
    write(&hint_head(params.page_bytes))?;
    let rows = hint_rows_in(memory_bytes, params.page_bytes);
    let passes = shape.rows().div_ceil(rows) as u64;
    let bytes = u64::from(pages) * u64::from(params.page_bytes);
    let progress = Progress::new("lookups", Unit::Bytes, Some(bytes * passes));
    let at_a_time = STRETCH_BYTES / shape.rows();
    let mut stretch = vec![0; at_a_time * shape.rows()];
    for from in (0..shape.rows()).step_by(rows) {
        let of_rows = from..shape.rows().min(from + rows);
        let mut builder = HintBuilder::of_rows(Kernel::best(), shape, seed, of_rows);
        for first in (0..pages).step_by(at_a_time) {
            let count = at_a_time.min((pages - first) as usize);
            let stretch = &mut stretch[..count * shape.rows()];
            file.read_exact_at(stretch, header.page_offset(first))
                .map_err(|error| Failure::local(format!("cannot read back the segment: {error}")))?;
            builder.push(stretch);
            progress.add(stretch.len() as u64);
        }
        write(&builder.numbers())?;
    }
    progress.finish();
    let finished = finished.with_lookup(&hash.finish()).map_err(Failure::local)?;
    Ok((finished, hint))
}

/// Puts a hint in its place, before its segment gets a name.
///
/// # Errors
/// The file system.
pub(super) fn store(layout: &Layout, root: &[u8; 32], hint: Unfinished) -> Result<(), Failure> {
    let path = layout.hint(root);
    hint.finish_at(&path).map_err(|error| io_failure("write the hint to", &path, &error))
}

/// A hint that is larger than its segment: of use to nobody but who looks up in it all the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LargeHint {
    /// Id of the breach.
    pub breach: String,
    /// Bytes of the segment.
    pub file_bytes: u64,
    /// Bytes of the hint beside it.
    pub hint_bytes: u64,
}

impl LargeHint {
    /// Those of a manifest's segments.
    pub(super) fn find(layout: &Layout, breaches: &[Breach]) -> Vec<Self> {
        let segments = breaches.iter().flat_map(|breach| breach.segments.iter().map(move |of| (breach, of)));
        let large = segments.filter_map(|(breach, segment)| {
            let hint_bytes = std::fs::metadata(layout.hint(&segment.root)).ok()?.len();
            let file_bytes = segment.file_bytes;
            let found = Self { breach: breach.id.clone(), file_bytes, hint_bytes };
            (hint_bytes > file_bytes).then_some(found)
        });
        large.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page_bytes(entries: u64, label_bits: usize) -> Option<u32> {
        let chosen = PageLayout::choose("a", SegmentKind::Base, entries, label_bits, Lookup::Large).ok()?;
        chosen.hint.then_some(chosen.page_bytes)
    }

    // R-LOOK-9: 2
    #[test]
    fn pages_grow_with_the_set_and_what_lookups_do_not_carry_is_refused() {
        assert_eq!(page_bytes(9_000_000, 0), None, "downloaded whole");
        assert_eq!(page_bytes(91_000_000, 1), Some(8_192));
        assert_eq!(page_bytes(279_000_000, 0), Some(8_192));
        assert_eq!(page_bytes(400_000_000, 0), Some(16_384));
        let refused = PageLayout::choose("a", SegmentKind::Base, 900_000_000, 0, Lookup::Large).unwrap_err();
        assert!(refused.to_string().contains("more than private lookups carry"), "{refused}");
        assert!(PageLayout::choose("a", SegmentKind::Base, 900_000_000, 0, Lookup::None).is_ok());
    }

    #[test]
    fn the_operator_may_have_lookups_in_every_base_or_in_none() {
        let choose = |kind, lookup| PageLayout::choose("a", kind, 1_000, 1, lookup).unwrap();
        let small = PageLayout { page_bytes: 2_048, hint: true };
        assert_eq!(choose(SegmentKind::Base, Lookup::All), small);
        assert!(
            !choose(SegmentKind::Base, Lookup::Large).hint && !choose(SegmentKind::Add, Lookup::All).hint
        );
        assert!(!PageLayout::choose("a", SegmentKind::Base, 0, 0, Lookup::All).unwrap().hint, "no pages");
    }
}

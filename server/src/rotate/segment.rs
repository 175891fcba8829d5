//! The segment of a breach under the key to come, before anything names it.

use samar_local::exit::Failure;
use samar_protocol::manifest::{SegmentKind, SegmentRef};
use samar_protocol::vault::VaultHeader;

use crate::config::Lookup;
use crate::layout::Layout;
use crate::publish::{Made, make};
use crate::vault::file::Reader;
use crate::vault::parts::{self, Part};

/// The header of what the breach holds under the key to come, and its segment: the one that an earlier run built, or a
/// new one in so much memory.
pub(super) fn segment(
    layout: &Layout,
    id: &str,
    how: (usize, Lookup),
) -> Result<(VaultHeader, SegmentRef), Failure> {
    let (path, made_path) = (layout.next_vault(id), layout.next_made(id));
    let gone = || Failure::local(format!("{} went away", path.display()));
    let vault = Reader::open(&path)?.ok_or_else(gone)?;
    let (header, hash) = (vault.header().clone(), vault.content_hash());
    // The number under which it will count.
    let part = Part { number: parts::next_number(layout, id)?, kind: SegmentKind::Base };
    if let Some(segment) = Made::read(&made_path).of(layout, part, &vault, how.1) {
        return Ok((header, segment));
    }
    let segment = make(layout, id, (&path, part.kind), vault, how)?;
    let mut made = Made::default();
    made.add(part, &hash, &segment);
    made.write(&made_path)?;
    Ok((header, segment))
}

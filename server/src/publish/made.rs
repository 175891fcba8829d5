//! `published.toml`: which segment was made of which part of a vault, so that a part keeps its segment. It stands beside the
//! parts; where it is lost, segments are made anew.

use std::path::Path;

use samar_local::durable::{self, Mode};
use samar_local::exit::{Failure, io_failure};
use samar_protocol::invitation::{from_hex, to_hex};
use samar_protocol::lookup::hint_bytes;
use samar_protocol::manifest::SegmentRef;
use serde::{Deserialize, Serialize};

use super::lookups::PageLayout;
use crate::config::Lookup;
use crate::layout::Layout;
use crate::vault::file::{Reader, VAULT_REMEDY};
use crate::vault::parts::Part;

/// The file.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Made {
    /// In the order of the parts.
    #[serde(default, rename = "segment")]
    segments: Vec<MadeSegment>,
}

/// A segment, and the part that it was made of.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MadeSegment {
    part: u32,
    vault: String,
    root: String,
    entries: u64,
    page_bytes: u32,
    file_bytes: u64,
}

impl Made {
    /// Reads the file. One that cannot be read is one that is not there: the segments are then made anew.
    pub(crate) fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        toml::from_str(&text).unwrap_or_default()
    }

    pub(crate) fn write(&self, path: &Path) -> Result<(), Failure> {
        let text = toml::to_string(self).map_err(Failure::local)?;
        durable::write(path, text.as_bytes(), Mode::Private)
            .map_err(|error| io_failure("write", path, &error))
    }

    /// Refuses a vault of which a part went missing that was published: the set would be another without a word.
    pub(super) fn check(&self, layout: &Layout, id: &str, parts: &[(Part, Reader)]) -> Result<(), Failure> {
        let Some((base, _)) = parts.first() else { return Ok(()) };
        let has_base = self.segments.iter().any(|made| made.part == base.number);
        let last = parts.last().map_or(0, |(part, _)| part.number);
        match self.segments.iter().find(|made| has_base && made.part > last) {
            None => Ok(()),
            Some(missing) => {
                let folder = layout.breach(id);
                let what = format!(
                    "{} is damaged: it has no part {}, which was published",
                    folder.display(),
                    missing.part
                );
                Err(Failure::local(what).remedy(VAULT_REMEDY))
            }
        }
    }

    /// The segment made of exactly this part, if it is still there, and its hint where one is wanted. One that has a hint and
    /// needs none is kept: banks have it.
    pub(crate) fn of(
        &self,
        layout: &Layout,
        part: Part,
        vault: &Reader,
        lookup: Lookup,
    ) -> Option<SegmentRef> {
        let hash = to_hex(&vault.content_hash());
        let made = self.segments.iter().find(|made| made.part == part.number && made.vault == hash)?;
        let root = from_hex(&made.root)?;
        let bytes = std::fs::metadata(layout.segment(&root)).map(|metadata| metadata.len()).ok()?;
        let with_hint = PageLayout::has_hint(part.kind, vault.count(), vault.header().varies.len(), lookup);
        let hint = std::fs::metadata(layout.hint(&root)).map(|metadata| metadata.len());
        let has_hint = hint.is_ok_and(|bytes| bytes == hint_bytes(made.page_bytes) as u64);
        (bytes == made.file_bytes && (has_hint || !with_hint)).then_some(SegmentRef {
            root,
            kind: part.kind,
            entries: made.entries,
            page_bytes: made.page_bytes,
            file_bytes: made.file_bytes,
        })
    }

    /// Takes note of a segment.
    pub(crate) fn add(&mut self, part: Part, vault: &[u8; 32], segment: &SegmentRef) {
        self.segments.push(MadeSegment {
            part: part.number,
            vault: to_hex(vault),
            root: to_hex(&segment.root),
            entries: segment.entries,
            page_bytes: segment.page_bytes,
            file_bytes: segment.file_bytes,
        });
    }
}

//! `samar-server publish`, when one breach has grown and another has not.

use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use samar_protocol::manifest::{ManifestHash, SegmentRef, SignedManifest};
use samar_protocol::segment::{SegmentIndex, SegmentRoot};
use samar_server::layout::Layout;
use samar_server::vault::file::{Reader, Record};
use samar_server::vault::parts;
use samar_server::{keys, published};
use tempfile::TempDir;

use super::Case;
use super::stage::{self, synth_dump};
use crate::ordeal::cannot;
use crate::ordeal::folders::restore;
use crate::ordeal::programs::{Programs, done};

pub(super) struct Publish {
    programs: Programs,
    room: TempDir,
}

impl Publish {
    pub(super) fn new(programs: &Programs, count: u32) -> Result<Self, String> {
        let room = tempfile::tempdir().map_err(cannot("make a folder"))?;
        let (fresh, dump) = (room.path().join("fresh"), room.path().join("dump.csv"));
        let persons = stage::scale(count) * 20_000;
        done(&mut programs.server(&fresh, &["init", "--listen", "127.0.0.1:0"]), &[0])?;
        for (breach, persons, publish) in [
            ("bpjs-2021", 0..100, false),
            ("dukcapil-2021", 0..5_000, true),
            ("bpjs-2021", 0..persons, false),
        ] {
            synth_dump(programs, persons, &dump)?;
            done(&mut stage::ingest(programs, &fresh, breach, &dump), &[0])?;
            if publish {
                done(&mut programs.server(&fresh, &["publish"]), &[0])?;
            }
        }
        Ok(Self { programs: programs.clone(), room })
    }

    fn work(&self) -> PathBuf {
        self.room.path().join("work")
    }
}

impl Case for Publish {
    fn name(&self) -> &'static str {
        "publish"
    }

    fn code(&self) -> i32 {
        0
    }

    fn set_back(&mut self) -> Result<(), String> {
        restore(&self.room.path().join("fresh"), &self.work())
    }

    fn command(&self) -> Command {
        self.programs.server(&self.work(), &["publish", "--memory", "16MiB"])
    }

    fn folder(&self) -> &Path {
        self.room.path()
    }

    fn holds(&self) -> Result<(), String> {
        publication_holds(&Layout::new(self.work())).map(|_| ())
    }
}

/// That every manifest is signed and follows the one before, and that the newest names segments that hold exactly what
/// the vault does. Its epoch.
pub(crate) fn publication_holds(layout: &Layout) -> Result<u64, String> {
    let failed = |failure: samar_local::exit::Failure| failure.to_string();
    let publisher = keys::publisher_public(layout).map_err(failed)?;
    let newest = published::newest_epoch(layout).map_err(failed)?;
    let mut previous = ManifestHash::NONE;
    let mut last = None;
    for epoch in 1..=newest {
        let bytes =
            std::fs::read(layout.manifest(epoch)).map_err(cannot(format_args!("read epoch {epoch}")))?;
        let signed =
            SignedManifest::verify(&bytes, &publisher).map_err(cannot(format_args!("verify {epoch}")))?;
        if signed.manifest().epoch != epoch || signed.manifest().previous != previous.0 {
            return Err(format!("epoch {epoch} does not follow the one before"));
        }
        previous = signed.hash();
        last = Some(signed);
    }
    let last = last.ok_or("nothing is published")?;
    for breach in &last.manifest().breaches {
        let named = |what: String| format!("{}: {what}", breach.id);
        let parts = parts::list(layout, &breach.id).map_err(failed)?;
        if parts.len() != breach.segments.len() {
            return Err(named(format!("{} segments of {} parts", breach.segments.len(), parts.len())));
        }
        for (part, reference) in parts.iter().zip(&breach.segments) {
            if part.kind != reference.kind {
                return Err(named("a segment is of another kind than its part".to_owned()));
            }
            let path = layout.part(&breach.id, part.number, part.kind);
            segment_holds(layout, &path, reference).map_err(named)?;
        }
    }
    Ok(newest)
}

/// Every record of the part is found in the segment, with its label, and nothing else stands in it.
fn segment_holds(layout: &Layout, part: &Path, reference: &SegmentRef) -> Result<(), String> {
    let file = std::fs::File::open(layout.segment(&reference.root)).map_err(cannot("open its segment"))?;
    let mut bytes = vec![0; usize::try_from(reference.file_bytes).map_err(|error| error.to_string())?];
    file.read_exact_at(&mut bytes, 0).map_err(cannot("read its segment"))?;
    let page_bytes = reference.page_bytes as usize;
    let pages = (bytes.len() - page_bytes) / (page_bytes + 36);
    let (block, directory) = (&bytes[..page_bytes], &bytes[page_bytes * (pages + 1)..]);
    let index =
        SegmentIndex::parse(block, directory, &SegmentRoot(reference.root)).map_err(cannot("use it"))?;
    let page = |page: u32| {
        let from = page_bytes * (page as usize + 1);
        index.verify_page(page, &bytes[from..from + page_bytes]).map_err(cannot("verify a page"))
    };
    let pages = (0..index.header().pages()).map(page).collect::<Result<Vec<_>, _>>()?;
    let entries: u64 = pages.iter().map(|page| page.len() as u64).sum();
    let failed = |failure: samar_local::exit::Failure| failure.to_string();
    let mut vault = Reader::open(part).map_err(failed)?.ok_or("it has no vault")?;
    if entries != vault.count() || entries != reference.entries {
        return Err(format!("{entries} entries are published of {}", vault.count()));
    }
    while let Some(Record { element, label }) = vault.read_record().map_err(failed)? {
        let (locator, number) = index.locate(&element.tag().0).ok_or("an entry belongs to no page")?;
        let found = pages[number as usize].find(locator.bucket(), locator.remainder());
        if found.map(|masked| locator.unmask(masked)) != Some(label) {
            return Err("an entry of the vault is not found, or with another label".to_owned());
        }
    }
    Ok(())
}

//! What is published, as the serving side reads it.

use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;

use memmap2::Mmap;
use samar_local::durable::sync_folder;
use samar_local::exit::{Failure, io_failure};
use samar_protocol::lookup::{HintNote, Shape, hint_bytes};
use samar_protocol::manifest::{Floor, ManifestHash, SegmentRef, SignedManifest};
use samar_protocol::segment::Header;

use crate::layout::Layout;

/// One epoch, opened for serving, and the segments of the one before, which a bank may be in the middle of downloading.
/// Immutable: a newer epoch is another value.
#[derive(Debug)]
pub struct Published {
    newest: SignedManifest,
    segments: HashMap<[u8; 32], Segment>,
}

/// A segment file, open, so that it can be served even after it was removed.
#[derive(Debug)]
pub struct Segment {
    /// The file.
    pub file: File,
    /// Its length.
    pub bytes: u64,
    /// What private lookups in it need, where they are offered.
    pub lookup: Option<SegmentLookup>,
}

/// A segment that private lookups read.
#[derive(Debug)]
pub struct SegmentLookup {
    /// Its pages.
    pub shape: Shape,
    /// The hint's file.
    pub hint: File,
    /// The hint's length.
    pub hint_bytes: u64,
    map: Mmap,
}

impl SegmentLookup {
    /// Every page, as it stands in the file.
    #[must_use]
    pub fn pages(&self) -> &[u8] {
        let (rows, pages) = (self.shape.rows(), self.shape.columns());
        &self.map[rows..rows * (pages + 1)]
    }

    /// Opens what the header names; `None` where it names nothing.
    fn open(layout: &Layout, reference: &SegmentRef, file: &File) -> Result<Option<Self>, Failure> {
        let path = layout.segment(&reference.root);
        let failure = |error: std::io::Error| io_failure("read the segment", &path, &error);
        let damaged = |path: &Path, reason: String| {
            let what = format!("{} is damaged: {reason}", path.display());
            Failure::local(what).remedy("restore it, or publish again")
        };
        let mut block = vec![0; reference.page_bytes as usize];
        file.read_exact_at(&mut block, 0).map_err(failure)?;
        let header = Header::parse(&block).map_err(|error| damaged(&path, error.to_string()))?;
        let Some(note) = header.lookup() else { return Ok(None) };
        let shape = Shape::new(reference.page_bytes, header.pages());
        let shape = shape.map_err(|error| damaged(&path, error.to_string()))?;
        if header.file_bytes() != reference.file_bytes {
            return Err(damaged(&path, "its header does not belong to its length".to_owned()));
        }
        let map = map(file).map_err(|error| io_failure("map the segment", &path, &error))?;
        let path = layout.hint(&reference.root);
        let hint = open_named(&path)?;
        let bytes = hint.metadata().map_err(|error| io_failure("open the hint", &path, &error))?.len();
        let hint_bytes = hint_bytes(reference.page_bytes);
        if bytes != hint_bytes as u64 {
            return Err(damaged(&path, format!("{bytes} bytes, not {hint_bytes}")));
        }
        // No bank would take it, and each would say that the server lies.
        let mut content = vec![0; hint_bytes];
        hint.read_exact_at(&mut content, 0).map_err(|error| io_failure("read the hint", &path, &error))?;
        if HintNote::of(&content) != note {
            return Err(damaged(&path, "it is not the hint that the segment names".to_owned()));
        }
        Ok(Some(Self { shape, hint, hint_bytes: bytes, map }))
    }
}

/// A lookup reads every page: through a read it would copy all of it each time, at a third of the speed.
#[allow(unsafe_code, reason = "mapping a file")]
fn map(file: &File) -> std::io::Result<Mmap> {
    // SAFETY: the bytes must not change while they are mapped, nor the file become shorter. A segment is written before
    // it gets its name and never after; `publish` removes its name at most, which leaves an open file as it is. Only the operator's
    // own account can write there, and it could as well write to this process. Bytes that changed all the same would be wrong bytes
    // in an answer, which a bank refuses by the page's hash: nothing here depends on what they are.
    unsafe { Mmap::map(file) }
}

impl Published {
    /// Opens the newest epoch; `None` where nothing was published yet.
    ///
    /// # Errors
    /// A missing or damaged file.
    pub fn open(layout: &Layout) -> Result<Option<Arc<Self>>, Failure> {
        let epoch = newest_epoch(layout)?;
        if epoch == 0 {
            return Ok(None);
        }
        // Whoever published it may not have come so far, and what a bank has seen must not be undone by a power cut.
        let folder = layout.manifests();
        sync_folder(&folder).map_err(|error| io_failure("sync", &folder, &error))?;
        let newest = read_manifest(layout, epoch)?;
        let mut segments = HashMap::new();
        for reference in references(&newest) {
            segments.insert(reference.root, Segment::open(layout, reference)?);
        }
        if let Some(before) = (epoch > 1).then(|| read_manifest(layout, epoch - 1)).and_then(Result::ok) {
            for reference in references(&before) {
                // `publish` keeps them for one epoch; one that is gone is not missed by whoever begins now.
                if let Ok(segment) = Segment::open(layout, reference) {
                    segments.entry(reference.root).or_insert(segment);
                }
            }
        }
        Ok(Some(Arc::new(Self { newest, segments })))
    }

    /// The newest manifest.
    #[must_use]
    pub fn newest(&self) -> &SignedManifest {
        &self.newest
    }

    /// The segment with this root.
    #[must_use]
    pub fn segment(&self, root: &[u8; 32]) -> Option<&Segment> {
        self.segments.get(root)
    }
}

impl Segment {
    fn open(layout: &Layout, reference: &SegmentRef) -> Result<Self, Failure> {
        let path = layout.segment(&reference.root);
        let failure = |error: std::io::Error| io_failure("open the segment", &path, &error);
        let file = open_named(&path)?;
        let bytes = file.metadata().map_err(failure)?.len();
        if bytes != reference.file_bytes {
            let what = format!("{} is damaged: {bytes} bytes, not {}", path.display(), reference.file_bytes);
            return Err(Failure::local(what).remedy("restore it, or publish again"));
        }
        let lookup = SegmentLookup::open(layout, reference, &file)?;
        Ok(Self { file, bytes, lookup })
    }
}

/// Opens a file that a manifest names.
fn open_named(path: &Path) -> Result<File, Failure> {
    File::open(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            Failure::local(format!("{} is missing, and the manifest names it", path.display()))
                .remedy("restore it from a backup, or publish again")
        }
        _ => io_failure("open", path, &error),
    })
}

fn references(signed: &SignedManifest) -> impl Iterator<Item = &SegmentRef> {
    signed.manifest().breaches.iter().flat_map(|breach| &breach.segments)
}

/// The newest epoch on disk, 0 where there is none.
///
/// # Errors
/// The folder cannot be read.
pub fn newest_epoch(layout: &Layout) -> Result<u64, Failure> {
    let folder = layout.manifests();
    let failure = |error: std::io::Error| io_failure("read", &folder, &error);
    let mut newest = 0;
    for entry in std::fs::read_dir(&folder).map_err(failure)? {
        let name = entry.map_err(failure)?.file_name();
        let epoch =
            name.to_str().and_then(|name| name.strip_suffix(".manifest")).and_then(|e| e.parse().ok());
        newest = newest.max(epoch.unwrap_or(0));
    }
    Ok(newest)
}

/// The manifest of an epoch, from the operator's own disk.
///
/// # Errors
/// A missing or damaged file.
pub fn read_manifest(layout: &Layout, epoch: u64) -> Result<SignedManifest, Failure> {
    let path = layout.manifest(epoch);
    let bytes = std::fs::read(&path).map_err(|error| io_failure("read the manifest", &path, &error))?;
    let damaged = |reason: String| Failure::local(format!("{} is damaged: {reason}", path.display()));
    let manifest = SignedManifest::inspect(&bytes).map_err(|error| damaged(error.to_string()))?;
    if manifest.manifest().epoch != epoch {
        return Err(damaged("it is of another epoch".to_owned()));
    }
    Ok(manifest)
}

/// The newest manifest as a floor for new banks.
///
/// # Errors
/// As [`read_manifest`].
pub fn floor(layout: &Layout) -> Result<Floor, Failure> {
    match newest_epoch(layout)? {
        0 => Ok(Floor { epoch: 0, hash: ManifestHash::NONE }),
        epoch => Ok(Floor { epoch, hash: read_manifest(layout, epoch)?.hash() }),
    }
}

//! Fetches one segment: header, directory, then its pages in stretches, several at once. A page is written only after
//! its hash was verified, so a `.part` file never holds a page that is wrong, and a later run keeps what is there.

use std::fs::{File, OpenOptions};
use std::ops::Range;
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::PathBuf;
use std::sync::Arc;

use rayon::iter::Either;
use rayon::prelude::*;
use samar_local::durable::sync_folder;
use samar_local::exit::{Failure, io_failure};
use samar_local::progress::Progress;
use samar_protocol::limits::FETCH_BYTES_MAX;
use samar_protocol::manifest::{Breach, SegmentRef};
use samar_protocol::oprf::KeyId;
use samar_protocol::segment::SegmentIndex;
use samar_protocol::wire::RefusalCode;
use tokio::task::JoinSet;

use crate::config::Home;
use crate::link::{Link, LinkError};
use crate::synced::{directory_place, read_header, read_index, verify_index};

/// Pages one exchange asks for.
const STRETCH_PAGES: u32 = 128;
/// Exchanges under way at once. Worst-case memory = 8 × 2 MiB.
const IN_FLIGHT: usize = 8;

/// A segment as the manifest describes it.
#[derive(Clone, Copy)]
pub(crate) struct Wanted<'a> {
    pub(crate) reference: &'a SegmentRef,
    pub(crate) breach: &'a Breach,
    pub(crate) key_id: KeyId,
}

/// Whether the segment is here, whole, with the header and directory that its root vouches for. Its pages were verified
/// when they came and are again when they are used.
pub(super) fn is_here(home: &Home, wanted: &Wanted<'_>) -> bool {
    let reference = wanted.reference;
    File::open(home.segment(&reference.root)).is_ok_and(|file| {
        file.metadata().is_ok_and(|found| found.len() == reference.file_bytes)
            && read_index(&file, reference, wanted.breach, wanted.key_id).is_ok()
    })
}

/// What a fetch of the segment will take on disk, beyond what an earlier run left.
pub(super) fn bytes_to_come(home: &Home, reference: &SegmentRef) -> u64 {
    let there = std::fs::metadata(part(home, reference)).map_or(0, |found| found.blocks() * 512);
    reference.file_bytes.saturating_sub(there)
}

/// Why a segment could not be fetched.
pub(crate) enum FetchError {
    /// The server has it no more: another epoch was published.
    Gone(LinkError),
    Failed(Failure),
}

impl From<LinkError> for FetchError {
    fn from(error: LinkError) -> Self {
        match error.refusal_code() {
            Some(RefusalCode::RangeUnknown) => Self::Gone(error),
            _ => Self::Failed(error.into()),
        }
    }
}

impl From<FetchError> for Failure {
    fn from(error: FetchError) -> Self {
        match error {
            FetchError::Gone(error) => error.into(),
            FetchError::Failed(failure) => failure,
        }
    }
}

impl From<Failure> for FetchError {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// Fetches the segment, or what is missing of it; bytes that came.
pub(super) async fn fetch(
    link: &Arc<Link>,
    home: &Home,
    wanted: &Wanted<'_>,
    progress: &Progress,
) -> Result<u64, FetchError> {
    let reference = wanted.reference;
    let path = part(home, reference);
    let failed = |error: &std::io::Error| io_failure("write", &path, error);
    let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
    let file = Arc::new(open.map_err(|error| failed(&error))?);
    file.set_len(reference.file_bytes).map_err(|error| failed(&error))?;

    let mut fetched = 0;
    let index = match read_index(&file, reference, wanted.breach, wanted.key_id) {
        Ok(index) => index,
        Err(_) => {
            let (index, bytes) = fetch_index(link, &file, wanted, &path).await?;
            fetched += bytes;
            progress.add(bytes);
            index
        }
    };
    let index = Arc::new(index);
    let (missing, mut entries) = missing_stretches(Arc::clone(&index), Arc::clone(&file)).await;
    let mut missing = missing.into_iter();
    let mut under_way = JoinSet::new();
    loop {
        while under_way.len() < IN_FLIGHT
            && let Some(stretch) = missing.next()
        {
            let (link, index, file) = (Arc::clone(link), Arc::clone(&index), Arc::clone(&file));
            let (root, path) = (reference.root, path.clone());
            under_way.spawn(async move { fetch_stretch(&link, index, file, root, stretch, path).await });
        }
        let Some(done) = under_way.join_next().await else { break };
        // Unwrap safety: a task that panicked has ended the program, and none is cancelled while the set is kept.
        let came = done.expect("a fetch neither panics nor is cancelled")?;
        fetched += came.bytes;
        entries += came.entries;
        progress.add(came.bytes);
    }
    if entries != reference.entries {
        let _ = std::fs::remove_file(&path); // what is authentic and wrong cannot be mended by fetching the rest
        let reason = format!("its pages hold {entries} entries, not {}", reference.entries);
        return Err(lie(link, &reference.root, &reason).into());
    }
    let place = home.segment(&reference.root);
    let finish = || {
        file.sync_all()?;
        std::fs::rename(&path, &place)?;
        sync_folder(&home.segments())
    };
    finish().map_err(|error| failed(&error))?;
    Ok(fetched)
}

/// Header and directory, verified against the root before a byte of them is written.
async fn fetch_index(
    link: &Link,
    file: &File,
    wanted: &Wanted<'_>,
    path: &std::path::Path,
) -> Result<(SegmentIndex, u64), FetchError> {
    let reference = wanted.reference;
    let lie = |reason: String| lie(link, &reference.root, &reason);
    let block = link.fetch(reference.root, 0, reference.page_bytes).await?;
    let header = read_header(&block, reference, wanted.breach, wanted.key_id).map_err(lie)?;
    let (at, length) = directory_place(&header, reference).map_err(lie)?;
    let mut directory = Vec::new();
    while directory.len() < length {
        let left = u32::try_from(length - directory.len()).unwrap_or(u32::MAX).min(FETCH_BYTES_MAX);
        directory.extend(link.fetch(reference.root, at + directory.len() as u64, left).await?);
    }
    let index = verify_index(&block, &directory, reference).map_err(lie)?;
    let write = || {
        file.write_all_at(&directory, at)?;
        file.write_all_at(&block, 0)
    };
    write().map_err(|error| io_failure("write", path, &error))?;
    Ok((index, (block.len() + directory.len()) as u64))
}

/// What a stretch brought.
struct Came {
    bytes: u64,
    entries: u64,
}

/// Fetches one stretch of pages, verifies each, writes them.
async fn fetch_stretch(
    link: &Link,
    index: Arc<SegmentIndex>,
    file: Arc<File>,
    root: [u8; 32],
    stretch: Range<u32>,
    path: PathBuf,
) -> Result<Came, FetchError> {
    let page_bytes = index.header().params().page_bytes;
    let offset = index.header().page_offset(stretch.start);
    let pages = link.fetch(root, offset, (stretch.end - stretch.start) * page_bytes).await?;
    let bytes = pages.len() as u64;
    let verify_and_write = move || {
        let mut entries = 0;
        for (page, bytes) in stretch.zip(pages.chunks_exact(page_bytes as usize)) {
            match index.verify_page(page, bytes) {
                Ok(page) => entries += page.len() as u64,
                Err(error) => return Ok(Err(error)),
            }
        }
        file.write_all_at(&pages, offset).map(|()| Ok(entries))
    };
    // Unwrap safety: as for the stretches themselves.
    let written = tokio::task::spawn_blocking(verify_and_write).await.expect("writing does not panic");
    match written {
        Ok(Ok(entries)) => Ok(Came { bytes, entries }),
        Ok(Err(error)) => Err(lie(link, &root, &error.to_string()).into()),
        Err(error) => Err(io_failure("write", &path, &error).into()),
    }
}

/// The stretches of which a page is missing, and the entries of all others.
async fn missing_stretches(index: Arc<SegmentIndex>, file: Arc<File>) -> (Vec<Range<u32>>, u64) {
    let look = move || {
        let (pages, page_bytes) = (index.header().pages(), index.header().params().page_bytes);
        let entries_of = |stretch: Range<u32>| -> Result<u64, Range<u32>> {
            let mut bytes = vec![0; page_bytes as usize];
            let entries_of = |page| {
                file.read_exact_at(&mut bytes, index.header().page_offset(page)).ok()?;
                index.verify_page(page, &bytes).ok().map(|page| page.len() as u64)
            };
            stretch.clone().map(entries_of).sum::<Option<u64>>().ok_or(stretch)
        };
        let stretch_from =
            |first: u32| first * STRETCH_PAGES..pages.min((first + 1).saturating_mul(STRETCH_PAGES));
        let stretches = (0..pages.div_ceil(STRETCH_PAGES)).into_par_iter().map(stretch_from);
        let (entries, missing): (Vec<u64>, Vec<Range<u32>>) =
            stretches.partition_map(|stretch| match entries_of(stretch) {
                Ok(entries) => Either::Left(entries),
                Err(stretch) => Either::Right(stretch),
            });
        (missing, entries.iter().sum())
    };
    // Unwrap safety: as for the stretches themselves.
    tokio::task::spawn_blocking(look).await.expect("looking does not panic")
}

fn lie(link: &Link, root: &[u8; 32], reason: &str) -> Failure {
    let name = samar_protocol::invitation::to_hex(root);
    LinkError::lied(link.address(), format!("segment {}…: {reason}", &name[..16])).into()
}

fn part(home: &Home, reference: &SegmentRef) -> PathBuf {
    home.segment(&reference.root).with_extension("part")
}

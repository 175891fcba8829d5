//! What private lookups need of a segment that is not here: header and directory, and the hint. Fetched once and verified under the
//! root; public all of it.

use std::path::Path;

use samar_local::durable::{self, Mode};
use samar_local::exit::{Failure, io_failure};
use samar_local::folder::create_private;
use samar_local::progress::Progress;
use samar_local::space::{self, Need};
use samar_protocol::limits::FETCH_BYTES_MAX;
use samar_protocol::lookup::{Client, Hint, HintNote, Kernel, Shape, hint_bytes};
use samar_protocol::segment::SegmentIndex;

use crate::config::Home;
use crate::link::{Link, LinkError};
use crate::sync::{FetchError, Wanted};
use crate::synced::{directory_place, read_header, verify_index};

/// Whether header, directory and hint are here. They are verified when they are used.
pub(crate) fn is_here(home: &Home, root: &[u8; 32]) -> bool {
    home.lookup_index(root).exists() && home.lookup_hint(root).exists()
}

/// Opens what is here.
///
/// # Errors
/// A damaged file, with its name.
pub(crate) fn open(home: &Home, wanted: Wanted<'_>) -> Result<(SegmentIndex, Client), Failure> {
    let reference = wanted.reference;
    let (at_index, at_hint) = (home.lookup_index(&reference.root), home.lookup_hint(&reference.root));
    // A directory is 36 bytes a page, of at least 2,048.
    let bytes = read(&at_index, u64::from(reference.page_bytes) + reference.file_bytes / 50)?;
    let index = parse(&bytes, wanted).map_err(|reason| damaged(&at_index, &reason))?;
    let note = index.header().lookup().ok_or_else(|| damaged(&at_index, "it names no hint"))?;
    let hint = read(&at_hint, hint_bytes(reference.page_bytes) as u64)?;
    let client = client(&index, &note, &hint).map_err(|reason| damaged(&at_hint, &reason))?;
    Ok((index, client))
}

/// Fetches what is not here; bytes that came, or `None` where the segment has no private lookups.
///
/// # Errors
/// No room, a server that lies, the network.
pub(crate) async fn fetch(
    link: &Link,
    home: &Home,
    wanted: Wanted<'_>,
    progress: &Progress,
) -> Result<Option<u64>, FetchError> {
    let reference = wanted.reference;
    let lie = |reason: String| -> Failure {
        let name = samar_protocol::invitation::to_hex(&reference.root);
        LinkError::lied(link.address(), format!("segment {}…: {reason}", &name[..16])).into()
    };
    let mut bytes = link.fetch(reference.root, 0, reference.page_bytes).await?;
    let header = read_header(&bytes, reference, wanted.breach, wanted.key_id).map_err(lie)?;
    if header.lookup().is_none() {
        return Ok(None);
    }
    let (at, length) = directory_place(&header, reference).map_err(lie)?;
    let hint_length = hint_bytes(reference.page_bytes);
    let folder = home.lookups();
    create_private(&folder)?;
    let need = (bytes.len() + length + hint_length) as u64;
    space::require(&[Need { what: "the hint of private lookups", folder: &folder, bytes: need }])?;
    for (offset, part) in parts(length) {
        bytes.extend(link.fetch(reference.root, at + offset, part).await?);
        progress.add(part.into());
    }
    let index = parse(&bytes, wanted).map_err(lie)?;
    let note = index.header().lookup().ok_or_else(|| lie("its header changed".to_owned()))?;
    let mut hint = Vec::with_capacity(hint_length);
    for (offset, part) in parts(hint_length) {
        hint.extend(link.hint(reference.root, offset, part).await?);
        progress.add(part.into());
    }
    client(&index, &note, &hint).map_err(lie)?;
    // The hint first: without it the directory says nothing.
    for (path, bytes) in
        [(home.lookup_hint(&reference.root), &hint), (home.lookup_index(&reference.root), &bytes)]
    {
        durable::write(&path, bytes, Mode::Private).map_err(|error| io_failure("write", &path, &error))?;
    }
    Ok(Some(need))
}

/// Ranges of so many bytes, as large as one fetch may be.
fn parts(length: usize) -> impl Iterator<Item = (u64, u32)> {
    let length = length as u64;
    let part =
        move |offset: u64| (offset, u32::try_from(length - offset).unwrap_or(u32::MAX).min(FETCH_BYTES_MAX));
    (0..length).step_by(FETCH_BYTES_MAX as usize).map(part)
}

/// Header block and directory, one after the other.
fn parse(bytes: &[u8], wanted: Wanted<'_>) -> Result<SegmentIndex, String> {
    let block = wanted.reference.page_bytes as usize;
    let (block, directory) = bytes.split_at_checked(block).ok_or("it is cut short")?;
    let header = read_header(block, wanted.reference, wanted.breach, wanted.key_id)?;
    directory_place(&header, wanted.reference)?;
    verify_index(block, directory, wanted.reference)
}

fn client(index: &SegmentIndex, note: &HintNote, hint: &[u8]) -> Result<Client, String> {
    let header = index.header();
    let page_bytes = header.params().page_bytes;
    let shape = Shape::new(page_bytes, header.pages()).map_err(|error| error.to_string())?;
    let hint = Hint::parse(hint, note, page_bytes).map_err(|error| error.to_string())?;
    Client::new(Kernel::best(), shape, index.lookup_seed(), hint).map_err(|error| error.to_string())
}

/// A file of at most so many bytes.
fn read(path: &Path, bytes_max: u64) -> Result<Vec<u8>, Failure> {
    let length = std::fs::metadata(path).map_err(|error| io_failure("read", path, &error))?.len();
    if length > bytes_max {
        return Err(damaged(path, "it is too long"));
    }
    std::fs::read(path).map_err(|error| io_failure("read", path, &error))
}

fn damaged(path: &Path, reason: &str) -> Failure {
    Failure::local(format!("{} is damaged: {reason}", path.display()))
        .remedy(format!("rm {}: it is fetched again", path.display()))
}

//! One segment from one part of a vault: tags, locators, sorted by key, packed into pages.

use std::fs::File;
use std::io::{BufWriter, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use rayon::prelude::*;
use samar_local::durable::{Mode, Unfinished};
use samar_local::exit::{Failure, io_failure};
use samar_local::progress::Progress;
use samar_protocol::limits::PAGE_BYTES_DEFAULT;
use samar_protocol::segment::{
    BreachId, BuildError, DIRECTORY_ENTRY_BYTES, Entry, Finished, Placement, SegmentBuilder, SegmentKind,
    SegmentParams, SegmentRoot,
};

use super::lookups::{self, PageLayout};
use crate::layout::Layout;
use crate::vault::file::{Reader, Record};
use samar_local::sort::{Merge, Sorter};

/// A sorted entry: bucket (4) ‖ remainder (5) ‖ masked label (4), big-endian, so that bytes sort as keys do.
pub(crate) const ENTRY_BYTES: usize = 13;
/// Records whose locators are computed at a time.
const CHUNK: usize = 65_536;
/// Salts tried. At 279 million entries one in 8,000 has two keys that collide.
const SALTS_MAX: usize = 4;

/// A segment that was built.
pub(super) struct Built {
    pub(super) root: SegmentRoot,
    pub(super) file_bytes: u64,
}

/// About how long the segment file of so many entries will be: 40 bits of remainder and two of bucket for each, its label,
/// and a line of the directory for each page.
pub(crate) fn file_bytes(entries: u64, label_bits: usize) -> u64 {
    let packed = entries.saturating_mul(42 + label_bits as u64) / 8;
    let pages = packed / u64::from(PAGE_BYTES_DEFAULT) + 1;
    packed.saturating_add(pages * DIRECTORY_ENTRY_BYTES as u64)
}

/// Disk that sorting so many entries takes; none where memory holds them.
pub(crate) fn sorting_bytes(entries: u64, memory_bytes: usize) -> u64 {
    let bytes = entries.saturating_mul(ENTRY_BYTES as u64);
    if bytes > memory_bytes as u64 { bytes } else { 0 }
}

/// Builds the segment of the part that stands at `path`, and puts it in its place, durably.
pub(super) fn build(
    layout: &Layout,
    id: &str,
    (path, kind): (&Path, SegmentKind),
    mut vault: Reader,
    memory_bytes: usize,
    page_layout: PageLayout,
    progress: &Progress,
) -> Result<Built, Failure> {
    for _ in 0..SALTS_MAX {
        let params = params(id, kind, &vault, page_layout.page_bytes)?;
        match with_salt(layout, params, &mut vault, memory_bytes, page_layout.hint, progress)? {
            Some(built) => return Ok(built),
            None => {
                let gone = || Failure::local(format!("the vault of {id} went away"));
                vault = Reader::open(path)?.ok_or_else(gone)?;
            }
        }
    }
    Err(Failure::local(format!("no salt suits the segment of {id}"))
        .remedy("try again, and report it if it repeats"))
}

fn params(id: &str, kind: SegmentKind, vault: &Reader, page_bytes: u32) -> Result<SegmentParams, Failure> {
    let too_many =
        || Failure::input(format!("{id} has {} entries, more than a segment holds", vault.count()));
    Ok(SegmentParams {
        kind,
        breach_id: BreachId::parse(id).map_err(Failure::local)?,
        key_id: vault.header().key_id,
        salt: rand::random(),
        entries: u32::try_from(vault.count()).map_err(|_| too_many())?,
        page_bytes,
        label_bits: u8::try_from(vault.header().varies.len()).map_err(Failure::local)?,
        extensions: vec![],
    })
}

/// `None` where another salt is needed.
fn with_salt(
    layout: &Layout,
    params: SegmentParams,
    vault: &mut Reader,
    memory_bytes: usize,
    with_hint: bool,
    progress: &Progress,
) -> Result<Option<Built>, Failure> {
    let page_bytes = params.page_bytes;
    let sorted = sort_entries(layout, &params, vault, memory_bytes, progress)?;
    // The name is the root, known only at the end.
    let draft = layout.segments().join("draft.segment");
    let failure = |error: std::io::Error| io_failure("write the segment to", &layout.segments(), &error);
    let unfinished = Unfinished::create(&draft, Mode::Public).map_err(failure)?;
    let file = unfinished.file();
    let Some(mut finished) = write_pages(file, params, sorted, failure)? else { return Ok(None) };
    let mut hint = None;
    if with_hint {
        let (with_lookup, unfinished) = lookups::compute(layout, file, finished, memory_bytes)?;
        (finished, hint) = (with_lookup, Some(unfinished));
    }
    let header_block = &finished.header_block;
    debug_assert_eq!(header_block.len(), page_bytes as usize);
    file.write_all_at(header_block, 0).map_err(failure)?;
    let file_bytes = file.metadata().map_err(failure)?.len();
    if let Some(hint) = hint {
        lookups::store(layout, &finished.root.0, hint)?;
    }
    unfinished.finish_at(&layout.segment(&finished.root.0)).map_err(failure)?;
    Ok(Some(Built { root: finished.root, file_bytes }))
}

fn sort_entries(
    layout: &Layout,
    params: &SegmentParams,
    vault: &mut Reader,
    memory_bytes: usize,
    progress: &Progress,
) -> Result<Merge<ENTRY_BYTES>, Failure> {
    let mut sorter = Sorter::new(&layout.runs(), memory_bytes);
    let Some(placement) = params.placement() else { return sorter.finish().map_err(Failure::local) };
    let mut chunk = read_chunk(vault)?;
    while !chunk.is_empty() {
        let (entries, next) = rayon::join(|| place(&chunk, &placement), || read_chunk(vault));
        progress.add(chunk.len() as u64);
        sorter.extend(entries).map_err(Failure::local)?;
        chunk = next?;
    }
    // The last read, past the end, checked the vault's hash.
    sorter.finish().map_err(Failure::local)
}

fn read_chunk(vault: &mut Reader) -> Result<Vec<Record>, Failure> {
    let mut chunk = Vec::with_capacity(CHUNK);
    while chunk.len() < CHUNK {
        let Some(record) = vault.read_record()? else { break };
        chunk.push(record);
    }
    Ok(chunk)
}

fn place(chunk: &[Record], placement: &Placement) -> Vec<[u8; ENTRY_BYTES]> {
    let entry = |record: &Record| {
        let entry = placement.locate(&record.element.tag().0).entry(record.label);
        let mut bytes = [0; ENTRY_BYTES];
        bytes[..4].copy_from_slice(&entry.bucket.to_be_bytes());
        bytes[4..9].copy_from_slice(&entry.remainder.to_be_bytes()[3..]);
        bytes[9..].copy_from_slice(&entry.masked_label.to_be_bytes());
        bytes
    };
    chunk.par_iter().with_min_len(1_024).map(entry).collect()
}

fn entry_of(bytes: &[u8; ENTRY_BYTES]) -> Entry {
    let number =
        |range: std::ops::Range<usize>| bytes[range].iter().fold(0u64, |n, b| n << 8 | u64::from(*b));
    #[allow(clippy::cast_possible_truncation)] // four bytes each
    Entry { bucket: number(0..4) as u32, remainder: number(4..9), masked_label: number(9..13) as u32 }
}

/// Writes pages and directory after a place left for the header block; `None` where another salt is needed.
fn write_pages(
    file: &File,
    params: SegmentParams,
    sorted: Merge<ENTRY_BYTES>,
    failure: impl Fn(std::io::Error) -> Failure,
) -> Result<Option<Finished>, Failure> {
    let mut output = BufWriter::with_capacity(1 << 20, file);
    output.seek(SeekFrom::Start(params.page_bytes.into())).map_err(&failure)?;
    let mut builder = SegmentBuilder::new(params).map_err(Failure::local)?;
    let retry = |error: BuildError| {
        if error.wants_fresh_salt() { Ok(None) } else { Err(Failure::local(error)) }
    };
    for entry in sorted.ahead() {
        match builder.push(entry_of(&entry.map_err(Failure::local)?)) {
            Ok(None) => {}
            Ok(Some(page)) => output.write_all(&page).map_err(&failure)?,
            Err(error) => return retry(error),
        }
    }
    let finished = match builder.finish() {
        Ok(finished) => finished,
        Err(error) => return retry(error),
    };
    for part in finished.pages.iter().chain([&finished.directory]) {
        output.write_all(part).map_err(&failure)?;
    }
    output.flush().map_err(&failure)?;
    // With no entries there is no page and no directory, and the file ends where the header block will.
    Ok(Some(finished))
}

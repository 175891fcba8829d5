//! A segment file (SPEC.md section "Segments"): header, root, and every page against the directory.

use samar_local::exit::Failure;
use samar_local::people::thousands;
use samar_local::progress::{Progress, Unit};
use samar_protocol::invitation::from_hex;
use samar_protocol::segment::{
    DIRECTORY_ENTRY_BYTES, Header, HeaderError, IndexError, SegmentIndex, SegmentKind, SegmentRoot,
    VerifyError,
};

use crate::binary::Fields;
use crate::report::{Facts, Fault, Report, Value};
use crate::source::Source;

const MAGIC: &[u8; 10] = b"SAMARSEG\x01\x00";
/// The largest page there is; a header block is as long.
const HEADER_BYTES_MAX: u64 = 16_384;
/// Pages read at a time.
const STRETCH_PAGES: u32 = 64;
const REMEDY: &str =
    "a bank: rm the file, then samar sync; the operator: restore it, or rm it and publish again";

pub(crate) fn decode(source: &Source) -> Result<Report, Failure> {
    let mut report = Report::default();
    let head = source.read(0, HEADER_BYTES_MAX)?;
    if source.unfinished().is_some() && head.iter().take(64).all(|byte| *byte == 0) {
        report.note("its header is not here yet, and so nothing of it can be shown");
        return Ok(report);
    }
    let mut facts = Facts::default();
    let fields = header_fields(&mut facts, &head);
    report.facts = facts;
    match fields {
        Err(fault) => report.fault(fault),
        Ok(page_bytes) => match Header::parse(head.get(..page_bytes as usize).unwrap_or(&head)) {
            Err(error) => report.fault(header_fault(error, head.len() as u64)),
            Ok(header) => body(&mut report, source, &header, &head)?,
        },
    }
    report.remedy(REMEDY);
    Ok(report)
}

/// What a segment does, in a word.
pub(crate) fn kind_name(kind: SegmentKind) -> &'static str {
    match kind {
        SegmentKind::Base => "base",
        SegmentKind::Add => "add",
        SegmentKind::Remove => "remove",
    }
}

/// Shows the header's fields as they stand; the bytes of a page.
fn header_fields(facts: &mut Facts, head: &[u8]) -> Result<u32, Fault> {
    let mut fields = Fields::new(head, 0);
    let changed = fields.magic(MAGIC)?;
    facts.count("suite", fields.u16("the suite")?);
    match fields.u8("the kind")? {
        0 => facts.text("does", "base: the breach as first published"),
        1 => facts.text("does", "add: entries found later"),
        2 => facts.text("does", "remove: entries taken back"),
        other => facts.text("does", format!("kind {other}, which is not known")),
    }
    facts.count("label_bits", fields.u8("the label bits")?);
    fields.take("the reserved field", 2)?;
    let page_bytes = fields.u32("the page size")?;
    facts.add("page_bytes", Value::Bytes(page_bytes.into()));
    facts.add("oprf_key_id", Value::Hex(fields.array::<8>("the key id")?.to_vec()));
    facts.add("salt", Value::Hex(fields.array::<16>("the salt")?.to_vec()));
    facts.count("entries", fields.u64("the number of entries")?);
    facts.count("pages", fields.u32("the number of pages")?);
    let length = fields.u8("the length of the breach id")?;
    let id = fields.take("the breach id", length.into())?;
    facts.text("breach", String::from_utf8_lossy(id));
    facts.count("extensions", fields.u8("the number of extensions")?);
    changed.map_or(Ok(page_bytes), Err)
}

fn header_fault(error: HeaderError, length: u64) -> Fault {
    let at = match error {
        HeaderError::Magic => 0,
        HeaderError::Version(_) => 8,
        HeaderError::Suite(_) => 10,
        HeaderError::Kind(_) => 12,
        HeaderError::LabelBits(_) => 13,
        HeaderError::Reserved => 14,
        HeaderError::PageBytes(_) => 16,
        HeaderError::Entries(_) => 44,
        HeaderError::Pages { .. } => 52,
        HeaderError::BreachId(_) => 56,
        HeaderError::Length { .. } => length,
        HeaderError::ExtensionOrder(_)
        | HeaderError::ExtensionCritical(_)
        | HeaderError::LookupNote
        | HeaderError::Truncated
        | HeaderError::Padding => return Fault::whole(format!("in the header, from byte 56 on: {error}")),
    };
    Fault::at(at, error.to_string())
}

/// Length, root, directory, pages. The header block is one that can be read.
fn body(report: &mut Report, source: &Source, header: &Header, head: &[u8]) -> Result<(), Failure> {
    // What a bank that looks up privately keeps: header and directory, and no page between them.
    let without_pages = source.file_name().ends_with(".index");
    let pages_bytes = header.directory_offset() - u64::from(header.params().page_bytes);
    let (found, left_out) = (source.length(), if without_pages { pages_bytes } else { 0 });
    let expected = header.file_bytes() - left_out;
    report.facts.add("length_by_header", Value::Bytes(expected));
    if found != expected {
        let what = format!(
            "the file ends at byte {}, where its header says {}",
            thousands(found),
            thousands(expected)
        );
        report.fault(Fault::at(found.min(expected), what));
    }
    let page_bytes = header.params().page_bytes;
    let block = head.get(..page_bytes as usize).unwrap_or(head);
    let directory = source.read(header.directory_offset() - left_out, header.directory_bytes())?;
    if directory.len() as u64 != header.directory_bytes() {
        let whole = found.saturating_sub(page_bytes.into()) / u64::from(page_bytes);
        report.facts.count("pages_here", whole.min(header.pages().into()));
        report.note("the directory at its end is cut off, so that no page can be verified");
        return Ok(());
    }
    if let Some(note) = header.lookup() {
        report.facts.add("hint", Value::Hex(note.hash.to_vec()));
    }
    let root = SegmentRoot::of(block, &directory);
    report.facts.add("root", Value::Hex(root.0.to_vec()));
    let stem = source.file_name().split('.').next().unwrap_or_default();
    if from_hex(stem).is_some_and(|named| named != root.0) {
        report.fault(Fault::whole(
            "header and directory do not have the root that names the file: one of them was changed",
        ));
    }
    match SegmentIndex::parse(block, &directory, &root) {
        Err(error) => report.fault(directory_fault(error, header)),
        Ok(_) if without_pages => report.note("it has no pages: they are looked up privately"),
        Ok(index) => pages(report, source, &index)?,
    }
    Ok(())
}

fn directory_fault(error: IndexError, header: &Header) -> Fault {
    let page = match error {
        IndexError::Order { page } | IndexError::Beyond { page, .. } => page,
        IndexError::Root { .. }
        | IndexError::Header(_)
        | IndexError::DirectoryLength { .. }
        | IndexError::FirstBucket(_) => 0,
    };
    let at = header.directory_offset() + u64::from(page) * DIRECTORY_ENTRY_BYTES as u64;
    Fault::at(at, format!("in the directory: {error}"))
}

/// What the pages came to.
#[derive(Default)]
struct Found {
    good: u64,
    entries: u64,
    /// Pages of which nothing but zeros is there: never written, or not fetched yet.
    missing: u64,
    bad: u64,
    first: Option<(u32, String)>,
}

fn pages(report: &mut Report, source: &Source, index: &SegmentIndex) -> Result<(), Failure> {
    let header = index.header();
    let (page_bytes, pages) = (header.params().page_bytes as usize, header.pages());
    let progress = Progress::new("inspect", Unit::Bytes, Some(header.file_bytes()));
    let mut buffer = vec![0; page_bytes * STRETCH_PAGES as usize];
    let mut found = Found::default();
    for first in (0..pages).step_by(STRETCH_PAGES as usize) {
        let bytes = source.fill(header.page_offset(first), &mut buffer)?;
        let read = &buffer[..bytes];
        for (page, bytes) in
            (first..pages.min(first.saturating_add(STRETCH_PAGES))).zip(read.chunks(page_bytes))
        {
            found.take(index, page, bytes);
        }
        progress.add(bytes as u64);
    }
    progress.finish();
    report.facts.count("pages_verified", found.good);
    report.facts.count("entries_counted", found.entries);
    if found.missing > 0 {
        report.facts.count("pages_missing", found.missing);
    }
    if found.bad > 0 {
        report.facts.count("pages_bad", found.bad);
    }
    if let Some((page, what)) = found.first {
        report.fault(Fault::at(header.page_offset(page), what));
    } else if found.entries != u64::from(header.params().entries) {
        let what =
            format!("its pages hold {} entries, not as many as the header says", thousands(found.entries));
        report.fault(Fault::whole(what));
    }
    Ok(())
}

impl Found {
    fn take(&mut self, index: &SegmentIndex, page: u32, bytes: &[u8]) {
        let error = match index.verify_page(page, bytes) {
            Ok(page) => {
                (self.good, self.entries) = (self.good + 1, self.entries + page.len() as u64);
                return;
            }
            Err(error) => error,
        };
        let what = if bytes.iter().all(|byte| *byte == 0) {
            self.missing += 1;
            format!("page {page} is missing: nothing but zeros is there")
        } else {
            self.bad += 1;
            match error {
                VerifyError::Hash { .. } => format!("page {page} does not match its hash in the directory"),
                error => error.to_string(),
            }
        };
        self.first.get_or_insert((page, what));
    }
}

//! The parts of a segment.

use std::collections::BTreeMap;

use samar_protocol::limits::PAGE_BYTES_ALLOWED;
use samar_protocol::segment::{
    DIRECTORY_ENTRY_BYTES, Entry, HEADER_PREFIX_BYTES, Header, IndexError, Page, SegmentIndex, SegmentRoot,
    VerifyError,
};

use crate::plain_page;
use crate::script::Script;

/// A header block that is read is written back as the same bytes, and its sizes are those of SPEC.md.
pub fn segment_header(data: &[u8]) {
    let Some((mode, data)) = data.split_first() else { return };
    let block = if mode & 1 == 0 { data.to_vec() } else { padded(data) };
    let Ok(header) = Header::parse(&block) else { return };
    assert_eq!(header_block(&header), block);
    let prefix = block.first_chunk::<HEADER_PREFIX_BYTES>().unwrap();
    assert_eq!(Header::page_bytes_of(prefix), Ok(header.params().page_bytes));
    let (pages, page_bytes) = (u128::from(header.pages()), u128::from(header.params().page_bytes));
    assert_eq!(u128::from(header.file_bytes()), page_bytes * (pages + 1) + 36 * pages);
    assert_eq!(header.params().placement().is_none(), header.params().entries == 0);
    assert_eq!(header.pages() == 0, header.params().entries == 0);
}

/// Header and directory are taken under their own root and no other; every bucket then has the page that covers it.
pub fn segment_directory(data: &[u8]) {
    let mut script = Script::new(data);
    let tag = script.array();
    let buckets: [u32; 4] = core::array::from_fn(|_| script.u32());
    let block = padded(script.counted());
    let directory = script.rest();
    let root = root_of(&block, directory);
    let mut other = root;
    other.0[usize::from(tag[0]) % 32] ^= 1;
    assert!(matches!(SegmentIndex::parse(&block, directory, &other), Err(IndexError::Root { .. })));
    let Ok(index) = SegmentIndex::parse(&block, directory, &root) else { return };

    let entries = index.header().params().entries;
    let firsts: Vec<u32> = directory
        .chunks(DIRECTORY_ENTRY_BYTES)
        .map(|entry| u32::from_le_bytes(*entry.first_chunk().unwrap()))
        .collect();
    assert_eq!(firsts.len(), index.header().pages() as usize);
    for (page, first) in (0u32..).zip(&firsts) {
        let next = firsts.get(page as usize + 1).copied().unwrap_or(entries);
        assert!(*first < next, "a page without buckets");
        assert_eq!(index.buckets_of(page), Some((*first, next)));
        assert_eq!((index.page_of(*first), index.page_of(next - 1)), (Some(page), Some(page)));
        assert_eq!(index.verify_page(page, &[]).unwrap_err(), VerifyError::Hash { page });
    }
    assert_eq!(index.buckets_of(index.header().pages()), None);
    for bucket in buckets {
        let covers =
            |page| index.buckets_of(page).is_some_and(|(first, next)| (first..next).contains(&bucket));
        assert_eq!(index.page_of(bucket).is_some(), bucket < entries);
        assert!(index.page_of(bucket).is_none_or(covers));
    }
    match index.locate(&tag) {
        None => assert_eq!(entries, 0),
        Some((locator, page)) => {
            let (first, next) = index.buckets_of(page).unwrap();
            assert!((first..next).contains(&locator.bucket()) && locator.remainder() < 1 << 40);
        }
    }
}

/// A page is taken exactly if the plain reader takes it, and answers every lookup as its entries do.
pub fn segment_page(data: &[u8]) {
    let mut script = Script::new(data);
    let (mode, label_bits) = (script.byte(), script.byte() % 35);
    let first = script.u32() >> (script.byte() % 32);
    let next = first.saturating_add(script.u16().into());
    let page_bytes = PAGE_BYTES_ALLOWED[usize::from(mode >> 1) % 4] as usize;
    let page = if mode & 1 == 0 {
        // What stands at either end, with nothing between.
        let (front, back) = (script.counted(), script.rest());
        let gap = page_bytes.saturating_sub(front.len() + back.len());
        let mut page = [front, &vec![0; gap], back].concat();
        page.truncate(page_bytes);
        page
    } else {
        let mut patches = Script::new(script.counted());
        let mut keys = BTreeMap::new();
        let mut bucket = first;
        while !script.is_over() {
            bucket = bucket.saturating_add(script.byte().into());
            let remainder = script.u64() >> 24;
            let label = script.u32() & u32::MAX.checked_shr(32 - u32::from(label_bits.min(32))).unwrap_or(0);
            if bucket < next {
                keys.insert((bucket, remainder), label);
            }
        }
        let entry = |((bucket, remainder), masked_label)| Entry { bucket, masked_label, remainder };
        let entries: Vec<Entry> = keys.into_iter().map(entry).collect();
        let written = plain_page::write(&entries, first, next, label_bits.min(32), page_bytes);
        let Some(mut page) = written else { return };
        patches.patch(&mut page, 4);
        page
    };
    let expected = plain_page::read(&page, first, next, label_bits);
    let read = Page::parse(&page, first, next, label_bits);
    assert_eq!(read.is_ok(), expected.is_some(), "{:?}", read.err());
    let (Ok(page_read), Some(entries)) = (read, expected) else { return };

    assert_eq!(page_read.len(), entries.len());
    assert_eq!(page_read.entries().collect::<Vec<_>>(), entries);
    assert!(entries.is_sorted_by(|a, b| a.key() < b.key()));
    assert_eq!(plain_page::write(&entries, first, next, label_bits, page_bytes), Some(page.clone()));
    let found: BTreeMap<_, _> = entries.iter().map(|e| ((e.bucket, e.remainder), e.masked_label)).collect();
    let agrees = |bucket, remainder| {
        assert_eq!(page_read.find(bucket, remainder), found.get(&(bucket, remainder)).copied());
    };
    for entry in &entries {
        agrees(entry.bucket, entry.remainder);
        agrees(entry.bucket, entry.remainder ^ 1);
        agrees(entry.bucket, entry.remainder.wrapping_add(1));
        agrees(entry.bucket.wrapping_add(1), entry.remainder);
        agrees(entry.bucket.wrapping_sub(1), entry.remainder);
    }
    for bucket in [first, first.wrapping_sub(1), next - 1, next, u32::MAX, 0] {
        agrees(bucket, 0);
        agrees(bucket, u64::MAX);
    }
}

/// `BLAKE3("samar segment root v1" ‖ header block ‖ directory)`.
pub(crate) fn root_of(block: &[u8], directory: &[u8]) -> SegmentRoot {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"samar segment root v1").update(block).update(directory);
    SegmentRoot(*hasher.finalize().as_bytes())
}

/// The fields, followed by zeros up to the page size that they name.
fn padded(fields: &[u8]) -> Vec<u8> {
    let named = fields.get(16..20).map_or(0, |bytes| u32::from_le_bytes(bytes.try_into().unwrap()));
    let page_bytes = PAGE_BYTES_ALLOWED.into_iter().find(|bytes| *bytes == named).unwrap_or(2_048);
    let mut block = fields.to_vec();
    block.resize((page_bytes as usize).max(fields.len()), 0);
    block
}

/// A header block by the letter of SPEC.md section "Header block".
fn header_block(header: &Header) -> Vec<u8> {
    let params = header.params();
    let mut block = b"SAMARSEG\x01\x00\x01\x00".to_vec();
    block.extend([params.kind as u8, params.label_bits, 0, 0]);
    block.extend(params.page_bytes.to_le_bytes());
    block.extend(params.key_id);
    block.extend(params.salt);
    block.extend(u64::from(params.entries).to_le_bytes());
    block.extend(header.pages().to_le_bytes());
    block.push(u8::try_from(params.breach_id.as_str().len()).unwrap());
    block.extend(params.breach_id.as_str().bytes());
    block.push(u8::try_from(params.extensions.len()).unwrap());
    for extension in &params.extensions {
        block.extend(extension.id.to_le_bytes());
        block.extend(u16::try_from(extension.bytes.len()).unwrap().to_le_bytes());
        block.extend(&extension.bytes);
    }
    block.resize(params.page_bytes as usize, 0);
    block
}

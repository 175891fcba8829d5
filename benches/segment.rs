//! Segments: building one of a million entries, verifying a page, and looking tags up in sorted order.
#![allow(missing_docs, reason = "criterion's macros make undocumented functions")]

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use samar_protocol::limits::PAGE_BYTES_DEFAULT;
use samar_protocol::segment::{
    BreachId, Entry, Finished, Locator, SegmentBuilder, SegmentIndex, SegmentKind, SegmentParams,
};

const ENTRIES: u32 = 1_000_000;
const PROBES: usize = 20_000;

fn params() -> SegmentParams {
    SegmentParams {
        kind: SegmentKind::Base,
        breach_id: BreachId::parse("bpjs-2021").unwrap(),
        key_id: [1; 8],
        salt: [2; 16],
        entries: ENTRIES,
        page_bytes: PAGE_BYTES_DEFAULT,
        label_bits: 1,
        extensions: vec![],
    }
}

/// Tags are hashes, so any uniform bytes will do.
fn tags(seed: u64, count: usize) -> Vec<[u8; 32]> {
    let mut rng = StdRng::seed_from_u64(seed);
    (0..count).map(|_| rng.random()).collect()
}

/// Locates and sorts.
fn entries(tags: &[[u8; 32]]) -> Vec<Entry> {
    let placement = params().placement().unwrap();
    let mut entries: Vec<Entry> = tags.iter().map(|tag| placement.locate(tag).entry(0)).collect();
    entries.sort_unstable_by_key(Entry::key);
    entries
}

fn build(entries: &[Entry]) -> (Vec<Vec<u8>>, Finished) {
    let mut builder = SegmentBuilder::new(params()).unwrap();
    let mut pages = Vec::new();
    for entry in entries {
        pages.extend(builder.push(*entry).unwrap());
    }
    let mut finished = builder.finish().unwrap();
    pages.append(&mut finished.pages);
    (pages, finished)
}

/// What a bank does with its tags: locate, sort by page, verify each page that is needed, look up.
fn probe(index: &SegmentIndex, pages: &[Vec<u8>], tags: &[[u8; 32]]) -> usize {
    let mut probes: Vec<(Locator, u32)> = tags.iter().map(|tag| index.locate(tag).unwrap()).collect();
    probes.sort_unstable_by_key(|(_, page)| *page);
    let mut found = 0;
    for probes in probes.chunk_by(|a, b| a.1 == b.1) {
        let page = probes[0].1;
        let page = index.verify_page(page, &pages[page as usize]).unwrap();
        let hit = |(locator, _): &&(Locator, u32)| page.find(locator.bucket(), locator.remainder()).is_some();
        found += probes.iter().filter(hit).count();
    }
    found
}

fn segment(criterion: &mut Criterion) {
    let present = tags(1, ENTRIES as usize);
    let mut group = criterion.benchmark_group("segment");
    group.sample_size(10);

    group.throughput(Throughput::Elements(ENTRIES.into()));
    group.bench_function("locate_and_sort", |bencher| bencher.iter(|| black_box(entries(&present))));
    let sorted = entries(&present);
    group.bench_function("build", |bencher| bencher.iter(|| black_box(build(&sorted))));

    let (pages, finished) = build(&sorted);
    let index = SegmentIndex::parse(&finished.header_block, &finished.directory, &finished.root).unwrap();
    group.throughput(Throughput::Bytes(PAGE_BYTES_DEFAULT.into()));
    group.bench_function("verify_page", |bencher| {
        let mut page = (0..pages.len()).cycle();
        let next = || page.next().unwrap();
        let verify =
            |page: usize| index.verify_page(u32::try_from(page).unwrap(), &pages[page]).unwrap().len();
        bencher.iter_batched(next, verify, BatchSize::SmallInput);
    });

    let (hits, misses) = (&present[..PROBES], tags(2, PROBES));
    assert_eq!((probe(&index, &pages, hits), probe(&index, &pages, &misses)), (PROBES, 0));
    group.throughput(Throughput::Elements(PROBES as u64));
    group.bench_function("probe_hits", |bencher| bencher.iter(|| black_box(probe(&index, &pages, hits))));
    group
        .bench_function("probe_misses", |bencher| bencher.iter(|| black_box(probe(&index, &pages, &misses))));
    group.finish();
}

criterion_group!(benches, segment);
criterion_main!(benches);

//! Segments as operator and bank use them: built, read back, searched, damaged.

mod builds;
mod headers;
mod hidden;
mod pages;

use std::collections::HashMap;

use proptest::prelude::*;
use rand::{SeedableRng as _, rngs::StdRng};

use super::*;
use crate::limits::PAGE_BYTES_ALLOWED;
use crate::lookup::MatrixSeed;

/// A segment in the form a file has, in parts.
#[derive(Clone)]
struct Built {
    header_block: Vec<u8>,
    pages: Vec<Vec<u8>>,
    directory: Vec<u8>,
    root: SegmentRoot,
}

impl Built {
    fn index(&self) -> SegmentIndex {
        SegmentIndex::parse(&self.header_block, &self.directory, &self.root).unwrap()
    }

    fn header(&self) -> Header {
        Header::parse(&self.header_block).unwrap()
    }

    fn file(&self) -> Vec<u8> {
        [self.header_block.clone(), self.pages.concat(), self.directory.clone()].concat()
    }

    /// The label of a tag, by the road that a lookup takes.
    fn look_up(&self, index: &SegmentIndex, tag: &[u8; 32]) -> Option<u32> {
        let (locator, page) = index.locate(tag)?;
        let page = index.verify_page(page, &self.pages[page as usize]).unwrap();
        Some(locator.unmask(page.find(locator.bucket(), locator.remainder())?))
    }
}

fn params(entries: usize, page_bytes: u32, label_bits: u8) -> SegmentParams {
    SegmentParams {
        kind: SegmentKind::Base,
        breach_id: BreachId::parse("bpjs-2021").unwrap(),
        key_id: *b"key id 1",
        salt: *b"sixteen of salt!",
        entries: u32::try_from(entries).unwrap(),
        page_bytes,
        label_bits,
        extensions: Vec::new(),
    }
}

fn pack(params: SegmentParams, entries: impl IntoIterator<Item = Entry>) -> Result<Built, BuildError> {
    let mut builder = SegmentBuilder::new(params)?;
    let mut pages = Vec::new();
    for entry in entries {
        pages.extend(builder.push(entry)?);
    }
    let Finished { pages: last, header_block, directory, root, .. } = builder.finish()?;
    pages.extend(last);
    Ok(Built { header_block, pages, directory, root })
}

fn pack_tags(params: SegmentParams, labels: &HashMap<[u8; 32], u32>) -> Result<Built, BuildError> {
    let mut entries: Vec<_> = params.placement().map_or(Vec::new(), |placement| {
        labels.iter().map(|(tag, &label)| placement.locate(tag).entry(label)).collect()
    });
    entries.sort_unstable_by_key(Entry::key);
    pack(params, entries)
}

/// Random tags with random labels.
fn random_labels(rng: &mut StdRng, count: usize, label_bits: u8) -> HashMap<[u8; 32], u32> {
    (0..count).map(|_| (rng.random(), rng.random::<u32>() & locator::label_mask(label_bits))).collect()
}

/// Entry in bucket `bucket` with remainder `remainder`.
fn entry(bucket: u32, remainder: u64) -> Entry {
    Entry { bucket, masked_label: 0, remainder }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_segment_answers_like_a_map(
        seed: u64,
        count in prop_oneof![Just(0usize), Just(1), Just(2), Just(3), 4..300usize, 300..6_000usize],
        page_bytes in prop::sample::select(PAGE_BYTES_ALLOWED.to_vec()),
        label_bits in 0..=32u8,
    ) {
        let mut rng = StdRng::seed_from_u64(seed);
        let labels = random_labels(&mut rng, count, label_bits);
        let built = pack_tags(params(count, page_bytes, label_bits), &labels).unwrap();
        let index = built.index();
        prop_assert_eq!(built.file().len() as u64, index.header().file_bytes());

        for (tag, &label) in &labels {
            prop_assert_eq!(built.look_up(&index, tag), Some(label));
        }
        for _ in 0..1000 {
            prop_assert_eq!(built.look_up(&index, &rng.random()), None);
        }

        // Read in bulk, the pages give back exactly the entries, in order.
        let mut expected: Vec<_> = index.placement().map_or(Vec::new(), |placement| {
            labels.iter().map(|(tag, &label)| placement.locate(tag).entry(label)).collect()
        });
        expected.sort_unstable_by_key(Entry::key);
        let mut found = Vec::new();
        for (number, bytes) in (0..).zip(&built.pages) {
            let at = usize::try_from(index.header().page_offset(number)).unwrap();
            prop_assert_eq!(&built.file()[at..at + bytes.len()], bytes);
            let page = index.verify_page(number, bytes).unwrap();
            prop_assert_eq!(page.entries().len(), page.len());
            prop_assert_eq!(page.is_empty(), page.entries().next().is_none());
            found.extend(page.entries());
            prop_assert_eq!(page.entries().count(), page.len());
        }
        prop_assert_eq!(found, expected);
    }
}

#[test]
fn sizes_and_label_widths_at_their_edges() {
    let mut rng = StdRng::seed_from_u64(7);
    for page_bytes in PAGE_BYTES_ALLOWED {
        for label_bits in [0, 1, 7, 8, 9, 31, 32] {
            for count in [0, 1, 2, 5_000] {
                let labels = random_labels(&mut rng, count, label_bits);
                let built = pack_tags(params(count, page_bytes, label_bits), &labels).unwrap();
                let index = built.index();
                for (tag, &label) in &labels {
                    assert_eq!(built.look_up(&index, tag), Some(label));
                }
                assert_eq!(built.look_up(&index, &[0x5a; 32]), None);
            }
        }
    }
}

#[test]
#[allow(clippy::print_stdout)] // the figure is what DESIGN.md claims; run with --nocapture to see it
fn a_million_entries_take_no_more_room_than_claimed() {
    let mut rng = StdRng::seed_from_u64(8);
    let count = 1_000_000;
    for (page_bytes, label_bits) in [(8_192, 0), (8_192, 1), (2_048, 0), (16_384, 0)] {
        let params = params(count, page_bytes, label_bits);
        let placement = params.placement().unwrap();
        let mut entries: Vec<_> = (0..count).map(|_| placement.locate(&rng.random()).entry(0)).collect();
        entries.sort_unstable_by_key(Entry::key);
        let built = pack(params, entries).unwrap();
        let bits = |bytes: u64| bytes as f64 * 8.0 / count as f64;
        let pages = bits(built.pages.concat().len() as u64);
        let file = bits(built.header().file_bytes());
        println!(
            "{page_bytes} B pages, {label_bits}-bit labels: {pages:.3} bits an entry, {file:.3} with the rest"
        );
        if page_bytes == 8_192 {
            assert!(pages <= 42.5 + f64::from(label_bits), "{pages}");
        }
        assert!(file <= 43.5 + f64::from(label_bits), "{file}");
        let held: usize = (0..)
            .zip(&built.pages)
            .map(|(i, bytes)| built.index().verify_page(i, bytes).unwrap().len())
            .sum();
        assert_eq!(held, count);
    }
}

#[test]
fn locators_follow_the_formula() {
    // SHA-256 of 32 bytes 0x11 and 16 bytes 0x22, computed with Python's hashlib.
    let hash: [u8; 13] = [0x06, 0x71, 0x63, 0x35, 0x5c, 0x1e, 0xf2, 0x81, 0xe5, 0xb9, 0x5d, 0xd6, 0x00];
    let tag = [0x11; 32];
    let mut params = params(279_000_000, 8_192, 12);
    params.salt = [0x22; 16];
    let placement = params.placement().unwrap();
    let locator = placement.locate(&tag);
    let fraction = hash[..9].iter().fold(0u128, |value, &byte| value * 256 + u128::from(byte));
    let key = (fraction * 279_000_000) >> 32;
    assert_eq!(locator.key(), key);
    assert_eq!(locator.key(), 0x6b24d0261ee7fde3);
    assert_eq!(u128::from(locator.bucket()), key >> 40);
    assert_eq!(u128::from(locator.remainder()), key % (1 << 40));
    let pad = u32::from_le_bytes([hash[9], hash[10], hash[11], hash[12]]) % (1 << 12);
    assert_eq!(locator.unmask(0), pad);
    assert_eq!(locator.entry(0xabc).masked_label, pad ^ 0xabc);
    assert_eq!(locator.unmask(locator.entry(0xabc).masked_label), 0xabc);
    let all = placement.locate_all(&[[7; 32], tag]);
    assert_eq!([all[0].key(), all[1].key()], [placement.locate(&[7; 32]).key(), key]);
}

#[test]
fn another_salt_places_everything_anew() {
    let mut rng = StdRng::seed_from_u64(9);
    let tags: Vec<[u8; 32]> = (0..1000).map(|_| rng.random()).collect();
    let one = params(1000, 8_192, 8);
    let mut other = one.clone();
    other.salt[15] ^= 1;
    let located = |params: &SegmentParams| params.placement().unwrap().locate_all(&tags);
    let (one, other) = (located(&one), located(&other));
    assert!(one.iter().zip(&other).all(|(one, other)| one.remainder() != other.remainder()));
    let same = one.iter().zip(&other).filter(|(one, other)| one.bucket() == other.bucket()).count();
    assert!(same < 20, "{same} of 1000 stayed in their bucket");
}

#[test]
fn the_hidden_way_to_a_page_leads_where_the_open_one_does() {
    let mut rng = StdRng::seed_from_u64(21);
    for count in [1, 2, 500, 9_000] {
        let labels = random_labels(&mut rng, count, 3);
        let built = pack_tags(params(count, 2_048, 3), &labels).unwrap();
        let (index, others) = (built.index(), random_labels(&mut rng, 500, 3));
        for tag in labels.keys().chain(others.keys()) {
            let (open, page) = index.locate(tag).unwrap();
            let (hidden, same) = index.locate_hidden(tag).unwrap();
            assert_eq!((hidden.key(), hidden.entry(0), same), (open.key(), open.entry(0), page));
        }
        assert_eq!(index.lookup_seed(), MatrixSeed::of(b"sixteen of salt!", &built.directory));
    }
}

#[test]
fn an_empty_segment_matches_nothing() {
    let built = pack(params(0, 2_048, 4), []).unwrap();
    assert_eq!((built.pages.len(), built.directory.len(), built.header_block.len()), (0, 0, 2_048));
    let index = built.index();
    assert!(index.placement().is_none());
    assert!(index.locate(&[1; 32]).is_none() && index.locate_hidden(&[1; 32]).is_none());
    assert_eq!(index.page_of(0), None);
    assert_eq!(index.verify_page(0, &[0; 2_048]).unwrap_err(), VerifyError::NoSuchPage { page: 0, pages: 0 });
    assert_eq!(index.header().file_bytes(), 2_048);
}

#[test]
fn a_locator_prints_nothing_and_a_root_as_hex() {
    let locator = params(10, 2_048, 4).placement().unwrap().locate(&[1; 32]);
    assert_eq!(format!("{locator:?}"), "Locator(redacted)");
    let mut root = SegmentRoot([0; 32]);
    root.0[0] = 0x0a;
    root.0[31] = 0xf1;
    assert_eq!(root.to_string(), format!("0a{}f1", "00".repeat(30)));
}

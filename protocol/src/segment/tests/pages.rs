//! Pages as a damaged disk or a dishonest operator would hand them over.

use super::*;

const PAGE_BYTES: usize = 2_048;

/// One page with three label bits: 100 entries in 100 buckets, two of them in bucket 0 and none in the last.
fn page() -> (Vec<u8>, u32) {
    let mut rng = StdRng::seed_from_u64(13);
    let mut list = Vec::new();
    for bucket in (0..99).filter(|bucket| bucket % 10 != 5) {
        for remainder in 1..=1 + u64::from(bucket % 9 == 0 || bucket == 1) {
            let masked_label = rng.random_range(0..8);
            list.push(Entry {
                bucket,
                masked_label,
                remainder: remainder << 36 | rng.random_range(0..1 << 36),
            });
        }
    }
    let count = u32::try_from(list.len()).unwrap();
    let built = pack(params(list.len(), 2_048, 3), list).unwrap();
    assert_eq!(built.pages.len(), 1);
    (built.pages[0].clone(), count)
}

fn parse(bytes: &[u8], buckets: u32) -> Result<(), PageError> {
    Page::parse(bytes, 0, buckets, 3).map(|_| ())
}

/// Uses everything a page offers; must not panic whatever the page holds.
fn walk(page: &Page<'_>, first: u32, next: u32) {
    let entries: Vec<_> = page.entries().collect();
    assert_eq!(entries.len(), page.len());
    assert!(entries.is_sorted_by(|a, b| a.key() < b.key()));
    for entry in &entries {
        assert!((first..next).contains(&entry.bucket));
        assert_eq!(page.find(entry.bucket, entry.remainder), Some(entry.masked_label));
        assert_eq!(page.find(entry.bucket, entry.remainder ^ 1 << 39 ^ 1), None);
    }
    for bucket in [0, first.wrapping_sub(1), first, next - 1, next, u32::MAX] {
        for remainder in [0, 1, (1 << 40) - 1, u64::MAX] {
            let held = entries.iter().find(|entry| (entry.bucket, entry.remainder) == (bucket, remainder));
            assert_eq!(page.find(bucket, remainder), held.map(|entry| entry.masked_label));
        }
    }
}

#[test]
fn no_flipped_bit_passes_the_hash_and_none_panics_without_it() {
    let mut rng = StdRng::seed_from_u64(14);
    let labels = random_labels(&mut rng, 900, 3);
    let built = pack_tags(params(900, 2_048, 3), &labels).unwrap();
    let index = built.index();
    for number in 0..index.header().pages() {
        let (first, next) = index.buckets_of(number).unwrap();
        let good = &built.pages[number as usize];
        walk(&index.verify_page(number, good).unwrap(), first, next);
        for at in 0..good.len() {
            for flip in [1u8, 0x80, 0xff] {
                let mut bytes = good.clone();
                bytes[at] ^= flip;
                assert_eq!(
                    index.verify_page(number, &bytes).unwrap_err(),
                    VerifyError::Hash { page: number }
                );
                if let Ok(page) = Page::parse(&bytes, first, next, 3) {
                    walk(&page, first, next);
                }
            }
        }
    }
}

#[test]
fn an_authentic_page_in_another_place_is_refused() {
    let mut rng = StdRng::seed_from_u64(15);
    let labels = random_labels(&mut rng, 2_000, 0);
    let built = pack_tags(params(2_000, 2_048, 0), &labels).unwrap();
    let index = built.index();
    let pages = index.header().pages();
    assert_eq!(index.verify_page(1, &built.pages[0]).unwrap_err(), VerifyError::Hash { page: 1 });
    assert_eq!(index.verify_page(0, &built.pages[0][..2_047]).unwrap_err(), VerifyError::Hash { page: 0 });
    let longer = [&built.pages[0][..], &[0]].concat();
    assert_eq!(index.verify_page(0, &longer).unwrap_err(), VerifyError::Hash { page: 0 });
    assert_eq!(index.verify_page(0, &[]).unwrap_err(), VerifyError::Hash { page: 0 });
    for page in [pages, u32::MAX] {
        assert_eq!(
            index.verify_page(page, &built.pages[0]).unwrap_err(),
            VerifyError::NoSuchPage { page, pages }
        );
    }
}

#[test]
fn a_malformed_page_under_its_own_hash_is_refused_by_its_structure() {
    let (good, buckets) = page();
    let mut bytes = good;
    bytes[PAGE_BYTES / 2] = 1;
    let directory = [&[0; 4][..], blake3::hash(&bytes).as_bytes()].concat();
    let header_block =
        pack(params(buckets as usize, 2_048, 3), (0..buckets).map(|i| entry(i, 0))).unwrap().header_block;
    let root = SegmentRoot::of(&header_block, &directory);
    let index = SegmentIndex::parse(&header_block, &directory, &root).unwrap();
    let fault = PageError::Padding;
    assert_eq!(index.verify_page(0, &bytes).unwrap_err(), VerifyError::Structure { page: 0, fault });
}

#[test]
fn every_rule_of_a_page_is_enforced() {
    let (good, buckets) = page();
    let count = u16::from_le_bytes([good[0], good[1]]);
    assert_eq!((count, buckets), (100, 100));
    let unary_bits = usize::from(count) + buckets as usize;
    assert_eq!(unary_bits, 200);
    let labels_at = PAGE_BYTES - 500 - 38; // 300 bits of labels leave 4 unused
    assert_eq!(parse(&good, buckets), Ok(()));
    let changed = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = good.clone();
        change(&mut bytes);
        parse(&bytes, buckets).unwrap_err()
    };

    // Count: one that cannot fit, and ones that do not agree with the unary part.
    assert_eq!(changed(&|b| b[1] = 2), PageError::Count { count: 612, buckets });
    assert_eq!(changed(&|b| b[..2].fill(0xff)), PageError::Count { count: 65_535, buckets });
    assert!(matches!(changed(&|b| b[0] -= 1), PageError::Padding | PageError::Unary { .. }));
    assert!(matches!(changed(&|b| b[0] += 1), PageError::LabelPadding | PageError::Unary { .. }));
    // Unary part: a bit too many, too few, the last bucket left open.
    let zero = (0..199).find(|bit| good[2 + bit / 8] >> (bit % 8) & 1 == 0).unwrap();
    let one = (0..199).find(|bit| good[2 + bit / 8] >> (bit % 8) & 1 == 1).unwrap();
    assert_eq!(changed(&|b| b[2 + zero / 8] ^= 1 << (zero % 8)), PageError::Unary { ones: 101, count });
    assert_eq!(changed(&|b| b[2 + one / 8] ^= 1 << (one % 8)), PageError::Unary { ones: 99, count });
    assert_eq!(
        changed(&|b| {
            b[2 + one / 8] ^= 1 << (one % 8);
            b[2 + 24] |= 0x80;
        }),
        PageError::Unclosed
    );
    // Padding: right behind the unary part, right before the labels, and after them.
    assert_eq!(changed(&|b| b[2 + 25] = 1), PageError::Padding);
    assert_eq!(changed(&|b| b[labels_at - 1] = 0x80), PageError::Padding);
    for bit in 4..8 {
        assert_eq!(changed(&|b| b[labels_at + 37] |= 1 << bit), PageError::LabelPadding);
    }
    // Order within a bucket: bucket 0 has the entries 0 and 1.
    let remainder = |entry: usize| PAGE_BYTES - 500 + 5 * entry;
    assert_eq!(
        changed(&|b| b.copy_within(remainder(0)..remainder(1), remainder(1))),
        PageError::Unsorted { entry: 1 },
        "equal"
    );
    assert_eq!(changed(&|b| b[remainder(1) + 4] = 0), PageError::Unsorted { entry: 1 }, "descending");
    assert_eq!(changed(&|b| b[remainder(0) + 4] = 0xff), PageError::Unsorted { entry: 1 }, "descending");

    // The same bytes under another range of buckets. Empty buckets at the end look like padding, so their number is
    // for the directory to say, and the root vouches for that; entries never pass into another range.
    assert_eq!(parse(&good, 98), Err(PageError::Unclosed));
    assert_eq!(parse(&good, 97), Err(PageError::Padding));
    assert_eq!(parse(&good, 1), Err(PageError::Padding));
    assert_eq!(parse(&good, u32::MAX), Err(PageError::Count { count, buckets: u32::MAX }));
    assert!(Page::parse(&good, 5, 105, 3).is_ok(), "so is where the range begins");
    assert_eq!(Page::parse(&good, 7, 7, 3).unwrap_err(), PageError::Buckets { first: 7, next: 7 });
    assert_eq!(Page::parse(&good, 8, 7, 3).unwrap_err(), PageError::Buckets { first: 8, next: 7 });
    assert_eq!(Page::parse(&good, 0, 100, 33).unwrap_err(), PageError::LabelBits(33));
    for length in [0, 1, 2, 2_047, 2_049, 4_097, 65_536] {
        assert_eq!(parse(&vec![0; length], buckets), Err(PageError::Length(length)));
    }
}

#[test]
fn order_is_checked_across_the_words_of_the_unary_part() {
    // One bucket of 300 entries: neighbours stand on both sides of every word's edge.
    let built = pack(params(300, 2_048, 0), (0..300).map(|i| entry(3, i + 1))).unwrap();
    let good = &built.pages[0];
    for at in 1..300 {
        let mut bytes = good.clone();
        let remainder = PAGE_BYTES - 1_500 + 5 * at;
        bytes.copy_within(remainder - 5..remainder, remainder);
        assert_eq!(Page::parse(&bytes, 0, 300, 0).unwrap_err(), PageError::Unsorted { entry: at });
    }
    walk(&Page::parse(good, 0, 300, 0).unwrap(), 0, 300);
}

#[test]
fn unused_bits_of_the_unary_part_are_padding() {
    // 3 entries and 2 buckets: 5 bits, so 3 of the byte are unused.
    let mut bytes = vec![0; PAGE_BYTES];
    bytes[0] = 3;
    bytes[2] = 0b0_1011; // bucket 0: two entries, bucket 1: one; the fifth bit closes it
    bytes[PAGE_BYTES - 10] = 1;
    bytes[PAGE_BYTES - 5] = 1;
    assert!(Page::parse(&bytes, 0, 2, 0).is_ok());
    for bit in 5..8 {
        let mut bytes = bytes.clone();
        bytes[2] |= 1 << bit;
        assert_eq!(Page::parse(&bytes, 0, 2, 0).unwrap_err(), PageError::Padding);
    }
    bytes[2] = 0b1_0011;
    assert_eq!(Page::parse(&bytes, 0, 2, 0).unwrap_err(), PageError::Unclosed);
}

#[test]
fn the_largest_pages_hold_at_their_edges() {
    // Nothing but empty buckets, as many as fit.
    for (length, buckets) in [(2_048, 16_368), (16_384, 131_056)] {
        let bytes = vec![0; length];
        let page = Page::parse(&bytes, 1_000, 1_000 + buckets, 32).unwrap();
        walk(&page, 1_000, 1_000 + buckets);
        let fault = PageError::Count { count: 0, buckets: buckets + 1 };
        assert_eq!(Page::parse(&bytes, 1_000, 1_001 + buckets, 32).unwrap_err(), fault);
        let mut full = bytes.clone();
        full[2..].fill(0xff);
        assert!(Page::parse(&full, 1_000, 1_000 + buckets, 32).is_err());
        let mut open = vec![0xff; length];
        open[..2].fill(0);
        open[length - 1] = 0x7f;
        let ones = buckets - 1;
        assert_eq!(Page::parse(&open, 0, buckets, 0).unwrap_err(), PageError::Unary { ones, count: 0 });
    }
    // The last bucket there can be.
    let mut bytes = vec![0; PAGE_BYTES];
    bytes[0] = 1;
    bytes[2] = 1;
    bytes[PAGE_BYTES - 5..].fill(0xff);
    let page = Page::parse(&bytes, u32::MAX - 1, u32::MAX, 0).unwrap();
    assert_eq!(page.find(u32::MAX - 1, (1 << 40) - 1), Some(0));
    walk(&page, u32::MAX - 1, u32::MAX);
}

proptest! {
    #[test]
    fn any_bytes_are_a_page_or_a_reason(
        seed: u64, count in 0..500u16, first: u32, buckets in 0..20_000u32, label_bits in 0..34u8, noise in 0..4usize,
    ) {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut bytes = vec![0; PAGE_BYTES];
        bytes[..2].copy_from_slice(&count.to_le_bytes());
        match noise {
            0 => rng.fill(&mut bytes[2..]),
            1 => bytes[2..].fill_with(|| rng.random::<u8>() & rng.random::<u8>() & rng.random::<u8>()),
            2 => bytes[2..60].fill_with(|| rng.random()),
            _ => {}
        }
        let next = first.saturating_add(buckets);
        if let Ok(page) = Page::parse(&bytes, first, next, label_bits) {
            walk(&page, first, next);
        }
    }
}

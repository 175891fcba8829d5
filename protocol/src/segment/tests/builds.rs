//! What the builder refuses, and how it packs.

use super::*;
use crate::codec::Extension;

/// Bytes that entries and empty buckets of one page take.
fn used(count: u64, buckets: u64, label_bits: u64) -> u64 {
    2 + (count + buckets).div_ceil(8) + (count * label_bits).div_ceil(8) + 5 * count
}

#[test]
fn pages_are_packed_greedily_and_buckets_never_straddle() {
    let mut rng = StdRng::seed_from_u64(10);
    for label_bits in [0u8, 3, 32] {
        let labels = random_labels(&mut rng, 5_000, label_bits);
        let built = pack_tags(params(5_000, 2_048, label_bits), &labels).unwrap();
        let index = built.index();
        let pages: Vec<_> =
            (0..).zip(&built.pages).map(|(i, bytes)| index.verify_page(i, bytes).unwrap()).collect();
        for (number, pair) in (0..).zip(pages.windows(2)) {
            let (first, next) = index.buckets_of(number).unwrap();
            let moved = pair[1].entries().filter(|entry| entry.bucket == next).count() as u64;
            let held = pair[0].len() as u64;
            assert!(pair[0].entries().all(|entry| (first..next).contains(&entry.bucket)));
            let grown = used(held + moved, u64::from(next - first) + 1, label_bits.into());
            assert!(grown > 2_048, "page {number} had room for its successor's first bucket");
            // The pages' own bytes say the same as their ranges.
            assert_eq!(index.page_of(first), Some(number));
            assert_eq!(index.page_of(next - 1), Some(number));
            assert_eq!(index.page_of(next), Some(number + 1));
        }
        assert_eq!(index.page_of(4_999), Some(u32::try_from(pages.len()).unwrap() - 1));
        assert_eq!(index.page_of(5_000), None);
        assert_eq!(index.page_of(u32::MAX), None);
    }
}

/// 399 entries in bucket 0 of 399: what they leave of the page is less than the empty buckets need.
#[test]
fn a_page_of_empty_buckets_may_end_a_segment() {
    let count = 399;
    assert!(used(count, 1, 0) <= 2_048 && used(count, count, 0) > 2_048);
    let built = pack(params(399, 2_048, 0), (0..399).map(|i| entry(0, i * 3))).unwrap();
    let index = built.index();
    assert_eq!(built.pages.len(), 2);
    let pages: Vec<_> = (0..).zip(&built.pages).map(|(i, b)| index.verify_page(i, b).unwrap()).collect();
    assert_eq!((pages[0].len(), pages[1].len(), pages[1].is_empty()), (399, 0, true));
    assert_eq!(pages[0].find(0, 3 * 398), Some(0));
    assert_eq!(pages[0].find(0, 3 * 398 + 1), None);
    let (first, next) = index.buckets_of(1).unwrap();
    assert_eq!((used(399, first.into(), 0), used(399, u64::from(first) + 1, 0), next), (2_048, 2_049, 399));
    assert_eq!(pages[1].find(first, 0), None);
}

#[test]
fn what_a_fresh_salt_heals_says_so() {
    let refusal = |entries: usize, list: Vec<Entry>| pack(params(entries, 2_048, 0), list).err().unwrap();
    let collision = refusal(3, vec![entry(1, 5), entry(1, 5)]);
    assert_eq!(collision, BuildError::Collision { entry: 1 });
    let full = refusal(500, (0..500).map(|i| entry(7, i)).collect());
    assert_eq!(full, BuildError::BucketTooLarge { bucket: 7 });
    // 16,368 buckets fill a page; two pages of them are more than uniform keys would ever leave empty.
    let gap = refusal(100_000, vec![entry(0, 1), entry(40_000, 1), entry(40_001, 1)]);
    assert_eq!(gap, BuildError::Sparse { bucket: 40_000 });
    // The gap would fit the second page, but not together with the bucket behind it: no page may get lost.
    let bucket = |number| (0..399).map(move |i| entry(number, i));
    let wide = refusal(2_000, bucket(0).chain(bucket(500)).chain([entry(501, 0)]).collect());
    assert_eq!(wide, BuildError::Sparse { bucket: 500 });
    let tail = refusal(100_000, (0..100_000).map(|i| entry(i / 9, i.into())).collect());
    assert_eq!(tail, BuildError::Sparse { bucket: 100_000 });
    let end = refusal(1_000_000, vec![entry(0, 1)]);
    assert_eq!(end, BuildError::EntryCount { pushed: 1, announced: 1_000_000 });
    for error in [collision, full, gap, wide, tail] {
        assert!(error.wants_fresh_salt());
        assert!(error.to_string().contains("fresh salt"), "{error}");
    }
    assert!(!end.wants_fresh_salt());
}

#[test]
fn a_gap_that_one_page_can_bridge_is_bridged() {
    // Entry 0, then 20,000 empty buckets: more than the rest of the first page, less than the second.
    let entries = (0..50_000).map(|i| entry(if i == 0 { 0 } else { 20_000 + i / 2 }, i.into()));
    let built = pack(params(50_000, 2_048, 0), entries).unwrap();
    let index = built.index();
    let mut all = Vec::new();
    for (number, bytes) in (0..).zip(&built.pages) {
        all.extend(index.verify_page(number, bytes).unwrap().entries());
    }
    assert_eq!(all.len(), 50_000);
    assert!(all.iter().zip(0u64..).all(|(entry, i)| entry.remainder == i));
    let (first, next) = index.buckets_of(0).unwrap();
    assert_eq!((used(1, u64::from(next - first), 0), used(1, u64::from(next) + 1, 0)), (2_048, 2_049));
}

#[test]
fn entries_out_of_order_range_or_number_are_refused() {
    let refusal = |list: &[Entry]| pack(params(3, 2_048, 4), list.iter().copied()).err();
    assert_eq!(refusal(&[entry(1, 5), entry(1, 4)]), Some(BuildError::NotAscending { entry: 1 }));
    assert_eq!(refusal(&[entry(1, 5), entry(0, 6)]), Some(BuildError::NotAscending { entry: 1 }));
    assert_eq!(refusal(&[entry(3, 0)]), Some(BuildError::Range { entry: 0 }));
    assert_eq!(refusal(&[entry(0, 0), entry(2, 1 << 40)]), Some(BuildError::Range { entry: 1 }));
    let wide = Entry { bucket: 0, masked_label: 16, remainder: 0 };
    assert_eq!(refusal(&[wide]), Some(BuildError::Range { entry: 0 }));
    assert_eq!(
        refusal(&[entry(0, 0), entry(0, 1)]),
        Some(BuildError::EntryCount { pushed: 2, announced: 3 })
    );
    let four = [entry(0, 0), entry(0, 1), entry(1, 0), entry(2, 0)];
    assert_eq!(refusal(&four), Some(BuildError::EntryCount { pushed: 4, announced: 3 }));
    assert_eq!(refusal(&four[1..]), None);
    assert_eq!(
        pack(params(0, 2_048, 4), [entry(0, 0)]).err(),
        Some(BuildError::EntryCount { pushed: 1, announced: 0 })
    );
}

#[test]
fn parameters_are_checked_before_any_entry() {
    let refusal = |change: fn(&mut SegmentParams)| {
        let mut params = params(1, 2_048, 0);
        change(&mut params);
        SegmentBuilder::new(params).err()
    };
    let extension = |id, length| Extension { id, bytes: vec![1; length] };
    assert_eq!(refusal(|p| p.page_bytes = 4_095), Some(HeaderError::PageBytes(4_095).into()));
    assert_eq!(refusal(|p| p.page_bytes = 0), Some(HeaderError::PageBytes(0).into()));
    assert_eq!(refusal(|p| p.label_bits = 33), Some(HeaderError::LabelBits(33).into()));
    let refusal = |extensions: Vec<Extension>| {
        SegmentBuilder::new(SegmentParams { extensions, ..params(1, 2_048, 0) }).err()
    };
    assert_eq!(refusal(vec![extension(0x8001, 1)]), Some(HeaderError::ExtensionCritical(0x8001).into()));
    assert_eq!(refusal(vec![extension(2, 1), extension(2, 1)]), Some(HeaderError::ExtensionOrder(2).into()));
    assert_eq!(refusal(vec![extension(2, 1), extension(1, 1)]), Some(HeaderError::ExtensionOrder(1).into()));
    assert_eq!(refusal(vec![extension(3, 2_000)]), Some(HeaderError::Truncated.into()));
    assert_eq!(refusal((2..258).map(|id| extension(id, 0)).collect()), Some(HeaderError::Truncated.into()));
    assert_eq!(refusal((2..257).map(|id| extension(id, 0)).collect()), None);
}

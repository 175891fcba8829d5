//! Header blocks and directories, to the byte.

use super::*;
use crate::codec::Extension;

/// A segment with one entry, one label bit and one extension, as SPEC.md shows it.
fn example() -> Built {
    let params = SegmentParams {
        kind: SegmentKind::Add,
        extensions: vec![Extension { id: 0x0102, bytes: vec![0xaa, 0xbb, 0xcc] }],
        ..params(1, 2_048, 1)
    };
    pack(params, [Entry { bucket: 0, masked_label: 1, remainder: 0x01_0203_0405 }]).unwrap()
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u32> = text.chars().filter_map(|sign| sign.to_digit(16)).collect();
    digits.chunks(2).map(|pair| u8::try_from(pair[0] * 16 + pair[1]).unwrap()).collect()
}

#[test]
fn the_bytes_of_a_segment() {
    let built = example();
    let fields = [
        "53414d4152534547",                 // "SAMARSEG"
        "0100",                             // version 1
        "0100",                             // suite 1
        "01",                               // kind: add
        "01",                               // label bits
        "0000",                             // reserved
        "00080000",                         // page bytes: 2,048
        "6b65792069642031",                 // key id: "key id 1"
        "7369787465656e206f662073616c7421", // salt: "sixteen of salt!"
        "0100000000000000",                 // entries
        "01000000",                         // pages
        "09",                               // length of the breach id
        "62706a732d32303231",               // "bpjs-2021"
        "01",                               // extensions
        "0201",                             // id 0x0102, not critical
        "0300",                             // its length
        "aabbcc",                           // its bytes
    ];
    let mut header_block = unhex(&fields.concat());
    header_block.resize(2_048, 0);
    assert_eq!(built.header_block, header_block);

    let mut page = unhex("0100 01"); // one entry; unary: one 1 bit, closed by a 0 bit
    page.resize(2_048 - 6, 0); // padding
    page.extend(unhex("01 0504030201")); // label; remainder 0x0102030405
    assert_eq!(built.pages, [page.clone()]);

    let directory = [&unhex("00000000")[..], blake3::hash(&page).as_bytes()].concat();
    assert_eq!(built.directory, directory);
    let committed = [b"samar segment root v1", &header_block[..], &directory].concat();
    assert_eq!(built.root.0, *blake3::hash(&committed).as_bytes());
    assert_eq!(built.root.to_string(), "96951f56b6de4b1ea36c9c33e56dfd7909cd9e2e7a106b9b59440fb163d34095");
}

#[test]
fn a_header_reads_back_what_was_built() {
    let built = example();
    let header = built.header();
    assert_eq!(header.pages(), 1);
    assert_eq!(header.params().kind, SegmentKind::Add);
    assert_eq!(header.params().extensions, [Extension { id: 0x0102, bytes: vec![0xaa, 0xbb, 0xcc] }]);
    assert_eq!(header.params().breach_id.as_str(), "bpjs-2021");
    assert_eq!(header.encode().unwrap(), built.header_block);
    assert_eq!(Header::page_bytes_of(built.header_block.first_chunk().unwrap()), Ok(2_048));
    assert_eq!(
        (header.page_offset(0), header.directory_offset(), header.file_bytes()),
        (2_048, 4_096, 4_132)
    );
}

#[test]
fn every_rule_of_the_header_is_enforced() {
    let good = example().header_block;
    let refusal = |at: usize, bytes: &[u8]| {
        let mut block = good.clone();
        block[at..at + bytes.len()].copy_from_slice(bytes);
        Header::parse(&block).unwrap_err()
    };
    assert_eq!(refusal(0, b"s"), HeaderError::Magic);
    assert_eq!(refusal(8, &[2]), HeaderError::Version(2));
    assert_eq!(refusal(8, &[0]), HeaderError::Version(0));
    assert_eq!(refusal(10, &[1, 1]), HeaderError::Suite(257));
    assert_eq!(refusal(12, &[3]), HeaderError::Kind(3));
    assert_eq!(refusal(13, &[33]), HeaderError::LabelBits(33));
    assert_eq!(refusal(14, &[1]), HeaderError::Reserved);
    assert_eq!(refusal(15, &[1]), HeaderError::Reserved);
    assert_eq!(refusal(16, &[0, 4, 0, 0]), HeaderError::PageBytes(1_024));
    assert_eq!(refusal(16, &[0xff; 4]), HeaderError::PageBytes(u32::MAX));
    assert_eq!(refusal(16, &[0, 16, 0, 0]), HeaderError::Length { expected: 4_096, found: 2_048 });
    assert_eq!(refusal(44, &[0, 0, 0, 0, 1]), HeaderError::Entries(1 << 32));
    assert_eq!(refusal(44, &[0]), HeaderError::Pages { pages: 1, entries: 0 });
    assert_eq!(refusal(52, &[0]), HeaderError::Pages { pages: 0, entries: 1 });
    assert_eq!(refusal(52, &[2]), HeaderError::Pages { pages: 2, entries: 1 });
    assert_eq!(refusal(52, &[0xff; 4]), HeaderError::Pages { pages: u32::MAX, entries: 1 });
    for id in [
        b"Bpjs-2021",
        b"-pjs-2021",
        b"bpjs-202-",
        b"bpjs_2021",
        b"../../etc",
        b"bpjs\0\0\0\0\0",
        b"\xffpjs-2021",
    ] {
        assert_eq!(refusal(57, id), HeaderError::BreachId(BreachIdError), "{id:?}");
    }
    assert_eq!(refusal(56, &[0]), HeaderError::BreachId(BreachIdError));
    assert_eq!(refusal(56, &[65]), HeaderError::BreachId(BreachIdError));
    assert_eq!(refusal(67, &[2, 0x82]), HeaderError::ExtensionCritical(0x8202));
    assert_eq!(refusal(67, &[2, 0x81]), HeaderError::ExtensionCritical(0x8102));
    assert_eq!(refusal(66, &[2]), HeaderError::ExtensionOrder(0)); // a second extension, read from the padding
    assert_eq!(refusal(69, &[0xff, 0xff]), HeaderError::Truncated);
    assert_eq!(refusal(66, &[0]), HeaderError::Padding);
    assert_eq!(refusal(74, &[1]), HeaderError::Padding);
    assert_eq!(refusal(2_047, &[1]), HeaderError::Padding);

    for length in 0..good.len() {
        assert!(Header::parse(&good[..length]).is_err(), "{length} bytes");
    }
    let longer = [&good[..], &[0]].concat();
    assert_eq!(Header::parse(&longer), Err(HeaderError::Length { expected: 2_048, found: 2_049 }));
}

#[test]
fn the_header_bounds_the_directory_before_anything_vouches_for_it() {
    let mut block = pack(params(400, 2_048, 0), (0..400).map(|i| entry(i, 0))).unwrap().header_block;
    let mut claim = |entries: u32, pages: u32| {
        block[44..48].copy_from_slice(&entries.to_le_bytes());
        block[52..56].copy_from_slice(&pages.to_le_bytes());
        Header::parse(&block).map(|header| header.directory_bytes())
    };
    // 2 · ⌊100,000 · 42 / (8 · 2,046 − 14)⌋ + 1 = 513
    assert_eq!(claim(100_000, 513), Ok(513 * 36));
    assert_eq!(claim(100_000, 514), Err(HeaderError::Pages { pages: 514, entries: 100_000 }));
    assert!(claim(u32::MAX, u32::MAX).is_err());
    // The worst packing there is stays below: a bucket that fills a page alternates with one that needs its own.
    let worst =
        (0..10).flat_map(|pair| (0..399).map(move |i| entry(2 * pair, i)).chain([entry(2 * pair + 1, 0)]));
    let built = pack(params(4_000, 2_048, 0), worst).unwrap();
    assert_eq!(built.header().pages(), 20);
    assert!(claim(4_000, 21).is_ok() && claim(4_000, 22).is_err());
}

#[test]
fn breach_ids_hold_their_alphabet() {
    for good in ["a", "0", "bpjs-2021", "a-b--c", &"x".repeat(64)] {
        assert_eq!(BreachId::parse(good).unwrap().to_string(), good);
    }
    for bad in ["", "-", "-a", "a-", "A", "a b", "a.b", "a/b", "é", "a\n", &"x".repeat(65)] {
        assert_eq!(BreachId::parse(bad), Err(BreachIdError), "{bad:?}");
    }
}

proptest! {
    #[test]
    fn any_header_that_is_read_is_written_back_the_same(
        kind in 0..4u8, label_bits in 0..34u8, entries in prop_oneof![0..3u64, any::<u32>().prop_map(u64::from)],
        pages in 0..4u32, id in "[a-z0-9-]{0,66}", ids in prop::collection::vec(0..0x8002u16, 0..4),
        rest: [u8; 24], noise in prop::option::of((0..2_048usize, any::<u8>())),
    ) {
        let mut block = b"SAMARSEG\x01\0\x01\0".to_vec();
        block.extend([kind, label_bits, 0, 0, 0, 8, 0, 0]);
        block.extend(rest);
        block.extend(entries.to_le_bytes());
        block.extend(pages.to_le_bytes());
        block.push(u8::try_from(id.len()).unwrap());
        block.extend(id.bytes());
        block.push(u8::try_from(ids.len()).unwrap());
        for id in &ids {
            block.extend(id.to_le_bytes());
            block.extend([1, 0, 9]);
        }
        block.resize(2_048, 0);
        if let Some((at, byte)) = noise {
            block[at] = byte;
        }
        if let Ok(header) = Header::parse(&block) {
            prop_assert_eq!(header.encode().unwrap(), block);
        }
    }
}

#[test]
fn nothing_passes_under_another_root() {
    let built = example();
    let parse = |header_block: &[u8], directory: &[u8]| {
        SegmentIndex::parse(header_block, directory, &built.root).map(|_| ()).unwrap_err()
    };
    for at in 0..built.header_block.len() {
        let mut block = built.header_block.clone();
        block[at] ^= 1;
        assert!(matches!(parse(&block, &built.directory), IndexError::Root { .. }), "header byte {at}");
    }
    for at in 0..built.directory.len() {
        let mut directory = built.directory.clone();
        directory[at] ^= 1;
        assert!(
            matches!(parse(&built.header_block, &directory), IndexError::Root { .. }),
            "directory byte {at}"
        );
    }
    let other = SegmentRoot([0; 32]);
    let error = SegmentIndex::parse(&built.header_block, &built.directory, &other).map(|_| ()).unwrap_err();
    assert_eq!(error, IndexError::Root { expected: other, found: built.root });
}

/// What an operator that signs a malformed directory would be told.
#[test]
fn every_rule_of_the_directory_is_enforced_under_a_root_that_matches() {
    let mut rng = StdRng::seed_from_u64(12);
    let labels = random_labels(&mut rng, 1_500, 0);
    let built = pack_tags(params(1_500, 2_048, 0), &labels).unwrap();
    assert!(built.pages.len() >= 4);
    let parse = |header_block: &[u8], directory: &[u8]| {
        let root = SegmentRoot::of(header_block, directory);
        SegmentIndex::parse(header_block, directory, &root).map(|_| ())
    };
    let with_first = |page: usize, first: u32| {
        let mut directory = built.directory.clone();
        directory[page * 36..][..4].copy_from_slice(&first.to_le_bytes());
        parse(&built.header_block, &directory)
    };
    let (second, third) = (built.index().buckets_of(1).unwrap().0, built.index().buckets_of(2).unwrap().0);
    assert_eq!(with_first(0, 0), Ok(()));
    assert_eq!(with_first(0, 1), Err(IndexError::FirstBucket(1)));
    assert_eq!(with_first(1, 0), Err(IndexError::Order { page: 1 }));
    assert_eq!(with_first(2, second), Err(IndexError::Order { page: 2 }));
    assert_eq!(with_first(1, third), Err(IndexError::Order { page: 2 }));
    let last = built.pages.len() - 1;
    let page = u32::try_from(last).unwrap();
    assert_eq!(with_first(last, 1_499), Ok(()));
    assert_eq!(with_first(last, 1_500), Err(IndexError::Beyond { page, first: 1_500, entries: 1_500 }));

    let expected = built.directory.len() as u64;
    for length in [0, 35, 36, built.directory.len() - 36, built.directory.len() - 1] {
        let error = parse(&built.header_block, &built.directory[..length]);
        assert_eq!(error, Err(IndexError::DirectoryLength { expected, found: length }));
    }
    let longer = [&built.directory[..], &[0; 36]].concat();
    let found = longer.len();
    assert_eq!(parse(&built.header_block, &longer), Err(IndexError::DirectoryLength { expected, found }));
    // The same bytes cut elsewhere have the same root, but not the same lengths.
    let whole = [&built.header_block[..], &built.directory].concat();
    assert!(matches!(
        parse(&whole[..2_084], &whole[2_084..]),
        Err(IndexError::Header(HeaderError::Length { .. }))
    ));
    assert!(matches!(parse(&[], &whole), Err(IndexError::Header(HeaderError::Magic))));
}

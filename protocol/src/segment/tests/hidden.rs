//! What private lookups need of a segment: its pages read in constant time, its hint named.

use super::*;
use crate::lookup::HintNote;

/// The constant-time reading of a page says what the other one says, of every tag, and of every page that it is not.
#[test]
fn the_hidden_reading_of_a_page_finds_what_the_open_one_does() {
    let mut rng = StdRng::seed_from_u64(22);
    for (count, page_bytes, label_bits) in
        [(1, 2_048, 0), (40, 2_048, 32), (700, 2_048, 5), (2_000, 8_192, 12), (4_500, 16_384, 1)]
    {
        let labels = random_labels(&mut rng, count, label_bits);
        let built = pack_tags(params(count, page_bytes, label_bits), &labels).unwrap();
        let (index, others) = (built.index(), random_labels(&mut rng, 60, label_bits));
        for tag in labels.keys().take(300).chain(others.keys()) {
            let (locator, page) = index.locate_hidden(tag).unwrap();
            let bytes = &built.pages[page as usize];
            let open = index.verify_page(page, bytes).unwrap().find(locator.bucket(), locator.remainder());
            let hidden = index.find_hidden(&locator, page, bytes).open().unwrap();
            assert_eq!(hidden, open.map(|masked| locator.unmask(masked)));
            assert_eq!(hidden, labels.get(tag).copied());
            let mut changed = bytes.clone();
            changed[usize::from(tag[0])] ^= 1;
            assert_eq!(index.find_hidden(&locator, page, &changed).open(), Err(WrongPage));
            let other = (page + 1) % index.header().pages();
            if other != page {
                let other = index.find_hidden(&locator, page, &built.pages[other as usize]);
                assert_eq!(other.open(), Err(WrongPage), "another page of the same segment");
            }
        }
    }
}

/// Whatever the bytes, there is an answer and no panic; it prints nothing.
#[test]
fn the_hidden_reading_takes_any_bytes() {
    let mut rng = StdRng::seed_from_u64(23);
    let labels = random_labels(&mut rng, 700, 7);
    let built = pack_tags(params(700, 2_048, 7), &labels).unwrap();
    let index = built.index();
    let (locator, page) = index.locate_hidden(&[1; 32]).unwrap();
    for bytes in
        [vec![], vec![0xff], vec![0xff; 2_048], vec![0; 2_048], (0..=255).cycle().take(2_048).collect()]
    {
        let sealed = index.find_hidden(&locator, page, &bytes);
        assert_eq!(format!("{sealed:?}"), "Sealed(redacted)");
        assert_eq!(sealed.open(), Err(WrongPage));
    }
}

/// A note of a hint is an extension of a base, and changes the root.
#[test]
fn a_header_names_the_hint_of_a_base() {
    let labels = random_labels(&mut StdRng::seed_from_u64(24), 9, 1);
    let params = params(9, 2_048, 1);
    let base = SegmentParams { kind: SegmentKind::Base, ..params.clone() };
    let built = |params: SegmentParams| {
        let mut entries: Vec<_> =
            labels.iter().map(|(tag, label)| params.placement().unwrap().locate(tag).entry(*label)).collect();
        entries.sort_unstable_by_key(Entry::key);
        let mut builder = SegmentBuilder::new(params).unwrap();
        for entry in entries {
            builder.push(entry).unwrap();
        }
        builder.finish().unwrap()
    };
    let note = HintNote { hash: [6; 32] };
    let plain = built(base);
    let named = plain.clone().with_lookup(&note).unwrap();
    assert_eq!(Header::parse(&plain.header_block).unwrap().lookup(), None);
    assert_eq!(Header::parse(&named.header_block).unwrap().lookup(), Some(note));
    assert_eq!(named.root, SegmentRoot::of(&named.header_block, &named.directory));
    assert_ne!(named.root, plain.root);
    let add = SegmentParams { kind: SegmentKind::Add, ..params };
    assert_eq!(built(add).with_lookup(&note).unwrap_err(), HeaderError::LookupNote);
}

//! Parts applied in order, against the rule of SPEC.md written out over a map.

use std::collections::BTreeMap;

use samar_protocol::oprf::Element;
use samar_protocol::segment::SegmentKind;
use samar_protocol::vault::VaultHeader;

use super::compact::{compact, is_due};
use super::elements::Elements;
use super::file::Record;
use super::parts;
use crate::layout::Layout;

const ID: &str = "bpjs-2021";

fn write(layout: &Layout, kind: SegmentKind, records: &[(u8, u32)]) {
    std::fs::create_dir_all(layout.breach(ID)).unwrap();
    let varies = vec!["photo".to_owned(), "phone".to_owned()];
    let header = VaultHeader { key_id: [1; 8], breach: ID.to_owned(), exposes: vec![], varies };
    let mut writer = parts::create(layout, ID, kind, &header).unwrap();
    for (element, label) in records {
        writer.push(Record { element: Element([*element; 32]), label: *label }).unwrap();
    }
    writer.finish().unwrap();
}

fn held(layout: &Layout) -> BTreeMap<u8, u32> {
    let mut elements = Elements::open(layout, ID).unwrap().unwrap();
    let records: Vec<Record> =
        std::iter::from_fn(|| elements.read_record().transpose()).collect::<Result<_, _>>().unwrap();
    assert!(records.is_sorted_by(|a, b| a.element < b.element), "each once, in order");
    records.iter().map(|record| (record.element.0[0], record.label)).collect()
}

#[test]
#[allow(clippy::cast_possible_truncation)] // numbers below 16
fn parts_apply_in_their_order_and_one_base_holds_the_same() {
    use SegmentKind::{Add, Base, Remove};
    for seed in 0..200u64 {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::new(folder.path());
        let mut truth = BTreeMap::new();
        let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut next = |below: u64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (random >> 33) % below
        };
        for part in 0..=next(6) {
            let kind = if part == 0 { Base } else { [Add, Remove][usize::from(next(2) == 1)] };
            let records: BTreeMap<u8, u32> = (0..next(12))
                .map(|_| (next(16) as u8, if kind == Remove { 0 } else { next(4) as u32 }))
                .collect();
            for (element, label) in &records {
                match kind {
                    Remove => drop(truth.remove(element)),
                    Base | Add => *truth.entry(*element).or_insert(0) |= label,
                }
            }
            write(&layout, kind, &records.into_iter().collect::<Vec<_>>());
        }
        assert_eq!(held(&layout), truth, "seed {seed}");
        let last = parts::list(&layout, ID).unwrap().last().unwrap().number;
        compact(&layout, ID).unwrap();
        assert_eq!(held(&layout), truth, "seed {seed}, compacted");
        let left = parts::list(&layout, ID).unwrap();
        assert_eq!((left.len(), left[0].number, left[0].kind), (1, last + 1, Base));
        assert_eq!(std::fs::read_dir(layout.breach(ID)).unwrap().count(), 1, "what it stands for is gone");
    }
}

#[test]
fn a_part_that_is_missing_is_an_error_and_never_a_shorter_set() {
    let folder = tempfile::tempdir().unwrap();
    let layout = Layout::new(folder.path());
    write(&layout, SegmentKind::Base, &[(1, 0)]);
    write(&layout, SegmentKind::Add, &[(2, 0)]);
    write(&layout, SegmentKind::Remove, &[(1, 0)]);
    let parts = parts::list(&layout, ID).unwrap();
    for part in &parts[..2] {
        let path = layout.part(ID, part.number, part.kind);
        let bytes = std::fs::read(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let refused = Elements::open(&layout, ID).unwrap_err().to_string();
        assert!(refused.contains("is damaged"), "{refused}");
        std::fs::write(&path, bytes).unwrap();
    }
    assert_eq!(held(&layout), BTreeMap::from([(2, 0)]));
}

#[test]
fn changes_to_more_than_half_of_a_breach_are_worth_a_new_base() {
    let folder = tempfile::tempdir().unwrap();
    let layout = Layout::new(folder.path());
    let due = || is_due(&parts::open(&layout, ID).unwrap());
    write(&layout, SegmentKind::Base, &[(1, 0), (2, 0), (3, 0), (4, 0)]);
    assert!(!due());
    write(&layout, SegmentKind::Add, &[(5, 0), (6, 0)]);
    assert!(!due());
    write(&layout, SegmentKind::Remove, &[(1, 0)]);
    assert!(due());
}

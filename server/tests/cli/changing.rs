//! A breach that changes: additions, removals, compaction, a breach that goes, one that went missing.

use samar_protocol::manifest::Breach;
use samar_protocol::segment::SegmentKind::{self, Add, Base, Remove};
use samar_server::published;

use crate::house::{House, names};

fn list(persons: std::ops::Range<u32>) -> String {
    let row = |n: u32| {
        format!("320101{:02}0190{n:04},{}\n", n % 3 / 2 * 40 + 1, if n % 2 == 1 { "foto.jpg" } else { "" })
    };
    std::iter::once("NIK,FOTO\n".to_owned()).chain(persons.map(row)).collect()
}

fn ingest(house: &House, persons: std::ops::Range<u32>) -> String {
    let dump = house.file("dump.csv", list(persons));
    house
        .run(&[
            "ingest",
            "--breach",
            "breach-a",
            "--date",
            "2021",
            "--exposes",
            "photo=FOTO",
            "--json",
            &dump,
        ])
        .done()
}

fn newest(house: &House) -> Vec<Breach> {
    let epoch = published::newest_epoch(&house.layout).unwrap();
    published::read_manifest(&house.layout, epoch).unwrap().manifest().breaches.clone()
}

/// Kind and entries of each segment that the newest manifest names of the breach.
fn segments(house: &House) -> Vec<(SegmentKind, u64)> {
    newest(house)[0].segments.iter().map(|segment| (segment.kind, segment.entries)).collect()
}

#[test]
fn additions_and_removals_are_segments_of_their_own_until_they_are_compacted() {
    let house = House::new();
    ingest(&house, 1..101);
    house.run(&["publish"]).done();
    let base = newest(&house)[0].segments[0].clone();

    let again = ingest(&house, 1..101);
    assert!(again.contains(r#""accepted":0"#) && again.contains(r#""duplicates":100"#), "{again}");
    assert_eq!(names(&house.layout.breach("breach-a")), ["1-base.vault", "about.toml", "published.toml"]);
    house.run(&["publish"]).done();
    assert_eq!(
        newest(&house)[0].segments,
        std::slice::from_ref(&base),
        "the same file again changes nothing"
    );

    let more = ingest(&house, 96..111);
    assert!(more.contains(r#""accepted":10"#) && more.contains(r#""entries":110"#), "{more}");
    let gone =
        house.file("gone.csv", format!("{}3201010101909999,\nbroken,\n", list(1..6)) + "3201010101900001,\n");
    let removed = house.run(&["remove", "--breach", "breach-a", "--json", &gone]).done();
    let expected =
        r#"{"absent":1,"duplicates":1,"entries":105,"rejected":{"not-digits":1},"removed":5,"warnings":[]}"#;
    assert_eq!(removed.trim(), expected);
    house.run(&["remove", "--breach", "breach-a", &gone]).done();
    house.run(&["publish"]).done();
    assert_eq!(segments(&house), [(Base, 100), (Add, 10), (Remove, 5)], "who is gone is not removed twice");
    assert_eq!(newest(&house)[0].segments[0], base, "banks keep what they have");

    let text = house.run(&["publish", "--compact"]).done();
    assert!(text.contains("breach-a was compacted"), "{text}");
    assert_eq!(segments(&house), [(Base, 105)]);
    assert_eq!(names(&house.layout.breach("breach-a")), ["4-base.vault", "about.toml", "published.toml"]);
    let compacted = newest(&house);
    house.run(&["publish", "--compact"]).done();
    assert_eq!(newest(&house), compacted, "a breach of one part stays as it is");
}

#[test]
fn a_label_that_gains_a_class_is_an_addition_and_another_set_of_classes_a_new_base() {
    let house = House::new();
    ingest(&house, 1..101);
    let dump = house.file("more.csv", "NIK,FOTO\n3201014101900002,foto.jpg\n3201010101900001,\n");
    let ingest = |more: &[&str]| {
        let arguments = ["ingest", "--breach", "breach-a", "--exposes", "photo=FOTO", &dump];
        house.run(&[&arguments, more].concat()).done();
        house.run(&["publish"]).done();
    };
    ingest(&[]);
    assert_eq!(segments(&house), [(Base, 100), (Add, 1)], "the photo of one is known now");
    ingest(&["--exposes", "phone"]);
    assert_eq!(segments(&house), [(Base, 100)], "everyone has a bit more in their label");
    assert_eq!(newest(&house)[0].varies, ["photo", "phone"]);
}

#[test]
fn many_additions_are_compacted_before_a_manifest_can_name_no_more() {
    let house = House::new();
    ingest(&house, 1..301);
    for n in 0..32 {
        ingest(&house, 301 + n..302 + n);
    }
    assert!(house.run(&["publish"]).done().contains("breach-a was compacted"));
    assert_eq!(segments(&house), [(Base, 332)]);
}

#[test]
fn a_breach_that_is_taken_out_is_gone_from_the_next_manifest() {
    let house = House::filled();
    house.ingest("breach-b", list(1..4)).done();
    house.run(&["publish"]).done();
    house.run(&["remove", "--breach", "breach-c"]).fails(2, &["no breach `breach-c`", "breach-a, breach-b"]);
    let text = house.run(&["remove", "--breach", "breach-a"]).done();
    assert!(text.contains("taken out as a whole, 3 entries") && text.contains("next publish"), "{text}");
    house.run(&["publish"]).done();
    assert_eq!(newest(&house).iter().map(|breach| breach.id.as_str()).collect::<Vec<_>>(), ["breach-b"]);
    house.run(&["remove", "--breach", "breach-b"]).done();
    house.run(&["publish"]).done();
    assert_eq!(newest(&house), [], "an empty set is one too, where that is what was asked for");
    assert_eq!(names(&house.layout.vault()), [".runs"]);
}

#[test]
fn the_entries_of_a_breach_that_is_taken_out_are_those_that_it_had() {
    let house = House::new();
    ingest(&house, 1..101);
    ingest(&house, 101..111);
    let gone = house.file("gone.csv", list(1..21));
    house.run(&["remove", "--breach", "breach-a", &gone]).done();
    let removed = house.run(&["remove", "--breach", "breach-a", "--json"]).done();
    assert_eq!(removed.trim(), r#"{"breach":"breach-a","entries":0,"removed":90}"#);
    // One that is damaged can go as well, and nobody says how much it held.
    ingest(&house, 1..101);
    ingest(&house, 101..111);
    let base = house.base("breach-a");
    let mut bytes = std::fs::read(&base).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(base, bytes).unwrap();
    let removed = house.run(&["remove", "--breach", "breach-a", "--json"]).done();
    assert_eq!(removed.trim(), r#"{"breach":"breach-a","entries":0,"removed":null}"#);
    assert!(house.run(&["publish"]).code == 2, "nothing is left to publish");
}

// R-VLT-3: 6
#[test]
fn a_breach_or_a_part_that_went_missing_is_not_published_as_gone() {
    let house = House::filled();
    house.ingest("breach-b", list(1..4)).done();
    house.run(&["publish"]).done();
    let (place, elsewhere) = (house.layout.breach("breach-a"), house.path("elsewhere"));
    std::fs::rename(&place, &elsewhere).unwrap();
    let words = ["no breach-a any more, which epoch 1 names", "restore", "remove --breach breach-a"];
    house.run(&["publish"]).fails(6, &words);
    std::fs::rename(&elsewhere, &place).unwrap();

    house.ingest("breach-a", "NIK\n3201010101900009\n").done();
    house.run(&["publish"]).done();
    let addition = house.layout.part("breach-a", 2, Add);
    std::fs::rename(&addition, &elsewhere).unwrap();
    house.run(&["publish"]).fails(6, &["has no part 2, which was published", "restore"]);
    std::fs::rename(&elsewhere, &addition).unwrap();
    house.run(&["publish"]).done();

    std::fs::rename(&place, &elsewhere).unwrap();
    house.run(&["remove", "--breach", "breach-a"]).done();
    house.run(&["publish"]).done();
    assert_eq!(newest(&house).len(), 1, "one that is lost can be given up");
}

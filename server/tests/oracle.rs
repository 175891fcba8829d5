//! Ingest against a plain model: a `HashSet` of what a tiny parser, written for this test alone, makes of the same dump.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::Path;

use proptest::prelude::*;
use samar_protocol::group::Backend;
use samar_protocol::identifier::Kind;
use samar_server::ingest::{Exposure, IdentifierColumn, Plan, Report, Source, ingest};
use samar_server::init::init;
use samar_server::keys;
use samar_server::layout::Layout;
use samar_server::synth::{Dirt, DumpSpec, Like, write_dump};
use samar_server::vault::elements::Elements;
use tempfile::TempDir;

/// What the model makes of a cell: 16 digits, or nothing.
fn model(cell: &str) -> Option<String> {
    let invisible = |c: char| "\u{feff}\u{200b}\u{a0} .-'".contains(c);
    let ascii = |c: char| match u32::from(c) {
        0xff10..=0xff19 => char::from_digit(u32::from(c) - 0xff10, 10).unwrap(),
        _ => c,
    };
    let nik: String = cell.chars().filter(|c| !invisible(*c)).map(ascii).collect();
    if nik.len() != 16 || !nik.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let two = |at: usize| nik[at..at + 2].parse::<u32>().unwrap();
    let (day, month, year) = (two(6), two(8), two(10));
    let day = if day > 40 { day - 40 } else { day };
    let february = if year % 4 == 0 { 29 } else { 28 };
    let days = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let valid =
        (1..=12).contains(&month) && (1..=days[month as usize - 1]).contains(&day) && &nik[12..] != "0000";
    valid.then_some(nik)
}

/// An operator's folder and what it should hold: each NIK, and whether a photo of it was seen.
struct Kept {
    folder: TempDir,
    layout: Layout,
    expected: BTreeMap<String, bool>,
}

impl Kept {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::new(folder.path().join("operator"));
        init(&layout, "Badan Contoh", "127.0.0.1:0".parse().unwrap()).unwrap();
        Self { folder, layout, expected: BTreeMap::new() }
    }

    /// Ingests a dump with the columns NIK (at `column`) and FOTO (the last), and compares.
    fn takes(&mut self, dump: &str, column: usize, memory_bytes: usize) {
        let path = self.folder.path().join("dump.csv");
        std::fs::write(&path, dump).unwrap();
        let report = self.ingest(&path, memory_bytes);

        let rows: Vec<Vec<&str>> = dump.lines().skip(1).map(|line| line.split(',').collect()).collect();
        let valid: Vec<_> =
            rows.iter().filter_map(|row| Some((model(row[column])?, row[row.len() - 1]))).collect();
        let fresh: HashSet<&String> =
            valid.iter().map(|(nik, _)| nik).filter(|nik| !self.expected.contains_key(*nik)).collect();
        let fresh = fresh.len();
        for (nik, photo) in &valid {
            *self.expected.entry(nik.clone()).or_default() |= !photo.is_empty();
        }
        assert_eq!(report.rows(), rows.len() as u64);
        assert_eq!(report.accepted, fresh as u64);
        assert_eq!(report.duplicates, (valid.len() - fresh) as u64);
        assert_eq!(report.rejected.values().sum::<u64>(), (rows.len() - valid.len()) as u64);
        assert_eq!(report.entries, self.expected.len() as u64);
        self.holds_what_is_expected();
    }

    fn ingest(&self, path: &Path, memory_bytes: usize) -> Report {
        let plan = Plan {
            breach: "breach-a".to_owned(),
            title: None,
            date: Some("2021".to_owned()),
            status: None,
            about: None,
            columns: vec![IdentifierColumn { kind: Kind::Nik, column: "NIK".to_owned() }],
            exposes: vec![Exposure { class: "photo".to_owned(), column: Some("FOTO".to_owned()) }],
            memory_bytes,
            form: None,
            table: None,
            rejects: None,
            sources: vec![Source::File(path.to_owned())],
        };
        ingest(&self.layout, Backend::best(), &plan).unwrap()
    }

    /// The vault is the key's encoding of the set, in order, and each label says whether there was a photo.
    fn holds_what_is_expected(&self) {
        let key = keys::oprf(&self.layout).unwrap();
        let inputs: Vec<Vec<u8>> =
            self.expected.keys().map(|nik| [b"samar id v1\x01", nik.as_bytes()].concat()).collect();
        let elements = key.encode(Backend::best(), &inputs);
        let expected: BTreeSet<([u8; 32], u32)> =
            elements.iter().zip(self.expected.values()).map(|(e, photo)| (e.0, u32::from(*photo))).collect();
        let mut reader = Elements::open(&self.layout, "breach-a").unwrap().unwrap();
        let mut found = Vec::new();
        while let Some(record) = reader.read_record().unwrap() {
            found.push((record.element.0, record.label));
        }
        assert!(
            found == expected.into_iter().collect::<Vec<_>>(),
            "the vault holds the set and nothing else"
        );
    }
}

fn synth(seed: u64, persons: std::ops::Range<u64>, dirt: Dirt) -> String {
    let mut out = Vec::new();
    let spec = DumpSpec {
        seed,
        first: persons.start,
        count: persons.end - persons.start,
        like: Like::Bpjs,
        photo_per_mille: 300,
        dirt,
    };
    write_dump(&mut out, &spec).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn dumps_that_overlap_and_are_dirty_come_to_the_set() {
    let dirt = Dirt { odd_per_mille: 300, broken_per_mille: 200, repeated_per_mille: 200 };
    let mut kept = Kept::new();
    // The second shares a third with the first; little memory makes sorting spill and merge.
    kept.takes(&synth(1, 0..3_000, dirt), 1, 16 << 20);
    kept.takes(&synth(1, 2_000..5_000, dirt), 1, 64 << 10);
    kept.takes(&synth(1, 0..3_000, dirt), 1, 16 << 20);
    kept.takes(&synth(2, 0..500, dirt), 1, 16 << 20);
}

/// A cell that is a NIK more often than not, written oddly or damaged, of few enough persons that they repeat.
fn cell() -> impl Strategy<Value = String> {
    let nik = (0u32..40, 0u32..75, 0u32..14, 0u32..100, 0u32..3).prop_map(
        |(district, day, month, year, serial)| {
            format!("3201{district:02}{day:02}{month:02}{year:02}{serial:04}")
        },
    );
    let odd = |nik: String, how: u8| match how {
        0 => format!(" {nik}"),
        1 => format!("'{nik}"),
        2 => format!("{}.{}.{}", &nik[..6], &nik[6..12], &nik[12..]),
        3 => format!("{} {}\u{a0}{}", &nik[..4], &nik[4..8], &nik[8..]),
        4 => nik.chars().map(|c| char::from_u32(u32::from(c) - 0x30 + 0xff10).unwrap()).collect(),
        5 => format!("{nik}1"),
        6 => nik[1..].to_owned(),
        7 => format!("{}x{}", &nik[..8], &nik[8..]),
        8 => String::new(),
        _ => nik,
    };
    (nik, 0u8..30).prop_map(move |(nik, how)| odd(nik, how))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn any_rows_come_to_the_set(files in prop::collection::vec(prop::collection::vec((cell(), any::<bool>()), 1..120), 1..4)) {
        let mut kept = Kept::new();
        for rows in files {
            let row = |(nik, photo): &(String, bool)| format!("{nik},{}\n", if *photo { "f.jpg" } else { "" });
            kept.takes(&format!("NIK,FOTO\n{}", rows.iter().map(row).collect::<String>()), 0, 16 << 20);
        }
    }
}

//! Same seed, same bytes; everyone distinct and valid; the shares as asked for.

mod kinds;

use std::collections::{HashMap, HashSet};
use std::io;
use std::ops::Range;

use super::dice::{Permutation, Purpose};
use super::population::{FIRST_YEAR, LAST_YEAR};
use super::{
    Breach, CustomerSpec, Dirt, DumpSpec, Group, Like, Overlap, Population, SynthError, write_customers,
    write_dump,
};
use samar_local::table::{Input, Row, Table, TableOptions};
use samar_protocol::identifier::{Identifier, Kind};

const DIRTY: Dirt = Dirt { odd_per_mille: 100, broken_per_mille: 50, repeated_per_mille: 30 };

fn spec() -> DumpSpec {
    DumpSpec { seed: 7, first: 5_000, count: 20_000, like: Like::Bpjs, photo_per_mille: 72, dirt: DIRTY }
}

fn dump(spec: &DumpSpec) -> Vec<u8> {
    let mut out = Vec::new();
    write_dump(&mut out, spec).unwrap();
    out
}

fn breach(id: &str, persons: Range<u64>) -> Breach {
    Breach { id: id.into(), persons }
}

/// The rules for a NIK, written here once more so that the generator is not its own judge.
fn normalise(cell: &str) -> String {
    let plain = |c: char| match c {
        '\u{ff10}'..='\u{ff19}' => char::from_digit(u32::from(c) - 0xff10, 10),
        ' ' | '.' | '-' | '\'' | '\u{feff}' | '\u{a0}' | '\u{200b}' => None,
        c => Some(c),
    };
    cell.chars().filter_map(plain).collect()
}

fn is_valid(nik: &str) -> bool {
    if nik.len() != 16 || !nik.bytes().all(|byte| byte.is_ascii_digit()) {
        return false;
    }
    let number = |range: Range<usize>| nik[range].parse::<u32>().unwrap();
    let (day, month, year) = (number(6..8), number(8..10), number(10..12));
    let day = if day > 40 { day - 40 } else { day };
    let days = match month {
        2 => 28 + u32::from(year % 4 == 0),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return false,
    };
    (1..=days).contains(&day) && number(12..16) > 0
}

/// The cells of a column, read as ingest reads them.
fn column(bytes: &[u8], name: &str) -> Vec<String> {
    let input = Input::file(io::Cursor::new(bytes.to_vec()));
    let mut dump =
        Table::open(input, &TableOptions { name: "synth".into(), ..TableOptions::default() }).unwrap();
    let column = dump.select_column(name).unwrap();
    let mut row = Row::new();
    let mut cells = Vec::new();
    while dump.next_row(&mut row).unwrap() {
        cells.push(row.require(column).unwrap().into_owned());
    }
    cells
}

#[test]
fn a_million_people_have_a_million_valid_niks() {
    let population = Population::new(1);
    assert!(population.capacity() > 2_800_000_000, "{}", population.capacity());
    let mut seen = HashSet::new();
    // The first and the last, where a mistake in the ranges would show.
    let persons = (0..500_000).chain(population.capacity() - 500_000..population.capacity());
    for person in persons {
        let nik = population.nik(person).unwrap();
        assert!(is_valid(str::from_utf8(&nik).unwrap()), "{person}");
        assert!(seen.insert(nik), "{person}");
    }
    assert_eq!(population.nik(population.capacity()), None);
}

#[test]
fn every_place_is_taken_once() {
    for size in [1, 2, 3, 4, 5, 1_000, 1_024, 1_025] {
        let permutation = Permutation::new(3, Purpose::Draw, 0, size);
        let places: HashSet<u64> = (0..size).map(|index| permutation.at(index)).collect();
        assert_eq!(places.len() as u64, size);
        assert!(places.iter().all(|place| *place < size));
    }
}

#[test]
fn people_are_spread_over_provinces_years_and_sexes() {
    let population = Population::new(2);
    let (mut provinces, mut years, mut women) = (HashMap::<_, u32>::new(), HashSet::new(), 0);
    for person in 0..100_000 {
        let nik = population.nik(person).unwrap();
        *provinces.entry([nik[0], nik[1]]).or_default() += 1;
        years.insert([nik[10], nik[11]]);
        women += u32::from(nik[6] >= b'4');
    }
    assert_eq!(provinces.len(), 38);
    assert_eq!(years.len(), (LAST_YEAR - FIRST_YEAR + 1) as usize);
    assert!((49_000..51_000).contains(&women), "{women}");
    // East Java has most regencies and cities; North Kalimantan few.
    assert!(provinces[b"35"] > 5 * provinces[b"65"]);
}

#[test]
fn a_seed_gives_the_same_bytes_and_another_seed_other_people() {
    let text = dump(&spec());
    assert_eq!(text, dump(&spec()));
    // Files that others keep, and the answers to them, stay good only as long as this line does.
    let lines: Vec<&str> = str::from_utf8(&text).unwrap().lines().take(3).collect();
    assert_eq!(
        lines,
        [
            "NOKA,NIK,NAMA,NO_HP,EMAIL,ALAMAT,FOTO",
            "0000000005000,1213072008960001,Wahyu Saputra,082170310819,wahyu.saputra9795@example.net,\"Jl. Anggrek No. 014, RT 017/RW 004\",",
            "0000000005001,9105130206600003,\"Andi Siregar, S.Pd\",087817177599,andi.siregar0195@example.net,\"Jl. Gajah Mada No. 061, RT 008/RW 016\",",
        ]
    );
    let other = dump(&DumpSpec { seed: 8, ..spec() });
    let people = |text| column(text, "NIK").into_iter().collect::<HashSet<_>>();
    let shared = people(&text).intersection(&people(&other)).filter(|nik| nik.len() == 16).count();
    assert!(shared < 10, "{shared}");
}

#[test]
fn a_dump_holds_its_people_and_no_others() {
    let spec = spec();
    let mut text = Vec::new();
    let summary = write_dump(&mut text, &spec).unwrap();
    let cells = column(&text, "NIK");
    assert_eq!(cells.len() as u64, summary.rows);
    assert_eq!(summary.rows, spec.count + summary.repeated + summary.broken);

    let population = Population::new(spec.seed);
    let nik = |person| String::from_utf8(population.nik(person).unwrap().to_vec()).unwrap();
    let expected: HashSet<String> = (spec.first..spec.first + spec.count).map(nik).collect();
    let (good, bad): (Vec<_>, Vec<_>) =
        cells.iter().map(|cell| normalise(cell)).partition(|nik| is_valid(nik));
    assert_eq!(bad.len() as u64, summary.broken);
    assert_eq!(good.iter().cloned().collect::<HashSet<_>>(), expected);
    let odd = cells.iter().filter(|cell| is_valid(&normalise(cell)) && cell.len() != 16).count();
    assert_eq!(odd as u64, summary.odd);
}

#[test]
fn the_shares_are_what_was_asked_for() {
    let spec = spec();
    let summary = write_dump(&mut io::sink(), &spec).unwrap();
    let near = |found: u64, per_mille: u32| {
        let expected = spec.count * u64::from(per_mille) / 1000;
        assert!(found.abs_diff(expected) < expected / 8, "{found} for {expected}");
    };
    near(summary.broken, DIRTY.broken_per_mille);
    near(summary.repeated, DIRTY.repeated_per_mille);
    near(summary.odd, DIRTY.odd_per_mille);
    near(summary.photos, spec.photo_per_mille);

    let clean = DumpSpec { dirt: Dirt::default(), photo_per_mille: 1000, ..spec.clone() };
    let summary = write_dump(&mut io::sink(), &clean).unwrap();
    assert_eq!((summary.rows, summary.photos, summary.odd), (spec.count, spec.count, 0));
}

#[test]
fn every_kind_of_damage_occurs() {
    let cells = column(&dump(&DumpSpec { count: 5_000, ..spec() }), "NIK");
    for (what, is_it) in [
        ("short", (|cell| cell.len() == 15) as fn(&str) -> bool),
        ("long", |cell| cell.len() == 17 && cell.bytes().all(|byte| byte.is_ascii_digit())),
        ("scientific", |cell| cell.contains("E+15")),
        ("month", |cell| cell.get(8..10) == Some("13") && cell.len() == 16),
        ("31 April", |cell| cell.get(6..10) == Some("3104") && cell.len() == 16),
        ("serial", |cell| cell.ends_with("0000")),
        ("text", |cell| cell == "TIDAK ADA"),
        ("empty", str::is_empty),
        ("spaces", |cell| cell.matches(' ').count() == 2),
        ("dots", |cell| cell.matches('.').count() == 2),
        ("dashes", |cell| cell.matches('-').count() == 2),
        ("no-break spaces", |cell| cell.contains('\u{a0}')),
        ("leading quote", |cell| cell.starts_with('\'')),
        ("full-width", |cell| cell.starts_with(|c| ('\u{ff10}'..='\u{ff19}').contains(&c))),
        ("invisible", |cell| cell.starts_with('\u{feff}')),
    ] {
        assert!(cells.iter().any(|cell| is_it(cell)), "{what}");
    }
}

#[test]
fn photos_are_the_same_on_every_row_of_a_person() {
    let spec = DumpSpec { dirt: Dirt { repeated_per_mille: 500, ..Dirt::default() }, ..spec() };
    let text = dump(&spec);
    for (card, photo) in column(&text, "NOKA").iter().zip(column(&text, "FOTO")) {
        assert_eq!(!photo.is_empty(), spec.has_photo(card.parse().unwrap()), "{card}");
    }
}

#[test]
fn the_truth_about_customers_is_true() {
    let (a, b) = (1_000..9_000, 6_000..20_000);
    let overlap = Overlap { only_a: 400, only_b: 900, both: 700, neither: 3_000 };
    let (bpjs, dukcapil) = (breach("bpjs-2021", a.clone()), breach("dukcapil-2021", b.clone()));
    let spec = CustomerSpec::between(7, &bpjs, &dukcapil, overlap, DIRTY).unwrap();
    let (mut text, mut truth) = (Vec::new(), Vec::new());
    let summary = write_customers(&mut text, Some(&mut truth), &spec).unwrap();
    assert_eq!((summary.customers, summary.exposed), (5_000, 2_000));

    let population = Population::new(7);
    let dump = |range: Range<u64>| -> HashSet<String> {
        range.map(|person| String::from_utf8(population.nik(person).unwrap().to_vec()).unwrap()).collect()
    };
    let (a, b) = (dump(a), dump(b));
    let truth = String::from_utf8(truth).unwrap();
    let mut lines = truth.lines();
    assert_eq!(lines.next(), Some("row,status,breaches,person"));
    let mut distinct = HashMap::<_, HashSet<String>>::new();
    for (row, cell) in column(&text, "NIK").iter().enumerate() {
        let nik = normalise(cell);
        let mut cells = lines.next().unwrap().split(',');
        assert_eq!(cells.next().unwrap().parse(), Ok(row + 1));
        let found = match (is_valid(&nik), a.contains(&nik), b.contains(&nik)) {
            (false, ..) => ("invalid", ""),
            (true, true, true) => ("exposed", "bpjs-2021;dukcapil-2021"),
            (true, true, false) => ("exposed", "bpjs-2021"),
            (true, false, true) => ("exposed", "dukcapil-2021"),
            (true, false, false) => ("clear", ""),
        };
        assert_eq!((cells.next().unwrap(), cells.next().unwrap()), found);
        if found.0 != "invalid" {
            let person = cells.next().unwrap().parse().unwrap();
            assert_eq!(population.nik(person).unwrap(), *nik.as_bytes());
            distinct.entry(found.1).or_default().insert(nik);
        }
    }
    assert_eq!(lines.next(), None);
    let count = |breaches| distinct[breaches].len() as u64;
    assert_eq!(count("bpjs-2021"), overlap.only_a);
    assert_eq!(count("dukcapil-2021"), overlap.only_b);
    assert_eq!(count("bpjs-2021;dukcapil-2021"), overlap.both);
    assert_eq!(count(""), overlap.neither);
    let again = |spec| {
        let mut text = Vec::new();
        write_customers(&mut text, None, spec).unwrap();
        text
    };
    assert_eq!(again(&spec), text);
}

#[test]
fn what_cannot_be_met_is_refused_before_anything_is_written() {
    let capacity = Population::new(7).capacity();
    let fails = |spec: &DumpSpec| {
        let mut out = Vec::new();
        let error = write_dump(&mut out, spec).unwrap_err();
        assert!(out.is_empty());
        error
    };
    assert!(matches!(
        fails(&DumpSpec { first: capacity, count: 1, ..spec() }),
        SynthError::Population { .. }
    ));
    assert!(matches!(
        fails(&DumpSpec { first: u64::MAX, count: 2, ..spec() }),
        SynthError::Population { .. }
    ));
    assert!(matches!(fails(&DumpSpec { photo_per_mille: 1001, ..spec() }), SynthError::Share { .. }));

    let group = Group { persons: 10..20, take: 11, breaches: vec!["bpjs-2021".into()] };
    let customers = CustomerSpec { seed: 7, groups: vec![group], all_kinds: false, dirt: Dirt::default() };
    let error = write_customers(&mut Vec::new(), None, &customers).unwrap_err();
    assert!(
        error.to_string().starts_with("11 customers are to be in exactly bpjs-2021, but only 10"),
        "{error}"
    );

    let everyone = Overlap { neither: 11, ..Overlap::default() };
    let (a, b) = (breach("a", 0..5), breach("b", 5..capacity - 10));
    assert!(CustomerSpec::between(7, &a, &b, everyone, Dirt::default()).is_err());
    let none = Overlap { both: 1, ..Overlap::default() };
    assert!(CustomerSpec::between(7, &a, &breach("b", 5..9), none, Dirt::default()).is_err());
}

#[test]
fn an_output_that_fails_is_an_error() {
    struct Full;
    impl io::Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    assert!(matches!(write_dump(&mut Full, &spec()), Err(SynthError::Write(_))));
}

//! The sets, and who stands in which.

use std::ops::Range;

/// A breach of the plan.
pub(crate) struct Set {
    pub(crate) id: &'static str,
    pub(crate) date: &'static str,
    /// After which the dump is made.
    pub(crate) like: &'static str,
    /// Columns of identifiers and what is exposed, as `ingest` takes them.
    pub(crate) columns: &'static [&'static str],
    pub(crate) exposes: &'static [&'static str],
    /// Persons of each dump, of which the breach is taken in.
    pub(crate) dumps: Vec<Range<u64>>,
}

const BPJS: u64 = 279_000_000;
const TOKOPEDIA: u64 = 91_000_000;
/// Kabupaten Malang, Kabupaten Bekasi, Subang, Kota Bogor.
const DUKCAPIL: [u64; 4] = [3_165_815, 2_339_060, 1_989_263, 1_303_531];

impl Set {
    /// Everybody in it.
    pub(crate) fn persons(&self) -> Range<u64> {
        let first = self.dumps.first().map_or(0, |dump| dump.start);
        first..self.dumps.last().map_or(first, |dump| dump.end)
    }

    pub(crate) fn entries(&self) -> u64 {
        count(&self.persons()) * self.columns.len() as u64
    }
}

/// The sets at a share of their size. Half of `tokopedia-2020` stands in `bpjs-2021` too, and all of `dukcapil-2021`.
#[allow(clippy::single_range_in_vec_init, reason = "a set of one dump")]
pub(crate) fn sets(share: f64) -> [Set; 3] {
    let bpjs = of(BPJS, share);
    let tokopedia = of(TOKOPEDIA, share);
    let regions = DUKCAPIL.map(|persons| of(persons, share));
    let mut first = bpjs.saturating_sub(regions.iter().sum());
    let mut region = |persons| {
        let dump = first..first + persons;
        first += persons;
        dump
    };
    [
        Set {
            id: "bpjs-2021",
            date: "2021-05",
            like: "bpjs",
            columns: &["nik=NIK"],
            exposes: &["phone", "photo=FOTO"],
            dumps: vec![0..bpjs],
        },
        Set {
            id: "tokopedia-2020",
            date: "2020-05",
            like: "tokopedia",
            columns: &["email=EMAIL", "phone=NO_HP"],
            exposes: &["name", "email", "phone", "credential_hash"],
            dumps: vec![bpjs - tokopedia / 2..bpjs + tokopedia.div_ceil(2)],
        },
        Set {
            id: "dukcapil-2021",
            date: "2021-06",
            like: "dukcapil",
            columns: &["nik=NIK"],
            exposes: &["civil_record"],
            dumps: regions.map(&mut region).to_vec(),
        },
    ]
}

/// Who the customers are: three quarters around the end of `bpjs-2021`, where `tokopedia-2020` has everybody, and a quarter who stand nowhere.
pub(crate) fn customers(sets: &[Set; 3], customers: u64) -> [Range<u64>; 2] {
    let end = sets[0].persons().end;
    let around = end - customers / 2..end + customers / 4;
    let far = sets[1].persons().end;
    [around.clone(), far..far + customers - count(&around)]
}

/// How many of these stand in a breach.
pub(crate) fn overlap(customers: &[Range<u64>], persons: &Range<u64>) -> u64 {
    customers.iter().map(|range| count(&(range.start.max(persons.start)..range.end.min(persons.end)))).sum()
}

pub(crate) fn count(range: &Range<u64>) -> u64 {
    range.end.saturating_sub(range.start)
}

#[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss, clippy::cast_sign_loss)] // far below 2^53
fn of(persons: u64, share: f64) -> u64 {
    (persons as f64 * share).round() as u64
}

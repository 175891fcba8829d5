//! The first reading, which sends nothing: who is in the file and where, and of whom nothing is known yet.

use std::collections::BTreeMap;
use std::path::Path;

use samar_local::exit::Failure;
use samar_local::sort::{Merge, Sorted, Sorter};
use samar_protocol::identifier::ColumnSigns;

use super::memory::Memory;
use crate::customers::{Column, Customers, Hash, HashKey, Met, Unusable};
use crate::ledger::Ledger;

const HASH_BYTES: usize = size_of::<Hash>();
pub(super) const SLOT_BYTES: usize = 5;
/// A place: hash ‖ slot, big-endian, so that bytes sort by identifier and then by row.
const PLACE_BYTES: usize = HASH_BYTES + SLOT_BYTES;

/// What the first reading shows. Memory is bounded whatever the file: see [`super::memory`].
pub(super) struct Survey {
    /// Rows, and what the other readings must meet too.
    pub(super) met: Met,
    /// Cells with a usable identifier, over all columns.
    pub(super) usable: u64,
    /// What stands in each column of identifiers.
    pub(super) columns: Vec<ColumnSeen>,
    /// What the columns as a whole look like, for people.
    pub(super) warnings: Vec<String>,
    /// Bytes of all rows.
    pub(super) text_bytes: u64,
    places: Sorted<PLACE_BYTES>,
}

/// Cells of one column of identifiers.
#[derive(Default)]
pub(super) struct ColumnSeen {
    pub(super) identifiers: u64,
    pub(super) empty: u64,
    /// Those with something that is no identifier, by the reason's name.
    pub(super) invalid: BTreeMap<&'static str, u64>,
}

impl Survey {
    /// Reads the file from end to end. What memory does not hold goes to `folder`.
    pub(super) fn take(
        customers: &Customers,
        key: &HashKey,
        folder: &Path,
        memory: Memory,
        seen: impl Fn(u64),
    ) -> Result<Self, Failure> {
        let mut places = Sorter::<PLACE_BYTES>::new(folder, memory.share());
        let signs = customers.columns().iter().map(|column| ColumnSigns::new(column.kind));
        let mut columns: Vec<_> = signs.map(|signs| (signs, ColumnSeen::default())).collect();
        let (mut slot, mut text_bytes) = (0, 0);
        let mut reading = customers.read()?;
        while reading.advance()? {
            for (number, (cell, (signs, seen))) in reading.cells().iter().zip(&mut columns).enumerate() {
                match cell {
                    Ok(identifier) => {
                        signs.observe(identifier.normalised());
                        seen.identifiers += 1;
                        places.push(place(&key.hash(identifier.input()), slot)).map_err(Failure::local)?;
                    }
                    Err(Unusable::Empty) => seen.empty += 1,
                    Err(Unusable::Invalid(reason)) => {
                        if let Some(text) = reading.text(number) {
                            signs.observe_rejected(&text, reason);
                        }
                        *seen.invalid.entry(reason).or_default() += 1;
                    }
                }
                slot += 1;
            }
            text_bytes += reading.row().text_bytes() as u64;
            seen(1);
        }
        memory.check_slots(slot)?;
        Ok(Self {
            met: reading.met(),
            usable: columns.iter().map(|(_, seen)| seen.identifiers).sum(),
            warnings: warnings(customers, &columns),
            columns: columns.into_iter().map(|(_, seen)| seen).collect(),
            text_bytes,
            places: places.keep().map_err(Failure::local)?,
        })
    }

    /// The slot of each usable cell with the hash of its identifier, in order of hash and then of row.
    pub(super) fn places(&self) -> Result<Places, Failure> {
        Ok(Places(self.places.read().map_err(Failure::local)?))
    }
}

/// What each column looks like; its name goes before it where there are several.
fn warnings(customers: &Customers, columns: &[(ColumnSigns, ColumnSeen)]) -> Vec<String> {
    let mut warnings = Vec::new();
    for (Column { kind, name }, (signs, seen)) in customers.columns().iter().zip(columns) {
        let place = if columns.len() > 1 { format!("column {name}: ") } else { String::new() };
        warnings.extend(signs.warnings().iter().map(|warning| format!("{place}{warning}")));
        if columns.len() > 1 && seen.identifiers == 0 {
            warnings.push(format!("{place}no row has a {} in it", kind.noun()));
        }
    }
    warnings
}

pub(super) struct Places(Merge<PLACE_BYTES>);

impl Iterator for Places {
    type Item = Result<(Hash, u64), Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        let place = match self.0.next()? {
            Ok(place) => place,
            Err(error) => return Some(Err(Failure::local(error))),
        };
        let (hash, slot) = place.split_first_chunk::<HASH_BYTES>()?;
        Some(Ok((*hash, slot_of(slot))))
    }
}

fn place(hash: &Hash, slot: u64) -> [u8; PLACE_BYTES] {
    let mut place = [0; PLACE_BYTES];
    place[..HASH_BYTES].copy_from_slice(hash);
    place[HASH_BYTES..].copy_from_slice(&slot_bytes(slot));
    place
}

/// A slot's number as it sorts: that of its row, from 0, times the columns of identifiers, and that of its column. Slots are
/// counted before any of them is used, and are fewer than 2^40.
pub(super) fn slot_bytes(slot: u64) -> [u8; SLOT_BYTES] {
    let [_, _, _, bytes @ ..] = slot.to_be_bytes();
    bytes
}

pub(super) fn slot_of(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |slot, byte| slot << 8 | u64::from(*byte))
}

/// What nothing is known of yet.
pub(super) struct Unknown {
    /// A bit for each slot: whether it is the first of an identifier that the ledger does not know.
    first: Vec<u64>,
    /// Slots of a row.
    width: u64,
    /// How many identifiers are unknown.
    pub(super) count: u64,
    /// Rows with the first of one.
    rows: u64,
    /// Different identifiers in the file, known ones included.
    pub(super) unique: u64,
}

impl Unknown {
    /// Compares the file with the ledger.
    pub(super) fn of(survey: &Survey, ledger: &Ledger, memory: Memory) -> Result<Self, Failure> {
        let mut known = ledger.read(memory.share())?;
        let width = survey.columns.len() as u64;
        let words = usize::try_from((survey.met.rows * width).div_ceil(64)).map_err(Failure::local)?;
        let mut unknown = Self { first: vec![0; words], width, count: 0, rows: 0, unique: 0 };
        let (mut last, mut ahead) = (None, known.next()?);
        for place in survey.places()? {
            let (hash, slot) = place?;
            if last.replace(hash) == Some(hash) {
                continue;
            }
            unknown.unique += 1;
            while ahead.is_some_and(|known| known.hash < hash) {
                ahead = known.next()?;
            }
            if ahead.is_none_or(|known| known.hash != hash) {
                unknown.count += 1;
                unknown.insert(slot);
            }
        }
        unknown.rows = if width == 1 {
            unknown.count
        } else {
            (0..survey.met.rows).filter(|row| unknown.concerns(*row)).count() as u64
        };
        Ok(unknown)
    }

    /// Evaluations to ask for: one for each slot of each row that has something unknown, so that the server cannot tell how many of
    /// them it has.
    pub(super) fn evaluations(&self) -> u64 {
        self.rows * self.width
    }

    /// Slots of a row.
    pub(super) fn width(&self) -> u64 {
        self.width
    }

    /// Whether anything of this row is to be evaluated.
    pub(super) fn concerns(&self, row: u64) -> bool {
        (0..self.width).any(|column| self.contains(row, column))
    }

    /// Whether the identifier in this column of this row is to be evaluated, and stands here first.
    pub(super) fn contains(&self, row: u64, column: u64) -> bool {
        let slot = row * self.width + column;
        let word = usize::try_from(slot / 64).ok().and_then(|word| self.first.get(word));
        word.is_some_and(|word| word >> (slot % 64) & 1 == 1)
    }

    fn insert(&mut self, slot: u64) {
        if let Some(word) = usize::try_from(slot / 64).ok().and_then(|word| self.first.get_mut(word)) {
            *word |= 1 << (slot % 64);
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::HashMap;
    use std::path::PathBuf;

    use samar_local::table::TableOptions;
    use samar_protocol::identifier::Nik;
    use samar_protocol::oprf::{Element, SecretKey};

    use super::*;
    use crate::config::Home;

    /// 3,000 rows of 1,000 persons and some of nobody, and so little memory that each sort makes dozens of runs.
    pub(in crate::screen) struct Scene {
        pub(in crate::screen) dir: tempfile::TempDir,
        pub(in crate::screen) customers: Customers,
        pub(in crate::screen) memory: Memory,
        /// The person in each row.
        pub(in crate::screen) persons: Vec<Option<usize>>,
    }

    pub(in crate::screen) fn nik(person: usize) -> Nik {
        Nik::parse(&format!("3201{:02}0101{:02}{:04}", person % 50 + 10, person % 40 + 50, person + 1))
            .unwrap()
    }

    impl Scene {
        pub(in crate::screen) fn new(share_bytes: u64) -> Self {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("customers.csv");
            let persons: Vec<_> =
                (0..3_000).map(|row| (row % 7 != 3).then_some(row * 7_919 % 1_000)).collect();
            let cell = |person: &Option<usize>| {
                person.map_or("x".to_owned(), |person| {
                    String::from_utf8_lossy(nik(person).digits()).into_owned()
                })
            };
            let rows: Vec<String> = persons.iter().map(cell).collect();
            std::fs::write(&path, format!("nik\n{}\n", rows.join("\n"))).unwrap();
            let columns = [Column::parse("nik")];
            let customers = Customers::new(&path, &columns, TableOptions::default()).unwrap();
            Self { customers, memory: Memory::of_share(share_bytes), persons, dir }
        }

        pub(in crate::screen) fn home(&self) -> Home {
            Home::new(self.dir.path())
        }

        pub(in crate::screen) fn ledger(&self) -> Ledger {
            let key = SecretKey::from_bytes(&[7; 32]).unwrap();
            samar_local::folder::create_private(&self.home().pending()).unwrap();
            let home = self.home();
            Ledger::open(&home.ledgers(), key.public(), self.memory.share(), &home.protection()).unwrap()
        }

        /// The hash under which a person stands in the ledger.
        pub(in crate::screen) fn hash(ledger: &Ledger, person: usize) -> Hash {
            ledger.hash_key.hash(&nik(person).oprf_input())
        }

        pub(in crate::screen) fn survey(&self, key: &HashKey) -> Survey {
            Survey::take(&self.customers, key, &self.home().pending(), self.memory, |_| ()).unwrap()
        }

        pub(in crate::screen) fn runs(&self) -> Vec<PathBuf> {
            let entries =
                std::fs::read_dir(self.home().pending()).unwrap().map(|entry| entry.unwrap().path());
            entries.filter(|path| path.extension().is_some_and(|extension| extension == "tmp")).collect()
        }
    }

    #[test]
    fn each_unknown_person_is_evaluated_once_whatever_the_memory() {
        for share_bytes in [1_000, 1 << 20] {
            let scene = Scene::new(share_bytes);
            let ledger = scene.ledger();
            let known = |person: usize| person.is_multiple_of(3);
            let hashes: Vec<_> = (0..2_000).filter(|p| known(*p)).map(|p| Scene::hash(&ledger, p)).collect();
            ledger.append(&hashes, &vec![Element([1; 32]); hashes.len()]).unwrap();
            ledger.settle(scene.memory.share()).unwrap();

            let survey = scene.survey(&ledger.hash_key);
            let runs = scene.runs();
            assert_eq!(runs.is_empty(), share_bytes > 1_000, "on disk only where memory does not do");
            for run in runs {
                let bytes = std::fs::read(run).unwrap();
                let stands = |person: usize| bytes.windows(16).any(|found| found == nik(person).digits());
                assert!(!(0..10).any(stands), "an identifier stands in a temporary file");
            }
            let unknown = Unknown::of(&survey, &ledger, scene.memory).unwrap();

            let mut first = HashMap::new();
            for (row, person) in scene.persons.iter().enumerate() {
                if let Some(person) = person {
                    first.entry(*person).or_insert(row);
                }
            }
            assert_eq!((survey.met.rows, unknown.unique), (3_000, first.len() as u64));
            assert_eq!(survey.usable + survey.columns[0].invalid["not-digits"], 3_000);
            for (row, person) in scene.persons.iter().enumerate() {
                let expected = person.is_some_and(|person| first[&person] == row && !known(person));
                assert_eq!(unknown.contains(row as u64, 0), expected, "row {row}");
            }
            assert_eq!(unknown.count, first.keys().filter(|person| !known(**person)).count() as u64);
            assert_eq!(unknown.evaluations(), unknown.count, "a single column has nothing to hide");
            drop(survey);
            assert_eq!(scene.runs(), Vec::<PathBuf>::new());
        }
    }
}

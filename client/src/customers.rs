//! Where customers enter: a file of rows, a column of which holds the identifier. The file is read more than once, so
//! that nothing but keyed hashes is held in memory for a whole run.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::fs::File;
use std::hash::{BuildHasherDefault, Hasher};
use std::path::{Path, PathBuf};

use samar_local::exit::{Failure, io_failure};
use samar_local::table::{Row, Table, TableOptions};
use samar_protocol::identifier::{ColumnSigns, Nik};
use zeroize::ZeroizeOnDrop;

/// A file of customers.
#[derive(Clone, Debug)]
pub(crate) struct Customers {
    path: PathBuf,
    column: String,
}

/// One reading of the file.
pub(crate) struct Reading {
    rows: Table,
    row: Row,
    column: usize,
}

/// The identifier of a row, or the stable name of what is wrong with it.
pub(crate) type Cell = Result<Nik, &'static str>;

impl Customers {
    /// The customers in `path`, which must be a file: it is read several times.
    pub(crate) fn new(path: &Path, column: &str) -> Result<Self, Failure> {
        let remedy = "screen reads the file more than once: name a file on disk";
        if path == Path::new("-") {
            return Err(Failure::input("standard input cannot be screened").remedy(remedy));
        }
        let metadata = std::fs::metadata(path).map_err(|error| io_failure("read", path, &error))?;
        if metadata.is_dir() {
            return Err(Failure::input(format!("{} is a folder, not a file", path.display())));
        }
        if !metadata.is_file() {
            return Err(Failure::input(format!("{} is not a plain file", path.display())).remedy(remedy));
        }
        Ok(Self { path: path.to_owned(), column: column.to_owned() })
    }

    /// Begins to read from the top.
    pub(crate) fn read(&self) -> Result<Reading, Failure> {
        let file = File::open(&self.path).map_err(|error| io_failure("read", &self.path, &error))?;
        let options = TableOptions { name: self.path.display().to_string(), ..TableOptions::default() };
        let rows = Table::open(Box::new(file), &options).map_err(Failure::input)?;
        let column = rows.select_column(&self.column).map_err(Failure::input)?;
        Ok(Reading { rows, row: Row::new(), column })
    }

    /// What to say when a later reading does not meet what an earlier one met.
    pub(crate) fn changed(&self) -> Failure {
        Failure::input(format!("{} changed while it was screened", self.path.display()))
            .remedy("screen a copy that nothing writes to; what was evaluated is kept and not charged again")
    }
}

impl Reading {
    /// The next row, or nothing at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Cell>, Failure> {
        if !self.rows.next_row(&mut self.row).map_err(Failure::input)? {
            return Ok(None);
        }
        Ok(Some(match self.row.require(self.column) {
            Ok(text) => Nik::parse(&text).map_err(|rejection| rejection.name()),
            Err(rejection) => Err(rejection.name()),
        }))
    }

    /// The row that was read last.
    pub(crate) fn row(&self) -> &Row {
        &self.row
    }

    /// Names of the columns.
    pub(crate) fn columns(&self) -> &[String] {
        self.rows.columns()
    }

    /// What separates cells in this file.
    pub(crate) fn delimiter(&self) -> u8 {
        self.rows.delimiter()
    }
}

/// The key under which a run's identifiers are hashed. Whoever has it and a hash can test guesses, so it is a secret.
#[derive(ZeroizeOnDrop)]
pub(crate) struct HashKey(pub(crate) [u8; 32]);

/// Stands for an identifier within a run: the first 16 bytes of BLAKE3 keyed with the run's key.
pub(crate) type Hash = [u8; 16];

impl HashKey {
    pub(crate) fn fresh() -> Self {
        Self(rand::random())
    }

    pub(crate) fn hash(&self, nik: &Nik) -> Hash {
        let [hash, _] = *blake3::keyed_hash(&self.0, nik.digits()).as_bytes().as_chunks::<16>().0 else {
            unreachable!("32 bytes are two times 16")
        };
        hash
    }
}

/// Keys that are hashes already: their first bytes are as good as any hash of them, and nobody outside chooses them.
#[derive(Default)]
pub(crate) struct AlreadyHashed(u64);

impl Hasher for AlreadyHashed {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk() {
            self.0 = u64::from_ne_bytes(*first);
        }
    }

    fn write_usize(&mut self, _: usize) {} // the length of the array

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Something for each identifier.
pub(crate) type ByHash<T> = HashMap<Hash, T, BuildHasherDefault<AlreadyHashed>>;

/// What a first reading shows.
#[derive(Default)]
pub(crate) struct Survey {
    /// Each identifier's number, from 0 in the order in which they first appear.
    pub(crate) ordinals: ByHash<u32>,
    pub(crate) rows: u64,
    /// Rows without a usable identifier, by the reason's name.
    pub(crate) invalid: BTreeMap<&'static str, u64>,
    /// What the column as a whole looks like, for people.
    pub(crate) warnings: Vec<String>,
}

impl Survey {
    /// Reads the file from end to end.
    pub(crate) fn take(customers: &Customers, key: &HashKey, seen: impl Fn(u64)) -> Result<Self, Failure> {
        let mut survey = Self::default();
        let mut signs = ColumnSigns::default();
        let mut reading = customers.read()?;
        while let Some(cell) = reading.next()? {
            survey.rows += 1;
            seen(1);
            match cell {
                Ok(nik) => {
                    signs.observe(&nik);
                    let next = u32::try_from(survey.ordinals.len())
                        .map_err(|_| Failure::input("more than 4,294,967,295 customers: split the file"))?;
                    survey.ordinals.entry(key.hash(&nik)).or_insert(next);
                }
                Err(reason) => *survey.invalid.entry(reason).or_default() += 1,
            }
        }
        survey.warnings = signs.warnings().iter().map(ToString::to_string).collect();
        Ok(survey)
    }
}

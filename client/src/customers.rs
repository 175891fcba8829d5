//! Where customers enter: a file of rows, a column of which holds the identifier. The file is read more than once, so
//! that nothing but keyed hashes is held in memory for a whole run.

use std::collections::HashMap;
use std::fs::File;
use std::hash::{BuildHasherDefault, Hasher};
use std::path::{Path, PathBuf};

use samar_local::exit::{Failure, io_failure};
use samar_local::table::{Input, Row, Table, TableOptions};
use samar_protocol::identifier::{Nik, OprfInput};
use zeroize::ZeroizeOnDrop;

/// A file of customers.
#[derive(Clone, Debug)]
pub(crate) struct Customers {
    path: PathBuf,
    column: String,
    options: TableOptions,
}

/// One reading of the file.
pub(crate) struct Reading {
    table: Table,
    row: Row,
    column: usize,
    rows: u64,
    identifiers: blake3::Hasher,
}

/// What a reading met: the number of its rows, and a hash of their identifiers in order. It is never stored.
#[derive(PartialEq, Eq)]
pub(crate) struct Met {
    pub(crate) rows: u64,
    identifiers: [u8; 32],
}

/// The identifier of a row, or the stable name of what is wrong with it.
pub(crate) type Cell = Result<Nik, &'static str>;

impl Customers {
    /// The customers in `path`, which must be a file: it is read several times. The options need not name it.
    pub(crate) fn new(path: &Path, column: &str, options: TableOptions) -> Result<Self, Failure> {
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
        let options = TableOptions { name: path.display().to_string(), ..options };
        Ok(Self { path: path.to_owned(), column: column.to_owned(), options })
    }

    /// Begins to read from the top.
    pub(crate) fn read(&self) -> Result<Reading, Failure> {
        let file = File::open(&self.path).map_err(|error| io_failure("read", &self.path, &error))?;
        let table = Table::open(Input::file(file), &self.options).map_err(Failure::input)?;
        let column = table.select_column(&self.column).map_err(Failure::input)?;
        Ok(Reading { table, row: Row::new(), column, rows: 0, identifiers: blake3::Hasher::new() })
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
        if !self.table.next_row(&mut self.row).map_err(Failure::input)? {
            return Ok(None);
        }
        self.rows += 1;
        let cell = match self.row.require(self.column) {
            Ok(text) => Nik::parse(&text).map_err(|rejection| rejection.name()),
            Err(rejection) => Err(rejection.name()),
        };
        match &cell {
            Ok(nik) => self.identifiers.update(nik.digits()),
            Err(reason) => self.identifiers.update(reason.as_bytes()).update(b"\n"),
        };
        Ok(Some(cell))
    }

    /// What was read so far. Two readings of a file that nobody changed meet the same.
    pub(crate) fn met(&self) -> Met {
        Met { rows: self.rows, identifiers: self.identifiers.finalize().into() }
    }

    /// The row that was read last.
    pub(crate) fn row(&self) -> &Row {
        &self.row
    }

    /// Names of the columns.
    pub(crate) fn columns(&self) -> &[String] {
        self.table.columns()
    }

    /// What the file was taken for, where that is not plain delimited text.
    pub(crate) fn decided_otherwise(&self) -> Option<&str> {
        self.table.decided_otherwise()
    }

    /// What separates cells in this file.
    pub(crate) fn delimiter(&self) -> u8 {
        self.table.delimiter()
    }
}

/// The key under which identifiers are hashed. Whoever has it and a hash can test guesses, so it is a secret.
#[derive(Clone, ZeroizeOnDrop)]
pub(crate) struct HashKey(pub(crate) [u8; 32]);

/// Stands for an identifier: the first 16 bytes of BLAKE3 keyed with such a key. Among 5·10^7 customers two share a hash with
/// probability 4·10^-24.
pub(crate) type Hash = [u8; 16];

impl HashKey {
    pub(crate) fn fresh() -> Self {
        Self(rand::random())
    }

    /// Of what the OPRF takes, so that kinds of identifiers are apart.
    pub(crate) fn hash(&self, input: &OprfInput) -> Hash {
        let [hash, _] = *blake3::keyed_hash(&self.0, input.as_ref()).as_bytes().as_chunks::<16>().0 else {
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

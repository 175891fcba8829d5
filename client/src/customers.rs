//! Where customers enter: a file of rows, some columns of which hold identifiers. The file is read more than once, so
//! that nothing but keyed hashes is held in memory for a whole run.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::File;
use std::hash::{BuildHasherDefault, Hasher};
use std::path::{Path, PathBuf};

use samar_local::exit::{Failure, io_failure};
use samar_local::table::{Input, Row, Table, TableOptions};
use samar_protocol::identifier::{Identifier, Kind, OprfInput, Rejection};
use zeroize::ZeroizeOnDrop;

/// Columns of identifiers at most. A customer's are asked about together, in one batch.
pub const COLUMNS_MAX: usize = 16;

/// A column of the file, and the kind of the identifiers in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// The kind.
    pub kind: Kind,
    /// The column's name, or its number as `#3`.
    pub name: String,
}

impl Column {
    /// `KIND=NAME`, or a name alone for NIKs.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match text.split_once('=').map(|(kind, name)| (Kind::from_name(kind), name)) {
            Some((Some(kind), name)) => Self { kind, name: name.to_owned() },
            _ => Self { kind: Kind::Nik, name: text.to_owned() },
        }
    }
}

/// A file of customers.
#[derive(Clone, Debug)]
pub(crate) struct Customers {
    path: PathBuf,
    columns: Vec<Column>,
    options: TableOptions,
}

/// One reading of the file.
pub(crate) struct Reading {
    table: Table,
    row: Row,
    /// Where the columns of identifiers stand.
    places: Vec<(Kind, usize)>,
    cells: Vec<Cell>,
    rows: u64,
    identifiers: blake3::Hasher,
}

/// What a reading met: the number of its rows, and a hash of their identifiers in order. It is never stored.
#[derive(PartialEq, Eq)]
pub(crate) struct Met {
    pub(crate) rows: u64,
    identifiers: [u8; 32],
}

/// An identifier of a row, or why there is none.
pub(crate) type Cell = Result<Identifier, Unusable>;

/// Why a cell has no identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unusable {
    /// Nothing stands there.
    Empty,
    /// What stands there, or its row, is unusable, for the reason of this stable name.
    Invalid(&'static str),
}

impl Unusable {
    /// The reason's stable name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Empty => Rejection::Empty.name(),
            Self::Invalid(reason) => reason,
        }
    }
}

impl From<Rejection> for Unusable {
    fn from(rejection: Rejection) -> Self {
        match rejection {
            Rejection::Empty => Self::Empty,
            other => Self::Invalid(other.name()),
        }
    }
}

impl Customers {
    /// The customers in `path`, which must be a file: it is read several times. The options need not name it.
    pub(crate) fn new(path: &Path, columns: &[Column], options: TableOptions) -> Result<Self, Failure> {
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
        if columns.is_empty() || columns.len() > COLUMNS_MAX {
            let what = format!("{} columns of identifiers: there can be 1 to {COLUMNS_MAX}", columns.len());
            return Err(Failure::input(what));
        }
        Ok(Self { path: path.to_owned(), columns: columns.to_vec(), options })
    }

    /// The columns of identifiers.
    pub(crate) fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Whether NIKs alone are asked about, by one column: there is then nothing to tell apart.
    pub(crate) fn niks_alone(&self) -> bool {
        matches!(self.columns.as_slice(), [Column { kind: Kind::Nik, .. }])
    }

    /// Begins to read from the top.
    pub(crate) fn read(&self) -> Result<Reading, Failure> {
        let file = File::open(&self.path).map_err(|error| io_failure("read", &self.path, &error))?;
        let table = Table::open(Input::file(file), &self.options).map_err(Failure::input)?;
        let mut places = Vec::with_capacity(self.columns.len());
        for Column { kind, name } in &self.columns {
            let place = (*kind, table.select_column(name).map_err(Failure::input)?);
            if places.contains(&place) {
                let what = format!("--column names {name} twice for {}", kind.nouns());
                return Err(Failure::input(what).remedy("name each column once for each kind"));
            }
            places.push(place);
        }
        let (row, cells, identifiers) = (Row::new(), Vec::new(), blake3::Hasher::new());
        Ok(Reading { table, row, places, cells, rows: 0, identifiers })
    }

    /// What to say when a later reading does not meet what an earlier one met.
    pub(crate) fn changed(&self) -> Failure {
        Failure::input(format!("{} changed while it was screened", self.path.display()))
            .remedy("screen a copy that nothing writes to; what was evaluated is kept and not charged again")
    }
}

impl Reading {
    /// Goes to the next row; `false` at the end.
    pub(crate) fn advance(&mut self) -> Result<bool, Failure> {
        if !self.table.next_row(&mut self.row).map_err(Failure::input)? {
            return Ok(false);
        }
        self.rows += 1;
        self.cells.clear();
        for (kind, place) in &self.places {
            let cell = match self.row.require(*place) {
                Ok(text) => Identifier::parse(*kind, &text).map_err(Unusable::from),
                Err(rejection) => Err(Unusable::Invalid(rejection.name())),
            };
            match &cell {
                Ok(identifier) => self.identifiers.update(identifier.normalised()),
                Err(unusable) => self.identifiers.update(unusable.name().as_bytes()).update(b"!"),
            }
            .update(b"\n");
            self.cells.push(cell);
        }
        Ok(true)
    }

    /// What the row has in each column of identifiers, in their order.
    pub(crate) fn cells(&self) -> &[Cell] {
        &self.cells
    }

    /// The same by value; nothing is left of them here.
    pub(crate) fn take(&mut self) -> impl Iterator<Item = Cell> {
        self.cells.drain(..)
    }

    /// The text of a column of identifiers, by its number among them.
    pub(crate) fn text(&self, column: usize) -> Option<Cow<'_, str>> {
        self.row.get(self.places.get(column)?.1)
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

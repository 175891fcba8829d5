//! Why a table cannot be read at all. What is wrong with one row is a [`RowRejection`](super::RowRejection).

use std::fmt::Write as _;
use std::io;

use super::{HELD_BYTES_MAX, LAYERS_MAX};

/// A table that cannot be opened or read on. `name` is what the caller calls the file; no message shows a cell.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The source failed.
    #[error("cannot read {name} beyond line {line}: {source}")]
    Read {
        /// The file.
        name: String,
        /// The last line that was read, 0 for none.
        line: u64,
        /// What the system said.
        source: io::Error,
    },
    /// A folder was given.
    #[error("{name} is a folder; name the files in it")]
    Folder {
        /// The folder.
        name: String,
    },
    /// There is not one row.
    #[error("{name} is empty; check how it was copied or exported")]
    Empty {
        /// The file.
        name: String,
    },
    /// A file of a known kind that holds no delimited text.
    #[error("{name} is {kind}; {remedy}")]
    Unsupported {
        /// The file.
        name: String,
        /// What it is, with its article.
        kind: &'static str,
        /// What to do about it.
        remedy: &'static str,
    },
    /// Zero bytes in what should be text.
    #[error(
        "{name} is not text (it has zero bytes); export it as CSV, and if it is UTF-16 without a byte order mark \
         convert it first: iconv -f UTF-16LE -t UTF-8"
    )]
    Binary {
        /// The file.
        name: String,
    },
    /// Compressed data that do not decompress.
    #[error(
        "{name} is damaged {format} beyond line {line}: {source}; nothing of it was kept: fetch it again, or unpack \
         what is there and give that"
    )]
    Damaged {
        /// The file.
        name: String,
        /// The compression.
        format: &'static str,
        /// The last line that was read, 0 for none.
        line: u64,
        /// What the decompressor said.
        source: io::Error,
    },
    /// Compressed data that unpack to more than any real file does.
    #[error(
        "{name} is {format} that unpacks to no end ({bomb}); if it is real, unpack it yourself and give what comes out"
    )]
    Bomb {
        /// The file.
        name: String,
        /// The compression.
        format: &'static str,
        /// How far it was unpacked.
        bomb: String,
    },
    /// Layers of compression without end.
    #[error("{name} is packed more than {LAYERS_MAX} times over; unpack it first")]
    Layers {
        /// The file.
        name: String,
    },
    /// A form whose directory is at its end, in a stream too long to hold.
    #[error(
        "{name} is read from its end (zip, xlsx, Parquet) and has more than {} MiB, too much to hold in memory; give it \
         as an unpacked file instead of a pipe or a compressed one", HELD_BYTES_MAX >> 20
    )]
    TooLongToHold {
        /// The file.
        name: String,
    },
    /// The file is not of the form it is said to have, or is damaged so that nothing of it can be read.
    #[error("{name} cannot be read as {form}: {reason}; {remedy}")]
    Form {
        /// The file.
        name: String,
        /// The form.
        form: &'static str,
        /// What is wrong with it.
        reason: String,
        /// What to do about it.
        remedy: &'static str,
    },
    /// Rows of several tables or files, and nobody said which.
    #[error("{name} holds several {}: {}; choose one with --table", .kind.several(), list(.tables))]
    SeveralTables {
        /// The file.
        name: String,
        /// What they are.
        kind: TableKind,
        /// Their names.
        tables: Vec<String>,
    },
    /// More than one table has the name asked for.
    #[error("{name} has several {} called {wanted:?}: {}; give --table the whole name", .kind.several(), list(.tables))]
    AmbiguousTable {
        /// The file.
        name: String,
        /// What they are.
        kind: TableKind,
        /// What was asked for.
        wanted: String,
        /// Their whole names.
        tables: Vec<String>,
    },
    /// No table has the name asked for.
    #[error("{name} has no {} {wanted:?} with rows; {}", .kind.one(), there_are(.kind, .tables))]
    NoSuchTable {
        /// The file.
        name: String,
        /// What it would be.
        kind: TableKind,
        /// What was asked for.
        wanted: String,
        /// What there is.
        tables: Vec<String>,
    },
    /// It is of another form than was said, and no text.
    #[error("{name} is {is}, and cannot be read as {wanted}; leave out --in-format, or say {says}")]
    OtherForm {
        /// The file.
        name: String,
        /// What it is.
        is: &'static str,
        /// What was asked for.
        wanted: &'static str,
        /// The name of what it is.
        says: &'static str,
    },
    /// A table was named in a file that has but one.
    #[error("{name} is {form}, which has no tables to choose from; leave out --table")]
    NoTables {
        /// The file.
        name: String,
        /// The form.
        form: &'static str,
    },
    /// A delimiter that cannot be one.
    #[error("{delimiter:?} cannot delimit columns; use one ASCII character other than a quote or a line end")]
    Delimiter {
        /// What was asked for.
        delimiter: char,
    },
    /// The first row is no header although it should be one.
    #[error("{name} has a first row that is no header ({reason}); say that it has none")]
    Header {
        /// The file.
        name: String,
        /// Why the row was rejected.
        reason: super::RowRejection,
    },
    /// No column has the name (or number) asked for.
    #[error("{name} has no column {wanted:?}{}; it has: {}", did_you_mean(.closest), list(.columns))]
    NoSuchColumn {
        /// The file.
        name: String,
        /// What was asked for.
        wanted: String,
        /// What there is.
        columns: Vec<String>,
        /// The column that is spelled most like it, if one is near.
        closest: Option<String>,
    },
    /// More than one column has the name asked for.
    #[error("{name} has {} columns called {wanted:?}; choose by number: {}", .numbers.len(), by_number(.numbers))]
    AmbiguousColumn {
        /// The file.
        name: String,
        /// What was asked for.
        wanted: String,
        /// Their numbers, from 1.
        numbers: Vec<usize>,
    },
    /// Which column holds the NIK cannot be told.
    #[error("cannot tell which column of {name} holds the NIK; {}", choose(.candidates, .columns))]
    NoNikColumn {
        /// The file.
        name: String,
        /// Columns whose name or content could be it: none or several.
        candidates: Vec<String>,
        /// What there is.
        columns: Vec<String>,
    },
}

/// What a file can hold several of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableKind {
    /// Tables of a database, in a dump.
    Table,
    /// Files in an archive.
    Member,
    /// Sheets of a workbook.
    Sheet,
}

impl TableKind {
    fn one(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Member => "file",
            Self::Sheet => "sheet",
        }
    }

    fn several(self) -> &'static str {
        match self {
            Self::Table => "tables",
            Self::Member => "files",
            Self::Sheet => "sheets",
        }
    }
}

fn there_are(kind: &TableKind, tables: &[String]) -> String {
    if tables.is_empty() {
        return format!("no {} of it has rows", kind.one());
    }
    format!("it has: {}", list(tables))
}

fn did_you_mean(column: &Option<String>) -> String {
    column.as_ref().map_or_else(String::new, |column| format!(" (did you mean {column:?}?)"))
}

fn by_number(numbers: &[usize]) -> String {
    numbers.iter().map(|number| format!("#{number}")).collect::<Vec<_>>().join(" or ")
}

fn choose(candidates: &[String], columns: &[String]) -> String {
    if candidates.is_empty() {
        return format!("name it (--column); it has: {}", list(columns));
    }
    format!("choose one (--column): it could be {}", list(candidates))
}

/// A readable list, however many columns a file has.
fn list(columns: &[String]) -> String {
    const SHOWN_MAX: usize = 40;
    let mut text = columns.iter().take(SHOWN_MAX).map(String::as_str).collect::<Vec<_>>().join(", ");
    if columns.len() > SHOWN_MAX {
        // Unwrap safety: writing to a String does not fail.
        write!(text, " and {} more", columns.len() - SHOWN_MAX).unwrap();
    }
    text
}

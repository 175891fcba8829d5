//! Where data enters: delimited text, as real tables have it.
//!
//! ```text
//! Read → gzip, zstd → UTF-16, byte order marks → rows and cells → text of a cell
//!        └────────── source ──────────┘         └─ split ─┘       └─ row ─┘
//! ```
//!
//! Everything streams, in memory bounded by the limits below whatever the input. A row that cannot be used is handed out
//! with its line and a [`RowRejection`], never dropped, and reading goes on below it; only an input that cannot be read
//! at all is a [`TableError`]. The module reads from [`Read`] alone: it knows no files and no server.
//!
//! - delimiter `,` `;` tab or `|`, header or none, line ends: told from the first [`SNIFF_BYTES`]
//! - quotes as in RFC 4180; a row may span lines if it then has as many cells as the others
//! - rows with too few or too many cells are kept: what counts is whether the cell that is asked for is there

mod column;
mod error;
mod row;
mod sniff;
mod source;
mod split;
#[cfg(test)]
mod tests;

use std::io::Read;

pub use error::TableError;
pub use row::{Row, RowRejection};
use source::Source;
use split::Splitter;

/// How much of the text is looked at to tell how it is written.
pub const SNIFF_BYTES: usize = 64 << 10;
/// A longer row is rejected.
pub const ROW_BYTES_MAX: usize = 1 << 20;
/// A row with a longer cell is rejected.
pub const CELL_BYTES_MAX: usize = 64 << 10;

/// What the caller knows about a table.
#[derive(Debug, Clone, Default)]
pub struct TableOptions {
    /// What messages call it: a file name, or "standard input".
    pub name: String,
    /// What separates cells. Default: told from the text, `,` if it does not tell.
    pub delimiter: Option<u8>,
    /// Whether the first row names the columns. Default: told from the row.
    pub header: Option<bool>,
}

/// A table being read.
pub struct Table {
    name: String,
    splitter: Splitter<Source>,
    compression: Option<&'static str>,
    columns: Vec<String>,
    has_header: bool,
    sample: Vec<Row>,
}

impl Table {
    /// Reads enough of the input to know its compression, encoding, delimiter and columns.
    pub fn open(reader: Box<dyn Read + Send>, options: &TableOptions) -> Result<Self, TableError> {
        let name = &options.name;
        if let Some(delimiter) = options.delimiter
            && (!delimiter.is_ascii() || matches!(delimiter, b'"' | b'\r' | b'\n' | 0))
        {
            return Err(TableError::Delimiter { delimiter: delimiter.into() });
        }
        let text = source::open(reader, name)?;
        let compression = text.compression;
        let failed = |error, line| source::read_error(error, name, compression, line);
        let (head, reader) = source::peek(text.reader).map_err(|error| failed(error, 0))?;
        let mut sniffed = sniff::sniff(&head, head.len() < SNIFF_BYTES, options.delimiter);

        let first = sniffed.rows.first();
        let has_header = options.header.unwrap_or_else(|| first.is_some_and(sniff::is_header));
        let mut splitter = Splitter::new(reader, sniffed.dialect, sniffed.columns);
        let mut header = None;
        if has_header {
            let mut row = Row::new();
            let found = splitter.next_row(&mut row).map_err(|error| failed(error, 0))?;
            if let Some(reason) = row.rejection() {
                return Err(TableError::Header { name: name.clone(), reason });
            }
            header = found.then_some(row);
            sniffed.rows.drain(..sniffed.rows.len().min(1));
        }
        if head.iter().all(u8::is_ascii_whitespace) {
            return Err(TableError::Empty { name: name.clone() });
        }
        let columns = column::names(header.as_ref(), sniffed.columns);
        Ok(Self { name: name.clone(), splitter, compression, columns, has_header, sample: sniffed.rows })
    }

    /// The names of the columns: those of the header, `column-1` and so on where there is none.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Whether the first row was taken for names.
    pub fn has_header(&self) -> bool {
        self.has_header
    }

    /// What separates cells in this file.
    pub fn delimiter(&self) -> u8 {
        self.splitter.dialect().delimiter
    }

    /// The column (from 0) called `wanted`: exactly, else but for case; or its number from 1, as `#3` or `3`.
    pub fn select_column(&self, wanted: &str) -> Result<usize, TableError> {
        column::select(&self.columns, wanted, &self.name)
    }

    /// The column (from 0) that holds the NIK when nobody says which: the only one with such a name or, in a file
    /// without header, the only one in which most of the first cells parse.
    pub fn guess_nik_column(&self, parses: impl Fn(&str) -> bool) -> Result<usize, TableError> {
        column::guess_nik(&self.columns, self.has_header, &self.sample, parses, &self.name)
    }

    /// Reads the next row into `row`; false at the end. Look at [`Row::rejection`] or use [`Row::require`].
    pub fn next_row(&mut self, row: &mut Row) -> Result<bool, TableError> {
        self.splitter.next_row(row).map_err(|error| {
            source::read_error(error, &self.name, self.compression, self.splitter.line() - 1)
        })
    }
}

impl std::fmt::Debug for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Table({}, {} columns, at line {})", self.name, self.columns.len(), self.splitter.line())
    }
}

//! Where data enters: tables of rows, in the forms that dumps and customers' files really have.
//!
//! ```text
//! Input → gzip, zstd, zip → UTF-16, byte order marks → rows of a form → Row → text of a cell
//!         └────────────── source ────────────────┘   └──── split, sql, json, workbook, parquet ────┘
//! ```
//!
//! Everything streams, in memory bounded by the limits below whatever the input. A row that cannot be used is handed out
//! with its place and a [`RowRejection`], never dropped, and reading goes on below it; only an input that cannot be read
//! at all is a [`TableError`]. The module reads from an [`Input`] alone: it knows no file names and no server, and writes
//! nothing to the disk.
//!
//! - the form, and for delimited text the delimiter `,` `;` tab or `|`, header and line ends: told from the first
//!   [`SNIFF_BYTES`]
//! - quotes as in RFC 4180; a row may span lines if it then has as many cells as the others
//! - rows with too few or too many cells are kept: what counts is whether the cell that is asked for is there

mod bounded;
mod column;
mod error;
mod form;
mod input;
mod json;
mod number;
mod parquet;
mod row;
mod rows;
mod sniff;
mod source;
mod split;
mod sql;
#[cfg(test)]
mod tests;
mod window;
mod workbook;
mod zip;

pub use error::{TableError, TableKind};
pub use form::{Form, Unit};
pub use input::{Input, Seekable};
pub use row::{Row, RowRejection};
use rows::{Fault, Rows, failed_with};
use source::{Body, Source};
use split::Splitter;

/// How much of the text is looked at to tell how it is written.
pub const SNIFF_BYTES: usize = 64 << 10;
/// A longer row is rejected.
pub const ROW_BYTES_MAX: usize = 1 << 20;
/// A row with a longer cell is rejected.
pub const CELL_BYTES_MAX: usize = 64 << 10;

/// A row of another form than delimited text with more cells is rejected; a sample shows no more columns.
pub const COLUMNS_MAX: usize = 4_096;
/// A zip, a workbook and Parquet are read from their end, and so held in memory where they come as a stream. What the cells of a
/// workbook share of text is held too.
pub const HELD_BYTES_MAX: usize = 256 << 20;
/// Compression in compression: a gzip in a zip, and so on.
pub const LAYERS_MAX: usize = 3;
/// So much is unpacked of anything.
pub const UNPACKED_FREE_BYTES: u64 = 64 << 20;
/// Beyond that, so many bytes for each packed one. Text of people unpacks to 5 to 30.
pub const UNPACKED_RATIO_MAX: u64 = 200;
/// And no more than this: 4 TiB, fifty times the largest dump that is known.
pub const UNPACKED_BYTES_MAX: u64 = 4 << 40;
/// Rows that are looked at before any is given out.
const SAMPLE_ROWS: usize = 100;

/// What the caller knows about a table.
#[derive(Debug, Clone, Default)]
pub struct TableOptions {
    /// What messages call it: a file name, or "standard input".
    pub name: String,
    /// Its form. Default: told from the file.
    pub form: Option<Form>,
    /// The table of a dump, the file in an archive. Default: the only one.
    pub table: Option<String>,
    /// What separates cells of delimited text. Default: told from the text, `,` if it does not tell.
    pub delimiter: Option<u8>,
    /// Whether the first row names the columns, of delimited text. Default: told from the row.
    pub header: Option<bool>,
}

/// A table being read.
pub struct Table {
    name: String,
    rows: Rows,
    form: Form,
    decided: String,
    /// Whether it is a file of an archive.
    in_archive: bool,
    compression: Option<&'static str>,
    columns: Vec<String>,
    has_header: bool,
    sample: Vec<Row>,
    /// Rows of the sample that were given out; those of delimited text are read again.
    given: usize,
}

impl Table {
    /// Reads enough of the input to know its packing, encoding, form and columns.
    ///
    /// # Errors
    /// [`TableError`], where nothing of it can be read.
    pub fn open(input: Input, options: &TableOptions) -> Result<Self, TableError> {
        let name = &options.name;
        if let Some(delimiter) = options.delimiter
            && (!delimiter.is_ascii() || matches!(delimiter, b'"' | b'\r' | b'\n' | 0))
        {
            return Err(TableError::Delimiter { delimiter: delimiter.into() });
        }
        let opened = source::open(input, name, options.form, options.table.as_deref())?;
        let options = &TableOptions { table: opened.table, ..options.clone() };
        let (compression, member) = (opened.compression, opened.member);
        let mut table = match opened.body {
            Body::Text(text) => Self::open_text(text, options, compression)?,
            Body::Workbook(archive) => Self::open_workbook(&archive, options)?,
            Body::Parquet(file) => Self::open_parquet(file, options)?,
        };
        if let Some(member) = member {
            table.decided = format!("{}, in {member:?}", table.decided);
            table.in_archive = true;
        }
        Ok(table)
    }

    fn open_text(
        reader: Source,
        options: &TableOptions,
        compression: Option<&'static str>,
    ) -> Result<Self, TableError> {
        let name = &options.name;
        let failed = |error| source::read_error(error, name, compression, 0);
        let (head, reader) = source::peek(reader).map_err(failed)?;
        if head.iter().all(u8::is_ascii_whitespace) {
            return Err(TableError::Empty { name: name.clone() });
        }
        let whole = head.len() < SNIFF_BYTES;
        let (form, why) = match options.form {
            Some(form) => (form, "it was said so"),
            None if options.delimiter.is_some() => (Form::Csv, "a delimiter was given"),
            None => form::of_text(&head, whole),
        };
        let named = options.table.is_some();
        if named && form != Form::Sql {
            return Err(TableError::NoTables { name: name.clone(), form: form.title() });
        }
        let fault = |fault| failed_with(fault, name, compression, 0);
        if let Form::Xlsx | Form::Parquet = form {
            let (reason, form) = ("it is text".to_owned(), form.title());
            let remedy = "leave out --in-format, and it is told from the file";
            return Err(TableError::Form { name: name.clone(), form, reason, remedy });
        }
        let rows = match form {
            Form::Sql => {
                let wanted = options.table.as_deref();
                Rows::Sql(Box::new(sql::Sql::open(reader, name, &head, wanted).map_err(fault)?))
            }
            Form::Jsonl | Form::Json => {
                Rows::Json(Box::new(json::Json::open(reader, form == Form::Jsonl).map_err(fault)?))
            }
            _ => return Self::open_delimited(&head, reader, options, compression),
        };
        let columns = match &rows {
            Rows::Sql(sql) => sql.columns().map(<[String]>::to_vec),
            Rows::Json(json) => Some(json.columns().to_vec()),
            _ => None,
        };
        let mut decided = format!("{}: {why}", form.title());
        if let Rows::Sql(sql) = &rows {
            decided = format!("{decided}; rows of table {:?}", sql.table());
        }
        Self::of_rows(name, rows, form, decided, compression, columns).sampled()
    }

    fn open_workbook(archive: &zip::Archive, options: &TableOptions) -> Result<Self, TableError> {
        let (name, packed) = (&options.name, Some(Form::Xlsx.title()));
        let fault = |fault| match fault {
            Fault::Io(error) if !source::is_of_system(&error) => workbook::damaged(name, &error),
            fault => failed_with(fault, name, packed, 0),
        };
        let book = workbook::Workbook::open(archive, name, options.table.as_deref(), options.header);
        let book = book.map_err(fault)?;
        let columns = book.columns().map(<[String]>::to_vec);
        let decided = format!(
            "{}: it has {}; rows of sheet {:?}",
            Form::Xlsx.title(),
            workbook::WORKBOOK,
            book.sheet()
        );
        Self::of_rows(name, Rows::Workbook(Box::new(book)), Form::Xlsx, decided, packed, columns).sampled()
    }

    fn open_parquet(file: input::Shared, options: &TableOptions) -> Result<Self, TableError> {
        let (name, form) = (&options.name, Form::Parquet);
        if options.table.is_some() {
            return Err(TableError::NoTables { name: name.clone(), form: form.title() });
        }
        let columns = parquet::Parquet::open(file, name)?;
        let names = Some(columns.columns().to_vec());
        let decided = format!("{}: it begins with PAR1; {}", form.title(), columns.told());
        Self::of_rows(name, Rows::Parquet(Box::new(columns)), form, decided, None, names).sampled()
    }

    /// With its columns' names, where it has them, and nothing read yet.
    fn of_rows(
        name: &str,
        rows: Rows,
        form: Form,
        decided: String,
        compression: Option<&'static str>,
        columns: Option<Vec<String>>,
    ) -> Self {
        Self {
            name: name.to_owned(),
            rows,
            form,
            decided,
            in_archive: false,
            compression,
            has_header: columns.is_some(),
            columns: columns.unwrap_or_default(),
            sample: Vec::new(),
            given: 0,
        }
    }

    fn open_delimited(
        head: &[u8],
        reader: Source,
        options: &TableOptions,
        compression: Option<&'static str>,
    ) -> Result<Self, TableError> {
        let name = &options.name;
        let failed = |error| source::read_error(error, name, compression, 0);
        let mut sniffed = sniff::sniff(head, head.len() < SNIFF_BYTES, options.delimiter);
        let decided =
            format!("{}: {}", Form::Csv.title(), form::of_cells(sniffed.dialect.delimiter, &sniffed));

        let first = sniffed.rows.first();
        let has_header = options.header.unwrap_or_else(|| first.is_some_and(sniff::is_header));
        let mut splitter = Splitter::new(reader, sniffed.dialect, sniffed.columns);
        let mut header = None;
        if has_header {
            let mut row = Row::new();
            let found = splitter.next_row(&mut row).map_err(failed)?;
            if let Some(reason) = row.rejection() {
                return Err(TableError::Header { name: name.clone(), reason });
            }
            header = found.then_some(row);
            sniffed.rows.drain(..sniffed.rows.len().min(1));
        }
        let columns = column::names(header.as_ref(), sniffed.columns);
        let given = sniffed.rows.len();
        Ok(Self {
            name: name.clone(),
            rows: Rows::Delimited(Box::new(splitter)),
            form: Form::Csv,
            decided,
            in_archive: false,
            compression,
            columns,
            has_header,
            sample: sniffed.rows,
            given,
        })
    }

    /// With the first rows looked at and kept.
    fn sampled(mut self) -> Result<Self, TableError> {
        while self.sample.len() < SAMPLE_ROWS {
            let mut row = Row::new();
            if !self.read_row(&mut row)? {
                break;
            }
            self.sample.push(row);
        }
        self.columns = if self.has_header {
            let named = self.columns.iter().enumerate();
            named.map(|(at, name)| column::clean(name, at)).collect()
        } else {
            column::names(None, self.sample.iter().map(Row::columns).max().unwrap_or(0))
        };
        Ok(self)
    }

    /// The names of the columns: those that the file has, `column-1` and so on where it has none. A value that lies in
    /// another is named by its path, `a.b.nik`.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Whether the columns have names of their own.
    pub fn has_header(&self) -> bool {
        self.has_header
    }

    /// The form that is read.
    pub fn form(&self) -> Form {
        self.form
    }

    /// What the file was taken for, and why, for people.
    pub fn decided(&self) -> &str {
        &self.decided
    }

    /// The same, where it was taken for anything but plain delimited text.
    pub fn decided_otherwise(&self) -> Option<&str> {
        (self.form != Form::Csv || self.in_archive).then_some(self.decided.as_str())
    }

    /// What the places of rows count.
    pub fn unit(&self) -> Unit {
        self.rows.unit()
    }

    /// The first rows, up to a hundred, which [`Table::next_row`] gives too.
    pub fn sample(&self) -> &[Row] {
        &self.sample
    }

    /// What separates cells in this file, and `,` in forms that have no such thing.
    pub fn delimiter(&self) -> u8 {
        match &self.rows {
            Rows::Delimited(splitter) => splitter.dialect().delimiter,
            _ => b',',
        }
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
        if let Some(next) = self.sample.get(self.given) {
            row.clone_from(next);
            self.given += 1;
            return Ok(true);
        }
        self.read_row(row)
    }

    fn read_row(&mut self, row: &mut Row) -> Result<bool, TableError> {
        let (found, line) = self.rows.next_row(row, &self.name);
        found.map_err(|fault| failed_with(fault, &self.name, self.compression, line.saturating_sub(1)))
    }
}

#[cfg(test)]
impl Table {
    /// Bytes of the buffer of delimited text.
    fn buffer_bytes(&self) -> usize {
        match &self.rows {
            Rows::Delimited(splitter) => splitter.buffer_bytes(),
            _ => 0,
        }
    }
}

impl std::fmt::Debug for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Table({}, {}, {} columns)", self.name, self.form.title(), self.columns.len())
    }
}

//! Parquet: columns of row groups, put together to rows a few at a time. A value that lies in a group is a column too,
//! `a.b.nik`; a list is none.
//!
//! The parquet crate decodes the footer and the values. What it would believe of a file is looked at first: the shape of the
//! footer (`footer`), and what each page claims and unpacks to (`pages`). What it panics over is damage of the file.

mod footer;
mod pages;
mod thrift;
mod value;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use parquet::column::reader::{ColumnReader, ColumnReaderImpl, get_column_reader};
use parquet::data_type::DataType;
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};
use parquet::schema::types::ColumnDescPtr;

use super::input::Shared;
use super::{COLUMNS_MAX, Fault, ROW_BYTES_MAX, Row, RowRejection, TableError};
use crate::contained::contained;
use pages::{Codec, Pages};
use value::Meaning;

/// Rows put together at a time.
const BATCH_ROWS: usize = 128;
const EXPORT: &str = "export it again (plain or dictionary encoding, Parquet version 1.0), or as CSV";

pub(super) struct Parquet {
    /// What messages call the file.
    name: String,
    file: Shared,
    metadata: ParquetMetaData,
    leaves: Vec<Leaf>,
    columns: Vec<String>,
    /// Lists, by name.
    left_out: Vec<String>,
    /// What all columns hold, unpacked.
    held: Arc<AtomicU64>,
    /// Row groups begun.
    groups: usize,
    readers: Vec<Box<dyn Cells>>,
    /// Rows of the group that are not put together yet, and those that are and not given out.
    left: u64,
    ready: usize,
    rows: u64,
}

struct Leaf {
    /// Its place in the file.
    index: usize,
    column: ColumnDescPtr,
}

impl Parquet {
    pub(super) fn open(file: Shared, name: &str) -> Result<Self, TableError> {
        let refused = |(reason, remedy)| form(name, reason, remedy);
        let metadata = contained(|| footer::read(&file));
        let metadata =
            metadata.unwrap_or(Err(("its directory is damaged".to_owned(), EXPORT))).map_err(refused)?;
        let (mut leaves, mut columns, mut left_out) = (Vec::new(), Vec::new(), Vec::new());
        for (index, column) in metadata.file_metadata().schema_descr().columns().iter().enumerate() {
            let path = column.path().parts().join(".");
            if column.max_rep_level() > 0 {
                left_out.push(path);
            } else {
                leaves.push(Leaf { index, column: Arc::clone(column) });
                columns.push(path);
            }
        }
        if columns.is_empty() {
            let what = if left_out.is_empty() { "it has no column" } else { "it has no column but lists" };
            return Err(form(name, what.to_owned(), EXPORT));
        }
        if columns.len() > COLUMNS_MAX {
            return Err(form(name, format!("it has more than {COLUMNS_MAX} columns"), EXPORT));
        }
        if metadata.row_groups().iter().all(|group| group.num_rows() == 0) {
            return Err(TableError::Empty { name: name.to_owned() });
        }
        Ok(Self {
            name: name.to_owned(),
            file,
            metadata,
            leaves,
            columns,
            left_out,
            held: Arc::new(AtomicU64::new(0)),
            groups: 0,
            readers: Vec::new(),
            left: 0,
            ready: 0,
            rows: 0,
        })
    }

    pub(super) fn columns(&self) -> &[String] {
        &self.columns
    }

    /// What there is of it, for people.
    pub(super) fn told(&self) -> String {
        let groups = self.metadata.num_row_groups();
        let lists = match self.left_out.len() {
            0 => String::new(),
            1 => format!(", without the list {:?}", super::column::clean(&self.left_out[0], 0)),
            more => format!(", without {more} lists"),
        };
        format!("{} rows in {groups} row groups{lists}", self.metadata.file_metadata().num_rows())
    }

    /// The next row; false at the end.
    pub(super) fn next_row(&mut self, row: &mut Row) -> Result<bool, Fault> {
        while self.ready == 0 {
            if self.left == 0 && !self.begin_group()? {
                return Ok(false);
            }
            self.fill()?;
        }
        self.ready -= 1;
        self.rows += 1;
        row.clear(self.rows);
        let mut too_long = false;
        for reader in &mut self.readers {
            if too_long {
                reader.pass();
                continue;
            }
            reader.write(row);
            row.end_cell();
            too_long = row.bytes.len() > ROW_BYTES_MAX;
        }
        if too_long {
            row.reject(RowRejection::RowTooLong);
        }
        Ok(true)
    }

    fn begin_group(&mut self) -> Result<bool, TableError> {
        let Some(group) = self.metadata.row_groups().get(self.groups) else { return Ok(false) };
        self.groups += 1;
        self.readers.clear();
        self.left =
            u64::try_from(group.num_rows()).map_err(|_| self.damaged(None, "its rows are not counted"))?;
        for leaf in &self.leaves {
            let missing = || self.damaged(Some(leaf), "is not there");
            let chunk = group.columns().get(leaf.index).ok_or_else(missing)?;
            self.readers.push(self.reader(leaf, chunk)?);
        }
        Ok(true)
    }

    fn reader(&self, leaf: &Leaf, chunk: &ColumnChunkMetaData) -> Result<Box<dyn Cells>, TableError> {
        let damaged = |what: &str| self.damaged(Some(leaf), what);
        if chunk.file_path().is_some() {
            return Err(damaged("stands in another file"));
        }
        let codec = Codec::of(chunk.compression_codec()).map_err(|codec| {
            let what = format!("{} is packed with {codec}", self.place(Some(leaf)));
            form(&self.name, what, "write it with zstd, snappy or gzip, or export it as CSV")
        })?;
        let start = chunk.dictionary_page_offset().filter(|start| *start > 0);
        let start = start.unwrap_or_else(|| chunk.data_page_offset()).min(chunk.data_page_offset());
        let (start, length) = (u64::try_from(start), u64::try_from(chunk.compressed_size()));
        let (Ok(start), Ok(length)) = (start, length) else { return Err(damaged("has no place")) };
        let end = start.checked_add(length).filter(|end| *end <= self.file.length);
        let end = end.ok_or_else(|| damaged("reaches beyond the file"))?;
        let pages = Pages::new(self.file.clone(), start, end, codec, Arc::clone(&self.held));
        let meaning = Meaning::of(&leaf.column);
        let most = leaf.column.max_def_level();
        Ok(match get_column_reader(Arc::clone(&leaf.column), Box::new(pages)) {
            ColumnReader::BoolColumnReader(reader) => typed(reader, most, meaning, value::write_bool),
            ColumnReader::Int32ColumnReader(reader) => typed(reader, most, meaning, value::write_i32),
            ColumnReader::Int64ColumnReader(reader) => typed(reader, most, meaning, value::write_i64),
            ColumnReader::Int96ColumnReader(reader) => typed(reader, most, meaning, value::write_i96),
            ColumnReader::FloatColumnReader(reader) => typed(reader, most, meaning, value::write_f32),
            ColumnReader::DoubleColumnReader(reader) => typed(reader, most, meaning, value::write_f64),
            ColumnReader::ByteArrayColumnReader(reader) => typed(reader, most, meaning, value::write_bytes),
            ColumnReader::FixedLenByteArrayColumnReader(reader) => {
                typed(reader, most, meaning, value::write_fixed)
            }
        })
    }

    /// Puts the next rows of the group together.
    fn fill(&mut self) -> Result<(), TableError> {
        let wanted = BATCH_ROWS.min(usize::try_from(self.left).unwrap_or(BATCH_ROWS));
        for at in 0..self.readers.len() {
            let reader = &mut self.readers[at];
            let found = contained(|| reader.fill(wanted));
            let leaf = self.leaves.get(at);
            match found.unwrap_or_else(|| Err(ParquetError::General("it is damaged".to_owned()))) {
                Ok(found) if found == wanted => {}
                Ok(_) => return Err(self.damaged(leaf, "has fewer rows than it says")),
                Err(error) => {
                    let what = format!("{}: {}", self.place(leaf), said(&error));
                    return Err(form(&self.name, what, EXPORT));
                }
            }
        }
        self.left -= wanted as u64;
        self.ready = wanted;
        Ok(())
    }

    /// Where it is at.
    fn place(&self, leaf: Option<&Leaf>) -> String {
        let group = format!("row group {}", self.groups);
        let column = leaf.and_then(|leaf| self.leaves.iter().position(|other| other.index == leaf.index));
        match column.and_then(|at| Some((at, self.columns.get(at)?))) {
            Some((at, name)) => format!("column {:?} of {group}", super::column::clean(name, at)),
            None => group,
        }
    }

    fn damaged(&self, leaf: Option<&Leaf>, what: &str) -> TableError {
        form(&self.name, format!("{} {what}", self.place(leaf)), EXPORT)
    }
}

/// What is wrong, without the name of the crate that says so.
fn said(error: &ParquetError) -> String {
    match error {
        ParquetError::General(what) => what.clone(),
        other => other.to_string(),
    }
}

fn form(name: &str, reason: String, remedy: &'static str) -> TableError {
    TableError::Form { name: name.to_owned(), form: "Parquet", reason, remedy }
}

/// The cells of one column.
trait Cells: Send {
    /// Reads those of the next rows; how many rows there were.
    fn fill(&mut self, rows: usize) -> Result<usize, ParquetError>;
    /// Writes the next of them.
    fn write(&mut self, row: &mut Row);
    /// Goes past it.
    fn pass(&mut self);
}

struct Typed<T: DataType> {
    reader: ColumnReaderImpl<T>,
    values: Vec<T::T>,
    /// Of each row, how much of the way to the value is there; nothing where every row has one.
    levels: Vec<i16>,
    most: i16,
    next_row: usize,
    next_value: usize,
    meaning: Meaning,
    write: fn(&mut Row, &T::T, Meaning),
}

fn typed<T: DataType>(
    reader: ColumnReaderImpl<T>,
    most: i16,
    meaning: Meaning,
    write: fn(&mut Row, &T::T, Meaning),
) -> Box<dyn Cells>
where
    ColumnReaderImpl<T>: Send,
{
    let (values, levels) = (Vec::with_capacity(BATCH_ROWS), Vec::with_capacity(BATCH_ROWS));
    Box::new(Typed { reader, values, levels, most, next_row: 0, next_value: 0, meaning, write })
}

impl<T: DataType> Typed<T> {
    /// The value of the next row, if it has one.
    fn next(&mut self) -> Option<&T::T> {
        let is_there = self.most == 0 || self.levels.get(self.next_row) == Some(&self.most);
        self.next_row += 1;
        if !is_there {
            return None;
        }
        self.next_value += 1;
        self.values.get(self.next_value - 1)
    }
}

impl<T: DataType> Cells for Typed<T>
where
    ColumnReaderImpl<T>: Send,
{
    fn fill(&mut self, rows: usize) -> Result<usize, ParquetError> {
        self.values.clear();
        self.levels.clear();
        (self.next_row, self.next_value) = (0, 0);
        let levels = (self.most > 0).then_some(&mut self.levels);
        let (rows, ..) = self.reader.read_records(rows, levels, None, &mut self.values)?;
        Ok(rows)
    }

    fn write(&mut self, row: &mut Row) {
        let (write, meaning) = (self.write, self.meaning);
        if let Some(value) = self.next() {
            write(row, value, meaning);
        }
    }

    fn pass(&mut self) {
        self.next();
    }
}

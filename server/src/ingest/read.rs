//! Rows of a dump, as the encoder takes them: an OPRF input and its label, or a reason.

use std::fs::File;
use std::io::{self, Read};

use samar_local::exit::{Failure, io_failure};
use samar_local::progress::{Progress, Unit};
use samar_local::table::{Row, Table, TableOptions};
use samar_protocol::identifier::{ColumnSigns, ColumnWarning, Nik, OprfInput};

use super::{Plan, Source};
use crate::vault::class::Merged;

/// A row that is as it should be.
pub(super) struct Entry {
    pub(super) input: OprfInput,
    pub(super) label: u32,
}

/// The rows of one source.
pub(super) struct Rows {
    table: Table,
    row: Row,
    nik: usize,
    /// Columns that decide a class, and the bit they set.
    columns: Vec<(usize, u32)>,
    label: u32,
    signs: ColumnSigns,
    pub(super) source_index: usize,
}

impl Rows {
    /// Opens a source and finds its columns.
    pub(super) fn open(source: &Source, plan: &Plan, merged: &Merged) -> Result<Self, Failure> {
        let (reader, name) = open(source)?;
        let table =
            Table::open(reader, &TableOptions { name, ..TableOptions::default() }).map_err(table_failure)?;
        let nik = match &plan.column {
            Some(wanted) => table.select_column(wanted),
            None => table.guess_nik_column(|cell| Nik::parse(cell).is_ok()),
        };
        let deciding = plan.exposes.iter().filter_map(|exposure| exposure.column.as_ref());
        let columns =
            deciding.zip(&merged.new_bits).map(|(column, bit)| Ok((table.select_column(column)?, *bit)));
        let source_index = plan.sources.iter().position(|other| other == source).unwrap_or(0);
        Ok(Self {
            nik: nik.map_err(table_failure)?,
            columns: columns.collect::<Result<_, _>>().map_err(table_failure)?,
            table,
            row: Row::new(),
            label: merged.new_label,
            signs: ColumnSigns::default(),
            source_index,
        })
    }

    /// Goes to the next row; `false` at the end.
    pub(super) fn advance(&mut self) -> Result<bool, Failure> {
        self.table.next_row(&mut self.row).map_err(table_failure)
    }

    /// Its line in the source.
    pub(super) fn line(&self) -> u64 {
        self.row.line()
    }

    /// What it comes to, or the name of the reason why not.
    pub(super) fn entry(&mut self) -> Result<Entry, &'static str> {
        let cell = self.row.require(self.nik).map_err(|rejection| rejection.name())?;
        let nik = Nik::parse(&cell).map_err(|rejection| rejection.name())?;
        self.signs.observe(nik.digits());
        let is_filled = |column| self.row.get(column).is_some_and(|cell| !cell.trim().is_empty());
        let bits = self.columns.iter().filter(|(column, _)| is_filled(*column)).map(|(_, bit)| bit);
        let label = bits.fold(self.label, |label, bit| label | bit);
        Ok(Entry { input: nik.oprf_input(), label })
    }

    /// What the column as a whole looks like.
    pub(super) fn warnings(&self) -> Vec<ColumnWarning> {
        self.signs.warnings()
    }
}

#[allow(clippy::needless_pass_by_value)] // fits map_err
fn table_failure(error: samar_local::table::TableError) -> Failure {
    Failure::input(error)
}

fn open(source: &Source) -> Result<(Box<dyn Read + Send>, String), Failure> {
    match source {
        Source::Stdin => {
            let progress = Progress::new("ingest", Unit::Bytes, None);
            Ok((Box::new(Counted { inner: io::stdin(), progress }), "standard input".to_owned()))
        }
        Source::File(path) => {
            let file = File::open(path).map_err(|error| io_failure("read", path, &error))?;
            let metadata = file.metadata().map_err(|error| io_failure("read", path, &error))?;
            if metadata.is_dir() {
                return Err(Failure::input(format!("{} is a folder, not a file", path.display())));
            }
            let total = metadata.is_file().then_some(metadata.len());
            let progress = Progress::new("ingest", Unit::Bytes, total);
            Ok((Box::new(Counted { inner: file, progress }), path.display().to_string()))
        }
    }
}

struct Counted<R> {
    inner: R,
    progress: Progress,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.progress.add(read as u64);
        Ok(read)
    }
}

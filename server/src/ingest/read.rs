//! Rows of a dump, as the encoder takes them: from each column of identifiers an OPRF input, with the row's label, or a reason.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use samar_local::exit::{Failure, io_failure};
use samar_local::progress::{Progress, Unit};
use samar_local::table::{Input, Row, Table, TableOptions};
use samar_protocol::identifier::{ColumnSigns, ColumnWarning, Identifier, Kind, Nik, OprfInput, Rejection};

use super::{Plan, Rejects, Report, Source};
use crate::vault::class::Merged;

/// An identifier of a row.
pub(super) struct Entry {
    pub(super) input: OprfInput,
    pub(super) label: u32,
}

/// The rows of one source.
pub(super) struct Rows {
    name: String,
    table: Table,
    row: Row,
    identifiers: Vec<Column>,
    /// Columns that decide a class, and the bit they set.
    columns: Vec<(usize, u32)>,
    label: u32,
    pub(super) source_index: usize,
}

/// A column of identifiers.
struct Column {
    kind: Kind,
    index: usize,
    signs: ColumnSigns,
}

impl Rows {
    /// Opens a source and finds its columns.
    pub(super) fn open(source: &Source, plan: &Plan, merged: &Merged) -> Result<Self, Failure> {
        let (input, name) = open(source)?;
        let options =
            TableOptions { name, form: plan.form, table: plan.table.clone(), ..TableOptions::default() };
        let table = Table::open(input, &options).map_err(table_failure)?;
        let column = |kind, index| Column { kind, index, signs: ColumnSigns::new(kind) };
        let identifiers = match plan.columns.as_slice() {
            [] => {
                let guessed = table.guess_nik_column(|cell| Nik::parse(cell).is_ok());
                guessed.map(|index| vec![column(Kind::Nik, index)])
            }
            named => {
                let select = |named: &super::IdentifierColumn| {
                    Ok(column(named.kind, table.select_column(&named.column)?))
                };
                named.iter().map(select).collect()
            }
        };
        let deciding = plan.exposes.iter().filter_map(|exposure| exposure.column.as_ref());
        let columns =
            deciding.zip(&merged.new_bits).map(|(column, bit)| Ok((table.select_column(column)?, *bit)));
        let source_index = plan.sources.iter().position(|other| other == source).unwrap_or(0);
        Ok(Self {
            identifiers: identifiers.map_err(table_failure)?,
            columns: columns.collect::<Result<_, _>>().map_err(table_failure)?,
            name: options.name,
            table,
            row: Row::new(),
            label: merged.new_label,
            source_index,
        })
    }

    /// The source, and what it was taken for where that is not plain delimited text.
    pub(super) fn decided_otherwise(&self) -> Option<(&str, &str)> {
        self.table.decided_otherwise().map(|decided| (self.name.as_str(), decided))
    }

    /// Goes to the next row; `false` at the end.
    pub(super) fn advance(&mut self) -> Result<bool, Failure> {
        self.table.next_row(&mut self.row).map_err(table_failure)
    }

    /// Takes what the row comes to: an entry from each column, or the reason why not. An empty cell is a reason in the first
    /// column alone: not everybody has everything.
    pub(super) fn take(
        &mut self,
        entries: &mut Vec<Entry>,
        report: &mut Report,
        mut rejects: Option<&mut Rejects>,
    ) -> Result<(), Failure> {
        let is_filled = |column| self.row.get(column).is_some_and(|cell| !cell.trim().is_empty());
        let bits = self.columns.iter().filter(|(column, _)| is_filled(*column)).map(|(_, bit)| bit);
        let label = bits.fold(self.label, |label, bit| label | bit);
        let only_niks = self.identifiers.iter().all(|column| column.kind == Kind::Nik);
        report.rows += 1;
        for (number, column) in self.identifiers.iter_mut().enumerate() {
            let kind = column.kind;
            let reason = match self.row.require(column.index) {
                Ok(cell) => match Identifier::parse(kind, &cell) {
                    Ok(identifier) => {
                        column.signs.observe(identifier.normalised());
                        report.accept(kind);
                        entries.push(Entry { input: identifier.into_input(), label });
                        continue;
                    }
                    Err(Rejection::Empty) if number > 0 => {
                        report.go_without(kind);
                        continue;
                    }
                    Err(rejection) => {
                        if rejection != Rejection::Empty {
                            column.signs.observe_rejected(&cell, rejection.name());
                        }
                        rejection.name()
                    }
                },
                Err(rejection) => rejection.name(),
            };
            report.reject(kind, reason);
            if let Some(rejects) = rejects.as_deref_mut() {
                let kind = (!only_niks).then_some(kind);
                rejects.add(self.source_index, self.row.line(), kind, reason)?;
            }
        }
        Ok(())
    }

    /// What each column as a whole looks like.
    pub(super) fn warnings(&self) -> Vec<ColumnWarning> {
        self.identifiers.iter().flat_map(|column| column.signs.warnings()).collect()
    }
}

#[allow(clippy::needless_pass_by_value)] // fits map_err
pub(super) fn table_failure(error: samar_local::table::TableError) -> Failure {
    Failure::input(error)
}

pub(super) fn open(source: &Source) -> Result<(Input, String), Failure> {
    match source {
        Source::Stdin => {
            let progress = Progress::new("ingest", Unit::Bytes, None);
            Ok((Input::stream(Counted { inner: io::stdin(), progress }), "standard input".to_owned()))
        }
        Source::File(path) => {
            let file = File::open(path).map_err(|error| io_failure("read", path, &error))?;
            let metadata = file.metadata().map_err(|error| io_failure("read", path, &error))?;
            if metadata.is_dir() {
                return Err(Failure::input(format!("{} is a folder, not a file", path.display())));
            }
            let total = metadata.is_file().then_some(metadata.len());
            let progress = Progress::new("ingest", Unit::Bytes, total);
            let counted = Counted { inner: file, progress };
            let input = if metadata.is_file() { Input::file(counted) } else { Input::stream(counted) };
            Ok((input, path.display().to_string()))
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

impl<R: Seek> Seek for Counted<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.inner.seek(to)
    }
}

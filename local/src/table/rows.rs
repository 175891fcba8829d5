//! The rows of each form, behind one way to read on.

use std::io;

use super::source::Source;
use super::split::Splitter;
use super::{Row, TableError, Unit, json, parquet, source, sql, workbook};

/// The rows of each form.
pub(super) enum Rows {
    Delimited(Box<Splitter<Source>>),
    Sql(Box<sql::Sql>),
    Json(Box<json::Json>),
    Workbook(Box<workbook::Workbook>),
    Parquet(Box<parquet::Parquet>),
}

/// Why the rows of a form cannot be read on.
#[derive(Debug)]
pub(super) enum Fault {
    Io(io::Error),
    Table(TableError),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<TableError> for Fault {
    fn from(error: TableError) -> Self {
        Self::Table(error)
    }
}

impl Rows {
    /// Reads the next row into `row`; false at the end. Beside it the line that was reached, 0 in forms without lines. `name` is what
    /// messages call the table.
    pub(super) fn next_row(&mut self, row: &mut Row, name: &str) -> (Result<bool, Fault>, u64) {
        match self {
            Rows::Delimited(splitter) => {
                let found = splitter.next_row(row);
                (found.map_err(Fault::Io), splitter.line())
            }
            Rows::Sql(sql) => (sql.next_row(row), sql.line()),
            Rows::Json(json) => (json.next_row(row), json.line()),
            Rows::Workbook(book) => match book.next_row(row) {
                Err(Fault::Io(error)) if !source::is_of_system(&error) => {
                    (Err(Fault::Table(workbook::damaged(name, &error))), 0)
                }
                found => (found, 0),
            },
            Rows::Parquet(columns) => (columns.next_row(row), 0),
        }
    }

    /// What the places of rows count.
    pub(super) fn unit(&self) -> Unit {
        match self {
            Rows::Delimited(_) => Unit::Line,
            Rows::Sql(sql) => sql.unit(),
            Rows::Json(json) => json.unit(),
            Rows::Workbook(_) | Rows::Parquet(_) => Unit::Row,
        }
    }
}

/// The error of a table called `name` that could not be read on behind `line`.
pub(super) fn failed_with(
    fault: Fault,
    name: &str,
    compression: Option<&'static str>,
    line: u64,
) -> TableError {
    match fault {
        Fault::Table(error) => error,
        Fault::Io(error) => source::read_error(error, name, compression, line),
    }
}

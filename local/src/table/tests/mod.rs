//! Dirty files, and what is read of them.

mod columns;
mod faults;
mod forms;
mod parquet;
mod rows;
mod workbook;

use std::io::{self, Read};

use super::{Input, Row, Table, TableError, TableOptions};

fn options() -> TableOptions {
    TableOptions { name: "table.csv".into(), ..TableOptions::default() }
}

fn open(bytes: impl AsRef<[u8]>) -> Result<Table, TableError> {
    open_with(bytes, &options())
}

fn open_with(bytes: impl AsRef<[u8]>, options: &TableOptions) -> Result<Table, TableError> {
    Table::open(Input::file(io::Cursor::new(bytes.as_ref().to_vec())), options)
}

/// Every row as `LINE: cell|cell` or `LINE: !reason`.
fn rows(table: &mut Table) -> Vec<String> {
    let mut row = Row::new();
    let mut rows = Vec::new();
    while table.next_row(&mut row).unwrap() {
        let cells: Vec<_> = (0..row.columns()).map(|column| row.get(column).unwrap()).collect();
        let text = row.rejection().map_or_else(|| cells.join("|"), |rejection| format!("!{rejection}"));
        rows.push(format!("{}: {text}", row.line()));
    }
    rows
}

/// Gives its bytes a few at a time, and is interrupted now and then, as pipes are.
struct Trickle {
    bytes: Vec<u8>,
    at: usize,
    step: usize,
    interrupted: bool,
}

impl Read for Trickle {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.interrupted = !self.interrupted;
        if self.interrupted {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let length = self.step.min(out.len()).min(self.bytes.len() - self.at);
        out[..length].copy_from_slice(&self.bytes[self.at..self.at + length]);
        self.at += length;
        Ok(length)
    }
}

fn trickle(bytes: impl AsRef<[u8]>, step: usize) -> Box<Trickle> {
    Box::new(Trickle { bytes: bytes.as_ref().to_vec(), at: 0, step, interrupted: false })
}

//! Telling from the first rows how a file is written.

use std::collections::HashMap;

use super::column::is_nik_name;
use super::split::{Dialect, Splitter};
use super::{CELL_BYTES_MAX, Row};

const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];
const ROWS_MAX: usize = 100;

/// What the first rows say.
pub(super) struct Sniffed {
    pub(super) dialect: Dialect,
    /// How many cells most rows have; 0 without a row.
    pub(super) columns: usize,
    /// Up to [`ROWS_MAX`] rows that are not rejected, a header included.
    pub(super) rows: Vec<Row>,
}

/// `head` is the beginning of the text, or all of it if `whole`.
pub(super) fn sniff(head: &[u8], whole: bool, delimiter: Option<u8>) -> Sniffed {
    let terminator = if !head.contains(&b'\n') && head.contains(&b'\r') { b'\r' } else { b'\n' };
    // A row that is cut by the end of the head says nothing, unless there is no other.
    let complete = if whole { None } else { memchr::memrchr(terminator, head).map(|at| at + 1) };
    let head = &head[..complete.unwrap_or(head.len())];
    let read = |delimiter| read(head, Dialect { delimiter, terminator });
    if let Some(delimiter) = delimiter {
        return read(delimiter).0;
    }
    let mut best = read(DELIMITERS[0]);
    for delimiter in &DELIMITERS[1..] {
        let candidate = read(*delimiter);
        if candidate.1 > best.1 {
            best = candidate;
        }
    }
    best.0
}

/// The rows as this dialect sees them, and how well it fits: 0 if most rows have one cell or they disagree, more the
/// more rows agree and the more cells they have.
fn read(head: &[u8], dialect: Dialect) -> (Sniffed, usize) {
    let mut splitter = Splitter::new(head, dialect, 0);
    let mut rows = Vec::new();
    let mut row = Row::new();
    // Unwrap safety: reading from a slice does not fail.
    while rows.len() < ROWS_MAX && splitter.next_row(&mut row).unwrap() {
        if row.rejection().is_none() {
            rows.push(std::mem::take(&mut row));
        }
    }
    let mut counts = HashMap::<usize, usize>::new();
    for row in &rows {
        *counts.entry(row.columns()).or_default() += 1;
    }
    let usual = counts.into_iter().max_by_key(|&(columns, count)| (count, columns));
    let (columns, count) = usual.unwrap_or((0, 0));
    let fit = if columns > 1 && 2 * count > rows.len() {
        CELL_BYTES_MAX * count / rows.len() * (columns - 1) / columns
    } else {
        0
    };
    (Sniffed { dialect, columns, rows }, fit)
}

/// Whether a first row names columns: no cell looks like data, and one is a known name, or there are letters and no mere
/// number. A known name alone says nothing: "KTP" is also a usual value, of a column that tells the kind of a document.
pub(super) fn is_header(row: &Row) -> bool {
    let cells = || (0..row.columns()).filter_map(|column| row.get(column));
    let has_letter = |cell: &str| cell.contains(char::is_alphabetic);
    let is_name =
        |cell: &str| !looks_like_data(cell) && (has_letter(cell) || !cell.contains(char::is_numeric));
    let has_data = cells().any(|cell| looks_like_data(&cell));
    !has_data && cells().any(|cell| is_nik_name(&cell))
        || cells().all(|cell| is_name(&cell)) && cells().any(|cell| has_letter(&cell))
}

/// Whether a cell could be someone's number or address. Such a cell is never shown as a column's name.
pub(super) fn looks_like_data(cell: &str) -> bool {
    cell.contains('@') || cell.chars().filter(|c| c.is_numeric()).count() >= 6
}

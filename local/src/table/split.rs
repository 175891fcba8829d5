//! Cutting a stream of text into rows and cells, in bounded memory and whatever the text is.
//!
//! Most rows have no quote and are a line cut at its delimiters. Rows with quotes go, line by line, through the state
//! machine of the csv crate; the lines stay in the buffer until the row is complete, so that a stray quote costs at
//! most its own line and reading goes on with the next.

use std::io::{self, Read};

use csv_core::{ReadRecordResult, Reader, ReaderBuilder, Terminator};
use memchr::{memchr, memchr2};

use super::{CELL_BYTES_MAX, ROW_BYTES_MAX, Row, RowRejection};

/// First size of the buffer, and so of reads. It grows to hold the longest row: at most twice [`ROW_BYTES_MAX`].
const READ_BYTES: usize = 256 << 10;

/// What separates cells and rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Dialect {
    pub(super) delimiter: u8,
    /// `\n`, or `\r` in files that have no `\n`. A `\r` before `\n` is not part of the last cell.
    pub(super) terminator: u8,
}

pub(super) struct Splitter<R> {
    reader: R,
    /// The window `buffer[start..end]` has been read and not yet used.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    ended: bool,
    dialect: Dialect,
    quoted: Reader,
    /// Number of the line at `start`, from 1.
    line: u64,
    /// How many cells rows have, 0 if unknown. A row that spans lines must have as many.
    columns: usize,
}

impl<R: Read> Splitter<R> {
    pub(super) fn new(reader: R, dialect: Dialect, columns: usize) -> Self {
        let quoted = ReaderBuilder::new()
            .delimiter(dialect.delimiter)
            .terminator(Terminator::Any(dialect.terminator))
            .build();
        let buffer = vec![0; READ_BYTES];
        Self { reader, buffer, start: 0, end: 0, ended: false, dialect, quoted, line: 1, columns }
    }

    pub(super) fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The line that comes next, from 1.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// Reads the next row, blank lines left out; false at the end.
    pub(super) fn next_row(&mut self, row: &mut Row) -> io::Result<bool> {
        loop {
            let window = &self.buffer[self.start..self.end];
            match memchr2(self.dialect.terminator, b'"', window) {
                Some(at) if window[at] == self.dialect.terminator => {
                    if trim(&window[..at], self.dialect).is_empty() {
                        self.consume(at + 1, 1);
                        continue;
                    }
                    self.plain_row(row, at);
                    self.consume(at + 1, 1);
                    return Ok(true);
                }
                Some(_) => return self.quoted_row(row).map(|()| true),
                None if window.len() > ROW_BYTES_MAX => {
                    return self.reject_line(row, RowRejection::RowTooLong).map(|()| true);
                }
                None if !self.ended => self.fill()?,
                None if trim(window, self.dialect).is_empty() => return Ok(false),
                None => {
                    let length = window.len();
                    self.plain_row(row, length);
                    if row.rejection.is_none() && row.columns < self.columns {
                        return self.reject_line(row, RowRejection::TruncatedRow).map(|()| true);
                    }
                    self.consume(length, 1);
                    return Ok(true);
                }
            }
        }
    }

    #[cfg(test)]
    pub(super) fn buffer_bytes(&self) -> usize {
        self.buffer.len()
    }

    /// The row is the first `length` bytes of the window, quotes or not.
    fn plain_row(&self, row: &mut Row, length: usize) {
        row.begin(self.line);
        let line = trim(&self.buffer[self.start..self.start + length], self.dialect);
        row.split_plain(line, self.dialect.delimiter);
        let too_long =
            length > ROW_BYTES_MAX || (length > CELL_BYTES_MAX && row.longest_cell() > CELL_BYTES_MAX);
        if too_long {
            row.begin(self.line);
            row.rejection = Some(RowRejection::RowTooLong);
        }
    }

    fn quoted_row(&mut self, row: &mut Row) -> io::Result<()> {
        self.quoted.reset();
        row.begin(self.line);
        let mut lines = 0;
        let (mut fed, mut written) = (0, 0);
        loop {
            let Some(length) = self.line_end(fed)? else {
                return self.give_up(row, RowRejection::RowTooLong);
            };
            let line = &self.buffer[self.start + fed..self.start + length];
            let (text, terminated) = match line {
                [text @ .., last] if *last == self.dialect.terminator => (text, true),
                text => (text, false),
            };
            feed(&mut self.quoted, trim(text, self.dialect), row, &mut written);
            // The end of the line, or of the file, ends the row unless a quote is open.
            let closed = feed(&mut self.quoted, &[self.dialect.terminator], row, &mut written);
            if !terminated && (!closed || row.columns < self.columns) {
                return self.give_up(row, RowRejection::TruncatedRow);
            }
            fed = length;
            lines += 1;
            if closed {
                break;
            }
            let cell_start = if row.columns == 0 { 0 } else { row.ends[row.columns - 1] };
            if written - cell_start > CELL_BYTES_MAX {
                return self.give_up(row, RowRejection::RowTooLong);
            }
            if self.columns > 0 && row.columns >= self.columns {
                return self.give_up(row, RowRejection::OpenQuote);
            }
        }
        let raw = &self.buffer[self.start..self.start + fed];
        let doubtful =
            self.columns > 0 && (row.columns != self.columns || !is_well_quoted(raw, self.dialect));
        if lines > 1 && doubtful {
            return self.give_up(row, RowRejection::OpenQuote);
        }
        if fed > CELL_BYTES_MAX && row.longest_cell() > CELL_BYTES_MAX {
            return self.give_up(row, RowRejection::RowTooLong);
        }
        self.consume(fed, lines);
        Ok(())
    }

    /// The row that starts with this line does not end well. If closing the quote at the end of the line gives the
    /// right number of cells it is a row with a stray quote; if not it is rejected. Reading goes on with the next line
    /// either way.
    fn give_up(&mut self, row: &mut Row, rejection: RowRejection) -> io::Result<()> {
        let window = &self.buffer[self.start..self.end];
        if let Some(at) = memchr(self.dialect.terminator, window).filter(|at| *at <= ROW_BYTES_MAX) {
            self.quoted.reset();
            row.begin(self.line);
            let mut written = 0;
            feed(&mut self.quoted, trim(&window[..at], self.dialect), row, &mut written);
            feed(&mut self.quoted, b"\"", row, &mut written);
            let closed = feed(&mut self.quoted, &[self.dialect.terminator], row, &mut written);
            if closed && row.columns == self.columns && row.longest_cell() <= CELL_BYTES_MAX {
                self.consume(at + 1, 1);
                return Ok(());
            }
        }
        self.reject_line(row, rejection)
    }

    fn reject_line(&mut self, row: &mut Row, rejection: RowRejection) -> io::Result<()> {
        row.begin(self.line);
        row.rejection = Some(rejection);
        loop {
            let window = &self.buffer[self.start..self.end];
            match memchr(self.dialect.terminator, window) {
                Some(at) => {
                    self.consume(at + 1, 1);
                    return Ok(());
                }
                None => self.start = self.end,
            }
            if self.ended {
                return Ok(());
            }
            self.fill()?;
        }
    }

    /// Length of the window up to the end of the line that starts `from` bytes into it, terminator included;
    /// nothing if that makes the row too long.
    fn line_end(&mut self, from: usize) -> io::Result<Option<usize>> {
        loop {
            let window = &self.buffer[self.start..self.end];
            let length = match memchr(self.dialect.terminator, &window[from..]) {
                Some(at) => from + at + 1,
                None if self.ended || window.len() > ROW_BYTES_MAX => window.len(),
                None => {
                    self.fill()?;
                    continue;
                }
            };
            return Ok((length <= ROW_BYTES_MAX).then_some(length));
        }
    }

    /// Makes the window longer, or notes the end.
    fn fill(&mut self) -> io::Result<()> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        if self.end == self.buffer.len() {
            self.buffer.resize(2 * self.end, 0);
        }
        let read = loop {
            match self.reader.read(&mut self.buffer[self.end..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => break result?,
            }
        };
        self.end += read;
        self.ended = read == 0;
        Ok(())
    }

    fn consume(&mut self, bytes: usize, lines: u64) {
        self.start += bytes;
        self.line += lines;
    }
}

/// A line without the carriage return of a DOS line end.
fn trim(line: &[u8], dialect: Dialect) -> &[u8] {
    match line {
        [text @ .., b'\r'] if dialect.terminator == b'\n' => text,
        _ => line,
    }
}

/// Whether each quoted cell ends where its quote does. The state machine takes text after a closing quote as part of
/// the cell, which is kind within a line; across lines such a quote is likelier to be the opening one of another row.
fn is_well_quoted(row: &[u8], dialect: Dialect) -> bool {
    let mut rest = row;
    loop {
        if let [b'"', cell @ ..] = rest {
            rest = cell;
            loop {
                let Some(at) = memchr(b'"', rest) else { return false };
                rest = &rest[at + 1..];
                match rest {
                    [b'"', more @ ..] => rest = more,
                    [] | [b'\r'] | [b'\r', b'\n'] => return true,
                    [next, ..] if *next == dialect.terminator => return true,
                    [next, ..] if *next == dialect.delimiter => break,
                    _ => return false,
                }
            }
        }
        let Some(at) = memchr(dialect.delimiter, rest) else { return true };
        rest = &rest[at + 1..];
    }
}

/// Gives `input` to the state machine; true if it completes the row. `written` is how much of `row.bytes` is in use.
fn feed(quoted: &mut Reader, mut input: &[u8], row: &mut Row, written: &mut usize) -> bool {
    // Cells are never longer than what they are written in.
    row.bytes.resize(row.bytes.len().max(*written + input.len() + 1), 0);
    row.ends.resize(row.ends.len().max(row.columns + 16), 0);
    while !input.is_empty() {
        let (result, read, wrote, ended) =
            quoted.read_record(input, &mut row.bytes[*written..], &mut row.ends[row.columns..]);
        input = &input[read..];
        *written += wrote;
        row.columns += ended;
        match result {
            ReadRecordResult::Record => return true,
            ReadRecordResult::OutputEndsFull => row.ends.resize(2 * row.ends.len(), 0),
            ReadRecordResult::OutputFull => row.bytes.resize(2 * row.bytes.len(), 0),
            ReadRecordResult::InputEmpty | ReadRecordResult::End => {}
        }
    }
    false
}

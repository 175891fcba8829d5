//! One row, and what can be wrong with it.

use std::borrow::Cow;
use std::fmt;

use encoding_rs::WINDOWS_1252;

use super::CELL_BYTES_MAX;

/// Why a row is unusable, or a cell of it before anybody looks at what it says. The names are stable: reject reports and their readers use them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RowRejection {
    /// The row or one of its cells is longer than any real one (limits in [`super`]).
    RowTooLong,
    /// The file ends inside the row.
    TruncatedRow,
    /// A quote is opened and not closed where the row should end, so that it would swallow the rows below.
    OpenQuote,
    /// The row ends before the column that is asked for.
    MissingColumn,
    /// The row breaks the rules of its form: SQL or JSON that cannot be read.
    MalformedRow,
    /// The cell is longer than any real one and was cut; the rest of the row stands.
    CellTooLong,
    /// The cell is a number that was kept as a float above 2^53, where not every whole number is one.
    FloatRounded,
    /// The cell is a formula, and what it comes to was not kept beside it.
    FormulaUnknown,
}

impl RowRejection {
    /// The name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::RowTooLong => "row-too-long",
            Self::TruncatedRow => "truncated-row",
            Self::OpenQuote => "open-quote",
            Self::MissingColumn => "missing-column",
            Self::MalformedRow => "malformed-row",
            Self::CellTooLong => "cell-too-long",
            Self::FloatRounded => "float-rounded",
            Self::FormulaUnknown => "formula-unknown",
        }
    }
}

impl fmt::Display for RowRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A row, reused from one to the next: reading allocates nothing once it has grown to the longest row.
#[derive(Clone, Default)]
pub struct Row {
    pub(super) line: u64,
    /// The cells, one after the other, `gap` bytes apart.
    pub(super) bytes: Vec<u8>,
    /// Where each cell ends in `bytes`; only the first `columns` are of this row.
    pub(super) ends: Vec<usize>,
    pub(super) columns: usize,
    pub(super) gap: usize,
    pub(super) rejection: Option<RowRejection>,
    /// Cells that their form makes unusable.
    flaws: Vec<(usize, RowRejection)>,
}

impl Row {
    /// A row to read into.
    pub fn new() -> Self {
        Self::default()
    }

    /// Where the row stands, from 1: the physical line on which it starts, a header included, or its number in forms that
    /// have no lines ([`Unit`](super::Unit)).
    pub fn line(&self) -> u64 {
        self.line
    }

    /// How many cells the row has; 0 if it is rejected.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Bytes of its cells in the file, and of what separates them where nothing is quoted.
    pub fn text_bytes(&self) -> usize {
        self.ends[..self.columns].last().copied().unwrap_or(0)
    }

    /// Why the row as a whole is unusable, if it is.
    pub fn rejection(&self) -> Option<RowRejection> {
        self.rejection
    }

    /// The text of a cell (columns from 0), or nothing if the row has no such cell.
    ///
    /// A cell that is not UTF-8 is read as windows-1252, of which latin-1 is the part that files use. Deciding by
    /// the cell needs no look ahead and serves files that were joined from several encodings.
    pub fn get(&self, column: usize) -> Option<Cow<'_, str>> {
        let cell = self.bytes(column)?;
        Some(match str::from_utf8(cell) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => WINDOWS_1252.decode_without_bom_handling(cell).0,
        })
    }

    /// The text of a cell that a row must have: the identifier. Says why there is none.
    pub fn require(&self, column: usize) -> Result<Cow<'_, str>, RowRejection> {
        match self.rejection {
            Some(rejection) => Err(rejection),
            None => match self.flaws.iter().find(|(flawed, _)| *flawed == column) {
                Some((_, flaw)) => Err(*flaw),
                None => self.get(column).ok_or(RowRejection::MissingColumn),
            },
        }
    }

    /// Start of a new row at `line`, so far without cells.
    pub(super) fn begin(&mut self, line: u64) {
        self.line = line;
        self.columns = 0;
        self.gap = 0;
        self.rejection = None;
        self.flaws.clear();
    }

    /// Start of a new row whose cells are written one after the other: bytes to `bytes`, then [`Row::end_cell`].
    pub(super) fn clear(&mut self, line: u64) {
        self.begin(line);
        self.bytes.clear();
        self.ends.clear();
    }

    /// The bytes written last are a cell. One that is too long is cut.
    pub(super) fn end_cell(&mut self) {
        let start = self.ends.last().copied().unwrap_or(0);
        if self.bytes.len() - start > CELL_BYTES_MAX {
            self.bytes.truncate(start + CELL_BYTES_MAX);
            self.flaw(RowRejection::CellTooLong);
        }
        self.ends.push(self.bytes.len());
        self.columns += 1;
    }

    /// The cell that is being written is unusable.
    pub(super) fn flaw(&mut self, reason: RowRejection) {
        self.flaws.push((self.columns, reason));
    }

    /// Whether any cell is.
    pub(super) fn is_flawed(&self) -> bool {
        !self.flaws.is_empty()
    }

    /// The row as a whole is.
    pub(super) fn reject(&mut self, reason: RowRejection) {
        self.columns = 0;
        self.rejection = Some(reason);
    }

    /// Puts each cell where `places` says, of a row that was written in another order; what is not filled is empty.
    pub(super) fn rearrange(&mut self, places: &[usize], spare: &mut Row) {
        spare.clear(self.line);
        let columns = places.iter().take(self.columns).map(|place| place + 1).max().unwrap_or(0);
        for column in 0..columns {
            if let Some(from) = places.iter().take(self.columns).position(|place| *place == column) {
                spare.bytes.extend_from_slice(self.bytes(from).unwrap_or_default());
                if let Some((_, flaw)) = self.flaws.iter().find(|(flawed, _)| *flawed == from) {
                    spare.flaws.push((column, *flaw));
                }
            }
            spare.ends.push(spare.bytes.len());
            spare.columns += 1;
        }
        spare.rejection = self.rejection;
        std::mem::swap(self, spare);
    }

    /// Cells of a line in which quotes, if any, mean nothing.
    pub(super) fn split_plain(&mut self, line: &[u8], delimiter: u8) {
        self.bytes.clear();
        self.bytes.extend_from_slice(line);
        self.ends.clear();
        self.ends.extend(memchr::memchr_iter(delimiter, line));
        self.ends.push(line.len());
        self.columns = self.ends.len();
        self.gap = 1;
    }

    pub(super) fn longest_cell(&self) -> usize {
        (0..self.columns).filter_map(|column| self.bytes(column)).map(<[u8]>::len).max().unwrap_or(0)
    }

    fn bytes(&self, column: usize) -> Option<&[u8]> {
        let ends = &self.ends[..self.columns];
        let end = *ends.get(column)?;
        let start = if column == 0 { 0 } else { ends[column - 1] + self.gap };
        Some(&self.bytes[start..end])
    }
}

impl fmt::Debug for Row {
    /// The cells are personal data and stay out of it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Row(line {}, {} cells, rejection {:?})", self.line, self.columns, self.rejection)
    }
}

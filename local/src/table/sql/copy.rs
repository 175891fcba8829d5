//! Rows of COPY: lines of cells between tabs, with backslashes for what would be taken for either, up to `\.`

use std::io;

use memchr::memchr3;

use super::{Fault, Row, Sql, State};
use crate::table::{CELL_BYTES_MAX, COLUMNS_MAX, RowRejection};

impl Sql {
    /// The next row of the block; false at its end.
    pub(super) fn copied(&mut self, row: &mut Row) -> Result<bool, Fault> {
        if self.at_end_of_copy()? {
            self.window.skip_line()?;
            return Ok(false);
        }
        self.begin(row);
        if self.window.peek()?.is_none() {
            // A block that is not ended was cut off, and rows with it.
            row.reject(RowRejection::TruncatedRow);
            self.state = State::Ended;
            return Ok(true);
        }
        let mut start = 0;
        loop {
            let rest = self.window.rest();
            let at = memchr3(b'\t', b'\n', b'\\', rest);
            let text = &rest[..at.unwrap_or(rest.len())];
            let room = (CELL_BYTES_MAX + 1).saturating_sub(row.bytes.len() - start);
            row.bytes.extend_from_slice(&text[..text.len().min(room)]);
            let (length, found) = (text.len(), at.map(|at| rest[at]));
            self.window.consume(length);
            match found {
                None => {
                    if !self.window.more()? {
                        row.end_cell();
                        let columns = self.columns().map_or(0, <[String]>::len);
                        if row.columns() < columns {
                            row.reject(RowRejection::TruncatedRow);
                            self.state = State::Ended;
                        }
                        return Ok(true);
                    }
                    continue;
                }
                Some(b'\\') => {
                    self.window.bump();
                    self.escaped(row)?;
                    continue;
                }
                Some(sign) => {
                    self.window.bump();
                    if sign == b'\n' && row.bytes.len() > start && row.bytes.last() == Some(&b'\r') {
                        row.bytes.pop(); // a line end that was converted; a real one is escaped
                    }
                    row.end_cell();
                    start = row.bytes.len();
                    if sign == b'\n' {
                        return Ok(true);
                    }
                }
            }
            if row.columns() > COLUMNS_MAX {
                row.reject(RowRejection::MalformedRow);
                self.window.skip_line()?;
                return Ok(true);
            }
        }
    }

    /// What comes after a backslash. `\N` is nothing at all.
    fn escaped(&mut self, row: &mut Row) -> io::Result<()> {
        let Some(sign) = self.window.peek()? else { return Ok(()) };
        self.window.bump();
        let byte = match sign {
            b'N' => return Ok(()),
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'v' => 11,
            b'x' => self.digits(16, 2)?.unwrap_or(b'x'),
            b'0'..=b'7' => self.octal(sign)?,
            other => other,
        };
        row.bytes.push(byte);
        Ok(())
    }

    /// The rest of `\ooo`, of which there may be fewer digits.
    fn octal(&mut self, first: u8) -> io::Result<u8> {
        let mut value = first - b'0';
        for _ in 0..2 {
            let Some(digit) = self.digits(8, 1)? else { break };
            value = value << 3 | digit;
        }
        Ok(value)
    }

    /// The value of up to `count` digits; nothing without one.
    fn digits(&mut self, radix: u32, count: usize) -> io::Result<Option<u8>> {
        let mut value = None;
        for _ in 0..count {
            let digit = self.window.peek()?.and_then(|byte| char::from(byte).to_digit(radix));
            let Some(digit) = digit.and_then(|digit| u8::try_from(digit).ok()) else { break };
            self.window.bump();
            value = Some(value.unwrap_or(0) * u8::try_from(radix).unwrap_or(16) + digit);
        }
        Ok(value)
    }

    /// Passes over the lines of a table that is not read.
    pub(super) fn skip_copy(&mut self) -> io::Result<()> {
        while !self.at_end_of_copy()? && self.window.peek()?.is_some() {
            self.window.skip_line()?;
        }
        self.window.skip_line()
    }

    /// Whether `\.` alone on its line comes next.
    fn at_end_of_copy(&mut self) -> io::Result<bool> {
        if self.window.peek()? != Some(b'\\') {
            return Ok(false);
        }
        while self.window.rest().len() < 3 && self.window.more()? {}
        Ok(matches!(self.window.rest(), [b'\\', b'.'] | [b'\\', b'.', b'\n' | b'\r', ..]))
    }
}

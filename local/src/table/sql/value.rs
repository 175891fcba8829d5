//! Rows of INSERT: `(1, 'Siti \'A\'', NULL, _binary '..', 0x4a50, N'..'), (..)`.

use std::io;

use memchr::memchr2;

use super::{Fault, Row, Sql, State};
use crate::table::{CELL_BYTES_MAX, COLUMNS_MAX, RowRejection};

/// How the reading of a list of values went wrong.
enum Trouble {
    /// The file ends in it.
    Cut,
    Malformed,
    Io(io::Error),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Sql {
    /// The next row of the statement; false at its end.
    pub(super) fn inserted(&mut self, row: &mut Row) -> Result<bool, Fault> {
        loop {
            self.space()?;
            match self.window.peek()? {
                Some(b'(') => break,
                Some(b',') => self.window.bump(),
                Some(b';') => {
                    self.window.bump();
                    return Ok(false);
                }
                None => {
                    // A statement that is not ended was cut off, and rows with it.
                    self.begin(row);
                    row.reject(RowRejection::TruncatedRow);
                    self.state = State::Ended;
                    return Ok(true);
                }
                Some(_) => {
                    let token = self.token()?;
                    if ["ON", "AS", "RETURNING"].iter().any(|word| token.is_word(word)) {
                        self.skip_statement()?;
                    } else {
                        self.ahead = Some(token); // SQL Server's statements end with their line
                    }
                    return Ok(false);
                }
            }
        }
        self.begin(row);
        self.window.bump();
        match self.values(row) {
            Ok(()) => {}
            Err(Trouble::Cut) => {
                row.reject(RowRejection::TruncatedRow);
                self.state = State::Ended;
            }
            Err(Trouble::Malformed) => {
                row.reject(RowRejection::MalformedRow);
                self.find_next_row()?;
            }
            Err(Trouble::Io(error)) => return Err(error.into()),
        }
        Ok(true)
    }

    fn values(&mut self, row: &mut Row) -> Result<(), Trouble> {
        loop {
            self.space()?;
            self.value(row)?;
            self.space()?;
            if self.window.peek()? == Some(b':') {
                self.skip_type()?;
            }
            row.end_cell();
            match self.window.peek()?.ok_or(Trouble::Cut)? {
                b',' if row.columns() < COLUMNS_MAX => self.window.bump(),
                b')' => {
                    self.window.bump();
                    return Ok(());
                }
                _ => return Err(Trouble::Malformed),
            }
        }
    }

    fn value(&mut self, row: &mut Row) -> Result<(), Trouble> {
        match self.window.peek()?.ok_or(Trouble::Cut)? {
            b'\'' => self.string(row, b'\'', self.backslashes),
            b'"' => self.string(row, b'"', self.backslashes),
            b'0'..=b'9' | b'-' | b'+' | b'.' => self.number(row),
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => self.named_value(row),
            _ => Ok(()), // what comes instead is the caller's to judge
        }
    }

    /// A number as it stands, or what a hexadecimal one spells.
    fn number(&mut self, row: &mut Row) -> Result<(), Trouble> {
        let start = row.bytes.len();
        while let Some(byte) = self.window.peek()? {
            if !byte.is_ascii_alphanumeric() && !matches!(byte, b'-' | b'+' | b'.') {
                break;
            }
            push(row, byte);
            self.window.bump();
        }
        if row.bytes[start..].starts_with(b"0x") {
            unhex(row, start, start + 2)?;
        }
        Ok(())
    }

    /// `NULL`, `TRUE`, `_binary '..'`, `N'..'`, `x'..'`, `CAST(.. AS ..)`
    fn named_value(&mut self, row: &mut Row) -> Result<(), Trouble> {
        let word = self.word()?;
        let next = self.window.peek()?.ok_or(Trouble::Cut)?;
        match word.to_ascii_uppercase().as_str() {
            "NULL" | "DEFAULT" => Ok(()),
            "X" if next == b'\'' => {
                let start = row.bytes.len();
                self.string(row, b'\'', false)?;
                unhex(row, start, start)
            }
            "N" | "B" if next == b'\'' => self.string(row, b'\'', self.backslashes),
            "E" if next == b'\'' => self.string(row, b'\'', true),
            "CAST" if next == b'(' => {
                self.window.bump();
                self.space()?;
                self.value(row)?;
                self.skip_parentheses()
            }
            _ if next == b'(' => {
                self.window.bump();
                self.skip_parentheses() // a function; what it comes to only a database knows
            }
            _ if word.starts_with('_') => {
                self.space()?; // the character set of the string that follows
                self.value(row)
            }
            _ => {
                row.bytes.extend_from_slice(word.as_bytes());
                Ok(())
            }
        }
    }

    /// The text of a string. Of one that is too long only the beginning is kept.
    fn string(&mut self, row: &mut Row, quote: u8, backslashes: bool) -> Result<(), Trouble> {
        self.window.bump();
        let start = row.bytes.len();
        let escape = if backslashes { b'\\' } else { quote };
        loop {
            let rest = self.window.rest();
            let at = memchr2(quote, escape, rest);
            let text = &rest[..at.unwrap_or(rest.len())];
            let room = (CELL_BYTES_MAX + 1).saturating_sub(row.bytes.len() - start);
            row.bytes.extend_from_slice(&text[..text.len().min(room)]);
            let (length, found) = (text.len(), at.map(|at| rest[at]));
            self.window.consume(length);
            let Some(found) = found else {
                if !self.window.more()? {
                    return Err(Trouble::Cut);
                }
                continue;
            };
            self.window.bump();
            if found == quote {
                if self.window.peek()? != Some(quote) {
                    return Ok(());
                }
                self.window.bump();
                row.bytes.push(quote);
                continue;
            }
            let escaped = self.window.peek()?.ok_or(Trouble::Cut)?;
            self.window.bump();
            match escaped {
                b'0' => row.bytes.push(0),
                b'n' => row.bytes.push(b'\n'),
                b't' => row.bytes.push(b'\t'),
                b'r' => row.bytes.push(b'\r'),
                b'b' => row.bytes.push(8),
                b'Z' => row.bytes.push(26),
                b'%' | b'_' => row.bytes.extend_from_slice(&[b'\\', escaped]),
                other => row.bytes.push(other),
            }
        }
    }

    /// `::character varying(16)`, of PostgreSQL.
    fn skip_type(&mut self) -> Result<(), Trouble> {
        while let Some(byte) = self.window.peek()? {
            match byte {
                b',' | b')' => return Ok(()),
                b'(' => {
                    self.window.bump();
                    self.skip_parentheses()?;
                }
                _ => self.window.bump(),
            }
        }
        Err(Trouble::Cut)
    }

    /// What is left of `(..)`.
    fn skip_parentheses(&mut self) -> Result<(), Trouble> {
        let mut depth = 1;
        while depth > 0 {
            let byte = self.window.peek()?.ok_or(Trouble::Cut)?;
            self.window.bump();
            match byte {
                b'(' => depth += 1,
                b')' => depth -= 1,
                b'\'' => self.skip_string(b'\'')?,
                _ => {}
            }
        }
        Ok(())
    }

    /// After a row that cannot be read: to where `),(` or `);` shows that another begins, or that there is none.
    fn find_next_row(&mut self) -> io::Result<()> {
        while let Some(byte) = self.window.peek()? {
            self.window.bump();
            if byte != b')' {
                continue;
            }
            self.white()?;
            match self.window.peek()? {
                Some(b';') => return Ok(()),
                Some(b',') => {
                    self.window.bump();
                    self.white()?;
                    if self.window.peek()? == Some(b'(') {
                        return Ok(());
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn white(&mut self) -> io::Result<()> {
        while self.window.peek()?.is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.window.bump();
        }
        Ok(())
    }
}

fn push(row: &mut Row, byte: u8) {
    let start = row.ends.last().copied().unwrap_or(0);
    if row.bytes.len() - start <= CELL_BYTES_MAX {
        row.bytes.push(byte);
    }
}

/// Makes the bytes of hexadecimal digits from `digits` on, and puts them at `start`.
fn unhex(row: &mut Row, start: usize, digits: usize) -> Result<(), Trouble> {
    // A literal that was cut may end in half a byte.
    let length = (row.bytes.len() - digits) / 2;
    for at in 0..length {
        let value = |digit: u8| char::from(digit).to_digit(16);
        let pair = (value(row.bytes[digits + 2 * at]), value(row.bytes[digits + 2 * at + 1]));
        let (Some(high), Some(low)) = pair else { return Err(Trouble::Malformed) };
        row.bytes[start + at] = u8::try_from(high * 16 + low).map_err(|_| Trouble::Malformed)?;
    }
    row.bytes.truncate(start + length);
    Ok(())
}

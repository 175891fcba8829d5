//! Workbooks of Excel (xlsx): the rows of one sheet, as the XML of it streams by.
//!
//! What cells share of text stands in a part of its own and is held in memory, up to a bound; everything else passes through. A
//! formula's cell is the value that was kept beside it. Numbers are written in digits: one of 16 that Excel kept has lost its
//! last one, which nobody can see but by many of them ending in 0.

mod cell;
mod parts;
mod xml;

use std::io;

use quick_xml::events::Event;

use super::error::TableKind;
use super::number::{DAY_NS, EXACT_MAX, write_date, write_float, write_time};
use super::zip::Archive;
use super::{
    CELL_BYTES_MAX, COLUMNS_MAX, Fault, HELD_BYTES_MAX, ROW_BYTES_MAX, Row, RowRejection, TableError, sniff,
};
use cell::{Cell, Kind, cell};
use parts::{Sheet, Shown, Strings};
use xml::{Xml, attribute};

/// The part that makes a zip a workbook.
pub(super) const WORKBOOK: &str = "xl/workbook.xml";
const RELATIONS: &str = "xl/_rels/workbook.xml.rels";
const EXPORT: &str = "save it again with Excel or LibreOffice, or as CSV";
/// Day 0 of workbooks in days since 1970, counted so that days from March 1900 on are right: Excel has a 29 February 1900.
const DAY_0: i64 = -25_569;
const DAY_0_FROM_1904: i64 = -24_107;

pub(super) struct Workbook {
    xml: Xml,
    sheet: String,
    strings: Strings,
    styles: Vec<Shown>,
    day_0: i64,
    columns: Option<Vec<String>>,
    /// A row that was looked at and is given out next.
    ahead: Option<Row>,
    /// How many cells a row is to have; further ones are kept.
    width: usize,
    /// Number of the row that was read last.
    at: u64,
    /// The text of a cell.
    value: Vec<u8>,
    ended: bool,
}

impl Workbook {
    /// Goes to the first row of the only sheet that has any, or of the one that is `wanted`.
    pub(super) fn open(
        archive: &Archive,
        name: &str,
        wanted: Option<&str>,
        header: Option<bool>,
    ) -> Result<Self, Fault> {
        let (workbook, relations) = (archive.open_member(WORKBOOK)?, archive.open_member(RELATIONS)?);
        let book = parts::book(workbook, relations)?;
        let strings = match book.strings.filter(|path| archive.has(path)) {
            Some(path) => Strings::read(archive.open_member(&path)?)?.ok_or_else(|| {
                let reason = format!("its texts come to more than {} MiB", HELD_BYTES_MAX >> 20);
                form(name, reason, "save the sheet as CSV")
            })?,
            None => Strings::default(),
        };
        let styles = match book.styles.filter(|path| archive.has(path)) {
            Some(path) => parts::styles(archive.open_member(&path)?)?,
            None => Vec::new(),
        };
        let mut found = Self {
            xml: Xml::new(Box::new(io::empty())),
            sheet: String::new(),
            strings,
            styles,
            day_0: if book.from_1904 { DAY_0_FROM_1904 } else { DAY_0 },
            columns: None,
            ahead: None,
            width: 0,
            at: 0,
            value: Vec::new(),
            ended: true,
        };
        found.choose(archive, &book.sheets, name, wanted)?;
        let is_header =
            |row: &Row| header.unwrap_or_else(|| row.rejection().is_none() && sniff::is_header(row));
        if let Some(first) = found.ahead.take_if(|row| is_header(row)) {
            if let Some(reason) = first.rejection() {
                return Err(TableError::Header { name: name.to_owned(), reason }.into());
            }
            found.width = first.columns();
            found.columns = Some(super::column::names(Some(&first), first.columns()));
        }
        Ok(found)
    }

    /// The names of the columns, where the sheet has them.
    pub(super) fn columns(&self) -> Option<&[String]> {
        self.columns.as_deref()
    }

    /// The sheet that is read.
    pub(super) fn sheet(&self) -> &str {
        &self.sheet
    }

    fn choose(
        &mut self,
        archive: &Archive,
        sheets: &[Sheet],
        name: &str,
        wanted: Option<&str>,
    ) -> Result<(), Fault> {
        let (kind, name) = (TableKind::Sheet, name.to_owned());
        let means =
            |sheet: &&Sheet| wanted.is_none_or(|wanted| sheet.name.to_lowercase() == wanted.to_lowercase());
        let (mut filled, mut last) = (Vec::new(), None);
        for sheet in sheets.iter().filter(means) {
            self.begin(archive, &sheet.path)?;
            if let Some(first) = self.first()? {
                filled.push(sheet.name.clone());
                last = Some((sheet, first));
            }
        }
        let all = || sheets.iter().map(|sheet| sheet.name.clone()).collect();
        let (sheet, first) = match (last, wanted) {
            (Some(last), _) if filled.len() == 1 => last,
            (Some(_), _) => return Err(TableError::SeveralTables { name, kind, tables: filled }.into()),
            (None, Some(wanted)) => {
                let wanted = wanted.to_owned();
                return Err(TableError::NoSuchTable { name, kind, wanted, tables: all() }.into());
            }
            (None, None) => return Err(TableError::Empty { name }.into()),
        };
        // Others may have been looked at after it.
        self.begin(archive, &sheet.path)?;
        self.first()?;
        self.ahead = Some(first);
        self.sheet.clone_from(&sheet.name);
        Ok(())
    }

    fn begin(&mut self, archive: &Archive, path: &str) -> Result<(), TableError> {
        self.xml = Xml::new(archive.open_member(path)?);
        (self.at, self.ended) = (0, false);
        Ok(())
    }

    fn first(&mut self) -> Result<Option<Row>, Fault> {
        let mut row = Row::new();
        Ok(self.read_row(&mut row)?.then_some(row))
    }

    /// The next row; false at the end.
    pub(super) fn next_row(&mut self, row: &mut Row) -> Result<bool, Fault> {
        if let Some(ahead) = self.ahead.take() {
            *row = ahead;
            return Ok(true);
        }
        self.read_row(row)
    }

    /// The next row that has anything in it.
    fn read_row(&mut self, row: &mut Row) -> Result<bool, Fault> {
        while !self.ended {
            match self.xml.next()? {
                Event::Start(start) if start.local_name().as_ref() == "row" => {
                    let number = attribute(&start, "r").and_then(|number| number.parse().ok());
                    // Rows are in order; one that is not is counted on.
                    self.at = number.unwrap_or(0).max(self.at + 1);
                    row.clear(self.at);
                    self.read_cells(row)?;
                    if row.rejection().is_some() || !row.bytes.is_empty() || row.is_flawed() {
                        return Ok(true);
                    }
                }
                Event::Empty(empty) if empty.local_name().as_ref() == "row" => self.at += 1,
                Event::End(end) if end.local_name().as_ref() == "sheetData" => self.ended = true,
                Event::Empty(empty) if empty.local_name().as_ref() == "sheetData" => self.ended = true,
                Event::Eof => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
                _ => {}
            }
        }
        Ok(false)
    }

    fn read_cells(&mut self, row: &mut Row) -> Result<(), Fault> {
        let mut rejection = None;
        loop {
            let (cell, column, is_filled) = match self.xml.next()? {
                Event::Start(start) if start.local_name().as_ref() == "c" => {
                    let (cell, column) = cell(&start, &self.styles);
                    (cell, column, true)
                }
                Event::Empty(start) if start.local_name().as_ref() == "c" => {
                    let (cell, column) = cell(&start, &self.styles);
                    (cell, column, false)
                }
                Event::End(end) if end.local_name().as_ref() == "row" => break,
                Event::Eof => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
                _ => continue,
            };
            let column = column.unwrap_or(row.columns());
            if column < row.columns() {
                rejection = Some(RowRejection::MalformedRow);
            } else if column >= COLUMNS_MAX || row.bytes.len() > ROW_BYTES_MAX {
                rejection = Some(RowRejection::RowTooLong);
            }
            while rejection.is_none() && row.columns() < column {
                row.end_cell();
            }
            let has_value = is_filled && self.read_value()?;
            if rejection.is_none() {
                if is_filled {
                    self.write(row, &cell, has_value);
                }
                row.end_cell();
            }
        }
        while rejection.is_none() && row.columns() < self.width {
            row.end_cell();
        }
        match rejection {
            Some(rejection) => row.reject(rejection),
            None if row.bytes.len() > ROW_BYTES_MAX => row.reject(RowRejection::RowTooLong),
            None => {}
        }
        Ok(())
    }

    /// The text up to the end of a cell; false where there is a formula and no value.
    fn read_value(&mut self) -> io::Result<bool> {
        self.value.clear();
        let (mut is_formula, mut is_value, mut aside) = (false, false, false);
        loop {
            let take = match self.xml.next()? {
                Event::Start(start) => match start.local_name().as_ref() {
                    "v" => true,
                    "t" => !aside,
                    "f" => {
                        is_formula = true;
                        false
                    }
                    "rPh" => {
                        aside = true;
                        false
                    }
                    _ => false,
                },
                Event::Empty(start) => {
                    is_formula |= start.local_name().as_ref() == "f";
                    is_value |= start.local_name().as_ref() == "v";
                    false
                }
                Event::End(end) => match end.local_name().as_ref() {
                    "c" => return Ok(!is_formula || is_value),
                    "rPh" => {
                        aside = false;
                        false
                    }
                    _ => false,
                },
                Event::Eof => return Err(io::ErrorKind::UnexpectedEof.into()),
                _ => false,
            };
            if take {
                is_value = true;
                let room = (CELL_BYTES_MAX + 1).saturating_sub(self.value.len());
                self.xml.text(&mut self.value, room)?;
            }
        }
    }

    fn write(&self, row: &mut Row, cell: &Cell, has_value: bool) {
        if !has_value {
            return row.flaw(RowRejection::FormulaUnknown);
        }
        match cell.kind {
            Kind::Text => row.bytes.extend_from_slice(&self.value),
            Kind::Boolean => {
                let text: &[u8] = match self.value.as_slice() {
                    b"1" => b"true",
                    b"0" => b"false",
                    other => other,
                };
                row.bytes.extend_from_slice(text);
            }
            Kind::Shared => {
                let number = str::from_utf8(&self.value).ok().and_then(|number| number.trim().parse().ok());
                match number.and_then(|number| self.strings.get(number)) {
                    Some(text) => row.bytes.extend_from_slice(text),
                    None => row.flaw(RowRejection::MalformedRow),
                }
            }
            Kind::Number => self.write_number(row, cell.shown),
        }
    }

    fn write_number(&self, row: &mut Row, shown: Shown) {
        let text = self.value.trim_ascii();
        let digits = text.strip_prefix(b"-").unwrap_or(text);
        let is_whole = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
        let number = str::from_utf8(text).ok().and_then(|text| text.parse::<f64>().ok());
        let Some(number) = number.filter(|number| number.is_finite()) else {
            return row.bytes.extend_from_slice(text); // no number, whatever it should have been
        };
        if matches!(shown, Shown::Date | Shown::Time | Shown::DateAndTime)
            && self.write_moment(row, number, shown)
        {
            return;
        }
        let start = row.bytes.len();
        if is_whole {
            row.bytes.extend_from_slice(text);
        } else {
            write_float(row, number, EXACT_MAX);
        }
        if let (Shown::Padded(width), true) = (shown, number >= 0.0) {
            let missing = width.saturating_sub(row.bytes.len() - start).min(CELL_BYTES_MAX);
            row.bytes.splice(start..start, std::iter::repeat_n(b'0', missing));
        }
    }

    /// A number of days, as a date and a time; false where it is none.
    fn write_moment(&self, row: &mut Row, number: f64, shown: Shown) -> bool {
        // Excel's last day is the end of the year 9999.
        if !(0.0..2_958_466.0).contains(&number) {
            return false;
        }
        #[allow(clippy::cast_possible_truncation)] // bounded above, and seconds are what is kept
        let seconds = (number * 86_400.0).round() as i64;
        let (days, second) = (seconds / 86_400, seconds % 86_400);
        let time = (second * 1_000_000_000).min(DAY_NS - 1);
        let has_date = shown != Shown::Time || days > 0;
        if has_date && !write_date(row, days + self.day_0) {
            return false;
        }
        if second > 0 || shown != Shown::Date {
            if has_date {
                row.bytes.push(b' ');
            }
            write_time(row, time);
        }
        true
    }
}

fn form(name: &str, reason: String, remedy: &'static str) -> TableError {
    TableError::Form { name: name.to_owned(), form: "an Excel workbook", reason, remedy }
}

/// What is wrong with a workbook that cannot be read.
pub(super) fn damaged(name: &str, error: &io::Error) -> TableError {
    let reason = match error.kind() {
        io::ErrorKind::UnexpectedEof => "a part of it ends too early".to_owned(),
        _ => error.to_string(),
    };
    form(name, reason, EXPORT)
}

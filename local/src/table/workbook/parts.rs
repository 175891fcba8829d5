//! The parts of a workbook beside its sheets: which sheets there are, what strings they share, how their numbers are shown.

use std::collections::HashMap;
use std::io;

use quick_xml::events::{BytesStart, Event};

use super::super::source::Source;
use super::super::{CELL_BYTES_MAX, HELD_BYTES_MAX};
use super::xml::{Xml, attribute};

/// More sheets than this are not noted.
const SHEETS_MAX: usize = 4_096;
/// Excel has at most 64,000 formats of cells.
const FORMATS_MAX: usize = 1 << 16;
/// Strings that a workbook shares; a sheet has at most 17,000 million cells, which nobody fills with different ones.
const STRINGS_MAX: usize = 32 << 20;
/// Room is made for so much more of them at a time: a vector that doubles would hold twice what is allowed.
const GROWTH_BYTES: usize = 4 << 20;

/// A sheet of cells.
pub(super) struct Sheet {
    pub(super) name: String,
    /// Where it stands in the archive.
    pub(super) path: String,
}

/// What the workbook itself says.
pub(super) struct Book {
    pub(super) sheets: Vec<Sheet>,
    pub(super) strings: Option<String>,
    pub(super) styles: Option<String>,
    /// Days are counted from 1904, as Excel once did on Macintosh.
    pub(super) from_1904: bool,
}

/// Goes through the elements of a part.
fn each(source: Source, mut element: impl FnMut(&BytesStart<'_>)) -> io::Result<()> {
    let mut xml = Xml::new(source);
    loop {
        match xml.next()? {
            Event::Start(start) | Event::Empty(start) => element(&start),
            Event::Eof => return Ok(()),
            _ => {}
        }
    }
}

/// Reads `xl/workbook.xml` and what says where its parts are.
pub(super) fn book(workbook: Source, relations: Source) -> io::Result<Book> {
    let mut places = HashMap::new();
    let (mut strings, mut styles) = (None, None);
    each(relations, |element| {
        let of = |name| attribute(element, name).unwrap_or_default();
        let target = of("Target");
        let path = target.strip_prefix('/').map_or_else(|| format!("xl/{target}"), str::to_owned);
        match of("Type").rsplit('/').next() {
            Some("worksheet") if places.len() < SHEETS_MAX => _ = places.insert(of("Id"), path),
            Some("sharedStrings") => strings = Some(path),
            Some("styles") => styles = Some(path),
            _ => {}
        }
    })?;
    let (mut sheets, mut from_1904) = (Vec::new(), false);
    each(workbook, |element| match element.local_name().as_ref() {
        "workbookPr" => from_1904 = matches!(attribute(element, "date1904").as_deref(), Some("1" | "true")),
        "sheet" => {
            let path = attribute(element, "id").and_then(|id| places.get(&id).cloned());
            if let (Some(name), Some(path)) = (attribute(element, "name"), path) {
                sheets.push(Sheet { name, path });
            }
        }
        _ => {}
    })?;
    Ok(Book { sheets, strings, styles, from_1904 })
}

/// Strings that cells refer to by number, in memory: they are cells, and must not reach the disk.
#[derive(Default)]
pub(super) struct Strings {
    text: Vec<u8>,
    ends: Vec<u32>,
}

impl Strings {
    /// Reads them all; nothing where they are more than may be held.
    pub(super) fn read(source: Source) -> io::Result<Option<Self>> {
        let mut xml = Xml::new(source);
        let mut strings = Self::default();
        let mut text = Vec::new();
        // In a string, and in what is no part of its text: how it is spoken.
        let (mut inside, mut aside) = (false, false);
        loop {
            let take = match xml.next()? {
                Event::Start(start) => match start.local_name().as_ref() {
                    "si" => {
                        inside = true;
                        text.clear();
                        false
                    }
                    "rPh" => {
                        aside = true;
                        false
                    }
                    "t" => inside && !aside,
                    _ => false,
                },
                Event::Empty(start) if start.local_name().as_ref() == "si" => {
                    strings.add(&[]);
                    false
                }
                Event::End(end) => match end.local_name().as_ref() {
                    "si" => {
                        inside = false;
                        strings.add(&text);
                        false
                    }
                    "rPh" => {
                        aside = false;
                        false
                    }
                    _ => false,
                },
                Event::Eof => return Ok(Some(strings)),
                _ => false,
            };
            if take {
                xml.text(&mut text, CELL_BYTES_MAX + 1)?;
                text.truncate(CELL_BYTES_MAX + 1);
            }
            if strings.held_bytes() > HELD_BYTES_MAX || strings.ends.len() > STRINGS_MAX {
                return Ok(None);
            }
        }
    }

    fn add(&mut self, text: &[u8]) {
        if self.text.capacity() - self.text.len() < text.len() {
            self.text.reserve_exact(text.len().max(GROWTH_BYTES));
        }
        if self.ends.capacity() == self.ends.len() {
            self.ends.reserve_exact(GROWTH_BYTES / size_of::<u32>());
        }
        self.text.extend_from_slice(text);
        // The text is bounded by less than 2^32.
        self.ends.push(u32::try_from(self.text.len()).unwrap_or(u32::MAX));
    }

    fn held_bytes(&self) -> usize {
        self.text.len() + self.ends.len() * size_of::<u32>()
    }

    pub(super) fn get(&self, number: usize) -> Option<&[u8]> {
        let end = *self.ends.get(number)?;
        let start = number.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        self.text.get(start as usize..end as usize)
    }
}

/// How a number is shown, as far as it says what it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Shown {
    #[default]
    Plain,
    Date,
    Time,
    DateAndTime,
    /// With zeros in front, up to so many digits.
    Padded(usize),
}

/// How each format of cells shows numbers.
pub(super) fn styles(source: Source) -> io::Result<Vec<Shown>> {
    let mut own = HashMap::new();
    let mut formats = Vec::new();
    let mut of_cells = false;
    each(source, |element| {
        let id = || attribute(element, "numFmtId").and_then(|id| id.parse::<u32>().ok());
        match element.local_name().as_ref() {
            "numFmt" if own.len() < FORMATS_MAX => {
                if let (Some(id), Some(code)) = (id(), attribute(element, "formatCode")) {
                    own.insert(id, shown(&code));
                }
            }
            "cellXfs" => of_cells = true,
            "cellStyleXfs" | "cellStyles" | "dxfs" => of_cells = false,
            "xf" if of_cells && formats.len() < FORMATS_MAX => {
                let id = id().unwrap_or(0);
                formats.push(own.get(&id).copied().unwrap_or_else(|| built_in(id)));
            }
            _ => {}
        }
    })?;
    Ok(formats)
}

/// The formats that every workbook has (ECMA-376 part 1, 18.8.30).
fn built_in(id: u32) -> Shown {
    match id {
        14..=17 | 27..=31 | 36 | 50..=54 | 57 | 58 => Shown::Date,
        18..=21 | 32..=35 | 45..=47 | 55 | 56 => Shown::Time,
        22 => Shown::DateAndTime,
        _ => Shown::Plain,
    }
}

/// What a format of the workbook's own shows.
fn shown(code: &str) -> Shown {
    if code.len() > 1 && code.bytes().all(|byte| byte == b'0') {
        return Shown::Padded(code.len());
    }
    let (mut date, mut time, mut minutes) = (false, false, false);
    let mut characters = code.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => _ = characters.by_ref().find(|character| *character == '"'),
            '\\' | '_' | '*' => _ = characters.next(),
            '[' => {
                let inside: String = characters.by_ref().take_while(|character| *character != ']').collect();
                time |= matches!(inside.to_ascii_lowercase().as_str(), "h" | "hh" | "m" | "mm" | "s" | "ss");
            }
            ';' => break, // what follows is for negative numbers
            'd' | 'D' | 'y' | 'Y' => date = true,
            'h' | 'H' | 's' | 'S' => time = true,
            'm' | 'M' => minutes = true,
            'G' | 'g' => return Shown::Plain, // General
            _ => {}
        }
    }
    match (date || minutes && !time, time) {
        (true, true) => Shown::DateAndTime,
        (true, false) => Shown::Date,
        (false, true) => Shown::Time,
        (false, false) => Shown::Plain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_say_whether_a_number_is_a_date() {
        for (code, expected) in [
            ("General", Shown::Plain),
            ("0", Shown::Plain),
            ("0000000000000000", Shown::Padded(16)),
            ("#,##0.00\\ \"hari\"", Shown::Plain),
            ("dd/mm/yyyy", Shown::Date),
            ("[$-421]dd mmmm yyyy;@", Shown::Date),
            ("mmm", Shown::Date),
            ("hh:mm:ss", Shown::Time),
            ("[h]:mm", Shown::Time),
            ("yyyy-mm-dd hh:mm", Shown::DateAndTime),
            ("[Red]0.0", Shown::Plain),
        ] {
            assert_eq!(shown(code), expected, "{code}");
        }
    }

    #[test]
    fn room_for_strings_grows_by_steps_and_is_counted_with_their_lengths() {
        let mut strings = Strings::default();
        for _ in 0..(9 << 20) / 16 {
            strings.add(&[b'x'; 16]);
        }
        assert_eq!(strings.held_bytes(), (9 << 20) / 16 * 20);
        let Strings { text, ends } = &strings;
        assert!(text.capacity() <= text.len() + GROWTH_BYTES, "{}", text.capacity());
        assert!((ends.capacity() - ends.len()) * size_of::<u32>() <= GROWTH_BYTES, "{}", ends.capacity());
        assert_eq!((strings.get(0), strings.get((9 << 20) / 16)), (Some([b'x'; 16].as_slice()), None));
    }
}

//! JSON: objects on lines, in an array, or one after the other. A value that lies deeper is a column too: `a.b.nik`.
//!
//! Values are taken as they are written, so that no number loses a digit on its way through a float. What is no column of
//! the first objects comes behind all columns, where a report counts it and leaves it out.

use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};
use std::fmt;

use encoding_rs::WINDOWS_1252;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::form::Unit;
use super::number::EXACT_MAX;
use super::source::Source;
use super::window::Window;
use super::{COLUMNS_MAX, Fault, ROW_BYTES_MAX, Row, RowRejection};

/// Objects that decide which columns there are, and how much of the file they may be.
const SAMPLE_ROWS: usize = 1_000;
const SAMPLE_BYTES: usize = 4 << 20;
/// What lies deeper is a cell in JSON.
const DEPTH_MAX: usize = 16;

pub(super) struct Json {
    window: Window,
    by_lines: bool,
    /// Objects that were looked at for their columns and not yet given out, with their place.
    ahead: VecDeque<(u64, Result<Vec<u8>, RowRejection>)>,
    columns: Vec<String>,
    places: HashMap<String, usize>,
    rows: u64,
    /// The text of the last object.
    text: Vec<u8>,
}

/// Whether the text of an object was taken.
type Taken = Result<(), RowRejection>;

/// Whether a text is one JSON value and nothing else.
pub(super) fn is_whole(text: &[u8]) -> bool {
    serde_json::from_slice::<IgnoredAny>(text).is_ok()
}

impl Json {
    /// Reads as many objects as tell the columns.
    pub(super) fn open(reader: Source, by_lines: bool) -> Result<Self, Fault> {
        let mut json = Self {
            window: Window::new(reader),
            by_lines,
            ahead: VecDeque::new(),
            columns: Vec::new(),
            places: HashMap::new(),
            rows: 0,
            text: Vec::new(),
        };
        let mut bytes = 0;
        while json.ahead.len() < SAMPLE_ROWS && bytes < SAMPLE_BYTES {
            let mut text = Vec::new();
            let Some((place, found)) = json.next_text(&mut text)? else { break };
            bytes += text.len();
            if found.is_ok()
                && let Ok(object) = serde_json::from_str::<Object<'_>>(&decoded(&text))
            {
                json.add_columns(&object, &mut String::new(), 1);
            }
            json.ahead.push_back((place, found.map(|()| text)));
        }
        Ok(json)
    }

    /// Paths of the values in the first objects, in the order in which they come.
    pub(super) fn columns(&self) -> &[String] {
        &self.columns
    }

    pub(super) fn unit(&self) -> Unit {
        if self.by_lines { Unit::Line } else { Unit::Row }
    }

    pub(super) fn line(&self) -> u64 {
        self.window.line()
    }

    /// The next object as a row; false at the end.
    pub(super) fn next_row(&mut self, row: &mut Row) -> Result<bool, Fault> {
        let mut text = std::mem::take(&mut self.text);
        text.clear();
        let next = match self.ahead.pop_front() {
            Some((place, Ok(held))) => {
                text = held;
                Some((place, Ok(())))
            }
            Some((place, Err(rejection))) => Some((place, Err(rejection))),
            None => self.next_text(&mut text)?,
        };
        let Some((place, found)) = next else { return Ok(false) };
        row.clear(place);
        match found {
            Ok(()) => self.fill(row, &text),
            Err(rejection) => row.reject(rejection),
        }
        self.text = text;
        Ok(true)
    }

    fn fill(&mut self, row: &mut Row, text: &[u8]) {
        let text = decoded(text);
        let Ok(object) = serde_json::from_str::<Object<'_>>(&text) else {
            return row.reject(RowRejection::MalformedRow);
        };
        let mut values = Vec::with_capacity(self.columns.len());
        self.find(object, &mut String::new(), 1, &mut values);
        // Values in the order of the columns, most often as they stand; a key that comes twice means its last value.
        let mut order = vec![None; self.columns.len()];
        let mut surplus = Vec::new();
        for (at, (column, _)) in values.iter().enumerate() {
            match order.get_mut(*column) {
                Some(place) => *place = Some(at),
                None => surplus.push(Some(at)),
            }
        }
        for at in order.into_iter().chain(surplus).take(COLUMNS_MAX) {
            if let Some((_, value)) = at.and_then(|at| values.get(at)) {
                write(row, value);
            }
            row.end_cell();
        }
    }

    /// Every value of an object with the number of its column, or a number beyond them.
    fn find<'a>(
        &self,
        object: Object<'a>,
        path: &mut String,
        depth: usize,
        values: &mut Vec<(usize, &'a RawValue)>,
    ) {
        let start = path.len();
        for (key, value) in object.0 {
            path.truncate(start);
            path.push_str(&key);
            if let Some(inner) = inner(value, depth) {
                path.push('.');
                self.find(inner, path, depth + 1, values);
                continue;
            }
            // Most objects are like the one before, so that the next column is the likeliest.
            let next = values.last().map_or(0, |(column, _)| column.wrapping_add(1));
            let column = match self.columns.get(next) {
                Some(column) if column == path => next,
                _ => self.places.get(path.as_str()).copied().unwrap_or(usize::MAX),
            };
            values.push((column, value));
        }
        path.truncate(start);
    }

    fn add_columns(&mut self, object: &Object<'_>, path: &mut String, depth: usize) {
        let start = path.len();
        for (key, value) in &object.0 {
            path.truncate(start);
            path.push_str(key);
            if let Some(inner) = inner(value, depth) {
                path.push('.');
                self.add_columns(&inner, path, depth + 1);
            } else if self.columns.len() < COLUMNS_MAX && !self.places.contains_key(path.as_str()) {
                self.places.insert(path.clone(), self.columns.len());
                self.columns.push(path.clone());
            }
        }
        path.truncate(start);
    }

    /// The text of the next object and its place, or why it is none; nothing at the end.
    fn next_text(&mut self, text: &mut Vec<u8>) -> Result<Option<(u64, Taken)>, Fault> {
        while let Some(byte) = self.window.peek()? {
            let between = byte.is_ascii_whitespace() || !self.by_lines && matches!(byte, b'[' | b']' | b',');
            if !between {
                break;
            }
            self.window.bump();
        }
        if self.window.peek()?.is_none() {
            return Ok(None);
        }
        self.rows += 1;
        let place = if self.by_lines { self.window.line() } else { self.rows };
        let found = if self.by_lines { self.take_line(text)? } else { self.take_object(text)? };
        Ok(Some((place, found)))
    }

    fn take_line(&mut self, text: &mut Vec<u8>) -> Result<Taken, Fault> {
        let mut from = 0;
        loop {
            let rest = self.window.rest();
            if let Some(at) = memchr::memchr(b'\n', &rest[from..]) {
                text.extend_from_slice(&rest[..from + at]);
                self.window.consume(from + at + 1);
                return Ok(if text.len() > ROW_BYTES_MAX { Err(RowRejection::RowTooLong) } else { Ok(()) });
            }
            if rest.len() > ROW_BYTES_MAX {
                self.window.skip_line()?;
                return Ok(Err(RowRejection::RowTooLong));
            }
            from = rest.len();
            if !self.window.more()? {
                text.extend_from_slice(self.window.rest());
                self.window.consume(self.window.rest().len());
                return Ok(if is_whole(text) { Ok(()) } else { Err(RowRejection::TruncatedRow) });
            }
        }
    }

    /// Up to the bracket that closes the object, wherever lines end.
    fn take_object(&mut self, text: &mut Vec<u8>) -> Result<Taken, Fault> {
        let (mut at, mut depth, mut quoted, mut escaped) = (0, 0u64, false, false);
        let mut too_long = false;
        loop {
            let rest = self.window.rest();
            while let Some(byte) = rest.get(at) {
                at += 1;
                match byte {
                    _ if escaped => escaped = false,
                    b'\\' => escaped = quoted,
                    b'"' => quoted = !quoted,
                    _ if quoted => {}
                    b'{' | b'[' => depth += 1,
                    b'}' | b']' => depth = depth.saturating_sub(1),
                    // What should be an object is a bare value.
                    b',' | b'\n' if depth == 0 => {}
                    _ => continue,
                }
                if depth == 0 && !quoted && !escaped && matches!(byte, b'}' | b']' | b',' | b'\n') {
                    if !too_long && at <= ROW_BYTES_MAX {
                        text.extend_from_slice(&rest[..at]);
                        self.window.consume(at);
                        return Ok(Ok(()));
                    }
                    self.window.consume(at);
                    return Ok(Err(RowRejection::RowTooLong));
                }
            }
            if at > ROW_BYTES_MAX {
                too_long = true;
                self.window.consume(at);
                at = 0;
            }
            if !self.window.more()? {
                self.window.consume(self.window.rest().len());
                return Ok(Err(RowRejection::TruncatedRow));
            }
        }
    }
}

/// An object's keys and the text of their values.
struct Object<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Vec<(Cow<'de, str>, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(Key(key)) = map.next_key()? {
                    entries.push((key, map.next_value()?));
                }
                Ok(entries)
            }
        }
        deserializer.deserialize_map(Entries).map(Self)
    }
}

/// A string, borrowed where nothing in it is escaped.
#[derive(serde::Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

/// The object that a value is, if it is one and not too deep.
fn inner(value: &RawValue, depth: usize) -> Option<Object<'_>> {
    let text = value.get();
    if depth < DEPTH_MAX && text.starts_with('{') { serde_json::from_str(text).ok() } else { None }
}

/// The text of a value: a string's own, nothing for null, and else what stands there.
fn write(row: &mut Row, value: &RawValue) {
    let text = value.get();
    match text.as_bytes() {
        [b'"', inner @ .., b'"'] if memchr::memchr(b'\\', inner).is_none() => {
            row.bytes.extend_from_slice(inner);
        }
        [b'"', ..] => match serde_json::from_str::<Key<'_>>(text) {
            Ok(Key(text)) => row.bytes.extend_from_slice(text.as_bytes()),
            Err(_) => row.flaw(RowRejection::MalformedRow), // half of a surrogate pair
        },
        b"null" => {}
        [b'-' | b'0'..=b'9', ..] => {
            let is_float = text.contains(['.', 'e', 'E']);
            if is_float && text.parse().is_ok_and(|number: f64| number.abs() > EXACT_MAX) {
                row.flaw(RowRejection::FloatRounded);
            }
            row.bytes.extend_from_slice(text.as_bytes());
        }
        other => row.bytes.extend_from_slice(other),
    }
}

fn decoded(text: &[u8]) -> Cow<'_, str> {
    match str::from_utf8(text) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => WINDOWS_1252.decode_without_bom_handling(text).0,
    }
}

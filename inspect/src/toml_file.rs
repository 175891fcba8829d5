//! TOML files, shown by a list of the keys that may stand in them. A value under any other key is never shown.

use samar_local::exit::Failure;
use samar_protocol::invitation::from_hex;
use toml::{Table, Value as Toml};

use crate::report::{Facts, Fault, Report, Value};
use crate::source::Source;

/// Attempts to read what stands before a fault: each gives up one line at least.
const ATTEMPTS_MAX: usize = 256;

/// A key that may stand in a file, and what its value is.
pub struct Key {
    /// The key.
    pub key: &'static str,
    /// What its value is.
    pub shape: Shape,
}

/// What a value is.
pub enum Shape {
    /// Text.
    Line,
    /// True or false.
    Flag,
    /// A number.
    Count,
    /// Bytes.
    Bytes,
    /// Seconds since 1970 UTC.
    Time,
    /// 32 bytes in hexadecimal that people compare.
    Fingerprint,
    /// 32 bytes in hexadecimal.
    Hex,
    /// A list of such.
    Fingerprints,
    /// Something of which only this is shown.
    Hidden(&'static str),
    /// Something that the decoder of this file checks and shows itself.
    Shown,
    /// A table of its own.
    Section(&'static [Key]),
    /// A list of tables, and what one of them is.
    Sections(&'static str, &'static [Key]),
}

/// Shows a file's keys, and gives its table, for a decoder that has more to say, and its text where that is whole.
///
/// # Errors
/// Of the file system.
pub fn show(report: &mut Report, source: &Source, keys: &[Key]) -> Result<(Table, Option<String>), Failure> {
    let (text, fault) = source.text()?;
    let (table, broken) = readable(&text);
    let whole = fault.is_none() && broken.is_none();
    let mut facts = std::mem::take(&mut report.facts);
    let first = section(&mut facts, &table, keys, &text);
    report.facts = facts;
    // A fault of a value stands before the one at which reading ended.
    for fault in [first, broken, fault].into_iter().flatten() {
        report.fault(fault);
    }
    Ok((table, whole.then(|| text.to_string())))
}

/// What a strict reader says of a file that can be read: the last line of a message, the rest of which quotes the file.
#[must_use]
pub fn rule(message: &str) -> Fault {
    Fault::whole(message.trim_end().lines().last().unwrap_or_default())
}

/// The table of as many lines as can be read, and where that ends.
fn readable(text: &str) -> (Table, Option<Fault>) {
    let (mut end, mut first) = (text.len(), None);
    for _ in 0..ATTEMPTS_MAX {
        let error = match text[..end].parse::<Table>() {
            Ok(table) => return (table, first),
            Err(error) => error,
        };
        let at = error.span().map_or(end, |span| span.start).min(end);
        // `message` leaves out the line itself, which may hold a token.
        let line = text[..at].lines().count().max(1);
        let what = format!("line {line} cannot be read: {}", error.message());
        first.get_or_insert_with(|| Fault::at(at as u64, what));
        // Up to the line of the fault; if that fails too, one line less each time.
        let before = |at: usize| text[..at].rfind('\n').map_or(0, |found| found + 1);
        end = if before(at) < end { before(at) } else { before(end - 1) };
        if end == 0 {
            break;
        }
    }
    (Table::new(), first)
}

fn section(facts: &mut Facts, table: &Table, keys: &[Key], text: &str) -> Option<Fault> {
    let mut first: Option<(usize, String)> = None;
    let mut fault = |key: &str, what: String| {
        let at = place(text, key);
        if first.as_ref().is_none_or(|(before, _)| at < *before) {
            first = Some((at, what));
        }
    };
    for Key { key, shape } in keys {
        let Some(found) = table.get(*key) else { continue };
        match (shape, found) {
            (Shape::Section(keys), Toml::Table(found)) => {
                let mut inner = Facts::default();
                if let Some(inner) = section(&mut inner, found, keys, text) {
                    fault(key, inner.what);
                }
                facts.add(key, Value::Several("section", vec![inner]));
            }
            (Shape::Sections(one, keys), Toml::Array(found)) => {
                let mut several = Vec::new();
                for found in found.iter().filter_map(Toml::as_table) {
                    let mut inner = Facts::default();
                    if let Some(inner) = section(&mut inner, found, keys, text) {
                        fault(key, inner.what);
                    }
                    several.push(inner);
                }
                facts.add(key, Value::Several(one, several));
            }
            _ => match value(shape, found) {
                Some(value) => facts.extend_with(key, value),
                None => fault(key, format!("the value of `{key}` is not what it should be")),
            },
        }
    }
    for key in table.keys().filter(|found| !keys.iter().any(|key| key.key == *found)) {
        fault(key, format!("the key `{key}` is not known"));
    }
    first.map(|(at, what)| Fault::at(at as u64, what))
}

/// `None` for a value of another shape; nothing inside for one that is shown elsewhere.
fn value(shape: &Shape, found: &Toml) -> Option<Option<Value>> {
    let number = || found.as_integer().and_then(|number| u64::try_from(number).ok());
    let hash = |found: &Toml| found.as_str().and_then(from_hex);
    Some(Some(match shape {
        Shape::Line => Value::Text(found.as_str()?.to_owned()),
        Shape::Flag => Value::Text(if found.as_bool()? { "yes" } else { "no" }.to_owned()),
        Shape::Count => Value::Count(number()?),
        Shape::Bytes => Value::Bytes(number()?),
        Shape::Time => Value::Time(number()?),
        Shape::Fingerprint => Value::Fingerprint(hash(found)?),
        Shape::Hex => Value::Hex(hash(found)?.to_vec()),
        Shape::Fingerprints => {
            let one = |found: &Toml| {
                let mut facts = Facts::default();
                facts.add("key", Value::Fingerprint(hash(found)?));
                Some(facts)
            };
            Value::Several("key", found.as_array()?.iter().map(one).collect::<Option<_>>()?)
        }
        Shape::Hidden(text) => Value::Text(hash(found).map(|_| (*text).to_owned())?),
        Shape::Shown => return Some(None),
        Shape::Section(_) | Shape::Sections(..) => return None,
    }))
}

/// Where a key stands in the text.
fn place(text: &str, key: &str) -> usize {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let name = line.split_once('=').map_or(line, |(name, _)| name);
        if name.trim().trim_matches(['[', ']']) == key {
            return at;
        }
        at += line.len();
    }
    0
}

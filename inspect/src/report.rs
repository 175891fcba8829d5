//! What was found in a file, in words and as JSON. No text of a file reaches a terminal with a control character in it.

use std::fmt::Write as _;

use samar_local::people::{bytes, counted, fingerprint_lines, thousands, time};
use samar_protocol::invitation::to_hex;
use serde_json::{Map, json};

use crate::kind::Kind;
use crate::source::Source;

/// Columns before a value.
const NAME_COLUMNS: usize = 24;
/// Characters of one text that are shown.
const TEXT_CHARS_MAX: usize = 256;

/// One thing that a file says.
#[derive(Clone, Debug)]
pub enum Value {
    /// Text of the file or of ours.
    Text(String),
    /// A list of words.
    Names(Vec<String>),
    /// A number.
    Count(u64),
    /// A length.
    Bytes(u64),
    /// Seconds since 1970 UTC.
    Time(u64),
    /// 32 bytes that people compare, in groups.
    Fingerprint([u8; 32]),
    /// Public bytes that people do not compare.
    Hex(Vec<u8>),
    /// Several of a kind: what one is called, and the facts of each.
    Several(&'static str, Vec<Facts>),
}

/// Facts in the order in which they are shown.
#[derive(Clone, Debug, Default)]
pub struct Facts(Vec<(&'static str, Value)>);

impl Facts {
    /// Adds a fact. Its name is that in JSON; in words, `_` becomes a space.
    pub fn add(&mut self, name: &'static str, value: Value) {
        self.0.push((name, value));
    }

    /// Adds a text.
    pub fn text(&mut self, name: &'static str, text: impl Into<String>) {
        self.add(name, Value::Text(text.into()));
    }

    /// Adds a number.
    pub fn count(&mut self, name: &'static str, number: impl Into<u64>) {
        self.add(name, Value::Count(number.into()));
    }

    /// Adds a value, if there is one.
    pub(crate) fn extend_with(&mut self, name: &'static str, value: Option<Value>) {
        self.0.extend(value.map(|value| (name, value)));
    }

    fn to_json(&self) -> serde_json::Value {
        let object: Map<_, _> =
            self.0.iter().map(|(name, value)| ((*name).to_owned(), value.to_json())).collect();
        object.into()
    }

    fn write(&self, out: &mut String, indent: usize) {
        for (name, value) in &self.0 {
            // A unit of seconds is said by the value.
            let name = name.strip_suffix("_s").unwrap_or(name).replace('_', " ");
            let mut line = |name: &str, text: &str| {
                // Unwrap safety, here and below: writing to a String does not fail.
                writeln!(out, "{:indent$}{name:<width$}{text}", "", width = NAME_COLUMNS - indent).unwrap();
            };
            match value {
                Value::Fingerprint(hash) => {
                    let [first, second] = fingerprint_lines(hash);
                    line(&name, &first);
                    line("", &second);
                }
                Value::Several(one, several) => {
                    line(&name, &counted(several.len() as u64, one));
                    for facts in several {
                        let mut block = String::new();
                        facts.write(&mut block, indent + 2);
                        // The first fact of each names it, and stands out by a mark.
                        write!(out, "{:indent$}- {}", "", block.trim_start()).unwrap();
                    }
                }
                _ => line(&name, &value.to_words()),
            }
        }
    }
}

impl Value {
    fn to_words(&self) -> String {
        match self {
            Self::Text(text) => printable(text),
            Self::Names(names) if names.is_empty() => "none".to_owned(),
            Self::Names(names) => names.iter().map(|name| printable(name)).collect::<Vec<_>>().join(", "),
            Self::Count(number) => thousands(*number),
            Self::Bytes(number) if *number < 1_000 => bytes(*number),
            Self::Bytes(number) => format!("{} ({} bytes)", bytes(*number), thousands(*number)),
            Self::Time(seconds) => time(*seconds),
            Self::Hex(bytes) => hex(bytes),
            Self::Fingerprint(hash) => fingerprint_lines(hash).join(" "),
            Self::Several(one, several) => counted(several.len() as u64, one),
        }
    }

    fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Text(text) => text.as_str().into(),
            Self::Names(names) => names.as_slice().into(),
            Self::Count(number) | Self::Bytes(number) | Self::Time(number) => (*number).into(),
            Self::Fingerprint(hash) => to_hex(hash).into(),
            Self::Hex(bytes) => hex(bytes).into(),
            Self::Several(_, several) => several.iter().map(Facts::to_json).collect(),
        }
    }
}

/// The first thing that is wrong with a file.
#[derive(Clone, Debug)]
pub struct Fault {
    /// The byte at which it stands, where it has one place.
    pub at: Option<u64>,
    /// What is wrong.
    pub what: String,
    /// What helps.
    pub remedy: String,
}

impl Fault {
    /// A fault at this byte.
    pub fn at(at: u64, what: impl Into<String>) -> Self {
        Self { at: Some(at), what: what.into(), remedy: String::new() }
    }

    /// A fault of the file as a whole.
    pub fn whole(what: impl Into<String>) -> Self {
        Self { at: None, what: what.into(), remedy: String::new() }
    }

    /// The same, with what helps unless it says so already.
    #[must_use]
    pub fn or_remedy(mut self, remedy: &str) -> Self {
        if self.remedy.is_empty() {
            remedy.clone_into(&mut self.remedy);
        }
        self
    }

    fn place(&self) -> String {
        self.at.map_or_else(String::new, |at| format!("at byte {}: ", thousands(at)))
    }
}

/// A file as far as it could be read.
#[derive(Debug, Default)]
pub struct Report {
    /// What it says.
    pub facts: Facts,
    notes: Vec<String>,
    fault: Option<Fault>,
}

impl Report {
    /// Keeps a fault, if it is the first.
    pub fn fault(&mut self, fault: Fault) {
        self.fault.get_or_insert(fault);
    }

    /// Puts a fault, if it is one, before that which was kept.
    pub fn fault_first(&mut self, fault: Option<Fault>) {
        self.fault = fault.or(self.fault.take());
    }

    /// What helps against the fault, unless the fault says so itself.
    pub fn remedy(&mut self, remedy: &str) {
        self.fault = self.fault.take().map(|fault| fault.or_remedy(remedy));
    }

    /// Finds fault with a secret that others may read.
    pub fn secret(&mut self, source: &Source) {
        if let Some(fault) = source.readable_by_others() {
            self.fault(fault);
        }
    }

    /// Adds a remark that is no fault.
    pub fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    /// Whether something is wrong with the file.
    #[must_use]
    pub fn is_damaged(&self) -> bool {
        self.fault.is_some()
    }

    /// Takes what is wrong for what is to be expected of such a file.
    pub fn excuse(&mut self, why: &str) {
        self.notes.push(why.to_owned());
        if let Some(fault) = self.fault.take() {
            self.notes.push(format!("whole up to here: {}{}", fault.place(), fault.what));
        }
    }

    pub(crate) fn to_words(&self, kind: Kind, source: &Source) -> String {
        let mut out = String::new();
        let mut head = Facts::default();
        head.text("file", source.name());
        head.text("kind", kind.title());
        head.add("length", Value::Bytes(source.length()));
        head.write(&mut out, 0);
        self.facts.write(&mut out, 0);
        for note in &self.notes {
            writeln!(out, "{:<NAME_COLUMNS$}{}", "note", printable(note)).unwrap();
        }
        if let Some(fault) = &self.fault {
            let (place, what) = (fault.place(), printable(&fault.what));
            writeln!(out, "{:<NAME_COLUMNS$}{place}{what}", "FAULT").unwrap();
            writeln!(out, "{:<NAME_COLUMNS$}{}", "  try", printable(&fault.remedy)).unwrap();
        }
        out.truncate(out.trim_end().len());
        out
    }

    pub(crate) fn to_json(&self, kind: Kind, source: &Source) -> String {
        let fault = self
            .fault
            .as_ref()
            .map(|fault| json!({ "offset": fault.at, "what": fault.what, "remedy": fault.remedy }));
        let object = json!({
            "file": source.name(),
            "kind": kind.name(),
            "bytes": source.length(),
            "damaged": self.is_damaged(),
            "facts": self.facts.to_json(),
            "notes": self.notes,
            "fault": fault,
        });
        // In JSON such characters stand in strings alone, where this says the same.
        escape(&object.to_string(), |escaped, sign| {
            for unit in sign.encode_utf16(&mut [0; 2]) {
                write!(escaped, "\\u{unit:04x}").unwrap();
            }
        })
    }
}

/// `text` as a terminal may have it: what would move its cursor, change its colours or turn the direction of writing is
/// escaped, and a long text cut.
#[must_use]
pub fn printable(text: &str) -> String {
    let mut shown = text;
    let end = text.char_indices().nth(TEXT_CHARS_MAX).map(|(at, _)| at);
    if let Some(end) = end {
        shown = &text[..end];
    }
    let mut shown = escape(shown, |escaped, sign| write!(escaped, "{}", sign.escape_unicode()).unwrap());
    if end.is_some() {
        shown.push('…');
    }
    shown
}

fn escape(text: &str, with: impl Fn(&mut String, char)) -> String {
    let mut escaped = String::with_capacity(text.len());
    for sign in text.chars() {
        let invisible = matches!(sign, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}');
        if sign.is_control() || invisible { with(&mut escaped, sign) } else { escaped.push(sign) }
    }
    escaped
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_would_obey_is_shown() {
        assert_eq!(
            printable("Bank \u{1b}[2J\u{9b}31m\u{202e}x\r\n"),
            "Bank \\u{1b}[2J\\u{9b}31m\\u{202e}x\\u{d}\\u{a}"
        );
        assert_eq!(printable("Bank Jaya, naïve ３２"), "Bank Jaya, naïve ３２");
        let long = printable(&"x".repeat(1_000));
        assert!(long.ends_with('…') && long.chars().count() == TEXT_CHARS_MAX + 1);
    }
}

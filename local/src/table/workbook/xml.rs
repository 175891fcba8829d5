//! The XML of a workbook's parts, event by event, none of them longer than a bound: an element or a text is held whole.

use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;

use quick_xml::Reader;
use quick_xml::events::{BytesRef, BytesStart, Event};

use super::super::source::Source;

/// A cell of Excel has at most 32,767 characters.
const EVENT_BYTES_MAX: usize = 1 << 20;

/// A part being read.
pub(super) struct Xml {
    reader: Reader<Limited>,
    buffer: Vec<u8>,
}

impl Xml {
    pub(super) fn new(source: Source) -> Self {
        let inner = BufReader::with_capacity(64 << 10, source);
        let mut reader = Reader::from_reader(Limited { inner, left: 0 });
        reader.config_mut().allow_dangling_amp = true;
        Self { reader, buffer: Vec::new() }
    }

    /// The next event.
    pub(super) fn next(&mut self) -> io::Result<Event<'_>> {
        self.buffer.clear();
        self.reader.get_mut().left = EVENT_BYTES_MAX;
        self.reader.read_event_into(&mut self.buffer).map_err(|error| match error {
            quick_xml::Error::Io(error) => Arc::try_unwrap(error)
                .unwrap_or_else(|shared| io::Error::new(shared.kind(), shared.to_string())),
            error => io::Error::new(io::ErrorKind::InvalidData, Malformed(error)),
        })
    }

    /// Appends the text up to the end of the element that has begun, whatever stands in it, up to `most` bytes.
    pub(super) fn text(&mut self, out: &mut Vec<u8>, most: usize) -> io::Result<()> {
        let most = out.len() + most;
        let mut depth = 0;
        loop {
            match self.next()? {
                Event::Start(_) => depth += 1,
                Event::End(_) if depth == 0 => break,
                Event::End(_) => depth -= 1,
                Event::Eof => return Err(io::ErrorKind::UnexpectedEof.into()),
                event => append(out, &event),
            }
            out.truncate(most);
        }
        Ok(())
    }
}

/// Appends what an event has of text.
pub(super) fn append(out: &mut Vec<u8>, event: &Event<'_>) {
    match event {
        Event::Text(text) => out.extend_from_slice(text.as_bytes()),
        Event::CData(text) => out.extend_from_slice(text.as_bytes()),
        Event::GeneralRef(reference) => {
            if let Some(character) = resolve(reference) {
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
        _ => {}
    }
}

/// The five references that need no definition, and characters by number; others are nobody's.
fn resolve(reference: &BytesRef<'_>) -> Option<char> {
    match reference.as_ref() {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => reference.resolve_char_ref().ok().flatten(),
    }
}

/// An attribute's text, by its name without a prefix.
pub(super) fn attribute(element: &BytesStart<'_>, name: &str) -> Option<String> {
    let mut attributes = element.attributes();
    let mut attributes = attributes.with_checks(false).flatten();
    let found = attributes.find(|attribute| attribute.key.local_name().as_ref() == name)?;
    quick_xml::escape::unescape(&found.value).ok().map(std::borrow::Cow::into_owned)
}

/// XML that is none. It says where and never what.
#[derive(Debug)]
pub(super) struct Malformed(quick_xml::Error);

impl std::fmt::Display for Malformed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.0 {
            quick_xml::Error::Syntax(_) => "its XML is cut or malformed",
            quick_xml::Error::IllFormed(_) => "its XML has elements that do not match",
            _ => "its XML is not in UTF-8, or malformed",
        })
    }
}

impl std::error::Error for Malformed {}

/// Gives out so many bytes until it is asked again.
struct Limited {
    inner: BufReader<Source>,
    left: usize,
}

impl Read for Limited {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(out)?;
        self.consume(read);
        Ok(read)
    }
}

impl BufRead for Limited {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.left == 0 {
            let what = format!("its XML has an element or a text of more than {EVENT_BYTES_MAX} bytes");
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
        self.inner.fill_buf()
    }

    fn consume(&mut self, bytes: usize) {
        self.left = self.left.saturating_sub(bytes);
        self.inner.consume(bytes);
    }
}

//! From the bytes of a file to text: decompression and byte order marks.

use std::io::{self, Cursor, Read};

use encoding_rs::{CoderResult, Decoder, UTF_16BE, UTF_16LE};

use super::bounded::{self, Bomb, Packed};
use super::input::{Input, Shared};
use super::zip::Archive;
use super::{Form, LAYERS_MAX, SNIFF_BYTES, TableError, workbook};

/// Where bytes come from: a file, standard input, a test.
pub(super) type Source = Box<dyn Read + Send>;

const UNPACK: &str = "unpack it first, for example into a pipe that ends in `-`";
const EXPORT: &str = "export it as CSV first";

/// Files that are certainly no table that can be read, by how they begin.
const UNSUPPORTED: [(&[u8], &str, &str); 9] = [
    (b"\xfd7zXZ\0", "xz-compressed", UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", UNPACK),
    (b"Rar!\x1a\x07", "a rar archive", UNPACK),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel workbook (xls), or one under a password", EXPORT),
    (b"SQLite format 3\0", "an SQLite database", EXPORT),
    (b"%PDF-", "a PDF document", EXPORT),
    // Before UTF-16, whose mark the first one begins with.
    (b"\xff\xfe\0\0", "text in UTF-32", "convert it first: iconv -f UTF-32 -t UTF-8"),
    (b"\0\0\xfe\xff", "text in UTF-32", "convert it first: iconv -f UTF-32 -t UTF-8"),
    (b"PGDMP", "a PostgreSQL archive", "turn it into text first (pg_restore -f)"),
];

/// Archives that are a document, by a part that they have.
const UNSUPPORTED_ARCHIVES: [(&str, &str); 3] = [
    ("xl/workbook.bin", "a binary Excel workbook (xlsb)"),
    ("content.xml", "an OpenDocument file (ods)"),
    ("word/document.xml", "a Word document"),
];

/// What a file turned out to be, and what messages say of its packing.
pub(super) struct Opened {
    pub(super) body: Body,
    /// Set if errors while reading are about compressed data rather than the source.
    pub(super) compression: Option<&'static str>,
    /// The file in an archive that is read.
    pub(super) member: Option<String>,
    /// The table that is still to be found in it.
    pub(super) table: Option<String>,
}

/// What is read of a file once it is unwrapped.
pub(super) enum Body {
    /// Text in UTF-8 or an encoding that extends ASCII, without a byte order mark.
    Text(Source),
    Workbook(Archive),
    Parquet(Shared),
}

/// Undoes what wraps a table: compression, archives, UTF-16. `table` may name the file in an archive.
pub(super) fn open(
    input: Input,
    name: &str,
    form: Option<Form>,
    table: Option<&str>,
) -> Result<Opened, TableError> {
    let is = |is: Form| match form {
        Some(wanted) if wanted != is => Err(TableError::OtherForm {
            name: name.to_owned(),
            is: is.title(),
            wanted: wanted.title(),
            says: is.name(),
        }),
        _ => Ok(()),
    };
    let mut opened = Opened {
        body: Body::Text(Box::new(io::empty())),
        compression: None,
        member: None,
        table: table.map(str::to_owned),
    };
    let mut input = input;
    for _ in 0..=LAYERS_MAX {
        let failed = |error| read_error(error, name, opened.compression, 0);
        let (head, rest) = begin(input).map_err(failed)?;
        let (format, decompressor): (_, fn(Packed) -> io::Result<Source>) = match head.as_slice() {
            [0x1f, 0x8b, ..] => ("gzip", |packed| Ok(Box::new(flate2::read::MultiGzDecoder::new(packed)))),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => {
                ("zstd", |packed| Ok(Box::new(zstd::stream::read::Decoder::new(packed)?)))
            }
            [b'P', b'K', 3 | 5, 4 | 6, ..] => {
                let archive = Archive::open(held(rest, name, opened.compression)?, name)?;
                if archive.has(workbook::WORKBOOK) {
                    is(Form::Xlsx)?;
                    return Ok(Opened { body: Body::Workbook(archive), ..opened });
                }
                if let Some((_, kind)) = UNSUPPORTED_ARCHIVES.iter().find(|(part, _)| archive.has(part)) {
                    return Err(TableError::Unsupported { name: name.to_owned(), kind, remedy: EXPORT });
                }
                let member = archive.choose(opened.table.as_deref())?;
                input = Input::Stream(archive.read(&member)?);
                opened = Opened {
                    compression: Some("zip"),
                    table: member.table,
                    member: Some(member.name),
                    ..opened
                };
                continue;
            }
            [b'P', b'A', b'R', b'1', ..] => {
                is(Form::Parquet)?;
                let file = held(rest, name, opened.compression)?;
                return Ok(Opened { body: Body::Parquet(file), ..opened });
            }
            _ => {
                let text = text(&head, stream(rest), name, opened.compression)?;
                return Ok(Opened { body: Body::Text(text), ..opened });
            }
        };
        opened.compression = Some(format);
        let unpacked = bounded::unpack(stream(rest), decompressor);
        input = Input::Stream(unpacked.map_err(|error| read_error(error, name, Some(format), 0))?);
    }
    Err(TableError::Layers { name: name.to_owned() })
}

/// An input of which the beginning was looked at.
enum Begun {
    Stream(Source),
    File(Shared),
}

fn begin(input: Input) -> io::Result<(Vec<u8>, Begun)> {
    match input {
        Input::Stream(reader) => {
            let (head, reader) = peek(reader)?;
            Ok((head, Begun::Stream(reader)))
        }
        Input::File(file) => {
            let file = Shared::new(file)?;
            let mut head = Vec::new();
            file.whole().take(SNIFF_BYTES as u64).read_to_end(&mut head)?;
            Ok((head, Begun::File(file)))
        }
    }
}

fn stream(begun: Begun) -> Source {
    match begun {
        Begun::Stream(reader) => reader,
        Begun::File(file) => Box::new(file.whole()),
    }
}

/// What is read from its end, in memory if it comes as a stream.
fn held(begun: Begun, name: &str, compression: Option<&'static str>) -> Result<Shared, TableError> {
    match begun {
        Begun::File(file) => Ok(file),
        Begun::Stream(reader) => {
            Shared::held(reader, name)?.map_err(|error| read_error(error, name, compression, 0))
        }
    }
}

fn text(
    head: &[u8],
    mut reader: Source,
    name: &str,
    compression: Option<&'static str>,
) -> Result<Source, TableError> {
    if let Some((_, kind, remedy)) = UNSUPPORTED.iter().find(|(magic, ..)| head.starts_with(magic)) {
        return Err(TableError::Unsupported { name: name.to_owned(), kind, remedy });
    }
    Ok(match head {
        [0xff, 0xfe, ..] => Box::new(Utf16::new(reader, UTF_16LE.new_decoder_with_bom_removal())),
        [0xfe, 0xff, ..] => Box::new(Utf16::new(reader, UTF_16BE.new_decoder_with_bom_removal())),
        head if head.contains(&0) => return Err(TableError::Binary { name: name.to_owned() }),
        [0xef, 0xbb, 0xbf, ..] => {
            reader.read_exact(&mut [0; 3]).map_err(|error| read_error(error, name, compression, 0))?;
            reader
        }
        _ => reader,
    })
}

/// The first [`SNIFF_BYTES`] (fewer only if there are no more), and a reader that still starts with them.
pub(super) fn peek(mut reader: Source) -> io::Result<(Vec<u8>, Source)> {
    let mut head = Vec::new();
    reader.by_ref().take(SNIFF_BYTES as u64).read_to_end(&mut head)?;
    let rest = Cursor::new(head.clone()).chain(reader);
    Ok((head, Box::new(rest)))
}

/// Names the fault: of the source, or of what is compressed in it. `line` is the last one read.
pub(super) fn read_error(
    source: io::Error,
    name: &str,
    compression: Option<&'static str>,
    line: u64,
) -> TableError {
    let name = name.to_owned();
    if let Some(bomb) = source.get_ref().and_then(|error| error.downcast_ref::<Bomb>()) {
        return TableError::Bomb {
            name,
            format: compression.unwrap_or("compressed"),
            bomb: bomb.to_string(),
        };
    }
    match compression {
        _ if source.kind() == io::ErrorKind::IsADirectory => TableError::Folder { name },
        // An error that carries a system code comes from the disk or the pipe below the decompressor.
        Some(format) if source.raw_os_error().is_none() => TableError::Damaged { name, format, line, source },
        _ => TableError::Read { name, line, source },
    }
}

/// Whether an error comes from the disk or the pipe, or is the end of a bomb, rather than about what was read.
pub(super) fn is_of_system(error: &io::Error) -> bool {
    error.raw_os_error().is_some() || error.get_ref().is_some_and(|error| error.is::<Bomb>())
}

/// UTF-16 made UTF-8 while it is read; what is not valid becomes U+FFFD.
struct Utf16 {
    reader: Source,
    decoder: Decoder,
    raw: Box<[u8]>,
    raw_used: usize,
    raw_end: usize,
    /// `text[text_used..text_end]` is decoded and not yet given out.
    text: Box<[u8]>,
    text_used: usize,
    text_end: usize,
    ended: bool,
}

impl Utf16 {
    fn new(reader: Source, decoder: Decoder) -> Self {
        Self {
            reader,
            decoder,
            raw: vec![0; SNIFF_BYTES].into(),
            raw_used: 0,
            raw_end: 0,
            text: vec![0; SNIFF_BYTES].into(),
            text_used: 0,
            text_end: 0,
            ended: false,
        }
    }

    fn decode(&mut self) -> io::Result<()> {
        if self.raw_used == self.raw_end {
            self.raw_end = self.reader.read(&mut self.raw)?;
            self.raw_used = 0;
        }
        let last = self.raw_end == 0;
        let input = &self.raw[self.raw_used..self.raw_end];
        let (result, read, written, _) = self.decoder.decode_to_utf8(input, &mut self.text, last);
        self.raw_used += read;
        (self.text_used, self.text_end) = (0, written);
        self.ended = last && result == CoderResult::InputEmpty;
        Ok(())
    }
}

impl Read for Utf16 {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.text_used == self.text_end && !self.ended {
            self.decode()?;
        }
        let read = (&self.text[self.text_used..self.text_end]).read(out)?;
        self.text_used += read;
        Ok(read)
    }
}

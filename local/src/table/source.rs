//! From the bytes of a file to text: decompression and byte order marks.

use std::io::{self, Cursor, Read};

use encoding_rs::{CoderResult, Decoder, UTF_16BE, UTF_16LE};

use super::{SNIFF_BYTES, TableError};

/// Where bytes come from: a file, standard input, a test.
pub(super) type Source = Box<dyn Read + Send>;

const UNPACK: &str = "unpack it first, for example into a pipe that ends in `-`";
const EXPORT: &str = "export it as CSV first";

/// Files that are certainly not delimited text, by how they begin.
const UNSUPPORTED: [(&[u8], &str, &str); 9] = [
    (b"PK\x03\x04", "a zip archive or an Excel workbook (xlsx)", "unpack it, or export it as CSV"),
    (b"\xfd7zXZ\0", "xz-compressed", UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", UNPACK),
    (b"Rar!\x1a\x07", "a rar archive", UNPACK),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel workbook (xls)", EXPORT),
    (b"SQLite format 3\0", "an SQLite database", EXPORT),
    (b"PAR1", "a Parquet file", EXPORT),
    (b"%PDF-", "a PDF document", EXPORT),
    (b"PGDMP", "a PostgreSQL archive", "turn it into text first (pg_restore -f)"),
];

/// Text in UTF-8 or an encoding that extends ASCII, without a byte order mark.
pub(super) struct Text {
    pub(super) reader: Source,
    /// Set if errors while reading are about compressed data rather than the source.
    pub(super) compression: Option<&'static str>,
}

/// Undoes what wraps the text. `name` is for messages.
pub(super) fn open(reader: Source, name: &str) -> Result<Text, TableError> {
    let (head, reader) = peek(reader).map_err(|error| read_error(error, name, None, 0))?;
    let (reader, compression): (Source, _) = if head.starts_with(&[0x1f, 0x8b]) {
        (Box::new(flate2::read::MultiGzDecoder::new(reader)), Some("gzip"))
    } else if head.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        let decoder = zstd::stream::read::Decoder::new(reader);
        (Box::new(decoder.map_err(|error| read_error(error, name, Some("zstd"), 0))?), Some("zstd"))
    } else {
        (reader, None)
    };
    let (head, mut reader) = peek(reader).map_err(|error| read_error(error, name, compression, 0))?;
    if let Some((_, kind, remedy)) = UNSUPPORTED.iter().find(|(magic, ..)| head.starts_with(magic)) {
        return Err(TableError::Unsupported { name: name.to_owned(), kind, remedy });
    }
    let reader = match head.as_slice() {
        [0xff, 0xfe, ..] => Box::new(Utf16::new(reader, UTF_16LE.new_decoder_with_bom_removal())),
        [0xfe, 0xff, ..] => Box::new(Utf16::new(reader, UTF_16BE.new_decoder_with_bom_removal())),
        head if head.contains(&0) => return Err(TableError::Binary { name: name.to_owned() }),
        [0xef, 0xbb, 0xbf, ..] => {
            reader.read_exact(&mut [0; 3]).map_err(|error| read_error(error, name, compression, 0))?;
            reader
        }
        _ => reader,
    };
    Ok(Text { reader, compression })
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
    match compression {
        _ if source.kind() == io::ErrorKind::IsADirectory => TableError::Folder { name },
        // An error that carries a system code comes from the disk or the pipe below the decompressor.
        Some(format) if source.raw_os_error().is_none() => TableError::Damaged { name, format, line, source },
        _ => TableError::Read { name, line, source },
    }
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

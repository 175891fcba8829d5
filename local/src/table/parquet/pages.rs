//! The pages of one column of a row group, unpacked under a bound. The parquet crate's own reader makes room for what a page
//! claims and unpacks what comes; a page that lies would have all memory.

use std::io::Read as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use parquet::basic::{CompressionCodec, Encoding};
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result};

use super::super::input::Shared;
use super::thrift::{Broken, Compact, FALSE, I32, STRUCT, TRUE};

/// What all columns may hold at once, unpacked. Pages have 1 MiB as a rule.
pub(super) const HELD_BYTES_MAX: u64 = 1 << 30;
/// A page's header; statistics in it are as long as a cell.
const HEADER_BYTES_MAX: usize = 1 << 20;
/// A value of a dictionary in memory, beside its bytes.
const VALUE_BYTES: u64 = 32;

/// How pages are packed.
#[derive(Clone, Copy)]
pub(super) enum Codec {
    Plain,
    Snappy,
    Gzip,
    Zstd,
}

impl Codec {
    /// The codec, or the name of one that is not read.
    pub(super) fn of(codec: CompressionCodec) -> std::result::Result<Self, String> {
        match codec {
            CompressionCodec::UNCOMPRESSED => Ok(Self::Plain),
            CompressionCodec::SNAPPY => Ok(Self::Snappy),
            CompressionCodec::GZIP => Ok(Self::Gzip),
            CompressionCodec::ZSTD => Ok(Self::Zstd),
            other => Err(format!("{other:?}")),
        }
    }
}

/// The pages from one place of a file to another.
pub(super) struct Pages {
    file: Shared,
    at: u64,
    end: u64,
    codec: Codec,
    held: Arc<AtomicU64>,
    /// What the dictionary and the page before count for.
    dictionary: u64,
    page: u64,
    has_dictionary: bool,
}

impl Pages {
    /// `held` counts what all columns hold.
    pub(super) fn new(file: Shared, start: u64, end: u64, codec: Codec, held: Arc<AtomicU64>) -> Self {
        Self { file, at: start, end, codec, held, dictionary: 0, page: 0, has_dictionary: false }
    }

    fn header(&self) -> Result<(Header, u64)> {
        let mut length = 4 << 10;
        loop {
            let mut bytes = Vec::new();
            self.file.section(self.at, self.end).take(length as u64).read_to_end(&mut bytes)?;
            let mut walk = Compact::new(&bytes);
            match Header::read(&mut walk) {
                Ok(header) => return Ok((header, walk.at as u64)),
                Err(Broken::Short) if bytes.len() == length && length < HEADER_BYTES_MAX => length *= 8,
                Err(_) => return Err(damaged("the header of a page")),
            }
        }
    }

    /// A column has one dictionary, before the pages that refer to it, and no encoding in which a few bytes say how much room
    /// to make for lengths: there the decoder believes them.
    fn check(&mut self, header: &Header) -> Result<()> {
        if matches!(header.encoding, Encoding::DELTA_BYTE_ARRAY | Encoding::DELTA_LENGTH_BYTE_ARRAY) {
            return Err(ParquetError::General(format!("it is encoded as {}", header.encoding)));
        }
        let refers = matches!(header.encoding, Encoding::PLAIN_DICTIONARY | Encoding::RLE_DICTIONARY);
        match header.kind {
            PageKind::Dictionary { .. } if self.has_dictionary => Err(damaged("a second dictionary")),
            // A value takes a byte at least.
            PageKind::Dictionary { .. } if header.values > header.unpacked => Err(damaged("a dictionary")),
            PageKind::Dictionary { .. } => {
                self.has_dictionary = true;
                Ok(())
            }
            _ if refers && !self.has_dictionary => Err(damaged("the dictionary of a page")),
            _ => Ok(()),
        }
    }

    /// Makes room for a page in what may be held.
    fn hold(&mut self, header: &Header) -> Result<()> {
        let bytes = u64::from(header.packed) + u64::from(header.unpacked);
        let (held, cost) = match header.kind {
            PageKind::Dictionary { .. } => {
                (&mut self.dictionary, bytes + u64::from(header.values) * VALUE_BYTES)
            }
            _ => (&mut self.page, bytes),
        };
        let before = std::mem::replace(held, cost);
        self.held.fetch_sub(before, Ordering::Relaxed);
        if self.held.fetch_add(cost, Ordering::Relaxed) + cost > HELD_BYTES_MAX {
            let what = format!("its pages need more than {} MiB at once", HELD_BYTES_MAX >> 20);
            return Err(ParquetError::General(what));
        }
        Ok(())
    }

    fn unpack(&self, packed: Vec<u8>, plain: usize, length: usize) -> Result<Bytes> {
        if plain > packed.len() || plain > length {
            return Err(damaged("the lengths of a page"));
        }
        let (front, rest) = packed.split_at(plain);
        let mut out = front.to_vec();
        let left = length - plain;
        match self.codec {
            Codec::Plain => return Ok(packed.into()),
            _ if left == 0 => {}
            Codec::Snappy => {
                let claimed = snap::raw::decompress_len(rest).map_err(|_| damaged("a page"))?;
                if claimed != left {
                    return Err(damaged("the lengths of a page"));
                }
                out.resize(length, 0);
                let unpacked = snap::raw::Decoder::new().decompress(rest, &mut out[plain..]);
                unpacked.map_err(|_| damaged("a page"))?;
            }
            Codec::Gzip => {
                let reader = flate2::read::MultiGzDecoder::new(rest);
                reader.take(left as u64 + 1).read_to_end(&mut out).map_err(|_| damaged("a page"))?;
            }
            Codec::Zstd => {
                let reader = zstd::stream::read::Decoder::with_buffer(rest)?;
                reader.take(left as u64 + 1).read_to_end(&mut out).map_err(|_| damaged("a page"))?;
            }
        }
        if out.len() != length {
            return Err(damaged("the lengths of a page"));
        }
        Ok(out.into())
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        self.held.fetch_sub(self.dictionary + self.page, Ordering::Relaxed);
    }
}

impl PageReader for Pages {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        while self.at < self.end {
            let (header, header_bytes) = self.header()?;
            let start = self.at + header_bytes;
            let end = start + u64::from(header.packed);
            if end > self.end {
                return Err(damaged("a page's end"));
            }
            self.at = end;
            if matches!(header.kind, PageKind::Other) {
                continue;
            }
            self.check(&header)?;
            self.hold(&header)?;
            let mut packed = Vec::new();
            self.file.section(start, end).read_to_end(&mut packed)?;
            if packed.len() as u64 != end - start {
                return Err(damaged("a page's end"));
            }
            let plain = match header.kind {
                PageKind::DataV2 { definitions, repetitions, is_packed, .. } if is_packed => {
                    definitions as usize + repetitions as usize
                }
                PageKind::DataV2 { .. } => packed.len(),
                _ => 0,
            };
            let unpacked = header.unpacked as usize;
            let buf = if plain == packed.len() && plain == unpacked {
                packed.into()
            } else {
                self.unpack(packed, plain, unpacked)?
            };
            return header.page(buf).map(Some);
        }
        Ok(None)
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        Err(ParquetError::NYI("pages are read one after the other".to_owned()))
    }

    fn skip_next_page(&mut self) -> Result<()> {
        Err(ParquetError::NYI("pages are read one after the other".to_owned()))
    }
}

impl Iterator for Pages {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

fn damaged(what: &str) -> ParquetError {
    ParquetError::General(format!("{what} is damaged"))
}

/// A page's header, as far as it is needed.
#[derive(Debug)]
struct Header {
    kind: PageKind,
    unpacked: u32,
    packed: u32,
    values: u32,
    encoding: Encoding,
}

#[derive(Debug, Clone, Copy)]
enum PageKind {
    Data { definition_encoding: Encoding, repetition_encoding: Encoding },
    DataV2 { nulls: u32, rows: u32, definitions: u32, repetitions: u32, is_packed: bool },
    Dictionary { is_sorted: bool },
    Other,
}

/// The numbers of a struct by the numbers of their fields, and its truth values.
type Numbers = [Option<i32>; 9];

impl Header {
    fn read(walk: &mut Compact<'_>) -> std::result::Result<Self, Broken> {
        let mut top: Numbers = [None; 9];
        let mut inner: Option<(i16, Numbers)> = None;
        let mut last = 0;
        while let Some((field, kind)) = walk.field(&mut last)? {
            match (field, kind) {
                (1..=3, I32) => put(&mut top, field, walk.i32()?),
                (5 | 7 | 8, STRUCT) => {
                    let mut numbers: Numbers = [None; 9];
                    let mut last = 0;
                    while let Some((field, kind)) = walk.field(&mut last)? {
                        match kind {
                            I32 => put(&mut numbers, field, walk.i32()?),
                            TRUE | FALSE => put(&mut numbers, field, i32::from(kind == TRUE)),
                            other => walk.skip(other)?,
                        }
                    }
                    inner = Some((field, numbers));
                }
                (_, other) => walk.skip(other)?,
            }
        }
        let length = |number: Option<i32>| number.and_then(|n| u32::try_from(n).ok()).ok_or(Broken::Wrong);
        let (unpacked, packed) = (length(top[2])?, length(top[3])?);
        let other = Self { kind: PageKind::Other, unpacked, packed, values: 0, encoding: Encoding::PLAIN };
        let (kind, values, encoding) = match (top[1], inner) {
            (Some(0), Some((5, n))) => {
                let kind = PageKind::Data {
                    definition_encoding: encoding(n[3])?,
                    repetition_encoding: encoding(n[4])?,
                };
                (kind, length(n[1])?, encoding(n[2])?)
            }
            (Some(2), Some((7, n))) => {
                (PageKind::Dictionary { is_sorted: n[3] == Some(1) }, length(n[1])?, encoding(n[2])?)
            }
            (Some(3), Some((8, n))) => {
                let kind = PageKind::DataV2 {
                    nulls: length(n[2])?,
                    rows: length(n[3])?,
                    definitions: length(n[5])?,
                    repetitions: length(n[6])?,
                    is_packed: n[7] != Some(0),
                };
                (kind, length(n[1])?, encoding(n[4])?)
            }
            (Some(0 | 2 | 3) | None, _) => return Err(Broken::Wrong),
            _ => return Ok(other),
        };
        Ok(Self { kind, values, encoding, ..other })
    }

    fn page(self, buf: Bytes) -> Result<Page> {
        let Self { values: num_values, encoding, .. } = self;
        Ok(match self.kind {
            PageKind::Data { definition_encoding, repetition_encoding } => Page::DataPage {
                buf,
                num_values,
                encoding,
                def_level_encoding: definition_encoding,
                rep_level_encoding: repetition_encoding,
                statistics: None,
            },
            PageKind::DataV2 { nulls, rows, definitions, repetitions, is_packed } => {
                if u64::from(definitions) + u64::from(repetitions) > buf.len() as u64 {
                    return Err(damaged("the lengths of a page"));
                }
                Page::DataPageV2 {
                    buf,
                    num_values,
                    encoding,
                    num_nulls: nulls,
                    num_rows: rows,
                    def_levels_byte_len: definitions,
                    rep_levels_byte_len: repetitions,
                    is_compressed: is_packed,
                    statistics: None,
                }
            }
            PageKind::Dictionary { is_sorted } => {
                Page::DictionaryPage { buf, num_values, encoding, is_sorted }
            }
            PageKind::Other => return Err(damaged("a page")),
        })
    }
}

fn put(numbers: &mut Numbers, field: i16, value: i32) {
    if let Some(place) = usize::try_from(field).ok().and_then(|field| numbers.get_mut(field)) {
        *place = Some(value);
    }
}

#[allow(deprecated)] // named to be told apart, and refused by the decoder where it is
fn encoding(number: Option<i32>) -> std::result::Result<Encoding, Broken> {
    Ok(match number.ok_or(Broken::Wrong)? {
        0 => Encoding::PLAIN,
        2 => Encoding::PLAIN_DICTIONARY,
        3 => Encoding::RLE,
        4 => Encoding::BIT_PACKED,
        5 => Encoding::DELTA_BINARY_PACKED,
        6 => Encoding::DELTA_LENGTH_BYTE_ARRAY,
        7 => Encoding::DELTA_BYTE_ARRAY,
        8 => Encoding::RLE_DICTIONARY,
        9 => Encoding::BYTE_STREAM_SPLIT,
        _ => return Err(Broken::Wrong),
    })
}

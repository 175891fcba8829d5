//! Archives: the directory at their end, and one member as a stream. The zip crate reads the directory; what a member
//! holds is unpacked by the decompressors that serve every other file, under the same bounds.

use std::io::{self, Read};

use flate2::CrcReader;

use super::TableError;
use super::bounded::{self, Packed};
use super::error::TableKind;
use super::input::Shared;
use super::source::{Source, read_error};

/// More members than this are refused; a workbook has some dozens.
const MEMBERS_MAX: usize = 65_536;

pub(super) struct Archive {
    file: Shared,
    name: String,
    members: Vec<Member>,
}

struct Member {
    name: String,
    start: u64,
    packed: u64,
    method: u16,
    crc: u32,
    encrypted: bool,
}

/// A member that is to be read, and what is left of the table's name.
pub(super) struct Choice {
    pub(super) name: String,
    pub(super) table: Option<String>,
}

impl Archive {
    pub(super) fn open(file: Shared, name: &str) -> Result<Self, TableError> {
        let damaged = |error: zip::result::ZipError| match error {
            zip::result::ZipError::Io(source) if source.raw_os_error().is_some() => {
                read_error(source, name, None, 0)
            }
            error => TableError::Form {
                name: name.to_owned(),
                form: "a zip archive",
                reason: error.to_string(),
                remedy: "its directory stands at its end, so a file that was cut has none; copy it again",
            },
        };
        let mut archive = zip::ZipArchive::new(file.whole()).map_err(damaged)?;
        if archive.len() > MEMBERS_MAX {
            let reason = format!("it has more than {MEMBERS_MAX} files");
            return Err(TableError::Form {
                name: name.to_owned(),
                form: "a zip archive",
                reason,
                remedy: "unpack it",
            });
        }
        let mut members = Vec::new();
        for index in 0..archive.len() {
            let member = archive.by_index_raw(index).map_err(damaged)?;
            let inner = member.name().map_err(damaged)?.into_owned();
            if member.is_dir() || inner.starts_with("__MACOSX/") || inner.ends_with(".DS_Store") {
                continue;
            }
            #[allow(deprecated)] // a number is all that is compared
            let method = member.compression().to_u16();
            members.push(Member {
                name: inner,
                start: member.data_start().unwrap_or(u64::MAX),
                packed: member.compressed_size(),
                method,
                crc: member.crc32(),
                encrypted: member.encrypted(),
            });
        }
        Ok(Self { file, name: name.to_owned(), members })
    }

    pub(super) fn has(&self, member: &str) -> bool {
        self.members.iter().any(|known| known.name == member)
    }

    /// The only member, or the one that `wanted` names: by its path or its name, and perhaps a table in it, `a.sql:users`.
    pub(super) fn choose(&self, wanted: Option<&str>) -> Result<Choice, TableError> {
        let (name, kind) = (self.name.clone(), TableKind::Member);
        let all = || self.members.iter().map(|member| member.name.clone()).collect::<Vec<_>>();
        if let [only] = self.members.as_slice() {
            let named = wanted.is_some_and(|wanted| means(wanted, &only.name));
            let table = if named { None } else { wanted.map(str::to_owned) };
            return Ok(Choice { name: only.name.clone(), table });
        }
        let Some(wanted) = wanted else {
            return Err(match self.members.is_empty() {
                true => TableError::Empty { name },
                false => TableError::SeveralTables { name, kind, tables: all() },
            });
        };
        let found = |wanted: &str| {
            let names = self.members.iter().map(|member| &member.name).filter(|name| means(wanted, name));
            names.cloned().collect::<Vec<_>>()
        };
        let (mut matches, mut table) = (found(wanted), None);
        if let (true, Some((member, rest))) = (matches.is_empty(), wanted.rsplit_once(':')) {
            (matches, table) = (found(member), Some(rest.to_owned()));
        }
        if let Some(exact) = matches.iter().find(|name| *name == wanted) {
            return Ok(Choice { name: exact.clone(), table });
        }
        let wanted = wanted.to_owned();
        match matches.as_slice() {
            [only] => Ok(Choice { name: only.clone(), table }),
            [] => Err(TableError::NoSuchTable { name, kind, wanted, tables: all() }),
            _ => Err(TableError::AmbiguousTable { name, kind, wanted, tables: matches }),
        }
    }

    /// What a member holds.
    pub(super) fn read(&self, choice: &Choice) -> Result<Source, TableError> {
        self.open_member(&choice.name)
    }

    pub(super) fn open_member(&self, member: &str) -> Result<Source, TableError> {
        let refused = |reason: String, remedy| TableError::Form {
            name: self.name.clone(),
            form: "a zip archive",
            reason: format!("{member:?} {reason}"),
            remedy,
        };
        let Some(found) = self.members.iter().find(|known| known.name == member) else {
            return Err(refused("is not in it".to_owned(), "copy it again"));
        };
        if found.encrypted {
            return Err(refused("is encrypted".to_owned(), "unpack it with its password first"));
        }
        let section = self.file.section(found.start, found.start.saturating_add(found.packed));
        let decompressor: fn(Packed) -> io::Result<Source> = match found.method {
            0 => |packed| Ok(Box::new(packed)),
            8 => |packed| Ok(Box::new(flate2::read::DeflateDecoder::new(packed))),
            93 => |packed| Ok(Box::new(zstd::stream::read::Decoder::new(packed)?)),
            other => return Err(refused(format!("is packed by method {other}"), "unpack it first")),
        };
        let unpacked = bounded::unpack(Box::new(section), decompressor)
            .map_err(|error| read_error(error, &self.name, Some("zip"), 0))?;
        Ok(Box::new(Checked { reader: CrcReader::new(unpacked), crc: found.crc }))
    }
}

/// Whether `wanted` is the member's path, or the last part of it.
fn means(wanted: &str, member: &str) -> bool {
    member == wanted || member.strip_suffix(wanted).is_some_and(|before| before.ends_with('/'))
}

/// Holds the checksum against what was read, at its end.
struct Checked {
    reader: CrcReader<Source>,
    crc: u32,
}

impl Read for Checked {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(out)?;
        if read == 0 && !out.is_empty() && self.reader.crc().sum() != self.crc {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "its checksum is another"));
        }
        Ok(read)
    }
}

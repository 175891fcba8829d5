//! A checkpoint: what the log comes to at one of its records, so that a start need not read all before it (SPEC.md section
//! "Account log").
//!
//! The log alone is the truth. A checkpoint is made of the log on the disk, never of what the server holds in memory; it is
//! used where the log has its chain at its place, and else ignored. Only one thing about it stops the server: a log that ends
//! before it was once longer, and what banks used since would be handed back.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use samar_local::durable::{self, Mode, Unfinished};
use samar_local::exit::{Failure, io_failure};
use samar_protocol::account::Part;
use samar_protocol::codec;
use samar_protocol::limits::CONTROL_BYTES_MAX;

use super::fold::Fold;
use super::log;
use super::walk::{LOG_MAGIC, Mark};

/// Opens every checkpoint; the last two bytes are the version, little-endian.
pub const CHECKPOINT_MAGIC: [u8; 10] = *b"SAMARCKP\x01\x00";

/// Where the checkpoint of a log stands: beside it.
pub(super) fn place(log: &Path) -> PathBuf {
    log.with_extension("checkpoint")
}

/// The newest checkpoint that fits the log; nothing where there is none, or none that does.
///
/// # Errors
/// A log that ends before its checkpoint; the file system.
pub(super) fn load(log: &Path) -> Result<Option<(Mark, Fold)>, Failure> {
    let path = place(log);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io_failure("read the checkpoint", &path, &error)),
    };
    let ignored = |why: &str| {
        let checkpoint = path.display();
        tracing::warn!(%checkpoint, why, "the checkpoint is not used: the whole log is read");
        Ok(None)
    };
    let (mark, fold) = match read(BufReader::with_capacity(1 << 20, file)) {
        Ok(found) => found,
        Err(CheckpointError::Read(error)) => return Err(io_failure("read the checkpoint", &path, &error)),
        Err(error) => return ignored(&error.to_string()),
    };
    let failure = |error: io::Error| io_failure("read the account log", log, &error);
    let length = match std::fs::metadata(log) {
        Ok(metadata) => metadata.len(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
        Err(error) => return Err(failure(error)),
    };
    if length < mark.bytes {
        let (log, path) = (log.display(), path.display());
        let what = format!(
            "{log} has {length} bytes, but had {} when its checkpoint was made: it is not the newest log",
            mark.bytes
        );
        return Err(Failure::local(what).remedy(format!(
            "put the newest log in its place; only if there is none, remove {path}, which hands back what banks used since"
        )));
    }
    match chain_at(log, mark).map_err(failure)? {
        true => Ok(Some((mark, fold))),
        false => ignored("it is of another log"),
    }
}

/// Whether the log has this chain at this place.
fn chain_at(log: &Path, mark: Mark) -> io::Result<bool> {
    let Some(at) = mark.bytes.checked_sub(32).filter(|at| *at > LOG_MAGIC.len() as u64) else {
        return Ok(false);
    };
    let file = File::open(log)?;
    let (mut magic, mut chain) = ([0; LOG_MAGIC.len()], [0; 32]);
    file.read_exact_at(&mut magic, 0)?;
    file.read_exact_at(&mut chain, at)?;
    Ok(magic == LOG_MAGIC && chain == mark.chain)
}

/// Brings the checkpoint up to so many bytes of the log, which end a record; to which record that is. Reads the log from the
/// checkpoint before, and holds a fold of its own for as long.
///
/// # Errors
/// As [`load`]; a damaged log; no room. The checkpoint is then as it was.
pub(super) fn write(log: &Path, bytes: u64) -> Result<Mark, Failure> {
    let path = place(log);
    // What an earlier process wrote may not be on the disk yet, and the log must never be the shorter one.
    let failure = |error: io::Error| io_failure("sync the account log", log, &error);
    durable::sync_file(log).map_err(failure)?;
    let (before, mut fold) = load(log)?.unwrap_or_default();
    let mark = log::scan(log, before, Some(bytes), |record| fold.apply(record))?;
    if mark == before || mark.records == 0 {
        return Ok(mark);
    }
    let stored = durable::remove_leftovers_of(&path).and_then(|()| {
        let unfinished = Unfinished::create(&path, Mode::Private)?;
        put(BufWriter::with_capacity(1 << 20, unfinished.file()), mark, &fold)?;
        unfinished.finish()
    });
    stored.map_err(|error| io_failure("write the checkpoint", &path, &error))?;
    Ok(mark)
}

fn put(mut out: impl Write, mark: Mark, fold: &Fold) -> io::Result<()> {
    let mut hasher = blake3::Hasher::new();
    let mut put = |bytes: &[u8]| {
        hasher.update(bytes);
        out.write_all(bytes)
    };
    put(&CHECKPOINT_MAGIC)?;
    let mut part = |part: Part| {
        let body = codec::encode(&part).map_err(io::Error::other)?;
        let length = u32::try_from(body.len()).map_err(io::Error::other)?;
        put(&length.to_le_bytes())?;
        put(&body)
    };
    part(Part::At { bytes: mark.bytes, records: mark.records, chain: mark.chain })?;
    fold.parts(part)?;
    put(&0u32.to_le_bytes())?;
    out.write_all(hasher.finalize().as_bytes())?;
    out.flush()
}

/// Why a checkpoint cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// Of the file system.
    #[error(transparent)]
    Read(io::Error),
    /// It is not as it was written.
    #[error("it is damaged at byte {at}: {what}")]
    Damaged {
        /// Where.
        at: u64,
        /// What is wrong.
        what: String,
    },
}

fn read(input: impl Read) -> Result<(Mark, Fold), CheckpointError> {
    let mut parts = Parts::open(input)?;
    let Some(Part::At { bytes, records, chain }) = parts.step()? else {
        return Err(parts.damaged("it does not begin with its place in the log"));
    };
    let mut fold = Fold::default();
    while let Some(part) = parts.step()? {
        fold.take(part).map_err(|what| parts.damaged(what))?;
    }
    Ok((Mark { bytes, records, chain }, fold))
}

/// A checkpoint, part by part. Nothing of it holds before the end was reached: the check stands there.
#[derive(Debug)]
pub struct Parts<R> {
    input: R,
    hasher: blake3::Hasher,
    at: u64,
}

impl<R: Read> Parts<R> {
    /// Reads the first bytes.
    ///
    /// # Errors
    /// [`CheckpointError`]
    pub fn open(input: R) -> Result<Self, CheckpointError> {
        let mut parts = Self { input, hasher: blake3::Hasher::new(), at: 0 };
        let mut magic = [0; CHECKPOINT_MAGIC.len()];
        parts.fill(&mut magic)?;
        if magic != CHECKPOINT_MAGIC {
            parts.at = 0;
            return Err(parts.damaged("it does not open as a checkpoint of version 1"));
        }
        parts.hasher.update(&magic);
        Ok(parts)
    }

    /// The next part; `None` at the end, once the check held.
    ///
    /// # Errors
    /// [`CheckpointError`] with the place of the part that is damaged.
    pub fn step(&mut self) -> Result<Option<Part>, CheckpointError> {
        let begin = self.at;
        let mut length = [0; 4];
        self.fill(&mut length)?;
        self.hasher.update(&length);
        let bytes = u32::from_le_bytes(length) as usize;
        if bytes == 0 {
            return self.end().map(|()| None);
        }
        if bytes > CONTROL_BYTES_MAX {
            self.at = begin;
            return Err(self.damaged("a part of it is longer than any can be"));
        }
        let mut body = vec![0; bytes];
        self.fill(&mut body)?;
        self.hasher.update(&body);
        codec::decode(&body).map(Some).map_err(|error| {
            self.at = begin;
            self.damaged(&error.to_string())
        })
    }

    fn end(&mut self) -> Result<(), CheckpointError> {
        let (begin, mut check) = (self.at, [0; 32]);
        self.fill(&mut check)?;
        if check != *self.hasher.finalize().as_bytes() {
            self.at = begin;
            return Err(self.damaged("its check does not match: it was changed"));
        }
        match self.input.read(&mut [0]).map_err(CheckpointError::Read)? {
            0 => Ok(()),
            _ => Err(self.damaged("bytes follow its end")),
        }
    }

    fn fill(&mut self, out: &mut [u8]) -> Result<(), CheckpointError> {
        match self.input.read_exact(out) {
            Ok(()) => {
                self.at += out.len() as u64;
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Err(self.damaged("it is cut short"))
            }
            Err(error) => Err(CheckpointError::Read(error)),
        }
    }

    fn damaged(&self, what: &str) -> CheckpointError {
        CheckpointError::Damaged { at: self.at, what: what.to_owned() }
    }
}

#[cfg(test)]
mod tests;

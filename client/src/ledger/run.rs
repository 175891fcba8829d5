//! A sorted, immutable part of a ledger: blocks of records by ascending hash, and beside it the day on which each was last
//! met.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read as _, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use samar_local::durable::{Mode, Unfinished};
use samar_local::exit::{Failure, io_failure};

use super::block::{FileHeader, HEADER_BYTES, Part, RECORD_BYTES, Record, Sealer, block_bytes, hash_of};
use super::head::{Head, RunRef};
use super::{damaged, days_path, run_path};
use crate::customers::Hash;

/// Records of each block of a run but the last, so that a block's place follows from its number.
const BLOCK_RECORDS: usize = 1_024;
/// Bytes that a reader needs at least.
pub(super) const READ_BYTES_MIN: usize = block_bytes(BLOCK_RECORDS);
/// More blocks at once gain nothing.
const GROUP_BLOCKS_MAX: usize = 16;
const CHECK_BYTES: usize = 32;

/// Days since 1970, UTC.
pub(crate) type Day = u16;

/// Writes a run and its days.
pub(super) struct RunWriter {
    path: PathBuf,
    days_path: PathBuf,
    number: u32,
    sealer: Sealer,
    records: u64,
    blocks: u64,
    buffer: Vec<Record>,
    out: Writer,
    days: DaysWriter,
}

impl RunWriter {
    pub(super) fn create(folder: &Path, head: &Head, number: u32) -> Result<Self, Failure> {
        let header = head.header(Part::Run, number);
        let (path, days_path) = (run_path(folder, number), days_path(folder, number));
        let mut out = Writer::create(&path)?;
        out.write(&header.to_bytes())?;
        Ok(Self {
            sealer: Sealer::new(&head.file_key, header),
            days: DaysWriter::create(&days_path, head.header(Part::Days, number))?,
            path,
            days_path,
            number,
            records: 0,
            blocks: 0,
            buffer: Vec::with_capacity(BLOCK_RECORDS),
            out,
        })
    }

    /// Adds a record. Hashes ascend.
    pub(super) fn push(&mut self, record: Record, day: Day) -> Result<(), Failure> {
        self.buffer.push(record);
        self.days.push(day)?;
        self.records += 1;
        if self.buffer.len() == BLOCK_RECORDS { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), Failure> {
        if !self.buffer.is_empty() {
            self.out.write(&self.sealer.seal(self.blocks, &self.buffer))?;
            self.blocks += 1;
            self.buffer.clear();
        }
        Ok(())
    }

    /// Puts both files in their places, durably; they count once a head names them. Nothing where there was no record.
    pub(super) fn finish(mut self) -> Result<Option<RunRef>, Failure> {
        if self.records == 0 {
            return Ok(None);
        }
        self.flush()?;
        self.out.finish(&self.path)?;
        self.days.finish(&self.days_path)?;
        Ok(Some(RunRef { number: self.number, records: self.records }))
    }
}

/// An unfinished file, written through a buffer.
struct Writer(BufWriter<File>, Unfinished);

impl Writer {
    fn create(path: &Path) -> Result<Self, Failure> {
        let create = || {
            let unfinished = Unfinished::create(path, Mode::Private)?;
            Ok(Self(BufWriter::with_capacity(1 << 18, unfinished.file().try_clone()?), unfinished))
        };
        create().map_err(|error| io_failure("write", path, &error))
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.0.write_all(bytes).map_err(|error| io_failure("write", self.1.place(), &error))
    }

    fn finish(mut self, path: &Path) -> Result<(), Failure> {
        let flushed = self.0.flush();
        flushed.and_then(|()| self.1.finish()).map_err(|error| io_failure("write", path, &error))
    }
}

/// Writes the days of a run: header ‖ day (u16 LE) each ‖ BLAKE3 of all before.
pub(super) struct DaysWriter {
    out: Writer,
    hasher: blake3::Hasher,
}

impl DaysWriter {
    pub(super) fn create(path: &Path, header: FileHeader) -> Result<Self, Failure> {
        let mut writer = Self { out: Writer::create(path)?, hasher: blake3::Hasher::new() };
        writer.write(&header.to_bytes())?;
        Ok(writer)
    }

    pub(super) fn push(&mut self, day: Day) -> Result<(), Failure> {
        self.write(&day.to_le_bytes())
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.hasher.update(bytes);
        self.out.write(bytes)
    }

    pub(super) fn finish(mut self, path: &Path) -> Result<(), Failure> {
        self.out.write(self.hasher.finalize().as_bytes())?;
        self.out.finish(path)
    }
}

/// Reads the days of a run.
pub(super) struct DaysReader {
    path: PathBuf,
    reader: BufReader<File>,
}

impl DaysReader {
    /// Checks the whole file first.
    pub(super) fn open(folder: &Path, head: &Head, run: RunRef) -> Result<Self, Failure> {
        let path = days_path(folder, run.number);
        let failed = |error: std::io::Error| match error.kind() {
            std::io::ErrorKind::NotFound | std::io::ErrorKind::UnexpectedEof => {
                damaged(&path, None, "it is missing or cut short")
            }
            _ => io_failure("read", &path, &error),
        };
        let mut file = File::open(&path).map_err(failed)?;
        let bytes = HEADER_BYTES as u64 + run.records.saturating_mul(2) + CHECK_BYTES as u64;
        if file.metadata().map_err(failed)?.len() != bytes {
            return Err(damaged(&path, None, "its length is not that of a day for each record"));
        }
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader((&mut file).take(bytes - CHECK_BYTES as u64)).map_err(failed)?;
        let mut check = [0; CHECK_BYTES];
        file.read_exact(&mut check).map_err(failed)?;
        let mut header = [0; HEADER_BYTES];
        file.read_exact_at(&mut header, 0).map_err(failed)?;
        if hasher.finalize() != check || header != head.header(Part::Days, run.number).to_bytes() {
            return Err(damaged(&path, None, "it does not match its check"));
        }
        let seek = std::io::Seek::seek(&mut file, std::io::SeekFrom::Start(HEADER_BYTES as u64));
        seek.map_err(failed)?;
        Ok(Self { path, reader: BufReader::with_capacity(1 << 16, file) })
    }

    /// The next day. There are as many as records.
    pub(super) fn next(&mut self) -> Result<Day, Failure> {
        let mut day = [0; 2];
        let read = self.reader.read_exact(&mut day);
        read.map_err(|error| io_failure("read", &self.path, &error))?;
        Ok(Day::from_le_bytes(day))
    }
}

/// The records of a run in order, each block verified.
pub(super) struct RunReader {
    path: PathBuf,
    file: File,
    sealer: Sealer,
    run: RunRef,
    /// The group in memory, as read and as opened.
    bytes: Vec<u8>,
    group: Vec<Record>,
    at: usize,
    next_block: u64,
    last: Option<Hash>,
    group_blocks: usize,
    /// Days, where they are asked for.
    pub(super) days: Option<DaysReader>,
}

impl RunReader {
    /// In about `memory_bytes` of memory.
    pub(super) fn open(
        folder: &Path,
        head: &Head,
        run: RunRef,
        memory_bytes: usize,
    ) -> Result<Self, Failure> {
        let path = run_path(folder, run.number);
        let failed = |error: std::io::Error| match error.kind() {
            std::io::ErrorKind::NotFound => damaged(&path, None, "it is missing"),
            _ => io_failure("read", &path, &error),
        };
        let file = File::open(&path).map_err(failed)?;
        let header = head.header(Part::Run, run.number);
        let mut found = [0; HEADER_BYTES];
        let length = file.metadata().map_err(failed)?.len();
        if length != run_bytes(run.records) {
            return Err(damaged(
                &path,
                None,
                "its length is not that of its records: it was cut short or replaced",
            ));
        }
        file.read_exact_at(&mut found, 0).map_err(failed)?;
        if found != header.to_bytes() {
            return Err(damaged(&path, Some(0), "its header is that of another file"));
        }
        let group_blocks = (memory_bytes / (2 * READ_BYTES_MIN)).clamp(1, GROUP_BLOCKS_MAX);
        Ok(Self {
            path,
            file,
            sealer: Sealer::new(&head.file_key, header),
            run,
            bytes: Vec::new(),
            group: Vec::new(),
            at: 0,
            next_block: 0,
            last: None,
            group_blocks,
            days: None,
        })
    }

    /// The next record; nothing at the end.
    pub(super) fn next(&mut self) -> Result<Option<Record>, Failure> {
        if self.at == self.group.len() && !self.refill()? {
            return Ok(None);
        }
        let record = self.group[self.at];
        self.at += 1;
        Ok(Some(record))
    }

    #[cold]
    fn refill(&mut self) -> Result<bool, Failure> {
        let first = self.next_block;
        let blocks = self.run.records.div_ceil(BLOCK_RECORDS as u64);
        let group = (blocks - first).min(self.group_blocks as u64);
        if group == 0 {
            return Ok(false);
        }
        let offset = |block: u64| HEADER_BYTES as u64 + block * block_bytes(BLOCK_RECORDS) as u64;
        let end = offset(first + group).min(run_bytes(self.run.records));
        let start = offset(first);
        self.bytes.resize(usize::try_from(end - start).map_err(Failure::local)?, 0);
        let read = self.file.read_exact_at(&mut self.bytes, start);
        read.map_err(|error| io_failure("read", &self.path, &error))?;
        let (sealer, last) = (&self.sealer, &mut self.last);
        let opened: Vec<Option<&[Record]>> = self
            .bytes
            .par_chunks_mut(block_bytes(BLOCK_RECORDS))
            .enumerate()
            .map(|(block, bytes)| sealer.open(first + block as u64, bytes))
            .collect();
        self.group.clear();
        for (block, records) in (first..).zip(opened) {
            let fault = |what| damaged(&self.path, Some(offset(block)), what);
            let records = records
                .ok_or_else(|| fault("the block does not match its check: some byte of it was changed"))?;
            for record in records {
                let hash = hash_of(record);
                if last.replace(hash).is_some_and(|last| last >= hash) {
                    return Err(fault("its records are not in order"));
                }
            }
            self.group.extend_from_slice(records);
        }
        (self.at, self.next_block) = (0, first + group);
        Ok(true)
    }
}

/// Bytes of a run's file.
pub(super) fn run_bytes(records: u64) -> u64 {
    let (whole, rest) = (records / BLOCK_RECORDS as u64, records % BLOCK_RECORDS as u64);
    let framing = (block_bytes(0)) as u64 * (whole + u64::from(rest > 0));
    HEADER_BYTES as u64 + records.saturating_mul(RECORD_BYTES as u64).saturating_add(framing)
}

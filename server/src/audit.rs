//! `audit`: the account log, walked and counted, or written out for other programs. Read only, and beside a server that
//! appends: what it appends meanwhile is not looked at.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use samar_inspect::printable;
use samar_local::exit::{Failure, io_failure};
use samar_local::output;
use samar_local::progress::{Progress, Unit};
use samar_protocol::account::Record;
use samar_protocol::invitation::to_hex;
use samar_protocol::manifest::is_breach_id;
use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::accounts::{LOG_REMEDY, LogError, Mark, Tail, Walk};

/// Records between two updates of the progress.
const STRETCH_RECORDS: u64 = 4_096;

/// What a log comes to, up to its end or the first record that is damaged.
#[derive(Debug)]
pub struct Audit {
    /// Length of the log when it was opened.
    pub bytes: u64,
    /// Bytes of its first bytes and whole records.
    pub whole_bytes: u64,
    /// Whole records.
    pub records: u64,
    /// The hash after the last of them, which vouches for all before: two copies with the same are the same.
    pub chain: [u8; 32],
    /// What each bank was charged, by name.
    pub banks: BTreeMap<String, BankSums>,
    /// What stands after the last whole record.
    pub tail: Tail,
    /// Why the walk ended before the log did.
    pub damage: Option<LogError>,
}

/// What a bank was charged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BankSums {
    /// Batches charged.
    pub batches: u64,
    /// Evaluations charged.
    pub evaluations: u64,
    /// Elements rekeyed, which count for no lifetime.
    pub rekeyed: u64,
    /// Private lookups charged.
    pub lookups: u64,
    /// Keys that it joined with.
    pub joined: u64,
    /// When its first record was written, seconds since 1970 UTC.
    pub first_s: u64,
    /// When its last one was.
    pub last_s: u64,
}

impl Audit {
    /// Walks the log in `file`.
    ///
    /// # Errors
    /// Of the file system; damage is part of what is found.
    pub fn of(file: &File) -> io::Result<Self> {
        let bytes = file.metadata()?.len();
        let progress = Progress::new("audit", Unit::Bytes, Some(bytes));
        let mut walk = Walk::new(file, bytes);
        let mut banks: BTreeMap<String, BankSums> = BTreeMap::new();
        let damage = loop {
            match walk.step() {
                Ok(Some(placed)) => {
                    let bank = placed.record.bank();
                    match banks.get_mut(bank) {
                        Some(sums) => sums.add(&placed.record),
                        None => banks.entry(bank.to_owned()).or_default().add(&placed.record),
                    }
                }
                Ok(None) => break None,
                Err(LogError::Read(error)) => return Err(error),
                Err(error) => break Some(error),
            }
            if walk.at().records.is_multiple_of(STRETCH_RECORDS) {
                progress.set(walk.at().bytes);
            }
        };
        let Mark { bytes: whole_bytes, records, chain } = walk.at();
        Ok(Self { bytes, whole_bytes, records, chain, banks, tail: walk.tail(), damage })
    }

    /// Walks the log at `path`.
    ///
    /// # Errors
    /// As [`Audit::of`].
    pub fn open(path: &Path) -> Result<Self, Failure> {
        open(path).and_then(|file| {
            Self::of(&file).map_err(|error| io_failure("read the account log", path, &error))
        })
    }

    /// What is wrong with the log, where anything is: byte, words, remedy.
    #[must_use]
    pub fn fault(&self) -> Option<(u64, String, &'static str)> {
        Some(match self.damage.as_ref()? {
            LogError::Damaged { number: 0, at, what } => (*at, what.clone(), LOG_REMEDY),
            LogError::Damaged { number, at, what } => (*at, format!("record {number}: {what}"), LOG_REMEDY),
            LogError::Read(error) => (self.whole_bytes, error.to_string(), LOG_REMEDY),
        })
    }

    /// What is to be said of the log's end, where it is no fault.
    #[must_use]
    pub fn remark(&self) -> Option<String> {
        (self.damage.is_none() && self.tail == Tail::Torn).then(|| {
            let (bytes, next) = (self.bytes - self.whole_bytes, self.records + 1);
            format!(
                "its last {bytes} bytes are not whole, from record {next} on: they are being written, or a crash tore them; \
                 nothing was answered for them"
            )
        })
    }
}

impl BankSums {
    fn add(&mut self, record: &Record) {
        if *self == Self::default() {
            self.first_s = record.time_s();
        }
        self.last_s = record.time_s();
        match record {
            Record::Debit { count, .. } => {
                self.batches += 1;
                self.evaluations = self.evaluations.saturating_add(u64::from(*count));
            }
            Record::Joined { .. } => self.joined += 1,
            Record::Rekeyed { count, .. } => {
                self.rekeyed = self.rekeyed.saturating_add(u64::from(*count));
            }
            Record::Lookup { count, .. } => self.lookups = self.lookups.saturating_add(u64::from(*count)),
        }
    }
}

/// How debits are written out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// With a header, commas between.
    #[default]
    Csv,
    /// One JSON object a line.
    Jsonl,
}

/// Writes every debit of the log at `path` out, a line each; into a file, or to standard output where none is named. Lines
/// written.
///
/// # Errors
/// A damaged log, of which nothing is written; the file system.
pub fn export(path: &Path, format: Format, out: Option<&Path>) -> Result<u64, Failure> {
    let audit = Audit::open(path)?; // nothing is written of a log that is damaged
    if let Some((at, what, remedy)) = audit.fault() {
        let what = format!("{} is damaged at byte {at}, {what}", path.display());
        return Err(Failure::local(what).remedy(remedy));
    }
    let file = open(path)?;
    let walk = Walk::new(&file, audit.bytes);
    match out {
        None => match write(walk, format, BufWriter::new(io::stdout().lock())) {
            // As other tools do, when whoever reads has seen enough.
            Err(Error::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(0),
            other => other.map_err(|error| error.of(path, Path::new("standard output"))),
        },
        Some(out) => {
            let unfinished = output::create(out, &[path.to_owned()])?;
            let lines = write(walk, format, BufWriter::new(unfinished.file()))
                .map_err(|error| error.of(path, out))?;
            output::finish(unfinished)?;
            Ok(lines)
        }
    }
}

enum Error {
    Log(LogError),
    Write(io::Error),
}

impl Error {
    fn of(self, log: &Path, out: &Path) -> Failure {
        match self {
            Self::Log(LogError::Read(error)) => io_failure("read the account log", log, &error),
            Self::Log(error) => {
                Failure::local(format!("{} is damaged {error}", log.display())).remedy(LOG_REMEDY)
            }
            Self::Write(error) => io_failure("write", out, &error),
        }
    }
}

fn write(mut walk: Walk<'_>, format: Format, mut out: impl Write) -> Result<u64, Error> {
    let mut lines = 0;
    if format == Format::Csv {
        writeln!(out, "record,time,bank,evaluations,batch_sha256").map_err(Error::Write)?;
    }
    while let Some(placed) = walk.step().map_err(Error::Log)? {
        let Record::Debit { time_s, bank, batch, count } = &placed.record else { continue };
        let (number, time, batch) = (placed.number, rfc3339(*time_s), to_hex(batch));
        let written = match format {
            Format::Csv => writeln!(out, "{number},{time},{},{count},{batch}", cell(bank)),
            Format::Jsonl => {
                let line = json!({"record": number, "time": time, "bank": printable(bank), "evaluations": count,
                                  "batch_sha256": batch});
                writeln!(out, "{line}")
            }
        };
        written.map_err(Error::Write)?;
        lines += 1;
    }
    out.flush().map_err(Error::Write)?;
    Ok(lines)
}

/// A name as `enroll` takes it stands as it is. Another can only have been written by someone else.
fn cell(bank: &str) -> String {
    if is_breach_id(bank) { bank.to_owned() } else { format!("\"{}\"", printable(bank).replace('"', "\"\"")) }
}

/// `2026-11-22T05:40:12Z`; seconds alone for a time that no calendar has.
fn rfc3339(time_s: u64) -> String {
    let time = i64::try_from(time_s).ok().and_then(|s| OffsetDateTime::from_unix_timestamp(s).ok());
    time.and_then(|time| time.format(&Rfc3339).ok()).unwrap_or_else(|| time_s.to_string())
}

fn open(path: &Path) -> Result<File, Failure> {
    File::open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Failure::input(format!("{} does not exist", path.display()))
            .remedy("the first `samar-server serve` begins it; --dir names another folder"),
        _ => io_failure("read the account log", path, &error),
    })
}

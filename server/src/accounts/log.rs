//! The account log: append-only, hash-chained, synced in groups (SPEC.md section "Account log").
//!
//! magic "SAMARLOG" ‖ version (u16 LE), then records: length (u16 LE) ‖ its complement (u16 LE) ‖ body ‖ chain (32 bytes), where
//! chain = BLAKE3("samar account log v1" ‖ previous chain ‖ body) and the first previous chain is zeros. The chain is checksum
//! and order in one: a changed, dropped or swapped record breaks it. The complement tells a damaged length from a torn end.

use std::fs::{File, OpenOptions};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

use samar_local::durable::sync_folder;
use samar_local::exit::{Failure, io_failure};
use samar_protocol::account::Record;
use samar_protocol::codec;
use tokio::sync::{oneshot, watch};

use super::walk::{BODY_BYTES_MAX, LOG_MAGIC, LOG_REMEDY, LogError, Mark, Walk, next_chain};

/// Records written with one sync at most.
pub(super) const GROUP_MAX: usize = 1_024;

/// Resolves to `Ok` once a record is on the disk; to an error if the log failed first, and then nothing may be answered.
pub type Synced = oneshot::Receiver<()>;
/// Changes to `true` when the log failed.
pub type Failed = watch::Receiver<bool>;

#[derive(Debug)]
pub(super) struct Log {
    chain: [u8; 32],
    records: u64,
    /// Bytes that a crash cannot take.
    durable_bytes: Arc<AtomicU64>,
    writer: Writer,
    failed: Failed,
}

/// The thread that writes, and the way to it. Dropped, it waits until what was appended is on the disk and the file closed,
/// so that whoever opens the log next meets no writer of before.
#[derive(Debug)]
struct Writer {
    queue: Option<mpsc::Sender<Write>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue = None; // ends the thread
        if let Some(thread) = self.thread.take() {
            let _ = thread.join(); // a panic of it has ended the program
        }
    }
}

/// Bytes to append, none for a barrier, and whom to tell once all up to here is synced.
struct Write {
    bytes: Vec<u8>,
    done: oneshot::Sender<()>,
}

impl Log {
    /// Opens the log and reads on from a mark of it.
    pub(super) fn open(path: &Path, from: Mark, each: impl FnMut(&Record)) -> Result<Self, Failure> {
        create_if_missing(path)?;
        let Mark { bytes: whole_bytes, records, chain } = scan(path, from, None, each)?;
        let failure = |error: std::io::Error| io_failure("open the account log", path, &error);
        let mut file = OpenOptions::new().write(true).open(path).map_err(failure)?;
        if file.metadata().map_err(failure)?.len() > whole_bytes {
            // A record torn by a crash was never synced whole, so no answer left for it.
            tracing::warn!(log = %path.display(), "removing a torn last record, left by a crash; nothing was answered for it");
            file.set_len(whole_bytes).and_then(|()| file.sync_all()).map_err(failure)?;
        }
        file.seek(SeekFrom::End(0)).map_err(failure)?;
        if whole_bytes == 0 {
            file.write_all(&LOG_MAGIC).and_then(|()| file.sync_all()).map_err(failure)?;
        }
        let (sender, queue) = mpsc::channel();
        let (failed_tx, failed) = watch::channel(false);
        let durable = Arc::new(AtomicU64::new(whole_bytes.max(LOG_MAGIC.len() as u64)));
        let (path, durable_bytes) = (path.to_owned(), Arc::clone(&durable));
        let thread = std::thread::Builder::new()
            .name("account-log".to_owned())
            .spawn(move || write_groups(&file, &path, &queue, &durable, &failed_tx))
            .map_err(|error| Failure::local(format!("cannot start the account log's thread: {error}")))?;
        let writer = Writer { queue: Some(sender), thread: Some(thread) };
        Ok(Self { chain, records, durable_bytes, writer, failed })
    }

    /// Appends a record. The caller holds the lock that orders records.
    pub(super) fn append(&mut self, record: &Record) -> Synced {
        match codec::encode(record) {
            Ok(body) => {
                self.chain = next_chain(&self.chain, &body);
                self.records += 1;
                self.send(frame(&body, &self.chain))
            }
            // A name was checked when it was enrolled, so a record always encodes; were it not to, nothing is answered.
            Err(_) => oneshot::channel().1,
        }
    }

    /// Resolves when all that was appended before is synced.
    pub(super) fn barrier(&self) -> Synced {
        self.send(Vec::new())
    }

    fn send(&self, bytes: Vec<u8>) -> Synced {
        let (done, synced) = oneshot::channel();
        // With the thread gone, `done` is dropped and the receiver sees the failure.
        if let Some(queue) = &self.writer.queue {
            let _ = queue.send(Write { bytes, done });
        }
        synced
    }

    /// Records, those on their way to the disk among them.
    pub(super) fn records(&self) -> u64 {
        self.records
    }

    /// Bytes that were synced.
    pub(super) fn durable_bytes(&self) -> u64 {
        self.durable_bytes.load(Ordering::Acquire)
    }

    pub(super) fn failed(&self) -> Failed {
        self.failed.clone()
    }
}

/// Writes what queued up while the last sync ran with one sync more. After any error it takes nothing more: what the disk
/// holds is then unknown until the log is read again.
fn write_groups(
    mut file: &File,
    path: &Path,
    queue: &mpsc::Receiver<Write>,
    durable_bytes: &AtomicU64,
    failed: &watch::Sender<bool>,
) {
    while let Ok(first) = queue.recv() {
        let group: Vec<Write> = std::iter::once(first).chain(queue.try_iter().take(GROUP_MAX - 1)).collect();
        let bytes: Vec<u8> = group.iter().flat_map(|write| &write.bytes).copied().collect();
        let written = if bytes.is_empty() {
            Ok(()) // barriers only: every group before was synced
        } else {
            file.write_all(&bytes).and_then(|()| file.sync_data())
        };
        if let Err(error) = written {
            tracing::error!(log = %path.display(), %error, "the account log cannot be written: stopping");
            failed.send_replace(true);
            return;
        }
        durable_bytes.fetch_add(bytes.len() as u64, Ordering::Release);
        for write in group {
            let _ = write.done.send(()); // the asker may have gone; the debit stands
        }
    }
}

fn create_if_missing(path: &Path) -> Result<(), Failure> {
    let created = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    match created {
        Ok(mut file) => file
            .write_all(&LOG_MAGIC)
            .and_then(|()| file.sync_all())
            .and_then(|()| path.parent().map_or(Ok(()), sync_folder))
            .map_err(|error| io_failure("create the account log", path, &error)),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(io_failure("create the account log", path, &error)),
    }
}

/// Reads the records after a mark of a log that may still be written to, up to a length or to its end; where that leads.
pub(super) fn scan(
    path: &Path,
    from: Mark,
    up_to: Option<u64>,
    mut each: impl FnMut(&Record),
) -> Result<Mark, Failure> {
    let failure = |error: std::io::Error| io_failure("read the account log", path, &error);
    let file = File::open(path).map_err(failure)?;
    let length = file.metadata().map_err(failure)?.len();
    let mut walk = Walk::resume(&file, up_to.unwrap_or(length).min(length), from).map_err(failure)?;
    loop {
        match walk.step() {
            Ok(Some(placed)) => each(&placed.record),
            Ok(None) => return Ok(walk.at()),
            Err(error) => return Err(failure_of(path, &error)),
        }
    }
}

/// The failure of a walk along the log at `path`.
fn failure_of(path: &Path, error: &LogError) -> Failure {
    match error {
        LogError::Read(error) => io_failure("read the account log", path, error),
        LogError::Damaged { .. } => {
            Failure::local(format!("{} is damaged {error}", path.display())).remedy(LOG_REMEDY)
        }
    }
}

fn frame(body: &[u8], chain: &[u8; 32]) -> Vec<u8> {
    debug_assert!((1..=BODY_BYTES_MAX).contains(&body.len()));
    #[allow(clippy::cast_possible_truncation)] // a record is at most BODY_BYTES_MAX
    let length = body.len() as u16;
    [length.to_le_bytes().as_slice(), &(!length).to_le_bytes(), body, chain].concat()
}

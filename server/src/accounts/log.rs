//! The account log: append-only, hash-chained, synced in groups (SPEC.md section "Account log").
//!
//! magic "SAMARLOG" ‖ version (u16 LE), then records: length (u16 LE) ‖ its complement (u16 LE) ‖ body ‖ chain (32 bytes), where
//! chain = BLAKE3("samar account log v1" ‖ previous chain ‖ body) and the first previous chain is zeros. The chain is checksum
//! and order in one: a changed, dropped or swapped record breaks it. The complement tells a damaged length from a torn end, and
//! a bit of the length says where a group begins: whatever stands before one was synced, and can be torn no more.

use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

use samar_local::durable::{folder_of, sync_folder};
use samar_local::exit::{Failure, io_failure};
use samar_local::growing::Growing;
use samar_protocol::account::Record;
use samar_protocol::codec;
use tokio::sync::{oneshot, watch};

use super::walk::{BODY_BYTES_MAX, LOG_MAGIC, LOG_REMEDY, LogError, Mark, Walk, head, next_chain};

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

/// A record to append, none for a barrier, and whom to tell once all up to here is synced.
struct Write {
    record: Option<Framed>,
    done: oneshot::Sender<()>,
}

/// A record as it stands in the log, but for its head, which says whether a group begins with it.
struct Framed {
    body: Vec<u8>,
    chain: [u8; 32],
}

impl Log {
    /// Opens the log and reads on from a mark of it.
    pub(super) fn open(path: &Path, from: Mark, each: impl FnMut(&Record)) -> Result<Self, Failure> {
        // Its name as well: whoever created it may have been killed before that was on the disk.
        Growing::begin(path, &LOG_MAGIC)
            .and_then(|()| sync_folder(folder_of(path)))
            .map_err(|error| io_failure("create the account log", path, &error))?;
        let Mark { bytes: whole_bytes, records, chain } = scan(path, from, None, each)?;
        let failure = |error: std::io::Error| io_failure("open the account log", path, &error);
        let mut file = Growing::open(path).map_err(failure)?;
        if file.bytes() > whole_bytes {
            // What a crash tore was never synced, so no answer left for it.
            tracing::warn!(log = %path.display(), "removing torn last records, left by a crash; nothing was answered for them");
            file.cut(whole_bytes).map_err(failure)?;
        }
        if whole_bytes == 0 {
            file.append(&LOG_MAGIC).map_err(failure)?;
        }
        // Whoever wrote the last group may have been killed before it was on the disk: only the last group of a log can be torn.
        file.sync().map_err(failure)?;
        let (sender, queue) = mpsc::channel();
        let (failed_tx, failed) = watch::channel(false);
        let durable = Arc::new(AtomicU64::new(whole_bytes.max(LOG_MAGIC.len() as u64)));
        let (path, durable_bytes) = (path.to_owned(), Arc::clone(&durable));
        let thread = std::thread::Builder::new()
            .name("account-log".to_owned())
            .spawn(move || write_groups(file, &path, &queue, &durable, &failed_tx))
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
                debug_assert!((1..=BODY_BYTES_MAX).contains(&body.len()));
                self.send(Some(Framed { body, chain: self.chain }))
            }
            // A name was checked when it was enrolled, so a record always encodes; were it not to, nothing is answered.
            Err(_) => oneshot::channel().1,
        }
    }

    /// Resolves when all that was appended before is synced.
    pub(super) fn barrier(&self) -> Synced {
        self.send(None)
    }

    fn send(&self, record: Option<Framed>) -> Synced {
        let (done, synced) = oneshot::channel();
        // With the thread gone, `done` is dropped and the receiver sees the failure.
        if let Some(queue) = &self.writer.queue {
            let _ = queue.send(Write { record, done });
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
    mut file: Growing,
    path: &Path,
    queue: &mpsc::Receiver<Write>,
    durable_bytes: &AtomicU64,
    failed: &watch::Sender<bool>,
) {
    while let Ok(first) = queue.recv() {
        let group: Vec<Write> = std::iter::once(first).chain(queue.try_iter().take(GROUP_MAX - 1)).collect();
        let bytes = bytes_of(&group);
        let written = if bytes.is_empty() {
            Ok(()) // barriers only: every group before was synced
        } else {
            file.append(&bytes).and_then(|()| file.sync())
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

/// The records of a group as they are written.
fn bytes_of(group: &[Write]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for Framed { body, chain } in group.iter().filter_map(|write| write.record.as_ref()) {
        #[allow(clippy::cast_possible_truncation)] // a record is at most BODY_BYTES_MAX
        let head = head(body.len() as u16, bytes.is_empty());
        bytes.extend(head.iter().chain(body).chain(chain));
    }
    bytes
}

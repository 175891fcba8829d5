//! Accounts: who the banks are, and what each has used.
//!
//! The log is the only state. A debit is appended and synced before its answer leaves, and what a bank has used is the
//! fold of the log: there is no second figure that could disagree; a checkpoint saves reading all of it, and is no more than
//! the log says. Enrolments are files of their own, because `enroll`
//! writes them while `serve` holds the log.

mod checkpoint;
mod fold;
mod log;
mod registry;
#[cfg(test)]
mod tests;
mod walk;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

pub use checkpoint::{CHECKPOINT_MAGIC, CheckpointError, Parts};
pub use fold::{Refused, Usage};
pub use log::{Failed, Synced};
pub use registry::{Bank, OpenInvitation, Registry, Revocation};
pub(crate) use walk::read_head;
pub use walk::{LOG_MAGIC, LOG_REMEDY, LogError, Mark, Placed, Tail, Walk};

use crate::pki::KeyFingerprint;
use fold::Fold;
use log::Log;
use samar_local::exit::Failure;
use samar_protocol::account::Record;

/// The account log, open for appending, and its fold.
#[derive(Debug)]
pub struct Accounts {
    inner: Mutex<Inner>,
    path: PathBuf,
    /// Records that the checkpoint has, locked while it is written.
    checkpoint_records: Mutex<u64>,
}

#[derive(Debug)]
struct Inner {
    fold: Fold,
    log: Log,
}

/// How each bank stands, by a log that nobody here appends to.
#[derive(Debug)]
pub struct Standing {
    fold: Fold,
}

impl Standing {
    /// What a bank has used at this time.
    #[must_use]
    pub fn usage(&self, bank: &str, now_s: u64) -> Usage {
        self.fold.usage(bank, now_s)
    }

    /// The latest day of any record, counted from 1970; `None` where there is none.
    #[must_use]
    pub fn newest_day(&self) -> Option<u64> {
        self.fold.newest_day()
    }

    /// The keys that a bank joined with, and when, the first one first; seconds since 1970 UTC.
    #[must_use]
    pub fn keys(&self, bank: &str) -> Vec<(KeyFingerprint, u64)> {
        self.fold.keys_of(bank)
    }
}

/// A debit that was decided; it counts once its record is durable.
#[derive(Debug)]
pub struct Debit {
    /// Evaluations charged: the whole batch, or 0 where the same batch was charged before.
    pub charged: u32,
    /// Resolves when this debit, and every record before it, is on the disk. No answer may leave earlier.
    pub synced: Synced,
}

impl Accounts {
    /// Opens the log, creating it where there is none, and folds it: from its checkpoint on, where that fits.
    ///
    /// # Errors
    /// A log that is damaged behind its checkpoint anywhere but in a torn last record, or ends before it; the file system.
    pub fn open(path: &Path) -> Result<Self, Failure> {
        let (from, mut fold) = checkpoint::load(path)?.unwrap_or_default();
        let log = Log::open(path, from, |record| fold.apply(record))?;
        let inner = Mutex::new(Inner { fold, log });
        Ok(Self { inner, path: path.to_owned(), checkpoint_records: Mutex::new(from.records) })
    }

    /// Folds a log without opening it for appending: how each bank stands.
    ///
    /// # Errors
    /// As [`Accounts::open`].
    pub fn standing(path: &Path) -> Result<Standing, Failure> {
        let (from, mut fold) = checkpoint::load(path)?.unwrap_or_default();
        if path.exists() {
            log::scan(path, from, None, |record| fold.apply(record))?;
        } // else nothing was served yet
        Ok(Standing { fold })
    }

    /// Writes a checkpoint if the log has so many records more than the last one, and nobody else is writing it. Reads the
    /// log rather than this fold, so that debits go on meanwhile.
    ///
    /// # Errors
    /// Of the file system, or a damaged log. Nothing depends on it: the log goes on as it was.
    pub fn checkpoint(&self, records: u64) -> Result<(), Failure> {
        let mut checkpoint_records = match self.checkpoint_records.try_lock() {
            Ok(lock) => lock,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return Ok(()),
        };
        let (now, durable_bytes) = {
            let inner = self.lock();
            (inner.log.records(), inner.log.durable_bytes())
        };
        if now.saturating_sub(*checkpoint_records) >= records.max(1) {
            *checkpoint_records = checkpoint::write(&self.path, durable_bytes)?.records;
        }
        Ok(())
    }

    /// Charges a batch of `count` elements to a bank, unless the same batch was charged before. The caller has
    /// validated the batch.
    ///
    /// # Errors
    /// [`Refused`]: the allowance does not cover it, or the clock is not to be believed; nothing was charged.
    pub fn debit(&self, bank: &Bank, batch: [u8; 32], count: u32, now_s: u64) -> Result<Debit, Refused> {
        let mut inner = self.lock();
        let Inner { fold, log } = &mut *inner;
        fold.check_clock(&bank.name, now_s)?;
        if fold.is_charged(&bank.name, &batch, now_s) {
            // The first debit's record may still be on its way: wait for all that was appended.
            return Ok(Debit { charged: 0, synced: log.barrier() });
        }
        fold.check(bank, count, now_s)?;
        let record = Record::Debit { time_s: now_s, bank: bank.name.clone(), batch, count };
        // Applied and appended under one lock, so that the log's order is the order of decisions.
        fold.apply(&record);
        Ok(Debit { charged: count, synced: log.append(&record) })
    }

    /// Charges a private lookup to a bank that may make so many in a day. There is no free retry: each has a fresh secret,
    /// and costs a pass.
    ///
    /// # Errors
    /// As [`Accounts::debit`].
    pub fn debit_lookup(&self, bank: &str, per_day: u64, now_s: u64) -> Result<Synced, Refused> {
        let mut inner = self.lock();
        let Inner { fold, log } = &mut *inner;
        fold.check_clock(bank, now_s)?;
        fold.check_lookup(bank, per_day, now_s)?;
        let record = Record::Lookup { time_s: now_s, bank: bank.to_owned(), count: 1 };
        fold.apply(&record);
        Ok(log.append(&record))
    }

    /// Charges a batch of `count` elements to a bank's rekeyings of the day, unless the same batch was charged before.
    ///
    /// # Errors
    /// As [`Accounts::debit`], but never of the lifetime.
    pub fn debit_rekeying(
        &self,
        bank: &Bank,
        batch: [u8; 32],
        count: u32,
        now_s: u64,
    ) -> Result<Debit, Refused> {
        let mut inner = self.lock();
        let Inner { fold, log } = &mut *inner;
        fold.check_clock(&bank.name, now_s)?;
        if fold.is_charged(&bank.name, &batch, now_s) {
            return Ok(Debit { charged: 0, synced: log.barrier() });
        }
        fold.check_rekeying(bank, count, now_s)?;
        let record = Record::Rekeyed { time_s: now_s, bank: bank.name.clone(), batch, count };
        fold.apply(&record);
        Ok(Debit { charged: count, synced: log.append(&record) })
    }

    /// Records that a bank traded a token for a certificate; `None` if the token was used before, unless for the same
    /// key: then the answer was lost on its way, and the bank asks once more.
    #[must_use]
    pub fn join(&self, bank: &str, token: [u8; 32], key: KeyFingerprint, now_s: u64) -> Option<Synced> {
        let mut inner = self.lock();
        let Inner { fold, log } = &mut *inner;
        if let Some(before) = fold.traded_for(&token) {
            return (*before == key).then(|| log.barrier());
        }
        let record = Record::Joined { time_s: now_s, bank: bank.to_owned(), token, key };
        fold.apply(&record);
        Some(log.append(&record))
    }

    /// The bank that joined with this key.
    #[must_use]
    pub fn bank_of(&self, key: &KeyFingerprint) -> Option<String> {
        self.lock().fold.bank_of(key).map(str::to_owned)
    }

    /// What a bank has used at this time.
    #[must_use]
    pub fn used(&self, bank: &str, now_s: u64) -> Usage {
        self.lock().fold.usage(bank, now_s)
    }

    /// The latest day of any record, counted from 1970; `None` where there is none.
    #[must_use]
    pub fn newest_day(&self) -> Option<u64> {
        self.lock().fold.newest_day()
    }

    /// Resolves when the log cannot be written any more. The server must then stop.
    #[must_use]
    pub fn failed(&self) -> Failed {
        self.lock().log.failed()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic ends the process, so a poisoned lock is never seen.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

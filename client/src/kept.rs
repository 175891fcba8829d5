//! `ledger`: what is kept of customers that were evaluated, under which key, and how to keep less of it.

use std::path::Path;

use samar_local::exit::{Failure, io_failure};
use samar_local::folder::lock;
use samar_protocol::oprf::KeyId;

use crate::config::{Config, Home};
use crate::ledger::{self, Day, Ledger};
use crate::people::now_s;
use crate::synced::Synced;

pub use crate::ledger::protect::protect;

/// Memory for reading a ledger.
const MEMORY_BYTES: usize = 64 << 20;

/// Of which key a ledger is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The key of the synced set, or nothing is synced yet: it is in use.
    Present,
    /// The key before: the next sync or screening takes it along, until this time (seconds since 1970 UTC).
    Before {
        /// Until when the operator serves that key.
        until_s: u64,
    },
    /// A key that the operator serves no more: it is of no use.
    Other,
}

/// A ledger that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Id of its key.
    pub key_id: KeyId,
    /// Of which key it is.
    pub standing: Standing,
    /// Customers in it, those of a screening that was cut short left out.
    pub customers: u64,
    /// Screenings that came to their end with it.
    pub screenings: u64,
    /// Bytes that it takes.
    pub bytes: u64,
    /// Whether its keys are under a passphrase.
    pub is_sealed: bool,
}

/// What was removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Customers who were not met for so long.
    pub customers: u64,
    /// Ledgers of keys that are served no more.
    pub ledgers: u64,
}

/// Every ledger of the folder.
///
/// # Errors
/// [`Failure`] that names a ledger which is damaged.
pub fn kept(home: &Home) -> Result<Vec<Kept>, Failure> {
    let synced = Synced::load(home)?;
    let present = synced.as_ref().map(Synced::public_key).transpose()?;
    let rotation = synced.as_ref().and_then(|synced| synced.manifest().rotation());
    let standing = |key| match (present, rotation) {
        (Some(present), _) if present == key => Standing::Present,
        (None, _) => Standing::Present,
        (_, Some(rotation)) if rotation.previous == key && rotation.is_open(now_s()) => {
            Standing::Before { until_s: rotation.until_s }
        }
        _ => Standing::Other,
    };
    let heads = ledger::heads(&home.ledgers())?;
    let kept = heads.into_iter().map(|(folder, head)| {
        Ok(Kept {
            key_id: head.public_key.id(),
            standing: standing(head.public_key),
            customers: head.records(),
            screenings: head.screenings,
            bytes: bytes_of(&folder)?,
            is_sealed: head.is_sealed(),
        })
    });
    kept.collect()
}

/// Whether a passphrase is set, so that whatever will be kept is encrypted under it.
///
/// # Errors
/// [`Failure`]: the file that says so is damaged.
pub fn is_protected(home: &Home) -> Result<bool, Failure> {
    home.protection().is_set()
}

/// Removes customers who no screening met for more than so many days, and, where `other_keys` says so, ledgers of keys that are
/// served no more. Who is removed is evaluated, and charged, again when a screening meets them.
///
/// # Errors
/// [`Failure`]: a screening that runs, a damaged ledger, another passphrase, the file system. A ledger is then as it was, or pruned.
pub fn prune(home: &Home, older_than_days: Option<u16>, other_keys: bool) -> Result<Pruned, Failure> {
    Config::load(home)?; // says so where nothing was joined
    let _lock = lock(home.dir(), "screen")?;
    let mut pruned = Pruned::default();
    let heads = ledger::heads(&home.ledgers())?;
    for ((folder, head), kept) in heads.into_iter().zip(kept(home)?) {
        if kept.standing == Standing::Other {
            if other_keys {
                ledger::remove_folder(&folder)?;
                pruned.ledgers += 1;
            }
        } else if let Some(days) = older_than_days {
            let ledger = Ledger::open(&folder, &head.public_key, MEMORY_BYTES, &home.protection())?;
            pruned.customers += ledger.prune(today().saturating_sub(days), MEMORY_BYTES)?;
        }
    }
    Ok(pruned)
}

/// Reads the ledger in `folder` whole, every block opened and every record in its place, and says how many customers stand in it: of
/// use to whoever wants to know that a copy is sound. What a killed run left is settled first, as by a screening, in about
/// `memory_bytes` of memory. Nobody else may use the folder meanwhile.
///
/// # Errors
/// [`Failure`] that names the file and the place of the first damage; or says that its keys are under a passphrase, which is not asked
/// for.
pub fn read_whole(folder: &Path, memory_bytes: usize) -> Result<u64, Failure> {
    let Some(head) = ledger::read_head(folder)? else { return Ok(0) };
    if head.is_sealed() {
        return Err(Failure::input(format!(
            "{} is under a passphrase, which is not asked for",
            folder.display()
        )));
    }
    let protection = Home::new(folder).protection();
    let mut entries =
        Ledger::open(folder, &head.public_key, memory_bytes, &protection)?.read_dated(memory_bytes)?;
    let mut customers = 0;
    while entries.next()?.is_some() {
        customers += 1;
    }
    Ok(customers)
}

fn today() -> Day {
    Day::try_from(now_s() / 86_400).unwrap_or(Day::MAX)
}

fn bytes_of(folder: &Path) -> Result<u64, Failure> {
    let sum = || -> std::io::Result<u64> {
        let lengths = std::fs::read_dir(folder)?.map(|entry| Ok(entry?.metadata()?.len()));
        lengths.sum()
    };
    sum().map_err(|error| io_failure("read", folder, &error))
}

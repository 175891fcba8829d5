//! The account log and its checkpoint. What was answered is charged, once; the log opens; nothing is charged that was not asked
//! for.

use std::path::Path;
use std::time::Duration;

use samar_server::accounts::{Accounts, Bank, Synced};
use samar_server::audit::Audit;

use super::Forgotten;
use super::disk::Disk;
use super::recording::{Answer, Recording, Step};
use super::trial::Trial;
use crate::ordeal::cannot;
use crate::ordeal::kill::log::LogReader;

const BANK: &str = "bank-jaya";
/// Debits asked for at a time: alone, within a sector, and over many of them.
const TOGETHER: [u64; 6] = [1, 40, 3, 17, 2, 60];
const DEBITS: u64 = 2 * (1 + 40 + 3 + 17 + 2 + 60);
/// The number of the answer to a join; debits are numbered from 0.
const JOINED: u64 = 1 << 32;
/// How long a sync takes, so that groups have more than one record.
const SYNC: Duration = Duration::from_micros(500);
const NOON_S: u64 = 20_000 * 86_400 + 43_200;

pub(super) const FORGOTTEN: [Forgotten; 2] = [
    Forgotten {
        what: "the account log",
        is: |step| matches!(step, Step::Synced(name) if name.ends_with("account.log")),
    },
    Forgotten { what: "the name of the account log", is: |step| matches!(step, Step::FolderSynced(_)) },
];

/// Records two servers' lives, the second from a checkpoint of the first.
pub(super) fn record(scratch: &Path) -> Result<Trial, String> {
    let folder = scratch.join("recorded");
    std::fs::create_dir_all(&folder).map_err(cannot("make a folder"))?;
    let before = Disk::of(&folder)?;
    let recording = Recording::begin(&folder, SYNC);
    let log = folder.join("account.log");
    for life in 0..2 {
        let accounts = open(&log)?;
        let joined = accounts.join(BANK, token(life), key(life), NOON_S).ok_or("a token is not taken")?;
        wait(joined)?;
        recording.answered(JOINED + life, &[]);
        let mut next = life * DEBITS / 2;
        for together in TOGETHER {
            let asked: Vec<_> = (next..next + together).map(|number| debit(&accounts, number)).collect();
            for (number, asked) in (next..).zip(asked) {
                wait(asked?.1)?;
                recording.answered(number, &[]);
            }
            next += together;
            if together > 20 {
                accounts.checkpoint(1).map_err(|failure| failure.to_string())?;
            }
        }
    }
    Ok(Trial::new(before, recording.end(), scratch.join("image"), judge, mend))
}

fn open(log: &Path) -> Result<Accounts, String> {
    Accounts::open(log).map_err(|failure| format!("the log does not open: {failure}"))
}

fn debit(accounts: &Accounts, number: u64) -> Result<(u32, Synced), String> {
    let bank = Bank {
        name: BANK.to_owned(),
        per_day: u64::MAX,
        lifetime: u64::MAX,
        revoked: None,
        invitations: vec![],
        keys: vec![],
    };
    let debit = accounts.debit(&bank, batch(number), count(number), NOON_S);
    debit.map(|debit| (debit.charged, debit.synced)).map_err(|refused| format!("refused: {refused:?}"))
}

fn wait(synced: Synced) -> Result<(), String> {
    synced.blocking_recv().map_err(cannot("write the log"))
}

fn batch(number: u64) -> [u8; 32] {
    *blake3::hash(&number.to_le_bytes()).as_bytes()
}

fn count(number: u64) -> u32 {
    u32::try_from(number % 7 + 1).unwrap_or(1)
}

fn token(life: u64) -> [u8; 32] {
    *blake3::hash(&[b"token", life.to_le_bytes().as_slice()].concat()).as_bytes()
}

fn key(life: u64) -> [u8; 32] {
    *blake3::hash(&[b"key", life.to_le_bytes().as_slice()].concat()).as_bytes()
}

/// As a server does when it starts, and when it ends in order.
fn mend(folder: &Path, _: &Recording) -> Result<(), String> {
    open(&folder.join("account.log"))?.checkpoint(1).map_err(|failure| failure.to_string())
}

fn judge(folder: &Path, answers: &[Answer]) -> Result<(), String> {
    let log = folder.join("account.log");
    let accounts = open(&log)?;
    let mut read = LogReader::new(&log);
    if read.read_on()? {
        return Err("the log still has a torn end".to_owned());
    }
    for (number, _) in answers {
        let holds = match number.checked_sub(JOINED) {
            Some(life) => accounts.bank_of(&key(life)).as_deref() == Some(BANK),
            None => read.count_of(BANK, &batch(*number)) == Some(count(*number)),
        };
        if !holds {
            return Err(format!("answer {number} was lost"));
        }
    }
    let charged = |number: u64| read.count_of(BANK, &batch(number)).unwrap_or(0);
    let sum: u64 = (0..DEBITS).map(|number| u64::from(charged(number))).sum();
    let used = accounts.used(BANK, NOON_S).lifetime;
    if sum != used || sum != read.sum_of(BANK) {
        return Err(format!("{sum} evaluations stand in the log, {used} were charged"));
    }
    // Everything is asked for once more: what stands in the log is free, the rest is charged now.
    let mut last = None;
    for number in 0..DEBITS {
        let (now, synced) = debit(&accounts, number)?;
        if now != count(number) - charged(number) {
            return Err(format!("batch {number} was charged {} and then {now}", charged(number)));
        }
        last = Some(synced);
    }
    last.map_or(Ok(()), wait)?;
    drop(accounts);
    let all: u64 = (0..DEBITS).map(|number| u64::from(count(number))).sum();
    read.read_on()?;
    let used = open(&log)?.used(BANK, NOON_S).lifetime;
    if all != used || all != read.sum_of(BANK) {
        return Err(format!("{all} evaluations were asked for, {used} charged in the end"));
    }
    let audit = Audit::open(&log).map_err(|failure| failure.to_string())?;
    match (audit.fault(), audit.remark()) {
        (None, None) => Ok(()),
        found => Err(format!("the audit finds {found:?}")),
    }
}

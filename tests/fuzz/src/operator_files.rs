//! What stands on the operator's disk: account log, vault, key files. Each file is taken as it comes, and once more with
//! its checks made true, so that what lies behind them is reached.

use std::path::{Path, PathBuf};

use samar_protocol::account;
use samar_protocol::codec;
use samar_server::accounts::{Accounts, Bank, LOG_MAGIC};
use samar_server::keys::{self, Passphrase, Source};
use samar_server::layout::Layout;
use samar_server::vault::file::{Reader, VAULT_MAGIC, Writer};
use tempfile::TempDir;

use crate::script::Script;

/// A log is folded exactly as a plain reading of SPEC.md section "Account log" folds it, or refused where that refuses it;
/// opened, it loses its torn end and nothing else, and a debit goes on from there.
pub fn account_log(data: &[u8]) {
    let mut script = Script::new(data);
    let (mode, now_s) = (script.byte(), script.u64());
    let log = if mode & 1 == 0 {
        script.rest().to_vec()
    } else {
        let mut patches = Script::new(script.counted());
        let cut = usize::from(script.u16());
        let zeros = usize::from(script.u16() % 400);
        let mut log = sealed_log(script.rest());
        patches.patch(&mut log, 2);
        log.truncate(log.len().saturating_sub(cut));
        log.resize(log.len() + zeros, 0);
        log
    };
    let place = Place::with(&log);
    let expected = plain_log(&log);
    let standing = Accounts::standing(place.path());
    let is_read = standing.is_ok();
    assert_eq!(is_read, expected.is_some(), "{:?}", standing.err().map(|failure| failure.to_string()));
    let (Ok(standing), Some((records, whole))) = (standing, expected) else { return };
    let mut banks: Vec<&str> = records.iter().map(account::Record::bank).collect();
    banks.dedup();
    for bank in banks.iter().take(8) {
        let debits = records.iter().filter(|record| record.bank() == *bank).map(count_of);
        let lifetime = debits.fold(0, u64::saturating_add);
        let used = standing.usage(bank, now_s);
        assert_eq!(used.lifetime, lifetime);
        assert!(used.today <= lifetime);
    }

    let accounts = Accounts::open(place.path()).unwrap();
    assert_eq!(std::fs::read(place.path()).unwrap(), if whole == 0 { &LOG_MAGIC } else { &log[..whole] });
    for record in &records {
        if let account::Record::Joined { key, .. } = record {
            assert!(accounts.bank_of(key).is_some());
        }
    }
    let bank = Bank {
        name: "bank-fuzz".to_owned(),
        per_day: u64::MAX,
        lifetime: u64::MAX,
        invitations: vec![],
        keys: vec![],
        revoked: None,
    };
    let before = accounts.used(&bank.name, now_s).lifetime;
    let debit = accounts.debit(&bank, [0xdb; 32], 7, now_s).unwrap();
    debit.synced.blocking_recv().unwrap();
    drop(accounts);
    let after = Accounts::standing(place.path()).unwrap().usage(&bank.name, now_s).lifetime;
    assert_eq!(after, before.saturating_add(u64::from(debit.charged)));
}

/// A vault that is read to its end has sorted elements, and is written back as the same bytes.
pub fn vault_file(data: &[u8]) {
    let Some((mode, data)) = data.split_first() else { return };
    let mut vault = data.to_vec();
    if mode & 1 == 1 {
        // header ‖ records, under their magic, lengths and check
        let mut script = Script::new(data);
        let header = script.counted();
        let records = script.rest();
        let records = &records[..records.len() / 36 * 36];
        let header_bytes = u32::try_from(header.len()).unwrap().to_le_bytes();
        let count = (records.len() as u64 / 36).to_le_bytes();
        vault = [VAULT_MAGIC.as_slice(), &header_bytes, header, records, &count].concat();
        vault.extend(blake3::hash(&vault).as_bytes());
    }
    let place = Place::with(&vault);
    let Ok(Some(mut reader)) = Reader::open(place.path()) else { return };
    let header = reader.header().clone();
    let mut records = Vec::new();
    loop {
        match reader.read_record() {
            Ok(Some(record)) => records.push(record),
            Ok(None) => break,
            Err(_) => return,
        }
    }
    assert_eq!(reader.count(), records.len() as u64);
    assert!(records.is_sorted_by(|a, b| a.element < b.element));
    let again = place.beside("again");
    let mut writer = Writer::create(&again, &header).unwrap();
    records.iter().for_each(|record| writer.push(*record).unwrap());
    assert_eq!(writer.finish().unwrap(), reader.content_hash());
    assert_eq!(std::fs::read(again).unwrap(), vault);
}

/// A key file is a key for one purpose at most, and is written back as the same bytes.
pub fn key_file(data: &[u8]) {
    let Some((mode, data)) = data.split_first() else { return };
    let mut file = data.to_vec();
    if mode & 1 == 1 {
        file.truncate(44);
        let check = *blake3::hash(&file).as_bytes();
        file.extend(&check[..8]);
    }
    let place = Place::with(&file);
    let again = place.beside("again");
    // The same file where each key would stand; no passphrase is to be had for one that asks for it.
    let layout = Layout::new(place.beside("op")).opened_with(Passphrase::new(Source::Descriptor(u32::MAX)));
    std::fs::create_dir_all(layout.keys()).unwrap();
    for stands_at in [layout.oprf_key(), layout.publisher_key()] {
        std::os::unix::fs::symlink(place.path(), stands_at).unwrap();
    }
    let (oprf, publisher) = (keys::oprf(&layout), keys::publisher(&layout));
    let _ = keys::publisher_public(&layout);
    assert!(oprf.is_err() || publisher.is_err(), "one file is a key for two purposes");
    if let Ok(key) = &oprf {
        keys::write_oprf(&again, key).unwrap();
    }
    if let Ok(key) = &publisher {
        keys::write_publisher(&again, key).unwrap();
    }
    assert_eq!(again.exists(), oprf.is_ok() || publisher.is_ok());
    if again.exists() {
        assert_eq!(std::fs::read(again).unwrap(), file);
    }
}

/// A log of these bodies, each behind its length (one byte), chained as they must be.
pub(crate) fn sealed_log(bodies: &[u8]) -> Vec<u8> {
    let mut script = Script::new(bodies);
    let mut log = LOG_MAGIC.to_vec();
    let mut chain = [0; 32];
    while !script.is_over() {
        let bytes = script.byte();
        let body = script.take(bytes.into());
        if body.is_empty() {
            continue;
        }
        chain = next_chain(&chain, body);
        // Groups of some records, as the lengths have it.
        let length = u16::try_from(body.len()).unwrap() | if bytes.is_multiple_of(3) { 0 } else { 1 << 15 };
        log.extend([length.to_le_bytes(), (!length).to_le_bytes()].as_flattened());
        log.extend(body);
        log.extend(chain);
    }
    log
}

/// The records of a log, and its bytes without a torn end; nothing if it is damaged.
fn plain_log(log: &[u8]) -> Option<(Vec<account::Record>, usize)> {
    let mut records = Vec::new();
    if log.len() < LOG_MAGIC.len() {
        return Some((records, 0));
    }
    let begun = |written| [&LOG_MAGIC[..written], &[0; LOG_MAGIC.len()][written..]].concat();
    if (0..LOG_MAGIC.len()).any(|written| log == begun(written)) {
        return Some((records, 0));
    }
    let mut rest = log.strip_prefix(&LOG_MAGIC)?;
    let mut chain = [0; 32];
    loop {
        let whole = log.len() - rest.len();
        let Some((&[a, b, c, d], behind)) = rest.split_first_chunk() else { break Some((records, whole)) };
        let Some((body_bytes, _)) = plain_head([a, b, c, d]) else {
            break is_torn(log, whole, 4, None).then_some((records, whole));
        };
        if behind.len() < body_bytes + 32 {
            break Some((records, whole));
        }
        let (body, behind) = behind.split_at(body_bytes);
        let (found, behind) = behind.split_at(32);
        let expected = next_chain(&chain, body);
        if found != expected {
            break is_torn(log, whole, 36 + body_bytes, Some(expected)).then_some((records, whole));
        }
        let record = codec::decode(body).ok()?;
        assert_eq!(codec::encode(&record).unwrap(), body);
        records.push(record);
        chain = next_chain(&chain, body);
        rest = behind;
    }
}

/// Length of a body, and whether a group begins with it.
fn plain_head([a, b, c, d]: [u8; 4]) -> Option<(usize, bool)> {
    let field = u16::from_le_bytes([a, b]);
    let bytes = usize::from(field % 32_768);
    (field ^ u16::from_le_bytes([c, d]) == u16::MAX && (1..=1_024).contains(&bytes))
        .then_some((bytes, field >= 32_768))
}

/// Whether what is wrong with the record at `begin` is a hole that a crash left in the last group.
fn is_torn(log: &[u8], begin: usize, record_bytes: usize, chain: Option<[u8; 32]>) -> bool {
    let end = log.len().min(begin + record_bytes);
    let hole = (begin..end).any(|at| {
        let sector_end = log.len().min((at / 512 + 1) * 512);
        log[at..sector_end].iter().all(|byte| *byte == 0)
    });
    let follows = (begin + 36..log.len().saturating_sub(36)).any(|at| {
        let Some((bytes, true)) = plain_head([log[at], log[at + 1], log[at + 2], log[at + 3]]) else {
            return false;
        };
        let (from, to) = (at + 4, at + 4 + bytes);
        let before = [log[at - 32..at].try_into().ok(), chain.filter(|_| at == begin + record_bytes)];
        to + 32 <= log.len()
            && before.iter().flatten().any(|chain| log[to..to + 32] == next_chain(chain, &log[from..to]))
    });
    log.len() - begin <= 1 << 20 && hole && !follows
}

fn next_chain(previous: &[u8; 32], body: &[u8]) -> [u8; 32] {
    *blake3::Hasher::new().update(b"samar account log v1").update(previous).update(body).finalize().as_bytes()
}

fn count_of(record: &account::Record) -> u64 {
    match record {
        account::Record::Debit { count, .. } => u64::from(*count),
        account::Record::Joined { .. } | account::Record::Rekeyed { .. } | account::Record::Lookup { .. } => {
            0
        }
    }
}

/// A file in a folder of its own, in memory where the system has a place for that.
pub(crate) struct Place {
    folder: TempDir,
    path: PathBuf,
}

impl Place {
    pub(crate) fn with(bytes: &[u8]) -> Self {
        let folder = scratch();
        let path = folder.path().join("file");
        samar_local::durable::write(&path, bytes, samar_local::durable::Mode::Private).unwrap();
        Self { folder, path }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// A folder that is gone with its value. Synced files are quick only in memory.
pub(crate) fn scratch() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory).unwrap() } else { tempfile::tempdir().unwrap() }
}

//! What stands on a disk: the operator's files, and a bank's ledger.

use samar_protocol::account::Record;
use samar_protocol::codec;
use samar_protocol::vault::VaultHeader;
use samar_server::accounts::{Accounts, Parts};

use crate::{oprf_key, put};

pub(crate) fn operator_files() {
    let bank = "bank-a".to_owned();
    let records = [
        Record::Joined { time_s: 1_795_328_148, bank: bank.clone(), token: [3; 32], key: [4; 32] },
        Record::Debit { time_s: 1_795_328_151, bank: bank.clone(), batch: [5; 32], count: 4 },
        Record::Debit { time_s: 1_795_428_151, bank: bank.clone(), batch: [6; 32], count: 7 },
        Record::Lookup { time_s: 1_795_428_152, bank, count: 1 },
    ];
    let bodies: Vec<Vec<u8>> = records.iter().map(|record| codec::encode(record).unwrap()).collect();
    let (mut chain, mut log) = ([0; 32], b"SAMARLOG\x01\x00".to_vec());
    let mut counted = Vec::new();
    for body in &bodies {
        chain = *blake3::Hasher::new()
            .update(b"samar account log v1")
            .update(&chain)
            .update(body)
            .finalize()
            .as_bytes();
        let length = u16::try_from(body.len()).unwrap() | 1 << 15; // each a group of its own
        log.extend([length.to_le_bytes(), (!length).to_le_bytes()].as_flattened());
        log.extend([body, chain.as_slice()].concat());
        counted.push(u8::try_from(body.len()).unwrap());
        counted.extend(body);
    }
    let now = 1_795_428_200u64.to_le_bytes();
    put("account_log", "raw", &[&[0], &now, &log]);
    put("account_log", "torn", &[&[0], &now, &log[..log.len() - 5]]);
    put("account_log", "zeros", &[&[0], &now, &log, &[0; 50]]);
    put("account_log", "sealed", &[&[1], &now, &[0; 6], &counted]);
    put("account_log", "sealed-cut", &[&[1], &now, &[3, 0, 200, 0, 1, 40, 0, 9, 0], &counted]);

    account_checkpoint(&now);

    let header = VaultHeader {
        key_id: [7; 8],
        breach: "toko-2023".to_owned(),
        exposes: vec!["email".to_owned()],
        varies: vec!["photo".to_owned()],
    };
    let header = codec::encode(&header).unwrap();
    let length = u16::try_from(header.len()).unwrap().to_le_bytes();
    let records = [[[1; 36], [2; 36]].as_flattened(), &[3; 36]].concat();
    put("vault_file", "sealed", &[&[1], &length, &header, &records]);
    put("vault_file", "sealed-twice", &[&[1], &length, &header, &[2; 72]]);
    put("vault_file", "sealed-descending", &[&[1], &length, &header, &[2; 36], &records]);
    let length = u32::try_from(header.len()).unwrap().to_le_bytes();
    let mut vault =
        [b"SAMARVLT\x01\x00".as_slice(), &length, &header, &records, &3u64.to_le_bytes()].concat();
    let check = *blake3::hash(&vault).as_bytes();
    vault.extend(check);
    put("vault_file", "raw", &[&[0], &vault]);

    for (name, purpose, key) in [("oprf", 1, *oprf_key().to_bytes()), ("publisher", 2, [7; 32])] {
        put("key_file", name, &[&[1], b"SAMARKEY\x01\x00", &[purpose, 0], &key]);
        let body = [b"SAMARKEY\x01\x00".as_slice(), &[purpose, 0], &key].concat();
        put("key_file", &format!("{name}-raw"), &[&[0], &body, &blake3::hash(&body).as_bytes()[..8]]);
    }
}

/// See `ledger::ledger`: which file is changed, customers in the run, their day, batches of the tail and their sizes, two counts, and the
/// change.
pub(crate) fn ledgers() {
    let written = vec![3u8, 0, 5, 0, 3, 2, 0, 4, 1, 0];
    let large = [1_030u16.to_le_bytes().as_slice(), &[5, 0, 1, 200, 0, 0]].concat();
    for (name, act, files, change) in [
        ("honest", 0, &written, [].as_slice()),
        ("large", 0, &large, &[]),
        ("head", 1, &written, &[0, 90, 0, 1]),
        ("head-resealed", 0x83, &written, &[0, 140, 0, 1]),
        ("run", 2, &large, &[0, 40, 200, 1]),
        ("run-cut", 2, &written, &[1, 1, 0]),
        ("days", 3, &written, &[0, 33, 0, 1]),
        ("tail-torn", 4, &written, &[1, 9, 0]),
        ("tail-longer", 4, &written, &[2, 4, 0, 1, 0, 0, 0]),
        ("tail-other", 4, &written, &[3, 2, 0, 1, 1]),
    ] {
        put("ledger", name, &[&[act], files, change]);
    }
    let cost = [65_536u32, 3, 4].map(u32::to_le_bytes);
    put("ledger", "sealed", &[&[0x40], &written[..8], cost.as_flattened(), &[7; 120], &written[8..]]);
    for (name, mode, part, cost) in [
        ("honest", 1, 5, cost.as_flattened()),
        ("raw", 0, 5, cost.as_flattened()),
        ("head", 1, 1, cost.as_flattened()),
        ("greedy", 1, 5, &[0xff; 12]),
    ] {
        put("ledger_passphrase", name, &[&[mode], b"SAMARDGR\x01\x00", &[part, 1], cost, &[7; 56]]);
    }
}

fn account_checkpoint(now: &[u8]) {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("account.log");
    std::fs::write(&log, samar_fuzz::checkpointed_log()).unwrap();
    // A checkpoint is of what was opened, and due once a record came since.
    let accounts = Accounts::open(&log).unwrap();
    accounts.checkpoint(1).unwrap();
    let file = std::fs::read(log.with_extension("checkpoint")).unwrap();
    put("account_checkpoint", "honest", &[&[0], now, &file]);
    put("account_checkpoint", "cut", &[&[0], now, &file[..file.len() - 7]]);
    let (mut parts, mut bodies) = (Parts::open(file.as_slice()).unwrap(), Vec::new());
    while let Some(part) = parts.step().unwrap() {
        let body = codec::encode(&part).unwrap();
        bodies.extend(u16::try_from(body.len()).unwrap().to_le_bytes());
        bodies.extend(body);
    }
    put("account_checkpoint", "sealed", &[&[1], now, &bodies]);
    put("account_checkpoint", "no-place", &[&[1], now, &bodies[2 + usize::from(bodies[0])..]]);
}

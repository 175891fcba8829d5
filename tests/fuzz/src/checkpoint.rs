//! What an operator's account log came to, as it stands beside it.

use samar_protocol::account::{Part, Record};
use samar_protocol::codec;
use samar_server::accounts::{Accounts, CHECKPOINT_MAGIC, Parts};

use crate::operator_files::{Place, sealed_log};
use crate::script::Script;

const BANK: &str = "bank-a";

/// The log that checkpoints stand beside here.
#[must_use]
pub fn checkpointed_log() -> Vec<u8> {
    let bank = BANK.to_owned();
    let records = [
        Record::Joined { time_s: 1_795_328_148, bank: bank.clone(), token: [3; 32], key: [4; 32] },
        Record::Debit { time_s: 1_795_328_151, bank: bank.clone(), batch: [5; 32], count: 4 },
        Record::Debit { time_s: 1_795_428_151, bank: bank.clone(), batch: [6; 32], count: 7 },
        Record::Lookup { time_s: 1_795_428_152, bank, count: 1 },
    ];
    let counted = |record: &Record| {
        let body = codec::encode(record).unwrap();
        [[u8::try_from(body.len()).unwrap()].as_slice(), &body].concat()
    };
    sealed_log(&records.iter().map(counted).collect::<Vec<_>>().concat())
}

/// A checkpoint that is read to its end is written back as the same bytes; one that is not, or is of another log, changes nothing of
/// what the log says. Only a log that is shorter than its checkpoint stops a server.
pub fn account_checkpoint(data: &[u8]) {
    let mut script = Script::new(data);
    let (mode, now_s) = (script.byte(), script.u64());
    let file = if mode & 1 == 0 { script.rest().to_vec() } else { sealed(&mut script) };
    let at = plain(&file);
    let log = checkpointed_log();
    let place = Place::with(&log);
    let alone = Accounts::standing(place.path()).unwrap().usage(BANK, now_s);
    let of_the_log = at.is_some_and(|(bytes, chain)| {
        usize::try_from(bytes).is_ok_and(|bytes| bytes <= log.len() && log[..bytes].ends_with(&chain))
    });
    std::fs::write(place.path().with_extension("checkpoint"), file).unwrap();
    match Accounts::standing(place.path()) {
        Err(failure) => {
            assert!(at.is_some_and(|(bytes, _)| bytes > log.len() as u64) || of_the_log, "{failure}");
        }
        // What stands under the log's own chain is taken at its word.
        Ok(_) if of_the_log => {}
        Ok(standing) => {
            let found = standing.usage(BANK, now_s);
            assert_eq!((found.today, found.lifetime), (alone.today, alone.lifetime));
        }
    }
}

/// Parts, each behind its length of two bytes, under their magic, lengths and check.
fn sealed(script: &mut Script<'_>) -> Vec<u8> {
    let mut file = CHECKPOINT_MAGIC.to_vec();
    while !script.is_over() {
        let body = script.counted();
        if !body.is_empty() {
            file.extend(u32::try_from(body.len()).unwrap().to_le_bytes());
            file.extend(body);
        }
    }
    file.extend([0; 4]);
    file.extend(blake3::hash(&file).as_bytes());
    file
}

/// The place in the log that a checkpoint begins with, if it is whole; its parts, encoded again, are its bytes.
fn plain(file: &[u8]) -> Option<(u64, [u8; 32])> {
    let mut parts = Parts::open(file).ok()?;
    let (mut again, mut first) = (CHECKPOINT_MAGIC.to_vec(), None);
    let mut is_first = true;
    while let Some(part) = parts.step().ok()? {
        let body = codec::encode(&part).unwrap();
        again.extend(u32::try_from(body.len()).unwrap().to_le_bytes());
        again.extend(body);
        if let (true, Part::At { bytes, chain, .. }) = (is_first, part) {
            first = Some((bytes, chain));
        }
        is_first = false;
    }
    again.extend([0; 4]);
    again.extend(blake3::hash(&again).as_bytes());
    assert_eq!(again, file);
    first
}

//! A start from a checkpoint comes to what the whole log comes to, or says why it does not start.

use samar_protocol::account::{PART_BATCHES_MAX, Record};
use tempfile::TempDir;

use super::*;
use crate::accounts::log::Log;

const DAY_S: u64 = 86_400;
const NOON: u64 = 20_000 * DAY_S + DAY_S / 2;

fn debit(bank: &str, number: u64, time_s: u64) -> Record {
    let mut batch = [0; 32];
    batch[..8].copy_from_slice(&number.to_le_bytes());
    Record::Debit { time_s, bank: bank.to_owned(), batch, count: 10 }
}

fn append(log: &Path, records: &[Record]) {
    let (from, _) = load(log).unwrap().unwrap_or_default();
    let mut open = Log::open(log, from, |_| {}).unwrap();
    for record in records {
        drop(open.append(record));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(open.barrier()).unwrap();
}

/// What the log comes to, read from its beginning.
fn whole(log: &Path) -> (Mark, Fold) {
    let mut fold = Fold::default();
    (log::scan(log, Mark::default(), None, |record| fold.apply(record)).unwrap(), fold)
}

/// The same, read from its checkpoint on.
fn resumed(log: &Path) -> Result<(Mark, Fold), Failure> {
    let (from, mut fold) = load(log)?.unwrap_or_default();
    Ok((log::scan(log, from, None, |record| fold.apply(record))?, fold))
}

fn length(path: &Path) -> u64 {
    std::fs::metadata(path).unwrap().len()
}

/// A log of two banks over two days with joins, a checkpoint after it, and two records more.
fn lived_in() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("account.log");
    append(
        &log,
        &[
            Record::Joined { time_s: NOON, bank: "bank-a".to_owned(), token: [1; 32], key: [2; 32] },
            debit("bank-a", 1, NOON),
            Record::Joined { time_s: NOON, bank: "bank-b".to_owned(), token: [3; 32], key: [4; 32] },
            debit("bank-b", 1, NOON),
            debit("bank-a", 2, NOON + DAY_S),
        ],
    );
    assert_eq!(write(&log, length(&log)).unwrap().records, 5);
    append(&log, &[debit("bank-a", 3, NOON + DAY_S), debit("bank-b", 2, NOON + 2 * DAY_S)]);
    (folder, log)
}

#[test]
fn it_comes_to_what_the_whole_log_comes_to() {
    let (_folder, log) = lived_in();
    assert_eq!(load(&log).unwrap().unwrap().0.records, 5);
    assert_eq!(resumed(&log).unwrap(), whole(&log));
    // And the next one, made from the one before, is that which is made from nothing.
    write(&log, length(&log)).unwrap();
    let from_before = std::fs::read(place(&log)).unwrap();
    std::fs::remove_file(place(&log)).unwrap();
    write(&log, length(&log)).unwrap();
    assert_eq!(std::fs::read(place(&log)).unwrap(), from_before);
    assert_eq!(load(&log).unwrap().unwrap(), whole(&log));
}

#[test]
fn it_holds_more_batches_than_a_part_does() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("account.log");
    let records: Vec<_> = (0..2 * PART_BATCHES_MAX as u64 + 1).map(|n| debit("bank-a", n, NOON)).collect();
    append(&log, &records);
    write(&log, length(&log)).unwrap();
    assert_eq!(load(&log).unwrap().unwrap(), whole(&log));
}

#[test]
fn it_has_the_rekeyings_and_private_lookups_of_the_day() {
    let (_folder, log) = lived_in();
    let (time_s, bank) = (NOON + DAY_S, "bank-a");
    let lookup = |count| Record::Lookup { time_s, bank: bank.to_owned(), count };
    let rekeyed = Record::Rekeyed { time_s, bank: bank.to_owned(), batch: [5; 32], count: 6 };
    append(&log, &[lookup(3), rekeyed]);
    write(&log, length(&log)).unwrap();
    assert_eq!(load(&log).unwrap().expect("it is used"), whole(&log));
    for twice in
        [Part::Lookups { bank: bank.to_owned(), today: 3 }, Part::Rekeyed { bank: bank.to_owned(), today: 6 }]
    {
        assert!(load(&log).unwrap().unwrap().1.take(twice).is_err());
    }
    append(&log, &[lookup(1)]);
    let (resumed, whole) = (resumed(&log).unwrap(), whole(&log));
    assert_eq!(resumed, whole);
    assert!(resumed.1.check_lookup("bank-a", 5, NOON + DAY_S).is_ok());
    assert!(resumed.1.check_lookup("bank-a", 4, NOON + DAY_S).is_err());
}

#[test]
fn none_is_written_of_a_log_without_records() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("account.log");
    append(&log, &[]);
    write(&log, length(&log)).unwrap();
    assert!(!place(&log).exists());
}

#[test]
fn one_that_is_cut_or_changed_anywhere_is_ignored() {
    let (_folder, log) = lived_in();
    let (good, expected) = (std::fs::read(place(&log)).unwrap(), whole(&log));
    let spoil = |bytes: &[u8], what: &str| {
        std::fs::write(place(&log), bytes).unwrap();
        assert!(load(&log).unwrap().is_none(), "{what}");
        assert_eq!(resumed(&log).unwrap(), expected, "{what}");
    };
    for length in 0..good.len() {
        spoil(&good[..length], &format!("cut at {length}"));
    }
    for at in 0..good.len() {
        for bit in [1, 0x80] {
            let mut changed = good.clone();
            changed[at] ^= bit;
            spoil(&changed, &format!("byte {at}"));
        }
    }
    spoil(&[&good[..], &[0]].concat(), "a byte more");
}

#[test]
fn one_whose_check_holds_is_ignored_where_its_parts_have_no_place() {
    let (_folder, log) = lived_in();
    let (mark, _) = load(&log).unwrap().unwrap();
    let at = Part::At { bytes: mark.bytes, records: mark.records, chain: mark.chain };
    let account = Part::Account { bank: "bank-a".to_owned(), day: 1, today: 0, lifetime: 0 };
    let batches = Part::Batches { bank: "bank-a".to_owned(), days_before: 0, batches: vec![[7; 32]] };
    let token = Part::Token { token: [1; 32], key: [2; 32] };
    let key = Part::Key { key: [2; 32], bank: "bank-a".to_owned(), since_s: 1 };
    let rekeyed = Part::Rekeyed { bank: "bank-a".to_owned(), today: 3 };
    let lookups = Part::Lookups { bank: "bank-a".to_owned(), today: 3 };
    let twice = |part: &Part| vec![at.clone(), part.clone(), part.clone()];
    for parts in [
        vec![],
        vec![account.clone()],
        twice(&at)[..2].to_vec(),
        vec![at.clone(), batches.clone()],
        vec![at.clone(), account.clone(), batches.clone(), batches],
        twice(&account),
        twice(&token),
        twice(&key),
        vec![at.clone(), rekeyed.clone()],
        vec![at.clone(), account.clone(), rekeyed.clone(), rekeyed],
        vec![at.clone(), lookups.clone()],
        vec![at.clone(), account.clone(), lookups.clone(), lookups],
    ] {
        let mut bytes = CHECKPOINT_MAGIC.to_vec();
        for part in &parts {
            let body = codec::encode(part).unwrap();
            bytes.extend(u32::try_from(body.len()).unwrap().to_le_bytes());
            bytes.extend(body);
        }
        bytes.extend([0; 4]);
        bytes.extend(blake3::hash(&bytes.clone()).as_bytes());
        std::fs::write(place(&log), &bytes).unwrap();
        assert!(load(&log).unwrap().is_none(), "{parts:?}");
    }
}

#[test]
fn one_of_another_log_is_ignored() {
    let (_folder, log) = lived_in();
    let (_other_folder, other) = lived_in();
    // Another log of the same length, whose first record differs.
    std::fs::remove_file(&other).unwrap();
    let checkpoint = std::fs::read(place(&log)).unwrap();
    std::fs::remove_file(place(&other)).unwrap();
    append(&other, &(10..20).map(|n| debit("bank-a", n, NOON)).collect::<Vec<_>>());
    std::fs::write(place(&other), checkpoint).unwrap();
    assert!(load(&other).unwrap().is_none());
    assert_eq!(resumed(&other).unwrap(), whole(&other));
    // What is written next is of this log.
    write(&other, length(&other)).unwrap();
    assert_eq!(load(&other).unwrap().unwrap(), whole(&other));
}

// R-LOG-3: 6
#[test]
fn a_log_that_ends_before_its_checkpoint_is_not_served() {
    let (_folder, log) = lived_in();
    let (mark, _) = load(&log).unwrap().unwrap();
    let good = std::fs::read(&log).unwrap();
    for length in 0..mark.bytes {
        std::fs::write(&log, &good[..usize::try_from(length).unwrap()]).unwrap();
        let failure = load(&log).unwrap_err();
        assert!(failure.to_string().contains("is not the newest log"), "{failure}");
        assert_eq!(failure.exit(), samar_local::exit::Exit::Local);
        assert_eq!(length, std::fs::metadata(&log).unwrap().len(), "and is left as it is");
    }
    std::fs::remove_file(&log).unwrap();
    let failure = crate::accounts::Accounts::open(&log).unwrap_err();
    assert!(failure.to_string().contains("is not the newest log"), "{failure}");
    assert!(!log.exists(), "nor is another begun");
    // The operator decides.
    std::fs::write(&log, &good[..usize::try_from(mark.bytes).unwrap() - 1]).unwrap();
    std::fs::remove_file(place(&log)).unwrap();
    assert_eq!(resumed(&log).unwrap().0.records, 4);
}

#[test]
fn the_log_behind_it_may_be_torn_but_not_damaged() {
    let (_folder, log) = lived_in();
    let (mark, _) = load(&log).unwrap().unwrap();
    let good = std::fs::read(&log).unwrap();
    let begin = usize::try_from(mark.bytes).unwrap();
    let record = (good.len() - begin) / 2;
    for length in begin..good.len() {
        std::fs::write(&log, &good[..length]).unwrap();
        let records = 5 + (length - begin) / record;
        assert_eq!(resumed(&log).unwrap(), whole(&log));
        assert_eq!(resumed(&log).unwrap().0.records, records as u64, "cut at {length}");
    }
    for at in begin..begin + record {
        let mut changed = good.clone();
        changed[at] ^= 1;
        std::fs::write(&log, &changed).unwrap();
        let failure = resumed(&log).expect_err(&format!("byte {at}"));
        assert!(failure.to_string().contains("damaged at byte"), "{failure}");
    }
}

#[test]
fn a_writer_that_was_killed_leaves_the_one_before_and_nothing_else() {
    let (folder, log) = lived_in();
    let before = std::fs::read(place(&log)).unwrap();
    let unfinished = Unfinished::create(&place(&log), Mode::Private).unwrap();
    unfinished.file().write_all(&before[..before.len() / 2]).unwrap();
    std::mem::forget(unfinished);
    assert_eq!(resumed(&log).unwrap(), whole(&log));
    write(&log, length(&log)).unwrap();
    assert_eq!(load(&log).unwrap().unwrap(), whole(&log));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "the log and its checkpoint");
}

#[test]
fn it_is_written_once_the_log_has_so_many_records_more() {
    let (_folder, log) = lived_in();
    let accounts = crate::accounts::Accounts::open(&log).unwrap();
    let records = || load(&log).unwrap().unwrap().0.records;
    accounts.checkpoint(3).unwrap();
    assert_eq!(records(), 5);
    accounts.checkpoint(2).unwrap();
    assert_eq!(records(), 7);
}

#[test]
fn a_checkpoint_or_log_that_cannot_be_read_stops_the_start_where_one_that_is_not_there_does_not() {
    let (folder, log) = lived_in();
    let fails = |log: &Path, what: &str| {
        let failure = load(log).unwrap_err().to_string();
        assert!(failure.contains(what), "{failure}");
    };
    // No folder, though something is in its place.
    fails(&log.join("account.log"), "read the checkpoint");
    // A checkpoint that is there, of a log that leads nowhere.
    let nowhere = folder.path().join("account");
    std::os::unix::fs::symlink(&nowhere, &nowhere).unwrap();
    fails(&nowhere, "read the account log");
    std::fs::remove_file(place(&log)).unwrap();
    assert!(load(&log).unwrap().is_none());
    std::fs::create_dir(place(&log)).unwrap();
    fails(&log, "is a folder");
}

#[test]
fn a_fault_is_named_where_it_is_and_a_part_may_be_as_long_as_any() {
    let damaged = |length: usize| {
        let bytes =
            [CHECKPOINT_MAGIC.as_slice(), &u32::try_from(length).unwrap().to_le_bytes(), &vec![9; length]];
        let bytes = bytes.concat();
        let mut parts = Parts::open(bytes.as_slice()).unwrap();
        match parts.step().unwrap_err() {
            CheckpointError::Damaged { at, what } => (at, what),
            error @ CheckpointError::Read(_) => panic!("{error}"),
        }
    };
    // A longest part is decoded, and is none; one byte more is refused by its length. Both begin after the magic.
    let (at, what) = damaged(CONTROL_BYTES_MAX);
    assert!(at == 10 && !what.contains("longer"), "{at}: {what}");
    let (at, what) = damaged(CONTROL_BYTES_MAX + 1);
    assert!(at == 10 && what.contains("longer"), "{at}: {what}");
    // What is missing is missing where the file ends.
    let (_folder, log) = lived_in();
    let whole = std::fs::read(place(&log)).unwrap();
    let mut parts = Parts::open(&whole[..14 + 52 + 2]).unwrap();
    parts.step().unwrap();
    let error = parts.step().unwrap_err().to_string();
    assert!(error.starts_with("it is damaged at byte 66: "), "{error}");
}

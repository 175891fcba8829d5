//! A ledger under every cut, flip and kill, and what it keeps.

mod days;

use std::collections::BTreeMap;

use samar_protocol::identifier::Nik;
use samar_protocol::oprf::{Blinding, SecretKey};

use super::block::{BLOCK_RECORDS_MAX, HEADER_BYTES};
use super::*;

const MEMORY: usize = 1 << 20;

fn key(number: u8) -> PublicKey {
    *SecretKey::from_bytes(&[number; 32]).unwrap().public()
}

/// Where no passphrase is set.
fn bare() -> Protection {
    crate::config::Home::new(Path::new("/nonexistent")).protection()
}

fn open(folder: &Path) -> Ledger {
    Ledger::open(folder, &key(7), MEMORY, &bare()).unwrap()
}

fn refused(folder: &Path) -> String {
    Ledger::open(folder, &key(7), MEMORY, &bare()).map(drop).unwrap_err().to_string()
}

/// A batch of persons that no other batch of another number has.
fn batch(number: u64, persons: u64) -> (Vec<Hash>, Vec<Element>) {
    let bytes = |person: u64| *blake3::hash(&(number << 32 | person).to_le_bytes()).as_bytes();
    let hash = |person| *bytes(person).first_chunk().unwrap();
    ((0..persons).map(hash).collect(), (0..persons).map(|person| Element(bytes(person))).collect())
}

fn append(ledger: &Ledger, number: u64, persons: u64) {
    let (hashes, elements) = batch(number, persons);
    ledger.append(&hashes, &elements).unwrap();
}

/// What stands in it, by hash.
fn known(ledger: &Ledger) -> BTreeMap<Hash, Element> {
    let mut entries = ledger.read(MEMORY).unwrap();
    let mut known = BTreeMap::new();
    while let Some(entry) = entries.next().unwrap() {
        assert!(known.last_key_value().is_none_or(|(last, _)| *last < entry.hash), "in order");
        known.insert(entry.hash, entry.element);
    }
    known
}

fn files(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = names(folder)
        .unwrap()
        .iter()
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

fn only(folder: &Path, extension: &str) -> PathBuf {
    let found = names(folder).unwrap().into_iter();
    let mut found = found.filter(|path| path.extension().is_some_and(|end| end == extension));
    let path = found.next().unwrap();
    assert_eq!(found.next(), None);
    path
}

#[test]
fn what_was_paid_for_survives_a_cut_at_any_byte() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("ledger");
    let nik = Nik::parse("3201010101010001").unwrap();
    let first = open(&folder);
    let hash = first.hash_key.hash(&nik.oprf_input());
    first.append(&[hash, [1; 16]], &[Element([2; 32]), Element([3; 32])]).unwrap();
    let path = only(&folder, "tail");
    let one = std::fs::read(&path).unwrap().len();
    first.append(&[[4; 16]], &[Element([5; 32])]).unwrap();
    drop(first);
    let whole = std::fs::read(&path).unwrap();
    let head = std::fs::read(folder.join(HEAD)).unwrap();
    for secret in [nik.digits().as_slice(), &hash, &[2; 32]] {
        assert!(!whole.windows(secret.len()).any(|bytes| bytes == secret), "it stands there in the clear");
    }
    for (cut, left) in [
        (10, 0),
        (HEADER_BYTES, 0),
        (one - 1, 0),
        (one, 2),
        (one + 1, 2),
        (whole.len() - 1, 2),
        (whole.len(), 3),
    ] {
        std::fs::remove_dir_all(&folder).unwrap();
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join(HEAD), &head).unwrap();
        std::fs::write(&path, &whole[..cut]).unwrap();
        let again = open(&folder);
        assert_eq!(again.hash_key.hash(&nik.oprf_input()), hash, "the key is that of the first run");
        assert_eq!(known(&again).len(), left, "cut at {cut}");
        append(&again, 9, 5);
        again.settle(MEMORY).unwrap();
        assert_eq!(known(&again).len(), left + 5, "after a cut it can be added to");
    }
}

#[test]
fn a_flipped_bit_anywhere_is_named_and_nothing_is_lost_without_a_word() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("ledger");
    let ledger = open(&folder);
    append(&ledger, 1, 2_500);
    ledger.settle(MEMORY).unwrap();
    drop(ledger);
    for (path, whole) in [HEAD.into(), only(&folder, "run")].map(|path: PathBuf| {
        let path = folder.join(path);
        (path.clone(), std::fs::read(path).unwrap())
    }) {
        for at in (0..whole.len()).step_by(whole.len() / 40).chain([whole.len() - 1]) {
            let mut flipped = whole.clone();
            flipped[at] ^= 4;
            for damaged in [flipped.as_slice(), &whole[..at]] {
                std::fs::write(&path, damaged).unwrap();
                let found = Ledger::open(&folder, &key(7), MEMORY, &bare()).and_then(|ledger| {
                    let mut entries = ledger.read(MEMORY)?;
                    while entries.next()?.is_some() {}
                    Ok(())
                });
                let failure = found.map(drop).unwrap_err().to_string();
                assert!(
                    failure.contains("the ledger is damaged") && failure.contains(path.to_str().unwrap()),
                    "{failure}"
                );
            }
        }
        std::fs::write(&path, &whole).unwrap();
    }
    assert_eq!(known(&open(&folder)).len(), 2_500);
    // Blocks that changed places are damage too, each whole as it is.
    let path = only(&folder, "run");
    let whole = std::fs::read(&path).unwrap();
    let (block, mut swapped) = (block_bytes(1_024), whole.clone());
    swapped[HEADER_BYTES..][..2 * block].rotate_left(block);
    std::fs::write(&path, &swapped).unwrap();
    let failure = open(&folder)
        .read(MEMORY)
        .map(drop)
        .err()
        .or_else(|| open(&folder).read(MEMORY).unwrap().next().err());
    assert!(failure.unwrap().to_string().contains("does not match its check"));
    std::fs::write(&path, &whole).unwrap();
    std::fs::remove_file(folder.join(HEAD)).unwrap();
    assert!(refused(&folder).contains("it is missing"), "a run without its head is not a new ledger");
}

#[test]
fn a_tail_that_was_changed_before_its_end_is_damage() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("ledger");
    let ledger = open(&folder);
    let persons = BLOCK_RECORDS_MAX as u64;
    (0..7).for_each(|number| append(&ledger, number, persons));
    drop(ledger);
    let path = only(&folder, "tail");
    let mut flipped = std::fs::read(&path).unwrap();
    let bytes = block_bytes(BLOCK_RECORDS_MAX);
    flipped[HEADER_BYTES + bytes + 100] ^= 1;
    std::fs::write(&path, &flipped).unwrap();
    let failure = refused(&folder);
    assert!(failure.contains(&format!("at byte {}", HEADER_BYTES + bytes)), "{failure}");
    // In what may have been on its way to the disk when the power went, it is the end.
    flipped[HEADER_BYTES + bytes + 100] ^= 1;
    flipped[HEADER_BYTES + 5 * bytes + 100] ^= 1;
    std::fs::write(&path, &flipped).unwrap();
    assert_eq!(known(&open(&folder)).len() as u64, 5 * persons);
}

#[test]
fn damage_while_it_is_in_use_is_an_error_and_never_a_shorter_ledger() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path());
    append(&ledger, 1, 3);
    let path = only(dir.path(), "tail");
    let whole = std::fs::read(&path).unwrap();
    let mut flipped = whole.clone();
    flipped[HEADER_BYTES + 40] ^= 1;
    for damaged in [flipped.as_slice(), &whole[..whole.len() - 1], &whole[..HEADER_BYTES]] {
        std::fs::write(&path, damaged).unwrap();
        let failure = ledger.settle(MEMORY).unwrap_err().to_string();
        assert!(failure.contains("does not match its check"), "{failure}");
    }
    std::fs::write(&path, &whole).unwrap();
    ledger.settle(MEMORY).unwrap();
    assert_eq!(known(&ledger).len(), 3);
}

#[test]
fn however_often_something_is_added_there_are_few_runs_and_nothing_else() {
    for memory in [3_000, 60_000, MEMORY] {
        let dir = tempfile::tempdir().unwrap();
        let mut all = BTreeMap::new();
        for number in 0..20 {
            let ledger = Ledger::open(dir.path(), &key(7), memory, &bare()).unwrap();
            let (hashes, elements) = batch(number, 1 + number * 37 % 300);
            ledger.append(&hashes, &elements).unwrap();
            all.extend(hashes.into_iter().zip(elements));
            if number % 3 == 0 {
                continue; // killed here
            }
            ledger.settle(memory).unwrap();
            assert_eq!(known(&ledger), all, "{memory}");
            let runs = files(dir.path()).iter().filter(|name| name.ends_with(".run")).count();
            assert!(runs <= 6 && files(dir.path()).len() == 1 + 2 * runs, "{:?}", files(dir.path()));
            assert_eq!(ledger.records(), all.len() as u64);
        }
    }
}

#[test]
fn a_batch_has_its_own_blinds_and_has_them_again_in_the_next_run() {
    use rand::Rng as _;
    let dir = tempfile::tempdir().unwrap();
    let drawn = |ledger: &Ledger, hashes: &[Hash], blinding| ledger.blinds_of(hashes, blinding).next_u64();
    let (first, additive) = (open(dir.path()), Blinding::Additive);
    let batch = drawn(&first, &[[1; 16], [2; 16]], additive);
    for other in [&[[2; 16], [1; 16]][..], &[[1; 16]], &[[1; 16], [2; 16], [3; 16]]] {
        assert_ne!(drawn(&first, other, additive), batch, "a blind would hide two identifiers");
    }
    assert_ne!(drawn(&first, &[[1; 16], [2; 16]], Blinding::Rfc), batch);
    drop(first); // cut short: nothing was appended
    let second = open(dir.path());
    assert_eq!(drawn(&second, &[[1; 16], [2; 16]], additive), batch, "else it is paid for twice");
    second.append(&[[3; 16]], &[Element([4; 32])]).unwrap();
    assert_eq!(drawn(&second, &[[1; 16], [2; 16]], additive), batch);
    second.discard_blinds().unwrap();
    let anew = drawn(&second, &[[1; 16], [2; 16]], additive);
    assert_ne!(anew, batch, "the blinds of a refused answer are used again");
    drop(second);
    let third = open(dir.path());
    assert_eq!(drawn(&third, &[[1; 16], [2; 16]], additive), anew, "the next run must know of it");
    assert_eq!(known(&third).len(), 1, "and what was paid for is still there");
    third.screened(&third.unmet()).unwrap();
    assert_ne!(drawn(&third, &[[1; 16], [2; 16]], additive), anew, "the server could tell the batch again");
}

#[test]
fn what_a_killed_run_left_goes_and_a_foreign_ledger_is_not_used() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path());
    append(&ledger, 1, 10);
    ledger.settle(MEMORY).unwrap();
    let kept = files(dir.path());
    for left in ["77.run", "77.days", "1.tail", ".samar-unfinished-0123456789abcdef-9.run"] {
        std::fs::write(dir.path().join(left), b"half").unwrap();
    }
    drop(ledger);
    assert_eq!(known(&open(dir.path())).len(), 10);
    assert_eq!(files(dir.path()), kept);
    let failure = Ledger::open(dir.path(), &key(8), MEMORY, &bare()).map(drop).unwrap_err();
    assert!(failure.to_string().contains("it is of key"), "{failure}");
    let other = tempfile::tempdir().unwrap();
    append(&open(other.path()), 1, 10);
    open(other.path()).settle(MEMORY).unwrap();
    let (theirs, ours) = (only(other.path(), "run"), only(dir.path(), "run"));
    std::fs::copy(theirs, ours).unwrap();
    let failure = open(dir.path()).read(MEMORY).map(drop).unwrap_err();
    assert!(failure.to_string().contains("header is that of another file"), "{failure}");
    open(dir.path()).remove().unwrap();
    assert!(!dir.path().exists());
}

#[test]
fn a_rekeyed_batch_has_blinds_that_no_evaluation_and_no_other_rotation_has() {
    use rand::Rng as _;
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path());
    let (hashes, additive) = ([[1; 16], [2; 16]], Blinding::Additive);
    let of = |from, to| ledger.blinds_of_rekeying(&hashes, additive, (&key(from), &key(to))).next_u64();
    let batch = of(7, 8);
    assert_eq!(of(7, 8), batch, "the same once more, where its answer was lost");
    assert_ne!(of(8, 9), batch);
    assert_ne!(ledger.blinds_of(&hashes, additive).next_u64(), batch);
    ledger.discard_blinds().unwrap();
    assert_ne!(of(7, 8), batch, "the blinds of a refused answer are used again");
}

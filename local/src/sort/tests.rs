//! The sorter against `Vec::sort`, and what it leaves on disk.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;

use proptest::prelude::*;
use tempfile::TempDir;

use super::run::write_error;
use super::{SortError, Sorter, remove_leftovers};

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn files(folder: &TempDir) -> usize {
    fs::read_dir(folder.path()).unwrap().count()
}

fn sorted<const N: usize>(folder: &TempDir, memory_bytes: usize, records: &[[u8; N]]) -> Vec<[u8; N]> {
    let mut sorter = Sorter::new(folder.path(), memory_bytes);
    sorter.extend(records.iter().copied()).unwrap();
    let merge = sorter.finish().unwrap();
    assert_eq!(merge.records_left(), records.len() as u64);
    merge.map(Result::unwrap).collect()
}

/// The same, merged on a thread of its own.
fn sorted_ahead<const N: usize>(folder: &TempDir, memory_bytes: usize, records: &[[u8; N]]) -> Vec<[u8; N]> {
    let mut sorter = Sorter::new(folder.path(), memory_bytes);
    sorter.extend(records.iter().copied()).unwrap();
    sorter.finish().unwrap().ahead().map(Result::unwrap).collect()
}

/// Enough distinct records for `runs` runs of `memory_bytes`.
fn many(runs: usize, memory_bytes: usize) -> Vec<[u8; 16]> {
    let record = |i: usize| (i as u128).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835).to_be_bytes();
    (0..runs * memory_bytes / 16).map(record).collect()
}

proptest! {
    /// Small memory gives a fan-in of two and so several passes; few distinct bytes give many duplicates.
    #[test]
    fn gives_what_a_plain_sort_gives(
        records in prop::collection::vec(prop::array::uniform3(0u8..6), 0..600),
        memory_bytes in 0usize..1_500,
    ) {
        let folder = folder();
        let result = sorted(&folder, memory_bytes, &records);
        let mut expected = records;
        expected.sort();
        prop_assert_eq!(result, expected);
        prop_assert_eq!(files(&folder), 0);
    }

    #[test]
    fn merging_ahead_gives_the_same(count in 0usize..40_000, memory_bytes in 100usize..800_000) {
        let folder = folder();
        let records = &many(1, 16 * count);
        prop_assert_eq!(sorted_ahead(&folder, memory_bytes, records), sorted(&folder, memory_bytes, records));
        prop_assert_eq!(files(&folder), 0);
    }

    #[test]
    fn compares_whole_records(records in prop::collection::vec(any::<[u8; 36]>(), 0..200)) {
        let mut records = records;
        let twins = records.iter().map(|record| { let mut twin = *record; twin[35] ^= 1; twin });
        records = twins.chain(records.iter().copied()).collect();
        let result = sorted(&folder(), 40 * 36, &records);
        records.sort();
        prop_assert_eq!(result, records);
    }
}

#[test]
fn more_runs_than_can_be_open_at_once() {
    let records = many(600, 1_600);
    let mut expected = records.clone();
    expected.sort();
    assert_eq!(sorted(&folder(), 1_600, &records), expected);
}

#[test]
fn the_highest_records_are_not_taken_for_an_end() {
    let records: Vec<[u8; 2]> = [[0xff, 0xff], [0, 0], [0xff, 0xff], [0xff, 0xfe], [0xff, 0xff]].to_vec();
    let mut expected = records.clone();
    expected.sort();
    assert_eq!(sorted(&folder(), 2, &records), expected);
}

#[test]
fn what_fits_in_memory_never_touches_the_disk() {
    let absent = folder().path().join("absent");
    let mut sorter = Sorter::<2>::new(&absent, 1 << 20);
    sorter.extend([[2, 0], [1, 9], [1, 3]]).unwrap();
    let records: Vec<_> = sorter.finish().unwrap().map(Result::unwrap).collect();
    assert_eq!(records, [[1, 3], [1, 9], [2, 0]]);
    assert!(!absent.exists());
}

#[test]
fn runs_are_private_and_go_away_with_the_sorter() {
    let folder = folder();
    let mut sorter = Sorter::<16>::new(folder.path(), 1_600);
    sorter.extend(many(4, 1_600)).unwrap();
    assert_eq!(files(&folder), 7, "the last half of the memory is still in memory");
    for entry in fs::read_dir(folder.path()).unwrap() {
        assert_eq!(entry.unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
    drop(sorter);
    assert_eq!(files(&folder), 0);
}

#[test]
fn a_run_goes_away_as_soon_as_it_is_used_up() {
    let folder = folder();
    let mut sorter = Sorter::<1>::new(folder.path(), 4);
    sorter.extend([[1], [2], [3], [4], [5]]).unwrap();
    let mut merge = sorter.finish().unwrap();
    let before = files(&folder);
    merge.next().unwrap().unwrap();
    merge.next().unwrap().unwrap();
    merge.next().unwrap().unwrap();
    merge.next().unwrap().unwrap();
    assert_eq!((before, files(&folder)), (2, 1));
    drop(merge);
    assert_eq!(files(&folder), 0);
}

#[test]
fn a_merge_that_is_given_up_leaves_nothing() {
    let folder = folder();
    let records = many(4, 1_600_000);
    let mut sorter = Sorter::<16>::new(folder.path(), 1_600_000);
    sorter.extend(records.iter().copied()).unwrap();
    let mut ahead = sorter.finish().unwrap().ahead();
    ahead.next().unwrap().unwrap();
    assert!(files(&folder) > 0);
    drop(ahead);
    assert_eq!(files(&folder), 0);
}

#[test]
fn an_error_of_a_merge_ahead_comes_in_its_place_and_ends_it() {
    let folder = folder();
    let mut sorter = Sorter::<16>::new(folder.path(), 1_600);
    sorter.extend(many(3, 1_600)).unwrap();
    let merge = sorter.finish().unwrap();
    for run in fs::read_dir(folder.path()).unwrap() {
        fs::OpenOptions::new().write(true).open(run.unwrap().path()).unwrap().set_len(400).unwrap();
    }
    let mut ahead = merge.ahead();
    let error = ahead.by_ref().find_map(Result::err).expect("an error before the end");
    assert!(matches!(error, SortError::Truncated { .. }), "{error:?}");
    assert!(ahead.next().is_none());
}

#[test]
fn what_is_kept_is_read_as_often_as_it_is_asked_for() {
    for runs in [0, 4] {
        let folder = folder();
        let mut sorter = Sorter::<16>::new(folder.path(), 1_600);
        let records = many(runs, 1_600);
        sorter.extend(records.iter().copied()).unwrap();
        sorter.push([7; 16]).unwrap();
        let mut expected = records;
        expected.push([7; 16]);
        expected.sort();
        let kept = sorter.keep().unwrap();
        for _ in 0..2 {
            let mut first = kept.read().unwrap();
            assert_eq!(first.records_left(), expected.len() as u64);
            assert_eq!(first.next().unwrap().unwrap(), expected[0], "given up half-way");
            drop(first);
            assert_eq!(kept.read().unwrap().map(Result::unwrap).collect::<Vec<_>>(), expected);
        }
        drop(kept);
        assert_eq!(files(&folder), 0);
    }
}

#[test]
fn leftovers_of_a_killed_process_are_removed_and_nothing_else() {
    let folder = folder();
    for name in ["run-a1B2c3.tmp", "run-9.tmp", "run-9.tmp.bak", "segment.tmp", "run-"] {
        fs::write(folder.path().join(name), b"x").unwrap();
    }
    fs::create_dir(folder.path().join("run-folder.tmp")).unwrap();
    assert_eq!(remove_leftovers(folder.path()).unwrap(), 2);
    assert_eq!(files(&folder), 4);
    // What the sorter itself writes has that name.
    let mut sorter = Sorter::<1>::new(folder.path(), 1);
    sorter.extend([[1], [2]]).unwrap();
    std::mem::forget(sorter);
    assert_eq!(remove_leftovers(folder.path()).unwrap(), 1);
    assert_eq!(remove_leftovers(&folder.path().join("absent")).unwrap(), 0);
}

#[test]
fn an_unusable_folder_is_named_and_the_records_stay() {
    let folder = folder();
    let file = folder.path().join("file");
    fs::write(&file, b"").unwrap();
    for bad in [file, folder.path().join("absent")] {
        let mut sorter = Sorter::<16>::new(&bad, 64);
        sorter.extend([[3; 16], [1; 16]]).unwrap();
        let error = sorter.push([2; 16]).unwrap_err();
        assert!(matches!(&error, SortError::Create { folder, .. } if *folder == bad), "{error:?}");
        assert!(error.to_string().contains(bad.to_str().unwrap()), "{error}");
        assert_eq!(sorter.buffer.len(), 2);
    }
}

#[test]
fn a_folder_that_vanishes_between_runs_is_an_error_not_a_shorter_result() {
    let folder = folder();
    let mut sorter = Sorter::<16>::new(folder.path(), 1_600);
    sorter.extend(many(3, 1_600)).unwrap();
    fs::remove_dir_all(folder.path()).unwrap();
    assert!(sorter.finish().is_err());
}

#[test]
fn a_run_that_lost_its_end_is_an_error_and_ends_the_merge() {
    let folder = folder();
    let mut sorter = Sorter::<16>::new(folder.path(), 1_600);
    sorter.extend(many(3, 1_600)).unwrap();
    sorter.end_spill().unwrap();
    let run = fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
    fs::OpenOptions::new().write(true).open(&run).unwrap().set_len(400).unwrap();
    let mut merge = sorter.finish();
    let error = loop {
        match &mut merge {
            Err(error) => break error,
            Ok(records) => {
                if let Err(error) = records.next().expect("an error before the end") {
                    assert!(records.next().is_none());
                    merge = Err(error);
                }
            }
        }
    };
    assert!(matches!(error, SortError::Truncated { path } if *path == run), "{error:?}");
    assert_eq!(files(&folder), 0);
}

#[test]
fn a_flipped_bit_in_a_run_is_an_error_and_gives_out_no_wrong_record() {
    // Four runs of three blocks and a part of one each.
    let (memory_bytes, run_bytes) = (400_000, 200_000);
    let records = many(4, run_bytes);
    let mut expected = records.clone();
    expected.sort();
    for at in [0, 65_535, 65_536, 150_000, run_bytes - 1] {
        let folder = folder();
        let mut sorter = Sorter::new(folder.path(), memory_bytes);
        sorter.extend(records.iter().copied()).unwrap();
        let kept = sorter.keep().unwrap();
        let run = fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
        let mut bytes = fs::read(&run).unwrap();
        assert_eq!(bytes.len(), run_bytes);
        bytes[at] ^= 0x10;
        fs::write(&run, &bytes).unwrap();
        for _ in 0..2 {
            let (mut given, mut failed) = (Vec::new(), None);
            match kept.read() {
                Err(error) => failed = Some(error),
                Ok(merge) => {
                    for record in merge {
                        match record {
                            Ok(record) => given.push(record),
                            Err(error) => failed = Some(error),
                        }
                    }
                }
            }
            let error = failed.expect("damage is not passed over");
            assert!(matches!(&error, SortError::Damaged { path } if *path == run), "{error:?}");
            assert!(error.to_string().contains(run.to_str().unwrap()) && error.to_string().contains("again"));
            assert!(expected.starts_with(&given), "a wrong record was given out");
        }
        // As it was, it is read as it was.
        bytes[at] ^= 0x10;
        fs::write(&run, &bytes).unwrap();
        assert!(kept.read().unwrap().map(Result::unwrap).eq(expected.iter().copied()));
    }
}

#[test]
fn with_little_memory_a_flipped_bit_is_an_error_before_the_end() {
    let folder = folder();
    let mut sorter = Sorter::<16>::new(folder.path(), 1_600);
    sorter.extend(many(3, 1_600)).unwrap();
    let kept = sorter.keep().unwrap();
    for run in fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()) {
        let good = fs::read(&run).unwrap();
        let mut bad = good.clone();
        bad[good.len() - 1] ^= 1;
        fs::write(&run, &bad).unwrap();
        let error = kept.read().and_then(|mut merge| merge.find_map(Result::err).map_or(Ok(()), Err));
        assert!(matches!(error, Err(SortError::Damaged { .. })), "{error:?}");
        fs::write(&run, &good).unwrap();
    }
}

#[test]
fn a_full_disk_says_so_and_names_the_folder() {
    let mut full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let source = full.write_all(&[0; 16]).unwrap_err();
    let error = write_error("/var/lib/samar/vault/tmp/run-1.tmp".as_ref(), source);
    assert!(matches!(error, SortError::Full { .. }), "{error:?}");
    assert!(
        error.to_string().contains("no space left for temporary files in /var/lib/samar/vault/tmp;"),
        "{error}"
    );
}

#[test]
fn a_memory_limit_beyond_the_machine_is_an_error() {
    let mut sorter = Sorter::<16>::new(folder().path(), usize::MAX);
    let error = sorter.push([0; 16]).unwrap_err();
    assert!(matches!(error, SortError::Memory { .. }), "{error:?}");
}

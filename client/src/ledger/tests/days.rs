//! When customers were last met, and what is left out for it.

use super::*;

#[test]
fn days_say_who_was_met_and_damage_to_them_loses_no_screening() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path());
    append(&ledger, 1, 100);
    ledger.settle(MEMORY).unwrap();
    let path = only(dir.path(), "days");
    // As it stands after a while.
    let old = |day: Day| {
        let state = ledger.state();
        let mut writer =
            DaysWriter::create(&path, state.head.header(Part::Days, state.head.runs[0].number)).unwrap();
        (0..100).for_each(|_| writer.push(day).unwrap());
        writer.finish(&path).unwrap();
    };
    old(today() - 30);
    let mut met = ledger.unmet();
    let mut entries = ledger.read(MEMORY).unwrap();
    for at in 0..100 {
        let entry = entries.next().unwrap().unwrap();
        if at % 10 == 3 {
            met.mark(&entry);
        }
    }
    ledger.screened(&met).unwrap();
    let days = || {
        let state = ledger.state();
        let mut days = DaysReader::open(dir.path(), &state.head, state.head.runs[0])?;
        (0..100).map(|_| days.next()).collect::<Result<Vec<_>, _>>()
    };
    let expected: Vec<Day> = (0..100).map(|at| today() - if at % 10 == 3 { 0 } else { 30 }).collect();
    assert_eq!(days().unwrap(), expected);
    std::fs::write(&path, b"x").unwrap();
    assert!(days().unwrap_err().to_string().contains("damaged"));
    ledger.screened(&met).unwrap();
    let expected: Vec<Day> = (0..100).map(|at| if at % 10 == 3 { today() } else { NEVER }).collect();
    assert_eq!(days().unwrap(), expected, "nobody is passed over for it");
}

#[test]
fn damaged_days_keep_no_customer_from_being_added_and_nobody_is_pruned_for_them() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path());
    let everybody_met = || {
        let mut met = ledger.unmet();
        let mut entries = ledger.read(MEMORY).unwrap();
        while let Some(entry) = entries.next().unwrap() {
            met.mark(&entry);
        }
        ledger.screened(&met).unwrap();
    };
    append(&ledger, 1, 10);
    ledger.settle(MEMORY).unwrap();
    everybody_met();
    let path = only(dir.path(), "days");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[HEADER_BYTES] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    assert!(ledger.prune(Day::MAX, MEMORY).unwrap_err().to_string().contains("damaged"));
    append(&ledger, 2, 10);
    ledger.settle(MEMORY).unwrap(); // merges both
    assert_eq!(known(&ledger).len(), 20);
    assert_eq!(ledger.prune(Day::MAX, MEMORY).unwrap(), 0, "whose day was lost counts as never met");
    everybody_met();
    assert_eq!(ledger.prune(Day::MAX, MEMORY).unwrap(), 20, "the next screening gives them one");
}

#[test]
fn who_was_not_met_for_long_is_pruned_and_days_go_along_to_the_next_ledger() {
    let dir = tempfile::tempdir().unwrap();
    let (folder, next) = (dir.path().join("old"), dir.path().join("new"));
    let ledger = open(&folder);
    append(&ledger, 1, 100);
    ledger.settle(MEMORY).unwrap();
    let state = ledger.state();
    let header = state.head.header(Part::Days, state.head.runs[0].number);
    drop(state);
    let path = only(&folder, "days");
    let mut writer = DaysWriter::create(&path, header).unwrap();
    (0..100).for_each(|at| writer.push(today() - at).unwrap());
    writer.finish(&path).unwrap();
    let all = known(&ledger);

    // Another key, another ledger: the same customers under the same hashes, with other blinds and their own days.
    let after = ledger.successor(&next, &key(8), MEMORY, &bare()).unwrap().expect("one that can follow");
    assert_eq!(after.hash_key.0, ledger.hash_key.0);
    let mut moved = 0;
    let mut batches = Vec::new();
    ledger
        .missing_from(&after, 30, MEMORY, |hashes, _| {
            batches.push(hashes);
            true
        })
        .unwrap();
    assert_eq!(batches.iter().map(Vec::len).collect::<Vec<_>>(), [30, 30, 30, 10]);
    after.append(&batches[1], &vec![Element([9; 32]); 30]).unwrap();
    after.settle(MEMORY).unwrap();
    ledger
        .missing_from(&after, 100, MEMORY, |hashes, _| {
            moved += hashes.len();
            assert!(batches[1].iter().all(|hash| !hashes.contains(hash)), "there already");
            after.append(&hashes, &vec![Element([9; 32]); hashes.len()]).unwrap();
            true
        })
        .unwrap();
    assert_eq!(moved, 70);
    after.settle(MEMORY).unwrap();
    after.take_days(&ledger, MEMORY).unwrap();
    assert!(known(&after).keys().eq(all.keys()));
    let foreign = Ledger::open(&dir.path().join("foreign"), &key(8), MEMORY, &bare()).unwrap();
    drop(foreign);
    let other = ledger.successor(&dir.path().join("foreign"), &key(8), MEMORY, &bare()).unwrap();
    assert!(other.is_none(), "in one under another hash key nobody would be found");

    for ledger in [&ledger, &after] {
        assert_eq!(ledger.prune(today() - 200, MEMORY).unwrap(), 0);
        assert_eq!(ledger.prune(today() - 39, MEMORY).unwrap(), 60);
        let left: Vec<Hash> = known(ledger).into_keys().collect();
        assert!(left.iter().eq(all.keys().take(40)), "those met in the last 40 days");
        append(ledger, 2, 5);
        ledger.settle(MEMORY).unwrap();
        assert_eq!(known(ledger).len(), 45, "and it can be added to");
        assert_eq!(ledger.prune(today() + 1, MEMORY).unwrap(), 40);
        assert_eq!(known(ledger).len(), 5, "what was paid for and not screened yet stays");
    }
}

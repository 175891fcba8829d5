//! The fold and the log, through crashes and damage.

use std::path::Path;

use samar_protocol::wire::RefusalCode;

use super::*;

const DAY_S: u64 = 86_400;
const NOON: u64 = 20_000 * DAY_S + DAY_S / 2;

fn bank(per_day: u64, lifetime: u64) -> Bank {
    Bank { name: "bank-a".to_owned(), per_day, lifetime, revoked: None, invitations: vec![], keys: vec![] }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().build().unwrap()
}

fn charge(accounts: &Accounts, bank: &Bank, batch: u8, count: u32, now_s: u64) -> Result<u32, Refused> {
    let debit = accounts.debit(bank, [batch; 32], count, now_s)?;
    runtime().block_on(debit.synced).unwrap();
    Ok(debit.charged)
}

fn log_with_debits(path: &Path, count: u8) {
    let accounts = Accounts::open(path).unwrap();
    for batch in 0..count {
        charge(&accounts, &bank(1_000, 1_000), batch, 10, NOON).unwrap();
    }
}

fn used(path: &Path) -> Result<u64, Failure> {
    Accounts::standing(path).map(|standing| standing.usage("bank-a", NOON).lifetime)
}

#[test]
fn an_allowance_is_exact_and_a_retry_is_free() {
    let folder = tempfile::tempdir().unwrap();
    let accounts = Accounts::open(&folder.path().join("log")).unwrap();
    let bank = bank(100, 150);
    assert_eq!(charge(&accounts, &bank, 1, 60, NOON), Ok(60));
    assert_eq!(charge(&accounts, &bank, 1, 60, NOON), Ok(0));
    let day = Refused::Day { retry_after_ms: 43_200_000 };
    assert_eq!(charge(&accounts, &bank, 2, 41, NOON), Err(day));
    assert_eq!(charge(&accounts, &bank, 2, 40, NOON), Ok(40));
    assert_eq!(charge(&accounts, &bank, 3, 1, NOON), Err(day));
    // The next day: yesterday's batch is still free, the lifetime goes on.
    let next = NOON + DAY_S;
    assert_eq!(charge(&accounts, &bank, 1, 60, next), Ok(0));
    assert_eq!(charge(&accounts, &bank, 3, 51, next), Err(Refused::Lifetime));
    assert_eq!(charge(&accounts, &bank, 3, 50, next), Ok(50));
    assert_eq!(charge(&accounts, &bank, 1, 60, next), Ok(0), "also once the account has turned to that day");
    let none = Usage { next_day_s: 20_002 * DAY_S, ..Usage::default() };
    assert_eq!(accounts.used("bank-b", next), none);
    assert_eq!(
        accounts.used("bank-a", next),
        Usage { today: 50, lifetime: 150, rekeyed_today: 0, next_day_s: 20_002 * DAY_S }
    );
    // Two days on, the first batch is forgotten and would be charged.
    assert_eq!(charge(&accounts, &bank, 1, 1, next + DAY_S), Err(Refused::Lifetime));
}

// R-ALLOW-4: day-allowance-used
#[test]
fn rekeyings_have_a_rate_of_their_own_and_pay_for_no_evaluation() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let accounts = Accounts::open(&path).unwrap();
    let bank = bank(100, 100);
    let rekey = |accounts: &Accounts, batch: u8, count, now_s| {
        let debit = accounts.debit_rekeying(&bank, [batch; 32], count, now_s)?;
        runtime().block_on(debit.synced).unwrap();
        Ok(debit.charged)
    };
    assert_eq!(charge(&accounts, &bank, 1, 100, NOON), Ok(100), "the lifetime is used up");
    assert_eq!(rekey(&accounts, 2, 60, NOON), Ok(60));
    assert_eq!(rekey(&accounts, 2, 60, NOON), Ok(0), "the same again is free");
    let day = Refused::Day { retry_after_ms: 43_200_000 };
    assert_eq!(rekey(&accounts, 3, 41, NOON), Err(day));
    assert_eq!(day.code(), RefusalCode::DayAllowanceUsed);
    accounts.checkpoint(1).unwrap();
    drop(accounts);
    let accounts = Accounts::open(&path).unwrap();
    let used = accounts.used("bank-a", NOON);
    assert_eq!((used.today, used.lifetime, used.rekeyed_today), (100, 100, 60), "by the checkpoint");
    assert_eq!(rekey(&accounts, 3, 41, NOON), Err(day));
    assert_eq!(rekey(&accounts, 3, 40, NOON), Ok(40));
    assert_eq!(rekey(&accounts, 4, 100, NOON + DAY_S), Ok(100), "a new day, and no end of the lifetime");
    assert_eq!(charge(&accounts, &bank, 5, 1, NOON + DAY_S), Err(Refused::Lifetime));
}

/// What SECURITY.md says of batches of one: the log grows by so much for each evaluation, and no account has more of them
/// than its allowance.
#[test]
fn bytes_of_records_are_bounded_by_the_allowance() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let accounts = Accounts::open(&path).unwrap();
    let bank = bank(50, 60);
    for day in 0..3 {
        for batch in 0..100 {
            let _ = charge(&accounts, &bank, batch + 100 * (day % 2), 1, NOON + u64::from(day) * DAY_S);
        }
    }
    let bytes = std::fs::metadata(&path).unwrap().len() - LOG_MAGIC.len() as u64;
    assert_eq!(bytes, 60 * (92 + "bank-a".len() as u64));
}

/// Lookups have a day of their own, and no lifetime; they are there after a restart, and a wrong clock hands none back.
#[test]
fn private_lookups_are_counted_by_the_day_apart_from_evaluations() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let accounts = Accounts::open(&path).unwrap();
    let look_up = |accounts: &Accounts, now_s| {
        let synced = accounts.debit_lookup("bank-a", 3, now_s)?;
        runtime().block_on(synced).unwrap();
        Ok::<(), Refused>(())
    };
    charge(&accounts, &bank(10, 10), 1, 10, NOON).unwrap();
    assert_eq!(look_up(&accounts, NOON), Ok(()));
    assert_eq!(look_up(&accounts, NOON), Ok(()));
    drop(accounts);
    let accounts = Accounts::open(&path).unwrap();
    assert_eq!(look_up(&accounts, NOON), Ok(()));
    let used_up = Refused::Lookups { retry_after_ms: 43_200_000 };
    assert_eq!(used_up.code(), RefusalCode::LookupAllowanceUsed);
    assert_eq!(look_up(&accounts, NOON), Err(used_up));
    assert!(look_up(&accounts, NOON - DAY_S).is_err(), "a day back is no new day");
    assert_eq!(look_up(&accounts, NOON - 2 * DAY_S), Err(Refused::Clock { behind: 2 }));
    assert_eq!(look_up(&accounts, NOON + DAY_S), Ok(()));
    assert_eq!(accounts.used("bank-a", NOON + DAY_S).lifetime, 10);
}

// R-ALLOW-3: internal
#[test]
fn a_clock_that_jumps_back_hands_nothing_back_and_is_refused_where_it_is_days() {
    let folder = tempfile::tempdir().unwrap();
    let accounts = Accounts::open(&folder.path().join("log")).unwrap();
    let bank = bank(100, 1_000);
    charge(&accounts, &bank, 1, 90, NOON).unwrap();
    // A day back: the account stays on its day, of which 10 are left.
    let day_before = NOON - DAY_S;
    assert!(charge(&accounts, &bank, 2, 11, day_before).is_err());
    assert_eq!(charge(&accounts, &bank, 1, 90, day_before), Ok(0));
    assert_eq!(charge(&accounts, &bank, 2, 10, day_before), Ok(10));
    // Two days back, and as far as a clock can go: nothing is written, nothing is free.
    for (now_s, behind) in [(NOON - 2 * DAY_S, 2), (0, 20_000)] {
        let refused = Refused::Clock { behind };
        assert_eq!(refused.code(), RefusalCode::Internal);
        assert_eq!(charge(&accounts, &bank, 1, 90, now_s), Err(refused));
        assert_eq!(charge(&accounts, &bank, 3, 1, now_s), Err(refused));
    }
    // Once it is right again, so is everything.
    assert_eq!(accounts.used("bank-a", NOON).lifetime, 100);
    assert_eq!(charge(&accounts, &bank, 3, 100, NOON + DAY_S), Ok(100));
}

#[test]
fn a_clock_that_was_ahead_while_it_was_only_asked_leaves_no_trace() {
    let folder = tempfile::tempdir().unwrap();
    let accounts = Accounts::open(&folder.path().join("log")).unwrap();
    let bank = bank(100, 1_000);
    charge(&accounts, &bank, 1, 60, NOON).unwrap();
    let far = NOON + 4_000 * DAY_S;
    assert_eq!(accounts.used("bank-a", far).today, 0);
    assert!(charge(&accounts, &bank, 2, 101, far).is_err());
    assert_eq!(charge(&accounts, &bank, 1, 60, NOON), Ok(0), "still free");
    assert!(charge(&accounts, &bank, 2, 41, NOON).is_err(), "and the day goes on");
}

#[test]
fn the_newest_day_is_that_of_the_latest_record_of_whatever_kind() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let accounts = Accounts::open(&path).unwrap();
    assert_eq!(accounts.newest_day(), None);
    runtime().block_on(accounts.join("bank-b", [1; 32], [2; 32], NOON).unwrap()).unwrap();
    assert_eq!(accounts.newest_day(), Some(20_000));
    charge(&accounts, &bank(10, 10), 1, 1, NOON - DAY_S).unwrap();
    assert_eq!(accounts.newest_day(), Some(20_000));
    charge(&accounts, &bank(10, 10), 2, 1, NOON + 2 * DAY_S).unwrap();
    assert_eq!(accounts.newest_day(), Some(20_002));
    drop(accounts);
    assert_eq!(Accounts::standing(&path).unwrap().newest_day(), Some(20_002));
}

#[test]
fn usage_survives_a_restart_because_it_is_the_fold_of_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    log_with_debits(&path, 5);
    assert_eq!(used(&path).unwrap(), 50);
    let accounts = Accounts::open(&path).unwrap();
    assert_eq!(accounts.used("bank-a", NOON).lifetime, 50);
    assert_eq!(charge(&accounts, &bank(1_000, 1_000), 3, 10, NOON), Ok(0), "charged before the restart");
}

#[test]
fn concurrent_debits_are_charged_once_and_never_pass_the_allowance() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let accounts = Accounts::open(&path).unwrap();
    let bank = bank(500, 500);
    let charged: u64 = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    (0..100).map(|b| u64::from(charge(&accounts, &bank, b, 10, NOON).unwrap_or(0))).sum()
                })
            })
            .collect();
        threads.into_iter().map(|thread| -> u64 { thread.join().unwrap() }).sum()
    });
    assert_eq!(charged, 500);
    drop(accounts);
    assert_eq!(used(&path).unwrap(), 500);
}

#[test]
fn a_token_is_traded_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    {
        let accounts = Accounts::open(&path).unwrap();
        runtime().block_on(accounts.join("bank-a", [1; 32], [2; 32], NOON).unwrap()).unwrap();
        assert!(accounts.join("bank-b", [1; 32], [3; 32], NOON).is_none());
        let lost_answer = accounts.join("bank-a", [1; 32], [2; 32], NOON);
        runtime().block_on(lost_answer.expect("the same key may ask once more")).unwrap();
    }
    let accounts = Accounts::open(&path).unwrap();
    assert!(accounts.join("bank-b", [1; 32], [3; 32], NOON).is_none(), "nor after a restart");
    assert_eq!(accounts.bank_of(&[2; 32]).as_deref(), Some("bank-a"));
    assert_eq!(accounts.bank_of(&[3; 32]), None);
}

#[test]
fn a_checkpoint_is_due_once_so_many_records_were_written_since_the_log_was_opened() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("account.log");
    let accounts = Accounts::open(&path).unwrap();
    for batch in 1..=3 {
        assert!(!path.with_extension("checkpoint").exists());
        charge(&accounts, &bank(100, 100), batch, 1, NOON).unwrap();
        accounts.checkpoint(3).unwrap();
    }
    assert!(path.with_extension("checkpoint").exists());
}

#[test]
fn the_keys_of_a_bank_stand_in_the_log_with_their_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let accounts = Accounts::open(&path).unwrap();
    for (token, bank, time_s) in [(1, "bank-a", NOON), (2, "bank-b", NOON + 1), (3, "bank-a", NOON + 2)] {
        runtime().block_on(accounts.join(bank, [token; 32], [token + 10; 32], time_s).unwrap()).unwrap();
    }
    let standing = Accounts::standing(&path).unwrap();
    assert_eq!(standing.keys("bank-a"), [([11; 32], NOON), ([13; 32], NOON + 2)]);
    assert_eq!(standing.keys("bank-c"), []);
}

#[test]
fn a_log_cut_anywhere_loses_at_most_its_last_record() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    log_with_debits(&path, 3);
    let whole = std::fs::read(&path).unwrap();
    let record = (whole.len() - LOG_MAGIC.len()) / 3;
    for length in 0..=whole.len() {
        std::fs::write(&path, &whole[..length]).unwrap();
        let records = length.saturating_sub(LOG_MAGIC.len()) / record;
        assert_eq!(used(&path).unwrap(), 10 * records as u64, "cut at {length}");
        // And it goes on from there.
        let accounts = Accounts::open(&path).unwrap();
        charge(&accounts, &bank(1_000, 1_000), 99, 7, NOON).unwrap();
        drop(accounts);
        assert_eq!(used(&path).unwrap(), 10 * records as u64 + 7, "cut at {length}");
    }
}

#[test]
fn a_log_cut_off_while_it_was_created_begins_anew_and_another_file_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    for written in 0..LOG_MAGIC.len() {
        let mut begun = LOG_MAGIC;
        begun[written..].fill(0);
        std::fs::write(&path, begun).unwrap();
        log_with_debits(&path, 1);
        assert_eq!(used(&path).unwrap(), 10, "{written} bytes written");
    }
    for other in
        [b"SAMARLOG\x02\x00".as_slice(), b"SAMARVLT\x01\x00", &[LOG_MAGIC.as_slice(), &[0]].concat()[1..]]
    {
        std::fs::write(&path, other).unwrap();
        assert!(Accounts::open(&path).is_err());
        assert_eq!(std::fs::read(&path).unwrap(), other);
    }
}

#[test]
fn a_tail_of_zeros_is_a_torn_write() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    log_with_debits(&path, 2);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes.extend([0; 300]);
    std::fs::write(&path, &bytes).unwrap();
    assert_eq!(used(&path).unwrap(), 20);
}

#[test]
fn a_group_torn_inside_a_record_loses_that_group_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    log_with_debits(&path, 4);
    let whole = std::fs::read(&path).unwrap();
    let record = (whole.len() - LOG_MAGIC.len()) / 4;
    // The last two records were being written: a part of the first is there, then zeros up to the size they would have.
    for written in 1..record {
        let mut torn = whole.clone();
        torn[LOG_MAGIC.len() + 2 * record + written..].fill(0);
        std::fs::write(&path, &torn).unwrap();
        assert_eq!(used(&path).unwrap(), 20, "{written} bytes written");
    }
}

#[test]
fn a_flipped_bit_is_named_and_never_counted_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    log_with_debits(&path, 3);
    let whole = std::fs::read(&path).unwrap();
    let record = (whole.len() - LOG_MAGIC.len()) / 3;
    for at in 0..whole.len() {
        for bit in [1, 0x10, 0x80] {
            let mut changed = whole.clone();
            changed[at] ^= bit;
            std::fs::write(&path, &changed).unwrap();
            let failure = used(&path).expect_err(&format!("byte {at}"));
            let place = match at.checked_sub(LOG_MAGIC.len()).map(|at| at / record) {
                None => "damaged at byte 0: ".to_owned(),
                Some(before) => {
                    let begin = LOG_MAGIC.len() + before * record;
                    format!("damaged at byte {begin}, record {}: ", before + 1)
                }
            };
            assert!(failure.to_string().contains(&place), "{failure}");
        }
    }
}

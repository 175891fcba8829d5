//! The operator changes its key: what becomes of the ledger, whatever the server says.

use samar::lookup::LookupMode;
use samar::people::now_s;
use samar::screen::ScreenPlan;
use samar::sync::audit;
use samar_local::exit::Exit;
use samar_local::folder::lock;
use samar_protocol::manifest::SegmentKind::Base;
use samar_protocol::manifest::SignedManifest;
use samar_protocol::wire::{Request, RequestKind};

use super::bank::{Bank, count, entries};
use super::lookups::{self, check};
use super::operator::Operator;

/// A bank whose ledger has these customers, of whom the first 50 are in the set; the operator has rotated and published since.
fn rotated(customers: usize, until_s: u64) -> (Operator, Bank, String) {
    let operator = Operator::start();
    operator.publish(&[(Base, &entries(0..50))]);
    let bank = Bank::joined(&operator);
    bank.sync().unwrap();
    bank.screen(0..customers).unwrap();
    let report = bank.report();
    operator.rotate(until_s);
    operator.publish(&[(Base, &entries(0..50))]);
    operator.asked();
    (operator, bank, report)
}

fn names(bank: &Bank) -> Vec<String> {
    let name = |path: std::path::PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
    let mut names: Vec<String> = bank.files("ledger").into_iter().map(name).collect();
    names.sort();
    names
}

/// Elements that were sent to be rekeyed.
fn rekeyed(asked: &[Request]) -> u32 {
    let count = |request: &Request| if let Request::Rekey(asked) = request { asked.count } else { 0 };
    asked.iter().map(count).sum()
}

// R-OPRF-6: 5, R-OPRF-3: 5, R-OPRF-2: 5
#[test]
fn a_lie_over_a_rekeying_changes_nothing_and_its_blinds_are_gone() {
    let (operator, bank, report) = rotated(60, now_s() + 600);
    let before = names(&bank);
    let lies: [fn(&mut Vec<u8>); 4] = [
        |answer| answer[20] ^= 1, // the proof
        |answer| {
            let end = answer.len();
            answer[end - 32..].fill(0);
        }, // the identity
        |answer| {
            let end = answer.len();
            answer[end - 1] |= 0x80;
        }, // no canonical element
        |answer| {
            let end = answer.len();
            answer.copy_within(end - 64..end - 32, end - 32);
        }, // another's answer
    ];
    for lie in lies {
        operator.lie(move |request, mut answer| {
            if request.kind() == RequestKind::Rekey {
                lie(&mut answer);
            }
            answer
        });
        assert_eq!(bank.sync().map(drop).unwrap_err().exit(), Exit::Peer);
        // The set is there; the ledger of before is as it was, and nobody is taken for rekeyed.
        assert!(names(&bank).contains(&before[0]));
        assert_eq!(bank.screen_again(true).map(drop).unwrap_err().exit(), Exit::Peer);
    }
    operator.be_honest();
    let summary = bank.screen_again(true).unwrap();
    assert_eq!((summary.evaluated, summary.reused), (0, 60));
    assert_eq!(bank.report(), report);
    assert!(!names(&bank).contains(&before[0]), "the old ledger is gone");
}

#[test]
fn what_was_rekeyed_before_a_refusal_is_kept_and_the_rest_comes_later() {
    let (operator, bank, report) = rotated(5_000, now_s() + 600);
    operator.rekey_only(Some(1));
    bank.sync().expect("the set is synced all the same");
    let refused = bank.screen_again(true).map(drop).unwrap_err();
    assert_eq!(refused.exit(), Exit::Refused);
    assert!(format!("{refused:?}").contains("when the new day has begun"), "{refused:?}");
    operator.rekey_only(None);
    operator.asked();
    let summary = bank.screen_again(true).unwrap();
    let asked = operator.asked();
    let left = 5_000 - 4_096;
    assert!([left, 4_096].contains(&rekeyed(&asked)), "{} of 5,000 again", rekeyed(&asked));
    assert_eq!(count(&asked, RequestKind::Evaluate), 0);
    assert_eq!((summary.evaluated, bank.report() == report), (0, true));
    assert_eq!(names(&bank).len(), 1);
}

#[test]
fn after_its_time_or_without_a_ledger_customers_are_evaluated_anew() {
    let (operator, bank, report) = rotated(60, now_s() - 1);
    bank.sync().unwrap();
    let summary = bank.screen_again(true).unwrap();
    assert_eq!((summary.evaluated, rekeyed(&operator.asked())), (60, 0), "nothing is asked in vain");
    assert_eq!(bank.report(), report);
    let kept = samar::kept::kept(&bank.home()).unwrap();
    assert_eq!(kept.iter().map(|kept| kept.customers).collect::<Vec<_>>(), [60, 60]);
    let pruned = samar::kept::prune(&bank.home(), None, true).unwrap();
    assert_eq!((pruned.ledgers, pruned.customers, names(&bank).len()), (1, 0, 1));
    assert_eq!(bank.screen_again(true).unwrap().evaluated, 0);

    let (operator, bank, _) = rotated(60, now_s() + 600);
    bank.screen_as(&ScreenPlan { ledger: false, ..bank.plan() }).unwrap();
    assert_eq!(rekeyed(&operator.asked()), 0, "what is not to be used is not taken along either");
}

#[test]
fn what_is_long_gone_is_pruned_and_two_runs_do_not_share_a_ledger() {
    let operator = Operator::start();
    operator.publish(&[(Base, &entries(0..50))]);
    let bank = Bank::joined(&operator);
    bank.sync().unwrap();
    bank.screen(0..30).unwrap();
    let pruned = samar::kept::prune(&bank.home(), Some(1), false).unwrap();
    assert_eq!((pruned.customers, pruned.ledgers), (0, 0), "everybody was met today");
    let busy = lock(bank.home().dir(), "screen").unwrap();
    let failures = [
        bank.screen_again(true).map(drop).unwrap_err(),
        samar::kept::prune(&bank.home(), Some(1), true).map(drop).unwrap_err(),
    ];
    for failure in failures {
        assert_eq!(failure.exit(), Exit::Local);
        assert!(failure.to_string().contains("another run is working on"), "{failure}");
    }
    drop(busy);
    assert_eq!(bank.screen_again(true).unwrap().evaluated, 0);
}

/// A rotation makes other segments of the same entries, and other hints: what was kept of those before is no use for them.
// R-LOOK-5: 5, R-LOOK-10: 5
#[test]
fn after_a_rotation_hints_are_fetched_verified_and_audited_anew() {
    let operator = Operator::start();
    operator.offer_lookups();
    operator.publish(&[(Base, &entries(0..500))]);
    let bank = lookups::bank(&operator);
    check(&bank, LookupMode::Always, &[1]).unwrap();
    let is_hint = |path: &std::path::PathBuf| path.extension().is_some_and(|end| end == "hint");
    let before = bank.files("lookups").into_iter().find(is_hint).unwrap();
    let before = std::fs::read(before).unwrap();

    operator.rotate(now_s() + 600);
    let manifest = SignedManifest::inspect(&operator.publish(&[(Base, &entries(0..500))])).unwrap();
    let root = manifest.manifest().breaches[0].segments[0].root;
    let own = operator.swap_hint(root, before);
    bank.sync().unwrap();
    assert!(bank.files("lookups").is_empty(), "of a segment that the manifest no longer names");
    let failure = check(&bank, LookupMode::Always, &[1]).unwrap_err();
    assert_eq!(failure.exit(), Exit::Peer, "{failure}");
    assert!(failure.to_string().contains("not the hint of that segment"), "{failure}");

    operator.swap_hint(root, own);
    operator.asked();
    assert_eq!(check(&bank, LookupMode::Always, &[1, 700]).unwrap(), ["exposed phone", "clear "]);
    let asked = operator.asked();
    assert!(count(&asked, RequestKind::Hint) > 0 && count(&asked, RequestKind::Lookup) == 2);
    assert_eq!(bank.runtime.block_on(audit(&bank.home())).unwrap().hints_audited, 1);

    operator.lie_in_hints();
    operator.rotate(now_s() + 600);
    operator.publish(&[(Base, &entries(0..500))]);
    let failure = bank.runtime.block_on(audit(&bank.home())).unwrap_err();
    assert_eq!(failure.exit(), Exit::Peer, "{failure}");
    assert!(failure.to_string().contains("its hint is not what its pages come to"), "{failure}");
}

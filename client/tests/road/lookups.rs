//! Private lookups: the same verdicts as from the whole set, from pages that are asked for without telling which.

use std::collections::HashSet;

use samar::check::Checker;
use samar::lookup::LookupMode;
use samar::sync::{audit, sync_for_lookups};
use samar_local::exit::{Exit, Failure};
use samar_protocol::manifest::SegmentKind::{Add, Base, Remove};
use samar_protocol::manifest::SignedManifest;
use samar_protocol::wire::{Refusal, RefusalCode, RequestKind, Response};

use super::bank::{Bank, count, entries, nik};
use super::operator::Operator;

/// A bank that synced an operator with private lookups in these bases.
pub(super) fn bank(operator: &Operator) -> Bank {
    let bank = Bank::joined(operator);
    bank.sync().unwrap();
    bank
}

/// What a checker says of these numbers, by status and fields.
pub(super) fn check(bank: &Bank, mode: LookupMode, numbers: &[usize]) -> Result<Vec<String>, Failure> {
    let (home, texts) = (bank.home(), numbers.iter().map(|number| nik(*number)).collect::<Vec<_>>());
    bank.runtime.block_on(async {
        let checker = Checker::open_with(&home, mode).await?;
        let verdicts = checker.verdicts(&texts).await;
        let said = verdicts.map(|verdicts| {
            verdicts.iter().map(|verdict| format!("{} {}", verdict.status(), verdict.fields())).collect()
        });
        checker.close().await;
        said
    })
}

#[test]
fn a_private_lookup_says_what_the_whole_set_says() {
    let operator = Operator::start();
    operator.offer_lookups();
    operator.publish(&[
        (Base, &entries(0..3_000)),
        (Base, &entries(2_900..4_000)),
        (Add, &entries(5_000..5_010)),
        (Remove, &entries(100..110)),
    ]);
    let bank = bank(&operator);
    let numbers: Vec<usize> =
        (95..115).chain([0, 2_950, 2_999, 3_000, 3_999, 4_000, 5_000, 5_009, 5_010, 9_000]).collect();
    let open = check(&bank, LookupMode::Never, &numbers).unwrap();
    operator.asked();
    let private = check(&bank, LookupMode::Always, &numbers).unwrap();
    assert_eq!(private, open);
    assert!(open.iter().any(|said| said.starts_with("clear")));
    assert!(open.contains(&"exposed phone+photo".to_owned()) && open.contains(&"exposed phone".to_owned()));
    let asked = operator.asked();
    assert_eq!(count(&asked, RequestKind::Lookup), 2 * numbers.len(), "each in both bases, hit or not");
    // Hints are here from now on.
    assert!(count(&asked, RequestKind::Hint) > 0);
    assert_eq!(
        check(&bank, LookupMode::Always, &[1]).unwrap(),
        check(&bank, LookupMode::Never, &[1]).unwrap()
    );
    assert_eq!(count(&operator.asked(), RequestKind::Hint), 0);
}

/// One wrong page of the first lines: the program asks about all others as if nothing were, and shows no verdict after it.
#[test]
fn check_asks_to_the_end_after_a_wrong_page() {
    let operator = Operator::start();
    operator.offer_lookups();
    operator.publish(&[(Base, &entries(0..500))]);
    let bank = bank(&operator);
    let lines: String = (0..200).map(|number| format!("{}\n", nik(number))).collect();
    let run = || {
        operator.asked();
        let mut program = assert_cmd::Command::cargo_bin("samar").unwrap();
        let dir = bank.path("samar").display().to_string();
        program.args(["--dir", &dir, "check", "--lookup", "always", "-"]).write_stdin(lines.clone());
        let output = program.output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap(), operator.asked())
    };
    let (code, said, honest) = run();
    assert_eq!((code, said.lines().count()), (Some(1), 200));
    let first = std::sync::atomic::AtomicBool::new(true);
    operator.lie(move |request, mut answer| {
        if request.kind() == RequestKind::Lookup && first.swap(false, std::sync::atomic::Ordering::Relaxed) {
            answer[100] ^= 0xff;
        }
        answer
    });
    let (code, said_before, lied) = run();
    // Two batches of 64 are under way: the first query that comes may be of the second, and then the first has its verdicts.
    assert_eq!(code, Some(5));
    assert!(said.starts_with(&said_before) && said_before.lines().count() <= 64, "{said_before}");
    assert_eq!(count(&honest, RequestKind::Lookup), 200);
    assert_eq!(count(&lied, RequestKind::Lookup), 200);
    assert_eq!(count(&lied, RequestKind::Evaluate), count(&honest, RequestKind::Evaluate));
}

#[test]
fn a_server_that_was_busy_gets_another_query_under_another_secret() {
    let operator = Operator::start();
    operator.offer_lookups();
    operator.publish(&[(Base, &entries(0..500))]);
    let bank = bank(&operator);
    check(&bank, LookupMode::Always, &[1]).unwrap();
    operator.queries();
    let busy = Response::Refused(Refusal::new(RefusalCode::Busy).retry_after_ms(1)).encode().unwrap();
    let times = std::sync::atomic::AtomicUsize::new(0);
    operator.lie(move |request, answer| {
        let is_busy = request.kind() == RequestKind::Lookup
            && times.fetch_add(1, std::sync::atomic::Ordering::Relaxed) < 3;
        if is_busy { busy.clone() } else { answer }
    });
    assert_eq!(check(&bank, LookupMode::Always, &[3]).unwrap(), ["exposed phone"]);
    let queries = operator.queries();
    assert_eq!(queries.len(), 4);
    assert_eq!(queries.iter().collect::<HashSet<_>>().len(), 4, "none was sent twice");
}

// R-LOOK-5: 5; 6
#[test]
fn the_hint_of_another_segment_is_refused_and_a_cache_that_was_cut_short_is_named() {
    let operator = Operator::start();
    operator.offer_lookups();
    let manifest = operator.publish(&[(Base, &entries(0..500)), (Base, &entries(500..900))]);
    let manifest = SignedManifest::inspect(&manifest).unwrap();
    let roots: Vec<_> = manifest.manifest().breaches[0].segments.iter().map(|segment| segment.root).collect();
    let bank = bank(&operator);
    let own = operator.swap_hint(roots[0], b"SAMARHNT\x01\x00".to_vec());
    let other = operator.swap_hint(roots[1], own.clone());
    operator.swap_hint(roots[0], other.clone());
    let failure = check(&bank, LookupMode::Always, &[1]).unwrap_err();
    assert_eq!(failure.exit(), Exit::Peer, "{failure}");
    assert!(failure.to_string().contains("not the hint of that segment"), "{failure}");
    assert!(bank.files("lookups").is_empty(), "nothing of it is kept");

    operator.swap_hint(roots[0], own);
    operator.swap_hint(roots[1], other);
    check(&bank, LookupMode::Always, &[1]).unwrap();
    for file in bank.files("lookups") {
        let whole = std::fs::read(&file).unwrap();
        std::fs::write(&file, &whole[..whole.len() - 7]).unwrap();
        let failure = check(&bank, LookupMode::Always, &[1]).unwrap_err();
        assert_eq!(failure.exit(), Exit::Local, "{failure}");
        assert!(failure.to_string().contains(&file.display().to_string()), "{failure}");
        std::fs::remove_file(&file).unwrap(); // as the remedy says
        assert_eq!(check(&bank, LookupMode::Always, &[1]).unwrap(), ["exposed phone"]);
    }
}

/// What the server refuses, each with its own words: a segment that it no longer has, a day's lookups, none offered.
// R-LOOK-3: 2
#[test]
fn a_refusal_of_a_lookup_ends_with_its_reason_after_every_query() {
    let operator = Operator::start();
    operator.publish(&[(Base, &entries(0..500))]);
    let bank = bank(&operator);
    let failure = check(&bank, LookupMode::Always, &[1]).unwrap_err();
    assert_eq!(failure.exit(), Exit::Input, "{failure}");
    assert!(failure.to_string().contains("offers no private lookup in bpjs-2021"), "{failure}");

    operator.offer_lookups();
    operator.publish(&[(Base, &entries(0..500)), (Base, &entries(500..900))]);
    bank.sync().unwrap();
    check(&bank, LookupMode::Always, &[1]).unwrap();
    for (code, says) in [
        (RefusalCode::RangeUnknown, "no such segment"),
        (RefusalCode::LookupAllowanceUsed, "private lookups are used up"),
    ] {
        let refusal = Response::Refused(Refusal::new(code)).encode().unwrap();
        operator.answer_always(RequestKind::Lookup, &refusal);
        operator.asked();
        let failure = check(&bank, LookupMode::Always, &[1, 2, 3]).unwrap_err();
        assert_eq!(failure.exit(), Exit::Refused, "{failure}");
        assert!(failure.to_string().contains(says), "{failure}");
        assert_eq!(count(&operator.asked(), RequestKind::Lookup), 6, "what was begun is asked whole");
    }
}

// R-LOOK-7: 5
#[test]
fn an_answer_for_pages_of_another_size_is_refused() {
    let operator = Operator::start();
    operator.offer_lookups();
    operator.publish(&[(Base, &entries(0..500))]);
    let bank = bank(&operator);
    check(&bank, LookupMode::Always, &[1]).unwrap();
    operator.lie(|request, answer| {
        if request.kind() != RequestKind::Lookup {
            return answer;
        }
        let looked_up = samar_protocol::wire::LookedUp { page_bytes: 4_096, extensions: vec![] };
        [Response::LookedUp(looked_up).encode().unwrap(), vec![0; 6_656]].concat()
    });
    let failure = check(&bank, LookupMode::Always, &[1]).unwrap_err();
    assert_eq!(failure.exit(), Exit::Peer, "{failure}");
    assert!(failure.to_string().contains("a vector of 6656 bytes, not 3328"), "{failure}");
}

/// Small segments are downloaded by whoever has not synced them, unless everything must have been synced.
#[test]
fn what_is_missing_is_downloaded_whole_where_it_is_small() {
    let operator = Operator::start();
    operator.offer_lookups();
    operator.publish(&[(Base, &entries(0..500)), (Add, &entries(600..610)), (Remove, &entries(0..5))]);
    let bank = bank(&operator);
    for file in bank.files("segments") {
        std::fs::remove_file(file).unwrap();
    }
    let failure = check(&bank, LookupMode::Never, &[1]).unwrap_err();
    assert_eq!(failure.exit(), Exit::Local, "{failure}");
    assert!(failure.to_string().contains(".segment"), "{failure}");
    let verdicts = ["clear ", "exposed phone", "exposed phone", "clear "];
    operator.asked();
    assert_eq!(check(&bank, LookupMode::Always, &[1, 7, 601, 900]).unwrap(), verdicts);
    assert_eq!(bank.files("segments").len(), 2, "what adds and what removes");
    assert_eq!(check(&bank, LookupMode::Auto, &[1, 7, 601, 900]).unwrap(), verdicts);
    assert_eq!(bank.files("segments").len(), 3);
    let lookups = count(&operator.asked(), RequestKind::Lookup);
    assert_eq!(lookups, 4, "a small base is looked up in where that is asked for");
}

/// What the program fetches of a base of 65 MB that it only looks up in, and that `auto` looks up where it was not synced.
#[test]
fn a_large_base_stays_on_the_server_and_is_looked_up_in() {
    let operator = Operator::start();
    operator.offer_lookups();
    operator.publish_large(&[(Base, &entries(0..500)), (Add, &entries(600..610)), (Remove, &entries(0..5))]);
    let bank = Bank::joined(&operator);
    let samar = |arguments: &[&str], input: String| {
        let mut program = assert_cmd::Command::cargo_bin("samar").unwrap();
        program.arg("--dir").arg(bank.path("samar")).args(arguments).write_stdin(input);
        let output = program.output().unwrap();
        assert!(matches!(output.status.code(), Some(0 | 1)), "{}", String::from_utf8_lossy(&output.stderr));
        (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
    };
    let numbers = [1, 7, 300, 601, 900];
    let lines: String = numbers.iter().map(|number| format!("{}\n", nik(*number))).collect();
    let verdicts = |mode: &str| {
        operator.asked();
        let (code, said) = samar(&["check", "--lookup", mode, "-"], lines.clone());
        assert_eq!((code, said.lines().count()), (1, numbers.len()), "{said}");
        (said, operator.asked())
    };

    assert_eq!(samar(&["sync", "--lookup"], String::new()).0, 0);
    assert_eq!(bank.files("segments").len(), 2, "what adds and what removes");
    let kept: u64 = bank.files("lookups").iter().map(|file| file.metadata().unwrap().len()).sum();
    assert!(bank.files("lookups").len() == 2 && kept < 8_000_000, "{kept} bytes in place of 65 MB");
    let (private, asked) = verdicts("auto");
    assert_eq!(count(&asked, RequestKind::Lookup), numbers.len());
    assert_eq!(count(&asked, RequestKind::Fetch) + count(&asked, RequestKind::Hint), 0, "all is here");
    assert_eq!(verdicts("always").0, private);

    // Without what was fetched ahead it is fetched when it is needed, and only that.
    for file in bank.files("lookups") {
        std::fs::remove_file(file).unwrap();
    }
    let (again, asked) = verdicts("auto");
    assert_eq!(again, private);
    assert!(count(&asked, RequestKind::Hint) > 0 && bank.files("segments").len() == 2);

    // Once it is synced whole, `auto` asks for no page, and it says the same.
    assert_eq!(samar(&["sync"], String::new()).0, 0);
    assert_eq!(bank.files("segments").len(), 3);
    let (open, asked) = verdicts("auto");
    assert_eq!(open, private);
    assert_eq!(count(&asked, RequestKind::Lookup), 0);
    assert_eq!(verdicts("never").0, private);
}

/// The disk fills up under the hint: it is named, nothing half-written stays, and the next run goes on.
#[test]
fn a_disk_without_room_for_the_hint_is_named_and_keeps_no_part_of_it() {
    let operator = Operator::start();
    operator.offer_lookups();
    operator.publish(&[(Base, &entries(0..500))]);
    let bank = bank(&operator);
    // A disk that takes no file of more than so many KiB; the hint has 5.5 MB.
    let check_on = |limit_kib: u32| {
        let script = format!("trap '' XFSZ; ulimit -f {limit_kib}; exec \"$0\" \"$@\"");
        let mut command = assert_cmd::Command::new("bash");
        command.args(["-c", &script]).arg(assert_cmd::cargo::cargo_bin!("samar")).arg("--dir");
        command.arg(bank.path("samar")).args(["check", "--lookup", "always", "-"]).write_stdin(nik(1));
        command.output().unwrap()
    };
    operator.asked();
    let output = check_on(3_000);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(6), 0), "{text}");
    assert!(text.contains("cannot write") && text.contains(".hint"), "{text}");
    assert!(text.contains("free some space"), "{text}");
    assert!(bank.files("lookups").is_empty(), "{:?}", bank.files("lookups"));
    assert_eq!(count(&operator.asked(), RequestKind::Lookup), 0);
    let output = check_on(6_000);
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(bank.files("lookups").len(), 2);
}

/// A sync for lookups leaves large bases alone. None is large here: it is a sync, and a later one removes what is not named.
#[test]
fn a_sync_keeps_hints_that_the_manifest_names_and_removes_others() {
    let operator = Operator::start();
    operator.offer_lookups();
    operator.publish(&[(Base, &entries(0..500))]);
    let bank = Bank::joined(&operator);
    let report = bank.runtime.block_on(sync_for_lookups(&bank.home())).unwrap();
    assert_eq!(report.segments_fetched, 1);
    check(&bank, LookupMode::Always, &[1]).unwrap();
    assert_eq!(bank.files("lookups").len(), 2);
    bank.sync().unwrap();
    assert_eq!(bank.files("lookups").len(), 2);
    operator.publish(&[(Base, &entries(0..501))]);
    bank.sync().unwrap();
    assert!(bank.files("lookups").is_empty());
}

// R-LOOK-10: 5
#[test]
fn an_audit_computes_hints_again_and_finds_a_wrong_one() {
    let operator = Operator::start();
    operator.offer_lookups();
    operator.publish(&[(Base, &entries(0..500)), (Add, &entries(600..610))]);
    let bank = Bank::joined(&operator);
    let report = bank.runtime.block_on(audit(&bank.home())).unwrap();
    assert_eq!(report.hints_audited, 1);
    // A hint of other pages, named by the header of these and so authentic.
    operator.lie_in_hints();
    operator.publish(&[(Base, &entries(0..500)), (Base, &entries(600..610))]);
    assert_eq!(bank.sync().unwrap().epoch, 2, "a sync alone does not see it");
    let failure = bank.runtime.block_on(audit(&bank.home())).unwrap_err();
    assert_eq!(failure.exit(), Exit::Peer, "{failure}");
    assert!(failure.to_string().contains("its hint is not what its pages come to"), "{failure}");
}

#[test]
fn lookups_go_on_over_another_connection_where_one_was_closed_for_want_of_a_seat() {
    let operator = Operator::start();
    operator.offer_lookups();
    operator.publish(&[(Base, &entries(0..500))]);
    let bank = bank(&operator);
    let numbers: Vec<usize> = (495..505).collect();
    let expected = check(&bank, LookupMode::Always, &numbers).unwrap();
    assert!(
        expected.iter().any(|said| said.starts_with("exposed")) && expected.contains(&"clear ".to_owned())
    );
    // No seat at first, then one that is lost at once, then two that are lost while up to eight lookups are under way.
    for (refused, closed, at_lookups) in [(1, 0, 0), (0, 1, 0), (0, 0, 2)] {
        operator.be_full(refused, closed);
        operator.close_at_lookups(at_lookups);
        operator.queries();
        assert_eq!(
            check(&bank, LookupMode::Always, &numbers).unwrap(),
            expected,
            "{refused} {closed} {at_lookups}"
        );
        let queries = operator.queries();
        assert!(queries.len() >= numbers.len() + at_lookups as usize, "{}", queries.len());
        assert_eq!(
            queries.iter().collect::<HashSet<_>>().len(),
            queries.len(),
            "none is asked a second time"
        );
    }
}

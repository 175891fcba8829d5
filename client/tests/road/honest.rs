//! What a bank comes to with an operator that keeps to the protocol, or is only slow.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use samar::check::Checker;
use samar_local::exit::Exit;
use samar_protocol::manifest::SegmentKind::{Add, Base, Remove};
use samar_protocol::manifest::SignedManifest;
use samar_protocol::wire::{Refusal, RefusalCode, Request, RequestKind, Response};

use super::bank::{Bank, count, entries, nik};
use super::operator::{Operator, manifest_sent};

#[test]
fn a_bank_learns_of_its_own_customers() {
    let operator = Operator::start();
    operator.publish(&[
        (Base, &entries(0..3_000)),
        (Add, &entries(5_000..5_010)),
        (Remove, &entries(100..110)),
    ]);
    let bank = Bank::joined(&operator);
    assert_eq!(bank.sync().unwrap().segments_fetched, 3);
    // Exposed: 90..100 of the base without the removed ones, 110..120, and 5000 of those added. 90 stands there twice.
    let summary = bank.screen((90..120).chain([5_000, 4_000, 90])).unwrap();
    assert_eq!((summary.rows, summary.unique, summary.exposed, summary.charged), (33, 32, 22, 32));
    let report = bank.report();
    let lines: Vec<&str> = report.lines().collect();
    let added = "samar_status,samar_breaches,samar_fields,samar_confidence,samar_since";
    assert_eq!(lines[0], format!("cif,nik,{added}"));
    assert_eq!(lines[1], format!("90,{},exposed,bpjs-2021,phone+photo,claimed,2021-05", nik(90)));
    assert_eq!(lines[2], format!("91,{},exposed,bpjs-2021,phone,claimed,2021-05", nik(91)));
    assert_eq!(lines[11], format!("100,{},clear,,,,", nik(100)));
    assert_eq!(lines[33], lines[1]);
    assert!(bank.files("pending").is_empty(), "nothing of the sorting stays");

    let (home, texts) = (bank.home(), [nik(90), "x".to_owned(), nik(100), nik(90)]);
    let check = async {
        let checker = Checker::open(&home).await.unwrap();
        let verdicts = checker.verdicts(&texts).await.unwrap();
        verdicts.iter().map(samar::report::Verdict::status).collect::<Vec<_>>()
    };
    operator.asked();
    assert_eq!(bank.runtime.block_on(check), ["exposed", "invalid:not-digits", "clear", "exposed"]);
    let asked = operator.asked();
    let Some(Request::Evaluate(evaluate)) = asked.last() else { panic!("{asked:?}") };
    assert_eq!(evaluate.count, 2, "the same identifier twice is charged once");
}

#[test]
fn customers_come_as_json_lines_too() {
    let operator = Operator::start();
    operator.publish(&[(Base, &entries(0..50))]);
    let bank = Bank::joined(&operator);
    bank.sync().unwrap();
    let customer = |number: usize| format!("{{\"cif\":{number},\"nik\":\"{}\"}}\n", nik(number));
    let summary = bank.screen_text(&[customer(1), customer(4_000)].concat()).unwrap();
    assert_eq!((summary.rows, summary.unique, summary.exposed), (2, 2, 1));
    let report = bank.report();
    let lines: Vec<&str> = report.lines().collect();
    assert!(lines[0].starts_with("cif,nik,samar_status,"), "{report}");
    assert!(lines[1].starts_with(&format!("1,{},exposed,", nik(1))), "{report}");
    assert!(lines[2].starts_with(&format!("4000,{},clear,", nik(4_000))), "{report}");
}

#[test]
fn either_blinding_comes_to_the_same_report() {
    let operator = Operator::start();
    operator.publish(&[(Base, &entries(0..50))]);
    let bank = Bank::joined(&operator);
    bank.sync().unwrap();
    let rows: String = (0..9_000).map(|number| format!("{},x\n", nik(number))).collect();
    std::fs::write(bank.path("customers.csv"), format!("nik,x\n{rows}")).unwrap();
    // Three batches, so that blinds prepared beside an earlier one are used too.
    let screen = |blinding: &str| {
        let path = bank.home().dir().join("samar.toml");
        let lines = std::fs::read_to_string(&path).unwrap();
        let others: Vec<&str> = lines.lines().filter(|line| !line.starts_with("blinding")).collect();
        std::fs::write(&path, format!("{}\nblinding = \"{blinding}\"\n", others.join("\n"))).unwrap();
        let summary = bank.screen_again(false).unwrap();
        assert_eq!((summary.exposed, summary.charged), (50, 9_000), "{blinding}");
        bank.report()
    };
    assert_eq!(screen("additive"), screen("rfc"));
}

#[test]
fn a_later_sync_fetches_what_is_new_and_drops_what_is_not_named() {
    let operator = Operator::start();
    let bank = Bank::joined(&operator);
    assert_eq!(bank.sync().unwrap_err().exit(), Exit::Refused, "nothing is published yet");
    operator.publish(&[(Base, &entries(0..500))]);
    bank.sync().unwrap();
    operator.publish(&[(Base, &entries(0..10))]);
    operator.publish(&[(Base, &[])]);
    let report = bank.sync().unwrap();
    assert_eq!((report.epoch, report.segments_fetched, report.segments_removed), (3, 1, 1));
    assert_eq!((bank.files("segments").len(), bank.files("manifests").len()), (1, 1));
    operator.asked();
    let report = bank.sync().unwrap();
    assert!(!report.advanced && report.segments_fetched == 0);
    assert_eq!(count(&operator.asked(), RequestKind::Fetch), 0);
    assert_eq!(bank.screen(0..3).unwrap().exposed, 0, "a breach without entries exposes nobody");
}

#[test]
fn a_download_that_was_cut_short_goes_on_where_it_stopped() {
    let operator = Operator::start();
    operator.publish(&[(Base, &entries(0..150_000))]); // some 400 pages: four stretches
    let bank = Bank::joined(&operator);
    // The last page of the third stretch comes out wrong.
    operator.lie(|request, mut answer| {
        if matches!(request, Request::Fetch(fetch) if fetch.offset == 2_048 * (1 + 2 * 128)) {
            *answer.last_mut().unwrap() ^= 1;
        }
        answer
    });
    let failure = bank.sync().unwrap_err();
    assert_eq!(failure.exit(), Exit::Peer);
    assert!(failure.to_string().contains("page 383"), "{failure}");
    assert_eq!(bank.screen(0..3).unwrap_err().exit(), Exit::Input, "nothing half-fetched is used");

    operator.be_honest();
    operator.asked();
    let report = bank.sync().unwrap();
    let asked = operator.asked();
    assert!(count(&asked, RequestKind::Fetch) < 4, "{} fetches", count(&asked, RequestKind::Fetch));
    assert!(report.bytes_fetched < 600_000, "{report:?}");
    assert_eq!(bank.screen(0..3).unwrap().exposed, 3);
}

#[test]
fn what_an_allowance_covered_is_not_paid_for_twice() {
    let operator = Operator::start();
    operator.publish(&[(Base, &entries(0..100))]);
    let bank = Bank::joined(&operator);
    bank.sync().unwrap();
    operator.allow(5_000); // one batch of 4,096 and a smaller one: the allowance is used up to its end
    let failure = bank.screen(0..8_192).unwrap_err();
    assert_eq!(failure.exit(), Exit::Refused);
    assert!(failure.to_string().contains("5,000 evaluated (5,000 charged) and kept"), "{failure}");
    assert!(!bank.path("report.csv").exists());
    for path in bank.ledger() {
        let ledger = std::fs::read(path).unwrap();
        assert!(
            !ledger.windows(16).any(|bytes| bytes == nik(0).as_bytes()),
            "an identifier stands in the ledger"
        );
    }
    operator.allow(u64::MAX);
    let summary = bank.screen(0..8_192).unwrap();
    assert_eq!(
        (summary.reused, summary.evaluated, summary.charged, summary.exposed),
        (5_000, 3_192, 3_192, 100)
    );
}

#[test]
fn whom_the_ledger_knows_is_not_asked_about_again_whatever_is_published() {
    let operator = Operator::start();
    operator.publish(&[(Base, &entries(0..100))]);
    let bank = Bank::joined(&operator);
    bank.sync().unwrap();
    assert_eq!(bank.screen(50..9_000).unwrap().charged, 8_950);
    operator.publish(&[(Base, &entries(0..100)), (Add, &entries(8_990..9_100)), (Remove, &entries(0..60))]);
    bank.sync().unwrap();
    operator.asked();
    let summary = bank.screen(50..9_000).unwrap();
    assert_eq!((summary.reused, summary.evaluated, summary.exposed), (8_950, 0, 50));
    assert!(operator.asked().is_empty(), "nothing is sent");
    // Of new customers alone anything is asked; they are in the ledger from then on.
    let summary = bank.screen(8_900..9_010).unwrap();
    assert_eq!((summary.reused, summary.charged, summary.exposed), (100, 10, 20));
    assert_eq!(bank.screen(8_950..9_010).unwrap().charged, 0);
}

#[test]
fn without_the_ledger_nothing_stays_and_nothing_kept_is_used() {
    let operator = Operator::start();
    operator.publish(&[(Base, &entries(0..100))]);
    let bank = Bank::joined(&operator);
    bank.sync().unwrap();
    assert_eq!(bank.screen(0..50).unwrap().charged, 50);
    let kept: Vec<_> = bank.ledger().into_iter().map(|path| (std::fs::read(&path).unwrap(), path)).collect();
    let summary = bank.screen_again(false).unwrap();
    assert_eq!((summary.charged, summary.reused, summary.exposed), (50, 0, 50));
    assert!(bank.files("pending").is_empty(), "something of it stays");
    assert!(
        kept.iter().all(|(bytes, path)| std::fs::read(path).unwrap() == *bytes),
        "the ledger was touched"
    );
    // Cut short it goes on from what it had, and then nothing of that stays either.
    operator.allow(4_200);
    let rows: String = (0..8_192).map(|number| format!("{},x\n", nik(number))).collect();
    std::fs::write(bank.path("customers.csv"), format!("nik,x\n{rows}")).unwrap();
    bank.screen_again(false).unwrap_err();
    operator.allow(u64::MAX);
    assert_eq!(bank.screen_again(false).unwrap().reused, 4_200);
    assert!(bank.files("pending").is_empty());
}

// R-LED-1: 6
#[test]
fn a_ledger_that_is_damaged_ends_the_screening_and_is_named() {
    let operator = Operator::start();
    operator.publish(&[(Base, &entries(0..100))]);
    let bank = Bank::joined(&operator);
    bank.sync().unwrap();
    bank.screen(0..2_000).unwrap();
    std::fs::remove_file(bank.path("report.csv")).unwrap();
    for path in bank.ledger() {
        let whole = std::fs::read(&path).unwrap();
        let mut flipped = whole.clone();
        flipped[whole.len() / 2] ^= 1;
        std::fs::write(&path, &flipped).unwrap();
        if path.extension().is_some_and(|end| end == "days") {
            continue; // says nothing of anybody
        }
        let failure = bank.screen_again(true).unwrap_err();
        assert_eq!(failure.exit(), Exit::Local);
        assert!(failure.to_string().contains(path.to_str().unwrap()), "{failure}");
        assert!(!bank.path("report.csv").exists());
        std::fs::write(&path, &whole).unwrap();
    }
    assert_eq!(bank.screen_again(true).unwrap().exposed, 100);
}

#[test]
fn two_screenings_on_one_ledger_do_not_mix() {
    let operator = Operator::start();
    operator.publish(&[(Base, &entries(0..100))]);
    let bank = Bank::joined(&operator);
    bank.sync().unwrap();
    bank.screen(0..10).unwrap();
    let _first = samar_local::folder::lock(bank.home().dir(), "screen").unwrap();
    let failure = bank.screen_again(true).unwrap_err();
    assert_eq!(failure.exit(), Exit::Local);
    assert!(failure.to_string().contains("another run is working on"), "{failure}");
}

#[test]
fn a_column_without_a_single_nik_is_an_error_and_not_good_news() {
    let operator = Operator::start();
    operator.publish(&[(Base, &entries(0..10))]);
    let bank = Bank::joined(&operator);
    bank.sync().unwrap();
    let failure = bank.screen_text("nik,name\nAni,3\nBudi,4\n").unwrap_err();
    assert_eq!(failure.exit(), Exit::Input);
    assert!(failure.to_string().contains("none of the 2 rows"), "{failure}");
    assert!(!bank.path("report.csv").exists());
}

#[test]
fn a_server_without_a_seat_is_called_again_later() {
    let operator = Operator::start();
    operator.publish(&[(Base, &entries(0..10))]);
    let bank = Bank::joined(&operator);
    for (refused, closed) in [(1, 0), (0, 1)] {
        operator.be_full(refused, closed);
        let began = Instant::now();
        bank.sync().unwrap();
        assert!(began.elapsed() >= Duration::from_secs(1), "not at once: {:?}", began.elapsed());
    }
}

#[test]
fn a_status_waits_for_no_seat_and_says_what_is_here() {
    let operator = Operator::start();
    operator.publish(&[(Base, &entries(0..10))]);
    let bank = Bank::joined(&operator);
    bank.sync().unwrap();
    let status = |offline| bank.runtime.block_on(samar::status::status(&bank.home(), offline)).unwrap();
    assert_eq!(status(false).exit(), Exit::Done);
    for (refused, closed) in [(5, 0), (0, 5)] {
        operator.be_full(refused, closed);
        let began = Instant::now();
        let status = status(false);
        // A sync would call six times, and wait for half a minute in all.
        assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
        assert_eq!(status.exit(), Exit::Network);
        let why = status.allowance.unwrap().unwrap_err().why;
        assert!(why.contains("going down") && why.contains("again in 60 s"), "{why}");
        assert!(status.synced.is_some());
    }
    operator.be_full(0, 0);
    operator.be_busy(1);
    let busy = status(false);
    assert_eq!(busy.exit(), Exit::Network);
    assert!(busy.allowance.unwrap().unwrap_err().why.contains("again in 1 s"));
    operator.answer_always(
        RequestKind::Allowance,
        &Response::Refused(Refusal::new(RefusalCode::NotEnrolled)).encode().unwrap(),
    );
    assert_eq!(status(false).exit(), Exit::Refused);
    assert_eq!(status(true).exit(), Exit::Done, "nobody was asked");
}

#[test]
fn a_busy_server_is_asked_again_and_not_for_ever() {
    let operator = Operator::start();
    operator.publish(&[(Base, &entries(0..10))]);
    let bank = Bank::joined(&operator);
    operator.be_busy(3);
    bank.sync().unwrap();
    operator.be_busy(100);
    let failure = bank.sync().unwrap_err();
    assert!(failure.exit() == Exit::Refused && failure.to_string().contains("busy"), "{failure}");
}

/// Makes the operator one that published this manifest first, and takes its segment away while it is fetched.
fn publish_anew_meanwhile(operator: &Operator, first: Vec<u8>, manifests_of_before: u32) {
    let root = SignedManifest::inspect(&first).unwrap().manifest().breaches[0].segments[0].root;
    let gone = Response::Refused(Refusal::new(RefusalCode::RangeUnknown)).encode().unwrap();
    let asked = AtomicU32::new(0);
    operator.lie(move |request, answer| match request {
        Request::Manifest(asks) if asks.epoch.is_none() => {
            let before = asked.fetch_add(1, Ordering::Relaxed) < manifests_of_before;
            if before { manifest_sent(&first) } else { answer }
        }
        Request::Fetch(asks) if asks.root == root => gone.clone(),
        _ => answer,
    });
}

#[test]
fn a_set_that_is_published_anew_while_it_is_fetched_is_fetched_as_it_is_then() {
    let operator = Operator::start();
    let first = operator.publish(&[(Base, &entries(0..2_000))]);
    operator.publish(&[(Base, &entries(0..3_000))]);
    publish_anew_meanwhile(&operator, first, 1);
    let bank = Bank::joined(&operator);
    let report = bank.sync().unwrap();
    assert_eq!((report.epoch, report.entries, report.segments_fetched), (2, 3_000, 1));
    assert_eq!(bank.files("segments").len(), 1, "nothing of the segment that is gone stays");
    assert_eq!(bank.screen([2_500, 4_000]).unwrap().exposed, 1);
}

#[test]
fn a_server_that_names_what_it_does_not_have_is_not_asked_for_ever() {
    let operator = Operator::start();
    let first = operator.publish(&[(Base, &entries(0..2_000))]);
    publish_anew_meanwhile(&operator, first, u32::MAX);
    let bank = Bank::joined(&operator);
    operator.asked();
    let failure = bank.sync().unwrap_err();
    assert_eq!(failure.exit(), Exit::Refused);
    assert!(failure.to_string().contains("no such segment"), "{failure}");
    assert!(operator.asked().len() <= 4);
}

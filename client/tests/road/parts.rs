//! Screenings of a part of the set: some breaches, or what is new since an epoch; and the page that sums one up.

use samar::notice::{NoticePlan, notice};
use samar::screen::{Column, ScreenPlan};
use samar_local::exit::Exit;
use samar_protocol::identifier::Kind;
use samar_protocol::manifest::SegmentKind::{Add, Base, Remove};
use samar_protocol::manifest::Status::{Claimed, Confirmed};

use super::bank::{Bank, nik};
use super::kinds::{breach, entries};
use super::operator::{MadeBreach, Operator};

/// NIKs 0 to 99 in one breach, of which every tenth has a photo in it; 50 to 149 in another.
fn breaches() -> [MadeBreach; 2] {
    let first = breach("first-2021", "2021-05", Claimed, entries(Kind::Nik, 0..100));
    [first, breach("second-2022", "2022", Confirmed, entries(Kind::Nik, 50..150))]
}

fn customers(bank: &Bank, numbers: impl IntoIterator<Item = usize>) {
    let rows: String = numbers.into_iter().map(|number| format!("{number},{}\n", nik(number))).collect();
    std::fs::write(bank.path("customers.csv"), format!("cif,nik\n{rows}")).unwrap();
}

/// Customer, status, breaches and fields of each row of the report.
fn rows(bank: &Bank) -> Vec<(usize, String)> {
    let row = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        (cells[0].parse().unwrap(), cells[2..5].join(" ").trim().to_owned())
    };
    bank.report().lines().skip(1).map(row).collect()
}

fn since(bank: &Bank, epoch: u64) -> ScreenPlan {
    ScreenPlan { since: Some(epoch), ..bank.plan() }
}

#[test]
fn only_some_breaches_are_looked_at_and_nobody_is_called_clear_for_it() {
    let operator = Operator::start();
    operator.publish_breaches(&breaches());
    let bank = Bank::joined(&operator);
    bank.sync().unwrap();
    customers(&bank, [20, 60, 120, 500]);
    let only =
        |ids: &[&str]| ScreenPlan { only: ids.iter().map(ToString::to_string).collect(), ..bank.plan() };
    let summary = bank.screen_as(&only(&["second-2022"])).unwrap();
    let expected = |row: usize| if row.is_multiple_of(10) { "phone+photo" } else { "phone" };
    for (row, found) in rows(&bank) {
        let is_in = (50..150).contains(&row);
        let said =
            if is_in { format!("exposed second-2022 {}", expected(row)) } else { "not-found".to_owned() };
        assert_eq!(found, said, "{row}");
    }
    assert_eq!((summary.exposed, summary.breaches.len(), summary.breaches[0].exposed), (2, 1, 2));
    let failure = bank.screen_as(&only(&["third"])).unwrap_err();
    assert_eq!(failure.exit(), Exit::Input);
    assert!(failure.to_string().contains("no breach `third`"), "{failure}");
    // Who was looked up in one breach was not looked up in the set: there is no epoch yet to go on from.
    let failure = bank.screen_as(&since(&bank, 1)).unwrap_err();
    assert!(
        failure.exit() == Exit::Input && failure.to_string().contains("epoch 1 was not screened"),
        "{failure}"
    );
    bank.screen_as(&only(&["first-2021", "second-2022"])).unwrap();
    assert!(
        rows(&bank)
            .iter()
            .any(|(row, found)| *row == 60
                && found == "exposed first-2021;second-2022 phone+photo;phone+photo")
    );
}

#[test]
fn what_is_new_since_an_epoch_is_told_and_nobody_is_passed_over() {
    let (operator, breaches) = (Operator::start(), breaches());
    operator.publish_breaches(&breaches);
    let bank = Bank::joined(&operator);
    bank.sync().unwrap();
    customers(&bank, 0..200);
    bank.screen_as(&bank.plan()).unwrap();

    // 160 to 169 come in, 5 and 15 get a photo, 0 to 4 go, and 30 goes and comes back as it was.
    let photo = |number: usize| (Kind::Nik, nik(number), 1);
    operator.publish_part(&breaches[0], Remove, &entries(Kind::Nik, (0..5).chain([30])));
    let mut added = entries(Kind::Nik, (160..170).chain([30]));
    added.extend([photo(5), photo(15)]);
    operator.publish_part(&breaches[0], Add, &added);
    bank.sync().unwrap();
    // Some are customers no more, and 300 to 309 are new ones.
    customers(&bank, (0..195).chain(300..310));
    operator.publish_part(&breaches[1], Add, &entries(Kind::Nik, 300..305));
    bank.sync().unwrap();
    let summary = bank.screen_as(&since(&bank, 1)).unwrap();
    let news = |row: usize| match row {
        5 | 15 | 160 => "exposed first-2021 phone+photo",
        161..170 => "exposed first-2021 phone",
        300 => "exposed second-2022 phone+photo",
        301..305 => "exposed second-2022 phone",
        _ => "not-found",
    };
    for (row, found) in rows(&bank) {
        assert_eq!(found, news(row), "{row}");
    }
    assert_eq!((summary.exposed, summary.since), (17, Some(1)));
}

#[test]
fn who_was_not_screened_then_is_looked_up_in_everything_also_after_a_run_that_was_cut_short() {
    let (operator, breaches) = (Operator::start(), breaches());
    operator.publish_breaches(&breaches);
    let bank = Bank::joined(&operator);
    bank.sync().unwrap();
    customers(&bank, 0..50);
    bank.screen_as(&bank.plan()).unwrap();
    operator.publish_part(&breaches[1], Add, &entries(Kind::Nik, [41]));
    bank.sync().unwrap();
    customers(&bank, (40..60).chain(400..420).chain(100..105));
    operator.allow(12); // of 35 that were not customers before
    assert_eq!(bank.screen_as(&since(&bank, 1)).unwrap_err().exit(), Exit::Refused);
    operator.allow(u64::MAX);
    let summary = bank.screen_as(&since(&bank, 1)).unwrap();
    assert_eq!((summary.reused, summary.evaluated), (10 + 12, 23));
    let rows = rows(&bank).into_iter().filter(|(_, found)| found.starts_with("exposed"));
    let exposed: Vec<usize> = rows.map(|(row, _)| row).collect();
    assert_eq!(exposed, [41].into_iter().chain(50..60).chain(100..105).collect::<Vec<_>>());
}

#[test]
fn what_was_built_anew_counts_as_new_as_a_whole() {
    let operator = Operator::start();
    operator.publish_breaches(&breaches());
    let bank = Bank::joined(&operator);
    bank.sync().unwrap();
    customers(&bank, 0..200);
    let whole = bank.screen_as(&bank.plan()).unwrap();
    assert_eq!(bank.screen_as(&since(&bank, 1)).unwrap().exposed, 0, "nothing happened since");
    operator.publish_breaches(&breaches()); // compacted, or under another key
    bank.sync().unwrap();
    assert_eq!(bank.screen_as(&since(&bank, 1)).unwrap().exposed, whole.exposed);
    let failure = bank.screen_as(&since(&bank, 7)).unwrap_err();
    assert!(failure.to_string().contains("epoch 7 was not screened"), "{failure}");
    // Both epochs were screened today: by which of them somebody was met cannot be told, so all is looked up.
    assert_eq!(bank.screen_as(&since(&bank, 2)).unwrap().exposed, whole.exposed);
    let without = ScreenPlan { ledger: false, ..since(&bank, 1) };
    assert_eq!(bank.screen_as(&without).unwrap_err().exit(), Exit::Input);
    // The days of the ledger are lost: nobody is passed over for it.
    for path in bank.ledger().iter().filter(|path| path.extension().is_some_and(|end| end == "days")) {
        std::fs::write(path, b"x").unwrap();
    }
    assert_eq!(bank.screen_as(&since(&bank, 1)).unwrap().exposed, whole.exposed);
}

#[test]
fn a_screening_is_summed_up_in_a_page_without_anything_of_a_customer() {
    let operator = Operator::start();
    operator.publish_breaches(&breaches());
    let bank = Bank::joined(&operator);
    bank.sync().unwrap();
    customers(&bank, 90..110);
    let (html, summary) = (Some(bank.path("summary.html")), Some(bank.path("summary.json")));
    let columns = vec![Column::parse("nik"), Column::parse("phone=cif")];
    bank.screen_as(&ScreenPlan { html: html.clone(), summary, columns, ..bank.plan() }).unwrap();
    let page = std::fs::read_to_string(bank.path("summary.html")).unwrap();
    assert!(page.contains("<svg") && page.contains("first-2021") && page.contains("second-2022"));
    assert!((90..110).all(|number| !page.contains(&nik(number))), "an identifier in the page");
    let failure =
        bank.screen_as(&ScreenPlan { html: Some(bank.path("report.csv")), ..bank.plan() }).unwrap_err();
    assert!(failure.to_string().contains("different files"), "{failure}");
}

#[test]
fn a_notice_is_drafted_of_each_breach_and_never_over_an_edited_one() {
    let operator = Operator::start();
    let mut breaches = breaches();
    breaches[1].details.description = "Alleged by the seller".to_owned();
    breaches[1].details.flags = 1;
    operator.publish_breaches(&breaches);
    let bank = Bank::joined(&operator);
    bank.sync().unwrap();
    customers(&bank, 30..120);
    bank.screen_as(&bank.plan()).unwrap();
    let plan = |only: &[&str]| NoticePlan {
        home: bank.home(),
        report: bank.path("report.csv"),
        out: bank.path("notices"),
        only: only.iter().map(ToString::to_string).collect(),
    };
    let failure = notice(&plan(&["third"])).unwrap_err();
    assert!(failure.to_string().contains("nobody in") && !bank.path("notices").exists(), "{failure}");
    let drafts = notice(&plan(&["second-2022"])).unwrap();
    assert_eq!((drafts.len(), drafts[0].rows), (1, 70));
    let draft = |name: &str| std::fs::read_to_string(bank.path("notices").join(name)).unwrap();
    for (name, words) in [
        ("second-2022.id.txt", ["70 baris", "telah dipastikan", "PEKA", "[foto: 7 dari 70 baris]"]),
        ("second-2022.en.txt", ["70 rows", "was confirmed", "SENSITIVE", "[photo: 7 of 70 rows]"]),
    ] {
        let text = draft(name);
        assert!(
            words.iter().all(|word| text.contains(word)) && text.contains("Alleged by the seller"),
            "{text}"
        );
        assert!((30..120).all(|number| !text.contains(&nik(number))), "an identifier in a notice");
    }
    std::fs::write(bank.path("notices/second-2022.en.txt"), "edited").unwrap();
    let failure = notice(&plan(&[])).unwrap_err();
    assert!(failure.to_string().contains("may have been edited"), "{failure}");
    assert!(draft("second-2022.en.txt") == "edited" && !bank.path("notices/first-2021.en.txt").exists());
    assert_eq!(notice(&plan(&["first-2021"])).unwrap()[0].files.len(), 2);
    // What the set names no more cannot be written about.
    operator.publish_breaches(&breaches[1..]);
    bank.sync().unwrap();
    let gone = NoticePlan { out: bank.path("others"), ..plan(&["first-2021"]) };
    let failure = notice(&gone).unwrap_err();
    assert!(failure.to_string().contains("names first-2021, which the set of epoch 2 does not"), "{failure}");
}

#[test]
fn a_base_that_came_later_is_new_as_a_whole() {
    let (operator, breaches) = (Operator::start(), breaches());
    let mut empty = breaches.clone();
    empty[1].parts.clear();
    empty[1].parts.push((Base, vec![]));
    operator.publish_breaches(&empty);
    let bank = Bank::joined(&operator);
    bank.sync().unwrap();
    customers(&bank, 0..200);
    bank.screen_as(&bank.plan()).unwrap();
    operator.publish_part(&breaches[1], Add, &entries(Kind::Nik, 50..150));
    bank.sync().unwrap();
    assert_eq!(bank.screen_as(&since(&bank, 1)).unwrap().exposed, 100);
}

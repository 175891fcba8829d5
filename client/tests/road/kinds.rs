//! Customers by several kinds of identifiers at once: against plain sets, and what the server sees of it.

use std::collections::HashMap;

use samar_local::exit::Exit;
use samar_protocol::identifier::{Identifier, Kind};
use samar_protocol::manifest::BreachDetails;
use samar_protocol::manifest::SegmentKind::{Add, Base, Remove};
use samar_protocol::manifest::Status::{self, Claimed, Confirmed, Disputed};
use samar_protocol::wire::Request;

use super::bank::{Bank, nik};
use super::operator::{MadeBreach, MadeEntry, Operator};

/// By kind and normalised identifier: each breach with its label.
type Known = HashMap<(u8, Vec<u8>), Vec<(usize, u32)>>;
/// A breach, the label of a customer in it, and the kinds by which he was found.
type Exposure = (usize, u32, Vec<&'static str>);

const KINDS: [Kind; 3] = [Kind::Nik, Kind::Phone, Kind::Email];
const COLUMNS: [&str; 3] = ["nik=NO_KTP", "phone=HP", "email=SUREL"];

pub(crate) fn phone(number: usize) -> String {
    format!("0812{number:08}")
}

pub(crate) fn email(number: usize) -> String {
    format!("nasabah{number}@contoh.id")
}

/// An identifier of this number, as a breach writes it.
fn identifier(kind: Kind, number: usize) -> String {
    match kind {
        Kind::Nik => nik(number),
        Kind::Phone => phone(number),
        Kind::Email => email(number),
        Kind::Kk | Kind::Npwp => unreachable!("not in these tests"),
    }
}

pub(crate) fn entries(kind: Kind, numbers: impl IntoIterator<Item = usize>) -> Vec<MadeEntry> {
    let entry = |number: usize| (kind, identifier(kind, number), u32::from(number.is_multiple_of(10)));
    numbers.into_iter().map(entry).collect()
}

pub(crate) fn breach(
    id: &'static str,
    date: &'static str,
    status: Status,
    base: Vec<MadeEntry>,
) -> MadeBreach {
    let details = BreachDetails::default();
    MadeBreach {
        id,
        date,
        status,
        exposes: &["phone"],
        varies: &["photo"],
        parts: vec![(Base, base)],
        details,
    }
}

/// Of NIKs alone; of NIKs and telephone numbers, changed twice; of e-mail addresses and telephone numbers.
fn breaches() -> Vec<MadeBreach> {
    let mut both = entries(Kind::Nik, 100..300);
    both.extend(entries(Kind::Phone, 150..350));
    let mut changed = breach("both-2022", "2022-03-01", Disputed, both);
    changed.parts.push((Add, entries(Kind::Phone, 400..420)));
    changed.parts.push((Remove, entries(Kind::Nik, 100..120)));
    let mut shop = entries(Kind::Email, (0..600).step_by(3));
    shop.extend(entries(Kind::Phone, (0..600).step_by(7)));
    vec![
        breach("a-niks-2021", "2021-05", Claimed, entries(Kind::Nik, (0..500).step_by(2))),
        changed,
        breach("shop-2020", "2020", Confirmed, shop),
    ]
}

/// What plain sets say of an identifier: breach and label.
fn oracle(breaches: &[MadeBreach]) -> Known {
    let mut known = Known::new();
    for (at, breach) in breaches.iter().enumerate() {
        for (part, entries) in &breach.parts {
            for (kind, text, label) in entries {
                let normalised = Identifier::parse(*kind, text).unwrap().normalised().to_vec();
                let found = known.entry((kind.byte(), normalised)).or_default();
                found.retain(|(other, _)| *other != at);
                if *part != Remove {
                    found.push((at, *label));
                }
            }
        }
    }
    known
}

/// The cells of a customer: some have nothing of a kind, some something unusable, some what another has too.
fn customer(row: usize) -> [String; 3] {
    let nik = match row % 11 {
        3 => String::new(),
        7 => "12345".to_owned(),
        _ => nik(row),
    };
    let phone = match row % 5 {
        1 => " ".to_owned(),
        2 => format!("+62 812-{:04}-{:04}", row / 10_000, row % 10_000), // as others write it
        3 if row.is_multiple_of(4) => "021-555".to_owned(),
        4 => phone(row / 2),
        _ => phone(row),
    };
    let email = if row % 3 == 1 { String::new() } else { email(row).to_uppercase() };
    [nik, phone, email]
}

/// The columns that the report must add to this customer's row.
fn expected(breaches: &[MadeBreach], known: &Known, cells: &[String; 3]) -> String {
    let mut found: Vec<Exposure> = Vec::new();
    let (mut unusable, mut usable) = (Vec::new(), false);
    for (kind, cell) in KINDS.into_iter().zip(cells) {
        match Identifier::parse(kind, cell) {
            Ok(identifier) => {
                usable = true;
                let key = (kind.byte(), identifier.normalised().to_vec());
                for (breach, label) in known.get(&key).into_iter().flatten() {
                    match found.iter_mut().find(|(at, ..)| at == breach) {
                        Some((_, merged, kinds)) => {
                            *merged |= label;
                            kinds.push(kind.name());
                        }
                        None => found.push((*breach, *label, vec![kind.name()])),
                    }
                }
            }
            Err(samar_protocol::identifier::Rejection::Empty) => {}
            Err(rejection) => unusable.push(format!("{}:{}", kind.name(), rejection.name())),
        }
    }
    found.sort();
    let list = |item: &dyn Fn(&Exposure) -> String| found.iter().map(item).collect::<Vec<_>>().join(";");
    let status = match (found.is_empty(), unusable.first(), usable) {
        (false, ..) => "exposed".to_owned(),
        (true, Some(first), _) => format!("invalid:{first}"),
        (true, None, true) => "clear".to_owned(),
        (true, None, false) => "invalid:empty".to_owned(),
    };
    [
        status,
        list(&|(at, ..)| breaches[*at].id.to_owned()),
        list(&|(_, label, _)| if *label == 1 { "phone+photo" } else { "phone" }.to_owned()),
        list(&|(at, ..)| breaches[*at].status.name().to_owned()),
        found.iter().map(|(at, ..)| breaches[*at].date).min().unwrap_or_default().to_owned(),
        list(&|(_, _, kinds)| kinds.join("+")),
        unusable.join(";"),
    ]
    .join(",")
}

pub(crate) fn table(rows: impl IntoIterator<Item = [String; 3]>) -> String {
    let line = |(number, cells): (usize, [String; 3])| format!("{number},{}\n", cells.join(","));
    format!("CIF,NO_KTP,HP,SUREL\n{}", rows.into_iter().enumerate().map(line).collect::<String>())
}

/// Elements of each evaluation that was asked for since the last time.
fn evaluated(operator: &Operator) -> Vec<u32> {
    let count = |request: &Request| match request {
        Request::Evaluate(evaluate) => Some(evaluate.count),
        _ => None,
    };
    operator.asked().iter().filter_map(count).collect()
}

#[test]
fn every_customer_gets_what_plain_sets_say() {
    let (operator, breaches) = (Operator::start(), breaches());
    operator.publish_breaches(&breaches);
    let bank = Bank::joined(&operator);
    bank.sync().unwrap();
    let (known, customers) = (oracle(&breaches), (0..700).map(customer).collect::<Vec<_>>());
    let summary = bank.screen_columns(&table(customers.clone()), &COLUMNS).unwrap();
    let report = bank.report();
    let mut lines = report.lines();
    let added = "samar_status,samar_breaches,samar_fields,samar_confidence,samar_since,samar_matched";
    assert_eq!(lines.next().unwrap(), format!("CIF,NO_KTP,HP,SUREL,{added},samar_not_looked_up"));
    let (mut exposed, mut by_breach) = (0, [0; 3]);
    for (row, (line, cells)) in lines.zip(&customers).enumerate() {
        let expected = expected(&breaches, &known, cells);
        assert_eq!(line, format!("{row},{},{expected}", cells.join(",")));
        exposed += u64::from(expected.starts_with("exposed"));
        for (count, breach) in by_breach.iter_mut().zip(&breaches) {
            *count += u64::from(expected.contains(breach.id));
        }
    }
    assert!(exposed > 300 && by_breach.iter().all(|count| *count > 50), "{exposed} {by_breach:?}");
    assert_eq!(summary.exposed, exposed);
    assert_eq!(summary.breaches.iter().map(|breach| breach.exposed).collect::<Vec<_>>(), by_breach);
    let counted: Vec<u64> = summary
        .columns
        .iter()
        .map(|column| column.identifiers + column.empty + column.invalid.values().sum::<u64>())
        .collect();
    assert_eq!(counted, [700; 3], "every cell is counted");
    // Another night asks for nothing, and says the same.
    operator.asked();
    let again = bank.screen_columns(&table(customers), &COLUMNS).unwrap();
    assert_eq!((again.evaluated, again.reused, again.padding), (0, summary.unique, 0));
    assert!(operator.asked().is_empty() && bank.report() == report);
}

#[test]
fn what_is_asked_tells_the_server_nothing_of_who_has_what() {
    let operator = Operator::start();
    operator.publish_breaches(&breaches());
    let all = |row: usize| [nik(row), phone(row), email(row)];
    let one = |row: usize| [String::new(), phone(row), String::new()];
    // One customer with all, and one with a telephone number alone.
    for (cells, identifiers) in [(all(1), 3), (one(1), 1)] {
        let bank = Bank::joined(&operator);
        bank.sync().unwrap();
        operator.asked();
        let summary = bank.screen_columns(&table([cells]), &COLUMNS).unwrap();
        assert_eq!((summary.evaluated, summary.padding, summary.charged), (identifiers, 3 - identifiers, 3));
        assert_eq!(evaluated(&operator), [3]);
    }
    let bank = Bank::joined(&operator);
    bank.sync().unwrap();
    bank.screen_columns(&table((0..50).map(all)), &COLUMNS).unwrap();
    operator.asked();
    // The next day one has another telephone number, one is new, and one has neither an identifier nor anything usable.
    let mut cells: Vec<_> = (0..50).map(all).collect();
    cells[7][1] = phone(9_000);
    cells.extend([one(9_001), [String::new(), "x".to_owned(), String::new()]]);
    let summary = bank.screen_columns(&table(cells.clone()), &COLUMNS).unwrap();
    assert_eq!((evaluated(&operator), summary.evaluated, summary.charged), (vec![6], 2, 6));
    // Who shares what another has, and nothing else, is no news.
    cells.push([nik(3), phone(4), String::new()]);
    bank.screen_columns(&table(cells), &COLUMNS).unwrap();
    assert!(operator.asked().is_empty());
}

#[test]
fn what_was_paid_for_is_not_paid_for_again_whatever_kinds_a_run_was_cut_short_in() {
    let operator = Operator::start();
    operator.publish_breaches(&breaches());
    let bank = Bank::joined(&operator);
    bank.sync().unwrap();
    let text = table((0..3_000).map(customer));
    operator.allow(5_000); // one batch of 1,365 customers, and 301 of the next
    let failure = bank.screen_columns(&text, &COLUMNS).unwrap_err();
    assert_eq!(failure.exit(), Exit::Refused);
    assert!(failure.to_string().contains("(4,998 charged) and kept"), "{failure}");
    operator.allow(2); // less than a customer costs
    assert_eq!(bank.screen_columns(&text, &COLUMNS).unwrap_err().exit(), Exit::Refused);
    operator.allow(u64::MAX);
    operator.asked();
    let summary = bank.screen_columns(&text, &COLUMNS).unwrap();
    assert_eq!(summary.evaluated + summary.reused, summary.unique);
    let counts = evaluated(&operator);
    assert!(counts.iter().all(|count| count % 3 == 0 && *count <= 4_095), "{counts:?}");
    let sent: u64 = counts.iter().map(|count| u64::from(*count)).sum();
    assert_eq!((summary.charged, summary.evaluated + summary.padding), (sent, sent));
    // Of 3,000 customers each costs three but those without any identifier, and those with nothing of their own.
    assert!(sent + 4_998 <= 9_000 && sent + 4_998 > 8_500, "{sent}");
}

#[test]
fn kinds_that_a_set_does_not_hold_or_that_were_not_asked_about_are_warned_of() {
    let operator = Operator::start();
    operator.publish_breaches(&breaches());
    let bank = Bank::joined(&operator);
    bank.sync().unwrap();
    let warnings = |columns: &[&str]| {
        let row = [nik(2), phone(2), "02.123.456.7-891.000".to_owned()];
        bank.screen_columns(&table([row]), columns).unwrap().warnings
    };
    assert_eq!(
        warnings(&["NO_KTP"]),
        [
            "telephone numbers are not asked about, and stand in both-2022, shop-2020: --column phone=NAME",
            "e-mail addresses are not asked about, and stand in shop-2020: --column email=NAME",
            "nobody can be found in shop-2020, by what is asked about",
        ]
    );
    let some = warnings(&["nik=NO_KTP", "phone=HP", "npwp=SUREL"]);
    assert_eq!(some.len(), 2, "{some:?}");
    assert!(some[1].starts_with("no breach of the set holds NPWP numbers"), "{some:?}");
}

#[test]
fn columns_are_named_once_for_each_kind() {
    let operator = Operator::start();
    operator.publish_breaches(&breaches());
    let bank = Bank::joined(&operator);
    bank.sync().unwrap();
    let row = table([[nik(2), phone(2), phone(7)]]);
    let twice = bank.screen_columns(&row, &["nik=NO_KTP", "nik=#2"]).unwrap_err();
    assert_eq!(twice.exit(), Exit::Input);
    assert!(twice.to_string().contains("twice for NIKs"), "{twice}");
    let many = ["HP"; 17];
    assert!(bank.screen_columns(&row, &many).unwrap_err().to_string().contains("there can be 1 to 16"));
    // Two columns of one kind are two identifiers of a customer; number 7 is in the breach, number 2 is not.
    let summary = bank.screen_columns(&row, &["phone=HP", "phone=SUREL"]).unwrap();
    assert_eq!(summary.columns.iter().map(|column| column.matched).collect::<Vec<_>>(), [0, 1]);
    assert!(bank.report().contains(",exposed,shop-2020,phone,confirmed,2020,phone,\n"), "{}", bank.report());
    let nothing = bank.screen_columns("NO_KTP,HP\nx,y\n", &["nik=NO_KTP", "phone=HP"]).unwrap_err();
    assert!(
        nothing.to_string().contains("none of the 1 rows holds a NIK in column NO_KTP or a telephone number")
    );
}

#[test]
fn single_identifiers_of_any_kind_are_checked() {
    let (operator, breaches) = (Operator::start(), breaches());
    operator.publish_breaches(&breaches);
    let bank = Bank::joined(&operator);
    bank.sync().unwrap();
    let check = |kind: &str, texts: &[String]| {
        let mut command = assert_cmd::Command::cargo_bin("samar").unwrap();
        command.arg("--dir").arg(bank.home().dir()).args(["check", "--kind", kind, "-"]);
        let output = command.write_stdin(texts.join("\n")).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    };
    let (code, out, _) = check("phone", &[phone(7), phone(8), "0812".to_owned(), phone(414), nik(7)]);
    let (shop, both) = ("shop-2020 (confirmed, 2020: phone)", "both-2022 (disputed, 2022-03-01: phone)");
    let expected = format!(
        "1  exposed  {shop}\n2  clear\n3  invalid:wrong-length\n4  exposed  {both}\n5  invalid:no-country\n"
    );
    assert_eq!((code, out), (1, expected));
    let (code, out, _) = check("email", &[email(1), email(3).to_uppercase()]);
    assert_eq!((code, out), (1, format!("1  clear\n2  exposed  {shop}\n")));
    let (code, out, err) = check("kk", &[nik(7)]);
    assert_eq!((code, out.as_str()), (0, "1  clear\n"));
    assert!(err.contains("no breach of the set holds family card (KK) numbers"), "{err}");
}

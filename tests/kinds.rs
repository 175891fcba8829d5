//! The four breaches that our users name, side by side with one bank's customers, by the real programs' libraries and against truth:
//! `bpjs-2021` and `dukcapil-2021` by NIK, `tokopedia-2020` by e-mail address and telephone number, `ektp-selfie-2021` by NIK, KK and
//! NPWP.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;

use samar::Home;
use samar::breaches::breaches;
use samar::notice::{NoticePlan, notice};
use samar::report::{Format, Summary};
use samar::screen::{Column, ScreenPlan, screen};
use samar_protocol::group::Backend;
use samar_protocol::identifier::Kind;
use samar_server::enroll::{Enrolment, enroll};
use samar_server::ingest::{Exposure, IdentifierColumn, Plan, Source, ingest};
use samar_tests::Operator;

const PERSONS: u32 = 400;
const KINDS: [Kind; 5] = [Kind::Nik, Kind::Phone, Kind::Email, Kind::Kk, Kind::Npwp];
const COLUMNS: [&str; 5] = ["nik=NIK", "phone=HP", "email=SUREL", "kk=KK", "npwp=NPWP"];

/// What a person is called by each kind, as one side writes it.
fn identifier(kind: Kind, person: u32, is_bank: bool) -> String {
    let day = 1 + person % 28 + 40 * (person % 2);
    let nik = format!("320101{day:02}{:02}{:02}{:04}", 1 + person % 12, person % 100, 1 + person);
    match (kind, is_bank) {
        (Kind::Nik, false) => nik,
        (Kind::Nik, true) => format!("{} {} {}", &nik[..6], &nik[6..12], &nik[12..]),
        (Kind::Phone, false) => format!("0812{person:08}"),
        (Kind::Phone, true) => format!("+62 812-{:04}-{:04}", person / 10_000, person % 10_000),
        (Kind::Email, false) => format!("warga{person}@contoh.co.id"),
        (Kind::Email, true) => format!("Warga{person}@Contoh.co.id"),
        // Families of four.
        (Kind::Kk, _) => format!("320101010190{:04}", 1 + person / 4),
        (Kind::Npwp, false) => format!("{}{:02}000", npwp(person), person % 97),
        (Kind::Npwp, true) => {
            let plain = identifier(Kind::Npwp, person, false);
            format!(
                "{}.{}.{}.{}-{}.{}",
                &plain[..2],
                &plain[2..5],
                &plain[5..8],
                &plain[8..9],
                &plain[9..12],
                &plain[12..]
            )
        }
    }
}

/// The first ten digits of a taxpayer's number of 15.
fn npwp(person: u32) -> String {
    format!("09{:07}4", person + 1_000)
}

/// A breach: its id and date, who is in it, and by which kinds; classes of everybody, and one of every third.
struct Made {
    id: &'static str,
    date: &'static str,
    persons: std::ops::Range<u32>,
    kinds: &'static [Kind],
    exposes: &'static [&'static str],
    photo: bool,
}

const MADE: [Made; 4] = [
    Made {
        id: "bpjs-2021",
        date: "2021-05",
        persons: 0..200,
        kinds: &[Kind::Nik],
        exposes: &["phone", "email"],
        photo: true,
    },
    Made {
        id: "dukcapil-2021",
        date: "2021-06",
        persons: 150..250,
        kinds: &[Kind::Nik],
        exposes: &["civil_record"],
        photo: false,
    },
    Made {
        id: "ektp-selfie-2021",
        date: "2021-06-15",
        persons: 240..300,
        kinds: &[Kind::Nik, Kind::Kk, Kind::Npwp],
        exposes: &["selfie_ktp"],
        photo: false,
    },
    Made {
        id: "tokopedia-2020",
        date: "2020-05",
        persons: 100..350,
        kinds: &[Kind::Phone, Kind::Email],
        exposes: &["name", "credential_hash"],
        photo: false,
    },
];

fn column(kind: Kind) -> &'static str {
    COLUMNS.iter().find_map(|column| column.strip_prefix(kind.name())?.strip_prefix('=')).unwrap()
}

fn ingested(operator: &Operator, made: &Made) {
    let heading: Vec<&str> = made.kinds.iter().map(|kind| column(*kind)).collect();
    let mut text = format!("{},FOTO\n", heading.join(","));
    for person in made.persons.clone() {
        let cells: Vec<String> = made.kinds.iter().map(|kind| identifier(*kind, person, false)).collect();
        text += &format!("{},{}\n", cells.join(","), if person % 3 == 0 { "foto.jpg" } else { "" });
    }
    let (dump, about) = (operator.outside().join("dump.csv"), operator.outside().join("about.toml"));
    std::fs::write(&dump, text).unwrap();
    let known = "status = \"claimed\"\ndescription = \"Made up\"\nrecords = 1000\n";
    std::fs::write(&about, format!("title = \"Title of {}\"\ndate = \"{}\"\n{known}", made.id, made.date))
        .unwrap();
    let exposure = |class: &&str| Exposure { class: (*class).to_owned(), column: None };
    let mut exposes: Vec<Exposure> = made.exposes.iter().map(exposure).collect();
    if made.photo {
        exposes.push(Exposure { class: "photo".to_owned(), column: Some("FOTO".to_owned()) });
    }
    let columns =
        made.kinds.iter().map(|kind| IdentifierColumn { kind: *kind, column: column(*kind).to_owned() });
    let plan = Plan {
        breach: made.id.to_owned(),
        title: None,
        date: None,
        status: None,
        about: Some(about),
        columns: columns.collect(),
        form: None,
        table: None,
        exposes,
        memory_bytes: 16 << 20,
        rejects: None,
        sources: vec![Source::File(dump)],
    };
    let report = ingest(&operator.layout, Backend::best(), &plan).unwrap();
    assert!(report.rejected.is_empty() && report.warnings.is_empty(), "{}: {report:?}", made.id);
}

/// What a customer gave the bank: not everybody gave everything.
fn given(customer: u32) -> Vec<Kind> {
    KINDS.into_iter().filter(|kind| !(customer + u32::from(kind.byte())).is_multiple_of(3)).collect()
}

/// Breaches, fields and kinds that the report must name.
fn truth(customer: u32) -> [String; 3] {
    let given = given(customer);
    let (mut ids, mut fields, mut kinds) = (Vec::new(), Vec::new(), Vec::new());
    for made in &MADE {
        // A family's number is that of all its members.
        let is_in = |kind: &Kind| match kind {
            Kind::Kk => made.persons.clone().any(|person| person / 4 == customer / 4),
            _ => made.persons.contains(&customer),
        };
        let found: Vec<&str> = made
            .kinds
            .iter()
            .filter(|kind| given.contains(kind) && is_in(kind))
            .map(|kind| kind.name())
            .collect();
        if !found.is_empty() {
            let photo = (made.photo && customer.is_multiple_of(3)).then_some("photo");
            ids.push(made.id);
            fields.push(made.exposes.iter().copied().chain(photo).collect::<Vec<_>>().join("+"));
            kinds.push(found.join("+"));
        }
    }
    [ids.join(";"), fields.join(";"), kinds.join(";")]
}

#[test]
fn four_breaches_of_different_kinds_against_one_file_of_customers() {
    let operator = Operator::empty(|_| {});
    for made in &MADE {
        ingested(&operator, made);
    }
    operator.publish();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let serving = runtime.block_on(async { operator.serve() });
    let folder = tempfile::tempdir().unwrap();
    let (home, place) = (Home::new(&folder.path().join("samar")), |name: &str| folder.path().join(name));
    runtime.block_on(samar::join::join(&home, &invitation(&operator, serving.address), None)).unwrap();
    runtime.block_on(samar::sync::sync(&home)).unwrap();
    let known = breaches(&home).unwrap();
    assert_eq!(known.breaches[3].kinds, ["phone", "email"]);
    assert_eq!(known.breaches[2].kinds, ["nik", "kk", "npwp"]);

    let mut text = "CIF,NIK,HP,SUREL,KK,NPWP\n".to_owned();
    for customer in 0..PERSONS {
        let given = given(customer);
        let cell = |kind: &Kind| {
            if given.contains(kind) { identifier(*kind, customer, true) } else { String::new() }
        };
        text += &format!("{customer},{}\n", KINDS.iter().map(cell).collect::<Vec<_>>().join(","));
    }
    std::fs::write(place("customers.csv"), text).unwrap();
    let plan = |out: &str, format| ScreenPlan {
        home: home.clone(),
        file: place("customers.csv"),
        columns: COLUMNS.iter().map(|column| Column::parse(column)).collect(),
        form: None,
        table: None,
        out: place(out),
        format,
        summary: Some(place("summary.json")),
        html: Some(place("summary.html")),
        only: vec![],
        since: None,
        memory_bytes: 256 << 20,
        ledger: true,
    };
    let summary = runtime.block_on(screen(&plan("report.jsonl", Format::Jsonl))).unwrap();
    assert_eq!(summary.warnings, Vec::<String>::new());
    let mut exposed = BTreeMap::<String, u64>::new();
    let report = std::fs::read_to_string(place("report.jsonl")).unwrap();
    for (customer, line) in (0..).zip(report.lines()) {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        let cell = |name: &str| row[name].as_str().unwrap().to_owned();
        let found = ["samar_breaches", "samar_fields", "samar_matched"].map(cell);
        assert_eq!(found, truth(customer), "{customer}");
        assert_eq!(cell("samar_status"), if found[0].is_empty() { "clear" } else { "exposed" });
        assert_eq!(cell("CIF"), customer.to_string(), "every column is kept");
        for id in found[0].split(';').filter(|id| !id.is_empty()) {
            *exposed.entry(id.to_owned()).or_default() += 1;
        }
    }
    assert_eq!(report.lines().count(), PERSONS as usize);
    assert!(exposed.len() == 4 && exposed.values().all(|rows| *rows >= 60), "{exposed:?}");
    counted(&summary, &exposed);

    // In CSV the same, from the ledger alone; and the notices of all four.
    let again = runtime.block_on(screen(&plan("report.csv", Format::Csv))).unwrap();
    assert_eq!((again.charged, again.exposed), (0, summary.exposed));
    let drafts =
        notice(&NoticePlan { home, report: place("report.csv"), out: place("notices"), only: vec![] })
            .unwrap();
    let rows: BTreeMap<String, u64> = drafts.iter().map(|draft| (draft.breach.clone(), draft.rows)).collect();
    assert_eq!(rows, exposed);
    let files: Vec<PathBuf> = drafts.into_iter().flat_map(|draft| draft.files).collect();
    let no_identifier = |path: &PathBuf| {
        let text = std::fs::read_to_string(path).unwrap();
        let seen = |person| KINDS.iter().any(|kind| text.contains(&identifier(*kind, person, true)));
        assert!(!(0..PERSONS).any(seen), "an identifier in {}", path.display());
    };
    files.iter().chain(&[place("summary.html"), place("summary.json")]).for_each(no_identifier);
    runtime.block_on(serving.stop());
}

/// The server was asked for every customer with all that there could be, and each identifier was evaluated once.
fn counted(summary: &Summary, exposed: &BTreeMap<String, u64>) {
    let mut different = HashSet::new();
    let mut rows_with_news = 0;
    for customer in 0..PERSONS {
        let news = given(customer)
            .into_iter()
            .filter(|kind| different.insert((kind.byte(), identifier(*kind, customer, true))))
            .count();
        rows_with_news += u64::from(news > 0);
    }
    assert_eq!((summary.unique, summary.evaluated), (different.len() as u64, different.len() as u64));
    assert_eq!(
        (summary.charged, summary.evaluated + summary.padding),
        (5 * rows_with_news, 5 * rows_with_news)
    );
    let by_breach: BTreeMap<String, u64> =
        summary.breaches.iter().map(|breach| (breach.id.clone(), breach.exposed)).collect();
    assert_eq!(by_breach, *exposed);
}

/// The text of an invitation to the server at this address.
fn invitation(operator: &Operator, address: std::net::SocketAddr) -> String {
    let config = samar_server::config::Config::read(&operator.layout.config()).unwrap();
    let config = samar_server::config::Config { address: Some(address.to_string()), ..config };
    std::fs::write(operator.layout.config(), config.to_text()).unwrap();
    let out = operator.outside().join("bank.invitation");
    let enrolment = Enrolment {
        bank: "bank-jaya",
        out: &out,
        per_day: Some(1_000_000),
        lifetime: Some(1_000_000),
        csr: None,
        again: false,
    };
    enroll(&operator.layout, &enrolment).unwrap();
    std::fs::read_to_string(out).unwrap()
}

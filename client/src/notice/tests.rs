use std::collections::{BTreeMap, BTreeSet};

use super::found::{Found, read};
use super::letter::{Subject, letter};
use super::words::languages;
use crate::breaches::KnownBreach;

fn breach() -> KnownBreach {
    let owned = |names: &[&str]| names.iter().map(ToString::to_string).collect();
    KnownBreach {
        id: "ektp-selfie-2021".to_owned(),
        title: "Swafoto {status} <e-KTP>".to_owned(),
        description: "Sold on social media".to_owned(),
        date: "2021-06".to_owned(),
        added: String::new(),
        modified: String::new(),
        status: "claimed",
        sensitive: false,
        source: "press".to_owned(),
        records: Some(2_500_000),
        entries: 10,
        kinds: vec!["nik", "kk"],
        exposes: owned(&["selfie_ktp"]),
        varies: owned(&["npwp"]),
    }
}

fn found(npwp: u64) -> Found {
    let classes = BTreeMap::from([("selfie_ktp".to_owned(), 1_200), ("npwp".to_owned(), npwp)]);
    let kinds = BTreeSet::from(["kk".to_owned(), "nik".to_owned()]);
    Found { rows: 1_200, classes, kinds }
}

fn letters(breach: &KnownBreach, found: &Found) -> [String; 2] {
    let subject = Subject { breach, found, epoch: 7, report: "report.csv" };
    languages().map(|language| letter(&language, &subject))
}

#[test]
fn each_says_what_when_which_how_sure_and_what_to_do() {
    let [indonesian, english] = letters(&breach(), &found(56));
    for says in [
        "Swafoto {status} <e-KTP>: Sold on social media",
        "2.500.000 catatan",
        "Juni 2021",
        "- swafoto dengan KTP",
        "- [nomor atau foto NPWP: 56 dari 1.200 baris]",
        "diduga",
        "NIK dan nomor KK",
        "OTP",
        "tautan",
        "SLIK OJK",
        "samar_fields",
        "epoch 7",
        "report.csv",
    ] {
        assert!(indonesian.contains(says), "{says}: {indonesian}");
    }
    for says in [
        "Swafoto {status} <e-KTP>: Sold on social media",
        "2,500,000 records",
        "June 2021",
        "- selfie with the identity card (KTP)",
        "- [number or photo of the NPWP: 56 of 1,200 rows]",
        "alleged",
        "NIK and family card (KK) number",
        "OTP",
        "link",
        "SLIK OJK",
        "Known from: press",
    ] {
        assert!(english.contains(says), "{says}: {english}");
    }
    for text in [indonesian, english] {
        assert!(!text.replace("{status}", "").contains(['{', '}']), "a name was left: {text}");
        let longest = text.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(longest <= 80, "{longest}: {text}");
    }
}

#[test]
fn what_is_not_known_or_concerns_everybody_leaves_no_trace() {
    let mut plain = breach();
    (plain.records, plain.description, plain.source) = (None, String::new(), String::new());
    for text in letters(&plain, &found(1_200)) {
        for sign in [
            "Sumber",
            "Known from: press",
            "catatan.",
            "It is said",
            "samar_fields",
            "PEKA",
            "SENSITIVE",
            "1,200 rows]",
        ] {
            assert!(!text.contains(sign), "{sign}: {text}");
        }
    }
    plain.sensitive = true;
    let [indonesian, english] = letters(&plain, &Found { rows: 1, ..Found::default() });
    assert!(indonesian.contains("PEKA") && english.contains("SENSITIVE"));
    assert!(indonesian.contains("tidak disebutkan") && english.contains("compared the NIK that"));
}

#[test]
fn a_report_is_counted_by_breach_in_either_form() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("report");
    let csv = "nik;nama;samar_status;samar_breaches;samar_fields;samar_confidence;samar_since;samar_matched;x\n\
        1;\"a;b\";exposed;\"bpjs-2021;shop-2020\";\"phone+photo;phone\";\"claimed;claimed\";2020;\"nik+phone;email\";\n\
        2;b;clear;;;;;;\n3;c;exposed;bpjs-2021;phone;claimed;2021;nik;\n4;d;invalid:empty;;;;;;\n";
    let jsonl = [
        r#"{"nik":"1","samar_status":"exposed","samar_breaches":"bpjs-2021;shop-2020","samar_fields":"phone+photo;phone","samar_matched":"nik+phone;email"}"#,
        r#"{"nik":"2","samar_status":"not-found","samar_breaches":"","samar_fields":"","samar_matched":""}"#,
        r#"{"nik":"3","samar_status":"exposed","samar_breaches":"bpjs-2021","samar_fields":"phone","samar_matched":"nik"}"#,
    ];
    let set = |names: &[&str]| names.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
    for text in [csv.to_owned(), jsonl.join("\n")] {
        std::fs::write(&path, text).unwrap();
        let found = read(&path).unwrap();
        let bpjs = &found["bpjs-2021"];
        assert_eq!((bpjs.rows, bpjs.classes["phone"], bpjs.classes["photo"]), (2, 2, 1));
        assert_eq!(bpjs.kinds, set(&["nik", "phone"]));
        assert_eq!((found["shop-2020"].rows, &found["shop-2020"].kinds), (1, &set(&["email"])));
        assert_eq!(found.len(), 2);
    }
}

#[test]
fn what_is_no_report_is_refused_without_a_word_of_its_cells() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("report.csv");
    let head = "nik,samar_status,samar_breaches,samar_fields\n";
    for (text, says) in [
        ("nik,nama\n3201010101010001,a\n".to_owned(), "samar_status"),
        (format!("{head}3201010101010001,exposed,3201010101010002/x,phone\n"), "no breach"),
        (format!("{head}3201010101010001,exposed,bpjs-2021,Ani Budi\n"), "no data class"),
        (format!("{head}3201010101010001,,,\n"), "has no status"),
    ] {
        std::fs::write(&path, &text).unwrap();
        let failure = read(&path).map(drop).unwrap_err().to_string();
        assert!(
            failure.contains(says) && !failure.contains("32010101") && !failure.contains("Ani"),
            "{failure}"
        );
    }
}

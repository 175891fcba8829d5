//! `ingest --dry-run`, what `synth` writes in every form, completions and manual pages.

use serde_json::{Value, json};

use crate::dirty::{gzip, zip};
use crate::house::{House, names, program};

fn synth(house: &House, form: &str) -> String {
    let path = house.path(&format!("dump.{form}")).into_os_string().into_string().unwrap();
    let run =
        program().args(["synth", "dump", "--persons", "0..500", "--form", form, "--out", &path]).output();
    assert!(run.unwrap().status.success());
    path
}

#[test]
fn a_dry_run_tells_columns_kinds_and_rejections_and_writes_nothing() {
    let house = House::empty();
    let path = synth(&house, "csv");
    let text = std::fs::read_to_string(&path).unwrap();
    let run = house.run(&["ingest", "--dry-run", &path]);
    assert_eq!(run.code, 0, "{}", run.err);
    for words in [
        "delimited text",
        "--column nik=NIK",
        "--column phone=NO_HP",
        "--column email=EMAIL",
        "Nothing was written",
    ] {
        assert!(run.out.contains(words), "no {words} in {}", run.out);
    }
    // No cell that could be somebody's is shown.
    for line in text.lines().skip(1) {
        for cell in line.split(',').filter(|cell| cell.chars().filter(char::is_ascii_digit).count() >= 4) {
            assert!(!run.out.contains(cell), "{cell} is shown");
        }
    }
    assert!(!house.layout.root().exists());

    let report: Value =
        serde_json::from_str(&house.run(&["ingest", "--dry-run", "--json", &path]).done()).unwrap();
    let file = &report["files"][0];
    let nik = &file["columns"][1];
    assert_eq!(
        (&nik["name"], &nik["guess"], &nik["shape"]),
        (&json!("NIK"), &json!("nik"), &json!("9999999999999999"))
    );
    assert!(nik["parses_percent"]["nik"].as_f64().unwrap() > 95.0, "{nik}");
    assert_eq!(file["columns"][2]["guess"], Value::Null);

    // What it says is what an ingest does.
    let house = House::new();
    let columns = ["--column", "nik=NIK", "--column", "phone=NO_HP", "--column", "email=EMAIL"];
    let ingest = ["ingest", "--breach", "a", "--date", "2021", "--json", &path];
    let done: Value = serde_json::from_str(&house.run(&[&ingest[..], &columns].concat()).done()).unwrap();
    for told in file["identifiers"].as_array().unwrap() {
        let kind = told["column"].as_str().unwrap().split_once('=').unwrap().0;
        assert_eq!(told["well_formed"], done["kinds"][kind]["identifiers"], "{told}");
    }
    house
        .run(&["ingest", "--dry-run", "--column", "NIC", &path])
        .fails(2, &["no column \"NIC\"", "did you mean"]);
    house.run(&["ingest", &path]).code.eq(&2).then_some(()).expect("a breach is needed");
}

#[test]
fn the_same_rows_in_every_form_make_the_same_vault() {
    let house = House::new();
    let mut first: Option<(Vec<u8>, Value)> = None;
    let plain = synth(&house, "csv");
    let text = std::fs::read(&plain).unwrap();
    let packed = [
        ("csv in gzip", house.file("dump.csv.gz", gzip(&text))),
        ("csv in zstd", house.file("dump.csv.zst", zstd::encode_all(text.as_slice(), 3).unwrap())),
        ("csv in zip", house.file("dump.zip", zip(&[("dump.csv", &text)]))),
    ];
    let forms =
        ["tsv", "sql-insert", "sql-one-line", "sql-copy", "jsonl", "json", "json-nested", "xlsx", "parquet"];
    let forms = forms.map(|form| (form, synth(&house, form)));
    for (form, path) in [("csv", plain)].into_iter().chain(packed).chain(forms) {
        // An object in an object has its columns by their path.
        let within = if form == "json-nested" { "peserta." } else { "" };
        let column = |kind: &str, name: &str| format!("{kind}={within}{name}");
        let columns =
            [("nik", "NIK"), ("phone", "NO_HP"), ("email", "EMAIL")].map(|(kind, name)| column(kind, name));
        let photo = column("photo", "FOTO");
        let ingest = ["ingest", "--breach", "a", "--date", "2021", "--exposes", &photo, "--json", &path];
        let columns: Vec<&str> = columns.iter().flat_map(|column| ["--column", column]).collect();
        let run = house.run(&[&ingest[..], &columns].concat());
        assert_eq!(run.code, 0, "{form}: {}", run.err);
        let mut report: Value = serde_json::from_str(&run.out).unwrap();
        report.as_object_mut().unwrap().remove("read_as");
        let found = (house.vault("a"), report);
        let expected = first.get_or_insert_with(|| found.clone());
        assert!(found.0 == expected.0, "{form} makes another vault");
        assert_eq!(found.1, expected.1, "{form}");
        house.run(&["remove", "--breach", "a"]).done();
    }
}

#[test]
fn completions_and_manual_pages_are_of_every_command() {
    let house = House::empty();
    for shell in ["bash", "zsh", "fish"] {
        let text = house.run(&["completions", shell]).done();
        assert!(text.contains("dry-run") && text.contains("rotate-key"), "{shell}");
    }
    assert!(house.run(&["man"]).done().contains(".TH samar-server 1"));
    let folder = house.path("man1");
    house.run(&["man", "--out", folder.to_str().unwrap()]).done();
    let pages = names(&folder);
    for page in ["samar-server.1", "samar-server-ingest.1", "samar-server-audit-verify.1"] {
        assert!(pages.iter().any(|name| name == page), "{pages:?}");
    }
    let ingest = std::fs::read_to_string(folder.join("samar-server-ingest.1")).unwrap();
    assert!(ingest.contains("dry\\-run") && ingest.contains(".TH samar-server-ingest 1"), "{ingest}");
}

#[test]
fn no_line_of_a_help_is_longer_than_80_columns_and_none_has_colour() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/help");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        for line in std::fs::read_to_string(&path).unwrap().lines() {
            assert!(line.chars().count() <= 80, "{}: {line}", path.display());
        }
    }
    let mut coloured = program();
    coloured.args(["ingest", "--wrong"]).env("NO_COLOR", "1").env("CLICOLOR_FORCE", "1");
    let said = coloured.output().unwrap().stderr;
    assert!(!said.contains(&0x1b), "{}", String::from_utf8_lossy(&said));
}

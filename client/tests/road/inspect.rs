//! `samar inspect`: every file of a bank's folder, whole, cut and changed.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use samar::report::Format;
use samar::screen::{Column, ScreenPlan, screen};
use samar::sync::sync;
use samar::{Home, join::join};
use samar_protocol::manifest::SegmentKind::Base;
use serde_json::{Value, json};

use super::operator::Operator;

/// A NIK that is well formed, one for each number.
fn nik(number: usize) -> String {
    format!("320110010150{:04}", number + 1)
}

struct Bank {
    folder: tempfile::TempDir,
    runtime: tokio::runtime::Runtime,
}

impl Bank {
    /// Joined, synced, and in the middle of a screening that the allowance cut short.
    fn busy(operator: &Operator) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let bank = Self { folder, runtime: tokio::runtime::Runtime::new().unwrap() };
        let invitation = operator.invitation().to_text().unwrap();
        std::fs::write(bank.path("bank.invitation"), &invitation).unwrap();
        bank.runtime.block_on(join(&bank.home(), &invitation, None)).unwrap();
        bank.runtime.block_on(sync(&bank.home())).unwrap();
        operator.allow(5_000);
        assert!(!bank.screen(8_000, Format::Csv));
        bank
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn home(&self) -> Home {
        Home::new(&self.path("samar"))
    }

    /// Screens so many customers; whether it came to its end.
    fn screen(&self, customers: usize, format: Format) -> bool {
        let rows: String = (0..customers).map(|number| format!("Ani;{}\n", nik(number))).collect();
        std::fs::write(self.path("customers.csv"), format!("name;nik\n{rows}x;broken\n")).unwrap();
        let plan = ScreenPlan {
            home: self.home(),
            file: self.path("customers.csv"),
            columns: vec![Column::parse("nik")],
            form: None,
            table: None,
            out: self.path("report"),
            format,
            summary: Some(self.path("summary.json")),
            html: None,
            only: vec![],
            since: None,
            memory_bytes: 512 << 20,
            ledger: true,
        };
        self.runtime.block_on(screen(&plan)).is_ok()
    }

    /// The only file of a folder.
    fn only(&self, folder: &str) -> PathBuf {
        let mut entries = std::fs::read_dir(self.path("samar").join(folder)).unwrap();
        entries.next().unwrap().unwrap().path()
    }

    /// The file of the ledger with this extension.
    fn of_ledger(&self, extension: &str) -> PathBuf {
        let entries = std::fs::read_dir(self.only("ledger")).unwrap().map(|entry| entry.unwrap().path());
        let is_it = |path: &PathBuf| path.extension().is_some_and(|end| end == extension);
        entries.into_iter().find(is_it).unwrap()
    }

    /// Exit code, standard output, standard error.
    fn inspect(&self, path: &Path, more: &[&str]) -> (i32, String, String) {
        let mut command = assert_cmd::Command::cargo_bin("samar").unwrap();
        command.arg("--dir").arg(self.path("samar")).arg("inspect").arg(path).args(more);
        let output = command.output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    }

    fn json(&self, path: &Path, code: i32) -> Value {
        let (found, out, err) = self.inspect(path, &["--json"]);
        assert_eq!((found, err.as_str()), (code, ""), "{}: {out}", path.display());
        serde_json::from_str(&out).unwrap()
    }

    fn facts(&self, path: &Path) -> Value {
        self.json(path, 0)["facts"].clone()
    }
}

fn published() -> Operator {
    let operator = Operator::start();
    let entries: Vec<_> = (0..1_000).map(|number| (nik(number), 0)).collect();
    operator.publish(&[(Base, &entries)]);
    operator
}

#[test]
fn every_file_of_a_bank_is_shown_by_its_facts() {
    let operator = published();
    let bank = Bank::busy(&operator);
    let home = bank.path("samar");

    let invitation = bank.facts(&bank.path("bank.invitation"));
    assert_eq!((&invitation["bank"], &invitation["operator"]), (&json!("bank-a"), &json!("Badan Contoh")));
    let token = "07".repeat(32);
    assert!(!bank.inspect(&bank.path("bank.invitation"), &[]).1.contains(&token));
    let config = bank.facts(&home.join("samar.toml"));
    assert_eq!(config["publisher_key"], invitation["publisher_key"]);
    let manifest = bank.facts(&bank.only("manifests"));
    assert_eq!(manifest["signature"], "good, by the publisher's key of this folder");
    let seen = bank.facts(&home.join("seen.toml"));
    assert_eq!((&seen["epoch"], &seen["hash"]), (&manifest["epoch"], &manifest["hash"]));
    let segment = bank.facts(&bank.only("segments"));
    assert_eq!((&segment["entries"], &segment["entries_counted"]), (&json!(1_000), &json!(1_000)));
    assert_eq!(segment["pages"], segment["pages_verified"]);
    let certificate = bank.facts(&home.join("client.pem"));
    assert_eq!(certificate["used_by"], "a bank");
    assert_eq!(bank.facts(&home.join("client.key"))["key_fingerprint"], certificate["key_fingerprint"]);
    assert_eq!(bank.facts(&home.join("ca.pem"))["used_by"], "an authority");

    let tail = bank.facts(&bank.of_ledger("tail"));
    assert_eq!((&tail["customers"], &tail["blocks"]), (&json!(5_000), &json!(2)));
    assert_eq!(bank.facts(&bank.only("ledger").join("head"))["oprf_key_id"], manifest["oprf_key_id"]);

    operator.allow(u64::MAX);
    for format in [Format::Csv, Format::Jsonl] {
        assert!(bank.screen(8_000, format));
        let report = bank.facts(&bank.path("report"));
        assert_eq!(report["rows"], 8_001);
        let statuses = json!([{"status": "clear", "rows": 7_000}, {"status": "exposed", "rows": 1_000},
                              {"status": "invalid:not-digits", "rows": 1}]);
        assert_eq!(report["by_status"], statuses);
        assert_eq!(report["by_breach"], json!([{"breach": "bpjs-2021", "rows": 1_000}]));
        assert!(!bank.inspect(&bank.path("report"), &[]).1.contains(&nik(5)), "a customer is shown");
        let summary = bank.facts(&bank.path("summary.json"));
        assert_eq!((&summary["rows"], &summary["manifest_hash"]), (&json!(8_001), &manifest["hash"]));
    }
    let head = bank.facts(&bank.only("ledger").join("head"));
    assert_eq!((&head["customers"], &head["screenings"]), (&json!(8_000), &json!(2)));
    let run = bank.facts(&bank.of_ledger("run"));
    assert_eq!((&run["customers"], &run["blocks"]), (&json!(8_000), &json!(8)));
    assert_eq!(bank.facts(&bank.of_ledger("days"))["customers"], 8_000);
    // Nothing in the folder is left out.
    let mut kinds = BTreeSet::new();
    for folder in ["", "manifests", "segments"] {
        for entry in std::fs::read_dir(home.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() && path.extension().is_none_or(|extension| extension != "lock") {
                kinds.insert(bank.json(&path, 0)["kind"].as_str().unwrap().to_owned());
            }
        }
    }
    let expected = ["bank-config", "certificate", "manifest", "private-key", "seen", "segment"];
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), expected);
}

#[test]
fn a_download_that_was_cut_short_is_no_damage() {
    let operator = published();
    let bank = Bank::busy(&operator);
    let whole = bank.only("segments");
    let bytes = std::fs::read(&whole).unwrap();
    let part = whole.with_extension("part");
    // As sync leaves it: full length, header and directory there, some pages not.
    let mut some = bytes.clone();
    some[2_048 * 2..2_048 * 4].fill(0);
    std::fs::write(&part, &some).unwrap();
    let found = bank.json(&part, 0);
    assert_eq!((&found["facts"]["pages_missing"], &found["damaged"]), (&json!(2), &json!(false)));
    assert!(
        found["notes"].to_string().contains("samar sync goes on")
            && found["notes"].to_string().contains("page 1 is missing")
    );
    std::fs::write(&part, vec![0; bytes.len()]).unwrap();
    assert_eq!(bank.json(&part, 0)["kind"], "segment");
    // The same bytes under the name of a whole segment are damage, with the first page and its place.
    std::fs::write(&whole, &some).unwrap();
    let found = bank.json(&whole, 6);
    assert_eq!(found["fault"]["offset"], 4_096);
    assert_eq!(found["fault"]["what"], "page 1 is missing: nothing but zeros is there");
    assert!(found["fault"]["remedy"].as_str().unwrap().contains("samar sync"));
}

#[test]
fn a_file_that_is_cut_or_changed_is_shown_up_to_there() {
    let operator = published();
    let bank = Bank::busy(&operator);
    let spoiled = bank.path("spoiled");
    std::fs::create_dir(&spoiled).unwrap();
    let run = |name: &str, bytes: &[u8]| {
        let path = spoiled.join(name);
        std::fs::write(&path, bytes).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        bank.inspect(&path, &["--json"])
    };
    let home = bank.path("samar");
    let ledger = bank.only("ledger");
    std::fs::copy(ledger.join("head"), spoiled.join("head")).unwrap();
    for path in [bank.only("segments"), bank.only("manifests"), bank.of_ledger("tail"), ledger.join("head")] {
        let name = path.file_name().unwrap().to_str().unwrap();
        let good = std::fs::read(&path).unwrap();
        for at in (0..good.len()).step_by(good.len() / 7) {
            let mut changed = good.clone();
            changed[at] ^= 0x10;
            let (code, out, err) = run(name, &changed);
            assert_eq!((code, err.as_str()), (6, ""), "{name} changed at {at}: {out}");
            let object: Value = serde_json::from_str(&out).unwrap();
            assert!(!object["fault"]["remedy"].as_str().unwrap().is_empty(), "{object}");
            // A tail may end inside a block: that is how a crash leaves it.
            let (code, out, err) = run(name, &good[..at.max(8)]);
            let whole = name.ends_with(".tail") && code == 0;
            assert!(whole || code == 6, "{name} cut at {at}: {out}{err}");
            assert!(out.contains("\"kind\":\""), "{name} cut at {at}: {out}{err}");
        }
    }
    for path in
        [home.join("samar.toml"), home.join("seen.toml"), home.join("client.pem"), home.join("client.key")]
    {
        let name = path.file_name().unwrap().to_str().unwrap();
        let good = std::fs::read(&path).unwrap();
        for at in (1..8).map(|step| good.len() * step / 8) {
            let mut changed = good.clone();
            changed[at] ^= 0x80;
            let (code, out, err) = run(name, &changed);
            assert_eq!(code, 6, "{name} changed at {at}: {out}{err}");
            let (code, out, err) = run(name, &good[..at]);
            assert!([2, 6].contains(&code), "{name} cut at {at}: {out}{err}");
            assert_eq!(code == 2, out.is_empty());
        }
    }
}

#[test]
fn what_is_not_for_this_program_says_for_which() {
    let operator = published();
    let bank = Bank::busy(&operator);
    let refused = |path: &Path, words: &[&str]| {
        let (code, out, err) = bank.inspect(path, &[]);
        assert_eq!((code, out.as_str()), (2, ""), "{err}");
        assert!(words.iter().all(|word| err.contains(word)), "{err}");
    };
    refused(&bank.path("samar"), &["is a folder", "files in it"]);
    std::fs::write(bank.path("empty"), "").unwrap();
    refused(&bank.path("empty"), &["is empty"]);
    refused(&bank.path("customers.csv"), &["is no file of Samar"]);
    std::fs::write(bank.path("account.log"), b"SAMARLOG\x01\x00").unwrap();
    refused(&bank.path("account.log"), &["the account log", "samar-server inspect"]);
    // Another operator's manifest is shown, and that its signature is not by the one pinned here.
    let other = Operator::start();
    let manifest = other.publish(&[(Base, &[(nik(1), 0)])]);
    let mut changed = manifest.clone();
    changed[20] ^= 1;
    std::fs::write(bank.path("other.manifest"), &changed).unwrap();
    let found = bank.json(&bank.path("other.manifest"), 6);
    assert_eq!((&found["fault"]["offset"], &found["facts"]["epoch"]), (&json!(10), &json!(1)));
    // Without a folder that was joined, what cannot be checked is said.
    let elsewhere =
        Bank { folder: tempfile::tempdir().unwrap(), runtime: tokio::runtime::Runtime::new().unwrap() };
    let facts = elsewhere.facts(&bank.path("other.manifest"));
    assert!(facts["signature"].as_str().unwrap().starts_with("not checked"), "{facts}");
}

//! `inspect`: every file of a real run, whole, cut and changed; and files that are none of ours.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use samar_protocol::segment::SegmentKind;
use samar_server::accounts::{Accounts, Registry};
use serde_json::{Value, json};

use crate::house::{DUMP, House, Run};

/// A house in which everything was done once: ingest with rejects, publish, enrol, a join, two batches, a checkpoint.
fn lived_in() -> House {
    let house = House::new();
    let config = std::fs::read_to_string(house.layout.config()).unwrap();
    std::fs::write(house.layout.config(), format!("address = \"breach.example:4433\"\n{config}")).unwrap();
    let dump = house.file("dump.csv", format!("{DUMP}broken,x,\n3201010001900001,x,\n"));
    let rejects = house.path("rejects.csv").into_os_string().into_string().unwrap();
    let ingest = [
        "ingest",
        "--breach",
        "breach-a",
        "--title",
        "Toko Contoh",
        "--date",
        "2021-05",
        "--exposes",
        "phone",
    ];
    house.run(&[&ingest[..], &["--exposes", "photo=FOTO", "--rejects", &rejects, &dump]].concat()).done();
    house.run(&["publish"]).done();
    let out = house.path("jaya.invitation").into_os_string().into_string().unwrap();
    house.run(&["enroll", "bank-jaya", "--out", &out]).done();
    let accounts = Accounts::open(&house.layout.account_log()).unwrap();
    let bank = Registry::new(&house.layout).bank("bank-jaya").unwrap().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(accounts.join("bank-jaya", [1; 32], [0xab; 32], 1_800_000_000).unwrap()).unwrap();
    for batch in 1..=2 {
        runtime.block_on(accounts.debit(&bank, [batch; 32], 40, 1_800_000_060).unwrap().synced).unwrap();
    }
    accounts.checkpoint(1).unwrap();
    accounts.checkpoint(1).unwrap();
    house
}

fn inspect(house: &House, path: &Path, more: &[&str]) -> Run {
    house.run(&[&["inspect", path.to_str().unwrap()], more].concat())
}

fn whole(house: &House, path: &Path) -> Value {
    let object: Value = serde_json::from_str(&inspect(house, path, &["--json"]).done()).unwrap();
    assert_eq!((&object["damaged"], &object["fault"]), (&json!(false), &Value::Null), "{object}");
    object
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

fn only_segment(house: &House) -> PathBuf {
    files(&house.layout.segments()).remove(0)
}

#[test]
fn every_file_of_a_run_is_shown_by_its_facts() {
    let house = lived_in();
    let layout = &house.layout;
    let facts = |path: &Path| whole(&house, path)["facts"].clone();

    let manifest = facts(&layout.manifest(1));
    assert_eq!((&manifest["epoch"], &manifest["operator"]), (&json!(1), &json!("Samar operator")));
    assert_eq!(manifest["signature"], "good, by the publisher's key of this folder");
    let breach = &manifest["breaches"][0];
    assert_eq!((&breach["breach"], &breach["title"]), (&json!("breach-a"), &json!("Toko Contoh")));
    assert_eq!((&breach["varies"], &breach["segments"][0]["entries"]), (&json!(["photo"]), &json!(3)));

    let segment = facts(&only_segment(&house));
    assert_eq!(segment["root"], breach["segments"][0]["root"]);
    assert_eq!((&segment["entries"], &segment["entries_counted"]), (&json!(3), &json!(3)));
    assert_eq!((&segment["pages"], &segment["pages_verified"]), (&json!(1), &json!(1)));
    assert_eq!((&segment["breach"], &segment["oprf_key_id"]), (&json!("breach-a"), &manifest["oprf_key_id"]));

    let vault = facts(&layout.part("breach-a", 1, SegmentKind::Base));
    assert_eq!((&vault["entries"], &vault["check"]), (&json!(3), &json!("good")));
    assert_eq!(vault["entries_by_class"], json!([{"class": "photo", "entries": 2}]));

    let key = facts(&layout.oprf_key());
    assert_eq!(
        (&key["key_id"], &key["public_key"]),
        (&manifest["oprf_key_id"], &manifest["oprf_public_key"])
    );
    let publisher = facts(&layout.publisher_key());
    let invitation = facts(&house.path("jaya.invitation"));
    assert_eq!(
        (&invitation["bank"], &invitation["address"]),
        (&json!("bank-jaya"), &json!("breach.example:4433"))
    );
    assert_eq!(
        (&invitation["publisher_key"], &invitation["floor_hash"]),
        (&publisher["public_key"], &manifest["hash"])
    );
    let ca = facts(&layout.ca_certificate());
    assert_eq!((&ca["used_by"], &ca["in_force"]), (&json!("an authority"), &json!("yes")));
    assert_eq!(invitation["ca_certificate"][0]["key_fingerprint"], ca["key_fingerprint"]);
    assert_eq!(facts(&layout.ca_key())["key_fingerprint"], ca["key_fingerprint"]);
    assert_eq!(facts(&layout.server_certificate())["used_by"], "a server");

    let log = facts(&layout.account_log());
    let bank = json!({"bank": "bank-jaya", "batches": 2, "evaluations": 80, "rekeyed": 0, "lookups": 0,
                      "keys_joined": 1, "first": 1_800_000_000, "last": 1_800_000_060});
    assert_eq!((&log["records"], &log["banks"]), (&json!(3), &json!([bank])));
    assert_eq!(log["chain_head"].as_str().unwrap().len(), 64);
    // What stands behind a fault is shown for what it is.
    let mut damaged = std::fs::read(layout.account_log()).unwrap();
    damaged[20] ^= 1;
    let run = house.run(&["inspect", &house.file("damaged.log", damaged)]);
    let words = "3 records from there on can still be read, with 80 evaluations";
    assert!(run.code == 6 && run.out.contains(words), "{}{}", run.out, run.err);

    assert_eq!(facts(&layout.config())["manifest_days"], 30);
    assert_eq!(facts(&layout.about("breach-a"))["title"], "Toko Contoh");
    assert_eq!(facts(&layout.made("breach-a"))["segment"][0]["root"], segment["root"]);
    assert_eq!(facts(&layout.banks().join("bank-jaya.toml"))["per_day"], 10_000_000);
    let rejects = facts(&house.path("rejects.csv"));
    assert_eq!(rejects["rows_rejected"], 2);
    let reasons = json!([{"reason": "bad-day", "rows": 1}, {"reason": "not-digits", "rows": 1}]);
    assert_eq!(rejects["reasons"], reasons);
}

#[test]
fn no_file_of_the_folder_is_left_out_and_none_shows_a_secret() {
    let house = lived_in();
    let mut secrets = Vec::new();
    for key in [house.layout.oprf_key(), house.layout.publisher_key()] {
        let file = std::fs::read(key).unwrap();
        secrets.push(file[12..44].iter().map(|byte| format!("{byte:02x}")).collect::<String>());
    }
    let invitation = std::fs::read_to_string(house.path("jaya.invitation")).unwrap();
    let token = invitation.lines().find_map(|line| line.strip_prefix("token = ")).unwrap();
    secrets.push(token.trim_matches('"').to_owned());
    let vault = house.vault("breach-a");
    let first = vault.len() - 40 - 3 * 36;
    secrets.push(vault[first..first + 32].iter().map(|byte| format!("{byte:02x}")).collect());

    let mut kinds = BTreeSet::new();
    for path in
        [files(house.layout.root()), vec![house.path("jaya.invitation"), house.path("rejects.csv")]].concat()
    {
        if path.extension().is_some_and(|extension| extension == "lock") {
            inspect(&house, &path, &[]).fails(2, &["is empty", "locks"]);
            continue;
        }
        let words = inspect(&house, &path, &[]).done();
        let object = whole(&house, &path);
        kinds.insert(object["kind"].as_str().unwrap().to_owned());
        for secret in &secrets {
            assert!(!words.contains(secret) && !object.to_string().contains(secret), "{}", path.display());
        }
        assert!(words.lines().all(|line| line.chars().count() <= 160), "{words}");
    }
    let expected = [
        "about",
        "account-checkpoint",
        "account-log",
        "certificate",
        "enrolment",
        "invitation",
        "key-file",
        "manifest",
        "private-key",
        "published",
        "rejects",
        "segment",
        "server-config",
        "vault",
    ];
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), expected);
}

/// Every file again under its own name, cut and with a bit turned: shown as far as it goes, never a bug.
#[test]
fn a_file_that_is_cut_or_changed_is_shown_up_to_there() {
    let house = lived_in();
    let spoiled = house.path("spoiled");
    std::fs::create_dir(&spoiled).unwrap();
    let run = |name: &str, bytes: &[u8]| {
        let path = spoiled.join(name);
        std::fs::write(&path, bytes).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        inspect(&house, &path, &["--json"])
    };
    let binary = [
        (only_segment(&house), "segment"),
        (house.layout.manifest(1), "manifest"),
        (house.layout.part("breach-a", 1, SegmentKind::Base), "vault"),
        (house.layout.account_log(), "account-log"),
        (house.layout.account_log().with_extension("checkpoint"), "account-checkpoint"),
        (house.layout.publisher_key(), "key-file"),
    ];
    for (path, kind) in binary {
        let name = path.file_name().unwrap().to_str().unwrap();
        let good = std::fs::read(&path).unwrap();
        for at in (0..good.len()).step_by(good.len() / 12) {
            let mut changed = good.clone();
            changed[at] ^= 0x10;
            let found = run(name, &changed);
            assert_eq!(found.code, 6, "{kind} changed at {at}: {}{}", found.out, found.err);
            let object: Value = serde_json::from_str(&found.out).unwrap();
            assert_eq!((&object["kind"], &object["damaged"]), (&json!(kind), &json!(true)));
            let fault = &object["fault"];
            assert!(
                !fault["what"].as_str().unwrap().is_empty() && !fault["remedy"].as_str().unwrap().is_empty()
            );
            if let Some(offset) = fault["offset"].as_u64() {
                assert!(offset <= good.len() as u64, "{kind}: {fault}");
            }
        }
        for length in (1..good.len()).step_by(good.len() / 9) {
            let found = run(name, &good[..length]);
            // A log may end inside a record: that is how a crash leaves it.
            let codes: &[i32] = if kind == "account-log" { &[0, 6] } else { &[6] };
            assert!(codes.contains(&found.code), "{kind} cut at {length}: {}{}", found.out, found.err);
            if length >= 8 {
                let object: Value = serde_json::from_str(&found.out).unwrap();
                assert_eq!((&object["kind"], &object["bytes"]), (&json!(kind), &json!(length)));
            } else {
                assert!(found.err.contains("cut short in its first word"), "{}", found.err);
            }
        }
    }
    let text = [
        house.path("jaya.invitation"),
        house.layout.config(),
        house.layout.about("breach-a"),
        house.layout.made("breach-a"),
        house.layout.banks().join("bank-jaya.toml"),
        house.layout.ca_certificate(),
        house.layout.ca_key(),
        house.path("rejects.csv"),
    ];
    for path in text {
        let name = path.file_name().unwrap().to_str().unwrap();
        let good = std::fs::read(&path).unwrap();
        let mut shown = 0;
        for step in 1..8 {
            let at = good.len() * step / 8;
            let mut changed = good.clone();
            changed[at] ^= 0x80;
            for bytes in [&changed, &good[..at]] {
                let found = run(name, bytes);
                assert!([0, 2, 6].contains(&found.code), "{name} at {at}: {}", found.err);
                assert_eq!(
                    found.code == 2,
                    found.out.is_empty(),
                    "{name} at {at}: {}{}",
                    found.out,
                    found.err
                );
                shown += usize::from(found.code != 2);
            }
            let found = run(name, &changed);
            // The list of rejects is known by its first line alone.
            let code = if name == "rejects.csv" && at <= 16 { 2 } else { 6 };
            assert_eq!(
                found.code, code,
                "a byte that is no text is seen: {name} at {at}: {}{}",
                found.out, found.err
            );
        }
        assert!(shown >= 8, "{name} was shown {shown} times of 14");
    }
}

#[test]
fn the_first_fault_is_named_with_its_place() {
    let house = lived_in();
    let fault = |path: &Path| {
        let run = inspect(&house, path, &["--json"]);
        assert_eq!(run.code, 6, "{}", run.out);
        let object: Value = serde_json::from_str(&run.out).unwrap();
        (object["fault"]["offset"].as_u64(), object["fault"]["what"].as_str().unwrap().to_owned(), object)
    };
    // A page: by its number, and at the byte where it begins.
    let segment = only_segment(&house);
    let mut bytes = std::fs::read(&segment).unwrap();
    bytes[8_192 + 4_000] ^= 1;
    std::fs::write(&segment, &bytes).unwrap();
    let (at, what, object) = fault(&segment);
    assert_eq!((at, what.as_str()), (Some(8_192), "page 0 does not match its hash in the directory"));
    assert_eq!((&object["facts"]["entries"], &object["facts"]["pages_bad"]), (&json!(3), &json!(1)));
    // A manifest: by the field that is cut, with all before it.
    let manifest = house.layout.manifest(1);
    let bytes = std::fs::read(&manifest).unwrap();
    std::fs::write(&manifest, &bytes[..bytes.len() - 40]).unwrap();
    let (_, what, object) = fault(&manifest);
    assert!(what.starts_with("breach 1 of 1: "), "{what}");
    assert_eq!(object["facts"]["breaches"][0]["title"], "Toko Contoh");
    // A line of a configuration.
    std::fs::write(house.layout.config(), "operator = \"A\"\nlisten = \"127.0.0.1:0\"\nper_dya = 5\n")
        .unwrap();
    let (at, what, _) = fault(&house.layout.config());
    assert_eq!((at, what.as_str()), (Some(38), "the key `per_dya` is not known"));
    // A secret that others may read.
    let key = house.layout.oprf_key();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let (_, what, object) = fault(&key);
    assert!(what.contains("others may read it (mode 0644)"), "{what}");
    assert_eq!(object["fault"]["remedy"], format!("chmod 600 {}", key.display()));
}

#[test]
fn what_is_no_file_of_samar_has_a_clear_outcome() {
    let house = House::new();
    house.run(&["inspect", house.layout.root().to_str().unwrap()]).fails(2, &["is a folder", "files in it"]);
    house.run(&["inspect", "/nonexistent/file"]).fails(2, &["does not exist"]);
    let empty = house.file("empty", "");
    house.run(&["inspect", &empty]).fails(2, &["is empty"]);
    let mut state = 1u64;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[0]
    })
    .take(3 << 20)
    .collect();
    let noise = house.file("noise", noise);
    house.run(&["inspect", &noise]).fails(2, &["is no file of Samar"]);
    let other = house.file("customers.csv", "nik,name\n3201010101900001,Ani\n");
    let run = house.run(&["inspect", &other]);
    assert!(!run.err.contains("3201010101900001"), "{}", run.err);
    run.fails(2, &["is no file of Samar"]);
    let pipe = house.path("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    inspect(&house, &pipe, &[]).fails(2, &["not a regular file"]);
    // The bank's own files are named, and who shows them.
    let seen = house.file("seen.toml", "epoch = 1\nhash = \"00\"\npublisher_key = \"00\"\nsynced_s = 5\n");
    house
        .run(&["inspect", &seen])
        .fails(2, &["seen.toml: the manifest that a bank accepted last", "try: samar inspect"]);
}

#[test]
fn what_a_file_says_never_moves_the_terminal() {
    let house = House::new();
    let about = "title = \"A\\u001b[2J\\u009b31m\\u202e\"\ndate = \"2021\"\nstatus = \"claimed\"\n";
    let about = house.file("a\u{1b}[2Jbout.toml", about);
    for more in [&[][..], &["--json"]] {
        let run = inspect(&house, Path::new(&about), more);
        assert_eq!(run.code, 6, "a title is printable: {}", run.out);
        let obeyed = |sign: char| (sign.is_control() && sign != '\n') || sign == '\u{202e}';
        assert!(!run.out.contains(obeyed), "{:?}", run.out);
        assert!(run.out.contains("[2J"), "{}", run.out);
    }
}

#[test]
fn a_run_of_a_killed_sort_and_an_unfinished_file_are_no_damage() {
    let house = lived_in();
    std::fs::create_dir_all(house.layout.runs()).unwrap();
    let run = house.layout.runs().join("run-abc123.tmp");
    std::fs::write(&run, [7; 36 * 5]).unwrap();
    assert_eq!(whole(&house, &run)["facts"]["records"], 5);
    let segment = std::fs::read(only_segment(&house)).unwrap();
    let draft = house.layout.segments().join(".samar-unfinished-0123456789abcdef-draft.segment");
    std::fs::write(&draft, &segment[..9_000]).unwrap();
    let object = whole(&house, &draft);
    assert_eq!((&object["kind"], &object["facts"]["entries"]), (&json!("segment"), &json!(3)));
    // As `publish` writes it: pages first, the header last.
    std::fs::write(&draft, [vec![0; 8_192], segment[8_192..].to_vec()].concat()).unwrap();
    assert!(whole(&house, &draft)["notes"][0].as_str().unwrap().contains("header is not here yet"));
}

#[test]
fn made_up_data_is_known_as_such() {
    let house = House::new();
    let out = house.path("dump.csv").into_os_string().into_string().unwrap();
    let synth = ["synth", "dump", "--persons", "0..50", "--repeated", "0", "--broken", "0", "--out", &out];
    assert_eq!(house.run(&synth).code, 0);
    let object = whole(&house, Path::new(&out));
    assert_eq!((&object["kind"], &object["facts"]["rows"]), (&json!("made-up"), &json!(50)));
}

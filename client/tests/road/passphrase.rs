//! A ledger under a passphrase: what opens it, what does not, and what is left of it in the clear.

use std::collections::BTreeMap;
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};

use samar::Home;
use samar::kept::{is_protected, kept, protect};
use samar::people::now_s;
use samar::screen::ScreenPlan;
use samar_local::exit::{Exit, Failure};
use samar_local::folder::lock;
use samar_local::passphrase::{Passphrase, Source};
use samar_protocol::manifest::SegmentKind::Base;
use samar_protocol::wire::RequestKind;
use serde_json::Value;

use super::bank::{Bank, count, entries, nik};
use super::operator::Operator;

/// Where the keys stand in a head in the clear: hash key, file key.
const KEYS: std::ops::Range<usize> = 60..124;
/// Where what is sealed of them stands: cost, salt, nonce, keys, tag.
const SEALED: std::ops::Range<usize> = 60..192;

/// A bank that screened 60 customers, of whom 50 are in the set.
fn screened() -> (Operator, Bank) {
    let operator = Operator::start();
    operator.publish(&[(Base, &entries(0..50))]);
    let bank = Bank::joined(&operator);
    bank.sync().unwrap();
    bank.screen(0..60).unwrap();
    operator.asked();
    (operator, bank)
}

/// A passphrase, as a descriptor gives it.
fn passphrase(bank: &Bank, text: &str) -> Passphrase {
    let path = bank.path(text);
    std::fs::write(&path, format!("{text}\n")).unwrap();
    let file = std::fs::File::open(path).unwrap();
    let descriptor = u32::try_from(file.as_raw_fd()).unwrap();
    std::mem::forget(file); // open as long as the test runs
    Passphrase::new(Source::Descriptor(descriptor))
}

fn home(bank: &Bank, text: &str) -> Home {
    bank.home().opened_with(passphrase(bank, text))
}

fn set(bank: &Bank, text: &str) {
    protect(&bank.home(), Some(&passphrase(bank, text))).unwrap();
}

/// Screens with this passphrase what was screened before; how many were evaluated.
fn screen(bank: &Bank, text: &str) -> Result<u64, Failure> {
    let plan = ScreenPlan { home: home(bank, text), ..bank.plan() };
    bank.screen_as(&plan).map(|summary| summary.evaluated)
}

/// Runs the program with these variables and this on its standard input: exit code, output, errors.
fn run(bank: &Bank, arguments: &[&str], variables: &[(&str, &str)], input: &str) -> (i32, String, String) {
    let mut program = assert_cmd::Command::cargo_bin("samar").unwrap();
    program.arg("--dir").arg(bank.path("samar")).args(arguments).envs(variables.iter().copied());
    let output = program.write_stdin(input).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn head(bank: &Bank) -> PathBuf {
    bank.ledgers().into_iter().next().expect("a ledger").join("head")
}

/// Every file below a folder, with its bytes.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.append(&mut contents(&path));
        } else {
            found.insert(path.clone(), std::fs::read(path).unwrap());
        }
    }
    found
}

#[test]
fn the_right_passphrase_opens_and_a_wrong_or_missing_one_changes_nothing() {
    let (operator, bank) = screened();
    let (file, out) = (bank.path("customers.csv"), bank.path("report.csv"));
    let (file, out) = (file.to_str().unwrap(), out.to_str().unwrap());
    let keys = std::fs::read(head(&bank)).unwrap()[KEYS].to_vec();
    let runs = contents(&bank.path("samar/ledger"));
    let new = [("SAMAR_NEW_PASSPHRASE", "kunci pertama")];
    let (code, said, err) = run(&bank, &["ledger", "passphrase", "--json"], &new, "");
    assert_eq!(
        (code, json(&said)),
        (0, serde_json::json!({ "ledgers": 1, "protection": "passphrase" })),
        "{err}"
    );

    // Neither key is left in any file, and no record under the key of before.
    let sealed = contents(&bank.path("samar/ledger"));
    for (path, bytes) in &sealed {
        assert!(
            !bytes.windows(32).any(|part| part == &keys[..32] || part == &keys[32..]),
            "{}",
            path.display()
        );
        assert!(!runs.values().any(|before| before == bytes), "{} is as it was", path.display());
    }
    let screen = ["screen", file, "--column", "nik", "--out", out, "--json"];
    std::fs::remove_file(out).unwrap();
    for (variables, says) in [
        (&[][..], "needs a passphrase"),
        (&[("SAMAR_PASSPHRASE", "kunci kedua")], "this passphrase does not open"),
        (&[("SAMAR_PASSPHRASE", "")], "a passphrase has 1 to"),
    ] {
        for command in
            [&screen[..], &["ledger", "prune", "--older-than", "9"], &["ledger", "passphrase", "--remove"]]
        {
            let (code, said, err) = run(&bank, command, variables, "");
            assert_eq!((code, said.as_str()), (2, ""), "{command:?}: {err}");
            assert!(err.contains(says) && !err.contains("kunci"), "{command:?}: {err}");
            assert_eq!(contents(&bank.path("samar/ledger")), sealed, "{command:?}");
            assert!(!Path::new(out).exists());
        }
    }
    let (code, said, err) = run(&bank, &screen, &[("SAMAR_PASSPHRASE", "kunci pertama")], "");
    assert_eq!((code, &json(&said)["evaluated"]), (1, &0.into()), "{err}");
    let by_descriptor = [&screen[..], &["--passphrase-fd", "0"]].concat();
    let (code, said, err) = run(&bank, &by_descriptor, &[], "kunci pertama\nanything else");
    assert_eq!((code, &json(&said)["evaluated"]), (1, &0.into()), "{err}");
    assert_eq!(count(&operator.asked(), RequestKind::Evaluate), 0);

    // What needs no customer needs no passphrase.
    let (code, said, err) = run(&bank, &["ledger", "status", "--json"], &[], "");
    assert_eq!((code, &json(&said)[0]["protection"]), (0, &"passphrase".into()), "{err}");
    let (code, _, err) = run(&bank, &["check", "-"], &[], &nik(1));
    assert_eq!(code, 1, "{err}");
    let (code, shown, err) = run(&bank, &["inspect", head(&bank).to_str().unwrap(), "--json"], &[], "");
    let facts = &json(&shown)["facts"];
    assert_eq!(
        (code, &facts["protection"], &facts["customers"]),
        (0, &"a passphrase".into(), &60.into()),
        "{err}"
    );
    assert_eq!(facts["wrapping_key"], "Argon2id, 65536 KiB, 3 passes, 4 lanes");
    let marker = bank.path("samar/ledger/passphrase");
    let (code, shown, err) = run(&bank, &["inspect", marker.to_str().unwrap(), "--json"], &[], "");
    assert_eq!((code, &json(&shown)["facts"]["protection"]), (0, &"a passphrase".into()), "{err}");
}

#[test]
fn a_passphrase_is_changed_and_removed_and_no_customer_is_evaluated_again() {
    let (operator, bank) = screened();
    set(&bank, "pertama");
    let kept = kept(&bank.home()).unwrap();
    assert_eq!((kept.len(), kept[0].customers, kept[0].is_sealed), (1, 60, true));
    protect(&home(&bank, "pertama"), Some(&passphrase(&bank, "kedua"))).unwrap();
    assert_eq!(screen(&bank, "pertama").unwrap_err().exit(), Exit::Input);
    assert_eq!(screen(&bank, "kedua").unwrap(), 0);
    // Cut short when the new one was set and the ledger not yet under it: the same again goes on.
    let marker = bank.path("samar/ledger/passphrase");
    let before = std::fs::read(&marker).unwrap();
    protect(&home(&bank, "kedua"), Some(&passphrase(&bank, "ketiga"))).unwrap();
    std::fs::write(&marker, before).unwrap();
    protect(&home(&bank, "kedua"), Some(&passphrase(&bank, "ketiga"))).unwrap();
    assert_eq!(screen(&bank, "ketiga").unwrap(), 0);

    assert_eq!(protect(&home(&bank, "ketiga"), None).unwrap(), 1);
    assert!(!marker.exists() && std::fs::read(head(&bank)).unwrap()[11] == 0);
    let summary = bank.screen_again(true).unwrap();
    assert_eq!((summary.evaluated, summary.reused, summary.exposed), (0, 60, 50));
    assert_eq!(count(&operator.asked(), RequestKind::Evaluate), 0);
}

#[test]
fn what_is_kept_after_a_passphrase_was_set_is_never_in_the_clear() {
    let operator = Operator::start();
    operator.publish(&[(Base, &entries(0..50))]);
    let bank = Bank::joined(&operator);
    bank.sync().unwrap();
    set(&bank, "kunci");
    let (code, said, err) = run(&bank, &["ledger", "status"], &[], "");
    assert!(
        code == 0 && said.contains("nothing of any customer is kept") && said.contains("passphrase"),
        "{err}"
    );
    bank.customers(0..60);
    // A slip does not become the passphrase of a new ledger.
    for text in ["kumci", "kunci "] {
        assert_eq!(screen(&bank, text).unwrap_err().exit(), Exit::Input);
        assert!(bank.ledgers().is_empty());
    }
    // Nor is there anything in the clear in pending/.
    let unkept = |text| ScreenPlan { home: home(&bank, text), ledger: false, ..bank.plan() };
    assert_eq!(bank.screen_as(&unkept("kumci")).map(drop).unwrap_err().exit(), Exit::Input);
    assert_eq!(count(&operator.asked(), RequestKind::Evaluate), 0, "nothing was sent");
    assert_eq!(screen(&bank, "kunci").unwrap(), 60);
    assert_eq!(std::fs::read(head(&bank)).unwrap()[11], 1);
    assert_eq!(bank.screen_as(&unkept("kunci")).unwrap().evaluated, 60);

    // To the next key it goes along under the passphrase. A sync that was not given it syncs all the same.
    operator.rotate(now_s() + 600);
    operator.publish(&[(Base, &entries(0..50))]);
    let old = head(&bank);
    let (code, _, err) = run(&bank, &["sync"], &[], "");
    assert!(code == 0 && err.contains("the ledger was not taken along") && old.exists(), "{err}");
    assert_eq!(screen(&bank, "kumci").unwrap_err().exit(), Exit::Input);
    bank.runtime.block_on(samar::sync::sync(&home(&bank, "kunci"))).unwrap();
    assert!(!old.exists());
    assert_eq!(std::fs::read(head(&bank)).unwrap()[11], 1);
    assert_eq!(screen(&bank, "kunci").unwrap(), 0);
}

// R-LED-1: 6, R-LED-2: 6
#[test]
fn a_flipped_bit_in_what_is_sealed_is_damage_or_opens_nothing() {
    let (_operator, bank) = screened();
    set(&bank, "kunci");
    let (path, right) = (head(&bank), home(&bank, "kunci"));
    let plan = ScreenPlan { home: right, ..bank.plan() };
    let good = std::fs::read(&path).unwrap();
    // Public key, id; memory, salt, nonce, keys, tag.
    for at in [20, 50, 60, 75, 90, 130, SEALED.end - 1] {
        let mut bad = good.clone();
        bad[at] ^= 1;
        std::fs::write(&path, &bad).unwrap();
        let failure = bank.screen_as(&plan).map(drop).unwrap_err();
        assert_eq!(failure.exit(), Exit::Local, "{at}");
        assert!(failure.to_string().contains("the ledger is damaged"), "{failure}");
        // With its check made to fit it is another file, and opens under no passphrase.
        bad.truncate(bad.len() - 32);
        bad.extend(blake3::hash(&bad).as_bytes());
        std::fs::write(&path, &bad).unwrap();
        let failure = bank.screen_as(&plan).map(drop).unwrap_err();
        assert!(at == 20 || failure.exit() == Exit::Input, "{at}: {failure}");
    }
    // One that asks for all memory is not obeyed.
    let mut greedy = good.clone();
    greedy[SEALED.start..][..4].copy_from_slice(&u32::MAX.to_le_bytes());
    greedy.truncate(greedy.len() - 32);
    greedy.extend(blake3::hash(&greedy).as_bytes());
    std::fs::write(&path, &greedy).unwrap();
    let failure = bank.screen_as(&plan).map(drop).unwrap_err();
    assert_eq!(failure.exit(), Exit::Local);
    assert!(failure.to_string().contains("more work than any ledger"), "{failure}");
    std::fs::write(&path, &good).unwrap();
    assert_eq!(bank.screen_as(&plan).unwrap().evaluated, 0);

    let marker = bank.path("samar/ledger/passphrase");
    let whole = std::fs::read(&marker).unwrap();
    std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
    for at in [5, 10, 11, 13, 60, whole.len() - 1] {
        let mut bad = whole.clone();
        bad[at] ^= 1;
        std::fs::write(&marker, &bad).unwrap();
        let failure = bank.screen_as(&plan).map(drop).unwrap_err();
        assert_eq!(failure.exit(), Exit::Local, "{at}: {failure}");
        assert!(failure.to_string().contains("passphrase is damaged"), "{failure}");
        assert_eq!(is_protected(&bank.home()).unwrap_err().exit(), Exit::Local, "{at}");
    }
}

#[test]
fn two_runs_at_once_are_told_before_anybody_is_asked_for_a_passphrase() {
    let (_operator, bank) = screened();
    set(&bank, "kunci");
    let sealed = contents(&bank.path("samar/ledger"));
    let busy = lock(bank.home().dir(), "screen").unwrap();
    let failures =
        [bank.screen_again(true).map(drop).unwrap_err(), protect(&bank.home(), None).map(drop).unwrap_err()];
    for failure in failures {
        assert_eq!(failure.exit(), Exit::Local);
        assert!(failure.to_string().contains("another run is working on"), "{failure}");
    }
    drop(busy);
    assert_eq!(contents(&bank.path("samar/ledger")), sealed);
    assert_eq!(screen(&bank, "kunci").unwrap(), 0);
}

//! `audit`, and the fingerprints that both sides compare.

use std::path::PathBuf;

use samar_local::people::fingerprint_lines;
use samar_protocol::invitation::Invitation;
use samar_server::accounts::{Accounts, Bank};
use serde_json::{Value, json};

use crate::house::House;

const NOON: u64 = 1_800_014_400;

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().build().unwrap()
}

/// A bank joined and was charged three times; the log is still open, as it is under a server.
fn charged(house: &House) -> Accounts {
    let accounts = Accounts::open(&house.layout.account_log()).unwrap();
    runtime().block_on(accounts.join("bank-jaya", [9; 32], [0xab; 32], NOON).unwrap()).unwrap();
    for batch in 1..=3 {
        charge(&accounts, batch);
    }
    accounts
}

fn charge(accounts: &Accounts, batch: u8) {
    let name = "bank-jaya".to_owned();
    let bank =
        Bank { name, per_day: 1_000, lifetime: 1_000, invitations: vec![], keys: vec![], revoked: None };
    let debit = accounts.debit(&bank, [batch; 32], 40, NOON + 61).unwrap();
    runtime().block_on(debit.synced).unwrap();
}

#[test]
fn a_log_is_verified_while_it_is_written_to() {
    let house = House::new();
    house.run(&["audit", "verify"]).fails(2, &["account.log does not exist", "samar-server serve"]);
    let accounts = charged(&house);
    let said = house.run(&["audit", "verify"]).done();
    assert!(
        said.contains("4 records") && said.contains("bank-jaya: 120 evaluations in 3 batches, 1 key joined"),
        "{said}"
    );
    let head = |text: &str| serde_json::from_str::<Value>(text).unwrap()["chain_head"].clone();
    let before = head(&house.run(&["audit", "verify", "--json"]).done());
    assert!(said.contains(before.as_str().unwrap()), "{said}");
    assert_eq!(head(&house.run(&["audit", "verify", "--json"]).done()), before);
    charge(&accounts, 4);
    assert_ne!(head(&house.run(&["audit", "verify", "--json"]).done()), before);
}

#[test]
fn a_log_that_was_cut_says_how_much_of_it_is_whole() {
    let house = House::new();
    drop(charged(&house));
    let path = house.layout.account_log();
    let whole = std::fs::read(&path).unwrap();
    let ends = record_ends(&whole);
    for length in (0..whole.len()).step_by(7).chain(ends.iter().copied()) {
        std::fs::write(&path, &whole[..length]).unwrap();
        let found = house.run(&["audit", "verify", "--json"]).done();
        let found: Value = serde_json::from_str(&found).unwrap();
        let records = ends.iter().filter(|end| **end <= length).count();
        assert_eq!(found["records"], records, "cut at {length}");
        let at_an_end = length == 10 || ends.contains(&length);
        assert_eq!(found["note"].is_null(), at_an_end, "cut at {length}: {found}");
    }
}

/// Where each record ends, by the lengths in the file.
fn record_ends(log: &[u8]) -> Vec<usize> {
    let mut ends = Vec::new();
    let mut at = 10;
    while at < log.len() {
        at += 4 + usize::from(u16::from_le_bytes([log[at], log[at + 1] & 0x7f])) + 32;
        ends.push(at);
    }
    ends
}

#[test]
fn a_bit_that_was_turned_is_named_by_record_and_byte() {
    let house = House::new();
    drop(charged(&house));
    let path = house.layout.account_log();
    let whole = std::fs::read(&path).unwrap();
    let ends = record_ends(&whole);
    let out = house.path("debits.csv");
    for at in (0..whole.len()).step_by(11).chain([whole.len() - 1]) {
        let mut changed = whole.clone();
        changed[at] ^= if whole[at] == 4 { 8 } else { 4 }; // a zero at the end would be a hole that a crash left
        std::fs::write(&path, &changed).unwrap();
        let run = house.run(&["audit", "verify"]);
        assert_eq!(run.code, 6, "byte {at}: {}{}", run.out, run.err);
        assert!(run.err.contains("  try: ") && run.err.contains("restore the log"), "{}", run.err);
        let number = ends.iter().position(|end| at < *end).unwrap();
        let begins = if number == 0 { 10 } else { ends[number - 1] };
        let named = if at < 10 {
            "at byte 0, ".to_owned()
        } else {
            format!("at byte {begins}, record {}", number + 1)
        };
        assert!(run.err.contains(&named), "byte {at}, {named}: {}", run.err);
        // And nothing is written out of it.
        house.run(&["audit", "export", "--out", out.to_str().unwrap()]).fails(6, &["is damaged at byte"]);
        house.run(&["audit", "export"]).fails(6, &["is damaged at byte"]);
        assert!(!out.exists());
    }
}

#[test]
fn debits_are_written_out_a_line_each() {
    let house = House::new();
    let _open = charged(&house);
    let csv = house.run(&["audit", "export"]).done();
    let lines: Vec<_> = csv.lines().collect();
    assert_eq!(lines[0], "record,time,bank,evaluations,batch_sha256");
    assert_eq!(lines[1], format!("2,2027-01-15T12:01:01Z,bank-jaya,40,{}", "01".repeat(32)));
    assert_eq!(lines.len(), 4, "the join is no debit");
    let jsonl = house.run(&["audit", "export", "--format", "jsonl", "--out", "-"]).done();
    let last: Value = serde_json::from_str(jsonl.lines().last().unwrap()).unwrap();
    assert_eq!(
        last,
        json!({"record": 4, "time": "2027-01-15T12:01:01Z", "bank": "bank-jaya", "evaluations": 40,
                            "batch_sha256": "03".repeat(32)})
    );
    let out = house.path("debits.csv");
    let run = house.run(&["audit", "export", "--out", out.to_str().unwrap()]);
    assert_eq!((run.code, run.out.as_str()), (0, ""));
    assert!(run.err.contains("3 debits"), "{}", run.err);
    assert_eq!(std::fs::read_to_string(out).unwrap(), csv);
}

fn reachable() -> House {
    let house = House::new();
    let config = std::fs::read_to_string(house.layout.config()).unwrap();
    std::fs::write(house.layout.config(), format!("address = \"breach.example:4433\"\n{config}")).unwrap();
    house
}

fn text(path: PathBuf) -> String {
    path.into_os_string().into_string().unwrap()
}

#[test]
fn both_sides_see_the_same_fingerprints() {
    let house = House::empty();
    let init = house.run(&["init", "--listen", "127.0.0.1:4433"]).done();
    let out = text(house.path("jaya.invitation"));
    let enroll = house.run(&["enroll", "bank-jaya", "--out", &out]).done();
    assert!(house.run(&["status"]).done().contains("has not joined yet"));
    drop(charged(&house));
    let status = house.run(&["status"]).done();

    let invitation = Invitation::parse(&std::fs::read_to_string(&out).unwrap()).unwrap();
    let ca = samar_server::pki::authority_fingerprint(&house.layout).unwrap();
    for said in [&init, &enroll, &status] {
        for (name, key) in
            [("key of the operator's CA", &ca), ("publisher's key", invitation.publisher_key.as_bytes())]
        {
            let [first, second] = fingerprint_lines(key);
            assert!(
                said.contains(&format!("  {name:<26}{first}\n  {:<26}{second}", "")),
                "{name} in: {said}"
            );
        }
    }
    let [joined, _] = fingerprint_lines(&[0xab; 32]);
    assert!(status.contains("joined 2027-01-15 12:00  ") && status.contains(&joined), "{status}");
    let json: Value = serde_json::from_str(&house.run(&["status", "--json"]).done()).unwrap();
    assert_eq!(json["banks"][0]["joined"], json!([{"bank_key_sha256": "ab".repeat(32), "joined_s": NOON}]));
}

#[test]
fn an_invitation_that_cannot_be_written_leaves_a_way_on() {
    let house = reachable();
    let nowhere = text(house.path("nowhere/jaya.invitation"));
    house.run(&["enroll", "bank-jaya", "--out", &nowhere]).fails(2, &["there is no folder to put"]);
    let out = text(house.path("jaya.invitation"));
    // The disk takes the account and then is full: as a limit of 512 bytes a file has it.
    let mut limited = assert_cmd::Command::new("sh");
    let script = "trap '' XFSZ; ulimit -f 1; exec \"$0\" enroll bank-jaya --out \"$1\" --dir \"$2\"";
    limited
        .args(["-c", script])
        .arg(assert_cmd::cargo::cargo_bin!("samar-server"))
        .arg(&out)
        .arg(house.layout.root());
    let run = crate::house::Run::from(limited.output().unwrap());
    run.fails(6, &["cannot write the invitation", "bank-jaya is enrolled now", "--again"]);
    assert!(!house.path("jaya.invitation").exists());
    house.run(&["enroll", "bank-jaya", "--out", &out, "--again"]).done();
}

//! Keeping the folder: init, enrol, publish, status, and what can be wrong with its files.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use samar_local::folder;
use samar_protocol::invitation::Invitation;
use samar_protocol::manifest::Chain;

use crate::house::{DUMP, House, Run, names, program};

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn every_command_says_where_a_folder_was_never_initialised() {
    let house = House::empty();
    let dump = house.file("dump.csv", DUMP);
    let out = house.path("x.invitation").into_os_string().into_string().unwrap();
    let commands: [&[&str]; 6] = [
        &["enroll", "bank-jaya", "--out", &out],
        &["revoke", "bank-jaya", "--reason", "test"],
        &["ingest", "--breach", "breach-a", "--date", "2021", &dump],
        &["publish"],
        &["serve"],
        &["status"],
    ];
    // Not there at all, and there but empty.
    for turn in 0..2 {
        for command in commands {
            let remedy = ["samar-server.toml does not exist", "try: run `samar-server init` first"];
            house.run(command).fails(2, &remedy);
        }
        if turn == 0 {
            assert!(!house.layout.root().exists(), "nothing was made on the way");
            std::fs::create_dir(house.layout.root()).unwrap();
        }
    }
    assert_eq!(std::fs::read_dir(house.layout.root()).unwrap().count(), 0, "and nothing left behind");
}

#[test]
fn without_dir_the_users_configuration_folder_serves() {
    let home = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        Run::from(program().env("XDG_CONFIG_HOME", home.path()).args(arguments).output().unwrap())
    };
    run(&["status"]).fails(2, &["samar-server/samar-server.toml does not exist", "--dir"]);
    run(&["init"]).done();
    run(&["status"]).done();
    assert_eq!(names(home.path()), ["samar-server"]);
}

#[test]
fn init_makes_a_private_folder_and_makes_it_once() {
    let house = House::new();
    let layout = &house.layout;
    assert_eq!(mode(layout.root()), 0o700);
    for secret in [layout.oprf_key(), layout.publisher_key(), layout.ca_key(), layout.server_key()] {
        assert_eq!(mode(&secret), 0o600, "{}", secret.display());
    }
    let key = std::fs::read(layout.oprf_key()).unwrap();
    house.run(&["init"]).fails(2, &["was initialised before", "try: "]);
    assert_eq!(std::fs::read(layout.oprf_key()).unwrap(), key, "the key is untouched");
}

#[test]
fn an_operator_that_cannot_be_named_is_refused_before_anything_is_made() {
    let house = House::empty();
    for name in ["", "a\nb", &"x".repeat(65)] {
        house.run(&["init", "--operator", name]).fails(2, &["--operator"]);
    }
    assert!(!house.layout.root().exists());
}

// R-KEY-2: 6
#[test]
fn a_key_file_that_others_may_read_is_refused_with_the_command_that_mends_it() {
    let house = House::filled();
    let dump = house.file("dump.csv", DUMP);
    let key = house.layout.oprf_key();
    for bits in [0o640, 0o604] {
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(bits)).unwrap();
        let remedy = format!("try: chmod 600 {}", key.display());
        let commands: [&[&str]; 3] = [&["serve"], &["publish"], &["ingest", "--breach", "breach-a", &dump]];
        for command in commands {
            house.run(command).fails(6, &["others may read it", &remedy]);
        }
    }
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    house.run(&["publish"]).done();
}

// R-KEY-1: 6
#[test]
fn a_damaged_key_file_is_named() {
    let house = House::filled();
    let key = house.layout.oprf_key();
    let good = std::fs::read(&key).unwrap();
    let mut flipped = good.clone();
    flipped[20] ^= 1;
    for bad in [flipped, good[..good.len() - 1].to_vec(), vec![]] {
        std::fs::write(&key, &bad).unwrap();
        for command in ["serve", "publish"] {
            house.run(&[command]).fails(6, &["oprf.key", "try: restore the key file"]);
        }
    }
}

#[test]
fn a_configuration_that_cannot_be_is_named_with_its_place() {
    let house = House::new();
    let path = house.layout.config();
    let good = std::fs::read_to_string(&path).unwrap();
    for (line, words) in
        [("per_dya = 5", "per_dya"), ("manifest_days = 0", "manifest_days"), ("=", "samar-server.toml")]
    {
        let without: String = good
            .lines()
            .filter(|old| !old.starts_with("manifest_days"))
            .map(|old| format!("{old}\n"))
            .collect();
        std::fs::write(&path, format!("{line}\n{without}")).unwrap();
        let run = house.run(&["status"]);
        assert_eq!(run.code, 2, "{}", run.err);
        assert!(run.err.contains(words) && run.err.contains("samar-server.toml"), "{}", run.err);
        assert!(
            run.err.ends_with("\n  try: mend the line; a setting that is left out has its default\n"),
            "{}",
            run.err
        );
    }
}

/// A house with an address that banks can be told.
fn reachable() -> House {
    let house = House::new();
    let config = std::fs::read_to_string(house.layout.config()).unwrap();
    std::fs::write(house.layout.config(), format!("address = \"breach.example:4433\"\n{config}")).unwrap();
    house
}

#[test]
fn a_bank_is_enrolled_once_and_invited_again_on_request() {
    let house = reachable();
    let out = house.path("jaya.invitation");
    let out_text = out.to_str().unwrap();
    let enroll = |more: &[&str]| house.run(&[&["enroll", "bank-jaya", "--out", out_text], more].concat());
    enroll(&["--again"]).fails(2, &["bank-jaya is not enrolled yet"]);
    assert!(!out.exists());
    enroll(&["--per-day", "5", "--lifetime", "50"]).done();
    assert_eq!(mode(&out), 0o600, "a token opens the account");
    let first = Invitation::parse(&std::fs::read_to_string(&out).unwrap()).unwrap();
    assert_eq!((first.bank.as_str(), first.address.as_str()), ("bank-jaya", "breach.example:4433"));
    enroll(&[]).fails(2, &["bank-jaya is enrolled already", "try: --again"]);
    assert_eq!(
        std::fs::read_to_string(&out).unwrap(),
        first.to_text().unwrap(),
        "it still holds the first token"
    );
    let said = enroll(&["--again"]).done();
    assert!(said.contains("5 a day, 50 in all"), "{said}");
    assert_ne!(std::fs::read_to_string(&out).unwrap(), first.to_text().unwrap());
}

#[test]
fn an_enrolment_that_cannot_be_is_refused_with_a_remedy() {
    let house = House::new();
    let out = house.path("x.invitation").into_os_string().into_string().unwrap();
    house
        .run(&["enroll", "bank-jaya", "--out", &out])
        .fails(2, &["which address banks connect to", "address ="]);
    let house = reachable();
    for name in ["Bank Jaya", "../bank", "-bank", ""] {
        let mut command = program();
        command.arg("--dir").arg(house.layout.root()).args(["enroll", "--out", &out, "--", name]);
        Run::from(command.output().unwrap()).fails(2, &["cannot name a bank", "try: use lower-case"]);
    }
    let csr = house.file("bank.csr", "no signing request");
    house
        .run(&["enroll", "bank-jaya", "--out", &out, "--csr", &csr])
        .fails(2, &["bank.csr is not a PKCS #10"]);
    assert_eq!(names(&house.layout.banks()), Vec::<String>::new());
    assert!(!Path::new(&out).exists());
}

#[test]
fn an_empty_vault_is_not_published() {
    let house = House::new();
    house.run(&["publish"]).fails(2, &["the vault is empty", "samar-server ingest"]);
    assert_eq!(names(&house.layout.manifests()), Vec::<String>::new());
}

#[test]
fn publishing_waits_for_no_other_run_but_says_that_there_is_one() {
    let house = House::filled();
    let lock = folder::lock(house.layout.root(), "vault").unwrap();
    house.run(&["publish"]).fails(6, &["another run is working on", "try: wait"]);
    drop(lock);
    house.run(&["publish"]).done();
}

// R-VLT-1: 6
#[test]
fn a_vault_that_is_cut_or_changed_is_named_and_not_published() {
    let house = House::filled();
    let path = house.base("breach-a");
    let good = house.vault("breach-a");
    let mut flipped = good.clone();
    flipped[good.len() - 60] ^= 1;
    let dump = house.file("dump.csv", DUMP);
    for bad in [flipped, good[..good.len() - 1].to_vec(), good[..good.len() - 36].to_vec(), vec![]] {
        std::fs::write(&path, &bad).unwrap();
        let named = ["1-base.vault is damaged", "try: restore it from its backup"];
        house.run(&["publish"]).fails(6, &named);
        house.run(&["ingest", "--breach", "breach-a", &dump]).fails(6, &named);
        assert_eq!(std::fs::read(&path).unwrap(), bad, "nothing was written over it");
    }
    assert_eq!(names(&house.layout.manifests()), Vec::<String>::new());
    assert_eq!(names(&house.layout.segments()), Vec::<String>::new(), "and no half of a segment is left");
    std::fs::write(&path, good).unwrap();
    house.run(&["publish"]).done();
}

#[test]
fn a_published_file_that_is_cut_is_named_when_it_is_to_be_served() {
    let house = House::filled();
    house.run(&["publish"]).done();
    let segment = house.layout.segments().join(&names(&house.layout.segments())[0]);
    let good = std::fs::read(&segment).unwrap();
    std::fs::write(&segment, &good[1..]).unwrap();
    house.run(&["serve"]).fails(6, &[".segment is damaged", "publish again"]);
    std::fs::write(&segment, good).unwrap();
    std::fs::write(house.layout.manifest(1), "").unwrap();
    house.run(&["serve"]).fails(6, &["1.manifest is damaged"]);
}

#[test]
fn results_can_be_read_by_a_program() {
    let house = reachable();
    let json = |text: String| serde_json::from_str::<serde_json::Value>(&text).unwrap();
    let nothing = json(house.run(&["status", "--json"]).done());
    assert_eq!(
        (&nothing["published"], &nothing["banks"]),
        (&serde_json::json!(null), &serde_json::json!([]))
    );

    let dump = house.file("dump.csv", format!("{DUMP}3201010101900001,Ani lagi,\nbroken,,\n"));
    let arguments =
        ["ingest", "--breach", "breach-a", "--date", "2021-05", "--exposes", "photo=FOTO", "--json", &dump];
    let report = json(house.run(&arguments).done());
    let expected = serde_json::json!({"accepted": 3, "duplicates": 1, "rejected": {"not-digits": 1}, "entries": 3,
        "warnings": []});
    assert_eq!(report, expected);

    let publication = json(house.run(&["publish", "--json"]).done());
    assert_eq!(publication["epoch"], 1);
    assert_eq!(publication["breaches"][0]["entries"], 3);
    assert_eq!(publication["breaches"][0]["varies"], serde_json::json!(["photo"]));

    let out = house.path("jaya.invitation").into_os_string().into_string().unwrap();
    house.run(&["enroll", "bank-jaya", "--out", &out, "--per-day", "7", "--lifetime", "70"]).done();
    let status = json(house.run(&["status", "--json"]).done());
    assert_eq!(status["published"]["hash"], publication["hash"]);
    let bank = serde_json::json!({"bank": "bank-jaya", "per_day": 7, "lifetime": 70, "used_today": 0, "used_lifetime": 0,
        "rekeyed_today": 0, "joined": [], "certified": [], "revoked": null});
    assert_eq!(status["banks"], serde_json::json!([bank]));
}

#[test]
fn the_folder_may_be_named_before_the_command_or_after() {
    let house = House::filled();
    let before = program().arg("--dir").arg(house.layout.root()).arg("status").output().unwrap();
    assert_eq!(Run::from(before).done(), house.run(&["status"]).done());
}

/// A bank that walks from an invitation's floor over everything that is published.
fn walk(house: &House, invitation: &Path) -> Chain {
    let invitation = Invitation::parse(&std::fs::read_to_string(invitation).unwrap()).unwrap();
    let mut chain = Chain::new(invitation.publisher_key, invitation.floor);
    for epoch in chain.at().epoch + 1.. {
        let Ok(bytes) = std::fs::read(house.layout.manifest(epoch)) else { break };
        chain.advance(&bytes).unwrap();
    }
    chain
}

#[test]
fn a_new_publisher_key_is_followed_by_old_banks_and_pinned_by_new_ones() {
    let house = House::filled();
    let enroll = |bank: &str| {
        let path = house.path(bank);
        house.run(&["enroll", bank, "--out", path.to_str().unwrap()]).done();
        path
    };
    std::fs::write(
        house.layout.config(),
        format!("address = \"127.0.0.1:4433\"\n{}", std::fs::read_to_string(house.layout.config()).unwrap()),
    )
    .unwrap();
    let first = enroll("bank-a");
    let old = std::fs::read(house.layout.publisher_key()).unwrap();
    house.run(&["publish"]).done();
    house.run(&["publish", "--new-publisher-key"]).done();
    let new = std::fs::read(house.layout.publisher_key()).unwrap();
    assert_ne!(new, old);
    assert!(!house.layout.next_publisher_key().exists());
    let second = enroll("bank-b");
    house.run(&["publish"]).done();
    assert_eq!(walk(&house, &first).at().epoch, 3);
    assert_eq!(walk(&house, &second).at(), walk(&house, &first).at());

    // Cut short after the manifest and before the key took its place; and before the manifest.
    house.run(&["publish", "--new-publisher-key"]).done();
    std::fs::rename(house.layout.publisher_key(), house.layout.next_publisher_key()).unwrap();
    std::fs::write(house.layout.publisher_key(), &new).unwrap();
    std::fs::set_permissions(house.layout.publisher_key(), std::fs::Permissions::from_mode(0o600)).unwrap();
    let third = enroll("bank-c");
    house.run(&["publish"]).done();
    std::fs::copy(house.layout.publisher_key(), house.layout.next_publisher_key()).unwrap();
    house.run(&["publish"]).done();
    for invitation in [&first, &second, &third] {
        assert_eq!(walk(&house, invitation).at().epoch, 6);
    }

    // A key that the chain has left is refused, whatever else is there.
    std::fs::write(house.layout.publisher_key(), old).unwrap();
    std::fs::remove_file(house.layout.next_publisher_key()).unwrap();
    house
        .run(&["publish", "--new-publisher-key"])
        .fails(6, &["is not the key that signs after epoch 6", "backup"]);
}

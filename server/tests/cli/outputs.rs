//! Files that a command writes where the operator said: in the place of nothing that is read or kept.

use crate::house::House;

#[test]
fn a_list_of_rejects_takes_the_place_of_no_dump_and_of_nothing_that_is_kept() {
    let house = House::filled();
    let before = house.vault("breach-a");
    let text = "NIK\n3201010404930004\n123\n";
    let dump = house.file("again.csv", text);
    std::os::unix::fs::symlink(house.path("again.csv"), house.path("link.csv")).unwrap();
    let folder = house.path("again.csv").parent().unwrap().to_owned();
    let roundabout = folder.join("..").join(folder.file_name().unwrap()).join("again.csv");
    let kept = house.layout.config();
    for (place, words) in [
        (dump.as_str(), "--rejects names a dump"),
        (roundabout.to_str().unwrap(), "--rejects names a dump"),
        (house.path("link.csv").to_str().unwrap(), "--rejects names a dump"),
        (kept.to_str().unwrap(), "keeps for itself"),
        (house.layout.vault().join("list.csv").to_str().unwrap(), "keeps for itself"),
        ("/dev/null", "a link, a pipe or a device"),
    ] {
        for command in ["ingest", "remove"] {
            house.run(&[command, "--breach", "breach-a", "--rejects", place, &dump]).fails(2, &[words]);
        }
    }
    let about = house.file("about.toml", "title = \"T\"\ndate = \"2020\"\nstatus = \"claimed\"\n");
    let both = ["ingest", "--breach", "breach-a", "--about", &about, "--rejects", &about, &dump];
    house.run(&both).fails(2, &["--rejects names the file of --about"]);
    assert_eq!(std::fs::read_to_string(&dump).unwrap(), text);
    assert_eq!(house.vault("breach-a"), before);
}

#[test]
fn an_invitation_takes_the_place_of_no_signing_request_and_of_no_key() {
    let house = House::new();
    let csr = house.file("bank.csr", "a request");
    house
        .run(&["enroll", "bank-jaya", "--csr", &csr, "--out", &csr])
        .fails(2, &["--out names the signing request"]);
    let config = std::fs::read_to_string(house.layout.config()).unwrap();
    std::fs::write(house.layout.config(), format!("address = \"breach.example:4433\"\n{config}")).unwrap();
    let key = house.layout.ca_key();
    let before = std::fs::read(&key).unwrap();
    house.run(&["enroll", "bank-jaya", "--out", key.to_str().unwrap()]).fails(2, &["keeps for itself"]);
    assert_eq!(
        (std::fs::read_to_string(&csr).unwrap().as_str(), std::fs::read(&key).unwrap()),
        ("a request", before)
    );
    assert!(!house.layout.banks().join("bank-jaya.toml").exists(), "nobody was enrolled");
}

#[test]
fn an_export_takes_the_place_of_no_log() {
    let house = House::filled();
    let out = house.layout.account_log();
    std::fs::write(&out, b"SAMARLOG\x01\0").unwrap();
    house.run(&["audit", "export", "--out", out.to_str().unwrap()]).fails(2, &["keeps for itself"]);
    assert_eq!(std::fs::read(&out).unwrap(), b"SAMARLOG\x01\0");
}

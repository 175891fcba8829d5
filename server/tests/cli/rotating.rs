//! Another OPRF key: the vault goes along, the old key stays for its grace and no longer, and whatever is cut short goes on.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use samar_protocol::group::Backend;
use samar_protocol::identifier::Nik;
use samar_protocol::manifest::Manifest;
use samar_protocol::segment::SegmentKind;
use samar_server::vault::elements::Elements;
use samar_server::{keys, published};

use crate::house::{DUMP, House, names};

const NIKS: [&str; 3] = ["3201010101900001", "3201014202910002", "3201010303920003"];

fn newest(house: &House) -> Manifest {
    let epoch = published::newest_epoch(&house.layout).unwrap();
    published::read_manifest(&house.layout, epoch).unwrap().manifest().clone()
}

/// The breach holds exactly what the present key makes of these, and the newest manifest tells of no more.
#[track_caller]
fn holds(house: &House, niks: &[&str]) {
    let key = keys::oprf(&house.layout).unwrap();
    let inputs: Vec<_> = niks.iter().map(|nik| Nik::parse(nik).unwrap().oprf_input()).collect();
    let mut expected = key.encode(Backend::best(), &inputs);
    expected.sort();
    let mut held = Elements::open(&house.layout, "breach-a").unwrap().unwrap();
    let found: Vec<_> = std::iter::from_fn(|| held.read_record().unwrap()).map(|r| r.element).collect();
    assert!(found == expected, "{} elements", found.len());
    let manifest = newest(house);
    assert_eq!(manifest.key_id(), key.public().id());
    assert_eq!(manifest.breaches[0].entries(), niks.len() as u64);
    for segment in &manifest.breaches[0].segments {
        assert!(house.layout.segment(&segment.root).exists());
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

/// Files in the operator's folder that hold these bytes.
fn holding(house: &House, needle: &[u8]) -> Vec<PathBuf> {
    let holds = |path: &PathBuf| std::fs::read(path).unwrap().windows(needle.len()).any(|at| at == needle);
    files(house.layout.root()).into_iter().filter(holds).collect()
}

/// Published, with an addition and a removal: NIKS without the second are in it.
fn changed() -> House {
    let house = House::filled();
    house.run(&["publish"]).done();
    house.ingest("breach-a", "NIK\n3201010404930004\n").done();
    let gone = house.file("gone.csv", "NIK\n3201014202910002\n3201010404930004\n");
    house.run(&["remove", "--breach", "breach-a", &gone]).done();
    house
}

#[test]
fn the_vault_goes_along_without_the_dumps_and_the_old_key_goes_after_its_grace() {
    let house = changed();
    let old = keys::oprf(&house.layout).unwrap();
    let said = house.run(&["rotate-key", "--json"]).done();
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!((said["epoch"].as_u64(), said["entries"].as_u64()), (Some(2), Some(2)));
    holds(&house, &[NIKS[0], NIKS[2]]);
    assert_ne!(keys::oprf(&house.layout).unwrap().public(), old.public());
    assert_eq!(names(&house.layout.breach("breach-a")), ["4-base.vault", "about.toml", "published.toml"]);
    assert_eq!(
        names(&house.layout.keys()),
        ["ca.key", "ca.pem", "oprf-previous.key", "oprf.key", "publisher.key", "server.key", "server.pem"]
    );

    // It is told in every manifest while it lasts, and status says so.
    let rotation = newest(&house).rotation().unwrap();
    assert_eq!(rotation.previous, *old.public());
    assert_eq!(rotation.until_s - newest(&house).created_s, 14 * 86_400, "the configuration's grace");
    house.ingest("breach-a", "NIK\n3201010404930004\n").done();
    house.run(&["publish"]).done();
    assert_eq!(newest(&house).rotation(), Some(rotation), "unchanged");
    holds(&house, &[NIKS[0], NIKS[2], "3201010404930004"]);
    let status = house.run(&["status"]).done();
    assert!(
        status.contains(&format!("OPRF key {}, the one before, is served until", old.public().id())),
        "{status}"
    );
    house.run(&["rotate-key"]).fails(2, &["is served until", "try: wait until then", "--finish"]);

    assert_eq!(holding(&house, &*old.to_bytes()), [house.layout.previous_oprf_key()]);
    let said = house.run(&["rotate-key", "--finish"]).done();
    assert!(said.contains("is destroyed") && said.contains("evaluate anew"), "{said}");
    assert_eq!(holding(&house, &*old.to_bytes()), Vec::<PathBuf>::new(), "nothing is left of it");
    house.run(&["rotate-key", "--finish"]).fails(2, &["no key of before"]);
    house.run(&["publish"]).done();
    assert_eq!(newest(&house).rotation(), None);
    let status: serde_json::Value = serde_json::from_str(&house.run(&["status", "--json"]).done()).unwrap();
    assert!(status["rotation"].is_null(), "{status}");
}

#[test]
fn a_grace_that_is_over_ends_with_the_next_publication() {
    let house = House::filled();
    house.run(&["publish"]).done();
    let old = keys::oprf(&house.layout).unwrap();
    let patience = Instant::now() + Duration::from_secs(10);
    house.run(&["rotate-key", "--grace", "0s"]).done();
    while !house.run(&["status"]).done().contains("is over") {
        assert!(Instant::now() < patience);
        std::thread::sleep(Duration::from_millis(100));
    }
    house.run(&["publish"]).done();
    assert_eq!((newest(&house).epoch, newest(&house).rotation()), (3, None));
    assert_eq!(holding(&house, &*old.to_bytes()), Vec::<PathBuf>::new());
    // And another rotation may begin.
    house.run(&["rotate-key", "--grace", "1h"]).done();
    holds(&house, &NIKS);
}

#[test]
fn a_rotation_that_was_begun_is_the_only_thing_that_goes_on() {
    let house = House::filled();
    house.run(&["rotate-key"]).fails(2, &["nothing is published yet", "try: run `samar-server publish`"]);
    house.run(&["publish"]).done();
    let key = samar_protocol::oprf::SecretKey::generate(&mut rand::rng());
    keys::write_next_oprf(&house.layout, &key).unwrap();
    // What an earlier rotation, to another key, left is not taken for this one's.
    std::fs::copy(house.base("breach-a"), house.layout.next_vault("breach-a")).unwrap();
    let refused = ["was begun and is not published yet", "try: run `samar-server rotate-key` again"];
    house.run(&["publish"]).fails(2, &refused);
    house.ingest("breach-b", DUMP).fails(2, &refused);
    house.run(&["remove", "--breach", "breach-a"]).fails(2, &refused);
    house.run(&["rotate-key", "--finish"]).fails(2, &refused);
    assert!(house.run(&["status"]).done().contains("a rotation of the OPRF key was begun"));
    house.run(&["rotate-key"]).done();
    assert_eq!(keys::oprf(&house.layout).unwrap().public(), key.public(), "with the key it began with");
    holds(&house, &NIKS);
}

/// Every state that a kill can leave behind the published manifest, and whichever command comes next.
#[test]
fn a_rotation_that_is_published_is_ended_by_any_command() {
    let ways: [&[&str]; 3] = [&["rotate-key"], &["publish"], &["rotate-key", "--finish"]];
    for command in ways {
        for renamed in 0..4 {
            let house = House::filled();
            house.run(&["publish"]).done();
            let old = keys::oprf(&house.layout).unwrap();
            let (layout, old_base) = (&house.layout, house.vault("breach-a"));
            let old_made = std::fs::read(layout.made("breach-a")).unwrap();
            house.run(&["rotate-key"]).done();
            // Back, name by name, to where nothing but the manifest was done.
            let new_base = layout.part("breach-a", 2, SegmentKind::Base);
            if renamed < 4 {
                std::fs::rename(layout.oprf_key(), layout.next_oprf_key()).unwrap();
            }
            if renamed < 3 {
                std::fs::rename(layout.previous_oprf_key(), layout.oprf_key()).unwrap();
            }
            if renamed < 2 {
                std::fs::rename(layout.made("breach-a"), layout.next_made("breach-a")).unwrap();
                std::fs::write(layout.made("breach-a"), &old_made).unwrap();
                std::fs::write(house.base("breach-a"), &old_base).unwrap();
            }
            if renamed < 1 {
                std::fs::rename(&new_base, layout.next_vault("breach-a")).unwrap();
            }
            house.run(command).done();
            holds(&house, &NIKS);
            assert_eq!(names(&layout.breach("breach-a")), ["2-base.vault", "about.toml", "published.toml"]);
            assert_ne!(keys::oprf(layout).unwrap().public(), old.public());
            let kept = layout.previous_oprf_key();
            let expected = if command.contains(&"--finish") { vec![] } else { vec![kept] };
            assert_eq!(holding(&house, &*old.to_bytes()), expected, "{command:?} after {renamed} names");
        }
    }
}

#[test]
fn keys_of_a_rotation_are_under_the_passphrase_too() {
    let house = House::filled();
    house.run(&["publish"]).done();
    let old = keys::oprf(&house.layout).unwrap();
    let with = |arguments: &[&str], variables: &[(&str, &str)]| {
        let mut command = house.command(arguments);
        let output = command.envs(variables.iter().copied()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    };
    with(&["passphrase"], &[("SAMAR_NEW_PASSPHRASE", "kunci")]);
    house.run(&["rotate-key"]).fails(2, &["needs a passphrase"]);
    with(&["rotate-key"], &[("SAMAR_PASSPHRASE", "kunci")]);
    assert_eq!(holding(&house, &*old.to_bytes()), Vec::<PathBuf>::new(), "sealed from the first byte on");
    // Another passphrase is another for the key before as well.
    with(&["passphrase"], &[("SAMAR_PASSPHRASE", "kunci"), ("SAMAR_NEW_PASSPHRASE", "gembok")]);
    with(&["passphrase", "--remove"], &[("SAMAR_PASSPHRASE", "gembok")]);
    assert_eq!(holding(&house, &*old.to_bytes()), [house.layout.previous_oprf_key()]);
    holds(&house, &NIKS);
}

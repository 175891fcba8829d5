//! Disks that are too small, fill up, or hold what a killed run left.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt as _;

use assert_cmd::Command;

use crate::house::{DUMP, House, Run, names};

/// Rows that are all well-formed: 36 bytes of vault and some 6 of a segment each.
fn dump(rows: u32) -> String {
    let row =
        |n: u32| format!("3201{:02}{:02}0150{:04}\n", n / 9_999 % 90 + 10, n % 2 * 40 + 1, n % 9_999 + 1);
    std::iter::once("NIK\n".to_owned()).chain((0..rows).map(row)).collect()
}

/// Runs the program on a disk that takes no file of more than `limit_kib`.
fn run_on_full_disk(house: &House, limit_kib: u32, arguments: &[&str]) -> Run {
    let mut command = Command::new("bash");
    let script = format!("trap '' XFSZ; ulimit -f {limit_kib}; exec \"$0\" \"$@\"");
    command.args(["-c", &script]).arg(assert_cmd::cargo::cargo_bin!("samar-server"));
    command.args(arguments).arg("--dir").arg(house.layout.root());
    Run::from(command.output().unwrap())
}

#[test]
fn a_dump_that_the_disk_has_no_room_for_is_refused_before_it_is_read() {
    let house = House::new();
    let path = house.file("dump.csv", dump(5_000));
    // The rest is a hole: rows of 17 bytes that would take 36 each.
    OpenOptions::new().write(true).open(&path).unwrap().set_len(8 << 40).unwrap();
    let run = house.run(&["ingest", "--breach", "breach-a", "--date", "2021", &path]);
    run.fails(6, &[" free", "sorting needs", "the new vault file needs", "try: free some space"]);
    assert_eq!(names(&house.layout.vault()), [".runs"]);
}

#[test]
fn a_vault_that_the_disk_has_no_room_to_publish_is_refused() {
    let house = House::filled();
    let path = house.base("breach-a");
    // A vault of 2^38 records, most of them a hole.
    let (count, length) = (1u64 << 38, std::fs::metadata(&path).unwrap().len());
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    let end = length - 40 - 3 * 36 + count * 36;
    file.set_len(end + 40).unwrap();
    file.write_all_at(&count.to_le_bytes(), end).unwrap();
    let needs = [" free", "sorting needs", "what is published needs", "try: free some space"];
    house.run(&["publish"]).fails(6, &needs);
    assert_eq!(names(&house.layout.segments()), Vec::<String>::new());
}

#[test]
fn a_disk_that_fills_up_leaves_everything_as_it_was() {
    let house = House::new();
    let path = house.file("large.csv", dump(5_000));
    let ingest = ["ingest", "--breach", "breach-a", "--date", "2021", path.as_str()];
    run_on_full_disk(&house, 100, &ingest).fails(6, &["cannot write", "1-base.vault"]);
    assert_eq!(names(&house.layout.vault()), [".runs"], "a breach that never came to be leaves no folder");
    assert_eq!(names(&house.layout.runs()), Vec::<String>::new());

    house.ingest("breach-a", DUMP).done();
    let before = house.vault("breach-a");
    run_on_full_disk(&house, 100, &ingest).fails(6, &["cannot write", "2-add.vault"]);
    assert_eq!(house.vault("breach-a"), before);
    assert_eq!(names(&house.layout.breach("breach-a")), ["1-base.vault", "about.toml"]);

    house.run(&ingest).done();
    run_on_full_disk(&house, 100, &["publish"]).fails(6, &["cannot write", "3-base.vault"]);
    assert_eq!(names(&house.layout.breach("breach-a")), ["1-base.vault", "2-add.vault", "about.toml"]);
    let gone = ["remove", "--breach", "breach-a", path.as_str()];
    run_on_full_disk(&house, 100, &gone).fails(6, &["cannot write", "3-remove.vault"]);
    assert_eq!(names(&house.layout.breach("breach-a")), ["1-base.vault", "2-add.vault", "about.toml"]);
    house.run(&["publish"]).done();

    let house = House::new();
    house
        .run(&["ingest", "--breach", "breach-a", "--date", "2021", &house.file("large.csv", dump(5_000))])
        .done();
    run_on_full_disk(&house, 10, &["publish"]).fails(6, &["cannot write the segment"]);
    for folder in [house.layout.segments(), house.layout.manifests(), house.layout.runs()] {
        assert_eq!(names(&folder), Vec::<String>::new());
    }
    house.run(&["publish"]).done();
}

/// The hint of a set of any size has 5.5 MB at least.
#[test]
fn a_disk_that_fills_up_under_a_hint_leaves_nothing_published() {
    let house = House::filled();
    house.set("lookup", "\"all\"");
    run_on_full_disk(&house, 3_000, &["publish"]).fails(6, &["cannot write the hint", "free some space"]);
    for folder in [house.layout.segments(), house.layout.manifests(), house.layout.runs()] {
        assert_eq!(names(&folder), Vec::<String>::new());
    }
    let said = house.run(&["publish"]).done();
    assert!(said.contains("breach-a has a hint of 5.5 MB beside a set of "), "{said}");
    house.set("lookup", "\"large\"");
    let json: serde_json::Value = serde_json::from_str(&house.run(&["publish", "--json"]).done()).unwrap();
    assert_eq!(json["large_hints"][0]["breach"], "breach-a", "banks have it, and so it stays");
    assert_eq!(json["large_hints"][0]["hint_bytes"], 5_505_038);
}

#[test]
fn an_ingest_that_fails_on_its_input_leaves_no_folder() {
    let house = House::new();
    house.ingest("breach-a", "A,B\nsatu,dua\n").fails(2, &["cannot tell which column"]);
    assert_eq!(names(&house.layout.vault()), [".runs"]);
}

#[test]
fn what_a_killed_run_left_goes_with_the_next_of_any_breach() {
    let house = House::filled();
    let layout = &house.layout;
    let killed = layout.breach("breach-killed");
    std::fs::create_dir(&killed).unwrap();
    let unfinished = ".samar-unfinished-0123456789abcdef-1-base.vault";
    for folder in [&killed, &layout.breach("breach-a"), &layout.segments(), &layout.manifests()] {
        File::create(folder.join(unfinished)).unwrap();
    }
    File::create(layout.runs().join("run-a1B2c3.tmp")).unwrap();
    let rejects = house.path("rejects.csv");
    File::create(house.path(".samar-unfinished-0123456789abcdef-rejects.csv")).unwrap();
    let dump = house.file("dump.csv", DUMP);
    let rejects = rejects.to_str().unwrap();
    house.run(&["ingest", "--breach", "breach-b", "--date", "2021", "--rejects", rejects, &dump]).done();
    assert_eq!(names(&layout.vault()), [".runs", "breach-a", "breach-b"]);
    assert_eq!(names(&layout.breach("breach-a")), ["1-base.vault", "about.toml"]);
    for folder in [layout.segments(), layout.manifests(), layout.runs()] {
        assert_eq!(names(&folder), Vec::<String>::new(), "{}", folder.display());
    }
    assert_eq!(names(&house.path("")), ["dump.csv", "operator", "rejects.csv"]);
}

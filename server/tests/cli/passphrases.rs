//! Keys under a passphrase: used with it, and changed by one run at a time.

use samar_local::folder;

use crate::house::{DUMP, House, Run};

#[test]
fn keys_under_a_passphrase_are_used_with_it_and_not_without() {
    let house = House::filled();
    let passphrase = |arguments: &[&str], old: &str, new: &str| {
        let mut command = house.command(&[&["passphrase"], arguments].concat());
        Run::from(command.env("SAMAR_PASSPHRASE", old).env("SAMAR_NEW_PASSPHRASE", new).output().unwrap())
    };
    house.run(&["passphrase"]).fails(2, &["needs a passphrase", "SAMAR_NEW_PASSPHRASE"]);
    assert!(passphrase(&[], "", "kunci").done().contains("is encrypted"));
    for command in [&["publish"], &["serve"]] {
        house.run(command).fails(2, &["keys/", "needs a passphrase", "--passphrase-fd", "SAMAR_PASSPHRASE"]);
    }
    let publish = |variable: &str| {
        Run::from(house.command(&["publish"]).env("SAMAR_PASSPHRASE", variable).output().unwrap())
    };
    publish("kunc").fails(2, &["does not open", "keys/"]);
    publish("kunci").done();

    // By descriptor, as a service manager gives it.
    let file = house.file("passphrase", "kunci\nanother line\n");
    let program = house.command(&["status"]).get_program().to_owned();
    let script = format!(
        "exec {} ingest --breach breach-b --date 2020 {} --dir {} --passphrase-fd 7 7< {file}",
        program.display(),
        house.file("b.csv", DUMP),
        house.layout.root().display()
    );
    Run::from(std::process::Command::new("sh").args(["-c", &script]).output().unwrap()).done();

    assert!(passphrase(&["--remove"], "kunci", "").done().contains("in the clear"));
    house.run(&["publish"]).done();
}

#[test]
fn a_passphrase_is_set_by_one_run_at_a_time_and_beside_nothing_that_writes_keys() {
    let house = House::filled();
    let with = |arguments: &[&str], now: &str, new: &str| {
        let mut command = house.command(arguments);
        Run::from(command.env("SAMAR_PASSPHRASE", now).env("SAMAR_NEW_PASSPHRASE", new).output().unwrap())
    };
    // A publication or rotation holds the vault, another change of the passphrase the keys.
    for name in ["vault", "passphrase"] {
        let lock = folder::lock(house.layout.root(), name).unwrap();
        with(&["passphrase"], "", "kunci").fails(6, &["another run is working on", name, "try: wait"]);
        drop(lock);
    }
    let lock = folder::lock(house.layout.root(), "passphrase").unwrap();
    let certificate = std::fs::read(house.layout.server_certificate()).unwrap();
    house.run(&["renew"]).fails(6, &["another run is working on", "(passphrase)"]);
    assert_eq!(std::fs::read(house.layout.server_certificate()).unwrap(), certificate);
    drop(lock);

    // At once, in earnest: each is done or says that another is at it, and nothing is half of one and half of the other.
    let runs: [&[&str]; 6] =
        [&["passphrase"], &["publish"], &["passphrase"], &["renew"], &["publish"], &["passphrase"]];
    let done: Vec<bool> = std::thread::scope(|scope| {
        let started = runs.map(|arguments| scope.spawn(move || with(arguments, "kunci", "kunci")));
        started.map(|run| {
            let run = run.join().unwrap();
            assert!(
                run.code == 0 || run.err.contains("another run is working on"),
                "{} {}",
                run.code,
                run.err
            );
            run.code == 0
        })
    })
    .into();
    assert!(done.contains(&true), "one of them at least is let through");
    with(&["passphrase"], "kunci", "kunci").done();
    house.run(&["publish"]).fails(2, &["needs a passphrase"]);
    with(&["publish"], "kunci", "").done();
    let service = house
        .command(&["serve"])
        .env("SAMAR_PASSPHRASE", "kunci")
        .timeout(std::time::Duration::from_secs(3))
        .output();
    let said = String::from_utf8(service.unwrap().stderr).unwrap();
    assert!(said.contains("listening"), "key and certificate belong together: {said}");
}

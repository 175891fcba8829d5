//! The command line, as far as it goes without a server.

#[path = "../../protocol/vectors/refused.rs"]
#[allow(dead_code)] // the road uses the rest
mod refused;

use std::path::Path;
use std::process::Output;

fn samar(dir: &Path, arguments: &[&str]) -> Output {
    let mut command = assert_cmd::Command::cargo_bin("samar").unwrap();
    command.arg("--dir").arg(dir).args(arguments).output().unwrap()
}

/// Exit code, standard output, standard error.
fn run(dir: &Path, arguments: &[&str]) -> (i32, String, String) {
    let output = samar(dir, arguments);
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn the_help_is_as_documented() {
    let dir = tempfile::tempdir().unwrap();
    let (code, out, _) = run(dir.path(), &["--help"]);
    assert_eq!(code, 0);
    assert_eq!(out, include_str!("help.txt"), "if the change is meant, update client/tests/help.txt");
    let commands =
        ["join", "renew", "sync", "status", "inspect", "breaches", "screen", "notice", "check", "bench"];
    for command in commands.into_iter().chain(["ledger status", "ledger prune", "ledger passphrase"]) {
        let words: Vec<&str> = command.split(' ').chain(["--help"]).collect();
        let (code, out, _) = run(dir.path(), &words);
        assert_eq!(code, 0);
        assert!(out.contains(&format!("Example:\n  samar {command}")), "{out}");
        assert!(out.contains("--json"), "{out}");
        assert!(out.lines().all(|line| line.chars().count() <= 80), "{out}");
    }
}

#[test]
fn completions_and_manual_pages_are_of_every_command() {
    let dir = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish"] {
        let (code, out, _) = run(dir.path(), &["completions", shell]);
        assert!(code == 0 && out.contains("no-ledger") && out.contains("notice"), "{shell}: {out}");
    }
    let (code, out, _) = run(dir.path(), &["man"]);
    assert!(code == 0 && out.contains(".TH samar 1"), "{out}");
    let pages = dir.path().join("man1");
    assert_eq!(run(dir.path(), &["man", "--out", pages.to_str().unwrap()]).0, 0);
    let screen = std::fs::read_to_string(pages.join("samar-screen.1")).unwrap();
    assert!(screen.contains(".TH samar-screen 1") && screen.contains("no\\-ledger"), "{screen}");
}

#[test]
fn usage_errors_end_with_2() {
    let dir = tempfile::tempdir().unwrap();
    let wrong: [&[&str]; 12] = [
        &["check", "--kind", "sim", "x"],
        &[],
        &["serve"],
        &["join"],
        &["sync", "--audit", "--lookup"],
        &["screen", "a.csv", "--out", "b"],
        &["check"],
        &["ledger", "prune"],
        &["ledger", "passphrase", "--remove", "--new-passphrase-fd", "3"],
        &["bench", "--batch", "64,65536"],
        &["bench", "--batch", "64;128"],
        &["bench", "--streams", "0"],
    ];
    for arguments in wrong {
        let (code, out, err) = run(dir.path(), arguments);
        assert_eq!((code, out.as_str()), (2, ""), "{arguments:?}: {err}");
        assert!(err.contains("Usage:") || err.contains("--help"), "{err}");
    }
    let (code, _, err) = run(dir.path(), &["bench", "--evaluations", "1000"]);
    assert_eq!(code, 2);
    assert!(err.contains("at least 134,784 evaluations") && err.contains("--evaluations 134784"), "{err}");
}

#[test]
fn before_a_join_each_command_says_to_join() {
    let dir = tempfile::tempdir().unwrap();
    let customers = dir.path().join("customers.csv");
    std::fs::write(&customers, "nik\n3201010101010001\n").unwrap();
    let customers = customers.to_str().unwrap();
    let out = dir.path().join("report.csv");
    let screen = ["screen", customers, "--column", "nik", "--out", out.to_str().unwrap()];
    let notice = ["notice", customers, "--out", "notices"];
    let commands: [&[&str]; 7] =
        [&["sync"], &["status"], &["breaches"], &notice, &screen, &["check", "3201010101010001"], &["bench"]];
    for arguments in commands {
        let (code, out, err) = run(&dir.path().join("none"), arguments);
        assert_eq!((code, out.as_str()), (2, ""), "{err}");
        assert!(err.contains("not joined") && err.contains("samar join FILE"), "{err}");
        assert!(!err.contains("3201010101010001"), "an identifier in an error: {err}");
    }
    assert!(!out.exists());
}

#[test]
fn the_folder_may_be_named_before_or_after_the_command() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("here");
    let mut after = assert_cmd::Command::cargo_bin("samar").unwrap();
    let after = after.args(["sync", "--dir"]).arg(&place).output().unwrap();
    assert_eq!(after, samar(&place, &["sync"]));
    assert!(String::from_utf8(after.stderr).unwrap().contains("here is not joined"));
}

/// An invitation to a server that nobody listens for.
fn invitation(address: &str, expires_s: u64) -> String {
    let ca = rcgen::generate_simple_self_signed(vec!["ca".to_owned()]).unwrap().cert.pem();
    let invitation = samar_protocol::invitation::Invitation {
        operator: "Badan Contoh".to_owned(),
        bank: "bank-a".to_owned(),
        address: address.to_owned(),
        ca_certificate: ca,
        publisher_key: ed25519_dalek::SigningKey::from_bytes(&[1; 32]).verifying_key(),
        floor: samar_protocol::manifest::Floor {
            epoch: 0,
            hash: samar_protocol::manifest::ManifestHash::NONE,
        },
        expires_s,
        credential: samar_protocol::invitation::Credential::Token([0xab; 32]),
    };
    invitation.to_text().unwrap()
}

#[test]
fn a_server_that_is_away_is_named() {
    let dir = tempfile::tempdir().unwrap();
    // A port that is ours and answers nothing.
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap().to_string();
    let file = dir.path().join("invitation");
    std::fs::write(&file, invitation(&address, u64::MAX / 4)).unwrap();
    let (code, out, err) = run(&dir.path().join("samar"), &["join", file.to_str().unwrap()]);
    assert_eq!((code, out.as_str()), (4, ""), "{err}");
    assert!(err.contains(&address) && err.contains("UDP"), "{err}");
    assert!(!dir.path().join("samar/samar.toml").exists());
}

#[test]
fn an_invitation_that_breaks_a_rule_joins_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (file, folder) = (dir.path().join("invitation"), dir.path().join("samar"));
    for vector in refused::read_as("invitation") {
        std::fs::write(&file, &vector.bytes).unwrap();
        let (code, out, err) = run(&folder, &["join", file.to_str().unwrap()]);
        assert_eq!((code.to_string(), out.as_str()), (vector.seen_as, ""), "{}: {err}", vector.name);
        assert!(err.contains(&vector.refused_as), "{}: {err}", vector.name);
        assert!(!err.contains("64eed250"), "{}: the token is shown: {err}", vector.name);
        assert!(!folder.exists(), "{}", vector.name);
    }
}

// R-INV-1: 2, R-INV-3: 2
#[test]
fn an_invitation_that_cannot_be_used_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("invitation");
    let join = |text: &[u8], more: &[&str]| {
        std::fs::write(&file, text).unwrap();
        let (code, out, err) =
            run(&dir.path().join("samar"), &[&["join", file.to_str().unwrap()], more].concat());
        assert_eq!((code, out.as_str()), (2, ""), "{err}");
        assert!(!err.contains("abab"), "the token is shown: {err}");
        err
    };
    let expired = join(invitation("127.0.0.1:1", 1_600_000_000).as_bytes(), &[]);
    assert!(expired.contains("2020-09-13 12:26 UTC") && expired.contains("a new one"), "{expired}");
    assert!(join(b"not an invitation", &[]).contains("not a Samar invitation"));
    assert!(join(&[0xff; 100], &[]).contains("not text"));
    assert!(join(&vec![b'#'; 1 << 20], &[]).contains("too long"));
    let needless = join(invitation("127.0.0.1:1", u64::MAX / 4).as_bytes(), &["--key", "own.key"]);
    assert!(needless.contains("leave out --key"), "{needless}");
    let folder = dir.path().to_str().unwrap();
    let (code, _, err) = run(&dir.path().join("samar"), &["join", folder]);
    assert_eq!(code, 2, "{err}");
    assert!(err.contains("is a folder"), "{err}");
    let (code, _, err) = run(&dir.path().join("samar"), &["join", "/nonexistent/file"]);
    assert_eq!(code, 2, "{err}");
    assert!(err.contains("does not exist"), "{err}");
}

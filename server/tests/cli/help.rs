//! The help is the contract: it is pinned word for word in `server/tests/help`, which is also how to read it all at once.
//! `SAMAR_WRITE_HELP=1 cargo test -p samar-server --test cli help` writes it anew.

use std::path::Path;

use crate::house::{Run, program};

fn run(arguments: &[&str]) -> Run {
    Run::from(program().args(arguments).output().unwrap())
}

#[test]
fn every_help_text_is_as_pinned() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/help");
    let commands: [&[&str]; 19] = [
        &[],
        &["init"],
        &["enroll"],
        &["revoke"],
        &["ingest"],
        &["remove"],
        &["publish"],
        &["rotate-key"],
        &["serve"],
        &["status"],
        &["passphrase"],
        &["renew"],
        &["audit"],
        &["audit", "verify"],
        &["audit", "export"],
        &["inspect"],
        &["synth"],
        &["synth", "dump"],
        &["synth", "customers"],
    ];
    let mut listed = 0;
    for command in commands {
        let text = run(&[command, &["--help"]].concat()).done();
        let name = if command.is_empty() { "samar-server".to_owned() } else { command.join("-") };
        let path = folder.join(format!("{name}.txt"));
        if std::env::var_os("SAMAR_WRITE_HELP").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        let pinned = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(text, pinned, "{} differs: if that is meant, write it anew as said above", path.display());
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{name} fits a terminal");
        // The command of an example goes on only after a backslash, or it could not be pasted.
        let example = text.lines().skip_while(|line| *line != "Example:").skip(1);
        let example: Vec<_> = example.take_while(|line| !line.is_empty()).collect();
        let (last, before) = example.split_last().unwrap_or((&"", &[]));
        let goes_on = before.iter().all(|line| line.ends_with(" \\"));
        assert!(goes_on && last.trim() != "\\", "the example of {name} is broken");
        // A command that takes arguments of its own shows how.
        assert!(
            text.contains("Example:") || matches!(name.as_str(), "samar-server" | "audit" | "synth"),
            "{name}"
        );
        listed += 1;
    }
    assert_eq!(
        std::fs::read_dir(folder).unwrap().count(),
        listed,
        "no text is left of a command that is gone"
    );
}

#[test]
fn the_top_level_lists_every_command_that_is_pinned() {
    let text = run(&["--help"]).done();
    let commands = [
        "init",
        "enroll",
        "revoke",
        "ingest",
        "remove",
        "publish",
        "rotate-key",
        "serve",
        "status",
        "renew",
        "passphrase",
        "audit",
        "inspect",
        "synth",
    ];
    for command in commands {
        assert!(text.lines().any(|line| line.trim_start().starts_with(command)), "{command}");
    }
}

#[test]
fn usage_that_cannot_be_is_2_and_says_so_on_standard_error() {
    let wrong: [&[&str]; 9] = [
        &[],
        &["no-such-command"],
        &["init", "--no-such-flag"],
        &["init", "--listen", "nowhere"],
        &["enroll", "bank-jaya"],
        &["ingest", "--breach", "breach-a"],
        &["ingest", "--breach", "breach-a", "--memory", "lots", "x.csv"],
        &["synth"],
        &["synth", "dump", "--persons", "0..5"],
    ];
    for arguments in wrong {
        let run = run(arguments);
        assert_eq!((run.code, run.out.as_str()), (2, ""), "{arguments:?}: {}", run.err);
        assert!(run.err.contains("Usage:") || run.err.contains("try '--help'"), "{arguments:?}: {}", run.err);
    }
}

#[test]
fn the_version_is_said() {
    assert_eq!(run(&["--version"]).done(), format!("samar-server {}\n", env!("CARGO_PKG_VERSION")));
}

//! A temporary folder with an operator's folder in it, and the program run on it.

use std::path::{Path, PathBuf};
use std::process::Output;

use assert_cmd::Command;
use samar_protocol::segment::SegmentKind;
use samar_server::layout::Layout;
use tempfile::TempDir;

/// Rows that are all well-formed, each another person.
pub(crate) const DUMP: &str = "NIK,NAMA,FOTO\n\
    3201010101900001,Ani,foto.jpg\n\
    3201014202910002,Budi,\n\
    3201010303920003,Citra,foto.jpg\n";

/// An operator's folder, and room for files beside it.
pub(crate) struct House {
    folder: TempDir,
    pub(crate) layout: Layout,
}

/// How a run ended, and what it said.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl House {
    /// A folder that was never initialised.
    pub(crate) fn empty() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::new(folder.path().join("operator"));
        Self { folder, layout }
    }

    /// A folder that was, listening on a port of the system's choice.
    pub(crate) fn new() -> Self {
        let house = Self::empty();
        house.run(&["init", "--listen", "127.0.0.1:0"]).done();
        house
    }

    /// With [`DUMP`] ingested as `breach-a`.
    pub(crate) fn filled() -> Self {
        let house = Self::new();
        house.ingest("breach-a", DUMP).done();
        house
    }

    /// A file beside the operator's folder.
    pub(crate) fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        std::fs::write(&path, bytes).unwrap();
        path.into_os_string().into_string().unwrap()
    }

    /// The path of one.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The program with these arguments, on this folder.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = program();
        command.args(arguments).arg("--dir").arg(self.layout.root());
        command
    }

    /// Runs it.
    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        Run::from(self.command(arguments).output().unwrap())
    }

    /// Ingests a dump with the column NIK.
    pub(crate) fn ingest(&self, breach: &str, dump: impl AsRef<[u8]>) -> Run {
        let dump = self.file("dump.csv", dump);
        self.run(&["ingest", "--breach", breach, "--date", "2021-05", &dump])
    }

    /// Changes a setting of `samar-server.toml`, given as it stands there.
    pub(crate) fn set(&self, key: &str, value: &str) {
        let path = self.layout.config();
        let text = std::fs::read_to_string(&path).unwrap();
        let line = |line: &str| match line.split_once(" = ") {
            Some((found, _)) if found == key => format!("{key} = {value}\n"),
            _ => format!("{line}\n"),
        };
        let changed: String = text.lines().map(line).collect();
        assert!(changed.contains(&format!("{key} = {value}\n")), "no {key} in {text}");
        std::fs::write(&path, changed).unwrap();
    }

    /// Where the first part of a breach's vault stands.
    pub(crate) fn base(&self, breach: &str) -> PathBuf {
        self.layout.part(breach, 1, SegmentKind::Base)
    }

    /// The first part of a breach's vault, whole.
    pub(crate) fn vault(&self, breach: &str) -> Vec<u8> {
        std::fs::read(self.base(breach)).unwrap()
    }
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self {
            code: output.status.code().expect("no signal"),
            out: text(output.stdout),
            err: text(output.stderr),
        }
    }
}

impl Run {
    /// Shows that all went well, and says what was printed.
    #[track_caller]
    pub(crate) fn done(self) -> String {
        assert_eq!((self.code, self.err.as_str()), (0, ""), "{}", self.out);
        self.out
    }

    /// Shows that it failed with this code and these words, in one line or two and with nothing on standard output.
    #[track_caller]
    pub(crate) fn fails(self, code: i32, words: &[&str]) {
        assert_eq!(self.code, code, "{}", self.err);
        assert_eq!(self.out, "");
        assert!(self.err.starts_with("samar-server: "), "{}", self.err);
        assert!(self.err.lines().count() <= 2, "{}", self.err);
        for word in words {
            assert!(self.err.contains(word), "no `{word}` in: {}", self.err);
        }
    }
}

/// The program, in an environment that says nothing.
pub(crate) fn program() -> Command {
    let mut command = assert_cmd::cargo::cargo_bin_cmd!("samar-server");
    let variables = ["COLUMNS", "SAMAR_LOG", "SAMAR_BACKEND", "SAMAR_REQUIRE_BACKEND", "RUST_BACKTRACE"];
    for variable in variables.into_iter().chain(["SAMAR_PASSPHRASE", "SAMAR_NEW_PASSPHRASE"]) {
        command.env_remove(variable);
    }
    command.env("HOME", "/nonexistent").env_remove("XDG_CONFIG_HOME");
    command
}

/// Names of what a folder holds, locks left out.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let name = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    let mut names: Vec<_> = std::fs::read_dir(folder).unwrap().map(name).collect();
    names.retain(|name| !name.ends_with(".lock"));
    names.sort();
    names
}

//! Where the two programs are, built first, so that they are never older than their sources.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::cannot;

pub(crate) struct Programs {
    server: PathBuf,
    client: PathBuf,
}

impl Programs {
    /// Those beside this program.
    pub(crate) fn built() -> Result<Self, String> {
        let own = std::env::current_exe().map_err(cannot("tell where this program is"))?;
        // Beside this program, or above it where this is a test.
        let beside = own.parent().unwrap_or(Path::new("."));
        let folder = if beside.ends_with("deps") { beside.parent().unwrap_or(beside) } else { beside };
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml");
        if let (Some(target), true) = (folder.parent(), sources.exists()) {
            let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
            let mut build = Command::new(cargo);
            build.args(["build", "--quiet", "-p", "samar", "-p", "samar-server"]);
            if !cfg!(debug_assertions) {
                build.arg("--release");
            }
            build.arg("--manifest-path").arg(&sources).arg("--target-dir").arg(target);
            let built = build.status().map_err(cannot("build the programs"))?;
            if !built.success() {
                return Err("the programs do not build".to_owned());
            }
        }
        let place = |name: &str| {
            let path = folder.join(name);
            let missing = || {
                format!(
                    "{} is missing\n  try: cargo build --release -p samar -p samar-server",
                    path.display()
                )
            };
            if path.exists() { Ok(path.clone()) } else { Err(missing()) }
        };
        Ok(Self { server: place("samar-server")?, client: place("samar")? })
    }

    /// The operator's program on this folder.
    pub(crate) fn server(&self, folder: &Path, arguments: &[&str]) -> Command {
        command(&self.server, folder, arguments)
    }

    /// The bank's.
    pub(crate) fn client(&self, folder: &Path, arguments: &[&str]) -> Command {
        command(&self.client, folder, arguments)
    }
}

fn command(program: &Path, folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.arg("--dir").arg(folder).args(arguments).stdin(Stdio::null());
    command
}

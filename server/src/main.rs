//! `samar-server`: see `samar-server --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    samar_local::exit::run("samar-server", samar_server::cli::run)
}

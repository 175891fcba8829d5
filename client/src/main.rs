//! `samar`, the bank's program.

use std::process::ExitCode;

fn main() -> ExitCode {
    samar_local::exit::run("samar", || samar::cli::main(std::env::args_os()))
}

//! Tells the programs which compiler made them: it stands beside every measurement.
#![allow(clippy::print_stdout, reason = "how a build script talks to cargo")]

use std::process::Command;

fn main() {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("--version").output();
    let version = output.ok().and_then(|output| String::from_utf8(output.stdout).ok());
    let version = version.unwrap_or_else(|| "an unknown rustc".to_owned());
    println!("cargo::rustc-env=SAMAR_BENCHES_RUSTC={}", version.trim());
    println!("cargo::rerun-if-changed=build.rs");
}

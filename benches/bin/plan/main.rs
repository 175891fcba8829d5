//! The breaches that banks ask for first, side by side at a share of their size, with the real programs: what docs/plan.md promises.
//!
//! `cargo run --release -p samar-benches --bin plan -- [--share 0.1] [--customers N] [--json]`. `bpjs-2021` with 279 million NIKs,
//! `tokopedia-2020` with 91 million e-mail addresses and telephone numbers, `dukcapil-2021` with 8,797,669 NIKs of four regions; then a bank
//! that joins, downloads all of it and screens customers by three kinds of identifier. Every count is held against what is known of the data.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "the table is the product")]

mod figures;
#[path = "../scale/process.rs"]
mod process;
#[path = "../scale/programs.rs"]
mod programs;
mod road;
mod sets;

use std::path::PathBuf;
use std::process::ExitCode;

use bytesize::ByteSize;
use clap::Parser;

/// Takes all the sets of the plan in, publishes them, and screens customers against them.
#[derive(Parser)]
struct Arguments {
    /// Share of the real sizes.
    #[arg(long, default_value_t = 0.1, value_parser = share)]
    share: f64,
    /// Customers who are screened, three quarters of them in a breach [default: the share of 10 million].
    #[arg(long, value_parser = clap::value_parser!(u64).range(100..=50_000_000))]
    customers: Option<u64>,
    /// Memory that ingest and publish may sort in.
    #[arg(long, default_value = "1GiB")]
    memory: ByteSize,
    /// Memory that the bank's program may use.
    #[arg(long, default_value = "1GiB")]
    bank_memory: ByteSize,
    /// Folder in which a folder for this run is made; it needs about 60 GB for the whole, or the share of that.
    #[arg(long, value_name = "DIR", default_value_os_t = std::env::temp_dir())]
    folder: PathBuf,
    /// Print one JSON object; the table goes to standard error.
    #[arg(long)]
    json: bool,
}

fn share(text: &str) -> Result<f64, String> {
    let share: f64 = text.parse().map_err(|_| "a number above 0, at most 1".to_owned())?;
    if (1e-5..=1.0).contains(&share) { Ok(share) } else { Err("a share is 0.00001 to 1".to_owned()) }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(what) => {
            eprintln!("plan: {what}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), String> {
    let figures = road::travel(arguments)?;
    if arguments.json {
        eprint!("{}", figures.table());
        println!("{}", serde_json::to_string_pretty(&figures).map_err(cannot("print"))?);
    } else {
        print!("{}", figures.table());
    }
    Ok(())
}

/// That something could not be done at all.
fn cannot<E: std::fmt::Display>(what: impl std::fmt::Display) -> impl FnOnce(E) -> String {
    move |error| format!("cannot {what}: {error}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ten_thousandth_fits_side_by_side_and_every_count_is_right() {
        let arguments = Arguments::parse_from(["plan", "--share", "0.0001", "--customers", "400"]);
        let figures = road::travel(&arguments).unwrap();
        let entries: Vec<_> = figures.breaches.iter().map(|breach| breach.entries).collect();
        assert_eq!(entries, [27_900, 2 * 9_100, 880]);
        assert!(figures.table().contains("tokopedia-2020") && figures.exposed == 300, "{}", figures.table());
    }
}

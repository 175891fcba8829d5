//! A whole set, its next day, its next key, and a bank's customers: the real programs from a made-up dump to the report.
//!
//! `cargo run --release -p samar-benches --bin scale -- --entries N --customers M [--json] [--chart FILE]`. Each program runs as a process
//! of its own on this machine, and every report is held against what is known of the made-up data. With `--json`, standard
//! output is one object and nothing else. `benches/scale/RESULTS.md` has what came out.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "the table is the product")]

mod chart;
mod figures;
mod process;
mod programs;
mod road;

use std::path::PathBuf;
use std::process::ExitCode;

use bytesize::ByteSize;
use clap::Parser;

/// Measures ingest, publish, screening, an addition and a rotation at the size of a real set.
#[derive(Parser)]
struct Arguments {
    /// Persons in the breach.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1_000..=400_000_000))]
    entries: u64,
    /// Customers who are screened; a tenth of them stand in the breach.
    #[arg(long, value_parser = clap::value_parser!(u64).range(100..=50_000_000))]
    customers: u64,
    /// Memory that ingest, publish and rotation may sort in.
    #[arg(long, default_value = "1GiB")]
    memory: ByteSize,
    /// Memory that the bank's program may use.
    #[arg(long, default_value = "1GiB")]
    bank_memory: ByteSize,
    /// Folder in which a folder for this run is made; it needs about 130 bytes an entry and 500 a customer.
    #[arg(long, value_name = "DIR", default_value_os_t = std::env::temp_dir())]
    folder: PathBuf,
    /// Write the steps here as an SVG chart.
    #[arg(long, value_name = "FILE")]
    chart: Option<PathBuf>,
    /// Print one JSON object; the table goes to standard error.
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(what) => {
            eprintln!("scale: {what}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), String> {
    let figures = road::travel(arguments)?;
    let table = figures.table();
    if let Some(path) = &arguments.chart {
        std::fs::write(path, chart::draw(&figures))
            .map_err(cannot(format_args!("write {}", path.display())))?;
    }
    if arguments.json {
        eprint!("{table}");
        println!("{}", serde_json::to_string_pretty(&figures).map_err(cannot("print"))?);
    } else {
        print!("{table}");
    }
    Ok(())
}

/// That something could not be done at all.
fn cannot<E: std::fmt::Display>(what: impl std::fmt::Display) -> impl FnOnce(E) -> String {
    move |error| format!("cannot {what}: {error}")
}

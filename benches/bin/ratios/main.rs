//! Each step of the hot path beside its peers: interleaved rounds, one process, one thread.
//!
//! `cargo run --release -p samar-benches --bin ratios -- [--json] [--rounds N] [--chalamet PROGRAM] [oprf|lookup]`. With `--json`, standard output is
//! the list and nothing else. `SAMAR_BACKEND` names another backend than the best.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "the table is the product")]

mod lookups;
mod oprf;

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use samar_benches::machine;
use samar_benches::rounds::{self, Outcome, Step};
use samar_protocol::group::Backend;
use serde::Serialize;

use self::oprf::{BATCH, Bench};

/// Measures each step of the hot path beside its peers.
#[derive(Parser)]
struct Arguments {
    /// Print a JSON list of {step, ours_per_s, opponent, opponent_per_s, ratio}; the rest goes to standard error.
    #[arg(long)]
    json: bool,
    /// Rounds, of which the medians are taken.
    #[arg(long, default_value_t = 51, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// Pages of 8,192 bytes of the segment that is looked up in: 279 million entries have 179,078.
    #[arg(long, default_value_t = 179_078, value_parser = clap::value_parser!(u32).range(1..=187_722))]
    pages: u32,
    /// The program of `benches/chalamet`, built: a lookup beside `ChalametPIR`'s, in as many bytes as that prepares in a minute.
    #[arg(long, value_name = "PROGRAM")]
    chalamet: Option<PathBuf>,
    /// What is measured.
    #[arg(value_enum, default_value_t)]
    group: Group,
}

/// Steps that are measured together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Group {
    /// The OPRF beside curve25519-dalek and the crate voprf
    #[default]
    Oprf,
    /// Private lookups: one query beside reading the same memory, sixteen together beside one
    Lookup,
}

/// One line of the result; rates in elements a second, of `lookup_scan` in bytes, of `lookup_batch16` and `lookup_small` in queries.
#[derive(Serialize)]
struct Row {
    step: &'static str,
    ours_per_s: f64,
    opponent: &'static str,
    opponent_per_s: f64,
    ratio: f64,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments = Arguments::parse();
    if arguments.group == Group::Lookup {
        return lookups::measure(&arguments);
    }
    let backend = Backend::choose(|name| std::env::var(name).ok())?;
    let head = format!(
        "{}\nbackend {}, batches of {BATCH}, one thread, medians of {} interleaved rounds, elements per second of processor time\n",
        machine::describe(),
        backend.name(),
        arguments.rounds
    );
    let bench = Bench::new(backend);
    bench.check();
    let mut steps = bench.steps();
    let outcomes = rounds::run(&mut steps, arguments.rounds.into());

    let batch = BATCH as f64;
    let rows: Vec<Row> =
        steps.iter().zip(&outcomes).map(|(step, outcome)| row(step, outcome, batch, batch)).collect();
    show(&arguments, &(head + &table(&rows, &outcomes)), &rows)
}

fn show(arguments: &Arguments, table: &str, rows: &[Row]) -> Result<(), Box<dyn std::error::Error>> {
    if arguments.json {
        eprint!("{table}");
        println!("{}", serde_json::to_string_pretty(rows)?);
    } else {
        print!("{table}");
    }
    Ok(())
}

/// A line, of so many things that each side did in a round.
fn row(step: &Step<'_>, outcome: &Outcome, ours: f64, theirs: f64) -> Row {
    let (ours, theirs) = (ours / outcome.ours_s, theirs / outcome.theirs_s);
    // Lookups are a few tens a second.
    let rounded = |rate: f64| if rate < 1_000.0 { (rate * 100.0).round() / 100.0 } else { rate.round() };
    Row {
        step: step.name,
        ours_per_s: rounded(ours),
        opponent: step.opponent,
        opponent_per_s: rounded(theirs),
        ratio: (ours / theirs * 100.0).round() / 100.0,
    }
}

fn table(rows: &[Row], outcomes: &[Outcome]) -> String {
    let mut text = format!(
        "{:<16}{:>12}  {:<14}{:>12}{:>8}  {}\n",
        "step", "ours", "opponent", "opponent", "ratio", "lowest and highest round"
    );
    for (row, outcome) in rows.iter().zip(outcomes) {
        let Row { step, ours_per_s, opponent, opponent_per_s, ratio } = row;
        let (low, high) = outcome.spread;
        // Cannot fail: a String takes everything.
        let _ = writeln!(
            text,
            "{step:<16}{ours_per_s:>12.0}  {opponent:<14}{opponent_per_s:>12.0}{ratio:>8.2}  {low:.2} .. {high:.2}"
        );
    }
    text
}

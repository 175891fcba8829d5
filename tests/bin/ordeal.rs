//! `ordeal NAME`: puts the programs through one of the ordeals. Exit code 0 and a figure on the last line where nothing was
//! violated; 1 and what was violated otherwise.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use samar_local::exit::{print, say};
use samar_tests::ordeal::{ALL, Ordeal, use_programs};

/// Puts the programs through an ordeal.
#[derive(Parser)]
#[command(name = "ordeal", max_term_width = 100, after_help = list())]
struct Arguments {
    /// Which one
    #[arg(value_parser = ALL.map(|ordeal| ordeal.name))]
    name: String,
    /// How often; the full count where none is given
    #[arg(long, value_name = "N")]
    count: Option<u32>,
    /// Folder of the programs; they are built where none is given
    #[arg(long, value_name = "DIR")]
    programs: Option<PathBuf>,
}

fn list() -> String {
    let line = |ordeal: &Ordeal| {
        format!(
            "  {:<10} {}\n             [--count: {}; {}]\n",
            ordeal.name, ordeal.what, ordeal.counts, ordeal.full
        )
    };
    format!("Ordeals:\n{}", ALL.iter().map(line).collect::<String>())
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Some(folder) = &arguments.programs {
        use_programs(folder);
    }
    let Some(ordeal) = Ordeal::named(&arguments.name) else { return ExitCode::from(2) };
    match ordeal.hold(arguments.count.unwrap_or(ordeal.full)) {
        Ok(figure) => {
            print(format_args!("{figure}"));
            ExitCode::SUCCESS
        }
        Err(violation) => {
            say(format_args!("{}: violated: {violation}", ordeal.name));
            ExitCode::FAILURE
        }
    }
}

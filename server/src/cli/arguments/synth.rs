//! What can be typed behind `synth`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::synth::{DumpForm, Like};

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Synth {
    /// A dump of made-up persons
    #[command(
        after_help = "Example:\n  samar-server synth dump --like tokopedia --persons 0..90000 \\\n    --form sql-insert --out tokopedia.sql"
    )]
    Dump {
        /// Persons in it, by number: FIRST..END
        #[arg(long, value_name = "A..B")]
        persons: String,
        /// The breach whose columns it has
        #[arg(long, value_name = "BREACH", value_enum, default_value_t)]
        like: Like,
        /// Persons of a thousand whose photo is there
        #[arg(long, value_name = "N", default_value_t = 70)]
        photo: u32,
        /// Form that it is written in; the rows are the same
        #[arg(long, value_name = "FORM", value_enum, default_value_t)]
        form: DumpForm,
        #[command(flatten)]
        shape: Shape,
    },
    /// Customers of whom it is known which stand in which dumps
    ///
    /// Of two dumps so many in each and in both, or with --persons everybody of a range, whatever dumps they stand in.
    #[command(
        after_help = "Example:\n  samar-server synth customers --breach bpjs-2021=0..700000 \\\n    --breach dukcapil-2021=600000..1000000 --only-first 4000 \\\n    --only-second 3000 --both 1000 --neither 12000 \\\n    --truth truth.csv --out customers.csv"
    )]
    Customers {
        /// A dump and the persons in it, ID=A..B; two, or any number beside --persons
        #[arg(long, value_name = "ID=A..B", required = true)]
        breach: Vec<String>,
        /// Who the customers are, by number, each once and in any order; may be repeated
        #[arg(long, value_name = "A..B", conflicts_with_all = ["only_first", "only_second", "both", "neither"])]
        persons: Vec<String>,
        /// Give them a telephone number, an e-mail address, a KK and an NPWP too
        #[arg(long)]
        all_kinds: bool,
        /// Customers in the first only
        #[arg(long, value_name = "N", default_value_t = 0)]
        only_first: u64,
        /// Customers in the second only
        #[arg(long, value_name = "N", default_value_t = 0)]
        only_second: u64,
        /// Customers in both
        #[arg(long, value_name = "N", default_value_t = 0)]
        both: u64,
        /// Customers in neither
        #[arg(long, value_name = "N", default_value_t = 0)]
        neither: u64,
        /// Where the right answers go
        #[arg(long, value_name = "FILE")]
        truth: Option<PathBuf>,
        /// Form that it is written in; the rows are the same
        #[arg(long, value_name = "FORM", value_enum, default_value_t)]
        form: DumpForm,
        #[command(flatten)]
        shape: Shape,
    },
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Shape {
    /// The same seed gives the same bytes
    #[arg(long, default_value_t = 1)]
    pub(in crate::cli) seed: u64,
    /// Rows of a thousand whose identifiers are written oddly but mean the same
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(in crate::cli) odd: u32,
    /// Rows added to a thousand whose identifiers cannot be any
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(in crate::cli) broken: u32,
    /// Rows added to a thousand that repeat a person
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(in crate::cli) repeated: u32,
    /// Where it goes; - is standard output
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) out: PathBuf,
}

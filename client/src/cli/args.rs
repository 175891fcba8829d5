//! The arguments, and the help that is shown for them.

use std::path::PathBuf;

use bytesize::ByteSize;
use clap::{Args, Parser, Subcommand, value_parser};
use samar_local::pages::Shell;
use samar_local::table::Form;
use samar_protocol::identifier::Kind;
use samar_protocol::limits::BATCH_ELEMENTS_MAX;

use crate::lookup::LookupMode;
use crate::report::Format;

/// Find out which of your customers are in a breach set, without showing them to anyone.
///
/// The operator of the set sees how many customers were asked about, and nothing of them. You see your own matches,
/// and nothing else of the set.
#[derive(Parser, Debug)]
#[command(
    name = "samar",
    version,
    max_term_width = 80,
    after_help = "\
Exit codes:
  0 done, nothing exposed      4 network
  1 done, something exposed    5 the server misbehaved; no result
  2 usage or input             6 this machine: disk, permission, lock
  3 refused by the server     70 a bug

Example:
  samar join bank-jaya.invitation
  samar sync
  samar screen customers.csv --column nik --out report.csv"
)]
pub(super) struct Arguments {
    /// Folder of this enrolment [default: samar in your configuration folder]
    #[arg(long, global = true, value_name = "DIR")]
    pub(super) dir: Option<PathBuf>,
    /// Descriptor whose first line is the passphrase of the ledger [default: SAMAR_PASSPHRASE, else a prompt]
    #[arg(long, global = true, value_name = "N")]
    pub(super) passphrase_fd: Option<u32>,
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Subcommand, Debug)]
pub(super) enum Command {
    /// Enrol with the invitation that the operator sent
    ///
    /// The key is made on this machine and never leaves it. Compare the fingerprints with the operator by another road
    /// than the one the invitation came by.
    #[command(after_help = "Example:\n  samar join bank-jaya.invitation")]
    Join {
        /// The invitation
        file: PathBuf,
        /// Your own private key (PEM, mode 0600), where the invitation already holds a certificate for it
        #[arg(long, value_name = "KEYFILE")]
        key: Option<PathBuf>,
        /// Print the result as JSON
        #[arg(long)]
        json: bool,
    },
    /// Renew the certificate of this bank, before it runs out or after
    ///
    /// The key stays, and so do account, ledger and set. In the last 30 days samar sync renews it by itself. One that has run
    /// out needs another invitation of the operator's.
    #[command(after_help = "Example:\n  samar renew")]
    Renew {
        /// Another invitation to the same account, where the server takes the certificate no more
        file: Option<PathBuf>,
        /// Print the result as JSON
        #[arg(long)]
        json: bool,
    },
    /// Fetch the newest breach set, or what is missing of it
    ///
    /// A run that was cut short goes on where it stopped. Later runs fetch only what is new.
    #[command(after_help = "Example:\n  samar sync")]
    Sync {
        /// Of large segments fetch only what private lookups need: enough for check, not for screen
        #[arg(long)]
        lookup: bool,
        /// Compute the hints of private lookups again, and end with 5 if one is wrong: some 10 s for 1.5 GB and core
        #[arg(long, conflicts_with = "lookup")]
        audit: bool,
        /// Print the result as JSON
        #[arg(long)]
        json: bool,
    },
    /// Show what is synced, until when it is valid, and what is left of the allowance
    ///
    /// Asks the server once. Where it does not answer, what is here is shown all the same, and the exit code is 4; 3 where it
    /// refuses.
    #[command(after_help = "Example:\n  samar status --offline")]
    Status {
        /// Do not ask the server for the allowance
        #[arg(long)]
        offline: bool,
        /// Print the status as JSON
        #[arg(long)]
        json: bool,
    },
    /// Show in words what a file of Samar holds, and where it is damaged
    ///
    /// Never shows an identifier, a token or a key. A damaged file is shown up to its first fault, and ends with 6. The
    /// folder lends the key that a manifest must be signed by.
    #[command(
        after_help = "Example:\n  samar inspect bank-jaya.invitation\n\nIts files are in the folder of the enrolment: samar.toml, seen.toml, ca.pem,\nmanifests/, segments/, ledger/, pending/."
    )]
    Inspect {
        /// The file; its kind is told by its content
        file: PathBuf,
        /// Print it as JSON
        #[arg(long)]
        json: bool,
    },
    /// List the breaches of the synced set, and what is known of each
    #[command(after_help = "Example:\n  samar breaches")]
    Breaches {
        /// Print them as JSON
        #[arg(long)]
        json: bool,
    },
    /// Show, prune or encrypt what is kept of customers that were evaluated
    Ledger {
        #[command(subcommand)]
        command: LedgerCommand,
    },
    /// Screen a file of customers against the synced set
    ///
    /// The report has every column of the file and adds samar_status (clear, exposed or invalid:REASON),
    /// samar_breaches, samar_fields, samar_confidence and samar_since. It is written whole or not at all. A summary is
    /// shown on a terminal.
    #[command(
        after_help = "Example:\n  samar screen customers.csv --column nik --out report.csv --summary summary.json\n  samar screen customers.csv --column nik=NIK --column phone=HP --column email=EMAIL \\\n    --out report.csv"
    )]
    Screen(ScreenArguments),
    /// Draft the notice to exposed customers, by breach, in Indonesian and English
    ///
    /// From a report of `screen` and what the synced set says of its breaches: what happened, when, which data, how sure it is,
    /// and what to do. The drafts are for you to edit; they hold counts, and no data of customers.
    #[command(after_help = "Example:\n  samar notice report.csv --out notices")]
    Notice {
        /// The report, as `samar screen` wrote it
        report: PathBuf,
        /// Folder of the drafts: BREACH.id.txt and BREACH.en.txt. Drafts that are there are not replaced
        #[arg(long, value_name = "FOLDER")]
        out: PathBuf,
        /// Only for this breach; may be repeated
        #[arg(long, value_name = "BREACH")]
        only: Vec<String>,
        /// Print what was drafted as JSON
        #[arg(long)]
        json: bool,
    },
    /// Check a few identifiers, one verdict a line
    ///
    /// Prints the number of the line, its status and its breaches, never the identifier. Those that are given as arguments
    /// can be seen by other users of this machine and stay in the shell's history: `check -` reads them from standard
    /// input instead.
    #[command(
        after_help = "Example:\n  samar check - < niks.txt\n  samar check --kind phone - < numbers.txt"
    )]
    Check(CheckArguments),
    /// Print completions of the command line, for a shell to read
    #[command(
        after_help = "Example:\n  samar completions bash > ~/.local/share/bash-completion/completions/samar"
    )]
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual page, or write one for each command
    #[command(after_help = "Example:\n  samar man --out /usr/local/share/man/man1")]
    Man {
        /// Folder that the pages go to
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
    /// Measure the server: rate, latency and bytes, step by step
    ///
    /// Sends batches of made-up NIKs in a closed loop, a step for each pair of batch size and streams, and verifies
    /// every proof. The answers are thrown away. What is evaluated is charged to your allowance: --evaluations bounds
    /// it, and a bench that the allowance does not cover is refused before it begins.
    #[command(after_help = "Example:\n  samar bench --batch 64,4096 --streams 1,8 --out bench.html")]
    Bench(BenchArguments),
}

#[derive(Subcommand, Debug)]
pub(super) enum LedgerCommand {
    /// Show each ledger: its key, its customers, and what it takes
    #[command(after_help = "Example:\n  samar ledger status")]
    Status {
        /// Print it as JSON
        #[arg(long)]
        json: bool,
    },
    /// Keep less: customers long gone, ledgers of keys that are served no more
    ///
    /// Who is pruned is evaluated, and charged, again when a screening meets them.
    #[command(after_help = "Example:\n  samar ledger prune --older-than 400 --other-keys")]
    Prune {
        /// Remove customers that no screening met for more than so many days
        #[arg(long, value_name = "DAYS", required_unless_present = "other_keys")]
        older_than: Option<u16>,
        /// Remove ledgers of keys that the operator serves no more
        #[arg(long)]
        other_keys: bool,
        /// Print the result as JSON
        #[arg(long)]
        json: bool,
    },
    /// Set, change or remove the passphrase under which the ledger is encrypted
    ///
    /// What is kept is written anew under it, and whatever is kept later is under it from the start. Copies made before stay
    /// as they were.
    #[command(
        after_help = "Example:\n  samar ledger passphrase\n\nThe new one is the first line of --new-passphrase-fd, or SAMAR_NEW_PASSPHRASE, or\nis asked for. Commands that open the ledger are given it alike:\n  samar screen customers.csv --column nik --out report.csv --passphrase-fd 3 3< FILE"
    )]
    Passphrase {
        /// Descriptor whose first line is the new passphrase
        #[arg(long, value_name = "N", conflicts_with = "remove")]
        new_passphrase_fd: Option<u32>,
        /// Leave the ledger in the clear
        #[arg(long)]
        remove: bool,
        /// Print the result as JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Args, Debug)]
pub(super) struct ScreenArguments {
    /// The customers: delimited text (CSV), SQL, JSON, xlsx or Parquet, plain or in gzip, zstd or zip
    pub(super) file: PathBuf,
    /// A column of identifiers: its name, or its number as #3; NIKs, unless KIND says nik, phone, email, kk or npwp. May
    /// be repeated
    ///
    /// A customer is looked up by all that he has. With others than NIKs, or several, the report also has samar_matched, by
    /// which kinds each breach was found, and samar_not_looked_up, what of him could not be looked up. Who has anything new
    /// to look up costs as many evaluations as there are columns, so that the server cannot tell who has what.
    #[arg(long, value_name = "[KIND=]NAME", required = true)]
    pub(super) column: Vec<String>,
    /// Form of the file: delimited text, an SQL dump, JSON lines, JSON, an Excel workbook or Parquet; auto tells it from the file
    #[arg(long, value_name = "FORM", default_value = "auto", value_parser = Form::NAMES)]
    pub(super) in_format: String,
    /// Table of an SQL dump, sheet of a workbook, or file in a zip [default: the only one]
    #[arg(long, value_name = "NAME")]
    pub(super) table: Option<String>,
    /// Where the report goes
    #[arg(long, value_name = "FILE")]
    pub(super) out: PathBuf,
    /// Form of the report
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    pub(super) out_format: Format,
    /// Where the summary goes, as JSON
    #[arg(long, value_name = "FILE")]
    pub(super) summary: Option<PathBuf>,
    /// Where the summary goes as a web page: one file, with charts, and no data of customers
    #[arg(long, value_name = "FILE")]
    pub(super) html: Option<PathBuf>,
    /// Look only at this breach; may be repeated. `samar breaches` lists them
    ///
    /// Whom it is not found of has the status not-found: nobody is clear of whom not all was looked at.
    #[arg(long, value_name = "BREACH")]
    pub(super) only: Vec<String>,
    /// Look only at what is new since this epoch, which was screened before
    ///
    /// Exposures that a screening of that epoch showed are left out. Who was not screened then, or since, is looked up in
    /// everything. Whom nothing is found of has the status not-found.
    #[arg(long, value_name = "EPOCH", conflicts_with = "no_ledger")]
    pub(super) since: Option<u64>,
    /// Keep nothing of what is evaluated, and use nothing that is kept
    ///
    /// Without it, who was evaluated once is not evaluated again under the same key: a later screening pays for new
    /// customers alone.
    #[arg(long)]
    pub(super) no_ledger: bool,
    /// Memory that the program may use, however many customers there are; what the cells of a workbook share of text is held
    /// beside it, 256 MiB at most
    #[arg(long, value_name = "SIZE", default_value = "512MiB")]
    pub(super) memory: ByteSize,
    /// Print the summary as JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Args, Debug)]
pub(super) struct CheckArguments {
    /// What they are
    #[arg(long, value_name = "KIND", default_value = Kind::Nik.name(), value_parser = Kind::ALL.map(Kind::name))]
    pub(super) kind: String,
    /// The identifiers, or - to read them from standard input, one a line
    #[arg(required = true, value_name = "IDENTIFIER")]
    pub(super) identifiers: Vec<String>,
    /// Which segments are looked up in on the server, privately, rather than on this machine
    #[arg(long, value_name = "WHEN", value_enum, default_value_t)]
    pub(super) lookup: LookupMode,
    /// Print one JSON object a line
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Args, Debug)]
pub(super) struct BenchArguments {
    /// Customers in a batch, comma-separated
    #[arg(long, value_name = "SIZES", value_delimiter = ',', default_value = "64,1024,4096")]
    #[arg(value_parser = value_parser!(u32).range(1..=BATCH_ELEMENTS_MAX as i64))]
    pub(super) batch: Vec<u32>,
    /// Batches in flight at once, comma-separated
    #[arg(long, value_name = "COUNTS", value_delimiter = ',', default_value = "1,4,8")]
    #[arg(value_parser = value_parser!(u32).range(1..=64))]
    pub(super) streams: Vec<u32>,
    /// Seconds that each step may last
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = value_parser!(u64).range(1..=3_600))]
    pub(super) seconds: u64,
    /// Evaluations that all steps together may spend
    #[arg(long, value_name = "N", default_value_t = 500_000)]
    pub(super) evaluations: u64,
    /// Where the report goes as a web page: one file, with plots
    #[arg(long, value_name = "FILE")]
    pub(super) out: Option<PathBuf>,
    /// Print the result as JSON
    #[arg(long)]
    pub(super) json: bool,
}

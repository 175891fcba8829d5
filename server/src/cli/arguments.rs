//! What can be typed.

mod synth;

use std::net::SocketAddr;
use std::path::PathBuf;

use bytesize::ByteSize;
use clap::{Args, Parser, Subcommand};
use samar_local::pages::Shell;
use samar_local::table::Form;
use samar_protocol::limits::MANIFEST_VALIDITY_S_MAX;

pub(super) use self::synth::{Shape, Synth};
use crate::audit::Format;

/// The operator's side of Samar: breach sets that banks can search without telling whom they search for.
#[derive(Debug, Parser)]
#[command(name = "samar-server", version, max_term_width = 80, arg_required_else_help = true)]
#[command(after_help = "Exit codes: 0 done, 2 usage, configuration or input, 6 this machine, 70 a bug.")]
pub(super) struct Arguments {
    /// The operator's folder [default: ~/.config/samar-server]
    #[arg(long, global = true, value_name = "DIR")]
    pub(super) dir: Option<PathBuf>,
    /// Descriptor whose first line is the passphrase of the keys [default: SAMAR_PASSPHRASE, else a prompt]
    #[arg(long, global = true, value_name = "N")]
    pub(super) passphrase_fd: Option<u32>,
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make a new operator's folder: keys, certificates, configuration
    #[command(after_help = "Example:\n  samar-server init --operator 'Badan Contoh' --listen 0.0.0.0:4433")]
    Init {
        /// Who runs this server; stands in every manifest
        #[arg(long, value_name = "NAME", default_value = "Samar operator")]
        operator: String,
        /// Address and UDP port to listen on
        #[arg(long, value_name = "ADDR", default_value = "0.0.0.0:4433")]
        listen: SocketAddr,
    },
    /// Enrol a bank and write its invitation
    #[command(
        after_help = "Example:\n  samar-server enroll bank-jaya --out bank-jaya.invitation --per-day 2000000"
    )]
    Enroll {
        /// Name of the account: lower-case letters, digits and hyphens
        bank: String,
        /// Where the invitation goes
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// Evaluations a day (UTC) [default: `per_day` of the configuration]
        #[arg(long, value_name = "N")]
        per_day: Option<u64>,
        /// Evaluations in all [default: `lifetime` of the configuration]
        #[arg(long, value_name = "N")]
        lifetime: Option<u64>,
        /// Certify this signing request of the bank's own PKI instead of handing out a token
        #[arg(long, value_name = "FILE")]
        csr: Option<PathBuf>,
        /// Another invitation for a bank that is enrolled; its account and what it used stay
        #[arg(long)]
        again: bool,
    },
    /// Serve a bank no more, whichever of its keys it shows
    #[command(
        after_help = "Example:\n  samar-server revoke bank-jaya --reason 'contract ended 2026-11-30'\n\nA running server closes the bank's connections within seconds. The account and\nwhat it used stay; there is no way back under the same name."
    )]
    Revoke {
        /// Name of the account
        bank: String,
        /// Why, for your own records; the bank is not told
        #[arg(long, value_name = "TEXT", default_value = "none given")]
        reason: String,
    },
    /// Take dumps into the vault, which keeps no identifier of them
    #[command(
        after_help = "Example:\n  samar-server ingest --breach bpjs-2021 --date 2021-05 --title 'BPJS' \\\n    --column NIK --exposes phone --exposes photo=FOTO dump.csv.gz\n\nWhat is in a dump: samar-server ingest --dry-run dump.csv.gz"
    )]
    Ingest(Ingest),
    /// Take identifiers out of a breach, or a whole breach out of the vault
    #[command(
        after_help = "Example:\n  samar-server remove --breach bpjs-2021 --column NIK corrections.csv\n\nWithout a file the breach is taken out as a whole, with all that the vault holds of\nit. Banks see either with the next publish."
    )]
    Remove(Remove),
    /// Publish the vault: segments and a signed manifest, as the next epoch
    #[command(
        after_help = "Example:\n  samar-server publish\n\nA running server takes it up within seconds. Banks download what was added or\nremoved since; a breach with more than 31 additions and removals, or with changes\nto more than half of it, is made one again by itself."
    )]
    Publish {
        /// Memory for sorting, and for computing hints
        #[arg(long, value_name = "SIZE", default_value = "1GiB")]
        memory: ByteSize,
        /// Make one again of every breach that has additions or removals; banks download it anew
        #[arg(long)]
        compact: bool,
        /// Make a new publisher key, which this epoch names and which signs from the next one on
        #[arg(long)]
        new_publisher_key: bool,
        /// Date it by the clock of this machine even where that stands far from what was recorded before
        #[arg(long)]
        trust_clock: bool,
        /// Print the result as JSON
        #[arg(long)]
        json: bool,
    },
    /// Change the OPRF key: the vault is taken to a new one, without the dumps
    ///
    /// Every element is multiplied, the set is published as the next epoch, and the old key is served beside the new one for a
    /// grace, so that banks take along what they had evaluated, at no charge to their lifetime allowance. Then the old key is
    /// destroyed. A run that was cut short goes on; nothing else changes the vault meanwhile.
    #[command(
        name = "rotate-key",
        after_help = "Example:\n  samar-server rotate-key --grace 7d\n\nBanks download the set as a whole. A running server takes it up within seconds,\nand destroys the old key when the grace is over; publish does so too."
    )]
    RotateKey {
        /// For how long the old key is served, as 7d, 36h, 90m or 30s [default: `grace_days` of the configuration]
        #[arg(long, value_name = "TIME", value_parser = seconds)]
        grace: Option<u64>,
        /// Memory for sorting, and for computing hints
        #[arg(long, value_name = "SIZE", default_value = "1GiB")]
        memory: ByteSize,
        /// Destroy the old key now, whether its grace is over or not
        #[arg(long, conflicts_with_all = ["grace", "memory"])]
        finish: bool,
        /// Print the result as JSON
        #[arg(long)]
        json: bool,
    },
    /// Serve banks until SIGTERM, then answer what is under way and stop
    #[command(
        after_help = "Example:\n  samar-server serve --dir /var/lib/samar-server\n\nWhere the keys are under a passphrase, a service manager gives it by descriptor:\nsamar-server serve --passphrase-fd 3 3< FILE\n\nSAMAR_LOG sets what is logged: error, warn, info (default), debug."
    )]
    Serve {
        /// Log JSON lines instead of text
        #[arg(long)]
        json: bool,
    },
    /// Show what is published and what each bank has used
    #[command(after_help = "Example:\n  samar-server status --json")]
    Status {
        /// Print it as JSON
        #[arg(long)]
        json: bool,
    },
    /// Make a new key and certificate for the server, before the old one runs out
    #[command(
        after_help = "Example:\n  samar-server renew\n\nA running server takes it up on SIGHUP. Banks notice nothing: they trust the authority."
    )]
    Renew,
    /// Set, change or remove the passphrase under which the keys are encrypted
    #[command(
        after_help = "Example:\n  samar-server passphrase\n\nThe new one is the first line of --new-passphrase-fd, or SAMAR_NEW_PASSPHRASE, or is asked for."
    )]
    Passphrase {
        /// Descriptor whose first line is the new passphrase
        #[arg(long, value_name = "N", conflicts_with = "remove")]
        new_passphrase_fd: Option<u32>,
        /// Leave the keys in the clear
        #[arg(long)]
        remove: bool,
    },
    /// Walk the account log, or write its debits out
    Audit {
        #[command(subcommand)]
        command: Audit,
    },
    /// Show in words what a file of Samar holds, and where it is damaged
    ///
    /// Never shows an identifier, a token, a key or an element. A damaged file is shown up to its first fault, and ends
    /// with 6. The folder lends the key that a manifest must be signed by.
    #[command(after_help = "Example:\n  samar-server inspect /var/lib/samar-server/accounts/account.log")]
    Inspect {
        /// The file; its kind is told by its content
        file: PathBuf,
        /// Print it as JSON
        #[arg(long)]
        json: bool,
    },
    /// Print completions of the command line, for a shell to read
    #[command(
        after_help = "Example:\n  samar-server completions bash > ~/.local/share/bash-completion/completions/samar-server"
    )]
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual page, or write one for each command
    #[command(after_help = "Example:\n  samar-server man --out /usr/local/share/man/man1")]
    Man {
        /// Folder that the pages go to
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
    /// Make up dumps and customers with a known overlap, for trying and measuring
    Synth {
        #[command(subcommand)]
        command: Synth,
    },
}

/// How files are read.
#[derive(Debug, Args)]
pub(super) struct Reading {
    /// Form of the files: delimited text, an SQL dump, JSON lines, JSON, an Excel workbook or Parquet; auto tells it from each file
    #[arg(long, value_name = "FORM", default_value = "auto", value_parser = Form::NAMES, requires = "files")]
    pub(super) in_format: String,
    /// Table of an SQL dump, sheet of a workbook, or file in a zip [default: the only one]
    #[arg(long, value_name = "NAME", requires = "files")]
    pub(super) table: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct Ingest {
    /// Breach the rows belong to, like bpjs-2021
    #[arg(long, value_name = "ID", required_unless_present = "dry_run")]
    pub(super) breach: Option<String>,
    /// Only look: columns, what they seem to hold, and what would be rejected; samples are masked, and nothing is written
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Title for people [default: the id]
    #[arg(long)]
    pub(super) title: Option<String>,
    /// When it happened: YYYY, YYYY-MM or YYYY-MM-DD; needed the first time
    #[arg(long)]
    pub(super) date: Option<String>,
    /// claimed, confirmed, denied-in-part or disputed [default: claimed]
    #[arg(long)]
    pub(super) status: Option<String>,
    /// Column of identifiers, by name or number; KIND is nik (where left out), phone, email, kk or npwp; repeat it [default: NIKs,
    /// told from the header]
    #[arg(long, value_name = "[KIND=]NAME")]
    pub(super) column: Vec<String>,
    /// What is known of the breach, as TOML like vault/BREACH/about.toml
    #[arg(long, value_name = "FILE")]
    pub(super) about: Option<PathBuf>,
    /// A data class exposed for every row, or where COLUMN is not empty; repeat it
    #[arg(long, value_name = "CLASS[=COLUMN]")]
    pub(super) exposes: Vec<String>,
    #[command(flatten)]
    pub(super) reading: Reading,
    /// Memory for sorting; what the cells of a workbook share of text is held beside it, 256 MiB at most
    #[arg(long, value_name = "SIZE", default_value = "1GiB")]
    pub(super) memory: ByteSize,
    /// List rejected rows here: file, line (of forms without lines the number of the row) and reason, never a value
    #[arg(long, value_name = "FILE")]
    pub(super) rejects: Option<PathBuf>,
    /// Print the report as JSON
    #[arg(long)]
    pub(super) json: bool,
    /// Dumps: delimited text, SQL, JSON, xlsx or Parquet, plain or in gzip, zstd or zip; - is standard input
    #[arg(required = true, value_name = "FILE")]
    pub(super) files: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct Remove {
    /// The breach
    #[arg(long, value_name = "ID")]
    pub(super) breach: String,
    /// Column of identifiers, by name or number; KIND is nik (where left out), phone, email, kk or npwp; repeat it [default: NIKs,
    /// told from the header]
    #[arg(long, value_name = "[KIND=]NAME", requires = "files")]
    pub(super) column: Vec<String>,
    #[command(flatten)]
    pub(super) reading: Reading,
    /// Memory for sorting
    #[arg(long, value_name = "SIZE", default_value = "1GiB")]
    pub(super) memory: ByteSize,
    /// List rejected rows here: file, line (of forms without lines the number of the row) and reason, never a value
    #[arg(long, value_name = "FILE", requires = "files")]
    pub(super) rejects: Option<PathBuf>,
    /// Print the report as JSON
    #[arg(long)]
    pub(super) json: bool,
    /// Who is to be taken out, in files as ingest takes them; - is standard input; none: the whole breach
    #[arg(value_name = "FILE")]
    pub(super) files: Vec<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(super) enum Audit {
    /// Walk the log's hash chain and name the first record that is damaged
    ///
    /// Reads only, and may run beside the server. Keep the head of the chain elsewhere: a log with the same number of
    /// records and the same head is the same log. Ends with 6 where the log is damaged.
    #[command(after_help = "Example:\n  samar-server audit verify")]
    Verify {
        /// Print the result as JSON
        #[arg(long)]
        json: bool,
    },
    /// Write out every debit, one a line: record, time, bank, evaluations, batch
    ///
    /// Reads only, and may run beside the server. Nothing is written of a damaged log. The batch is a hash of blinded
    /// elements and says nothing of whom the bank asked about.
    #[command(after_help = "Example:\n  samar-server audit export --format csv --out debits.csv")]
    Export {
        /// Form of the lines
        #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
        format: Format,
        /// Where they go; - is standard output
        #[arg(long, value_name = "FILE", default_value = "-")]
        out: PathBuf,
    },
}

/// A number and its unit, as seconds. At most a year, as long as a manifest lasts.
fn seconds(text: &str) -> Result<u64, String> {
    let (number, unit) = text.split_at(text.len() - usize::from(text.is_ascii() && !text.is_empty()));
    let unit_s = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err("a number and s, m, h or d, like 7d".to_owned()),
    };
    let number: u64 = number.parse().map_err(|_| "a number and s, m, h or d, like 7d".to_owned())?;
    let seconds = number.saturating_mul(unit_s);
    if seconds <= MANIFEST_VALIDITY_S_MAX { Ok(seconds) } else { Err("at most 366d".to_owned()) }
}

//! Ordeals: each promises something that an operator or a bank relies on when things go wrong, makes them go wrong many
//! times, and counts. `cargo run --release -p samar-tests --bin ordeal -- --help` lists them; RESULTS.md beside this file
//! has the last full runs.
//!
//! | Room | What is in it |
//! | --- | --- |
//! | `programs` | the programs as processes: built, started, killed, their memory read |
//! | `folders` | folders as an ordeal sees them: copied, fingerprinted, searched for leftovers |
//! | `house` | an operator with its server process, and banks of every kind |
//! | `premade`, `ratios` | batches that cost their sender nothing any more; phases of load and of rest by turns, compared |
//! | the others | one ordeal each |

mod enumerate;
mod folders;
mod frames;
mod house;
mod interrupt;
mod kill;
mod lookups;
mod overload;
mod power;
mod premade;
mod programs;
mod ratios;
mod revoke;
mod slow;
mod swap;

/// What an ordeal came to: its figure in one line, or what was violated.
pub type Outcome = Result<String, String>;

/// One ordeal.
pub struct Ordeal {
    /// What it is called on the command line.
    pub name: &'static str,
    /// What it does and what must hold, in a line.
    pub what: &'static str,
    /// What `--count` counts.
    pub counts: &'static str,
    /// The count of a full run.
    pub full: u32,
    run: fn(u32) -> Outcome,
}

/// All of them.
pub const ALL: [Ordeal; 10] = [
    Ordeal {
        name: "interrupt",
        what: "kills ingest, remove, publish, a compaction, rotate-key, sync and screen at random points; the next run must come to \
               the same result, leave no temporary file and pay for nothing twice",
        counts: "kills of each",
        full: 200,
        run: interrupt::run,
    },
    Ordeal {
        name: "frames",
        what: "malformed frames and a tenth as many malformed handshakes; the server must not panic, not grow by 32 MiB, and \
               serve an honest bank meanwhile",
        counts: "malformed frames",
        full: 1_000_000,
        run: frames::run,
    },
    Ordeal {
        name: "kill",
        what: "kills the server under the load of several banks; what was answered must stand in the log, and nothing twice",
        counts: "kills",
        full: 1_000,
        run: kill::run,
    },
    Ordeal {
        name: "power",
        what: "cuts the power between any two operations on the files of the account log and of a publication, and again while \
               they are mended; what was answered must hold, everything must open, and the next step go on from there",
        counts: "images of disks",
        full: 12_000,
        run: power::run,
    },
    Ordeal {
        name: "enumerate",
        what: "a bank under several certificates takes all it can get, with retries and reconnects; it must get its allowance, \
               exactly",
        counts: "evaluations allowed",
        full: 200_000,
        run: enumerate::run,
    },
    Ordeal {
        name: "revoke",
        what: "revokes banks at work; their connections must be gone within 5 s, with 0 evaluations after, and no other bank's",
        counts: "banks",
        full: 20,
        run: revoke::run,
    },
    Ordeal {
        name: "slow",
        what: "slow readers and writers, and as many stalled and half-open peers; the server must stay under 512 MiB, and an \
               honest bank's p99 within twice its own",
        counts: "slow peers, and stalled ones",
        full: 1_000,
        run: slow::run,
    },
    Ordeal {
        name: "overload",
        what: "four times as much work as the server can do; it must do 90 % of its peak, admitted work within 3 times its p99, \
               and charge nothing that it refuses",
        counts: "seconds of overload",
        full: 30,
        run: overload::run,
    },
    Ordeal {
        name: "lookups",
        what: "private lookups over random, constant and adversarial pages, some over as many as there may be; every page must \
               come out, and the noise be what SPEC.md derives",
        counts: "lookups",
        full: 100_000,
        run: lookups::run,
    },
    Ordeal {
        name: "swap",
        what: "publishes one epoch after the other under the load of banks that evaluate, fetch and screen; no request may fail, \
               and none be answered out of two epochs",
        counts: "manifests",
        full: 100,
        run: swap::run,
    },
];

impl Ordeal {
    /// The ordeal of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        ALL.iter().find(|ordeal| ordeal.name == name)
    }

    /// Puts the programs through it, so many times.
    ///
    /// # Errors
    /// What was violated, or what kept the ordeal from being held.
    pub fn hold(&self, count: u32) -> Outcome {
        (self.run)(count.max(1)).map(|figure| format!("{}: {figure}", self.name))
    }
}

/// Puts the programs of this folder through what follows, instead of building them.
pub fn use_programs(folder: &std::path::Path) {
    programs::Programs::take(folder);
}

/// Where the operator's program and the bank's are, built first.
///
/// # Errors
/// Why they are not there.
pub fn built_programs() -> Result<(std::path::PathBuf, std::path::PathBuf), String> {
    programs::Programs::built().map(programs::Programs::into_paths)
}

/// Says how far an ordeal has come.
fn progress(what: &str, done: u32, of: u32) {
    if done.is_multiple_of((of / 10).max(1)) || done == of {
        samar_local::exit::say(format_args!("  {what}: {done} of {of}"));
    }
}

/// The violation that something could not be done at all.
fn cannot<E: std::fmt::Display>(what: impl std::fmt::Display) -> impl FnOnce(E) -> String {
    move |error| format!("cannot {what}: {error}")
}

//! The command line: arguments become a plan, the plan is carried out, the outcome is shown.

mod args;
mod check;
mod lines;
mod show;

use std::ffi::OsString;
use std::path::Path;

use clap::{CommandFactory as _, Parser as _};
use samar_local::exit::{Exit, Failure, io_failure, print, say};
use samar_local::folder::default_folder;
use samar_local::pages;
use samar_local::passphrase::{Passphrase, Source};
use samar_local::table::Form;
use samar_protocol::invitation::INVITATION_BYTES_MAX;

use crate::bench::{BenchPlan, Ladder};
use crate::config::Home;
use crate::inspect::inspect;
use crate::notice::{NoticePlan, notice};
use crate::screen::{Column, ScreenPlan};
use args::{Arguments, BenchArguments, Command, LedgerCommand, ScreenArguments};

/// Runs the program with these arguments, its name first.
///
/// # Errors
/// [`Failure`] of the command.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> Result<Exit, Failure> {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            let exit = if error.use_stderr() { Exit::Input } else { Exit::Done };
            let _ = error.print(); // a closed pipe is nothing to fail over
            return Ok(exit);
        }
    };
    match &arguments.command {
        Command::Completions { shell } => return pages::completions(Arguments::command(), *shell),
        Command::Man { out } => return pages::man(Arguments::command(), out.as_deref()),
        _ => {}
    }
    let dir = arguments.dir.map_or_else(|| default_folder("samar"), Ok)?;
    let home = match arguments.passphrase_fd {
        Some(number) => Home::new(&dir).opened_with(Passphrase::new(Source::Descriptor(number))),
        None => Home::new(&dir),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::local(format!("cannot start: {error}")))?;
    runtime.block_on(run(&home, arguments.command))
}

async fn run(home: &Home, command: Command) -> Result<Exit, Failure> {
    match command {
        Command::Join { file, key, json } => {
            let invitation = read_invitation(&file)?;
            let enrolment = crate::join::join(home, &invitation, key.as_deref()).await?;
            if json {
                show::join_json(home, &enrolment);
            } else {
                show::join(home, &enrolment);
            }
            Ok(Exit::Done)
        }
        Command::Renew { file, json } => {
            let invitation = file.as_deref().map(read_invitation).transpose()?;
            let enrolment = crate::renew::renew(home, invitation.as_deref()).await?;
            if json {
                show::join_json(home, &enrolment);
            } else {
                show::renewed(&enrolment);
            }
            Ok(Exit::Done)
        }
        Command::Sync { lookup, audit, json } => {
            let report = match (lookup, audit) {
                (true, _) => crate::sync::sync_for_lookups(home).await?,
                (_, true) => crate::sync::audit(home).await?,
                _ => crate::sync::sync(home).await?,
            };
            if json {
                show::sync_json(&report);
            } else {
                show::sync(&report);
            }
            Ok(Exit::Done)
        }
        Command::Status { offline, json } => {
            let status = crate::status::status(home, offline).await?;
            if json {
                show::status_json(&status);
            } else {
                show::status(&status);
            }
            Ok(status.exit())
        }
        Command::Inspect { file, json } => tokio::task::block_in_place(|| inspect(home, &file, json)),
        Command::Breaches { json } => {
            let breaches = crate::breaches::breaches(home)?;
            if json {
                // Unwrap safety: names for keys, and no number that JSON cannot hold.
                print(format_args!("{}", serde_json::to_string(&breaches).expect("breaches are JSON")));
            } else {
                print(format_args!("{breaches}"));
            }
            Ok(Exit::Done)
        }
        Command::Ledger { command } => tokio::task::block_in_place(|| ledger(home, &command)),
        Command::Notice { report, out, only, json } => {
            let plan = NoticePlan { home: home.clone(), report, out, only };
            let drafts = tokio::task::block_in_place(|| notice(&plan))?;
            if json {
                show::notice_json(&drafts);
            } else {
                show::notice(&drafts);
            }
            Ok(Exit::Done)
        }
        Command::Screen(arguments) => screen(home, arguments).await,
        Command::Check(arguments) => check::check(home, arguments).await,
        Command::Bench(arguments) => bench(home, arguments).await,
        // Printed before there is a folder.
        Command::Completions { .. } | Command::Man { .. } => Ok(Exit::Done),
    }
}

fn read_invitation(path: &Path) -> Result<String, Failure> {
    let length = std::fs::metadata(path).map_err(|error| io_failure("read", path, &error))?.len();
    if length > INVITATION_BYTES_MAX as u64 {
        return Err(Failure::input(format!("{} is too long for an invitation", path.display())));
    }
    let bytes = std::fs::read(path).map_err(|error| io_failure("read", path, &error))?;
    String::from_utf8(bytes)
        .map_err(|_| Failure::input(format!("{} is not an invitation: it is not text", path.display())))
}

fn ledger(home: &Home, command: &LedgerCommand) -> Result<Exit, Failure> {
    match *command {
        LedgerCommand::Status { json } => {
            let kept = crate::kept::kept(home)?;
            let is_protected = crate::kept::is_protected(home)?;
            if json { show::ledgers_json(&kept) } else { show::ledgers(&kept, is_protected) }
        }
        LedgerCommand::Prune { older_than, other_keys, json } => {
            let pruned = crate::kept::prune(home, older_than, other_keys)?;
            if json { show::pruned_json(&pruned) } else { show::pruned(&pruned) }
        }
        LedgerCommand::Passphrase { new_passphrase_fd, remove, json } => {
            let asked = Source::EnvironmentOrPrompt {
                variable: "SAMAR_NEW_PASSPHRASE",
                prompt: "New passphrase",
                twice: true,
            };
            let source = new_passphrase_fd.map_or(asked, Source::Descriptor);
            let new = (!remove).then(|| Passphrase::new(source));
            let ledgers = crate::kept::protect(home, new.as_ref())?;
            if json { show::protected_json(ledgers, !remove) } else { show::protected(ledgers, !remove) }
        }
    }
    Ok(Exit::Done)
}

async fn screen(home: &Home, arguments: ScreenArguments) -> Result<Exit, Failure> {
    let json = arguments.json;
    let plan = ScreenPlan {
        home: home.clone(),
        file: arguments.file,
        columns: arguments.column.iter().map(|column| Column::parse(column)).collect(),
        form: Form::named(&arguments.in_format),
        table: arguments.table,
        out: arguments.out,
        format: arguments.out_format,
        summary: arguments.summary,
        html: arguments.html,
        only: arguments.only,
        since: arguments.since,
        memory_bytes: arguments.memory.as_u64(),
        ledger: !arguments.no_ledger,
    };
    let summary = crate::screen::screen(&plan).await?;
    if json {
        show::screen_json(&summary);
    } else if std::io::IsTerminal::is_terminal(&std::io::stderr()) {
        say(format_args!("{summary}"));
    }
    Ok(if summary.exposed > 0 { Exit::Exposed } else { Exit::Done })
}

async fn bench(home: &Home, arguments: BenchArguments) -> Result<Exit, Failure> {
    let BenchArguments { batch, streams, seconds, evaluations, out, json } = arguments;
    let ladder = Ladder::new(batch, streams, seconds, evaluations)?;
    let report = crate::bench::bench(&BenchPlan { home: home.clone(), ladder, out }).await?;
    if json {
        show::bench_json(&report);
    } else {
        print(format_args!("{report}"));
    }
    Ok(Exit::Done)
}

//! The command line: raw arguments in, one call into the library out.

mod arguments;
mod audit;
mod ingest;
mod remove;
mod rotate;
mod serve;
mod show;
mod synth;

use clap::{CommandFactory as _, Parser as _};
use samar_local::exit::{Exit, Failure, print};
use samar_local::folder;
use samar_local::pages;
use samar_local::people::thousands;
use samar_protocol::group::Backend;

use crate::config::Config;
use crate::enroll::{Enrolment, enroll};
use crate::init::init;
use crate::inspect::inspect;
use crate::keys::{self, Passphrase, Protected, Source};
use crate::layout::Layout;
use crate::pki::Authority;
use crate::publish::{self, publish_as};
use crate::revoke::revoke;
use crate::rotate::Plan;
use arguments::{Arguments, Command};

/// Runs the program as the command line says.
///
/// # Errors
/// What the command fails with.
pub fn run() -> Result<Exit, Failure> {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version go to standard output and are no failure.
            let _ = error.print();
            return Ok(if error.use_stderr() { Exit::Input } else { Exit::Done });
        }
    };
    let layout = || -> Result<Layout, Failure> {
        let layout = Layout::new(match &arguments.dir {
            Some(dir) => dir.clone(),
            None => folder::default_folder("samar-server")?,
        });
        Ok(match arguments.passphrase_fd {
            Some(number) => layout.opened_with(Passphrase::new(Source::Descriptor(number))),
            None => layout,
        })
    };
    match arguments.command {
        Command::Init { operator, listen } => {
            let layout = layout()?;
            let made = init(&layout, &operator, listen)?;
            print(format_args!("initialised    {}", layout.root().display()));
            print(format_args!("operator       {operator}"));
            print(format_args!("OPRF key       {}", made.key_id));
            print(format_args!("what banks compare when they join, over the telephone:"));
            show::operator_keys(&made.ca_key, &made.publisher_key);
            print(format_args!(
                "\nBack up {}: without these keys the vault cannot be used.",
                layout.keys().display()
            ));
        }
        Command::Enroll { bank, out, per_day, lifetime, csr, again } => {
            let layout = layout()?;
            let enrolment =
                Enrolment { bank: &bank, out: &out, per_day, lifetime, csr: csr.as_deref(), again };
            let account = enroll(&layout, &enrolment)?;
            print(format_args!("enrolled    {bank}"));
            print(format_args!(
                "allowance   {} a day, {} in all",
                thousands(account.per_day),
                thousands(account.lifetime)
            ));
            print(format_args!(
                "invitation  {} (hand it over on a trusted channel; it opens the account)",
                out.display()
            ));
            print(format_args!("when the bank has joined, compare with it, over the telephone:"));
            show::enrolled(&layout, &account)?;
        }
        Command::Revoke { bank, reason } => {
            revoke(&layout()?, &bank, &reason)?;
            print(format_args!(
                "revoked  {bank}: none of its keys is served; a running server ends its connections"
            ));
        }
        Command::Ingest(arguments) if arguments.dry_run => ingest::look(arguments)?,
        Command::Ingest(arguments) => ingest::run(&layout()?, backend()?, arguments)?,
        Command::Remove(arguments) => remove::run(&layout()?, backend, arguments)?,
        Command::Publish { memory, compact, new_publisher_key, trust_clock, json } => {
            let memory_bytes = ingest::memory_bytes(memory)?;
            let new_publisher = new_publisher_key;
            let plan = publish::Plan { memory_bytes, compact, new_publisher, trust_clock };
            show::publication(&publish_as(&layout()?, &plan)?, json);
        }
        Command::RotateKey { finish: true, json, .. } => rotate::finish(&layout()?, json)?,
        Command::RotateKey { grace, memory, json, .. } => {
            let plan = Plan { memory_bytes: ingest::memory_bytes(memory)?, grace_s: grace };
            rotate::run(&layout()?, backend()?, &plan, json)?;
        }
        Command::Serve { json } => serve::run(&layout()?, backend()?, json)?,
        Command::Audit { command } => return audit::run(&layout()?, &command),
        Command::Inspect { file, json } => return inspect(layout().ok().as_ref(), &file, json),
        Command::Status { json } => show::status(&layout()?, json)?,
        Command::Renew => renew(&layout()?)?,
        Command::Passphrase { new_passphrase_fd, remove } => {
            passphrase(&layout()?, new_passphrase_fd, remove)?;
        }
        Command::Completions { shell } => return pages::completions(Arguments::command(), shell),
        Command::Man { out } => return pages::man(Arguments::command(), out.as_deref()),
        Command::Synth { command } => synth::run(command)?,
    }
    Ok(Exit::Done)
}

/// A new certificate for the server.
fn renew(layout: &Layout) -> Result<(), Failure> {
    Config::read(&layout.config())?; // says so where the folder was never initialised
    // Another passphrase is being set by whoever has it, and would put the old key back beside the new certificate.
    let _lock = folder::lock(layout.root(), "passphrase")?;
    Authority::load(layout)?.certify_server(layout)?;
    print(format_args!(
        "{} is new; a running server takes it up on SIGHUP",
        layout.server_certificate().display()
    ));
    Ok(())
}

/// Seals the keys under a new passphrase, or puts them in the clear.
fn passphrase(layout: &Layout, new_descriptor: Option<u32>, remove: bool) -> Result<(), Failure> {
    let source = new_descriptor.map_or(
        Source::EnvironmentOrPrompt {
            variable: "SAMAR_NEW_PASSPHRASE",
            prompt: "New passphrase",
            twice: true,
        },
        Source::Descriptor,
    );
    let new = (!remove).then(|| Passphrase::new(source));
    match keys::protect(layout, new.as_ref())? {
        Protected::Sealed => print(format_args!(
            "{} is encrypted under the new passphrase; backups hold it as it was",
            layout.keys().display()
        )),
        Protected::Clear => print(format_args!("{} is in the clear", layout.keys().display())),
    }
    Ok(())
}

/// The arithmetic to use: the fastest here, unless SAMAR_BACKEND names another; SAMAR_REQUIRE_BACKEND makes it a failure
/// that it is not the one named there.
fn backend() -> Result<Backend, Failure> {
    Backend::choose(|name| std::env::var(name).ok()).map_err(Failure::input)
}

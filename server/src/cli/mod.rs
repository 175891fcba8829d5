//! The command line: raw arguments in, one call into the library out.

mod arguments;
mod audit;
mod ingest;
mod serve;
mod show;
mod synth;

use clap::Parser as _;
use samar_local::exit::{Exit, Failure, print};
use samar_local::folder;
use samar_local::people::thousands;
use samar_protocol::group::Backend;

use crate::enroll::{Enrolment, enroll};
use crate::init::init;
use crate::inspect::inspect;
use crate::layout::Layout;
use crate::publish::publish;
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
        Ok(Layout::new(match &arguments.dir {
            Some(dir) => dir.clone(),
            None => folder::default_folder("samar-server")?,
        }))
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
        Command::Ingest(arguments) => ingest::run(&layout()?, backend()?, arguments)?,
        Command::Publish { memory, json } => {
            let publication = publish(&layout()?, ingest::memory_bytes(memory)?)?;
            show::publication(&publication, json);
        }
        Command::Serve { json } => serve::run(&layout()?, backend()?, json)?,
        Command::Audit { command } => return audit::run(&layout()?, &command),
        Command::Inspect { file, json } => return inspect(layout().ok().as_ref(), &file, json),
        Command::Status { json } => show::status(&layout()?, json)?,
        Command::Synth { command } => synth::run(command)?,
    }
    Ok(Exit::Done)
}

/// The arithmetic to use: the fastest here, unless SAMAR_BACKEND names another; SAMAR_REQUIRE_BACKEND makes it a failure
/// that it is not the one named there.
fn backend() -> Result<Backend, Failure> {
    let variable = |name| std::env::var(name).ok();
    let (wanted, required) = (variable("SAMAR_BACKEND"), variable("SAMAR_REQUIRE_BACKEND"));
    Backend::choose(wanted.as_deref(), required.as_deref()).map_err(Failure::input)
}

//! Completions and manual pages, made of the same definition that reads the command line.

use std::io::Write as _;
use std::path::Path;

use clap::Command;
pub use clap_complete::Shell;
use clap_mangen::Man;

use crate::durable::{Mode, Unfinished};
use crate::exit::{Exit, Failure, io_failure, print};

/// Prints what a shell reads to complete this program's command line.
///
/// # Errors
/// None but of standard output.
pub fn completions(mut command: Command, shell: Shell) -> Result<Exit, Failure> {
    let name = command.get_name().to_owned();
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut command, name, &mut text);
    show(&text)
}

/// Prints the manual page of the program, or writes it and one for each command into a folder.
///
/// # Errors
/// The folder cannot be written to.
pub fn man(command: Command, folder: Option<&Path>) -> Result<Exit, Failure> {
    let Some(folder) = folder else {
        return show(&page(command)?);
    };
    let failed = |error: &std::io::Error| io_failure("write manual pages to", folder, error);
    std::fs::create_dir_all(folder).map_err(|error| failed(&error))?;
    write(command, "", folder, &|error| failed(error))
}

/// A command's page, then those of the commands under it, `samar-server-audit-verify.1`.
fn write(
    command: Command,
    above: &str,
    folder: &Path,
    failed: &dyn Fn(&std::io::Error) -> Failure,
) -> Result<Exit, Failure> {
    let name = format!("{above}{}", command.get_name());
    for under in command.get_subcommands().filter(|under| under.get_name() != "help") {
        write(under.clone(), &format!("{name}-"), folder, failed)?;
    }
    let place = folder.join(format!("{name}.1"));
    // clap keeps names for as long as the program lives; there are some dozens.
    let name: &'static str = name.leak();
    let page = page(command.name(name).disable_help_subcommand(true))?;
    let unfinished = Unfinished::create(&place, Mode::Public).map_err(|error| failed(&error))?;
    unfinished.file().write_all(&page).and_then(|()| unfinished.finish()).map_err(|error| failed(&error))?;
    Ok(Exit::Done)
}

fn page(command: Command) -> Result<Vec<u8>, Failure> {
    let mut text = Vec::new();
    Man::new(command).render(&mut text).map_err(Failure::local)?;
    Ok(text)
}

fn show(text: &[u8]) -> Result<Exit, Failure> {
    print(format_args!("{}", String::from_utf8_lossy(text).trim_end()));
    Ok(Exit::Done)
}

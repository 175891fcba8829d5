//! How a program ends: one table of exit codes, one form of error message.

use std::fmt::Display;
use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

use crate::contained::is_contained;
use crate::people::folded;

/// Exit codes of both programs. Scripts depend on them; README lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done; for `screen` and `check`: nothing exposed.
    Done = 0,
    /// `screen` and `check` only: done, something exposed.
    Exposed = 1,
    /// Usage, configuration or input.
    Input = 2,
    /// The server refused.
    Refused = 3,
    /// The network, or nobody there.
    Network = 4,
    /// A peer misbehaved: nothing was written.
    Peer = 5,
    /// This machine: disk, permission, port, lock, damaged state.
    Local = 6,
    /// A bug of ours.
    Bug = 70,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a program stopped: whose fault, what happened where, and what helps. It never holds an identifier.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    exit: Exit,
    message: String,
    remedy: Option<String>,
}

impl Failure {
    /// A failure of this kind.
    pub fn new(exit: Exit, message: impl Display) -> Self {
        Self { exit, message: message.to_string(), remedy: None }
    }

    /// [`Exit::Input`].
    pub fn input(message: impl Display) -> Self {
        Self::new(Exit::Input, message)
    }

    /// [`Exit::Network`].
    pub fn network(message: impl Display) -> Self {
        Self::new(Exit::Network, message)
    }

    /// [`Exit::Peer`].
    pub fn peer(message: impl Display) -> Self {
        Self::new(Exit::Peer, message)
    }

    /// [`Exit::Local`].
    pub fn local(message: impl Display) -> Self {
        Self::new(Exit::Local, message)
    }

    /// Adds what the user can do about it.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Display) -> Self {
        self.remedy = Some(remedy.to_string());
        self
    }

    /// How the program ends.
    #[must_use]
    pub fn exit(&self) -> Exit {
        self.exit
    }
}

/// A failure to read or write `path`: [`Exit::Input`] where the user named something that is not there, else
/// [`Exit::Local`].
pub fn io_failure(doing: &str, path: &std::path::Path, error: &std::io::Error) -> Failure {
    use std::io::ErrorKind;
    let failure = Failure::local(format!("cannot {doing} {}: {error}", path.display()));
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            failure.remedy("free some space; nothing was left half-written")
        }
        ErrorKind::PermissionDenied => {
            failure.remedy("run as the user who owns the folder, or mend its mode")
        }
        ErrorKind::NotFound => Failure::input(format!("{} does not exist", path.display())),
        ErrorKind::IsADirectory => Failure::input(format!("{} is a folder, not a file", path.display())),
        _ => failure,
    }
}

/// Runs a program's body and ends as it says: a failure on standard error, a panic as [`Exit::Bug`] wherever it
/// happened.
pub fn run(program: &'static str, body: impl FnOnce() -> Result<Exit, Failure>) -> ExitCode {
    std::panic::set_hook(Box::new(move |panic| {
        if is_contained() {
            return;
        }
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        // The payload is left out: it could quote the data it tripped over.
        say(format_args!("{program}: a bug at {place}; please report it with what you ran"));
        std::process::exit(Exit::Bug as i32);
    }));
    match body() {
        Ok(exit) => exit.into(),
        Err(failure) => {
            say(format_args!("{program}: {}", failure.message));
            if let Some(remedy) = &failure.remedy {
                say(format_args!("  try: {remedy}"));
            }
            failure.exit.into()
        }
    }
}

/// One line on standard error; a closed one is nothing to fail over. On a terminal it is broken at 80 columns; elsewhere it stays one
/// line, so that a log can be searched.
pub fn say(line: std::fmt::Arguments<'_>) {
    let mut err = std::io::stderr().lock();
    let _ = match err.is_terminal() {
        true => writeln!(err, "{}", folded(&line.to_string(), 4)),
        false => writeln!(err, "{line}"),
    };
}

/// One line on standard output. A closed pipe ends the program quietly, as it does other tools.
pub fn print(line: std::fmt::Arguments<'_>) {
    if writeln!(std::io::stdout().lock(), "{line}").is_err() {
        std::process::exit(Exit::Local as i32);
    }
}

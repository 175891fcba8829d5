//! `inspect` of the files that this program alone writes. What both sides hold is shown by `samar-inspect`.

mod account;
mod checkpoint;
mod key;
mod settings;
mod table;
mod vault;

use std::path::Path;

use samar_inspect::{Kind, Program, Report, Source};
use samar_local::exit::{Exit, Failure};

use crate::keys;
use crate::layout::Layout;

/// Shows the file at `path`. The folder lends its publisher's key, where it has one.
///
/// # Errors
/// As [`samar_inspect::run`].
pub(crate) fn inspect(layout: Option<&Layout>, path: &Path, json: bool) -> Result<Exit, Failure> {
    let publisher = layout.and_then(|layout| keys::publisher_public(layout).ok());
    let publishers = publisher.into_iter().collect();
    samar_inspect::run(&Program { name: "samar-server", publishers, own: &decode }, path, json)
}

fn decode(kind: Kind, source: &Source) -> Option<Result<Report, Failure>> {
    Some(match kind {
        Kind::ServerConfig => settings::config(source),
        Kind::About => settings::about(source),
        Kind::Made => settings::made(source),
        Kind::Enrolment => settings::enrolment(source),
        Kind::KeyFile => key::decode(source),
        Kind::Vault => vault::decode(source),
        Kind::AccountLog => account::decode(source),
        Kind::Checkpoint => checkpoint::decode(source),
        Kind::Rejects => table::rejects(source),
        Kind::MadeUp => table::made_up(source),
        Kind::Run => table::run(source),
        _ => return None,
    })
}

//! `inspect` of the files that this program alone writes. What both sides hold is shown by `samar-inspect`.

mod ledger;
mod screening;
mod settings;

use std::path::Path;

use samar_inspect::{Kind, Program, Report, Source};
use samar_local::exit::{Exit, Failure};

use crate::config::{Config, Home};
use crate::seen::Seen;

/// Shows the file at `path`. The folder lends its publisher's keys, where it was joined: that of the invitation and, after
/// a rollover, the newest.
///
/// # Errors
/// As [`samar_inspect::run`].
pub(crate) fn inspect(home: &Home, path: &Path, json: bool) -> Result<Exit, Failure> {
    let pinned = Config::load(home).ok().map(|config| config.publisher_key);
    let newest = Seen::load(home).ok().flatten().map(|seen| seen.publisher_key);
    let publishers = pinned.into_iter().chain(newest).collect();
    samar_inspect::run(
        &Program { name: "samar", publishers, own: &|kind, source| decode(kind, source, path) },
        path,
        json,
    )
}

fn decode(kind: Kind, source: &Source, path: &Path) -> Option<Result<Report, Failure>> {
    Some(match kind {
        Kind::BankConfig => settings::config(source),
        Kind::Seen => settings::seen(source),
        Kind::Ledger => ledger::decode(source, path),
        Kind::Screening => screening::report(source),
        Kind::ScreeningSummary => screening::summary(source),
        _ => return None,
    })
}
